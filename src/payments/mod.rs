//! PAYMENTS: attempts to pay, from the request to money that is booked.
//!
//! ```text
//! POST …/payment ──► row + job ──► provider: start ──► the buyer pays there
//!                                                          │
//! webhook, page, poller ──► ring the row's job ──► drive: ask the provider, compare, act
//!                                                    │ desk: sell      │ provider: capture, cancel
//!                                                    └──► store: settle, post, give back
//! ```
//!
//! [`drive`] is the only place that moves an attempt on. It asks the provider what it has, and the rules
//! (`ticketing/payment.rs`) what follows. Every step may be repeated: the provider knows the attempt by its id, the desk
//! by the booking's `payment_id`, the ledger by the posting's key. So it does not matter what dies between two steps.
//!
//! A provider is called by jobs, and once by the request that begins an attempt, whose buyer waits for the answer; never in a transaction.

pub mod demo;
pub(crate) mod drive;
pub mod give_back;
pub mod hear;
pub mod refunds;
pub mod stripe;

use std::sync::Arc;

use tokio::sync::Notify;

use self::demo::Demo;
use self::drive::{PaymentTable, Sales, Sold};
use self::hear::{ProviderEvent, take_in};
use self::stripe::Stripe;
use crate::desk::{Change, Desk, DeskError};
use crate::store::idempotency::Once;
use crate::store::payments::{Begun, Heard, Hold, PaymentWay, StaffPayment};
use crate::store::refunds::Refund;
use crate::store::settlements::parts_of;
use crate::store::{Store, StoreError};
use crate::ticketing::movement::{Movements, Noted, still_there};
use crate::ticketing::payment::{
    Attempt, Attempted, Buyer, Charge, ChargeStatus, PaymentState, ProviderName,
};
use crate::ticketing::record::{Booking, BookingStatus, Money};
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Canceller, PAYMENT_CANCELED, Releases, Transition};
use crate::ticketing::{BookingId, PaymentId, RefundId, SeatId};

/// Looks until staff's money is in the books: at another attempt, at theirs, at the end, and again where a job was first.
const STAFF_STEPS_MAX: u32 = 6;

const JUST_ENDED: &str = "the attempt of before ended in this moment";

/// Why a provider did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Nobody knows whether it did: ask again, with the same key.
    #[error("the provider did not answer: {0}")]
    Unanswered(String),
    /// It will not.
    #[error("the provider refused: {0}")]
    Refused(String),
}

/// Where a refund is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returned {
    Done {
        provider_ref: String,
    },
    /// It is on its way.
    Pending {
        provider_ref: String,
    },
    Failed {
        reason: String,
    },
}

/// A company, or staff, that takes money. Each call may be repeated: it is known by the attempt's or the refund's id.
pub(crate) trait Provider: Sync {
    /// `customer`: the buyer, by the provider's own name.
    fn start(
        &self,
        of: &Attempt,
        customer: Option<&str>,
    ) -> impl Future<Output = Result<Charge, ProviderError>> + Send;
    /// Makes a customer, once for an account; answers its name there, or `None` from a provider that keeps none.
    fn customer(
        &self,
        of: &Buyer,
    ) -> impl Future<Output = Result<Option<String>, ProviderError>> + Send;
    fn look(&self, of: &Attempt) -> impl Future<Output = Result<Charge, ProviderError>> + Send;
    /// Answers the charge after it.
    fn capture(&self, of: &Attempt) -> impl Future<Output = Result<Charge, ProviderError>> + Send;
    fn cancel(&self, of: &Attempt) -> impl Future<Output = Result<(), ProviderError>> + Send;
    fn refund(
        &self,
        of: &Attempt,
        refund: &Refund,
    ) -> impl Future<Output = Result<Returned, ProviderError>> + Send;
    /// Movements of money that was taken: refunds, by whomever, and disputes.
    fn movements(
        &self,
        of: &Attempt,
    ) -> impl Future<Output = Result<Movements, ProviderError>> + Send;
}

/// The providers of this node.
#[derive(Clone, Default)]
pub struct Providers {
    pub stripe: Option<Stripe>,
    pub demo: Option<Demo>,
}

impl Providers {
    /// The one that is used where none is asked for.
    pub fn usual(&self) -> ProviderName {
        match (&self.stripe, &self.demo) {
            (Some(_), _) => ProviderName::Stripe,
            (None, Some(_)) => ProviderName::Demo,
            (None, None) => ProviderName::Offline,
        }
    }

