//! Viewers that stop reading: what they cost the server, and what the others notice.
//!
//! They stall for the whole time at once. As long, half of it before and half after, all of them read: so
//! that both feel the machine alike.

use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::crowd::Greeting;
use super::lags::Lags;
use super::process::{Process, allow_sockets};
use super::report::{Report, Target, count, megabytes, millis};
use super::viewers::Viewers;
use super::world::World;
use super::{BenchError, metrics};
use crate::config::DatabaseConfig;
use crate::store::yardstick::Stage;
use crate::ticketing::Revision;

/// 200 changes a second: so many, ten times. (They fill two conflation windows.)
const CHANGES: u64 = 20;
const PACE: Duration = Duration::from_millis(100);
const WARM_UP: Duration = Duration::from_secs(2);
/// What the kernel keeps for one client at either end: little, so that the server soon feels that one stalls.
const BUFFER_BYTES: &str = "8192";
/// The changes must not come slower because viewers do.
const RATE_MIN: f64 = 190.0;

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

fn measure(world: &World, viewers: usize, stalled_for: Duration) -> Result<Report, BenchError> {
    let mut show = Show::start(world, viewers)?;
    show.play(WARM_UP)?;
    let mut all_read = show.play(stalled_for / 2)?;
    show.viewers.stall()?;
    let some_do_not = show.play(stalled_for)?;
    let woken = show.wake()?;
    all_read.merge(show.play(stalled_for / 2)?);

    let mut report = Report::new(format!(
        "{} viewers, a tenth of which stops reading for {} s, at {} changes/s. Floor: as long before and \
         after, when all read ({} changes/s).",
        count(viewers as f64),
        stalled_for.as_secs(),
        count(some_do_not.rate()),
        count(all_read.rate()),
    ));
    report.bounded(
        "changes/s",
        count(some_do_not.rate()),
        some_do_not.rate(),
        Target::AtLeast(RATE_MIN),
    );
    for (percent, target) in [(50, None), (99, Some(Target::AtMost(1.1)))] {
        let name = format!("commits → each viewer that reads, p{percent}");
        let (ours, floor) = (
            some_do_not.lags.percentile(percent),
            all_read.lags.percentile(percent),
        );
        let ratio = ours.as_secs_f64() / floor.as_secs_f64();
        report.compared(&name, (millis(ours), millis(floor)), ratio, target);
    }
    // The first of the crowd reads: it is the sample.
    let stalled = viewers.div_ceil(10).saturating_sub(1).max(1) as f64;
    let growth = some_do_not.growth as f64 / stalled;
    report.bounded(
        "memory growth per stalled viewer, bytes",
        count(growth),
        growth,
        Target::AtMost(1_024.0),
    );
    report.fact("memory growth in all", megabytes(some_do_not.growth));
    report.fact("the same, while all read", megabytes(all_read.growth));
    let frames = woken.catch_ups / stalled;
    report.bounded(
        "frames sent to each on waking",
        format!("{frames:.2}"),
        frames,
        Target::AtMost(1.0),
    );
    report.fact(
        "read by one, what its kernel kept included",
        count(f64::from(woken.frames_max)),
    );
    report.fact(
        "changes that a stalled viewer slept through",
        count(some_do_not.changes as f64),
    );
    report.fact("from waking to the last one current", millis(woken.took));
    Ok(report)
}

#[derive(Default)]
struct Phase {
    changes: u64,
    wall: Duration,
    /// From before the commits of a round to each viewer that reads, with all of them.
    lags: Lags,
    /// Of the server's memory, in bytes.
    growth: u64,
}

impl Phase {
    fn rate(&self) -> f64 {
        self.changes as f64 / self.wall.as_secs_f64()
    }

    fn merge(&mut self, other: Phase) {
        self.changes += other.changes;
        self.wall += other.wall;
        self.lags.merge(&other.lags);
        self.growth = self.growth.max(other.growth);
    }
}

/// How those who had stalled came back.
struct Woken {
    /// Frames that the server made for all of them together.
    catch_ups: f64,
    /// The most frames that one of them read, with those that it had been sent before.
    frames_max: u32,
    took: Duration,
}

/// Fields drop in this order: viewers before their server.
struct Show<'a> {
    world: &'a World,
    stage: Stage,
    revision: Revision,
    viewers: Viewers,
    process: Process,
    address: SocketAddr,
}

impl Show<'_> {
    fn start(world: &World, viewers: usize) -> Result<Show<'_>, BenchError> {
        let stage = world.runtime.block_on(world.store.set_stage())?;
        let args = ["--send-buffer-bytes", BUFFER_BYTES];
        let (process, address) = world.server_with(&args)?;
        let greeting = Greeting::Join(stage.event);
        let buffer = ["--buffer-bytes", BUFFER_BYTES];
        let viewers = Viewers::open_with(address, viewers, greeting, &buffer)?;
        Ok(Show {
            world,
            revision: stage.revision,
            stage,
            viewers,
            process,
            address,
        })
    }

    fn play(&mut self, time: Duration) -> Result<Phase, BenchError> {
        let mut phase = Phase::default();
        let memory = self.process.memory()?;
        self.viewers.lags()?;
        let (begun, mut rounds) = (Instant::now(), 0);
        let mut all_have_it = true;
        while begun.elapsed() < time {
            self.revision += CHANGES;
            all_have_it = all_have_it || self.viewers.has_arrived()?;
            // A round that begins before the one that is watched has come to all is not watched.
            if mem::take(&mut all_have_it) {
                self.viewers.expect(self.revision)?;
            }
            let change = self.world.store.change(&self.stage, CHANGES);
            self.world.runtime.block_on(change)?;
            phase.changes += CHANGES;
            rounds += 1;
            std::thread::sleep((PACE * rounds).saturating_sub(begun.elapsed()));
        }
        phase.wall = begun.elapsed();
        if !all_have_it {
            self.viewers.arrival()?;
        }
        phase.lags = self.viewers.lags()?;
        phase.growth = self.process.memory()?.saturating_sub(memory);
        self.viewers.expect(self.revision)?;
        self.viewers.arrival()?;
        Ok(phase)
    }

    /// Nothing changes meanwhile: what is sent is for those who wake.
    fn wake(&mut self) -> Result<Woken, BenchError> {
        let before = metrics::read(self.address, metrics::CATCH_UPS)?;
        let begun = Instant::now();
        let (frames_max, at) = self.viewers.wake(self.revision)?;
        let after = metrics::read(self.address, metrics::CATCH_UPS)?;
        Ok(Woken {
            catch_ups: after - before,
            frames_max,
            took: at.duration_since(begun),
        })
    }
}
