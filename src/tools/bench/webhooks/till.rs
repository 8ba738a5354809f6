//! A provider of cards that answers at once: intents that nobody has paid, until the cards of all are authorised. Their money
//! is taken by a capture of each, once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::tools::bench::BenchError;

/// The events of a card's payment that are sent: it is authorised, and its money is taken.
pub(super) const AUTHORIZED: &str = "payment_intent.amount_capturable_updated";
pub(super) const CAPTURED: &str = "payment_intent.succeeded";
/// The fee of a payment, in hundredths.
const FEE: i64 = 93;

#[derive(Clone)]
struct Drawer {
    intents: Arc<Mutex<BTreeMap<String, TillIntent>>>,
    captures: UnboundedSender<IntentName>,
}

#[derive(Clone)]
struct TillIntent {
    amount: i64,
    currency: String,
    payment: String,
    stage: IntentStage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IntentStage {
    Open,
    Authorized,
    Captured,
}

/// An intent, and the payment that it is for.
#[derive(Debug, Clone)]
pub(super) struct IntentName {
    id: String,
    payment: String,
}

pub(super) struct BenchTill {
    drawer: Drawer,
    port: u16,
}

impl BenchTill {
    /// Also the intents whose money is taken, one after the other.
    pub(super) async fn open() -> Result<(BenchTill, UnboundedReceiver<IntentName>), BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(BenchError::io("open the till"))?;
        let address = listener.local_addr();
        let port = address.map_err(BenchError::io("open the till"))?.port();
        let (captures, captured) = unbounded_channel();
        let drawer = Drawer {
            intents: Arc::default(),
            captures,
        };
        let routes = Router::new()
            .route("/v1/payment_intents", post(make))
            .route("/v1/payment_intents/{id}", get(look))
            .route("/v1/payment_intents/{id}/capture", post(capture))
            .route("/v1/events", get(none))
            .route("/v1/refunds", get(none))
            .route("/v1/disputes", get(none))
            .with_state(drawer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok((BenchTill { drawer, port }, captured))
    }

    pub(super) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn intents(&self) -> Vec<IntentName> {
        let intents = self.drawer.lock();
        let all = intents.iter();
        all.map(|(id, intent)| intent.name(id)).collect()
    }

    /// The banks of all cards agree.
    pub(super) fn authorize_all(&self) {
        for intent in self.drawer.lock().values_mut() {
            intent.stage = IntentStage::Authorized;
        }
    }
}

impl Drawer {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TillIntent>> {
        self.intents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TillIntent {
    fn name(&self, id: &str) -> IntentName {
        IntentName {
            id: id.to_owned(),
            payment: self.payment.clone(),
        }
    }

    /// With its charge, and the charge's balance transaction.
    fn say(&self, id: &str) -> Value {
        let is_captured = self.stage == IntentStage::Captured;
        let taken = if is_captured { self.amount } else { 0 };
        let transaction = json!({
            "id": format!("txn_{id}"), "object": "balance_transaction", "amount": self.amount, "currency": self.currency,
            "fee": FEE, "net": self.amount - FEE,
        });
        let charge = json!({
            "id": format!("ch_{id}"), "object": "charge", "amount": self.amount, "amount_captured": taken,
            "amount_refunded": 0, "captured": is_captured, "currency": self.currency, "disputed": false,
            "payment_method_details": {"type": "card"}, "status": "succeeded",
            "balance_transaction": is_captured.then_some(transaction),
        });
        let status = match self.stage {
            IntentStage::Open => "requires_payment_method",
            IntentStage::Authorized => "requires_capture",
            IntentStage::Captured => "succeeded",
        };
        json!({
            "id": id, "object": "payment_intent", "amount": self.amount, "currency": self.currency,
            "capture_method": "manual", "status": status, "amount_received": taken,
            "client_secret": format!("{id}_secret_bench"), "metadata": {"payment": self.payment},
            "latest_charge": (self.stage != IntentStage::Open).then_some(charge),
        })
    }
}

type Said = (StatusCode, Json<Value>);

fn refused(code: &str) -> Said {
    let error = json!({"error": {"code": code, "message": "The bench's till does not do this."}});
    (StatusCode::BAD_REQUEST, Json(error))
}

async fn make(State(drawer): State<Drawer>, Form(form): Form<BTreeMap<String, String>>) -> Said {
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    if text("capture_method") != "manual" {
        return refused("parameter_invalid");
    }
    let intent = TillIntent {
        amount: text("amount").parse().unwrap_or(0),
        currency: text("currency"),
        payment: text("metadata[payment]"),
        stage: IntentStage::Open,
    };
    let id = format!("pi_{}", intent.payment.replace('-', ""));
    let said = intent.say(&id);
    drawer.lock().insert(id, intent);
    (StatusCode::OK, Json(said))
}

async fn look(State(drawer): State<Drawer>, Path(id): Path<String>) -> Said {
    match drawer.lock().get(&id) {
        Some(intent) => (StatusCode::OK, Json(intent.say(&id))),
        None => refused("resource_missing"),
    }
}

async fn capture(State(drawer): State<Drawer>, Path(id): Path<String>) -> Said {
    match drawer.lock().get_mut(&id) {
        Some(intent) if intent.stage == IntentStage::Authorized => {
            intent.stage = IntentStage::Captured;
            // Nobody wants to know when the bench is over.
            let _ = drawer.captures.send(intent.name(&id));
            (StatusCode::OK, Json(intent.say(&id)))
        }
        _ => refused("payment_intent_unexpected_state"),
    }
}

async fn none() -> Json<Value> {
    Json(json!({"object": "list", "data": [], "has_more": false}))
}

/// The body of a webhook.
pub(super) fn event(kind: &str, intent: &IntentName) -> String {
    let IntentName { id, payment } = intent;
    let event = json!({
        "id": format!("evt_{kind}_{id}"), "object": "event", "type": kind,
        "data": {"object": {"id": id, "object": "payment_intent", "metadata": {"payment": payment}}},
    });
    event.to_string()
}
