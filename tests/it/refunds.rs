//! Money goes back once, to the unit, with its tickets: by request, by policy, by a cancelled event.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::caller::Caller;
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{MONEY_AT_REST, Show, Staged, one, user};
use crate::support::websocket::WireVersion;

/// A booking of `quantity` tickets at 15.00, confirmed by staff for cash, with its payment booked.
async fn sold(server: &TestServer, show: &Staged, buyer: &Caller, quantity: i64) -> Value {
    let body = json!({
        "event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[0], "quantity": quantity}],
    });
    let booking = buyer.post("/api/v1/bookings", &body).await;
    let id = booking.data(201)["id"].as_str().unwrap().to_owned();
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let path = format!("/api/v1/bookings/{id}/status");
    let staff = server.user(show.organizer);
    let confirmed = staff.put(&path, &paid).await.data(200).clone();
    eventually(
        &server.client().await,
        "a captured payment",
        &format!(
            "select exists (select from payments where booking_id = '{id}' and state = 'captured')"
        ),
    )
    .await;
    confirmed
}

/// Waits for what jobs do.
pub(crate) async fn eventually(client: &Client, what: &str, sql: &str) {
    let waits = async {
        while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(DEADLINE * 3, waits).await;
    assert!(waited.is_ok(), "no {what}");
}

async fn stage(client: &Client) -> Staged {
    Show::new()
        .ticket_type("Floor", 1_500, 700)
        .stage(client)
        .await
}

fn path(booking: &Value, rest: &str) -> String {
    format!("/api/v1/bookings/{}{rest}", booking["id"].as_str().unwrap())
}

async fn status_of(staff: &Caller, booking: &Value) -> String {
    let found = staff.get(&path(booking, "")).await;
    found.data(200)["status"].as_str().unwrap().to_owned()
}

/// The question is stored with the refund, or there is none: else the same key with another body would be given the first one.
#[tokio::test]
async fn a_refund_is_written_together_with_its_request() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 3).await;
    let refunds = path(&booking, "/refunds");
    let staff = server.user(show.organizer);
    let keyed = staff.with_header("idempotency-key", "refund-1");
    let fails = "alter table idempotency_keys add constraint fails check (false) not valid";
    client.batch_execute(fails).await.unwrap();
    let first = keyed.post(&refunds, &json!({"amount": 100})).await;
    assert_eq!(first.status, 500, "{}", first.body);
    let mends = "alter table idempotency_keys drop constraint fails";
    client.batch_execute(mends).await.unwrap();
    let other = keyed.post(&refunds, &json!({"amount": 200})).await;
    assert_eq!(other.data(201)["amount"]["amount"], 200);
    let first = keyed.post(&refunds, &json!({"amount": 100})).await;
    assert_eq!(first.code(422), "IDEMPOTENCY_MISMATCH");
    let made: i64 = one(&client, "select count(*) from refunds", &[]).await;
    assert_eq!(made, 1);
    server.audit().await;
}

#[tokio::test]
async fn money_goes_back_by_ticket_by_amount_and_whole_to_the_last_unit() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 3).await;
    let refunds = path(&booking, "/refunds");

    let code = booking["tickets"][0]["code"].as_str().unwrap();
    let one = json!({"ticket_ids": [code], "reason": "ill"});
    let keyed = server
        .user(show.organizer)
        .with_header("idempotency-key", "refund-1");
    let refund = keyed.post(&refunds, &one).await.data(201).clone();
    let amount = json!({"amount": 1_500, "currency": "EUR"});
    assert_eq!(refund["amount"], amount, "{refund}");
    assert_eq!(refund["status"], "succeeded");
    assert_eq!(refund["tickets"], json!([code]));
    // Twice is once, and another body is another request.
    let again = keyed.post(&refunds, &one).await;
    assert_eq!(again.header("idempotent-replay"), Some("true"));
    assert_eq!(again.data(201)["id"], refund["id"]);
    assert_eq!(
        keyed.post(&refunds, &json!({"all": true})).await.code(422),
        "IDEMPOTENCY_MISMATCH"
    );
    // A ticket that is void already.
    assert_eq!(staff.post(&refunds, &one).await.code(409), "NOT_REFUNDABLE");

    let part = json!({"amount": {"amount": 1, "currency": "EUR"}});
    assert_eq!(
        staff.post(&refunds, &part).await.data(201)["tickets"],
        json!([])
    );
    let none = staff.post(&refunds, &json!({"ticket_ids": []})).await;
    assert_eq!(none.code(422), "VALIDATION_FAILED");
    let much = staff.post(&refunds, &json!({"amount": 3_000})).await;
    assert_eq!(much.code(409), "REFUND_EXCEEDS");
    assert_eq!(much.body["data"]["left"]["amount"], 2_999);
    assert_eq!(status_of(&staff, &booking).await, "confirmed");
    let rest = staff.post(&refunds, &json!({"all": true})).await;
    assert_eq!(rest.data(201)["amount"]["amount"], 2_999);
    assert_eq!(status_of(&staff, &booking).await, "refunded");
    // As every list, by pages too.
    let all = staff.get(&refunds).await;
    assert_eq!(all.data(200).as_array().unwrap().len(), 3);
    assert_eq!(all.header("x-total-count"), Some("3"));
    let page = staff.get(&format!("{refunds}?limit=2")).await;
    assert_eq!(page.header("x-total-count"), Some("3"));
    let next = page.header("link").unwrap().split(['<', '>']).nth(1);
    let page = staff.get(&format!("{refunds}{}", next.unwrap())).await;
    assert_eq!(page.data(200).as_array().unwrap().len(), 1);
    assert_eq!(page.data(200)[0]["id"], refund["id"]);
    let page = staff.get(&format!("{refunds}?limit=1&offset=1")).await;
    assert_eq!(page.data(200)[0]["id"], all.data(200)[1]["id"]);
    assert_eq!(
        staff.post(&refunds, &json!({"all": true})).await.code(409),
        "REFUND_EXCEEDS"
    );

    let sql = "select sold::bigint from pools where kind = 'event'";
    assert_eq!(
        client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0),
        0,
        "the stock is back"
    );
    let balance = staff
        .get("/api/v1/ledger/trial-balance")
        .await
        .data(200)
        .clone();
    assert_eq!(balance[0]["debits"], balance[0]["credits"]);
    for account in balance[0]["accounts"].as_array().unwrap() {
        assert_eq!(account["balance"]["amount"], 0, "{account}");
    }
    let payout = staff
        .get(&format!("/api/v1/events/{}/payout", show.event))
        .await;
    let payout = &payout.data(200)[0];
    assert_eq!(
        (&payout["sales"], &payout["net"]),
        (&json!(4_500), &json!(0))
    );
    let entries = staff.get("/api/v1/ledger/entries?limit=3").await;
    assert_eq!(entries.data(200).as_array().unwrap().len(), 3);
    assert_eq!(entries.header("x-total-count"), Some("8"));

    eventually(&client, "numbers", "select count(number) = 4 from invoices").await;
    let invoices = buyer
        .get(&path(&booking, "/invoices"))
        .await
        .data(200)
        .clone();
    let year = &invoices[0]["issued_at"].as_str().unwrap()[..4];
    assert_eq!(invoices[0]["number"], format!("INV-{year}-000001"));
    let mut notes: Vec<i64> = Vec::new();
    for (note, place) in invoices.as_array().unwrap()[1..].iter().zip(1..) {
        assert_eq!(note["number"], format!("CN-{year}-{place:06}"));
        notes.push(note["total"]["amount"].as_i64().unwrap());
    }
    assert_eq!(notes, [1_500, 1, 2_999]);

    // Whoever bought keeps the papers when the event is deleted.
    let event = format!("/api/v1/events/{}", show.event);
    let over = json!({"status": "cancelled"});
    staff.patch(&event, &over).await.data(200);
    eventually(
        &client,
        "an end of its bookings",
        "select not exists (select from bookings where status in ('pending', 'confirmed'))",
    )
    .await;
    staff.delete(&event).await.data(200);
    let paper = format!("{event}/invoice/{}.pdf", booking["id"].as_str().unwrap());
    for reader in [&buyer, &staff] {
        let read = reader.get(&paper).await;
        assert_eq!(read.status, 200, "{}", read.text);
    }
    server.audit().await;
}

