//! Statements over many rows: does their time grow as the rows do?

use std::time::{Duration, Instant};

use super::BenchError;
use super::postgres::process_cpu;
use super::report::{Report, Target, count, micros, millis, percentile, ratio};
use super::world::BenchWorld;
use crate::config::DatabaseConfig;
use crate::store::yardstick::StagedEvent;
use crate::store::yardstick::writing::Writer;
use crate::ticketing::BookingId;

/// Made in statements of their own before: no table is empty, and all are analysed.
const FILL_EVENTS: i64 = 1_000;
/// The largest number of events may take so long.
const EVENTS_MAX: Duration = Duration::from_secs(5);
/// An event of the largest statement, beside an event of the smallest.
const GROWTH_MAX: f64 = 1.5;
/// Claims of one statement, the events that they are spread over, and statements of each.
const CLAIMS: usize = 128;
const SPREADS: [usize; 3] = [1, 10, 100];
const ROUNDS: usize = 20;

pub(super) fn run(events: &[usize], database: &DatabaseConfig) -> Result<Vec<Report>, BenchError> {
    BenchWorld::audited(database, 0, |world| measure(world, events))
}

fn measure(world: &BenchWorld, events: &[usize]) -> Result<Vec<Report>, BenchError> {
    let organizer = world.runtime.block_on(world.store.set_stage())?.organizer;
    let writer = world.runtime.block_on(world.store.writer())?;
    let fill = writer.write_events(organizer, FILL_EVENTS);
    world.runtime.block_on(fill)?;
    world.runtime.block_on(world.store.analyze())?;
    let mut made = Vec::new();
    for &events in events {
        let work = writer.write_events(organizer, events as i64);
        made.push((events, timed(world, &writer, work)?));
    }
    let mut claimed = Vec::new();
    for spread in SPREADS {
        claimed.push((spread, claims(world, &writer, spread)?));
    }
    Ok(vec![
        events_report(&made).printed(),
        claims_report(claimed).printed(),
    ])
}

/// The time of a statement, and the CPU of its backend.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    cpu: Duration,
}

fn timed(
    world: &BenchWorld,
    writer: &Writer,
    statement: impl Future<Output = Result<(), crate::store::StoreError>>,
) -> Result<Took, BenchError> {
    let (cpu, begun) = (process_cpu(writer.backend), Instant::now());
    world.runtime.block_on(statement)?;
    Ok(Took {
        wall: begun.elapsed(),
        cpu: process_cpu(writer.backend).saturating_sub(cpu),
    })
}

/// [`CLAIMS`] in one statement over so many events, again and again.
fn claims(world: &BenchWorld, writer: &Writer, spread: usize) -> Result<Vec<Took>, BenchError> {
    let each = CLAIMS.div_ceil(spread) * ROUNDS;
    let stages = world.store.set_stages(spread as i64, 1);
    let stages = world.runtime.block_on(stages)?;
    let bookings = world.store.set_bookings(&stages, each as i32);
    let bookings = world.runtime.block_on(bookings)?;
    world.runtime.block_on(world.store.analyze())?;
    let mut next: Vec<_> = bookings.into_iter().map(Vec::into_iter).collect();
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let claims: Vec<(&StagedEvent, BookingId)> = (0..CLAIMS)
            .filter_map(|n| Some((&stages[n % spread], next[n % spread].next()?)))
            .collect();
        took.push(timed(world, writer, writer.write_many(&claims))?);
    }
    world
        .runtime
        .block_on(world.store.drop_unclaimed_bookings())?;
    Ok(took)
}

fn events_report(made: &[(usize, Took)]) -> Report {
    let mut report = Report::new(
        "One statement that makes n events with two ticket types each. n = 1 statement of each size. \
         Floor: an event of the smallest statement.",
    );
    let each = |(events, took): (usize, Took)| took.wall.div_f64(events as f64);
    let (Some(&smallest), Some(&largest)) = (made.first(), made.last()) else {
        return report;
    };
    for &(events, took) in made {
        let name = format!("{} events", count(events as f64));
        let of_backend = format!("{} ({} CPU)", millis(took.wall), millis(took.cpu));
        report.fact(&name, of_backend);
    }
    report.bounded(
        &format!("{} events, s", count(largest.0 as f64)),
        millis(largest.1.wall),
        largest.1.wall.as_secs_f64(),
        Target::AtMost(EVENTS_MAX.as_secs_f64()),
    );
    report.compared(
        "an event of the largest",
        (micros(each(largest)), micros(each(smallest))),
        ratio(each(largest), each(smallest)),
        Some(Target::AtMost(GROWTH_MAX)),
    );
    report
}

fn claims_report(claimed: Vec<(usize, Vec<Took>)>) -> Report {
    let mut report = Report::new(format!(
        "{CLAIMS} claims in one statement, on 1 event and on more. n = {ROUNDS} statements each. \
         Floor: the same on one event.",
    ));
    let mut floor = None;
    for (spread, took) in claimed {
        let [wall, cpu] = [|took: &Took| took.wall, |took: &Took| took.cpu].map(|of| {
            let mut all: Vec<Duration> = took.iter().map(of).collect();
            percentile(&mut all, 50)
        });
        let (floor_wall, floor_cpu) = *floor.get_or_insert((wall, cpu));
        for (name, ours, floor) in [("p50", wall, floor_wall), ("backend CPU", cpu, floor_cpu)] {
            report.compared(
                &format!("on {spread} event(s), {name}"),
                (millis(ours), millis(floor)),
                ratio(ours, floor),
                None,
            );
        }
    }
    report
}
