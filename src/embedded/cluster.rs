//! Making a cluster, and how every program of Postgres is started.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::account::Account;
use super::binaries::Binaries;
use super::folder::Folder;
use super::{Durability, EmbeddedError};

/// What every start of a program of Postgres needs to know.
pub(super) struct Launcher<'a> {
    pub(super) binaries: &'a Binaries,
    pub(super) folder: &'a Folder,
    pub(super) account: Option<&'a Account>,
}

impl Launcher<'_> {
    /// A command that runs as the right account, sees nothing of our environment (PGOPTIONS
    /// could break it; our secrets are none of its business), hears no Ctrl-C from the terminal
    /// (we drain first), and ends when we do.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.program(program));
        command
            .env_clear()
            .env("PATH", &self.binaries.dir)
            .env("LC_ALL", "C")
            // Ours may be one that the account cannot enter.
            .current_dir(self.folder.dir())
            .process_group(0)
            .stdin(Stdio::null());
        if let Some(account) = self.account {
            // Also drops the supplementary groups.
            command.uid(account.uid).gid(account.gid);
        }
        end_with_us(&mut command);
        command
    }

    /// Runs a program to its end; `input` must fit into a pipe's buffer.
    fn run(&self, command: Command, name: &str, input: &str) -> Result<(), EmbeddedError> {
        let Output {
            status,
            stdout,
            stderr,
        } = converse(command, input).map_err(|source| EmbeddedError::Program {
            program: self.binaries.program(name).display().to_string(),
            source,
        })?;
        if status.success() {
            return Ok(());
        }
        Err(EmbeddedError::Failed {
            program: name.to_owned(),
            status: status.to_string(),
            output: format!(
                "{}{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            ),
        })
    }
}

fn converse(mut command: Command, input: &str) -> io::Result<Output> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            // It ended without listening: its output says why.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    child.wait_with_output()
}

/// Asks the kernel to end the child when the thread that starts it dies, by `kill -9` as well.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(crate) fn end_with_us(command: &mut Command) {
    use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

    let us = getpid();
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::INT))?;
        // We may have died before the kernel was asked.
        match getppid().map(Pid::as_raw_nonzero) == Some(us.as_raw_nonzero()) {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
        }
    };
    // SAFETY: between fork and exec only what is async-signal-safe may run; `ask` makes two
    // system calls, allocates nothing and takes no lock. There is no way to do it from outside of
    // the child, and std runs it after setuid, which would undo it.
    unsafe { command.pre_exec(ask) };
}

/// Other kernels cannot: there a killed server leaves its Postgres to the next start.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_with_us(_command: &mut Command) {}

/// Makes the cluster with one database, all or nothing.
pub(super) fn create(
    launcher: &Launcher<'_>,
    database: &str,
    durability: Durability,
) -> Result<(), EmbeddedError> {
    let unfinished = launcher.folder.unfinished_data();
    initdb(launcher, &unfinished, database, durability)?;
    create_database(launcher, &unfinished, database)?;
    let data = launcher.folder.data();
    std::fs::rename(&unfinished, &data).map_err(EmbeddedError::file("make", &data))?;
    let dir = launcher.folder.dir();
    std::fs::File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(EmbeddedError::file("write", dir))
}

/// The locale C sorts by bytes and never changes under an index with an upgrade of the system.
fn initdb(
    launcher: &Launcher<'_>,
    data: &Path,
    owner: &str,
    durability: Durability,
) -> Result<(), EmbeddedError> {
    let mut command = launcher.command("initdb");
    command.arg("--pgdata").arg(data);
    command.args(["--username", owner, "--auth=trust"]);
    command.args(["--encoding=UTF8", "--locale=C", "--data-checksums"]);
    command.arg("--no-instructions");
    if durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    launcher.run(command, "initdb", "")
}

/// In single-user mode: no socket, no client, and no cluster that lacks its database.
fn create_database(
    launcher: &Launcher<'_>,
    data: &Path,
    database: &str,
) -> Result<(), EmbeddedError> {
    let mut command = launcher.command("postgres");
    command.arg("--single").arg("-D").arg(data);
    // Without it an error in the statement would still end with success.
    command.args(["-c", "exit_on_error=on", "template1"]);
    launcher.run(
        command,
        "postgres",
        &format!("create database {database}\n"),
    )
}