/// Its date is printed in the time of the event's place, and the year in its number is that date's.
#[tokio::test]
async fn an_invoice_is_of_the_year_that_its_date_is_in() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 1).await;
    let id = booking["id"].as_str().unwrap();
    eventually(&client, "a sale", "select count(*) = 1 from invoices").await;
    for (zone, at, year) in [
        ("Asia/Bangkok", "2026-12-31T17:00:00Z", 2027),
        ("Asia/Bangkok", "2026-12-31T16:59:59Z", 2026),
        ("America/New_York", "2027-01-01T04:59:59Z", 2026),
        ("America/New_York", "2027-01-01T05:00:00Z", 2027),
        ("UTC", "2026-12-31T23:59:59Z", 2026),
        ("Pacific/Kiritimati", "2026-12-31T10:00:00Z", 2027),
        // A sale is booked, whatever a zone is called.
        ("Nowhere/Else", "2027-01-01T00:00:00Z", 2027),
        ("Nowhere/Else", "2027-06-01T00:00:00Z", 2027),
    ] {
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&zone, &show.event.0];
        let moved = "update events set timezone = $1 where id = $2";
        client.execute(moved, &values).await.unwrap();
        let posted = format!(
            "with again as (insert into ledger_transactions (key, cause, event_id, booking_id, at)
                            values ('{zone} {at}', 'sale', {}, '{id}', '{at}') returning id)
             insert into ledger_entries (transaction_id, account_id, amount)
             select again.id, account_id, amount from again, ledger_entries
              where transaction_id = (select min(transaction_id) from invoices)",
            show.event
        );
        client.batch_execute(&posted).await.unwrap();
        let sql = "select year from invoices order by transaction_id desc limit 1";
        let found: i32 = client.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(found, year, "{zone} {at}");
    }
}

/// Many requests at once give back what was paid, and no unit more; without the constraint's lock they would.
#[tokio::test]
async fn refunds_that_race_never_exceed_the_payment() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 2).await;
    let refunds = path(&booking, "/refunds");
    let asked = (0..8).map(|_| {
        let staff = server.user(show.organizer);
        let refunds = refunds.clone();
        async move { staff.post(&refunds, &json!({"amount": 900})).await.status }
    });
    let statuses = futures_util::future::join_all(asked).await;
    let made = statuses.iter().filter(|status| **status == 201).count();
    assert_eq!(made, 3, "{statuses:?}");
    server.audit().await;
    // The guard is the row's constraint: whoever forgets it is refused.
    let sql = "update payments set refunded_amount = captured_amount + 1";
    assert!(client.execute(sql, &[]).await.is_err());
}

/// One ticket is given back once, however many ask for it at once; without the constraint all of them would be paid.
#[tokio::test]
async fn one_ticket_goes_back_once_whoever_asks_at_once() {
    for guarded in [true, false] {
        // So many that requests of one event, which have an eighth of them, wait for one another with a lock.
        let server = TestServer::builder()
            .with(|config| {
                config.database.pool_connections_max = 32;
                // Nobody gives up while the others come in line.
                config.database.lock_timeout_ms = 14_000;
                config.database.statement_timeout_ms = 15_000;
            })
            .start()
            .await;
        let client = server.client().await;
        let show = stage(&client).await;
        let buyer = server.user(user(&client, "customer").await);
        let booking = sold(&server, &show, &buyer, 4).await;
        if !guarded {
            let sql = "alter table refunded_tickets drop constraint refunded_tickets_once";
            client.batch_execute(sql).await.unwrap();
        }
        // The desk is busy with the event, so that the ticket is valid for everybody who asks.
        let mut blocker = server.client().await;
        let turn = blocker.transaction().await.unwrap();
        turn.execute("select take_turn($1)", &[&show.event])
            .await
            .unwrap();
        // And the payment's row, so that they have all read before the first of them writes.
        let mut holder = server.client().await;
        let row = holder.transaction().await.unwrap();
        row.execute("select from payments for update", &[])
            .await
            .unwrap();
        let code = booking["tickets"][0]["code"].as_str().unwrap();
        let one = json!({"ticket_ids": [code]});
        let asked = (0..6).map(|_| {
            let staff = server.user(show.organizer);
            let (refunds, one) = (path(&booking, "/refunds"), one.clone());
            async move { staff.post(&refunds, &one).await }
        });
        let asked = futures_util::future::join_all(asked);
        let freed = async {
            let waiting = "select count(*) > 3 from pg_stat_activity
                            where datname = current_database() and wait_event_type = 'Lock'";
            eventually(&client, "requests that wait", waiting).await;
            row.rollback().await.unwrap();
            let begun = "select count(*) > 0 from refunds";
            eventually(&client, "a refund", begun).await;
            turn.rollback().await.unwrap();
        };
        let (answers, ()) = tokio::join!(asked, freed);
        let made = answers.iter().filter(|one| one.status == 201).count();
        if !guarded {
            assert!(made > 1, "the constraint is not what this test tries");
            continue;
        }
        assert_eq!(made, 1);
        for refused in answers.iter().filter(|one| one.status != 201) {
            assert_eq!(refused.code(409), "NOT_REFUNDABLE");
        }
        // One after the other, too, and all of it is the rest.
        let staff = server.user(show.organizer);
        let again = staff.post(&path(&booking, "/refunds"), &one).await;
        assert_eq!(again.code(409), "NOT_REFUNDABLE");
        let rest = staff
            .post(&path(&booking, "/refunds"), &json!({"all": true}))
            .await;
        assert_eq!(rest.data(201)["amount"]["amount"], 4_500);
        server.audit().await;
    }
}

#[tokio::test]
async fn an_owner_gets_back_what_the_policy_says() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let usual = server.anonymous().get(&policy).await;
    assert_eq!(usual.data(200)["percent"], 100);
    let half = json!({"percent": 50, "until_minutes": 60});
    let stranger = server.user(user(&client, "organizer").await);
    assert_eq!(stranger.put(&policy, &half).await.code(403), "FORBIDDEN");
    assert_eq!(
        staff.put(&policy, &json!({"percent": 101})).await.code(422),
        "VALIDATION_FAILED"
    );
    assert_eq!(
        staff.put(&policy, &half).await.data(200)["by_ticket"],
        false
    );

    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 2).await;
    let cancel = json!({"status": "cancelled"});
    assert_eq!(
        buyer
            .put(&path(&booking, "/status"), &cancel)
            .await
            .data(200)["status"],
        "cancelled"
    );
    // Again is answered with what was done, and gives nothing back again.
    buyer
        .put(&path(&booking, "/status"), &cancel)
        .await
        .data(200);
    eventually(
        &client,
        "refund",
        "select count(*) = 1 from refunds where state = 'succeeded' and amount = 1500",
    )
    .await;

    let late = sold(&server, &show, &buyer, 1).await;
    let sql = "update events set starts_at = now() + interval '59 minutes'";
    client.execute(sql, &[]).await.unwrap();
    let refused = buyer.put(&path(&late, "/status"), &cancel).await;
    assert_eq!(refused.code(409), "REFUND_POLICY");
    assert!(refused.body["data"]["until"].is_string());
    let sql = "update events set starts_at = now() - interval '1 minute'";
    client.execute(sql, &[]).await.unwrap();
    assert_eq!(
        buyer.put(&path(&late, "/status"), &cancel).await.code(409),
        "INVALID_TRANSITION"
    );
    // Staff cancel whenever they want, and give all of it back.
    staff.put(&path(&late, "/status"), &cancel).await.data(200);
    eventually(
        &client,
        "refund",
        "select count(*) = 2 and sum(amount) = 3000 from refunds where state = 'succeeded'",
    )
    .await;
    server.audit().await;
}

