//! Jobs in virtual time: from the row that asks for a mail to the mail, with faults.
//!
//! The worker is the real one. Modelled are the table of jobs, the server that mails go to, and the nodes, which crash,
//! stand still for longer than a lease, and come back. The database answers late, refuses, or answers nothing although it
//! did what it was asked; the mail server is slow, refuses for now or for ever, or takes a mail and says nothing.
//!
//! | check | promise |
//! |---|---|
//! | `Kept` | every job that was written is done, whatever dies |
//! | `Once` | a job is done twice only where an answer, a node or a lease was lost |
//! | `InTime` | nothing is done after its lease, unless its node stood still |
//! | `Review` | a person is asked where nothing else helps, and only there |
//! | `Rush` | of many jobs that are due at once none waits until a node looks by itself |
//! | `Survival` | nothing panics |
//!
//! Mistakes made on purpose, each caught by its check: `SettleFirst` (a job is settled before it is done), `LoseSettling`
//! (a job that was done is not settled), `GiveUpEarly` (a failure that may pass is left to a person), `WorkOn` (an
//! attempt has no limit), `LeaveTheRest` (who got as many jobs as it asked for does not ask for more).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::clockwork::{Failing, Scene, SimPart, find_fault, now_ms, pause, play, try_run};
use super::dice::Dice;
use super::mistake::Mistake;
use super::number;
use crate::jobs::worker::{self, Hands, JobOutcome, JobTable, LEASE};
use crate::store::StoreError;
use crate::store::jobs::{Backlog, JobLane, OfLanes, Settled, TakenJob};

const SEEDS: u64 = 10_000;
/// Seeds among which each mistake has to be caught.
const MISTAKE_SEEDS: u64 = 2_000;
/// How long faults go on, and how long everything may take to settle after them.
const FAULTS_MS: u64 = 60_000;
const REST_MS: u64 = 900_000;
/// Jobs of a rush, and how long one node has for them: it works at 64, and each takes up to 0.9 seconds.
const RUSH: i64 = 500;
const RUSH_MS_MAX: u64 = 7_000;
/// Seeds of rushes: they differ in little.
const RUSH_SEEDS: u64 = 100;
/// Longest time between two requests.
const REQUEST_MS_MAX: u64 = 4_000;
const LEASE_MS: u64 = LEASE.as_millis() as u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JobCheck {
    Kept,
    Once,
    InTime,
    Review,
    Rush,
    Survival,
}

#[derive(Debug)]
struct JobFault {
    check: JobCheck,
    what: String,
}

impl Failing for JobFault {
    fn panicked(what: String) -> JobFault {
        JobFault {
            check: JobCheck::Survival,
            what,
        }
    }

