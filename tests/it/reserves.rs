//! Reserved units are shown and sold to nobody but a voucher's bearers, come back to them, and end with the voucher.

use std::sync::Arc;

use futures_util::future::join_all;
use seatcast::store::audit::audit;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use crate::support::caller::{Answer, Caller};
use crate::support::database::TestDatabase;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, one, user};
use crate::support::viewer::{finish, viewers};
use crate::support::websocket::WireVersion;

const BOOKINGS: &str = "/api/v1/bookings";
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

struct World {
    server: TestServer,
    client: Client,
    show: Staged,
}

/// Ten standing tickets and ten seats in a house of 16.
async fn world() -> World {
    world_on(TestServer::start().await).await
}

async fn world_on(server: TestServer) -> World {
    let client = server.client().await;
    let show = Show::new()
        .capacity(16)
        .ticket_type("Standing", 1_500, 10)
        .ticket_type("Seat", 2_000, 10)
        .row(10)
        .stage(&client)
        .await;
    World {
        server,
        client,
        show,
    }
}

impl World {
    fn vouchers(&self) -> String {
        format!("/api/v1/events/{}/vouchers", self.show.event)
    }

    fn organizer(&self) -> Caller {
        self.server.user(self.show.organizer)
    }

    async fn customer(&self) -> Caller {
        self.server.user(user(&self.client, "customer").await)
    }

    /// A voucher that sets so many standing tickets aside.
    async fn voucher(&self, code: &str, reserved: i64) -> Answer {
        let body = json!({"code": code, "kind": "percent", "value": 0, "reserved": reserved,
            "ticket_type_ids": [self.show.ticket_types[0]]});
        let made = self.organizer().post(&self.vouchers(), &body).await;
        self.is_told(&made).await;
        made
    }

    async fn change(&self, voucher: i64, change: Value) -> Answer {
        let path = format!("{}/{voucher}", self.vouchers());
        let changed = self.organizer().patch(&path, &change).await;
        self.is_told(&changed).await;
        changed
    }

    /// The answer to a write that nothing followed says the event's revision.
    async fn is_told(&self, answer: &Answer) {
        if answer.status < 300 {
            assert_eq!(answer.revision(), self.revision().await, "{}", answer.text);
        }
    }

    async fn revision(&self) -> u64 {
        let sql = "select revision from turns where event_id = $1";
        let revision: i64 = one(&self.client, sql, &[&self.show.event]).await;
        revision.try_into().unwrap()
    }

    fn wish(&self, quantity: i64, codes: &[&str]) -> Value {
        let items = json!([{"ticket_type_id": self.show.ticket_types[0], "quantity": quantity}]);
        json!({"event_id": self.show.event, "items": items, "vouchers": codes})
    }

    async fn book(&self, buyer: &Caller, quantity: i64, codes: &[&str]) -> Answer {
        let answer = buyer.post(BOOKINGS, &self.wish(quantity, codes)).await;
        self.is_told(&answer).await;
        answer
    }

    async fn cancel(&self, buyer: &Caller, booking: &Value) {
        let path = format!("{BOOKINGS}/{}/status", booking["id"].as_str().unwrap());
        let ended = buyer.put(&path, &json!({"status": "cancelled"})).await;
        ended.data(200);
        self.is_told(&ended).await;
    }

    /// Available and held standing tickets, as everybody is shown them, or the bearers of a code.
    async fn shown(&self, code: Option<&str>) -> (i64, i64) {
        let code = code.map_or(String::new(), |code| format!("?voucher={code}"));
        let path = format!("/api/v1/events/{}/ticket-types{code}", self.show.event);
        let types = self.server.anonymous().get(&path).await;
        let standing = &types.data(200)[0];
        let number = |name: &str| standing[name].as_i64().unwrap();
        (number("available"), number("held"))
    }

    /// Units that the voucher has set aside, as its organizers are shown them.
    async fn left(&self, code: &str) -> i64 {
        let listed = self.organizer().get(&self.vouchers()).await;
        let mut listed = listed.data(200).as_array().unwrap().iter();
        let voucher = listed.find(|voucher| voucher["code"] == code).unwrap();
        voucher["reserved_left"].as_i64().unwrap()
    }

    async fn until(&self, sql: &str) {
        let started = Instant::now();
        while !one::<bool>(&self.client, sql, &[]).await {
            assert!(started.elapsed() < DEADLINE, "{sql}");
            sleep(LOOK_AGAIN).await;
        }
    }
}

fn id(answer: &Answer) -> i64 {
    answer.data(201)["id"].as_i64().unwrap()
}

