//! Prices of bookings: taxes, fees and vouchers, and the books that are kept of them.

use seatcast::ticketing::UserId;
use serde_json::{Value, json};

use crate::support::own::Own;
use crate::support::server::TestServer;
use crate::support::show::{Show, Staged, one, user};

const BOOKINGS: &str = "/api/v1/bookings";
const GOOD: &str = "4242 4242 4242 4242";

/// Included tax, a fee for each ticket and one in percent, and a voucher for a tenth.
const TERMS: &str = "
    insert into taxes (event_id, name, rate, included) values ($event, 'VAT', 1900, true);
    insert into fees (event_id, name, kind, value) values ($event, 'Service', 'per_ticket', 119);
    insert into fees (event_id, name, kind, value, absorbed) values ($event, 'Ours', 'percent', 500, true);
    insert into vouchers (event_id, code, kind, value, uses_max) values ($event, 'TENTH', 'percent', 1000, 2)";

async fn world(terms: &str) -> (TestServer, Staged) {
    let server = TestServer::start().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 100)
        .ticket_type("Stalls", 4_990, 100)
        .then(terms)
        .stage(&server.client().await)
        .await;
    (server, show)
}

fn wish(show: &Staged, quantities: [i64; 2], vouchers: &[&str]) -> Value {
    let items = show.ticket_types.iter().zip(quantities);
    let items = items.filter(|(_, quantity)| *quantity > 0);
    let items: Vec<Value> = items
        .map(|(id, quantity)| json!({"ticket_type_id": id, "quantity": quantity}))
        .collect();
    json!({"event_id": show.event, "items": items, "vouchers": vouchers})
}

async fn buyer(server: &TestServer) -> UserId {
    user(&server.client().await, "customer").await
}

fn sum(lines: &Value, kind: &str, field: &str) -> i64 {
    let lines = lines.as_array().unwrap().iter();
    lines
        .filter(|line| kind.is_empty() || line["kind"] == kind)
        .map(|line| line[field].as_i64().unwrap())
        .sum()
}

#[tokio::test]
async fn the_books_split_a_sale_into_tickets_fees_and_tax() {
    let (server, show) = world(TERMS).await;
    let id = buyer(&server).await;
    let mut own = Own::join(&server, id, &format!("dev:{id}")).await;
    let made = server
        .user(id)
        .post(BOOKINGS, &wish(&show, [2, 0], &["tenth"]))
        .await;
    let booking = made.data(201);
    let (lines, total) = (&booking["lines"], &booking["total"]["amount"]);
    // 3,000 less a tenth, and twice 119; the tax is 19/119 of both.
    assert_eq!((sum(lines, "", "amount"), total), (2_938, &json!(2_938)));
    assert_eq!(sum(lines, "discount", "amount"), -300);
    assert_eq!(sum(lines, "fee", "amount"), 238);
    assert_eq!(sum(lines, "tax", "tax_amount"), 469);
    let booking_id = booking["id"].as_str().unwrap();
    let path = format!("{BOOKINGS}/{booking_id}/payment");
    let started = server
        .user(id)
        .post(&path, &json!({"return_url": "/bookings"}))
        .await;
    let page = started.data(201)["redirect_url"].as_str().unwrap();
    let url = format!("http://{}{page}", server.address());
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let sent = client.build().unwrap().post(url).form(&[("card", GOOD)]);
    assert_eq!(sent.send().await.unwrap().status(), 303);
    let is_captured = |booking: &Value| booking["payment"]["state"] == "captured";
    own.sees(booking_id, is_captured).await;
    let client = server.client().await;
    for (account, amount) in [
        ("ticket revenue", -2_269),
        ("fee income", -335),
        ("absorbed fees", 135),
        ("tax payable", -431),
        ("tax payable on fees", -38),
    ] {
        let sql = "select coalesce(sum(e.amount), 0)::bigint from ledger_entries e
                     join ledger_accounts a on a.id = e.account_id where a.name = $1";
        let booked: i64 = one(&client, sql, &[&account]).await;
        assert_eq!(booked, amount, "{account}");
    }
    // Sums of sales are of tickets alone.
    let sold: i64 = one(
        &client,
        "select sum(sold_amount)::bigint from ticket_numbers where event_id = $1 and quarter = '-infinity'",
        &[&show.event],
    )
    .await;
    assert_eq!(sold, 3_000);
    server.audit().await;
}

