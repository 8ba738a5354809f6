//! Tests the session with a manual clock: the effects of each frame.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};

use std::time::Duration;

use uuid::Uuid;

use super::*;
use std::sync::Arc;

use jiff::Timestamp;

use crate::auth::{Role, Staffs, TokenSession};
use crate::config::Config;
use crate::config::inside::{EARLY_PUSH_BYTES_MAX, EARLY_PUSHES_MAX};
use crate::hub::ErrandAnswer;
use crate::protocol::code::ErrorReply;
use crate::protocol::phoenix::{self, Ref};
use crate::protocol::topic::Topic;
use crate::socket::channel::Joined;
use crate::ticketing::live::{EventInfo, EventStatus, samples};
use crate::ticketing::{EventId, Revision, UserId};

/// A session with a stand-in for the shard, which answers its joins.
struct Talk {
    session: Session,
    limits: SocketConfig,
    auth: Auth,
    presence: PresenceConfig,
    now_ms: u64,
    event: EventInfo,
    /// Whether the database is slow, so that joins stay unanswered.
    slow: bool,
}

/// An outcome of a frame.
#[derive(Debug, PartialEq)]
enum Did {
    Sent(Value),
    Joined(EventId),
    Left(usize),
    Closed(u16),
    Stepped(Option<String>, Option<String>),
    Tracked(Value),
    Said(&'static str),
    Told(Option<EventId>, String),
    Watched(Topic, Option<Revision>),
    Unwatched(Topic),
}

impl Talk {
    fn new() -> Self {
        let config = Config::default();
        let mut auth = config.auth;
        auth.jwt_secret = Some("a secret of more than thirty-two bytes".into());
        Self {
            session: Session::new(Vsn::V2, Caller::Anonymous, None, &config.socket, None),
            limits: config.socket,
            auth: Auth::new(&auth).expect("a good configuration"),
            presence: config.presence,
            now_ms: 0,
            event: samples::event("Concert", 100, 0),
            slow: false,
        }
    }

    /// Sends text, and answers the session's requests.
    fn say(&mut self, text: &str) -> Vec<Did> {
        let mut effects = Vec::new();
        let rules = Rules {
            limits: &self.limits,
            auth: &self.auth,
            presence: &self.presence,
            now: Timestamp::now(),
        };
        let frame = phoenix::decode_text(self.session.vsn, text);
        self.session
            .on_frame(frame, self.now_ms, rules, &mut effects);
        self.carry_out(effects)
    }

    /// Opens the event of a join that was left waiting.
    fn open_waiting(&mut self, place: u32) -> Vec<Did> {
        let mut effects = Vec::new();
        self.open(place, "event:42".into(), &mut effects);
        self.carry_out(effects)
    }

    fn open(&mut self, place: u32, topic: Arc<str>, effects: &mut Vec<Effect>) {
        let body = |_, since: Option<Revision>| Joined {
            revision: 7,
            resumed: since.is_some(),
            state: serde_json::value::to_raw_value(&json!({}))
                .expect("JSON")
                .into(),
        };
        let opened = OpenedEvent {
            channel: 70,
            member: 0,
            topic,
            event: &self.event,
            revision: 7,
            here: None,
        };
        let rules = Rules {
            limits: &self.limits,
            auth: &self.auth,
            presence: &self.presence,
            now: Timestamp::now(),
        };
        self.session.opened(place, opened, body, rules, effects);
    }

