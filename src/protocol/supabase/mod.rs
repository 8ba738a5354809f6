//! Payloads of `realtime:` topics: the dialect of Supabase Realtime, so that its clients work with
//! only the URL changed.
//!
//! A join names *bindings*: which changes of which table, by which filter. [`JoinConfig::read`]
//! takes them, [`Bindings::reply`] gives them back with ids, and [`Bindings::changes`] makes
//! the `postgres_changes` messages of a delta. Equal bindings have equal ids and compare
//! equal, so that their viewers can share frames.
//!
//! Which tables there are is data: [`tables`].

mod binding;
mod broadcast;
mod change;
mod filter;
mod grammar;
mod join;
mod like;
mod source;
mod table;
mod tables;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use binding::{Bindings, ReadAnew, Watched};
pub use broadcast::{broadcast, read_broadcast, read_update, update};
pub use change::Message;
pub use join::{BroadcastConfig, JoinConfig, PresenceConfig};

/// Event of the messages that [`Bindings::changes`] makes.
pub const POSTGRES_CHANGES: &str = "postgres_changes";
/// Event of a [`System`] message.
pub const SYSTEM: &str = "system";

/// Payload of a `system` message: how the server tells a channel of success and failure apart from
/// replies. PyPI `realtime` takes an error for the channel's end, and joins again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct System {
    extension: &'static str,
    status: &'static str,
    message: String,
    channel: String,
}

impl System {
    /// `topic` is the channel's, with or without `realtime:`.
    fn new(extension: &'static str, status: &'static str, topic: &str, message: String) -> Self {
        let channel = topic.strip_prefix("realtime:").unwrap_or(topic);
        System {
            extension,
            status,
            message,
            channel: channel.to_owned(),
        }
    }

    /// Something that ends the channel; followed by `phx_close`.
    pub fn error(topic: &str, message: impl Into<String>) -> Self {
        System::new("system", "error", topic, message.into())
    }
}

/// Whether a client's access token only says which project it is for, so that it names nobody.
///
/// Clients send the `apikey` of their URL as token while nobody is signed in, and keys of the
/// newer kind begin with `sb_`. Neither is a bad token.
pub fn is_api_key(token: &str, api_key: Option<&str>) -> bool {
    token.starts_with("sb_") || api_key == Some(token)
}
