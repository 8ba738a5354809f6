//! Bounds between and inside the stages, which operators need not know. Every queue and map has one. A name ends in its
//! unit.

use std::time::Duration;

use super::Rate;

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
/// Changes from the bus that may wait for the feed; past it they wait in the bus, which drops surplus ones.
pub const HEARD_CHANGES_MAX: usize = 4_096;

// --- presence

/// Messages of shards that may wait for the task of presence; past it shards keep the latest of each.
pub const PRESENCE_MESSAGES_MAX: usize = 65_536;
/// Of these, messages taken in before views are made.
pub const PRESENCE_MESSAGES_AT_ONCE_MAX: usize = 4_096;
/// Reports about members that a shard could not yet send to the presence task. Past it a client that tracks is told to
/// come back later.
pub const WHEREABOUTS_UNSAID_MAX: usize = 16_384;
/// Longest name of a step, in bytes.
pub const STEP_BYTES_MAX: usize = 64;
/// Longest key of the dialect's presence, in bytes of its JSON without the quotes.
pub const PRESENCE_KEY_BYTES_MAX: usize = 255;
/// Members of one event that are listed by name, in bytes of JSON; the others are only counted. A diff may remove as many
/// as it adds, so a frame can have twice this size: less than 1 MiB.
pub const PRESENCE_LISTED_BYTES_MAX: usize = 500 * 1_024;

// --- feed

/// Events of which a node remembers that the database lost history; more than it watches by default, so that all watched
/// events of a restored backup fit.
pub const REWINDS_MAX: usize = 65_536;
/// Revisions by which other nodes, whose clients may come here, may have been ahead of this one when the database lost
/// history. More than an event gets in the seconds by which a node may lag unnoticed.
pub const LOST_UNSEEN_MAX: u64 = 10_000;

// --- shards

/// Events taken from a shard's poller at a time.
pub const POLLED_EVENTS_MAX: usize = 1_024;
/// The read buffer that all connections of a shard share.
pub const SCRATCH_BYTES: usize = 64 * 1024;
/// Viewers that a shard sends to before it reads its sockets again: about a millisecond.
pub const PORTION_VIEWERS: usize = 256;
/// Reads of one connection before others have their turn.
pub const READS_PER_TURN_MAX: usize = 4;
/// Messages of one connection that wait for the answers to its joins.
pub const EARLY_PUSHES_MAX: usize = 16;
/// Payload of such a message, in bytes: more than a broadcast may have.
pub const EARLY_PUSH_BYTES_MAX: usize = 16 * 1024;
/// Capacity of the list of effects that a shard keeps between turns.
pub const EFFECTS_KEPT_MAX: usize = 1_024;
/// Frames handed to one `writev`.
pub const FRAMES_PER_WRITE_MAX: usize = 64;
/// Prepared catch-up frames of one channel, or of one event's streams: one for each revision that lagging viewers have.
pub const PREPARED_REVISIONS_MAX: usize = 64;
/// How long a join is kept waiting whose client is ahead of the node, in milliseconds. By then the database has been
/// read, and the revision is there or never was; or it cannot be read, and the client is to come later.
pub const REACH_PATIENCE_MS: u64 = 1_000;
/// Prepared frames of one channel, in bytes.
pub const PREPARED_BYTES_MAX: usize = 1024 * 1024;
/// Rows of one change, and messages for them, that viewers of tables are sent one by one. Past it they are told to read the
/// tables again.
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
/// Ids of removed entities that a private topic remembers; a viewer that lags further is sent the whole state.
pub const GONE_ENTITIES_MAX: usize = 64;
/// Revisions of a private topic that its node keeps in mind to answer clients who come back with one of them.
pub const REVISIONS_TOLD_MAX: usize = 32;

// --- REST: defaults of [`super::HttpConfig`], which tests change

