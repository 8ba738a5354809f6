//! Broadcasts: what clients send to each other through a channel.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::protocol::code::{self, ErrorReply};
use crate::protocol::phoenix::{self, BroadcastBody, Payload, UserBroadcast, Vsn};

/// Reads the payload of a client's `broadcast`, text or binary.
///
/// # Errors
/// No event name.
pub fn read_broadcast(payload: Payload) -> Result<UserBroadcast, ErrorReply> {
    let mut fields = match payload {
        Payload::Broadcast(broadcast) => return Ok(broadcast),
        Payload::Json(Value::Object(fields)) => fields,
        Payload::Json(_) | Payload::Binary(_) => {
            return Err(code::INVALID_PAYLOAD.because("a broadcast has to be an object"));
        }
    };
    let Some(Value::String(event)) = fields.remove("event") else {
        return Err(code::INVALID_PAYLOAD.because("a broadcast's `event` has to be a string"));
    };
    let body = fields
        .remove("payload")
        .unwrap_or(Value::Object(Map::new()));
    Ok(UserBroadcast {
        event,
        metadata: None,
        body: BroadcastBody::Json(body),
    })
}

/// The frame of a broadcast for the viewers of a topic. JSON goes out as text, which every client
/// reads; opaque bytes as a binary frame, and not at all on 1.0.0.
pub fn broadcast(vsn: Vsn, topic: &str, broadcast: &UserBroadcast) -> Option<Bytes> {
    #[derive(Serialize)]
    struct Message<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        event: &'a str,
        payload: &'a Value,
    }
    match &broadcast.body {
        BroadcastBody::Json(payload) => {
            let message = Message {
                kind: "broadcast",
                event: &broadcast.event,
                payload,
            };
            Some(phoenix::push(vsn, topic, "broadcast", &message))
        }
        BroadcastBody::Opaque(bytes) => {
            phoenix::user_broadcast(vsn, topic, &broadcast.event, bytes)
        }
    }
}
