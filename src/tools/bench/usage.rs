//! How the cores' time was shared among all that take part.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use super::crowd::viewers::Viewers;
use super::postgres::Postgres;
use super::process::{BenchProcess, own_cpu};
use super::{BenchError, clock};

/// All that take part. The generator is the viewers' process and this one.
#[derive(Clone, Copy)]
pub(super) struct Meter<'a> {
    pub(super) server: Option<&'a BenchProcess>,
    pub(super) postgres: Postgres,
    pub(super) viewers: Option<&'a Viewers>,
}

/// CPU of each so far, or in a stretch of time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) wall: Duration,
    pub(super) server: Duration,
    pub(super) postgres: Duration,
    pub(super) viewers: Duration,
    pub(super) bench: Duration,
}

impl Meter<'_> {
    pub(super) fn read(&self) -> Result<Usage, BenchError> {
        Ok(Usage {
            wall: clock::now(),
            server: self.server.map_or(Ok(Duration::ZERO), BenchProcess::cpu)?,
            postgres: self.postgres.cpu()?,
            viewers: self.viewers.map_or(Ok(Duration::ZERO), Viewers::cpu)?,
            bench: own_cpu()?,
        })
    }
}

impl Usage {
    /// The CPU used since `before` was read.
    pub(super) fn since(self, before: Usage) -> Usage {
        Usage {
            wall: self.wall.saturating_sub(before.wall),
            server: self.server.saturating_sub(before.server),
            postgres: self.postgres.saturating_sub(before.postgres),
            viewers: self.viewers.saturating_sub(before.viewers),
            bench: self.bench.saturating_sub(before.bench),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.wall += other.wall;
        self.server += other.server;
        self.postgres += other.postgres;
        self.viewers += other.viewers;
        self.bench += other.bench;
    }
}

/// `server 61, Postgres 50, viewers 30, bench 20 % of a core`
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wall = self.wall.as_secs_f64().max(f64::MIN_POSITIVE);
        let of_a_core = |cpu: Duration| cpu.as_secs_f64() / wall * 100.0;
        write!(
            f,
            "server {:.0}, Postgres {:.0}, viewers {:.0}, bench {:.0} % of a core",
            of_a_core(self.server),
            of_a_core(self.postgres),
            of_a_core(self.viewers),
            of_a_core(self.bench),
        )
    }
}
