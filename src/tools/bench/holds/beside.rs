//! An event without seats in a full database, beside the same event in an empty one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desk::DeskSeller;
use super::rest::{Newest, RestBuyer};
use super::selling::{Act, Pile, SalesTally};
use super::{REST_TYPES, TURNS, turn};
use crate::config::DatabaseConfig;
use crate::store::Store;
use crate::store::yardstick::StagedEvent;
use crate::tools::bench::BenchError;
use crate::tools::bench::process::{BenchProcess, allow_sockets};
use crate::tools::bench::report::{Report, Target, count, micros, millis, percentile, ratio};
use crate::tools::bench::world::BenchWorld;

/// Bookings a second in the full database, of those in the empty one.
const RATIO_MIN: f64 = 0.9;

/// `rows` seats and as many bookings of other events.
pub(in crate::tools::bench) fn run(
    rows: u32,
    buyers: &[usize],
    time: Duration,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(2 * buyers.iter().copied().max().unwrap_or_default())?;
    BenchWorld::audited(database, 0, |world| measure(world, rows, buyers, time))
}

fn measure(
    world: &BenchWorld,
    rows: u32,
    buyers: &[usize],
    time: Duration,
) -> Result<Vec<Report>, BenchError> {
    let beside = world.beside()?;
    let begun = Instant::now();
    world.runtime.block_on(beside.store.fill(rows))?;
    println!("filled in {} s", begun.elapsed().as_secs());
    let mut empty = Shop::open(world, &world.store, world.server()?)?;
    let mut full = Shop::open(world, &beside.store, beside.server()?)?;
    let mut reports = Vec::new();
    for &buyers in buyers {
        for _ in 0..TURNS {
            empty.sell(world, buyers, time)?;
            full.sell(world, buyers, time)?;
        }
        reports.push(report(rows, buyers, empty.take(), full.take()).printed());
    }
    empty.close(world);
    full.close(world);
    Ok(reports)
}

/// An event on sale in one of the databases.
struct Shop {
    stages: Arc<Vec<StagedEvent>>,
    desk: DeskSeller,
    server: BenchProcess,
    address: std::net::SocketAddr,
    by_desk: SalesTally,
    by_rest: SalesTally,
}

impl Shop {
    fn open(
        world: &BenchWorld,
        store: &Store,
        (server, address): (BenchProcess, std::net::SocketAddr),
    ) -> Result<Shop, BenchError> {
        let stages = world.runtime.block_on(store.set_stages(1, REST_TYPES))?;
        Ok(Shop {
            stages: Arc::new(stages),
            desk: DeskSeller::open(world, store),
            server,
            address,
            by_desk: SalesTally::default(),
            by_rest: SalesTally::default(),
        })
    }

    fn sell(
        &mut self,
        world: &BenchWorld,
        buyers: usize,
        time: Duration,
    ) -> Result<(), BenchError> {
        let (pile, newest) = (Pile::default(), Newest::default());
        let at_desk = self.desk.buyers(buyers, &self.stages, &pile);
        self.by_desk
            .add(turn(world, None, at_desk, Act::Book, time)?);
        let connect = RestBuyer::connect_all(buyers, self.address, &self.stages, &pile, &newest);
        let by_rest = world.runtime.block_on(connect)?;
        let sold = turn(world, Some(&self.server), by_rest, Act::Book, time)?;
        self.by_rest.add(sold);
        Ok(())
    }

    fn take(&mut self) -> [SalesTally; 2] {
        [&mut self.by_desk, &mut self.by_rest].map(std::mem::take)
    }

    fn close(self, world: &BenchWorld) {
        self.desk.close(world);
    }
}

fn report(rows: u32, buyers: usize, empty: [SalesTally; 2], full: [SalesTally; 2]) -> Report {
    let mut report = Report::new(format!(
        "{buyers} buyer(s) of an event without seats, beside {0} foreign seats and {0} bookings, analysed; \
         {TURNS} turns, {REST_TYPES} ticket types. Floor: the same in a database without.",
        count(rows.into()),
    ));
    for ((name, mut empty), mut full) in ["at the desk", "by REST"].into_iter().zip(empty).zip(full)
    {
        let pair = (count(full.rate()), count(empty.rate()));
        let kept = full.rate() / empty.rate();
        let target = Some(Target::AtLeast(RATIO_MIN));
        report.compared(&format!("bookings/s {name}"), pair, kept, target);
        let p50 = [&mut full, &mut empty].map(|sales| percentile(&mut sales.latencies, 50));
        let pair = (millis(p50[0]), millis(p50[1]));
        let p50 = ratio(p50[0], p50[1]);
        report.compared(&format!("{name}, p50"), pair, p50, None);
        let each = |sales: &SalesTally| sales.usage.postgres.div_f64(sales.done.max(1) as f64);
        let pair = (micros(each(&full)), micros(each(&empty)));
        let cpu = ratio(each(&full), each(&empty));
        report.compared(&format!("{name}, CPU of Postgres each"), pair, cpu, None);
        for (where_, sales) in [("full", full), ("empty", empty)] {
            let n = count(sales.latencies.len() as f64);
            report.fact(
                &format!("{name}, {where_}: turns; n"),
                format!("{}; {n}", sales.range()),
            );
        }
    }
    report
}
