//! One connection as a pure state machine: frames and time in, effects out. No I/O.
//!
//! It knows who the caller is, what is joined under which `join_ref`, and what a client may do how
//! often. Which bytes a topic's viewers are sent is not its business: the shard asks it only where
//! each subscription stands.

mod voice;
mod whereabouts;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::bucket::Bucket;
use super::channel::{ChannelKey, Has, Joined, View};
use crate::auth::{Auth, Caller};
use crate::config::{PresenceConfig, SocketConfig};
use crate::hub::presence as here;
use crate::hub::{NativeView, NotOpened};
use crate::metrics;
use crate::presence::Owner;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::native;
use crate::protocol::phoenix::{self, ClientFrame, Empty, Malformed, Payload, Ref, Reply, Vsn};
use crate::protocol::presence;
use crate::protocol::supabase::{self, JoinConfig, SYSTEM, System};
use crate::protocol::topic::{RealtimeTopic, Topic};
use crate::ticketing::live::{EventInfo, EventStatus};
use crate::ticketing::{EventId, Revision};
pub(crate) use voice::{Saying, Voice};
pub(crate) use whereabouts::Presence;

/// What the shard is to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Queue these bytes for the client.
    Send(Bytes),
    /// Find or open the channel, then tell [`Session::opened`] or [`Session::not_opened`].
    Join {
        subscription: u32,
        key: ChannelKey,
        event: EventId,
    },
    /// Take the viewer out of its channel.
    Leave {
        channel: usize,
        member: usize,
    },
    /// Count the viewer where it is now instead of where it was, if it was counted.
    Step {
        channel: usize,
        was: Option<Arc<str>>,
        is: Option<Arc<str>>,
    },
    /// List the subscription as a member that tracks this.
    Track {
        subscription: u32,
        channel: usize,
        key: Option<Arc<str>>,
        tracked: Map<String, Value>,
    },
    Untrack {
        channel: usize,
        owner: Owner,
    },
    /// Store a broadcast, then tell [`Session::answered`].
    Say {
        subscription: u32,
        channel: usize,
        saying: Box<Saying>,
    },
    Close {
        code: u16,
        reason: &'static str,
    },
}

/// A joined topic, or one whose join waits for its event to be loaded.
#[derive(Debug)]
pub(crate) struct Subscription {
    topic: Arc<str>,
    join_ref: Option<Ref>,
    pub(crate) stage: Stage,
    pub(crate) presence: Presence,
    pub(crate) voice: Option<Box<Voice>>,
}

#[derive(Debug)]
pub(crate) enum Stage {
    /// The event is being loaded; then the join is answered.
    Waiting(Box<Join>),
    /// Joined: `sent` is the revision that the client has, or has under way.
    Live {
        channel: usize,
        member: usize,
        sent: Revision,
        view: Option<NativeView>,
    },
}

/// What a join asked for.
#[derive(Debug)]
pub(crate) struct Join {
    reference: Option<Ref>,
    view: View,
    since: Option<Revision>,
}

/// Frames refused in a row before a client that does not slow down is closed.
const REFUSED_FRAMES_MAX: u32 = 1_000;

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) vsn: Vsn,
    caller: Caller,
    /// The key in the URL, if there was one: sent as a token it names nobody.
    api_key: Option<Box<str>>,
    /// By place; a place is used again when its subscription is gone.
    subscriptions: Vec<Option<Subscription>>,
    joins: Bucket,
    pushes: Bucket,
    refused_frames: u32,
    pub(crate) joined_once: bool,
    /// Something is joined that needs more than anybody's rights.
    needs_token: bool,
    /// Another token came: what is joined is to be looked at again.
    caller_changed: bool,
}

/// What a session needs of the server to judge a frame.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) limits: &'a SocketConfig,
    pub(crate) auth: &'a Auth,
    pub(crate) presence: &'a PresenceConfig,
}

impl Session {
    pub(crate) fn new(
        vsn: Vsn,
        caller: Caller,
        api_key: Option<Box<str>>,
        limits: &SocketConfig,
        now_ms: u64,
    ) -> Self {
        Self {
            vsn,
            caller,
            api_key,
            subscriptions: Vec::new(),
            joins: Bucket::new(limits.joins_per_s_max, now_ms),
            pushes: Bucket::new(limits.pushes_per_s_max, now_ms),
            refused_frames: 0,
            joined_once: false,
            needs_token: false,
            caller_changed: false,
        }
    }

