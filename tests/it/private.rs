//! Topics that are told whole: a user's own bookings, an organizer's figures, whoever writes them.

use std::time::Duration;

use seatcast::auth::{Auth, Role};
use seatcast::config::{AuthConfig, Config};
use seatcast::ticketing::UserId;
use serde_json::{Value, json};

use crate::support::cut::Link;
use crate::support::database::TestDatabase;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, user};
use crate::support::websocket::{Socket, Vsn};

const SECRET: &str = "the tests' secret, of more than 32 bytes";

fn token_for(id: UserId, role: Role, life: Duration) -> String {
    let config = AuthConfig {
        jwt_secret: Some(SECRET.to_owned()),
        ..Config::default().auth
    };
    Auth::new(&config).unwrap().issue(id, role, life).unwrap()
}

fn token(id: UserId, role: Role) -> String {
    token_for(id, role, Duration::from_secs(60))
}

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

/// A connection of this user on its own topic, and what the join was answered.
async fn own(node: &TestServer, id: UserId, since: Option<u64>) -> (Socket, Value) {
    let mut socket = node.ws(Vsn::V2).await;
    let join = json!({"access_token": token(id, Role::Customer), "since": since});
    let joined = socket.join(&format!("user:{id}"), join).await;
    (socket, joined)
}

/// Reads updates until the newest booking is so; checks on the way that nothing steps back.
async fn sees(socket: &mut Socket, id: UserId, mut have: u64, status: &str) -> Value {
    let reading = async {
        loop {
            let update = socket.next_on(&format!("user:{id}"), "update").await;
            assert_eq!(update["from"], 0, "told whole");
            let to = update["to"].as_u64().expect("a revision");
            assert!(to >= have, "{to} after {have}");
            have = to;
            if update["bookings"][0]["status"] == status {
                return update;
            }
        }
    };
    let seen = tokio::time::timeout(DEADLINE, reading).await;
    seen.unwrap_or_else(|_| panic!("never saw {status}"))
}

fn revision(value: &Value) -> u64 {
    value.as_u64().expect("a revision")
}