    pub fn has(&self, name: ProviderName) -> bool {
        match name {
            ProviderName::Stripe => self.stripe.is_some(),
            ProviderName::Demo => self.demo.is_some(),
            ProviderName::Offline => true,
        }
    }
}

fn missing(name: ProviderName) -> ProviderError {
    ProviderError::Unanswered(format!("this node has no {}", name.as_str()))
}

/// The charge of an offline attempt is read from its booking, so nothing has to be asked.
fn offline(of: &Attempt) -> Charge {
    Charge {
        provider_ref: of.id.to_string(),
        status: ChargeStatus::Open,
        amount: of.amount.amount,
        currency: of.amount.currency.clone(),
        attempt: Some(of.id),
        captured_amount: 0,
        fee_amount: 0,
        method: of.method.clone(),
        client_secret: None,
        redirect_url: None,
        failure: None,
        has_moved: false,
        fee_follows: false,
    }
}

impl Provider for Providers {
    async fn start(&self, of: &Attempt, customer: Option<&str>) -> Result<Charge, ProviderError> {
        match (of.provider, &self.stripe, &self.demo) {
            (ProviderName::Stripe, Some(stripe), _) => stripe.start(of, customer).await,
            (ProviderName::Demo, _, Some(demo)) => demo.start(of, customer).await,
            (ProviderName::Offline, ..) => Ok(offline(of)),
            (name, ..) => Err(missing(name)),
        }
    }

    async fn customer(&self, of: &Buyer) -> Result<Option<String>, ProviderError> {
        match (of.provider, &self.stripe) {
            (ProviderName::Stripe, Some(stripe)) => stripe.customer(of).await,
            _ => Ok(None),
        }
    }

    async fn look(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        match (of.provider, &self.stripe, &self.demo) {
            (ProviderName::Stripe, Some(stripe), _) => stripe.look(of).await,
            (ProviderName::Demo, _, Some(demo)) => demo.look(of).await,
            (ProviderName::Offline, ..) => Ok(offline(of)),
            (name, ..) => Err(missing(name)),
        }
    }

    async fn capture(&self, of: &Attempt) -> Result<Charge, ProviderError> {
        match (of.provider, &self.stripe, &self.demo) {
            (ProviderName::Stripe, Some(stripe), _) => stripe.capture(of).await,
            (ProviderName::Demo, _, Some(demo)) => demo.capture(of).await,
            (ProviderName::Offline, ..) => Ok(offline(of)),
            (name, ..) => Err(missing(name)),
        }
    }

    async fn cancel(&self, of: &Attempt) -> Result<(), ProviderError> {
        match (of.provider, &self.stripe, &self.demo) {
            (ProviderName::Stripe, Some(stripe), _) => stripe.cancel(of).await,
            (ProviderName::Demo, _, Some(demo)) => demo.cancel(of).await,
            (ProviderName::Offline, ..) => Ok(()),
            (name, ..) => Err(missing(name)),
        }
    }

    async fn refund(&self, of: &Attempt, refund: &Refund) -> Result<Returned, ProviderError> {
        match (of.provider, &self.stripe, &self.demo) {
            (ProviderName::Stripe, Some(stripe), _) => stripe.refund(of, refund).await,
            (ProviderName::Demo, _, Some(demo)) => demo.refund(of, refund).await,
            // Staff hand it back; the row says that they have to.
            (ProviderName::Offline, ..) => Ok(Returned::Done {
                provider_ref: refund.id.to_string(),
            }),
            (name, ..) => Err(missing(name)),
        }
    }

    async fn movements(&self, of: &Attempt) -> Result<Movements, ProviderError> {
        match (of.provider, &self.stripe, &self.demo) {
            (ProviderName::Stripe, Some(stripe), _) => stripe.movements(of).await,
            (ProviderName::Demo, _, Some(demo)) => demo.movements(of).await,
            // Nobody else holds it.
            (ProviderName::Offline, ..) => Ok(Movements::default()),
            (name, ..) => Err(missing(name)),
        }
    }
}

/// The payments of this node. Cheap to clone.
#[derive(Clone)]
pub struct Payments(Arc<Inner>);

