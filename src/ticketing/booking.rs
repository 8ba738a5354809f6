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

mod attendees;
mod limits;
mod room;
mod sale;
mod vouchers;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

pub use self::attendees::{at_places, attendees_of};
pub use self::sale::may_be_cheapest;
use super::price::{Price, PriceLine, Voucher};
use super::record::{self, BookedSeat, BookingItem, BookingKind, Money};
use super::refusal::Refusal;
use super::stock::{ClaimState, EventTerms, GuestHash, Proof, Share, Stock, TicketTypeTerms};
use super::{BookingId, OrganizationId, SeatId, TicketTypeId, UserId, VoucherId};

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

impl Wish {
    /// How many tickets are asked for.
    pub fn quantity(&self) -> i64 {
        match self {
            Wish::Cheapest { quantity } => *quantity,
            Wish::Items(items) => items
                .iter()
                .map(Item::quantity)
                .fold(0, i64::saturating_add),
        }
    }
}

impl Item {
    fn quantity(&self) -> i64 {
        match self {
            Item::Seat { .. } => 1,
            Item::Quantity { quantity, .. } | Item::BestAvailable { quantity, .. } => *quantity,
        }
    }
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
    /// The voucher from whose reserve they are taken, as far as that goes.
    pub reserve: Option<VoucherId>,
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

    /// The vouchers from whose reserves tickets are taken, by ticket type.
    pub fn reserves(&self) -> BTreeMap<TicketTypeId, VoucherId> {
        let lines = self.lines.iter();
        lines
            .filter_map(|line| Some((line.ticket_type_id, line.reserve?)))
            .collect()
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
            section: seat.section.to_string(),
            row: seat.row.to_string(),
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
        limits::check_pending(stock, request.buyer)?;
        limits::check_share(stock, request, total_quantity(&lines))?;
    }
    room::check_seats(stock, &lines)?;
    room::check_counts(stock, &lines)?;
    room::choose_seats(stock, &mut lines)?;
    let price = vouchers::priced(stock, request, &lines, &vouchers)?;
    grant(stock, lines, kind, &vouchers, price, now)
}

/// Whether the buyer sells the event's tickets.
fn is_staff(event: &EventTerms, request: &Request) -> bool {
    let organization = OrganizationId::from(event.organizer_id);
    match &request.sells {
        Sells::Nowhere => false,
        Sells::Of(organizations) => organizations.contains(&organization),
        Sells::Everywhere => true,
    }
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
    sale::check_event(&stock.event, is_staff(&stock.event, request), standing)?;
    let vouchers = vouchers::good(stock, request, now)?;
    let reveals = |ticket_type| vouchers::reveal(stock, request, &vouchers, ticket_type);
    let reserve =
        |ticket_type, quantity| vouchers::reserve(stock, &vouchers, ticket_type, quantity);
    let mut lines = lines(stock, request, standing, (&reveals, &reserve), now)?;
    for line in &mut lines {
        line.reserve = reserve(line.ticket_type_id, line.quantity);
    }
    limits::check_limits(stock, request, &lines)?;
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
    /// The voucher from whose reserve they are taken, as far as that goes.
    reserve: Option<VoucherId>,
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

/// The voucher from whose reserve so many of a ticket type would be taken.
type ReserveOf<'a> = dyn Fn(TicketTypeId, i64) -> Option<VoucherId> + 'a;

/// The wish as one line per ticket type, each type known, on sale and open to the buyer.
fn lines(
    stock: &Stock,
    request: &Request,
    standing: BuyerStanding,
    (reveals, reserve): (&dyn Fn(TicketTypeId) -> bool, &ReserveOf<'_>),
    now: Timestamp,
) -> Result<Vec<RequestedType>, Refusal> {
    let mut lines: BTreeMap<TicketTypeId, RequestedType> = BTreeMap::new();
    match &request.wish {
        Wish::Cheapest { quantity } => {
            let left = |id, terms: &TicketTypeTerms| {
                stock.left(terms) + stock.set_aside(reserve(id, *quantity), id)
            };
            let is_enough = |id, terms: &TicketTypeTerms| left(id, terms) >= *quantity;
            let ticket_type_id = sale::cheapest(stock, &is_enough, standing, reveals, now)?;
            let item = Item::Quantity {
                ticket_type_id,
                quantity: *quantity,
            };
            add_item(stock, &mut lines, &item, reveals)?;
        }
        Wish::Items(items) => {
            for item in items {
                add_item(stock, &mut lines, item, reveals)?;
            }
        }
    }
    for line in lines.values() {
        let id = line.ticket_type_id;
        let terms = shown(stock, id, reveals)?;
        sale::check_ticket_type((id, terms), stock.event.starts_at, standing, now)?;
    }
    Ok(lines.into_values().collect())
}

fn add_item(
    stock: &Stock,
    lines: &mut BTreeMap<TicketTypeId, RequestedType>,
    item: &Item,
    reveals: &dyn Fn(TicketTypeId) -> bool,
) -> Result<(), Refusal> {
    match *item {
        Item::Quantity {
            ticket_type_id,
            quantity,
        } => {
            let seated = shown(stock, ticket_type_id, reveals)?.seated;
            line_of(lines, ticket_type_id).add(quantity, seated);
        }
        Item::BestAvailable {
            ticket_type_id,
            quantity,
        } => {
            if !shown(stock, ticket_type_id, reveals)?.seated {
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

/// The ticket type, if the buyer may know of it.
fn shown<'a>(
    stock: &'a Stock,
    ticket_type_id: TicketTypeId,
    reveals: &dyn Fn(TicketTypeId) -> bool,
) -> Result<&'a TicketTypeTerms, Refusal> {
    let terms = ticket_type(stock, ticket_type_id)?;
    match terms.hidden && !reveals(ticket_type_id) {
        true => Err(Refusal::TicketTypeNotFound { ticket_type_id }),
        false => Ok(terms),
    }
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
            reserve: None,
        })
}

fn ticket_type(stock: &Stock, id: TicketTypeId) -> Result<&TicketTypeTerms, Refusal> {
    let not_found = Refusal::TicketTypeNotFound { ticket_type_id: id };
    stock.ticket_types.get(&id).ok_or(not_found)
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
            reserve: line.reserve,
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
        let of = line.ticket_type_id;
        stock.take(of, line.quantity, &line.seats, state, line.reserve);
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
