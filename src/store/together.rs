//! Requests that come at the same moment share a statement and a commit: while one statement is under way, the next ones
//! gather.
//!
//! The cost of a statement beside its rows (a connection, a round trip, the start of a plan, a flush of the log) is then paid
//! once for all of them. A request that comes alone does not wait, unless the statements of other kinds have all the places
//! (`statement_places.rs`).
//!
//! Such a statement gets its requests as arrays, in `unnest((select $1::uuid[]))`: so they are of any length to the planner. It
//! would see the length of `unnest($1)`, find that a plan for few rows is cheaper than one for some, and plan it each time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio_postgres::Row;

use super::StoreError;
use super::statement_places::StatementPlaces;

/// How the rows of a statement are locked, before anything else. Who has some and waits for others could be waited for by their
/// writer, so together only those that are free.
pub(super) const FREE: &str = "for no key update skip locked";
pub(super) const LOCKED: &str = "for no key update";

/// Requests that share a statement.
const TOGETHER_MAX: usize = 128;

/// The places of what is asked, in the order of `key`: in which order rows are locked, so that two such statements wait for
/// each other in one direction only.
pub(super) fn in_order<Ask, Key: Ord>(asks: &[Ask], key: impl Fn(&Ask) -> Key) -> Vec<usize> {
    let mut order: Vec<usize> = (0..asks.len()).collect();
    order.sort_by_key(|place| key(&asks[*place]));
    order
}

/// The place among what is asked of a row whose column (an `int`) says its place in `order`, from 1.
pub(super) fn place_of(row: &Row, column: usize, order: &[usize]) -> Result<usize, StoreError> {
    let said: i32 = row.try_get(column)?;
    let index = usize::try_from(said)
        .ok()
        .and_then(|said| said.checked_sub(1));
    let found = index.and_then(|index| order.get(index));
    found
        .copied()
        .ok_or_else(|| StoreError::corrupt("a row that nobody asked for"))
}

/// Answers to requests, in their order.
pub(crate) type Answers<'a, Answer> = BoxFuture<'a, Result<Vec<Answer>, StoreError>>;

/// Carries requests out. It may be asked again, with some of them, after an error.
pub(crate) type Serve<Host, Ask, Answer> = for<'a> fn(&'a Host, &'a [Ask]) -> Answers<'a, Answer>;

/// A line of requests of one kind. Clones are the same line.
pub(crate) struct Together<Host, Ask, Answer> {
    line: Arc<Mutex<Gathering<Ask, Answer>>>,
    serve: Serve<Host, Ask, Answer>,
    places: StatementPlaces,
}

struct Gathering<Ask, Answer> {
    waiting: Vec<Asked<Ask, Answer>>,
    is_served: bool,
}

struct Asked<Ask, Answer> {
    ask: Ask,
    answer: oneshot::Sender<Result<Answer, StoreError>>,
}

impl<Host, Ask, Answer> Together<Host, Ask, Answer>
where
    Host: Clone + Send + Sync + 'static,
    Ask: Send + Sync + 'static,
    Answer: Send + 'static,
{
    /// `places`: those of all lines to one database.
    pub(crate) fn new(
        serve: Serve<Host, Ask, Answer>,
        places: &StatementPlaces,
    ) -> Together<Host, Ask, Answer> {
        let line = Gathering {
            waiting: Vec::new(),
            is_served: false,
        };
        Together {
            line: Arc::new(Mutex::new(line)),
            serve,
            places: places.clone(),
        }
    }

    /// Carried out also if the caller stops waiting. Where the database refuses what is asked together, each is asked alone,
    /// so that a refusal is always one's own.
    pub(crate) async fn ask(&self, host: &Host, ask: Ask) -> Result<Answer, StoreError> {
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut line = lock(&self.line);
            line.waiting.push(Asked { ask, answer });
            !std::mem::replace(&mut line.is_served, true)
        };
        if begins {
            let served = Served {
                line: self.line.clone(),
                is_over: false,
            };
            tokio::spawn(served.serve(host.clone(), self.serve, self.places.clone()));
        }
        let lost = |_| StoreError::Unavailable("the statement was given up".into());
        answered.await.map_err(lost)?
    }
}

fn lock<T>(line: &Mutex<T>) -> MutexGuard<'_, T> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The duty to serve the line until it is empty. Where it ends before, by a panic or with its runtime, those who wait are
/// told.
struct Served<Ask, Answer> {
    line: Arc<Mutex<Gathering<Ask, Answer>>>,
    is_over: bool,
}

