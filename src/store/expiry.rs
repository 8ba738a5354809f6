//! Finds events with overdue holds, and the time of the next deadline. The desk ends the holds. Ends what vouchers set aside
//! whose windows have ended.
//!
//! The clock is the database's. Both queries of holds read the index of `due_at`, which is null unless a booking is
//! pending, so they do not grow with what was sold. Entries of holds that were sold stay there until a vacuum, at their
//! deadlines; so neither query looks further ahead than it has to.

use std::time::Duration;

use super::jobs::millis;
use super::{Store, StoreError};
use crate::ticketing::EventId;

/// Most overdue holds that one query goes through. Where there are more, they may all be of one event that somebody keeps from
/// ending them, so the others are found by going from event to event.
const HOLDS_LOOKED_AT_MAX: i64 = 10_000;

/// Most events with holds that are gone through so.
const EVENTS_LOOKED_AT_MAX: i64 = 10_000;

/// Events with overdue holds, and the time to the next deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Events with overdue holds, those overdue longest first.
    pub events: Vec<EventId>,
    /// Until the next hold runs out; `None`: none does so soon.
    pub next_in: Option<Duration>,
}

/// Most vouchers whose reserves one transaction ends: each is a change of its own, under the event's turn.
pub const RESERVES_ENDED_MAX: u64 = 100;

/// Longest wait for the turn of an event whose reserves are to end.
const RESERVES_TURN_WAIT_MS: u32 = 1_000;

impl Store {
    /// Events with vouchers that set something aside although their windows have ended, those that ended longest ago first, at
    /// most `events_max`. However many vouchers one event has, it hides no other.
    pub async fn reserves_due(&self, events_max: usize) -> Result<Vec<EventId>, StoreError> {
        let client = self.client().await?;
        let due = "
            select event_id from vouchers
             where reserve_open and valid_to is not null and valid_to <= statement_timestamp()
             group by event_id order by min(valid_to) limit $1";
        let due = client.prepare_cached(due).await?;
        let events_max = i64::try_from(events_max).unwrap_or(i64::MAX);
        let due = client.query(&due, &[&events_max]).await?;
        due.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Gives back what vouchers of the event set aside whose windows have ended, and answers of how many; of
    /// [`RESERVES_ENDED_MAX`] at most. Stands in line for the event's turn: when a window ends and all others are let in, the
    /// turn is hardly ever free.
    pub async fn end_reserves(&self, event: EventId) -> Result<u64, StoreError> {
        self.in_turn(event, &event, |tx, event| {
            Box::pin(async move {
                let wait = format!("set local lock_timeout = {RESERVES_TURN_WAIT_MS}");
                tx.batch_execute(&wait).await?;
                let turn = "select event_id from turns where event_id = $1 for no key update";
                let turn = tx.prepare_cached(turn).await?;
                tx.query(&turn, &[event]).await?;
                // A trigger looks at the clock whenever a window is written (`sql/V12__prices.sql`).
                let end = "
                    update vouchers v set valid_to = v.valid_to
                      from (select id from vouchers
                             where event_id = $1 and reserve_open and valid_to is not null and valid_to <= statement_timestamp()
                             order by valid_to limit $2) due
                     where v.id = due.id";
                let end = tx.prepare_cached(end).await?;
                let most = i64::try_from(RESERVES_ENDED_MAX).unwrap_or(i64::MAX);
                Ok(tx.execute(&end, &[event, &most]).await?)
            })
        })
        .await
    }

    /// Events with overdue holds, at most `events_max`, and the time to the next deadline, if it comes `within` this time.
    pub async fn due_holds(&self, events_max: usize, within: Duration) -> Result<Due, StoreError> {
        let client = self.client().await?;
        let events = "
            select event_id, (sum(count(*)) over ())::bigint
              from (select event_id, due_at from bookings
                     where due_at is not null and due_at <= statement_timestamp()
                     order by due_at limit $2) overdue
             group by event_id order by min(due_at) limit $1";
        let from_event_to_event = "
            with recursive held (event_id, due_at, looked_at) as (
                (select event_id, due_at, 1::bigint from bookings where due_at is not null order by event_id, due_at limit 1)
                union all
                select next.event_id, next.due_at, held.looked_at + 1
                  from held
                  cross join lateral (select event_id, due_at from bookings b
                                       where b.due_at is not null and b.event_id > held.event_id
                                       order by b.event_id, b.due_at limit 1) next
                 where held.looked_at < $2
            )
            select event_id from held where due_at <= statement_timestamp() order by due_at limit $1";
        let next = "
            select (extract(epoch from min(due_at) - statement_timestamp()) * 1000)::bigint
              from bookings where due_at is not null and due_at > statement_timestamp()
               and due_at <= statement_timestamp() + $1 * interval '1 ms'";
        let events = client.prepare_cached(events).await?;
        let next = client.prepare_cached(next).await?;
        let events_max = i64::try_from(events_max).unwrap_or(i64::MAX);
        let mut rows = client
            .query(&events, &[&events_max, &HOLDS_LOOKED_AT_MAX])
            .await?;
        let looked_at = rows.first().map_or(Ok(0), |row| row.try_get::<_, i64>(1))?;
        if looked_at >= HOLDS_LOOKED_AT_MAX {
            let statement = client.prepare_cached(from_event_to_event).await?;
            rows = client
                .query(&statement, &[&events_max, &EVENTS_LOOKED_AT_MAX])
                .await?;
        }
        let next: Option<i64> = client
            .query_one(&next, &[&(millis(within) as f64)])
            .await?
            .try_get(0)?;
        let events = rows.iter().map(|row| Ok(row.try_get(0)?));
        Ok(Due {
            events: events.collect::<Result<_, StoreError>>()?,
            next_in: next.map(|ms| Duration::from_millis(ms.try_into().unwrap_or(0))),
        })
    }
}
