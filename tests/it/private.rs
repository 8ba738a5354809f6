//! Private topics: a user's own bookings, an organizer's figures, whoever writes them.

use std::time::Duration;

use seatcast::auth::Role;
use seatcast::config::Config;
use seatcast::ticketing::{SeatId, UserId};
use serde_json::{Value, json};

use crate::support::cut::Link;
use crate::support::database::TestDatabase;
use crate::support::own::Own;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, user};
use crate::support::tokens::{SECRET, token, token_for};
use crate::support::websocket::{Socket, WireVersion};

fn change(config: &mut Config) {
    config.auth.jwt_secret = Some(SECRET.to_owned());
    config.private.figures_interval_ms = 50;
    config.private.joins_interval_ms = 50;
}

async fn world() -> (TestServer, Staged) {
    let server = TestServer::builder().with(change).start().await;
    let show = show().stage(&server.client().await).await;
    (server, show)
}

fn show() -> Show {
    Show::new()
        .capacity(100)
        .ticket_type("Standing", 1_000, 80)
        .ticket_type("Free", 0, 20)
}

/// A viewer of this user's own bookings.
async fn own(node: &TestServer, id: UserId) -> Own {
    Own::join(node, id, &token(id, Role::Customer)).await
}

fn is(status: &'static str) -> impl Fn(&Value) -> bool {
    move |booking| booking["status"] == status
}

/// Ids and versions, in the order in which they are told.
fn versions(told: &Value) -> Vec<(&str, i64)> {
    let told = told["bookings"].as_array().into_iter().flatten();
    told.map(|b| {
        (
            b["id"].as_str().expect("an id"),
            b["version"].as_i64().expect("a version"),
        )
    })
    .collect()
}

async fn book(
    server: &TestServer,
    buyer: UserId,
    show: &Staged,
    item: usize,
    quantity: i64,
) -> Value {
    let items = json!([{"ticket_type_id": show.ticket_types[item], "quantity": quantity}]);
    let body = json!({"event_id": show.event, "items": items});
    let made = server.user(buyer).post("/api/v1/bookings", &body).await;
    made.data(201).clone()
}

