//! The nodes: the worker of jobs with its table, and what it carries out.

use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::super::clockwork::{now_ms, pause};
use super::mails;
use super::world::{MoneyWorld, SimJob, SimJobRow, at};
use super::{FAULTS_MS, LEASE_MS, MoneyCheck};
use crate::jobs::give_back::{GiveBack, LOOK_AGAIN};
use crate::jobs::payments::{PaymentJob, RefundJob, end};
use crate::jobs::worker::{self, Hands, JobOutcome, JobTable, PANICKED};
use crate::jobs::{End, Failed, outcome};
use crate::payments::give_back::{AfterCancellation, give_after_cancellation};
use crate::payments::{drive, refunds};
use crate::store::StoreError;
use crate::store::jobs::{Backlog, JobLane, OfLanes, Settled, TakenJob};
use crate::store::payments::PAYMENT_JOB;
use crate::store::refunds::GIVE_BACK_JOB;
use crate::store::refunds::REFUND_JOB;

/// A node's way to the table of jobs, and its hands.
struct MoneyNode {
    world: MoneyWorld,
    number: usize,
}

fn is_leased(job: &SimJob, taken: &TakenJob) -> bool {
    job.attempts == taken.attempts && matches!(job.row, SimJobRow::Leased { .. })
}

impl JobTable for MoneyNode {
    async fn take(&self, [jobs_max, ..]: OfLanes) -> Result<Vec<TakenJob>, StoreError> {
        let taken = self.world.store(|shared| {
            let mut taken = Vec::new();
            let is_due =
                |job: &SimJob| matches!(job.row, SimJobRow::Waiting { at_ms } if at_ms <= now_ms());
            let due = shared.jobs.iter_mut().filter(|(_, job)| is_due(job));
            for (id, job) in due.take(jobs_max) {
                let until_ms = now_ms() + LEASE_MS;
                job.row = SimJobRow::Leased { until_ms };
                job.attempts += 1;
                job.taken_ms = now_ms();
                job.at_work = Some(self.number);
                taken.push(taken_job(*id, job));
            }
            taken
        });
        taken.await
    }

    async fn settle(&self, taken: &TakenJob, settled: &Settled) -> Result<bool, StoreError> {
        if let Settled::Review { reason } = settled
            && reason == PANICKED
        {
            let what = format!("{} panicked", taken.key);
            self.world
                .with(|shared| shared.fail(MoneyCheck::Survival, what));
        }
        // While this is on its way the lease may end, and the job be done once more.
        let excuse = |by: i32| {
            let excuse = |job: &mut SimJob| job.excuses = job.excuses.saturating_add_signed(by);
            self.world.with(|shared| shared.with_job(taken, excuse));
        };
        excuse(1);
        let settling = self.world.store(|shared| {
            let job = shared.jobs.get_mut(&taken.id);
            let Some(job) = job.filter(|job| is_leased(job, taken)) else {
                return false;
            };
            job.at_work = None;
            let again = match settled {
                _ if std::mem::take(&mut job.rung) => Some(Duration::ZERO),
                Settled::Done { .. } => None,
                Settled::Review { .. } => {
                    job.row = SimJobRow::Review;
                    return true;
                }
                Settled::Again { after, .. } => {
                    job.failures += 1;
                    Some(*after)
                }
                Settled::GoesOn { after, .. } => {
                    job.failures = 0;
                    Some(*after)
                }
            };
            job.row = match again {
                None => SimJobRow::Done,
                Some(after) => SimJobRow::Waiting {
                    at_ms: now_ms() + after.as_millis() as u64,
                },
            };
            true
        });
        let settled = settling.await;
        if matches!(settled, Ok(true)) {
            excuse(-1);
        }
        settled
    }

    async fn renew(&self, taken: &TakenJob) -> Result<bool, StoreError> {
        let renewed = self.world.store(|shared| {
            let job = shared.jobs.get_mut(&taken.id);
            let Some(job) = job.filter(|job| is_leased(job, taken)) else {
                return false;
            };
            let until_ms = now_ms() + LEASE_MS;
            job.row = SimJobRow::Leased { until_ms };
            true
        });
        renewed.await
    }

