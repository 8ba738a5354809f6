//! Lists what has to be read for a batch of commands, and decides each against its event's stock. No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::command::{
    Answer, Book, Change, Command, DeskError, Expired, Said, Verdict, Withdraw, Withdrawn,
};
use crate::lang::Lang;
use crate::store::desk::{
    ChangedBooking, ChangedClaim, ChangedSeats, Contents, Facts, Found, NewBooking, Questions,
    Writes,
};
use crate::store::idempotency::{IdempotencyKey, Once};
use crate::store::jobs::QueuedJob;
use crate::store::letters::{cancellation_job, confirmation_job, ticket_void_job};
use crate::store::waitlist::{OFFER_MAIL, OFFER_MAIL_WORTH, offer_mail_key};
use crate::ticketing::booking::{self, Grant, Item, Request, Terms, Wish, attendees_of};
use crate::ticketing::record::{Booking, BookingKind, BookingStatus, Ticket, TicketStatus};
use crate::ticketing::reference::{booking_reference, ticket_code};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::{Claim, ClaimState, Stock};
use crate::ticketing::transition::{
    self, Canceller, Moved, OverdueHold, Releases, SEATS_WITHDRAWN, Standing, Transition,
};
use crate::ticketing::waitlist::{self, WaitingBuyer};
use crate::ticketing::{BookingId, EventId, Revision, SeatId, TicketTypeId, UserId, WaitingId};

/// Candidate references beyond one per booking, since some will be in use already: so many, and one more for so many
/// bookings. Each is looked up.
const SPARE_REFERENCES: usize = 2;
const BOOKINGS_PER_SPARE_REFERENCE: usize = 16;

/// Lists the rows that these commands need to be decided.
pub(super) fn questions<'a>(commands: impl Iterator<Item = &'a Command>) -> Questions {
    let mut questions = Questions::default();
    let mut types: BTreeMap<EventId, BTreeSet<Option<TicketTypeId>>> = BTreeMap::new();
    let mut booked = 0;
    let mut more_than_units = BTreeSet::new();
    for command in commands {
        let types = types.entry(command.event()).or_default();
        match units(command) {
            Some(units) => {
                let all = questions.units.entry(command.event()).or_default();
                *all = all.saturating_add(units);
            }
            None => drop(more_than_units.insert(command.event())),
        }
        match command {
            Command::Book(book) => {
                booked += 1;
                questions.keys.extend(book.key.clone());
                ask_for(book.event_id, &book.request, &mut questions, types);
            }
            // Tickets that a change may free are for those who wait. The ticket types of a stored booking are not known
            // before it is read: read all (`None`).
            Command::Change(change) => {
                questions.bookings.push(change.booking_id);
                questions.freeing.insert(change.event_id);
                match &change.transition {
                    Transition::Reclaim { seats, .. } => {
                        questions.seats.extend(seats);
                        questions.reclaimed.push(change.booking_id);
                    }
                    Transition::Swap(request) => {
                        ask_for(change.event_id, request, &mut questions, types);
                    }
                    _ => {}
                }
                types.insert(None);
            }
            Command::Withdraw(withdraw) => {
                questions.seats.extend(&withdraw.change.seats);
                questions.held_seats.extend(&withdraw.change.seats);
                types.insert(None);
            }
            Command::Expire { event_id } => {
                questions.overdue.push(*event_id);
                questions.freeing.insert(*event_id);
                types.insert(None);
            }
        }
    }
    questions
        .units
        .retain(|event, _| !more_than_units.contains(event));
    if booked > 0 {
        let mut random = rand::rng();
        let spare = SPARE_REFERENCES + booked / BOOKINGS_PER_SPARE_REFERENCE;
        let candidates = 0..booked + spare;
        questions.references = candidates.map(|_| booking_reference(&mut random)).collect();
    }
    for (event, types) in types {
        questions.events.push(event);
        match types.is_empty() || types.contains(&None) {
            true => questions.types.push((event, None)),
            false => questions
                .types
                .extend(types.into_iter().map(|one| (event, one))),
        }
    }
    questions
}

