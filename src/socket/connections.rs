//! The sockets of one shard: registered with its poller, read in turns.

use std::io;

use mio::{Interest, Registry, Token};
use slab::Slab;

use super::connection::{Connection, Turn};
use super::session::{Effect, Rules};
use crate::config::inside::SCRATCH_BYTES;

pub(super) struct Connections {
    all: Slab<Connection>,
    /// Where sockets are registered.
    registry: Registry,
    /// Nobody keeps a read buffer at rest.
    scratch: Box<[u8]>,
    /// Those with more to read than one turn allowed.
    unread: Vec<usize>,
}

impl Connections {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            all: Slab::new(),
            registry,
            scratch: vec![0; SCRATCH_BYTES].into(),
            unread: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, mut connection: Connection) -> io::Result<usize> {
        let entry = self.all.vacant_entry();
        let id = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry
            .register(&mut connection.socket, Token(id), interest)?;
        entry.insert(connection);
        Ok(id)
    }

    pub(super) fn remove(&mut self, id: usize) -> Option<Connection> {
        let mut connection = self.all.try_remove(id)?;
        // The socket's end also ends its registration; an error here changes nothing.
        let _ = self.registry.deregister(&mut connection.socket);
        Some(connection)
    }

    pub(super) fn get(&self, id: usize) -> Option<&Connection> {
        self.all.get(id)
    }

    pub(super) fn get_mut(&mut self, id: usize) -> Option<&mut Connection> {
        self.all.get_mut(id)
    }

    pub(super) fn ids(&self) -> Vec<usize> {
        self.all.iter().map(|(id, _)| id).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One more than the highest place that was ever taken.
    pub(super) fn places(&self) -> usize {
        self.all.capacity()
    }

    /// Reads what came, hands whole messages to the session.
    pub(super) fn read(
        &mut self,
        id: usize,
        now_ms: u64,
        rules: Rules<'_>,
        effects: &mut Vec<Effect>,
    ) -> Turn {
        let Some(connection) = self.all.get_mut(id) else {
            return Turn::Done;
        };
        connection.read(&mut self.scratch, now_ms, rules, effects)
    }

    /// Once, however often there is more: else a busy client would have more turns than others.
    pub(super) fn read_again(&mut self, id: usize) {
        if let Some(connection) = self.all.get_mut(id)
            && !std::mem::replace(&mut connection.unread, true)
        {
            self.unread.push(id);
        }
    }

    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    pub(super) fn take_unread(&mut self) -> Vec<usize> {
        let unread = std::mem::take(&mut self.unread);
        for &id in &unread {
            if let Some(connection) = self.all.get_mut(id) {
                connection.unread = false;
            }
        }
        unread
    }
}
