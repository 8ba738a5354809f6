//! Numbers for people: sales over time agree with the tables after any rush, whoever writes; the funnel counts visitors;
//! tables for spreadsheets are whole or say so, run nothing, and cost no memory.

use std::time::Duration;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use seatcast::store::audit::audit;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::binary::ServerProcess;
use crate::support::caller::Caller;
use crate::support::database::{TestDatabase, connect};
use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{MONEY_AT_REST, Show, Staged, one, user};

const BOOKINGS: &str = "/api/v1/bookings";

async fn analytics(caller: &Caller, show: &Staged, query: &str) -> Value {
    let path = format!("/api/v1/events/{}/analytics{query}", show.event);
    caller.get(&path).await.data(200).clone()
}

/// One buyer who holds, and then pays staff, gives up, gives back, or leaves.
async fn buyer(server: &TestServer, show: &Staged, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let client = server.client().await;
    let staff = server.user(show.organizer);
    for _ in 0..6 {
        let id = user(&client, "customer").await;
        let quantity = random.random_range(1..=3);
        let ticket_type = show.ticket_types[random.random_range(0..show.ticket_types.len())];
        let items = json!([{"ticket_type_id": ticket_type, "quantity": quantity}]);
        let body = json!({"event_id": show.event, "items": items});
        let answer = server.user(id).post(BOOKINGS, &body).await;
        if answer.status != 201 {
            continue;
        }
        let booking = answer.body["data"]["id"].as_str().unwrap_or_default();
        let path = format!("{BOOKINGS}/{booking}/status");
        let cash = json!({"status": "confirmed", "paid_by": "cash"});
        let cancelled = json!({"status": "cancelled", "reason": "changed my mind"});
        match random.random_range(0..6) {
            0..3 => drop(staff.put(&path, &cash).await.data(200)),
            3 => drop(server.user(id).put(&path, &cancelled).await),
            4 => {
                staff.put(&path, &cash).await.data(200);
                staff.put(&path, &cancelled).await;
            }
            _ => {
                let overdue = format!(
                    "update bookings set expires_at = clock_timestamp() where id = '{booking}' and status = 'pending'"
                );
                client.batch_execute(&overdue).await.unwrap();
            }
        }
        if random.random_bool(0.3) {
            let _ = show.try_sell(&client, 0, None, 1).await;
        }
    }
}

