//! The wire from the client's side: Phoenix frames of version 2.0.0.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::ticketing::{EventId, Revision, TicketTypeId};

/// Reference of the join and of its answer; there is one join at a time.
const JOIN_REF: &str = "1";

/// The messages of a server that a watcher follows.
#[derive(Debug, PartialEq)]
pub(super) enum ServerFrame {
    StateData(StateData),
    Update(Update),
    BeatData(BeatData),
    /// The server restarts; connect again after this long.
    Drain(Duration),
    RefusedJoin(RefusedJoin),
}

/// The answer to a join: the whole state, or, when resumed, the changes since.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct StateData {
    pub(super) revision: Revision,
    pub(super) resumed: bool,
    pub(super) state: ChangesData,
}

#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Update {
    pub(super) from: Revision,
    pub(super) to: Revision,
    #[serde(flatten)]
    pub(super) changes: ChangesData,
}

#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct BeatData {
    /// The newest revision of each topic.
    pub(super) revisions: BTreeMap<String, Revision>,
    /// When the server last heard from the database.
    pub(super) checked_at: String,
    /// `down` while the server does not hear from it.
    pub(super) database: Option<String>,
}

impl BeatData {
    pub(super) fn database_is_down(&self) -> bool {
        self.database.as_deref() == Some("down")
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct ChangesData {
    pub(super) event: Option<EventData>,
    #[serde(default)]
    pub(super) ticket_types: Vec<TypeData>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct EventData {
    pub(super) title: String,
    pub(super) status: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum TypeData {
    RowData(RowData),
    Removed { id: TicketTypeId },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RowData {
    pub(super) id: TicketTypeId,
    pub(super) name: String,
    pub(super) capacity: i64,
    pub(super) available: i64,
    pub(super) held: i64,
    pub(super) sold: i64,
    pub(super) status: String,
}

#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct RefusedJoin {
    #[serde(default)]
    pub(super) code: String,
    pub(super) reason: String,
    #[serde(default)]
    retry: String,
}

impl RefusedJoin {
    /// Whether the same request would be refused again.
    pub(super) fn is_final(&self) -> bool {
        self.retry != "later"
    }
}

/// The WebSocket of the server at `url`; `None` if that is no address of a server.
pub(super) fn endpoint(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = match scheme {
        "http" | "ws" => "ws",
        _ => return None,
    };
    let rest = rest.trim_end_matches('/');
    (!rest.is_empty()).then(|| format!("{scheme}://{rest}/realtime/v1/websocket?vsn=2.0.0"))
}

pub(super) fn join(event: EventId, since: Option<Revision>, token: Option<&str>) -> Message {
    let payload = json!({"since": since, "access_token": token});
    frame(json!([
        JOIN_REF,
        JOIN_REF,
        format!("event:{event}"),
        "phx_join",
        payload
    ]))
}

pub(super) fn heartbeat() -> Message {
    frame(json!([null, "heartbeat", "phoenix", "heartbeat", {}]))
}

fn frame(value: Value) -> Message {
    Message::text(value.to_string())
}

/// `None` for frames that a watcher ignores: answers to heartbeats, presence, notices.
pub(super) fn read(text: &str) -> Option<ServerFrame> {
    type Frame = (Option<String>, Option<String>, String, String, Value);
    let (_, reference, topic, event, payload): Frame = serde_json::from_str(text).ok()?;
    match event.as_str() {
        "phx_reply" if reference.as_deref() == Some(JOIN_REF) => read_reply(payload),
        "update" => serde_json::from_value(payload)
            .ok()
            .map(ServerFrame::Update),
        "beat" if topic == "phoenix" => serde_json::from_value(payload)
            .ok()
            .map(ServerFrame::BeatData),
        "drain" if topic == "phoenix" => {
            let delay = payload.get("reconnect_in_ms")?.as_u64()?;
            Some(ServerFrame::Drain(Duration::from_millis(delay)))
        }
        _ => None,
    }
}

fn read_reply(mut payload: Value) -> Option<ServerFrame> {
    let response = payload.get_mut("response")?.take();
    match payload.get("status")?.as_str()? {
        "ok" => serde_json::from_value(response)
            .ok()
            .map(ServerFrame::StateData),
        _ => serde_json::from_value(response)
            .ok()
            .map(ServerFrame::RefusedJoin),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_endpoint_is_found_from_the_servers_address() {
        let ours = "ws://127.0.0.1:8000/realtime/v1/websocket?vsn=2.0.0";
        assert_eq!(endpoint("http://127.0.0.1:8000/").unwrap(), ours);
        assert_eq!(endpoint("ws://127.0.0.1:8000").unwrap(), ours);
        for bad in ["127.0.0.1:8000", "ftp://x", "http://"] {
            assert_eq!(endpoint(bad), None, "{bad}");
        }
    }

    #[test]
    fn frames_become_what_they_say() {
        let update = r#"[null,null,"event:7","update",{"from":4,"to":6,"ticket_types":[
            {"id":1,"name":"VIP","price":{"amount":1,"currency":"EUR"},"capacity":9,"available":8,
             "held":1,"sold":0,"status":"available"},{"id":2,"removed":true}]}]"#;
        let Some(ServerFrame::Update(update)) = read(update) else {
            panic!("an update");
        };
        assert_eq!((update.from, update.to), (4, 6));
        assert!(matches!(
            update.changes.ticket_types[1],
            TypeData::Removed {
                id: TicketTypeId(2)
            }
        ));
        let refused = r#"["1","1","event:7","phx_reply",{"status":"error","response":
            {"code":"EVENT_NOT_FOUND","reason":"EventNotFound: no event 7","retry":"never"}}]"#;
        assert!(
            matches!(read(refused), Some(ServerFrame::RefusedJoin(refused)) if refused.is_final())
        );
        let beat = r#"[null,null,"phoenix","beat",{"revisions":{"event:7":6},"checked_at":"…"}]"#;
        assert!(
            matches!(read(beat), Some(ServerFrame::BeatData(beat)) if beat.revisions["event:7"] == 6)
        );
        for other in [
            "",
            "{}",
            "[1]",
            r#"[null,"heartbeat","phoenix","phx_reply",{}]"#,
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