struct Inner {
    store: Store,
    desk: Desk,
    providers: Providers,
    jobs_written: Arc<Notify>,
}

/// How the request to pay ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Started {
    /// The attempt as it is now, `Creating` if the provider has not answered yet; and its booking.
    Attempt(Box<Attempt>, Hold),
    NotPayable(BookingStatus),
    NoBooking,
    /// This node does not have the provider.
    NoProvider,
    /// The event lets nobody pay in days.
    NoTerms,
    /// The provider does not want it.
    Refused(String),
}

impl Payments {
    pub fn new(store: Store, desk: Desk, providers: Providers) -> Payments {
        let jobs_written = desk.jobs_written();
        Payments(Arc::new(Inner {
            store,
            desk,
            providers,
            jobs_written,
        }))
    }

    /// The same, with another handle on the desk.
    pub fn with_desk(&self, desk: Desk) -> Payments {
        Payments::new(self.0.store.clone(), desk, self.0.providers.clone())
    }

    pub fn providers(&self) -> &Providers {
        &self.0.providers
    }

    /// Begins an attempt, or returns the one that is live, and moves the booking's deadline, once.
    ///
    /// # Errors
    /// The database.
    pub async fn start(
        &self,
        booking: BookingId,
        provider: Option<ProviderName>,
        method: Option<&str>,
        return_url: Option<&str>,
    ) -> Result<Started, StoreError> {
        let Inner {
            store,
            desk,
            providers,
            ..
        } = &*self.0;
        let is_named = provider.is_some() || method.is_some();
        let provider = provider.unwrap_or_else(|| providers.usual());
        let way = PaymentWay {
            provider,
            is_named,
            method: method.or((provider == ProviderName::Stripe).then_some(stripe::CARD)),
        };
        if !providers.has(way.provider) {
            return Ok(Started::NoProvider);
        }
        let begin = || store.begin_payment(booking, way, return_url);
        let mut begun = begin().await?;
        // Once for an attempt that stands in the way, and once for one that ended between two looks.
        for _ in 0..2 {
            match begun {
                // Its buyer has swapped tickets since, or wants to pay another way.
                Begun::InTheWay(id) => drop(self.drive(id).await),
                Begun::JustEnded => {}
                _ => break,
            }
            begun = begin().await?;
        }
        let (attempt, mut hold) = match begun {
            Begun::New(attempt, hold) | Begun::Live(attempt, hold) => (attempt, hold),
            Begun::InTheWay(id) => {
                self.ring(id).await?;
                let why = "the attempt of before is not let go yet";
                return Err(StoreError::Unavailable(why.into()));
            }
            Begun::JustEnded => return Err(StoreError::Unavailable(JUST_ENDED.into())),
            Begun::NotPayable(status) => return Ok(Started::NotPayable(status)),
            Begun::NoBooking => return Ok(Started::NoBooking),
            Begun::NoTerms => return Ok(Started::NoTerms),
        };
        let longer = match (attempt.provider, attempt.pay_by) {
            (ProviderName::Offline, Some(until)) => Some(Transition::Await { until }),
            _ => hold.is_short.then_some(Transition::Extend),
        };
        if let Some(longer) = longer {
            let change = Change::new(attempt.event_id, booking, longer);
            match desk.change(change).await {
                Ok(Once::Made(changed) | Once::Replayed(changed)) => {
                    hold.expires_at = changed.booking.expires_at;
                }
                Err(DeskError::Refused(Refusal::InvalidTransition { from, .. })) => {
                    self.ring(attempt.id).await?;
                    return Ok(Started::NotPayable(from));
                }
                // The hold stays as long as it was.
                Ok(Once::Mismatch) | Err(_) => {}
            }
        }
        if attempt.provider_ref.is_some() {
            return Ok(Started::Attempt(Box::new(attempt), hold));
        }
        let heard = match drive::start(store, providers, &attempt).await {
            Ok(charge) => store.payment_heard(&attempt, &charge).await?,
            // The job starts it.
            Err(ProviderError::Unanswered(why)) => {
                tracing::warn!(payment = %attempt.id, booking = %attempt.booking_id, why, "the provider did not answer yet");
                self.ring(attempt.id).await?;
                None
            }
            Err(ProviderError::Refused(why)) => {
                let failed = PaymentState::Failed;
                if store.end_payment(&attempt, failed, Some(&why)).await? {
                    return Ok(Started::Refused(why));
                }
                // Its job was at it as well, and has begun, or another request, and was refused.
                None
            }
        };
        let now = match heard {
            Some(heard) => heard,
            None => store.payment(attempt.id).await?.unwrap_or(attempt),
        };
        match now.state {
            PaymentState::Failed => Ok(Started::Refused(now.failure.unwrap_or_default())),
            PaymentState::Canceled => Err(StoreError::Unavailable(JUST_ENDED.into())),
            _ => Ok(Started::Attempt(Box::new(now), hold)),
        }
    }