/// The jobs that book and give back money have come to an end.
async fn money_at_rest(client: &Client) {
    let rests = async {
        while !one::<bool>(client, MONEY_AT_REST, &[]).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let rests = tokio::time::timeout(DEADLINE * 3, rests).await;
    rests.expect("the money comes to rest");
}

async fn sold_out_rush(seed: u64) -> (TestServer, Staged) {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .capacity(60)
        .ticket_type("Standing", 1_000, 40)
        .ticket_type("Balcony", 2_500, 20)
        .stage(&client)
        .await;
    join_all((0..6).map(|n| buyer(&server, &show, seed * 100 + n))).await;
    (server, show)
}

async fn counted(client: &Client, show: &Staged, what: &str, of: &str) -> i64 {
    let sql = format!("select coalesce({what}, 0)::bigint from {of} x where x.event_id = $1");
    one(client, &sql, &[&show.event]).await
}

#[tokio::test]
async fn after_a_rush_the_numbers_are_those_of_the_tables() {
    for seed in 0..2 {
        let (server, show) = sold_out_rush(seed).await;
        let client = server.client().await;
        money_at_rest(&client).await;
        // Nor does a hold end between two looks.
        let swept = "select not exists (select from bookings where status = 'pending' and expires_at <= clock_timestamp())";
        crate::mail::waits(&client, swept).await;
        server.audit().await;
        let numbers = analytics(&server.user(show.organizer), &show, "?step=hour").await;
        let total = &numbers["total"];
        let of = async |what: &str, of: &str| counted(&client, &show, what, of).await;
        let sold = "x.status = 'confirmed' or x.confirmed_at is not null";
        for (name, kept, counted) in [
            ("made", &total["bookings_made"], of("count(*)", "bookings").await),
            ("held", &total["tickets_held"], of("sum(quantity)", "bookings").await),
            (
                "confirmed",
                &total["bookings_confirmed"],
                of(&format!("count(*) filter (where {sold})"), "bookings").await,
            ),
            (
                "revenue",
                &total["revenue"]["amount"],
                of(&format!("sum(total_amount) filter (where {sold})"), "bookings").await,
            ),
            (
                "net",
                &total["revenue_net"]["amount"],
                of("sum(total_amount) filter (where x.status = 'confirmed')", "bookings").await,
            ),
            (
                "returned",
                &total["bookings_returned"],
                of(
                    "count(*) filter (where x.status <> 'confirmed' and x.confirmed_at is not null)",
                    "bookings",
                )
                .await,
            ),
        ] {
            assert_eq!(kept, &json!(counted), "{name} of seed {seed}: {numbers}");
        }
        let sold =
            total["tickets_sold"].as_i64().unwrap() - total["tickets_returned"].as_i64().unwrap();
        let claimed = of("sum(quantity) filter (where x.state = 'sold')", "claims").await;
        assert_eq!(sold, claimed);
        let of_types = numbers["ticket_types"].as_array().unwrap().iter();
        let of_types: i64 = of_types
            .map(|one| one["tickets_sold"].as_i64().unwrap())
            .sum();
        assert_eq!(total["tickets_sold"], of_types);
        let stats = format!("{BOOKINGS}/event/{}/stats", show.event);
        let stats = server.user(show.organizer).get(&stats).await;
        let stats = stats.data(200);
        assert_eq!(stats["total_revenue"], total["revenue_net"]);
        let pending = of("count(*) filter (where x.status = 'pending')", "bookings").await;
        assert_eq!(stats["pending_bookings"], pending);
        let managed = server.user(show.organizer);
        let managed = managed.get("/api/v1/events/management/view").await;
        assert_eq!(managed.header("x-total-count"), Some("1"));
        let managed = &managed.data(200)[0];
        assert_eq!(managed["total_bookings"], stats["total_bookings"]);
        assert_eq!(managed["total_revenue"], stats["total_revenue"]);
        assert_eq!(managed["total_tickets_sold"], claimed);
    }
}

/// Refunds by ticket, by amount and of the rest lower what is left, on every page that shows it; what staff gave away is no
/// revenue, and money that came for nothing neither comes nor goes.
#[tokio::test]
async fn money_that_goes_back_lowers_revenue_wherever_it_is_shown() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_500, 100)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    let sell = async |quantity: i64, paid_by: &str| {
        let items = json!([{"ticket_type_id": show.ticket_types[0], "quantity": quantity}]);
        let body = json!({"event_id": show.event, "items": items});
        let booking = server.anonymous().post(BOOKINGS, &body).await;
        let id = booking.data(201)["id"].as_str().unwrap().to_owned();
        let paid = json!({"status": "confirmed", "paid_by": paid_by});
        let path = format!("{BOOKINGS}/{id}/status");
        let sold = staff.put(&path, &paid).await.data(200).clone();
        money_at_rest(&client).await;
        sold
    };
    let shown = async |net: i64, returned: i64| {
        money_at_rest(&client).await;
        let numbers = analytics(&staff, &show, "").await;
        let total = &numbers["total"];
        assert_eq!(total["revenue_net"]["amount"], net, "{numbers}");
        assert_eq!(total["revenue_returned"]["amount"], returned);
        assert_eq!(
            total["revenue"]["amount"],
            net + returned,
            "what was sold stays"
        );
        let stats = format!("{BOOKINGS}/event/{}/stats", show.event);
        let stats = staff.get(&stats).await;
        assert_eq!(stats.data(200)["total_revenue"]["amount"], net);
        let managed = staff.get("/api/v1/events/management/view").await;
        assert_eq!(managed.data(200)[0]["total_revenue"]["amount"], net);
        let figures = server
            .database
            .store()
            .await
            .figures(&[show.event])
            .await
            .unwrap();
        assert_eq!(figures[0].1.revenue.amount, net);
        let payout = format!("/api/v1/events/{}/payout", show.event);
        let payout = staff.get(&payout).await;
        assert_eq!(payout.data(200)[0]["net"], net);
        server.audit().await;
    };
    let booking = sell(3, "cash").await;
    sell(2, "comp").await;
    shown(4_500, 0).await;
    let refunds = format!("{BOOKINGS}/{}/refunds", booking["id"].as_str().unwrap());
    let code = &booking["tickets"][0]["code"];
    let by_ticket = json!({"ticket_ids": [code]});
    staff.post(&refunds, &by_ticket).await.data(201);
    shown(3_000, 1_500).await;
    staff.post(&refunds, &json!({"amount": 7})).await.data(201);
    shown(2_993, 1_507).await;
    let all = json!({"all": true});
    staff.post(&refunds, &all).await.data(201);
    shown(0, 4_500).await;
    // A policy that keeps half.
    let policy = format!("/api/v1/events/{}/refund-policy", show.event);
    staff.put(&policy, &json!({"percent": 50})).await.data(200);
    let buyer = server.user(user(&client, "customer").await);
    let items = json!([{"ticket_type_id": show.ticket_types[0], "quantity": 2}]);
    let body = json!({"event_id": show.event, "items": items});
    let booking = buyer.post(BOOKINGS, &body).await.data(201).clone();
    let status = format!("{BOOKINGS}/{}/status", booking["id"].as_str().unwrap());
    let paid = json!({"status": "confirmed", "paid_by": "terminal"});
    staff.put(&status, &paid).await.data(200);
    money_at_rest(&client).await;
    let cancelled = json!({"status": "cancelled"});
    buyer.put(&status, &cancelled).await.data(200);
    shown(1_500, 6_000).await;
}