#[tokio::test]
async fn a_voucher_is_used_no_more_often_than_it_may_be_and_given_back() {
    let (server, show) = world(TERMS).await;
    let body = wish(&show, [1, 0], &["TENTH"]);
    let mut made = Vec::new();
    for _ in 0..2 {
        let id = buyer(&server).await;
        let booking = server.user(id).post(BOOKINGS, &body).await;
        made.push((id, booking.data(201)["id"].as_str().unwrap().to_owned()));
    }
    let third = server.user(buyer(&server).await);
    let refused = third.post(BOOKINGS, &body).await;
    assert_eq!(refused.code(409), "VOUCHER_USED_UP");
    // To those who hold it, it is not used up: their page asks for prices while they hold.
    let quote = "/api/v1/bookings/quote";
    let quoted = third.post(quote, &body).await;
    assert_eq!(quoted.code(409), "VOUCHER_USED_UP");
    let (id, booking) = &made[0];
    server.user(*id).post(quote, &body).await.data(200);
    let path = format!("{BOOKINGS}/{booking}/status");
    let cancelled = json!({"status": "cancelled"});
    let ended = server.user(*id).put(&path, &cancelled).await;
    ended.data(200);
    third.post(BOOKINGS, &body).await.data(201);
    let ended = server.user(*id).post(quote, &body).await;
    assert_eq!(ended.code(409), "VOUCHER_USED_UP");
    let unknown = wish(&show, [1, 0], &["NOTHING"]);
    let unknown = third.post(BOOKINGS, &unknown).await;
    assert_eq!(unknown.code(404), "VOUCHER_NOT_FOUND");
    server.audit().await;
}

/// Other tickets in place of a discounted booking's: the voucher is judged again and used once, the price is that of a quote,
/// and the fee that the organizer pays moves along.
#[tokio::test]
async fn a_voucher_goes_along_with_a_swap() {
    let (server, show) = world(TERMS).await;
    let client = server.client().await;
    // The one may be used twice, the other without end.
    let free = format!(
        "insert into vouchers (event_id, code, kind, value, ticket_type_ids)
         values ({}, 'CHEAP', 'fixed_price', 1000, array[{}])",
        show.event, show.ticket_types[0]
    );
    client.batch_execute(&free).await.unwrap();
    let buyer = server.user(buyer(&server).await);
    let made = buyer
        .post(BOOKINGS, &wish(&show, [2, 0], &["CHEAP", "TENTH"]))
        .await;
    let id = made.data(201)["id"].as_str().unwrap().to_owned();
    let path = format!("{BOOKINGS}/{id}");
    for quantities in [[1, 3], [4, 0], [2, 1]] {
        let wanted = wish(&show, quantities, &["CHEAP", "TENTH"]);
        let quoted = buyer.post("/api/v1/bookings/quote", &wanted).await;
        let quoted = quoted.data(200);
        let body = json!({"items": wanted["items"], "expected_total": quoted["total"]});
        let swapped = buyer.patch(&path, &body).await;
        let swapped = swapped.data(200);
        assert_eq!(swapped["lines"], quoted["lines"]);
        assert_eq!(swapped["total"], quoted["total"]);
        let again = buyer.patch(&path, &body).await;
        assert_eq!(again.data(200)["version"], swapped["version"]);
        let discounted =
            sum(&quoted["lines"], "ticket", "amount") + sum(&quoted["lines"], "discount", "amount");
        let sql = "select absorbed_fee_amount from bookings where event_id = $1";
        let absorbed: i64 = one(&client, sql, &[&show.event]).await;
        assert_eq!(absorbed, (discounted * 5 + 50) / 100);
        let sql = "select sum(uses)::bigint from vouchers where event_id = $1";
        assert_eq!(one::<i64>(&client, sql, &[&show.event]).await, 2);
    }
    // Its own use is free for it, also where it is the last one.
    let last = "update vouchers set uses_max = uses where code = 'TENTH'";
    client.batch_execute(last).await.unwrap();
    let items = |quantities| json!({"items": wish(&show, quantities, &[])["items"]});
    buyer.patch(&path, &items([1, 1])).await.data(200);
    let others = server.user(user(&client, "customer").await);
    let refused = others
        .post(BOOKINGS, &wish(&show, [1, 0], &["TENTH"]))
        .await;
    assert_eq!(refused.code(409), "VOUCHER_USED_UP");
    // Neither is it for any tickets, nor for ever.
    let refused = buyer.patch(&path, &items([0, 1])).await;
    assert_eq!(refused.code(409), "VOUCHER_NOT_APPLICABLE");
    let ended = "update vouchers set valid_to = now() where code = 'TENTH'";
    client.batch_execute(ended).await.unwrap();
    let refused = buyer.patch(&path, &items([3, 0])).await;
    assert_eq!(refused.code(409), "VOUCHER_ENDED");
    let read = buyer.get(&path).await;
    assert_eq!(read.data(200)["quantity"], 2, "it stays as it was");
    server.audit().await;
}

