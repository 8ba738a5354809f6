//! Facts for the rules, read from the rows of the desk's first round trip.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::{EventFacts, Facts, Found, Questions};
use crate::config::inside::OVERDUE_LEFT_MS;
use crate::store::StoreError;
use crate::store::changes::unsigned;
use crate::store::edit::status;
use crate::store::idempotency::StoredAnswer;
use crate::store::prices;
use crate::ticketing::booking::may_be_cheapest;
use crate::ticketing::price::PriceTerms;
use crate::ticketing::record::BookingStatus;
use crate::ticketing::stock::{
    Buyer, Claim, ClaimState, EventTerms, Guest, GuestHash, Pool, Proof, Seat, Stock,
    TicketTypeTerms,
};
use crate::ticketing::transition::{self, OverdueHold, Standing};
use crate::ticketing::waitlist::WaitingBuyer;
use crate::ticketing::{
    BookingId, EventId, PoolId, Revision, SeatId, TicketTypeId, UserId, VoucherId,
};

/// Collects rows into facts.
pub(super) struct StockReading {
    pub(super) facts: Facts,
    /// Events with overdue holds, and the earliest deadline of these.
    late: BTreeMap<EventId, Timestamp>,
    /// Events with people on their waitlist.
    waited_for: BTreeSet<EventId>,
    /// Events with taxes or fees.
    pub(super) priced: BTreeSet<EventId>,
}

