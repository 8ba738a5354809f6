//! Errors of the database, sorted by who can do something about them.

use std::error::Error;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::WrongType;

use super::{read_only, room, tls};
use crate::tasks::BoxError;

/// Causes are kept as sources, to be logged once, at the edge.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, or it broke. A transaction under way at the break may or may not be committed.
    #[error("the database cannot be reached")]
    Unavailable(#[source] BoxError),
    /// All pooled connections stayed busy, or a statement ran into its timeout: come back later.
    #[error("the database is too busy")]
    Busy(#[source] BoxError),
    /// The disk of the database is full (SQLSTATE 53100): reads go on, writes wait for somebody to make room.
    #[error("the database has no room left on its disk")]
    Full(#[source] BoxError),
    /// A deadlock or serialization failure on every try of a transaction.
    #[error("the transaction lost against others too often")]
    Contended(#[source] BoxError),
    /// A constraint of the schema refused; `sql/README.md` lists their names.
    #[error("the constraint {name} refused the write")]
    Constraint {
        name: String,
        #[source]
        source: BoxError,
    },
    /// A value that a column cannot hold (SQLSTATE class 22): NUL in a text, a year out of range.
    #[error("the database refused a value")]
    BadValue(#[source] BoxError),
    /// The database holds data that the code does not understand, or lacks data that it needs.
    #[error("the database holds something unexpected: {what}")]
    Corrupt { what: String },
    #[error("no Seatcast database here; run `seatcast migrate` or `seed`")]
    NotMigrated,
    #[error(
        "the schema is at version {applied}, and this version of Seatcast needs {needed}: run `seatcast migrate`"
    )]
    OldSchema { applied: i64, needed: i64 },
    /// The role does not see the tables.
    #[error(
        "{role} has no rights in the schema {schema}: run sql/roles.sql, and connect as its server's role"
    )]
    NoRights { role: String, schema: String },
    /// The schema could not be brought up to date.
    #[error("the migrations failed")]
    Migration(#[source] BoxError),
    /// Another program has tables or types in the schema.
    #[error(
        "the schema {schema} is used by something else, which has {names} in it: name another one with --schema"
    )]
    TakenSchema { schema: String, names: String },
    /// A standby, which takes no writes until it is promoted.
    #[error("the database is a standby")]
    Standby,
    /// A pooler between server and database gives each transaction another session.
    #[error(
        "the database is reached through a pooler that keeps no sessions (PgBouncer with pool_mode = transaction, say): \
         Seatcast listens on a session of its own and would hear nothing. Give it the address of Postgres itself, or \
         of a pool with pool_mode = session"
    )]
    Pooler,
    /// `DATABASE_URL` cannot be read.
    #[error("the database's address is not valid: {0}")]
    BadAddress(#[source] BoxError),
    #[error("the database answered with an error")]
    Unexpected(#[source] BoxError),
}

/// TLS was required and could not be established.
#[derive(Debug, thiserror::Error)]
#[error("{advice}")]
struct NotEncrypted {
    advice: &'static str,
    source: tokio_postgres::Error,
}

/// A query failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFailure {
    /// The database does not answer, so no other query will succeed either.
    Unavailable,
    /// The database answered with an error, or with data that cannot be used. Other queries may succeed.
    Unusable,
}

impl StoreError {
    /// The name of the constraint that refused, if one did.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            StoreError::Constraint { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether the same transaction may succeed if it is run again at once.
    pub(crate) fn is_contention(&self) -> bool {
        matches!(self, StoreError::Contended(_))
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self,
            StoreError::Unavailable(_)
                | StoreError::Busy(_)
                | StoreError::Full(_)
                | StoreError::Contended(_)
        )
    }

    /// The same for another request of the same statement, where it has nothing to do with what was asked.
    pub(super) fn of_all(&self) -> Option<StoreError> {
        let cause = || match self.source() {
            Some(cause) => cause.to_string().into(),
            None => self.to_string().into(),
        };
        match self {
            StoreError::Unavailable(_) => Some(StoreError::Unavailable(cause())),
            StoreError::Busy(_) => Some(StoreError::Busy(cause())),
            StoreError::Full(_) => Some(StoreError::Full(cause())),
            _ => None,
        }
    }

    /// A description of an obstacle that may go away while the server waits to start; `None` if waiting is useless.
    pub(crate) fn passes_by(&self) -> Option<&'static str> {
        let cause = match self {
            StoreError::Standby => return Some("it is a standby, or recovers"),
            StoreError::Unavailable(cause) | StoreError::Busy(cause) => cause,
            _ => return None,
        };
        if cause.is::<NotEncrypted>() {
            return None;
        }
        let Some(error) = cause.downcast_ref::<tokio_postgres::Error>() else {
            return Some("it does not answer");
        };
        match error.code() {
            Some(&SqlState::CANNOT_CONNECT_NOW) => Some("it is starting, or recovers"),
            Some(&SqlState::TOO_MANY_CONNECTIONS) => Some("it takes no more connections"),
            Some(&SqlState::ADMIN_SHUTDOWN | &SqlState::CRASH_SHUTDOWN) => Some("it goes down"),
            Some(_) => None,
            None => Some("nothing answers there yet"),
        }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> StoreError {
        StoreError::Corrupt { what: what.into() }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> StoreError {
        let Some(reply) = error.as_db_error() else {
            return without_reply(error);
        };
        if let Some(name) = reply.constraint() {
            let name = name.to_owned();
            return StoreError::Constraint {
                name,
                source: error.into(),
            };
        }
        let state = reply.code().clone();
        match state {
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
                StoreError::Contended(error.into())
            }
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
                StoreError::Busy(error.into())
            }
            SqlState::DISK_FULL => {
                room::was_missing();
                StoreError::Full(error.into())
            }
            SqlState::READ_ONLY_SQL_TRANSACTION => {
                read_only::refused();
                StoreError::Unavailable(error.into())
            }
            state => by_class(state.code().get(..2).unwrap_or_default(), error),
        }
    }
}

/// Classifies an error on our side of the wire. tokio-postgres does not export its kinds, so they are told apart by
/// their texts.
fn without_reply(error: tokio_postgres::Error) -> StoreError {
    if tls::is_failure(&error) {
        return StoreError::Unavailable(Box::new(NotEncrypted {
            advice: tls::advice(&error),
            source: error,
        }));
    }
    let text = error.to_string();
    let source = error.source();
    let lost = error.is_closed() || source.is_some_and(|source| source.is::<std::io::Error>());
    let mistyped = source.is_some_and(|source| source.is::<WrongType>());
    if text.starts_with("error serializing parameter") && !mistyped {
        StoreError::BadValue(error.into())
    } else if lost || text.starts_with("timeout waiting") || text.starts_with("error connecting") {
        StoreError::Unavailable(error.into())
    } else {
        StoreError::Unexpected(error.into())
    }
}

/// Classifies by SQLSTATE class: 08 connection exception, 53 out of resources, 57 operator intervention (shutdown,
/// restart), 22 data exception, 25 the transaction was ended for idling, or may not write.
fn by_class(class: &str, error: tokio_postgres::Error) -> StoreError {
    match class {
        "08" | "57" | "25" => StoreError::Unavailable(error.into()),
        "53" => StoreError::Busy(error.into()),
        "22" => StoreError::BadValue(error.into()),
        _ => StoreError::Unexpected(error.into()),
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> StoreError {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => {
                StoreError::Busy(error.into())
            }
            error => StoreError::Unavailable(error.into()),
        }
    }
}
