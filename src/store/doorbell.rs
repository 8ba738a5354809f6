//! The doorbell: `listen seatcast` on a connection of its own.
//!
//! A ring is never data, only «look again». So losing one costs latency, and the order of
//! [`Ring::Listening`] matters: it is said once LISTEN stands, and whoever then rereads what he
//! watches has missed nothing, whatever rang while nobody listened.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::Fuse;
use futures_util::stream::{BoxStream, poll_fn};
use futures_util::{FutureExt, StreamExt};
use rand::Rng;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::presence::PresenceRing;
use super::{Store, StoreError};
use crate::ticketing::{EventId, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// The bell is connected (again): reread everything that is watched.
    Listening,
    /// This event has a new change.
    Event(EventId),
    /// Nothing rang for a while, but the bell works: it rang itself.
    Probe,
    /// The bell is off; polling is all there is until the next [`Ring::Listening`].
    Lost,
}

/// What concerns topics that are told whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateRing {
    Listening,
    /// Bookings of these users were written.
    Users(Vec<UserId>),
    /// Bookings of this event were written, or something else of it.
    Event(EventId),
}

impl PrivateRing {
    /// `users:1,2,3`
    fn read(payload: &str) -> Option<PrivateRing> {
        let users = payload.strip_prefix("users:")?.split(',').map(str::parse);
        users.collect::<Result<_, _>>().ok().map(PrivateRing::Users)
    }
}

/// Who hears the bell.
pub struct Hearers {
    pub log: mpsc::Sender<Ring>,
    /// What nodes say of their counts. A ring that finds it full is dropped: who missed one looks
    /// again anyhow.
    pub presence: Option<mpsc::Sender<PresenceRing>>,
    /// Who reads users' bookings and events' figures.
    pub private: Option<mpsc::Sender<PrivateRing>>,
}

impl From<mpsc::Sender<Ring>> for Hearers {
    fn from(log: mpsc::Sender<Ring>) -> Self {
        Hearers {
            log,
            presence: None,
            private: None,
        }
    }
}

impl Hearers {
    /// Waits for its hearer as for the log's, who never waits for the database either.
    async fn tell_private(&self, ring: PrivateRing) {
        if let Some(private) = &self.private {
            // Nobody hears it any more: the node ends.
            let _ = private.send(ring).await;
        }
    }

    fn tell_presence(&self, payload: &str) {
        if let Some(presence) = &self.presence
            && let Some(ring) = PresenceRing::read(payload)
        {
            let _ = presence.try_send(ring);
        }
    }
}

/// Rings until cancelled or until nobody hears it.
///
/// After `probe_interval` of silence it rings itself from a pooled connection, the way every
/// writer does. When that does not come back within the same time, the connection is deaf
/// (a proxy that swallowed it, a half-open socket) and is made anew.
pub async fn run(
    store: Store,
    probe_interval: Duration,
    hearers: impl Into<Hearers>,
    cancel: CancellationToken,
) {
    let hearers = hearers.into();
    let ringing = ring_until_closed(&store, probe_interval, &hearers);
    tokio::select! {
        () = cancel.cancelled() => {}
        () = ringing => {}
    }
}

