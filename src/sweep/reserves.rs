//! Ends what vouchers set aside when their windows have ended.
//!
//! A look a second finds the events. Some are seen to at a time: one whose turn many want is waited for, and holds up no other. The
//! desk offers what comes free to those who wait before it decides anything else of the event.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio_util::sync::CancellationToken;

use super::EVENTS_MAX;
use crate::store::Store;
use crate::store::expiry::RESERVES_ENDED_MAX;
use crate::telemetry::with_causes;
use crate::ticketing::EventId;

/// Pause between two looks for vouchers whose windows have ended and that still set something aside.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Events that are seen to at a time: each may wait for its turn, with a connection.
const EVENTS_AT_ONCE: usize = 4;

/// Ends reserves until `cancel`.
pub(super) async fn keep_ending(store: &Store, cancel: &CancellationToken) {
    let ending = async {
        loop {
            tokio::time::sleep(LOOK_PAUSE).await;
            match store.reserves_due(EVENTS_MAX).await {
                Ok(due) => {
                    let due = stream::iter(due);
                    due.for_each_concurrent(EVENTS_AT_ONCE, |event| end_all(store, event))
                        .await;
                }
                Err(error) => {
                    tracing::debug!(error = %with_causes(&error), "vouchers whose windows ended are not read");
                }
            }
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = ending => {}
    }
}

/// Ends the event's, in as many transactions as that takes. What fails is tried again after the next look.
async fn end_all(store: &Store, event: EventId) {
    let mut vouchers = 0;
    loop {
        match store.end_reserves(event).await {
            Ok(ended) => {
                vouchers += ended;
                if ended < RESERVES_ENDED_MAX {
                    break;
                }
            }
            Err(error) => {
                tracing::debug!(event = event.0, error = %with_causes(&error), "reserves of vouchers are not ended");
                break;
            }
        }
    }
    if vouchers > 0 {
        tracing::info!(event = event.0, vouchers, "reserves of vouchers ended");
    }
}
