//! A client that follows the rules of the wire, and its picture (the state on its screen).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::own::{self, OwnVersions};
use crate::ticketing::live::EventState;
use crate::ticketing::{EventId, Revision, UserId};

/// The topic that a client joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientKind {
    Event,
    Seats,
    Registration,
    /// A user's own bookings; the user's id is in place of the event's.
    Own,
}

/// The state on a viewer's screen, as far as it comes over the wire.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ShownPicture {
    title: String,
    /// Name, available, held and sold by ticket type.
    types: BTreeMap<i64, Value>,
    notices: BTreeMap<i64, Value>,
    layout: u64,
    /// Two bits a seat.
    seats: Vec<u8>,
    /// A user's own, and their versions.
    pub(super) own: OwnVersions,
}

impl ShownPicture {
    /// The state as a viewer of this kind has to see it.
    pub(super) fn of(state: &EventState, kind: ClientKind) -> Self {
        let mut picture = ShownPicture::default();
        match kind {
            ClientKind::Event => {
                picture.title = state.event.title.clone();
                let types = state.ticket_types.values();
                picture.types = types
                    .filter(|t| !t.hidden)
                    .map(|t| (t.id.0, json!([t.name, t.available, t.held, t.sold])))
                    .collect();
                let notices = state.notices.values();
                picture.notices = notices.map(|n| (n.id.0, json!(n.message))).collect();
            }
            ClientKind::Seats => {
                picture.layout = u64::from(state.event.layout);
                picture.seats = state.seats.bytes().to_vec();
            }
            ClientKind::Registration | ClientKind::Own => {}
        }
        picture
    }

    /// The picture that a whole state is. Its rows are taken as they are, so a row that is none does not fit any state.
    fn whole(body: &Value) -> Self {
        let mut picture = ShownPicture::default();
        picture.apply(body, true);
        picture
    }

    fn change(&mut self, body: &Value) {
        self.apply(body, false);
    }

    fn apply(&mut self, body: &Value, is_whole: bool) {
        for (id, version) in own::entities(body) {
            let have = self.own.entry(id).or_default();
            *have = version.max(*have);
        }
        for gone in own::gone(body) {
            self.own.remove(&gone);
        }
        if let Some(title) = body["event"]["title"].as_str() {
            self.title = title.to_owned();
        }
        merge(&mut self.types, &body["ticket_types"], is_whole, |row| {
            json!([row["name"], row["available"], row["held"], row["sold"]])
        });
        merge(&mut self.notices, &body["notices"], is_whole, |row| {
            row["message"].clone()
        });
        if let Some(layout) = body["layout"].as_u64() {
            self.layout = layout;
        }
        match &body["seats"] {
            Value::String(packed) => self.seats = BASE64.decode(packed).expect("base64"),
            Value::Array(pairs) => {
                for pair in pairs {
                    let (seat, status) = (pair[0].as_u64(), pair[1].as_u64());
                    let (seat, status) =
                        (seat.expect("a seat") as usize, status.expect("two bits"));
                    let (byte, shift) = (&mut self.seats[seat / 4], seat % 4 * 2);
                    *byte = *byte & !(0b11 << shift) | (status as u8) << shift;
                }
            }
            _ => {}
        }
    }
}

fn merge(
    rows: &mut BTreeMap<i64, Value>,
    changes: &Value,
    is_whole: bool,
    shown: impl Fn(&Value) -> Value,
) {
    for change in changes.as_array().into_iter().flatten() {
        let id = change["id"].as_i64().expect("an id");
        if change["removed"] == true && !is_whole {
            rows.remove(&id);
        } else {
            rows.insert(id, shown(change));
        }
    }
}

