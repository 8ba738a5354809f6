//! The time from a commit to the first viewer, and that of the committing statement itself.
//!
//! One program writes claims by plain SQL, at a steady pace, on as many events as are given; each
//! event has one viewer. A raw `LISTEN` hears the same commits. Between two claims the same program
//! writes one by the bare statement, which has no trigger behind it.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::BenchError;
use super::clock;
use super::crowd::Greeting;
use super::crowd::viewers::{Seen, Viewers};
use super::process::allow_sockets;
use super::report::{NEVER, Report, Target, count, finer_millis, percentile, ratio};
use super::usage::Meter;
use super::world::BenchWorld;
use crate::config::DatabaseConfig;
use crate::store::Store;
use crate::store::yardstick::StagedEvent;
use crate::store::yardstick::writing::{BareWriter, Writer};
use crate::ticketing::{BookingId, EventId, Revision};

/// Changes a second, by how many events move.
fn pace(events: usize) -> u32 {
    match events {
        ..10 => 10,
        10..500 => 100,
        _ => 300,
    }
}

/// Written before anything is measured: plans and caches are warm.
const WARM_UP: usize = 20;
/// So long without a ring, all that was to come has come.
const QUIET: Duration = Duration::from_millis(500);
/// The viewers of a busy machine have the last commit after this at the latest.
const SEEN_WITHIN: Duration = Duration::from_secs(30);
/// To be reached, by the 50th percentile, in milliseconds.
const PUSH_MS_MAX: f64 = 0.5;
const STATEMENT_MS_MAX: f64 = 1.5;
/// The statement, beside the bare one.
const STATEMENT_RATIO_MAX: f64 = 1.5;

pub(super) fn run(
    events: &[usize],
    time: Duration,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(events.iter().copied().max().unwrap_or_default())?;
    BenchWorld::audited(database, 0, |world| {
        let heard = listen(&world.store);
        let mut reports = Vec::new();
        for &events in events {
            reports.push(measure(world, &heard, events, time)?.printed());
        }
        let drop_unclaimed = world.store.drop_unclaimed_bookings();
        world.runtime.block_on(drop_unclaimed)?;
        Ok(reports)
    })
}

/// A payload of the doorbell, and when it was heard.
type HeardRing = (String, Duration);

/// On a thread of its own, until nobody wants to know.
fn listen(store: &Store) -> Receiver<HeardRing> {
    let (tell, heard) = channel();
    let store = store.clone();
    std::thread::spawn(move || {
        let Ok(runtime) = one_thread() else { return };
        runtime.block_on(async {
            let Ok(mut listener) = store.raw_listener().await else {
                return;
            };
            while let Some(payload) = listener.next().await {
                if tell.send((payload, clock::now())).is_err() {
                    return;
                }
            }
        });
    });
    heard
}

/// Its tasks wake no other thread.
fn one_thread() -> Result<Runtime, BenchError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(BenchError::io("start a runtime"))
}

/// A commit of the statement with triggers.
struct Commit {
    /// Number of its event, and the revision that it made.
    event: usize,
    revision: Revision,
    acknowledged: Duration,
}

#[derive(Default)]
struct WrittenChange {
    commits: Vec<Commit>,
    statements: Vec<Duration>,
    bare: Vec<Duration>,
    /// From the first write to the last.
    wall: Duration,
}

