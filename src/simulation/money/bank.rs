//! The provider: its charges, what happens to them without us, and what it tells.

use std::collections::BTreeMap;

use super::super::clockwork::{SimPart, now_ms, pause};
use super::world::{MoneyShared, MoneyWorld, SimJobRow};
use super::{FAULTS_MS, MoneyCheck};
use crate::payments::hear::{ProviderEvent, take_in};
use crate::payments::refunds::provider_key;
use crate::payments::{Provider, ProviderError, Returned};
use crate::store::payments::{Heard, payment_job};
use crate::store::refunds::Refund;
use crate::ticketing::movement::{Going, Movements, ProviderRefund};
use crate::ticketing::payment::{Attempt, Buyer, Charge, ChargeStatus, ProviderName};
use crate::ticketing::record::BookingStatus;
use crate::ticketing::{BookingId, PaymentId, RefundId, UserId};

/// A charge in the provider's books.
#[derive(Debug, Clone)]
pub(super) struct SimCharge {
    pub(super) status: ChargeStatus,
    pub(super) booking: BookingId,
    pub(super) amount: i64,
    pub(super) captured: i64,
    /// By the key with which they were asked for.
    pub(super) refunds: BTreeMap<String, SimRefund>,
    /// It takes money without being asked to.
    is_at_once: bool,
    /// The bank does not hand over what it has set aside.
    is_empty: bool,
    /// We cancelled it, and nobody else.
    pub(super) is_let_go: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct SimRefund {
    /// `None`: somebody made it at the provider's own page.
    pub(super) ours: Option<RefundId>,
    pub(super) amount: i64,
}

impl SimCharge {
    pub(super) fn refunded(&self) -> i64 {
        self.refunds.values().map(|refund| refund.amount).sum()
    }

    /// The money that others gave back.
    pub(super) fn refunded_by_others(&self) -> i64 {
        let of_others = self.refunds.values().filter(|one| one.ours.is_none());
        of_others.map(|refund| refund.amount).sum()
    }
}

impl MoneyShared {
    /// The provider has something to tell.
    fn told(&mut self, world: &MoneyWorld, id: PaymentId, is_after_sale: bool) {
        self.events += 1;
        let event = format!("evt_{}", self.events);
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
            let delivery = deliver(world.clone(), id, event.clone(), is_after_sale, delay_ms);
            self.born.push(SimPart::new(None, delivery));
        }
    }
}

/// Until it is acknowledged.
async fn deliver(
    world: MoneyWorld,
    id: PaymentId,
    event: String,
    is_after_sale: bool,
    delay_ms: u64,
) {
    pause(delay_ms).await;
    loop {
        let told = ProviderEvent {
            provider: ProviderName::Stripe,
            id: &event,
            kind: "charge.updated",
            provider_ref: &reference(id),
            attempt: Some(id),
            is_after_sale,
        };
        match take_in(&world, &told).await {
            Ok(Heard::Taken) => break,
            Ok(Heard::Double) => return,
            Ok(Heard::Unknown) | Err(_) => pause(1_000).await,
        }
    }
    world.with(|shared| {
        shared.tell(|| format!("{event} of {id} is acknowledged"));
        let is_known = shared.heard.contains(&event);
        let has_job = shared.job(&payment_job(id).key).is_some();
        if !is_known || !has_job {
            let what = format!("{event} of {id} was acknowledged and has no effect");
            shared.fail(MoneyCheck::Told, what);
        }
    });
}

fn reference(id: PaymentId) -> String {
    format!("pi_{id}")
}

fn charge_of(id: PaymentId, charge: &SimCharge) -> Charge {
    Charge {
        provider_ref: reference(id),
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
        fee_follows: false,
    }
}

fn name_there(user: UserId) -> String {
    format!("cus_{user}")
}

fn refused(why: &str) -> ProviderError {
    ProviderError::Refused(why.to_owned())
}

fn charge(shared: &mut MoneyShared, id: PaymentId) -> Result<&mut SimCharge, ProviderError> {
    let charge = shared.charges.get_mut(&id);
    charge.ok_or_else(|| refused("no such"))
}

