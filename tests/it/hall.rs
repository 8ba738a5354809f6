//! Seats count as seats: what is left of a seated ticket type is its free seats, in every place that says a number, and
//! what would make the numbers untrue cannot be stored. Numbers in brackets are those of `findings/core.md`.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, user};
use crate::support::websocket::{Socket, WireVersion};

/// The constraint that a statement violates.
async fn violated(client: &Client, sql: &str) -> String {
    let error = client.batch_execute(sql).await.expect_err(sql);
    let error = error.as_db_error().expect("an error of the database");
    error.constraint().unwrap_or_default().to_owned()
}

/// Thirty places: 27 seats of the first type, 3 of the second.
async fn thirty(client: &Client) -> Staged {
    Show::new()
        .capacity(30)
        .ticket_type("Normal", 1_000, 30)
        .row(27)
        .ticket_type("VIP", 5_000, 30)
        .row(3)
        .stage(client)
        .await
}

#[tokio::test]
async fn blocked_seats_are_off_sale_everywhere_core_1() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = thirty(&client).await;
    let mut socket = Socket::connect(server.address(), WireVersion::V2).await;
    let topic = format!("event:{}", show.event);
    let joined = socket.join(&topic, json!({})).await;
    let vip = |types: &Value| -> Value {
        let types = types.as_array().expect("ticket types");
        let id = json!(show.ticket_types[1]);
        types
            .iter()
            .find(|one| one["id"] == id)
            .expect("VIP")
            .clone()
    };
    let before = vip(&joined["state"]["ticket_types"]);
    assert_eq!(
        (&before["capacity"], &before["available"]),
        (&json!(3), &json!(3))
    );

    let organizer = server.user(show.organizer);
    let seats = format!("/api/v1/events/{}/seats", show.event);
    let blocked = organizer
        .patch(
            &seats,
            &json!({"seat_ids": show.seats[27..], "blocked": true}),
        )
        .await;
    blocked.data(200);
    let update = socket.next_on(&topic, "update").await;
    let after = vip(&update["ticket_types"]);
    assert_eq!(
        (&after["available"], &after["status"]),
        (&json!(0), &json!("sold_out"))
    );

    let path = format!("/api/v1/availability/{}", show.event);
    let read = server.anonymous().get(&path).await;
    assert_eq!(vip(&read.data(200)["ticket_types"])["available"], 0);
    assert_eq!(read.data(200)["available_tickets"], 27);
    let shown = "select available_count from event_tickets where id = $1";
    let shown: i32 = client
        .query_one(shown, &[&show.ticket_types[1]])
        .await
        .unwrap()
        .get(0);
    assert_eq!(shown, 0);
    let buyer = server.user(user(&client, "customer").await);
    let one = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[1], "quantity": 1}]});
    let refused = buyer.post("/api/v1/bookings", &one).await;
    assert_eq!(refused.code(409), "TICKET_TYPE_SOLD_OUT");

    let back = json!({"seat_ids": show.seats[27..28], "blocked": false});
    organizer.patch(&seats, &back).await.data(200);
    buyer.post("/api/v1/bookings", &one).await.data(201);
    server.audit().await;
}

#[tokio::test]
async fn a_map_beyond_the_capacity_is_refused_core_2() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(1)
        .ticket_type("Seat", 0, 1)
        .stage(&client)
        .await;
    let organizer = server.user(show.organizer);
    let seat = |number: i32| json!({"number": number.to_string(), "x": number, "y": 0});
    let map = |seats: i32| {
        let seats: Vec<Value> = (1..=seats).map(seat).collect();
        json!({"sections": [{"name": "Hall", "ticket_type_id": show.ticket_types[0],
                             "rows": [{"label": "A", "seats": seats}]}]})
    };
    let path = format!("/api/v1/events/{}/seatmap", show.event);
    let refused = organizer.put(&path, &map(3)).await;
    assert_eq!(refused.code(409), "MAP_BEYOND_CAPACITY");
    assert_eq!(refused.body["data"]["capacity"], 1);
    organizer.put(&path, &map(1)).await.data(200);
    let more = format!(
        "insert into seats (event_id, section_id, ticket_type_id, row_label, number)
         select event_id, section_id, ticket_type_id, row_label, '2' from seats where event_id = {}",
        show.event
    );
    assert_eq!(violated(&client, &more).await, "seats_within_capacity");

    let event = format!("/api/v1/events/{}", show.event);
    organizer
        .patch(&event, &json!({"capacity": 3}))
        .await
        .data(200);
    organizer.put(&path, &map(3)).await.data(200);
    let less = organizer.patch(&event, &json!({"capacity": 2})).await;
    assert_eq!(less.code(409), "MAP_BEYOND_CAPACITY");
    assert_eq!(less.body["data"]["seats"], 3);
    assert_eq!(less.body["data"]["capacity"], 2);
    let less = format!("update events set capacity = 2 where id = {}", show.event);
    assert_eq!(violated(&client, &less).await, "seats_within_capacity");
    server.audit().await;
}

