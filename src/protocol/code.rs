//! Close codes and error codes: each tells the client what to do, not only what happened.
//!
//! `tests/wire/codes.json` holds the same lists; a test compares them, and the SDK mirrors them.

use std::fmt;

use serde::Serialize;

/// Advice to the client whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request will be refused again.
    Never,
    /// The same request may succeed after a jittered delay.
    Later,
    /// Get a fresh token first.
    RefreshToken,
}

/// The reason why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CloseCode {
    #[serde(rename = "code")]
    pub number: u16,
    pub name: &'static str,
    /// The close frame's default reason; at most 123 bytes.
    pub text: &'static str,
    pub retry: Retry,
    /// The client's next step.
    pub advice: &'static str,
}

/// The answer to a client's close. The server never closes with it by itself.
pub const NORMAL: CloseCode = CloseCode {
    number: 1000,
    name: "NORMAL",
    text: "bye",
    retry: Retry::Never,
    advice: "The client closed, and this is the answer.",
};

pub const GOING_AWAY: CloseCode = CloseCode {
    number: 1001,
    name: "GOING_AWAY",
    text: "going away",
    retry: Retry::Later,
    advice: "The server drains, or heard nothing from the client for too long. Come back after the \
             delay that a `drain` message named, or else after a jittered one, and join with `since`.",
};

pub const PROTOCOL_ERROR: CloseCode = CloseCode {
    number: 1002,
    name: "PROTOCOL_ERROR",
    text: "protocol error",
    retry: Retry::Never,
    advice: "The client broke the WebSocket protocol. Its code has to change.",
};

pub const NOT_UTF8: CloseCode = CloseCode {
    number: 1007,
    name: "NOT_UTF8",
    text: "text is not UTF-8",
    retry: Retry::Never,
    advice: "A text message was not UTF-8. The client's code has to change.",
};

pub const POLICY: CloseCode = CloseCode {
    number: 1008,
    name: "POLICY",
    text: "policy",
    retry: Retry::Never,
    advice: "The client did what the server does not allow, or joined nothing in time. Come back \
             only when there is something to join.",
};

pub const TOO_BIG: CloseCode = CloseCode {
    number: 1009,
    name: "TOO_BIG",
    text: "message is too big",
    retry: Retry::Never,
    advice: "A message was bigger than the server takes. Do not send it again.",
};

pub const TOKEN_ENDED: CloseCode = CloseCode {
    number: 4001,
    name: "TOKEN_ENDED",
    text: "token ended",
    retry: Retry::RefreshToken,
    advice: "The token that opened the connection ended. Get a fresh one, come back, and join \
             with `since`.",
};

pub const TOO_MANY_CONNECTIONS: CloseCode = CloseCode {
    number: 4002,
    name: "TOO_MANY_CONNECTIONS",
    text: "too many connections",
    retry: Retry::Later,
    advice: "The server, or the client's address, has all the connections it may have. Come back \
             after a jittered delay of many seconds.",
};

pub const OUTBOX_OVERFLOW: CloseCode = CloseCode {
    number: 4003,
    name: "OUTBOX_OVERFLOW",
    text: "outbox overflow",
    retry: Retry::Later,
    advice: "The client read too slowly for what it was owed. Come back and join with `since`: \
             nothing is lost.",
};

pub const CLOSE_CODES: [CloseCode; 9] = [
    NORMAL,
    GOING_AWAY,
    PROTOCOL_ERROR,
    NOT_UTF8,
    POLICY,
    TOO_BIG,
    TOKEN_ENDED,
    TOO_MANY_CONNECTIONS,
    OUTBOX_OVERFLOW,
];

/// The name of a close code of ours.
pub fn name_of_close(number: u16) -> &'static str {
    let code = CLOSE_CODES.iter().find(|code| code.number == number);
    code.map_or("OTHER", |code| code.name)
}

/// The reason why a join or a push was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ErrorCode {
    /// Stable, for programs.
    #[serde(rename = "code")]
    pub name: &'static str,
    /// The beginning of the reason text. Where Supabase has the case, in its spelling: PyPI `realtime` waits 30 s instead
    /// of 1 to 10 when it reads one of the `…RateLimitReached`.
    pub prefix: &'static str,
    pub retry: Retry,
    /// The client's next step.
    pub advice: &'static str,
}

impl ErrorCode {
    /// The error reply; `detail` follows the prefix: `"EventNotFound: no event 42"`.
    pub fn because(&self, detail: impl fmt::Display) -> ErrorReply {
        ErrorReply {
            code: self.name,
            reason: format!("{}: {detail}", self.prefix),
            retry: self.retry,
        }
    }
}

pub const MALFORMED_FRAME: ErrorCode = ErrorCode {
    name: "MALFORMED_FRAME",
    prefix: "MalformedFrame",
    retry: Retry::Never,
    advice: "The frame could not be read; the reason says why. Mend the client.",
};

pub const UNMATCHED_TOPIC: ErrorCode = ErrorCode {
    name: "UNMATCHED_TOPIC",
    prefix: "unmatched topic",
    retry: Retry::Never,
    advice: "There is no such topic, or it is not joined. Join it first, or mend its name.",
};

pub const TOPIC_NAME_REQUIRED: ErrorCode = ErrorCode {
    name: "TOPIC_NAME_REQUIRED",
    prefix: "TopicNameRequired",
    retry: Retry::Never,
    advice: "Name a topic after `realtime:`.",
};

