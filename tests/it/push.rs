//! Messages to browsers, to a push service outside of the process that decrypts them and checks their signature: each is sent
//! once, when it is true, and to nobody who is gone.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::mail::waits;
use crate::support::caller::{Answer, Caller};
use crate::support::push::PushService;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};

const BOOKINGS: &str = "/api/v1/bookings";
const PUSHES: &str = "/api/v1/push/subscriptions";
const MINE: &str = "/api/v1/push/subscriptions/mine";
const NO_JOBS: &str =
    "select count(*) = 0 from jobs where kind = 'push' and state in ('waiting', 'leased')";

/// A browser at the push service, and the caller that it is.
struct Browser {
    keys: Value,
    caller: Caller,
}

impl Browser {
    async fn new(push: &PushService, caller: Caller, name: &str, answers: Value) -> Browser {
        let keys = push.browser(name, answers).await;
        Browser { keys, caller }
    }

    async fn asks(&self, about: Value) -> Answer {
        let mut body = self.keys.clone();
        let about = about.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(about);
        self.caller.post(PUSHES, &body).await
    }

    async fn waits_for(&self, show: &Staged) -> Value {
        let wish = json!({"kind": "tickets_back", "event_id": show.event});
        self.asks(wish).await.data(201).clone()
    }

    /// As the browser proves itself, whoever is signed in.
    fn proven(&self, server: &TestServer) -> Caller {
        let auth = self.keys["keys"]["auth"].as_str().unwrap();
        server.anonymous().with_header("x-push-auth", auth)
    }

    /// Of what it is to be told.
    async fn list(&self, server: &TestServer) -> Vec<Value> {
        let list = self.proven(server).get(MINE).await;
        list.data(200).as_array().unwrap().clone()
    }
}

struct World {
    server: TestServer,
    client: Client,
    push: PushService,
}

impl World {
    async fn new() -> World {
        let push = PushService::start().await;
        let server = TestServer::start().await;
        push.trust(&server.anonymous()).await;
        World {
            client: server.client().await,
            server,
            push,
        }
    }

    async fn browser(&self, name: &str, answers: Value) -> Browser {
        Browser::new(&self.push, self.server.anonymous(), name, answers).await
    }

    /// Two units at once, all of them held by one buyer.
    async fn sold_out(&self) -> (Staged, Caller, Value) {
        let show = Show::new()
            .ticket_type("Standing", 1_500, 2)
            .stage(&self.client)
            .await;
        let (buyer, booking) = self.holds(&show, 2).await;
        (show, buyer, booking)
    }

    async fn holds(&self, show: &Staged, quantity: i64) -> (Caller, Value) {
        let buyer = self.server.user(user(&self.client, "customer").await);
        let items = json!([{"ticket_type_id": show.ticket_types[0], "quantity": quantity}]);
        let wish = json!({"event_id": show.event, "items": items});
        let booking = buyer.post(BOOKINGS, &wish).await.data(201).clone();
        (buyer, booking)
    }

    async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// All messages are out, and nobody got one that was not looked at.
    async fn silence(&mut self) {
        waits(&self.client, NO_JOBS).await;
        assert_eq!(self.push.others(), Vec::<Value>::new());
    }
}

async fn cancel(caller: &Caller, booking: &Value) {
    let path = format!("{BOOKINGS}/{}/status", booking["id"].as_str().unwrap());
    let cancelled = json!({"status": "cancelled"});
    caller.put(&path, &cancelled).await.data(200);
}

