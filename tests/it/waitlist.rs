//! The waitlist: what comes free is offered in order, held until it is answered, and nobody snatches it.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::caller::{Answer, Caller};
use crate::support::database::wait_for_a_lock;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};
use crate::support::smtp::Smtp;

const BOOKINGS: &str = "/api/v1/bookings";
const WAITLIST: &str = "/api/v1/waitlist";

async fn join(caller: &Caller, show: &Staged, wish: Value) -> Answer {
    let path = format!("/api/v1/events/{}/waitlist", show.event);
    caller.post(&path, &wish).await
}

async fn book(caller: &Caller, show: &Staged, quantity: i64) -> Answer {
    let items = json!([{"ticket_type_id": show.ticket_types[0], "quantity": quantity}]);
    caller
        .post(BOOKINGS, &json!({"event_id": show.event, "items": items}))
        .await
}

async fn cancel(caller: &Caller, booking: &Value) -> Answer {
    let path = format!("{BOOKINGS}/{}/status", booking["id"].as_str().unwrap());
    caller.put(&path, &json!({"status": "cancelled"})).await
}

async fn place(caller: &Caller, id: i64) -> Value {
    let answer = caller.get(&format!("{WAITLIST}/{id}")).await;
    answer.data(200).clone()
}

async fn customer(server: &TestServer, client: &Client) -> Caller {
    server.user(user(client, "customer").await)
}

/// Somebody who waits for so many.
async fn waits(
    server: &TestServer,
    client: &Client,
    show: &Staged,
    quantity: i64,
) -> (Caller, i64) {
    let caller = customer(server, client).await;
    let joined = join(&caller, show, json!({"quantity": quantity})).await;
    let id = joined.data(201)["id"].as_i64().unwrap();
    (caller, id)
}

