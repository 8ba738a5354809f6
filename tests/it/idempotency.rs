//! A request that is sent again is done once, whichever node it comes to.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::caller::{Answer, Caller};
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};

const BOOKINGS: &str = "/api/v1/bookings";
const KEY: &str = "5b2f7a0e-6f0c-4a53-9d43-6a1d6b1f0c11";

fn with_key(caller: &Caller, key: &str) -> Caller {
    caller.clone().with_header("idempotency-key", key)
}

fn body(show: &Staged, quantity: i64) -> Value {
    json!({"event_id": show.event, "quantity": quantity})
}

#[tokio::test]
async fn the_same_request_is_answered_the_same() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let buyer = with_key(&server.user(user(&client, "customer").await), "order 1");
    let first = buyer.post(BOOKINGS, &body(&show, 2)).await;
    assert_eq!(first.header("idempotent-replay"), None);
    // The same in other words.
    let reworded = format!(r#"  {{"quantity" : 2, "event_id": {}}}"#, show.event);
    let second = buyer
        .send(reqwest::Method::POST, BOOKINGS, Some(reworded))
        .await;
    assert_eq!(second.header("idempotent-replay"), Some("true"));
    assert_eq!(first.data(201), second.data(201));

    let other = buyer.post(BOOKINGS, &body(&show, 3)).await;
    assert_eq!(other.code(422), "IDEMPOTENCY_MISMATCH");
    // Another caller's key of the same name is another key.
    let stranger = with_key(&server.user(user(&client, "customer").await), "order 1");
    let theirs = stranger.post(BOOKINGS, &body(&show, 3)).await;
    assert_ne!(theirs.data(201)["id"], first.data(201)["id"]);
    server.audit().await;
}

#[tokio::test]
async fn an_anonymous_buyer_is_given_the_token_again() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let nobody = with_key(&server.anonymous(), KEY);
    let first = nobody.post(BOOKINGS, &body(&show, 2)).await;
    let second = nobody.post(BOOKINGS, &body(&show, 2)).await;
    assert_eq!(first.data(201), second.data(201));
    let token = second.header("x-booking-token").unwrap();
    let path = format!("{BOOKINGS}/{}", first.data(201)["id"].as_str().unwrap());
    let holder = server.anonymous().with_header("x-booking-token", token);
    holder.get(&path).await.data(200);
    // Neither the token nor what it is derived from is in the database.
    let sql = "select string_agg(k::text, '') from idempotency_keys k";
    let stored: String = one(&client, sql, &[]).await;
    assert!(!stored.contains(token) && !stored.contains(KEY), "{stored}");
}

#[tokio::test]
async fn keys_must_be_fit_for_it() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let (nobody, body) = (server.anonymous(), body(&show, 1));
    let long = "k".repeat(256);
    for (key, code) in [("", "BAD_KEY"), (&long, "BAD_KEY"), ("short", "WEAK_KEY")] {
        assert_eq!(
            with_key(&nobody, key).post(BOOKINGS, &body).await.code(400),
            code
        );
    }
    let someone = server.user(user(&client, "customer").await);
    with_key(&someone, "short")
        .post(BOOKINGS, &body)
        .await
        .data(201);
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 1)
        .stage(&client)
        .await;
    let buyer = with_key(&server.anonymous(), KEY);
    let refused = buyer.post(BOOKINGS, &body(&show, 2)).await;
    assert_eq!(refused.code(409), "NOT_ENOUGH_LEFT");
    let sql = "update ticket_types set capacity = 2 where event_id = $1";
    client.execute(sql, &[&show.event]).await.unwrap();
    buyer.post(BOOKINGS, &body(&show, 2)).await.data(201);
}

#[tokio::test]
async fn retries_to_two_nodes_at_once_make_one_booking() {
    let server = TestServer::start().await;
    let second_node = TestServer::builder().beside(&server).start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 100)
        .stage(&client)
        .await;
    let nodes = [server.anonymous(), second_node.anonymous()];
    let retries = (0..32).map(|n| {
        let caller = with_key(&nodes[n % 2], KEY);
        let body = body(&show, 2);
        async move { caller.post(BOOKINGS, &body).await }
    });
    let answers = join_all(retries).await;
    let (made, under_way): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 201);
    for answer in &under_way {
        assert_eq!(answer.code(409), "IDEMPOTENCY_IN_FLIGHT");
    }
    for answer in &made {
        assert_eq!(answer.data(201), made[0].data(201));
    }
    let first = made
        .iter()
        .filter(|made| made.header("idempotent-replay").is_none());
    assert_eq!(first.count(), 1);
    let sql = "select count(*) from bookings where event_id = $1";
    assert_eq!(one::<i64>(&client, sql, &[&show.event]).await, 1);
    server.audit().await;
}

