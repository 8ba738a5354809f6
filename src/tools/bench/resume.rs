//! The storm: a node with all its viewers is killed, and they come back to another one.
//!
//! They come as `web/src/sdk` does, with its jitter and with `since`; one change is made while they are
//! away. All are current again when the last of them has it.

use std::time::{Duration, Instant};

use super::crowd::Greeting;
use super::crowd::viewers::Viewers;
use super::process::allow_sockets;
use super::report::{Report, Target, count, millis};
use super::world::BenchWorld;
use super::{BenchError, metrics};
use crate::config::DatabaseConfig;

/// All have to be current within this.
const BOUND: Duration = Duration::from_secs(15);

pub(super) fn run(viewers: &[usize], database: &DatabaseConfig) -> Result<Vec<Report>, BenchError> {
    allow_sockets(viewers.iter().copied().max().unwrap_or_default())?;
    BenchWorld::audited(database, 0, |world| {
        let measured = |&viewers: &usize| Ok(measure(world, viewers)?.printed());
        viewers.iter().map(measured).collect()
    })
}

fn measure(world: &BenchWorld, viewers: usize) -> Result<Report, BenchError> {
    let stage = world.runtime.block_on(world.store.set_stage())?;
    let (first, first_address) = world.server()?;
    let (second, second_address) = world.server()?;
    let begun = Instant::now();
    let crowd = Viewers::open(first_address, viewers, Greeting::Join(vec![stage.event]))?;
    let joining = begun.elapsed();
    crowd.give_refuge(second_address)?;
    crowd.expect(stage.revision + 1)?;
    let cpu = second.cpu()?;
    let killed = Instant::now();
    first.kill()?;
    world.runtime.block_on(world.store.change(&stage, 1))?;
    let storm = crowd.arrival()?.duration_since(killed);
    let cpu = second.cpu()?.saturating_sub(cpu);

    let viewers = viewers as f64;
    let mut report = Report::new(format!(
        "{} viewers of a node that was killed come back to another, with `since`. Floor: the same \
         viewers' first joins, which come in turn and without a pause.",
        count(viewers)
    ));
    let ratio = storm.as_secs_f64() / BOUND.as_secs_f64();
    let pair = (millis(storm), millis(BOUND));
    let target = Some(Target::AtMost(1.0));
    report.compared(
        "kill → the last is current, of its bound",
        pair,
        ratio,
        target,
    );
    let rates = [storm, joining].map(|time| viewers / time.as_secs_f64());
    let pair = (count(rates[0]), count(rates[1]));
    report.compared("joins/s", pair, rates[0] / rates[1], None);
    let each = cpu.as_secs_f64() / viewers * 1e6;
    report.fact(
        "CPU per return, handshake included",
        format!("{each:.0} µs"),
    );
    let loads = metrics::read(second_address, metrics::LOADS)?;
    report.bounded(
        "events loaded from the database",
        count(loads),
        loads,
        Target::AtMost(1.0),
    );
    for (name, counter) in [
        ("returns answered from the ring", metrics::RESUMED),
        (
            "returns answered with the whole state",
            metrics::NOT_RESUMED,
        ),
    ] {
        report.fact(name, count(metrics::read(second_address, counter)?));
    }
    Ok(report)
}
