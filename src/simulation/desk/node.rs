//! A node: its desk, the connections of its workers, and its faults.

use std::sync::Arc;
use std::time::Duration;

use super::ledger::ConnectionId;
use super::{DeskCheck, DeskWorld, FAULTS_MS, PATIENCE_MS, now, now_ms, pause};
use crate::desk::Command;
use crate::desk::clock::PULSE;
use crate::desk::queue::{QueueLimits, Start};
use crate::desk::worker::{self, Enqueued, serve};
use crate::store::StoreError;
use crate::store::desk::{DeskDatabase, Facts, Questions, Turns, WriteEnd, Writes};

pub(super) const PATIENCE: Duration = Duration::from_millis(PATIENCE_MS);
/// How long a transaction waits for a turn.
const LOCK_TIMEOUT_MS: u64 = 100;
const SWEEP_MS: u64 = 300;

pub(super) struct DeskNode {
    /// `None` while it is dead.
    pub(super) desk: Option<Arc<worker::DeskShared>>,
    pub(super) incarnation: u64,
    pub(super) still_until_ms: u64,
}

impl DeskNode {
    pub(super) fn new() -> DeskNode {
        DeskNode {
            desk: None,
            incarnation: 0,
            still_until_ms: 0,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.desk.is_some()
    }
}

/// The node begins to live.
pub(super) fn boot(world: &DeskWorld, node: usize) {
    let limits = QueueLimits {
        of_event_max: 64,
        in_all_max: 256,
        batch_max: 6,
        another_worker_from: 4,
    };
    world.with(|shared| {
        let desk = worker::DeskShared::new(limits, now);
        shared.nodes[node].desk = Some(Arc::new(desk));
        shared.nodes[node].incarnation += 1;
    });
    world.spawn(Some(node), feel_the_pulse(world.clone(), node));
    world.spawn(Some(node), sweep(world.clone(), node));
}

/// It reads a request, if it lives.
pub(super) fn read(world: &DeskWorld, node: usize, command: Command) -> Option<Enqueued> {
    let desk = world.with(|shared| shared.nodes[node].desk.clone())?;
    let enqueued = desk.enqueue(command, PATIENCE).ok()?;
    start(world, node, enqueued.start);
    Some(enqueued)
}

fn start(world: &DeskWorld, node: usize, start: Start) {
    if start.worker {
        world.spawn(Some(node), work(world.clone(), node, Turns::Free));
    }
    if start.waiter {
        world.spawn(Some(node), work(world.clone(), node, Turns::Wait));
    }
}

async fn work(world: DeskWorld, node: usize, turns: Turns) {
    let Some(desk) = world.with(|shared| shared.nodes[node].desk.clone()) else {
        return;
    };
    let mut connection = LedgerConnection {
        id: world.with(|shared| shared.id()),
        world: world.clone(),
        node,
    };
    loop {
        let taken = match turns {
            Turns::Free => desk.queue().take(now()),
            Turns::Wait => desk
                .queue()
                .take_blocked(now())
                .map(|batch| (batch, Start::default())),
        };
        let Some((batch, more)) = taken else { return };
        start(&world, node, more);
        let left = serve(&desk, &mut connection, batch, turns).await;
        if world.with(|shared| shared.ledger.is_open(connection.id)) {
            let what = format!("node {node} leaves a transaction open");
            world.fail(DeskCheck::Ended, what);
        }
        start(&world, node, left);
    }
}

async fn feel_the_pulse(world: DeskWorld, node: usize) {
    while let Some(desk) = world.with(|shared| shared.nodes[node].desk.clone()) {
        desk.pulse().beat(now());
        pause(PULSE.as_millis() as u64).await;
    }
}

/// As `sweep.rs`: looks for due events, and has the desk end their holds.
async fn sweep(world: DeskWorld, node: usize) {
    loop {
        let due = world.with(|shared| shared.ledger.due());
        for event_id in due {
            if let Some(Enqueued { verdict, .. }) = read(&world, node, Command::Expire { event_id })
            {
                // The receiver has to live until the answer: the desk skips commands whose caller has gone.
                world.spawn(Some(node), async move { drop(verdict.await) });
            }
        }
        pause(SWEEP_MS).await;
    }
}

/// The node crashes, or stands still, and comes back.
pub(super) async fn trouble(world: DeskWorld, node: usize) {
    loop {
        let (ms, roll) = world.with(|shared| {
            let ms = shared.dice.between(200, 4_000);
            (ms, shared.dice.between(0, 100))
        });
        pause(ms).await;
        if now_ms() > FAULTS_MS {
            return;
        }
        match roll {
            0..25 => {
                let (notice, away) = world.with(|shared| {
                    shared.tell(|| format!("node {node} crashes"));
                    shared.nodes[node].desk = None;
                    shared.nodes[node].still_until_ms = 0;
                    let dice = &mut shared.dice;
                    (dice.between(0, 300), dice.between(50, 2_000))
                });
                pause(notice).await;
                world.with(|shared| shared.ledger.rollback_node(node));
                pause(away).await;
                boot(&world, node);
            }
            25..50 => world.with(|shared| {
                let until = now_ms() + shared.dice.between(100, 5_000);
                shared.tell(|| format!("node {node} stands still until {until}"));
                shared.nodes[node].still_until_ms = until;
            }),
            _ => {}
        }
    }
}

/// A connection of a worker, which may break with or without what it carried.
struct LedgerConnection {
    id: ConnectionId,
    world: DeskWorld,
    node: usize,
}

fn lost() -> StoreError {
    StoreError::Unavailable("the connection is lost".into())
}

impl LedgerConnection {
    /// Now and then the connection breaks here; the database ends its transaction.
    fn breaks(&self) -> bool {
        self.world.with(|shared| {
            let breaks = now_ms() < FAULTS_MS && shared.dice.percent(1);
            if breaks {
                shared.tell(|| format!("node {} loses a connection", self.node));
                shared.ledger.rollback(self.id);
            }
            breaks
        })
    }