impl<Ask, Answer> Served<Ask, Answer> {
    async fn serve<Host>(
        mut self,
        host: Host,
        serve: Serve<Host, Ask, Answer>,
        places: StatementPlaces,
    ) {
        while places.run(|| self.serve_next(&host, serve)).await {}
    }

    /// One statement, for all who wait; `false` if nobody does.
    async fn serve_next<Host>(&mut self, host: &Host, serve: Serve<Host, Ask, Answer>) -> bool {
        let next = self.next();
        if next.is_empty() {
            return false;
        }
        let (asks, answers): (Vec<Ask>, Vec<_>) = next
            .into_iter()
            .filter(|waiting| !mistaken!(LeaveGone) || !waiting.answer.is_closed())
            .map(|waiting| (waiting.ask, waiting.answer))
            .unzip();
        let mut outcomes = outcomes(host, &asks, serve).await;
        if mistaken!(AnswerAnother) {
            outcomes.reverse();
        }
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // The caller may have gone.
            let _ = answer.send(outcome);
        }
        true
    }

    fn next(&mut self) -> Vec<Asked<Ask, Answer>> {
        let mut line = lock(&self.line);
        let count = line.waiting.len().min(TOGETHER_MAX);
        self.is_over = count == 0;
        line.is_served = count > 0;
        line.waiting.drain(..count).collect()
    }
}

impl<Ask, Answer> Drop for Served<Ask, Answer> {
    fn drop(&mut self) {
        if !self.is_over && !mistaken!(StayServed) {
            let mut line = lock(&self.line);
            line.is_served = false;
            line.waiting.clear();
        }
    }
}

