//! The bench's end of a crowd of viewers ([`super::crowd`]), which has a process of its own: its
//! sockets count against a limit of its own, and its CPU is not the bench's.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use super::BenchError;
use super::crowd::Greeting;
use super::lags::Lags;
use super::process::Process;
use crate::ticketing::Revision;

/// How long all connections may take to be opened, and a revision to reach them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Joined connections. Dropping it closes them.
pub(super) struct Viewers {
    orders: ChildStdin,
    /// What the crowd says, with the time at which it did.
    answers: Receiver<(String, Instant)>,
    _process: Process,
}

/// What one viewer, as good as any, has received.
#[derive(Debug)]
pub(super) struct Sample {
    /// How many frames of the kind that was asked for.
    pub(super) frames: u64,
    /// The payload of the last one: JSON text.
    pub(super) payload: String,
}

impl Viewers {
    /// Opens `count` connections and returns when all are joined.
    pub(super) fn open(
        address: SocketAddr,
        count: usize,
        greeting: Greeting,
    ) -> Result<Viewers, BenchError> {
        Self::open_with(address, count, greeting, &[])
    }

    /// The same with further arguments of `bench crowd`.
    pub(super) fn open_with(
        address: SocketAddr,
        count: usize,
        greeting: Greeting,
        more: &[&str],
    ) -> Result<Viewers, BenchError> {
        let (address, count) = (address.to_string(), count.to_string());
        let mut args = vec!["bench", "crowd", &address, &count];
        let event = match greeting {
            Greeting::Silent => None,
            Greeting::Join(event) => Some(event.to_string()),
        };
        args.extend(event.as_deref());
        args.extend(more);
        let mut process = Process::again(&args, &[])?;
        let viewers = Viewers {
            orders: process.input()?,
            answers: timed(process.output()?.lines()),
            _process: process,
        };
        viewers.answer("opened").map(|_| viewers)
    }

    /// Starts to wait for a revision. Call it before the change is made.
    pub(super) fn expect(&mut self, revision: Revision) -> Result<(), BenchError> {
        self.order(&format!("expect {revision}\n"))
    }

    /// When the last viewer had the revision that was expected.
    pub(super) fn arrival(&self) -> Result<Instant, BenchError> {
        Ok(self.answer("arrived")?.1)
    }

    /// The same, without waiting for it.
    pub(super) fn has_arrived(&self) -> Result<bool, BenchError> {
        match self.answers.try_recv() {
            Ok((line, _)) if line == "arrived" => Ok(true),
            Err(TryRecvError::Empty) => Ok(false),
            _ => Err(SILENT),
        }
    }

    pub(super) fn sample(&mut self) -> Result<Sample, BenchError> {
        self.ask_sample("sample\n")
    }

    fn ask_sample(&mut self, order: &str) -> Result<Sample, BenchError> {
        self.order(order)?;
        let (line, _) = self.answer("")?;
        let (frames, payload) = line.split_once(' ').ok_or(SILENT)?;
        Ok(Sample {
            frames: frames.parse().map_err(|_| SILENT)?,
            payload: payload.to_owned(),
        })
    }

    /// How late each viewer had what was expected, of all times since this was last asked.
    pub(super) fn lags(&mut self) -> Result<Lags, BenchError> {
        self.order("lags\n")?;
        Lags::read(&self.answer("")?.0).ok_or(SILENT)
    }

    /// Every tenth of them stops reading.
    pub(super) fn stall(&mut self) -> Result<(), BenchError> {
        self.order("stall 10\n")
    }

    /// They read again. The most frames that one of them needed to come to this revision, and when
    /// the last had.
    pub(super) fn wake(&mut self, revision: Revision) -> Result<(u32, Instant), BenchError> {
        self.order(&format!("wake {revision}\n"))?;
        let (frames, at) = self.answer("")?;
        Ok((frames.parse().map_err(|_| SILENT)?, at))
    }

    /// From now on, who loses its connection comes back here, with `since`.
    pub(super) fn give_refuge(&mut self, address: SocketAddr) -> Result<(), BenchError> {
        self.order(&format!("refuge {address}\n"))
    }

    /// Presence frames that all have had, and the last one that a viewer had: JSON text.
    pub(super) fn presence(&mut self) -> Result<Sample, BenchError> {
        self.ask_sample("presence\n")
    }

    fn order(&mut self, line: &str) -> Result<(), BenchError> {
        let written = self.orders.write_all(line.as_bytes());
        written.map_err(BenchError::io("tell the viewers"))
    }

    fn answer(&self, wanted: &str) -> Result<(String, Instant), BenchError> {
        let answer = self.answers.recv_timeout(PATIENCE).ok();
        answer
            .filter(|(line, _)| line.starts_with(wanted))
            .ok_or(SILENT)
    }
}

/// What broke in the crowd, the crowd said itself.
const SILENT: BenchError =
    BenchError::Child("the viewers did not all connect, or did not all get an update in time");

fn timed(lines: Lines<BufReader<ChildStdout>>) -> Receiver<(String, Instant)> {
    let (said, answers) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            if said.send((line, Instant::now())).is_err() {
                return;
            }
        }
    });
    answers
}