    fn of_seed(self, seed: u64) -> JobFault {
        JobFault {
            check: self.check,
            what: format!("{}\nSEATCAST_SEED={seed} replays it", self.what),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ModelRow {
    Waiting { at_ms: u64 },
    Leased { until_ms: u64 },
    Review,
}

struct ModelJob {
    row: ModelRow,
    attempts: i32,
    /// Its address does not exist.
    is_hopeless: bool,
}

/// Events of a job's life outside of the table.
#[derive(Debug, Default, Clone)]
struct Story {
    is_hopeless: bool,
    delivered: u32,
    /// Reasons why it may be done once more.
    excuses: u32,
    /// The node that is at it, and until when its lease lasts.
    at_work: Option<(usize, u64)>,
    /// Its node stood still while it was at it.
    stood_still: bool,
    reviewed: bool,
    /// An attempt got no answer at all.
    hung: bool,
}

struct JobsShared {
    dice: Dice,
    table: BTreeMap<i64, ModelJob>,
    stories: BTreeMap<i64, Story>,
    /// By job and attempt: until when its lease lasts.
    leases: BTreeMap<(i64, i32), u64>,
    /// By node: until when it stands still; `None` while it is dead.
    nodes: Vec<Option<u64>>,
    woken: Arc<Notify>,
    born: Vec<SimPart>,
    fault: Option<JobFault>,
    is_told: bool,
}

#[derive(Clone)]
struct JobWorld(Arc<Mutex<JobsShared>>);

impl JobWorld {
    fn new(dice: Dice, nodes: usize, is_told: bool) -> JobWorld {
        JobWorld(Arc::new(Mutex::new(JobsShared {
            dice,
            table: BTreeMap::new(),
            stories: BTreeMap::new(),
            leases: BTreeMap::new(),
            nodes: vec![None; nodes],
            woken: Arc::default(),
            born: Vec::new(),
            fault: None,
            is_told,
        })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut JobsShared) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn spawn(&self, node: Option<usize>, work: impl Future<Output = ()> + Send + 'static) {
        let part = SimPart::new(node, work);
        self.with(|shared| shared.born.push(part));
    }

    /// A way to the database and back. While there are faults it may fail before its work, or after it.
    async fn ask<T>(
        &self,
        work: impl FnOnce(&mut JobsShared) -> T + Send,
    ) -> Result<T, StoreError> {
        let lost = || StoreError::Unavailable("the connection is lost".into());
        let (there, back) = self.with(|shared| (shared.travel(), shared.travel()));
        pause(there).await;
        if self.with(|shared| shared.goes_wrong(4)) {
            return Err(lost());
        }
        let answer = self.with(work);
        pause(back).await;
        match self.with(|shared| shared.goes_wrong(4)) {
            true => Err(lost()),
            false => Ok(answer),
        }
    }
}

impl JobsShared {
    fn travel(&mut self) -> u64 {
        if self.goes_wrong(1) && self.dice.percent(10) {
            return self.dice.between(1_000, 20_000);
        }
        match self.dice.percent(3) {
            true => self.dice.between(50, 400),
            false => self.dice.between(1, 6),
        }
    }

    fn goes_wrong(&mut self, percent: u64) -> bool {
        self.dice.percent(percent) && now_ms() < FAULTS_MS
    }

    fn fail(&mut self, check: JobCheck, what: String) {
        let what = format!("at {} ms: {what}", now_ms());
        self.fault.get_or_insert(JobFault { check, what });
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{:>6} {}", now_ms(), what());
        }
    }

    /// The job that this node is at may be done once more.
    fn excuse(&mut self, number: usize) {
        let stories = self.stories.values_mut();
        for story in stories.filter(|story| story.at_work.is_some_and(|(node, _)| node == number)) {
            story.excuses += 1;
            story.stood_still = true;
        }
    }

    fn write(&mut self, id: i64, is_hopeless: bool) {
        let job = ModelJob {
            row: ModelRow::Waiting { at_ms: now_ms() },
            attempts: 0,
            is_hopeless,
        };
        self.table.insert(id, job);
        self.story(id).is_hopeless = is_hopeless;
    }

    fn story(&mut self, id: i64) -> &mut Story {
        self.stories.entry(id).or_default()
    }
}

impl Scene for JobWorld {
    type Fault = JobFault;
    const END_MS: u64 = FAULTS_MS + REST_MS;

    fn born(&self) -> Vec<SimPart> {
        self.with(|shared| std::mem::take(&mut shared.born))
    }

    fn of_node(&self, node: usize) -> Option<u64> {
        self.with(|shared| shared.nodes[node])
    }

    fn fault(&self) -> Option<JobFault> {
        self.with(|shared| shared.fault.take())
    }
}

/// A node's way to the table, and its hands.
struct JobNode {
    world: JobWorld,
    number: usize,
}

impl JobTable for JobNode {
    async fn take(&self, [_, jobs_max, _]: OfLanes) -> Result<Vec<TakenJob>, StoreError> {
        let taken = self.world.ask(|shared| {
            let due =
                |job: &ModelJob| matches!(job.row, ModelRow::Waiting { at_ms } if at_ms <= now_ms());
            let due = shared.table.iter_mut().filter(|(_, job)| due(job));
            let taken = due.take(jobs_max).map(|(id, job)| {
                job.row = ModelRow::Leased {
                    until_ms: now_ms() + LEASE_MS,
                };
                job.attempts += 1;
                taken_job(*id, job.attempts)
            });
            let taken: Vec<_> = taken.collect();
            for job in &taken {
                shared.tell(|| format!("node {} takes {}", self.number, job.id));
                let until_ms = now_ms() + LEASE_MS;
                shared.leases.insert((job.id, job.attempts), until_ms);
                let story = shared.story(job.id);
                story.at_work = Some((self.number, until_ms));
                story.stood_still = false;
            }
            taken
        });
        taken.await
    }

    async fn settle(&self, job: &TakenJob, settled: &Settled) -> Result<bool, StoreError> {
        let (id, attempts) = (job.id, job.attempts);
        let answer = self.world.ask(|shared| {
            let row = shared.table.get_mut(&id);
            let is_ours = |job: &ModelJob| {
                job.attempts == attempts && matches!(job.row, ModelRow::Leased { .. })
            };
            let Some(row) = row.filter(|job| is_ours(job)) else {
                return false;
            };
            match settled {
                Settled::Again { after, .. } | Settled::GoesOn { after, .. } => {
                    let at_ms = now_ms() + after.as_millis() as u64;
                    row.row = ModelRow::Waiting { at_ms };
                }
                Settled::Review { .. } => row.row = ModelRow::Review,
                Settled::Done { .. } => drop(shared.table.remove(&id)),
            }
            shared.tell(|| format!("node {} settles {id}: {settled:?}", self.number));
            let story = shared.story(id);
            story.at_work = None;
            story.reviewed = matches!(settled, Settled::Review { .. });
            true
        });
        let answer = answer.await;
        if !matches!(answer, Ok(true)) {
            self.world.with(|shared| shared.story(id).excuses += 1);
        }
        answer
    }

    async fn renew(&self, job: &TakenJob) -> Result<bool, StoreError> {
        let renewed = self.world.ask(|shared| {
            let row = shared.table.get_mut(&job.id);
            let row = row.filter(|row| row.attempts == job.attempts);
            let Some(ModelJob {
                row: ModelRow::Leased { until_ms },
                ..
            }) = row
            else {
                return false;
            };
            *until_ms = now_ms() + LEASE_MS;
            let until_ms = *until_ms;
            shared.leases.insert((job.id, job.attempts), until_ms);
            shared.story(job.id).at_work = Some((self.number, until_ms));
            true
        });
        renewed.await
    }

    async fn tidy(&self) -> Result<Backlog, StoreError> {
        let tidied = self.world.ask(|shared| {
            for (id, job) in &mut shared.table {
                if matches!(job.row, ModelRow::Leased { until_ms } if until_ms < now_ms()) {
                    job.row = ModelRow::Waiting { at_ms: now_ms() };
                    shared.stories.entry(*id).or_default().at_work = None;
                }
            }
        });
        tidied.await.map(|()| Backlog::default())
    }
}

fn taken_job(id: i64, attempts: i32) -> TakenJob {
    TakenJob {
        id,
        kind: "mail".to_owned(),
        lane: JobLane::Mail,
        key: format!("mail-{id}"),
        payload: Value::Null,
        progress: Value::Null,
        attempts,
        failures: attempts - 1,
        times: 1,
        is_expired: false,
        reason: None,
        taken_at: Timestamp::UNIX_EPOCH,
    }
}

impl Hands for JobNode {
    async fn carry_out(&self, job: &TakenJob) -> JobOutcome {
        let (ms, refused, answer_lost, hopeless) = self.world.with(|shared| {
            let ms = match shared.goes_wrong(2) {
                true => shared.dice.between(5_000, 400_000),
                false => shared.dice.between(2, 900),
            };
            let hopeless = shared.story(job.id).is_hopeless;
            shared.story(job.id).hung |= ms > 60_000;
            (ms, shared.goes_wrong(20), shared.goes_wrong(5), hopeless)
        });
        pause(ms).await;
        if refused {
            return JobOutcome::Later("come again".to_owned());
        }
        if hopeless {
            return JobOutcome::Hopeless("no such address".to_owned());
        }
        self.world.with(|shared| {
            shared.tell(|| format!("the mail of {} is there", job.id));
            let lease_ms = shared.leases.get(&(job.id, job.attempts)).copied();
            let story = shared.story(job.id);
            let is_late = lease_ms.is_some_and(|until_ms| until_ms < now_ms());
            if is_late && !story.stood_still {
                let what = format!("job {} is done after its lease", job.id);
                return shared.fail(JobCheck::InTime, what);
            }
            let story = shared.story(job.id);
            story.delivered += 1;
            story.excuses += u32::from(answer_lost);
            if story.delivered > 1 + story.excuses {
                let what = format!("job {} is done {} times", job.id, story.delivered);
                shared.fail(JobCheck::Once, what);
            }
        });
        pause(1).await;
        match answer_lost {
            true => JobOutcome::Unsure("no answer".to_owned()),
            false => JobOutcome::Done {
                quiet: Duration::ZERO,
            },
        }
    }
}

/// The node begins to live.
fn boot(world: &JobWorld, number: usize) {
    world.with(|shared| shared.nodes[number] = Some(0));
    let node = JobNode {
        world: world.clone(),
        number,
    };
    let other = JobNode {
        world: world.clone(),
        number,
    };
    let woken = world.with(|shared| shared.woken.clone());
    world.spawn(Some(number), async move {
        let end = CancellationToken::new();
        let sleep = |time: Duration| pause(time.as_millis() as u64);
        worker::run(&node, &other, &woken, sleep, &end).await;
    });
}

/// The node crashes, or stands still, and comes back.
async fn trouble(world: JobWorld, number: usize) {
    while now_ms() < FAULTS_MS {
        pause(world.with(|shared| shared.dice.between(2_000, 40_000))).await;
        let crashes = world.with(|shared| shared.dice.percent(50));
        if crashes {
            world.with(|shared| {
                shared.tell(|| format!("node {number} dies"));
                shared.nodes[number] = None;
                shared.excuse(number);
            });
            pause(world.with(|shared| shared.dice.between(100, 20_000))).await;
            boot(&world, number);
        } else {
            world.with(|shared| {
                let still_ms = shared.dice.between(100, 90_000);
                shared.nodes[number] = Some(now_ms() + still_ms);
                shared.excuse(number);
                shared.tell(|| format!("node {number} stands still for {still_ms} ms"));
            });
        }
    }
}

/// Requests that need a mail.
async fn requests(world: JobWorld) {
    let mut id = 0;
    while now_ms() < FAULTS_MS {
        pause(world.with(|shared| shared.dice.between(10, REQUEST_MS_MAX))).await;
        id += 1;
        world.with(|shared| {
            let is_hopeless = shared.dice.percent(10);
            shared.write(id, is_hopeless);
            // The node that wrote it wakes its own worker.
            if shared.dice.percent(50) {
                shared.woken.notify_one();
            }
        });
    }
}

/// Ends the run as soon as nothing waits any more.
async fn calm(world: JobWorld) {
    pause(FAULTS_MS + REQUEST_MS_MAX).await;
    while world.with(|shared| shared.table.values().any(|job| job.row != ModelRow::Review)) {
        pause(1_000).await;
    }
    world.with(|shared| shared.nodes.fill(None));
}

/// Many jobs at once, of which nobody tells the node, when there are no faults any more, nor answers that they delay.
async fn rush(world: JobWorld) {
    pause(2 * FAULTS_MS).await;
    world.with(|shared| (1..=RUSH).for_each(|id| shared.write(id, false)));
    pause(RUSH_MS_MAX).await;
    world.with(|shared| {
        if !shared.table.is_empty() {
            let what = format!("{} of {RUSH} jobs are left", shared.table.len());
            shared.fail(JobCheck::Rush, what);
        }
        shared.nodes.fill(None);
    });
}

fn run_rush(seed: u64, is_told: bool) -> Result<(), JobFault> {
    let world = JobWorld::new(Dice::new(seed), 1, is_told);
    boot(&world, 0);
    world.spawn(None, rush(world.clone()));
    play(&world)
}

/// Runs one seed to its end.
fn run(seed: u64, is_told: bool) -> Result<(), JobFault> {
    let mut dice = Dice::new(seed);
    let nodes = 1 + dice.below(3);
    let world = JobWorld::new(dice, nodes, is_told);
    for number in 0..nodes {
        boot(&world, number);
        world.spawn(None, trouble(world.clone(), number));
    }
    world.spawn(None, requests(world.clone()));
    world.spawn(None, calm(world.clone()));
    play(&world)?;
    world.with(|shared| {
        for (id, job) in &shared.table {
            // Of a mail that nobody answered for it is not known that it was taken.
            let story = &shared.stories[id];
            let is_unsure = story.delivered > 0 || story.hung || story.excuses > 0;
            let has_reason = job.is_hopeless || is_unsure;
            if job.row != ModelRow::Review || !has_reason {
                let check = match job.row {
                    ModelRow::Review => JobCheck::Review,
                    _ => JobCheck::Kept,
                };
                let what = format!("job {id} is {:?} at the end", job.row);
                return Err(JobFault { check, what });
            }
        }
        let mut stories = shared.stories.iter();
        let lost = stories.find(|(_, story)| match story.is_hopeless {
            true => !story.reviewed,
            false => story.delivered == 0 && !story.reviewed,
        });
        lost.map_or(Ok(()), |(id, story)| {
            Err(JobFault {
                check: JobCheck::Kept,
                what: format!("job {id} came to nothing: {story:?}"),
            })
        })
    })
}

#[test]
fn jobs_are_kept_until_they_are_done_and_done_once_where_nothing_is_lost() {
    let fault = match number("SEATCAST_SEED") {
        Some(seed) => try_run(run, seed, true).err(),
        None => {
            let seeds = number("SEATCAST_SEEDS").unwrap_or(SEEDS);
            find_fault(run, seeds, None, |_| true)
        }
    };
    if let Some(JobFault { check, what }) = fault {
        panic!("{check:?}: {what}");
    }
}

#[test]
fn a_rush_of_jobs_is_worked_off_at_once() {
    if let Some(JobFault { check, what }) = find_fault(run_rush, RUSH_SEEDS, None, |_| true) {
        panic!("{check:?}: {what}");
    }
    let mistake = Some(Mistake::LeaveTheRest);
    let caught = find_fault(run_rush, RUSH_SEEDS, mistake, |fault: &JobFault| {
        fault.check == JobCheck::Rush
    });
    assert!(caught.is_some(), "of {RUSH_SEEDS} seeds");
}

#[test]
fn every_mistake_with_jobs_is_caught_by_its_check() {
    for (mistake, check) in [
        (Mistake::SettleFirst, JobCheck::Kept),
        (Mistake::LoseSettling, JobCheck::Once),
        (Mistake::GiveUpEarly, JobCheck::Review),
        (Mistake::WorkOn, JobCheck::InTime),
    ] {
        let caught = find_fault(run, MISTAKE_SEEDS, Some(mistake), |fault: &JobFault| {
            fault.check == check
        });
        assert!(caught.is_some(), "{mistake:?}: of {MISTAKE_SEEDS} seeds");
    }
}
