//! CLIENTS OF OUR OWN: they use the same public interfaces as everybody else's.

pub mod bench;
pub mod doctor;
pub mod watch;
