//! The thread that owns the private Postgres: starts it, starts it again when it ends by itself, stops it.
//!
//! It is one thread for the whole life of the cluster, since the kernel ends Postgres together with the *thread* that
//! started it ([`super::cluster::end_with_us`]): a Postgres started by a short-lived thread would end with that thread.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::account::SystemAccount;
use super::binaries::Binaries;
use super::cluster::{self, Launcher};
use super::folder::{self, Folder};
use super::postmaster::{self, Log, Postmaster};
use super::{DATABASE, EmbeddedError, Settings, url};
use crate::config::inside::EMBEDDED_STARTS_MAX;
use crate::pacing::Backoff;

/// How often the thread checks that Postgres lives.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

/// How often it looks how long the log has grown.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// Length of the log after which it begins anew; the one before is kept beside it.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Limits of starting a Postgres again that ended by itself.
#[derive(Debug, Clone)]
pub struct Restarts {
    /// Consecutive starts before Postgres counts as lost.
    pub tries_max: u32,
    /// Pause before the second try; it doubles with each further one.
    pub pause_min: Duration,
    pub pause_max: Duration,
    /// A Postgres that ran for this long gets all its tries back.
    pub settled_after: Duration,
}

impl Default for Restarts {
    fn default() -> Restarts {
        Restarts {
            tries_max: EMBEDDED_STARTS_MAX,
            pause_min: Duration::from_millis(100),
            pause_max: Duration::from_secs(30),
            settled_after: Duration::from_secs(60),
        }
    }
}

impl Restarts {
    fn backoff(&self) -> Backoff {
        Backoff::new(self.pause_min, self.pause_max)
    }
}

/// A handle on the thread. Dropping it stops Postgres.
#[derive(Debug)]
pub(super) struct Supervisor {
    /// Dropped to stop Postgres. Nothing is ever sent.
    alive: Option<Sender<()>>,
    /// Cancelled when the thread ends, because it was told to or because Postgres is lost.
    ended: CancellationToken,
    thread: Option<JoinHandle<Result<(), EmbeddedError>>>,
}

impl Supervisor {
    /// Returns the address once Postgres takes connections.
    pub(super) fn start(settings: Settings) -> Result<(String, Supervisor), EmbeddedError> {
        let (alive, orders) = mpsc::channel();
        let (reply, started) = mpsc::channel();
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        let thread = std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || {
                let _guard = guard;
                match Running::start(settings) {
                    Ok(running) => {
                        let _ = reply.send(Ok(url(running.folder.dir())));
                        running.supervise(&orders)
                    }
                    Err(error) => {
                        let _ = reply.send(Err(error));
                        Ok(())
                    }
                }
            })
            .map_err(EmbeddedError::Thread)?;
        let url = started.recv().map_err(|_| EmbeddedError::Panicked)??;
        let supervisor = Supervisor {
            alive: Some(alive),
            ended,
            thread: Some(thread),
        };
        Ok((url, supervisor))
    }

    /// Cancelled when Postgres is gone for good.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }

    /// Stops Postgres, or returns the reason why it has ended already. A second call does nothing.
    pub(super) fn stop(&mut self) -> Result<(), EmbeddedError> {
        self.alive = None;
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(ended) => ended.map_err(|_| EmbeddedError::Panicked)?,
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!(%error, "the private Postgres did not stop");
        }
    }
}

/// Fields drop in this order, so Postgres is down before the lock on its folder is released.
struct Running {
    postmaster: Postmaster,
    started_at: Instant,
    /// Consecutive starts since it last ran for long.
    tries: u32,
    /// The pauses between them.
    backoff: Backoff,
    folder: Folder,
    binaries: Binaries,
    account: Option<SystemAccount>,
    settings: Settings,
}

/// Whether the owner of the supervisor still wants Postgres.
#[derive(PartialEq, Eq)]
enum OwnerWish {
    Run,
    Stop,
}

