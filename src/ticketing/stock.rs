//! Stock of one event, as it stands under the event's lock: the input of the rules.
//!
//! A grant moves the stock, so that the next request of the same batch is decided against
//! what the first one left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::adjacent::{Place, RowPlace, RowSeat, SeatRow};
use super::live::EventStatus;
use super::price::PriceTerms;
use super::{BookingId, ClaimId, EventId, PoolId, SeatId, TicketTypeId, UserId, VoucherId};

#[derive(Debug, Clone, PartialEq)]
pub struct Stock {
    pub event: EventTerms,
    pub ticket_types: BTreeMap<TicketTypeId, TicketTypeTerms>,
    pub pools: BTreeMap<PoolId, Pool>,
    /// The pool of the event's capacity; every ticket type draws from it.
    pub root: PoolId,
    /// The seats that requests of the batch named, and those of `rows`.
    pub seats: BTreeMap<SeatId, Seat>,
    /// Whole rows with seats of the ticket types for which seats must be chosen, in layout order.
    pub rows: Vec<SeatRow>,
    /// The users among the batch's buyers. Who is missing here is no user.
    pub buyers: BTreeMap<UserId, Buyer>,
    /// Buyers without an account, by address. Who is missing here has nothing.
    pub guests: BTreeMap<GuestHash, Guest>,
    /// Taxes, fees and vouchers.
    pub prices: PriceTerms,
    /// Units that vouchers set aside: of those that requests of the batch named, and those whose bearers' claims may end.
    pub reserves: BTreeMap<VoucherId, Reserve>,
}

/// Units of a ticket type of which the bearers of a voucher are sure in all. What they have not taken counts as held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve {
    pub ticket_type_id: TicketTypeId,
    pub reserved: i64,
    /// By live claims.
    pub taken: i64,
    /// Until the voucher's window ends, and somebody has noticed.
    pub open: bool,
}

/// The event's own terms of sale.
#[derive(Debug, Clone, PartialEq)]
pub struct EventTerms {
    pub id: EventId,
    pub organizer_id: UserId,
    pub status: EventStatus,
    pub starts_at: Timestamp,
    /// ISO 4217.
    pub currency: String,
    pub membership_required: bool,
    pub max_per_booking: i64,
    pub hold_minutes: i64,
    /// How long an offer to somebody on the waitlist stands.
    pub offer_minutes: i64,
    /// Nothing is sold any more; holds that are left still end.
    pub deleted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TicketTypeTerms {
    pub name: String,
    /// Minor units of the event's currency.
    pub price_amount: i64,
    pub sort: i64,
    /// `None`: from the event's publication on.
    pub sale_from: Option<Timestamp>,
    /// `None`: until the event begins. May be later than that.
    pub sale_to: Option<Timestamp>,
    pub min_per_booking: i64,
    pub max_per_booking: Option<i64>,
    /// Over all live bookings of one user, or of all buyers without an account at one address.
    pub max_per_user: Option<i64>,
    pub members_only: bool,
    /// Sold only with a voucher that reveals it, or by the organizer.
    pub hidden: bool,
    /// The least that a buyer has to show.
    pub proof: Proof,
    /// Sold by the seat: a quantity of it means that many seats side by side.
    pub seated: bool,
    /// Every pool that this type draws from, the root among them.
    pub pools: Vec<PoolId>,
}

/// How a buyer proves who they are, the weakest first; a stronger proof serves for a weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    Nothing,
    /// They typed a code that was mailed to them.
    Email,
    Account,
}

impl Proof {
    /// Of a buyer who has an account or typed a code from their mail, or of a ticket type that asks for these.
    pub fn of(account: bool, email: bool) -> Proof {
        match (account, email) {
            (true, _) => Proof::Account,
            (false, true) => Proof::Email,
            (false, false) => Proof::Nothing,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    pub capacity: i64,
    pub held: i64,
    pub sold: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Seat {
    pub ticket_type_id: TicketTypeId,
    pub section: Arc<str>,
    pub row: Arc<str>,
    pub number: String,
    /// Held, sold or blocked.
    pub taken: bool,
    /// In [`Stock::rows`], if its row was read: the row's number there, and the place in it.
    pub place: Option<(usize, RowPlace)>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buyer {
    pub member: bool,
    pub pending: Option<BookingId>,
    /// Held and sold units per ticket type; only types with `max_per_user` need an entry.
    pub live: BTreeMap<TicketTypeId, i64>,
    /// Held and sold units of all ticket types.
    pub tickets: i64,
}

/// The address of a buyer without an account, hashed with the event under a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestHash(pub [u8; 16]);

/// Tickets that buyers without an account have at one address.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Guest {
    /// Pending bookings.
    pub pending: i64,
    /// Held and sold units of all ticket types.
    pub tickets: i64,
    /// The same per ticket type; only types with `max_per_user` need an entry.
    pub live: BTreeMap<TicketTypeId, i64>,
}

/// Bounds of one buyer's tickets of an event; `None` means no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Pending bookings at a time.
    pub pending: Option<i64>,
    /// Held and sold units.
    pub tickets: Option<i64>,
}

/// Whether a live claim is a hold or a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimState {
    Held,
    Sold,
}

/// A live claim of a booking that stands: units of a ticket type, or one seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// [`Claim::UNSTORED`] until the database has numbered it.
    pub id: ClaimId,
    pub ticket_type_id: TicketTypeId,
    pub seat_id: Option<SeatId>,
    pub quantity: i64,
    pub state: ClaimState,
    /// Taken by a bearer of this voucher, from what it sets aside as far as that goes.
    pub voucher_id: Option<VoucherId>,
}

