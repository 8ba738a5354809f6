//! A batch against the stock of its event: what must be asked, and what is decided. No I/O.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::{BookingAnswer, BookingRequest, DeskError, Outcome};
use crate::store::desk::{NewBooking, Questions, Turn};
use crate::store::idempotency::{IdempotencyKey, Recalled, StoredAnswer};
use crate::ticketing::Revision;
use crate::ticketing::booking::{self, Grant, GrantLine, Item, Terms, Wish};
use crate::ticketing::record::{
    BookedSeat, Booking, BookingItem, BookingStatus, Money, Ticket, TicketStatus,
};
use crate::ticketing::reference::{booking_reference, ticket_code};
use crate::ticketing::stock::{ClaimState, Stock};

/// Candidates for references beyond one a request: some will be taken.
const SPARE_REFERENCES: usize = 8;

/// What must be read before these requests can be decided.
pub(super) fn questions(requests: &[BookingRequest]) -> Questions {
    let mut random = rand::rng();
    let candidates = 0..requests.len() + SPARE_REFERENCES;
    let mut questions = Questions {
        references: candidates.map(|_| booking_reference(&mut random)).collect(),
        ..Questions::default()
    };
    for BookingRequest { request, key, .. } in requests {
        questions.buyers.extend(request.buyer);
        questions.keys.extend(key.clone());
        match &request.wish {
            Wish::Cheapest { .. } => questions.every_ticket_type = true,
            Wish::Items(items) => items.iter().for_each(|item| match *item {
                Item::Seat { seat_id } => questions.seats.push(seat_id),
                Item::Quantity { ticket_type_id, .. }
                | Item::BestAvailable { ticket_type_id, .. } => {
                    questions.ticket_types.push(ticket_type_id);
                }
            }),
        }
    }
    questions
}

/// What a batch came to, before it is committed.
pub(super) struct Decided {
    pub(super) new: Vec<NewBooking>,
    verdicts: Vec<Result<Seen, DeskError>>,
}

enum Seen {
    /// The booking of `new` with this index; replayed for a second request with its key.
    Here { index: usize, replayed: bool },
    /// A booking of an earlier batch.
    Before(Box<Booking>),
}

/// Decides the requests in their order, each against what those before it left.
pub(super) fn decide<'a>(
    turn: &'a mut Turn,
    references: Vec<String>,
    requests: &'a [BookingRequest],
) -> Decided {
    let taken: BTreeSet<&String> = turn.references_taken.iter().collect();
    let free: BTreeSet<String> = references
        .into_iter()
        .filter(|reference| !taken.contains(reference))
        .collect();
    let mut batch = Batch {
        now: turn.now,
        stock: &mut turn.stock,
        stored: &turn.stored,
        made: HashMap::new(),
        references: free.into_iter(),
        new: Vec::new(),
    };
    let verdicts = requests.iter().map(|request| batch.decide(request));
    let verdicts = verdicts.collect();
    Decided {
        new: batch.new,
        verdicts,
    }
}

impl Decided {
    /// One outcome a request, after the commit.
    pub(super) fn outcomes(self, revision: Revision, now: Timestamp) -> Vec<Outcome> {
        let new = self.new;
        let answer = |seen: Seen| {
            let (booking, replayed) = match seen {
                Seen::Here { index, replayed } => (new[index].booking.clone(), replayed),
                Seen::Before(booking) => (*booking, true),
            };
            BookingAnswer {
                booking,
                revision,
                now,
                replayed,
            }
        };
        let verdicts = self.verdicts.into_iter();
        verdicts.map(|verdict| verdict.map(answer)).collect()
    }
}

struct Batch<'a> {
    now: Timestamp,
    stock: &'a mut Stock,
    stored: &'a HashMap<(String, String), StoredAnswer>,
    /// Index into `new` of what this batch made, by scope and digest of the key.
    made: HashMap<(&'a str, &'a str), usize>,
    references: std::collections::btree_set::IntoIter<String>,
    new: Vec<NewBooking>,
}

