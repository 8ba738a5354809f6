//! One connection as a pure state machine: frames and time in, effects out. No I/O.
//!
//! It has the caller, the joined topics with their `join_ref`, and the rate limits. It does not make the frames of topics;
//! the shard only asks it for the position of each subscription.
//!
//! `joining` reads joins, `answers` answers them, `pushes` takes messages to a joined topic (`voice` broadcasts,
//! `whereabouts` presence, `tracks` interactions), `early` keeps those that came before the answer, `subscription` keeps positions, `rights` the caller, `private` private
//! topics, and `effect` lists the actions for the shard.

mod answers;
mod early;
mod effect;
mod joining;
mod private;
mod pushes;
mod replies;
mod rights;
mod subscription;
mod tracks;
mod voice;
mod whereabouts;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

pub(crate) use self::answers::OpenedEvent;
pub(crate) use self::effect::Effect;
pub(crate) use self::private::ShownTopic;
use self::replies::ReplyTo;
use self::rights::KeptCaller;
pub(crate) use self::subscription::{JoinStage, PendingAsk, PendingJoin, Subscription};
pub(crate) use self::tracks::TrackReply;
pub(crate) use self::voice::{Saying, Voice};
pub(crate) use self::whereabouts::SubscriptionPresence;
use crate::auth::{Auth, Caller};
use crate::config::inside::REFUSED_FRAMES_MAX;
use crate::config::{PresenceConfig, SocketConfig};
use crate::pacing::{SharedTokenBucket, TokenBucket};
use crate::protocol::code::{self, ErrorReply, Retry};
use crate::protocol::phoenix::{ClientFrame, Malformed, Vsn};

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) vsn: Vsn,
    caller: KeptCaller,
    /// The caller of the handshake, who is the caller again after signing out.
    opened_by: KeptCaller,
    /// The API key in the URL, if there was one: sent as a token it means anonymous.
    api_key: Option<Box<str>>,
    /// Indexed by place; places of ended subscriptions are reused.
    subscriptions: Vec<Option<Subscription>>,
    joins: TokenBucket,
    /// Shared with all connections of the client's address; `None` where these are not limited.
    joins_of_address: Option<Arc<SharedTokenBucket>>,
    pushes: TokenBucket,
    refused_frames: u32,
    first_join: FirstJoin,
    /// Whether a joined topic needs the caller's token.
    needs_token: bool,
    /// Whether a new token came, so that the rights of joined topics have to be checked again.
    caller_changed: bool,
}

/// Whether the client has joined anything. One that does not in time is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstJoin {
    Awaited,
    /// A join was answered «later» since the last visit.
    ToldLater,
    Answered,
}

/// Configuration and state of the server that a session needs to judge a frame.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) limits: &'a SocketConfig,
    pub(crate) auth: &'a Auth,
    pub(crate) presence: &'a PresenceConfig,
    /// Tokens are over by it.
    pub(crate) now: Timestamp,
}

impl Session {
    pub(crate) fn new(
        vsn: Vsn,
        caller: Caller,
        api_key: Option<Box<str>>,
        limits: &SocketConfig,
        joins_of_address: Option<Arc<SharedTokenBucket>>,
    ) -> Self {
        let caller = KeptCaller::from(caller);
        Self {
            vsn,
            opened_by: caller.clone(),
            caller,
            api_key,
            subscriptions: Vec::new(),
            joins: TokenBucket::new(limits.joins_per_s_max),
            joins_of_address,
            pushes: TokenBucket::new(limits.pushes_per_s_max),
            refused_frames: 0,
            first_join: FirstJoin::Awaited,
            needs_token: false,
            caller_changed: false,
        }
    }

    /// Whether the client neither joined anything nor waits for the answer to a join.
    pub(crate) fn has_asked_for_nothing(&self) -> bool {
        self.first_join != FirstJoin::Answered && self.subscriptions.iter().all(Option::is_none)
    }

    /// Whether a first join was answered «later» since this was last asked.
    pub(crate) fn take_told_later(&mut self) -> bool {
        let told = self.first_join == FirstJoin::ToldLater;
        if told {
            self.first_join = FirstJoin::Awaited;
        }
        told
    }

    /// Notes that a join is refused.
    fn refuses_join(&mut self, error: &ErrorReply) {
        if error.retry == Retry::Later && self.first_join == FirstJoin::Awaited {
            self.first_join = FirstJoin::ToldLater;
        }
    }

    /// Counts a frame of any kind, even a control frame; `false` if there were too many. A client that does not slow down is
    /// closed.
    fn admit(&mut self, now_ms: u64, effects: &mut Vec<Effect>) -> bool {
        if self.pushes.take(now_ms) {
            self.refused_frames = 0;
            return true;
        }
        self.refused_frames += 1;
        if self.refused_frames > REFUSED_FRAMES_MAX {
            let (code, reason) = (code::POLICY.number, "too many frames");
            effects.push(Effect::Close { code, reason });
        }
        false
    }

    /// Handles a ping: answers with `pong`, unless there were too many frames.
    pub(crate) fn on_ping(
        &mut self,
        pong: impl FnOnce() -> Bytes,
        now_ms: u64,
        effects: &mut Vec<Effect>,
    ) {
        if self.admit(now_ms, effects) {
            effects.push(Effect::Send(pong()));
        }
    }

    /// Handles a pong, which counts like any other frame.
    pub(crate) fn on_pong(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        self.admit(now_ms, effects);
    }

    /// Handles a text or binary message.
    pub(crate) fn on_frame(
        &mut self,
        frame: Result<ClientFrame, Malformed>,
        now_ms: u64,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if !self.admit(now_ms, effects) {
            if self.refused_frames <= REFUSED_FRAMES_MAX {
                let frame = frame.ok();
                let at = frame.as_ref().map_or(ReplyTo::nowhere(), ReplyTo::of);
                effects
                    .push(self.refuse(at, code::PUSH_RATE.because("too many messages per second")));
            }
            return;
        }
        match frame {
            Ok(frame) => self.on_event(frame, now_ms, rules, effects),
            Err(malformed) => {
                let at = ReplyTo {
                    join_ref: None,
                    reference: malformed.reference.as_ref(),
                    topic: malformed.topic.as_deref().unwrap_or("phoenix"),
                };
                effects.push(self.refuse(at, code::MALFORMED_FRAME.because(&malformed.reason)));
            }
        }
    }

    fn on_event(
        &mut self,
        frame: ClientFrame,
        now_ms: u64,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match (&*frame.topic, &*frame.event) {
            ("phoenix", "heartbeat") => effects.push(self.ok(ReplyTo::of(&frame))),
            (_, "phx_join") => self.on_join(&frame, now_ms, rules, effects),
            (_, "phx_leave") => self.on_leave(&frame, effects),
            _ => match self.place_of(&frame.topic) {
                Some(place) => self.on_push(place, &frame, rules, effects),
                None => {
                    let at = ReplyTo {
                        join_ref: None,
                        ..ReplyTo::of(&frame)
                    };
                    effects.push(
                        self.refuse(
                            at,
                            code::UNMATCHED_TOPIC
                                .because(format_args!("\"{}\" is not joined", frame.topic)),
                        ),
                    );
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
