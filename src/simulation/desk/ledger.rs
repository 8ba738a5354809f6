//! A model of the database: events with one ticket type of units each, of which a voucher sets some aside until its window
//! ends, and one of a few seats, which have a pool of their own; bookings, keys, turns, transactions with savepoints.
//! Ticket types that share pools and several items a booking are not modelled; `tests/it` has them.
//!
//! It has some of the schema's constraints (the counters' check, the key's uniqueness), and notes the stock over time,
//! so that refusals can be judged afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::super::dice::Dice;
use super::{DeskWorld, FAULTS_MS, now_ms, pause};
use crate::config::inside::OVERDUE_LEFT_MS;
use crate::store::StoreError;
use crate::store::desk::{EventFacts, Facts, Found, IN_TIME, Questions, Turns, Writes};
use crate::store::idempotency::{IdempotencyKey, StoredAnswer};
use crate::ticketing::live::EventStatus;
use crate::ticketing::price::{Benefit, PriceTerms, Voucher};
use crate::ticketing::record::{Booking, BookingKind, BookingStatus, TicketStatus};
use crate::ticketing::stock::{
    Buyer, Claim, ClaimState, EventTerms, Guest, GuestHash, Pool, Proof, Reserve, Seat, Share,
    Stock, TicketTypeTerms,
};
use crate::ticketing::transition::{OverdueHold, Standing};
use crate::ticketing::waitlist::WaitingBuyer;
use crate::ticketing::{
    BookingId, ClaimId, EventId, PoolId, Revision, SeatId, TicketTypeId, UserId, VoucherId,
    WaitingId,
};

/// A connection of a node's incarnation; 0 is that of other programs.
pub(super) type ConnectionId = u64;

/// The code of each event's voucher.
pub(super) const CODE: &str = "KEPT";
/// The database refuses a booking of so many tickets, whatever the rules say.
pub(super) const OFFENCE: i64 = 3;
/// A transaction that is idle for longer is ended.
const IDLE_MS: u64 = 6_000;
/// The share of an event that buyers without an account may have at one address.
pub(super) const GUESTS_SHARE: Share = Share {
    pending: Some(2),
    tickets: Some(4),
};
/// Seats of each event.
const SEATS: i64 = 4;
const HOLD_MINUTES: i64 = 1;
const OFFER_MINUTES: i64 = 60;
/// Holds last this long in place of a minute, which is long in a run.
const HOLD_MS: u64 = 3_000;

pub(super) struct Ledger {
    capacity: i64,
    /// Units that each event's voucher sets aside.
    reserved: i64,
    /// When the vouchers' windows end.
    reserves_end_ms: u64,
    events: BTreeMap<EventId, EventRecord>,
    state: State,
    transactions: BTreeMap<ConnectionId, Transaction>,
    /// The stock of each event after each decrease; a refusal is judged against the least of them since its command came.
    /// Overdue holds count as free.
    left: BTreeMap<EventId, Vec<Left>>,
    /// The event's revision as of the latest commit that wrote the booking.
    committed: HashMap<BookingId, Revision>,
    /// When the seat was last claimed or blocked, and when it was last sold, as far as that is over.
    busy_ms: BTreeMap<SeatId, u64>,
    sold_ms: BTreeMap<SeatId, u64>,
    dice: Dice,
    last_claim: i64,
    /// The first case of somebody who was offered something out of turn, or passed over.
    pub(super) out_of_line: Option<String>,
    /// The first case of guests at one address with more than their share.
    pub(super) over_share: Option<String>,
}

#[derive(Default)]
struct EventRecord {
    turn: Option<ConnectionId>,
    /// Somebody has noticed that the voucher's window ended.
    is_reserve_over: bool,
}

#[derive(Clone, Copy)]
struct Left {
    at_ms: u64,
    to_all: i64,
    /// More of them, to bearers of the voucher.
    set_aside: i64,
}

/// Committed rows, or those that a transaction has written.
#[derive(Default, Clone)]
struct State {
    revisions: BTreeMap<EventId, Revision>,
    bookings: BTreeMap<BookingId, BookingRow>,
    keys: HashMap<(String, String), StoredAnswer>,
    line: BTreeMap<WaitingId, InLine>,
    /// Whether these seats are off sale; all others are not.
    blocked: BTreeMap<SeatId, bool>,
}

/// Somebody who waits, or has waited.
#[derive(Clone)]
pub(super) struct InLine {
    event: EventId,
    waiting: WaitingBuyer,
    since_ms: u64,
    pub(super) offered: Option<BookingId>,
}

#[derive(Clone)]
pub(super) struct BookingRow {
    pub(super) booking: Booking,
    claims: Vec<Claim>,
    due_ms: u64,
    guest: Option<GuestHash>,
    /// Its claims are marked with it, or were.
    voucher: Option<VoucherId>,
}

struct Transaction {
    node: usize,
    events: BTreeSet<EventId>,
    written_rows: State,
    /// Bookings that callers asked for.
    written: Vec<BookingId>,
    /// Bookings that staff ended for their seats.
    withdrawn: Vec<BookingId>,
    /// Events of which seats are taken off sale: what is left of them is offered by the next transaction.
    withdrawn_of: BTreeSet<EventId>,
    /// Units of bookings that buyers were granted.
    bought: BTreeMap<EventId, i64>,
    /// A write failed, so offers may be missing.
    has_failed: bool,
    /// Units that cancellations gave back, perhaps after others had been refused.
    freed: BTreeMap<EventId, i64>,
    begun_ms: u64,
    touched_ms: u64,
}

