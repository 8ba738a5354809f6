//! The caller of a session, and its rights.

use std::ops::Deref;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Rules, Session};
use crate::auth::{self, Auth, AuthError, Caller, Right};
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::topic::Topic;
use crate::ticketing::live::EventInfo;

/// A caller as a session keeps it. Most viewers are anonymous, so only the others pay for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptCaller(Option<Arc<Caller>>);

impl From<Caller> for KeptCaller {
    fn from(caller: Caller) -> Self {
        KeptCaller((caller != Caller::Anonymous).then(|| Arc::new(caller)))
    }
}

impl Deref for KeptCaller {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        self.0.as_deref().unwrap_or(&Caller::Anonymous)
    }
}

impl Session {
    /// Makes the bearer of a token the caller; without a token nothing changes. Supabase's clients send their API key as a token
    /// while nobody is signed in: that is not a bad token, it signs out.
    pub(super) fn sign_in(
        &mut self,
        token: Option<&str>,
        rules: Rules<'_>,
    ) -> Result<(), ErrorReply> {
        let Some(token) = token else { return Ok(()) };
        if auth::is_api_key(token, self.api_key.as_deref()) {
            self.sign_out(rules);
            return Ok(());
        }
        let caller = rules.auth.verify(token).map_err(|error| match error {
            AuthError::Unready => code::UNAVAILABLE.because(error),
            error => code::INVALID_TOKEN.because(error),
        })?;
        if *self.caller != caller {
            self.caller = caller.into();
        }
        self.caller_changed = true;
        Ok(())
    }

    /// Resets the caller to that of the handshake, as far as its token is still good.
    pub(super) fn sign_out(&mut self, rules: Rules<'_>) {
        self.forget_ended_handshake(rules.auth, rules.now);
        self.caller_changed |= self.caller != self.opened_by;
        self.caller = self.opened_by.clone();
    }

    /// Whether a new token came, so that joined topics have to be checked again.
    pub(crate) fn take_caller_changed(&mut self) -> bool {
        std::mem::take(&mut self.caller_changed) && self.needs_token
    }

    pub(crate) fn caller(&self) -> Caller {
        *self.caller
    }

    /// Whether the caller sees an event that has become a draft. If so, the viewer stays by right of the token, whose end is
    /// looked out for from now on.
    pub(crate) fn still_sees(&mut self, draft: &EventInfo) -> bool {
        let sees = self.caller.may_see(draft);
        self.needs_token |= sees;
        sees
    }

    /// Whether the changed caller may not have this topic: an event's figures, or another user's bookings.
    pub(crate) fn forbidden(&self, name: Topic, event: Option<&EventInfo>) -> bool {
        let organizes = |event: &EventInfo| self.caller.may(Right::Figures, event.organizer_id);
        match name {
            Topic::Admin(_) => !event.is_some_and(organizes),
            name => self.may_ask(name).is_err(),
        }
    }

    /// Whether a token has ended that a joined topic needs. If no topic needs it, the caller becomes anonymous: it goes on watching,
    /// but may not broadcast any more.
    pub(crate) fn token_has_ended(&mut self, auth: &Auth, now: Timestamp) -> bool {
        self.forget_ended_handshake(auth, now);
        if !auth.is_over(&self.caller, now) {
            return false;
        }
        if !self.needs_token {
            self.caller = Caller::Anonymous.into();
        }
        self.needs_token
    }

    /// The token of the handshake ends like any other: signing out must not bring back its rights.
    fn forget_ended_handshake(&mut self, auth: &Auth, now: Timestamp) {
        if auth.is_over(&self.opened_by, now) {
            self.opened_by = Caller::Anonymous.into();
        }
    }
}
