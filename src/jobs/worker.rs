//! The worker of a node: takes jobs by lease, carries them out some at a time, and settles them. Its database and its
//! hands are traits, so that the simulation runs the same code.

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::metrics;
use crate::pacing::Backoff;
use crate::store::jobs::{Backlog, JobLane, JobReason, LateJobs, OfLanes, Settled, TakenJob, why};
use crate::store::{Store, StoreError};
use crate::telemetry::with_causes;

/// Time that one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a job is a node's own, from one renewal to the next. So long do the jobs of a node that died wait for another
/// one; so long may the database be away before an attempt is given up.
pub(crate) const LEASE: Duration = Duration::from_secs(20);
/// The lease of an attempt that lasts is renewed each time after this.
const RENEWED_AFTER: Duration = Duration::from_secs(5);
/// Jobs of one lane under way on one node. Most of an attempt's time is waiting for others: a card is captured in half a second.
pub(crate) const AT_ONCE_MAX: usize = 64;
/// How soon a node sees the jobs that others wrote.
const POLL: Duration = Duration::from_secs(1);
/// First pause after a failed attempt, and the longest of most kinds.
const AGAIN_MIN: Duration = Duration::from_secs(5);
pub(crate) const AGAIN_MAX: Duration = Duration::from_secs(15 * 60);
/// Attempts at a job of which nobody knows whether it was done; then a person has to look.
const UNSURE_ATTEMPTS_MAX: i32 = 4;
/// The reason of a job whose attempt panicked.
pub(crate) const PANICKED: &str = why::PANICKED;
/// Tries to settle a job, and the pauses between them.
const SETTLE_TRIES: u32 = 5;
const SETTLE_PAUSE: Duration = Duration::from_secs(2);
/// Rows that one round of tidying touches.
const TIDIED_MAX: usize = 1_000;
/// Rounds of polling from one tidying to the next.
const TIDY_EVERY: u32 = 5;
/// Jobs that are counted for the metrics.
const COUNTED_MAX: i64 = 1_000;

/// Members of payloads that are shown in the log.
const IDS_LOGGED: [&str; 7] = [
    "payment_id",
    "refund_id",
    "transaction_id",
    "booking_id",
    "transfer_id",
    "waiting_id",
    "event_id",
];

/// The table of jobs.
pub(crate) trait JobTable {
    /// Of each lane up to a number.
    fn take(
        &self,
        jobs_max: OfLanes,
    ) -> impl Future<Output = Result<Vec<TakenJob>, StoreError>> + Send;
    /// `false` if the lease was lost.
    fn settle(
        &self,
        job: &TakenJob,
        settled: &Settled,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// `false` if the lease was lost.
    fn renew(&self, job: &TakenJob) -> impl Future<Output = Result<bool, StoreError>> + Send;
    fn tidy(&self) -> impl Future<Output = Result<Backlog, StoreError>> + Send;
}

/// Carries jobs out.
pub(crate) trait Hands {
    /// May be asked twice for one job, also at the same time, and may be dropped in the middle.
    fn carry_out(&self, job: &TakenJob) -> impl Future<Output = JobOutcome> + Send;

    /// Longest pause between two attempts.
    fn pause_max(&self, _job: &TakenJob) -> Duration {
        AGAIN_MAX
    }

