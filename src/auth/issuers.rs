//! Tokens of other issuers: the keys that check them, and the users who bear them. Does no I/O: the task of the module
//! `issuers` brings keys and people, and is asked here. What a shard reads takes no lock.
//!
//! A person's rights are those of the user in our tables, never what the token says of a role.

mod keys;
mod people;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jsonwebtoken::Validation;
use serde::Deserialize;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::timeout;

pub use self::keys::{KeySet, NotAKeySet};
pub use self::people::Person;
use self::people::PersonCache;
use super::{AuthError, CLOCK_SKEW_S, Caller, EndedTokens, expiry};
use crate::config::inside::{
    ACCESS_TOKEN_S, IDENTITIES_WAITING_MAX, IDENTITY_AGE_MS_MAX, IDENTITY_FRESH_MS,
    IDENTITY_PATIENCE_MS,
};
use crate::config::rest::NAME_CHARS_MAX;
use crate::config::{AuthConfig, OutsideIssuer};
use crate::ticketing::email;

/// The longest subject, in characters; the table of identities has the same bound.
const SUBJECT_CHARS_MAX: usize = 500;
const PATIENCE: Duration = Duration::from_millis(IDENTITY_PATIENCE_MS);
const FRESH: Duration = Duration::from_millis(IDENTITY_FRESH_MS);
const AGE_MAX: Duration = Duration::from_millis(IDENTITY_AGE_MS_MAX);
/// A person who was looked up longer ago is nobody, also while nobody can be asked: that rights have ended is remembered a
/// little longer than a token of ours lives, and no more.
const BELIEVED_FOR: Duration = Duration::from_secs(ACCESS_TOKEN_S);

/// A person as another issuer's token names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub issuer: Arc<str>,
    pub subject: Arc<str>,
    pub name: Option<String>,
    /// In its normal form, and only if the issuer says that it is the person's.
    pub email: Option<String>,
}

/// A person whose user is asked for.
pub struct Inquiry {
    pub identity: Identity,
    /// Nobody waits for the answer of some: it is read where it is kept.
    /// `None`: the account is shut.
    pub answer: Option<oneshot::Sender<Option<Person>>>,
}

/// All other issuers whose tokens are accepted.
pub struct Issuers {
    all: Vec<Arc<Issuer>>,
    people: PersonCache,
    /// [`BELIEVED_FOR`].
    believed_for: Duration,
    ended: EndedTokens,
    inquiries: mpsc::Sender<Inquiry>,
    /// For the task that answers; empty once it has begun.
    asked: Mutex<Option<mpsc::Receiver<Inquiry>>>,
}

/// One issuer, with the keys that it had last.
pub struct Issuer {
    pub config: OutsideIssuer,
    name: Arc<str>,
    validation: Validation,
    /// None before the first fetch that succeeded.
    keys: ArcSwapOption<KeySet>,
    refetch: Duration,
    /// Tells the task to fetch now.
    wanted: Notify,
    /// Counts fetches that ended.
    fetches: watch::Sender<u64>,
    is_fetching: AtomicBool,
    /// Whether the last fetch failed, so that an unknown key may be a new one.
    is_failing: AtomicBool,
    made_at: Instant,
    /// Milliseconds after `made_at` at which the last fetch began.
    fetch_began_ms: AtomicU64,
}

/// A token that cannot be read.
enum Unread {
    /// No key of the issuer checks it, of those that are known.
    UnknownKey,
    Refused(AuthError),
}

#[derive(Deserialize)]
struct IssuerOnly {
    iss: Option<String>,
}

#[derive(Deserialize)]
struct IssuerClaims {
    sub: Option<String>,
    exp: f64,
    role: Option<String>,
    name: Option<String>,
    preferred_username: Option<String>,
    email: Option<String>,
    email_verified: Option<Verified>,
}

/// Some issuers write `"true"`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Verified {
    Truth(bool),
    Text(String),
}

/// The bearer of a token that is good.
enum Bearer {
    Anonymous,
    Person(Identity, jiff::Timestamp),
}

