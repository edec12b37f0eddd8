use crate::harness::{Bed, Order, complete, order};
use seaworthy_jobs::dependencies::Needs;
use seaworthy_jobs::{DependsOn, Error, State};
use std::time::Duration;

crate::on_both!(
    runs_after_all_have_been_completed,
    runs_after_the_first_of_any,
    is_called_off_where_it_can_never_run,
    runs_after_a_failure_where_it_needs_one,
    waits_no_longer_for_what_has_ended_already,
    waits_so_long_and_no_longer,
    a_delay_comes_after_the_last,
    two_parents_that_end_at_once_let_it_go,
    what_does_not_exist_cannot_be_waited_for,
);

async fn runs_after_all_have_been_completed(bed: Bed) {
    let (a, b) = (bed.add(complete()).await, bed.add(order(&Order::Sleep(50))).await);
    let child = bed.add(complete().depends_on(DependsOn::all([a, b]))).await;
    assert_eq!(bed.jobs.get(child).await.expect("there").state, State::Pending);
    let _running = bed.start(5).await;
    let child = bed.reaches(child, State::Completed).await;
    for parent in [a, b] {
        let parent = bed.jobs.get(parent).await.expect("there");
        assert!(parent.finished_at <= child.started_at, "{parent:?} {child:?}");
    }
}

async fn runs_after_the_first_of_any(bed: Bed) {
    let slow = bed.add(order(&Order::Heed)).await;
    let quick = bed.add(complete()).await;
    let child = bed.add(complete().depends_on(DependsOn::any([slow, quick]))).await;
    let _running = bed.start(5).await;
    bed.reaches(child, State::Completed).await;
    assert_eq!(bed.jobs.get(slow).await.expect("there").state, State::Running);
    bed.jobs.cancel(slow).await.expect("told");
}

async fn is_called_off_where_it_can_never_run(bed: Bed) {
    let (fails, fine) = (bed.add(order(&Order::FailForGood)).await, bed.add(complete()).await);
    let child = bed.add(complete().depends_on(DependsOn::all([fails, fine]))).await;
    let grandchild = bed.add(complete().depends_on(DependsOn::all([child]))).await;
    let after_all = bed.add(complete().depends_on(DependsOn::all([child]).needs(Needs::Completion))).await;
    let _running = bed.start(5).await;
    for id in [child, grandchild] {
        let job = bed.reaches(id, State::Cancelled).await;
        assert_eq!(job.error.expect("why").0, "dependency");
    }
    bed.reaches(after_all, State::Completed).await;
}

async fn runs_after_a_failure_where_it_needs_one(bed: Bed) {
    let fails = bed.add(order(&Order::FailForGood)).await;
    let fine = bed.add(complete()).await;
    let alarm = bed.add(complete().depends_on(DependsOn::all([fails]).needs(Needs::Failure))).await;
    let silent = bed.add(complete().depends_on(DependsOn::all([fine]).needs(Needs::Failure))).await;
    let _running = bed.start(5).await;
    bed.reaches(alarm, State::Completed).await;
    bed.reaches(silent, State::Cancelled).await;
}

async fn waits_no_longer_for_what_has_ended_already(bed: Bed) {
    let _running = bed.start(5).await;
    let parent = bed.add(complete()).await;
    bed.reaches(parent, State::Completed).await;
    let child = bed.add(complete().depends_on(DependsOn::all([parent]))).await;
    bed.reaches(child, State::Completed).await;
    let hopeless = bed.add(complete().depends_on(DependsOn::all([parent]).needs(Needs::Failure))).await;
    bed.reaches(hopeless, State::Cancelled).await;
}

async fn waits_so_long_and_no_longer(bed: Bed) {
    let _running = bed.start(5).await;
    let never = bed.add(complete().after(Duration::from_secs(3_600))).await;
    let child =
        bed.add(complete().depends_on(DependsOn::all([never]).timeout(Duration::from_millis(50)))).await;
    let job = bed.reaches(child, State::Cancelled).await;
    assert_eq!(job.error.expect("why").0, "timeout");
}

async fn a_delay_comes_after_the_last(bed: Bed) {
    let _running = bed.start(5).await;
    let parent = bed.add(complete()).await;
    let child =
        bed.add(complete().depends_on(DependsOn::all([parent]).delay(Duration::from_millis(300)))).await;
    let child = bed.reaches(child, State::Completed).await;
    let ended = bed.jobs.get(parent).await.expect("there").finished_at.expect("ended");
    assert!(child.started_at.expect("begun").since(ended) >= Duration::from_millis(299));
}

async fn two_parents_that_end_at_once_let_it_go(bed: Bed) {
    let mut children = Vec::new();
    for _ in 0..50 {
        let parents: Vec<_> = (0..4).map(|_| complete()).collect();
        let parents = bed.jobs.enqueue_many(parents).await.expect("accepted");
        let on = DependsOn::all(parents.iter().map(|made| made.id));
        children.push(bed.add(complete().depends_on(on)).await);
    }
    // separate recorders: the parents' ends are written by several transactions at the same time
    let mut runners = Vec::new();
    for _ in 0..4 {
        runners.push(bed.start(2).await);
    }
    for child in children {
        bed.reaches(child, State::Completed).await;
    }
}

async fn what_does_not_exist_cannot_be_waited_for(bed: Bed) {
    let made = bed.jobs.enqueue(complete().depends_on(DependsOn::all([987_654_321]))).await;
    assert!(matches!(made, Err(Error::NotFound { what: "job", .. })), "{made:?}");
    assert!(bed.jobs.enqueue(complete().depends_on(DependsOn::all([]))).await.is_err());
}
