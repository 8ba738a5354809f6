//! The composition root: builds the stages, starts their tasks, drains them in order.
//!
//! Two groups of tasks, named by where they stand in the ring. The *front* is what clients
//! touch: the accept loop and the shards. The *back* serves the front: doorbell, feed, desks,
//! sweeper. At shutdown the front is drained first, while the back still decides its bookings
//! and feeds its viewers. A task that ends by itself, in whatever way, ends the server.

mod tasks;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::OpenApi;

use crate::api::{self, ApiState};
use crate::auth::{Auth, AuthSetupError};
use crate::board::Board;
use crate::broadcast::{self, Broadcasts};
use crate::config::inside::{HEARD_CHANGES_MAX, PRESENCE_RINGS_MAX, RINGS_MAX};
use crate::config::{self, AuthConfig, Config, DatabaseConfig, InvalidConfig};
use crate::desk::Desks;
use crate::feed::{self, Inputs, Outputs};
use crate::http;
use crate::hub::private::PrivateTopics;
use crate::hub::{Hub, Mailbox, ToShard, Watch};
use crate::interactions::{self, Interactions};
use crate::metrics;
use crate::nats::{self, Heard, Interest, relay};
use crate::presence::{self, Presence};
use crate::private;
use crate::socket::{self, Errands, Shards, handshake, shard_count};
use crate::sse::{self, Streams};
use crate::store::doorbell::{self, Hearers, PrivateRing};
use crate::store::migrate::migrate;
use crate::store::presence::PresenceRing;
use crate::store::{Store, StoreError, start};
use crate::sweep;
use crate::web;

use self::tasks::{Tasks, endless};

/// Time that the tasks of the back have to end, after those of the front.
const BACK_PATIENCE: Duration = Duration::from_secs(5);

type Cause = Box<dyn Error + Send + Sync>;

