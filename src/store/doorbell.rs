//! The doorbell: `listen` on a connection of its own, on the channel that has the schema's name.
//!
//! A ring (notification) only says «read the log». A small row of the log may be in its payload, which saves a query; it
//! is accepted only as the event's next revision. So a lost ring costs latency only. [`Ring::Listening`] is sent once
//! LISTEN is in force: a listener that then reads the log of its events again has missed nothing.
//!
//! Payloads, as `sql/README.md` has them:
//!
//! | payload | meaning |
//! |---|---|
//! | `1,2,3` | these events have new rows in the log |
//! | `change:1:{"revision", "at", "payload"}` | event 1 has a new row in the log, this one |
//! | `users:1,2,3` | bookings of these users were written |
//! | `presence:…` | a node's counts have changed |
//! | `probe:<uuid>` | a listener tests whether its own connection still hears |

use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use futures_util::future::Fuse;
use futures_util::stream::{BoxStream, poll_fn};
use futures_util::{FutureExt, StreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::presence::PresenceRing;
use super::{Store, StoreError};
use crate::pacing::Backoff;
use crate::telemetry::outage::Outage;
use crate::telemetry::with_causes;
use crate::ticketing::{EventId, UserId};

/// Shortest pause before the LISTEN connection is tried again.
const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(50);

/// Tries to listen that failed.
static DEAF: Outage = Outage::new();

/// Place of the timeline in [`HistoryPlace`].
const TIMELINE_AT: usize = 1;
/// Bytes of a name of an installation; few share a bus.
const INSTALLATION_BYTES: usize = 8;

/// Names the log that is written: cluster, timeline, database, table. Another one after a dump was restored or a replica took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPlace(pub String);

impl HistoryPlace {
    /// A name that no log of another installation has: of another cluster, another database, or another schema in it. It is
    /// the same on a replica that takes over, so it leaves the timeline out. Hexadecimal digits.
    pub fn installation(&self) -> String {
        let parts = self.0.split('/').enumerate();
        let lasting: Vec<_> = parts.filter(|(at, _)| *at != TIMELINE_AT).collect();
        let hash = Sha256::digest(format!("{lasting:?}"));
        hash[..INSTALLATION_BYTES]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ring {
    /// The LISTEN connection is up (again), in this place if that is known: read the log of every watched event.
    Listening(Option<HistoryPlace>),
    /// This event has a new change.
    Event(EventId),
    /// This event has a new change, with its row of the log, for [`read_log_row`]. Not parsed here, since nobody on this node
    /// watches most events that ring.
    ///
    /// [`read_log_row`]: super::relay::read_log_row
    Change(EventId, String),
    /// Nothing rang for a while, but the connection works: our own probe came back.
    Probe,
    /// The LISTEN connection is lost; only polling finds changes until the next [`Ring::Listening`].
    Lost,
}

/// A ring for private topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateRing {
    Listening,
    /// Bookings of these users were written.
    Users(Vec<UserId>),
    /// Bookings of this event, or other rows of it, were written.
    Event(EventId),
}

/// The meaning of a payload.
#[derive(Debug, PartialEq, Eq)]
enum RingKind {
    Events(Vec<EventId>),
    Change(EventId, String),
    Users(Vec<UserId>),
    /// A ring of presence, another node's probe, or another program's use of the channel.
    Other,
}

impl RingKind {
    fn read(payload: &str) -> RingKind {
        if let Some(events) = ids(payload) {
            return RingKind::Events(events);
        }
        if let Some(users) = payload.strip_prefix("users:").and_then(ids) {
            return RingKind::Users(users);
        }
        let change = payload.strip_prefix("change:");
        if let Some((event, row)) = change.and_then(|change| change.split_once(':'))
            && let Ok(event) = event.parse()
        {
            return RingKind::Change(event, row.to_owned());
        }
        RingKind::Other
    }
}

fn ids<Id: FromStr>(text: &str) -> Option<Vec<Id>> {
    text.split(',').map(|id| id.parse().ok()).collect()
}

/// The receivers are gone, since the node is shutting down.
struct Unheard;

/// The receivers of rings.
pub struct Hearers {
    pub log: mpsc::Sender<Ring>,
    /// Rings of presence. One that finds the queue full is dropped, since counts are read again anyhow.
    pub presence: Option<mpsc::Sender<PresenceRing>>,
    /// Rings of private topics.
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
    /// Waits until the receiver takes the ring; it never waits for the database, so this is short.
    async fn tell_private(&self, ring: PrivateRing) {
        if let Some(private) = &self.private {
            // The receiver is gone: the node ends.
            let _ = private.send(ring).await;
        }
    }

    async fn tell_events(&self, events: Vec<EventId>) -> Result<(), Unheard> {
        for event in events {
            self.tell_private(PrivateRing::Event(event)).await;
            let told = self.log.send(Ring::Event(event)).await;
            told.map_err(|_| Unheard)?;
        }
        Ok(())
    }

    async fn tell_change(&self, event: EventId, row: String) -> Result<(), Unheard> {
        self.tell_private(PrivateRing::Event(event)).await;
        let told = self.log.send(Ring::Change(event, row)).await;
        told.map_err(|_| Unheard)
    }

    fn tell_presence(&self, payload: &str) {
        if let Some(presence) = &self.presence
            && let Some(ring) = PresenceRing::read(payload)
        {
            let _ = presence.try_send(ring);
        }
    }
}

/// Listens until it is cancelled or its receivers are gone.
///
/// After `probe_interval` of silence it sends a probe from a pooled connection, as every writer rings. If the probe does not
/// come back within the same time, the connection is dead (swallowed by a proxy, or half open) and is replaced.
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
    let mut backoff = Backoff::new(RECONNECT_PAUSE_MIN, store.reconnect_pause_max());
    loop {
        match Ear::open(store).await {
            Ok(ear) => {
                backoff.reset();
                if DEAF.over() {
                    tracing::info!("the doorbell is listened to again");
                }
                let place = ear.place.clone();
                hearers.tell_private(PrivateRing::Listening).await;
                if out.send(Ring::Listening(Some(place))).await.is_err() {
                    return;
                }
                match listen(ear, store, probe_interval, hearers).await {
                    EarEnd::Closed => return,
                    EarEnd::Lost(why) => tracing::warn!(why, "the doorbell's connection is lost"),
                }
            }
            Err(error) => {
                if let Some(tries) = DEAF.failed() {
                    tracing::warn!(tries, error = %with_causes(&error), "the doorbell cannot be listened to");
                }
            }
        }
        if out.send(Ring::Lost).await.is_err() {
            return;
        }
        tokio::time::sleep(backoff.jittered()).await;
    }
}

/// A connection that listens. Dropping it ends the connection.
struct Ear {
    messages: BoxStream<'static, Result<AsyncMessage, tokio_postgres::Error>>,
    /// The log of the database in which it listens.
    place: HistoryPlace,
    /// Closing the client would end the connection.
    _client: Client,
}

impl Ear {
    /// Opens it. A handshake that never ends (a proxy without a database behind it) is a failure, too.
    async fn open(store: &Store) -> Result<Ear, StoreError> {
        let patience = store.connect_timeout();
        match tokio::time::timeout(patience, Ear::connect(store)).await {
            Ok(opened) => opened,
            Err(elapsed) => Err(StoreError::Unavailable(elapsed.into())),
        }
    }

    async fn connect(store: &Store) -> Result<Ear, StoreError> {
        let (client, mut connection) = store
            .room
            .connect(store.address(), store.connect_timeout())
            .await?;
        // The channel has the schema's name.
        let listen = format!("listen {}", store.address().schema());
        let mut messages = poll_fn(move |context| connection.poll_message(context)).boxed();
        // The connection is polled here while LISTEN waits for its answer. Rings that come meanwhile are covered by
        // `Ring::Listening`.
        let place = tokio::select! {
            place = note_and_listen(&client, &listen) => place?,
            () = drain(&mut messages) => {
                return Err(StoreError::Unavailable("closed before LISTEN was answered".into()));
            }
        };
        Ok(Ear {
            messages,
            place,
            _client: client,
        })
    }
}

/// Notes that the history goes on in another database, if so, and listens. Both on one connection: after a failover another
/// one may still lead to the old primary, and would answer that nothing has moved. It is not asked again until the doorbell
/// connects again, so a failure is one of connecting.
async fn note_and_listen(client: &Client, listen: &str) -> Result<HistoryPlace, StoreError> {
    let row = client.query_one("select note_history()", &[]).await?;
    let place = HistoryPlace(row.try_get(0)?);
    client.batch_execute(listen).await?;
    Ok(place)
}

/// Ends when the connection does.
async fn drain(messages: &mut BoxStream<'static, Result<AsyncMessage, tokio_postgres::Error>>) {
    while let Some(Ok(_)) = messages.next().await {}
}

enum EarEnd {
    /// The receivers are gone.
    Closed,
    Lost(&'static str),
}

async fn listen(
    mut ear: Ear,
    store: &Store,
    probe_interval: Duration,
    hearers: &Hearers,
) -> EarEnd {
    let probe = format!("probe:{}", Uuid::new_v4());
    let mut probing = false;
    let mut sending = pin!(Fuse::terminated());
    let mut patience = Instant::now() + probe_interval;
    loop {
        let heard = tokio::select! {
            message = ear.messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(note))) => note,
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return EarEnd::Lost("closed"),
            },
            sent = &mut sending => {
                probing &= sent;
                continue;
            }
            () = tokio::time::sleep_until(patience) => {
                if probing {
                    return EarEnd::Lost("its own ring did not come back");
                }
                probing = true;
                sending.set(ring_itself(store, &probe).fuse());
                patience = Instant::now() + probe_interval;
                continue;
            }
        };
        probing = false;
        patience = Instant::now() + probe_interval;
        let payload = heard.payload();
        let told = match RingKind::read(payload) {
            RingKind::Events(events) => hearers.tell_events(events).await,
            RingKind::Change(event, row) => hearers.tell_change(event, row).await,
            RingKind::Users(users) => {
                hearers.tell_private(PrivateRing::Users(users)).await;
                Ok(())
            }
            RingKind::Other if payload == probe => {
                hearers.log.send(Ring::Probe).await.map_err(|_| Unheard)
            }
            RingKind::Other => {
                hearers.tell_presence(payload);
                Ok(())
            }
        };
        if told.is_err() {
            return EarEnd::Closed;
        }
    }
}

