//! The rows of attempts, refunds and events, as `store` keeps them, and the desk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::super::clockwork::now_ms;
use super::world::{MoneyShared, MoneyWorld, at, euros};
use super::{EVENT, MoneyCheck};
use crate::config::inside::REFUND_LOOK_S;
use crate::desk::{Change, DeskError};
use crate::payments::drive::{PaymentTable, Sales, Sold};
use crate::payments::hear::{EventTable, ProviderEvent};
use crate::payments::is_final;
use crate::payments::refunds::{RefundTable, taken_back, taking_back};
use crate::store::StoreError;
use crate::store::letters::{payment_owed_job, refund_mail_job};
use crate::store::payments::{Heard, payment_job};
use crate::store::refunds::{NewRefund, Refund, RefundBegun, RefundState, refund_job};
use crate::ticketing::ledger::RefundedParts;
use crate::ticketing::movement::{Movements, Noted, Reserved, to_give_up};
use crate::ticketing::payment::{
    Attempt, Attempted, Buyer, Charge, ChargeStatus, PaymentState, goes_back, stays_unwanted,
};
use crate::ticketing::record::{Booking, BookingStatus, PaymentSummary};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, Releases, Transition};
use crate::ticketing::{BookingId, PaymentId, RefundId};

impl PaymentTable for MoneyWorld {
    async fn buyer(&self, of: &Attempt) -> Result<Option<Buyer>, StoreError> {
        self.store(|shared| {
            let user = shared.sales.get(&of.booking_id)?.standing.booking.user_id?;
            Some(Buyer {
                user,
                name: format!("Buyer {user}"),
                email: None,
                provider: of.provider,
                customer: shared.customers.get(&user).cloned(),
            })
        })
        .await
    }

    async fn keep_customer(&self, of: &Buyer, customer: Option<&str>) -> Result<(), StoreError> {
        self.store(|shared| match customer {
            Some(customer) => {
                let known = shared.customers.entry(of.user);
                known.or_insert_with(|| customer.to_owned());
            }
            None if shared.customers.get(&of.user) == of.customer.as_ref() => {
                shared.customers.remove(&of.user);
            }
            None => {}
        })
        .await
    }

    async fn attempt(&self, id: PaymentId) -> Result<Option<Attempted>, StoreError> {
        self.store(|shared| {
            let attempt = shared.attempts.get(&id)?.clone();
            let sale = shared.sales.get(&attempt.booking_id)?;
            let mut booking = sale.standing.booking.clone();
            booking.payment = Some(PaymentSummary {
                id,
                provider: attempt.provider,
                method: None,
                state: attempt.state,
                amount: attempt.amount.clone(),
                refunded: euros(attempt.refunded_amount),
                failure: None,
                owed: shared.is_owed(&booking),
            });
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
            let attempt = shared.attempts.get_mut(&of.id);
            let Some(attempt) = attempt.filter(|attempt| attempt.state.is_live()) else {
                return;
            };
            attempt.provider_ref = Some(charge.provider_ref.clone());
            if charge.status != ChargeStatus::Canceled {
                attempt.state = charge.status.state();
            }
            attempt.unwanted &= stays_unwanted(charge.status);
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
            let attempt = shared.attempts.get_mut(&of.id);
            let Some(attempt) = attempt.filter(|attempt| attempt.state.is_live()) else {
                return;
            };
            attempt.state = PaymentState::Captured;
            attempt.captured_amount = charge.captured_amount;
            let Some(sale) = shared.sales.get(&of.booking_id) else {
                return;
            };
            let booking = sale.standing.booking.clone();
            let is_sold = booking.status == BookingStatus::Confirmed;
            let was_sold_for_it = booking.payment_id == Some(of.id);
            if was_sold_for_it && !mistaken!(PayBeside) {
                shared.close_owing(of);
            }
            if goes_back(gives_back, is_sold, false, was_sold_for_it) {
                let new = NewRefund {
                    event: of.event_id,
                    payment: of.id,
                    amount: charge.captured_amount,
                    reason: "paid too late",
                    tickets: None,
                    by_owner: false,
                    parts: RefundedParts::default(),
                    key: &format!("late:{}", of.id),
                    audit: None,
                    asked: None,
                };
                let refund = shared.add_refund(of, &new);
                shared.ring(&refund_job(refund.id), 0);
            }
        })
        .await
    }

