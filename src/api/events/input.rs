//! Bodies of requests that make and change events, checked and turned into the store's types.

use jiff::Timestamp;
use utoipa::ToSchema;

use crate::api::fields::{FieldError, Fields, Input};
use crate::api::money::{self, Amount};
use crate::api::ticket_types::TicketTypeBody;
use crate::config::rest::{
    CAPACITY_MAX, DESCRIPTION_CHARS_MAX, HOLD_MINUTES_MAX, MAX_PER_BOOKING_DEFAULT, NAME_CHARS_MAX,
    OFFER_MINUTES_DEFAULT, OFFER_MINUTES_MAX, REASON_CHARS_MAX, TICKET_TYPES_MAX,
};
use crate::schema;
use crate::store::event_edits::NewEvent;
use crate::store::events::EventInFull;
use crate::store::ticket_types::NewTicketType;
use crate::ticketing::UserId;
use crate::ticketing::currency::STEPS_MAX;
use crate::ticketing::edit::EventChange;
use crate::ticketing::live::EventStatus;

/// Why an event is cancelled; the body may be left out.
#[derive(ToSchema)]
#[schema(example = json!({"reason": "The stage is under water"}))]
pub(in crate::api) struct EventCancellation {
    /// Told to viewers, and kept with the bookings that end.
    #[schema(schema_with = schema::reason)]
    pub(super) reason: Option<String>,
}

/// An event with one price (`price`) or several (`ticket_types`).
#[derive(ToSchema)]
#[schema(example = json!({
    "title": "Open Air", "venue": "Stadtpark", "starts_at": "2031-06-01T19:30:00+02:00", "timezone": "Europe/Berlin",
    "capacity": 200, "price": {"amount": 4500, "currency": "EUR"},
}))]
pub(in crate::api) struct EventBody {
    #[schema(schema_with = schema::name)]
    title: String,
    #[schema(schema_with = schema::description, required = false)]
    description: String,
    #[schema(schema_with = schema::name)]
    venue: String,
    #[schema(schema_with = schema::category, required = false)]
    category: String,
    /// An http or https address, or a path on this server.
    #[schema(schema_with = schema::image_url)]
    image_url: Option<String>,
    /// RFC 3339 with offset, in the future. Also read from `date_time`.
    #[schema(schema_with = schema::time)]
    starts_at: Timestamp,
    /// After `starts_at`.
    #[schema(schema_with = schema::time, required = false)]
    ends_at: Option<Timestamp>,
    /// When people are let in; not after `starts_at`.
    #[schema(schema_with = schema::time, required = false)]
    doors_at: Option<Timestamp>,
    /// IANA name.
    #[schema(schema_with = schema::timezone, required = false)]
    timezone: String,
    /// ISO 3166-1, as in `TH`: whose taxes its organization has for it.
    #[schema(schema_with = schema::country, required = false)]
    country: Option<String>,
    /// Where it is, as lists are narrowed by it.
    #[schema(schema_with = schema::city, required = false)]
    city: Option<String>,
    /// How many tickets there are in all.
    #[schema(schema_with = schema::capacity)]
    capacity: i64,
    /// Of the only ticket type; a bare number is an amount in minor units of `currency`.
    #[schema(value_type = Option<Amount>)]
    price: Option<Amount>,
    /// Instead of `price`.
    #[schema(min_items = 1, max_items = 100)]
    ticket_types: Option<Vec<TicketTypeBody>>,
    /// ISO 4217; without it that of the prices, or else EUR. It stays for good.
    #[schema(schema_with = schema::currency)]
    currency: Option<String>,
    /// `draft` (only the organizer sees it) or `active` (the default).
    status: Option<EventStatus>,
    #[schema(required = false, default = false)]
    membership_required: bool,
    #[schema(schema_with = schema::max_per_booking, required = false)]
    max_per_booking: i64,
    /// How long a booking may wait for its payment. Without it as the server is set (`TICKET_PAYMENT_TIMEOUT`).
    #[schema(schema_with = schema::hold_minutes, required = false)]
    hold_minutes: Option<i64>,
    /// How long an offer of the waitlist may wait for its answer.
    #[schema(schema_with = schema::offer_minutes, required = false)]
    offer_minutes: i64,
    /// The organizer of the event; only admins may name another than themselves.
    organizer_id: Option<UserId>,
}

