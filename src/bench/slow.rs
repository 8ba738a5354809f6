//! Viewers that stop reading: what they cost the server, and what the others notice.
//!
//! Phases with and without stalled viewers take turns, so that both feel the machine alike.

use std::time::{Duration, Instant};

use super::BenchError;
use super::crowd::Greeting;
use super::process::{Process, allow_sockets};
use super::report::{Report, Target, count, megabytes, millis, percentile};
use super::viewers::Viewers;
use super::world::World;
use crate::config::DatabaseConfig;
use crate::store::yardstick::Stage;
use crate::ticketing::Revision;

/// 200 changes a second: so many, ten times. (They fill two conflation windows.)
const CHANGES: u64 = 20;
const PACE: Duration = Duration::from_millis(100);
const TURNS: u32 = 3;
const WARM_UP: Duration = Duration::from_secs(2);
/// What the kernel keeps for one client: little, so that a stalled one is soon felt by the server.
const SEND_BUFFER_BYTES: &str = "8192";

pub(super) fn run(
    viewers: usize,
    stalled: Duration,
    database: &DatabaseConfig,
) -> Result<(), BenchError> {
    allow_sockets(viewers)?;
    let world = World::start(database)?;
    println!("{}", measure(&world, viewers, stalled)?);
    Ok(())
}

fn measure(world: &World, viewers: usize, stalled: Duration) -> Result<Report, BenchError> {
    let mut show = Show::start(world, viewers)?;
    show.play(&mut Phase::default(), WARM_UP)?;
    let (mut all_read, mut some_do_not) = (Phase::default(), Phase::default());
    let (mut growth, mut frames_max, mut catching_up) = (0, 0, Duration::ZERO);
    for _ in 0..TURNS {
        show.play(&mut all_read, stalled / TURNS)?;
        show.viewers.stall()?;
        let before = show.process.memory()?;
        show.play(&mut some_do_not, stalled / TURNS)?;
        growth = growth.max(show.process.memory()?.saturating_sub(before));
        let begun = Instant::now();
        let (frames, at) = show.viewers.wake(show.revision)?;
        frames_max = frames_max.max(frames);
        catching_up = catching_up.max(at.duration_since(begun));
    }

    let rate = |phase: &Phase| phase.changes as f64 / phase.wall.as_secs_f64();
    let mut report = Report::new(format!(
        "{} viewers, a tenth of which stops reading, at {} changes/s for {} s in {TURNS} turns. Floor: \
         the turns in between, when all read ({} changes/s).",
        count(viewers as f64),
        count(rate(&some_do_not)),
        stalled.as_secs(),
        count(rate(&all_read)),
    ));
    for (name, percent, target) in [
        ("commit → last viewer that reads, p50", 50, None),
        (
            "commit → last viewer that reads, p99",
            99,
            Some(Target::AtMost(1.1)),
        ),
    ] {
        let ours = percentile(&mut some_do_not.lasts, percent);
        let floor = percentile(&mut all_read.lasts, percent);
        let ratio = ours.as_secs_f64() / floor.as_secs_f64();
        report.compared(name, (millis(ours), millis(floor)), ratio, target);
    }
    let each = growth as f64 / (viewers as f64 / 10.0);
    report.bounded(
        "memory growth per stalled viewer, bytes",
        count(each),
        each,
        Target::AtMost(1_024.0),
    );
    report.fact("memory growth in all", megabytes(growth));
    let missed = some_do_not.changes / u64::from(TURNS);
    report.fact(
        "changes that a stalled viewer slept through",
        count(missed as f64),
    );
    report.fact(
        "frames in which the slowest caught up",
        count(f64::from(frames_max)),
    );
    report.fact("from waking to the last one current", millis(catching_up));
    Ok(report)
}

#[derive(Default)]
struct Phase {
    changes: u64,
    wall: Duration,
    /// From the begin of each round to the last viewer that reads.
    lasts: Vec<Duration>,
}

/// Fields drop in this order: viewers before their server.
struct Show<'a> {
    world: &'a World,
    stage: Stage,
    revision: Revision,
    viewers: Viewers,
    process: Process,
}

impl Show<'_> {
    fn start(world: &World, viewers: usize) -> Result<Show<'_>, BenchError> {
        let stage = world.runtime.block_on(world.store.set_stage())?;
        let args = ["--send-buffer-bytes", SEND_BUFFER_BYTES];
        let (process, address) = world.server_with(&args)?;
        let viewers = Viewers::open(address, viewers, Greeting::Join(stage.event))?;
        Ok(Show {
            world,
            revision: stage.revision,
            stage,
            viewers,
            process,
        })
    }

    fn play(&mut self, phase: &mut Phase, time: Duration) -> Result<(), BenchError> {
        let begun = Instant::now();
        while begun.elapsed() < time {
            let round = Instant::now();
            self.revision += CHANGES;
            self.viewers.expect(self.revision)?;
            let change = self.world.store.change(&self.stage, CHANGES);
            self.world.runtime.block_on(change)?;
            phase.changes += CHANGES;
            phase
                .lasts
                .push(self.viewers.arrival()?.duration_since(round));
            std::thread::sleep(PACE.saturating_sub(round.elapsed()));
        }
        phase.wall += begun.elapsed();
        Ok(())
    }
}
