//! Events as they are made: whole, checked, once.

use serde_json::{Value, json};

use super::{EVENTS, concert, made, with, world, wrong};
use crate::support::server::TestServer;
use crate::support::show::{one, user};
use seatcast::ticketing::UserId;

#[tokio::test]
async fn an_event_that_does_not_say_holds_as_long_as_the_server_is_set_to() {
    let server = TestServer::builder()
        .with(|config| config.stripe.payment_timeout_minutes = 7)
        .start()
        .await;
    let organizer = user(&server.client().await, "organizer").await;
    let organizer = server.user(organizer);
    let silent = organizer.post(EVENTS, &concert()).await;
    assert_eq!(silent.data(201)["hold_minutes"], 7);
    let says = with(json!({"hold_minutes": 20}));
    let says = organizer.post(EVENTS, &says).await;
    assert_eq!(says.data(201)["hold_minutes"], 20);
}

/// As the column has it, by which the desk makes offers.
#[tokio::test]
async fn how_long_an_offer_of_the_waitlist_waits_is_the_organizers_to_say() {
    let (server, organizer) = world().await;
    let client = server.client().await;
    let says = with(json!({"offer_minutes": 60}));
    let made = organizer.post(EVENTS, &says).await;
    assert_eq!(made.data(201)["offer_minutes"], 60);
    let path = made.header("location").unwrap();
    let column = async || one::<i32>(&client, "select offer_minutes from events", &[]).await;
    assert_eq!(column().await, 60);
    let other = json!({"offer_minutes": 90});
    let changed = organizer.patch(path, &other).await;
    assert_eq!(changed.data(200)["offer_minutes"], 90);
    organizer.patch(path, &json!({"title": "Other"})).await;
    assert_eq!(column().await, 90);
    assert_eq!(
        server.anonymous().get(path).await.data(200)["offer_minutes"],
        90
    );
}

#[tokio::test]
async fn an_event_with_one_price_is_on_sale_as_soon_as_it_is_made() {
    let (server, organizer) = world().await;
    let answer = organizer.post(EVENTS, &concert()).await;
    let event = answer.data(201).clone();
    assert_eq!(event["status"], "active");
    assert_eq!(event["sale_state"], "on_sale");
    assert_eq!(event["starts_at"], "2099-06-01T18:00:00.000000Z");
    assert_eq!(event["price"], json!({"amount": 4_500, "currency": "EUR"}));
    assert_eq!(event["max_per_booking"], 10);
    assert_eq!(event["hold_minutes"], 15);
    assert_eq!(event["offer_minutes"], 720);
    assert_eq!(event["revision"].as_u64(), Some(answer.revision()));
    let only = &event["ticket_types"][0];
    assert_eq!(
        (&only["capacity"], &only["available"]),
        (&json!(100), &json!(100))
    );
    let path = answer.header("location").unwrap();
    assert_eq!(server.anonymous().get(path).await.data(200), &event);
    let booked = json!({"event_id": event["id"], "quantity": 2});
    let booked = server.anonymous().post("/api/v1/bookings", &booked).await;
    assert_eq!(booked.data(201)["total"]["amount"], 9_000);
    let after = server.anonymous().get(path).await.data(200).clone();
    assert_eq!(
        (&after["held_tickets"], &after["available_tickets"]),
        (&json!(2), &json!(98))
    );
    server.audit().await;
}

#[tokio::test]
async fn several_prices_and_a_draft_are_made_as_they_are_sent() {
    let (server, organizer) = world().await;
    let types = json!([
        {"name": "Standing", "price": 2_000, "capacity": 80},
        {"name": "VIP", "price": {"amount": 9_000, "currency": "THB"}, "capacity": 20, "members_only": true,
         "min_per_booking": 2, "max_per_booking": 4, "max_per_user": 8,
         "sale_from": "2098-01-01T00:00:00Z", "sale_to": "2099-01-01T00:00:00Z"},
    ]);
    let event = with(json!({"price": null, "ticket_types": types, "status": "draft"}));
    let path = made(&organizer, &event).await;
    let event = organizer.get(&path).await.data(200).clone();
    assert_eq!(
        (&event["currency"], &event["status"]),
        (&json!("THB"), &json!("draft"))
    );
    assert_eq!(event["price"]["amount"], 2_000);
    let vip = &event["ticket_types"][1];
    assert_eq!(vip["name"], "VIP");
    assert_eq!(vip["sale_from"], "2098-01-01T00:00:00.000000Z");
    assert_eq!(
        (&vip["max_per_user"], &vip["members_only"]),
        (&json!(8), &json!(true))
    );

    // Nobody else knows of a draft, in any way.
    let other = server.user(user(&server.client().await, "organizer").await);
    for caller in [&server.anonymous(), &other] {
        for below in ["", "/ticket-types", "/notices", "/seats", "/seatmap"] {
            let answer = caller.get(&format!("{path}{below}")).await;
            assert_eq!(answer.code(404), "EVENT_NOT_FOUND", "{below}");
        }
        assert_eq!(caller.get(EVENTS).await.data(200), &json!([]));
    }
    let refused = other.patch(&path, &json!({"title": "Mine"})).await;
    assert_eq!(refused.code(404), "EVENT_NOT_FOUND");
    assert_eq!(
        organizer.get(EVENTS).await.header("x-total-count"),
        Some("1")
    );
    let published = organizer.patch(&path, &json!({"status": "active"})).await;
    assert_eq!(published.data(200)["status"], "active");
    server.anonymous().get(&path).await.data(200);
    let notices = server.anonymous().get(&format!("{path}/notices")).await;
    assert_eq!(notices.data(200), &json!([]), "who knew of the draft?");
}

