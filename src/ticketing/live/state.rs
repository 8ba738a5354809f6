//! Applies deltas to a state, and turns a state into a delta.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Delta, EventInfo, EventState, EventStatus, Gap, Notice, RowChange, SeatMap, TicketType, Totals,
};
use crate::ticketing::sellable::{Source, sellable};

impl EventState {
    /// The state in a delta from revision 0; `None` if it lacks the event's own fields.
    pub fn from_whole(delta: &Delta) -> Option<EventState> {
        let mut state = EventState {
            revision: 0,
            event: delta.event.clone()?,
            ticket_types: BTreeMap::new(),
            notices: BTreeMap::new(),
            seats: SeatMap::default(),
        };
        state.absorb(delta);
        Some(state)
    }

    /// Moves the state to `delta.to`. Ignores a delta that is not newer than the state.
    pub fn apply(&mut self, delta: &Delta) -> Result<(), Gap> {
        if delta.to <= self.revision {
            return Ok(());
        }
        if delta.from > self.revision {
            let (have, from) = (self.revision, delta.from);
            return Err(Gap { have, from });
        }
        if delta.from == 0 {
            self.ticket_types.clear();
            self.notices.clear();
            self.seats = SeatMap::default();
        }
        self.absorb(delta);
        Ok(())
    }

    fn absorb(&mut self, delta: &Delta) {
        if let Some(event) = &delta.event {
            self.event.clone_from(event);
        }
        absorb_rows(&mut self.ticket_types, &delta.ticket_types);
        absorb_rows(&mut self.notices, &delta.notices);
        if let Some(layout) = delta.layout {
            self.event.layout = layout;
            self.seats = self.seats.resized(delta.kept, delta.seat_count);
        }
        for (&position, &status) in &delta.seats {
            self.seats.set(position, status);
        }
        self.revision = delta.to;
    }

    /// The whole state as a delta from revision 0. Its rows are updates, since a viewer that gets it while watching has
    /// most of them already.
    pub fn whole(&self) -> Delta {
        Delta {
            from: 0,
            to: self.revision,
            at: self.updated_at().to_owned(),
            event: Some(self.event.clone()),
            ticket_types: updates(&self.ticket_types),
            notices: updates(&self.notices),
            seats: self.seats.taken().collect(),
            layout: Some(self.event.layout),
            seat_count: self.seats.len(),
            ..Delta::default()
        }
    }

    /// The notices that have not ended by now: nothing is logged when one does.
    pub fn notices_at(&self, now: Timestamp) -> impl Iterator<Item = &Notice> {
        self.notices.values().filter(move |n| !n.has_ended(now))
    }

    /// The time at which the first of those ends.
    pub fn first_end_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.notices_at(now).filter_map(Notice::ends_at).min()
    }

    /// See [`Totals::of`].
    pub fn totals(&self) -> Totals {
        Totals::of(&self.event, self.ticket_types.values())
    }

    /// The newest time among the rows. All come from the database in UTC, so text order is time order.
    fn updated_at(&self) -> &str {
        let types = self.ticket_types.values().map(|t| t.updated_at.as_str());
        types.fold(&self.event.updated_at, |newest, at| newest.max(at))
    }
}

impl Totals {
    /// The sums over the ticket types that are not hidden. What is left is what can be sold of all of them together; the
    /// hidden ones' tickets are missing in the pools that they share.
    pub fn of<'a>(
        event: &EventInfo,
        ticket_types: impl IntoIterator<Item = &'a TicketType>,
    ) -> Totals {
        let (mut held, mut sold, mut sources) = (0, 0, Vec::new());
        for ticket_type in ticket_types.into_iter().filter(|one| !one.hidden) {
            held += ticket_type.held;
            sold += ticket_type.sold;
            sources.push(Source {
                available: ticket_type.available,
                shared: &ticket_type.shared,
            });
        }
        Totals {
            capacity: event.capacity,
            held,
            sold,
            available: sellable(event.capacity - held - sold, &sources),
        }
    }
}

impl Notice {
    /// The time at which it ends; `None` if it does not.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.until.as_ref().and_then(|until| until.parse().ok())
    }

    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|end| end <= now)
    }
}

impl EventStatus {
    pub const ALL: [EventStatus; 5] = [
        EventStatus::Draft,
        EventStatus::Active,
        EventStatus::Paused,
        EventStatus::Cancelled,
        EventStatus::Completed,
    ];

    /// The name in the database and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            EventStatus::Draft => "draft",
            EventStatus::Active => "active",
            EventStatus::Paused => "paused",
            EventStatus::Cancelled => "cancelled",
            EventStatus::Completed => "completed",
        }
    }

    pub fn parse(name: &str) -> Option<EventStatus> {
        EventStatus::ALL
            .into_iter()
            .find(|status| status.name() == name)
    }
}

fn absorb_rows<Id: Copy + Ord, T: Clone>(
    rows: &mut BTreeMap<Id, T>,
    changes: &BTreeMap<Id, RowChange<T>>,
) {
    for (&id, change) in changes {
        match &change.row {
            Some(row) => rows.insert(id, row.clone()),
            None => rows.remove(&id),
        };
    }
}

fn updates<Id: Copy + Ord, T: Clone>(rows: &BTreeMap<Id, T>) -> BTreeMap<Id, RowChange<T>> {
    rows.iter()
        .map(|(&id, row)| (id, RowChange::update(row.clone())))
        .collect()
}
