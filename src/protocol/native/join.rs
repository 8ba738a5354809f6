//! The payload of a native join, and of `presence` from clients.

use serde_json::Value;

use crate::protocol::code::{self, ErrorReply};
use crate::protocol::presence::is_step;
use crate::ticketing::Revision;

/// A client's wishes when it joins a native topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Join {
    /// The revision that it has; it wants the changes after it.
    pub since: Option<Revision>,
    /// Counts it as a visitor.
    pub presence: Option<VisitorStep>,
    pub access_token: Option<String>,
}

/// A visitor's step on the way to a ticket; without one the visitor is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitorStep {
    pub step: Option<String>,
}

impl Join {
    /// Reads `{"since": 41, "presence": {"step": "payment"}, "access_token": "…"}`. All fields are optional, null counts as
    /// absent, and unknown fields are ignored.
    ///
    /// # Errors
    /// A field has the wrong type; the error names it.
    pub fn read(payload: &Value) -> Result<Join, ErrorReply> {
        if !payload.is_object() && !payload.is_null() {
            return Err(invalid("a join's payload has to be an object"));
        }
        Ok(Join {
            since: field(payload, "since").map(revision).transpose()?,
            presence: field(payload, "presence")
                .map(VisitorStep::read)
                .transpose()?,
            access_token: token(payload)?,
        })
    }
}

impl VisitorStep {
    /// Reads `{"step": "payment"}` or `{"step": null}`.
    ///
    /// # Errors
    /// Not such an object, or the step is not a short text.
    pub fn read(payload: &Value) -> Result<VisitorStep, ErrorReply> {
        match payload.get("step") {
            Some(Value::Null) => Ok(VisitorStep { step: None }),
            Some(Value::String(step)) if is_step(step) => Ok(VisitorStep {
                step: Some(step.clone()),
            }),
            _ => Err(invalid(
                "presence has to be an object with `step`: a text of 1 to 64 bytes without control \
                 characters, or null",
            )),
        }
    }
}

fn field<'a>(payload: &'a Value, name: &str) -> Option<&'a Value> {
    payload.get(name).filter(|value| !value.is_null())
}

/// As text, too: some clients send all parameters so.
fn revision(value: &Value) -> Result<Revision, ErrorReply> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    number.ok_or_else(|| invalid("`since` has to be a revision: a whole number, 0 or more"))
}

/// An empty one is none: some clients always send it.
fn token(payload: &Value) -> Result<Option<String>, ErrorReply> {
    match field(payload, "access_token") {
        Some(Value::String(token)) => Ok(Some(token.clone()).filter(|token| !token.is_empty())),
        Some(_) => Err(invalid("`access_token` has to be a string")),
        None => Ok(None),
    }
}

fn invalid(detail: &str) -> ErrorReply {
    code::INVALID_PAYLOAD.because(detail)
}
