//! How a state moves on, and what brings somebody else to it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Delta, EventInfo, EventState, EventStatus, Gap, Notice, RowChange, SeatMap, TicketType, Totals,
};

impl EventState {
    /// The state that a delta from revision 0 holds; `None` when it lacks the event's own fields.
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

    /// Moves on to `delta.to`. What is not newer is dropped, for it is already in here.
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

    /// Everything, as a delta from revision 0. Rows are called updates: whoever is given a whole
    /// state in mid-course has most of them already.
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
            kept: 0,
            deleted: false,
        }
    }

    /// The notices that have not ended by now: nothing is logged when one does.
    pub fn notices_at(&self, now: Timestamp) -> impl Iterator<Item = &Notice> {
        self.notices.values().filter(move |n| !n.has_ended(now))
    }

    /// When the first of those ends.
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
    /// The event's own pool binds as well as those of its ticket types, which may add up to more.
    pub fn of<'a>(
        event: &EventInfo,
        ticket_types: impl IntoIterator<Item = &'a TicketType>,
    ) -> Totals {
        let (mut held, mut sold, mut available) = (0, 0, 0);
        for ticket_type in ticket_types {
            held += ticket_type.held;
            sold += ticket_type.sold;
            available += ticket_type.available;
        }
        Totals {
            capacity: event.capacity,
            held,
            sold,
            available: available.min(event.capacity - held - sold),
        }
    }
}

impl Notice {
    /// Until when it is shown; `None` for good.
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

    /// As the database and the wire spell it.
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

fn absorb_rows<T: Clone>(rows: &mut BTreeMap<i64, T>, changes: &BTreeMap<i64, RowChange<T>>) {
    for (&id, change) in changes {
        match &change.row {
            Some(row) => rows.insert(id, row.clone()),
            None => rows.remove(&id),
        };
    }
}

fn updates<T: Clone>(rows: &BTreeMap<i64, T>) -> BTreeMap<i64, RowChange<T>> {
    rows.iter()
        .map(|(&id, row)| (id, RowChange::update(row.clone())))
        .collect()
}