impl Reserve {
    /// Set aside now, and not taken.
    pub fn left(&self) -> i64 {
        match self.open {
            true => (self.reserved - self.taken).max(0),
            false => 0,
        }
    }
}

impl Claim {
    pub const UNSTORED: ClaimId = ClaimId(0);

    /// Claims in the order of their tickets: as the database has numbered them, and will number the others.
    pub fn in_order(claims: &[Claim]) -> Vec<Claim> {
        let mut claims = claims.to_vec();
        claims.sort_by_key(|claim| (claim.id == Claim::UNSTORED, claim.id));
        claims
    }
}

impl Pool {
    pub fn left(&self) -> i64 {
        self.capacity - self.held - self.sold
    }
}

impl TicketTypeTerms {
    /// `starts_at` is the event's.
    pub fn on_sale(&self, starts_at: Timestamp, now: Timestamp) -> bool {
        self.started(now) && now < self.closes_at(starts_at)
    }

    pub fn started(&self, now: Timestamp) -> bool {
        self.sale_from.is_none_or(|from| from <= now)
    }

    /// When its sale ends: at its own time, or else when the event begins.
    pub fn closes_at(&self, starts_at: Timestamp) -> Timestamp {
        self.sale_to.unwrap_or(starts_at)
    }
}

impl Stock {
    /// Left of a ticket type: the least that any of its pools has left, never below zero.
    pub fn left(&self, ticket_type: &TicketTypeTerms) -> i64 {
        let pools = ticket_type.pools.iter();
        let least = pools.map(|pool| self.pool_left(*pool)).min().unwrap_or(0);
        least.max(0)
    }

    /// Left of a pool; one that is not there has nothing.
    pub fn pool_left(&self, pool: PoolId) -> i64 {
        self.pools.get(&pool).map_or(0, Pool::left)
    }

    /// Adds a whole row, the next in layout order. `rank` counts the rows of its section from the front; of each seat the place
    /// at which it is drawn.
    pub fn add_row(&mut self, rank: usize, seats: Vec<(SeatId, Seat, (f32, f32))>) {
        let places = seats.iter().map(|(id, seat, (x, y))| Place {
            seat: RowSeat {
                id: *id,
                ticket_type_id: seat.ticket_type_id,
                free: !seat.taken,
            },
            x: *x,
            y: *y,
        });
        let row = SeatRow::new(rank, &places.collect::<Vec<_>>());
        let number = self.rows.len();
        for ((id, seat, _), (_, place)) in seats.into_iter().zip(row.places()) {
            let place = Some((number, place));
            self.seats.insert(id, Seat { place, ..seat });
        }
        self.rows.push(row);
    }

    /// A seat that can be had: known, not claimed, not blocked.
    pub fn seat_free(&self, seat: SeatId) -> bool {
        self.seats.get(&seat).is_some_and(|seat| !seat.taken)
    }

    /// Left of what a voucher sets aside, of this ticket type.
    pub fn set_aside(&self, voucher: Option<VoucherId>, ticket_type: TicketTypeId) -> i64 {
        let reserve = voucher.and_then(|voucher| self.reserves.get(&voucher));
        let reserve = reserve.filter(|reserve| reserve.ticket_type_id == ticket_type);
        reserve.map_or(0, Reserve::left)
    }

    /// Moves `quantity` units of a ticket type, and these seats of it, out of what is left; first out of what the voucher sets
    /// aside.
    pub(super) fn take(
        &mut self,
        ticket_type: TicketTypeId,
        quantity: i64,
        seats: &[SeatId],
        state: ClaimState,
        voucher: Option<VoucherId>,
    ) {
        self.draw(voucher, quantity);
        self.move_pools(ticket_type, state, quantity);
        for id in seats {
            self.set_taken(*id, true);
        }
    }

    /// The claim dies: what it took is left again.
    pub(super) fn give_back(&mut self, claim: &Claim) {
        self.draw(claim.voucher_id, -claim.quantity);
        self.move_pools(claim.ticket_type_id, claim.state, -claim.quantity);
        if let Some(seat) = claim.seat_id {
            self.set_taken(seat, false);
        }
    }

    /// A held claim becomes a sold one.
    pub(super) fn sell(&mut self, claim: &Claim) {
        self.move_pools(claim.ticket_type_id, claim.state, -claim.quantity);
        self.move_pools(claim.ticket_type_id, ClaimState::Sold, claim.quantity);
    }

    /// The bearers of the voucher take so many more. What stays set aside of it counts as held.
    fn draw(&mut self, voucher: Option<VoucherId>, by: i64) {
        let reserve = voucher.and_then(|voucher| self.reserves.get_mut(&voucher));
        let Some(reserve) = reserve else { return };
        let (ticket_type, before) = (reserve.ticket_type_id, reserve.left());
        reserve.taken += by;
        let by = reserve.left() - before;
        if !mistaken!(KeepReserveAside) {
            self.move_pools(ticket_type, ClaimState::Held, by);
        }
    }

    fn move_pools(&mut self, ticket_type: TicketTypeId, state: ClaimState, by: i64) {
        let pools = self.ticket_types.get(&ticket_type);
        let pools: BTreeSet<PoolId> = pools.into_iter().flat_map(|t| &t.pools).copied().collect();
        for id in pools {
            if let Some(pool) = self.pools.get_mut(&id) {
                match state {
                    ClaimState::Held => pool.held += by,
                    ClaimState::Sold => pool.sold += by,
                }
            }
        }
    }

    pub(super) fn set_taken(&mut self, seat: SeatId, taken: bool) {
        let Some(seat) = self.seats.get_mut(&seat) else {
            return;
        };
        seat.taken = taken;
        if let Some((row, place)) = seat.place
            && let Some(row) = self.rows.get_mut(row)
        {
            row.set_free(place, !taken);
        }
    }
}
