//! An event that changes at a steady pace while viewers watch it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::crowd::Greeting;
use super::crowd::lags::Lags;
use super::crowd::viewers::Viewers;
use super::process::BenchProcess;
use super::world::BenchWorld;
use super::{BenchError, clock};
use crate::store::yardstick::StagedEvent;
use crate::ticketing::Revision;

/// How often the server's memory is read.
const MEMORY_INTERVAL: Duration = Duration::from_millis(250);
/// Changes that are later than this are not made any more: the rate tells that they are missing.
const LATE_MAX: Duration = Duration::from_secs(30);

/// Fields drop in this order: viewers before their server.
pub(super) struct BenchShow<'a> {
    world: &'a BenchWorld,
    pub(super) stage: StagedEvent,
    pub(super) revision: Revision,
    pub(super) viewers: Viewers,
    pub(super) process: BenchProcess,
    pub(super) address: SocketAddr,
    /// Viewers, and those of them that read.
    all: u64,
    reading: u64,
}

/// So many changes, each in a transaction of its own, so often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) changes: u64,
    pub(super) interval: Duration,
}

/// A stretch of time in which the event changed.
#[derive(Default)]
pub(super) struct ShowPhase {
    pub(super) changes: u64,
    pub(super) wall: Duration,
    /// From when each change was due to each viewer that reads.
    pub(super) lags: Lags,
    /// Updates that the first viewer got.
    pub(super) frames: u64,
    /// From when the last change was due to the last viewer that had it.
    pub(super) caught_up: Duration,
    /// Of the server, in bytes, from the beginning to the end.
    pub(super) memory: Vec<u64>,
}

impl ShowPhase {
    pub(super) fn rate(&self) -> f64 {
        self.changes as f64 / self.wall.as_secs_f64()
    }

    pub(super) fn memory_growth(&self) -> u64 {
        let (first, last) = (self.memory.first(), self.memory.last());
        let first = first.copied().unwrap_or_default();
        last.map_or(0, |last| last.saturating_sub(first))
    }
}

impl<'a> BenchShow<'a> {
    /// In front of this server; its viewers are started with these further arguments.
    pub(super) fn open(
        world: &'a BenchWorld,
        (process, address): (BenchProcess, SocketAddr),
        viewers: usize,
        more: &[&str],
    ) -> Result<BenchShow<'a>, BenchError> {
        let stage = world.runtime.block_on(world.store.set_stage())?;
        let greeting = Greeting::Join(vec![stage.event]);
        Ok(BenchShow {
            world,
            revision: stage.revision,
            stage,
            viewers: Viewers::open_with(address, viewers, greeting, more)?,
            process,
            address,
            all: viewers as u64,
            reading: viewers as u64,
        })
    }

    /// Goes on until all that read are current. The changes are due at a fixed pace, whether or not those before have
    /// come to all, and each is counted from when it was due: a stall is as many late changes as were due in it.
    pub(super) fn play(&mut self, time: Duration, pace: Pace) -> Result<ShowPhase, BenchError> {
        let mut phase = ShowPhase::default();
        self.viewers.watch(self.revision)?;
        let frames = self.viewers.sample()?.frames;
        let (begun, begun_by_clock) = (Instant::now(), clock::now());
        let mut due = Duration::ZERO;
        let mut last_due = begun;
        while due < time && begun.elapsed() < time + LATE_MAX {
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            if begun.elapsed() >= MEMORY_INTERVAL * phase.memory.len() as u32 {
                phase.memory.push(self.process.memory()?);
            }
            self.revision += pace.changes;
            self.viewers.due(self.revision, begun_by_clock + due)?;
            last_due = begun + due;
            let change = self.world.store.change(&self.stage, pace.changes);
            self.world.runtime.block_on(change)?;
            phase.changes += pace.changes;
            due += pace.interval;
        }
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        phase.wall = begun.elapsed();
        self.viewers.expect(self.revision)?;
        phase.caught_up = self.viewers.arrival()?.duration_since(last_due);
        phase.lags = self.viewers.lags()?;
        if phase.lags.count() != phase.changes * self.reading {
            return Err(BenchError::Child("not every change was counted"));
        }
        phase.frames = self.viewers.sample()?.frames - frames;
        phase.memory.push(self.process.memory()?);
        Ok(phase)
    }

    /// Every tenth viewer stops reading, except for the first, which is the sample; how many do.
    pub(super) fn stall(&mut self) -> Result<u64, BenchError> {
        self.viewers.stall()?;
        let stalled = self.all.div_ceil(10).saturating_sub(1);
        self.reading = self.all - stalled;
        Ok(stalled)
    }

    /// They read again ([`Viewers::wake`]).
    pub(super) fn wake(&mut self) -> Result<(u32, Instant), BenchError> {
        self.reading = self.all;
        self.viewers.wake(self.revision)
    }
}
