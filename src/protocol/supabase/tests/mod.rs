//! Tests of the dialect through its public functions: a join's payload in, replies and messages out.

#![allow(clippy::unwrap_used)]

mod change;
mod filter;
mod join;
mod tables;

use serde_json::{Value, json};

use super::JoinConfig;
use crate::config::{Config, SocketConfig};
use crate::protocol::fixtures::after;
use crate::ticketing::live::Delta;

fn limits() -> SocketConfig {
    Config::default().socket
}

fn join(bindings: Value) -> JoinConfig {
    let payload = json!({"config": {"postgres_changes": bindings}});
    JoinConfig::read(&payload, &limits()).unwrap()
}

fn filtered(filter: &str) -> JoinConfig {
    join(json!([{"event": "*", "schema": "public", "table": "event_tickets", "filter": filter}]))
}

/// The messages that a join with these bindings gets of a delta.
fn messages(config: &JoinConfig, delta: &Delta) -> Vec<Value> {
    let state = after(delta);
    let messages = config.bindings.changes(delta, &state).unwrap();
    messages
        .iter()
        .map(|message| serde_json::to_value(message).unwrap())
        .collect()
}

/// The text of the `system` message's error.
fn error(config: &JoinConfig) -> Option<String> {
    let system = config.bindings.system("realtime:x")?;
    let system = serde_json::to_value(system).unwrap();
    (system["status"] == "error").then(|| system["message"].as_str().unwrap().to_owned())
}

fn ids(config: &JoinConfig) -> Vec<u64> {
    let reply = serde_json::to_value(config.bindings.reply()).unwrap();
    let echoes = reply["postgres_changes"].as_array().unwrap();
    echoes
        .iter()
        .map(|echo| echo["id"].as_u64().unwrap())
        .collect()
}
