//! Fan-out: sends a changed event to the sockets of its viewers, in portions.
//!
//! The shard first reads all its mail and notes the events that changed, so a viewer is sent one frame however many
//! publications wait. A *pass* then goes through the viewers of one event in portions. Between portions the shard reads its
//! sockets, answers joins and beats. A viewer is brought to the state at its turn; if the event has changed by the end of
//! the pass, another pass follows.
//!
//! Overload lowers the rate. A pass that does not fit into the conflation window is followed by one with the newest state, so
//! the event's window widens to what the shard can do, and narrows again. If other threads want the processor (bookings,
//! Postgres), the shard waits for it during a pass; the event then rests for [`REST_PER_WAIT`] times that wait, so that
//! viewers do not slow down buyers.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use tracing::Span;

use super::channel::{Channel, ChannelMember};
use super::channels::Channels;
use super::clock::{Clock, Stopwatch};
use super::connections::Connections;
use crate::clock::database_now;
use crate::config::AvailabilityConfig;
use crate::hub::Publication;
use crate::hub::history::History;
use crate::hub::presence::PresenceView;
use crate::metrics;
use crate::ticketing::EventId;

/// The rest of an event after a pass, as a multiple of the time that the shard waited for a processor.
const REST_PER_WAIT: u64 = 4;

/// A change that an event's viewers have to be sent.
#[derive(Debug)]
pub(super) struct PendingChange {
    /// The span of the latest publication.
    span: Span,
    /// The time of the oldest change that viewers lack.
    committed_at: Option<Timestamp>,
}

impl PendingChange {
    pub(super) fn by(publication: Option<&Publication>, span: Span) -> Self {
        Self {
            span,
            committed_at: publication.and_then(|publication| publication.committed_at),
        }
    }

    fn again(&mut self, later: PendingChange) {
        self.span = later.span;
        self.committed_at = self.committed_at.or(later.committed_at);
    }
}

/// All fan-outs of a shard, at most one for each event.
#[derive(Debug, Default)]
pub(super) struct FanOuts {
    /// In the order in which they go on.
    under_way: VecDeque<FanOutPass>,
    resting: BTreeMap<EventId, EventRest>,
}

#[derive(Debug)]
struct EventRest {
    until_ms: u64,
    /// Set if the event has changed meanwhile.
    moved: Option<PendingChange>,
}

/// One pass through the viewers of an event.
///
/// It goes from the last viewer of a channel to the first: when a viewer leaves, the last one takes its place, and so no
/// viewer is skipped.
#[derive(Debug)]
pub(super) struct FanOutPass {
    event: EventId,
    /// Channels to go through; the last one is under way.
    channels: Vec<usize>,
    /// The number of its viewers that are still to come; `None` before it has begun.
    left: Option<usize>,
    moved: PendingChange,
    /// Set if the event has changed since the pass began.
    again: Option<PendingChange>,
    begun: Stopwatch,
}

/// Work that a portion leaves to the shard.
#[derive(Debug, Default)]
pub(super) struct Portion {
    /// Connections whose end was noticed.
    pub(super) gone: Vec<usize>,
    /// Connections whose beat is almost due, so that it goes out in the same write.
    pub(super) with_beat: Vec<usize>,
    /// Connections that need more than one frame.
    pub(super) to_bring: Vec<usize>,
    /// Viewers of tables, and their subscriptions, that missed more than can be sent as rows.
    pub(super) to_read_anew: Vec<(usize, u32)>,
}

/// The content of a pass.
pub(super) struct PassContent<'a> {
    pub(super) history: &'a History,
    pub(super) here: Option<&'a PresenceView>,
    pub(super) limits: &'a AvailabilityConfig,
}

impl FanOuts {
    /// An event has changed: begins a pass, unless one is under way, or the event rests.
    pub(super) fn moved(
        &mut self,
        event: EventId,
        moved: PendingChange,
        channels: &Channels,
        clock: &Clock,
    ) {
        if let Some(pass) = self.under_way.iter_mut().find(|pass| pass.event == event) {
            match &mut pass.again {
                Some(earlier) => earlier.again(moved),
                again => *again = Some(moved),
            }
            return;
        }
        match self.resting.get_mut(&event) {
            Some(rest) => match &mut rest.moved {
                Some(earlier) => earlier.again(moved),
                earlier => *earlier = Some(moved),
            },
            None => self.begin(event, moved, channels, clock),
        }
    }

    fn begin(&mut self, event: EventId, moved: PendingChange, channels: &Channels, clock: &Clock) {
        let channels = channels.of(event).to_vec();
        if !channels.is_empty() {
            self.under_way.push_back(FanOutPass {
                event,
                channels,
                left: None,
                moved,
                again: None,
                begun: clock.begin(),
            });
        }
    }

    /// Begins the passes of events that have rested enough.
    pub(super) fn wake(&mut self, channels: &Channels, clock: &Clock) {
        let now_ms = clock.now_ms();
        let rested = |(_, rest): (&EventId, &mut EventRest)| rest.until_ms <= now_ms;
        let rested: Vec<_> = self
            .resting
            .extract_if(.., |event, rest| rested((event, rest)))
            .collect();
        for (event, rest) in rested {
            if let Some(moved) = rest.moved {
                self.begin(event, moved, channels, clock);
            }
        }
    }

