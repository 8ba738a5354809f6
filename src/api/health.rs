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
/// 503 when the database does not answer, or changes are not heard of.
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
    let health = Health {
        name: "seatcast",
        version: env!("CARGO_PKG_VERSION"),
        mode: match state.auth.dev() {
            true => Mode::Development,
            false => Mode::Production,
        },
        database: reachable(&state).await,
        listener: Listener {
            connected: freshness.listening,
            lag_ms: lag.map(|lag| i64::try_from(lag.as_millis()).unwrap_or(i64::MAX).max(0)),
        },
    };
    match health.database && health.listener.connected {
        true => Ok(Reply::ok("HEALTHY", health)),
        false => Err(ApiError::refused(503, "UNHEALTHY", &health)),
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
        (status = 503, body = Failure, description = "`UNAVAILABLE`: the database does not answer"),
    ))]
pub(super) async fn ready(State(state): State<ApiState>) -> ApiResult<Reply<Alive>> {
    match reachable(&state).await {
        true => Ok(Reply::ok("HEALTHY", Alive { alive: true })),
        false => Err(ApiError::unavailable("UNAVAILABLE", PING_TIMEOUT.as_secs())),
    }
}

/// A sign of life.
#[derive(Serialize, ToSchema)]
pub(super) struct Alive {
    alive: bool,
}

async fn reachable(state: &ApiState) -> bool {
    let ping = tokio::time::timeout(PING_TIMEOUT, state.store.ping());
    matches!(ping.await, Ok(Ok(())))
}