#[tokio::test]
async fn strangers_and_owners_do_not_give_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 1).await;
    let refunds = path(&booking, "/refunds");
    let all = json!({"all": true});
    let stranger = server.user(user(&client, "organizer").await);
    assert_eq!(
        stranger.post(&refunds, &all).await.code(404),
        "BOOKING_NOT_FOUND"
    );
    assert_eq!(stranger.get(&refunds).await.code(404), "BOOKING_NOT_FOUND");
    assert_eq!(buyer.post(&refunds, &all).await.code(403), "FORBIDDEN");
    for wrong in [
        json!({}),
        json!({"all": true, "amount": 1}),
        json!({"all": false}),
        json!({"amount": 1, "x": 1}),
    ] {
        let staff = server.user(show.organizer);
        assert_eq!(staff.post(&refunds, &wrong).await.status, 422, "{wrong}");
    }
}

/// A cancelled event gives back what was paid for it, and stopping in the middle loses nothing: the server is restarted as
/// soon as some of it is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_event_gives_everything_back_also_after_a_stop_in_the_middle() {
    const BOOKINGS: i64 = 500;
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    // Paid bookings, as staff's confirmations leave them.
    let sql = format!(
        "with b as (
             insert into bookings (reference, event_id, status, quantity, total_amount, currency, paid_by, confirmed_at)
             select 'BK-' || n, {event}, 'confirmed', 1, 1500, 'EUR', 'cash', now() from generate_series(1, {BOOKINGS}) n
             returning id
         ), i as (
             insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
             select id, 1, {floor}, 1, 1500 from b
         ), c as (
             insert into claims (booking_id, event_id, ticket_type_id, quantity, state)
             select id, {event}, {floor}, 1, 'sold' from b
         ), t as (
             insert into tickets (booking_id, event_id, ticket_type_id, code)
             select id, {event}, {floor}, 'TKT-' || id from b
         )
         insert into jobs (kind, key, payload, expires_at)
         select 'staff_paid', 'staff-paid:' || id, jsonb_build_object('booking_id', id), now() + interval '1 day' from b",
        event = show.event,
        floor = show.ticket_types[0],
    );
    client.batch_execute(&sql).await.unwrap();
    let captured = format!("select count(*) = {BOOKINGS} from payments where state = 'captured'");
    eventually(&client, "captured payments", &captured).await;

    // Somebody has the row of one in the middle, so that the server stops before it is through.
    let mut somebody = server.client().await;
    let row = somebody.transaction().await.unwrap();
    let middle = format!(
        "select from payments where id = (select id from payments order by id offset {} limit 1) for no key update",
        BOOKINGS / 2
    );
    row.query_one(&middle, &[]).await.unwrap();
    let staff = server.user(show.organizer);
    let cancel = format!("/api/v1/events/{}/cancel", show.event);
    let cancelled = staff
        .post(&cancel, &json!({"reason": "The band is ill."}))
        .await;
    assert_eq!(cancelled.data(202)["status"], "cancelled");
    let job = cancelled.header("location").unwrap().to_owned();
    assert!(staff.get(&job).await.data(200)["kind"] == "event_refunds");
    let stranger = server.user(user(&client, "organizer").await);
    assert_eq!(stranger.get(&job).await.code(404), "JOB_NOT_FOUND");
    let some = "select count(*) > 5 from refunds where state = 'succeeded'";
    eventually(&client, "some refunds", some).await;
    let database = server.database.clone();
    server.stop().await.unwrap();
    let given = "select count(*) from refunds where state = 'succeeded'";
    let given: i64 = one(&client, given, &[]).await;
    assert!(
        (1..BOOKINGS).contains(&given),
        "{given} were given back when it stopped"
    );
    row.rollback().await.unwrap();

    let server = TestServer::builder().on(database).start().await;
    let staff = server.user(show.organizer);
    let all = format!("select count(*) = {BOOKINGS} from refunds where state = 'succeeded'");
    eventually(&client, "all refunds", &all).await;
    eventually(
        &client,
        "refunded bookings",
        &format!("select count(*) = {BOOKINGS} from bookings where status = 'refunded'"),
    )
    .await;
    eventually(
        &client,
        "an end",
        "select count(*) = 1 from jobs where kind = 'event_refunds' and state = 'done'",
    )
    .await;
    let done = staff.get(&job).await.data(200)["progress"].clone();
    assert_eq!(
        (&done["total"], &done["done"]),
        (&json!(BOOKINGS), &json!(BOOKINGS))
    );
    let unpaid = "select count(*) from payments where captured_amount <> refunded_amount";
    assert_eq!(
        client
            .query_one(unpaid, &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        0
    );
    eventually(
        &client,
        "numbers",
        "select count(*) = count(number) from invoices",
    )
    .await;
    server.audit().await;
}

async fn scan(gate: &Caller, show: &Staged, code: &str, nonce: &str) -> Value {
    let body = json!({"event_id": show.event, "code": code, "nonce": nonce});
    let scanned = gate.post("/api/v1/checkins", &body).await;
    match scanned.status {
        200 => scanned.data(200)["result"].clone(),
        _ => scanned.data(409)["code"].clone(),
    }
}

/// Free bookings, comps, and what is left of a booking with which somebody was in: all of them end with their event, nobody
/// comes in with them, and the event can be deleted then.
#[tokio::test]
async fn every_booking_ends_with_its_event() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 1_500, 100)
        .ticket_type("Free", 0, 100)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let items = |index: usize, quantity: i64| {
        let of = show.ticket_types[index];
        let items = json!([{"ticket_type_id": of, "quantity": quantity}]);
        json!({"event_id": show.event, "items": items})
    };
    let mut bookings = Vec::new();
    let buyer = server.user(user(&client, "customer").await);
    let free = buyer.post("/api/v1/bookings", &items(1, 2)).await;
    bookings.push(free.data(201).clone());
    let buyer = server.user(user(&client, "customer").await);
    bookings.push(sold(&server, &show, &buyer, 2).await);
    let comp = staff.post("/api/v1/bookings", &items(0, 1)).await;
    let comp = comp.data(201).clone();
    let paid = json!({"status": "confirmed", "paid_by": "comp"});
    let comp = staff.put(&path(&comp, "/status"), &paid).await;
    bookings.push(comp.data(200).clone());
    let code = |booking: usize, ticket: usize| {
        let code = bookings[booking]["tickets"][ticket]["code"].as_str();
        code.unwrap().to_owned()
    };
    let admitted = scan(&staff, &show, &code(1, 0), "before-the-end").await;
    assert_eq!(admitted, "admitted");

    // The door knows before the job does.
    let hold = "create function hold_back() returns trigger language plpgsql as $$ begin
            if new.kind = 'event_refunds' then new.run_at := new.run_at + interval '1 hour'; end if; return new; end $$;
        create trigger hold_back before insert on jobs for each row execute function hold_back()";
    client.batch_execute(hold).await.unwrap();
    let event = format!("/api/v1/events/{}", show.event);
    let cancelled = staff.post(&format!("{event}/cancel"), &json!({})).await;
    let job = cancelled.header("location").unwrap().to_owned();
    assert_eq!(status_of(&staff, &bookings[0]).await, "confirmed");
    for (number, booking) in [0, 2].into_iter().enumerate() {
        let nonce = format!("after-the-end-{number}");
        let refused = scan(&staff, &show, &code(booking, 0), &nonce).await;
        assert_eq!(refused, "TICKET_VOID");
    }
    client
        .execute(
            "update jobs set run_at = now() where kind = 'event_refunds'",
            &[],
        )
        .await
        .unwrap();
    let live = "select count(*) = 0 from bookings where status in ('pending', 'confirmed')";
    eventually(&client, "end of all bookings", live).await;
    let left = "select count(*) = 4 from tickets where status = 'void'";
    eventually(&client, "void tickets", left).await;
    let used = "select count(*) = 1 from tickets where status = 'used'";
    eventually(&client, "used ticket", used).await;
    let back = "select coalesce(sum(amount), 0) = 3000 from refunds where state = 'succeeded'";
    eventually(&client, "money back", back).await;
    let end = "select state = 'done' from jobs where kind = 'event_refunds'";
    eventually(&client, "an end", end).await;
    assert_eq!(staff.get(&job).await.data(200)["progress"]["ended"], 3);
    let sold = "select sold::bigint from pools where kind = 'event'";
    let sold: i64 = client.query_one(sold, &[]).await.unwrap().get(0);
    assert_eq!(sold, 0, "the stock is back");
    // Nor does it come back: the door stays shut, and nobody could void it again.
    let admitted: i64 = crate::support::show::one(&client, "select id from checkins", &[]).await;
    let undo = format!("/api/v1/checkins/{admitted}/undo");
    let undone = staff.post(&undo, &json!({})).await;
    assert_eq!(undone.code(409), "TICKET_VOID");
    server.audit().await;
    assert_eq!(staff.delete(&event).await.status, 200);
}

