//! The desk in virtual time: everything between a request and its committed answer, with faults.
//!
//! The parts are the real ones: queue, clocks, worker, rules. Modelled are the `ledger` (a database with turns,
//! transactions, savepoints and constraints), the network, and callers who lose patience and come back with the same
//! idempotency key at another node.
//!
//! A seed decides everything. Every message takes time, so others may run between any two steps of a node, and the node
//! may crash, or stand still for longer than callers wait. Other transactions hold turns, transactions deadlock or run
//! into lock timeouts, its disk is full, connections break with or without their commit, and the database refuses some bookings whatever
//! the rules say.
//!
//! | check | promise |
//! |---|---|
//! | `Stock` | nothing is oversold, nor sold that is set aside for others, and nobody is refused tickets that were free all the time; seats that staff take off sale are, unless one was sold |
//! | `InTime` | nothing is committed for a caller who had left |
//! | `Once` | a key stands for one booking |
//! | `Answers` | a living node answers every command, with the committed state |
//! | `Company` | a command does not fail because of another one in its batch |
//! | `Share` | buyers without an account at one address have no more than one share of an event, however they race |
//! | `Line` | what comes free is offered in the order of the waitlist, once to each, before buyers get it |
//! | `Order` | a node has one transaction at a time for an event |
//! | `Ended` | a batch's transaction has ended when its callers are answered: what is left open keeps its turns, and the next batch would commit it |
//!
//! Mistakes made on purpose, each caught by its check: `DecideTooLate` (a command past its deadline is decided),
//! `OffenderTakesAll` (one command that the database refuses fails its batch), `KeepExpiredStock` (the stock of an
//! expired hold is not given to the next command), `LeaveOverdue` (overdue holds are left to the sweeper, also where their stock
//! is needed), `ForgetGuests` (a booking without an account is not counted for the
//! next command of its batch), `SwapKeepsStock` (what a booking has is not free for other tickets in its place), `OfferTwice` (whoever
//! is offered something waits on), `SnatchFreed` (what a change frees is offered by the next batch only), `LeaveOpen` (a
//! transaction in which the disk was full is not rolled back), `HoardReserve` (what a voucher sets aside is kept from its bearers
//! too), `KeepReserveAside` (what bearers take of it still counts as held for the next command), `WithdrawInCompany` (seats are
//! taken off sale in the batch in which somebody books them).

mod caller;
mod ledger;
mod node;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use self::caller::DeskCaller;
use self::ledger::Ledger;
use self::node::DeskNode;
use super::clockwork::{
    Failing, Scene, SimPart, find_fault, now, now_ms, pause, play, rest, try_run,
};
use super::dice::Dice;
use super::mistake::Mistake;
use super::number;
use crate::ticketing::BookingId;

const SEEDS: u64 = 10_000;
/// Seeds among which each mistake has to be caught.
const MISTAKE_SEEDS: u64 = 2_000;
/// How long faults go on, and how long everything may take to settle after them.
const FAULTS_MS: u64 = 12_000;
const REST_MS: u64 = 20_000;
/// How long a command may wait.
const PATIENCE_MS: u64 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeskCheck {
    Stock,
    InTime,
    Once,
    Answers,
    Company,
    Share,
    Line,
    Order,
    Ended,
    Survival,
}

#[derive(Debug)]
struct DeskFault {
    check: DeskCheck,
    what: String,
}

/// State shared by all parts of a run.
#[derive(Clone)]
struct DeskWorld(Arc<Mutex<Shared>>);

struct Shared {
    dice: Dice,
    ledger: Ledger,
    nodes: Vec<DeskNode>,
    /// Tasks that begin.
    born: Vec<SimPart>,
    /// When the caller of a booking, or of its latest change, leaves.
    leaves_ms: HashMap<BookingId, u64>,
    /// Commands without an answer yet, with the node and its incarnation that have them.
    unanswered: BTreeMap<u64, (usize, u64)>,
    last_id: u64,
    fault: Option<DeskFault>,
    is_told: bool,
}

impl DeskWorld {
    fn with<T>(&self, work: impl FnOnce(&mut Shared) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The way of a message, which now and then takes long.
    async fn travel(&self) {
        let ms = self.with(|shared| match shared.dice.percent(3) {
            true => shared.dice.between(50, 400),
            false => shared.dice.between(1, 6),
        });
        pause(ms).await;
    }

    fn spawn(&self, node: Option<usize>, work: impl Future<Output = ()> + Send + 'static) {
        let part = SimPart::new(node, work);
        self.with(|shared| shared.born.push(part));
    }

    fn fail(&self, check: DeskCheck, what: impl Into<String>) {
        self.with(|shared| shared.fail(check, what));
    }
}

impl Shared {
    fn fail(&mut self, check: DeskCheck, what: impl Into<String>) {
        let what = format!("at {} ms: {}", now_ms(), what.into());
        self.fault.get_or_insert(DeskFault { check, what });
    }