fn measure(
    world: &BenchWorld,
    heard: &Receiver<HeardRing>,
    events: usize,
    time: Duration,
) -> Result<Report, BenchError> {
    let (run, store) = (&world.runtime, &world.store);
    let pace = pace(events);
    let writes = (f64::from(pace) * time.as_secs_f64()) as usize + WARM_UP;
    let each = writes.div_ceil(events);
    let stages = run.block_on(store.set_stages(events as i64, 1))?;
    let bookings = run.block_on(store.set_bookings(&stages, each as i32))?;
    let (server, address) = world.server()?;
    let joined = stages.iter().map(|stage| stage.event).collect();
    let viewers = Viewers::open(address, events, Greeting::Join(joined))?;
    viewers.tell()?;
    // Rings of the statements that made them.
    while heard.recv_timeout(QUIET).is_ok() {}
    let meter = Meter {
        server: Some(&server),
        postgres: world.postgres,
        viewers: Some(&viewers),
    };
    let before = meter.read()?;
    // Its answers wake this thread, no other.
    let written = one_thread()?.block_on(async {
        let writers = (store.writer().await?, store.bare_writer(&stages).await?);
        write(&writers, &stages, &bookings, writes, pace).await
    })?;
    let usage = meter.read()?.since(before);
    let seen = see_all(&viewers, &written.commits);
    let heard: Vec<HeardRing> = heard.try_iter().collect();

    let lags = LatencyLags {
        push: push_lags(&written.commits, &seen, events),
        raw: raw_lags(&written.commits, &heard, &stages),
    };
    let mut report = report(events, pace, written, lags);
    report.fact("CPU", usage);
    Ok(report)
}

/// One claim after the other, on each event in turn, evenly; half-way to the next one the bare
/// statement has its turn.
async fn write(
    (writer, bare): &(Writer, BareWriter),
    stages: &[StagedEvent],
    bookings: &[Vec<BookingId>],
    writes: usize,
    pace: u32,
) -> Result<WrittenChange, BenchError> {
    let mut written = WrittenChange::default();
    let interval = Duration::from_secs(1) / pace;
    let all_begun = Instant::now();
    let mut due = all_begun;
    for n in 0..writes {
        let (event, round) = (n % stages.len(), n / stages.len());
        let (stage, booking) = (&stages[event], bookings[event][round]);
        tokio::time::sleep_until(due.into()).await;
        let begun = Instant::now();
        writer.write(stage, booking).await?;
        let acknowledged = clock::now();
        let took = begun.elapsed();
        tokio::time::sleep_until((due + interval / 2).into()).await;
        let begun = Instant::now();
        bare.write(stage, booking).await?;
        if n >= WARM_UP {
            written.bare.push(begun.elapsed());
            written.statements.push(took);
            written.commits.push(Commit {
                event,
                revision: stage.revision + round as Revision + 1,
                acknowledged,
            });
        }
        // A database that is slower than the pace is not asked to catch up.
        due = (due + interval).max(Instant::now());
    }
    written.wall = all_begun.elapsed();
    Ok(written)
}

struct LatencyLags {
    push: Vec<Duration>,
    raw: Vec<Duration>,
}

/// All updates that the viewers were sent until each has its event's last commit. Without the latest a figure would flatter.
fn see_all(viewers: &Viewers, commits: &[Commit]) -> Vec<Seen> {
    let mut missing: BTreeMap<usize, Revision> = BTreeMap::new();
    for commit in commits {
        missing.insert(commit.event, commit.revision);
    }
    let (mut seen, deadline) = (Vec::new(), Instant::now() + SEEN_WITHIN);
    while !missing.is_empty() && Instant::now() < deadline {
        let Some(update) = viewers.seen(QUIET) else {
            continue;
        };
        if missing
            .get(&update.viewer)
            .is_some_and(|last| update.to >= *last)
        {
            missing.remove(&update.viewer);
        }
        seen.push(update);
    }
    seen
}

/// From each acknowledgement to the event's viewer; a viewer that was earlier was not late. A commit that the viewer was not
/// sent is later than any other.
fn push_lags(commits: &[Commit], seen: &[Seen], events: usize) -> Vec<Duration> {
    let mut by_event: Vec<Vec<&Seen>> = vec![Vec::new(); events];
    for update in seen {
        by_event[update.viewer].push(update);
    }
    let lag = |commit: &Commit| {
        let mut updates = by_event[commit.event].iter();
        let first = updates.find(|update| update.to >= commit.revision);
        first.map_or(NEVER, |first| first.at.saturating_sub(commit.acknowledged))
    };
    commits.iter().map(lag).collect()
}

