//! Whole purchases by REST: hold, pay by the demo's provider, tickets. And holds with all rules.
//!
//! All clients are outside of the server, one connection each, and wait for their tickets as a page does: they look every
//! 50 ms. The ways take turns, so that all feel the machine alike.

use std::sync::Arc;
use std::time::Duration;

use super::BenchError;
use super::holds::naive::NaiveBuyer;
use super::holds::rest::{Basket, Newest, RestBuyer, VOUCHER};
use super::holds::selling::{Act, Pile, SalesTally};
use super::holds::{FILL_BOOKINGS, REST_TYPES, TURNS, turn};
use super::process::allow_sockets;
use super::report::{Report, Target, count, micros, millis, percentile};
use super::world::BenchWorld;
use crate::config::DatabaseConfig;
use crate::store::yardstick::naive::StockCheck;

/// Whole purchases, of holds the naive way.
const PURCHASES: Target = Target::AtLeast(4.0);
/// Holds with all rules, of plain ones.
const RULED: Target = Target::AtLeast(0.7);

#[derive(Default)]
struct CheckoutPaths {
    naive: SalesTally,
    plain: SalesTally,
    ruled: SalesTally,
    purchases: SalesTally,
}

/// `time` is how long each way sells, in all its turns.
pub(super) fn run(
    buyers: usize,
    time: Duration,
    database: &DatabaseConfig,
) -> Result<Vec<Report>, BenchError> {
    allow_sockets(2 * buyers)?;
    BenchWorld::audited(database, 2 * buyers, |world| {
        let ways = measure(world, buyers, time)?;
        Ok(vec![report(buyers, ways).printed()])
    })
}

fn measure(world: &BenchWorld, buyers: usize, time: Duration) -> Result<CheckoutPaths, BenchError> {
    let run = &world.runtime;
    run.block_on(world.store.set_naive_stage(1, FILL_BOOKINGS))?;
    run.block_on(world.store.fill_sales(FILL_BOOKINGS))?;
    let plain = Arc::new(run.block_on(world.store.set_stages(1, REST_TYPES))?);
    let ruled = Arc::new(run.block_on(world.store.set_stages(1, REST_TYPES))?);
    run.block_on(world.store.set_price_rules(&ruled, VOUCHER))?;
    run.block_on(world.store.analyze())?;
    let (server, address) = world.server()?;
    let (pile, newest, mut ways) = (Pile::default(), Newest::default(), CheckoutPaths::default());
    for _ in 0..TURNS {
        let naive = NaiveBuyer::connect_all(world, buyers, 1, StockCheck::Locked)?;
        ways.naive.add(turn(world, None, naive, Act::Book, time)?);
        for (stages, basket, act, sales) in [
            (&plain, Basket::OneTicket, Act::Book, &mut ways.plain),
            (
                &ruled,
                Basket::ThreeTypesAndVoucher,
                Act::Book,
                &mut ways.ruled,
            ),
            (
                &plain,
                Basket::OneTicket,
                Act::Purchase,
                &mut ways.purchases,
            ),
        ] {
            let all = RestBuyer::connect_all(buyers, address, stages, &pile, &newest);
            let all = run.block_on(all)?;
            let all = all.into_iter().map(|buyer| buyer.with(basket)).collect();
            sales.add(turn(world, Some(&server), all, act, time)?);
        }
    }
    Ok(ways)
}

fn report(buyers: usize, ways: CheckoutPaths) -> Report {
    let mut report = Report::new(format!(
        "{buyers} buyers on one event, by REST; {TURNS} turns. Floor: a transaction for each hold, its buyer on a \
         connection of its own (lock, look, update, insert, insert, notify, commit), without key, log or triggers. Both \
         ways' tables begin with {} bookings.",
        count(FILL_BOOKINGS.into()),
    ));
    let CheckoutPaths {
        naive,
        plain,
        ruled,
        purchases,
    } = ways;
    let floor = naive.rate();
    for (name, sales, beside, target) in [
        (
            "whole purchases/s, beside naive holds",
            &purchases,
            floor,
            Some(PURCHASES),
        ),
        (
            "holds/s with 3 types, voucher, tax, fee, limits, beside plain ones",
            &ruled,
            plain.rate(),
            Some(RULED),
        ),
        ("plain holds/s, beside naive ones", &plain, floor, None),
    ] {
        let pair = (count(sales.rate()), count(beside));
        report.compared(name, pair, sales.rate() / beside, target);
    }
    for (name, mut sales) in [
        ("purchase", purchases),
        ("hold with all rules", ruled),
        ("plain hold", plain),
        ("naive hold", naive),
    ] {
        let each = |cpu: Duration| micros(cpu.div_f64(sales.done.max(1) as f64));
        let (postgres, server) = (each(sales.usage.postgres), each(sales.usage.server));
        report.fact(
            &format!("{name}: CPU each"),
            format!("Postgres {postgres}, server {server}"),
        );
        let n = sales.latencies.len();
        let [p50, p99] = [50, 99].map(|percent| millis(percentile(&mut sales.latencies, percent)));
        let range = sales.range();
        report.fact(
            &format!("{name}: p50, p99; turns; n"),
            format!("{p50}, {p99}; {range}; {}", count(n as f64)),
        );
    }
    report
}
