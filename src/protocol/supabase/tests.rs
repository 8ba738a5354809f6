#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    BroadcastConfig, JoinConfig, PresenceConfig, System, Watched, broadcast, is_api_key,
    read_broadcast,
};
use crate::config::{Config, SocketConfig};
use crate::protocol::fixtures::{STALLS, VIP, removed, sold_one, stalls, state};
use crate::protocol::phoenix::{BroadcastBody, Payload, UserBroadcast, Vsn};
use crate::ticketing::live::{Delta, Op, RowChange};

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
    let state = state();
    let messages = config.bindings.changes(delta, &state);
    messages
        .iter()
        .map(|message| serde_json::to_value(message).unwrap())
        .collect()
}

/// Whether a filter lets the sold-one row through: id 101 of event 42, «Stalls», 40 available,
/// 19 reserved, 41 sold, updated at 2026-11-21T01:02:03.456789Z.
fn lets_through(filter: &str) -> bool {
    let config = filtered(filter);
    assert_eq!(error(&config), None, "{filter}");
    !messages(&config, &sold_one()).is_empty()
}

/// What the `system` message complains of.
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

#[test]
fn reads_what_clients_send() {
    let payload = json!({
        "config": {
            "broadcast": {"ack": true},
            "presence": {"key": "", "enabled": true},
            "postgres_changes": [
                {"event": "UPDATE", "schema": "public", "table": "event_tickets", "filter": "event_id=eq.1"}
            ],
            "private": false
        },
        "access_token": "tok1"
    });
    let config = JoinConfig::read(&payload, &limits()).unwrap();
    assert_eq!(
        config.broadcast,
        BroadcastConfig {
            ack: true,
            own: false
        }
    );
    assert_eq!(
        config.presence,
        PresenceConfig {
            key: None,
            enabled: true
        }
    );
    assert_eq!(config.access_token.as_deref(), Some("tok1"));
    assert_eq!(config.bindings.watches(), Watched::Event(1));
    assert!(!config.private);
}

#[test]
fn what_is_missing_or_of_another_type_counts_as_absent() {
    let payloads = [
        json!({}),
        json!(null),
        json!([]),
        json!("x"),
        json!({"config": null}),
        json!({"config": []}),
        json!({"config": {"broadcast": null, "presence": null, "postgres_changes": null}}),
        json!({"config": {"broadcast": 7, "presence": "x", "postgres_changes": {"a": 1}, "private": 3}}),
        json!({"config": {"postgres_changes": [null, 7, "x", []]}, "access_token": null}),
        json!({"config": {"presence": {"key": "ids"}}, "access_token": ""}),
    ];
    for payload in payloads {
        let config = JoinConfig::read(&payload, &limits()).unwrap();
        assert!(config.bindings.is_empty(), "{payload}");
        assert_eq!(config.bindings.watches(), Watched::Nothing);
        assert_eq!(config.bindings.system("realtime:x"), None);
        assert_eq!(config.broadcast, BroadcastConfig::default(), "{payload}");
        assert_eq!(config.presence, PresenceConfig::default(), "{payload}");
        assert_eq!((config.private, config.access_token), (false, None));
    }
    let text = json!({"config": {"private": "true", "broadcast": {"self": "TRUE"}, "presence": {"key": 7}}, "user_token": "t"});
    let config = JoinConfig::read(&text, &limits()).unwrap();
    assert!(config.private && config.broadcast.own);
    assert_eq!(config.presence.key.as_deref(), Some("7"));
    assert_eq!(config.access_token.as_deref(), Some("t"));
}

#[test]
fn bindings_come_back_verbatim_in_order_each_with_its_id() {
    let asked = json!([
        {"event": "*", "schema": "public"},
        {"event": "INSERT", "schema": "public", "table": "event_tickets", "filter": ""},
        {"event": "whatever", "table": "no such table", "extra": {"a": [1]}, "filter": null},
        {"event": "*", "schema": "public"},
        {},
    ]);
    let config = join(asked.clone());
    let reply = serde_json::to_value(config.bindings.reply()).unwrap();
    let mut echoes = reply["postgres_changes"].clone();
    for echo in echoes.as_array_mut().unwrap() {
        let id = echo.as_object_mut().unwrap().remove("id").unwrap();
        assert!((1..1 << 31).contains(&id.as_u64().unwrap()));
    }
    assert_eq!(echoes, asked);
    let ids = ids(&config);
    assert_eq!(ids[0], ids[3]);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 4);
}

