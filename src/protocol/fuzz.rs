//! Properties that must hold for any bytes that a client sends: for the fuzzer (`fuzz/`), and for the tests, which run
//! the saved corpus and mutations of it.

use std::ops::ControlFlow;

use super::native;
use super::phoenix::{
    ClientFrame, Malformed, Payload, Ref, Vsn, decode_binary, decode_text, push_to,
};
use super::presence::PRESENCE;
use super::supabase::JoinConfig;
use super::topic::Topic;
use super::websocket::{Incoming, Reader};
use crate::config::Config;

/// The largest message that these runs allow: small, so that short inputs exceed it.
const MESSAGE_BYTES_MAX: usize = 256;

/// A text frame, in both versions: it is read or refused, and a frame that is read can be answered.
pub fn text(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    for vsn in [Vsn::V1, Vsn::V2] {
        judge(vsn, decode_text(vsn, text));
    }
}

/// A binary frame, in which every length is claimed by the client.
pub fn binary(input: &[u8]) {
    assert!(decode_binary(Vsn::V1, input).is_err());
    judge(Vsn::V2, decode_binary(Vsn::V2, input));
}

/// A stream of frames: wherever it is cut into reads, it gives the same messages and the same end. The first byte
/// says where it is cut.
pub fn websocket(input: &[u8]) {
    let Some((&cut, stream)) = input.split_first() else {
        return;
    };
    let whole = messages(stream, stream.len().max(1));
    let pieces = messages(stream, 1 + usize::from(cut) % 16);
    assert_eq!(whole, pieces, "a stream cut elsewhere reads otherwise");
}

fn judge(vsn: Vsn, frame: Result<ClientFrame, Malformed>) {
    match frame {
        Ok(frame) => answer(vsn, &frame),
        Err(malformed) => {
            assert!(!malformed.reason.is_empty(), "a refusal says why");
            for reference in [&malformed.reference, &malformed.join_ref] {
                assert!(reference.as_ref().is_none_or(is_short));
            }
        }
    }
}

fn answer(vsn: Vsn, frame: &ClientFrame) {
    for reference in [&frame.reference, &frame.join_ref] {
        assert!(reference.as_ref().is_none_or(is_short));
    }
    if let Payload::Json(payload) = &frame.payload {
        let read = native::Join::read(payload).is_ok();
        assert!(!read || payload.is_object() || payload.is_null());
        let _ = native::VisitorStep::read(payload);
        if let Ok(join) = JoinConfig::read(payload, &Config::default().socket) {
            let _ = join.bindings.system(&frame.topic);
        }
    }
    if let Ok(topic) = Topic::parse(&frame.topic) {
        assert_eq!(Topic::parse(&topic.to_string()).ok(), Some(topic));
    }
    let nothing = serde_json::Map::new();
    let bytes = push_to(
        vsn,
        frame.join_ref.as_ref(),
        &frame.topic,
        PRESENCE,
        &nothing,
    );
    let head = match bytes.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    let text = std::str::from_utf8(&bytes[head..]);
    let echoed = text.map(|text| decode_text(vsn, text));
    assert!(
        echoed.is_ok_and(|echoed| echoed.is_ok_and(|echo| echo.topic == frame.topic)),
        "a topic is given back as it came"
    );
}

fn is_short(reference: &Ref) -> bool {
    reference.as_json().len() <= Ref::BYTES_MAX
}

#[derive(Debug, PartialEq)]
enum HeardMessages {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
    Violation(u16),
}

fn messages(stream: &[u8], piece_bytes: usize) -> Vec<HeardMessages> {
    let (mut reader, mut heard) = (Reader::default(), Vec::new());
    for piece in stream.chunks(piece_bytes) {
        let read = reader.read(&mut piece.to_vec(), MESSAGE_BYTES_MAX, |message| {
            heard.push(match message {
                Incoming::Text(text) => HeardMessages::Text(text.to_owned()),
                Incoming::Binary(bytes) => HeardMessages::Binary(bytes.to_owned()),
                Incoming::Ping(payload) => HeardMessages::Ping(payload.to_owned()),
                Incoming::Pong => HeardMessages::Pong,
                Incoming::Close(code) => HeardMessages::Close(code),
            });
            ControlFlow::Continue(())
        });
        if let Err(violation) = read {
            heard.push(HeardMessages::Violation(violation.close_code));
            break;
        }
    }
    heard
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::path::Path;

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Mutations of each file of the corpus.
    const MUTATIONS: usize = 400;

    /// Runs the saved corpus of a target, and mutations of it that are the same each time.
    fn replay(target: &str, run: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(target);
        let files = fs::read_dir(&folder).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 10, "the corpus of {target} is there");
        let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        let mut random = StdRng::seed_from_u64(1);
        for input in &corpus {
            run(input);
            for _ in 0..MUTATIONS {
                run(&mutated(input, &corpus, &mut random));
            }
        }
    }

    fn mutated(input: &[u8], corpus: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..random.random_range(1..5) {
            let at = random.random_range(0..=bytes.len());
            match random.random_range(0..5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, random.random()),
                2 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
                3 if at < bytes.len() => bytes[at] = random.random(),
                _ => {
                    let other = &corpus[random.random_range(0..corpus.len())];
                    let from = random.random_range(0..=other.len());
                    bytes.splice(at.., other[from..].iter().copied());
                }
            }
        }
        bytes
    }

    #[test]
    fn text_frames_of_the_corpus_hold() {
        replay("text", super::text);
    }

    #[test]
    fn binary_frames_of_the_corpus_hold() {
        replay("binary", super::binary);
    }

    #[test]
    fn websocket_streams_of_the_corpus_hold() {
        replay("websocket", super::websocket);
    }
}
