//! `POST /bookings`.

pub(super) mod others;

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{BOOKING_TOKEN, BookingData, token, token_hash};
use crate::api::ApiState;
use crate::api::contact::{self, ContactBody};
use crate::api::counted::Counted;
use crate::api::envelope::{Envelope, Failure, Reply};
use crate::api::error::{ApiError, ApiResult};
use crate::api::extract::Body;
use crate::api::fields::{Fields, Input};
use crate::api::idempotency::{IdempotencyHeader, made, replayed};
use crate::api::money::{self, TotalAmount};
use crate::api::people::{self, AttendeeBody};
use crate::auth::proofs::Proofs;
use crate::auth::{Caller, Right};
use crate::config::rest::{BOOKING_ITEMS_MAX, CAPACITY_MAX, NAME_CHARS_MAX};
use crate::desk::{Book, DeskError};
use crate::lang::Lang;
use crate::limits::address::Client;
use crate::schema;
use crate::ticketing::booking::{ExpectedTotal, Item, Request, Sells, Wish, attendees_of};
use crate::ticketing::payment::ProviderName;
use crate::ticketing::record::{Answers, Attendee, BookingStatus, Contact};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::Share;
use crate::ticketing::{BookingId, EventId, SeatId, TicketTypeId};

/// Either `items`, or `quantity` with or without `ticket_type_id`.
#[derive(ToSchema)]
#[schema(example = json!({"event_id": 2, "items": [{"ticket_type_id": 3, "quantity": 2}], "contact": {"email": "ada@example.org"}}))]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body; `WantedBooking` reads it")]
pub(in crate::api) enum NewBookingBody {
    Items {
        event_id: EventId,
        /// All of them or nothing.
        #[schema(min_items = 1, max_items = 100)]
        items: Vec<NewBookingItem>,
        /// The total that the buyer was shown.
        #[schema(value_type = Option<TotalAmount>)]
        expected_total: Option<TotalAmount>,
        /// With `email` a buyer without account finds the booking again.
        #[schema(value_type = Option<ContactBody>)]
        contact: Option<ContactBody>,
        /// The code that was mailed to `contact.email` (`POST /email-codes`), for ticket types with `email_required`.
        #[schema(schema_with = schema::name, required = false)]
        email_code: Option<String>,
        /// Codes of vouchers; they apply in this order.
        #[schema(schema_with = schema::vouchers, required = false)]
        vouchers: Option<Vec<String>>,
        /// Those who come, in the order of the tickets; the rest may be named later.
        #[schema(value_type = Option<Vec<AttendeeBody>>, max_items = 1000)]
        attendees: Option<Vec<AttendeeBody>>,
        /// Answers to the organizer's questions, by question: texts, numbers, true or false, lists of texts.
        #[schema(value_type = Option<Object>)]
        answers: Option<Answers>,
    },
    /// So many of one ticket type: of the cheapest one on sale where none is named, of a free one only where all are
    /// free.
    Quantity {
        event_id: EventId,
        #[schema(schema_with = schema::quantity)]
        quantity: i64,
        ticket_type_id: Option<TicketTypeId>,
        /// The total that the buyer was shown.
        #[schema(value_type = Option<TotalAmount>)]
        expected_total: Option<TotalAmount>,
        /// With `email` a buyer without account finds the booking again.
        #[schema(value_type = Option<ContactBody>)]
        contact: Option<ContactBody>,
        /// The code that was mailed to `contact.email` (`POST /email-codes`), for ticket types with `email_required`.
        #[schema(schema_with = schema::name, required = false)]
        email_code: Option<String>,
        /// Codes of vouchers; they apply in this order.
        #[schema(schema_with = schema::vouchers, required = false)]
        vouchers: Option<Vec<String>>,
        /// Those who come, in the order of the tickets; the rest may be named later.
        #[schema(value_type = Option<Vec<AttendeeBody>>, max_items = 1000)]
        attendees: Option<Vec<AttendeeBody>>,
        /// Answers to the organizer's questions, by question: texts, numbers, true or false, lists of texts.
        #[schema(value_type = Option<Object>)]
        answers: Option<Answers>,
    },
}

