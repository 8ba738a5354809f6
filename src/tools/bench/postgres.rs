//! CPU of the database's processes, which have to run on this machine.

use std::path::Path;
use std::time::Duration;

use super::BenchError;
use super::process::{first_number, read_proc};

/// Ticks a second in `/proc/<pid>/stat`: the kernel's USER_HZ, the same on all that we run on.
const TICKS_PER_S: u64 = 100;
/// Fields of `/proc/<pid>/stat`, counted from the one after the name in parentheses.
const PARENT: usize = 1;
const TICKS_OF_ENDED_CHILDREN: [usize; 2] = [13, 14];

/// The postmaster. Its children are the backends and the writers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Postgres {
    postmaster: u32,
}

impl Postgres {
    /// The one that this backend belongs to.
    pub(super) fn of_backend(backend: u32) -> Result<Postgres, BenchError> {
        let elsewhere = BenchError::Child("Postgres has to run on this machine to be measured");
        let postmaster = match stat(backend) {
            Ok(fields) => u32::try_from(fields[PARENT]).unwrap_or_default(),
            Err(_) => return Err(elsewhere),
        };
        Ok(Postgres { postmaster })
    }

    /// CPU of all its processes so far. Those that ended count in ticks of 10 ms.
    pub(super) fn cpu(self) -> Result<Duration, BenchError> {
        let ended = ended_children(self.postmaster)?;
        let children = read_proc(&format!("{0}/task/{0}/children", self.postmaster))?;
        let mut cpu = ended + process_cpu(self.postmaster);
        for child in children.split_whitespace() {
            cpu += child.parse().map(process_cpu).unwrap_or_default();
        }
        Ok(cpu)
    }
}

/// CPU of a process with one thread, to the nanosecond; none if it has ended.
pub(super) fn process_cpu(pid: u32) -> Duration {
    let path = format!("/proc/{pid}/schedstat");
    Duration::from_nanos(first_number(Path::new(&path)).unwrap_or_default())
}

fn ended_children(pid: u32) -> Result<Duration, BenchError> {
    let fields = stat(pid)?;
    let ticks: u64 = TICKS_OF_ENDED_CHILDREN.iter().map(|&at| fields[at]).sum();
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_S))
}

/// The numbers after the name and the state; what is no number counts as 0.
fn stat(pid: u32) -> Result<Vec<u64>, BenchError> {
    let stat = read_proc(&format!("{pid}/stat"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<u64> = after_name
        .split_whitespace()
        .map(|field| field.parse().unwrap_or_default())
        .collect();
    match fields.len() > TICKS_OF_ENDED_CHILDREN[1] {
        true => Ok(fields),
        false => Err(BenchError::Child("/proc says less than expected")),
    }
}
