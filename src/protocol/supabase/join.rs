//! The payload of a `phx_join` on a `realtime:` topic, read as leniently as the reference does:
//! what is missing, null or of the wrong type counts as absent.

use serde_json::Value;

use super::binding::Bindings;
use crate::config::SocketConfig;
use crate::config::inside::PRESENCE_KEY_BYTES_MAX;
use crate::protocol::code::{self, ErrorReply};

/// What a join asks for. A join with `{}` asks for nothing but broadcasts.
#[derive(Debug, Default)]
pub struct JoinConfig {
    pub broadcast: BroadcastConfig,
    pub presence: PresenceConfig,
    pub bindings: Bindings,
    pub private: bool,
    pub access_token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BroadcastConfig {
    /// A broadcast of this join is answered when it was taken.
    pub ack: bool,
    /// A broadcast of this join comes back to it as well.
    pub own: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PresenceConfig {
    /// Under what it is listed; without one, under a key of the join's own.
    pub key: Option<String>,
    /// It wants `presence_state`.
    pub enabled: bool,
}

impl JoinConfig {
    /// # Errors
    /// More bindings, or longer ones, or a longer key than the limits allow. What is wrong with a single
    /// binding does not refuse the join: [`Bindings::system`] tells of it.
    pub fn read(payload: &Value, limits: &SocketConfig) -> Result<JoinConfig, ErrorReply> {
        let config = &payload["config"];
        let (broadcast, presence) = (&config["broadcast"], &config["presence"]);
        Ok(JoinConfig {
            broadcast: BroadcastConfig {
                ack: flag(&broadcast["ack"]),
                own: flag(&broadcast["self"]),
            },
            presence: PresenceConfig {
                key: presence_key(&presence["key"])?,
                enabled: flag(&presence["enabled"]),
            },
            bindings: Bindings::read(&config["postgres_changes"], limits)?,
            private: flag(&config["private"]),
            access_token: token(payload).map(str::to_owned),
        })
    }
}

/// Some clients send booleans as text.
fn flag(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// A text or number, as text. `ids` counts as none: `realtime-js` takes every payload with a
/// member of that name for a table's change, so such a key would break all who join later.
fn presence_key(value: &Value) -> Result<Option<String>, ErrorReply> {
    let key = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Ok(None),
    };
    let max = PRESENCE_KEY_BYTES_MAX;
    // As everybody is sent it, in quotes: a character may be six bytes there.
    if value.to_string().len() > max + 2 {
        let error = format_args!("a presence key has at most {max} bytes, as JSON");
        return Err(code::PAYLOAD_TOO_BIG.because(error));
    }
    Ok((!key.is_empty() && key != "ids").then_some(key))
}

/// Older clients call it `user_token`.
fn token(payload: &Value) -> Option<&str> {
    let named = |name: &str| payload[name].as_str().filter(|token| !token.is_empty());
    named("access_token").or_else(|| named("user_token"))
}
