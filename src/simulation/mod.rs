//! The live side in virtual time: everything between a commit and a client's picture, with faults.
//!
//! The parts are the real ones, put together as `run.rs` does: the feed without its I/O (`feed::publisher`, with planner
//! and entries), the hub with its mailboxes and `hub::watching`, whole shards with their loop, sessions, channels and
//! sockets (each a pair within the process), the streams of server-sent events without hyper, presence with its rosters
//! and peers, and the planner of private topics. Modelled are both ends: the `database`, whose queries and doorbell
//! `world` carries, and a `client` that follows the rules of the wire.
//!
//! `plan` rolls a schedule from one seed, and `world` carries it out, step by step, in an order that only the seed
//! decides: rings are lost and doubled, the bus loses, doubles and reorders changes, queries fail or come late and out
//! of order, mailboxes overflow while their shard is held up, sockets are full, frames get lost on their way, clients
//! stall, vanish in the middle of a join and come back at another node, the log is pruned past the deltas in memory, one
//! node cannot reach the database, the database goes away and may come back with an older state, and then all clients may
//! come to a node that has seen nothing of it.
//!
//! `check` tests each frame: no client goes back, a join's frames follow on one another, every picture at revision N is
//! the log's at N, and no beat claims more freshness than is true. Of a user's bookings and tickets (`own`) no lower version is sent
//! after a higher one, by whichever node, and all that was committed before a revision or a beat's time is shown. Some
//! time after the faults are over, every client shows the database's state and the right visitors.
//!
//! The side that writes, from a request to its committed answer, runs by itself, in `desk`; what leaves the machine in
//! `jobs`; attempts to pay, from the hold to the money, in `money`; requests that share statements, in `together`.
//!
//! `SEATCAST_SEED=7` replays one schedule, `SEATCAST_SEEDS=1000000` runs more of them.
//!
//! To prove that the checks catch faults, each of these mistakes is made on purpose, in the part itself (`mistaken!`) or
//! in the client, and has to be caught by the check that exists for it:
//!
//! | mistake | effect |
//! |---|---|
//! | `SkipReread` | the log is not read again after LISTEN |
//! | `LoadThenListen` | changes that were committed between a snapshot and its opening are not read |
//! | `ForgetPending` | changes that waited for the window's end are dropped at the flush |
//! | `ClaimOverGap` | all events are reported as current while the log of one has a gap |
//! | `KeepRewound` | nobody notices that the database went back |
//! | `PublishOverGap` | a shard applies a publication that begins after its own state |
//! | `RingOffByOne` | the recent deltas are said to reach one revision further back than they do |
//! | `ResumeBeyondRing` | a `since` beyond the ring is answered as resumed |
//! | `MergeBackwards` | when changes are merged, the older value wins |
//! | `ApplyOverGap` | a client applies a frame that begins after its own revision |
//! | `ResumeLost` | a client resumes from a revision of lost history |
//! | `ForgetMoved` | a node that did not watch an event resumes it from another database's revision |
//! | `StayAtPlace` | a node goes on with open events when the log goes on in another database |
//! | `ForgetWhenLevel` | a client that comes back and has missed nothing drops its picture |
//! | `ProveByOthers` | an event that was loaded late is said to be as current as the others |
//! | `DropLeave` | the client of a lost socket stays counted |
//! | `LoseUntrack` | a member who leaves stays listed |
//! | `AnswerBehind` | a node that cannot reach the database answers a client with an older state than the client has |
//! | `BeatBeforeFrames` | a stream's beat goes out before the frame that makes it true |
//! | `ForgetLostOnStreams` | server-sent events forget that the database lost history |
//! | `ForgetGone` | viewers are not told that a booking or a ticket went away |
//! | `KeepHandedOn` | a ticket that went on to somebody else stays with the account that had it |
//! | `ResumeAnywhere` | a client from another node is sent only what changed here after its revision |
//! | `ClaimReadsEnd` | a read of bookings is dated by its end |
//! | `BeatByEvents` | a beat claims for bookings the freshness of events |
//! | `AnswerEarly` | a join is answered by a read that was already under way |
//! | `LoseRing` | a ring is dropped that comes while its user's bookings are being read |

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod check;
mod client;
mod clockwork;
mod database;
mod desk;
mod dice;
mod jobs;
mod line;
pub(crate) mod mistake;
mod money;
mod node;
mod own;
mod plan;
mod together;
mod traffic;
mod world;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use self::check::{Check, Fault};
use self::mistake::Mistake;
use self::world::World;
use crate::auth::{Auth, Role};
use crate::config::Config;
use crate::ticketing::UserId;

