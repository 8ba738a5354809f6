//! Codes of vouchers lower prices and open hidden ticket types, and can be guessed: wrong ones are counted, from wherever on a
//! network they come.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ApiState;
use super::error::ApiResult;
use crate::limits::address::Client;
use crate::limits::rates::{RateKind, Rates, Who};

/// How long somebody waits for others of the network whose codes are looked at, and how often it is asked.
const CODES_PATIENCE: Duration = Duration::from_secs(2);
const CODES_PAUSE: Duration = Duration::from_millis(25);

/// Somebody who names a code. It counts as a wrong one while it is looked at, so that guesses which are sent at once are
/// counted like those which come one by one.
pub(super) struct Guesser<'a> {
    rates: &'a Rates,
    who: Who,
    was_wrong: bool,
}

impl<'a> Guesser<'a> {
    /// # Errors
    /// Too many wrong codes came from the network lately; a right one is not looked at either.
    pub(super) async fn new(state: &'a ApiState, client: Client) -> ApiResult<Guesser<'a>> {
        let (rates, who) = (&state.rates, Who::Network(client.network()));
        let deadline = Instant::now() + CODES_PATIENCE;
        while let Err(refused) = rates.count(RateKind::Codes, who) {
            // Many with a right code may be looked at in this moment, and make room.
            if Instant::now() >= deadline {
                return Err(refused.into());
            }
            sleep(CODES_PAUSE).await;
        }
        Ok(Guesser {
            rates,
            who,
            was_wrong: false,
        })
    }

    /// The code was wrong. Right ones are not counted: a company's people all have the same one.
    pub(super) fn was_wrong(mut self) {
        self.was_wrong = true;
    }
}

impl Drop for Guesser<'_> {
    fn drop(&mut self) {
        if !self.was_wrong {
            self.rates.uncount(RateKind::Codes, self.who);
        }
    }
}
