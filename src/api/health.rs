//! Health: for people (`/api`), for the supervisor that restarts the process (`/healthz`), for the load balancer
//! that sends traffic (`/readyz`).

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};
use crate::clock::database_now;
use crate::store::Store;
use crate::store::read_only::Condition;

/// A database that does not answer a ping by then counts as down.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Name, version and health of this node.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    name: &'static str,
    version: &'static str,
    /// `development` trusts `X-User-Id`.
    mode: Mode,
    /// Whether the database answers.
    database: bool,
    /// Whether the database has every migration that this version needs.
    migrated: bool,
    /// Whether the database takes writes: its disk has room, and it is not read-only.
    writable: bool,
    /// Whether this node was told to stop: it finishes requests under way, and soon takes no new ones.
    draining: bool,
    listener: Listener,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Development,
    Production,
}

/// How far behind the database live viewers may be.
#[derive(Serialize, ToSchema)]
struct Listener {
    /// Whether the LISTEN connection is up. Without it changes are seen at the next poll.
    connected: bool,
    /// Time since the change log was last read to its end; `null` before the first time.
    lag_ms: Option<i64>,
}

/// Name, version and health of this node
///
/// 503 when the database does not answer, lacks migrations, is full or read-only, when the LISTEN connection is down, and
/// when the node is shutting down.
#[utoipa::path(get, path = "/api", tag = "health",
    responses(
        (status = 200, body = Envelope<Health>),
        (status = 503, body = Failure, description = "`UNHEALTHY`, with the members of `Health`"),
    ))]
pub(super) async fn about(State(state): State<ApiState>) -> ApiResult<Reply<Health>> {
    let freshness = state.board.freshness();
    let lag = freshness
        .checked_at
        .map(|at| at.duration_until(database_now()));
    let readiness = readiness(&state).await;
    let health = Health {
        name: "seatcast",
        version: env!("CARGO_PKG_VERSION"),
        mode: match state.auth.dev() {
            true => Mode::Development,
            false => Mode::Production,
        },
        database: readiness != Err(Obstacle::Database),
        migrated: !matches!(readiness, Err(Obstacle::Database | Obstacle::Migrations)),
        writable: matches!(readiness, Ok(()) | Err(Obstacle::Draining)),
        draining: state.shutdown.is_cancelled(),
        listener: Listener {
            connected: freshness.listening,
            lag_ms: lag.map(|lag| i64::try_from(lag.as_millis()).unwrap_or(i64::MAX).max(0)),
        },
    };
    match readiness {
        Ok(()) if health.listener.connected => Ok(Reply::ok("HEALTHY", health)),
        _ => Err(ApiError::refused(503, "UNHEALTHY", &health)),
    }
}

/// The process is alive
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Envelope<Alive>)))]
pub(super) async fn alive() -> Reply<Alive> {
    Reply::ok("HEALTHY", Alive { alive: true })
}

/// Requests can be served
///
/// Also while the database takes no writes: every other node has the same one, reads and live numbers go on, and
/// a balancer that took all nodes out would end those too. `why` tells of it.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses(
        (status = 200, body = Envelope<Ready>),
        (status = 503, body = Failure, description = "`UNAVAILABLE {why}`: the `database` does not answer, \
            `migrations` are missing in it, or the node is `starting` or `draining`"),
    ))]
pub(super) async fn ready(State(state): State<ApiState>) -> ApiResult<Reply<Ready>> {
    let serves = |why| Ok(Reply::ok("HEALTHY", Ready { alive: true, why }));
    let refuses =
        |why| Err(ApiError::unavailable("UNAVAILABLE", PING_TIMEOUT.as_secs()).with("why", why));
    match readiness(&state).await {
        Ok(()) => serves(None),
        Err(Obstacle::Storage) => serves(Some(Shortage::Storage)),
        Err(Obstacle::ReadOnly) => serves(Some(Shortage::ReadOnly)),
        Err(Obstacle::Database) => refuses("database"),
        Err(Obstacle::Migrations) => refuses("migrations"),
        Err(Obstacle::Draining | Obstacle::DrainingUnwritable) => refuses("draining"),
    }
}

/// While the database is waited for, or migrated: the process lives, and everything else has to come back.
pub(super) fn starting() -> Router {
    let later = || async {
        ApiError::unavailable("UNAVAILABLE", PING_TIMEOUT.as_secs()).with("why", "starting")
    };
    Router::new().route("/healthz", get(alive)).fallback(later)
}

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    alive: bool,
}

/// Requests can be served.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    alive: bool,
    /// Why nothing can be booked or changed, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Shortage>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Shortage {
    /// The database's disk is full.
    Storage,
    /// The database is read-only.
    ReadOnly,
}

/// Why requests cannot be served, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    Database,
    Migrations,
    /// The database's disk is full: reads go on, nothing can be booked.
    Storage,
    /// The same of a database that takes no writes.
    ReadOnly,
    Draining,
    /// Both: it drains, and the database takes no writes.
    DrainingUnwritable,
}

/// The database's last answer, and when it came. However many ask, one does at a time, for all who come before the answer:
/// they cannot take the connections that buyers need, and nobody waits for one question after another.
#[derive(Default)]
pub(super) struct LastPing(Mutex<Option<(Instant, Result<(), Obstacle>)>>);

impl LastPing {
    async fn of(&self, store: &Store) -> Result<(), Obstacle> {
        let came = Instant::now();
        let turn = tokio::time::timeout(PING_TIMEOUT, self.0.lock()).await;
        let mut last = turn.map_err(|_| Obstacle::Database)?;
        if let Some((ended, found)) = *last
            && ended >= came
        {
            return found;
        }
        let found = tokio::time::timeout(PING_TIMEOUT, ping(store)).await;
        let found = found.unwrap_or(Err(Obstacle::Database));
        *last = Some((Instant::now(), found));
        found
    }
}

async fn ping(store: &Store) -> Result<(), Obstacle> {
    let condition = store.condition().await.map_err(|_| Obstacle::Database)?;
    match condition {
        Condition {
            is_migrated: false, ..
        } => return Err(Obstacle::Migrations),
        Condition {
            takes_writes: false,
            ..
        } => return Err(Obstacle::ReadOnly),
        _ => {}
    }
    match store.has_room().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Obstacle::Storage),
        Err(_) => Err(Obstacle::Database),
    }
}

async fn readiness(state: &ApiState) -> Result<(), Obstacle> {
    match state.last_ping.of(&state.store).await {
        Ok(()) if state.shutdown.is_cancelled() => Err(Obstacle::Draining),
        // It serves reads as it is, but not for long.
        Err(Obstacle::Storage | Obstacle::ReadOnly) if state.shutdown.is_cancelled() => {
            Err(Obstacle::DrainingUnwritable)
        }
        found => found,
    }
}