    fn commit_now(&self) -> Result<(), StoreError> {
        self.world.with(|shared| {
            let ids = shared.ledger.commit(self.id)?;
            for id in ids {
                let left = shared.leaves_ms.get(&id).copied();
                if left.is_some_and(|left| now_ms() > left) {
                    let what = format!("node {} commits {id}: its caller has left", self.node);
                    shared.fail(DeskCheck::InTime, what);
                }
            }
            Ok(())
        })
    }
}

impl DeskDatabase for LedgerConnection {
    async fn begin(&mut self, questions: &Questions, turns: Turns) -> Result<Facts, StoreError> {
        self.world.travel().await;
        if self.breaks() {
            return Err(lost());
        }
        let (id, node) = (self.id, self.node);
        if self
            .world
            .with(|shared| shared.ledger.crowds(node, id, questions))
        {
            let what = format!("node {node} has two transactions for an event");
            self.world.fail(DeskCheck::Order, what);
        }
        let until = now_ms() + LOCK_TIMEOUT_MS;
        let facts = loop {
            let begun = self
                .world
                .with(|shared| shared.ledger.begin(id, node, questions, turns));
            match begun? {
                Some(facts) => break facts,
                None if now_ms() >= until => return Err(StoreError::Busy("lock timeout".into())),
                None => pause(10).await,
            }
        };
        self.world.travel().await;
        match self.breaks() {
            true => Err(lost()),
            false => Ok(facts),
        }
    }

    async fn write(&mut self, writes: &Writes, end: WriteEnd) -> Result<(), StoreError> {
        self.world.travel().await;
        if self.breaks() {
            return Err(lost());
        }
        let written = self
            .world
            .with(|shared| shared.ledger.write(self.id, writes));
        if end == WriteEnd::Commit {
            match written {
                Ok(()) => self.commit_now()?,
                Err(_) => self.world.with(|shared| shared.ledger.rollback(self.id)),
            }
        }
        self.world.travel().await;
        match self.breaks() {
            true => Err(lost()),
            false => written,
        }
    }

    async fn commit(&mut self, in_time: Option<jiff::Timestamp>) -> Result<(), StoreError> {
        self.world.travel().await;
        if self.breaks() {
            return Err(lost());
        }
        if in_time.is_some_and(|at| super::ledger::clock(now_ms()) > at) {
            self.world.with(|shared| shared.ledger.rollback(self.id));
            return Err(super::ledger::late());
        }
        self.commit_now()?;
        self.world.travel().await;
        match self.breaks() {
            true => Err(lost()),
            false => Ok(()),
        }
    }

    async fn rollback(&mut self) {
        self.world.with(|shared| shared.ledger.rollback(self.id));
    }
}
