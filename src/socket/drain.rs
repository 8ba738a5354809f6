//! Shutdown: each client has a slot, is served until then, and is told when to come back.
//!
//! There are two windows, each divided into one slot per client. The *return* window is as long as the other nodes need to
//! take the clients. The *closing* window is the same, or shorter where `drain_timeout_ms` is, so that each client gets a
//! close frame in time. A client's `drain` message names the time between its close and its return.

use bytes::Bytes;

use super::shard::Shard;
use crate::config::inside::CLOSE_TIMEOUT_MS;
use crate::protocol::code;
use crate::protocol::native;
use crate::protocol::phoenix::{self, Vsn};

/// Clients told to come back per second of the return window.
const CLIENTS_PER_S: u64 = 1_000;
/// The shortest and the longest return window, in milliseconds: a few clients should not come back all at once, and many
/// should not be away for minutes.
const RETURN_WINDOW_MS: std::ops::RangeInclusive<u64> = 1_000..=60_000;
/// Time reserved at the end of the drain for the last close frames to be written and answered.
const CLOSING_RESERVE_MS: u64 = CLOSE_TIMEOUT_MS + 500;

/// A client's position in both windows, in millionths.
type DrainShare = u64;
const WHOLE: DrainShare = 1_000_000;

/// Both windows, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Windows {
    closing_ms: u64,
    return_ms: u64,
}

impl Windows {
    /// The windows for this number of clients on the node and this time to drain.
    fn new(clients: usize, drain_timeout_ms: u64) -> Self {
        let all_ms = (clients as u64).saturating_mul(1_000) / CLIENTS_PER_S;
        let (least, longest) = RETURN_WINDOW_MS.into_inner();
        Self {
            closing_ms: all_ms.min(drain_timeout_ms.saturating_sub(CLOSING_RESERVE_MS)),
            return_ms: all_ms.clamp(least, longest),
        }
    }

    fn close_at(self, share: DrainShare) -> u64 {
        self.closing_ms * share / WHOLE
    }

    /// The time between the close and the return of a client at this position.
    fn away_ms(self, share: DrainShare) -> u64 {
        (self.return_ms * share / WHOLE).saturating_sub(self.close_at(share))
    }
}

/// The shutdown of one shard.
#[derive(Debug)]
pub(super) struct ShardDrain {
    began_ms: u64,
    windows: Windows,
    /// Clients that are not closed yet, the last first.
    leaving: Vec<(DrainShare, usize)>,
}

impl ShardDrain {
    /// `clients` are those of this shard, `in_all` those of the node.
    fn new(clients: &[usize], in_all: usize, drain_timeout_ms: u64, now_ms: u64) -> Self {
        let count = clients.len().max(1) as u64;
        let slot = WHOLE / count;
        let leaving = (0..).zip(clients).map(|(place, &id)| {
            // A random position in its slot, so that the shards interleave.
            let share = WHOLE * place / count + rand::random_range(0..=slot);
            (share.min(WHOLE), id)
        });
        let mut leaving: Vec<_> = leaving.collect();
        leaving.reverse();
        Self {
            began_ms: now_ms,
            windows: Windows::new(in_all.max(clients.len()), drain_timeout_ms),
            leaving,
        }
    }

    /// The next client whose slot has come, and how long it has to stay away.
    fn next(&mut self, now_ms: u64) -> Option<(usize, u64)> {
        let passed_ms = now_ms.saturating_sub(self.began_ms);
        let &(share, id) = self.leaving.last()?;
        if self.windows.close_at(share) > passed_ms {
            return None;
        }
        self.leaving.pop();
        Some((id, self.windows.away_ms(share)))
    }

    /// How long a client has to stay away that connected during the shutdown.
    fn latecomers_away_ms(&self) -> u64 {
        rand::random_range(0..self.windows.return_ms)
    }

    /// When the shard ends, even if clients are left.
    fn ends_ms(&self) -> u64 {
        self.began_ms + self.windows.closing_ms + CLOSE_TIMEOUT_MS
    }
}

impl Shard {
    pub(super) fn drain(&mut self) {
        let clients = self.connections.ids();
        let in_all = self.config.clients_at_drain();
        let timeout_ms = self.config.drain_timeout_ms;
        self.draining = Some(ShardDrain::new(&clients, in_all, timeout_ms, self.now_ms()));
        self.say_goodbyes();
    }

    /// Closes the clients whose slot has come.
    pub(super) fn say_goodbyes(&mut self) {
        let now_ms = self.now_ms();
        while let Some((id, away_ms)) = self.draining.as_mut().and_then(|drain| drain.next(now_ms))
        {
            self.say_goodbye(id, away_ms);
        }
    }

    /// Sends away a client that connected during the shutdown.
    pub(super) fn send_away(&mut self, id: usize) {
        if let Some(away_ms) = self.draining.as_ref().map(ShardDrain::latecomers_away_ms) {
            self.say_goodbye(id, away_ms);
        }
    }

    fn say_goodbye(&mut self, id: usize, away_ms: u64) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let drain = drain_frame(connection.session.vsn, away_ms);
        self.send(id, drain);
        self.close(id, code::GOING_AWAY.number, "the node goes down");
        self.bring(id);
    }

    pub(super) fn has_drained(&self) -> bool {
        self.draining
            .as_ref()
            .is_some_and(|drain| self.connections.is_empty() || self.now_ms() >= drain.ends_ms())
    }
}

fn drain_frame(vsn: Vsn, reconnect_in_ms: u64) -> Bytes {
    let payload = native::drain(reconnect_in_ms);
    phoenix::push(vsn, "phoenix", native::DRAIN, &payload)
}

#[cfg(test)]
mod tests {
    use super::{CLOSING_RESERVE_MS, ShardDrain, Windows};

    #[test]
    fn windows_grow_with_the_clients_and_closing_fits_the_timeout() {
        let windows = |clients, timeout| {
            let windows = Windows::new(clients, timeout);
            (windows.closing_ms, windows.return_ms)
        };
        assert_eq!(windows(3, 10_000), (3, 1_000));
        assert_eq!(windows(5_000, 10_000), (5_000, 5_000));
        assert_eq!(
            windows(40_000, 10_000),
            (10_000 - CLOSING_RESERVE_MS, 40_000)
        );
        assert_eq!(windows(5_000, 0), (0, 5_000));
        assert_eq!(windows(1_000_000, 10_000).1, 60_000);
    }

    /// All clients are closed once, in order, and their returns are spread evenly over the return window, even if the closing
    /// window is shorter.
    #[test]
    fn clients_leave_in_order_and_return_over_the_whole_window() {
        for timeout_ms in [60_000, 5_000, 0] {
            let clients: Vec<usize> = (0..20_000).collect();
            let mut drain = ShardDrain::new(&clients, clients.len(), timeout_ms, 1_000);
            let (mut closed, mut returns) = (Vec::new(), [0; 20]);
            for now_ms in (1_000..=drain.ends_ms()).step_by(50) {
                while let Some((id, away_ms)) = drain.next(now_ms) {
                    closed.push(id);
                    let second = (now_ms - 1_000 + away_ms) / 1_000;
                    returns[usize::try_from(second.min(19)).unwrap_or_default()] += 1;
                }
            }
            assert_eq!(closed, clients, "{timeout_ms}");
            let even = returns.iter().all(|count| (900..=1_100).contains(count));
            assert!(even, "{timeout_ms}: {returns:?}");
        }
    }
}
