//! The rules of a booking that stands: it is confirmed, cancelled, refunded, or its hold ends.
//!
//! | from | confirm | extend, processing, await, swap, accept | cancel | refund | reclaim | release, deadline |
//! |---|---|---|---|---|---|---|
//! | pending | sold, with tickets | its deadline comes later; other stock in place of its own; an offer becomes a checkout | its stock is left again | – | as confirm | its stock is left again |
//! | confirmed | paid the same way: as it is | – | tickets void, stock left; not once somebody was admitted, and by its owner not from the event's start on, nor while somebody else holds one of its tickets; with its event always, and used tickets stay used | tickets void, stock left; `refunded` with the last of them | of the same payment: as it is; of one in place of the payment that owes its money: paid by that | – |
//! | cancelled | – | – | as it is | – | – | – |
//! | expired | – | – | – | – | takes the same stock again, and is sold | – |
//! | refunded | – | – | – | as it is | – | – |
//!
//! «As it is»: the caller repeats a request whose answer was lost, and is told what was done.

mod swap;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

pub use self::swap::{KeptPlace, kept_places};
use super::booking::Request;
use super::live::EventStatus;
use super::record::{Booking, BookingKind, BookingStatus, Money, PaidBy, TicketStatus};
use super::refusal::Refusal;
use super::stock::{Claim, ClaimState, Stock};
use super::{BookingId, PaymentId, PoolId, SeatId, TicketTypeId, UserId, VoucherId};

/// Seconds that a buyer who has begun to pay is sure to have left, once for a booking.
pub const EXTENSION_S: i64 = 5 * 60;

/// A booking as it stands under its event's turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub booking: Booking,
    /// The live ones.
    pub claims: Vec<Claim>,
    /// Fees that the organizer pays, where a swap has computed them anew.
    pub absorbed_fee_amount: Option<i64>,
    /// Its buyer has an account, or gave an address for mails.
    pub has_address: bool,
    /// Of a booking that ended and is to be given again: the voucher of whose reserve each ticket type was taken.
    pub drew: BTreeMap<TicketTypeId, VoucherId>,
}

/// A pending booking whose deadline has passed.
#[derive(Debug, Clone, PartialEq)]
pub struct OverdueHold {
    pub booking_id: BookingId,
    pub user_id: Option<UserId>,
    /// The live ones.
    pub claims: Vec<Claim>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    Confirm {
        paid: Paid,
    },
    /// The buyer has begun to pay.
    Extend,
    /// The provider works on a payment: the hold waits for it until then.
    Processing {
        until: Timestamp,
    },
    /// Staff are to be paid within days: the hold waits until then. Nothing is under way yet, so its tickets may still be
    /// swapped.
    Await {
        until: Timestamp,
    },
    /// Other tickets in place of the booking's, until the same deadline.
    Swap(Box<Request>),
    /// Its buyer takes an offer of the waitlist, and will pay it; what costs nothing is theirs at once.
    Accept,
    /// Confirms with money that may have come after the deadline.
    Reclaim {
        payment: PaymentId,
        /// The amount that was paid. A booking that costs something else by now is not sold for it.
        amount: Money,
        /// The booking's seats; the stock has to know them.
        seats: Vec<SeatId>,
        /// The payment that owes the booking its money, in whose place this one pays.
        instead_of: Option<PaymentId>,
    },
    Cancel {
        by: Canceller,
        reason: Option<String>,
        /// It was judged as a booking that nobody has paid: one that was paid since is refused, and judged again.
        as_unpaid: bool,
    },
    /// Takes tickets back, by their codes; `None`: all of them.
    Refund {
        tickets: Option<BTreeSet<String>>,
        /// Also those with which somebody was admitted.
        used_too: bool,
        /// Their owner gives them back: none that somebody else holds.
        by_owner: bool,
    },
    /// Ends a hold, and nothing that was sold meanwhile. The server's own reasons are [`SEATS_WITHDRAWN`] and
    /// [`PAYMENT_CANCELED`].
    Release {
        by: Canceller,
        reason: Option<String>,
        only: Releases,
    },
}

/// The holds that a release ends. It does nothing to one that has become another meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Releases {
    Any,
    /// Offers of the waitlist that nobody accepted yet.
    Offers,
}

