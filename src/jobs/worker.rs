//! The worker of a node: takes jobs by lease, carries them out some at a time, and settles them. Its database and its
//! hands are traits, so that the simulation runs the same code.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::pacing::Backoff;
use crate::store::jobs::{Backlog, Settled, TakenJob};
use crate::store::{Store, StoreError};

/// How long a job is a node's own.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// Jobs under way on one node.
const AT_ONCE_MAX: usize = 8;
/// How soon a node sees the jobs that others wrote.
const POLL: Duration = Duration::from_secs(1);
/// First and longest pause after a failed attempt.
const AGAIN_MIN: Duration = Duration::from_secs(5);
const AGAIN_MAX: Duration = Duration::from_secs(15 * 60);
/// Rows that one round of tidying touches.
const TIDIED_MAX: usize = 1_000;
/// Rounds of polling from one tidying to the next.
const TIDY_EVERY: u32 = 5;
/// Jobs that are counted for the metrics.
const COUNTED_MAX: i64 = 1_000;

/// The table of jobs.
pub(crate) trait JobTable {
    fn take(
        &self,
        jobs_max: usize,
    ) -> impl Future<Output = Result<Vec<TakenJob>, StoreError>> + Send;
    /// `false` if the lease was lost.
    fn settle(
        &self,
        job: &TakenJob,
        settled: &Settled,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
    fn tidy(&self) -> impl Future<Output = Result<Backlog, StoreError>> + Send;
}

/// What carries a job out.
pub(crate) trait Hands {
    /// May be asked twice for one job, also at the same time, and may be dropped in the middle.
    fn carry_out(&self, job: &TakenJob) -> impl Future<Output = Outcome> + Send;
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// `quiet`: how long the job's key holds.
    Done {
        quiet: Duration,
    },
    Later(String),
    Hopeless(String),
}

/// Works until `end`; `sleep` waits by the clock that the node lives by.
pub(crate) async fn run<S: Future<Output = ()> + Send>(
    table: &impl JobTable,
    hands: &impl Hands,
    woken: &Notify,
    sleep: impl Fn(Duration) -> S,
    end: &CancellationToken,
) {
    let mut working = FuturesUnordered::new();
    let mut round: u32 = 0;
    loop {
        if round.is_multiple_of(TIDY_EVERY) {
            match table.tidy().await {
                Ok(backlog) => tell(backlog),
                Err(error) => tracing::debug!(%error, "jobs cannot be tidied yet"),
            }
        }
        let free = AT_ONCE_MAX - working.len();
        let taken = match free {
            0 => Vec::new(),
            free => table.take(free).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "jobs cannot be taken yet");
                Vec::new()
            }),
        };
        working.extend(taken.into_iter().map(|job| attempt(table, hands, job)));
        tokio::select! {
            biased;
            () = end.cancelled() => break,
            Some(()) = working.next(), if !working.is_empty() => {}
            () = woken.notified() => {}
            () = sleep(POLL) => round = round.wrapping_add(1),
        }
    }
    // What was begun is ended, so that it is not done twice.
    while working.next().await.is_some() {}
}

/// One attempt at a job. If it cannot be settled, the lease ends, and it is tried again.
async fn attempt(table: &impl JobTable, hands: &impl Hands, job: TakenJob) {
    if mistaken!(SettleFirst) {
        let quiet = Duration::ZERO;
        let _ = table.settle(&job, &Settled::Done { quiet }).await;
    }
    let settled = match job.is_expired {
        true => {
            metrics::JOBS.one("dropped");
            Settled::Done {
                quiet: Duration::ZERO,
            }
        }
        false => settled(&job, hands.carry_out(&job).await),
    };
    if mistaken!(LoseSettling) && matches!(settled, Settled::Done { .. }) {
        return;
    }
    match table.settle(&job, &settled).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(
            job = job.id,
            kind = job.kind,
            "a job was done after its lease"
        ),
        Err(error) => {
            tracing::warn!(%error, job = job.id, kind = job.kind, "a job cannot be settled");
        }
    }
}

fn settled(job: &TakenJob, outcome: Outcome) -> Settled {
    match outcome {
        Outcome::Done { quiet } => {
            metrics::JOBS.one("done");
            Settled::Done { quiet }
        }
        Outcome::Later(reason) => {
            metrics::JOBS.one("again");
            tracing::warn!(
                job = job.id,
                kind = job.kind,
                attempts = job.attempts,
                reason,
                "a job failed"
            );
            let after = pause_after(job.attempts);
            match mistaken!(GiveUpEarly) {
                true => Settled::Review { reason },
                false => Settled::Again { after, reason },
            }
        }
        Outcome::Hopeless(reason) => {
            metrics::JOBS.one("needs_review");
            tracing::error!(
                job = job.id,
                kind = job.kind,
                reason,
                "a job needs a person"
            );
            Settled::Review { reason }
        }
    }
}

/// Doubles with each attempt, with jitter.
fn pause_after(attempts: i32) -> Duration {
    let mut backoff = Backoff::new(AGAIN_MIN, AGAIN_MAX);
    for _ in 1..attempts.clamp(1, 16) {
        backoff.pause();
    }
    backoff.jittered()
}

fn tell(backlog: Backlog) {
    metrics::JOBS_DUE.set(backlog.due);
    metrics::JOBS_OLDEST_MS.set(backlog.oldest_ms);
    metrics::JOBS_FOR_REVIEW.set(backlog.for_review);
}

impl JobTable for Store {
    async fn take(&self, jobs_max: usize) -> Result<Vec<TakenJob>, StoreError> {
        self.take_jobs(jobs_max, LEASE).await
    }

    async fn settle(&self, job: &TakenJob, settled: &Settled) -> Result<bool, StoreError> {
        self.settle_job(job, settled).await
    }

    async fn tidy(&self) -> Result<Backlog, StoreError> {
        self.tidy_jobs(TIDIED_MAX).await?;
        self.jobs_backlog(COUNTED_MAX).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        for (attempts, longest) in [
            (1, AGAIN_MIN),
            (2, AGAIN_MIN * 2),
            (30, AGAIN_MAX),
            (i32::MAX, AGAIN_MAX),
        ] {
            let pause = pause_after(attempts);
            assert!(
                pause <= longest && pause >= longest / 2,
                "{attempts}: {pause:?}"
            );
        }
    }
}
