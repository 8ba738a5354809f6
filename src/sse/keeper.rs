//! The task that keeps the places: what comes from the feed goes in, who asks is let in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::place::Place;
use super::{Ask, Node, Streams};
use crate::auth::Auth;
use crate::config::Config;
use crate::config::inside::STREAM_ASKS_MAX;
use crate::hub::presence::View;
use crate::hub::{Mailbox, NotOpened, Opening, Publication, ToShard, Watch};
use crate::metrics;
use crate::presence::{Presence, Said};
use crate::ticketing::EventId;

/// How often places that nobody looks at are seen to.
const TEND_INTERVAL: Duration = Duration::from_secs(1);

/// What the task owns.
pub struct Keeper {
    mailbox: Mailbox<ToShard>,
    asks: mpsc::Receiver<Ask>,
    node: Arc<Node>,
    presence: Presence,
    topics: HashMap<EventId, Topic>,
    /// Every event that somebody is at, as last shown.
    views: HashMap<EventId, Arc<View>>,
}

/// An event that streams show, or wait for.
#[derive(Default)]
struct Topic {
    /// `None` until the feed has opened it.
    place: Option<Arc<Place>>,
    waiting: Vec<oneshot::Sender<Result<Arc<Place>, NotOpened>>>,
    /// The feed's queue was full when it was asked to watch: ask again.
    ask_again: bool,
    empty_since: Option<Instant>,
    /// Presence was told that somebody looks: other nodes' people are wanted.
    told: bool,
}

/// The way in, and the task's own part, for [`Keeper::run`].
pub fn new(
    config: Arc<Config>,
    auth: Auth,
    presence: Presence,
    mailbox: Mailbox<ToShard>,
) -> (Streams, Keeper) {
    let (ask, asks) = mpsc::channel(STREAM_ASKS_MAX);
    let node = Arc::new(Node::new(config, auth));
    let streams = Streams {
        asks: ask,
        node: node.clone(),
    };
    let keeper = Keeper {
        mailbox,
        asks,
        node,
        presence,
        topics: HashMap::new(),
        views: HashMap::new(),
    };
    (streams, keeper)
}