    /// Cancels what the provider holds for an attempt that a person ends; answers the amount that it has taken and still has,
    /// which cannot be: nobody watches an attempt that ended.
    pub async fn let_go(&self, of: &Attempt) -> Result<Option<Money>, StoreError> {
        if of.provider_ref.is_none() || of.provider == ProviderName::Offline {
            return Ok(None);
        }
        let away = |why: String| StoreError::Unavailable(why.into());
        let charge = match self.0.providers.look(of).await {
            Ok(charge) => charge,
            Err(ProviderError::Refused(_)) => return Ok(None),
            Err(ProviderError::Unanswered(why)) => return Err(away(why)),
        };
        match charge.status {
            ChargeStatus::Canceled => Ok(None),
            ChargeStatus::Captured => {
                let seen = self.0.providers.movements(of).await;
                let seen = seen.map_err(|error| away(error.to_string()))?;
                let amount = still_there(charge.captured_amount, &seen);
                let currency = charge.currency;
                Ok((amount > 0).then_some(Money { amount, currency }))
            }
            ChargeStatus::Open | ChargeStatus::Processing | ChargeStatus::Authorized => {
                match self.0.providers.cancel(of).await {
                    Ok(()) => Ok(None),
                    Err(error) => Err(away(error.to_string())),
                }
            }
        }
    }

    /// Lets the booking's live attempt be looked at now: its total is another one. Money that is awaited in days is asked
    /// for anew, since nobody but us has to hear of it.
    pub async fn repriced(&self, booking: BookingId) -> Result<(), StoreError> {
        let store = &self.0.store;
        let Some(id) = store.live_payment(booking).await? else {
            return Ok(());
        };
        self.ring(id).await?;
        let attempt = store.payment(id).await?;
        let is_awaited = |of: &Attempt| of.provider == ProviderName::Offline && of.pay_by.is_some();
        let awaited = attempt.filter(is_awaited);
        if let Some(attempt) = awaited {
            let (offline, method) = (Some(ProviderName::Offline), attempt.method.as_deref());
            self.start(booking, offline, method, attempt.return_url.as_deref())
                .await?;
        }
        Ok(())
    }

    /// Lets the attempt's job run now.
    pub async fn ring(&self, id: PaymentId) -> Result<(), StoreError> {
        self.0.store.ring_payment(id).await?;
        self.0.jobs_written.notify_one();
        Ok(())
    }

    /// Takes in a provider's event.
    pub async fn hear(&self, event: &ProviderEvent<'_>) -> Result<Heard, StoreError> {
        let heard = take_in(&self.0.store, event).await?;
        self.0.jobs_written.notify_one();
        Ok(heard)
    }

    /// Carries out the job of an attempt.
    pub(crate) async fn drive(&self, id: PaymentId) -> drive::Driven {
        drive::drive(&self.0.store, &self.0.providers, &self.0.desk, id).await
    }

    /// Carries out the job of a refund.
    pub(crate) async fn drive_refund(&self, id: RefundId) -> drive::Driven {
        refunds::drive(&self.0.store, &self.0.providers, &self.0.desk, id).await
    }

    /// Takes and books the money of a booking that is sold, where its job has not come so far. It tries once: where the provider does
    /// not answer, the job goes on.
    pub(crate) async fn book_sale(&self, of: &Booking) {
        let is_booked = (of.payment.as_ref())
            .is_some_and(|payment| Some(payment.id) == of.payment_id && !payment.state.is_live());
        match of.payment_id {
            Some(_) if is_booked => {}
            Some(id) => drop(self.drive(id).await),
            None => drop(self.book_staff_payment(of.id).await),
        }
    }

