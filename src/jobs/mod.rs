//! JOBS: work outside of the database (mails, calls of payment providers, bulk work), kept as rows until done.
//!
//! A job is a row, written before the request that asks for it is answered ([`Jobs::ask`]), or in the transaction that
//! makes it needed ([`row`]). The [`worker`] of any node takes it by lease, carries it out, outside of every transaction,
//! and settles it: done, again later, or for a person to decide. A node that dies at it loses its lease, and another one
//! does it again: each kind bears that.
//!
//! Each kind is one file: what it says, how long it is worth anything, and how it is carried out. [`kinds!`] lists them.

mod account_mail;
mod booking_letter;
mod booking_link;
pub mod bulk;
pub(crate) mod cancellation;
pub(crate) mod confirmation;
mod email_code;
mod event_cancelled;
pub mod event_refunds;
pub(crate) mod give_back;
mod invoice;
pub(crate) mod payment_owed;
pub(crate) mod payment_reminder;
pub(crate) mod payments;
mod provider_events;
pub(crate) mod push;
pub(crate) mod refund_mail;
mod seatmap;
pub(crate) mod ticket_void;
pub(crate) mod transfer_mail;
mod waitlist_offer;
mod waitlist_over;
pub(crate) mod worker;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Notify;

pub use self::account_mail::{AccountMail, Purpose};
pub use self::booking_link::BookingLink;
pub use self::bulk::BulkBookings;
pub use self::cancellation::Cancellation;
pub use self::confirmation::Confirmation;
pub use self::email_code::EmailCode;
pub use self::event_cancelled::EventCancelled;
pub use self::event_refunds::EventRefunds;
pub use self::give_back::GiveBack;
pub use self::invoice::NumberInvoice;
pub use self::payment_owed::PaymentOwed;
pub use self::payment_reminder::PaymentReminder;
pub use self::payments::{PaymentJob, RefundJob, StaffPaidJob};
pub use self::provider_events::ProviderEvents;
pub use self::refund_mail::RefundMail;
pub use self::seatmap::PackSeatmap;
pub use self::ticket_void::TicketVoid;
pub use self::transfer_mail::{TicketGiven, TicketSent, TransferOffer};
pub use self::waitlist_offer::WaitlistOffer;
pub use self::waitlist_over::WaitlistOver;
use self::worker::{Hands, JobOutcome};
use crate::auth::proofs::Proofs;
use crate::desk::Desk;
use crate::mail::{MailError, Mailer};
use crate::payments::Payments;
use crate::pdf::Printer;
use crate::push::{PushError, Pusher};
use crate::store::jobs::{JobLane, JobReason, NewJob, QueuedJob, TakenJob, why};
use crate::store::push::PushJob;
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;

/// Jobs of one key within an hour of one another.
const TIMES_MAX: i32 = 5;

/// A kind of job. The value is what its row says.
pub trait Kind: Serialize + DeserializeOwned + Send + Sync {
    /// As the table of jobs names it.
    const NAME: &'static str;
    /// How long it is worth doing.
    const WORTH: Duration;
    /// Nobody misses it after that, so it is forgotten. Any other waits for a person then.
    const DROPPED_WHEN_LATE: bool = false;
    /// It moves money: a decision about one that waits for a person takes the right to that.
    const OF_MONEY: bool = false;
    /// How long after it the same request leads to nothing.
    const QUIET: Duration = Duration::ZERO;
    /// A node without a way for mails leaves it to others.
    const NEEDS_MAIL: bool = false;
    /// The same of one without a way for messages to browsers.
    const NEEDS_PUSH: bool = false;
    /// `sql/V10__jobs.sql` says the same.
    const LANE: JobLane = match (Self::NEEDS_MAIL, Self::NEEDS_PUSH) {
        (true, _) => JobLane::Mail,
        (_, true) => JobLane::Push,
        (false, false) => JobLane::Core,
    };
    /// Longest pause between two attempts.
    const PAUSE_MAX: Duration = worker::AGAIN_MAX;

    /// The same for two requests for the same thing. Signed where it would tell something personal.
    fn key(&self, proofs: &Proofs) -> String;

    /// May be asked twice for one job, also at the same time, and may be dropped in the middle.
    fn carry_out(
        &self,
        hands: &JobHands,
        task: &Task<'_>,
    ) -> impl Future<Output = Result<End, Failed>> + Send;
}

/// A job as it is being carried out.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    taken: &'a TakenJob,
}

impl Task<'_> {
    /// The same each time that this job is tried, and another for the next one of its key.
    pub fn mail_key(&self) -> String {
        let TakenJob { key, id, times, .. } = self.taken;
        format!("{key}-{id}-{times}")
    }

    /// When it was taken, by the database's clock.
    pub fn now(&self) -> Timestamp {
        self.taken.taken_at
    }

    /// Attempts that failed since it last came further.
    pub fn failures(&self) -> i32 {
        self.taken.failures
    }

    /// How far it came before, as it said itself; null at first.
    pub fn progress(&self) -> &Value {
        &self.taken.progress
    }

    /// Stores how far it has come and renews the lease. An error ends the attempt: the lease is lost.
    pub async fn note(&self, store: &Store, progress: &Value) -> Result<(), Failed> {
        let is_ours = store
            .note_job_progress(self.taken, progress, worker::LEASE)
            .await?;
        match is_ours {
            true => Ok(()),
            false => Err(Failed::Later("its lease was lost".to_owned())),
        }
    }
}

