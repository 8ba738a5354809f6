//! The rules of an attempt to pay: what follows from what its provider has, and from how its booking stands.
//!
//! A provider is asked, and what it answers is compared with the attempt; webhooks only say when to ask. So events that
//! come twice, late, or in another order lead to the same end.
//!
//! | the provider has | booking | what follows |
//! |---|---|---|
//! | nothing yet | held | wait for the buyer, who may try another card after a decline; where staff take the money, until its own deadline |
//! | nothing yet | ended, or paid otherwise | cancel the charge |
//! | nothing yet | owes its money | wait for the buyer, for a while |
//! | a payment in process | held | the hold waits, 30 minutes at most; where the method takes days, until the attempt's own deadline |
//! | an authorisation | held, expired, or owes its money | sell, then capture; if the stock is gone, cancel the charge |
//! | an authorisation | paid by it | capture |
//! | the money | held, expired, or owes its money | sell; if the stock is gone, give all of it back, once |
//! | the money | paid by it | done |
//! | the money, or an authorisation | cancelled, refunded, paid otherwise, of another price by now | give it back, or cancel the charge |
//! | a cancelled charge | paid by it | it owes its money: its buyer is asked to pay again, and a person looks |
//! | another amount, currency or booking | any | a person looks |

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::record::{Booking, BookingStatus, Money, PaidBy};
use super::{BookingId, EventId, PaymentId, UserId};

/// How long a hold waits for a card that is being processed, in seconds, from the beginning of the processing.
pub const PROCESSING_MAX_S: i64 = 30 * 60;
/// How long a buyer who pays again has for one attempt, in seconds: no hold ends it.
pub const PAYING_AGAIN_MAX_S: i64 = 60 * 60;

/// The provider that takes the money.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProviderName {
    Stripe,
    /// The demo's, whose cards are not real.
    Demo,
    /// Staff: a bank transfer, an invoice, cash at the door.
    Offline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The provider has not answered yet.
    Creating,
    /// The buyer has to do something: give a card, prove who they are, transfer money.
    RequiresAction,
    /// The money is set aside for us and not taken.
    Authorized,
    Processing,
    Captured,
    Failed,
    Canceled,
    /// A person has to decide.
    NeedsReview,
}

/// One attempt to pay a booking.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    pub id: PaymentId,
    pub booking_id: BookingId,
    pub event_id: EventId,
    pub provider: ProviderName,
    pub method: Option<String>,
    pub state: PaymentState,
    pub amount: Money,
    /// The provider's name for it.
    pub provider_ref: Option<String>,
    pub client_secret: Option<String>,
    pub redirect_url: Option<String>,
    /// Where the provider sends the buyer's browser in the end.
    pub return_url: Option<String>,
    /// Where the money takes days: until when the hold waits for it. For staff it waits from the beginning, for a provider once
    /// the money is on its way.
    pub pay_by: Option<Timestamp>,
    /// Its buyer wants to pay another way: what it has not sold, it does not sell. Not where a payment was in process by then,
    /// which nobody can stop: that stays the way to pay.
    pub unwanted: bool,
    /// The booking was sold to it, and its money will not come: another attempt may pay in its place.
    pub owed: bool,
    /// The attempt that owes the booking its money, which this one pays in its place.
    pub instead_of: Option<PaymentId>,
    pub captured_amount: i64,
    pub refunded_amount: i64,
    pub fee_amount: i64,
    pub failure: Option<String>,
    pub created_at: Timestamp,
}

/// An attempt beside what it is to pay.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempted {
    pub attempt: Attempt,
    pub booking: Booking,
    /// By the database's clock.
    pub now: Timestamp,
}

/// The account that pays, as a provider may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer {
    pub user: UserId,
    pub provider: ProviderName,
    pub name: String,
    pub email: Option<String>,
    /// The provider's name for it, if it has been told of it.
    pub customer: Option<String>,
}