    /// Nobody misses it once its time has run out. Any other is left to a person then.
    fn is_dropped_when_late(&self, _job: &TakenJob) -> bool {
        false
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobOutcome {
    /// `quiet`: how long the job's key holds.
    Done {
        quiet: Duration,
    },
    Later(String),
    /// Nobody knows: the answer was lost.
    Unsure(String),
    Hopeless(String),
    /// There is more to do, from here on: not an attempt that failed.
    GoesOn {
        after: Duration,
        progress: Value,
    },
}

/// Works until `end`; `sleep` waits by the clock that the node lives by.
pub(crate) async fn run<S: Future<Output = ()> + Send + 'static>(
    table: &impl JobTable,
    hands: &impl Hands,
    woken: &Notify,
    sleep: impl Fn(Duration) -> S,
    end: &CancellationToken,
) {
    let mut working = FuturesUnordered::new();
    let mut free: OfLanes = [AT_ONCE_MAX; JobLane::ALL.len()];
    let mut round: u32 = 0;
    let mut poll = Box::pin(sleep(POLL));
    let mut tidied = None;
    'looking: loop {
        let lease = lease(&sleep);
        let asked = free;
        let look = look(table, asked, tidied != Some(round / TIDY_EVERY));
        tidied = Some(round / TIDY_EVERY);
        // Attempts under way go on while the database is asked.
        let taken = {
            tokio::pin!(look);
            loop {
                tokio::select! {
                    biased;
                    taken = &mut look => break taken,
                    Some(lane) = working.next(), if !working.is_empty() => free[lane as usize] += 1,
                }
            }
        };
        let mut left = asked;
        for job in taken {
            let lane = job.lane;
            left[lane as usize] = left[lane as usize].saturating_sub(1);
            free[lane as usize] = free[lane as usize].saturating_sub(1);
            let attempt = attempt(table, hands, &sleep, job, lease.clone());
            working.push(attempt.map(move |()| lane));
        }
        // As many as were asked for: more may be due, of which nobody tells any more.
        let are_more = |free: &OfLanes| {
            let mut lanes = left.iter().zip(free);
            lanes.any(|(left, free)| *left == 0 && *free > 0) && !mistaken!(LeaveTheRest)
        };
        loop {
            tokio::select! {
                biased;
                () = end.cancelled() => break 'looking,
                Some(lane) = working.next(), if !working.is_empty() => free[lane as usize] += 1,
                // Before what brings more jobs, so that a rush does not keep the table untidy.
                () = &mut poll => {
                    poll.set(sleep(POLL));
                    round = round.wrapping_add(1);
                    continue 'looking;
                }
                () = woken.notified() => continue 'looking,
                () = ready(()), if are_more(&free) => continue 'looking,
            }
        }
    }
    // Attempts that were begun are ended, if there is time, so that they are not made twice.
    while working.next().await.is_some() {}
}

/// Tidies the table, if it is time, and takes what is due.
async fn look(table: &impl JobTable, free: OfLanes, tidies: bool) -> Vec<TakenJob> {
    if tidies {
        match table.tidy().await {
            Ok(backlog) => tell(backlog),
            Err(error) => {
                tracing::debug!(error = %with_causes(&error), "jobs cannot be tidied yet")
            }
        }
    }
    match free {
        [0, 0, 0] => Vec::new(),
        free => table.take(free).await.unwrap_or_else(|error| {
            tracing::debug!(error = %with_causes(&error), "jobs cannot be taken yet");
            Vec::new()
        }),
    }
}

/// The end of a lease that the database is asked for now: never later than by the database's clock.
type Lease = Shared<BoxFuture<'static, ()>>;

fn lease<S: Future<Output = ()> + Send + 'static>(sleep: &impl Fn(Duration) -> S) -> Lease {
    let lease = sleep(LEASE).boxed().shared();
    // Now, and not when somebody first waits for it.
    let _ = lease.clone().now_or_never();
    lease
}

/// One attempt at a job. If it cannot be settled, the lease ends, and it is tried again.
async fn attempt<S: Future<Output = ()> + Send + 'static>(
    table: &impl JobTable,
    hands: &impl Hands,
    sleep: &impl Fn(Duration) -> S,
    job: TakenJob,
    lease: Lease,
) {
    if mistaken!(SettleFirst) {
        let quiet = Duration::ZERO;
        let _ = table.settle(&job, &Settled::Done { quiet }).await;
    }
    let settled = match job.is_expired {
        true => late(&job, hands.is_dropped_when_late(&job)),
        false => {
            let Some(outcome) = carried_out(table, hands, sleep, &job, lease).await else {
                let (kind, about) = (&job.kind, about(&job));
                return tracing::warn!(job = job.id, kind, about, "a job's lease was lost");
            };
            settled(&job, outcome, hands.pause_max(&job))
        }
    };
    if mistaken!(LoseSettling) && matches!(settled, Settled::Done { .. }) {
        return;
    }
    for tries in 1..=SETTLE_TRIES {
        match table.settle(&job, &settled).await {
            Ok(true) => return,
            // Or it was settled by the try before, whose answer was lost.
            Ok(false) if tries > 1 => return,
            Ok(false) => {
                let (kind, about) = (&job.kind, about(&job));
                return tracing::warn!(job = job.id, kind, about, "a job was done after its lease");
            }
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), job = job.id, kind = job.kind, about = about(&job), "a job cannot be settled");
                sleep(SETTLE_PAUSE).await;
            }
        }
    }
}

