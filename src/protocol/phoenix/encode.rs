//! Frames to clients, with their WebSocket header.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{PhoenixReply, Ref, Vsn};
use crate::protocol::websocket::{Opcode, frame, text_frame};

const NULL: &str = "null";

/// A frame that all viewers of a topic share: join_ref and ref are null.
pub fn push<T: Serialize + ?Sized>(vsn: Vsn, topic: &str, event: &str, payload: &T) -> Bytes {
    fields(vsn, NULL, NULL, topic, event, payload)
}

/// A frame for one join: `system`, `presence_state`, `phx_close`, `phx_error`.
///
/// 1.0.0 has no join_ref: there the ref of `phx_close` and `phx_error` names the join that ends, and the ref of other
/// events is null.
pub fn push_to<T: Serialize + ?Sized>(
    vsn: Vsn,
    join_ref: Option<&Ref>,
    topic: &str,
    event: &str,
    payload: &T,
) -> Bytes {
    let join_ref = json(join_ref);
    let ends_the_join = matches!(event, "phx_close" | "phx_error");
    // In 2.0.0 the reference server fills both refs of `phx_close` and `phx_error`, and clients rely on it.
    let reference = if ends_the_join { join_ref } else { NULL };
    fields(vsn, join_ref, reference, topic, event, payload)
}

/// The answer to the message `reference` of the join `join_ref`.
pub fn reply<T: Serialize>(
    vsn: Vsn,
    join_ref: Option<&Ref>,
    reference: Option<&Ref>,
    topic: &str,
    reply: PhoenixReply<T>,
) -> Bytes {
    let (join_ref, reference) = (json(join_ref), json(reference));
    fields(vsn, join_ref, reference, topic, "phx_reply", &reply)
}

/// Encodes a payload once for the frames of both versions.
pub fn encoded<T: Serialize>(payload: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(payload).unwrap_or_else(|error| {
        refused(&error);
        RawValue::NULL.to_owned()
    })
}

/// A user broadcast of opaque bytes (kind 4). `None` where it cannot be sent: 1.0.0 has no binary
/// frames, and names are at most 255 bytes.
///
/// JSON is sent as a text `broadcast` instead, since npm `phoenix` throws on this kind.
pub fn user_broadcast(vsn: Vsn, topic: &str, user_event: &str, body: &[u8]) -> Option<Bytes> {
    const KIND: u8 = 4;
    const NO_METADATA: u8 = 0;
    const OPAQUE: u8 = 0;
    let (Vsn::V2, Ok(topic_len), Ok(event_len)) = (
        vsn,
        u8::try_from(topic.len()),
        u8::try_from(user_event.len()),
    ) else {
        return None;
    };
    let head = [KIND, topic_len, event_len, NO_METADATA, OPAQUE];
    let payload = [&head, topic.as_bytes(), user_event.as_bytes(), body].concat();
    Some(frame(Opcode::Binary, &payload))
}

fn json(reference: Option<&Ref>) -> &str {
    reference.map_or(NULL, Ref::as_json)
}

fn fields<T: Serialize + ?Sized>(
    vsn: Vsn,
    join_ref: &str,
    reference: &str,
    topic: &str,
    event: &str,
    payload: &T,
) -> Bytes {
    text_frame(|out| match vsn {
        Vsn::V1 => {
            out.extend_from_slice(b"{\"topic\":");
            write(out, topic);
            out.extend_from_slice(b",\"event\":");
            write(out, event);
            out.extend_from_slice(b",\"payload\":");
            write_object(out, payload);
            out.extend_from_slice(b",\"ref\":");
            out.extend_from_slice(reference.as_bytes());
            out.push(b'}');
        }
        Vsn::V2 => {
            out.push(b'[');
            out.extend_from_slice(join_ref.as_bytes());
            out.push(b',');
            out.extend_from_slice(reference.as_bytes());
            out.push(b',');
            write(out, topic);
            out.push(b',');
            write(out, event);
            out.push(b',');
            write_object(out, payload);
            out.push(b']');
        }
    })
}

fn write(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Writes a payload, or `{}` if it does not serialize to an object.
fn write_object<T: Serialize + ?Sized>(out: &mut Vec<u8>, payload: &T) {
    let start = out.len();
    let written = serde_json::to_writer(&mut *out, payload);
    if let Err(error) = &written {
        refused(error);
    }
    let is_object = written.is_ok() && out.get(start) == Some(&b'{');
    debug_assert!(is_object, "a payload has to be an object");
    if !is_object {
        out.truncate(start);
        out.extend_from_slice(b"{}");
    }
}

fn refused(error: &serde_json::Error) {
    tracing::error!(%error, "a payload does not serialise");
}
