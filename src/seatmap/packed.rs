//! The data of an answer, packed once, and sent inside of envelopes in any language.
//!
//! A stream of gzip may hold blocks that were packed at different times. What stands around the data is short and goes
//! unpacked before and after it; the checksum of all is computed from those of the parts.

use std::io::{self, Read, Write};

use bytes::{BufMut, Bytes, BytesMut};
use crc32fast::Hasher;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::DeflateEncoder;

/// Of gzip (RFC 1952): deflate, without name, time and system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// Room for the checksum and the length of the data, before its blocks.
const SUMS_BYTES: usize = 8;
/// Length of the head of a block that is not packed, in bytes.
const PLAIN_HEAD_BYTES: usize = 5;
/// The longest text of a block that is not packed.
const PLAIN_BYTES_MAX: usize = u16::MAX as usize;

/// How much time packing may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Somebody waits for it.
    Fast,
    /// It is sent often.
    Small,
}

/// Packed data: its CRC-32, its length (both as gzip has them), and blocks of deflate without a last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed(Bytes);

impl Packed {
    /// # Errors
    /// None in practice: it writes to memory.
    pub fn of(data: &[u8], packing: Packing) -> io::Result<Packed> {
        let level = match packing {
            Packing::Fast => Compression::fast(),
            Packing::Small => Compression::default(),
        };
        let mut out = Vec::new();
        out.put_u32_le(crc32fast::hash(data));
        out.put_u32_le(data.len() as u32);
        let mut encoder = DeflateEncoder::new(out, level);
        encoder.write_all(data)?;
        // Up to a whole byte, so that another block can follow.
        encoder.flush()?;
        let end = encoder.get_ref().len();
        let mut out = encoder.finish()?;
        out.truncate(end);
        Ok(Packed(out.into()))
    }

    /// As it was stored; `None` if that is no packed data.
    pub fn read(stored: impl Into<Bytes>) -> Option<Packed> {
        let stored = stored.into();
        (stored.len() >= SUMS_BYTES).then_some(Packed(stored))
    }

    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// A body in gzip: the data between two texts of at most [`PLAIN_BYTES_MAX`].
    pub fn gzip(&self, before: &[u8], after: &[u8]) -> Bytes {
        let (sums, blocks) = self.0.split_at(SUMS_BYTES);
        let sum = |at: usize| {
            let bytes = sums.get(at..at + 4).and_then(|four| four.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let mut whole = Hasher::new();
        whole.update(before);
        whole.combine(&Hasher::new_with_initial_len(sum(0), u64::from(sum(4))));
        whole.update(after);
        let around = before.len() + after.len();
        let mut out = BytesMut::with_capacity(
            HEAD.len() + blocks.len() + around + 2 * PLAIN_HEAD_BYTES + SUMS_BYTES,
        );
        out.put_slice(&HEAD);
        put_plain(&mut out, before, false);
        out.put_slice(blocks);
        put_plain(&mut out, after, true);
        out.put_u32_le(whole.finalize());
        out.put_u32_le(sum(4).wrapping_add(around as u32));
        out.freeze()
    }

    /// The same body, not packed.
    ///
    /// # Errors
    /// The stored bytes are broken.
    pub fn plain(&self, before: &[u8], after: &[u8]) -> io::Result<Bytes> {
        let mut plain = Vec::new();
        GzDecoder::new(&*self.gzip(before, after)).read_to_end(&mut plain)?;
        Ok(plain.into())
    }
}

/// A block that is stored as it is (RFC 1951, 3.2.4).
fn put_plain(out: &mut BytesMut, text: &[u8], is_last: bool) {
    let length = text.len().min(PLAIN_BYTES_MAX) as u16;
    out.put_u8(u8::from(is_last));
    out.put_u16_le(length);
    out.put_u16_le(!length);
    out.put_slice(&text[..usize::from(length)]);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked_between_any_texts(
            data in prop::collection::vec(any::<u8>(), 0..20_000),
            before in prop::collection::vec(any::<u8>(), 0..300),
            after in prop::collection::vec(any::<u8>(), 0..300),
            is_fast in any::<bool>(),
        ) {
            let packing = if is_fast { Packing::Fast } else { Packing::Small };
            let packed = Packed::of(&data, packing).unwrap();
            let packed = Packed::read(packed.bytes().clone()).unwrap();
            // Reads to the end, where the checksum and the length of all stand.
            let plain = packed.plain(&before, &after).unwrap();
            prop_assert_eq!(&plain[..], [before, data, after].concat());
        }
    }

    #[test]
    fn what_is_too_short_was_not_stored_by_us() {
        assert_eq!(Packed::read(vec![0; SUMS_BYTES - 1]), None);
    }

    #[test]
    fn broken_blocks_are_noticed() {
        let packed = Packed::of(&[7; 1_000], Packing::Small).unwrap();
        let mut broken = packed.bytes().to_vec();
        broken[0] ^= 1;
        assert!(Packed::read(broken).unwrap().plain(b"{", b"}").is_err());
    }
}
