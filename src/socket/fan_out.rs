//! From an event that moved to the sockets of its viewers: which of them, in what portions, how often.
//!
//! What moved is noted, and the shard goes on reading its mail: so however many publications wait, a viewer is
//! sent one frame. A *pass* then goes through the viewers of one event, in portions. Between portions
//! the shard reads its sockets, answers, beats and lets in, whatever there is to send. A viewer is brought to
//! what is now when its turn comes; if the event has moved on by the end of the pass, another one follows.
//!
//! Overload is a slower rate. A pass that does not fit into the conflation window is followed by one with the
//! newest state, so the window of an event widens to what the shard can do, and narrows again. And where the
//! processor is wanted by others (bookings, Postgres), the pass takes longer than it works: then its event rests
//! for twice as long as the shard was kept waiting, so that viewers do not slow buyers.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use tracing::Span;

use super::channel::{Channel, Member};
use super::channels::Channels;
use super::clock::{Begun, Clock};
use super::connections::Connections;
use crate::config::AvailabilityConfig;
use crate::hub::Publication;
use crate::hub::history::History;
use crate::hub::presence::View;
use crate::metrics;
use crate::ticketing::EventId;

/// How long an event rests after a pass, in times of how long others had the processor meanwhile.
const REST_PER_WAIT: u64 = 2;

/// Why an event's viewers are to be brought to now.
#[derive(Debug)]
pub(super) struct Moved {
    /// Of the latest publication.
    span: Span,
    /// When the oldest change was made that they lack.
    committed_at: Option<Timestamp>,
}

impl Moved {
    pub(super) fn by(publication: Option<&Publication>, span: Span) -> Self {
        Self {
            span,
            committed_at: publication.and_then(|publication| publication.committed_at),
        }
    }

    fn again(&mut self, later: Moved) {
        self.span = later.span;
        self.committed_at = self.committed_at.or(later.committed_at);
    }
}

/// All fan-outs of a shard, at most one for each event.
#[derive(Debug, Default)]
pub(super) struct FanOuts {
    /// The next one to go on comes first.
    under_way: VecDeque<Pass>,
    resting: BTreeMap<EventId, Rest>,
}

#[derive(Debug)]
struct Rest {
    until_ms: u64,
    /// It has moved meanwhile.
    moved: Option<Moved>,
}

/// One way through the viewers of an event.
///
/// It goes from the last viewer of a channel to the first: when one leaves, the last one takes its place, and
/// so nobody slips from those who are to come to those who have been.
#[derive(Debug)]
pub(super) struct Pass {
    event: EventId,
    /// Those to be gone through; the last one is under way.
    channels: Vec<usize>,
    /// How many viewers of that one are to come; `None` before it has begun.
    left: Option<usize>,
    moved: Moved,
    /// It has moved since this began.
    again: Option<Moved>,
    begun: Begun,
}

/// What the shard has to see to itself after a portion.
#[derive(Debug, Default)]
pub(super) struct Portion {
    /// Connections that turned out to have ended.
    pub(super) gone: Vec<usize>,
    /// Their beat is due within a visit: let it go out in the same write.
    pub(super) with_beat: Vec<usize>,
    /// More than one frame waits for them.
    pub(super) to_bring: Vec<usize>,
    /// Viewers of tables who missed more than rows can tell, and their subscriptions.
    pub(super) to_read_anew: Vec<(usize, u32)>,
}

/// What a pass sends, and how.
pub(super) struct Shown<'a> {
    pub(super) history: &'a History,
    pub(super) here: Option<&'a View>,
    pub(super) limits: &'a AvailabilityConfig,
}

impl FanOuts {
    /// An event has moved: it gets a pass, unless it has one, or rests.
    pub(super) fn moved(
        &mut self,
        event: EventId,
        moved: Moved,
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

    fn begin(&mut self, event: EventId, moved: Moved, channels: &Channels, clock: &Clock) {
        let channels = channels.of(event).to_vec();
        if !channels.is_empty() {
            self.under_way.push_back(Pass {
                event,
                channels,
                left: None,
                moved,
                again: None,
                begun: clock.begin(),
            });
        }
    }

    /// Lets those go on who have rested enough.
    pub(super) fn wake(&mut self, channels: &Channels, clock: &Clock) {
        let now_ms = clock.now_ms();
        let rested = |(_, rest): (&EventId, &mut Rest)| rest.until_ms <= now_ms;
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

    /// The pass that is to go on; to be given back.
    pub(super) fn next(&mut self) -> Option<Pass> {
        self.under_way.pop_front()
    }

    pub(super) fn put_back(&mut self, pass: Pass, channels: &Channels, clock: &Clock) {
        if !pass.channels.is_empty() {
            return self.under_way.push_back(pass);
        }
        if let Some(committed_at) = pass.moved.committed_at {
            let lag = committed_at.duration_until(Timestamp::now());
            metrics::COMMIT_TO_SEND.took(lag.try_into().unwrap_or_default());
        }
        let rest_ms = clock.kept_waiting_ms(pass.begun) * REST_PER_WAIT;
        if rest_ms > 0 {
            let until_ms = clock.now_ms() + rest_ms;
            let rest = Rest {
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

    /// When the first one has rested.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let waits = |rest: &&Rest| rest.moved.is_some();
        let rests = self.resting.values().filter(waits);
        rests.map(|rest| rest.until_ms).min()
    }
}

impl Pass {
    pub(super) fn event(&self) -> EventId {
        self.event
    }

    /// Nobody is to be sent anything any more.
    pub(super) fn give_up(&mut self) {
        self.channels.clear();
    }

    /// Brings the next viewers to now, as far as their sockets take it; `budget` of them at most. A viewer
    /// whose socket is full keeps its revision, and is brought to whatever is now when it drains.
    pub(super) fn go_on(
        &mut self,
        budget: &mut usize,
        shown: &Shown<'_>,
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
    member: Member,
    shown: &Shown<'_>,
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