#[tokio::test]
async fn a_quote_says_what_the_booking_costs() {
    let (server, show) = world(TERMS).await;
    let client = server.client().await;
    let terms = [
        "update taxes set included = false, rate = 777",
        "update fees set kind = 'percent', value = 333, absorbed = false",
        "update vouchers set kind = 'amount', value = 1001, max_per_booking = 2, uses_max = null",
        "update vouchers set kind = 'fixed_price', value = 1000",
        "delete from fees",
    ];
    for sql in std::iter::once("select 1").chain(terms) {
        client.batch_execute(sql).await.unwrap();
        for quantities in [[1, 0], [3, 2], [0, 7]] {
            let buyer = server.user(buyer(&server).await);
            let body = wish(&show, quantities, &["TENTH"]);
            let quoted = buyer.post("/api/v1/bookings/quote", &body).await;
            let booked = buyer.post(BOOKINGS, &body).await;
            // The first rules allow two uses.
            if booked.status == 409 {
                assert_eq!(quoted.code(409), "VOUCHER_USED_UP");
                assert_eq!(booked.code(409), "VOUCHER_USED_UP");
                continue;
            }
            let quoted = quoted.data(200);
            let booked = booked.data(201);
            assert_eq!(quoted["total"], booked["total"], "{sql}");
            assert_eq!(quoted["lines"], booked["lines"], "{sql}");
            assert_eq!(quoted["quantity"], booked["quantity"], "{sql}");
            let total = booked["total"]["amount"].as_i64().unwrap();
            assert_eq!(sum(&booked["lines"], "", "amount"), total, "{sql}");
        }
    }
    let nothing = json!({"event_id": 999_999, "quantity": 1});
    let anonymous = server.anonymous();
    let quoted = anonymous.post("/api/v1/bookings/quote", &nothing).await;
    assert_eq!(quoted.code(404), "EVENT_NOT_FOUND");
    // A quote holds nothing.
    server.audit().await;
}

#[tokio::test]
async fn a_guests_own_hold_does_not_use_up_its_voucher_for_its_quotes() {
    let (server, show) = world(TERMS).await;
    let client = server.client().await;
    let sql = "update vouchers set uses_max = 1";
    client.batch_execute(sql).await.unwrap();
    let body = wish(&show, [1, 0], &["TENTH"]);
    let made = server.anonymous().post(BOOKINGS, &body).await;
    let made = made.data(201);
    let token = made["token"].as_str().unwrap();
    let quote = "/api/v1/bookings/quote";
    let quoted = server.anonymous().post(quote, &body).await;
    assert_eq!(quoted.code(409), "VOUCHER_USED_UP");
    for (token, status) in [(token, 200), ("another", 409)] {
        let holder = server.anonymous().with_header("x-booking-token", token);
        assert_eq!(holder.post(quote, &body).await.status, status);
    }
}