/// Without the trigger the same check fails.
#[tokio::test]
async fn without_the_trigger_the_numbers_are_not_those_of_the_tables() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_000, 40)
        .stage(&client)
        .await;
    show.sell(&client, 2).await;
    let store = database.store().await;
    assert!(audit(&store).await.unwrap().is_clean());
    client
        .batch_execute("alter table bookings disable trigger bookings_numbers_insert")
        .await
        .unwrap();
    show.sell(&client, 1).await;
    let report = audit(&store).await.unwrap();
    assert_eq!(report.findings.len(), 1, "{report}");
    assert!(
        report.findings[0]
            .promise
            .starts_with("the numbers of sales")
    );
}

/// Tehran is three and a half hours ahead of UTC: its days begin at half past eight in the evening there.
#[tokio::test]
async fn days_begin_as_they_do_at_the_event() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_000, 40)
        .then("update events set timezone = 'Asia/Tehran' where id = $event")
        .stage(&client)
        .await;
    for (reference, at) in [
        ("BK-1", "2026-03-01T20:29:00Z"),
        ("BK-2", "2026-03-01T20:31:00Z"),
        ("BK-3", "2026-03-02T02:00:00Z"),
    ] {
        let sql = format!(
            "insert into bookings (reference, event_id, quantity, total_amount, currency, expires_at, created_at)
             values ('{reference}', {}, 1, 1000, 'EUR', now() + interval '1 hour', '{at}')",
            show.event
        );
        client.batch_execute(&sql).await.unwrap();
    }
    let organizer = server.user(show.organizer);
    let period = "?from=2026-02-20T00:00:00Z&to=2026-03-10T00:00:00Z";
    let numbers = analytics(&organizer, &show, period).await;
    let points = numbers["points"].as_array().unwrap();
    let points: Vec<_> = points
        .iter()
        .map(|point| {
            (
                point["at"].as_str().unwrap(),
                point["bookings_made"].as_i64().unwrap(),
            )
        })
        .collect();
    let days = [
        ("2026-03-01T00:00:00+03:30", 1),
        ("2026-03-02T00:00:00+03:30", 2),
    ];
    assert_eq!(points, days);
    let hour = analytics(
        &organizer,
        &show,
        "?step=hour&from=2026-03-01T20:30:00Z&to=2026-03-01T21:30:00Z",
    )
    .await;
    assert_eq!(hour["points"][0]["at"], "2026-03-02T00:00:00+03:30");
    assert_eq!(hour["total"]["bookings_made"], 1);
    assert_eq!(hour["total"]["conversion"], 0.0);
    assert_eq!(hour["total"]["seconds_to_pay"], Value::Null);
}