#[tokio::test]
async fn a_user_sees_its_own_bookings_from_hold_to_end_and_nobody_elses() {
    let (server, show) = world().await;
    let client = server.client().await;
    let (one, other) = (
        user(&client, "customer").await,
        user(&client, "customer").await,
    );
    let (mut mine, joined) = own(&server, one, None).await;
    assert_eq!(joined["state"], json!({"bookings": []}));
    let (mut theirs, _) = own(&server, other, None).await;

    let body = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[0], "quantity": 2}]});
    let made = server.user(one).post("/api/v1/bookings", &body).await;
    let id = made.data(201)["id"].clone();
    let held = sees(&mut mine, one, revision(&joined["revision"]), "pending").await;
    let booking = &held["bookings"][0];
    assert_eq!((&booking["id"], &booking["quantity"]), (&id, &json!(2)));
    assert_eq!(booking["expires_at"], made.data(201)["expires_at"]);

    // By hand, as any program may: the deadline moves, then the sweeper ends the hold.
    let sql =
        format!("update bookings set expires_at = now() - interval '1 s' where user_id = {one}");
    client.batch_execute(&sql).await.expect("an update");
    let ended = sees(&mut mine, one, revision(&held["to"]), "expired").await;

    let body = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[1], "quantity": 1}]});
    let made = server.user(one).post("/api/v1/bookings", &body).await;
    let free = made.data(201)["id"].as_str().expect("an id").to_owned();
    let confirmed = sees(&mut mine, one, revision(&ended["to"]), "confirmed").await;
    assert_eq!(confirmed["bookings"].as_array().map(Vec::len), Some(2));
    let path = format!("/api/v1/bookings/{free}/status");
    let cancel = json!({"status": "cancelled", "reason": "ill"});
    assert_eq!(server.user(one).put(&path, &cancel).await.status, 200);
    let cancelled = sees(&mut mine, one, revision(&confirmed["to"]), "cancelled").await;
    assert_eq!(cancelled["bookings"][0]["cancel_reason"], "ill");
    assert_eq!(cancelled["bookings"][0]["tickets"][0]["status"], "void");

    // The other one hears nothing of all that but what is its own.
    let body = json!({"event_id": show.event, "quantity": 1});
    server.user(other).post("/api/v1/bookings", &body).await;
    let frame = theirs.next_on(&format!("user:{other}"), "update").await;
    assert_eq!(frame["bookings"].as_array().map(Vec::len), Some(1));
    assert_eq!(frame["bookings"][0]["user_id"], other);
    server.audit().await;
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
    let mut nobody = server.ws(Vsn::V1).await;
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
        let mut socket = server.ws(Vsn::V2).await;
        let join = json!({"access_token": token(id, role)});
        let refused = socket.ask(topic, "phx_join", join).await;
        assert_eq!(refused["response"]["code"], code, "{topic} {role}");
    }
    for (id, role) in [(show.organizer, Role::Organizer), (other, Role::Admin)] {
        let mut socket = server.ws(Vsn::V2).await;
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
    let mut socket = server.ws(Vsn::V2).await;
    let brief = token_for(one, Role::Customer, Duration::from_secs(2));
    socket.join(&topic, json!({"access_token": brief})).await;
    assert_eq!(socket.closed().await, Some(4001));

    let (mut socket, _) = own(&server, one, None).await;
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

/// Reads figures until they are so; their revision never steps back.
async fn figures(socket: &mut Socket, topic: &str, is: impl Fn(&Value) -> bool) -> Value {
    let reading = async {
        let mut have = 0;
        loop {
            let figures = socket.next_on(topic, "figures").await;
            let to = figures["revision"].as_u64().expect("a revision");
            assert!(to >= have, "{to} after {have}");
            have = to;
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
    let mut organizer = server.ws(Vsn::V2).await;
    let join = json!({"access_token": token(show.organizer, Role::Organizer)});
    let joined = organizer.join(&topic, join).await;
    assert_eq!(joined["state"]["ticket_types"][0]["available"], 80);
    let first = figures(&mut organizer, &topic, |_| true).await;
    assert_eq!(first["revenue"], json!({"amount": 0, "currency": "EUR"}));

    // Three by hand, of twelve euros all together, and a hold by REST.
    show.sell(&client, 3).await;
    let sql = format!(
        "update bookings set total_amount = 1200 where event_id = {}",
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
    let mut viewer = server.ws(Vsn::V2).await;
    let step = json!({"presence": {"step": "look"}});
    viewer.join(&format!("event:{}", show.event), step).await;
    figures(&mut organizer, &topic, |figures| {
        figures["joins_per_minute"] == 1
    })
    .await;
    let (mut latecomer, join) = (
        server.ws(Vsn::V2).await,
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

/// What happens while the doorbell is cut is told when it is back, and by another node at once; a client that
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
    let (mut here, joined) = own(&cut, one, None).await;
    let (mut there, _) = own(&whole, one, None).await;
    let have = revision(&joined["revision"]);

    link.cut();
    let body = json!({"event_id": staged.event, "items": [{"ticket_type_id": staged.ticket_types[0], "quantity": 1}]});
    whole
        .user(one)
        .post("/api/v1/bookings", &body)
        .await
        .data(201);
    let seen = sees(&mut there, one, have, "pending").await;
    link.restore();
    // The node that was cut off answers by what is, not by what it had.
    let (_late, joined) = own(&cut, one, Some(revision(&seen["to"]))).await;
    assert!(revision(&joined["revision"]) >= revision(&seen["to"]));
    assert_eq!(joined["state"]["bookings"][0]["status"], "pending");
    sees(&mut here, one, have, "pending").await;

    let sql = format!(
        "begin; select take_turn({0}); update claims set state = 'dead' where event_id = {0};
         update bookings set status = 'cancelled' where event_id = {0}; commit",
        staged.event
    );
    client.batch_execute(&sql).await.expect("a transaction");
    for socket in [&mut here, &mut there] {
        sees(socket, one, have, "cancelled").await;
    }
    cut.audit().await;
}

/// Rows that go away, or to somebody else, take nothing back either.
#[tokio::test]
async fn numbers_never_step_back_when_bookings_leave() {
    let (server, show) = world().await;
    let client = server.client().await;
    let (one, other) = (
        user(&client, "customer").await,
        user(&client, "customer").await,
    );
    let number = async |id: UserId| -> i64 {
        let row = client
            .query_one("select bookings_revision($1)", &[&id])
            .await;
        row.expect("a number").get(0)
    };
    let body = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[1], "quantity": 2}]});
    server
        .user(one)
        .post("/api/v1/bookings", &body)
        .await
        .data(201);
    let made = server.user(other).post("/api/v1/bookings", &body).await;
    let theirs = made.data(201)["id"].as_str().expect("an id").to_owned();
    let mut last = (number(one).await, number(other).await);
    for sql in [
        format!(
            "update tickets set status = 'used' where event_id = {}",
            show.event
        ),
        format!("update bookings set user_id = {other} where user_id = {one}"),
        format!("update bookings set user_id = {one} where user_id = {other} and id <> '{theirs}'"),
        // Names that are shown count, and a ticket that goes to another's booking.
        format!(
            "update ticket_types set name = name || '!' where event_id = {}",
            show.event
        ),
        format!(
            "update tickets set booking_id = '{theirs}' where id = (select min(id) from tickets where event_id = {})",
            show.event
        ),
        format!(
            "with gone as (delete from tickets where booking_id = '{theirs}' returning 1), let_go as (delete from claims where booking_id = '{theirs}' returning 1) delete from bookings where id = '{theirs}'"
        ),
        format!("delete from tickets where event_id = {}", show.event),
        format!(
            "delete from claims where event_id = {0}; delete from bookings where event_id = {0}",
            show.event
        ),
    ] {
        client.batch_execute(&sql).await.expect(&sql);
        let now = (number(one).await, number(other).await);
        assert!(
            now.0 >= last.0 && now.1 >= last.1 && now != last,
            "{sql}: {last:?} {now:?}"
        );
        last = now;
    }
    let (_socket, joined) = own(&server, one, None).await;
    assert_eq!(joined["state"]["bookings"], json!([]));
    assert_eq!(
        revision(&joined["revision"]),
        u64::try_from(last.0).unwrap()
    );
}

/// A lock that only the figures meet keeps no user waiting.
#[tokio::test]
async fn figures_that_hang_stop_nobodys_bookings() {
    let (server, show) = world().await;
    let client = server.client().await;
    let topic = format!("admin:{}", show.event);
    let mut organizer = server.ws(Vsn::V2).await;
    let join = json!({"access_token": token(show.organizer, Role::Organizer)});
    organizer.join(&topic, join).await;
    figures(&mut organizer, &topic, |_| true).await;
    let one = user(&client, "customer").await;
    let (mut mine, joined) = own(&server, one, None).await;

    let lock = "begin; lock table event_joins in access exclusive mode";
    client.batch_execute(lock).await.expect("a lock");
    let body = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[0], "quantity": 1}]});
    let made = server.user(one).post("/api/v1/bookings", &body).await;
    made.data(201);
    sees(&mut mine, one, revision(&joined["revision"]), "pending").await;
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
    let (mut mine, _) = own(&server, one, None).await;
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

    let lock = "begin; lock table bookings_gone in access exclusive mode";
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
    let (mut mine, _) = own(&server, one, None).await;
    let topic = format!("admin:{}", show.event);
    let mut organizer = server.ws(Vsn::V2).await;
    let join = json!({"access_token": token(show.organizer, Role::Organizer)});
    organizer.join(&topic, join).await;
    mine.ask(&format!("user:{one}"), "phx_leave", json!({}))
        .await;
    figures(&mut organizer, &topic, |_| true).await;
}
