//! Reads events: a single one with ticket types and sections, lists, and the organizer's view with sales.

mod search;

use deadpool_postgres::GenericClient;
use serde::Deserialize;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::changes::unsigned;
use super::total::CountedPage;
use super::{Store, StoreError, Total};
use crate::auth::{Caller, Right};
use crate::config::inside::SEARCH_CANDIDATES_MAX;
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::live::{EventInfo, EventStatus, TicketType};
use crate::ticketing::{EventId, OrganizationId, Revision, TicketTypeId};

/// An event with its ticket types at one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    pub revision: Revision,
    pub event: EventInfo,
    /// By id.
    pub ticket_types: Vec<TicketType>,
    /// RFC 3339.
    pub created_at: String,
    /// ISO 3166-1, of two letters. Nobody has to be told of a change at once, so it is not in the log.
    pub country: Option<String>,
    /// As little in the log.
    pub city: Option<String>,
    /// How long an offer of the waitlist waits; as little in the log.
    pub offer_minutes: i64,
}

/// An event with its ticket types and sections.
#[derive(Debug, Clone, PartialEq)]
pub struct EventInFull {
    pub row: EventRow,
    /// One for each ticket type, by id.
    pub terms: Vec<TypeTerms>,
    /// By id.
    pub sections: Vec<Section>,
    /// Units of one ticket type that are set aside for whoever is shown them.
    pub reserved: Option<(TicketTypeId, i64)>,
}

impl EventInFull {
    /// Takes the hidden ticket types out, but for those that somebody knows a voucher for.
    pub fn conceal(&mut self, is_known: impl Fn(TicketTypeId) -> bool) {
        let types = &mut self.row.ticket_types;
        let is_hidden = |t: &TicketType| t.hidden && !is_known(t.id);
        let hidden = types.iter().filter(|t| is_hidden(t)).map(|t| t.id);
        let hidden: Vec<TicketTypeId> = hidden.collect();
        types.retain(|t| !hidden.contains(&t.id));
        self.terms.retain(|terms| !hidden.contains(&terms.id));
    }

    /// Counts what is set aside for the bearers of a voucher as available instead of held.
    pub fn give_reserve(&mut self, ticket_type: TicketTypeId, left: i64) {
        let mut types = self.row.ticket_types.iter_mut();
        if let Some(of) = types.find(|one| one.id == ticket_type) {
            // Types and voucher are read one after the other.
            let left = left.min(of.held);
            of.available += left;
            of.held -= left;
            self.reserved = Some((ticket_type, left));
        }
    }
}

/// The terms of a ticket type's sale.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TypeTerms {
    pub id: TicketTypeId,
    pub min_per_booking: i64,
    pub max_per_booking: Option<i64>,
    pub max_per_user: Option<i64>,
    pub members_only: bool,
    pub account_required: bool,
    pub email_required: bool,
    /// Sold by the seat.
    pub seated: bool,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Section {
    pub id: i64,
    pub name: String,
    pub seats: i64,
}

/// The filter of a list of events; `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// A part of the title, venue or description, in any case, with or without accents.
    pub q: Option<String>,
    pub status: Option<EventStatus>,
    pub category: Option<String>,
    pub city: Option<String>,
    /// Begins at or after.
    pub from: Option<jiff::Timestamp>,
    /// Begins before.
    pub to: Option<jiff::Timestamp>,
    pub sort: EventSort,
    /// Only those after the event at this place of the order, with this id.
    pub after: Option<(String, EventId)>,
    pub limit: i64,
    pub offset: i64,
}

/// The same of the organizer's own list, which has one order.
#[derive(Debug, Clone, Default)]
pub struct ManagedFilter {
    /// A part of the title, venue or description, in any case, with or without accents.
    pub q: Option<String>,
    pub status: Option<EventStatus>,
    /// Begins before.
    pub before: Option<jiff::Timestamp>,
    /// Only those after the event that begins then, with this id.
    pub after: Option<(jiff::Timestamp, EventId)>,
    pub limit: i64,
    pub offset: i64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventSort {
    #[default]
    SoonestFirst,
    LatestFirst,
    Title,
    TitleBackwards,
    OldestFirst,
    NewestFirst,
}

/// An event with its sales, for the organizer. Bookings and revenue count confirmed bookings only.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagedEvent {
    pub row: EventRow,
    pub bookings: i64,
    /// Minor units of the event's currency.
    pub revenue: i64,
}

