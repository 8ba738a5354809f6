//! The table of jobs: written, taken by lease, settled. What a job says is not this file's business.
//!
//! The clock is the database's. Every statement reads a partial index of its state, so none grows with what waits.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use deadpool_postgres::GenericClient;
use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::audit_trail::AuditEntry;
use super::idempotency::{self, IdempotencyKey, Once};
use super::payments::{PAYMENT_JOB, payment_job};
use super::refunds::{EVENT_REFUNDS_JOB, GIVE_BACK_JOB, REFUND_JOB};
use super::together::{Answers, FREE, LOCKED, in_order, place_of};
use super::{Store, StoreError};
use crate::ticketing::{OrganizationId, PaymentId};

/// How long a job that is done is remembered, so that the next request for the same thing is known as such.
pub const JOB_FORGOTTEN_HOURS: i32 = 1;
/// How long after its end a job waits for a person.
const REVIEW_DAYS: i32 = 7;
/// The audit trail's action of a job that waited so long for a person.
const GIVEN_UP: &str = "job given up";
/// Kinds whose keys the audit trail tells when such a job is given up or dropped: nobody goes on with that money then, and
/// `seatcast audit` knows why. Keys of mails are made of addresses.
const KINDS_WITH_TOLD_KEYS: [&str; 4] = [PAYMENT_JOB, REFUND_JOB, GIVE_BACK_JOB, EVENT_REFUNDS_JOB];

/// A job to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob<'a> {
    pub kind: &'a str,
    /// Two jobs with one key are one job.
    pub key: &'a str,
    pub payload: &'a Value,
    /// Past this it is dropped.
    pub worth: Duration,
    /// It is asked for no more often than this within [`JOB_FORGOTTEN_HOURS`] of the last time.
    pub times_max: i32,
}

/// A job that is written in somebody else's transaction: nothing happens if there is one with its key.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedJob {
    pub kind: &'static str,
    /// Two jobs with one key are one job.
    pub key: String,
    pub payload: Value,
    /// Past this it is dropped.
    pub worth: Duration,
}

/// Jobs by the thing that they mostly wait for. A node works at so many of each lane, so that a mail server which does not
/// answer delays mails alone. `sql/V10__jobs.sql` says which kind is in which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobLane {
    /// Providers of payments, and the database.
    Core,
    /// The mail server.
    Mail,
    /// The services that push messages to browsers.
    Push,
}

impl JobLane {
    pub const ALL: [JobLane; 3] = [JobLane::Core, JobLane::Mail, JobLane::Push];

    /// As the database spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            JobLane::Core => "core",
            JobLane::Mail => "mail",
            JobLane::Push => "push",
        }
    }

    fn of(text: &str) -> Result<JobLane, StoreError> {
        let mut all = JobLane::ALL.into_iter();
        let known = all.find(|lane| lane.as_str() == text);
        known.ok_or_else(|| StoreError::corrupt(format!("a job's lane is {text}")))
    }
}

/// A number for each lane, in the order of [`JobLane::ALL`].
pub type OfLanes = [usize; JobLane::ALL.len()];

/// A job that this node may work at until its lease ends.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenJob {
    pub id: i64,
    pub kind: String,
    pub lane: JobLane,
    pub key: String,
    pub payload: Value,
    /// How far it came before, in its kind's own words; null at first.
    pub progress: Value,
    /// Counts this attempt. With the id and `times` it names the lease: who lost it can settle nothing.
    pub attempts: i32,
    /// Attempts that failed since it last came further.
    pub failures: i32,
    /// Counts the requests for the same thing that led to work.
    pub times: i32,
    pub is_expired: bool,
    /// By the database's clock.
    pub taken_at: Timestamp,
    /// Why the last attempt failed.
    pub reason: Option<String>,
}

