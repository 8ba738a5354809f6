//! Compares the golden frames of `tests/wire` with the frames that this code reads and writes. The tests of `web/`
//! read the same files.
//!
//! `client.json` holds frames from clients, `server.json` frames to them: a `name`, the `vsn`, the frame as `text` or
//! as `bytes` in hex, and its meaning: `decoded`, or `malformed` for one that is refused. A new frame to clients is
//! added here under the same name.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::code;
use super::fixtures::{
    after, held_booking, held_ticket, offered_ticket, relaid, removed, seats_taken, sold_booking,
    sold_one, stalls, state,
};
use super::native::{self, EntityId, EntityKind, Response, Told};
use super::phoenix::{
    self, BroadcastBody, ClientFrame, Empty, Malformed, Payload, PhoenixReply, Ref, UserBroadcast,
    Vsn,
};
use super::supabase::{self, JoinConfig, System};
use super::topic::Topic;
use crate::config::Config;
use crate::protocol::presence::Counts;
use crate::ticketing::live::{Delta, RowChange};
use crate::ticketing::{EventId, Revision, UserId};

#[derive(Deserialize)]
struct Golden {
    name: String,
    vsn: String,
    text: Option<String>,
    bytes: Option<String>,
    decoded: Option<Value>,
    malformed: Option<Value>,
}

impl Golden {
    fn vsn(&self) -> Vsn {
        Vsn::from_query(Some(&self.vsn)).unwrap()
    }
}

fn read(file: &str) -> Vec<Golden> {
    serde_json::from_str(file).unwrap()
}

#[test]
fn frames_from_clients_mean_what_they_say() {
    for golden in read(include_str!("../../tests/wire/client.json")) {
        let frame = match (&golden.text, &golden.bytes) {
            (Some(text), None) => phoenix::decode_text(golden.vsn(), text),
            (None, Some(hex)) => phoenix::decode_binary(golden.vsn(), &unhex(hex)),
            _ => panic!("{}: either text or bytes", golden.name),
        };
        let (decoded, malformed) = match frame {
            Ok(frame) => (Some(shown(frame)), None),
            Err(malformed) => (None, Some(refused(malformed))),
        };
        assert_eq!(decoded, golden.decoded, "{}", golden.name);
        assert_eq!(malformed, golden.malformed, "{}", golden.name);
    }
}

#[test]
fn frames_to_clients_are_the_golden_ones() {
    let mut made = made();
    for golden in read(include_str!("../../tests/wire/server.json")) {
        let frame = made.remove(golden.name.as_str());
        let frame = frame.unwrap_or_else(|| panic!("nothing makes «{}»", golden.name));
        let (opcode, payload) = unframed(&frame);
        if let Some(hex) = &golden.bytes {
            assert_eq!((opcode, payload), (2, &unhex(hex)[..]), "{}", golden.name);
            continue;
        }
        let sent: Value = serde_json::from_slice(payload).unwrap();
        let text: Value = serde_json::from_str(golden.text.as_ref().unwrap()).unwrap();
        assert_eq!((opcode, &sent), (1, &text), "{}: sent {sent}", golden.name);
        assert_eq!(
            Some(meant(golden.vsn(), text)),
            golden.decoded,
            "{}",
            golden.name
        );
    }
    assert!(made.is_empty(), "no golden frame for {:?}", made.keys());
}

