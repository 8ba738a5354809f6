//! Bookings: at the desk and by REST, beside the naive way on the same Postgres.
//!
//! The ways take turns, so that all feel the machine alike. The desk and the naive way are asked
//! by tasks of this process; REST is a server of its own, asked over the loopback.

pub(super) mod beside;
mod desk;
pub(super) mod naive;
pub(super) mod rest;
pub(super) mod selling;

use std::sync::Arc;
use std::time::Duration;

use super::BenchError;
use super::process::{BenchProcess, allow_sockets};
use super::report::{Report, Target, count, micros, millis, percentile};
use super::usage::Meter;
use super::world::BenchWorld;
use crate::config::DatabaseConfig;
use crate::store::yardstick::naive::StockCheck;
use desk::DeskSeller;
use naive::NaiveBuyer;
use rest::{Newest, RestBuyer};
use selling::{Act, BenchBuyer, Pile, SalesTally, sell};

/// How often the ways take turns.
pub(super) const TURNS: u32 = 3;
/// Ticket types of an event that is sold by REST.
pub(super) const REST_TYPES: i32 = 10;
/// Bookings that the tables hold before anything is measured: ours, where they are other events', and the naive ones.
pub(super) const FILL_BOOKINGS: u32 = 100_000;

/// Bookings a second at the desk, of the naive way's, on one event.
fn desk_target(buyers: usize) -> Option<Target> {
    match buyers {
        1 => Some(Target::AtLeast(0.6)),
        64 => Some(Target::AtLeast(14.0)),
        128 => Some(Target::AtLeast(24.0)),
        _ => None,
    }
}

/// Bookings a second by REST on so many events, of those on one.
fn spread_target(events: usize) -> Option<Target> {
    match events {
        100 => Some(Target::AtLeast(0.6)),
        1_000 => Some(Target::AtLeast(0.5)),
        _ => None,
    }
}

/// `time` is how long each way sells, in all its turns.
pub(super) fn run(
    events: &[usize],
    buyers: &[usize],
    time: Duration,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    let most = buyers.iter().copied().max().unwrap_or_default();
    allow_sockets(2 * most)?;
    // Those of the turn before may not have ended yet.
    BenchWorld::audited(database, 2 * most, |world| {
        let fill = world.store.fill_sales(FILL_BOOKINGS);
        world.runtime.block_on(fill)?;
        let mut reports = Vec::new();
        for &buyers in buyers {
            let mut one_event = None;
            for &events in events {
                let ways = measure(world, events, buyers, time)?;
                let rates = (events, ways.desk.book.rate(), ways.rest.book.rate());
                let beside = *one_event.get_or_insert(rates);
                reports.push(report(events, buyers, ways, beside).printed());
            }
        }
        Ok(reports)
    })
}

#[derive(Default)]
struct Ways {
    naive: SalesTally,
    conditional: SalesTally,
    desk: DeskTallies,
    rest: DeskTallies,
}

#[derive(Default)]
struct DeskTallies {
    book: SalesTally,
    confirm: SalesTally,
    cancel: SalesTally,
}

impl DeskTallies {
    /// In this order: nothing can be confirmed that was not booked.
    fn acts(&mut self) -> [(Act, &mut SalesTally); 3] {
        [
            (Act::Book, &mut self.book),
            (Act::Confirm, &mut self.confirm),
            (Act::Cancel, &mut self.cancel),
        ]
    }
}

fn measure(
    world: &BenchWorld,
    events: usize,
    buyers: usize,
    time: Duration,
) -> Result<Ways, BenchError> {
    let run = &world.runtime;
    let naive_events = i32::try_from(events).unwrap_or(i32::MAX);
    run.block_on(world.store.set_naive_stage(naive_events, FILL_BOOKINGS))?;
    let stages = |types| world.store.set_stages(i64::from(naive_events), types);
    let at_desk = Arc::new(run.block_on(stages(1))?);
    let by_rest = Arc::new(run.block_on(stages(REST_TYPES))?);
    run.block_on(world.store.analyze())?;
    let desk = DeskSeller::open(world, &world.store);
    let (server, address) = world.server()?;
    let (desk_pile, rest_pile) = (Pile::default(), Pile::default());

    let (newest, mut ways) = (Newest::default(), Ways::default());
    for _ in 0..TURNS {
        for (check, sales) in [
            (StockCheck::Locked, &mut ways.naive),
            (StockCheck::Conditional, &mut ways.conditional),
        ] {
            let naive = NaiveBuyer::connect_all(world, buyers, naive_events, check)?;
            sales.add(turn(world, None, naive, Act::Book, time)?);
        }
        for (act, sales) in ways.desk.acts() {
            let at_desk = desk.buyers(buyers, &at_desk, &desk_pile);
            sales.add(turn(world, None, at_desk, act, time)?);
        }
        for (act, sales) in ways.rest.acts() {
            let by_rest = RestBuyer::connect_all(buyers, address, &by_rest, &rest_pile, &newest);
            let by_rest = run.block_on(by_rest)?;
            sales.add(turn(world, Some(&server), by_rest, act, time)?);
        }
    }
    desk.close(world);
    Ok(ways)
}

