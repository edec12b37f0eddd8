//! Where processor time goes, for `go tool pprof` and for people.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use seaworthy_core::ErrorCode;
use seaworthy_telemetry::profile::{self, Profile};
use serde::Deserialize;
use utoipa::IntoParams;

use super::broke_off;
use crate::request::Params;
use crate::{Problem, request};

/// How long, and as what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// For how many seconds, 1 to 60; 10 unless said.
    seconds: Option<u64>,
    /// How many looks a second of processor time, 1 to 1,000; 99 unless said.
    hz: Option<u32>,
    /// `pprof` (gzipped `profile.proto`), `svg` (a flame graph) or `folded`; pprof unless said.
    format: Option<String>,
}

/// What a profile is made into.
#[derive(Debug, Clone, Copy)]
enum Format {
    Pprof,
    Svg,
    Folded,
}

/// Takes a profile of this process's processor time. One at a time.
#[utoipa::path(get, path = "/debug/pprof/profile",
    extensions(("x-permission" = json!("profile:read"))), tag = "profile", params(Wanted),
    responses((status = 200, body = String), (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn profile(Params(wanted): Params<Wanted>) -> Result<Response, Problem> {
    let format = match wanted.format.as_deref() {
        None | Some("pprof") => Format::Pprof,
        Some("svg") => Format::Svg,
        Some("folded") => Format::Folded,
        Some(_) => return Err(request::invalid("format: pprof, svg or folded")),
    };
    let (length, hertz) = (Duration::from_secs(wanted.seconds.unwrap_or(10)), wanted.hz.unwrap_or(99));
    let take = move || profile::cpu(length, hertz).map(|profile| made(&profile, format));
    let answer = tokio::task::spawn_blocking(take).await.map_err(|_| broke_off())?;
    answer.map_err(|error| {
        let code = error.code();
        let reason = match code {
            ErrorCode::Conflict => "wrong_state",
            ErrorCode::Invalid => "invalid_argument",
            _ => "internal",
        };
        Problem::new(code, reason, &error.to_string())
    })?
}

fn made(profile: &Profile, format: Format) -> Result<Response, Problem> {
    const FILE: &str = "attachment; filename=\"profile.pb.gz\"";
    Ok(match format {
        Format::Pprof => {
            let bytes = profile.pprof().map_err(|_| broke_off())?;
            ([(CONTENT_TYPE, "application/octet-stream"), (CONTENT_DISPOSITION, FILE)], bytes).into_response()
        }
        Format::Svg => {
            // it styles itself, and runs nothing
            let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
            let headers = [(CONTENT_TYPE, "image/svg+xml"), (CONTENT_SECURITY_POLICY, policy)];
            (headers, profile.flamegraph()).into_response()
        }
        Format::Folded => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], profile.folded()).into_response(),
    })
}
