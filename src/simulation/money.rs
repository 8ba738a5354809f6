//! Money in virtual time: from the hold to a sale that is paid, or to money that went back, with faults.
//!
//! The driver of attempts ([`drive`]), the rules it asks and the worker of jobs are the real ones. Modelled are the
//! database (bookings, attempts, refunds, jobs), the desk, the provider, its webhooks, and buyers. The database and the
//! provider answer late, refuse, or answer nothing although they did what they were asked; webhooks are lost, doubled, and
//! come in any order; nodes crash and come back.
//!
//! | check | promise |
//! |---|---|
//! | `Covered` | in the end all money that was taken belongs to a confirmed booking, went back, or waits for a person; what others gave back is written down once |
//! | `Paid` | in the end every confirmed booking is paid in full, once |
//! | `Sold` | money is taken only for what is sold to this attempt, and nothing is sold twice |
//! | `Told` | a webhook that was acknowledged leads to a look at once |
//! | `Ends` | no attempt is left without an end |
//! | `Survival` | nothing panics |
//!
//! Mistakes made on purpose, each caught by its check: `CaptureUnsold` (money is taken before the hold is sold),
//! `AckFirst` (a webhook is acknowledged and its effect is lost), `SellGone` (late money is given what others have),
//! `RefundTwice` (a refund is another one each time that its job runs).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::clockwork::{Failing, Scene, SimPart, find_fault, now_ms, pause, play, try_run};
use super::dice::Dice;
use super::mistake::Mistake;
use super::number;
use crate::desk::DeskError;
use crate::jobs::worker::{self, Hands, JobOutcome, JobTable, LEASE};
use crate::payments::drive::{Attempted, Driven, PaymentTable, Sales, Sold, drive};
use crate::payments::{Provider, ProviderError, Returned};
use crate::store::StoreError;
use crate::store::jobs::{Backlog, Settled, TakenJob};
use crate::store::payments::{Refund, RefundState};
use crate::ticketing::movement::{Going, Movements, Noted, ProviderRefund, Reserved, to_give_up};
use crate::ticketing::payment::{Attempt, Charge, ChargeStatus, PaymentState, ProviderName};
use crate::ticketing::record::{Booking, BookingStatus, Money};
use crate::ticketing::{BookingId, EventId, PaymentId, RefundId};

const SEEDS: u64 = 10_000;
/// Seeds among which each mistake has to be caught.
const MISTAKE_SEEDS: u64 = 2_000;
/// How long faults and buyers go on, and how long everything may take to settle after them.
const FAULTS_MS: u64 = 240_000;
const REST_MS: u64 = 3_600_000;
const LEASE_MS: u64 = LEASE.as_millis() as u64;
const HOLD_MS: u64 = 60_000;
const BUYER_MS_MAX: u64 = 8_000;
const PRICE: i64 = 1_500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MoneyCheck {
    Covered,
    Paid,
    Sold,
    Told,
    Ends,
    Survival,
}

#[derive(Debug)]
struct MoneyFault {
    check: MoneyCheck,
    what: String,
}

impl Failing for MoneyFault {
    fn panicked(what: String) -> MoneyFault {
        MoneyFault {
            check: MoneyCheck::Survival,
            what,
        }
    }

