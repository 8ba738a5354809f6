//! A connection as a client sees it: its end of a socket, or of a stream.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::hub::NotOpened;
use crate::sse::viewer::StreamViewer;
use crate::ticketing::Revision;

/// A frame from a socket.
pub(super) enum Came {
    Text(Value),
    /// The server's close frame.
    Close,
}

/// A connection as the world sees it.
pub(super) struct Line {
    end: LineEnd,
    pub(super) node: usize,
    /// The index of the shard; the node's streams count as the last one.
    pub(super) shard: usize,
    pub(super) client: usize,
    /// Whether bytes are on their way to the client.
    pub(super) delivering: bool,
    /// The latest arrival so far: texts arrive in the order in which they were sent.
    pub(super) last_arrival_ms: u64,
    /// The joined topic's revision that the server has sent so far: the next frame has to follow on it.
    pub(super) told: Option<Revision>,
}

/// The client's end of it.
pub(super) enum LineEnd {
    Socket(UnixStream, Vec<u8>),
    /// A request for a stream, with its client's revision.
    Asked(oneshot::Receiver<Result<(), NotOpened>>, Option<Revision>),
    Stream(Box<StreamViewer>),
}

impl Line {
    pub(super) fn new(
        end: LineEnd,
        (node, shard): (usize, usize),
        client: usize,
        now_ms: u64,
    ) -> Self {
        Self {
            end,
            node,
            shard,
            client,
            delivering: false,
            last_arrival_ms: now_ms,
            told: None,
        }
    }

    pub(super) fn end(&mut self) -> &mut LineEnd {
        &mut self.end
    }

    /// Sends a text frame, masked with zeros.
    pub(super) fn write(&mut self, text: &str) {
        let len = text.len();
        let mut frame = vec![0x81];
        match u8::try_from(len) {
            Ok(short @ 0..126) => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(len).expect("a short text").to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        if let LineEnd::Socket(stream, _) = &mut self.end {
            // If the server is gone, the next read shows it.
            let _ = stream.write_all(&frame);
        }
    }

    /// The whole frames that have arrived; `None` at the socket's end.
    pub(super) fn read(&mut self) -> Option<Vec<Came>> {
        let LineEnd::Socket(stream, input) = &mut self.end else {
            return Some(Vec::new());
        };
        let mut buffer = [0; 4_096];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        let mut came = Vec::new();
        let mut rest = &input[..];
        while let Some((opcode, payload, after)) = split(rest) {
            rest = after;
            came.push(match opcode {
                1 => Came::Text(serde_json::from_slice(payload).expect("JSON")),
                8 => Came::Close,
                other => panic!("opcode {other}"),
            });
        }
        let taken = input.len() - rest.len();
        input.drain(..taken);
        Some(came)
    }
}

/// The events of a stream's text, as a socket's frames: `[join_ref, ref, topic, event, payload]`.
pub(super) fn frames(text: &[u8], topic: &str, join_ref: &str) -> Vec<Value> {
    let text = std::str::from_utf8(text).expect("text");
    let blocks = text.split_terminator("\n\n");
    let frame = |block: &str| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let data: Value = serde_json::from_str(field("data: ").expect("data")).expect("JSON");
        match field("event: ").expect("a name") {
            "snapshot" => {
                let reply = json!({"status": "ok", "response": data});
                json!([join_ref, join_ref, topic, "phx_reply", reply])
            }
            name => json!([null, null, topic, name, data]),
        }
    };
    blocks.map(frame).collect()
}

/// Opcode and payload of the first frame, which is not masked, and what comes after it.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, len) = match *bytes.get(1)? {
        126 => (
            4,
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        ),
        127 => panic!("no frame of this world is that long"),
        short => (2, usize::from(short)),
    };
    let payload = bytes.get(head..head + len)?;
    Some((bytes[0] & 0x0f, payload, &bytes[head + len..]))
}