const COLUMNS: &str = "turn.revision, event_json(e, turn.layout), shown.types, rfc3339(e.created_at), e.country, e.city, e.offer_minutes";
/// Tables that [`COLUMNS`] need beside an event `e`.
const TABLES: &str =
    "join turns turn on turn.event_id = e.id cross join lateral ticket_types_of(e.id) shown";

/// $1 the caller's organizations, $2 whether an admin, $3 status, $4 category, $5 from, $6 to, $7 city. It is planned for the given
/// values, so a condition that is not asked for is no part of the plan.
const MATCHING: &str = "
    where e.deleted_at is null
      and (e.status <> 'draft' or $2 or e.organizer_id = any($1))
      and ($3::text is null or e.status = $3)
      and ($4::text is null or lower(e.category) = lower($4))
      and ($5::timestamptz is null or e.starts_at >= $5)
      and ($6::timestamptz is null or e.starts_at < $6)
      and ($7::text is null or lower(e.city) = lower($7))";

impl Store {
    /// One event in one snapshot, drafts as well; `None` when there is none or it was deleted.
    pub async fn event(&self, event: EventId) -> Result<Option<EventInFull>, StoreError> {
        event_in_full(&self.client().await?, event).await
    }

    /// One page of the events that `caller` may see, and how many match in all.
    pub async fn events(
        &self,
        filter: &EventFilter,
        caller: &Caller,
    ) -> Result<(Vec<EventRow>, Total), StoreError> {
        let mut client = self.client().await?;
        let (own, admin) = (caller.organizations_with(Right::See), caller.is_admin());
        let status = filter.status.map(EventStatus::name);
        let matching: Matching<'_> = [
            &own,
            &admin,
            &status,
            &filter.category,
            &filter.from,
            &filter.to,
            &filter.city,
        ];
        let (ids, total) = match &filter.q {
            Some(part) => search::search(&mut client, part, filter, matching).await?,
            None => listed(&client, filter, admin, matching).await?,
        };
        let sql = format!(
            "select {COLUMNS} from unnest($1::bigint[]) with ordinality as page (id, nth)
               join events e on e.id = page.id {TABLES} order by page.nth"
        );
        let statement = client.prepare_cached(&sql).await?;
        let rows = client.query(&statement, &[&ids]).await?;
        let events = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((events, total))
    }

    /// One page of the events of organizations (`None`: of all) with their sales, newest first. What a filter asks for is
    /// looked for among the newest [`SEARCH_CANDIDATES_MAX`] of each.
    pub async fn managed_events(
        &self,
        organizations: Option<&[OrganizationId]>,
        filter: &ManagedFilter,
    ) -> Result<(Vec<ManagedEvent>, Total), StoreError> {
        // Ids are positive: as if after the first event of that moment.
        let first = filter.before.map(|before| (before, EventId(0)));
        let (place, id) = filter.after.or(first).unzip();
        let status = filter.status.map(EventStatus::name);
        let beyond = match place.is_some() {
            true => "(e.starts_at, e.id) < ($4, $5)",
            false => "$4::timestamptz is null and $5::bigint is null",
        };
        // It is planned for the given values, so a condition that is not asked for is no part of the plan.
        let asked = |status: u8, part: u8| {
            format!(
                "(${status}::text is null or e.status = ${status})
                 and (${part}::text is null or strpos(e.searched, searchable(${part})) > 0)"
            )
        };
        let newest = |condition: &str| match filter.q.is_some() || filter.status.is_some() {
            true => format!(
                "(select * from events e where {condition} and e.deleted_at is null
                   order by e.starts_at desc, e.id desc limit {SEARCH_CANDIDATES_MAX}) e where true"
            ),
            false => format!("events e where {condition} and e.deleted_at is null"),
        };
        let asked_here = asked(6, 7);
        // Of each organization as many as the page could need, along the index of its events.
        let page = match organizations {
            Some(_) => format!(
                "select e.id from unnest($1::bigint[]) own (id)
                  cross join lateral (select e.id, e.starts_at from {} and {beyond} and {asked_here}
                                       order by e.starts_at desc, e.id desc limit $2::bigint + $3::bigint) e",
                newest("e.organizer_id = own.id")
            ),
            None => format!(
                "select e.id from {} and {beyond} and {asked_here}",
                newest("$1::bigint[] is null")
            ),
        };
        // Ids first, so that no sales are counted of what the page skips.
        let page = format!(
            "select {COLUMNS}, coalesce(n.sold - n.returned, 0), coalesce(n.sold_amount - n.returned_amount, 0) - coalesce(back.amount, 0)
               from ({page}
                      order by e.starts_at desc, e.id desc limit $2 offset $3) as page
               join events e on e.id = page.id {TABLES}
              left join booking_numbers n on n.event_id = e.id and n.quarter = '-infinity'
              left join refund_numbers back on back.event_id = e.id and back.quarter = '-infinity'
              order by e.starts_at desc, e.id desc"
        );
        let client = self.client().await?;
        let ManagedFilter {
            q, limit, offset, ..
        } = filter;
        let values: [&(dyn ToSql + Sync); 7] =
            [&organizations, limit, offset, &place, &id, &status, q];
        let rows = client.query(&page, &values).await?;
        let asked_here = format!(
            "{} and e.starts_at < coalesce($4::timestamptz, 'infinity')",
            asked(2, 3)
        );
        let all = match organizations {
            Some(_) => format!(
                "from unnest($1::bigint[]) own (id)
                  cross join lateral (select from {} and {asked_here}) e",
                newest("e.organizer_id = own.id")
            ),
            None => format!("from {} and {asked_here}", newest("$1::bigint[] is null")),
        };
        let values: [&(dyn ToSql + Sync); 4] = [&organizations, &status, q, &filter.before];
        let total = Total::of(&client, &all, &values, LIST_COUNTED_MAX).await?;
        let events = rows.iter().map(managed).collect::<Result<_, _>>()?;
        Ok((events, total))
    }
}