    async fn end(
        &self,
        of: &Attempt,
        state: PaymentState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.store(|shared| {
            // The provider refuses nothing else before there is a charge.
            if state == PaymentState::Failed {
                let what = format!("{} did not begin: {reason:?}", of.id);
                shared.fail(MoneyCheck::Begun, what);
            }
            let sale = shared.sales.get(&of.booking_id);
            let is_sold = sale.is_some_and(|sale| {
                let booking = &sale.standing.booking;
                booking.status == BookingStatus::Confirmed && booking.payment_id == Some(of.id)
            });
            let Some(attempt) = shared.attempts.get_mut(&of.id) else {
                return false;
            };
            let ends = match state {
                PaymentState::NeedsReview => attempt.state.is_live(),
                _ => attempt.state.is_live() && !is_sold,
            };
            if ends {
                attempt.state = state;
            }
            ends
        })
        .await
    }

    async fn owe(&self, of: &Attempt, _reason: &str) -> Result<bool, StoreError> {
        self.store(|shared| {
            let sale = shared.sales.get_mut(&of.booking_id);
            let Some(sale) = sale.filter(|sale| sale.standing.booking.payment_id == Some(of.id))
            else {
                return false;
            };
            let booking = &mut sale.standing.booking;
            let attempt = shared.attempts.get_mut(&of.id);
            let attempt = attempt.filter(|attempt| attempt.state.is_live());
            let is_sold = booking.status == BookingStatus::Confirmed;
            let Some(attempt) = attempt.filter(|_| is_sold) else {
                return false;
            };
            attempt.state = PaymentState::NeedsReview;
            attempt.owed = true;
            shared.close_owing(of);
            shared.keep(&payment_owed_job(of));
            true
        })
        .await
    }

    async fn moved(&self, of: &Attempt, seen: &Movements) -> Result<Noted, StoreError> {
        self.store(|shared| shared.note(of, seen)).await
    }
}

impl MoneyShared {
    /// Whether the money of what the booking is sold to did not come.
    pub(super) fn is_owed(&self, booking: &Booking) -> bool {
        let attempt = booking.payment_id.and_then(|id| self.attempts.get(&id));
        booking.status == BookingStatus::Confirmed && attempt.is_some_and(|of| of.owed)
    }

    /// The attempt in whose place this one is sold to owes nothing any more.
    fn close_owing(&mut self, of: &Attempt) {
        let owing = of.instead_of.and_then(|id| self.attempts.get_mut(&id));
        if let Some(owing) = owing.filter(|owing| owing.owed) {
            owing.state = PaymentState::Canceled;
            owing.owed = false;
        }
    }

    /// Writes a refund and reserves its amount.
    fn add_refund(&mut self, of: &Attempt, new: &NewRefund<'_>) -> Refund {
        let refund = Refund {
            id: RefundId(self.id()),
            payment_id: of.id,
            booking_id: of.booking_id,
            event_id: of.event_id,
            amount: new.amount,
            currency: of.amount.currency.clone(),
            reason: new.reason.to_owned(),
            tickets: new.tickets.map(<[String]>::to_vec),
            state: RefundState::Requested,
            provider_ref: None,
            failure: None,
            created_at: at(now_ms()),
            parts: new.parts,
        };
        if let Some(attempt) = self.attempts.get_mut(&of.id) {
            attempt.refunded_amount += new.amount;
        }
        self.refund_keys.insert(new.key.to_owned(), refund.id);
        self.refunds.insert(refund.id, refund.clone());
        refund
    }

    /// Refunds that give this ticket back, or will.
    pub(super) fn times_given(&self, code: &String) -> usize {
        let stand = self.refunds.values();
        let stand = stand.filter(|one| one.state != RefundState::Failed);
        let codes = stand.filter_map(|one| one.tickets.as_ref()).flatten();
        codes.filter(|one| *one == code).count()
    }

    fn fail_refund(&mut self, id: RefundId, state: RefundState) {
        let refund = self.refunds.get_mut(&id);
        let Some(refund) = refund.filter(|refund| refund.state != RefundState::Succeeded) else {
            return;
        };
        refund.state = state;
        if state == RefundState::Failed
            && let Some(attempt) = self.attempts.get_mut(&refund.payment_id)
        {
            attempt.refunded_amount -= refund.amount;
        }
    }

