//! The rules of booking: stock + request + now → grant or refusal.
//!
//! A booking is granted whole or not at all. The order of the checks decides which of several
//! reasons the caller hears: the event, the ticket types, the limits, the buyer's pending
//! booking, the buyer's share, the seats named, the counts, the seats to be chosen, the price. Vouchers are checked before
//! the ticket types, since some reveal them.
//!
//! | refusal | when |
//! |---|---|
//! | `NOT_ENOUGH_LEFT` | some are left of what is short: of the ticket type, of the types together, of the event |
//! | `TICKET_TYPE_SOLD_OUT` | nothing is left of exactly one ticket type in its own pools, and the event has enough |
//! | `EVENT_AT_CAPACITY` | every ticket type has enough in its own pools, the event has nothing |
//! | `SOLD_OUT` | nothing is left of anything asked for |

mod sale;
mod vouchers;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::adjacent;
use super::price::{Price, PriceLine, Voucher};
use super::record::{self, BookedSeat, BookingItem, BookingKind, Money};
use super::refusal::{Of, Refusal};
use super::sellable::{Source, sellable};
use super::stock::{ClaimState, EventTerms, GuestHash, Proof, Share, Stock, TicketTypeTerms};
use super::{BookingId, OrganizationId, PoolId, SeatId, TicketTypeId, UserId, VoucherId};

/// One booking as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub booking_id: BookingId,
    /// `None`: somebody without an account, who will hold the booking by its token.
    pub buyer: Option<UserId>,
    /// Of a buyer without an account: the address by which what they have is counted; `None` where it is not.
    pub guest: Option<GuestHash>,
    /// Bounds of this buyer's tickets of the event in all. Those who sell its tickets may have any number.
    pub share: Share,
    /// The organizations whose tickets the buyer sells.
    pub sells: Sells,
    /// The buyer's token says that they are a member; the users table may say so as well.
    pub member: bool,
    /// They typed the code that was mailed to the address in their contact.
    pub email_proven: bool,
    pub wish: Wish,
    /// The total that the buyer was shown; another one is refused.
    pub expected_total: Option<ExpectedTotal>,
    /// Codes of vouchers, in upper case, each once. They apply in this order.
    pub vouchers: Vec<String>,
    /// The booking will be paid through a provider that charges no less than `currency::minimum_charge`.
    pub least_charge: bool,
}

/// The organizations for which somebody sells tickets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sells {
    #[default]
    Nowhere,
    Of(Vec<OrganizationId>),
    Everywhere,
}

/// A total in minor units, and its currency where the request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedTotal {
    pub amount: i64,
    pub currency: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// So many tickets of the cheapest price on sale for this buyer; where several ticket types
    /// have that price, of the first (by sort, id) that has enough left. A dearer type is never
    /// taken instead: the buyer did not ask for it. An event that sells paid types gives its free
    /// ones, for children say, to those only who name them.
    Cheapest { quantity: i64 },
    /// All of these, or nothing.
    Items(Vec<Item>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// So many of a ticket type. Where it is sold by the seat: so many seats side by side.
    Quantity {
        ticket_type_id: TicketTypeId,
        quantity: i64,
    },
    /// Exactly this seat.
    Seat { seat_id: SeatId },
    /// So many seats side by side; refused for a ticket type without seats.
    BestAvailable {
        ticket_type_id: TicketTypeId,
        quantity: i64,
    },
}

/// The tickets of a granted request. The stock has moved already.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    pub lines: Vec<GrantLine>,
    pub quantity: i64,
    /// The lines of the price, whose amounts add up to the total.
    pub price: Vec<PriceLine>,
    /// Minor units of the event's currency.
    pub total_amount: i64,
    /// Fees that the organizer pays.
    pub absorbed_fee_amount: i64,
    /// Each is used once.
    pub vouchers: Vec<VoucherId>,
    pub terms: Terms,
    pub kind: BookingKind,
}

