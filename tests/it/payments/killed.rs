//! Whole purchases while servers are killed and Postgres crashes: money ends in tickets, or goes back.
//!
//! Buyers hold, pay (some are declined first, some leave, some are late), and ask again until they are answered, as
//! browsers do. Beside them the server is killed again and again, and sometimes Postgres, of which one backend is killed:
//! then all of them end, and it recovers from its log. Afterwards the provider's books and ours must agree.
//!
//! Then the event is cancelled. While all its money goes back, servers and Postgres die again, and the provider wants to be
//! asked less often, loses requests and loses answers.
//!
//! `SEATCAST_PURCHASES=2000` runs more of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use seatcast::config::{Config, DatabaseConfig};
use seatcast::embedded::EmbeddedError;
use seatcast::store::Store;
use seatcast::store::audit::audit;
use seatcast::store::migrate::migrate;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::rules::DECLINED;
use super::servers::{Servers, again, crash};
use super::shop::{GOOD, PRICE};
use crate::support::caller::Answer;
use crate::support::database::connect;
use crate::support::postgres::ThrowawayPostgres;
use crate::support::show::{Show, Staged, one};

const PURCHASES: usize = 150;
/// Purchases under way at a time.
const BUYERS: usize = 16;
/// Time after which nothing may be open any more.
const SETTLED: Duration = Duration::from_secs(60);
/// Times at which something dies.
const DEATHS_MS: std::ops::Range<u64> = 800..3_000;

/// Buyers, on servers that die.
struct Rush {
    servers: Servers,
    /// Fewer tickets than purchases, so that some lose theirs.
    show: Staged,
}

impl Rush {
    async fn ask(&self, path: &str, headers: &[(&'static str, String)], body: &Value) -> Answer {
        let method = match path.ends_with("/status") {
            true => Method::PUT,
            false => Method::POST,
        };
        self.servers.ask(&method, path, headers, Some(body)).await
    }

    async fn purchase(&self, number: usize, random: &mut StdRng, database: &Client) {
        let body = json!({"event_id": self.show.event, "quantity": random.random_range(1..=3)});
        let key = ("idempotency-key", format!("purchase-{number:05}-of-many"));
        let held = self.ask("/api/v1/bookings", &[key], &body).await;
        if held.status == 409 {
            return;
        }
        let held = held.data(201);
        let (id, token) = (
            held["id"].as_str().unwrap(),
            held["token"].as_str().unwrap(),
        );
        let token = [("x-booking-token", token.to_owned())];
        let pay = format!("/api/v1/bookings/{id}/payment");
        let began = self.ask(&pay, &token, &json!({})).await;
        let mut began = began.data(201).clone();
        while began["client_secret"].is_null() {
            assert_eq!(began["status"], "creating", "{began}");
            began = self.ask(&pay, &token, &json!({})).await.data(201).clone();
        }
        let secret = began["client_secret"].as_str().unwrap();
        let intent = secret.split("_secret_").next().unwrap();
        match random.random_range(0..20) {
            // Leaves without paying.
            0 => return,
            // Changes their mind while the money moves.
            1 => {
                let status = format!("/api/v1/bookings/{id}/status");
                let cancelled = json!({"status": "cancelled"});
                tokio::join!(
                    self.servers.stripe.give_card(intent, GOOD),
                    self.ask(&status, &token, &cancelled)
                );
                return;
            }
            2..5 => {
                self.servers.stripe.give_card(intent, DECLINED).await;
            }
            // Is too late.
            5..7 => {
                let sql =
                    format!("update bookings set expires_at = clock_timestamp() where id = '{id}'");
                // The database may be away.
                let _ = database.execute(&sql, &[]).await;
            }
            _ => {}
        }
        self.servers.stripe.give_card(intent, GOOD).await;
    }
}

/// All purchases, by so many buyers at a time.
async fn buy(shop: Arc<Rush>, url: String, purchases: usize) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut buyers = JoinSet::new();
    for buyer in 0..BUYERS {
        let (shop, next, url) = (shop.clone(), next.clone(), url.clone());
        buyers.spawn(async move {
            let mut random = StdRng::seed_from_u64(buyer as u64);
            let mut database = connect(&url).await;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= purchases {
                    return;
                }
                if database.is_closed() {
                    database = again(&url).await;
                }
                shop.purchase(number, &mut random, &database).await;
            }
        });
    }
    buyers.join_all().await;
}