impl Running {
    fn start(settings: Settings) -> Result<Running, EmbeddedError> {
        let dir = folder::place(&settings.data_dir)?;
        let account = SystemAccount::to_run_as(&dir)?;
        let folder = Folder::open(&dir, account.as_ref())?;
        let binaries = Binaries::find(settings.bin_dir.as_deref(), folder.major()?)?;
        folder.end_leftovers()?;
        let launcher = Launcher {
            binaries: &binaries,
            folder: &folder,
            account: account.as_ref(),
        };
        if folder.major()?.is_none() {
            cluster::create(&launcher, DATABASE, settings.durability)?;
        }
        let postmaster = Postmaster::start(&launcher, &settings, Log::Fresh)?;
        Ok(Running {
            postmaster,
            started_at: Instant::now(),
            tries: 0,
            backoff: settings.restarts.backoff(),
            folder,
            binaries,
            account,
            settings,
        })
    }

    fn supervise(mut self, orders: &Receiver<()>) -> Result<(), EmbeddedError> {
        let mut looked_at = Instant::now();
        while wish_after(orders, WATCH_INTERVAL) == OwnerWish::Run {
            if looked_at.elapsed() >= LOG_INTERVAL {
                looked_at = Instant::now();
                if let Err(error) = postmaster::cut_log(
                    &self.folder.log(),
                    &self.folder.previous_log(),
                    LOG_BYTES_MAX,
                ) {
                    tracing::warn!(%error, "the log of the private Postgres cannot be cut");
                }
            }
            let Some(status) = self.postmaster.ended() else {
                continue;
            };
            tracing::error!(%status, "the private Postgres ended by itself; it is started again");
            if self.start_again(orders)? == OwnerWish::Stop {
                return Ok(());
            }
        }
        self.postmaster.stop()
    }

    /// Tries until it runs, until the owner wants it no more, or until it was tried too often.
    fn start_again(&mut self, orders: &Receiver<()>) -> Result<OwnerWish, EmbeddedError> {
        if self.started_at.elapsed() >= self.settings.restarts.settled_after {
            self.tries = 0;
            self.backoff.reset();
        }
        loop {
            let pause = match self.tries {
                0 => Duration::ZERO,
                _ => self.backoff.pause(),
            };
            if wish_after(orders, pause) == OwnerWish::Stop {
                return Ok(OwnerWish::Stop);
            }
            self.tries += 1;
            let (tries, tries_max) = (self.tries, self.settings.restarts.tries_max);
            match self.restart() {
                Ok(()) => {
                    tracing::warn!(tries, "the private Postgres runs again");
                    return Ok(OwnerWish::Run);
                }
                Err(error) if tries >= tries_max => {
                    return Err(EmbeddedError::Lost {
                        tries,
                        source: Box::new(error),
                    });
                }
                Err(error) => {
                    tracing::error!(%error, tries, tries_max, "the private Postgres does not start");
                }
            }
        }
    }

    fn restart(&mut self) -> Result<(), EmbeddedError> {
        if self.tries > self.settings.restarts.tries_max {
            return Err(EmbeddedError::KeepsEnding);
        }
        // Backends of a killed postmaster may still be at their last statement.
        self.folder.end_leftovers()?;
        let launcher = Launcher {
            binaries: &self.binaries,
            folder: &self.folder,
            account: self.account.as_ref(),
        };
        self.postmaster = Postmaster::start(&launcher, &self.settings, Log::Same)?;
        self.started_at = Instant::now();
        Ok(())
    }
}

fn wish_after(orders: &Receiver<()>, pause: Duration) -> OwnerWish {
    match orders.recv_timeout(pause) {
        Err(RecvTimeoutError::Timeout) => OwnerWish::Run,
        Ok(()) | Err(RecvTimeoutError::Disconnected) => OwnerWish::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_time_to_make_room() {
        let restarts = Restarts::default();
        let mut backoff = restarts.backoff();
        let all: Duration = (1..restarts.tries_max).map(|_| backoff.pause()).sum();
        assert!(all > Duration::from_secs(120), "{all:?}");
    }
}