#[tokio::test]
async fn tickets_that_are_back_are_told_once_whatever_brings_them() {
    let mut world = World::new().await;
    let (show, buyer, booking) = world.sold_out().await;
    let phone = world.browser("phone", json!([])).await;
    let asked = phone.waits_for(&show).await;
    assert_eq!(asked["kind"], "tickets_back");
    // Asked for again, it is the same one.
    assert_eq!(phone.waits_for(&show).await["id"], asked["id"]);
    assert_eq!(
        phone.list(&world.server).await,
        std::slice::from_ref(&asked)
    );

    // Given back.
    cancel(&buyer, &booking).await;
    let told = world.push.next().await;
    let (title, url) = (&told["message"]["title"], &told["message"]["url"]);
    assert_eq!(*title, "Tickets are back");
    assert_eq!(*url, json!(format!("/events/{}", show.event)));
    assert_eq!(
        (&told["urgency"], &told["ttl"]),
        (&json!("high"), &json!(3_600))
    );
    assert_eq!(told["topic"], told["message"]["tag"]);
    world.silence().await;
    assert_eq!(phone.list(&world.server).await, Vec::<Value>::new());
    // It is used up, and there are tickets: nothing to wait for.
    let wish = json!({"kind": "tickets_back", "event_id": show.event});
    assert_eq!(phone.asks(wish).await.code(409), "NOT_SOLD_OUT");

    // More capacity, blocked seats that are free again, a sale that opens: each is a way back.
    for (capacity, way) in [
        (
            5,
            "update ticket_types set capacity = capacity + 1 where id = $type",
        ),
        (
            5,
            "update ticket_types set sale_from = now() - interval '1 hour' where id = $type",
        ),
        (5, "update events set status = 'active' where id = $event"),
        (
            5,
            "update ticket_types set sale_from = now() + interval '1 second' where id = $type",
        ),
    ] {
        let staged = Show::new()
            .ticket_type("Standing", 1_500, capacity)
            .stage(&world.client)
            .await;
        let named = |sql: &str| {
            let event = staged.event.to_string();
            sql.replace("$type", &staged.ticket_types[0].to_string())
                .replace("$event", &event)
        };
        match way {
            way if way.contains("capacity") => staged.sell(&world.client, capacity).await,
            way if way.contains("'active'") => {
                // Not sold at all yet.
                let sql =
                    "update ticket_types set sale_from = now() + interval '1 day' where id = $type";
                world.execute(&named(sql)).await;
            }
            _ => {
                let sql =
                    "update ticket_types set sale_from = now() + interval '1 day' where id = $type";
                world.execute(&named(sql)).await;
            }
        }
        let mut wish = json!({"kind": "tickets_back", "event_id": staged.event});
        wish["ticket_type_id"] = json!(staged.ticket_types[0]);
        let asked = phone.asks(wish).await;
        assert_eq!(
            asked.data(201)["ticket_type_id"],
            json!(staged.ticket_types[0])
        );
        if way.contains("'active'") {
            world
                .execute(&named(
                    "update events set status = 'paused' where id = $event; \
                update ticket_types set sale_from = null where id = $type",
                ))
                .await;
        }
        world.execute(&named(way)).await;
        let told = world.push.next().await;
        let url = json!(format!("/events/{}", staged.event));
        assert_eq!(told["message"]["url"], url, "{way}");
        assert!(
            told["message"]["body"]
                .as_str()
                .unwrap()
                .contains("Standing")
        );
    }
    world.silence().await;
}

#[tokio::test]
async fn a_seat_that_is_unblocked_is_told_to_who_waits_for_its_type_and_to_nobody_else() {
    let mut world = World::new().await;
    let show = Show::new()
        .ticket_type("Stalls", 1_500, 2)
        .row(2)
        .ticket_type("Balcony", 900, 1)
        .stage(&world.client)
        .await;
    world.execute("update seats set blocked = true").await;
    let sql = format!(
        "update ticket_types set sale_from = now() + interval '1 day' where id = {}",
        show.ticket_types[1]
    );
    world.execute(&sql).await;
    let about = |at: usize| json!({"kind": "tickets_back", "event_id": show.event, "ticket_type_id": show.ticket_types[at]});
    let stalls = world.browser("stalls", json!([])).await;
    let balcony = world.browser("balcony", json!([])).await;
    let any = world.browser("any", json!([])).await;
    stalls.asks(about(0)).await.data(201);
    balcony.asks(about(1)).await.data(201);
    any.waits_for(&show).await;
    let organizer = world.server.user(show.organizer);
    let path = format!("/api/v1/events/{}/seats", show.event);
    let free = json!({"seat_ids": [show.seats[0]], "blocked": false});
    organizer.patch(&path, &free).await.data(200);
    let mut told = [world.push.next().await, world.push.next().await]
        .map(|one| one["browser"].as_str().unwrap().to_owned());
    told.sort();
    assert_eq!(told, ["any", "stalls"]);
    world.silence().await;
    assert_eq!(balcony.list(&world.server).await.len(), 1);
}