#[tokio::test]
async fn everything_that_is_wrong_with_an_event_is_said_at_once() {
    let (_server, organizer) = world().await;
    let empty = organizer.post(EVENTS, &json!({})).await;
    let required = ["price", "title", "venue", "starts_at", "capacity"];
    assert_eq!(
        wrong(&empty),
        required.map(|field| format!("{field} REQUIRED"))
    );
    let types = |types: Value| json!({"price": null, "ticket_types": types});
    let standing = json!({"name": "Standing", "price": 0, "capacity": 5});
    for (changes, expected) in [
        (json!({"title": "  "}), "title EMPTY"),
        (json!({"title": "x".repeat(201)}), "title TOO_LONG"),
        (json!({"title": "a\u{0}b"}), "title NUL_IN_TEXT"),
        (json!({"title": 7}), "title NOT_TEXT"),
        (json!({"capacity": 0}), "capacity TOO_SMALL"),
        (json!({"capacity": -5}), "capacity TOO_SMALL"),
        (json!({"capacity": 1.5}), "capacity NOT_AN_INTEGER"),
        (json!({"capacity": 2_147_483_648_u64}), "capacity TOO_BIG"),
        (json!({"capacity": 1e40}), "capacity TOO_BIG"),
        (json!({"price": -1}), "price TOO_SMALL"),
        (
            json!({"price": {"amount": -1, "currency": "EUR"}}),
            "price.amount TOO_SMALL",
        ),
        (
            json!({"price": {"currency": "EUR"}}),
            "price.amount REQUIRED",
        ),
        (
            json!({"price": {"amount": 1, "currency": "euro"}}),
            "price.currency TOO_LONG",
        ),
        (
            json!({"price": {"amount": 1, "currency": "eur"}}),
            "price.currency NOT_A_CURRENCY",
        ),
        (
            json!({"price": {"amount": 1, "currency": "EUR"}, "currency": "USD"}),
            "price OTHER_CURRENCY",
        ),
        (json!({"price": 9_000_000_000_000_i64}), "price TOO_BIG"),
        (
            json!({"starts_at": "2099-06-01 20:00"}),
            "starts_at NOT_A_TIME",
        ),
        (
            json!({"starts_at": "2020-06-01T20:00:00Z"}),
            "starts_at IN_THE_PAST",
        ),
        (
            json!({"starts_at": "-009000-01-01T00:00:00Z"}),
            "starts_at YEAR_OUT_OF_RANGE",
        ),
        (
            json!({"timezone": "Mars/Olympus"}),
            "timezone NOT_A_TIMEZONE",
        ),
        (
            json!({"image_url": "javascript:alert(1)"}),
            "image_url NOT_A_URL",
        ),
        (json!({"status": "completed"}), "status NOT_A_CHOICE"),
        (json!({"hold_minutes": 0}), "hold_minutes TOO_SMALL"),
        (json!({"offer_minutes": 0}), "offer_minutes TOO_SMALL"),
        (json!({"offer_minutes": 43_201}), "offer_minutes TOO_BIG"),
        (
            json!({"membership_required": "yes"}),
            "membership_required NOT_A_BOOLEAN",
        ),
        (
            json!({"ticket_types": [standing]}),
            "price PRICE_AND_TICKET_TYPES",
        ),
        (types(json!([])), "ticket_types EMPTY"),
        (types(json!([standing, 5])), "ticket_types[1] NOT_AN_OBJECT"),
        (
            types(json!([standing, {"name": "VIP", "price": 5}])),
            "ticket_types[1].capacity REQUIRED",
        ),
        (
            types(
                json!([{"name": "a", "price": 0, "capacity": 1, "sale_from": "2099-01-02T00:00:00Z",
                          "sale_to": "2099-01-01T00:00:00Z"}]),
            ),
            "ticket_types[0].sale_to NOT_AFTER_SALE_FROM",
        ),
        (
            types(
                json!([{"name": "a", "price": 0, "capacity": 1, "min_per_booking": 3, "max_per_booking": 2}]),
            ),
            "ticket_types[0].max_per_booking BELOW_MIN_PER_BOOKING",
        ),
        (
            types(
                json!([{"name": "a", "price": {"amount": 1, "currency": "EUR"}, "capacity": 1},
                         {"name": "b", "price": {"amount": 1, "currency": "USD"}, "capacity": 1}]),
            ),
            "ticket_types[1].price OTHER_CURRENCY",
        ),
    ] {
        let answer = organizer.post(EVENTS, &with(changes.clone())).await;
        assert_eq!(wrong(&answer), [expected], "{changes}");
    }
    let bad = with(json!({"title": "", "capacity": 0, "price": -1}));
    let answer = organizer.post(EVENTS, &bad).await;
    assert_eq!(
        wrong(&answer),
        ["title EMPTY", "capacity TOO_SMALL", "price TOO_SMALL"]
    );
    assert_eq!(
        organizer.get(EVENTS).await.header("x-total-count"),
        Some("0")
    );
}