/// The reason on a booking that ended because an organizer took its seats off sale. Mails and pages have other words for it.
pub const SEATS_WITHDRAWN: &str = "seats withdrawn by the organizer";
/// The reason on a booking whose payment somebody cancelled at the provider.
pub const PAYMENT_CANCELED: &str = "the payment was cancelled at the provider";

/// How a booking was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paid {
    ByStaff(PaidBy),
    ByPayment(PaymentId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canceller {
    Owner,
    /// The event's organizer, or an admin.
    Staff,
    /// The cancellation of the event.
    Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    Now,
    /// An earlier request did it.
    Before,
}

impl Transition {
    pub fn to(&self) -> BookingStatus {
        match self {
            Transition::Confirm { .. } | Transition::Reclaim { .. } => BookingStatus::Confirmed,
            Transition::Extend
            | Transition::Processing { .. }
            | Transition::Await { .. }
            | Transition::Swap(_)
            | Transition::Accept => BookingStatus::Pending,
            Transition::Cancel { .. } | Transition::Release { .. } => BookingStatus::Cancelled,
            Transition::Refund { .. } => BookingStatus::Refunded,
        }
    }
}

/// Changes the booking, its claims and the stock, or refuses and leaves all as they were. The tickets of a
/// confirmation are the caller's to make: their codes are drawn.
pub fn decide(
    stock: &mut Stock,
    standing: &mut Standing,
    transition: &Transition,
    now: Timestamp,
) -> Result<Moved, Refusal> {
    match transition {
        Transition::Confirm { paid } => confirm(stock, standing, *paid, now),
        Transition::Extend => extend(&mut standing.booking, now),
        Transition::Processing { until } => processing(&mut standing.booking, *until, now),
        Transition::Await { until } => await_staff(&mut standing.booking, *until, now),
        Transition::Swap(request) => swap::swap(stock, standing, request, now),
        Transition::Accept => accept(stock, standing, now),
        Transition::Reclaim {
            payment,
            instead_of: owing @ Some(_),
            ..
        } if standing.booking.status == BookingStatus::Confirmed
            && standing.booking.payment_id == *owing =>
        {
            // Its stock and its tickets stay as they are.
            standing.booking.payment_id = Some(*payment);
            standing.booking.version += 1;
            Ok(Moved::Now)
        }
        Transition::Reclaim {
            payment, amount, ..
        } => reclaim(stock, standing, *payment, amount, now),
        Transition::Cancel {
            as_unpaid: true, ..
        } if status(&standing.booking, now) == BookingStatus::Confirmed
            && standing.booking.is_paid()
            && !mistaken!(CancelPaid) =>
        {
            Err(invalid(BookingStatus::Confirmed, BookingStatus::Cancelled))
        }
        Transition::Cancel { by, reason, .. } => {
            cancel(stock, standing, *by, reason.as_deref(), now)
        }
        Transition::Refund {
            tickets,
            used_too,
            by_owner,
        } => {
            let whose = (*used_too, *by_owner);
            refund(stock, standing, tickets.as_ref(), whose, now)
        }
        Transition::Release { by, reason, only } => match status(&standing.booking, now) {
            from @ BookingStatus::Confirmed => Err(invalid(from, BookingStatus::Cancelled)),
            BookingStatus::Pending if !is_meant(standing, only) => Ok(Moved::Before),
            _ => cancel(stock, standing, *by, reason.as_deref(), now),
        },
    }
}

/// Its buyer may have accepted the offer.
fn is_meant(standing: &Standing, only: &Releases) -> bool {
    match only {
        Releases::Any => true,
        Releases::Offers => standing.booking.kind == BookingKind::Offer,
    }
}

/// The hold ends at its deadline: its stock is on sale again, its buyer may book again.
pub fn expire(stock: &mut Stock, hold: &OverdueHold) {
    release(stock, hold.booking_id, hold.user_id, &hold.claims);
}

/// All of the claims is left again, as it may be after a change.
pub fn free(stock: &mut Stock, claims: &[Claim]) {
    for claim in claims {
        stock.give_back(claim);
    }
}

fn confirm(
    stock: &mut Stock,
    standing: &mut Standing,
    paid: Paid,
    now: Timestamp,
) -> Result<Moved, Refusal> {
    match status(&standing.booking, now) {
        BookingStatus::Pending => {}
        BookingStatus::Confirmed if is_paid(&standing.booking, paid) => return Ok(Moved::Before),
        from => return Err(invalid(from, BookingStatus::Confirmed)),
    }
    sell(stock, standing, paid, now)
}

fn sell(
    stock: &mut Stock,
    standing: &mut Standing,
    paid: Paid,
    now: Timestamp,
) -> Result<Moved, Refusal> {
    check_whole(standing)?;
    for claim in &mut standing.claims {
        stock.sell(claim);
        claim.state = ClaimState::Sold;
    }
    set_confirmed(&mut standing.booking, paid, now);
    forget_pending(stock, standing.booking.id, standing.booking.user_id);
    Ok(Moved::Now)
}

/// A hold is sold with all that its price is for. Where it has less, or more, a program has changed its claims and left the
/// booking as it was.
fn check_whole(standing: &Standing) -> Result<(), Refusal> {
    let claims = standing.claims.iter();
    let claimed: i64 = claims.map(|claim| claim.quantity).sum();
    match claimed == standing.booking.quantity {
        true => Ok(()),
        false => Err(Refusal::SeatTaken { seats: Vec::new() }),
    }
}

fn is_paid(booking: &Booking, paid: Paid) -> bool {
    match paid {
        Paid::ByStaff(by) => booking.paid_by == Some(by),
        Paid::ByPayment(payment) => booking.payment_id == Some(payment),
    }
}

fn set_confirmed(booking: &mut Booking, paid: Paid, now: Timestamp) {
    booking.status = BookingStatus::Confirmed;
    booking.confirmed_at = Some(now);
    booking.version += 1;
    match paid {
        Paid::ByStaff(by) => booking.paid_by = Some(by),
        Paid::ByPayment(payment) => booking.payment_id = Some(payment),
    }
}

/// A deadline that is far enough away stays, and may still be moved later.
fn extend(booking: &mut Booking, now: Timestamp) -> Result<Moved, Refusal> {
    let wanted = after(now, EXTENSION_S);
    match status(booking, now) {
        BookingStatus::Pending if booking.extended_at.is_some() => return Ok(Moved::Before),
        BookingStatus::Pending if booking.expires_at.is_none_or(|at| at >= wanted) => {
            return Ok(Moved::Before);
        }
        BookingStatus::Pending => {}
        from => return Err(invalid(from, BookingStatus::Pending)),
    }
    booking.expires_at = Some(wanted);
    booking.extended_at = Some(now);
    booking.version += 1;
    Ok(Moved::Now)
}

fn processing(booking: &mut Booking, until: Timestamp, now: Timestamp) -> Result<Moved, Refusal> {
    match status(booking, now) {
        BookingStatus::Pending => {}
        from => return Err(invalid(from, BookingStatus::Pending)),
    }
    if booking.processing_since.is_some() && booking.expires_at.is_some_and(|at| at >= until) {
        return Ok(Moved::Before);
    }
    booking.expires_at = booking.expires_at.max(Some(until));
    booking.processing_since = booking.processing_since.or(Some(now));
    booking.version += 1;
    Ok(Moved::Now)
}

fn await_staff(booking: &mut Booking, until: Timestamp, now: Timestamp) -> Result<Moved, Refusal> {
    match status(booking, now) {
        BookingStatus::Pending => {}
        from => return Err(invalid(from, BookingStatus::Pending)),
    }
    if booking.expires_at.is_some_and(|at| at >= until) {
        return Ok(Moved::Before);
    }
    booking.expires_at = Some(until);
    booking.version += 1;
    Ok(Moved::Now)
}

fn accept(stock: &mut Stock, standing: &mut Standing, now: Timestamp) -> Result<Moved, Refusal> {
    let booking = &standing.booking;
    match (status(booking, now), booking.kind) {
        (BookingStatus::Pending, BookingKind::Offer) => {}
        (BookingStatus::Pending | BookingStatus::Confirmed, _) => return Ok(Moved::Before),
        (from, _) => return Err(invalid(from, BookingStatus::Pending)),
    }
    check_whole(standing)?;
    let booking = &mut standing.booking;
    let buyer = booking.user_id;
    let buyer = buyer.and_then(|user| stock.buyers.get_mut(&user));
    if booking.total.amount > 0
        && let Some(buyer) = buyer
    {
        if let Some(booking_id) = buyer.pending {
            return Err(Refusal::PendingBookingExists {
                booking_id: Some(booking_id),
            });
        }
        buyer.pending = Some(booking.id);
    }
    booking.kind = BookingKind::Checkout;
    booking.version += 1;
    if booking.total.amount == 0 {
        booking.status = BookingStatus::Confirmed;
        booking.confirmed_at = Some(now);
        for claim in &mut standing.claims {
            stock.sell(claim);
            claim.state = ClaimState::Sold;
        }
    }
    Ok(Moved::Now)
}

/// A paid booking is given if it is still there, whatever limits its buyer would meet today.
fn reclaim(
    stock: &mut Stock,
    standing: &mut Standing,
    payment: PaymentId,
    amount: &Money,
    now: Timestamp,
) -> Result<Moved, Refusal> {
    let paid = Paid::ByPayment(payment);
    let unpaid = [BookingStatus::Pending, BookingStatus::Expired];
    if unpaid.contains(&standing.booking.status) && standing.booking.total != *amount {
        return Err(Refusal::PriceChanged {
            total: standing.booking.total.clone(),
        });
    }
    match standing.booking.status {
        BookingStatus::Expired => {}
        // Also past its deadline: nobody has ended it yet, so it still has its stock.
        BookingStatus::Pending => return sell(stock, standing, paid, now),
        _ => return confirm(stock, standing, paid, now),
    }
    if stock.event.deleted || stock.event.status == EventStatus::Cancelled {
        return Err(Refusal::EventCancelled);
    }
    if stock.event.status == EventStatus::Completed || stock.event.starts_at <= now {
        return Err(Refusal::SalesClosed { sale_to: None });
    }
    let claims = claims_again(stock, standing)?;
    if !mistaken!(SellGone) {
        check_seats(stock, &claims)?;
        check_counts(stock, &claims)?;
    }
    for claim in &claims {
        let seats: Vec<SeatId> = claim.seat_id.into_iter().collect();
        stock.take(
            claim.ticket_type_id,
            claim.quantity,
            &seats,
            ClaimState::Sold,
            claim.voucher_id,
        );
    }
    standing.claims = claims;
    set_confirmed(&mut standing.booking, paid, now);
    Ok(Moved::Now)
}

/// The claims that the booking had at its end; dead ones stay dead, so these are new. Seats that are more or fewer than were
/// paid for are not given: then a program has changed its claims and left the booking as it was, or seats have left the map.
/// Nor are units of a ticket type that has got seats since, or seats of one that has lost them: the database refuses such
/// claims, and the money would wait for them for ever.
fn claims_again(stock: &Stock, standing: &Standing) -> Result<Vec<Claim>, Refusal> {
    let of = |ticket_type_id, seat_id, quantity| Claim {
        id: Claim::UNSTORED,
        ticket_type_id,
        seat_id,
        quantity,
        state: ClaimState::Sold,
        voucher_id: standing.drew.get(&ticket_type_id).copied(),
    };
    let mut claims = Vec::new();
    for item in &standing.booking.items {
        let ticket_type_id = item.ticket_type_id;
        let terms = stock.ticket_types.get(&ticket_type_id);
        let terms = terms.ok_or(Refusal::TicketTypeNotFound { ticket_type_id })?;
        let seats = item.seats.iter().map(|seat| seat.id);
        match i64::try_from(item.seats.len()) {
            Ok(0) if !terms.seated => claims.push(of(ticket_type_id, None, item.quantity)),
            Ok(seats_then) if terms.seated && seats_then == item.quantity => {
                claims.extend(seats.map(|seat| of(ticket_type_id, Some(seat), 1)));
            }
            _ => {
                let seats = seats.collect();
                return Err(Refusal::SeatTaken { seats });
            }
        }
    }
    Ok(claims)
}

fn check_seats(stock: &Stock, claims: &[Claim]) -> Result<(), Refusal> {
    // One that was moved to another type meanwhile has another price, and counts elsewhere.
    let is_had = |seat: SeatId, of: TicketTypeId| {
        let known = stock.seats.get(&seat);
        known.is_some_and(|known| known.ticket_type_id == of) && stock.seat_free(seat)
    };
    let seats = claims
        .iter()
        .filter_map(|claim| Some((claim.seat_id?, claim.ticket_type_id)));
    let lost = seats.filter(|(seat, of)| !is_had(*seat, *of));
    let seats: Vec<SeatId> = lost.map(|(seat, _)| seat).collect();
    match seats.is_empty() {
        true => Ok(()),
        false => Err(Refusal::SeatTaken { seats }),
    }
}

/// Every pool has enough for all claims together.
fn check_counts(stock: &Stock, claims: &[Claim]) -> Result<(), Refusal> {
    let mut needs: BTreeMap<PoolId, i64> = BTreeMap::new();
    let mut by_type: BTreeMap<TicketTypeId, i64> = BTreeMap::new();
    for claim in claims {
        let terms = stock.ticket_types.get(&claim.ticket_type_id);
        let terms = terms.ok_or(Refusal::TicketTypeNotFound {
            ticket_type_id: claim.ticket_type_id,
        })?;
        let set_aside = stock.set_aside(claim.voucher_id, claim.ticket_type_id);
        by_type.insert(claim.ticket_type_id, stock.left(terms) + set_aside);
        for pool in &terms.pools {
            *needs.entry(*pool).or_default() += claim.quantity - set_aside.min(claim.quantity);
        }
    }
    let short = needs
        .iter()
        .find(|(pool, need)| **need > stock.pool_left(**pool));
    match short {
        None => Ok(()),
        Some((pool, _)) => Err(Refusal::NotEnoughLeft {
            left: stock.pool_left(*pool).max(0),
            ticket_type_id: None,
            by_type,
        }),
    }
}

/// Whether a booking that is confirmed can be cancelled as a whole, while its event stands.
pub fn check_cancel(
    booking: &Booking,
    by: Canceller,
    event: EventStatus,
    starts_at: Timestamp,
    now: Timestamp,
) -> Result<(), Refusal> {
    let is_any = |status| (booking.tickets.iter()).any(|ticket| ticket.status == status);
    let used = is_any(TicketStatus::Used);
    let started = by == Canceller::Owner && is_over_for_owners(event, starts_at, now);
    if used || started {
        return Err(Refusal::InvalidTransition {
            from: booking.status,
            to: BookingStatus::Cancelled,
            used,
            started,
        });
    }
    // The person who holds it now would stand at a closed door.
    if by == Canceller::Owner && is_any(TicketStatus::Transferred) {
        return Err(Refusal::TicketTransferred);
    }
    Ok(())
}

/// From then on owners cancel nothing.
pub fn is_over_for_owners(event: EventStatus, starts_at: Timestamp, now: Timestamp) -> bool {
    starts_at <= now || event == EventStatus::Completed
}

fn cancel(
    stock: &mut Stock,
    standing: &mut Standing,
    by: Canceller,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Moved, Refusal> {
    let booking = &mut standing.booking;
    let to = BookingStatus::Cancelled;
    match status(booking, now) {
        BookingStatus::Cancelled => return Ok(Moved::Before),
        BookingStatus::Pending => {}
        // Used tickets are no obstacle: nobody comes in any more, and those who did have been in.
        BookingStatus::Confirmed
            if by == Canceller::Event && stock.event.status == EventStatus::Cancelled => {}
        BookingStatus::Confirmed => {
            let event = &stock.event;
            check_cancel(booking, by, event.status, event.starts_at, now)?;
        }
        from @ (BookingStatus::Expired | BookingStatus::Refunded) => return Err(invalid(from, to)),
    }
    booking.status = to;
    booking.cancel_reason = reason.map(str::to_owned);
    booking.version += 1;
    let unused = booking.tickets.iter_mut();
    for ticket in unused.filter(|ticket| ticket.status != TicketStatus::Used) {
        ticket.status = TicketStatus::Void;
    }
    release(stock, booking.id, booking.user_id, &standing.claims);
    standing.claims.clear();
    Ok(Moved::Now)
}

/// Takes tickets back, with the stock that they stand for.
fn refund(
    stock: &mut Stock,
    standing: &mut Standing,
    codes: Option<&BTreeSet<String>>,
    (used_too, by_owner): (bool, bool),
    now: Timestamp,
) -> Result<Moved, Refusal> {
    let booking = &mut standing.booking;
    match status(booking, now) {
        BookingStatus::Confirmed => {}
        BookingStatus::Refunded => return Ok(Moved::Before),
        from => return Err(invalid(from, BookingStatus::Refunded)),
    }
    let is_meant = |code: &str| codes.is_none_or(|codes| codes.contains(code));
    let known = booking
        .tickets
        .iter()
        .filter(|ticket| is_meant(&ticket.code));
    let known: Vec<&super::record::Ticket> = known.collect();
    let unknown = codes.is_some_and(|codes| codes.len() != known.len());
    let used = known
        .iter()
        .filter(|ticket| ticket.status == TicketStatus::Used);
    let used: Vec<String> = used.map(|ticket| ticket.code.clone()).collect();
    if unknown || (!used.is_empty() && !used_too) {
        return Err(Refusal::NotRefundable { used });
    }
    let is_handed_on = |ticket: &&super::record::Ticket| ticket.status == TicketStatus::Transferred;
    if by_owner && known.iter().any(is_handed_on) {
        return Err(Refusal::TicketTransferred);
    }
    let mut freed = Vec::new();
    let mut is_changed = false;
    for ticket in &mut booking.tickets {
        if ticket.status == TicketStatus::Void || !is_meant(&ticket.code) {
            continue;
        }
        ticket.status = TicketStatus::Void;
        is_changed = true;
        freed.extend(give_up(
            &mut standing.claims,
            ticket.ticket_type_id,
            ticket.seat_id,
        ));
    }
    // Not by what comes free: a program may have moved or killed the ticket's claim, and it would open the door still.
    if !is_changed {
        return Ok(Moved::Before);
    }
    let is_left = booking
        .tickets
        .iter()
        .any(|ticket| ticket.status != TicketStatus::Void);
    if !is_left {
        booking.status = BookingStatus::Refunded;
        // All its claims, also those on other seats by now: nobody else would give them back.
        freed.append(&mut standing.claims);
    }
    booking.version += 1;
    release(stock, booking.id, booking.user_id, &freed);
    Ok(Moved::Now)
}

/// Takes one ticket's part out of the claims.
fn give_up(
    claims: &mut Vec<Claim>,
    ticket_type: TicketTypeId,
    seat: Option<SeatId>,
) -> Option<Claim> {
    let place = claims
        .iter()
        .position(|claim| claim.ticket_type_id == ticket_type && claim.seat_id == seat)?;
    let claim = claims.get_mut(place)?;
    let part = Claim {
        quantity: 1,
        ..*claim
    };
    claim.quantity -= 1;
    if claim.quantity == 0 {
        claims.remove(place);
    }
    Some(part)
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    let later = now.saturating_add(SignedDuration::from_secs(seconds));
    later.unwrap_or(Timestamp::MAX)
}

/// As it counts now: nothing outlives its deadline, whether or not somebody has ended it yet.
fn status(booking: &Booking, now: Timestamp) -> BookingStatus {
    match booking.status {
        BookingStatus::Pending if booking.expires_at.is_some_and(|at| at <= now) => {
            BookingStatus::Expired
        }
        status => status,
    }
}

fn invalid(from: BookingStatus, to: BookingStatus) -> Refusal {
    Refusal::InvalidTransition {
        from,
        to,
        used: false,
        started: false,
    }
}

fn release(stock: &mut Stock, booking: BookingId, user: Option<UserId>, claims: &[Claim]) {
    free(stock, claims);
    for claim in claims {
        let Some(buyer) = user.and_then(|user| stock.buyers.get_mut(&user)) else {
            continue;
        };
        buyer.tickets = (buyer.tickets - claim.quantity).max(0);
        if let Some(live) = buyer.live.get_mut(&claim.ticket_type_id) {
            *live = (*live - claim.quantity).max(0);
        }
    }
    forget_pending(stock, booking, user);
}

fn forget_pending(stock: &mut Stock, booking: BookingId, user: Option<UserId>) {
    let buyer = user.and_then(|user| stock.buyers.get_mut(&user));
    if let Some(buyer) = buyer.filter(|buyer| buyer.pending == Some(booking)) {
        buyer.pending = None;
    }
}

#[cfg(test)]
mod tests;
