//! Sends a request to its service: what belongs to the client's connection is dropped, what the upstream needs is
//! written, and the service's policies take it from there.

use std::rc::Rc;

use http::header::{AUTHORIZATION, CONNECTION, HOST, UPGRADE};
use http::{HeaderValue, Response, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;

use super::{Exchange, Trail, access, inspect};
use crate::access::{SCORE, Wanted};
use crate::body::{RequestBody, ResponseBody};
use crate::error::Error;
use crate::headers::{self, Census, X_REQUEST_ID};
use crate::router;
use crate::upstream::endpoint::LocalFuture;
use crate::upstream::rules::LONG_BODY;
use crate::upstream::service::LocalService;
use crate::upstream::work::Share;
use crate::worker::LocalPlan;

/// An answer under way.
pub(super) type Answer = LocalFuture<Result<Response<ResponseBody>, Error>>;

/// Sends the request. Not an async function: the request would be moved through one more state machine.
pub(super) fn begin(exchange: &mut Exchange, request: http::Request<Incoming>) -> Result<Answer, Error> {
    let limit = exchange.route().map_or(u64::MAX, |route| route.settings.body_bytes);
    let silence =
        exchange.info.guard.is_none().then_some(exchange.info.listener.settings.limits.body_timeout);
    let (fate, trail) = (&mut exchange.fate, &exchange.trail);
    let request = request.map(|incoming| RequestBody::new(incoming, limit, silence, fate, trail));
    let target = choose(exchange).ok_or(Error::Internal("the route has no service"))?;
    if let Some(wanted) = inspect::wanted(exchange, &request) {
        return inspect_first(exchange, target, request, wanted);
    }
    match request.body().is_short(LONG_BODY) {
        true => collect_first(exchange, target, request),
        false => begin_at(exchange, target, request),
    }
}

/// Sends a request whose body is short once all of it is here. The attempt's clock, a place in the bulkhead and the
/// breaker's judgement would otherwise be the client's to play with: it need only leave its body unfinished.
fn collect_first(
    exchange: &mut Exchange,
    target: usize,
    mut request: http::Request<RequestBody>,
) -> Result<Answer, Error> {
    let plan = Rc::clone(&exchange.plan);
    let service = Rc::clone(address(exchange, target, &plan, &mut request)?);
    let patience = service.shared.settings.policies.total_timeout;
    let fate = exchange.fate.clone();
    Ok(Box::pin(async move {
        let (head, body) = request.into_parts();
        let whole = match patience {
            Some(patience) => tokio::time::timeout(patience, body.whole()).await,
            None => Ok(body.whole().await),
        };
        let Ok(whole) = whole else {
            fate.inspect(|fate| fate.late.set(true));
            return Err(Error::Client);
        };
        // whose fault it is, the fate of the body tells
        let whole = whole.map_err(|_| Error::Client)?;
        service.call(http::Request::from_parts(head, whole)).await
    }))
}

/// Sends a request once its body, or enough of it, was looked at.
fn inspect_first(
    exchange: &mut Exchange,
    target: usize,
    mut request: http::Request<RequestBody>,
    wanted: Wanted,
) -> Result<Answer, Error> {
    let look = inspect::Look::new(exchange, &request).ok_or(Error::Internal("the route has no service"))?;
    let plan = Rc::clone(&exchange.plan);
    let service = Rc::clone(address(exchange, target, &plan, &mut request)?);
    let patience = service.shared.settings.policies.total_timeout;
    let fate = exchange.fate.clone();
    Ok(Box::pin(async move {
        let (head, body) = request.into_parts();
        let peeked = match patience {
            Some(patience) => tokio::time::timeout(patience, body.peek(wanted.bytes)).await,
            None => Ok(body.peek(wanted.bytes).await),
        };
        let Ok(peeked) = peeked else {
            fate.inspect(|fate| fate.late.set(true));
            return Err(Error::Client);
        };
        let body = peeked.map_err(|_| Error::Client)?;
        let mut request = http::Request::from_parts(head, body);
        if let Some(mark) = look.body(request.body(), wanted)? {
            request.headers_mut().insert(SCORE, mark);
        }
        service.call(request).await
    }))
}

/// Sends a request to one service of the plan.
pub(super) fn begin_at(
    exchange: &mut Exchange,
    target: usize,
    mut request: http::Request<RequestBody>,
) -> Result<Answer, Error> {
    let plan = Rc::clone(&exchange.plan);
    Ok(address(exchange, target, &plan, &mut request)?.call(request))
}

/// Makes a request one for this service.
fn address<'a>(
    exchange: &mut Exchange,
    target: usize,
    plan: &'a LocalPlan,
    request: &mut http::Request<RequestBody>,
) -> Result<&'a Rc<LocalService>, Error> {
    let service = plan.services.get(target).ok_or(Error::Internal("the route has no service"))?;
    exchange.service = Some(service.shared.settings.name.clone());
    prepare(exchange, service, request);
    if let Some(credential) = &service.shared.settings.credential {
        let own = credential.0.current().ok_or(Error::OwnCredential)?;
        request.headers_mut().insert(AUTHORIZATION, own);
    }
    Ok(service)
}

/// Takes the head of the answer.
pub(super) fn end(
    exchange: &Exchange,
    mut response: Response<ResponseBody>,
) -> Result<Response<ResponseBody>, Error> {
    if response.status() == http::StatusCode::UNAUTHORIZED {
        refused(exchange);
    }
    if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        accept_switch(exchange, &mut response)?;
    }
    Ok(response)
}

/// The service did not accept what was shown to it, where that was the gateway's own.
fn refused(exchange: &Exchange) {
    let services = &exchange.plan.shared.services;
    let service = services.iter().find(|known| Some(&known.settings.name) == exchange.service.as_ref());
    if let Some(credential) = service.and_then(|service| service.settings.credential.as_ref()) {
        credential.0.refused();
    }
}

