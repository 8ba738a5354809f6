//! The floor of fan-out: a process that does nothing but `send()` the same bytes to as many
//! sockets, one after the other.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use super::BenchError;
use super::cores::Cores;
use super::crowd::Greeting;
use super::crowd::viewers::Viewers;
use super::process::BenchProcess;
use crate::protocol::websocket::{self, Opcode};
use crate::ticketing::Revision;

/// The child's side: says its address, accepts, then sends each line of standard input to all.
pub(super) fn send_loop(connections: usize) -> Result<(), BenchError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(BenchError::io("listen"))?;
    let address = listener.local_addr().map_err(BenchError::io("listen"))?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address}").map_err(BenchError::io("write"))?;
    let mut sockets: Vec<TcpStream> = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (socket, _) = listener.accept().map_err(BenchError::io("accept"))?;
        socket.set_nodelay(true).map_err(BenchError::io("accept"))?;
        sockets.push(socket);
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(BenchError::io("read"))?;
        let frame = websocket::frame(Opcode::Text, line.as_bytes());
        for socket in &mut sockets {
            socket.write_all(&frame).map_err(BenchError::io("send"))?;
        }
    }
    Ok(())
}

/// The bench's side of it.
///
/// Fields drop in this order: viewers first, or they would miss the loop.
pub(super) struct Floor {
    viewers: Viewers,
    pub(super) process: BenchProcess,
    stdin: ChildStdin,
    /// Kept open: the child's output has an end to write to.
    _stdout: Lines<BufReader<ChildStdout>>,
    /// The frame's text, in two halves around the revision.
    frame: (String, String),
    revision: Revision,
}

impl Floor {
    /// On the core that is the server's otherwise. `sample` is the payload of an update as the
    /// server sent it.
    pub(super) fn start(
        cores: &Cores,
        connections: usize,
        sample: &str,
    ) -> Result<Floor, BenchError> {
        let args = ["bench", "floor", &connections.to_string()];
        let mut process = cores.on_the_servers(|| BenchProcess::again(&args, &[]))?;
        let stdin = process.input()?;
        let mut lines = process.output()?.lines();
        let address: SocketAddr = lines
            .next()
            .and_then(Result::ok)
            .and_then(|line| line.parse().ok())
            .ok_or(BenchError::Child("the send loop did not start"))?;
        let viewers = Viewers::open(address, connections, Greeting::Silent)?;
        let (frame, revision) = split(sample)?;
        Ok(Floor {
            process,
            viewers,
            stdin,
            _stdout: lines,
            frame,
            revision,
        })
    }

    /// Sends one frame to all; how long it took until the last one had it.
    pub(super) fn round(&mut self) -> Result<Duration, BenchError> {
        self.revision += 1;
        self.viewers.expect(self.revision)?;
        let (head, tail) = &self.frame;
        let line = format!("{head}{}{tail}\n", self.revision);
        let begun = Instant::now();
        self.stdin
            .write_all(line.as_bytes())
            .map_err(BenchError::io("tell the send loop"))?;
        Ok(self.viewers.arrival()?.duration_since(begun))
    }
}

/// The text around the number after `"to":`, and that number.
fn split(sample: &str) -> Result<((String, String), Revision), BenchError> {
    const KEY: &str = "\"to\":";
    let missing = || BenchError::Child("no update has come that could be sent again");
    let start = sample.find(KEY).ok_or_else(missing)? + KEY.len();
    let digits = sample[start..]
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(missing)?;
    let (number, tail) = sample[start..].split_at(digits);
    let revision = number.parse().map_err(|_| missing())?;
    Ok(((sample[..start].to_owned(), tail.to_owned()), revision))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sample_is_split_around_its_revision() {
        let ((head, tail), revision) = split(r#"[{"from":8,"to":9,"x":1}]"#).unwrap();
        assert_eq!(
            (head.as_str(), tail.as_str(), revision),
            (r#"[{"from":8,"to":"#, r#","x":1}]"#, 9)
        );
        assert!(split("[]").is_err());
    }
}
