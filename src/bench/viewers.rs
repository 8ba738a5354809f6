//! Thousands of viewers in one thread: an epoll loop that joins, reads, and counts who has what.
//!
//! It does as little as can be done for a frame: one `recv`, and a search for its `"to":`. What
//! it costs is the same in front of the server and in front of the floor.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::BenchError;
use crate::ticketing::{EventId, Revision};

/// Connections on their way to being joined at a time.
const OPENING_MAX: usize = 100;
const WAKER: Token = Token(usize::MAX);
const SCRATCH_BYTES: usize = 64 * 1024;
const EVENTS_MAX: usize = 1024;
/// The server closes what is silent for 60 s.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);
const OPEN_PATIENCE: Duration = Duration::from_secs(60);
/// How long all viewers may take to have a revision.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(20);

/// What a viewer says when it is connected.
#[derive(Debug, Clone, Copy)]
pub(super) enum Greeting {
    /// Nothing: the floor sends without being asked.
    Silent,
    /// A WebSocket handshake, then a join of the event's topic.
    Join(EventId),
}

/// A handle on the thread. Dropping it closes all connections.
pub(super) struct Viewers {
    orders: Sender<Order>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    /// Answer when the last viewer has this revision.
    Expect(Revision, Sender<Instant>),
    /// Answer with the payload of the last `update` of the first viewer.
    Sample(Sender<String>),
    End,
}

/// A revision under way to all viewers.
pub(super) struct Arrival(Receiver<Instant>);

impl Arrival {
    /// When the last viewer had it.
    pub(super) fn wait(self) -> Result<Instant, BenchError> {
        self.0
            .recv_timeout(ARRIVAL_PATIENCE)
            .map_err(|_| BenchError::Child("an update did not reach every viewer in time"))
    }
}

impl Viewers {
    /// Opens `count` connections and returns when all are joined.
    pub(super) fn open(
        address: SocketAddr,
        count: usize,
        greeting: Greeting,
    ) -> Result<Viewers, BenchError> {
        let poll = Poll::new().map_err(BenchError::io("make a poller"))?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(BenchError::io("make a waker"))?;
        let (orders, inbox) = channel();
        let (opened, ready) = channel();
        let mut crowd = Crowd {
            poll,
            address,
            greeting,
            viewers: Vec::with_capacity(count),
            count,
            joined: 0,
            expected: None,
            sample: String::new(),
            opened: Some(opened),
            heartbeat_at: Instant::now() + HEARTBEAT_INTERVAL,
        };
        let thread = std::thread::spawn(move || {
            let ended = crowd.run(&inbox);
            if let (Err(error), Some(opened)) = (ended, crowd.opened.take()) {
                // Nobody listens when the bench gave up already.
                let _ = opened.send(Err(error));
            }
        });
        let viewers = Viewers {
            orders,
            waker,
            thread: Some(thread),
        };
        match ready.recv_timeout(OPEN_PATIENCE) {
            Ok(opened) => opened.map(|()| viewers),
            Err(_) => Err(BenchError::Child(
                "the connections could not be opened in time",
            )),
        }
    }

    /// Starts to wait for a revision. Call it before the change is made.
    pub(super) fn expect(&self, revision: Revision) -> Result<Arrival, BenchError> {
        let (reply, answer) = channel();
        self.order(Order::Expect(revision, reply))?;
        Ok(Arrival(answer))
    }

    /// The payload of an `update` that was received, as JSON text.
    pub(super) fn sample(&self) -> Result<String, BenchError> {
        let (reply, answer) = channel();
        self.order(Order::Sample(reply))?;
        answer.recv().map_err(|_| LOST)
    }

    fn order(&self, order: Order) -> Result<(), BenchError> {
        self.orders.send(order).map_err(|_| LOST)?;
        self.waker
            .wake()
            .map_err(BenchError::io("wake the viewers"))
    }
}

const LOST: BenchError = BenchError::Child("a viewer lost its connection");

