//! Thousands of viewers in a process of their own: an epoll loop that joins, reads, and counts
//! which viewer has which revision.
//!
//! It does as little as can be done for a frame: one `recv`, and a search for its `"to":`. What
//! it costs is the same in front of the server and in front of the floor. [`viewers`] is the
//! bench's end of it.

pub(super) mod lags;
mod orders;
pub(super) mod scan;
mod tally;
mod viewer;
pub(super) mod viewers;
mod watch;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::BenchError;
use crate::ticketing::{EventId, Revision};
use orders::Order;
use scan::masked;
use tally::Tally;
use viewer::{HeardFrames, LoadViewer, ViewerStage};

/// Connections on their way to being joined at a time.
const OPENING_MAX: usize = 100;
const ORDERS: Token = Token(usize::MAX);
const SCRATCH_BYTES: usize = 64 * 1024;
const EVENTS_MAX: usize = 1024;
/// The server closes what is silent for 60 s.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// The first message of a viewer that is connected.
#[derive(Debug, Clone)]
pub(super) enum Greeting {
    /// Nothing: the floor sends without being asked.
    Silent,
    /// A WebSocket handshake, then a join of one of these events, viewer after viewer in turn.
    Join(Vec<EventId>),
}

/// Opens the connections, says `opened`, and then follows the orders on standard input, a line
/// each ([`Order`]). Ends with its input, or with the first connection that is lost without a
/// refuge.
///
/// `buffer_bytes` bounds the receive buffer of each viewer's socket.
pub(super) fn run(
    address: SocketAddr,
    count: usize,
    greeting: Greeting,
    buffer_bytes: Option<usize>,
) -> Result<(), BenchError> {
    let poll = Poll::new().map_err(BenchError::io("make a poller"))?;
    poll.registry()
        .register(&mut SourceFd(&0), ORDERS, Interest::READABLE)
        .map_err(BenchError::io("watch standard input"))?;
    let mut crowd = Crowd {
        poll,
        address,
        buffer_bytes,
        greeting,
        viewers: Vec::with_capacity(count),
        count,
        joined: 0,
        orders: String::new(),
        tally: Tally::default(),
        refuge: None,
        returns: BTreeSet::new(),
        heartbeat_at: Instant::now() + HEARTBEAT_INTERVAL,
    };
    crowd.run()
}

struct Crowd {
    poll: Poll,
    address: SocketAddr,
    buffer_bytes: Option<usize>,
    greeting: Greeting,
    viewers: Vec<LoadViewer>,
    count: usize,
    joined: usize,
    /// The beginning of an order whose line has not ended.
    orders: String,
    tally: Tally,
    /// Where lost viewers come back, and when each does.
    refuge: Option<SocketAddr>,
    returns: BTreeSet<(Instant, usize)>,
    heartbeat_at: Instant,
}