#[tokio::test]
async fn an_event_that_is_sent_again_is_made_once() {
    let (server, organizer) = world().await;
    let keyed = organizer
        .clone()
        .with_header("idempotency-key", "concert-1");
    let body = concert();
    let (first, second) = tokio::join!(keyed.post(EVENTS, &body), keyed.post(EVENTS, &body));
    let answers = [&first, &second];
    let made = answers
        .iter()
        .find(|answer| answer.status == 201)
        .expect("one is made");
    for other in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(other.code(409), "IDEMPOTENCY_IN_FLIGHT");
    }
    let replay = keyed.post(EVENTS, &body).await;
    assert_eq!(replay.header("idempotent-replay"), Some("true"));
    assert_eq!(replay.header("location"), made.header("location"));
    assert_eq!(replay.data(201), made.data(201));
    assert_eq!(replay.revision(), made.revision());
    let other = keyed.post(EVENTS, &with(json!({"title": "Other"}))).await;
    assert_eq!(other.code(422), "IDEMPOTENCY_MISMATCH");
    assert_eq!(
        organizer.get(EVENTS).await.header("x-total-count"),
        Some("1")
    );

    // Another node knows it as well, and another organizer's key is another key.
    let node = TestServer::builder().beside(&server).start().await;
    let client = server.client().await;
    let me: i64 = one(&client, "select organizer_id from events", &[]).await;
    let there = node
        .user(UserId(me))
        .with_header("idempotency-key", "concert-1");
    let there = there.post(EVENTS, &body).await;
    assert_eq!(there.header("idempotent-replay"), Some("true"));
    let stranger = server.user(user(&client, "organizer").await);
    let stranger = stranger.with_header("idempotency-key", "concert-1");
    let another = stranger.post(EVENTS, &body).await;
    assert_eq!(another.header("idempotent-replay"), None);
    assert_ne!(another.data(201)["id"], made.data(201)["id"]);
}

#[tokio::test]
async fn core_15_the_start_may_be_called_date_time_and_nothing_else() {
    let (_server, organizer) = world().await;
    let start = "2099-07-01T18:00:00Z";
    let path = made(
        &organizer,
        &with(json!({"starts_at": null, "date_time": start})),
    )
    .await;
    let moved = organizer
        .patch(&path, &json!({"date_time": "2099-08-01T18:00:00Z"}))
        .await;
    assert_eq!(moved.data(200)["starts_at"], "2099-08-01T18:00:00.000000Z");
    let twice = organizer
        .post(EVENTS, &with(json!({"date_time": start})))
        .await;
    assert_eq!(wrong(&twice), ["date_time DUPLICATE"]);
    let misspelt = organizer.patch(&path, &json!({"capasity": 400})).await;
    assert_eq!(misspelt.code(422), "UNKNOWN_FIELD");
    let sentence = "There are fields that are not known here";
    assert_eq!(misspelt.body["message"], sentence);
    assert_eq!(wrong(&misspelt), ["capasity UNKNOWN_FIELD"]);
    let nested = json!([{"name": "a", "price": {"amount": 1, "curency": "EUR"}, "capacity": 1, "colour": "red"}]);
    let nested = organizer
        .post(
            EVENTS,
            &with(json!({"price": null, "ticket_types": nested})),
        )
        .await;
    let expected = [
        "ticket_types[0].price.curency UNKNOWN_FIELD",
        "ticket_types[0].colour UNKNOWN_FIELD",
    ];
    assert_eq!(wrong(&nested), expected);
}

