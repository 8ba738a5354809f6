//! Rows that the desk writes, by table and column: each column is sent as one array.

use jiff::Timestamp;
use tokio_postgres::types::{Json, ToSql};

use super::{ChangedBooking, ChangedSeats, NewBooking, Writes};
use crate::lang::Lang;
use crate::store::StoreError;
use crate::store::idempotency;
use crate::store::jobs::{QueuedJob, millis};
use crate::ticketing::price::LineKind;
use crate::ticketing::record::{Answers, BookingKind, BookingLine, BookingStatus};
use crate::ticketing::stock::ClaimState;
use crate::ticketing::transition::KeptPlace;
use crate::ticketing::{
    BookingId, ClaimId, EventId, PaymentId, SeatId, TicketTypeId, UserId, VoucherId,
};

/// HTTP status of the answer that is stored under a key.
const CREATED: i32 = 201;

/// Columns of changed bookings.
#[derive(Default)]
pub(super) struct ChangeRows<'a> {
    pub(super) ids: Vec<BookingId>,
    pub(super) was: Vec<&'a str>,
    pub(super) statuses: Vec<&'a str>,
    pub(super) reasons: Vec<Option<&'a str>>,
    pub(super) confirmed_at: Vec<Option<Timestamp>>,
    pub(super) paid_by: Vec<Option<&'a str>>,
    pub(super) payments: Vec<Option<PaymentId>>,
    /// Attempts to which these changes sell.
    pub(super) sold_to: Vec<PaymentId>,
    pub(super) deadlines: Vec<Option<Timestamp>>,
    pub(super) extended_at: Vec<Option<Timestamp>>,
    pub(super) processing_since: Vec<Option<Timestamp>>,
    pub(super) kinds: Vec<Option<&'a str>>,
    pub(super) booked: Vec<Option<i32>>,
    pub(super) totals: Vec<Option<i64>>,
    pub(super) absorbed: Vec<Option<i64>>,
    pub(super) swapped: Vec<BookingId>,
    pub(super) items: Items<'a>,
    pub(super) kept: KeptNames,
    pub(super) claims: Vec<ClaimId>,
    pub(super) states: Vec<&'a str>,
    pub(super) quantities: Vec<i32>,
    /// Bookings whose dead claims are not what they had at their end.
    pub(super) forgetting: Vec<BookingId>,
    pub(super) void: Vec<&'a str>,
}

impl<'a> ChangeRows<'a> {
    pub(super) fn of(changed: &'a [ChangedBooking]) -> Result<ChangeRows<'a>, StoreError> {
        let mut columns = ChangeRows::default();
        for one in changed {
            columns.ids.push(one.id);
            columns.was.push(one.from.as_str());
            columns.statuses.push(one.to.as_str());
            columns.reasons.push(one.cancel_reason.as_deref());
            columns.confirmed_at.push(one.confirmed_at);
            columns.paid_by.push(one.paid_by.map(|by| by.as_str()));
            columns.payments.push(one.payment_id);
            columns.sold_to.extend(one.sold_to);
            columns.deadlines.push(one.expires_at);
            columns.extended_at.push(one.extended_at);
            columns.processing_since.push(one.processing_since);
            columns.kinds.push(one.kind.map(BookingKind::as_str));
            let contents = one.contents.as_ref();
            let quantity = contents.map(|contents| small(contents.quantity));
            columns.booked.push(quantity.transpose()?);
            let total = contents.map(|contents| contents.total_amount);
            columns.totals.push(total);
            let absorbed = contents.and_then(|contents| contents.absorbed_fee_amount);
            columns.absorbed.push(absorbed);
            if let Some(contents) = contents {
                columns.swapped.push(one.id);
                columns.items.add(one.id, &contents.lines)?;
                columns.kept.add(one.id, &contents.kept);
            }
            let gives_up = contents.is_some() && one.claims.iter().any(|claim| claim.is.is_none());
            let comes_back = one.from == BookingStatus::Expired;
            if gives_up || comes_back {
                columns.forgetting.push(one.id);
            }
            for claim in &one.claims {
                columns.claims.push(claim.was.id);
                let state = claim.is.map(|is| state_name(is.state));
                columns.states.push(state.unwrap_or("dead"));
                let quantity = claim.is.unwrap_or(claim.was).quantity;
                columns.quantities.push(small(quantity)?);
            }
            columns.void.extend(one.void.iter().map(String::as_str));
        }
        Ok(columns)
    }

    pub(super) fn bookings<'b>(
        &'b self,
        in_time: &'b Option<Timestamp>,
    ) -> [&'b (dyn ToSql + Sync); 15] {
        [
            in_time,
            &self.ids,
            &self.was,
            &self.statuses,
            &self.reasons,
            &self.confirmed_at,
            &self.paid_by,
            &self.payments,
            &self.deadlines,
            &self.extended_at,
            &self.processing_since,
            &self.kinds,
            &self.booked,
            &self.totals,
            &self.absorbed,
        ]
    }
}