/// Everything that is still open, in words; empty when all is settled. The last crash may cut the connection yet.
async fn open(shop: &Rush, client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let books = shop.servers.stripe.books().await;
    let charges = books["charges"].as_array().unwrap();
    let mut open = Vec::new();
    for intent in books["payment_intents"].as_array().unwrap() {
        let (id, status) = (&intent["id"], &intent["status"]);
        let booking = intent["metadata"]["booking"].as_str().unwrap();
        let of = charges.iter().filter(|one| one["payment_intent"] == *id);
        let kept: i64 = of
            .map(|one| {
                one["amount_captured"].as_i64().unwrap() - one["amount_refunded"].as_i64().unwrap()
            })
            .sum();
        let sql = format!(
            "select b.status || ', ' || (select count(*) from tickets t where t.booking_id = b.id and t.status = 'valid'),
                    case b.status when 'confirmed' then b.total_amount else 0 end,
                    b.status <> 'confirmed' or b.quantity = (select count(*) from tickets t
                                                              where t.booking_id = b.id and t.status = 'valid')
               from bookings b where b.id = '{booking}'"
        );
        let row = client.query_one(&sql, &[]).await?;
        let (said, due, has_tickets): (String, i64, bool) = (row.get(0), row.get(1), row.get(2));
        if kept != due || !has_tickets || status == "requires_capture" {
            open.push(format!(
                "{id} is {status} and has {kept}, its booking is {said}, {due} due"
            ));
        }
    }
    Ok(open)
}