/// One ticket type of a grant. `seats` is empty, or has one seat for each of `quantity`.
#[derive(Debug, Clone, PartialEq)]
pub struct GrantLine {
    pub ticket_type_id: TicketTypeId,
    pub quantity: i64,
    pub unit_amount: i64,
    pub seats: Vec<SeatId>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Terms {
    /// To be paid until then.
    Pending { expires_at: Timestamp },
    /// Nothing to pay: the tickets are the buyer's at once.
    Confirmed,
}

impl Grant {
    pub fn claim_state(&self) -> ClaimState {
        match self.terms {
            Terms::Pending { .. } => ClaimState::Held,
            Terms::Confirmed => ClaimState::Sold,
        }
    }

    pub fn total(&self, stock: &Stock) -> Money {
        money(stock, self.total_amount)
    }

    /// The price, as bookings show it.
    pub fn price_lines(&self) -> Vec<record::BookingLine> {
        let lines = self.price.iter().cloned();
        lines.map(record::BookingLine::from).collect()
    }

    /// The granted tickets, as bookings show them.
    pub fn items(&self, stock: &Stock) -> Vec<BookingItem> {
        let lines = self.lines.iter();
        lines.map(|line| item(stock, line)).collect()
    }
}

fn money(stock: &Stock, amount: i64) -> Money {
    Money {
        amount,
        currency: stock.event.currency.clone(),
    }
}

fn item(stock: &Stock, line: &GrantLine) -> BookingItem {
    let terms = stock.ticket_types.get(&line.ticket_type_id);
    let seats = line.seats.iter().filter_map(|id| {
        let seat = stock.seats.get(id)?;
        Some(BookedSeat {
            id: *id,
            section: seat.section.clone(),
            row: seat.row.clone(),
            number: seat.number.clone(),
        })
    });
    BookingItem {
        ticket_type_id: line.ticket_type_id,
        name: terms.map(|terms| terms.name.clone()).unwrap_or_default(),
        quantity: line.quantity,
        unit_price: money(stock, line.unit_amount),
        seats: seats.collect(),
    }
}

/// Grants the request and moves the stock, or refuses it and leaves the stock as it was.
pub fn decide(stock: &mut Stock, request: &Request, now: Timestamp) -> Result<Grant, Refusal> {
    let kind = match is_staff(&stock.event, request) {
        true => BookingKind::Staff,
        false => BookingKind::Checkout,
    };
    let grant = granted(stock, request, kind, now)?;
    take(stock, request, &grant);
    Ok(grant)
}

/// Holds what somebody has waited for until then, beside what they have; it moves the stock, or leaves it as it was.
pub fn offer(
    stock: &mut Stock,
    request: &Request,
    until: Timestamp,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    let mut grant = granted(stock, request, BookingKind::Offer, now)?;
    grant.terms = Terms::Pending { expires_at: until };
    take(stock, request, &grant);
    Ok(grant)
}

fn granted(
    stock: &Stock,
    request: &Request,
    kind: BookingKind,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    let (vouchers, mut lines) = chosen(stock, request, now)?;
    if kind == BookingKind::Checkout {
        check_pending(stock, request.buyer)?;
        check_share(stock, request, total_quantity(&lines))?;
    }
    check_seats(stock, &lines)?;
    check_counts(stock, &lines)?;
    choose_seats(stock, &mut lines)?;
    let price = vouchers::priced(stock, request, &lines, &vouchers)?;
    grant(stock, lines, kind, &vouchers, price, now)
}

/// Whether the buyer sells the event's tickets.
fn is_staff(event: &EventTerms, request: &Request) -> bool {
    let organization = OrganizationId::from(event.organizer_id);
    let sells = match &request.sells {
        Sells::Nowhere => false,
        Sells::Of(organizations) => organizations.contains(&organization),
        Sells::Everywhere => true,
    };
    sells || request.buyer == Some(event.organizer_id)
}

/// The price that [`decide`] would grant the request at, if there is enough left. Refuses what is refused for any other
/// reason than the stock and what the buyer has already.
pub fn quote(stock: &Stock, request: &Request, now: Timestamp) -> Result<Price, Refusal> {
    let (vouchers, lines) = chosen(stock, request, now)?;
    vouchers::priced(stock, request, &lines, &vouchers)
}

/// The tickets asked for, if they are on sale to this buyer and within the limits of a booking.
fn chosen(
    stock: &Stock,
    request: &Request,
    now: Timestamp,
) -> Result<(Vec<Voucher>, Vec<RequestedType>), Refusal> {
    let standing = standing(stock, request)?;
    sale::check_event(&stock.event, request.buyer, standing)?;
    let vouchers = vouchers::good(stock, request, now)?;
    let reveals = |ticket_type| vouchers::reveal(stock, request, &vouchers, ticket_type);
    let lines = lines(stock, request, standing, &reveals, now)?;
    check_limits(stock, request, &lines)?;
    vouchers::check_applicable(&vouchers, &lines)?;
    Ok((vouchers, lines))
}

/// The buyer's membership and proof, as far as tickets are sold by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BuyerStanding {
    member: bool,
    proof: Proof,
}

