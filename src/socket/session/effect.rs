//! Effects of a session.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::tracks::TrackReply;
use super::voice::Saying;
use crate::presence::Owner;
use crate::protocol::topic::Topic;
use crate::socket::channel::ChannelKey;
use crate::ticketing::interaction::Interaction;
use crate::ticketing::{EventId, Revision};

/// An action for the shard.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Queue these bytes for the client.
    Send(Bytes),
    /// Queue the answer to a join, with the topic's whole state. Sent only while nothing waits for the socket, so that at
    /// most one waits for each topic, however slowly the client reads.
    SendState(Bytes),
    /// Find or open the channel, then tell [`super::Session::opened`] or [`super::Session::not_opened`].
    Join {
        subscription: u32,
        key: ChannelKey,
        event: EventId,
    },
    /// Give the subscription this private topic, now and whenever it changes; then call [`super::Session::answer_private`] or
    /// [`super::Session::no_private`]. The client has `since`.
    Watch {
        subscription: u32,
        name: Topic,
        since: Option<Revision>,
    },
    Unwatch {
        subscription: u32,
        name: Topic,
    },
    /// Take the viewer out of its channel.
    Leave {
        channel: usize,
        member: usize,
    },
    /// Count the viewer at its new step instead of its old one.
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
    /// List it no more. The effect that lists it may be right before this one, so the owner is looked up when this is carried out.
    Untrack {
        subscription: u32,
        channel: usize,
    },
    /// The subscription has ended, and with it its member.
    Depart {
        channel: usize,
        owner: Owner,
    },
    /// Store a broadcast, then tell [`super::Session::answered`].
    Say {
        subscription: u32,
        channel: usize,
        saying: Box<Saying>,
    },
    /// Hand over an interaction, then call [`super::Session::answer_told`].
    Tell {
        frame: Box<TrackReply>,
        interaction: Box<Interaction>,
    },
    Close {
        code: u16,
        reason: &'static str,
    },
}
