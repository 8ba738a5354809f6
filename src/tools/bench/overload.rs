//! More changes than one core can send to all viewers: the rate of frames has to give, nothing
//! else.
//!
//! The server has one core. While the event changes, a few clients ask for heartbeats and others
//! come and join, all at fixed times, as the changes are: an answer that is late counts for all that
//! were due meanwhile, and a change that is late counts at each viewer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Error;

use super::BenchError;
use super::client::{self, BenchClient};
use super::cores::Cores;
use super::floor::Floor;
use super::process::allow_sockets;
use super::report::{Report, Target, count, megabytes, millis, percentile};
use super::show::{BenchShow, Pace, ShowPhase};
use super::usage::{Meter, Usage};
use super::world::BenchWorld;
use crate::config::DatabaseConfig;
use crate::ticketing::EventId;

/// 100 changes a second.
const PACE: Pace = Pace {
    changes: 1,
    interval: Duration::from_millis(10),
};
/// The changes must not come slower because viewers are many.
const RATE_MIN: f64 = 95.0;
const WARM_UP: Duration = Duration::from_secs(2);
const FLOOR_ROUNDS: usize = 20;
/// Clients that ask for heartbeats, and clients that come, join and go; each asks so often.
const HEARTBEAT_CLIENTS: u32 = 10;
const JOIN_CLIENTS: u32 = 5;
const ASK_INTERVAL: Duration = Duration::from_millis(100);
/// An answer, and a change on its way to any viewer, may take so long.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Memory at the end, of memory half-way.
const MEMORY_RATIO_MAX: f64 = 1.05;

pub(super) fn run(
    viewers: usize,
    windows_ms: &[u64],
    time: Duration,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(viewers + 100)?;
    let cores = Cores::divide()?;
    BenchWorld::audited(database, 0, |world| {
        let mut reports = Vec::new();
        for &window_ms in windows_ms {
            let window = window_ms.to_string();
            let args = ["--conflation-window-ms", &window];
            let server = cores.on_the_servers(|| world.server_with(&args))?;
            let mut show = BenchShow::open(world, server, viewers, &[])?;
            let measured = measure(world, &cores, &mut show, viewers, time)?;
            reports.push(report(viewers, window_ms, measured).printed());
        }
        Ok(reports)
    })
}

struct Measured {
    phase: ShowPhase,
    usage: Usage,
    heartbeats: Vec<Duration>,
    joins: Vec<Duration>,
    /// The time that a bare loop takes to send one frame to all.
    bare_loop: Duration,
}

fn measure(
    world: &BenchWorld,
    cores: &Cores,
    show: &mut BenchShow,
    viewers: usize,
    time: Duration,
) -> Result<Measured, BenchError> {
    show.play(WARM_UP, PACE)?;
    let bare_loop = bare_loop(cores, viewers, &show.viewers.sample()?.payload)?;
    let (address, event) = (show.address, show.stage.event);
    let meter = |show: &BenchShow| {
        Meter {
            server: Some(&show.process),
            postgres: world.postgres,
            viewers: Some(&show.viewers),
        }
        .read()
    };
    let begun = Instant::now();
    let until = begun + time;
    let due = |client: u32, clients: u32| begun + ASK_INTERVAL * client / clients;
    let heartbeats: Vec<_> = (0..HEARTBEAT_CLIENTS)
        .map(|n| due(n, HEARTBEAT_CLIENTS))
        .map(|due| world.runtime.spawn(beat(address, event, due, until)))
        .collect();
    let joins: Vec<_> = (0..JOIN_CLIENTS)
        .map(|n| due(n, JOIN_CLIENTS))
        .map(|due| world.runtime.spawn(come(address, event, due, until)))
        .collect();
    let before = meter(show)?;
    let phase = show.play(time, PACE)?;
    let usage = meter(show)?.since(before);
    Ok(Measured {
        phase,
        usage,
        heartbeats: answers(world, heartbeats)?,
        joins: answers(world, joins)?,
        bare_loop,
    })
}

fn bare_loop(cores: &Cores, viewers: usize, sample: &str) -> Result<Duration, BenchError> {
    let mut floor = Floor::start(cores, viewers, sample)?;
    let mut rounds = Vec::with_capacity(FLOOR_ROUNDS);
    for _ in 0..FLOOR_ROUNDS {
        rounds.push(floor.round()?);
    }
    Ok(percentile(&mut rounds, 50))
}

type Asking = JoinHandle<Result<Vec<Duration>, BenchError>>;