/// Largest request body, in bytes.
pub const HTTP_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Memory that a JSON body may take when it is read, in bytes: a short object takes a hundred times its text.
pub const BODY_MEMORY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The same of a seat map: as many sections and rows as seats, each seat with all that it may have, take less.
pub const SEATMAP_MEMORY_BYTES_MAX: usize = 384 * 1024 * 1024;
/// Seat maps that are read at once; others wait with their bytes alone.
pub const SEATMAPS_READ_AT_ONCE_MAX: usize = 2;
/// Largest head (request line and headers) of a request, in bytes.
pub const HTTP_HEADER_BYTES_MAX: usize = 64 * 1024;
/// A body of a refused request that is read up to its end, in bytes, so that its connection can be used again.
pub const UNREAD_BODY_BYTES_MAX: u64 = 64 * 1024;
/// How long it is waited for, in milliseconds.
pub const UNREAD_BODY_WAIT_MS: u64 = 1_000;
/// Time a client has to send its request's headers, in milliseconds.
pub const HTTP_HEADER_TIMEOUT_MS: u64 = 10_000;
/// A connection is ended if its client reads nothing for this long while an answer or a stream waits, in milliseconds.
pub const HTTP_STALL_TIMEOUT_MS: u64 = 30_000;
/// Users whose role is kept in memory for `X-User-Id` (development mode).
pub const HTTP_STANDINGS_MAX: usize = 1_000;
/// How long a user's role is kept in memory for `X-User-Id`, in milliseconds.
pub const HTTP_STANDING_MS: u64 = 1_000;
/// Requests with an Idempotency-Key that may be under way at a time.
pub const HTTP_KEYS_IN_FLIGHT_MAX: usize = 100_000;

// --- database: defaults of [`super::DatabaseConfig`], which tests change

/// Time the private Postgres has to start, crash recovery included, in milliseconds.
pub const EMBEDDED_START_TIMEOUT_MS: u64 = 60_000;
/// Consecutive starts of a private Postgres that ended by itself before it counts as lost: about four minutes, in which somebody
/// may make room on a full disk.
pub const EMBEDDED_STARTS_MAX: u32 = 14;
/// Time the private Postgres has for an orderly stop, in milliseconds.
pub const EMBEDDED_STOP_TIMEOUT_MS: u64 = 20_000;
/// Time a new connection may take, in milliseconds.
pub const DATABASE_CONNECT_TIMEOUT_MS: u64 = 5_000;
/// Time one statement may take before it is cancelled, in milliseconds.
pub const DATABASE_STATEMENT_TIMEOUT_MS: u64 = 10_000;
/// Time a statement may wait for a row lock before it gives up, in milliseconds.
pub const DATABASE_LOCK_TIMEOUT_MS: u64 = 5_000;
/// Time a transaction may idle, with its locks, before the database ends it, in milliseconds.
pub const DATABASE_IDLE_IN_TRANSACTION_TIMEOUT_MS: u64 = 15_000;
/// Silence after which TCP asks whether the database's machine lives, in milliseconds;
/// unanswered three times, the connection counts as lost.
pub const DATABASE_KEEPALIVE_MS: u64 = 3_000;
/// Longest pause before the LISTEN connection is tried again, in milliseconds.
pub const DATABASE_RECONNECT_PAUSE_MS_MAX: u64 = 2_000;

// --- desk: defaults of [`super::DeskConfig`], which tests change

/// Commands of one event that may wait; past it the answer is 503 BUSY.
pub const DESK_QUEUE_COMMANDS_MAX: usize = 2_048;
/// Commands of all events together that may wait; past it the answer is 503 BUSY.
pub const DESK_QUEUED_COMMANDS_MAX: usize = 16_384;
/// Commands decided in one transaction.
pub const DESK_BATCH_COMMANDS_MAX: usize = 128;
/// How often a node asks for the database's clock, in milliseconds.
pub const DESK_CLOCK_INTERVAL_MS: u64 = 10_000;
/// Time the database has for one round trip of a batch before its commands are answered 503, in milliseconds.
pub const DESK_BATCH_TIMEOUT_MS: u64 = 6_000;

// --- deadlines and pruning: defaults of [`super::SweepConfig`], which tests change

/// Longest sleep between two looks at the deadlines of holds, in milliseconds. A deadline that another
/// node or a statement typed by hand has set is seen after at most this.
pub const SWEEP_PAUSE_MS_MAX: u64 = 500;
/// Longest sleep while the database fails, for one event or for all, in milliseconds.
pub const SWEEP_FAILING_PAUSE_MS_MAX: u64 = 5_000;
/// How often old changes and stored answers are dropped, in seconds.
pub const PRUNE_INTERVAL_S: u64 = 300;
/// Rows dropped in one transaction.
pub const PRUNE_ROWS_MAX: usize = 5_000;

// --- feed: defaults of [`super::FeedConfig`], which tests change

