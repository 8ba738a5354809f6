//! Bookings by REST: made, read, cancelled, and refused with the right code.

use serde_json::{Value, json};

use crate::support::caller::Answer;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};
use crate::support::websocket::{Socket, WireVersion};

const BOOKINGS: &str = "/api/v1/bookings";

fn of_type(show: &Staged, index: usize, quantity: i64) -> Value {
    let item = json!({"ticket_type_id": show.ticket_types[index], "quantity": quantity});
    json!({"event_id": show.event, "items": [item]})
}

#[tokio::test]
async fn a_booking_is_held_read_and_given_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let buyer = server.user(user(&client, "customer").await);

    let made = buyer.post(BOOKINGS, &of_type(&show, 0, 3)).await;
    let booking = made.data(201).clone();
    assert_eq!(booking["status"], "pending");
    assert_eq!(
        booking["total"],
        json!({"amount": 4_500, "currency": "EUR"})
    );
    assert_eq!(booking["items"][0]["name"], "Standing");
    assert!(booking.get("token").is_none(), "{booking}");
    let at = |field: &str| booking[field].as_str().unwrap().parse::<jiff::Timestamp>();
    let held = at("expires_at").unwrap() - at("server_time").unwrap();
    assert_eq!(held.total(jiff::Unit::Minute).unwrap(), 15.0);

    let id = booking["id"].as_str().unwrap();
    let path = format!("{BOOKINGS}/{id}");
    let mut read = buyer.get(&path).await.data(200).clone();
    read["server_time"] = booking["server_time"].clone();
    // A paid booking is booked by a job, soon after.
    read["version"] = booking["version"].clone();
    read.as_object_mut().unwrap().remove("payment");
    assert_eq!(read, booking);
    let mine = buyer.get(&format!("{BOOKINGS}/mine")).await;
    assert_eq!(mine.header("x-total-count"), Some("1"));
    assert_eq!(mine.data(200)[0]["id"], booking["id"]);

    let status = format!("{path}/status");
    let body = json!({"status": "cancelled", "reason": "fell ill"});
    let cancelled = buyer.put(&status, &body).await;
    assert_eq!(cancelled.data(200)["status"], "cancelled");
    assert_eq!(cancelled.data(200)["cancel_reason"], "fell ill");
    assert_eq!(cancelled.revision(), made.revision() + 1);
    assert_eq!(cancelled.data(200)["version"], 2);
    let sql = "select held from pools where event_id = $1 and kind = 'event'";
    assert_eq!(one::<i32>(&client, sql, &[&show.event]).await, 0);
    // The buyer may book again.
    buyer.post(BOOKINGS, &of_type(&show, 0, 10)).await.data(201);
    server.audit().await;
}

/// The answer to a cancellation may be lost: who sends it again is told what was done, and nothing is done twice.
#[tokio::test]
async fn faults_12_a_repeated_cancel_answers_what_was_done() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .ticket_type("Free", 0, 10)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let body = json!({"status": "cancelled", "reason": "fell ill"});
    // A hold, and a sale.
    for (place, was) in [(0, "pending"), (1, "confirmed")] {
        let buyer = server.user(user(&client, "customer").await);
        let made = buyer.post(BOOKINGS, &of_type(&show, place, 3)).await;
        assert_eq!(made.data(201)["status"], was);
        let path = format!(
            "{BOOKINGS}/{}/status",
            made.data(201)["id"].as_str().unwrap()
        );
        let first = buyer.put(&path, &body).await;
        let done = first.data(200).clone();
        assert_eq!(done["status"], "cancelled");
        let other_reason = json!({"status": "cancelled", "reason": "changed my mind"});
        for (caller, body) in [(&buyer, &body), (&buyer, &other_reason), (&staff, &body)] {
            let again = caller.put(&path, body).await;
            let mut told = again.data(200).clone();
            told["server_time"] = done["server_time"].clone();
            assert_eq!(told, done);
            assert_eq!(again.revision(), first.revision());
        }
    }
    let sql = "select held + sold from pools where event_id = $1 and kind = 'event'";
    assert_eq!(one::<i32>(&client, sql, &[&show.event]).await, 0);
    server.audit().await;
}

