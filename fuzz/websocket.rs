//! A stream of WebSocket bytes, cut anywhere: see `seatcast::protocol::fuzz::websocket`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| seatcast::protocol::fuzz::websocket(input));
