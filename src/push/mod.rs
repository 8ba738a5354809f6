//! PUSH: messages to browsers that are not on our pages, by the push service of their maker (RFC 8030).
//!
//! Nothing here is called by a request: messages are jobs (`jobs/push.rs`). The message is encrypted for the browser alone
//! (`encryption.rs`), and the push service knows us by a signature (`vapid.rs`). Addresses come from anybody, so only those in
//! the open internet are asked (`endpoint.rs`, `outgoing.rs`).

pub mod encryption;
pub mod endpoint;
mod vapid;
pub mod words;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, StatusCode, header};

use self::encryption::Encrypted;
use self::endpoint::EndpointFault;
use self::vapid::Vapid;
use crate::config::PushConfig;
use crate::metrics;
use crate::outgoing::{self, Hosts};
use crate::store::push::PushRecipient;
use crate::tasks::BoxError;

/// Time that a push service has for a message.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest pause that a push service may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// The contact that push services are told in development mode.
const DEV_CONTACT: &str = "mailto:developer@localhost.localdomain";

/// How soon a message should be shown (RFC 8030, 5.3): a browser that saves its battery leaves `Normal` ones for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    Normal,
    High,
}

/// A message as it goes out.
#[derive(Debug, Clone, PartialEq)]
pub struct PushMessage {
    /// The message that the service worker shows, as JSON.
    pub payload: Vec<u8>,
    /// How long it is worth delivering.
    pub ttl: Duration,
    pub urgency: Urgency,
    /// The same each time the message is tried: one that waits at the push service is replaced by the next with its topic.
    pub topic: String,
}

/// Why a message did not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The browser does not take messages any more.
    #[error("the subscription has ended")]
    Gone,
    /// This message will never be taken.
    #[error("the push service refused it: {0}")]
    Refused(String),
    /// Nobody knows whether it was taken.
    #[error("the push service did not answer")]
    Unanswered,
    /// It may be, later; `after` where the push service says when.
    #[error("it could not be sent: {why}")]
    Later {
        after: Option<Duration>,
        why: String,
    },
}

/// Why messages cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum PushSetupError {
    #[error("the client for push services cannot be made")]
    Client(#[source] BoxError),
    #[error("the key for push services cannot be used")]
    Key(#[source] BoxError),
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub struct Pusher(Arc<PusherShared>);

struct PusherShared {
    client: Client,
    vapid: Vapid,
    hosts: Hosts,
}

impl Pusher {
    /// `None` where no contact is set and this is no demo: then nothing is offered that needs it.
    pub fn new(
        config: &PushConfig,
        secret: [u8; 32],
        dev: bool,
    ) -> Result<Option<Pusher>, PushSetupError> {
        let contact = config.contact.as_deref();
        let Some(contact) = contact.or(dev.then_some(DEV_CONTACT)) else {
            return Ok(None);
        };
        let hosts = match dev {
            true => Hosts::PublicAndOwn,
            false => Hosts::Public,
        };
        let client = outgoing::client_for(hosts, SEND_TIMEOUT).map_err(PushSetupError::Client)?;
        let vapid = Vapid::new(secret, contact).map_err(PushSetupError::Key)?;
        Ok(Some(Pusher(Arc::new(PusherShared {
            client,
            vapid,
            hosts,
        }))))
    }

    /// The public key that browsers subscribe with, as they take it.
    pub fn public_key(&self) -> &str {
        self.0.vapid.public_key()
    }

    /// Whether messages can be sent there.
    pub fn check(&self, endpoint: &str) -> Result<(), EndpointFault> {
        endpoint::read(endpoint, self.0.hosts).map(drop)
    }

    /// Sends a message. It may arrive although this fails: the answer may be lost.
    pub async fn send(&self, to: &PushRecipient, message: &PushMessage) -> Result<(), PushError> {
        let sent = self.try_send(to, message).await;
        metrics::PUSHES.one(match sent {
            Ok(()) => "sent",
            Err(PushError::Gone) => "gone",
            Err(_) => "failed",
        });
        sent
    }

    async fn try_send(&self, to: &PushRecipient, message: &PushMessage) -> Result<(), PushError> {
        let refused = |why: String| PushError::Refused(why);
        // Once more: the row may be older than the setting.
        let url = endpoint::read(&to.endpoint, self.0.hosts);
        let url = url.map_err(|fault| refused(fault.code().to_owned()))?;
        let Encrypted(body) = encryption::encrypt(to, &message.payload)
            .map_err(|error| refused(error.to_string()))?;
        let authorization = self.0.vapid.authorization(&url);
        let authorization = authorization.map_err(|error| refused(error.to_string()))?;
        let urgency = match message.urgency {
            Urgency::Normal => "normal",
            Urgency::High => "high",
        };
        let request = (self.0.client.post(url))
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_ENCODING, "aes128gcm")
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header("TTL", message.ttl.as_secs())
            .header("Urgency", urgency)
            .header("Topic", &message.topic)
            .body(body);
        match request.send().await {
            Ok(answer) => judge(answer.status(), answer.headers()),
            // Nothing has left.
            Err(error) if error.is_connect() || error.is_builder() => Err(PushError::Later {
                after: None,
                why: "the push service cannot be reached".to_owned(),
            }),
            // Its text has the address of the browser.
            Err(_) => Err(PushError::Unanswered),
        }
    }
}

/// The meaning of a push service's answer. Its body is not read: it may say whatever it likes.
fn judge(status: StatusCode, headers: &header::HeaderMap) -> Result<(), PushError> {
    let why = || status.as_u16().to_string();
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(PushError::Gone),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(PushError::Later {
            after: retry_after(headers),
            why: why(),
        }),
        status if status.is_server_error() => Err(PushError::Later {
            after: retry_after(headers),
            why: why(),
        }),
        _ => Err(PushError::Refused(why())),
    }
}

/// In seconds; the form with a date counts as none.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let after = Duration::from_secs(seconds.trim().parse().ok()?);
    Some(after.clamp(Duration::from_secs(1), RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn answers_are_told_apart_by_what_helps() {
        let judged = |status: u16, after: Option<&'static str>| {
            let mut headers = header::HeaderMap::new();
            if let Some(after) = after {
                headers.insert(header::RETRY_AFTER, after.parse().unwrap());
            }
            judge(StatusCode::from_u16(status).unwrap(), &headers)
        };
        let later = |seconds: Option<u64>, why: &str| {
            Err(PushError::Later {
                after: seconds.map(Duration::from_secs),
                why: why.to_owned(),
            })
        };
        assert_eq!(judged(201, None), Ok(()));
        assert_eq!(judged(410, None), Err(PushError::Gone));
        assert_eq!(judged(404, None), Err(PushError::Gone));
        assert_eq!(judged(429, Some("30")), later(Some(30), "429"));
        assert_eq!(judged(503, Some("999999")), later(Some(3_600), "503"));
        assert_eq!(judged(503, Some("Fri, 31 Dec")), later(None, "503"));
        assert_eq!(judged(403, None), Err(PushError::Refused("403".to_owned())));
        assert_eq!(judged(302, None), Err(PushError::Refused("302".to_owned())));
    }
}
