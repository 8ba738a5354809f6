//! A model of the database: a log and a state for each revision, and the nodes' counts of visitors. It can be away,
//! its log can be pruned, and it can be put back to an earlier state.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::dice::Dice;
use crate::presence::peers::{PeerAnswer, PeerQuery};
use crate::protocol::presence::Counts;
use crate::store::doorbell::HistoryPlace;
use crate::store::presence::{NodeLease, PresenceRing};
use crate::store::{LiveEvent, LogMark};
use crate::ticketing::live::{Delta, EventState, RowChange, SeatStatus, TicketType, samples};
use crate::ticketing::{EventId, NoticeId, Revision, TicketTypeId};

pub(super) struct Database {
    pub(super) up: bool,
    events: BTreeMap<EventId, Record>,
    /// When each node's lease ends.
    leases: BTreeMap<Uuid, u64>,
    counts: BTreeMap<(EventId, Uuid), Counts>,
}

struct Record {
    /// The state at each revision, from 1.
    states: Vec<EventState>,
    /// When each of them was committed.
    committed_ms: Vec<u64>,
    /// States that were lost in a rewind.
    lost: Vec<EventState>,
    rewound_ms: Option<u64>,
    rewinds: u32,
    /// The revision to which it was put back, as the place of its history tells.
    moved_at: Option<Revision>,
    /// The change that led to each revision after the first.
    log: Vec<Delta>,
    /// Changes up to this revision are gone.
    pruned: Revision,
}

