//! Notices reach every viewer once and in order, whoever makes them and on whatever way.

use seatcast::auth::Role;
use seatcast::ticketing::EventId;
use serde_json::{Value, json};

use crate::support::caller::Caller;
use crate::support::database::wait_for_a_lock;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{self, Show, Staged, user};
use crate::support::tokens::{SECRET, token};
use crate::support::websocket::{Socket, WireVersion};

async fn world() -> (TestServer, Staged) {
    let server = TestServer::builder()
        .with(|config| config.auth.jwt_secret = Some(SECRET.to_owned()))
        .start()
        .await;
    let show = Show::new()
        .capacity(100)
        .ticket_type("Standing", 1_000, 80)
        .stage(&server.client().await)
        .await;
    (server, show)
}

/// A viewer of an event's updates; its join says this of broadcasts.
async fn listening(server: &TestServer, event: EventId, vsn: WireVersion, join: Value) -> Socket {
    let mut viewer = server.ws(vsn).await;
    let joined = viewer.join(&topic(event), join).await;
    assert_eq!(joined["postgres_changes"], json!([]));
    viewer
}

fn topic(event: EventId) -> String {
    format!("realtime:event-updates:{event}")
}

async fn heard(viewer: &mut Socket, event: EventId) -> Value {
    let message = viewer.next_on(&topic(event), "broadcast").await;
    assert_eq!(
        (&message["type"], &message["event"]),
        (&json!("broadcast"), &json!("update"))
    );
    message["payload"].clone()
}

#[tokio::test]
async fn what_plain_sql_changes_is_told_to_everybody() {
    let (server, show) = world().await;
    let (client, event) = (server.client().await, show.event);
    let mut viewers = Vec::new();
    for vsn in [WireVersion::V1, WireVersion::V2] {
        viewers.push(listening(&server, event, vsn, json!({})).await);
    }
    let changes = [
        (
            "capacity = 150",
            "capacity_change",
            "The capacity changed from 100 to 150.",
            json!({"capacity": 150}),
        ),
        (
            "venue = 'Arena'",
            "info_update",
            "The event moved to Arena.",
            json!({"venue": "Arena"}),
        ),
        (
            "starts_at = '2037-06-01T18:00:00Z', timezone = 'Europe/Berlin'",
            "info_update",
            "The event now begins at 2037-06-01 20:00 (Europe/Berlin).",
            json!({"starts_at": "2037-06-01T18:00:00.000000Z", "timezone": "Europe/Berlin"}),
        ),
        (
            "timezone = 'Nowhere/Land'",
            "info_update",
            "The event now begins at 2037-06-01 18:00 (UTC).",
            json!({"timezone": "Nowhere/Land"}),
        ),
        (
            "status = 'paused'",
            "info_update",
            "Sales are paused.",
            json!({"status": "paused"}),
        ),
        (
            "status = 'active', capacity = 120",
            "info_update",
            "Sales are open again. The capacity changed from 150 to 120.",
            json!({"status": "active", "capacity": 120}),
        ),
        (
            "status = 'cancelled', venue = 'Nowhere'",
            "cancellation",
            "The event was cancelled. The event moved to Nowhere.",
            json!({"status": "cancelled", "venue": "Nowhere"}),
        ),
    ];
    for (change, kind, message, new) in changes {
        // Changes that nobody needs to be told are not told.
        let sql = format!(
            "update events set title = title || '!' where id = {event};
             update events set {change} where id = {event};
             update events set {change} where id = {event}"
        );
        client.batch_execute(&sql).await.unwrap();
        for viewer in &mut viewers {
            let told = heard(viewer, event).await;
            assert_eq!(
                (&told["updateType"], &told["message"]),
                (&json!(kind), &json!(message))
            );
            assert_eq!(told["data"]["new"], new, "{change}");
            let fields = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(fields(&told["data"]["old"]), fields(&new));
            assert!(told["timestamp"].is_string());
        }
    }
    // One statement, several events: a notice each, but none of a draft.
    let sql = "insert into events (organizer_id, title, venue, starts_at, capacity, status)
               select organizer_id, 'Other', 'Hall', starts_at, 100, unnest(array['draft', 'active'])
                 from events where id = $1 returning id";
    let others = client.query(sql, &[&event]).await.unwrap();
    client
        .batch_execute("update events set venue = 'Everywhere'")
        .await
        .unwrap();
    let (draft, active): (i64, i64) = (others[0].get(0), others[1].get(0));
    let of = "select count(*), min(revision), max(revision) from notices where event_id = $1";
    let told = client.query_one(of, &[&draft]).await.unwrap();
    assert_eq!(told.get::<_, i64>(0), 0);
    let told = client.query_one(of, &[&active]).await.unwrap();
    assert_eq!((told.get::<_, i64>(0), told.get::<_, i64>(1)), (1, 3));
    for viewer in &mut viewers {
        assert_eq!(
            heard(viewer, event).await["data"]["new"]["venue"],
            "Everywhere"
        );
    }
    server.audit().await;
}

