//! The event as this client knows it, proved frame by frame. Pure.

use std::collections::BTreeMap;

use super::wire::{BeatData, ChangesData, EventData, RowData, StateData, TypeData, Update};
use crate::ticketing::{EventId, Revision, TicketTypeId};

/// Whether the numbers are current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Status {
    Connecting,
    Live,
    /// Connected, but a newer revision is known of, or the server's database is away.
    Stale,
    /// Not connected, and why.
    Offline(String),
}

/// The effect of a state or an update.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FrameOutcome {
    Applied,
    /// Its revision was known already.
    Known,
    /// A frame before it is missing: join again with `since`.
    Gap,
    /// A state older than the known one. The server answers so only when its database has lost
    /// history; the older state is the truth.
    TakenBack,
}

#[derive(Debug)]
pub(super) struct TerminalView {
    id: EventId,
    revision: Option<Revision>,
    event: Option<EventData>,
    types: BTreeMap<TicketTypeId, RowData>,
    /// In the order in which the server shows them; new ones at the end.
    order: Vec<TicketTypeId>,
    status: Status,
    was_live: bool,
    /// The revision that was known before an older state replaced it, until a newer one comes.
    taken_back_from: Option<Revision>,
    /// Types that changed since the screen asked last.
    changed: Vec<TicketTypeId>,
}

impl TerminalView {
    pub(super) fn new(id: EventId) -> TerminalView {
        TerminalView {
            id,
            revision: None,
            event: None,
            types: BTreeMap::new(),
            order: Vec::new(),
            status: Status::Connecting,
            was_live: false,
            taken_back_from: None,
            changed: Vec::new(),
        }
    }

    pub(super) fn revision(&self) -> Option<Revision> {
        self.revision
    }

    pub(super) fn status(&self) -> &Status {
        &self.status
    }

    pub(super) fn set_status(&mut self, status: Status) {
        self.was_live = match status {
            Status::Live => true,
            Status::Connecting => false,
            Status::Stale | Status::Offline(_) => self.was_live,
        };
        self.status = status;
    }

    /// Whether the latest connection has shown live numbers. Answers `true` once a connection.
    pub(super) fn take_was_live(&mut self) -> bool {
        std::mem::take(&mut self.was_live)
    }