#[tokio::test]
async fn what_is_set_aside_is_for_bearers_alone_and_comes_back_to_them() {
    let world = world().await;
    let (_address, address) = watch::channel(Some(world.server.address()));
    let watching = viewers(&address, world.show.event, 2);
    let voucher = world.voucher("KEPT", 4).await;
    assert_eq!(voucher.data(201)["reserved_left"], 4);
    assert_eq!(world.shown(None).await, (6, 4));
    assert_eq!(world.shown(Some("KEPT")).await, (10, 0));
    assert_eq!(world.shown(Some("OTHER")).await, (6, 4));
    let path = format!("/api/v1/availability/{}", world.show.event);
    let read = world.server.anonymous().get(&path).await;
    assert_eq!(read.data(200)["available_tickets"], 12);

    let [stranger, bearer, another] = [
        world.customer().await,
        world.customer().await,
        world.customer().await,
    ];
    let refused = world.book(&stranger, 7, &[]).await;
    assert_eq!(refused.code(409), "NOT_ENOUGH_LEFT");
    assert_eq!(refused.body["data"]["left"], 6);
    let all = world.book(&stranger, 6, &[]).await.data(201).clone();
    let refused = world.book(&another, 1, &[]).await;
    assert_eq!(refused.code(409), "TICKET_TYPE_SOLD_OUT");
    let refused = world.book(&bearer, 5, &["KEPT"]).await;
    assert_eq!(refused.code(409), "NOT_ENOUGH_LEFT");
    assert_eq!(refused.body["data"]["left"], 4);
    // The short form finds them as well.
    let cheapest = json!({"event_id": world.show.event, "quantity": 3, "vouchers": ["kept"]});
    let three = bearer.post(BOOKINGS, &cheapest).await.data(201).clone();
    assert_eq!(
        (world.shown(None).await, world.left("KEPT").await),
        ((0, 10), 1)
    );
    assert_eq!(world.shown(Some("KEPT")).await, (1, 9));

    // Given back, they are set aside again, and nobody saw them free.
    world.cancel(&bearer, &three).await;
    assert_eq!(
        (world.shown(None).await, world.left("KEPT").await),
        ((0, 10), 4)
    );
    // First what is set aside, then what is left to all.
    world.cancel(&stranger, &all).await;
    let six = world.book(&bearer, 6, &["KEPT"]).await.data(201).clone();
    assert_eq!(
        (world.shown(None).await, world.left("KEPT").await),
        ((4, 6), 0)
    );
    // Other tickets in their place.
    let path = format!("{BOOKINGS}/{}", six["id"].as_str().unwrap());
    for (quantity, left, public) in [(2, 2, 6), (9, 0, 1), (3, 1, 6)] {
        let items = json!({"items": world.wish(quantity, &[])["items"]});
        let swapped = bearer.patch(&path, &items).await;
        swapped.data(200);
        world.is_told(&swapped).await;
        assert_eq!(world.left("KEPT").await, left);
        assert_eq!(world.shown(None).await.0, public);
    }
    let refused = bearer
        .patch(
            &path,
            &json!({"items": world.wish(10, &[])["items"], "expected_total": 1}),
        )
        .await;
    assert_eq!(refused.status, 409);
    // A deadline.
    let late = "update bookings set expires_at = clock_timestamp() where status = 'pending'";
    world.client.execute(late, &[]).await.unwrap();
    world
        .until("select reserved_left = 4 from vouchers where code = 'KEPT'")
        .await;
    assert_eq!(world.shown(None).await, (6, 4));
    // A sale, of which one ticket is taken back.
    let sold = world.book(&another, 4, &["KEPT"]).await.data(201).clone();
    let path = format!("{BOOKINGS}/{}/status", sold["id"].as_str().unwrap());
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let sold = world.organizer().put(&path, &paid).await;
    world.is_told(&sold).await;
    let ticket = &sold.data(200)["tickets"][0]["code"];
    world
        .until("select not exists (select from jobs where kind = 'staff_paid' and state <> 'done')")
        .await;
    let path = format!(
        "{BOOKINGS}/{}/refunds",
        sold.data(200)["id"].as_str().unwrap()
    );
    let refund = json!({"ticket_ids": [ticket], "reason": "ill"});
    world.organizer().post(&path, &refund).await.data(201);
    world
        .until("select reserved_left = 1 from vouchers where code = 'KEPT'")
        .await;
    assert_eq!(world.shown(None).await, (6, 1));
    finish(
        &world.server.database.store().await,
        world.show.event,
        watching,
    )
    .await;
    world.server.audit().await;
}