/// Staff who cancel what they sold are no owners of it, whatever name it is under: all goes back.
#[tokio::test]
async fn staff_who_cancel_what_they_sold_give_all_of_it_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let nothing = json!({"percent": 0});
    staff.put(&policy, &nothing).await.data(200);
    let booking = sold(&server, &show, &staff, 2).await;
    assert_eq!(booking["kind"], "staff");
    let cancel = json!({"status": "cancelled"});
    staff
        .put(&path(&booking, "/status"), &cancel)
        .await
        .data(200);
    let back = "select coalesce(sum(amount), 0) = 3000 from refunds where state = 'succeeded'";
    eventually(&client, "refund", back).await;
    // The negative control: who bought it is its owner, and the policy gives nothing.
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 1).await;
    let given = buyer.put(&path(&booking, "/status"), &cancel).await;
    assert_eq!(given.data(200)["status"], "cancelled");
    server.audit().await;
    let back: i64 = client
        .query_one("select count(*) from refunds", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(back, 1);
}

/// Owners give single tickets back where the policy says so, and no more than it says.
#[tokio::test]
async fn an_owner_gives_single_tickets_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 1_500, 100)
        .ticket_type("Free", 0, 100)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 3).await;
    let status = path(&booking, "/status");
    let code = |number: usize| booking["tickets"][number]["code"].as_str().unwrap();
    let some = |codes: &[&str]| json!({"status": "cancelled", "ticket_ids": codes});
    let one = some(&[code(0)]);
    assert_eq!(buyer.put(&status, &one).await.code(409), "REFUND_POLICY");
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let by_ticket = json!({"percent": 50, "by_ticket": true});
    let set = staff.put(&policy, &by_ticket).await;
    assert!(set.revision() > 0);
    let ill = json!({"status": "cancelled", "ticket_ids": [code(0)], "reason": "Fell ill"});
    let given = buyer.put(&status, &ill).await;
    assert!(given.revision() > 0);
    let given = given.data(200);
    assert_eq!(given["status"], "confirmed");
    assert_eq!(given["tickets"][0]["status"], "void");
    assert_eq!(given["payment"]["refunded"]["amount"], 750);
    let refunds = staff.get(&path(&booking, "/refunds")).await;
    assert_eq!(refunds.data(200)[0]["reason"], "Fell ill");
    // Again is answered with what was done.
    let again = buyer.put(&status, &one).await;
    assert_eq!(again.data(200)["payment"]["refunded"]["amount"], 750);
    for (wrong, code) in [
        (some(&[]), "VALIDATION_FAILED"),
        (some(&["TKT-NOBODYS"]), "NOT_REFUNDABLE"),
        (some(&[code(0), code(1)]), "NOT_REFUNDABLE"),
    ] {
        let refused = buyer.put(&status, &wrong).await;
        assert_eq!(refused.body["data"]["code"], code, "{wrong}");
    }
    let stranger = server.user(user(&client, "customer").await);
    let theirs = stranger.put(&status, &some(&[code(1)])).await;
    assert_eq!(theirs.code(404), "BOOKING_NOT_FOUND");
    // The others at the desk, whole; then the booking has ended.
    let rest = staff.put(&status, &some(&[code(1), code(2)])).await;
    assert_eq!(rest.data(200)["status"], "refunded");
    assert_eq!(rest.data(200)["payment"]["refunded"]["amount"], 3_750);

    let free = json!({
        "event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[1], "quantity": 2}],
    });
    let free = buyer
        .post("/api/v1/bookings", &free)
        .await
        .data(201)
        .clone();
    let one = some(&[free["tickets"][0]["code"].as_str().unwrap()]);
    let given = buyer.put(&path(&free, "/status"), &one).await;
    assert_eq!(given.data(200)["tickets"][0]["status"], "void");
    assert_eq!(given.data(200)["status"], "confirmed");
    server.audit().await;
}

/// The preview of a cancellation and the cancellation itself refuse for the same reasons.
#[tokio::test]
async fn a_preview_refuses_what_the_cancellation_would() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 1_500, 100)
        .ticket_type("Free", 0, 100)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let by_ticket = json!({"by_ticket": true});
    staff.put(&policy, &by_ticket).await.data(200);
    let booking = sold(&server, &show, &buyer, 2).await;
    let codes: Vec<&str> = (booking["tickets"].as_array().unwrap().iter())
        .map(|ticket| ticket["code"].as_str().unwrap())
        .collect();
    let handed_on = "update tickets set status = 'transferred' where code = $1";
    client.execute(handed_on, &[&codes[0]]).await.unwrap();
    let refused = async |booking: &Value, codes: &[&str]| {
        let (query, names) = match codes {
            [] => (String::new(), Value::Null),
            codes => (format!("?ticket_ids={}", codes.join(",")), json!(codes)),
        };
        let preview = path(booking, &format!("/cancellation{query}"));
        let said = buyer.get(&preview).await.data(409).clone();
        let mut wish = json!({"status": "cancelled"});
        if !names.is_null() {
            wish["ticket_ids"] = names;
        }
        let done = buyer.put(&path(booking, "/status"), &wish).await;
        assert_eq!(&said, done.data(409), "{wish}");
        said
    };
    for codes in [&[][..], &codes[..1], &codes] {
        assert_eq!(refused(&booking, codes).await["code"], "TICKET_TRANSFERRED");
    }
    // Staff tell the holder, and may.
    let by_staff = staff.get(&path(&booking, "/cancellation")).await;
    assert_eq!(by_staff.data(200)["amount"]["amount"], 3_000);

    let free = json!({
        "event_id": show.event, "items": [{"ticket_type_id": show.ticket_types[1], "quantity": 1}],
    });
    let free = buyer.post("/api/v1/bookings", &free).await;
    let free = free.data(201).clone();
    let over = "update events set status = 'completed' where id = $1";
    client.execute(over, &[&show.event.0]).await.unwrap();
    let code = free["tickets"][0]["code"].as_str().unwrap();
    for (booking, codes) in [
        (&free, &[][..]),
        (&free, &[code]),
        (&booking, &[]),
        (&booking, &codes[1..]),
    ] {
        let said = refused(booking, codes).await;
        assert_eq!(said["code"], "INVALID_TRANSITION", "{said}");
        assert_eq!(said["started"], true, "{said}");
    }
}