/// As many as an event keeps.
#[tokio::test]
async fn a_burst_is_told_in_full_and_in_order() {
    let (server, show) = world().await;
    let (client, event) = (server.client().await, show.event);
    let mut viewer = listening(&server, event, WireVersion::V2, json!({})).await;
    for n in 0..16 {
        let sql = format!(
            "insert into notices (event_id, type, message) values ({event}, 'custom', '{n}a'), ({event}, 'custom', '{n}b')"
        );
        client.batch_execute(&sql).await.unwrap();
    }
    for n in 0..16 {
        for half in ["a", "b"] {
            let told = heard(&mut viewer, event).await;
            assert_eq!(told["message"], format!("{n}{half}"));
        }
    }
    // A late joiner hears of what comes, not of what was; an edited notice is not told again.
    let mut late = listening(&server, event, WireVersion::V1, json!({})).await;
    client
        .batch_execute(&format!(
            "update notices set message = 'edited' where event_id = {event} and message = '7a'"
        ))
        .await
        .unwrap();
    let caller = server.user(show.organizer);
    let notice = json!({"type": "custom", "message": "Doors open", "data": {"gate": 4}});
    let path = format!("/api/v1/events/{event}/notices");
    caller.post(&path, &notice).await.data(201);
    for viewer in [&mut viewer, &mut late] {
        let told = heard(viewer, event).await;
        assert_eq!(
            (&told["message"], &told["data"]),
            (&json!("Doors open"), &json!({"gate": 4}))
        );
    }
}

fn update(data: Value) -> Value {
    let payload =
        json!({"updateType": "info_update", "data": data, "timestamp": "2026-01-01T00:00:00Z"});
    json!({"type": "broadcast", "event": "update", "payload": payload})
}

fn config(ack: bool, own: bool) -> Value {
    json!({"config": {"broadcast": {"ack": ack, "self": own}}})
}

#[tokio::test]
async fn the_organizer_speaks_and_hears_itself_only_if_it_asked_to() {
    let (server, show) = world().await;
    let (event, topic) = (show.event, topic(show.event));
    let signed = |mut join: Value| {
        join["access_token"] = json!(token(show.organizer, Role::Organizer));
        join
    };
    let mut other = listening(&server, event, WireVersion::V1, json!({})).await;
    let mut quiet = listening(&server, event, WireVersion::V2, signed(config(true, false))).await;
    let mut own = listening(&server, event, WireVersion::V1, signed(config(true, true))).await;

    let said = quiet
        .ask(&topic, "broadcast", update(json!({"n": 1})))
        .await;
    assert_eq!(said, json!({"status": "ok", "response": {}}));
    for viewer in [&mut other, &mut own] {
        let told = heard(viewer, event).await;
        assert_eq!(
            (&told["updateType"], &told["data"]),
            (&json!("info_update"), &json!({"n": 1}))
        );
    }
    let said = own.ask(&topic, "broadcast", update(json!({"n": 2}))).await;
    assert_eq!(said["status"], "ok");
    // As `realtime-js` sends it: binary, of kind 3. The first one is not told to who said it.
    quiet
        .send_binary(&kind_3(
            "9",
            &topic,
            br#"{"updateType":"custom","data":{"n":3}}"#,
        ))
        .await;
    // Two broadcasts at once have no order: the next one is sent when this one was heard.
    for n in 2..4 {
        assert_eq!(heard(&mut other, event).await["data"]["n"], n);
    }
    own.ask(&topic, "broadcast", update(json!({"n": 4}))).await;
    let mut data = Vec::new();
    for _ in 0..2 {
        data.push(heard(&mut quiet, event).await["data"]["n"].clone());
    }
    assert_eq!(data, [json!(2), json!(4)]);
    assert_eq!(heard(&mut other, event).await["data"]["n"], 4);
    for n in 2..5 {
        assert_eq!(heard(&mut own, event).await["data"]["n"], n);
    }
    // The broadcast is a notice as any other.
    let path = format!("/api/v1/events/{event}/notices");
    let notices = server.anonymous().get(&path).await;
    assert_eq!(notices.data(200).as_array().unwrap().len(), 4);
}