/// Changes of an event; fields that are left out stay as they are.
#[derive(ToSchema)]
#[schema(example = json!({"description": "Doors open at six.", "hold_minutes": 20}))]
pub(in crate::api) struct EventPatch {
    #[schema(schema_with = schema::name)]
    title: Option<String>,
    #[schema(schema_with = schema::description)]
    description: Option<String>,
    #[schema(schema_with = schema::name)]
    venue: Option<String>,
    #[schema(schema_with = schema::category)]
    category: Option<String>,
    /// `null` removes it.
    #[schema(schema_with = schema::image_url, required = false)]
    image_url: Option<Option<String>>,
    /// RFC 3339 with offset. Also read from `date_time`.
    #[schema(schema_with = schema::time, required = false)]
    starts_at: Option<Timestamp>,
    /// After `starts_at`; `null` removes it.
    #[schema(schema_with = schema::time, required = false)]
    ends_at: Option<Option<Timestamp>>,
    /// Not after `starts_at`; `null` removes it.
    #[schema(schema_with = schema::time, required = false)]
    doors_at: Option<Option<Timestamp>>,
    #[schema(schema_with = schema::timezone)]
    timezone: Option<String>,
    /// ISO 3166-1, as in `TH`: whose taxes its organization has for it; `null` removes it.
    #[schema(schema_with = schema::country, required = false)]
    country: Option<Option<String>>,
    /// `null` removes it.
    #[schema(schema_with = schema::city, required = false)]
    city: Option<Option<String>>,
    /// Not below what is sold and held, nor below the seats of its map. If the event has one ticket type, whose capacity was the
    /// event's, it follows.
    #[schema(schema_with = schema::capacity)]
    capacity: Option<i64>,
    /// The price of the only ticket type; refused for an event with several.
    #[schema(value_type = Amount, required = false)]
    price: Option<Amount>,
    /// `draft` → `active` ↔ `paused` → `completed` or `cancelled`.
    #[schema(value_type = EventStatus, required = false)]
    status: Option<EventStatus>,
    #[schema(value_type = bool, required = false)]
    membership_required: Option<bool>,
    #[schema(schema_with = schema::quantity)]
    max_per_booking: Option<i64>,
    #[schema(schema_with = schema::other_hold_minutes)]
    hold_minutes: Option<i64>,
    #[schema(schema_with = schema::other_offer_minutes)]
    offer_minutes: Option<i64>,
}

/// Members of a body that a change of an event leaves as they are: refused where they name something else, since to
/// drop them would be to do something else than the caller said.
#[derive(Default)]
pub(super) struct Kept {
    price: Option<Amount>,
    currency: Option<String>,
    organizer_id: Option<UserId>,
    ticket_types: Option<Vec<NewTicketType>>,
}

impl Kept {
    /// Whether the event has to be asked before it is known that nothing contradicts it.
    pub(super) fn is_asked(&self) -> bool {
        let price = self.price.as_ref();
        price.is_some_and(|price| price.currency.is_some() || price.amount % STEPS_MAX != 0)
            || self.currency.is_some()
            || self.organizer_id.is_some()
            || self.ticket_types.is_some()
    }

