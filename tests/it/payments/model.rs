//! People who do anything, in any order, beside a model of what they were told.
//!
//! Several people at a time hold tickets and seats, swap, pay with cards that are good, declined or too late, pay cash,
//! cancel, wait for what comes free, and are refunded, on two events whose stock overlaps. Webhooks come twice, late, in any
//! order or never, and the server is killed again and again. The model is what the answers said: each person knows their own
//! bookings, with their seats. Afterwards the model, the database, what viewers have on screen and the provider's books must
//! be one.
//!
//! Then the doors open, and each ticket lets one in; one of the events is cancelled, while the server is killed, and all its
//! money goes back; and a hand at the database tries what its guards refuse ([`super::guards`]).
//!
//! `SEATCAST_MODEL_SEEDS=20` tries more of them, `SEATCAST_MODEL_SEED=7` one of them. `SEATCAST_MODEL_SQL` runs a
//! statement first. `SEATCAST_MODEL_GUARDS=1` takes away each guard of the database in turn, or the one that it names, and
//! says what noticed it: each has to be noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use seatcast::store::audit::audit;
use seatcast::ticketing::UserId;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use super::guards::{GUARDS, gone, unmet};
use super::rules::DECLINED;
use super::servers::{PATIENCE, Servers};
use super::shop::GOOD;
use crate::support::caller::Answer;
use crate::support::database::TestDatabase;
use crate::support::server::DEADLINE;
use crate::support::show::{MONEY_AT_REST, Show, Staged, one, user};
use crate::support::viewer::{ShownPicture, Viewer};
use crate::support::websocket::WireVersion;

const SEEDS: u64 = 2;
const PEOPLE: usize = 8;
const STEPS: usize = 20;
/// The fee on one ticket of the first event.
const FEE: i64 = 50;
/// Prices of the events' ticket types; the last one of the first event is hidden.
const PRICES: [&[i64]; 2] = [&[1_500, 2_500, 3_000], &[2_000, 900]];
/// The place of the hidden one.
const HIDDEN: usize = 2;
/// The place of the type that is sold by the seat, in the second event.
const SEATED: usize = 0;
/// The price of a seat with a voucher that covers two of them.
const SEAT_PRICE: i64 = 1_200;
/// Of each event: some off, an amount off, nothing off but what is hidden shown, nothing off but some set aside; two seats at
/// another price.
const VOUCHERS: [&[&str]; 2] = [&["TENTH", "FIVER", "SECRET", "KEPT"], &["SEATER"]];
/// Units that are set aside for bearers of «KEPT», and the place of its type in the first event.
const RESERVED: i64 = 5;
const KEPT: usize = 1;
const BOOKINGS: &str = "/api/v1/bookings";
const LOOK_AGAIN: Duration = Duration::from_millis(30);

/// Refusals of a hold that others may be the cause of.
const REFUSALS: [&str; 7] = [
    "SOLD_OUT",
    "TICKET_TYPE_SOLD_OUT",
    "NOT_ENOUGH_LEFT",
    "EVENT_AT_CAPACITY",
    "NO_ADJACENT_SEATS",
    "SEAT_TAKEN",
    "VOUCHER_USED_UP",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Pending,
    Confirmed,
    Cancelled,
    Expired,
    Refunded,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Confirmed => "confirmed",
            State::Cancelled => "cancelled",
            State::Expired => "expired",
            State::Refunded => "refunded",
        }
    }
}

/// A booking as its owner knows it.
#[derive(Debug, Clone)]
struct Told {
    id: String,
    event: usize,
    /// Live units by place of the ticket type.
    units: BTreeMap<usize, i64>,
    /// Those of them that are seats, by id.
    seats: BTreeSet<i64>,
    /// Units that were sold, or are to be.
    bought: i64,
    total: i64,
    voucher: Option<&'static str>,
    state: State,
    intent: Option<String>,
    /// The amount that the provider has taken for it, and kept.
    kept: i64,
    /// Paid by whatever means, and not given back.
    paid: i64,
}

/// The tickets that somebody would like to have.
struct Wish {
    /// By place of the ticket type.
    units: BTreeMap<usize, i64>,
    seats: SeatWish,
}

enum SeatWish {
    /// Any seats side by side; asked for by name, or meant by a number of seated tickets.
    SideBySide {
        is_said: bool,
    },
    These(BTreeSet<i64>),
}

struct World {
    servers: Servers,
    database: TestDatabase,
    shows: Vec<Staged>,
}