impl StockReading {
    pub(super) fn new(turns: &[Row], events: &[Row]) -> Result<StockReading, StoreError> {
        let mut revisions: HashMap<EventId, Revision> = HashMap::new();
        let mut now: Option<Timestamp> = None;
        let mut references_taken = Vec::new();
        for row in turns {
            if now.is_none() {
                now = row.try_get(3)?;
                references_taken = row
                    .try_get::<_, Option<Vec<String>>>(0)?
                    .unwrap_or_default();
            }
            if let Some(event) = row.try_get(1)? {
                revisions.insert(event, unsigned(row.try_get(2)?)?);
            }
        }
        let now = now.ok_or_else(|| StoreError::corrupt("the database has no clock"))?;
        let mut reading = StockReading {
            facts: Facts {
                now,
                events: BTreeMap::new(),
                bookings: BTreeMap::new(),
                stored: HashMap::new(),
                references_taken,
            },
            late: BTreeMap::new(),
            waited_for: BTreeSet::new(),
            priced: BTreeSet::new(),
        };
        for row in events {
            let id = row.try_get(0)?;
            // Later than the first statement, which may have waited.
            let read_at = row.try_get(9)?;
            reading.facts.now = reading.facts.now.max(read_at);
            let facts = match reading.facts.events.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let due_at: Option<Timestamp> = row.try_get(10)?;
                    if let Some(due_at) = due_at.filter(|due_at| *due_at <= read_at) {
                        reading.late.insert(id, due_at);
                    }
                    if row.try_get(30)? {
                        reading.waited_for.insert(id);
                    }
                    if row.try_get(32)? {
                        reading.priced.insert(id);
                    }
                    new.insert(EventFacts {
                        revision: revisions.get(&id).copied(),
                        stock: empty_stock(event_terms(row, id)?),
                        overdue: Vec::new(),
                        waiting: Vec::new(),
                    })
                }
            };
            ticket_type(row, &mut facts.stock)?;
        }
        Ok(reading)
    }

    pub(super) fn ticket_type(&mut self, row: &Row) -> Result<(), StoreError> {
        match self.stock(row.try_get(0)?) {
            Some(stock) => ticket_type(row, stock),
            None => Ok(()),
        }
    }

    /// Events with overdue holds that were not asked for and have to end now, of those whose turn this transaction holds.
    pub(super) fn overdue_not_asked_for(&self, asked: &Questions) -> Vec<EventId> {
        let left_since = self.facts.now - Duration::from_millis(OVERDUE_LEFT_MS);
        let have_to_end = |id: &EventId, due_at: Timestamp| {
            self.facts.events.get(id).is_some_and(|facts| {
                let is_needed = due_at <= left_since
                    || self.waited_for.contains(id)
                    || asked.turns_on_overdue(*id, &facts.stock);
                facts.revision.is_some() && is_needed
            })
        };
        let late = self.late.iter();
        late.filter(|(id, due_at)| !asked.overdue.contains(id) && have_to_end(id, **due_at))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Events with taxes or fees that are needed and were not read.
    pub(super) fn priced_beside(
        &self,
        read: &[EventId],
        booked: &[EventId],
        waited_for: &[EventId],
    ) -> Vec<EventId> {
        let is_needed =
            |id: &EventId| (booked.contains(id) || waited_for.contains(id)) && !read.contains(id);
        self.priced.iter().copied().filter(is_needed).collect()
    }

    /// Events on whose waitlist somebody may be served: of those whose turn this transaction holds, where something is
    /// left or may come free.
    pub(super) fn waited_for(&self, asked: &Questions) -> Vec<EventId> {
        let may_serve = |id: &EventId| {
            self.facts.events.get(id).is_some_and(|facts| {
                let mut types = facts.stock.ticket_types.values();
                let is_left = types.any(|terms| facts.stock.left(terms) > 0);
                let frees = self.late.contains_key(id) || asked.freeing.contains(id);
                facts.revision.is_some() && (is_left || frees)
            })
        };
        let waited_for = self.waited_for.iter().copied();
        waited_for.filter(may_serve).collect()
    }

    /// The ticket types of these events of which somebody who waits may be offered something, with the most that there may be:
    /// what is left, and what the transaction may free.
    pub(super) fn open_types(&self, events: &[EventId]) -> OpenTypes {
        let mut open = OpenTypes::default();
        for id in events {
            let Some(facts) = self.facts.events.get(id) else {
                continue;
            };
            let mut stock = facts.stock.clone();
            for hold in &facts.overdue {
                transition::free(&mut stock, &hold.claims);
            }
            for found in self.facts.bookings.values() {
                if let Found::Here(standing) = found
                    && standing.booking.event_id == *id
                {
                    transition::free(&mut stock, &standing.claims);
                }
            }
            let event = &stock.event;
            for (ticket_type, terms) in &stock.ticket_types {
                let is_sold = terms.on_sale(event.starts_at, self.facts.now) && !terms.hidden;
                let bounds = [terms.max_per_booking, terms.max_per_user];
                let bounds = bounds.into_iter().flatten();
                let bounds = bounds.chain([event.max_per_booking, stock.left(terms)]);
                let most = bounds.min().unwrap_or(0);
                if is_sold && most > 0 {
                    open.events.push(*id);
                    open.types.push(*ticket_type);
                    open.at_least.push(terms.min_per_booking);
                    open.at_most.push(most);
                    let members_only = terms.members_only || event.membership_required;
                    open.members_only.push(members_only);
                    open.per_user.push(terms.max_per_user);
                }
            }
        }
        open
    }

    pub(super) fn waiting(&mut self, row: &Row) -> Result<(), StoreError> {
        let waiting = WaitingBuyer {
            id: row.try_get(1)?,
            user_id: row.try_get(2)?,
            quantity: row.try_get::<_, i32>(3)?.into(),
            ticket_types: row.try_get(4)?,
            member: row.try_get(5)?,
            lang: row.try_get(6)?,
        };
        if let Some(facts) = self.facts.events.get_mut(&row.try_get(0)?) {
            facts.waiting.push(waiting);
        }
        Ok(())
    }

    pub(super) fn waiting_users(&self, events: &[EventId]) -> (Vec<EventId>, Vec<UserId>) {
        let of = |event: &EventId| {
            let facts = self.facts.events.get(event);
            let waiting = facts.into_iter().flat_map(|facts| &facts.waiting);
            let users: Vec<_> = waiting.map(|waiting| (*event, waiting.user_id)).collect();
            users
        };
        events.iter().flat_map(of).unzip()
    }

    /// Ticket types that are sold by the seat, for which somebody waits.
    pub(super) fn seats_waited_for(&self, events: &[EventId]) -> Vec<TicketTypeId> {
        let events = events
            .iter()
            .filter_map(|event| self.facts.events.get(event));
        let of = |facts: &EventFacts| {
            let is_wanted = |id: &TicketTypeId| {
                let mut waiting = facts.waiting.iter();
                waiting.any(|waiting| {
                    let types = waiting.ticket_types.as_ref();
                    types.is_none_or(|types| types.contains(id))
                })
            };
            let types = facts.stock.ticket_types.iter();
            let seated = types.filter(|(id, terms)| terms.seated && is_wanted(id));
            seated.map(|(id, _)| *id).collect::<Vec<_>>()
        };
        events.flat_map(of).collect()
    }

    /// The ticket types among those in `choices` that are sold by the seat.
    pub(super) fn seats_to_choose_from(&self, asked: &Questions) -> Vec<TicketTypeId> {
        let mut types = Vec::new();
        for (event, wanted) in &asked.choices {
            let Some(facts) = self.facts.events.get(event) else {
                continue;
            };
            let stock = &facts.stock;
            let is_wanted = |id: TicketTypeId| match wanted {
                Some(wanted) => *wanted == id,
                // The cheapest: the seats of dearer types are not read for it.
                None => may_be_cheapest(stock, id, self.facts.now),
            };
            let seated = stock.ticket_types.iter().filter(|(_, terms)| terms.seated);
            types.extend(seated.map(|(id, _)| *id).filter(|id| is_wanted(*id)));
        }
        types.sort_unstable();
        types.dedup();
        types
    }

    fn stock(&mut self, event: EventId) -> Option<&mut Stock> {
        Some(&mut self.facts.events.get_mut(&event)?.stock)
    }

    pub(super) fn overdue(&mut self, row: &Row) -> Result<(), StoreError> {
        let (event, id): (EventId, BookingId) = (row.try_get(0)?, row.try_get(1)?);
        let Some(facts) = self.facts.events.get_mut(&event) else {
            return Ok(());
        };
        if facts
            .overdue
            .last()
            .is_none_or(|hold| hold.booking_id != id)
        {
            facts.overdue.push(OverdueHold {
                booking_id: id,
                user_id: row.try_get(2)?,
                claims: Vec::new(),
            });
        }
        if let (Some(hold), Some(claim)) = (facts.overdue.last_mut(), claim(row, 3, 8)?) {
            hold.claims.push(claim);
        }
        Ok(())
    }

    pub(super) fn seat(&mut self, row: &Row) -> Result<(), StoreError> {
        let (section, row_label): (&str, &str) = (row.try_get(3)?, row.try_get(4)?);
        let seat = Seat {
            ticket_type_id: row.try_get(2)?,
            section: section.into(),
            row: row_label.into(),
            number: row.try_get(5)?,
            taken: row.try_get(6)?,
            place: None,
        };
        if let Some(stock) = self.stock(row.try_get(0)?) {
            stock.seats.insert(row.try_get(1)?, seat);
        }
        Ok(())
    }

    /// Adds rows of seats, in layout order, each with its number within its section, and their seats.
    pub(super) fn rows(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        let mut rows_before: HashMap<i64, usize> = HashMap::new();
        for row in rows {
            let rank = rows_before.entry(row.try_get(1)?).or_default();
            if let Some(stock) = self.stock(row.try_get(0)?) {
                seat_row(row, *rank, stock)?;
            }
            *rank += 1;
        }
        Ok(())
    }

    pub(super) fn rule(&mut self, row: &Row) -> Result<(), StoreError> {
        match self.stock(row.try_get(0)?) {
            Some(stock) => prices::rule(row, &mut stock.prices),
            None => Ok(()),
        }
    }

    pub(super) fn voucher(&mut self, row: &Row) -> Result<(), StoreError> {
        let voucher = prices::voucher(row, 1)?;
        let reserve = prices::reserve(row, 11)?;
        if let Some(stock) = self.stock(row.try_get(0)?)
            && stock.prices.voucher(&voucher.code).is_none()
        {
            stock.prices.vouchers.push(voucher);
            stock.reserves.extend(reserve);
        }
        Ok(())
    }

    /// Vouchers from whose reserves the claims that may end were taken.
    pub(super) fn vouchers_drawn_on(&self) -> Vec<VoucherId> {
        let overdue = self.facts.events.values().flat_map(|facts| &facts.overdue);
        let overdue = overdue.flat_map(|hold| &hold.claims);
        let found = self
            .facts
            .bookings
            .values()
            .filter_map(|found| match found {
                Found::Here(standing) => Some(&standing.claims),
                Found::Locked => None,
            });
        let claims = overdue.chain(found.flatten());
        let drawn_on: BTreeSet<VoucherId> = claims.filter_map(|claim| claim.voucher_id).collect();
        drawn_on.into_iter().collect()
    }

    /// A row of [`prices::RESERVES`].
    pub(super) fn reserve(&mut self, row: &Row) -> Result<(), StoreError> {
        let Some((voucher, reserve)) = prices::reserve(row, 2)? else {
            return Ok(());
        };
        let booking: Option<BookingId> = row.try_get(1)?;
        let booking = booking.and_then(|booking| self.facts.bookings.get_mut(&booking));
        if let Some(Found::Here(standing)) = booking {
            let of = reserve.ticket_type_id;
            standing.drew.entry(of).or_insert(voucher);
        }
        if let Some(stock) = self.stock(row.try_get(0)?) {
            stock.reserves.insert(voucher, reserve);
        }
        Ok(())
    }

    pub(super) fn buyer(&mut self, row: &Row) -> Result<(), StoreError> {
        let types: Option<Vec<TicketTypeId>> = row.try_get(4)?;
        let quantities: Option<Vec<i64>> = row.try_get(5)?;
        let live = types.into_iter().flatten();
        let buyer = Buyer {
            member: row.try_get(2)?,
            pending: row.try_get(3)?,
            live: live.zip(quantities.into_iter().flatten()).collect(),
            tickets: row.try_get(6)?,
        };
        if let Some(stock) = self.stock(row.try_get(0)?) {
            stock.buyers.insert(row.try_get(1)?, buyer);
        }
        Ok(())
    }

    pub(super) fn guest(&mut self, row: &Row) -> Result<(), StoreError> {
        let types: Option<Vec<TicketTypeId>> = row.try_get(4)?;
        let quantities: Option<Vec<i64>> = row.try_get(5)?;
        let live = types.into_iter().flatten();
        let guest = Guest {
            pending: row.try_get(2)?,
            tickets: row.try_get(3)?,
            live: live.zip(quantities.into_iter().flatten()).collect(),
        };
        let hash: &[u8] = row.try_get(1)?;
        let hash = hash.try_into().map(GuestHash);
        let hash = hash.map_err(|_| StoreError::corrupt("a buyer's hash of another length"))?;
        if let Some(stock) = self.stock(row.try_get(0)?) {
            stock.guests.insert(hash, guest);
        }
        Ok(())
    }

    pub(super) fn booking(&mut self, row: &Row) -> Result<(), StoreError> {
        let id: BookingId = row.try_get(0)?;
        if !row.try_get::<_, bool>(1)? {
            self.facts.bookings.insert(id, Found::Locked);
            return Ok(());
        }
        let found = match self.facts.bookings.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Json(booking) = row.try_get(2)?;
                new.insert(Found::Here(Box::new(Standing {
                    booking,
                    claims: Vec::new(),
                    absorbed_fee_amount: None,
                    has_address: row.try_get(8)?,
                    drew: BTreeMap::new(),
                })))
            }
        };
        if let (Found::Here(standing), Some(claim)) = (found, claim(row, 3, 9)?) {
            standing.claims.push(claim);
        }
        Ok(())
    }
}

