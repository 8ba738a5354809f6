//! The server on one core, all else on the others: neither can take the other's time, and what
//! the server costs is what it costs there.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::BenchError;

/// Highest core that is looked for.
const CORES_MAX: usize = 1024;

/// Until dropped, this thread, and what it starts, keeps off the server's core.
pub(super) struct Cores {
    all: CpuSet,
    first: CpuSet,
    others: CpuSet,
}

impl Cores {
    /// On a machine with one core there is nothing to divide, and nothing is.
    pub(super) fn divide() -> Result<Cores, BenchError> {
        let all = sched_getaffinity(None).map_err(|error| refused(error.into()))?;
        let (mut first, mut others) = (all, all);
        let mut ours = (0..CORES_MAX).filter(|&core| all.is_set(core));
        if let (Some(core), Some(_)) = (ours.next(), ours.next()) {
            first.clear();
            first.set(core);
            others.unset(core);
        }
        let cores = Cores { all, first, others };
        keep_to(&cores.others)?;
        Ok(cores)
    }

    /// Processes that `start` starts run on the server's core.
    pub(super) fn on_the_servers<T>(
        &self,
        start: impl FnOnce() -> Result<T, BenchError>,
    ) -> Result<T, BenchError> {
        keep_to(&self.first)?;
        let started = start();
        keep_to(&self.others)?;
        started
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        // They were ours before.
        let _ = keep_to(&self.all);
    }
}

fn keep_to(cores: &CpuSet) -> Result<(), BenchError> {
    sched_setaffinity(None, cores).map_err(|error| refused(error.into()))
}

fn refused(source: std::io::Error) -> BenchError {
    BenchError::io("divide the cores")(source)
}
