//! The payload of a `phx_join` on a `realtime:` topic, read as leniently as the reference does: a field that is null or of
//! the wrong type counts as absent.

use serde_json::Value;

use super::binding::Bindings;
use crate::config::SocketConfig;
use crate::config::inside::PRESENCE_KEY_BYTES_MAX;
use crate::protocol::code::{self, ErrorReply};

/// The wishes of a join. A join with `{}` wants broadcasts and presence.
#[derive(Debug, Default)]
pub struct JoinConfig {
    pub broadcast: BroadcastConfig,
    pub presence: JoinPresence,
    pub bindings: Bindings,
    pub private: bool,
    pub access_token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BroadcastConfig {
    /// Reply to broadcasts of this join once they are taken.
    pub ack: bool,
    /// Send broadcasts of this join back to it as well.
    pub own: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinPresence {
    /// The key that the member is listed under; without one the server makes one for the join.
    pub key: Option<String>,
    /// Send `presence_state` and `presence_diff`. Older clients do not ask for them, and rely on them all the same.
    pub enabled: bool,
}

impl Default for JoinPresence {
    fn default() -> JoinPresence {
        JoinPresence {
            key: None,
            enabled: true,
        }
    }
}

impl JoinConfig {
    /// # Errors
    /// More or longer bindings, or a longer key, than the limits allow. An error in a single binding does not refuse the
    /// join: [`Bindings::system`] reports it.
    pub fn read(payload: &Value, limits: &SocketConfig) -> Result<JoinConfig, ErrorReply> {
        let config = &payload["config"];
        let (broadcast, presence) = (&config["broadcast"], &config["presence"]);
        Ok(JoinConfig {
            broadcast: BroadcastConfig {
                ack: flag(&broadcast["ack"]),
                own: flag(&broadcast["self"]),
            },
            presence: JoinPresence {
                key: presence_key(&presence["key"])?,
                enabled: !is_off(&presence["enabled"]),
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

/// Whether a flag that is on by itself was turned off.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => !flag,
        Value::String(text) => text.eq_ignore_ascii_case("false"),
        _ => false,
    }
}

/// A text or number, as text. The key `ids` is ignored: `realtime-js` takes every payload with a member of that name
/// for a table's change, so the key would break all clients that join later.
fn presence_key(value: &Value) -> Result<Option<String>, ErrorReply> {
    let key = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Ok(None),
    };
    let max = PRESENCE_KEY_BYTES_MAX;
    // Measured as JSON, in which it is sent: a character may be six bytes there.
    if value.to_string().len() > max + 2 {
        let error = format_args!("a presence key has at most {max} bytes, as JSON");
        return Err(code::PAYLOAD_TOO_BIG.because(error));
    }
    Ok((!key.is_empty() && key != "ids").then_some(key))
}

/// The access token; older clients call it `user_token`.
fn token(payload: &Value) -> Option<&str> {
    let named = |name: &str| payload[name].as_str().filter(|token| !token.is_empty());
    named("access_token").or_else(|| named("user_token"))
}
