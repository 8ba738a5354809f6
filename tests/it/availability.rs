//! Availability by REST: numbers, their words, ETags and caching.

use serde_json::{Value, json};

use crate::support::caller::Caller;
use crate::support::server::TestServer;
use crate::support::show::{Show, user};
use crate::support::websocket::WireVersion;
use seatcast::ticketing::EventId;

fn of(event: EventId) -> String {
    format!("/api/v1/availability/{event}")
}

/// Asks again with the version that is known.
async fn again(server: &TestServer, path: &str, tag: &str) -> u16 {
    let caller = server.anonymous().with_header("if-none-match", tag);
    caller.get(path).await.status
}

#[tokio::test]
async fn every_number_and_word_is_there() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(100)
        .ticket_type("Standing", 4_500, 80)
        .ticket_type("Balcony", 6_000, 40)
        .stage(&client)
        .await;
    show.sell(&client, 75).await;
    let buyer = server.user(user(&client, "customer").await);
    let held = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[1], "quantity": 5}]});
    let made = buyer.post("/api/v1/bookings", &held).await;
    made.data(201);

    let answer = server.anonymous().get(&of(show.event)).await;
    let mut data = answer.data(200).clone();
    let updated = data["last_updated"].take();
    assert!(updated.as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let price = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    assert_eq!(
        data,
        json!({
            "event_id": show.event,
            "total_capacity": 100,
            "booked_tickets": 75,
            "held_tickets": 5,
            // 5 of standing and 35 of the balcony would be 40, but the house takes 100.
            "available_tickets": 20,
            "occupancy_percentage": 75.0,
            "is_sold_out": false,
            "is_almost_sold_out": false,
            "is_limited": true,
            "status": "limited",
            "low_stock": false,
            "event_status": "active",
            "revision": made.revision(),
            "last_updated": null,
            "ticket_types": [
                {"id": show.ticket_types[0], "name": "Standing", "price": price(4_500), "capacity": 80,
                 "available": 5, "held": 0, "sold": 75, "status": "almost_sold_out", "sale_state": "on_sale"},
                {"id": show.ticket_types[1], "name": "Balcony", "price": price(6_000), "capacity": 40,
                 "available": 20, "held": 5, "sold": 0, "status": "available", "sale_state": "on_sale"},
            ],
        })
    );
}

#[tokio::test]
async fn a_version_that_is_known_is_not_sent_again() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Seat", 0, 10).stage(&client).await;
    let path = of(show.event);
    let first = server.anonymous().get(&path).await;
    let tag = first.header("etag").unwrap().to_owned();
    assert_eq!(tag, format!("\"{}\"", first.data(200)["revision"]));
    assert_eq!(first.header("cache-control"), Some("public, max-age=1"));
    assert_eq!(again(&server, &path, &tag).await, 304);
    assert_eq!(again(&server, &path, &format!("\"1\", W/{tag}")).await, 304);
    assert_eq!(again(&server, &path, "\"1\"").await, 200);
    show.sell(&client, 1).await;
    assert_eq!(again(&server, &path, &tag).await, 200);

    // A sale that opens by the clock makes no revision, yet another answer.
    let opens = "update ticket_types set sale_from = clock_timestamp() + interval '3 s' where event_id = $1";
    client.execute(opens, &[&show.event]).await.unwrap();
    let closed = server.anonymous().get(&path).await;
    let tag = closed.header("etag").unwrap().to_owned();
    assert_eq!(
        closed.data(200)["ticket_types"][0]["sale_state"],
        "not_started"
    );
    let opened = until(&server.anonymous().with_header("if-none-match", tag), &path).await;
    assert_eq!(opened["ticket_types"][0]["sale_state"], "on_sale");
}

/// Asks until there is something new.
async fn until(caller: &Caller, path: &str) -> Value {
    let answered = async {
        loop {
            let answer = caller.get(path).await;
            if answer.status != 304 {
                return answer.data(200).clone();
            }
        }
    };
    let deadline = crate::support::server::DEADLINE;
    tokio::time::timeout(deadline, answered)
        .await
        .expect("news")
}