#[tokio::test]
async fn what_cannot_be_set_aside_is_refused_by_name() {
    let world = world().await;
    let [standing, seat] = [world.show.ticket_types[0], world.show.ticket_types[1]];
    let organizer = world.organizer();
    for (types, reserved, said) in [
        (json!(null), json!(1), "exactly one ticket type"),
        (json!([standing, seat]), json!(1), "exactly one ticket type"),
        (json!([seat]), json!(1), "with seats"),
        (json!([standing]), json!(-1), "reserved"),
        (json!([standing]), json!("many"), "reserved"),
    ] {
        let body = json!({"code": "KEPT", "kind": "percent", "value": 0, "ticket_type_ids": types, "reserved": reserved});
        let refused = organizer.post(&world.vouchers(), &body).await;
        assert_eq!(refused.code(422), "VALIDATION_FAILED");
        assert_eq!(refused.body["data"]["errors"][0]["field"], "reserved");
        assert!(refused.text.contains(said), "{}", refused.text);
    }
    let refused = world.voucher("KEPT", 11).await;
    assert_eq!(refused.code(409), "NOT_ENOUGH_TO_RESERVE");
    assert_eq!(refused.body["data"]["most"], 10);
    let buyer = world.customer().await;
    world.book(&buyer, 3, &[]).await.data(201);
    let refused = world.voucher("KEPT", 8).await;
    assert_eq!(refused.body["data"]["most"], 7);
    let voucher = id(&world.voucher("KEPT", 5).await);
    let refused = world.change(voucher, json!({"reserved": 8})).await;
    assert_eq!(refused.code(409), "NOT_ENOUGH_TO_RESERVE");
    assert_eq!(refused.body["data"]["most"], 7);
    let refused = world
        .change(voucher, json!({"ticket_type_ids": null}))
        .await;
    assert_eq!(refused.code(422), "VALIDATION_FAILED");
    // Another voucher's is not there either.
    let refused = world.voucher("MORE", 3).await;
    assert_eq!(refused.body["data"]["most"], 2);
    let bearer = world.customer().await;
    world.book(&bearer, 2, &["KEPT"]).await.data(201);
    let refused = world
        .change(voucher, json!({"ticket_type_ids": null, "reserved": 0}))
        .await;
    assert_eq!(refused.code(409), "RESERVE_IN_USE");
    assert_eq!(refused.body["data"]["taken"], 2);
    let raised = world.change(voucher, json!({"reserved": 7})).await;
    assert_eq!(raised.data(200)["reserved_left"], 5);
    // Capacities respect it, and a ticket type with a reserve stays, and stays without seats.
    let types = format!(
        "/api/v1/events/{}/ticket-types/{standing}",
        world.show.event
    );
    let smaller = organizer.patch(&types, &json!({"capacity": 9})).await;
    assert_eq!(smaller.code(409), "CAPACITY_BELOW_COMMITTED");
    assert_eq!(smaller.body["data"]["minimum"], 10);
    let event = format!("/api/v1/events/{}", world.show.event);
    let smaller = organizer.patch(&event, &json!({"capacity": 9})).await;
    assert_eq!(smaller.code(409), "CAPACITY_BELOW_COMMITTED");
    assert_eq!(smaller.body["data"]["minimum"], 10);
    let other = organizer
        .post(
            &format!("{event}/ticket-types"),
            &json!({"name": "Balcony", "price": 1, "capacity": 2}),
        )
        .await;
    let other = id(&other);
    let body = json!({"code": "HIGH", "kind": "percent", "value": 0, "ticket_type_ids": [other], "reserved": 1});
    let high = id(&organizer.post(&world.vouchers(), &body).await);
    let path = format!("{event}/ticket-types/{other}");
    let kept = organizer.delete(&path).await;
    assert_eq!(kept.code(409), "TICKET_TYPE_IN_USE");
    // Nor does a seat move there whose holder would have to go first.
    let held = json!({"event_id": world.show.event, "items": [{"seat_id": world.show.seats[0]}]});
    let held = world.customer().await.post(BOOKINGS, &held).await;
    held.data(201);
    let seats = json!({"seat_ids": [world.show.seats[0]], "ticket_type_id": other, "force": true});
    let kept = organizer.patch(&format!("{event}/seats"), &seats).await;
    assert_eq!(kept.code(409), "TICKET_TYPE_HAS_UNITS");
    // By hand as well.
    for (sql, by) in [
        (format!("delete from ticket_types where id = {other}"), "claims_type_of_event"),
        (
            "update vouchers set reserved = 1000 where code = 'KEPT'".to_owned(),
            "pools_no_oversell",
        ),
        (
            "update vouchers set reserved = 1, ticket_type_ids = null where code = 'HIGH'".to_owned(),
            "vouchers_reserve_of_one_type",
        ),
        (
            format!("update vouchers set ticket_type_ids = array[{seat}] where code = 'HIGH'"),
            "claims_seated_as_type",
        ),
        (
            format!("update vouchers set ticket_type_ids = array[{other}] where code = 'KEPT'"),
            "vouchers_reserve_in_use",
        ),
        (
            format!("insert into seats (event_id, section_id, ticket_type_id, row_label, number, position)
                     select event_id, section_id, {other}, 'Z', '1', 1000 from seats where event_id = {} limit 1", world.show.event),
            "claims_seated_as_type",
        ),
    ] {
        let refused = world.client.batch_execute(&sql).await.unwrap_err();
        let refused = refused.as_db_error().and_then(|reply| reply.constraint());
        assert_eq!(refused, Some(by), "{sql}");
    }
    let path = format!("{}/{high}", world.vouchers());
    organizer.delete(&path).await.data(200);
    let gone = organizer
        .delete(&format!("{event}/ticket-types/{other}"))
        .await;
    gone.data(200);
    world.server.audit().await;
}

/// Nobody has any and nothing is set aside: its ticket type may go, or get seats. It does not begin again then.
#[tokio::test]
async fn an_ended_reserve_is_in_nobodys_way() {
    let world = world().await;
    let organizer = world.organizer();
    let event = format!("/api/v1/events/{}", world.show.event);
    let balcony = json!({"name": "Balcony", "price": 1, "capacity": 2});
    let balcony = organizer
        .post(&format!("{event}/ticket-types"), &balcony)
        .await;
    let balcony = id(&balcony);
    let high = json!({"code": "HIGH", "kind": "percent", "value": 0, "ticket_type_ids": [balcony], "reserved": 1});
    let high = id(&organizer.post(&world.vouchers(), &high).await);
    let kept = id(&world.voucher("KEPT", 1).await);
    let over = json!({"valid_to": "2020-01-01T00:00:00Z"});
    for voucher in [high, kept] {
        let ended = world.change(voucher, over.clone()).await;
        assert_eq!(ended.data(200)["reserved_left"], 0);
    }
    let path = format!("{event}/ticket-types/{balcony}");
    organizer.delete(&path).await.data(200);
    let seats =
        json!({"seat_ids": [world.show.seats[0]], "ticket_type_id": world.show.ticket_types[0]});
    let moved = organizer.patch(&format!("{event}/seats"), &seats).await;
    moved.data(200);
    let named = world.change(kept, json!({"code": "OLD"})).await;
    named.data(200);
    let again = json!({"valid_to": null});
    let refused = world.change(kept, again.clone()).await;
    assert_eq!(refused.code(422), "VALIDATION_FAILED");
    assert!(refused.text.contains("with seats"), "{}", refused.text);
    let refused = world.change(high, again).await;
    assert_eq!(refused.code(409), "NOT_ENOUGH_TO_RESERVE");
    for (code, by) in [
        ("HIGH", "claims_type_of_event"),
        ("OLD", "claims_seated_as_type"),
    ] {
        let sql = format!("update vouchers set valid_to = null where code = '{code}'");
        let refused = world.client.batch_execute(&sql).await.unwrap_err();
        let refused = refused.as_db_error().and_then(|reply| reply.constraint());
        assert_eq!(refused, Some(by));
    }
    world.server.audit().await;
}

/// Deleted, edited down, its window over: the rest is for everybody, for those first who wait, and viewers see it come.
#[tokio::test]
async fn a_reserve_ends_with_its_voucher_and_goes_to_those_who_wait() {
    let world = world().await;
    let (_address, address) = watch::channel(Some(world.server.address()));
    let watching = viewers(&address, world.show.event, 2);
    let voucher = id(&world.voucher("KEPT", 4).await);
    let event = world.show.event;
    let lists = format!("/api/v1/events/{event}/waitlist");
    let standing = world.show.ticket_types[0];
    world.book(&world.customer().await, 6, &[]).await.data(201);
    // Reserved units are sold out to all others.
    let waits = world.customer().await;
    let wish = json!({"quantity": 2, "ticket_type_ids": [standing]});
    let place = id(&waits.post(&lists, &wish).await);
    sleep(std::time::Duration::from_millis(1_300)).await;
    let path = format!("/api/v1/waitlist/{place}");
    assert_eq!(waits.get(&path).await.data(200)["status"], "waiting");
    // Those who wait may be offered theirs at once, which is another revision.
    let of_it = format!("{}/{voucher}", world.vouchers());
    let less = json!({"reserved": 1});
    let lowered = world.organizer().patch(&of_it, &less).await;
    assert_eq!(lowered.data(200)["reserved_left"], 1);
    // Two of the three are for who waits; nobody is faster.
    let quick = world.customer().await;
    let refused = quick.post(BOOKINGS, &world.wish(2, &[])).await;
    assert_eq!(refused.code(409), "NOT_ENOUGH_LEFT");
    let offered = waits.get(&path).await;
    assert_eq!(offered.data(200)["status"], "offered");
    quick.post(BOOKINGS, &world.wish(1, &[])).await.data(201);

    // By the clock, while a bearer has one of two.
    let decline = waits.post(&format!("{path}/decline"), &json!({})).await;
    decline.data(200);
    assert_eq!(world.shown(None).await.0, 2);
    world
        .change(voucher, json!({"reserved": 3}))
        .await
        .data(200);
    let bearer = world.customer().await;
    let had = world.book(&bearer, 1, &["KEPT"]).await.data(201).clone();
    let again = world.customer().await;
    let place = id(&again.post(&lists, &wish).await);
    let soon =
        "update vouchers set valid_to = clock_timestamp() + interval '300 ms' where code = 'KEPT'";
    world.client.execute(soon, &[]).await.unwrap();
    let path = format!("/api/v1/waitlist/{place}");
    let started = Instant::now();
    while again.get(&path).await.data(200)["status"] != "offered" {
        assert!(started.elapsed() < DEADLINE, "nothing is offered");
        sleep(LOOK_AGAIN).await;
    }
    let over = "select reserved_left = 0 and not reserve_open and reserved_taken = 1 from vouchers";
    world.until(over).await;
    let refused = world.book(&quick, 1, &["KEPT"]).await;
    assert_eq!(refused.code(409), "VOUCHER_ENDED");
    // Units that come back now are for everybody.
    world.cancel(&bearer, &had).await;
    assert_eq!(world.shown(None).await.0, 1);
    // It lives on, and counts again as far as there is enough.
    let refused = world.change(voucher, json!({"valid_to": null})).await;
    assert_eq!(refused.code(409), "NOT_ENOUGH_TO_RESERVE");
    assert_eq!(refused.body["data"]["most"], 1);
    let lives = world
        .change(voucher, json!({"valid_to": null, "reserved": 1}))
        .await;
    assert_eq!(lives.data(200)["reserved_left"], 1);
    assert_eq!(world.shown(None).await.0, 0);

    // Deleted, where nobody has used it.
    let other = id(&world.voucher("OTHER", 0).await);
    world
        .change(voucher, json!({"reserved": 0}))
        .await
        .data(200);
    world.change(other, json!({"reserved": 1})).await.data(200);
    assert_eq!(world.shown(None).await.0, 0);
    let path = format!("{}/{other}", world.vouchers());
    let gone = world.organizer().delete(&path).await;
    gone.data(200);
    world.is_told(&gone).await;
    assert_eq!(world.shown(None).await.0, 1);
    let store = world.server.database.store().await;
    finish(&store, event, watching).await;
    world.server.audit().await;
}

/// A window ends for many codes at once, and all others are let in: buyers have the event's turn nearly always.
#[tokio::test]
async fn many_reserves_end_while_their_event_is_hot() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new().ticket_type("Standing", 1_500, 1_000);
    let show = show.stage(&client).await;
    let other = Show::new().ticket_type("Standing", 1_500, 10);
    let other = other.stage(&client).await;
    let hog = server.client().await;
    let codes = format!(
        "insert into vouchers (event_id, code, kind, value, reserved, ticket_type_ids)
         select {}, 'CODE-' || n, 'percent', 0, 1, array[{}] from generate_series(1, 1000) n;
         insert into vouchers (event_id, code, kind, value, reserved, ticket_type_ids)
         values ({}, 'OTHER', 'percent', 0, 1, array[{}])",
        show.event, show.ticket_types[0], other.event, other.ticket_types[0]
    );
    client.batch_execute(&codes).await.unwrap();
    let world = World {
        server,
        client,
        show,
    };
    assert_eq!(world.shown(None).await, (0, 1_000));
    let take = format!(
        "begin; select from turns where event_id = {} for no key update",
        world.show.event
    );
    hog.batch_execute(&take).await.unwrap();
    // As if time had passed: writing a window would end it at once.
    let passed = "begin;
         alter table vouchers disable trigger vouchers_reserve_set;
         update vouchers set valid_to = clock_timestamp() - case code when 'OTHER' then interval '1 s' else interval '2 s' end;
         alter table vouchers enable always trigger vouchers_reserve_set;
         commit";
    world.client.batch_execute(passed).await.unwrap();
    // Neither an event that nobody can end anything of, nor many codes of it, hold up another event.
    world
        .until("select not reserve_open from vouchers where code = 'OTHER'")
        .await;
    let kept = "select count(*) from vouchers where reserve_open";
    assert_eq!(one::<i64>(&world.client, kept, &[]).await, 1_000);
    let (over, is_over) = watch::channel(false);
    let hogging = tokio::spawn(async move {
        while !*is_over.borrow() {
            sleep(std::time::Duration::from_millis(90)).await;
            hog.batch_execute("commit").await.unwrap();
            sleep(std::time::Duration::from_millis(10)).await;
            hog.batch_execute(&take).await.unwrap();
        }
    });
    world
        .until("select not exists (select from vouchers where reserve_open)")
        .await;
    over.send(true).unwrap();
    hogging.await.unwrap();
    assert_eq!(world.shown(None).await, (1_000, 0));
    world.server.audit().await;
}

