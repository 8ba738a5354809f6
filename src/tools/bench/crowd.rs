//! Thousands of viewers in one process: an epoll loop that joins, reads, and counts who has what.
//!
//! It does as little as can be done for a frame: one `recv`, and a search for its `"to":`. What
//! it costs is the same in front of the server and in front of the floor.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::BenchError;
use super::lags::Lags;
use super::scan::{find, frame, masked, number_after};
use crate::ticketing::{EventId, Revision};

/// Connections on their way to being joined at a time.
const OPENING_MAX: usize = 100;
const ORDERS: Token = Token(usize::MAX);
const SCRATCH_BYTES: usize = 64 * 1024;
const EVENTS_MAX: usize = 1024;
/// The server closes what is silent for 60 s.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(30);

/// What a viewer says when it is connected.
#[derive(Debug, Clone, Copy)]
pub(super) enum Greeting {
    /// Nothing: the floor sends without being asked.
    Silent,
    /// A WebSocket handshake, then a join of the event's topic.
    Join(EventId),
}

/// A viewer that lost its connection comes back within this time, longer after each attempt that
/// failed: the backoff of `web/src/sdk`.
const RETURN_JITTER_MS: u64 = 250;
const RETURN_JITTER_MS_MAX: u64 = 15_000;

/// Opens the connections, says `opened`, and then does what standard input says, a line each:
///
/// - `expect 41` is answered with `arrived` when the last viewer that reads has revision 41;
/// - `sample` with the number of updates that the first viewer has had and the last of them;
/// - `presence` with the number of presence frames that all viewers have had and the first viewer's last;
/// - `lags` with how late each viewer had what was expected, of all times since this was last asked;
/// - `stall 10`: every tenth viewer stops reading;
/// - `wake 41`: they read again; answered with the most frames that one of them needed to have
///   revision 41;
/// - `refuge 127.0.0.1:8001`: who is lost comes back there, with `since`.
///
/// Ends with its input, or with the first connection that is lost without a refuge.
///
/// `buffer_bytes` is what the kernel may keep of what a viewer does not read.
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
        expected: None,
        lags: Lags::default(),
        frames: 0,
        last_update: String::new(),
        presence_frames: 0,
        last_presence: String::new(),
        woken: None,
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
    viewers: Vec<Viewer>,
    count: usize,
    joined: usize,
    /// The beginning of an order whose line has not ended.
    orders: String,
    expected: Option<Expected>,
    lags: Lags,
    /// Updates that the first viewer has had, and the last one's payload.
    frames: u64,
    last_update: String,
    /// Presence frames that all viewers have had, and the first viewer's last one.
    presence_frames: u64,
    last_presence: String,
    /// Viewers that were woken and are not at the revision yet.
    woken: Option<Woken>,
    /// Where lost viewers come back, and when each does.
    refuge: Option<SocketAddr>,
    returns: BTreeSet<(Instant, usize)>,
    heartbeat_at: Instant,
}

struct Woken {
    revision: Revision,
    behind: usize,
    /// The most frames that one of them needed.
    frames_max: u32,
}

struct Expected {
    revision: Revision,
    /// Viewers that do not have it.
    missing: usize,
    since: Instant,
}

struct Viewer {
    stream: TcpStream,
    stage: Stage,
    have: Revision,
    /// Does not read.
    stalled: bool,
    /// Frames since it was woken, while it catches up.
    frames: Option<u32>,
    /// Attempts to come back that failed in a row.
    failures: u32,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Lost, and not yet on its way back.
    Away,
    Connecting,
    Handshaking,
    Joining,
    Joined,
}

