//! Replies: every message with a ref gets one.

use super::{Effect, Session};
use crate::metrics;
use crate::protocol::code::ErrorReply;
use crate::protocol::phoenix::{self, ClientFrame, Empty, PhoenixReply, Ref};

/// The message that a reply answers.
#[derive(Clone, Copy)]
pub(super) struct ReplyTo<'a> {
    pub(super) join_ref: Option<&'a Ref>,
    pub(super) reference: Option<&'a Ref>,
    pub(super) topic: &'a str,
}

impl<'a> ReplyTo<'a> {
    pub(super) fn of(frame: &'a ClientFrame) -> Self {
        Self {
            join_ref: frame.join_ref.as_ref(),
            reference: frame.reference.as_ref(),
            topic: &frame.topic,
        }
    }

    pub(super) fn nowhere() -> Self {
        Self {
            join_ref: None,
            reference: None,
            topic: "phoenix",
        }
    }
}

impl Session {
    pub(super) fn ok(&self, at: ReplyTo<'_>) -> Effect {
        self.reply(at, PhoenixReply::OK)
    }

    pub(super) fn refuse(&self, at: ReplyTo<'_>, error: ErrorReply) -> Effect {
        metrics::SOCKET_REFUSALS.one(error.code);
        self.reply(at, PhoenixReply::refused(error))
    }

    pub(super) fn reply(&self, at: ReplyTo<'_>, reply: PhoenixReply<Empty>) -> Effect {
        Effect::Send(phoenix::reply(
            self.vsn,
            at.join_ref,
            at.reference,
            at.topic,
            reply,
        ))
    }
}