#[tokio::test]
async fn two_releases_on_two_nodes_tell_a_browser_once() {
    let mut world = World::new().await;
    let beside = TestServer::builder().beside(&world.server).start().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 6)
        .stage(&world.client)
        .await;
    let mut holds = Vec::new();
    for _ in 0..6 {
        holds.push(world.holds(&show, 1).await);
    }
    let mut browsers = Vec::new();
    for number in 0..12 {
        let browser = world.browser(&format!("{number}"), json!([])).await;
        browser.waits_for(&show).await;
        browsers.push(browser);
    }
    let nodes = [&world.server, &beside];
    // Two looks that mark nothing would write each message twice.
    let other_look = beside.client().await;
    for (look, named) in [(&world.client, "one"), (&other_look, "other")] {
        let careless = format!(
            "begin; insert into jobs (kind, key, payload, expires_at)
             select 'control', 'control-{named}-' || id, '{{}}', now() + interval '1 day' from push_subscriptions where fired_at is null"
        );
        look.batch_execute(&careless).await.unwrap();
    }
    world.execute("commit").await;
    other_look.batch_execute("commit").await.unwrap();
    let sql = "with gone as (delete from jobs where kind = 'control' returning 1) select count(*) from gone";
    assert_eq!(one::<i64>(&world.client, sql, &[]).await, 24);
    let releases = holds.iter().enumerate().map(|(at, (_, booking))| {
        let node = nodes[at % 2];
        let organizer = node.user(show.organizer);
        async move { cancel(&organizer, booking).await }
    });
    join_all(releases).await;
    let mut told = Vec::new();
    for _ in &browsers {
        told.push(world.push.next().await["browser"].clone());
    }
    told.sort_by_key(Value::to_string);
    told.dedup();
    assert_eq!(told.len(), browsers.len(), "each browser once");
    world.silence().await;
    let left: i64 = one(&world.client, "select count(*) from push_endpoints", &[]).await;
    assert_eq!(left, 0, "nothing is kept of who was told");
}

#[tokio::test]
async fn those_on_the_waitlist_have_theirs_first_and_are_told_of_their_offer() {
    let mut world = World::new().await;
    let (show, buyer, booking) = world.sold_out().await;
    let waiting = world.server.user(user(&world.client, "customer").await);
    let line = format!("/api/v1/events/{}/waitlist", show.event);
    let offered = json!({"kind": "waitlist_offer", "event_id": show.event});
    let desktop = Browser::new(&world.push, waiting.clone(), "desktop", json!([])).await;
    assert_eq!(desktop.asks(offered.clone()).await.code(409), "NOT_WAITING");
    waiting.post(&line, &json!({"quantity": 2})).await.data(201);
    let asked = desktop.asks(offered.clone()).await.data(201).clone();
    let others = world.browser("others", json!([])).await;
    assert_eq!(others.asks(offered).await.code(403), "ACCOUNT_REQUIRED");
    others.waits_for(&show).await;

    // All of it is offered by the desk; and again what comes without it, by plain SQL.
    cancel(&buyer, &booking).await;
    let told = world.push.next().await;
    assert_eq!(
        (&told["browser"], &told["urgency"]),
        (&json!("desktop"), &json!("normal"))
    );
    assert_eq!(told["message"]["title"], "Tickets for you");
    assert!(told["message"]["until"].is_string(), "{told}");
    assert_eq!(told["topic"], json!(format!("seatcast-{}", asked["id"])));
    let second = world.server.user(user(&world.client, "customer").await);
    second.post(&line, &json!({"quantity": 2})).await.data(201);
    let sql = format!(
        "update ticket_types set capacity = 4 where id = {}",
        show.ticket_types[0]
    );
    world.execute(&sql).await;
    let sql = format!(
        "select count(*) = 2 from waitlist where event_id = {} and status = 'offered'",
        show.event
    );
    waits(&world.client, &sql).await;
    world.silence().await;
    assert_eq!(
        others.list(&world.server).await.len(),
        1,
        "nothing was left for others"
    );

    // Three wait for more than there is: what is left is for everybody.
    let third = world.server.user(user(&world.client, "customer").await);
    third.post(&line, &json!({"quantity": 3})).await.data(201);
    let sql = format!(
        "update ticket_types set capacity = 5 where id = {}",
        show.ticket_types[0]
    );
    world.execute(&sql).await;
    assert_eq!(world.push.next().await["browser"], "others");
    world.silence().await;
}

