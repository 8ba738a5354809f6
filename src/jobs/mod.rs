//! JOBS: work that leaves the machine (mails), kept as rows until done.
//!
//! A job is a row, written before the request that asks for it is answered ([`Jobs::ask`]). The [`worker`] of any node
//! takes it by lease, carries it out, outside of every transaction, and settles it: done, again later, or for a person to
//! decide. A node that dies at it loses its lease, and another one does it again: each kind bears that.
//!
//! Each kind is one file: what it says, how long it is worth anything, and how it is carried out.

mod booking_link;
mod email_code;
pub(crate) mod worker;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub use self::booking_link::BookingLink;
pub use self::email_code::EmailCode;
use self::worker::{Hands, Outcome};
use crate::auth::proofs::Proofs;
use crate::mail::{MailError, Mailer};
use crate::store::jobs::{NewJob, TakenJob};
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;

/// The kinds that this node knows; others wait for a node that does.
const KINDS: &[&str] = &["booking_link", "email_code"];
/// Mails of one key within an hour of one another.
const TIMES_MAX: i32 = 5;

/// A job, by kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    BookingLink(BookingLink),
    EmailCode(EmailCode),
}

impl Job {
    /// The same for two requests for the same thing. Signed, so that no address can be found from it.
    fn key(&self, proofs: &Proofs) -> String {
        let (kind, parts) = match self {
            Job::BookingLink(job) => ("booking-link", vec![&*job.reference, &*job.email]),
            Job::EmailCode(job) => ("email-code", vec![&*job.email]),
        };
        format!("{kind}-{}", proofs.key(&parts.join("\n")))
    }

    /// How long it is worth doing.
    fn worth(&self) -> Duration {
        match self {
            Job::BookingLink(_) => booking_link::WORTH,
            Job::EmailCode(_) => email_code::WORTH,
        }
    }

    /// How long after it the same request leads to nothing.
    fn quiet(&self) -> Duration {
        match self {
            Job::BookingLink(_) => booking_link::QUIET,
            Job::EmailCode(_) => email_code::QUIET,
        }
    }
}

/// Takes jobs on. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    store: Store,
    woken: Arc<Notify>,
    /// `None`: this node has no way to send mails.
    hands: Option<MailHands>,
}

/// Whether a request was taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    Taken,
    /// No mail server is set.
    NoMail,
}

impl Jobs {
    /// Writes the job, unless there is one like it. It is carried out soon after.
    pub async fn ask(&self, job: &Job) -> Result<Accepted, StoreError> {
        let Some(hands) = &self.hands else {
            return Ok(Accepted::NoMail);
        };
        let whole = serde_json::to_value(job).unwrap_or_default();
        let job = NewJob {
            kind: whole["kind"].as_str().unwrap_or_default(),
            key: &job.key(&hands.proofs),
            payload: &whole["payload"],
            worth: job.worth(),
            times_max: TIMES_MAX,
        };
        if self.store.write_job(&job).await? {
            self.woken.notify_one();
        }
        Ok(Accepted::Taken)
    }
}

/// Carries out the jobs that end in a mail.
#[derive(Clone)]
pub struct MailHands {
    pub mailer: Mailer,
    pub proofs: Proofs,
    /// Where the pages are, without `/` at its end.
    pub public_url: String,
    pub store: Store,
}

/// Starts the worker, if there is a way for mails.
pub(crate) fn start(back: &mut Tasks, store: &Store, hands: Option<MailHands>) -> Jobs {
    let jobs = Jobs {
        store: store.clone(),
        woken: Arc::default(),
        hands,
    };
    if let Some(hands) = jobs.hands.clone() {
        let (table, woken, end) = (store.clone(), jobs.woken.clone(), back.end());
        let working =
            async move { worker::run(&table, &hands, &woken, tokio::time::sleep, &end).await };
        back.spawn_endless("the worker of jobs", working);
    }
    jobs
}

impl Hands for MailHands {
    async fn carry_out(&self, taken: &TakenJob) -> Outcome {
        let whole: Value = json!({"kind": taken.kind, "payload": taken.payload});
        let Ok(job) = serde_json::from_value::<Job>(whole) else {
            return Outcome::Hopeless("its payload cannot be read".to_owned());
        };
        // The same each time that this job is tried, and another for the next one of its key.
        let mail_key = format!("{}-{}-{}", taken.key, taken.id, taken.times);
        let end = match &job {
            Job::BookingLink(job) => job.carry_out(self, &mail_key).await,
            Job::EmailCode(job) => job.carry_out(self, &mail_key, taken.taken_at).await,
        };
        match end {
            Ok(()) => Outcome::Done { quiet: job.quiet() },
            Err(Failed::Mail(MailError::Refused(why))) => Outcome::Hopeless(why),
            Err(Failed::Mail(MailError::Unanswered)) => {
                Outcome::Unsure("the server did not answer".to_owned())
            }
            Err(error) => Outcome::Later(error.to_string()),
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::lang::Lang;

    #[test]
    fn a_key_is_that_of_its_request_and_tells_nothing() {
        let job = |email: &str| {
            Job::EmailCode(EmailCode {
                email: email.to_owned(),
                lang: Lang::En,
            })
        };
        let proofs = Proofs::new([7; 32]);
        let key = |email: &str| job(email).key(&proofs);
        assert_eq!(key("ada@example.org"), key("ada@example.org"));
        assert_ne!(key("ada@example.org"), key("eve@example.org"));
        assert!(!key("ada@example.org").contains("ada"));
        let whole = serde_json::to_value(job("a@b.c")).unwrap();
        assert!(KINDS.contains(&whole["kind"].as_str().unwrap()));
        assert_eq!(serde_json::from_value::<Job>(whole).unwrap(), job("a@b.c"));
    }
}