impl Keeper {
    /// Runs until `cancel`.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mail = Arc::new(Notify::new());
        let bell = mail.clone();
        self.mailbox.bell.connect(move || bell.notify_one());
        let mut tend = tokio::time::interval(TEND_INTERVAL);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = mail.notified() => self.on_mail(),
                Some(ask) = self.asks.recv() => self.on_ask(ask),
                _ = tend.tick() => self.tend(),
            }
        }
    }

    fn on_mail(&mut self) {
        self.mailbox.bell.answer();
        // Believed when all is known that was lost before it was said.
        let mut checked = None;
        while let Some(message) = self.mailbox.next() {
            match message {
                ToShard::Publish(publication, span) => {
                    span.in_scope(|| self.on_publication(publication));
                }
                ToShard::Opened(opening) => self.on_opened(&opening),
                ToShard::NotOpened { event, why } => {
                    self.on_not_opened(event, why, why == NotOpened::NoSuchEvent)
                }
                ToShard::Closed { event, why } => self.on_not_opened(event, why, true),
                ToShard::Checked { at, database_up } => checked = Some((at, database_up)),
                ToShard::Present(view) => self.on_presence(view),
                // Nobody here asks, nor watches private topics: a stream only listens to events.
                ToShard::Answered(_) | ToShard::Private(..) | ToShard::NoPrivate { .. } => {}
            }
        }
        if self.mailbox.is_draining() {
            self.node.drain.cancel();
        }
        if self.mailbox.take_dropped() > 0 {
            tracing::warn!("mailbox of the streams overflowed: all topics are opened anew");
            let events: Vec<_> = self.topics.keys().copied().collect();
            events.into_iter().for_each(|event| self.open_anew(event));
        }
        if let Some((at, database_up)) = checked {
            self.node.set_checked(at, database_up);
        }
    }

    fn on_ask(&mut self, ask: Ask) {
        let topic = self.topics.entry(ask.event).or_default();
        topic.empty_since = None;
        if let Some(place) = &topic.place {
            // Who asked may have gone away meanwhile.
            let _ = ask.answer.send(Ok(place.clone()));
            return;
        }
        topic.waiting.push(ask.answer);
        if topic.waiting.len() == 1 {
            self.watch(ask.event);
        }
    }

    fn watch(&mut self, event: EventId) {
        let shard = self.mailbox.shard;
        let asked = self.mailbox.ask(Watch::Watch { event, shard });
        let told = self.say_watched(event, true);
        if let Some(topic) = self.topics.get_mut(&event) {
            topic.ask_again = !asked || !told;
            topic.told |= told;
        }
    }

    /// Something was lost on the way here: asks for a new opening.
    fn open_anew(&mut self, event: EventId) {
        let topic = self.topics.get(&event);
        if let Some(place) = topic.and_then(|topic| topic.place.as_ref()) {
            place.doubt(self.node.checked().at);
        }
        self.watch(event);
    }

    /// `false` when presence has too much waiting: to be said again.
    fn say_watched(&self, event: EventId, watched: bool) -> bool {
        let said = Said::Watched {
            shard: self.mailbox.shard,
            event,
            watched,
        };
        self.presence.say(said).is_ok()
    }

    fn forget(&mut self, event: EventId) {
        if self.topics.remove(&event).is_some_and(|topic| topic.told) {
            // Unsaid, it costs a little work until the next one looks.
            self.say_watched(event, false);
        }
    }

    fn on_opened(&mut self, opening: &Opening) {
        let ring_deltas_max = self.node.config.feed.ring_deltas_max;
        let Some(topic) = self.topics.get_mut(&opening.event) else {
            return;
        };
        let here = self.views.get(&opening.event).cloned();
        let known = topic.place.as_ref();
        if !known.is_some_and(|place| place.reopen(opening, ring_deltas_max)) {
            topic.place = Some(Arc::new(Place::new(opening, here, ring_deltas_max)));
        }
        if let Some(place) = &topic.place {
            for answer in topic.waiting.drain(..) {
                let _ = answer.send(Ok(place.clone()));
            }
        }
    }

    /// `over`: the feed lets go of the event, and so do its streams.
    fn on_not_opened(&mut self, event: EventId, why: NotOpened, over: bool) {
        let Some(topic) = self.topics.get_mut(&event) else {
            return;
        };
        for answer in topic.waiting.drain(..) {
            let _ = answer.send(Err(why));
        }
        if over && let Some(place) = &topic.place {
            place.end();
        }
        if topic.place.is_none() || over {
            // Whoever asks next asks anew; the feed has forgotten it, too.
            self.forget(event);
        } else if let Some(place) = &topic.place {
            // It was to be opened anew, after a gap: ask until it is.
            place.doubt(self.node.checked().at);
            topic.ask_again = true;
        }
    }

    fn on_publication(&mut self, publication: Arc<Publication>) {
        let event = publication.event;
        let place = self
            .topics
            .get(&event)
            .and_then(|topic| topic.place.as_ref());
        if let Some(Err(gap)) = place.map(|place| place.publish(publication)) {
            metrics::GAPS.one("streams");
            tracing::debug!(
                ?gap,
                event,
                "a publication was lost on its way: opening anew"
            );
            self.open_anew(event);
        }
    }

    fn on_presence(&mut self, view: Arc<View>) {
        let place = self
            .topics
            .get(&view.event)
            .and_then(|topic| topic.place.as_ref());
        if let Some(place) = place {
            place.present(view.clone());
        }
        self.views.insert(view.event, view);
    }

    /// Forgets events that nobody has looked at for a while; asks again where the feed was too busy.
    fn tend(&mut self) {
        let now = Instant::now();
        let grace = Duration::from_secs(self.node.config.feed.unwatch_grace_s);
        let (mut again, mut empty) = (Vec::new(), Vec::new());
        for (&event, topic) in &mut self.topics {
            // One handle is ours.
            let in_use = topic
                .place
                .as_ref()
                .is_none_or(|place| Arc::strong_count(place) > 1);
            topic.waiting.retain(|answer| !answer.is_closed());
            if topic.ask_again {
                again.push(event);
            } else if in_use {
                topic.empty_since = None;
            } else if now >= *topic.empty_since.get_or_insert(now) + grace {
                empty.push(event);
            }
        }
        again.into_iter().for_each(|event| self.watch(event));
        for event in empty {
            let shard = self.mailbox.shard;
            if self.mailbox.ask(Watch::Unwatch { event, shard }) {
                self.forget(event);
            }
        }
        self.views
            .retain(|event, view| !view.is_empty() || self.topics.contains_key(event));
    }
}

#[cfg(test)]
mod tests;
