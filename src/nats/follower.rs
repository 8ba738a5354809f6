//! The subscriber: brings what the relay publishes of watched events to the feed.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{AbortHandle, BoxStream, SelectAll, abortable};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{BusMessage, Interest, Subjects};
use crate::metrics;
use crate::store::relay::read_log_row;
use crate::telemetry::outage::Outage;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;

/// How often the relay announces itself.
pub(super) const ANNOUNCE_INTERVAL: Duration = Duration::from_millis(500);
/// A relay that has not announced itself for this long counts as gone.
const SILENCE_MAX: Duration = Duration::from_millis(1_600);
/// How often the subscriptions are compared with the watched events.
const TEND_INTERVAL: Duration = Duration::from_millis(500);
/// Time that NATS has to take a message.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Tries to reach NATS that failed.
static UNREACHED: Outage = Outage::new();

/// A client that connects to NATS in the background, and again after every loss.
///
/// # Errors
/// `url` is not an address.
pub(super) async fn connect(url: &str) -> Result<Client, async_nats::ConnectError> {
    ConnectOptions::new()
        .name("seatcast")
        .retry_on_initial_connect()
        .ping_interval(Duration::from_secs(2))
        .event_callback(async |event| count(event))
        .reconnect_delay_callback(|attempts| {
            let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(5);
            Duration::from_millis(50 << doublings).min(RECONNECT_PAUSE_MAX)
        })
        .connect(url)
        .await
}

fn count(event: Event) {
    match event {
        Event::Connected => {
            metrics::BUS_CONNECTED.set(1);
            if UNREACHED.over() {
                tracing::info!("NATS is reached");
            }
        }
        // Also before it was ever reached: a wrong address or password would be seen by nothing but the load of the database.
        Event::ClientError(error) => {
            if let Some(tries) = UNREACHED.failed() {
                tracing::warn!(
                    tries,
                    %error,
                    "NATS is not reached: every node reads the log itself"
                );
            }
        }
        Event::Disconnected => {
            metrics::BUS_CONNECTED.set(0);
            metrics::BUS_LOST.add(1);
        }
        // It leaves a gap, which is noticed and read from the log.
        Event::SlowConsumer(_) => metrics::BUS_DROPPED.one("slow"),
        _ => {}
    }
}

/// Subscribes until `cancel`, and sends what comes to `heard`.
pub(super) async fn follow(
    (client, subjects): (Client, Subjects),
    interest: Interest,
    heard: mpsc::Sender<BusMessage>,
    cancel: CancellationToken,
) {
    let following = Follower {
        client,
        subjects,
        interest,
        heard,
        changes: SelectAll::new(),
        subscribed: HashMap::new(),
        carrier: None,
        silent_at: Instant::now(),
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        _ = following.run() => {}
    }
}

/// The receiver is gone: the feed has ended.
struct FeedEnded;

struct Follower {
    client: Client,
    subjects: Subjects,
    interest: Interest,
    heard: mpsc::Sender<BusMessage>,
    changes: SelectAll<BoxStream<'static, (EventId, Bytes)>>,
    subscribed: HashMap<EventId, AbortHandle>,
    carrier: Option<Uuid>,
    /// When the relay counts as gone, unless it announces itself before.
    silent_at: Instant,
}

impl Follower {
    async fn run(mut self) -> Result<(), FeedEnded> {
        let mut news = announcements(&self.client, &self.subjects).await;
        let mut tick = interval(TEND_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let interest = self.interest.clone();
        loop {
            tokio::select! {
                () = interest.0.changed.notified() => self.tend().await?,
                _ = tick.tick() => self.tend().await?,
                Some((event, json)) = self.changes.next() => self.changed(event, &json).await?,
                said = news.next() => match said {
                    Some(said) => self.announced(&said.payload).await?,
                    None => news = announcements(&self.client, &self.subjects).await,
                },
                () = sleep_until(self.silent_at), if self.carrier.is_some() => {
                    tracing::warn!("nobody carries the log: reading it here");
                    self.carried(None).await?;
                }
            }
        }
    }

    async fn announced(&mut self, payload: &[u8]) -> Result<(), FeedEnded> {
        let Ok(carrier) = Uuid::try_parse_ascii(payload) else {
            return Ok(());
        };
        self.silent_at = Instant::now() + SILENCE_MAX;
        if self.carrier != Some(carrier) {
            self.carried(Some(carrier)).await?;
        }
        Ok(())
    }

    async fn carried(&mut self, carrier: Option<Uuid>) -> Result<(), FeedEnded> {
        self.carrier = carrier;
        metrics::BUS_CARRIED.set(i64::from(carrier.is_some()));
        self.say(BusMessage::Carried(carrier.is_some())).await
    }

    async fn changed(&mut self, event: EventId, json: &[u8]) -> Result<(), FeedEnded> {
        metrics::BUS_RECEIVED.add(1);
        let heard = match read_log_row(json) {
            Ok(delta) => BusMessage::Change(event, Box::new(delta)),
            Err(error) => {
                // The relay sends an empty message for a row that is too big for NATS.
                if !json.is_empty() {
                    metrics::BUS_DROPPED.one("unreadable");
                    tracing::warn!(%error, event = event.0, "the relay says what cannot be read");
                }
                BusMessage::LookAgain(event)
            }
        };
        self.say(heard).await
    }

    /// Subscribes to newly watched events and unsubscribes from the others. Does nothing while NATS is away.
    async fn tend(&mut self) -> Result<(), FeedEnded> {
        if self.client.connection_state() != State::Connected {
            return Ok(());
        }
        let wanted = self.interest.lock().clone();
        self.subscribed.retain(|event, subscription| {
            let keep = wanted.contains(event);
            if !keep {
                subscription.abort();
            }
            keep
        });
        let mut added = Vec::new();
        for event in wanted {
            if !self.subscribed.contains_key(&event) {
                let Ok(Ok(messages)) =
                    timeout(PATIENCE, self.client.subscribe(self.subjects.change(event))).await
                else {
                    break;
                };
                let messages = messages.map(move |message| (event, message.payload));
                let (messages, subscription) = abortable(messages);
                self.changes.push(messages.boxed());
                self.subscribed.insert(event, subscription);
                added.push(event);
            }
        }
        // Changes published before the server knew of the subscription did not come here.
        if !added.is_empty() && matches!(timeout(PATIENCE, self.client.flush()).await, Ok(Ok(()))) {
            for event in added {
                self.say(BusMessage::LookAgain(event)).await?;
            }
        }
        Ok(())
    }

    async fn say(&mut self, heard: BusMessage) -> Result<(), FeedEnded> {
        self.heard.send(heard).await.map_err(|_| FeedEnded)
    }
}

async fn announcements(client: &Client, subjects: &Subjects) -> Subscriber {
    loop {
        match client.subscribe(subjects.relay()).await {
            Ok(subscriber) => return subscriber,
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "cannot subscribe to the relay");
                tokio::time::sleep(RECONNECT_PAUSE_MAX).await;
            }
        }
    }
}
