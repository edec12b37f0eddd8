use aws_lc_rs::digest;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use seaworthy_jobs::{Callback, Cancelled, Filter, NewJob};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::view::{BatchView, JobView, LogView};
use super::{JobOrder, once, problem};
use crate::request::{self, Params};
use crate::{Control, Problem};

/// What became of a job that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    #[schema(example = 1001)]
    id: i64,
    /// Its unique key was taken: this is the job that has it, and nothing was added.
    duplicate: bool,
}

/// Several jobs: all are accepted or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bulk {
    /// At most 10,000.
    jobs: Vec<JobOrder>,
}

/// What became of them, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkAccepted {
    jobs: Vec<Accepted>,
}

/// Which jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    queue: Option<String>,
    kind: Option<String>,
    /// `available`, `scheduled`, `pending`, `running`, `retryable`, `completed`, `cancelled` or `discarded`.
    state: Option<String>,
    batch: Option<i64>,
    /// An error signature.
    signature: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1,000; 50 unless said.
    limit: Option<usize>,
}

/// A page of jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobPage {
    jobs: Vec<JobView>,
    /// The next page's `cursor`; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What a job said, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Logs {
    lines: Vec<LogView>,
}

/// What calling off did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CancelAnswer {
    /// `cancelled` at once, or `requested` of its worker.
    #[schema(example = "cancelled")]
    outcome: &'static str,
}

/// A batch to be begun.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchOrder {
    /// For people.
    #[serde(default)]
    name: Option<String>,
    /// What runs when it is sealed and all its jobs have ended.
    #[serde(default)]
    callback: Option<CallbackOrder>,
}

/// The job at a batch's end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackOrder {
    #[schema(example = "http")]
    kind: String,
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    #[schema(value_type = Object)]
    payload: Value,
}