impl Drop for Viewers {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.order(Order::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Crowd {
    poll: Poll,
    address: SocketAddr,
    greeting: Greeting,
    viewers: Vec<Viewer>,
    count: usize,
    joined: usize,
    expected: Option<Expected>,
    sample: String,
    opened: Option<Sender<Result<(), BenchError>>>,
    heartbeat_at: Instant,
}

struct Expected {
    revision: Revision,
    missing: usize,
    reply: Sender<Instant>,
}

struct Viewer {
    stream: TcpStream,
    stage: Stage,
    have: Revision,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Handshaking,
    Joining,
    Joined,
}

impl Crowd {
    /// Ends when told to, or with the first connection that is lost.
    fn run(&mut self, orders: &Receiver<Order>) -> Result<(), BenchError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut scratch = vec![0; SCRATCH_BYTES];
        loop {
            self.open_more().map_err(BenchError::io("connect"))?;
            match self.poll.poll(&mut events, Some(HEARTBEAT_INTERVAL)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled.map_err(BenchError::io("poll"))?,
            }
            for event in &events {
                if event.token() != WAKER {
                    self.serve(event.token().0, &mut scratch)?;
                }
            }
            for order in orders.try_iter() {
                match order {
                    Order::Expect(revision, reply) => self.expect(revision, reply),
                    // The asker may have given up.
                    Order::Sample(reply) => drop(reply.send(self.sample.clone())),
                    Order::End => return Ok(()),
                }
            }
            self.beat_hearts()?;
        }
    }

    fn open_more(&mut self) -> io::Result<()> {
        while self.viewers.len() < self.count && self.viewers.len() - self.joined < OPENING_MAX {
            let mut stream = TcpStream::connect(self.address)?;
            let token = Token(self.viewers.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, token, interest)?;
            self.viewers.push(Viewer {
                stream,
                stage: Stage::Connecting,
                have: 0,
                rest: Vec::new(),
            });
        }
        Ok(())
    }

    fn expect(&mut self, revision: Revision, reply: Sender<Instant>) {
        let missing = self
            .viewers
            .iter()
            .filter(|viewer| viewer.have < revision)
            .count();
        if missing == 0 {
            let _ = reply.send(Instant::now());
        } else {
            self.expected = Some(Expected {
                revision,
                missing,
                reply,
            });
        }
    }

    /// One event of one connection: send what its stage wants, read what there is.
    fn serve(&mut self, index: usize, scratch: &mut [u8]) -> Result<(), BenchError> {
        let viewer = &mut self.viewers[index];
        if viewer.stage == Stage::Connecting {
            if let Some(error) = viewer
                .stream
                .take_error()
                .map_err(BenchError::io("connect"))?
            {
                return Err(BenchError::io("connect")(error));
            }
            if viewer.stream.peer_addr().is_err() {
                return Ok(());
            }
            self.greet(index)?;
        }
        loop {
            let viewer = &mut self.viewers[index];
            let length = match viewer.stream.read(scratch) {
                Ok(0) => return Err(LOST),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(BenchError::io("receive")(error)),
            };
            if viewer.rest.is_empty() {
                let used = self.take(index, &scratch[..length])?;
                self.viewers[index]
                    .rest
                    .extend_from_slice(&scratch[used..length]);
            } else {
                let mut bytes = std::mem::take(&mut viewer.rest);
                bytes.extend_from_slice(&scratch[..length]);
                let used = self.take(index, &bytes)?;
                bytes.drain(..used);
                self.viewers[index].rest = bytes;
            }
            // A short read has emptied the socket: epoll(7) says so, and it saves a call.
            if length < scratch.len() {
                return Ok(());
            }
        }
    }

    fn greet(&mut self, index: usize) -> Result<(), BenchError> {
        match self.greeting {
            Greeting::Silent => self.has_joined(index, 0),
            Greeting::Join(_) => {
                let request = format!(
                    "GET /realtime/v1/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: {}\r\n\
                     Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                    self.address
                );
                self.viewers[index].stage = Stage::Handshaking;
                self.send(index, request.as_bytes())?;
            }
        }
        Ok(())
    }

    fn has_joined(&mut self, index: usize, revision: Revision) {
        let viewer = &mut self.viewers[index];
        viewer.stage = Stage::Joined;
        viewer.have = revision;
        self.joined += 1;
        if self.joined == self.count
            && let Some(opened) = self.opened.take()
        {
            let _ = opened.send(Ok(()));
        }
    }

    /// Reads whole messages from the front of `bytes`; returns how many bytes they had.
    fn take(&mut self, index: usize, bytes: &[u8]) -> Result<usize, BenchError> {
        let mut used = 0;
        if self.viewers[index].stage == Stage::Handshaking {
            let Some(end) = find(bytes, b"\r\n\r\n") else {
                return Ok(0);
            };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                return Err(BenchError::Child("the server refused a WebSocket"));
            }
            used = end + 4;
            self.join(index)?;
        }
        while let Some((opcode, payload, length)) = frame(&bytes[used..]) {
            match opcode {
                1 => self.hear(index, payload)?,
                8 => return Err(LOST),
                _ => {}
            }
            used += length;
        }
        Ok(used)
    }

