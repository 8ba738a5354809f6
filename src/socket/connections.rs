//! The sockets of one shard: registered with its poller, read in turns.

use std::io;

use mio::{Interest, Registry, Token};
use slab::Slab;

use super::connection::{Connection, Turn};
use super::session::{Effect, Rules};
use crate::config::inside::SCRATCH_BYTES;

pub(super) struct Connections {
    all: Slab<Connection>,
    /// The poller's registry.
    registry: Registry,
    /// The read buffer, shared by all connections.
    scratch: Box<[u8]>,
    /// Connections with more input than one turn reads.
    unread: Vec<usize>,
    /// Connections that there have been.
    count: u32,
}

impl Connections {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            all: Slab::new(),
            registry,
            scratch: vec![0; SCRATCH_BYTES].into(),
            unread: Vec::new(),
            count: 0,
        }
    }

    pub(super) fn insert(&mut self, mut connection: Connection) -> io::Result<usize> {
        let entry = self.all.vacant_entry();
        let id = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry
            .register(&mut connection.socket, Token(id), interest)?;
        self.count = self.count.wrapping_add(1);
        connection.serial = self.count;
        entry.insert(connection);
        Ok(id)
    }

    pub(super) fn remove(&mut self, id: usize) -> Option<Connection> {
        let mut connection = self.all.try_remove(id)?;
        // Closing the socket also ends its registration, so an error here does not matter.
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

    /// Upper bound (exclusive) of the connections' indexes.
    pub(super) fn places(&self) -> usize {
        self.all.capacity()
    }

    /// Reads from a socket, and hands whole messages to the session.
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

    /// Notes a connection to read again, once only: otherwise a busy client would get more turns than others.
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