/// Sends the probe, and returns whether it was sent. A busy pool says nothing about the LISTEN connection; the next silence
/// tries again.
async fn ring_itself(store: &Store, probe: &str) -> bool {
    let ringing = async {
        let client = store.client().await?;
        client
            .execute("select pg_notify(current_schema(), $1)", &[&probe])
            .await?;
        Ok::<_, StoreError>(())
    };
    let Err(error) = ringing.await else {
        return true;
    };
    tracing::warn!(
        error = %with_causes(&error),
        "the doorbell's probe could not be sent"
    );
    !matches!(error, StoreError::Busy(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_the_same_after_a_takeover_and_another_elsewhere() {
        let name = |place: &str| HistoryPlace(place.to_owned()).installation();
        let here = name("7301/00000001/5/16384");
        assert_eq!(here.len(), 2 * INSTALLATION_BYTES);
        assert_eq!(name("7301/00000002/5/16384"), here);
        for other in [
            "7302/00000001/5/16384",
            "7301/00000001/6/16384",
            "7301/00000001/5/16385",
        ] {
            assert_ne!(name(other), here, "{other}");
        }
    }

    #[test]
    fn payloads_are_told_apart() {
        assert_eq!(RingKind::read("7"), RingKind::Events(vec![EventId(7)]));
        assert_eq!(
            RingKind::read("7,-8,9"),
            RingKind::Events([7, -8, 9].map(EventId).to_vec())
        );
        assert_eq!(
            RingKind::read("users:3,4"),
            RingKind::Users([3, 4].map(UserId).to_vec())
        );
        let row = r#"{"at": "x:y", "revision": 2}"#;
        let change = RingKind::Change(EventId(7), row.to_owned());
        assert_eq!(RingKind::read(&format!("change:7:{row}")), change);
        let others = [
            "",
            "7,",
            "users:",
            "users:a",
            "change:7",
            "change::{}",
            "probe:1",
            "7 8",
        ];
        for other in others {
            assert_eq!(RingKind::read(other), RingKind::Other, "{other}");
        }
    }
}
