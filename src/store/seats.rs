//! Seats: their geometry, changes of their status, and taking them off sale.

use deadpool_postgres::{GenericClient, Transaction};
use serde::Serialize;
use utoipa::ToSchema;

use super::Store;
use super::StoreError;
use super::changes::unsigned;
use super::edit::{EditResult, Edited};
use crate::auth::Caller;
use crate::ticketing::edit::EditRefusal;
use crate::ticketing::live::{Delta, SeatMap, SeatStatus};
use crate::ticketing::{EventId, Revision, SeatId, TicketTypeId};

/// The seat map of an event at one version.
#[derive(Debug, Clone, PartialEq)]
pub struct Geometry {
    pub layout: i32,
    pub sections: Vec<(i64, String)>,
    pub stage: Option<Stage>,
    /// In layout order; positions may be missing.
    pub seats: Vec<PlacedSeat>,
}

/// Where the stage of a hall is, in the unit of its seats. The corner has the least values of both axes.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub struct Stage {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
    /// Empty: the word for a stage, in the viewer's language.
    pub label: String,
}

/// For whom a place is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SeatKind {
    #[default]
    Standard,
    /// Room for a wheelchair.
    Wheelchair,
    /// Beside such a place.
    Companion,
}

impl SeatKind {
    pub const ALL: [SeatKind; 3] = [
        SeatKind::Standard,
        SeatKind::Wheelchair,
        SeatKind::Companion,
    ];

    /// As requests and the database name it.
    pub fn name(self) -> &'static str {
        match self {
            SeatKind::Standard => "standard",
            SeatKind::Wheelchair => "wheelchair",
            SeatKind::Companion => "companion",
        }
    }

    fn named(name: &str) -> SeatKind {
        let found = SeatKind::ALL.into_iter().find(|kind| kind.name() == name);
        found.unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PlacedSeat {
    pub id: SeatId,
    pub section_id: i64,
    pub row: String,
    pub number: String,
    pub ticket_type_id: TicketTypeId,
    pub x: f32,
    pub y: f32,
    pub position: i32,
    pub kind: SeatKind,
}

/// The statuses of an event's seats.
#[derive(Debug, Clone, PartialEq)]
pub struct SeatsRow {
    pub layout: u32,
    pub revision: Revision,
    pub seats: SeatMap,
}

/// A hidden ticket type, and places of its free seats, ascending.
pub type HiddenSeats = (TicketTypeId, Vec<u32>);

/// The free seats of an event's hidden ticket types at one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenRead {
    /// Of the map that the places are of.
    pub layout: u32,
    pub revision: Revision,
    pub of_types: Vec<HiddenSeats>,
}

/// Changes of some seats; fields that are `None` stay as they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeatsChange {
    pub seats: Vec<SeatId>,
    /// `true` takes them off sale, `false` puts them back.
    pub blocked: Option<bool>,
    /// Moves them to this ticket type.
    pub ticket_type: Option<TicketTypeId>,
}

const LAYOUT: &str = "
    select t.layout from turns t join events e on e.id = t.event_id where e.id = $1 and e.deleted_at is null";

impl Store {
    /// The geometry of the seats in one snapshot; `None` if there is no such event.
    pub async fn geometry(&self, event: EventId) -> Result<Option<Geometry>, StoreError> {
        let mut client = self.client().await?;
        let snapshot = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let Some(layout) = snapshot.query_opt(LAYOUT, &[&event]).await? else {
            return Ok(None);
        };
        let sections = "select id, name from sections where event_id = $1 order by id";
        let sections = snapshot.query(sections, &[&event]).await?;
        let stage = "select x, y, width, height, label from stages where event_id = $1";
        let stage = snapshot.query_opt(stage, &[&event]).await?;
        let seats = "select id, section_id, row_label, number, ticket_type_id, x, y, position, kind
                       from seats where event_id = $1 order by position";
        let seats = snapshot.query(seats, &[&event]).await?;
        snapshot.commit().await?;
        Ok(Some(Geometry {
            layout: layout.try_get(0)?,
            sections: sections
                .iter()
                .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
                .collect::<Result<_, StoreError>>()?,
            stage: stage.as_ref().map(placed_stage).transpose()?,
            seats: seats.iter().map(placed).collect::<Result<_, _>>()?,
        }))
    }

