//! Replaces a seat map as a whole. A seat that is in the old and in the new map (same section, row and number) stays the same
//! row, so sold seats stay sold.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::{GenericClient, Transaction};

use super::Store;
use super::edit::{EditResult, Edited};
use super::seats::{SeatKind, Stage, refuse_unknown_types};
use crate::auth::Caller;
use crate::ticketing::edit::EditRefusal;
use crate::ticketing::{EventId, SeatId, TicketTypeId};

/// A map in layout order. `(section, row, number)` is unique.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewSeatMap {
    pub seats: Vec<NewSeat>,
    pub stage: NewStage,
}

/// The stage after an edit.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum NewStage {
    /// As it was.
    #[default]
    Kept,
    /// There, or none.
    Set(Option<Stage>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewSeat {
    pub section: String,
    pub row: String,
    pub number: String,
    pub ticket_type: TicketTypeId,
    pub x: f32,
    pub y: f32,
    /// `None` leaves it as it was; a new seat is then available.
    pub blocked: Option<bool>,
    /// `None` leaves it as it was; a new seat is then a standard one.
    pub kind: Option<SeatKind>,
}

/// The seats as columns, for set-wise statements.
#[derive(Default)]
struct StoredSeatColumns<'a> {
    sections: Vec<&'a str>,
    rows: Vec<&'a str>,
    numbers: Vec<&'a str>,
    types: Vec<TicketTypeId>,
    x: Vec<f32>,
    y: Vec<f32>,
    blocked: Vec<Option<bool>>,
    kinds: Vec<Option<&'static str>>,
}

impl Store {
    /// Replaces the event's seats, and returns the map's new version. Refused if it would remove, block or re-price a seat that
    /// is held or sold.
    pub async fn replace_seatmap(
        &self,
        event: EventId,
        caller: &Caller,
        map: &NewSeatMap,
    ) -> EditResult<Edited<u32>> {
        let given = (event, map);
        self.edit(event, caller, &given, |tx, (event, map), before| {
            Box::pin(async move {
                let seats = i64::try_from(map.seats.len()).unwrap_or(i64::MAX);
                if seats > before.capacity {
                    let capacity = before.capacity;
                    return Err(EditRefusal::MapBeyondCapacity { seats, capacity }.into());
                }
                let columns = StoredSeatColumns::of(map);
                refuse_unknown_types(tx, *event, &columns.ticket_types()).await?;
                refuse_lost(tx, *event, map).await?;
                replace(tx, *event, &columns).await?;
                set_stage(tx, *event, &map.stage).await?;
                let layout = "select layout from turns where event_id = $1";
                let layout: i32 = tx.query_one(layout, &[event]).await?.try_get(0)?;
                Ok(layout.unsigned_abs())
            })
        })
        .await
    }
}

impl<'a> StoredSeatColumns<'a> {
    fn of(map: &'a NewSeatMap) -> StoredSeatColumns<'a> {
        let mut columns = StoredSeatColumns::default();
        for seat in &map.seats {
            columns.sections.push(&seat.section);
            columns.rows.push(&seat.row);
            columns.numbers.push(&seat.number);
            columns.types.push(seat.ticket_type);
            columns.x.push(seat.x);
            columns.y.push(seat.y);
            columns.blocked.push(seat.blocked);
            columns.kinds.push(seat.kind.map(SeatKind::name));
        }
        columns
    }
}

impl StoredSeatColumns<'_> {
    /// Each once, in the order of the map.
    fn section_names(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let names = self.sections.iter().copied();
        names.filter(|name| seen.insert(*name)).collect()
    }

    fn ticket_types(&self) -> Vec<TicketTypeId> {
        let types: HashSet<_> = self.types.iter().copied().collect();
        types.into_iter().collect()
    }
}

async fn set_stage(tx: &Transaction<'_>, event: EventId, stage: &NewStage) -> EditResult<()> {
    match stage {
        NewStage::Kept => {}
        NewStage::Set(None) => {
            let clear = "delete from stages where event_id = $1";
            tx.execute(clear, &[&event]).await?;
        }
        NewStage::Set(Some(stage)) => {
            let Stage {
                x,
                y,
                width,
                height,
                label,
            } = stage;
            let set = "
                insert into stages (event_id, x, y, width, height, label) values ($1, $2, $3, $4, $5, $6)
                    on conflict (event_id) do update set x = excluded.x, y = excluded.y, width = excluded.width,
                       height = excluded.height, label = excluded.label";
            tx.execute(set, &[&event, x, y, width, height, label])
                .await?;
        }
    }
    Ok(())
}