    /// `Summer Nights · event 3 (paused) · revision 57`
    pub(super) fn title(&self) -> String {
        let mut title = match &self.event {
            None => format!("event {}", self.id),
            Some(event) if event.status == "active" => {
                format!("{} · event {}", event.title, self.id)
            }
            Some(event) => format!("{} · event {} ({})", event.title, self.id, event.status),
        };
        if let Some(revision) = self.revision {
            title.push_str(&format!(" · revision {revision}"));
        }
        if let Some(revision) = self.taken_back_from {
            title.push_str(&format!(" (taken back from {revision})"));
        }
        title
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &RowData> {
        self.order.iter().filter_map(|id| self.types.get(id))
    }

    /// The rows that changed since this was asked last.
    pub(super) fn take_changed(&mut self) -> Vec<RowData> {
        let changed = std::mem::take(&mut self.changed);
        changed
            .iter()
            .filter_map(|id| self.types.get(id).cloned())
            .collect()
    }

    /// Whether a beat names a newer revision of this event.
    pub(super) fn is_behind(&self, beat: &BeatData) -> bool {
        let newest = beat.revisions.get(&format!("event:{}", self.id)).copied();
        newest > self.revision
    }

    pub(super) fn replace_or_resume(&mut self, state: StateData) -> FrameOutcome {
        let newer_known = self.revision.filter(|&have| have > state.revision);
        if !state.resumed {
            self.clear();
        }
        self.taken_back_from = newer_known;
        self.revision = Some(state.revision);
        self.merge(state.state);
        match newer_known {
            Some(_) => FrameOutcome::TakenBack,
            None => FrameOutcome::Applied,
        }
    }

    pub(super) fn apply(&mut self, update: Update) -> FrameOutcome {
        let Some(have) = self.revision else {
            return FrameOutcome::Known;
        };
        if update.to <= have {
            return FrameOutcome::Known;
        }
        if update.from > have {
            return FrameOutcome::Gap;
        }
        if update.from == 0 {
            self.clear();
        }
        self.revision = Some(update.to);
        self.taken_back_from.take_if(|from| *from <= update.to);
        self.merge(update.changes);
        FrameOutcome::Applied
    }

    fn clear(&mut self) {
        self.types.clear();
        self.order.clear();
    }

    fn merge(&mut self, changes: ChangesData) {
        if let Some(event) = changes.event {
            self.event = Some(event);
        }
        for change in changes.ticket_types {
            match change {
                TypeData::RowData(row) => {
                    if !self.order.contains(&row.id) {
                        self.order.push(row.id);
                    }
                    self.changed.push(row.id);
                    self.types.insert(row.id, row);
                }
                TypeData::Removed { id } => {
                    self.order.retain(|other| *other != id);
                    self.types.remove(&id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: TicketTypeId, available: i64) -> TypeData {
        TypeData::RowData(RowData {
            id,
            name: format!("type {id}"),
            capacity: 10,
            available,
            held: 0,
            sold: 10 - available,
            status: "available".into(),
        })
    }

    fn update(from: Revision, to: Revision, ticket_types: Vec<TypeData>) -> Update {
        let event = None;
        Update {
            from,
            to,
            changes: ChangesData {
                event,
                ticket_types,
            },
        }
    }

    fn joined() -> TerminalView {
        let mut view = TerminalView::new(EventId(7));
        let ticket_types = vec![row(TicketTypeId(2), 10), row(TicketTypeId(1), 10)];
        view.replace_or_resume(StateData {
            revision: 5,
            resumed: false,
            state: ChangesData {
                event: None,
                ticket_types,
            },
        });
        view
    }

    fn left(view: &TerminalView) -> Vec<(TicketTypeId, i64)> {
        view.rows().map(|row| (row.id, row.available)).collect()
    }

    #[test]
    fn frames_are_applied_by_their_revisions_only() {
        let mut view = joined();
        assert_eq!(
            view.apply(update(5, 6, vec![row(TicketTypeId(1), 9)])),
            FrameOutcome::Applied
        );
        assert_eq!(
            view.apply(update(5, 6, vec![row(TicketTypeId(1), 3)])),
            FrameOutcome::Known
        );
        assert_eq!(
            view.apply(update(7, 8, vec![row(TicketTypeId(1), 2)])),
            FrameOutcome::Gap
        );
        // Overlaps what is known, brings more: absolute values make that harmless.
        assert_eq!(
            view.apply(update(4, 9, vec![row(TicketTypeId(1), 1)])),
            FrameOutcome::Applied
        );
        assert_eq!(left(&view), [(TicketTypeId(2), 10), (TicketTypeId(1), 1)]);
        assert_eq!(view.revision(), Some(9));
    }

    #[test]
    fn a_whole_state_replaces_and_a_removed_type_goes() {
        let mut view = joined();
        assert_eq!(
            view.apply(update(
                5,
                6,
                vec![TypeData::Removed {
                    id: TicketTypeId(2)
                }]
            )),
            FrameOutcome::Applied
        );
        assert_eq!(left(&view), [(TicketTypeId(1), 10)]);
        assert_eq!(
            view.apply(update(0, 9, vec![row(TicketTypeId(3), 4)])),
            FrameOutcome::Applied
        );
        assert_eq!(left(&view), [(TicketTypeId(3), 4)]);
    }

    #[test]
    fn an_older_state_is_taken_but_not_in_silence() {
        let mut view = joined();
        let state = |revision| StateData {
            revision,
            resumed: false,
            state: ChangesData::default(),
        };
        assert_eq!(view.replace_or_resume(state(5)), FrameOutcome::Applied);
        assert_eq!(view.replace_or_resume(state(3)), FrameOutcome::TakenBack);
        assert_eq!(view.title(), "event 7 · revision 3 (taken back from 5)");
        view.apply(update(3, 4, Vec::new()));
        assert!(view.title().contains("taken back"));
        view.apply(update(4, 5, Vec::new()));
        assert_eq!(view.title(), "event 7 · revision 5");
    }

    #[test]
    fn a_beat_tells_when_a_frame_is_missing() {
        let view = joined();
        let beat = |topic: &str, revision| BeatData {
            revisions: [(topic.to_owned(), revision)].into(),
            checked_at: String::new(),
            database: None,
        };
        assert!(!view.is_behind(&beat("event:7", 5)));
        assert!(!view.is_behind(&beat("event:8", 9)));
        assert!(view.is_behind(&beat("event:7", 6)));
    }
}
