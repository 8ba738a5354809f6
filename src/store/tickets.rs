//! Reads tickets as they are shown: with their event, place, price and holder; and keeps the keys that sign their QR.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::bookings::Belongs;
use super::{Store, StoreError, Total};
use crate::auth::passes::{self, PublicKey, TicketKey};
use crate::config::rest::{LIST_COUNTED_MAX, TICKETS_MAX};
use crate::lang::Lang;
use crate::ticketing::calendar::CalendarEntry;
use crate::ticketing::live::EventStatus;
use crate::ticketing::pass::Pass;
use crate::ticketing::record::{BookedSeat, HeldTicket, Money, TicketOffer, TicketStatus};
use crate::ticketing::{EventId, SeatId, TicketId, TicketTypeId, UserId};

/// How long after an event's end, or its beginning where its end is not known, a gate still looks at its tickets.
const PASS_SLACK_S: i64 = 24 * 3_600;

/// One ticket, with all that is printed on it.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketInFull {
    pub id: TicketId,
    /// By which its booking shows it. It opens the door until the ticket is handed on.
    pub code: String,
    pub status: TicketStatus,
    pub generation: u16,
    pub belongs: Belongs,
    pub reference: String,
    /// Counts the booking's changes.
    pub version: i64,
    pub event: TicketEvent,
    pub ticket_type_id: TicketTypeId,
    pub type_name: String,
    pub seat: Option<BookedSeat>,
    pub price: Money,
    pub buyer: Addressee,
    /// The name that the booking gave for this ticket, by its place among the booking's tickets.
    pub attendee: Option<String>,
    /// Somebody whom it was handed to.
    pub holder: Option<TicketHolder>,
    /// The holder's offer to somebody else.
    pub offer: Option<TicketOffer>,
    /// By the database's clock.
    pub now: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TicketEvent {
    pub id: EventId,
    pub title: String,
    pub venue: String,
    pub status: EventStatus,
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    pub doors_at: Option<Timestamp>,
    /// IANA.
    pub timezone: String,
    pub created_at: Timestamp,
}

/// Somebody who is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    pub name: Option<String>,
    pub email: Option<String>,
    pub lang: Lang,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketHolder {
    /// Opens the door.
    pub code: String,
    pub user_id: Option<UserId>,
    pub person: Addressee,
    pub since: Timestamp,
    /// Counts what changed of the ticket as holders see it.
    pub version: i64,
}

impl TicketInFull {
    /// The code that opens the door.
    pub fn live_code(&self) -> &str {
        let holder = self.holder.as_ref();
        holder.map_or(&self.code, |holder| &holder.code)
    }

    /// The name of whoever holds it, where it is known.
    pub fn name(&self) -> Option<&str> {
        match &self.holder {
            Some(holder) => holder.person.name.as_deref(),
            None => self.attendee.as_deref().or(self.buyer.name.as_deref()),
        }
    }

    /// Whether the buyer holds it, and it was not taken back.
    pub fn is_buyers(&self) -> bool {
        self.holder.is_none() && self.status != TicketStatus::Void
    }

    /// The ticket as its holder is shown it (`holds`), or its booking's owner and the event's staff are.
    pub fn shown(&self, holds: bool) -> HeldTicket {
        let holder = self.holder.as_ref().filter(|_| holds);
        HeldTicket {
            id: self.id,
            version: holder.map(|holder| holder.version),
            code: holder.map_or(&self.code, |holder| &holder.code).clone(),
            status: self.status,
            event_id: self.event.id,
            event_title: self.event.title.clone(),
            event_status: self.event.status,
            venue: self.event.venue.clone(),
            starts_at: self.event.starts_at,
            timezone: self.event.timezone.clone(),
            ticket_type_id: self.ticket_type_id,
            ticket_type: self.type_name.clone(),
            seat: self.seat.clone(),
            taken_over_at: holder.map(|holder| holder.since),
            offer: self.offer.clone().filter(|_| holds),
        }
    }

