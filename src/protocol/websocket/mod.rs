//! RFC 6455, the server's side, without extensions.
//!
//! [`Reader`] takes what clients send; [`frame`], [`close_frame`] and [`text_frame`] make what we
//! send, header and payload in one allocation, ready to be shared by many connections.

mod header;
mod reader;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub use reader::{Incoming, Reader, Violation};

/// Longest header of a frame that carries no mask.
const HEADER_BYTES_MAX: usize = 10;
/// Longest payload of a close, ping or pong frame.
const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// The kinds of frames that the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// The value of `Sec-WebSocket-Accept` for the client's `Sec-WebSocket-Key`.
pub fn accept_key(key: &str) -> String {
    derive_accept_key(key.as_bytes())
}

/// One whole frame: header and payload. Control payloads have at most 125 bytes, which a ping's payload cannot exceed.
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(HEADER_BYTES_MAX + payload.len());
    let (header, header_len) = header(opcode, payload.len());
    bytes.extend_from_slice(&header[..header_len]);
    bytes.extend_from_slice(payload);
    bytes.into()
}

/// A close frame. A reason that does not fit (123 bytes) is cut at a character.
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    let room = reason.len().min(CONTROL_PAYLOAD_BYTES_MAX - 2);
    let reason = &reason[..reason.floor_char_boundary(room)];
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    frame(Opcode::Close, &payload)
}

/// A text frame whose payload is written in place, for payloads whose length is known only
/// when they are written.
pub(crate) fn text_frame(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = vec![0; HEADER_BYTES_MAX];
    write(&mut bytes);
    let (header, header_len) = header(Opcode::Text, bytes.len() - HEADER_BYTES_MAX);
    let start = HEADER_BYTES_MAX - header_len;
    bytes[start..HEADER_BYTES_MAX].copy_from_slice(&header[..header_len]);
    Bytes::from(bytes).slice(start..)
}

/// The header of a final, unmasked frame, and its length.
fn header(opcode: Opcode, payload_len: usize) -> ([u8; HEADER_BYTES_MAX], usize) {
    const FINAL: u8 = 0x80;
    let mut header = [0; HEADER_BYTES_MAX];
    header[0] = FINAL | opcode as u8;
    if let Ok(short @ 0..=125) = u8::try_from(payload_len) {
        header[1] = short;
        (header, 2)
    } else if let Ok(medium) = u16::try_from(payload_len) {
        header[1] = 126;
        header[2..4].copy_from_slice(&medium.to_be_bytes());
        (header, 4)
    } else {
        header[1] = 127;
        header[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
        (header, 10)
    }
}
