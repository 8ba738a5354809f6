//! Tokens that have ended before their time. A token is checked without I/O, so every node keeps the ends of the last
//! minutes in memory; a task reads new ones.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::TokenSession;
use crate::config::inside::ENDED_TOKENS_MAX;
use crate::ticketing::{SessionId, UserId};

/// The ends that this node knows. Reading them takes no lock. Cheap to clone.
#[derive(Clone, Default)]
pub struct EndedTokens(Arc<ArcSwap<Ends>>);

#[derive(Debug, Clone, Default, PartialEq)]
struct Ends {
    sessions: HashSet<SessionId>,
    /// The first generation that is good, by user.
    generations: HashMap<UserId, i32>,
}

impl EndedTokens {
    /// Whether a token of this user's session is good no more.
    pub fn have(&self, user: UserId, session: &TokenSession) -> bool {
        let ends = self.0.load();
        let has_ended = |id| ends.sessions.contains(&id);
        session.id.is_some_and(has_ended)
            || ends
                .generations
                .get(&user)
                .is_some_and(|first| session.generation < *first)
    }

    pub fn end_session(&self, session: SessionId) {
        self.add([session], []);
    }

    /// Ends the user's tokens of generations before `first`.
    pub fn end_before(&self, user: UserId, first: i32) {
        self.add([], [(user, first)]);
    }

    /// Adds what is new.
    pub fn add(
        &self,
        sessions: impl IntoIterator<Item = SessionId> + Clone,
        generations: impl IntoIterator<Item = (UserId, i32)> + Clone,
    ) {
        self.0.rcu(|known| {
            let mut ends = Ends::clone(known);
            ends.add(sessions.clone(), generations.clone());
            if ends == **known {
                return known.clone();
            }
            Arc::new(ends)
        });
    }

    /// Replaces all by these: older ones ended by themselves.
    pub fn replace(
        &self,
        sessions: impl IntoIterator<Item = SessionId>,
        generations: impl IntoIterator<Item = (UserId, i32)>,
    ) {
        let mut ends = Ends::default();
        ends.add(sessions, generations);
        self.0.store(Arc::new(ends));
    }
}

impl Ends {
    fn add(
        &mut self,
        sessions: impl IntoIterator<Item = SessionId>,
        generations: impl IntoIterator<Item = (UserId, i32)>,
    ) {
        for session in sessions {
            if self.sessions.len() < ENDED_TOKENS_MAX {
                self.sessions.insert(session);
            }
        }
        for (user, first) in generations {
            if self.generations.len() < ENDED_TOKENS_MAX {
                let known = self.generations.entry(user).or_insert(first);
                *known = first.max(*known);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_generations_end_and_others_do_not() {
        let ended = EndedTokens::default();
        let session = |id, generation| TokenSession {
            id: Some(SessionId(id)),
            generation,
        };
        ended.end_session(SessionId(1));
        ended.end_before(UserId(7), 3);
        ended.end_before(UserId(7), 2);
        assert!(ended.have(UserId(9), &session(1, 0)));
        assert!(ended.have(UserId(7), &session(2, 2)));
        assert!(!ended.have(UserId(7), &session(2, 3)));
        assert!(!ended.have(UserId(8), &session(2, 0)));
        ended.replace([], []);
        assert!(!ended.have(UserId(9), &session(1, 0)));
    }
}