/// Columns of the names that stay with tickets of swapped bookings.
#[derive(Default)]
pub(super) struct KeptNames {
    pub(super) bookings: Vec<BookingId>,
    pub(super) was: Vec<i32>,
    pub(super) is: Vec<i32>,
}

impl KeptNames {
    fn add(&mut self, booking: BookingId, kept: &[KeptPlace]) {
        self.bookings.extend(kept.iter().map(|_| booking));
        self.was.extend(kept.iter().map(|place| place.was));
        self.is.extend(kept.iter().map(|place| place.is));
    }
}

fn state_name(state: ClaimState) -> &'static str {
    match state {
        ClaimState::Held => "held",
        ClaimState::Sold => "sold",
    }
}

/// Columns of jobs.
#[derive(Default)]
pub(super) struct JobRows<'a> {
    pub(super) kinds: Vec<&'a str>,
    pub(super) keys: Vec<&'a str>,
    pub(super) payloads: Vec<Json<&'a serde_json::Value>>,
    pub(super) worth_ms: Vec<f64>,
}

impl<'a> JobRows<'a> {
    pub(super) fn of(jobs: &'a [QueuedJob]) -> JobRows<'a> {
        let mut columns = JobRows::default();
        for job in jobs {
            columns.kinds.push(job.kind);
            columns.keys.push(&job.key);
            columns.payloads.push(Json(&job.payload));
            columns.worth_ms.push(millis(job.worth) as f64);
        }
        columns
    }

    pub(super) fn columns(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.kinds, &self.keys, &self.payloads, &self.worth_ms]
    }
}

/// Columns of tickets: of new bookings that are confirmed at once, and of those that are confirmed now.
#[derive(Default)]
pub(super) struct NewTickets<'a> {
    pub(super) events: Vec<EventId>,
    pub(super) bookings: Vec<BookingId>,
    pub(super) types: Vec<TicketTypeId>,
    pub(super) seats: Vec<Option<SeatId>>,
    pub(super) codes: Vec<&'a str>,
}

impl<'a> NewTickets<'a> {
    pub(super) fn of(writes: &'a Writes) -> Result<NewTickets<'a>, StoreError> {
        let mut columns = NewTickets::default();
        let new = writes.new.iter().map(|new| &new.booking);
        let new = new.map(|booking| (booking.event_id, booking.id, &booking.tickets));
        let changed = writes.changed.iter();
        let changed = changed.map(|one| (one.event_id, one.id, &one.new_tickets));
        for (event, booking, tickets) in new.chain(changed) {
            for ticket in tickets {
                columns.events.push(event);
                columns.bookings.push(booking);
                columns.types.push(ticket.ticket_type_id);
                columns.seats.push(ticket.seat_id);
                columns.codes.push(&ticket.code);
            }
        }
        Ok(columns)
    }

    pub(super) fn columns(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.events,
            &self.bookings,
            &self.types,
            &self.seats,
            &self.codes,
        ]
    }
}

/// Columns of answers to be stored under idempotency keys.
pub(super) struct KeyRows<'a> {
    pub(super) scopes: Vec<&'a str>,
    pub(super) digests: Vec<&'a str>,
    pub(super) bodies: Vec<&'a [u8]>,
    pub(super) statuses: Vec<i32>,
    pub(super) responses: Vec<String>,
}