async fn count(client: &Client, sql: &str) -> i64 {
    one(client, sql, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_killed_money_ends_in_tickets_or_goes_back() {
    let asked = std::env::var("SEATCAST_PURCHASES").ok();
    let purchases = asked.map_or(PURCHASES, |asked| asked.parse().unwrap());
    let postgres = tokio::task::spawn_blocking(|| {
        let postgres = ThrowawayPostgres::start()?;
        postgres.stop()?;
        let safe = ["fsync=on", "full_page_writes=on", "synchronous_commit=on"];
        postgres.resume_with(&safe.map(str::to_owned))?;
        Ok::<_, EmbeddedError>(postgres)
    });
    let postgres = postgres.await.unwrap().unwrap();
    let url = postgres.url().to_owned();
    let config: DatabaseConfig = Config::default().database;
    migrate(&config, &url).await.unwrap();
    let client = connect(&url).await;
    let tickets = i32::try_from(purchases * 3 / 2).unwrap();
    let show = Show::new()
        .capacity(tickets)
        .ticket_type("Standing", PRICE, tickets);
    let show = show.stage(&client).await;
    drop(client);
    let servers = Servers::start(&url).await;
    let shop = Arc::new(Rush { servers, show });

    let buying = tokio::spawn(buy(shop.clone(), url.clone(), purchases));
    let mut random = StdRng::seed_from_u64(7);
    let mut deaths: (usize, usize) = (0, 0);
    while !buying.is_finished() {
        sleep(Duration::from_millis(random.random_range(DEATHS_MS))).await;
        match random.random_range(0..3) {
            0 => deaths.1 += usize::from(crash(&url).await),
            _ => {
                deaths.0 += 1;
                shop.servers.kill().await;
            }
        }
    }
    buying.await.unwrap();
    assert!(deaths.0 > 0 && deaths.1 > 0, "{deaths:?}");

    let mut client = again(&url).await;
    let settled = settles(&shop, &mut client, &url).await;
    nobody_had_to_look(&client, &url).await;
    let sold = count(
        &client,
        "select count(*) from bookings where status = 'confirmed'",
    )
    .await;
    assert!(sold > purchases as i64 / 3, "{sold}");
    eprintln!("{purchases} purchases, {sold} sold; {deaths:?} deaths; settled after {settled:?}");

    cancel_event(&shop, &url, &mut random).await;
    let mut client = again(&url).await;
    let settled = settles(&shop, &mut client, &url).await;
    let confirmed = "select count(*) from bookings where status = 'confirmed'";
    assert_eq!(count(&client, confirmed).await, 0, "all have ended");
    nobody_had_to_look(&client, &url).await;
    eprintln!("all money of {sold} bookings is back; settled {settled:?} after the last death");
}

/// Waits until nothing is open any more; how long that took.
async fn settles(shop: &Rush, client: &mut Client, url: &str) -> Duration {
    let began = Instant::now();
    let left = loop {
        match open(shop, client).await {
            Ok(left) if left.is_empty() || began.elapsed() >= SETTLED => break left,
            Err(error) if began.elapsed() >= SETTLED => panic!("{error}"),
            Ok(_) => sleep(Duration::from_millis(500)).await,
            Err(_) => *client = again(url).await,
        }
    };
    assert!(
        left.is_empty(),
        "{} are open, such as {}",
        left.len(),
        left[0]
    );
    began.elapsed()
}

async fn nobody_had_to_look(client: &Client, url: &str) {
    for of in ["payments", "refunds"] {
        let sql = format!("select count(*) from {of} where state = 'needs_review'");
        assert_eq!(count(client, &sql).await, 0, "{of}");
    }
    // Bookings that were let go end by themselves.
    let config = Config::default().database;
    let report = audit(&Store::connect(&config, url).await.unwrap())
        .await
        .unwrap();
    assert!(report.is_clean(), "{report}");
}

/// Ends when a few have died since, and every booking of the event is over.
async fn cancel_event(shop: &Rush, url: &str, random: &mut StdRng) {
    // The slow ones come first, so that the deaths meet refunds on their way.
    let troubles = [
        ("POST /v1/refunds", "slow", 40),
        ("POST /v1/refunds", "429", 20),
        ("POST /v1/refunds", "cut_before", 3),
        ("POST /v1/refunds", "cut_after", 3),
    ];
    let faults: Vec<Value> = troubles
        .iter()
        .map(|(on, does, times)| json!({"on": on, "does": does, "times": times, "ms": 500}))
        .collect();
    shop.servers.stripe.tell(json!({ "faults": faults })).await;
    let path = format!("/api/v1/events/{}/cancel", shop.show.event);
    let organizer = [("x-user-id", shop.show.organizer.to_string())];
    let body = json!({"reason": "The band is ill."});
    let cancelled = shop.ask(&path, &organizer, &body).await;
    assert_eq!(cancelled.status, 202, "{}", cancelled.text);
    let mut client = again(url).await;
    let (began, mut deaths, mut in_the_middle) = (Instant::now(), 0, 0);
    let is_under_way = "select exists (select from refunds where state in ('requested', 'pending') and key like 'evt:%')";
    let is_over =
        "select not exists (select from bookings where status in ('pending', 'confirmed'))";
    // However busy the machine is, the first one dies while money goes back.
    while !matches!(client.query_one(is_under_way, &[]).await, Ok(row) if row.get(0)) {
        assert!(began.elapsed() < SETTLED, "nothing goes back");
        sleep(Duration::from_millis(20)).await;
    }
    loop {
        sleep(Duration::from_millis(random.random_range(DEATHS_MS) / 2)).await;
        if deaths <= 2
            && let Ok(row) = client.query_one(is_under_way, &[]).await
        {
            in_the_middle += usize::from(row.get::<_, bool>(0));
        }
        match deaths {
            1 => drop(crash(url).await),
            0 | 2 => shop.servers.kill().await,
            _ => {}
        }
        deaths += 1;
        match client.query_one(is_over, &[]).await {
            Ok(row) if row.get(0) && deaths > 2 => break,
            Ok(_) => {}
            Err(_) => client = again(url).await,
        }
        assert!(began.elapsed() < SETTLED, "bookings stand");
    }
    assert!(in_the_middle > 0, "nothing died while money went back");
}
