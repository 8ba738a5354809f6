//! A real shard for tests: the test sets its time, calls its turns, and holds the other ends of its sockets.

#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use mio::Events;

use super::shard::Shard;
use super::{AcceptedSocket, Admission, ConnectionCounts, Errands, ShardConfig};
use crate::auth::{Auth, Caller};
use crate::broadcast::Broadcasts;
use crate::config::Config;
use crate::hub::private::PrivateTopics;
use crate::hub::{Mailbox, ToShard};
use crate::interactions::Interactions;
use crate::limits::address::Client;
use crate::limits::rates::Rates;
use crate::metrics;
use crate::presence::Presence;
use crate::protocol::phoenix::Vsn;

/// Capacity of the intake: more connections than a test opens between two turns.
const INTAKE_CONNECTIONS_MAX: usize = 16;

pub(crate) struct HeldShard {
    shard: Shard,
    intake: SyncSender<AcceptedSocket>,
    counts: Arc<ConnectionCounts>,
    events: Events,
}

impl HeldShard {
    pub(crate) fn new(
        config: &Config,
        auth: Arc<Auth>,
        presence: Presence,
        private: PrivateTopics,
        mailbox: Mailbox<ToShard>,
    ) -> Self {
        let errands = Errands {
            presence,
            broadcasts: Broadcasts::new(1).0,
            private,
            interactions: Interactions::new(&config.interactions, Rates::new(&config.limits)).0,
        };
        let mut config = ShardConfig::of(config, auth, errands);
        // Small portions, so that fan-outs to the few viewers of a test are interrupted, too.
        config.portion_viewers = 2;
        let config = Arc::new(config);
        let counts = config.counts.clone();
        let (intake, accepted) = sync_channel(INTAKE_CONNECTIONS_MAX);
        Self {
            shard: Shard::new(config, mailbox, accepted).unwrap(),
            intake,
            counts,
            events: Events::with_capacity(INTAKE_CONNECTIONS_MAX),
        }
    }

    /// A client after its handshake: the other end of its socket.
    pub(crate) fn connect(&self, vsn: Vsn) -> UnixStream {
        let (client, server) = UnixStream::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        server.set_nonblocking(true).unwrap();
        self.counts.total.fetch_add(1, Ordering::Relaxed);
        metrics::CONNECTIONS.add(1);
        let accepted = AcceptedSocket {
            stream: TcpStream::from(OwnedFd::from(server)),
            leftover: Bytes::new(),
            vsn,
            caller: Caller::Anonymous,
            api_key: None,
            admission: Admission {
                counts: self.counts.clone(),
                address: Client::new(Ipv4Addr::LOCALHOST.into()).network(),
                joins: None,
                _place: None,
            },
            refused: None,
        };
        self.intake.try_send(accepted).ok().unwrap();
        client
    }

    /// Runs one turn of the loop at this time. Returns how long the shard would sleep.
    pub(crate) fn turn(&mut self, now_ms: u64) -> Duration {
        self.shard.clock.held_at_ms = Some(now_ms);
        self.shard.turn(&mut self.events, Duration::ZERO).unwrap();
        self.shard.patience()
    }
}
