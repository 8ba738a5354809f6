//! A bounded mailbox whose owner sleeps in a poller, not on a channel.
//!
//! The sender rings the owner's [`Bell`] once per sleep, however many messages it sends.

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

    /// Called once by the owner. Wakes it if the bell rang before.
    pub fn connect(&self, wake: impl Fn() + Send + Sync + 'static) {
        if self.0.wake.set(Box::new(wake)).is_ok()
            && self.0.rung.load(Ordering::Acquire)
            && let Some(wake) = self.0.wake.get()
        {
            wake();
        }
    }

    /// The owner calls it before it reads its mailboxes, so that a later message rings again.
    ///
    /// It has to be a swap, which makes the message of every cleared ring visible to the owner. A sender might not see a
    /// plain store yet when the owner finds the mailbox empty, and would not ring.
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
    /// Tells the owner that the node shuts down. A flag, since a full mailbox would drop a message.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.bell.ring();
    }

    /// Sends a message, or counts it as dropped if the mailbox is full or its owner gone.
    pub(super) fn send(&self, message: T) {
        // Counted before it can be taken, so that the gauge never goes below zero.
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

    /// Sends a message that the sender keeps; `false` if the mailbox is full and the message has to be offered again. `true`
    /// also if the owner is gone.
    pub(super) fn offer(&self, message: T) -> bool {
        let full = matches!(self.queue.try_send(message), Err(TrySendError::Full(_)));
        self.bell.ring();
        !full
    }
}

/// A shard's end of the hub.
pub struct Mailbox<T> {
    pub bell: Bell,
    /// Sends questions to the feed.
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
    /// Asks the feed; `false` if its queue is full and the shard has to ask again.
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

    /// Whether the node is shutting down: clients have to be sent away.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The number of messages dropped since the last call.
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