impl World {
    /// Two events: one with two ticket types that have more tickets than the event has; one with 20 seats and a few
    /// other places. A fee that buyers pay, one that the organizer pays, a tax, a hidden ticket type, and vouchers, of which
    /// one may be used five times, and one sets some aside.
    async fn new(sql: Option<&str>) -> World {
        let database = TestDatabase::new().await;
        let client = database.client().await;
        let standing = Show::new()
            .capacity(40)
            .ticket_type("Standing", PRICES[0][0], 30)
            .ticket_type("Balcony", PRICES[0][1], 20)
            .ticket_type("Friends", PRICES[0][2], 4);
        let seated = Show::new()
            .capacity(25)
            .ticket_type("Seat", PRICES[1][SEATED], 20)
            .row(10)
            .row(10)
            .ticket_type("Standing", PRICES[1][1], 10);
        let shows = vec![standing.stage(&client).await, seated.stage(&client).await];
        let (first, second) = (shows[0].event, shows[1].event);
        let (friends, seat) = (shows[0].ticket_types[HIDDEN], shows[1].ticket_types[SEATED]);
        let kept = shows[0].ticket_types[KEPT];
        let terms = format!(
            "update ticket_types set hidden = true where id = {friends};
             insert into fees (event_id, name, kind, value) values ({first}, 'Service', 'per_ticket', {FEE});
             insert into fees (event_id, name, kind, value, absorbed) values ({first}, 'Ours', 'percent', 500, true);
             insert into taxes (event_id, name, rate, included) values ({first}, 'VAT', 700, true);
             insert into vouchers (event_id, code, kind, value, uses_max) values
                 ({first}, 'TENTH', 'percent', 1000, 5), ({first}, 'FIVER', 'amount', 500, null);
             insert into vouchers (event_id, code, kind, value, reveals_hidden, valid_from, valid_to) values
                 ({first}, 'SECRET', 'percent', 0, true, now() - interval '1 day', now() + interval '1 day');
             insert into vouchers (event_id, code, kind, value, ticket_type_ids, max_per_booking) values
                 ({second}, 'SEATER', 'fixed_price', {SEAT_PRICE}, array[{seat}], 2);
             insert into vouchers (event_id, code, kind, value, ticket_type_ids, reserved) values
                 ({first}, 'KEPT', 'percent', 0, array[{kept}], {RESERVED})"
        );
        client.batch_execute(&terms).await.unwrap();
        if let Some(sql) = sql {
            client.batch_execute(sql).await.unwrap();
        }
        let servers = Servers::start(database.url()).await;
        World {
            servers,
            database,
            shows,
        }
    }

    /// The fee that the organizer pays of a sale, less its share of what went back.
    fn absorbed(&self, one: &Told) -> i64 {
        let half_up = |part: i64, whole: i64| (2 * part + whole) / (2 * whole);
        if one.event != 0 || one.total == 0 {
            return 0;
        }
        let fees = FEE * one.bought;
        let whole = half_up((one.total - fees) * 5, 100);
        whole - half_up((one.total - one.paid) * whole, one.total)
    }

    fn price(&self, event: usize, units: &BTreeMap<usize, i64>, voucher: Option<&str>) -> i64 {
        let full: i64 = units
            .iter()
            .map(|(kind, by)| PRICES[event][*kind] * by)
            .sum();
        let off = match voucher {
            Some("TENTH") => (full + 5) / 10,
            Some("FIVER") => full.min(500),
            Some("SEATER") => {
                let seats = units.get(&SEATED).copied().unwrap_or(0).min(2);
                seats * (PRICES[1][SEATED] - SEAT_PRICE)
            }
            _ => 0,
        };
        let fee = match event == 0 && full > off {
            true => FEE * units.values().sum::<i64>(),
            false => 0,
        };
        full - off + fee
    }

    async fn ask(&self, method: Method, path: &str, by: UserId, body: Option<Value>) -> Answer {
        let headers = [("x-user-id", by.to_string())];
        self.servers
            .ask(&method, path, &headers, body.as_ref())
            .await
    }
}

struct Person {
    world: Arc<World>,
    id: UserId,
    client: Client,
    random: StdRng,
    told: Vec<Told>,
    /// Their place in a line.
    waiting: Option<i64>,
    made: usize,
}