#[test]
fn equal_requests_are_equal_and_others_are_not() {
    let (one, two) = (filtered("event_id=eq.1"), filtered("event_id=eq.2"));
    assert_eq!(one.bindings, filtered("event_id=eq.1").bindings);
    assert_ne!(one.bindings, two.bindings);
    assert_ne!(one.bindings, filtered("").bindings);
    assert_eq!(ids(&one), ids(&filtered("event_id=eq.1")));
    assert_ne!(ids(&one), ids(&two));
    // An id that a client sends is not its to choose.
    let (forged, plain) = (
        join(json!([{"table": "event_tickets", "id": 5}])),
        join(json!([{"table": "event_tickets"}])),
    );
    assert_eq!(ids(&forged), ids(&plain));
}

#[test]
fn too_much_is_refused() {
    let many = json!({"config": {"postgres_changes": vec![json!({}); 33]}});
    let error = JoinConfig::read(&many, &limits()).unwrap_err();
    assert_eq!(
        error.reason,
        "InvalidPayload: a join has at most 32 bindings"
    );
    let long = json!({"config": {"postgres_changes": [{"filter": "x".repeat(9_000)}]}});
    let error = JoinConfig::read(&long, &limits()).unwrap_err();
    assert_eq!(error.code, "INVALID_PAYLOAD");
    let filter = "name=match.a,name=match.b,name=match.c";
    let patterns =
        json!({"config": {"postgres_changes": [{"table": "event_tickets", "filter": filter}]}});
    assert!(
        JoinConfig::read(&patterns, &limits())
            .unwrap_err()
            .reason
            .contains("patterns")
    );
}