/// How a job's attempt ended well.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Done,
    /// There is more to do, at once, from here on. Not an attempt that failed.
    GoesOn(Value),
    /// There is more to do after a while. Not an attempt that failed.
    Rests(Duration, Value),
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Push(#[from] PushError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It may succeed later.
    #[error("{0}")]
    Later(String),
    /// A person has to decide.
    #[error("{0}")]
    Hopeless(String),
}

/// The kinds of jobs: each carried out by its own file.
macro_rules! kinds {
    ($($kind:ty),* $(,)?) => {
        /// The kinds that this node carries out; others wait for a node that does.
        fn names(has_mail: bool, has_push: bool) -> Vec<&'static str> {
            [$((<$kind>::NAME, <$kind>::NEEDS_MAIL, <$kind>::NEEDS_PUSH)),*]
                .into_iter()
                .filter(|(_, mail, push)| (has_mail || !mail) && (has_push || !push))
                .map(|(name, ..)| name)
                .collect()
        }

        /// Each kind with its lane.
        pub fn lanes() -> Vec<(&'static str, JobLane)> {
            vec![$((<$kind>::NAME, <$kind>::LANE)),*]
        }

        /// Kinds that are forgotten once their time has run out.
        fn dropped_when_late() -> Vec<&'static str> {
            [$((<$kind>::NAME, <$kind>::DROPPED_WHEN_LATE)),*]
                .into_iter()
                .filter(|(_, is_dropped)| *is_dropped)
                .map(|(name, _)| name)
                .collect()
        }

        /// Whether such a job is about money; one of a kind that this node does not know may be.
        pub fn is_of_money(kind: &str) -> bool {
            match kind {
                $(<$kind>::NAME => <$kind>::OF_MONEY,)*
                _ => true,
            }
        }

        fn pause_max(kind: &str) -> Duration {
            match kind {
                $(<$kind>::NAME => <$kind>::PAUSE_MAX,)*
                _ => worker::AGAIN_MAX,
            }
        }

        async fn carry_out(hands: &JobHands, taken: &TakenJob) -> JobOutcome {
            match taken.kind.as_str() {
                $(<$kind>::NAME => Box::pin(attempt::<$kind>(hands, taken)).await,)*
                _ => JobOutcome::Later("this node does not know its kind".to_owned()),
            }
        }
    };
}

kinds![
    AccountMail,
    BookingLink,
    EmailCode,
    PaymentJob,
    RefundJob,
    StaffPaidJob,
    BulkBookings,
    EventRefunds,
    GiveBack,
    NumberInvoice,
    ProviderEvents,
    WaitlistOffer,
    WaitlistOver,
    Confirmation,
    PaymentReminder,
    PaymentOwed,
    RefundMail,
    Cancellation,
    EventCancelled,
    TicketVoid,
    TransferOffer,
    TicketSent,
    TicketGiven,
    PackSeatmap,
    PushJob
];

async fn attempt<K: Kind>(hands: &JobHands, taken: &TakenJob) -> JobOutcome {
    let Ok(job) = serde_json::from_value::<K>(taken.payload.clone()) else {
        return JobOutcome::Hopeless(why::UNREADABLE.to_owned());
    };
    outcome(job.carry_out(hands, &Task { taken }).await, K::QUIET)
}

pub(crate) fn outcome(ended: Result<End, Failed>, quiet: Duration) -> JobOutcome {
    match ended {
        Ok(End::Done) => JobOutcome::Done { quiet },
        Ok(End::GoesOn(progress)) => JobOutcome::GoesOn {
            after: Duration::ZERO,
            progress,
        },
        Ok(End::Rests(after, progress)) => JobOutcome::GoesOn { after, progress },
        Err(Failed::Mail(MailError::Refused(said))) => {
            JobOutcome::Hopeless(JobReason::text(why::MAIL_REFUSED, said))
        }
        Err(Failed::Mail(MailError::Unanswered)) => {
            JobOutcome::Unsure(why::MAIL_UNANSWERED.to_owned())
        }
        Err(Failed::Mail(MailError::Later(said))) => {
            JobOutcome::Later(JobReason::text(why::MAIL_DEFERRED, said))
        }
        Err(Failed::Push(PushError::Unanswered)) => JobOutcome::Unsure(why::PUSH_FAILED.to_owned()),
        Err(Failed::Push(error)) => JobOutcome::Later(JobReason::text(why::PUSH_FAILED, error)),
        Err(Failed::Hopeless(why)) => JobOutcome::Hopeless(why),
        Err(Failed::Later(why)) => JobOutcome::Later(why),
        Err(Failed::Store(error)) => JobOutcome::Later(JobReason::text(why::FAILED, error)),
    }
}