    pub(super) fn contradictions(&self, event: &EventInFull) -> Vec<FieldError> {
        let info = &event.row.event;
        let price = self.price.as_ref();
        let is_other_price = price.is_some_and(|price| price.is_other(&info.currency));
        let is_other_currency = self.currency.as_ref().is_some_and(|c| *c != info.currency);
        let is_other_organizer = self.organizer_id.is_some_and(|id| id != info.organizer_id);
        let is_other_types = self
            .ticket_types
            .as_ref()
            .is_some_and(|t| !are_types_of(t, event));
        let wrong = [
            (is_other_price, "price", "OTHER_CURRENCY"),
            (is_other_currency, "currency", "OTHER_CURRENCY"),
            (is_other_organizer, "organizer_id", "STAYS"),
            (is_other_types, "ticket_types", "TICKET_TYPES_APART"),
        ];
        let wrong = wrong.into_iter().filter(|(is_wrong, ..)| *is_wrong);
        let mut wrong: Vec<FieldError> = wrong
            .map(|(_, field, code)| FieldError::new(field, code, ""))
            .collect();
        wrong.extend(price.and_then(|p| money::off_step("price", p.amount, &info.currency)));
        wrong
    }
}

/// Whether these are the event's ticket types as they are, in whatever order.
fn are_types_of(named: &[NewTicketType], event: &EventInFull) -> bool {
    let time = |at: &Option<String>| at.as_ref().and_then(|at| at.parse().ok());
    let own = event.row.ticket_types.iter().map(|own| {
        let terms = event.terms.iter().find(|terms| terms.id == own.id);
        NewTicketType {
            name: own.name.clone(),
            price: own.price,
            capacity: own.capacity,
            sort: 0,
            sale_from: time(&own.sale_from),
            sale_to: time(&own.sale_to),
            min_per_booking: terms.map_or(1, |terms| terms.min_per_booking),
            max_per_booking: terms.and_then(|terms| terms.max_per_booking),
            max_per_user: terms.and_then(|terms| terms.max_per_user),
            hidden: own.hidden,
            members_only: own.members_only,
            account_required: own.account_required,
            email_required: own.email_required,
        }
    });
    let mut own: Vec<NewTicketType> = own.collect();
    let all_known = named.iter().all(|named| {
        let named = NewTicketType {
            sort: 0,
            ..named.clone()
        };
        let place = own.iter().position(|own| *own == named);
        place.map(|place| own.swap_remove(place)).is_some()
    });
    all_known && own.is_empty()
}

/// Of ISO 3166-1 alpha-2.
const COUNTRY_LETTERS: usize = 2;
const CURRENCY_DEFAULT: &str = "EUR";
const CATEGORY_DEFAULT: &str = "general";
/// The name of the ticket type of an event that has one price.
const ONLY_TYPE_NAME: &str = "General admission";

const STATUSES: [(&str, EventStatus); 5] = [
    ("draft", EventStatus::Draft),
    ("active", EventStatus::Active),
    ("paused", EventStatus::Paused),
    ("cancelled", EventStatus::Cancelled),
    ("completed", EventStatus::Completed),
];

/// A country code of two letters, in either case.
pub(in crate::api) fn country(fields: &mut Fields, name: &str) -> Option<String> {
    let code = fields.filled_text(name, NAME_CHARS_MAX)?;
    let is_code =
        code.len() == COUNTRY_LETTERS && code.bytes().all(|sign| sign.is_ascii_alphabetic());
    if !is_code {
        fields.refuse(name, "NOT_A_COUNTRY", "");
        return None;
    }
    Some(code.to_ascii_uppercase())
}

impl Input for EventPatch {
    const IS_CHANGE: bool = true;

