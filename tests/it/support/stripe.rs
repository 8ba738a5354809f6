//! A payment provider of the test's own, outside of the process: `tests/stripe/server.mjs` says what it does.

use serde_json::{Value, json};
use tokio::process::Child;

use super::node::NodeServer;

pub(crate) const WEBHOOK_SECRET: &str = "whsec_test";

pub(crate) struct Stripe {
    port: u16,
    http: reqwest::Client,
    _server: Child,
}

impl Stripe {
    pub(crate) async fn start() -> Stripe {
        let NodeServer { said, process, .. } = NodeServer::start("tests/stripe/server.mjs").await;
        Stripe {
            port: said["port"].as_u64().expect("a port") as u16,
            http: super::http_client(),
            _server: process,
        }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Says something to its control path, and gets what it answers.
    pub(crate) async fn tell(&self, said: Value) -> Value {
        let url = format!("{}/_control", self.base());
        let answer = self.http.post(url).json(&said).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }

    /// Events go to the server at `base` from now on.
    pub(crate) async fn notify(&self, base: &str) {
        let url = format!("{base}/api/v1/webhooks/stripe");
        self.tell(json!({"webhooks": [{"url": url, "secret": WEBHOOK_SECRET}]}))
            .await;
    }

    /// Its books, events and deliveries.
    pub(crate) async fn books(&self) -> Value {
        let url = format!("{}/_control", self.base());
        let answer = self.http.get(url).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }

    /// The buyer gives a card of this number.
    pub(crate) async fn give_card(&self, intent: &str, card: &str) -> Value {
        self.tell(json!({"act": {"intent": intent, "card": card}}))
            .await
    }

    /// Somebody ends the intent at the provider's own page.
    pub(crate) async fn cancel(&self, intent: &str) {
        let url = format!("{}/v1/payment_intents/{intent}/cancel", self.base());
        let cancel = self.http.post(url).bearer_auth("sk_test_somebody").send();
        let canceled = cancel.await.expect("an answer").status();
        assert!(canceled.is_success(), "{canceled}");
    }

    /// The one intent that was made for a booking.
    pub(crate) async fn intent_of(&self, booking: &str) -> Value {
        let books = self.books().await;
        let all = books["payment_intents"].as_array().expect("a list");
        let mut of = all
            .iter()
            .filter(|intent| intent["metadata"]["booking"] == booking);
        let found = of.next().cloned();
        assert!(of.next().is_none(), "one intent for {booking}");
        found.unwrap_or(Value::Null)
    }
}
