//! Reads bookings. They are made and changed in `store/desk.rs`.

use futures_util::FutureExt;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::together::Answers;
use super::{Store, StoreError, Total};
use crate::config::rest::{LIST_COUNTED_MAX, SEARCH_COUNTED_MAX};
use crate::ticketing::booking::at_places;
use crate::ticketing::record::{Attendee, Booking, BookingKind, BookingStatus, Contact};
use crate::ticketing::stock::GuestHash;
use crate::ticketing::{BookingId, EventId, UserId};

/// Columns of booking `b` and its event `e` in the order of [`Belongs`].
const BELONGS: &str =
    "b.id, b.event_id, b.user_id, b.token_hash, e.organizer_id, b.kind as booking_kind";

/// Booking `b` and its event `e`, of each id that is `asked` for.
const ASKED: &str = "
    cross join lateral (select one.id, one.event_id, one.user_id, one.token_hash, one.kind
                          from bookings one where one.id = asked.id limit 1) b
    cross join lateral (select organizer_id from events where id = b.event_id limit 1) e";

/// Each booking whose id is in `$1`, in the shape of [`Booking`].
pub(super) const SHOWN: &str = "
    bookings_json(array(select one.whole from unnest((select $1::uuid[])) as wanted (id)
                         cross join lateral (select b as whole from bookings b where b.id = wanted.id limit 1) one))";

/// The owner, event and organizer of a booking, which decide who may see and change it.
#[derive(Debug, Clone, PartialEq)]
pub struct Belongs {
    pub id: BookingId,
    pub event_id: EventId,
    /// The account that made it. Of a `staff` booking it is the seller, who owns it only while selling for its organization.
    pub user_id: Option<UserId>,
    pub kind: BookingKind,
    pub organizer_id: UserId,
    /// SHA-256 of the token of a buyer without an account.
    pub token_hash: Option<Vec<u8>>,
}

/// A booking with its owner.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundBooking {
    pub booking: Booking,
    pub belongs: Belongs,
    pub contact: Option<Contact>,
    /// Those who come, in the order of the booking's tickets.
    pub attendees: Vec<Attendee>,
    /// Time by the database's clock, which the deadline refers to.
    pub now: Timestamp,
}

impl FoundBooking {
    /// Whether the buyer, who has no account, gave this e-mail address (in lower case), or staff did who sold to that buyer. Of
    /// an account's own booking it proves nothing: who knows somebody's address is not that user. Digests are compared, so
    /// that time tells nothing of the address.
    pub fn is_of_guest(&self, email: &str) -> bool {
        let contact = self.contact.as_ref();
        let kept = contact.and_then(|contact| contact.email.as_deref());
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        let same = digest(kept.unwrap_or_default())
            .iter()
            .zip(digest(email))
            .fold(0, |differ, (one, other)| differ | (one ^ other))
            == 0;
        let is_guests = self.belongs.user_id.is_none() || self.belongs.kind == BookingKind::Staff;
        same && kept.is_some() && is_guests
    }
}

/// Somebody who may have a hold: an account, or whoever has a booking's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    User(UserId),
    /// SHA-256 of the token.
    Token([u8; 32]),
    Nobody,
}

/// Uses of a voucher among which the hold of a buyer without an account is looked for.
const VOUCHER_USES_LOOKED_AT_MAX: i64 = 1_000;

/// Identifies a booking.
#[derive(Debug, Clone, Copy)]
pub enum Name<'a> {
    Id(BookingId),
    /// The reference as it is stored.
    Reference(&'a str),
}

/// Whether the account in `user_id` of a row of `bookings` owns it. Of what staff sold to others it names the seller, and says
/// nothing once that one sells for the organization no more. `sells` is an array of organizations.
pub(super) fn is_owned(sells: &str) -> String {
    format!(
        "(kind <> 'staff' or (select organizer_id from events where id = event_id) = any ({sells}))"
    )
}