/// A payment as the provider knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    pub provider_ref: String,
    pub status: ChargeStatus,
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// The attempt that it says it is for.
    pub attempt: Option<PaymentId>,
    pub captured_amount: i64,
    pub fee_amount: i64,
    /// The means of payment, as the provider names it.
    pub method: Option<String>,
    pub client_secret: Option<String>,
    pub redirect_url: Option<String>,
    /// Why the last card was declined.
    pub failure: Option<String>,
    /// Money of it went back, or is disputed.
    pub has_moved: bool,
    /// The provider does not say its fee yet.
    pub fee_follows: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeStatus {
    /// It waits for the buyer.
    Open,
    Processing,
    Authorized,
    Captured,
    Canceled,
}

/// The next step, before the provider is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing before the buyer or the provider does something.
    Wait,
    /// Keep the hold until then.
    Hold {
        until: Timestamp,
    },
    /// Let the desk sell; if it refuses, see [`refused`].
    Sell,
    Capture,
    CancelCharge,
    /// The money is ours: book it.
    Settle,
    /// The money goes back, all of it; then it is settled.
    GiveBack,
    /// It ended without money.
    End,
    /// Somebody at the provider ended it, and not we: its booking ends, and then it.
    Release,
    /// The booking is sold and its money will not come: nothing is taken any more, the buyer is asked to pay again, and a person
    /// looks.
    Owe {
        reason: &'static str,
    },
    /// A person has to decide.
    Review {
        reason: &'static str,
    },
}

impl ProviderName {
    pub const ALL: [ProviderName; 3] = [
        ProviderName::Stripe,
        ProviderName::Demo,
        ProviderName::Offline,
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            ProviderName::Stripe => "stripe",
            ProviderName::Demo => "demo",
            ProviderName::Offline => "offline",
        }
    }

    /// Whether it knows buyers who come again.
    pub fn keeps_customers(self) -> bool {
        self == ProviderName::Stripe
    }

    pub fn parse(text: &str) -> Option<ProviderName> {
        let all = ProviderName::ALL.into_iter();
        all.into_iter().find(|name| name.as_str() == text)
    }
}

impl PaymentState {
    pub const ALL: [PaymentState; 8] = [
        PaymentState::Creating,
        PaymentState::RequiresAction,
        PaymentState::Authorized,
        PaymentState::Processing,
        PaymentState::Captured,
        PaymentState::Failed,
        PaymentState::Canceled,
        PaymentState::NeedsReview,
    ];

    /// As the database and the wire spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            PaymentState::Creating => "creating",
            PaymentState::RequiresAction => "requires_action",
            PaymentState::Authorized => "authorized",
            PaymentState::Processing => "processing",
            PaymentState::Captured => "captured",
            PaymentState::Failed => "failed",
            PaymentState::Canceled => "canceled",
            PaymentState::NeedsReview => "needs_review",
        }
    }

    pub fn parse(text: &str) -> Option<PaymentState> {
        PaymentState::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// Whether it may still lead to money.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            PaymentState::Creating
                | PaymentState::RequiresAction
                | PaymentState::Authorized
                | PaymentState::Processing
        )
    }
}

impl ChargeStatus {
    /// The state of a live attempt whose charge is so.
    pub fn state(self) -> PaymentState {
        match self {
            ChargeStatus::Open => PaymentState::RequiresAction,
            ChargeStatus::Processing => PaymentState::Processing,
            ChargeStatus::Authorized => PaymentState::Authorized,
            // Until it is settled.
            ChargeStatus::Captured => PaymentState::Authorized,
            ChargeStatus::Canceled => PaymentState::Canceled,
        }
    }
}

/// How the booking stands to the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StandingToAttempt {
    Held,
    Expired,
    PaidByThis,
    /// Sold to an attempt whose money did not come, in whose place this one pays.
    Owing,
    /// Sold to this attempt, and cancelled or refunded since: of money that came, its end says what goes back.
    EndedSince,
    /// Cancelled, refunded, paid otherwise, or at another price by now: it does not want this money.
    Elsewhere,
}

/// Whether the attempt stays unwanted by the charge that it has.
pub fn stays_unwanted(status: ChargeStatus) -> bool {
    status != ChargeStatus::Processing || mistaken!(LeaveInProcess)
}

