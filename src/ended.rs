//! Reads which tokens have ended before their time, so that this node refuses those that another node ended.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::auth::EndedTokens;
use crate::config::inside::{ACCESS_TOKEN_S, ENDED_TOKENS_MAX, ENDED_TOKENS_POLL_MS};
use crate::store::accounts::Ended;
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::with_causes;

/// Longer than a token lives, in seconds, by the clocks of other nodes.
const REMEMBERED_S: f64 = ACCESS_TOKEN_S as f64 + 60.0;
/// Of the ends that are read again each time, in seconds: transactions commit in another order than they began.
const OVERLAP_S: f64 = 30.0;
/// Reads until all is read again, and what ended by itself is forgotten.
const READS_PER_ROUND: u32 = 60;

/// Starts the task. What ended before the start is known once it has read.
pub(crate) fn start(back: &mut Tasks, store: &Store, ended: &EndedTokens) {
    let (store, ended, end) = (store.clone(), ended.clone(), back.end());
    back.spawn_endless("the list of ended tokens", async move {
        run(&store, &ended, &end).await;
    });
}

async fn run(store: &Store, ended: &EndedTokens, end: &CancellationToken) {
    let pause = Duration::from_millis(ENDED_TOKENS_POLL_MS);
    let mut reads = 0;
    loop {
        match read(store, ended, reads == 0).await {
            Ok(()) => reads = (reads + 1) % READS_PER_ROUND,
            // Then all that was missed meanwhile is read.
            Err(error) => {
                reads = 0;
                tracing::debug!(error = %with_causes(&error), "ended tokens were not read");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = end.cancelled() => return,
        }
    }
}

async fn read(store: &Store, ended: &EndedTokens, all: bool) -> Result<(), StoreError> {
    let seconds = if all { REMEMBERED_S } else { OVERLAP_S };
    let rows = store.ended_tokens(seconds, ENDED_TOKENS_MAX as i64).await?;
    let sessions = rows.iter().filter_map(|row| match row {
        Ended::Session(session) => Some(*session),
        Ended::Before(..) => None,
    });
    let generations = rows.iter().filter_map(|row| match row {
        Ended::Before(user, first) => Some((*user, *first)),
        Ended::Session(_) => None,
    });
    match all {
        true => ended.replace(sessions, generations),
        false => ended.add(sessions, generations),
    }
    Ok(())
}