/// One way's share of its time.
pub(super) fn turn(
    world: &BenchWorld,
    server: Option<&BenchProcess>,
    buyers: Vec<impl BenchBuyer>,
    act: Act,
    time: Duration,
) -> Result<SalesTally, BenchError> {
    let meter = Meter {
        server,
        postgres: world.postgres,
        viewers: None,
    };
    let before = meter.read()?;
    let mut sales = world.runtime.block_on(sell(buyers, act, time / TURNS))?;
    sales.usage = meter.read()?.since(before);
    Ok(sales)
}

fn report(events: usize, buyers: usize, ways: Ways, beside: (usize, f64, f64)) -> Report {
    let mut report = Report::new(format!(
        "{buyers} buyers on {}, one ticket each; {TURNS} turns. Floor: a transaction for each booking, \
         its buyer on a connection of its own (lock, look, update, insert, insert, notify, commit), \
         without key, log or triggers. REST: 10 ticket types an event, with idempotency keys. Both ways' \
         tables begin with {} bookings.",
        match events {
            1 => "one event".to_owned(),
            _ => format!("{} events", count(events as f64)),
        },
        count(FILL_BOOKINGS.into()),
    ));
    let floor = ways.naive.rate();
    let (one, one_desk, one_rest) = beside;
    let Ways {
        naive,
        conditional,
        desk,
        rest,
    } = ways;
    let of_naive = desk_target(buyers).filter(|_| events == 1);
    for (name, sales, target) in [
        ("bookings/s at the desk", &desk.book, of_naive),
        ("bookings/s by REST", &rest.book, None),
        ("bookings/s naive, update … where left", &conditional, None),
    ] {
        let pair = (count(sales.rate()), count(floor));
        report.compared(name, pair, sales.rate() / floor, target);
    }
    if one != events {
        let target = spread_target(events).filter(|_| one == 1);
        for (name, rate, one_rate, target) in [
            ("at the desk", desk.book.rate(), one_desk, None),
            ("by REST", rest.book.rate(), one_rest, target),
        ] {
            let name = format!("{name}, beside {one} event(s)");
            let pair = (count(rate), count(one_rate));
            report.compared(&name, pair, rate / one_rate, target);
        }
    }
    for (name, way) in [("at the desk", &desk), ("by REST", &rest)] {
        for (act, sales) in [
            ("confirmations/s", &way.confirm),
            ("cancellations/s", &way.cancel),
        ] {
            let name = format!("{act}, beside bookings, {name}");
            let pair = (count(sales.rate()), count(way.book.rate()));
            report.compared(&name, pair, sales.rate() / way.book.rate(), None);
        }
    }
    for (name, mut sales) in [
        ("desk, booking", desk.book),
        ("desk, confirming", desk.confirm),
        ("desk, cancelling", desk.cancel),
        ("REST, booking", rest.book),
        ("REST, confirming", rest.confirm),
        ("REST, cancelling", rest.cancel),
        ("naive", naive),
    ] {
        let each = |cpu: Duration| micros(cpu.div_f64(sales.done.max(1) as f64));
        let cpu = format!(
            "Postgres {}, server {}, bench {}",
            each(sales.usage.postgres),
            each(sales.usage.server),
            each(sales.usage.bench),
        );
        report.fact(&format!("{name}: CPU each"), cpu);
        report.fact(&format!("{name}: CPU"), sales.usage);
        let n = sales.latencies.len();
        let [p50, p99] = [50, 99].map(|percent| millis(percentile(&mut sales.latencies, percent)));
        let range = sales.range();
        report.fact(
            &format!("{name}: p50, p99; turns; n"),
            format!("{p50}, {p99}; {range}; {}", count(n as f64)),
        );
    }
    report
}
