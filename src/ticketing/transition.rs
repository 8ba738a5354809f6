//! The rules of a booking that stands: it is confirmed, cancelled, or its hold ends.
//!
//! | from | confirm | cancel | release, deadline |
//! |---|---|---|---|
//! | pending | sold, with tickets | its stock is left again | its stock is left again |
//! | confirmed | paid the same way: as it is | tickets void, stock left; not once somebody was admitted, and by its owner not from the event's start on | – |
//! | cancelled | – | as it is | – |
//! | expired, refunded | – | – | – |
//!
//! «As it is»: the caller repeats a request whose answer was lost, and is told what was done.

use jiff::Timestamp;

use super::live::EventStatus;
use super::record::{Booking, BookingStatus, PaidBy, TicketStatus};
use super::refusal::Refusal;
use super::stock::{Claim, ClaimState, Stock};
use super::{BookingId, UserId};

/// A booking as it stands under its event's turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub booking: Booking,
    /// The live ones.
    pub claims: Vec<Claim>,
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
        paid_by: PaidBy,
    },
    Cancel {
        by: Canceller,
        reason: Option<String>,
    },
    /// Ends a hold, and nothing that was paid meanwhile.
    Release {
        reason: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canceller {
    Owner,
    /// The event's organizer, or an admin.
    Staff,
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
            Transition::Confirm { .. } => BookingStatus::Confirmed,
            Transition::Cancel { .. } | Transition::Release { .. } => BookingStatus::Cancelled,
        }
    }
}

/// Changes the booking and moves the stock, or refuses and leaves both as they were. The tickets of a
/// confirmation are the caller's to make: their codes are drawn.
pub fn decide(
    stock: &mut Stock,
    standing: &mut Standing,
    transition: &Transition,
    now: Timestamp,
) -> Result<Moved, Refusal> {
    match transition {
        Transition::Confirm { paid_by } => confirm(stock, standing, *paid_by, now),
        Transition::Cancel { by, reason } => cancel(stock, standing, *by, reason.as_deref(), now),
        Transition::Release { reason } => match status(&standing.booking, now) {
            from @ BookingStatus::Confirmed => Err(invalid(from, BookingStatus::Cancelled)),
            _ => cancel(stock, standing, Canceller::Staff, Some(reason), now),
        },
    }
}

/// The hold ends at its deadline: its stock is on sale again, its buyer may book again.
pub fn expire(stock: &mut Stock, hold: &OverdueHold) {
    release(stock, hold.booking_id, hold.user_id, &hold.claims);
}

fn confirm(
    stock: &mut Stock,
    standing: &mut Standing,
    paid_by: PaidBy,
    now: Timestamp,
) -> Result<Moved, Refusal> {
    let booking = &mut standing.booking;
    match status(booking, now) {
        BookingStatus::Pending => {}
        BookingStatus::Confirmed if booking.paid_by == Some(paid_by) => return Ok(Moved::Before),
        from => return Err(invalid(from, BookingStatus::Confirmed)),
    }
    booking.status = BookingStatus::Confirmed;
    booking.confirmed_at = Some(now);
    booking.paid_by = Some(paid_by);
    booking.version += 1;
    for claim in &mut standing.claims {
        stock.sell(claim);
        claim.state = ClaimState::Sold;
    }
    forget_pending(stock, standing.booking.id, standing.booking.user_id);
    Ok(Moved::Now)
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
        from @ BookingStatus::Confirmed => {
            let mut tickets = booking.tickets.iter();
            let used = tickets.any(|ticket| ticket.status == TicketStatus::Used);
            let event = &stock.event;
            let started = by == Canceller::Owner
                && (event.starts_at <= now || event.status == EventStatus::Completed);
            if used || started {
                return Err(Refusal::InvalidTransition {
                    from,
                    to,
                    used,
                    started,
                });
            }
        }
        from @ (BookingStatus::Expired | BookingStatus::Refunded) => return Err(invalid(from, to)),
    }
    booking.status = to;
    booking.cancel_reason = reason.map(str::to_owned);
    booking.version += 1;
    for ticket in &mut booking.tickets {
        ticket.status = TicketStatus::Void;
    }
    release(stock, booking.id, booking.user_id, &standing.claims);
    Ok(Moved::Now)
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
    for claim in claims {
        stock.give_back(claim);
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
