//! What comes from clients: new connections, and what their sockets have to be read.

use std::io;

use mio::{Interest, Token};

use super::Accepted;
use super::connection::{Connection, Turn};
use super::session::{Effect, Session};
use super::shard::Shard;

impl Shard {
    pub(super) fn on_intake(&mut self) {
        while let Ok(accepted) = self.intake.try_recv() {
            if let Err(error) = self.adopt(accepted) {
                tracing::debug!(%error, "a new connection was gone before it was served");
            }
        }
    }

    pub(super) fn adopt(&mut self, accepted: Accepted) -> io::Result<()> {
        let now_ms = self.now_ms();
        let send_buffer = self.config.socket.send_buffer_bytes;
        rustix::net::sockopt::set_socket_send_buffer_size(&accepted.stream, send_buffer)?;
        let mut socket = mio::net::TcpStream::from_std(accepted.stream);
        let entry = self.connections.vacant_entry();
        let id = entry.key();
        self.poll.registry().register(
            &mut socket,
            Token(id),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let session = Session::new(
            accepted.vsn,
            accepted.caller,
            accepted.api_key,
            &self.config.socket,
            now_ms,
        );
        let connection = entry.insert(Connection::new(socket, session, accepted.admission, now_ms));
        connection.beat_in = self.wheel.beat_visits();
        if let Some((code, reason)) = accepted.refused {
            self.effects.push(Effect::Close { code, reason });
        } else if !accepted.leftover.is_empty() {
            let rules = self.config.rules();
            connection.take(
                &mut accepted.leftover.to_vec(),
                now_ms,
                rules,
                &mut self.effects,
            );
        }
        self.perform(id);
        self.send_away(id);
        self.on_readable(id);
        Ok(())
    }

    pub(super) fn on_readable(&mut self, id: usize) {
        let now_ms = self.now_ms();
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let rules = self.config.rules();
        let turn = connection.read(&mut self.scratch, now_ms, rules, &mut self.effects);
        self.perform(id);
        match turn {
            Turn::Done => {}
            Turn::More => self.read_again(id),
            Turn::Gone => self.remove(id),
        }
    }

    /// Once, however often there is more: else a busy client would have more turns than others.
    pub(super) fn read_again(&mut self, id: usize) {
        if let Some(connection) = self.connections.get_mut(id)
            && !std::mem::replace(&mut connection.unread, true)
        {
            self.unread.push(id);
        }
    }

    pub(super) fn read_unread(&mut self) {
        for id in std::mem::take(&mut self.unread) {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.unread = false;
                self.on_readable(id);
            }
        }
    }

    pub(super) fn on_writable(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.is_blocked() {
            connection.unblock();
            self.bring(id);
            self.answer_postponed(id);
        }
    }
}
