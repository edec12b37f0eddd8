//! The cache's place in a request: answer from it, join a fetch under way, or go on and keep what comes back.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{
    AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE, SET_COOKIE, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use hyper::body::Incoming;
use seaworthy_resilience::effects::Counter;

use super::{Exchange, forward};
use crate::body::{Outcome, RequestBody, ResponseBody, Watcher};
use crate::cache::{self, Boarding, Counts, Entry, Flight, Key, Store};
use crate::error::Error;
use crate::settings::Cache;

/// What the cache says to a request.
pub(super) enum Looked {
    /// Here is the answer.
    Answer(Response<ResponseBody>),
    /// Go on; the ticket says what to do with what comes back.
    Forward(Ticket),
}

/// What is to be done with an answer from the service.
#[derive(Default)]
pub(super) struct Ticket(Option<Box<Fetch>>);

struct Fetch {
    key: Key,
    /// The request as the policy must see it.
    request: http::Request<()>,
    /// The stale answer that is being revalidated.
    stale: Option<Arc<Entry>>,
    flight: Option<Flight>,
    /// An unsafe method: its success makes what is stored invalid.
    invalidates: bool,
    settings: Cache,
}

/// Looks for an answer.
pub(super) async fn lookup(exchange: &mut Exchange, request: &mut http::Request<Incoming>) -> Looked {
    let Some(settings) = exchange.route().and_then(|route| route.settings.cache.clone()) else {
        return Looked::Forward(Ticket::default());
    };
    let Some(key) = key(exchange) else { return Looked::Forward(Ticket::default()) };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let invalidates = !request.method().is_safe();
        let fetch = Fetch { key, request: bare(request), stale: None, flight: None, invalidates, settings };
        return Looked::Forward(Ticket(Some(Box::new(fetch))));
    }
    let bypass = request.headers().contains_key(RANGE) || exchange.upgrade;
    if bypass {
        note(exchange, "fwd=bypass");
        return Looked::Forward(Ticket::default());
    }
    let store = Arc::clone(&exchange.core.cache);
    let mut waited = false;
    let patience = tokio::time::Instant::now() + settings.lock_timeout;
    loop {
        let found = find(&store, &key, request);
        let revalidates = match &found {
            Found::Fresh(entry) => {
                count(exchange, |counts| if waited { &counts.joined } else { &counts.hits });
                return Looked::Answer(answer(exchange, entry, request, "hit"));
            }
            Found::Stale(entry) if may_revalidate_behind(entry, request.headers()) => {
                count(exchange, |counts| &counts.stale_while_revalidate);
                revalidate_behind(exchange, &store, key, request, settings, entry);
                return Looked::Answer(answer(
                    exchange,
                    entry,
                    request,
                    "hit; fwd=stale; detail=revalidating",
                ));
            }
            Found::Stale(entry) => Some(Arc::clone(entry)),
            Found::Nothing => None,
        };
        let alone = tokio::time::Instant::now() >= patience
            || store.is_passed(&key)
            || *request.method() == Method::HEAD;
        if alone {
            return go(exchange, &store, key, None, settings, request, revalidates);
        }
        match store.board(&key) {
            Boarding::Fetch(flight) => {
                return go(exchange, &store, key, Some(flight), settings, request, revalidates);
            }
            // whoever fetched may have left without an answer: then the next in line does
            Boarding::Wait(mut flight) => {
                waited = true;
                if tokio::time::timeout_at(patience, flight.changed()).await.is_err() {
                    count(exchange, |counts| &counts.waited_too_long);
                }
            }
        }
    }
}

enum Found {
    Fresh(Arc<Entry>),
    Stale(Arc<Entry>),
    Nothing,
}