impl Facts {
    /// Those of these bookings whose holds have ended. Only they claim stock anew where they are given again: a hold that still
    /// stands is sold as it is, and one that this transaction ends is decided in the next.
    pub(super) fn ended_among(&self, bookings: &[BookingId]) -> Vec<BookingId> {
        let has_ended = |id: &BookingId| {
            let found = self.bookings.get(id);
            matches!(found, Some(Found::Here(standing)) if standing.booking.status == BookingStatus::Expired)
        };
        bookings.iter().copied().filter(has_ended).collect()
    }
}

/// Ticket types that may be offered, a column for each of their terms.
#[derive(Default)]
pub(super) struct OpenTypes {
    pub(super) events: Vec<EventId>,
    pub(super) types: Vec<TicketTypeId>,
    pub(super) at_least: Vec<i64>,
    pub(super) at_most: Vec<i64>,
    pub(super) members_only: Vec<bool>,
    /// Of one buyer, in all their bookings.
    pub(super) per_user: Vec<Option<i64>>,
}

fn empty_stock(event: EventTerms) -> Stock {
    Stock {
        event,
        ticket_types: BTreeMap::new(),
        pools: BTreeMap::new(),
        root: PoolId::default(),
        seats: BTreeMap::new(),
        rows: Vec::new(),
        buyers: BTreeMap::new(),
        guests: BTreeMap::new(),
        prices: PriceTerms::default(),
        reserves: BTreeMap::new(),
    }
}

