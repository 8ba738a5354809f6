//! A bounded mailbox whose owner sleeps in a poller, not on a channel.
//!
//! The sender rings the owner's [`Bell`] once per sleep, however many messages it leaves.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

use super::Watch;
use crate::metrics;

/// Wakes a shard out of its poller.
#[derive(Clone, Default)]
pub struct Bell(Arc<BellState>);

#[derive(Default)]
struct BellState {
    /// Set by the first ring after the owner woke; later rings then cost one atomic swap.
    rung: AtomicBool,
    /// Set once by the owner, when its poller exists. A ring before that is kept in `rung`.
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Bell {
    pub fn ring(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel)
            && let Some(wake) = self.0.wake.get()
        {
            wake();
        }
    }

    /// Called once by the owner. Rings that came before are rung now.
    pub fn connect(&self, wake: impl Fn() + Send + Sync + 'static) {
        if self.0.wake.set(Box::new(wake)).is_ok()
            && self.0.rung.load(Ordering::Acquire)
            && let Some(wake) = self.0.wake.get()
        {
            wake();
        }
    }

    /// Called by the owner before it looks into its mailboxes: what comes later rings again.
    ///
    /// A swap and no store: whose ring it takes back, that message it sees. A store could still be on
    /// its way when the owner finds the mailbox empty, and a sender then takes it for awake.
    pub fn answer(&self) {
        self.0.rung.swap(false, Ordering::AcqRel);
    }
}

pub(super) struct Sender<T> {
    queue: SyncSender<T>,
    bell: Bell,
    dropped: Arc<AtomicU64>,
    draining: Arc<AtomicBool>,
}

impl<T> Sender<T> {
    /// The node goes down. No message, since a full mailbox would drop it and nobody says it twice.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.bell.ring();
    }

    /// Leaves a message, or counts it as dropped when the mailbox is full or its owner is gone.
    pub(super) fn send(&self, message: T) {
        // Counted before it is there to be taken: the sum is never below zero.
        metrics::SHARD_QUEUE.add(1);
        match self.queue.try_send(message) {
            Ok(()) => self.bell.ring(),
            Err(_) => {
                metrics::SHARD_QUEUE.add(-1);
                self.dropped.fetch_add(1, Ordering::Relaxed);
                self.bell.ring();
            }
        }
    }

    /// Leaves a message that the sender keeps the latest of; `false` when the mailbox is full, and it is to
    /// be offered again. An owner that is gone misses nothing.
    pub(super) fn offer(&self, message: T) -> bool {
        let full = matches!(self.queue.try_send(message), Err(TrySendError::Full(_)));
        self.bell.ring();
        !full
    }
}

/// A shard's end: what the feed sends it.
pub struct Mailbox<T> {
    pub bell: Bell,
    /// The way back.
    pub asker: Asker,
    queue: Receiver<T>,
    dropped: Arc<AtomicU64>,
    draining: Arc<AtomicBool>,
}

/// A shard's way to ask the feed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Asker {
    pub shard: usize,
    questions: mpsc::Sender<Watch>,
}

impl Asker {
    /// `false` when the feed's queue is full and the shard must ask again later.
    pub fn ask(&self, watch: Watch) -> bool {
        self.questions.try_send(watch).is_ok()
    }
}

impl<T> Mailbox<T> {
    /// The next message, if one waits.
    pub fn next(&self) -> Option<T> {
        let message = self.queue.try_recv().ok();
        metrics::SHARD_QUEUE.add(-i64::from(message.is_some()));
        message
    }

    /// Whether the node goes down: tell the clients when to come back, close, end.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// How many messages found the mailbox full since the last call.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

pub(super) fn channel<T>(
    shard: usize,
    questions: mpsc::Sender<Watch>,
    messages_max: usize,
) -> (Sender<T>, Mailbox<T>) {
    let (sender, queue) = sync_channel(messages_max);
    let bell = Bell::default();
    let dropped = Arc::new(AtomicU64::new(0));
    let draining = Arc::new(AtomicBool::new(false));
    (
        Sender {
            queue: sender,
            bell: bell.clone(),
            dropped: dropped.clone(),
            draining: draining.clone(),
        },
        Mailbox {
            bell,
            asker: Asker { shard, questions },
            queue,
            dropped,
            draining,
        },
    )
}
