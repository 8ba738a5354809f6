//! The address of a client, and how often it may ask.
//!
//! [`address`] is the one way to know an address: the peer's, or what a trusted proxy says ([`forwarded`] for its
//! headers, [`proxy_protocol`] for what it sends before them). [`rates`] has a token bucket for each address and account.
//! The share of an event that an address may hold is a rule of booking, judged in the event's turn (`ticketing/booking.rs`); it
//! is known there by a hash ([`guest`]).

pub mod address;
mod forwarded;
pub mod guest;
pub mod proxy_protocol;
pub mod rates;
