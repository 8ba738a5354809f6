//! Connections of clients to nodes, and the delivery of their frames.

use serde_json::Value;
use tokio::sync::oneshot;

use super::check::Check;
use super::client::{ClientKind, NextMove};
use super::line::{Came, Line, LineEnd, frames};
use super::world::{DELAY_MS, Thing, World};
use crate::auth::Caller;
use crate::hub::NativeView;
use crate::protocol::phoenix::Vsn;
use crate::sse::shown::Ask;

/// Beat interval of streams; sockets have theirs from the configuration.
const BEAT_INTERVAL_MS: u64 = 500;
/// By then all clients have moved to the spare node.
const MOVED_WITHIN_MS: u64 = 1_000;

impl World<'_> {
    pub(super) fn connect(&mut self, client: usize) {
        if self.clients[client].connection.is_some() {
            return;
        }
        let node = match (self.spare, self.moved) {
            (false, _) => self.dice.below(self.nodes.len()),
            (true, false) => self.dice.below(self.nodes.len() - 1),
            (true, true) => self.nodes.len() - 1,
        };
        if self.dice.percent(15) {
            // A page that was loaded anew has nothing to resume from.
            self.clients[client].have = None;
        }
        let shards = self.nodes[node].shards.len();
        let (shard, end) = if self.clients[client].streams {
            (shards, self.ask_for_stream(node, client))
        } else {
            let shard = self.dice.below(shards);
            let socket = self.nodes[node].shards[shard].connect(Vsn::V2);
            (shard, LineEnd::Socket(socket, Vec::new()))
        };
        self.order += 1;
        let id = self.order as usize;
        let line = Line::new(end, (node, shard), client, self.now_ms);
        self.tell(
            client,
            format_args!("connects to shard {shard} of node {node}"),
        );
        self.lines.insert(id, line);
        self.turn_soon(node, shard);
        self.clients[client].connection = Some(id);
        if self.clients[client].streams {
            self.deliver_soon(id);
        } else {
            self.join(client);
        }
    }

    fn ask_for_stream(&mut self, node: usize, client: usize) -> LineEnd {
        let (answer, answered) = oneshot::channel();
        let (client, caller) = (&self.clients[client], Caller::Anonymous);
        let since = client.revision();
        let ask = Ask {
            since,
            caller,
            answer,
        };
        self.nodes[node].streams.ask(client.event, ask);
        LineEnd::Asked(answered, since)
    }

    /// Where there is a spare node, all clients move there, as if all others had been stopped.
    pub(super) fn move_to_spare(&mut self) {
        self.moved = self.spare;
        for client in 0..self.clients.len() {
            if self.moved {
                self.lose_for(client, MOVED_WITHIN_MS);
            }
        }
    }

    /// Cuts a client's connection, and lets it come back.
    pub(super) fn lose(&mut self, client: usize) {
        let longest = match self.clients[client].kind {
            ClientKind::Own => 60,
            _ => 300,
        };
        self.lose_for(client, longest);
    }

    fn lose_for(&mut self, client: usize, longest: u64) {
        let Some(id) = self.clients[client].connection else {
            return;
        };
        self.clients[client].disconnected();
        self.tell(client, "loses its connection");
        if let Some(Line { node, shard, .. }) = self.lines.remove(&id) {
            self.turn_soon(node, shard);
        }
        let back = self.now_ms + self.dice.between(5, longest);
        self.at(back, Thing::Connect(client));
    }

    pub(super) fn join(&mut self, client: usize) {
        if self.clients[client].streams {
            return self.lose(client);
        }
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
        if !matches!(line.end(), LineEnd::Socket(..)) {
            // Its beat may be due at the same time, and come first.
            let beat = self.dice.percent(30);
            return self.deliver_events(id, client, beat);
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

    /// Asks a stream for more, like hyper when the client has read everything.
    fn deliver_events(&mut self, id: usize, client: usize, beat: bool) {
        let Some(line) = self.lines.get_mut(&id) else {
            return;
        };
        let (node, event) = (line.node, self.clients[client].event);
        let text = match line.end() {
            LineEnd::Socket(..) => return,
            LineEnd::Asked(answered, since) => match answered.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => return,
                Ok(Ok(())) => {
                    let (since, kind) = (*since, self.clients[client].kind);
                    let view = match kind {
                        ClientKind::Seats => NativeView::Seats,
                        _ => NativeView::Event,
                    };
                    let shown = &self.nodes[node].streams;
                    let Ok(mut viewer) = shown.admit(event, view, since, Caller::Anonymous) else {
                        return self.lose(client);
                    };
                    let text = viewer.greeting();
                    line.told = since;
                    *line.end() = LineEnd::Stream(Box::new(viewer));
                    self.clients[client].streams_on();
                    let beat = self.now_ms + self.dice.between(1, BEAT_INTERVAL_MS);
                    self.at(beat, Thing::Beat(id));
                    text
                }
                _ => return self.lose(client),
            },
            LineEnd::Stream(viewer) if beat => viewer.beat(),
            LineEnd::Stream(viewer) => viewer.missing(),
        };
        let Some(text) = text else {
            return self.lose(client);
        };
        let topic = self.clients[client].topic.clone();
        let join_ref = self.clients[client].join_ref();
        for frame in frames(&text, &topic, &join_ref) {
            self.frame(id, client, &frame);
        }
    }

    pub(super) fn beat_stream(&mut self, id: usize) {
        let Some(line) = self.lines.get(&id) else {
            return;
        };
        let client = line.client;
        self.at(self.now_ms + BEAT_INTERVAL_MS, Thing::Beat(id));
        if !self.clients[client].stalled {
            self.deliver_events(id, client, true);
        }
    }

    fn frame(&mut self, id: usize, client: usize, frame: &Value) {
        self.tell(client, format_args!("is sent {frame}"));
        self.continues(id, client, frame);
        if frame[3] == "update" && self.fails(self.odds.frame_lost) {
            return;
        }
        let told = match frame[3].as_str() {
            Some("update") => &frame[4],
            _ => &frame[4]["response"]["state"],
        };
        self.is_no_older(client, told);
        let before = self.clients[client].revision();
        let then = self.clients[client].on_frame(frame);
        if matches!(frame[3].as_str(), Some("update" | "phx_reply")) {
            self.is_true(client, before);
        }
        match then {
            NextMove::Nothing => {}
            NextMove::Send(text) => self.say(client, text),
            NextMove::Rejoin => self.join(client),
            NextMove::RejoinLater => {
                let later = self.now_ms + self.dice.between(20, 200);
                self.at(later, Thing::Rejoin(client));
            }
        }
    }
}