impl Crowd {
    fn run(&mut self) -> Result<(), BenchError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut scratch = vec![0; SCRATCH_BYTES];
        loop {
            self.open_more()?;
            match self.poll.poll(&mut events, Some(self.patience())) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled.map_err(BenchError::io("poll"))?,
            }
            for event in &events {
                if event.token() != ORDERS {
                    self.attend(event.token().0, &mut scratch)?;
                } else if !self.take_orders(&mut scratch)? {
                    return Ok(());
                }
            }
            self.bring_back()?;
            self.beat_hearts()?;
        }
    }

    fn patience(&self) -> Duration {
        let next = self.returns.first();
        next.map_or(HEARTBEAT_INTERVAL, |(at, _)| {
            at.saturating_duration_since(Instant::now())
        })
    }

    fn open_more(&mut self) -> Result<(), BenchError> {
        while self.viewers.len() < self.count && self.viewers.len() - self.joined < OPENING_MAX {
            self.viewers
                .push(LoadViewer::connect(self.address, self.buffer_bytes)?);
            self.watch(self.viewers.len() - 1)?;
        }
        Ok(())
    }

    fn watch(&mut self, index: usize) -> Result<(), BenchError> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let stream = &mut self.viewers[index].stream;
        let watched = self
            .poll
            .registry()
            .register(stream, Token(index), interest);
        watched.map_err(BenchError::io("watch a connection"))
    }

    /// Serves a viewer; one that is lost comes back later, if there is a place to come back to.
    fn attend(&mut self, index: usize, scratch: &mut [u8]) -> Result<(), BenchError> {
        if self.viewers[index].stalled {
            return Ok(());
        }
        match self.serve(index, scratch) {
            Err(_) if self.refuge.is_some() => {
                self.lose(index);
                Ok(())
            }
            served => served,
        }
    }

    /// One event of one connection: send what its stage wants, read what there is.
    fn serve(&mut self, index: usize, scratch: &mut [u8]) -> Result<(), BenchError> {
        match self.viewers[index].stage {
            ViewerStage::Away => return Ok(()),
            ViewerStage::Connecting if !self.viewers[index].is_connected()? => return Ok(()),
            ViewerStage::Connecting => self.greet(index)?,
            _ => {}
        }
        while let Some(length) = self.viewers[index].receive(scratch)? {
            let bytes = self.viewers[index].with_rest(&scratch[..length]);
            let used = self.take(index, &bytes)?;
            self.viewers[index].keep_rest(&bytes[used..]);
            // A short read has emptied the socket: epoll(7) says so, and it saves a call.
            if length < scratch.len() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn greet(&mut self, index: usize) -> Result<(), BenchError> {
        match self.greeting {
            Greeting::Silent => self.has_joined(index, 0),
            Greeting::Join(_) => self.viewers[index].ask_for_websocket(self.address),
        }
    }

    fn has_joined(&mut self, index: usize, revision: Revision) -> Result<(), BenchError> {
        let viewer = &mut self.viewers[index];
        viewer.stage = ViewerStage::Joined;
        viewer.backoff.reset();
        if self.joined < self.count {
            self.joined += 1;
            if self.joined == self.count {
                say("opened")?;
            }
        }
        self.tally.reached(viewer, revision)
    }

    /// Reads whole messages from the front of `bytes`; returns how many bytes they had.
    fn take(&mut self, index: usize, bytes: &[u8]) -> Result<usize, BenchError> {
        let mut used = 0;
        if self.viewers[index].stage == ViewerStage::Handshaking {
            used = match viewer::handshake_length(bytes)? {
                Some(length) => length,
                None => return Ok(0),
            };
            if let Greeting::Join(events) = &self.greeting {
                self.viewers[index].join(events[index % events.len()])?;
            }
        }
        while let Some((opcode, payload, length)) = scan::frame(&bytes[used..]) {
            match opcode {
                1 => self.hear(index, payload)?,
                8 => return Err(LOST),
                _ => {}
            }
            used += length;
        }
        Ok(used)
    }

    fn hear(&mut self, index: usize, payload: &[u8]) -> Result<(), BenchError> {
        let viewer = &mut self.viewers[index];
        match viewer.understand(payload)? {
            HeardFrames::Joined(revision) => self.has_joined(index, revision),
            HeardFrames::Update(to) => self.tally.update(index, viewer, to, payload),
            HeardFrames::Presence => {
                self.tally.presence(index, payload);
                Ok(())
            }
            HeardFrames::Other => Ok(()),
        }
    }

    fn lose(&mut self, index: usize) {
        let viewer = &mut self.viewers[index];
        if viewer.stage == ViewerStage::Away {
            return;
        }
        viewer.go_away();
        let away = rand::random_range(Duration::ZERO..=viewer.backoff.pause());
        self.returns.insert((Instant::now() + away, index));
    }

    fn bring_back(&mut self) -> Result<(), BenchError> {
        let now = Instant::now();
        while let Some(refuge) = self.refuge
            && let Some(&(at, index)) = self.returns.first()
            && at <= now
        {
            self.returns.pop_first();
            self.viewers[index].reconnect(refuge, self.buffer_bytes)?;
            self.watch(index)?;
        }
        Ok(())
    }

    fn beat_hearts(&mut self) -> Result<(), BenchError> {
        if Instant::now() < self.heartbeat_at || matches!(self.greeting, Greeting::Silent) {
            return Ok(());
        }
        self.heartbeat_at = Instant::now() + HEARTBEAT_INTERVAL;
        let heartbeat = masked(r#"[null,"h","phoenix","heartbeat",{}]"#);
        let joined = |viewer: &&mut LoadViewer| viewer.stage == ViewerStage::Joined;
        for viewer in self.viewers.iter_mut().filter(joined) {
            viewer.send(&heartbeat)?;
        }
        Ok(())
    }

    /// `false` at the end of the input.
    fn take_orders(&mut self, scratch: &mut [u8]) -> Result<bool, BenchError> {
        let length = io::stdin().read(scratch).map_err(BenchError::io("read"))?;
        self.orders
            .push_str(&String::from_utf8_lossy(&scratch[..length]));
        while let Some((order, rest)) = self.orders.split_once('\n') {
            let order = Order::read(order);
            self.orders = rest.to_owned();
            let order = order.ok_or(BenchError::Child("the viewers were told something odd"))?;
            self.obey(order, scratch)?;
        }
        Ok(length > 0)
    }

    fn obey(&mut self, order: Order, scratch: &mut [u8]) -> Result<(), BenchError> {
        match order {
            Order::Expect(revision) => self.tally.expect(revision, &self.viewers),
            Order::Watch(revision) => {
                self.tally.watch(revision);
                Ok(())
            }
            Order::Due(to, due) => {
                self.tally.due(to, due);
                Ok(())
            }
            Order::Sample => say(&self.tally.sample()),
            Order::Presence => say(&self.tally.presence_sample()),
            Order::Lags => say(&self.tally.lags()),
            Order::Tell => {
                self.tally.tells = true;
                Ok(())
            }
            Order::Stall(nth) => {
                let stalled = self.viewers.iter_mut().step_by(nth.max(1));
                // The first is the sample.
                stalled.skip(1).for_each(|viewer| viewer.stalled = true);
                Ok(())
            }
            Order::Wake(revision) => self.wake(revision, scratch),
            Order::Refuge(address) => {
                self.refuge = Some(address);
                Ok(())
            }
        }
    }

    /// The poller tells only once, and it told while they were stalled: reads from all of them.
    fn wake(&mut self, revision: Revision, scratch: &mut [u8]) -> Result<(), BenchError> {
        let stalled = |&index: &usize| self.viewers[index].stalled;
        let woken: Vec<usize> = (0..self.viewers.len()).filter(stalled).collect();
        let behind = |&&index: &&usize| self.viewers[index].have < revision;
        self.tally
            .woken(revision, woken.iter().filter(behind).count());
        for index in woken {
            self.viewers[index].stalled = false;
            self.viewers[index].frames = (self.viewers[index].have < revision).then_some(0);
            self.attend(index, scratch)?;
        }
        self.tally.tell_if_awake()
    }
}

const LOST: BenchError = BenchError::Child("a viewer lost its connection");

fn say(line: &str) -> Result<(), BenchError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(BenchError::io("write"))
}
