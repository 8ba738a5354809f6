//! Scans at the door. Each is decided in its event's turn, so of two gates one lets a ticket's holder in; the index
//! `checkins_one_admission` would refuse the other one's row as well.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use utoipa::ToSchema;

use super::audit_trail::AuditEntry;
use super::changes::unsigned;
use super::tickets::{ATTENDEE, find, generation, ticket_status};
use super::{Store, StoreError, Total, edit};
use crate::config::rest::{LIST_COUNTED_MAX, SEARCH_COUNTED_MAX};
use crate::ticketing::admission::{self, ScanResult, Shown, TicketStanding};
use crate::ticketing::pass::Pass;
use crate::ticketing::record::TicketStatus;
use crate::ticketing::{CheckinId, EventId, Revision, TicketId, UserId};

/// One scan, as a gate reports it.
#[derive(Debug, Clone)]
pub struct Scan {
    pub shown: ShownTicket,
    /// SHA-256 of what was shown: the same nonce with the same hash is the same scan.
    pub shown_hash: [u8; 32],
    pub nonce: String,
    pub gate: Option<String>,
    pub scanned_at: Timestamp,
}

/// The code or pass that was held before the scanner.
#[derive(Debug, Clone)]
pub enum ShownTicket {
    Code(String),
    /// A QR, whose signature was checked.
    Pass(Pass),
    /// A QR that is not ours.
    Forged,
}

/// The outcome of a scan.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Scanned {
    /// The check-in; `null` where the scan was refused on the spot, of which nothing is kept.
    #[schema(value_type = Option<CheckinId>)]
    pub id: Option<CheckinId>,
    pub nonce: String,
    pub result: ScanResult,
    #[schema(value_type = Option<TicketId>)]
    pub ticket_id: Option<TicketId>,
    /// The code by which the booking names the ticket.
    pub code: Option<String>,
    /// When somebody was let in with the ticket: now, or before.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// The gate at which that was.
    pub gate: Option<String>,
    /// The name of whoever holds the ticket, where it is known.
    pub name: Option<String>,
}

/// When a check-in happened: one that was made without network by the scanner's clock, but not in the future.
const HAPPENED: &str = "case when offline then least(scanned_at, at) else at end";

/// The name of whoever holds ticket `k`.
const HOLDER: &str =
    "case when h.code is null then coalesce(a.name, c.name, u.name) else h.name end";
/// The rows beside ticket `k` that its holder's name is in.
const HOLDERS: &str = "
    left join lateral (select code, name from ticket_holders where ticket_id = k.id limit 1) h on true
    left join lateral (select name from booking_contacts where booking_id = k.booking_id limit 1) c on true
    left join lateral (select one.name from bookings b cross join lateral (select name from users where id = b.user_id limit 1) one
                        where b.id = k.booking_id limit 1) u on true";

/// A ticket as a gate without network knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct BundleTicket {
    pub id: TicketId,
    pub generation: u16,
    pub status: TicketStatus,
    /// That opens the door.
    pub code: String,
    /// The holder's, as of a [`TicketAttendee`].
    pub name: Option<String>,
}

/// Selection of an event's attendees.
#[derive(Debug, Clone, Copy)]
pub struct AttendeesNamed<'a> {
    pub event: EventId,
    /// A part of a name; `None`: all of them.
    pub words: Option<&'a str>,
    /// The same, if it is a reference or a ticket's code, as that is stored.
    pub code: Option<&'a str>,
}

/// Somebody who may come in.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TicketAttendee {
    pub ticket_id: TicketId,
    /// That opens the door: of a ticket that was handed on, its holder's.
    pub code: String,
    pub status: TicketStatus,
    pub reference: String,
    pub ticket_type: String,
    pub seat: Option<String>,
    /// The holder's, or the one that the booking gives for this ticket, or the buyer's.
    pub name: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub checked_in_at: Option<Timestamp>,
    pub gate: Option<String>,
    pub checkin_id: Option<CheckinId>,
}

/// A check-in that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ListedCheckin {
    #[schema(value_type = i64)]
    pub id: CheckinId,
    pub nonce: String,
    pub result: ScanResult,
    /// `null`: it was no ticket, or another event's.
    pub ticket_id: Option<TicketId>,
    /// The code by which the booking names the ticket.
    pub code: Option<String>,
    pub gate: Option<String>,
    /// By the scanner's clock.
    #[schema(value_type = String, format = DateTime)]
    pub scanned_at: Timestamp,
    /// When we heard of it.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Made without network, and merged later.
    pub offline: bool,
    #[schema(value_type = Option<i64>)]
    pub by_user: Option<UserId>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub undone_at: Option<Timestamp>,
}

