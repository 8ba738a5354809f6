//! Payloads of `realtime:` topics: the dialect of Supabase Realtime, so that its clients work with
//! only the URL changed.
//!
//! A join names *bindings*: operation, table and filter of the changes that it wants. [`JoinConfig::read`] reads them,
//! [`Bindings::reply`] sends them back with ids, and [`Bindings::changes`] makes the `postgres_changes` messages of a
//! delta. Equal bindings have equal ids and compare equal, so that their viewers can share frames.
//!
//! The published tables are listed in [`tables`]. `postgrest` reads the same tables by REST, and its filters are tested
//! for the same conditions.

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

pub use binding::{Bindings, ReadAnew};
pub use broadcast::{broadcast, read_broadcast, read_update, update};
pub use change::TableMessage;
pub(crate) use filter::{Comparison, ConditionFault, Quotes, Test, Value};
pub(crate) use grammar::{split_conditions, unquote};
pub use join::{BroadcastConfig, JoinConfig, JoinPresence};
pub(crate) use table::{ColumnType, PublishedTable, TABLES};

/// Event of the messages that [`Bindings::changes`] makes.
pub const POSTGRES_CHANGES: &str = "postgres_changes";
/// Event of a [`System`] message.
pub const SYSTEM: &str = "system";

/// Payload of a `system` message, which reports success and failure of a channel apart from replies. PyPI `realtime`
/// takes an error for the channel's end, and joins again.
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

    /// A broadcast that nobody will hear. Clients that asked for no acknowledgement read no reply.
    pub fn unheard(topic: &str, message: impl Into<String>) -> Self {
        System::new("broadcast", "error", topic, message.into())
    }

    /// An error that ends the channel; followed by `phx_close`.
    pub fn error(topic: &str, message: impl Into<String>) -> Self {
        System::new("system", "error", topic, message.into())
    }
}