    fn carry_out(&mut self, mut effects: Vec<Effect>) -> Vec<Did> {
        let mut did = Vec::new();
        let mut next = 0;
        while next < effects.len() {
            match &effects[next] {
                Effect::Send(frame) | Effect::SendState(frame) => {
                    did.push(Did::Sent(payload(frame)));
                }
                Effect::Leave { channel, .. } => did.push(Did::Left(*channel)),
                Effect::Close { code, .. } => did.push(Did::Closed(*code)),
                Effect::Step { was, is, .. } => did.push(Did::Stepped(name_of(was), name_of(is))),
                Effect::Track { tracked, .. } => did.push(Did::Tracked(json!(tracked))),
                Effect::Say { saying, .. } => did.push(Did::Said(saying.notice.kind)),
                Effect::Watch { name, since, .. } => did.push(Did::Watched(*name, *since)),
                Effect::Unwatch { name, .. } => did.push(Did::Unwatched(*name)),
                Effect::Tell { frame, interaction } => {
                    did.push(Did::Told(interaction.event_id, interaction.action.clone()));
                    let mut answered = Vec::new();
                    self.session.answer_told(frame, Ok(()), &mut answered);
                    did.extend(answered.iter().map(|effect| match effect {
                        Effect::Send(frame) => Did::Sent(payload(frame)),
                        _ => Did::Closed(0),
                    }));
                }
                Effect::Untrack { .. } | Effect::Depart { .. } => {
                    did.push(Did::Tracked(Value::Null))
                }
                Effect::Join {
                    subscription,
                    key,
                    event,
                } => {
                    did.push(Did::Joined(*event));
                    assert!(self.session.waits_for(*subscription, key));
                    let place = *subscription;
                    if self.slow {
                        next += 1;
                        continue;
                    }
                    let topic = key.topic.clone();
                    self.open(place, topic, &mut effects);
                }
            }
            next += 1;
        }
        did
    }

