//! `seatcast audit`: checks that the database keeps its promises.
//!
//! Everything is read in one snapshot, so an audit may run while tickets are being sold. The counters are recomputed from
//! the claims, every booking is compared with its claims, items and tickets, and the log is replayed and compared with the
//! tables.

mod checks;
mod replay;

use std::fmt;

use deadpool_postgres::Transaction;
use tokio_postgres::IsolationLevel;

use super::{Store, StoreError};
use checks::CHECKS;

/// Differences listed per check; more are counted.
const LISTED_PER_CHECK_MAX: usize = 20;

/// The numbers of checked rows, and the broken promises.
#[derive(Debug, Default)]
pub struct AuditReport {
    pub events: u64,
    pub claims: u64,
    pub bookings: u64,
    pub changes: u64,
    pub findings: Vec<Finding>,
}

/// One broken promise.
#[derive(Debug)]
pub struct Finding {
    /// The promise, as a sentence.
    pub promise: &'static str,
    /// The number of rows that break it.
    pub differences: u64,
    /// The first of these rows, as lines of text.
    pub listed: Vec<String>,
}

impl AuditReport {
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    pub fn differences(&self) -> u64 {
        self.findings.iter().map(|found| found.differences).sum()
    }
}

impl fmt::Display for AuditReport {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in &self.findings {
            writeln!(to, "NOT SO: {}", found.promise)?;
            for difference in &found.listed {
                writeln!(to, "  {difference}")?;
            }
            let unlisted = found.differences - found.listed.len() as u64;
            if unlisted > 0 {
                writeln!(to, "  … and {unlisted} more")?;
            }
        }
        write!(
            to,
            "{} differences in {} events, {} bookings, {} claims, {} changes",
            self.differences(),
            self.events,
            self.bookings,
            self.claims,
            self.changes
        )
    }
}

/// All promises that an audit checks, in order.
pub fn promises() -> impl Iterator<Item = &'static str> {
    let checked = CHECKS.iter().map(|check| check.promise);
    checked.chain([replay::PROMISE])
}

/// Recomputes everything that is derived. Reads the whole database once.
pub async fn audit(store: &Store) -> Result<AuditReport, StoreError> {
    let mut client = store.client().await?;
    let begin = client.build_transaction();
    let snapshot = begin
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    // An audit of a large database may take long, and reads whole tables.
    snapshot
        .batch_execute("set local statement_timeout = 0; set local enable_seqscan = on; set local enable_bitmapscan = on")
        .await?;
    let there = "select to_regclass('changes') is not null";
    if !snapshot
        .query_one(there, &[])
        .await?
        .try_get::<_, bool>(0)?
    {
        return Err(StoreError::NotMigrated);
    }
    let mut report = sizes(&snapshot).await?;
    for check in CHECKS {
        let rows = snapshot.query(check.differences, &[]).await?;
        let differences: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        report.add(check.promise, differences?);
    }
    let replayed = replay::differences(&snapshot).await?;
    report.add(replay::PROMISE, replayed);
    Ok(report)
}

async fn sizes(snapshot: &Transaction<'_>) -> Result<AuditReport, StoreError> {
    let row = snapshot
        .query_one(
            "select (select count(*) from events), (select count(*) from bookings),
                    (select count(*) from claims), (select count(*) from changes)",
            &[],
        )
        .await?;
    let count = |column| row.try_get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(AuditReport {
        events: count(0)?,
        bookings: count(1)?,
        claims: count(2)?,
        changes: count(3)?,
        findings: Vec::new(),
    })
}

impl AuditReport {
    fn add(&mut self, promise: &'static str, mut listed: Vec<String>) {
        if !listed.is_empty() {
            let differences = listed.len() as u64;
            listed.truncate(LISTED_PER_CHECK_MAX);
            self.findings.push(Finding {
                promise,
                differences,
                listed,
            });
        }
    }
}
