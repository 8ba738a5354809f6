#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;

use proptest::prelude::*;

use super::{Incoming, Opcode, Reader, Violation, accept_key, close_frame, frame, text_frame};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const MAX: usize = 1_000;

/// An owned message, for comparison.
#[derive(Debug, Clone, PartialEq)]
enum Received {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

impl From<Incoming<'_>> for Received {
    fn from(incoming: Incoming<'_>) -> Self {
        match incoming {
            Incoming::Text(text) => Received::Text(text.to_owned()),
            Incoming::Binary(bytes) => Received::Binary(bytes.to_owned()),
            Incoming::Ping(bytes) => Received::Ping(bytes.to_owned()),
            Incoming::Pong => Received::Pong,
            Incoming::Close(code) => Received::Close(code),
        }
    }
}

/// The messages that a reader makes of a stream in these pieces.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Received>, Option<Violation>) {
    let (mut reader, mut messages, mut violation) = (Reader::default(), Vec::new(), None);
    for piece in pieces {
        let result = reader.read(&mut piece.to_vec(), MAX, |incoming| {
            messages.push(incoming.into());
            ControlFlow::Continue(())
        });
        violation = violation.or(result.err());
    }
    (messages, violation)
}

fn read_whole(bytes: &[u8]) -> (Vec<Received>, Option<Violation>) {
    read([bytes])
}