impl<'a> KeyRows<'a> {
    pub(super) fn of(new: &'a [NewBooking]) -> Result<KeyRows<'a>, StoreError> {
        let keyed = || {
            let new = new.iter();
            new.filter_map(|new| Some((new.key.as_ref()?, &new.booking)))
        };
        let responses = keyed().map(|(_, booking)| idempotency::text(booking));
        Ok(KeyRows {
            scopes: keyed().map(|(key, _)| key.scope.as_str()).collect(),
            digests: keyed().map(|(key, _)| key.digest.as_str()).collect(),
            bodies: keyed().map(|(key, _)| key.body_hash.as_slice()).collect(),
            statuses: keyed().map(|_| CREATED).collect(),
            responses: responses.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn columns(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.scopes,
            &self.digests,
            &self.bodies,
            &self.statuses,
            &self.responses,
        ]
    }
}

/// Columns of how buyers can be reached.
#[derive(Default)]
pub(super) struct ContactRows<'a> {
    /// Of the booking among the new ones, from 1.
    pub(super) places: Vec<i32>,
    pub(super) names: Vec<Option<&'a str>>,
    pub(super) emails: Vec<Option<&'a str>>,
    pub(super) phones: Vec<Option<&'a str>>,
    pub(super) langs: Vec<&'a str>,
}

impl<'a> ContactRows<'a> {
    pub(super) fn of(new: &'a [NewBooking]) -> Result<ContactRows<'a>, StoreError> {
        let mut columns = ContactRows::default();
        for (nth, new) in (1..).zip(new) {
            // Without one, a row only tells the language of an account's mails, where that is not English.
            if new.contact.is_none() && (new.lang == Lang::En || new.booking.user_id.is_none()) {
                continue;
            }
            let contact = new.contact.as_ref();
            columns.places.push(place(nth)?);
            columns
                .names
                .push(contact.and_then(|one| one.name.as_deref()));
            columns
                .emails
                .push(contact.and_then(|one| one.email.as_deref()));
            columns
                .phones
                .push(contact.and_then(|one| one.phone.as_deref()));
            columns.langs.push(new.lang.tag());
        }
        Ok(columns)
    }

    pub(super) fn columns(&self) -> [&(dyn ToSql + Sync); 5] {
        [
            &self.places,
            &self.names,
            &self.emails,
            &self.phones,
            &self.langs,
        ]
    }
}

/// Columns of what bookings say of those who come.
#[derive(Default)]
pub(super) struct PeopleRows<'a> {
    pub(super) bookings: Vec<BookingId>,
    pub(super) positions: Vec<i32>,
    pub(super) names: Vec<&'a str>,
    pub(super) emails: Vec<Option<&'a str>>,
    pub(super) answering: Vec<BookingId>,
    pub(super) answers: Vec<Json<&'a Answers>>,
}

impl<'a> PeopleRows<'a> {
    pub(super) fn of(new: &'a [NewBooking]) -> PeopleRows<'a> {
        let mut columns = PeopleRows::default();
        for new in new {
            let named = (1..).zip(&new.attendees);
            for (position, attendee) in named.filter(|(_, one)| !one.name.is_empty()) {
                columns.bookings.push(new.booking.id);
                columns.positions.push(position);
                columns.names.push(&attendee.name);
                columns.emails.push(attendee.email.as_deref());
            }
            if let Some(answers) = &new.answers {
                columns.answering.push(new.booking.id);
                columns.answers.push(Json(answers));
            }
        }
        columns
    }

    pub(super) fn attendees(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.bookings, &self.positions, &self.names, &self.emails]
    }
}

/// Columns of the vouchers that bookings use, and the order in which these apply.
#[derive(Default)]
pub(super) struct VoucherRows {
    /// Of the booking among the new ones, from 1.
    pub(super) places: Vec<i32>,
    pub(super) vouchers: Vec<VoucherId>,
    pub(super) positions: Vec<i32>,
}

impl VoucherRows {
    pub(super) fn of(new: &[NewBooking]) -> Result<VoucherRows, StoreError> {
        let mut columns = VoucherRows::default();
        for (nth, new) in (1..).zip(new) {
            for (position, voucher) in (1..).zip(&new.vouchers) {
                columns.places.push(place(nth)?);
                columns.vouchers.push(*voucher);
                columns.positions.push(position);
            }
        }
        Ok(columns)
    }

    pub(super) fn columns(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.places, &self.vouchers, &self.positions]
    }
}

/// Columns of new bookings, their items and their claims.
#[derive(Default)]
pub(super) struct BookingRows<'a> {
    pub(super) ids: Vec<BookingId>,
    pub(super) references: Vec<&'a str>,
    pub(super) events: Vec<EventId>,
    pub(super) users: Vec<Option<UserId>>,
    pub(super) tokens: Vec<Option<&'a [u8]>>,
    pub(super) statuses: Vec<&'a str>,
    pub(super) quantities: Vec<i32>,
    pub(super) totals: Vec<i64>,
    pub(super) currencies: Vec<&'a str>,
    pub(super) deadlines: Vec<Option<Timestamp>>,
    pub(super) created: Vec<Timestamp>,
    pub(super) confirmed: Vec<Option<Timestamp>>,
    pub(super) guests: Vec<Option<&'a [u8]>>,
    pub(super) kinds: Vec<&'a str>,
    pub(super) absorbed: Vec<i64>,
    /// Of each item's booking among `ids`, from 1.
    pub(super) item_places: Vec<i32>,
    pub(super) items: Items<'a>,
    pub(super) claims: ClaimRows<'a>,
}