/// Accepts a job. Once this is answered, the job is durable.
///
/// With an `Idempotency-Key` (1 to 255 characters, remembered for a day) the same request may be repeated: it gets the
/// same answer, with 200, and nothing is added.
#[utoipa::path(post, path = "/api/v1/jobs",
    extensions(("x-permission" = json!("jobs:create"))), tag = "jobs", request_body = JobOrder,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable"),
        ("traceparent" = Option<String>, Header, description = "The trace that the job's run continues")),
    responses((status = 201, body = Accepted, headers(("Location" = String))),
        (status = 200, body = Accepted, description = "nothing was added: a repetition, or a taken unique key"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(control): State<Control>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let open = control.jobs.open()?;
    let job = request::body::<JobOrder>(&bytes)?.into_job(request::trace(&headers)).map_err(problem)?;
    let (enqueued, repeated) = match headers.get("idempotency-key") {
        Some(key) => {
            let hash = digest::digest(&digest::SHA256, &bytes);
            let fingerprint = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            let key = key.to_str().unwrap_or_default();
            let once = once::enqueue(&open.jobs, key, fingerprint, job).await?;
            (once.enqueued, once.repeated)
        }
        None => (open.jobs.enqueue(job).await.map_err(problem)?, false),
    };
    let status = if repeated || enqueued.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    let accepted = Accepted { id: enqueued.id, duplicate: enqueued.duplicate };
    let mut response = (status, Json(accepted)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/jobs/{}", enqueued.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Accepts many jobs: all or none.
#[utoipa::path(post, path = "/api/v1/jobs/bulk",
    extensions(("x-permission" = json!("jobs:create"))), tag = "jobs", request_body = Bulk,
    responses((status = 201, body = BulkAccepted), (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn bulk(
    State(control): State<Control>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<(StatusCode, Json<BulkAccepted>), Problem> {
    let open = control.jobs.open()?;
    let (orders, trace) = (request::body::<Bulk>(&bytes)?.jobs, request::trace(&headers));
    let mut jobs: Vec<NewJob> = Vec::with_capacity(orders.len());
    for (index, order) in orders.into_iter().enumerate() {
        let job = order.into_job(trace);
        jobs.push(job.map_err(|error| request::invalid(&format!("jobs[{index}]: {error}")))?);
    }
    let made = open.jobs.enqueue_many(jobs).await.map_err(problem)?;
    let jobs = made.into_iter().map(|made| Accepted { id: made.id, duplicate: made.duplicate }).collect();
    Ok((StatusCode::CREATED, Json(BulkAccepted { jobs })))
}

/// A page of jobs, newest first, without arguments and results.
#[utoipa::path(get, path = "/api/v1/jobs",
    extensions(("x-permission" = json!("jobs:read"))), tag = "jobs", params(Which),
    responses((status = 200, body = JobPage), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(control): State<Control>,
    Params(which): Params<Which>,
) -> Result<Json<JobPage>, Problem> {
    let open = control.jobs.open()?;
    let limit = request::limit(which.limit)?;
    let state = which.state.as_deref().map(str::parse).transpose();
    let before = which.cursor.as_deref().map(str::parse).transpose();
    let filter = Filter {
        queue: which.queue,
        kind: which.kind,
        state: state.map_err(|error: seaworthy_jobs::UnknownState| request::invalid(&error.to_string()))?,
        batch: which.batch,
        error_signature: which.signature,
        before: before.map_err(|_| request::invalid("this cursor is none of ours"))?,
    };
    let jobs = open.jobs.list(&filter, limit).await.map_err(problem)?;
    let next = jobs.last().filter(|_| jobs.len() == limit).map(|last| last.id.to_string());
    Ok(Json(JobPage { jobs: jobs.into_iter().map(JobView::short).collect(), next_cursor: next }))
}

/// A job with its arguments, its result and its history.
#[utoipa::path(get, path = "/api/v1/jobs/{id}",
    extensions(("x-permission" = json!("jobs:read"))), tag = "jobs", params(("id" = i64, Path, example = 1001)),
    responses((status = 200, body = JobView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn show(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let open = control.jobs.open()?;
    let id = request::id(&id)?;
    let job = open.jobs.get(id).await.map_err(problem)?;
    let attempts = open.jobs.attempts(id).await.map_err(problem)?;
    Ok(Json(JobView::full(job, attempts)))
}

/// What a job said while it ran, oldest first. A command's output stands in its result.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/logs",
    extensions(("x-permission" = json!("jobs:read"))), tag = "jobs", params(("id" = i64, Path, example = 1001)),
    responses((status = 200, body = Logs), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn logs(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<Logs>, Problem> {
    let open = control.jobs.open()?;
    let id = request::id(&id)?;
    // a job without lines is another thing than no job
    open.jobs.get(id).await.map_err(problem)?;
    let lines = open.jobs.logs(id).await.map_err(problem)?;
    Ok(Json(Logs { lines: lines.into_iter().map(LogView::from).collect() }))
}

/// Calls a job off: at once where it does not run yet, else by telling its worker.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel",
    extensions(("x-permission" = json!("jobs:write"))), tag = "jobs", params(("id" = i64, Path, example = 1001)),
    responses((status = 200, body = CancelAnswer), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "it has ended already")))]
pub(crate) async fn cancel(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<CancelAnswer>, Problem> {
    let open = control.jobs.open()?;
    let outcome = match open.jobs.cancel(request::id(&id)?).await.map_err(problem)? {
        Cancelled::Now => "cancelled",
        Cancelled::Requested => "requested",
    };
    Ok(Json(CancelAnswer { outcome }))
}

/// Tries a job that waits for its time or its next attempt now.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry",
    extensions(("x-permission" = json!("jobs:write"))), tag = "jobs", params(("id" = i64, Path, example = 1001)),
    responses((status = 204), (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "it waits for neither")))]
pub(crate) async fn retry(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let open = control.jobs.open()?;
    open.jobs.retry_now(request::id(&id)?).await.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a batch; jobs are added with `batch`.
#[utoipa::path(post, path = "/api/v1/batches",
    extensions(("x-permission" = json!("jobs:create"))), tag = "jobs", request_body = BatchOrder,
    responses((status = 201, body = BatchView), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn begin_batch(
    State(control): State<Control>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<BatchView>), Problem> {
    let open = control.jobs.open()?;
    let order: BatchOrder = request::maybe(&bytes)?;
    let callback = order.callback.map(|callback| Callback {
        kind: callback.kind,
        queue: callback.queue.unwrap_or_else(|| seaworthy_jobs::DEFAULT_QUEUE.to_owned()),
        payload: callback.payload,
    });
    let id = open.jobs.begin_batch(order.name.as_deref(), callback).await.map_err(problem)?;
    let batch = open.jobs.batch(id).await.map_err(problem)?;
    Ok((StatusCode::CREATED, Json(batch.into())))
}

/// How a batch stands.
#[utoipa::path(get, path = "/api/v1/batches/{id}",
    extensions(("x-permission" = json!("jobs:read"))), tag = "jobs", params(("id" = i64, Path, example = 1001)),
    responses((status = 200, body = BatchView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn batch(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<BatchView>, Problem> {
    let open = control.jobs.open()?;
    let batch = open.jobs.batch(request::id(&id)?).await.map_err(problem)?;
    Ok(Json(batch.into()))
}

/// A batch takes no more jobs from now on; once all it has have ended, its callback is enqueued.
#[utoipa::path(post, path = "/api/v1/batches/{id}/seal",
    extensions(("x-permission" = json!("jobs:create"))), tag = "jobs", params(("id" = i64, Path, example = 1001)),
    responses((status = 200, body = BatchView), (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn seal_batch(
    State(control): State<Control>,
    Path(id): Path<String>,
) -> Result<Json<BatchView>, Problem> {
    let open = control.jobs.open()?;
    let id = request::id(&id)?;
    open.jobs.seal_batch(id).await.map_err(problem)?;
    Ok(Json(open.jobs.batch(id).await.map_err(problem)?.into()))
}
