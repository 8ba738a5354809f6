//! The bench's end of a crowd of viewers, which has a process of its own: its sockets count
//! against a limit of its own, and its CPU is not the bench's.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::lags::Lags;
use super::{BenchError, Greeting};
use crate::ticketing::Revision;
use crate::tools::bench::process::BenchProcess;

/// How long all connections may take to be opened, and a revision to reach them.
const PATIENCE: Duration = Duration::from_secs(60);

/// Joined connections. Dropping it closes them.
pub(in crate::tools::bench) struct Viewers {
    orders: ChildStdin,
    /// The crowd's lines, each with the time at which it came.
    answers: Receiver<(String, Instant)>,
    seen: Receiver<Seen>,
    process: BenchProcess,
}

/// An update that reached a viewer.
#[derive(Debug, PartialEq)]
pub(in crate::tools::bench) struct Seen {
    /// Its number, in the order of the events that were joined.
    pub(in crate::tools::bench) viewer: usize,
    pub(in crate::tools::bench) to: Revision,
    /// By [`crate::tools::bench::clock`].
    pub(in crate::tools::bench) at: Duration,
}

/// The frames of one viewer, as good as any.
#[derive(Debug)]
pub(in crate::tools::bench) struct Sample {
    /// How many frames of the kind that was asked for.
    pub(in crate::tools::bench) frames: u64,
    /// The payload of the last one: JSON text.
    pub(in crate::tools::bench) payload: String,
}

impl Viewers {
    /// Opens `count` connections and returns when all are joined.
    pub(in crate::tools::bench) fn open(
        address: SocketAddr,
        count: usize,
        greeting: Greeting,
    ) -> Result<Viewers, BenchError> {
        Self::open_with(address, count, greeting, &[])
    }

    /// The same with further arguments of `bench crowd`.
    pub(in crate::tools::bench) fn open_with(
        address: SocketAddr,
        count: usize,
        greeting: Greeting,
        more: &[&str],
    ) -> Result<Viewers, BenchError> {
        let (address, count) = (address.to_string(), count.to_string());
        let mut args = vec!["bench", "crowd", &address, &count];
        let events = match greeting {
            Greeting::Silent => String::new(),
            Greeting::Join(events) => {
                let events: Vec<_> = events.iter().map(ToString::to_string).collect();
                format!("--events={}", events.join(","))
            }
        };
        args.extend(Some(events.as_str()).filter(|events| !events.is_empty()));
        args.extend(more);
        let mut process = BenchProcess::again(&args, &[])?;
        let (seen, tales) = channel();
        let viewers = Viewers {
            orders: process.input()?,
            answers: timed(process.output()?.lines(), seen),
            seen: tales,
            process,
        };
        viewers.answer("opened").map(|_| viewers)
    }

    /// Starts to wait for a revision. Call it before the change is made.
    pub(in crate::tools::bench) fn expect(&self, revision: Revision) -> Result<(), BenchError> {
        self.order(&format!("expect {revision}\n"))
    }

    /// When the last viewer had the revision that was expected.
    pub(in crate::tools::bench) fn arrival(&self) -> Result<Instant, BenchError> {
        Ok(self.answer("arrived")?.1)
    }

    /// From now on it is counted how late each viewer that reads has each revision after this one, and nothing else.
    pub(in crate::tools::bench) fn watch(&self, revision: Revision) -> Result<(), BenchError> {
        self.order(&format!("watch {revision}\n"))
    }

    /// The changes up to this revision, after those that were told before, are due at this time by
    /// [`crate::tools::bench::clock`].
    pub(in crate::tools::bench) fn due(
        &self,
        to: Revision,
        due: Duration,
    ) -> Result<(), BenchError> {
        self.order(&format!("due {to} {}\n", due.as_nanos()))
    }

    pub(in crate::tools::bench) fn sample(&self) -> Result<Sample, BenchError> {
        self.ask_sample("sample\n")
    }

