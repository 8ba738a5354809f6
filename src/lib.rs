//! Seatcast sells tickets and pushes, live, what is left.
//!
//! The server is a ring, and the modules are its stages:
//!
//! ```text
//!          POST /bookings                                       WebSocket
//!                │                                                  ▲
//!                ▼                                                  │
//! api ──► desk ──► store ──► Postgres (tables, triggers, log) ──► feed ──► hub ──► socket
//!                                 └── NOTIFY: the doorbell ────────▲
//! ```
//!
//! A booking **ends** at COMMIT, a push **starts** there; the two lines meet only in the database.
//! `ARCHITECTURE.md` walks both, file by file. In reading order:
//!
//! | module | what it is |
//! |---|---|
//! | [`ticketing`] | the rules and the live state: pure, no async, no clock, no I/O |
//! | [`store`] | the database: all SQL, the doorbell, migrations, audit, demo data |
//! | [`desk`] | commands: everything that changes claims, many events in one transaction |
//! | [`sweep`] | ends holds at their deadline, drops what is kept for a time only |
//! | [`feed`] | database → hub: reads the log of watched events, the only publisher |
//! | [`private`] | a user's own bookings and an organizer's figures: read again when they ring, sent by what changed |
//! | [`presence`] | an event's visitors by step, and the members whom the Supabase dialect lists |
//! | [`nats`] | the log carried between nodes by NATS, where many of them share one Postgres |
//! | [`board`] | what REST may read from memory, written by the feed |
//! | [`hub`] | fan-out: a mailbox per shard, a topic's ring of recent changes |
//! | [`protocol`] | the wire: frames, topics, codes, the Supabase dialect |
//! | [`broadcast`] | stores organizers' broadcasts as notices |
//! | [`jobs`] | what leaves the machine (mails), kept as rows until done |
//! | [`mail`] | what is said in mails, and the way out |
//! | [`push`] | messages to browsers that are not on our pages, and the way to their push services |
//! | [`payments`] | attempts to pay and refunds, moved on until their money is booked; the providers |
//! | [`pdf`] | printed things: tickets, and the kit that draws them |
//! | [`seatmap`] | seat maps as they are sent: columns or runs, packed once |
//! | [`interactions`] | clicks and steps of visitors, buffered and stored in batches for analytics |
//! | [`socket`] | WebSocket: shards (threads) that own their sockets |
//! | [`sse`] | the same frames as server-sent events |
//! | [`api`] | REST: every route on one screen |
//! | [`postgrest`] | the published tables, read as Supabase clients read them: `/rest/v1/` |
//! | [`schema`] | what requests may hold, for the OpenAPI document |
//! | [`auth`] | token → caller, and what each role may do |
//! | `ended` | reads which tokens have ended before their time |
//! | `issuers` | brings the keys and the people of other issuers of tokens |
//! | `outgoing` | the HTTP client for servers of others |
//! | [`http`] | the accept loop |
//! | [`limits`] | the address of a client, and how often it may ask |
//! | `descriptors` | open files: what the database and operators need is set aside before clients share the rest |
//! | [`tasks`] | groups of tasks that are watched: none dies unseen |
//! | [`run`] | the composition root: builds the stages, drains them in order |
//! | [`lang`] | the languages that we speak |
//! | `clock` | the database's clock, as this node knows it |
//! | `pacing` | back-off and halving, once for all |
//! | `accept` | which encodings a client takes, once for all |
//! | [`cli`], [`config`], [`telemetry`], [`metrics`] | the command line, every limit, the log, the numbers |
//! | [`embedded`] | the private Postgres that runs when no database is given |
//! | [`web`] | the pages, from the assets embedded in the binary |
//! | [`tools`] | clients of our own: `watch`, a viewer in the terminal, `doctor`, which looks at machine and database, and `bench`, the load generator |
//!
//! # Words
//!
//! - **event**: what is on sale. **ticket type**: a price class of it.
//! - **seat**, in a **section**: a place that one claim at a time may have.
//! - **claim**: units or one seat taken by a booking; *held*, *sold*, or *dead*.
//! - **pool**: a capacity that claims count against. Every event has a root pool, every ticket
//!   type one of its own; sections and allotments may add more.
//! - **booking**: pending → confirmed | expired | cancelled → refunded; its **booking items** are
//!   what was asked for, its **tickets** one admission each. **hold**: a pending booking's claims,
//!   with a deadline.
//! - **notice**: an organiser's broadcast.
//! - **turn**: an event's locked row of `turns`. Only the transaction that holds it changes what viewers see.
//! - **revision**: an event's counter of changes: from 1, no gaps, in the order of commits.
//! - **change**: one row of the log. **delta**: one or more changes, merged: `from`, `to`, and
//!   absolute values.
//! - **doorbell**: the NOTIFY channel. A **ring** says «read the log»; it may bring the row, which saves the query.
//! - **topic**: what a client joins. **viewer**: a client that has joined. **frame**: bytes on the
//!   wire. **shard**: a thread that owns some of the connections.
//! - **private topic**: a topic of one person: a user's own bookings, an event's figures. **entity**: one thing that
//!   it tells of, such as a booking, with a **version** of its own. **picture**: the entities of a topic as one read
//!   of the database found them.
//! - **refusal**: a business «no» with a stable code.

#[macro_use]
mod mistake;

mod accept;
pub mod api;
pub mod auth;
pub mod board;
pub mod broadcast;
pub mod cli;
mod clock;
pub mod config;
mod descriptors;
pub mod desk;
pub mod dev;
pub mod embedded;
mod ended;
pub mod feed;
pub mod http;
pub mod hub;
pub mod interactions;
mod issuers;
pub mod jobs;
pub mod lang;
pub mod limits;
pub mod mail;
pub mod metrics;
pub mod nats;
mod outgoing;
mod pacing;
pub mod payments;
pub mod pdf;
pub mod postgrest;
pub mod presence;
pub mod private;
pub mod protocol;
pub mod push;
pub mod run;
pub mod schema;
pub mod seatmap;
#[cfg(test)]
mod simulation;
pub mod socket;
pub mod sse;
pub mod store;
pub mod sweep;
pub mod tasks;
pub mod telemetry;
pub mod ticketing;
pub mod tools;
pub mod web;