fn answers(world: &BenchWorld, asking: Vec<Asking>) -> Result<Vec<Duration>, BenchError> {
    let mut all = Vec::new();
    for client in asking {
        let answered = world.runtime.block_on(client);
        let answered = answered.map_err(|_| BenchError::Child("a client died"))?;
        all.extend(answered?);
    }
    Ok(all)
}

fn cut(_: Error) -> BenchError {
    BenchError::Child("the server cut a connection")
}

/// A refusal is soon said: it is no answer to be timed.
fn well(answered: Result<bool, Error>) -> Result<(), BenchError> {
    match answered.map_err(cut)? {
        true => Ok(()),
        false => Err(BenchError::Child(
            "the server refused a join or a heartbeat",
        )),
    }
}

/// Heartbeats of one joined connection: from when each was due to its answer.
async fn beat(
    address: SocketAddr,
    event: EventId,
    mut due: Instant,
    until: Instant,
) -> Result<Vec<Duration>, BenchError> {
    let mut client = BenchClient::connect(address).await.map_err(cut)?;
    well(client.ask(client::join(event, "{}")).await)?;
    let mut answers = Vec::new();
    while due < until {
        tokio::time::sleep_until(due.into()).await;
        well(client.ask(client::heartbeat()).await)?;
        answers.push(due.elapsed());
        due += ASK_INTERVAL;
    }
    Ok(answers)
}

/// Connections that come and join, one after the other: from when each was due to its state.
async fn come(
    address: SocketAddr,
    event: EventId,
    mut due: Instant,
    until: Instant,
) -> Result<Vec<Duration>, BenchError> {
    let mut answers = Vec::new();
    while due < until {
        tokio::time::sleep_until(due.into()).await;
        let mut client = BenchClient::connect(address).await.map_err(cut)?;
        well(client.ask(client::join(event, "{}")).await)?;
        answers.push(due.elapsed());
        due += ASK_INTERVAL;
    }
    Ok(answers)
}

fn report(viewers: usize, window_ms: u64, measured: Measured) -> Report {
    let Measured {
        phase,
        usage,
        mut heartbeats,
        mut joins,
        bare_loop,
    } = measured;
    let mut report = Report::new(format!(
        "{} viewers, one core, {} changes/s for {} s, window {window_ms} ms. n = {} heartbeats, {} \
         joins, {} changes at a viewer. Floor: frames that a bare loop of send() could send to all on that core.",
        count(viewers as f64),
        count(phase.rate()),
        phase.wall.as_secs(),
        heartbeats.len(),
        joins.len(),
        count(phase.lags.count() as f64),
    ));
    let rate = phase.rate();
    report.bounded("changes/s", count(rate), rate, Target::AtLeast(RATE_MIN));
    let answer_max_ms = ANSWER_MAX.as_secs_f64() * 1e3;
    let mut bounded = |name: &str, value: Duration| {
        let ms = value.as_secs_f64() * 1e3;
        report.bounded(name, millis(value), ms, Target::AtMost(answer_max_ms));
    };
    bounded("heartbeat → answer, p99", percentile(&mut heartbeats, 99));
    bounded("connect and join → state, p99", percentile(&mut joins, 99));
    bounded("change due → each viewer, p99", phase.lags.percentile(99));
    bounded("last change due → all are current", phase.caught_up);
    for (name, value) in [
        ("heartbeat → answer, p50", percentile(&mut heartbeats, 50)),
        ("… the longest", percentile(&mut heartbeats, 100)),
        ("connect and join → state, p50", percentile(&mut joins, 50)),
        ("… the longest", percentile(&mut joins, 100)),
        ("change due → each viewer, p50", phase.lags.percentile(50)),
        ("… the longest", phase.lags.percentile(100)),
    ] {
        report.fact(name, millis(value));
    }
    let frames = phase.frames as f64 / phase.wall.as_secs_f64();
    let bare = 1.0 / bare_loop.as_secs_f64();
    let pair = (format!("{frames:.1}"), format!("{bare:.1}"));
    report.compared("frames/s that a viewer got", pair, frames / bare, None);
    let (half, end) = (
        phase.memory[phase.memory.len() / 2],
        phase.memory[phase.memory.len() - 1],
    );
    report.compared(
        "memory at the end, beside half-way",
        (megabytes(end), megabytes(half)),
        end as f64 / half as f64,
        Some(Target::AtMost(MEMORY_RATIO_MAX)),
    );
    report.fact("CPU", usage);
    report
}
