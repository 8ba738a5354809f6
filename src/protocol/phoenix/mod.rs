//! Phoenix Channels: five fields, join_ref, ref, topic, event and payload, in two versions.
//!
//! | | 1.0.0 | 2.0.0 |
//! |---|---|---|
//! | text | object `{"topic", "event", "payload", "ref"}`, `join_ref` from clients only | array `[join_ref, ref, topic, event, payload]` |
//! | binary | none | kinds 0 (push) and 3 (user broadcast push) from clients, 4 (user broadcast) to them |
//!
//! Our payloads are always objects, and so is `response` in a reply: npm `realtime-js` throws on anything else.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

pub use decode::{decode_binary, decode_text};
pub use encode::{encoded, push, push_to, reply, user_broadcast};

use super::code::ErrorReply;

/// The framing that a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vsn {
    V1,
    V2,
}

impl Vsn {
    /// Reads the query's `vsn`; without one it is 1.0.0. `None` for an unknown version.
    pub fn from_query(vsn: Option<&str>) -> Option<Vsn> {
        match vsn {
            None | Some("1.0.0") => Some(Vsn::V1),
            Some("2.0.0") => Some(Vsn::V2),
            Some(_) => None,
        }
    }
}

/// A client's reference for one of its messages, which the reply repeats exactly.
///
/// Known clients send strings, hand-written ones also numbers, and they compare with `===`; so the JSON text is kept
/// as it came.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ref(Box<str>);

impl Ref {
    /// Longest ref, in bytes of its JSON text.
    pub const BYTES_MAX: usize = 257;

    /// A ref from the string in a binary frame.
    pub fn of_text(text: &str) -> Ref {
        Ref(Value::from(text).to_string().into())
    }

    /// The JSON text: `"6"` with its quotes, or `6`.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ref({})", self.0)
    }
}

/// A frame from a client.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientFrame {
    /// The ref of the join that the frame belongs to; for a `phx_join` its own ref.
    pub join_ref: Option<Ref>,
    /// The ref that the reply repeats.
    pub reference: Option<Ref>,
    pub topic: String,
    pub event: String,
    pub payload: Payload,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// The payload of a text frame: usually an object, but any JSON is possible.
    Json(Value),
    /// The payload of a binary push (kind 0).
    Binary(Bytes),
    /// A user broadcast push (kind 3), as `realtime-js` sends every broadcast on 2.0.0. The frame's event is `broadcast`.
    Broadcast(UserBroadcast),
}

impl Payload {
    /// About how many bytes the payload had on the wire.
    pub(crate) fn bytes(&self) -> usize {
        let json = |value: &Value| value.to_string().len();
        match self {
            Payload::Json(value) => json(value),
            Payload::Binary(bytes) => bytes.len(),
            Payload::Broadcast(UserBroadcast { metadata, body, .. }) => {
                let body = match body {
                    BroadcastBody::Json(value) => json(value),
                    BroadcastBody::Opaque(bytes) => bytes.len(),
                };
                metadata.as_ref().map_or(0, json) + body
            }
        }
    }
}

/// A client's broadcast, under an event name that it chose.
#[derive(Debug, Clone, PartialEq)]
pub struct UserBroadcast {
    pub event: String,
    /// An object, if the client sent one.
    pub metadata: Option<Value>,
    pub body: BroadcastBody,
}

#[derive(Debug, Clone, PartialEq)]
pub enum BroadcastBody {
    Json(Value),
    Opaque(Bytes),
}

/// A frame that could not be read, with the parts of it that an error reply needs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Malformed {
    pub reason: String,
    pub join_ref: Option<Ref>,
    pub reference: Option<Ref>,
    pub topic: Option<String>,
}

/// The payload of a `phx_reply`: `{"status": "ok" | "error", "response": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", content = "response", rename_all = "lowercase")]
pub enum PhoenixReply<T> {
    /// Has to serialize to an object; [`Empty`] if there is no content.
    Ok(T),
    Error(ErrorReply),
}

impl PhoenixReply<Empty> {
    pub const OK: PhoenixReply<Empty> = PhoenixReply::Ok(Empty {});

    /// A refusal, with a concrete `T` for code that builds no other reply.
    pub fn refused(error: ErrorReply) -> Self {
        PhoenixReply::Error(error)
    }
}

/// `{}`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Empty {}
