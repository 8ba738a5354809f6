//! A provider that answers at once: intents that nobody has paid, until all of them are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Form, Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::tools::bench::BenchError;

#[derive(Clone, Default)]
struct Drawer {
    intents: Arc<Mutex<BTreeMap<String, TillIntent>>>,
    are_paid: Arc<AtomicBool>,
}

#[derive(Clone)]
struct TillIntent {
    amount: i64,
    currency: String,
    payment: String,
}

pub(super) struct BenchTill {
    drawer: Drawer,
    port: u16,
}

impl BenchTill {
    pub(super) async fn open() -> Result<BenchTill, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(BenchError::io("open the till"))?;
        let address = listener.local_addr();
        let port = address.map_err(BenchError::io("open the till"))?.port();
        let drawer = Drawer::default();
        let routes = Router::new()
            .route("/v1/payment_intents", post(make))
            .route("/v1/payment_intents/{id}", get(look))
            .route("/v1/events", get(none))
            .route("/v1/refunds", get(none))
            .route("/v1/disputes", get(none))
            .with_state(drawer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(BenchTill { drawer, port })
    }

    pub(super) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Each with the payment that it is for.
    pub(super) fn intents(&self) -> Vec<(String, String)> {
        let intents = self.drawer.lock();
        let all = intents.iter();
        all.map(|(id, intent)| (id.clone(), intent.payment.clone()))
            .collect()
    }

    pub(super) fn pay_all(&self) {
        self.drawer.are_paid.store(true, Ordering::Relaxed);
    }
}

impl Drawer {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TillIntent>> {
        self.intents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, id: &str, intent: &TillIntent) -> Value {
        let is_paid = self.are_paid.load(Ordering::Relaxed);
        json!({
            "id": id, "object": "payment_intent", "amount": intent.amount, "currency": intent.currency,
            "status": if is_paid { "succeeded" } else { "requires_payment_method" },
            "amount_received": if is_paid { intent.amount } else { 0 },
            "client_secret": format!("{id}_secret_bench"), "metadata": {"payment": intent.payment},
        })
    }
}

async fn make(
    State(drawer): State<Drawer>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Json<Value> {
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    let intent = TillIntent {
        amount: text("amount").parse().unwrap_or(0),
        currency: text("currency"),
        payment: text("metadata[payment]"),
    };
    let id = format!("pi_{}", intent.payment.replace('-', ""));
    let said = drawer.say(&id, &intent);
    drawer.lock().insert(id, intent);
    Json(said)
}

async fn look(State(drawer): State<Drawer>, Path(id): Path<String>) -> Json<Value> {
    let intent = drawer.lock().get(&id).cloned();
    Json(intent.map_or(Value::Null, |intent| drawer.say(&id, &intent)))
}

async fn none() -> Json<Value> {
    Json(json!({"object": "list", "data": [], "has_more": false}))
}

/// The body of a webhook.
pub(super) fn event(kind: &str, intent: &str, payment: &str) -> String {
    let event = json!({
        "id": format!("evt_{kind}_{intent}"), "object": "event", "type": "payment_intent.succeeded",
        "data": {"object": {"id": intent, "object": "payment_intent", "metadata": {"payment": payment}}},
    });
    event.to_string()
}