/// The units that the command books, if it asks for nothing but units of named ticket types, without a voucher.
fn units(command: &Command) -> Option<i64> {
    let Command::Book(book) = command else {
        return None;
    };
    let Wish::Items(items) = &book.request.wish else {
        return None;
    };
    let mut items = items.iter();
    let only_units = items.all(|item| matches!(item, Item::Quantity { .. }));
    let is_plain = only_units && book.request.vouchers.is_empty();
    is_plain.then(|| book.request.wish.quantity())
}

/// Lists the rows that the price of one booking depends on.
pub(super) fn price_questions(event: EventId, request: &Request) -> Questions {
    let mut questions = Questions::default();
    ask_for(event, request, &mut questions, &mut BTreeSet::new());
    questions.types.push((event, None));
    questions
}

fn ask_for(
    event: EventId,
    request: &Request,
    questions: &mut Questions,
    types: &mut BTreeSet<Option<TicketTypeId>>,
) {
    // The commands of an event need not follow each other; asking twice costs less than a set.
    if questions.booked.last() != Some(&event) {
        questions.booked.push(event);
    }
    let codes = request.vouchers.iter();
    questions
        .vouchers
        .extend(codes.map(|code| (event, code.clone())));
    let buyer = request.buyer;
    questions.buyers.extend(buyer.map(|buyer| (event, buyer)));
    let guest = request.guest;
    questions.guests.extend(guest.map(|guest| (event, guest)));
    match &request.wish {
        Wish::Cheapest { .. } => {
            questions.choices.push((event, None));
            types.insert(None);
        }
        Wish::Items(items) => items.iter().for_each(|item| match *item {
            Item::Seat { seat_id } => {
                questions.seats.push(seat_id);
                types.insert(None);
            }
            Item::Quantity { ticket_type_id, .. } | Item::BestAvailable { ticket_type_id, .. } => {
                questions.choices.push((event, Some(ticket_type_id)));
                types.insert(Some(ticket_type_id));
            }
        }),
    }
}

/// State of a transaction between commands: the rows read, as the commands so far have changed them.
pub(super) struct Deciding {
    facts: Facts,
    /// Bookings that this transaction made under an idempotency key, by the key's scope and digest.
    made: HashMap<(String, String), ([u8; 32], Arc<Booking>)>,
    /// Booking references that are free.
    references: std::collections::btree_set::IntoIter<String>,
    /// Bookings whose overdue hold this transaction ends.
    ended: BTreeSet<BookingId>,
    expired: BTreeMap<EventId, u64>,
    /// Events of which this transaction ends bookings: uses of vouchers come free with them, and are counted by the database.
    uses_freed: BTreeSet<EventId>,
    /// Buyers are written to.
    mails: bool,
}

/// The stock of an event and a booking of it before a command.
pub(super) struct Before {
    stock: Option<Stock>,
    waiting: Vec<WaitingBuyer>,
    standing: Option<Box<Standing>>,
}

/// The decision on one command.
pub(super) enum CommandDecision {
    /// The answer; nothing has to be written.
    Said(Verdict),
    /// Rows to write; answered after the commit.
    Effect(CommandEffect),
    /// Another transaction holds the event's turn, or the booking's row.
    Blocked,
    /// To be decided again after this transaction, which frees what the command lacks.
    Again,
}

/// A command's writes, and its answer after the commit.
pub(super) struct CommandEffect {
    event: EventId,
    answer: Pending,
    pub(super) writes: Writes,
}

/// An answer that lacks the event's revision, which is known once all writes are.
enum Pending {
    Booking(Once<Arc<Booking>>),
    Expired(u64),
    /// So many holds ended.
    Withdrawn(u64),
}

