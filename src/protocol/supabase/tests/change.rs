use serde_json::{Value, json};

use super::{filtered, ids, join, messages};
use crate::protocol::fixtures::{STALLS, VIP, removed, sold_one, stalls};
use crate::protocol::supabase::change::commit_timestamp;
use crate::ticketing::live::{Delta, RowChange};

#[test]
fn a_deletion_reaches_all_whom_it_may_concern() {
    for filter in [
        "event_id=eq.42",
        "id=eq.102",
        "name=eq.Anything",
        "sold_count=not.gt.5",
    ] {
        assert_eq!(messages(&filtered(filter), &removed()).len(), 1, "{filter}");
    }
    assert_eq!(messages(&filtered("id=eq.101"), &removed()).len(), 0);
    assert_eq!(messages(&filtered("event_id=eq.43"), &removed()).len(), 0);
}

#[test]
fn a_message_names_every_binding_that_it_concerns() {
    let config = join(json!([
        {"event": "UPDATE", "schema": "public", "table": "event_tickets", "filter": "event_id=eq.42"},
        {"event": "insert", "table": "event_tickets"},
        {"event": "*", "schema": "*"},
        {"event": "UPDATE", "table": "event_tickets", "filter": "event_id=eq.43"},
        {"event": "*", "schema": "*"},
    ]));
    let ids = ids(&config);
    let updates = messages(&config, &sold_one());
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0]["ids"], json!([ids[0], ids[2]]));
    let deletes = messages(&config, &removed());
    assert_eq!(deletes[0]["ids"], json!([ids[2]]));
}

/// Changes within a window are one: a binding is told of the operation that it asked for, and `*` of each row once.
#[test]
fn a_row_that_was_made_and_changed_reaches_those_who_watch_either() {
    let config = join(json!([
        {"event": "UPDATE", "table": "event_tickets"},
        {"event": "INSERT", "table": "event_tickets"},
        {"event": "*", "table": "event_tickets"},
        {"event": "DELETE", "table": "event_tickets"},
    ]));
    let ids = ids(&config);
    let mut delta = sold_one();
    delta.ticket_types = [(STALLS, RowChange::insert(stalls(100, 0, 0)))].into();
    assert_eq!(
        messages(&config, &delta).len(),
        1,
        "it was made, and no more"
    );
    delta.merge(&Delta {
        from: delta.to,
        to: delta.to + 1,
        ..sold_one()
    });
    let [insert, update] = &messages(&config, &delta)[..] else {
        panic!("an INSERT and an UPDATE")
    };
    assert_eq!(insert["ids"], json!([ids[1], ids[2]]));
    assert_eq!(insert["data"]["type"], "INSERT");
    assert_eq!(update["ids"], json!([ids[0]]));
    assert_eq!(update["data"]["type"], "UPDATE");
    assert_eq!(update["data"]["old_record"], json!({"id": 101}));
    assert_eq!(insert["data"]["record"], update["data"]["record"]);
}

#[test]
fn each_selection_of_columns_has_messages_of_its_own() {
    let config = join(json!([
        {"table": "event_tickets"},
        {"table": "event_tickets", "select": ["sold_count"]},
        {"table": "event_tickets", "select": []},
    ]));
    let messages = messages(&config, &sold_one());
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[0]["data"]["record"].as_object().unwrap().len(), 7);
    assert_eq!(
        messages[1]["data"]["record"],
        json!({"id": 101, "sold_count": 41})
    );
    assert_eq!(
        messages[1]["data"]["columns"],
        json!([{"name": "id", "type": "int8"}, {"name": "sold_count", "type": "int4"}])
    );
    assert_eq!(messages[2]["data"]["record"], json!({"id": 101}));
}

#[test]
fn a_message_has_the_keys_that_clients_insist_on() {
    let mut delta = sold_one();
    delta
        .ticket_types
        .insert(VIP, RowChange::insert(stalls(1, 0, 0)));
    let [update, insert] = &messages(&filtered(""), &delta)[..] else {
        panic!("two rows, two messages")
    };
    let keys = |message: &Value| -> Vec<String> {
        message["data"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let common = ["columns", "commit_timestamp", "errors"];
    let update_keys = [
        &common[..],
        &["old_record", "record", "schema", "table", "type"],
    ]
    .concat();
    let insert_keys = [&common[..], &["record", "schema", "table", "type"]].concat();
    assert_eq!(
        (keys(update), keys(insert)),
        (
            update_keys.iter().map(ToString::to_string).collect(),
            insert_keys.iter().map(ToString::to_string).collect()
        )
    );
    let delete_keys = [&common[..], &["old_record", "schema", "table", "type"]].concat();
    assert_eq!(keys(&messages(&filtered(""), &removed())[0]), delete_keys);
}

#[test]
fn a_commit_time_is_in_utc_with_milliseconds() {
    let at = commit_timestamp;
    assert_eq!(
        at("2026-11-21T02:02:03.456999+01:00"),
        "2026-11-21T01:02:03.456Z"
    );
    assert_eq!(at("2026-11-21T01:02:03Z"), "2026-11-21T01:02:03.000Z");
    assert_eq!(at(""), "");
}
