//! Money in virtual time: from the hold to a sale that is paid and told, or to money that went back, with faults.
//!
//! The code that serves does the work: what moves attempts and refunds on (`payments::drive`, `payments::refunds`), what
//! gives back and takes events in (`payments::give_back`, `payments::hear`), the rules of a booking
//! (`ticketing::transition`) and the jobs that a change leads to, the worker of jobs, what tells browsers (`jobs::push`), and of
//! each mail the rule whether it is still due. Modelled are the rows of the database, the provider with its webhooks, the mail
//! server, push services, and people. Banks refuse to hand over what they had set aside, or let it lapse, and buyers pay again. Database, provider, mail server and push services answer late, refuse, or answer nothing
//! although they did what they were asked; webhooks are lost, doubled, and come in any order; nodes crash and come back.
//!
//! | check | promise |
//! |---|---|
//! | `Begun` | nobody fails to begin since the provider lost a customer, and no charge is under somebody else's; nor since an attempt is in the way that nobody wants |
//! | `Covered` | in the end all money that was taken belongs to a confirmed booking, went back as is written down, or waits for a person |
//! | `TicketOnce` | a ticket goes back by one refund, however many ask for it at once |
//! | `Paid` | in the end every confirmed booking is paid in full, once, and none of it went back as too late, or a person looks at it |
//! | `Review` | a person is asked only where the provider has let a sale's money go and nobody paid again, or where others gave money back |
//! | `Kept` | nobody loses a hold since an attempt was let go for another one |
//! | `Judged` | what is cancelled was paid, or not, as whoever decided about it saw it |
//! | `Sold` | money is taken only for what is sold to this attempt, and nothing is sold twice |
//! | `Told` | a webhook that was acknowledged has its effect |
//! | `Ends` | no attempt, no refund and no browser that is to be told is left without an end |
//! | `Mailed` | in the end everybody was told what concerns them, or a person looks at it |
//! | `MailedOnce` | a mail, or a message to a browser, goes out twice only where an answer, a node or a lease was lost |
//! | `MailedDue` | no mail goes out for what was undone before it was looked at: a reminder of what is being paid, tickets of a cancelled booking |
//! | `Survival` | nothing panics |
//!
//! Mistakes made on purpose in the code that serves, each caught by its check: [`MISTAKES`]. A seed replays to the letter.

mod bank;
mod books;
mod mails;
mod nodes;
mod people;
mod pushes;
mod table;
mod world;

use self::nodes::{boot, trouble};
use self::people::{BUYER_MS_MAX, buyers, sweep};
use self::world::MoneyWorld;
use super::clockwork::{Failing, find_fault, pause, play, try_run};
use super::dice::Dice;
use super::mistake::Mistake;
use super::number;
use crate::jobs::worker::LEASE;
use crate::ticketing::{EventId, TicketTypeId};

const SEEDS: u64 = 10_000;
/// Seeds among which each mistake has to be caught.
const MISTAKE_SEEDS: u64 = 2_000;
/// Seeds that are run twice, and compared.
const REPLAYED_SEEDS: u64 = 30;
/// Less would say that little happens.
const LINES_MIN: usize = 20;
/// How long faults and buyers go on, and how long everything may take to settle after them.
const FAULTS_MS: u64 = 240_000;
const REST_MS: u64 = 7_200_000;
/// After every run: the event begins.
const LATER_MS: u64 = 10 * (FAULTS_MS + REST_MS);
const LEASE_MS: u64 = LEASE.as_millis() as u64;
const EVENT: EventId = EventId(1);
const TYPE: TicketTypeId = TicketTypeId(1);