fn standing(
    attempt: &Attempt,
    charge: &Charge,
    booking: &Booking,
    now: Timestamp,
) -> StandingToAttempt {
    let is_unwanted = attempt.unwanted && stays_unwanted(charge.status);
    let is_unpaid = matches!(
        booking.status,
        BookingStatus::Pending | BookingStatus::Expired
    );
    if is_unpaid && (booking.total != attempt.amount || is_unwanted) {
        // Its tickets were changed since, or its buyer pays another way: another attempt pays those.
        return StandingToAttempt::Elsewhere;
    }
    match booking.status {
        BookingStatus::Pending if booking.expires_at.is_some_and(|at| at <= now) => {
            StandingToAttempt::Expired
        }
        BookingStatus::Pending => StandingToAttempt::Held,
        BookingStatus::Expired => StandingToAttempt::Expired,
        BookingStatus::Confirmed if booking.payment_id == Some(attempt.id) => {
            StandingToAttempt::PaidByThis
        }
        // Also of a booking that has ended since: what goes back of it is its end's to say.
        BookingStatus::Confirmed | BookingStatus::Cancelled | BookingStatus::Refunded
            if is_paid_to_staff(attempt, booking) =>
        {
            StandingToAttempt::PaidByThis
        }
        BookingStatus::Confirmed if is_owed_to(attempt, booking) && !is_unwanted => {
            StandingToAttempt::Owing
        }
        BookingStatus::Cancelled | BookingStatus::Refunded
            if booking.payment_id == Some(attempt.id) =>
        {
            StandingToAttempt::EndedSince
        }
        BookingStatus::Confirmed | BookingStatus::Cancelled | BookingStatus::Refunded => {
            StandingToAttempt::Elsewhere
        }
    }
}

/// Whether the attempt pays what the booking still owes.
fn is_owed_to(attempt: &Attempt, booking: &Booking) -> bool {
    attempt.instead_of.is_some()
        && attempt.instead_of == booking.payment_id
        && booking.payment.as_ref().is_some_and(|payment| payment.owed)
        && booking.total == attempt.amount
}

fn is_paid_to_staff(attempt: &Attempt, booking: &Booking) -> bool {
    attempt.provider == ProviderName::Offline
        && booking.total == attempt.amount
        && booking.confirmed_at.is_some()
        && booking.paid_by.is_some_and(|by| by != PaidBy::Comp)
}

/// Means of payment of Stripe that have the money days after the buyer agreed, by Stripe's names.
const STRIPE_TAKES_DAYS: [&str; 11] = [
    "acss_debit",
    "au_becs_debit",
    "bacs_debit",
    "boleto",
    "customer_balance",
    "konbini",
    "multibanco",
    "oxxo",
    "sepa_debit",
    "sofort",
    "us_bank_account",
];

/// How long a hold waits for money that is paid in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As long as any hold.
    Minutes,
    /// Days, where the event's payment terms allow them; elsewhere as long as any hold.
    DaysOrMinutes,
    /// Days; an event without payment terms does not take it.
    Days,
}

/// Staff take cash from somebody who stands before them, or at the door in days; money of a bank is never there at once.
pub fn wait_of(provider: ProviderName, method: Option<&str>) -> Wait {
    match (provider, method) {
        (ProviderName::Offline, Some("transfer" | "invoice")) => Wait::Days,
        (ProviderName::Offline, Some("cash") | None) => Wait::DaysOrMinutes,
        (ProviderName::Stripe, Some(method)) if STRIPE_TAKES_DAYS.contains(&method) => Wait::Days,
        _ => Wait::Minutes,
    }
}

/// The charge of an attempt that staff settle: the booking says it.
pub fn offline_charge(attempt: &Attempt, booking: &Booking) -> Charge {
    let is_paid = is_paid_to_staff(attempt, booking);
    let (status, captured_amount) = match (is_paid, booking.status) {
        (true, _) => (ChargeStatus::Captured, attempt.amount.amount),
        (false, BookingStatus::Pending) if booking.total == attempt.amount && !attempt.unwanted => {
            (ChargeStatus::Open, 0)
        }
        (false, _) => (ChargeStatus::Canceled, 0),
    };
    Charge {
        provider_ref: attempt.id.to_string(),
        status,
        amount: attempt.amount.amount,
        currency: attempt.amount.currency.clone(),
        attempt: Some(attempt.id),
        captured_amount,
        fee_amount: 0,
        method: None,
        client_secret: None,
        redirect_url: None,
        failure: None,
        has_moved: false,
        fee_follows: false,
    }
}