/// The attempt's outcome; `None` when its lease ended first.
async fn carried_out<S: Future<Output = ()> + Send + 'static>(
    table: &impl JobTable,
    hands: &impl Hands,
    sleep: &impl Fn(Duration) -> S,
    job: &TakenJob,
    mut lease: Lease,
) -> Option<JobOutcome> {
    let carrying = AssertUnwindSafe(hands.carry_out(job)).catch_unwind();
    let timeout = sleep(ATTEMPT_TIMEOUT);
    tokio::pin!(carrying, timeout);
    let is_bounded = !mistaken!(WorkOn);
    loop {
        let renewing = async {
            sleep(RENEWED_AFTER).await;
            let next = self::lease(sleep);
            (table.renew(job).await, next)
        };
        tokio::select! {
            biased;
            () = lease.clone(), if is_bounded => return None,
            () = &mut timeout, if is_bounded => {
                let why = why::TOO_LONG.to_owned();
                return Some(match job.lane {
                    // Done twice it does no harm, and a provider that does not answer for long will answer one day.
                    JobLane::Core => JobOutcome::Later(why),
                    JobLane::Mail | JobLane::Push => JobOutcome::Unsure(why),
                });
            }
            outcome = &mut carrying => {
                let panicked = || JobOutcome::Hopeless(PANICKED.to_owned());
                return Some(outcome.unwrap_or_else(|_| panicked()));
            }
            (renewed, next) = renewing, if is_bounded => match renewed {
                Ok(true) => lease = next,
                Ok(false) => return None,
                // Once more, while it lasts.
                Err(error) => tracing::debug!(error = %with_causes(&error), job = job.id, "a lease cannot be renewed"),
            },
        }
    }
}

/// The ids of what a job is about, by which an operator finds it. Nothing else of its payload is logged: there are addresses
/// in some.
fn about(job: &TakenJob) -> String {
    let ids = IDS_LOGGED.iter().filter_map(|name| {
        let id = job.payload.get(name)?;
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        Some(format!("{name}={id}"))
    });
    ids.collect::<Vec<_>>().join(" ")
}

/// Reasons are stored and not logged: servers repeat addresses in them.
fn settled(job: &TakenJob, outcome: JobOutcome, pause_max: Duration) -> Settled {
    let (kind, attempts) = (&job.kind, job.failures.saturating_add(1));
    match outcome {
        JobOutcome::Done { quiet } => {
            metrics::JOBS.one("done");
            Settled::Done { quiet }
        }
        JobOutcome::Unsure(reason) if attempts >= UNSURE_ATTEMPTS_MAX => review(job, reason),
        JobOutcome::Later(reason) if mistaken!(GiveUpEarly) => review(job, reason),
        JobOutcome::Later(reason) | JobOutcome::Unsure(reason) => {
            metrics::JOBS.one("again");
            tracing::warn!(
                job = job.id,
                kind,
                about = about(job),
                attempts,
                "a job failed, and is tried again"
            );
            Settled::Again {
                after: pause_after(attempts, pause_max),
                reason,
            }
        }
        JobOutcome::Hopeless(reason) => review(job, reason),
        JobOutcome::GoesOn { after, progress } => Settled::GoesOn { after, progress },
    }
}

/// Its time ran out.
fn late(job: &TakenJob, is_dropped: bool) -> Settled {
    if !is_dropped {
        return review(job, JobReason::not_in_time(job.reason.as_deref()));
    }
    metrics::JOBS.one("dropped");
    let (kind, attempts) = (&job.kind, job.attempts);
    tracing::warn!(
        job = job.id,
        kind,
        about = about(job),
        attempts,
        "a job came to nothing in time"
    );
    Settled::Done {
        quiet: Duration::ZERO,
    }
}

fn review(job: &TakenJob, reason: String) -> Settled {
    metrics::JOBS.one("needs_review");
    let (kind, attempts) = (&job.kind, job.attempts);
    tracing::error!(
        job = job.id,
        kind,
        about = about(job),
        attempts,
        "a job needs a person: see its reason"
    );
    Settled::Review { reason }
}

/// Doubles with each attempt, with jitter.
fn pause_after(attempts: i32, pause_max: Duration) -> Duration {
    let mut backoff = Backoff::new(AGAIN_MIN, pause_max);
    for _ in 1..attempts.clamp(1, 16) {
        backoff.pause();
    }
    backoff.jittered()
}

fn tell(backlog: Backlog) {
    metrics::JOBS_DUE.set(backlog.due);
    metrics::JOBS_OLDEST_MS.set(backlog.oldest_ms);
    metrics::JOBS_FOR_REVIEW.set(backlog.for_review);
    metrics::PAYMENTS_FOR_REVIEW.set(backlog.payments_for_review);
    metrics::REFUNDS_FOR_REVIEW.set(backlog.refunds_for_review);
}

