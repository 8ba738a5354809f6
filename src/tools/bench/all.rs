//! Every bench that has a target, by one command, and one table of the targets in the end.

use std::time::Duration;

use super::report::Report;
use super::{
    BenchError, checkout, connections, deadlines, fanout, holds, latency, overload, presence,
    reads, resume, slow, statement, together, webhooks,
};
use crate::config::DatabaseConfig;

const VIEWERS: usize = 10_000;
/// Seats, and bookings, of other events.
const BESIDE: u32 = 1_000_000;
/// Events to read of, seats of one of them, and how often each read is asked for.
const READ_EVENTS: u32 = 100_000;
const READ_SEATS: u32 = 100_000;
const READ_ROUNDS: usize = 100;
/// Holds that end at one instant, and webhooks that come at once.
const DEADLINES: i64 = 10_000;
/// To make them in, and to sell beside their end.
const DEADLINE_TIME: Duration = Duration::from_secs(6);
const WEBHOOKS: usize = 1_000;
/// Viewers of people who come and go, and how often these come.
const PRESENCE_VIEWERS: usize = 1_000;
const PRESENCE_JOINS: usize = 100_000;

/// `short`: each stretch a third as long, and fewer rows of other events.
pub(super) fn run(short: bool, database: &DatabaseConfig) -> Result<Vec<Report>, BenchError> {
    let seconds = |long: u64| Duration::from_secs(if short { long.div_ceil(3) } else { long });
    let beside = if short { BESIDE / 5 } else { BESIDE };
    let mut reports = Vec::new();
    reports.extend(statement::run(&[1_000, 2_000, 10_000], database)?);
    reports.extend(reads::run(READ_EVENTS, READ_SEATS, READ_ROUNDS, database)?);
    reports.extend(latency::run(&[1, 100, 1_000], seconds(15), database)?);
    reports.extend(holds::run(&[1], &[1, 128, 256], seconds(9), database)?);
    reports.extend(holds::run(
        &[1, 10, 100, 1_000],
        &[64],
        seconds(9),
        database,
    )?);
    reports.extend(holds::beside::run(beside, &[1, 64], seconds(9), database)?);
    reports.extend(checkout::run(64, seconds(9), database)?);
    reports.extend(deadlines::run(DEADLINES, 16, DEADLINE_TIME, database)?);
    reports.extend(webhooks::run(WEBHOOKS, database)?);
    reports.extend(together::run(64, VIEWERS, seconds(12), database)?);
    reports.extend(overload::run(VIEWERS, &[0, 50], seconds(30), database)?);
    reports.extend(fanout::run(&[1_000, VIEWERS], &[0, 50], database)?);
    reports.extend(connections::run(&[VIEWERS], database)?);
    reports.extend(resume::run(&[VIEWERS], database)?);
    reports.extend(presence::run(PRESENCE_VIEWERS, PRESENCE_JOINS, database)?);
    reports.extend(slow::run(VIEWERS, seconds(60), database)?);
    println!("{}", Report::summary(&reports));
    Ok(reports)
}