    /// A new number.
    fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{:>6} {}", now_ms(), what());
        }
    }
}

/// Runs one seed to its end.
fn run(seed: u64, is_told: bool) -> Result<(), DeskFault> {
    let mut dice = Dice::new(seed);
    let events = 1 + dice.below(3) as i64;
    let nodes = 1 + dice.below(2);
    let callers = 4 + dice.below(12);
    let capacity = dice.between(3, 12) as i64;
    let ledger = Ledger::new(events, capacity, Dice::new(seed ^ 1));
    let world = DeskWorld(Arc::new(Mutex::new(Shared {
        dice,
        ledger,
        nodes: (0..nodes).map(|_| DeskNode::new()).collect(),
        born: Vec::new(),
        leaves_ms: HashMap::new(),
        unanswered: BTreeMap::new(),
        last_id: 0,
        fault: None,
        is_told,
    })));
    for node in 0..nodes {
        node::boot(&world, node);
        world.spawn(None, node::trouble(world.clone(), node));
    }
    world.spawn(None, ledger::others(world.clone()));
    for number in 0..callers {
        let caller = DeskCaller::new(&world, number);
        world.spawn(None, caller.live());
    }
    let staff = DeskCaller::new(&world, callers);
    world.spawn(None, staff.withdraw());
    play(&world)?;
    world.with(|shared| {
        if let Some(what) = shared.ledger.over_share.take() {
            let check = DeskCheck::Share;
            return Err(DeskFault { check, what });
        }
        if let Some(what) = shared.ledger.out_of_line.take() {
            let check = DeskCheck::Line;
            return Err(DeskFault { check, what });
        }
        let check = DeskCheck::Stock;
        let ended = shared.ledger.check_end();
        ended.map_err(|what| DeskFault { check, what })?;
        let nodes = &shared.nodes;
        let mut unanswered = shared.unanswered.values();
        match unanswered.find(|(node, incarnation)| nodes[*node].incarnation == *incarnation) {
            None => Ok(()),
            Some((node, _)) => Err(DeskFault {
                check: DeskCheck::Answers,
                what: format!("node {node} owes an answer"),
            }),
        }
    })
}

impl Scene for DeskWorld {
    type Fault = DeskFault;
    const END_MS: u64 = FAULTS_MS + REST_MS;

    fn born(&self) -> Vec<SimPart> {
        self.with(|shared| std::mem::take(&mut shared.born))
    }

    fn of_node(&self, node: usize) -> Option<u64> {
        self.with(|shared| {
            let node = &shared.nodes[node];
            node.is_alive().then_some(node.still_until_ms)
        })
    }

    fn fault(&self) -> Option<DeskFault> {
        self.with(|shared| shared.fault.take())
    }
}

impl Failing for DeskFault {
    fn panicked(what: String) -> DeskFault {
        DeskFault {
            check: DeskCheck::Survival,
            what,
        }
    }

    fn of_seed(self, seed: u64) -> DeskFault {
        DeskFault {
            check: self.check,
            what: format!("{}\nSEATCAST_SEED={seed} replays it", self.what),
        }
    }
}

#[test]
fn commands_are_decided_once_in_time_and_never_beyond_the_stock() {
    let fault = match number("SEATCAST_SEED") {
        Some(seed) => try_run(run, seed, true).err(),
        None => {
            let seeds = number("SEATCAST_SEEDS").unwrap_or(SEEDS);
            find_fault(run, seeds, None, |_| true)
        }
    };
    if let Some(DeskFault { check, what }) = fault {
        panic!("{check:?}: {what}");
    }
}

#[test]
fn every_mistake_of_the_desk_is_caught_by_its_check() {
    for (mistake, check) in [
        (Mistake::DecideTooLate, DeskCheck::InTime),
        (Mistake::OffenderTakesAll, DeskCheck::Company),
        (Mistake::KeepExpiredStock, DeskCheck::Stock),
        (Mistake::LeaveOverdue, DeskCheck::Stock),
        (Mistake::ForgetGuests, DeskCheck::Share),
        (Mistake::SwapKeepsStock, DeskCheck::Stock),
        (Mistake::OfferTwice, DeskCheck::Line),
        (Mistake::SnatchFreed, DeskCheck::Line),
        (Mistake::LeaveOpen, DeskCheck::Ended),
        (Mistake::HoardReserve, DeskCheck::Stock),
        (Mistake::KeepReserveAside, DeskCheck::Stock),
        (Mistake::WithdrawInCompany, DeskCheck::Stock),
    ] {
        let caught = find_fault(run, MISTAKE_SEEDS, Some(mistake), |fault| {
            fault.check == check
        });
        assert!(caught.is_some(), "{mistake:?}: of {MISTAKE_SEEDS} seeds");
    }
}