#[tokio::test]
async fn what_comes_free_is_offered_in_order_and_to_nobody_else() {
    let mut smtp = Smtp::start().await;
    let url = smtp.url();
    let server = TestServer::builder()
        .with(|config| {
            config.mail.smtp_url = Some(url);
            config.mail.public_url = Some("https://tickets.example.org/".to_owned());
            config.mail.mail_from = Some("Box office <tickets@example.org>".to_owned());
        })
        .start()
        .await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 4)
        .stage(&client)
        .await;
    let early = customer(&server, &client).await;
    let not_yet = join(&early, &show, json!({"quantity": 2})).await;
    assert_eq!(not_yet.code(409), "NOT_SOLD_OUT");
    let sold = book(&early, &show, 4).await.data(201).clone();
    let organizer = server.user(show.organizer);

    let (three, third) = waits(&server, &client, &show, 5).await;
    let (first, first_id) = waits(&server, &client, &show, 2).await;
    let (second, second_id) = waits(&server, &client, &show, 2).await;
    let (last, last_id) = waits(&server, &client, &show, 1).await;
    let sql = "update users set email = 'user' || id || '@example.org'";
    client.execute(sql, &[]).await.unwrap();
    assert_eq!(place(&second, second_id).await["place"], 3);
    let again = join(&first, &show, json!({"quantity": 1})).await;
    assert_eq!(again.code(409), "ALREADY_WAITING");
    let theirs = first.get(&format!("{WAITLIST}/{second_id}")).await;
    assert_eq!(theirs.code(404), "WAITING_NOT_FOUND");
    let none = first
        .post(&format!("{WAITLIST}/{first_id}/accept"), &json!({}))
        .await;
    assert_eq!(none.code(409), "NO_OFFER");

    // All four come free; five together are not there, so the next two get two each.
    cancel(&early, &sold).await.data(200);
    let offered = place(&first, first_id).await;
    assert_eq!(offered["status"], "offered");
    assert_eq!(place(&second, second_id).await["status"], "offered");
    assert_eq!(place(&last, last_id).await["place"], 2);
    assert_eq!(place(&three, third).await["place"], 1);
    let snatched = book(&customer(&server, &client).await, &show, 1).await;
    assert!(["SOLD_OUT", "TICKET_TYPE_SOLD_OUT"].contains(&snatched.code(409)));
    let id = offered["booking_id"].as_str().unwrap();
    let booking = first
        .get(&format!("{BOOKINGS}/{id}"))
        .await
        .data(200)
        .clone();
    assert_eq!(
        (&booking["kind"], &booking["status"]),
        (&json!("offer"), &json!("pending"))
    );
    assert_eq!(booking["expires_at"], offered["offer_until"]);
    let mail = smtp.mail().await;
    assert!(
        mail["subject"]
            .as_str()
            .unwrap()
            .contains("Your tickets for"),
        "{mail}"
    );

    // One accepts and pays, the other declines: the next in line is served.
    let accepted = first
        .post(&format!("{WAITLIST}/{first_id}/accept"), &json!({}))
        .await;
    assert_eq!(accepted.data(200)["status"], "pending");
    assert!(accepted.data(200).get("kind").is_none());
    let repeated = first
        .post(&format!("{WAITLIST}/{first_id}/accept"), &json!({}))
        .await;
    assert_eq!(repeated.data(200)["id"], accepted.data(200)["id"]);
    assert_eq!(place(&first, first_id).await["status"], "accepted");
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    organizer
        .put(&format!("{BOOKINGS}/{id}/status"), &paid)
        .await
        .data(200);
    let declined = second
        .post(&format!("{WAITLIST}/{second_id}/decline"), &json!({}))
        .await;
    assert_eq!(declined.data(200)["status"], "declined");
    let given_back = second.get(&format!("{BOOKINGS}/mine")).await;
    let given_back = &given_back.data(200)[0];
    assert_eq!(given_back["status"], "cancelled");
    assert_eq!(given_back["cancel_reason"], Value::Null, "{given_back}");
    assert_eq!(place(&last, last_id).await["status"], "offered");

    let left = three.delete(&format!("{WAITLIST}/{third}")).await;
    assert_eq!(left.data(200)["status"], "left");
    let list = organizer
        .get(&format!("/api/v1/events/{}/waitlist", show.event))
        .await;
    let statuses: Vec<&Value> = list
        .data(200)
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, ["left", "accepted", "declined", "offered"]);
    assert_eq!(list.header("x-total-count"), Some("4"));
    // By pages, as any list.
    let path = format!("/api/v1/events/{}/waitlist", show.event);
    let page = organizer.get(&format!("{path}?limit=3")).await;
    let next = page.header("link").unwrap().split(['<', '>']).nth(1);
    let page = organizer.get(&format!("{path}{}", next.unwrap())).await;
    assert_eq!(page.data(200).as_array().unwrap().len(), 1);
    assert_eq!(page.data(200)[0]["id"], last_id);
    let mine = last.get(&format!("{WAITLIST}/mine")).await;
    assert_eq!(mine.data(200)[0]["id"], last_id);
    assert_eq!(mine.header("x-total-count"), Some("1"));
    server.audit().await;
}

/// Waits until somebody's place is as expected.
async fn becomes(caller: &Caller, id: i64, status: &str) {
    let wait = async {
        while place(caller, id).await["status"] != status {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), wait)
        .await
        .expect(status);
}

