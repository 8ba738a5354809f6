//! Frames from clients. Lenient where the reference server is. Lengths in a binary frame are claimed by the client, so
//! each is checked against the slice.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{BroadcastBody, ClientFrame, Malformed, Payload, Ref, UserBroadcast, Vsn};

/// Fields of an array frame; further ones are ignored.
const FIELDS: usize = 5;

/// Reads a text frame. JSON deeper than 128 levels is refused.
pub fn decode_text(vsn: Vsn, text: &str) -> Result<ClientFrame, Malformed> {
    let value: Value = serde_json::from_str(text).map_err(|error| Malformed {
        reason: format!("not JSON: {error}"),
        join_ref: None,
        reference: None,
        topic: None,
    })?;
    match (vsn, value) {
        (Vsn::V1, Value::Object(fields)) => Draft::of_object(fields).finish(),
        (Vsn::V2, Value::Array(fields)) => Draft::of_array(fields).finish(),
        (Vsn::V1, _) => Err(Draft::default().refuse("a 1.0.0 frame is an object")),
        (Vsn::V2, _) => Err(Draft::default().refuse("a 2.0.0 frame is an array of five")),
    }
}

/// A text frame's fields before they are checked.
#[derive(Default)]
struct Draft {
    join_ref: Option<Value>,
    reference: Option<Value>,
    topic: Option<Value>,
    event: Option<Value>,
    payload: Option<Value>,
    count: Option<usize>,
}

impl Draft {
    fn of_object(mut fields: Map<String, Value>) -> Self {
        Draft {
            join_ref: fields.remove("join_ref"),
            reference: fields.remove("ref"),
            topic: fields.remove("topic"),
            event: fields.remove("event"),
            payload: Some(fields.remove("payload").unwrap_or(Value::Null)),
            count: None,
        }
    }

    fn of_array(fields: Vec<Value>) -> Self {
        let count = Some(fields.len());
        let mut fields = fields.into_iter();
        Draft {
            join_ref: fields.next(),
            reference: fields.next(),
            topic: fields.next(),
            event: fields.next(),
            payload: fields.next(),
            count,
        }
    }

    fn finish(self) -> Result<ClientFrame, Malformed> {
        if let Some(count) = self.count.filter(|&count| count < FIELDS) {
            return Err(self.refuse(&format!("a frame has five fields, this has {count}")));
        }
        let (Ok(join_ref), Ok(reference)) = (read_ref(&self.join_ref), read_ref(&self.reference))
        else {
            return Err(self.refuse("a ref is null, a number or a string of at most 255 bytes"));
        };
        match (self.topic, self.event) {
            (Some(Value::String(topic)), Some(Value::String(event))) => Ok(ClientFrame {
                join_ref,
                reference,
                topic,
                event,
                payload: Payload::Json(self.payload.unwrap_or(Value::Null)),
            }),
            (Some(Value::String(topic)), _) => Err(Malformed {
                reason: "event has to be a string".to_owned(),
                join_ref,
                reference,
                topic: Some(topic),
            }),
            _ => Err(Malformed {
                reason: "topic has to be a string".to_owned(),
                join_ref,
                reference,
                topic: None,
            }),
        }
    }

    fn refuse(self, reason: &str) -> Malformed {
        Malformed {
            reason: reason.to_owned(),
            join_ref: read_ref(&self.join_ref).unwrap_or(None),
            reference: read_ref(&self.reference).unwrap_or(None),
            topic: match self.topic {
                Some(Value::String(topic)) => Some(topic),
                _ => None,
            },
        }
    }
}

/// A ref that is neither null, number nor string, or that is too long to be sent back.
struct NoRef;

fn read_ref(value: &Option<Value>) -> Result<Option<Ref>, NoRef> {
    let json = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(value @ (Value::String(_) | Value::Number(_))) => value.to_string(),
        Some(_) => return Err(NoRef),
    };
    if json.len() > Ref::BYTES_MAX {
        return Err(NoRef);
    }
    Ok(Some(Ref(json.into())))
}

/// Reads a binary frame: kind 0, a push, or kind 3, a user broadcast push.
pub fn decode_binary(vsn: Vsn, bytes: &[u8]) -> Result<ClientFrame, Malformed> {
    if vsn == Vsn::V1 {
        return Err(malformed("1.0.0 has no binary frames"));
    }
    match bytes.split_first() {
        Some((0, rest)) => decode_push(rest),
        Some((3, rest)) => decode_user_broadcast(rest),
        Some((kind, _)) => Err(malformed(&format!(
            "binary frames from clients are of kind 0 or 3, this is of kind {kind}"
        ))),
        None => Err(malformed("binary frame is empty")),
    }
}

