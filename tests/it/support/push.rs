//! A push service of the test's own, outside of the process: `tests/push/service.mjs` says what it does.

use serde_json::{Value, json};
use tokio::process::Child;
use tokio::sync::mpsc;

use super::caller::Caller;
use super::node::NodeServer;
use super::server::DEADLINE;

pub(crate) struct PushService {
    base: String,
    http: reqwest::Client,
    heard: mpsc::UnboundedReceiver<Value>,
    _server: Child,
}

impl PushService {
    pub(crate) async fn start() -> PushService {
        let NodeServer {
            said,
            mut lines,
            process,
        } = NodeServer::start("tests/push/service.mjs").await;
        let (read, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let said = serde_json::from_str(&line).expect("JSON");
                if read.send(said).is_err() {
                    return;
                }
            }
        });
        PushService {
            base: format!("http://127.0.0.1:{}", said["port"]),
            http: super::http_client(),
            heard,
            _server: process,
        }
    }

    async fn tell(&self, said: Value) -> Value {
        let url = format!("{}/_control", self.base);
        let answer = self.http.post(url).json(&said).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    }

    /// Only what this server signs is taken from now on.
    pub(crate) async fn trust(&self, caller: &Caller) {
        let key = caller.get("/api/v1/push/key").await.data(200)["key"].clone();
        self.tell(json!({ "key": key })).await;
    }

    /// The subscription of a new browser, whose address gives these answers before it takes messages.
    pub(crate) async fn browser(&self, name: &str, answers: Value) -> Value {
        let mut made = self
            .tell(json!({"browser": name, "answers": answers}))
            .await;
        made.as_object_mut()
            .expect("an object")
            .remove("expirationTime");
        made
    }

    /// The next message that comes, signed and encrypted as the standards say.
    pub(crate) async fn next(&mut self) -> Value {
        let heard = tokio::time::timeout(DEADLINE, self.heard.recv()).await;
        let heard = heard.expect("a message comes").expect("it lives");
        assert_eq!(heard["wrong"], json!([]), "{heard}");
        heard
    }

    /// Messages that came and nobody looked at.
    pub(crate) fn others(&mut self) -> Vec<Value> {
        let mut others = Vec::new();
        while let Ok(heard) = self.heard.try_recv() {
            others.push(heard);
        }
        others
    }
}