fn id(booking: &Value) -> String {
    booking["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_user_sees_its_own_bookings_from_hold_to_end_and_nobody_elses() {
    let (server, show) = world().await;
    let client = server.client().await;
    let (one, other) = (
        user(&client, "customer").await,
        user(&client, "customer").await,
    );
    let mut mine = own(&server, one).await;
    assert!(mine.bookings.is_empty() && !mine.resumed);
    let mut theirs = own(&server, other).await;

    let made = book(&server, one, &show, 0, 2).await;
    let held = mine.sees(&id(&made), is("pending")).await;
    // Both roads tell the same, but for the time of the answer.
    let mut answered = made.clone();
    answered
        .as_object_mut()
        .expect("a booking")
        .remove("server_time");
    assert_eq!(held, answered);

    // By hand, as any program may: the deadline moves, then the sweeper ends the hold.
    let sql =
        format!("update bookings set expires_at = now() - interval '1 s' where user_id = {one}");
    client.batch_execute(&sql).await.expect("an update");
    mine.sees(&id(&made), is("expired")).await;

    let free = id(&book(&server, one, &show, 1, 1).await);
    mine.sees(&free, is("confirmed")).await;
    assert_eq!(mine.bookings.len(), 2);
    let path = format!("/api/v1/bookings/{free}/status");
    let cancel = json!({"status": "cancelled", "reason": "ill"});
    assert_eq!(server.user(one).put(&path, &cancel).await.status, 200);
    let cancelled = mine.sees(&free, is("cancelled")).await;
    assert_eq!(cancelled["cancel_reason"], "ill");
    assert_eq!(cancelled["tickets"][0]["status"], "void");

    // The other one hears nothing of all that but what is its own.
    let body = json!({"event_id": show.event, "quantity": 1});
    server.user(other).post("/api/v1/bookings", &body).await;
    let frame = theirs.update().await;
    assert_eq!(frame["bookings"].as_array().map(Vec::len), Some(1));
    assert_eq!(frame["bookings"][0]["user_id"], other.0);
    server.audit().await;
}

/// These writes change what is shown with a booking, and not the booking's own row.
/// A clerk once owned for good what was sold by their account: they read who the buyers are, took their tickets over, and could
/// do so after they had left.
#[tokio::test]
async fn a_seller_owns_what_they_sold_only_while_selling_for_the_organization() {
    let (server, show) = world().await;
    let client = server.client().await;
    let clerk = user(&client, "customer").await;
    let sql = "insert into organization_members (organization_id, user_id, role) values ($1, $2, 'box_office')";
    let joined = client.execute(sql, &[&show.organizer, &clerk]).await;
    joined.expect("a member");
    let (by, owner) = (server.user(clerk), server.user(show.organizer));
    let items = json!([{"ticket_type_id": show.ticket_types[1], "quantity": 1}]);
    let contact = json!({"name": "Ada", "email": "ada@example.org"});
    let body = json!({"event_id": show.event, "items": items, "contact": contact});
    let sold = by.post("/api/v1/bookings", &body).await.data(201).clone();
    assert_eq!(sold["kind"], "staff");
    // Somebody who works there and buys for themselves, where they do not sell, is a buyer as any other.
    let elsewhere = Show::new().ticket_type("Free", 0, 10).stage(&client).await;
    let body = json!({"event_id": elsewhere.event, "quantity": 1});
    let bought = by.post("/api/v1/bookings", &body).await.data(201).clone();
    let mut mine = own(&server, clerk).await;
    assert_eq!(mine.bookings.len(), 2);

    let path = format!("/api/v1/bookings/{}", id(&sold));
    let code = sold["tickets"][0]["code"].as_str().expect("a code");
    let ticket = format!("/api/v1/tickets/{code}");
    let of_clerk = format!("/api/v1/bookings/user/{clerk}");
    let lists = ["/api/v1/bookings/mine", &of_clerk];
    by.get(&path).await.data(200);
    by.get(&ticket).await.data(200);
    for list in lists {
        assert_eq!(by.get(list).await.data(200).as_array().unwrap().len(), 2);
    }

    let place = format!("/api/v1/organizations/{}/members/{clerk}", show.organizer);
    let has_left = async |mine: &mut Own| {
        mine.until(|bookings| bookings.len() == 1).await;
        assert!(mine.bookings.contains_key(&id(&bought)));
        assert_eq!(by.get(&path).await.code(404), "BOOKING_NOT_FOUND");
        assert_eq!(by.get(&ticket).await.code(404), "TICKET_NOT_FOUND");
        for paper in ["tickets.pdf", "calendar.ics"] {
            let paper = by.get(&format!("{path}/{paper}")).await;
            assert_eq!(paper.code(404), "BOOKING_NOT_FOUND");
        }
        let away = json!({"name": "Eve", "email": "eve@example.org"});
        let away = by.post(&format!("{ticket}/transfer"), &away).await;
        assert_eq!(away.code(404), "TICKET_NOT_FOUND");
        let resent = by.post(&format!("{path}/resend"), &json!({})).await;
        assert_eq!(resent.code(404), "BOOKING_NOT_FOUND");
        for list in lists {
            let listed = by.get(list).await;
            assert_eq!(listed.data(200)[0]["id"], bought["id"]);
            assert_eq!(listed.header("x-total-count"), Some("1"), "{list}");
        }
    };
    let role = json!({"role": "scanner"});
    owner.put(&place, &role).await.data(200);
    has_left(&mut mine).await;
    let role = json!({"role": "manager"});
    owner.put(&place, &role).await.data(200);
    mine.until(|bookings| bookings.len() == 2).await;
    by.get(&path).await.data(200);
    owner.delete(&place).await.data(200);
    has_left(&mut mine).await;

    // An organizer whose role is taken sells no more, either.
    let body = json!({"event_id": show.event, "items": items});
    let sold = owner
        .post("/api/v1/bookings", &body)
        .await
        .data(201)
        .clone();
    let mut theirs = own(&server, show.organizer).await;
    assert_eq!(theirs.bookings.len(), 1);
    let admin = server.user(user(&client, "admin").await);
    let role = json!({"role": "customer"});
    let path = format!("/api/v1/users/{}", show.organizer);
    admin.patch(&path, &role).await.data(200);
    theirs
        .until(|all| all.iter().all(|one| one["id"] != sold["id"]))
        .await;
    let path = format!("/api/v1/bookings/{}", id(&sold));
    assert_eq!(owner.get(&path).await.code(404), "BOOKING_NOT_FOUND");
    server.audit().await;
}

#[tokio::test]
async fn core_5_a_seat_or_a_price_that_somebody_changes_by_hand_is_shown() {
    let server = TestServer::builder().with(change).start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Stalls", 3_000, 10)
        .row(4)
        .stage(&client)
        .await;
    let one = user(&client, "customer").await;
    let items = json!([{"seat_id": show.seats[0]}]);
    let body = json!({"event_id": show.event, "items": items});
    let made = server.user(one).post("/api/v1/bookings", &body).await;
    let booking = id(made.data(201));
    let mut mine = own(&server, one).await;
    assert_eq!(
        mine.bookings[&booking]["items"][0]["seats"][0]["id"],
        show.seats[0].0
    );

    let seat =
        |seat: SeatId| move |booking: &Value| booking["items"][0]["seats"][0]["id"] == seat.0;
    let write = async |sql: String| client.batch_execute(&sql).await.expect(&sql);
    write(format!(
        "begin; select take_turn({}); update claims set seat_id = {} where booking_id = '{booking}'; commit",
        show.event, show.seats[1]
    ))
    .await;
    mine.sees(&booking, seat(show.seats[1])).await;
    write(format!(
        "update booking_items set unit_amount = 2500 where booking_id = '{booking}';
         update bookings set total_amount = 2500 where id = '{booking}'"
    ))
    .await;
    let price = |booking: &Value| booking["items"][0]["unit_price"]["amount"] == 2_500;
    mine.sees(&booking, price).await;
    // Names that are shown with it.
    write(format!(
        "update ticket_types set name = 'Parquet' where event_id = {}",
        show.event
    ))
    .await;
    mine.sees(&booking, |booking| booking["items"][0]["name"] == "Parquet")
        .await;
    write(format!(
        "update sections set name = 'Left' where event_id = {}",
        show.event
    ))
    .await;
    let section = |booking: &Value| booking["items"][0]["seats"][0]["section"] == "Left";
    mine.sees(&booking, section).await;
    write(format!(
        "update seats set number = '2b' where id = {}",
        show.seats[1]
    ))
    .await;
    let number = |booking: &Value| booking["items"][0]["seats"][0]["number"] == "2b";
    mine.sees(&booking, number).await;
    // An attempt to pay comes and goes.
    write(format!(
        "insert into payments (booking_id, event_id, provider, amount, currency)
            select id, event_id, 'demo', total_amount, currency from bookings where id = '{booking}'"
    ))
    .await;
    mine.sees(&booking, |booking| {
        booking["payment"]["state"] == "creating"
    })
    .await;
    write(format!(
        "delete from payments where booking_id = '{booking}'"
    ))
    .await;
    mine.sees(&booking, |booking| booking["payment"].is_null())
        .await;
    // A ticket that is used, by hand as well.
    let sold = show.try_sell(&client, 0, Some(show.seats[3]), 1).await;
    sold.expect("a sale");
    write(format!(
        "update bookings set user_id = {one} where event_id = {} and user_id is null",
        show.event
    ))
    .await;
    mine.until(|bookings| bookings.len() == 2).await;
    write(format!(
        "with used as (update tickets set status = 'used' where event_id = {} returning id, event_id)
         insert into checkins (event_id, ticket_id, nonce, scanned_at, result, shown_hash)
         select event_id, id, 'by hand ' || id, now(), 'admitted', sha256('') from used",
        show.event
    ))
    .await;
    let used = |booking: &&&Value| booking["tickets"][0]["status"] == "used";
    mine.until(|bookings| bookings.iter().filter(used).count() == 1)
        .await;
    server.audit().await;
}

/// No number steps back, whatever rows are deleted, and no table has to remember them.
#[tokio::test]
async fn core_6_what_goes_away_is_gone_and_takes_nothing_back() {
    let (server, show) = world().await;
    let client = server.client().await;
    let (one, other) = (
        user(&client, "customer").await,
        user(&client, "customer").await,
    );
    for table in [
        "tickets",
        "booking_items",
        "bookings",
        "refunds",
        "payments",
        "changes",
    ] {
        let refused = client
            .batch_execute(&format!("truncate {table} cascade"))
            .await;
        assert!(refused.is_err(), "{table}");
    }
    let (first, second) = (
        id(&book(&server, one, &show, 1, 1).await),
        id(&book(&server, one, &show, 0, 1).await),
    );
    let (mut mine, mut theirs) = (own(&server, one).await, own(&server, other).await);
    let give = format!("update bookings set user_id = {other} where id = '{first}'");
    client.batch_execute(&give).await.expect(&give);
    let update = mine.update().await;
    assert_eq!(
        (versions(&update), &update["gone"]),
        (vec![], &json!([first]))
    );
    theirs.until(|bookings| bookings.len() == 1).await;

    let take_back = format!("update bookings set user_id = {one} where id = '{first}'");
    client.batch_execute(&take_back).await.expect(&take_back);
    mine.until(|bookings| bookings.len() == 2).await;
    theirs.until(|bookings| bookings.is_empty()).await;

    let delete = format!(
        "begin; select take_turn({0}); delete from tickets where event_id = {0}; delete from claims where event_id = {0};
         delete from bookings where event_id = {0}; commit",
        show.event
    );
    client.batch_execute(&delete).await.expect(&delete);
    mine.until(|bookings| bookings.is_empty()).await;
    assert!(!mine.bookings.contains_key(&second));
}

/// An update once sent all bookings of the user.
#[tokio::test]
async fn core_30_an_update_sends_what_changed_and_nothing_else() {
    let (server, show) = world().await;
    let client = server.client().await;
    let one = user(&client, "customer").await;
    for _ in 0..20 {
        book(&server, one, &show, 1, 1).await;
    }
    let mut mine = own(&server, one).await;
    assert_eq!(mine.bookings.len(), 20);
    let one_of_them = mine.bookings.keys().nth(7).expect("an id").clone();
    let version = mine.bookings[&one_of_them]["version"]
        .as_i64()
        .expect("a version");
    let sql = format!("update bookings set cancel_reason = 'x' where id = '{one_of_them}'");
    client.batch_execute(&sql).await.expect(&sql);
    let update = mine.update().await;
    assert_eq!(versions(&update), [(&*one_of_them, version + 1)]);
    assert_eq!(update["gone"], Value::Null);

    // A client that comes back is answered what it missed; one that comes to another node, the whole.
    let customer = token(one, Role::Customer);
    let had = mine.revision;
    server.user(one).get("/api/v1/bookings").await;
    let new = id(&book(&server, one, &show, 0, 1).await);
    let joined = mine.resume(&server, &customer).await;
    assert!(mine.resumed && mine.revision > had, "{joined}");
    let told: Vec<_> = versions(&joined["state"])
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert!(told.contains(&&*new) && told.len() <= 2, "{told:?}");
    let another = TestServer::builder()
        .with(change)
        .beside(&server)
        .start()
        .await;
    let joined = mine.resume(&another, &customer).await;
    assert_eq!(versions(&joined["state"]).len(), 21);
    // The revision that it says it has is of no database here.
    mine.revision = 0;
    let (mut socket, ahead) = (server.ws(WireVersion::V2).await, u64::MAX / 2);
    let join = json!({"access_token": customer, "since": ahead});
    let joined = socket.join(&format!("user:{one}"), join).await;
    assert_eq!(joined["resumed"], false);
}

#[tokio::test]
async fn only_its_bearer_joins_a_users_topic_and_only_the_organizer_an_events() {
    let (server, show) = world().await;
    let client = server.client().await;
    let (one, other) = (
        user(&client, "customer").await,
        user(&client, "organizer").await,
    );
    let (user_topic, admin_topic) = (format!("user:{one}"), format!("admin:{}", show.event));
    let mut nobody = server.ws(WireVersion::V1).await;
    for topic in [&user_topic, &admin_topic] {
        let refused = nobody.ask(topic, "phx_join", json!({})).await;
        assert_eq!(refused["response"]["code"], "UNAUTHORIZED", "{topic}");
    }
    for (topic, id, role, code) in [
        (&*user_topic, other, Role::Admin, "UNAUTHORIZED"),
        (
            &*admin_topic,
            show.organizer,
            Role::Customer,
            "UNAUTHORIZED",
        ),
        (&*admin_topic, other, Role::Organizer, "UNAUTHORIZED"),
        ("admin:404", other, Role::Organizer, "EVENT_NOT_FOUND"),
    ] {
        let mut socket = server.ws(WireVersion::V2).await;
        let join = json!({"access_token": token(id, role)});
        let refused = socket.ask(topic, "phx_join", join).await;
        assert_eq!(refused["response"]["code"], code, "{topic} {role}");
    }
    for (id, role) in [(show.organizer, Role::Organizer), (other, Role::Admin)] {
        let mut socket = server.ws(WireVersion::V2).await;
        let join = json!({"access_token": token(id, role)});
        socket.join(&admin_topic, join).await;
    }
}

#[tokio::test]
async fn rights_end_with_the_token_or_with_another_one() {
    let (server, show) = world().await;
    let client = server.client().await;
    let one = user(&client, "customer").await;
    let topic = format!("user:{one}");
    let mut socket = server.ws(WireVersion::V2).await;
    let brief = token_for(one, Role::Customer, Duration::from_secs(5));
    socket.join(&topic, json!({"access_token": brief})).await;
    assert_eq!(socket.closed().await, Some(4001));

    let mut socket = own(&server, one).await.socket;
    let admin = format!("admin:{}", show.event);
    let other = json!({"access_token": token(show.organizer, Role::Organizer)});
    socket.ask(&topic, "access_token", other).await;
    socket.next_on(&topic, "phx_close").await;
    socket.join(&admin, json!({})).await;
    let customer = json!({"access_token": token(one, Role::Customer)});
    socket.ask(&admin, "access_token", customer).await;
    socket.next_on(&admin, "phx_close").await;
    // Signing out is one, too.
    let organizer = json!({"access_token": token(show.organizer, Role::Organizer)});
    socket.join(&admin, organizer).await;
    let nobody = json!({"access_token": null});
    socket.ask(&admin, "access_token", nobody).await;
    socket.next_on(&admin, "phx_close").await;
}

/// Reads figures until they are so; each is of a later time than the one before.
async fn figures(socket: &mut Socket, topic: &str, is: impl Fn(&Value) -> bool) -> Value {
    let reading = async {
        let mut have = 0;
        loop {
            let figures = socket.next_on(topic, "figures").await;
            let as_of = figures["as_of"].as_u64().expect("a time");
            assert!(as_of > have, "{as_of} after {have}");
            have = as_of;
            if is(&figures) {
                return figures;
            }
        }
    };
    let seen = tokio::time::timeout(DEADLINE, reading).await;
    seen.expect("the figures that were waited for")
}

#[tokio::test]
async fn an_organizer_sees_totals_revenue_and_rates_whoever_writes() {
    let (server, show) = world().await;
    let client = server.client().await;
    let topic = format!("admin:{}", show.event);
    let mut organizer = server.ws(WireVersion::V2).await;
    let join = json!({"access_token": token(show.organizer, Role::Organizer)});
    let joined = organizer.join(&topic, join).await;
    assert_eq!(joined["state"]["ticket_types"][0]["available"], 80);
    let first = figures(&mut organizer, &topic, |_| true).await;
    assert_eq!(first["revenue"], json!({"amount": 0, "currency": "EUR"}));

    // Three by hand, of twelve euros all together, and a hold by REST.
    show.sell(&client, 3).await;
    let sql = format!(
        "update bookings set total_amount = 1200, paid_by = 'cash' where event_id = {0};
         update booking_items i set unit_amount = 1200 / i.quantity from bookings b where b.id = i.booking_id and b.event_id = {0}",
        show.event
    );
    client.batch_execute(&sql).await.expect("an update");
    let buyer = user(&client, "customer").await;
    let body = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[0], "quantity": 2}]});
    server
        .user(buyer)
        .post("/api/v1/bookings", &body)
        .await
        .data(201);
    let now = figures(&mut organizer, &topic, |figures| {
        figures["revenue"]["amount"] == 1200 && figures["tickets_held"] == 2
    })
    .await;
    assert_eq!(
        (&now["tickets_sold"], &now["sold_per_minute"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(now["bookings"]["confirmed"], 1);
    assert_eq!(now["bookings"]["pending"], 1);

    // A viewer comes: counted as a join, and present once it says so.
    let mut viewer = server.ws(WireVersion::V2).await;
    let step = json!({"presence": {"step": "look"}});
    viewer.join(&format!("event:{}", show.event), step).await;
    figures(&mut organizer, &topic, |figures| {
        figures["joins_per_minute"] == 1
    })
    .await;
    let (mut latecomer, join) = (
        server.ws(WireVersion::V2).await,
        json!({"access_token": token(show.organizer, Role::Organizer)}),
    );
    let joined = latecomer.join(&topic, join).await;
    assert_eq!(joined["state"]["ticket_types"][0]["sold"], 3);
    assert_eq!(joined["state"]["presence"]["total"], 1);

    // The event changes hands: its figures are the new organizer's.
    let other = user(&client, "organizer").await;
    let sql = format!(
        "update events set organizer_id = {other} where id = {}",
        show.event
    );
    client.batch_execute(&sql).await.expect("an update");
    organizer.next_on(&topic, "phx_close").await;
    server.audit().await;
}

/// Changes while the doorbell is cut are told when it is back, and by another node at once; a client that
/// changes nodes is not taken back.
#[tokio::test]
async fn a_cut_listener_and_another_node_miss_nothing() {
    let database = std::sync::Arc::new(TestDatabase::new().await);
    let (link, through) = Link::to_postgres(database.url());
    let cut = TestServer::builder()
        .with(change)
        .on(database.clone())
        .through(through)
        .start()
        .await;
    let whole = TestServer::builder()
        .with(change)
        .beside(&cut)
        .start()
        .await;
    let client = cut.client().await;
    let staged = show().stage(&client).await;
    let one = user(&client, "customer").await;
    let (mut here, mut there) = (own(&cut, one).await, own(&whole, one).await);

    link.cut();
    let made = id(&book(&whole, one, &staged, 0, 1).await);
    there.sees(&made, is("pending")).await;
    link.restore();
    // The node that was cut off answers by what is, not by what it had.
    there.resume(&cut, &token(one, Role::Customer)).await;
    assert_eq!(there.bookings[&made]["status"], "pending");
    here.sees(&made, is("pending")).await;

    let sql = format!(
        "begin; select take_turn({0}); update claims set state = 'dead' where event_id = {0};
         update bookings set status = 'cancelled' where event_id = {0}; commit",
        staged.event
    );
    client.batch_execute(&sql).await.expect("a transaction");
    for viewer in [&mut here, &mut there] {
        viewer.sees(&made, is("cancelled")).await;
    }
    cut.audit().await;
}

/// A lock that only the figures meet keeps no user waiting.
#[tokio::test]
async fn figures_that_hang_stop_nobodys_bookings() {
    let (server, show) = world().await;
    let client = server.client().await;
    let topic = format!("admin:{}", show.event);
    let mut organizer = server.ws(WireVersion::V2).await;
    let join = json!({"access_token": token(show.organizer, Role::Organizer)});
    organizer.join(&topic, join).await;
    figures(&mut organizer, &topic, |_| true).await;
    let one = user(&client, "customer").await;
    let mut mine = own(&server, one).await;

    let lock = "begin; lock table event_joins in access exclusive mode";
    client.batch_execute(lock).await.expect("a lock");
    let made = id(&book(&server, one, &show, 0, 1).await);
    mine.sees(&made, is("pending")).await;
    client.batch_execute("rollback").await.expect("unlocked");
    let held = |figures: &Value| figures["tickets_held"] == 1;
    figures(&mut organizer, &topic, held).await;
}

/// A beat proves of a user's bookings what their own reads prove, whatever is known of events.
#[tokio::test]
async fn beats_claim_no_more_of_a_users_bookings_than_was_read() {
    let often = |config: &mut Config| {
        change(config);
        config.socket.beat_interval_ms = 100;
        config.private.private_poll_interval_ms = 100;
    };
    let server = TestServer::builder().with(often).start().await;
    let client = server.client().await;
    let show = show().stage(&client).await;
    let one = user(&client, "customer").await;
    let mut mine = own(&server, one).await.socket;
    let (event, own) = (format!("event:{}", show.event), format!("user:{one}"));
    mine.join(&event, json!({})).await;
    let at = |beat: &Value| -> jiff::Timestamp {
        let at = beat["checked_at"].as_str().expect("a time");
        at.parse().expect("a time")
    };
    let mut beat_of = async |topic: &str| loop {
        let beat = mine.next_on("phoenix", "beat").await;
        if !beat["revisions"][topic].is_null() {
            return at(&beat);
        }
    };

    let lock = "begin; lock table bookings in access exclusive mode";
    client.batch_execute(lock).await.expect("a lock");
    let locked = jiff::Timestamp::now();
    while beat_of(&event).await <= locked {}
    for _ in 0..5 {
        assert!(
            beat_of(&own).await <= locked,
            "nobody could read them since"
        );
    }
    client.batch_execute("rollback").await.expect("unlocked");
    while beat_of(&own).await <= locked {}
}

/// A node that has no place for an event's figures has one later.
#[tokio::test]
async fn figures_that_were_refused_come_once_there_is_a_place() {
    let few = |config: &mut Config| {
        change(config);
        config.private.private_topics_max = 1;
    };
    let server = TestServer::builder().with(few).start().await;
    let client = server.client().await;
    let show = show().stage(&client).await;
    let one = user(&client, "customer").await;
    let mut mine = own(&server, one).await.socket;
    let topic = format!("admin:{}", show.event);
    let mut organizer = server.ws(WireVersion::V2).await;
    let join = json!({"access_token": token(show.organizer, Role::Organizer)});
    organizer.join(&topic, join).await;
    mine.ask(&format!("user:{one}"), "phx_leave", json!({}))
        .await;
    figures(&mut organizer, &topic, |_| true).await;
}