/// The next step of an attempt that is live.
pub fn next(attempt: &Attempt, charge: &Charge, booking: &Booking, now: Timestamp) -> Next {
    if let Some(reason) = mismatch(attempt, charge) {
        return Next::Review { reason };
    }
    let standing = standing(attempt, charge, booking, now);
    match (charge.status, standing) {
        (ChargeStatus::Open, StandingToAttempt::Held) => match attempt.pay_by {
            Some(until) if attempt.provider == ProviderName::Offline => hold_until(until, booking),
            _ => Next::Wait,
        },
        (ChargeStatus::Open, StandingToAttempt::Owing) => {
            let age = now.duration_since(attempt.created_at).as_secs();
            match age < PAYING_AGAIN_MAX_S {
                true => Next::Wait,
                false => Next::CancelCharge,
            }
        }
        (
            ChargeStatus::Open,
            StandingToAttempt::Expired
            | StandingToAttempt::Elsewhere
            | StandingToAttempt::EndedSince,
        ) => Next::CancelCharge,
        (ChargeStatus::Processing, StandingToAttempt::Held) => match attempt.pay_by {
            Some(until) => hold_until(until, booking),
            None => hold(booking, now),
        },
        // It cannot be stopped: the money comes, or it does not.
        (ChargeStatus::Processing, _) => Next::Wait,
        (
            ChargeStatus::Authorized | ChargeStatus::Captured,
            StandingToAttempt::Held | StandingToAttempt::Expired | StandingToAttempt::Owing,
        ) => Next::Sell,
        (ChargeStatus::Authorized, StandingToAttempt::PaidByThis) => Next::Capture,
        // Nothing was taken yet, so nothing is kept.
        (
            ChargeStatus::Authorized,
            StandingToAttempt::Elsewhere | StandingToAttempt::EndedSince,
        ) => Next::CancelCharge,
        (ChargeStatus::Captured, StandingToAttempt::PaidByThis | StandingToAttempt::EndedSince) => {
            Next::Settle
        }
        (ChargeStatus::Captured, StandingToAttempt::Elsewhere) => Next::GiveBack,
        (ChargeStatus::Canceled | ChargeStatus::Open, StandingToAttempt::PaidByThis) => Next::Owe {
            reason: "the booking is confirmed and its money did not come",
        },
        // An attempt that we let go is not wanted any more, or has ended with us.
        (ChargeStatus::Canceled, StandingToAttempt::Held) => Next::Release,
        (ChargeStatus::Canceled, _) => Next::End,
    }
}

/// The next step when the desk has sold.
pub fn sold(charge: &Charge) -> Next {
    match charge.status {
        ChargeStatus::Captured => Next::Settle,
        _ => Next::Capture,
    }
}

/// The next step of a sale that the provider was asked to take the money for.
pub fn captured(attempt: &Attempt, charge: &Charge) -> Next {
    match (mismatch(attempt, charge), charge.status) {
        (Some(reason), _) => Next::Review { reason },
        (None, ChargeStatus::Captured) => Next::Settle,
        (None, _) => Next::Capture,
    }
}

/// The next step when the desk refuses to sell.
pub fn refused(charge: &Charge) -> Next {
    match charge.status {
        ChargeStatus::Captured => Next::GiveBack,
        _ => Next::CancelCharge,
    }
}

/// Whether the money of an attempt goes back, by its booking as it is when the money is booked: it may have been sold, or may
/// have ended, since the charge was looked at. `asked`: by that look the money is to go back. `is_staffs`: staff took it, and
/// the booking's end says what goes back of it; so it does where the booking `was_sold_for_it`.
pub fn goes_back(asked: bool, is_sold: bool, is_staffs: bool, was_sold_for_it: bool) -> bool {
    !was_sold_for_it && (asked || !is_sold && !is_staffs)
}