/// The same for `LISTEN`. The payload names the event; its rings come in the order of its commits.
fn raw_lags(commits: &[Commit], heard: &[HeardRing], stages: &[StagedEvent]) -> Vec<Duration> {
    let mut rings: Vec<Vec<Duration>> = vec![Vec::new(); stages.len()];
    for (payload, at) in heard {
        let rung = events_of(payload);
        for (event, stage) in stages.iter().enumerate() {
            if rung.contains(&stage.event) {
                rings[event].push(*at);
            }
        }
    }
    let lag = |commit: &Commit| {
        let nth = commit.revision - stages[commit.event].revision - 1;
        let at = rings[commit.event].get(usize::try_from(nth).ok()?)?;
        Some(at.saturating_sub(commit.acknowledged))
    };
    commits.iter().filter_map(lag).collect()
}

/// `1,2,3`, or `change:1:{…}`; none in what rings for something else.
fn events_of(payload: &str) -> Vec<EventId> {
    let change = payload.strip_prefix("change:");
    if let Some((event, _)) = change.and_then(|change| change.split_once(':')) {
        return event.parse().into_iter().collect();
    }
    payload
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .unwrap_or_default()
}

fn report(events: usize, pace: u32, written: WrittenChange, lags: LatencyLags) -> Report {
    let WrittenChange {
        commits,
        mut statements,
        mut bare,
        wall,
    } = written;
    let LatencyLags { mut push, mut raw } = lags;
    let seen = push.iter().filter(|lag| **lag < NEVER).count();
    let mut report = Report::new(format!(
        "{} event(s) moving, {pace} changes/s by plain SQL, a viewer each. n = {} commits, {} of them \
         seen, {} heard. Floor: a raw LISTEN; for the statement, one that inserts a claim, moves a \
         counter, logs and notifies without triggers.",
        count(events as f64),
        count(commits.len() as f64),
        count(seen as f64),
        count(raw.len() as f64),
    ));
    report.bounded(
        "commits that the viewer was sent, of all",
        count(seen as f64),
        seen as f64 / commits.len() as f64,
        Target::AtLeast(1.0),
    );
    let rate = (commits.len() + WARM_UP) as f64 / wall.as_secs_f64();
    let pair = (count(rate), count(pace.into()));
    report.beside("changes/s, beside those asked for", pair);
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    let shown = finer_millis;
    let mut lines = |name: &str, ours: &mut [Duration], floor: &mut [Duration]| {
        for percent in [50, 99] {
            let pair = [&mut *ours, floor].map(|all| shown(percentile(all, percent)));
            report.beside(&format!("{name}, p{percent}"), pair.into());
        }
    };
    lines("acknowledged commit → viewer", &mut push, &mut raw);
    lines("the committing statement", &mut statements, &mut bare);
    let (push, statement, bare) = (
        percentile(&mut push, 50),
        percentile(&mut statements, 50),
        percentile(&mut bare, 50),
    );
    for (name, value, most) in [
        ("commit → viewer, p50, ms", push, PUSH_MS_MAX),
        ("statement, p50, ms", statement, STATEMENT_MS_MAX),
    ] {
        report.bounded(name, shown(value), ms(value), Target::AtMost(most));
    }
    report.compared(
        "statement beside the bare one, p50",
        (shown(statement), shown(bare)),
        ratio(statement, bare),
        Some(Target::AtMost(STATEMENT_RATIO_MAX)),
    );
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_names_its_events() {
        assert_eq!(events_of("7,8"), [EventId(7), EventId(8)]);
        assert_eq!(events_of(r#"change:7:{"revision":3}"#), [EventId(7)]);
        for other in ["users:7", "probe:7", "presence:7:1", ""] {
            assert!(events_of(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_lag_ends_with_the_first_update_that_has_the_change() {
        let ms = Duration::from_millis;
        let commit = |revision, at| Commit {
            event: 0,
            revision,
            acknowledged: ms(at),
        };
        let seen = |to, at| Seen {
            viewer: 0,
            to,
            at: ms(at),
        };
        let commits = [commit(5, 10), commit(6, 20), commit(7, 40)];
        // The viewer had 5 before its writer was answered; 7 never came.
        let lags = push_lags(&commits, &[seen(5, 9), seen(6, 23)], 1);
        assert_eq!(lags, [Duration::ZERO, ms(3), NEVER]);
    }
}