impl Deciding {
    /// `references`: all candidates; `facts` says which of them are in use.
    pub(super) fn new(facts: Facts, references: Vec<String>, mails: bool) -> Deciding {
        let taken: BTreeSet<&String> = facts.references_taken.iter().collect();
        let free: BTreeSet<String> = references
            .into_iter()
            .filter(|reference| !taken.contains(reference))
            .collect();
        Deciding {
            facts,
            made: HashMap::new(),
            references: free.into_iter(),
            ended: BTreeSet::new(),
            expired: BTreeMap::new(),
            uses_freed: BTreeSet::new(),
            mails,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.facts.now
    }

    /// Events whose turn this transaction holds and that have overdue holds.
    pub(super) fn overdue(&self) -> Vec<EventId> {
        let events = self.facts.events.iter();
        events
            .filter(|(_, facts)| facts.revision.is_some() && !facts.overdue.is_empty())
            .map(|(event, _)| *event)
            .collect()
    }

    /// Ends the event's overdue holds. Called before any command is decided, so none is refused because of them.
    pub(super) fn end_overdue(&mut self, event: EventId) -> Vec<ChangedBooking> {
        let Some(facts) = self.facts.events.get_mut(&event) else {
            return Vec::new();
        };
        let mut changed = Vec::new();
        for hold in std::mem::take(&mut facts.overdue) {
            if !mistaken!(KeepExpiredStock) {
                transition::expire(&mut facts.stock, &hold);
            }
            self.ended.insert(hold.booking_id);
            self.uses_freed.insert(event);
            *self.expired.entry(event).or_default() += 1;
            changed.push(ended(event, &hold));
        }
        changed
    }

    /// Undoes `end_overdue` when its writes failed: the holds take stock again.
    pub(super) fn keep_overdue(
        &mut self,
        event: EventId,
        changed: &[ChangedBooking],
        stock: Stock,
    ) {
        if let Some(facts) = self.facts.events.get_mut(&event) {
            facts.stock = stock;
        }
        self.expired.remove(&event);
        self.uses_freed.remove(&event);
        for change in changed {
            self.ended.remove(&change.id);
        }
    }

    /// Decides a command against the stock that the commands before it left.
    pub(super) fn decide(&mut self, command: &Command) -> CommandDecision {
        let event = command.event();
        let Some(facts) = self.facts.events.get(&event) else {
            return CommandDecision::Said(Err(Refusal::EventNotFound.into()));
        };
        if facts.revision.is_none() {
            return CommandDecision::Blocked;
        }
        match command {
            Command::Book(book) => self.book(book),
            Command::Change(change) => self.change(change),
            Command::Withdraw(withdraw) => self.withdraw(withdraw),
            Command::Expire { .. } => CommandDecision::Effect(CommandEffect {
                event,
                answer: Pending::Expired(self.expired.get(&event).copied().unwrap_or(0)),
                writes: Writes::default(),
            }),
        }
    }

    /// The state that `undo` needs to take the command back.
    pub(super) fn before(&self, command: &Command) -> Before {
        let standing = match command {
            Command::Change(change) => match self.facts.bookings.get(&change.booking_id) {
                Some(Found::Here(standing)) => Some(standing.clone()),
                _ => None,
            },
            _ => None,
        };
        let event = command.event();
        Before {
            stock: self.stock(event),
            waiting: self.waiting(event),
            standing,
        }
    }

    /// A copy of the event's stock, for `undo` and `keep_overdue`.
    pub(super) fn stock(&self, event: EventId) -> Option<Stock> {
        Some(self.facts.events.get(&event)?.stock.clone())
    }

    fn waiting(&self, event: EventId) -> Vec<WaitingBuyer> {
        let facts = self.facts.events.get(&event);
        facts.map(|facts| facts.waiting.clone()).unwrap_or_default()
    }

    /// Events on whose waitlist somebody is. Not those of which `commands` take seats off sale: these would be offered first, and
    /// what is left then is offered by the next transaction.
    pub(super) fn waited_for<'a>(
        &self,
        commands: impl Iterator<Item = &'a Command>,
    ) -> Vec<EventId> {
        let withdraw = commands.filter(|command| matches!(command, Command::Withdraw(_)));
        let withdraw: BTreeSet<EventId> = withdraw.map(Command::event).collect();
        let events = self.facts.events.iter();
        let events = events.filter(|(event, facts)| {
            facts.revision.is_some() && !facts.waiting.is_empty() && !withdraw.contains(event)
        });
        events.map(|(event, _)| *event).collect()
    }