fn mismatch(attempt: &Attempt, charge: &Charge) -> Option<&'static str> {
    if charge.attempt.is_some_and(|id| id != attempt.id) {
        return Some("the provider has it for another booking");
    }
    let same = charge
        .currency
        .eq_ignore_ascii_case(&attempt.amount.currency);
    if charge.amount != attempt.amount.amount || !same {
        return Some("the provider has another amount");
    }
    let partly =
        charge.status == ChargeStatus::Captured && charge.captured_amount != attempt.amount.amount;
    partly.then_some("the provider took another amount")
}

fn hold_until(until: Timestamp, booking: &Booking) -> Next {
    match booking.expires_at.is_some_and(|at| at < until) {
        true => Next::Hold { until },
        false => Next::Wait,
    }
}

fn hold(booking: &Booking, now: Timestamp) -> Next {
    let since = booking.processing_since.unwrap_or(now);
    let until = since.saturating_add(SignedDuration::from_secs(PROCESSING_MAX_S));
    let until = until.unwrap_or(Timestamp::MAX);
    match booking.processing_since.is_some() || until <= now {
        true => Next::Wait,
        false => Next::Hold { until },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::record::PaymentSummary;
    use super::*;
    use uuid::Uuid;

    const ID: PaymentId = PaymentId(Uuid::from_u128(7));

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn euros(amount: i64) -> Money {
        Money {
            amount,
            currency: "EUR".to_owned(),
        }
    }

    fn attempt() -> Attempt {
        Attempt {
            id: ID,
            booking_id: BookingId(Uuid::nil()),
            event_id: EventId(1),
            provider: ProviderName::Stripe,
            method: None,
            state: PaymentState::RequiresAction,
            amount: euros(4_500),
            provider_ref: Some("pi_1".to_owned()),
            client_secret: None,
            redirect_url: None,
            return_url: None,
            pay_by: None,
            unwanted: false,
            owed: false,
            instead_of: None,
            captured_amount: 0,
            refunded_amount: 0,
            fee_amount: 0,
            failure: None,
            created_at: now(),
        }
    }

    fn charge(status: ChargeStatus) -> Charge {
        Charge {
            provider_ref: "pi_1".to_owned(),
            status,
            amount: 4_500,
            currency: "eur".to_owned(),
            attempt: Some(ID),
            captured_amount: match status {
                ChargeStatus::Captured => 4_500,
                _ => 0,
            },
            fee_amount: 0,
            method: None,
            client_secret: None,
            redirect_url: None,
            failure: None,
            has_moved: false,
            fee_follows: false,
        }
    }

    fn booking(status: BookingStatus, payment: Option<PaymentId>) -> Booking {
        Booking {
            id: BookingId(Uuid::nil()),
            version: 1,
            reference: "BK-7F3K9Q".into(),
            event_id: EventId(1),
            user_id: None,
            kind: crate::ticketing::record::BookingKind::Checkout,
            status,
            quantity: 1,
            total: euros(4_500),
            items: Vec::new(),
            lines: Vec::new(),
            tickets: Vec::new(),
            expires_at: Some("2026-11-21T12:10:00Z".parse().unwrap()),
            created_at: now(),
            confirmed_at: None,
            paid_by: None,
            payment_id: payment,
            extended_at: None,
            processing_since: None,
            cancel_reason: None,
            payment: None,
        }
    }

    #[test]
    fn every_case_has_its_step() {
        use BookingStatus::{Cancelled, Confirmed, Expired, Pending, Refunded};
        use ChargeStatus::{Authorized, Canceled, Captured, Open, Processing};
        let owe = Next::Owe {
            reason: "the booking is confirmed and its money did not come",
        };
        let until = "2026-11-21T12:30:00Z".parse().unwrap();
        let other = Some(PaymentId(Uuid::from_u128(8)));
        for (status, booked, paid, expected) in [
            (Open, Pending, None, Next::Wait),
            (Open, Expired, None, Next::CancelCharge),
            (Open, Cancelled, None, Next::CancelCharge),
            (Open, Confirmed, other, Next::CancelCharge),
            (Open, Confirmed, Some(ID), owe.clone()),
            (Processing, Pending, None, Next::Hold { until }),
            (Processing, Expired, None, Next::Wait),
            (Processing, Cancelled, None, Next::Wait),
            (Authorized, Pending, None, Next::Sell),
            (Authorized, Expired, None, Next::Sell),
            (Authorized, Confirmed, Some(ID), Next::Capture),
            (Authorized, Confirmed, None, Next::CancelCharge),
            (Authorized, Refunded, None, Next::CancelCharge),
            (Captured, Pending, None, Next::Sell),
            (Captured, Expired, None, Next::Sell),
            (Captured, Confirmed, Some(ID), Next::Settle),
            (Captured, Confirmed, other, Next::GiveBack),
            (Captured, Cancelled, None, Next::GiveBack),
            (Captured, Cancelled, other, Next::GiveBack),
            // Its owner cancelled what was sold: the policy says what goes back.
            (Captured, Cancelled, Some(ID), Next::Settle),
            (Captured, Refunded, Some(ID), Next::Settle),
            (Authorized, Cancelled, Some(ID), Next::CancelCharge),
            (Open, Cancelled, Some(ID), Next::CancelCharge),
            (Canceled, Cancelled, Some(ID), Next::End),
            (Canceled, Pending, None, Next::Release),
            (Canceled, Cancelled, None, Next::End),
            (Canceled, Expired, None, Next::End),
            (Canceled, Confirmed, Some(ID), owe),
        ] {
            let step = next(&attempt(), &charge(status), &booking(booked, paid), now());
            assert_eq!(step, expected, "{status:?} {booked:?} {paid:?}");
        }
    }

    #[test]
    fn what_is_owed_is_paid_by_another_attempt_for_as_long_as_it_is_owed() {
        use ChargeStatus::{Authorized, Canceled, Captured, Open, Processing};
        let first = PaymentId(Uuid::from_u128(6));
        let again = Attempt {
            instead_of: Some(first),
            ..attempt()
        };
        let mut owing = booking(BookingStatus::Confirmed, Some(first));
        owing.payment = Some(PaymentSummary {
            id: again.id,
            provider: ProviderName::Stripe,
            method: None,
            state: PaymentState::RequiresAction,
            amount: euros(4_500),
            refunded: euros(0),
            failure: None,
            owed: true,
        });
        let step = |of: &Booking, status| next(&again, &charge(status), of, now());
        for (status, expected) in [
            (Open, Next::Wait),
            (Processing, Next::Wait),
            (Authorized, Next::Sell),
            (Captured, Next::Sell),
            (Canceled, Next::End),
        ] {
            assert_eq!(step(&owing, status), expected, "{status:?}");
        }
        let late = "2026-11-21T13:00:00Z".parse().unwrap();
        let open = charge(Open);
        assert_eq!(next(&again, &open, &owing, late), Next::CancelCharge);
        // A person has decided, or it was cancelled, or another attempt paid it.
        let mut settled = owing.clone();
        settled.payment = None;
        let cancelled = booking(BookingStatus::Cancelled, Some(first));
        let paid = booking(
            BookingStatus::Confirmed,
            Some(PaymentId(Uuid::from_u128(5))),
        );
        for of in [settled, cancelled, paid] {
            assert_eq!(step(&of, Open), Next::CancelCharge, "{of:?}");
            assert_eq!(step(&of, Authorized), Next::CancelCharge, "{of:?}");
            assert_eq!(step(&of, Captured), Next::GiveBack, "{of:?}");
        }
    }

    #[test]
    fn other_tickets_are_not_sold_for_the_money_of_the_first() {
        for status in [BookingStatus::Pending, BookingStatus::Expired] {
            let mut changed = booking(status, None);
            changed.total = euros(13_500);
            let step = |status| next(&attempt(), &charge(status), &changed, now());
            assert_eq!(step(ChargeStatus::Open), Next::CancelCharge);
            assert_eq!(step(ChargeStatus::Authorized), Next::CancelCharge);
            assert_eq!(step(ChargeStatus::Captured), Next::GiveBack);
        }
    }

    #[test]
    fn what_is_not_the_attempts_is_never_sold() {
        let held = booking(BookingStatus::Pending, None);
        let wrong = |change: fn(&mut Charge)| {
            let mut charge = charge(ChargeStatus::Captured);
            change(&mut charge);
            matches!(next(&attempt(), &charge, &held, now()), Next::Review { .. })
        };
        assert!(wrong(|charge| charge.amount = 4_499));
        assert!(wrong(|charge| charge.currency = "USD".to_owned()));
        assert!(wrong(|charge| charge.captured_amount = 100));
        assert!(wrong(|charge| charge.attempt = Some(PaymentId(Uuid::nil()))));
    }

    #[test]
    fn a_hold_past_its_deadline_counts_as_expired_and_one_that_waits_waits_once() {
        let mut held = booking(BookingStatus::Pending, None);
        held.processing_since = Some(now());
        let processing = charge(ChargeStatus::Processing);
        assert_eq!(next(&attempt(), &processing, &held, now()), Next::Wait);
        let open = charge(ChargeStatus::Open);
        let late = "2026-11-21T12:10:00Z".parse().unwrap();
        assert_eq!(next(&attempt(), &open, &held, late), Next::CancelCharge);
    }

    #[test]
    fn a_hold_waits_for_a_transfer_until_its_own_deadline() {
        let mut held = booking(BookingStatus::Pending, None);
        let until: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let transfer = Attempt {
            provider: ProviderName::Offline,
            pay_by: Some(until),
            ..attempt()
        };
        let open = charge(ChargeStatus::Open);
        assert_eq!(next(&transfer, &open, &held, now()), Next::Hold { until });
        held.expires_at = Some(until);
        assert_eq!(next(&transfer, &open, &held, now()), Next::Wait);
    }

    #[test]
    fn a_hold_waits_for_a_debit_only_once_it_is_on_its_way() {
        let mut held = booking(BookingStatus::Pending, None);
        let until: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let debit = Attempt {
            method: Some("sepa_debit".to_owned()),
            pay_by: Some(until),
            ..attempt()
        };
        let open = charge(ChargeStatus::Open);
        assert_eq!(next(&debit, &open, &held, now()), Next::Wait);
        let processing = charge(ChargeStatus::Processing);
        assert_eq!(
            next(&debit, &processing, &held, now()),
            Next::Hold { until }
        );
        held.expires_at = Some(until);
        assert_eq!(next(&debit, &processing, &held, now()), Next::Wait);
    }

    #[test]
    fn a_hold_waits_for_money_as_long_as_its_way_takes() {
        for (of, by, wait) in [
            (ProviderName::Offline, Some("transfer"), Wait::Days),
            (ProviderName::Offline, Some("invoice"), Wait::Days),
            (ProviderName::Stripe, Some("sepa_debit"), Wait::Days),
            (ProviderName::Offline, Some("cash"), Wait::DaysOrMinutes),
            (ProviderName::Offline, None, Wait::DaysOrMinutes),
            (ProviderName::Offline, Some("beads"), Wait::Minutes),
            (ProviderName::Stripe, Some("card"), Wait::Minutes),
            (ProviderName::Stripe, Some("transfer"), Wait::Minutes),
            (ProviderName::Stripe, None, Wait::Minutes),
            (ProviderName::Demo, Some("sepa_debit"), Wait::Minutes),
            (ProviderName::Demo, None, Wait::Minutes),
        ] {
            assert_eq!(wait_of(of, by), wait, "{of:?} {by:?}");
        }
    }

    #[test]
    fn money_goes_back_by_its_booking_as_it_is_when_it_is_booked() {
        for (asked, is_sold, is_staffs, was_sold_for_it, back) in [
            (false, true, false, true, false),
            // Refused at the desk, and sold by another look at the same attempt.
            (true, true, false, true, false),
            // Sold for other money.
            (true, true, false, false, true),
            // Held or cancelled.
            (true, false, false, false, true),
            (false, false, false, false, true),
            // Sold for it, and cancelled since.
            (false, false, false, true, false),
            (false, false, true, false, false),
        ] {
            let goes = goes_back(asked, is_sold, is_staffs, was_sold_for_it);
            assert_eq!(
                goes, back,
                "{asked} {is_sold} {is_staffs} {was_sold_for_it}"
            );
        }
    }

    #[test]
    fn a_refused_sale_gives_the_money_back_or_never_takes_it() {
        assert_eq!(refused(&charge(ChargeStatus::Captured)), Next::GiveBack);
        assert_eq!(
            refused(&charge(ChargeStatus::Authorized)),
            Next::CancelCharge
        );
    }
}