/// The database's clock, which is the virtual time.
pub(super) fn clock(ms: u64) -> Timestamp {
    let dawn: Timestamp = "2026-11-28T06:00:00Z".parse().expect("a time");
    dawn + SignedDuration::from_millis(ms as i64)
}

fn constraint(name: &str) -> StoreError {
    StoreError::Constraint {
        name: name.to_owned(),
        source: name.into(),
    }
}

/// The refusal of a commit that comes too late.
pub(super) fn late() -> StoreError {
    constraint(IN_TIME)
}

fn lost() -> StoreError {
    StoreError::Unavailable("the connection is lost".into())
}

impl Ledger {
    pub(super) fn new(events: i64, capacity: i64, mut dice: Dice) -> Ledger {
        let reserved = dice.between(0, capacity as u64 / 2 + 1) as i64;
        let left = Left {
            at_ms: 0,
            to_all: capacity - reserved,
            set_aside: reserved,
        };
        let ids = (1..=events).map(EventId);
        let revisions = ids.clone().map(|event| (event, 1)).collect();
        Ledger {
            capacity,
            reserved,
            reserves_end_ms: dice.between(3_000, 20_000),
            events: ids
                .clone()
                .map(|event| (event, EventRecord::default()))
                .collect(),
            state: State {
                revisions,
                ..State::default()
            },
            transactions: BTreeMap::new(),
            left: ids.map(|event| (event, vec![left])).collect(),
            committed: HashMap::new(),
            busy_ms: BTreeMap::new(),
            sold_ms: BTreeMap::new(),
            dice,
            last_claim: 0,
            over_share: None,
            out_of_line: None,
        }
    }

    pub(super) fn events(&self) -> i64 {
        self.events.len() as i64
    }

    pub(super) fn booking(&self, id: BookingId) -> Option<&Booking> {
        Some(&self.state.bookings.get(&id)?.booking)
    }

    pub(super) fn revision(&self, event: EventId) -> Revision {
        self.state.revisions.get(&event).copied().unwrap_or(0)
    }

    /// The event's revision as of the latest commit that wrote the booking.
    pub(super) fn committed(&self, id: BookingId) -> Option<Revision> {
        self.committed.get(&id).copied()
    }

    /// Somebody joins the line.
    pub(super) fn wait(&mut self, id: WaitingId, event: EventId, user: UserId, quantity: i64) {
        let waiting = WaitingBuyer {
            id,
            user_id: user,
            quantity,
            ticket_types: Some(vec![TicketTypeId(event.0)]),
            member: false,
            lang: "en".into(),
        };
        let one = InLine {
            event,
            waiting,
            since_ms: now_ms(),
            offered: None,
        };
        self.state.line.insert(id, one);
    }

    /// Leaves the line, unless there is an offer. False: a transaction has the line in hand.
    pub(super) fn leave(&mut self, id: WaitingId) -> bool {
        let Some(one) = self.state.line.get(&id) else {
            return true;
        };
        if self.events[&one.event].turn.is_some() {
            return false;
        }
        if one.offered.is_none() {
            self.state.line.remove(&id);
        }
        true
    }

    /// The booking that somebody in the line was offered.
    pub(super) fn offered(&self, id: WaitingId) -> Option<&Booking> {
        self.booking(self.state.line.get(&id)?.offered?)
    }

    fn waiting(&self, event: EventId) -> Vec<WaitingBuyer> {
        let line = self.state.line.values();
        let line = line.filter(|one| one.event == event && one.offered.is_none());
        line.map(|one| one.waiting.clone()).collect()
    }

    /// Whether what is left is enough for them.
    fn serves(&self, one: &InLine) -> bool {
        let live = self.live(one.event, &State::default(), 0);
        self.capacity - live >= one.waiting.quantity
    }

    /// Nobody is passed over whom the stock could serve, neither by a buyer nor by somebody who came later.
    fn check_line(&mut self, transaction: &Transaction) {
        if transaction.has_failed {
            return;
        }
        for event in transaction.events.difference(&transaction.withdrawn_of) {
            let live = self.live(*event, &State::default(), 0);
            // Units that were bought before something else came free were not there together with it.
            let bought = match transaction.freed.get(event).copied().unwrap_or(0) {
                0 => transaction.bought.get(event).copied().unwrap_or(0),
                _ => 0,
            };
            let left = self.capacity - live + bought;
            let mut line = self.state.line.values();
            let passed_over = line.find(|one| {
                one.event == *event
                    && one.offered.is_none()
                    && one.since_ms < transaction.begun_ms
                    && one.waiting.quantity <= left
            });
            if let Some(one) = passed_over {
                let what = format!(
                    "at {} ms: {:?} was passed over: {left} of event {event} left, {bought} bought",
                    now_ms(),
                    one.waiting
                );
                self.out_of_line.get_or_insert(what);
            }
        }
    }

