//! One attempt of one job, from its claim to its record.

use super::recorder::Finished;
use super::session::Session;
use crate::claim::Claimed;
use crate::payload::clean;
use crate::record::{End, Failure, Record};
use crate::worker::{Context, Done, Erased, Failed, Shared, Stop};
use futures_util::FutureExt;
use seaworthy_telemetry::traces::RequestSpan;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const LONGEST_TEXT: usize = 8 << 10;
const LONGEST_CODE: usize = 64;
/// However long somebody asks us to stay away.
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 86_400);

/// Why an attempt is over.
enum Over {
    Ended(Result<Done, Failed>),
    TimedOut(Duration),
    /// It was told to stop, and was dropped.
    Dropped,
}

/// What an attempt needs to be in hand, and to run.
pub(super) struct Places {
    /// Among the jobs in hand.
    pub(super) room: OwnedSemaphorePermit,
    /// Among those that run, where there was one at once.
    pub(super) slot: Option<OwnedSemaphorePermit>,
    /// Where it gets one otherwise.
    pub(super) slots: Arc<Semaphore>,
}

pub(super) async fn run(session: Arc<Session>, job: Claimed, shared: Arc<Shared>, places: Places) {
    let job = Arc::new(job);
    let Places { room: _room, slot, slots } = places;
    let slot = async {
        match slot {
            Some(slot) => Some(slot),
            None => slots.acquire_owned().await.ok(),
        }
    };
    let slot = tokio::select! {
        biased;
        () = session.draining.cancelled() => None,
        () = shared.token.cancelled() => None,
        slot = slot => slot,
    };
    let begun = session.jobs.store().now();
    let end = match slot {
        // others may have it by now: they would do the same work at the same time
        Some(_) if !session.holds_lease() => None,
        Some(_slot) => {
            session.metrics.begun(&job.queue, job.run_at, job.attempt, begun);
            let ended = AssertUnwindSafe(attempt(&session, &job, &shared)).catch_unwind().await;
            session.metrics.left(&job.queue);
            // a defect of ours, not the worker's: it must not leave the job without an end
            ended.unwrap_or_else(|panic| {
                Some(failure(&session, &job, &Failed::new("panic", message(&*panic))))
            })
        }
        None => not_begun(&shared),
    };
    if end.is_some() {
        session.ending(job.id, job.fence);
    }
    session.leave(job.id, job.fence);
    let Some(end) = end else { return };
    session.metrics.ended(&job.queue, end.word(), begun, session.jobs.store().now());
    let log = shared.take_log(session.jobs.store().now());
    let record = Record { id: job.id, fence: job.fence, begun: Some(begun), end };
    if let Some(recorder) = session.recorder() {
        // room in hand is kept until there is room for the record: that bounds what a long outage piles up
        recorder.send(Finished::new(record, job.queue.clone(), log)).await;
    }
}

fn not_begun(shared: &Shared) -> Option<End> {
    match shared.stopped() {
        Some(Stop::LeaseLost) => None,
        // the record finds the wish for cancellation in the row
        _ => Some(End::GivenBack),
    }
}

async fn attempt(session: &Session, job: &Arc<Claimed>, shared: &Arc<Shared>) -> Option<End> {
    let span = span(session, job);
    let Some(worker) = session.workers.get(&job.kind) else {
        let failed = Failed::new("unknown_kind", "no worker of this process knows this kind of job");
        span.end(None, Some("unknown_kind"));
        return Some(failure(session, job, &failed));
    };
    let context =
        Context::new(Arc::clone(job), Arc::clone(shared), span.context(), session.jobs.store().clone());
    let over = watch(session, &**worker, job, context, shared).await;
    let end = end(session, job, shared, over);
    let failed = end.as_ref().and_then(|end| end.failure_code());
    span.end(None, failed);
    end
}

fn span(session: &Session, job: &Claimed) -> RequestSpan {
    let mut span = session.settings.tracer.start_server(job.trace, "job");
    if span.is_recording() {
        span.rename(|| format!("job {}", job.kind));
        span.attribute("messaging.destination.name", job.queue.as_str());
        span.attribute("messaging.message.id", job.id.to_string().as_str());
    }
    span
}

/// Runs it until it ends, its time is over, or it was told to stop and did not.
async fn watch(
    session: &Session,
    worker: &dyn Erased,
    job: &Claimed,
    context: Context,
    shared: &Shared,
) -> Over {
    let limit = job.timeout.unwrap_or_else(|| worker.timeout());
    let run = AssertUnwindSafe(worker.run(&job.payload, context)).catch_unwind();
    let told = async {
        shared.token.cancelled().await;
        tokio::time::sleep(session.settings.cancel_grace).await;
    };
    tokio::select! {
        biased;
        ended = run => Over::Ended(ended.unwrap_or_else(|panic| Err(Failed::new("panic", message(&*panic))))),
        () = tokio::time::sleep(limit) => Over::TimedOut(limit),
        () = told => Over::Dropped,
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the worker panicked".to_owned())
}

/// What becomes of the job; `None` where it is no longer ours.
fn end(session: &Session, job: &Claimed, shared: &Shared, over: Over) -> Option<End> {
    match (over, shared.stopped()) {
        // success is success, even where somebody wanted it to stop
        (Over::Ended(Ok(Done::Completed(result))), _) => Some(completed(session, result)),
        (_, Some(Stop::LeaseLost)) => None,
        (_, Some(Stop::Shutdown)) => Some(End::GivenBack),
        (_, Some(Stop::Cancelled)) => Some(cancelled("called off while it ran")),
        (Over::Ended(Ok(Done::Snooze(pause))), None) => Some(End::Snoozed { pause }),
        (Over::Ended(Ok(Done::Cancelled(why))), None) => Some(cancelled(&why)),
        (Over::Ended(Err(failed)), None) => Some(failure(session, job, &failed)),
        (Over::TimedOut(limit), None) => {
            let text = format!("not done within {}", seaworthy_core::duration::format(limit));
            Some(failure(session, job, &Failed::new("timeout", text)))
        }
        (Over::Dropped, None) => Some(End::GivenBack),
    }
}

fn completed(session: &Session, result: Option<serde_json::Value>) -> End {
    let most = session.jobs.settings().max_result;
    let result = result.map(|value| value.to_string()).map(|text| {
        if text.len() <= most { text } else { serde_json::json!({ "too_large": text.len() }).to_string() }
    });
    End::Completed { result }
}

fn cancelled(why: &str) -> End {
    End::Cancelled { failure: Failure { code: "cancelled".to_owned(), text: clean(why, LONGEST_TEXT) } }
}

fn failure(session: &Session, job: &Claimed, failed: &Failed) -> End {
    let failure =
        Failure { code: clean(&failed.code, LONGEST_CODE), text: clean(&failed.text, LONGEST_TEXT) };
    if failed.permanent || job.attempt >= job.max_attempts {
        return End::Discarded { failure };
    }
    session.metrics.retried(&job.queue);
    let pause = job.retry.pause_with(job.attempt, fastrand::f64());
    let least = failed.retry_after.unwrap_or_default().min(LONGEST_PAUSE);
    End::Retry { pause: pause.max(least), failure }
}
