//! Makes a cluster, and starts every program of Postgres.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::account::SystemAccount;
use super::binaries::Binaries;
use super::folder::Folder;
use super::{Durability, EmbeddedError};

/// Starts programs of Postgres.
pub(super) struct Launcher<'a> {
    pub(super) binaries: &'a Binaries,
    pub(super) folder: &'a Folder,
    pub(super) account: Option<&'a SystemAccount>,
}

impl Launcher<'_> {
    /// A command that runs under the right account, has an empty environment (PGOPTIONS could break it, and it must not see
    /// our secrets), gets no Ctrl-C from the terminal (we drain first), and ends when we do.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.program(program));
        command
            .env_clear()
            .env("PATH", &self.binaries.dir)
            .env("LC_ALL", "C")
            // The account may not be able to enter our working directory.
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
            // It ended without reading its input; its output says why.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    child.wait_with_output()
}

/// Makes the kernel end the child when the thread that starts it dies, even by `kill -9`.
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

/// Other kernels cannot do that: there the Postgres of a killed server is ended by the next start.
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

/// The first Postgres with a builtin UTF-8 locale.
const BUILTIN_LOCALE_SINCE: u32 = 17;
/// Locales of the system that know letters beyond ASCII: glibc's and musl's, then what macOS and old systems have.
const UTF8_LOCALES: [&str; 2] = ["C.UTF-8", "en_US.UTF-8"];

/// The locale of a cluster, which decides how case is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locale {
    /// The builtin C.UTF-8 of Postgres, which is the same on every system.
    Builtin,
    /// A locale of the system for case; C for the order.
    Ctype(&'static str),
    /// Case is folded for ASCII only.
    C,
}

impl Locale {
    /// The best first.
    fn candidates(major: u32) -> Vec<Locale> {
        let builtin = (major >= BUILTIN_LOCALE_SINCE).then_some(Locale::Builtin);
        let of_the_system = UTF8_LOCALES.map(Locale::Ctype);
        builtin
            .into_iter()
            .chain(of_the_system)
            .chain([Locale::C])
            .collect()
    }

    /// Text is always ordered by its bytes, so that an upgrade of the system cannot change the order under an index.
    fn arguments(self) -> Vec<String> {
        let mut arguments = vec!["--locale=C".to_owned()];
        match self {
            Locale::Builtin => arguments.extend(
                ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"].map(str::to_owned),
            ),
            Locale::Ctype(name) => arguments.push(format!("--lc-ctype={name}")),
            Locale::C => {}
        }
        arguments
    }
}

/// Runs `initdb` with the best locale that this system has.
fn initdb(
    launcher: &Launcher<'_>,
    data: &Path,
    owner: &str,
    durability: Durability,
) -> Result<(), EmbeddedError> {
    for locale in Locale::candidates(launcher.binaries.major) {
        match initdb_with(launcher, data, owner, durability, locale) {
            Err(EmbeddedError::Failed { output, .. })
                if locale != Locale::C && output.contains("invalid locale") => {}
            Ok(()) if locale == Locale::C => {
                tracing::warn!(
                    "this system has no locale in UTF-8 ({}): search folds the case of Latin letters only",
                    UTF8_LOCALES.join(", ")
                );
                return Ok(());
            }
            outcome => return outcome,
        }
    }
    Ok(())
}

fn initdb_with(
    launcher: &Launcher<'_>,
    data: &Path,
    owner: &str,
    durability: Durability,
    locale: Locale,
) -> Result<(), EmbeddedError> {
    let mut command = launcher.command("initdb");
    command.arg("--pgdata").arg(data);
    command.args(["--username", owner, "--auth=trust"]);
    command.args(["--encoding=UTF8", "--data-checksums"]);
    command.args(locale.arguments());
    command.arg("--no-instructions");
    if durability == Durability::Throwaway {
        command.arg("--no-sync");
    }
    launcher.run(command, "initdb", "")
}

/// Makes the database in single-user mode, which needs neither socket nor client; so no cluster is ever without it.
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