impl<'a> Batch<'a> {
    fn decide(&mut self, request: &'a BookingRequest) -> Result<Seen, DeskError> {
        if let Some(key) = &request.key
            && let Some(seen) = self.recall(key)?
        {
            return Ok(seen);
        }
        let grant = booking::decide(self.stock, &request.request, self.now)?;
        let booking = self.book(request, &grant);
        let index = self.new.len();
        if let Some(key) = &request.key {
            self.made.insert((&key.scope, &key.digest), index);
        }
        self.new.push(NewBooking {
            booking,
            state: grant.claim_state(),
            token_hash: request.token_hash,
            key: request.key.clone(),
        });
        let replayed = false;
        Ok(Seen::Here { index, replayed })
    }

    /// The booking that was made before under this key.
    fn recall(&self, key: &IdempotencyKey) -> Result<Option<Seen>, DeskError> {
        if let Some(index) = self.made.get(&(key.scope.as_str(), key.digest.as_str())) {
            let (index, replayed) = (*index, true);
            return match self.new[index].key.as_ref() == Some(key) {
                true => Ok(Some(Seen::Here { index, replayed })),
                false => Err(DeskError::IdempotencyMismatch),
            };
        }
        let stored = self.stored.get(&(key.scope.clone(), key.digest.clone()));
        match key.judge(stored.cloned()) {
            Recalled::New => Ok(None),
            Recalled::Mismatch => Err(DeskError::IdempotencyMismatch),
            Recalled::Replay(answer) => match serde_json::from_value(answer.response) {
                Ok(booking) => Ok(Some(Seen::Before(Box::new(booking)))),
                Err(error) => {
                    tracing::error!(%error, "a stored answer cannot be read");
                    Err(DeskError::Internal)
                }
            },
        }
    }

    fn book(&mut self, request: &BookingRequest, grant: &Grant) -> Booking {
        let mut random = rand::rng();
        let reference = self.references.next();
        let confirmed = grant.claim_state() == ClaimState::Sold;
        let (status, expires_at) = match grant.terms {
            Terms::Pending { expires_at } => (BookingStatus::Pending, Some(expires_at)),
            Terms::Confirmed => (BookingStatus::Confirmed, None),
        };
        Booking {
            id: request.request.booking_id,
            version: 1,
            // Out of checked ones: the constraint judges, and the batch is decided again.
            reference: reference.unwrap_or_else(|| booking_reference(&mut random)),
            event_id: request.event_id,
            user_id: request.request.buyer,
            status,
            quantity: grant.quantity,
            total: self.money(grant.total_amount),
            items: grant.lines.iter().map(|line| self.item(line)).collect(),
            tickets: match confirmed {
                true => grant
                    .lines
                    .iter()
                    .flat_map(|line| self.tickets(line))
                    .collect(),
                false => Vec::new(),
            },
            expires_at,
            created_at: self.now,
            confirmed_at: confirmed.then_some(self.now),
            cancel_reason: None,
        }
    }

    fn money(&self, amount: i64) -> Money {
        Money {
            amount,
            currency: self.stock.event.currency.clone(),
        }
    }

    fn item(&self, line: &GrantLine) -> BookingItem {
        let terms = self.stock.ticket_types.get(&line.ticket_type_id);
        let seats = line.seats.iter().filter_map(|id| {
            let seat = self.stock.seats.get(id)?;
            Some(BookedSeat {
                id: *id,
                section: seat.section.clone(),
                row: seat.row.clone(),
                number: seat.number.clone(),
            })
        });
        BookingItem {
            ticket_type_id: line.ticket_type_id,
            name: terms.map(|terms| terms.name.clone()).unwrap_or_default(),
            quantity: line.quantity,
            unit_price: self.money(line.unit_amount),
            seats: seats.collect(),
        }
    }

    /// One a unit, or one a seat.
    fn tickets(&self, line: &GrantLine) -> Vec<Ticket> {
        let mut random = rand::rng();
        let seats = line.seats.iter().map(|seat| Some(*seat));
        let units = usize::try_from(line.quantity).unwrap_or(0);
        seats
            .chain(std::iter::repeat(None))
            .take(units)
            .map(|seat_id| Ticket {
                code: ticket_code(self.now, &mut random),
                ticket_type_id: line.ticket_type_id,
                seat_id,
                status: TicketStatus::Valid,
            })
            .collect()
    }
}
