//! Requests that count by how they end. Codes of vouchers lower prices and open hidden ticket types, and can be guessed: wrong
//! ones are counted, from wherever on a network they come. A booking that costs nothing is mailed at once to whatever address
//! it names: so many from one network, and so many to one address.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ApiState;
use super::error::ApiResult;
use crate::auth::Caller;
use crate::auth::secrets::hash_of;
use crate::limits::address::Client;
use crate::limits::rates::{RateKind, Rates, Who};

/// How long somebody waits for others of the network whose requests are looked at, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(25);

/// A request that counts while it is looked at, so that those which are sent at once are counted like those which come one by
/// one, and afterwards only if it [`counts`](Counted::counts).
pub(super) struct Counted<'a> {
    rates: &'a Rates,
    kind: RateKind,
    who: Vec<Who>,
    counts: bool,
}

impl<'a> Counted<'a> {
    /// Somebody who names a code, which counts if it is a wrong one. Right ones do not: a company's people all have the same
    /// one.
    ///
    /// # Errors
    /// Too many wrong codes came from the network lately; a right one is not looked at either.
    pub(super) async fn code(state: &'a ApiState, client: Client) -> ApiResult<Counted<'a>> {
        let who = [Who::Network(client.network())];
        Counted::new(&state.rates, RateKind::Codes, &who).await
    }

    /// Somebody at whose word a mail may go out, to this address as far as it is known. Staff write to their buyers as fast as
    /// they come.
    ///
    /// # Errors
    /// Too many mails were sent so lately.
    pub(super) async fn mail(
        state: &'a ApiState,
        caller: &Caller,
        client: Client,
        to: Option<&str>,
    ) -> ApiResult<Counted<'a>> {
        let mut who = Vec::new();
        if !caller.is_staff() && state.jobs.sends_mails() {
            who.push(Who::Network(client.network()));
            who.extend(to.map(addressee));
        }
        Counted::new(&state.rates, RateKind::Mails, &who).await
    }

    async fn new(rates: &'a Rates, kind: RateKind, who: &[Who]) -> ApiResult<Counted<'a>> {
        let deadline = Instant::now() + PATIENCE;
        let mut counted = Counted {
            rates,
            kind,
            who: Vec::with_capacity(who.len()),
            counts: false,
        };
        for one in who {
            while let Err(refused) = rates.count(kind, *one) {
                // Many that will not count may be looked at in this moment, and make room.
                if Instant::now() >= deadline {
                    return Err(refused.into());
                }
                sleep(PAUSE).await;
            }
            counted.who.push(*one);
        }
        Ok(counted)
    }

    /// It stays counted.
    pub(super) fn counts(mut self) {
        self.counts = true;
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.counts {
            for one in &self.who {
                self.rates.uncount(self.kind, *one);
            }
        }
    }
}

fn addressee(email: &str) -> Who {
    let hash = hash_of(email);
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    Who::Login(short)
}
