//! What is told whole: users' own bookings, and figures of events. See `sql/V13__sheets.sql` and
//! `sql/V15__sheet_numbers.sql` for their numbers.

use deadpool_postgres::Object;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::bookings::BOOKING;
use super::{Store, StoreError};
use crate::ticketing::record::{Booking, Money};
use crate::ticketing::{EventId, Revision, UserId};

/// A user's own bookings: those that are pending, then the newest.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnBookings {
    pub user: UserId,
    /// How often they were written: never lower in a newer picture.
    pub revision: Revision,
    /// `None`: the same as at the revision that the asker has.
    pub bookings: Option<Vec<Booking>>,
}

/// An event in figures, for its organizer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// How often the event's bookings were written: never lower in a newer picture.
    pub revision: Revision,
    #[serde(skip)]
    pub event: EventId,
    #[serde(skip)]
    pub organizer: UserId,
    /// Of confirmed bookings.
    pub revenue: Money,
    pub bookings: BookingCounts,
    pub tickets_sold: i64,
    pub tickets_held: i64,
    /// Tickets of bookings that were confirmed in the last 60 s.
    pub sold_per_minute: i64,
    /// Joins of the event's topics in the last 60 s, on all nodes.
    pub joins_per_minute: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BookingCounts {
    pub pending: i64,
    pub confirmed: i64,
    pub expired: i64,
    pub cancelled: i64,
    pub refunded: i64,
}

impl Store {
    /// The bookings of these users, who have what is theirs at the given revision. At most `bookings_max` each.
    pub async fn own_bookings(
        &self,
        users: &[(UserId, Option<Revision>)],
        bookings_max: i64,
    ) -> Result<Vec<OwnBookings>, StoreError> {
        let ids: Vec<UserId> = users.iter().map(|(user, _)| *user).collect();
        let known = |(_, revision): &(UserId, Option<Revision>)| {
            revision.map_or(-1, |revision| i64::try_from(revision).unwrap_or(i64::MAX))
        };
        let known: Vec<i64> = users.iter().map(known).collect();
        let sql = format!(
            "select u.id, u.revision, case when u.revision <> u.known then (
                        select coalesce(jsonb_agg({BOOKING}
                                   order by b.status = 'pending' desc, b.created_at desc, b.id desc), '[]')
                          from (select * from bookings where user_id = u.id
                                 order by status = 'pending' desc, created_at desc, id desc limit $3) as b)
                    end
               from (select id, known, bookings_revision(id) as revision
                       from unnest($1::bigint[], $2::bigint[]) as asked (id, known) offset 0) as u"
        );
        let rows = self.rows(&sql, &[&ids, &known, &bookings_max]).await?;
        let read = |row: &Row| -> Result<OwnBookings, StoreError> {
            let bookings: Option<Json<Vec<Booking>>> = row.try_get(2)?;
            Ok(OwnBookings {
                user: row.try_get(0)?,
                revision: revision(row.try_get(1)?),
                bookings: bookings.map(|Json(bookings)| bookings),
            })
        };
        rows.iter().map(read).collect()
    }

    /// The figures of these events, those that are deleted left out.
    pub async fn figures(&self, events: &[EventId]) -> Result<Vec<Figures>, StoreError> {
        let sql = "
            select e.id, e.organizer_id, e.currency, root.sold::bigint, root.held::bigint,
                   root.revision + coalesce(b.versions, 0)
                       + coalesce((select versions from bookings_gone where what = 'event' and id = e.id), 0),
                   coalesce(b.revenue, 0), b.pending, b.confirmed, b.expired, b.cancelled, b.refunded,
                   coalesce(b.sold_lately, 0),
                   coalesce((select sum(joins) from event_joins j
                              where j.event_id = e.id
                                and j.at > statement_timestamp() - interval '60 s'), 0)::bigint
              from events e
              join pools root on root.event_id = e.id and root.kind = 'event'
             cross join lateral (
                   select sum(version)::bigint as versions,
                          sum(total_amount) filter (where status = 'confirmed')::bigint as revenue,
                          count(*) filter (where status = 'pending') as pending,
                          count(*) filter (where status = 'confirmed') as confirmed,
                          count(*) filter (where status = 'expired') as expired,
                          count(*) filter (where status = 'cancelled') as cancelled,
                          count(*) filter (where status = 'refunded') as refunded,
                          sum(quantity) filter (where status = 'confirmed'
                              and confirmed_at > statement_timestamp() - interval '60 s')::bigint as sold_lately
                     from bookings where event_id = e.id) as b
             where e.id = any($1) and e.deleted_at is null";
        let rows = self.rows(sql, &[&events]).await?;
        let read = |row: &Row| -> Result<Figures, StoreError> {
            Ok(Figures {
                event: row.try_get(0)?,
                organizer: row.try_get(1)?,
                revenue: Money {
                    currency: row.try_get(2)?,
                    amount: row.try_get(6)?,
                },
                tickets_sold: row.try_get(3)?,
                tickets_held: row.try_get(4)?,
                revision: revision(row.try_get(5)?),
                bookings: BookingCounts {
                    pending: row.try_get(7)?,
                    confirmed: row.try_get(8)?,
                    expired: row.try_get(9)?,
                    cancelled: row.try_get(10)?,
                    refunded: row.try_get(11)?,
                },
                sold_per_minute: row.try_get(12)?,
                joins_per_minute: row.try_get(13)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Reads. A connection whose query nobody waits for any more is closed: who is lent it next would wait for
    /// that query first.
    async fn rows(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let lent = Lent(Some(self.client().await?));
        let Some(client) = &lent.0 else {
            return Ok(Vec::new());
        };
        let answer = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, params).await
        };
        let rows = answer.await;
        lent.give_back();
        Ok(rows?)
    }

    /// Adds what this node counted of joins, and forgets what is older than any rate.
    pub async fn count_joins(&self, joins: &[(EventId, i64)]) -> Result<(), StoreError> {
        let (events, counts): (Vec<EventId>, Vec<i64>) = joins.iter().copied().unzip();
        let client = self.client().await?;
        let sql = "
            with forgotten as (delete from event_joins where at < now() - interval '5 minutes')
            insert into event_joins as j (event_id, at, joins)
            select event, date_bin('5 s', now(), 'epoch'), n
              from unnest($1::bigint[], $2::bigint[]) as counted (event, n) order by event
            on conflict (event_id, at) do update set joins = j.joins + excluded.joins";
        let statement = client.prepare_cached(sql).await?;
        client.execute(&statement, &[&events, &counts]).await?;
        Ok(())
    }
}

/// A connection that is closed unless it is given back.
struct Lent(Option<Object>);

impl Lent {
    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

/// Sums of versions are never below zero.
fn revision(sum: i64) -> Revision {
    Revision::try_from(sum).unwrap_or_default()
}