    /// Carries out the job that books what staff were paid: lets a card attempt that is in the way go, and settles theirs.
    pub(crate) async fn book_staff_payment(&self, booking: BookingId) -> drive::Driven {
        for _ in 0..STAFF_STEPS_MAX {
            let id = match self.0.store.begin_staff_payment(booking).await {
                Ok(StaffPayment::Booked) => return drive::Driven::Done,
                Ok(StaffPayment::Live(id)) => id,
                Err(error) => return drive::Driven::Later(error.to_string()),
            };
            match self.drive(id).await {
                // Its job may be at it in this moment: then it is looked at again.
                drive::Driven::Done | drive::Driven::Later(_) => {}
                drive::Driven::Waits { .. } => break,
            }
        }
        drive::Driven::Later("another attempt is live".to_owned())
    }
}

impl PaymentTable for Store {
    async fn buyer(&self, of: &Attempt) -> Result<Option<Buyer>, StoreError> {
        self.payment_buyer(of.id).await
    }

    async fn keep_customer(&self, of: &Buyer, customer: Option<&str>) -> Result<(), StoreError> {
        self.keep_provider_customer(of, customer).await
    }

    async fn attempt(&self, id: PaymentId) -> Result<Option<Attempted>, StoreError> {
        self.payment_and_booking(id).await
    }

    async fn heard(&self, of: &Attempt, charge: &Charge) -> Result<(), StoreError> {
        self.payment_heard(of, charge).await?;
        Ok(())
    }

    async fn settle(
        &self,
        of: &Attempt,
        charge: &Charge,
        booking: &Booking,
        gives_back: bool,
    ) -> Result<(), StoreError> {
        self.settle_payment(of, charge, parts_of(booking), gives_back)
            .await
    }

    async fn end(
        &self,
        of: &Attempt,
        state: PaymentState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.end_payment(of, state, reason).await
    }

    async fn owe(&self, of: &Attempt, reason: &str) -> Result<bool, StoreError> {
        self.owe_payment(of, reason).await
    }

    async fn moved(&self, of: &Attempt, seen: &Movements) -> Result<Noted, StoreError> {
        self.note_movements(of, seen).await
    }
}

impl Sales for Desk {
    async fn sell(&self, of: &Attempt, booking: &Booking) -> Result<Sold, DeskError> {
        let items = booking.items.iter();
        let seats: Vec<SeatId> = items
            .flat_map(|item| item.seats.iter().map(|seat| seat.id))
            .collect();
        let payment = of.id;
        let reclaim = Transition::Reclaim {
            payment,
            amount: of.amount.clone(),
            seats,
            instead_of: of.instead_of,
        };
        match self
            .change(Change::new(of.event_id, of.booking_id, reclaim))
            .await
        {
            Ok(Once::Made(sold) | Once::Replayed(sold)) => Ok(Sold::Now(sold.booking)),
            // It has no key.
            Ok(Once::Mismatch) => Err(DeskError::Internal),
            Err(DeskError::Refused(refusal)) if is_final(&refusal) => Ok(Sold::Refused),
            Err(error) => Err(error),
        }
    }

    async fn hold(&self, of: &Attempt, until: jiff::Timestamp) -> Result<(), DeskError> {
        let longer = match of.pay_by {
            Some(_) => Transition::Await { until },
            None => Transition::Processing { until },
        };
        match self
            .change(Change::new(of.event_id, of.booking_id, longer))
            .await
        {
            Ok(_) => Ok(()),
            // It ended meanwhile: what comes is dealt with when it comes.
            Err(DeskError::Refused(refusal)) if is_final(&refusal) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn release(&self, of: &Attempt) -> Result<(), DeskError> {
        let release = Transition::Release {
            by: Canceller::Staff,
            reason: Some(PAYMENT_CANCELED.to_owned()),
            only: Releases::Any,
        };
        let release = Change::new(of.event_id, of.booking_id, release);
        match self.change(release).await {
            Ok(_) => Ok(()),
            Err(DeskError::Refused(refusal)) if is_final(&refusal) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn take_back(&self, of: &Refund) -> Result<Result<(), Refusal>, DeskError> {
        refunds::take_back(self, of).await
    }
}

/// Whether the same command would be refused again.
pub(crate) fn is_final(refusal: &Refusal) -> bool {
    !matches!(refusal, Refusal::Busy { .. } | Refusal::TooLate { .. })
}