/// Silence on the LISTEN connection after which the feed rings its own bell, in milliseconds.
pub const FEED_PROBE_INTERVAL_MS: u64 = 5_000;
/// Deltas kept in memory per watched event, for resumes and slow viewers.
pub const FEED_RING_DELTAS_MAX: usize = 1_024;
/// An event stays in memory this long after its last viewer left, in seconds.
pub const FEED_UNWATCH_GRACE_S: u64 = 30;
/// Rows of the log read in one query.
pub const FEED_LOG_ROWS_MAX: usize = 2_000;
/// Events loaded from the database at a time.
pub const FEED_LOADS_PARALLEL_MAX: usize = 4;
/// How long a missing event is not looked for again, in milliseconds, unless it rings.
pub const FEED_ABSENT_MS: u64 = 1_000;
/// Missing events that are remembered, so that the database is not asked for them again.
pub const FEED_ABSENT_EVENTS_MAX: usize = 10_000;
/// Time after which a join that waits for its event is told to come later, in milliseconds.
pub const FEED_OPEN_TIMEOUT_MS: u64 = 5_000;
/// Time that the database has to answer the feed before it counts as down, in milliseconds.
pub const FEED_READ_TIMEOUT_MS: u64 = 3_000;

// --- topics of one person: defaults of [`super::PrivateConfig`], which tests change

/// Users' bookings and events' figures watched at a time; a join that would be one more is told to come later.
pub const PRIVATE_TOPICS_MAX: usize = 10_000;
/// Private topics read in one query.
pub const PRIVATE_PER_READ_MAX: usize = 200;
/// Bookings that `user:` shows: those that are pending, then the newest.
pub const PRIVATE_BOOKINGS_MAX: i64 = 100;
/// Tickets taken over that `user:` shows: the newest.
pub const PRIVATE_TICKETS_MAX: i64 = 100;
/// Bytes of both, as JSON. A known client (PyPI `realtime`) drops its connection on frames over 1 MiB, which hold the ids of
/// what went away as well.
pub const PRIVATE_ENTITIES_BYTES_MAX: usize = 700 * 1024;
/// Private topics are read at least this often, whether or not they ring, in milliseconds.
pub const PRIVATE_POLL_INTERVAL_MS: u64 = 5_000;
/// Least time between two figures of one event, in milliseconds.
pub const PRIVATE_FIGURES_INTERVAL_MS: u64 = 1_000;
/// How often a node adds the joins that it counted to those of the others, in milliseconds.
pub const PRIVATE_JOINS_INTERVAL_MS: u64 = 5_000;
/// Events whose joins a node counts in one such interval.
pub const PRIVATE_JOINED_EVENTS_MAX: usize = 10_000;

// --- interactions: defaults of [`super::InteractionsConfig`], which tests change

/// Interactions that may wait to be stored; further ones are refused and counted.
pub const INTERACTIONS_WAITING_MAX: usize = 20_000;
/// So many waiting interactions are stored at once, fewer after a while.
pub const INTERACTIONS_ENOUGH: usize = 50;
/// Interactions stored in one statement, where more wait than are enough.
pub const INTERACTIONS_BATCH_MAX: usize = 500;
/// How long an interaction waits for others to be stored with, in milliseconds.
pub const INTERACTIONS_INTERVAL_MS: u64 = 5_000;
/// Interactions a second that a node accepts (twice as many in a burst); further ones are refused and counted.
pub const INTERACTIONS_PER_S_MAX: u32 = 5_000;

// --- NATS: defaults of [`super::BusConfig`], which tests change

/// Events whose last published revision the relay remembers.
pub const NATS_RELAY_EVENTS_MAX: usize = 100_000;
/// Rows of the log that the relay reads in one query.
pub const NATS_RELAY_ROWS_MAX: usize = 1_000;

// --- WebSocket connections: defaults of [`super::SocketConfig`], which tests change

