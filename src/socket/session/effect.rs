//! What a session wants done.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::tracks::Told;
use super::voice::Saying;
use crate::presence::Owner;
use crate::protocol::topic::Topic;
use crate::socket::channel::ChannelKey;
use crate::ticketing::interaction::Interaction;
use crate::ticketing::{EventId, Revision};

/// What the shard is to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Queue these bytes for the client.
    Send(Bytes),
    /// Find or open the channel, then tell [`super::Session::opened`] or [`super::Session::not_opened`].
    Join {
        subscription: u32,
        key: ChannelKey,
        event: EventId,
    },
    /// Show the subscription this private topic, now and whenever it changes; then tell
    /// [`super::Session::answer_private`] or [`super::Session::no_private`]. The client has `since`.
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
    /// List it no more. It may have been said right behind what lists it, so who its owner is shows
    /// when it is done.
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
    /// Leave this for analytics, then tell [`super::Session::answer_told`].
    Tell {
        frame: Box<Told>,
        interaction: Box<Interaction>,
    },
    Close {
        code: u16,
        reason: &'static str,
    },
}
