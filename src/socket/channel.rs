//! A channel: one topic with one view of an event, and its viewers on this shard.
//!
//! Viewers of a channel with the same revision are sent the same bytes. The frame of the last publication is kept until the
//! next one, and so are catch-up frames, so that a thousand viewers that lag alike cost one encoding.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::clock::database_now;
use crate::config::AvailabilityConfig;
use crate::config::inside::{
    BROADCASTS_KEPT_LEAST, PREPARED_BYTES_MAX, PREPARED_REVISIONS_MAX, TABLE_MESSAGES_BYTES_MAX,
};
use crate::hub::frames::{Prepared, Weight};
use crate::hub::history::{History, HistoryStep};
use crate::hub::presence as here;
use crate::hub::{NativeView, Publication};
use crate::metrics;
use crate::protocol::native::{self, Checked};
use crate::protocol::phoenix::{self, Vsn};
use crate::protocol::presence::{self, Counts};
use crate::protocol::supabase::{self, Bindings, ReadAnew};
use crate::protocol::topic::{RealtimeTopic, Topic};
use crate::ticketing::live::{Delta, EventState, Notice};
use crate::ticketing::{EventId, Revision};

/// A channel's view of its event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum View {
    Native(NativeView),
    /// The Supabase dialect: the rows that match these bindings, and broadcasts where the topic has them.
    Tables(Arc<Bindings>),
}

/// Joins with equal keys share a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ChannelKey {
    pub(crate) name: Topic,
    pub(crate) topic: Arc<str>,
    pub(crate) view: View,
}

/// A viewer: its connection, and the subscription on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChannelMember {
    pub(crate) connection: u32,
    pub(crate) subscription: u32,
}

pub(crate) struct Channel {
    pub(crate) key: ChannelKey,
    pub(crate) event: EventId,
    /// The era of its event when the latest viewer came: see [`Watching::came`](crate::hub::watching::Watching::came).
    pub(crate) era: u64,
    pub(crate) members: Vec<ChannelMember>,
    /// Frames that lead from a revision to the current one.
    prepared: Prepared<Has, Frames>,
    /// The last beat, with its revision, freshness and version.
    beat: Option<((Revision, Checked, Vsn), Bytes)>,
    /// The state for joins.
    snapshot: Option<PreparedState>,
}

/// The state as JSON, at a revision and a serial of presence.
struct PreparedState {
    at: (Revision, u64),
    /// Valid until its first notice ends.
    until: Option<Timestamp>,
    state: Arc<RawValue>,
}

/// Frames for a viewer.
#[derive(Debug, Clone)]
pub(crate) struct Frames {
    pub(crate) bytes: Bytes,
    /// So many of them, from the first, are rows of tables, which can be read again; what follows cannot.
    rows: usize,
    /// Whether the viewer watches tables and missed more than can be sent as rows; it then has to join again and read.
    pub(crate) read_anew: bool,
}

impl Frames {
    /// In bytes.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The same for a viewer that has to read the tables anew.
    pub(crate) fn without_rows(self) -> Frames {
        Frames {
            bytes: self.bytes.slice(self.rows..),
            rows: 0,
            read_anew: true,
        }
    }
}

impl Weight for Frames {
    fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl From<Bytes> for Frames {
    fn from(bytes: Bytes) -> Self {
        Frames {
            bytes,
            rows: 0,
            read_anew: false,
        }
    }
}

/// Cache key of frames: a viewer's revision, version, and own sender id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Has {
    pub(crate) revision: Revision,
    pub(crate) vsn: Vsn,
    /// The sender id of its own broadcasts, which it is not sent; `None` if it never broadcast.
    pub(crate) without: Option<Uuid>,
}

/// The topic of messages about the connection itself.
pub(crate) const PHOENIX: &str = "phoenix";

impl Channel {
    pub(crate) fn new(key: ChannelKey, event: EventId) -> Self {
        Self {
            key,
            event,
            era: 0,
            members: Vec::new(),
            prepared: Prepared::new(PREPARED_REVISIONS_MAX, PREPARED_BYTES_MAX),
            beat: None,
            snapshot: None,
        }
    }

