//! Child processes, and what the kernel says they cost.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

use super::BenchError;
use crate::telemetry::BENCH_LEVELS;

/// The server's line when it is ready ends with its address.
const READY: &str = "Seatcast is on http://";
/// Files that a process of ours needs beside its sockets.
const SPARE_FILES: u64 = 512;
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// A child that is asked to end when dropped, and made to when it does not.
pub(super) struct BenchProcess {
    child: Child,
}

impl BenchProcess {
    /// This program again, with other arguments.
    pub(super) fn again(args: &[&str], envs: &[(&str, &str)]) -> Result<BenchProcess, BenchError> {
        let exe = std::env::current_exe().map_err(BenchError::io("find this program"))?;
        let mut command = Command::new(exe);
        command.args(args).envs(envs.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // The children of a bench that is killed must not stay.
        crate::embedded::end_with_us(&mut command);
        let child = command.spawn().map_err(BenchError::io("start a child"))?;
        Ok(BenchProcess { child })
    }

    /// `seatcast serve` on a free port of the loopback, and its address.
    pub(super) fn server(
        database_url: &str,
        args: &[&str],
    ) -> Result<(BenchProcess, SocketAddr), BenchError> {
        let mut all = vec!["serve", "--dev", "--host", "127.0.0.1", "--port", "0"];
        // All load comes from one address.
        all.extend(["--limits", "off"]);
        all.extend(["--socket-connections-per-address-max", "0"]);
        all.extend(["--http-connections-per-address-max", "0"]);
        all.extend(args);
        let envs = [("DATABASE_URL", database_url), ("RUST_LOG", BENCH_LEVELS)];
        let mut server = BenchProcess::again(&all, &envs)?;
        let mut lines = server.output()?.lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once(READY)?.1.trim().parse().ok())
            .ok_or(BenchError::Child("the server ended before it was ready"))?;
        // Read on: a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        Ok((server, address))
    }

    pub(super) fn output(&mut self) -> Result<BufReader<ChildStdout>, BenchError> {
        let stdout = self.child.stdout.take();
        stdout
            .map(BufReader::new)
            .ok_or(BenchError::Child("the output was taken already"))
    }

    pub(super) fn input(&mut self) -> Result<std::process::ChildStdin, BenchError> {
        let stdin = self.child.stdin.take();
        stdin.ok_or(BenchError::Child("the input was taken already"))
    }

    /// CPU time of all its threads, to the nanosecond. (`/proc/<pid>/stat` counts in ticks of
    /// 10 ms; threads that ended are missing here, but ours live as long as the process.)
    pub(super) fn cpu(&self) -> Result<Duration, BenchError> {
        cpu_of_threads(self.child.id())
    }

    /// Memory in RAM that is the process's own, in bytes.
    pub(super) fn memory(&self) -> Result<u64, BenchError> {
        let status = read_proc(&format!("{}/status", self.child.id()))?;
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        kilobytes
            .map(|kilobytes| kilobytes * 1024)
            .ok_or(BenchError::Child("it has no memory: it has ended"))
    }

    /// SIGKILL: nothing of it gets to say goodbye.
    pub(super) fn kill(mut self) -> Result<(), BenchError> {
        self.child.kill().map_err(BenchError::io("kill a server"))
    }

    fn wait(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(None) => return false,
                _ => return true,
            }
        }
    }
}

impl Drop for BenchProcess {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        if !self.wait(STOP_PATIENCE) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// CPU of this process: of the bench itself.
pub(super) fn own_cpu() -> Result<Duration, BenchError> {
    cpu_of_threads(std::process::id())
}

fn cpu_of_threads(pid: u32) -> Result<Duration, BenchError> {
    let tasks = format!("/proc/{pid}/task");
    let entries = std::fs::read_dir(&tasks).map_err(BenchError::io("read /proc"))?;
    let nanoseconds = entries
        .flatten()
        .filter_map(|task| first_number(&task.path().join("schedstat")))
        .sum();
    Ok(Duration::from_nanos(nanoseconds))
}

/// A file below `/proc`.
pub(super) fn read_proc(path: &str) -> Result<String, BenchError> {
    std::fs::read_to_string(format!("/proc/{path}")).map_err(BenchError::io("read /proc"))
}

pub(super) fn first_number(path: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Lets this process, and the children it starts from now on, open so many sockets.
pub(super) fn allow_sockets(sockets: usize) -> Result<(), BenchError> {
    let needed = sockets as u64 + SPARE_FILES;
    let limit = getrlimit(Resource::Nofile);
    // `None` is no limit.
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(needed));
    let raised = Rlimit {
        current: Some(needed),
        maximum,
    };
    setrlimit(Resource::Nofile, raised).map_err(|_| BenchError::Files {
        needed,
        maximum: limit.maximum.unwrap_or(u64::MAX),
    })
}
