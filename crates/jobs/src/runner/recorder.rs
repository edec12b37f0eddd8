//! Writes down how attempts ended, together: while one batch is on its way, the next piles up. No end is ever dropped.

use super::session::Session;
use super::settings::RunnerSettings;
use crate::payload::clean;
use crate::record::{End, Failure, Record, record};
use crate::worker::Line;
use crate::{Error, topic};
use seaworthy_store::{Error as StoreError, Notice, Query, Rows, Tx};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

const MOST_TOGETHER: usize = 500;
/// A transaction that is larger takes too long.
const LARGEST_BATCH: usize = 8 << 20;
/// As much as may wait to be written, in pieces of 1 KiB.
const MOST_WAITING: usize = 256 << 10;
/// Ends that the database refuses one by one, tried again beside the others.
const MOST_STUBBORN: usize = 100;
/// Of a job that was put off, as many of its last runs are kept in its log.
const RUNS_TOLD: i64 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The end of an attempt, and what it said.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    record: Record,
    queue: String,
    log: Vec<Line>,
    /// Its share of what may wait.
    room: Option<Arc<OwnedSemaphorePermit>>,
}

impl Finished {
    pub(super) const fn new(record: Record, queue: String, log: Vec<Line>) -> Self {
        Self { record, queue, log, room: None }
    }

    /// Roughly how much there is to write.
    fn bytes(&self) -> usize {
        let end = match &self.record.end {
            End::Completed { result } => result.as_ref().map_or(0, String::len),
            End::Retry { failure, .. } | End::Discarded { failure } | End::Cancelled { failure } => {
                failure.text.len()
            }
            End::Snoozed { .. } | End::GivenBack => 0,
        };
        end + self.log.iter().map(|line| line.text.len() + 64).sum::<usize>() + 128
    }
}

#[derive(Debug, Clone)]
pub(super) struct Recorder {
    channel: mpsc::Sender<Finished>,
    room: Arc<Semaphore>,
}

impl Recorder {
    /// Waits while there is no room. A recorder that is gone means a process that ends: the lease will lapse.
    pub(super) async fn send(&self, mut finished: Finished) {
        let pieces = (finished.bytes() >> 10).clamp(1, MOST_WAITING);
        let room = Arc::clone(&self.room).acquire_many_owned(u32::try_from(pieces).unwrap_or(1)).await;
        finished.room = room.ok().map(Arc::new);
        let _ = self.channel.send(finished).await;
    }
}

/// As long as all jobs in hand: a database that is away holds up new jobs only after those.
pub(super) fn channel(settings: &RunnerSettings) -> (Recorder, mpsc::Receiver<Finished>) {
    let (channel, receiver) = mpsc::channel(settings.most_in_hand());
    (Recorder { channel, room: Arc::new(Semaphore::new(MOST_WAITING)) }, receiver)
}

pub(super) async fn run(session: Arc<Session>, mut queue: mpsc::Receiver<Finished>) {
    let delay = session.settings.record_delay;
    let mut batch = Vec::with_capacity(MOST_TOGETHER);
    let mut stubborn = JoinSet::new();
    while queue.recv_many(&mut batch, MOST_TOGETHER).await > 0 {
        if batch.len() < MOST_TOGETHER && !delay.is_zero() {
            tokio::time::sleep(delay).await;
            while batch.len() < MOST_TOGETHER {
                let Ok(finished) = queue.try_recv() else { break };
                batch.push(finished);
            }
        }
        write_all(&session, std::mem::take(&mut batch), &mut stubborn).await;
        while stubborn.try_join_next().is_some() {}
    }
    while stubborn.join_next().await.is_some() {}
}

/// Cuts what is too large for one transaction.
fn pieces(batch: Vec<Finished>) -> VecDeque<Arc<[Finished]>> {
    let (mut pieces, mut piece, mut bytes) = (VecDeque::new(), Vec::new(), 0);
    for finished in batch {
        let more = finished.bytes();
        if bytes + more > LARGEST_BATCH && !piece.is_empty() {
            pieces.push_back(Arc::from(std::mem::take(&mut piece)));
            bytes = 0;
        }
        bytes += more;
        piece.push(finished);
    }
    if !piece.is_empty() {
        pieces.push_back(Arc::from(piece));
    }
    pieces
}