    /// The history changed: drops prepared frames, which lead to an old revision.
    pub(crate) fn moved(&mut self) {
        self.prepared.clear();
    }

    /// The bytes that bring a viewer from an older revision to the history's; empty if nothing in its view has changed.
    pub(crate) fn frames(
        &mut self,
        history: &History,
        has: Has,
        limits: &AvailabilityConfig,
    ) -> Frames {
        let like = self.like(history, has);
        if let Some(known) = self.prepared.get(&like) {
            return known;
        }
        let frames = self.make_frames(history, has, limits);
        // A single viewer needs no cache.
        if self.members.len() > 1 {
            self.prepared.keep(like, frames.clone());
        }
        frames
    }

    /// The key under which frames are cached: viewers with equal keys receive identical bytes. A viewer of notices keeps its exact
    /// revision in the key, so that it gets each notice once.
    fn like(&self, history: &History, has: Has) -> Has {
        if self.tells_notices() {
            return has;
        }
        Has {
            revision: history.origin(has.revision),
            ..has
        }
    }

    fn make_frames(&self, history: &History, has: Has, limits: &AvailabilityConfig) -> Frames {
        match history.step_from(has.revision) {
            HistoryStep::Level => Frames::from(Bytes::new()),
            HistoryStep::Latest(publication) => self.published(publication, has, limits),
            HistoryStep::Merged(delta) => self.encode(&delta, history.state(), has, limits),
            HistoryStep::Whole(state) => {
                let (mut whole, now) = (state.whole(), database_now());
                whole
                    .notices
                    .retain(|_, change| change.row.as_ref().is_none_or(|row| !row.has_ended(now)));
                self.encode(&whole, state, has, limits)
            }
        }
    }

    /// The frame of the last publication. Native frames are shared by all shards; frames of the dialect have the channel's own
    /// ids.
    fn published(
        &self,
        publication: &Publication,
        has: Has,
        limits: &AvailabilityConfig,
    ) -> Frames {
        let (delta, state) = (&publication.delta, &publication.state);
        match &self.key.view {
            View::Native(view) => {
                let encode = || self.encode_native(*view, delta, state, has.vsn, limits);
                Frames::from(publication.frame(*view, has.vsn, encode))
            }
            View::Tables(bindings) => self.encode_rows(bindings, delta, state, has),
        }
    }

    fn encode(
        &self,
        delta: &Delta,
        state: &EventState,
        has: Has,
        limits: &AvailabilityConfig,
    ) -> Frames {
        match &self.key.view {
            View::Native(view) => {
                Frames::from(self.encode_native(*view, delta, state, has.vsn, limits))
            }
            View::Tables(bindings) => self.encode_rows(bindings, delta, state, has),
        }
    }

    fn encode_native(
        &self,
        view: NativeView,
        delta: &Delta,
        state: &EventState,
        vsn: Vsn,
        limits: &AvailabilityConfig,
    ) -> Bytes {
        let topic = &*self.key.topic;
        match view {
            NativeView::Event | NativeView::Admin => {
                let update = native::event_update(delta, state, limits);
                phoenix::push(vsn, topic, native::UPDATE, &update)
            }
            NativeView::Seats => phoenix::push(
                vsn,
                topic,
                native::UPDATE,
                &native::seats_update(delta, state),
            ),
        }
    }

    /// Encodes rows, or [`ReadAnew`](crate::protocol::supabase::ReadAnew) if there are too many. Broadcasts are always sent, since
    /// clients cannot read them again.
    fn encode_rows(
        &self,
        bindings: &Bindings,
        delta: &Delta,
        state: &EventState,
        has: Has,
    ) -> Frames {
        let rows = self.rows(bindings, delta, state, has.vsn);
        let read_anew = rows.is_err() || self.has_missed_broadcasts(delta, has);
        let mut bytes = rows.unwrap_or_default();
        let rows = bytes.len();
        for notice in self.unheard(delta, has) {
            bytes.extend_from_slice(&supabase::update(has.vsn, &self.key.topic, notice));
        }
        Frames {
            bytes: bytes.freeze(),
            rows,
            read_anew,
        }
    }