/// One ticket type of a request, its items gathered.
struct RequestedType {
    ticket_type_id: TicketTypeId,
    quantity: i64,
    seats: Vec<SeatId>,
    /// Sizes of the blocks of seats that are to be chosen.
    blocks: Vec<i64>,
}

impl RequestedType {
    fn add(&mut self, quantity: i64, choose_seats: bool) {
        self.quantity = self.quantity.saturating_add(quantity);
        self.blocks.extend(choose_seats.then_some(quantity));
    }
}

fn standing(stock: &Stock, request: &Request) -> Result<BuyerStanding, Refusal> {
    match request.buyer {
        None => Ok(BuyerStanding {
            member: false,
            proof: Proof::of(false, request.email_proven),
        }),
        Some(user) => {
            let buyer = stock.buyers.get(&user).ok_or(Refusal::UserNotFound)?;
            Ok(BuyerStanding {
                member: buyer.member || request.member,
                proof: Proof::Account,
            })
        }
    }
}

/// The wish as one line per ticket type, each type known, on sale and open to the buyer.
fn lines(
    stock: &Stock,
    request: &Request,
    standing: BuyerStanding,
    reveals: &dyn Fn(TicketTypeId) -> bool,
    now: Timestamp,
) -> Result<Vec<RequestedType>, Refusal> {
    let mut lines: BTreeMap<TicketTypeId, RequestedType> = BTreeMap::new();
    match &request.wish {
        Wish::Cheapest { quantity } => {
            let ticket_type_id = sale::cheapest(stock, *quantity, standing, reveals, now)?;
            let item = Item::Quantity {
                ticket_type_id,
                quantity: *quantity,
            };
            add_item(stock, &mut lines, &item)?;
        }
        Wish::Items(items) => {
            for item in items {
                add_item(stock, &mut lines, item)?;
            }
        }
    }
    for line in lines.values() {
        let id = line.ticket_type_id;
        let terms = ticket_type(stock, id)?;
        if terms.hidden && !reveals(id) {
            return Err(Refusal::TicketTypeNotFound { ticket_type_id: id });
        }
        sale::check_ticket_type((id, terms), stock.event.starts_at, standing, now)?;
    }
    Ok(lines.into_values().collect())
}

fn add_item(
    stock: &Stock,
    lines: &mut BTreeMap<TicketTypeId, RequestedType>,
    item: &Item,
) -> Result<(), Refusal> {
    match *item {
        Item::Quantity {
            ticket_type_id,
            quantity,
        } => {
            let seated = ticket_type(stock, ticket_type_id)?.seated;
            line_of(lines, ticket_type_id).add(quantity, seated);
        }
        Item::BestAvailable {
            ticket_type_id,
            quantity,
        } => {
            if !ticket_type(stock, ticket_type_id)?.seated {
                return Err(Refusal::NotSeated { ticket_type_id });
            }
            line_of(lines, ticket_type_id).add(quantity, true);
        }
        Item::Seat { seat_id } => {
            let not_found = || Refusal::SeatNotFound {
                seats: vec![seat_id],
            };
            let seat = stock.seats.get(&seat_id).ok_or_else(not_found)?;
            let line = line_of(lines, seat.ticket_type_id);
            line.add(1, false);
            line.seats.push(seat_id);
        }
    }
    Ok(())
}

