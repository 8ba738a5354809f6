//! Groups of tasks that are watched: a task that ends or panics ends the server.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

/// The cause of a failure, of whatever type.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// A task ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum TaskEnded {
    #[error("{task} failed, so the server ended")]
    Failed {
        task: &'static str,
        #[source]
        cause: BoxError,
    },
    #[error("{task} ended though nobody asked it to, so the server ended")]
    ByItself { task: &'static str },
}

/// A group of tasks that live until `end`.
#[derive(Default)]
pub(crate) struct Tasks {
    end: CancellationToken,
    running: JoinSet<Result<(), BoxError>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    pub(crate) fn spawn<E: Into<BoxError>>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let handle = self.running.spawn(async { task.await.map_err(Into::into) });
        self.names.insert(handle.id(), name);
    }

    /// A task that cannot fail.
    pub(crate) fn spawn_endless(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.spawn(name, async {
            task.await;
            Ok::<_, Infallible>(())
        });
    }

    /// Cancelled when the group is told to end.
    pub(crate) fn end(&self) -> CancellationToken {
        self.end.clone()
    }

    /// Waits for the first task that ends, which none does before it is told to.
    pub(crate) async fn first_end(&mut self) -> TaskEnded {
        let (id, result) = match self.running.join_next_with_id().await {
            Some(Ok((id, result))) => (id, result),
            Some(Err(panic)) => (panic.id(), Err(panic.into())),
            None => std::future::pending().await,
        };
        let task = self.names.get(&id).copied().unwrap_or("a task");
        match result {
            Ok(()) => TaskEnded::ByItself { task },
            Err(cause) => TaskEnded::Failed { task, cause },
        }
    }

    /// Ends all tasks: by asking, and by force when that takes longer than `patience`.
    pub(crate) async fn finish(mut self, patience: Duration) {
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

    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn_endless("the patient one", std::future::pending());
        tasks.spawn_endless("the hasty one", async {});
        let why = tasks.first_end().await.to_string();
        assert!(why.starts_with("the hasty one ended"), "{why}");
        tasks.spawn_endless("the clumsy one", async { panic!("stumbled") });
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
        let end = tasks.end();
        tasks.spawn_endless("the obedient one", async move { end.cancelled().await });
        tasks.finish(Duration::from_secs(60)).await;

        let mut tasks = Tasks::default();
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        let deaf = async move {
            let _alive = alive;
            std::future::pending().await
        };
        tasks.spawn_endless("the deaf one", deaf);
        tasks.finish(Duration::from_millis(10)).await;
        assert!(ended.await.is_err(), "it is dropped");
    }
}