#[tokio::test]
async fn units_of_a_seated_type_cannot_be_claimed_core_3() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = thirty(&client).await;
    let refused = show
        .try_sell(&client, 1, None, 1)
        .await
        .expect_err("units of a seated type");
    let refused = refused.as_db_error().expect("an error of the database");
    assert_eq!(refused.constraint(), Some("claims_seated_as_type"));
    show.try_sell(&client, 1, Some(show.seats[27]), 1)
        .await
        .expect("a seat of it");

    // Nor can a type become seated of which units are sold.
    let standing = Show::new()
        .ticket_type("Standing", 0, 10)
        .stage(&client)
        .await;
    standing.sell(&client, 1).await;
    let section = format!(
        "insert into sections (event_id, name) values ({}, 'Hall')",
        standing.event
    );
    client.batch_execute(&section).await.expect("a section");
    let seat = format!(
        "insert into seats (event_id, section_id, ticket_type_id, row_label, number)
         select {0}, id, {1}, 'A', '1' from sections where event_id = {0}",
        standing.event, standing.ticket_types[0]
    );
    assert_eq!(violated(&client, &seat).await, "claims_seated_as_type");
    let organizer = server.user(standing.organizer);
    let map = json!({"sections": [{"name": "Hall", "ticket_type_id": standing.ticket_types[0],
        "rows": [{"label": "A", "seats": [{"number": "1", "x": 0, "y": 0}]}]}]});
    let path = format!("/api/v1/events/{}/seatmap", standing.event);
    assert_eq!(
        organizer.put(&path, &map).await.code(409),
        "TICKET_TYPE_HAS_UNITS"
    );
    server.audit().await;
}

/// A move that cannot be ends nobody's hold first.
#[tokio::test]
async fn a_forced_move_that_is_refused_leaves_the_holds() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seat", 1_000, 10)
        .row(2)
        .ticket_type("Standing", 1_000, 10)
        .stage(&client)
        .await;
    show.try_sell(&client, 1, None, 1).await.expect("a unit");
    let buyer = server.user(user(&client, "customer").await);
    let one = json!({"event_id": show.event, "items": [{"seat_id": show.seats[0]}]});
    let held = buyer.post("/api/v1/bookings", &one).await;
    let id = held.data(201)["id"].as_str().expect("an id").to_owned();
    let organizer = server.user(show.organizer);
    let seats = format!("/api/v1/events/{}/seats", show.event);
    let moved =
        json!({"seat_ids": [show.seats[0]], "ticket_type_id": show.ticket_types[1], "force": true});
    let refused = organizer.patch(&seats, &moved).await;
    assert_eq!(refused.code(409), "TICKET_TYPE_HAS_UNITS");
    let booking = buyer.get(&format!("/api/v1/bookings/{id}")).await;
    assert_eq!(booking.data(200)["status"], "pending");
    server.audit().await;
}

