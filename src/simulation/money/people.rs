//! People who buy, those who sell, and what ends holds.

use serde_json::json;

use super::super::clockwork::{now_ms, pause};
use super::bank::{cancel_there, fail, give_back_there, lapse, pay};
use super::mails::{letter_job, offer_key, reminder_key, sent_payload};
use super::world::{Handed, MoneyShared, MoneyWorld, PRICE, Sale, at, euros};
use super::{EVENT, FAULTS_MS, MoneyCheck, TYPE};
use crate::desk::{Change, DeskError};
use crate::payments::drive::{Driven, PaymentTable, drive, start};
use crate::payments::give_back::{RefundOrder, give, with_cancellation};
use crate::payments::refunds;
use crate::payments::refunds::RefundTable;
use crate::store::letters::PAYMENT_REMINDER_JOB;
use crate::store::payments::payment_job;
use crate::store::transfers::{
    TICKET_GIVEN_JOB, TICKET_SENT_JOB, TRANSFER_OFFER_JOB, given_key, sent_key,
};
use crate::ticketing::payment::{Attempt, ChargeStatus, PaymentState, ProviderName};
use crate::ticketing::record::{Booking, BookingStatus, TicketStatus};
use crate::ticketing::refund::RefundWish;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::stock::{Claim, ClaimState};
use crate::ticketing::transition::{Canceller, Standing, Transition};
use crate::ticketing::{BookingId, ClaimId, PaymentId, TransferId, UserId};

const HOLD_MS: u64 = 60_000;
/// Buyers with an account, and one place for those without.
const ACCOUNTS: usize = 4;
/// How long before a hold's end its buyer is reminded.
const REMINDED_MS: u64 = 25_000;
/// Buyers who want to be told before their hold ends.
const SUBSCRIBED_PERCENT: u64 = 40;
/// How long buyers who ask for another method wait for the moment in which their first one is worked on.
const AT_WORK_MS_MAX: u64 = 20_000;
pub(super) const BUYER_MS_MAX: u64 = 8_000;

/// Ends holds at their deadline, and writes reminders before it.
pub(super) async fn sweep(world: MoneyWorld) {
    while !world.with(|shared| shared.is_over) {
        pause(500).await;
        world.with(|shared| {
            let mut due = Vec::new();
            for (id, sale) in &mut shared.sales {
                let booking = &mut sale.standing.booking;
                let Some(deadline) = booking.expires_at else {
                    continue;
                };
                if booking.status != BookingStatus::Pending {
                    continue;
                }
                if deadline <= at(now_ms()) {
                    booking.status = BookingStatus::Expired;
                    sale.over_ms = Some(now_ms());
                    booking.version += 1;
                    sale.standing.claims.clear();
                } else if deadline <= at(now_ms() + REMINDED_MS) && sale.begun_ms.is_none() {
                    due.push(*id);
                }
            }
            for id in due {
                let payload = json!({ "booking_id": id });
                shared.keep(&letter_job(PAYMENT_REMINDER_JOB, reminder_key(id), payload));
            }
        });
    }
}

pub(super) async fn buyers(world: MoneyWorld) {
    while now_ms() < FAULTS_MS {
        world.wait(10, BUYER_MS_MAX).await;
        world.spawn(None, buyer(world.clone()));
    }
}

/// Holds, begins to pay, and does with the card whatever people do.
async fn buyer(world: MoneyWorld) {
    let Some(booking) = hold(&world) else { return };
    if world.chance(30) {
        world.wait(1_000, 70_000).await;
    }
    let Some(attempt) = begin(&world, booking) else {
        return;
    };
    // As the request does, whose node may die at any point.
    let started = start(&world, &world, &attempt).await;
    if let Ok(charge) = &started
        && world.chance(80)
    {
        let _ = world.heard(&attempt, charge).await;
    }
    let does = world.with(|shared| shared.dice.below(10));
    if world.chance(20) {
        world.spawn(None, pay_otherwise(world.clone(), booking, attempt.id));
    }
    // Some come back to their page after the deadline.
    match world.chance(30) {
        true => world.wait(50_000, 120_000).await,
        false => world.wait(500, 20_000).await,
    }
    match does {
        // Given back, perhaps while the card is on its way.
        0 => world.spawn(None, cancel(world.clone(), booking, Canceller::Owner)),
        1 => return,
        4 => return cancel_there(&world, attempt.id),
        2 | 3 => {
            pay(&world, attempt.id, ChargeStatus::Processing);
            world.wait(1_000, 90_000).await;
            if world.chance(30) {
                return fail(&world, attempt.id);
            }
        }
        _ => {}
    }
    pay(&world, attempt.id, ChargeStatus::Authorized);
    if world.chance(5) {
        world.wait(1, 3_000).await;
        lapse(&world, attempt.id);
    }
    if world.chance(50) {
        world.spawn(None, pay_again(world.clone(), booking));
    }
    afterwards(&world, booking, attempt.id).await;
}

