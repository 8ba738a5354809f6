//! Tests of the tables other than `event_tickets`: the messages of a delta.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{error, join, messages};
use crate::config::inside::TABLE_MESSAGES_MAX;
use crate::protocol::fixtures;
use crate::protocol::supabase::ReadAnew;
use crate::ticketing::NoticeId;
use crate::ticketing::live::{Delta, Op, RowChange, SeatStatus};

/// `table TYPE record old_record` of every message, for a join that watches these.
fn told(tables: &[(&str, &str)], delta: &Delta) -> Vec<Value> {
    let bindings: Vec<Value> = tables
        .iter()
        .map(|(table, filter)| {
            json!({"event": "*", "schema": "public", "table": table, "filter": filter})
        })
        .collect();
    let messages = messages(&join(json!(bindings)), delta).into_iter();
    messages
        .map(|mut message| {
            let data = &mut message["data"];
            json!([
                data["table"].take(),
                data["type"].take(),
                data["record"].take(),
                data["old_record"].take()
            ])
        })
        .collect()
}

#[test]
fn an_event_is_updated_and_deleted() {
    let mut delta = Delta {
        event: Some(fixtures::state().event),
        ..fixtures::delta()
    };
    let rows = told(&[("events", "id=eq.42")], &delta);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (&rows[0][1], &rows[0][3]),
        (&json!("UPDATE"), &json!({"id": 42}))
    );
    let record = &rows[0][2];
    assert_eq!(
        (&record["status"], &record["capacity"], &record["image_url"]),
        (&json!("active"), &json!(120), &Value::Null)
    );
    for filter in ["id=eq.43", "membership_required=is.true", "capacity=lt.100"] {
        assert!(told(&[("events", filter)], &delta).is_empty(), "{filter}");
    }
    for filter in [
        "membership_required=eq.false",
        "membership_required=is.false",
        "image_url=is.null",
    ] {
        assert_eq!(told(&[("events", filter)], &delta).len(), 1, "{filter}");
    }
    delta.deleted = true;
    let rows = told(&[("events", "")], &delta);
    assert_eq!(rows, [json!(["events", "DELETE", null, {"id": 42}])]);
    assert!(told(&[("events", "")], &fixtures::sold_one()).is_empty());
}

#[test]
fn seats_are_told_by_position_and_a_new_map_seat_by_seat() {
    let mut delta = Delta {
        seats: BTreeMap::from([(1, SeatStatus::Available), (2, SeatStatus::Sold)]),
        ..fixtures::delta()
    };
    let sold = json!(["seats", "UPDATE", {"position": 2, "event_id": 42, "status": "sold"}, {"position": 2}]);
    assert_eq!(told(&[("seats", "event_id=eq.42")], &delta).len(), 2);
    assert_eq!(told(&[("seats", "status=eq.sold")], &delta), [sold]);
    (delta.layout, delta.seat_count) = (Some(4), 3);
    let kinds = |delta: &Delta| -> Vec<Value> {
        let rows = told(&[("seats", "")], delta);
        rows.iter()
            .map(|row| json!([row[1], row[2]["status"]]))
            .collect()
    };
    assert_eq!(
        kinds(&delta),
        [
            json!(["INSERT", "available"]),
            json!(["INSERT", "available"]),
            json!(["INSERT", "sold"])
        ]
    );
    assert_eq!(told(&[("events", "")], &delta).len(), 1, "its layout moved");

    // Seats that moved after the new map are told to those who watch nothing but that.
    let updates = join(json!([{"event": "UPDATE", "table": "seats"}]));
    assert!(messages(&updates, &delta).is_empty(), "of the map alone");
    delta.merge(&Delta {
        from: delta.to,
        to: delta.to + 1,
        seats: BTreeMap::from([(0, SeatStatus::Held)]),
        ..fixtures::delta()
    });
    let moved = messages(&updates, &delta);
    let moved: Vec<_> = moved.iter().map(|one| &one["data"]).collect();
    assert!(
        moved.iter().all(|data| data["type"] == "UPDATE"),
        "{moved:?}"
    );
    let held = |data: &&&Value| data["record"]["status"] == "held";
    assert_eq!(moved.iter().filter(held).count(), 1, "{moved:?}");
}

#[test]
fn what_cannot_be_told_by_rows_is_to_be_read_anew() {
    let state = fixtures::state();
    let watch = |table: &str| {
        let binding = json!({"event": "*", "schema": "public", "table": table});
        join(json!([binding])).bindings
    };
    let told =
        |table: &str, delta: &Delta| watch(table).changes(delta, &state).map(|rows| rows.len());
    let many = TABLE_MESSAGES_MAX as u32;
    let seats = |count: u32| (0..count).map(|position| (position, SeatStatus::Blocked));
    let mut delta = Delta {
        seats: seats(many).collect(),
        ..fixtures::delta()
    };
    assert_eq!(told("seats", &delta), Ok(TABLE_MESSAGES_MAX));
    delta.seats = seats(many + 1).collect();
    assert_eq!(told("seats", &delta), Err(ReadAnew));
    assert_eq!(told("event_tickets", &delta), Ok(0), "no row of it changed");
    // A new layout counts with all its seats, free or not.
    (delta.layout, delta.seat_count) = (Some(4), many + 1);
    delta.seats.clear();
    assert_eq!(told("seats", &delta), Err(ReadAnew));
    assert_eq!(told("events", &delta), Ok(1));
    // The whole state does not say which rows are gone.
    let whole = state.whole();
    for table in ["events", "event_tickets", "notices", "seats", "*"] {
        assert_eq!(told(table, &whole), Err(ReadAnew), "{table}");
    }
    assert!(
        join(json!([]))
            .bindings
            .changes(&whole, &state)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn notices_come_and_change_and_go() {
    let notice = fixtures::state().notices[&NoticeId(7)].clone();
    let mut delta = fixtures::delta();
    for op in [Op::Insert, Op::Update] {
        let row = Some(notice.clone());
        delta.notices = BTreeMap::from([(
            NoticeId(7),
            RowChange {
                op,
                updated: false,
                row,
            },
        )]);
        let rows = told(
            &[("notices", "event_id=eq.42,type=in.(info_update,custom)")],
            &delta,
        );
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0][2]["data"], json!({}));
        assert_eq!(rows[0][3].is_null(), op == Op::Insert);
    }
    let rows = told(&[("notices", "event_id=eq.42")], &fixtures::removed());
    assert_eq!(rows, [json!(["notices", "DELETE", null, {"id": 7}])]);
    // One binding over all tables gets every row.
    let rows = told(&[("*", "")], &fixtures::removed());
    let tables: Vec<&Value> = rows.iter().map(|row| &row[0]).collect();
    assert_eq!(tables, ["event_tickets", "notices"]);
    let config = join(json!([{"schema": "public", "table": "notices", "filter": "data=eq.{}"}]));
    assert!(error(&config).unwrap().contains("jsonb are not compared"));
}