/// How a job goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is done. Its key holds for this time, so that the same wish does not lead to the same work at once.
    Done {
        quiet: Duration,
    },
    Again {
        after: Duration,
        reason: String,
    },
    /// A person has to decide.
    Review {
        reason: String,
    },
    /// There is more to do, from `progress` on. Failures are counted anew.
    GoesOn {
        after: Duration,
        progress: Value,
    },
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Waiting,
    /// A node works at it.
    Leased,
    Done,
    /// A person has to decide.
    NeedsReview,
}

impl JobState {
    pub const ALL: [(&'static str, JobState); 4] = [
        ("waiting", JobState::Waiting),
        ("leased", JobState::Leased),
        ("done", JobState::Done),
        ("needs_review", JobState::NeedsReview),
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Leased => "leased",
            JobState::Done => "done",
            JobState::NeedsReview => "needs_review",
        }
    }

    pub(super) fn of(text: &str) -> JobState {
        let mut all = JobState::ALL.into_iter();
        let known = all.find(|(name, _)| *name == text);
        known.map_or(JobState::NeedsReview, |(_, state)| state)
    }
}

/// A job as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownJob {
    pub id: i64,
    pub kind: String,
    pub key: String,
    pub state: JobState,
    pub payload: Value,
    pub progress: Value,
    pub reason: Option<JobReason>,
    pub created_at: Timestamp,
    /// For which it works; `None`: none, or several.
    pub organization: Option<OrganizationId>,
}

impl KnownJob {
    /// Its key, where the audit trail tells it.
    pub(super) fn told_key(&self) -> Option<&str> {
        let is_told = KINDS_WITH_TOLD_KEYS.contains(&self.kind.as_str());
        is_told.then_some(self.key.as_str())
    }
}

/// Why an attempt failed.
///
/// Stored as one text: the code, and behind a colon what there is to say beside it, in the words of whoever said it.
/// Mail servers repeat addresses in theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobReason {
    /// Stable; its sentences are in `api/message.rs`.
    pub code: &'static str,
    pub detail: Option<String>,
}

/// Codes of reasons.
pub mod why {
    /// Of whatever has no code of its own.
    pub const FAILED: &str = "JOB_FAILED";
    pub const PANICKED: &str = "JOB_PANICKED";
    pub const TOO_LONG: &str = "JOB_TOO_LONG";
    pub const UNREADABLE: &str = "JOB_UNREADABLE";
    pub const MAIL_DEFERRED: &str = "MAIL_DEFERRED";
    pub const MAIL_REFUSED: &str = "MAIL_REFUSED";
    pub const MAIL_UNANSWERED: &str = "MAIL_UNANSWERED";
    pub const NOT_IN_TIME: &str = "JOB_NOT_IN_TIME";
    pub const NOTHING_GIVEN_BACK: &str = "NOTHING_GIVEN_BACK";
    pub const NO_MAIL: &str = "NO_MAIL";
    pub const PUSH_FAILED: &str = "PUSH_FAILED";
    pub const REFUNDS_NEED_REVIEW: &str = "REFUNDS_NEED_REVIEW";

    pub const ALL: [&str; 12] = [
        FAILED,
        PANICKED,
        TOO_LONG,
        UNREADABLE,
        MAIL_DEFERRED,
        MAIL_REFUSED,
        MAIL_UNANSWERED,
        NOT_IN_TIME,
        NOTHING_GIVEN_BACK,
        NO_MAIL,
        PUSH_FAILED,
        REFUNDS_NEED_REVIEW,
    ];
}

impl JobReason {
    /// A reason as it is stored.
    pub fn text(code: &'static str, detail: impl std::fmt::Display) -> String {
        format!("{code}: {detail}")
    }

    /// Of a job whose time ran out, with why its last attempt failed.
    pub fn not_in_time(last: Option<&str>) -> String {
        match last {
            Some(last) => JobReason::text(why::NOT_IN_TIME, last),
            None => why::NOT_IN_TIME.to_owned(),
        }
    }

    /// Reads what was stored.
    pub fn read(text: &str) -> JobReason {
        let (head, rest) = match text.split_once(": ") {
            Some((head, rest)) => (head, Some(rest)),
            None => (text, None),
        };
        match why::ALL.into_iter().find(|code| *code == head) {
            Some(code) => JobReason {
                code,
                detail: rest.map(str::to_owned),
            },
            None => JobReason {
                code: why::FAILED,
                detail: Some(text.to_owned()),
            },
        }
    }