    /// Offers what is left to those who wait. Called before any command is decided, and after each that frees stock, so
    /// nobody else gets it.
    pub(super) fn offer(&mut self, event: EventId) -> Writes {
        let mut writes = Writes::default();
        let now = self.facts.now;
        let Some(facts) = self.facts.events.get_mut(&event) else {
            return writes;
        };
        for offer in waitlist::offers(&mut facts.stock, &mut facts.waiting, now) {
            let reference = self.references.next();
            let reference = reference.unwrap_or_else(|| booking_reference(&mut rand::rng()));
            let (id, buyer) = (offer.booking_id, Some(offer.to.user_id));
            let booking = booked(event, id, buyer, &offer.grant, &facts.stock, reference, now);
            let booking = Arc::new(booking);
            if self.mails {
                writes.jobs.push(offer_mail(offer.to.id, id));
            }
            writes.offers.push((offer.to.id, id));
            writes.new.push(NewBooking {
                booking,
                state: offer.grant.claim_state(),
                token_hash: None,
                guest: None,
                contact: None,
                attendees: Vec::new(),
                answers: None,
                reserves: offer.grant.reserves(),
                vouchers: offer.grant.vouchers,
                absorbed_fee_amount: offer.grant.absorbed_fee_amount,
                key: None,
                lang: Lang::parse(&offer.to.lang).unwrap_or(Lang::En),
            });
        }
        writes
    }

    /// Undoes `offer` when its writes failed.
    pub(super) fn keep_offers(&mut self, event: EventId, stock: Stock) {
        if let Some(facts) = self.facts.events.get_mut(&event) {
            facts.stock = stock;
            facts.waiting.clear();
        }
    }

    /// Takes back a command whose writes failed.
    pub(super) fn undo(&mut self, command: &Command, before: Before) {
        let facts = self.facts.events.get_mut(&command.event());
        if let (Some(facts), Some(stock)) = (facts, before.stock) {
            facts.stock = stock;
            facts.waiting = before.waiting;
        }
        if let Some(standing) = before.standing {
            let id = standing.booking.id;
            self.facts.bookings.insert(id, Found::Here(standing));
        }
        if let Command::Book(book) = command
            && let Some(key) = &book.key
        {
            self.made.remove(&name(key));
        }
    }

    /// Adds the revisions that these writes will take to those of their events.
    pub(super) fn written(&mut self, writes: &Writes) {
        for (event, by) in writes.revisions() {
            if let Some(revision) = self.revision_mut(event) {
                *revision += by;
            }
        }
    }

    /// The event's revision after the transaction.
    pub(super) fn revision(&self, event: EventId) -> Option<Revision> {
        self.facts.events.get(&event)?.revision
    }

    fn revision_mut(&mut self, event: EventId) -> Option<&mut Revision> {
        self.facts.events.get_mut(&event)?.revision.as_mut()
    }

    /// The answer to a command whose writes are committed.
    pub(super) fn said(&self, effect: CommandEffect) -> Verdict {
        let revision = self.revision(effect.event).ok_or(DeskError::Internal)?;
        let now = self.now();
        Ok(match effect.answer {
            Pending::Expired(holds) => Said::Expired(Expired { holds, revision }),
            Pending::Withdrawn(holds) => Said::Withdrawn(Withdrawn { holds, revision }),
            Pending::Booking(once) => Said::Booking(Box::new(once.map(|booking| Answer {
                booking,
                revision,
                now,
            }))),
        })
    }