impl Provider for MoneyWorld {
    async fn start(&self, of: &Attempt, customer: Option<&str>) -> Result<Charge, ProviderError> {
        self.provider(|shared| {
            if let Some(customer) = customer {
                let sale = shared.sales.get(&of.booking_id);
                let user = sale.and_then(|sale| sale.standing.booking.user_id);
                if user.map(name_there).as_deref() != Some(customer) {
                    let what = format!("{} begins under {customer}, who is another", of.id);
                    shared.fail(MoneyCheck::Begun, what);
                }
                let is_lost = shared.dice.percent(10);
                let known = shared.customers_there.get_mut(customer);
                let is_known = known.is_some_and(|known| {
                    *known &= !is_lost;
                    *known
                });
                if !is_known && !shared.charges.contains_key(&of.id) {
                    return Err(refused("no such customer"));
                }
            }
            let is_at_once = shared.dice.percent(30);
            let is_empty = shared.dice.percent(5);
            let charge = shared.charges.entry(of.id).or_insert(SimCharge {
                status: ChargeStatus::Open,
                booking: of.booking_id,
                amount: of.amount.amount,
                captured: 0,
                refunds: BTreeMap::new(),
                is_at_once,
                is_empty,
                is_let_go: false,
            });
            Ok(charge_of(of.id, charge))
        })
        .await
    }

    async fn customer(&self, of: &Buyer) -> Result<Option<String>, ProviderError> {
        self.provider(|shared| {
            // Under one key it is one customer, for as long as keys are remembered also one that was lost.
            let name = name_there(of.user);
            shared.customers_there.entry(name.clone()).or_insert(true);
            Ok(Some(name))
        })
        .await
    }

    async fn look(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        self.provider(|shared| charge(shared, of.id).map(|charge| charge_of(of.id, charge)))
            .await
    }

    async fn capture(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        let world = self.clone();
        self.provider(move |shared| {
            let sale = shared.sales.get(&of.booking_id);
            let is_sold = sale.is_some_and(|sale| {
                let booking = &sale.standing.booking;
                // It may have been cancelled in this moment: then the money goes back.
                booking.status != BookingStatus::Pending && booking.payment_id == Some(of.id)
            });
            let charge = charge(shared, of.id)?;
            if charge.status != ChargeStatus::Authorized {
                return Err(refused("unexpected state"));
            }
            if charge.is_empty {
                return Err(refused("the bank says no"));
            }
            charge.status = ChargeStatus::Captured;
            charge.captured = charge.amount;
            let taken = charge_of(of.id, charge);
            if !is_sold {
                let what = format!("{} is captured for nothing", of.id);
                shared.fail(MoneyCheck::Sold, what);
            }
            shared.told(&world, of.id, false);
            Ok(taken)
        })
        .await
    }

    async fn cancel(&self, of: &Attempt) -> Result<(), ProviderError> {
        let world = self.clone();
        self.provider(move |shared| {
            let charge = charge(shared, of.id)?;
            match charge.status {
                ChargeStatus::Open | ChargeStatus::Authorized => {}
                _ => return Err(refused("unexpected state")),
            }
            charge.status = ChargeStatus::Canceled;
            charge.is_let_go = true;
            shared.told(&world, of.id, false);
            Ok(())
        })
        .await
    }

    async fn refund(&self, of: &Attempt, refund: &Refund) -> Result<Returned, ProviderError> {
        let key = provider_key(refund);
        self.provider(|shared| {
            let charge = charge(shared, of.id)?;
            let is_known = charge.refunds.contains_key(&key);
            let by_others = charge.refunded_by_others() > 0;
            if by_others && !is_known && charge.refunded() + refund.amount > charge.captured {
                return Err(refused("more than is left"));
            }
            let made = SimRefund {
                ours: Some(refund.id),
                amount: refund.amount,
            };
            charge.refunds.entry(key.clone()).or_insert(made);
            if charge.refunded() > charge.captured {
                let what = format!("more went back of {} than came", of.id);
                shared.fail(MoneyCheck::Covered, what);
            }
            shared.tell(|| format!("{} of {} goes back by {key}", refund.amount, of.id));
            let provider_ref = format!("re_{key}");
            // Some banks take their time.
            let is_slow = refund.provider_ref.is_none() && shared.dice.percent(10);
            Ok(match is_slow {
                true => Returned::Pending { provider_ref },
                false => Returned::Done { provider_ref },
            })
        })
        .await
    }