/// Until it is written, however long the database is away.
async fn write_all(session: &Arc<Session>, batch: Vec<Finished>, stubborn: &mut JoinSet<()>) {
    let mut left = pieces(batch);
    let mut pause = FIRST_PAUSE;
    while let Some(batch) = left.pop_front() {
        let error = match write(session, Arc::clone(&batch)).await {
            Ok(ours) => {
                pause = FIRST_PAUSE;
                tell(session, &batch, &ours);
                continue;
            }
            Err(error) => error,
        };
        session.metrics.record_retries.inc();
        tracing::warn!(%error, jobs = batch.len(), "cannot record how jobs ended; trying again");
        match (Cause::of(&error), &*batch) {
            (Cause::Itself, [one]) => {
                while stubborn.len() >= MOST_STUBBORN {
                    stubborn.join_next().await;
                }
                stubborn.spawn(insist(Arc::clone(session), one.clone(), error));
                continue;
            }
            (Cause::Away, _) | (_, [] | [_]) => left.push_front(batch),
            (Cause::TooMuch | Cause::Itself, several) => {
                let (first, second) = several.split_at(several.len() / 2);
                left.push_front(Arc::from(second));
                left.push_front(Arc::from(first));
            }
        }
        if Cause::of(&error) != Cause::Itself {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Why a batch was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The database is out of reach.
    Away,
    /// It took too long, or met others: half of it may do.
    TooMuch,
    /// Something in it.
    Itself,
}

impl Cause {
    const fn of(error: &Error) -> Self {
        match error {
            Error::Store(StoreError::Timeout(_) | StoreError::Contended(_)) => Self::TooMuch,
            Error::Store(error) if error.is_outage() => Self::Away,
            _ => Self::Itself,
        }
    }
}

/// What the database will not take, for whatever reason, must not hold its job for ever: it ends as a dead letter. Where
/// not even that can be written, it is the database that is in need of help, and will be asked until it had some.
async fn insist(session: Arc<Session>, finished: Finished, error: Error) {
    let Finished { record, queue, room, .. } = finished;
    tracing::error!(%error, job = record.id, "how a job ended cannot be recorded");
    session.metrics.unrecorded.inc();
    let failure = Failure { code: "unrecordable".to_owned(), text: clean(&error.to_string(), 1_024) };
    let record = Record { end: End::Discarded { failure }, ..record };
    let batch: Arc<[Finished]> = Arc::from([Finished { record, queue, log: Vec::new(), room }]);
    let mut pause = FIRST_PAUSE;
    loop {
        match write(&session, Arc::clone(&batch)).await {
            Ok(ours) => return tell(&session, &batch, &ours),
            Err(error) => tracing::error!(%error, "not even that; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn write(session: &Session, batch: Arc<[Finished]>) -> Result<BTreeSet<i64>, Error> {
    let write = session.urgent.write(move |tx| {
        Box::pin(async move {
            let ours = record(tx, batch.iter().map(|finished| finished.record.clone()).collect()).await?;
            write_logs(tx, &batch, &ours).await?;
            trim_logs(tx, &batch).await?;
            Ok(ours)
        })
    });
    write.await
}

/// An ambiguous commit that did happen shows here as a job that is no longer ours: its record is there all the same.
fn tell(session: &Session, batch: &[Finished], ours: &BTreeSet<i64>) {
    let mut places = BTreeSet::new();
    for Finished { record, queue, .. } in batch {
        session.recorded(record.id, record.fence);
        if !ours.contains(&record.id) {
            session.metrics.stale.inc();
            tracing::debug!(job = record.id, "the job's lease had lapsed: its end was not recorded");
        }
        if session.is_capped(queue) {
            places.insert(queue);
        }
    }
    // whoever was refused more than may run at once, here or elsewhere
    for queue in places {
        session.jobs.store().publish(Notice { topic: topic::READY.to_owned(), detail: queue.clone() });
    }
}

async fn write_logs(tx: &mut Tx, batch: &[Finished], ours: &BTreeSet<i64>) -> Result<(), Error> {
    let lines: Vec<(&Record, usize, &Line)> = batch
        .iter()
        .filter(|finished| ours.contains(&finished.record.id))
        .flat_map(|finished| finished.log.iter().enumerate().map(|(at, line)| (&finished.record, at, line)))
        .collect();
    // a thousand lines a job: not all in one statement
    for some in lines.chunks(1_000) {
        let rows = Rows::new()
            .ints("job_id", some.iter().map(|(record, _, _)| record.id))
            .ints("fence", some.iter().map(|(record, _, _)| record.fence))
            .ints("line", some.iter().map(|(_, at, _)| i64::try_from(*at).unwrap_or(i64::MAX)))
            .ints("at", some.iter().map(|(_, _, line)| line.at.as_micros()))
            .texts("level", some.iter().map(|(_, _, line)| Some(line.level.to_owned())))
            .texts("text", some.iter().map(|(_, _, line)| Some(line.text.clone())));
        let query = "INSERT INTO job_logs (job_id, fence, line, at, level, text)
            SELECT job_id, fence, line, at, level, text FROM {rows} WHERE true ON CONFLICT DO NOTHING";
        tx.execute(Query::new(query).rows(rows)).await?;
    }
    Ok(())
}

/// A job that is put off again and again, at no cost, must not fill the table with what it says each time.
async fn trim_logs(tx: &mut Tx, batch: &[Finished]) -> Result<(), Error> {
    let talking = batch.iter().filter(|finished| !finished.log.is_empty()).map(|finished| &finished.record);
    let snoozed: Vec<_> = talking.filter(|record| matches!(record.end, End::Snoozed { .. })).collect();
    if snoozed.is_empty() {
        return Ok(());
    }
    let rows = Rows::new()
        .ints("id", snoozed.iter().map(|record| record.id))
        .ints("before", snoozed.iter().map(|record| record.fence - RUNS_TOLD));
    let query = "DELETE FROM job_logs WHERE (job_id, fence) IN (
        SELECT old.job_id, old.fence FROM {rows} JOIN job_logs old ON old.job_id = x.id AND old.fence <= x.before)";
    tx.execute(Query::new(query).rows(rows)).await?;
    Ok(())
}