/// Somebody holds the turn of one event: what is said of another one is heard meanwhile, and what waited for too long is
/// refused and not stored afterwards, since its sender may have said it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_an_events_turn_delays_no_other_events_broadcasts() {
    let (server, held) = world().await;
    let client = server.client().await;
    let free = Show::new().capacity(10).stage(&client).await;
    let mut speakers = Vec::new();
    for show in [&held, &free] {
        let mut join = config(true, false);
        join["access_token"] = json!(token(show.organizer, Role::Organizer));
        speakers.push(listening(&server, show.event, WireVersion::V2, join).await);
    }
    let [waiting, at_once] = &mut speakers[..] else {
        unreachable!()
    };
    let hold = format!("begin; select take_turn({})", held.event);
    client.batch_execute(&hold).await.unwrap();
    let said = update(json!({"n": 1}));
    let mut references = Vec::new();
    for _ in 0..3 {
        let topic = topic(held.event);
        references.push(waiting.send(&topic, "broadcast", said.clone()).await);
    }
    wait_for_a_lock(&server.client().await).await;
    let answer = at_once.ask(&topic(free.event), "broadcast", said).await;
    assert_eq!(answer["status"], "ok", "{answer}");
    let others = server.client().await;
    let blocked = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    assert_eq!(show::one::<i64>(&others, blocked, &[]).await, 1);
    // The first one is refused when it has waited for the turn, and the others have waited as long.
    for (n, reference) in references.iter().enumerate() {
        let reply = waiting.next_on(&topic(held.event), "phx_reply").await;
        assert_eq!(
            reply["response"]["code"], "UNAVAILABLE",
            "{reference}: {reply}"
        );
        if n == 0 {
            client.batch_execute("commit").await.unwrap();
        }
    }
    let stored = "select count(*) from notices where event_id = $1";
    assert_eq!(show::one::<i64>(&others, stored, &[&held.event]).await, 0);
}

/// A user broadcast push with JSON, of event `update`.
fn kind_3(reference: &str, topic: &str, json: &[u8]) -> Vec<u8> {
    let lengths = [0, reference.len(), topic.len(), "update".len(), 0];
    let mut frame = vec![3];
    frame.extend(lengths.map(|length| u8::try_from(length).unwrap()));
    frame.push(1);
    for part in [reference.as_bytes(), topic.as_bytes(), b"update", json] {
        frame.extend_from_slice(part);
    }
    frame
}

#[tokio::test]
async fn who_may_not_speak_is_told_so() {
    let (server, show) = world().await;
    let (client, topic) = (server.client().await, topic(show.event));
    let stranger = user(&client, "organizer").await;
    let refusals = [
        (json!({}), "UNAUTHORIZED"),
        (
            json!({"access_token": token(show.organizer, Role::Customer)}),
            "UNAUTHORIZED",
        ),
        (
            json!({"access_token": token(stranger, Role::Organizer)}),
            "UNAUTHORIZED",
        ),
    ];
    for (join, code) in refusals {
        let mut viewer = listening(&server, show.event, WireVersion::V2, join).await;
        let refused = viewer.ask(&topic, "broadcast", update(json!({}))).await;
        assert_eq!(
            (&refused["status"], &refused["response"]["code"]),
            (&json!("error"), &json!(code))
        );
    }
    let join = json!({"access_token": token(show.organizer, Role::Organizer)});
    let mut viewer = listening(&server, show.event, WireVersion::V1, join).await;
    let bad = [
        json!({"type": "broadcast", "event": "", "payload": {}}),
        json!({"type": "broadcast", "event": "x".repeat(201), "payload": {}}),
        json!({"type": "broadcast", "event": "update", "payload": {"updateType": "custom", "data": {"x": "\0"}}}),
        json!("update"),
    ];
    for payload in bad {
        let refused = viewer.ask(&topic, "broadcast", payload).await;
        assert_eq!(refused["response"]["code"], "INVALID_PAYLOAD", "{refused}");
    }
    // PyPI `realtime`, which speaks 1.0.0, takes a system error for the end of its channel. Others that asked for no answer
    // read nothing else.
    for (version, is_told) in [(WireVersion::V1, false), (WireVersion::V2, true)] {
        let join = json!({"access_token": token(show.organizer, Role::Organizer)});
        let mut viewer = listening(&server, show.event, version, join).await;
        viewer.send(&topic, "broadcast", json!("update")).await;
        let mut told = Vec::new();
        while told.last().is_none_or(|event| event != "phx_reply") {
            told.push(viewer.next_frame(DEADLINE).await.unwrap().event);
        }
        assert_eq!(told.contains(&"system".to_owned()), is_told, "{told:?}");
    }
    let tickets = format!("realtime:event-tickets:{}", show.event);
    viewer.join(&tickets, json!({})).await;
    let refused = viewer.ask(&tickets, "broadcast", update(json!({}))).await;
    assert_eq!(refused["response"]["code"], "UNKNOWN_EVENT");
    let stored = client.query_one("select count(*) from notices", &[]).await;
    assert_eq!(stored.unwrap().get::<_, i64>(0), 0);
}