impl Issuers {
    pub(super) fn new(config: &AuthConfig, ended: EndedTokens) -> Issuers {
        let (inquiries, asked) = mpsc::channel(IDENTITIES_WAITING_MAX);
        let refetch = Duration::from_millis(config.jwks_refetch_ms);
        let all = config.issuers.iter();
        Issuers {
            all: all
                .map(|issuer| Arc::new(Issuer::new(issuer.clone(), refetch)))
                .collect(),
            people: PersonCache::default(),
            believed_for: BELIEVED_FOR,
            ended,
            inquiries,
            asked: Mutex::new(Some(asked)),
        }
    }

    pub fn all(&self) -> &[Arc<Issuer>] {
        &self.all
    }

    /// The inquiries, for the one task that answers them.
    pub(crate) fn take_inquiries(&self) -> Option<mpsc::Receiver<Inquiry>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.take()
    }

    /// The issuer that made the token, as it says itself; its keys have to confirm that.
    pub(super) fn of(&self, token: &str) -> Option<&Arc<Issuer>> {
        if self.all.is_empty() {
            return None;
        }
        let said = jsonwebtoken::dangerous::insecure_decode_claims::<IssuerOnly>(token);
        let name = said.ok()?.iss?;
        self.all.iter().find(|issuer| issuer.config.name == name)
    }

    /// The bearer, for those who cannot wait: keys and people that are not known yet are asked for.
    pub(super) fn verify(&self, issuer: &Issuer, token: &str) -> Result<Caller, AuthError> {
        let bearer = match issuer.read(token) {
            Ok(bearer) => bearer,
            Err(Unread::Refused(error)) => return Err(error),
            Err(Unread::UnknownKey) => {
                let may_come = issuer.ask_for_keys();
                return Err(issuer.unknown_key(may_come));
            }
        };
        let (identity, ends) = match bearer {
            Bearer::Anonymous => return Ok(Caller::Anonymous),
            Bearer::Person(identity, ends) => (identity, ends),
        };
        let known = self.known(&identity);
        let is_fresh = known.is_some_and(|(_, age)| age < FRESH);
        if !is_fresh {
            let answer = None;
            let _ = self.inquiries.try_send(Inquiry { identity, answer });
        }
        match known {
            Some((person, age)) if age < AGE_MAX => Ok(person.caller(ends)),
            _ => Err(AuthError::Unready),
        }
    }

    /// The bearer; waits for keys and for its user, for a bounded time.
    pub(super) async fn check(&self, issuer: &Issuer, token: &str) -> Result<Caller, AuthError> {
        let bearer = match issuer.read(token) {
            Ok(bearer) => bearer,
            Err(Unread::Refused(error)) => return Err(error),
            Err(Unread::UnknownKey) => {
                issuer.fetched().await;
                issuer.read(token).map_err(|unread| match unread {
                    Unread::UnknownKey => issuer.unknown_key(false),
                    Unread::Refused(error) => error,
                })?
            }
        };
        match bearer {
            Bearer::Anonymous => Ok(Caller::Anonymous),
            Bearer::Person(identity, ends) => Ok(self.person(identity).await?.caller(ends)),
        }
    }

    /// While the database is away, what was known last.
    async fn person(&self, identity: Identity) -> Result<Person, AuthError> {
        let known = self.known(&identity);
        if let Some((person, age)) = known
            && age < FRESH
        {
            return Ok(person);
        }
        let (answer, answered) = oneshot::channel();
        let answer = Some(answer);
        let asked = self.inquiries.try_send(Inquiry { identity, answer });
        let found = match asked {
            Ok(()) => timeout(PATIENCE, answered).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        match found {
            Some(Some(person)) => Ok(person),
            Some(None) => Err(AuthError::Invalid("the account is shut".to_owned())),
            None => known.map(|(person, _)| person).ok_or(AuthError::Unready),
        }
    }

    /// The profile of a person, unless it is too old to answer an inquiry with.
    pub(crate) fn fresh(&self, identity: &Identity) -> Option<Person> {
        let known = self.known(identity);
        known.and_then(|(person, age)| (age < FRESH).then_some(person))
    }

    /// A person, and how long ago it was looked up; nobody whose rights have changed since, or of whom that is not known.
    fn known(&self, identity: &Identity) -> Option<(Person, Duration)> {
        let known = self.people.get(identity);
        let known = known.filter(|(_, age)| *age < self.believed_for);
        known.filter(|(person, _)| !self.ended.have(person.user, &person.session()))
    }

    /// Forgets a person whose account is shut.
    pub(crate) fn forget(&self, identity: &Identity) {
        self.people.remove(identity);
    }

    /// Keeps who a person is.
    pub(crate) fn learn(&self, identity: &Identity, person: Person) {
        self.people.insert(identity, person);
    }
}

