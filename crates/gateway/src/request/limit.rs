//! Limits on what one request and one caller may cost.

use std::net::IpAddr;

use http::header::CONTENT_LENGTH;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Exchange;
use crate::error::{Error, Limited};
use crate::plan::Limit;
use crate::settings::RateKey;

/// Checks declared body size, the client's address, and the rate limits for which nobody need be known.
pub(super) fn check(exchange: &mut Exchange, request: &http::Request<Incoming>) -> Result<(), Error> {
    let Some(route) = exchange.route.as_ref() else { return Ok(()) };
    let within =
        |networks: &[ipnet::IpNet]| networks.iter().any(|network| network.contains(&exchange.origin.client));
    let (allow, deny) = (&route.settings.allow, &route.settings.deny);
    if within(deny) || (!allow.is_empty() && !within(allow)) {
        return Err(Error::Address);
    }
    let limit = route.settings.body_bytes;
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > limit) {
        return Err(Error::BodyTooLarge { limit });
    }
    rates(exchange, request, false)
}

/// Checks the rate limits that count by caller, once the caller is known.
pub(super) fn callers(exchange: &mut Exchange, request: &http::Request<Incoming>) -> Result<(), Error> {
    rates(exchange, request, true)
}

fn rates(exchange: &mut Exchange, request: &http::Request<Incoming>, known: bool) -> Result<(), Error> {
    let Some(route) = exchange.route.as_ref().filter(|route| !route.limits.is_empty()) else { return Ok(()) };
    let route = std::sync::Arc::clone(route);
    let now = Instant::now();
    // a route that asks nobody who they are has its tenants from trusted proxies
    let after = |key: &RateKey| match key {
        RateKey::Caller | RateKey::Tenant(_) => route.settings.access.is_some(),
        _ => false,
    };
    for limit in route.limits.iter().filter(|limit| after(&limit.settings.key) == known) {
        let key = key(limit, exchange, request);
        let decision = limit.limiter.decide(key.as_slice(), now);
        if !decision.allowed {
            return Err(Error::RateLimited(Box::new(Limited {
                limit: u64::from(limit.settings.requests),
                window: limit.settings.per,
                retry_after: decision.retry_after,
            })));
        }
        if exchange.limit.as_ref().is_none_or(|(tightest, _)| decision.remaining < tightest.remaining) {
            exchange.limit = Some((decision, limit.clone()));
        }
    }
    Ok(())
}

/// Names that two issuers gave are not the same.
fn of_caller(caller: &crate::access::Caller) -> Vec<u8> {
    [caller.issuer.as_bytes(), b"\0", caller.subject.as_bytes()].concat()
}

/// The key a request counts under. A missing header counts as one key of its own, so that leaving it out is no escape.
fn key(limit: &Limit, exchange: &Exchange, request: &http::Request<Incoming>) -> Vec<u8> {
    let origin = exchange.origin;
    match &limit.settings.key {
        RateKey::Caller => exchange.caller.as_ref().map(|caller| of_caller(caller)).unwrap_or_default(),
        RateKey::Tenant(_) if exchange.caller.is_some() => {
            let tenant = exchange.caller.as_ref().and_then(|caller| caller.tenant.clone());
            tenant.map(|tenant| tenant.as_bytes().to_vec()).unwrap_or_default()
        }
        RateKey::Route => Vec::new(),
        RateKey::Client => match origin.client {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            // one household or server usually has a whole /64
            IpAddr::V6(ip) => ip.octets()[..8].to_vec(),
        },
        // a tenant that a stranger claims is no tenant
        RateKey::Tenant(_) if !origin.trusted => Vec::new(),
        RateKey::Header(name) | RateKey::Tenant(name) => {
            let lines: Vec<_> =
                request.headers().get_all(name).iter().map(|value| value.as_bytes()).collect();
            let mut value = lines.join(&b", "[..]);
            // long values must not make the table's memory unbounded
            value.truncate(256);
            value
        }
    }
}
