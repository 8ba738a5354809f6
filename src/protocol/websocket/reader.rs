//! Turns a client's byte stream into messages.
//!
//! An idle connection keeps two words and no allocation: a message that arrives whole is unmasked in place, in the buffer
//! that the shard shares among its connections, and handed out borrowed. Only the beginning of an incomplete frame or
//! message is kept.

use std::ops::ControlFlow;

use super::header::{FrameKind, Header, unmask};
use crate::protocol::code::{self, CloseCode};

/// A message from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// A ping, to be answered by a pong with the same payload, at most 125 bytes.
    Ping(&'a [u8]),
    Pong,
    /// The last message of a connection, with the client's code if it gave one.
    Close(Option<u16>),
}

/// The client violated the protocol: close with this code, and stop reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{close_code}: {reason}")]
pub struct Violation {
    pub close_code: u16,
    pub reason: &'static str,
}

impl Violation {
    const fn new(code: &CloseCode, reason: &'static str) -> Self {
        Violation {
            close_code: code.number,
            reason,
        }
    }

    pub(super) const fn protocol(reason: &'static str) -> Self {
        Violation::new(&code::PROTOCOL_ERROR, reason)
    }
}

const NOT_UTF8: Violation = Violation::new(&code::NOT_UTF8, "text is not valid UTF-8");
const TOO_BIG: Violation = Violation::new(&code::TOO_BIG, "message is too big");

/// Reads one connection's stream.
#[derive(Debug, Default)]
pub struct Reader {
    kept: Option<Box<Unfinished>>,
    /// Set by a close, a break or a violation; nothing is read after it.
    ended: bool,
}

/// The beginning of an incomplete frame or message.
#[derive(Debug, Default)]
struct Unfinished {
    /// The beginning of a frame, with its header, as it came.
    frame: Vec<u8>,
    /// The fragments of a message so far, unmasked.
    message: Option<Fragments>,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    bytes: Vec<u8>,
}