    fn read(fields: &mut Fields) -> Option<EventPatch> {
        fields.alias("date_time", "starts_at");
        let starts_at = fields.time("starts_at");
        let [ends_at, doors_at] = ["ends_at", "doors_at"].map(|name| match fields.is_null(name) {
            true => Some(None),
            false => fields.time(name).map(Some),
        });
        let is = |at: Option<Option<Timestamp>>, wrong: fn(Timestamp, Timestamp) -> bool| {
            let at = at.flatten().zip(starts_at);
            at.is_some_and(|(at, starts_at)| wrong(at, starts_at))
        };
        if is(ends_at, |ends_at, starts_at| ends_at <= starts_at) {
            fields.refuse("ends_at", "NOT_AFTER_STARTS_AT", "");
        }
        if is(doors_at, |doors_at, starts_at| doors_at > starts_at) {
            fields.refuse("doors_at", "AFTER_STARTS_AT", "");
        }
        Some(EventPatch {
            title: fields.filled_text("title", NAME_CHARS_MAX),
            description: match fields.is_null("description") {
                true => Some(String::new()),
                false => fields.text("description", DESCRIPTION_CHARS_MAX),
            },
            venue: fields.filled_text("venue", NAME_CHARS_MAX),
            category: fields.filled_text("category", NAME_CHARS_MAX),
            image_url: match fields.is_null("image_url") {
                true => Some(None),
                false => fields.url("image_url").map(Some),
            },
            starts_at,
            ends_at,
            doors_at,
            timezone: timezone(fields),
            country: match fields.is_null("country") {
                true => Some(None),
                false => country(fields, "country").map(Some),
            },
            city: match fields.is_null("city") {
                true => Some(None),
                false => fields.filled_text("city", NAME_CHARS_MAX).map(Some),
            },
            capacity: fields.integer("capacity", 1..=CAPACITY_MAX),
            price: money::amount(fields, "price"),
            status: fields.choice("status", &STATUSES),
            membership_required: fields.boolean("membership_required"),
            max_per_booking: fields.integer("max_per_booking", 1..=CAPACITY_MAX),
            hold_minutes: fields.integer("hold_minutes", 1..=HOLD_MINUTES_MAX),
            offer_minutes: fields.integer("offer_minutes", 1..=OFFER_MINUTES_MAX),
        })
    }
}

impl Input for EventBody {
    fn read(fields: &mut Fields) -> Option<EventBody> {
        fields.alias("date_time", "starts_at");
        fields.require(&["title", "venue", "starts_at", "capacity"]);
        let read = EventPatch::read(fields)?;
        let ticket_types = fields.list("ticket_types", TICKET_TYPES_MAX);
        if ticket_types.as_ref().is_some_and(Vec::is_empty) {
            fields.refuse("ticket_types", "EMPTY", "");
        }
        let currency = money::currency(fields, "currency");
        let organizer_id = fields.id("organizer_id");
        Some(EventBody {
            title: read.title?,
            description: read.description.unwrap_or_default(),
            venue: read.venue?,
            category: read.category.unwrap_or_else(|| CATEGORY_DEFAULT.to_owned()),
            image_url: read.image_url.flatten(),
            starts_at: read.starts_at?,
            ends_at: read.ends_at.flatten(),
            doors_at: read.doors_at.flatten(),
            timezone: read.timezone.unwrap_or_else(|| "UTC".to_owned()),
            country: read.country.flatten(),
            city: read.city.flatten(),
            capacity: read.capacity?,
            price: read.price,
            ticket_types,
            currency,
            status: read.status,
            membership_required: read.membership_required.unwrap_or(false),
            max_per_booking: read.max_per_booking.unwrap_or(MAX_PER_BOOKING_DEFAULT),
            hold_minutes: read.hold_minutes,
            offer_minutes: read.offer_minutes.unwrap_or(OFFER_MINUTES_DEFAULT),
            organizer_id,
        })
    }
}

/// A new event with its prices, on sale or a draft.
pub(in crate::api) struct EventCreation(EventBody);

