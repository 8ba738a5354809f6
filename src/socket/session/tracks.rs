//! `track` pushes: interactions for analytics.

use serde_json::Value;

use super::{Effect, ReplyTo, Session};
use crate::interactions::Untold;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::excerpt;
use crate::protocol::phoenix::{ClientFrame, Payload, Ref};
use crate::protocol::topic::Topic;
use crate::ticketing::interaction::{FIELDS, Interaction};

/// The message that the answer to a `track` belongs to.
#[derive(Debug)]
pub(crate) struct TrackReply {
    join_ref: Option<Ref>,
    reference: Option<Ref>,
    topic: String,
}

impl Session {
    pub(super) fn on_track(&mut self, frame: &ClientFrame, effects: &mut Vec<Effect>) {
        let effect = self.read_track(frame);
        effects.push(effect.unwrap_or_else(|error| self.refuse(ReplyTo::of(frame), error)));
    }

    fn read_track(&self, frame: &ClientFrame) -> Result<Effect, ErrorReply> {
        let name = Topic::parse(&frame.topic)?;
        let event = match name {
            Topic::Event(event) | Topic::Seats(event) | Topic::Admin(event) => Some(event),
            Topic::User(_) => None,
            Topic::Realtime(_) | Topic::Phoenix => {
                let error = format_args!("\"{}\" takes no \"track\"", frame.topic);
                return Err(code::UNKNOWN_EVENT.because(error));
            }
        };
        let Payload::Json(Value::Object(object)) = &frame.payload else {
            return Err(code::INVALID_PAYLOAD.because("an interaction is an object"));
        };
        let mut names = object.keys();
        if let Some(unknown) = names.find(|name| !FIELDS.contains(&name.as_str())) {
            let error = format_args!("\"{}\" is no field of an interaction", excerpt(unknown));
            return Err(code::INVALID_PAYLOAD.because(error));
        }
        let mut interaction = Interaction::read(object.clone(), self.caller.user_id())
            .map_err(|fault| code::INVALID_PAYLOAD.because(fault))?;
        interaction.event_id = interaction.event_id.or(event);
        Ok(Effect::Tell {
            frame: Box::new(TrackReply {
                join_ref: frame.join_ref.clone(),
                reference: frame.reference.clone(),
                topic: frame.topic.clone(),
            }),
            interaction: Box::new(interaction),
        })
    }

    /// Answers a `track`; success only if it had a ref.
    pub(crate) fn answer_told(
        &self,
        frame: &TrackReply,
        told: Result<(), Untold>,
        effects: &mut Vec<Effect>,
    ) {
        let at = ReplyTo {
            join_ref: frame.join_ref.as_ref(),
            reference: frame.reference.as_ref(),
            topic: &frame.topic,
        };
        let error = match told {
            Ok(()) if at.reference.is_none() => return,
            Ok(()) => return effects.push(self.ok(at)),
            Err(Untold::NoRoom) => code::UNAVAILABLE.because("too many interactions wait"),
            Err(Untold::TooOften(_)) => code::PUSH_RATE.because("Too many interactions"),
        };
        effects.push(self.refuse(at, error));
    }
}