/// An entry that a ticket stays used by after another scan of it was undone.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StillIn {
    #[schema(value_type = i64)]
    pub id: CheckinId,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub gate: Option<String>,
}

/// Why a scan cannot be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotUndone {
    /// There is no such check-in, or it let nobody in.
    NotFound,
    /// The ticket was taken back since, or its booking ended.
    Void,
}

impl Store {
    /// Decides scans at the doors of `event`, in the order in which they were made. `offline`: they were made without network, and each is kept,
    /// whatever comes of it.
    pub async fn check_in(
        &self,
        event: EventId,
        scans: &[Scan],
        by: Option<UserId>,
        offline: bool,
    ) -> Result<(Vec<Scanned>, Revision), StoreError> {
        let given = (event, scans, by, offline);
        self.in_turn(event, &given, |tx, (event, scans, by, offline)| {
            Box::pin(async move {
                tx.execute("select take_turn($1)", &[event]).await?;
                // A gate may send them in any order; the first one at the door was let in.
                let mut as_made: Vec<_> = scans.iter().enumerate().collect();
                as_made.sort_by_key(|(_, scan)| scan.scanned_at);
                let mut scanned = Vec::with_capacity(scans.len());
                for (place, scan) in as_made {
                    scanned.push((place, one(tx, *event, scan, *by, *offline).await?));
                }
                scanned.sort_by_key(|(place, _)| *place);
                let scanned = scanned.into_iter().map(|(_, scanned)| scanned).collect();
                Ok((scanned, edit::revision(tx, *event).await?))
            })
        })
        .await
    }

    /// The event of a check-in, and its organizer.
    pub async fn checkin_belongs(
        &self,
        id: CheckinId,
    ) -> Result<Option<(EventId, UserId)>, StoreError> {
        let client = self.client().await?;
        let sql = "select e.id, e.organizer_id from checkins c join events e on e.id = c.event_id where c.id = $1";
        let row = client.query_opt(sql, &[&id]).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .transpose()
    }

    /// Lets a ticket be used again, unless a gate without network let somebody in with it as well: that entry is its use from
    /// then on. Done once: a repeated request finds it done.
    pub async fn undo_checkin(
        &self,
        event: EventId,
        id: CheckinId,
        by: Option<UserId>,
        audit: &AuditEntry,
    ) -> Result<Result<(Option<StillIn>, Revision), NotUndone>, StoreError> {
        let given = (event, id, by, audit);
        self.in_turn(event, &given, |tx, (event, id, by, audit)| {
            Box::pin(async move {
                tx.execute("select take_turn($1)", &[event]).await?;
                let sql = "select c.ticket_id, c.undone_at is not null, k.status, k.generation, b.status = 'confirmed'
                             from checkins c join tickets k on k.id = c.ticket_id join bookings b on b.id = k.booking_id
                            where c.id = $1 and c.event_id = $2 and c.result = 'admitted'";
                let Some(row) = tx.query_opt(sql, &[id, event]).await? else {
                    return Ok(Err(NotUndone::NotFound));
                };
                let ticket: TicketId = row.try_get(0)?;
                if row.try_get(1)? {
                    let still = still_in(tx, ticket).await?;
                    return Ok(Ok((still, edit::revision(tx, *event).await?)));
                }
                // A booking that ended with its event keeps its used tickets, and has nothing that they would stand for.
                if !row.try_get::<_, bool>(4)? {
                    return Ok(Err(NotUndone::Void));
                }
                let status = ticket_status(row.try_get(2)?)?;
                let Some(status) = admission::undone(status, generation(row.try_get(3)?)?) else {
                    return Ok(Err(NotUndone::Void));
                };
                let sql =
                    "update checkins set undone_at = clock_timestamp(), undone_by = $2 where id = $1";
                tx.execute(sql, &[id, by]).await?;
                // The first that was merged: gates read check-ins in this order, and let the last one count. A code that was good
                // then is good now, as a used ticket is not handed on.
                let sql = "update checkins set result = 'admitted'
                            where id = (select id from checkins where ticket_id = $1 and offline and result = 'already_used'
                                         order by id limit 1)";
                if tx.execute(sql, &[&ticket]).await? == 0 {
                    let sql = "update tickets set status = $2 where id = $1";
                    tx.execute(sql, &[&ticket, &status.as_str()]).await?;
                }
                let still = still_in(tx, ticket).await?;
                audit.write(tx).await?;
                Ok(Ok((still, edit::revision(tx, *event).await?)))
            })
        })
        .await
    }