/// A masked frame as a client sends it. `first` is the byte with the final bit and the opcode.
fn client_frame(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The close code that a stream ends with.
fn refused(bytes: &[u8]) -> u16 {
    let (messages, violation) = read_whole(bytes);
    assert_eq!(messages, []);
    violation.unwrap().close_code
}

#[test]
fn reads_the_examples_of_the_rfc() {
    let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(
        read_whole(hello),
        (vec![Received::Text("Hello".into())], None)
    );
    let ping = b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(
        read_whole(ping),
        (vec![Received::Ping(b"Hello".into())], None)
    );
    assert_eq!(
        accept_key("dGhlIHNhbXBsZSBub25jZQ=="),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
}

#[test]
fn writes_the_examples_of_the_rfc() {
    assert_eq!(frame(Opcode::Text, b"Hello")[..], b"\x81\x05Hello"[..]);
    assert_eq!(frame(Opcode::Pong, b"Hello")[..], b"\x8a\x05Hello"[..]);
    assert_eq!(
        frame(Opcode::Binary, &[0; 256])[..4],
        b"\x82\x7e\x01\x00"[..]
    );
    let long = frame(Opcode::Binary, &[0; 65_536]);
    assert_eq!(long[..10], b"\x82\x7f\0\0\0\0\0\x01\0\0"[..]);
    assert_eq!(long.len(), 65_546);
}

#[test]
fn writes_in_place_what_it_writes_at_once() {
    for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
        let payload = "x".repeat(len);
        let in_place = text_frame(|out| out.extend_from_slice(payload.as_bytes()));
        assert_eq!(in_place, frame(Opcode::Text, payload.as_bytes()), "{len}");
    }
}

#[test]
fn cuts_a_close_reason_at_a_character() {
    assert_eq!(close_frame(1001, "bye")[..], b"\x88\x05\x03\xe9bye"[..]);
    let long = close_frame(1008, &"ö".repeat(100));
    assert_eq!(long.len(), 2 + 2 + 122);
    assert!(std::str::from_utf8(&long[4..]).is_ok());
}

#[test]
fn keeps_nothing_at_rest() {
    assert_eq!(size_of::<Reader>(), 16);
    let mut reader = Reader::default();
    let mut stream = client_frame(0x01, MASK, b"half ");
    stream.extend(client_frame(0x80, MASK, b"and half"));
    let (first, second) = stream.split_at_mut(8);
    let on = |_: Incoming<'_>| ControlFlow::Continue(());
    reader.read(first, MAX, on).unwrap();
    assert!(!reader.is_at_rest());
    reader.read(second, MAX, on).unwrap();
    assert!(reader.is_at_rest());
}

#[test]
fn refuses_what_the_rfc_forbids() {
    let cases: [(&str, Vec<u8>, u16); 14] = [
        ("not masked", b"\x81\x05Hello".to_vec(), 1002),
        ("reserved bit", client_frame(0xc1, MASK, b""), 1002),
        ("reserved data opcode", client_frame(0x83, MASK, b""), 1002),
        (
            "reserved control opcode",
            client_frame(0x8b, MASK, b""),
            1002,
        ),
        ("fragmented ping", client_frame(0x09, MASK, b""), 1002),
        ("long ping", client_frame(0x89, MASK, &[0; 126]), 1002),
        ("long close", client_frame(0x88, MASK, &[3; 126]), 1002),
        (
            "continuation of nothing",
            client_frame(0x80, MASK, b""),
            1002,
        ),
        ("half a close code", client_frame(0x88, MASK, b"\x03"), 1002),
        (
            "close code 1005",
            client_frame(0x88, MASK, b"\x03\xed"),
            1002,
        ),
        (
            "close code 999",
            client_frame(0x88, MASK, b"\x03\xe7"),
            1002,
        ),
        (
            "close code 5000",
            client_frame(0x88, MASK, b"\x13\x88"),
            1002,
        ),
        (
            "close reason",
            client_frame(0x88, MASK, b"\x03\xe8\xff"),
            1007,
        ),
        ("text", client_frame(0x81, MASK, b"\xed\xa0\x80"), 1007),
    ];
    for (name, bytes, close_code) in cases {
        assert_eq!(refused(&bytes), close_code, "{name}");
    }
}

#[test]
fn refuses_a_message_within_a_message_but_not_a_ping() {
    let begun = client_frame(0x01, MASK, b"a");
    let nested = [&begun[..], &client_frame(0x81, MASK, b"b")].concat();
    assert_eq!(refused(&nested), 1002);
    let pinged = [
        &begun[..],
        &client_frame(0x89, MASK, b"?"),
        &client_frame(0x80, MASK, b"b"),
    ]
    .concat();
    let expected = vec![Received::Ping(b"?".into()), Received::Text("ab".into())];
    assert_eq!(read_whole(&pinged), (expected, None));
}

#[test]
fn counts_the_declared_length_over_all_fragments() {
    assert_eq!(read_whole(&client_frame(0x82, MASK, &[0; MAX])).0.len(), 1);
    assert_eq!(refused(&client_frame(0x82, MASK, &[0; MAX + 1])), 1009);
    let declared = [&b"\x82\xff"[..], &u64::MAX.to_be_bytes(), &MASK].concat();
    assert_eq!(refused(&declared), 1009);
    let mut fragments = client_frame(0x02, MASK, &[0; MAX - 1]);
    fragments.extend(client_frame(0x00, MASK, b"1"));
    assert_eq!(read_whole(&fragments), (vec![], None));
    // One byte more is refused by the header, before the byte arrives.
    fragments.extend(b"\x80\x81\0\0\0\0");
    assert_eq!(refused(&fragments), 1009);
}

#[test]
fn a_character_may_be_split_between_fragments() {
    let mut stream = client_frame(0x01, MASK, b"\xc3");
    stream.extend(client_frame(0x80, MASK, b"\xb6"));
    assert_eq!(
        read_whole(&stream),
        (vec![Received::Text("ö".into())], None)
    );
}

#[test]
fn reads_nothing_after_a_close_a_break_or_a_violation() {
    let text = client_frame(0x81, MASK, b"late");
    let close = [&client_frame(0x88, MASK, b"\x03\xe8")[..], &text].concat();
    let expected = (vec![Received::Close(Some(1000))], None);
    assert_eq!(read_whole(&close), expected);
    assert_eq!(read([&close[..], &text]), expected);
    assert_eq!(read([&b"\x81\x00"[..], &text]).0, []);

    let (mut reader, mut seen) = (Reader::default(), 0);
    for _ in 0..2 {
        let read = reader.read(&mut [&text[..], &text].concat(), MAX, |_| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert_eq!(read, Ok(()));
    }
    assert_eq!(seen, 1);
}

/// A message and the frames that a client might send it in.
fn sent() -> impl Strategy<Value = (Received, Vec<u8>)> {
    let payload = || prop::collection::vec(any::<u8>(), 0..300);
    let mask = any::<[u8; 4]>;
    let cuts = || prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    let short = || prop::collection::vec(any::<u8>(), 0..=125);
    prop_oneof![
        (".{0,80}", cuts(), mask()).prop_map(|(text, cuts, mask)| {
            let frames = fragments(0x01, text.as_bytes(), &cuts, mask);
            (Received::Text(text), frames)
        }),
        (payload(), cuts(), mask()).prop_map(|(bytes, cuts, mask)| {
            let frames = fragments(0x02, &bytes, &cuts, mask);
            (Received::Binary(bytes), frames)
        }),
        (short(), mask()).prop_map(|(bytes, mask)| {
            let frame = client_frame(0x89, mask, &bytes);
            (Received::Ping(bytes), frame)
        }),
        (short(), mask())
            .prop_map(|(bytes, mask)| (Received::Pong, client_frame(0x8a, mask, &bytes))),
    ]
}

fn fragments(opcode: u8, payload: &[u8], cuts: &[prop::sample::Index], mask: [u8; 4]) -> Vec<u8> {
    let mut cuts: Vec<usize> = cuts
        .iter()
        .map(|cut| cut.index(payload.len() + 1))
        .collect();
    cuts.sort_unstable();
    let (mut stream, mut start, mut first) = (Vec::new(), 0, opcode);
    for cut in cuts {
        stream.extend(client_frame(first, mask, &payload[start..cut]));
        (start, first) = (cut, 0);
    }
    stream.extend(client_frame(0x80 | first, mask, &payload[start..]));
    stream
}

/// Cuts a stream at the given places.
fn pieces<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| &stream[pair[0]..pair[1]])
        .collect()
}

