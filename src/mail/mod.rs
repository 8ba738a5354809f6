//! MAIL: what is said in mails, and the way out: an SMTP server, or in the demo a box that one can look into.
//!
//! Nothing here is called by a request: mails are jobs.

mod letter;
mod outbox;
mod smtp;

use std::sync::Arc;

use axum::Router;
use lettre::message::Mailbox;

use crate::config::MailConfig;

pub use self::letter::Letter;
use self::outbox::DemoOutbox;
use self::smtp::Smtp;

/// A mail as it goes out.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    pub to: String,
    /// The same each time the mail is tried, so that a mail program may drop a double: `Message-ID` is made of it.
    pub key: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub attachments: Vec<Attachment>,
}

/// A file that goes with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub name: String,
    /// As in `application/pdf`.
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

impl Mail {
    pub fn attach(mut self, attachment: Attachment) -> Mail {
        self.attachments.push(attachment);
        self
    }
}

/// Why a mail did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It never will.
    #[error("the mail was refused: {0}")]
    Refused(String),
    /// Nobody knows whether it did.
    #[error("the mail server did not answer")]
    Unanswered,
    /// It may, later.
    #[error("the mail could not be sent: {0}")]
    Later(String),
}

/// Why mails cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MailSetupError {
    #[error(
        "--smtp-url is no address of an SMTP server, as smtp://user:password@host:587?tls=required"
    )]
    Url(#[source] lettre::transport::smtp::Error),
    #[error("--mail-from is no sender, as «Box office <tickets@example.org>»")]
    From(#[source] lettre::address::AddressError),
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub enum Mailer {
    Smtp(Arc<Smtp>),
    Outbox(DemoOutbox),
}

impl Mailer {
    /// `None` where no server is set and this is no demo: nothing that needs a mail is offered then.
    pub fn new(config: &MailConfig, dev: bool) -> Result<Option<Mailer>, MailSetupError> {
        Ok(match &config.smtp_url {
            Some(url) => {
                let from = config.mail_from.as_deref().unwrap_or_default();
                let from: Mailbox = from.parse().map_err(MailSetupError::From)?;
                Some(Mailer::Smtp(Arc::new(Smtp::new(url, from)?)))
            }
            None if dev => Some(Mailer::Outbox(DemoOutbox::default())),
            None => None,
        })
    }

    /// Sends a mail. It may arrive although this fails: the answer may be lost.
    pub async fn send(&self, mail: Mail) -> Result<(), MailError> {
        match self {
            Mailer::Smtp(smtp) => smtp.send(mail).await,
            Mailer::Outbox(outbox) => {
                outbox.keep(mail);
                Ok(())
            }
        }
    }

    /// `GET /dev/outbox`, where mails are kept instead of sent.
    pub fn router(&self) -> Router {
        match self {
            Mailer::Smtp(_) => Router::new(),
            Mailer::Outbox(outbox) => outbox.router(),
        }
    }
}
