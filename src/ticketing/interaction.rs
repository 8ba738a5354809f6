//! Interactions: actions of visitors that clients report for analytics.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::edit::holds_nul;
use super::{EventId, UserId};

/// Every field of an interaction. `user_id` is the sender's, so what it says is not read.
pub const FIELDS: [&str; 9] = [
    "action",
    "data",
    "event_id",
    "eventId",
    "page_url",
    "session_id",
    "timestamp",
    "user_agent",
    "user_id",
];
/// Longest action, in characters.
pub const ACTION_CHARS_MAX: usize = 100;
/// Longest session id, in characters.
pub const SESSION_CHARS_MAX: usize = 200;
/// Longest address of a page, in characters.
pub const PAGE_URL_CHARS_MAX: usize = 2_000;
/// Longest user agent, in characters.
pub const USER_AGENT_CHARS_MAX: usize = 500;
/// Largest `data`, in bytes of JSON.
pub const DATA_BYTES_MAX: usize = 4_096;

#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// The action's name, such as `ticket_selected`.
    pub action: String,
    pub event_id: Option<EventId>,
    /// The caller who sent it, never a user that the body names.
    pub user_id: Option<UserId>,
    pub session_id: Option<String>,
    pub page_url: Option<String>,
    pub user_agent: Option<String>,
    /// An object.
    pub data: Value,
    /// By the client's clock.
    pub happened_at: Option<Timestamp>,
}

/// An error in one field, with the bound that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {code}{}", .bound.map(|bound| format!(" ({bound})")).unwrap_or_default())]
pub struct InteractionFault {
    pub field: &'static str,
    pub code: &'static str,
    pub bound: Option<usize>,
}

impl Interaction {
    /// Reads `{"action", "data", "timestamp", "event_id", "session_id", "page_url", "user_agent"}`. Only `action` is
    /// required. The event may also be named in `data`. Unknown fields are ignored, and so is `user_id`.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn read(
        mut object: Map<String, Value>,
        user_id: Option<UserId>,
    ) -> Result<Self, InteractionFault> {
        let action = text(&mut object, "action", ACTION_CHARS_MAX)?;
        let action = action.filter(|action| !action.is_empty());
        let data = data(&mut object)?;
        let names = ["event_id", "eventId"];
        let beside = names.iter().filter_map(|name| object.get(*name));
        let within = names.iter().filter_map(|name| data.get(*name));
        let named = beside.chain(within).find(|id| !id.is_null());
        Ok(Interaction {
            event_id: named.map(event_id).transpose()?,
            action: action.ok_or(fault("action", "REQUIRED", None))?,
            user_id,
            session_id: text(&mut object, "session_id", SESSION_CHARS_MAX)?,
            page_url: text(&mut object, "page_url", PAGE_URL_CHARS_MAX)?,
            user_agent: text(&mut object, "user_agent", USER_AGENT_CHARS_MAX)?,
            happened_at: time(&mut object)?,
            data,
        })
    }
}

fn fault(field: &'static str, code: &'static str, bound: Option<usize>) -> InteractionFault {
    InteractionFault { field, code, bound }
}

fn take(object: &mut Map<String, Value>, field: &str) -> Option<Value> {
    object.remove(field).filter(|value| !value.is_null())
}

fn text(
    object: &mut Map<String, Value>,
    field: &'static str,
    chars_max: usize,
) -> Result<Option<String>, InteractionFault> {
    let Some(value) = take(object, field) else {
        return Ok(None);
    };
    let Value::String(text) = value else {
        return Err(fault(field, "NOT_TEXT", None));
    };
    if text.contains('\0') {
        return Err(fault(field, "NUL_IN_TEXT", None));
    }
    if text.chars().count() > chars_max {
        return Err(fault(field, "TOO_LONG", Some(chars_max)));
    }
    Ok(Some(text))
}

