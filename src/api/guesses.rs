//! Codes of vouchers lower prices and open hidden ticket types, and can be guessed: wrong ones are counted as wrong
//! passwords are, from wherever on a network they come.

use super::ApiState;
use super::error::ApiResult;
use crate::limits::address::Client;
use crate::limits::rates::{RateKind, Rates, Who};

/// Somebody who names a code.
pub(super) struct Guesser<'a> {
    rates: &'a Rates,
    who: Who,
}

impl<'a> Guesser<'a> {
    /// # Errors
    /// Too many wrong codes came from the network lately; a right one is not looked at either.
    pub(super) fn new(state: &'a ApiState, client: Client) -> ApiResult<Guesser<'a>> {
        let (rates, who) = (&state.rates, Who::Network(client.network()));
        rates.look(RateKind::SignIns, who)?;
        Ok(Guesser { rates, who })
    }

    /// The code was wrong. Right ones are not counted: a company's people all have the same one.
    ///
    /// # Errors
    /// It is one too many: others were on their way.
    pub(super) fn was_wrong(self) -> ApiResult<()> {
        Ok(self.rates.count(RateKind::SignIns, self.who)?)
    }
}