    fn book(&mut self, book: &Book) -> CommandDecision {
        if let Some(key) = &book.key {
            match self.recall(key) {
                Ok(None) => {}
                Ok(Some(once)) => return unwritten(book.event_id, once),
                Err(error) => return CommandDecision::Said(Err(error)),
            }
        }
        let Some(facts) = self.facts.events.get_mut(&book.event_id) else {
            return CommandDecision::Said(Err(Refusal::EventNotFound.into()));
        };
        let grant = match booking::decide(&mut facts.stock, &book.request, self.facts.now) {
            Ok(grant) => grant,
            Err(Refusal::VoucherUsedUp { .. }) if self.uses_freed.contains(&book.event_id) => {
                return CommandDecision::Again;
            }
            Err(refusal) => return CommandDecision::Said(Err(refusal.into())),
        };
        let reference = self.references.next();
        // No checked candidate is left: if this one is in use, its constraint fails and the command is decided again.
        let reference = reference.unwrap_or_else(|| booking_reference(&mut rand::rng()));
        let (id, buyer) = (book.request.booking_id, book.request.buyer);
        let stock = &facts.stock;
        let now = self.facts.now;
        let booking = booked(book.event_id, id, buyer, &grant, stock, reference, now);
        let booking = Arc::new(booking);
        if let Some(key) = &book.key {
            let made = (key.body_hash, Arc::clone(&booking));
            self.made.insert(name(key), made);
        }
        let has_address =
            buyer.is_some() || book.contact.as_ref().is_some_and(|one| one.email.is_some());
        let is_sold = booking.status == BookingStatus::Confirmed;
        let jobs = match self.mails && has_address && is_sold {
            true => vec![confirmation_job(id, book.event_id)],
            false => Vec::new(),
        };
        CommandDecision::Effect(CommandEffect {
            event: book.event_id,
            answer: Pending::Booking(Once::Made(Arc::clone(&booking))),
            writes: Writes {
                new: vec![NewBooking {
                    state: grant.claim_state(),
                    token_hash: book.token_hash,
                    guest: book.request.guest,
                    contact: book.contact.clone(),
                    attendees: attendees_of(&book.attendees, &book.request.wish, &booking.items),
                    booking,
                    answers: book.answers.clone(),
                    reserves: grant.reserves(),
                    vouchers: grant.vouchers,
                    absorbed_fee_amount: grant.absorbed_fee_amount,
                    key: book.key.clone(),
                    lang: book.lang,
                }],
                jobs,
                ..Writes::default()
            },
        })
    }

    /// The booking that was made before under this idempotency key.
    fn recall(&self, key: &IdempotencyKey) -> Result<Option<Once<Arc<Booking>>>, DeskError> {
        if let Some((body_hash, booking)) = self.made.get(&name(key)) {
            return Ok(Some(match *body_hash == key.body_hash {
                true => Once::Replayed(Arc::clone(booking)),
                false => Once::Mismatch,
            }));
        }
        match key.judge(self.facts.stored.get(&name(key)).cloned()) {
            None => Ok(None),
            Some(Once::Mismatch) => Ok(Some(Once::Mismatch)),
            Some(Once::Made(answer) | Once::Replayed(answer)) => {
                let booking = serde_json::from_value(answer.response).map_err(|error| {
                    tracing::error!(%error, "a stored answer cannot be read");
                    DeskError::Internal
                })?;
                Ok(Some(Once::Replayed(Arc::new(booking))))
            }
        }
    }