impl Issuer {
    fn new(config: OutsideIssuer, refetch: Duration) -> Issuer {
        let mut validation = Validation {
            leeway: CLOCK_SKEW_S,
            validate_nbf: true,
            ..Validation::default()
        };
        validation.set_audience(&[&config.audience]);
        validation.set_issuer(&[&config.name]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Issuer {
            name: config.name.as_str().into(),
            config,
            validation,
            keys: ArcSwapOption::empty(),
            refetch,
            wanted: Notify::new(),
            fetches: watch::Sender::new(0),
            is_fetching: AtomicBool::new(true),
            is_failing: AtomicBool::new(false),
            made_at: Instant::now(),
            fetch_began_ms: AtomicU64::new(0),
        }
    }

    fn read(&self, token: &str) -> Result<Bearer, Unread> {
        let refused = |why: &str| Unread::Refused(AuthError::Invalid(why.to_owned()));
        let header = jsonwebtoken::decode_header(token);
        let header = header.map_err(|error| Unread::Refused(error.into()))?;
        if header.crit.is_some() {
            return Err(refused("`crit` names what is not known here"));
        }
        let keys = self.keys.load();
        let keys = keys.as_ref().ok_or(Unread::UnknownKey)?;
        let key = match header.kid.as_deref() {
            Some(kid) => keys.named(kid).ok_or(Unread::UnknownKey)?,
            None => keys
                .only()
                .ok_or_else(|| refused("it does not name its key, and its issuer has several"))?,
        };
        let mut validation = self.validation.clone();
        validation.algorithms.clone_from(&key.algorithms);
        let read = jsonwebtoken::decode::<IssuerClaims>(token, &key.decoding, &validation);
        let claims = read.map_err(|error| Unread::Refused(error.into()))?.claims;
        if claims.role.as_deref() == Some("anon") {
            return Ok(Bearer::Anonymous);
        }
        let is_plain = |subject: &String| {
            !subject.is_empty()
                && subject.chars().count() <= SUBJECT_CHARS_MAX
                && !subject.contains(char::is_control)
        };
        let subject = claims.sub.filter(is_plain);
        let subject = subject.ok_or_else(|| refused("`sub` is empty or too long"))?;
        let ends = expiry(claims.exp).ok_or_else(|| refused("`exp` is no time"))?;
        let is_proven = self.config.emails_verified
            || match &claims.email_verified {
                Some(Verified::Truth(is_so)) => *is_so,
                Some(Verified::Text(said)) => said == "true",
                None => false,
            };
        let email = claims.email.filter(|_| is_proven);
        let identity = Identity {
            issuer: self.name.clone(),
            subject: subject.into(),
            name: [claims.name, claims.preferred_username]
                .into_iter()
                .flatten()
                .find_map(|name| printable(&name)),
            email: email.and_then(|typed| email::normal_form(typed.trim())),
        };
        Ok(Bearer::Person(identity, ends))
    }

    fn unknown_key(&self, may_come: bool) -> AuthError {
        let is_failing = self.is_failing.load(Ordering::Relaxed);
        let has_none = self.keys.load().is_none();
        match may_come || is_failing || has_none {
            true => AuthError::Unready,
            false => AuthError::Invalid("its issuer has no such key".to_owned()),
        }
    }

    /// Whether a fetch is under way, or begins now since the last one began long enough ago: tokens that anybody makes up
    /// ask an issuer no more often.
    fn ask_for_keys(&self) -> bool {
        if self.is_fetching.load(Ordering::Acquire) {
            return true;
        }
        let began = Duration::from_millis(self.fetch_began_ms.load(Ordering::Acquire));
        let is_due = self.made_at.elapsed() >= began + self.refetch;
        if is_due {
            self.wanted.notify_one();
        }
        is_due
    }

    /// Waits for the fetch that an unknown key asks for, if there is one, for a bounded time.
    async fn fetched(&self) {
        let mut fetches = self.fetches.subscribe();
        if self.ask_for_keys() {
            let _ = timeout(PATIENCE, fetches.changed()).await;
        }
    }

    /// Until a token with an unknown key came.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    pub(crate) fn fetch_begins(&self) {
        let now = self.made_at.elapsed().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        self.fetch_began_ms.store(now, Ordering::Release);
        self.is_fetching.store(true, Ordering::Release);
    }

