//! The users of people of other issuers, as they were looked up last. Shards read them without a lock: each part is a map
//! that is replaced whole, and small.

use std::array;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use super::Identity;
use crate::auth::{Caller, Role, Staffs, TokenSession};
use crate::config::inside::IDENTITIES_MAX;
use crate::ticketing::UserId;

const PARTS: usize = 64;

/// The user of a person, with rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    pub user: UserId,
    pub role: Role,
    pub member: bool,
    pub staffs: Staffs,
    /// Of the user's tokens: another one means other rights.
    pub generation: i32,
}

impl Person {
    pub(super) fn caller(self, token_expires: jiff::Timestamp) -> Caller {
        Caller::User {
            id: self.user,
            role: self.role,
            member: self.member,
            token_expires: Some(token_expires),
            session: Some(self.session()),
            staffs: self.staffs,
        }
    }

    pub(super) fn session(self) -> TokenSession {
        TokenSession {
            id: None,
            generation: self.generation,
        }
    }
}

pub(super) struct PersonCache {
    parts: [ArcSwap<LookedUp>; PARTS],
    hasher: RandomState,
}

/// By issuer and subject, with the time of the look-up.
type LookedUp = HashMap<(Arc<str>, Arc<str>), (Person, Instant)>;

impl Default for PersonCache {
    fn default() -> PersonCache {
        PersonCache {
            parts: array::from_fn(|_| ArcSwap::default()),
            hasher: RandomState::new(),
        }
    }
}

impl PersonCache {
    /// A person, and how long ago it was looked up.
    pub(super) fn get(&self, identity: &Identity) -> Option<(Person, Duration)> {
        let key = key(identity);
        let part = self.part(&key)?.load();
        let (person, at) = part.get(&key)?;
        Some((*person, at.elapsed()))
    }

    pub(super) fn insert(&self, identity: &Identity, person: Person) {
        let key = key(identity);
        let Some(part) = self.part(&key) else { return };
        part.rcu(|known| {
            let mut known = match known.len() < IDENTITIES_MAX / PARTS {
                true => LookedUp::clone(known),
                false => LookedUp::new(),
            };
            known.insert(key.clone(), (person, Instant::now()));
            known
        });
    }

    pub(super) fn remove(&self, identity: &Identity) {
        let key = key(identity);
        let Some(part) = self.part(&key) else { return };
        if part.load().contains_key(&key) {
            part.rcu(|known| {
                let mut known = LookedUp::clone(known);
                known.remove(&key);
                known
            });
        }
    }

    fn part(&self, key: &(Arc<str>, Arc<str>)) -> Option<&ArcSwap<LookedUp>> {
        let hash = self.hasher.hash_one(key) % PARTS as u64;
        self.parts.get(usize::try_from(hash).ok()?)
    }
}

fn key(identity: &Identity) -> (Arc<str>, Arc<str>) {
    (identity.issuer.clone(), identity.subject.clone())
}