    pub(crate) fn subscriptions_mut(&mut self) -> impl Iterator<Item = (u32, &mut Subscription)> {
        (0..)
            .zip(&mut self.subscriptions)
            .filter_map(|(place, slot)| Some((place, slot.as_mut()?)))
    }

    pub(crate) fn subscription_mut(&mut self, place: u32) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(place as usize)?.as_mut()
    }

    /// Counts a frame of any kind, control frames too; `false` when there were too many. A client
    /// that does not slow down is closed.
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

    /// A ping, to be answered by `pong`; one too many is not answered.
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

    /// A pong that nobody asked for counts like any other frame.
    pub(crate) fn on_pong(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        self.admit(now_ms, effects);
    }

    /// A text or binary message from the client.
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
                let at = frame.as_ref().map_or(At::nowhere(), At::of);
                effects
                    .push(self.refuse(at, code::PUSH_RATE.because("too many messages per second")));
            }
            return;
        }
        match frame {
            Ok(frame) => self.on_event(frame, now_ms, rules, effects),
            Err(malformed) => {
                let at = At {
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
            ("phoenix", "heartbeat") => effects.push(self.ok(At::of(&frame))),
            (_, "phx_join") => self.on_join(&frame, now_ms, rules, effects),
            (_, "phx_leave") => self.on_leave(&frame, effects),
            _ => match self.place_of(&frame.topic) {
                Some(place) => self.on_push(place, &frame, rules, effects),
                None => {
                    let at = At {
                        join_ref: None,
                        ..At::of(&frame)
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

    fn on_join(
        &mut self,
        frame: &ClientFrame,
        now_ms: u64,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let at = At::of(frame);
        if !self.joins.take(now_ms) {
            let error = code::JOIN_RATE.because("Too many joins per second");
            return effects.push(self.refuse(at, error));
        }
        let asked = match self.read_join(frame, rules) {
            Ok(asked) => asked,
            Err(error) => return effects.push(self.refuse(at, error)),
        };
        if let Some(place) = self.place_of(&frame.topic) {
            // A second join of a topic ends the first; its end names the first's join_ref, else the
            // client would take it for the end of the new one.
            self.end(place, effects);
        } else if self.subscriptions.iter().flatten().count() >= rules.limits.joins_max {
            let error = code::TOO_MANY_JOINS.because("Too many channels");
            return effects.push(self.refuse(at, error));
        }
        let topic: Arc<str> = frame.topic.as_str().into();
        let key = ChannelKey {
            name: asked.name,
            topic: topic.clone(),
            view: asked.join.view.clone(),
        };
        let subscription = Subscription {
            topic,
            join_ref: frame.join_ref.clone(),
            stage: Stage::Waiting(Box::new(asked.join)),
            presence: asked.presence,
            voice: asked.voice,
        };
        let place = self.place(subscription);
        effects.push(Effect::Join {
            subscription: place,
            key,
            event: asked.event,
        });
    }

    /// What a join frame asks for, or why it is refused. A token in it becomes the caller's.
    fn read_join(&mut self, frame: &ClientFrame, rules: Rules<'_>) -> Result<Asked, ErrorReply> {
        let name = Topic::parse(&frame.topic)?;
        let Payload::Json(payload) = &frame.payload else {
            return Err(code::INVALID_PAYLOAD.because("a join's payload is JSON"));
        };
        let reference = frame.reference.clone();
        let (event, view) = match name {
            Topic::Event(event) => (event, NativeView::Event),
            Topic::Seats(event) => (event, NativeView::Seats),
            Topic::Realtime(topic) => {
                let config = JoinConfig::read(payload, rules.limits)?;
                self.sign_in(config.access_token.as_deref(), rules)?;
                let presence = match topic {
                    RealtimeTopic::Registration(_) => Presence::Listed {
                        key: config.presence.key.map(Arc::from),
                        shown: config.presence.enabled,
                        sent: 0,
                        owner: None,
                    },
                    _ => Presence::None,
                };
                let voice = match topic {
                    RealtimeTopic::EventUpdates(_) => Some(Box::new(Voice::new(config.broadcast))),
                    _ => None,
                };
                let view = View::Tables(Arc::new(config.bindings));
                let join = Join {
                    reference,
                    view,
                    since: None,
                };
                return Ok(Asked {
                    name,
                    event: topic.event(),
                    join,
                    presence,
                    voice,
                });
            }
            _ => {
                return Err(code::UNMATCHED_TOPIC
                    .because(format_args!("\"{}\" is not served", frame.topic)));
            }
        };
        let join = native::Join::read(payload)?;
        self.sign_in(join.access_token.as_deref(), rules)?;
        let step = join
            .presence
            .and_then(|presence| presence.step)
            .map(Arc::from);
        let presence = match view {
            NativeView::Event => Presence::Counted { step, sent: 0 },
            NativeView::Seats => Presence::None,
        };
        let join = Join {
            reference,
            view: View::Native(view),
            since: join.since,
        };
        Ok(Asked {
            name,
            event,
            join,
            presence,
            voice: None,
        })
    }

    /// Supabase's clients send their API key as a token while nobody is signed in: that is no bad
    /// token, it names nobody.
    fn sign_in(&mut self, token: Option<&str>, rules: Rules<'_>) -> Result<(), ErrorReply> {
        let Some(token) = token else { return Ok(()) };
        if supabase::is_api_key(token, self.api_key.as_deref()) {
            return Ok(());
        }
        self.caller = rules
            .auth
            .verify(token)
            .map_err(|error| code::INVALID_TOKEN.because(error))?;
        self.caller_changed = true;
        Ok(())
    }

    fn on_leave(&mut self, frame: &ClientFrame, effects: &mut Vec<Effect>) {
        let left = self.place_of(&frame.topic).filter(|place| {
            // A leave of an older join, overtaken by a new one, must not end the new one.
            let joined = self.subscriptions[*place as usize]
                .as_ref()
                .and_then(|s| s.join_ref.as_ref());
            frame.join_ref.is_none() || frame.join_ref.as_ref() == joined
        });
        effects.push(self.ok(At::of(frame)));
        if let Some(place) = left {
            self.end(place, effects);
        }
    }

    fn on_push(
        &mut self,
        place: u32,
        frame: &ClientFrame,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if let ("access_token", Payload::Json(payload)) = (&*frame.event, &frame.payload) {
            match self.sign_in(payload["access_token"].as_str(), rules) {
                Ok(()) => self.acknowledge(frame, effects),
                Err(error) => self.token_refused(place, frame, error, effects),
            }
        } else if frame.event == presence::PRESENCE {
            self.on_presence(place, frame, rules, effects);
        } else if frame.event == "broadcast" {
            self.on_broadcast(place, frame, effects);
        } else {
            let (topic, event) = (&frame.topic, &frame.event);
            let error =
                code::UNKNOWN_EVENT.because(format_args!("\"{topic}\" takes no \"{event}\""));
            effects.push(self.refuse(At::of(frame), error));
        }
    }

    /// A refreshed token that is no good ends a channel of the dialect, as its clients expect.
    fn token_refused(
        &mut self,
        place: u32,
        frame: &ClientFrame,
        error: ErrorReply,
        effects: &mut Vec<Effect>,
    ) {
        let message = System::error(&frame.topic, &*error.reason);
        effects.push(self.refuse(At::of(frame), error));
        if frame.topic.starts_with("realtime:")
            && let Some(subscription) = self.subscription_mut(place)
        {
            let join_ref = subscription.join_ref.clone();
            let system =
                phoenix::push_to(self.vsn, join_ref.as_ref(), &frame.topic, SYSTEM, &message);
            effects.push(Effect::Send(system));
            self.end(place, effects);
        }
    }

    fn acknowledge(&self, frame: &ClientFrame, effects: &mut Vec<Effect>) {
        if frame.reference.is_some() {
            effects.push(self.ok(At::of(frame)));
        }
    }

    /// The event of a waiting join is there: checks that the caller may see it, and answers.
    /// `joined` makes the answer's body of a native join.
    pub(crate) fn opened(
        &mut self,
        place: u32,
        opened: Opened<'_>,
        joined: impl FnOnce(NativeView, Option<Revision>) -> Joined,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Opened {
            channel,
            member,
            event,
            revision,
            here,
        } = opened;
        let vsn = self.vsn;
        let allowed = may_see(&self.caller, event);
        let Some(subscription) = self
            .subscriptions
            .get_mut(place as usize)
            .and_then(Option::as_mut)
        else {
            return false;
        };
        let Stage::Waiting(join) = &subscription.stage else {
            return false;
        };
        if !allowed {
            self.not_opened(place, event.id, NotOpened::NoSuchEvent, effects);
            return false;
        }
        let (topic, join_ref) = (&*subscription.topic, subscription.join_ref.as_ref());
        let reference = join.reference.as_ref();
        let view = match &join.view {
            &View::Native(view) => {
                let body = Reply::Ok(joined(view, join.since));
                effects.push(Effect::Send(phoenix::reply(
                    vsn, join_ref, reference, topic, body,
                )));
                Some(view)
            }
            View::Tables(bindings) => {
                metrics::JOINS.one("dialect");
                let body = Reply::Ok(bindings.reply());
                effects.push(Effect::Send(phoenix::reply(
                    vsn, join_ref, reference, topic, body,
                )));
                if let Presence::Listed {
                    shown: true, sent, ..
                } = &mut subscription.presence
                {
                    // Also when nobody is there: clients keep every diff back until they have a state.
                    let state = match here {
                        Some(here) => phoenix::push_to(
                            vsn,
                            join_ref,
                            topic,
                            presence::PRESENCE_STATE,
                            &here.listing.state,
                        ),
                        None => phoenix::push_to(
                            vsn,
                            join_ref,
                            topic,
                            presence::PRESENCE_STATE,
                            &Empty {},
                        ),
                    };
                    *sent = here.map_or(0, |here| here.listing.serial);
                    effects.push(Effect::Send(state));
                }
                if let Some(system) = bindings.system(topic) {
                    let system = phoenix::push_to(vsn, join_ref, topic, SYSTEM, &system);
                    effects.push(Effect::Send(system));
                }
                None
            }
        };
        subscription.stage = Stage::Live {
            channel,
            member,
            sent: revision,
            view,
        };
        if let Presence::Counted { step, sent } = &mut subscription.presence {
            *sent = here.map_or(0, |here| here.counted.serial);
            let is = step.clone();
            effects.extend(is.map(|is| Effect::Step {
                channel,
                was: None,
                is: Some(is),
            }));
        }
        self.joined_once = true;
        self.needs_token |= event.status == EventStatus::Draft;
        true
    }

    /// The event of a waiting join is not to be had: answers why, and forgets the join.
    pub(crate) fn not_opened(
        &mut self,
        place: u32,
        event: EventId,
        why: NotOpened,
        effects: &mut Vec<Effect>,
    ) {
        let Some(subscription) = self
            .subscriptions
            .get_mut(place as usize)
            .and_then(Option::take)
        else {
            return;
        };
        let Stage::Waiting(join) = &subscription.stage else {
            return;
        };
        let error = match why {
            NotOpened::NoSuchEvent => {
                code::EVENT_NOT_FOUND.because(format_args!("no event {event}"))
            }
            NotOpened::Unavailable => code::UNAVAILABLE.because("the database does not answer"),
            NotOpened::Restarting => code::RESTARTING.because("the node goes down"),
        };
        let at = At {
            join_ref: subscription.join_ref.as_ref(),
            reference: join.reference.as_ref(),
            topic: &subscription.topic,
        };
        effects.push(self.refuse(at, error));
    }

    /// Ends a subscription for good: `phx_close`, under the join_ref that ends.
    pub(crate) fn end(&mut self, place: u32, effects: &mut Vec<Effect>) {
        self.end_with(place, "phx_close", &json!({}), effects);
    }

    /// Ends a subscription in a way after which clients join anew: `phx_error`.
    pub(crate) fn fail(&mut self, place: u32, effects: &mut Vec<Effect>) {
        let reason = json!({"reason": "the topic failed"});
        self.end_with(place, "phx_error", &reason, effects);
    }

    fn end_with(&mut self, place: u32, event: &str, payload: &Value, effects: &mut Vec<Effect>) {
        let Some(mut subscription) = self
            .subscriptions
            .get_mut(place as usize)
            .and_then(Option::take)
        else {
            return;
        };
        let (join_ref, topic) = (subscription.join_ref.as_ref(), &*subscription.topic);
        if let Stage::Live {
            channel, member, ..
        } = subscription.stage
        {
            effects.extend(subscription.presence.leave(channel));
            effects.push(Effect::Leave { channel, member });
        }
        let frame = phoenix::push_to(self.vsn, join_ref, topic, event, payload);
        effects.push(Effect::Send(frame));
    }

    /// Whether what is joined has to be looked at again, because another token came.
    pub(crate) fn take_caller_changed(&mut self) -> bool {
        std::mem::take(&mut self.caller_changed) && self.needs_token
    }

    pub(crate) fn may_see(&self, event: &EventInfo) -> bool {
        may_see(&self.caller, event)
    }

    /// Whether the token that opened what only its bearer may see has ended.
    pub(crate) fn token_has_ended(&self, now: Timestamp) -> bool {
        match self.caller {
            Caller::User {
                token_expires: Some(end),
                ..
            } => self.needs_token && end <= now,
            _ => false,
        }
    }

    /// What the client has of a joined topic, or has under way.
    pub(crate) fn has(&self, place: u32) -> Option<Has> {
        let subscription = self.subscriptions.get(place as usize)?.as_ref()?;
        match subscription.stage {
            Stage::Live { sent, .. } => Some(Has {
                revision: sent,
                vsn: self.vsn,
                without: subscription.without(),
            }),
            Stage::Waiting(_) => None,
        }
    }

    pub(crate) fn set_sent(&mut self, place: u32, revision: Revision) {
        if let Some(Subscription {
            stage: Stage::Live { sent, .. },
            ..
        }) = self.subscription_mut(place)
        {
            *sent = revision;
        }
    }

    /// The frame that was to show this serial was not taken: the client has what it had before.
    pub(crate) fn presence_not_sent(&mut self, place: u32, before: u64) {
        if let Some(sent) = self
            .subscription_mut(place)
            .and_then(|subscription| subscription.presence.sent())
        {
            *sent = before;
        }
    }

    /// Whether this place is (still) the join that was sent to be answered.
    pub(crate) fn waits_for(&self, place: u32, key: &ChannelKey) -> bool {
        self.subscriptions
            .get(place as usize)
            .and_then(Option::as_ref)
            .is_some_and(|subscription| {
                matches!(&subscription.stage, Stage::Waiting(join)
                if subscription.topic == key.topic && join.view == key.view)
            })
    }

    fn place_of(&self, topic: &str) -> Option<u32> {
        let place = self
            .subscriptions
            .iter()
            .position(|s| s.as_ref().is_some_and(|s| &*s.topic == topic))?;
        u32::try_from(place).ok()
    }

    fn place(&mut self, subscription: Subscription) -> u32 {
        let place = self
            .subscriptions
            .iter()
            .position(Option::is_none)
            .unwrap_or_else(|| {
                self.subscriptions.push(None);
                self.subscriptions.len() - 1
            });
        self.subscriptions[place] = Some(subscription);
        // `joins_max` keeps places few.
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn ok(&self, at: At<'_>) -> Effect {
        self.reply(at, Reply::OK)
    }

    fn refuse(&self, at: At<'_>, error: ErrorReply) -> Effect {
        metrics::SOCKET_REFUSALS.one(error.code);
        self.reply(at, Reply::refused(error))
    }

    fn reply(&self, at: At<'_>, reply: Reply<Empty>) -> Effect {
        Effect::Send(phoenix::reply(
            self.vsn,
            at.join_ref,
            at.reference,
            at.topic,
            reply,
        ))
    }
}

/// The event that a join waited for, and the place of its viewer-to-be.
pub(crate) struct Opened<'a> {
    pub(crate) channel: usize,
    pub(crate) member: usize,
    pub(crate) event: &'a EventInfo,
    /// The entry's: what the answer brings the viewer to.
    pub(crate) revision: Revision,
    pub(crate) here: Option<&'a here::View>,
}

struct Asked {
    name: Topic,
    event: EventId,
    join: Join,
    presence: Presence,
    voice: Option<Box<Voice>>,
}

/// What a reply answers to.
#[derive(Clone, Copy)]
struct At<'a> {
    join_ref: Option<&'a Ref>,
    reference: Option<&'a Ref>,
    topic: &'a str,
}

impl<'a> At<'a> {
    fn of(frame: &'a ClientFrame) -> Self {
        Self {
            join_ref: frame.join_ref.as_ref(),
            reference: frame.reference.as_ref(),
            topic: &frame.topic,
        }
    }

    fn nowhere() -> Self {
        Self {
            join_ref: None,
            reference: None,
            topic: "phoenix",
        }
    }
}

/// Drafts are seen by their organizer only.
fn may_see(caller: &Caller, event: &EventInfo) -> bool {
    event.status != EventStatus::Draft || caller.may_organize(event.organizer_id)
}

#[cfg(test)]
mod tests;
