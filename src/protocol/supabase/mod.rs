//! Payloads of `realtime:` topics.