impl Input for EventCreation {
    fn read(fields: &mut Fields) -> Option<EventCreation> {
        match (fields.has("price"), fields.has("ticket_types")) {
            (false, false) => fields.refuse("price", "REQUIRED", ""),
            (true, true) => fields.refuse("price", "PRICE_AND_TICKET_TYPES", ""),
            _ => {}
        }
        let body = EventBody::read(fields)?;
        let begins = [EventStatus::Draft, EventStatus::Active];
        if body.status.is_some_and(|status| !begins.contains(&status)) {
            fields.refuse("status", "NOT_A_CHOICE", "draft, active");
        }
        let currency = body.currency();
        if body
            .price
            .as_ref()
            .is_some_and(|price| price.is_other(&currency))
        {
            fields.refuse("price", "OTHER_CURRENCY", "");
        }
        let mut fit = |field: &str, price: &Amount| {
            if let Some(error) = money::off_step(field, price.amount, &currency) {
                fields.refuse(field, error.code, error.bound);
            }
        };
        body.price.iter().for_each(|price| fit("price", price));
        for (index, body) in body.ticket_types.iter().flatten().enumerate() {
            fit(&format!("ticket_types[{index}].price"), body.price());
        }
        for (index, body) in body.ticket_types.iter().flatten().enumerate() {
            if body.price().is_other(&currency) {
                fields.refuse(
                    &format!("ticket_types[{index}].price"),
                    "OTHER_CURRENCY",
                    "",
                );
            }
        }
        Some(EventCreation(body))
    }
}

impl EventBody {
    /// The named currency, or that of the prices.
    fn currency(&self) -> String {
        let types = self.ticket_types.iter().flatten();
        let prices = self.price.iter().chain(types.map(TicketTypeBody::price));
        let of_prices = prices.filter_map(|price| price.currency.clone()).next();
        let said = self.currency.clone().or(of_prices);
        said.unwrap_or_else(|| CURRENCY_DEFAULT.to_owned())
    }

    pub(super) fn kept(&self) -> Kept {
        let types = self.ticket_types.clone().map(|types| {
            let types = types.into_iter().map(|body| body.into_type(0));
            types.collect()
        });
        Kept {
            price: self.price.clone(),
            currency: self.currency.clone(),
            organizer_id: self.organizer_id,
            ticket_types: types,
        }
    }

    /// As a change of an existing event: fields that are left out get the defaults of a new event, but currency, status
    /// and ticket types stay. `hold_minutes`: how long a hold lasts where the body does not say.
    pub(in crate::api) fn into_change(self, hold_minutes: i64) -> EventChange {
        EventChange {
            title: Some(self.title),
            description: Some(self.description),
            venue: Some(self.venue),
            category: Some(self.category),
            image_url: Some(self.image_url),
            starts_at: Some(self.starts_at),
            ends_at: Some(self.ends_at),
            doors_at: Some(self.doors_at),
            timezone: Some(self.timezone),
            country: Some(self.country),
            city: Some(self.city),
            status: self.status,
            cancel_reason: None,
            capacity: Some(self.capacity),
            price: self.price.map(|price| price.amount),
            membership_required: Some(self.membership_required),
            max_per_booking: Some(self.max_per_booking),
            hold_minutes: self.hold_minutes.or(Some(hold_minutes)),
            offer_minutes: Some(self.offer_minutes),
        }
    }
}

impl Input for EventCancellation {
    fn read(fields: &mut Fields) -> Option<EventCancellation> {
        let reason = fields.text("reason", REASON_CHARS_MAX);
        Some(EventCancellation {
            reason: reason.filter(|reason| !reason.trim().is_empty()),
        })
    }
}

impl EventPatch {
    pub(super) fn kept(&self) -> Kept {
        Kept {
            price: self.price.clone(),
            ..Kept::default()
        }
    }

    pub(in crate::api) fn into_change(self) -> EventChange {
        EventChange {
            title: self.title,
            description: self.description,
            venue: self.venue,
            category: self.category,
            image_url: self.image_url,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            doors_at: self.doors_at,
            timezone: self.timezone,
            country: self.country,
            city: self.city,
            status: self.status,
            cancel_reason: None,
            capacity: self.capacity,
            price: self.price.map(|price| price.amount),
            membership_required: self.membership_required,
            max_per_booking: self.max_per_booking,
            hold_minutes: self.hold_minutes,
            offer_minutes: self.offer_minutes,
        }
    }
}

impl EventCreation {
    /// The organizer that the body names.
    pub(in crate::api) fn organizer_id(&self) -> Option<UserId> {
        self.0.organizer_id
    }