#[tokio::test]
async fn staff_holds_for_several_buyers_at_once() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 1_500, 10);
    let show = show.stage(&client).await;
    let staff = server.user(show.organizer);
    for _ in 0..2 {
        let held = staff.post(BOOKINGS, &of_type(&show, 0, 1)).await;
        assert_eq!(held.data(201)["status"], "pending");
    }
    server.audit().await;
}

#[tokio::test]
async fn staff_confirms_a_hold_that_was_paid_to_them() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seated", 1_500, 10)
        .row(10)
        .stage(&client)
        .await;
    let owner = server.user(user(&client, "customer").await);
    let organizer = server.user(show.organizer);
    let made = owner.post(BOOKINGS, &of_type(&show, 0, 2)).await;
    assert_eq!(made.data(201)["version"], 1);
    let path = format!("{BOOKINGS}/{}", made.data(201)["id"].as_str().unwrap());
    let status = format!("{path}/status");
    let cash = json!({"status": "confirmed", "paid_by": "cash"});
    assert_eq!(owner.put(&status, &cash).await.code(403), "FORBIDDEN");
    let unsaid = organizer
        .put(&status, &json!({"status": "confirmed"}))
        .await;
    assert_eq!(unsaid.code(422), "VALIDATION_FAILED");
    let other_organizer = server.user(user(&client, "organizer").await);
    let stranger = other_organizer.put(&status, &cash).await;
    assert_eq!(stranger.code(404), "BOOKING_NOT_FOUND");

    let confirmed = organizer.put(&status, &cash).await;
    let booking = confirmed.data(200);
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(booking["paid_by"], "cash");
    assert_eq!(booking["version"], 2);
    assert_eq!(booking["tickets"].as_array().unwrap().len(), 2);
    assert_eq!(confirmed.revision(), made.revision() + 1);
    let mut read = owner.get(&path).await.data(200).clone();
    // A job books the money, perhaps before this.
    read.as_object_mut().unwrap().remove("payment");
    for later in ["server_time", "version"] {
        read[later] = booking[later].clone();
    }
    assert_eq!(&read, booking);
    let sql = "select sold from pools where event_id = $1 and kind = 'event'";
    assert_eq!(one::<i32>(&client, sql, &[&show.event]).await, 2);

    let again = organizer.put(&status, &cash).await;
    assert_eq!(again.data(200)["tickets"], booking["tickets"]);
    let comp = json!({"status": "confirmed", "paid_by": "comp"});
    let otherwise = organizer.put(&status, &comp).await;
    assert_eq!(otherwise.code(409), "INVALID_TRANSITION");
    let pending = organizer.put(&status, &json!({"status": "pending"})).await;
    assert_eq!(pending.data(409)["from"], "confirmed");
    server.audit().await;
}

#[tokio::test]
async fn past_its_deadline_a_hold_is_not_confirmed() {
    // A node whose sweeper looks once a minute.
    let server = TestServer::builder()
        .with(|config| config.sweep.sweep_pause_ms_max = 60_000)
        .start()
        .await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let made = server
        .anonymous()
        .post(BOOKINGS, &of_type(&show, 0, 2))
        .await;
    let sql = "update bookings set expires_at = clock_timestamp() where event_id = $1";
    client.execute(sql, &[&show.event]).await.unwrap();
    let id = made.data(201)["id"].as_str().unwrap();
    let cash = json!({"status": "confirmed", "paid_by": "cash"});
    let organizer = server.user(show.organizer);
    let refused = organizer
        .put(&format!("{BOOKINGS}/{id}/status"), &cash)
        .await;
    assert_eq!(refused.code(409), "INVALID_TRANSITION");
    assert_eq!(refused.data(409)["from"], "expired");
    // The refusal is as good as a sweep: the stock is on sale again.
    let sql = "select held from pools where event_id = $1 and kind = 'event'";
    assert_eq!(one::<i32>(&client, sql, &[&show.event]).await, 0);
    server.audit().await;
}

