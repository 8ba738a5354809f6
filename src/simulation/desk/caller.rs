//! A caller who books, confirms or cancels, stops waiting after a while, and comes back with the same key.

use std::sync::Arc;
use std::task::Poll;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::ledger::{CODE, GUESTS_SHARE, Ledger, OFFENCE};
use super::{DeskCheck, DeskWorld, FAULTS_MS, PATIENCE_MS, node, now_ms, pause, rest};
use crate::desk::clock::STOOD_STILL;
use crate::desk::worker::Enqueued;
use crate::desk::{
    Answer, Book, Change, Command, CommandSaid, CommandVerdict, DeskError, Outcome, Withdraw,
};
use crate::store::idempotency::{IdempotencyKey, Once};
use crate::store::seats::SeatsChange;
use crate::ticketing::booking::{Item, Request, Sells, Wish};
use crate::ticketing::record::{Booking, BookingStatus, PaidBy};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::{GuestHash, Share};
use crate::ticketing::transition::{Canceller, Paid, Releases, Transition};
use crate::ticketing::{BookingId, EventId, PaymentId, SeatId, TicketTypeId, UserId, WaitingId};

/// How often a caller sends the same request while its outcome is unknown.
const TRIES_MAX: usize = 5;

pub(super) struct DeskCaller {
    world: DeskWorld,
    user: UserId,
    /// Without an account, at an address that others have as well.
    guest: Option<GuestHash>,
}

/// The booking that a caller wants.
struct Errand {
    event: EventId,
    quantity: i64,
    key: Option<String>,
    /// They know the code of the voucher that sets tickets aside.
    has_code: bool,
    /// A seat that they want in place of units.
    seat: Option<SeatId>,
}

impl DeskCaller {
    pub(super) fn new(world: &DeskWorld, number: usize) -> DeskCaller {
        DeskCaller {
            world: world.clone(),
            user: UserId(100 + number as i64),
            guest: (number % 2 == 1).then_some(GuestHash([(number % 4) as u8; 16])),
        }
    }

    pub(super) async fn live(self) {
        while now_ms() < FAULTS_MS {
            let (ms, errand) = self.world.with(|shared| {
                let dice = &mut shared.dice;
                let ms = dice.between(10, 1_500);
                let events = shared.ledger.events() as usize;
                let key = dice
                    .percent(80)
                    .then(|| dice.between(0, u64::MAX / 2).to_string());
                let mut errand = Errand {
                    event: EventId(1 + dice.below(events) as i64),
                    quantity: match dice.percent(6) {
                        true => OFFENCE,
                        false => dice.between(1, 3) as i64,
                    },
                    key,
                    has_code: dice.percent(35),
                    seat: None,
                };
                if dice.percent(25) {
                    errand.quantity = 1;
                    errand.has_code = false;
                    errand.seat = Some(Ledger::seat(errand.event, dice.between(0, 100) as i64));
                }
                (ms, errand)
            });
            pause(ms).await;
            match self.book(&errand).await {
                Some(booking) => self.go_on(&booking, errand.has_code).await,
                None if self.guest.is_none()
                    && errand.quantity < OFFENCE
                    && errand.seat.is_none() =>
                {
                    self.wait(&errand).await
                }
                None => {}
            }
        }
    }