/// Largest message a client may send, in bytes.
pub const SOCKET_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Topics joined at a time on one connection.
pub const SOCKET_JOINS_MAX: usize = 100;
/// Bindings (`postgres_changes`) in one join of the Supabase dialect.
pub const SOCKET_BINDINGS_MAX: usize = 32;
/// All bindings of one join together, in bytes of their JSON.
pub const SOCKET_BINDINGS_BYTES_MAX: usize = 8 * 1024;
/// Joins a second on one connection (twice as many in a burst).
pub const SOCKET_JOINS_PER_S_MAX: u32 = 100;
/// Frames a second from one connection (twice as many in a burst).
pub const SOCKET_PUSHES_PER_S_MAX: u32 = 200;
/// Bytes of replies and notices that may wait for a client that does not read.
pub const SOCKET_OUTBOX_BYTES_MAX: usize = 256 * 1024;
/// Broadcasts of all clients that may wait to be stored.
pub const SOCKET_BROADCASTS_WAITING_MAX: usize = 256;
/// The same of one event.
pub const BROADCASTS_OF_EVENT_WAITING_MAX: usize = 64;
/// Events of which broadcasts are being stored at the same time; each takes a connection of the pool.
pub const BROADCASTS_STORED_AT_ONCE: usize = 4;
/// A broadcast that has waited for longer is not stored, in milliseconds. Clients take one for lost after 10 s, and storing
/// it may wait 5 s for a turn.
pub const BROADCAST_PATIENCE_MS: u64 = 4_000;
/// So many of an event's broadcasts are kept however big they are (`settle_notices` in `sql/V6__notices.sql`).
pub const BROADCASTS_KEPT_LEAST: usize = 7;
/// A connection that sent nothing for this long is closed, in milliseconds.
pub const SOCKET_IDLE_TIMEOUT_MS: u64 = 60_000;
/// Time from the handshake to the first join, in milliseconds.
pub const SOCKET_FIRST_JOIN_TIMEOUT_MS: u64 = 30_000;

// --- server-sent events: defaults of [`super::StreamConfig`], which tests change

/// Silence on a stream after which a comment is sent, so that proxies keep it open, in milliseconds.
pub const SSE_COMMENT_INTERVAL_MS: u64 = 15_000;

// --- presence: defaults of [`super::PresenceConfig`], which tests change

/// Least time between two counts of one event, in milliseconds.
pub const PRESENCE_COUNTS_INTERVAL_MS: u64 = 1_000;
/// A change of who is here waits this long for others, in milliseconds; all of them are sent in one diff.
pub const PRESENCE_DIFF_WINDOW_MS: u64 = 100;
/// Bytes of a diff for which the next one waits a window longer: whoever changes much and often is told of more rarely.
pub const PRESENCE_WINDOW_BYTES: usize = 16 * 1_024;
/// Members of one event that are listed by name; the others are counted only.
pub const PRESENCE_MEMBERS_LISTED_MAX: usize = 200;
/// Largest object that a member may track, in bytes of JSON.
pub const PRESENCE_TRACKED_BYTES_MAX: usize = 2_048;
/// Steps of one event that are told apart; further ones count as `other`.
pub const PRESENCE_STEPS_MAX: usize = 32;
/// Visitors of a node that has not renewed its lease for this long no longer count, in milliseconds. Nodes renew four
/// times as often.
pub const PRESENCE_LEASE_MS: u64 = 4_000;

// --- the desk (`desk/queue.rs`, `store/desk/read.rs`)

/// So long after their deadline holds are left to the sweeper by bookings that can do without their stock, in milliseconds.
pub const OVERDUE_LEFT_MS: u64 = 1_000;

/// Workers at a time.
pub const DESK_WORKERS_MAX: usize = 2;
/// Commands that wait beside a worker's batch, of other events, for which a second worker starts. It shrinks the batches, and
/// a smaller one costs more for each command; in return Postgres works for both at a time.
pub const ANOTHER_WORKER_FROM: usize = 16;
/// Events with taxes or fees that a connection of the desk remembers; past it all are forgotten.
pub const PRICED_EVENTS_MAX: usize = 10_000;

// --- open files (`descriptors.rs`)

/// Connections of the feed's own pool beside those that load events: one each to read the log, to count joins, for the
/// doorbell's probe, for presence, for the relay and for the probe of its doorbell; four to read private topics.
pub const FEED_CONNECTIONS_MAX: usize = 10;
/// Connections of the desk's own: one a worker, and one for events whose turn somebody else has.
pub const DESK_CONNECTIONS_MAX: usize = DESK_WORKERS_MAX + 1;
/// Open files of a shard: its poller, its bell, and what the runtime has of it.
pub const SHARD_DESCRIPTORS_MAX: usize = 4;
/// Connections past all bounds on which only `/readyz`, `/healthz`, `/api` and `/metrics` are answered.
pub const SPARE_CONNECTIONS_MAX: usize = 16;
/// How long one of these may last, in milliseconds.
pub const SPARE_CONNECTION_MS: u64 = 3_000;
/// Open files of everything else: the log, the runtime, the doorbell and the relay, the bus, a collector of traces,
/// connections to the database that are made before others have closed.
pub const OTHER_DESCRIPTORS_MAX: usize = 48;
/// Connections of clients below which it is not worth starting.
pub const CLIENTS_MIN: usize = 16;