    /// Tickets of an event after that one, by id, with the event's revision.
    pub async fn bundle(
        &self,
        event: EventId,
        after: Option<TicketId>,
        limit: i64,
    ) -> Result<(Vec<BundleTicket>, Revision), StoreError> {
        let client = self.client().await?;
        let revision = "select revision from turns where event_id = $1";
        let statement = client.prepare_cached(revision).await?;
        let revision = unsigned(client.query_one(&statement, &[&event]).await?.try_get(0)?)?;
        let sql = format!(
            "select k.id, k.generation, k.status, coalesce(h.code, k.code), {HOLDER}
               from (select * from tickets where event_id = $1 and id > $2 order by id limit $3) k
                    {HOLDERS} {ATTENDEE}
              order by k.id"
        );
        let statement = client.prepare_cached(&sql).await?;
        let after = after.map_or(0, |id| id.0);
        let rows = client.query(&statement, &[&event, &after, &limit]).await?;
        let read = |row: &Row| {
            Ok(BundleTicket {
                id: row.try_get(0)?,
                generation: generation(row.try_get(1)?)?,
                status: ticket_status(row.try_get(2)?)?,
                code: row.try_get(3)?,
                name: row.try_get(4)?,
            })
        };
        let tickets = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok((tickets, revision))
    }

    /// A page of the tickets of an event, by id, whose reference or code is `words`, or in one of whose names they are; and
    /// how many there are. Names are looked for along the event's tickets: there is no index of what is personal.
    pub async fn attendees(
        &self,
        named: AttendeesNamed<'_>,
        after: Option<TicketId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<TicketAttendee>, Total), StoreError> {
        let AttendeesNamed { event, words, code } = named;
        let matches = format!(
            "from tickets k
             join lateral (select reference from bookings where id = k.booking_id limit 1) b on true
             {HOLDERS} {ATTENDEE}
            where k.event_id = $1
              and ($2::text is null or b.reference = $3 or k.code = $3 or h.code = $3
                   or position(lower($2) in lower({HOLDER})) > 0
                   or h.code is null and position(lower($2) in lower(coalesce(c.name, u.name))) > 0)"
        );
        let page = format!(
            "select k.id, k.code, k.status, k.reference, t.name,
                    nullif(concat_ws(' ', s.section, s.row_label, s.number), ''),
                    k.holder, admitted.at, admitted.gate, admitted.id
               from (select k.id, coalesce(h.code, k.code) as code, k.status, k.ticket_type_id, k.seat_id, b.reference,
                            {HOLDER} as holder
                       {matches} and k.id > $4 order by k.id limit $5 offset $6) k
               join lateral (select name from ticket_types where id = k.ticket_type_id limit 1) t on true
               left join lateral (
                    select section.name as section, seat.row_label, seat.number
                      from seats seat
                      join lateral (select name from sections where id = seat.section_id limit 1) section on true
                     where seat.id = k.seat_id limit 1) s on true
               left join lateral (
                    select id, {HAPPENED} as at, gate from checkins
                     where ticket_id = k.id and result = 'admitted' and undone_at is null limit 1) admitted on true
              order by k.id"
        );
        let client = self.client().await?;
        let statement = client.prepare_cached(&page).await?;
        let after = after.map_or(0, |id| id.0);
        let rows = client
            .query(
                &statement,
                &[&event, &words, &code, &after, &limit, &offset],
            )
            .await?;
        let values: [&(dyn ToSql + Sync); 3] = [&event, &words, &code];
        let total = Total::of(&client, &matches, &values, SEARCH_COUNTED_MAX).await?;
        let read = |row: &Row| {
            Ok(TicketAttendee {
                ticket_id: row.try_get(0)?,
                code: row.try_get(1)?,
                status: ticket_status(row.try_get(2)?)?,
                reference: row.try_get(3)?,
                ticket_type: row.try_get(4)?,
                seat: row.try_get(5)?,
                name: row.try_get(6)?,
                checked_in_at: row.try_get(7)?,
                gate: row.try_get(8)?,
                checkin_id: row.try_get(9)?,
            })
        };
        let found = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok((found, total))
    }

