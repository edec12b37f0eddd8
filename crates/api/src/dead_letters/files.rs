//! Letters as files: one JSON line each, in and out a piece at a time.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use seaworthy_core::ErrorCode;
use seaworthy_jobs::dead::{Export, ImportOptions, Imported};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::WhichLetters;
use crate::jobs::problem;
use crate::request::Params;
use crate::{Control, Problem};

/// How lines are taken in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct How {
    /// The kind of lines that name none: those of other systems.
    kind: Option<String>,
    /// Into this queue rather than the one each names.
    queue: Option<String>,
    /// Only look: nothing is written.
    #[serde(default)]
    check_only: bool,
}

/// What became of lines.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportedView {
    /// How many there were, empty ones included.
    lines: u64,
    /// How many became dead letters; of a check, how many would.
    imported: u64,
    /// How many were there already.
    duplicates: u64,
    /// How many were in order, and were left out for a line beside them that was not.
    left_out: u64,
    /// What is wrong with the others; the first 1,000.
    problems: Vec<LineProblem>,
    /// How many more there were.
    more_problems: u64,
}

/// A line that cannot be taken in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineProblem {
    /// From 1.
    line: u64,
    reason: String,
}

impl From<Imported> for ImportedView {
    fn from(done: Imported) -> Self {
        let problems = done.problems.into_iter();
        Self {
            lines: done.lines,
            imported: done.imported,
            duplicates: done.duplicates,
            left_out: done.left_out,
            problems: problems
                .map(|problem| LineProblem { line: problem.line, reason: problem.reason })
                .collect(),
            more_problems: done.more_problems,
        }
    }
}

/// Letters as JSON lines: `original_message`, `original_queue`, `error`, `timestamp`, `retry_count`, and `job` with what
/// else it takes to bring one back. An answer that breaks off before its end has failed.
#[utoipa::path(get, path = "/api/v1/dead-letters/export",
    extensions(("x-permission" = json!("dead_letters:read"))), tag = "dead letters", params(WhichLetters),
    responses((status = 200, body = String, content_type = "application/x-ndjson"),
        (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn export(
    State(control): State<Control>,
    Params(which): Params<WhichLetters>,
) -> Result<Response, Problem> {
    let dead = control.jobs.open()?.dead;
    let mut export = dead.export(which.whole()?);
    // the first piece decides whether this is an answer at all
    let first = export.next().await.map_err(problem)?;
    let lines = futures_util::stream::unfold((export, Some(Ok(first))), |(mut export, ready)| async move {
        let piece = match ready {
            Some(piece) => piece,
            None => Export::next(&mut export).await,
        };
        match piece {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(piece), (export, None))),
            Err(error) => {
                tracing::error!(%error, "an export broke off");
                Some((Err(error), (export, Some(Ok(None)))))
            }
        }
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// Takes JSON lines in as dead letters. A file may be imported again: what is there already is not doubled.
#[utoipa::path(post, path = "/api/v1/dead-letters/import",
    extensions(("x-permission" = json!("dead_letters:write"))), tag = "dead letters", params(How),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = ImportedView), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn import(
    State(control): State<Control>,
    Params(how): Params<How>,
    body: Body,
) -> Result<Json<ImportedView>, Problem> {
    let dead = control.jobs.open()?.dead;
    let mut import =
        dead.import(ImportOptions { kind: how.kind, queue: how.queue, check_only: how.check_only });
    let mut body = body;
    while let Some(frame) = body.frame().await {
        let broken =
            |_| Problem::new(ErrorCode::Invalid, "malformed_body", "the lines broke off before their end");
        if let Some(data) = frame.map_err(broken)?.data_ref() {
            import.push(data).await.map_err(problem)?;
        }
    }
    let done = import.finish().await.map_err(problem)?;
    tracing::info!(imported = done.imported, duplicates = done.duplicates, "dead letters imported");
    Ok(Json(done.into()))
}