fn find<B>(store: &Store, key: &Key, request: &http::Request<B>) -> Found {
    let Some(variants) = store.get(key) else { return Found::Nothing };
    let now = SystemTime::now();
    let asked = as_get(bare(request));
    let mut stale = None;
    for entry in variants.iter().rev() {
        match entry.policy.before_request(&asked, now) {
            BeforeRequest::Fresh(_) => return Found::Fresh(Arc::clone(entry)),
            // the answer to a HEAD has no body to keep: it makes nothing fresh again
            BeforeRequest::Stale { matches: true, .. } if *request.method() == Method::GET => {
                stale.get_or_insert(Arc::clone(entry));
            }
            BeforeRequest::Stale { .. } => {}
        }
    }
    stale.map_or(Found::Nothing, Found::Stale)
}

fn may_revalidate_behind(entry: &Entry, asked: &HeaderMap) -> bool {
    let staleness = entry.staleness(SystemTime::now());
    // a client that asks for a fresh answer gets one
    let insists =
        asked.get(CACHE_CONTROL).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("no-cache"));
    staleness > Duration::ZERO && staleness <= entry.while_revalidate && !insists
}

/// Asks for the stored answer's successor: the client's own conditions go, the stored validators come, so that a 304
/// can mean nothing but the stored answer.
fn revalidate(headers: &mut HeaderMap, entry: &Entry) {
    headers.remove(IF_NONE_MATCH);
    headers.remove(IF_MODIFIED_SINCE);
    if let Some(etag) = entry.headers.get(ETAG) {
        headers.insert(IF_NONE_MATCH, etag.clone());
    }
    if let Some(modified) = entry.headers.get(LAST_MODIFIED) {
        headers.insert(IF_MODIFIED_SINCE, modified.clone());
    }
}

/// Goes on to the service, with what revalidates a stale answer where there is one.
fn go(
    exchange: &Exchange,
    store: &Store,
    key: Key,
    flight: Option<Flight>,
    settings: Cache,
    request: &mut http::Request<Incoming>,
    stale: Option<Arc<Entry>>,
) -> Looked {
    count(exchange, |counts| &counts.misses);
    note(exchange, if stale.is_some() { "fwd=stale" } else { "fwd=uri-miss" });
    let asked = bare(request);
    match &stale {
        Some(entry) => revalidate(request.headers_mut(), entry),
        // the whole answer is wanted, to be kept
        None if *request.method() == Method::GET && !store.is_passed(&key) => {
            request.headers_mut().remove(IF_NONE_MATCH);
            request.headers_mut().remove(IF_MODIFIED_SINCE);
        }
        None => {}
    }
    let fetch = Fetch { key, request: asked, stale, flight, invalidates: false, settings };
    Looked::Forward(Ticket(Some(Box::new(fetch))))
}

/// Fetches anew after the stale answer was given, unless somebody does already.
fn revalidate_behind(
    exchange: &Exchange,
    store: &Arc<Store>,
    key: Key,
    request: &http::Request<Incoming>,
    settings: Cache,
    entry: &Arc<Entry>,
) {
    let Boarding::Fetch(flight) = store.board(&key) else { return };
    let asked = bare(request);
    let mut again = http::Request::new(RequestBody::default());
    *again.uri_mut() = asked.uri().clone();
    *again.headers_mut() = asked.headers().clone();
    revalidate(again.headers_mut(), entry);
    let stale = Some(Arc::clone(entry));
    let fetch = Fetch { key, request: asked, stale, flight: Some(flight), invalidates: false, settings };
    let mut behind = exchange.detached();
    tokio::task::spawn_local(async move {
        let Some(target) = forward::choose(&behind) else { return };
        let outcome = forward::send_to(&mut behind, target, again).await;
        if let Ok(response) = store_fetched(&behind, Box::new(fetch), outcome) {
            // reading it to its end is what stores it
            let _ = http_body_util::BodyExt::collect(response.into_body()).await;
        }
    });
}

/// Keeps what may be kept of an answer on its way to the client.
pub(super) fn store(
    exchange: &Exchange,
    ticket: Ticket,
    outcome: Result<Response<ResponseBody>, Error>,
) -> Result<Response<ResponseBody>, Error> {
    match ticket.0 {
        None => outcome,
        Some(fetch) => store_fetched(exchange, fetch, outcome),
    }
}