/// A bearer's four tickets are paid when their hold has ended, six others are gone and the voucher has been edited, if at all.
/// Answers how many units of the sold claims are marked with the voucher.
async fn pay_late(world: &World, edit: Option<Value>) -> i64 {
    let voucher = id(&world.voucher("KEPT", 4).await);
    let bearer = world.customer().await;
    let booking = world.book(&bearer, 4, &["KEPT"]).await.data(201).clone();
    let booking_id = booking["id"].as_str().unwrap();
    let path = format!("{BOOKINGS}/{booking_id}/payment");
    let started = bearer
        .post(&path, &json!({"return_url": "/bookings"}))
        .await;
    let page = started.data(201)["redirect_url"]
        .as_str()
        .unwrap()
        .to_owned();
    world.book(&world.customer().await, 6, &[]).await.data(201);
    let late =
        format!("update bookings set expires_at = clock_timestamp() where id = '{booking_id}'");
    world.client.execute(&late, &[]).await.unwrap();
    world.until("select reserved_left = 4 from vouchers").await;
    if let Some(edit) = edit {
        world.change(voucher, edit).await.data(200);
    }
    let url = format!("http://{}{page}", world.server.address());
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let card = [("card", "4242 4242 4242 4242")];
    http.build()
        .unwrap()
        .post(url)
        .form(&card)
        .send()
        .await
        .unwrap();
    world
        .until(&format!(
            "select status in ('confirmed') from bookings where id = '{booking_id}'"
        ))
        .await;
    assert_eq!(world.shown(None).await.0, 0);
    world.server.audit().await;
    let sql = "select coalesce(sum(quantity), 0) from claims where state = 'sold' and voucher_id is not null";
    one(&world.client, sql, &[]).await
}