#[test]
fn a_bad_binding_is_told_and_the_good_ones_live() {
    let cases = [
        (json!({}), "No subscription params provided"),
        (
            json!({"table": {"a": 1}}),
            "No subscription params provided",
        ),
        (
            json!({"schema": "public", "table": "users"}),
            "no table public.users is published",
        ),
        (json!({"schema": "other"}), "no table other.* is published"),
        (
            json!({"table": "event_tickets", "filter": 7}),
            "No subscription params provided",
        ),
        (
            json!({"table": "event_tickets", "filter": "wrong"}),
            "Error parsing `filter` params: \"wrong\"",
        ),
        (
            json!({"table": "event_tickets", "filter": "id=eq"}),
            "is not column=operator.value",
        ),
        (
            json!({"table": "event_tickets", "filter": "price=eq.1"}),
            "invalid column for filter price",
        ),
        (
            json!({"table": "event_tickets", "filter": "id=fts.1"}),
            "unknown operator \"fts\"",
        ),
        (
            json!({"table": "event_tickets", "filter": "id=eq.one"}),
            "invalid input syntax for type bigint: \"one\"",
        ),
        (
            json!({"table": "event_tickets", "filter": "sold_count=eq.2147483648"}),
            "type integer",
        ),
        (
            json!({"table": "event_tickets", "filter": "updated_at=gt.soon"}),
            "timestamp with time zone",
        ),
        (
            json!({"table": "event_tickets", "filter": "id=in.1,2"}),
            "wrapped by parentheses",
        ),
        (
            json!({"table": "event_tickets", "filter": "id=eq.1,,id=eq.2"}),
            "empty segments",
        ),
        (
            json!({"table": "event_tickets", "filter": "id=like.1"}),
            "wants a text column",
        ),
        (
            json!({"table": "event_tickets", "filter": "name=match.("}),
            "invalid regular expression",
        ),
        (
            json!({"table": "event_tickets", "filter": "name=match.(a{999}){999}"}),
            "invalid regular expression",
        ),
        (
            json!({"table": "event_tickets", "filter": "name=like.a\\"}),
            "escape character",
        ),
        (
            json!({"table": "event_tickets", "filter": "name=is.7"}),
            "must be null, true, false or unknown",
        ),
        (
            json!({"table": "event_tickets", "filter": "name=is.true"}),
            "boolean",
        ),
        (
            json!({"table": "event_tickets", "select": "id"}),
            "expected a list",
        ),
        (
            json!({"table": "event_tickets", "select": ["price"]}),
            "invalid column for select price",
        ),
        (json!({"schema": "public", "select": ["id"]}), "wildcard"),
    ];
    for (binding, expected) in cases {
        let config = join(json!([binding, {"table": "event_tickets"}]));
        let error = error(&config).unwrap_or_else(|| panic!("{binding} is taken"));
        assert!(error.contains(expected), "{binding}: {error}");
        assert_eq!(messages(&config, &sold_one()).len(), 1);
    }
    let many = (0..101)
        .map(|n| n.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let error = error(&filtered(&format!("id=in.({many})"))).unwrap();
    assert!(error.contains("Maximum 100"), "{error}");
}

#[test]
fn filters_compare_by_the_type_of_the_column() {
    let through = [
        "",
        "  ",
        "event_id=eq.42",
        " event_id=eq.42 , id=eq.101 ",
        "id=neq.1",
        "id=gt.9",
        "id=gte.101",
        "id=lt.1000",
        "id=lte.101",
        "id=not.lt.9",
        "id=in.(1, 101 ,3)",
        "id=not.in.(1,2)",
        "id=in.(\"101\")",
        "name=eq.Stalls",
        "name=eq.\"Stalls\"",
        "name=eq.\"St\\alls\"",
        "name=not.eq.stalls",
        "name=in.(Balcony,Stalls)",
        "name=in.(\"a,b\",\"Stalls\")",
        "name=in.(\"a\\\")b\",Stalls)",
        "name=like.St%",
        "name=like.%all_",
        "name=like.%",
        "name=ilike.sTALL%",
        "name=not.like.st%",
        "name=match.^St",
        "name=match.al+s$",
        "name=imatch.^st",
        "name=not.imatch.x",
        "name=gt.Balcony",
        "name=not.is.null",
        "name=isdistinct.x",
        "name=isdistinct.null",
        "name=not.isdistinct.Stalls",
        "updated_at=gt.2026-11-21",
        "updated_at=lt.2026-11-22",
        "updated_at=gt.2026-11-21T02:02:03+01:00",
        "updated_at=gt.2026-11-21 01:02:03",
        "updated_at=eq.2026-11-21T01:02:03.456789Z",
        "available_count=eq.40,reserved_count=eq.19,sold_count=eq.41",
        "name=eq.Stalls,id=in.(101,102),id=gt.5",
    ];
    let held_back = [
        "event_id=eq.43",
        "id=neq.101",
        "id=gt.101",
        "id=lt.20",
        "id=not.in.(101)",
        "id=in.()",
        "name=eq.stalls",
        "name=eq. Stalls",
        "name=eq.Stalls\"",
        "name=like.Stall",
        "name=like.stalls",
        "name=like.St\\%",
        "name=match.^alls",
        "name=is.null",
        "name=isdistinct.Stalls",
        "name=not.isdistinct.null",
        "updated_at=lt.2026-11-21T01:02:03.456789Z",
        "id=eq.101,id=eq.102",
    ];
    for filter in through {
        assert!(lets_through(filter), "{filter}");
    }
    for filter in held_back {
        assert!(!lets_through(filter), "{filter}");
    }
}

#[test]
fn commas_in_quotes_and_parentheses_do_not_split() {
    let mut named = sold_one();
    let row = crate::ticketing::live::TicketType {
        name: "a,b=eq.\"c\" (d)".into(),
        ..stalls(1, 0, 0)
    };
    named.ticket_types.insert(STALLS, RowChange::update(row));
    for filter in [
        r#"name=eq."a,b=eq.\"c\" (d)""#,
        r#"name=in.(x,"a,b=eq.\"c\" (d)"),id=eq.101"#,
        r#"id=eq.101,name=like."a,b%(d)""#,
        r#"name=like.a_b=eq."c" (d)"#,
    ] {
        let config = filtered(filter);
        assert_eq!(error(&config), None, "{filter}");
        assert_eq!(messages(&config, &named).len(), 1, "{filter}");
    }
}

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
    delta.ticket_types.insert(
        VIP,
        RowChange {
            op: Op::Insert,
            row: Some(stalls(1, 0, 0)),
        },
    );
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
    let at = super::change::commit_timestamp;
    assert_eq!(
        at("2026-11-21T02:02:03.456999+01:00"),
        "2026-11-21T01:02:03.456Z"
    );
    assert_eq!(at("2026-11-21T01:02:03Z"), "2026-11-21T01:02:03.000Z");
    assert_eq!(at(""), "");
}

#[test]
fn what_a_set_of_bindings_watches() {
    assert_eq!(
        filtered("event_id=eq.42").bindings.watches(),
        Watched::Event(42)
    );
    assert_eq!(
        filtered("id=gt.5,event_id=eq.42").bindings.watches(),
        Watched::Event(42)
    );
    for filter in ["", "event_id=not.eq.42", "event_id=gt.42", "id=eq.42"] {
        assert_eq!(
            filtered(filter).bindings.watches(),
            Watched::Anything,
            "{filter}"
        );
    }
    assert_eq!(filtered("wrong").bindings.watches(), Watched::Nothing);
    let two = |a, b| {
        let binding = |event: i64| json!({"table": "event_tickets", "filter": format!("event_id=eq.{event}")});
        join(json!([binding(a), binding(b)])).bindings.watches()
    };
    assert_eq!(two(1, 1), Watched::Event(1));
    assert_eq!(two(1, 2), Watched::Anything);
}

