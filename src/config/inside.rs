//! Bounds between the stages and inside them. Whoever runs Seatcast need not know them; nothing waits
//! or is kept without one. A name ends in its unit.

// --- queues between stages

/// Messages that may wait for a shard; one more is dropped, and its topics are opened anew.
pub const MAILBOX_MESSAGES_MAX: usize = 16_384;
/// Messages of shards that may wait for the feed; past it shards ask again.
pub const WATCHES_MAX: usize = 16_384;
/// Connections that may wait for a shard after their handshake; one more is dropped.
pub const INTAKE_CONNECTIONS_MAX: usize = 1_024;
/// Rings of the doorbell that may wait for the feed or the relay; past it they wait in the doorbell's
/// connection.
pub const RINGS_MAX: usize = 1_024;
/// Rings that may wait for presence; one more is dropped, and costs a lease.
pub const PRESENCE_RINGS_MAX: usize = 256;
/// Changes from the bus that may wait for the feed; past it they wait in the bus, which drops what is too
/// much.
pub const HEARD_CHANGES_MAX: usize = 4_096;
/// Streams that may wait to be let in.
pub const STREAM_ASKS_MAX: usize = 1_024;

// --- presence

/// Messages of shards that may wait for the task of presence; past it shards keep the latest of each.
pub const PRESENCE_MESSAGES_MAX: usize = 65_536;
/// Of these, messages taken in before views are made.
pub const PRESENCE_MESSAGES_AT_ONCE_MAX: usize = 4_096;
/// Members of the dialect's presence of whom a shard could not yet tell the task of presence. Who tracks
/// when as many wait is sent away, to come back.
pub const WHEREABOUTS_UNSAID_MAX: usize = 16_384;
/// Longest name of a step, in bytes.
pub const STEP_BYTES_MAX: usize = 64;
/// Longest key of the dialect's presence, in bytes of its JSON without the quotes.
pub const PRESENCE_KEY_BYTES_MAX: usize = 255;
/// Members of one event that are listed by name, in bytes of JSON; the others are counted only. A diff
/// may take out as many as it brings in, so a frame has twice as many: less than 1 MiB.
pub const PRESENCE_LISTED_BYTES_MAX: usize = 500 * 1_024;

// --- feed

/// Events that a node remembers to have seen go back: more than it watches by default, so that all of
/// a restored backup fit.
pub const REWINDS_MAX: usize = 65_536;
/// Revisions by which other nodes may have been ahead of this one when the database went back: their
/// clients may come here. More than an event is written in the seconds that a node may lag unnoticed.
pub const LOST_UNSEEN_MAX: u64 = 10_000;

// --- shards

/// Events taken from a shard's poller at a time.
pub const POLLED_EVENTS_MAX: usize = 1_024;
/// What is read at a time, in bytes; shared by all connections of a shard.
pub const SCRATCH_BYTES: usize = 64 * 1024;
/// Reads of one connection before others have their turn.
pub const READS_PER_TURN_MAX: usize = 4;
/// Effects whose room a shard keeps between turns.
pub const EFFECTS_KEPT_MAX: usize = 1_024;
/// Frames handed to one `writev`.
pub const FRAMES_PER_WRITE_MAX: usize = 64;
/// Different revisions that laggards of one channel, or of one event's streams, may have before what
/// they are sent is no longer kept for the next.
pub const PREPARED_REVISIONS_MAX: usize = 64;
/// How long a join is kept waiting whose client is ahead of the node, in milliseconds: its revision is on
/// its way here from the database. What has not come by then never was there.
pub const REACH_PATIENCE_MS: u64 = 1_000;
/// What one channel keeps of what its viewers are sent, in bytes.
pub const PREPARED_BYTES_MAX: usize = 1024 * 1024;
/// Rows of a change that are told to viewers of tables one by one, and messages that they may make. With more
/// the viewers are told to read the tables anew.
pub const TABLE_MESSAGES_MAX: usize = 512;
/// The same, in bytes of all messages of one change together.
pub const TABLE_MESSAGES_BYTES_MAX: usize = 256 * 1024;
/// Seats of one update that are listed one by one; with more the whole map is sent packed.
pub const SEAT_PAIRS_MAX: usize = 10_000;
/// Frames refused in a row before a client that does not slow down is closed.
pub const REFUSED_FRAMES_MAX: u32 = 1_000;
/// Time a peer has to answer a close frame, in milliseconds.
pub const CLOSE_TIMEOUT_MS: u64 = 2_000;
/// Wishes and counts of all shards that may wait for `private/`.
pub const PRIVATE_SAID_MAX: usize = 16_384;
/// Ids of what went away that a private topic keeps in mind; a viewer that lags further is told the whole.
pub const GONE_ENTITIES_MAX: usize = 64;