/// A voucher of one ticket type makes its tickets cheaper, and no other ones: giving back what was cheap does not pay.
#[tokio::test]
async fn a_ticket_goes_back_for_what_it_cost() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seat", 5_000, 100)
        .ticket_type("Child", 1_000, 100)
        .then(
            "insert into vouchers (event_id, code, kind, value, ticket_type_ids)
             select $event, 'KIDS', 'fixed_price', 0, array[max(id)] from ticket_types where event_id = $event",
        )
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let wish = json!({
        "event_id": show.event, "vouchers": ["KIDS"], "items": [
            {"ticket_type_id": show.ticket_types[0], "quantity": 1},
            {"ticket_type_id": show.ticket_types[1], "quantity": 2},
        ],
    });
    let held = buyer
        .post("/api/v1/bookings", &wish)
        .await
        .data(201)
        .clone();
    assert_eq!(held["total"]["amount"], 5_000);
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let booking = staff.put(&path(&held, "/status"), &paid).await;
    let booking = booking.data(200).clone();
    let captured = "select exists (select from payments where state = 'captured')";
    eventually(&client, "a captured payment", captured).await;
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let by_ticket = json!({"by_ticket": true});
    staff.put(&policy, &by_ticket).await.data(200);

    let code = |number: usize| booking["tickets"][number]["code"].as_str().unwrap();
    let status = path(&booking, "/status");
    let back = |code: &str| json!({"status": "cancelled", "ticket_ids": [code]});
    // Both are taken back by those who may, and no money with them.
    for (by, code) in [(&buyer, code(1)), (&staff, code(2))] {
        let given = by.put(&status, &back(code)).await;
        assert_eq!(given.data(200)["payment"]["refunded"]["amount"], 0);
    }
    let refunds = path(&booking, "/refunds");
    let seat = json!({"ticket_ids": [code(0)]});
    let refund = staff.post(&refunds, &seat).await;
    assert_eq!(refund.data(201)["amount"]["amount"], 5_000);
    assert_eq!(status_of(&staff, &booking).await, "refunded");
    server.audit().await;
}

/// The books and the credit note have the tax of the tickets that went back, whatever the others are taxed.
#[tokio::test]
async fn a_credit_note_has_the_tax_of_its_tickets() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Seat", 11_900, 100)
        .ticket_type("Book", 10_000, 100)
        .then(
            "insert into taxes (event_id, ticket_type_id, name, rate, included)
             select $event, min(id), 'VAT', 1900, true from ticket_types where event_id = $event",
        )
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let items: Vec<Value> = (show.ticket_types.iter())
        .map(|id| json!({"ticket_type_id": id, "quantity": 2}))
        .collect();
    let wish = json!({"event_id": show.event, "items": items});
    let held = buyer.post("/api/v1/bookings", &wish).await;
    let held = held.data(201).clone();
    let paid = json!({"status": "confirmed", "paid_by": "cash"});
    let booking = staff.put(&path(&held, "/status"), &paid).await;
    let booking = booking.data(200).clone();
    let captured = "select exists (select from payments where state = 'captured')";
    eventually(&client, "a captured payment", captured).await;
    let refunds = path(&booking, "/refunds");
    let code = |number: usize| booking["tickets"][number]["code"].as_str().unwrap();
    for (wish, amount, tax) in [
        (json!({"ticket_ids": [code(2)]}), 10_000, 0),
        (json!({"ticket_ids": [code(1), code(3)]}), 21_900, 1_900),
        (json!({"all": true}), 11_900, 1_900),
    ] {
        let refund = staff.post(&refunds, &wish).await;
        assert_eq!(refund.data(201)["amount"]["amount"], amount, "{wish}");
        let id = refund.data(201)["id"].as_str().unwrap();
        let sql = format!(
            "select coalesce(sum(e.amount), 0)::bigint from ledger_entries e
               join ledger_transactions t on t.id = e.transaction_id join ledger_accounts a on a.id = e.account_id
              where t.key = 'refund:{id}' and a.name = 'tax payable'"
        );
        assert_eq!(one::<i64>(&client, &sql, &[]).await, tax, "{wish}");
    }
    let numbered = "select count(*) = 4 from invoices where number is not null";
    eventually(&client, "numbers of the invoices", numbered).await;
    let invoices = buyer.get(&path(&booking, "/invoices")).await;
    let taxes: Vec<i64> = (invoices.data(200).as_array().unwrap().iter())
        .map(|invoice| invoice["tax"]["amount"].as_i64().unwrap())
        .collect();
    assert_eq!(taxes, [3_800, 0, 1_900, 1_900]);
    server.audit().await;
}

/// A part that is given back while the owner's cancellation waits for the desk is not paid on top of it.
#[tokio::test]
async fn a_cancellation_counts_what_went_back_before_its_turn() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let half = json!({"percent": 50});
    staff.put(&policy, &half).await.data(200);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 2).await;
    let code = booking["tickets"][0]["code"].as_str().unwrap();
    // The cancellation has read the policy and waits; the refund is in line behind it, or before it.
    let mut blocker = server.client().await;
    let turn = blocker.transaction().await.unwrap();
    turn.execute("select take_turn($1)", &[&show.event])
        .await
        .unwrap();
    let one = json!({"ticket_ids": [code]});
    let (back, status) = (path(&booking, "/refunds"), path(&booking, "/status"));
    let cancel = json!({"status": "cancelled"});
    let freed = async {
        eventually(&client, "a refund", "select count(*) > 0 from refunds").await;
        turn.rollback().await.unwrap();
    };
    let (_, cancelled, ()) =
        tokio::join!(staff.post(&back, &one), buyer.put(&status, &cancel), freed);
    cancelled.data(200);
    // Of the ticket that staff gave back all, of the other one half.
    let given = "select sum(amount) = 2250 from refunds where state = 'succeeded'";
    let failed = "select sum(amount) = 1500 from refunds where state = 'succeeded'";
    let first = "select exists (select from refunds where state = 'failed')";
    eventually(&client, "an end", MONEY_AT_REST).await;
    // If the cancellation was first at the desk, that refund did not happen, and the policy has both tickets.
    let is_first: bool = client.query_one(first, &[]).await.unwrap().get(0);
    let sum = if is_first { failed } else { given };
    let right: bool = client.query_one(sum, &[]).await.unwrap().get(0);
    assert!(right, "the cancellation was first: {is_first}");
    server.audit().await;
}

/// Sessions that are about to write a refund, and wait for its payment's row.
fn in_line(count: i64) -> String {
    format!(
        "select count(*) = {count} from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and query like '%from payments p where id = $1 and state%'"
    )
}

/// A paid booking that staff cancelled, whose money a job of this `kind` gives back. Each of the `parts` is given back by hand
/// in the moment between the job's look at the money and its own refund: so many times it finds less than it read.
async fn overtaken(kind: &str, parts: &[i64]) {
    for _ in 0..5 {
        if is_overtaken(kind, parts).await {
            return;
        }
    }
    panic!("the job was always first");
}