/// No mails are sent by this server, and whoever left the waitlist waits for nothing.
#[tokio::test]
async fn those_on_the_waitlist_are_told_that_the_event_is_cancelled() {
    let mut world = World::new().await;
    let (show, ..) = world.sold_out().await;
    let line = format!("/api/v1/events/{}/waitlist", show.event);
    let mut places = Vec::new();
    for name in ["waits", "left"] {
        let person = world.server.user(user(&world.client, "customer").await);
        let place = person.post(&line, &json!({"quantity": 2})).await;
        places.push((person.clone(), place.data(201)["id"].clone()));
        let browser = Browser::new(&world.push, person, name, json!([])).await;
        let offered = json!({"kind": "waitlist_offer", "event_id": show.event});
        browser.asks(offered).await.data(201);
    }
    let (left, place) = &places[1];
    let path = format!("/api/v1/waitlist/{place}");
    left.delete(&path).await.data(200);
    let organizer = world.server.user(show.organizer);
    let cancel = format!("/api/v1/events/{}/cancel", show.event);
    organizer.post(&cancel, &json!({})).await.data(202);
    let told = world.push.next().await;
    assert_eq!(told["browser"], "waits");
    assert_eq!(told["message"]["title"], "An event was cancelled");
    let url = format!("/events/{}", show.event);
    assert_eq!(told["message"]["url"], json!(url));
    world.silence().await;
}

#[tokio::test]
async fn what_is_gone_again_before_its_message_went_out_is_waited_for_anew() {
    let mut world = World::new().await;
    let (show, buyer, booking) = world.sold_out().await;
    let phone = world
        .browser("phone", json!([{"status": 503, "retry_after": 4}]))
        .await;
    phone.waits_for(&show).await;
    cancel(&buyer, &booking).await;
    assert_eq!(world.push.next().await["status"], 503);
    // Before it is tried again, somebody has them.
    let (next, theirs) = world.holds(&show, 2).await;
    world.silence().await;
    waits(
        &world.client,
        "select count(*) = 1 from push_subscriptions where fired_at is null",
    )
    .await;
    cancel(&next, &theirs).await;
    assert_eq!(world.push.next().await["status"], 201);
    world.silence().await;
}

#[tokio::test]
async fn a_browser_that_is_gone_is_forgotten_and_a_service_that_is_ill_is_asked_again() {
    let mut world = World::new().await;
    let (show, buyer, booking) = world.sold_out().await;
    let other = Show::new()
        .ticket_type("Standing", 1_500, 1)
        .stage(&world.client)
        .await;
    other.sell(&world.client, 1).await;
    let gone = world.browser("gone", json!([410])).await;
    let ill = world
        .browser("ill", json!([{"status": 429, "retry_after": 1}, 500]))
        .await;
    let silent = world.browser("silent", json!(["silence"])).await;
    let strict = world.browser("strict", json!([413])).await;
    for browser in [&gone, &ill, &silent, &strict] {
        browser.waits_for(&show).await;
        browser.waits_for(&other).await;
    }
    cancel(&buyer, &booking).await;
    let mut told = Vec::new();
    for _ in 0..7 {
        let one = world.push.next().await;
        told.push(format!(
            "{} {}",
            one["browser"].as_str().unwrap(),
            one["status"]
        ));
    }
    told.sort();
    assert_eq!(
        told,
        [
            "gone 410",
            "ill 201",
            "ill 429",
            "ill 500",
            "silent \"silence\"",
            "silent 201",
            "strict 413"
        ]
    );
    world.silence().await;
    // With all that it was to be told of.
    assert_eq!(gone.list(&world.server).await, Vec::<Value>::new());
    for browser in [&ill, &silent, &strict] {
        let list = browser.list(&world.server).await;
        assert_eq!(list.len(), 1, "the other event's");
        assert_eq!(list[0]["event_id"], json!(other.event));
    }
}