    async fn tidy(&self) -> Result<Backlog, StoreError> {
        let tidied = self.world.store(|shared| {
            for job in shared.jobs.values_mut() {
                if matches!(job.row, SimJobRow::Leased { until_ms } if until_ms < now_ms()) {
                    job.row = SimJobRow::Waiting { at_ms: now_ms() };
                    job.rung = false;
                    job.at_work = None;
                }
            }
        });
        tidied.await.map(|()| Backlog::default())
    }
}

fn taken_job(id: i64, job: &SimJob) -> TakenJob {
    TakenJob {
        id,
        kind: job.kind.to_owned(),
        lane: JobLane::Core,
        key: job.key.clone(),
        payload: job.payload.clone(),
        progress: serde_json::Value::Null,
        attempts: job.attempts,
        failures: job.failures,
        times: 1,
        is_expired: false,
        reason: None,
        taken_at: at(now_ms()),
    }
}

impl Hands for MoneyNode {
    async fn carry_out(&self, job: &TakenJob) -> JobOutcome {
        let carried = match &*job.kind {
            PAYMENT_JOB => self.pay(job).await,
            REFUND_JOB => self.refund(job).await,
            GIVE_BACK_JOB => self.give_back(job).await,
            _ => mails::send(&self.world, job).await,
        };
        let outcome = outcome(carried, Duration::ZERO);
        self.world
            .with(|shared| shared.tell(|| format!("{}: {outcome:?}", job.key)));
        outcome
    }
}

pub(super) fn read<T: DeserializeOwned>(job: &TakenJob) -> Result<T, Failed> {
    let read = serde_json::from_value(job.payload.clone());
    read.map_err(|error| Failed::Hopeless(error.to_string()))
}

impl MoneyNode {
    async fn pay(&self, job: &TakenJob) -> Result<End, Failed> {
        let (world, PaymentJob { payment_id }) = (&self.world, read(job)?);
        end(drive::drive(world, world, world, payment_id).await)
    }

    async fn refund(&self, job: &TakenJob) -> Result<End, Failed> {
        let (world, RefundJob { refund_id }) = (&self.world, read(job)?);
        end(refunds::drive(world, world, world, refund_id).await)
    }

    async fn give_back(&self, job: &TakenJob) -> Result<End, Failed> {
        let (world, of) = (&self.world, read::<GiveBack>(job)?);
        let drive = |id| refunds::drive(world, world, world, id);
        let by = (of.policy, &of.gone);
        let given = give_after_cancellation(world, drive, of.booking_id, by, &of.reason).await?;
        match given {
            AfterCancellation::Done => Ok(End::Done),
            AfterCancellation::Waits => Ok(End::Rests(LOOK_AGAIN, serde_json::Value::Null)),
            AfterCancellation::Stuck(why) => Err(Failed::Hopeless(format!("{why:?}"))),
        }
    }
}

/// The node begins to live.
pub(super) fn boot(world: &MoneyWorld, number: usize) {
    world.with(|shared| shared.nodes[number] = Some(0));
    let [table, hands] = [(); 2].map(|()| MoneyNode {
        world: world.clone(),
        number,
    });
    let woken = world.with(|shared| shared.woken.clone());
    world.spawn(Some(number), async move {
        let end = CancellationToken::new();
        let sleep = |time: Duration| pause(time.as_millis() as u64);
        worker::run(&table, &hands, &woken, sleep, &end).await;
    });
}

/// The node crashes, and comes back.
pub(super) async fn trouble(world: MoneyWorld, number: usize) {
    while now_ms() < FAULTS_MS {
        world.wait(5_000, 60_000).await;
        world.with(|shared| {
            shared.tell(|| format!("node {number} dies"));
            shared.nodes[number] = None;
            for job in shared.jobs.values_mut() {
                // A job that it was at may be done once more.
                job.excuses += u32::from(job.at_work == Some(number));
            }
        });
        world.wait(100, 20_000).await;
        boot(&world, number);
    }
}
