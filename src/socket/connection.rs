//! One connection: its socket, its half-read input, its outbox, and its session.
//!
//! An idle connection has a socket, a session with a few words per joined topic, and nothing else: no read buffer (the
//! shard's is shared), no write buffer, no timer.

use std::io::{self, Read};
use std::net::Shutdown;
use std::ops::ControlFlow;

use bytes::Bytes;
use mio::net::TcpStream;

use super::Admission;
use super::channel::ChannelKey;
use super::outbox::{Outbox, WriteOutcome};
use super::session::{Effect, Rules, Session, Subscription};
use crate::config::inside::{CLOSE_TIMEOUT_MS, READS_PER_TURN_MAX};
use crate::protocol::code;
use crate::protocol::phoenix;
use crate::protocol::websocket::{self, Incoming, Opcode, Reader};
use crate::ticketing::EventId;

pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) session: Session,
    reader: Reader,
    pub(super) outbox: Outbox,
    /// The socket is full: wait for the poller before writing again.
    blocked: bool,
    phase: Phase,
    /// The client has the time for a first join from here on. Milliseconds of the shard's clock, as the next.
    pub(super) may_join_ms: u64,
    pub(super) heard_ms: u64,
    /// Tells it from others that have its number before or after it.
    pub(super) serial: u32,
    /// Visits until the next beat.
    pub(super) beat_in: u16,
    /// Whether it is already in the shard's list of connections to read again.
    pub(super) unread: bool,
    /// Joins to be answered when the socket drains, at most one for each joined topic.
    pub(super) postponed: Vec<Postponed>,
    /// Counts this connection against the limits for as long as it lives.
    pub(super) admission: Admission,
}

// A viewer that waits costs one of each, so a field more is paid for by all of them.
const _: () = assert!(size_of::<Connection>() <= 256);
const _: () = assert!(size_of::<Subscription>() <= 136);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// A close frame was sent; the peer's answer is awaited until this time (shard's clock).
    Closing {
        until_ms: u64,
    },
}

/// The outcome of a turn of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Everything that came was read.
    Done,
    /// There may be more: read again after the others.
    More,
    /// The peer is gone, or the connection cannot go on.
    Gone,
}

