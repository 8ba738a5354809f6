//! Brings what tokens of other issuers need: their keys, by URL or file, and the users of the people whom they name.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::auth::issuers::{Inquiry, Issuer, KeySet, Person};
use crate::config::inside::{
    IDENTITIES_AT_ONCE_MAX, JWKS_BYTES_MAX, JWKS_PAUSE_MS_MAX, JWKS_TIMEOUT_MS,
};
use crate::config::{AuthConfig, KeySource};
use crate::metrics;
use crate::outgoing;
use crate::pacing::Backoff;
use crate::store::Store;
use crate::tasks::{BoxError, Tasks};
use crate::telemetry::with_causes;

/// The pause after the first fetch that failed.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_millis(JWKS_PAUSE_MS_MAX);

/// Starts a task for each issuer, and one for all people. None without other issuers.
///
/// # Errors
/// When no HTTP client can be made.
pub(crate) fn start(
    back: &mut Tasks,
    config: &AuthConfig,
    store: &Store,
    auth: &Auth,
) -> Result<(), BoxError> {
    let issuers = auth.issuers().all();
    let Some(inquiries) = auth.issuers().take_inquiries() else {
        return Ok(());
    };
    if issuers.is_empty() {
        return Ok(());
    }
    let client = outgoing::client(Duration::from_millis(JWKS_TIMEOUT_MS))?;
    for issuer in issuers {
        let (issuer, client, end) = (issuer.clone(), client.clone(), back.end());
        let refresh = Duration::from_millis(config.jwks_refresh_ms);
        back.spawn_endless("the keys of another issuer", async move {
            keep_keys(&issuer, &client, refresh, &end).await;
        });
    }
    let (auth, store, end) = (auth.clone(), store.clone(), back.end());
    back.spawn_endless("people of other issuers", async move {
        answer(inquiries, &auth, &store, &end).await;
    });
    Ok(())
}

/// Fetches the keys now and again, and when a token has one that is not known.
async fn keep_keys(
    issuer: &Arc<Issuer>,
    client: &Client,
    refresh: Duration,
    end: &CancellationToken,
) {
    let mut backoff = Backoff::new(PAUSE_MIN, PAUSE_MAX);
    loop {
        issuer.fetch_begins();
        let fetched = fetch(&issuer.config.keys, client).await;
        let pause = match fetched {
            Ok(keys) => {
                metrics::JWKS_FETCHES.one("fetched");
                if keys.is_empty() {
                    tracing::warn!(
                        issuer = issuer.config.name,
                        "the issuer publishes no key that signs tokens"
                    );
                }
                issuer.fetch_ends(Some(keys));
                backoff.reset();
                refresh
            }
            Err(error) => {
                metrics::JWKS_FETCHES.one("failed");
                tracing::warn!(issuer = issuer.config.name, error = %with_causes(&*error), "an issuer's keys cannot be fetched; those that are known stay");
                issuer.fetch_ends(None);
                backoff.jittered()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = issuer.wanted() => {}
            () = end.cancelled() => return,
        }
    }
}

async fn fetch(source: &KeySource, client: &Client) -> Result<KeySet, BoxError> {
    let body = match source {
        KeySource::File(path) => tokio::fs::read(path).await?,
        KeySource::Url(url) => {
            let answer = client.get(url).send().await?;
            if answer.status() != reqwest::StatusCode::OK {
                return Err(format!("the answer is {}", answer.status()).into());
            }
            outgoing::body(answer, JWKS_BYTES_MAX).await?
        }
    };
    Ok(KeySet::parse(&body)?)
}

/// Answers inquiries, a bounded number at a time. One that fails is not answered: whoever asks stops waiting.
async fn answer(
    mut inquiries: mpsc::Receiver<Inquiry>,
    auth: &Auth,
    store: &Store,
    end: &CancellationToken,
) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            Some(_) = under_way.join_next() => {}
            inquiry = inquiries.recv(), if under_way.len() < IDENTITIES_AT_ONCE_MAX => {
                let Some(inquiry) = inquiry else { return };
                under_way.spawn(look_up(inquiry, auth.clone(), store.clone()));
            }
        }
    }
}

async fn look_up(inquiry: Inquiry, auth: Auth, store: Store) {
    let Inquiry { identity, answer } = inquiry;
    let person = match auth.issuers().fresh(&identity) {
        Some(person) => Some(person),
        None => match store.identify(&identity).await {
            Ok(None) => {
                auth.issuers().forget(&identity);
                None
            }
            Ok(Some((user, rights))) => {
                let person = Person {
                    user,
                    role: rights.role,
                    member: rights.member,
                    staffs: rights.staffs,
                    generation: rights.generation,
                };
                auth.issuers().learn(&identity, person);
                Some(person)
            }
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), issuer = %identity.issuer, "a person of another issuer was not looked up");
                return;
            }
        },
    };
    if let Some(answer) = answer {
        // Whoever asked may have stopped waiting.
        let _ = answer.send(person);
    }
}