const CUT: &str = "binary frame ends before its fields do";

fn decode_push(bytes: &[u8]) -> Result<ClientFrame, Malformed> {
    let (lengths, mut rest) = bytes
        .split_first_chunk::<4>()
        .ok_or_else(|| malformed(CUT))?;
    let head = Head::take(&mut rest, lengths[0], lengths[1], lengths[2])?;
    let event = head.text(take(&mut rest, lengths[3]), "event")?;
    let payload = Payload::Binary(Bytes::copy_from_slice(rest));
    Ok(head.frame(event, payload))
}

fn decode_user_broadcast(bytes: &[u8]) -> Result<ClientFrame, Malformed> {
    let (lengths, mut rest) = bytes
        .split_first_chunk::<6>()
        .ok_or_else(|| malformed(CUT))?;
    let [join_ref, reference, topic, user_event, metadata, encoding] = *lengths;
    let head = Head::take(&mut rest, join_ref, reference, topic)?;
    let event = head.text(take(&mut rest, user_event), "user event")?;
    let metadata = match take(&mut rest, metadata) {
        Some([]) => None,
        Some(json) => Some(head.json(json, "metadata")?),
        None => return Err(head.refuse(CUT)),
    };
    if metadata.as_ref().is_some_and(|value| !value.is_object()) {
        return Err(head.refuse("metadata has to be an object"));
    }
    let body = match encoding {
        0 => BroadcastBody::Opaque(Bytes::copy_from_slice(rest)),
        1 => BroadcastBody::Json(head.json(rest, "payload")?),
        _ => return Err(head.refuse("encoding is neither 0 (bytes) nor 1 (JSON)")),
    };
    let broadcast = UserBroadcast {
        event,
        metadata,
        body,
    };
    Ok(head.frame("broadcast".to_owned(), Payload::Broadcast(broadcast)))
}

/// The fields that both kinds of binary frames begin with.
struct Head {
    join_ref: Option<Ref>,
    reference: Option<Ref>,
    topic: String,
}

impl Head {
    fn take(rest: &mut &[u8], join_ref: u8, reference: u8, topic: u8) -> Result<Self, Malformed> {
        let mut head = Head {
            join_ref: None,
            reference: None,
            topic: String::new(),
        };
        head.join_ref = head.reference(take(rest, join_ref), "join_ref")?;
        head.reference = head.reference(take(rest, reference), "ref")?;
        head.topic = head.text(take(rest, topic), "topic")?;
        Ok(head)
    }

    fn text(&self, field: Option<&[u8]>, name: &str) -> Result<String, Malformed> {
        let bytes = field.ok_or_else(|| self.refuse(CUT))?;
        let text = std::str::from_utf8(bytes);
        let text = text.map_err(|_| self.refuse(&format!("{name} is not UTF-8")))?;
        Ok(text.to_owned())
    }

    /// Reads a ref. Binary frames have no null; clients write it as an empty field.
    fn reference(&self, field: Option<&[u8]>, name: &str) -> Result<Option<Ref>, Malformed> {
        let text = self.text(field, name)?;
        let reference = (!text.is_empty()).then(|| Ref::of_text(&text));
        if reference
            .as_ref()
            .is_some_and(|reference| reference.as_json().len() > Ref::BYTES_MAX)
        {
            // Escapes make the JSON text longer than the field.
            return Err(self.refuse(&format!("{name} is too long to be given back")));
        }
        Ok(reference)
    }

    fn json(&self, bytes: &[u8], name: &str) -> Result<Value, Malformed> {
        serde_json::from_slice(bytes)
            .map_err(|error| self.refuse(&format!("{name} is not JSON: {error}")))
    }

    fn frame(self, event: String, payload: Payload) -> ClientFrame {
        ClientFrame {
            join_ref: self.join_ref,
            reference: self.reference,
            topic: self.topic,
            event,
            payload,
        }
    }

    fn refuse(&self, reason: &str) -> Malformed {
        Malformed {
            reason: reason.to_owned(),
            join_ref: self.join_ref.clone(),
            reference: self.reference.clone(),
            topic: (!self.topic.is_empty()).then(|| self.topic.clone()),
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], len: u8) -> Option<&'a [u8]> {
    let (field, after) = rest.split_at_checked(len.into())?;
    *rest = after;
    Some(field)
}

fn malformed(reason: &str) -> Malformed {
    Draft::default().refuse(reason)
}
