#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    BroadcastBody, ClientFrame, Empty, Malformed, Payload, PhoenixReply, Ref, UserBroadcast, Vsn,
    decode_binary, decode_text, push, push_to, reply, user_broadcast,
};
use crate::protocol::code;

fn text(vsn: Vsn, text: &str) -> ClientFrame {
    decode_text(vsn, text).unwrap()
}

fn refused(vsn: Vsn, text: &str) -> Malformed {
    decode_text(vsn, text).unwrap_err()
}

/// The JSON of a text frame that we made.
fn sent(frame: &[u8]) -> Value {
    let start = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    serde_json::from_slice(&frame[start..]).unwrap()
}

/// A user broadcast push.
fn kind_3(fields: [&[u8]; 5], encoding: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend(fields.map(|field| field.len() as u8));
    bytes.push(encoding);
    bytes.extend(fields.concat());
    bytes.extend(payload);
    bytes
}

#[test]
fn refs_come_back_as_they_were() {
    for reference in [r#""6""#, "6", "0", r#""""#, r#""ö\"\n""#] {
        let frame = text(
            Vsn::V2,
            &format!(r#"[{reference},{reference},"t","e",{{}}]"#),
        );
        let (join_ref, reference_) = (frame.join_ref.as_ref(), frame.reference.as_ref());
        let answer = sent(&reply(Vsn::V2, join_ref, reference_, "t", PhoenixReply::OK));
        let wanted: Value = serde_json::from_str(reference).unwrap();
        assert_eq!((&answer[0], &answer[1]), (&wanted, &wanted));
    }
    assert_eq!(text(Vsn::V2, r#"[null,null,"t","e",{}]"#).reference, None);
    assert_eq!(
        text(Vsn::V1, r#"{"topic":"t","event":"e"}"#).reference,
        None
    );
}

#[test]
fn more_than_five_fields_are_not_read() {
    let frame = text(Vsn::V2, r#"["1","2","t","e",{"n":1},"more",{}]"#);
    assert_eq!(frame.payload, Payload::Json(json!({"n": 1})));
}

#[test]
fn a_malformed_frame_tells_what_could_be_read() {
    let few = refused(Vsn::V2, r#"["1","2","event:1","phx_join"]"#);
    assert_eq!(few.reason, "a frame has five fields, this has 4");
    assert_eq!(few.reference, Some(Ref::of_text("2")));
    assert_eq!(few.topic.as_deref(), Some("event:1"));

    let no_topic = refused(Vsn::V1, r#"{"event":"e","ref":"3","payload":{}}"#);
    assert_eq!(no_topic.reason, "topic has to be a string");
    assert_eq!(no_topic.reference, Some(Ref::of_text("3")));

    let no_event = refused(Vsn::V2, r#"["1","2","event:1",7,{}]"#);
    assert_eq!(no_event.reason, "event has to be a string");
    assert_eq!(no_event.topic.as_deref(), Some("event:1"));

    let long = format!(r#"["1","{}","t","e",{{}}]"#, "x".repeat(256));
    assert_eq!(refused(Vsn::V2, &long).reference, None);
    assert!(decode_text(Vsn::V2, &long.replacen('x', "", 1)).is_ok());
    assert!(
        refused(Vsn::V2, r#"["1",[],"t","e",{}]"#)
            .reason
            .contains("ref")
    );
}

#[test]
fn bad_json_is_an_error() {
    let deep = format!(r#"[null,null,"t","e",{}]"#, "[".repeat(100_000));
    let cases = [
        "",
        "null",
        "7",
        "\"text\"",
        "[",
        "[]",
        "{}",
        "\u{0}",
        r#"["1","1","t","e",{}] x"#,
        r#"["1","1","\ud800","e",{}]"#,
        r#"["1","1","t","e",1e999]"#,
        "[\"1\",\"1\",\"t\u{0}\",\"e\",{}]",
        &deep,
    ];
    for case in cases {
        assert!(decode_text(Vsn::V2, case).is_err(), "{case:.40}");
        assert!(decode_text(Vsn::V1, case).is_err(), "{case:.40}");
    }
}

#[test]
fn each_version_reads_its_own_frames_only() {
    let (array, object) = (
        r#"[null,"1","t","e",{}]"#,
        r#"{"topic":"t","event":"e","ref":"1","payload":{}}"#,
    );
    assert!(decode_text(Vsn::V1, array).is_err());
    assert!(decode_text(Vsn::V2, object).is_err());
    assert_eq!(text(Vsn::V2, array), text(Vsn::V1, object));
    assert_eq!(
        decode_binary(Vsn::V1, &[0, 0, 0, 0, 0]).unwrap_err().reason,
        "1.0.0 has no binary frames"
    );
}

#[test]
fn a_user_broadcast_keeps_its_parts() {
    let fields: [&[u8]; 5] = [
        b"6",
        b"8",
        b"realtime:event-updates:1",
        b"update",
        b"{\"persist\":true}",
    ];
    let frame = decode_binary(Vsn::V2, &kind_3(fields, 1, b"{\"n\":1}")).unwrap();
    assert_eq!(frame.event, "broadcast");
    assert_eq!(frame.join_ref, Some(Ref::of_text("6")));
    let broadcast = UserBroadcast {
        event: "update".into(),
        metadata: Some(json!({"persist": true})),
        body: BroadcastBody::Json(json!({"n": 1})),
    };
    assert_eq!(frame.payload, Payload::Broadcast(broadcast));
}

#[test]
fn a_bad_binary_frame_is_refused_with_what_was_read() {
    let names: [&[u8]; 5] = [b"6", b"8", b"t", b"e", b""];
    let refused = |bytes: &[u8]| decode_binary(Vsn::V2, bytes).unwrap_err();
    let no_json = refused(&kind_3(names, 1, b"{"));
    assert!(
        no_json.reason.starts_with("payload is not JSON"),
        "{no_json}"
    );
    assert_eq!(no_json.reference, Some(Ref::of_text("8")));
    assert_eq!(no_json.topic.as_deref(), Some("t"));
    assert!(
        refused(&kind_3(names, 2, b""))
            .reason
            .starts_with("encoding")
    );
    let metadata: [&[u8]; 5] = [b"6", b"8", b"t", b"e", b"[]"];
    assert_eq!(
        refused(&kind_3(metadata, 0, b"")).reason,
        "metadata has to be an object"
    );
    let no_text: [&[u8]; 5] = [b"6", b"8", b"\xff", b"e", b""];
    assert_eq!(
        refused(&kind_3(no_text, 0, b"")).reason,
        "topic is not UTF-8"
    );
    assert!(refused(&[]).reason.contains("empty"));
    for kind in [1, 2, 4, 255] {
        assert!(
            refused(&[kind, 0, 0, 0, 0]).reason.contains("kind"),
            "{kind}"
        );
    }
    let whole = kind_3(names, 0, b"");
    for len in 1..whole.len() {
        let reason = refused(&whole[..len]).reason;
        assert_eq!(reason, "binary frame ends before its fields do", "{len}");
    }
}

#[test]
fn an_ending_names_its_join_in_both_versions() {
    let join_ref = Ref::of_text("4");
    for event in ["phx_close", "phx_error"] {
        let v1 = push_to(Vsn::V1, Some(&join_ref), "event:1", event, &Empty {});
        assert_eq!(
            sent(&v1),
            json!({"topic": "event:1", "event": event, "payload": {}, "ref": "4"})
        );
        let v2 = push_to(Vsn::V2, Some(&join_ref), "event:1", event, &Empty {});
        assert_eq!(sent(&v2), json!(["4", "4", "event:1", event, {}]));
    }
    let system = push_to(Vsn::V1, Some(&join_ref), "event:1", "system", &Empty {});
    assert_eq!(sent(&system)["ref"], Value::Null);
    let system = push_to(Vsn::V2, Some(&join_ref), "event:1", "system", &Empty {});
    assert_eq!(sent(&system), json!(["4", null, "event:1", "system", {}]));
}

#[test]
fn a_ref_is_there_even_when_it_is_null() {
    let shared = push(Vsn::V1, "event:1", "update", &Empty {});
    assert!(sent(&shared).as_object().unwrap().contains_key("ref"));
    let answer = reply(Vsn::V1, None, None, "phoenix", PhoenixReply::OK);
    assert!(sent(&answer).as_object().unwrap().contains_key("ref"));
}

#[test]
fn a_refusal_is_an_error_reply() {
    let error = PhoenixReply::refused(code::EVENT_NOT_FOUND.because("no event 42"));
    assert_eq!(
        sent(&reply(Vsn::V2, None, None, "event:42", error))[4],
        json!({"status": "error", "response": {
            "code": "EVENT_NOT_FOUND", "reason": "EventNotFound: no event 42", "retry": "never"
        }})
    );
}

#[test]
fn opaque_bytes_go_to_who_can_read_them() {
    let frame = user_broadcast(Vsn::V2, "t", "e", b"\0\xff").unwrap();
    assert_eq!(frame[2..], [4, 1, 1, 0, 0, b't', b'e', 0, 255]);
    assert_eq!(user_broadcast(Vsn::V1, "t", "e", b""), None);
    assert_eq!(user_broadcast(Vsn::V2, "t", &"e".repeat(256), b""), None);
}

/// JSON that a client might put anywhere.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..7).prop_map(Value::from),
            prop::collection::hash_map(
                prop_oneof!["topic|event|payload|ref|join_ref", ".{0,5}"],
                inner,
                0..6
            )
            .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = decode_text(Vsn::V1, &text);
        let _ = decode_text(Vsn::V2, &text);
    }

    #[test]
    fn any_json_is_read_or_refused(value in any_json()) {
        for vsn in [Vsn::V1, Vsn::V2] {
            match decode_text(vsn, &value.to_string()) {
                Ok(frame) => prop_assert!(matches!(frame.payload, Payload::Json(_))),
                Err(malformed) => prop_assert!(!malformed.reason.is_empty()),
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        kind in prop::sample::select(vec![0u8, 3, 3, 4]),
        lengths in prop::collection::vec(0u8..8, 0..7),
        rest in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let bytes = [&[kind][..], &lengths, &rest].concat();
        let _ = decode_binary(Vsn::V2, &bytes);
        let _ = decode_binary(Vsn::V2, &rest);
    }

    #[test]
    fn a_push_of_bytes_is_read_back(
        fields in prop::array::uniform4("[a-zö0-9:]{0,40}"),
        data in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let [join_ref, reference, topic, event] = &fields;
        let mut bytes = vec![0];
        bytes.extend(fields.iter().map(|field| field.len() as u8));
        bytes.extend(fields.concat().as_bytes());
        bytes.extend(&data);
        let frame = decode_binary(Vsn::V2, &bytes).unwrap();
        let of = |text: &String| (!text.is_empty()).then(|| Ref::of_text(text));
        prop_assert_eq!(frame.join_ref, of(join_ref));
        prop_assert_eq!(frame.reference, of(reference));
        prop_assert_eq!((&frame.topic, &frame.event), (topic, event));
        prop_assert_eq!(frame.payload, Payload::Binary(data.into()));
    }

    #[test]
    fn what_we_send_can_be_read(topic in ".{0,300}", event in ".{0,20}", text in ".{0,400}") {
        let payload = json!({"text": text});
        let v2 = sent(&push(Vsn::V2, &topic, &event, &payload));
        prop_assert_eq!(&v2, &json!([null, null, topic, event, payload]));
        let v1 = sent(&push(Vsn::V1, &topic, &event, &payload));
        prop_assert_eq!(&v1, &json!({"topic": topic, "event": event, "payload": payload, "ref": null}));
    }
}