pub(super) async fn event_in_full(
    client: &impl GenericClient,
    event: EventId,
) -> Result<Option<EventInFull>, StoreError> {
    let statement = client
        .prepare_cached(&format!(
            "select {COLUMNS},
                    (select coalesce(jsonb_agg(jsonb_build_object(
                                'id', t.id, 'min_per_booking', t.min_per_booking,
                                'max_per_booking', t.max_per_booking, 'max_per_user', t.max_per_user,
                                'members_only', t.members_only,
                                'account_required', t.account_required,
                                'email_required', t.email_required,
                                'seated', t.seated
                            ) order by t.id), '[]') from ticket_types t where t.event_id = e.id),
                    (select coalesce(jsonb_agg(jsonb_build_object(
                                'id', c.id, 'name', c.name,
                                'seats', (select count(*) from seats s where s.section_id = c.id)
                            ) order by c.id), '[]') from sections c where c.event_id = e.id)
             from events e {TABLES} where e.id = $1 and e.deleted_at is null"
        ))
        .await?;
    let row = client.query_opt(&statement, &[&event]).await?;
    row.map(|row| {
        let Json(terms) = row.try_get(7)?;
        let Json(sections) = row.try_get(8)?;
        Ok(EventInFull {
            row: read(&row)?,
            terms,
            sections,
            reserved: None,
        })
    })
    .transpose()
}

impl EventSort {
    /// Its name, as callers give it.
    pub fn name(self) -> &'static str {
        match self {
            EventSort::SoonestFirst => "starts_at",
            EventSort::LatestFirst => "-starts_at",
            EventSort::Title => "title",
            EventSort::TitleBackwards => "-title",
            EventSort::OldestFirst => "created_at",
            EventSort::NewestFirst => "-created_at",
        }
    }

    /// Whether its places are times (RFC 3339); else they are titles.
    pub fn is_by_time(self) -> bool {
        !matches!(self, EventSort::Title | EventSort::TitleBackwards)
    }

    /// The place of an event in this order.
    pub fn place_of(self, row: &EventRow) -> &str {
        match self {
            EventSort::SoonestFirst | EventSort::LatestFirst => &row.event.starts_at,
            EventSort::Title | EventSort::TitleBackwards => &row.event.title,
            EventSort::OldestFirst | EventSort::NewestFirst => &row.created_at,
        }
    }

    fn key(self) -> &'static str {
        match self {
            EventSort::SoonestFirst | EventSort::LatestFirst => "e.starts_at",
            EventSort::Title | EventSort::TitleBackwards => "lower(e.title)",
            EventSort::OldestFirst | EventSort::NewestFirst => "e.created_at",
        }
    }

    fn is_backwards(self) -> bool {
        self.name().starts_with('-')
    }

    fn direction(self) -> &'static str {
        if self.is_backwards() { "desc" } else { "asc" }
    }

    fn beyond(self) -> &'static str {
        if self.is_backwards() { "<" } else { ">" }
    }

    /// The parameter with a place, as [`EventSort::key`] has it.
    fn place(self, parameter: &str) -> String {
        match self.is_by_time() {
            true => format!("{parameter}::text::timestamptz"),
            false => format!("lower({parameter}::text)"),
        }
    }
}