impl Crowd {
    fn run(&mut self) -> Result<(), BenchError> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        let mut scratch = vec![0; SCRATCH_BYTES];
        loop {
            self.open_more().map_err(BenchError::io("connect"))?;
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

    fn lose(&mut self, index: usize) {
        let viewer = &mut self.viewers[index];
        if viewer.stage == Stage::Away {
            return;
        }
        viewer.stage = Stage::Away;
        viewer.rest = Vec::new();
        let bound = RETURN_JITTER_MS << viewer.failures.min(6);
        viewer.failures += 1;
        let away = rand::random_range(0..=bound.min(RETURN_JITTER_MS_MAX));
        let at = Instant::now() + Duration::from_millis(away);
        self.returns.insert((at, index));
    }

    fn bring_back(&mut self) -> Result<(), BenchError> {
        let now = Instant::now();
        while let Some(refuge) = self.refuge
            && let Some(&(at, index)) = self.returns.first()
            && at <= now
        {
            self.returns.pop_first();
            let viewer = &mut self.viewers[index];
            viewer.stream =
                connect(refuge, self.buffer_bytes).map_err(BenchError::io("connect"))?;
            viewer.stage = Stage::Connecting;
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry
                .register(&mut viewer.stream, Token(index), interest)
                .map_err(BenchError::io("watch a connection"))?;
        }
        Ok(())
    }

    /// `false` at the end of the input.
    fn take_orders(&mut self, scratch: &mut [u8]) -> Result<bool, BenchError> {
        let length = io::stdin().read(scratch).map_err(BenchError::io("read"))?;
        self.orders
            .push_str(&String::from_utf8_lossy(&scratch[..length]));
        while let Some((order, rest)) = self.orders.split_once('\n') {
            let (order, rest) = (order.to_owned(), rest.to_owned());
            self.orders = rest;
            self.obey(&order, scratch)?;
        }
        Ok(length > 0)
    }

    fn obey(&mut self, order: &str, scratch: &mut [u8]) -> Result<(), BenchError> {
        let not_an_order = || BenchError::Child("the viewers were told something odd");
        match order.split_once(' ') {
            None if order == "sample" => say(&format!("{} {}", self.frames, self.last_update)),
            None if order == "presence" => {
                say(&format!("{} {}", self.presence_frames, self.last_presence))
            }
            None if order == "lags" => say(&mem::take(&mut self.lags).written()),
            Some(("expect", revision)) => {
                self.expect(revision.parse().map_err(|_| not_an_order())?)
            }
            Some(("stall", nth)) => {
                let nth: usize = nth.parse().map_err(|_| not_an_order())?;
                let stalled = self.viewers.iter_mut().step_by(nth.max(1));
                // The first is the sample.
                stalled.skip(1).for_each(|viewer| viewer.stalled = true);
                Ok(())
            }
            Some(("wake", revision)) => {
                self.wake(revision.parse().map_err(|_| not_an_order())?, scratch)
            }
            Some(("refuge", address)) => {
                self.refuge = Some(address.parse().map_err(|_| not_an_order())?);
                Ok(())
            }
            _ => Err(not_an_order()),
        }
    }

    /// Nobody was told by the poller, which tells once only: reads from all that were stalled.
    fn wake(&mut self, revision: Revision, scratch: &mut [u8]) -> Result<(), BenchError> {
        let stalled = |&index: &usize| self.viewers[index].stalled;
        let woken: Vec<usize> = (0..self.viewers.len()).filter(stalled).collect();
        let behind = |&&index: &&usize| self.viewers[index].have < revision;
        self.woken = Some(Woken {
            revision,
            behind: woken.iter().filter(behind).count(),
            frames_max: 0,
        });
        for index in woken {
            self.viewers[index].stalled = false;
            self.viewers[index].frames = Some(0);
            self.attend(index, scratch)?;
        }
        self.tell_if_awake()
    }

    fn tell_if_awake(&mut self) -> Result<(), BenchError> {
        match self.woken.take_if(|woken| woken.behind == 0) {
            Some(woken) => say(&woken.frames_max.to_string()),
            None => Ok(()),
        }
    }

    fn open_more(&mut self) -> io::Result<()> {
        while self.viewers.len() < self.count && self.viewers.len() - self.joined < OPENING_MAX {
            let mut stream = connect(self.address, self.buffer_bytes)?;
            let token = Token(self.viewers.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, token, interest)?;
            self.viewers.push(Viewer {
                stream,
                stage: Stage::Connecting,
                have: 0,
                stalled: false,
                frames: None,
                failures: 0,
                rest: Vec::new(),
            });
        }
        Ok(())
    }

    fn expect(&mut self, revision: Revision) -> Result<(), BenchError> {
        let lacks = |viewer: &&Viewer| viewer.have < revision && !viewer.stalled;
        let missing = self.viewers.iter().filter(lacks).count();
        if missing == 0 {
            return say("arrived");
        }
        self.expected = Some(Expected {
            revision,
            missing,
            since: Instant::now(),
        });
        Ok(())
    }

    /// One event of one connection: send what its stage wants, read what there is.
    fn serve(&mut self, index: usize, scratch: &mut [u8]) -> Result<(), BenchError> {
        let viewer = &mut self.viewers[index];
        if viewer.stage == Stage::Away {
            return Ok(());
        }
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
            Greeting::Silent => self.has_joined(index, 0)?,
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

    fn has_joined(&mut self, index: usize, revision: Revision) -> Result<(), BenchError> {
        let viewer = &mut self.viewers[index];
        viewer.stage = Stage::Joined;
        viewer.failures = 0;
        if self.joined < self.count {
            self.joined += 1;
            if self.joined == self.count {
                say("opened")?;
            }
        }
        self.reach(index, revision)
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
        let payload = match self.viewers[index].have {
            0 => "{}".to_owned(),
            have => format!(r#"{{"since":{have}}}"#),
        };
        let join = format!(r#"["1","1","event:{event}","phx_join",{payload}]"#);
        self.viewers[index].stage = Stage::Joining;
        self.send(index, &masked(&join))
    }

    fn hear(&mut self, index: usize, payload: &[u8]) -> Result<(), BenchError> {
        if self.viewers[index].stage == Stage::Joining {
            if find(payload, br#""phx_reply",{"status":"ok""#).is_none() {
                return Err(BenchError::Child("the server refused a join"));
            }
            let revision = number_after(payload, br#""revision":"#).unwrap_or_default();
            return self.has_joined(index, revision);
        }
        let Some(to) = number_after(payload, br#""to":"#) else {
            self.hear_presence(index, payload);
            return Ok(());
        };
        if index == 0 {
            self.last_update = String::from_utf8_lossy(payload).into_owned();
            self.frames += 1;
        }
        if let Some(frames) = &mut self.viewers[index].frames {
            *frames += 1;
        }
        self.reach(index, to)
    }

    fn hear_presence(&mut self, index: usize, payload: &[u8]) {
        if find(payload, br#""presence",{"#).is_some() {
            self.presence_frames += 1;
            if index == 0 {
                self.last_presence = String::from_utf8_lossy(payload).into_owned();
            }
        }
    }

    fn reach(&mut self, index: usize, to: Revision) -> Result<(), BenchError> {
        let viewer = &mut self.viewers[index];
        let had = std::mem::replace(&mut viewer.have, to);
        if let Some(woken) = &mut self.woken
            && had < woken.revision
            && to >= woken.revision
            && let Some(frames) = viewer.frames.take()
        {
            woken.behind -= 1;
            woken.frames_max = woken.frames_max.max(frames);
            self.tell_if_awake()?;
        }
        if let Some(expected) = &mut self.expected
            && had < expected.revision
            && to >= expected.revision
        {
            expected.missing -= 1;
            self.lags.add(expected.since.elapsed());
            if expected.missing == 0 {
                self.expected = None;
                say("arrived")?;
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

/// Begins to connect. The buffer is set before, because a window that was offered is not taken back.
fn connect(address: SocketAddr, buffer_bytes: Option<usize>) -> io::Result<TcpStream> {
    let Some(bytes) = buffer_bytes else {
        return TcpStream::connect(address);
    };
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    set_socket_recv_buffer_size(&socket, bytes)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from_std(socket.into())),
        Err(error) => Err(error.into()),
    }
}

const LOST: BenchError = BenchError::Child("a viewer lost its connection");

fn say(line: &str) -> Result<(), BenchError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(BenchError::io("write"))
}