    /// Whether the detail may name the one who was written to.
    pub fn is_of_mail(&self) -> bool {
        [why::MAIL_DEFERRED, why::MAIL_REFUSED, why::NOT_IN_TIME].contains(&self.code)
    }
}

/// Numbers of the jobs that there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that are due, at most the bound that was given.
    pub due: i64,
    /// How long the oldest of them has been due, in milliseconds.
    pub oldest_ms: i64,
    /// Jobs that wait for a person, at most the bound that was given.
    pub for_review: i64,
    /// The same of payments.
    pub payments_for_review: i64,
    /// The same of refunds.
    pub refunds_for_review: i64,
}

/// Jobs whose time ran out while nobody took them: of a kind that no node carries out any more, say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LateJobs {
    /// They wait for a person.
    pub parked: u64,
    pub dropped: u64,
}

/// Writes a job that is due after `after`, or lets the one with its key be due by then: also one that is done or that waits
/// for a person. One that is being worked at is due again as soon as that is over.
pub(super) async fn ring(
    client: &impl GenericClient,
    job: &QueuedJob,
    after: Duration,
) -> Result<(), StoreError> {
    ring_all(client, &[job], after).await
}

/// The same for some, in one statement.
pub(super) async fn ring_all(
    client: &impl GenericClient,
    jobs: &[&QueuedJob],
    after: Duration,
) -> Result<(), StoreError> {
    ring_some(client, jobs, after, "").await?;
    Ok(())
}

/// As SQL of `asked`: nobody else has locked its job. The first row is asked for, since `exists` may be answered from the whole
/// index.
const NOT_LOCKED: &str = "
    where coalesce((select false from jobs where key = asked.key limit 1), true)
       or exists (select from mine where mine.key = asked.key)";