// --- what REST keeps in memory

/// Seat maps with so many seats are packed by a job after they were drawn, and stored; smaller ones when they are asked
/// for. `draw_seats` in `sql/V5__published.sql` has the same number.
pub const SEATMAP_STORED_SEATS_MIN: usize = 5_000;
/// Seat maps that are kept packed, and statuses of seats, in bytes. Of 100,000 seats a map is about 60 KB as runs, 1 MB as
/// columns, their statuses 25 KB.
pub const SEATMAPS_KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The same, in number: each version and form is one, and each revision's statuses.
pub const SEATMAPS_KEPT_MAX: usize = 1_024;

/// Of the events that have all the letters of a search, in groups of three, so many are read. They take 30 ms; whatever is
/// looked for, nobody can have more read.
pub const SEARCH_CANDIDATES_MAX: i64 = 50_000;
/// Events along a list's order that are read for a page of a frequent text, before all that have it are sorted.
pub const SEARCH_WALKED_MAX: i64 = 2_000;

// --- how often one client may ask: defaults of [`super::LimitsConfig`], which tests change
//
// Far above what a household behind one address does with several tabs open each, and far below what a script does.
// An account has the same limits wherever it asks from.

/// Changes of an event's log that one answer has, and without a limit asked for. One change may list every seat.
pub const HISTORY_ROWS_MAX: i64 = 1_000;
pub const HISTORY_ROWS_DEFAULT: i64 = 500;

/// GET of anything: a page with its files is about twenty of them.
pub const LIMIT_READS: Rate = Rate {
    per_minute: 50 * 60,
    burst: 300,
};
/// Everything that writes and has no line here.
pub const LIMIT_WRITES: Rate = Rate {
    per_minute: 10 * 60,
    burst: 60,
};
/// `POST /bookings`: granted or not.
pub const LIMIT_BOOKINGS: Rate = Rate {
    per_minute: 5 * 60,
    burst: 30,
};
/// `POST /users`. It tells whether an e-mail address is known here, so it is not for trying many.
pub const LIMIT_SIGN_UPS: Rate = Rate {
    per_minute: 6,
    burst: 10,
};
/// Attempts to sign in: from one address, and at one account from wherever.
pub const LIMIT_SIGN_INS: Rate = Rate {
    per_minute: 10,
    burst: 20,
};
/// Wrong codes of vouchers, from one address. Right ones count while they are looked at.
pub const LIMIT_CODES: Rate = Rate {
    per_minute: 10,
    burst: 20,
};
/// Mails that go to an address of the sender's choice at once: bookings of free tickets, and those that are sent again. From one
/// address, and to one. At once it is as many as the tickets that buyers without an account may have of an event by default;
/// where they may have more, the rate is that much higher.
pub const LIMIT_MAILS: Rate = Rate {
    per_minute: 6,
    burst: 20,
};
/// WebSocket connections and streams that are opened. After a restart all viewers of a company come at once.
pub const LIMIT_CONNECTIONS: Rate = Rate {
    per_minute: 20 * 60,
    burst: 300,
};
/// Rows of interactions, by REST and over WebSocket. A row has at most 7 KiB, most have 200 bytes, so one address writes
/// 170 MB a day, and never more than 6 GB; an office of a hundred people may each report a click every ten seconds.
pub const LIMIT_INTERACTIONS: Rate = Rate {
    per_minute: 10 * 60,
    burst: 2_000,
};
/// Joins over all WebSocket connections of one address. A page joins a few topics.
pub const LIMIT_JOINS: Rate = Rate {
    per_minute: 200 * 60,
    burst: 4_000,
};
/// Addresses and accounts whose rates are remembered at a time, for each kind of request. Past it the ones that have
/// asked longest ago are forgotten.
pub const LIMITED_CLIENTS_MAX: usize = 200_000;
/// The largest share of an event that a setting may give to one buyer. So many bookings are counted of what a buyer has.
pub const SHARE_MAX: i64 = 1_000;
/// Interactions that one funnel reads at most, the newest. They are sorted and grouped in a quarter of a second.
pub const FUNNEL_ROWS_MAX: i64 = 50_000;
/// Actions that a funnel lists, those of most visitors.
pub const FUNNEL_ACTIONS_MAX: i64 = 50;
/// Steps that a funnel may be asked for.
pub const FUNNEL_STEPS_MAX: usize = 20;
/// Hours that a funnel reaches back: the log of interactions is for looking at the last weeks.
pub const FUNNEL_HOURS_MAX: i64 = 92 * 24;
/// The longest time that sales are answered of by the hour, and by the day. Each hour is four rows for the event and each
/// ticket type.
pub const NUMBERS_HOURS_MAX: i64 = 31 * 24;
pub const NUMBERS_DAYS_MAX: i64 = 366;
/// Tables that a node writes at a time. Each has a connection of the pool.
pub const EXPORTS_MAX: usize = 2;
/// The longest that a table is written, and waits for its reader to take a chunk of it. Its snapshot keeps the database
/// from forgetting old rows.
pub const EXPORT_MS_MAX: u64 = 10 * 60 * 1_000;
pub const EXPORT_STALL_MS_MAX: u64 = 30_000;
/// A table's rows are sent on when they have so many bytes.
pub const EXPORT_CHUNK_BYTES: usize = 32 * 1_024;
/// Events whose tickets are summed up for operators, those that begin next.
pub const ON_SALE_EVENTS_MAX: i64 = 10_000;

