//! The checks of a run: what clients show, compared with the database.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::client::{ClientKind, ShownPicture, SimulatedClient};
use super::plan::AMPLE;
use super::world::{DAWN_S, World};
use crate::ticketing::Revision;

/// Names of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Each frame of a join begins where the one before ended.
    Continuity,
    /// No client's revision goes back, and what it shows is the log's state at its revision.
    Picture,
    /// A beat claims no more freshness than is true.
    Freshness,
    /// In the end every client shows the database's state.
    Convergence,
    /// In the end every client shows the right visitors.
    Presence,
    /// No part of the server panics, or closes a connection without reason.
    Survival,
}

/// A check that failed, and how.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) check: Check,
    pub(super) what: String,
}

/// Time from a read to its picture on screen: the window, a turn of the shard, the way of a beat.
const SHOWN_WITHIN_MS: u64 = 150;

impl World<'_> {
    /// Checks that the frames of a join follow on its answer and on one another, and that a beat names no later revision.
    pub(super) fn continues(&mut self, id: usize, client: usize, frame: &Value) {
        let Some(told) = self.lines.get(&id).map(|line| line.told) else {
            return;
        };
        let payload = &frame[4];
        let now = match frame[3].as_str().unwrap_or_default() {
            "phx_reply" => payload["response"]["revision"].as_u64().or(told),
            "update" => {
                let (from, to) = (payload["from"].as_u64(), payload["to"].as_u64());
                if from > told || to <= told {
                    self.fail(
                        Check::Continuity,
                        format!("told {told:?}, then {from:?} to {to:?}"),
                    );
                }
                to
            }
            "beat" => {
                let beat = payload["revisions"][&self.clients[client].topic].as_u64();
                if beat > told {
                    self.fail(
                        Check::Continuity,
                        format!("told {told:?}, and the beat says {beat:?}"),
                    );
                }
                if let Some(beat) = beat {
                    self.claims(client, beat, payload);
                }
                told
            }
            _ => told,
        };
        if let Some(line) = self.lines.get_mut(&id) {
            line.told = now;
        }
    }

    /// Checks that a beat's revision holds all that the database had at its `checked_at`.
    fn claims(&mut self, client: usize, revision: Revision, beat: &Value) {
        let (index, client, now_ms) = (client, &self.clients[client], self.now_ms);
        let at = beat["checked_at"].as_str().expect("a time");
        let at: Timestamp = at.parse().expect("a time");
        if client.kind == ClientKind::Own {
            return self.claims_of_own(index, revision, at.as_microsecond());
        }
        let since = at.as_millisecond() - DAWN_S * 1_000;
        let Ok(checked_ms) = u64::try_from(since) else {
            // The shard has heard nothing from the feed yet.
            return;
        };
        let is_down = beat["database"] == "down";
        // Behind a full socket older frames wait; a stream makes no text before it is asked for more.
        let has_old_frames = client.has_stalled && !client.streams;
        if is_down || self.odds.mail_max < AMPLE || has_old_frames {
            return;
        }
        if now_ms < checked_ms + SHOWN_WITHIN_MS {
            // The change may still wait for the end of its window.
            return;
        }
        let had = self.database.revision_at(client.event, checked_ms);
        let rewound = self.database.rewound_ms(client.event);
        let latest = self.database.latest(client.event).revision;
        let lost = rewound.is_some_and(|rewound| rewound <= checked_ms) && revision > latest;
        if revision < had || lost {
            let topic = &client.topic;
            let what = format!(
                "{topic} is said to be current at {checked_ms} ms with {revision}, which was at {had}"
            );
            self.fail(Check::Freshness, what);
        }
    }

    /// Checks that the client did not go back, and shows the log's state at its revision.
    pub(super) fn is_true(&mut self, client: usize, before: Option<Revision>) {
        if self.clients[client].kind == ClientKind::Own {
            return self.is_true_of_own(client, before);
        }
        let client = &self.clients[client];
        let Some((revision, picture)) = &client.have else {
            return;
        };
        let mut what = None;
        // Revisions may fall only where the database went back.
        let went_back = self.database.rewound_ms(client.event).is_some();
        if before > Some(*revision) && !went_back {
            what = Some(format!("a client went from {before:?} to {revision}"));
        }
        let pictures = self.database.at(client.event, *revision);
        let pictures: Vec<_> = pictures
            .map(|state| ShownPicture::of(state, client.kind))
            .collect();
        if !pictures.contains(picture) {
            let topic = &client.topic;
            what = Some(format!(
                "revision {revision} of {topic}: {picture:?} is shown, {pictures:?} was"
            ));
        }
        if let Some(what) = what {
            self.fail(Check::Picture, what);
        }
    }

    /// The first client that shows another state than the database, or other visitors.
    pub(super) fn differs(&self) -> Option<Fault> {
        self.clients
            .iter()
            .find_map(|client| self.differs_from(client))
    }

    fn differs_from(&self, client: &SimulatedClient) -> Option<Fault> {
        let fault = |check, what| Some(Fault { check, what });
        let line = client.connection.and_then(|line| self.lines.get(&line));
        let Some(line) = line.filter(|_| client.joined) else {
            return fault(
                Check::Convergence,
                format!("{} is not joined", client.key()),
            );
        };
        if client.kind == ClientKind::Own {
            return self.differs_from_own(client);
        }
        let latest = self.database.latest(client.event);
        let shown = client.have.as_ref();
        if client.kind != ClientKind::Registration
            && shown != Some(&(latest.revision, ShownPicture::of(latest, client.kind)))
        {
            let (topic, have, latest) = (&client.topic, client.revision(), latest.revision);
            return fault(
                Check::Convergence,
                format!("{topic} has {have:?} of {latest}"),
            );
        }
        let here = |other: &&SimulatedClient| {
            let counts =
                !matches!(other.kind, ClientKind::Seats | ClientKind::Own) && !other.streams;
            other.event == client.event && other.present && counts
        };
        let present: Vec<&SimulatedClient> = self.clients.iter().filter(here).collect();
        if client.kind == ClientKind::Event && client.total != present.len() as u64 {
            let (key, total, true_total) = (client.key(), client.total, present.len());
            return fault(
                Check::Presence,
                format!("{key} counts {total} of {true_total}"),
            );
        }
        let listed: BTreeSet<&str> = present
            .iter()
            .filter(|other| other.kind == ClientKind::Registration)
            .filter(|other| {
                let other = other.connection.and_then(|line| self.lines.get(&line));
                other.is_some_and(|other| other.node == line.node)
            })
            .map(|other| other.key())
            .collect();
        let shown: BTreeSet<&str> = client.members.values().map(String::as_str).collect();
        if client.kind == ClientKind::Registration
            && (shown != listed || client.members.len() != listed.len())
        {
            return fault(
                Check::Presence,
                format!("{} lists {shown:?} of {listed:?}", client.key()),
            );
        }
        None
    }
}
