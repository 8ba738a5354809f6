//! Requests that share statements, with faults: the real line of `store::together`, between callers and a modelled
//! database.
//!
//! Callers come when they want, and some go before they are answered. The database takes its time, refuses what one of
//! them asks, loses against others, answers nothing although it did what it was asked, answers what nobody can read, and
//! goes away for longer than anybody waits; a statement may panic. Statements of another kind, which wait for a lock, want the
//! same places. Time is counted in ticks, in each of which every task that wants to has its turn.
//!
//! | check | promise |
//! |---|---|
//! | `Own` | an answer is that of its request, and a refusal as well |
//! | `Fresh` | what is answered was carried out by a statement that began after the request |
//! | `CarriedOut` | every request is tried, also if its caller went, unless it was given up with the line |
//! | `InTime` | everybody is answered, and soon, whatever the others ask |
//! | `Survival` | nothing panics that was not told to |
//!
//! Mistakes made on purpose, each caught by its check: `AnswerAnother` (answers are given in the wrong order),
//! `RefuseTogether` (one request that is refused fails all of its statement), `LeaveGone` (who went is left out),
//! `StayServed` (the line waits for a task that panicked), `AskTheAbsent` (a database that went away is asked for each),
//! `KeepPlace` (a statement that waits for a lock keeps its place).

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::runtime::Builder;
use tokio::task::yield_now;

use super::clockwork::{Failing, find_fault, try_run};
use super::dice::Dice;
use super::mistake::Mistake;
use super::number;
use crate::store::StoreError;
use crate::store::statement_places::StatementPlaces;
use crate::store::together::{Answers, Together};

const SEEDS: u64 = 2_000;
/// Seeds among which each mistake has to be caught.
const MISTAKE_SEEDS: u64 = 1_000;
/// Time in which callers come.
const FAULTS_TICKS: u64 = 200;
const CALLERS_MAX: usize = 200;
const STATEMENT_TICKS_MAX: u64 = 4;
/// A database that is away is waited for so long.
const CONNECT_TICKS: u64 = 100;
const AWAY_TICKS_MAX: u64 = 4_000;
/// A statement that takes longer gives its place to others.
const PLACE_TICKS: u64 = 8;
const PLACES_MAX: usize = 3;
/// For so long somebody may hold a lock that statements of another kind want.
const LOCKED_TICKS_MAX: u64 = 4_000;
/// For three statements, of which each request is asked alone, and after which the database is away.
const ANSWERED_TICKS_MAX: u64 = 3 * (130 * (STATEMENT_TICKS_MAX + 1) + 2 * CONNECT_TICKS);

const REFUSED: &str = "refused";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineCheck {
    Own,
    Fresh,
    CarriedOut,
    InTime,
    Survival,
}

#[derive(Debug)]
struct LineFault {
    check: LineCheck,
    what: String,
}

impl Failing for LineFault {
    fn panicked(what: String) -> LineFault {
        LineFault {
            check: LineCheck::Survival,
            what,
        }
    }

