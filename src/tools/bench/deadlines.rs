//! Ten thousand holds of one event that end at the same instant, while buyers book: none of them waits for more than one
//! batch of deadlines.
//!
//! A transaction ends so many holds at most, and is then let go, so that the bookings that came meanwhile are next. What
//! one such batch costs a booking is measured in the same run: as many holds as one transaction ends. The event has enough
//! for all of them: a booking that needs the stock of such holds ends a batch of them itself, and may wait for two.
//!
//! Compared is the longest booking of a turn, in the middle one of the turns: a disk that takes long for one commit makes one
//! booking wait in a turn without deadlines, too. The longest of all turns is told beside it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::BenchError;
use super::holds::rest::{Newest, RestBuyer};
use super::holds::selling::{Act, Pile, SalesTally, sell};
use super::process::allow_sockets;
use super::report::{Report, Target, count, millis, percentile, ratio};
use super::world::BenchWorld;
use crate::config::DatabaseConfig;
use crate::store::desk::OVERDUE_PER_EVENT_MAX;
use crate::store::yardstick::StagedEvent;

/// The longest booking beside all deadlines, of the longest beside one batch of them: the batch that is under way when it
/// comes, and its own.
const DELAY: Target = Target::AtMost(2.0);
/// Odd, so that one is in the middle.
const TURNS: u32 = 5;
/// The statement that makes the holds begins at most so long after its turn.
const MADE_AFTER: Duration = Duration::from_millis(100);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// `time` is how long before their end the holds are made, and how long is sold beside it.
pub(super) fn run(
    holds: i64,
    buyers: usize,
    time: Duration,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(2 * buyers)?;
    BenchWorld::audited(database, 0, |world| {
        Ok(vec![measure(world, holds, buyers, time)?.printed()])
    })
}

fn measure(
    world: &BenchWorld,
    holds: i64,
    buyers: usize,
    time: Duration,
) -> Result<Report, BenchError> {
    let run = &world.runtime;
    let stages = Arc::new(run.block_on(world.store.set_stages(1, 1))?);
    let (server, address) = world.server()?;
    let bench = DeadlineBench {
        world,
        stages,
        address,
        buyers,
        time,
    };
    // The first turn of a new server is slower.
    bench.turn(0)?;
    let (mut calm, mut one, mut all) = (Turns::default(), Turns::default(), Turns::default());
    let mut ended_in = Duration::ZERO;
    for _ in 0..TURNS {
        calm.add(bench.turn(0)?.0);
        one.add(bench.turn(OVERDUE_PER_EVENT_MAX)?.0);
        let (sales, took) = bench.turn(holds)?;
        all.add(sales);
        ended_in = ended_in.max(took);
    }
    drop(server);

    let mut report = Report::new(format!(
        "{} holds of one event that end at one instant, beside {buyers} buyers by REST; {TURNS} turns. Floor: the same \
         with {OVERDUE_PER_EVENT_MAX}, which one transaction ends.",
        count(holds as f64),
    ));
    let [ours, floor] = [&mut all, &mut one].map(|of| percentile(&mut of.longest, 50));
    let ratio = ratio(ours, floor);
    let pair = (millis(ours), millis(floor));
    report.compared("the longest booking", pair, ratio, Some(DELAY));
    for (name, percent) in [
        ("a booking takes, p50", 50),
        ("a booking takes, p99", 99),
        ("the longest of all turns", 100),
    ] {
        let [ours, floor] =
            [&mut all, &mut one].map(|of| percentile(&mut of.sales.latencies, percent));
        report.beside(name, (millis(ours), millis(floor)));
    }
    report.fact("all have ended after, at most", millis(ended_in));
    let [middle, most] = [50, 100].map(|percent| millis(percentile(&mut calm.longest, percent)));
    report.fact(
        "the longest without deadlines; of all turns",
        format!("{middle}; {most}"),
    );
    for (name, turns) in [("all", &all), ("one batch", &one), ("none", &calm)] {
        let n = count(turns.sales.latencies.len() as f64);
        report.fact(
            &format!("{name}: turns; n"),
            format!("{}; {n}", turns.sales.range()),
        );
    }
    Ok(report)
}

/// The sales of turns of one kind.
#[derive(Default)]
struct Turns {
    sales: SalesTally,
    /// The longest booking of each turn.
    longest: Vec<Duration>,
}

impl Turns {
    fn add(&mut self, mut turn: SalesTally) {
        self.longest.push(percentile(&mut turn.latencies, 100));
        self.sales.add(turn);
    }
}

struct DeadlineBench<'a> {
    world: &'a BenchWorld,
    stages: Arc<Vec<StagedEvent>>,
    address: std::net::SocketAddr,
    buyers: usize,
    time: Duration,
}

impl DeadlineBench<'_> {
    /// Sells while so many holds end; also how long after their deadline the last had ended.
    fn turn(&self, holds: i64) -> Result<(SalesTally, Duration), BenchError> {
        let run = &self.world.runtime;
        let stage = self
            .stages
            .first()
            .ok_or(BenchError::Child("no event was made"))?;
        let begun = Instant::now();
        let before = run.block_on(self.world.store.sold_so_far(stage))?;
        if holds > 0 {
            run.block_on(self.world.store.fill_holds(stage, holds, self.time))?;
        }
        let (pile, newest) = (Pile::default(), Newest::default());
        let all = RestBuyer::connect_all(self.buyers, self.address, &self.stages, &pile, &newest);
        let all = run.block_on(all)?;
        // The warm-up of the sale is over before the deadline.
        let deadline = begun + self.time;
        std::thread::sleep((deadline - self.time / 3).saturating_duration_since(Instant::now()));
        let selling = run.spawn(sell(all, Act::Book, self.time));
        // The statement that made them came a little later.
        let due = deadline + MADE_AFTER;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // Other holds of this bench last a quarter of an hour: what the buyers hold meanwhile is not counted.
        let took = match holds {
            0 => Duration::ZERO,
            _ => self.ended(stage, deadline)?,
        };
        let sold = run.block_on(selling);
        let sales = sold.map_err(|_| BenchError::Child("the buyers died"))??;
        let after = run.block_on(self.world.store.sold_so_far(stage))?;
        if after.pending < before.pending {
            return Err(BenchError::Child("holds ended that were not due"));
        }
        Ok((sales, took))
    }

    /// Waits until no hold is overdue; how long after their deadline that was.
    fn ended(&self, stage: &StagedEvent, deadline: Instant) -> Result<Duration, BenchError> {
        loop {
            let overdue = self.world.store.overdue(stage);
            let overdue = self.world.runtime.block_on(overdue)?;
            let took = deadline.elapsed();
            if overdue == 0 {
                return Ok(took);
            }
            if took > PATIENCE {
                return Err(BenchError::Child("holds do not end"));
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}