pub(super) struct SimulatedClient {
    pub(super) kind: ClientKind,
    /// Uses server-sent events in place of a WebSocket.
    pub(super) streams: bool,
    /// Of a viewer of own bookings: the user's number.
    pub(super) event: EventId,
    pub(super) topic: String,
    /// Its connection, if it has one.
    pub(super) connection: Option<usize>,
    pub(super) stalled: bool,
    /// Whether it ever stalled.
    pub(super) has_stalled: bool,
    pub(super) joined: bool,
    pub(super) have: Option<(Revision, ShownPicture)>,
    /// Wants to be counted, or listed.
    pub(super) present: bool,
    /// Its latest word on this join: whether it is a visitor.
    declared: bool,
    /// The visitors last shown: their number, or the members' keys by `phx_ref`.
    pub(super) total: u64,
    pub(super) members: BTreeMap<String, String>,
    /// The highest version that it was told of each booking and ticket.
    pub(super) told: OwnVersions,
    token: Option<String>,
    key: String,
    join_ref: u64,
    reference: u64,
}

/// A client's reaction to a frame.
#[derive(Debug, PartialEq)]
pub(super) enum NextMove {
    Nothing,
    Send(String),
    /// Changes are missing: join again from its revision.
    Rejoin,
    /// Refused for now, or the node is behind.
    RejoinLater,
}

impl SimulatedClient {
    pub(super) fn new(index: usize, kind: ClientKind, streams: bool, event: EventId) -> Self {
        let topic = match kind {
            ClientKind::Event => format!("event:{event}"),
            ClientKind::Seats => format!("seats:{event}"),
            ClientKind::Registration => format!("realtime:registration:{event}"),
            ClientKind::Own => format!("user:{event}"),
        };
        SimulatedClient {
            kind,
            streams,
            event,
            topic,
            connection: None,
            stalled: false,
            has_stalled: false,
            joined: false,
            have: None,
            present: false,
            declared: false,
            total: 0,
            members: BTreeMap::new(),
            told: OwnVersions::new(),
            token: None,
            key: format!("client {index}"),
            join_ref: 0,
            reference: 0,
        }
    }

    /// A viewer of this user's bookings, with the user's token.
    pub(super) fn own(index: usize, user: UserId, token: &str) -> Self {
        SimulatedClient {
            token: Some(token.to_owned()),
            ..SimulatedClient::new(index, ClientKind::Own, false, EventId(user.0))
        }
    }

    /// The user whose bookings it views.
    pub(super) fn user(&self) -> UserId {
        UserId(self.event.0)
    }