impl Person {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.world.ask(method, path, self.id, body).await
    }

    async fn staff(&self, event: usize, method: Method, path: &str, body: Option<Value>) -> Answer {
        let organizer = self.world.shows[event].organizer;
        self.world.ask(method, path, organizer, body).await
    }

    fn key(&mut self) -> (&'static str, String) {
        self.made += 1;
        (
            "idempotency-key",
            format!("key-of-the-model-{}-{}", self.id, self.made),
        )
    }

    fn pending(&self) -> Option<usize> {
        self.told.iter().position(|one| one.state == State::Pending)
    }

    /// One who is refundable.
    fn paid(&mut self) -> Option<usize> {
        let paid = |one: &(usize, &Told)| one.1.state == State::Confirmed && one.1.paid > 0;
        let all: Vec<usize> = self
            .told
            .iter()
            .enumerate()
            .filter(paid)
            .map(|one| one.0)
            .collect();
        all.choose(&mut self.random).copied()
    }

    fn wish(&mut self, event: usize, voucher: Option<&str>) -> Wish {
        let mut units = BTreeMap::new();
        for kind in 0..PRICES[event].len() {
            let is_seen = (event, kind) != (0, HIDDEN) || voucher == Some("SECRET");
            if is_seen && self.random.random_bool(0.6) {
                units.insert(kind, self.random.random_range(1..=3));
            }
        }
        if units.is_empty() {
            units.insert(usize::from(event == 0), 2);
        }
        // It is for nothing else.
        if voucher == Some("SEATER") {
            units.entry(SEATED).or_insert(1);
        }
        if voucher == Some("KEPT") {
            units.entry(KEPT).or_insert(1);
        }
        let seats = match (event, units.get(&SEATED)) {
            (1, Some(&count)) if self.random.random_bool(0.5) => {
                let (all, count) = (&self.world.shows[1].seats, usize::try_from(count).unwrap());
                let chosen = all.choose_multiple(&mut self.random, count);
                SeatWish::These(chosen.map(|seat| seat.0).collect())
            }
            _ => SeatWish::SideBySide {
                is_said: event == 1 && self.random.random_bool(0.5),
            },
        };
        Wish { units, seats }
    }

    fn items(&self, event: usize, wish: &Wish) -> Value {
        let types = &self.world.shows[event].ticket_types;
        let mut items = Vec::new();
        for (kind, by) in &wish.units {
            match &wish.seats {
                SeatWish::These(seats) if *kind == SEATED => {
                    items.extend(seats.iter().map(|seat| json!({ "seat_id": seat })));
                }
                SeatWish::SideBySide { is_said: true } if *kind == SEATED => items.push(
                    json!({"ticket_type_id": types[*kind], "quantity": by, "best_available": true}),
                ),
                _ => items.push(json!({"ticket_type_id": types[*kind], "quantity": by})),
            }
        }
        Value::Array(items)
    }

    /// The seats of a booking as it was answered, which are those that were asked for.
    fn seats_of(event: usize, booking: &Value, wish: &Wish) -> BTreeSet<i64> {
        let seats = seats_of(booking);
        let wanted = match event {
            0 => 0,
            _ => wish.units.get(&SEATED).copied().unwrap_or(0),
        };
        assert_eq!(i64::try_from(seats.len()).unwrap(), wanted, "{booking}");
        if let SeatWish::These(asked) = &wish.seats {
            assert_eq!(seats, *asked, "{booking}");
        }
        seats
    }

    async fn step(&mut self) {
        match (self.random.random_range(0..10), self.pending()) {
            (0..2, _) => self.refund().await,
            (2, _) => self.wait_or_look().await,
            (_, None) => self.hold().await,
            (3, Some(one)) => self.swap(one).await,
            (4, Some(one)) => self.cancel(one).await,
            (5, Some(one)) => self.pay_cash(one).await,
            (6, Some(one)) => self.pay_late(one).await,
            (_, Some(one)) => self.pay(one).await,
        }
    }

    async fn hold(&mut self) {
        let event = self.random.random_range(0..2);
        let voucher = match self.random.random_bool(0.6) {
            true => VOUCHERS[event].choose(&mut self.random).copied(),
            false => None,
        };
        let wish = self.wish(event, voucher);
        let body = json!({
            "event_id": self.world.shows[event].event, "items": self.items(event, &wish),
            "vouchers": voucher.into_iter().collect::<Vec<_>>(),
        });
        let headers = [("x-user-id", self.id.to_string()), self.key()];
        let post = Method::POST;
        let answer = self
            .world
            .servers
            .ask(&post, BOOKINGS, &headers, Some(&body))
            .await;
        if answer.status != 201 {
            let code = answer.code(409);
            return assert!(REFUSALS.contains(&code), "{}", answer.text);
        }
        let made = answer.data(201);
        let total = self.world.price(event, &wish.units, voucher);
        assert_eq!(made["total"]["amount"], total, "{made}");
        let seats = Person::seats_of(event, made, &wish);
        self.told.push(Told {
            id: made["id"].as_str().unwrap().to_owned(),
            event,
            bought: wish.units.values().sum(),
            units: wish.units,
            seats,
            total,
            voucher,
            state: State::Pending,
            intent: None,
            kept: 0,
            paid: 0,
        });
    }

    async fn swap(&mut self, one: usize) {
        let (event, id) = (self.told[one].event, self.told[one].id.clone());
        let wish = self.wish(event, self.told[one].voucher);
        let body = json!({"items": self.items(event, &wish)});
        let answer = self
            .ask(Method::PATCH, &format!("{BOOKINGS}/{id}"), Some(body))
            .await;
        let told = &mut self.told[one];
        match answer.status {
            200 => {
                told.total = self.world.price(event, &wish.units, told.voucher);
                told.seats = Person::seats_of(event, answer.data(200), &wish);
                told.bought = wish.units.values().sum();
                told.units = wish.units;
                assert_eq!(
                    answer.data(200)["total"]["amount"],
                    told.total,
                    "{}",
                    answer.text
                );
            }
            _ => assert!(REFUSALS.contains(&answer.code(409)), "{}", answer.text),
        }
    }

    async fn cancel(&mut self, one: usize) {
        let path = format!("{BOOKINGS}/{}/status", self.told[one].id);
        let body = json!({"status": "cancelled"});
        self.ask(Method::PUT, &path, Some(body)).await.data(200);
        self.told[one].state = State::Cancelled;
    }

    async fn pay_cash(&mut self, one: usize) {
        let (event, path) = (
            self.told[one].event,
            format!("{BOOKINGS}/{}/status", self.told[one].id),
        );
        let body = json!({"status": "confirmed", "paid_by": "cash"});
        self.staff(event, Method::PUT, &path, Some(body))
            .await
            .data(200);
        let told = &mut self.told[one];
        (told.state, told.paid) = (State::Confirmed, told.total);
    }

    /// Begins to pay, sometimes in two tabs; the intent's id.
    async fn begin(&mut self, one: usize) -> String {
        let path = format!("{BOOKINGS}/{}/payment", self.told[one].id);
        let intent = match self.random.random_bool(0.3) {
            true => {
                let (first, second) = tokio::join!(self.intent(&path), self.intent(&path));
                assert_eq!(first, second, "one attempt at a time");
                first
            }
            false => self.intent(&path).await,
        };
        self.told[one].intent = Some(intent.clone());
        intent
    }

    async fn intent(&self, path: &str) -> String {
        loop {
            let began = self.ask(Method::POST, path, Some(json!({}))).await;
            if let Some(secret) = began.data(201)["client_secret"].as_str() {
                return secret.split("_secret_").next().unwrap().to_owned();
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn pay(&mut self, one: usize) {
        let intent = self.begin(one).await;
        let stripe = &self.world.servers.stripe;
        if self.random.random_bool(0.3) {
            stripe.give_card(&intent, DECLINED).await;
            if self.random.random_bool(0.3) {
                return;
            }
        }
        stripe.give_card(&intent, GOOD).await;
        self.settles(one).await;
        assert_eq!(
            self.told[one].state,
            State::Confirmed,
            "{:?}",
            self.told[one]
        );
    }

    /// The card comes after the hold's end: the same stock, or the money back.
    async fn pay_late(&mut self, one: usize) {
        let intent = self.begin(one).await;
        let id = &self.told[one].id;
        let sql = format!("update bookings set expires_at = clock_timestamp() where id = '{id}'");
        self.client.execute(&sql, &[]).await.unwrap();
        let ended = format!("select status <> 'pending' from bookings where id = '{id}'");
        self.until(&ended).await;
        // The attempt may have been ended first: then nothing is taken.
        self.world.servers.stripe.give_card(&intent, GOOD).await;
        self.settles(one).await;
        assert_ne!(self.told[one].state, State::Pending);
    }

    /// Waits until the attempts of the booking have ended, with all that they owe, and takes over how.
    async fn settles(&mut self, one: usize) {
        let id = &self.told[one].id;
        let settled = format!(
            "select not exists (
                 select from payments p join bookings b on b.id = p.booking_id
                  where p.booking_id = '{id}'
                    and (p.state in ('creating', 'requires_action', 'authorized', 'processing')
                         or b.status <> 'confirmed' and p.refunded_amount < p.captured_amount
                         or exists (select from refunds r where r.payment_id = p.id and r.state in ('requested', 'pending'))))"
        );
        self.until(&settled).await;
        let sql = format!(
            "select b.status, coalesce((select sum(captured_amount - refunded_amount) from payments
                                         where booking_id = b.id and provider = 'stripe'), 0)::bigint
               from bookings b where b.id = '{id}'"
        );
        let row = self.client.query_one(&sql, &[]).await.unwrap();
        let (status, kept): (String, i64) = (row.get(0), row.get(1));
        let told = &mut self.told[one];
        (told.kept, told.paid) = (kept, kept);
        told.state = match &*status {
            "confirmed" => State::Confirmed,
            "pending" => State::Pending,
            _ => State::Expired,
        };
        let due = if told.state == State::Confirmed {
            told.total
        } else {
            0
        };
        assert_eq!(kept, due, "{told:?}");
    }

    async fn until(&self, sql: &str) {
        let started = Instant::now();
        while !one::<bool>(&self.client, sql, &[]).await {
            assert!(started.elapsed() < PATIENCE, "{sql}");
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn refund(&mut self) {
        let Some(one) = self.paid() else { return };
        let (id, event) = (self.told[one].id.clone(), self.told[one].event);
        let captured = "select count(*) > 0 from payments where state = 'captured' and booking_id";
        self.until(&format!("{captured} = '{id}'")).await;
        let path = format!("{BOOKINGS}/{id}");
        let booking = self.ask(Method::GET, &path, None).await.data(200).clone();
        let valid: Vec<Value> = booking["tickets"].as_array().unwrap().clone();
        let valid: Vec<&Value> = valid
            .iter()
            .filter(|one| one["status"] == "valid")
            .collect();
        let body = match self.random.random_range(0..3) {
            0 => json!({"all": true}),
            1 => json!({"ticket_ids": [valid[0]["code"]]}),
            _ => json!({"amount": self.random.random_range(1..=self.told[one].paid)}),
        };
        let organizer = self.world.shows[event].organizer;
        let path = format!("{path}/refunds");
        if self.random.random_bool(0.2) {
            return self.refund_twice(one, &path).await;
        }
        let headers = [("x-user-id", organizer.to_string()), self.key()];
        let post = Method::POST;
        let answer = self
            .world
            .servers
            .ask(&post, &path, &headers, Some(&body))
            .await;
        if answer.status == 409 {
            // Parts were given back by amount before, so a ticket's price may be more than what is left.
            return assert!(
                ["REFUND_EXCEEDS", "NOT_REFUNDABLE"].contains(&answer.code(409)),
                "{}",
                answer.text
            );
        }
        let refund = answer.data(201).clone();
        let amount = refund["amount"]["amount"].as_i64().unwrap();
        let done = "select count(*) > 0 from refunds where state = 'succeeded' and id";
        self.until(&format!("{done} = '{}'", refund["id"].as_str().unwrap()))
            .await;
        let types = self.world.shows[event].ticket_types.clone();
        let told = &mut self.told[one];
        told.paid -= amount;
        told.kept = (told.kept - amount).max(0);
        assert!(told.paid >= 0, "{told:?} after {refund}");
        for code in refund["tickets"].as_array().unwrap() {
            let ticket = valid
                .iter()
                .find(|one| one["code"] == *code)
                .expect("it was valid");
            let kind = types
                .iter()
                .position(|id| ticket["ticket_type_id"] == json!(id));
            *told.units.get_mut(&kind.unwrap()).unwrap() -= 1;
            if let Some(seat) = ticket["seat_id"].as_i64() {
                assert!(told.seats.remove(&seat), "{told:?} after {refund}");
            }
        }
        if told.units.values().sum::<i64>() == 0 {
            told.state = State::Refunded;
        }
    }

    /// Two of the staff give back more than half at once: one of them does.
    async fn refund_twice(&mut self, one: usize, path: &str) {
        let told = &self.told[one];
        let (event, amount) = (told.event, told.paid / 2 + 1);
        let organizer = self.world.shows[event].organizer.to_string();
        let keys = [self.key(), self.key()];
        let asked = keys.map(|key| {
            let (world, headers) = (self.world.clone(), [("x-user-id", organizer.clone()), key]);
            let (path, body) = (path.to_owned(), json!({ "amount": amount }));
            async move {
                world
                    .servers
                    .ask(&Method::POST, &path, &headers, Some(&body))
                    .await
            }
        });
        let answers = futures_util::future::join_all(asked).await;
        let mut given = 0;
        for answer in answers {
            match answer.status {
                201 => {
                    given += 1;
                    let done = "select count(*) > 0 from refunds where state = 'succeeded' and id";
                    let id = answer.data(201)["id"].as_str().unwrap().to_owned();
                    self.until(&format!("{done} = '{id}'")).await;
                }
                _ => assert_eq!(answer.code(409), "REFUND_EXCEEDS"),
            }
        }
        assert_eq!(given, 1, "of two refunds of more than half");
        let told = &mut self.told[one];
        told.paid -= amount;
        told.kept = (told.kept - amount).max(0);
    }

    async fn wait_or_look(&mut self) {
        let Some(place) = self.waiting else {
            let event = self.random.random_range(0..2);
            let path = format!("/api/v1/events/{}/waitlist", self.world.shows[event].event);
            let body = json!({"quantity": self.random.random_range(1..=3)});
            let answer = self.ask(Method::POST, &path, Some(body)).await;
            match answer.status {
                201 => self.waiting = answer.data(201)["id"].as_i64(),
                // A server that died had written it down before it could say so.
                409 if answer.code(409) == "ALREADY_WAITING" => {
                    let mine = self.ask(Method::GET, "/api/v1/waitlist/mine", None).await;
                    let mine = mine.data(200).as_array().unwrap().clone();
                    let live = |one: &&Value| {
                        ["waiting", "offered"].contains(&one["status"].as_str().unwrap())
                    };
                    self.waiting = mine.iter().find(live).and_then(|one| one["id"].as_i64());
                }
                _ => assert_eq!(answer.code(409), "NOT_SOLD_OUT"),
            }
            return;
        };
        self.look(place, self.random.clone().random_bool(0.5)).await;
    }

    /// Takes an offer, or declines it.
    async fn look(&mut self, place: i64, takes: bool) {
        let path = format!("/api/v1/waitlist/{place}");
        let seen = self.ask(Method::GET, &path, None).await.data(200).clone();
        if seen["status"] == "waiting" {
            return;
        }
        self.waiting = None;
        if seen["status"] != "offered" {
            return;
        }
        // One pending booking of a customer is enough.
        let event = self
            .world
            .shows
            .iter()
            .position(|show| seen["event_id"] == json!(show.event));
        let busy = self
            .told
            .iter()
            .any(|one| one.state == State::Pending && Some(one.event) == event);
        let verb = if takes && !busy { "accept" } else { "decline" };
        let answer = self
            .ask(Method::POST, &format!("{path}/{verb}"), Some(json!({})))
            .await;
        if verb == "decline" {
            return assert!(
                answer.status < 300 || answer.status == 409,
                "{}",
                answer.text
            );
        }
        let booking = answer.data(200);
        let event = event.unwrap();
        let types = &self.world.shows[event].ticket_types;
        let mut units = BTreeMap::new();
        for item in booking["items"].as_array().unwrap() {
            let kind = types
                .iter()
                .position(|id| item["ticket_type_id"] == json!(id))
                .unwrap();
            units.insert(kind, item["quantity"].as_i64().unwrap());
        }
        let total = self.world.price(event, &units, None);
        assert_eq!(booking["total"]["amount"], total, "{booking}");
        self.told.push(Told {
            id: booking["id"].as_str().unwrap().to_owned(),
            event,
            bought: units.values().sum(),
            units,
            seats: seats_of(booking),
            total,
            voucher: None,
            state: State::Pending,
            intent: None,
            kept: 0,
            paid: 0,
        });
    }

    /// Leaves every line, and declines what is offered.
    async fn leave(&mut self) {
        while let Some(place) = self.waiting {
            self.look(place, false).await;
            if self.waiting.is_some() {
                let path = format!("/api/v1/waitlist/{place}");
                self.ask(Method::DELETE, &path, None).await;
            }
        }
    }
}

/// Ids of the seats that an answered booking has.
fn seats_of(booking: &Value) -> BTreeSet<i64> {
    let items = booking["items"].as_array().unwrap();
    let seats = items.iter().flat_map(|item| item["seats"].as_array());
    let ids = seats.flatten().map(|seat| seat["id"].as_i64().unwrap());
    ids.collect()
}

/// Webhooks are lost, doubled, held back and reordered; the server is killed.
async fn trouble(world: Arc<World>, mut random: StdRng, over: CancellationToken) {
    while !over.is_cancelled() {
        sleep(Duration::from_millis(random.random_range(300..1_500))).await;
        let stripe = &world.servers.stripe;
        match random.random_range(0..8) {
            0 => world.servers.kill().await,
            1..3 => drop(stripe.tell(json!({"release": "reversed"})).await),
            _ => {
                let way = *["send", "double", "hold", "drop"]
                    .choose(&mut random)
                    .unwrap();
                stripe.tell(json!({"delivery": way})).await;
            }
        }
    }
}

/// Where a run is: says who noticed what is wrong.
type Stage = Arc<Mutex<&'static str>>;

async fn run(seed: u64, sql: Option<&str>, stage: &Stage) {
    let at = |now| *stage.lock().unwrap() = now;
    at("the people");
    let world = Arc::new(World::new(sql).await);
    let mut client = world.database.client().await;
    let topics = world
        .shows
        .iter()
        .map(|show| format!("event:{}", show.event));
    let topics = topics.chain([format!("seats:{}", world.shows[1].event)]);
    let viewers: Vec<Viewer> = topics
        .map(|topic| Viewer::watch(world.servers.address(), topic, WireVersion::V2))
        .collect();
    let mut living = JoinSet::new();
    for number in 0..PEOPLE {
        let mut person = Person {
            world: world.clone(),
            id: user(&client, "customer").await,
            client: world.database.client().await,
            random: StdRng::seed_from_u64(seed * 1_000 + number as u64),
            told: Vec::new(),
            waiting: None,
            made: 0,
        };
        living.spawn(async move {
            for _ in 0..STEPS {
                person.step().await;
            }
            person
        });
    }
    let over = CancellationToken::new();
    let troubled = trouble(world.clone(), StdRng::seed_from_u64(seed), over.clone());
    let troubled = tokio::spawn(troubled);
    let mut people = living.join_all().await;
    // A server that is being killed comes back first.
    over.cancel();
    troubled.await.unwrap();
    let stripe = &world.servers.stripe;
    stripe.tell(json!({"delivery": "send"})).await;
    stripe.tell(json!({"release": "reversed"})).await;
    for person in &mut people {
        person.leave().await;
    }
    let told: Vec<Told> = people.iter().flat_map(|one| one.told.clone()).collect();
    at("the books");
    check(&world, &client, &told, viewers).await;
    at("the doors");
    doors(&world, &client).await;
    at("the cancelled event");
    cancel_event(&world, &client, told).await;
    at("the hand at the database");
    let gone = gone(&mut client).await;
    assert!(gone.is_empty(), "no guard refuses it: {gone:#?}");
    let unmet = unmet(&mut client).await;
    assert!(
        unmet.is_empty(),
        "its write is refused all the same: {unmet:#?}"
    );
}

/// Tickets are shown at two doors at once: one of them lets somebody in, and the same scan again is the same.
async fn doors(world: &World, client: &Client) {
    let sql = "select k.code, k.event_id from (select * from bookings where status = 'confirmed' order by id limit 4) b
                cross join lateral (select * from tickets where booking_id = b.id and status = 'valid' order by id limit 1) k";
    for row in client.query(sql, &[]).await.unwrap() {
        let (code, event): (String, i64) = (row.get(0), row.get(1));
        let show = world.shows.iter().find(|show| show.event.0 == event);
        let organizer = show.expect("one of ours").organizer;
        let scan = async |gate: &str| {
            let nonce = format!("nonce-{gate}-{code}");
            let body = json!({"code": code, "nonce": nonce, "gate": gate, "event_id": event});
            let path = "/api/v1/checkins";
            world.ask(Method::POST, path, organizer, Some(body)).await
        };
        let (one, other) = tokio::join!(scan("east"), scan("west"));
        let admitted = [&one, &other].map(|answer| answer.status < 300);
        assert_eq!(
            admitted.iter().filter(|is| **is).count(),
            1,
            "{}, {}",
            one.text,
            other.text
        );
        let (again, gate) = (scan("east").await, "east");
        assert_eq!(
            again.status < 300,
            admitted[0],
            "the scan at {gate} again: {}",
            again.text
        );
    }
}

/// The first event does not take place, whoever was in; the server dies while its bookings end. Each of them gives back
/// what was paid.
async fn cancel_event(world: &World, client: &Client, mut told: Vec<Told>) {
    let show = &world.shows[0];
    let path = format!("/api/v1/events/{}/cancel", show.event);
    let body = json!({"reason": "The band is ill."});
    let cancelled = world
        .ask(Method::POST, &path, show.organizer, Some(body))
        .await;
    assert!(
        // A server that died had cancelled it before it could say so.
        cancelled.status == 202 || cancelled.code(409) == "EVENT_CANCELLED",
        "{}",
        cancelled.text
    );
    world.servers.kill().await;
    let over = format!(
        "select not exists (select from bookings where event_id = {} and status in ('pending', 'confirmed'))",
        show.event
    );
    let started = Instant::now();
    for sql in [&*over, MONEY_AT_REST] {
        while !one::<bool>(client, sql, &[]).await {
            assert!(started.elapsed() < PATIENCE, "{}", restless(client).await);
            sleep(LOOK_AGAIN).await;
        }
    }
    for one in told.iter_mut().filter(|one| one.event == 0) {
        (one.kept, one.paid) = (0, 0);
    }
    the_books_agree(world, client, &told).await;
}

/// The rows of a booking.
async fn one_of(client: &Client, booking: &str) -> Value {
    let sql = "select jsonb_build_object(
        'booking', (select to_jsonb(b) from bookings b where id::text = $1),
        'claims', (select jsonb_agg(to_jsonb(c)) from claims c where booking_id::text = $1),
        'tickets', (select jsonb_agg(to_jsonb(t)) from tickets t where booking_id::text = $1),
        'payments', (select jsonb_agg(to_jsonb(p)) from payments p where booking_id::text = $1),
        'refunds', (select jsonb_agg(to_jsonb(r)) from refunds r where booking_id::text = $1),
        'items', (select jsonb_agg(to_jsonb(i)) from booking_items i where booking_id::text = $1))";
    one(client, sql, &[&booking]).await
}

