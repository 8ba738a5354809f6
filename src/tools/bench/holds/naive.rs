//! Buyers with a transaction each ([`crate::store::yardstick::naive`]).

use super::selling::{Act, BenchBuyer};
use crate::store::yardstick::naive::{NaiveSeller, StockCheck};
use crate::tools::bench::BenchError;
use crate::tools::bench::world::BenchWorld;

pub(in crate::tools::bench) struct NaiveBuyer {
    seller: NaiveSeller,
    events: i32,
}

impl NaiveBuyer {
    /// Each has a connection of its own, which takes time to make.
    pub(in crate::tools::bench) fn connect_all(
        world: &BenchWorld,
        buyers: usize,
        events: i32,
        check: StockCheck,
    ) -> Result<Vec<NaiveBuyer>, BenchError> {
        let connect = async || {
            let mut all = Vec::with_capacity(buyers);
            for _ in 0..buyers {
                let seller = world.store.naive_seller(check).await?;
                all.push(NaiveBuyer { seller, events });
            }
            Ok(all)
        };
        world.runtime.block_on(connect())
    }
}

impl BenchBuyer for NaiveBuyer {
    async fn act(&mut self, act: Act) -> Result<bool, BenchError> {
        if act != Act::Book {
            return Err(BenchError::Child("the naive way only books"));
        }
        let event = rand::random_range(1..=self.events);
        self.seller.hold(event).await?;
        Ok(true)
    }
}
