//! Reads sales over time, and an event's funnel: bounded, along indexes.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::{Store, StoreError};
use crate::config::inside::{FUNNEL_ACTIONS_MAX, FUNNEL_ROWS_MAX, ON_SALE_EVENTS_MAX};
use crate::ticketing::numbers::{
    ActionCount, BookingNumbers, FunnelReport, NumbersStep, SalesReport, StepCount, TicketNumbers,
};
use crate::ticketing::{EventId, UserId};

/// The facts about an event that a report needs.
#[derive(Debug, Clone, PartialEq)]
pub struct NumbersEvent {
    pub organizer_id: UserId,
    pub title: String,
    pub currency: String,
    pub timezone: String,
}

/// Tickets of all events on sale together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnSale {
    pub capacity: i64,
    pub sold: i64,
    pub held: i64,
}

/// The sums of rows `n` of `booking_numbers`, in the order of [`booking_numbers`].
const BOOKING_SUMS: &str = "
    sum(n.made)::bigint, sum(n.made_tickets)::bigint, sum(n.sold)::bigint, sum(n.sold_amount)::bigint,
    sum(n.paid)::bigint, sum(n.paid_after_ms)::bigint, sum(n.expired)::bigint,
    sum(n.cancelled + n.refunded - n.returned)::bigint, sum(n.returned)::bigint, sum(n.returned_amount)::bigint";

impl Store {
    /// Also of a deleted event, since its bookings stay.
    pub async fn numbers_event(&self, event: EventId) -> Result<Option<NumbersEvent>, StoreError> {
        let client = self.client().await?;
        let sql = "select organizer_id, title, currency, timezone from events where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&event]).await?;
        row.map(|row| {
            Ok(NumbersEvent {
                organizer_id: row.try_get(0)?,
                title: row.try_get(1)?,
                currency: row.try_get(2)?,
                timezone: row.try_get(3)?,
            })
        })
        .transpose()
    }

    /// Sales from `from` up to `to`, by steps that begin as they do in `timezone`. The statements read the rows of quarters
    /// of an hour in that time and nothing else.
    pub async fn sales_report(
        &self,
        event: EventId,
        (from, to): (Timestamp, Timestamp),
        step: NumbersStep,
        timezone: &str,
    ) -> Result<SalesReport, StoreError> {
        let client = self.client().await?;
        let bookings = client
            .prepare_cached(&format!(
                "select date_trunc($4, n.quarter, $5) as at, {BOOKING_SUMS} from booking_numbers n
                  where n.event_id = $1 and n.quarter >= date_bin('15 minutes', $2, 'epoch') and n.quarter < $3
                  group by 1 order by 1"
            ))
            .await?;
        let tickets = client
            .prepare_cached(
                "select date_trunc($4, n.quarter, $5) as at, n.ticket_type_id, sum(n.sold)::bigint, sum(n.sold_amount)::bigint,
                        sum(n.returned)::bigint, sum(n.returned_amount)::bigint
                   from ticket_numbers n
                  where n.event_id = $1 and n.quarter >= date_bin('15 minutes', $2, 'epoch') and n.quarter < $3
                  group by 1, 2 order by 1, 2",
            )
            .await?;
        let refunds = client
            .prepare_cached(
                "select date_trunc($4, n.quarter, $5) as at, sum(n.amount)::bigint from refund_numbers n
                  where n.event_id = $1 and n.quarter >= date_bin('15 minutes', $2, 'epoch') and n.quarter < $3
                  group by 1 order by 1",
            )
            .await?;
        let present = client
            .prepare_cached(
                "select coalesce(sum((c.counts ->> 'total')::bigint), 0)::bigint
                   from presence_counts c join presence_nodes n on n.node = c.node
                  where c.event_id = $1 and n.expires_at > clock_timestamp()",
            )
            .await?;
        let of_period: [&(dyn ToSql + Sync); 5] = [&event, &from, &to, &step.name(), &timezone];
        let of_event: [&(dyn ToSql + Sync); 1] = [&event];
        let (bookings, tickets, refunds, present) = tokio::try_join!(
            client.query(&bookings, &of_period),
            client.query(&tickets, &of_period),
            client.query(&refunds, &of_period),
            client.query_one(&present, &of_event),
        )?;
        let mut report = SalesReport {
            present: present.try_get(0)?,
            ..SalesReport::default()
        };
        for row in &bookings {
            report.point(row.try_get(0)?).bookings = booking_numbers(row, 1)?;
        }
        for row in &refunds {
            let refunded: i64 = row.try_get(1)?;
            report.point(row.try_get(0)?).bookings.returned_amount += refunded;
        }
        for row in &tickets {
            let of_type = TicketNumbers {
                ticket_type_id: row.try_get(1)?,
                sold: row.try_get(2)?,
                sold_amount: row.try_get(3)?,
                returned: row.try_get(4)?,
                returned_amount: row.try_get(5)?,
            };
            report.point(row.try_get(0)?).tickets.push(of_type);
        }
        Ok(report)
    }

