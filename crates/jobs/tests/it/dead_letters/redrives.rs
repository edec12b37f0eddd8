use super::{die, door, fails};
use crate::harness::{Bed, until};
use seaworthy_jobs::dead::{DeadFilter, NewRedrive, RedriveState};
use seaworthy_jobs::runner::{Queue, Running};
use seaworthy_jobs::{Error, Filter, Rate, State};
use std::time::{Duration, Instant};

crate::on_both!(
    a_redrive_survives_the_loss_of_its_runners,
    a_redrive_rests_goes_on_and_ends_when_told,
    a_letter_that_dies_again_is_behind_the_walk,
    a_redrive_leaves_what_it_must,
);

fn new(per_second: u32) -> NewRedrive {
    NewRedrive {
        filter: DeadFilter::default(),
        rate: Rate { count: per_second, period: Duration::from_secs(1), burst: 1 },
        most: None,
        queue: Some("aside".to_owned()),
        fresh_key: false,
        asked_by: "ann".to_owned(),
    }
}

/// Does maintenance, and takes none of the jobs.
async fn keeper(bed: &Bed) -> Running {
    bed.runner_of(Queue::new("nothing", 1)).start(&bed.registry).await.expect("starts")
}

async fn aside(bed: &Bed) -> Vec<seaworthy_jobs::Job> {
    let filter = Filter { queue: Some("aside".to_owned()), ..Filter::default() };
    bed.jobs.list(&filter, 1_000).await.expect("listed")
}

async fn a_redrive_survives_the_loss_of_its_runners(bed: Bed) {
    const LETTERS: usize = 60;
    die(&bed, (0..LETTERS).map(|_| fails("a")).collect()).await;
    let dead = door(&bed);
    let began = Instant::now();
    let id = dead.redrive(new(60)).await.expect("begun");
    let mut kills = 0;
    loop {
        // two at once, both of them dropped in the midst of it
        let keepers = [keeper(&bed).await, keeper(&bed).await];
        let before = dead.redrive_status(id).await.expect("there").moved;
        until("it goes on", async || {
            let redrive = dead.redrive_status(id).await.expect("there");
            redrive.state == RedriveState::Done || redrive.moved >= before + 7
        })
        .await;
        drop(keepers);
        if dead.redrive_status(id).await.expect("there").state == RedriveState::Done {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 3, "{kills}");
    let least = Duration::from_millis(1_000 * (LETTERS as u64 - 1) / 60);
    assert!(began.elapsed() >= least, "{:?} for 60 letters at 60 per second", began.elapsed());
    let redrive = dead.redrive_status(id).await.expect("there");
    assert_eq!((redrive.matched, redrive.moved, redrive.refused), (60, 60, 0));
    assert!(redrive.finished_at.is_some());
    let back = aside(&bed).await;
    assert_eq!(back.len(), LETTERS);
    assert!(back.iter().all(|job| job.replays == 1 && job.state == State::Available), "none twice");
}

async fn a_redrive_rests_goes_on_and_ends_when_told(bed: Bed) {
    die(&bed, (0..40).map(|_| fails("a")).collect()).await;
    let dead = door(&bed);
    let _keeper = keeper(&bed).await;
    let id = dead.redrive(new(20)).await.expect("begun");
    let moved = async || dead.redrive_status(id).await.expect("there").moved;
    until("it has begun", async || moved().await >= 2).await;
    let resting = dead.switch_redrive(id, RedriveState::Paused).await.expect("paused");
    // another one goes its whole way meanwhile: the keeper is awake
    let other = NewRedrive { most: Some(5), rate: Rate { burst: 5, ..new(100).rate }, ..new(100) };
    let other = dead.redrive(other).await.expect("begun");
    until("the other is done", async || {
        dead.redrive_status(other).await.expect("there").state == RedriveState::Done
    })
    .await;
    assert_eq!(dead.redrive_status(other).await.expect("there").moved, 5);
    assert_eq!(moved().await, resting.moved, "it rests");
    dead.switch_redrive(id, RedriveState::Running).await.expect("goes on");
    until("it goes on", async || moved().await > resting.moved).await;
    let ended = dead.switch_redrive(id, RedriveState::Cancelled).await.expect("ended");
    assert!(ended.finished_at.is_some() && ended.moved < 35, "{ended:?}");
    let again = dead.switch_redrive(id, RedriveState::Running).await;
    assert!(matches!(again, Err(Error::Refused { .. })), "{again:?}");
    assert_eq!(aside(&bed).await.len() as u64, ended.moved + 5);
    assert_eq!(dead.redrives(None, 10).await.expect("listed").len(), 2);
}

async fn a_letter_that_dies_again_is_behind_the_walk(bed: Bed) {
    let ids = die(&bed, (0..30).map(|_| fails("a")).collect()).await;
    let dead = door(&bed);
    let _running = bed.start(4).await;
    let back = NewRedrive { queue: None, rate: Rate { burst: 10, ..new(100).rate }, ..new(100) };
    let id = dead.redrive(back).await.expect("begun");
    until("it is done", async || dead.redrive_status(id).await.expect("there").state == RedriveState::Done)
        .await;
    for id in &ids {
        let job = bed.reaches(*id, State::Discarded).await;
        assert_eq!(job.replays, 1);
    }
    assert_eq!(bed.seen().len(), 60, "each once more, and no more than that");
}

async fn a_redrive_leaves_what_it_must(bed: Bed) {
    let ids = die(&bed, (0..5).map(|_| fails("a")).collect()).await;
    let dead = door(&bed);
    dead.park(ids[1], "apart").await.expect("parked");
    let parked = DeadFilter { parked: seaworthy_jobs::dead::Parked::Include, ..DeadFilter::default() };
    let error = dead.redrive(NewRedrive { filter: parked, ..new(10) }).await.expect_err("parked ones");
    assert!(matches!(error, Error::Invalid { field: "filter", .. }), "{error}");
    // one that was replayed too often, unparked by hand
    let often = seaworthy_store::Query::new("UPDATE jobs SET replays = 3 WHERE id = $1").bind(ids[2]);
    bed.jobs.store().execute(often).await.expect("written");
    let _keeper = keeper(&bed).await;
    let id = dead.redrive(new(1_000)).await.expect("begun");
    until("it is done", async || dead.redrive_status(id).await.expect("there").state == RedriveState::Done)
        .await;
    let redrive = dead.redrive_status(id).await.expect("there");
    assert_eq!((redrive.matched, redrive.moved, redrive.refused), (4, 3, 1));
    let mut back: Vec<_> = aside(&bed).await.iter().map(|job| job.id).collect();
    back.sort_unstable();
    assert_eq!(back, [ids[0], ids[3], ids[4]]);
}
