//! People who come and go at one event, while viewers watch the count.
//!
//! A naive presence sends each arrival and each departure to each viewer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::client::BenchClient;
use super::crowd::Greeting;
use super::crowd::viewers::Viewers;
use super::process::allow_sockets;
use super::report::{Report, Target, count};
use super::world::BenchWorld;
use super::{BenchError, client};
use crate::config::{Config, DatabaseConfig};
use crate::ticketing::EventId;

/// Connections over which people come and go, one at a time on each.
const CONNECTIONS: usize = 100;
const COMING_AND_GOING: Duration = Duration::from_secs(10);
const PACE: Duration = Duration::from_millis(50);
/// Where people are; who stays is at the last.
const STEPS: [&str; 2] = ["look", "pay"];
/// Until the last count has been shown.
const SETTLE_PATIENCE: Duration = Duration::from_secs(10);
/// The usual limits would not let a connection do this.
const LIMITS: [&str; 4] = [
    "--socket-joins-per-s-max",
    "1000000",
    "--socket-pushes-per-s-max",
    "1000000",
];

pub(super) fn run(
    viewers: usize,
    joins: usize,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(viewers + CONNECTIONS)?;
    BenchWorld::audited(database, 0, |world| {
        Ok(vec![measure(world, viewers, joins)?.printed()])
    })
}

fn measure(world: &BenchWorld, viewers: usize, joins: usize) -> Result<Report, BenchError> {
    let stage = world.runtime.block_on(world.store.set_stage())?;
    let (server, address) = world.server_with(&LIMITS)?;
    let mut watching = Viewers::open(address, viewers, Greeting::Join(vec![stage.event]))?;
    let (cpu, begun) = (server.cpu()?, Instant::now());
    let each = joins / CONNECTIONS;
    let people = (0..CONNECTIONS).map(|_| come_and_go(address, stage.event, each));
    let people = world.runtime.block_on(try_join_all(people));
    let people = people.map_err(|_| BenchError::Child("the server cut a connection"))?;
    let wall = begun.elapsed();
    // Everyone who is left stays.
    let stay_error = settle(&mut watching, CONNECTIONS)?;
    let messages = watching.presence()?.frames;
    let cpu = server.cpu()?.saturating_sub(cpu);
    let refused: usize = people.iter().map(|person| person.refused).sum();
    drop(people);
    let gone_error = settle(&mut watching, 0)?;

    let mut report = Report::new(format!(
        "{} joins and as many leaves in {:.1} s at one event, over {CONNECTIONS} connections; {} viewers \
         watch. Floor: a message to each of them for each.",
        count((each * CONNECTIONS) as f64),
        wall.as_secs_f64(),
        count(viewers as f64),
    ));
    let naive = (2 * each * CONNECTIONS * viewers) as f64;
    let pair = (count(messages as f64), count(naive));
    report.compared("messages sent", pair, messages as f64 / naive, None);
    let interval_s = Config::default().presence.counts_interval_ms as f64 / 1_000.0;
    let a_viewer_each_interval =
        messages as f64 / viewers as f64 / (wall.as_secs_f64() / interval_s);
    report.bounded(
        "messages to a viewer, per interval of counts",
        format!("{a_viewer_each_interval:.2}"),
        a_viewer_each_interval,
        // The last count comes an interval after the last person.
        Target::AtMost(1.2),
    );
    report.bounded(
        "seconds that they took",
        format!("{:.1}", wall.as_secs_f64()),
        wall.as_secs_f64(),
        Target::AtMost(COMING_AND_GOING.as_secs_f64() * 1.1),
    );
    for (name, error) in [
        ("error of the counts, while all are there", stay_error),
        ("error of the counts, when all have gone", gone_error),
        ("joins or leaves refused", refused),
    ] {
        report.bounded(name, error.to_string(), error as f64, Target::AtMost(0.0));
    }
    let each = cpu.as_secs_f64() * 1e6 / (2 * each * CONNECTIONS) as f64;
    report.fact("CPU per join or leave", format!("{each:.1} µs"));
    Ok(report)
}

/// How wrong the viewers are shown in the end that so many are there: 0, or what stands after a while.
fn settle(watching: &mut Viewers, there: usize) -> Result<usize, BenchError> {
    let deadline = Instant::now() + SETTLE_PATIENCE;
    loop {
        let error = error_of(&watching.presence()?.payload, there);
        if error == 0 || Instant::now() > deadline {
            return Ok(error);
        }
        std::thread::sleep(PACE);
    }
}

/// Of `[…, "presence", {"total": 100, "by_step": {"pay": 100}}]`: by how many its numbers differ from so many
/// at the last step. Nothing shown yet is nobody.
fn error_of(frame: &str, there: usize) -> usize {
    let frame: Value = serde_json::from_str(frame).unwrap_or_default();
    let number = |value: &Value| {
        let number = value.as_u64().unwrap_or_default();
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    let shown = &frame[4];
    let elsewhere = STEPS[..STEPS.len() - 1].iter();
    let elsewhere: usize = elsewhere.map(|step| number(&shown["by_step"][step])).sum();
    let last = &shown["by_step"][STEPS[STEPS.len() - 1]];
    number(&shown["total"]).abs_diff(there) + number(last).abs_diff(there) + elsewhere
}

/// A connection whose last person is still there.
struct BenchVisitor {
    refused: usize,
    _stays: BenchClient,
}

/// Joins and leaves so many times, evenly, and then joins to stay.
async fn come_and_go(
    address: SocketAddr,
    event: EventId,
    times: usize,
) -> Result<BenchVisitor, Error> {
    let mut person = BenchClient::connect(address).await?;
    let begun = Instant::now();
    let mut refused = 0;
    for time in 0..times {
        let due = COMING_AND_GOING.mul_f64(time as f64 / times as f64);
        // Timers are coarse: who is early by less goes on, who is late catches up.
        if due > begun.elapsed() + PACE {
            tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
        }
        for message in [
            at_step(event, STEPS[time % STEPS.len()]),
            client::leave(event),
        ] {
            refused += usize::from(!person.ask(message).await?);
        }
    }
    refused += usize::from(!person.ask(at_step(event, STEPS[STEPS.len() - 1])).await?);
    Ok(BenchVisitor {
        refused,
        _stays: person,
    })
}

fn at_step(event: EventId, step: &str) -> Message {
    client::join(event, &format!(r#"{{"presence":{{"step":"{step}"}}}}"#))
}