/// Whatever name and JSON an organizer broadcasts, it goes out as it came, and is kept as a notice.
#[tokio::test]
async fn core_27_core_28_any_broadcast_goes_out_as_it_came() {
    let (server, show) = world().await;
    let (event, topic) = (show.event, topic(show.event));
    let mut viewer = listening(&server, event, WireVersion::V2, json!({})).await;
    let mut join = config(true, false);
    join["access_token"] = json!(token(show.organizer, Role::Organizer));
    let mut organizer = listening(&server, event, WireVersion::V2, join).await;
    let broadcasts = [
        ("goal", json!({"home": 2, "away": 1})),
        ("ping", json!("pong")),
        (
            "update",
            json!({"updateType": "schedule_change", "data": [1, 2], "timestamp": "then", "by": "Jo"}),
        ),
        (
            "update",
            json!({"updateType": "info_update", "data": "text", "message": "Doors open"}),
        ),
        ("update", json!(4)),
    ];
    for (name, payload) in &broadcasts {
        let sent = json!({"type": "broadcast", "event": name, "payload": payload});
        let said = organizer.ask(&topic, "broadcast", sent).await;
        assert_eq!(said["status"], "ok", "{said}");
        let told = viewer.next_on(&topic, "broadcast").await;
        assert_eq!((&told["event"], &told["payload"]), (&json!(name), payload));
    }
    let path = format!("/api/v1/events/{event}/notices");
    let notices = server.anonymous().get(&path).await;
    let kept: Vec<_> = notices
        .data(200)
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["type"].clone(), one["sent"]["event"].clone()))
        .collect();
    let expected = [
        ("custom", "goal"),
        ("custom", "ping"),
        ("custom", "update"),
        ("info_update", "update"),
        ("custom", "update"),
    ];
    assert_eq!(
        kept,
        expected.map(|(kind, name)| (json!(kind), json!(name)))
    );

    // 12 KiB as the sender counts them; what is kept of it in the database is longer by the blanks.
    let broadcast =
        |payload: Value| json!({"type": "broadcast", "event": "row", "payload": payload});
    let row = json!({"x": vec![1; (12 * 1024 - 8) / 2]});
    assert_eq!(row.to_string().len(), 12 * 1024 - 1);
    let said = organizer
        .ask(&topic, "broadcast", broadcast(row.clone()))
        .await;
    assert_eq!(said["status"], "ok", "{said}");
    assert_eq!(viewer.next_on(&topic, "broadcast").await["payload"], row);
    let longer = json!({"x": vec![1; 12 * 1024 / 2]});
    let said = organizer.ask(&topic, "broadcast", broadcast(longer)).await;
    assert_eq!(said["response"]["code"], "PAYLOAD_TOO_BIG");

    // A client that asked for no acknowledgement is told on the channel that its broadcast was not taken.
    let sent = json!({"type": "broadcast", "event": "update", "payload": {}});
    viewer.send(&topic, "broadcast", sent).await;
    let system = viewer.next_on(&topic, "system").await;
    assert_eq!(
        (&system["extension"], &system["status"]),
        (&json!("broadcast"), &json!("error"))
    );
}

