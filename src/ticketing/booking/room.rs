//! Whether there is room for a request: its seats, and units of its types in every pool that they draw on.

use std::collections::{BTreeMap, BTreeSet};

use super::{RequestedType, ticket_type};
use crate::ticketing::adjacent::{self, RowSeat};
use crate::ticketing::refusal::{Refusal, SeatsApart};
use crate::ticketing::sellable::{Source, sellable};
use crate::ticketing::stock::Stock;
use crate::ticketing::{PoolId, SeatId, TicketTypeId};

/// The seats named are free, and none is named twice.
pub(super) fn check_seats(stock: &Stock, lines: &[RequestedType]) -> Result<(), Refusal> {
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
pub(super) fn check_counts(stock: &Stock, lines: &[RequestedType]) -> Result<(), Refusal> {
    let mut needs: BTreeMap<PoolId, i64> = BTreeMap::new();
    for line in lines {
        let pools = &ticket_type(stock, line.ticket_type_id)?.pools;
        // Units that are set aside for the buyer are not left to others.
        let of_common = line.quantity - set_aside(stock, line).min(line.quantity);
        for pool in pools.iter().chain([&stock.root]).collect::<BTreeSet<_>>() {
            *needs.entry(*pool).or_default() += of_common;
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
    let all_set_aside: i64 = lines.iter().map(|line| set_aside(stock, line)).sum();
    let root_left = stock.pool_left(stock.root).max(0) + all_set_aside;
    match (short.as_slice(), lacks(&stock.root)) {
        ([], false) => Ok(()),
        ([], true) if root_left == 0 => Err(Refusal::EventAtCapacity { available: 0 }),
        ([], true) => Err(not_enough(stock, lines, root_left, None)),
        ([line], false) => Err(match left(stock, line) {
            0 => Refusal::TicketTypeSoldOut {
                ticket_type_id: line.ticket_type_id,
                available: 0,
            },
            left => not_enough(stock, lines, left, Some(line.ticket_type_id)),
        }),
        _ => Err(match together(stock, lines) + all_set_aside {
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
    let lines = lines.iter();
    lines
        .map(|line| (line.ticket_type_id, left(stock, line)))
        .collect()
}

/// The most that could be sold to anybody of all these ticket types together.
fn together(stock: &Stock, lines: &[RequestedType]) -> i64 {
    let root_left = stock.pool_left(stock.root).max(0);
    let shared: Vec<(i64, Vec<(PoolId, i64)>)> = lines
        .iter()
        .map(|line| {
            let terms = stock.ticket_types.get(&line.ticket_type_id);
            let pools = terms.into_iter().flat_map(|terms| &terms.pools);
            let pools = pools.filter(|pool| **pool != stock.root);
            let pools = pools.map(|pool| (*pool, stock.pool_left(*pool)));
            (common_left(stock, line), pools.collect())
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

/// To this buyer.
fn left(stock: &Stock, line: &RequestedType) -> i64 {
    common_left(stock, line) + set_aside(stock, line)
}

/// To anybody.
fn common_left(stock: &Stock, line: &RequestedType) -> i64 {
    let terms = stock.ticket_types.get(&line.ticket_type_id);
    terms.map_or(0, |terms| stock.left(terms))
}

fn set_aside(stock: &Stock, line: &RequestedType) -> i64 {
    match mistaken!(HoardReserve) {
        true => 0,
        false => stock.set_aside(line.reserve, line.ticket_type_id),
    }
}

/// Fills every block with seats side by side, none of them chosen or named already.
pub(super) fn choose_seats(stock: &Stock, lines: &mut [RequestedType]) -> Result<(), Refusal> {
    let mut chosen: BTreeSet<SeatId> = lines.iter().flat_map(|l| &l.seats).copied().collect();
    for line in lines {
        let id = line.ticket_type_id;
        // Longest first: a short block must not break the only place where a long one fits.
        line.blocks.sort_by_key(|block| std::cmp::Reverse(*block));
        for quantity in &line.blocks {
            let no_adjacent = |apart: Option<Vec<SeatId>>| Refusal::NoAdjacentSeats {
                ticket_type_id: id,
                quantity: *quantity,
                alternatives: apart
                    .into_iter()
                    .map(|seats| SeatsApart { seats })
                    .collect(),
            };
            let count = usize::try_from(*quantity).map_err(|_| no_adjacent(None))?;
            let meant = |seat: &RowSeat| seat.ticket_type_id == id && !chosen.contains(&seat.id);
            let block = adjacent::best(&stock.rows, count, meant);
            let block =
                block.ok_or_else(|| no_adjacent(adjacent::apart(&stock.rows, count, meant)))?;
            chosen.extend(&block);
            line.seats.extend(block);
        }
    }
    Ok(())
}
