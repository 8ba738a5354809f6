#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Checked, Join, VisitorStep, beat, event_changes, event_state, event_update, seats_changes,
    seats_state, seats_update,
};
use crate::config::inside::SEAT_PAIRS_MAX;
use crate::config::{AvailabilityConfig, Config};
use crate::protocol::fixtures::{
    STALLS, VIP, delta, relaid, removed, seats_taken, sold_one, stalls, state,
};
use crate::protocol::presence::Counts;
use crate::protocol::topic::Topic;
use crate::ticketing::live::{Delta, RowChange, SeatMap, SeatStatus, TicketType};
use crate::ticketing::{EventId, TicketTypeId};

fn limits() -> AvailabilityConfig {
    Config::default().availability
}

fn json_of(payload: &impl Serialize) -> Value {
    serde_json::to_value(payload).unwrap()
}

fn update(delta: &Delta) -> Value {
    json_of(&event_update(delta, &state(), &limits()))
}

#[test]
fn reads_a_join() {
    let full =
        json!({"since": 41, "presence": {"step": "payment"}, "access_token": "t", "more": 1});
    let expected = Join {
        since: Some(41),
        presence: Some(VisitorStep {
            step: Some("payment".into()),
        }),
        access_token: Some("t".into()),
    };
    assert_eq!(Join::read(&full), Ok(expected));
    for nothing in [
        json!({}),
        Value::Null,
        json!({"since": null, "presence": null}),
    ] {
        assert_eq!(Join::read(&nothing), Ok(Join::default()));
    }
}

/// Some clients send all parameters as text.
#[test]
fn core_26_a_revision_is_taken_as_text() {
    let join = Join::read(&json!({"since": "41"}));
    assert_eq!(join.map(|join| join.since), Ok(Some(41)));
}

#[test]
fn a_wrong_field_of_a_join_is_named() {
    let long = "x".repeat(65);
    let cases = [
        (json!([]), "object"),
        (json!("x"), "object"),
        (json!({"since": -1}), "`since`"),
        (json!({"since": 1.5}), "`since`"),
        (json!({"since": "x"}), "`since`"),
        (json!({"since": "-1"}), "`since`"),
        (json!({"since": ""}), "`since`"),
        (json!({"since": 1e30}), "`since`"),
        (json!({"access_token": 7}), "`access_token`"),
        (json!({"presence": "payment"}), "`step`"),
        (json!({"presence": {}}), "`step`"),
        (json!({"presence": {"step": ""}}), "`step`"),
        (json!({"presence": {"step": long}}), "`step`"),
        (json!({"presence": {"step": "x\0y"}}), "`step`"),
        (json!({"presence": {"step": "x\u{85}"}}), "`step`"),
    ];
    for (payload, name) in cases {
        let error = Join::read(&payload).unwrap_err();
        assert_eq!(error.code, "INVALID_PAYLOAD");
        assert!(error.reason.contains(name), "{payload}: {}", error.reason);
    }
}

