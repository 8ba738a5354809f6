//! The header of a frame from a client (RFC 6455 §5.2), checked without its context.

use super::CONTROL_PAYLOAD_BYTES_MAX;
use super::reader::Violation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl FrameKind {
    pub(super) fn is_control(self) -> bool {
        matches!(self, FrameKind::Close | FrameKind::Ping | FrameKind::Pong)
    }
}

#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: FrameKind,
    pub(super) is_final: bool,
    pub(super) mask: [u8; 4],
    /// The header's length in bytes.
    pub(super) len: usize,
    pub(super) payload_len: u64,
}

impl Header {
    /// The header at the start of the bytes; `None` while it is incomplete.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let is_final = first & 0x80 != 0;
        let short = second & 0x7f;
        let kind = kind(first)?;
        if second & 0x80 == 0 {
            return Err(Violation::protocol("frame is not masked"));
        }
        if kind.is_control() && (!is_final || usize::from(short) > CONTROL_PAYLOAD_BYTES_MAX) {
            return Err(Violation::protocol(
                "control frame is fragmented or too long",
            ));
        }
        let (payload_len, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((len, rest)) => (u16::from_be_bytes(*len).into(), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            short => (short.into(), rest),
        };
        Ok(rest.split_first_chunk().map(|(mask, payload)| Header {
            kind,
            is_final,
            mask: *mask,
            len: bytes.len() - payload.len(),
            payload_len,
        }))
    }

    /// Header and payload. Only asked of frames whose length is within the bound.
    pub(super) fn frame_len(&self) -> usize {
        self.len + self.payload_len as usize
    }
}

fn kind(first: u8) -> Result<FrameKind, Violation> {
    if first & 0x70 != 0 {
        return Err(Violation::protocol("reserved bit without an extension"));
    }
    Ok(match first & 0x0f {
        0 => FrameKind::Continuation,
        1 => FrameKind::Text,
        2 => FrameKind::Binary,
        8 => FrameKind::Close,
        9 => FrameKind::Ping,
        10 => FrameKind::Pong,
        _ => return Err(Violation::protocol("unknown opcode")),
    })
}

/// Masking and unmasking are the same.
pub(super) fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let mut words = payload.chunks_exact_mut(4);
    for word in &mut words {
        word.iter_mut()
            .zip(mask)
            .for_each(|(byte, mask)| *byte ^= mask);
    }
    let tail = words.into_remainder().iter_mut();
    tail.zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}