#[tokio::test]
async fn an_offer_that_is_not_answered_goes_to_the_next_and_plain_sql_counts_too() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seated", 1_500, 6)
        .row(6)
        .stage(&client)
        .await;
    let early = customer(&server, &client).await;
    book(&early, &show, 6).await.data(201);
    let (first, first_id) = waits(&server, &client, &show, 2).await;
    let (second, second_id) = waits(&server, &client, &show, 2).await;
    // Somebody types.
    let sql = "update bookings set status = 'cancelled' where event_id = $1";
    client.execute(sql, &[&show.event]).await.unwrap();
    let sql = "update claims set state = 'dead' where event_id = $1 and seat_id in
                   (select id from seats order by id limit 2)";
    client.execute(sql, &[&show.event]).await.unwrap();
    becomes(&first, first_id, "offered").await;
    assert_eq!(place(&second, second_id).await["status"], "waiting");
    let offer = place(&first, first_id).await;
    let id = offer["booking_id"].as_str().unwrap();
    let booking = first
        .get(&format!("{BOOKINGS}/{id}"))
        .await
        .data(200)
        .clone();
    assert_eq!(booking["items"][0]["seats"].as_array().unwrap().len(), 2);

    let late = format!("update bookings set expires_at = clock_timestamp() where id = '{id}'");
    client.batch_execute(&late).await.unwrap();
    becomes(&first, first_id, "expired").await;
    becomes(&second, second_id, "offered").await;
    let sql = "select held from pools where event_id = $1 and kind = 'event'";
    assert_eq!(one::<i32>(&client, sql, &[&show.event]).await, 6);
}

/// Somebody may keep an event's turn for long.
#[tokio::test]
async fn an_event_that_cannot_be_offered_holds_up_no_other() {
    // No command comes to its end by itself here.
    let server = TestServer::builder().with(|config| config.desk.patience_ms = 120_000);
    let server = server.start().await;
    let client = server.client().await;
    let stage = async || {
        let show = Show::new().ticket_type("Seat", 1_500, 6);
        show.stage(&client).await
    };
    let (kept, other) = (stage().await, stage().await);
    for show in [&kept, &other] {
        let early = customer(&server, &client).await;
        book(&early, show, 6).await.data(201);
    }
    let (caller, id) = waits(&server, &client, &other, 1).await;
    let free = async |show: &Staged| {
        let sql = "update claims set state = 'dead' where event_id = $1";
        client.execute(sql, &[&show.event]).await.unwrap();
    };
    free(&kept).await;
    let keeper = server.client().await;
    let keep = format!(
        "begin; select from turns where event_id = {} for no key update",
        kept.event
    );
    keeper.batch_execute(&keep).await.unwrap();
    let waits = "insert into waitlist (event_id, user_id, quantity) values ($1, $2, 1)";
    let somebody = user(&client, "customer").await;
    client
        .execute(waits, &[&kept.event, &somebody])
        .await
        .unwrap();
    wait_for_a_lock(&client).await;
    free(&other).await;
    becomes(&caller, id, "offered").await;
    keeper.batch_execute("commit").await.unwrap();
}

/// Nobody who was erased could hear of an offer, or answer it.
#[tokio::test]
async fn an_erased_person_waits_for_nothing_and_keeps_nothing_from_others() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let mut shows = Vec::new();
    for _ in 0..2 {
        let show = Show::new().ticket_type("Standing", 1_500, 2);
        shows.push(show.stage(&client).await);
    }
    let early = customer(&server, &client).await;
    let mut booked = Vec::new();
    for show in &shows {
        booked.push(book(&early, show, 2).await.data(201).clone());
    }
    let leaving_id = user(&client, "customer").await;
    let leaving = server.user(leaving_id);
    let mut places = Vec::new();
    for show in &shows {
        let joined = join(&leaving, show, json!({"quantity": 2})).await;
        places.push(joined.data(201)["id"].as_i64().unwrap());
    }
    let (next, next_id) = waits(&server, &client, &shows[0], 2).await;
    cancel(&early, &booked[0]).await.data(200);
    becomes(&leaving, places[0], "offered").await;
    let named = format!("update users set email = 'leaving@example.org' where id = {leaving_id}");
    client.batch_execute(&named).await.unwrap();
    let erase = include_str!("../../sql/erase.sql");
    let erase = erase.replace(":'email'", "'leaving@example.org'");
    client.batch_execute(&erase).await.unwrap();
    becomes(&next, next_id, "offered").await;
    let sql = "select status from waitlist where id = $1";
    for (place, status) in [(places[0], "expired"), (places[1], "left")] {
        assert_eq!(one::<String>(&client, sql, &[&place]).await, status);
    }
    // What comes free is for whoever comes.
    cancel(&early, &booked[1]).await.data(200);
    book(&early, &shows[1], 2).await.data(201);
    server.audit().await;
}