    /// Books, and repeats the request while its outcome is unknown.
    async fn book(&self, errand: &Errand) -> Option<Arc<Booking>> {
        let mut attempts: Vec<BookingId> = Vec::new();
        let mut booked: Option<Arc<Booking>> = None;
        for _ in 0..TRIES_MAX {
            let id = self
                .world
                .with(|shared| BookingId(Uuid::from_u128(shared.id().into())));
            attempts.push(id);
            let sent_ms = now_ms();
            let command = Command::Book(Box::new(self.request(errand, id)));
            let verdict = self.ask(id, command).await;
            match verdict {
                Some(Ok(Once::Made(answer) | Once::Replayed(answer))) => {
                    if errand.quantity == OFFENCE {
                        self.world.fail(DeskCheck::Company, "an offence was sold");
                    }
                    booked = Some(answer.booking);
                    break;
                }
                Some(Ok(other)) => self.world.fail(DeskCheck::Once, format!("{other:?}")),
                Some(Err(DeskError::Refused(refusal))) => {
                    self.judge(errand, &refusal, sent_ms);
                    let may_pass =
                        matches!(refusal, Refusal::Busy { .. } | Refusal::TooLate { .. });
                    if !may_pass {
                        break;
                    }
                }
                // The outcome is not known.
                Some(Err(_)) | None if errand.key.is_none() => break,
                Some(Err(_)) | None => {}
            }
            let ms = self.world.with(|shared| shared.dice.between(5, 400));
            pause(ms).await;
        }
        self.world.with(|shared| {
            let made = attempts
                .iter()
                .filter(|id| shared.ledger.booking(**id).is_some());
            let made = made.count();
            if errand.key.is_some() && made > 1 {
                shared.fail(DeskCheck::Once, format!("{made} bookings for one key"));
            }
        });
        booked
    }

    fn other_request(&self, booking: &Booking, has_code: bool) -> Request {
        let quantity = self.world.with(|shared| shared.dice.between(1, 5) as i64);
        let errand = Errand {
            event: booking.event_id,
            quantity,
            key: None,
            has_code,
            seat: None,
        };
        self.request(&errand, booking.id).request
    }

    fn request(&self, errand: &Errand, booking_id: BookingId) -> Book {
        let item = match errand.seat {
            Some(seat_id) => Item::Seat { seat_id },
            None => Item::Quantity {
                ticket_type_id: TicketTypeId(errand.event.0),
                quantity: errand.quantity,
            },
        };
        let scope = format!("user {}", self.user);
        let key = errand.key.as_ref();
        Book {
            event_id: errand.event,
            request: Request {
                booking_id,
                buyer: self.guest.is_none().then_some(self.user),
                guest: self.guest,
                share: match self.guest {
                    Some(_) => GUESTS_SHARE,
                    None => Share::default(),
                },
                sells: Sells::Nowhere,
                member: false,
                wish: Wish::Items(vec![item]),
                email_proven: false,
                expected_total: None,
                vouchers: errand
                    .has_code
                    .then(|| CODE.to_owned())
                    .into_iter()
                    .collect(),
                least_charge: false,
            },
            token_hash: None,
            contact: None,
            attendees: Vec::new(),
            answers: None,
            key: key.map(|key| IdempotencyKey::new(scope, key, [0; 32])),
            lang: crate::lang::Lang::En,
        }
    }

    /// Checks that no tickets were refused that were free all the time.
    fn judge(&self, errand: &Errand, refusal: &Refusal, sent_ms: u64) {
        if let Some(seat) = errand.seat {
            let is_taken = matches!(refusal, Refusal::SeatTaken { .. });
            return self.world.with(|shared| {
                if is_taken && !shared.ledger.was_busy(seat, sent_ms).0 {
                    let what = format!("seat {seat} was refused, which was free all the time");
                    shared.fail(DeskCheck::Stock, what);
                }
            });
        }
        let is_about_stock = matches!(
            refusal,
            Refusal::SoldOut { .. }
                | Refusal::NotEnoughLeft { .. }
                | Refusal::TicketTypeSoldOut { .. }
                | Refusal::EventAtCapacity { .. }
        );
        if !is_about_stock {
            return;
        }
        self.world.with(|shared| {
            let left = (shared.ledger).least_left(errand.event, sent_ms, errand.has_code);
            if left >= errand.quantity {
                let what = format!(
                    "{} of event {} refused with {left} left",
                    errand.quantity, errand.event
                );
                shared.fail(DeskCheck::Stock, what);
            }
        });
    }