    fn change(&mut self, change: &Change) -> CommandDecision {
        let (event, id) = (change.event_id, change.booking_id);
        let standing = match self.facts.bookings.get_mut(&id) {
            Some(Found::Here(standing)) if standing.booking.event_id == event => standing,
            // Also where this transaction ends its hold: the lock was another's when the booking was read.
            Some(Found::Locked) => return CommandDecision::Blocked,
            _ => return CommandDecision::Said(Err(Refusal::BookingNotFound.into())),
        };
        // This transaction ends its hold; what it held can be claimed again in the next one.
        let is_ended = self.ended.contains(&id);
        if is_ended && matches!(change.transition, Transition::Reclaim { .. }) {
            return CommandDecision::Blocked;
        }
        let Some(facts) = self.facts.events.get_mut(&event) else {
            return CommandDecision::Said(Err(Refusal::EventNotFound.into()));
        };
        let was = standing.as_ref().clone();
        let now = self.facts.now;
        let outcome = transition::decide(&mut facts.stock, standing, &change.transition, now);
        match outcome {
            Err(refusal) => CommandDecision::Said(Err(refusal.into())),
            Ok(Moved::Before) => {
                unwritten(event, Once::Replayed(Arc::new(standing.booking.clone())))
            }
            Ok(Moved::Now) => {
                let jobs = jobs(change, &was, &standing.booking, self.mails);
                let mut writes = Writes {
                    changed: vec![changed(&was, standing, now)],
                    jobs,
                    audit: change.with.audit.clone().into_iter().collect(),
                    ..Writes::default()
                };
                let booking = Arc::new(standing.booking.clone());
                if !matches!(
                    booking.status,
                    BookingStatus::Pending | BookingStatus::Confirmed
                ) {
                    self.uses_freed.insert(event);
                }
                if !mistaken!(SnatchFreed) {
                    writes.extend(self.offer(event));
                }
                CommandDecision::Effect(CommandEffect {
                    event,
                    answer: Pending::Booking(Once::Made(booking)),
                    writes,
                })
            }
        }
    }

    /// Ends the holds of these seats, and changes the seats. A refusal leaves the stock half moved, so nothing else of the event
    /// is decided in this transaction: the queue gives such a command no company.
    fn withdraw(&mut self, withdraw: &Withdraw) -> CommandDecision {
        let Withdraw {
            event_id: event,
            change,
            audit,
        } = withdraw;
        let Some(facts) = self.facts.events.get_mut(event) else {
            return CommandDecision::Said(Err(Refusal::EventNotFound.into()));
        };
        let (stock, now) = (&mut facts.stock, self.facts.now);
        let seats: BTreeSet<SeatId> = change.seats.iter().copied().collect();
        let unknown = seats.iter().copied();
        let unknown: Vec<SeatId> = unknown
            .filter(|seat| !stock.seats.contains_key(seat))
            .collect();
        if !unknown.is_empty() {
            return CommandDecision::Said(Err(Refusal::SeatNotFound { seats: unknown }.into()));
        }
        if let Some(ticket_type_id) = change.ticket_type
            && !stock.ticket_types.contains_key(&ticket_type_id)
        {
            let refusal = Refusal::TicketTypeNotFound { ticket_type_id };
            return CommandDecision::Said(Err(refusal.into()));
        }
        let release = Transition::Release {
            by: Canceller::Staff,
            reason: Some(SEATS_WITHDRAWN.to_owned()),
            only: Releases::Any,
        };
        let mut writes = Writes::default();
        for found in self.facts.bookings.values_mut() {
            let Found::Here(standing) = found else {
                return CommandDecision::Blocked;
            };
            let mut held = standing.claims.iter().filter_map(|claim| claim.seat_id);
            let id = standing.booking.id;
            // Whole bookings go: a buyer of two seats does not want one.
            let is_meant =
                standing.booking.event_id == *event && held.any(|it| seats.contains(&it));
            if !is_meant || self.ended.contains(&id) {
                continue;
            }
            let was = standing.as_ref().clone();
            match transition::decide(stock, standing, &release, now) {
                Ok(Moved::Now) => writes.changed.push(changed(&was, standing, now)),
                // More holds of the event are overdue than one transaction ends.
                Err(Refusal::InvalidTransition {
                    from: BookingStatus::Expired,
                    ..
                }) => {
                    let hold = OverdueHold {
                        booking_id: id,
                        user_id: was.booking.user_id,
                        claims: was.claims,
                    };
                    transition::expire(stock, &hold);
                    writes.changed.push(ended(*event, &hold));
                    continue;
                }
                Ok(Moved::Before) => continue,
                Err(refusal) => return CommandDecision::Said(Err(refusal.into())),
            }
            if self.mails {
                writes.jobs.extend(mails(&was, &standing.booking, &release));
            }
            if was.booking.kind == BookingKind::Offer {
                writes.withdrawn_offers.push(id);
            }
        }
        let holds = writes.changed.len() as u64;
        // A seat that is taken still is blocked, or was sold: then the database refuses.
        let differs = |seat: &SeatId| {
            stock.seats.get(seat).is_some_and(|seat| {
                change.blocked.is_some_and(|blocked| blocked != seat.taken)
                    || (change.ticket_type).is_some_and(|other| other != seat.ticket_type_id)
            })
        };
        writes.seats.push(ChangedSeats {
            event_id: *event,
            differs: seats.iter().any(differs),
            change: change.clone(),
        });
        writes.audit.extend(audit.clone());
        CommandDecision::Effect(CommandEffect {
            event: *event,
            answer: Pending::Withdrawn(holds),
            writes,
        })
    }
}