/// A place of an event that is over waits for nothing; one that was offered something has not declined it.
#[tokio::test]
async fn places_end_with_their_event() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 3)
        .stage(&client)
        .await;
    let organizer = server.user(show.organizer);
    let early = customer(&server, &client).await;
    let sold = book(&early, &show, 2).await.data(201).clone();
    let own = customer(&server, &client).await;
    let pending = book(&own, &show, 1).await.data(201).clone();
    let joined = join(&own, &show, json!({"quantity": 1})).await;
    let own_id = joined.data(201)["id"].as_i64().unwrap();
    let (next, next_id) = waits(&server, &client, &show, 3).await;
    cancel(&early, &sold).await.data(200);
    assert_eq!(place(&own, own_id).await["status"], "offered");
    // A second booking to be paid is refused, and named.
    let accept = format!("{WAITLIST}/{own_id}/accept");
    let second = own.post(&accept, &json!({})).await;
    assert_eq!(second.code(409), "PENDING_BOOKING_EXISTS");
    assert_eq!(second.body["data"]["booking_id"], pending["id"]);

    let begun = "update events set starts_at = clock_timestamp() where id = $1";
    client.execute(begun, &[&show.event]).await.unwrap();
    let over = place(&next, next_id).await;
    assert_eq!(
        (&over["status"], &over["place"]),
        (&json!("over"), &Value::Null)
    );
    let later = "update events set starts_at = now() + interval '9 days' where id = $1";
    client.execute(later, &[&show.event]).await.unwrap();
    assert_eq!(place(&next, next_id).await["place"], 1);

    let path = format!("/api/v1/events/{}/cancel", show.event);
    let ill = json!({"reason": "The singer is ill"});
    organizer.post(&path, &ill).await.data(202);
    for (who, id) in [(&own, own_id), (&next, next_id)] {
        assert_eq!(place(who, id).await["status"], "over");
        let mine = who.get(&format!("{WAITLIST}/mine")).await;
        assert_eq!(mine.data(200)[0]["status"], "over");
    }
    let late = join(&early, &show, json!({"quantity": 1})).await;
    assert_eq!(late.code(410), "EVENT_CANCELLED");
    server.audit().await;
}

/// There is one pending booking of a user and event; what is offered stands beside it, and may be paid as it is.
#[tokio::test]
async fn an_offer_beside_a_pending_booking_is_accepted_by_paying_it() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 3)
        .stage(&client)
        .await;
    let early = customer(&server, &client).await;
    let sold = book(&early, &show, 2).await.data(201).clone();
    let own = customer(&server, &client).await;
    let pending = book(&own, &show, 1).await.data(201).clone();
    let joined = join(&own, &show, json!({"quantity": 2})).await;
    let own_id = joined.data(201)["id"].as_i64().unwrap();
    cancel(&early, &sold).await.data(200);
    let offered = place(&own, own_id).await;
    let accept = format!("{WAITLIST}/{own_id}/accept");
    let refused = own.post(&accept, &json!({})).await;
    assert_eq!(refused.code(409), "PENDING_BOOKING_EXISTS");
    server.audit().await;
    let offer = format!("{BOOKINGS}/{}", offered["booking_id"].as_str().unwrap());
    let payment = format!("{offer}/payment");
    own.post(&payment, &json!({})).await.data(201);
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let organizer = server.user(show.organizer);
    let status = format!("{offer}/status");
    organizer.put(&status, &paid).await.data(200);
    assert_eq!(place(&own, own_id).await["status"], "accepted");
    // The other one stands as it was.
    let path = format!("{BOOKINGS}/{}", pending["id"].as_str().unwrap());
    assert_eq!(own.get(&path).await.data(200)["status"], "pending");
    server.audit().await;
}

