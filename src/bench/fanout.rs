//! Fan-out: one event, many viewers, changes made by plain SQL.

use std::time::{Duration, Instant};

use super::BenchError;
use super::floor::Floor;
use super::process::{Process, allow_sockets};
use super::report::{Report, Target, count, micros, millis, percentile};
use super::viewers::{Greeting, Viewers};
use super::world::World;
use crate::config::{Config, DatabaseConfig};
use crate::store::yardstick::Stage;
use crate::ticketing::Revision;

/// Updates that wait together.
const BURST: u64 = 16;
/// Frames to each before anything is measured: sockets, caches and the event's entry are warm.
const WARM_UP_ROUNDS: usize = 5;
/// Enough for a 99th percentile.
const ROUNDS: usize = 120;
const BURST_ROUNDS: usize = 40;

pub(super) fn run(viewers: &[usize], database: &DatabaseConfig) -> Result<(), BenchError> {
    allow_sockets(viewers.iter().copied().max().unwrap_or_default())?;
    let world = World::start(database)?;
    for &count in viewers {
        println!("{}", measure(&world, count)?);
    }
    Ok(())
}

/// What rounds of updates to all viewers cost.
#[derive(Default)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    /// From the begin of each round to the last viewer.
    lasts: Vec<Duration>,
}

fn measure(world: &World, viewers: usize) -> Result<Report, BenchError> {
    let stage = world.runtime.block_on(world.store.set_stage())?;
    let mut server = Server::start(world, stage, viewers)?;
    server.rounds(WARM_UP_ROUNDS, 1)?;
    let mut single = server.rounds(ROUNDS, 1)?;
    let burst = server.rounds(BURST_ROUNDS, BURST)?;
    let sample = server.viewers.sample()?;
    drop(server);
    let mut floor = Floor::start(viewers, &sample)?;
    floor_rounds(&mut floor, WARM_UP_ROUNDS)?;
    let mut bare = floor_rounds(&mut floor, ROUNDS)?;

    let per = |cost: &Cost, deliveries: usize| cost.cpu.div_f64((deliveries * viewers) as f64);
    let floor_cpu = per(&bare, ROUNDS);
    let single_cpu = per(&single, ROUNDS);
    let burst_cpu = per(&burst, BURST_ROUNDS * BURST as usize);
    let ratio = |ours: Duration| ours.as_secs_f64() / floor_cpu.as_secs_f64();
    let rate = |cost: &Cost, updates: usize| (updates * viewers) as f64 / cost.wall.as_secs_f64();
    let bare_rate = rate(&bare, ROUNDS);

    let mut report = Report::new(format!(
        "{} viewers of one event, frames of {} bytes. Floor: a bare loop of send() of the same \
         bytes on as many sockets.",
        count(viewers as f64),
        sample.len()
    ));
    for (name, cpu, target) in [
        ("CPU per delivery, one update at a time", single_cpu, 1.25),
        ("CPU per delivery, 16 updates together", burst_cpu, 0.2),
    ] {
        let pair = (micros(cpu), micros(floor_cpu));
        report.compared(name, pair, ratio(cpu), Some(Target::AtMost(target)));
    }
    for (name, ours) in [
        ("deliveries/s, one at a time", rate(&single, ROUNDS)),
        (
            "deliveries/s, 16 together",
            rate(&burst, BURST_ROUNDS * BURST as usize),
        ),
    ] {
        let pair = (count(ours), count(bare_rate));
        report.compared(name, pair, ours / bare_rate, None);
    }
    let window = Duration::from_millis(Config::default().feed.conflation_window_ms);
    let bare_loop = percentile(&mut bare.lasts, 50);
    for (name, percent) in [("p50", 50), ("p99", 99)] {
        let ours = percentile(&mut single.lasts, percent);
        let bound = bare_loop.mul_f64(1.5) + window;
        report.compared(
            &format!("commit → last viewer, {name} (of 1.5 loops + window)"),
            (millis(ours), millis(bound)),
            ours.as_secs_f64() / bound.as_secs_f64(),
            Some(Target::AtMost(1.0)),
        );
    }
    report.fact("the bare loop, p50", millis(bare_loop));
    Ok(report)
}

/// The true server with its viewers.
struct Server<'a> {
    world: &'a World,
    stage: Stage,
    revision: Revision,
    viewers: Viewers,
    process: Process,
}

impl Server<'_> {
    fn start(world: &World, stage: Stage, viewers: usize) -> Result<Server<'_>, BenchError> {
        let (process, address) = world.server()?;
        let viewers = Viewers::open(address, viewers, Greeting::Join(stage.event))?;
        Ok(Server {
            world,
            revision: stage.revision,
            stage,
            viewers,
            process,
        })
    }

    /// Each round changes the event `updates` times (commits of their own, sent together) and
    /// waits until every viewer has all of them.
    fn rounds(&mut self, rounds: usize, updates: u64) -> Result<Cost, BenchError> {
        let mut cost = Cost::default();
        let (cpu, begun) = (self.process.cpu()?, Instant::now());
        for _ in 0..rounds {
            self.revision += updates;
            let arrival = self.viewers.expect(self.revision)?;
            let begun = Instant::now();
            let change = self.world.store.change(&self.stage, updates);
            self.world.runtime.block_on(change)?;
            cost.lasts.push(arrival.wait()?.duration_since(begun));
        }
        cost.wall = begun.elapsed();
        cost.cpu = self.process.cpu()? - cpu;
        Ok(cost)
    }
}

fn floor_rounds(floor: &mut Floor, rounds: usize) -> Result<Cost, BenchError> {
    let mut cost = Cost::default();
    let (cpu, begun) = (floor.process.cpu()?, Instant::now());
    for _ in 0..rounds {
        let (begun, last) = floor.round()?;
        cost.lasts.push(last.duration_since(begun));
    }
    cost.wall = begun.elapsed();
    cost.cpu = floor.process.cpu()? - cpu;
    Ok(cost)
}