fn store_fetched(
    exchange: &Exchange,
    mut fetch: Box<Fetch>,
    outcome: Result<Response<ResponseBody>, Error>,
) -> Result<Response<ResponseBody>, Error> {
    let response = outcome?;
    let store = Arc::clone(&exchange.core.cache);
    if fetch.invalidates {
        if response.status().is_success() || response.status().is_redirection() {
            store.forget(&fetch.key);
        }
        return Ok(response);
    }
    if response.status() == StatusCode::NOT_MODIFIED
        && let Some(stale) = fetch.stale.take()
    {
        return Ok(revalidated(exchange, &store, &fetch, &stale, &response));
    }
    if *fetch.request.method() == Method::HEAD {
        return Ok(response);
    }
    let status = response.status();
    if status.is_server_error() || !has_sane_age(response.headers()) {
        // nothing to keep, and nothing learnt about the resource either
        return Ok(response);
    }
    let policy = policy(&fetch, &response);
    let lives =
        policy.time_to_live(SystemTime::now()) > Duration::ZERO || !fetch.settings.stale_if_error.is_zero();
    let storable = policy.is_storable()
        && lives
        && !response.headers().contains_key(SET_COOKIE)
        && http_body::Body::size_hint(response.body()).lower() <= fetch.settings.object_bytes;
    if !storable {
        store.pass(&fetch.key);
        return Ok(response);
    }
    let entry = entry(exchange, &fetch, policy, &response);
    let limit = fetch.settings.object_bytes;
    let keeper = Keeper {
        store,
        key: fetch.key.clone(),
        request: fetch.request,
        entry: Some(entry),
        body: BytesMut::new(),
        limit,
        _flight: fetch.flight,
    };
    Ok(response.map(|body| body.watched(Box::new(keeper))))
}

/// Ages beyond a few years overflow the arithmetic of whoever adds to them.
fn has_sane_age(headers: &HeaderMap) -> bool {
    const LONGEST: u64 = 10 * 365 * 86_400;
    let age = headers.get(AGE).map(|age| age.to_str().ok().and_then(|age| age.trim().parse::<u64>().ok()));
    let max_age = ["max-age", "s-maxage"].iter().filter_map(|name| cache::directive(headers, name));
    age.is_none_or(|age| age.is_some_and(|age| age < LONGEST))
        && max_age.into_iter().all(|max| max.as_secs() < LONGEST)
}

/// Statuses that may be kept without the service saying so (RFC 9110 §15.1). Of the redirects only the permanent ones.
const SILENTLY_CACHEABLE: [u16; 10] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414];

fn policy(fetch: &Fetch, response: &Response<ResponseBody>) -> CachePolicy {
    let options = CacheOptions { shared: true, ..CacheOptions::default() };
    let mut parts = Response::new(());
    *parts.status_mut() = response.status();
    *parts.headers_mut() = response.headers().clone();
    let silent = !parts.headers().contains_key(CACHE_CONTROL) && !parts.headers().contains_key("expires");
    let private = fetch.request.headers().contains_key(AUTHORIZATION);
    if silent
        && !private
        && SILENTLY_CACHEABLE.contains(&response.status().as_u16())
        && !fetch.settings.default_ttl.is_zero()
        && let Ok(value) = HeaderValue::from_str(&format!("max-age={}", fetch.settings.default_ttl.as_secs()))
    {
        parts.headers_mut().insert(CACHE_CONTROL, value);
    }
    CachePolicy::new_options(&fetch.request, &parts, SystemTime::now(), options)
}