/// The difference between a booking before and after. Tickets are drawn where it is confirmed.
fn changed(was: &Standing, standing: &mut Standing, now: Timestamp) -> ChangedBooking {
    let (from, to) = (was.booking.status, standing.booking.status);
    let new_tickets = match from != to && to == BookingStatus::Confirmed {
        true => claimed_tickets(&standing.claims, now),
        false => Vec::new(),
    };
    let valid = was.booking.tickets.iter();
    let mut void: Vec<String> = Vec::new();
    for (before, after) in valid.zip(&standing.booking.tickets) {
        if before.status != after.status {
            void.push(before.code.clone());
        }
    }
    standing.booking.tickets.extend(new_tickets.iter().cloned());
    let (was_at, is_at) = (was.booking.expires_at, standing.booking.expires_at);
    let booking = &standing.booking;
    ChangedBooking {
        id: booking.id,
        event_id: booking.event_id,
        from,
        to,
        cancel_reason: booking.cancel_reason.clone(),
        confirmed_at: booking.confirmed_at,
        paid_by: booking.paid_by,
        payment_id: booking.payment_id,
        sold_to: (booking.payment_id).filter(|_| was.booking.payment_id != booking.payment_id),
        expires_at: is_at.filter(|_| was_at != is_at),
        extended_at: booking.extended_at,
        processing_since: booking.processing_since,
        kind: (was.booking.kind != booking.kind).then_some(booking.kind),
        contents: (was.booking.items != booking.items || was.booking.lines != booking.lines)
            .then(|| Contents::of(was, standing)),
        claims: changed_claims(&was.claims, &standing.claims),
        new_claims: new_claims(&standing.claims),
        new_tickets,
        void,
    }
}

fn changed_claims(was: &[Claim], are: &[Claim]) -> Vec<ChangedClaim> {
    let changed = was.iter().map(|was| ChangedClaim {
        was: *was,
        is: are.iter().find(|is| is.id == was.id).copied(),
    });
    changed
        .filter(|claim| claim.is != Some(claim.was))
        .collect()
}

fn new_claims(are: &[Claim]) -> Vec<Claim> {
    let new = are.iter().filter(|claim| claim.id == Claim::UNSTORED);
    new.copied().collect()
}

/// The jobs that a change leads to.
pub(crate) fn jobs(change: &Change, was: &Standing, is: &Booking, mails: bool) -> Vec<QueuedJob> {
    let mut jobs = change.with.jobs.clone();
    if was.booking.status == BookingStatus::Confirmed && !mistaken!(CancelUnread) {
        jobs.extend(change.with.if_confirmed.clone());
    }
    if mails {
        jobs.extend(self::mails(was, is, &change.transition));
    }
    jobs
}

/// Mails about a change, to the buyer, if there is an address, and to those who hold its tickets.
fn mails(was: &Standing, is: &Booking, transition: &Transition) -> Vec<QueuedJob> {
    let Standing {
        booking: was,
        has_address,
        ..
    } = was;
    let by_staff = match transition {
        Transition::Cancel { by, .. } | Transition::Release { by, .. } => *by == Canceller::Staff,
        _ => false,
    };
    let mut jobs = Vec::new();
    match is.status {
        BookingStatus::Confirmed if *has_address && was.status != is.status => {
            jobs.push(confirmation_job(is.id, is.event_id))
        }
        BookingStatus::Cancelled if *has_address && by_staff => {
            jobs.push(cancellation_job(is.id, is.event_id))
        }
        _ => {}
    }
    for (before, after) in was.tickets.iter().zip(&is.tickets) {
        if before.status == TicketStatus::Transferred && after.status == TicketStatus::Void {
            jobs.push(ticket_void_job(&before.code, is.event_id));
        }
    }
    jobs
}