/// Offers of one ticket in so many seconds: each sends a mail to an address that its holder names.
pub const TICKET_OFFERS_MAX: i64 = 5;
pub const TICKET_OFFERS_S: u64 = 3_600;
/// How long the link of an accepted offer is answered again to somebody without account, in minutes.
pub const TRANSFER_REPEAT_MIN: i32 = 15;
/// How long after the begin of its event an offer that nobody accepted is ended, in hours. Nobody can accept it any more.
pub const TRANSFER_ENDED_HOURS: u32 = 1;

// --- payments

/// How soon a provider is asked about an attempt of which nothing was heard, in seconds; then again each time that its age
/// has doubled; and how often at least. A sale whose webhook was lost, on a node that died while it was looking, is whole
/// a minute later.
pub const PAYMENT_FIRST_LOOK_S: u64 = 15;
pub const PAYMENT_LOOK_S: u64 = 30;
/// How long an event's page waits for what its head tells of the event, in milliseconds; then it goes out without.
pub const EVENT_HEAD_WAIT_MS: u64 = 500;
/// How often it is looked whether a hold that waits for a transfer has ended, in seconds.
pub const OFFLINE_LOOK_S: u64 = 15 * 60;
/// How soon a refund is gone on with whose request died, in seconds; and how often a provider is asked about one.
pub const REFUND_LOOK_S: u64 = 30;
/// Time that a provider has for an answer, in seconds. Less than an attempt at a job may take.
pub const PROVIDER_TIMEOUT_S: u64 = 20;
/// How often a provider is asked for events that did not come by themselves, in seconds.
pub const PROVIDER_EVENTS_LOOK_S: u64 = 15 * 60;
/// How long the names of providers' events are kept, in hours, so that a doubled one does nothing.
pub const PROVIDER_EVENTS_KEPT_HOURS: u32 = 90 * 24;
/// How long sessions, links and ended tokens are kept after their end, in hours.
pub const ENDED_KEPT_HOURS: u32 = 48;
/// Sessions that one statement deletes, with all their refresh tokens.
pub const SESSIONS_PRUNED_MAX: usize = 50;
/// How far back the first look for them goes, and how much later ones reach back into the time before, in seconds.
pub const PROVIDER_EVENTS_FIRST_S: i64 = 3 * 24 * 3_600;
pub const PROVIDER_EVENTS_OVERLAP_S: i64 = 10 * 60;
/// How old the signature of a webhook may be, in seconds.
pub const WEBHOOK_TOLERANCE_S: u64 = 300;
// --- accounts and organizations