#[tokio::test]
async fn numbers_are_for_those_who_may_and_for_a_bounded_time() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_000, 40)
        .stage(&client)
        .await;
    let other = server.user(user(&client, "organizer").await);
    let organizer = server.user(show.organizer);
    for what in ["analytics", "funnel", "changes", "report.csv", "doors.csv"] {
        let path = format!("/api/v1/events/{}/{what}", show.event);
        assert_eq!(other.get(&path).await.code(403), "FORBIDDEN");
        let gone = format!("/api/v1/events/999999/{what}");
        assert_eq!(organizer.get(&gone).await.code(404), "EVENT_NOT_FOUND");
        assert_eq!(organizer.get(&path).await.status, 200);
    }
    for (query, field, code) in [
        (
            "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
            "to",
            "NOT_AFTER_FROM",
        ),
        (
            "from=2020-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
            "from",
            "PERIOD_TOO_LONG",
        ),
        (
            "step=hour&from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z",
            "from",
            "PERIOD_TOO_LONG",
        ),
        ("step=minute", "step", "NOT_A_CHOICE"),
    ] {
        let path = format!("/api/v1/events/{}/analytics?{query}", show.event);
        let answer = organizer.get(&path).await;
        let error = &answer.data(422)["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!(field), &json!(code))
        );
    }
}

/// Whoever replays the log from its beginning ends with the numbers that are on sale now; pages follow each other without a gap.
#[tokio::test]
async fn an_events_log_tells_its_sale_again() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_000, 40)
        .stage(&client)
        .await;
    let staff = server.user(show.organizer);
    for quantity in 1..=4 {
        let items = json!([{"ticket_type_id": show.ticket_types[0], "quantity": quantity}]);
        let body = json!({"event_id": show.event, "items": items});
        server.anonymous().post(BOOKINGS, &body).await.data(201);
    }
    let path = format!("/api/v1/events/{}/changes", show.event);
    let (mut revisions, mut held, mut after) = (Vec::new(), Vec::new(), json!(0));
    while !after.is_null() {
        let page = staff.get(&format!("{path}?limit=2&after={after}")).await;
        let page = page.data(200);
        let changes = page["changes"].as_array().unwrap();
        assert!(changes.len() <= 2);
        for change in changes {
            revisions.push(change["revision"].as_i64().unwrap());
            let types = change["ticket_types"].as_array();
            held.extend(types.into_iter().flatten().map(|one| one["held"].clone()));
        }
        after = page["next"].clone();
    }
    let newest = *revisions.last().unwrap();
    let oldest = revisions[0];
    assert_eq!(revisions, (oldest..=newest).collect::<Vec<_>>());
    assert_eq!(held[held.len() - 4..], [1, 3, 6, 10].map(Value::from));
    let shown = staff.get(&format!("/api/v1/events/{}", show.event)).await;
    assert_eq!(shown.data(200)["revision"], newest);
    let bad = staff.get(&format!("{path}?limit=1001")).await;
    assert_eq!(bad.code(422), "VALIDATION_FAILED");
    // The organizer's own list finds the event by a part of its title, and not by what is not there.
    let found = async |query: &str| {
        let answer = staff
            .get(&format!("/api/v1/events/management/view?{query}"))
            .await;
        answer.data(200).as_array().unwrap().len()
    };
    let title = shown.data(200)["title"].as_str().unwrap().to_uppercase();
    let part = title.split(' ').next().unwrap_or_default();
    assert_eq!(found(&format!("q={part}&status=active")).await, 1);
    assert_eq!(found("q=nosuchtitle").await, 0);
    assert_eq!(found("status=draft").await, 0);
}

