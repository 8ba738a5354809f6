//! The real binary as a child process, for tests that kill it or read its memory and its metrics.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// `seatcast …` with an empty environment but for the PATH.
pub(crate) fn seatcast(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seatcast"));
    command.args(args).env_clear().env("RUST_LOG", "warn");
    for name in ["PATH", "PG_BIN_DIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// Runs it to its end, and returns its output.
pub(crate) fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("it runs")
}

/// A server in development mode on a free port. It is killed when dropped.
pub(crate) struct ServerProcess {
    child: Child,
    /// As in `http://127.0.0.1:40123`.
    pub(crate) url: String,
}

impl ServerProcess {
    /// Starts a server with a private Postgres in `data_dir`. Blocks until it is ready.
    pub(crate) fn embedded(data_dir: &Path) -> ServerProcess {
        let data_dir = data_dir.to_str().expect("a path in UTF-8");
        Self::start(&["--data-dir", data_dir])
    }

    pub(crate) fn start(args: &[&str]) -> ServerProcess {
        Self::start_logging(args, Stdio::inherit())
    }

    pub(crate) fn start_logging(args: &[&str], log: Stdio) -> ServerProcess {
        let mut command = seatcast(&["serve", "--dev", "--port", "0"]);
        // All callers of a test have one address.
        if !args.contains(&"--limits") {
            command.args(["--limits", "off"]);
        }
        command.args(args);
        Self::run(command, log)
    }

    /// May have no more than so many open files.
    pub(crate) fn with_open_files(files: usize, args: &[&str], log: Stdio) -> ServerProcess {
        let server = seatcast(&["serve", "--dev", "--port", "0", "--limits", "off"]);
        let mut command = Command::new("sh");
        let limited = format!("ulimit -n {files}; exec \"$0\" \"$@\"");
        command.arg("-c").arg(limited).arg(server.get_program());
        command.args(server.get_args()).args(args);
        Self::run(command, log)
    }

    /// Runs a server by this command. Blocks until it is ready.
    pub(crate) fn run(mut command: Command, log: Stdio) -> ServerProcess {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("Seatcast is on ")?.1.trim().to_owned()))
            .expect("it says its address");
        // Keep reading: a full pipe would block the server.
        std::thread::spawn(move || lines.for_each(drop));
        ServerProcess { child, url }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.url.strip_prefix("http://").unwrap_or(&self.url);
        address.parse().expect("an address")
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed()).expect("a pid")
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok());
        kilobytes.expect("a number of kB") * 1_024
    }

    /// Whether it has ended by itself, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it is ours")
    }

    /// Sends SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it lived");
        self.child.wait().expect("it is ours");
    }

    /// Sends SIGTERM, and waits for its end.
    pub(crate) fn stop(mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).expect("it lived");
        self.child.wait().expect("it is ours")
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // After `kill` or `stop` this fails, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
