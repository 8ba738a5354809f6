//! A viewer of a user's own bookings and of the tickets that the user took over, by the rules of the wire: a frame is taken iff `from <= have < to`, and nothing
//! is replaced by a lower version of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::server::{DEADLINE, TestServer};
use super::websocket::{Socket, WireVersion};
use seatcast::ticketing::UserId;

pub(crate) struct Own {
    pub(crate) socket: Socket,
    topic: String,
    pub(crate) revision: u64,
    /// By id.
    pub(crate) bookings: BTreeMap<String, Value>,
    /// By id.
    pub(crate) tickets: BTreeMap<i64, Value>,
    /// The highest version that was told of each ticket.
    counted: BTreeMap<i64, i64>,
    /// Whether the join was answered by what changed.
    pub(crate) resumed: bool,
}

impl Own {
    /// Joins `user:{id}` with this token.
    pub(crate) async fn join(node: &TestServer, id: UserId, token: &str) -> Own {
        let mut own = Own {
            socket: node.ws(WireVersion::V2).await,
            topic: format!("user:{id}"),
            revision: 0,
            bookings: BTreeMap::new(),
            tickets: BTreeMap::new(),
            counted: BTreeMap::new(),
            resumed: false,
        };
        own.rejoin(json!({ "access_token": token })).await;
        own
    }

    /// Comes back on another socket with what it has.
    pub(crate) async fn resume(&mut self, node: &TestServer, token: &str) -> Value {
        self.socket = node.ws(WireVersion::V2).await;
        let join = json!({"access_token": token, "since": self.revision});
        self.rejoin(join).await
    }

    async fn rejoin(&mut self, join: Value) -> Value {
        let joined = self.socket.join(&self.topic, join).await;
        let revision = joined["revision"].as_u64().expect("a revision");
        assert!(
            revision >= self.revision,
            "{revision} after {}",
            self.revision
        );
        self.resumed = joined["resumed"] == true;
        self.apply(&joined["state"], !self.resumed);
        self.revision = revision;
        joined
    }

    fn apply(&mut self, told: &Value, whole: bool) {
        let known = match whole {
            true => std::mem::take(&mut self.bookings),
            false => self.bookings.clone(),
        };
        for booking in told["bookings"].as_array().into_iter().flatten() {
            let id = booking["id"].as_str().expect("an id").to_owned();
            let version = |booking: &Value| booking["version"].as_i64().expect("a version");
            let before = known.get(&id).map_or(0, version);
            assert!(
                version(booking) >= before,
                "{booking} after version {before}"
            );
            self.bookings.insert(id, booking.clone());
        }
        for id in told["gone"].as_array().into_iter().flatten() {
            self.bookings.remove(id.as_str().expect("an id"));
        }
        if whole {
            self.tickets.clear();
        }
        for ticket in told["tickets"].as_array().into_iter().flatten() {
            let id = ticket["id"].as_i64().expect("an id");
            let version = ticket["version"].as_i64().expect("a version");
            // Also of one that went away and came back.
            let before = self.counted.insert(id, version).unwrap_or_default();
            assert!(version >= before, "{ticket} after version {before}");
            self.tickets.insert(id, ticket.clone());
        }
        for id in told["gone_tickets"].as_array().into_iter().flatten() {
            self.tickets.remove(&id.as_i64().expect("an id"));
        }
    }

    /// The next frame of the topic, taken in.
    pub(crate) async fn update(&mut self) -> Value {
        let update = self.socket.next_on(&self.topic, "update").await;
        let (from, to) = (update["from"].as_u64(), update["to"].as_u64());
        let (from, to) = (from.expect("a revision"), to.expect("a revision"));
        let have = self.revision;
        assert!(from <= have && have < to, "{have}, then {from} to {to}");
        self.apply(&update, from == 0);
        self.revision = to;
        update
    }

    /// Reads until its bookings are so.
    pub(crate) async fn until(&mut self, is: impl Fn(&[&Value]) -> bool) {
        let reading = async {
            while !is(&self.bookings.values().collect::<Vec<_>>()) {
                self.update().await;
            }
        };
        let seen = tokio::time::timeout(DEADLINE, reading).await;
        seen.unwrap_or_else(|_| panic!("in the end {:?}", self.bookings));
    }

    /// Reads until the tickets that the user took over are so.
    pub(crate) async fn holds(&mut self, is: impl Fn(&[&Value]) -> bool) {
        let reading = async {
            while !is(&self.tickets.values().collect::<Vec<_>>()) {
                self.update().await;
            }
        };
        let seen = tokio::time::timeout(DEADLINE, reading).await;
        seen.unwrap_or_else(|_| panic!("in the end {:?}", self.tickets));
    }

    /// Reads until the one booking of this id is so.
    pub(crate) async fn sees(&mut self, id: &str, is: impl Fn(&Value) -> bool) -> Value {
        let of_id = |b: &&Value| b["id"] == id;
        self.until(|bookings| bookings.iter().copied().find(of_id).is_some_and(&is))
            .await;
        self.bookings[id].clone()
    }
}
