//! Turns of several events in one transaction: none of them is kept for long while another one is waited for.

use std::collections::BTreeSet;
use std::time::Instant;

use deadpool_postgres::Transaction;
use futures_util::future::BoxFuture;

use super::{Store, StoreError};
use crate::ticketing::EventId;

/// How long turns are kept while others are waited for, in milliseconds: longer than the desk has them.
const TURNS_TOGETHER_WAIT_MS: u64 = 200;

impl Store {
    /// As [`Store::in_turn`], for one that takes the turns of several events. It stands in line for one of them and takes
    /// the others if they come soon; else it gives all back, and stands in line for one that did not come.
    pub(super) async fn in_turns<G, T, W>(
        &self,
        events: &BTreeSet<EventId>,
        given: &G,
        work: W,
    ) -> Result<T, StoreError>
    where
        G: Sync + ?Sized,
        T: Send,
        W: for<'t> Fn(&'t Transaction<'t>, &'t G) -> BoxFuture<'t, Result<T, StoreError>> + Sync,
    {
        let Some(mut awaited) = events.first().copied() else {
            return self.transaction(given, work).await;
        };
        let until = Instant::now() + self.pool_wait;
        loop {
            let lent = (awaited, events, given, &work);
            let tried = self.in_turn(awaited, &lent, |tx, (awaited, events, given, work)| {
                Box::pin(async move {
                    tx.execute("select take_turn($1)", &[awaited]).await?;
                    let others: Vec<EventId> = events
                        .iter()
                        .copied()
                        .filter(|event| event != awaited)
                        .collect();
                    match missing(tx, &others).await? {
                        Some(event) => Ok(Err(event)),
                        None => Ok(Ok(work(tx, *given).await?)),
                    }
                })
            });
            match tried.await? {
                Ok(done) => return Ok(done),
                Err(event) if Instant::now() < until => awaited = event,
                Err(_) => {
                    let cause = "the turns of several events did not come together";
                    return Err(StoreError::Busy(cause.into()));
                }
            }
        }
    }
}

/// Takes the turns of these events, and answers which one did not come soon. An event that is gone has none.
async fn missing(tx: &Transaction<'_>, events: &[EventId]) -> Result<Option<EventId>, StoreError> {
    let soon = turns_soon(tx, events).await?;
    if soon.len() == events.len() {
        return Ok(None);
    }
    let missing = "select event_id from turns where event_id = any($1) and event_id <> all($2)
                    order by event_id limit 1";
    let missing = tx.query_opt(missing, &[&events, &soon]).await?;
    Ok(missing.map(|row| row.try_get(0)).transpose()?)
}

/// Takes the turns of these events, if they all come within [`TURNS_TOGETHER_WAIT_MS`]; else those that are free. Returns the
/// events.
pub(super) async fn turns_soon(
    tx: &Transaction<'_>,
    events: &[EventId],
) -> Result<Vec<EventId>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    // In order of id, as everybody takes them.
    let turns =
        "select event_id from turns where event_id = any($1) order by event_id for no key update";
    let usual = tx.query_one("select current_setting('statement_timeout')", &[]);
    let usual: String = usual.await?.try_get(0)?;
    let patience =
        format!("savepoint turns; set local statement_timeout = {TURNS_TOGETHER_WAIT_MS}");
    tx.batch_execute(&patience).await?;
    let rows = match tx.query(turns, &[&events]).await.map_err(StoreError::from) {
        Ok(rows) => {
            let set = "select set_config('statement_timeout', $1, true)";
            tx.execute(set, &[&usual]).await?;
            rows
        }
        Err(StoreError::Busy(_)) => {
            tx.batch_execute("rollback to savepoint turns").await?;
            let free = format!("{turns} skip locked");
            tx.query(&free, &[&events]).await?
        }
        Err(error) => return Err(error),
    };
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