fn line_of(
    lines: &mut BTreeMap<TicketTypeId, RequestedType>,
    ticket_type_id: TicketTypeId,
) -> &mut RequestedType {
    lines
        .entry(ticket_type_id)
        .or_insert_with(|| RequestedType {
            ticket_type_id,
            quantity: 0,
            seats: Vec::new(),
            blocks: Vec::new(),
        })
}

fn ticket_type(stock: &Stock, id: TicketTypeId) -> Result<&TicketTypeTerms, Refusal> {
    let not_found = Refusal::TicketTypeNotFound { ticket_type_id: id };
    stock.ticket_types.get(&id).ok_or(not_found)
}

fn check_limits(stock: &Stock, request: &Request, lines: &[RequestedType]) -> Result<(), Refusal> {
    for line in lines {
        let terms = ticket_type(stock, line.ticket_type_id)?;
        let min = terms.min_per_booking.max(1);
        if line.quantity < min || line.blocks.iter().any(|block| *block < 1) {
            return Err(Refusal::BelowMinimum {
                min,
                ticket_type_id: line.ticket_type_id,
            });
        }
        let allowance = allowance(stock, request, line.ticket_type_id, terms);
        if let Some(max) = allowance.filter(|max| line.quantity > *max) {
            return Err(Refusal::LimitExceeded {
                max,
                ticket_type_id: Some(line.ticket_type_id),
            });
        }
    }
    let max = stock.event.max_per_booking;
    match total_quantity(lines) {
        1.. if total_quantity(lines) <= max => Ok(()),
        _ => Err(Refusal::LimitExceeded {
            max,
            ticket_type_id: None,
        }),
    }
}

/// How many of a ticket type this booking may have; `None` means no bound of the type's own.
fn allowance(
    stock: &Stock,
    request: &Request,
    id: TicketTypeId,
    terms: &TicketTypeTerms,
) -> Option<i64> {
    let buyer = request.buyer.and_then(|user| stock.buyers.get(&user));
    let guest = request.guest.and_then(|guest| stock.guests.get(&guest));
    let live = match (buyer, guest) {
        (Some(buyer), _) => buyer.live.get(&id).copied(),
        (None, Some(guest)) => guest.live.get(&id).copied(),
        (None, None) => None,
    };
    let for_user = terms
        .max_per_user
        .map(|max| (max - live.unwrap_or(0)).max(0));
    [terms.max_per_booking, for_user]
        .into_iter()
        .flatten()
        .min()
}

fn check_pending(stock: &Stock, buyer: Option<UserId>) -> Result<(), Refusal> {
    let record = buyer.and_then(|user| stock.buyers.get(&user));
    match record.and_then(|buyer| buyer.pending) {
        Some(booking_id) => Err(Refusal::PendingBookingExists {
            booking_id: Some(booking_id),
        }),
        None => Ok(()),
    }
}

/// No buyer gets more than a share of the event, by however many bookings.
fn check_share(stock: &Stock, request: &Request, quantity: i64) -> Result<(), Refusal> {
    let buyer = request.buyer.and_then(|user| stock.buyers.get(&user));
    let guest = request.guest.and_then(|guest| stock.guests.get(&guest));
    let (pending, tickets) = match (buyer, guest) {
        (Some(buyer), _) => (i64::from(buyer.pending.is_some()), buyer.tickets),
        (None, Some(guest)) => (guest.pending, guest.tickets),
        (None, None) => (0, 0),
    };
    let exceeded = |max, of| Err(Refusal::HoldsExceeded { max, of });
    match request.share {
        Share {
            pending: Some(max), ..
        } if pending >= max => exceeded(max, Of::PendingBookings),
        Share {
            tickets: Some(max), ..
        } if tickets.saturating_add(quantity) > max => exceeded(max, Of::Tickets),
        _ => Ok(()),
    }
}