/// People of one organization.
pub const MEMBERS_PER_ORGANIZATION_MAX: usize = 1_000;
/// Invitations of one organization that wait for an answer.
pub const INVITATIONS_PER_ORGANIZATION_MAX: usize = 100;
/// Keys of one organization that were not revoked.
pub const API_KEYS_PER_ORGANIZATION_MAX: usize = 100;
/// Memberships of one user, past ones included.
pub const MEMBERSHIPS_PER_USER_MAX: usize = 100;
/// Life of an access token, in seconds.
pub const ACCESS_TOKEN_S: u64 = 15 * 60;
/// How long a sign-in lasts whose refresh tokens are used, in days.
pub const SESSION_DAYS: i32 = 30;
/// A refresh token that comes again so soon after its use, in seconds, is a second tab of the same person. Later it was
/// stolen.
pub const REFRESH_GRACE_S: i32 = 10;
/// Sessions of one user that are open at a time; a further sign-in ends the oldest.
pub const SESSIONS_PER_USER_MAX: i64 = 50;
/// Passwords that are hashed at a time: each takes a core for 50 ms and 32 MiB.
pub const PASSWORDS_AT_ONCE_MAX: usize = 2;
/// Passwords that wait to be hashed; one more is told to come later.
pub const PASSWORDS_WAITING_MAX: usize = 64;
/// Ended sessions and generations of tokens that a node knows, of the last minutes; more than end in that time.
pub const ENDED_TOKENS_MAX: usize = 100_000;
/// How often a node asks which tokens have ended, in milliseconds.
pub const ENDED_TOKENS_POLL_MS: u64 = 1_000;
/// Bodies of other issuers' keys, in bytes.
pub const JWKS_BYTES_MAX: usize = 64 * 1024;
/// Keys of one issuer; more are ignored.
pub const JWKS_KEYS_MAX: usize = 64;
/// How old keys of another issuer become before they are fetched again, in milliseconds: a key that it withdrew is good
/// for so long.
pub const JWKS_REFRESH_MS: u64 = 300_000;
/// Between two fetches that tokens with unknown keys ask for, in milliseconds.
pub const JWKS_REFETCH_MS: u64 = 5_000;
/// An issuer's time to answer, in milliseconds.
pub const JWKS_TIMEOUT_MS: u64 = 5_000;
/// The longest pause after a fetch that failed, in milliseconds.
pub const JWKS_PAUSE_MS_MAX: u64 = 60_000;
/// How long a request waits for keys or for its bearer's user, in milliseconds.
pub const IDENTITY_PATIENCE_MS: u64 = 2_000;
/// People of other issuers whose users a node remembers; past it all are forgotten.
pub const IDENTITIES_MAX: usize = 10_000;
/// People of other issuers that wait to be looked up; one more is told to come later.
pub const IDENTITIES_WAITING_MAX: usize = 256;
/// People of other issuers that are looked up at a time.
pub const IDENTITIES_AT_ONCE_MAX: usize = 8;
/// How long the rights of such a person are taken as known, in milliseconds.
pub const IDENTITY_FRESH_MS: u64 = 1_000;
/// How long a socket, which cannot wait, goes by them, in milliseconds.
pub const IDENTITY_AGE_MS_MAX: u64 = 60_000;
/// How long a stream goes by the rights of an API key, in milliseconds; then it is anonymous, since the key may have been
/// revoked.
pub const STREAM_KEY_MS_MAX: u64 = 60_000;
/// Callers by API key that a node remembers; past it all are forgotten.
pub const KEYS_KNOWN_MAX: usize = 10_000;

// --- mails

/// Buyers who have not begun to pay are reminded so long before their hold ends, if it was made as long ago.
pub const REMINDER_BEFORE: Duration = Duration::from_secs(5 * 60);

// --- messages to browsers

/// Of how many things one browser may ask to be told.
pub const PUSH_SUBSCRIPTIONS_PER_BROWSER_MAX: i64 = 50;
/// The same of one account, with all its browsers.
pub const PUSH_SUBSCRIPTIONS_PER_USER_MAX: i64 = 200;
/// How long before a hold's end its buyer is told; of a hold that ends sooner, half of what is left of it.
pub const PUSH_HOLD_LEAD: Duration = Duration::from_secs(3 * 60);
/// Messages «tickets are back» that one look writes, and messages that may wait before it writes none: so that nobody's
/// message waits for thousands of others, and of few tickets not everybody is told at once.
pub const PUSH_FIRES_MAX: i64 = 200;
pub const PUSH_JOBS_WAITING_MAX: i64 = 200;
