//! An event that changes at a steady pace while viewers watch it.

use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::BenchError;
use super::crowd::Greeting;
use super::crowd::lags::Lags;
use super::crowd::viewers::Viewers;
use super::process::BenchProcess;
use super::world::BenchWorld;
use crate::store::yardstick::StagedEvent;
use crate::ticketing::Revision;

/// How often the server's memory is read.
const MEMORY_INTERVAL: Duration = Duration::from_millis(250);

/// Fields drop in this order: viewers before their server.
pub(super) struct BenchShow<'a> {
    world: &'a BenchWorld,
    pub(super) stage: StagedEvent,
    pub(super) revision: Revision,
    pub(super) viewers: Viewers,
    pub(super) process: BenchProcess,
    pub(super) address: SocketAddr,
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
    /// From before the statements of a round to each viewer that reads, with all of them.
    pub(super) lags: Lags,
    /// Updates that the first viewer got.
    pub(super) frames: u64,
    /// From the last change to the last viewer that had it.
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
        })
    }

    /// Goes on until all that read are current.
    pub(super) fn play(&mut self, time: Duration, pace: Pace) -> Result<ShowPhase, BenchError> {
        let mut phase = ShowPhase::default();
        self.viewers.lags()?;
        let frames = self.viewers.sample()?.frames;
        let (begun, mut rounds) = (Instant::now(), 0);
        let mut all_have_it = true;
        while begun.elapsed() < time {
            if begun.elapsed() >= MEMORY_INTERVAL * phase.memory.len() as u32 {
                phase.memory.push(self.process.memory()?);
            }
            self.revision += pace.changes;
            all_have_it = all_have_it || self.viewers.has_arrived()?;
            // A round that begins before the one that is watched has come to all is not watched.
            if mem::take(&mut all_have_it) {
                self.viewers.expect(self.revision)?;
            }
            let change = self.world.store.change(&self.stage, pace.changes);
            self.world.runtime.block_on(change)?;
            phase.changes += pace.changes;
            rounds += 1;
            std::thread::sleep((pace.interval * rounds).saturating_sub(begun.elapsed()));
        }
        phase.wall = begun.elapsed();
        let ended = Instant::now();
        if !all_have_it {
            self.viewers.arrival()?;
        }
        phase.lags = self.viewers.lags()?;
        self.viewers.expect(self.revision)?;
        phase.caught_up = self.viewers.arrival()?.duration_since(ended);
        phase.frames = self.viewers.sample()?.frames - frames;
        phase.memory.push(self.process.memory()?);
        Ok(phase)
    }
}