/// When the job of a hold is next looked at, in seconds from now.
async fn next_look(client: &Client) -> f64 {
    let sql = "select extract(epoch from run_at - now())::float8 from jobs where kind = 'push' and state = 'waiting'";
    one(client, sql, &[]).await
}

#[tokio::test]
async fn the_end_of_a_hold_is_told_before_it_wherever_it_is_by_then() {
    let mut world = World::new().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 9)
        .stage(&world.client)
        .await;
    let guest = world.server.anonymous();
    let wish = json!({"event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[0], "quantity": 1}]});
    let booking = guest.post(BOOKINGS, &wish).await.data(201).clone();
    let about = json!({"kind": "hold_ends", "booking_id": booking["id"]});
    let stranger = world.browser("stranger", json!([])).await;
    assert_eq!(
        stranger.asks(about.clone()).await.code(404),
        "BOOKING_NOT_FOUND"
    );
    let token = booking["token"].as_str().unwrap();
    let owner = world
        .server
        .anonymous()
        .with_header("x-booking-token", token)
        .with_header("accept-language", "fa");
    let phone = Browser::new(&world.push, owner, "phone", json!([])).await;
    phone.asks(about.clone()).await.data(201);
    // Of fifteen minutes twelve.
    let look = next_look(&world.client).await;
    assert!((700.0..=720.0).contains(&look), "{look}");

    // The deadline has moved when it is looked at: it waits until then.
    let id = booking["id"].as_str().unwrap();
    world
        .execute(&format!(
            "update bookings set expires_at = now() + interval '1 hour' where id = '{id}'"
        ))
        .await;
    world
        .execute("update jobs set run_at = now() where kind = 'push'")
        .await;
    waits(&world.client, "select exists (select from jobs where kind = 'push' and state = 'waiting' and run_at > now() + interval '50 minutes')").await;
    world
        .execute(&format!(
            "update bookings set expires_at = now() + interval '2 minutes' where id = '{id}'"
        ))
        .await;
    world
        .execute("update jobs set run_at = now() where kind = 'push'")
        .await;
    let told = world.push.next().await;
    let message = &told["message"];
    assert_eq!(
        (&message["lang"], &message["dir"]),
        (&json!("fa"), &json!("rtl"))
    );
    assert_eq!(message["url"], json!(format!("/bookings/{id}")));
    assert!(
        message["body"].as_str().unwrap().contains("{time}"),
        "{message}"
    );
    let ttl = told["ttl"].as_i64().unwrap();
    assert!((100..=120).contains(&ttl), "not after its end: {ttl}");
    world.silence().await;
    assert_eq!(phone.list(&world.server).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_hold_that_is_paid_or_given_up_is_told_of_no_more() {
    let mut world = World::new().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 9)
        .stage(&world.client)
        .await;
    for end in ["confirmed", "cancelled", "expired"] {
        let (buyer, booking) = world.holds(&show, 1).await;
        let phone = Browser::new(&world.push, buyer.clone(), end, json!([])).await;
        let about = json!({"kind": "hold_ends", "booking_id": booking["id"]});
        phone.asks(about.clone()).await.data(201);
        let id = booking["id"].as_str().unwrap();
        let path = format!("{BOOKINGS}/{id}/status");
        match end {
            "confirmed" => {
                let paid = json!({"status": "confirmed", "paid_by": "cash"});
                world
                    .server
                    .user(show.organizer)
                    .put(&path, &paid)
                    .await
                    .data(200);
            }
            "cancelled" => cancel(&buyer, &booking).await,
            _ => {
                world
                    .execute(&format!(
                        "update bookings set expires_at = now() where id = '{id}'"
                    ))
                    .await;
                waits(
                    &world.client,
                    &format!("select status = 'expired' from bookings where id = '{id}'"),
                )
                .await;
            }
        }
        let late = phone.asks(about).await;
        assert_eq!(late.code(409), "NOT_PENDING");
        world
            .execute("update jobs set run_at = now() where kind = 'push' and state = 'waiting'")
            .await;
        world.silence().await;
        assert_eq!(
            phone.list(&world.server).await,
            Vec::<Value>::new(),
            "{end}"
        );
    }
}

#[tokio::test]
async fn an_account_that_is_erased_takes_its_browsers_along() {
    let mut world = World::new().await;
    let (show, buyer, booking) = world.sold_out().await;
    let leaving = user(&world.client, "customer").await;
    let theirs = Browser::new(&world.push, world.server.user(leaving), "theirs", json!([])).await;
    theirs.waits_for(&show).await;
    // Somebody without account asked on the same browser: that stays.
    let shared = world.browser("shared", json!([])).await;
    let other = Show::new()
        .ticket_type("Standing", 1_500, 1)
        .stage(&world.client)
        .await;
    other.sell(&world.client, 1).await;
    shared.waits_for(&other).await;
    let of_user = Browser {
        keys: shared.keys.clone(),
        caller: world.server.user(leaving),
    };
    of_user.waits_for(&show).await;
    assert_eq!(
        of_user
            .caller
            .get(MINE)
            .await
            .data(200)
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(shared.list(&world.server).await.len(), 2);
    world
        .execute(&format!("delete from users where id = {leaving}"))
        .await;
    let left: i64 = one(&world.client, "select count(*) from push_endpoints", &[]).await;
    assert_eq!(left, 1);
    assert_eq!(shared.list(&world.server).await.len(), 1);
    cancel(&buyer, &booking).await;
    world.silence().await;
}

#[tokio::test]
async fn a_browser_that_moves_keeps_what_it_is_to_be_told() {
    let mut world = World::new().await;
    let (show, buyer, booking) = world.sold_out().await;
    let old = world.browser("old", json!([])).await;
    old.waits_for(&show).await;
    let new = world.browser("new", json!([])).await;
    let renew = format!("{PUSHES}/renew");
    let mut body = new.keys.clone();
    body["auth"] = old.keys["keys"]["auth"].clone();
    // It may have asked for the same by itself.
    new.waits_for(&show).await;
    world.server.anonymous().post(&renew, &body).await.data(200);
    assert_eq!(new.list(&world.server).await.len(), 1);
    assert_eq!(old.list(&world.server).await, Vec::<Value>::new());
    let unknown = world.server.anonymous().post(&renew, &body).await;
    assert_eq!(unknown.code(404), "PUSH_SUBSCRIPTION_NOT_FOUND");
    cancel(&buyer, &booking).await;
    assert_eq!(world.push.next().await["browser"], "new");
    world.silence().await;
}

#[tokio::test]
async fn only_the_browser_or_its_user_ends_a_subscription() {
    let mut world = World::new().await;
    let (show, buyer, booking) = world.sold_out().await;
    let owner = user(&world.client, "customer").await;
    let stranger = world.server.user(user(&world.client, "customer").await);
    let phone = Browser::new(&world.push, world.server.user(owner), "phone", json!([])).await;
    let path = |asked: &Value| format!("{PUSHES}/{}", asked["id"]);
    let asked = phone.waits_for(&show).await;
    assert_eq!(
        world
            .server
            .anonymous()
            .delete(&path(&asked))
            .await
            .code(401),
        "UNAUTHENTICATED"
    );
    assert_eq!(
        world.server.anonymous().get(MINE).await.code(401),
        "UNAUTHENTICATED"
    );
    let guessed = world
        .server
        .anonymous()
        .with_header("x-push-auth", "AAAAAAAAAAAAAAAAAAAAAA");
    for other in [&stranger, &guessed] {
        assert_eq!(
            other.delete(&path(&asked)).await.code(404),
            "PUSH_SUBSCRIPTION_NOT_FOUND"
        );
        assert_eq!(*other.get(MINE).await.data(200), json!([]));
    }
    world
        .server
        .user(owner)
        .delete(&path(&asked))
        .await
        .data(200);
    let again = phone.waits_for(&show).await;
    phone
        .proven(&world.server)
        .delete(&path(&again))
        .await
        .data(200);
    let kept: i64 = one(&world.client, "select count(*) from push_endpoints", &[]).await;
    assert_eq!(kept, 0);
    cancel(&buyer, &booking).await;
    world.silence().await;
}

#[tokio::test]
async fn bad_subscriptions_are_refused_by_name() {
    let world = World::new().await;
    let (show, ..) = world.sold_out().await;
    let good = world.push.browser("good", json!([])).await;
    let caller = world.server.anonymous();
    let ask = async |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        body["kind"] = json!("tickets_back");
        body["event_id"] = json!(show.event);
        change(&mut body);
        let answer = caller.post(PUSHES, &body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
        let error = &answer.body["data"]["errors"][0];
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        format!("{} {}", text("field"), text("code"))
    };
    let endpoint = async |endpoint: &str| ask(&|body| body["endpoint"] = json!(endpoint)).await;
    assert_eq!(
        endpoint("http://push.example.org/1").await,
        "endpoint NOT_HTTPS"
    );
    assert_eq!(
        endpoint("https://10.0.0.1/1").await,
        "endpoint PRIVATE_HOST"
    );
    assert_eq!(
        endpoint("https://169.254.169.254/1").await,
        "endpoint PRIVATE_HOST"
    );
    assert_eq!(
        endpoint("https://database/1").await,
        "endpoint PRIVATE_HOST"
    );
    assert_eq!(
        endpoint("mailto:ada@example.org").await,
        "endpoint NOT_A_URL"
    );
    assert_eq!(endpoint("").await, "endpoint EMPTY");
    let long = format!("https://push.example.org/{}", "a".repeat(2_000));
    assert_eq!(endpoint(&long).await, "endpoint TOO_LONG");
    assert_eq!(
        ask(&|body| body["keys"]["auth"] = json!("AAAA")).await,
        "keys.auth NOT_A_PUSH_KEY"
    );
    let point = format!("BA{}", "A".repeat(85));
    assert_eq!(
        ask(&|body| body["keys"]["p256dh"] = json!(point)).await,
        "keys.p256dh NOT_A_PUSH_KEY"
    );
    assert_eq!(
        ask(&|body| body["keys"] = Value::Null).await,
        "keys REQUIRED"
    );
    assert_eq!(
        ask(&|body| body["kind"] = json!("all")).await,
        "kind NOT_A_CHOICE"
    );
    assert_eq!(
        ask(&|body| body["event_id"] = Value::Null).await,
        "event_id REQUIRED"
    );
    assert_eq!(
        ask(&|body| body["booking_id"] = json!("x")).await,
        "booking_id UNKNOWN_FIELD"
    );
    assert_eq!(
        ask(&|body| body["kind"] = json!("hold_ends")).await,
        "booking_id REQUIRED"
    );

    let about = async |wish: Value| {
        let mut body = good.clone();
        body.as_object_mut()
            .unwrap()
            .extend(wish.as_object().unwrap().clone());
        caller.post(PUSHES, &body).await
    };
    let unknown = json!({"kind": "tickets_back", "event_id": 999_999});
    assert_eq!(about(unknown).await.code(404), "EVENT_NOT_FOUND");
    let unknown =
        json!({"kind": "tickets_back", "event_id": show.event, "ticket_type_id": 999_999});
    assert_eq!(about(unknown).await.code(404), "TICKET_TYPE_NOT_FOUND");
    world
        .execute(&format!(
            "update events set status = 'cancelled' where id = {}",
            show.event
        ))
        .await;
    let over = json!({"kind": "tickets_back", "event_id": show.event});
    assert_eq!(about(over).await.code(409), "SALES_CLOSED");
}

#[tokio::test]
async fn a_browser_and_an_account_may_ask_for_so_many() {
    let world = World::new().await;
    let (show, ..) = world.sold_out().await;
    let owner = user(&world.client, "customer").await;
    let phone = Browser::new(&world.push, world.server.user(owner), "phone", json!([])).await;
    let first = phone.waits_for(&show).await;
    let many = "
        insert into push_subscriptions (endpoint_id, user_id, kind, event_id, ticket_type_id)
        select s.endpoint_id, null, 'tickets_back', t.event_id, t.id from push_subscriptions s, ticket_types t
         where t.name like 'Many%'";
    let event = show.event;
    world.execute(&format!(
        "insert into ticket_types (event_id, name, capacity) select {event}, 'Many ' || n, 0 from generate_series(1, 49) n; {many}"
    )).await;
    let one_more =
        json!({"kind": "tickets_back", "event_id": event, "ticket_type_id": show.ticket_types[0]});
    let refused = phone.asks(one_more.clone()).await;
    assert_eq!(refused.code(429), "TOO_MANY_SUBSCRIPTIONS");
    assert_eq!(refused.body["data"]["max"], 50);
    // It may ask again for the things that it has.
    assert_eq!(phone.waits_for(&show).await["id"], first["id"]);
    // An account with all its browsers.
    world
        .execute(&format!("update push_subscriptions set user_id = {owner}"))
        .await;
    world.execute("
        insert into push_endpoints (endpoint, p256dh, auth)
        select 'https://push.example.org/' || n, decode(repeat('04', 65), 'hex'), decode(repeat('01', 16), 'hex') from generate_series(1, 4) n;
        insert into push_subscriptions (endpoint_id, user_id, kind, event_id, ticket_type_id)
        select e.id, s.user_id, s.kind, s.event_id, s.ticket_type_id from push_endpoints e, push_subscriptions s
         where e.endpoint like 'https://push.example.org/%'").await;
    let other = Browser::new(&world.push, world.server.user(owner), "other", json!([])).await;
    let refused = other.asks(one_more).await;
    assert_eq!(refused.body["data"]["max"], 200, "{}", refused.text);
    let kept: i64 = one(&world.client, "select count(*) from push_endpoints", &[]).await;
    assert_eq!(kept, 5, "nothing is kept of a browser that was refused");
}

#[tokio::test]
async fn a_server_without_a_contact_sends_nothing_and_says_so() {
    let server = TestServer::builder()
        .with(|config| {
            config.auth.dev = false;
            config.auth.jwt_secret = Some("a secret that is long enough for a test".to_owned());
        })
        .start()
        .await;
    let caller = server.anonymous();
    assert_eq!(caller.get("/api/v1/push/key").await.code(501), "NO_PUSH");
    let push = PushService::start().await;
    let mut body = push.browser("phone", json!([])).await;
    body["kind"] = json!("tickets_back");
    body["event_id"] = json!(1);
    assert_eq!(caller.post(PUSHES, &body).await.code(501), "NO_PUSH");
    let set = TestServer::builder()
        .with(|config| {
            config.auth.dev = false;
            config.auth.jwt_secret = Some("a secret that is long enough for a test".to_owned());
            config.push.contact = Some("mailto:tickets@example.org".to_owned());
        })
        .beside(&server)
        .start()
        .await;
    // Every node has the same key; outside of development this machine is not asked.
    let key = set.anonymous().get("/api/v1/push/key").await;
    assert_eq!(key.data(200)["key"].as_str().unwrap().len(), 87);
    let refused = set.anonymous().post(PUSHES, &body).await;
    assert_eq!(refused.body["data"]["errors"][0]["code"], "NOT_HTTPS");
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let world = World::new().await;
    let (show, ..) = world.sold_out().await;
    let phone = world.browser("phone", json!([])).await;
    phone.waits_for(&show).await;
    let store = world.server.database.store().await;
    let prune = || store.prune(seatcast::store::prune::OldRows::PushSubscriptions, 1, 100);
    assert_eq!(prune().await.unwrap(), 0);
    world.execute(&format!("update events set starts_at = now() - interval '2 hours', ends_at = null, doors_at = null where id = {}", show.event)).await;
    assert_eq!(prune().await.unwrap(), 1);
    let kept: i64 = one(&world.client, "select count(*) from push_endpoints", &[]).await;
    assert_eq!(kept, 0);
}