/// The table in the database, of the kinds that this node carries out.
pub(crate) struct Table {
    pub(crate) store: Store,
    pub(crate) kinds: Vec<&'static str>,
    /// Of all nodes.
    pub(crate) dropped_when_late: Vec<&'static str>,
}

impl JobTable for Table {
    async fn take(&self, jobs_max: OfLanes) -> Result<Vec<TakenJob>, StoreError> {
        self.store.take_jobs(&self.kinds, jobs_max, LEASE).await
    }

    async fn settle(&self, job: &TakenJob, settled: &Settled) -> Result<bool, StoreError> {
        self.store.settle_job(job, settled).await
    }

    async fn renew(&self, job: &TakenJob) -> Result<bool, StoreError> {
        self.store.renew_job(job, LEASE).await
    }

    async fn tidy(&self) -> Result<Backlog, StoreError> {
        let (taken, dropped) = (&self.kinds, &self.dropped_when_late);
        let late = self.store.tidy_jobs(TIDIED_MAX, taken, dropped).await?;
        if late != LateJobs::default() {
            let LateJobs { parked, dropped } = late;
            tracing::warn!(
                parked,
                dropped,
                "jobs that nobody took came to nothing in time"
            );
        }
        self.store.jobs_backlog(COUNTED_MAX).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::Timestamp;

    use super::*;

    /// Nothing ever comes of its jobs.
    #[derive(Default)]
    struct Stuck {
        settled: Mutex<Vec<Settled>>,
    }

    impl JobTable for Stuck {
        async fn take(&self, _: OfLanes) -> Result<Vec<TakenJob>, StoreError> {
            Ok(Vec::new())
        }

        async fn settle(&self, _: &TakenJob, settled: &Settled) -> Result<bool, StoreError> {
            let all = self.settled.lock();
            all.map(|mut all| all.push(settled.clone())).ok();
            Ok(true)
        }

        async fn renew(&self, _: &TakenJob) -> Result<bool, StoreError> {
            Ok(true)
        }

        async fn tidy(&self) -> Result<Backlog, StoreError> {
            Ok(Backlog::default())
        }
    }

    impl Hands for Stuck {
        async fn carry_out(&self, _: &TakenJob) -> JobOutcome {
            std::future::pending().await
        }
    }

    /// The time of an attempt is over at once.
    async fn sleep(time: Duration) {
        if time != ATTEMPT_TIMEOUT {
            std::future::pending().await
        }
    }

    fn job(lane: JobLane, failures: i32, payload: Value) -> TakenJob {
        TakenJob {
            id: 1,
            kind: "stuck".to_owned(),
            lane,
            key: "stuck".to_owned(),
            payload,
            progress: Value::Null,
            attempts: failures + 1,
            failures,
            times: 1,
            is_expired: false,
            taken_at: Timestamp::UNIX_EPOCH,
            reason: None,
        }
    }

    #[tokio::test]
    async fn only_what_should_not_be_done_twice_is_left_to_a_person_after_a_silence() {
        for (lane, left) in [(JobLane::Core, 0), (JobLane::Mail, 1), (JobLane::Push, 1)] {
            let stuck = Stuck::default();
            for failures in 0..UNSURE_ATTEMPTS_MAX {
                let job = job(lane, failures, Value::Null);
                attempt(&stuck, &stuck, &sleep, job, lease(&sleep)).await;
            }
            let settled = stuck.settled.into_inner().unwrap_or_default();
            let mut reviews = settled.iter();
            let reviews = reviews
                .by_ref()
                .filter(|one| matches!(one, Settled::Review { .. }));
            assert_eq!((settled.len(), reviews.count()), (4, left), "{lane:?}");
        }
    }

    #[test]
    fn a_line_of_the_log_names_what_the_job_is_about_and_nothing_personal() {
        let payload = serde_json::json!({
            "refund_id": "0199e7a0-0000-7000-8000-000000000001", "event_id": 7, "email": "ada@example.org"
        });
        let about = about(&job(JobLane::Core, 0, payload));
        assert_eq!(
            about,
            "refund_id=0199e7a0-0000-7000-8000-000000000001 event_id=7"
        );
    }

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        for (attempts, longest) in [
            (1, AGAIN_MIN),
            (2, AGAIN_MIN * 2),
            (30, AGAIN_MAX),
            (i32::MAX, AGAIN_MAX),
        ] {
            let pause = pause_after(attempts, AGAIN_MAX);
            assert!(
                pause <= longest && pause >= longest / 2,
                "{attempts}: {pause:?}"
            );
        }
    }
}