#[tokio::test]
async fn core_9_nobody_cancels_for_himself_once_it_has_begun() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let owner = server.user(user(&client, "customer").await);
    let made = owner.post(BOOKINGS, &of_type(&show, 0, 2)).await;
    let status = format!(
        "{BOOKINGS}/{}/status",
        made.data(201)["id"].as_str().unwrap()
    );
    let cancel = json!({"status": "cancelled"});
    for change in [
        "starts_at = now() - interval '2 days'",
        "starts_at = now() + interval '1 day', status = 'completed'",
    ] {
        let sql = format!("update events set {change} where id = $1");
        client.execute(&sql, &[&show.event]).await.unwrap();
        let refused = owner.put(&status, &cancel).await;
        assert_eq!(refused.code(409), "INVALID_TRANSITION", "{change}");
        assert_eq!(refused.data(409)["started"], true);
    }
    let organizer = server.user(show.organizer);
    organizer.put(&status, &cancel).await.data(200);
    server.audit().await;
}

#[tokio::test]
async fn what_is_free_is_confirmed_at_once_with_its_tickets() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Free seats", 0, 10)
        .row(10)
        .stage(&client)
        .await;
    let buyer = server.user(user(&client, "customer").await);
    let made = buyer.post(BOOKINGS, &of_type(&show, 0, 2)).await;
    let booking = made.data(201);
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(booking["expires_at"], Value::Null);
    let tickets = booking["tickets"].as_array().unwrap();
    assert_eq!(tickets.len(), 2);
    let seats: Vec<&Value> = tickets.iter().map(|ticket| &ticket["seat_id"]).collect();
    let listed = booking["items"][0]["seats"].as_array().unwrap();
    let listed: Vec<&Value> = listed.iter().map(|seat| &seat["id"]).collect();
    assert_eq!(seats, listed);

    let status = format!("{BOOKINGS}/{}/status", booking["id"].as_str().unwrap());
    let cancelled = buyer.put(&status, &json!({"status": "cancelled"})).await;
    for ticket in cancelled.data(200)["tickets"].as_array().unwrap() {
        assert_eq!(ticket["status"], "void");
    }
    server.audit().await;
}

#[tokio::test]
async fn somebody_who_was_admitted_cannot_give_the_booking_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let buyer = server.user(user(&client, "customer").await);
    let made = buyer.post(BOOKINGS, &of_type(&show, 0, 2)).await;
    let status = format!(
        "{BOOKINGS}/{}/status",
        made.data(201)["id"].as_str().unwrap()
    );
    let code = made.data(201)["tickets"][0]["code"].as_str().unwrap();
    let sql = "update tickets set status = 'used' where code = $1";
    client.execute(sql, &[&code]).await.unwrap();
    let cancelled = buyer.put(&status, &json!({"status": "cancelled"})).await;
    assert_eq!(cancelled.code(409), "INVALID_TRANSITION");
    assert_eq!(cancelled.data(409)["used"], true);
}

#[tokio::test]
async fn an_anonymous_booking_belongs_to_its_token() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let nobody = server.anonymous();
    let made = nobody.post(BOOKINGS, &of_type(&show, 0, 1)).await;
    let token = made.data(201)["token"].as_str().unwrap();
    assert_eq!(made.header("x-booking-token"), Some(token));
    let path = format!("{BOOKINGS}/{}", made.data(201)["id"].as_str().unwrap());

    assert_eq!(nobody.get(&path).await.code(401), "UNAUTHENTICATED");
    let stranger = nobody.clone().with_header("x-booking-token", "guessed");
    assert_eq!(stranger.get(&path).await.code(404), "BOOKING_NOT_FOUND");
    let holder = nobody.clone().with_header("x-booking-token", token);
    let read = holder.get(&path).await;
    assert!(read.data(200).get("token").is_none(), "answered once");
    let (status, cancel) = (format!("{path}/status"), json!({"status": "cancelled"}));
    holder.put(&status, &cancel).await.data(200);
}

