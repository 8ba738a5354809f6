//! Broadcasts: messages between clients of a channel. Here they are notices: a broadcast is stored as a notice and goes
//! out as it came, and a notice that was made in any other way goes out as a broadcast of [`UPDATE`].

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::rest::{MESSAGE_CHARS_MAX, NOTICE_DATA_BYTES_MAX};
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::phoenix::{self, BroadcastBody, Payload, UserBroadcast, Vsn};
use crate::ticketing::NoticeId;
use crate::ticketing::edit::{NewNotice, holds_nul};
use crate::ticketing::live::{Notice, OriginalBroadcast};

/// The event name of broadcasts.
const UPDATE: &str = "update";

/// Types of notices, each with the message for a broadcast that has none.
const UPDATE_TYPES: [(&str, &str); 4] = [
    ("capacity_change", "The event's capacity has been updated."),
    ("info_update", "The event's information has been updated."),
    ("cancellation", "The event was cancelled."),
    CUSTOM,
];

const CUSTOM: (&str, &str) = ("custom", "The organizer has news.");

/// Of a broadcast's event name.
const EVENT_CHARS_MAX: usize = 200;

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

/// The frame of a broadcast for the viewers of a topic: text for JSON, which every client reads; a binary frame for
/// opaque bytes, which 1.0.0 does not have.
pub fn broadcast(vsn: Vsn, topic: &str, broadcast: &UserBroadcast) -> Option<Bytes> {
    #[derive(Serialize)]
    struct BroadcastMessage<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        event: &'a str,
        payload: &'a Value,
    }
    match &broadcast.body {
        BroadcastBody::Json(payload) => {
            let message = BroadcastMessage {
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

/// Turns a broadcast into a notice that sends it on as it came. Event `update` with `{"updateType", "data"}` gives the
/// notice its type and data; any other event, payload or type makes a `custom` one. The notice's message is `message` of
/// the payload or of its data.
///
/// # Errors
/// Bytes, or a name or payload that a notice cannot hold.
pub fn read_update(broadcast: UserBroadcast) -> Result<NewNotice, ErrorReply> {
    let wrong = |why: &str| code::INVALID_PAYLOAD.because(why);
    let BroadcastBody::Json(payload) = broadcast.body else {
        return Err(wrong("bytes are not broadcast here: send JSON"));
    };
    let event = broadcast.event;
    if event.is_empty() || event.chars().count() > EVENT_CHARS_MAX {
        let max = EVENT_CHARS_MAX;
        return Err(code::INVALID_PAYLOAD.because(format_args!(
            "a broadcast's `event` has 1 to {max} characters"
        )));
    }
    let text = payload.to_string();
    if text.len() > NOTICE_DATA_BYTES_MAX {
        let max = NOTICE_DATA_BYTES_MAX;
        return Err(
            code::PAYLOAD_TOO_BIG.because(format_args!("a broadcast has at most {max} bytes"))
        );
    }
    let is_update = event == UPDATE;
    let asked = payload
        .get("updateType")
        .and_then(Value::as_str)
        .filter(|_| is_update);
    let known = UPDATE_TYPES.iter().find(|(kind, _)| asked == Some(kind));
    let &(kind, words) = known.unwrap_or(&CUSTOM);
    let data = match is_update {
        true => payload.get("data"),
        false => Some(&payload),
    };
    let data = data.filter(|data| data.is_object()).cloned();
    let data = data.unwrap_or_else(|| Value::Object(Map::new()));
    let message = [&payload, &data]
        .into_iter()
        .find_map(|fields| fields.get("message")?.as_str())
        .filter(|message| !message.trim().is_empty())
        .unwrap_or(words)
        .to_owned();
    if message.chars().count() > MESSAGE_CHARS_MAX {
        let max = MESSAGE_CHARS_MAX;
        return Err(
            code::PAYLOAD_TOO_BIG.because(format_args!("`message` has at most {max} characters"))
        );
    }
    if event.contains('\0') || holds_nul(&payload) {
        return Err(wrong("a text holds the character NUL"));
    }
    Ok(NewNotice {
        kind,
        message,
        data,
        until: None,
        sender: None,
        sent: Some(OriginalBroadcast { event, payload }),
    })
}

/// The broadcast frame of a notice, for the viewers of a topic.
pub fn update(vsn: Vsn, topic: &str, notice: &Notice) -> Bytes {
    #[derive(Serialize)]
    struct NoticeMessage<'a, P> {
        #[serde(rename = "type")]
        kind: &'static str,
        event: &'a str,
        /// As in an update's payload: clients hand pages the whole message, and some pages look for it here.
        #[serde(rename = "updateType", skip_serializing_if = "Option::is_none")]
        update_type: Option<&'a str>,
        payload: P,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct NoticePayload<'a> {
        update_type: &'a str,
        data: &'a Value,
        timestamp: &'a str,
        message: &'a str,
        id: NoticeId,
    }
    if let Some(sent) = &notice.sent {
        let message = NoticeMessage {
            kind: "broadcast",
            event: &sent.event,
            update_type: sent
                .payload
                .get("updateType")
                .and_then(Value::as_str)
                .filter(|_| sent.event == UPDATE),
            payload: &sent.payload,
        };
        return phoenix::push(vsn, topic, "broadcast", &message);
    }
    let payload = NoticePayload {
        update_type: &notice.kind,
        data: &notice.data,
        timestamp: &notice.at,
        message: &notice.message,
        id: notice.id,
    };
    let message = NoticeMessage {
        kind: "broadcast",
        event: UPDATE,
        update_type: Some(&notice.kind),
        payload,
    };
    phoenix::push(vsn, topic, "broadcast", &message)
}
