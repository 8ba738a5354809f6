//! As much of the wire as counting needs: no JSON is parsed for a viewer.

/// A client's text frame. The mask is zero, which leaves the payload as it is.
pub(super) fn masked(text: &str) -> Vec<u8> {
    let length = text.len().min(125) as u8;
    let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
    frame.extend_from_slice(&text.as_bytes()[..length.into()]);
    frame
}

/// The first whole frame of a server: opcode, payload, length with its header.
pub(super) fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (header, length) = match bytes.get(1)? {
        126 => {
            let length = bytes.get(2..4)?.try_into().ok()?;
            (4, usize::from(u16::from_be_bytes(length)))
        }
        127 => {
            let length = bytes.get(2..10)?.try_into().ok()?;
            (10, usize::try_from(u64::from_be_bytes(length)).ok()?)
        }
        length => (2, usize::from(*length)),
    };
    let end = header + length;
    Some((bytes[0] & 0x0f, bytes.get(header..end)?, end))
}

pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

pub(in crate::tools::bench) fn number_after(payload: &[u8], key: &[u8]) -> Option<u64> {
    let digits = &payload[find(payload, key)? + key.len()..];
    let number = digits.iter().take_while(|byte| byte.is_ascii_digit());
    Some(number.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::protocol::websocket;

    #[test]
    fn frames_of_every_length_are_read() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let bytes = websocket::frame(websocket::Opcode::Text, &payload);
            assert_eq!(frame(&bytes).unwrap(), (1, &payload[..], bytes.len()));
            assert_eq!(frame(&bytes[..bytes.len() - 1]), None);
        }
    }

    #[test]
    fn revisions_are_found() {
        let update = br#"[null,null,"event:1","update",{"from":56,"to":61,"ticket_types":[]}]"#;
        assert_eq!(number_after(update, br#""to":"#), Some(61));
        assert_eq!(number_after(b"[]", br#""to":"#), None);
    }
}
