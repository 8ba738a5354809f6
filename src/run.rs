//! The composition root: builds the stages, starts their tasks, drains them in order.
//!
//! Two groups of tasks, named by where they stand in the ring. The *front* is what clients
//! touch: the accept loop and the shards. The *back* serves the front: doorbell, feed, desks,
//! sweeper. At shutdown the front is drained first, while the back still decides its bookings
//! and feeds its viewers. A task that ends by itself, in whatever way, ends the server.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, ApiState};
use crate::auth::{Auth, AuthSetupError};
use crate::board::Board;
use crate::config::{Config, DatabaseConfig, InvalidConfig};
use crate::desk::Desks;
use crate::feed::{self, Inputs, Outputs};
use crate::http;
use crate::hub::Hub;
use crate::socket::{self, ShardEnd, handshake, shard_count};
use crate::store::migrate::migrate;
use crate::store::{Store, StoreError, doorbell};
use crate::sweep;
use crate::web;

/// Rings that may wait for the feed; past it they wait in the doorbell's connection.
const RINGS_MAX: usize = 1_024;
/// Time for the back to end, once nobody needs it any more.
const BACK_PATIENCE: Duration = Duration::from_secs(5);

type Cause = Box<dyn Error + Send + Sync>;

/// Why the server could not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot start the connection shards")]
    Shards(#[source] io::Error),
    #[error("cannot tell the address that the server listens on")]
    Address(#[source] io::Error),
    #[error("{task} failed, so the server ended")]
    Failed {
        task: &'static str,
        #[source]
        cause: Cause,
    },
    #[error("{task} ended though nobody asked it to, so the server ended")]
    Ended { task: &'static str },
}

/// Serves on `listener` until `shutdown`, then drains. `ready` is called once requests are answered.
///
/// # Errors
/// When it cannot start, or when one of its tasks ends before `shutdown`.
pub async fn run(
    config: Config,
    database_url: String,
    listener: TcpListener,
    shutdown: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    config.validate()?;
    let auth = Auth::new(&config.auth)?;
    migrate(&config.database, &database_url).await?;
    let store = Store::connect(&config.database, &database_url).await?;
    let feed_store = Store::connect(&feeds_own(&config), &database_url).await?;
    let address = listener.local_addr().map_err(RunError::Address)?;

    let board = Board::default();
    let (hub, mailboxes, watches) = Hub::new(shard_count(&config.socket));
    let (shards, shard_ends) = socket::spawn(
        mailboxes,
        Arc::new(auth.clone()),
        &config.socket,
        &config.feed,
        &config.availability,
    )
    .map_err(RunError::Shards)?;
    let mut back = Tasks::default();
    let open_desks = TaskTracker::new();
    let desks = Desks::new(
        store.clone(),
        config.desk.clone(),
        open_desks.clone(),
        back.end.clone(),
    );
    back.spawn("the desks", endless(closing(open_desks, back.end.clone())));
    let sweeper = sweep::run(
        store.clone(),
        config.sweep.clone(),
        config.database.log_retention_hours,
        back.end.clone(),
    );
    back.spawn("the sweeper", endless(sweeper));
    let state = ApiState::new(Arc::new(config.clone()), auth, store, board.clone(), desks);
    let router = api::router(state)
        .merge(handshake::router(shards))
        .merge(web::router());

    let (rings, heard) = mpsc::channel(RINGS_MAX);
    let probe_interval = Duration::from_millis(config.feed.probe_interval_ms);
    let bell = doorbell::run(feed_store.clone(), probe_interval, rings, back.end.clone());
    back.spawn("the doorbell", endless(bell));
    let (inputs, outputs) = (
        Inputs {
            rings: heard,
            watches,
        },
        Outputs {
            hub: hub.clone(),
            board,
        },
    );
    back.spawn(
        "the feed",
        feed::run(
            feed_store,
            inputs,
            outputs,
            config.feed.clone(),
            back.end.clone(),
        ),
    );

    let mut front = Tasks::default();
    for end in shard_ends {
        front.spawn("a connection shard", shard_ended(end));
    }
    let (http, stop) = (config.http.clone(), front.end.clone());
    let accepting = async move { http::serve(listener, router, &http, stop).await };
    front.spawn("the accept loop", endless(accepting));

    ready(address);
    let outcome = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        why = front.first_end() => Err(why),
        why = back.first_end() => Err(why),
    };
    tracing::info!("finishing what is under way");
    hub.drain();
    front
        .finish(Duration::from_millis(config.http.drain_timeout_ms))
        .await;
    back.finish(BACK_PATIENCE).await;
    outcome
}

/// The feed's connections are its own: viewers must not wait because buyers are many.
fn feeds_own(config: &Config) -> DatabaseConfig {
    DatabaseConfig {
        // One to read the log, one for the doorbell's probe, the rest to load events.
        pool_connections_max: 2 + config.feed.loads_parallel_max,
        ..config.database.clone()
    }
}

/// A task that cannot fail.
async fn endless(task: impl Future<Output = ()>) -> Result<(), Infallible> {
    task.await;
    Ok(())
}

/// Desks open and go home as buyers come and go; at the end all of them have served their queues.
async fn closing(desks: TaskTracker, end: CancellationToken) {
    end.cancelled().await;
    desks.close();
    desks.wait().await;
}

async fn shard_ended(end: ShardEnd) -> Result<(), Cause> {
    // A shard that panicked drops its end unsent.
    end.await.map_err(|_| "it panicked")??;
    Ok(())
}

/// A group of tasks that live until `end`.
#[derive(Default)]
struct Tasks {
    end: CancellationToken,
    running: JoinSet<Result<(), Cause>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    fn spawn<E: Into<Cause>>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let handle = self.running.spawn(async { task.await.map_err(Into::into) });
        self.names.insert(handle.id(), name);
    }

    /// Waits for the first task that ends, which none does before it is told to.
    async fn first_end(&mut self) -> RunError {
        let (id, result) = match self.running.join_next_with_id().await {
            Some(Ok((id, result))) => (id, result),
            Some(Err(panic)) => (panic.id(), Err(panic.into())),
            None => std::future::pending().await,
        };
        let task = self.names.get(&id).copied().unwrap_or("a task");
        match result {
            Ok(()) => RunError::Ended { task },
            Err(cause) => RunError::Failed { task, cause },
        }
    }

    /// Ends all tasks: by asking, and by force when that takes longer than `patience`.
    async fn finish(mut self, patience: Duration) {
        self.end.cancel();
        let all_ended = async {
            while let Some(ended) = self.running.join_next().await {
                match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(cause)) => tracing::error!(%cause, "a task failed at shutdown"),
                    Err(panic) => tracing::error!(%panic, "a task died at shutdown"),
                }
            }
        };
        if tokio::time::timeout(patience, all_ended).await.is_err() {
            tracing::warn!(
                tasks = self.running.len(),
                "ending tasks that did not end in time"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("the patient one", endless(std::future::pending()));
        tasks.spawn("the hasty one", endless(async {}));
        let why = tasks.first_end().await.to_string();
        assert!(why.starts_with("the hasty one ended"), "{why}");
        tasks.spawn("the clumsy one", endless(async { panic!("stumbled") }));
        let why = tasks.first_end().await;
        assert!(
            why.to_string().starts_with("the clumsy one failed"),
            "{why}"
        );
        assert!(why.source().unwrap().to_string().contains("stumbled"));
    }

    #[tokio::test]
    async fn a_group_ends_when_asked_and_by_force_when_not() {
        let mut tasks = Tasks::default();
        let end = tasks.end.clone();
        tasks.spawn(
            "the obedient one",
            endless(async move { end.cancelled().await }),
        );
        tasks.finish(Duration::from_secs(60)).await;

        let mut tasks = Tasks::default();
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        let deaf = async move {
            let _alive = alive;
            std::future::pending().await
        };
        tasks.spawn("the deaf one", endless(deaf));
        tasks.finish(Duration::from_millis(10)).await;
        assert!(ended.await.is_err(), "it is dropped");
    }
}
