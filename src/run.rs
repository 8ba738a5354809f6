//! The composition root: builds the stages, starts their tasks, drains them in order.
//!
//! Two groups of tasks, named by where they stand in the ring. The *front* is what clients
//! touch: the accept loop and the shards. The *back* serves the front: doorbell, feed, desk,
//! sweeper. At shutdown the front is drained first, while the back still decides its bookings
//! and feeds its viewers. A task that ends by itself, in whatever way, ends the server.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, ApiParts, ApiState};
use crate::auth::proofs::Proofs;
use crate::auth::{Auth, AuthSetupError};
use crate::board::Board;
use crate::broadcast;
use crate::config::inside::{PRESENCE_RINGS_MAX, RINGS_MAX};
use crate::config::{
    AuthConfig, Config, HttpConfig, InvalidConfig, MailConfig, StripeConfig, Switch,
};
use crate::descriptors::{self, TooFewDescriptors};
use crate::desk::Desk;
use crate::dev;
use crate::ended;
use crate::feed::{self, Outputs};
use crate::http;
use crate::hub::Hub;
use crate::interactions;
use crate::issuers;
use crate::jobs::{self, JobHands};
use crate::limits::rates::Rates;
use crate::mail::{MailSetupError, Mailer};
use crate::metrics;
use crate::nats::{self, Interest};
use crate::payments::demo::Demo;
use crate::payments::stripe::{Stripe, StripeSetupError};
use crate::payments::{self, Payments, Providers};
use crate::pdf::Printer;
use crate::postgrest::{self, RestTables};
use crate::presence;
use crate::private;
use crate::push::{PushSetupError, Pusher};
use crate::socket::{self, Errands, handshake, shard_count};
use crate::sse;
use crate::store::migrate::migrate;
use crate::store::{Store, StoreError, start};
use crate::sweep;
use crate::tasks::{BoxError, TaskEnded, Tasks};
use crate::telemetry::choose_cryptography;
use crate::ticketing::EventId;
use crate::web::{self, Asked, Pages, ShownEvent};

/// Time for the back to end, once nobody needs it any more.
const BACK_PATIENCE: Duration = Duration::from_secs(5);
/// A start that takes longer is told to those who ask for the node's health; until then they wait, and are served by the node.
const QUIET_START: Duration = Duration::from_secs(1);
/// Connections that are told so at a time.
const STARTING_CLIENTS_MAX: usize = 64;