proptest! {
    #[test]
    fn any_split_gives_the_same_messages(
        sent in prop::collection::vec(sent(), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let stream: Vec<u8> = sent.iter().flat_map(|(_, frames)| frames.clone()).collect();
        let messages: Vec<Received> = sent.into_iter().map(|(message, _)| message).collect();
        prop_assert_eq!(read(pieces(&stream, &cuts)), (messages, None));
    }

    #[test]
    fn byte_by_byte_gives_the_same_messages(sent in prop::collection::vec(sent(), 0..4)) {
        let stream: Vec<u8> = sent.iter().flat_map(|(_, frames)| frames.clone()).collect();
        prop_assert_eq!(read(stream.chunks(1)), read_whole(&stream));
    }

    /// Mostly valid first bytes, so that random streams get past the first header.
    #[test]
    fn random_bytes_never_panic_and_split_alike(
        frames in prop::collection::vec(
            (
                prop::sample::select(vec![0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a, 0x93]),
                prop::sample::select(vec![0x80, 0x81, 0x82, 0x85, 0xfe, 0xff, 0x05]),
                prop::collection::vec(any::<u8>(), 0..20),
            ),
            0..6,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let frame = |(first, second, rest): &(u8, u8, Vec<u8>)| [&[*first, *second][..], rest].concat();
        let stream: Vec<u8> = frames.iter().flat_map(frame).collect();
        prop_assert_eq!(read(pieces(&stream, &cuts)), read_whole(&stream));
    }

    #[test]
    fn what_we_write_is_what_a_client_reads(payload in prop::collection::vec(any::<u8>(), 0..70_000)) {
        use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
        let bytes = frame(Opcode::Binary, &payload);
        let mut client = WebSocket::from_raw_socket(std::io::Cursor::new(bytes.to_vec()), Role::Client, None);
        prop_assert_eq!(client.read().unwrap().into_data(), payload);
    }
}
