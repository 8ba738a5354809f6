//! Fan-out: one event, many viewers, changes made by plain SQL.
//!
//! Server and floor take turns, in short blocks and at the same pace, so that whatever else the
//! machine does, and however cold its caches are, both feel it alike.

use std::time::{Duration, Instant};

use super::BenchError;
use super::crowd::Greeting;
use super::floor::Floor;
use super::process::{Process, allow_sockets};
use super::report::{Report, Target, count, micros, millis, percentile};
use super::viewers::Viewers;
use super::world::World;
use crate::config::{Config, DatabaseConfig};
use crate::socket::shard_count;
use crate::store::yardstick::Stage;
use crate::ticketing::Revision;

/// Updates that wait together.
const BURST: u64 = 16;
/// Rounds before anything is measured: sockets, caches and the event's entry are warm.
const WARM_UP_ROUNDS: usize = 5;
/// How often server and floor take turns.
const TURNS: usize = 8;
/// Rounds of each in a turn; enough in all for a 99th percentile.
const ROUNDS: usize = 20;
const BURST_ROUNDS: usize = 5;

pub(super) fn run(viewers: &[usize], database: &DatabaseConfig) -> Result<(), BenchError> {
    allow_sockets(viewers.iter().copied().max().unwrap_or_default())?;
    let world = World::start(database)?;
    for &viewers in viewers {
        let alone = alone(&world)?;
        let costs = measure(&world, viewers)?;
        println!("{}", report(viewers, alone, costs));
    }
    Ok(())
}

/// What rounds of updates to all viewers cost.
#[derive(Default)]
struct Cost {
    updates: u64,
    /// Frames that each viewer got.
    frames: u64,
    cpu: Duration,
    wall: Duration,
    /// From the begin of each round to the last viewer.
    lasts: Vec<Duration>,
}

impl Cost {
    fn cpu_per_delivery(&self, viewers: usize) -> Duration {
        self.cpu.div_f64(self.updates as f64 * viewers as f64)
    }

    fn deliveries_per_s(&self, viewers: usize) -> f64 {
        self.updates as f64 * viewers as f64 / self.wall.as_secs_f64()
    }
}

struct Costs {
    single: Cost,
    burst: Cost,
    /// One loop for all sockets.
    floor: Cost,
    /// A loop per shard: they meet in the kernel as the shards do.
    loops: Cost,
    frame_bytes: usize,
}

/// What an update costs the server when there is one viewer: the path from the doorbell to the
/// shard, which does not grow with the viewers.
fn alone(world: &World) -> Result<Duration, BenchError> {
    let mut server = Server::start(world, 1)?;
    let mut cost = Cost::default();
    server.rounds(&mut Cost::default(), WARM_UP_ROUNDS, 1)?;
    server.rounds(&mut cost, TURNS * ROUNDS / 2, 1)?;
    Ok(cost.cpu_per_delivery(1))
}

fn measure(world: &World, viewers: usize) -> Result<Costs, BenchError> {
    let mut server = Server::start(world, viewers)?;
    server.rounds(&mut Cost::default(), WARM_UP_ROUNDS, 1)?;
    let sample = server.viewers.sample()?.payload;
    let mut floor = Floor::start(viewers, 1, &sample)?;
    let mut loops = Floor::start(viewers, shard_count(&Config::default().socket), &sample)?;
    floor_rounds(&mut floor, &mut Cost::default(), WARM_UP_ROUNDS)?;
    floor_rounds(&mut loops, &mut Cost::default(), WARM_UP_ROUNDS)?;
    let mut costs = Costs {
        single: Cost::default(),
        burst: Cost::default(),
        floor: Cost::default(),
        loops: Cost::default(),
        frame_bytes: sample.len(),
    };
    for _ in 0..TURNS {
        server.rounds(&mut costs.single, ROUNDS, 1)?;
        floor_rounds(&mut floor, &mut costs.floor, ROUNDS)?;
        floor_rounds(&mut loops, &mut costs.loops, ROUNDS)?;
        server.rounds(&mut costs.burst, BURST_ROUNDS, BURST)?;
    }
    Ok(costs)
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
    fn start(world: &World, viewers: usize) -> Result<Server<'_>, BenchError> {
        let stage = world.runtime.block_on(world.store.set_stage())?;
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
    /// waits until every viewer has all of them; the next begins at once.
    fn rounds(&mut self, cost: &mut Cost, rounds: usize, updates: u64) -> Result<(), BenchError> {
        let frames = self.viewers.sample()?.frames;
        let (cpu, begun) = (self.process.cpu()?, Instant::now());
        for _ in 0..rounds {
            self.revision += updates;
            self.viewers.expect(self.revision)?;
            let begun = Instant::now();
            let change = self.world.store.change(&self.stage, updates);
            self.world.runtime.block_on(change)?;
            cost.lasts
                .push(self.viewers.arrival()?.duration_since(begun));
        }
        cost.wall += begun.elapsed();
        cost.cpu += self.process.cpu()? - cpu;
        cost.updates += rounds as u64 * updates;
        cost.frames += self.viewers.sample()?.frames - frames;
        Ok(())
    }
}