/// A row is made once, however often it was asked for, and another body is refused.
async fn made_once(caller: &Caller, path: &str, body: &Value, other: &Value) {
    let caller = with_key(caller, KEY);
    let first = caller.post(path, body).await;
    let again = caller.post(path, body).await;
    assert_eq!(first.data(201), again.data(201), "{path}");
    assert_eq!(first.header("idempotent-replay"), None);
    assert_eq!(again.header("idempotent-replay"), Some("true"));
    let revision = |answer: &Answer| answer.header("x-event-revision").map(str::to_owned);
    assert_eq!(revision(&first), revision(&again));
    let mismatch = caller.post(path, other).await;
    assert_eq!(mismatch.code(422), "IDEMPOTENCY_MISMATCH");
}

#[tokio::test]
async fn a_notice_is_told_once() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let mut shows = Vec::new();
    for _ in 0..2 {
        let show = Show::new().ticket_type("Standing", 1_500, 10);
        shows.push(show.stage(&client).await);
    }
    let admin = server.user(user(&client, "admin").await);
    let notice = |message: &str| json!({"type": "custom", "message": message, "data": {"gate": 4}});
    // The same key at another event is another key.
    for show in &shows {
        let path = format!("/api/v1/events/{}/notices", show.event);
        made_once(&admin, &path, &notice("Doors open"), &notice("Doors shut")).await;
        let listed = server.anonymous().get(&path).await;
        assert_eq!(listed.data(200).as_array().unwrap().len(), 1);
    }
    let stranger = with_key(&server.user(user(&client, "organizer").await), KEY);
    let path = format!("/api/v1/events/{}/notices", shows[0].event);
    let refused = stranger.post(&path, &notice("Doors open")).await;
    assert_eq!(refused.status, 403);
    server.audit().await;
}

#[tokio::test]
async fn a_ticket_type_and_a_user_are_made_once() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let admin = server.user(user(&client, "admin").await);
    let path = format!("/api/v1/events/{}/ticket-types", show.event);
    let ticket_type = |name: &str| json!({"name": name, "price": 2_000, "capacity": 5});
    made_once(&admin, &path, &ticket_type("Box"), &ticket_type("Pit")).await;
    let listed = server.anonymous().get(&path).await;
    assert_eq!(listed.data(200).as_array().unwrap().len(), 2);

    let person = |name: &str| json!({"name": name, "email": "ada@example.com"});
    made_once(&admin, "/api/v1/users", &person("Ada"), &person("Eve")).await;
    let taken = admin.post("/api/v1/users", &person("Ada")).await;
    assert_eq!(taken.code(409), "EMAIL_TAKEN");
    server.audit().await;
}

#[tokio::test]
async fn retries_to_two_nodes_at_once_make_one_of_each() {
    let server = TestServer::start().await;
    let second_node = TestServer::builder().beside(&server).start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let admin = user(&client, "admin").await;
    let nodes = [server.user(admin), second_node.user(admin)];
    let notices = format!("/api/v1/events/{}/notices", show.event);
    let wanted = [
        (
            notices.as_str(),
            json!({"type": "custom", "message": "Doors open"}),
        ),
        (
            "/api/v1/users",
            json!({"name": "Ada", "email": "ada@example.com"}),
        ),
    ];
    for (path, body) in &wanted {
        let retries = (0..16).map(|n| {
            let caller = with_key(&nodes[n % 2], KEY);
            async move { caller.post(path, body).await }
        });
        let answers = join_all(retries).await;
        let (made, under_way): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 201);
        for answer in &under_way {
            assert_eq!(answer.code(409), "IDEMPOTENCY_IN_FLIGHT");
        }
        for answer in &made {
            assert_eq!(answer.data(201), made[0].data(201));
        }
        let first = made
            .iter()
            .filter(|made| made.header("idempotent-replay").is_none());
        assert_eq!(first.count(), 1, "{path}");
    }
}