#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body; `ItemInput` reads it")]
pub(in crate::api) enum NewBookingItem {
    /// Exactly this seat.
    Seat {
        seat_id: SeatId,
        #[schema(schema_with = schema::one, required = false)]
        quantity: Option<i64>,
    },
    /// Of a ticket type sold by the seat: that many seats side by side.
    Units {
        ticket_type_id: TicketTypeId,
        #[schema(schema_with = schema::quantity)]
        quantity: i64,
        /// Seats side by side; refused for a ticket type without seats.
        best_available: Option<bool>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::api) struct WantedBooking {
    event_id: EventId,
    wish: Wish,
    expected_total: Option<ExpectedTotal>,
    contact: Option<Contact>,
    email_code: Option<String>,
    vouchers: Vec<String>,
    attendees: Vec<Attendee>,
    answers: Option<Answers>,
}

impl WantedBooking {
    pub(super) fn event_id(&self) -> EventId {
        self.event_id
    }

    /// The request as one that may be guessing codes; none, where no voucher is named.
    pub(super) async fn guess<'a>(
        &self,
        state: &'a ApiState,
        client: Client,
    ) -> ApiResult<Option<Counted<'a>>> {
        match self.vouchers.is_empty() {
            false => Counted::code(state, client).await.map(Some),
            true => Ok(None),
        }
    }

    /// The request as one that may lead to a mail; none, where it names no address.
    async fn mail<'a>(
        &self,
        state: &'a ApiState,
        caller: &Caller,
        client: Client,
    ) -> ApiResult<Option<Counted<'a>>> {
        let to = self
            .contact
            .as_ref()
            .and_then(|contact| contact.email.as_deref());
        match to {
            Some(to) => Counted::mail(state, caller, client, Some(to))
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// The question to the rules, by a buyer who may have any number of tickets.
    pub(super) fn request(
        &self,
        state: &ApiState,
        caller: &Caller,
        booking_id: BookingId,
    ) -> Request {
        Request {
            booking_id,
            buyer: caller.user_id(),
            guest: None,
            share: Share::default(),
            sells: sells(caller),
            member: matches!(caller, Caller::User { member: true, .. }),
            email_proven: email_proven(&state.proofs, self, state.desk.now()),
            wish: self.wish.clone(),
            expected_total: self.expected_total.clone(),
            vouchers: self.vouchers.clone(),
            least_charge: charges_by_card(state),
        }
    }
}

/// Whether buyers pay through a provider that charges no less than `currency::minimum_charge`.
pub(super) fn charges_by_card(state: &ApiState) -> bool {
    state.payments.providers().usual() == ProviderName::Stripe
}

impl Input for WantedBooking {
    fn read(fields: &mut Fields) -> Option<WantedBooking> {
        fields.require(&["event_id"]);
        let event_id = fields.id("event_id");
        let wish = wish(fields);
        let expected_total = expected_total(fields);
        let has_contact = fields.has("contact");
        let contact = contact::contact(fields, "contact");
        let email_code = fields.filled_text("email_code", NAME_CHARS_MAX);
        let lacks_address = match &contact {
            Some(contact) => contact.email.is_none(),
            None => !has_contact,
        };
        if email_code.is_some() && lacks_address {
            fields.refuse("contact.email", "REQUIRED", "");
        }
        let vouchers = people::vouchers(fields);
        let attendees = people::attendees(fields).unwrap_or_default();
        if let Some(wish) = &wish
            && i64::try_from(attendees.len()).is_ok_and(|named| named > wish.quantity())
        {
            fields.refuse("attendees", "TOO_MANY", wish.quantity());
        }
        let answers = people::answers(fields);
        Some(WantedBooking {
            event_id: event_id?,
            wish: wish?,
            expected_total,
            contact,
            email_code,
            vouchers,
            attendees,
            answers,
        })
    }
}