#[tokio::test]
async fn core_10_core_12_times_and_zones_that_cannot_be_kept_are_refused_by_name() {
    let (_server, organizer) = world().await;
    let path = made(&organizer, &concert()).await;
    let far = "9999-06-01T00:00:00Z";
    let notice = json!({"type": "custom", "message": "x", "until": far});
    for (answer, field) in [
        (
            organizer
                .post(EVENTS, &with(json!({"starts_at": far})))
                .await,
            "starts_at",
        ),
        (
            organizer.patch(&path, &json!({"starts_at": far})).await,
            "starts_at",
        ),
        (
            organizer.post(&format!("{path}/notices"), &notice).await,
            "until",
        ),
        (
            organizer
                .post(
                    &format!("{path}/ticket-types"),
                    &json!({"name": "a", "price": 0, "capacity": 1, "sale_to": far}),
                )
                .await,
            "sale_to",
        ),
    ] {
        assert_eq!(wrong(&answer), [format!("{field} YEAR_OUT_OF_RANGE")]);
    }
    let last = json!({"starts_at": "9998-12-31T23:59:59Z"});
    organizer.patch(&path, &last).await.data(200);

    for zone in [
        "localtime",
        "posixrules",
        "Factory",
        "posix/Europe/Berlin",
        "right/UTC",
        "leapseconds",
        "Local",
    ] {
        let answer = organizer.patch(&path, &json!({"timezone": zone})).await;
        assert_eq!(wrong(&answer), ["timezone NOT_A_TIMEZONE"], "{zone}");
    }
    for (zone, kept) in [
        ("asia/bangkok", "Asia/Bangkok"),
        ("utc", "UTC"),
        ("Etc/GMT+5", "Etc/GMT+5"),
    ] {
        let answer = organizer.patch(&path, &json!({"timezone": zone})).await;
        assert_eq!(answer.data(200)["timezone"], kept);
    }
}

#[tokio::test]
async fn core_8_an_event_has_an_end_and_doors() {
    let (server, organizer) = world().await;
    let times =
        json!({"doors_at": "2099-06-01T19:00:00+02:00", "ends_at": "2099-06-01T23:00:00+02:00"});
    let path = made(&organizer, &with(times)).await;
    let event = server.anonymous().get(&path).await.data(200).clone();
    assert_eq!(event["doors_at"], "2099-06-01T17:00:00.000000Z");
    assert_eq!(event["ends_at"], "2099-06-01T21:00:00.000000Z");
    for (change, expected) in [
        (
            json!({"ends_at": "2099-06-01T18:00:00Z"}),
            "ends_at NOT_AFTER_STARTS_AT",
        ),
        (
            json!({"doors_at": "2099-06-01T18:00:01Z"}),
            "doors_at AFTER_STARTS_AT",
        ),
        (
            json!({"starts_at": "2099-06-01T22:00:00Z"}),
            "ends_at NOT_AFTER_STARTS_AT",
        ),
        (
            json!({"starts_at": "2099-06-01T16:00:00Z"}),
            "doors_at AFTER_STARTS_AT",
        ),
        (
            json!({"starts_at": "2099-06-02T00:00:00Z", "ends_at": "2099-06-01T00:00:00Z"}),
            "ends_at NOT_AFTER_STARTS_AT",
        ),
    ] {
        assert_eq!(
            wrong(&organizer.patch(&path, &change).await),
            [expected],
            "{change}"
        );
    }
    let refused = organizer
        .post(EVENTS, &with(json!({"ends_at": "2099-06-01T18:00:00Z"})))
        .await;
    assert_eq!(wrong(&refused), ["ends_at NOT_AFTER_STARTS_AT"]);

    let later = json!({"doors_at": "2099-06-01T17:30:00Z", "ends_at": null});
    let changed = organizer.patch(&path, &later).await;
    assert_eq!(changed.data(200)["ends_at"], Value::Null);
    let notices = server.anonymous().get(&format!("{path}/notices")).await;
    let told = &notices.data(200)[0];
    assert_eq!(
        told["data"]["new"],
        json!({"doors_at": "2099-06-01T17:30:00.000000Z", "ends_at": null})
    );
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .starts_with("The doors now open at"),
        "{told}"
    );
    server.audit().await;
}