/// The server could not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("NATS cannot be reached under the address that was given")]
    Bus(#[from] async_nats::ConnectError),
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
    let config = Arc::new(config);
    let auth = Auth::new(&config.auth)?;
    warn_of_development(&config.auth);
    let address = listener.local_addr().map_err(RunError::Address)?;
    let waiting = start::until_ready(&config.database, &database_url);
    match shutdown.run_until_cancelled(waiting).await {
        Some(ready) => ready?,
        None => return Ok(()),
    }
    if !config.no_migrate {
        migrate(&config.database, &database_url).await?;
    }
    let store = Store::connect(&config.database, &database_url).await?;
    let feed_store = Store::connect(&feeds_own(&config), &database_url).await?;
    let (hub, mailboxes, watches) = Hub::new(shard_count(&config.socket));
    let board = Board::default();

    let mut back = Tasks::default();
    let desks = open_desks(&mut back, &config, &store);
    sweep_holds(&mut back, &config, &store);
    let outputs = Outputs {
        hub: hub.clone(),
        board: board.clone(),
        interest: Interest::default(),
    };
    let heard = board_the_bus(&mut back, &config, &feed_store, &outputs.interest).await?;
    let (presence_out, presence_rings) = mpsc::channel(PRESENCE_RINGS_MAX);
    let (private_out, private_rings) = mpsc::channel(RINGS_MAX);
    let private_topics = open_private_topics(&mut back, &config, &feed_store, private_rings, &hub);
    let presence = count_who_is_here(&mut back, &config, &feed_store, presence_rings, &hub);
    follow_the_log(
        &mut back,
        &config,
        feed_store,
        (watches, heard),
        (presence_out, private_out),
        outputs,
    );
    let broadcasts = store_broadcasts(&mut back, &config, &store, &hub);

    let interactions = store_interactions(&mut back, &config, &store);

    let mut front = Tasks::default();
    let streams = open_streams(
        &mut back,
        &config,
        &auth,
        presence.clone(),
        mailboxes.streams,
    );
    let errands = Errands {
        presence,
        broadcasts,
        private: private_topics,
        interactions: interactions.clone(),
    };
    let shards = open_shards(&mut front, &config, &auth, errands, mailboxes.shards)?;
    let doors = broadcast::rest::Doors {
        auth: auth.clone(),
        store: store.clone(),
    };
    let state = ApiState::new(
        config.clone(),
        auth,
        store,
        board,
        desks,
        interactions,
        shutdown.clone(),
    );
    let router = api::router(state.clone(), document())
        .merge(api::with_callers(state, sse::router(streams)))
        .merge(metrics::router())
        .merge(handshake::router(shards))
        .merge(broadcast::rest::router(doors, config.http.body_bytes_max))
        .merge(web::router());
    accept(&mut front, &config, listener, router);

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

fn open_desks(back: &mut Tasks, config: &Config, store: &Store) -> Desks {
    let (open, end) = (TaskTracker::new(), back.end.clone());
    let desks = Desks::new(
        store.clone(),
        config.desk.clone(),
        open.clone(),
        end.clone(),
    );
    // Desks open and go home as buyers come and go; at the end all of them have served their queues.
    back.spawn(
        "the desks",
        endless(async move {
            end.cancelled().await;
            open.close();
            open.wait().await;
        }),
    );
    desks
}

fn sweep_holds(back: &mut Tasks, config: &Config, store: &Store) {
    let (end, retention_hours) = (back.end.clone(), config.database.log_retention_hours);
    let sweeping = sweep::run(store.clone(), config.sweep.clone(), retention_hours, end);
    back.spawn("the sweeper", endless(sweeping));
}

fn count_who_is_here(
    back: &mut Tasks,
    config: &Config,
    store: &Store,
    rings: mpsc::Receiver<PresenceRing>,
    hub: &Hub,
) -> Presence {
    let (presence, said) = Presence::new();
    let counting = presence::run(
        store.clone(),
        presence::Inputs { said, rings },
        hub.clone(),
        config.presence.clone(),
        back.end.clone(),
    );
    back.spawn("presence", counting);
    presence
}

fn store_broadcasts(back: &mut Tasks, config: &Config, store: &Store, hub: &Hub) -> Broadcasts {
    let (broadcasts, said) = Broadcasts::new(config.socket.broadcasts_waiting_max);
    let storing = broadcast::run(said, store.clone(), hub.clone(), back.end.clone());
    back.spawn("broadcasts", endless(storing));
    broadcasts
}

fn store_interactions(back: &mut Tasks, config: &Config, store: &Store) -> Interactions {
    let (interactions, told) = Interactions::new(&config.interactions);
    let (limits, end) = (config.interactions.clone(), back.end.clone());
    let storing = interactions::run(told, store.clone(), limits, end);
    back.spawn("interactions", endless(storing));
    interactions
}

/// Users' bookings and events' figures.
fn open_private_topics(
    back: &mut Tasks,
    config: &Config,
    store: &Store,
    rings: mpsc::Receiver<PrivateRing>,
    hub: &Hub,
) -> PrivateTopics {
    let (topics, said) = PrivateTopics::new();
    let telling = private::run(
        store.clone(),
        private::PrivateInputs { said, rings },
        hub.clone(),
        (config.feed.clone(), config.private.clone()),
        back.end.clone(),
    );
    back.spawn("the private topics", telling);
    topics
}

/// Starts the bus, and returns its messages; without a bus there are never any.
async fn board_the_bus(
    back: &mut Tasks,
    config: &Config,
    store: &Store,
    interest: &Interest,
) -> Result<mpsc::Receiver<Heard>, RunError> {
    let (out, heard) = mpsc::channel(HEARD_CHANGES_MAX);
    if config.bus.bus == config::Bus::Nats {
        let client = nats::connect(&config.bus.nats_url).await?;
        let following = nats::follow(client.clone(), interest.clone(), out, back.end.clone());
        back.spawn("the bus", endless(following));
        let (bus, probe_interval_ms) = (config.bus.clone(), config.feed.probe_interval_ms);
        let probe_interval = Duration::from_millis(probe_interval_ms);
        let relaying = relay::run(store.clone(), client, bus, probe_interval, back.end.clone());
        back.spawn("the relay", endless(relaying));
    }
    Ok(heard)
}

fn follow_the_log(
    back: &mut Tasks,
    config: &Config,
    store: Store,
    (watches, heard): (mpsc::Receiver<Watch>, mpsc::Receiver<Heard>),
    (presence, private): (mpsc::Sender<PresenceRing>, mpsc::Sender<PrivateRing>),
    outputs: Outputs,
) {
    let (log, rings) = mpsc::channel(RINGS_MAX);
    let hearers = Hearers {
        log,
        presence: Some(presence),
        private: Some(private),
    };
    let probe_interval = Duration::from_millis(config.feed.probe_interval_ms);
    let ringing = doorbell::run(store.clone(), probe_interval, hearers, back.end.clone());
    back.spawn("the doorbell", endless(ringing));
    let inputs = Inputs {
        rings,
        watches,
        heard,
    };
    let feeding = feed::run(
        store,
        inputs,
        outputs,
        config.feed.clone(),
        back.end.clone(),
    );
    back.spawn("the feed", feeding);
}

fn open_shards(
    front: &mut Tasks,
    config: &Config,
    auth: &Auth,
    errands: Errands,
    mailboxes: Vec<Mailbox<ToShard>>,
) -> Result<Shards, RunError> {
    let auth = Arc::new(auth.clone());
    let (shards, ends) =
        socket::spawn(mailboxes, auth, errands, config).map_err(RunError::Shards)?;
    for end in ends {
        front.spawn("a connection shard", async {
            // A shard that panicked drops its end unsent.
            end.await
                .map_err(|_| Cause::from("it panicked"))?
                .map_err(Cause::from)
        });
    }
    let handing_over = shards.clone().finish_handshakes(front.end.clone());
    front.spawn("the handshakes", endless(handing_over));
    Ok(shards)
}

/// The OpenAPI document of the REST side and the streams.
pub fn document() -> OpenApi {
    api::document(sse::document())
}

fn open_streams(
    back: &mut Tasks,
    config: &Arc<Config>,
    auth: &Auth,
    presence: Presence,
    mailbox: Mailbox<ToShard>,
) -> Streams {
    let (streams, keeper) = sse::new(config.clone(), auth.clone(), presence, mailbox);
    back.spawn("the streams", endless(keeper.run(back.end.clone())));
    streams
}

fn accept(front: &mut Tasks, config: &Config, listener: TcpListener, router: Router) {
    let (http, end) = (config.http.clone(), front.end.clone());
    let accepting = async move { http::serve(listener, router, &http, end).await };
    front.spawn("the accept loop", endless(accepting));
}

fn warn_of_development(auth: &AuthConfig) {
    if auth.dev {
        tracing::warn!("development mode: whoever sends X-User-Id is believed to be that user");
        if auth.jwt_secret.is_none() && auth.jwt_public_key.is_none() {
            tracing::info!("tokens are checked with a secret made up for this run");
        }
    }
}

/// Settings of the feed's own pool, so that viewers do not wait for connections that buyers use.
fn feeds_own(config: &Config) -> DatabaseConfig {
    DatabaseConfig {
        // One each for reading the log, for counting joins, for the doorbell's probe, for presence, for the relay and for the
        // probe of its doorbell; four for reading private topics; the rest for loading events.
        pool_connections_max: 10 + config.feed.loads_parallel_max,
        // The feed gives up after this time, so the database should as well.
        statement_timeout_ms: config
            .database
            .statement_timeout_ms
            .min(config.feed.read_timeout_ms),
        ..config.database.clone()
    }
}
