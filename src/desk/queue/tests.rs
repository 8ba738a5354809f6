#![allow(clippy::unwrap_used)]

use std::time::Duration;

use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::desk::{Change, DeskError};
use crate::ticketing::record::PaidBy;
use crate::ticketing::refusal::Refusal;
use crate::ticketing::transition::{Paid, Transition};

const SECOND: Duration = Duration::from_secs(1);

struct QueueBench {
    queue: Queue,
    now: Instant,
}

fn bench(of_event_max: usize, in_all_max: usize, batch_max: usize) -> QueueBench {
    let queue = Queue::new(QueueLimits {
        of_event_max,
        in_all_max,
        batch_max,
        another_worker_from: 2,
    });
    let now = Instant::now();
    QueueBench { queue, now }
}

impl QueueBench {
    fn enqueue(&mut self, command: Command) -> Result<(u64, Receiver<Verdict>, Start), ()> {
        let (answer, verdict) = oneshot::channel();
        let id = self.queue.id();
        let waiting = WaitingCommand {
            id,
            command,
            answer,
            deadline: self.now + SECOND,
            in_time: None,
            tries: 0,
            span: Span::none(),
        };
        let start = self.queue.enqueue(waiting).map_err(drop)?;
        Ok((id, verdict, start))
    }

    /// A change of a booking that no other command is of.
    fn change(&mut self, event_id: EventId) -> (u64, Receiver<Verdict>, Start) {
        let booking = u128::from(self.queue.last_id) + 1_000;
        self.enqueue(confirm(event_id, booking)).unwrap()
    }

    fn take(&mut self) -> Vec<u64> {
        let taken = self.queue.take(self.now);
        taken.map_or_else(Vec::new, |(batch, _)| ids(&batch))
    }
}

fn ids(batch: &CommandBatch) -> Vec<u64> {
    batch.commands.iter().map(|waiting| waiting.id).collect()
}

fn confirm(event_id: EventId, booking: u128) -> Command {
    let paid = Paid::ByStaff(PaidBy::Cash);
    let booking_id = BookingId(uuid::Uuid::from_u128(booking));
    let change = Change::new(event_id, booking_id, Transition::Confirm { paid });
    Command::Change(Box::new(change))
}

#[test]
fn the_end_of_holds_goes_alone() {
    let mut bench = bench(10, 100, 8);
    let event = EventId(1);
    let first = bench.change(event);
    let end = bench.enqueue(Command::Expire { event_id: event }).unwrap();
    let behind = bench.change(event);
    let other = bench.change(EventId(2));
    for batch in [vec![first.0, other.0], vec![end.0], vec![behind.0]] {
        assert_eq!(bench.take(), batch);
        for event in [1, 2] {
            bench.queue.put_back(EventId(event), Vec::new(), false);
        }
    }
}

#[test]
fn a_batch_is_of_many_events_and_each_is_in_one_workers_hands() {
    let mut bench = bench(10, 100, 4);
    let first = bench.change(EventId(1));
    assert_eq!(
        first.2,
        Start {
            worker: true,
            waiter: false
        }
    );
    let _others: Vec<_> = [1, 2, 3, 1, 2]
        .map(|event| bench.change(EventId(event)))
        .into();
    // Event 1 waited longest; the first command of event 2 fills the batch.
    assert_eq!(bench.take(), [1, 2, 5, 3]);
    // Event 2 is still with the first worker, so only event 3 is served.
    assert_eq!(bench.take(), [4]);
    assert_eq!(bench.take(), [0u64; 0]);
    bench.queue.put_back(EventId(2), Vec::new(), false);
    assert_eq!(bench.take(), [6]);
}

#[test]
fn a_second_worker_comes_for_enough_commands_of_other_events() {
    let mut bench = bench(10, 100, 4);
    let taken = bench.change(EventId(1));
    assert_eq!(bench.take(), [taken.0]);
    let mut kept = Vec::new();
    let mut starts_another = |event| {
        kept.push(bench.change(EventId(event)));
        kept.last().is_some_and(|(.., start)| start.worker)
    };
    assert!(
        !starts_another(1) && !starts_another(1),
        "their turn is taken"
    );
    assert!(!starts_another(2), "too few");
    assert!(starts_another(3));
    assert!(!starts_another(4) && !starts_another(5), "two work already");
}

#[test]
fn the_queue_is_bounded_for_an_event_and_in_all() {
    let mut bench = bench(2, 3, 10);
    let mut kept = vec![bench.change(EventId(1)), bench.change(EventId(1))];
    assert!(
        bench
            .enqueue(Command::Expire {
                event_id: EventId(1)
            })
            .is_err()
    );
    kept.push(bench.change(EventId(2)));
    assert!(
        bench
            .enqueue(Command::Expire {
                event_id: EventId(3)
            })
            .is_err()
    );
    assert_eq!(bench.take().len(), 3);
    bench.change(EventId(3));
}

