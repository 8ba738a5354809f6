//! Is the server well: for people (`/api`), for whoever restarts it (`/healthz`), for whoever sends it traffic (`/readyz`).

use std::time::Duration;

use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;
use super::envelope::{Envelope, Failure, Reply};
use super::error::{ApiError, ApiResult};

/// A database that does not answer a ping by then is down for our purposes.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// What runs here, and how well.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    name: &'static str,
    version: &'static str,
    /// `development` trusts `X-User-Id`.
    mode: Mode,
    /// Does the database answer?
    database: bool,
    /// Has the database every migration that this version needs?
    migrated: bool,
    /// Does this node go down? It serves what is under way, and takes nothing new.
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
    /// Is the connection up that hears of changes at once? Without it they are seen at the next poll.
    connected: bool,
    /// Since the change log was last known to be read to its end; `null` before the first time.
    lag_ms: Option<i64>,
}

/// What runs here, and how well
///
/// 503 when the database does not answer, lacks migrations or is full, when changes are not heard of, and when the node
/// goes down.
#[utoipa::path(get, path = "/api", tag = "health",
    responses(
        (status = 200, body = Envelope<Health>),
        (status = 503, body = Failure, description = "`UNHEALTHY`, with the members of `Health`"),
    ))]
pub(super) async fn about(State(state): State<ApiState>) -> ApiResult<Reply<Health>> {
    let freshness = state.board.freshness();
    let lag = freshness
        .checked_at
        .map(|at| at.duration_until(Timestamp::now()));
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
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses(
        (status = 200, body = Envelope<Alive>),
        (status = 503, body = Failure, description = "`UNAVAILABLE {why}`: the `database` does not answer, \
            `migrations` are missing in it, its `storage` is full, or the node is `draining`"),
    ))]
pub(super) async fn ready(State(state): State<ApiState>) -> ApiResult<Reply<Alive>> {
    match readiness(&state).await {
        Ok(()) => Ok(Reply::ok("HEALTHY", Alive { alive: true })),
        Err(obstacle) => {
            let why = match obstacle {
                Obstacle::Database => "database",
                Obstacle::Migrations => "migrations",
                Obstacle::Storage => "storage",
                Obstacle::Draining => "draining",
            };
            Err(ApiError::unavailable("UNAVAILABLE", PING_TIMEOUT.as_secs()).with("why", why))
        }
    }
}

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    alive: bool,
}

/// Why requests cannot be served, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    Database,
    Migrations,
    /// Its disk is full: reads go on, nothing can be booked.
    Storage,
    Draining,
}

async fn readiness(state: &ApiState) -> Result<(), Obstacle> {
    let asked = async {
        match state.store.is_migrated().await {
            Ok(true) => {}
            Ok(false) => return Err(Obstacle::Migrations),
            Err(_) => return Err(Obstacle::Database),
        }
        match state.store.has_room().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Obstacle::Storage),
            Err(_) => Err(Obstacle::Database),
        }
    };
    let found = tokio::time::timeout(PING_TIMEOUT, asked).await;
    match found.unwrap_or(Err(Obstacle::Database)) {
        Ok(()) if state.shutdown.is_cancelled() => Err(Obstacle::Draining),
        found => found,
    }
}
