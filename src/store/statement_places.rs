//! Bounds how many shared statements are under way at once. More of them would only share the processor of a database that is
//! busy: each would take longer, for fewer requests. So the next one waits, and its requests gather meanwhile.

use std::pin::pin;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, select};
use tokio::sync::Semaphore;

/// Places, where this machine has fewer processors: one statement is on its way while another one is carried out.
const PLACES_MIN: usize = 2;
/// A statement that takes longer waits for something else than the processor: a lock, the network, a database that is away.
const PLACE_KEPT: Duration = Duration::from_millis(20);

/// Clones share their places.
#[derive(Clone)]
pub(crate) struct StatementPlaces {
    places: Arc<Semaphore>,
    /// Ends when a statement that begins now has taken long.
    is_long: Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
}

impl StatementPlaces {
    /// As many as the machine has processors: the database's are not known, and it is seldom smaller.
    pub(crate) fn of_machine() -> StatementPlaces {
        let processors = available_parallelism().map_or(PLACES_MIN, usize::from);
        let is_long = || tokio::time::sleep(PLACE_KEPT).boxed();
        StatementPlaces::new(processors.max(PLACES_MIN), is_long)
    }

    pub(crate) fn new(
        places: usize,
        is_long: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> StatementPlaces {
        StatementPlaces {
            places: Arc::new(Semaphore::new(places)),
            is_long: Arc::new(is_long),
        }
    }

    /// Waits for a place, then begins. A statement that takes long gives its place to the next one and goes on.
    pub(crate) async fn run<Statement: Future>(
        &self,
        begin: impl FnOnce() -> Statement,
    ) -> Statement::Output {
        // Nobody closes it.
        let place = self.places.acquire().await;
        let statement = pin!(begin());
        match select(statement, (self.is_long)()).await {
            Either::Left((done, _)) => done,
            Either::Right(((), statement)) => {
                if !mistaken!(KeepPlace) {
                    drop(place);
                }
                statement.await
            }
        }
    }
}
