//! The server against localstripe, a stand-in for Stripe that others wrote, so that our idea of Stripe is not the only
//! judge of it.
//!
//! It lacks much that our own stand-in has: it ignores idempotency keys, tells nothing of authorisations and refunds, and
//! has no disputes. So the poller finds what happened, and only the capture comes by webhook. One field that
//! Stripe always sends is added on the way: what was received of an intent.

use std::path::Path;
use std::process::Stdio;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_postgres::Client;

use crate::support::server::{DEADLINE, TestServer};
use crate::support::show::{Show, Staged, one};

const WEBHOOK_SECRET: &str = "whsec_localstripe";
const KEY: &str = "sk_test_localstripe";

struct LocalStripe {
    base: String,
    http: reqwest::Client,
    _server: Child,
    _folder: TempDir,
}

impl LocalStripe {
    async fn start() -> LocalStripe {
        let port = crate::support::free_port();
        // It keeps its books in the folder for temporary files, and would find another one's there.
        let folder = tempfile::tempdir().expect("a folder");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let server = Command::new(root.join("target/tools/localstripe/bin/python"))
            .args(["-m", "localstripe", "--from-scratch", "--port"])
            .arg(port.to_string())
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("python starts (scripts/setup.sh test installs it)");
        let stripe = LocalStripe {
            base: format!("http://localhost:{port}"),
            http: crate::support::http_client(),
            _server: server,
            _folder: folder,
        };
        let answering = async {
            let url = format!("{}/v1/payment_intents", stripe.base);
            while stripe.http.get(&url).send().await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, answering)
            .await
            .expect("it starts");
        stripe
    }

    async fn ask(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Value {
        let url = format!("{}{path}", self.base);
        let pairs = form.iter().map(|(name, value)| format!("{name}={value}"));
        let body = pairs.collect::<Vec<_>>().join("&");
        let request = self.http.request(method, url).bearer_auth(KEY);
        let form = "application/x-www-form-urlencoded";
        let answer = request.header("content-type", form).body(body).send().await;
        let answer = answer.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The buyer gives a card, as Stripe's page would.
    async fn give_card(&self, intent: &str, number: &str) {
        let card = [
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2099"),
            ("card[cvc]", "123"),
        ];
        let method = self.ask(Method::POST, "/v1/payment_methods", &card).await;
        let method = method["id"].as_str().expect("an id");
        let path = format!("/v1/payment_intents/{intent}");
        self.ask(Method::POST, &path, &[("payment_method", method)])
            .await;
        self.ask(Method::POST, &format!("{path}/confirm"), &[])
            .await;
    }

    async fn intent(&self, intent: &str) -> Value {
        let path = format!("/v1/payment_intents/{intent}");
        self.ask(Method::GET, &path, &[]).await
    }
}

/// Passes everything on to localstripe; its address.
async fn complete(base: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let http = crate::support::http_client();
    let pass = move |request: Request| pass(http.clone(), base.clone(), request);
    let router = Router::new().fallback(pass);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn pass(http: reqwest::Client, base: String, request: Request) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 100_000).await.expect("a body");
    let asked = http.request(head.method, format!("{base}{}", head.uri));
    let asked = ["authorization", "content-type", "idempotency-key"]
        .into_iter()
        .filter_map(|name| Some((name, head.headers.get(name)?)))
        .fold(asked, |asked, (name, value)| asked.header(name, value));
    let answer = asked.body(body).send().await.expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    let mut answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if answer["object"] == "payment_intent" {
        let received = match answer["status"] == "succeeded" {
            true => answer["amount"].clone(),
            false => json!(0),
        };
        answer["amount_received"] = received;
    }
    (status, answer.to_string())
}

struct Shop {
    stripe: LocalStripe,
    server: TestServer,
    client: Client,
    show: Staged,
}

impl Shop {
    async fn open() -> Shop {
        let stripe = LocalStripe::start().await;
        let base = complete(stripe.base.clone()).await;
        let server = TestServer::builder().with(|config| {
            config.stripe.secret_key = Some(KEY.to_owned());
            config.stripe.webhook_secret = Some(WEBHOOK_SECRET.to_owned());
            config.stripe.api_base = base;
        });
        let server = server.start().await;
        let hook = format!("http://{}/api/v1/webhooks/stripe", server.address());
        let named = [("url", hook.as_str()), ("secret", WEBHOOK_SECRET)];
        stripe
            .ask(Method::POST, "/_config/webhooks/seatcast", &named)
            .await;
        let client = server.client().await;
        let show = Show::new().ticket_type("Standing", 1_500, 10);
        let show = show.stage(&client).await;
        Shop {
            stripe,
            server,
            client,
            show,
        }
    }