    fn ask_sample(&self, order: &str) -> Result<Sample, BenchError> {
        self.order(order)?;
        let (line, _) = self.answer("")?;
        let (frames, payload) = line.split_once(' ').ok_or(SILENT)?;
        Ok(Sample {
            frames: frames.parse().map_err(|_| SILENT)?,
            payload: payload.to_owned(),
        })
    }

    /// How late each viewer had each revision that is watched.
    pub(in crate::tools::bench) fn lags(&self) -> Result<Lags, BenchError> {
        self.order("lags\n")?;
        Lags::read(&self.answer("")?.0).ok_or(SILENT)
    }

    /// Every tenth of them stops reading.
    pub(in crate::tools::bench) fn stall(&self) -> Result<(), BenchError> {
        self.order("stall 10\n")
    }

    /// They read again. The most frames that one of them needed to come to this revision, and when
    /// the last had.
    pub(in crate::tools::bench) fn wake(
        &self,
        revision: Revision,
    ) -> Result<(u32, Instant), BenchError> {
        self.order(&format!("wake {revision}\n"))?;
        let (frames, at) = self.answer("")?;
        Ok((frames.parse().map_err(|_| SILENT)?, at))
    }

    /// From now on, viewers that lose their connection come back here, with `since`.
    pub(in crate::tools::bench) fn give_refuge(
        &self,
        address: SocketAddr,
    ) -> Result<(), BenchError> {
        self.order(&format!("refuge {address}\n"))
    }

    /// Presence frames that all have had, and the last one that a viewer had: JSON text.
    pub(in crate::tools::bench) fn presence(&self) -> Result<Sample, BenchError> {
        self.ask_sample("presence\n")
    }

    /// From now on each update that reaches a viewer can be had from [`Viewers::seen`].
    pub(in crate::tools::bench) fn tell(&self) -> Result<(), BenchError> {
        self.order("tell\n")
    }

    /// The next update that reached a viewer; `None` when none has for this long.
    pub(in crate::tools::bench) fn seen(&self, patience: Duration) -> Option<Seen> {
        self.seen.recv_timeout(patience).ok()
    }

    /// CPU of the viewers' process so far.
    pub(in crate::tools::bench) fn cpu(&self) -> Result<Duration, BenchError> {
        self.process.cpu()
    }

    fn order(&self, line: &str) -> Result<(), BenchError> {
        let written = (&self.orders).write_all(line.as_bytes());
        written.map_err(BenchError::io("tell the viewers"))
    }

    fn answer(&self, wanted: &str) -> Result<(String, Instant), BenchError> {
        let answer = self.answers.recv_timeout(PATIENCE).ok();
        answer
            .filter(|(line, _)| line.starts_with(wanted))
            .ok_or(SILENT)
    }
}

/// Why it is silent, the crowd said itself.
const SILENT: BenchError =
    BenchError::Child("the viewers did not all connect, or did not all get an update in time");

/// Every line with the time at which it came; tales go their own way.
fn timed(lines: Lines<BufReader<ChildStdout>>, seen: Sender<Seen>) -> Receiver<(String, Instant)> {
    let (said, answers) = channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let sent = match read_seen(&line) {
                Some(tale) => seen.send(tale).is_ok(),
                None => said.send((line, Instant::now())).is_ok(),
            };
            if !sent {
                return;
            }
        }
    });
    answers
}

/// `seen <viewer> <to> <nanoseconds>`
fn read_seen(line: &str) -> Option<Seen> {
    let mut words = line.strip_prefix("seen ")?.split(' ');
    Some(Seen {
        viewer: words.next()?.parse().ok()?,
        to: words.next()?.parse().ok()?,
        at: Duration::from_nanos(words.next()?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tales_are_told_from_answers() {
        let seen = Seen {
            viewer: 3,
            to: 41,
            at: Duration::from_nanos(17),
        };
        assert_eq!(read_seen("seen 3 41 17"), Some(seen));
        assert_eq!(read_seen("arrived"), None);
    }
}