#[tokio::test]
async fn organizers_make_the_rules_of_their_prices() {
    let (server, show) = world("select 1").await;
    let organizer = server.user(show.organizer);
    let of = |list: &str| format!("/api/v1/events/{}/{list}", show.event);
    for (list, new, change) in [
        (
            "vouchers",
            json!({"code": "early-1", "kind": "percent", "value": 1_000, "uses_max": 1, "valid_to": "2990-01-01T00:00:00Z",
                "ticket_type_ids": [show.ticket_types[0]]}),
            json!({"uses_max": 2, "valid_to": null}),
        ),
        (
            "taxes",
            json!({"name": "VAT", "rate": 700, "ticket_type_id": show.ticket_types[0]}),
            json!({"rate": 1_900, "ticket_type_id": null}),
        ),
        (
            "fees",
            json!({"name": "Service", "kind": "per_ticket", "value": 100}),
            json!({"kind": "percent", "value": 500, "absorbed": true}),
        ),
    ] {
        let made = organizer.post(&of(list), &new).await;
        let id = made.data(201)["id"].as_i64().unwrap();
        let one = of(&format!("{list}/{id}"));
        let changed = organizer.patch(&one, &change).await;
        let rule = changed.data(200);
        for (field, value) in change.as_object().unwrap() {
            assert_eq!(&rule[field], value, "{list}");
        }
        let listed = organizer.get(&of(list)).await;
        assert_eq!(listed.data(200), &json!([rule]), "{list}");
        let stranger = server.user(user(&server.client().await, "organizer").await);
        assert_eq!(stranger.get(&of(list)).await.code(403), "FORBIDDEN");
        assert_eq!(stranger.delete(&one).await.code(403), "FORBIDDEN");
        // The kind was or became a percentage by another request than the value; the others have no value.
        if list != "taxes" {
            let whole = organizer.patch(&one, &json!({"value": 10_001})).await;
            assert_eq!(whole.code(422), "VALIDATION_FAILED");
            assert_eq!(whole.body["data"]["errors"][0]["field"], "value");
        }
        if list != "vouchers" {
            let longest = json!({"name": "é".repeat(200)});
            organizer.patch(&one, &longest).await.data(200);
            let longer = json!({"name": "é".repeat(201)});
            let longer = organizer.patch(&one, &longer).await;
            assert_eq!(longer.code(422), "VALIDATION_FAILED");
        }
        let unknown = of(&format!("{list}/{}", id + 1));
        assert_eq!(organizer.delete(&unknown).await.status, 404);
    }
    let again = json!({"code": "EARLY-1", "kind": "amount", "value": 1});
    let again = organizer.post(&of("vouchers"), &again).await;
    assert_eq!(again.code(409), "VOUCHER_CODE_TAKEN");
    let too_much = json!({"code": "MORE", "kind": "percent", "value": 10_001});
    let too_much = organizer.post(&of("vouchers"), &too_much).await;
    assert_eq!(too_much.code(422), "VALIDATION_FAILED");
    let foreign = json!({"name": "VAT", "rate": 1, "ticket_type_id": 999_999});
    let foreign = organizer.post(&of("taxes"), &foreign).await;
    assert_eq!(foreign.code(404), "TICKET_TYPE_NOT_FOUND");
    // The rules are those that bookings follow: 1,500 less a tenth, tax within.
    let buyer = server.user(buyer(&server).await);
    let booked = buyer
        .post(BOOKINGS, &wish(&show, [1, 0], &["Early-1"]))
        .await;
    let booked = booked.data(201);
    assert_eq!(booked["total"]["amount"], 1_350);
    assert_eq!(sum(&booked["lines"], "tax", "tax_amount"), 216);
    let vouchers = organizer.get(&of("vouchers")).await;
    let voucher = &vouchers.data(200)[0];
    assert_eq!(voucher["uses"], 1);
    let one = of(&format!("vouchers/{}", voucher["id"]));
    let below = organizer.patch(&one, &json!({"uses_max": 0})).await;
    assert_eq!(below.code(409), "VOUCHER_USES_BELOW_USED");
    assert_eq!(organizer.delete(&one).await.code(409), "VOUCHER_IN_USE");
    server.audit().await;
}