/// An object that Postgres can store.
fn data(object: &mut Map<String, Value>) -> Result<Value, InteractionFault> {
    let Some(data) = take(object, "data") else {
        return Ok(Value::Object(Map::new()));
    };
    let text = data.to_string();
    if !data.is_object() {
        Err(fault("data", "NOT_AN_OBJECT", None))
    } else if text.len() > DATA_BYTES_MAX {
        Err(fault("data", "TOO_LONG", Some(DATA_BYTES_MAX)))
    } else if holds_nul(&data) {
        Err(fault("data", "NUL_IN_TEXT", None))
    } else {
        Ok(data)
    }
}

/// An id as a number, or as text, which web pages take from their addresses.
fn event_id(value: &Value) -> Result<EventId, InteractionFault> {
    let id = value
        .as_i64()
        .or_else(|| whole(value.as_f64()?))
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    id.filter(|id| *id > 0)
        .map(EventId)
        .ok_or(fault("event_id", "NOT_AN_ID", None))
}

/// 12.0 is 12, up to where floating-point numbers tell neighbouring integers apart (2^53).
fn whole(number: f64) -> Option<i64> {
    let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    exact.then_some(number as i64)
}

fn time(object: &mut Map<String, Value>) -> Result<Option<Timestamp>, InteractionFault> {
    let Some(value) = take(object, "timestamp") else {
        return Ok(None);
    };
    let time: Option<Timestamp> = value.as_str().and_then(|text| text.parse().ok());
    let within = |time: &Timestamp| (0..=253_402_300_799).contains(&time.as_second());
    let time = time
        .filter(within)
        .ok_or(fault("timestamp", "NOT_A_TIME", None));
    time.map(Some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Interaction, InteractionFault> {
        let Value::Object(object) = value else {
            panic!("an object");
        };
        Interaction::read(object, Some(UserId(7)))
    }

    #[test]
    fn an_interaction_is_the_senders_whatever_it_says() {
        let told = read(json!({
            "action": "ticket_selected", "data": {"ticketId": 3, "eventId": "42", "price": 4500},
            "timestamp": "2027-03-01T19:30:00Z", "session_id": "s1", "user_id": 1,
            "page_url": "https://example.org/events/42", "user_agent": "Mozilla/5.0"
        }));
        let told = told.unwrap();
        assert_eq!(
            (told.event_id, told.user_id),
            (Some(EventId(42)), Some(UserId(7)))
        );
        assert_eq!(told.data["price"], 4500);
        assert_eq!(
            told.happened_at,
            Some("2027-03-01T19:30:00Z".parse().unwrap())
        );
        let within =
            json!({"action": "x", "event_id": null, "data": {"event_id": null, "eventId": 42}});
        assert_eq!(read(within).unwrap().event_id, Some(EventId(42)));
        let least = read(json!({"action": "x"})).unwrap();
        assert_eq!((least.event_id, least.data), (None, json!({})));
    }

    #[test]
    fn what_cannot_be_stored_is_refused_by_name() {
        for (value, field, code) in [
            (json!({}), "action", "REQUIRED"),
            (json!({"action": ""}), "action", "REQUIRED"),
            (json!({"action": 7}), "action", "NOT_TEXT"),
            (json!({"action": "x".repeat(101)}), "action", "TOO_LONG"),
            (json!({"action": "x", "data": []}), "data", "NOT_AN_OBJECT"),
            (
                json!({"action": "x", "data": {"x": "x".repeat(5_000)}}),
                "data",
                "TOO_LONG",
            ),
            (
                json!({"action": "x", "data": {"x": "\0"}}),
                "data",
                "NUL_IN_TEXT",
            ),
            (
                json!({"action": "x", "event_id": "x"}),
                "event_id",
                "NOT_AN_ID",
            ),
            (
                json!({"action": "x", "timestamp": "soon"}),
                "timestamp",
                "NOT_A_TIME",
            ),
        ] {
            let fault = read(value).unwrap_err();
            assert_eq!((fault.field, fault.code), (field, code));
        }
    }
}