/// `false`: the job had its row sooner than one of the parts, which woke up late on a busy machine. All is given back even so.
async fn is_overtaken(kind: &str, parts: &[i64]) -> bool {
    // All of these wait for the event at once.
    let server = TestServer::builder()
        .with(|config| {
            config.database.pool_connections_max = 32;
            // Nobody gives up while the others come in line.
            config.database.lock_timeout_ms = 14_000;
            config.database.statement_timeout_ms = 15_000;
        })
        .start()
        .await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 2).await;
    let hold = "create function hold_back() returns trigger language plpgsql as $$ begin
            if new.kind in ('event_refunds', 'give_back') then new.run_at := new.run_at + interval '1 hour'; end if;
            return new; end $$;
        create trigger hold_back before insert on jobs for each row execute function hold_back();
        create function wait_here() returns trigger language plpgsql as $$ begin
            perform pg_advisory_xact_lock(new.amount); return new; end $$;
        create trigger wait_here before insert on refunds for each row execute function wait_here()";
    client.batch_execute(hold).await.unwrap();
    let cancel = json!({"status": "cancelled"});
    let cancelled = staff.put(&path(&booking, "/status"), &cancel).await;
    cancelled.data(200);
    if kind == "event_refunds" {
        let cancel = format!("/api/v1/events/{}/cancel", show.event);
        staff.post(&cancel, &json!({})).await.data(202);
    }

    // In line for the payment's row: the first part, the job, the other parts. Each of these stops in the middle, with the row,
    // until the job has looked again and is in line behind it.
    let mut blocker = server.client().await;
    let row = blocker.transaction().await.unwrap();
    let lock = "select from payments where state = 'captured' for no key update";
    row.query_one(lock, &[]).await.unwrap();
    let gate = server.client().await;
    let refunds = path(&booking, "/refunds");
    let give = |amount: i64| {
        let (staff, refunds) = (&staff, &refunds);
        async move {
            let part = json!({"amount": amount, "reason": "A broken chair"});
            let given = staff.post(refunds, &part).await;
            if given.status != 201 {
                assert_eq!(given.code(409), "REFUND_EXCEEDS");
            }
            given.status == 201
        }
    };
    let others = async {
        eventually(&client, "first part in line", &in_line(1)).await;
        let go = "update jobs set run_at = now() where kind = $1";
        assert_eq!(client.execute(go, &[&kind]).await.unwrap(), 1);
        eventually(&client, "job in line", &in_line(2)).await;
        let later = parts[1..].iter().map(|amount| {
            let (gate, client, give) = (&gate, &client, &give);
            async move {
                let stop = "select pg_advisory_lock($1)";
                gate.execute(stop, &[amount]).await.unwrap();
                let passed = async {
                    let stands = "select exists (select from pg_stat_activity
                        where datname = current_database() and wait_event = 'advisory')";
                    eventually(client, "part in the middle", stands).await;
                    eventually(client, "job in line again", &in_line(1)).await;
                    let go_on = "select pg_advisory_unlock($1)";
                    gate.execute(go_on, &[amount]).await.unwrap();
                };
                let given = give(*amount);
                tokio::pin!(given, passed);
                tokio::select! {
                    is_given = &mut given => is_given,
                    () = &mut passed => given.await,
                }
            }
        });
        let released = async {
            let all = i64::try_from(parts.len()).unwrap() + 1;
            eventually(&client, "all in line", &in_line(all)).await;
            row.rollback().await.unwrap();
        };
        let (given, ()) = tokio::join!(futures_util::future::join_all(later), released);
        given
    };
    let (first, others) = tokio::join!(give(parts[0]), others);
    let rest = "select coalesce(sum(amount), 0) = 3000 from refunds where state = 'succeeded'";
    eventually(&client, "the rest of the money", rest).await;
    let end = format!("select state = 'done' from jobs where kind = '{kind}'");
    eventually(&client, "an end", &end).await;
    server.audit().await;
    first && others.into_iter().all(|is_given| is_given)
}

/// The rest goes back, although there was less of it than the cancellation had read.
#[tokio::test]
async fn a_cancellation_that_another_refund_overtakes_gives_the_rest_back() {
    overtaken("give_back", &[500]).await;
}

/// The rest goes back, although there was less of it than the event's job had read, both times that it looked.
#[tokio::test]
async fn a_cancelled_event_that_other_refunds_overtake_gives_the_rest_back() {
    overtaken("event_refunds", &[500, 501]).await;
}

/// So much less goes back as the cardholder's bank took while the job waited for the payment's row.
#[tokio::test]
async fn a_cancellation_that_a_lost_dispute_overtakes_gives_the_rest_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 2).await;
    let mut bank = server.client().await;
    let row = bank.transaction().await.unwrap();
    let lock = "select from payments where state = 'captured' for no key update";
    row.query_one(lock, &[]).await.unwrap();
    let cancel = json!({"status": "cancelled"});
    let cancelled = staff.put(&path(&booking, "/status"), &cancel).await;
    cancelled.data(200);
    eventually(&client, "job in line", &in_line(1)).await;
    let lost = "insert into disputes (provider, provider_ref, payment_id, event_id, amount, state)
                select 'stripe', 'dp_1', id, event_id, 500, 'lost' from payments;
                update payments set review = 'the cardholder''s bank took the money back'";
    row.batch_execute(lost).await.unwrap();
    row.commit().await.unwrap();
    let rest = "select coalesce(sum(amount), 0) = 2500 from refunds where state = 'succeeded'";
    eventually(&client, "the rest of the money", rest).await;
    let end = "select state = 'done' from jobs where kind = 'give_back'";
    eventually(&client, "an end", end).await;
    server.audit().await;
}

/// Dinars have three decimals, of which the last is always 0.
#[tokio::test]
async fn amounts_that_do_not_exist_are_not_given_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 4_000, 100)
        .then("update events set currency = 'KWD' where id = $event")
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 3).await;
    let refunds = path(&booking, "/refunds");
    for wrong in [7, 0, -10] {
        let refused = staff.post(&refunds, &json!({"amount": wrong})).await;
        assert_eq!(refused.code(422), "VALIDATION_FAILED", "{wrong}");
    }
    let ten = staff.post(&refunds, &json!({"amount": 10})).await;
    assert!(ten.revision() > 0);
    ten.data(201);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    staff.put(&policy, &json!({"percent": 33})).await.data(200);
    let cancel = json!({"status": "cancelled"});
    buyer
        .put(&path(&booking, "/status"), &cancel)
        .await
        .data(200);
    let given = "select count(*) = 2 and sum(amount) = 3970 from refunds where state = 'succeeded'";
    eventually(&client, "refund", given).await;
    server.audit().await;
}

const WITH_FEE_AND_TAX: &str = "
    insert into fees (event_id, name, kind, value) values ($event, 'Service', 'per_booking', 500);
    insert into taxes (event_id, name, rate, included) values ($event, 'VAT', 2500, false)";

/// Fees that the policy keeps are kept in the books, too, and so is their tax.
#[tokio::test]
async fn kept_fees_stay_income() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 1_000, 100)
        .then(WITH_FEE_AND_TAX)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    staff
        .put(&policy, &json!({"keeps_fees": true}))
        .await
        .data(200);
    let booking = sold(&server, &show, &buyer, 1).await;
    assert_eq!(booking["total"]["amount"], 1_875);
    let preview = buyer.get(&path(&booking, "/cancellation")).await;
    assert_eq!(preview.data(200)["amount"]["amount"], 1_250);
    assert_eq!(preview.data(200)["keeps_fees"], true);
    let cancel = json!({"status": "cancelled"});
    buyer
        .put(&path(&booking, "/status"), &cancel)
        .await
        .data(200);
    let given = "select coalesce(sum(amount), 0) = 1250 from refunds where state = 'succeeded'";
    eventually(&client, "refund", given).await;
    let payout = format!("/api/v1/events/{}/payout", show.event);
    let payout = staff.get(&payout).await.data(200)[0].clone();
    assert_eq!(
        (&payout["fees"], &payout["taxes"], &payout["net"]),
        (&json!(500), &json!(125), &json!(625)),
        "{payout}"
    );
    server.audit().await;
}

