//! Each kind of request that the server makes of Stripe, judged by Stripe's own description of its API.
//!
//! `stripe-mock` is Stripe's: it answers examples, whatever was asked before, and refuses what its OpenAPI document does not
//! have. So our stand-in answers, and every request goes to `stripe-mock` as well, which has to take it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::header::HeaderMap;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::shop::{GOOD, Shop};
use crate::support::server::DEADLINE;
use crate::support::show::user;
use crate::support::stripe::Stripe;

/// The requests that the server makes of Stripe, with `:id` for a name.
const KINDS: [&str; 10] = [
    "GET /v1/disputes",
    "GET /v1/events",
    "GET /v1/payment_intents/:id",
    "GET /v1/refunds",
    "GET /v1/refunds/:id",
    "POST /v1/customers",
    "POST /v1/payment_intents",
    "POST /v1/payment_intents/:id/cancel",
    "POST /v1/payment_intents/:id/capture",
    "POST /v1/refunds",
];
const BODY_BYTES_MAX: usize = 100_000;

struct StripeMock {
    base: String,
    _server: Child,
}

impl StripeMock {
    async fn start() -> StripeMock {
        let port = crate::support::free_port();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let server = Command::new(root.join("target/tools/stripe-mock/stripe-mock"))
            .args(["-http-addr", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("stripe-mock starts (scripts/setup.sh test installs it)");
        let base = format!("http://127.0.0.1:{port}");
        let http = crate::support::http_client();
        let answering = async {
            while http.get(&base).send().await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        let answering = tokio::time::timeout(DEADLINE, answering).await;
        answering.expect("it starts");
        StripeMock {
            base,
            _server: server,
        }
    }
}

/// The kinds of requests that came, and what was wrong with them.
#[derive(Clone, Default)]
struct Judged(Arc<Mutex<(BTreeSet<String>, Vec<String>)>>);

/// Stands before the stand-in, and shows each request to the judge.
#[derive(Clone)]
struct Mirror {
    http: reqwest::Client,
    stand_in: String,
    judge: String,
    judged: Judged,
}

impl Mirror {
    async fn open(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(move |request: Request| self.clone().pass(request));
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    async fn pass(self, request: Request) -> impl IntoResponse {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, BODY_BYTES_MAX).await.expect("a body");
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "content-type",
            "idempotency-key",
            "stripe-version",
        ] {
            if let Some(value) = head.headers.get(name) {
                headers.insert(name, value.clone());
            }
        }
        let ask = |base: &str| {
            let asked = self
                .http
                .request(head.method.clone(), format!("{base}{}", head.uri));
            asked.headers(headers.clone()).body(body.clone()).send()
        };
        let said = ask(&self.judge).await.expect("an answer");
        let (status, text) = (said.status(), said.text().await.expect("a body"));
        let path: Vec<&str> = (head.uri.path().split('/'))
            .map(|part| {
                if part.contains('_') && part != "payment_intents" {
                    ":id"
                } else {
                    part
                }
            })
            .collect();
        let kind = format!("{} {}", head.method, path.join("/"));
        {
            let mut judged = self.judged.0.lock().unwrap();
            if !status.is_success() {
                let body = String::from_utf8_lossy(&body).into_owned();
                judged
                    .1
                    .push(format!("{kind} with {body}: {status} {text}"));
            }
            judged.0.insert(kind);
        }
        let answer = ask(&self.stand_in).await.expect("an answer");
        let status = StatusCode::from_u16(answer.status().as_u16()).expect("a status");
        (status, answer.text().await.expect("a body"))
    }
}

#[tokio::test]
async fn stripes_own_description_has_every_request_that_is_made() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let left_out = root.join("target/tools/stripe-mock/left-out");
    if let Ok(why) = std::fs::read_to_string(left_out) {
        // As `scripts/setup.sh test` has said.
        return eprintln!("left out: {}", why.trim());
    }
    let (mock, stripe) = (StripeMock::start().await, Stripe::start().await);
    let judged = Judged::default();
    let mirror = Mirror {
        http: crate::support::http_client(),
        stand_in: stripe.base(),
        judge: mock.base.clone(),
        judged: judged.clone(),
    };
    let shop = Shop::open_before(stripe, mirror.open().await, 10).await;

    // Paid, and given back by a bank that takes its time.
    let paid = shop.hold(2).await;
    let intent = shop.begin(&paid).await;
    shop.stripe.give_card(&intent, GOOD).await;
    shop.until_payment(&paid, "captured").await;
    shop.stripe.tell(json!({"refunds": "pending"})).await;
    let path = format!("/api/v1/bookings/{}/refunds", paid.id);
    let organizer = shop.show.organizer.to_string();
    let staff = shop.server.anonymous().with_header("x-user-id", organizer);
    let staff = staff.with_header("idempotency-key", "one-refund-for-the-judge".to_owned());
    let made = staff.post(&path, &json!({"amount": 500})).await;
    assert_eq!(made.data(201)["amount"]["amount"], 500);
    shop.a_minute_later().await;
    // Held by an account, begun, and cancelled.
    let buyer = shop.server.user(user(&shop.client, "customer").await);
    let body = json!({"event_id": shop.show.event, "quantity": 1});
    let held = buyer.post("/api/v1/bookings", &body).await;
    let path = format!(
        "/api/v1/bookings/{}",
        held.data(201)["id"].as_str().unwrap()
    );
    buyer
        .post(&format!("{path}/payment"), &json!({}))
        .await
        .data(201);
    let cancelled = json!({"status": "cancelled"});
    buyer
        .put(&format!("{path}/status"), &cancelled)
        .await
        .data(200);
    shop.a_minute_later().await;
    shop.stripe.tell(json!({"dispute": intent})).await;

    let all = async {
        while judged.0.lock().unwrap().0.len() < KINDS.len() {
            shop.a_minute_later().await;
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(DEADLINE, all).await;
    let (kinds, wrong) = judged.0.lock().unwrap().clone();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(kinds, KINDS.map(str::to_owned).into(), "{came:?}");
}