fn event_terms(row: &Row, id: EventId) -> Result<EventTerms, StoreError> {
    Ok(EventTerms {
        id,
        organizer_id: row.try_get(1)?,
        status: status(row.try_get(2)?)?,
        starts_at: row.try_get(3)?,
        currency: row.try_get(4)?,
        membership_required: row.try_get(5)?,
        max_per_booking: row.try_get::<_, i32>(6)?.into(),
        hold_minutes: row.try_get::<_, i32>(7)?.into(),
        offer_minutes: row.try_get::<_, i32>(29)?.into(),
        deleted: row.try_get(8)?,
    })
}

fn ticket_type(row: &Row, stock: &mut Stock) -> Result<(), StoreError> {
    let Some(id) = row.try_get(11)? else {
        return Ok(());
    };
    let (pools, roots): (Option<Vec<PoolId>>, Option<Vec<bool>>) =
        (row.try_get(22)?, row.try_get(23)?);
    let (pools, roots) = (pools.unwrap_or_default(), roots.unwrap_or_default());
    let count = |column| -> Result<Vec<i32>, StoreError> {
        Ok(row
            .try_get::<_, Option<Vec<i32>>>(column)?
            .unwrap_or_default())
    };
    let counts = count(24)?.into_iter().zip(count(25)?).zip(count(26)?);
    for ((pool, root), ((capacity, held), sold)) in pools.iter().zip(roots).zip(counts) {
        if root {
            stock.root = *pool;
        }
        let (capacity, held, sold) = (capacity.into(), held.into(), sold.into());
        stock.pools.insert(
            *pool,
            Pool {
                capacity,
                held,
                sold,
            },
        );
    }
    let terms = TicketTypeTerms {
        name: row.try_get(12)?,
        price_amount: row.try_get(13)?,
        sort: row.try_get::<_, i32>(14)?.into(),
        sale_from: row.try_get(15)?,
        sale_to: row.try_get(16)?,
        min_per_booking: row.try_get::<_, i32>(17)?.into(),
        max_per_booking: row.try_get::<_, Option<i32>>(18)?.map(i64::from),
        max_per_user: row.try_get::<_, Option<i32>>(19)?.map(i64::from),
        members_only: row.try_get(20)?,
        seated: row.try_get(21)?,
        hidden: row.try_get(31)?,
        proof: Proof::of(row.try_get(27)?, row.try_get(28)?),
        pools,
    };
    stock.ticket_types.insert(id, terms);
    Ok(())
}