    /// A booking of two tickets and the intent to pay it.
    async fn begin(&self) -> (String, String) {
        let body = json!({"event_id": self.show.event, "quantity": 2});
        let made = self
            .server
            .anonymous()
            .post("/api/v1/bookings", &body)
            .await;
        let made = made.data(201);
        let id = made["id"].as_str().expect("an id").to_owned();
        let token = made["token"].as_str().expect("a token").to_owned();
        let buyer = self
            .server
            .anonymous()
            .with_header("x-booking-token", token);
        let path = format!("/api/v1/bookings/{id}/payment");
        let began = buyer.post(&path, &json!({})).await;
        let secret = began.data(201)["client_secret"].as_str().expect("a secret");
        let intent = secret.split("_secret_").next().expect("an id").to_owned();
        (id, intent)
    }

    /// Waits, while every job is let run now.
    async fn until(&self, sql: &str) {
        let waiting = async {
            while !one::<bool>(&self.client, sql, &[]).await {
                let due = "update jobs set run_at = clock_timestamp() where state = 'waiting'";
                self.client.execute(due, &[]).await.expect("due");
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, waiting).await;
        if waited.is_err() {
            let why = "select string_agg(format('%s %s %s', kind, state, reason), '; ') from jobs";
            panic!(
                "{sql}: {:?}",
                one::<Option<String>>(&self.client, why, &[]).await
            );
        }
    }
}

#[tokio::test]
async fn a_hold_is_paid_and_its_money_given_back() {
    let shop = Shop::open().await;
    let (booking, intent) = shop.begin().await;
    let made = shop.stripe.intent(&intent).await;
    assert_eq!(
        (&made["amount"], &made["currency"]),
        (&json!(3_000), &json!("eur"))
    );
    assert_eq!(made["metadata"]["booking"], booking.as_str());
    shop.stripe.give_card(&intent, "4242424242424242").await;
    shop.until("select count(*) = 1 from bookings where status = 'confirmed'")
        .await;
    shop.until("select count(*) = 1 from payments where state = 'captured'")
        .await;
    let taken = shop.stripe.intent(&intent).await;
    assert_eq!(taken["status"], "succeeded");
    // Its webhook is signed, heard and found.
    shop.until("select count(*) > 0 from provider_events").await;

    let path = format!("/api/v1/bookings/{booking}/refunds");
    let organizer = shop.server.user(shop.show.organizer);
    let wish = json!({"all": true, "reason": "rain"});
    let asked = organizer.post(&path, &wish).await;
    assert!([201, 202].contains(&asked.status), "{}", asked.text);
    shop.until("select count(*) = 1 from refunds where state = 'succeeded'")
        .await;
    let back = shop.stripe.intent(&intent).await;
    assert_eq!(back["charges"]["data"][0]["amount_refunded"], 3_000);
    shop.server.audit().await;
}

#[tokio::test]
async fn an_intent_is_cancelled_with_its_hold() {
    let shop = Shop::open().await;
    let (booking, intent) = shop.begin().await;
    let end = "update bookings set expires_at = clock_timestamp() where id::text = $1";
    shop.client.execute(end, &[&booking]).await.expect("an end");
    shop.until("select count(*) = 1 from bookings where status = 'expired'")
        .await;
    shop.until("select count(*) = 1 from payments where state = 'canceled'")
        .await;
    assert_eq!(shop.stripe.intent(&intent).await["status"], "canceled");
    shop.server.audit().await;
}