/// Answers the keys of those for which it rang: all of them, or where a condition is given those that it holds for.
async fn ring_some(
    client: &impl GenericClient,
    jobs: &[&QueuedJob],
    after: Duration,
    condition: &str,
) -> Result<HashSet<String>, StoreError> {
    // In one order, since others may ring for the same ones, and each once, as the statement wants it.
    let jobs: BTreeMap<&str, &QueuedJob> =
        jobs.iter().map(|job| (job.key.as_str(), *job)).collect();
    let sql = format!("
        with asked as (
            select * from unnest((select $1::text[]), (select $2::text[]), (select $3::jsonb[]), (select $4::float8[]))
                       as asked (kind, key, payload, worth_ms)
        ), mine as materialized (
            select job.key from asked
             cross join lateral (select key from jobs where key = asked.key limit 1 {FREE}) job
        )
        insert into jobs (kind, key, payload, run_at, expires_at)
        select kind, key, payload, clock_timestamp() + $5 * interval '1 ms', clock_timestamp() + worth_ms * interval '1 ms'
          from asked {condition}
        on conflict (key) do update
           set rung = jobs.state = 'leased',
               expires_at = greatest(jobs.expires_at, excluded.expires_at), reason = null, failures = 0,
               attempts = case jobs.state when 'leased' then jobs.attempts else 0 end,
               times = case jobs.state when 'leased' then jobs.times else jobs.times + 1 end,
               run_at = case jobs.state when 'waiting' then least(jobs.run_at, excluded.run_at) else excluded.run_at end,
               state = case jobs.state when 'leased' then 'leased' else 'waiting' end
        returning key");
    let statement = client.prepare_cached(&sql).await?;
    let all = || jobs.values();
    let values: [&(dyn ToSql + Sync); 5] = [
        &all().map(|job| job.kind).collect::<Vec<_>>(),
        &jobs.keys().collect::<Vec<_>>(),
        &all().map(|job| Json(&job.payload)).collect::<Vec<_>>(),
        &all()
            .map(|job| millis(job.worth) as f64)
            .collect::<Vec<_>>(),
        &(millis(after) as f64),
    ];
    let rows = client.query(&statement, &values).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Rings for attempts to pay, where nobody has locked their jobs; answers whether.
pub(super) fn ring_payments<'a>(store: &'a Store, payments: &'a [PaymentId]) -> Answers<'a, bool> {
    async move {
        let jobs: Vec<QueuedJob> = payments.iter().map(|id| payment_job(*id)).collect();
        let all: Vec<&QueuedJob> = jobs.iter().collect();
        let client = store.client().await?;
        let rung = ring_some(&client, &all, Duration::ZERO, NOT_LOCKED).await?;
        Ok(jobs.iter().map(|job| rung.contains(&job.key)).collect())
    }
    .boxed()
}

/// Writes a job that is due at once, unless there is one with its key. That one is not locked.
pub(super) async fn keep(client: &impl GenericClient, job: &QueuedJob) -> Result<(), StoreError> {
    let sql = "
        insert into jobs (kind, key, payload, expires_at)
        select $1, $2, $3, clock_timestamp() + $4 * interval '1 ms' where not exists (select from jobs where key = $2)
            on conflict (key) do nothing";
    let statement = client.prepare_cached(sql).await?;
    let (worth, payload) = (millis(job.worth) as f64, Json(&job.payload));
    client
        .execute(&statement, &[&job.kind, &job.key, &payload, &worth])
        .await?;
    Ok(())
}

pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

impl Store {
    /// Writes a job, or finds the one with its key; answers its id.
    pub async fn queue_job(&self, job: &QueuedJob) -> Result<i64, StoreError> {
        let client = self.client().await?;
        let sql = "
            insert into jobs (kind, key, payload, expires_at)
            values ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')
                on conflict (key) do update set key = jobs.key returning id";
        let statement = client.prepare_cached(sql).await?;
        let worth = millis(job.worth) as f64;
        let row = client
            .query_one(
                &statement,
                &[&job.kind, &job.key, &Json(&job.payload), &worth],
            )
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Writes a job that somebody asks for, unless it is there, with what the audit trail says of it and the answer under the
    /// request's key; answers its id.
    pub async fn queue_asked(
        &self,
        job: &QueuedJob,
        audit: AuditEntry,
        asked: Option<&IdempotencyKey>,
    ) -> Result<Once<i64>, StoreError> {
        let given = (job, audit, asked);
        self.transaction(&given, |tx, (job, audit, asked)| {
            Box::pin(async move {
                if let Some(known) = idempotency::recall_made(tx, *asked).await? {
                    return Ok(known);
                }
                let sql = "
                    insert into jobs (kind, key, payload, expires_at)
                    values ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')
                        on conflict (key) do nothing returning id";
                let statement = tx.prepare_cached(sql).await?;
                let worth = millis(job.worth) as f64;
                let values: [&(dyn ToSql + Sync); 4] =
                    [&job.kind, &job.key, &Json(&job.payload), &worth];
                let Some(row) = tx.query_opt(&statement, &values).await? else {
                    // Its answer is forgotten.
                    let sql = "select id from jobs where key = $1";
                    let statement = tx.prepare_cached(sql).await?;
                    let id = tx.query_one(&statement, &[&job.key]).await?.try_get(0)?;
                    return Ok(Once::Replayed(id));
                };
                let id: i64 = row.try_get(0)?;
                let entry = audit.clone().with(json!({ "job_id": id }));
                entry.write(tx).await?;
                idempotency::remember_made(tx, *asked, &id).await?;
                Ok(Once::Made(id))
            })
        })
        .await
    }

    /// The job that an earlier request with this idempotency key wrote.
    pub async fn recall_asked(
        &self,
        asked: Option<&IdempotencyKey>,
    ) -> Result<Option<Once<i64>>, StoreError> {
        match asked {
            None => Ok(None),
            asked => idempotency::recall_made(&self.client().await?, asked).await,
        }
    }

    /// The job with this key, if there is one.
    pub async fn job_named(&self, key: &str) -> Result<Option<i64>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached("select id from jobs where key = $1")
            .await?;
        let row = client.query_opt(&statement, &[&key]).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    pub async fn job(&self, id: i64) -> Result<Option<KnownJob>, StoreError> {
        let client = self.client().await?;
        let sql = "
            select id, kind, state, payload, progress, reason, created_at, job_organization(payload), key
              from jobs where id = $1";
        let statement = client.prepare_cached(sql).await?;
        let row = client.query_opt(&statement, &[&id]).await?;
        row.map(|row| known_job(&row)).transpose()
    }

    /// Writes a job, unless one with its key is under way or its key still holds; answers whether it did. One that came to
    /// nothing gives way.
    pub async fn write_job(&self, job: &NewJob<'_>) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let sql = "
            insert into jobs (kind, key, payload, expires_at)
            values ($1, $2, $3, clock_timestamp() + $4 * interval '1 ms')
            on conflict (key) do update
               set payload = excluded.payload, expires_at = excluded.expires_at, state = 'waiting', run_at = excluded.run_at,
                   attempts = 0, failures = 0, reason = null, progress = null, times = jobs.times + 1
             where jobs.times < $5
               and (jobs.state = 'needs_review' or jobs.state = 'done' and jobs.run_at <= excluded.created_at
                    or jobs.state = 'waiting' and jobs.expires_at <= excluded.created_at)";
        let statement = client.prepare_cached(sql).await?;
        let worth = millis(job.worth) as f64;
        let written = client
            .execute(
                &statement,
                &[
                    &job.kind,
                    &job.key,
                    &Json(job.payload),
                    &worth,
                    &job.times_max,
                ],
            )
            .await?;
        Ok(written > 0)
    }

    /// Renews a job's lease; answers whether this node still had it.
    pub async fn renew_job(&self, job: &TakenJob, lease: Duration) -> Result<bool, StoreError> {
        self.renew(job, None, lease).await
    }

    /// Stores how far a job has come and renews its lease; answers whether this node still had it.
    pub async fn note_job_progress(
        &self,
        job: &TakenJob,
        progress: &Value,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.renew(job, Some(progress), lease).await
    }

    async fn renew(
        &self,
        job: &TakenJob,
        progress: Option<&Value>,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let sql = "
            update jobs set progress = coalesce($4, progress), lease_until = clock_timestamp() + $5 * interval '1 ms'
             where id = $1 and attempts = $2 and times = $3 and state = 'leased'";
        let statement = client.prepare_cached(sql).await?;
        let lease = millis(lease) as f64;
        let count = client
            .execute(
                &statement,
                &[
                    &job.id,
                    &job.attempts,
                    &job.times,
                    &progress.map(Json),
                    &lease,
                ],
            )
            .await?;
        Ok(count > 0)
    }

    /// Takes the jobs of these kinds that have been due longest, of each lane up to a number, each for the time of `lease`.
    pub async fn take_jobs(
        &self,
        kinds: &[&str],
        jobs_max: OfLanes,
        lease: Duration,
    ) -> Result<Vec<TakenJob>, StoreError> {
        // Jobs gather as well.
        let places = &self.lines.places;
        places
            .run(|| self.take_jobs_now(kinds, jobs_max, lease))
            .await
    }

    async fn take_jobs_now(
        &self,
        kinds: &[&str],
        jobs_max: OfLanes,
        lease: Duration,
    ) -> Result<Vec<TakenJob>, StoreError> {
        let client = self.client().await?;
        let sql = "
            update jobs
               set state = 'leased', attempts = attempts + 1, lease_until = clock_timestamp() + $2 * interval '1 ms'
             where id = any(array(
                       select due.id from unnest((select $1::text[]), (select $4::bigint[])) as asked (lane, jobs_max)
                        cross join lateral (
                            select id from jobs
                             where state = 'waiting' and lane = asked.lane and run_at <= statement_timestamp() and kind = any($3)
                             order by run_at, id limit asked.jobs_max for update skip locked) due))
            returning id, kind, key, payload, attempts, times, expires_at <= statement_timestamp(),
                      statement_timestamp(), progress, failures, lane, reason";
        let statement = client.prepare_cached(sql).await?;
        let asked = JobLane::ALL.into_iter().zip(jobs_max);
        let (lanes, jobs_max): (Vec<&str>, Vec<i64>) = asked
            .filter(|(_, jobs_max)| *jobs_max > 0)
            .map(|(lane, jobs_max)| (lane.as_str(), i64::try_from(jobs_max).unwrap_or(i64::MAX)))
            .unzip();
        let lease = millis(lease) as f64;
        let rows = client
            .query(&statement, &[&lanes, &lease, &kinds, &jobs_max])
            .await?;
        let taken = rows.iter().map(|row| {
            Ok(TakenJob {
                id: row.try_get(0)?,
                kind: row.try_get(1)?,
                key: row.try_get(2)?,
                payload: row.try_get::<_, Json<Value>>(3)?.0,
                attempts: row.try_get(4)?,
                times: row.try_get(5)?,
                is_expired: row.try_get(6)?,
                taken_at: row.try_get(7)?,
                progress: row
                    .try_get::<_, Option<Json<Value>>>(8)?
                    .map_or(Value::Null, |progress| progress.0),
                failures: row.try_get(9)?,
                lane: JobLane::of(row.try_get(10)?)?,
                reason: row.try_get(11)?,
            })
        });
        taken.collect()
    }

    /// Settles a job, if this node still has its lease; answers whether it had.
    pub async fn settle_job(&self, job: &TakenJob, settled: &Settled) -> Result<bool, StoreError> {
        let lease = JobLease {
            id: job.id,
            key: job.key.clone(),
            attempts: job.attempts,
            times: job.times,
        };
        let settled = (lease, settled.clone());
        let line = &self.lines.settled_jobs;
        if line.ask(self, settled.clone()).await? {
            return Ok(true);
        }
        // Somebody writes the job at this moment, or the lease was lost.
        let alone = settle(&self.client().await?, &[settled], LOCKED).await?;
        Ok(alone.contains(&true))
    }

    /// Gives back the jobs of nodes that died at them, and forgets those that are done and those that nobody decided. Those whose
    /// time ran out and that are of no kind that is `taken` here are dropped if they are `dropped_when_late`, and else left to a
    /// person.
    pub async fn tidy_jobs(
        &self,
        jobs_max: usize,
        taken: &[&str],
        dropped_when_late: &[&str],
    ) -> Result<LateJobs, StoreError> {
        let client = self.client().await?;
        let jobs_max = i64::try_from(jobs_max).unwrap_or(i64::MAX);
        let forgotten = format!(
            "delete from jobs where id = any(array(
                 select id from jobs
                  where state = 'done' and run_at <= statement_timestamp() - interval '{JOB_FORGOTTEN_HOURS} hours'
                  order by run_at limit $1 for update skip locked))"
        );
        // The audit trail tells of them: somebody may have bought a ticket that was never mailed.
        let given_up = format!(
            "with gone as (
                 delete from jobs where id = any(array(
                     select id from jobs
                      where state = 'needs_review' and expires_at <= statement_timestamp() - interval '{REVIEW_DAYS} days'
                      order by expires_at limit $1 for update skip locked))
                 returning id, kind, key, organization_id, split_part(reason, ':', 1) as why)
             insert into audit_trail (organization_id, action, object, detail)
             select organization_id, '{GIVEN_UP}', 'job:' || id, jsonb_strip_nulls(
                        jsonb_build_object('kind', kind, 'why', why, 'key', case when kind = any($2) then key end))
               from gone"
        );
        for sql in [
            "update jobs set state = 'waiting', lease_until = null, failures = failures + 1, reason = 'its node was lost'
              where id = any(array(
                        select id from jobs where state = 'leased' and lease_until < statement_timestamp()
                         order by lease_until limit $1 for update skip locked))",
            &forgotten,
        ] {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, &[&jobs_max]).await?;
        }
        let statement = client.prepare_cached(&given_up).await?;
        client
            .execute(&statement, &[&jobs_max, &&KINDS_WITH_TOLD_KEYS[..]])
            .await?;
        let lanes = JobLane::ALL.map(JobLane::as_str);
        let late = async |act: &str, kinds: &str| {
            // Along the index of those that are due, as no index has the ends of their time.
            let sql = format!(
                "{act} where id = any(array(
                     select job.id from unnest((select $2::text[])) as asked (lane)
                      cross join lateral (select id, kind, expires_at from jobs
                                           where state = 'waiting' and lane = asked.lane and run_at <= statement_timestamp()
                                           order by run_at, id limit $1) one
                      cross join lateral (select id from jobs
                                           where id = one.id and state = 'waiting' limit 1 for update skip locked) job
                      where one.expires_at <= statement_timestamp() and one.kind <> all($4) and {kinds}))"
            );
            let statement = client.prepare_cached(&sql).await?;
            let values: [&(dyn ToSql + Sync); 4] =
                [&jobs_max, &&lanes[..], &dropped_when_late, &taken];
            let count = client.execute(&statement, &values).await?;
            Ok::<u64, StoreError>(count)
        };
        let park = format!(
            "update jobs set state = 'needs_review', reason = concat_ws(': ', '{}', reason),
                    expires_at = greatest(expires_at, statement_timestamp())",
            why::NOT_IN_TIME
        );
        Ok(LateJobs {
            parked: late(&park, "one.kind <> all($3)").await?,
            dropped: late("delete from jobs", "one.kind = any($3)").await?,
        })
    }

    /// The number of jobs of a lane that are due, counted up to `count_max`.
    pub async fn due_jobs(&self, lane: JobLane, count_max: i64) -> Result<i64, StoreError> {
        let client = self.client().await?;
        let sql = "
            select count(*) from (select from jobs
                                   where state = 'waiting' and lane = $1 and run_at <= statement_timestamp()
                                   order by run_at, id limit $2) as due";
        let statement = client.prepare_cached(sql).await?;
        let row = client
            .query_one(&statement, &[&lane.as_str(), &count_max])
            .await?;
        Ok(row.try_get(0)?)
    }

    /// The numbers of waiting jobs, and of what waits for a person, counted up to `count_max`.
    pub async fn jobs_backlog(&self, count_max: i64) -> Result<Backlog, StoreError> {
        let client = self.client().await?;
        let sql = "
            with due as materialized (
                select run_at from unnest((select $2::text[])) as asked (lane)
                 cross join lateral (select run_at from jobs
                                      where state = 'waiting' and lane = asked.lane and run_at <= statement_timestamp()
                                      order by run_at, id limit $1) one
            )
            select least((select count(*) from due), $1),
                   coalesce((select extract(epoch from statement_timestamp() - min(run_at)) * 1000 from due), 0)::bigint,
                   (select count(*) from (select from jobs where state = 'needs_review' limit $1) as review),
                   (select count(*) from (select from payments where review is not null limit $1) as review),
                   (select count(*) from (select from refunds where state = 'needs_review' limit $1) as review)";
        let statement = client.prepare_cached(sql).await?;
        let lanes = JobLane::ALL.map(JobLane::as_str);
        let row = client
            .query_one(&statement, &[&count_max, &&lanes[..]])
            .await?;
        Ok(Backlog {
            due: row.try_get(0)?,
            oldest_ms: row.try_get(1)?,
            for_review: row.try_get(2)?,
            payments_for_review: row.try_get(3)?,
            refunds_for_review: row.try_get(4)?,
        })
    }
}

