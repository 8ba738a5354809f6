//! The state of a run: the database's rows, the provider's books, and the ways between them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

use super::super::clockwork::{Scene, SimPart, now_ms, pause};
use super::super::dice::Dice;
use super::bank::SimCharge;
use super::{EVENT, FAULTS_MS, LATER_MS, MoneyCheck, MoneyFault, REST_MS, TYPE};
use crate::desk::{Change, jobs};
use crate::payments::ProviderError;
use crate::store::StoreError;
use crate::store::jobs::{QueuedJob, TakenJob};
use crate::store::refunds::Refund;
use crate::ticketing::live::EventStatus;
use crate::ticketing::payment::Attempt;
use crate::ticketing::price::PriceTerms;
use crate::ticketing::record::{BookingStatus, Money, Ticket, TicketStatus};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::{Claim, ClaimState, EventTerms, Pool, Proof, Stock, TicketTypeTerms};
use crate::ticketing::transition::{Moved, Standing, Transition, decide};
use crate::ticketing::{
    BookingId, ClaimId, PaymentId, PoolId, PushSubscriptionId, RefundId, TransferId, UserId,
};

pub(super) const PRICE: i64 = 1_500;
const ROOT: PoolId = PoolId(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SimJobRow {
    Waiting { at_ms: u64 },
    Leased { until_ms: u64 },
    Done,
    Review,
}

#[derive(Debug)]
pub(super) struct SimJob {
    pub(super) kind: &'static str,
    pub(super) key: String,
    pub(super) payload: Value,
    pub(super) row: SimJobRow,
    pub(super) attempts: i32,
    pub(super) failures: i32,
    pub(super) rung: bool,
    /// When the attempt that is under way was begun.
    pub(super) taken_ms: u64,
    /// The node that is at it.
    pub(super) at_work: Option<usize>,
    /// Mails of it that arrived, and reasons why one more may.
    pub(super) delivered: u32,
    pub(super) excuses: u32,
    /// The mail server refused it for good, or did not say what it did, so often.
    pub(super) refused: bool,
    pub(super) unanswered: u32,
}

/// A booking, and what is needed to judge its mails.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub(super) standing: Standing,
    /// When its buyer began to pay.
    pub(super) begun_ms: Option<u64>,
    /// When it was cancelled or given back.
    pub(super) undone_ms: Option<u64>,
    /// When it was not held any more.
    pub(super) over_ms: Option<u64>,
    pub(super) is_cancelled_by_staff: bool,
    pub(super) was_confirmed: bool,
}

/// A ticket that is handed on.
#[derive(Debug, Clone)]
pub(super) struct Handed {
    pub(super) booking: BookingId,
    pub(super) code: String,
    pub(super) is_accepted: bool,
    /// When the offer was accepted or withdrawn.
    pub(super) closed_ms: Option<u64>,
}

pub(super) struct MoneyShared {
    pub(super) dice: Dice,
    pub(super) stock: i64,
    pub(super) sales: BTreeMap<BookingId, Sale>,
    pub(super) attempts: BTreeMap<PaymentId, Attempt>,
    pub(super) refunds: BTreeMap<RefundId, Refund>,
    pub(super) refund_keys: BTreeMap<String, RefundId>,
    pub(super) handed: BTreeMap<TransferId, Handed>,
    /// Holds whose buyers are to be told before they end, and those of which nothing is to be told any more.
    pub(super) pushes: BTreeMap<PushSubscriptionId, BookingId>,
    pub(super) told: BTreeMap<PushSubscriptionId, BookingId>,
    pub(super) jobs: BTreeMap<i64, SimJob>,
    pub(super) job_ids: BTreeMap<String, i64>,
    pub(super) charges: BTreeMap<PaymentId, SimCharge>,
    /// Names of accounts at the provider, as our rows have them.
    pub(super) customers: BTreeMap<UserId, String>,
    /// Customers that the provider has; `false`: it lost them.
    pub(super) customers_there: BTreeMap<String, bool>,
    /// Refunds that were made at the provider, as far as they were written down.
    pub(super) noted: BTreeMap<String, (PaymentId, i64)>,
    pub(super) heard: BTreeSet<String>,
    pub(super) events: u64,
    pub(super) nodes: Vec<Option<u64>>,
    pub(super) woken: Arc<Notify>,
    pub(super) born: Vec<SimPart>,
    pub(super) fault: Option<MoneyFault>,
    pub(super) is_told: bool,
    /// All that happened, in words, where somebody wants to compare it.
    pub(super) trace: Option<Vec<String>>,
    pub(super) count: u128,
    /// Nothing is left to do.
    pub(super) is_over: bool,
}

