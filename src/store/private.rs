//! Reads for private topics: users' own bookings and the tickets that they took over, figures of events.

use std::collections::HashMap;

use deadpool_postgres::Object;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::bookings::{SHOWN, is_owned};
use super::{Store, StoreError, tickets};
use crate::protocol::native::EntityId;
use crate::ticketing::record::{Booking, HeldTicket, Money};
use crate::ticketing::{BookingId, EventId, Revision, TicketId, UserId};

/// A user's own bookings, the pending ones, then the newest, and the tickets that the user took over, the latest first.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnEntities {
    pub user: UserId,
    /// When the read began, by the database's clock in microseconds: every earlier commit is in it.
    pub read: Revision,
    /// Ids and versions, in that order; the tickets first, which are small, since what does not fit into a frame is left out.
    pub listed: Vec<(EntityId, i64)>,
    /// The requested ones among them that exist.
    pub bookings: Vec<Booking>,
    pub tickets: Vec<HeldTicket>,
}

/// The most of each kind that is read of a user.
#[derive(Debug, Clone, Copy)]
pub struct OwnMost {
    pub bookings: i64,
    pub tickets: i64,
}

/// Sales figures of an event, for its organizer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    #[serde(skip)]
    pub event: EventId,
    #[serde(skip)]
    pub organizer: UserId,
    /// The total of confirmed bookings.
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
    /// The bookings and tickets of these users, at most `most` each: ids and versions of all, and the full rows of those
    /// that `lacks` returns.
    pub async fn own_entities(
        &self,
        users: &[UserId],
        most: OwnMost,
        lacks: impl Fn(UserId, &[(EntityId, i64)]) -> Vec<EntityId>,
    ) -> Result<Vec<OwnEntities>, StoreError> {
        let lent = self.lend().await?;
        let found = lent.own_entities(users, most, lacks).await;
        lent.give_back();
        found
    }

    /// The figures of these events, those that are deleted left out, and when the read began.
    pub async fn figures(
        &self,
        events: &[EventId],
    ) -> Result<Vec<(Revision, Figures)>, StoreError> {
        let sql = format!("
            select e.id, e.organizer_id, e.currency, root.sold::bigint, root.held::bigint,
                   coalesce(n.sold_amount - n.returned_amount, 0) - coalesce(back.amount, 0),
                   coalesce(n.made - n.sold - (n.cancelled + n.expired + n.refunded - n.returned), 0),
                   coalesce(n.sold - n.returned, 0), coalesce(n.expired, 0), coalesce(n.cancelled, 0), coalesce(n.refunded, 0),
                   coalesce((select sum(b.quantity) from bookings b
                              where b.event_id = e.id and b.status = 'confirmed'
                                and b.confirmed_at > statement_timestamp() - interval '60 s'), 0)::bigint,
                   coalesce((select sum(joins) from event_joins j
                              where j.event_id = e.id
                                and j.at > statement_timestamp() - interval '60 s'), 0)::bigint,
                   {BEGAN_US}
              from (select distinct unnest($1::bigint[]) as id) as asked
             cross join lateral (select id, organizer_id, currency from events
                                  where id = asked.id and deleted_at is null limit 1) e
             cross join lateral (select sold, held from pools where event_id = e.id and kind = 'event' limit 1) root
              left join lateral (select * from booking_numbers
                                  where event_id = e.id and quarter = '-infinity' limit 1) n on true
              left join lateral (select amount from refund_numbers
                                  where event_id = e.id and quarter = '-infinity' limit 1) back on true"
        );
        let lent = self.lend().await?;
        let rows = lent.rows(&sql, &[&events]).await;
        lent.give_back();
        let read = |row: &Row| -> Result<(Revision, Figures), StoreError> {
            let figures = Figures {
                event: row.try_get(0)?,
                organizer: row.try_get(1)?,
                revenue: Money {
                    currency: row.try_get(2)?,
                    amount: row.try_get(5)?,
                },
                tickets_sold: row.try_get(3)?,
                tickets_held: row.try_get(4)?,
                bookings: BookingCounts {
                    pending: row.try_get(6)?,
                    confirmed: row.try_get(7)?,
                    expired: row.try_get(8)?,
                    cancelled: row.try_get(9)?,
                    refunded: row.try_get(10)?,
                },
                sold_per_minute: row.try_get(11)?,
                joins_per_minute: row.try_get(12)?,
            };
            Ok((microseconds(row.try_get(13)?), figures))
        };
        rows?.iter().map(read).collect()
    }

    async fn lend(&self) -> Result<Lent, StoreError> {
        Ok(Lent(Some(self.client().await?)))
    }

    /// Adds this node's counts of joins, and deletes those that are too old for any rate.
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