    fn rows(
        &self,
        bindings: &Bindings,
        delta: &Delta,
        state: &EventState,
        vsn: Vsn,
    ) -> Result<BytesMut, ReadAnew> {
        let mut bytes = BytesMut::new();
        for message in bindings.changes(delta, state)? {
            let topic = &*self.key.topic;
            let frame = phoenix::push(vsn, topic, supabase::POSTGRES_CHANGES, &message);
            bytes.extend_from_slice(&frame);
            if bytes.len() > TABLE_MESSAGES_BYTES_MAX {
                return Err(ReadAnew);
            }
        }
        Ok(bytes)
    }

    fn tells_notices(&self) -> bool {
        let name = &self.key.name;
        matches!(name, Topic::Realtime(RealtimeTopic::EventUpdates(_)))
    }

    /// The notices of a delta that are newer than the viewer's revision, in order. So each is sent once, even if the delta reaches
    /// further back than the viewer's revision, or is a whole state.
    fn unheard<'a>(&self, delta: &'a Delta, has: Has) -> Vec<&'a Notice> {
        if !self.tells_notices() {
            return Vec::new();
        }
        let rows = delta.notices.values();
        let standing = rows.filter_map(|change| change.row.as_ref());
        let mut notices: Vec<_> = standing
            .chain(delta.passed.values())
            .filter(|notice| notice.revision > has.revision)
            .filter(|notice| notice.sender.is_none() || notice.sender != has.without)
            .collect();
        notices.sort_by_key(|notice| (notice.revision, notice.id));
        notices
    }

    /// Whether broadcasts may have gone by that cannot be sent any more. The viewer's client is told that the channel broke
    /// off. A whole state does not say which broadcasts it lacks; if it has many, and none that the viewer was sent before,
    /// the bound on an event's notices may have deleted others in between.
    fn has_missed_broadcasts(&self, delta: &Delta, has: Has) -> bool {
        if !self.tells_notices() {
            return false;
        }
        let rows = delta.notices.values();
        let broadcasts =
            rows.filter_map(|change| change.row.as_ref().filter(|row| row.sent.is_some()));
        let (unheard, heard): (Vec<_>, Vec<_>) =
            broadcasts.partition(|notice| notice.revision > has.revision);
        let is_cut = delta.from == 0 && heard.is_empty() && unheard.len() >= BROADCASTS_KEPT_LEAST;
        delta.passed_lost > has.revision || is_cut
    }

    /// The beat for viewers that joined only this channel; encoded once for each revision and second.
    pub(crate) fn beat(&mut self, revision: Revision, checked: Checked, vsn: Vsn) -> Bytes {
        let now = (revision, checked, vsn);
        match &self.beat {
            Some((of, frame)) if *of == now => frame.clone(),
            _ => {
                let revisions = [(self.key.name, revision)];
                let frame = phoenix::push(
                    vsn,
                    PHOENIX,
                    native::BEAT,
                    &native::beat(&revisions, checked),
                );
                self.beat = Some((now, frame.clone()));
                frame
            }
        }
    }

    /// The answer to a native join: the whole state, or the changes after `since`.
    pub(crate) fn joined(
        &mut self,
        view: NativeView,
        history: &History,
        since: Option<Revision>,
        here: Option<&here::PresenceView>,
        limits: &AvailabilityConfig,
        now: Timestamp,
    ) -> Joined {
        let nobody = Counts::default();
        let counts = here.map_or(&nobody, |here| &here.counted.counts);
        let revision = history.revision();
        let within = since.filter(|&since| history.resumes(since));
        let resumed = within.and_then(|since| {
            let delta = match history.step_from(since) {
                HistoryStep::Level => Box::new(Delta {
                    from: revision,
                    to: revision,
                    ..Delta::default()
                }),
                HistoryStep::Latest(publication) => Box::new(Delta::clone(&publication.delta)),
                HistoryStep::Merged(delta) => delta,
                HistoryStep::Whole(_) => return None,
            };
            // With a new layout positions mean other seats, so only a whole state will do.
            (delta.from > 0 && delta.layout.is_none()).then(|| match view {
                NativeView::Event | NativeView::Admin => to_raw(&native::event_changes(
                    &delta,
                    history.state(),
                    counts,
                    limits,
                )),
                NativeView::Seats => to_raw(&native::seats_changes(&delta, history.state())),
            })
        });
        metrics::JOINS.one(match (since, &resumed) {
            (None, _) => "state",
            (Some(_), Some(_)) => "ring",
            (Some(_), None) => "snapshot",
        });
        match resumed {
            Some(state) => Joined {
                revision,
                resumed: true,
                state,
            },
            None => Joined {
                revision,
                resumed: false,
                state: self.snapshot(view, history, here, limits, now),
            },
        }
    }

    fn snapshot(
        &mut self,
        view: NativeView,
        history: &History,
        here: Option<&here::PresenceView>,
        limits: &AvailabilityConfig,
        now: Timestamp,
    ) -> Arc<RawValue> {
        let at = (
            history.revision(),
            here.map_or(0, |here| here.counted.serial),
        );
        let known = self.snapshot.as_ref();
        if let Some(known) = known.filter(|known| known.is_of(at, now)) {
            return known.state.clone();
        }
        let (nobody, whole) = (Counts::default(), history.state());
        let counts = here.map_or(&nobody, |here| &here.counted.counts);
        let state = match view {
            NativeView::Event | NativeView::Admin => {
                to_raw(&native::event_state(whole, now, counts, limits))
            }
            NativeView::Seats => to_raw(&native::seats_state(whole)),
        };
        self.snapshot = Some(PreparedState {
            at,
            until: whole.first_end_after(now),
            state: state.clone(),
        });
        state
    }

    /// The bytes that bring a viewer from the presence view `sent` to the current one; `None` if this channel has no presence.
    pub(crate) fn presence(
        &self,
        here: &here::PresenceView,
        sent: u64,
        vsn: Vsn,
    ) -> Option<(u64, Bytes)> {
        let topic = &*self.key.topic;
        let (counted, listing) = (&here.counted, &here.listing);
        match self.key.name {
            Topic::Event(_) if sent < counted.serial => {
                let frame = counted.frame(vsn, || {
                    phoenix::push(vsn, topic, presence::PRESENCE, &counted.counts)
                });
                Some((counted.serial, frame))
            }
            Topic::Admin(_) if sent < counted.serial => {
                let frame = phoenix::push(vsn, topic, presence::PRESENCE, &counted.counts);
                Some((counted.serial, frame))
            }
            Topic::Realtime(RealtimeTopic::Registration(_)) if sent < listing.serial => {
                let frame = if sent == listing.follows {
                    listing.diff_frame(vsn, || {
                        phoenix::push(vsn, topic, presence::PRESENCE_DIFF, &listing.diff)
                    })
                } else {
                    listing.state_frame(vsn, || {
                        phoenix::push(vsn, topic, presence::PRESENCE_STATE, &listing.state)
                    })
                };
                Some((listing.serial, frame))
            }
            _ => None,
        }
    }
}

impl PreparedState {
    fn is_of(&self, at: (Revision, u64), now: Timestamp) -> bool {
        self.at == at && self.until.is_none_or(|until| now < until)
    }
}

/// `response` of a native join.
pub(crate) type Joined = native::Response<Arc<RawValue>>;

/// Encodes a struct with string keys and finite numbers, which cannot fail.
fn to_raw(value: &impl Serialize) -> Arc<RawValue> {
    serde_json::value::to_raw_value(value)
        .map_or_else(|_| RawValue::NULL.to_owned().into(), Arc::from)
}

#[cfg(test)]
mod tests;