/// After an answer with a revision the same node shows nothing older, however far behind its feed is.
#[tokio::test]
async fn what_is_read_after_a_voucher_is_not_older_than_the_voucher() {
    let server = TestServer::builder().with(|config| config.feed.conflation_window_ms = 60_000);
    let world = world_on(server.start().await).await;
    let topic = format!("event:{}", world.show.event);
    let mut viewer = world.server.ws(WireVersion::V2).await;
    viewer.join(&topic, json!({})).await;
    let path = format!("/api/v1/availability/{}", world.show.event);
    let read = async || {
        let shown = world.server.anonymous().get(&path).await;
        let shown = shown.data(200);
        let left = shown["ticket_types"][0]["available"].as_i64();
        (shown["revision"].as_u64(), left)
    };
    // It is told at once; what follows waits for the window's end.
    world.show.sell(&world.client, 1).await;
    viewer.next_on(&topic, "update").await;
    let made = world.voucher("KEPT", 4).await;
    let voucher = id(&made);
    assert_eq!(read().await, (Some(made.revision()), Some(5)));
    let changed = world.change(voucher, json!({"reserved": 2})).await;
    assert_eq!(read().await, (Some(changed.revision()), Some(7)));
    let path = format!("{}/{voucher}", world.vouchers());
    let removed = world.organizer().delete(&path).await;
    removed.data(200);
    assert_eq!(read().await, (Some(removed.revision()), Some(9)));
}