    fn of_seed(self, seed: u64) -> MoneyFault {
        MoneyFault {
            check: self.check,
            what: format!("{}\nSEATCAST_SEED={seed} replays it", self.what),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum JobKey {
    Payment(PaymentId),
    Refund(RefundId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Waiting { at_ms: u64 },
    Leased { until_ms: u64 },
    Done,
}

#[derive(Debug)]
struct ModelJob {
    row: Row,
    attempts: i32,
    failures: i32,
    rung: bool,
}

/// A charge in the provider's books.
#[derive(Debug, Clone)]
struct ModelCharge {
    status: ChargeStatus,
    booking: BookingId,
    amount: i64,
    captured: i64,
    refunds: BTreeMap<String, i64>,
    /// It takes money without being asked to.
    is_at_once: bool,
}

impl ModelCharge {
    fn refunded(&self) -> i64 {
        self.refunds.values().sum()
    }
}

struct MoneyShared {
    dice: Dice,
    stock: i64,
    bookings: BTreeMap<BookingId, Booking>,
    attempts: BTreeMap<PaymentId, Attempt>,
    refunds: BTreeMap<RefundId, Refund>,
    jobs: BTreeMap<JobKey, ModelJob>,
    keys: BTreeMap<i64, JobKey>,
    charges: BTreeMap<PaymentId, ModelCharge>,
    /// Refunds that were made at the provider, as far as they were written down.
    noted: BTreeMap<String, (PaymentId, i64)>,
    heard: BTreeSet<u64>,
    events: u64,
    nodes: Vec<Option<u64>>,
    woken: Arc<Notify>,
    born: Vec<SimPart>,
    fault: Option<MoneyFault>,
    is_told: bool,
    count: u128,
}

#[derive(Clone)]
struct MoneyWorld(Arc<Mutex<MoneyShared>>);

fn at(ms: u64) -> Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap_or(Timestamp::MAX)
}

fn euros(amount: i64) -> Money {
    Money {
        amount,
        currency: "EUR".to_owned(),
    }
}

impl MoneyWorld {
    fn with<T>(&self, work: impl FnOnce(&mut MoneyShared) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn spawn(&self, node: Option<usize>, work: impl Future<Output = ()> + Send + 'static) {
        let part = SimPart::new(node, work);
        self.with(|shared| shared.born.push(part));
    }

    /// A way to somebody else and back. While there are faults it may fail before its work, or after it.
    async fn reach<T, E>(
        &self,
        percent: u64,
        lost: impl Fn() -> E + Send,
        work: impl FnOnce(&mut MoneyShared) -> T + Send,
    ) -> Result<T, E> {
        let (there, back) = self.with(|shared| (shared.travel(), shared.travel()));
        pause(there).await;
        if self.with(|shared| shared.goes_wrong(percent)) {
            return Err(lost());
        }
        let answer = self.with(work);
        pause(back).await;
        match self.with(|shared| shared.goes_wrong(percent)) {
            true => Err(lost()),
            false => Ok(answer),
        }
    }

    async fn store<T>(
        &self,
        work: impl FnOnce(&mut MoneyShared) -> T + Send,
    ) -> Result<T, StoreError> {
        let lost = || StoreError::Unavailable("the connection is lost".into());
        self.reach(3, lost, work).await
    }

    async fn provider<T>(
        &self,
        work: impl FnOnce(&mut MoneyShared) -> Result<T, ProviderError> + Send,
    ) -> Result<T, ProviderError> {
        let lost = || ProviderError::Unanswered("nothing came back".to_owned());
        self.reach(10, lost, work).await?
    }
}

impl MoneyShared {
    fn travel(&mut self) -> u64 {
        if self.goes_wrong(1) && self.dice.percent(10) {
            return self.dice.between(1_000, 20_000);
        }
        match self.dice.percent(5) {
            true => self.dice.between(50, 900),
            false => self.dice.between(1, 8),
        }
    }

    fn goes_wrong(&mut self, percent: u64) -> bool {
        self.dice.percent(percent) && now_ms() < FAULTS_MS
    }

    fn fail(&mut self, check: MoneyCheck, what: String) {
        let what = format!("at {} ms: {what}", now_ms());
        self.fault.get_or_insert(MoneyFault { check, what });
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{:>7} {}", now_ms(), what());
        }
    }

    fn id(&mut self) -> Uuid {
        self.count += 1;
        Uuid::from_u128(self.count)
    }

    /// Tickets that nobody holds or has.
    fn left(&self) -> i64 {
        let taken = self.bookings.values().filter(|booking| {
            matches!(
                booking.status,
                BookingStatus::Pending | BookingStatus::Confirmed
            )
        });
        self.stock - taken.map(|booking| booking.quantity).sum::<i64>()
    }

    fn ring(&mut self, key: JobKey, after_ms: u64) {
        let at_ms = now_ms() + after_ms;
        let count = self.keys.len() as i64;
        let job = self.jobs.entry(key).or_insert_with(|| {
            self.keys.insert(count, key);
            ModelJob {
                row: Row::Waiting { at_ms },
                attempts: 0,
                failures: 0,
                rung: false,
            }
        });
        job.failures = 0;
        job.row = match job.row {
            Row::Leased { until_ms } => {
                job.rung |= after_ms == 0;
                Row::Leased { until_ms }
            }
            Row::Waiting { at_ms: before } => Row::Waiting {
                at_ms: before.min(at_ms),
            },
            Row::Done => Row::Waiting { at_ms },
        };
        if self.dice.percent(50) {
            self.woken.notify_one();
        }
    }

    /// The provider has something to tell.
    fn told(&mut self, world: &MoneyWorld, id: PaymentId) {
        self.events += 1;
        let event = self.events;
        let times = match self.dice.below(10) {
            0 => 0,
            1 | 2 => 2,
            _ => 1,
        };
        for _ in 0..times {
            let delay_ms = match self.dice.percent(15) {
                true => self.dice.between(10_000, 300_000),
                false => self.dice.between(1, 2_000),
            };
            let part = SimPart::new(None, deliver(world.clone(), id, event, delay_ms));
            self.born.push(part);
        }
    }
}

/// Until it is acknowledged.
async fn deliver(world: MoneyWorld, id: PaymentId, event: u64, delay_ms: u64) {
    pause(delay_ms).await;
    loop {
        let heard = world.store(|shared| {
            if !shared.heard.insert(event) {
                return;
            }
            if !mistaken!(AckFirst) {
                shared.ring(JobKey::Payment(id), 0);
            }
            let is_live = shared
                .attempts
                .get(&id)
                .is_some_and(|of| of.state.is_live());
            let job = shared.jobs.get(&JobKey::Payment(id));
            let is_due = job.is_some_and(|job| match job.row {
                Row::Waiting { at_ms } => at_ms <= now_ms(),
                Row::Leased { .. } => job.rung,
                Row::Done => false,
            });
            if is_live && !is_due {
                shared.fail(
                    MoneyCheck::Told,
                    format!("event {event} of {id} has no effect"),
                );
            }
        });
        if heard.await.is_ok() {
            return;
        }
        pause(1_000).await;
    }
}

impl Scene for MoneyWorld {
    type Fault = MoneyFault;
    const END_MS: u64 = FAULTS_MS + REST_MS;

    fn born(&self) -> Vec<SimPart> {
        self.with(|shared| std::mem::take(&mut shared.born))
    }

    fn of_node(&self, node: usize) -> Option<u64> {
        self.with(|shared| shared.nodes[node])
    }

    fn fault(&self) -> Option<MoneyFault> {
        self.with(|shared| shared.fault.take())
    }
}

impl PaymentTable for MoneyWorld {
    async fn attempt(&self, id: PaymentId) -> Result<Option<Attempted>, StoreError> {
        self.store(|shared| {
            let attempt = shared.attempts.get(&id)?.clone();
            let booking = shared.bookings.get(&attempt.booking_id)?.clone();
            Some(Attempted {
                attempt,
                booking,
                now: at(now_ms()),
            })
        })
        .await
    }

    async fn heard(&self, of: &Attempt, charge: &Charge) -> Result<(), StoreError> {
        self.store(|shared| {
            let Some(attempt) = shared.attempts.get_mut(&of.id) else {
                return;
            };
            if attempt.state.is_live() {
                attempt.provider_ref = Some(charge.provider_ref.clone());
                if charge.status != ChargeStatus::Canceled {
                    attempt.state = charge.status.state();
                }
            }
        })
        .await
    }

    async fn settle(
        &self,
        of: &Attempt,
        charge: &Charge,
        _booking: &Booking,
        gives_back: bool,
    ) -> Result<(), StoreError> {
        self.store(|shared| {
            let Some(attempt) = shared.attempts.get_mut(&of.id) else {
                return;
            };
            if !attempt.state.is_live() {
                return;
            }
            attempt.state = PaymentState::Captured;
            attempt.captured_amount = charge.captured_amount;
            if !gives_back {
                return;
            }
            attempt.refunded_amount = charge.captured_amount;
            let refund = Refund {
                id: RefundId(of.id.0),
                payment_id: of.id,
                booking_id: of.booking_id,
                event_id: of.event_id,
                amount: charge.captured_amount,
                currency: "EUR".to_owned(),
                reason: "late".to_owned(),
                tickets: None,
                state: RefundState::Requested,
                provider_ref: None,
                failure: None,
                created_at: at(now_ms()),
            };
            let key = JobKey::Refund(refund.id);
            shared.refunds.insert(refund.id, refund);
            shared.ring(key, 0);
        })
        .await
    }

    async fn end(
        &self,
        of: &Attempt,
        state: PaymentState,
        _reason: Option<&str>,
    ) -> Result<(), StoreError> {
        self.store(|shared| {
            let attempt = shared.attempts.get_mut(&of.id);
            if let Some(attempt) = attempt.filter(|attempt| attempt.state.is_live()) {
                attempt.state = state;
            }
        })
        .await
    }

    async fn moved(&self, of: &Attempt, seen: &Movements) -> Result<Noted, StoreError> {
        self.store(|shared| {
            let ours = |refund: &Refund| refund.payment_id == of.id;
            let mut noted = Noted::All;
            for refund in seen.refunds.iter().filter(|refund| refund.ours.is_none()) {
                if shared.noted.contains_key(&refund.provider_ref) {
                    continue;
                }
                let of_ours = shared.refunds.values().filter(|refund| ours(refund));
                let of_ours = of_ours.filter(|refund| refund.state != RefundState::Failed);
                let mut reserved: Vec<Reserved> = of_ours
                    .map(|refund| Reserved {
                        id: refund.id,
                        amount: refund.amount,
                        is_open: refund.state != RefundState::Succeeded,
                    })
                    .collect();
                let of_others = shared.noted.values().filter(|(id, _)| *id == of.id);
                reserved.extend(of_others.map(|(_, amount)| Reserved {
                    id: RefundId(Uuid::nil()),
                    amount: *amount,
                    is_open: false,
                }));
                let captured = of.captured_amount;
                let given_up = to_give_up(refund.amount, captured, &reserved, &seen.refunds);
                let Some(given_up) = given_up else {
                    noted = Noted::Waits;
                    continue;
                };
                for id in given_up {
                    if let Some(refund) = shared.refunds.get_mut(&id) {
                        refund.state = RefundState::Failed;
                    }
                }
                let known = (of.id, refund.amount);
                shared.noted.insert(refund.provider_ref.clone(), known);
            }
            noted
        })
        .await
    }
}

impl Sales for MoneyWorld {
    async fn sell(&self, of: &Attempt, booking: &Booking) -> Result<Sold, DeskError> {
        let quantity = booking.quantity;
        let sold = self.reach(
            3,
            || DeskError::Unavailable,
            |shared| {
                let left = shared.left();
                let Some(booking) = shared.bookings.get_mut(&of.booking_id) else {
                    return Sold::Refused;
                };
                match booking.status {
                    BookingStatus::Pending => {}
                    BookingStatus::Expired if left >= quantity || mistaken!(SellGone) => {}
                    BookingStatus::Confirmed if booking.payment_id == Some(of.id) => {
                        return Sold::Now;
                    }
                    _ => return Sold::Refused,
                }
                booking.status = BookingStatus::Confirmed;
                booking.payment_id = Some(of.id);
                let id = booking.id;
                shared.tell(|| format!("{id} is sold to {}", of.id));
                if shared.left() < 0 {
                    shared.fail(MoneyCheck::Sold, format!("{id} is sold what others have"));
                }
                Sold::Now
            },
        );
        sold.await
    }

    async fn hold(&self, of: &Attempt, until: Timestamp) -> Result<(), DeskError> {
        let held = self.reach(
            3,
            || DeskError::Unavailable,
            |shared| {
                let booking = shared.bookings.get_mut(&of.booking_id);
                let pending = |booking: &&mut Booking| booking.status == BookingStatus::Pending;
                if let Some(booking) = booking.filter(pending) {
                    booking.expires_at = booking.expires_at.max(Some(until));
                    booking.processing_since = booking.processing_since.or(Some(at(now_ms())));
                }
            },
        );
        held.await
    }
}

fn charge_of(id: PaymentId, charge: &ModelCharge) -> Charge {
    Charge {
        provider_ref: format!("pi_{id}"),
        status: charge.status,
        amount: charge.amount,
        currency: "EUR".to_owned(),
        attempt: Some(id),
        captured_amount: charge.captured,
        fee_amount: 0,
        method: None,
        client_secret: None,
        redirect_url: None,
        failure: None,
        has_moved: false,
    }
}

fn refused(why: &str) -> ProviderError {
    ProviderError::Refused(why.to_owned())
}

impl Provider for MoneyWorld {
    async fn start(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        self.provider(|shared| {
            let is_at_once = shared.dice.percent(30);
            let charge = shared.charges.entry(of.id).or_insert(ModelCharge {
                status: ChargeStatus::Open,
                booking: of.booking_id,
                amount: of.amount.amount,
                captured: 0,
                refunds: BTreeMap::new(),
                is_at_once,
            });
            Ok(charge_of(of.id, charge))
        })
        .await
    }

    async fn look(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        self.provider(|shared| {
            let charge = shared
                .charges
                .get(&of.id)
                .ok_or_else(|| refused("no such"))?;
            Ok(charge_of(of.id, charge))
        })
        .await
    }

    async fn capture(&self, of: &Attempt) -> Result<(), ProviderError> {
        let world = self.clone();
        self.provider(move |shared| {
            let booking = shared.bookings.get(&of.booking_id);
            let is_sold = booking.is_some_and(|booking| {
                booking.status == BookingStatus::Confirmed && booking.payment_id == Some(of.id)
            });
            let charge = shared
                .charges
                .get_mut(&of.id)
                .ok_or_else(|| refused("no such"))?;
            if charge.status != ChargeStatus::Authorized {
                return Err(refused("unexpected state"));
            }
            charge.status = ChargeStatus::Captured;
            charge.captured = charge.amount;
            if !is_sold {
                shared.fail(
                    MoneyCheck::Sold,
                    format!("{} is captured for nothing", of.id),
                );
            }
            shared.told(&world, of.id);
            Ok(())
        })
        .await
    }

    async fn cancel(&self, of: &Attempt) -> Result<(), ProviderError> {
        let world = self.clone();
        self.provider(move |shared| {
            let charge = shared
                .charges
                .get_mut(&of.id)
                .ok_or_else(|| refused("no such"))?;
            match charge.status {
                ChargeStatus::Open | ChargeStatus::Authorized => {}
                _ => return Err(refused("unexpected state")),
            }
            charge.status = ChargeStatus::Canceled;
            shared.told(&world, of.id);
            Ok(())
        })
        .await
    }

    async fn refund(&self, of: &Attempt, refund: &Refund) -> Result<Returned, ProviderError> {
        self.provider(|shared| {
            let nth = shared.events;
            let charge = shared
                .charges
                .get_mut(&of.id)
                .ok_or_else(|| refused("no such"))?;
            let key = match mistaken!(RefundTwice) {
                true => format!("{}-{nth}-{}", refund.id, charge.refunds.len()),
                false => refund.id.to_string(),
            };
            let of_others = charge.refunds.keys().any(|key| is_foreign(key));
            if of_others
                && !charge.refunds.contains_key(&key)
                && charge.refunded() + refund.amount > charge.captured
            {
                return Err(refused("more than is left"));
            }
            charge.refunds.insert(key, refund.amount);
            if charge.refunded() > charge.captured {
                let what = format!("more went back of {} than came", of.id);
                shared.fail(MoneyCheck::Covered, what);
            }
            let provider_ref = format!("re_{}", refund.id);
            Ok(Returned::Done { provider_ref })
        })
        .await
    }

    async fn movements(&self, of: &Attempt) -> Result<Movements, ProviderError> {
        self.provider(|shared| {
            let charge = shared
                .charges
                .get(&of.id)
                .ok_or_else(|| refused("no such"))?;
            let refunds = charge.refunds.iter().map(|(key, amount)| ProviderRefund {
                provider_ref: format!("re_{key}"),
                ours: key.parse().ok(),
                amount: *amount,
                state: Going::Done,
            });
            Ok(Movements {
                refunds: refunds.collect(),
                disputes: Vec::new(),
            })
        })
        .await
    }
}

/// A node's way to the table of jobs, and its hands.
struct MoneyNode {
    world: MoneyWorld,
}

impl JobTable for MoneyNode {
    async fn take(&self, jobs_max: usize) -> Result<Vec<TakenJob>, StoreError> {
        let taken = self.world.store(|shared| {
            let mut taken = Vec::new();
            for (id, key) in &shared.keys {
                let Some(job) = shared.jobs.get_mut(key) else {
                    continue;
                };
                let is_due = matches!(job.row, Row::Waiting { at_ms } if at_ms <= now_ms());
                if is_due && taken.len() < jobs_max {
                    let until_ms = now_ms() + LEASE_MS;
                    job.row = Row::Leased { until_ms };
                    job.attempts += 1;
                    taken.push(taken_job(*id, job));
                }
            }
            taken
        });
        taken.await
    }

    async fn settle(&self, taken: &TakenJob, settled: &Settled) -> Result<bool, StoreError> {
        let settling = self.world.store(|shared| {
            let key = shared.keys.get(&taken.id);
            let Some(job) = key.and_then(|key| shared.jobs.get_mut(key)) else {
                return false;
            };
            if job.attempts != taken.attempts || !matches!(job.row, Row::Leased { .. }) {
                return false;
            }
            let after = match settled {
                _ if std::mem::take(&mut job.rung) => Some(Duration::ZERO),
                Settled::Done { .. } | Settled::Review { .. } => None,
                Settled::Again { after, .. } => {
                    job.failures += 1;
                    Some(*after)
                }
                Settled::GoesOn { after, .. } => {
                    job.failures = 0;
                    Some(*after)
                }
            };
            job.row = match after {
                None => Row::Done,
                Some(after) => Row::Waiting {
                    at_ms: now_ms() + after.as_millis() as u64,
                },
            };
            true
        });
        settling.await
    }

    async fn renew(&self, taken: &TakenJob) -> Result<bool, StoreError> {
        let renewed = self.world.store(|shared| {
            let key = shared.keys.get(&taken.id);
            let job = key.and_then(|key| shared.jobs.get_mut(key));
            match job.filter(|job| job.attempts == taken.attempts) {
                Some(ModelJob {
                    row: Row::Leased { until_ms },
                    ..
                }) => {
                    *until_ms = now_ms() + LEASE_MS;
                    true
                }
                _ => false,
            }
        });
        renewed.await
    }

    async fn tidy(&self) -> Result<Backlog, StoreError> {
        let tidied = self.world.store(|shared| {
            for job in shared.jobs.values_mut() {
                if matches!(job.row, Row::Leased { until_ms } if until_ms < now_ms()) {
                    job.row = Row::Waiting { at_ms: now_ms() };
                    job.rung = false;
                }
            }
        });
        tidied.await.map(|()| Backlog::default())
    }
}

fn taken_job(id: i64, job: &ModelJob) -> TakenJob {
    TakenJob {
        id,
        kind: "payment".to_owned(),
        key: format!("payment-{id}"),
        payload: Value::Null,
        progress: Value::Null,
        attempts: job.attempts,
        failures: job.failures,
        times: 1,
        is_expired: false,
        taken_at: at(now_ms()),
    }
}

impl Hands for MoneyNode {
    async fn carry_out(&self, job: &TakenJob) -> JobOutcome {
        let world = &self.world;
        let key = world.with(|shared| shared.keys.get(&job.id).copied());
        let driven = match key {
            Some(JobKey::Payment(id)) => drive(world, world, world, id).await,
            Some(JobKey::Refund(id)) => give_back(world, id).await,
            None => Driven::Done,
        };
        world.with(|shared| shared.tell(|| format!("{key:?}: {driven:?}")));
        match driven {
            Driven::Done => JobOutcome::Done {
                quiet: Duration::ZERO,
            },
            Driven::Waits { after } => JobOutcome::GoesOn {
                after,
                progress: Value::Bool(true),
            },
            Driven::Later(why) => JobOutcome::Later(why),
        }
    }
}

/// As `payments::refunds` does for a refund without tickets.
async fn give_back(world: &MoneyWorld, id: RefundId) -> Driven {
    let found = world.store(|shared| {
        let refund = shared.refunds.get(&id).cloned();
        refund.and_then(|refund| Some((shared.attempts.get(&refund.payment_id)?.clone(), refund)))
    });
    let (attempt, refund) = match found.await {
        Ok(Some(found)) => found,
        Ok(None) => return Driven::Done,
        Err(error) => return Driven::Later(error.to_string()),
    };
    if !refund.state.is_open() {
        return Driven::Done;
    }
    if let Err(error) = world.refund(&attempt, &refund).await {
        return Driven::Later(error.to_string());
    }
    let settled = world.store(|shared| {
        if let Some(refund) = shared.refunds.get_mut(&id) {
            refund.state = RefundState::Succeeded;
        }
    });
    match settled.await {
        Ok(()) => Driven::Done,
        Err(error) => Driven::Later(error.to_string()),
    }
}

fn boot(world: &MoneyWorld, number: usize) {
    world.with(|shared| shared.nodes[number] = Some(0));
    let [table, hands] = [(); 2].map(|()| MoneyNode {
        world: world.clone(),
    });
    let woken = world.with(|shared| shared.woken.clone());
    world.spawn(Some(number), async move {
        let end = CancellationToken::new();
        let sleep = |time: Duration| pause(time.as_millis() as u64);
        worker::run(&table, &hands, &woken, sleep, &end).await;
    });
}

/// The node crashes, and comes back.
async fn trouble(world: MoneyWorld, number: usize) {
    while now_ms() < FAULTS_MS {
        pause(world.with(|shared| shared.dice.between(5_000, 60_000))).await;
        world.with(|shared| {
            shared.tell(|| format!("node {number} dies"));
            shared.nodes[number] = None;
        });
        pause(world.with(|shared| shared.dice.between(100, 20_000))).await;
        boot(&world, number);
    }
}

/// Ends holds at their deadline.
async fn sweep(world: MoneyWorld) {
    loop {
        pause(500).await;
        world.with(|shared| {
            for booking in shared.bookings.values_mut() {
                let is_over = booking
                    .expires_at
                    .is_some_and(|deadline| deadline <= at(now_ms()));
                if booking.status == BookingStatus::Pending && is_over {
                    booking.status = BookingStatus::Expired;
                }
            }
        });
    }
}

async fn buyers(world: MoneyWorld) {
    while now_ms() < FAULTS_MS {
        pause(world.with(|shared| shared.dice.between(10, BUYER_MS_MAX))).await;
        world.spawn(None, buyer(world.clone()));
    }
}

/// Holds, begins to pay, and does with the card whatever people do.
async fn buyer(world: MoneyWorld) {
    let began = world.with(|shared| {
        let quantity = shared.dice.between(1, 3) as i64;
        if shared.left() < quantity {
            return None;
        }
        let (booking, payment) = (BookingId(shared.id()), PaymentId(shared.id()));
        let made = pending(booking, quantity);
        let attempt = Attempt {
            id: payment,
            booking_id: booking,
            event_id: EventId(1),
            provider: ProviderName::Stripe,
            method: None,
            state: PaymentState::Creating,
            amount: made.total.clone(),
            provider_ref: None,
            client_secret: None,
            redirect_url: None,
            return_url: None,
            pay_by: None,
            captured_amount: 0,
            refunded_amount: 0,
            fee_amount: 0,
            failure: None,
            created_at: at(now_ms()),
        };
        shared.bookings.insert(booking, made);
        shared.attempts.insert(payment, attempt.clone());
        // The job that goes on with it is written along.
        shared.ring(JobKey::Payment(payment), 60_000);
        Some(attempt)
    });
    let Some(attempt) = began else {
        return;
    };
    // As the request does, whose node may die at any point.
    let started = world.start(&attempt).await;
    if let Ok(charge) = &started
        && world.with(|shared| shared.dice.percent(80))
    {
        let _ = world.heard(&attempt, charge).await;
    }
    let does = world.with(|shared| shared.dice.below(10));
    // Some come back to their page after the deadline.
    let wait_ms = world.with(|shared| match shared.dice.percent(30) {
        true => shared.dice.between(50_000, 120_000),
        false => shared.dice.between(500, 20_000),
    });
    pause(wait_ms).await;
    match does {
        0 => world.with(|shared| {
            // Given back, perhaps while the card is on its way.
            let booking = shared.bookings.get_mut(&attempt.booking_id);
            let held = |booking: &&mut Booking| booking.status == BookingStatus::Pending;
            if let Some(booking) = booking.filter(held) {
                booking.status = BookingStatus::Cancelled;
            }
        }),
        1 => return,
        2 | 3 => {
            pay(&world, attempt.id, ChargeStatus::Processing);
            pause(world.with(|shared| shared.dice.between(1_000, 90_000))).await;
            if world.with(|shared| shared.dice.percent(30)) {
                fail(&world, attempt.id);
                return;
            }
        }
        _ => {}
    }
    pay(&world, attempt.id, ChargeStatus::Authorized);
    if world.with(|shared| shared.dice.percent(20)) {
        pause(world.with(|shared| shared.dice.between(1_000, 60_000))).await;
        give_back_there(&world, attempt.id);
    }
}

/// The buyer's card is taken: by the provider, without us.
fn pay(world: &MoneyWorld, id: PaymentId, status: ChargeStatus) {
    world.with(|shared| {
        let Some(charge) = shared.charges.get_mut(&id) else {
            return;
        };
        match charge.status {
            ChargeStatus::Open | ChargeStatus::Processing => {}
            _ => return,
        }
        charge.status = status;
        if charge.is_at_once && status == ChargeStatus::Authorized {
            charge.status = ChargeStatus::Captured;
            charge.captured = charge.amount;
        }
        let said = format!("{} of {id} for {}", charge.amount, charge.booking);
        shared.tell(|| format!("{status:?}: {said}"));
        shared.told(world, id);
    });
}

/// The card that was worked on is refused.
fn fail(world: &MoneyWorld, id: PaymentId) {
    world.with(|shared| {
        let charge = shared.charges.get_mut(&id);
        let working = |charge: &&mut ModelCharge| charge.status == ChargeStatus::Processing;
        if let Some(charge) = charge.filter(working) {
            charge.status = ChargeStatus::Open;
            shared.told(world, id);
        }
    });
}

fn pending(id: BookingId, quantity: i64) -> Booking {
    let whole = serde_json::json!({
        "id": id, "version": 1, "reference": "BK-7F3K9Q", "event_id": 1, "user_id": null, "status": "pending",
        "quantity": quantity, "total": euros(quantity * PRICE), "items": [], "tickets": [], "lines": [],
        "expires_at": at(now_ms() + HOLD_MS), "created_at": at(now_ms()), "confirmed_at": null, "cancel_reason": null,
    });
    serde_json::from_value(whole).unwrap_or_else(|error| panic!("a booking: {error}"))
}

/// Ends the run as soon as nothing is left to do.
fn is_foreign(key: &str) -> bool {
    key.starts_with("foreign")
}

/// Somebody gives money back at the provider's own page.
fn give_back_there(world: &MoneyWorld, id: PaymentId) {
    world.with(|shared| {
        let (count, part) = (shared.events, shared.dice.percent(50));
        let Some(charge) = shared.charges.get_mut(&id) else {
            return;
        };
        let left = charge.captured - charge.refunded();
        let amount = if part { left / 2 } else { left };
        // Later nobody may look any more.
        if amount > 0 && now_ms() < FAULTS_MS {
            charge.refunds.insert(format!("foreign-{count}"), amount);
            shared.tell(|| format!("{amount} of {id} is given back by others"));
            shared.told(world, id);
        }
    });
}

/// Payments of which others gave money back that is not written down.
fn unnoted(shared: &MoneyShared) -> Vec<PaymentId> {
    let is_unnoted =
        |key: &String| is_foreign(key) && !shared.noted.contains_key(&format!("re_{key}"));
    let charges = shared.charges.iter();
    charges
        .filter(|(_, charge)| charge.refunds.keys().any(is_unnoted))
        .map(|(id, _)| *id)
        .collect()
}

async fn calm(world: MoneyWorld) {
    pause(FAULTS_MS + BUYER_MS_MAX).await;
    let busy = |shared: &mut MoneyShared| {
        // As the job that asks for events which did not come.
        let unnoted = unnoted(shared);
        for id in &unnoted {
            shared.ring(JobKey::Payment(*id), 0);
        }
        !unnoted.is_empty() || shared.jobs.values().any(|job| job.row != Row::Done)
    };
    while world.with(busy) {
        pause(1_000).await;
    }
    world.with(|shared| shared.nodes.fill(None));
}

fn run(seed: u64, is_told: bool) -> Result<(), MoneyFault> {
    let mut dice = Dice::new(seed);
    let nodes = 1 + dice.below(2);
    let stock = dice.between(2, 12) as i64;
    let world = MoneyWorld(Arc::new(Mutex::new(MoneyShared {
        dice,
        stock,
        bookings: BTreeMap::new(),
        attempts: BTreeMap::new(),
        refunds: BTreeMap::new(),
        jobs: BTreeMap::new(),
        keys: BTreeMap::new(),
        charges: BTreeMap::new(),
        noted: BTreeMap::new(),
        heard: BTreeSet::new(),
        events: 0,
        nodes: vec![None; nodes],
        woken: Arc::default(),
        born: Vec::new(),
        fault: None,
        is_told,
        count: 0,
    })));
    for number in 0..nodes {
        boot(&world, number);
        world.spawn(None, trouble(world.clone(), number));
    }
    world.spawn(None, buyers(world.clone()));
    world.spawn(None, sweep(world.clone()));
    world.spawn(None, calm(world.clone()));
    play(&world)?;
    world.with(|shared| closing(shared))
}

/// The books at the end.
fn closing(shared: &MoneyShared) -> Result<(), MoneyFault> {
    let fault = |check, what| Err(MoneyFault { check, what });
    for attempt in shared.attempts.values() {
        if attempt.state.is_live() {
            return fault(MoneyCheck::Ends, format!("{attempt:?} has no end"));
        }
    }
    for (id, charge) in &shared.charges {
        let booking = &shared.bookings[&charge.booking];
        let is_for_this =
            booking.status == BookingStatus::Confirmed && booking.payment_id == Some(*id);
        let kept = charge.captured - charge.refunded();
        let expected = if is_for_this { charge.amount } else { 0 };
        let of_others = charge.refunds.iter().filter(|(key, _)| is_foreign(key));
        let of_others: i64 = of_others.map(|(_, amount)| amount).sum();
        let noted = shared.noted.values().filter(|(of, _)| of == id);
        if of_others != noted.map(|(_, amount)| amount).sum::<i64>() {
            let what = format!("what others gave back of {id} is not written down: {charge:?}");
            return fault(MoneyCheck::Covered, what);
        }
        // Then a person has to decide.
        let waits = shared.attempts[id].state == PaymentState::NeedsReview || of_others > 0;
        if kept != expected && !waits {
            return fault(
                MoneyCheck::Covered,
                format!("{kept} kept of {id}: {charge:?} for {booking:?}"),
            );
        }
    }
    for booking in shared.bookings.values() {
        let paid = booking.payment_id.and_then(|id| shared.charges.get(&id));
        let is_paid = paid.is_some_and(|charge| charge.captured == booking.total.amount);
        if booking.status == BookingStatus::Confirmed && !is_paid {
            return fault(MoneyCheck::Paid, format!("{booking:?} is not paid"));
        }
    }
    Ok(())
}

#[test]
fn money_ends_in_a_sale_or_goes_back_whatever_dies() {
    let fault = match number("SEATCAST_SEED") {
        Some(seed) => try_run(run, seed, true).err(),
        None => {
            let seeds = number("SEATCAST_SEEDS").unwrap_or(SEEDS);
            find_fault(run, seeds, None, |_| true)
        }
    };
    if let Some(MoneyFault { check, what }) = fault {
        panic!("{check:?}: {what}");
    }
}

#[test]
fn every_mistake_with_money_is_caught_by_its_check() {
    for (mistake, check) in [
        (Mistake::CaptureUnsold, MoneyCheck::Sold),
        (Mistake::AckFirst, MoneyCheck::Told),
        (Mistake::SellGone, MoneyCheck::Sold),
        (Mistake::RefundTwice, MoneyCheck::Covered),
    ] {
        let caught = find_fault(run, MISTAKE_SEEDS, Some(mistake), |fault: &MoneyFault| {
            fault.check == check
        });
        assert!(caught.is_some(), "{mistake:?}: of {MISTAKE_SEEDS} seeds");
    }
}