    /// How much of the next events on sale is sold, from the counters of their root pools.
    pub async fn on_sale(&self) -> Result<OnSale, StoreError> {
        let client = self.client().await?;
        let sql = "
            select coalesce(sum(p.capacity), 0)::bigint, coalesce(sum(p.sold), 0)::bigint, coalesce(sum(p.held), 0)::bigint
              from (select id from events where status = 'active' and deleted_at is null and starts_at > now()
                     order by starts_at, id limit $1) e
             cross join lateral (select * from pools where event_id = e.id and kind = 'event' limit 1) p";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_one(&statement, &[&ON_SALE_EVENTS_MAX]).await?;
        Ok(OnSale {
            capacity: row.try_get(0)?,
            sold: row.try_get(1)?,
            held: row.try_get(2)?,
        })
    }

    /// Distinct visitors by step, of the newest interactions in a time. A visitor is a session, or else an account; reports
    /// of neither are counted among the actions only.
    pub async fn funnel(
        &self,
        event: EventId,
        (from, to): (Timestamp, Timestamp),
        steps: &[String],
    ) -> Result<FunnelReport, StoreError> {
        let client = self.client().await?;
        let sql = "
            with read as materialized (
                select i.action, coalesce('s' || i.session_id, 'u' || i.user_id) collate \"C\" as visitor, i.received_at
                  from interactions i
                 where i.event_id = $1 and i.received_at >= $2 and i.received_at < $3
                 order by i.received_at desc limit $4
            ), furthest as materialized (
                select read.visitor, array_agg(distinct step.place order by step.place) as reached
                  from read join unnest($5::text[]) with ordinality as step (action, place) on step.action = read.action
                 where read.visitor is not null
                 group by read.visitor
            ), steps as (
                select jsonb_agg(jsonb_build_object('step', step.action, 'sessions', count.sessions,
                                                    'left_here', count.left_here) order by step.place) as rows
                  from unnest($5::text[]) with ordinality as step (action, place)
                 cross join lateral (select count(*) as sessions,
                                            count(*) filter (where reached[cardinality(reached)] = step.place) as left_here
                                       from furthest where step.place = any(reached)) as count
            ), actions as (
                select jsonb_agg(jsonb_build_object('action', action, 'sessions', sessions, 'count', times)
                                 order by sessions desc, times desc, action) as rows
                  from (select action, count(distinct visitor) as sessions, count(*) as times from read
                         group by action order by 2 desc, 3 desc, 1 limit $6) as action
            )
            select (select count(*) from read), (select min(received_at) from read),
                   (select count(distinct visitor) from read),
                   coalesce((select rows from steps), '[]'), coalesce((select rows from actions), '[]')";
        let statement = client.prepare_cached(sql).await?;
        let row = client
            .query_one(
                &statement,
                &[
                    &event,
                    &from,
                    &to,
                    &FUNNEL_ROWS_MAX,
                    &steps,
                    &FUNNEL_ACTIONS_MAX,
                ],
            )
            .await?;
        let read: i64 = row.try_get(0)?;
        let oldest: Option<Timestamp> = row.try_get(1)?;
        let Json(steps): Json<Vec<StepCount>> = row.try_get(3)?;
        let Json(actions): Json<Vec<ActionCount>> = row.try_get(4)?;
        let is_whole = read < FUNNEL_ROWS_MAX;
        Ok(FunnelReport {
            from: match is_whole {
                true => from,
                false => oldest.unwrap_or(from),
            },
            is_whole,
            interactions: read,
            sessions: row.try_get(2)?,
            steps,
            actions,
        })
    }
}

fn booking_numbers(row: &Row, first: usize) -> Result<BookingNumbers, StoreError> {
    Ok(BookingNumbers {
        made: row.try_get(first)?,
        made_tickets: row.try_get(first + 1)?,
        sold: row.try_get(first + 2)?,
        sold_amount: row.try_get(first + 3)?,
        paid: row.try_get(first + 4)?,
        paid_after_ms: row.try_get(first + 5)?,
        expired: row.try_get(first + 6)?,
        cancelled: row.try_get(first + 7)?,
        returned: row.try_get(first + 8)?,
        returned_amount: row.try_get(first + 9)?,
    })
}