pub const UNKNOWN_EVENT: ErrorCode = ErrorCode {
    name: "UNKNOWN_EVENT",
    prefix: "UnknownEvent",
    retry: Retry::Never,
    advice: "The topic takes no such message. Mend the client.",
};

pub const INVALID_PAYLOAD: ErrorCode = ErrorCode {
    name: "INVALID_PAYLOAD",
    prefix: "InvalidPayload",
    retry: Retry::Never,
    advice: "A field is missing or wrong; the reason names it. Mend the client.",
};

pub const EVENT_NOT_FOUND: ErrorCode = ErrorCode {
    name: "EVENT_NOT_FOUND",
    prefix: "EventNotFound",
    retry: Retry::Never,
    advice: "There is no such event, or it is not public. Stop asking for it.",
};

pub const UNAUTHORIZED: ErrorCode = ErrorCode {
    name: "UNAUTHORIZED",
    prefix: "Unauthorized",
    retry: Retry::Never,
    advice: "The caller may not do this. Sign in as somebody who may, then join again.",
};

pub const INVALID_TOKEN: ErrorCode = ErrorCode {
    name: "INVALID_TOKEN",
    prefix: "InvalidJWTToken",
    retry: Retry::RefreshToken,
    advice: "The token ended or is not valid. Get a fresh one and join again.",
};

pub const TOO_MANY_JOINS: ErrorCode = ErrorCode {
    name: "TOO_MANY_JOINS",
    prefix: "ChannelRateLimitReached",
    retry: Retry::Later,
    advice: "Leave a topic first, or use another connection.",
};

pub const JOIN_RATE: ErrorCode = ErrorCode {
    name: "JOIN_RATE",
    prefix: "ClientJoinRateLimitReached",
    retry: Retry::Later,
    advice: "Joins came too fast. Wait some seconds, then join again.",
};

pub const PUSH_RATE: ErrorCode = ErrorCode {
    name: "PUSH_RATE",
    prefix: "MessagePerSecondRateLimitReached",
    retry: Retry::Later,
    advice: "Messages came too fast, or too many before the answer to their join. Wait a second, then send again.",
};

pub const PAYLOAD_TOO_BIG: ErrorCode = ErrorCode {
    name: "PAYLOAD_TOO_BIG",
    prefix: "PayloadSizeExceeded",
    retry: Retry::Never,
    advice: "Send less in one message.",
};

pub const JOIN_ENDED: ErrorCode = ErrorCode {
    name: "JOIN_ENDED",
    prefix: "JoinEnded",
    retry: Retry::Never,
    advice: "The topic was left, or joined again, before this join was answered. What was asked for \
             last counts.",
};

pub const UNAVAILABLE: ErrorCode = ErrorCode {
    name: "UNAVAILABLE",
    prefix: "Unavailable",
    retry: Retry::Later,
    advice: "The database does not answer. What is shown may be old; join again after a jittered \
             delay.",
};

pub const RESTARTING: ErrorCode = ErrorCode {
    name: "RESTARTING",
    prefix: "RealtimeRestarting",
    retry: Retry::Later,
    advice: "The server drains. Come back after the delay that the `drain` message names.",
};

pub const INTERNAL: ErrorCode = ErrorCode {
    name: "INTERNAL",
    prefix: "InternalError",
    retry: Retry::Later,
    advice: "The server failed. Join again after a jittered delay.",
};

pub const ERROR_CODES: [ErrorCode; 16] = [
    MALFORMED_FRAME,
    UNMATCHED_TOPIC,
    TOPIC_NAME_REQUIRED,
    UNKNOWN_EVENT,
    INVALID_PAYLOAD,
    EVENT_NOT_FOUND,
    UNAUTHORIZED,
    INVALID_TOKEN,
    TOO_MANY_JOINS,
    JOIN_RATE,
    PUSH_RATE,
    PAYLOAD_TOO_BIG,
    JOIN_ENDED,
    UNAVAILABLE,
    RESTARTING,
    INTERNAL,
];

/// The `response` of an error reply: `{"code", "reason", "retry"}`.
///
/// Supabase's clients show the reason, or all values joined by commas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorReply {
    /// An [`ErrorCode::name`].
    pub code: &'static str,
    pub reason: String,
    pub retry: Retry,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::{CLOSE_CODES, ERROR_CODES};

    /// The SDK's tests read the same file.
    #[test]
    fn the_golden_file_has_the_same_codes() {
        let golden = include_str!("../../tests/wire/codes.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        assert_eq!(
            golden,
            json!({ "close": CLOSE_CODES, "error": ERROR_CODES })
        );
    }

    #[test]
    fn a_close_code_may_be_sent_and_its_text_fits() {
        let numbers: BTreeSet<u16> = CLOSE_CODES.iter().map(|code| code.number).collect();
        assert_eq!(numbers.len(), CLOSE_CODES.len());
        for code in CLOSE_CODES {
            assert!(matches!(code.number, 1000..=1011 | 4000..=4999));
            assert!(code.text.len() <= 123);
        }
    }

    #[test]
    fn error_codes_differ_in_name_and_prefix() {
        let names: BTreeSet<&str> = ERROR_CODES.iter().map(|code| code.name).collect();
        let prefixes: BTreeSet<&str> = ERROR_CODES.iter().map(|code| code.prefix).collect();
        assert_eq!(
            (names.len(), prefixes.len()),
            (ERROR_CODES.len(), ERROR_CODES.len())
        );
    }
}