impl Connection {
    pub(super) fn new(
        socket: TcpStream,
        session: Session,
        admission: Admission,
        now_ms: u64,
    ) -> Self {
        Self {
            socket,
            session,
            reader: Reader::default(),
            outbox: Outbox::default(),
            blocked: false,
            phase: Phase::Open,
            may_join_ms: now_ms,
            heard_ms: now_ms,
            serial: 0,
            beat_in: 1,
            unread: false,
            postponed: Vec::new(),
            admission,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether a shared frame can be written at once: it is open, nothing waits, and the socket is not full.
    pub(super) fn is_clear(&self) -> bool {
        !self.blocked && self.outbox.is_empty() && self.is_open()
    }

    /// Whether closing has taken too long.
    pub(super) fn is_overdue(&self, now_ms: u64) -> bool {
        matches!(self.phase, Phase::Closing { until_ms } if now_ms >= until_ms)
    }

    /// Reads from the socket, and hands whole messages to the session.
    pub(super) fn read(
        &mut self,
        scratch: &mut [u8],
        now_ms: u64,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) -> Turn {
        for _ in 0..READS_PER_TURN_MAX {
            match self.socket.read(scratch) {
                Ok(0) => return Turn::Gone,
                Ok(count) => {
                    if !self.take(&mut scratch[..count], now_ms, rules, effects) {
                        return Turn::Gone;
                    }
                    if is_closing(effects) {
                        // Input after our close is ignored; read the rest after the other connections.
                        return Turn::More;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Done,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Turn::Gone,
            }
        }
        Turn::More
    }

    /// Takes bytes from the peer; `false` if it has answered our close.
    pub(super) fn take(
        &mut self,
        input: &mut [u8],
        now_ms: u64,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let (session, open) = (&mut self.session, self.phase == Phase::Open);
        let (mut whole, mut answered) = (false, false);
        let read = self
            .reader
            .read(input, rules.limits.frame_bytes_max, |incoming| {
                whole = true;
                match incoming {
                    Incoming::Close(_) if !open => {
                        answered = true;
                        return ControlFlow::Break(());
                    }
                    // Sent before the peer saw our close frame; ignored.
                    _ if !open => {}
                    Incoming::Text(text) => {
                        let frame = phoenix::decode_text(session.vsn, text);
                        session.on_frame(frame, now_ms, rules, effects);
                    }
                    Incoming::Binary(bytes) => {
                        let frame = phoenix::decode_binary(session.vsn, bytes);
                        session.on_frame(frame, now_ms, rules, effects);
                    }
                    Incoming::Ping(data) => {
                        session.on_ping(|| websocket::frame(Opcode::Pong, data), now_ms, effects);
                    }
                    Incoming::Pong => session.on_pong(now_ms, effects),
                    Incoming::Close(_) => {
                        effects.push(Effect::Close {
                            code: code::NORMAL.number,
                            reason: "",
                        });
                        return ControlFlow::Break(());
                    }
                }
                if is_closing(effects) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        if whole {
            // Only whole messages count as activity, so that a peer that sends byte by byte does not keep its connection for ever.
            self.heard_ms = now_ms;
        }
        if let Err(violation) = read {
            if !open {
                return false;
            }
            effects.push(Effect::Close {
                code: violation.close_code,
                reason: violation.reason,
            });
        }
        !answered
    }

    /// Queues a reply or a notice.
    ///
    /// # Errors
    /// [`Overflow`] if the client does not read and too much waits already.
    pub(super) fn send(&mut self, frame: Bytes, outbox_bytes_max: usize) -> Result<(), Overflow> {
        if self.outbox.bytes() > outbox_bytes_max {
            // Only bytes that wait for a full socket count. A write error shows at the next read.
            let _ = self.flush();
            if self.outbox.bytes_of_replies() > outbox_bytes_max {
                return Err(Overflow);
            }
        }
        self.outbox.push(frame);
        Ok(())
    }

    /// Queues a close frame behind the waiting ones; `false` if one was queued already.
    pub(super) fn close(&mut self, code: u16, reason: &str, now_ms: u64) -> bool {
        if !self.is_open() {
            return false;
        }
        self.outbox.push(websocket::close_frame(code, reason));
        self.phase = Phase::Closing {
            until_ms: now_ms + CLOSE_TIMEOUT_MS,
        };
        true
    }

    /// The poller reports that the socket can be written again.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Writes waiting frames, as far as the socket takes them.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.blocked || self.outbox.is_empty() {
            return Ok(());
        }
        self.blocked = self.outbox.flush(&mut self.socket)? == WriteOutcome::Blocked;
        if !self.blocked && !self.is_open() {
            // Everything is sent. The peer's close frame, or the end of its stream, finishes the connection.
            return self.socket.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// Writes one shared frame to a clear connection; `false` if the socket took not one byte.
    pub(super) fn write_shared(&mut self, frame: &Bytes) -> io::Result<bool> {
        let written = self.outbox.write_shared(&mut self.socket, frame)?;
        self.blocked = written != Some(WriteOutcome::All);
        Ok(written.is_some())
    }
}

/// Whether the session has just asked to close.
fn is_closing(effects: &[Effect]) -> bool {
    matches!(effects.last(), Some(Effect::Close { .. }))
}

/// A join that is answered when the socket has taken all waiting frames.
pub(super) struct Postponed {
    pub(super) subscription: u32,
    pub(super) key: ChannelKey,
    pub(super) event: EventId,
}

/// Too many replies wait for a client that does not read.
#[derive(Debug)]
pub(super) struct Overflow;