    fn note(&mut self, of: &Attempt, seen: &Movements) -> Noted {
        let mut noted = Noted::All;
        for refund in seen.refunds.iter().filter(|refund| refund.ours.is_none()) {
            if self.noted.contains_key(&refund.provider_ref) {
                continue;
            }
            let of_ours = self.refunds.values().filter(|one| one.payment_id == of.id);
            let mut reserved: Vec<Reserved> = of_ours
                .filter(|one| one.state != RefundState::Failed)
                .map(|one| Reserved {
                    id: one.id,
                    amount: one.amount,
                    is_open: one.state != RefundState::Succeeded,
                })
                .collect();
            let of_others = self.noted.values().filter(|(id, _)| *id == of.id);
            reserved.extend(of_others.map(|(_, amount)| Reserved {
                id: RefundId(uuid::Uuid::nil()),
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
                self.fail_refund(id, RefundState::Failed);
            }
            if let Some(attempt) = self.attempts.get_mut(&of.id) {
                attempt.refunded_amount += refund.amount;
            }
            let known = (of.id, refund.amount);
            self.noted.insert(refund.provider_ref.clone(), known);
        }
        noted
    }
}

impl RefundTable for MoneyWorld {
    async fn booking_of(&self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        self.store(|shared| Some(shared.sales.get(&id)?.standing.booking.clone()))
            .await
    }

    async fn refund(&self, id: RefundId) -> Result<Option<Refund>, StoreError> {
        self.store(|shared| shared.refunds.get(&id).cloned()).await
    }

    async fn refund_by_key(&self, key: &str) -> Result<Option<Refund>, StoreError> {
        self.store(|shared| shared.refunds.get(shared.refund_keys.get(key)?).cloned())
            .await
    }

    async fn payments_of(&self, booking: BookingId) -> Result<Vec<Attempt>, StoreError> {
        self.store(|shared| {
            let attempts = shared.attempts.values();
            let of = attempts.filter(|attempt| attempt.booking_id == booking);
            of.cloned().collect()
        })
        .await
    }

    async fn lost_of(&self, _: BookingId) -> Result<BTreeMap<PaymentId, i64>, StoreError> {
        // Nobody disputes anything here.
        Ok(BTreeMap::new())
    }

    async fn refunds_of(&self, booking: BookingId) -> Result<Vec<Refund>, StoreError> {
        self.store(|shared| {
            let refunds = shared.refunds.values();
            let of = refunds.filter(|refund| refund.booking_id == booking);
            of.cloned().collect()
        })
        .await
    }

    async fn begin_refund(&self, new: &NewRefund<'_>) -> Result<RefundBegun, StoreError> {
        self.store(|shared| {
            let attempt = shared.attempts.get(&new.payment).cloned();
            let attempt = attempt.filter(|attempt| attempt.state == PaymentState::Captured);
            let Some(attempt) = attempt else {
                return RefundBegun::NotCaptured;
            };
            let known = shared.refund_keys.get(new.key);
            if let Some(known) = known.and_then(|id| shared.refunds.get(id)) {
                return RefundBegun::Before(known.clone());
            }
            let left = attempt.captured_amount - attempt.refunded_amount;
            if new.amount > left {
                return RefundBegun::Exceeds { left };
            }
            let is_given = |code: &String| shared.times_given(code) > 0;
            if new.tickets.is_some_and(|codes| codes.iter().any(is_given))
                && !mistaken!(TicketTwice)
            {
                return RefundBegun::GivenBefore;
            }
            let made = shared.add_refund(&attempt, new);
            let look = Duration::from_secs(REFUND_LOOK_S);
            shared.ring(&refund_job(made.id), look.as_millis() as u64);
            RefundBegun::New(made)
        })
        .await
    }

    async fn refund_pending(&self, id: RefundId, provider_ref: &str) -> Result<(), StoreError> {
        self.store(|shared| {
            let refund = shared.refunds.get_mut(&id);
            if let Some(refund) = refund.filter(|refund| refund.state.is_open()) {
                refund.state = RefundState::Pending;
                refund.provider_ref = Some(provider_ref.to_owned());
            }
        })
        .await
    }

    async fn settle_refund(
        &self,
        of: &Refund,
        _payment: &Attempt,
        provider_ref: &str,
    ) -> Result<(), StoreError> {
        self.store(|shared| {
            let refund = shared.refunds.get_mut(&of.id);
            let unsettled = |refund: &&mut Refund| {
                refund.state.is_open() || refund.state == RefundState::NeedsReview
            };
            let Some(refund) = refund.filter(unsettled) else {
                return;
            };
            refund.state = RefundState::Succeeded;
            refund.provider_ref = Some(provider_ref.to_owned());
            shared.keep(&refund_mail_job(of.id, of.booking_id, of.event_id));
        })
        .await
    }

    async fn refund_failed(
        &self,
        of: &Refund,
        state: RefundState,
        _reason: &str,
    ) -> Result<(), StoreError> {
        self.store(|shared| {
            let refund = shared.refunds.get(&of.id);
            if refund.is_some_and(|refund| refund.state.is_open()) {
                shared.fail_refund(of.id, state);
            }
        })
        .await
    }
}

impl EventTable for MoneyWorld {
    async fn hear(&self, event: &ProviderEvent<'_>) -> Result<Heard, StoreError> {
        self.store(|shared| {
            if shared.heard.contains(event.id) {
                return Heard::Double;
            }
            let attempt = event.attempt.and_then(|id| shared.attempts.get(&id));
            let Some((id, state)) = attempt.map(|attempt| (attempt.id, attempt.state)) else {
                return Heard::Unknown;
            };
            shared.heard.insert(event.id.to_owned());
            if event.is_after_sale || state != PaymentState::Captured {
                shared.ring(&payment_job(id), 0);
            }
            Heard::Taken
        })
        .await
    }
}

impl MoneyWorld {
    /// Asks the desk; answers the booking after it.
    pub(super) async fn change(&self, change: &Change) -> Result<Booking, DeskError> {
        let changed = self.reach(
            3,
            || DeskError::Unavailable,
            |shared| {
                shared.change(change)?;
                let sale = shared.sales.get(&change.booking_id);
                sale.map(|sale| sale.standing.booking.clone())
                    .ok_or(Refusal::BookingNotFound)
            },
        );
        Ok(changed.await??)
    }
}

impl Sales for MoneyWorld {
    async fn sell(&self, of: &Attempt, _booking: &Booking) -> Result<Sold, DeskError> {
        let reclaim = Transition::Reclaim {
            payment: of.id,
            amount: of.amount.clone(),
            seats: Vec::new(),
            instead_of: of.instead_of,
        };
        match self
            .change(&Change::new(EVENT, of.booking_id, reclaim))
            .await
        {
            Ok(booking) => Ok(Sold::Now(Arc::new(booking))),
            Err(DeskError::Refused(refusal)) if is_final(&refusal) => Ok(Sold::Refused),
            Err(error) => Err(error),
        }
    }

    async fn hold(&self, of: &Attempt, until: Timestamp) -> Result<(), DeskError> {
        let processing = Transition::Processing { until };
        match self
            .change(&Change::new(EVENT, of.booking_id, processing))
            .await
        {
            Err(DeskError::Refused(refusal)) if is_final(&refusal) => Ok(()),
            held => held.map(drop),
        }
    }

    async fn release(&self, of: &Attempt) -> Result<(), DeskError> {
        self.with(|shared| {
            let charge = shared.charges.get(&of.id);
            if charge.is_some_and(|charge| charge.is_let_go) {
                let what = format!("the hold of {} ends, which we let go", of.id);
                shared.fail(MoneyCheck::Kept, what);
            }
        });
        let release = Transition::Release {
            by: Canceller::Staff,
            reason: Some("cancelled at the bank".to_owned()),
            only: Releases::Any,
        };
        match self
            .change(&Change::new(EVENT, of.booking_id, release))
            .await
        {
            Err(DeskError::Refused(refusal)) if is_final(&refusal) => Ok(()),
            released => released.map(drop),
        }
    }

    async fn take_back(&self, of: &Refund) -> Result<Result<(), Refusal>, DeskError> {
        let Some(back) = taking_back(of) else {
            return Ok(Ok(()));
        };
        let changed = self.change(&Change::new(EVENT, of.booking_id, back)).await;
        taken_back(changed.map(drop))
    }
}