    fn join(&mut self, index: usize) -> Result<(), BenchError> {
        let Greeting::Join(event) = self.greeting else {
            return Ok(());
        };
        let join = format!(r#"["1","1","event:{event}","phx_join",{{}}]"#);
        self.viewers[index].stage = Stage::Joining;
        self.send(index, &masked(&join))
    }

    fn hear(&mut self, index: usize, payload: &[u8]) -> Result<(), BenchError> {
        if self.viewers[index].stage == Stage::Joining {
            if find(payload, br#""phx_reply",{"status":"ok""#).is_none() {
                return Err(BenchError::Child("the server refused a join"));
            }
            let revision = number_after(payload, br#""revision":"#).unwrap_or_default();
            self.has_joined(index, revision);
            return Ok(());
        }
        let Some(to) = number_after(payload, br#""to":"#) else {
            return Ok(());
        };
        if index == 0 {
            self.sample = String::from_utf8_lossy(payload).into_owned();
        }
        let had = std::mem::replace(&mut self.viewers[index].have, to);
        if let Some(expected) = &mut self.expected
            && had < expected.revision
            && to >= expected.revision
        {
            expected.missing -= 1;
            if expected.missing == 0 {
                let _ = expected.reply.send(Instant::now());
                self.expected = None;
            }
        }
        Ok(())
    }

    fn beat_hearts(&mut self) -> Result<(), BenchError> {
        if Instant::now() < self.heartbeat_at || matches!(self.greeting, Greeting::Silent) {
            return Ok(());
        }
        self.heartbeat_at = Instant::now() + HEARTBEAT_INTERVAL;
        let heartbeat = masked(r#"[null,"h","phoenix","heartbeat",{}]"#);
        for index in 0..self.viewers.len() {
            if self.viewers[index].stage == Stage::Joined {
                self.send(index, &heartbeat)?;
            }
        }
        Ok(())
    }

    /// A few bytes into an empty socket: they fit.
    fn send(&mut self, index: usize, bytes: &[u8]) -> Result<(), BenchError> {
        let sent = self.viewers[index].stream.write_all(bytes);
        sent.map_err(BenchError::io("send"))
    }
}

/// A client's text frame. The mask is zero, which leaves the payload as it is.
fn masked(text: &str) -> Vec<u8> {
    let length = text.len().min(125) as u8;
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(&text.as_bytes()[..length.into()]);
    frame
}

/// The first whole frame of a server: opcode, payload, length with its header.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (header, length) = match bytes.get(1)? {
        126 => {
            let length = bytes.get(2..4)?.try_into().ok()?;
            (4, usize::from(u16::from_be_bytes(length)))
        }
        127 => {
            let length = bytes.get(2..10)?.try_into().ok()?;
            (10, usize::try_from(u64::from_be_bytes(length)).ok()?)
        }
        length => (2, usize::from(*length)),
    };
    let end = header + length;
    Some((bytes[0] & 0x0f, bytes.get(header..end)?, end))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn number_after(payload: &[u8], key: &[u8]) -> Option<u64> {
    let digits = &payload[find(payload, key)? + key.len()..];
    let number = digits.iter().take_while(|byte| byte.is_ascii_digit());
    Some(number.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::protocol::websocket;

    #[test]
    fn frames_of_every_length_are_read() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let bytes = websocket::frame(websocket::Opcode::Text, &payload);
            assert_eq!(frame(&bytes).unwrap(), (1, &payload[..], bytes.len()));
            assert_eq!(frame(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn revisions_are_found() {
        let update = br#"[null,null,"event:1","update",{"from":56,"to":61,"ticket_types":[]}]"#;
        assert_eq!(number_after(update, br#""to":"#), Some(61));
        assert_eq!(number_after(b"[]", br#""to":"#), None);
    }
}
