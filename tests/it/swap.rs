//! A pending booking is about other tickets from now on, by `PATCH /bookings/{id}`.

use serde_json::{Value, json};

use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};

const BOOKINGS: &str = "/api/v1/bookings";

fn units(show: &Staged, index: usize, quantity: i64) -> Value {
    json!({"ticket_type_id": show.ticket_types[index], "quantity": quantity})
}

#[tokio::test]
async fn other_tickets_take_the_place_of_those_held_until_the_same_deadline() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 4)
        .ticket_type("Free", 0, 4)
        .ticket_type("Seated", 2_500, 10)
        .row(10)
        .stage(&client)
        .await;
    for buyer in [
        server.user(user(&client, "customer").await),
        server.anonymous(),
    ] {
        let items = json!([units(&show, 0, 3), units(&show, 2, 2)]);
        let made = buyer
            .post(BOOKINGS, &json!({"event_id": show.event, "items": items}))
            .await;
        let booking = made.data(201).clone();
        let buyer = match made.header("x-booking-token") {
            Some(token) => buyer.with_header("x-booking-token", token),
            None => buyer,
        };
        let path = format!("{BOOKINGS}/{}", booking["id"].as_str().unwrap());

        // All of the four, since its own three count as free; and other seats beside its own.
        let items = json!([units(&show, 0, 4), units(&show, 2, 3)]);
        let wrong = json!({"items": items, "expected_total": 13_499});
        assert_eq!(buyer.patch(&path, &wrong).await.code(409), "PRICE_CHANGED");
        let wish = json!({"items": items, "expected_total": 13_500});
        let swapped = buyer.patch(&path, &wish).await;
        let now = swapped.data(200);
        assert_eq!(now["total"]["amount"], 13_500);
        assert_eq!(now["quantity"], 7);
        assert_eq!(now["expires_at"], booking["expires_at"]);
        assert_eq!(now["version"], 2);
        assert_eq!(swapped.revision(), made.revision() + 2);
        let mut read = buyer.get(&path).await.data(200).clone();
        read["server_time"] = now["server_time"].clone();
        read.as_object_mut().unwrap().remove("contact");
        assert_eq!(&read, now);

        let again = buyer.patch(&path, &wish).await;
        assert_eq!(again.data(200)["version"], 2);
        let too_many = json!({"items": [units(&show, 0, 5)]});
        let refused = buyer.patch(&path, &too_many).await;
        assert_eq!(refused.code(409), "NOT_ENOUGH_LEFT");
        let nonsense = json!({"items": [], "event_id": 7});
        assert_eq!(
            buyer.patch(&path, &nonsense).await.code(422),
            "VALIDATION_FAILED"
        );
        let stranger = server.user(user(&client, "customer").await);
        let theirs = stranger.patch(&path, &wish).await;
        assert_eq!(theirs.code(404), "BOOKING_NOT_FOUND");
        let held = "select held from pools where event_id = $1 and kind = 'event'";
        assert_eq!(one::<i32>(&client, held, &[&show.event]).await, 7);

        // A free ticket is the buyer's at once.
        let free = json!({"items": [units(&show, 1, 2)]});
        let swapped = buyer.patch(&path, &free).await;
        assert_eq!(swapped.data(200)["status"], "confirmed");
        assert_eq!(swapped.data(200)["tickets"].as_array().unwrap().len(), 2);
        assert_eq!(one::<i32>(&client, held, &[&show.event]).await, 0);
        let late = buyer.patch(&path, &free).await;
        assert_eq!(late.code(409), "INVALID_TRANSITION");
        server.audit().await;
    }
}