    /// Sends text, and returns the one frame in answer, apart from what is said of it on the channel.
    fn ask(&mut self, text: &str) -> Value {
        let sent = self.say(text).into_iter().filter_map(|did| match did {
            Did::Sent(frame) => Some(frame),
            _ => None,
        });
        let sent: Vec<_> = sent.filter(|frame| frame[3] != "system").collect();
        assert_eq!(sent.len(), 1, "one answer to {text}: {sent:?}");
        sent.into_iter().next().unwrap_or_default()
    }
}

/// The ref that a reply answers.
fn reference_of(did: &Did) -> Option<String> {
    match did {
        Did::Sent(frame) if frame[3] == "phx_reply" => frame[1].as_str().map(str::to_owned),
        _ => None,
    }
}

fn name_of(step: &Option<Arc<str>>) -> Option<String> {
    step.as_deref().map(str::to_owned)
}

/// The JSON of a server's text frame.
fn payload(frame: &Bytes) -> Value {
    let header = if frame[1] < 126 { 2 } else { 4 };
    serde_json::from_slice(&frame[header..]).expect("JSON")
}

#[test]
fn a_heartbeat_is_answered() {
    let answer = Talk::new().ask(r#"[null,"9","phoenix","heartbeat",{}]"#);
    assert_eq!(
        answer,
        json!([null, "9", "phoenix", "phx_reply", {"status": "ok", "response": {}}])
    );
}

#[test]
fn a_join_is_answered_with_the_state_and_a_resume_with_what_changed() {
    let mut talk = Talk::new();
    let answer = talk.ask(r#"["1","1","event:42","phx_join",{}]"#);
    assert_eq!(answer[4]["response"]["resumed"], false);
    let answer = talk.ask(r#"["2","2","seats:42","phx_join",{"since":5}]"#);
    assert_eq!(
        answer,
        json!(["2", "2", "seats:42", "phx_reply",
        {"status": "ok", "response": {"revision": 7, "resumed": true, "state": {}}}])
    );
}

#[test]
fn a_viewer_of_one_topic_has_room_for_no_other() {
    let mut talk = Talk::new();
    talk.say(r#"["1","1","event:42","phx_join",{}]"#);
    assert_eq!(talk.session.subscriptions.capacity(), 1);
}

#[test]
fn a_second_join_of_a_topic_ends_the_first_under_its_own_join_ref() {
    let mut talk = Talk::new();
    talk.say(r#"["1","1","event:42","phx_join",{}]"#);
    let did = talk.say(r#"["5","5","event:42","phx_join",{}]"#);
    assert_eq!(did[0], Did::Left(70));
    assert_eq!(
        did[1],
        Did::Sent(json!(["1", "1", "event:42", "phx_close", {}]))
    );
    assert_eq!(did[2], Did::Joined(EventId(42)));
    assert!(matches!(&did[3], Did::Sent(reply) if reply[0] == "5" && reply[3] == "phx_reply"));
}

#[test]
fn a_leave_is_acknowledged_then_closed_and_an_old_one_ends_nothing() {
    let mut talk = Talk::new();
    talk.say(r#"["1","1","event:42","phx_join",{}]"#);
    let old = talk.say(r#"["0","2","event:42","phx_leave",{}]"#);
    assert_eq!(old.len(), 1);
    let did = talk.say(r#"["1","3","event:42","phx_leave",{}]"#);
    assert_eq!(
        did[0],
        Did::Sent(json!(["1", "3", "event:42", "phx_reply", {"status": "ok", "response": {}}]))
    );
    assert_eq!(did[1], Did::Left(70));
    assert_eq!(
        did[2],
        Did::Sent(json!(["1", "1", "event:42", "phx_close", {}]))
    );
    // A leave of a topic that is not joined any more is answered ok, with no other effect.
    assert_eq!(talk.say(r#"["1","4","event:42","phx_leave",{}]"#).len(), 1);
}

/// Clients of 1.0.0 send no join_ref, and identify a join by its ref.
#[test]
fn core_25_a_close_in_1_0_0_names_the_join_that_it_ends() {
    let mut talk = Talk::new();
    talk.session.vsn = Vsn::V1;
    let text = |event: &str, reference: u32| {
        let frame = json!({"topic": "event:42", "event": event, "payload": {}, "ref": reference});
        frame.to_string()
    };
    talk.say(&text("phx_join", 1));
    let close = |did: &[Did]| {
        did.iter().find_map(|did| match did {
            Did::Sent(frame) if frame["event"] == "phx_close" => Some(frame["ref"].clone()),
            _ => None,
        })
    };
    let did = talk.say(&text("phx_leave", 2));
    assert_eq!(close(&did), Some(json!(1)));
    talk.say(&text("phx_join", 3));
    let did = talk.say(&text("phx_join", 4));
    assert_eq!(close(&did), Some(json!(3)));
}

/// Every ref is answered, even of a join that was left or replaced.
#[test]
fn a_join_that_is_left_or_replaced_before_its_answer_is_told_so() {
    let mut talk = Talk::new();
    talk.slow = true;
    assert_eq!(
        talk.say(r#"["1","1","event:42","phx_join",{}]"#),
        [Did::Joined(EventId(42))]
    );
    let did = talk.say(r#"["2","2","event:42","phx_join",{}]"#);
    let ended = |did: &Did, reference: &str| {
        matches!(did, Did::Sent(reply) if reply[0] == reference && reply[1] == reference
        && reply[3] == "phx_reply" && reply[4]["response"]["code"] == "JOIN_ENDED")
    };
    assert!(ended(&did[0], "1"), "{did:?}");
    let closed = json!(["1", "1", "event:42", "phx_close", {}]);
    assert_eq!(did[1..], [Did::Sent(closed), Did::Joined(EventId(42))]);
    let did = talk.say(r#"["2","3","event:42","phx_leave",{}]"#);
    assert!(ended(&did[0], "2"), "{did:?}");
    let left = json!(["2", "3", "event:42", "phx_reply", {"status": "ok", "response": {}}]);
    let closed = json!(["2", "2", "event:42", "phx_close", {}]);
    assert_eq!(did[1..], [Did::Sent(left), Did::Sent(closed)]);
}

/// As in Phoenix, where a client may send its join and its messages in one go.
#[test]
fn messages_before_the_answer_to_a_join_wait_for_it() {
    let mut talk = Talk::new();
    talk.slow = true;
    let text = r#"["1","1","event:42","phx_join",{}]"#;
    assert_eq!(talk.say(text), [Did::Joined(EventId(42))]);
    let step = |n: usize| format!(r#"["1","s{n}","event:42","presence",{{"step":"payment"}}]"#);
    for n in 0..EARLY_PUSHES_MAX {
        assert_eq!(talk.say(&step(n)), []);
    }
    let code = |did: &[Did]| match &did[0] {
        Did::Sent(reply) => reply[4]["response"]["code"].clone(),
        _ => Value::Null,
    };
    assert_eq!(code(&talk.say(&step(99))), "PUSH_RATE");
    // A join that ends without its answer: each message is answered.
    let did = talk.say(r#"["1","2","event:42","phx_leave",{}]"#);
    assert_eq!(code(&did), "JOIN_ENDED");
    assert_eq!(code(&did[1..]), "UNMATCHED_TOPIC");
    assert_eq!(did.len(), 1 + EARLY_PUSHES_MAX + 2);
    // A long message is not kept.
    talk.say(text);
    let long = "x".repeat(EARLY_PUSH_BYTES_MAX);
    let long = format!(r#"["1","l","event:42","presence",{{"step":"{long}"}}]"#);
    assert_eq!(code(&talk.say(&long)), "PUSH_RATE");
    // Two kinds of messages in the order they came, after the answer.
    talk.say(&step(1));
    talk.say(r#"["1","t","event:42","track",{"action":"seen"}]"#);
    talk.slow = false;
    let did = talk.open_waiting(0);
    let refs: Vec<_> = did.iter().filter_map(reference_of).collect();
    assert_eq!(refs, ["1", "s1", "t"]);
    assert!(did.contains(&Did::Stepped(None, Some("payment".into()))));
}

#[test]
fn what_somebody_did_is_passed_on_with_the_topics_event() {
    let mut talk = Talk::new();
    talk.say(r#"["1","1","event:42","phx_join",{}]"#);
    let did = talk.say(r#"["1","2","event:42","track",{"action":"ticket_selected"}]"#);
    assert_eq!(
        did[0],
        Did::Told(Some(EventId(42)), "ticket_selected".into())
    );
    assert!(matches!(&did[1], Did::Sent(reply) if reply[4]["status"] == "ok"));
    for wrong in [r#"{"action":""}"#, r#"{"action":"x","step":"pay"}"#] {
        let answer = talk.ask(&format!(r#"["1","3","event:42","track",{wrong}]"#));
        assert_eq!(answer[4]["response"]["code"], "INVALID_PAYLOAD", "{wrong}");
    }
}

#[test]
fn what_makes_no_sense_is_answered_with_a_code() {
    let mut talk = Talk::new();
    for (frame, code) in [
        ("}{", "MALFORMED_FRAME"),
        ("[]", "MALFORMED_FRAME"),
        (r#"["1","1","room:lobby","phx_join",{}]"#, "UNMATCHED_TOPIC"),
        (
            r#"["1","1","event:99999999999999999999","phx_join",{}]"#,
            "UNMATCHED_TOPIC",
        ),
        (
            r#"["1","1","realtime:","phx_join",{}]"#,
            "TOPIC_NAME_REQUIRED",
        ),
        (
            r#"["1","1","event:1","phx_join",{"since":"x"}]"#,
            "INVALID_PAYLOAD",
        ),
        (
            r#"["1","1","event:1","phx_join",{"access_token":"no"}]"#,
            "INVALID_TOKEN",
        ),
        (r#"["1","1","event:1","shout",{}]"#, "UNMATCHED_TOPIC"),
    ] {
        let answer = talk.ask(frame);
        assert_eq!(answer[4]["status"], "error", "{frame}");
        assert_eq!(answer[4]["response"]["code"], code, "{frame}");
        assert!(answer[4]["response"]["retry"].is_string());
    }
    talk.say(r#"["1","1","event:42","phx_join",{}]"#);
    let answer = talk.ask(r#"["1","2","event:42","shout",{}]"#);
    assert_eq!(answer[4]["response"]["code"], "UNKNOWN_EVENT");
}

#[test]
fn topics_joins_and_frames_are_bounded() {
    let mut talk = Talk::new();
    talk.limits.joins_max = 3;
    for id in 1..=3 {
        talk.ask(&format!(r#"["{id}","{id}","event:{id}","phx_join",{{}}]"#));
    }
    let answer = talk.ask(r#"["9","9","event:9","phx_join",{}]"#);
    assert_eq!(answer[4]["response"]["code"], "TOO_MANY_JOINS");
    // Joining again what is joined takes no new place.
    assert!(
        talk.say(r#"["8","8","event:1","phx_join",{}]"#)
            .contains(&Did::Joined(EventId(1)))
    );

    let mut codes = Vec::new();
    for _ in 0..2_000 {
        for did in talk.say(r#"[null,"1","phoenix","heartbeat",{}]"#) {
            match did {
                Did::Sent(frame) => codes.push(frame[4]["response"]["code"].clone()),
                did => {
                    assert_eq!(did, Did::Closed(1008));
                    assert!(codes.contains(&json!("PUSH_RATE")));
                    return;
                }
            }
        }
    }
    panic!("a client that does not slow down was never closed");
}

#[test]
fn a_draft_is_seen_by_its_organizer_only() {
    let mut talk = Talk::new();
    talk.event.status = EventStatus::Draft;
    let answer = talk.ask(r#"["1","1","event:1","phx_join",{}]"#);
    assert_eq!(answer[4]["response"]["code"], "EVENT_NOT_FOUND");
    for (user, role, seen) in [
        (2, "organizer", true),
        (3, "organizer", false),
        (1, "admin", true),
        (2, "customer", false),
    ] {
        let token = talk.auth.issue(
            UserId(user),
            role.parse().expect("a role"),
            std::time::Duration::from_secs(60),
        );
        let token = token.expect("a token");
        let answer = talk.ask(&format!(
            r#"["1","1","event:1","phx_join",{{"access_token":"{token}"}}]"#
        ));
        assert_eq!(answer[4]["status"] == "ok", seen, "{role} {user}");
        if seen {
            let later = Timestamp::now() + jiff::SignedDuration::from_secs(61);
            assert!(talk.session.token_has_ended(&talk.auth, later));
            talk.say(r#"["1","2","event:1","phx_leave",{}]"#);
        }
    }
}

/// As npm `realtime-js` joins: the binding comes back as it was sent, and once more in a `system`.
#[test]
fn a_join_of_the_dialect_is_answered_with_its_bindings() {
    let mut talk = Talk::new();
    let did = talk.say(
        r#"["6","6","realtime:event-tickets:1","phx_join",{"config":{"broadcast":{"ack":true},
        "presence":{"key":"","enabled":false},"postgres_changes":[{"event":"UPDATE","schema":"public",
        "table":"event_tickets","filter":"event_id=eq.1"}],"private":false}}]"#,
    );
    assert_eq!(did[0], Did::Joined(EventId(1)));
    let Did::Sent(reply) = &did[1] else {
        panic!("{did:?}")
    };
    let binding = &reply[4]["response"]["postgres_changes"][0];
    assert!(binding["id"].as_u64().is_some_and(|id| id > 0));
    assert_eq!(binding["filter"], "event_id=eq.1");
    let Did::Sent(system) = &did[2] else {
        panic!("{did:?}")
    };
    assert_eq!((&system[0], &system[3]), (&json!("6"), &json!("system")));
    assert_eq!(system[4]["status"], "ok");
}

/// A client holds back all that it knows of members until it has a state, on whichever channel it asked for one.
#[test]
fn a_channel_without_members_says_so_unless_presence_is_off() {
    let join = |topic: &str, config: &str| {
        Talk::new().say(&format!(r#"["1","1","{topic}","phx_join",{config}]"#))
    };
    for topic in ["realtime:event-tickets:1", "realtime:event-updates:1"] {
        for config in ["{}", r#"{"config":{"presence":{"enabled":true}}}"#] {
            let state = json!(["1", null, topic, "presence_state", {}]);
            assert_eq!(join(topic, config)[2], Did::Sent(state), "{config}");
        }
        let off = join(topic, r#"{"config":{"presence":{"enabled":false}}}"#);
        assert_eq!(off.len(), 2, "{off:?}");
    }
}

#[test]
fn an_api_key_sent_as_a_token_names_nobody_and_a_bad_refresh_ends_the_channel() {
    let mut talk = Talk::new();
    talk.session.api_key = Some("anon-key".into());
    let did =
        talk.say(r#"["1","1","realtime:event-tickets:1","phx_join",{"access_token":"anon-key"}]"#);
    assert_eq!(did[0], Did::Joined(EventId(1)));
    let refreshed =
        r#"["1","2","realtime:event-tickets:1","access_token",{"access_token":"sb_x"}]"#;
    assert_eq!(talk.ask(refreshed)[4]["status"], "ok");
    let did =
        talk.say(r#"["1","3","realtime:event-tickets:1","access_token",{"access_token":"bad"}]"#);
    assert!(matches!(&did[0], Did::Sent(reply) if reply[4]["response"]["code"] == "INVALID_TOKEN"));
    assert!(
        matches!(&did[1], Did::Sent(system) if system[3] == "system" && system[4]["status"] == "error")
    );
    assert_eq!(did[2], Did::Left(70));
    assert_eq!(
        did[3],
        Did::Sent(json!([
            "1",
            "1",
            "realtime:event-tickets:1",
            "phx_close",
            {}
        ]))
    );
}

#[test]
fn a_token_that_is_no_text_is_refused_and_an_empty_one_is_as_good_as_none() {
    for (token, code) in [
        (r#""""#, Value::Null),
        ("null", Value::Null),
        ("7", json!("INVALID_PAYLOAD")),
        ("{}", json!("INVALID_PAYLOAD")),
    ] {
        let mut talk = Talk::new();
        talk.say(r#"["1","1","realtime:event-tickets:1","phx_join",{}]"#);
        let (topic, event) = ("realtime:event-tickets:1", "access_token");
        let said = format!(r#"["1","2","{topic}","{event}",{{"access_token":{token}}}]"#);
        let did = talk.say(&said);
        let Did::Sent(reply) = &did[0] else {
            panic!("{token}: {did:?}");
        };
        assert_eq!(reply[4]["response"]["code"], code, "{token}");
        assert_eq!(did.len() == 1, code.is_null(), "{token}: {did:?}");
    }
}

/// The organizer of an event that becomes a draft goes on watching it by right of the token.
#[test]
fn whoever_may_still_see_a_draft_may_not_when_the_token_ends() {
    let mut talk = speaker();
    let later = Timestamp::now() + jiff::SignedDuration::from_secs(61);
    let draft = EventInfo {
        status: EventStatus::Draft,
        ..samples::event("Concert", 150, 1)
    };
    assert!(talk.session.still_sees(&draft));
    assert!(talk.session.token_has_ended(&talk.auth, later));
}

#[test]
fn steps_are_counted_from_join_to_leave() {
    let mut talk = Talk::new();
    let step = |step: &str| Some(step.to_owned());
    let did = talk.say(r#"["1","1","event:42","phx_join",{"presence":{"step":"tickets"}}]"#);
    assert!(
        did.contains(&Did::Stepped(None, step("tickets"))),
        "{did:?}"
    );
    let did = talk.say(r#"["1","2","event:42","presence",{"step":"payment"}]"#);
    assert_eq!(did[0], Did::Stepped(step("tickets"), step("payment")));
    // The same step again is acknowledged, and changes nothing.
    assert_eq!(
        talk.ask(r#"["1","3","event:42","presence",{"step":"payment"}]"#)[4]["status"],
        "ok"
    );
    let answer = talk.ask(r#"["1","4","event:42","presence",{"step":7}]"#);
    assert_eq!(answer[4]["response"]["code"], "INVALID_PAYLOAD");
    let did = talk.say(r#"["1","5","event:42","phx_leave",{}]"#);
    assert_eq!(did[1], Did::Stepped(step("payment"), None));
    assert_eq!(did[2], Did::Left(70));
}

#[test]
fn the_dialect_tracks_objects_of_a_bounded_size() {
    let mut talk = Talk::new();
    let join = r#"["1","1","realtime:registration:1","phx_join",{"config":{"presence":{"key":"","enabled":true}}}]"#;
    let did = talk.say(join);
    assert!(
        matches!(&did[2], Did::Sent(state) if state[3] == "presence_state" && state[4] == json!({}))
    );
    let track =
        |payload: &str| format!(r#"["1","2","realtime:registration:1","presence",{payload}]"#);
    let did = talk.say(&track(
        r#"{"type":"presence","event":"track","payload":{"step":"pay"}}"#,
    ));
    assert_eq!(did[0], Did::Tracked(json!({"step": "pay"})));
    for (payload, code) in [
        (
            r#"{"event":"track","payload":7}"#.to_owned(),
            "INVALID_PAYLOAD",
        ),
        (r#"{"event":"dance"}"#.to_owned(), "INVALID_PAYLOAD"),
        (
            format!(
                r#"{{"event":"track","payload":{{"x":"{}"}}}}"#,
                "x".repeat(5_000)
            ),
            "PAYLOAD_TOO_BIG",
        ),
        (
            r#"{"event":"track","payload":{"step":"x\u0000y"}}"#.to_owned(),
            "INVALID_PAYLOAD",
        ),
    ] {
        assert_eq!(talk.ask(&track(&payload))[4]["response"]["code"], code);
    }
    let answer = talk.ask(r#"["1","9","realtime:registration:1","broadcast",{}]"#);
    assert_eq!(answer[4]["response"]["code"], "UNKNOWN_EVENT");
}

/// A session of an admin, on the channel of updates.
fn speaker() -> Talk {
    let mut talk = Talk::new();
    let token = talk
        .auth
        .issue(UserId(2), Role::Admin, Duration::from_secs(60));
    let join = json!(["1", "1", "realtime:event-updates:1", "phx_join",
        {"config": {"broadcast": {"ack": true}}, "access_token": token.expect("a token")}]);
    assert_eq!(talk.say(&join.to_string())[0], Did::Joined(EventId(1)));
    talk
}

/// After signing out, npm `realtime-js` sends its API key, or null, as token.
#[test]
fn who_signs_out_has_no_more_rights_than_the_handshake_gave() {
    for token in [json!("anon-key"), json!("sb_x"), Value::Null] {
        let mut talk = speaker();
        talk.session.api_key = Some("anon-key".into());
        talk.session.needs_token = true;
        talk.session.take_caller_changed();
        let says =
            json!(["1", "2", "realtime:event-updates:1", "access_token", {"access_token": token}]);
        assert_eq!(talk.ask(&says.to_string())[4]["status"], "ok");
        assert_eq!(*talk.session.caller, Caller::Anonymous, "{token}");
        assert!(talk.session.take_caller_changed(), "{token}");
        let said = r#"["1","7","realtime:event-updates:1","broadcast",
            {"type":"broadcast","event":"update","payload":{"updateType":"custom"}}]"#;
        assert_eq!(talk.ask(said)[4]["response"]["code"], "UNAUTHORIZED");
    }
    // A push or join without a token does not change the caller.
    let mut talk = speaker();
    talk.say(r#"["1","2","realtime:event-updates:1","access_token",{}]"#);
    talk.say(r#"["3","3","event:1","phx_join",{}]"#);
    assert_ne!(*talk.session.caller, Caller::Anonymous);
    // A join with the API key as token signs out.
    talk.session.api_key = Some("anon-key".into());
    talk.say(r#"["4","4","realtime:event-tickets:1","phx_join",{"access_token":"anon-key"}]"#);
    assert_eq!(*talk.session.caller, Caller::Anonymous);
}

#[test]
fn a_token_that_has_ended_broadcasts_no_more() {
    let mut talk = speaker();
    let later = Timestamp::now() + jiff::SignedDuration::from_secs(61);
    assert!(
        !talk.session.token_has_ended(&talk.auth, later),
        "everybody may watch"
    );
    let said = r#"["1","7","realtime:event-updates:1","broadcast",
        {"type":"broadcast","event":"update","payload":{"updateType":"custom"}}]"#;
    assert_eq!(talk.ask(said)[4]["response"]["code"], "UNAUTHORIZED");
}

/// Rights that have ended do not come back by signing out, which makes the caller of the handshake the caller again.
#[test]
fn signing_out_brings_back_no_token_that_has_ended() {
    let manager = |token_expires, generation| Caller::User {
        id: UserId(2),
        role: Role::Admin,
        member: false,
        token_expires: Some(token_expires),
        session: Some(TokenSession {
            id: None,
            generation,
        }),
        staffs: Staffs::default(),
    };
    let minute = jiff::SignedDuration::from_secs(60);
    let (past, future) = (Timestamp::now() - minute, Timestamp::now() + minute);
    for (opened_by, is_good) in [
        (manager(past, 3), false),
        (manager(future, 2), false),
        (manager(future, 3), true),
    ] {
        // Whether or not a visit has noticed the end.
        for is_visited in [false, true] {
            let mut talk = Talk::new();
            talk.auth.ended().end_before(UserId(2), 3);
            talk.session = Session::new(Vsn::V2, opened_by, None, &talk.limits, None);
            let join = r#"["1","1","realtime:event-updates:1","phx_join",{}]"#;
            assert_eq!(talk.say(join)[0], Did::Joined(EventId(1)));
            if is_visited {
                assert!(!talk.session.token_has_ended(&talk.auth, Timestamp::now()));
            }
            talk.say(
                r#"["1","2","realtime:event-updates:1","access_token",{"access_token":null}]"#,
            );
            let caller = talk.session.caller();
            assert_eq!(caller == opened_by, is_good, "{opened_by:?}");
            assert_eq!(caller == Caller::Anonymous, !is_good, "{opened_by:?}");
        }
    }
}

fn answer(sender: Uuid, outcome: Result<(), ErrorReply>) -> ErrandAnswer {
    ErrandAnswer {
        connection: 0,
        subscription: 0,
        sender,
        reference: Some(Ref::of_text("7")),
        outcome,
    }
}

#[test]
fn a_broadcast_is_passed_on_and_its_answer_finds_only_the_join_that_asked() {
    let mut talk = speaker();
    let said = r#"["1","7","realtime:event-updates:1","broadcast",
        {"type":"broadcast","event":"update","payload":{"updateType":"custom"}}]"#;
    assert_eq!(talk.say(said), [Did::Said("custom")]);
    let sender = Uuid::now_v7();
    let voice = talk.session.subscription_mut(0).expect("a join");
    voice.voice.as_mut().expect("a voice").sender = Some(sender);
    assert_eq!(voice.without(), Some(sender));
    let mut effects = Vec::new();
    talk.session
        .answered(answer(Uuid::now_v7(), Ok(())), &mut effects);
    assert!(effects.is_empty(), "somebody else's");
    talk.session.answered(answer(sender, Ok(())), &mut effects);
    let error = code::UNAUTHORIZED.because("no");
    talk.session
        .answered(answer(sender, Err(error)), &mut effects);
    let statuses: Vec<_> = effects
        .iter()
        .map(|effect| match effect {
            Effect::Send(frame) => payload(frame)[4]["status"].clone(),
            _ => Value::Null,
        })
        .collect();
    assert_eq!(statuses, ["ok", "error"]);
}