/// Routes that make a thing of one user, asked on two nodes at once.
#[tokio::test]
async fn a_place_in_a_line_and_a_membership_are_made_once() {
    let server = TestServer::start().await;
    let beside = TestServer::builder().beside(&server).start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 0, 1)
        .stage(&client)
        .await;
    show.sell(&client, 1).await;
    let buyer = user(&client, "customer").await;
    let admin = user(&client, "admin").await;
    let waitlist = format!("/api/v1/events/{}/waitlist", show.event);
    let memberships = format!("/api/v1/users/{buyer}/memberships");
    for (path, caller, wish, other) in [
        (
            &waitlist,
            buyer,
            json!({"quantity": 1}),
            json!({"quantity": 2}),
        ),
        (
            &memberships,
            admin,
            json!({"kind": "friend"}),
            json!({"kind": "patron"}),
        ),
    ] {
        let asking = (0..8).map(|n| {
            let node = if n % 2 == 0 { &server } else { &beside };
            let caller = with_key(&node.user(caller), KEY);
            let wish = wish.clone();
            async move { caller.post(path, &wish).await }
        });
        let answers = join_all(asking).await;
        let mut ids: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status != 409)
            .map(|answer| answer.data(201)["id"].as_i64().unwrap())
            .collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "{path}");
        for busy in answers.iter().filter(|answer| answer.status == 409) {
            assert_eq!(busy.code(409), "IDEMPOTENCY_IN_FLIGHT");
        }
        let keyed = with_key(&server.user(caller), KEY);
        let again = keyed.post(path, &wish).await;
        assert_eq!(again.header("idempotent-replay"), Some("true"));
        assert_eq!(again.data(201)["id"], ids[0]);
        let refused = keyed.post(path, &other).await;
        assert_eq!(refused.code(422), "IDEMPOTENCY_MISMATCH");
    }
    // The answer stays, though there is enough again.
    client
        .execute("update ticket_types set capacity = 100", &[])
        .await
        .unwrap();
    let keyed = with_key(&server.user(buyer), KEY);
    keyed
        .post(&waitlist, &json!({"quantity": 1}))
        .await
        .data(201);
    assert_eq!(
        one::<i64>(&client, "select count(*) from memberships", &[]).await,
        1
    );
}

/// An answer that was lost is given again, though what was asked for would be refused by now.
#[tokio::test]
async fn a_key_that_did_its_work_is_answered_so_when_its_time_has_passed() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let organizer = server.user(show.organizer);
    let keyed = with_key(&organizer, KEY);
    let soon = jiff::Timestamp::now() + std::time::Duration::from_secs(8);
    let soon = soon.to_string();
    let asked = [
        (
            format!("/api/v1/events/{}/notices", show.event),
            json!({"type": "custom", "message": "Doors open", "until": soon}),
        ),
        (
            "/api/v1/events".to_owned(),
            json!({"title": "Concert", "venue": "Hall", "starts_at": soon, "timezone": "Europe/Berlin", "capacity": 10, "price": {"amount": 4_500, "currency": "EUR"}}),
        ),
        (
            format!("/api/v1/organizations/{}/api-keys", show.organizer),
            json!({"name": "Till", "scopes": ["sell"], "expires_at": soon}),
        ),
    ];
    let mut made = Vec::new();
    for (path, body) in &asked {
        made.push(keyed.post(path, body).await.data(201)["id"].clone());
    }
    for ((path, body), id) in asked.iter().zip(&made) {
        let passed = async { while organizer.post(path, body).await.status != 422 {} };
        let passed = tokio::time::timeout(crate::support::server::DEADLINE, passed).await;
        passed.expect("the time passes");
        let again = keyed.post(path, body).await;
        assert_eq!(&again.data(201)["id"], id, "{path}");
        assert_eq!(again.header("idempotent-replay"), Some("true"));
        let mut other = body.clone();
        other[if path.ends_with("events") {
            "title"
        } else if path.ends_with("notices") {
            "message"
        } else {
            "name"
        }] = json!("Other");
        let refused = keyed.post(path, &other).await;
        assert_eq!(refused.code(422), "IDEMPOTENCY_MISMATCH", "{path}");
    }
}

/// The question is looked up where only one of two nodes can be at a time.
#[tokio::test]
async fn a_key_and_a_tax_of_an_organization_are_made_once_on_two_nodes() {
    let server = TestServer::start().await;
    let beside = TestServer::builder().beside(&server).start().await;
    let client = server.client().await;
    let owner = user(&client, "organizer").await;
    let taxes = format!("/api/v1/organizations/{owner}/taxes");
    let keys = format!("/api/v1/organizations/{owner}/api-keys");
    let (taxes, keys) = (taxes.as_str(), keys.as_str());
    for (path, body) in [
        (keys, json!({"name": "Till", "scopes": ["sell"]})),
        (taxes, json!({"country": "DE", "name": "MwSt", "rate": 700})),
    ] {
        for round in 0..8 {
            if path == taxes {
                client.execute("delete from taxes", &[]).await.unwrap();
            }
            let key = format!("{path} {round}");
            let asking = [&server, &beside].map(|node| {
                let caller = with_key(&node.user(owner), &key);
                let body = body.clone();
                async move { caller.post(path, &body).await }
            });
            let answers = join_all(asking).await;
            assert_eq!(
                answers[0].data(201)["id"],
                answers[1].data(201)["id"],
                "{path}"
            );
        }
    }
}