    /// Waits for an offer for a while, and accepts or declines it, or does not answer.
    async fn wait(&self, errand: &Errand) {
        let id = self.world.with(|shared| {
            let id = WaitingId(shared.id() as i64);
            let ledger = &mut shared.ledger;
            ledger.wait(id, errand.event, self.user, errand.quantity);
            id
        });
        for _ in 0..8 {
            let ms = self.world.with(|shared| shared.dice.between(100, 900));
            pause(ms).await;
            let (offered, roll) = self.world.with(|shared| {
                let offered = shared.ledger.offered(id).cloned();
                (offered, shared.dice.between(0, 3))
            });
            let Some(booking) = offered else { continue };
            let sent_ms = now_ms();
            match roll {
                0 => {
                    self.change(&booking, &Transition::Accept, false, sent_ms)
                        .await;
                }
                1 => {
                    let decline = Transition::Release {
                        by: Canceller::Owner,
                        reason: None,
                        only: Releases::Offers,
                    };
                    self.change(&booking, &decline, false, sent_ms).await;
                }
                _ => {}
            }
            return;
        }
        while !self.world.with(|shared| shared.ledger.leave(id)) {
            pause(10).await;
        }
    }

    /// Pays to staff, cancels, or lets the hold run out, and perhaps pays after that.
    async fn go_on(&self, booking: &Booking, has_code: bool) {
        let (ms, roll, later_ms) = self.world.with(|shared| {
            let dice = &mut shared.dice;
            let ms = dice.between(1, 3_500);
            (ms, dice.between(0, 100), dice.between(3_000, 6_000))
        });
        pause(ms).await;
        let transition = match roll {
            0..35 => Transition::Confirm {
                paid: Paid::ByStaff(PaidBy::Cash),
            },
            35..60 => Transition::Cancel {
                by: Canceller::Owner,
                reason: None,
                as_unpaid: false,
            },
            60..70 => Transition::Release {
                by: Canceller::Staff,
                reason: Some("withdrawn".to_owned()),
                only: Releases::Any,
            },
            70..78 => Transition::Extend,
            // Their seats may be somebody else's by then; `tests/it` has what becomes of the money.
            78..98 if has_seats(booking) => return,
            78..92 => {
                pause(later_ms).await;
                Transition::Reclaim {
                    payment: PaymentId(booking.id.0),
                    amount: booking.total.clone(),
                    seats: Vec::new(),
                    instead_of: None,
                }
            }
            92..98 => Transition::Swap(Box::new(self.other_request(booking, has_code))),
            _ => return,
        };
        let sent_ms = now_ms();
        if self.change(booking, &transition, has_code, sent_ms).await && roll < 20 {
            let tickets = self.world.with(|shared| {
                let stored = shared.ledger.booking(booking.id)?;
                Some(stored.tickets.first()?.code.clone())
            });
            let refund = Transition::Refund {
                tickets: tickets.map(|code| [code].into()),
                used_too: false,
                by_owner: false,
            };
            self.change(booking, &refund, has_code, sent_ms).await;
        }
    }

    /// Asks for a change until its outcome is known; answers whether it was made.
    async fn change(
        &self,
        booking: &Booking,
        transition: &Transition,
        has_code: bool,
        sent_ms: u64,
    ) -> bool {
        for _ in 0..TRIES_MAX {
            let change = Change::new(booking.event_id, booking.id, transition.clone());
            let command = Command::Change(Box::new(change));
            match self.ask(booking.id, command).await {
                Some(Ok(Once::Made(answer) | Once::Replayed(answer))) => {
                    let status = answer.booking.status;
                    let is_part = matches!(transition, Transition::Refund { .. })
                        && status == BookingStatus::Confirmed;
                    if status != transition.to() && !is_part {
                        let what = format!("{:?} is answered {:?}", transition, answer.booking);
                        self.world.fail(DeskCheck::Answers, what);
                    }
                    return true;
                }
                Some(Err(DeskError::Refused(
                    Refusal::HoldsExceeded { .. }
                    | Refusal::PendingBookingExists { .. }
                    | Refusal::VoucherEnded { .. },
                ))) => return false,
                Some(Err(DeskError::Refused(
                    refusal @ (Refusal::NotEnoughLeft { .. }
                    | Refusal::TicketTypeSoldOut { .. }
                    | Refusal::EventAtCapacity { .. }
                    | Refusal::SoldOut { .. }),
                ))) => {
                    // The booking's own units are free for its swap.
                    let quantity = match transition {
                        Transition::Swap(request) => wanted(request) - booking.quantity,
                        _ => booking.quantity,
                    };
                    let errand = Errand {
                        event: booking.event_id,
                        quantity,
                        key: None,
                        has_code,
                        seat: None,
                    };
                    self.judge(&errand, &refusal, sent_ms);
                    return false;
                }
                Some(Err(DeskError::Refused(Refusal::InvalidTransition { from, .. }))) => {
                    let known = [BookingStatus::Expired, BookingStatus::Confirmed];
                    let withdrawn = from == BookingStatus::Cancelled && has_seats(booking);
                    if !known.contains(&from) && !withdrawn {
                        let what = format!("a booking that was held is {from:?}");
                        self.world.fail(DeskCheck::Answers, what);
                    }
                    return false;
                }
                Some(Err(DeskError::Refused(Refusal::BookingNotFound))) => {
                    let what = format!("{} is not found", booking.id);
                    self.world.fail(DeskCheck::Answers, what);
                }
                _ => {}
            }
        }
        false
    }