/// Twenty buyers want a voucher of three uses at once. How many got it, and whether plain SQL may count one more.
async fn race_for_a_voucher(setup: &str) -> (usize, bool) {
    let (server, show) = world(TERMS).await;
    let client = server.client().await;
    client
        .batch_execute("update vouchers set uses_max = 3")
        .await
        .unwrap();
    client.batch_execute(setup).await.unwrap();
    let body = wish(&show, [1, 0], &["TENTH"]);
    let mut buyers = Vec::new();
    for _ in 0..20 {
        buyers.push(server.user(buyer(&server).await));
    }
    let asked = buyers.iter().map(|buyer| buyer.post(BOOKINGS, &body));
    let answers = futures_util::future::join_all(asked).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.code(409), "VOUCHER_USED_UP");
    }
    // Other programs write bookings too: one more, by plain SQL.
    let sql = "insert into voucher_uses (booking_id, voucher_id)
               select b.id, v.id from bookings b, vouchers v
                where not exists (select from voucher_uses u where u.booking_id = b.id) limit 1";
    let other = server.user(buyer(&server).await);
    other
        .post(BOOKINGS, &wish(&show, [1, 0], &[]))
        .await
        .data(201);
    (made, client.batch_execute(sql).await.is_ok())
}

#[tokio::test]
async fn a_voucher_is_never_overused_whoever_writes() {
    assert_eq!(race_for_a_voucher("select 1").await, (3, false));
}

/// The negative control: without the constraint the schema stores one use too many.
#[tokio::test]
async fn without_the_constraint_a_voucher_is_overused() {
    let drop = "alter table vouchers drop constraint vouchers_not_overused";
    assert_eq!(race_for_a_voucher(drop).await, (3, true));
}

/// Card networks round the third decimal of these currencies away, so no amount of ours has one.
#[tokio::test]
async fn amounts_are_those_that_the_currency_has() {
    let server = TestServer::start().await;
    let organizer = server.user(user(&server.client().await, "organizer").await);
    let event = |currency: &str, price: i64| {
        json!({"title": "A show", "venue": "Hall", "starts_at": "2036-06-01T17:30:00Z", "capacity": 20,
            "currency": currency, "ticket_types": [{"name": "Standing", "price": price, "capacity": 20}]})
    };
    let events = "/api/v1/events";
    let refused = organizer.post(events, &event("KWD", 4_505)).await;
    assert_eq!(refused.code(422), "VALIDATION_FAILED");
    assert!(
        refused.text.contains("ticket_types[0].price"),
        "{}",
        refused.text
    );
    organizer.post(events, &event("EUR", 4_505)).await.data(201);
    let made = organizer.post(events, &event("KWD", 4_500)).await;
    let event = format!("{events}/{}", made.data(201)["id"]);
    let ticket_type = format!(
        "{event}/ticket-types/{}",
        made.data(201)["ticket_types"][0]["id"]
    );
    let voucher = |kind: &str| json!({"code": kind, "kind": kind, "value": 1_505});
    let fee = |kind: &str| json!({"name": kind, "kind": kind, "value": 155});
    let (vouchers, fees) = (format!("{event}/vouchers"), format!("{event}/fees"));
    let percent = organizer.post(&vouchers, &voucher("percent")).await;
    let percent = format!("{vouchers}/{}", percent.data(201)["id"]);
    organizer.post(&fees, &fee("percent")).await.data(201);
    let seats = json!({"name": "Seats", "price": 4_505, "capacity": 2});
    for (path, body) in [
        (&vouchers, voucher("amount")),
        (&vouchers, voucher("fixed_price")),
        (&fees, fee("per_ticket")),
        (&fees, fee("per_booking")),
        (&format!("{event}/ticket-types"), seats),
    ] {
        let refused = organizer.post(path, &body).await;
        assert_eq!(refused.code(422), "VALIDATION_FAILED", "{path} {body}");
        assert!(refused.text.contains("NOT_A_MULTIPLE"), "{}", refused.text);
    }
    for (path, body) in [
        (&percent, json!({"kind": "amount"})),
        (&ticket_type, json!({"price": 4_505})),
        (&event, json!({"price": 4_505})),
    ] {
        let refused = organizer.patch(path, &body).await;
        assert_eq!(refused.code(422), "VALIDATION_FAILED", "{path} {body}");
    }
    let whole = json!({"kind": "amount", "value": 1_500});
    organizer.patch(&percent, &whole).await.data(200);
    let odd = organizer.patch(&percent, &json!({"value": 1_505})).await;
    assert_eq!(odd.code(422), "VALIDATION_FAILED");
}