/// Columns of the lines of prices.
#[derive(Default)]
pub(super) struct Items<'a> {
    pub(super) bookings: Vec<BookingId>,
    pub(super) lines: Vec<i32>,
    pub(super) types: Vec<Option<TicketTypeId>>,
    pub(super) quantities: Vec<i32>,
    pub(super) amounts: Vec<i64>,
    pub(super) kinds: Vec<&'static str>,
    /// Tickets have the name of their type.
    pub(super) names: Vec<Option<&'a str>>,
    pub(super) tax_amounts: Vec<i64>,
    pub(super) tax_rates: Vec<Option<i32>>,
    pub(super) tax_included: Vec<Option<bool>>,
}

/// Columns of claims: one per seat; for general admission one per item.
#[derive(Default)]
pub(super) struct ClaimRows<'a> {
    pub(super) events: Vec<EventId>,
    pub(super) bookings: Vec<BookingId>,
    pub(super) types: Vec<TicketTypeId>,
    pub(super) seats: Vec<Option<SeatId>>,
    pub(super) quantities: Vec<i32>,
    pub(super) states: Vec<&'a str>,
    pub(super) vouchers: Vec<Option<VoucherId>>,
}

impl<'a> BookingRows<'a> {
    pub(super) fn of(writes: &'a Writes) -> Result<BookingRows<'a>, StoreError> {
        let mut columns = BookingRows::default();
        for new in &writes.new {
            let booking = &new.booking;
            columns.ids.push(booking.id);
            columns.references.push(&booking.reference);
            columns.events.push(booking.event_id);
            columns.users.push(booking.user_id);
            let token = new.token_hash.as_ref();
            columns.tokens.push(token.map(<[u8; 32]>::as_slice));
            columns.statuses.push(booking.status.as_str());
            columns.quantities.push(small(booking.quantity)?);
            columns.totals.push(booking.total.amount);
            columns.currencies.push(&booking.total.currency);
            columns.deadlines.push(booking.expires_at);
            columns.created.push(booking.created_at);
            columns.confirmed.push(booking.confirmed_at);
            let guest = new.guest.as_ref();
            columns.guests.push(guest.map(|guest| guest.0.as_slice()));
            columns.kinds.push(booking.kind.as_str());
            columns.absorbed.push(new.absorbed_fee_amount);
            let place = place(columns.ids.len())?;
            let places = booking.lines.iter().map(|_| place);
            columns.item_places.extend(places);
            columns.items.add(booking.id, &booking.lines)?;
            columns.claims.add(new)?;
        }
        for one in &writes.changed {
            columns.claims.add_again(one)?;
        }
        Ok(columns)
    }

    pub(super) fn columns<'b>(
        &'b self,
        in_time: &'b Option<Timestamp>,
    ) -> [&'b (dyn ToSql + Sync); 32] {
        let (items, claims) = (&self.items, &self.claims);
        [
            in_time,
            &self.ids,
            &self.references,
            &self.events,
            &self.users,
            &self.tokens,
            &self.statuses,
            &self.quantities,
            &self.totals,
            &self.currencies,
            &self.deadlines,
            &self.created,
            &self.confirmed,
            &self.item_places,
            &items.lines,
            &items.types,
            &items.quantities,
            &items.amounts,
            &claims.events,
            &claims.bookings,
            &claims.types,
            &claims.seats,
            &claims.quantities,
            &claims.states,
            &self.guests,
            &self.kinds,
            &items.kinds,
            &items.names,
            &items.tax_amounts,
            &items.tax_rates,
            &items.tax_included,
            &self.absorbed,
        ]
    }
}

