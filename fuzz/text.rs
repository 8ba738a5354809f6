//! Text frames of both versions: see `seatcast::protocol::fuzz::text`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| seatcast::protocol::fuzz::text(input));