    /// Takes the pass that goes on next; give it back afterwards.
    pub(super) fn next(&mut self) -> Option<FanOutPass> {
        self.under_way.pop_front()
    }

    pub(super) fn put_back(&mut self, pass: FanOutPass, channels: &Channels, clock: &Clock) {
        if !pass.channels.is_empty() {
            return self.under_way.push_back(pass);
        }
        if let Some(committed_at) = pass.moved.committed_at {
            let lag = committed_at.duration_until(database_now());
            metrics::COMMIT_TO_SEND.took(lag.try_into().unwrap_or_default());
        }
        let rest_ms = clock.kept_waiting_ms(pass.begun) * REST_PER_WAIT;
        if rest_ms > 0 {
            let until_ms = clock.now_ms() + rest_ms;
            let rest = EventRest {
                until_ms,
                moved: pass.again,
            };
            self.resting.insert(pass.event, rest);
        } else if let Some(moved) = pass.again {
            self.begin(pass.event, moved, channels, clock);
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// When the first event has rested enough.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let waits = |rest: &&EventRest| rest.moved.is_some();
        let rests = self.resting.values().filter(waits);
        rests.map(|rest| rest.until_ms).min()
    }
}

impl FanOutPass {
    pub(super) fn event(&self) -> EventId {
        self.event
    }

    /// Drops all passes.
    pub(super) fn give_up(&mut self) {
        self.channels.clear();
    }

    /// Brings the next viewers to the current revision, at most `budget` of them. A viewer whose socket is full keeps its
    /// revision, and is brought to the then current one when its socket drains.
    pub(super) fn go_on(
        &mut self,
        budget: &mut usize,
        shown: &PassContent<'_>,
        channels: &mut Channels,
        connections: &mut Connections,
    ) -> Portion {
        let _within = self.moved.span.clone().entered();
        let mut portion = Portion::default();
        let (mut delivered, mut skipped) = (0, 0);
        while let Some(&id) = self.channels.last() {
            let channel = channels
                .get_mut(id)
                .filter(|channel| channel.event == self.event);
            let Some(channel) = channel else {
                // Its last viewer has left.
                self.next_channel();
                continue;
            };
            let members = channel.members.len();
            let mut left = self.left.unwrap_or(members).min(members);
            while left > 0 && *budget > 0 {
                left -= 1;
                *budget -= 1;
                let member = channel.members[left];
                match deliver(channel, member, shown, connections, &mut portion) {
                    Sent::Taken => delivered += 1,
                    Sent::Full => skipped += 1,
                    Sent::Nothing => {}
                }
            }
            self.left = Some(left);
            if left > 0 {
                break;
            }
            self.next_channel();
        }
        metrics::DELIVERIES.add(delivered);
        metrics::SKIPPED.add(skipped);
        portion
    }

    fn next_channel(&mut self) {
        self.channels.pop();
        self.left = None;
    }
}

enum Sent {
    Taken,
    Full,
    Nothing,
}

fn deliver(
    channel: &mut Channel,
    member: ChannelMember,
    shown: &PassContent<'_>,
    connections: &mut Connections,
    portion: &mut Portion,
) -> Sent {
    let id = member.connection as usize;
    let Some(connection) = connections.get_mut(id) else {
        return Sent::Nothing;
    };
    if !connection.is_clear() {
        return Sent::Full;
    }
    if connection.beat_in <= 1 {
        portion.with_beat.push(id);
        return Sent::Nothing;
    }
    let Some(has) = connection.session.has(member.subscription) else {
        return Sent::Nothing;
    };
    let revision = shown.history.revision();
    let presence = shown.here.and_then(|here| {
        let subscription = connection.session.subscription_mut(member.subscription)?;
        channel.presence(here, *subscription.presence.sent()?, has.vsn)
    });
    let mut read_anew = false;
    let bytes = match (has.revision < revision, &presence) {
        (false, None) => return Sent::Nothing,
        (true, Some(_)) => {
            portion.to_bring.push(id);
            return Sent::Nothing;
        }
        (false, Some((_, frame))) => frame.clone(),
        (true, None) => {
            let frames = channel.frames(shown.history, has, shown.limits);
            read_anew = frames.read_anew;
            frames.bytes
        }
    };
    let taken = bytes.is_empty()
        || match connection.write_shared(&bytes) {
            Ok(taken) => taken,
            Err(_) => {
                portion.gone.push(id);
                return Sent::Nothing;
            }
        };
    if !taken {
        return Sent::Full;
    }
    if let Some((serial, _)) = presence {
        connection.session.set_shown(member.subscription, serial);
        return Sent::Nothing;
    }
    connection.session.set_sent(member.subscription, revision);
    if read_anew {
        portion.to_read_anew.push((id, member.subscription));
    }
    Sent::Taken
}
