//! What every call passes: from where it may come, who it is from, whether they may, and what is written down of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, request::Parts};
use seaworthy_core::{ErrorCode, RequestId};
use seaworthy_gateway::access::Presented;
use seaworthy_identity::{Actor, Subject};

use super::order::{self, Order};
use super::{Needs, Table};
use crate::problem::with_id;
use crate::{Control, Problem};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Lets a call through, or says why not.
pub(crate) async fn pass(
    State((control, table)): State<(Control, Arc<Table>)>,
    request: Request,
    next: Next,
) -> Response {
    let id = request.headers().get(X_REQUEST_ID).and_then(|id| RequestId::accept(id.as_bytes()));
    let id = id.unwrap_or_else(RequestId::generate);
    let mut response = with_id(id, async move {
        let method = request.method().clone();
        // what was asked for without being there is told by nobody: it may be anything, a secret too
        let known = request.extensions().get::<MatchedPath>().is_some();
        let target = if known { request.uri().path().to_owned() } else { "(no such path)".to_owned() };
        let browser = crate::dashboard::Browser::of(&request);
        match enter(&control, &table, request, &id).await {
            Ok((request, None)) => next.run(request).await,
            Ok((request, Some(order))) => order::carry_out(&control, order, request, next).await,
            Err((problem, actor)) => {
                // somebody who opens a page before logging in is shown the way, and nothing to be told of
                if let Some(way) = browser.as_ref().and_then(|browser| browser.way_in(&problem)) {
                    return way;
                }
                order::refused(&control, &actor, (&method, &target), &problem);
                match browser {
                    Some(browser) => browser.refused(&control, &table, &actor, &problem),
                    None => problem.into_response(),
                }
            }
        }
    })
    .await;
    if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    harden(response.headers_mut());
    if response.status() == http::StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"seaworthy\""));
    }
    response
}

/// What browsers must not do with answers, where an answer does not say otherwise itself.
const HARDENED: [(HeaderName, HeaderValue); 5] = [
    // whoever has the machine next finds no passwords, keys or people in its cache
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

fn harden(headers: &mut http::HeaderMap) {
    for (name, value) in HARDENED {
        headers.entry(name).or_insert(value);
    }
}

/// A refusal, and whose call it was as far as that is known.
type Refused = (Problem, Actor);

/// The call with who makes it; where it is an order, what is written down of it.
async fn enter(
    control: &Control,
    table: &Arc<Table>,
    request: Request,
    id: &RequestId,
) -> Result<(Request, Option<Order>), Refused> {
    let (mut parts, body) = request.into_parts();
    let client = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    // a call that came by no connection is one of this process itself
    let client = client.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip().to_canonical());
    let mut actor = Actor::anonymous(Some(client));
    actor.request_id = Some(id.to_string());
    actor.trace_id = crate::request::trace(&parts.headers).map(|trace| trace.trace_id_hex());
    let entered = look(control, table, &parts, &mut actor, (client, id)).await;
    let needs = entered.map_err(|problem| (problem, actor.clone()))?;
    let order = needs.filter(Needs::is_order).map(|action| Order {
        action,
        actor: actor.clone(),
        target: format!("{} {}", parts.method, parts.uri.path()),
    });
    parts.extensions.insert(actor);
    parts.extensions.insert(Arc::clone(table));
    Ok((Request::from_parts(parts, body), order))
}

async fn look(
    control: &Control,
    table: &Table,
    parts: &Parts,
    actor: &mut Actor,
    (client, id): (IpAddr, &RequestId),
) -> Result<Option<Needs>, Problem> {
    control.guard.check(&parts.method, &parts.uri, &parts.headers)?;
    let path = parts.extensions.get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let entry = path.as_deref().and_then(|path| table.find(&parts.method, path));
    if entry == Some(&Needs::Nothing) {
        return Ok(None);
    }
    let recognised = control.access.recognise(&presented(parts, client, id)).await?;
    let forged = recognised.forgeable && !parts.method.is_safe();
    let principal = recognised.principal;
    actor.principal = Arc::new(principal.clone());
    let nobody = principal.subject == Subject::Anonymous;
    if forged {
        let detail = "orders of a session need the header X-CSRF-Token with the session's own token";
        return Err(Problem::new(ErrorCode::Forbidden, "csrf", detail));
    }
    match entry {
        // that there is nothing is not told to whoever may see nothing
        None if nobody => return Err(unknown()),
        // ASVS 8.2.1: a route that nothing is known of is nobody's
        None if path.as_deref().is_some_and(|path| !table.knows(path)) => {
            let detail = "it is not said who may use this";
            return Err(Problem::new(ErrorCode::Forbidden, "permission_missing", detail));
        }
        // the router says what is wrong: no such path, or another method
        None | Some(Needs::Nothing) => {}
        Some(Needs::Permission(permission)) if control.access.allows(&principal, permission) => {}
        Some(Needs::Permission(_)) if nobody => return Err(unknown()),
        Some(Needs::Permission(permission)) => {
            let detail = format!("this needs the permission {permission}");
            return Err(Problem::new(ErrorCode::Forbidden, "permission_missing", &detail));
        }
    }
    Ok(entry.cloned())
}

fn unknown() -> Problem {
    let detail = "the control API needs a credential: `Authorization: Bearer TOKEN`";
    Problem::new(ErrorCode::Unauthenticated, "no_credential", detail)
}

/// What a call shows of itself.
pub(crate) fn presented<'a>(parts: &'a Parts, client: IpAddr, id: &'a RequestId) -> Presented<'a> {
    Presented {
        method: &parts.method,
        uri: &parts.uri,
        headers: &parts.headers,
        client,
        secure: false,
        host: parts.headers.get(http::header::HOST),
        has_body: false,
        certificate: None,
        request_id: id.as_str(),
    }
}