#[tokio::test]
async fn broadcasts_come_in_by_rest_too() {
    let (server, show) = world().await;
    let mut viewer = listening(&server, show.event, WireVersion::V2, json!({})).await;
    let by = |token: &str| -> Caller {
        let caller = server.anonymous().with_header("apikey", "anon");
        caller.with_header("authorization", format!("Bearer {token}"))
    };
    let organizer = by(&token(show.organizer, Role::Organizer));
    let one = format!(
        "/realtime/v1/api/broadcast/event-updates%3A{}/events/update?apikey=anon&vsn=2.0.0",
        show.event
    );
    let payload = json!({"updateType": "custom", "data": {"n": 1}, "timestamp": "now"});
    let said = organizer.post(&one, &payload).await;
    assert_eq!((said.status, &*said.text), (202, ""));
    let message = |topic: String, n: i64| {
        let payload = json!({"updateType": "custom", "data": {"n": n}});
        json!({"topic": topic, "event": "update", "payload": payload, "private": false})
    };
    let topic = format!("event-updates:{}", show.event);
    let several = "/realtime/v1/api/broadcast";
    let messages =
        json!({"messages": [message(topic.clone(), 2), message(format!("realtime:{topic}"), 3)]});
    assert_eq!(organizer.post(several, &messages).await.status, 202);
    for n in 1..4 {
        assert_eq!(heard(&mut viewer, show.event).await["data"]["n"], n);
    }

    let client = server.client().await;
    let stranger = by(&token(user(&client, "organizer").await, Role::Organizer));
    let customer = by(&token(show.organizer, Role::Customer));
    let (nobody, forged, keyed) = (server.anonymous(), by("not.a.token"), by("anon"));
    let refusals = [
        (&nobody, topic.as_str(), 401),
        (&keyed, &topic, 401),
        (&forged, &topic, 401),
        (&customer, &topic, 403),
        (&stranger, &topic, 403),
        (&organizer, "event-updates:999999", 422),
        (&organizer, "lobby", 422),
        (&organizer, "event-tickets:1", 403),
    ];
    for (caller, topic, status) in refusals {
        let answer = caller
            .post(
                several,
                &json!({"messages": [message(topic.to_owned(), 9)]}),
            )
            .await;
        assert_eq!(answer.status, status, "{topic}: {}", answer.text);
        assert!(answer.body["message"].is_string());
        let path = format!("/realtime/v1/api/broadcast/{topic}/events/update");
        let answer = caller.post(&path, &payload).await;
        assert_eq!(answer.status, status, "{topic}: {}", answer.text);
    }
    // One that is refused keeps the others from being said, whichever comes first.
    let strange = Show::new().ticket_type("Standing", 1_000, 80);
    let strange = format!("event-updates:{}", strange.stage(&client).await.event);
    let written = "select count(*) from audit_trail";
    let before: i64 = show::one(&client, written, &[]).await;
    for (other, status) in [("event-updates:999999", 422), (&strange, 403)] {
        let (good, bad) = (message(topic.clone(), 9), message(other.to_owned(), 9));
        for messages in [[&good, &bad], [&bad, &good]] {
            let body = json!({"messages": messages});
            assert_eq!(organizer.post(several, &body).await.status, status);
        }
    }
    let after: i64 = show::one(&client, written, &[]).await;
    assert_eq!(after, before, "the trail tells of what was refused");
    let stored = client.query_one("select count(*) from notices", &[]).await;
    assert_eq!(stored.unwrap().get::<_, i64>(0), 3);
    let bodies = [
        json!(4),
        json!({}),
        json!({"messages": [4]}),
        json!({"messages": [{"topic": topic, "event": ""}]}),
        json!({"messages": [{"topic": topic}]}),
    ];
    for body in bodies {
        let answer = organizer.post(several, &body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.body["errors"].is_array());
    }
    assert_eq!(organizer.post(&one, &json!([1])).await.status, 202);
    let preflight = server
        .anonymous()
        .with_header("origin", "https://elsewhere.example")
        .with_header("access-control-request-method", "POST")
        .with_header("access-control-request-headers", "apikey,authorization")
        .send(reqwest::Method::OPTIONS, several, None)
        .await;
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        Some("apikey,authorization")
    );
    server.audit().await;
}

