//! Messages of a client to a joined topic.

use serde_json::Value;

use super::{Effect, ReplyTo, Rules, Session};
use crate::protocol::code::{self, ErrorReply, Retry};
use crate::protocol::phoenix::{self, ClientFrame, Payload};
use crate::protocol::presence;
use crate::protocol::supabase::{SYSTEM, System};

impl Session {
    pub(super) fn on_push(
        &mut self,
        place: u32,
        frame: &ClientFrame,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        if let ("access_token", Payload::Json(payload)) = (&*frame.event, &frame.payload) {
            match self.take_token(payload.get("access_token"), rules) {
                Ok(()) => self.acknowledge(frame, effects),
                Err(error) => self.token_refused(place, frame, error, effects),
            }
        } else if self.keep_early(place, frame) {
            // Its join is answered first.
        } else if frame.event == presence::PRESENCE {
            self.on_presence(place, frame, rules, effects);
        } else if frame.event == "track" {
            self.on_track(frame, effects);
        } else if frame.event == "broadcast" {
            self.on_broadcast(place, frame, effects);
        } else {
            let (topic, event) = (&frame.topic, &frame.event);
            let error =
                code::UNKNOWN_EVENT.because(format_args!("\"{topic}\" takes no \"{event}\""));
            effects.push(self.refuse(ReplyTo::of(frame), error));
        }
    }

    /// Null signs out; an empty token is as good as none, as in a join.
    fn take_token(&mut self, token: Option<&Value>, rules: Rules<'_>) -> Result<(), ErrorReply> {
        match token {
            None => Ok(()),
            Some(Value::Null) => {
                self.sign_out(rules);
                Ok(())
            }
            Some(Value::String(token)) if token.is_empty() => Ok(()),
            Some(Value::String(token)) => self.sign_in(Some(token), rules),
            Some(_) => Err(code::INVALID_PAYLOAD.because("`access_token` has to be a string")),
        }
    }

    /// A refreshed token that is not valid ends a channel of the dialect, as its clients expect. One that nobody can judge yet
    /// lets them join again with it.
    pub(super) fn token_refused(
        &mut self,
        place: u32,
        frame: &ClientFrame,
        error: ErrorReply,
        effects: &mut Vec<Effect>,
    ) {
        let message = System::error(&frame.topic, &*error.reason);
        let is_unknown = error.retry == Retry::Later;
        effects.push(self.refuse(ReplyTo::of(frame), error));
        if !frame.topic.starts_with("realtime:") {
            return;
        }
        if is_unknown {
            self.fail(place, effects);
        } else if let Some(subscription) = self.subscription_mut(place) {
            let join_ref = subscription.join_ref.clone();
            let system =
                phoenix::push_to(self.vsn, join_ref.as_ref(), &frame.topic, SYSTEM, &message);
            effects.push(Effect::Send(system));
            self.end(place, effects);
        }
    }

    pub(super) fn acknowledge(&self, frame: &ClientFrame, effects: &mut Vec<Effect>) {
        if frame.reference.is_some() {
            effects.push(self.ok(ReplyTo::of(frame)));
        }
    }
}