    async fn movements(&self, of: &Attempt) -> Result<Movements, ProviderError> {
        self.provider(|shared| {
            let charge = charge(shared, of.id)?;
            let refunds = charge.refunds.iter().map(|(key, refund)| ProviderRefund {
                provider_ref: format!("re_{key}"),
                ours: refund.ours,
                amount: refund.amount,
                state: Going::Done,
            });
            Ok(Movements {
                fee: None,
                refunds: refunds.collect(),
                disputes: Vec::new(),
            })
        })
        .await
    }
}

/// The buyer's card is taken: by the provider, without us.
pub(super) fn pay(world: &MoneyWorld, id: PaymentId, status: ChargeStatus) {
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
        shared.told(world, id, false);
    });
}

/// The card that was worked on is refused.
pub(super) fn fail(world: &MoneyWorld, id: PaymentId) {
    world.with(|shared| {
        let charge = shared.charges.get_mut(&id);
        let working = |charge: &&mut SimCharge| charge.status == ChargeStatus::Processing;
        if let Some(charge) = charge.filter(working) {
            charge.status = ChargeStatus::Open;
            shared.told(world, id, false);
        }
    });
}

/// Somebody ends a payment at the provider's own page before any money was taken.
pub(super) fn cancel_there(world: &MoneyWorld, id: PaymentId) {
    world.with(|shared| {
        let charge = shared.charges.get_mut(&id);
        let open = |charge: &&mut SimCharge| charge.status == ChargeStatus::Open;
        if let Some(charge) = charge.filter(open) {
            charge.status = ChargeStatus::Canceled;
            shared.tell(|| format!("{id} is cancelled by others"));
            shared.told(world, id, false);
        }
    });
}

/// Money that was set aside lapses.
pub(super) fn lapse(world: &MoneyWorld, id: PaymentId) {
    world.with(|shared| {
        let charge = shared.charges.get_mut(&id);
        let held = |charge: &&mut SimCharge| charge.status == ChargeStatus::Authorized;
        if let Some(charge) = charge.filter(held) {
            charge.status = ChargeStatus::Canceled;
            shared.tell(|| format!("{id} lapses"));
            shared.told(world, id, false);
        }
    });
}

/// Somebody gives money back at the provider's own page.
pub(super) fn give_back_there(world: &MoneyWorld, id: PaymentId) {
    world.with(|shared| {
        let (count, part) = (shared.events, shared.dice.percent(50));
        let Some(charge) = shared.charges.get_mut(&id) else {
            return;
        };
        let left = charge.captured - charge.refunded();
        let amount = if part { left / 2 } else { left };
        // Later nobody may look any more.
        if amount <= 0 || now_ms() >= FAULTS_MS {
            return;
        }
        let refund = SimRefund { ours: None, amount };
        charge.refunds.insert(format!("foreign-{count}"), refund);
        shared.tell(|| format!("{amount} of {id} is given back by others"));
        shared.told(world, id, true);
    });
}

/// Payments of which others gave money back that is not written down.
fn unnoted(shared: &MoneyShared) -> Vec<PaymentId> {
    let of_others = |charge: &SimCharge| {
        let refunds = charge.refunds.iter();
        let mut of_others = refunds.filter(|(_, refund)| refund.ours.is_none());
        of_others.any(|(key, _)| !shared.noted.contains_key(&format!("re_{key}")))
    };
    let charges = shared.charges.iter();
    let unnoted = charges.filter(|(_, charge)| of_others(charge));
    unnoted.map(|(id, _)| *id).collect()
}

/// As the job does that asks for events which did not come; whether something is left to do.
pub(super) fn is_busy(shared: &mut MoneyShared) -> bool {
    let unnoted = unnoted(shared);
    for id in &unnoted {
        shared.ring(&payment_job(*id), 0);
    }
    let is_open = |row: SimJobRow| !matches!(row, SimJobRow::Done | SimJobRow::Review);
    !unnoted.is_empty() || shared.jobs.values().any(|job| is_open(job.row))
}