#[tokio::test]
async fn a_booking_is_shown_to_its_owner_its_organizer_and_admins() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let owner = user(&client, "customer").await;
    let made = server
        .user(owner)
        .post(BOOKINGS, &of_type(&show, 0, 1))
        .await;
    let booking = made.data(201);
    let by_id = format!("{BOOKINGS}/{}", booking["id"].as_str().unwrap());
    let by_reference = format!(
        "{BOOKINGS}/by-reference/{}",
        booking["reference"].as_str().unwrap().to_lowercase()
    );
    let of_event = format!("{BOOKINGS}/event/{}", show.event);
    let of_owner = format!("{BOOKINGS}/user/{owner}");

    let admin = server.user(user(&client, "admin").await);
    let organizer = server.user(show.organizer);
    for caller in [&admin, &organizer, &server.user(owner)] {
        assert_eq!(caller.get(&by_id).await.data(200)["id"], booking["id"]);
        assert_eq!(
            caller.get(&by_reference).await.data(200)["id"],
            booking["id"]
        );
    }
    for caller in [&admin, &organizer] {
        assert_eq!(
            caller.get(&of_event).await.data(200)[0]["id"],
            booking["id"]
        );
    }
    assert_eq!(admin.get(&of_owner).await.data(200)[0]["id"], booking["id"]);
    let confirmed = format!("{of_event}?status=confirmed");
    assert_eq!(organizer.get(&confirmed).await.data(200), &json!([]));

    let other_customer = server.user(user(&client, "customer").await);
    let other_organizer = server.user(user(&client, "organizer").await);
    for caller in [&other_customer, &other_organizer] {
        assert_eq!(caller.get(&by_id).await.code(404), "BOOKING_NOT_FOUND");
        assert_eq!(
            caller.get(&by_reference).await.code(404),
            "BOOKING_NOT_FOUND"
        );
        assert_eq!(caller.get(&of_owner).await.code(403), "FORBIDDEN");
        assert_eq!(caller.get(&of_event).await.code(403), "FORBIDDEN");
        let cancel = json!({"status": "cancelled"});
        let status = format!("{by_id}/status");
        assert_eq!(
            caller.put(&status, &cancel).await.code(404),
            "BOOKING_NOT_FOUND"
        );
    }
}

#[tokio::test]
async fn the_numbers_are_public_and_the_revenue_is_not() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    show.sell(&client, 2).await;
    let nobody = server.anonymous();
    nobody.post(BOOKINGS, &of_type(&show, 0, 3)).await.data(201);
    let path = format!("{BOOKINGS}/event/{}/stats", show.event);
    let stats = nobody.get(&path).await;
    let stats = stats.data(200);
    assert_eq!(stats["total_bookings"], 1);
    assert_eq!(stats["total_tickets_sold"], 2);
    assert_eq!(stats["tickets_held"], 3);
    assert!(stats.get("total_revenue").is_none());
    let stats = server.user(show.organizer).get(&path).await;
    assert_eq!(stats.data(200)["total_revenue"]["currency"], "EUR");
}

#[tokio::test]
async fn refusals_have_their_status_code_and_data() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 5)
        .ticket_type("Seated", 4_000, 4)
        .row(4)
        .ticket_type("Members", 500, 5)
        .then("update ticket_types set members_only = true where event_id = $event and name = 'Members'")
        .stage(&client)
        .await;
    let nobody = server.anonymous();
    let post = |body: Value| {
        let nobody = nobody.clone();
        async move { nobody.post(BOOKINGS, &body).await }
    };
    // core_13: some are left, none of the others has six.
    let short = post(of_type(&show, 0, 6)).await;
    assert_eq!(short.code(409), "NOT_ENOUGH_LEFT");
    assert_eq!(short.data(409)["left"], 5);
    assert_eq!(short.data(409)["others"], json!([]));
    let seat = json!({"seat_id": show.seats[1]});
    let seats = json!({"event_id": show.event, "items": [seat]});
    post(seats.clone()).await.data(201);
    let taken = post(seats).await;
    assert_eq!(taken.code(409), "SEAT_TAKEN");
    assert_eq!(taken.data(409)["seats"], json!([show.seats[1]]));
    let best =
        json!({"ticket_type_id": show.ticket_types[1], "quantity": 3, "best_available": true});
    let best = json!({"event_id": show.event, "items": [best]});
    let apart = post(best).await;
    assert_eq!(apart.code(409), "NO_ADJACENT_SEATS");
    let seats = [show.seats[2], show.seats[3], show.seats[0]];
    assert_eq!(apart.data(409)["alternatives"], json!([{"seats": seats}]));
    assert_eq!(
        post(of_type(&show, 2, 1)).await.code(403),
        "MEMBERSHIP_REQUIRED"
    );
    let many = post(of_type(&show, 0, 11)).await;
    assert_eq!(many.code(422), "LIMIT_EXCEEDED");
    assert_eq!(many.data(422)["max"], 10);
    let other =
        json!({"event_id": show.event, "items": [{"ticket_type_id": 999_999, "quantity": 1}]});
    assert_eq!(post(other).await.code(404), "TICKET_TYPE_NOT_FOUND");

    for (status, http, code) in [
        ("paused", 409, "SALES_CLOSED"),
        ("completed", 409, "SALES_CLOSED"),
        ("cancelled", 410, "EVENT_CANCELLED"),
        ("draft", 404, "EVENT_NOT_FOUND"),
    ] {
        let sql = "update events set status = $2 where id = $1";
        client.execute(sql, &[&show.event, &status]).await.unwrap();
        assert_eq!(post(of_type(&show, 0, 1)).await.code(http), code);
    }
    server.audit().await;
}

