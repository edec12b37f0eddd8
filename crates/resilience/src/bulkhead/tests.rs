use super::*;
use crate::effects::PolicyStatus;
use crate::rejection::{Full, Rejection};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};

#[derive(Debug, Clone)]
enum Op {
    Arrive,
    Leave,
    Claim(usize),
    Abandon(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Arrive),
        3 => Just(Op::Leave),
        2 => any::<usize>().prop_map(Op::Claim),
        2 => any::<usize>().prop_map(Op::Abandon),
    ]
}

proptest! {
    /// Against a list of everybody who arrived and is still here: the first `max` of them have places, the rest wait.
    #[test]
    fn the_first_ones_here_have_the_places(
        max in 1..4_usize,
        queue in 0..4_usize,
        ops in prop::collection::vec(op(), 1..200),
    ) {
        let mut machine = Machine::new(max, queue);
        // inside: calls that run. waiting: in order, and whether the turn has come.
        let (mut inside, mut waiting) = (0_usize, VecDeque::<WaiterId>::new());
        for op in ops {
            let granted = (max - inside).min(waiting.len());
            match op {
                Op::Arrive => match machine.arrive() {
                    Arrival::Entered => {
                        prop_assert!(inside + waiting.len() < max);
                        inside += 1;
                    }
                    Arrival::Queued(id) => {
                        prop_assert!(inside + waiting.len() >= max && waiting.len() - granted < queue);
                        waiting.push_back(id);
                    }
                    Arrival::Refused => {
                        prop_assert!(inside + waiting.len() >= max && waiting.len() - granted >= queue);
                    }
                },
                Op::Leave if inside > 0 => {
                    let woken = machine.leave();
                    prop_assert_eq!(woken, waiting.get(granted).copied());
                    inside -= 1;
                }
                Op::Claim(which) if !waiting.is_empty() => {
                    let which = which % waiting.len();
                    let claimed = machine.claim(waiting[which]);
                    prop_assert_eq!(claimed, which < granted);
                    if claimed {
                        waiting.remove(which);
                        inside += 1;
                    }
                }
                Op::Abandon(which) if !waiting.is_empty() => {
                    let which = which % waiting.len();
                    let woken = machine.abandon(waiting[which]);
                    let next = (which < granted).then(|| waiting.get(granted).copied()).flatten();
                    prop_assert_eq!(woken, next);
                    waiting.remove(which);
                }
                Op::Leave | Op::Claim(_) | Op::Abandon(_) => {}
            }
            let granted = (max - inside).min(waiting.len());
            prop_assert_eq!(machine.taken(), inside + granted);
            prop_assert_eq!(machine.queued(), waiting.len() - granted);
        }
    }
}

fn bulkhead(max_concurrent: usize, max_queued: usize) -> Arc<Bulkhead> {
    Arc::new(Bulkhead::new(Settings { max_concurrent, max_queued, max_wait: Duration::from_secs(1) }))
}

fn counts(bulkhead: &Bulkhead) -> Vec<u64> {
    bulkhead.effects().iter().map(|effect| effect.count).collect()
}

async fn finish(when: oneshot::Receiver<u32>) -> Result<u32, Rejection> {
    Ok(when.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn waiters_get_places_in_order_of_arrival() {
    let policy = bulkhead(1, 2);
    let mut service = BulkheadLayer::new(policy.clone()).layer(service_fn(finish));
    let (ends, calls): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| {
            let (end, when) = oneshot::channel();
            (end, tokio::spawn(service.call(when)))
        })
        .unzip();
    tokio::task::yield_now().await;
    assert_eq!(policy.state(), serde_json::json!({ "in_flight": 1, "queued": 2 }));
    // the last one's answer is ready first, but its turn is last
    for (number, end) in ends.into_iter().enumerate().rev() {
        end.send(number as u32).unwrap();
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), Ok(number as u32));
    }
    assert_eq!((policy.in_flight(), counts(&policy)), (0, vec![3, 2, 0, 0, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_and_a_long_wait_ends() {
    let policy = bulkhead(1, 1);
    let mut service = BulkheadLayer::new(policy.clone()).layer(service_fn(finish));
    let (_end, when) = oneshot::channel();
    let running = service.call(when);
    let start = Instant::now();
    let waiting = service.call(oneshot::channel().1);
    let refused = service.call(oneshot::channel().1).await.unwrap_err();
    assert_eq!(refused, Rejection::BulkheadFull { limit: 1, full: Full::Queue });
    let gave_up = waiting.await.unwrap_err();
    assert_eq!(gave_up, Rejection::BulkheadFull { limit: 1, full: Full::Wait });
    assert_eq!(start.elapsed().as_millis(), 1_000);
    drop(running);
    assert_eq!((policy.in_flight(), counts(&policy)), (0, vec![1, 1, 1, 1, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_waiter_passes_its_turn_on() {
    let policy = bulkhead(1, 2);
    let mut service = BulkheadLayer::new(policy.clone()).layer(service_fn(finish));
    let (_end, when) = oneshot::channel();
    let running = service.call(when);
    let first = service.call(oneshot::channel().1);
    let (end, when) = oneshot::channel();
    let second = tokio::spawn(service.call(when));
    tokio::task::yield_now().await;
    drop(running); // the turn is the first waiter's, who has not noticed …
    drop(first); // … and goes away
    end.send(2).unwrap();
    assert_eq!(second.await.unwrap(), Ok(2));
    assert_eq!((policy.in_flight(), counts(&policy)), (0, vec![2, 2, 0, 0, 1]));
}

#[test]
fn a_place_is_free_as_soon_as_the_answer_is_there() {
    let policy = bulkhead(1, 0);
    let mut service =
        BulkheadLayer::new(policy.clone()).layer(service_fn(|()| async { Ok::<_, Rejection>(()) }));
    let mut call = pin!(service.call(()));
    assert_eq!(policy.in_flight(), 1);
    assert!(matches!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
    assert_eq!(policy.in_flight(), 0);
}