#[tokio::test]
async fn a_funnel_counts_visitors_by_their_furthest_step() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 1_000, 40)
        .stage(&client)
        .await;
    let sql = format!(
        "insert into interactions (action, event_id, session_id, user_id)
         select step, {event}, 's' || n, null
           from generate_series(1, 10) n, unnest(array['event_viewed', 'ticket_selected', 'payment_initiated']) step
          where step = 'event_viewed' or step = 'ticket_selected' and n <= 4 or n <= 1;
         insert into interactions (action, event_id, session_id, user_id)
         values ('event_viewed', {event}, null, 7), ('event_viewed', {event}, null, 7), ('event_viewed', {event}, null, null),
                ('event_viewed', {event} + 1, 'elsewhere', null), ('share', {event}, 's1', null)",
        event = show.event
    );
    client.batch_execute(&sql).await.unwrap();
    let path = format!(
        "/api/v1/events/{}/funnel?steps=event_viewed,ticket_selected,payment_initiated",
        show.event
    );
    let funnel = server.user(show.organizer).get(&path).await;
    let funnel = funnel.data(200);
    assert_eq!(
        funnel["steps"],
        json!([
            {"step": "event_viewed", "sessions": 11, "left_here": 7},
            {"step": "ticket_selected", "sessions": 4, "left_here": 3},
            {"step": "payment_initiated", "sessions": 1, "left_here": 1},
        ])
    );
    assert_eq!(
        (&funnel["sessions"], &funnel["interactions"]),
        (&json!(11), &json!(19))
    );
    assert_eq!(funnel["is_whole"], true);
    assert_eq!(
        funnel["actions"][0],
        json!({"action": "event_viewed", "sessions": 11, "count": 13})
    );
}

