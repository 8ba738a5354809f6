//! Every write by staff leaves an entry in the audit trail, or is listed here with the reason why not.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;

use crate::access::{World, table};
use crate::support::caller::Answer;
use crate::support::server::DEADLINE;
use crate::support::show::{Show, Staged, one};

/// Writes by staff of which another record tells.
const TOLD_ELSEWHERE: [(&str, &str); 4] = [
    (
        "POST /api/v1/bookings/{id}/payment",
        "it begins an attempt of the buyer's, which is a row of its own, and moves nothing",
    ),
    (
        "POST /api/v1/bookings/{id}/resend",
        "it changes nothing, and its mail to the booking's own address is in the list of mails",
    ),
    ("POST /api/v1/checkins", "a check-in says who scanned"),
    ("POST /api/v1/checkins/batch", "a check-in says who scanned"),
];

/// One event with a booking that is held and one that is paid, and whatever else a write needs.
struct Stage<'a> {
    world: &'a World,
    show: Staged,
    held: String,
    ticket: String,
    sold: String,
}

impl Stage<'_> {
    async fn new(world: &World) -> Stage<'_> {
        let (show, booked) = world.show().await;
        let ticket = booked["ticket"].as_str().unwrap().to_owned();
        let sql = "select booking_id::text from tickets where code = $1";
        let sold: String = one(&world.client, sql, &[&ticket]).await;
        Stage {
            world,
            show,
            held: booked["id"].as_str().unwrap().to_owned(),
            ticket,
            sold,
        }
    }

    async fn made(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> i64 {
        one(&self.world.client, sql, values).await
    }

    /// A row of a table that belongs to the event.
    async fn row(&self, table: &str, columns: &str, values: &str) -> i64 {
        let event = self.show.event;
        let sql = format!(
            "insert into {table} (event_id, {columns}) values ({event}, {values}) returning id"
        );
        self.made(&sql, &[]).await
    }

    async fn execute(&self, sql: &str) {
        let sql = sql
            .replace("$event", &self.show.event.to_string())
            .replace("$sold", &self.sold);
        self.world.client.batch_execute(&sql).await.unwrap();
    }

    async fn captured(&self) {
        let sql = format!(
            "select exists (select from payments where booking_id = '{}' and state = 'captured')",
            self.sold
        );
        let captured = async {
            while !one::<bool>(&self.world.client, &sql, &[]).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let captured = tokio::time::timeout(DEADLINE, captured).await;
        captured.expect("the sale is booked");
    }

    /// An event with seats.
    async fn seated(&self) -> (Staged, i64) {
        let show = Show::new()
            .ticket_type("Stalls", 1_000, 5)
            .row(5)
            .stage(&self.world.client)
            .await;
        let sql = "update events set organizer_id = $1 where id = $2";
        let owner = self.world.organizer;
        let values: [&(dyn ToSql + Sync); 2] = [&owner.0, &show.event.0];
        self.world.client.execute(sql, &values).await.unwrap();
        let sql = "select min(id) from seats where event_id = $1";
        let seat = self.made(sql, &[&show.event.0]).await;
        (show, seat)
    }

    /// A place on the waitlist that holds an offer.
    async fn offered(&self) -> i64 {
        let waiting = self.world.waiting(&self.show).await;
        let sql = format!(
            "with offer as (
                 insert into bookings (reference, event_id, user_id, kind, quantity, total_amount, currency, expires_at)
                 select 'BK-OFFER' || w.id, w.event_id, w.user_id, 'offer', 1, 1500, 'EUR', now() + interval '1 hour'
                   from waitlist w where w.id = {waiting} returning id, event_id
             ), items as (
                 insert into booking_items (booking_id, line, ticket_type_id, quantity, unit_amount)
                 select id, 1, {type}, 1, 1500 from offer
             ), held as (
                 insert into claims (booking_id, event_id, ticket_type_id, quantity) select id, event_id, {type}, 1 from offer
             )
             select id::text from offer",
            type = self.show.ticket_types[0],
        );
        let offer: String = one(&self.world.client, &sql, &[]).await;
        // Its buyer has no other pending one.
        self.execute(&format!(
            "update bookings set status = 'cancelled' where id = '{}';
             update claims set state = 'dead' where booking_id = '{}';
             update waitlist set status = 'offered', booking_id = '{offer}' where id = {waiting}",
            self.held, self.held
        ))
        .await;
        waiting
    }

    /// The request of a route: who sends it, where to, and with what body.
    async fn request(&self, route: &str) -> (&'static str, String, Value) {
        let world = self.world;
        let (event, kind) = (self.show.event, self.show.ticket_types[0]);
        let organizer = world.organizer;
        let at = |rest: &str| format!("/api/v1/events/{event}{rest}");
        let booking = |id: &str, rest: &str| format!("/api/v1/bookings/{id}{rest}");
        let organization = |rest: &str| format!("/api/v1/organizations/{organizer}{rest}");
        let person = world.people["scanner"];
        let buyer = world.people["buyer"];
        let owner = |path: String, body: Value| ("owner", path, body);
        let admin = |path: String, body: Value| ("admin", path, body);
        let full = json!({"title": "Again", "venue": "Hall", "starts_at": "2031-06-01T14:00:00+02:00", "capacity": 2_000});
        match route {
            "POST bookings/bulk" => owner(
                "/api/v1/bookings/bulk".to_owned(),
                json!({"action": "cancel", "booking_ids": [self.held]}),
            ),
            "PATCH bookings/{id}" => admin(
                booking(&self.held, ""),
                json!({"items": [{"ticket_type_id": kind, "quantity": 2}]}),
            ),
            "POST bookings/{id}/refunds" => {
                self.captured().await;
                owner(booking(&self.sold, "/refunds"), json!({"amount": 1}))
            }
            "PUT bookings/{id}/status" => owner(
                booking(&self.held, "/status"),
                json!({"status": "confirmed", "paid_by": "cash"}),
            ),
            "POST checkins/{checkin_id}/undo" => {
                let scan =
                    json!({"code": self.ticket, "nonce": "nonce-of-the-trail", "event_id": event});
                let scanned = world.caller("owner").post("/api/v1/checkins", &scan).await;
                let id = scanned.data(200)["id"].clone();
                owner(format!("/api/v1/checkins/{id}/undo"), json!({}))
            }
            "POST jobs/{job_id}/drop" | "POST jobs/{job_id}/retry" => {
                let sql = format!(
                    "insert into jobs (kind, key, payload, state, expires_at)
                     values ('confirmation', 'trail-{event}', '{{\"event_id\": {event}}}', 'needs_review', now() + interval '1 day')
                     returning id"
                );
                let id = self.made(&sql, &[]).await;
                let act = route.rsplit('/').next().unwrap();
                owner(format!("/api/v1/jobs/{id}/{act}"), json!({}))
            }
            "POST payments/{id}/review" => {
                self.captured().await;
                self.execute("update payments set review = 'look' where booking_id = '$sold'")
                    .await;
                let sql = "select id::text from payments where booking_id::text = $1";
                let id: String = one(&world.client, sql, &[&self.sold]).await;
                owner(
                    format!("/api/v1/payments/{id}/review"),
                    json!({"decision": "accept"}),
                )
            }
            "POST events" => {
                let mut priced = full;
                priced["price"] = json!(1_000);
                owner("/api/v1/events".to_owned(), priced)
            }
            "PUT events/{event_id}" => owner(at(""), full),
            "PATCH events/{event_id}" => owner(at(""), json!({"title": "Renamed"})),
            "DELETE events/{event_id}" => {
                let (seated, _) = self.seated().await;
                owner(format!("/api/v1/events/{}", seated.event), json!({}))
            }
            "POST events/{event_id}/resume" => {
                self.execute("update events set status = 'paused' where id = $event")
                    .await;
                owner(at("/resume"), json!({}))
            }
            "POST events/{event_id}/cancel" => owner(at("/cancel"), json!({"reason": "Storm"})),
            "POST events/{event_id}/complete" => owner(at("/complete"), json!({})),
            "POST events/{event_id}/pause" => owner(at("/pause"), json!({})),
            "POST events/{event_id}/fees" => owner(
                at("/fees"),
                json!({"name": "Service", "kind": "per_ticket", "value": 100}),
            ),
            "PATCH events/{event_id}/fees/{fee_id}" | "DELETE events/{event_id}/fees/{fee_id}" => {
                let id = self
                    .row("fees", "name, kind, value", "'Fee', 'per_ticket', 1")
                    .await;
                owner(at(&format!("/fees/{id}")), json!({"name": "Other"}))
            }
            "POST events/{event_id}/taxes" => {
                owner(at("/taxes"), json!({"name": "VAT", "rate": 700}))
            }
            "PATCH events/{event_id}/taxes/{tax_id}"
            | "DELETE events/{event_id}/taxes/{tax_id}" => {
                let id = self.row("taxes", "name, rate", "'VAT', 700").await;
                owner(at(&format!("/taxes/{id}")), json!({"name": "Other"}))
            }
            "POST events/{event_id}/vouchers" => owner(
                at("/vouchers"),
                json!({"code": "TENTH", "kind": "percent", "value": 1_000}),
            ),
            "PATCH events/{event_id}/vouchers/{voucher_id}"
            | "DELETE events/{event_id}/vouchers/{voucher_id}" => {
                let id = self
                    .row("vouchers", "code, kind, value", "'HALF', 'percent', 5000")
                    .await;
                owner(at(&format!("/vouchers/{id}")), json!({"uses_max": 5}))
            }
            "POST events/{event_id}/notices" => owner(
                at("/notices"),
                json!({"type": "custom", "message": "Doors open"}),
            ),
            "DELETE events/{event_id}/notices/{notice_id}" => {
                let id = self
                    .row("notices", "type, message", "'custom', 'Doors'")
                    .await;
                owner(at(&format!("/notices/{id}")), json!({}))
            }
            "PUT events/{event_id}/payment-terms" => {
                owner(at("/payment-terms"), json!({"offline_days": 3}))
            }
            "PUT events/{event_id}/refund-policy" => {
                owner(at("/refund-policy"), json!({"percent": 50}))
            }
            "PUT events/{event_id}/seatmap" => {
                let (seated, _) = self.seated().await;
                let row = json!({"label": "A", "seats": [{"number": "1", "x": 0, "y": 0}]});
                let section = json!({"name": "Stalls", "ticket_type_id": seated.ticket_types[0], "rows": [row]});
                owner(
                    format!("/api/v1/events/{}/seatmap", seated.event),
                    json!({"sections": [section]}),
                )
            }
            "PATCH events/{event_id}/seats" => {
                let (seated, seat) = self.seated().await;
                owner(
                    format!("/api/v1/events/{}/seats", seated.event),
                    json!({"seat_ids": [seat], "blocked": true}),
                )
            }
            "POST events/{event_id}/ticket-types" => owner(
                at("/ticket-types"),
                json!({"name": "Late", "price": 500, "capacity": 5}),
            ),
            "PATCH events/{event_id}/ticket-types/{ticket_type_id}" => owner(
                at(&format!("/ticket-types/{kind}")),
                json!({"name": "Other"}),
            ),
            "DELETE events/{event_id}/ticket-types/{ticket_type_id}" => {
                let id = self
                    .row("ticket_types", "name, capacity", "'Unused', 5")
                    .await;
                owner(at(&format!("/ticket-types/{id}")), json!({}))
            }
            "POST organizations/{organization_id}/api-keys" => owner(
                organization("/api-keys"),
                json!({"name": "Till", "scopes": ["see"]}),
            ),
            "DELETE organizations/{organization_id}/api-keys/{api_key_id}" => {
                world
                    .make_key(&json!({"name": "Old", "scopes": ["see"]}))
                    .await;
                let id = self
                    .made("select id from api_keys where name = 'Old'", &[])
                    .await;
                owner(organization(&format!("/api-keys/{id}")), json!({}))
            }
            "POST organizations/{organization_id}/taxes" => owner(
                organization("/taxes"),
                json!({"country": "TH", "name": "VAT", "rate": 700}),
            ),
            "PATCH organizations/{organization_id}/taxes/{tax_id}"
            | "DELETE organizations/{organization_id}/taxes/{tax_id}" => {
                let made = "insert into taxes (organization_id, country, name, rate)
                            select $1, chr(65 + count(*)::int) || 'X', 'VAT', 700 from taxes returning id";
                let id = self.made(made, &[&organizer.0]).await;
                owner(organization(&format!("/taxes/{id}")), json!({"rate": 800}))
            }
            "POST organizations/{organization_id}/members" => owner(
                organization("/members"),
                json!({"email": "ada@example.org", "role": "scanner"}),
            ),
            "DELETE organizations/{organization_id}/invitations/{invitation_id}" => {
                let made = "insert into organization_invitations (organization_id, email, role, expires_at)
                            values ($1, 'grace@example.org', 'scanner', now() + interval '1 day') returning id";
                let id = self.made(made, &[&organizer.0]).await;
                owner(organization(&format!("/invitations/{id}")), json!({}))
            }
            "PUT organizations/{organization_id}/members/{user_id}" => owner(
                organization(&format!("/members/{person}")),
                json!({"role": "box_office"}),
            ),
            "DELETE organizations/{organization_id}/members/{user_id}" => {
                let gone = world.people["finance"];
                owner(organization(&format!("/members/{gone}")), json!({}))
            }
            "POST tickets/{code}/transfer" => owner(
                format!("/api/v1/tickets/{}/transfer", self.ticket),
                json!({"name": "Grace", "email": "grace@example.org"}),
            ),
            "DELETE tickets/{code}/transfer" => {
                let sql = "
                    insert into transfers (ticket_id, event_id, generation)
                    select id, event_id, 1 from tickets where code = $1 returning ticket_id";
                self.made(sql, &[&self.ticket]).await;
                owner(
                    format!("/api/v1/tickets/{}/transfer", self.ticket),
                    json!({}),
                )
            }
            "PATCH users/{user_id}" => {
                admin(format!("/api/v1/users/{buyer}"), json!({"active": true}))
            }
            "POST users/{user_id}/memberships" => admin(
                format!("/api/v1/users/{buyer}/memberships"),
                json!({"kind": "season", "valid_to": "2099-12-31T00:00:00Z"}),
            ),
            "PUT users/{user_id}/memberships/{membership_id}"
            | "DELETE users/{user_id}/memberships/{membership_id}" => {
                let sql = "insert into memberships (user_id) values ($1) returning id";
                let id = self.made(sql, &[&buyer.0]).await;
                admin(
                    format!("/api/v1/users/{buyer}/memberships/{id}"),
                    json!({"kind": "season", "valid_to": "2099-12-31T00:00:00Z"}),
                )
            }
            "DELETE waitlist/{waiting_id}" => {
                let id = world.waiting(&self.show).await;
                admin(format!("/api/v1/waitlist/{id}"), json!({}))
            }
            "POST waitlist/{waiting_id}/accept" | "POST waitlist/{waiting_id}/decline" => {
                let id = self.offered().await;
                let act = route.rsplit('/').next().unwrap();
                admin(format!("/api/v1/waitlist/{id}/{act}"), json!({}))
            }
            route => {
                panic!("{route} is new: say here how staff send it, or why it leaves no entry")
            }
        }
    }
}