async fn ring_until_closed(store: &Store, probe_interval: Duration, hearers: &Hearers) {
    let out = &hearers.log;
    let mut failures = 0;
    loop {
        match Ear::open(store).await {
            Ok(ear) => {
                failures = 0;
                hearers.tell_private(PrivateRing::Listening).await;
                if out.send(Ring::Listening).await.is_err() {
                    return;
                }
                match listen(ear, store, probe_interval, hearers).await {
                    End::Closed => return,
                    End::Lost(why) => tracing::warn!(why, "the doorbell's connection is lost"),
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no doorbell");
            }
        }
        if out.send(Ring::Lost).await.is_err() {
            return;
        }
        tokio::time::sleep(pause(failures, store.reconnect_pause_max())).await;
        failures += 1;
    }
}

/// Doubles from 50 ms up to `most`, between half and all of it: nodes that lost the same database
/// do not come back in step.
fn pause(failures: u32, most: Duration) -> Duration {
    let full = Duration::from_millis(50 << failures.min(16)).min(most);
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// A connection that listens. Dropping it ends the connection.
struct Ear {
    messages: BoxStream<'static, Result<AsyncMessage, tokio_postgres::Error>>,
    /// Closing the client would end the connection.
    _client: Client,
}

impl Ear {
    /// A handshake that never ends (a proxy without a database behind it) is a failure, too.
    async fn open(store: &Store) -> Result<Ear, StoreError> {
        let patience = store.connect_timeout();
        match tokio::time::timeout(patience, Ear::connect(store)).await {
            Ok(opened) => opened,
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }

    async fn connect(store: &Store) -> Result<Ear, StoreError> {
        let (client, mut connection) = store.address().connect().await?;
        let mut messages = poll_fn(move |context| connection.poll_message(context)).boxed();
        // Nobody else moves the connection along while LISTEN waits for its answer. What rings
        // meanwhile is covered by `Ring::Listening`.
        tokio::select! {
            listening = client.batch_execute("listen seatcast") => listening?,
            () = drain(&mut messages) => {
                return Err(StoreError::Unavailable("closed before LISTEN was answered".into()));
            }
        }
        Ok(Ear {
            messages,
            _client: client,
        })
    }
}

/// Ends when the connection does.
async fn drain(messages: &mut BoxStream<'static, Result<AsyncMessage, tokio_postgres::Error>>) {
    while let Some(Ok(_)) = messages.next().await {}
}

enum End {
    /// Nobody hears us any more.
    Closed,
    Lost(&'static str),
}

async fn listen(mut ear: Ear, store: &Store, probe_interval: Duration, hearers: &Hearers) -> End {
    let probe = format!("probe:{}", Uuid::new_v4());
    let mut probing = false;
    let mut sending = pin!(Fuse::terminated());
    let mut patience = Instant::now() + probe_interval;
    loop {
        let heard = tokio::select! {
            message = ear.messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(note))) => note,
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return End::Lost("closed"),
            },
            sent = &mut sending => {
                probing &= sent;
                continue;
            }
            () = tokio::time::sleep_until(patience) => {
                if probing {
                    return End::Lost("its own ring did not come back");
                }
                probing = true;
                sending.set(ring_itself(store, &probe).fuse());
                patience = Instant::now() + probe_interval;
                continue;
            }
        };
        probing = false;
        patience = Instant::now() + probe_interval;
        let ring = match heard.payload().parse() {
            Ok(event) => {
                hearers.tell_private(PrivateRing::Event(event)).await;
                Ring::Event(event)
            }
            Err(_) if heard.payload() == probe => Ring::Probe,
            // Users' bookings, counts of presence, other nodes' probes.
            Err(_) => {
                if let Some(ring) = PrivateRing::read(heard.payload()) {
                    hearers.tell_private(ring).await;
                    continue;
                }
                hearers.tell_presence(heard.payload());
                continue;
            }
        };
        if hearers.log.send(ring).await.is_err() {
            return End::Closed;
        }
    }
}

/// Whether the probe has to come back. A pool that is too busy to send it says nothing about
/// the ear: the next silence tries again.
async fn ring_itself(store: &Store, probe: &str) -> bool {
    let ringing = async {
        let client = store.client().await?;
        client
            .execute("select pg_notify('seatcast', $1)", &[&probe])
            .await?;
        Ok::<_, StoreError>(())
    };
    let Err(error) = ringing.await else {
        return true;
    };
    tracing::warn!(
        error = &error as &dyn std::error::Error,
        "the doorbell's probe could not be sent"
    );
    !matches!(error, StoreError::Busy(_))
}
