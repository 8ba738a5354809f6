//! The integration tests: one binary, one module per behaviour, the true parts throughout.
//!
//! | module | what must hold |
//! |---|---|
//! | [`desk`] | the desk grants what there is, once per key, and stores what it answers |
//! | [`doorbell`] | the bell rings, notices that it is off or deaf, and comes back |
//! | [`embedded`] | the private Postgres starts, keeps its data, ends and recovers |
//! | [`feed`] | every change reaches the shards, whoever makes it and whatever breaks |
//! | [`schema`] | the schema moves, logs and refuses what it should, for plain SQL |
//! | [`serving`] | the server starts, serves, drains, and ends when a part of it does |
//! | [`tidy`] | the sources keep the arrows and absences of `ARCHITECTURE.md` |
//! | [`writers`] | counters, log and tables agree, whoever writes; the audit notices when a guard is gone |
//!
//! [`support`] has the world: a Postgres for the run, a migrated database per test, links that
//! can be cut.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod desk;
mod doorbell;
mod embedded;
mod feed;
mod schema;
mod serving;
mod support;
mod tidy;
mod writers;