/// They would wait for ever, and whoever can be served would be told to book what cannot be booked.
#[tokio::test]
async fn nobody_waits_for_more_or_less_than_a_ticket_type_is_sold_in() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().capacity(4).ticket_type("Floor", 1_000, 4);
    let show = show.ticket_type("Box", 1_000, 4).stage(&client).await;
    let [floor, boxes] = [show.ticket_types[0], show.ticket_types[1]];
    let terms = format!(
        "update ticket_types set max_per_user = 2 where id = {floor};
         update ticket_types set min_per_booking = 3 where id = {boxes}"
    );
    client.batch_execute(&terms).await.expect(&terms);
    let one = customer(&server, &client).await;
    let of = |types: &[_], quantity: i64| json!({"quantity": quantity, "ticket_type_ids": types});
    let too_many = join(&one, &show, of(&[floor], 3)).await;
    assert_eq!(too_many.code(422), "LIMIT_EXCEEDED");
    assert_eq!(too_many.data(422)["max"], 2);
    let too_few = join(&one, &show, of(&[boxes], 2)).await;
    assert_eq!(too_few.code(422), "BELOW_MINIMUM");
    // Two are left of the boxes, which are not sold in twos.
    show.sell(&client, 2).await;
    let fits = join(&one, &show, of(&[floor, boxes], 3)).await;
    assert_eq!(fits.data(201)["status"], "waiting");
}

/// More people than a look takes stand first, and can be served with none of what is left.
#[tokio::test]
async fn those_who_cannot_be_served_hide_nobody_behind_them() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 1)
        .ticket_type("VIP", 9_000, 2);
    let show = show.stage(&client).await;
    let (standing, vip) = (show.ticket_types[0], show.ticket_types[1]);
    let [first, second] = [
        customer(&server, &client).await,
        customer(&server, &client).await,
    ];
    let held = book(&first, &show, 1).await.data(201).clone();
    let items = json!([{"ticket_type_id": vip, "quantity": 1}]);
    let body = json!({"event_id": show.event, "items": items});
    second.post(BOOKINGS, &body).await.data(201);
    let line = "
        with people as (insert into users (name) select 'Waits ' || n from generate_series(1, 250) n returning id)
        insert into waitlist (event_id, user_id, quantity, ticket_type_ids)
        select $1, id, 2, array[$2::bigint] from people";
    client.execute(line, &[&show.event, &vip]).await.unwrap();
    let line = "
        with people as (insert into users (name) select 'Waits ' || n from generate_series(1, 250) n returning id)
        insert into waitlist (event_id, user_id, quantity) select $1, id, 3 from people";
    client.execute(line, &[&show.event]).await.unwrap();
    let last = customer(&server, &client).await;
    let wish = json!({"quantity": 1, "ticket_type_ids": [standing]});
    let joined = join(&last, &show, wish).await;
    let id = joined.data(201)["id"].as_i64().unwrap();
    // In the transaction that frees it, so nobody else gets it.
    cancel(&first, &held).await.data(200);
    assert_eq!(place(&last, id).await["status"], "offered");
    server.audit().await;
}

/// Giving an offer back frees its places: a write on the event, whose answer says at which revision.
#[tokio::test]
async fn who_gives_an_offer_back_is_told_the_revision() {
    let server = TestServer::start().await;
    let client = server.client().await;
    for declines in [true, false] {
        let show = Show::new().ticket_type("Standing", 1_500, 2);
        let show = show.stage(&client).await;
        let early = customer(&server, &client).await;
        let sold = book(&early, &show, 2).await.data(201).clone();
        let (first, id) = waits(&server, &client, &show, 2).await;
        cancel(&early, &sold).await.data(200);
        let path = format!("{WAITLIST}/{id}");
        let given = match declines {
            true => first.post(&format!("{path}/decline"), &json!({})).await,
            false => first.delete(&path).await,
        };
        given.data(200);
        let read = format!("/api/v1/availability/{}", show.event);
        let read = server.anonymous().get(&read).await;
        assert_eq!(read.data(200)["revision"].as_u64(), Some(given.revision()));
    }
}

