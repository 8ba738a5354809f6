//! Reads whole lists, row by row: each is one statement, so one snapshot, and its rows are taken from the connection as
//! fast as they are asked for and no faster.

use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::Object;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, RowStream};

use super::tickets::ATTENDEE;
use super::{Store, StoreError};
use crate::ticketing::EventId;
use crate::ticketing::record::BookingStatus;

/// One booking of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportRow {
    pub reference: String,
    pub status: String,
    pub created_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub paid_by: Option<String>,
    pub quantity: i32,
    /// «2 × Standing; 1 × Balcony».
    pub items: String,
    pub seats: String,
    pub tickets_amount: i64,
    pub total_amount: i64,
    /// Given back, or about to be.
    pub refunded_amount: i64,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub cancel_reason: Option<String>,
}

/// One ticket of a door list.
#[derive(Debug, Clone, PartialEq)]
pub struct DoorRow {
    pub holder: Option<String>,
    pub code: String,
    pub ticket_type: String,
    pub section: Option<String>,
    pub row: Option<String>,
    pub seat: Option<String>,
    pub status: String,
    pub reference: String,
}

/// Rows that come one by one, by a connection of their own. It is closed at the end: dropped in the middle, its next user
/// would have to wait for the rest of the rows.
pub struct ExportRows<T> {
    client: Option<Object>,
    rows: Pin<Box<RowStream>>,
    read: fn(&Row) -> Result<T, StoreError>,
}

impl<T> ExportRows<T> {
    /// `None` after the last one.
    pub async fn next(&mut self) -> Result<Option<T>, StoreError> {
        let row = self.rows.try_next().await?;
        row.as_ref().map(self.read).transpose()
    }
}

impl<T> Drop for ExportRows<T> {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl Store {
    /// An event's bookings, the oldest first, along the index of that order.
    pub async fn report(
        &self,
        event: EventId,
        status: Option<BookingStatus>,
        patience: Duration,
    ) -> Result<ExportRows<ReportRow>, StoreError> {
        let sql = format!("{REPORT} order by b.created_at, b.id");
        let status = status.map(BookingStatus::as_str);
        self.export(&sql, &[&event, &status], patience, report_row)
            .await
    }

    /// An event's tickets by their holders' names; Postgres sorts them, in files if they are many.
    pub async fn door_list(
        &self,
        event: EventId,
        patience: Duration,
    ) -> Result<ExportRows<DoorRow>, StoreError> {
        let sql = format!(
            "{DOORS} {ATTENDEE} where t.event_id = $1 and k.status <> 'void'
              order by lower(case when h.code is null then coalesce(a.name, c.name, u.name) else h.name end), b.reference, k.id"
        );
        self.export(&sql, &[&event], patience, door_row).await
    }

    /// A statement goes on while its client reads, so its bound is the whole export's.
    async fn export<T>(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        patience: Duration,
        read: fn(&Row) -> Result<T, StoreError>,
    ) -> Result<ExportRows<T>, StoreError> {
        let client = self.client().await?;
        let bound = format!("set statement_timeout = {}", patience.as_millis());
        // From here on the connection is not as others need it, so it is closed whatever happens.
        let client = Closing(Some(client));
        let Some(connection) = &client.0 else {
            return Err(StoreError::Unavailable("no connection".into()));
        };
        connection.batch_execute(&bound).await?;
        let parameters = parameters.iter().copied();
        let rows = connection.query_raw(sql, parameters).await?;
        Ok(ExportRows {
            client: client.keep(),
            rows: Box::pin(rows),
            read,
        })
    }
}

/// Closes the connection unless it is kept.
struct Closing(Option<Object>);

impl Closing {
    fn keep(mut self) -> Option<Object> {
        self.0.take()
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Object::take(client));
        }
    }
}

const REPORT: &str = "
    select b.reference, b.status, b.created_at, b.confirmed_at, b.ended_at, coalesce(b.paid_by, p.means), b.quantity,
           coalesce(i.items, ''), coalesce(s.seats, ''), coalesce(i.amount, 0)::bigint,
           case when b.paid_by is distinct from 'comp' then b.total_amount else 0 end, coalesce(p.refunded, 0)::bigint,
           coalesce(c.name, u.name), coalesce(c.email, u.email), coalesce(c.phone, u.phone), b.cancel_reason
      from bookings b
      left join booking_contacts c on c.booking_id = b.id
      left join users u on u.id = b.user_id
     cross join lateral (
           select string_agg(i.quantity || ' × ' || t.name, '; ' order by i.line) as items,
                  sum(i.quantity * i.unit_amount) as amount
             from booking_items i join ticket_types t on t.id = i.ticket_type_id
            where i.booking_id = b.id and i.kind = 'ticket') i
     cross join lateral (
           select string_agg(concat_ws(' ', section.name, s.row_label, s.number), '; ' order by s.position) as seats
             from claims c join seats s on s.id = c.seat_id join sections section on section.id = s.section_id
            where c.booking_id = b.id and (c.state <> 'dead' or b.status not in ('pending', 'confirmed'))) s
     cross join lateral (
           select sum(p.refunded_amount + disputed.amount) filter (where paying.is_so) as refunded,
                  (array_agg(concat_ws(' ', p.provider, p.method) order by paying.is_so desc, p.id desc)
                      filter (where p.captured_amount > 0))[1] as means
             from payments p
            cross join lateral (select coalesce(p.id = b.payment_id, false)
                                       or p.provider = 'offline' and b.paid_by is not null as is_so) paying
            cross join lateral (select coalesce(sum(amount), 0) as amount from disputes
                                 where payment_id = p.id and state <> 'won') disputed
            where p.booking_id = b.id) p
     where b.event_id = $1 and ($2::text is null or b.status = $2)";

const DOORS: &str = "
    select case when h.code is null then coalesce(a.name, c.name, u.name) else h.name end, coalesce(h.code, k.code), t.name, section.name, s.row_label, s.number, k.status, b.reference
      from ticket_types t
      join tickets k on k.ticket_type_id = t.id
      join bookings b on b.id = k.booking_id
      left join booking_contacts c on c.booking_id = b.id
      left join users u on u.id = b.user_id
      left join seats s on s.id = k.seat_id
      left join sections section on section.id = s.section_id
      left join ticket_holders h on h.ticket_id = k.id";

fn report_row(row: &Row) -> Result<ReportRow, StoreError> {
    Ok(ReportRow {
        reference: row.try_get(0)?,
        status: row.try_get(1)?,
        created_at: row.try_get(2)?,
        confirmed_at: row.try_get(3)?,
        ended_at: row.try_get(4)?,
        paid_by: row.try_get(5)?,
        quantity: row.try_get(6)?,
        items: row.try_get(7)?,
        seats: row.try_get(8)?,
        tickets_amount: row.try_get(9)?,
        total_amount: row.try_get(10)?,
        refunded_amount: row.try_get(11)?,
        name: row.try_get(12)?,
        email: row.try_get(13)?,
        phone: row.try_get(14)?,
        cancel_reason: row.try_get(15)?,
    })
}

fn door_row(row: &Row) -> Result<DoorRow, StoreError> {
    Ok(DoorRow {
        holder: row.try_get(0)?,
        code: row.try_get(1)?,
        ticket_type: row.try_get(2)?,
        section: row.try_get(3)?,
        row: row.try_get(4)?,
        seat: row.try_get(5)?,
        status: row.try_get(6)?,
        reference: row.try_get(7)?,
    })
}