/// A job as a row, to be written in the transaction that makes it needed.
pub fn row<K: Kind>(job: &K, proofs: &Proofs) -> QueuedJob {
    QueuedJob {
        kind: K::NAME,
        key: job.key(proofs),
        payload: serde_json::to_value(job).unwrap_or_default(),
        worth: K::WORTH,
    }
}

/// Takes jobs on. Cheap to clone.
#[derive(Clone)]
pub struct Jobs {
    store: Store,
    proofs: Proofs,
    /// This node has a way to send mails.
    has_mail: bool,
    woken: Arc<Notify>,
}

/// Whether a request was taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    Taken,
    /// No mail server is set.
    NoMail,
}

impl Jobs {
    /// Whether this node has a way to send mails.
    pub fn sends_mails(&self) -> bool {
        self.has_mail
    }

    /// Writes the job, unless there is one like it. It is carried out soon after.
    pub async fn ask<K: Kind>(&self, job: &K) -> Result<Accepted, StoreError> {
        if K::NEEDS_MAIL && !self.has_mail {
            return Ok(Accepted::NoMail);
        }
        let QueuedJob {
            kind,
            key,
            payload,
            worth,
        } = row(job, &self.proofs);
        let job = NewJob {
            kind,
            key: &key,
            payload: &payload,
            worth,
            times_max: TIMES_MAX,
        };
        if self.store.write_job(&job).await? {
            self.wake();
        }
        Ok(Accepted::Taken)
    }

    /// For jobs that lead to others.
    fn of(hands: &JobHands) -> Jobs {
        Jobs {
            store: hands.store.clone(),
            proofs: hands.proofs.clone(),
            has_mail: hands.mailer.is_some(),
            woken: hands.desk.jobs_written(),
        }
    }

    /// Lets this node's worker look: after a commit that wrote jobs. The desk does so by itself.
    pub fn wake(&self) {
        self.woken.notify_one();
    }
}

/// The node's parts that jobs use.
#[derive(Clone)]
pub struct JobHands {
    pub store: Store,
    pub desk: Desk,
    pub payments: Payments,
    pub proofs: Proofs,
    /// Where the pages are, without `/` at its end.
    pub public_url: String,
    /// `None`: this node has no way to send mails, and does not take jobs that need one.
    pub mailer: Option<Mailer>,
    /// The same of messages to browsers.
    pub pusher: Option<Pusher>,
    pub printer: Printer,
}

impl JobHands {
    pub(crate) fn mailer(&self) -> Result<&Mailer, Failed> {
        let none = || Failed::Later(why::NO_MAIL.to_owned());
        self.mailer.as_ref().ok_or_else(none)
    }

    pub(crate) fn pusher(&self) -> Result<&Pusher, Failed> {
        let none = || {
            Failed::Later(JobReason::text(
                why::PUSH_FAILED,
                "this node has no way to push services",
            ))
        };
        self.pusher.as_ref().ok_or_else(none)
    }
}

/// Starts the worker.
pub(crate) fn start(back: &mut Tasks, mut hands: JobHands) -> Jobs {
    hands.desk = hands.desk.for_jobs(worker::AT_ONCE_MAX);
    hands.payments = hands.payments.with_desk(hands.desk.clone());
    let jobs = Jobs::of(&hands);
    let table = worker::Table {
        store: hands.store.clone(),
        kinds: names(jobs.has_mail, hands.pusher.is_some()),
        dropped_when_late: dropped_when_late(),
    };
    let (woken, end) = (jobs.woken.clone(), back.end());
    let working = async move {
        worker::run(&table, &hands, &woken, tokio::time::sleep, &end).await;
    };
    back.spawn_endless("the worker of jobs", working);
    jobs
}

impl Hands for JobHands {
    async fn carry_out(&self, taken: &TakenJob) -> JobOutcome {
        carry_out(self, taken).await
    }

    fn pause_max(&self, taken: &TakenJob) -> Duration {
        pause_max(&taken.kind)
    }

    fn is_dropped_when_late(&self, taken: &TakenJob) -> bool {
        dropped_when_late().contains(&taken.kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::lang::Lang;

    #[test]
    fn a_key_is_that_of_its_request_and_tells_nothing() {
        let job = |email: &str| EmailCode {
            email: email.to_owned(),
            lang: Lang::En,
        };
        let proofs = Proofs::new([7; 32]);
        let key = |email: &str| job(email).key(&proofs);
        assert_eq!(key("ada@example.org"), key("ada@example.org"));
        assert_ne!(key("ada@example.org"), key("eve@example.org"));
        assert!(!key("ada@example.org").contains("ada"));
        let row = row(&job("a@b.c"), &proofs);
        assert!(names(true, false).contains(&row.kind));
        let read: EmailCode = serde_json::from_value(row.payload).unwrap();
        assert_eq!(read, job("a@b.c"));
    }

    #[test]
    fn without_a_way_out_a_node_leaves_the_job_to_others() {
        assert!(!names(false, true).contains(&EmailCode::NAME));
        assert!(names(false, true).contains(&PushJob::NAME));
        assert!(!names(true, false).contains(&PushJob::NAME));
    }
}