/// Nobody waits for what is sold to members only, unless they are one: by a row here, or by the token with which they came.
#[tokio::test]
async fn tickets_for_members_are_waited_for_by_members() {
    let secret = "the tests' secret, of more than 32 bytes";
    let server =
        TestServer::builder().with(|config| config.auth.jwt_secret = Some(secret.to_owned()));
    let server = server.start().await;
    let client = server.client().await;
    for whole_event in [false, true] {
        let members = match whole_event {
            true => "update events set membership_required = true where id = $event",
            false => "update ticket_types set members_only = true where event_id = $event",
        };
        let show = Show::new().ticket_type("Standing", 1_500, 3).then(members);
        let show = show.stage(&client).await;
        show.sell(&client, 3).await;
        let stranger = customer(&server, &client).await;
        let refused = join(&stranger, &show, json!({"quantity": 1})).await;
        assert_eq!(refused.code(403), "MEMBERSHIP_REQUIRED");
        let friend = user(&client, "customer").await;
        let sql = "insert into memberships (user_id, kind, valid_from) values ($1, 'friend', now() - interval '1 day')";
        client.execute(sql, &[&friend]).await.unwrap();
        let friend = server.user(friend);
        let joined = join(&friend, &show, json!({"quantity": 1})).await;
        let joined = joined.data(201)["id"].as_i64().unwrap();
        // As somebody whose issuer says that they are a member.
        let by_token = user(&client, "customer").await;
        let exp = jsonwebtoken::get_current_timestamp() + 60;
        let claims =
            json!({"sub": by_token.to_string(), "role": "customer", "member": true, "exp": exp});
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        let by_token = server
            .anonymous()
            .with_header("authorization", format!("Bearer {token}"));
        let told = join(&by_token, &show, json!({"quantity": 1})).await;
        let told = told.data(201)["id"].as_i64().unwrap();
        let none = "select count(*) from waitlist where event_id = $1 and not member";
        assert_eq!(one::<i64>(&client, none, &[&show.event]).await, 1);
        let more = "update ticket_types set capacity = capacity + 2 where event_id = $1";
        client.execute(more, &[&show.event]).await.unwrap();
        becomes(&friend, joined, "offered").await;
        becomes(&by_token, told, "offered").await;
    }
    server.audit().await;
}

/// Others have tickets left that this one cannot book: they wait all the same.
#[tokio::test]
async fn tickets_that_only_members_can_have_are_not_left_for_others() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 1)
        .ticket_type("Friends", 500, 5)
        .then("update ticket_types set members_only = true where event_id = $event and name = 'Friends'");
    let show = show.stage(&client).await;
    show.sell(&client, 1).await;
    waits(&server, &client, &show, 1).await;
}

/// A sale that opens by the clock makes no revision. Those who wait get theirs first.
#[tokio::test]
async fn a_sale_that_opens_by_the_clock_is_offered_to_those_who_wait() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 1)
        .ticket_type("Balcony", 1_500, 2)
        .then("update ticket_types set sale_from = now() + interval '1 day' where event_id = $event and name = 'Balcony'");
    let show = show.stage(&client).await;
    show.sell(&client, 1).await;
    let (caller, id) = waits(&server, &client, &show, 2).await;
    let soon = "update ticket_types set sale_from = now() + interval '2 s' where name = 'Balcony'";
    client.batch_execute(soon).await.unwrap();
    becomes(&caller, id, "offered").await;
    server.audit().await;
}

