//! Buyers and viewers of one event: what the viewers take from the buyers.
//!
//! Server, Postgres, buyers and viewers share all cores. Stretches without viewers and with them
//! take turns.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::crowd::Greeting;
use super::crowd::lags::Lags;
use super::crowd::viewers::Viewers;
use super::holds::rest::{Newest, RestBuyer};
use super::holds::selling::{Act, Pile, SalesTally, sell};
use super::process::{BenchProcess, allow_sockets};
use super::report::{Report, Target, count, millis, percentile, ratio};
use super::usage::Meter;
use super::world::BenchWorld;
use super::{BenchError, clock};
use crate::config::DatabaseConfig;
use crate::store::yardstick::StagedEvent;

const TURNS: u32 = 3;
const TYPES: i32 = 10;
/// Bookings beside viewers, of those without.
const RATIO_MIN: f64 = 0.75;
/// How often the newest revision is looked at. What was answered since the look before counts from that look: a lag is told
/// too long by so much, at most, and never too short.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

pub(super) fn run(
    buyers: usize,
    viewers: usize,
    time: Duration,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(viewers + 2 * buyers)?;
    BenchWorld::audited(database, 0, |world| {
        Ok(vec![measure(world, buyers, viewers, time)?.printed()])
    })
}

fn measure(
    world: &BenchWorld,
    buyers: usize,
    viewers: usize,
    time: Duration,
) -> Result<Report, BenchError> {
    let stage = world.runtime.block_on(world.store.set_stages(1, TYPES))?;
    let (server, address) = world.server()?;
    let bench = TogetherBench {
        world,
        server,
        stages: Arc::new(stage),
        newest: Newest::default(),
    };
    let connect = || {
        let pile = Pile::default();
        let all = RestBuyer::connect_all(buyers, address, &bench.stages, &pile, &bench.newest);
        world.runtime.block_on(all)
    };
    let (mut alone, mut beside) = (SalesTally::default(), SalesTally::default());
    let (mut lags, mut frames) = (Lags::default(), 0);
    for _ in 0..TURNS {
        alone.add(bench.turn(connect()?, None, time / TURNS)?);
        let greeting = Greeting::Join(vec![bench.stages[0].event]);
        let crowd = Viewers::open(address, viewers, greeting)?;
        beside.add(bench.turn(connect()?, Some(&crowd), time / TURNS)?);
        lags.merge(&crowd.lags()?);
        frames += crowd.sample()?.frames;
    }

    let mut report = Report::new(format!(
        "{buyers} buyers by REST and {} viewers on one event; {TURNS} turns; generator, server and \
         Postgres share all cores. Floor: the same buyers without viewers.",
        count(viewers as f64),
    ));
    let pair = (count(beside.rate()), count(alone.rate()));
    let kept = beside.rate() / alone.rate();
    report.compared("bookings/s", pair, kept, Some(Target::AtLeast(RATIO_MIN)));
    for (name, percent) in [("a booking takes, p50", 50), ("a booking takes, p99", 99)] {
        let (ours, floor) = (
            percentile(&mut beside.latencies, percent),
            percentile(&mut alone.latencies, percent),
        );
        let ratio = ratio(ours, floor);
        report.compared(name, (millis(ours), millis(floor)), ratio, None);
    }
    let frames_per_s = frames as f64 / beside.usage.wall.as_secs_f64();
    report.fact("frames/s that a viewer got", format!("{frames_per_s:.1}"));
    for percent in [50, 99, 100] {
        let name = format!("answer to a buyer → each viewer, p{percent}");
        report.fact(&name, millis(lags.percentile(percent)));
    }
    report.fact("n, changes at a viewer", count(lags.count() as f64));
    for (name, sales) in [("beside viewers", &beside), ("without viewers", &alone)] {
        report.fact(&format!("{name}: CPU"), sales.usage);
        let n = count(sales.latencies.len() as f64);
        report.fact(
            &format!("{name}: turns; n"),
            format!("{}; {n}", sales.range()),
        );
    }
    Ok(report)
}

struct TogetherBench<'a> {
    world: &'a BenchWorld,
    server: BenchProcess,
    stages: Arc<Vec<StagedEvent>>,
    newest: Newest,
}

impl TogetherBench<'_> {
    /// Meanwhile it is counted when each viewer has each revision that a buyer was answered.
    fn turn(
        &self,
        buyers: Vec<RestBuyer>,
        viewers: Option<&Viewers>,
        time: Duration,
    ) -> Result<SalesTally, BenchError> {
        let meter = Meter {
            server: Some(&self.server),
            postgres: self.world.postgres,
            viewers,
        };
        let before = meter.read()?;
        let mut answered = self.newest.load(Ordering::Relaxed);
        if let Some(viewers) = viewers {
            viewers.watch(answered)?;
        }
        let mut looked = clock::now();
        let selling = self.world.runtime.spawn(sell(buyers, Act::Book, time));
        loop {
            let is_over = selling.is_finished();
            let now = clock::now();
            let newest = self.newest.load(Ordering::Relaxed);
            if let Some(viewers) = viewers.filter(|_| newest > answered) {
                viewers.due(newest, looked)?;
            }
            (answered, looked) = (newest, now);
            if is_over {
                break;
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
        let sold = self.world.runtime.block_on(selling);
        let mut sales = sold.map_err(|_| BenchError::Child("the buyers died"))??;
        sales.usage = meter.read()?.since(before);
        if let Some(viewers) = viewers {
            viewers.expect(answered)?;
            viewers.arrival()?;
        }
        Ok(sales)
    }
}
