//! Orders, and refusals, in the audit log.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use seaworthy_core::ErrorCode;
use seaworthy_identity::Actor;
use seaworthy_identity::audit::{Entry, Outcome};
use serde_json::Value;

use super::Needs;
use crate::{Control, LARGEST_BODY, Problem};

/// Resources whose changes write entries of their own, with what was there before.
const OWN: [&str; 8] = ["users", "roles", "keys", "sessions", "tokens", "grants", "audit", "account"];
/// The longest order that is written down whole.
const LONGEST: usize = 8 << 10;

/// What is written down of an order.
pub(crate) struct Order {
    pub(super) action: Needs,
    pub(super) actor: Actor,
    pub(super) target: String,
}

/// Carries an order out, and writes it down before it is acknowledged.
pub(crate) async fn carry_out(control: &Control, order: Order, request: Request, next: Next) -> Response {
    let Needs::Permission(permission) = &order.action else { return next.run(request).await };
    if OWN.contains(&permission.resource()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST_BODY).await else {
        let detail = format!("the body is longer than {LARGEST_BODY} bytes, or broke off");
        return Problem::with_status(413, ErrorCode::Invalid, "body_too_large", &detail).into_response();
    };
    let told = told(&bytes);
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let outcome = match response.status() {
        status if status.is_success() => Outcome::Success,
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Outcome::Denied,
        _ => Outcome::Failure,
    };
    let entry = Entry::new(&order.actor, &permission.to_string(), order.target.clone(), outcome);
    let entry = entry.change(None, told).because(response.status().as_str().to_owned());
    let written = match control.identity.now() {
        Some(identity) => identity.audit().record(entry).await.map_err(|error| error.to_string()),
        None => Err("there is no store for the audit log".to_owned()),
    };
    if let Err(why) = written {
        // operators must be able to act though the store is away: then this line is all there is
        tracing::warn!(
            target: "seaworthy::audit",
            who = order.actor.principal.name,
            did = %permission,
            target = order.target,
            status = response.status().as_u16(),
            why,
            "an order is in no audit log but this line"
        );
    }
    response
}

/// What was ordered, where it is short enough to be told; the log leaves secrets out.
fn told(bytes: &Bytes) -> Option<Value> {
    match bytes.len() {
        0 => None,
        1..=LONGEST => serde_json::from_slice(bytes).ok(),
        length => Some(serde_json::json!({ "bytes": length })),
    }
}

/// Counts that somebody was not let in, and notes it; never waits.
pub(crate) fn refused(control: &Control, actor: &Actor, (method, path): (&Method, &str), problem: &Problem) {
    let reason = [("reason", problem.reason().to_owned())];
    control
        .metrics
        .counter("seaworthy.control.refused", "calls of the control API that were refused", &reason)
        .inc();
    if !control.access.tells(actor.client) {
        return;
    }
    if let Some(identity) = control.identity.now() {
        let entry = Entry::new(actor, "access.denied", format!("{method} {path}"), Outcome::Denied);
        identity.audit().note(entry.because(problem.reason().to_owned()));
    }
}