#[tokio::test]
async fn several_events_are_answered_at_once_under_both_names() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let mut events = Vec::new();
    for name in ["First", "Second"] {
        events.push(
            Show::new()
                .ticket_type(name, 0, 10)
                .stage(&client)
                .await
                .event,
        );
    }
    let hidden = Show::new()
        .ticket_type("Draft", 0, 10)
        .then("update events set status = 'draft' where id = $event")
        .stage(&client)
        .await;
    let paused = Show::new()
        .ticket_type("Paused", 0, 10)
        .then("update events set status = 'paused' where id = $event")
        .stage(&client)
        .await;
    let (first, second) = (events[0], events[1]);
    let no_ids = "x,-1,0,1.5,99999999999999999999";
    let list = format!("{second},{first},999999,{},{first},{no_ids}", hidden.event);
    for base in ["/api/v1/availability", "/api/v1/event-availability"] {
        for query in [list.clone(), format!("[{list}]")] {
            let path = format!("{base}?event_ids={query}");
            let answer = server.anonymous().get(&path).await;
            let found = answer.data(200).as_array().unwrap();
            let ids: Vec<EventId> = found
                .iter()
                .map(|one| EventId(one["event_id"].as_i64().unwrap()))
                .collect();
            assert_eq!(ids, events, "{path}");
            let tag = answer.header("etag").unwrap();
            assert_eq!(again(&server, &path, tag).await, 304);
        }
        let none = server
            .anonymous()
            .get(&format!("{base}?event_ids=[]"))
            .await;
        assert_eq!(none.data(200), &json!([]));
        let active = server.anonymous().get(&format!("{base}/all/active")).await;
        let active = active.data(200).as_array().unwrap().clone();
        assert_eq!(
            active.len(),
            2,
            "{active:?} is without drafts and what is paused"
        );
        let one = server
            .anonymous()
            .get(&format!("{base}/{}", paused.event))
            .await;
        assert_eq!(one.data(200)["ticket_types"][0]["sale_state"], "closed");
    }
    let path = format!("/api/v1/availability?event_ids={first},{second}");
    let tag = server.anonymous().get(&path).await;
    let tag = tag.header("etag").unwrap().to_owned();
    client
        .execute("update events set title = 'New' where id = $1", &[&second])
        .await
        .unwrap();
    assert_eq!(again(&server, &path, &tag).await, 200);
}

#[tokio::test]
async fn what_is_no_list_of_ids_is_refused() {
    let server = TestServer::start().await;
    let anonymous = server.anonymous();
    let long: Vec<String> = (1..=1_001).map(|id: i64| id.to_string()).collect();
    let fits = long[..1_000].join(",");
    let answer = anonymous
        .get(&format!("/api/v1/availability?event_ids={fits}"))
        .await;
    assert_eq!(answer.data(200), &json!([]));
    for query in [
        "".to_owned(),
        "?event_ids=".to_owned(),
        format!("?event_ids={}", long.join(",")),
    ] {
        let answer = anonymous.get(&format!("/api/v1/availability{query}")).await;
        assert_eq!(answer.code(422), "VALIDATION_FAILED", "{query}");
        assert_eq!(answer.body["data"]["errors"][0]["field"], "event_ids");
    }
    for (id, status) in [("0", 404), ("-3", 404), ("999999", 404), ("abc", 400)] {
        let answer = anonymous.get(&format!("/api/v1/availability/{id}")).await;
        assert_eq!(answer.status, status, "{id}: {}", answer.text);
    }
    let huge = anonymous
        .get("/api/v1/availability/99999999999999999999")
        .await;
    assert_eq!(huge.code(400), "BAD_ID");
}

#[tokio::test]
async fn whoever_wrote_reads_nothing_older() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(400)
        .ticket_type("Seat", 0, 400)
        .stage(&client)
        .await;
    // Watched, so that the answers come from memory, which hears of a commit a little later.
    let mut viewer = server.ws(WireVersion::V2).await;
    viewer
        .join(&format!("event:{}", show.event), json!({}))
        .await;
    let body = json!({"event_id": show.event, "quantity": 1});
    for booked in 1..=30 {
        let made = server.anonymous().post("/api/v1/bookings", &body).await;
        made.data(201);
        let read = server.anonymous().get(&of(show.event)).await;
        assert!(read.data(200)["revision"].as_u64().unwrap() >= made.revision());
        assert_eq!(read.data(200)["booked_tickets"], booked);
    }
}

#[tokio::test]
async fn drafts_are_for_their_organizer_and_nothing_is_left_of_deleted_events() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seat", 0, 10)
        .then("update events set status = 'draft' where id = $event")
        .stage(&client)
        .await;
    let path = of(show.event);
    let stranger = server.user(user(&client, "organizer").await);
    for caller in [server.anonymous(), stranger] {
        assert_eq!(caller.get(&path).await.code(404), "EVENT_NOT_FOUND");
    }
    let own = server.user(show.organizer).get(&path).await;
    assert_eq!(own.data(200)["event_status"], "draft");
    assert_eq!(own.header("cache-control"), Some("private, no-store"));
    let publish = "update events set status = 'active' where id = $1";
    client.execute(publish, &[&show.event]).await.unwrap();
    server.anonymous().get(&path).await.data(200);
    let delete = "update events set deleted_at = now() where id = $1";
    client.execute(delete, &[&show.event]).await.unwrap();
    assert_eq!(
        server.anonymous().get(&path).await.code(404),
        "EVENT_NOT_FOUND"
    );
}