#[test]
fn a_system_error_speaks_of_the_channel_without_its_prefix() {
    assert_eq!(
        serde_json::to_value(System::error("realtime:registration:1", "why")).unwrap(),
        json!({"extension": "system", "status": "error", "message": "why", "channel": "registration:1"})
    );
}

#[test]
fn an_api_key_names_nobody() {
    assert!(is_api_key("K", Some("K")));
    assert!(is_api_key("sb_publishable_x", None));
    assert!(!is_api_key("K", Some("L")));
    assert!(!is_api_key("K", None));
}

#[test]
fn a_broadcast_is_read_from_text_and_bytes_alike() {
    let text = Payload::Json(json!({"type": "broadcast", "event": "update", "payload": {"n": 1}}));
    let expected = UserBroadcast {
        event: "update".into(),
        metadata: None,
        body: BroadcastBody::Json(json!({"n": 1})),
    };
    assert_eq!(read_broadcast(text), Ok(expected.clone()));
    assert_eq!(
        read_broadcast(Payload::Broadcast(expected.clone())),
        Ok(expected)
    );
    let bare = read_broadcast(Payload::Json(json!({"event": "e"}))).unwrap();
    assert_eq!(bare.body, BroadcastBody::Json(json!({})));
    for bad in [json!({}), json!({"event": 7}), json!(null), json!([])] {
        assert_eq!(
            read_broadcast(Payload::Json(bad)).unwrap_err().code,
            "INVALID_PAYLOAD"
        );
    }
    assert!(read_broadcast(Payload::Binary(Default::default())).is_err());
}

#[test]
fn opaque_bytes_do_not_go_out_on_1_0_0() {
    let message = UserBroadcast {
        event: "e".into(),
        metadata: None,
        body: BroadcastBody::Opaque(b"\0".as_slice().into()),
    };
    assert!(broadcast(Vsn::V2, "realtime:event-updates:1", &message).is_some());
    assert!(broadcast(Vsn::V1, "realtime:event-updates:1", &message).is_none());
}

/// What `like` means, by the book.
fn like(pattern: &[char], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, _) => text.is_empty(),
        (Some('%'), _) => {
            like(&pattern[1..], text) || (!text.is_empty() && like(pattern, &text[1..]))
        }
        (Some('_'), Some(_)) => like(&pattern[1..], &text[1..]),
        (Some(wanted), Some(found)) => wanted == found && like(&pattern[1..], &text[1..]),
        (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn like_matches_as_the_book_says(pattern in "[ab%_]{0,8}", text in "[ab]{0,8}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let found = super::like::LikePattern::parse(&pattern, false).unwrap().matches(&text);
        prop_assert_eq!(found, like(&chars(&pattern), &chars(&text)));
    }

    #[test]
    fn any_filter_is_read_or_told(
        filter in r#"((id|name|updated_at|x)?=?(not\.)?(eq|in|like|match|is|isdistinct|gt)?\.?[("a1,).\\%*+\[ö-]{0,8},?){0,4}|.{0,60}"#
    ) {
        let payload = json!({"config": {"postgres_changes": [{"table": "event_tickets", "filter": filter}]}});
        if let Ok(config) = JoinConfig::read(&payload, &limits()) {
            let state = state();
            prop_assert!(config.bindings.changes(&sold_one(), &state).len() <= 1);
            let _ = config.bindings.changes(&removed(), &state);
        }
    }

    /// A value in quotes means itself, whatever is in it.
    #[test]
    fn a_quoted_value_is_taken_literally(name in ".{0,20}") {
        let quoted = name.replace('\\', r"\\").replace('"', "\\\"");
        let mut delta = sold_one();
        let row = crate::ticketing::live::TicketType { name, ..stalls(1, 0, 0) };
        delta.ticket_types.insert(STALLS, RowChange::update(row));
        for filter in [format!("name=eq.\"{quoted}\",id=eq.101"), format!("name=in.(x,\"{quoted}\")")] {
            let config = filtered(&filter);
            prop_assert_eq!(error(&config), None);
            prop_assert_eq!(messages(&config, &delta).len(), 1, "{}", filter);
        }
    }

    #[test]
    fn any_config_is_read_or_refused(
        values in prop::collection::vec(prop::sample::select(vec!["null", "7", "\"x\"", "{}", "[]", "true", "[{}]", "[null,{\"event\":7,\"schema\":[]}]"]), 6)
    ) {
        let text = format!(
            r#"{{"config":{{"broadcast":{},"presence":{},"postgres_changes":{},"private":{}}},"access_token":{},"user_token":{}}}"#,
            values[0], values[1], values[2], values[3], values[4], values[5]
        );
        let payload: Value = serde_json::from_str(&text).unwrap();
        let _ = JoinConfig::read(&payload, &limits());
    }
}