/// The jobs and refunds that keep the money from its rest.
async fn restless(client: &Client) -> Value {
    let sql = "select jsonb_build_object(
        'jobs', (select jsonb_agg(to_jsonb(j)) from jobs j where state <> 'done' and kind in ('staff_paid', 'payment', 'give_back')),
        'refunds', (select jsonb_agg(to_jsonb(r)) from refunds r where state in ('requested', 'pending')),
        'payments', (select jsonb_agg(jsonb_build_object('payment', to_jsonb(p), 'booking', to_jsonb(b)))
                       from payments p join bookings b on b.id = p.booking_id
                      where p.id in (select payment_id from refunds where state in ('requested', 'pending'))
                         or exists (select from jobs j where j.state <> 'done' and j.kind in ('payment', 'give_back')
                                                         and j.payload->>'payment_id' = p.id::text)))";
    one(client, sql, &[]).await
}

/// Model = database = what viewers see = the provider's books.
async fn check(world: &World, client: &Client, told: &[Told], viewers: Vec<Viewer>) {
    for one in told {
        let sql = "
            select status, total_amount,
                   (select count(*) from tickets t where t.booking_id = b.id and t.status = 'valid'),
                   (select coalesce(sum(quantity), 0)::bigint from claims c where c.booking_id = b.id and c.state <> 'dead'),
                   array(select seat_id from claims c where c.booking_id = b.id and c.state <> 'dead' and seat_id is not null
                          order by seat_id)
              from bookings b where id::text = $1";
        let row = client.query_one(sql, &[&one.id]).await.unwrap();
        let (units, seats) = match one.state {
            State::Pending | State::Confirmed => (
                one.units.values().sum::<i64>(),
                one.seats.iter().copied().collect(),
            ),
            _ => (0, Vec::new()),
        };
        let tickets = if one.state == State::Confirmed {
            units
        } else {
            0
        };
        type Row = (String, i64, i64, i64, Vec<i64>);
        let stored: Row = (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4));
        let wanted: Row = (
            one.state.name().to_owned(),
            one.total,
            tickets,
            units,
            seats,
        );
        if stored != wanted {
            let rows: Value = one_of(client, &one.id).await;
            panic!("{stored:?} is not {wanted:?}: {one:?}, {rows}");
        }
    }
    let store = world.database.store().await;
    let mut states = BTreeMap::new();
    for (place, show) in world.shows.iter().enumerate() {
        let live = store.live_event(show.event, 1).await.unwrap().unwrap();
        for (kind, id) in show.ticket_types.iter().enumerate() {
            let of = |state| {
                let mine = told
                    .iter()
                    .filter(|one| one.event == place && one.state == state);
                mine.filter_map(|one| one.units.get(&kind)).sum::<i64>()
            };
            let row = &live.state.ticket_types[id];
            let set_aside = match (place, kind) {
                (0, KEPT) => {
                    let live = told.iter().filter(|one| one.voucher == Some("KEPT"));
                    let live =
                        live.filter(|one| [State::Pending, State::Confirmed].contains(&one.state));
                    let taken: i64 = live.filter_map(|one| one.units.get(&KEPT)).sum();
                    (RESERVED - taken).max(0)
                }
                _ => 0,
            };
            let wanted = (of(State::Pending) + set_aside, of(State::Confirmed));
            assert_eq!((row.held, row.sold), wanted, "type {kind} of event {place}");
        }
        states.insert(show.event.to_string(), live.state);
    }
    for viewer in viewers {
        let topic = viewer.topic.clone();
        let state = &states[topic.split(':').nth(1).unwrap()];
        viewer.reach(state.revision, DEADLINE).await;
        let diary = viewer.end().await;
        let (_, seen) = diary.pictures.last().unwrap();
        let truth = ShownPicture::of(state, &topic);
        assert_eq!(seen.trimmed(&truth), truth, "{topic}");
    }
    let started = Instant::now();
    while !one::<bool>(client, MONEY_AT_REST, &[]).await {
        if started.elapsed() >= PATIENCE {
            panic!(
                "the money does not come to rest: {}",
                restless(client).await
            );
        }
        sleep(LOOK_AGAIN).await;
    }
    let sold = |one: &&Told| one.state == State::Confirmed && one.paid > 0;
    for (place, show) in world.shows.iter().enumerate() {
        let kept = told.iter().filter(sold).filter(|one| one.event == place);
        let kept: i64 = kept.map(|one| one.paid).sum();
        let sql = "select coalesce(sum(n.sold_amount - n.returned_amount), 0)::bigint
                          - (select coalesce(sum(amount), 0)::bigint from refund_numbers
                              where event_id = $1 and quarter = '-infinity')
                     from booking_numbers n where event_id = $1 and quarter = '-infinity'";
        let net: i64 = one(client, sql, &[&show.event]).await;
        assert_eq!(net, kept, "revenue of event {place}");
    }
    let absorbed: i64 = told
        .iter()
        .filter(sold)
        .map(|one| world.absorbed(one))
        .sum();
    let sql = "select coalesce(sum(e.amount), 0)::bigint from ledger_entries e
                 join ledger_accounts a on a.id = e.account_id where a.name = 'absorbed fees'";
    assert_eq!(one::<i64>(client, sql, &[]).await, absorbed);
    let sql = "select uses::bigint from vouchers where code = $1";
    for code in VOUCHERS.into_iter().flatten().copied() {
        let live = told.iter().filter(|one| {
            one.voucher == Some(code) && matches!(one.state, State::Pending | State::Confirmed)
        });
        let live = i64::try_from(live.count()).unwrap();
        assert_eq!(one::<i64>(client, sql, &[&code]).await, live, "{code}");
        assert!(code != "TENTH" || live <= 5);
    }
    the_books_agree(world, client, told).await;
}

