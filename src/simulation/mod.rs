//! The live side in virtual time: everything between a commit and a client's picture, with faults.
//!
//! The parts are the true ones, put together as `run.rs` does: the feed but for its waiting
//! (`feed::publisher`, with planner and entries), the hub with its mailboxes and the machine of what is watched,
//! whole shards with their loop, sessions, channels and sockets (each a pair within the process), the streams of
//! server-sent events but for hyper, presence with its rosters
//! and peers, and the planner of private topics. Modelled are what they stand between: the `database`, whose queries and
//! doorbell `world` carries, and a `client` that follows the rules of the wire.
//!
//! `plan` rolls a schedule from one seed, and `world` carries it out, thing by thing, in an order that the
//! seed alone decides: doorbells are lost and doubled, the bus loses, doubles and reorders what it
//! carries, queries fail or come late and out of order, mailboxes overflow while their shard is held
//! up, sockets are full, frames get lost on their way, clients stall, vanish in the middle of a join and
//! come back at another node, the log is pruned past the ring, a node is cut from the database that the others
//! reach, the database goes away and may come back as it was before.
//!
//! `check` says what must hold at each frame: no client goes back, a join's frames follow on one
//! another, every picture at revision N is the log's at N, and no beat claims a freshness that is not
//! there. Of a user's bookings (`own`) no lower version is told after a higher one, by whichever node, and what was
//! committed before a revision or a beat's time is shown. When the faults are over, every client shows the database and who is here, within a bound.
//!
//! The side that writes, from a request to its committed answer, runs by itself, in `desk`.
//!
//! `SEATCAST_SEED=7` replays one schedule, `SEATCAST_SEEDS=1000000` runs more of them.
//!
//! A check that catches nothing proves nothing. Each of these mistakes is made on purpose, in the part
//! itself (`mistaken!`) or in the client, and has to be caught by the same checks, and by the one that is
//! there for it:
//!
//! | mistake | what is done |
//! |---|---|
//! | `SkipReread` | the log is not read again after LISTEN |
//! | `LoadThenListen` | what was committed between a snapshot and its opening is not read |
//! | `ForgetPending` | changes that waited for the window's end are forgotten at the flush |
//! | `ClaimOverGap` | all is said to be current while the log of an event has a gap |
//! | `KeepRewound` | a database that went back is not noticed |
//! | `PublishOverGap` | a topic entry takes a publication that starts after what it has |
//! | `RingOffByOne` | the ring claims to reach one revision further back than it does |
//! | `ResumeBeyondRing` | a `since` beyond the ring is answered as resumed |
//! | `MergeBackwards` | of merged changes the older value wins |
//! | `ApplyOverGap` | a client applies a frame that starts after what it has |
//! | `ResumeLost` | a revision of a history that the database lost is resumed from |
//! | `ForgetWhenLevel` | a client that comes back and has missed nothing forgets its picture |
//! | `DropLeave` | a lost socket leaves its client counted |
//! | `LoseUntrack` | a member who leaves stays listed |
//! | `AnswerBehind` | a client is answered with less than it has by a node that does not reach the database |
//! | `BeatBeforeFrames` | a stream's beat goes out before the frame that makes it true |
//! | `ForgetLostOnStreams` | one road forgets that the database lost history |
//! | `ForgetGone` | a booking that went away is not told to be gone |
//! | `ResumeAnywhere` | a client from another node is answered only what changed here after its revision |
//! | `ClaimReadsEnd` | a read of bookings is dated by its end |
//! | `BeatByEvents` | a beat claims of bookings the freshness of events |
//! | `AnswerEarly` | a join is answered by a read that was under way when it came |
//! | `LoseRing` | a ring is forgotten that comes while its user's bookings are being read |

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod check;
mod client;
mod database;
mod desk;
mod dice;
mod line;
pub(crate) mod mistake;
mod node;
mod own;
mod plan;
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

/// By the true clock, which tokens go by: longer than any run of the tests.
const TOKENS_LAST: Duration = Duration::from_secs(24 * 3_600);
const SEEDS: u64 = 10_000;
/// Seeds among which each mistake has to be caught.
const MISTAKE_SEEDS: u64 = 2_000;

/// What all runs share.
struct Ground {
    config: Config,
    auth: Arc<Auth>,
    /// Of each user.
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
    /// What must not be, and how to see it again.
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

/// Runs the seeds below `seeds` on all cores, and comes back with a fault that is looked for, if there is one.
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

/// A part that panics has not been caught by a check, nor has a mistake that another check happens to meet.
#[test]
fn every_mistake_is_caught_by_its_check() {
    let seeds = number("SEATCAST_SEEDS").unwrap_or(MISTAKE_SEEDS);
    let mut survivors = Vec::from(Mistake::ALL);
    survivors.retain(|&(mistake, check)| {
        fault(seeds, Some(mistake), |fault| fault.check == check).is_none()
    });
    assert!(survivors.is_empty(), "of {seeds} seeds: {survivors:?}");
}