/// Pays what is owed, as often as it takes; some leave the page.
async fn pay_again(world: MoneyWorld, booking: BookingId) {
    while now_ms() < FAULTS_MS {
        world.wait(5_000, 40_000).await;
        let is_live = |shared: &mut MoneyShared| {
            let mut attempts = shared.attempts.values();
            attempts.any(|of| of.booking_id == booking && of.state.is_live())
        };
        if world.with(is_live) {
            continue;
        }
        let Some(attempt) = begin(&world, booking) else {
            continue;
        };
        if let Ok(charge) = start(&world, &world, &attempt).await {
            let _ = world.heard(&attempt, &charge).await;
        }
        world.wait(500, 20_000).await;
        if world.chance(10) {
            return;
        }
        pay(&world, attempt.id, ChargeStatus::Authorized);
    }
}

/// Asks to pay by another method, as the request does: lets the attempt go beside its job, and begins another.
async fn pay_otherwise(world: MoneyWorld, booking: BookingId, first: PaymentId) {
    world.wait(500, 25_000).await;
    if world.chance(50) {
        until_at_work(&world, first).await;
    }
    let unwanted = world.store(|shared| {
        let attempt = shared.attempts.get_mut(&first)?;
        let has_begun = matches!(
            attempt.state,
            PaymentState::Creating | PaymentState::RequiresAction
        );
        has_begun.then(|| attempt.unwanted = true)
    });
    let Ok(Some(())) = unwanted.await else { return };
    let driven = drive(&world, &world, &world, first).await;
    let is_live = world.with(|shared| {
        let attempt = shared.attempts[&first].clone();
        let is_stuck = attempt.state.is_live() && attempt.unwanted;
        if is_stuck && matches!(driven, Driven::Waits { .. }) {
            let what = format!("{first} is not wanted, and stays in the way");
            shared.fail(MoneyCheck::Begun, what);
        }
        attempt.state.is_live()
    });
    let Some(second) = (!is_live).then(|| begin(&world, booking)).flatten() else {
        return;
    };
    if let Ok(charge) = start(&world, &world, &second).await {
        let _ = world.heard(&second, &charge).await;
    }
    world.wait(500, 20_000).await;
    pay(&world, second.id, ChargeStatus::Authorized);
}

/// Until a node is at the attempt's job, or has been idle for long.
async fn until_at_work(world: &MoneyWorld, id: PaymentId) {
    let key = payment_job(id).key;
    let is_at_work = |shared: &mut MoneyShared| {
        let job = shared.job(&key);
        job.is_some_and(|job| job.at_work.is_some())
    };
    let until_ms = now_ms() + AT_WORK_MS_MAX;
    while now_ms() < until_ms && !world.with(is_at_work) {
        pause(2).await;
    }
}

/// The fate of a booking that was paid.
async fn afterwards(world: &MoneyWorld, booking: BookingId, payment: PaymentId) {
    // Also while the money comes in.
    world.wait(1, 60_000).await;
    match world.with(|shared| shared.dice.below(10)) {
        0 | 1 => give_back_there(world, payment),
        2 => cancel(world.clone(), booking, Canceller::Staff).await,
        3 => cancel(world.clone(), booking, Canceller::Owner).await,
        4 => refund(world, booking, RefundWish::All).await,
        5 => {
            // Twice the same amount: two refunds.
            for _ in 0..2 {
                refund(world, booking, RefundWish::Amount(PRICE / 3)).await;
            }
        }
        6 => hand_on(world, booking).await,
        7 => one_ticket(world, booking).await,
        8 => part_while_cancelled(world, booking).await,
        _ => {}
    }
    if world.chance(20) {
        world.wait(1_000, 60_000).await;
        refund(world, booking, RefundWish::All).await;
    }
}

