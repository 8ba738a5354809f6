//! Presence of a session: steps of native viewers, tracked objects of the dialect.

use serde_json::{Map, Value};

use super::{Effect, JoinStage, ReplyTo, Rules, Session};
use crate::presence::Owner;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::native;
use crate::protocol::phoenix::{ClientFrame, Payload};

use std::sync::Arc;

/// A subscription's part in presence.
#[derive(Debug, Default)]
pub(crate) enum SubscriptionPresence {
    /// None, for seats and tables.
    #[default]
    None,
    /// Another channel of the dialect, which asked for members: it is told that there are none.
    Nobody,
    /// `event:`: it is sent counts (`sent` is the last serial), and is counted once it names a step.
    Counted { step: Option<Arc<str>>, sent: u64 },
    /// `realtime:registration:`: it is sent the members if it asked for them, and is one once it tracks an object.
    Listed {
        key: Option<Arc<str>>,
        shown: bool,
        sent: u64,
        owner: Option<Owner>,
    },
}

impl SubscriptionPresence {
    /// The serial of presence that the client was last sent, if it is sent any.
    pub(crate) fn sent(&mut self) -> Option<&mut u64> {
        match self {
            SubscriptionPresence::Counted { sent, .. }
            | SubscriptionPresence::Listed {
                shown: true, sent, ..
            } => Some(sent),
            SubscriptionPresence::None
            | SubscriptionPresence::Nobody
            | SubscriptionPresence::Listed { .. } => None,
        }
    }

    /// The effect that removes the subscription from the event's presence.
    pub(crate) fn leave(&mut self, channel: usize) -> Option<Effect> {
        match std::mem::take(self) {
            SubscriptionPresence::Counted {
                step: Some(step), ..
            } => Some(Effect::Step {
                channel,
                was: Some(step),
                is: None,
            }),
            SubscriptionPresence::Listed {
                owner: Some(owner), ..
            } => Some(Effect::Depart { channel, owner }),
            _ => None,
        }
    }
}

/// A `presence` push of the dialect.
enum Call {
    Track(Map<String, Value>),
    Untrack,
}

impl Session {
    /// A `presence` push: `{"step": …}` on native topics, `track` or `untrack` in the dialect.
    pub(super) fn on_presence(
        &mut self,
        place: u32,
        frame: &ClientFrame,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match self.take_presence(place, frame, rules) {
            Ok(effect) => {
                effects.extend(effect);
                self.acknowledge(frame, effects);
            }
            Err(error) => effects.push(self.refuse(ReplyTo::of(frame), error)),
        }
    }

    fn take_presence(
        &mut self,
        place: u32,
        frame: &ClientFrame,
        rules: Rules<'_>,
    ) -> Result<Option<Effect>, ErrorReply> {
        let unknown = || {
            let (topic, event) = (&frame.topic, &frame.event);
            code::UNKNOWN_EVENT.because(format_args!("\"{topic}\" takes no \"{event}\""))
        };
        let Payload::Json(payload) = &frame.payload else {
            return Err(unknown());
        };
        let subscription = self.subscription_mut(place).ok_or_else(unknown)?;
        let JoinStage::Live { channel, .. } = subscription.stage else {
            return Err(code::PUSH_RATE.because("too many messages before the join was answered"));
        };
        match &mut subscription.presence {
            SubscriptionPresence::None | SubscriptionPresence::Nobody => Err(unknown()),
            SubscriptionPresence::Counted { step, .. } => {
                let is = native::VisitorStep::read(payload)?.step.map(Arc::from);
                let was = std::mem::replace(step, is.clone());
                Ok((was != is).then_some(Effect::Step { channel, was, is }))
            }
            SubscriptionPresence::Listed { key, .. } => match Call::read(payload, rules)? {
                Call::Track(tracked) => {
                    let (subscription, key) = (place, key.clone());
                    Ok(Some(Effect::Track {
                        subscription,
                        channel,
                        key,
                        tracked,
                    }))
                }
                Call::Untrack => {
                    let subscription = place;
                    Ok(Some(Effect::Untrack {
                        subscription,
                        channel,
                    }))
                }
            },
        }
    }
}

impl Call {
    /// As lenient as Supabase's server: PyPI `realtime` leaves out `type`, and names may be in any case.
    fn read(payload: &Value, rules: Rules<'_>) -> Result<Call, ErrorReply> {
        let name = payload["event"].as_str().unwrap_or_default();
        if name.eq_ignore_ascii_case("untrack") {
            return Ok(Call::Untrack);
        }
        if !name.eq_ignore_ascii_case("track") {
            return Err(code::INVALID_PAYLOAD.because("`event` has to be track or untrack"));
        }
        let Value::Object(tracked) = &payload["payload"] else {
            return Err(code::INVALID_PAYLOAD.because("Presence track payload must be a map"));
        };
        let max = rules.presence.tracked_bytes_max;
        if payload["payload"].to_string().len() > max {
            return Err(
                code::PAYLOAD_TOO_BIG.because(format_args!("at most {max} bytes are tracked"))
            );
        }
        let step = tracked.get("step").and_then(Value::as_str);
        if step.is_some_and(|step| step.contains(char::is_control)) {
            let error = "`step` is counted, and has no control characters";
            return Err(code::INVALID_PAYLOAD.because(error));
        }
        Ok(Call::Track(tracked.clone()))
    }
}