impl<'a> Items<'a> {
    pub(super) fn columns(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.bookings,
            &self.lines,
            &self.types,
            &self.quantities,
            &self.amounts,
            &self.kinds,
            &self.names,
            &self.tax_amounts,
            &self.tax_rates,
            &self.tax_included,
        ]
    }

    fn add(&mut self, booking: BookingId, lines: &'a [BookingLine]) -> Result<(), StoreError> {
        for (line, item) in (1..).zip(lines) {
            self.bookings.push(booking);
            self.lines.push(line);
            self.types.push(item.ticket_type_id);
            self.quantities.push(small(item.quantity)?);
            self.amounts.push(item.unit_amount);
            self.kinds.push(item.kind.as_str());
            let own_name = item.kind != LineKind::Ticket;
            self.names.push(own_name.then_some(item.name.as_str()));
            self.tax_amounts.push(item.tax_amount);
            let rate = item.tax.map(|tax| small(tax.basis_points)).transpose()?;
            self.tax_rates.push(rate);
            self.tax_included.push(item.tax.map(|tax| tax.included));
        }
        Ok(())
    }
}

impl ClaimRows<'_> {
    /// Whether something is taken from what a voucher sets aside.
    pub(super) fn draw_on_reserves(&self) -> bool {
        self.vouchers.iter().any(Option::is_some)
    }

    fn add(&mut self, new: &NewBooking) -> Result<(), StoreError> {
        let (booking, state) = (&new.booking, state_name(new.state));
        for item in &booking.items {
            let units = (None, small(item.quantity)?);
            let units = item.seats.is_empty().then_some(units);
            let seats = item.seats.iter().map(|seat| (Some(seat.id), 1));
            for (seat, quantity) in seats.chain(units) {
                self.events.push(booking.event_id);
                self.bookings.push(booking.id);
                self.types.push(item.ticket_type_id);
                self.seats.push(seat);
                self.quantities.push(quantity);
                self.states.push(state);
                let voucher = new.reserves.get(&item.ticket_type_id);
                self.vouchers.push(voucher.copied());
            }
        }
        Ok(())
    }

    /// A booking's claims that were dead, as new ones.
    fn add_again(&mut self, changed: &ChangedBooking) -> Result<(), StoreError> {
        for claim in &changed.new_claims {
            self.events.push(changed.event_id);
            self.bookings.push(changed.id);
            self.types.push(claim.ticket_type_id);
            self.seats.push(claim.seat_id);
            self.quantities.push(small(claim.quantity)?);
            self.states.push(state_name(claim.state));
            self.vouchers.push(claim.voucher_id);
        }
        Ok(())
    }
}

/// Columns of changed seats.
#[derive(Default)]
pub(super) struct SeatRows {
    pub(super) ids: Vec<SeatId>,
    blocked: Vec<Option<bool>>,
    types: Vec<Option<TicketTypeId>>,
}

impl SeatRows {
    pub(super) fn of(changed: &[ChangedSeats]) -> SeatRows {
        let mut columns = SeatRows::default();
        for ChangedSeats { change, .. } in changed {
            for seat in &change.seats {
                columns.ids.push(*seat);
                columns.blocked.push(change.blocked);
                columns.types.push(change.ticket_type);
            }
        }
        columns
    }

    pub(super) fn columns<'b>(
        &'b self,
        in_time: &'b Option<Timestamp>,
    ) -> [&'b (dyn ToSql + Sync); 4] {
        [in_time, &self.ids, &self.blocked, &self.types]
    }
}

/// The database counts elements of arrays in 32 bits.
fn place(nth: usize) -> Result<i32, StoreError> {
    i32::try_from(nth).map_err(|_| StoreError::corrupt(format!("a batch of {nth} bookings")))
}

/// The database counts tickets in 32 bits; the rules allow no booking beyond them.
fn small(quantity: i64) -> Result<i32, StoreError> {
    i32::try_from(quantity).map_err(|_| StoreError::corrupt(format!("a quantity of {quantity}")))
}