/// Money that comes after the hold's end takes the same tickets again, of what is set aside.
#[tokio::test]
async fn late_money_draws_on_the_reserve_again() {
    let world = world().await;
    assert_eq!(pay_late(&world, None).await, 4);
    assert_eq!(world.left("KEPT").await, 0);
}

/// Nothing is set aside any more, and the tickets are still there: the buyer gets them, marked with the voucher only while it is
/// one of their type alone, as the database wants it.
#[tokio::test]
async fn late_money_is_taken_whatever_became_of_the_voucher() {
    let of_types = [
        (Some(&[0][..]), 4),
        (None, 0),
        (Some(&[0, 1]), 0),
        (Some(&[1]), 0),
    ];
    for (types, marked) in of_types {
        let world = world().await;
        let id = |n: &usize| world.show.ticket_types[*n];
        let types = types.map(|ones| ones.iter().map(id).collect::<Vec<_>>());
        let edit = json!({"reserved": 0, "ticket_type_ids": types});
        assert_eq!(pay_late(&world, Some(edit.clone())).await, marked, "{edit}");
    }
}

/// Plain SQL beside the desk: claims marked with the voucher, of one booking and of several, and what ends them.
#[tokio::test]
async fn claims_by_hand_draw_on_the_reserve_and_give_back() {
    let world = world().await;
    world.voucher("KEPT", 4).await.data(201);
    let (event, standing) = (world.show.event, world.show.ticket_types[0]);
    let booking = |name: &str, quantity: i64| {
        format!(
            "with made as (
                 insert into bookings (reference, event_id, status, quantity, total_amount, currency, expires_at)
                 values ('{name}', {event}, 'pending', {quantity}, 0, 'EUR', clock_timestamp() + interval '1 hour') returning id
             ), used as (
                 insert into voucher_uses (booking_id, voucher_id) select made.id, v.id from made, vouchers v returning 1
             ), item as (
                 insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                 select id, 1, {standing}, {quantity}, 0 from made
             )
             insert into claims (booking_id, event_id, ticket_type_id, quantity, voucher_id)
             select made.id, {event}, {standing}, part.quantity, v.id from made, vouchers v,
                    (values ({quantity} - 1), (1)) part (quantity) where part.quantity > 0"
        )
    };
    let left = async || {
        let sql = "select array[v.reserved_left, own.held, own.sold] from vouchers v join pools own on own.ticket_type_id = v.reserved_type_id";
        one::<Vec<i32>>(&world.client, sql, &[]).await
    };
    let run = async |sql: &str| world.client.batch_execute(sql).await.unwrap();
    let of = |name: &str| format!("(select id from bookings where reference = '{name}')");
    run(&booking("ONE", 1)).await;
    assert_eq!(left().await, [3, 4, 0]);
    run(&booking("THREE", 3)).await;
    assert_eq!(left().await, [0, 4, 0]);
    run(&booking("TWO", 2)).await;
    assert_eq!(left().await, [0, 6, 0]);
    run("update claims set state = 'sold'").await;
    assert_eq!(left().await, [0, 0, 6]);
    run("update claims set state = 'held'").await;
    for (sql, is) in [
        (
            format!(
                "update claims set voucher_id = null where booking_id = {}",
                of("THREE")
            ),
            [1, 7, 0],
        ),
        (
            format!(
                "update claims set voucher_id = (select id from vouchers) where booking_id = {}",
                of("THREE")
            ),
            [0, 6, 0],
        ),
        (
            format!("delete from claims where booking_id = {}", of("THREE")),
            [1, 4, 0],
        ),
        (
            format!(
                "update claims set state = 'dead' where booking_id = {}",
                of("TWO")
            ),
            [3, 4, 0],
        ),
        (
            format!(
                "update claims set quantity = 5 where booking_id = {}",
                of("ONE")
            ),
            [0, 5, 0],
        ),
    ] {
        run(&sql).await;
        assert_eq!(left().await, is, "{sql}");
    }
    // A claim on another type's reserve, or on nobody's.
    for voucher in ["(select id from vouchers)", "999999"] {
        let sql = format!(
            "insert into claims (booking_id, event_id, ticket_type_id, seat_id, quantity, voucher_id)
             select {}, event_id, ticket_type_id, id, 1, {voucher} from seats where event_id = {event} limit 1",
            of("ONE")
        );
        let refused = world.client.batch_execute(&sql).await.unwrap_err();
        let refused = refused.as_db_error().and_then(|reply| reply.constraint());
        assert_eq!(refused, Some("claims_voucher_of_type"));
    }
    // Without a use, too, a voucher stays while claims are marked with it: they give back to it when they end.
    let marked = "delete from voucher_uses; delete from vouchers";
    let refused = world.client.batch_execute(marked).await.unwrap_err();
    let refused = refused.as_db_error().and_then(|reply| reply.constraint());
    assert_eq!(refused, Some("voucher_uses_voucher_exists"));
    run(
        "update bookings set status = 'cancelled' where reference in ('TWO', 'THREE');
         update bookings set quantity = 5; update booking_items set quantity = 5;
         update events set status = 'cancelled'",
    )
    .await;
    assert_eq!(left().await, [4, 4, 0]);
    run("delete from voucher_uses; delete from vouchers").await;
    let held: i32 = one(
        &world.client,
        "select held from pools where kind = 'event'",
        &[],
    )
    .await;
    assert_eq!(held, 0);
    world.server.audit().await;
}