/// By the real clock, which tokens refer to: longer than any run of the tests.
const TOKENS_LAST: Duration = Duration::from_secs(24 * 3_600);
const SEEDS: u64 = 10_000;
/// Seeds among which each mistake has to be caught.
const MISTAKE_SEEDS: u64 = 2_000;

/// Configuration and tokens, shared by all runs.
struct Ground {
    config: Config,
    auth: Arc<Auth>,
    /// A token of each user.
    tokens: Vec<String>,
}

impl Ground {
    fn new() -> Self {
        let mut config = Config::default();
        config.auth.jwt_secret = Some("a secret of more than thirty-two bytes".into());
        let auth = Auth::new(&config.auth).expect("a good configuration");
        let auth = Arc::new(auth);
        let token = |user| auth.issue(user, Role::Customer, TOKENS_LAST);
        let tokens = (1..=own::USERS).map(|user| token(UserId(user)).expect("a token"));
        Ground {
            tokens: tokens.collect(),
            config,
            auth,
        }
    }

    /// # Errors
    /// A failed check, and how to replay it.
    fn run(&self, seed: u64, is_told: bool) -> Result<(), Fault> {
        let run = || {
            let mut world = World::new(self, seed);
            world.is_told = is_told;
            world.run()
        };
        let ended = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let what = text.unwrap_or_else(|| "a part panicked".to_owned());
            let check = Check::Survival;
            Err(Fault { check, what })
        });
        ended.map_err(|Fault { check, what }| {
            let what = format!("{what}\nSEATCAST_SEED={seed} replays it");
            Fault { check, what }
        })
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Runs the seeds below `seeds` on all cores, and returns a fault that is looked for, if there is one.
fn fault(
    seeds: u64,
    mistake: Option<Mistake>,
    is_looked_for: impl Fn(&Fault) -> bool + Sync,
) -> Option<Fault> {
    let ground = Ground::new();
    let workers = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    thread::scope(|scope| {
        let run = |worker| {
            let (ground, is_looked_for) = (&ground, &is_looked_for);
            scope.spawn(move || {
                mistake::make(mistake);
                let mut seeds = (worker..seeds).step_by(workers as usize);
                seeds.find_map(|seed| ground.run(seed, false).err().filter(is_looked_for))
            })
        };
        let workers: Vec<_> = (0..workers).map(run).collect();
        let mut faults = workers
            .into_iter()
            .map(|worker| worker.join().expect("a result"));
        faults.find_map(|fault| fault)
    })
}

#[test]
fn every_viewer_ends_with_the_database_and_never_shows_what_was_not() {
    let fault = match number("SEATCAST_SEED") {
        Some(seed) => Ground::new().run(seed, true).err(),
        None => fault(number("SEATCAST_SEEDS").unwrap_or(SEEDS), None, |_| true),
    };
    if let Some(Fault { check, what }) = fault {
        panic!("{check:?}: {what}");
    }
}

/// A panic does not count, nor does a fault that another check finds.
#[test]
fn every_mistake_is_caught_by_its_check() {
    let seeds = number("SEATCAST_SEEDS").unwrap_or(MISTAKE_SEEDS);
    let mut survivors = Vec::from(Mistake::ALL);
    survivors.retain(|&(mistake, check)| {
        fault(seeds, Some(mistake), |fault| fault.check == check).is_none()
    });
    assert!(survivors.is_empty(), "of {seeds} seeds: {survivors:?}");
}