#[tokio::test]
async fn names_of_those_who_come_stay_with_tickets_that_stay() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .ticket_type("Lounge", 5_000, 10)
        .ticket_type("Seated", 2_500, 10)
        .row(10)
        .stage(&client)
        .await;
    let organizer = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let seat = |index: usize| json!({"seat_id": show.seats[index]});
    let attendees = ["Ada", "Bo", "Cy", "Di", "Ed"].map(|name| json!({"name": name}));
    let items = json!([units(&show, 0, 2), units(&show, 1, 1), seat(4), seat(5)]);
    let wish = json!({"event_id": show.event, "items": items, "attendees": attendees});
    let made = buyer.post(BOOKINGS, &wish).await.data(201).clone();
    let path = format!("{BOOKINGS}/{}", made["id"].as_str().unwrap());
    let swap = async |items: Value| {
        let swapped = buyer.patch(&path, &json!({"items": items})).await;
        swapped.data(200);
        let read = buyer.get(&path).await.data(200).clone();
        let all = read["attendees"].as_array().unwrap().iter();
        let names: Vec<String> = all
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        names.join(" ")
    };
    // Another seat in place of Di's, and no lounge.
    let other = json!([units(&show, 0, 2), seat(5), seat(7)]);
    assert_eq!(swap(other).await, "Ada Bo Ed Di");
    let fewer = json!([units(&show, 0, 1), seat(7), seat(5)]);
    assert_eq!(swap(fewer).await, "Ada Ed Di");
    // Nobody was named for the second one.
    let more = json!([units(&show, 0, 2), seat(7)]);
    assert_eq!(swap(more).await, "Ada  Di");

    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let paid = organizer.put(&format!("{path}/status"), &paid).await;
    paid.data(200);
    let listed = format!("/api/v1/events/{}/attendees", show.event);
    let listed = organizer.get(&listed).await.data(200).clone();
    let listed = listed.as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = listed.map(|one| (text(&one["name"]), text(&one["seat"])));
    let of: Vec<(String, String)> = of.collect();
    let has = |name: &str, seat: &str| {
        let mut of = of.iter();
        of.any(|(named, of)| named == name && of.ends_with(seat))
    };
    assert!(has("Ada", "") && has("Di", "8"), "{of:?}");
    assert!(!has("Ed", "") && !has("Cy", "") && !has("Bo", ""), "{of:?}");
    server.audit().await;
}

#[tokio::test]
async fn names_go_to_the_tickets_that_they_were_given_for() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .ticket_type("Lounge", 5_000, 10)
        .stage(&client)
        .await;
    let organizer = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let attendees = ["Ada", "Bo"].map(|name| json!({"name": name}));
    let items = json!([units(&show, 1, 1), units(&show, 0, 2)]);
    let wish = json!({"event_id": show.event, "items": items, "attendees": attendees});
    let made = buyer.post(BOOKINGS, &wish).await.data(201).clone();
    let path = format!("{BOOKINGS}/{}", made["id"].as_str().unwrap());
    let read = buyer.get(&path).await.data(200).clone();
    let by_ticket = json!([{"name": "Bo", "email": null}, {"name": "", "email": null}, {"name": "Ada", "email": null}]);
    assert_eq!(
        (&made["attendees"], &read["attendees"]),
        (&by_ticket, &by_ticket)
    );

    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let paid = organizer.put(&format!("{path}/status"), &paid).await;
    paid.data(200);
    let listed = format!("/api/v1/events/{}/attendees", show.event);
    let listed = organizer.get(&listed).await.data(200).clone();
    let of = |name: &str| {
        let mut listed = listed.as_array().unwrap().iter();
        let one = listed.find(|one| one["name"] == name).unwrap();
        one["ticket_type"].clone()
    };
    assert_eq!((of("Ada"), of("Bo")), (json!("Lounge"), json!("Standing")));
    server.audit().await;
}

/// In one statement one claim gives up what another takes: the counters stand still, and so does the revision.
#[tokio::test]
async fn swaps_that_cancel_out_answer_with_the_revision_that_there_is() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 100)
        .stage(&client)
        .await;
    let mut swaps = tokio::task::JoinSet::new();
    for number in 0..16 {
        let buyer = server.user(user(&client, "customer").await);
        let quantity = 1 + number % 2;
        let body = json!({"event_id": show.event, "items": [units(&show, 0, quantity)]});
        let made = buyer.post(BOOKINGS, &body).await;
        let path = format!("{BOOKINGS}/{}", made.data(201)["id"].as_str().unwrap());
        let wish = json!({"items": [units(&show, 0, 3 - quantity)]});
        swaps.spawn(async move { buyer.patch(&path, &wish).await.revision() });
    }
    let newest = swaps.join_all().await.into_iter().max().unwrap();
    let sql = "select revision from turns where event_id = $1";
    let revision: i64 = one(&client, sql, &[&show.event]).await;
    assert_eq!(newest, revision as u64);
    server.audit().await;
}
