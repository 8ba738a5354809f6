//! Schemas of what requests may hold, made from the bounds that are enforced, so that the OpenAPI document says the
//! same. A field that need not be there may be null as well (`api/openapi/complete.rs` adds that).

pub mod interaction;

use utoipa::openapi::schema::{
    Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, Type,
};

use crate::config::rest::{
    BOOKING_VOUCHERS_MAX, CAPACITY_MAX, CURSOR_CHARS_MAX, DESCRIPTION_CHARS_MAX,
    HOLD_MINUTES_DEFAULT, HOLD_MINUTES_MAX, IDEMPOTENCY_KEY_BYTES_MAX, LABEL_CHARS_MAX,
    MAX_PER_BOOKING_DEFAULT, MESSAGE_CHARS_MAX, METHOD_CHARS_MAX, NAME_CHARS_MAX,
    OFFER_MINUTES_DEFAULT, OFFER_MINUTES_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN,
    REASON_CHARS_MAX, TICKETS_PARTS_MAX, URL_CHARS_MAX, VOUCHER_CODE_CHARS_MAX,
};

/// Postgres keeps no NUL.
const TEXT: &str = r"^[^\u0000]*$";
/// Text is trimmed, and what is blank counts as empty.
const FILLED: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";
/// Begins and ends with what is not blank.
pub const TRIMMED: &str = r"^[^\s\u0000]([^\u0000]*[^\s\u0000])?$";
/// A day and time with offset, in the years that `api::fields` takes.
const TIME: &str = "^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])\
    -(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?\
    (Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
/// In ASCII. The domain may also be in letters of any script, which becomes this form.
const EMAIL: &str = "^[A-Za-z0-9!#$%&'*+\\/=?^_`{|}~-]+([.][A-Za-z0-9!#$%&'*+\\/=?^_`{|}~-]+)*\
    @([A-Za-z0-9]+(-[A-Za-z0-9]+)*[.])+[A-Za-z]{2,24}$";
/// Four to twenty digits, with the signs that people put between them.
const PHONE: &str = "^[+]?([ ().\\/-]*[0-9]){4,20}[ ().\\/-]*$";
const IMAGE_URL: &str = r"^(https?:\/\/[^\s\u0000]*|\/([^\/\s\u0000][^\s\u0000]*)?)$";
/// Printable ASCII without blanks around it.
const KEY: &str = "^[!-~]([ -~]*[!-~])?$";

pub fn text_up_to(chars_max: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(chars_max))
        .pattern(Some(TEXT))
}

pub fn filled_up_to(chars_max: usize) -> ObjectBuilder {
    text_up_to(chars_max)
        .min_length(Some(1))
        .pattern(Some(FILLED))
}

pub fn integer(min: i64, max: i64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(min as isize))
        .maximum(Some(max as isize))
}

/// A list of these texts.
pub fn list_of(item: ObjectBuilder, items_min: usize, items_max: usize) -> Array {
    ArrayBuilder::new()
        .items(item)
        .min_items(Some(items_min))
        .max_items(Some(items_max))
        .build()
}

/// A code of a voucher, as people type it.
const VOUCHER_CODE: &str = "^[A-Za-z0-9_-]*$";

/// Addresses of push services, and their keys: 65 and 16 bytes in base64url.
const PUSH_ENDPOINT: &str = r"^https:\/\/([a-z0-9-]+[.])+[a-z]{2,24}\/[A-Za-z0-9_.~:\/-]*$";
const PUSH_POINT: &str = "^B[A-Za-z0-9_-]{85}[AEIMQUYcgkosw048]$";
const PUSH_SECRET: &str = "^[A-Za-z0-9_-]{21}[AQgw]$";

/// Codes of vouchers, as a booking names them.
pub fn vouchers() -> Array {
    let code = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(VOUCHER_CODE_CHARS_MAX))
        .pattern(Some(VOUCHER_CODE));
    list_of(code, 0, BOOKING_VOUCHERS_MAX)
}

/// Address of a browser at its push service.
pub fn push_endpoint() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(URL_CHARS_MAX))
        .pattern(Some(PUSH_ENDPOINT))
        .build()
}

/// An uncompressed point of P-256.
pub fn push_point() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(PUSH_POINT))
        .build()
}

/// The secret of browser and server.
pub fn push_auth() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(PUSH_SECRET))
        .build()
}

/// An id as 36 characters.
pub fn uuid() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
        .max_length(Some(36))
}

pub fn choice<'a>(names: impl IntoIterator<Item = &'a str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .build()
}

/// Titles, names, venues.
pub fn name() -> Object {
    filled_up_to(NAME_CHARS_MAX).build()
}

pub fn category() -> Object {
    filled_up_to(NAME_CHARS_MAX).examples(["concert"]).build()
}

/// A part of a text that is looked for; empty finds everything.
pub fn search() -> Object {
    text_up_to(NAME_CHARS_MAX).build()
}