/// As many as there are asks.
async fn outcomes<Host, Ask, Answer>(
    host: &Host,
    asks: &[Ask],
    serve: Serve<Host, Ask, Answer>,
) -> Vec<Result<Answer, StoreError>> {
    let refused = match serve(host, asks).await {
        Ok(answers) if answers.len() == asks.len() => return answers.into_iter().map(Ok).collect(),
        Ok(answers) => {
            let what = format!("{} answers to {} requests", answers.len(), asks.len());
            StoreError::corrupt(what)
        }
        Err(error) => error,
    };
    if asks.len() == 1 {
        return vec![Err(refused)];
    }
    // The database is away, or has no time or room: so it is for each of them, also if that comes while they are asked alone.
    // Else the last of them would wait for as many timeouts as there are asks.
    let mut for_all = refused.of_all();
    if mistaken!(RefuseTogether) {
        for_all = for_all.or(Some(StoreError::Busy(refused.into())));
    }
    let mut outcomes = Vec::with_capacity(asks.len());
    for ask in asks {
        if let Some(error) = for_all.as_ref().and_then(StoreError::of_all) {
            outcomes.push(Err(error));
            continue;
        }
        let alone = serve(host, std::slice::from_ref(ask)).await;
        let none = || StoreError::corrupt("no answer to a request");
        let outcome = alone.and_then(|answers| answers.into_iter().next().ok_or_else(none));
        if !mistaken!(AskTheAbsent) {
            for_all = outcome.as_ref().err().and_then(StoreError::of_all);
        }
        outcomes.push(outcome);
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Doubles numbers, when it is let; refuses odd ones.
    #[derive(Clone)]
    struct Doubler {
        lets: Arc<Semaphore>,
        statements: Arc<AtomicUsize>,
        largest: Arc<AtomicUsize>,
    }

    impl Doubler {
        fn new(lets: usize) -> Doubler {
            Doubler {
                lets: Arc::new(Semaphore::new(lets)),
                statements: Arc::default(),
                largest: Arc::default(),
            }
        }
    }

    const AWAY: u64 = 1_000;
    const PANICS: u64 = 2_000;

    fn double<'a>(host: &'a Doubler, asks: &'a [u64]) -> Answers<'a, u64> {
        async move {
            if let Ok(let_go) = host.lets.acquire().await {
                let_go.forget();
            }
            host.statements.fetch_add(1, Ordering::Relaxed);
            host.largest.fetch_max(asks.len(), Ordering::Relaxed);
            assert!(!asks.contains(&PANICS), "as it was told");
            if asks.contains(&AWAY) {
                return Err(StoreError::Unavailable("away".into()));
            }
            if asks.iter().any(|ask| ask % 2 == 1) {
                return Err(StoreError::corrupt("odd"));
            }
            Ok(asks.iter().map(|ask| 2 * ask).collect())
        }
        .boxed()
    }

    #[tokio::test]
    async fn those_who_come_during_a_statement_share_the_next_one() {
        let (host, line) = (
            Doubler::new(0),
            Together::new(double, &StatementPlaces::of_machine()),
        );
        let asked = join_all((0..300).map(|number| line.ask(&host, 2 * number)));
        let lets = async { host.lets.add_permits(100) };
        let (answers, ()) = futures_util::join!(asked, lets);
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.ok(), Some(4 * number as u64));
        }
        assert_eq!(host.statements.load(Ordering::Relaxed), 3);
        assert_eq!(host.largest.load(Ordering::Relaxed), TOGETHER_MAX);
    }

    #[tokio::test]
    async fn a_refusal_is_one_s_own() {
        let (host, line) = (
            Doubler::new(1_000),
            Together::new(double, &StatementPlaces::of_machine()),
        );
        let answers = join_all((0..10).map(|number| line.ask(&host, number))).await;
        for (number, answer) in answers.into_iter().enumerate() {
            let number = number as u64;
            let doubled = number.is_multiple_of(2).then_some(2 * number);
            assert_eq!(answer.ok(), doubled);
        }
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_asked_once() {
        let (host, line) = (
            Doubler::new(1_000),
            Together::new(double, &StatementPlaces::of_machine()),
        );
        let answers = join_all([2, AWAY, 4].map(|number| line.ask(&host, number))).await;
        // Each with its cause.
        let away = |answer: &Result<u64, StoreError>| matches!(answer, Err(StoreError::Unavailable(why)) if why.to_string() == "away");
        assert!(answers.iter().all(away), "{answers:?}");
        assert_eq!(host.statements.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn who_waits_for_what_panics_is_told_and_the_line_goes_on() {
        let (host, line) = (
            Doubler::new(1_000),
            Together::new(double, &StatementPlaces::of_machine()),
        );
        let answers = join_all([2, PANICS, 4].map(|number| line.ask(&host, number))).await;
        assert!(answers.iter().all(Result::is_err), "{answers:?}");
        assert_eq!(line.ask(&host, 6).await.ok(), Some(12));
    }

    /// Runs the first statement, which all of them share and which is refused; after that the database is away.
    fn goes_away<'a>(host: &'a Doubler, asks: &'a [u64]) -> Answers<'a, u64> {
        async move {
            host.statements.fetch_add(1, Ordering::Relaxed);
            Err(match asks {
                [_] => StoreError::Unavailable("away".into()),
                _ => StoreError::corrupt("odd"),
            })
        }
        .boxed()
    }

    #[tokio::test]
    async fn a_database_that_goes_away_is_not_waited_for_by_each() {
        let (host, line) = (
            Doubler::new(0),
            Together::new(goes_away, &StatementPlaces::of_machine()),
        );
        let answers = join_all((0..100).map(|number| line.ask(&host, number))).await;
        let away =
            |answer: &Result<u64, StoreError>| matches!(answer, Err(StoreError::Unavailable(_)));
        assert!(answers.iter().all(away), "{answers:?}");
        assert_eq!(host.statements.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn who_waits_for_a_runtime_that_ended_is_told() {
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_time().build()
        };
        let (Ok(one), Ok(other)) = (runtime(), runtime()) else {
            panic!("no runtime");
        };
        let (host, line) = (
            Doubler::new(0),
            Together::new(double, &StatementPlaces::of_machine()),
        );
        let first = one.block_on(async { line.ask(&host, 2).now_or_never() });
        assert!(first.is_none());
        let mut second = Box::pin(line.ask(&host, 4));
        let asked = other.block_on(async { second.as_mut().now_or_never() });
        assert!(asked.is_none());
        drop(one);
        assert!(other.block_on(second).is_err());
        host.lets.add_permits(1);
        let again = other.block_on(line.ask(&host, 6));
        assert_eq!(again.ok(), Some(12));
    }

    #[tokio::test]
    async fn what_was_asked_is_done_though_nobody_waits() {
        let (host, line) = (
            Doubler::new(0),
            Together::new(double, &StatementPlaces::of_machine()),
        );
        assert!(line.ask(&host, 2).now_or_never().is_none());
        host.lets.add_permits(2);
        assert_eq!(line.ask(&host, 4).await.ok(), Some(8));
        assert_eq!(host.statements.load(Ordering::Relaxed), 1);
    }
}