#[tokio::test]
async fn core_14_what_cannot_be_meant_gets_a_clear_error() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let raw = |body: &str| {
        let (nobody, body) = (nobody.clone(), body.to_owned());
        async move {
            nobody
                .send(reqwest::Method::POST, BOOKINGS, Some(body))
                .await
        }
    };
    for not_json in ["", "{", "event_id=1", "\u{0}", "{\"event_id\": 1,}", "NaN"] {
        assert_eq!(raw(not_json).await.code(400), "BAD_JSON", "{not_json:?}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(raw(&deep).await.code(400), "BAD_JSON");
    for (body, field, code) in [
        (r#"{}"#, "event_id", "REQUIRED"),
        (
            r#"{"event_id": 99999999999999999999, "quantity": 1}"#,
            "event_id",
            "TOO_BIG",
        ),
        (
            r#"{"event_id": -1, "quantity": 1}"#,
            "event_id",
            "TOO_SMALL",
        ),
        (
            r#"{"event_id": "1", "quantity": 1}"#,
            "event_id",
            "NOT_AN_INTEGER",
        ),
        (
            r#"{"event_id": 1, "quantity": -1}"#,
            "quantity",
            "TOO_SMALL",
        ),
        (
            r#"{"event_id": 1, "quantity": 1e300}"#,
            "quantity",
            "TOO_BIG",
        ),
        (
            r#"{"event_id": 1, "quantity": 2.5}"#,
            "quantity",
            "NOT_AN_INTEGER",
        ),
        (r#"{"event_id": 1, "items": "all"}"#, "items", "NOT_A_LIST"),
        (r#"{"event_id": 1, "items": []}"#, "items", "EMPTY"),
        (
            r#"{"event_id": 1, "items": [{"seat_id": 0}]}"#,
            "items[0].seat_id",
            "TOO_SMALL",
        ),
        // core_14: nobody was faster, the request contradicts itself.
        (
            r#"{"event_id": 1, "items": [{"seat_id": 1}, {"seat_id": 1}]}"#,
            "items[1].seat_id",
            "DUPLICATE",
        ),
        (
            r#"{"event_id": 1, "items": [{"ticket_type_id": 1, "quantity": 1, "best_available": 1}]}"#,
            "items[0].best_available",
            "NOT_A_BOOLEAN",
        ),
    ] {
        let answer = raw(body).await;
        assert_eq!(answer.code(422), "VALIDATION_FAILED", "{body}");
        let error = &answer.data(422)["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code)),
            "{body}"
        );
    }
    let huge = raw(r#"{"event_id": 9223372036854775807, "quantity": 2147483647}"#).await;
    assert_eq!(huge.code(404), "EVENT_NOT_FOUND");
    let big = format!(
        r#"{{"event_id": 1, "quantity": 1, "note": "{}"}}"#,
        "x".repeat(2 << 20)
    );
    assert_eq!(raw(&big).await.code(413), "BODY_TOO_LARGE");

    let someone = server.user(user(&server.client().await, "customer").await);
    for path in [
        "/api/v1/bookings/7",
        "/api/v1/bookings/user/x",
        "/api/v1/bookings/user/9999999999999999999999",
    ] {
        assert_eq!(someone.get(path).await.code(400), "BAD_ID", "{path}");
    }
    for path in [
        "/api/v1/bookings/by-reference/BK-nonsense",
        "/api/v1/bookings/by-reference/%00",
    ] {
        assert_eq!(
            someone.get(path).await.code(404),
            "BOOKING_NOT_FOUND",
            "{path}"
        );
    }
}

#[tokio::test]
async fn core_13_a_shortage_says_what_is_left_and_what_else_there_is() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Normal", 1_500, 2)
        .ticket_type("Balcony", 2_500, 40)
        .ticket_type("Members", 500, 40)
        .ticket_type("Later", 900, 40)
        .ticket_type("Pairs", 900, 40)
        .ticket_type("Few", 900, 1)
        .ticket_type("Two a head", 900, 40)
        .then("update ticket_types set max_per_user = 2 where event_id = $event and name = 'Two a head'")
        .then("update ticket_types set members_only = true where event_id = $event and name = 'Members'")
        .then("update ticket_types set sale_from = now() + interval '1 day' where event_id = $event and name = 'Later'")
        .then("update ticket_types set max_per_booking = 2 where event_id = $event and name = 'Pairs'")
        .stage(&client)
        .await;
    let buyer = server.anonymous();
    let others = json!([{"ticket_type_id": show.ticket_types[1], "available": 40}]);
    let short = buyer.post(BOOKINGS, &of_type(&show, 0, 5)).await;
    assert_eq!(short.code(409), "NOT_ENOUGH_LEFT");
    assert_eq!(short.data(409)["left"], 2);
    assert_eq!(short.data(409)["others"], others);
    buyer.post(BOOKINGS, &of_type(&show, 0, 2)).await.data(201);
    // The same from memory, while somebody watches.
    let mut socket = Socket::connect(server.address(), WireVersion::V2).await;
    socket
        .join(&format!("event:{}", show.event), json!({}))
        .await;
    let gone = buyer.post(BOOKINGS, &of_type(&show, 0, 5)).await;
    assert_eq!(gone.code(409), "TICKET_TYPE_SOLD_OUT");
    assert_eq!(gone.data(409)["others"], others);
    server.audit().await;
}

#[tokio::test]
async fn core_8_a_type_is_sold_until_its_own_end_and_else_until_the_start() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("At the door", 1_500, 10)
        .ticket_type("In advance", 1_000, 10)
        .then("update ticket_types set sale_to = now() + interval '2 hours' where event_id = $event and name = 'At the door'")
        .then("update events set starts_at = now() - interval '1 hour' where id = $event")
        .stage(&client)
        .await;
    let buyer = server.anonymous();
    let states = async || {
        let read = buyer
            .get(&format!("/api/v1/availability/{}", show.event))
            .await;
        let types = read.data(200)["ticket_types"].clone();
        [
            types[0]["sale_state"].clone(),
            types[1]["sale_state"].clone(),
        ]
    };
    assert_eq!(states().await, [json!("on_sale"), json!("closed")]);
    buyer.post(BOOKINGS, &of_type(&show, 0, 2)).await.data(201);
    let advance = buyer.post(BOOKINGS, &of_type(&show, 1, 2)).await;
    assert_eq!(advance.code(409), "SALES_CLOSED");
    let short = json!({"event_id": show.event, "quantity": 1});
    let cheapest = buyer.post(BOOKINGS, &short).await;
    assert_eq!(
        cheapest.data(201)["total"]["amount"],
        1_500,
        "the cheapest that is on sale"
    );

    let sql = "update ticket_types set sale_to = now() - interval '1 minute' where id = $1";
    client.execute(sql, &[&show.ticket_types[0]]).await.unwrap();
    assert_eq!(states().await, [json!("closed"), json!("closed")]);
    assert_eq!(
        buyer.post(BOOKINGS, &of_type(&show, 0, 2)).await.code(409),
        "SALES_CLOSED"
    );
    server.audit().await;
}

#[tokio::test]
async fn core_20_a_price_that_changed_is_said_and_nothing_is_booked() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let buyer = server.anonymous();
    let expecting = async |total: Value| {
        let mut body = of_type(&show, 0, 2);
        body["expected_total"] = total;
        buyer.post(BOOKINGS, &body).await
    };
    expecting(json!(3_000)).await.data(201);
    client
        .execute("update ticket_types set price_amount = 1600", &[])
        .await
        .unwrap();
    let refused = expecting(json!({"amount": 3_000, "currency": "EUR"})).await;
    assert_eq!(refused.code(409), "PRICE_CHANGED");
    assert_eq!(
        refused.data(409)["total"],
        json!({"amount": 3_200, "currency": "EUR"})
    );
    expecting(json!({"amount": 3_200, "currency": "EUR"}))
        .await
        .data(201);
    let held: i32 = one(&client, "select held from pools where kind = 'event'", &[]).await;
    assert_eq!(held, 4);
    server.audit().await;
}

#[tokio::test]
async fn core_15_a_guest_is_found_again_by_reference_and_e_mail() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let guest = server.anonymous();
    let mut body = of_type(&show, 0, 2);
    body["contact"] = json!({"name": "Ada", "email": "Ada@Example.org", "phone": "+66 ๑๒๓ ๔๕๖"});
    let kept = json!({"name": "Ada", "email": "ada@example.org", "phone": "+66123456"});
    let keyed = guest
        .clone()
        .with_header("idempotency-key", "0123456789abcdef");
    for _ in 0..2 {
        let made = keyed.post(BOOKINGS, &body).await;
        assert_eq!(made.data(201)["contact"], kept);
    }
    let made = keyed.post(BOOKINGS, &body).await.data(201).clone();
    let reference = made["reference"].as_str().unwrap();
    let path = format!("{BOOKINGS}/by-reference/{reference}");
    // Reference and address are read aloud and printed: they show nothing, a mail does.
    for query in ["", "?email=ADA@example.org"] {
        let shown = guest.get(&format!("{path}{query}")).await;
        assert_eq!(shown.code(401), "UNAUTHENTICATED", "{query}");
        let other = server.user(user(&client, "customer").await);
        let shown = other.get(&format!("{path}{query}")).await;
        assert_eq!(shown.code(404), "BOOKING_NOT_FOUND", "{query}");
    }
    let token = made["token"].as_str().unwrap();
    let owner = guest.clone().with_header("x-booking-token", token);
    assert_eq!(owner.get(&path).await.data(200)["contact"], kept);
    let organizer = server.user(show.organizer).get(&path).await;
    assert_eq!(organizer.data(200)["contact"], kept);

    for reference in [reference, "BK-222222"] {
        let asked = json!({"reference": reference, "email": "ada@example.org"});
        let heard = guest.post(&format!("{BOOKINGS}/find"), &asked).await;
        assert_eq!(heard.data(202), &Value::Null);
    }
    server.audit().await;
}

/// Texts that the database writes longer than they were sent: domains of other scripts, and numbers with exponents.
#[tokio::test]
async fn values_that_grow_are_measured_as_they_are_kept() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 10)
        .stage(&client)
        .await;
    let buyer = server.user(user(&client, "customer").await);
    // Letters from all over the alphabet, which punycode writes with two or three signs each.
    let label: String = "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศ".chars().collect();
    let long = format!("ada@{label}.{label}.{label}.{label}.th");
    assert!(long.chars().count() < 200, "{}", long.chars().count());
    let book = async |more: Value| {
        let mut body = json!({"event_id": show.event, "quantity": 1});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        buyer.post(BOOKINGS, &body).await
    };
    let wrong = |answer: &Answer| {
        assert_eq!(answer.code(422), "VALIDATION_FAILED", "{}", answer.text);
        let field = &answer.body["data"]["errors"][0];
        format!(
            "{} {}",
            field["field"].as_str().unwrap(),
            field["code"].as_str().unwrap()
        )
    };
    let contact = book(json!({"contact": {"email": long}})).await;
    assert_eq!(wrong(&contact), "contact.email TOO_LONG");
    let attendee = book(json!({"attendees": [{"name": "Ada", "email": long}]})).await;
    assert_eq!(wrong(&attendee), "attendees[0].email TOO_LONG");
    let mut answers = serde_json::Map::new();
    for (place, number) in [1e308, -1e308, 1e-300]
        .into_iter()
        .cycle()
        .take(60)
        .enumerate()
    {
        answers.insert(format!("{place}"), json!(number));
    }
    let answers = book(json!({"answers": answers})).await;
    assert_eq!(wrong(&answers), "answers TOO_LONG");
    book(json!({"answers": {"age": 1e3, "share": 0.25}}))
        .await
        .data(201);
}