    pub(in crate::api) fn into_event(self, organizer_id: UserId, hold_minutes: i64) -> NewEvent {
        let currency = self.0.currency();
        let body = self.0;
        let ticket_types = match (body.ticket_types, body.price) {
            (Some(types), _) => types
                .into_iter()
                .enumerate()
                .map(|(place, body)| body.into_type(place as i64))
                .collect(),
            (None, price) => vec![only_type(price, body.capacity)],
        };
        NewEvent {
            organizer_id,
            title: body.title,
            description: body.description,
            venue: body.venue,
            category: body.category,
            image_url: body.image_url,
            starts_at: body.starts_at,
            ends_at: body.ends_at,
            doors_at: body.doors_at,
            timezone: body.timezone,
            country: body.country,
            city: body.city,
            currency,
            capacity: body.capacity,
            status: body.status.unwrap_or(EventStatus::Active),
            membership_required: body.membership_required,
            max_per_booking: body.max_per_booking,
            hold_minutes: body.hold_minutes.unwrap_or(hold_minutes),
            offer_minutes: body.offer_minutes,
            ticket_types,
        }
    }
}

fn only_type(price: Option<Amount>, capacity: i64) -> NewTicketType {
    NewTicketType {
        name: ONLY_TYPE_NAME.to_owned(),
        price: price.map_or(0, |price| price.amount),
        capacity,
        sort: 0,
        sale_from: None,
        sale_to: None,
        min_per_booking: 1,
        max_per_booking: None,
        max_per_user: None,
        hidden: false,
        members_only: false,
        account_required: false,
        email_required: false,
    }
}

/// Areas of the IANA time zone database.
const ZONE_AREAS: [&str; 16] = [
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Brazil",
    "Canada",
    "Chile",
    "Etc",
    "Europe",
    "Indian",
    "Mexico",
    "Pacific",
    "US",
];
/// Its names without an area. Beside them a machine's directory has names that mean something else on every
/// machine (`localtime`, `posixrules`) or nothing (`Factory`), which no browser knows.
const ZONES_WITHOUT_AREA: [&str; 43] = [
    "CET",
    "CST6CDT",
    "Cuba",
    "EET",
    "EST",
    "EST5EDT",
    "Egypt",
    "Eire",
    "GB",
    "GB-Eire",
    "GMT",
    "GMT+0",
    "GMT-0",
    "GMT0",
    "Greenwich",
    "HST",
    "Hongkong",
    "Iceland",
    "Iran",
    "Israel",
    "Jamaica",
    "Japan",
    "Kwajalein",
    "Libya",
    "MET",
    "MST",
    "MST7MDT",
    "NZ",
    "NZ-CHAT",
    "Navajo",
    "PRC",
    "PST8PDT",
    "Poland",
    "Portugal",
    "ROC",
    "ROK",
    "Singapore",
    "Turkey",
    "UCT",
    "UTC",
    "Universal",
    "WET",
    "Zulu",
];

/// A name of the IANA time zone database; where this machine has none, whatever looks like one.
fn timezone(fields: &mut Fields) -> Option<String> {
    let name = fields.filled_text("timezone", NAME_CHARS_MAX)?;
    let zones = jiff::tz::db();
    let plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '/' | '_' | '-' | '+');
    // As the database spells it: browsers are less forgiving than it is.
    let spelt = match zones.is_definitively_empty() {
        true => Some(name.clone()),
        false => zones
            .get(&name)
            .ok()
            .and_then(|zone| zone.iana_name().map(str::to_owned)),
    };
    let spelt = spelt.filter(|name| name.chars().all(plain) && is_iana(name));
    if spelt.is_none() {
        fields.refuse("timezone", "NOT_A_TIMEZONE", "");
    }
    spelt
}

fn is_iana(name: &str) -> bool {
    match name.split_once('/') {
        Some((area, _)) => ZONE_AREAS.contains(&area),
        None => ZONES_WITHOUT_AREA.contains(&name),
    }
}
