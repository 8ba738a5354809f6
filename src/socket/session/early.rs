//! Messages to a topic whose join is not answered yet. As in Phoenix, they count as sent after the join: they wait for its
//! answer.

use super::{Effect, JoinStage, ReplyTo, Rules, Session};
use crate::config::inside::{EARLY_PUSH_BYTES_MAX, EARLY_PUSHES_MAX};
use crate::protocol::code;
use crate::protocol::phoenix::ClientFrame;

impl Session {
    /// Keeps a message until its join is answered. Returns whether it did: not if the join has been answered, or if there is no
    /// room.
    pub(super) fn keep_early(&mut self, place: u32, frame: &ClientFrame) -> bool {
        let stages = self.subscriptions.iter_mut().flatten();
        let kept = stages.filter_map(|own| own.stage.early().map(|early| early.len()));
        let has_room = kept.sum::<usize>() < EARLY_PUSHES_MAX;
        let stage = self.subscription_mut(place).map(|own| &mut own.stage);
        let Some(early) = stage.and_then(JoinStage::early) else {
            return false;
        };
        let fits = has_room && frame.payload.bytes() <= EARLY_PUSH_BYTES_MAX;
        if fits {
            early.push(frame.clone());
        }
        fits
    }

    /// Takes the messages that waited for this join, which has just been answered.
    pub(super) fn take_early(
        &mut self,
        place: u32,
        early: Vec<ClientFrame>,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) {
        for frame in early {
            self.on_push(place, &frame, rules, effects);
        }
    }

    /// Answers the messages that waited for a join that did not come about.
    pub(super) fn refuse_early(&self, early: Vec<ClientFrame>) -> impl Iterator<Item = Effect> {
        early.into_iter().map(|frame| {
            let error = format_args!("\"{}\" is not joined", frame.topic);
            self.refuse(ReplyTo::of(&frame), code::UNMATCHED_TOPIC.because(error))
        })
    }
}

impl JoinStage {
    /// The messages that wait for the answer, if the join has none yet.
    fn early(&mut self) -> Option<&mut Vec<ClientFrame>> {
        match self {
            JoinStage::Waiting(join) => Some(&mut join.early),
            JoinStage::Asking(join) => Some(&mut join.early),
            JoinStage::Told | JoinStage::Live { .. } => None,
        }
    }

    pub(super) fn take_early(&mut self) -> Vec<ClientFrame> {
        self.early().map(std::mem::take).unwrap_or_default()
    }
}