/// Why the server could not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    #[error(transparent)]
    Auth(#[from] AuthSetupError),
    #[error("the keys of other issuers cannot be fetched")]
    Issuers(#[source] BoxError),
    #[error(transparent)]
    Mail(#[from] MailSetupError),
    #[error(transparent)]
    Push(#[from] PushSetupError),
    #[error(transparent)]
    Stripe(#[from] StripeSetupError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("NATS cannot be reached under the address that was given")]
    Bus(#[source] Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    #[error("cannot start the connection shards")]
    Shards(#[source] io::Error),
    #[error("cannot tell the address that the server listens on")]
    Address(#[source] io::Error),
    #[error(transparent)]
    Task(#[from] TaskEnded),
}

/// Serves on `listener` until `shutdown`, for some time more where balancers have to see that it ends, and then drains.
/// `ready` is called once requests are answered.
///
/// # Errors
/// When it cannot start, or when one of its tasks ends before `shutdown`.
pub async fn run(
    mut config: Config,
    database_url: String,
    listener: TcpListener,
    shutdown: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    config.validate()?;
    choose_cryptography();
    let shards = shard_count(&config.socket);
    let viewers_max = config.socket.connections_max;
    let clients_max = descriptors::share_out(&mut config, shards)?;
    if config.socket.connections_max < viewers_max {
        tracing::warn!(
            "the system lets this process have {} open files, so --socket-connections-max is {} instead of {viewers_max}, \
             and --http-connections-max at most {}",
            descriptors::limit(),
            config.socket.connections_max,
            clients_max / 2
        );
    }
    let config = Arc::new(config);
    let auth = Auth::new(&config.auth)?;
    warn_of_development(&config.auth);
    warn_of_stripe(&config.stripe);
    if config.limits.limits == Switch::Off {
        tracing::warn!("limits are off: one client may ask, join and hold as much as it likes");
    }
    let address = listener.local_addr().map_err(RunError::Address)?;
    let preparing = async {
        start::until_ready(&config.database, &database_url).await?;
        if !config.no_migrate {
            migrate(&config.database, &database_url).await?;
        }
        Ok::<(), StoreError>(())
    };
    let preparing = told_meanwhile(listener, &config.http, preparing);
    let listener = match shutdown.run_until_cancelled(preparing).await {
        Some(prepared) => {
            let (listener, prepared) = prepared.map_err(RunError::Address)?;
            prepared?;
            listener
        }
        None => return Ok(()),
    };
    let store = Store::connect(&config.database, &database_url).await?;
    store.insist_on_a_schema().await?;
    let guests_secret = store.guests_secret().await?;
    let proofs = Proofs::new(store.mails_secret().await?);
    let feed_store = Store::connect(&feed::database(&config), &database_url).await?;
    let feed_store = feed_store.beside(&store);
    let (hub, mailboxes, watches) = Hub::new(shard_count(&config.socket));
    let board = Board::default();
    let outputs = Outputs {
        hub: hub.clone(),
        board: board.clone(),
        interest: Interest::default(),
    };
    let (presence_out, presence_rings) = mpsc::channel(PRESENCE_RINGS_MAX);
    let (private_out, private_rings) = mpsc::channel(RINGS_MAX);

    let pusher = Pusher::new(&config.push, store.push_secret().await?, config.auth.dev)?;
    let mut back = Tasks::default();
    let desk = open_desk(&mut back, &config, &store);
    desk.learn_the_time().await;
    sweep::start(
        &mut back,
        &config.sweep,
        config.database.log_retention_hours,
        &store,
        &desk,
        pusher.is_some(),
    );
    let heard = nats::start(&mut back, &config, &feed_store, &outputs.interest)
        .await
        .map_err(RunError::Bus)?;
    let private_config = (config.feed.clone(), config.private.clone());
    let private = private::start(&mut back, private_config, &feed_store, private_rings, &hub);
    let presence = presence::start(
        &mut back,
        &config.presence,
        &feed_store,
        presence_rings,
        &hub,
    );
    let rings = (presence_out, private_out);
    feed::start(
        &mut back,
        &config.feed,
        feed_store,
        (watches, heard),
        rings,
        outputs,
    );
    let broadcasts_max = config.socket.broadcasts_waiting_max;
    let broadcasts = broadcast::start(&mut back, broadcasts_max, (&store, &auth), &hub);
    let mailer = Mailer::new(&config.mail, config.auth.dev)?;
    let outbox = mailer.as_ref().map(Mailer::router).unwrap_or_default();
    let demo = config.auth.dev.then(|| Demo::new(store.clone()));
    let dev_page = config.auth.dev.then(|| dev::router(store.clone()));
    let providers = Providers {
        stripe: Stripe::new(&config.stripe)?,
        demo: demo.clone(),
    };
    let has_stripe = providers.stripe.is_some();
    let payments = Payments::new(store.clone(), desk.clone(), providers);
    let fonts = web::font_faces(self::payments::demo::TO_ROOT);
    let till = demo.map(|demo| self::payments::demo::router(demo, payments.clone(), &fonts));
    let printer = Printer::default();
    let hands = JobHands {
        store: store.clone(),
        desk: desk.clone(),
        payments: payments.clone(),
        proofs: proofs.clone(),
        public_url: public_url(&config.mail, address),
        mailer,
        pusher: pusher.clone(),
        printer: printer.clone(),
    };
    let jobs = jobs::start(&mut back, hands);
    ended::start(&mut back, &store, auth.ended());
    issuers::start(&mut back, &config.auth, &store, &auth).map_err(RunError::Issuers)?;
    let rates = Rates::new(&config.limits);
    let interactions = interactions::start(&mut back, &config.interactions, &store, rates.clone());
    let streams = sse::start(
        &mut back,
        &config,
        &auth,
        presence.clone(),
        mailboxes.streams,
    );

    let mut front = Tasks::default();
    let errands = Errands {
        presence,
        broadcasts,
        private,
        interactions: interactions.clone(),
    };
    let shards = socket::start(&mut front, &config, &auth, errands, mailboxes.shards);
    let shards = shards.map_err(RunError::Shards)?;
    let doors = broadcast::rest::Doors {
        auth: auth.clone(),
        store: store.clone(),
    };
    let tables = RestTables {
        config: config.clone(),
        auth: auth.clone(),
        store: store.clone(),
        interactions: interactions.clone(),
    };
    let state = ApiState::new(ApiParts {
        config: config.clone(),
        auth,
        store,
        guests_secret,
        proofs,
        board,
        desk,
        interactions,
        rates,
        jobs,
        payments,
        printer,
        pusher,
        shutdown: shutdown.clone(),
    });
    let pages = Pages {
        events: shown_events(&state),
        public_url: config.mail.public_url.as_deref().map(without_slash),
        has_stripe,
    };
    let others = handshake::router(shards)
        .merge(broadcast::rest::router(
            doors,
            config.http.body_bytes_max,
            Duration::from_millis(config.http.request_timeout_ms),
        ))
        .merge(api::with_cors(postgrest::router(tables)))
        .merge(outbox)
        .merge(till.unwrap_or_default())
        .merge(dev_page.unwrap_or_default())
        .merge(api::with_not_found(web::router(pages.clone())));
    let routers = http::Routers {
        spare: api::spare(state.clone()).merge(metrics::router()),
        all: web::with_missing_page(
            pages,
            api::router(state.clone(), document())
                .merge(api::with_callers(state.clone(), sse::router(streams)))
                .merge(metrics::router())
                .merge(api::with_doors(&state, others)),
        ),
    };
    http::start(&mut front, &config.http, clients_max, listener, routers);

    ready(address);
    let delay = Duration::from_millis(config.http.drain_delay_ms);
    let told_to_end = async {
        shutdown.cancelled().await;
        if !delay.is_zero() {
            tracing::info!(
                delay_ms = delay.as_millis(),
                "waiting until balancers take this node out"
            );
            tokio::time::sleep(delay).await;
        }
    };
    let outcome = tokio::select! {
        () = told_to_end => Ok(()),
        why = front.first_end() => Err(why.into()),
        why = back.first_end() => Err(why.into()),
    };
    tracing::info!("finishing what is under way");
    hub.drain();
    front
        .finish(Duration::from_millis(config.http.drain_timeout_ms))
        .await;
    back.finish(BACK_PATIENCE).await;
    outcome
}

/// Does `work`. If it lasts, as a long migration does, those who ask how the node is are told that it lives and is not ready: a
/// supervisor that hears nothing would end it in the middle, again and again.
async fn told_meanwhile<T>(
    listener: TcpListener,
    config: &HttpConfig,
    work: impl Future<Output = T>,
) -> io::Result<(TcpListener, T)> {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(QUIET_START, &mut work).await {
        return Ok((listener, done));
    }
    let listener = listener.into_std()?;
    let meanwhile = TcpListener::from_std(listener.try_clone()?)?;
    let listener = TcpListener::from_std(listener)?;
    let router = || api::starting().merge(metrics::router());
    let routers = http::Routers {
        all: router(),
        spare: router(),
    };
    let endless = CancellationToken::new();
    tokio::select! {
        done = &mut work => Ok((listener, done)),
        () = http::serve(meanwhile, routers, config, STARTING_CLIENTS_MAX, endless) => {
            Err(io::Error::other("the accept loop ended"))
        }
    }
}

/// The beginning of links in mails.
fn public_url(config: &MailConfig, address: SocketAddr) -> String {
    let here = || format!("http://{address}");
    let url = config.public_url.clone().unwrap_or_else(here);
    without_slash(&url)
}

fn without_slash(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

/// Events as the heads of their pages tell of them.
fn shown_events(
    state: &ApiState,
) -> Arc<dyn Fn(EventId) -> BoxFuture<'static, Asked> + Send + Sync> {
    let state = state.clone();
    Arc::new(move |event| {
        let state = state.clone();
        Box::pin(async move {
            match api::public_event(&state, event).await {
                Ok(Some((event, availability))) => Asked::Event(Box::new(ShownEvent {
                    event,
                    availability,
                })),
                Ok(None) => Asked::Nothing,
                Err(_) => Asked::Unknown,
            }
        })
    })
}

fn open_desk(back: &mut Tasks, config: &Config, store: &Store) -> Desk {
    let (workers, end) = (TaskTracker::new(), back.end());
    let desk = Desk::new(
        store.clone(),
        config.desk.clone(),
        config.mail.smtp_url.is_some() || config.auth.dev,
        workers.clone(),
        end.clone(),
    );
    // Workers come and go with the commands; at the end they have served all that waits.
    back.spawn_endless("the desk", async move {
        end.cancelled().await;
        workers.close();
        workers.wait().await;
    });
    desk
}

/// The OpenAPI document of the REST side, the streams and the tables.
pub fn document() -> serde_json::Value {
    api::document([sse::document(), postgrest::document()])
}

fn warn_of_stripe(stripe: &StripeConfig) {
    if stripe.keys() == (true, false) {
        tracing::warn!(
            "the pages take no cards without --stripe-publishable-key; other clients pay"
        );
    }
}

fn warn_of_development(auth: &AuthConfig) {
    if auth.dev {
        tracing::warn!("development mode: whoever sends X-User-Id is believed to be that user");
        if auth.jwt_secret.is_none() && auth.jwt_public_key.is_none() {
            tracing::info!("tokens are checked with a secret made up for this run");
        }
    }
}
