use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{error, filtered, ids, join, limits, messages};
use crate::protocol::fixtures::sold_one;
use crate::protocol::phoenix::{BroadcastBody, Payload, UserBroadcast, Vsn};
use crate::protocol::supabase::{
    BroadcastConfig, JoinConfig, JoinPresence, System, broadcast, read_broadcast,
};
use crate::ticketing::EventId;

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
        JoinPresence {
            key: None,
            enabled: true
        }
    );
    assert_eq!(config.access_token.as_deref(), Some("tok1"));
    assert!(!config.private);
}

#[test]
fn core_24_what_is_missing_or_of_another_type_counts_as_absent() {
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
        assert_eq!(config.bindings.system("realtime:x"), None);
        assert_eq!(config.broadcast, BroadcastConfig::default(), "{payload}");
        assert_eq!(config.presence, JoinPresence::default(), "{payload}");
        assert_eq!((config.private, config.access_token), (false, None));
    }
    for off in [json!(false), json!("False")] {
        let payload = json!({"config": {"presence": {"enabled": off}}});
        let config = JoinConfig::read(&payload, &limits()).unwrap();
        assert!(!config.presence.enabled, "{payload}");
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
    // A client's own `id` is ignored.
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
    for (key, fits) in [
        ("x".repeat(255), true),
        ("x".repeat(256), false),
        // Each character is six bytes as JSON.
        ("\u{1}".repeat(42), true),
        ("\u{1}".repeat(43), false),
    ] {
        let keyed = json!({"config": {"presence": {"key": key}}});
        let read = JoinConfig::read(&keyed, &limits());
        assert_eq!(read.is_ok(), fits, "{key:?}");
        assert!(read.map_or_else(|error| error.code == "PAYLOAD_TOO_BIG", |_| true));
    }
    let filter = "name=match.a,name=match.b,name=match.c";
    let patterns =
        json!({"config": {"postgres_changes": [{"table": "event_tickets", "filter": filter}]}});
    assert!(
        JoinConfig::read(&patterns, &limits())
            .unwrap_err()
            .reason
            .contains("patterns")
    );
    // Half of the bound in each of two bindings. A pattern without a `%` before its end is compared once.
    for (one, other, fits) in [(128, 128, true), (128, 129, false), (129, 128, false)] {
        let like = |pieces| format!("name=not.like.%{}", "_".repeat(pieces));
        let binding = |filter: String| json!({"table": "event_tickets", "filter": filter});
        let free = format!("name=ilike.{}%", "a".repeat(300));
        let bindings = [binding(like(one)), binding(like(other)), binding(free)];
        let likes = json!({"config": {"postgres_changes": bindings}});
        let read = JoinConfig::read(&likes, &limits());
        assert_eq!(read.is_ok(), fits, "{one} {other}");
        assert!(read.map_or_else(|error| error.reason.contains("like patterns"), |_| true));
    }
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
fn a_filter_for_the_event_of_another_channel_is_told_of() {
    let of_event = |table: &str, filter: &str| {
        let config = join(json!([{"table": table, "filter": filter}]));
        let system = config.bindings.of_event(EventId(42)).system("realtime:x");
        serde_json::to_value(system.unwrap()).unwrap()
    };
    for (table, filter) in [
        ("event_tickets", "event_id=eq.7"),
        ("event_tickets", "id=gt.5,event_id=eq.7"),
        ("notices", "event_id=eq.7"),
        ("events", "id=eq.7"),
    ] {
        let system = of_event(table, filter);
        assert_eq!(system["status"], "error", "{table} {filter}");
        let message = "The channel is of event 42, the filter of event 7";
        assert_eq!(system["message"], message, "{table} {filter}");
    }
    for filter in [
        "",
        "event_id=eq.42",
        "event_id=not.eq.7",
        "event_id=gt.7",
        "id=eq.7",
    ] {
        assert_eq!(
            of_event("event_tickets", filter)["status"],
            "ok",
            "{filter}"
        );
    }
}

#[test]
fn a_system_error_speaks_of_the_channel_without_its_prefix() {
    assert_eq!(
        serde_json::to_value(System::error("realtime:registration:1", "why")).unwrap(),
        json!({"extension": "system", "status": "error", "message": "why", "channel": "registration:1"})
    );
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

proptest! {
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