/// Fees that staff gave back with a part of the price are gone; those that are left stay whatever else was given back.
#[tokio::test]
async fn kept_fees_stay_when_a_part_of_the_price_went_back_before() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 1_000, 100)
        .then(WITH_FEE_AND_TAX)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let keeps = json!({"keeps_fees": true, "by_ticket": true});
    staff.put(&policy, &keeps).await.data(200);
    // 25.00 for two tickets, 6.25 in fees.
    let booking = sold(&server, &show, &buyer, 2).await;
    assert_eq!(booking["total"]["amount"], 3_125);
    let refunds = path(&booking, "/refunds");
    let code = &booking["tickets"][0]["code"];
    let ticket = json!({"status": "cancelled", "ticket_ids": [code]});
    let given = buyer.put(&path(&booking, "/status"), &ticket).await;
    assert_eq!(given.data(200)["payment"]["refunded"]["amount"], 1_250);
    // Of 18.75 that are left a third is fees.
    staff
        .post(&refunds, &json!({"amount": 375}))
        .await
        .data(201);
    let preview = buyer.get(&path(&booking, "/cancellation")).await;
    assert_eq!(preview.data(200)["amount"]["amount"], 1_000);
    let cancel = json!({"status": "cancelled"});
    buyer
        .put(&path(&booking, "/status"), &cancel)
        .await
        .data(200);
    let given = "select count(*) = 3 and sum(amount) = 2625 from refunds where state = 'succeeded'";
    eventually(&client, "refund", given).await;
    let payout = format!("/api/v1/events/{}/payout", show.event);
    let payout = staff.get(&payout).await.data(200)[0].clone();
    assert_eq!(
        (&payout["fees"], &payout["taxes"], &payout["net"]),
        (&json!(400), &json!(100), &json!(500)),
        "{payout}"
    );
    server.audit().await;
}

/// A ticket that was taken back for nothing stays so, also when the policy gives more by the time the others are cancelled.
#[tokio::test]
async fn a_ticket_that_went_back_for_nothing_is_not_paid_for_later() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let percent = async |percent: i64| {
        let rules = json!({"percent": percent, "by_ticket": true});
        staff.put(&policy, &rules).await.data(200);
    };
    let booking = sold(&server, &show, &buyer, 3).await;
    let mut given_back = 0;
    for (number, share, back) in [(0, 0, 0), (1, 50, 750)] {
        percent(share).await;
        let code = &booking["tickets"][number]["code"];
        let ticket = json!({"status": "cancelled", "ticket_ids": [code]});
        let given = buyer.put(&path(&booking, "/status"), &ticket).await;
        given_back += back;
        let refunded = &given.data(200)["payment"]["refunded"]["amount"];
        assert_eq!(refunded, &json!(given_back));
    }
    percent(100).await;
    let preview = buyer.get(&path(&booking, "/cancellation")).await;
    assert_eq!(preview.data(200)["amount"]["amount"], 1_500);
    let cancel = json!({"status": "cancelled"});
    buyer
        .put(&path(&booking, "/status"), &cancel)
        .await
        .data(200);
    let given = "select count(*) = 2 from refunds where state = 'succeeded'";
    eventually(&client, "refunds", given).await;
    let back: i64 = one(&client, "select sum(amount)::bigint from refunds", &[]).await;
    assert_eq!(back, 2_250);
    server.audit().await;
}

/// A cancellation gives back the amount that was said before it, whole and by ticket, to owners and by staff.
#[tokio::test]
async fn a_cancellation_gives_back_what_was_said_before() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Floor", 999, 100)
        .then(WITH_FEE_AND_TAX)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    for (percent, keeps_fees) in [
        (100, false),
        (33, true),
        (80, false),
        (100, true),
        (0, false),
    ] {
        let rules = json!({"percent": percent, "keeps_fees": keeps_fees, "by_ticket": true});
        staff.put(&policy, &rules).await.data(200);
        let buyer = server.user(user(&client, "customer").await);
        let booking = sold(&server, &show, &buyer, 3).await;
        let codes = booking["tickets"].as_array().unwrap();
        let code = codes[1]["code"].as_str().unwrap();
        let one = path(&booking, &format!("/cancellation?ticket_ids={code}"));
        let said = buyer.get(&one).await.data(200).clone();
        assert_eq!(said["ticket_ids"].as_array().unwrap().len(), 3);
        let single = said["amount"]["amount"].as_i64().unwrap();
        let id = booking["id"].as_str().unwrap();
        let back = format!(
            "select coalesce(sum(amount), 0)::bigint from refunds where state = 'succeeded' and booking_id = '{id}'"
        );
        let cancel = json!({"status": "cancelled", "ticket_ids": [code]});
        buyer
            .put(&path(&booking, "/status"), &cancel)
            .await
            .data(200);
        let given = format!("select ({back}) = {single}");
        eventually(&client, "refund of one ticket", &given).await;
        let again = buyer.get(&one).await;
        assert_eq!(again.code(409), "NOT_REFUNDABLE");
        let rest = buyer
            .get(&path(&booking, "/cancellation"))
            .await
            .data(200)
            .clone();
        assert_eq!(rest["ticket_ids"].as_array().unwrap().len(), 2, "{rest}");
        let by_staff = staff
            .get(&path(&booking, "/cancellation"))
            .await
            .data(200)
            .clone();
        let left = booking["total"]["amount"].as_i64().unwrap() - single;
        assert_eq!(by_staff["amount"]["amount"], left);
        let whole = rest["amount"]["amount"].as_i64().unwrap();
        let cancel = json!({"status": "cancelled"});
        buyer
            .put(&path(&booking, "/status"), &cancel)
            .await
            .data(200);
        let given = format!("select ({back}) = {}", single + whole);
        eventually(&client, "refund of the rest", &given).await;
        let report = format!("/api/v1/events/{}/report.csv", show.event);
        let report = staff.get(&report).await.text;
        let reference = booking["reference"].as_str().unwrap();
        let line = report.lines().find(|line| line.starts_with(reference));
        let refunded = format!(
            ",{}.{:02},EUR,",
            (single + whole) / 100,
            (single + whole) % 100
        );
        assert!(line.unwrap().contains(&refunded), "{refunded} in {line:?}");
        let over = buyer.get(&path(&booking, "/cancellation")).await;
        assert_eq!(over.code(409), "INVALID_TRANSITION");
    }
    let soon = "update events set starts_at = now() + interval '1 hour' where id = $1";
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 1).await;
    let rules = json!({"until_minutes": 120});
    staff.put(&policy, &rules).await.data(200);
    client.execute(soon, &[&show.event.0]).await.unwrap();
    let late = buyer.get(&path(&booking, "/cancellation")).await;
    assert_eq!(late.code(409), "REFUND_POLICY");
    let stranger = server.user(user(&client, "customer").await);
    let hidden = stranger.get(&path(&booking, "/cancellation")).await;
    assert_eq!(hidden.code(404), "BOOKING_NOT_FOUND");
    server.audit().await;
}

#[tokio::test]
async fn many_bookings_are_cancelled_by_one_job() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let buyer = server.user(user(&client, "customer").await);
        ids.push(sold(&server, &show, &buyer, 1).await["id"].clone());
    }
    let body = json!({"action": "cancel", "booking_ids": ids, "reason": "The hall is closed"});
    let stranger = server.user(user(&client, "organizer").await);
    assert_eq!(
        stranger
            .post("/api/v1/bookings/bulk", &body)
            .await
            .code(404),
        "BOOKING_NOT_FOUND"
    );
    let keyed = staff.clone().with_header("idempotency-key", "bulk-1");
    let written = keyed.post("/api/v1/bookings/bulk", &body).await;
    let job = written.header("location").unwrap().to_owned();
    let again = keyed.post("/api/v1/bookings/bulk", &body).await;
    assert_eq!(again.data(202)["job_id"], written.data(202)["job_id"]);
    eventually(
        &client,
        "refunds",
        "select count(*) = 3 and sum(amount) = 4500 from refunds where state = 'succeeded'",
    )
    .await;
    eventually(
        &client,
        "an end",
        "select state = 'done' from jobs where kind = 'bulk_bookings'",
    )
    .await;
    let progress = staff.get(&job).await.data(200)["progress"].clone();
    assert_eq!(progress, json!({"total": 3, "done": 3, "failed": []}));
    server.audit().await;
}

