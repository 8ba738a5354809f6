//! The counts of many events at once, for events that are not watched.

use jiff::Timestamp;
use serde::Deserialize;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::changes::unsigned;
use super::{Store, StoreError, Total};
use crate::config::rest::LIST_COUNTED_MAX;
use crate::ticketing::live::{EventInfo, TicketType};
use crate::ticketing::{EventId, Revision, TicketTypeId};

/// An event with its ticket types at one revision: its live state without notices and seats.
#[derive(Debug, Clone, PartialEq)]
pub struct Stand {
    pub revision: Revision,
    pub event: EventInfo,
    /// By id, the hidden ones as well.
    pub ticket_types: Vec<TicketType>,
}

/// Of the events whose ids `of` yields as `id`, in `order`. Each is looked up by its key, however the planner thinks of the
/// tables.
fn stands_of(of: &str, order: &str) -> String {
    format!(
        "select turn.revision, event_json(e.whole, turn.layout), t.types
           from ({of}) as asked
          cross join lateral (select one as whole, one.id, one.starts_at from events one
                               where one.id = asked.id and one.deleted_at is null limit 1) e
          cross join lateral (select revision, layout from turns where event_id = e.id limit 1) turn
          cross join lateral ticket_types_of(e.id) t
          order by {order}"
    )
}

impl Store {
    /// Reads those of the events that exist, by id, in one snapshot.
    pub async fn stands(&self, events: &[EventId]) -> Result<Vec<Stand>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(&stands_of(
                "select distinct unnest($1::bigint[]) as id",
                "e.id",
            ))
            .await?;
        let rows = client.query(&statement, &[&events]).await?;
        rows.iter().map(read).collect()
    }

    /// Seats by section and ticket type, in the map's order of sections, and at which revision; none for an event without
    /// seats. `None`: there is no such event.
    pub async fn section_stands(
        &self,
        event: EventId,
    ) -> Result<Option<(Revision, Vec<SectionStand>)>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select turn.revision, n.section_id, section.name, n.ticket_type_id, t.name,
                        n.allocated, n.available, n.held, n.sold, n.blocked
                   from turns turn
                   left join (seats_by_section($1) n
                              join sections section on section.id = n.section_id
                              join ticket_types t on t.id = n.ticket_type_id and not t.hidden) on true
                  where turn.event_id = $1 order by n.section_id, n.ticket_type_id",
            )
            .await?;
        let rows = client.query(&statement, &[&event]).await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let revision = unsigned(first.try_get(0)?)?;
        let mut sections = Vec::with_capacity(rows.len());
        for row in &rows {
            sections.extend(section(row)?);
        }
        Ok(Some((revision, sections)))
    }

    /// One page of the active events, the next to begin first, and how many there are in all.
    pub async fn active_stands(
        &self,
        after: Option<(Timestamp, EventId)>,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<Stand>, Total), StoreError> {
        let client = self.client().await?;
        let active = "from events where status = 'active' and deleted_at is null";
        let beyond = match after.is_some() {
            true => "and (starts_at, id) > ($3, $4)",
            false => "and $3::timestamptz is null and $4::bigint is null",
        };
        // Ids first, so that no row that the page skips is rendered.
        let page = format!("select id {active} {beyond} order by starts_at, id limit $1 offset $2");
        let statement = client
            .prepare_cached(&stands_of(&page, "e.starts_at, e.id"))
            .await?;
        let (starts_at, id) = after.unzip();
        let rows = client
            .query(&statement, &[&limit, &offset, &starts_at, &id])
            .await?;
        let total = Total::of(&client, active, &[], LIST_COUNTED_MAX).await?;
        let stands = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((stands, total))
    }
}

/// Seats of one ticket type in one section.
#[derive(Debug, Clone, PartialEq, serde::Serialize, Deserialize, utoipa::ToSchema)]
pub struct SectionStand {
    pub section_id: i64,
    pub section: String,
    pub ticket_type_id: TicketTypeId,
    pub ticket_type: String,
    /// Each of them is available, held, sold or blocked.
    pub allocated: i64,
    pub available: i64,
    pub held: i64,
    pub sold: i64,
    pub blocked: i64,
}

/// `None`: the row of an event without seats.
fn section(row: &Row) -> Result<Option<SectionStand>, StoreError> {
    let Some(section_id) = row.try_get(1)? else {
        return Ok(None);
    };
    Ok(Some(SectionStand {
        section_id,
        section: row.try_get(2)?,
        ticket_type_id: row.try_get(3)?,
        ticket_type: row.try_get(4)?,
        allocated: row.try_get(5)?,
        available: row.try_get(6)?,
        held: row.try_get(7)?,
        sold: row.try_get(8)?,
        blocked: row.try_get(9)?,
    }))
}

fn read(row: &Row) -> Result<Stand, StoreError> {
    let Json(event) = row.try_get(1)?;
    let Json(ticket_types) = row.try_get(2)?;
    Ok(Stand {
        revision: unsigned(row.try_get(0)?)?,
        event,
        ticket_types,
    })
}