/// Each mistake with the check that has to catch it.
const MISTAKES: [(Mistake, MoneyCheck, &str); 20] = [
    (
        Mistake::CaptureUnsold,
        MoneyCheck::Sold,
        "money is taken before the hold is sold",
    ),
    (
        Mistake::RefundByBooking,
        MoneyCheck::Covered,
        "the provider knows a refund by its booking",
    ),
    (
        Mistake::RefundTwice,
        MoneyCheck::Covered,
        "a refund is another one each time that its job runs",
    ),
    (
        Mistake::AckFirst,
        MoneyCheck::Told,
        "a webhook is acknowledged before its effect is stored",
    ),
    (
        Mistake::SellGone,
        MoneyCheck::Sold,
        "late money is given what others have",
    ),
    (
        Mistake::CancelUnread,
        MoneyCheck::Covered,
        "who cancels a hold that is paid in this moment gets nothing back",
    ),
    (
        Mistake::KeepRest,
        MoneyCheck::Covered,
        "a cancellation that another refund overtakes gives nothing back",
    ),
    (
        Mistake::TicketTwice,
        MoneyCheck::TicketOnce,
        "two requests at once give one ticket back, since nothing keeps what is on its way",
    ),
    (
        Mistake::LoseSettling,
        MoneyCheck::MailedOnce,
        "a job that was done runs again",
    ),
    (
        Mistake::RemindPaid,
        MoneyCheck::MailedDue,
        "a reminder does not look whether the buyer pays",
    ),
    (
        Mistake::ConfirmUndone,
        MoneyCheck::MailedDue,
        "tickets are sent without a look at their booking",
    ),
    (
        Mistake::NeedCustomer,
        MoneyCheck::Begun,
        "whoever's customer the provider lost cannot pay",
    ),
    (
        Mistake::SellLetGo,
        MoneyCheck::Paid,
        "the sale does not look whether its buyer has asked to pay otherwise since",
    ),
    (
        Mistake::ReleaseUnread,
        MoneyCheck::Kept,
        "whoever finds a charge cancelled takes it for the bank's doing",
    ),
    (
        Mistake::CancelPaid,
        MoneyCheck::Judged,
        "whoever gives back a hold that is paid in this moment is not asked what the policy says",
    ),
    (
        Mistake::LeaveInProcess,
        MoneyCheck::Begun,
        "a payment in process is let go, which nobody can stop, and nobody can pay otherwise",
    ),
    (
        Mistake::ReviewTaken,
        MoneyCheck::Review,
        "whoever is refused a capture leaves it to a person, without a look at what became of the money",
    ),
    (
        Mistake::PayBeside,
        MoneyCheck::Review,
        "what is paid again leaves the first attempt to a person",
    ),
    (
        Mistake::PushTwice,
        MoneyCheck::MailedOnce,
        "a browser that was told is told again",
    ),
    (
        Mistake::PushPaid,
        MoneyCheck::MailedDue,
        "a browser is told of a hold without a look whether it still is one",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MoneyCheck {
    Begun,
    Covered,
    TicketOnce,
    Paid,
    Review,
    Kept,
    Judged,
    Sold,
    Told,
    Ends,
    Mailed,
    MailedOnce,
    MailedDue,
    Survival,
}

#[derive(Debug)]
struct MoneyFault {
    check: MoneyCheck,
    what: String,
}

impl Failing for MoneyFault {
    fn panicked(what: String) -> MoneyFault {
        MoneyFault {
            check: MoneyCheck::Survival,
            what,
        }
    }

    fn of_seed(self, seed: u64) -> MoneyFault {
        MoneyFault {
            check: self.check,
            what: format!("{}\nSEATCAST_SEED={seed} replays it", self.what),
        }
    }
}

/// Ends the run as soon as nothing is left to do.
async fn calm(world: MoneyWorld) {
    pause(FAULTS_MS + BUYER_MS_MAX).await;
    // Some people come back late.
    pause(2 * FAULTS_MS).await;
    while world.with(bank::is_busy) {
        pause(1_000).await;
    }
    world.with(|shared| {
        shared.is_over = true;
        shared.nodes.fill(None);
    });
}

fn play_in(world: &MoneyWorld) -> Result<(), MoneyFault> {
    for number in 0..world.with(|shared| shared.nodes.len()) {
        boot(world, number);
        world.spawn(None, trouble(world.clone(), number));
    }
    world.spawn(None, buyers(world.clone()));
    world.spawn(None, sweep(world.clone()));
    world.spawn(None, calm(world.clone()));
    play(world)?;
    world.with(books::closing)
}

fn run(seed: u64, is_told: bool) -> Result<(), MoneyFault> {
    play_in(&MoneyWorld::new(Dice::new(seed), is_told, false))
}

/// All that happens in a run, in words.
fn trace(seed: u64) -> Vec<String> {
    let lines = std::sync::Mutex::new(Vec::new());
    let run = |seed, _| {
        let world = MoneyWorld::new(Dice::new(seed), false, true);
        let ended = play_in(&world);
        let mut said = world.with(|shared| shared.trace.take()).unwrap_or_default();
        said.push(format!("{:?}", world.with(|shared| shared.dice.clone())));
        *lines.lock().unwrap() = said;
        ended
    };
    let ended: Result<(), MoneyFault> = try_run(run, seed, false);
    let mut lines = lines.into_inner().unwrap();
    lines.push(format!("{ended:?}"));
    lines
}

#[test]
fn money_ends_in_a_sale_or_goes_back_whatever_dies() {
    let fault = match number("SEATCAST_SEED") {
        Some(seed) => try_run(run, seed, true).err(),
        None => {
            let seeds = number("SEATCAST_SEEDS").unwrap_or(SEEDS);
            find_fault(run, seeds, None, |_| true)
        }
    };
    if let Some(MoneyFault { check, what }) = fault {
        panic!("{check:?}: {what}");
    }
}

#[test]
fn a_seed_replays_to_the_letter() {
    for seed in 0..REPLAYED_SEEDS {
        let (first, again) = (trace(seed), trace(seed));
        let differs = first.iter().zip(&again).find(|(one, other)| one != other);
        assert_eq!(differs, None, "of seed {seed}");
        assert_eq!(first.len(), again.len(), "of seed {seed}");
        assert!(first.len() > LINES_MIN, "seed {seed} says {}", first.len());
    }
}

#[test]
fn every_mistake_with_money_is_caught_by_its_check() {
    for (mistake, check, _) in MISTAKES {
        let caught = find_fault(run, MISTAKE_SEEDS, Some(mistake), |fault: &MoneyFault| {
            fault.check == check
        });
        assert!(caught.is_some(), "{mistake:?}: of {MISTAKE_SEEDS} seeds");
    }
}