fn hold(world: &MoneyWorld) -> Option<BookingId> {
    world.with(|shared| {
        let quantity = shared.dice.between(1, 3) as i64;
        if shared.left() < quantity {
            return None;
        }
        let id = BookingId(shared.id());
        let user = Some(shared.dice.below(ACCOUNTS)).filter(|user| *user > 0);
        let user = user.map(|user| UserId(user as i64));
        shared.count += 1;
        let claim = Claim {
            id: ClaimId(shared.count as i64),
            ticket_type_id: TYPE,
            seat_id: None,
            quantity,
            state: ClaimState::Held,
            voucher_id: None,
        };
        let sale = Sale {
            standing: Standing {
                booking: pending(id, quantity, user),
                claims: vec![claim],
                absorbed_fee_amount: None,
                has_address: true,
                drew: [].into(),
            },
            begun_ms: None,
            undone_ms: None,
            over_ms: None,
            is_cancelled_by_staff: false,
            was_confirmed: false,
        };
        shared.sales.insert(id, sale);
        if shared.dice.percent(SUBSCRIBED_PERCENT) {
            shared.subscribe(id);
        }
        Some(id)
    })
}

fn pending(id: BookingId, quantity: i64, user: Option<UserId>) -> Booking {
    let whole = json!({
        "id": id, "version": 1, "reference": "BK-7F3K9Q", "event_id": EVENT, "user_id": user, "status": "pending",
        "quantity": quantity, "total": euros(quantity * PRICE), "tickets": [], "lines": [],
        "items": [{
            "ticket_type_id": TYPE, "name": "Standing", "quantity": quantity, "unit_price": euros(PRICE), "seats": [],
        }],
        "expires_at": at(now_ms() + HOLD_MS), "created_at": at(now_ms()), "confirmed_at": null, "cancel_reason": null,
    });
    serde_json::from_value(whole).unwrap_or_else(|error| panic!("a booking: {error}"))
}

/// Writes the attempt, with the job that goes on with it. The hold is not extended: late money is what this is about.
fn begin(world: &MoneyWorld, booking: BookingId) -> Option<Attempt> {
    world.with(|shared| {
        let id = PaymentId(shared.id());
        let is_owed = shared.is_owed(&shared.sales.get(&booking)?.standing.booking);
        let sale = shared.sales.get_mut(&booking)?;
        let of = &sale.standing.booking;
        let is_over = of
            .expires_at
            .is_some_and(|deadline| deadline <= at(now_ms()));
        let is_held = of.status == BookingStatus::Pending && !is_over;
        let instead_of = of.payment_id.filter(|_| is_owed);
        if !is_held && instead_of.is_none() {
            return None;
        }
        sale.begun_ms = sale.begun_ms.or(Some(now_ms()));
        let attempt = Attempt {
            id,
            booking_id: booking,
            event_id: EVENT,
            provider: ProviderName::Stripe,
            method: None,
            state: PaymentState::Creating,
            amount: of.total.clone(),
            provider_ref: None,
            client_secret: None,
            redirect_url: None,
            return_url: None,
            pay_by: None,
            unwanted: false,
            owed: false,
            instead_of,
            captured_amount: 0,
            refunded_amount: 0,
            fee_amount: 0,
            failure: None,
            created_at: at(now_ms()),
        };
        shared.attempts.insert(id, attempt.clone());
        shared.ring(&payment_job(id), 60_000);
        Some(attempt)
    })
}

/// As the request does: reads, and asks the desk, again until it is answered.
async fn cancel(world: MoneyWorld, id: BookingId, by: Canceller) {
    loop {
        let read = world.booking_of(id).await;
        if let Ok(Some(booking)) = read {
            // The request waits for its turn at the desk, and is paid meanwhile.
            if world.chance(50) {
                world.wait(1, 4_000).await;
            }
            // Owners have a policy for what they have paid; staff may give all of it back.
            let as_unpaid = by == Canceller::Owner && !booking.is_paid();
            let cancel = Transition::Cancel {
                by,
                reason: Some("it rains".to_owned()),
                as_unpaid,
            };
            let mut change = Change::new(EVENT, id, cancel);
            change.with = with_cancellation(&booking, None);
            match world.change(&change).await {
                // It was paid meanwhile, and is looked at again.
                Err(DeskError::Refused(Refusal::InvalidTransition {
                    from: BookingStatus::Confirmed,
                    ..
                })) if as_unpaid => {}
                Ok(_) | Err(DeskError::Refused(_)) => break,
                Err(_) => {}
            }
        }
        pause(1_000).await;
    }
    world.with(|shared| {
        let sale = shared.sales.get_mut(&id);
        let cancelled = |sale: &&mut Sale| sale.standing.booking.status == BookingStatus::Cancelled;
        if let Some(sale) = sale.filter(cancelled) {
            // Their own may have been first, and whoever cancels it again sends no other mail.
            sale.is_cancelled_by_staff |= by == Canceller::Staff;
        }
        let key = format!("cancellation-{id}");
        let is_written = shared.job(&key).is_some();
        if let Some(sale) = shared.sales.get_mut(&id) {
            sale.is_cancelled_by_staff &= is_written;
        }
    });
}