#[tokio::test]
async fn an_event_has_the_taxes_of_its_country() {
    let (server, show) = world("").await;
    let organizer = server.user(show.organizer);
    let organization = format!("/api/v1/organizations/{}/taxes", show.organizer);
    let event = format!("/api/v1/events/{}", show.event);
    let tax_of = async |country: Value| {
        let body = json!({"country": country});
        let changed = organizer.patch(&event, &body).await;
        let written = country.as_str().map(str::to_uppercase);
        assert_eq!(changed.data(200)["country"], json!(written));
        assert!(changed.header("x-event-revision").is_some());
        let shown = server.anonymous().get(&event).await;
        assert_eq!(shown.data(200)["country"], json!(written));
        let quote = format!("{BOOKINGS}/quote");
        let (anonymous, wished) = (server.anonymous(), wish(&show, [1, 0], &[]));
        let quoted = anonymous.post(&quote, &wished).await;
        quoted.data(200)["total"]["amount"].clone()
    };
    assert_eq!(tax_of(json!("th")).await, 1_500);
    let thai = json!({"country": "TH", "name": "VAT", "rate": 700, "included": false});
    let keyed = organizer.clone().with_header("idempotency-key", "thai-tax");
    let made = keyed.post(&organization, &thai).await.data(201).clone();
    assert_eq!(keyed.post(&organization, &thai).await.data(201), &made);
    let again = organizer.post(&organization, &thai).await;
    assert_eq!(again.code(409), "TAX_EXISTS");
    let usual = json!({"name": "VAT", "rate": 2_000, "included": false});
    let usual = organizer
        .post(&organization, &usual)
        .await
        .data(201)
        .clone();
    assert_eq!(usual["country"], Value::Null);
    assert_eq!(tax_of(json!("TH")).await, 1_605);
    assert_eq!(tax_of(json!("DE")).await, 1_800);
    assert_eq!(tax_of(Value::Null).await, 1_800);
    let all = organizer.get(&organization).await;
    assert_eq!(all.data(200), &json!([made, usual]));

    let one = format!("{organization}/{}", made["id"]);
    let moved = organizer
        .patch(&one, &json!({"country": "de", "rate": 1_000}))
        .await;
    assert_eq!(moved.data(200)["country"], "DE");
    assert_eq!(tax_of(json!("DE")).await, 1_650);
    assert_eq!(tax_of(json!("TH")).await, 1_800);
    organizer.delete(&one).await.data(200);
    assert_eq!(tax_of(json!("DE")).await, 1_800);
    assert_eq!(organizer.delete(&one).await.code(404), "TAX_NOT_FOUND");
    // An event's own tax goes before them.
    let own = json!({"name": "None", "rate": 0});
    organizer
        .post(&format!("{event}/taxes"), &own)
        .await
        .data(201);
    assert_eq!(tax_of(json!("DE")).await, 1_500);

    for wrong in [json!("THA"), json!("T"), json!("1H"), json!(7)] {
        let refused = organizer.patch(&event, &json!({"country": wrong})).await;
        assert_eq!(refused.code(422), "VALIDATION_FAILED");
    }
    let stranger = server.user(user(&server.client().await, "organizer").await);
    let theirs = stranger.post(&organization, &thai).await;
    assert_eq!(theirs.code(403), "FORBIDDEN");
    let told: i64 = one_of(
        &server,
        "select count(*) from audit_trail where action like '%/taxes%' and object like 'tax:%'",
    )
    .await;
    assert_eq!(told, 4);
    let body = json!({
        "title": "Open Air", "venue": "Park", "starts_at": "2031-06-01T19:30:00+07:00", "capacity": 200,
        "price": {"amount": 4_500, "currency": "THB"}, "country": "TH",
    });
    let made = organizer.post("/api/v1/events", &body).await;
    assert_eq!(made.data(201)["country"], "TH");
}

async fn one_of(server: &TestServer, sql: &str) -> i64 {
    one(&server.client().await, sql, &[]).await
}