    pub(super) fn revision(&self) -> Option<Revision> {
        self.have.as_ref().map(|(revision, _)| *revision)
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn stall(&mut self, stalls: bool) {
        self.stalled = stalls;
        self.has_stalled |= stalls;
    }

    /// Begins a stream; its frames lead on from the client's revision, or are the whole state.
    pub(super) fn streams_on(&mut self) {
        self.join_ref += 1;
        self.joined = true;
    }

    pub(super) fn join_ref(&self) -> String {
        self.join_ref.to_string()
    }

    pub(super) fn disconnected(&mut self) {
        (self.connection, self.joined) = (None, false);
    }

    /// The frame that joins, or joins again.
    pub(super) fn join(&mut self) -> String {
        self.reference += 1;
        self.join_ref = self.reference;
        (self.joined, self.declared) = (false, false);
        let payload = match self.kind {
            ClientKind::Registration => {
                json!({"config": {"presence": {"key": self.key, "enabled": true}}})
            }
            ClientKind::Event if self.present => {
                self.declared = true;
                json!({"since": self.revision(), "presence": {"step": "payment"}})
            }
            _ => json!({ "since": self.revision(), "access_token": self.token }),
        };
        self.text("phx_join", &payload)
    }

    /// The frame that declares its presence, if that has changed since it last did.
    pub(super) fn declare(&mut self) -> Option<String> {
        let says_nothing = matches!(self.kind, ClientKind::Seats | ClientKind::Own) || self.streams;
        if !self.joined || self.declared == self.present || says_nothing {
            return None;
        }
        self.declared = self.present;
        self.reference += 1;
        let payload = match (self.kind, self.present) {
            (ClientKind::Registration, true) => {
                json!({"event": "track", "payload": {"step": "payment"}})
            }
            (ClientKind::Registration, false) => json!({"event": "untrack"}),
            (_, true) => json!({"step": "payment"}),
            (_, false) => json!({"step": null}),
        };
        Some(self.text("presence", &payload))
    }

    fn text(&self, event: &str, payload: &Value) -> String {
        let (join_ref, reference) = (self.join_ref.to_string(), self.reference.to_string());
        json!([join_ref, reference, self.topic, event, payload]).to_string()
    }

    /// Takes a frame in: `[join_ref, ref, topic, event, payload]`.
    pub(super) fn on_frame(&mut self, frame: &Value) -> NextMove {
        let own = Value::from(self.join_ref.to_string());
        let is_own = frame[0].is_null() || frame[0] == own;
        let payload = &frame[4];
        match frame[3].as_str().unwrap_or_default() {
            "phx_reply" if frame[1] == own => self.on_joined(payload),
            "phx_close" | "phx_error" if is_own => {
                self.joined = false;
                NextMove::RejoinLater
            }
            // Before its join is answered, frames are of the join before, maybe of a history that was lost since.
            "update" if self.joined => self.on_update(payload),
            "beat" if self.joined => {
                let newest = payload["revisions"][&self.topic].as_u64();
                let is_behind = newest.is_some_and(|newest| self.revision() < Some(newest));
                if is_behind {
                    NextMove::Rejoin
                } else {
                    NextMove::Nothing
                }
            }
            "presence" => {
                self.total = payload["total"].as_u64().expect("a total");
                NextMove::Nothing
            }
            "presence_state" => {
                self.members.clear();
                self.enter(payload);
                NextMove::Nothing
            }
            "presence_diff" => {
                for member in members(&payload["leaves"]) {
                    let gone = self.members.remove(&member.0);
                    assert!(gone.is_some(), "a diff names a member that was not there");
                }
                self.enter(&payload["joins"]);
                NextMove::Nothing
            }
            _ => NextMove::Nothing,
        }
    }

    fn enter(&mut self, listed: &Value) {
        self.members.extend(members(listed));
    }

    fn on_joined(&mut self, payload: &Value) -> NextMove {
        if payload["status"] != "ok" {
            assert_eq!(payload["response"]["code"], "UNAVAILABLE", "{payload}");
            return NextMove::RejoinLater;
        }
        self.joined = true;
        let response = &payload["response"];
        if let Some(revision) = response["revision"].as_u64() {
            self.joined_at(revision, response);
        }
        self.declare().map_or(NextMove::Nothing, NextMove::Send)
    }

    /// Takes an answer even if it is older than the client's state: a node that only lags would not have given it.
    fn joined_at(&mut self, revision: Revision, response: &Value) {
        let state = &response["state"];
        self.total = state["presence"]["total"].as_u64().unwrap_or(self.total);
        let level = self.revision() == Some(revision) && response["resumed"] == true;
        let picture = match self.have.take() {
            Some(_) if level && mistaken!(ForgetWhenLevel) => ShownPicture::whole(state),
            Some((_, mut picture)) if response["resumed"] == true => {
                picture.change(state);
                picture
            }
            _ => ShownPicture::whole(state),
        };
        self.have = Some((revision, picture));
    }

    fn on_update(&mut self, update: &Value) -> NextMove {
        let (from, to) = (update["from"].as_u64(), update["to"].as_u64());
        let (from, to) = (from.expect("a revision"), to.expect("a revision"));
        let Some((have, picture)) = &mut self.have else {
            return NextMove::Nothing;
        };
        if to <= *have {
            return NextMove::Nothing;
        }
        if from > *have && !mistaken!(ApplyOverGap) {
            return NextMove::Rejoin;
        }
        if from == 0 {
            *picture = ShownPicture::whole(update);
        } else {
            picture.change(update);
        }
        *have = to;
        NextMove::Nothing
    }
}

/// `phx_ref` and key of each member.
fn members(listed: &Value) -> impl Iterator<Item = (String, String)> {
    let keys = listed.as_object().into_iter().flatten();
    keys.flat_map(|(key, member)| {
        let metas = member["metas"].as_array().into_iter().flatten();
        metas.map(move |meta| {
            let phx_ref = meta["phx_ref"].as_str().unwrap_or_default();
            (phx_ref.to_owned(), key.clone())
        })
    })
}