/// Staff give money back, again until they are answered.
async fn refund(world: &MoneyWorld, booking: BookingId, wish: RefundWish) {
    let key = world.with(|shared| shared.id()).to_string();
    let drive = |id| refunds::drive(world, world, world, id);
    loop {
        let wish = RefundOrder {
            booking,
            payment: None,
            wish: wish.clone(),
            reason: "kindness",
            key: &key,
            audit: None,
            asked: None,
        };
        match give(world, drive, wish).await {
            Ok(given) => {
                return world.with(|shared| shared.tell(|| format!("refund {key}: {given:?}")));
            }
            Err(_) => pause(1_000).await,
        }
    }
}

/// Two of the staff give the same ticket back, at once, and the rest of the booking stays.
async fn one_ticket(world: &MoneyWorld, booking: BookingId) {
    let code = world.with(|shared| {
        let tickets = &shared.sales.get(&booking)?.standing.booking.tickets;
        Some(tickets.first()?.code.clone())
    });
    let Some(code) = code else { return };
    let wish = RefundWish::Tickets([code].into());
    let (other, wished) = (world.clone(), wish.clone());
    world.spawn(None, async move { refund(&other, booking, wished).await });
    refund(world, booking, wish).await;
}

/// One of the staff gives a part of the money back while another one cancels the booking.
async fn part_while_cancelled(world: &MoneyWorld, booking: BookingId) {
    let other = world.clone();
    world.spawn(None, async move {
        other.wait(1, 10_000).await;
        refund(&other, booking, RefundWish::Amount(PRICE / 3)).await;
    });
    cancel(world.clone(), booking, Canceller::Staff).await;
}

/// Offers a ticket to somebody, who accepts it or not.
async fn hand_on(world: &MoneyWorld, booking: BookingId) {
    let offered = world.with(|shared| {
        let tickets = &shared.sales.get(&booking)?.standing.booking.tickets;
        let valid = tickets
            .iter()
            .find(|ticket| ticket.status == TicketStatus::Valid);
        let code = valid?.code.clone();
        let id = TransferId(shared.id());
        let handed = Handed {
            booking,
            code: code.clone(),
            is_accepted: false,
            closed_ms: None,
        };
        shared.handed.insert(id, handed);
        let payload = json!({ "transfer_id": id, "event_id": EVENT });
        shared.keep(&letter_job(TRANSFER_OFFER_JOB, offer_key(id), payload));
        Some((id, code))
    });
    let Some((id, code)) = offered else { return };
    world.wait(10, 40_000).await;
    let accepts = world.chance(70);
    world.with(|shared| {
        let Some(handed) = shared.handed.get_mut(&id) else {
            return;
        };
        handed.closed_ms = Some(now_ms());
        let Some(sale) = shared.sales.get_mut(&booking) else {
            return;
        };
        let stands = sale.standing.booking.status == BookingStatus::Confirmed;
        let tickets = &mut sale.standing.booking.tickets;
        let ticket = tickets.iter_mut().find(|ticket| ticket.code == code);
        let valid = ticket.filter(|ticket| ticket.status == TicketStatus::Valid);
        let Some(ticket) = valid.filter(|_| accepts && stands) else {
            return;
        };
        ticket.status = TicketStatus::Transferred;
        handed.is_accepted = true;
        shared.keep(&letter_job(TICKET_SENT_JOB, sent_key(id), sent_payload(id)));
        let payload = json!({ "transfer_id": id, "email": null, "lang": null });
        shared.keep(&letter_job(TICKET_GIVEN_JOB, given_key(id), payload));
    });
}