/// The seats named are free, and none is named twice.
fn check_seats(stock: &Stock, lines: &[RequestedType]) -> Result<(), Refusal> {
    let mut named = BTreeSet::new();
    let seats = lines.iter().flat_map(|line| &line.seats).copied();
    let taken: Vec<SeatId> = seats
        .filter(|seat| !named.insert(*seat) || !stock.seat_free(*seat))
        .collect();
    match taken.is_empty() {
        true => Ok(()),
        false => Err(Refusal::SeatTaken { seats: taken }),
    }
}

/// Every pool has enough for the booking as a whole; pools may be shared by its lines.
fn check_counts(stock: &Stock, lines: &[RequestedType]) -> Result<(), Refusal> {
    let mut needs: BTreeMap<PoolId, i64> = BTreeMap::new();
    for line in lines {
        let pools = &ticket_type(stock, line.ticket_type_id)?.pools;
        for pool in pools.iter().chain([&stock.root]).collect::<BTreeSet<_>>() {
            *needs.entry(*pool).or_default() += line.quantity;
        }
    }
    let lacks = |pool: &PoolId| {
        needs
            .get(pool)
            .is_some_and(|need| *need > stock.pool_left(*pool))
    };
    let short: Vec<&RequestedType> = lines
        .iter()
        .filter(|line| {
            let terms = stock.ticket_types.get(&line.ticket_type_id);
            let mut pools = terms.into_iter().flat_map(|terms| &terms.pools);
            pools.any(|pool| *pool != stock.root && lacks(pool))
        })
        .collect();
    let root_left = stock.pool_left(stock.root).max(0);
    match (short.as_slice(), lacks(&stock.root)) {
        ([], false) => Ok(()),
        ([], true) if root_left == 0 => Err(Refusal::EventAtCapacity { available: 0 }),
        ([], true) => Err(not_enough(stock, lines, root_left, None)),
        ([line], false) => Err(match left(stock, line.ticket_type_id) {
            0 => Refusal::TicketTypeSoldOut {
                ticket_type_id: line.ticket_type_id,
                available: 0,
            },
            left => not_enough(stock, lines, left, Some(line.ticket_type_id)),
        }),
        _ => Err(match together(stock, lines, root_left) {
            0 => Refusal::SoldOut {
                by_type: by_type(stock, lines),
            },
            left => not_enough(stock, lines, left, only(lines)),
        }),
    }
}

fn not_enough(
    stock: &Stock,
    lines: &[RequestedType],
    left: i64,
    ticket_type_id: Option<TicketTypeId>,
) -> Refusal {
    Refusal::NotEnoughLeft {
        left,
        ticket_type_id,
        by_type: by_type(stock, lines),
    }
}

fn by_type(stock: &Stock, lines: &[RequestedType]) -> BTreeMap<TicketTypeId, i64> {
    let ids = lines.iter().map(|line| line.ticket_type_id);
    ids.map(|id| (id, left(stock, id))).collect()
}

/// The most that could be sold of all these ticket types together.
fn together(stock: &Stock, lines: &[RequestedType], root_left: i64) -> i64 {
    let shared: Vec<(i64, Vec<(PoolId, i64)>)> = lines
        .iter()
        .map(|line| {
            let terms = stock.ticket_types.get(&line.ticket_type_id);
            let pools = terms.into_iter().flat_map(|terms| &terms.pools);
            let pools = pools.filter(|pool| **pool != stock.root);
            let pools = pools.map(|pool| (*pool, stock.pool_left(*pool)));
            (left(stock, line.ticket_type_id), pools.collect())
        })
        .collect();
    let sources: Vec<Source<'_>> = shared
        .iter()
        .map(|(available, shared)| Source {
            available: *available,
            shared,
        })
        .collect();
    sellable(root_left, &sources)
}

fn only(lines: &[RequestedType]) -> Option<TicketTypeId> {
    match lines {
        [line] => Some(line.ticket_type_id),
        _ => None,
    }
}

