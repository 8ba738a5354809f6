//! Events as they change: at the revision that is known, above what is committed, told to viewers.

use serde_json::{Value, json};

use super::{EVENTS, concert, made, world, wrong};
use crate::support::server::TestServer;
use crate::support::show::{Show, user};
use crate::support::websocket::Vsn;

#[tokio::test]
async fn a_change_is_made_at_the_revision_that_is_known_and_told_to_viewers() {
    let (server, organizer) = world().await;
    let path = made(&organizer, &concert()).await;
    let seen = server.anonymous().get(&path).await;
    let tag = seen.header("etag").unwrap().to_owned();
    let topic = format!("event:{}", seen.data(200)["id"]);
    let mut viewer = server.ws(Vsn::V2).await;
    viewer.join(&topic, json!({})).await;

    let known = organizer.clone().with_header("if-match", tag);
    let change = json!({"title": "Big concert", "venue": "Arena", "capacity": 150});
    let changed = known.patch(&path, &change).await;
    let event = changed.data(200).clone();
    assert_eq!(
        (&event["title"], &event["venue"]),
        (&json!("Big concert"), &json!("Arena"))
    );
    assert_eq!(
        (&event["capacity"], &event["available_tickets"]),
        (&json!(150), &json!(150))
    );
    assert_eq!(
        event["ticket_types"][0]["capacity"], 150,
        "the only type follows"
    );
    assert_eq!(event["revision"].as_u64(), Some(changed.revision()));
    let again = known.patch(&path, &change).await;
    assert_eq!(again.code(409), "VERSION_CONFLICT");
    assert_eq!(
        again.body["data"]["revision"].as_u64(),
        Some(changed.revision())
    );
    // Without a condition the last one wins; what changes nothing makes no revision.
    let same = organizer.patch(&path, &change).await;
    assert_eq!(same.revision(), changed.revision());

    let notices = server.anonymous().get(&format!("{path}/notices")).await;
    let notices = notices.data(200).as_array().unwrap();
    let kinds: Vec<&Value> = notices.iter().map(|notice| &notice["type"]).collect();
    assert_eq!(kinds, ["info_update"], "one change, one notice");
    let mut told = Vec::new();
    while told.is_empty() {
        let update = viewer.next_on(&topic, "update").await;
        told.extend(update["notices"].as_array().cloned().unwrap_or_default());
    }
    assert_eq!(
        told[0]["data"],
        json!({"old": {"venue": "Hall", "capacity": 100}, "new": {"venue": "Arena", "capacity": 150}})
    );

    // As a whole: what is left out gets a new event's default, prices stay.
    let whole = json!({"title": "Concert", "venue": "Arena", "starts_at": "2099-06-01T20:00:00Z",
                       "capacity": 150});
    let replaced = organizer.put(&path, &whole).await;
    assert_eq!(replaced.data(200)["timezone"], "UTC");
    assert_eq!(replaced.data(200)["price"]["amount"], 4_500);
    let partial = organizer.put(&path, &json!({"title": "Concert"})).await;
    assert_eq!(wrong(&partial).len(), 3);
    server.audit().await;
}

#[tokio::test]
async fn a_capacity_stays_above_what_is_committed() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(100)
        .ticket_type("Standing", 1_000, 60)
        .ticket_type("Balcony", 1_000, 60)
        .stage(&client)
        .await;
    show.sell(&client, 30).await;
    let items = json!([{"ticket_type_id": show.ticket_types[1], "quantity": 5}]);
    let held = json!({"event_id": show.event, "items": items});
    server
        .anonymous()
        .post("/api/v1/bookings", &held)
        .await
        .data(201);
    let organizer = server.user(show.organizer);
    let path = format!("{EVENTS}/{}", show.event);
    let below = organizer.patch(&path, &json!({"capacity": 34})).await;
    assert_eq!(below.code(409), "CAPACITY_BELOW_COMMITTED");
    assert_eq!(below.body["data"]["minimum"], 35);
    organizer
        .patch(&path, &json!({"capacity": 35}))
        .await
        .data(200);
    let standing = format!("{path}/ticket-types/{}", show.ticket_types[0]);
    let below = organizer.patch(&standing, &json!({"capacity": 29})).await;
    assert_eq!(below.code(409), "CAPACITY_BELOW_COMMITTED");
    assert_eq!(below.body["data"]["minimum"], 30);
    let least = organizer.patch(&standing, &json!({"capacity": 30})).await;
    assert_eq!(least.data(200)["status"], "sold_out");
    let price = organizer.patch(&path, &json!({"price": 5})).await;
    assert_eq!(price.code(409), "SEVERAL_TICKET_TYPES");
    server.audit().await;
}

#[tokio::test]
async fn sales_pause_go_on_and_end() {
    let (server, organizer) = world().await;
    let path = made(&organizer, &concert()).await;
    let id = organizer.get(&path).await.data(200)["id"].clone();
    let to = async |verb: &str| organizer.post(&format!("{path}/{verb}"), &json!({})).await;
    assert_eq!(to("pause").await.data(200)["sale_state"], "closed");
    let booking = json!({"event_id": id, "quantity": 1});
    let refused = server.anonymous().post("/api/v1/bookings", &booking).await;
    assert_eq!(refused.code(409), "SALES_CLOSED");
    assert_eq!(to("resume").await.data(200)["sale_state"], "on_sale");
    server
        .anonymous()
        .post("/api/v1/bookings", &booking)
        .await
        .data(201);
    assert_eq!(to("complete").await.data(200)["status"], "completed");
    let back = to("resume").await;
    assert_eq!(back.code(409), "INVALID_TRANSITION");
    assert_eq!(back.body["data"]["from"], "completed");
    assert_eq!(back.body["data"]["to"], "active");
    let cancelled = organizer
        .patch(&path, &json!({"status": "cancelled"}))
        .await;
    assert_eq!(cancelled.code(409), "INVALID_TRANSITION");
    server.audit().await;
}

#[tokio::test]
async fn only_what_nobody_booked_can_be_deleted() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seat", 500, 10)
        .stage(&client)
        .await;
    let (organizer, path) = (
        server.user(show.organizer),
        format!("{EVENTS}/{}", show.event),
    );
    let buyer = server.user(user(&client, "customer").await);
    let booking = json!({"event_id": show.event, "quantity": 1});
    let booking = buyer.post("/api/v1/bookings", &booking).await;
    let booking = format!(
        "/api/v1/bookings/{}",
        booking.data(201)["id"].as_str().unwrap()
    );
    let refused = organizer.delete(&path).await;
    assert_eq!(refused.code(409), "EVENT_HAS_BOOKINGS");
    assert_eq!(refused.body["data"]["live_bookings"], 1);
    let cancelled = json!({"status": "cancelled"});
    buyer
        .put(&format!("{booking}/status"), &cancelled)
        .await
        .data(200);
    let deleted = organizer.delete(&path).await;
    assert_eq!(deleted.data(200)["id"], show.event);
    assert!(deleted.revision() > 0);
    for answer in [organizer.get(&path).await, organizer.delete(&path).await] {
        assert_eq!(answer.code(404), "EVENT_NOT_FOUND");
    }
    let history = buyer.get(&booking).await;
    assert_eq!(history.data(200)["status"], "cancelled");
    server.audit().await;
}