fn entry(
    exchange: &Exchange,
    fetch: &Fetch,
    policy: CachePolicy,
    response: &Response<ResponseBody>,
) -> Entry {
    let mut headers = response.headers().clone();
    let seen = crate::headers::Census::take(&headers);
    crate::headers::drop_hop_by_hop(&mut headers, seen);
    let extension = |name, default| cache::directive(&headers, name).unwrap_or(default);
    let while_revalidate = extension("stale-while-revalidate", fetch.settings.stale_while_revalidate);
    let if_error = extension("stale-if-error", fetch.settings.stale_if_error);
    let strict = headers.get_all(CACHE_CONTROL).iter().any(|value| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.contains("must-revalidate") || text.contains("proxy-revalidate") || text.contains("no-cache")
    });
    let keep = |allowed: Duration| if strict { Duration::ZERO } else { allowed };
    let now = SystemTime::now();
    let ttl = policy.time_to_live(now);
    Entry {
        policy,
        status: response.status(),
        tags: cache::tags(&headers),
        headers,
        body: Bytes::new(),
        expires: now + ttl,
        while_revalidate: keep(while_revalidate),
        if_error: keep(if_error),
        counts: exchange.route.as_ref().map(|route| Arc::clone(&route.cached)).unwrap_or_default(),
    }
}

/// The service says that the stale answer still holds.
fn revalidated(
    exchange: &Exchange,
    store: &Store,
    fetch: &Fetch,
    stale: &Arc<Entry>,
    response: &Response<ResponseBody>,
) -> Response<ResponseBody> {
    count(exchange, |counts| &counts.revalidated);
    let mut merged = Response::new(ResponseBody::default());
    *merged.status_mut() = stale.status;
    *merged.headers_mut() = stale.headers.clone();
    for name in response.headers().keys() {
        // what describes the body describes the stored one still (RFC 9111 §3.2)
        if ![CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, TRANSFER_ENCODING, SET_COOKIE]
            .contains(name)
        {
            merged.headers_mut().remove(name);
            for value in response.headers().get_all(name) {
                merged.headers_mut().append(name.clone(), value.clone());
            }
        }
    }
    let policy = policy(fetch, &merged);
    let fresh = Entry { body: stale.body.clone(), ..entry(exchange, fetch, policy, &merged) };
    let shown = answer_with(exchange, &fresh, &fetch.request, "hit; fwd=stale; fwd-status=304");
    store.put(fetch.key.clone(), fresh, |known| std::ptr::eq(known, Arc::as_ptr(stale)));
    shown
}

/// Collects a body on its way and stores it once it is whole.
struct Keeper {
    store: Arc<Store>,
    key: Key,
    request: http::Request<()>,
    entry: Option<Entry>,
    body: BytesMut,
    limit: u64,
    /// Dropped with the keeper: whoever waits looks again then.
    _flight: Option<Flight>,
}

impl Watcher for Keeper {
    fn data(&mut self, data: &Bytes) {
        if self.entry.is_none() {
            return;
        }
        if (self.body.len() + data.len()) as u64 > self.limit {
            (self.entry, self.body) = (None, BytesMut::new());
            self.store.pass(&self.key);
        } else {
            // copied: a piece is a slice of a read buffer many times its size, which it would keep
            self.body.extend_from_slice(data);
        }
    }

    fn end(&mut self, outcome: Outcome, _sent: u64) {
        if let (Outcome::Complete, Some(mut entry)) = (outcome, self.entry.take()) {
            entry.body = Bytes::copy_from_slice(&self.body);
            let (request, now) = (&self.request, SystemTime::now());
            let same_variant = |known: &Entry| {
                !matches!(
                    known.policy.before_request(request, now),
                    BeforeRequest::Stale { matches: false, .. }
                )
            };
            self.store.put(self.key.clone(), entry, same_variant);
        }
    }

    fn cut(&mut self, _sent: u64) {}
}

