//! What was measured: single requests, the history of metrics, one look at everything, and where processor time goes.

pub(crate) mod profile;
pub(crate) mod query;
pub(crate) mod requests;
pub(crate) mod snapshot;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seaworthy_core::ErrorCode;
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::{Error, History};
use tokio::sync::Semaphore;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::alerts::objectives::broke_off;
use crate::{Control, Problem};

/// Questions that are answered at once: others wait, so that the data plane keeps its cores.
static QUESTIONS: Semaphore = Semaphore::const_new(2);

/// Routes with conventions of their own, which are not part of the API's document.
pub(crate) fn conventional() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(profile::profile))
}

/// The door to the history of metrics.
fn history(control: &Control) -> Result<History, Problem> {
    let off =
        || Problem::new(ErrorCode::NotFound, "history_off", "this process keeps no history of its metrics");
    control.insight.history.clone().ok_or_else(off)
}

/// What a refusal of the history is called.
fn problem(error: &Error) -> Problem {
    Problem::new(error.code(), "invalid_argument", &error.to_string())
}

/// Asks where it may take its time.
async fn ask<T: Send + 'static>(question: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let _turn = QUESTIONS.acquire().await.map_err(|_| broke_off())?;
    tokio::task::spawn_blocking(question).await.map_err(|_| broke_off())
}

/// A moment of the history as it is written.
fn moment(time: SystemTime) -> String {
    crate::jobs::moment(Timestamp::from(time))
}

/// A moment as it is read: RFC 3339, or seconds since 1970.
fn when(field: &str, text: &str) -> Result<SystemTime, Problem> {
    let wrong = || {
        let detail = format!("{field}: a moment such as 2026-11-21T02:30:00Z, or seconds since 1970");
        crate::request::invalid(&detail)
    };
    let seconds = text.parse::<f64>().ok();
    let since = match seconds {
        Some(seconds) => Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?,
        None => {
            let time = seaworthy_jobs::moment::parse(text).ok_or_else(wrong)?;
            Duration::from_micros(u64::try_from(time.as_micros()).map_err(|_| wrong())?)
        }
    };
    UNIX_EPOCH.checked_add(since).ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
