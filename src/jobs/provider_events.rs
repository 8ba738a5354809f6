//! Asks a provider for the events of refunds and disputes that did not come by themselves: webhooks may be lost, and
//! money that was taken is not looked at by its own job any more. An event is taken in once, whichever way it came.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::config::inside::{
    PROVIDER_EVENTS_FIRST_S, PROVIDER_EVENTS_LOOK_S, PROVIDER_EVENTS_OVERLAP_S,
};
use crate::payments::ProviderError;
use crate::payments::hear::ProviderEvent;
use crate::store::payments::{PROVIDER_EVENTS_JOB, PROVIDER_EVENTS_WORTH, provider_events_job};
use crate::ticketing::payment::ProviderName;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderEvents {
    pub provider: ProviderName,
}

/// How far it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Progress {
    /// Events that are older were taken in. In seconds of Unix time.
    since_s: i64,
    /// Of the look that is under way: the newest event, and the last one of the page before.
    newest_s: i64,
    after: Option<String>,
}

impl Kind for ProviderEvents {
    const NAME: &'static str = PROVIDER_EVENTS_JOB;
    const OF_MONEY: bool = true;
    const WORTH: Duration = PROVIDER_EVENTS_WORTH;

    fn key(&self, _proofs: &Proofs) -> String {
        provider_events_job(self.provider).key
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let known = serde_json::from_value::<Progress>(task.progress().clone());
        let mut progress = known.unwrap_or_else(|_| Progress {
            since_s: task.now().as_second() - PROVIDER_EVENTS_FIRST_S,
            ..Progress::default()
        });
        let rests = Duration::from_secs(PROVIDER_EVENTS_LOOK_S);
        let Some(stripe) = &hands.payments.providers().stripe else {
            // Another node has it.
            return Ok(End::Rests(rests, json!(progress)));
        };
        let page = stripe.later_events(progress.since_s, progress.after.as_deref());
        let page = match page.await {
            Ok(page) => page,
            Err(ProviderError::Unanswered(why) | ProviderError::Refused(why)) => {
                tracing::warn!(why, "the provider does not tell its events");
                progress.after = None;
                return Ok(End::Rests(rests, json!(progress)));
            }
        };
        for event in &page.data {
            progress.newest_s = progress.newest_s.max(event.created);
            // One of a payment that is not known here is of no interest.
            hands
                .payments
                .hear(&ProviderEvent {
                    provider: self.provider,
                    id: &event.id,
                    kind: &event.kind,
                    provider_ref: event.intent(),
                    attempt: event.attempt(),
                    is_after_sale: true,
                })
                .await?;
        }
        match page.data.last() {
            Some(last) if page.has_more => {
                progress.after = Some(last.id.clone());
                Ok(End::GoesOn(json!(progress)))
            }
            _ => {
                let newest_s = progress.newest_s - PROVIDER_EVENTS_OVERLAP_S;
                let progress = Progress {
                    since_s: progress.since_s.max(newest_s),
                    ..Progress::default()
                };
                Ok(End::Rests(rests, json!(progress)))
            }
        }
    }
}
