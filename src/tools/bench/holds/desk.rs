//! Buyers and staff at the desk itself, without HTTP.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::selling::{Act, BenchBuyer, Pile};
use crate::config::Config;
use crate::desk::{self, Book, Change};
use crate::lang::Lang;
use crate::store::Store;
use crate::store::yardstick::StagedEvent;
use crate::ticketing::booking::{self, Item, Sells, Wish};
use crate::ticketing::record::PaidBy;
use crate::ticketing::stock::Share;
use crate::ticketing::transition::{Canceller, Paid, Transition};
use crate::ticketing::{BookingId, EventId};
use crate::tools::bench::BenchError;
use crate::tools::bench::world::BenchWorld;

/// A desk in this process, until [`DeskSeller::close`].
pub(super) struct DeskSeller {
    desk: desk::Desk,
    end: CancellationToken,
    tasks: TaskTracker,
}

impl DeskSeller {
    pub(super) fn open(world: &BenchWorld, store: &Store) -> DeskSeller {
        // Its workers are tasks of this runtime.
        let _entered = world.runtime.enter();
        let (end, tasks) = (CancellationToken::new(), TaskTracker::new());
        let config = Config::default().desk;
        DeskSeller {
            desk: desk::Desk::new(store.clone(), config, false, tasks.clone(), end.clone()),
            end,
            tasks,
        }
    }

    pub(super) fn buyers(
        &self,
        buyers: usize,
        stages: &Arc<Vec<StagedEvent>>,
        pile: &Pile,
    ) -> Vec<DeskBuyer> {
        let buyer = DeskBuyer {
            desk: self.desk.clone(),
            stages: stages.clone(),
            pile: pile.clone(),
        };
        vec![buyer; buyers]
    }

    pub(super) fn close(self, world: &BenchWorld) {
        self.end.cancel();
        self.tasks.close();
        world.runtime.block_on(self.tasks.wait());
    }
}

/// Holds one ticket of the first type of any of the events; confirms and cancels as staff.
#[derive(Clone)]
pub(super) struct DeskBuyer {
    desk: desk::Desk,
    stages: Arc<Vec<StagedEvent>>,
    pile: Pile,
}

impl DeskBuyer {
    fn book(&self) -> Book {
        let stage = &self.stages[rand::random_range(0..self.stages.len())];
        let one = Item::Quantity {
            ticket_type_id: stage.ticket_types[0],
            quantity: 1,
        };
        Book {
            event_id: stage.event,
            request: booking::Request {
                booking_id: BookingId(Uuid::now_v7()),
                buyer: None,
                guest: None,
                share: Share::default(),
                sells: Sells::Nowhere,
                member: false,
                wish: Wish::Items(vec![one]),
                email_proven: false,
                expected_total: None,
                vouchers: Vec::new(),
                least_charge: false,
            },
            token_hash: Some([0; 32]),
            contact: None,
            attendees: Vec::new(),
            answers: None,
            key: None,
            lang: Lang::En,
        }
    }

    /// The booking with which it was done.
    async fn ask(&self, act: Act) -> Option<(desk::Outcome, (EventId, BookingId))> {
        if act == Act::Book {
            let book = self.book();
            let booking = (book.event_id, book.request.booking_id);
            return Some((self.desk.book(book).await, booking));
        }
        let (event_id, booking_id) = self.pile.take(act)?;
        let transition = match act {
            Act::Confirm => Transition::Confirm {
                paid: Paid::ByStaff(PaidBy::Cash),
            },
            _ => Transition::Cancel {
                by: Canceller::Staff,
                reason: None,
                as_unpaid: false,
            },
        };
        let change = Change::new(event_id, booking_id, transition);
        let outcome = self.desk.change(change).await;
        Some((outcome, (event_id, booking_id)))
    }
}

impl BenchBuyer for DeskBuyer {
    async fn act(&mut self, act: Act) -> Result<bool, BenchError> {
        let Some((outcome, booking)) = self.ask(act).await else {
            return Ok(false);
        };
        outcome.map_err(|_| BenchError::Child("the desk refused a command"))?;
        self.pile.put(act, booking);
        Ok(true)
    }
}
