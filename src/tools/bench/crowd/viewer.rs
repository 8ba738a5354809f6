//! One viewer: its connection, how far it has come, and what it hears.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::scan::{find, masked, number_after};
use super::{BenchError, LOST};
use crate::pacing::Backoff;
use crate::ticketing::{EventId, Revision};

/// As in `web/src/sdk`.
const RETURN_PAUSE_MIN: Duration = Duration::from_millis(250);
const RETURN_PAUSE_MAX: Duration = Duration::from_secs(15);

pub(super) struct LoadViewer {
    pub(super) stream: TcpStream,
    pub(super) stage: ViewerStage,
    pub(super) have: Revision,
    /// Does not read.
    pub(super) stalled: bool,
    /// Frames since it was woken, while it catches up.
    pub(super) frames: Option<u32>,
    /// A viewer that lost its connection comes back after a random part of its pause.
    pub(super) backoff: Backoff,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ViewerStage {
    /// Lost, and not yet on its way back.
    Away,
    Connecting,
    Handshaking,
    Joining,
    Joined,
}

pub(super) enum HeardFrames {
    Joined(Revision),
    /// Up to this revision.
    Update(Revision),
    Presence,
    Other,
}

impl LoadViewer {
    pub(super) fn connect(
        address: SocketAddr,
        buffer_bytes: Option<usize>,
    ) -> Result<LoadViewer, BenchError> {
        Ok(LoadViewer {
            stream: connect(address, buffer_bytes).map_err(BenchError::io("connect"))?,
            stage: ViewerStage::Connecting,
            have: 0,
            stalled: false,
            frames: None,
            backoff: Backoff::new(RETURN_PAUSE_MIN, RETURN_PAUSE_MAX),
            rest: Vec::new(),
        })
    }

    pub(super) fn go_away(&mut self) {
        self.stage = ViewerStage::Away;
        self.rest = Vec::new();
    }

    pub(super) fn reconnect(
        &mut self,
        address: SocketAddr,
        buffer_bytes: Option<usize>,
    ) -> Result<(), BenchError> {
        self.stream = connect(address, buffer_bytes).map_err(BenchError::io("connect"))?;
        self.stage = ViewerStage::Connecting;
        Ok(())
    }

    pub(super) fn is_connected(&self) -> Result<bool, BenchError> {
        match self.stream.take_error() {
            Ok(None) => Ok(self.stream.peer_addr().is_ok()),
            Ok(Some(error)) | Err(error) => Err(BenchError::io("connect")(error)),
        }
    }

    pub(super) fn ask_for_websocket(&mut self, address: SocketAddr) -> Result<(), BenchError> {
        let request = format!(
            "GET /realtime/v1/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: {address}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        self.stage = ViewerStage::Handshaking;
        self.send(request.as_bytes())
    }

    pub(super) fn join(&mut self, event: EventId) -> Result<(), BenchError> {
        let payload = match self.have {
            0 => "{}".to_owned(),
            have => format!(r#"{{"since":{have}}}"#),
        };
        let join = format!(r#"["1","1","event:{event}","phx_join",{payload}]"#);
        self.stage = ViewerStage::Joining;
        self.send(&masked(&join))
    }

    /// A few bytes into an empty socket: they fit.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        let sent = self.stream.write_all(bytes);
        sent.map_err(BenchError::io("send"))
    }

    /// One `recv`; `None`: nothing is there.
    pub(super) fn receive(&mut self, scratch: &mut [u8]) -> Result<Option<usize>, BenchError> {
        match self.stream.read(scratch) {
            Ok(0) => Err(LOST),
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(BenchError::io("receive")(error)),
        }
    }

    /// Allocates only where a frame came in parts.
    pub(super) fn with_rest<'a>(&mut self, bytes: &'a [u8]) -> std::borrow::Cow<'a, [u8]> {
        if self.rest.is_empty() {
            return bytes.into();
        }
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(bytes);
        whole.into()
    }

    pub(super) fn keep_rest(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    pub(super) fn understand(&self, payload: &[u8]) -> Result<HeardFrames, BenchError> {
        if self.stage == ViewerStage::Joining {
            if find(payload, br#""phx_reply",{"status":"ok""#).is_none() {
                return Err(BenchError::Child("the server refused a join"));
            }
            let revision = number_after(payload, br#""revision":"#);
            return Ok(HeardFrames::Joined(revision.unwrap_or_default()));
        }
        Ok(match number_after(payload, br#""to":"#) {
            Some(to) => HeardFrames::Update(to),
            None if find(payload, br#""presence",{"#).is_some() => HeardFrames::Presence,
            None => HeardFrames::Other,
        })
    }
}

/// Length of the answer to the handshake; `None` while it has not come whole.
pub(super) fn handshake_length(bytes: &[u8]) -> Result<Option<usize>, BenchError> {
    match find(bytes, b"\r\n\r\n") {
        Some(end) if bytes.starts_with(b"HTTP/1.1 101") => Ok(Some(end + 4)),
        Some(_) => Err(BenchError::Child("the server refused a WebSocket")),
        None => Ok(None),
    }
}

/// Begins to connect. The buffer is set before, because a window that was offered is not taken
/// back.
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