#[derive(Clone)]
pub(super) struct MoneyWorld(Arc<Mutex<MoneyShared>>);

pub(super) fn at(ms: u64) -> Timestamp {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap_or(Timestamp::MAX)
}

pub(super) fn euros(amount: i64) -> Money {
    Money {
        amount,
        currency: "EUR".to_owned(),
    }
}

impl MoneyWorld {
    pub(super) fn new(mut dice: Dice, is_told: bool, traces: bool) -> MoneyWorld {
        let nodes = 1 + dice.below(2);
        let stock = dice.between(2, 12) as i64;
        MoneyWorld(Arc::new(Mutex::new(MoneyShared {
            dice,
            stock,
            sales: BTreeMap::new(),
            attempts: BTreeMap::new(),
            refunds: BTreeMap::new(),
            refund_keys: BTreeMap::new(),
            handed: BTreeMap::new(),
            pushes: BTreeMap::new(),
            told: BTreeMap::new(),
            jobs: BTreeMap::new(),
            job_ids: BTreeMap::new(),
            charges: BTreeMap::new(),
            customers: BTreeMap::new(),
            customers_there: BTreeMap::new(),
            noted: BTreeMap::new(),
            heard: BTreeSet::new(),
            events: 0,
            nodes: vec![None; nodes],
            woken: Arc::default(),
            born: Vec::new(),
            fault: None,
            is_told,
            trace: traces.then(Vec::new),
            count: 0,
            is_over: false,
        })))
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut MoneyShared) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn spawn(
        &self,
        node: Option<usize>,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let part = SimPart::new(node, work);
        self.with(|shared| shared.born.push(part));
    }

    /// A pause between these, without the upper one.
    pub(super) async fn wait(&self, low_ms: u64, high_ms: u64) {
        pause(self.with(|shared| shared.dice.between(low_ms, high_ms))).await;
    }

    pub(super) fn chance(&self, percent: u64) -> bool {
        self.with(|shared| shared.dice.percent(percent))
    }