/// As often as the server may send: a loop that never pauses has warmer caches than any server.
fn floor_rounds(floor: &mut Floor, cost: &mut Cost, rounds: usize) -> Result<(), BenchError> {
    let (cpu, begun) = (floor.process.cpu()?, Instant::now());
    for _ in 0..rounds {
        let begun = Instant::now();
        cost.lasts.push(floor.round()?);
        std::thread::sleep(window().saturating_sub(begun.elapsed()));
    }
    cost.wall += begun.elapsed();
    cost.cpu += floor.process.cpu()? - cpu;
    cost.updates += rounds as u64;
    cost.frames += rounds as u64;
    Ok(())
}

/// The server runs with the default.
fn window() -> Duration {
    Duration::from_millis(Config::default().feed.conflation_window_ms)
}

fn report(viewers: usize, alone: Duration, costs: Costs) -> Report {
    let Costs {
        mut single,
        burst,
        mut floor,
        loops,
        frame_bytes,
    } = costs;
    let mut report = Report::new(format!(
        "{} viewers of one event, frames of {frame_bytes} bytes. Floor: a bare loop of send() of \
         the same bytes on as many sockets, at the same pace.",
        count(viewers as f64),
    ));
    for (name, cost, floor, target) in [
        (
            "CPU per delivery, one update at a time",
            &single,
            &floor,
            Some(1.25),
        ),
        ("… beside a loop per shard", &single, &loops, None),
        (
            "CPU per delivery, 16 updates together",
            &burst,
            &floor,
            Some(0.2),
        ),
    ] {
        let cpu = cost.cpu_per_delivery(viewers);
        let floor_cpu = floor.cpu_per_delivery(viewers);
        let ratio = cpu.as_secs_f64() / floor_cpu.as_secs_f64();
        let pair = (micros(cpu), micros(floor_cpu));
        report.compared(name, pair, ratio, target.map(Target::AtMost));
    }
    report.fact("CPU per update with one viewer", micros(alone));
    let per_burst = burst.frames as f64 * BURST as f64 / burst.updates as f64;
    report.fact("frames that carry 16 updates", format!("{per_burst:.1}"));
    let floor_rate = floor.deliveries_per_s(viewers);
    for (name, cost) in [
        ("deliveries/s, one update at a time", &single),
        ("deliveries/s, 16 updates together", &burst),
    ] {
        let rate = cost.deliveries_per_s(viewers);
        report.compared(
            name,
            (count(rate), count(floor_rate)),
            rate / floor_rate,
            None,
        );
    }
    // The floor of the latency is what it has to stay within: 1.5 bare loops and the window. The
    // loop's own 99th percentile tells how much of a late one is the machine's.
    for (name, percent, of_floor, target) in [
        (
            "commit → last viewer, p50 (1.5 loops + window)",
            50,
            50,
            None,
        ),
        (
            "commit → last viewer, p99 (1.5 loops + window)",
            99,
            50,
            Some(1.0),
        ),
        ("… beside the loop's own p99", 99, 99, None),
    ] {
        let last = percentile(&mut single.lasts, percent);
        let bound = percentile(&mut floor.lasts, of_floor).mul_f64(1.5) + window();
        let ratio = last.as_secs_f64() / bound.as_secs_f64();
        report.compared(
            name,
            (millis(last), millis(bound)),
            ratio,
            target.map(Target::AtMost),
        );
    }
    for (name, percent) in [("the bare loop, p50", 50), ("the bare loop, p99", 99)] {
        report.fact(name, millis(percentile(&mut floor.lasts, percent)));
    }
    report
}