    fn of_seed(self, seed: u64) -> LineFault {
        LineFault {
            check: self.check,
            what: format!("{}\nSEATCAST_SEED={seed} replays it", self.what),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    /// The database refuses it, and so each statement that has it.
    Refused,
    /// So does the statement that has it.
    Panics,
}

#[derive(Debug, Clone, Copy)]
struct LineAsk {
    id: u64,
    kind: Kind,
}

struct LineShared {
    dice: Dice,
    tick: u64,
    /// From when to when the database is away.
    away: (u64, u64),
    /// By request: when it was made.
    asked: BTreeMap<u64, u64>,
    /// By request: when the last statement began that carried it out.
    carried_out: BTreeMap<u64, u64>,
    tried: BTreeSet<u64>,
    /// When the line was given up last.
    given_up: Option<u64>,
    callers: usize,
    is_over: bool,
    fault: Option<LineFault>,
    is_told: bool,
}

#[derive(Clone)]
struct LineWorld(Arc<Mutex<LineShared>>);

impl LineWorld {
    fn with<T>(&self, look: impl FnOnce(&mut LineShared) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tick(&self) -> u64 {
        self.with(|shared| shared.tick)
    }

    fn roll(&self, chance: u64) -> bool {
        self.with(|shared| shared.dice.percent(chance))
    }

    async fn pause(&self, ticks: u64) {
        let until = self.tick() + ticks;
        while self.tick() < until {
            yield_now().await;
        }
    }

    fn found(&self, check: LineCheck, what: String) {
        self.with(|shared| {
            shared.fault.get_or_insert(LineFault { check, what });
        });
    }

    fn say(&self, what: impl FnOnce() -> String) {
        if self.with(|shared| shared.is_told) {
            println!("{:>5} {}", self.tick(), what());
        }
    }
}

type Line = Together<LineWorld, LineAsk, u64>;

fn answer_of(id: u64) -> u64 {
    3 * id + 1
}

fn serve<'a>(world: &'a LineWorld, asks: &'a [LineAsk]) -> Answers<'a, u64> {
    async move {
        let began = world.with(|shared| {
            shared.tried.extend(asks.iter().map(|ask| ask.id));
            shared.tick
        });
        world.say(|| format!("a statement of {} begins", asks.len()));
        let is_away =
            |shared: &mut LineShared| (shared.away.0..shared.away.1).contains(&shared.tick);
        if world.with(is_away) {
            world.pause(CONNECT_TICKS).await;
            return Err(StoreError::Unavailable("away".into()));
        }
        let takes = world.with(|shared| shared.dice.between(0, STATEMENT_TICKS_MAX + 1));
        world.pause(takes).await;
        if asks.iter().any(|ask| ask.kind == Kind::Panics) {
            world.with(|shared| shared.given_up = Some(shared.tick));
            // Without a word on the screen.
            resume_unwind(Box::new("as it was told"));
        }
        if asks.iter().any(|ask| ask.kind == Kind::Refused) {
            return Err(StoreError::corrupt(REFUSED));
        }
        if asks.len() > 1 && world.roll(5) {
            return Err(StoreError::Contended("a deadlock".into()));
        }
        world.with(|shared| {
            let done = asks.iter().map(|ask| (ask.id, began));
            shared.carried_out.extend(done);
        });
        if world.roll(3) {
            return Err(StoreError::Unavailable("the answer was lost".into()));
        }
        if world.roll(3) {
            return Err(StoreError::corrupt("not to be read"));
        }
        Ok(asks.iter().map(|ask| answer_of(ask.id)).collect())
    }
    .boxed()
}

async fn caller(world: LineWorld, line: Arc<Line>, ask: LineAsk) {
    let (comes, patience) = world.with(|shared| {
        let patience = shared.dice.between(0, FAULTS_TICKS);
        let goes = shared.dice.percent(20);
        (
            shared.dice.between(0, FAULTS_TICKS),
            goes.then_some(patience),
        )
    });
    world.pause(comes).await;
    let asked = world.tick();
    world.with(|shared| shared.asked.insert(ask.id, asked));
    let answered = line.ask(&world, ask);
    let outcome = match patience {
        None => Some(answered.await),
        Some(patience) => match select(pin!(answered), pin!(world.pause(patience))).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        },
    };
    world.say(|| format!("{ask:?} of {asked}: {outcome:?}"));
    if let Some(outcome) = outcome {
        judge(&world, ask, asked, outcome);
    }
    world.with(|shared| shared.callers -= 1);
}

fn judge(world: &LineWorld, ask: LineAsk, asked: u64, outcome: Result<u64, StoreError>) {
    let waited = world.tick() - asked;
    if waited > ANSWERED_TICKS_MAX {
        world.found(LineCheck::InTime, format!("{ask:?} waited {waited} ticks"));
    }
    match outcome {
        Ok(answer) if answer != answer_of(ask.id) || ask.kind != Kind::Good => {
            world.found(LineCheck::Own, format!("{ask:?} was answered {answer}"));
        }
        Ok(_) => {
            let began = world.with(|shared| shared.carried_out.get(&ask.id).copied());
            if began.is_none_or(|began| began < asked) {
                let what = format!("{ask:?} of {asked} was carried out at {began:?}");
                world.found(LineCheck::Fresh, what);
            }
        }
        Err(StoreError::Corrupt { what }) if what == REFUSED => {
            if ask.kind != Kind::Refused {
                world.found(LineCheck::Own, format!("{ask:?} was refused"));
            }
        }
        // Then it was lost, or the database was away, or the line was given up.
        Err(StoreError::Unavailable(_) | StoreError::Corrupt { .. }) => {}
        Err(error) => world.found(LineCheck::Own, format!("{ask:?}: {error}")),
    }
}

/// Wants all places for statements that wait for a lock.
async fn lock_waiter(world: LineWorld, places: StatementPlaces) {
    let (comes, takes) = world.with(|shared| {
        let comes = shared.dice.between(0, FAULTS_TICKS);
        (comes, shared.dice.between(0, LOCKED_TICKS_MAX))
    });
    world.pause(comes).await;
    places.run(|| world.pause(takes)).await;
}

/// Ends the run when everybody was answered, and the line is empty.
async fn calm(world: LineWorld, line: Arc<Line>) {
    let began = world.tick();
    while world.with(|shared| shared.callers > 0) {
        if world.tick() - began > FAULTS_TICKS + 2 * ANSWERED_TICKS_MAX {
            world.found(LineCheck::InTime, "somebody waits for ever".to_owned());
            return;
        }
        yield_now().await;
    }
    world.with(|shared| shared.away = (0, 0));
    // Those whose callers went come before it.
    let last = LineAsk {
        id: u64::MAX / 4,
        kind: Kind::Good,
    };
    while line.ask(&world, last).await.is_err() {}
    let left_out = world.with(|shared| {
        let is_given_up = |asked: u64| shared.given_up.is_some_and(|at| at >= asked);
        let mut asked = shared.asked.iter();
        let left_out =
            asked.find(|(id, asked)| !shared.tried.contains(id) && !is_given_up(**asked));
        left_out.map(|(id, asked)| format!("request {id} of {asked} was never tried"))
    });
    if let Some(what) = left_out {
        world.found(LineCheck::CarriedOut, what);
    }
}

/// Runs one seed to its end.
fn run(seed: u64, is_told: bool) -> Result<(), LineFault> {
    let mut dice = Dice::new(seed);
    let callers = 1 + dice.below(CALLERS_MAX);
    let away = match dice.percent(30) {
        true => {
            let begins = dice.between(0, FAULTS_TICKS);
            (begins, begins + dice.between(1, AWAY_TICKS_MAX))
        }
        false => (0, 0),
    };
    let refuses = dice.percent(50);
    let panics = dice.percent(20);
    let kinds: Vec<Kind> = (0..callers)
        .map(|_| match () {
            () if refuses && dice.percent(3) => Kind::Refused,
            () if panics && dice.percent(1) => Kind::Panics,
            () => Kind::Good,
        })
        .collect();
    let world = LineWorld(Arc::new(Mutex::new(LineShared {
        dice,
        tick: 0,
        away,
        asked: BTreeMap::new(),
        carried_out: BTreeMap::new(),
        tried: BTreeSet::new(),
        given_up: None,
        callers,
        is_over: false,
        fault: None,
        is_told,
    })));
    let places = 1 + world.with(|shared| shared.dice.below(PLACES_MAX));
    let lock_waiters = match world.roll(30) {
        true => places,
        false => 0,
    };
    let clock = world.clone();
    let is_long = move || {
        let clock = clock.clone();
        async move { clock.pause(PLACE_TICKS).await }.boxed()
    };
    let places = StatementPlaces::new(places, is_long);
    let line: Arc<Line> = Arc::new(Together::new(serve, &places));
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for (id, kind) in (0..).zip(kinds) {
            let ask = LineAsk { id, kind };
            tokio::spawn(caller(world.clone(), line.clone(), ask));
        }
        for _ in 0..lock_waiters {
            tokio::spawn(lock_waiter(world.clone(), places.clone()));
        }
        let clock = world.clone();
        tokio::spawn(async move {
            while clock.with(|shared| {
                shared.tick += 1;
                !shared.is_over
            }) {
                yield_now().await;
            }
        });
        calm(world.clone(), line.clone()).await;
        world.with(|shared| shared.is_over = true);
    });
    world.with(|shared| shared.fault.take()).map_or(Ok(()), Err)
}

#[test]
fn who_shares_a_statement_gets_what_is_its_own_in_time() {
    let fault = match number("SEATCAST_SEED") {
        Some(seed) => try_run(run, seed, true).err(),
        None => {
            let seeds = number("SEATCAST_SEEDS").unwrap_or(SEEDS);
            find_fault(run, seeds, None, |_| true)
        }
    };
    if let Some(LineFault { check, what }) = fault {
        panic!("{check:?}: {what}");
    }
}

#[test]
fn every_mistake_with_shared_statements_is_caught_by_its_check() {
    for (mistake, check) in [
        (Mistake::AnswerAnother, LineCheck::Own),
        (Mistake::RefuseTogether, LineCheck::Own),
        (Mistake::LeaveGone, LineCheck::CarriedOut),
        (Mistake::StayServed, LineCheck::InTime),
        (Mistake::AskTheAbsent, LineCheck::InTime),
        (Mistake::KeepPlace, LineCheck::InTime),
    ] {
        let caught = find_fault(run, MISTAKE_SEEDS, Some(mistake), |fault: &LineFault| {
            fault.check == check
        });
        assert!(caught.is_some(), "{mistake:?}: of {MISTAKE_SEEDS} seeds");
    }
}