#[test]
fn ticket_types_are_in_the_order_in_which_they_are_shown() {
    let state = json_of(&event_state(
        &state(),
        Timestamp::UNIX_EPOCH,
        &Counts::default(),
        &limits(),
    ));
    let ids: Vec<&Value> = state["ticket_types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["id"])
        .collect();
    assert_eq!(ids, [VIP.0, STALLS.0]);
}

#[test]
fn the_status_follows_the_thresholds() {
    let cases = [
        (26, "available"),
        (25, "limited"),
        (11, "limited"),
        (10, "almost_sold_out"),
        (1, "almost_sold_out"),
        (0, "sold_out"),
    ];
    for (available, status) in cases {
        let row = RowChange::update(stalls(available, 0, 100 - available));
        let delta = Delta {
            ticket_types: [(STALLS, row)].into(),
            ..delta()
        };
        assert_eq!(
            update(&delta)["ticket_types"][0]["status"],
            status,
            "{available}"
        );
    }
}

#[test]
fn an_update_says_only_what_changed() {
    assert_eq!(update(&delta()), json!({"from": 57, "to": 58}));
    assert_eq!(update(&seats_taken()), json!({"from": 57, "to": 58}));
    let sold = update(&sold_one());
    assert_eq!(sold.as_object().unwrap().len(), 3);
    assert_eq!(
        update(&removed()),
        json!({
            "from": 57, "to": 58,
            "ticket_types": [{"id": 102, "removed": true}],
            "notices": [{"id": 7, "removed": true}],
        })
    );
}

#[test]
fn a_new_layout_brings_the_event_that_names_it() {
    assert_eq!(update(&relaid())["event"], json_of(&state().event));
}

#[test]
fn a_whole_update_replaces_everything_even_by_nothing() {
    let mut empty = state();
    empty.ticket_types.clear();
    empty.notices.clear();
    let whole = json_of(&event_update(&empty.whole(), &empty, &limits()));
    assert_eq!(whole["from"], 0);
    assert_eq!(
        (&whole["ticket_types"], &whole["notices"]),
        (&json!([]), &json!([]))
    );
    let state = state();
    let seats = json_of(&seats_update(&state.whole(), &state));
    assert_eq!(seats["seats"], json_of(&seats_state(&state))["seats"]);
}

/// Clients replace their rows by those of a whole update: a removed one among them would be shown as a ticket type without
/// a price.
#[test]
fn a_whole_update_shows_what_a_join_shows() {
    let mut state = state();
    let secret = TicketType {
        id: TicketTypeId(103),
        hidden: true,
        ..stalls(10, 0, 0)
    };
    state.ticket_types.insert(secret.id, secret);
    // As merged by a viewer's shard: the whole state, and a change after it that took rows away.
    let (mut whole, gone) = (state.whole(), removed());
    state.apply(&gone).unwrap();
    whole.merge(&gone);
    let limits = limits();
    let update = json_of(&event_update(&whole, &state, &limits));
    let joined = json_of(&event_state(
        &state,
        Timestamp::UNIX_EPOCH,
        &Counts::default(),
        &limits,
    ));
    for part in ["event", "ticket_types", "notices"] {
        assert_eq!(update[part], joined[part], "{part}");
    }
}

#[test]
fn the_state_of_a_resumed_join_has_no_revisions() {
    let state = state();
    let mut changes = json_of(&event_changes(
        &removed(),
        &state,
        &Counts::default(),
        &limits(),
    ));
    let presence = changes.as_object_mut().unwrap().remove("presence");
    assert_eq!(presence, Some(json!({"total": 0, "by_step": {}})));
    let mut update = update(&removed());
    update
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name != "from" && name != "to");
    assert_eq!(changes, update);
}

#[test]
fn a_deleted_event_is_the_last_word() {
    let deleted = Delta {
        deleted: true,
        ..delta()
    };
    let last = json!({"from": 57, "to": 58, "deleted": true});
    assert_eq!(update(&deleted), last);
    assert_eq!(json_of(&seats_update(&deleted, &state())), last);
}

#[test]
fn a_beat_of_nothing_is_an_object_too() {
    let beat = json_of(&beat(
        &[],
        Checked::up("2026-11-21T01:02:03Z".parse().unwrap()),
    ));
    assert_eq!(
        beat,
        json!({"revisions": {}, "checked_at": "2026-11-21T01:02:03Z"})
    );
    let topics = [
        (Topic::Event(EventId(42)), 61),
        (Topic::Seats(EventId(42)), 60),
    ];
    let beat = json_of(&super::beat(
        &topics,
        Checked::up(jiff::Timestamp::UNIX_EPOCH),
    ));
    assert_eq!(beat["revisions"], json!({"event:42": 61, "seats:42": 60}));
    assert_eq!(beat.get("database"), None);
}

/// A known client (PyPI `realtime`) drops its connection on frames over 1 MiB.
#[test]
fn the_biggest_seat_map_fits_in_a_frame() {
    let mut state = state();
    state.seats = SeatMap::new(100_000);
    let whole = serde_json::to_vec(&seats_update(&state.whole(), &state)).unwrap();
    assert!(whole.len() < 40_000, "{}", whole.len());
    // The same holds for as many changes without a new map, which are sent packed.
    let blocked = |count| Delta {
        seats: (0..count)
            .map(|position| (position, SeatStatus::Blocked))
            .collect(),
        ..delta()
    };
    for count in [SEAT_PAIRS_MAX as u32, 100_000] {
        let delta = blocked(count);
        state.seats = SeatMap::new(100_000);
        delta
            .seats
            .iter()
            .for_each(|(&position, &status)| state.seats.set(position, status));
        let frame = serde_json::to_vec(&seats_update(&delta, &state)).unwrap();
        assert!(frame.len() < 128 * 1024, "{} of {count}", frame.len());
        let changes = json_of(&seats_changes(&delta, &state));
        assert_eq!(changes.get("layout").is_some(), count == 100_000);
    }
    let packed = json_of(&seats_update(&blocked(100_000), &state));
    assert_eq!(packed["seats"], json_of(&seats_state(&state))["seats"]);
    assert_eq!(
        (&packed["from"], &packed["layout"]),
        (&json!(57), &json!(state.event.layout))
    );
}

proptest! {
    #[test]
    fn any_payload_is_read_or_refused(text in r#"\{("(since|presence|access_token|step)":(-?[0-9]{0,25}|null|"x"|\{\}|\[\]),?){0,3}\}"#) {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            let _ = Join::read(&value);
            let _ = VisitorStep::read(&value);
        }
    }
}