    /// Events with overdue holds, or with stock for somebody who waits.
    pub(super) fn due(&self) -> BTreeSet<EventId> {
        let rows = self.state.bookings.values();
        let overdue = rows.filter(|row| row.is_overdue(now_ms()));
        let overdue = overdue.map(|row| row.booking.event_id);
        let line = self.state.line.values();
        let served = line.filter(|one| one.offered.is_none() && self.serves(one));
        overdue.chain(served.map(|one| one.event)).collect()
    }

    /// The lowest stock at any moment since `from_ms`, up to now.
    pub(super) fn least_left(&self, event: EventId, from_ms: u64, has_code: bool) -> i64 {
        let left = &self.left[&event];
        let before = left.iter().rev().find(|left| left.at_ms <= from_ms);
        let since = left.iter().filter(|left| left.at_ms > from_ms);
        let all = since.chain(before).map(|left| match has_code {
            true => left.to_all + left.set_aside,
            false => left.to_all,
        });
        all.min().unwrap_or(0)
    }

    fn note_left(&mut self, event: EventId, freed: i64, overdue_at_ms: u64) {
        let left = Left {
            at_ms: now_ms(),
            to_all: self.capacity - self.live(event, &State::default(), overdue_at_ms),
            set_aside: self.set_aside(event, &State::default(), overdue_at_ms),
        };
        let record = self.left.entry(event).or_default();
        record.push(Left {
            to_all: left.to_all - freed,
            ..left
        });
        record.push(left);
    }

    /// Gives back what vouchers set aside whose windows have ended, as the sweeper does.
    fn end_reserves(&mut self) {
        if now_ms() < self.reserves_end_ms {
            return;
        }
        let events: Vec<EventId> = self.events.keys().copied().collect();
        for event in events {
            let set_aside = self.set_aside(event, &State::default(), 0);
            let Some(record) = self.events.get_mut(&event) else {
                continue;
            };
            if record.turn.is_some() || record.is_reserve_over {
                continue;
            }
            record.is_reserve_over = true;
            if set_aside > 0 {
                *self.state.revisions.entry(event).or_default() += 1;
                self.note_left(event, set_aside, 0);
            }
        }
    }

    /// Set aside for bearers, who have not taken it; holds that were overdue at that time have nothing.
    fn set_aside(&self, event: EventId, over: &State, overdue_at_ms: u64) -> i64 {
        if self.events[&event].is_reserve_over {
            return 0;
        }
        let taken: i64 = self
            .claims(event, over, overdue_at_ms)
            .filter(|claim| claim.voucher_id.is_some())
            .map(|claim| claim.quantity)
            .sum();
        (self.reserved - taken).max(0)
    }

    /// Units that are not left to everybody: taken, without holds that were overdue at that time, or set aside.
    fn live(&self, event: EventId, over: &State, overdue_at_ms: u64) -> i64 {
        let claims = self.claims(event, over, overdue_at_ms);
        let taken: i64 = claims.map(|claim| claim.quantity).sum();
        taken + self.set_aside(event, over, overdue_at_ms)
    }