pub fn description() -> Object {
    text_up_to(DESCRIPTION_CHARS_MAX).build()
}

pub fn message() -> Object {
    filled_up_to(MESSAGE_CHARS_MAX).build()
}

pub fn reason() -> Object {
    text_up_to(REASON_CHARS_MAX).build()
}

/// Labels of rows and numbers of seats.
pub fn label() -> Object {
    filled_up_to(LABEL_CHARS_MAX).build()
}

/// As in `2031-06-01T19:30:00.123456789+02:00`.
const TIME_CHARS_MAX: usize = 35;

/// RFC 3339.
pub fn time() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(TIME_CHARS_MAX))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .pattern(Some(TIME))
        .examples(["2031-06-01T19:30:00+02:00"])
        .build()
}

pub fn timezone() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(NAME_CHARS_MAX))
        .pattern(Some("^[A-Za-z0-9_+/-]+$"))
        .examples(["Europe/Berlin"])
        .build()
}

/// As ISO 4217 has it.
pub fn currency() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[A-Z]{3}$"))
        .examples(["EUR"])
        .build()
}

pub fn city() -> Object {
    filled_up_to(NAME_CHARS_MAX).examples(["Bangkok"]).build()
}

/// As ISO 3166-1 has it.
pub fn country() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[A-Za-z]{2}$"))
        .examples(["TH"])
        .build()
}

pub fn email() -> Object {
    filled_up_to(NAME_CHARS_MAX)
        .pattern(Some(EMAIL))
        .examples(["ada@example.org"])
        .build()
}

/// A password to be set.
pub fn password() -> Object {
    text_up_to(PASSWORD_CHARS_MAX)
        .min_length(Some(PASSWORD_CHARS_MIN))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .build()
}

/// A password to be compared.
pub fn any_password() -> Object {
    text_up_to(PASSWORD_CHARS_MAX)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .build()
}

pub fn phone() -> Object {
    filled_up_to(NAME_CHARS_MAX)
        .pattern(Some(PHONE))
        .examples(["+66 81 234 5678"])
        .build()
}

pub fn image_url() -> Object {
    filled_up_to(URL_CHARS_MAX).pattern(Some(IMAGE_URL)).build()
}

/// How something is paid, as its provider names it.
pub fn method() -> Object {
    filled_up_to(METHOD_CHARS_MAX).examples(["card"]).build()
}

/// A path of this server, or an address.
pub fn return_url() -> Object {
    filled_up_to(URL_CHARS_MAX)
        .pattern(Some(IMAGE_URL))
        .examples(["/bookings"])
        .build()
}

pub fn reference() -> Object {
    filled_up_to(NAME_CHARS_MAX).examples(["BK-7F3K9Q"]).build()
}

/// Tickets of an event.
pub fn capacity() -> Object {
    integer(1, CAPACITY_MAX).build()
}

/// Tickets of a ticket type, which may have none yet.
pub fn type_capacity() -> Object {
    integer(0, CAPACITY_MAX).build()
}

/// Tickets of a booking.
pub fn quantity() -> Object {
    integer(1, CAPACITY_MAX).build()
}

/// A seat is one ticket.
pub fn one() -> Object {
    integer(1, 1).build()
}

/// A file of a booking's tickets.
pub fn tickets_part() -> Object {
    integer(1, TICKETS_PARTS_MAX)
        .default(Some(1.into()))
        .build()
}

pub fn max_per_booking() -> Object {
    integer(1, CAPACITY_MAX)
        .default(Some(MAX_PER_BOOKING_DEFAULT.into()))
        .build()
}

pub fn hold_minutes() -> Object {
    integer(1, HOLD_MINUTES_MAX)
        .default(Some(HOLD_MINUTES_DEFAULT.into()))
        .build()
}

/// How long a hold lasts, of an event that has such a time already.
pub fn other_hold_minutes() -> Object {
    integer(1, HOLD_MINUTES_MAX).build()
}

pub fn offer_minutes() -> Object {
    integer(1, OFFER_MINUTES_MAX)
        .default(Some(OFFER_MINUTES_DEFAULT.into()))
        .build()
}

/// How long an offer of the waitlist lasts, of an event that has such a time already.
pub fn other_offer_minutes() -> Object {
    integer(1, OFFER_MINUTES_MAX).build()
}

/// A revision of an event.
pub fn revision() -> Object {
    integer(0, i64::MAX).build()
}

/// A version of a seat map.
pub fn layout() -> Object {
    integer(0, i64::from(i32::MAX)).build()
}

pub fn cursor() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(CURSOR_CHARS_MAX))
        .pattern(Some("^[A-Za-z0-9_-]+$"))
        .build()
}

pub fn idempotency_key() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(IDEMPOTENCY_KEY_BYTES_MAX))
        .pattern(Some(KEY))
        .build()
}
