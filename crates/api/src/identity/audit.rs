//! The audit log: read, verified, exported.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use seaworthy_identity::audit::{Filter, Kind, Outcome, Recorded};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::problem;
use crate::jobs::{moment, when};
use crate::request::Params;
use crate::{Control, Problem, request};

/// Pieces of an export that wait for a slow reader.
const PIECES: usize = 8;
/// Between two looks whether the reader has taken one.
const PAUSE: Duration = Duration::from_millis(5);

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhichEntries {
    /// Of this actor: `user:…`.
    actor: Option<String>,
    /// Of this action; with `.*` at its end, of all that begin so.
    action: Option<String>,
    /// About this resource.
    resource: Option<String>,
    /// `success`, `failure` or `denied`.
    outcome: Option<String>,
    /// Not before.
    from: Option<String>,
    /// Before.
    to: Option<String>,
    /// Before this entry: the last of the page before.
    before: Option<u64>,
    /// At most so many: 1 to 1,000.
    limit: Option<usize>,
}

/// Entries, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Entries {
    entries: Vec<EntryView>,
}

/// What somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryView {
    /// Its place in the log, from 1.
    seq: u64,
    at: String,
    actor: String,
    actor_name: String,
    #[schema(example = "user.create")]
    action: String,
    resource: String,
    outcome: &'static str,
    reason: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
    client: Option<String>,
    request_id: Option<String>,
    trace_id: Option<String>,
    /// How many like it this stands for.
    count: u64,
}

/// What a verification found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportView {
    /// Whether nothing is wrong.
    sound: bool,
    entries: u64,
    checkpoints: u64,
    /// The first entry that is there; those before it were removed by retention.
    first: u64,
    last: u64,
    /// The last entry that a signed checkpoint vouches for.
    vouched: u64,
    /// The first entry that is not what it was.
    fault: Option<FaultView>,
}

/// Where a log is not what it was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FaultView {
    seq: u64,
    /// What was done: edited, missing, and so on.
    kind: String,
    detail: String,
}

impl From<Recorded> for EntryView {
    fn from(entry: Recorded) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let value = |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok());
        Self {
            seq: entry.seq,
            at: moment(entry.at),
            actor: entry.actor().to_owned(),
            actor_name: entry.actor_name().to_owned(),
            action: entry.action().to_owned(),
            resource: entry.resource().to_owned(),
            outcome: entry.outcome().as_str(),
            reason: text(entry.reason()),
            before: value(entry.before()),
            after: value(entry.after()),
            client: text(entry.client()),
            request_id: text(entry.request_id()),
            trace_id: text(entry.trace_id()),
            count: entry.count(),
        }
    }
}

fn filter(which: &WhichEntries) -> Result<Filter, Problem> {
    let outcome = match which.outcome.as_deref() {
        None => None,
        Some("success") => Some(Outcome::Success),
        Some("failure") => Some(Outcome::Failure),
        Some("denied") => Some(Outcome::Denied),
        Some(_) => return Err(request::invalid("outcome: use success, failure or denied")),
    };
    let moment = |field, text: Option<&String>| {
        text.map(|text| when(field, text)).transpose().map_err(crate::jobs::problem)
    };
    Ok(Filter {
        actor: which.actor.clone(),
        action: which.action.clone(),
        resource: which.resource.clone(),
        outcome,
        from: moment("from", which.from.as_ref())?,
        to: moment("to", which.to.as_ref())?,
        before: which.before,
    })
}

/// Entries, newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(WhichEntries),
    extensions(("x-permission" = json!("audit:read"))), responses((status = 200, body = Entries)))]
pub(crate) async fn list(
    State(control): State<Control>,
    Params(which): Params<WhichEntries>,
) -> Result<Json<Entries>, Problem> {
    let identity = control.identity.open()?;
    let log = identity.audit();
    log.flush().await;
    let entries = log.list(&filter(&which)?, request::limit(which.limit)?).await.map_err(problem)?;
    Ok(Json(Entries { entries: entries.into_iter().map(EntryView::from).collect() }))
}

/// Verifies the chain from its first entry to its last.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit",
    extensions(("x-permission" = json!("audit:read"))), responses((status = 200, body = ReportView)))]
pub(crate) async fn verify(State(control): State<Control>) -> Result<Json<ReportView>, Problem> {
    let identity = control.identity.open()?;
    let report = identity.audit().verify(None).await.map_err(problem)?;
    let fault = report.fault.map(|fault| FaultView {
        seq: fault.seq,
        kind: fault.kind.as_str().to_owned(),
        detail: fault.detail,
    });
    Ok(Json(ReportView {
        sound: fault.is_none(),
        entries: report.entries,
        checkpoints: report.checkpoints,
        first: report.first,
        last: report.last,
        vouched: report.vouched,
        fault,
    }))
}

/// The keys that checkpoints are verified with, for exports that are verified elsewhere.
#[utoipa::path(get, path = "/api/v1/audit/keys", tag = "audit",
    extensions(("x-permission" = json!("audit:read"))), responses((status = 200, body = Object)))]
pub(crate) async fn keys(State(control): State<Control>) -> Result<Json<Value>, Problem> {
    let identity = control.identity.open()?;
    let keys = identity.audit().public_keys();
    let hex = |key: &[u8; 32]| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let keys: serde_json::Map<_, _> = keys.0.iter().map(|(id, key)| (id.clone(), hex(key).into())).collect();
    Ok(Json(Value::Object(keys)))
}

/// The whole log as JSON lines, entries and checkpoints. An answer that breaks off before its end has failed.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "audit",
    extensions(("x-permission" = json!("audit:read"))),
    responses((status = 200, body = String, content_type = "application/x-ndjson")))]
pub(crate) async fn export(State(control): State<Control>) -> Result<Response, Problem> {
    let identity = control.identity.open()?;
    identity.audit().flush().await;
    // an export ends with a signature, so that it can be seen whether its end is there
    identity.audit().checkpoint(Kind::Periodic).await.map_err(problem)?;
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(PIECES);
    let runtime = tokio::runtime::Handle::current();
    // on a thread of its own: it waits for readers that are slower than the store
    tokio::task::spawn_blocking(move || {
        let write = |text: &str| hand_over(&sender, Bytes::copy_from_slice(text.as_bytes()));
        if let Err(error) = runtime.block_on(identity.audit().export(write)) {
            tracing::warn!(%error, "an export of the audit log broke off");
            let _ = sender.try_send(Err(std::io::Error::other("broke off")));
        }
    });
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream)).into_response())
}

/// Waits until there is room, or nobody reads any more.
fn hand_over(sender: &mpsc::Sender<std::io::Result<Bytes>>, piece: Bytes) -> std::io::Result<()> {
    let mut piece = Ok(piece);
    loop {
        match sender.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(std::io::ErrorKind::BrokenPipe.into()),
            Err(mpsc::error::TrySendError::Full(back)) => {
                piece = back;
                std::thread::sleep(PAUSE);
            }
        }
    }
}
