//! Input from clients: new connections, and data on their sockets.

use std::io;

use super::AcceptedSocket;
use super::connection::{Connection, Turn};
use super::session::{Effect, Session};
use super::shard::Shard;

impl Shard {
    pub(super) fn adopt(&mut self, accepted: AcceptedSocket) -> io::Result<()> {
        let now_ms = self.now_ms();
        let send_buffer = self.config.socket.send_buffer_bytes;
        rustix::net::sockopt::set_socket_send_buffer_size(&accepted.stream, send_buffer)?;
        let socket = mio::net::TcpStream::from_std(accepted.stream);
        let session = Session::new(
            accepted.vsn,
            accepted.caller,
            accepted.api_key,
            &self.config.socket,
            accepted.admission.joins.clone(),
        );
        let mut connection = Connection::new(socket, session, accepted.admission, now_ms);
        connection.beat_in = self.wheel.beat_visits();
        let id = self.connections.insert(connection)?;
        if let Some((code, reason)) = accepted.refused {
            self.effects.push(Effect::Close { code, reason });
        } else if !accepted.leftover.is_empty()
            && let Some(connection) = self.connections.get_mut(id)
        {
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
        let rules = self.config.rules();
        let turn = self.connections.read(id, now_ms, rules, &mut self.effects);
        self.perform(id);
        match turn {
            Turn::Done => {}
            Turn::More => self.connections.read_again(id),
            Turn::Gone => self.remove(id),
        }
    }

    pub(super) fn read_unread(&mut self) {
        for id in self.connections.take_unread() {
            self.on_readable(id);
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
            self.answer_postponed_private(id);
        }
    }
}