/// A stale copy, where the service failed and the copy may still be shown.
pub(super) fn stale_if_error(exchange: &Exchange) -> Option<Response<ResponseBody>> {
    exchange.route()?.settings.cache.as_ref()?;
    if !matches!(exchange.method, Method::GET | Method::HEAD) {
        return None;
    }
    let asked = exchange.asked.as_ref()?;
    let store = &exchange.core.cache;
    let variants = store.get(&key(exchange)?)?;
    let (now, wanted) = (SystemTime::now(), as_get(bare(asked)));
    let entry = variants.iter().rev().find(|entry| {
        let matches =
            !matches!(entry.policy.before_request(&wanted, now), BeforeRequest::Stale { matches: false, .. });
        matches && entry.staleness(now) <= entry.if_error
    })?;
    count(exchange, |counts| &counts.stale_if_error);
    exchange.cache_status.replace(None);
    Some(answer_with(exchange, entry, asked, "hit; fwd=stale; detail=service-failed"))
}

fn answer<B>(
    exchange: &Exchange,
    entry: &Entry,
    request: &http::Request<B>,
    status: &str,
) -> Response<ResponseBody> {
    answer_with(exchange, entry, &bare(request), status)
}

/// A stored answer as this request should see it.
fn answer_with(
    exchange: &Exchange,
    entry: &Entry,
    asked: &http::Request<()>,
    status: &str,
) -> Response<ResponseBody> {
    let now = SystemTime::now();
    note(exchange, &format!("{status}; ttl={}", entry.policy.time_to_live(now).as_secs()));
    let unchanged = is_unchanged(asked.headers(), &entry.headers);
    let body = match (unchanged, asked.method()) {
        (true, _) | (_, &Method::HEAD) => ResponseBody::default(),
        _ => ResponseBody::full(entry.body.clone()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = if unchanged { StatusCode::NOT_MODIFIED } else { entry.status };
    *response.headers_mut() = entry.headers.clone();
    response.headers_mut().insert(AGE, HeaderValue::from(entry.policy.age(now).as_secs()));
    if unchanged {
        response.headers_mut().remove(http::header::CONTENT_LENGTH);
    }
    response
}

/// Whether the client's condition holds against a stored answer (RFC 9110 §13.1.2, §13.1.3).
fn is_unchanged(asked: &HeaderMap, stored: &HeaderMap) -> bool {
    if let Some(condition) = asked.get(IF_NONE_MATCH) {
        let (Some(etag), Ok(condition)) =
            (stored.get(ETAG).and_then(|e| e.to_str().ok()), condition.to_str())
        else {
            return false;
        };
        let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        return condition.trim() == "*" || condition.split(',').any(|tag| weak(tag) == weak(etag));
    }
    let date = |value: Option<&HeaderValue>| httpdate::parse_http_date(value?.to_str().ok()?).ok();
    match (date(asked.get(IF_MODIFIED_SINCE)), date(stored.get(LAST_MODIFIED))) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// The resource's key: the route, the host and the path with its query as the client wrote them.
fn key(exchange: &Exchange) -> Option<Key> {
    Some(Key {
        route: Arc::clone(&exchange.route()?.identity),
        // what one caller got is nobody else's
        caller: exchange.caller.clone(),
        secure: exchange.origin.secure,
        host: exchange
            .host
            .as_ref()
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase(),
        target: exchange.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
    })
}

/// The request's head alone, as a policy reads it.
pub(super) fn bare<B>(request: &http::Request<B>) -> http::Request<()> {
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.headers_mut() = request.headers().clone();
    head
}

/// What a stored answer is looked for by: the answer to a GET also answers a HEAD (RFC 9110 §9.3.2).
fn as_get(mut asked: http::Request<()>) -> http::Request<()> {
    if *asked.method() == Method::HEAD {
        *asked.method_mut() = Method::GET;
    }
    asked
}

/// Counts what the cache did where its route's policies are shown.
fn count(exchange: &Exchange, which: impl FnOnce(&Counts) -> &Counter) {
    if let Some(route) = exchange.route() {
        which(&route.cached).add();
    }
}

/// RFC 9211 `Cache-Status`.
fn note(exchange: &Exchange, status: &str) {
    exchange.cache_status.replace(Some(format!("seaworthy; {status}")));
}
