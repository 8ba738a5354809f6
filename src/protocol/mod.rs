//! THE WIRE. Types and codecs, pure: bytes in, values out, and back. No socket, no clock.
//!
//! From the outside in:
//!
//! - [`websocket`]: RFC 6455 frames, a reader for what clients send and a writer for ours
//! - [`phoenix`]: the five fields of Phoenix Channels in both versions, text and binary
//! - [`topic`]: the names that a client may join
//! - [`native`]: payloads of `event:` and `seats:` topics, beats and the drain notice
//! - [`supabase`]: payloads of `realtime:` topics: bindings, filters, `postgres_changes`
//! - [`presence`]: counts for native viewers, state and diff for the dialect's
//! - [`code`]: every close code and error code, with what the client should do
//! - [`fuzz`]: properties that hold for any bytes that a client sends
//!
//! `tests/wire` has examples of all frames with their meaning; the tests of `web/` read them as well.

pub mod code;
#[cfg(test)]
mod fixtures;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod golden;
pub mod native;
pub mod phoenix;
pub mod presence;
pub mod supabase;
pub mod topic;
pub mod websocket;

/// A piece of a client's own text for an error message: short, and on one line.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 48;
    let mut shown: String = text
        .chars()
        .take(CHARS_MAX)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