/// One page of a user's or an event's bookings; `status: None` means all.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    pub of: Of,
    pub status: Option<BookingStatus>,
    pub words: Option<Words<'a>>,
    /// Only those after the booking that was made then and has this id.
    pub after: Option<(Timestamp, BookingId)>,
    pub limit: i64,
    pub offset: i64,
}

/// Something of a booking that somebody knows.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// As its reference or the code of a ticket would be stored.
    pub code: &'a str,
    /// A part of a name or address; `None`: the caller may not know those.
    pub name: Option<&'a str>,
}

/// Whether `$3` is the reference of a row of `bookings` or the code of one of its tickets, or `$2` is in a name or an address
/// of its buyer, of those who come, and of those who hold its tickets. Looked for along the bookings: there is no index of what
/// is personal. Each subquery is of one row, so none of them is made a table of first.
const HAS_WORDS: &str = "
    and (reference = $3
      or (select true from tickets k where k.booking_id = bookings.id and k.code = $3 limit 1)
      or (select position(lower($2) in lower(concat_ws(' ', c.name, c.email))) > 0
            from booking_contacts c where c.booking_id = bookings.id limit 1)
      or (select position(lower($2) in lower(concat_ws(' ', u.name, u.email))) > 0 from users u where u.id = user_id limit 1)
      or (select true from booking_attendees a
           where a.booking_id = bookings.id and position(lower($2) in lower(a.name)) > 0 limit 1)
      or (select true from tickets k cross join lateral (select code, name from ticket_holders where ticket_id = k.id limit 1) h
           where k.booking_id = bookings.id and (h.code = $3 or position(lower($2) in lower(h.name)) > 0) limit 1))";

#[derive(Debug, Clone, Copy)]
pub enum Of {
    User(UserId),
    Event(EventId),
}

/// Counts of an event's bookings.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    pub organizer_id: UserId,
    pub draft: bool,
    pub currency: String,
    pub confirmed: i64,
    pub pending: i64,
    pub cancelled: i64,
    pub expired: i64,
    pub refunded: i64,
    pub tickets_sold: i64,
    pub tickets_held: i64,
    /// Those of hidden ticket types among them.
    pub hidden_sold: i64,
    pub hidden_held: i64,
    /// Of confirmed bookings, in minor units.
    pub revenue_amount: i64,
}

/// The organization of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventOwner {
    pub organizer: UserId,
    pub is_deleted: bool,
    pub was_public: bool,
}

impl Store {
    pub async fn booking(&self, name: Name<'_>) -> Result<Option<FoundBooking>, StoreError> {
        let id = match name {
            Name::Id(id) => id,
            Name::Reference(reference) => {
                let client = self.client().await?;
                let sql = "select id from bookings where reference = $1";
                let statement = client.prepare_cached(sql).await?;
                match client.query_opt(&statement, &[&reference]).await? {
                    None => return Ok(None),
                    Some(row) => row.try_get(0)?,
                }
            }
        };
        self.lines.bookings.ask(self, id).await
    }

    /// Reads only the owner of a booking.
    pub async fn booking_belongs(&self, id: BookingId) -> Result<Option<Belongs>, StoreError> {
        self.lines.belongs.ask(self, id).await
    }

    /// The hashed address of a buyer without an account, by which what they have is counted.
    pub async fn booking_guest(&self, id: BookingId) -> Result<Option<GuestHash>, StoreError> {
        let client = self.client().await?;
        let sql = "select buyer_hash from bookings where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        let hash: Option<Vec<u8>> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        let hash = hash.map(|hash| hash.try_into().map(GuestHash));
        let hash = hash.transpose();
        hash.map_err(|_| StoreError::corrupt("a buyer's hash of another length"))
    }

