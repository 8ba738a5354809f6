//! The running Postgres: started, awaited, stopped.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::cluster::Launcher;
use super::folder::{self, Folder};
use super::{Durability, EmbeddedError, Settings};

const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How much of the log goes into the error of a failed start.
const LOG_TAIL_BYTES: u64 = 2_000;
/// Time for an immediate stop, which takes longer only if the kernel cannot end a process.
const QUIT_PATIENCE: Duration = Duration::from_secs(5);

/// The file that Postgres writes its log to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    /// A new file; the file of the run before is kept beside it.
    Fresh,
    /// The file of this run, which says why Postgres ended.
    Same,
}

#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
    stop_timeout: Duration,
}

impl Postmaster {
    /// Returns when Postgres takes connections.
    pub(super) fn start(
        launcher: &Launcher<'_>,
        settings: &Settings,
        log: Log,
    ) -> Result<Postmaster, EmbeddedError> {
        let log = match log {
            Log::Fresh => fresh_log(launcher)?,
            Log::Same => same_log(launcher)?,
        };
        let stderr = log
            .try_clone()
            .map_err(EmbeddedError::file("open", launcher.folder.log()))?;
        let mut command = launcher.command("postgres");
        command.arg("-D").arg(launcher.folder.data());
        command.arg("-k").arg(launcher.folder.dir());
        for option in options(settings) {
            command.arg("-c").arg(option);
        }
        command.stdout(Stdio::from(log)).stderr(Stdio::from(stderr));
        let child = command.spawn().map_err(|source| EmbeddedError::Program {
            program: launcher.binaries.program("postgres").display().to_string(),
            source,
        })?;
        let mut postmaster = Postmaster {
            child,
            stop_timeout: settings.stop_timeout,
        };
        let ready = postmaster.wait_until_ready(launcher.folder, settings.start_timeout);
        if ready.is_err() {
            // The error of the start says more than an error of this stop.
            let _ = postmaster.stop();
        }
        ready.map(|()| postmaster)
    }

    /// Waits for the last line of `postmaster.pid`, the only sign that Postgres is ready.
    fn wait_until_ready(
        &mut self,
        folder: &Folder,
        patience: Duration,
    ) -> Result<(), EmbeddedError> {
        let file = folder.data().join("postmaster.pid");
        let deadline = Instant::now() + patience;
        loop {
            let ready = std::fs::read_to_string(&file).ok();
            if ready.as_deref().and_then(folder::parse_ready) == Some(self.child.id()) {
                return Ok(());
            }
            if let Some(status) = self.ended() {
                return Err(not_started(folder, format!("it ended with {status}")));
            }
            if Instant::now() > deadline {
                let why = format!("it was not ready after {} s", patience.as_secs());
                return Err(not_started(folder, why));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// A fast shutdown, and an immediate one (from which the next start recovers) if that takes too long. A second call does
    /// nothing.
    pub(super) fn stop(&mut self) -> Result<(), EmbeddedError> {
        for (signal, patience) in [
            (Signal::INT, self.stop_timeout),
            (Signal::QUIT, QUIT_PATIENCE),
        ] {
            if self.ended().is_some() {
                return Ok(());
            }
            if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
                // It may have ended by itself, which the wait finds out.
                let _ = kill_process(pid, signal);
            }
            if self.wait_for_end(patience) {
                return Ok(());
            }
        }
        Err(EmbeddedError::NotStopped {
            pid: self.child.id(),
        })
    }

    fn wait_for_end(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        true
    }

    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

/// Settings on the command line, which win over the cluster's own files.
fn options(settings: &Settings) -> Vec<String> {
    let mut options = vec![
        // A unix socket only: no port can be taken, and the network cannot reach it.
        "listen_addresses=".to_owned(),
        format!("max_connections={}", settings.connections_max),
        "cluster_name=seatcast".to_owned(),
        "timezone=UTC".to_owned(),
        "log_timezone=UTC".to_owned(),
        // To our log file, not to a collector of its own.
        "logging_collector=off".to_owned(),
        // Statements are long, and clients cause errors at will: an error alone is one line.
        "log_min_error_statement=panic".to_owned(),
    ];
    let safe = settings.durability == Durability::Safe;
    for switch in ["fsync", "full_page_writes", "synchronous_commit"] {
        options.push(format!("{switch}={}", if safe { "on" } else { "off" }));
    }
    // Of two values for one setting the later one holds.
    options.extend(settings.options.iter().cloned());
    options
}

/// Keeps one file for this run and one for the run before, so that the folder does not grow with restarts.
fn fresh_log(launcher: &Launcher<'_>) -> Result<File, EmbeddedError> {
    let (log, previous) = (launcher.folder.log(), launcher.folder.previous_log());
    match std::fs::rename(&log, &previous) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(EmbeddedError::file("move", log)(error));
        }
        _ => {}
    }
    same_log(launcher)
}

/// Opened to append, so that it can be cut while Postgres writes to it.
fn same_log(launcher: &Launcher<'_>) -> Result<File, EmbeddedError> {
    let log = launcher.folder.log();
    let file = File::options().create(true).append(true).open(&log);
    let file = file.map_err(EmbeddedError::file("open", &log))?;
    folder::give(&log, launcher.account)?;
    Ok(file)
}

/// Takes the place of the log of the run before, and begins anew, if the log has grown too long.
pub(super) fn cut_log(log: &Path, previous: &Path, bytes_max: u64) -> io::Result<()> {
    if std::fs::metadata(log)?.len() <= bytes_max {
        return Ok(());
    }
    // Postgres keeps the file open, so it is copied; lines that come meanwhile are lost.
    std::fs::copy(log, previous)?;
    File::options().write(true).open(log)?.set_len(0)
}

fn not_started(folder: &Folder, why: String) -> EmbeddedError {
    let log = folder.log();
    EmbeddedError::NotStarted {
        why,
        tail: tail(&log).unwrap_or_else(|error| format!("(not readable: {error})")),
        log,
    }
}

fn tail(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let skip = file.metadata()?.len().saturating_sub(LOG_TAIL_BYTES);
    file.seek(SeekFrom::Start(skip))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    #[test]
    fn a_log_that_is_written_to_begins_anew_when_it_is_long() {
        let folder = tempfile::tempdir().unwrap();
        let [log, previous] = ["log", "previous"].map(|name| folder.path().join(name));
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        file.write_all(b"long").unwrap();
        cut_log(&log, &previous, 4).unwrap();
        assert!(!previous.exists(), "it may be as long as that");
        file.write_all(b"er").unwrap();
        cut_log(&log, &previous, 4).unwrap();
        file.write_all(b"new").unwrap();
        let read = |path| std::fs::read_to_string(path).unwrap();
        assert_eq!(
            (read(&previous), read(&log)),
            ("longer".into(), "new".into())
        );
    }
}