/// An event keeps only its newest broadcasts, but each that was answered 202 is sent; and none of them takes down a notice
/// of another kind.
#[tokio::test]
async fn more_broadcasts_than_an_event_keeps_are_all_sent() {
    const SAID: i64 = 60;
    let (server, show) = world().await;
    let client = server.client().await;
    let cancelled = format!(
        "insert into notices (event_id, type, message) values ({}, 'cancellation', 'Cancelled')",
        show.event
    );
    client.batch_execute(&cancelled).await.unwrap();
    let mut viewer = listening(&server, show.event, WireVersion::V2, json!({})).await;
    let token = token(show.organizer, Role::Organizer);
    let organizer = server
        .anonymous()
        .with_header("authorization", format!("Bearer {token}"));
    let topic = format!("event-updates:{}", show.event);
    let message = |n: i64| {
        let payload = json!({"updateType": "custom", "data": {"n": n}});
        json!({"topic": topic, "event": "update", "payload": payload, "private": false})
    };
    let messages: Vec<Value> = (0..SAID).map(message).collect();
    let said = organizer
        .post("/realtime/v1/api/broadcast", &json!({"messages": messages}))
        .await;
    assert_eq!(said.status, 202, "{}", said.text);
    for n in 0..SAID {
        assert_eq!(heard(&mut viewer, show.event).await["data"]["n"], n);
    }
    let kept = "select array_agg(type order by id) from notices where event_id = $1";
    let kept: Vec<String> = client.query_one(kept, &[&show.event]).await.unwrap().get(0);
    assert_eq!((kept.len(), kept[0].as_str()), (33, "cancellation"));
    server.audit().await;
}

/// Control characters are the longest in JSON: six bytes each.
#[tokio::test]
async fn the_largest_event_fits_into_a_frame_and_keeps_its_newest_notices() {
    let (server, show) = world().await;
    let (client, event) = (server.client().await, show.event);
    let longest = format!(
        "update events set title = repeat(E'\\u0001', 200), venue = repeat(E'\\u0001', 200),
                category = repeat(E'\\u0001', 200), description = repeat(E'\\u0001', 10000),
                timezone = repeat(E'\\u0001', 200), image_url = repeat(E'\\u0001', 2000)
          where id = {event};
         insert into ticket_types (event_id, name, capacity)
         select {event}, repeat(E'\\u0001', 196) || i, 1 from generate_series(1, 99) i;
         insert into notices (event_id, type, message, data)
         select {event}, 'custom', repeat(E'\\u0001', 2000), jsonb_build_object('x', repeat('x', 12278))
           from generate_series(1, 40);"
    );
    client.batch_execute(&longest).await.unwrap();
    let newest = "select array_agg(id order by id) from (
                      select id from notices where event_id = $1 order by id desc limit 21) as newest";
    let newest: Vec<i64> = client.query_one(newest, &[&event]).await.unwrap().get(0);
    let mut viewer = server.ws(WireVersion::V2).await;
    let joined = viewer.join(&format!("event:{event}"), json!({})).await;
    let notices = joined["state"]["notices"].as_array().unwrap();
    let shown: Vec<i64> = notices.iter().filter_map(|n| n["id"].as_i64()).collect();
    assert_eq!(shown, newest);
    let bytes = joined.to_string().len();
    assert!((650_000..800_000).contains(&bytes), "{bytes} bytes");
    let kept = "select count(*) from notices where event_id = $1";
    let kept: i64 = client.query_one(kept, &[&event]).await.unwrap().get(0);
    assert_eq!(kept, 21);

    // Broadcasts are bounded by themselves.
    let broadcasts = format!(
        "insert into notices (event_id, type, message, data, sent)
         select {event}, 'custom', repeat(E'\\u0001', 2000), data, jsonb_build_object('event', 'x', 'payload', data)
           from (select jsonb_build_object('x', repeat('x', 18000)) as data) as one, generate_series(1, 40);"
    );
    client.batch_execute(&broadcasts).await.unwrap();
    let newest = || async {
        let mut viewer = server.ws(WireVersion::V2).await;
        let joined = viewer.join(&format!("event:{event}"), json!({})).await;
        let notices = joined["state"]["notices"].as_array().unwrap();
        let is_there = notices
            .last()
            .is_some_and(|last| last["sent"] != Value::Null);
        is_there.then(|| joined.to_string().len())
    };
    // The log has the deletion of the old ones before.
    let bytes = loop {
        if let Some(bytes) = newest().await {
            break bytes;
        }
    };
    assert!((900_000..1_048_000).contains(&bytes), "{bytes} bytes");
    server.audit().await;
    for (table, column) in [("notices", "message"), ("events", "description")] {
        let sql = format!("update {table} set {column} = repeat('x', 10001)");
        let error = client.batch_execute(&sql).await.unwrap_err();
        let name = format!("{table}_{column}_length");
        assert_eq!(error.as_db_error().unwrap().constraint(), Some(&*name));
    }
}