/// Tells somebody of an offer. Each offer has its own: one that staff withdrew may be followed by another.
fn offer_mail(waiting: WaitingId, booking: BookingId) -> QueuedJob {
    QueuedJob {
        kind: OFFER_MAIL,
        key: offer_mail_key(booking),
        payload: serde_json::json!({ "waiting_id": waiting, "booking_id": booking }),
        worth: OFFER_MAIL_WORTH,
    }
}

fn name(key: &IdempotencyKey) -> (String, String) {
    (key.scope.clone(), key.digest.clone())
}

fn unwritten(event: EventId, once: Once<Arc<Booking>>) -> CommandDecision {
    CommandDecision::Effect(CommandEffect {
        event,
        answer: Pending::Booking(once),
        writes: Writes::default(),
    })
}

fn ended(event_id: EventId, hold: &OverdueHold) -> ChangedBooking {
    ChangedBooking {
        id: hold.booking_id,
        event_id,
        from: BookingStatus::Pending,
        to: BookingStatus::Expired,
        cancel_reason: None,
        confirmed_at: None,
        paid_by: None,
        payment_id: None,
        sold_to: None,
        expires_at: None,
        extended_at: None,
        processing_since: None,
        kind: None,
        contents: None,
        claims: changed_claims(&hold.claims, &[]),
        new_claims: Vec::new(),
        new_tickets: Vec::new(),
        void: Vec::new(),
    }
}

fn booked(
    event_id: EventId,
    id: BookingId,
    user_id: Option<UserId>,
    grant: &Grant,
    stock: &Stock,
    reference: String,
    now: Timestamp,
) -> Booking {
    let confirmed = grant.claim_state() == ClaimState::Sold;
    let (status, expires_at) = match grant.terms {
        Terms::Pending { expires_at } => (BookingStatus::Pending, Some(expires_at)),
        Terms::Confirmed => (BookingStatus::Confirmed, None),
    };
    let lines = grant.lines.iter();
    Booking {
        id,
        version: 1,
        reference,
        event_id,
        user_id,
        status,
        kind: grant.kind,
        quantity: grant.quantity,
        total: grant.total(stock),
        items: grant.items(stock),
        lines: grant.price_lines(),
        tickets: match confirmed {
            true => lines
                .flat_map(|line| tickets(line.ticket_type_id, line.quantity, &line.seats, now))
                .collect(),
            false => Vec::new(),
        },
        expires_at,
        created_at: now,
        confirmed_at: confirmed.then_some(now),
        paid_by: None,
        payment_id: None,
        extended_at: None,
        processing_since: None,
        cancel_reason: None,
        payment: None,
    }
}

/// In the order of the claims, in which the names of those who come are counted.
fn claimed_tickets(claims: &[Claim], now: Timestamp) -> Vec<Ticket> {
    let of = |claim: &Claim| {
        let seats: Vec<SeatId> = claim.seat_id.into_iter().collect();
        tickets(claim.ticket_type_id, claim.quantity, &seats, now)
    };
    let claims = Claim::in_order(claims);
    claims.iter().flat_map(of).collect()
}

/// One ticket for each unit or seat.
fn tickets(
    ticket_type_id: TicketTypeId,
    quantity: i64,
    seats: &[SeatId],
    now: Timestamp,
) -> Vec<Ticket> {
    let mut random = rand::rng();
    let seats = seats.iter().map(|seat| Some(*seat));
    let units = usize::try_from(quantity).unwrap_or(0);
    seats
        .chain(std::iter::repeat(None))
        .take(units)
        .map(|seat_id| Ticket {
            code: ticket_code(now, &mut random),
            ticket_type_id,
            seat_id,
            status: TicketStatus::Valid,
            offer: None,
        })
        .collect()
}