/// The claim whose columns begin at `first`, with its voucher; an outer join may have found none.
fn claim(row: &Row, first: usize, voucher: usize) -> Result<Option<Claim>, StoreError> {
    let Some(id) = row.try_get(first)? else {
        return Ok(None);
    };
    let state = match row.try_get(first + 4)? {
        "held" => ClaimState::Held,
        "sold" => ClaimState::Sold,
        state => {
            return Err(StoreError::corrupt(format!(
                "a live claim that is {state:?}"
            )));
        }
    };
    Ok(Some(Claim {
        id,
        ticket_type_id: row.try_get(first + 1)?,
        seat_id: row.try_get(first + 2)?,
        quantity: row.try_get::<_, i32>(first + 3)?.into(),
        state,
        voucher_id: row.try_get(voucher)?,
    }))
}

fn seat_row(row: &Row, rank: usize, stock: &mut Stock) -> Result<(), StoreError> {
    let (section, row_label): (&str, &str) = (row.try_get(2)?, row.try_get(3)?);
    let (section, row_label): (Arc<str>, Arc<str>) = (section.into(), row_label.into());
    let ids: Vec<SeatId> = row.try_get(4)?;
    let types: Vec<TicketTypeId> = row.try_get(5)?;
    let numbers: Vec<String> = row.try_get(6)?;
    let (xs, ys): (Vec<f32>, Vec<f32>) = (row.try_get(7)?, row.try_get(8)?);
    let taken: Vec<bool> = row.try_get(9)?;
    let seats = ids.into_iter().zip(types).zip(numbers).zip(taken);
    let seats = seats.zip(xs.into_iter().zip(ys));
    let seats = seats.map(|((((id, ticket_type_id), number), taken), drawn)| {
        let seat = Seat {
            ticket_type_id,
            section: section.clone(),
            row: row_label.clone(),
            number,
            taken,
            place: None,
        };
        (id, seat, drawn)
    });
    stock.add_row(rank, seats.collect());
    Ok(())
}