    /// Those of these vouchers that a hold of `holder` uses, once for each hold.
    pub async fn vouchers_held(
        &self,
        event: EventId,
        codes: &[String],
        holder: &Holder,
    ) -> Result<Vec<String>, StoreError> {
        let client = self.client().await?;
        let rows = match holder {
            Holder::Nobody => Vec::new(),
            Holder::User(user) => {
                let sql = "
                    select v.code
                      from (select id from bookings
                             where event_id = $1 and user_id = $2 and status in ('pending', 'confirmed') and status = 'pending') b
                     cross join lateral (select voucher_id from voucher_uses where booking_id = b.id and live) u
                     cross join lateral (select code from vouchers where id = u.voucher_id limit 1) v
                     where v.code = any($3)";
                let statement = client.prepare_cached(sql).await?;
                client.query(&statement, &[&event, user, &codes]).await?
            }
            Holder::Token(hash) => {
                let sql = "
                    select v.code
                      from unnest($3::text[]) asked (code)
                     cross join lateral (select id, code from vouchers where event_id = $1 and code = asked.code limit 1) v
                     cross join lateral (select booking_id from voucher_uses where voucher_id = v.id and live limit $4) u
                     cross join lateral (select status, token_hash from bookings where id = u.booking_id limit 1) b
                     where b.status = 'pending' and b.token_hash = $2";
                let statement = client.prepare_cached(sql).await?;
                let hash = hash.as_slice();
                let values: [&(dyn ToSql + Sync); 4] =
                    [&event, &hash, &codes, &VOUCHER_USES_LOOKED_AT_MAX];
                client.query(&statement, &values).await?
            }
        };
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Codes of the vouchers that a live booking uses, in the order in which they apply.
    pub async fn booking_vouchers(&self, id: BookingId) -> Result<Vec<String>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select v.code from voucher_uses u
             cross join lateral (select code from vouchers where id = u.voucher_id limit 1) v
             where u.booking_id = $1 and u.live
             order by u.position, u.voucher_id";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&id]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// One page of bookings, the newest first, and how many there are in all.
    pub async fn bookings(
        &self,
        selection: Selection<'_>,
    ) -> Result<(Vec<Booking>, Total), StoreError> {
        let client = self.client().await?;
        let (column, id) = match selection.of {
            Of::User(user) => ("user_id", user.0),
            Of::Event(event) => ("event_id", event.0),
        };
        let owned = match selection.of {
            Of::User(_) => format!(" and {}", is_owned("array(select sells_for($1))")),
            Of::Event(_) => String::new(),
        };
        let chosen = format!(
            "from bookings where {column} = $1{owned}{}{}",
            selection.status.map_or("", of_status),
            match selection.words {
                Some(_) => HAS_WORDS,
                None => " and $2::text is null and $3::text is null",
            }
        );
        let code = selection.words.map(|words| words.code);
        let name = selection.words.and_then(|words| words.name);
        let (made_at, after) = selection.after.unzip();
        let beyond = match selection.after.is_some() {
            true => "and (created_at, id) < ($6, $7)",
            false => "and $6::timestamptz is null and $7::uuid is null",
        };
        let page = format!(
            "select booking
               from bookings_json(array(
                        select whole
                          from (select bookings as whole, created_at, id {chosen} {beyond}
                                 order by created_at desc, id desc limit $4 offset $5) as page
                         order by created_at desc, id desc)) with ordinality as shown (id, booking, place)
              order by place"
        );
        let page = client.prepare_cached(&page).await?;
        let rows = client
            .query(
                &page,
                &[
                    &id,
                    &name,
                    &code,
                    &selection.limit,
                    &selection.offset,
                    &made_at,
                    &after,
                ],
            )
            .await?;
        let counted_max = match selection.words {
            Some(_) => SEARCH_COUNTED_MAX,
            None => LIST_COUNTED_MAX,
        };
        let total = Total::of(&client, &chosen, &[&id, &name, &code], counted_max).await?;
        let bookings = rows.iter().map(booking).collect::<Result<_, _>>()?;
        Ok((bookings, total))
    }

    /// How the buyers of these bookings can be reached: as the booking says, else as their account does. In this order.
    pub async fn buyers(&self, ids: &[BookingId]) -> Result<Vec<Contact>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select coalesce(c.name, u.name), coalesce(c.email, u.email), coalesce(c.phone, u.phone)
              from unnest((select $1::uuid[])) with ordinality as asked (id, place)
              left join lateral (select user_id from bookings where id = asked.id limit 1) b on true
              left join lateral (select name, email, phone from booking_contacts where booking_id = asked.id limit 1) c on true
              left join lateral (select name, email, phone from users where id = b.user_id limit 1) u on true
             order by asked.place";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&ids]).await?;
        let read = |row: &Row| {
            Ok(Contact {
                name: row.try_get(0)?,
                email: row.try_get(1)?,
                phone: row.try_get(2)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The organizers of these bookings, one for each that there is.
    pub async fn organizers_of(&self, ids: &[BookingId]) -> Result<Vec<UserId>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select e.organizer_id from unnest((select $1::uuid[])) as wanted (id)
             cross join lateral (select event_id from bookings where id = wanted.id limit 1) b
             cross join lateral (select organizer_id from events where id = b.event_id limit 1) e";
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, &[&ids]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The event's organizer, also of a deleted event, since its bookings stay.
    pub async fn organizer_of(&self, event: EventId) -> Result<Option<UserId>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("select organizer_id from events where id = $1")
            .await?;
        let row = client.query_opt(&statement, &[&event]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// The event's organization, and whether others may know of it. Also of a deleted one, since its bookings stay.
    pub async fn event_owner(&self, event: EventId) -> Result<Option<EventOwner>, StoreError> {
        let client = self.client().await?;
        let sql = "select organizer_id, deleted_at is not null, status <> 'draft' from events where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&event]).await?;
        row.map(|row| {
            Ok(EventOwner {
                organizer: row.try_get(0)?,
                is_deleted: row.try_get(1)?,
                was_public: row.try_get(2)?,
            })
        })
        .transpose()
    }

    /// `None`: no such event.
    pub async fn booking_stats(&self, event: EventId) -> Result<Option<Stats>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select e.organizer_id, e.status = 'draft', e.currency,
                   coalesce(n.sold - n.returned, 0), coalesce(n.made - n.sold - (n.cancelled + n.expired + n.refunded - n.returned), 0),
                   coalesce(n.cancelled, 0), coalesce(n.expired, 0), coalesce(n.refunded, 0),
                   root.sold::bigint, root.held::bigint, hidden.sold, hidden.held,
                   coalesce(n.sold_amount - n.returned_amount, 0) - coalesce(back.amount, 0)
              from events e
              join pools root on root.event_id = e.id and root.kind = 'event'
              cross join lateral (
                  select coalesce(sum(p.sold), 0) as sold, coalesce(sum(p.held), 0) as held
                    from (select id from ticket_types where event_id = e.id and hidden offset 0) t
                    join pools p on p.ticket_type_id = t.id) hidden
              left join booking_numbers n on n.event_id = e.id and n.quarter = '-infinity'
              left join refund_numbers back on back.event_id = e.id and back.quarter = '-infinity'
             where e.id = $1 and e.deleted_at is null";
        let statement = client.prepare_cached(sql).await?;
        let Some(row) = client.query_opt(&statement, &[&event]).await? else {
            return Ok(None);
        };
        Ok(Some(Stats {
            organizer_id: row.try_get(0)?,
            draft: row.try_get(1)?,
            currency: row.try_get(2)?,
            confirmed: row.try_get(3)?,
            pending: row.try_get(4)?,
            cancelled: row.try_get(5)?,
            expired: row.try_get(6)?,
            refunded: row.try_get(7)?,
            tickets_sold: row.try_get(8)?,
            tickets_held: row.try_get(9)?,
            hidden_sold: row.try_get(10)?,
            hidden_held: row.try_get(11)?,
            revenue_amount: row.try_get(12)?,
        }))
    }
}

/// The condition as the indexes of statuses that may be rare have it.
fn of_status(status: BookingStatus) -> &'static str {
    match status {
        // Only pending ones are due; of them there are as many as there is stock.
        BookingStatus::Pending => " and status = 'pending' and due_at is not null",
        BookingStatus::Confirmed => " and status = 'confirmed'",
        BookingStatus::Expired => " and status = 'expired'",
        BookingStatus::Cancelled => " and status = 'cancelled'",
        BookingStatus::Refunded => " and status = 'refunded'",
    }
}

pub(super) fn read_all<'a>(
    store: &'a Store,
    ids: &'a [BookingId],
) -> Answers<'a, Option<FoundBooking>> {
    async move {
        let client = store.client().await?;
        let sql = format!(
            "select asked.booking, {BELONGS}, statement_timestamp(), num_nonnulls(c.name, c.email, c.phone) > 0,
                    c.name, c.email, c.phone,
                    (select json_agg(json_build_object('position', one.position, 'name', one.name, 'email', one.email)
                                     order by one.position)
                       from booking_attendees one where one.booking_id = asked.id)
               from {SHOWN} as asked {ASKED}
               left join lateral (select * from booking_contacts where booking_id = asked.id limit 1) c on true"
        );
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&ids]).await?;
        let found = rows.iter().map(found_booking);
        let found: Vec<FoundBooking> = found.collect::<Result<_, _>>()?;
        let of = |id: &BookingId| found.iter().find(|found| found.belongs.id == *id).cloned();
        Ok(ids.iter().map(of).collect())
    }
    .boxed()
}

