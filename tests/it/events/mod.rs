//! Events: made, found, changed and deleted by their organizers, hidden while drafts, and told to viewers.

mod changing;
mod finding;
mod making;
mod parts;

use serde_json::{Value, json};

use crate::support::caller::{Answer, Caller};
use crate::support::server::TestServer;
use crate::support::show::user;

const EVENTS: &str = "/api/v1/events";

fn concert() -> Value {
    json!({"title": "Concert", "venue": "Hall", "starts_at": "2099-06-01T20:00:00+02:00",
           "timezone": "Europe/Berlin", "capacity": 100, "price": {"amount": 4_500, "currency": "EUR"}})
}

/// The concert with other values; `null` leaves one out.
fn with(changes: Value) -> Value {
    let mut event = concert();
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

async fn world() -> (TestServer, Caller) {
    let server = TestServer::start().await;
    let client = server.client().await;
    let organizer = server.user(user(&client, "organizer").await);
    (server, organizer)
}

/// Makes an event and gives its path.
async fn made(organizer: &Caller, event: &Value) -> String {
    let answer = organizer.post(EVENTS, event).await;
    answer.data(201);
    answer.header("location").unwrap().to_owned()
}

/// The fields that were refused, with the code of each.
fn wrong(answer: &Answer) -> Vec<String> {
    let errors = answer.data(422)["errors"].as_array().unwrap();
    let told = |error: &Value| {
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.contains("{}"))
        );
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        format!("{} {}", text("field"), text("code"))
    };
    errors.iter().map(told).collect()
}