/// Mails are only written down here.
async fn mailing() -> World {
    World::with(|config| {
        config.mail.smtp_url = Some("smtp://127.0.0.1:9".to_owned());
        config.mail.public_url = Some("http://127.0.0.1".to_owned());
        config.mail.mail_from = Some("tickets@example.org".to_owned());
    })
    .await
}

/// The table that a POST with an `Idempotency-Key` adds a row to.
const MADE_BY: [(&str, &str); 15] = [
    ("POST bookings", "bookings"),
    ("POST bookings/bulk", "jobs where kind = 'bulk_bookings'"),
    ("POST bookings/{id}/refunds", "refunds"),
    ("POST events", "events"),
    ("POST events/{event_id}/fees", "fees"),
    ("POST events/{event_id}/notices", "notices"),
    ("POST events/{event_id}/taxes", "taxes"),
    ("POST events/{event_id}/ticket-types", "ticket_types"),
    ("POST events/{event_id}/vouchers", "vouchers"),
    ("POST events/{event_id}/waitlist", "waitlist"),
    ("POST organizations/{organization_id}/api-keys", "api_keys"),
    ("POST organizations/{organization_id}/taxes", "taxes"),
    ("POST tickets/{code}/transfer", "transfers"),
    ("POST users", "users"),
    ("POST users/{user_id}/memberships", "memberships"),
];