    /// The text of its QR; `None`: an id has no room in it.
    pub fn signed(&self, key: &TicketKey) -> Option<String> {
        let end = self.event.ends_at.unwrap_or(self.event.starts_at);
        let not_after = end.as_second().saturating_add(PASS_SLACK_S);
        let pass = Pass {
            key: key.id,
            event: self.event.id,
            ticket: self.id,
            generation: self.generation,
            not_after: u32::try_from(not_after).unwrap_or(u32::MAX),
            ticket_type: self.ticket_type_id,
            seat: self.seat.as_ref().map(|seat| seat.id),
        };
        passes::sign(key, pass)
    }

    /// Its type and place, in one line.
    pub fn place(&self) -> String {
        match &self.seat {
            None => self.type_name.clone(),
            Some(seat) => format!(
                "{}: {} · {} · {}",
                self.type_name, seat.section, seat.row, seat.number
            ),
        }
    }

    /// The calendar entry of its booking. `is_over`: the booking has no good ticket any more.
    pub fn entry(&self, is_over: bool) -> CalendarEntry<'_> {
        let cancelled = is_over || self.event.status == EventStatus::Cancelled;
        CalendarEntry {
            uid: &self.reference,
            // An event is cancelled without a change of its bookings.
            sequence: self.version + i64::from(cancelled),
            title: &self.event.title,
            venue: &self.event.venue,
            description: self.reference.clone(),
            starts_at: self.event.starts_at,
            ends_at: self.event.ends_at,
            cancelled,
            now: self.now,
        }
    }
}

/// One file's worth of a booking's tickets: of those that its buyer holds and that were not taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketsPart {
    pub tickets: Vec<TicketInFull>,
    /// In all parts.
    pub all: i64,
    /// From 1.
    pub part: i64,
    pub parts: i64,
}

/// The tickets' types and seats, a line for each type and each seat.
pub fn places<'a>(tickets: impl Iterator<Item = &'a TicketInFull>) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for place in tickets.map(TicketInFull::place) {
        match lines.iter_mut().find(|(line, _)| *line == place) {
            Some((_, times)) => *times += 1,
            None => lines.push((place, 1)),
        }
    }
    let lines = lines.into_iter();
    lines
        .map(|(place, times)| match times {
            1 => place,
            times => format!("{times} × {place}"),
        })
        .collect()
}

impl TicketsPart {
    /// Of its file. Some programs open a second one of a name in place of the first.
    pub fn file_name(&self) -> String {
        let reference = self.tickets.first().map(|one| one.reference.as_str());
        let reference = reference.unwrap_or_default();
        match self.parts {
            1 => format!("tickets-{reference}.pdf"),
            parts => format!("tickets-{reference}-{}-of-{parts}.pdf", self.part),
        }
    }

    /// The calendar entry of their booking, which lists these and says whether there are others.
    pub fn entry(&self) -> Option<CalendarEntry<'_>> {
        let mut entry = entry_of(&self.tickets, false)?;
        if self.parts > 1 {
            entry.description.push_str("\n…");
        }
        Some(entry)
    }
}

/// The calendar entry of a booking with these tickets; the buyer's own are listed in it. `None`: it has none.
pub fn entry_of(tickets: &[TicketInFull], is_over: bool) -> Option<CalendarEntry<'_>> {
    let first = tickets.first()?;
    let own = tickets.iter().filter(|one| is_over || one.is_buyers());
    let mut lines = vec![first.reference.clone()];
    lines.extend(places(own));
    Some(CalendarEntry {
        description: lines.join("\n"),
        ..first.entry(is_over)
    })
}

const COLUMNS: &str = "
    k.id, k.code, k.status, k.generation, b.id, b.event_id, b.user_id, b.token_hash, e.organizer_id, b.reference, b.version,
    e.title, e.venue, e.status, e.starts_at, e.ends_at, e.doors_at, e.timezone, e.created_at,
    t.id, t.name, s.id, section.name, s.row_label, s.number,
    coalesce((select i.unit_amount from booking_items i
               where i.booking_id = k.booking_id and i.ticket_type_id = k.ticket_type_id order by i.line limit 1), 0),
    b.currency, coalesce(c.name, u.name), coalesce(c.email, u.email), coalesce(c.lang, 'en'),
    h.code, h.user_id, h.name, h.email, h.lang, statement_timestamp(), a.name, offer.at, offer.address, h.since, h.version,
    b.kind as booking_kind";
