//! Events as they change: at the revision that is known, above what is committed, told to viewers.

use reqwest::Method;
use serde_json::{Value, json};

use super::{EVENTS, concert, made, world, wrong};
use crate::support::caller::Caller;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, user};
use crate::support::websocket::WireVersion;

#[tokio::test]
async fn a_change_is_made_at_the_revision_that_is_known_and_told_to_viewers() {
    let (server, organizer) = world().await;
    let path = made(&organizer, &concert()).await;
    let seen = server.anonymous().get(&path).await;
    let tag = seen.header("etag").unwrap().to_owned();
    let topic = format!("event:{}", seen.data(200)["id"]);
    let mut viewer = server.ws(WireVersion::V2).await;
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
async fn a_change_drops_nothing_that_it_names() {
    let (_server, organizer) = world().await;
    let path = made(&organizer, &concert()).await;
    let dollars = json!({"price": {"amount": 5_000, "currency": "USD"}});
    let priced = organizer.patch(&path, &dollars).await;
    assert_eq!(wrong(&priced), ["price OTHER_CURRENCY"]);

    let whole = |more: Value| {
        let mut whole = json!({"title": "Concert", "venue": "Hall", "starts_at": "2099-06-01T20:00:00Z",
                               "capacity": 100});
        let more = more.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(more);
        whole
    };
    let types =
        |price: i64| json!([{"name": "General admission", "price": price, "capacity": 100}]);
    let refused = [
        (dollars, "price OTHER_CURRENCY"),
        (json!({"currency": "USD"}), "currency OTHER_CURRENCY"),
        (json!({"organizer_id": 1_000_000}), "organizer_id STAYS"),
        (
            json!({"ticket_types": types(1)}),
            "ticket_types TICKET_TYPES_APART",
        ),
    ];
    for (named, why) in refused {
        let answer = organizer.put(&path, &whole(named)).await;
        assert_eq!(wrong(&answer), [why]);
    }
    let event = organizer.get(&path).await;
    let event = event.data(200);
    assert_eq!(event["price"], json!({"amount": 4_500, "currency": "EUR"}));
    let same = json!({"currency": "EUR", "organizer_id": event["organizer_id"], "ticket_types": types(4_500)});
    let same = organizer.put(&path, &whole(same)).await;
    same.data(200);
    let price = json!({"price": {"amount": 5_000, "currency": "EUR"}});
    let priced = organizer.patch(&path, &price).await;
    assert_eq!(priced.data(200)["price"]["amount"], 5_000);
}

#[tokio::test]
async fn null_empties_what_may_be_empty_and_changes_nothing_else() {
    let (_server, organizer) = world().await;
    let path = made(&organizer, &concert()).await;
    let named = json!({"description": "Bring earplugs", "city": "Bern", "image_url": "/a.png"});
    organizer.patch(&path, &named).await.data(200);
    let refused = [
        "title",
        "venue",
        "starts_at",
        "capacity",
        "price",
        "status",
        "timezone",
        "membership_required",
    ];
    let mut nulls = json!({"city": null});
    for name in refused {
        nulls[name] = Value::Null;
    }
    let answer = organizer.patch(&path, &nulls).await;
    let mut expected = refused.map(|name| format!("{name} EMPTY"));
    expected.sort();
    assert_eq!(wrong(&answer), expected);
    let emptied = json!({"description": null, "city": null, "image_url": null});
    let event = organizer.patch(&path, &emptied).await;
    let event = event.data(200);
    assert_eq!(event["title"], "Concert");
    assert_eq!(
        (&event["description"], &event["city"], &event["image_url"]),
        (&json!(""), &Value::Null, &Value::Null)
    );
    let id = event["ticket_types"][0]["id"].clone();
    let types = format!("{path}/ticket-types/{id}");
    let nulls = json!({"name": null, "capacity": null, "hidden": null, "max_per_user": null});
    let answer = organizer.patch(&types, &nulls).await;
    assert_eq!(
        wrong(&answer),
        ["capacity EMPTY", "hidden EMPTY", "name EMPTY"]
    );
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

/// The event's bookings with this status, as their organizer lists them.
async fn bookings(organizer: &Caller, show: &Staged, status: &str) -> Value {
    let path = format!("/api/v1/bookings/event/{}?status={status}", show.event);
    organizer.get(&path).await.data(200).clone()
}

#[tokio::test]
async fn a_cancelled_event_ends_what_is_pending_at_once_and_then_what_is_confirmed() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seat", 500, 10)
        .row(10)
        .stage(&client)
        .await;
    show.try_sell(&client, 0, Some(show.seats[0]), 1)
        .await
        .unwrap();
    let buyer = server.user(user(&client, "customer").await);
    let booking = json!({"event_id": show.event, "quantity": 3});
    let held = buyer.post("/api/v1/bookings", &booking).await;
    let held = format!(
        "/api/v1/bookings/{}",
        held.data(201)["id"].as_str().unwrap()
    );
    let topic = format!("event:{}", show.event);
    let mut viewer = server.ws(WireVersion::V2).await;
    let joined = viewer.join(&topic, json!({})).await;
    assert_eq!(joined["state"]["ticket_types"][0]["available"], 6);

    let path = format!("{EVENTS}/{}", show.event);
    let (cancel, why) = (
        format!("{path}/cancel"),
        json!({"reason": "The band is ill."}),
    );
    let stranger = server.user(user(&client, "organizer").await);
    assert_eq!(stranger.post(&cancel, &why).await.code(403), "FORBIDDEN");
    let organizer = server.user(show.organizer);
    let long = json!({"reason": "x".repeat(501)});
    assert_eq!(
        wrong(&organizer.post(&cancel, &long).await),
        ["reason TOO_LONG"]
    );
    let cancelled = organizer.post(&cancel, &why).await;
    assert_eq!(cancelled.data(202)["status"], "cancelled");
    assert_eq!(cancelled.data(202)["available_tickets"], 9);
    let revision = cancelled.revision();
    // Three changes in one transaction, in one update or a few, and then that of the job which ends what is confirmed.
    let (mut status, mut available, mut notice) = (Value::Null, Value::Null, Value::Null);
    while notice.is_null() || available != 10 {
        let mut update = viewer.next_on(&topic, "update").await;
        if !update["event"].is_null() {
            status = update["event"]["status"].take();
        }
        if !update["ticket_types"].is_null() {
            available = update["ticket_types"][0]["available"].take();
        }
        if let Some(told) = update["notices"].get(0) {
            assert!(available == 9 || available == 10, "{available}");
            notice = told.clone();
        }
    }
    assert_eq!(status, "cancelled");
    assert_eq!(notice["type"], "cancellation");
    assert_eq!(
        notice["message"],
        "The event was cancelled. The band is ill."
    );

    let ended = buyer.get(&held).await;
    assert_eq!(ended.data(200)["status"], "cancelled");
    assert_eq!(ended.data(200)["cancel_reason"], "The band is ill.");
    let kept = bookings(&organizer, &show, "confirmed").await;
    assert_eq!(kept.as_array().unwrap().len(), 0);
    let late = server.anonymous().post("/api/v1/bookings", &booking).await;
    assert_eq!(late.code(410), "EVENT_CANCELLED");
    // Once more, without a body: nothing new, and the first reason stays.
    let again = organizer.send(Method::POST, &cancel, None).await;
    assert_eq!((again.status, again.revision()), (202, revision + 1));
    for verb in ["pause", "resume", "complete"] {
        let back = organizer.post(&format!("{path}/{verb}"), &json!({})).await;
        assert_eq!(back.code(409), "INVALID_TRANSITION", "{verb}");
    }
    server.audit().await;
}

#[tokio::test]
async fn plain_sql_that_cancels_events_ends_their_holds() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut shows = Vec::new();
    for _ in 0..3 {
        let show = Show::new()
            .ticket_type("Standing", 500, 10)
            .stage(&client)
            .await;
        show.sell(&client, 2).await;
        let booking = json!({"event_id": show.event, "quantity": 3});
        let held = server.anonymous().post("/api/v1/bookings", &booking).await;
        held.data(201);
        shows.push(show);
    }
    let sql = "update events set status = 'cancelled' where id = any($1)";
    let two = [shows[1].event, shows[0].event];
    let cancelling = client.transaction().await.unwrap();
    cancelling.execute(sql, &[&&two[..]]).await.unwrap();
    // Before the commit, after which a job ends what is confirmed.
    let counts = "select count(*) filter (where status = 'cancelled'), count(*) filter (where status = 'pending'),
                         count(*) filter (where status = 'confirmed') from bookings where event_id = $1";
    for (show, ended) in shows.iter().zip([1_i64, 1, 0]) {
        let row = cancelling.query_one(counts, &[&show.event]).await.unwrap();
        let found = [0, 1, 2].map(|at| row.get::<_, i64>(at));
        assert_eq!(found, [ended, 1 - ended, 1]);
    }
    cancelling.commit().await.unwrap();
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
    let now = organizer
        .get(&path)
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let known = |tag: &str| organizer.clone().with_header("if-match", tag);
    let outdated = known("\"1\"").delete(&path).await;
    assert_eq!(outdated.code(409), "VERSION_CONFLICT");
    let deleted = known(&now).delete(&path).await;
    assert_eq!(deleted.data(200)["id"], show.event.0);
    assert!(deleted.revision() > 0);
    for answer in [organizer.get(&path).await, organizer.delete(&path).await] {
        assert_eq!(answer.code(404), "EVENT_NOT_FOUND");
    }
    let history = buyer.get(&booking).await;
    assert_eq!(history.data(200)["status"], "cancelled");
    server.audit().await;
}
