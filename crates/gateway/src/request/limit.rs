//! Limits on what one request and one caller may cost.

use std::net::IpAddr;

use http::header::CONTENT_LENGTH;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Exchange;
use crate::error::{Error, Limited};
use crate::headers::Origin;
use crate::plan::Limit;
use crate::settings::RateKey;

/// Checks declared body size and rate limits.
pub(super) fn check(exchange: &mut Exchange, request: &http::Request<Incoming>) -> Result<(), Error> {
    let Some(route) = exchange.route.as_ref() else { return Ok(()) };
    let limit = route.settings.body_bytes;
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > limit) {
        return Err(Error::BodyTooLarge { limit });
    }
    if route.limits.is_empty() {
        return Ok(());
    }
    let route = std::sync::Arc::clone(route);
    let now = Instant::now();
    for limit in &route.limits {
        let key = key(limit, exchange.origin, request);
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

/// The key a request counts under. A missing header counts as one key of its own, so that leaving it out is no escape.
fn key(limit: &Limit, origin: Origin, request: &http::Request<Incoming>) -> Vec<u8> {
    match &limit.settings.key {
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
