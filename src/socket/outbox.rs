//! Bytes that wait to be written to one connection.
//!
//! Topic state does not pile up here: a viewer has a revision, and gets one frame from there to the current one when its
//! socket can take it. Replies and close frames, which cannot be merged, wait here, bounded in bytes; and so does the rest
//! of a frame that the socket took only in part.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use bytes::{Buf, Bytes};

use crate::config::inside::FRAMES_PER_WRITE_MAX;

/// Allocates nothing while nothing waits.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Option<Box<WaitingFrame>>,
}

#[derive(Debug, Default)]
struct WaitingFrame {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// The part of `bytes` in frames that bring topics to their current state: at most one frame for each topic.
    bytes_of_state: usize,
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// Everything went out.
    All,
    /// The socket is full: the rest waits here until the poller says that it can be written.
    Blocked,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.bytes)
    }

    /// Waiting bytes of replies, close frames and notices.
    pub(crate) fn bytes_of_replies(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| {
            waiting.bytes.saturating_sub(waiting.bytes_of_state)
        })
    }

    /// Queues a frame that brings a topic to its current state, or the rest of one.
    pub(crate) fn push_state(&mut self, frame: Bytes) {
        let bytes = frame.len();
        self.push(frame);
        if let Some(waiting) = &mut self.waiting {
            waiting.bytes_of_state += bytes;
        }
    }

    pub(crate) fn push(&mut self, frame: Bytes) {
        if frame.is_empty() {
            return;
        }
        let waiting = self.waiting.get_or_insert_default();
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
    }

    /// Writes one shared frame while nothing waits: the hot path, with one system call and no allocation. `None` if the socket
    /// took not one byte; the frame is then not kept. The rest of a partly written frame is kept as an offset into the shared
    /// bytes.
    pub(crate) fn write_shared(
        &mut self,
        socket: &mut impl Write,
        frame: &Bytes,
    ) -> io::Result<Option<WriteOutcome>> {
        debug_assert!(self.is_empty());
        Ok(write_some(|| socket.write(frame))?.map(|count| {
            self.push_state(frame.slice(count..));
            if count == frame.len() {
                WriteOutcome::All
            } else {
                WriteOutcome::Blocked
            }
        }))
    }

    /// Writes waiting frames, as many in one call as the system takes.
    pub(crate) fn flush(&mut self, socket: &mut impl Write) -> io::Result<WriteOutcome> {
        while let Some(waiting) = &mut self.waiting {
            let slices: [IoSlice<'_>; FRAMES_PER_WRITE_MAX] = std::array::from_fn(|n| {
                IoSlice::new(waiting.frames.get(n).map_or(&[], |frame| frame))
            });
            let count = waiting.frames.len().min(FRAMES_PER_WRITE_MAX);
            let Some(taken) = write_some(|| socket.write_vectored(&slices[..count]))? else {
                return Ok(WriteOutcome::Blocked);
            };
            waiting.take(taken);
            if waiting.frames.is_empty() {
                self.waiting = None;
            }
        }
        Ok(WriteOutcome::All)
    }
}

impl WaitingFrame {
    /// Drops the first `count` bytes, which were written.
    fn take(&mut self, mut count: usize) {
        self.bytes -= count;
        // Frames of state are in front of later replies.
        self.bytes_of_state = self.bytes_of_state.saturating_sub(count);
        while let Some(first) = self.frames.front_mut() {
            if count < first.len() {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.frames.pop_front();
        }
    }
}

/// `None` when the socket is full.
fn write_some(mut write: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match write() {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => return Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    /// Takes at most `room` bytes in all, then is full.
    struct Pipe {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_cut_anywhere_arrives_whole_and_in_order() {
        let frames =
            ["one", "two", "three", "four"].map(|text| Bytes::from_static(text.as_bytes()));
        for room in 0..=15 {
            let mut pipe = Pipe {
                room,
                taken: Vec::new(),
            };
            let mut outbox = Outbox::default();
            let first = outbox
                .write_shared(&mut pipe, &frames[0])
                .expect("no error");
            assert_eq!(first.is_none(), room == 0);
            if first.is_none() {
                outbox.push(frames[0].clone());
            }
            frames[1..]
                .iter()
                .cloned()
                .for_each(|frame| outbox.push(frame));
            let all = outbox.flush(&mut pipe).expect("no error");
            assert_eq!(all == WriteOutcome::All, room >= 15);
            assert_eq!(outbox.bytes(), 15 - room);
            pipe.room = 100;
            assert_eq!(
                outbox.flush(&mut pipe).expect("no error"),
                WriteOutcome::All
            );
            assert_eq!(pipe.taken, b"onetwothreefour");
            assert!(outbox.is_empty());
        }
    }

    #[test]
    fn more_frames_than_one_call_takes_go_out_in_several() {
        let mut outbox = Outbox::default();
        (0..200).for_each(|_| outbox.push(Bytes::from_static(b"x")));
        let mut pipe = Pipe {
            room: 1_000,
            taken: Vec::new(),
        };
        assert_eq!(
            outbox.flush(&mut pipe).expect("no error"),
            WriteOutcome::All
        );
        assert_eq!(pipe.taken.len(), 200);
    }
}
