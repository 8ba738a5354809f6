//! Clients and their lines: who connects where, and what goes over.

use serde_json::Value;

use super::check::Check;
use super::client::Then;
use super::line::{Came, Line};
use super::world::{DELAY_MS, Thing, World};
use crate::protocol::phoenix::Vsn;

impl World<'_> {
    pub(super) fn connect(&mut self, client: usize) {
        if self.clients[client].connection.is_some() {
            return;
        }
        let node = self.dice.below(self.nodes.len());
        let shard = self.dice.below(self.nodes[node].shards.len());
        let stream = self.nodes[node].shards[shard].connect(Vsn::V2);
        self.order += 1;
        let id = self.order as usize;
        let line = Line::new(stream, (node, shard), client, self.now_ms);
        self.tell(
            client,
            format_args!("connects to shard {shard} of node {node}"),
        );
        self.lines.insert(id, line);
        self.turn_soon(node, shard);
        self.clients[client].connection = Some(id);
        if self.dice.percent(15) {
            // A page that was loaded anew has nothing to resume from.
            self.clients[client].have = None;
        }
        self.join(client);
    }

    pub(super) fn lose(&mut self, client: usize) {
        let Some(id) = self.clients[client].connection else {
            return;
        };
        self.clients[client].disconnected();
        self.tell(client, "loses its socket");
        if let Some(Line { node, shard, .. }) = self.lines.remove(&id) {
            self.turn_soon(node, shard);
        }
        let back = self.now_ms + self.dice.between(5, 300);
        self.at(back, Thing::Connect(client));
    }

    pub(super) fn join(&mut self, client: usize) {
        if self.clients[client].connection.is_some() {
            let text = self.clients[client].join();
            self.say(client, text);
        }
    }

    pub(super) fn say(&mut self, client: usize, text: String) {
        let delay = self.dice.between(1, DELAY_MS);
        let Some(id) = self.clients[client].connection else {
            return;
        };
        self.tell(client, format_args!("says {text}"));
        if let Some(line) = self.lines.get_mut(&id) {
            line.last_arrival_ms = line.last_arrival_ms.max(self.now_ms + delay);
            let arrival = line.last_arrival_ms;
            self.at(arrival, Thing::Say(id, text));
        }
    }

    pub(super) fn deliver_soon(&mut self, id: usize) {
        if let Some(line) = self.lines.get_mut(&id)
            && !line.delivering
        {
            line.delivering = true;
            self.soon(Thing::Deliver(id));
        }
    }

    pub(super) fn deliver(&mut self, id: usize) {
        let Some(line) = self.lines.get_mut(&id) else {
            return;
        };
        line.delivering = false;
        let (node, shard, client) = (line.node, line.shard, line.client);
        if self.clients[client].stalled {
            return;
        }
        let Some(came) = line.read() else {
            return self.fail(Check::Survival, "the server closed a connection".to_owned());
        };
        if !came.is_empty() {
            // Its socket may have room again.
            self.turn_soon(node, shard);
        }
        for came in came {
            match came {
                Came::Text(frame) => self.frame(id, client, &frame),
                Came::Close => self.fail(Check::Survival, "a client was sent away".to_owned()),
            }
        }
    }

    fn frame(&mut self, id: usize, client: usize, frame: &Value) {
        self.tell(client, format_args!("is sent {frame}"));
        self.continues(id, client, frame);
        if frame[3] == "update" && self.fails(self.odds.frame_lost) {
            return;
        }
        let before = self.clients[client].revision();
        let then = self.clients[client].on_frame(frame);
        if matches!(frame[3].as_str(), Some("update" | "phx_reply")) {
            self.is_true(client, before);
        }
        match then {
            Then::Nothing => {}
            Then::Send(text) => self.say(client, text),
            Then::Rejoin => self.join(client),
            Then::RejoinLater => {
                let later = self.now_ms + self.dice.between(20, 200);
                self.at(later, Thing::Rejoin(client));
            }
        }
    }
}