/// Every frame of `server.json`, by its name.
fn made() -> BTreeMap<&'static str, Bytes> {
    [
        replies(),
        events(),
        seats(),
        own_bookings(),
        figures(),
        connection(),
        dialect(),
        changes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

type Made = Vec<(&'static str, Bytes)>;

const EVENT: &str = "event:42";
const SEATS: &str = "seats:42";
const TICKETS: &str = "realtime:event-tickets:42";
const UPDATES: &str = "realtime:event-updates:42";
const OWN: &str = "user:3";

/// When two reads of a user's bookings began, by the database's clock.
const READ_BEFORE: Revision = 1_795_222_923_000_017;
const READ_AT: Revision = 1_795_222_983_456_789;

fn replies() -> Made {
    let (one, two) = (Ref::of_text("1"), Ref::of_text("2"));
    let (one, two) = (Some(&one), Some(&two));
    let not_found = || PhoenixReply::refused(code::EVENT_NOT_FOUND.because("no event 43"));
    let unmatched = code::UNMATCHED_TOPIC.because("\"event:42\" is not joined");
    let malformed = code::MALFORMED_FRAME.because("topic has to be a string");
    vec![
        (
            "heartbeat",
            phoenix::reply(Vsn::V2, None, two, "phoenix", PhoenixReply::OK),
        ),
        (
            "heartbeat, 1.0.0",
            phoenix::reply(Vsn::V1, None, two, "phoenix", PhoenixReply::OK),
        ),
        (
            "heartbeat without a ref, 1.0.0",
            phoenix::reply(Vsn::V1, None, None, "phoenix", PhoenixReply::OK),
        ),
        (
            "join refused",
            phoenix::reply(Vsn::V2, one, one, "event:43", not_found()),
        ),
        (
            "join refused, 1.0.0",
            phoenix::reply(Vsn::V1, one, one, "event:43", not_found()),
        ),
        (
            "push on a topic that is not joined",
            phoenix::reply(Vsn::V2, None, two, EVENT, PhoenixReply::refused(unmatched)),
        ),
        (
            "malformed frame",
            phoenix::reply(
                Vsn::V2,
                None,
                None,
                "phoenix",
                PhoenixReply::refused(malformed),
            ),
        ),
        (
            "leave",
            phoenix::reply(Vsn::V2, one, two, EVENT, PhoenixReply::OK),
        ),
    ]
}

fn events() -> Made {
    let (limits, state, nobody) = (Config::default().availability, state(), Counts::default());
    let one = Ref::of_text("1");
    let whole = Response {
        revision: 57,
        resumed: false,
        state: native::event_state(&state, jiff::Timestamp::UNIX_EPOCH, &nobody, &limits),
    };
    let removed = removed();
    let resumed = Response {
        revision: 58,
        resumed: true,
        state: native::event_changes(&removed, &state, &nobody, &limits),
    };
    let update = |vsn, delta: &Delta| {
        let payload = native::event_update(delta, &state, &limits);
        phoenix::push(vsn, EVENT, native::UPDATE, &payload)
    };
    let join = |response| phoenix::reply(Vsn::V2, Some(&one), Some(&one), EVENT, response);
    vec![
        (
            "event joined",
            join(PhoenixReply::Ok(phoenix::encoded(&whole))),
        ),
        (
            "event resumed",
            join(PhoenixReply::Ok(phoenix::encoded(&resumed))),
        ),
        ("one sold", update(Vsn::V2, &sold_one())),
        ("one sold, 1.0.0", update(Vsn::V1, &sold_one())),
        ("ticket type and notice removed", update(Vsn::V2, &removed)),
        (
            "nothing that event viewers see",
            update(Vsn::V2, &seats_taken()),
        ),
        ("whole event", update(Vsn::V2, &state.whole())),
        (
            "event deleted",
            update(
                Vsn::V2,
                &Delta {
                    deleted: true,
                    ..super::fixtures::delta()
                },
            ),
        ),
    ]
}

fn seats() -> Made {
    let one = Ref::of_text("1");
    let joined = Response {
        revision: 57,
        resumed: false,
        state: native::seats_state(&state()),
    };
    let update = |vsn, delta: &Delta| {
        phoenix::push(
            vsn,
            SEATS,
            native::UPDATE,
            &native::seats_update(delta, &after(delta)),
        )
    };
    vec![
        (
            "seats joined",
            phoenix::reply(
                Vsn::V2,
                Some(&one),
                Some(&one),
                SEATS,
                PhoenixReply::Ok(joined),
            ),
        ),
        ("two seats taken", update(Vsn::V2, &seats_taken())),
        ("two seats taken, 1.0.0", update(Vsn::V1, &seats_taken())),
        ("new layout", update(Vsn::V2, &relaid())),
    ]
}

fn own_bookings() -> Made {
    let one = Ref::of_text("1");
    let held = phoenix::encoded(&held_booking());
    let sold = phoenix::encoded(&sold_booking());
    let all = [&held, &sold].map(|body| (EntityKind::Booking, &**body));
    let told = |is_whole, entities: &[_], gone: &[_]| Told {
        is_whole,
        entities: entities.to_vec(),
        gone: gone.to_vec(),
    };
    let join = |revision, resumed, state| {
        let response = PhoenixReply::Ok(Response {
            revision,
            resumed,
            state,
        });
        phoenix::reply(Vsn::V2, Some(&one), Some(&one), OWN, response)
    };
    let update = |vsn, from, told: &Told| {
        let update = native::user_update(from, READ_AT, told);
        phoenix::push(vsn, OWN, native::UPDATE, &update)
    };
    let changed = told(false, &all[1..], &[]);
    let gone = [EntityId::Booking(sold_booking().id)];
    let [taken_over, offered] = [held_ticket(), offered_ticket()].map(|one| phoenix::encoded(&one));
    let ticket = |body| [(EntityKind::Ticket, body)];
    let both = [all[1], (EntityKind::Ticket, &*taken_over)];
    let handed_on = [EntityId::Ticket(held_ticket().id)];
    let all_gone = [gone[0], handed_on[0]];
    vec![
        (
            "bookings joined",
            join(READ_AT, false, told(true, &all, &[])),
        ),
        (
            "no bookings joined",
            join(READ_AT, false, told(true, &[], &[])),
        ),
        (
            "bookings resumed",
            join(READ_AT, true, told(false, &all[1..], &[])),
        ),
        (
            "bookings resumed, nothing changed",
            join(READ_AT, true, told(false, &[], &[])),
        ),
        ("booking confirmed", update(Vsn::V2, READ_BEFORE, &changed)),
        (
            "booking confirmed, 1.0.0",
            update(Vsn::V1, READ_BEFORE, &changed),
        ),
        (
            "booking gone",
            update(Vsn::V2, READ_BEFORE, &told(false, &[], &gone)),
        ),
        (
            "one booking changed, another gone",
            update(Vsn::V2, READ_BEFORE, &told(false, &all[..1], &gone)),
        ),
        ("all bookings", update(Vsn::V2, 0, &told(true, &all, &[]))),
        (
            "a booking and a ticket taken over joined",
            join(READ_AT, false, told(true, &both, &[])),
        ),
        (
            "ticket taken over",
            update(
                Vsn::V2,
                READ_BEFORE,
                &told(false, &ticket(&*taken_over), &[]),
            ),
        ),
        (
            "ticket taken over, 1.0.0",
            update(
                Vsn::V1,
                READ_BEFORE,
                &told(false, &ticket(&*taken_over), &[]),
            ),
        ),
        (
            "ticket taken over is offered",
            update(Vsn::V2, READ_BEFORE, &told(false, &ticket(&*offered), &[])),
        ),
        (
            "ticket taken over went on",
            update(Vsn::V2, READ_BEFORE, &told(false, &[], &handed_on)),
        ),
        (
            "booking and ticket gone",
            update(Vsn::V2, READ_BEFORE, &told(false, &[], &all_gone)),
        ),
    ]
}

fn figures() -> Made {
    let counts = json!({"pending": 1, "confirmed": 3, "expired": 0, "cancelled": 2, "refunded": 0});
    let body = phoenix::encoded(&json!({
        "revenue": {"amount": 13_500, "currency": "EUR"}, "bookings": counts,
        "tickets_sold": 5, "tickets_held": 2, "sold_per_minute": 1, "joins_per_minute": 40,
    }));
    let figures = native::figures(READ_AT, &body);
    let push = |vsn| phoenix::push(vsn, "admin:42", native::FIGURES, &figures);
    vec![
        ("figures", push(Vsn::V2)),
        ("figures, 1.0.0", push(Vsn::V1)),
    ]
}

fn connection() -> Made {
    let revisions = [
        (Topic::Event(EventId(42)), 61),
        (Topic::Seats(EventId(42)), 61),
    ];
    let own = [(Topic::User(UserId(3)), READ_AT)];
    let up = native::Checked::up("2026-11-21T01:02:03.456Z".parse().unwrap());
    let down = native::Checked {
        database_up: false,
        ..up
    };
    let push = |event, payload: Box<serde_json::value::RawValue>| {
        phoenix::push(Vsn::V2, "phoenix", event, &payload)
    };
    let beat = |checked| {
        push(
            native::BEAT,
            phoenix::encoded(&native::beat(&revisions, checked)),
        )
    };
    let one = Ref::of_text("1");
    let reason = json!({"reason": "the topic failed"});
    let end =
        |vsn, event, payload: &Value| phoenix::push_to(vsn, Some(&one), EVENT, event, payload);
    vec![
        ("beat", beat(up)),
        ("beat without a database", beat(down)),
        (
            "beat of own bookings",
            push(native::BEAT, phoenix::encoded(&native::beat(&own, up))),
        ),
        (
            "drain",
            push(native::DRAIN, phoenix::encoded(&native::drain(1_250))),
        ),
        ("topic ended", end(Vsn::V2, "phx_close", &json!({}))),
        ("topic ended, 1.0.0", end(Vsn::V1, "phx_close", &json!({}))),
        ("topic failed", end(Vsn::V2, "phx_error", &reason)),
        ("topic failed, 1.0.0", end(Vsn::V1, "phx_error", &reason)),
    ]
}

/// The bindings of the golden join.
fn join_config() -> JoinConfig {
    let updates = json!({
        "event": "UPDATE", "schema": "public", "table": "event_tickets", "filter": "event_id=eq.42"
    });
    let all = json!({"event": "*", "schema": "public", "table": "event_tickets"});
    let config = json!({"config": {"postgres_changes": [updates, all]}});
    JoinConfig::read(&config, &Config::default().socket).unwrap()
}

fn dialect() -> Made {
    let one = Ref::of_text("1");
    let bindings = join_config().bindings;
    let to_join =
        |event, payload: &System| phoenix::push_to(Vsn::V2, Some(&one), TICKETS, event, payload);
    let failed = System::error(TICKETS, "InvalidJWTToken: the token ended");
    let json_broadcast = UserBroadcast {
        event: "update".into(),
        metadata: None,
        body: BroadcastBody::Json(json!({"updateType": "info_update", "data": {}})),
    };
    let opaque_broadcast = UserBroadcast {
        body: BroadcastBody::Opaque(Bytes::from_static(b"\0\x01\xff")),
        ..json_broadcast.clone()
    };
    let broadcast = |vsn, message| supabase::broadcast(vsn, UPDATES, message).unwrap();
    let nobody = phoenix::push_to(Vsn::V2, Some(&one), TICKETS, "presence_state", &Empty {});
    vec![
        (
            "bindings joined",
            phoenix::reply(
                Vsn::V2,
                Some(&one),
                Some(&one),
                TICKETS,
                PhoenixReply::Ok(bindings.reply()),
            ),
        ),
        (
            "bindings live",
            to_join(supabase::SYSTEM, &bindings.system(TICKETS).unwrap()),
        ),
        ("channel failed", to_join(supabase::SYSTEM, &failed)),
        ("nobody present", nobody),
        ("broadcast", broadcast(Vsn::V2, &json_broadcast)),
        ("broadcast, 1.0.0", broadcast(Vsn::V1, &json_broadcast)),
        ("broadcast of bytes", broadcast(Vsn::V2, &opaque_broadcast)),
    ]
}

fn changes() -> Made {
    let (bindings, state) = (join_config().bindings, state());
    let message = |vsn, delta: &Delta| {
        let messages = bindings.changes(delta, &state).unwrap();
        let [message] = &messages[..] else {
            panic!("one message, not {}", messages.len());
        };
        phoenix::push(vsn, TICKETS, supabase::POSTGRES_CHANGES, message)
    };
    let mut inserted = sold_one();
    let row = RowChange::insert(stalls(100, 0, 0));
    inserted.ticket_types.insert(super::fixtures::STALLS, row);
    vec![
        ("row updated", message(Vsn::V2, &sold_one())),
        ("row updated, 1.0.0", message(Vsn::V1, &sold_one())),
        ("row inserted", message(Vsn::V2, &inserted)),
        ("row deleted", message(Vsn::V2, &removed())),
    ]
}

/// A client's frame as the golden files show it.
fn shown(frame: ClientFrame) -> Value {
    let mut shown = json!({
        "join_ref": reference(frame.join_ref),
        "ref": reference(frame.reference),
        "topic": frame.topic,
        "event": frame.event,
    });
    match frame.payload {
        Payload::Json(payload) => shown["payload"] = payload,
        Payload::Binary(bytes) => shown["payload_bytes"] = hex(&bytes).into(),
        Payload::Broadcast(broadcast) => {
            let mut inner = json!({"event": broadcast.event, "metadata": broadcast.metadata});
            match broadcast.body {
                BroadcastBody::Json(payload) => inner["payload"] = payload,
                BroadcastBody::Opaque(bytes) => inner["payload_bytes"] = hex(&bytes).into(),
            }
            shown["broadcast"] = inner;
        }
    }
    shown
}

fn refused(malformed: Malformed) -> Value {
    json!({
        "reason": malformed.reason,
        "join_ref": reference(malformed.join_ref),
        "ref": reference(malformed.reference),
        "topic": malformed.topic,
    })
}

fn reference(reference: Option<Ref>) -> Value {
    reference.map_or(Value::Null, |one| {
        serde_json::from_str(one.as_json()).unwrap()
    })
}

/// The meaning of a text frame to a client of that version.
fn meant(vsn: Vsn, text: Value) -> Value {
    match (vsn, text) {
        (Vsn::V1, Value::Object(fields)) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            assert_eq!(names, ["event", "payload", "ref", "topic"]);
            Value::Object(fields)
        }
        (Vsn::V2, Value::Array(fields)) => {
            let [join_ref, reference, topic, event, payload] = fields.try_into().unwrap();
            json!({
                "join_ref": join_ref, "ref": reference,
                "topic": topic, "event": event, "payload": payload,
            })
        }
        (_, other) => panic!("no frame: {other}"),
    }
}

/// Opcode and payload of a WebSocket frame.
fn unframed(frame: &[u8]) -> (u8, &[u8]) {
    let start = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    (frame[0] & 0x0f, &frame[start..])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|digit| !digit.is_whitespace()).collect();
    let pair = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}
