//! Groups of tasks that are watched: a task that ends or panics ends the server.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Cause, RunError};

/// Wraps a task that cannot fail.
pub(super) async fn endless(task: impl Future<Output = ()>) -> Result<(), Infallible> {
    task.await;
    Ok(())
}

/// A group of tasks that live until `end`.
#[derive(Default)]
pub(super) struct Tasks {
    pub(super) end: CancellationToken,
    running: JoinSet<Result<(), Cause>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    pub(super) fn spawn<E: Into<Cause>>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let handle = self.running.spawn(async { task.await.map_err(Into::into) });
        self.names.insert(handle.id(), name);
    }

    /// Waits for the first task that ends, and returns that as an error: tasks run until they are told to end.
    pub(super) async fn first_end(&mut self) -> RunError {
        let (id, result) = match self.running.join_next_with_id().await {
            Some(Ok((id, result))) => (id, result),
            Some(Err(panic)) => (panic.id(), Err(panic.into())),
            None => std::future::pending().await,
        };
        let task = self.names.get(&id).copied().unwrap_or("a task");
        match result {
            Ok(()) => RunError::Ended { task },
            Err(cause) => RunError::Failed { task, cause },
        }
    }

    /// Tells all tasks to end, and aborts those that take longer than `patience`.
    pub(super) async fn finish(mut self, patience: Duration) {
        self.end.cancel();
        let all_ended = async {
            while let Some(ended) = self.running.join_next().await {
                match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(cause)) => tracing::error!(%cause, "a task failed at shutdown"),
                    Err(panic) => tracing::error!(%panic, "a task died at shutdown"),
                }
            }
        };
        if tokio::time::timeout(patience, all_ended).await.is_err() {
            tracing::warn!(
                tasks = self.running.len(),
                "ending tasks that did not end in time"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::error::Error;

    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("the patient one", endless(std::future::pending()));
        tasks.spawn("the hasty one", endless(async {}));
        let why = tasks.first_end().await.to_string();
        assert!(why.starts_with("the hasty one ended"), "{why}");
        tasks.spawn("the clumsy one", endless(async { panic!("stumbled") }));
        let why = tasks.first_end().await;
        assert!(
            why.to_string().starts_with("the clumsy one failed"),
            "{why}"
        );
        assert!(why.source().unwrap().to_string().contains("stumbled"));
    }

    #[tokio::test]
    async fn a_group_ends_when_asked_and_by_force_when_not() {
        let mut tasks = Tasks::default();
        let end = tasks.end.clone();
        tasks.spawn(
            "the obedient one",
            endless(async move { end.cancelled().await }),
        );
        tasks.finish(Duration::from_secs(60)).await;

        let mut tasks = Tasks::default();
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        let deaf = async move {
            let _alive = alive;
            std::future::pending().await
        };
        tasks.spawn("the deaf one", endless(deaf));
        tasks.finish(Duration::from_millis(10)).await;
        assert!(ended.await.is_err(), "it is dropped");
    }
}