/// The attendee `a` of ticket `k`: names stand in the order of the booking's tickets, and each belongs to one.
pub(super) const ATTENDEE: &str = "
    left join lateral (
         select one.name from booking_attendees one
          where one.booking_id = k.booking_id
            and one.position = (select count(*) from tickets before where before.booking_id = k.booking_id and before.id <= k.id)
          limit 1) a on true";
/// The rows beside ticket `k`.
const JOINS: &str = "
    join bookings b on b.id = k.booking_id join events e on e.id = k.event_id join ticket_types t on t.id = k.ticket_type_id
    left join seats s on s.id = k.seat_id left join sections section on section.id = s.section_id
    left join booking_contacts c on c.booking_id = k.booking_id left join users u on u.id = case when b.kind = 'staff' then owner_of(b) else b.user_id end
    left join ticket_holders h on h.ticket_id = k.id
    left join lateral (
         select t.created_at as at, offered_to(t.id) as address
           from transfers t
          where t.ticket_id = k.id and t.state = 'pending' and k.status in ('valid', 'transferred') limit 1) offer on true";

/// The tickets that account `$1` holds, each with the time at which it came: whether they were taken over, and they. What staff
/// sold is not theirs.
const HOLDINGS: [(bool, &str); 2] = [
    (
        false,
        "select b.created_at as at, k.id
           from (select id, created_at from bookings where user_id = $1 and kind <> 'staff') b
          cross join lateral (select id from tickets
                               where booking_id = b.id
                                 and not exists (select from ticket_holders where ticket_id = tickets.id)) k",
    ),
    (
        true,
        "select since as at, ticket_id as id from ticket_holders where user_id = $1",
    ),
];

impl Store {
    /// The ticket with this code, be it that of its booking or of its holder.
    pub async fn ticket(&self, code: &str) -> Result<Option<TicketInFull>, StoreError> {
        let client = self.client().await?;
        match find(&client, code).await? {
            Some((id, _)) => ticket_numbered(&client, id).await,
            None => Ok(None),
        }
    }

    pub async fn ticket_numbered(&self, id: TicketId) -> Result<Option<TicketInFull>, StoreError> {
        ticket_numbered(&self.client().await?, id).await
    }