    /// A way to somebody else and back. While there are faults it may fail before its work, or after it.
    pub(super) async fn reach<T, E>(
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

    pub(super) async fn store<T>(
        &self,
        work: impl FnOnce(&mut MoneyShared) -> T + Send,
    ) -> Result<T, StoreError> {
        let lost = || StoreError::Unavailable("the connection is lost".into());
        self.reach(3, lost, work).await
    }

    pub(super) async fn provider<T>(
        &self,
        work: impl FnOnce(&mut MoneyShared) -> Result<T, ProviderError> + Send,
    ) -> Result<T, ProviderError> {
        let lost = || ProviderError::Unanswered("nothing came back".to_owned());
        self.reach(10, lost, work).await?
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

impl MoneyShared {
    pub(super) fn travel(&mut self) -> u64 {
        if self.goes_wrong(1) && self.dice.percent(10) {
            return self.dice.between(1_000, 20_000);
        }
        match self.dice.percent(5) {
            true => self.dice.between(50, 900),
            false => self.dice.between(1, 8),
        }
    }

    pub(super) fn goes_wrong(&mut self, percent: u64) -> bool {
        self.dice.percent(percent) && now_ms() < FAULTS_MS
    }

    pub(super) fn fail(&mut self, check: MoneyCheck, what: String) {
        let what = format!("at {} ms: {what}", now_ms());
        self.fault.get_or_insert(MoneyFault { check, what });
    }

    pub(super) fn tell(&mut self, what: impl FnOnce() -> String) {
        if !self.is_told && self.trace.is_none() {
            return;
        }
        let line = format!("{:>7} {}", now_ms(), what());
        if self.is_told {
            eprintln!("{line}");
        }
        self.trace
            .iter_mut()
            .for_each(|trace| trace.push(line.clone()));
    }

    pub(super) fn id(&mut self) -> Uuid {
        self.count += 1;
        Uuid::from_u128(self.count)
    }

    fn claimed(&self, state: ClaimState) -> i64 {
        let claims = self.sales.values().flat_map(|sale| &sale.standing.claims);
        let claims = claims.filter(|claim| claim.state == state);
        claims.map(|claim| claim.quantity).sum()
    }

    /// Tickets that nobody holds or has.
    pub(super) fn left(&self) -> i64 {
        self.stock - self.claimed(ClaimState::Held) - self.claimed(ClaimState::Sold)
    }

    fn stock(&self) -> Stock {
        let terms = TicketTypeTerms {
            name: "Standing".to_owned(),
            price_amount: PRICE,
            sort: 0,
            sale_from: None,
            sale_to: None,
            min_per_booking: 1,
            max_per_booking: None,
            max_per_user: None,
            members_only: false,
            hidden: false,
            proof: Proof::Nothing,
            seated: false,
            pools: vec![ROOT],
        };
        let pool = Pool {
            capacity: self.stock,
            held: self.claimed(ClaimState::Held),
            sold: self.claimed(ClaimState::Sold),
        };
        Stock {
            event: EventTerms {
                id: EVENT,
                organizer_id: UserId(1),
                status: EventStatus::Active,
                starts_at: at(LATER_MS),
                currency: "EUR".to_owned(),
                membership_required: false,
                max_per_booking: 100,
                hold_minutes: 1,
                offer_minutes: 1,
                deleted: false,
            },
            ticket_types: BTreeMap::from([(TYPE, terms)]),
            pools: BTreeMap::from([(ROOT, pool)]),
            root: ROOT,
            seats: BTreeMap::new(),
            rows: Vec::new(),
            buyers: BTreeMap::new(),
            guests: BTreeMap::new(),
            prices: PriceTerms::default(),
            reserves: BTreeMap::new(),
        }
    }

    /// As the desk does in one transaction: decides, and writes the booking with the jobs that it leads to.
    pub(super) fn change(&mut self, change: &Change) -> Result<Moved, Refusal> {
        let mut stock = self.stock();
        let id = change.booking_id;
        let Some(sale) = self.sales.get(&id) else {
            return Err(Refusal::BookingNotFound);
        };
        let mut standing = sale.standing.clone();
        let before = standing.clone();
        let moved = decide(&mut stock, &mut standing, &change.transition, at(now_ms()))?;
        if moved == Moved::Before {
            return Ok(moved);
        }
        if let Transition::Cancel {
            as_unpaid: true, ..
        } = &change.transition
            && before.booking.is_paid()
        {
            let what = format!("{id} is cancelled as a hold, and was paid");
            self.fail(MoneyCheck::Judged, what);
        }
        if let Transition::Reclaim { payment, .. } = &change.transition {
            let attempt = self.attempts.get(payment);
            let is_wanted = attempt.is_some_and(|of| of.state.is_live() && !of.unwanted);
            if !is_wanted && !mistaken!(SellLetGo) {
                return Err(Refusal::InvalidTransition {
                    from: before.booking.status,
                    to: BookingStatus::Confirmed,
                    used: false,
                    started: false,
                });
            }
        }
        for claim in &mut standing.claims {
            if claim.id == Claim::UNSTORED {
                self.count += 1;
                claim.id = ClaimId(self.count as i64);
            }
        }
        let (was, to) = (&before.booking, standing.booking.status);
        if was.status != to && to == BookingStatus::Confirmed {
            for _ in 0..standing.booking.quantity {
                self.count += 1;
                standing.booking.tickets.push(Ticket {
                    code: format!("TKT-{}", self.count),
                    ticket_type_id: TYPE,
                    seat_id: None,
                    status: TicketStatus::Valid,
                    offer: None,
                });
            }
        }
        for job in jobs(change, &before, &standing.booking, true) {
            self.keep(&job);
        }
        self.tell(|| {
            format!(
                "{id} was {:?} and is {to:?}: {:?}",
                was.status, change.transition
            )
        });
        if let Some(sale) = self.sales.get_mut(&id) {
            if was.status == BookingStatus::Pending && to != was.status {
                sale.over_ms = Some(now_ms());
            }
            sale.was_confirmed |= to == BookingStatus::Confirmed;
            if was.status != to && matches!(to, BookingStatus::Cancelled | BookingStatus::Refunded)
            {
                sale.undone_ms = Some(now_ms());
            }
            sale.standing = standing;
        }
        if self.left() < 0 {
            self.fail(MoneyCheck::Sold, format!("{id} has what others have"));
        }
        Ok(moved)
    }

    /// As `store::jobs::ring` does: also a job that was done is done again.
    pub(super) fn ring(&mut self, job: &QueuedJob, after_ms: u64) {
        let at_ms = now_ms() + after_ms;
        if let Some(known) = self.job(&job.key) {
            known.failures = 0;
            known.row = match known.row {
                SimJobRow::Leased { until_ms } => {
                    known.rung = true;
                    SimJobRow::Leased { until_ms }
                }
                SimJobRow::Waiting { at_ms: before } => SimJobRow::Waiting {
                    at_ms: before.min(at_ms),
                },
                SimJobRow::Done | SimJobRow::Review => SimJobRow::Waiting { at_ms },
            };
        } else {
            self.write(job, at_ms);
        }
        self.wake();
    }

    /// As `store::jobs::keep` does: nothing happens if there is one with its key.
    pub(super) fn keep(&mut self, job: &QueuedJob) {
        if self.job(&job.key).is_none() {
            self.write(job, now_ms());
            self.wake();
        }
    }

    pub(super) fn job(&mut self, key: &str) -> Option<&mut SimJob> {
        let id = self.job_ids.get(key)?;
        self.jobs.get_mut(id)
    }

    pub(super) fn with_job(&mut self, taken: &TakenJob, work: impl FnOnce(&mut SimJob)) {
        if let Some(job) = self.jobs.get_mut(&taken.id) {
            work(job);
        }
    }

    fn write(&mut self, job: &QueuedJob, at_ms: u64) {
        let id = self.jobs.len() as i64 + 1;
        self.job_ids.insert(job.key.clone(), id);
        let job = SimJob {
            kind: job.kind,
            key: job.key.clone(),
            payload: job.payload.clone(),
            row: SimJobRow::Waiting { at_ms },
            attempts: 0,
            failures: 0,
            rung: false,
            taken_ms: 0,
            at_work: None,
            delivered: 0,
            excuses: 0,
            refused: false,
            unanswered: 0,
        };
        self.jobs.insert(id, job);
    }

    /// The node that wrote a job wakes its own worker.
    fn wake(&mut self) {
        if self.dice.percent(50) {
            self.woken.notify_one();
        }
    }

    /// A way that is so long that a lease may end meanwhile.
    pub(super) fn is_long(ms: u64) -> bool {
        Duration::from_millis(ms) > Duration::from_secs(2)
    }
}
