//! An SMTP server, a connection for each mail: real servers are dominated by TLS, and a connection that is used again
//! could give one mail's answer to the next.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Attachment as Part, Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{Mail, MailError, MailSetupError};
use crate::metrics;

/// Time that a server has for a mail. The transport's own limit covers connecting only.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// Codes with which a server refuses us, and not the mail: what is wrong is ours to mend, and may be mended in time.
const REFUSES_US: &[u16] = &[502, 503, 504, 530, 534, 535, 538];

pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    pub(super) fn new(url: &str, from: Mailbox) -> Result<Smtp, MailSetupError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        let transport = transport.map_err(MailSetupError::Url)?.build();
        Ok(Smtp { transport, from })
    }

    pub(super) async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let sent = self.try_send(mail).await;
        metrics::MAILS.one(if sent.is_ok() { "sent" } else { "failed" });
        sent
    }

    async fn try_send(&self, mail: Mail) -> Result<(), MailError> {
        let message = self.message(&mail)?;
        // Dropped in the middle of a mail, its connection goes with it: there is no pool that would give it to another.
        let answer = match tokio::time::timeout(SEND_TIMEOUT, self.transport.send(message)).await {
            Err(_) => return Err(MailError::Unanswered),
            Ok(answer) => answer,
        };
        match answer {
            Ok(answer) if answer.has_code(250) => Ok(()),
            Ok(answer) => Err(MailError::Later(answer.code().to_string())),
            // A connection that breaks and a certificate that is not believed are neither permanent nor transient.
            Err(error) if error.is_permanent() && !refuses_us(&error) => {
                Err(MailError::Refused(error.to_string()))
            }
            Err(error) => Err(MailError::Later(error.to_string())),
        }
    }

    fn message(&self, mail: &Mail) -> Result<Message, MailError> {
        let to = Mailbox::new(None, mail.to.parse().map_err(refused)?);
        let id = format!("<{}@{}>", mail.key, self.from.email.domain());
        let mut content = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
        if !mail.attachments.is_empty() {
            content = MultiPart::mixed().multipart(content);
        }
        for file in &mail.attachments {
            let kind = ContentType::parse(file.content_type).map_err(refused)?;
            let part = Part::new(file.name.clone()).body(file.bytes.clone(), kind);
            content = content.singlepart(part);
        }
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .message_id(Some(id))
            .subject(&mail.subject)
            .multipart(content);
        message.map_err(refused)
    }
}

fn refuses_us(error: &lettre::transport::smtp::Error) -> bool {
    let code = error.status().map(u16::from);
    code.is_some_and(|code| REFUSES_US.contains(&code))
}

fn refused(error: impl std::error::Error) -> MailError {
    MailError::Refused(error.to_string())
}