    /// Asks about a booking. `None`: there was no answer in time.
    async fn ask(&self, id: BookingId, command: Command) -> Option<Outcome> {
        let said: Outcome = self.say(id, command).await?.map(|said| match said {
            CommandSaid::Booking(once) => *once,
            CommandSaid::Expired(_) | CommandSaid::Withdrawn(_) => {
                panic!("an answer to somebody else")
            }
        });
        self.check(&said);
        Some(said)
    }

    /// As staff: takes seats off sale by force now and then, and puts them back.
    pub(super) async fn withdraw(self) {
        while now_ms() < FAULTS_MS {
            let (ms, event, seats, back_ms) = self.world.with(|shared| {
                let events = shared.ledger.events() as usize;
                let dice = &mut shared.dice;
                let ms = dice.between(100, 3_000);
                let event = EventId(1 + dice.below(events) as i64);
                let first = dice.between(0, 100) as i64;
                let count = dice.between(1, 3) as i64;
                let seats = (first..first + count).map(|nth| Ledger::seat(event, nth));
                (ms, event, seats.collect(), dice.between(100, 2_000))
            });
            pause(ms).await;
            self.block(event, seats).await;
            pause(back_ms).await;
            while !self.world.with(|shared| shared.ledger.unblock(event)) {
                pause(10).await;
            }
        }
    }

    /// The holder of one of the seats loses it; a seat that was sold keeps all of them on sale.
    async fn block(&self, event_id: EventId, seats: Vec<SeatId>) {
        let change = SeatsChange {
            seats: seats.clone(),
            blocked: Some(true),
            ticket_type: None,
        };
        let withdraw = Withdraw {
            event_id,
            change,
            audit: None,
        };
        let id = self
            .world
            .with(|shared| BookingId(Uuid::from_u128(shared.id().into())));
        let sent_ms = now_ms();
        let said = self.say(id, Command::Withdraw(Box::new(withdraw))).await;
        self.world.with(|shared| {
            let was_sold = |seat: &SeatId| shared.ledger.was_busy(*seat, sent_ms).1;
            let is_free = |seat: &SeatId| !shared.ledger.is_off_sale(*seat);
            let what = match said {
                Some(Ok(CommandSaid::Withdrawn(_))) => seats
                    .iter()
                    .any(is_free)
                    .then(|| format!("{seats:?} are answered off sale, and are not")),
                Some(Err(DeskError::Refused(
                    Refusal::SeatTaken { .. } | Refusal::InvalidTransition { .. },
                ))) => (!seats.iter().any(was_sold))
                    .then(|| format!("{seats:?} stay on sale, and none of them was sold")),
                _ => None,
            };
            if let Some(what) = what {
                shared.fail(DeskCheck::Stock, what);
            }
        });
    }