/// Somebody who comes, with the place of their ticket among the booking's, from 1.
#[derive(Deserialize)]
struct AttendeeAt {
    position: i64,
    #[serde(flatten)]
    attendee: Attendee,
}

/// Each at the place of their ticket.
fn by_place(named: Vec<AttendeeAt>, quantity: i64) -> Vec<Attendee> {
    let named = named.into_iter().filter(|one| one.position <= quantity);
    at_places(named.filter_map(|one| {
        let place = usize::try_from(one.position - 1).ok()?;
        Some((place, one.attendee))
    }))
}

fn found_booking(row: &Row) -> Result<FoundBooking, StoreError> {
    let booking = booking(row)?;
    Ok(FoundBooking {
        belongs: belongs(row, 1)?,
        now: row.try_get(7)?,
        contact: match row.try_get(8)? {
            false => None,
            true => Some(Contact {
                name: row.try_get(9)?,
                email: row.try_get(10)?,
                phone: row.try_get(11)?,
            }),
        },
        attendees: match row.try_get::<_, Option<Json<Vec<AttendeeAt>>>>(12)? {
            Some(Json(named)) => by_place(named, booking.quantity),
            None => Vec::new(),
        },
        booking,
    })
}

pub(super) fn belong_all<'a>(
    store: &'a Store,
    ids: &'a [BookingId],
) -> Answers<'a, Option<Belongs>> {
    async move {
        let client = store.client().await?;
        let sql =
            format!("select {BELONGS} from unnest((select $1::uuid[])) as asked (id) {ASKED}");
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&ids]).await?;
        let found = rows.iter().map(|row| belongs(row, 0));
        let found: Vec<Belongs> = found.collect::<Result<_, _>>()?;
        let of = |id: &BookingId| found.iter().find(|found| found.id == *id).cloned();
        Ok(ids.iter().map(of).collect())
    }
    .boxed()
}

/// The columns of [`BELONGS`] begin at `first`; that of the kind is found by its name.
pub(super) fn belongs(row: &Row, first: usize) -> Result<Belongs, StoreError> {
    let kind: &str = row.try_get("booking_kind")?;
    let kind = BookingKind::parse(kind).ok_or_else(|| StoreError::corrupt("kind of a booking"))?;
    Ok(Belongs {
        kind,
        id: row.try_get(first)?,
        event_id: row.try_get(first + 1)?,
        user_id: row.try_get(first + 2)?,
        token_hash: row.try_get(first + 3)?,
        organizer_id: row.try_get(first + 4)?,
    })
}

fn booking(row: &Row) -> Result<Booking, StoreError> {
    let Json(booking) = row.try_get(0)?;
    Ok(booking)
}