#[tokio::test]
async fn the_capacity_of_a_seated_type_is_its_seats_core_4() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(100_000)
        .ticket_type("Seat", 0, 100_000)
        .row(25)
        .stage(&client)
        .await;
    let path = format!("/api/v1/availability/{}", show.event);
    let read = server.anonymous().get(&path).await;
    assert_eq!(read.data(200)["available_tickets"], 25);
    assert_eq!(read.data(200)["ticket_types"][0]["capacity"], 25);

    let organizer = server.user(show.organizer);
    let its_type = format!(
        "/api/v1/events/{}/ticket-types/{}",
        show.event, show.ticket_types[0]
    );
    let refused = organizer.patch(&its_type, &json!({"capacity": 30})).await;
    assert_eq!(refused.code(409), "CAPACITY_IS_SEATS");
    let by_hand = format!(
        "update ticket_types set capacity = 30 where id = {}",
        show.ticket_types[0]
    );
    assert_eq!(
        violated(&client, &by_hand).await,
        "ticket_types_capacity_is_seats"
    );

    // Added, moved to another type, removed: the counts follow.
    let other = format!(
        "insert into ticket_types (event_id, name, capacity) values ({}, 'Box', 7)",
        show.event
    );
    client.batch_execute(&other).await.expect("another type");
    let counts = async || -> Vec<(i32, bool)> {
        let sql = "select capacity, seated from ticket_types where event_id = $1 order by id";
        let rows = client.query(sql, &[&show.event]).await.expect("types");
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    assert_eq!(counts().await, [(25, true), (7, false)]);
    let moved = format!(
        "update seats set ticket_type_id = (select max(id) from ticket_types where event_id = {0})
          where event_id = {0} and number in ('1', '2')",
        show.event
    );
    client.batch_execute(&moved).await.expect("two seats moved");
    assert_eq!(counts().await, [(23, true), (2, true)]);
    let removed = format!(
        "delete from seats where event_id = {} and number in ('1', '2', '3')",
        show.event
    );
    client
        .batch_execute(&removed)
        .await
        .expect("three seats removed");
    assert_eq!(counts().await, [(22, true), (0, false)]);
    server.audit().await;
}

#[tokio::test]
async fn a_place_that_two_types_share_counts_once_core_7() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(500)
        .ticket_type("VIP day", 1_000, 81)
        .ticket_type("VIP weekend", 1_000, 54)
        .ticket_type("Standing", 1_000, 10)
        .then(
            "with lounge as (insert into pools (event_id, kind, name, capacity)
                             values ($event, 'allotment', 'Lounge', 81) returning id)
             insert into ticket_type_pools
             select t.id, lounge.id from ticket_types t, lounge
              where t.event_id = $event and t.name like 'VIP%'",
        )
        .stage(&client)
        .await;
    let mut socket = Socket::connect(server.address(), WireVersion::V2).await;
    let topic = format!("event:{}", show.event);
    socket.join(&topic, json!({})).await;
    let path = format!("/api/v1/availability/{}", show.event);
    let left = async || server.anonymous().get(&path).await.data(200)["available_tickets"].clone();
    assert_eq!(left().await, 91);

    show.sell(&client, 70).await;
    let update = socket.next_on(&topic, "update").await;
    assert_eq!(left().await, 11 + 10);
    // All who share the lounge are told what is left of it.
    let shared: Vec<_> = update["ticket_types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["shared"][0][1].clone())
        .collect();
    assert_eq!(shared, [11, 11]);
    server.audit().await;
}

#[tokio::test]
async fn sections_are_counted_by_ticket_type() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = thirty(&client).await;
    show.try_sell(&client, 0, Some(show.seats[0]), 1)
        .await
        .expect("a sale");
    let block = format!(
        "update seats set blocked = true where id = {}",
        show.seats[29]
    );
    client.batch_execute(&block).await.expect("a blocked seat");
    let buyer = server.user(user(&client, "customer").await);
    let one = json!({"event_id": show.event, "items": [{"seat_id": show.seats[27]}]});
    buyer.post("/api/v1/bookings", &one).await.data(201);
    let path = format!("/api/v1/availability/{}/sections", show.event);
    let read = server.anonymous().get(&path).await;
    let counts = |row: &Value| {
        ["allocated", "available", "held", "sold", "blocked"]
            .map(|name| row[name].as_i64().unwrap())
    };
    let sections: Vec<_> = read
        .data(200)
        .as_array()
        .unwrap()
        .iter()
        .map(counts)
        .collect();
    assert_eq!(sections, [[27, 26, 0, 1, 0], [3, 1, 1, 0, 1]]);
    assert_eq!(read.data(200)[0]["section"], "Stalls");
    assert!(read.header("etag").is_some());
    let missing = server
        .anonymous()
        .get("/api/v1/availability/999999/sections")
        .await;
    assert_eq!(missing.code(404), "EVENT_NOT_FOUND");
}