#[tokio::test]
async fn a_report_runs_nothing_in_a_spreadsheet_and_says_that_it_is_whole() {
    let server = TestServer::start().await;
    let client = server.client().await;
    let show = Show::new()
        .ticket_type("Standing", 4_500, 40)
        .then("update events set timezone = 'Europe/Berlin' where id = $event")
        .stage(&client)
        .await;
    let items = json!([{"ticket_type_id": show.ticket_types[0], "quantity": 2}]);
    let contact = json!({"name": "=HYPERLINK(\"http://x\")", "email": "a@example.org"});
    let body = json!({"event_id": show.event, "items": items, "contact": contact});
    let booking = server.anonymous().post(BOOKINGS, &body).await;
    let booking = booking.data(201).clone();
    let organizer = server.user(show.organizer);
    let path = format!("{BOOKINGS}/{}/status", booking["id"].as_str().unwrap());
    let cash = json!({"status": "confirmed", "paid_by": "cash"});
    organizer.put(&path, &cash).await.data(200);
    show.sell(&client, 1).await;

    let report = organizer
        .get(&format!("/api/v1/events/{}/report.csv", show.event))
        .await;
    assert_eq!(
        report.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    let named = format!("attachment; filename=\"report-{}.csv\"", show.event);
    assert_eq!(report.header("content-disposition"), Some(named.as_str()));
    let lines: Vec<&str> = report.text.split("\r\n").collect();
    // reqwest takes the byte order mark off.
    assert!(
        lines[0]
            .trim_start_matches('\u{feff}')
            .starts_with("reference,status,"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].contains(",cash,2,2 × Standing,,90.00,90.00,0.00,EUR,"),
        "{}",
        lines[1]
    );
    assert!(
        lines[1].contains("\"'=HYPERLINK(\"\"http://x\"\")\",a@example.org"),
        "{}",
        lines[1]
    );
    assert_eq!(lines[3..], ["# end, 2 rows", ""]);
    let pending = format!("/api/v1/events/{}/report.csv?status=pending", show.event);
    let pending = organizer.get(&pending).await;
    assert!(
        pending.text.ends_with("# end, 0 rows\r\n"),
        "{}",
        pending.text
    );

    let doors = organizer
        .get(&format!("/api/v1/events/{}/doors.csv", show.event))
        .await;
    let lines: Vec<&str> = doors.text.split("\r\n").collect();
    assert_eq!(lines.len(), 1 + 3 + 2, "{}", doors.text);
    assert!(
        lines[1].starts_with("\"'=HYPERLINK(\"\"http://x\"\")\",TKT-"),
        "{}",
        lines[1]
    );
    assert!(lines[1].ends_with(&format!(
        ",Standing,,,,valid,{}",
        booking["reference"].as_str().unwrap()
    )));
    assert!(doors.text.ends_with("# end, 3 rows\r\n"));
}

/// 100,000 bookings with their lines, by plain SQL without triggers: it is the rows that count here.
const MANY: &str = "
    alter table bookings disable trigger all; alter table booking_items disable trigger all; alter table tickets disable trigger all;
    insert into bookings (id, reference, event_id, status, quantity, total_amount, currency, confirmed_at, created_at)
    select lpad(to_hex(n), 32, '0')::uuid, 'BK-' || n, $event, 'confirmed', 1, 4500, 'EUR', now(), now() - n * interval '1 s'
      from generate_series(1, 100000) n;
    insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
    select id, 1, (select min(id) from ticket_types where event_id = $event), 1, 4500 from bookings where event_id = $event;
    insert into booking_contacts (booking_id, name, email)
    select id, repeat('Somebody ', 10), 'somebody@example.org' from bookings where event_id = $event;
    insert into tickets (booking_id, event_id, ticket_type_id, code)
    select id, $event, (select min(id) from ticket_types where event_id = $event), 'TKT-' || reference
      from bookings where event_id = $event;
    alter table bookings enable trigger all; alter table booking_items enable trigger all; alter table tickets enable trigger all;
    call settle_triggers(); analyze";

/// Reads a table to its end as fast as it comes, and watches the server's memory.
async fn read_whole(
    server: &ServerProcess,
    caller: &reqwest::RequestBuilder,
    rows_min: usize,
) -> u64 {
    let request = caller.try_clone().expect("no body").send().await;
    let mut table = request.expect("an answer");
    let (mut lines, mut memory_max, mut last) = (0, 0, Vec::new());
    while let Some(chunk) = table.chunk().await.expect("a whole table") {
        lines += chunk.iter().filter(|byte| **byte == b'\n').count();
        memory_max = memory_max.max(server.memory());
        last = chunk.to_vec();
    }
    assert!(lines > rows_min, "{lines}");
    let last = String::from_utf8_lossy(&last).into_owned();
    assert!(
        last.ends_with(&format!("# end, {rows_min} rows\r\n")),
        "{last}"
    );
    memory_max
}

#[tokio::test]
async fn a_hundred_thousand_rows_cost_no_memory() {
    let database = TestDatabase::new().await;
    let client = connect(database.url()).await;
    let show = Show::new()
        .capacity(200_000)
        .ticket_type("Standing", 4_500, 200_000)
        .stage(&client)
        .await;
    let many = MANY.replace("$event", &show.event.to_string());
    client.batch_execute(&many).await.unwrap();
    let server = ServerProcess::start(&["--database-url", database.url()]);
    let http = reqwest::Client::new();
    let get = |what: &str| {
        let path = format!("{}/api/v1/events/{}/{what}", server.url, show.event);
        http.get(path)
            .header("x-user-id", show.organizer.to_string())
    };
    for what in ["report.csv", "doors.csv"] {
        // The first one warms up what stays.
        read_whole(&server, &get(what), 100_000).await;
        let before = server.memory();
        let most = read_whole(&server, &get(what), 100_000).await;
        let grown = most.saturating_sub(before);
        assert!(grown < 6_000_000, "{what}: {before} grew by {grown} bytes");
    }
    // Readers who leave in the middle give their places back.
    for _ in 0..3 {
        let mut cut = get("report.csv").send().await.unwrap();
        assert_eq!(cut.status(), 200);
        cut.chunk().await.unwrap();
    }
    let finished = async {
        while get("report.csv?status=pending")
            .send()
            .await
            .unwrap()
            .status()
            != 200
        {
            tokio::task::yield_now().await;
        }
    };
    let deadline = crate::support::server::DEADLINE;
    tokio::time::timeout(deadline, finished)
        .await
        .expect("a place comes free");
    // A connection that ends in the middle is no end: its last line is missing, and HTTP says so.
    let mut table = get("report.csv").send().await.unwrap();
    table.chunk().await.unwrap();
    client
        .batch_execute(
            "select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and query like '%booking_contacts%' and pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
    let rest = async {
        loop {
            match table.chunk().await {
                Ok(Some(_)) => {}
                end => return end.is_err(),
            }
        }
    };
    assert!(rest.await, "the cut table looks whole");
}