const RACE_CAPACITY: i64 = 30;
const RACE_RESERVED: i64 = 12;

/// A crowd after 30 tickets, of which 12 are set aside; the bearers want no more than these, and some give back and come again,
/// while the organizer raises and lowers and an eye looks at every state that is committed. Answers what is wrong.
async fn race(sabotage: &str) -> Vec<String> {
    let database = Arc::new(TestDatabase::new().await);
    let client = database.client().await;
    let show = Show::new().capacity(i32::try_from(RACE_CAPACITY).unwrap());
    let show = show.ticket_type("Standing", 1_500, 40).stage(&client).await;
    client.batch_execute(sabotage).await.unwrap();
    let server = TestServer::builder().on(database).start().await;
    let world = Arc::new(World {
        server,
        client,
        show,
    });
    let voucher = id(&world.voucher("KEPT", RACE_RESERVED).await);
    let (over, is_over) = watch::channel(false);
    let eye = {
        let world = world.clone();
        let client = world.server.client().await;
        tokio::spawn(async move {
            let sql = "
                select coalesce(sum(quantity) filter (where voucher_id is null), 0)
                       + greatest(coalesce(sum(quantity) filter (where voucher_id is not null), 0), $1)
                  from claims where state <> 'dead'";
            let mut wrong = Vec::new();
            while !*is_over.borrow() {
                let taken: i64 = one(&client, sql, &[&RACE_RESERVED]).await;
                if taken > RACE_CAPACITY {
                    wrong.push(format!("{taken} are sold or set aside"));
                }
                let (left, held) = world.shown(None).await;
                if left > RACE_CAPACITY - RACE_RESERVED || held < 0 {
                    wrong.push(format!("{left} are shown to all"));
                }
            }
            wrong
        })
    };
    let stranger = async |n: i64| {
        let caller = world.customer().await;
        let body = world.wish(1 + n % 3, &[]);
        let booked = caller.post(BOOKINGS, &body).await;
        if booked.status == 201 && n % 4 == 0 {
            let path = format!(
                "{BOOKINGS}/{}/status",
                booked.data(201)["id"].as_str().unwrap()
            );
            caller.put(&path, &json!({"status": "cancelled"})).await;
        }
        None
    };
    let bearer = async |n: i64| {
        let caller = world.customer().await;
        for round in 0..3 {
            let booked = caller.post(BOOKINGS, &world.wish(2, &["KEPT"])).await;
            if booked.status != 201 {
                return Some(format!("a bearer is refused: {}", booked.text));
            }
            if round < 2 {
                let path = format!(
                    "{BOOKINGS}/{}/status",
                    booked.data(201)["id"].as_str().unwrap()
                );
                let body = json!({"status": "cancelled", "reason": format!("again {n}")});
                caller.put(&path, &body).await;
            }
        }
        None
    };
    let organizer = async || {
        for reserved in [40, RACE_RESERVED + 3, RACE_RESERVED] {
            let path = format!("{}/{voucher}", world.vouchers());
            let body = json!({ "reserved": reserved });
            let changed = world.organizer().patch(&path, &body).await;
            if changed.status != 200 && changed.code(409) != "NOT_ENOUGH_TO_RESERVE" {
                return Some(changed.text);
            }
        }
        None
    };
    let (strangers, bearers, edits) = tokio::join!(
        join_all((0..60).map(stranger)),
        join_all((0..RACE_RESERVED / 2).map(bearer)),
        organizer(),
    );
    over.send(true).unwrap();
    let mut wrong = eye.await.unwrap();
    wrong.extend(
        strangers
            .into_iter()
            .chain(bearers)
            .chain([edits])
            .flatten(),
    );
    let sold: i64 = one(
        &world.client,
        "select coalesce(sum(quantity), 0) from claims where state <> 'dead' and voucher_id is not null",
        &[],
    )
    .await;
    if sold != RACE_RESERVED {
        wrong.push(format!("bearers have {sold}"));
    }
    let report = audit(&world.server.database.store().await).await.unwrap();
    if !report.is_clean() {
        wrong.push(report.to_string());
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bearers_get_all_that_is_set_aside_however_many_race_them() {
    let wrong = race("select 1").await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The race finds it when what is set aside is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserve_that_is_only_written_down_is_noticed() {
    let wrong = race("drop trigger vouchers_reserve_insert on vouchers").await;
    assert!(!wrong.is_empty());
}