    /// A page of the check-ins of an event, newest first, of this result or all; and how many there are.
    pub async fn checkins(
        &self,
        event: EventId,
        result: Option<ScanResult>,
        before: Option<CheckinId>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<ListedCheckin>, Total), StoreError> {
        // Another statement for each: one for both would read the whole event for a result that is rare.
        let of_result = match result {
            Some(_) => "and result = $2",
            None => "and $2::text is null",
        };
        let matches = format!("from checkins where event_id = $1 {of_result}");
        let sql = format!(
            "select c.id, c.nonce, c.result, c.ticket_id, k.code, c.gate, c.scanned_at, c.at, c.offline, c.by_user, c.undone_at
               from (select * {matches} and id < $3 order by id desc limit $4 offset $5) c
               left join lateral (select code from tickets where id = c.ticket_id limit 1) k on true
              order by c.id desc"
        );
        let client = self.client().await?;
        let statement = client.prepare_cached(&sql).await?;
        let named = result.map(ScanResult::as_str);
        let before = before.map_or(i64::MAX, |id| id.0);
        let rows = client
            .query(&statement, &[&event, &named, &before, &limit, &offset])
            .await?;
        let total = Total::of(&client, &matches, &[&event, &named], LIST_COUNTED_MAX).await?;
        let read = |row: &Row| {
            let result = ScanResult::parse(row.try_get(2)?);
            let result = result.ok_or_else(|| StoreError::corrupt("result of a scan"))?;
            // Of a ticket of another event, which may be another organizer's, nothing is told.
            let is_ours = result != ScanResult::WrongEvent;
            let ticket_id: Option<TicketId> = row.try_get(3)?;
            let code: Option<String> = row.try_get(4)?;
            Ok(ListedCheckin {
                id: row.try_get(0)?,
                nonce: row.try_get(1)?,
                result,
                ticket_id: ticket_id.filter(|_| is_ours),
                code: code.filter(|_| is_ours),
                gate: row.try_get(5)?,
                scanned_at: row.try_get(6)?,
                at: row.try_get(7)?,
                offline: row.try_get(8)?,
                by_user: row.try_get(9)?,
                undone_at: row.try_get(10)?,
            })
        };
        let listed = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok((listed, total))
    }
}

/// The entry that the ticket is used by.
async fn still_in(tx: &Transaction<'_>, ticket: TicketId) -> Result<Option<StillIn>, StoreError> {
    let sql = format!(
        "select id, {HAPPENED}, gate from checkins where ticket_id = $1 and result = 'admitted' and undone_at is null"
    );
    let row = tx.query_opt(&sql, &[&ticket]).await?;
    let read = |row: Row| -> Result<StillIn, StoreError> {
        Ok(StillIn {
            id: row.try_get(0)?,
            at: row.try_get(1)?,
            gate: row.try_get(2)?,
        })
    };
    row.map(read).transpose()
}

