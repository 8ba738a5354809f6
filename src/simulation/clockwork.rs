//! Virtual time for parts that are tasks: polls whatever is next, and lets time pass to it. One thread runs one world,
//! and its seed decides everything.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::dice::seed_jitter;
use super::mistake::{self, Mistake};

/// Longer than any run: who asks for no pause waits to be woken.
const NEVER_MS: u64 = u64::MAX / 2;

thread_local! {
    /// Virtual time in milliseconds.
    static NOW_MS: Cell<u64> = const { Cell::new(0) };
    /// The shortest pause that the part under way asks for.
    static PAUSE_MS: Cell<u64> = const { Cell::new(NEVER_MS) };
    static ALARMS: RefCell<Alarms> = RefCell::default();
    /// The `Instant` at virtual time 0.
    static START: Instant = Instant::now();
}

pub(super) fn now_ms() -> u64 {
    NOW_MS.get()
}

pub(super) fn now() -> Instant {
    START.with(|start| *start) + Duration::from_millis(now_ms())
}

/// Has the part polled again after this time at the latest, or when it is woken. Called before it returns `Pending`.
pub(super) fn rest(ms: u64) {
    PAUSE_MS.set(PAUSE_MS.get().min(ms));
}

/// Waits for this time, however often it is polled meanwhile, and wherever: also among other futures.
pub(super) async fn pause(ms: u64) {
    let at_ms = now_ms() + ms;
    let mut is_set = false;
    std::future::poll_fn(|context| {
        // Even a pause of no time lets others run.
        if !std::mem::replace(&mut is_set, true) {
            set_alarm(at_ms, context.waker().clone());
            return Poll::Pending;
        }
        match now_ms() >= at_ms {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

fn set_alarm(at_ms: u64, waker: Waker) {
    ALARMS.with_borrow_mut(|alarms| {
        alarms.count += 1;
        alarms.set.insert((at_ms, alarms.count), waker);
    });
}

/// Sleeping tasks, by time to wake, and by the order in which they began to sleep.
#[derive(Default)]
struct Alarms {
    set: BTreeMap<(u64, u64), Waker>,
    count: u64,
}

/// A part's waker.
#[derive(Default)]
struct PartBell(AtomicBool);

impl Wake for PartBell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A part of a run: a worker of a node, a caller, something that goes wrong now and then.
pub(super) struct SimPart {
    /// The node that it dies and stands still with.
    node: Option<usize>,
    at_ms: u64,
    bell: Arc<PartBell>,
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl SimPart {
    /// Begins now.
    pub(super) fn new(
        node: Option<usize>,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> SimPart {
        SimPart {
            node,
            at_ms: now_ms(),
            bell: Arc::default(),
            work: Box::pin(work),
        }
    }
}

/// Where parts play.
pub(super) trait Scene {
    type Fault;
    /// When a run ends at the latest.
    const END_MS: u64;

    /// Takes the parts that begin.
    fn born(&self) -> Vec<SimPart>;
    /// Until when the node stands still; `None` if it is dead, and its parts with it.
    fn of_node(&self, node: usize) -> Option<u64>;
    /// Takes the fault that was found.
    fn fault(&self) -> Option<Self::Fault>;
}

/// Polls whatever is next, until nothing is left or the end.
pub(super) fn play<S: Scene>(stage: &S) -> Result<(), S::Fault> {
    let mut parts: Vec<SimPart> = Vec::new();
    while now_ms() < S::END_MS {
        parts.append(&mut stage.born());
        parts.retain_mut(|part| {
            if part.bell.0.swap(false, Ordering::Relaxed) {
                part.at_ms = now_ms();
            }
            let still_until_ms = part.node.map_or(Some(0), |node| stage.of_node(node));
            part.at_ms = part.at_ms.max(still_until_ms.unwrap_or(0));
            still_until_ms.is_some()
        });
        let Some(next) = (0..parts.len()).min_by_key(|index| parts[*index].at_ms) else {
            return Ok(());
        };
        if let Some(waker) = alarm_until(parts[next].at_ms.min(S::END_MS)) {
            waker.wake();
            continue;
        }
        NOW_MS.set(now_ms().max(parts[next].at_ms));
        if now_ms() >= S::END_MS {
            return Ok(());
        }
        let mut part = parts.swap_remove(next);
        PAUSE_MS.set(NEVER_MS);
        let waker = Waker::from(part.bell.clone());
        let mut context = Context::from_waker(&waker);
        if part.work.as_mut().poll(&mut context).is_pending() {
            part.at_ms = now_ms().saturating_add(PAUSE_MS.get());
            parts.push(part);
        }
        if let Some(fault) = stage.fault() {
            return Err(fault);
        }
    }
    Ok(())
}

/// Lets time pass to the first alarm until then.
fn alarm_until(ms: u64) -> Option<Waker> {
    ALARMS.with_borrow_mut(|alarms| {
        let first = alarms
            .set
            .first_entry()
            .filter(|first| first.key().0 <= ms)?;
        NOW_MS.set(now_ms().max(first.key().0));
        Some(first.remove())
    })
}

/// The end of a run whose check fails.
pub(super) trait Failing: Send {
    /// A part panicked.
    fn panicked(what: String) -> Self;
    /// Says how to replay it.
    fn of_seed(self, seed: u64) -> Self;
}

/// Runs one seed from virtual time 0 to its end.
pub(super) fn try_run<F: Failing>(
    run: impl Fn(u64, bool) -> Result<(), F>,
    seed: u64,
    is_told: bool,
) -> Result<(), F> {
    NOW_MS.set(0);
    ALARMS.set(Alarms::default());
    seed_jitter(seed);
    let ended = catch_unwind(AssertUnwindSafe(|| run(seed, is_told)));
    let ended = ended.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(F::panicked(text.unwrap_or_default()))
    });
    ended.map_err(|fault| fault.of_seed(seed))
}

/// Runs the seeds below `seeds` on all cores, and returns a fault that is looked for, if there is one.
pub(super) fn find_fault<F: Failing>(
    run: impl Fn(u64, bool) -> Result<(), F> + Copy + Sync + Send,
    seeds: u64,
    mistake: Option<Mistake>,
    is_looked_for: impl Fn(&F) -> bool + Sync,
) -> Option<F> {
    let workers = thread::available_parallelism().map_or(1, |count| count.get() as u64);
    thread::scope(|scope| {
        let work = |worker| {
            let is_looked_for = &is_looked_for;
            scope.spawn(move || {
                mistake::make(mistake);
                let mut seeds = (worker..seeds).step_by(workers as usize);
                seeds.find_map(|seed| try_run(run, seed, false).err().filter(is_looked_for))
            })
        };
        let workers: Vec<_> = (0..workers).map(work).collect();
        let faults = workers.into_iter();
        let mut faults = faults.map(|worker| worker.join().expect("a result"));
        faults.find_map(|fault| fault)
    })
}
