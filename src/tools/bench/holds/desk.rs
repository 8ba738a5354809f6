//! Buyers who ask the desk itself: booking without HTTP.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::selling::{Act, Buyer};
use crate::config::Config;
use crate::desk::{self, Book};
use crate::store::Store;
use crate::store::yardstick::Stage;
use crate::ticketing::booking::{self, Item, Wish};
use crate::tools::bench::BenchError;
use crate::tools::bench::world::World;

/// A desk in this process, until [`Desk::close`].
pub(super) struct Desk {
    desk: desk::Desk,
    end: CancellationToken,
    tasks: TaskTracker,
}

impl Desk {
    pub(super) fn open(world: &World, store: &Store) -> Desk {
        // Its workers are tasks of this runtime.
        let _entered = world.runtime.enter();
        let (end, tasks) = (CancellationToken::new(), TaskTracker::new());
        let config = Config::default().desk;
        Desk {
            desk: desk::Desk::new(store.clone(), config, tasks.clone(), end.clone()),
            end,
            tasks,
        }
    }

    pub(super) fn buyers(&self, buyers: usize, stages: &Arc<Vec<Stage>>) -> Vec<DeskBuyer> {
        let buyer = DeskBuyer {
            desk: self.desk.clone(),
            stages: stages.clone(),
        };
        vec![buyer; buyers]
    }

    pub(super) fn close(self, world: &World) {
        self.end.cancel();
        self.tasks.close();
        world.runtime.block_on(self.tasks.wait());
    }
}

/// Holds one ticket of the first type of any of the events.
#[derive(Clone)]
pub(super) struct DeskBuyer {
    desk: desk::Desk,
    stages: Arc<Vec<Stage>>,
}

impl Buyer for DeskBuyer {
    async fn act(&mut self, act: Act) -> Result<bool, BenchError> {
        if act != Act::Book {
            return Err(BenchError::Child("the desk only books"));
        }
        let stage = &self.stages[rand::random_range(0..self.stages.len())];
        let one = Item::Quantity {
            ticket_type_id: stage.ticket_types[0],
            quantity: 1,
        };
        let booking_id = Uuid::now_v7();
        let request = Book {
            event_id: stage.event,
            request: booking::Request {
                booking_id,
                buyer: None,
                member: false,
                wish: Wish::Items(vec![one]),
            },
            token_hash: Some([0; 32]),
            key: None,
        };
        let held = self.desk.book(request).await;
        held.map_err(|_| BenchError::Child("the desk refused a hold"))?;
        Ok(true)
    }
}