/// `items`, or `quantity` with or without `ticket_type_id`.
pub(super) fn wish(fields: &mut Fields) -> Option<Wish> {
    match (fields.has("items"), fields.has("quantity")) {
        (true, false) => items(fields).map(Wish::Items),
        (false, true) if fields.has("ticket_type_id") => {
            units(fields, false).map(|item| Wish::Items(vec![item]))
        }
        (false, true) => {
            let quantity = fields.quantity("quantity", 1..=CAPACITY_MAX);
            quantity.map(|quantity| Wish::Cheapest { quantity })
        }
        _ => {
            fields.known(&["ticket_type_id"]);
            fields.refuse("items", "ITEMS_OR_QUANTITY", "");
            None
        }
    }
}

pub(super) fn expected_total(fields: &mut Fields) -> Option<ExpectedTotal> {
    let total = money::amount_within(fields, "expected_total", 0..=i64::MAX)?;
    Some(ExpectedTotal {
        amount: total.amount,
        currency: total.currency,
    })
}

/// The organizations whose tickets the caller sells.
pub(super) fn sells(caller: &Caller) -> Sells {
    match caller.is_admin() {
        true => Sells::Everywhere,
        false => Sells::Of(caller.organizations_with(Right::Sell)),
    }
}

fn items(fields: &mut Fields) -> Option<Vec<Item>> {
    if fields
        .raw("items")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        fields.refuse("items", "EMPTY", "");
        return None;
    }
    let items: Vec<ItemInput> = fields.list("items", BOOKING_ITEMS_MAX)?;
    let items: Vec<Item> = items.into_iter().map(|item| item.0).collect();
    let mut named = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        if let Item::Seat { seat_id } = item
            && !named.insert(*seat_id)
        {
            fields.refuse(&format!("items[{index}].seat_id"), "DUPLICATE", "");
        }
    }
    Some(items)
}

struct ItemInput(Item);

impl Input for ItemInput {
    fn read(fields: &mut Fields) -> Option<ItemInput> {
        match (fields.has("seat_id"), fields.has("ticket_type_id")) {
            (true, false) => {
                // One seat is one ticket; forms that send a quantity with every item may say so.
                fields.quantity("quantity", 1..=1);
                fields.id("seat_id").map(|seat_id| Item::Seat { seat_id })
            }
            (false, true) => {
                let best_available = fields.boolean("best_available").unwrap_or(false);
                units(fields, best_available)
            }
            _ => {
                fields.known(&["quantity", "best_available"]);
                fields.refuse("seat_id", "SEAT_OR_TICKET_TYPE", "");
                None
            }
        }
        .map(ItemInput)
    }
}

fn units(fields: &mut Fields, best_available: bool) -> Option<Item> {
    fields.require(&["quantity"]);
    let quantity = fields.quantity("quantity", 1..=CAPACITY_MAX);
    let ticket_type_id = fields.id("ticket_type_id")?;
    let quantity = quantity?;
    Some(match best_available {
        true => Item::BestAvailable {
            ticket_type_id,
            quantity,
        },
        false => Item::Quantity {
            ticket_type_id,
            quantity,
        },
    })
}