    /// Sends a command to a node and waits for its answer. `None`: there was none in time.
    async fn say(&self, id: BookingId, command: Command) -> Option<CommandVerdict> {
        let (to, number) = self.world.with(|shared| {
            let nodes = shared.nodes.len();
            (shared.dice.below(nodes), shared.id())
        });
        self.world.travel().await;
        // The request is in the node's socket, unless the node is dead.
        let incarnation = self.world.with(|shared| {
            let node = &shared.nodes[to];
            node.is_alive().then_some(node.incarnation)
        })?;
        // A caller waits longer than the desk's patience, by the longest standstill that a node does not notice.
        let leaves_ms = now_ms() + PATIENCE_MS + STOOD_STILL.as_millis() as u64;
        self.world.with(|shared| {
            let leaves = shared.leaves_ms.entry(id).or_default();
            *leaves = leaves_ms.max(*leaves);
            shared.tell(|| format!("caller {} asks node {to}: {command:?}", self.user));
        });
        let (verdict, answer) = oneshot::channel();
        let world = self.world.clone();
        self.world.spawn(Some(to), async move {
            let Some(enqueued) = node::read(&world, to, command) else {
                return;
            };
            world.with(|shared| shared.unanswered.insert(number, (to, incarnation)));
            let Enqueued { verdict: said, .. } = enqueued;
            let said = said.await;
            world.with(|shared| shared.unanswered.remove(&number));
            match said {
                Ok(said) => drop(verdict.send(said)),
                Err(_) => world.fail(DeskCheck::Answers, format!("node {to} drops a command")),
            }
        });
        let said = until(answer, leaves_ms).await?;
        self.world
            .with(|shared| shared.tell(|| format!("caller {} hears {said:?}", self.user)));
        Some(said)
    }

    /// Checks that an answer says what is committed, and reports no fault of another command.
    fn check(&self, said: &Outcome) {
        match said {
            Ok(Once::Made(answer)) => self.check_made(answer),
            Err(DeskError::Internal) => {
                self.world.fail(DeskCheck::Company, format!("{said:?}"));
            }
            _ => {}
        }
    }

    fn check_made(&self, answer: &Answer) {
        self.world.with(|shared| {
            let id = answer.booking.id;
            let Some(stored) = shared.ledger.booking(id).cloned() else {
                return shared.fail(
                    DeskCheck::Answers,
                    format!("{id} was answered and is not there"),
                );
            };
            let committed = shared.ledger.committed(id);
            if stored.version < answer.booking.version {
                shared.fail(
                    DeskCheck::Answers,
                    format!("{id} has a lower version than answered"),
                );
            }
            if stored.version == answer.booking.version
                && (stored.status != answer.booking.status || committed != Some(answer.revision))
            {
                let what = format!("{id} is not as it was answered: {stored:?}, {answer:?}");
                shared.fail(DeskCheck::Answers, what);
            }
            if shared.ledger.revision(answer.booking.event_id) < answer.revision {
                shared.fail(
                    DeskCheck::Answers,
                    format!("{id} has a revision of the future"),
                );
            }
        });
    }
}

fn has_seats(booking: &Booking) -> bool {
    booking.items.iter().any(|item| !item.seats.is_empty())
}

fn wanted(request: &Request) -> i64 {
    match &request.wish {
        Wish::Cheapest { quantity } => *quantity,
        Wish::Items(items) => items
            .iter()
            .map(|item| match item {
                Item::Seat { .. } => 1,
                Item::Quantity { quantity, .. } | Item::BestAvailable { quantity, .. } => *quantity,
            })
            .sum(),
    }
}

/// The answer, if it comes until then.
async fn until<T>(mut answer: oneshot::Receiver<T>, until_ms: u64) -> Option<T> {
    std::future::poll_fn(|context| {
        if let Poll::Ready(said) = std::pin::Pin::new(&mut answer).poll(context) {
            return Poll::Ready(said.ok());
        }
        if now_ms() >= until_ms {
            return Poll::Ready(None);
        }
        rest(until_ms - now_ms());
        Poll::Pending
    })
    .await
}
