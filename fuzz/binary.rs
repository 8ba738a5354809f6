//! Binary frames: see `seatcast::protocol::fuzz::binary`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| seatcast::protocol::fuzz::binary(input));