/// The values of [`MATCHING`].
type Matching<'a> = [&'a (dyn ToSql + Sync); 7];

/// The order of a list of events `e` and where a page of it begins, in SQL.
struct PageSql {
    /// A condition on the rows.
    beyond: String,
    key: &'static str,
    direction: &'static str,
    /// By `key` and id.
    order: String,
}

impl EventFilter {
    /// Its first two parameters, from `$first` on, are the place and the id after which it begins.
    fn page_sql(&self, first: usize) -> PageSql {
        let sort = self.sort;
        let (key, direction) = (sort.key(), sort.direction());
        // One comparison of rows, so that an index in this order begins where the page does.
        let (place, id) = (format!("${first}"), format!("${}", first + 1));
        let beyond = match self.after.is_some() {
            true => format!(
                "and ({key}, e.id) {} ({}, {id})",
                sort.beyond(),
                sort.place(&place)
            ),
            false => format!("and {place}::text is null and {id}::bigint is null"),
        };
        PageSql {
            beyond,
            key,
            direction,
            order: format!("{key} {direction}, e.id {direction}"),
        }
    }

    /// The events among which these are. Drafts are looked for among the caller's own, along their index: there may be any
    /// number of others'.
    fn among(&self, admin: bool) -> &'static str {
        match self.status {
            Some(EventStatus::Draft) if !admin => {
                "unnest($1::bigint[]) as own (id)
                 cross join lateral (select * from events where organizer_id = own.id and status = 'draft' offset 0) e"
            }
            _ => "events e",
        }
    }

    /// How many rows there are in all, if `rows` are the last page and so tell.
    fn total(&self, rows: usize) -> Option<i64> {
        let page = CountedPage {
            rows: rows as i64,
            limit: self.limit,
            offset: self.offset,
            is_after: self.after.is_some(),
        };
        page.total()
    }
}

/// A page of all events, along an index of its order.
async fn listed(
    client: &impl GenericClient,
    filter: &EventFilter,
    admin: bool,
    matching: Matching<'_>,
) -> Result<(Vec<EventId>, Total), StoreError> {
    let PageSql { beyond, order, .. } = filter.page_sql(8);
    let among = filter.among(admin);
    let sql = format!(
        "select e.id from {among} {MATCHING} {beyond} order by {order} limit $10 offset $11"
    );
    let (place, id) = filter.after.clone().unzip();
    let of_page: [&(dyn ToSql + Sync); 4] = [&place, &id, &filter.limit, &filter.offset];
    let values: Vec<_> = matching.into_iter().chain(of_page).collect();
    let ids = ids(&client.query(&sql, &values).await?)?;
    let total = match filter.total(ids.len()) {
        Some(rows) => Total::counted(rows, LIST_COUNTED_MAX),
        None => {
            let all = format!("from {among} {MATCHING}");
            Total::of(client, &all, &matching, LIST_COUNTED_MAX).await?
        }
    };
    Ok((ids, total))
}

fn ids(rows: &[Row]) -> Result<Vec<EventId>, StoreError> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn managed(row: &Row) -> Result<ManagedEvent, StoreError> {
    Ok(ManagedEvent {
        row: read(row)?,
        bookings: row.try_get(7)?,
        revenue: row.try_get(8)?,
    })
}

fn read(row: &Row) -> Result<EventRow, StoreError> {
    let Json(event) = row.try_get(1)?;
    let Json(ticket_types) = row.try_get(2)?;
    Ok(EventRow {
        revision: unsigned(row.try_get(0)?)?,
        event,
        ticket_types,
        created_at: row.try_get(3)?,
        country: row.try_get(4)?,
        offer_minutes: row.try_get::<_, i32>(6)?.into(),
        city: row.try_get(5)?,
    })
}