/// Book tickets: held until paid, or, free of charge, sold at once
///
/// All of the items or none. A paid booking is `pending` until `expires_at`; measure the time left against
/// `server_time` (in a replay, both are those of the first answer). Send an `Idempotency-Key` (anonymous callers: at least 16 characters), and the request may
/// be sent again after any failure: it is done once. A refusal is not remembered: the same key may try again. Where
/// too little is left, `others` has the ticket types that could take the booking instead, with what is left of each.
#[utoipa::path(
    post, path = "/bookings", tag = "bookings", request_body = NewBookingBody,
    params(
        IdempotencyHeader,
    ),
    responses(
        (status = 201, description = "Booked, or booked before with the same key (`Idempotent-Replay: true`)",
            body = Envelope<BookingData>,
            headers(
                ("X-Event-Revision" = u64, description = "The event's revision, with this booking in it"),
                ("X-Booking-Token" = String, description = "Anonymous callers: what proves the booking theirs"),
            )),
        (status = 403, description = "`MEMBERSHIP_REQUIRED`, `ACCOUNT_REQUIRED`, `EMAIL_PROOF_REQUIRED`", body = Failure),
        (status = 404, description = "`EVENT_NOT_FOUND`, `TICKET_TYPE_NOT_FOUND`, `SEAT_NOT_FOUND`, `USER_NOT_FOUND`, \
            `VOUCHER_NOT_FOUND`",
            body = Failure),
        (status = 409, description = "`NOT_ENOUGH_LEFT {left, by_type}`, `SOLD_OUT {by_type}`, `TICKET_TYPE_SOLD_OUT`, \
            `EVENT_AT_CAPACITY`, `SEAT_TAKEN {seats}`, `NO_ADJACENT_SEATS {alternatives}`, `PENDING_BOOKING_EXISTS {booking_id}`, `SALES_NOT_STARTED`, \
            `SALES_CLOSED`, `PRICE_CHANGED {total}`, `VOUCHER_USED_UP`, `VOUCHER_NOT_APPLICABLE`, `VOUCHER_NOT_STARTED`, \
            `VOUCHER_ENDED`, `IDEMPOTENCY_IN_FLIGHT`", body = Failure),
        (status = 410, description = "`EVENT_CANCELLED`", body = Failure),
        (status = 422, description = "`VALIDATION_FAILED`, `LIMIT_EXCEEDED {max}`, `BELOW_MINIMUM {min}`, `NOT_SEATED`, \
            `BELOW_MINIMUM_CHARGE {minimum}`, \
            `IDEMPOTENCY_MISMATCH`", body = Failure),
        (status = 429, description = "`HOLDS_EXCEEDED {max, of}`: as many `pending_bookings` or `tickets` of this event as \
            one buyer may have; buyers without an account count together by address. `RATE_LIMITED`", body = Failure),
        (status = 503, description = "`BUSY`, `TOO_LATE`, `UNAVAILABLE`: come again after `Retry-After`, with the same key",
            body = Failure),
    )
)]
pub(in crate::api) async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    client: Client,
    headers: HeaderMap,
    body: Body<WantedBooking>,
) -> ApiResult<Reply<BookingData>> {
    let keyed = state
        .in_flight
        .begin(&headers, &caller, "POST /bookings", body.hash())?;

    let guess = body.input.guess(&state, client).await?;
    let mail = body.input.mail(&state, &caller, client).await?;
    let booking_id = BookingId(Uuid::now_v7());
    let anonymous = caller.user_id().is_none();
    let new_token = anonymous.then(|| token(&state.proofs, booking_id, keyed.given()));
    let limits = &state.config.limits;
    let guests_share = limits.guests_share().filter(|_| anonymous);
    let event_id = body.input.event_id;
    let mut request = body.input.request(&state, &caller, booking_id);
    request.guest = guests_share.map(|_| state.guests.hash(event_id, client));
    request.share = match caller.is_admin() {
        true => Share::default(),
        false => guests_share.unwrap_or_else(|| limits.accounts_share()),
    };
    let attendees = body.input.attendees;
    let wish = request.wish.clone();
    let asked = others::AskedTypes::of(&request.wish, &caller, request.email_proven);
    let outcome = state
        .desk
        .book(Book {
            event_id,
            request,
            token_hash: new_token.as_deref().map(token_hash),
            contact: body.input.contact.clone(),
            attendees: attendees.clone(),
            answers: body.input.answers,
            key: keyed.stored().cloned(),
            lang: Lang::of(&headers),
        })
        .await;
    let outcome = match outcome {
        Err(DeskError::Refused(refusal)) if refusal.is_shortage() => {
            let others = others::of(&state, &caller, event_id, &asked).await;
            return Err(ApiError::from(refusal).with("others", others));
        }
        Err(DeskError::Refused(refusal @ Refusal::VoucherNotFound { .. })) => {
            if let Some(guess) = guess {
                guess.counts();
            }
            return Err(refusal.into());
        }
        outcome => outcome?,
    };
    let (answer, again) = made(outcome)?;
    state
        .board
        .committed(answer.booking.event_id, answer.revision);

    // A replay tells of an earlier booking, and gives the token of that one.
    let token = match again {
        true => anonymous.then(|| token(&state.proofs, answer.booking.id, keyed.given())),
        false => new_token,
    };
    let is_sold = answer.booking.status == BookingStatus::Confirmed;
    if let Some(mail) = mail.filter(|_| is_sold && !again) {
        mail.counts();
    }
    let said = match is_sold {
        true => "BOOKING_CONFIRMED",
        false => "BOOKING_CREATED",
    };
    // A replay is the answer that was given then, to the letter.
    let server_time = match again {
        true => answer.booking.created_at,
        false => answer.now,
    };
    let mut data = BookingData::answered(answer.booking, server_time);
    data.token = token.clone();
    // Of a replay as well: the key belongs to this body.
    data.attendees = attendees_of(&attendees, &wish, &data.booking.items);
    data.contact = body.input.contact;
    let mut reply = Reply::created(said, data).revision(answer.revision);
    if let Some(token) = token.and_then(|token| HeaderValue::try_from(token).ok()) {
        reply = reply.header(BOOKING_TOKEN, token);
    }
    Ok(replayed(reply, again))
}

