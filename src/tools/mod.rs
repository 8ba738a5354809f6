//! CLIENTS OF OUR OWN: they talk to a server as anybody may.

pub mod bench;
pub mod watch;
