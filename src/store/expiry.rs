//! Holds that ran out: which, when the next one will, and giving their stock back.
//!
//! The clock is the database's throughout (`statement_timestamp()`: unlike `clock_timestamp()` it
//! can bound the scan of the partial index `bookings_due`).

use std::time::Duration;

use super::edit::revision;
use super::{Store, StoreError};
use crate::ticketing::{EventId, Revision};

/// Ends the overdue holds of event `$1`, at most `$2` of them, as one statement on `claims`: one move of
/// the counters, one revision. Under the event's turn. Rows that somebody else has in hand are
/// left for the next time instead of waited for: they may be waiting for the turn.
pub(super) const EXPIRE: &str = "
    with due as (
        select id from bookings
         where event_id = $1 and due_at <= statement_timestamp()
         order by due_at limit $2
           for update skip locked
    ), gone as (
        update bookings b set status = 'expired' from due where b.id = due.id returning b.id
    )
    update claims c set state = 'dead' from gone where c.booking_id = gone.id and c.state <> 'dead'";

/// What there is to do, and when there will be more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Events with overdue holds, those overdue longest first.
    pub events: Vec<EventId>,
    /// Until the next hold runs out; `None` while nothing is pending beyond what is due.
    pub next_in: Option<Duration>,
}

/// What one transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    pub claims: u64,
    pub revision: Revision,
}

impl Store {
    /// Events with overdue holds, at most `events_max`, and the time to the next deadline.
    pub async fn due_holds(&self, events_max: usize) -> Result<Due, StoreError> {
        let client = self.client().await?;
        let events = "
            select event_id from bookings
             where due_at <= statement_timestamp()
             group by event_id order by min(due_at) limit $1";
        let next = "
            select (extract(epoch from min(due_at) - statement_timestamp()) * 1000)::bigint
              from bookings where due_at > statement_timestamp()";
        let events = client.prepare_cached(events).await?;
        let next = client.prepare_cached(next).await?;
        let events_max = i64::try_from(events_max).unwrap_or(i64::MAX);
        let rows = client.query(&events, &[&events_max]).await?;
        let next: Option<i64> = client.query_one(&next, &[]).await?.try_get(0)?;
        let events = rows.iter().map(|row| Ok(row.try_get(0)?));
        Ok(Due {
            events: events.collect::<Result<_, StoreError>>()?,
            next_in: next.map(|ms| Duration::from_millis(ms.try_into().unwrap_or(0))),
        })
    }

    /// Ends the overdue holds of an event, at most `holds_max` of them.
    pub async fn expire_due(
        &self,
        event: EventId,
        holds_max: usize,
    ) -> Result<Expired, StoreError> {
        let holds_max = i64::try_from(holds_max).unwrap_or(i64::MAX);
        self.transaction(&(event, holds_max), |tx, (event, holds_max)| {
            Box::pin(async move {
                // The turn first, like everybody (see `store/desk.rs`).
                let turn = tx.prepare_cached("select take_turn($1)").await?;
                tx.execute(&turn, &[event]).await?;
                let expire = tx.prepare_cached(EXPIRE).await?;
                let claims = tx.execute(&expire, &[event, holds_max]).await?;
                let revision = revision(tx, *event).await?;
                Ok(Expired { claims, revision })
            })
        })
        .await
    }
}