/// Whether the code is the one that was mailed to the contact's address. A wrong one is refused only where it is needed,
/// so that a booking that was made is answered again after its code has grown old.
fn email_proven(proofs: &Proofs, booking: &WantedBooking, now: Timestamp) -> bool {
    let email = booking
        .contact
        .as_ref()
        .and_then(|contact| contact.email.as_deref());
    email
        .zip(booking.email_code.as_deref())
        .is_some_and(|(email, code)| proofs.is_email_code(email, code, now))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::api::fields::read_json;

    #[test]
    fn every_form_of_a_booking_is_read() {
        let wish = |body| read_json::<WantedBooking>(body).unwrap().wish;
        let quantity = |ticket_type_id, quantity| Item::Quantity {
            ticket_type_id,
            quantity,
        };
        assert_eq!(
            wish(json!({"event_id": 1, "quantity": 2})),
            Wish::Cheapest { quantity: 2 }
        );
        assert_eq!(
            wish(json!({"event_id": 1, "ticket_type_id": 5, "quantity": 2})),
            Wish::Items(vec![quantity(TicketTypeId(5), 2)])
        );
        // People type digits of their script.
        for typed in ["3", " ۳ ", "๓"] {
            assert_eq!(
                wish(json!({"event_id": 1, "quantity": typed})),
                Wish::Cheapest { quantity: 3 }
            );
        }
        let items = json!([
            {"ticket_type_id": 5, "quantity": "٢"},
            {"seat_id": 9},
            {"ticket_type_id": 6, "quantity": 3, "best_available": true},
        ]);
        assert_eq!(
            wish(json!({"event_id": 1, "items": items})),
            Wish::Items(vec![
                quantity(TicketTypeId(5), 2),
                Item::Seat { seat_id: SeatId(9) },
                Item::BestAvailable {
                    ticket_type_id: TicketTypeId(6),
                    quantity: 3
                },
            ])
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for body in [
            json!([]),
            json!({}),
            json!({"event_id": 1}),
            json!({"event_id": 1, "quantity": 0}),
            json!({"event_id": 1, "quantity": -1}),
            json!({"event_id": 1, "quantity": 1e30}),
            json!({"event_id": 1, "quantity": 1.5}),
            json!({"event_id": 1, "quantity": "two"}),
            json!({"event_id": 0, "quantity": 1}),
            json!({"event_id": 18_446_744_073_709_551_615_u64, "quantity": 1}),
            json!({"event_id": 1, "items": []}),
            json!({"event_id": 1, "items": {}}),
            json!({"event_id": 1, "items": [{}]}),
            json!({"event_id": 1, "items": [7]}),
            json!({"event_id": 1, "items": [{"seat_id": 1, "ticket_type_id": 1}]}),
            json!({"event_id": 1, "items": [{"ticket_type_id": 1}]}),
            json!({"event_id": 1, "items": [{"seat_id": 1}], "quantity": 2}),
            json!({"event_id": 1, "items": [{"seat_id": 1}, {"seat_id": 1}]}),
            json!({"event_id": 1, "items": vec![json!({"seat_id": 1}); 101]}),
        ] {
            let error = read_json::<WantedBooking>(body.clone()).unwrap_err();
            assert_eq!(error.code(), "VALIDATION_FAILED", "{body}");
        }
    }
}
