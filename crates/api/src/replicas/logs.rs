//! What replicas say.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header::CONTENT_TYPE;
use seaworthy_supervisor::logs::{Follow, Followed, LogLine};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{problem, view::when};
use crate::request::{self, Params};
use crate::{Control, Problem};

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Of this replica alone.
    replica: Option<String>,
    /// How many, from 1 to 1000: the latest. 50 unless said.
    limit: Option<usize>,
    /// Whether what comes from then on is wanted too: the answer goes on until it is closed.
    #[serde(default)]
    follow: bool,
}

/// A line that a replica wrote.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    at: String,
    #[schema(example = "shop-1")]
    replica: String,
    /// `stdout` or `stderr`.
    #[schema(example = "stdout")]
    stream: String,
    text: String,
    /// Whether it was longer than 16 KiB, and this is its beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Lines that came faster than they were read.
#[derive(Debug, Serialize)]
struct Missed {
    missed: u64,
}

/// What the replicas of a service wrote: a JSON object on each line. Where lines come faster than they are read,
/// `{"missed": n}` stands in their place.
#[utoipa::path(get, path = "/api/v1/services/{name}/logs",
    extensions(("x-permission" = json!("services:read"))), tag = "services",
    params(("name" = String, Path, example = "shop"), Wanted),
    responses((status = 200, body = LineView, content_type = "application/x-ndjson"),
        (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn logs(
    State(control): State<Control>,
    Path(name): Path<String>,
    Params(wanted): Params<Wanted>,
) -> Result<Response, Problem> {
    let fleet = control.run(&name)?;
    let (most, replica) = (request::limit(wanted.limit)?, wanted.replica.as_deref());
    let body = if wanted.follow {
        let (lines, follow) = fleet.follow(&name, replica, most).map_err(problem)?;
        let first = stream::iter([Ok::<_, Infallible>(all(&lines))]);
        Body::from_stream(stream::StreamExt::chain(first, following(follow, wanted.replica)))
    } else {
        Body::from(all(&fleet.logs(&name, replica, most).map_err(problem)?))
    };
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn following(
    follow: Follow,
    replica: Option<String>,
) -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((follow, replica), |(mut follow, replica)| async move {
        loop {
            let told = match follow.next().await? {
                Followed::Line(line) if replica.as_deref().is_none_or(|only| *line.replica == *only) => {
                    one(&line)
                }
                Followed::Line(_) => continue,
                Followed::Missed(missed) => written(&Missed { missed }),
            };
            return Some((Ok(told), (follow, replica)));
        }
    })
}

fn all(lines: &[Arc<LogLine>]) -> Bytes {
    lines.iter().flat_map(|line| one(line)).collect()
}

fn one(line: &LogLine) -> Bytes {
    written(&LineView {
        at: when(line.at),
        replica: line.replica.to_string(),
        stream: line.stream.as_str().to_owned(),
        text: line.text.clone(),
        cut: line.cut,
    })
}

fn written(value: &impl Serialize) -> Bytes {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
