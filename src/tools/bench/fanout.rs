//! Fan-out: one event, many viewers, changes made by plain SQL.
//!
//! The server has a core to itself, and so has the floor: they take turns, in short blocks and at
//! the same pace, so that whatever else the machine does, and however cold its caches are, both
//! feel it alike. Viewers, Postgres and the bench have the other cores.

use std::time::{Duration, Instant};

use super::BenchError;
use super::cores::Cores;
use super::crowd::Greeting;
use super::crowd::viewers::Viewers;
use super::floor::Floor;
use super::process::{BenchProcess, allow_sockets};
use super::report::{Report, Target, count, micros, millis, percentile, ratio};
use super::world::BenchWorld;
use crate::config::DatabaseConfig;
use crate::store::yardstick::StagedEvent;
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
/// Ratios to the floor's CPU that are to be reached.
const ONE_UPDATE_MAX: f64 = 1.2;
const BURST_MAX: f64 = 0.2;

pub(super) fn run(
    viewers: &[usize],
    windows_ms: &[u64],
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(viewers.iter().copied().max().unwrap_or_default())?;
    let cores = Cores::divide()?;
    BenchWorld::audited(database, 0, |world| {
        let mut reports = Vec::new();
        for &viewers in viewers {
            for &window_ms in windows_ms {
                let window = Duration::from_millis(window_ms);
                let setting = Setting {
                    world,
                    cores: &cores,
                    window,
                };
                let costs = measure(&setting, viewers)?;
                reports.push(report(viewers, window, costs).printed());
            }
        }
        Ok(reports)
    })
}

struct Setting<'a> {
    world: &'a BenchWorld,
    cores: &'a Cores,
    /// The server's conflation window.
    window: Duration,
}

/// The cost of rounds of updates to all viewers.
#[derive(Default)]
struct Cost {
    rounds: usize,
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
    floor: Cost,
    frame_bytes: usize,
}

fn measure(setting: &Setting, viewers: usize) -> Result<Costs, BenchError> {
    let mut server = Server::start(setting, viewers)?;
    let mut warm_up = Cost::default();
    server.rounds(&mut warm_up, WARM_UP_ROUNDS, 1)?;
    let sample = server.viewers.sample()?.payload;
    let mut floor = Floor::start(setting.cores, viewers, &sample)?;
    floor_rounds(&mut floor, &mut Cost::default(), &warm_up)?;
    let mut costs = Costs {
        single: Cost::default(),
        burst: Cost::default(),
        floor: Cost::default(),
        frame_bytes: sample.len(),
    };
    for _ in 0..TURNS {
        let mut single = Cost::default();
        server.rounds(&mut single, ROUNDS, 1)?;
        floor_rounds(&mut floor, &mut costs.floor, &single)?;
        costs.single.add(single);
        server.rounds(&mut costs.burst, BURST_ROUNDS, BURST)?;
    }
    Ok(costs)
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.rounds += other.rounds;
        self.updates += other.updates;
        self.frames += other.frames;
        self.cpu += other.cpu;
        self.wall += other.wall;
        self.lasts.extend(other.lasts);
    }
}

/// The true server with its viewers, which are closed before it.
struct Server<'a> {
    world: &'a BenchWorld,
    stage: StagedEvent,
    revision: Revision,
    viewers: Viewers,
    process: BenchProcess,
}

impl Server<'_> {
    fn start<'a>(setting: &Setting<'a>, viewers: usize) -> Result<Server<'a>, BenchError> {
        let world = setting.world;
        let stage = world.runtime.block_on(world.store.set_stage())?;
        let window = setting.window.as_millis().to_string();
        let args = ["--conflation-window-ms", &window];
        let (process, address) = setting.cores.on_the_servers(|| world.server_with(&args))?;
        let greeting = Greeting::Join(vec![stage.event]);
        Ok(Server {
            world,
            revision: stage.revision,
            stage,
            viewers: Viewers::open(address, viewers, greeting)?,
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
        cost.rounds += rounds;
        cost.updates += rounds as u64 * updates;
        cost.frames += self.viewers.sample()?.frames - frames;
        Ok(())
    }
}

/// As many rounds as the server has just had, in the same time: a loop that never pauses has
/// warmer caches than any server.
fn floor_rounds(floor: &mut Floor, cost: &mut Cost, server: &Cost) -> Result<(), BenchError> {
    let pace = server.wall.div_f64(server.rounds as f64);
    let (cpu, begun) = (floor.process.cpu()?, Instant::now());
    for _ in 0..server.rounds {
        let begun = Instant::now();
        cost.lasts.push(floor.round()?);
        std::thread::sleep(pace.saturating_sub(begun.elapsed()));
    }
    cost.wall += begun.elapsed();
    cost.cpu += floor.process.cpu()? - cpu;
    cost.rounds += server.rounds;
    cost.updates += server.rounds as u64;
    cost.frames += server.rounds as u64;
    Ok(())
}

fn report(viewers: usize, window: Duration, costs: Costs) -> Report {
    let Costs {
        mut single,
        burst,
        mut floor,
        frame_bytes,
    } = costs;
    let mut report = Report::new(format!(
        "{} viewers of one event, window {} ms. n = {} updates alone, {} times {BURST} together; \
         frames of {frame_bytes} bytes. Floor: a bare loop of send() of the same bytes on as many \
         sockets, at the same pace, on the same core.",
        count(viewers as f64),
        window.as_millis(),
        single.rounds,
        burst.rounds,
    ));
    for (name, cost, target) in [
        (
            "CPU per delivery, one update at a time",
            &single,
            ONE_UPDATE_MAX,
        ),
        ("CPU per delivery, 16 updates together", &burst, BURST_MAX),
    ] {
        let cpu = cost.cpu_per_delivery(viewers);
        let floor_cpu = floor.cpu_per_delivery(viewers);
        let ratio = ratio(cpu, floor_cpu);
        let pair = (micros(cpu), micros(floor_cpu));
        report.compared(name, pair, ratio, Some(Target::AtMost(target)));
    }
    let per_burst = burst.frames as f64 / burst.rounds as f64;
    report.fact("frames that carry 16 updates", format!("{per_burst:.1}"));
    let floor_rate = floor.deliveries_per_s(viewers);
    for (name, cost) in [
        ("deliveries/s, one update at a time", &single),
        ("deliveries/s, 16 updates together", &burst),
    ] {
        let rate = cost.deliveries_per_s(viewers);
        let pair = (count(rate), count(floor_rate));
        report.compared(name, pair, rate / floor_rate, None);
    }
    // How much of a late one is the machine's: the loop's own percentiles.
    for (name, percent) in [
        ("statement → last viewer, p50", 50),
        ("statement → last viewer, p99", 99),
    ] {
        let last = percentile(&mut single.lasts, percent);
        let bare = percentile(&mut floor.lasts, percent);
        let ratio = ratio(last, bare);
        report.compared(name, (millis(last), millis(bare)), ratio, None);
    }
    report
}