async fn refuse_lost(tx: &Transaction<'_>, event: EventId, map: &NewSeatMap) -> EditResult<()> {
    let claimed = "
        select s.id, c.name, s.row_label, s.number, s.ticket_type_id, claims.state = 'sold'
          from seats s join sections c on c.id = s.section_id
          join claims on claims.seat_id = s.id and claims.state <> 'dead'
         where s.event_id = $1 order by s.id";
    let claimed = tx.query(claimed, &[&event]).await?;
    if claimed.is_empty() {
        return Ok(());
    }
    let places: HashMap<(&str, &str, &str), &NewSeat> = map
        .seats
        .iter()
        .map(|seat| {
            let place = (
                seat.section.as_str(),
                seat.row.as_str(),
                seat.number.as_str(),
            );
            (place, seat)
        })
        .collect();
    let (mut sold, mut held): (Vec<SeatId>, Vec<SeatId>) = Default::default();
    for row in &claimed {
        let place = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let ticket_type: TicketTypeId = row.try_get(4)?;
        let kept = places
            .get(&place)
            .is_some_and(|seat| seat.ticket_type == ticket_type && seat.blocked != Some(true));
        if !kept {
            let lost = if row.try_get(5)? {
                &mut sold
            } else {
                &mut held
            };
            lost.push(row.try_get(0)?);
        }
    }
    if !sold.is_empty() {
        return Err(EditRefusal::SeatSold { seats: sold }.into());
    }
    if !held.is_empty() {
        return Err(EditRefusal::SeatHeld { seats: held }.into());
    }
    Ok(())
}

/// Removes dropped seats first, so that their positions are free; then moves the remaining ones to their new positions in
/// one statement; then adds the new ones.
async fn replace(
    tx: &Transaction<'_>,
    event: EventId,
    columns: &StoredSeatColumns<'_>,
) -> EditResult<()> {
    let StoredSeatColumns {
        sections,
        rows,
        numbers,
        types,
        x,
        y,
        blocked,
        kinds,
    } = columns;
    let remove = "
        delete from seats s using sections c
         where s.event_id = $1 and c.id = s.section_id
           and not exists (select from unnest($2::text[], $3::text[], $4::text[]) as n (section, row_label, number)
                            where n.section = c.name and n.row_label = s.row_label and n.number = s.number)";
    tx.execute(remove, &[&event, sections, rows, numbers])
        .await?;
    let close = "delete from sections where event_id = $1 and name <> all($2)";
    tx.execute(close, &[&event, &columns.section_names()])
        .await?;
    let open = "
        insert into sections (event_id, name)
        select $1, name from unnest($2::text[]) with ordinality as n (name, place) order by place
            on conflict on constraint sections_name_unique do nothing";
    tx.execute(open, &[&event, &columns.section_names()])
        .await?;
    let wanted = "
          from unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::real[], $7::real[], $8::boolean[], $9::text[])
               with ordinality as n (section, row_label, number, ticket_type_id, x, y, blocked, kind, place)
          join sections c on c.event_id = $1 and c.name = n.section";
    let keep = format!(
        "update seats s
            set ticket_type_id = k.ticket_type_id, x = k.x, y = k.y, position = k.place - 1,
                blocked = coalesce(k.blocked, s.blocked), kind = coalesce(k.kind, s.kind)
           from (select c.id as section_id, n.* {wanted}) as k
          where s.section_id = k.section_id and s.row_label = k.row_label and s.number = k.number
            and (s.ticket_type_id, s.x, s.y, s.position, s.blocked, s.kind) is distinct from
                (k.ticket_type_id, k.x, k.y, k.place - 1, coalesce(k.blocked, s.blocked), coalesce(k.kind, s.kind))"
    );
    tx.execute(
        &keep,
        &[&event, sections, rows, numbers, types, x, y, blocked, kinds],
    )
    .await?;
    let add = format!(
        "insert into seats (event_id, section_id, row_label, number, ticket_type_id, x, y, position, blocked, kind)
         select $1, c.id, n.row_label, n.number, n.ticket_type_id, n.x, n.y, n.place - 1, coalesce(n.blocked, false),
                coalesce(n.kind, 'standard')
         {wanted}
          where not exists (select from seats s where s.section_id = c.id
                               and s.row_label = n.row_label and s.number = n.number)
          order by n.place"
    );
    tx.execute(
        &add,
        &[&event, sections, rows, numbers, types, x, y, blocked, kinds],
    )
    .await?;
    Ok(())
}