/// The answer is stored in the transaction of what it is the answer to: where it cannot be, nothing was done. So a node that
/// dies at any moment leaves both or neither.
#[tokio::test]
async fn an_answer_that_cannot_be_stored_leaves_nothing_behind() {
    let world = mailing().await;
    let document = seatcast::run::document();
    let mut keyed = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array();
            let mut parameters = parameters.into_iter().flatten();
            if parameters.any(|one| one["name"] == "Idempotency-Key") {
                let route = format!("{} {path}", method.to_uppercase());
                keyed.push(route.replace("/api/v1/", ""));
            }
        }
    }
    keyed.sort();
    assert_eq!(keyed, MADE_BY.map(|(route, _)| route));
    let mut faults = Vec::new();
    for (route, made) in MADE_BY {
        let stage = Stage::new(&world).await;
        let (kind, path, body) = match route {
            "POST bookings" => (
                "customer",
                "/api/v1/bookings".to_owned(),
                json!({"event_id": stage.show.event, "quantity": 1}),
            ),
            "POST events/{event_id}/waitlist" => {
                stage
                    .execute("update ticket_types set capacity = 2 where event_id = $event")
                    .await;
                let path = format!("/api/v1/events/{}/waitlist", stage.show.event);
                ("customer", path, json!({"quantity": 1}))
            }
            "POST users" => (
                "admin",
                "/api/v1/users".to_owned(),
                json!({"name": "Ada", "email": "ada@example.org"}),
            ),
            route => stage.request(route).await,
        };
        let caller = world
            .caller(kind)
            .with_header("idempotency-key", "the-key-of-a-lost-answer");
        let rows = async || -> i64 {
            one(&world.client, &format!("select count(*) from {made}"), &[]).await
        };
        let before = rows().await;
        let client = &world.client;
        client
            .batch_execute(
                "alter table idempotency_keys add constraint full_up check (false) not valid",
            )
            .await
            .unwrap();
        let lost = caller.post(&path, &body).await;
        client
            .batch_execute("alter table idempotency_keys drop constraint full_up")
            .await
            .unwrap();
        if lost.status < 500 {
            faults.push(format!("{route}: {} {:.200}", lost.status, lost.text));
        }
        if rows().await != before {
            faults.push(format!("{route}: done without its answer"));
        }
        for (again, new) in [(None, 1), (Some("true"), 1)] {
            let answer = caller.post(&path, &body).await;
            let is_made = (200..300).contains(&answer.status);
            if !is_made || answer.header("idempotent-replay") != again {
                faults.push(format!("{route}: {} {:.200}", answer.status, answer.text));
            }
            if rows().await != before + new {
                faults.push(format!("{route}: {} rows", rows().await - before));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whether only those with rights may send it.
fn is_for_staff(route: &str, admitted: &std::collections::BTreeSet<&str>) -> bool {
    !route.starts_with("GET ") && !admitted.contains("customer")
}

#[tokio::test]
async fn every_write_by_staff_leaves_an_entry() {
    let world = mailing().await;
    let mut faults = Vec::new();
    let routes = table("Routes");
    let of_staff = routes
        .iter()
        .filter(|(route, who)| is_for_staff(route, who));
    let mut asked = 0;
    for (route, _) in of_staff {
        if TOLD_ELSEWHERE.iter().any(|(told, _)| told == route) {
            continue;
        }
        asked += 1;
        let short = route.replace("/api/v1/", "");
        let stage = Stage::new(&world).await;
        let (kind, path, body) = stage.request(&short).await;
        let last = "select coalesce(max(id), 0) from audit_trail";
        let last: i64 = one(&world.client, last, &[]).await;
        let method: Method = route.split(' ').next().unwrap().parse().unwrap();
        let body = (method != Method::DELETE).then(|| body.to_string());
        let answer: Answer = world.caller(kind).send(method, &path, body).await;
        if answer.status >= 300 {
            faults.push(format!("{route}: {} {:.200}", answer.status, answer.text));
            continue;
        }
        let told =
            "select count(*) from audit_trail where id > $1 and action = $2 and user_id = $3";
        let action = route.replace("/api/v1", "");
        let user = world.people[kind].0;
        let told: i64 = one(&world.client, told, &[&last, &action, &user]).await;
        if told == 0 {
            faults.push(format!("{route} leaves no entry"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(asked > 40, "{asked} routes");
    // Each booking of many has its own, and codes of tickets are in none.
    let each = "select exists (select from audit_trail where action = 'POST /bookings/bulk' and object like 'booking:%')";
    let told = async {
        while !one::<bool>(&world.client, each, &[]).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let told = tokio::time::timeout(DEADLINE, told).await;
    told.expect("an entry of the booking that was cancelled with others");
    let secrets = "select count(*) from audit_trail where detail::text like '%TKT-%' or detail::text like '%example.org%'";
    assert_eq!(one::<i64>(&world.client, secrets, &[]).await, 0);
    let which = "select count(*) from audit_trail where action = 'DELETE /events/{event_id}/fees/{fee_id}' and detail ? 'fee_id'";
    assert_eq!(one::<i64>(&world.client, which, &[]).await, 1);
}