fn left(stock: &Stock, id: TicketTypeId) -> i64 {
    let terms = stock.ticket_types.get(&id);
    terms.map_or(0, |terms| stock.left(terms))
}

/// Fills every block with seats side by side, none of them chosen or named already.
fn choose_seats(stock: &Stock, lines: &mut [RequestedType]) -> Result<(), Refusal> {
    let mut chosen: BTreeSet<SeatId> = lines.iter().flat_map(|l| &l.seats).copied().collect();
    for line in lines {
        let id = line.ticket_type_id;
        // Longest first: a short block must not break the only place where a long one fits.
        line.blocks.sort_by_key(|block| std::cmp::Reverse(*block));
        for quantity in &line.blocks {
            let no_adjacent = || Refusal::NoAdjacentSeats {
                ticket_type_id: id,
                quantity: *quantity,
            };
            let count = usize::try_from(*quantity).map_err(|_| no_adjacent())?;
            let of_type = |seat| {
                stock
                    .seats
                    .get(&seat)
                    .is_some_and(|s| s.ticket_type_id == id)
            };
            let free = |seat| !chosen.contains(&seat) && stock.seat_free(seat) && of_type(seat);
            let block = adjacent::best(&stock.rows, count, free).ok_or_else(no_adjacent)?;
            chosen.extend(&block);
            line.seats.extend(block);
        }
    }
    Ok(())
}

fn grant(
    stock: &Stock,
    lines: Vec<RequestedType>,
    kind: BookingKind,
    vouchers: &[Voucher],
    price: Price,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    let quantity = total_quantity(&lines);
    let mut granted = Vec::with_capacity(lines.len());
    for line in lines {
        granted.push(GrantLine {
            ticket_type_id: line.ticket_type_id,
            quantity: line.quantity,
            unit_amount: ticket_type(stock, line.ticket_type_id)?.price_amount,
            seats: line.seats,
        });
    }
    Ok(Grant {
        lines: granted,
        quantity,
        price: price.lines,
        total_amount: price.total,
        absorbed_fee_amount: price.absorbed_amount,
        vouchers: vouchers.iter().map(|voucher| voucher.id).collect(),
        terms: terms(&stock.event, price.total, now),
        kind,
    })
}

fn terms(event: &EventTerms, total: i64, now: Timestamp) -> Terms {
    if total == 0 {
        return Terms::Confirmed;
    }
    let hold = SignedDuration::from_mins(event.hold_minutes);
    Terms::Pending {
        expires_at: now.saturating_add(hold).unwrap_or(Timestamp::MAX),
    }
}

fn take(stock: &mut Stock, request: &Request, grant: &Grant) {
    let state = grant.claim_state();
    for line in &grant.lines {
        stock.take(line.ticket_type_id, line.quantity, &line.seats, state);
    }
    for voucher in &mut stock.prices.vouchers {
        if grant.vouchers.contains(&voucher.id) {
            voucher.uses_left = voucher.uses_left.map(|left| left - 1);
        }
    }
    let buyer = request.buyer.and_then(|user| stock.buyers.get_mut(&user));
    if let Some(buyer) = buyer {
        if state == ClaimState::Held && grant.kind == BookingKind::Checkout {
            buyer.pending = Some(request.booking_id);
        }
        buyer.tickets += grant.quantity;
        for line in &grant.lines {
            *buyer.live.entry(line.ticket_type_id).or_default() += line.quantity;
        }
    }
    if let Some(guest) = request.guest.filter(|_| !mistaken!(ForgetGuests)) {
        let guest = stock.guests.entry(guest).or_default();
        guest.pending += i64::from(state == ClaimState::Held);
        guest.tickets += grant.quantity;
        for line in &grant.lines {
            *guest.live.entry(line.ticket_type_id).or_default() += line.quantity;
        }
    }
}

fn total_quantity(lines: &[RequestedType]) -> i64 {
    let quantities = lines.iter().map(|line| line.quantity);
    quantities.fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests;
