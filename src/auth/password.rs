//! Passwords: argon2id, off the async threads, a few at a time, so that sign-ins do not starve the desk.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::config::inside::{PASSWORDS_AT_ONCE_MAX, PASSWORDS_WAITING_MAX};

/// As measured: about 45 ms of a core. In KiB, passes, lanes.
const MEMORY_KIB: u32 = 32_768;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// No password was hashed or compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("too many passwords wait")]
    Busy,
    #[error("hashing failed")]
    Failed,
}

/// How a password compares with a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    Wrong,
    Right {
        /// The password under today's parameters, if its hash has others.
        rehashed: Option<String>,
    },
}

/// Hashes and compares. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            at_once: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE_MAX)),
            waiting: Arc::new(Semaphore::new(
                PASSWORDS_AT_ONCE_MAX + PASSWORDS_WAITING_MAX,
            )),
        }
    }
}

impl Passwords {
    /// The hash of a new password, in PHC form.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.work(move || hash(&password)).await?
    }

    /// Compares, in the same time whether or not there is a hash: time must not tell who has an account.
    pub async fn compare(
        &self,
        password: String,
        known: Option<String>,
    ) -> Result<Compared, PasswordError> {
        self.work(move || match known {
            Some(known) => compare(&password, &known),
            None => {
                let _ = dummy().map(|known| compare(&password, known));
                Ok(Compared::Wrong)
            }
        })
        .await?
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let waiting = self.waiting.clone().try_acquire_owned();
        let _waiting = waiting.map_err(|_| PasswordError::Busy)?;
        let turn = self.at_once.clone().acquire_owned().await;
        let turn = turn.map_err(|_| PasswordError::Failed)?;
        // The turn goes along: a caller who gives up does not end the work.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| PasswordError::Failed)
    }
}

/// The hash of no password, to compare with where there is none.
fn dummy() -> Option<&'static str> {
    static DUMMY: OnceLock<Option<String>> = OnceLock::new();
    DUMMY.get_or_init(|| hash("").ok()).as_deref()
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|_| PasswordError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let hashed = hasher()?.hash_password(password.as_bytes());
    Ok(hashed.map_err(|_| PasswordError::Failed)?.to_string())
}

fn compare(password: &str, known: &str) -> Result<Compared, PasswordError> {
    let parsed = PasswordHash::new(known).map_err(|_| PasswordError::Failed)?;
    let hasher = hasher()?;
    if hasher
        .verify_password(password.as_bytes(), &parsed)
        .is_err()
    {
        return Ok(Compared::Wrong);
    }
    let ours = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Failed)?;
    let theirs = Params::try_from(&parsed).map_err(|_| PasswordError::Failed)?;
    let same = (theirs.m_cost(), theirs.t_cost(), theirs.p_cost())
        == (ours.m_cost(), ours.t_cost(), ours.p_cost());
    let rehashed = match same {
        true => None,
        false => Some(hash(password)?),
    };
    Ok(Compared::Right { rehashed })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_one_is() {
        let passwords = Passwords::default();
        let known = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(
            known.starts_with("$argon2id$v=19$m=32768,t=2,p=1$"),
            "{known}"
        );
        let compare = async |password: &str, known: Option<&str>| {
            let known = known.map(str::to_owned);
            let compared = passwords.compare(password.to_owned(), known).await;
            compared.unwrap()
        };
        let right = Compared::Right { rehashed: None };
        assert_eq!(compare("correct horse", Some(&known)).await, right);
        assert_eq!(compare("battery", Some(&known)).await, Compared::Wrong);
        assert_eq!(compare("", None).await, Compared::Wrong);
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8, 1, 1, None).unwrap(),
        );
        let weak = weak.hash_password(b"old").unwrap().to_string();
        let Compared::Right {
            rehashed: Some(new),
        } = compare("old", Some(&weak)).await
        else {
            panic!("hashed anew");
        };
        assert!(new.starts_with("$argon2id$v=19$m=32768,t=2,p=1$"));
    }
}