/// Sends a request to one service of the plan and waits for the head of the answer.
pub(super) async fn send_to(
    exchange: &mut Exchange,
    target: usize,
    request: http::Request<RequestBody>,
) -> Result<Response<ResponseBody>, Error> {
    let response = begin_at(exchange, target, request)?.await?;
    end(exchange, response)
}

/// Picks a target by weight.
pub(super) fn choose(exchange: &Exchange) -> Option<usize> {
    if let Some(sandbox) = exchange.sandbox {
        return Some(sandbox);
    }
    let targets = &exchange.route()?.targets;
    if let [(only, _)] = targets.as_slice() {
        return Some(*only);
    }
    let total: u64 = targets.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut point = if total == 0 { return None } else { fastrand::u64(..total) };
    for (target, weight) in targets {
        match point.checked_sub(u64::from(*weight)) {
            Some(left) => point = left,
            None => return Some(*target),
        }
    }
    None
}

/// What a cache may look at: the headers as the service will see them, not as the client wrote them. A client could
/// otherwise have an answer stored under headers that the service never got.
pub(super) fn clean(exchange: &Exchange, map: &mut http::HeaderMap) {
    let seen = Census::take(map);
    headers::drop_hop_by_hop(map, seen);
    if seen.cookie {
        headers::join_cookies(map);
    }
    if !exchange.origin.trusted {
        headers::drop_claims(map);
    }
    headers::fold(map);
}

fn prepare(exchange: &mut Exchange, service: &LocalService, request: &mut http::Request<RequestBody>) {
    let settings = &service.shared.settings;
    let upgrade = take_upgrade(exchange, request);
    let absolute = request.uri().authority().is_some();
    let map = request.headers_mut();
    let seen = Census::take(map);
    headers::drop_hop_by_hop(map, seen);
    if seen.cookie {
        headers::join_cookies(map);
    }
    if seen.underscore {
        headers::drop_lookalikes(map);
    }
    if let Some(protocol) = upgrade {
        map.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        map.insert(UPGRADE, protocol);
    }
    let peer = headers::Peer { ip: exchange.info.peer.ip().to_canonical(), text: &exchange.info.address };
    headers::write_forwarding(map, settings.forwarding, peer, exchange.origin, exchange.host.as_ref(), seen);
    let asked = exchange.info.listener.settings.asks_for_certificates();
    headers::write_client_verify(map, asked, exchange.info.client_certificate.is_some(), seen);
    access::introduce(exchange.caller.as_ref(), map);
    if let Some(mark) = &exchange.mark {
        map.insert(SCORE, mark.clone());
    }
    if let Ok(id) = HeaderValue::from_bytes(exchange.id.as_bytes()) {
        map.insert(X_REQUEST_ID, id);
    }
    match &exchange.host {
        _ if !settings.preserve_host => {
            map.remove(HOST); // each endpoint writes its own
        }
        // an HTTP/1 request with a path alone has it already
        Some(host) if absolute => {
            map.insert(HOST, host.clone());
        }
        _ => {}
    }
    let unsized_body = !request.body().is_end_stream() && request.body().size_hint().exact().is_none();
    if unsized_body && matches!(*request.method(), http::Method::GET | http::Method::HEAD) {
        // the library sends no body with these unless it is told to
        request.headers_mut().insert(http::header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    rewrite(exchange, request);
    *request.version_mut() = Version::HTTP_11;
    request.extensions_mut().clear();
    request.extensions_mut().insert::<std::sync::Arc<Trail>>(exchange.trail.clone());
}

/// The protocol a client asks to switch to, where that may be passed on. `h2c` may not: it would let a client speak
/// to the upstream past everything here.
fn take_upgrade(exchange: &mut Exchange, request: &http::Request<RequestBody>) -> Option<HeaderValue> {
    let possible = exchange.upgrade && exchange.info.guard.is_some() && request.body().is_end_stream();
    if !possible {
        return None;
    }
    let asked = request.headers().get(UPGRADE)?.clone();
    let connection = request.headers().get_all(CONNECTION);
    let meant = connection
        .iter()
        .filter_map(|v| v.to_str().ok())
        .any(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("upgrade")));
    let http2 =
        asked.to_str().is_ok_and(|p| p.split(',').any(|p| p.trim().to_ascii_lowercase().starts_with("h2c")));
    (meant && !http2).then_some(asked)
}

/// The path the upstream gets, in origin form.
fn rewrite(exchange: &Exchange, request: &mut http::Request<RequestBody>) {
    let rewritten = exchange.route().and_then(|route| {
        let to = route.settings.rewrite.as_deref()?;
        let mut path = router::rewrite(&route.settings.path, request.uri().path(), to);
        if let Some(query) = request.uri().query() {
            path.push('?');
            path.push_str(query);
        }
        Uri::try_from(path).ok()
    });
    if let Some(uri) = rewritten {
        *request.uri_mut() = uri;
    } else if request.uri().authority().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    }
}

/// The upstream agreed to leave HTTP: its half of the connection waits for the client's.
fn accept_switch(exchange: &Exchange, response: &mut Response<ResponseBody>) -> Result<(), Error> {
    let upgrade = response.extensions_mut().remove::<hyper::upgrade::OnUpgrade>();
    match upgrade {
        Some(upgrade) if exchange.upgrade && exchange.info.guard.is_some() => {
            let share = response.extensions_mut().remove::<std::sync::Arc<Share>>();
            *exchange.info.tunnel.borrow_mut() = Some((upgrade, share));
            Ok(())
        }
        // nobody asked for it
        _ => Err(Error::Upgrade),
    }
}