#[tokio::test]
async fn mails_about_an_accepted_offer_are_in_the_language_of_whoever_joined() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 1_500, 1);
    let show = show.stage(&client).await;
    let early = customer(&server, &client).await;
    let sold = book(&early, &show, 1).await.data(201).clone();
    let thai = customer(&server, &client)
        .await
        .with_header("accept-language", "th");
    let joined = join(&thai, &show, json!({"quantity": 1})).await;
    let id = joined.data(201)["id"].as_i64().unwrap();
    cancel(&early, &sold).await.data(200);
    assert_eq!(place(&thai, id).await["status"], "offered");
    let sql = "select c.lang from booking_contacts c join waitlist w on w.booking_id = c.booking_id where w.id = $1";
    assert_eq!(one::<String>(&client, sql, &[&id]).await, "th");
}

/// Held seats that staff take off sale are offered to nobody on the way, and an offer that goes with them is no answer of
/// whoever had it.
#[tokio::test]
async fn seats_that_are_taken_off_sale_by_force_cost_nobody_a_place_in_the_line() {
    let mut smtp = Smtp::start().await;
    let url = smtp.url();
    let server = TestServer::builder()
        .with(|config| {
            config.mail.smtp_url = Some(url);
            config.mail.public_url = Some("https://tickets.example.org/".to_owned());
            config.mail.mail_from = Some("Box office <tickets@example.org>".to_owned());
        })
        .start()
        .await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 3_000, 2)
        .row(2)
        .stage(&client)
        .await;
    let holder = customer(&server, &client).await;
    let held = book(&holder, &show, 2).await.data(201).clone();
    let mut line = Vec::new();
    for _ in 0..4 {
        line.push(waits(&server, &client, &show, 1).await);
    }
    let sql = "update users set email = 'user' || id || '@example.org'";
    client.execute(sql, &[]).await.unwrap();
    let address = |of: &Value| json!(format!("user{}@example.org", of["user_id"]));
    let organizer = server.user(show.organizer);
    let path = format!("/api/v1/events/{}/seats", show.event);
    let block = async |seat: usize, blocked: bool| {
        let body = json!({"seat_ids": [show.seats[seat]], "blocked": blocked, "force": blocked});
        organizer.patch(&path, &body).await.data(200).clone()
    };

    block(0, true).await;
    let (first, first_id) = &line[0];
    // The other seat of the booking is for the first in line, and for nobody else.
    becomes(first, *first_id, "offered").await;
    for (caller, id) in &line[1..] {
        assert_eq!(place(caller, *id).await["status"], "waiting");
    }
    let ended = holder
        .get(&format!("{BOOKINGS}/{}", held["id"].as_str().unwrap()))
        .await;
    let ended = ended.data(200);
    let reason = "seats withdrawn by the organizer";
    assert_eq!(
        (&ended["status"], &ended["cancel_reason"]),
        (&json!("cancelled"), &json!(reason))
    );
    let mails = [smtp.mail().await, smtp.mail().await];
    let told = |to: &Value| mails.iter().find(|mail| mail["to"] == *to).unwrap()["subject"].clone();
    assert_eq!(
        told(&address(&held)),
        "Your booking for A show was cancelled"
    );
    let offered = place(first, *first_id).await;
    assert_eq!(told(&address(&offered)), "Your tickets for A show");

    block(1, true).await;
    let waits_on = place(first, *first_id).await;
    assert_eq!(
        (&waits_on["status"], &waits_on["place"]),
        (&json!("waiting"), &json!(1))
    );
    assert_eq!(waits_on["booking_id"], Value::Null);
    let mail = smtp.mail().await;
    assert_eq!(mail["to"], address(&offered));
    let text = mail["text"].as_str().unwrap();
    assert!(
        text.contains("You keep your place on the waitlist"),
        "{text}"
    );
    block(1, false).await;
    becomes(first, *first_id, "offered").await;
    let again = place(first, *first_id).await;
    assert_ne!(again["booking_id"], offered["booking_id"]);
    let mail = smtp.mail().await;
    assert_eq!(
        (&mail["to"], &mail["subject"]),
        (&address(&offered), &json!("Your tickets for A show"))
    );
    server.audit().await;
}