    /// Replaces the keys by those that were fetched; without any, those that are known stay.
    pub(crate) fn fetch_ends(&self, keys: Option<KeySet>) {
        self.is_failing.store(keys.is_none(), Ordering::Relaxed);
        if let Some(keys) = keys {
            self.keys.store(Some(Arc::new(keys)));
        }
        self.is_fetching.store(false, Ordering::Release);
        self.fetches.send_modify(|fetches| *fetches += 1);
    }
}

/// A name as it may be shown and stored.
fn printable(name: &str) -> Option<String> {
    let signs = name.trim().chars().filter(|sign| !sign.is_control());
    let name: String = signs.take(NAME_CHARS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::auth::{Role, Staffs};
    use crate::config::Config;
    use crate::ticketing::UserId;

    /// A moment ago somebody else was this person, or the same one with other rights.
    #[tokio::test]
    async fn rights_that_have_changed_are_not_believed_however_fresh() {
        let ended = EndedTokens::default();
        let issuers = Issuers::new(&Config::default().auth, ended.clone());
        let mut inquiries = issuers.take_inquiries().unwrap();
        let identity = Identity {
            issuer: "one".into(),
            subject: "ada".into(),
            name: None,
            email: None,
        };
        let person = |generation| Person {
            user: UserId(7),
            role: Role::Customer,
            member: false,
            staffs: Staffs::default(),
            generation,
        };
        issuers.learn(&identity, person(1));
        assert_eq!(issuers.fresh(&identity), Some(person(1)));
        ended.end_before(UserId(7), 2);
        assert_eq!(issuers.fresh(&identity), None);
        let asked = issuers.person(identity.clone());
        let answer = async {
            let inquiry = inquiries.recv().await.unwrap();
            inquiry.answer.unwrap().send(Some(person(2))).unwrap();
        };
        let (found, ()) = tokio::join!(asked, answer);
        assert_eq!(found.unwrap(), person(2));
        // Nor while nobody can be asked.
        drop(inquiries);
        assert!(matches!(
            issuers.person(identity).await,
            Err(AuthError::Unready)
        ));
    }

    /// News of ended tokens are forgotten once all such tokens have ended by themselves; whoever was known before that and not
    /// asked for since once came back with the rights of then.
    #[tokio::test]
    async fn nobody_is_believed_who_was_looked_up_too_long_ago() {
        let mut issuers = Issuers::new(&Config::default().auth, EndedTokens::default());
        let inquiries = issuers.take_inquiries().unwrap();
        let identity = Identity {
            issuer: "one".into(),
            subject: "ada".into(),
            name: None,
            email: None,
        };
        let person = Person {
            user: UserId(7),
            role: Role::Admin,
            member: false,
            staffs: Staffs::default(),
            generation: 1,
        };
        // As if the inquiry were never answered.
        drop(inquiries);
        issuers.learn(&identity, person);
        assert_eq!(issuers.person(identity.clone()).await.unwrap(), person);
        issuers.believed_for = Duration::ZERO;
        let found = issuers.person(identity.clone()).await;
        assert!(matches!(found, Err(AuthError::Unready)));
        issuers.believed_for = BELIEVED_FOR;
        issuers.forget(&identity);
        let found = issuers.person(identity).await;
        assert!(matches!(found, Err(AuthError::Unready)));
    }
}