/// The provider has what the model says, the audit finds nothing, and no person had to look.
async fn the_books_agree(world: &World, client: &Client, told: &[Told]) {
    // An intent that nobody pays any more is let go by the provider.
    let started = Instant::now();
    loop {
        let books = world.servers.stripe.books().await;
        let wrong = wrong(&books, told);
        if wrong.is_empty() {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{wrong:?}");
        sleep(LOOK_AGAIN * 10).await;
    }
    let report = audit(&world.database.store().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let sql = "select count(*) from payments where state = 'needs_review'";
    assert_eq!(one::<i64>(client, sql, &[]).await, 0, "nobody had to look");
}

/// Bookings for which the provider has something else than the model.
fn wrong(books: &Value, told: &[Told]) -> Vec<String> {
    let mut kept: BTreeMap<&str, i64> = BTreeMap::new();
    let mut wrong = Vec::new();
    let intents = books["payment_intents"].as_array().unwrap();
    let charges = books["charges"].as_array().unwrap();
    for intent in intents {
        let booking = intent["metadata"]["booking"].as_str().unwrap();
        for charge in charges
            .iter()
            .filter(|one| one["payment_intent"] == intent["id"])
        {
            let amount = |name: &str| charge[name].as_i64().unwrap();
            *kept.entry(booking).or_default() +=
                amount("amount_captured") - amount("amount_refunded");
        }
        if intent["status"] == "requires_capture" {
            wrong.push(format!("{booking} is neither taken nor let go"));
        }
    }
    for one in told {
        let has = kept.remove(one.id.as_str()).unwrap_or(0);
        if has != one.kept {
            wrong.push(format!("the provider has {has} for {one:?}"));
        }
    }
    wrong.extend(
        kept.into_iter()
            .filter(|(_, has)| *has != 0)
            .map(|one| format!("{one:?}")),
    );
    wrong
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_do_all_books_agree() {
    let seeds = match number("SEATCAST_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEATCAST_MODEL_SEEDS").unwrap_or(SEEDS),
    };
    let sql = std::env::var("SEATCAST_MODEL_SQL").ok();
    for seed in seeds {
        eprintln!("SEATCAST_MODEL_SEED={seed}");
        run(seed, sql.as_deref(), &Stage::default()).await;
    }
}

/// Takes minutes, so it runs where `SEATCAST_MODEL_GUARDS` asks for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_guard_of_the_database_is_missed() {
    let Ok(asked) = std::env::var("SEATCAST_MODEL_GUARDS") else {
        return;
    };
    let mut unnoticed = Vec::new();
    for guard in GUARDS
        .iter()
        .filter(|one| asked == "1" || asked == one.name)
    {
        let stage = Stage::default();
        let of_run = stage.clone();
        let ran = tokio::spawn(async move { run(0, Some(guard.removed_by), &of_run).await }).await;
        let by = *stage.lock().unwrap();
        match ran {
            Ok(()) => unnoticed.push(guard.name),
            Err(error) => {
                let said = error.to_string();
                let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
                let said: String = said.chars().take(160).collect();
                eprintln!("GUARD {}: noticed by {by}: {said}", guard.name);
            }
        }
    }
    assert!(unnoticed.is_empty(), "nobody missed {unnoticed:?}");
}
