//! Buyers at work: each as fast as it is served, all at once, for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::ticketing::{BookingId, EventId};
use crate::tools::bench::BenchError;
use crate::tools::bench::usage::Usage;

/// Connections, queues and caches are warm; what begins earlier is not counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// The action that a buyer repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tools::bench) enum Act {
    /// Hold one ticket.
    Book,
    /// Make a sale of a hold.
    Confirm,
    /// Give a sale back.
    Cancel,
    /// Hold, pay, and get the tickets.
    Purchase,
}

/// Somebody who does one thing after the other.
pub(in crate::tools::bench) trait BenchBuyer: Send + 'static {
    /// `false`: there is nothing left to do it with.
    fn act(&mut self, act: Act) -> impl Future<Output = Result<bool, BenchError>> + Send;
}

/// Bookings that buyers have made, to be confirmed and cancelled later.
#[derive(Debug, Clone, Default)]
pub(in crate::tools::bench) struct Pile(Arc<Mutex<Bookings>>);

#[derive(Debug, Default)]
struct Bookings {
    held: Vec<(EventId, BookingId)>,
    sold: Vec<(EventId, BookingId)>,
}

impl Pile {
    /// After this has been done with it.
    pub(super) fn put(&self, done: Act, booking: (EventId, BookingId)) {
        match done {
            Act::Book => self.lock().held.push(booking),
            Act::Confirm => self.lock().sold.push(booking),
            Act::Cancel | Act::Purchase => {}
        }
    }

    /// One with which this can be done.
    pub(super) fn take(&self, act: Act) -> Option<(EventId, BookingId)> {
        match act {
            Act::Book | Act::Purchase => None,
            Act::Confirm => self.lock().held.pop(),
            Act::Cancel => self.lock().sold.pop(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bookings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of one or several turns.
#[derive(Debug, Default)]
pub(in crate::tools::bench) struct SalesTally {
    /// One for each thing done.
    pub(in crate::tools::bench) latencies: Vec<Duration>,
    pub(in crate::tools::bench) wall: Duration,
    /// With the warm-up.
    pub(in crate::tools::bench) usage: Usage,
    /// Things done, with the warm-up.
    pub(in crate::tools::bench) done: usize,
    /// The rate of each turn.
    pub(in crate::tools::bench) rates: Vec<f64>,
}

impl SalesTally {
    pub(in crate::tools::bench) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.wall.as_secs_f64()
    }

    pub(in crate::tools::bench) fn add(&mut self, turn: SalesTally) {
        self.rates.push(turn.rate());
        self.latencies.extend(turn.latencies);
        self.wall += turn.wall;
        self.usage += turn.usage;
        self.done += turn.done;
    }

    /// `1,200–1,310`: the slowest turn and the fastest.
    pub(in crate::tools::bench) fn range(&self) -> String {
        let slowest = self.rates.iter().copied().fold(f64::INFINITY, f64::min);
        let fastest = self.rates.iter().copied().fold(0.0, f64::max);
        format!("{slowest:.0}–{fastest:.0}/s")
    }
}

/// All buyers at once. Counted is what begins after the warm-up.
pub(in crate::tools::bench) async fn sell<B: BenchBuyer>(
    buyers: Vec<B>,
    act: Act,
    time: Duration,
) -> Result<SalesTally, BenchError> {
    let counted_from = Instant::now() + WARM_UP;
    let until = counted_from + time;
    let mut tasks = JoinSet::new();
    for buyer in buyers {
        tasks.spawn(work(buyer, act, counted_from, until));
    }
    let mut sales = SalesTally::default();
    while let Some(ended) = tasks.join_next().await {
        let (latencies, done) = ended.map_err(|_| BenchError::Child("a buyer died"))??;
        sales.latencies.extend(latencies);
        sales.done += done;
    }
    sales.wall = counted_from.elapsed();
    Ok(sales)
}

async fn work(
    mut buyer: impl BenchBuyer,
    act: Act,
    counted_from: Instant,
    until: Instant,
) -> Result<(Vec<Duration>, usize), BenchError> {
    let (mut latencies, mut done) = (Vec::new(), 0);
    loop {
        let begun = Instant::now();
        if begun > until || !buyer.act(act).await? {
            return Ok((latencies, done));
        }
        done += 1;
        if begun >= counted_from {
            latencies.push(begun.elapsed());
        }
    }
}