/// Ids and versions of a user's bookings and tickets.
fn listed(row: &Row) -> Result<OwnEntities, StoreError> {
    let (bookings, versions): (Vec<BookingId>, Vec<i64>) = (row.try_get(2)?, row.try_get(3)?);
    let (tickets, counted): (Vec<TicketId>, Vec<i64>) = (row.try_get(4)?, row.try_get(5)?);
    let tickets = tickets.into_iter().map(EntityId::Ticket).zip(counted);
    let bookings = bookings.into_iter().map(EntityId::Booking).zip(versions);
    Ok(OwnEntities {
        user: row.try_get(0)?,
        read: microseconds(row.try_get(1)?),
        listed: tickets.chain(bookings).collect(),
        bookings: Vec::new(),
        tickets: Vec::new(),
    })
}

/// Each statement is a transaction here, and `now()` is taken before its snapshot.
const BEGAN_US: &str = "(extract(epoch from now()) * 1000000)::bigint";

/// A database's clock is past 1970.
fn microseconds(since_epoch: i64) -> Revision {
    u64::try_from(since_epoch).unwrap_or_default()
}

/// A pooled connection that is closed when it is dropped, unless it is given back first. After an abandoned query the next
/// user of the connection would have to wait for that query.
struct Lent(Option<Object>);

impl Lent {
    async fn rows(
        &self,
        sql: &str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let Some(client) = &self.0 else {
            return Ok(Vec::new());
        };
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query(&statement, params).await?)
    }

    async fn own_entities(
        &self,
        users: &[UserId],
        most: OwnMost,
        lacks: impl Fn(UserId, &[(EntityId, i64)]) -> Vec<EntityId>,
    ) -> Result<Vec<OwnEntities>, StoreError> {
        let versions = format!(
            "select u.id, {BEGAN_US}, own.ids, own.versions, held.ids, held.versions
               from unnest($1::bigint[]) as u (id)
              cross join lateral (select array(select sells_for(u.id)) as organizations) as sells
              cross join lateral (
                    select coalesce(array_agg(b.id order by b.pending desc, b.created_at desc, b.id desc), '{{}}') as ids,
                           coalesce(array_agg(b.version order by b.pending desc, b.created_at desc, b.id desc), '{{}}')
                               as versions
                      from (select id, version, created_at, status = 'pending' as pending
                              from bookings where user_id = u.id and {}
                             order by pending desc, created_at desc, id desc limit $2) as b) as own
              cross join lateral (
                    select coalesce(array_agg(h.ticket_id order by h.since desc, h.ticket_id desc), '{{}}') as ids,
                           coalesce(array_agg(h.version order by h.since desc, h.ticket_id desc), '{{}}') as versions
                      from (select ticket_id, since, version
                              from ticket_holders where user_id = u.id
                             order by since desc, ticket_id desc limit $3) as h) as held",
            is_owned("sells.organizations")
        );
        let values: [&(dyn ToSql + Sync); 3] = [&users, &most.bookings, &most.tickets];
        let rows = self.rows(&versions, &values).await?;
        let mut found = rows.iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        let (mut bookings, mut tickets) = (Vec::new(), Vec::new());
        for id in found.iter().flat_map(|own| lacks(own.user, &own.listed)) {
            match id {
                EntityId::Booking(id) => bookings.push(id),
                EntityId::Ticket(id) => tickets.push(id),
            }
        }
        let mut by_user: HashMap<UserId, &mut OwnEntities> =
            found.iter_mut().map(|own| (own.user, own)).collect();
        // A row that is read here may have moved to another user, or to none, since the ids were read.
        if !bookings.is_empty() {
            let sql = format!("select booking from {SHOWN} as shown");
            for row in self.rows(&sql, &[&bookings]).await? {
                let Json(booking): Json<Booking> = row.try_get(0)?;
                let own = booking.user_id.and_then(|user| by_user.get_mut(&user));
                if let Some(own) = own {
                    own.bookings.push(booking);
                }
            }
        }
        if !tickets.is_empty() {
            for row in self.rows(&tickets::numbered(), &[&tickets]).await? {
                let ticket = tickets::read(&row)?;
                let holder = ticket.holder.as_ref();
                let own = holder.and_then(|holder| by_user.get_mut(&holder.user_id?));
                if let Some(own) = own {
                    own.tickets.push(ticket.shown(true));
                }
            }
        }
        Ok(found)
    }

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