#[test]
fn faults_5_whoever_left_or_is_late_is_not_decided() {
    let mut bench = bench(10, 100, 10);
    drop(bench.change(EventId(1)).1);
    let (_, mut late, _) = bench.change(EventId(2));
    bench.now += 2 * SECOND;
    let (in_time, _verdict, _) = bench.change(EventId(3));
    assert_eq!(bench.take(), [in_time]);
    let refusal = late.try_recv().unwrap().unwrap_err();
    assert!(matches!(
        refusal,
        DeskError::Refused(Refusal::TooLate { .. })
    ));
}

#[test]
fn a_caller_takes_back_what_still_waits_and_nothing_else() {
    let mut bench = bench(10, 100, 1);
    let (first, mut verdict, _) = bench.change(EventId(1));
    let (second, _other, _) = bench.change(EventId(1));
    let (taken, _) = bench.queue.take(bench.now).unwrap();
    assert_eq!(ids(&taken), [first]);
    assert!(
        !bench.queue.withdraw(EventId(1), first),
        "it is being decided"
    );
    assert_eq!(verdict.try_recv(), Err(TryRecvError::Empty));
    assert!(bench.queue.withdraw(EventId(1), second));
    bench.queue.put_back(EventId(1), Vec::new(), false);
    assert_eq!(bench.take(), [0u64; 0]);
    assert!(bench.queue.lines.is_empty());
    assert_eq!(bench.queue.waiting, 0);
}

#[test]
fn a_blocked_event_waits_by_itself_and_keeps_its_order() {
    let mut bench = bench(10, 100, 10);
    let _kept: Vec<_> = [1, 1, 2].map(|event| bench.change(EventId(event))).into();
    let (batch, _) = bench.queue.take(bench.now).unwrap();
    let back = batch.commands.into_iter();
    let back = back.filter(|waiting| waiting.command.event() == EventId(1));
    bench.queue.put_back(EventId(1), back.collect(), true);
    let start = bench.queue.start();
    assert!(start.waiter && !start.worker);
    bench.queue.put_back(EventId(2), Vec::new(), false);
    let (third, _verdict, start) = bench.change(EventId(1));
    assert_eq!(start, Start::default(), "nobody is started twice");
    assert_eq!(bench.take(), [0u64; 0]);
    let waited = bench.queue.take_blocked(bench.now).unwrap();
    assert_eq!(ids(&waited), [1, 2, third]);
    bench.queue.put_back(EventId(1), Vec::new(), false);
    assert!(bench.queue.take_blocked(bench.now).is_none());
}

#[test]
fn two_changes_of_one_booking_are_two_batches() {
    let mut bench = bench(10, 100, 10);
    let first = bench.enqueue(confirm(EventId(1), 7)).unwrap();
    let second = bench.enqueue(confirm(EventId(1), 7)).unwrap();
    let third = bench.enqueue(confirm(EventId(1), 8)).unwrap();
    assert_eq!(bench.take(), [first.0]);
    bench.queue.put_back(EventId(1), Vec::new(), false);
    // A later command does not overtake one that was given back.
    assert_eq!(bench.take(), [second.0, third.0]);
}

#[test]
fn a_late_change_does_not_stand_in_the_way_of_the_next_one() {
    let mut bench = bench(10, 100, 10);
    let _late = bench.enqueue(confirm(EventId(1), 7)).unwrap();
    bench.now += 2 * SECOND;
    let next = bench.enqueue(confirm(EventId(1), 7)).unwrap();
    assert_eq!(bench.take(), [next.0]);
}

#[test]
fn faults_11_whoever_waits_for_a_database_that_is_away_is_told() {
    let mut bench = bench(10, 100, 1);
    let (first, _taken, _) = bench.change(EventId(1));
    let (second, mut verdict, _) = bench.change(EventId(1));
    let (third, _other, _) = bench.change(EventId(2));
    assert_eq!(bench.take(), [first]);
    let all = bench.queue.take_all();
    let mut ids: Vec<u64> = all.iter().map(|waiting| waiting.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [second, third]);
    drop(all);
    assert_eq!(verdict.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(bench.queue.waiting, 0);
    bench.queue.put_back(EventId(1), Vec::new(), false);
    assert!(bench.queue.lines.is_empty());
    let (fourth, _verdict, _) = bench.change(EventId(2));
    assert_eq!(bench.take(), [fourth]);
}