impl Database {
    pub(super) fn new(events: i64) -> Self {
        let record = |event| {
            let mut state = samples::state(1);
            state.event.id = event;
            (
                event,
                Record {
                    states: vec![state],
                    committed_ms: vec![0],
                    lost: Vec::new(),
                    rewound_ms: None,
                    rewinds: 0,
                    moved_at: None,
                    log: Vec::new(),
                    pruned: 1,
                },
            )
        };
        Self {
            up: true,
            events: (1..=events).map(EventId).map(record).collect(),
            leases: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    pub(super) fn latest(&self, event: EventId) -> &EventState {
        let states = &self.events[&event].states;
        &states[states.len() - 1]
    }

    /// The states that were committed at a revision: more than one after a rewind.
    pub(super) fn at(
        &self,
        event: EventId,
        revision: Revision,
    ) -> impl Iterator<Item = &EventState> {
        let record = &self.events[&event];
        let states = record.states.iter().chain(&record.lost);
        states.filter(move |state| state.revision == revision)
    }

    /// The revision that an event had just before a time.
    pub(super) fn revision_at(&self, event: EventId, ms: u64) -> Revision {
        let committed = &self.events[&event].committed_ms;
        committed.partition_point(|&at| at < ms) as Revision
    }

    /// When the event was put back, if it was.
    pub(super) fn rewound_ms(&self, event: EventId) -> Option<u64> {
        self.events[&event].rewound_ms
    }

    /// Undoes the last changes, as a restored backup does.
    pub(super) fn rewind(&mut self, event: EventId, changes: usize, now_ms: u64) {
        let record = self.events.get_mut(&event).expect("an event of this world");
        let kept = record.states.len().saturating_sub(changes).max(1);
        record.lost.extend(record.states.drain(kept..));
        record.committed_ms.truncate(kept);
        record.log.truncate(kept - 1);
        record.pruned = record.pruned.min(kept as Revision - 1).max(1);
        record.rewound_ms = Some(now_ms);
        record.rewinds += 1;
        record.moved_at = Some(kept as Revision);
    }

    /// Another one each time that it was put back.
    pub(super) fn place(&self) -> HistoryPlace {
        let rewinds: u32 = self.events.values().map(|record| record.rewinds).sum();
        HistoryPlace(rewinds.to_string())
    }

    /// One transaction on the event: something that viewers see changes.
    pub(super) fn commit(&mut self, event: EventId, now_ms: u64, dice: &mut Dice) {
        let record = self.events.get_mut(&event).expect("an event of this world");
        let mut state = record.states.last().expect("a first state").clone();
        let mut delta = Delta {
            from: state.revision,
            to: state.revision + 1,
            at: format!(
                "2026-11-21T10:00:{:02}.{:06}Z",
                record.rewinds, state.revision
            ),
            ..Delta::default()
        };
        change(&state, &mut delta, dice);
        assert_eq!(state.apply(&delta), Ok(()), "the log has no gaps");
        record.states.push(state);
        record.committed_ms.push(now_ms);
        record.log.push(delta);
    }

    /// The change that led to the latest state.
    pub(super) fn last_change(&self, event: EventId) -> &Delta {
        self.events[&event].log.last().expect("a change")
    }

    pub(super) fn prune(&mut self, event: EventId, kept: u64) {
        let record = self.events.get_mut(&event).expect("an event of this world");
        let latest = record.states.len() as u64;
        record.pruned = record.pruned.max(latest.saturating_sub(kept));
    }

    /// Rows of the log after these revisions, as the feed's query has them.
    pub(super) fn changes_after(
        &self,
        heads: &[(EventId, Revision)],
        rows_max: usize,
    ) -> Vec<(EventId, Delta)> {
        let rows = heads.iter().flat_map(|&(event, head)| {
            let record = &self.events[&event];
            let first = head.max(record.pruned).max(1);
            let log = record.log.iter().skip(first as usize - 1);
            log.map(move |delta| (event, delta.clone()))
        });
        rows.take(rows_max).collect()
    }

    /// State and end of the log in one snapshot.
    pub(super) fn live_event(&self, event: EventId, recent_max: usize) -> Box<LiveEvent> {
        let state = self.latest(event).clone();
        let record = &self.events[&event];
        let first = record
            .pruned
            .max(state.revision.saturating_sub(recent_max as u64))
            .max(1);
        let recent = record.log[first as usize - 1..].to_vec();
        Box::new(LiveEvent {
            state,
            recent,
            moved_at: record.moved_at,
        })
    }

    /// The events whose revision is lower than the given one, or which have another change at a mark.
    pub(super) fn behind(&self, heads: &[(EventId, Revision)], marks: &[LogMark]) -> Vec<EventId> {
        let behind = heads
            .iter()
            .filter(|(event, head)| self.latest(*event).revision < *head);
        let rewritten = marks.iter().filter(|mark| {
            let mut log = self.events[&mark.event].log.iter();
            log.any(|change| change.to == mark.revision && change.at != mark.at)
        });
        let events = behind.map(|(event, _)| *event);
        let events: BTreeSet<EventId> = events.chain(rewritten.map(|mark| mark.event)).collect();
        events.into_iter().collect()
    }

    // --- who is where

    /// Answers a node's query about presence, with the rings that it sends.
    pub(super) fn presence(
        &mut self,
        node: Uuid,
        query: PeerQuery,
        lease_ms: u64,
        now_ms: u64,
    ) -> (PeerAnswer, Option<PresenceRing>) {
        let ring = |events| Some(PresenceRing { node, events });
        match query {
            PeerQuery::Renew => {
                let is_new = self.leases.insert(node, now_ms + lease_ms).is_none();
                let others = self.others(node, now_ms).collect();
                let rung = if is_new { ring(Vec::new()) } else { None };
                (PeerAnswer::Renewed(NodeLease { is_new, others }), rung)
            }
            PeerQuery::Publish(counts) => {
                let events = counts.iter().map(|(event, _)| *event).collect();
                for (event, counts) in counts {
                    match counts {
                        Some(counts) => self.counts.insert((event, node), counts),
                        None => self.counts.remove(&(event, node)),
                    };
                }
                (PeerAnswer::Published, ring(events))
            }
            PeerQuery::Read(events) => {
                let others: Vec<Uuid> = self.others(node, now_ms).collect();
                let rows = self.counts.iter();
                let rows = rows
                    .filter(|((event, node), _)| events.contains(event) && others.contains(node));
                let rows = rows.map(|((event, _), counts)| (*event, counts.clone()));
                (PeerAnswer::Read(rows.collect()), None)
            }
        }
    }

    fn others(&self, node: Uuid, now_ms: u64) -> impl Iterator<Item = Uuid> {
        let lasting = self.leases.iter().filter(move |&(_, &ends)| ends > now_ms);
        lasting
            .map(|(&other, _)| other)
            .filter(move |&other| other != node)
    }
}

fn change(state: &EventState, delta: &mut Delta, dice: &mut Dice) {
    let revision = delta.to as i64;
    match dice.below(12) {
        0 => {
            delta.event = Some(samples::event(
                &format!("Concert {revision}"),
                150,
                state.event.layout,
            ));
            if let Some(event) = &mut delta.event {
                event.id = state.event.id;
            }
        }
        1 => {
            let id = NoticeId(revision);
            delta
                .notices
                .insert(id, RowChange::insert(samples::notice(id)));
        }
        2 if !state.notices.is_empty() => {
            let id = state.notices.keys().next().copied();
            delta.notices.extend(id.map(|id| (id, RowChange::delete())));
        }
        3 => {
            let id = TicketTypeId(3 + dice.below(2) as i64);
            let change = if state.ticket_types.contains_key(&id) {
                RowChange::delete()
            } else {
                RowChange::insert(TicketType {
                    hidden: revision % 3 == 0,
                    ..samples::ticket_type(id, 0, 0, revision)
                })
            };
            delta.ticket_types.insert(id, change);
        }
        4 => {
            delta.layout = Some(state.event.layout + 1);
            delta.seat_count = dice.between(4, 13) as u32;
            let mut event = state.event.clone();
            event.layout += 1;
            delta.event = Some(event);
        }
        _ => {
            let id = TicketTypeId(1 + dice.below(2) as i64);
            let row = samples::ticket_type(id, revision, dice.between(0, 50) as i64, 7);
            delta.ticket_types.insert(id, RowChange::update(row));
            if !state.seats.is_empty() {
                let seat = dice.between(0, u64::from(state.seats.len())) as u32;
                let status = SeatStatus::try_from(dice.between(0, 4) as i64);
                delta.seats.insert(seat, status.expect("one of four"));
            }
        }
    }
}