/// As many as one request may name. The audit trail's entry has a bound, which their ids would exceed.
#[tokio::test]
async fn a_job_takes_as_many_bookings_as_it_says() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let sell = "insert into bookings (id, reference, event_id, status, quantity, total_amount, currency, confirmed_at)
                select gen_random_uuid(), 'MANY-' || n, $1, 'confirmed', 1, 0, 'EUR', now() from generate_series(1, 1000) n
                returning id";
    let sold = client.query(sell, &[&show.event]).await.unwrap();
    let ids: Vec<Uuid> = sold.iter().map(|row| row.get(0)).collect();
    let body = json!({"action": "resend", "booking_ids": ids});
    let staff = server.user(show.organizer);
    let written = staff.post("/api/v1/bookings/bulk", &body).await;
    written.data(202);
    let entry = "select detail from audit_trail where action = 'POST /bookings/bulk' and object like 'organization:%'";
    let entry: Value = one(&client, entry, &[]).await;
    assert_eq!(
        (&entry["action"], &entry["count"]),
        (&json!("resend"), &json!(1_000))
    );
    assert_eq!(entry["job_id"], written.body["data"]["job_id"]);
}

/// Cancelling gives back what was paid, so it needs the right to give money back, however it is asked for.
#[tokio::test]
async fn a_box_office_gives_no_money_back_by_cancelling() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let member = user(&client, "customer").await;
    let join = "insert into organization_members (organization_id, user_id, role) values ($1, $2, 'box_office')";
    client
        .execute(join, &[&show.organizer.0, &member.0])
        .await
        .unwrap();
    let box_office = server.user(member);
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let paid = sold(&server, &show, &buyer, 1).await;
    let body = json!({"event_id": show.event, "quantity": 1});
    let other = server.user(user(&client, "customer").await);
    let held = other.post("/api/v1/bookings", &body).await;
    let held = held.data(201).clone();

    let cancel = json!({"status": "cancelled"});
    let refused = box_office.put(&path(&paid, "/status"), &cancel).await;
    assert_eq!(refused.code(403), "FORBIDDEN");
    let ids = json!([paid["id"], held["id"]]);
    let body = json!({"action": "cancel", "booking_ids": ids});
    let written = box_office.post("/api/v1/bookings/bulk", &body).await;
    let job = format!("/api/v1/jobs/{}", written.data(202)["job_id"]);
    let done = "select state = 'done' from jobs where kind = 'bulk_bookings'";
    eventually(&client, "an end", done).await;
    let failed: Value = client
        .query_one(
            "select progress->'failed' from jobs where kind = 'bulk_bookings'",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(
        failed,
        json!([{"booking_id": paid["id"], "code": "FORBIDDEN"}])
    );
    assert_eq!(status_of(&staff, &held).await, "cancelled");
    assert_eq!(status_of(&staff, &paid).await, "confirmed");
    // It sees how far its own work is, and decides nothing about it.
    assert_eq!(
        box_office.get(&job).await.data(200)["progress"]["failed"],
        failed
    );
    let drop = box_office.post(&format!("{job}/drop"), &json!({})).await;
    assert_eq!(drop.code(404), "JOB_NOT_FOUND");
    // Its owner and those who keep the money may.
    staff.put(&path(&paid, "/status"), &cancel).await.data(200);
    eventually(
        &client,
        "a refund",
        "select count(*) = 1 from refunds where state = 'succeeded'",
    )
    .await;
    server.audit().await;
}

/// Holds the event's turn.
async fn hold_the_turn(client: &mut Client, show: &Staged) {
    client.batch_execute("begin").await.unwrap();
    let hold = "select from turns where event_id = $1 for no key update";
    client.execute(hold, &[&show.event.0]).await.unwrap();
}

/// The refund is written, and the desk is busy: the same request again finds it, and is answered with what was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_that_are_on_their_way_back_are_asked_for_again() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    let by_ticket = json!({"percent": 50, "by_ticket": true});
    staff.put(&policy, &by_ticket).await.data(200);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 3).await;
    let status = path(&booking, "/status");
    for (number, caller) in [&buyer, &staff].into_iter().enumerate() {
        let code = booking["tickets"][number]["code"].as_str().unwrap();
        let wish = json!({"status": "cancelled", "ticket_ids": [code]});
        let mut somebody = server.client().await;
        hold_the_turn(&mut somebody, &show).await;
        caller.put(&status, &wish).await;
        somebody.batch_execute("commit").await.unwrap();
        let again = caller.put(&status, &wish).await;
        assert_eq!(again.data(200)["tickets"][number]["status"], "void");
    }
    let made: i64 = crate::support::show::one(&client, "select count(*) from refunds", &[]).await;
    assert_eq!(made, 2);
    server.audit().await;
}

/// Somebody is admitted between the refund and its turn: nothing goes back, and the job says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_says_of_which_bookings_nothing_went_back() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 1).await;
    let mut gate = server.client().await;
    hold_the_turn(&mut gate, &show).await;
    let body = json!({"action": "refund", "booking_ids": [booking["id"]]});
    staff.post("/api/v1/bookings/bulk", &body).await.data(202);
    crate::support::database::wait_for_a_lock(&client).await;
    let admits = "update tickets set status = 'used'; commit";
    gate.batch_execute(admits).await.unwrap();
    let done = "select state = 'done' from jobs where kind = 'bulk_bookings'";
    eventually(&client, "an end", done).await;
    let failed = "select progress->'failed' from jobs where kind = 'bulk_bookings'";
    let failed: Value = client.query_one(failed, &[]).await.unwrap().get(0);
    let expected = json!([{"booking_id": booking["id"], "code": "NOT_REFUNDABLE"}]);
    assert_eq!(failed, expected);
}

/// A refund keeps its tickets from being handed on, without the event's turn: a gate that has the turn does not wait for it,
/// since the refund may wait for a booking that the gate has locked.
#[tokio::test]
async fn a_gate_does_not_wait_for_a_refund() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let staff = server.user(show.organizer);
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 1).await;
    let code = booking["tickets"][0]["code"].as_str().unwrap();
    let mut refund = server.client().await;
    let refund = refund.transaction().await.unwrap();
    let keep = "select from tickets where code = $1 for key share";
    refund.execute(keep, &[&code]).await.unwrap();
    let scanned = scan(&staff, &show, code, "beside-a-refund");
    let scanned = tokio::time::timeout(DEADLINE, scanned).await;
    assert_eq!(scanned.expect("it waits"), "admitted");
    refund.commit().await.unwrap();
}

/// Who was answered with a revision is shown nothing older by the same node, however far behind its feed is.
#[tokio::test]
async fn what_is_read_after_a_refund_is_not_older_than_the_refund() {
    let server = TestServer::builder().with(|config| config.feed.conflation_window_ms = 60_000);
    let server = server.start().await;
    let client = server.client().await;
    let show = stage(&client).await;
    let buyer = server.user(user(&client, "customer").await);
    let booking = sold(&server, &show, &buyer, 2).await;
    let mut viewer = server.ws(WireVersion::V2).await;
    let topic = format!("event:{}", show.event);
    viewer.join(&topic, json!({})).await;
    // The first change is told at once, those after it within the window.
    show.sell(&client, 1).await;
    viewer.next_on(&topic, "update").await;
    let staff = server.user(show.organizer);
    let code = booking["tickets"][0]["code"].as_str().unwrap();
    let body = json!({"ticket_ids": [code], "reason": "ill"});
    let refunded = staff.post(&path(&booking, "/refunds"), &body).await;
    refunded.data(201);
    let read = format!("/api/v1/availability/{}", show.event);
    let read = server.anonymous().get(&read).await;
    assert!(
        read.data(200)["revision"].as_u64() >= Some(refunded.revision()),
        "{}",
        read.text
    );
}
