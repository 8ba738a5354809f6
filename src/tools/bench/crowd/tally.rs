//! Which viewers have what, and how late they had it.

use std::mem;
use std::time::Duration;

use super::lags::Lags;
use super::viewer::LoadViewer;
use super::watch::{Arrival, Watch};
use super::{BenchError, say};
use crate::ticketing::Revision;
use crate::tools::bench::clock;

#[derive(Default)]
pub(super) struct Tally {
    expected: Option<Expected>,
    watch: Option<Watch>,
    lags: Lags,
    /// Updates that the first viewer has had, and the last one's payload.
    frames: u64,
    last_update: String,
    /// Presence frames that all viewers have had, and the first viewer's last one.
    presence_frames: u64,
    last_presence: String,
    woken: Option<Woken>,
    /// Whether each update is told.
    pub(super) tells: bool,
}

/// Viewers that were woken and are not at the revision yet.
struct Woken {
    revision: Revision,
    behind: usize,
    /// The most frames that one of them needed.
    frames_max: u32,
}

struct Expected {
    revision: Revision,
    /// Viewers that do not have it.
    missing: usize,
}

impl Tally {
    pub(super) fn expect(
        &mut self,
        revision: Revision,
        viewers: &[LoadViewer],
    ) -> Result<(), BenchError> {
        let lacks = |viewer: &&LoadViewer| viewer.have < revision && !viewer.stalled;
        let missing = viewers.iter().filter(lacks).count();
        if missing == 0 {
            return say("arrived");
        }
        self.expected = Some(Expected { revision, missing });
        Ok(())
    }

    /// Counts the changes after this revision, and forgets those that were counted before.
    pub(super) fn watch(&mut self, revision: Revision) {
        self.watch = Some(Watch::after(revision));
        self.lags = Lags::default();
    }

    pub(super) fn due(&mut self, to: Revision, due: Duration) {
        if let Some(watch) = &mut self.watch {
            watch.due(to, due, &mut self.lags);
        }
    }

    pub(super) fn woken(&mut self, revision: Revision, behind: usize) {
        self.woken = Some(Woken {
            revision,
            behind,
            frames_max: 0,
        });
    }

    pub(super) fn tell_if_awake(&mut self) -> Result<(), BenchError> {
        match self.woken.take_if(|woken| woken.behind == 0) {
            Some(woken) => say(&woken.frames_max.to_string()),
            None => Ok(()),
        }
    }

    pub(super) fn update(
        &mut self,
        index: usize,
        viewer: &mut LoadViewer,
        to: Revision,
        payload: &[u8],
    ) -> Result<(), BenchError> {
        if self.tells {
            say(&format!("seen {index} {to} {}", clock::now().as_nanos()))?;
        }
        if index == 0 {
            self.last_update = String::from_utf8_lossy(payload).into_owned();
            self.frames += 1;
        }
        if let Some(frames) = &mut viewer.frames {
            *frames += 1;
        }
        self.reached(viewer, to)
    }

    pub(super) fn reached(
        &mut self,
        viewer: &mut LoadViewer,
        to: Revision,
    ) -> Result<(), BenchError> {
        let had = mem::replace(&mut viewer.have, to);
        // One that catches up after a stall of its own did not wait for the server.
        if let Some(watch) = self.watch.as_mut().filter(|_| viewer.frames.is_none()) {
            let at = clock::now();
            watch.arrived(Arrival { had, to, at }, &mut self.lags);
        }
        if let Some(woken) = &mut self.woken
            && had < woken.revision
            && to >= woken.revision
            && let Some(frames) = viewer.frames.take()
        {
            woken.behind -= 1;
            woken.frames_max = woken.frames_max.max(frames);
            self.tell_if_awake()?;
        }
        if let Some(expected) = &mut self.expected
            && had < expected.revision
            && to >= expected.revision
        {
            expected.missing -= 1;
            if expected.missing == 0 {
                self.expected = None;
                say("arrived")?;
            }
        }
        Ok(())
    }

    pub(super) fn presence(&mut self, index: usize, payload: &[u8]) {
        self.presence_frames += 1;
        if index == 0 {
            self.last_presence = String::from_utf8_lossy(payload).into_owned();
        }
    }

    pub(super) fn sample(&self) -> String {
        format!("{} {}", self.frames, self.last_update)
    }

    pub(super) fn presence_sample(&self) -> String {
        format!("{} {}", self.presence_frames, self.last_presence)
    }

    pub(super) fn lags(&self) -> String {
        self.lags.written()
    }
}
