//! Broadcasts of a client on `realtime:event-updates:`.

use uuid::Uuid;

use super::{Effect, JoinStage, ReplyTo, Session, Subscription};
use crate::auth::Caller;
use crate::hub::ErrandAnswer;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::phoenix::{self, ClientFrame, Ref, Vsn};
use crate::protocol::supabase::{self, BroadcastConfig, SYSTEM, System};
use crate::ticketing::edit::NewNotice;

/// A join that may broadcast.
#[derive(Debug)]
pub(crate) struct Voice {
    config: BroadcastConfig,
    /// The sender id of its notices, once it has broadcast.
    pub(crate) sender: Option<Uuid>,
}

/// A broadcast to store.
#[derive(Debug)]
pub(crate) struct Saying {
    pub(crate) caller: Caller,
    pub(crate) notice: NewNotice,
    pub(crate) reference: Option<Ref>,
}

impl Voice {
    pub(crate) fn new(config: BroadcastConfig) -> Self {
        Self {
            config,
            sender: None,
        }
    }
}

impl Subscription {
    /// The sender id whose notices it is not sent: its own, unless its join asked for `self`.
    pub(crate) fn without(&self) -> Option<Uuid> {
        let voice = self.voice.as_ref()?;
        voice.sender.filter(|_| !voice.config.own)
    }
}

impl Session {
    pub(super) fn on_broadcast(
        &mut self,
        place: u32,
        frame: &ClientFrame,
        effects: &mut Vec<Effect>,
    ) {
        match self.read_saying(place, frame) {
            Ok(effect) => effects.push(effect),
            Err(error) => {
                let subscription = self.subscription_mut(place);
                let voice = subscription.and_then(|subscription| subscription.voice.as_ref());
                let asked = voice.is_some_and(|voice| voice.config.ack);
                self.refuse_saying(ReplyTo::of(frame), asked, error, effects);
            }
        }
    }

    /// Answers that a broadcast is not taken. Clients of the dialect that asked for no acknowledgement read no reply, and
    /// would take it for sent: they are told on the channel. Not those of 1.0.0: PyPI `realtime` takes a system error for
    /// the channel's end, joins again without leaving, and takes the end of its first join for that of the second.
    fn refuse_saying(
        &self,
        at: ReplyTo<'_>,
        asked: bool,
        error: ErrorReply,
        effects: &mut Vec<Effect>,
    ) {
        if !asked && self.vsn != Vsn::V1 && at.topic.starts_with("realtime:") {
            let message = System::unheard(at.topic, &*error.reason);
            let system = phoenix::push_to(self.vsn, at.join_ref, at.topic, SYSTEM, &message);
            effects.push(Effect::Send(system));
        }
        effects.push(self.refuse(at, error));
    }

    fn read_saying(&mut self, place: u32, frame: &ClientFrame) -> Result<Effect, ErrorReply> {
        let caller = *self.caller;
        let unknown = || {
            let topic = &frame.topic;
            code::UNKNOWN_EVENT.because(format_args!("\"{topic}\" takes no broadcasts"))
        };
        let subscription = self.subscription_mut(place).ok_or_else(unknown)?;
        if subscription.voice.is_none() {
            return Err(unknown());
        }
        let JoinStage::Live { channel, .. } = subscription.stage else {
            return Err(code::PUSH_RATE.because("too many messages before the join was answered"));
        };
        if !caller.is_staff() {
            return Err(code::UNAUTHORIZED.because("only the event's organizer broadcasts"));
        }
        let broadcast = supabase::read_broadcast(frame.payload.clone())?;
        let saying = Box::new(Saying {
            caller,
            notice: supabase::read_update(broadcast)?,
            reference: frame.reference.clone(),
        });
        Ok(Effect::Say {
            subscription: place,
            channel,
            saying,
        })
    }

    /// Answers a broadcast, if its join still exists; success only if the join asked for it.
    pub(crate) fn answered(&self, answer: ErrandAnswer, effects: &mut Vec<Effect>) {
        let Some(subscription) = self
            .subscriptions
            .get(answer.subscription as usize)
            .and_then(Option::as_ref)
        else {
            return;
        };
        let Some(voice) = &subscription.voice else {
            return;
        };
        if voice.sender != Some(answer.sender) {
            return;
        }
        let at = ReplyTo {
            join_ref: subscription.join_ref.as_ref(),
            reference: answer.reference.as_ref(),
            topic: &subscription.topic,
        };
        match answer.outcome {
            Ok(()) if voice.config.ack && at.reference.is_some() => effects.push(self.ok(at)),
            Ok(()) => {}
            Err(error) => self.refuse_saying(at, voice.config.ack, error, effects),
        }
    }
}