    /// The version of the event's seat map; `None` if there is no such event.
    pub async fn layout(&self, event: EventId) -> Result<Option<i32>, StoreError> {
        let client = self.client().await?;
        let statement = client.prepare_cached(LAYOUT).await?;
        let row = client.query_opt(&statement, &[&event]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// The status of every seat at one revision; `None` if there is no such event.
    pub async fn seat_statuses(&self, event: EventId) -> Result<Option<SeatsRow>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select t.layout, t.revision, t.seat_count, taken.positions, taken.statuses
                   from turns t join events e on e.id = t.event_id
                   cross join lateral taken_seats(e.id, t.seat_count) taken
                  where e.id = $1 and e.deleted_at is null",
            )
            .await?;
        let row = client.query_opt(&statement, &[&event]).await?;
        row.map(|row| {
            let seat_count: i32 = row.try_get(2)?;
            let positions: Option<Vec<i32>> = row.try_get(3)?;
            let statuses: Option<&str> = row.try_get(4)?;
            let digits = statuses.unwrap_or_default().bytes();
            let mut seats = SeatMap::new(seat_count.unsigned_abs());
            for (position, digit) in positions.unwrap_or_default().into_iter().zip(digits) {
                let status = SeatStatus::try_from(i64::from(digit) - i64::from(b'0'));
                let status = status.map_err(|error| StoreError::corrupt(error.to_string()))?;
                seats.set(position.unsigned_abs(), status);
            }
            let layout: i32 = row.try_get(0)?;
            Ok(SeatsRow {
                layout: layout.unsigned_abs(),
                revision: unsigned(row.try_get(1)?)?,
                seats,
            })
        })
        .transpose()
    }