async fn one(
    tx: &Transaction<'_>,
    event: EventId,
    scan: &Scan,
    by: Option<UserId>,
    offline: bool,
) -> Result<Scanned, StoreError> {
    if let Some(known) = recall(tx, event, scan).await? {
        return Ok(known);
    }
    let (ticket, shown) = match &scan.shown {
        ShownTicket::Code(code) => match find(tx, code).await? {
            None => (None, Shown::Code),
            Some((id, true)) => (Some(id), Shown::Code),
            Some((id, false)) => (Some(id), Shown::OldCode),
        },
        ShownTicket::Pass(pass) => {
            let generation = pass.generation;
            (Some(pass.ticket), Shown::Pass { generation })
        }
        ShownTicket::Forged => (None, Shown::Code),
    };
    let sql = format!(
        "select k.event_id, k.status, k.generation, k.code, admitted.at, admitted.gate, {HOLDER}, e.stands
           from tickets k
           join lateral (select status <> 'cancelled' as stands from events where id = k.event_id limit 1) e on true
           left join lateral (
                select {HAPPENED} as at, gate from checkins where ticket_id = k.id and result = 'admitted' and undone_at is null
                 limit 1) as admitted on true
                {HOLDERS} {ATTENDEE}
          -- A refund keeps its tickets by `for key share`, without the turn, and may wait for a booking that is locked here. What
          -- hands a ticket on locks it as this does, or for longer.
          where k.id = $1 for no key update of k"
    );
    let row = match ticket {
        None => None,
        Some(id) => {
            let statement = tx.prepare_cached(&sql).await?;
            tx.query_opt(&statement, &[&id]).await?
        }
    };
    let ticket = ticket.filter(|_| row.is_some());
    let (result, code, before) = match &row {
        None => (ScanResult::Unknown, None, (None, None)),
        Some(row) => {
            let standing = TicketStanding {
                event: row.try_get(0)?,
                status: ticket_status(row.try_get(1)?)?,
                generation: generation(row.try_get(2)?)?,
                stands: row.try_get(7)?,
            };
            let result = admission::scan(standing, event, shown);
            let code: Option<String> = row.try_get(3)?;
            let before: (Option<Timestamp>, Option<String>) = (row.try_get(4)?, row.try_get(5)?);
            (result, code, before)
        }
    };
    if result == ScanResult::Admitted {
        let sql = "update tickets set status = 'used' where id = $1";
        let statement = tx.prepare_cached(sql).await?;
        tx.execute(&statement, &[&ticket]).await?;
    }
    let mut scanned = Scanned {
        ticket_id: ticket,
        code,
        at: before.0,
        gate: before.1,
        name: match &row {
            Some(row) => row.try_get(6)?,
            None => None,
        },
        ..Scanned::nothing(scan, result)
    };
    if result == ScanResult::Admitted || offline {
        let sql = format!(
            "insert into checkins (event_id, ticket_id, nonce, gate, scanned_at, offline, result, by_user, shown_hash)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id, {HAPPENED}"
        );
        let statement = tx.prepare_cached(&sql).await?;
        let row = tx
            .query_one(
                &statement,
                &[
                    &event,
                    &ticket,
                    &scan.nonce,
                    &scan.gate,
                    &scan.scanned_at,
                    &offline,
                    &result.as_str(),
                    &by,
                    &scan.shown_hash.as_slice(),
                ],
            )
            .await?;
        scanned.id = Some(row.try_get(0)?);
        if result == ScanResult::Admitted {
            (scanned.at, scanned.gate) = (Some(row.try_get(1)?), scan.gate.clone());
        }
    }
    Ok(scanned.told(scan))
}

impl Scanned {
    fn nothing(scan: &Scan, result: ScanResult) -> Scanned {
        Scanned {
            id: None,
            nonce: scan.nonce.clone(),
            result,
            ticket_id: None,
            code: None,
            at: None,
            gate: None,
            name: None,
        }
    }

    /// Of a ticket of another event, which may be another organizer's, a gate is told nothing.
    fn told(self, scan: &Scan) -> Scanned {
        match self.result {
            ScanResult::WrongEvent => Scanned {
                id: self.id,
                ..Scanned::nothing(scan, self.result)
            },
            _ => self,
        }
    }
}

/// The outcome of the scan with this nonce; that it was another scan's, if something else was shown.
async fn recall(
    tx: &Transaction<'_>,
    event: EventId,
    scan: &Scan,
) -> Result<Option<Scanned>, StoreError> {
    let sql = format!(
        "select scan.id, scan.result, scan.ticket_id, k.code, admitted.at, admitted.gate, scan.shown_hash, {HOLDER}
           from checkins scan
           left join tickets k on k.id = scan.ticket_id
           left join lateral (
                select {HAPPENED} as at, gate from checkins one
                 where one.ticket_id = scan.ticket_id and one.result = 'admitted'
                   and (one.id = scan.id or scan.result <> 'admitted' and one.undone_at is null) limit 1) as admitted on true
                {HOLDERS} {ATTENDEE}
          where scan.event_id = $1 and scan.nonce = $2"
    );
    let statement = tx.prepare_cached(&sql).await?;
    let row = tx.query_opt(&statement, &[&event, &scan.nonce]).await?;
    row.map(|row| {
        let shown_hash: &[u8] = row.try_get(6)?;
        if shown_hash != scan.shown_hash {
            return Ok(Scanned::nothing(scan, ScanResult::NonceReused));
        }
        let result: &str = row.try_get(1)?;
        let result = ScanResult::parse(result);
        let result = result.ok_or_else(|| StoreError::corrupt("result of a scan"))?;
        let known = Scanned {
            id: row.try_get(0)?,
            ticket_id: row.try_get(2)?,
            code: row.try_get(3)?,
            at: row.try_get(4)?,
            gate: row.try_get(5)?,
            name: row.try_get(7)?,
            ..Scanned::nothing(scan, result)
        };
        Ok(known.told(scan))
    })
    .transpose()
}