    /// A booking's tickets, in the order in which they were made: 1,000 at most, those that were not taken back first.
    pub async fn tickets_of(
        &self,
        booking: crate::ticketing::BookingId,
    ) -> Result<Vec<TicketInFull>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select {COLUMNS}
               from (select * from tickets where booking_id = $1 order by status = 'void', id limit $2) k {JOINS} {ATTENDEE}
              order by k.id"
        );
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&booking, &TICKETS_MAX]).await?;
        rows.iter().map(read).collect()
    }

    /// Those of a booking's tickets that have these codes, in the order in which they were made.
    pub async fn tickets_coded(
        &self,
        booking: crate::ticketing::BookingId,
        codes: &[String],
    ) -> Result<Vec<TicketInFull>, StoreError> {
        let client = self.client().await?;
        let sql = format!(
            "select {COLUMNS}
               from (select * from tickets where booking_id = $1 and code = any($2)) k {JOINS} {ATTENDEE}
              order by k.id"
        );
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&booking, &codes]).await?;
        rows.iter().map(read).collect()
    }

    /// A part of the tickets that a booking's buyer can print; `None`: there is no such part.
    pub async fn tickets_part(
        &self,
        booking: crate::ticketing::BookingId,
        part: i64,
    ) -> Result<Option<TicketsPart>, StoreError> {
        let client = self.client().await?;
        let own = "from tickets k where booking_id = $1 and status <> 'void'
                      and (select true from ticket_holders h where h.ticket_id = k.id limit 1) is null";
        let statement = client
            .prepare_cached(&format!("select count(*) {own}"))
            .await?;
        let all: i64 = client
            .query_one(&statement, &[&booking])
            .await?
            .try_get(0)?;
        let parts = (all + TICKETS_MAX - 1) / TICKETS_MAX;
        if !(1..=parts).contains(&part) {
            return Ok(None);
        }
        let sql = format!(
            "select {COLUMNS} from (select * {own} order by id limit $2 offset $3) k {JOINS} {ATTENDEE} order by k.id"
        );
        let statement = client.prepare_cached(&sql).await?;
        let before = (part - 1) * TICKETS_MAX;
        let rows = client
            .query(&statement, &[&booking, &TICKETS_MAX, &before])
            .await?;
        Ok(Some(TicketsPart {
            tickets: rows.iter().map(read).collect::<Result<_, _>>()?,
            all,
            part,
            parts,
        }))
    }

    /// One page of the tickets that an account holds, those of its latest bookings and those that it took over last first, and how
    /// many there are in all. `taken_over`: only those, or only the others. `after`: only those after the ticket that
    /// came to the account then and has this id.
    pub async fn held_tickets(
        &self,
        user: UserId,
        taken_over: Option<bool>,
        after: Option<(Timestamp, TicketId)>,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<(Timestamp, TicketInFull)>, Total), StoreError> {
        let client = self.client().await?;
        let (at, id) = after.unzip();
        let beyond = match after.is_some() {
            true => "where (at, id) < ($4, $5)",
            false => "where $4::timestamptz is null and $5::bigint is null",
        };
        let chosen = HOLDINGS
            .iter()
            .filter(|(over, _)| taken_over.is_none_or(|wanted| wanted == *over));
        // As many of each as may be needed, along an index.
        let pages = chosen.clone().map(|(_, held)| {
            format!("(select * from ({held}) one {beyond} order by at desc, id desc limit $2::bigint + $3::bigint)")
        });
        let pages: Vec<String> = pages.collect();
        let page = format!(
            "select {COLUMNS}, held.at
               from (select * from ({}) mixed order by at desc, id desc limit $2 offset $3) held
              cross join lateral (select * from tickets where id = held.id limit 1) k {JOINS} {ATTENDEE}
              order by held.at desc, held.id desc",
            pages.join(" union all ")
        );
        let statement = client.prepare_cached(&page).await?;
        let values: [&(dyn ToSql + Sync); 5] = [&user, &limit, &offset, &at, &id];
        let rows = client.query(&statement, &values).await?;
        let all: Vec<&str> = chosen.map(|(_, held)| *held).collect();
        let matches = format!("from ({}) held", all.join(" union all "));
        let total = Total::of(&client, &matches, &[&user], LIST_COUNTED_MAX).await?;
        let read = |row: &Row| Ok((row.try_get(42)?, read(row)?));
        let tickets = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok((tickets, total))
    }

    /// The key that signs. The first one is drawn when it is needed; of two nodes that do so one wins.
    pub async fn signing_key(&self) -> Result<TicketKey, StoreError> {
        if let Some(key) = self.newest_key().await? {
            return Ok(key);
        }
        self.draw_key(1).await?;
        let key = self.newest_key().await?;
        key.ok_or_else(|| StoreError::corrupt("no key for tickets"))
    }

    /// Draws another key, which signs from now on; the public halves of all others still verify.
    pub async fn rotate_ticket_key(&self) -> Result<Option<u8>, StoreError> {
        let newest = self.newest_key().await?;
        let next = newest.map_or(Some(1), |key| key.id.checked_add(1));
        let Some(next) = next else { return Ok(None) };
        self.draw_key(next).await?;
        Ok(Some(next))
    }

    async fn draw_key(&self, id: u8) -> Result<(), StoreError> {
        let key = TicketKey::draw(id).ok_or_else(|| StoreError::corrupt("no key was made"))?;
        let sql = "insert into ticket_keys (id, secret, public) values ($1, $2, $3) on conflict (id) do nothing";
        let (id, secret, public) = (i16::from(id), key.secret.as_slice(), key.public.as_slice());
        let client = self.client().await?;
        client.execute(sql, &[&id, &secret, &public]).await?;
        Ok(())
    }

    async fn newest_key(&self) -> Result<Option<TicketKey>, StoreError> {
        let client = self.client().await?;
        let sql = "select id, secret, public from ticket_keys order by id desc limit 1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[]).await?;
        row.map(|row| {
            Ok(TicketKey {
                id: key_id(&row)?,
                secret: bytes(&row, 1)?,
                public: bytes(&row, 2)?,
            })
        })
        .transpose()
    }

    /// The public halves of all keys.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, StoreError> {
        let client = self.client().await?;
        let sql = "select id, public from ticket_keys order by id limit 255";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[]).await?;
        let read = |row: &Row| {
            Ok(PublicKey {
                id: key_id(row)?,
                public: bytes(row, 1)?,
            })
        };
        rows.iter().map(read).collect()
    }
}