    /// Places of the free seats of the event's hidden ticket types. Everybody is told that they are blocked.
    pub async fn hidden_free_seats(
        &self,
        event: EventId,
    ) -> Result<Option<HiddenRead>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select t.revision, f.ticket_type_id, f.positions, t.layout
                   from turns t
                   left join lateral (
                     select of_type.id as ticket_type_id, array_agg(s.position order by s.position) as positions
                       from unnest(array(select id from ticket_types where event_id = t.event_id and hidden)) as of_type (id)
                      cross join lateral (select id, position from seats
                                           where ticket_type_id = of_type.id and not blocked offset 0) s
                       left join lateral (select true as is_taken from claims
                                           where seat_id = s.id and state <> 'dead' limit 1) c on true
                      where c.is_taken is null
                      group by of_type.id) f on true
                  where t.event_id = $1",
            )
            .await?;
        let rows = client.query(&statement, &[&event]).await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let revision = unsigned(first.try_get(0)?)?;
        let mut of_types = Vec::with_capacity(rows.len());
        for row in &rows {
            let positions: Option<Vec<i32>> = row.try_get(2)?;
            let (Some(ticket_type), Some(positions)) = (row.try_get(1)?, positions) else {
                continue;
            };
            let places = positions.into_iter().map(i32::unsigned_abs).collect();
            of_types.push((ticket_type, places));
        }
        let layout: i32 = first.try_get(3)?;
        Ok(Some(HiddenRead {
            layout: layout.unsigned_abs(),
            revision,
            of_types,
        }))
    }

    /// The changes after `since`, merged; `None` if the log does not reach back that far within `rows_max` rows.
    pub async fn changed_since(
        &self,
        event: EventId,
        since: Revision,
        rows_max: usize,
    ) -> Result<Option<Delta>, StoreError> {
        let changes = self.changes_after(&[(event, since)], rows_max).await?;
        if changes.len() >= rows_max {
            return Ok(None);
        }
        let mut deltas = changes.into_iter().map(|(_, delta)| delta);
        let Some(mut merged) = deltas.next() else {
            return Ok(None);
        };
        for delta in deltas {
            merged.merge(&delta);
        }
        Ok((merged.from == since).then_some(merged))
    }

    /// The event's revision; `None` when there is no such event.
    pub async fn revision(&self, event: EventId) -> Result<Option<Revision>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "select t.revision from turns t join events e on e.id = t.event_id
                  where e.id = $1 and e.deleted_at is null",
            )
            .await?;
        let row = client.query_opt(&statement, &[&event]).await?;
        row.map(|row| unsigned(row.try_get(0)?)).transpose()
    }

    /// Takes seats off sale or puts them back, or moves them to another ticket type; refused where one is held or sold.
    pub async fn change_seats(
        &self,
        event: EventId,
        caller: &Caller,
        change: &SeatsChange,
    ) -> EditResult<Edited<()>> {
        let given = (event, change);
        self.edit(event, caller, &given, |tx, (event, change), _| {
            Box::pin(async move {
                refuse_unknown(tx, *event, change).await?;
                if change.blocked == Some(true) || change.ticket_type.is_some() {
                    refuse_taken(tx, change).await?;
                }
                let update = "
                    update seats set blocked = coalesce($2, blocked), ticket_type_id = coalesce($3, ticket_type_id)
                     where id = any($1)";
                tx.execute(update, &[&change.seats, &change.blocked, &change.ticket_type])
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

fn placed_stage(row: &tokio_postgres::Row) -> Result<Stage, StoreError> {
    Ok(Stage {
        x: row.try_get(0)?,
        y: row.try_get(1)?,
        width: row.try_get(2)?,
        height: row.try_get(3)?,
        label: row.try_get(4)?,
    })
}

fn placed(row: &tokio_postgres::Row) -> Result<PlacedSeat, StoreError> {
    Ok(PlacedSeat {
        id: row.try_get(0)?,
        section_id: row.try_get(1)?,
        row: row.try_get(2)?,
        number: row.try_get(3)?,
        ticket_type_id: row.try_get(4)?,
        x: row.try_get(5)?,
        y: row.try_get(6)?,
        position: row.try_get(7)?,
        kind: SeatKind::named(row.try_get(8)?),
    })
}

async fn refuse_unknown(
    tx: &Transaction<'_>,
    event: EventId,
    change: &SeatsChange,
) -> EditResult<()> {
    let unknown = "select array_agg(id order by id) from unnest($2::bigint[]) as wanted (id)
                    where not exists (select from seats s where s.id = wanted.id and s.event_id = $1)";
    let unknown = tx.query_one(unknown, &[&event, &change.seats]).await?;
    if let Some(seats) = unknown.try_get(0)? {
        return Err(EditRefusal::SeatNotFound { seats }.into());
    }
    if let Some(ticket_type_id) = change.ticket_type {
        refuse_unknown_types(tx, event, &[ticket_type_id]).await?;
        // Before anybody's hold is ended for a move that cannot be.
        let units = "select exists (select from claims
                                     where ticket_type_id = $1 and seat_id is null and state <> 'dead')
                         or exists (select from vouchers where reserved_type_id = $1 and reserved_left > 0)";
        if tx.query_one(units, &[&ticket_type_id]).await?.try_get(0)? {
            return Err(EditRefusal::TicketTypeHasUnits.into());
        }
    }
    Ok(())
}

/// Refuses the first of `types` that does not belong to the event.
pub(super) async fn refuse_unknown_types(
    tx: &Transaction<'_>,
    event: EventId,
    types: &[TicketTypeId],
) -> EditResult<()> {
    let unknown = "select min(id) from unnest($2::bigint[]) as wanted (id)
                    where not exists (select from ticket_types t where t.id = wanted.id and t.event_id = $1)";
    match tx.query_one(unknown, &[&event, &types]).await?.try_get(0)? {
        Some(ticket_type_id) => Err(EditRefusal::TicketTypeNotFound { ticket_type_id }.into()),
        None => Ok(()),
    }
}

/// Refuses where one of the seats is held or sold.
async fn refuse_taken(tx: &Transaction<'_>, change: &SeatsChange) -> EditResult<()> {
    let taken = "select c.state, array_agg(c.seat_id order by c.seat_id)
                   from claims c where c.seat_id = any($1) and c.state <> 'dead'
                  group by c.state order by c.state desc";
    match tx.query(taken, &[&change.seats]).await?.first() {
        None => Ok(()),
        Some(row) if row.try_get::<_, &str>(0)? == "sold" => {
            let seats = row.try_get(1)?;
            Err(EditRefusal::SeatSold { seats }.into())
        }
        Some(row) => {
            let seats = row.try_get(1)?;
            Err(EditRefusal::SeatHeld { seats }.into())
        }
    }
}
