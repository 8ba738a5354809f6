//! Who the caller is, and what it may see.

use jiff::Timestamp;

use super::{Rules, Session};
use crate::auth::Caller;
use crate::protocol::code::{self, ErrorReply};
use crate::protocol::supabase;
use crate::protocol::topic::Topic;
use crate::ticketing::live::EventInfo;

impl Session {
    /// A token makes its bearer the caller; none changes nobody. Supabase's clients send their API key as
    /// a token while nobody is signed in: that is no bad token, it names nobody, and signs out.
    pub(super) fn sign_in(
        &mut self,
        token: Option<&str>,
        rules: Rules<'_>,
    ) -> Result<(), ErrorReply> {
        let Some(token) = token else { return Ok(()) };
        if supabase::is_api_key(token, self.api_key.as_deref()) {
            self.sign_out();
            return Ok(());
        }
        self.caller = rules
            .auth
            .verify(token)
            .map_err(|error| code::INVALID_TOKEN.because(error))?;
        self.caller_changed = true;
        Ok(())
    }

    /// The caller has no rights but those that the handshake came with.
    pub(super) fn sign_out(&mut self) {
        self.caller_changed |= self.caller != self.opened_by;
        self.caller = self.opened_by;
    }

    /// Whether what is joined has to be looked at again, because another token came.
    pub(crate) fn take_caller_changed(&mut self) -> bool {
        std::mem::take(&mut self.caller_changed) && self.needs_token
    }

    pub(crate) fn caller(&self) -> Caller {
        self.caller
    }

    /// What the caller, who has changed, may not have any more: an event's figures, another's bookings.
    pub(crate) fn forbidden(&self, name: Topic, event: Option<&EventInfo>) -> bool {
        let organizes = |event: &EventInfo| self.caller.may_organize(event.organizer_id);
        match name {
            Topic::Admin(_) => !event.is_some_and(organizes),
            name => self.may_ask(name).is_err(),
        }
    }

    /// Whether the token that opened what only its bearer may see has ended. Where nothing is joined that
    /// needs it, the caller is nobody from then on: it watches, and broadcasts no more.
    pub(crate) fn token_has_ended(&mut self, now: Timestamp) -> bool {
        match self.caller {
            Caller::User {
                token_expires: Some(end),
                ..
            } if end <= now => {
                if !self.needs_token {
                    self.caller = Caller::Anonymous;
                }
                self.needs_token
            }
            _ => false,
        }
    }
}