/// The lease of a job.
#[derive(Debug, Clone)]
pub(super) struct JobLease {
    id: i64,
    key: String,
    attempts: i32,
    times: i32,
}

/// Settles the jobs whose rows nobody has locked. `false`: somebody has, or the lease was lost.
pub(super) fn settle_jobs<'a>(
    store: &'a Store,
    jobs: &'a [(JobLease, Settled)],
) -> Answers<'a, bool> {
    async move { settle(&store.client().await?, jobs, FREE).await }.boxed()
}

async fn settle(
    client: &impl GenericClient,
    jobs: &[(JobLease, Settled)],
    lock: &str,
) -> Result<Vec<bool>, StoreError> {
    // As those who ring for them.
    let order = in_order(jobs, |(lease, _)| lease.key.clone());
    let sql = format!("
            with asked as (
                select * from unnest((select $1::bigint[]), (select $2::int[]), (select $3::int[])) with ordinality
                           as asked (id, attempts, times, place)
            ), ours as materialized (
                -- By its lease, not by its id alone: who lost it may settle it in the same moment as who has it.
                select job.id, asked.place
                  from asked
                 cross join lateral (select id from jobs
                                      where id = asked.id and attempts = asked.attempts and times = asked.times and state = 'leased'
                                      limit 1 {lock}) job
            ), said as (
                select distinct on (id) id, place, ($4::text[])[place] as state, ($5::text[])[place] as reason,
                       ($6::float8[])[place] as after_ms, ($7::jsonb[])[place] as progress
                  from ours order by id, place
            )
            update jobs j
               set state = case when rung then 'waiting' else said.state end, lease_until = null, reason = said.reason,
                   rung = false,
                   -- A person has some days for it from here on, however late it comes to one.
                   expires_at = case said.state when 'needs_review' then greatest(j.expires_at, clock_timestamp()) else j.expires_at end,
                   run_at = clock_timestamp() + case when rung then 0 else said.after_ms end * interval '1 ms',
                   progress = coalesce(said.progress, j.progress),
                   failures = case when said.progress is null then failures + 1 else 0 end
              from said where j.id = any(array(select id from ours)) and j.id = said.id
            returning said.place::int");
    let statement = client.prepare_cached(&sql).await?;
    let leases = || order.iter().map(|place| &jobs[*place].0);
    let settled = || order.iter().map(|place| columns(&jobs[*place].1));
    let values: [&(dyn ToSql + Sync); 7] = [
        &leases().map(|lease| lease.id).collect::<Vec<_>>(),
        &leases().map(|lease| lease.attempts).collect::<Vec<_>>(),
        &leases().map(|lease| lease.times).collect::<Vec<_>>(),
        &settled().map(|(state, ..)| state).collect::<Vec<_>>(),
        &settled().map(|(_, reason, ..)| reason).collect::<Vec<_>>(),
        &settled()
            .map(|(_, _, after, _)| millis(after) as f64)
            .collect::<Vec<_>>(),
        &settled()
            .map(|(.., progress)| progress.map(Json))
            .collect::<Vec<_>>(),
    ];
    let rows = client.query(&statement, &values).await?;
    let mut answers = vec![false; jobs.len()];
    for row in rows {
        answers[place_of(&row, 0, &order)?] = true;
    }
    Ok(answers)
}

/// State, reason, pause and progress of a job from now on.
fn columns(settled: &Settled) -> (&'static str, Option<&str>, Duration, Option<&Value>) {
    match settled {
        Settled::Done { quiet } => ("done", None, *quiet, None),
        Settled::Again { after, reason } => ("waiting", Some(reason), *after, None),
        Settled::Review { reason } => ("needs_review", Some(reason), Duration::ZERO, None),
        Settled::GoesOn { after, progress } => ("waiting", None, *after, Some(progress)),
    }
}

pub(super) fn known_job(row: &Row) -> Result<KnownJob, StoreError> {
    Ok(KnownJob {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        state: JobState::of(row.try_get(2)?),
        payload: row.try_get(3)?,
        progress: row
            .try_get::<_, Option<Json<Value>>>(4)?
            .map_or(Value::Null, |progress| progress.0),
        reason: row.try_get::<_, Option<&str>>(5)?.map(JobReason::read),
        created_at: row.try_get(6)?,
        organization: row.try_get(7)?,
        key: row.try_get(8)?,
    })
}