    fn claims<'a>(
        &'a self,
        event: EventId,
        over: &'a State,
        overdue_at_ms: u64,
    ) -> impl Iterator<Item = &'a Claim> {
        let base = self.state.bookings.iter();
        let base = base.filter(|(id, _)| !over.bookings.contains_key(id));
        let rows = base.chain(&over.bookings).map(|(_, row)| row);
        let rows = rows.filter(move |row| row.booking.event_id == event);
        let rows = rows.filter(move |row| !row.is_overdue(overdue_at_ms));
        let claims = rows.flat_map(|row| &row.claims);
        claims.filter(|claim| claim.seat_id.is_none())
    }

    /// Claims on seats, which are apart from the units.
    fn seat_claims<'a>(&'a self, over: &'a State) -> impl Iterator<Item = (SeatId, &'a Claim)> {
        let base = self.state.bookings.iter();
        let base = base.filter(|(id, _)| !over.bookings.contains_key(id));
        let rows = base.chain(&over.bookings).map(|(_, row)| row);
        let claims = rows.flat_map(|row| &row.claims);
        claims.filter_map(|claim| Some((claim.seat_id?, claim)))
    }

    fn is_blocked(&self, seat: SeatId, over: &State) -> bool {
        let blocked = over.blocked.get(&seat).or(self.state.blocked.get(&seat));
        blocked.copied().unwrap_or(false)
    }

    /// One of the event's seats.
    pub(super) fn seat(event: EventId, nth: i64) -> SeatId {
        SeatId(event.0 * SEATS + nth % SEATS)
    }

    fn seats(event: EventId) -> impl Iterator<Item = SeatId> {
        (0..SEATS).map(move |nth| Ledger::seat(event, nth))
    }

    /// Notes which of the event's seats are taken, before and after each change.
    fn note_seats(&mut self, event: EventId) {
        for seat in Ledger::seats(event) {
            let (busy, sold) = self.busy(seat);
            if busy {
                self.busy_ms.insert(seat, now_ms());
            }
            if sold {
                self.sold_ms.insert(seat, now_ms());
            }
        }
    }

    /// Whether the seat cannot be booked, and whether it is sold.
    fn busy(&self, seat: SeatId) -> (bool, bool) {
        let nothing = State::default();
        let mut claims = self.seat_claims(&nothing);
        let claim = claims.find(|(claimed, _)| *claimed == seat);
        let is_sold = claim.is_some_and(|(_, claim)| claim.state == ClaimState::Sold);
        (claim.is_some() || self.is_blocked(seat, &nothing), is_sold)
    }

    /// Whether the seat could not be booked at some time since, and whether it was sold then.
    pub(super) fn was_busy(&self, seat: SeatId, from_ms: u64) -> (bool, bool) {
        let since = |at: &BTreeMap<SeatId, u64>| at.get(&seat).is_some_and(|at| *at >= from_ms);
        let (busy, sold) = self.busy(seat);
        (busy || since(&self.busy_ms), sold || since(&self.sold_ms))
    }

    pub(super) fn is_off_sale(&self, seat: SeatId) -> bool {
        self.is_blocked(seat, &State::default())
    }

    /// Puts all the event's seats on sale again. False: a transaction has the turn.
    pub(super) fn unblock(&mut self, event: EventId) -> bool {
        if self.events[&event].turn.is_some() {
            return false;
        }
        self.note_seats(event);
        for seat in Ledger::seats(event) {
            self.state.blocked.insert(seat, false);
        }
        *self.state.revisions.entry(event).or_default() += 1;
        true
    }

    /// Checks that nothing is oversold, and that every overdue hold has ended.
    pub(super) fn check_end(&self) -> Result<(), String> {
        for event in self.events.keys() {
            let live = self.live(*event, &State::default(), 0);
            if live > self.capacity {
                return Err(format!("event {event}: {live} of {} sold", self.capacity));
            }
        }
        match self.due().first() {
            Some(event) => Err(format!(
                "event {event} has holds that do not end, or stock for those who wait"
            )),
            None => Ok(()),
        }
    }

    /// Begins a transaction with the turns that are free; with [`Turns::Wait`] with all or none.
    pub(super) fn begin(
        &mut self,
        connection: ConnectionId,
        node: usize,
        asked: &Questions,
        turns: Turns,
    ) -> Result<Option<Facts>, StoreError> {
        let events = asked
            .events
            .iter()
            .filter(|event| self.events.contains_key(event));
        let events: Vec<EventId> = events.copied().collect();
        let free = |event: &EventId| self.events[event].turn.is_none();
        if turns == Turns::Wait && !events.iter().all(free) {
            return Ok(None);
        }
        let mine: BTreeSet<EventId> = events.iter().copied().filter(free).collect();
        for event in &mine {
            if let Some(record) = self.events.get_mut(event) {
                record.turn = Some(connection);
            }
        }
        let locked = self.locked(asked, turns);
        let facts = self.facts(asked, &events, &mine, &locked);
        self.transactions.insert(
            connection,
            Transaction {
                node,
                events: mine,
                written_rows: State::default(),
                written: Vec::new(),
                withdrawn: Vec::new(),
                withdrawn_of: (asked.held_seats.iter())
                    .map(|seat| EventId(seat.0 / SEATS))
                    .collect(),
                bought: BTreeMap::new(),
                has_failed: false,
                freed: BTreeMap::new(),
                begun_ms: now_ms(),
                touched_ms: now_ms(),
            },
        );
        Ok(Some(facts))
    }

    /// Whether the connection is in a transaction.
    pub(super) fn is_open(&self, connection: ConnectionId) -> bool {
        self.transactions.contains_key(&connection)
    }

    /// Whether another transaction of the node holds the turn of one of these events.
    pub(super) fn crowds(&self, node: usize, connection: ConnectionId, asked: &Questions) -> bool {
        let others = self.transactions.iter();
        let mut others = others.filter(|(id, other)| **id != connection && other.node == node);
        others.any(|(_, other)| {
            asked
                .events
                .iter()
                .any(|event| other.events.contains(event))
        })
    }

    /// Bookings whose rows a statement of somebody else has when they are read, and not any more when overdue holds are.
    fn locked(&mut self, asked: &Questions, turns: Turns) -> BTreeSet<BookingId> {
        if turns == Turns::Wait || now_ms() >= FAULTS_MS {
            return BTreeSet::new();
        }
        let bookings = asked.bookings.iter().copied();
        bookings.filter(|_| self.dice.percent(5)).collect()
    }

    fn facts(
        &self,
        asked: &Questions,
        events: &[EventId],
        mine: &BTreeSet<EventId>,
        locked: &BTreeSet<BookingId>,
    ) -> Facts {
        let event_facts = events.iter().map(|event| {
            let has_turn = mine.contains(event);
            let revision = has_turn.then(|| self.revision(*event));
            let stock = self.stock(*event, asked);
            let overdue = match has_turn && self.has_to_end(*event, &stock, asked) {
                true => self.overdue(*event),
                false => Vec::new(),
            };
            let facts = EventFacts {
                revision,
                stock,
                overdue,
                waiting: match has_turn {
                    true => self.waiting(*event),
                    false => Vec::new(),
                },
            };
            (*event, facts)
        });
        let found = |id: &BookingId| {
            let row = self.state.bookings.get(id)?;
            let standing = Standing {
                booking: row.booking.clone(),
                claims: row.claims.clone(),
                absorbed_fee_amount: None,
                has_address: true,
                drew: row
                    .voucher
                    .filter(|_| asked.reclaimed.contains(id))
                    .map(|voucher| (TicketTypeId(row.booking.event_id.0), voucher))
                    .into_iter()
                    .collect(),
            };
            let is_free = mine.contains(&row.booking.event_id) && !locked.contains(id);
            let found = match is_free {
                true => Found::Here(Box::new(standing)),
                false => Found::Locked,
            };
            Some((*id, found))
        };
        let stored = |key: &IdempotencyKey| {
            let name = (key.scope.clone(), key.digest.clone());
            let answer = self.state.keys.get(&name)?.clone();
            Some((name, answer))
        };
        Facts {
            now: clock(now_ms()),
            events: event_facts.collect(),
            bookings: (asked.bookings.iter().chain(&self.holders(asked)))
                .filter_map(found)
                .collect(),
            stored: asked.keys.iter().filter_map(stored).collect(),
            references_taken: Vec::new(),
        }
    }

    /// Bookings of the seats that are asked about.
    fn holders(&self, asked: &Questions) -> Vec<BookingId> {
        let rows = self.state.bookings.iter();
        let has_one = |row: &BookingRow| {
            let mut seats = row.claims.iter().filter_map(|claim| claim.seat_id);
            seats.any(|seat| asked.held_seats.contains(&seat))
        };
        rows.filter(|(_, row)| has_one(row))
            .map(|(id, _)| *id)
            .collect()
    }

    /// As the real query: whether overdue holds are read.
    fn has_to_end(&self, event: EventId, stock: &Stock, asked: &Questions) -> bool {
        let mut rows = self.state.bookings.values();
        let left_since_ms = now_ms().saturating_sub(OVERDUE_LEFT_MS);
        asked.overdue.contains(&event)
            || !self.waiting(event).is_empty()
            || asked.turns_on_overdue(event, stock)
            || rows.any(|row| row.booking.event_id == event && row.is_overdue(left_since_ms))
    }

    fn overdue(&self, event: EventId) -> Vec<OverdueHold> {
        let rows = self.state.bookings.values();
        let overdue = rows.filter(|row| row.booking.event_id == event && row.is_overdue(now_ms()));
        let hold = |row: &BookingRow| OverdueHold {
            booking_id: row.booking.id,
            user_id: row.booking.user_id,
            claims: row.claims.clone(),
        };
        overdue.map(hold).collect()
    }

    /// Its ticket type of units and the pool of that have the event's number.
    fn stock(&self, event: EventId, asked: &Questions) -> Stock {
        let (ticket_type, root) = (TicketTypeId(event.0), PoolId(event.0));
        let claims = || {
            let rows = self.state.bookings.values();
            let rows = rows.filter(|row| row.booking.event_id == event);
            rows.flat_map(|row| &row.claims)
        };
        let of = |state| {
            let claims = claims().filter(|claim| claim.seat_id.is_none() && claim.state == state);
            claims.map(|claim| claim.quantity).sum()
        };
        let reserve = Reserve {
            ticket_type_id: ticket_type,
            reserved: self.reserved,
            taken: claims()
                .filter(|claim| claim.voucher_id.is_some())
                .map(|claim| claim.quantity)
                .sum(),
            open: !self.events[&event].is_reserve_over,
        };
        let pool = Pool {
            capacity: self.capacity,
            held: of(ClaimState::Held) + reserve.left(),
            sold: of(ClaimState::Sold),
        };
        let voucher = Voucher {
            id: VoucherId(event.0),
            code: CODE.into(),
            benefit: Benefit::Percent(0),
            uses_left: None,
            valid_from: None,
            valid_to: Some(clock(self.reserves_end_ms)),
            ticket_types: vec![ticket_type],
            max_per_booking: None,
            reveals_hidden: false,
        };
        let seats_taken = |state| {
            let claims = claims().filter(|claim| claim.seat_id.is_some() && claim.state == state);
            claims.count() as i64
        };
        let nothing = State::default();
        let blocked = Ledger::seats(event).filter(|seat| self.is_blocked(*seat, &nothing));
        let (seated, seats_pool) = (seat_type(event), PoolId(seat_type(event).0));
        let pool_of_seats = Pool {
            capacity: SEATS - blocked.count() as i64,
            held: seats_taken(ClaimState::Held),
            sold: seats_taken(ClaimState::Sold),
        };
        let seat = |id: SeatId| Seat {
            ticket_type_id: seated,
            section: "Stalls".into(),
            row: "A".into(),
            number: id.to_string(),
            taken: self.busy(id).0,
            place: None,
        };
        let asked_code = (event, CODE.to_owned());
        let terms = TicketTypeTerms {
            name: "Standing".into(),
            price_amount: 1_500,
            sort: 0,
            sale_from: None,
            sale_to: None,
            min_per_booking: 1,
            max_per_booking: None,
            max_per_user: None,
            members_only: false,
            hidden: false,
            proof: Proof::Nothing,
            seated: false,
            pools: vec![root],
        };
        let buyers = asked.buyers.iter().filter(|(of, _)| *of == event);
        let guests = asked.guests.iter().filter(|(of, _)| *of == event);
        // Like the real query: ticket types that were not asked for are read only where holds are overdue.
        let is_known = |ticket_type| {
            !self.overdue(event).is_empty()
                || !self.waiting(event).is_empty()
                || [None, Some(ticket_type)]
                    .iter()
                    .any(|one| asked.types.contains(&(event, *one)))
        };
        let seat_terms = TicketTypeTerms {
            name: "Seated".into(),
            seated: true,
            pools: vec![seats_pool],
            ..terms.clone()
        };
        let mut ticket_types = BTreeMap::new();
        let mut pools = BTreeMap::new();
        if is_known(ticket_type) {
            ticket_types.insert(ticket_type, terms);
        }
        if is_known(seated) {
            ticket_types.insert(seated, seat_terms);
            pools.insert(seats_pool, pool_of_seats);
        }
        if !ticket_types.is_empty() {
            pools.insert(root, pool);
        }
        Stock {
            event: EventTerms {
                id: event,
                organizer_id: UserId(1),
                status: EventStatus::Active,
                starts_at: clock(1_000_000_000),
                currency: "EUR".into(),
                membership_required: false,
                max_per_booking: 100,
                hold_minutes: HOLD_MINUTES,
                offer_minutes: OFFER_MINUTES,
                deleted: false,
            },
            ticket_types,
            pools,
            root,
            seats: Ledger::seats(event)
                .filter(|id| asked.seats.contains(id))
                .map(|id| (id, seat(id)))
                .collect(),
            rows: Vec::new(),
            buyers: buyers
                .map(|(_, user)| *user)
                .chain(self.waiting(event).iter().map(|one| one.user_id))
                .map(|user| (user, self.buyer(event, user)))
                .collect(),
            guests: guests
                .map(|(_, guest)| (*guest, self.guest(event, *guest, now_ms())))
                .collect(),
            prices: PriceTerms {
                vouchers: (asked.vouchers.contains(&asked_code).then_some(voucher))
                    .into_iter()
                    .collect(),
                ..PriceTerms::default()
            },
            reserves: [(VoucherId(event.0), reserve)].into(),
        }
    }

    fn buyer(&self, event: EventId, user: UserId) -> Buyer {
        let mut rows = self.state.bookings.values();
        let pending = rows.find(|row| {
            let booking = &row.booking;
            booking.event_id == event
                && booking.user_id == Some(user)
                && booking.status == BookingStatus::Pending
                && booking.kind == BookingKind::Checkout
        });
        Buyer {
            member: false,
            pending: pending.map(|row| row.booking.id),
            live: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// Counts committed bookings, without holds that were overdue at that time.
    fn guest(&self, event: EventId, guest: GuestHash, at_ms: u64) -> Guest {
        let rows = self.state.bookings.values();
        let rows = rows.filter(|row| row.guest == Some(guest) && row.booking.event_id == event);
        let live = rows.filter(|row| !row.claims.is_empty() && !row.is_overdue(at_ms));
        live.fold(Guest::default(), |mut guest, row| {
            guest.pending += i64::from(row.booking.status == BookingStatus::Pending);
            guest.tickets += row.booking.quantity;
            guest
        })
    }

    fn check_share(&mut self, id: BookingId, at_ms: u64) {
        let Some(row) = self.state.bookings.get(&id) else {
            return;
        };
        let Some(guest) = row.guest else { return };
        let event = row.booking.event_id;
        // A paid booking is given again, whatever else its buyer has by now.
        let mut rows = self.state.bookings.values();
        let has_reclaimed =
            rows.any(|row| row.guest == Some(guest) && row.booking.payment_id.is_some());
        if has_reclaimed {
            return;
        }
        let has = self.guest(event, guest, at_ms);
        let is_over = |has, max: Option<i64>| max.is_some_and(|max| has > max);
        if is_over(has.pending, GUESTS_SHARE.pending) || is_over(has.tickets, GUESTS_SHARE.tickets)
        {
            let what = format!("at {} ms: {guest:?} has {has:?} of event {event}", now_ms());
            self.over_share.get_or_insert(what);
        }
    }

    /// Writes into the transaction, all or nothing.
    pub(super) fn write(
        &mut self,
        connection: ConnectionId,
        writes: &Writes,
    ) -> Result<(), StoreError> {
        let written = self.try_write(connection, writes);
        let transaction = self.transactions.get_mut(&connection);
        if let (Err(_), Some(transaction)) = (&written, transaction) {
            transaction.has_failed = true;
        }
        written
    }

    fn try_write(&mut self, connection: ConnectionId, writes: &Writes) -> Result<(), StoreError> {
        let roll = self.dice.between(0, 1_000);
        let transaction = self.transactions.get(&connection).ok_or_else(lost)?;
        let mut state = transaction.written_rows.clone();
        let mut freed = transaction.freed.clone();
        if writes.in_time.is_some_and(|at| clock(now_ms()) > at) {
            return Err(constraint(IN_TIME));
        }
        match roll {
            0..8 if now_ms() < FAULTS_MS => return Err(StoreError::Contended("deadlock".into())),
            8..16 if now_ms() < FAULTS_MS => return Err(StoreError::Busy("lock timeout".into())),
            16..24 if now_ms() < FAULTS_MS => return Err(StoreError::Full("disk full".into())),
            _ => {}
        }
        for change in &writes.changed {
            let known = self.state.bookings.get(&change.id);
            let known = known.ok_or_else(|| constraint("no such booking"))?;
            let row = state
                .bookings
                .entry(change.id)
                .or_insert_with(|| known.clone());
            row.booking.status = change.to;
            row.booking.version += 1;
            row.booking.confirmed_at = change.confirmed_at.or(row.booking.confirmed_at);
            row.booking.paid_by = change.paid_by.or(row.booking.paid_by);
            row.booking.payment_id = change.payment_id.or(row.booking.payment_id);
            row.booking.extended_at = change.extended_at.or(row.booking.extended_at);
            row.booking.kind = change.kind.unwrap_or(row.booking.kind);
            if let Some(contents) = &change.contents {
                row.booking.quantity = contents.quantity;
                row.booking.total.amount = contents.total_amount;
                row.booking.items = contents.items.clone();
                row.booking.lines = contents.lines.clone();
            }
            if change.expires_at.is_some() {
                row.due_ms = now_ms() + HOLD_MS;
                row.booking.expires_at = Some(clock(row.due_ms));
            }
            for ticket in &mut row.booking.tickets {
                if change.void.contains(&ticket.code) {
                    ticket.status = TicketStatus::Void;
                }
            }
            row.booking
                .tickets
                .extend(change.new_tickets.iter().cloned());
            let before = units(&row.claims);
            for new in &change.claims {
                let place = row.claims.iter();
                let place = place.clone().position(|claim| claim.id == new.was.id);
                let place = place.ok_or_else(|| constraint("no such claim"))?;
                match new.is {
                    None => drop(row.claims.remove(place)),
                    Some(is) => row.claims[place] = is,
                }
            }
            let after = units(&row.claims);
            if change.to != BookingStatus::Expired {
                *freed.entry(change.event_id).or_default() += (before - after).max(0);
            }
            for claim in &change.new_claims {
                self.last_claim += 1;
                row.claims.push(Claim {
                    id: ClaimId(self.last_claim),
                    ..*claim
                });
            }
        }
        for new in &writes.new {
            if new.booking.quantity == OFFENCE {
                return Err(constraint("claims_one_live_seat"));
            }
            if let Some(key) = &new.key {
                let name = (key.scope.clone(), key.digest.clone());
                let answer = StoredAnswer {
                    body_hash: key.body_hash.to_vec(),
                    status: 201,
                    response: serde_json::to_value(&new.booking).expect("a booking"),
                };
                let is_known = self.state.keys.contains_key(&name);
                if state.keys.insert(name, answer).is_some() || is_known {
                    return Err(constraint("idempotency_keys_pkey"));
                }
            }
            let ticket_type_id = TicketTypeId(new.booking.event_id.0);
            let voucher = new.reserves.get(&ticket_type_id).copied();
            let mut claims = Vec::new();
            for item in &new.booking.items {
                let seats = item.seats.iter().map(|seat| (Some(seat.id), 1));
                let units = item.seats.is_empty().then_some((None, item.quantity));
                for (seat_id, quantity) in seats.chain(units) {
                    self.last_claim += 1;
                    claims.push(Claim {
                        id: ClaimId(self.last_claim),
                        ticket_type_id: item.ticket_type_id,
                        seat_id,
                        quantity,
                        state: new.state,
                        voucher_id: voucher,
                    });
                }
            }
            let mut booking = Booking::clone(&new.booking);
            let due_ms = now_ms() + HOLD_MS;
            booking.expires_at = booking.expires_at.map(|_| clock(due_ms));
            let row = BookingRow {
                booking,
                claims,
                due_ms,
                guest: new.guest,
                voucher,
            };
            state.bookings.insert(new.booking.id, row);
        }
        for (waiting, booking) in &writes.offers {
            let one = state.line.get(waiting).or(self.state.line.get(waiting));
            let mut one = one.cloned().ok_or_else(|| constraint("nobody waits"))?;
            if one.offered.is_some() {
                let what = format!("at {} ms: {waiting} is offered something twice", now_ms());
                self.out_of_line.get_or_insert(what);
            }
            one.offered = Some(*booking);
            state.line.insert(*waiting, one);
        }
        for seats in &writes.seats {
            for seat in &seats.change.seats {
                let blocked = seats.change.blocked.unwrap_or(false);
                state.blocked.insert(*seat, blocked);
            }
        }
        let mut claimed = BTreeSet::new();
        for (seat, _) in self.seat_claims(&state) {
            if !claimed.insert(seat) {
                return Err(constraint("claims_one_live_seat"));
            }
            if self.is_blocked(seat, &state) {
                return Err(constraint("seats_blocked_not_claimed"));
            }
        }
        for (event, by) in writes.revisions() {
            let committed = self.revision(event);
            *state.revisions.entry(event).or_insert(committed) += by;
            if self.live(event, &state, 0) > self.capacity {
                return Err(constraint("pools_no_oversell"));
            }
        }
        if let Some(transaction) = self.transactions.get_mut(&connection) {
            let changed = writes.changed.iter();
            let changed = changed.filter(|one| one.to != BookingStatus::Expired);
            let new = writes.new.iter().map(|new| new.booking.id);
            let changed = changed.map(|one| one.id);
            match writes.seats.is_empty() {
                true => transaction.written.extend(changed.chain(new)),
                // Their own callers may be gone.
                false => transaction.withdrawn.extend(changed.chain(new)),
            }
            for new in writes
                .new
                .iter()
                .filter(|new| new.booking.kind != BookingKind::Offer)
                // Reserved units are not offered to those who wait.
                .filter(|new| new.reserves.is_empty())
            {
                let bought = transaction.bought.entry(new.booking.event_id);
                let items = new.booking.items.iter();
                let units = items.filter(|item| item.seats.is_empty());
                *bought.or_default() += units.map(|item| item.quantity).sum::<i64>();
            }
            transaction.written_rows = state;
            transaction.freed = freed;
            transaction.touched_ms = now_ms();
        }
        Ok(())
    }

    /// Commits, and returns the bookings that callers asked for.
    pub(super) fn commit(
        &mut self,
        connection: ConnectionId,
    ) -> Result<Vec<BookingId>, StoreError> {
        let transaction = self.transactions.remove(&connection).ok_or_else(lost)?;
        let State {
            revisions,
            bookings,
            keys,
            line,
            blocked,
        } = transaction.written_rows.clone();
        for event in &transaction.events {
            self.note_seats(*event);
        }
        self.state.revisions.extend(revisions);
        self.state.bookings.extend(bookings);
        self.state.keys.extend(keys);
        self.state.line.extend(line);
        self.state.blocked.extend(blocked);
        for event in &transaction.events {
            self.note_seats(*event);
        }
        self.check_line(&transaction);
        self.give_turns_back(connection);
        for id in transaction.written.iter().chain(&transaction.withdrawn) {
            let event = self.state.bookings.get(id).map(|row| row.booking.event_id);
            let revision = self.revision(event.unwrap_or(EventId(0)));
            self.committed.insert(*id, revision);
            self.check_share(*id, transaction.begun_ms);
        }
        for event in transaction.events {
            // Counted as of the time at which the batch was decided.
            let freed = transaction.freed.get(&event).copied().unwrap_or(0);
            self.note_left(event, freed, transaction.begun_ms);
        }
        Ok(transaction.written)
    }

    pub(super) fn rollback(&mut self, connection: ConnectionId) {
        self.transactions.remove(&connection);
        self.give_turns_back(connection);
    }

    /// Rolls back a dead node's open transactions.
    pub(super) fn rollback_node(&mut self, node: usize) {
        let ids = self.transactions.iter().filter(|(_, one)| one.node == node);
        let ids: Vec<ConnectionId> = ids.map(|(id, _)| *id).collect();
        for id in ids {
            self.rollback(id);
        }
    }

    /// Ends transactions that are idle for too long, with their connections.
    fn end_idlers(&mut self) {
        let idle = self
            .transactions
            .iter()
            .filter(|(_, one)| now_ms() > one.touched_ms + IDLE_MS);
        let idle: Vec<ConnectionId> = idle.map(|(id, _)| *id).collect();
        for id in idle {
            self.rollback(id);
        }
    }

    fn give_turns_back(&mut self, connection: ConnectionId) {
        for record in self.events.values_mut() {
            if record.turn == Some(connection) {
                record.turn = None;
            }
        }
    }
}

/// The ticket type of the event's seats.
fn seat_type(event: EventId) -> TicketTypeId {
    TicketTypeId(1_000 + event.0)
}

fn units(claims: &[Claim]) -> i64 {
    let claims = claims.iter().filter(|claim| claim.seat_id.is_none());
    claims.map(|claim| claim.quantity).sum()
}

impl BookingRow {
    fn is_overdue(&self, at_ms: u64) -> bool {
        self.booking.status == BookingStatus::Pending && self.due_ms <= at_ms
    }
}

/// Others who take turns and keep them for a while, and the database's own housekeeping.
pub(super) async fn others(world: DeskWorld) {
    while now_ms() < FAULTS_MS + 10_000 {
        world.with(|shared| {
            shared.ledger.end_idlers();
            shared.ledger.end_reserves();
        });
        let taken = world.with(|shared| {
            let is_time = now_ms() < FAULTS_MS && shared.dice.percent(8);
            let event = EventId(1 + shared.dice.below(shared.ledger.events.len()) as i64);
            let record = shared.ledger.events.get_mut(&event)?;
            let is_free = is_time && record.turn.is_none();
            is_free.then(|| record.turn = Some(0)).map(|()| event)
        });
        let ms = world.with(|shared| shared.dice.between(20, 600));
        pause(ms).await;
        if let Some(event) = taken {
            world.with(|shared| {
                if let Some(record) = shared.ledger.events.get_mut(&event) {
                    record.turn = None;
                }
            });
        }
    }
    // Later only what is over is ended.
    loop {
        world.with(|shared| {
            shared.ledger.end_idlers();
            shared.ledger.end_reserves();
        });
        pause(1_000).await;
    }
}