pub(super) fn stored_answer(row: &Row) -> Result<((String, String), StoredAnswer), StoreError> {
    let key = (row.try_get(0)?, row.try_get(1)?);
    Ok((key, StoredAnswer::read(row, 2)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use serde_json::json;

    use super::*;

    /// Every payment asks to be given its tickets whatever became of the hold; nearly all find it standing, and ask nothing more.
    #[test]
    fn only_ended_bookings_are_asked_what_they_drew_on() {
        let id = |n| BookingId(uuid::Uuid::from_u128(n));
        let found = |n, status: &str| {
            let booking = json!({
                "id": id(n), "version": 1, "reference": "BK-1", "event_id": 1, "user_id": null, "status": status,
                "quantity": 1, "total": {"amount": 0, "currency": "EUR"}, "items": [], "lines": [], "tickets": [],
                "expires_at": null, "created_at": Timestamp::UNIX_EPOCH, "confirmed_at": null, "payment": null,
            });
            let standing = Standing {
                booking: serde_json::from_value(booking).expect("a booking"),
                claims: Vec::new(),
                absorbed_fee_amount: None,
                has_address: true,
                drew: BTreeMap::new(),
            };
            (id(n), Found::Here(Box::new(standing)))
        };
        let facts = Facts {
            now: Timestamp::UNIX_EPOCH,
            events: BTreeMap::new(),
            bookings: [
                found(1, "pending"),
                found(2, "expired"),
                found(3, "confirmed"),
                found(4, "cancelled"),
                (id(5), Found::Locked),
                found(6, "expired"),
            ]
            .into(),
            stored: HashMap::new(),
            references_taken: Vec::new(),
        };
        let asked: Vec<_> = (1..=5).chain([7]).map(id).collect();
        assert_eq!(facts.ended_among(&asked), [id(2)]);
    }
}
