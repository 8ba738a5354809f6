use std::io;
use std::path::PathBuf;

/// The private Postgres cannot run; each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no Postgres {minimum} or newer was found on this machine (looked in {looked}).\n\
         Install one (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install \
         postgresql-server; macOS: brew install postgresql), or say where its binaries are with \
         PG_BIN_DIR, or give a database with DATABASE_URL."
    )]
    NoBinaries { minimum: u32, looked: String },

    #[error(
        "the data in {} was made by Postgres {data}, but here is only Postgres {found}.\n\
         Install postgresql-{data}, or say where its binaries are with PG_BIN_DIR, or start with \
         another SEATCAST_DATA_DIR.",
        dir.display()
    )]
    OtherMajor {
        dir: PathBuf,
        data: u32,
        found: String,
    },

    #[error(
        "Postgres refuses to run as root, and this machine has no account to run it as: neither \
         postgres nor nobody is in /etc/passwd (adduser --system postgres makes one)"
    )]
    NoAccount,

    #[error(
        "{} belongs to uid {owner}, but Postgres would run as {account}: give the folder to it \
         (chown -R {account}) or choose another with SEATCAST_DATA_DIR",
        dir.display()
    )]
    NotOurs {
        dir: PathBuf,
        owner: u32,
        account: String,
    },

    #[error(
        "Postgres would run as {account}, which may not enter {}: choose a folder outside of it \
         with SEATCAST_DATA_DIR",
        barrier.display()
    )]
    Unreachable { barrier: PathBuf, account: String },

    #[error(
        "{} is too long for a unix socket by {excess} bytes: choose a shorter SEATCAST_DATA_DIR",
        socket.display()
    )]
    PathTooLong { socket: PathBuf, excess: usize },

    #[error("no Seatcast database here; run `seatcast migrate` or `seed`")]
    NoDatabase,

    #[error("there is no home folder to keep data in: set SEATCAST_DATA_DIR")]
    NoHome,

    #[error(
        "{} is in use by another running server: stop that one, or start this one with another \
         SEATCAST_DATA_DIR",
        dir.display()
    )]
    InUse { dir: PathBuf },

    #[error("an earlier Postgres still runs in {} and does not end (pid {pids})", dir.display())]
    LeftoverLives { dir: PathBuf, pids: String },

    #[error("cannot {action} {}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },

    #[error("{program} could not be run")]
    Program {
        program: String,
        #[source]
        source: io::Error,
    },

    #[error("{program} failed ({status}):\n{output}")]
    Failed {
        program: String,
        status: String,
        output: String,
    },

    #[error("Postgres did not start: {why}. The end of {}:\n{tail}", log.display())]
    NotStarted {
        why: String,
        log: PathBuf,
        tail: String,
    },

    #[error("the private Postgres ended by itself and could not be started again in {tries} tries")]
    Lost {
        tries: u32,
        #[source]
        source: Box<EmbeddedError>,
    },

    #[error("it starts, and ends again soon after; see its log")]
    KeepsEnding,

    #[error("cannot start the thread that watches Postgres")]
    Thread(#[source] io::Error),

    #[error("the thread that watches Postgres panicked")]
    Panicked,

    #[error("Postgres (pid {pid}) did not end")]
    NotStopped { pid: u32 },
}

impl EmbeddedError {
    /// For `map_err` on file operations: `EmbeddedError::file("read", &path)`.
    pub(super) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> EmbeddedError {
        let path = path.into();
        move |source| EmbeddedError::File {
            action,
            path,
            source,
        }
    }
}
