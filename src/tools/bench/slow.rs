//! Viewers that stop reading: what they cost the server, and what the others notice.
//!
//! They stall for the whole time at once. As long, half of it before and half after, all of them read: so
//! that both feel the machine alike.

use std::time::{Duration, Instant};

use super::crowd::lags::Lags;
use super::process::allow_sockets;
use super::report::{Report, Target, count, megabytes, millis, ratio};
use super::show::{BenchShow, Pace};
use super::world::BenchWorld;
use super::{BenchError, metrics};
use crate::config::DatabaseConfig;

/// 200 changes a second, in rounds that fill two conflation windows.
const PACE: Pace = Pace {
    changes: 20,
    interval: Duration::from_millis(100),
};
const WARM_UP: Duration = Duration::from_secs(2);
/// Socket buffers at both ends: small, so that the server soon feels that a viewer stalls.
const BUFFER_BYTES: &str = "8192";
/// The changes must not come slower because viewers do.
const RATE_MIN: f64 = 190.0;

pub(super) fn run(
    viewers: usize,
    stalled: Duration,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(viewers)?;
    BenchWorld::audited(database, 0, |world| {
        Ok(vec![measure(world, viewers, stalled)?.printed()])
    })
}

fn measure(
    world: &BenchWorld,
    viewers: usize,
    stalled_for: Duration,
) -> Result<Report, BenchError> {
    let server = world.server_with(&["--socket-send-buffer-bytes", BUFFER_BYTES])?;
    let mut show = BenchShow::open(world, server, viewers, &["--buffer-bytes", BUFFER_BYTES])?;
    show.play(WARM_UP, PACE)?;
    let before = show.play(stalled_for / 2, PACE)?;
    let stalled = show.stall()?.max(1) as f64;
    let some_do_not = show.play(stalled_for, PACE)?;
    let woken = wake(&mut show)?;
    let after = show.play(stalled_for / 2, PACE)?;
    let mut all_read = Lags::default();
    all_read.merge(&before.lags);
    all_read.merge(&after.lags);

    let mut report = Report::new(format!(
        "{} viewers, a tenth of which stops reading for {} s, at {} changes/s. Floor: as long before and \
         after, when all read ({} and {} changes/s).",
        count(viewers as f64),
        stalled_for.as_secs(),
        count(some_do_not.rate()),
        count(before.rate()),
        count(after.rate()),
    ));
    report.bounded(
        "changes/s",
        count(some_do_not.rate()),
        some_do_not.rate(),
        Target::AtLeast(RATE_MIN),
    );
    for (percent, target) in [(50, None), (99, Some(Target::AtMost(1.1)))] {
        let name = format!("change due → each viewer that reads, p{percent}");
        let (ours, floor) = (
            some_do_not.lags.percentile(percent),
            all_read.percentile(percent),
        );
        let ratio = ratio(ours, floor);
        report.compared(&name, (millis(ours), millis(floor)), ratio, target);
    }
    let growth = some_do_not.memory_growth() as f64 / stalled;
    report.bounded(
        "memory growth per stalled viewer, bytes",
        count(growth),
        growth,
        Target::AtMost(1_024.0),
    );
    report.fact(
        "memory growth in all",
        megabytes(some_do_not.memory_growth()),
    );
    report.fact(
        "the same, while all read",
        megabytes(before.memory_growth().max(after.memory_growth())),
    );
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

/// How the viewers that had stalled came back.
struct SlowWoken {
    /// Frames that the server made for all of them together.
    catch_ups: f64,
    /// The most frames that one of them read, with those that it had been sent before.
    frames_max: u32,
    took: Duration,
}

/// Nothing changes meanwhile: what is sent is for viewers that wake.
fn wake(show: &mut BenchShow) -> Result<SlowWoken, BenchError> {
    let before = metrics::read(show.address, metrics::CATCH_UPS)?;
    let begun = Instant::now();
    let (frames_max, at) = show.wake()?;
    let after = metrics::read(show.address, metrics::CATCH_UPS)?;
    Ok(SlowWoken {
        catch_ups: after - before,
        frames_max,
        took: at.duration_since(begun),
    })
}