fn key_id(row: &Row) -> Result<u8, StoreError> {
    let id: i16 = row.try_get(0)?;
    u8::try_from(id).map_err(|_| StoreError::corrupt("number of a key"))
}

fn bytes(row: &Row, column: usize) -> Result<[u8; 32], StoreError> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes
        .try_into()
        .map_err(|_| StoreError::corrupt("a key of another length"))
}

async fn ticket_numbered(
    client: &impl GenericClient,
    id: TicketId,
) -> Result<Option<TicketInFull>, StoreError> {
    let sql = format!("select {COLUMNS} from tickets k {JOINS} {ATTENDEE} where k.id = $1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&id]).await?;
    row.map(|row| read(&row)).transpose()
}

/// The ticket that a code names, and whether the code opens the door.
pub(super) async fn find(
    client: &impl GenericClient,
    code: &str,
) -> Result<Option<(TicketId, bool)>, StoreError> {
    let sql = "select k.id, k.generation = 1 from tickets k where k.code = $1
                union all
               select h.ticket_id, true from ticket_holders h where h.code = $1";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&code]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some((row.try_get(0)?, row.try_get(1)?)))
}

pub(super) fn ticket_status(text: &str) -> Result<TicketStatus, StoreError> {
    TicketStatus::parse(text).ok_or_else(|| StoreError::corrupt(format!("ticket status {text}")))
}

pub(super) fn generation(number: i32) -> Result<u16, StoreError> {
    u16::try_from(number).map_err(|_| StoreError::corrupt("generation of a ticket"))
}

fn lang(tag: &str) -> Lang {
    Lang::parse(tag).unwrap_or(Lang::En)
}

/// The tickets whose ids are in `$1`, in the columns that [`read`] takes.
pub(super) fn numbered() -> String {
    format!(
        "select {COLUMNS}
           from unnest($1::bigint[]) as asked (id)
          cross join lateral (select * from tickets where id = asked.id limit 1) k {JOINS} {ATTENDEE}"
    )
}

pub(super) fn read(row: &Row) -> Result<TicketInFull, StoreError> {
    let seat: Option<SeatId> = row.try_get(21)?;
    let holder: Option<String> = row.try_get(30)?;
    Ok(TicketInFull {
        id: row.try_get(0)?,
        code: row.try_get(1)?,
        status: ticket_status(row.try_get(2)?)?,
        generation: generation(row.try_get(3)?)?,
        belongs: super::bookings::belongs(row, 4)?,
        reference: row.try_get(9)?,
        version: row.try_get(10)?,
        event: TicketEvent {
            id: row.try_get(5)?,
            title: row.try_get(11)?,
            venue: row.try_get(12)?,
            status: super::edit::status(row.try_get(13)?)?,
            starts_at: row.try_get(14)?,
            ends_at: row.try_get(15)?,
            doors_at: row.try_get(16)?,
            timezone: row.try_get(17)?,
            created_at: row.try_get(18)?,
        },
        ticket_type_id: row.try_get(19)?,
        type_name: row.try_get(20)?,
        seat: match seat {
            None => None,
            Some(id) => Some(BookedSeat {
                id,
                section: row.try_get::<_, Option<String>>(22)?.unwrap_or_default(),
                row: row.try_get(23)?,
                number: row.try_get(24)?,
            }),
        },
        price: Money {
            amount: row.try_get(25)?,
            currency: row.try_get(26)?,
        },
        buyer: Addressee {
            name: row.try_get(27)?,
            email: row.try_get(28)?,
            lang: lang(row.try_get(29)?),
        },
        holder: match holder {
            None => None,
            Some(code) => Some(TicketHolder {
                code,
                user_id: row.try_get(31)?,
                person: Addressee {
                    name: row.try_get(32)?,
                    email: row.try_get(33)?,
                    lang: lang(row.try_get(34)?),
                },
                since: row.try_get(39)?,
                version: row.try_get(40)?,
            }),
        },
        now: row.try_get(35)?,
        attendee: row.try_get(36)?,
        offer: match row.try_get(37)? {
            None => None,
            Some(at) => Some(TicketOffer {
                to: row.try_get(38)?,
                at,
            }),
        },
    })
}
