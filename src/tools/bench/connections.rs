//! Connections that joined an event and wait: what each costs while nothing happens.

use std::time::{Duration, Instant};

use super::BenchError;
use super::crowd::Greeting;
use super::crowd::viewers::Viewers;
use super::process::{BenchProcess, allow_sockets};
use super::report::{Report, Target, count, megabytes};
use super::world::BenchWorld;
use crate::config::DatabaseConfig;

/// Joined before the first reading: code, threads and the event's entry are loaded.
const WARM_UP_VIEWERS: usize = 100;
/// Memory is read until it stands still for this long.
const STILL: Duration = Duration::from_secs(2);
const SETTLE_PATIENCE: Duration = Duration::from_secs(15);
/// Memory that a waiting viewer may cost the server, in KB.
const MEMORY_KB_MAX: f64 = 1.4;
/// Two rounds of beats.
const IDLE: Duration = Duration::from_secs(10);

pub(super) fn run(viewers: &[usize], database: &DatabaseConfig) -> Result<Vec<Report>, BenchError> {
    allow_sockets(viewers.iter().copied().max().unwrap_or_default() + WARM_UP_VIEWERS)?;
    BenchWorld::audited(database, 0, |world| {
        let measured = |&viewers: &usize| Ok(measure(world, viewers)?.printed());
        viewers.iter().map(measured).collect()
    })
}

fn measure(world: &BenchWorld, viewers: usize) -> Result<Report, BenchError> {
    let stage = world.runtime.block_on(world.store.set_stage())?;
    let (server, address) = world.server()?;
    let greeting = Greeting::Join(vec![stage.event]);
    let _warm = Viewers::open(address, WARM_UP_VIEWERS, greeting.clone())?;
    let before = settled_memory(&server)?;
    let begun = Instant::now();
    let _crowd = Viewers::open(address, viewers, greeting)?;
    let opening = begun.elapsed();
    let after = settled_memory(&server)?;
    let cpu = server.cpu()?;
    std::thread::sleep(IDLE);
    let cpu = server.cpu()? - cpu;

    let each = after.saturating_sub(before) as f64 / viewers as f64 / 1024.0;
    let mut report = Report::new(format!(
        "{} connections that joined one event and wait",
        count(viewers as f64)
    ));
    report.bounded(
        "process memory per connection, KB",
        format!("{each:.2} KB"),
        each,
        Target::AtMost(MEMORY_KB_MAX),
    );
    report.fact("process memory in all", megabytes(after));
    report.fact("… with 100 connections", megabytes(before));
    report.fact(
        "joins/s while they came",
        count(viewers as f64 / opening.as_secs_f64()),
    );
    let core = cpu.as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    report.fact(
        "CPU while nothing happens, % of a core",
        format!("{core:.2} %"),
    );
    Ok(report)
}

/// Buffers of the handshakes are given back after a while.
fn settled_memory(server: &BenchProcess) -> Result<u64, BenchError> {
    let deadline = Instant::now() + SETTLE_PATIENCE;
    let (mut memory, mut since) = (server.memory()?, Instant::now());
    while since.elapsed() < STILL && Instant::now() < deadline {
        std::thread::sleep(STILL / 10);
        let now = server.memory()?;
        if now != memory {
            (memory, since) = (now, Instant::now());
        }
    }
    Ok(memory)
}