impl Reader {
    /// Takes the next bytes of the stream and hands each message that they complete to `on`.
    ///
    /// `input` is overwritten by unmasking. After `on` breaks, a close frame or a violation, the rest of the input and all
    /// later input is ignored. `message_bytes_max` bounds a message's payload over all its fragments; the declared length
    /// counts, so no part of a message that is too big is kept.
    pub fn read(
        &mut self,
        input: &mut [u8],
        message_bytes_max: usize,
        mut on: impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Result<(), Violation> {
        if self.ended {
            return Ok(());
        }
        let read = self.read_frames(input, message_bytes_max, &mut on);
        self.ended |= read.is_err();
        if self.ended {
            self.kept = None;
        }
        read
    }

    /// Whether no frame or message is incomplete.
    pub fn is_at_rest(&self) -> bool {
        self.kept.is_none()
    }

    fn read_frames(
        &mut self,
        input: &mut [u8],
        message_bytes_max: usize,
        on: &mut impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Result<(), Violation> {
        let mut rest = self.finish_kept_frame(input, message_bytes_max, on)?;
        while !self.ended {
            let Some(header) = self.header(rest, message_bytes_max)? else {
                break;
            };
            if rest.len() < header.frame_len() {
                break;
            }
            let (frame, tail) = rest.split_at_mut(header.frame_len());
            self.accept(&header, frame, on)?;
            rest = tail;
        }
        if !self.ended && !rest.is_empty() {
            let kept = self.kept.get_or_insert_default();
            kept.frame.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Completes the frame that an earlier read began, and returns the input after it; empty if the frame is still
    /// incomplete.
    fn finish_kept_frame<'a>(
        &mut self,
        mut input: &'a mut [u8],
        message_bytes_max: usize,
        on: &mut impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Result<&'a mut [u8], Violation> {
        let mut frame = match &mut self.kept {
            Some(kept) if !kept.frame.is_empty() => std::mem::take(&mut kept.frame),
            _ => return Ok(input),
        };
        loop {
            let header = self.header(&frame, message_bytes_max)?;
            let wanted = header.as_ref().map_or(frame.len() + 1, Header::frame_len);
            let take = (wanted - frame.len()).min(input.len());
            let (now, later) = input.split_at_mut(take);
            frame.extend_from_slice(now);
            input = later;
            match header {
                Some(header) if frame.len() == wanted => {
                    self.accept(&header, &mut frame, on)?;
                    return Ok(input);
                }
                _ if input.is_empty() && frame.len() < wanted => {
                    self.kept.get_or_insert_default().frame = frame;
                    return Ok(input);
                }
                _ => {}
            }
        }
    }

    /// The header at the start of `bytes`, checked by itself and against the message under way; `None` while it is
    /// incomplete.
    fn header(&self, bytes: &[u8], message_bytes_max: usize) -> Result<Option<Header>, Violation> {
        let Some(header) = Header::parse(bytes)? else {
            return Ok(None);
        };
        let begun = self.kept.as_ref().and_then(|kept| kept.message.as_ref());
        let before = match (header.kind, begun) {
            (FrameKind::Continuation, None) => {
                return Err(Violation::protocol("continuation of nothing"));
            }
            (FrameKind::Text | FrameKind::Binary, Some(_)) => {
                return Err(Violation::protocol("new message inside a fragmented one"));
            }
            (FrameKind::Continuation, Some(message)) => message.bytes.len(),
            _ => 0,
        };
        let room = message_bytes_max.saturating_sub(before) as u64;
        if header.payload_len > room && !header.kind.is_control() {
            return Err(TOO_BIG);
        }
        Ok(Some(header))
    }

    /// Takes a whole frame: hands out the message that it completes, or keeps it as a fragment.
    fn accept(
        &mut self,
        header: &Header,
        frame: &mut [u8],
        on: &mut impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Result<(), Violation> {
        let payload = &mut frame[header.len..];
        unmask(payload, header.mask);
        let flow = match header.kind {
            FrameKind::Text if header.is_final => on(Incoming::Text(utf8(payload)?)),
            FrameKind::Binary if header.is_final => on(Incoming::Binary(payload)),
            FrameKind::Text | FrameKind::Binary => {
                let kept = self.kept.get_or_insert_default();
                kept.message = Some(Fragments {
                    is_text: header.kind == FrameKind::Text,
                    bytes: payload.to_vec(),
                });
                return Ok(());
            }
            FrameKind::Continuation => match self.append(header.is_final, payload) {
                None => return Ok(()),
                Some(whole) if whole.is_text => on(Incoming::Text(utf8(&whole.bytes)?)),
                Some(whole) => on(Incoming::Binary(&whole.bytes)),
            },
            FrameKind::Ping => on(Incoming::Ping(payload)),
            FrameKind::Pong => on(Incoming::Pong),
            FrameKind::Close => {
                self.ended = true;
                on(Incoming::Close(close_code(payload)?))
            }
        };
        self.ended |= flow.is_break();
        if self.kept.as_ref().is_some_and(|kept| kept.is_empty()) {
            self.kept = None;
        }
        Ok(())
    }

    /// Adds a fragment to the message under way; returns the message if it is complete.
    fn append(&mut self, is_final: bool, payload: &[u8]) -> Option<Fragments> {
        let message = &mut self.kept.as_mut()?.message;
        message.as_mut()?.bytes.extend_from_slice(payload);
        if is_final { message.take() } else { None }
    }
}

impl Unfinished {
    fn is_empty(&self) -> bool {
        self.frame.is_empty() && self.message.is_none()
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Violation> {
    std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)
}

/// The code of a close frame, which may be missing but not malformed (RFC 6455 §7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(None),
            _ => Err(Violation::protocol("close frame with half a code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::protocol("close code that may not be sent"));
    }
    utf8(reason)?;
    Ok(Some(code))
}
