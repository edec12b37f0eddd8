//! From where the control listener may be talked to: it must be hard to be reached by accident.
//!
//! A page in somebody's browser must not get through: its own name resolved to our address (DNS rebinding) shows in
//! `Host`, a call across sites in `Origin` or `Sec-Fetch-Site`. Orders from other machines are refused unless that is
//! switched on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method, Uri};
use seaworthy_core::ErrorCode;

use crate::Problem;

/// What the control listener lets in.
#[derive(Debug, Clone)]
pub struct Guard {
    hosts: Arc<[String]>,
    orders: bool,
}

impl Guard {
    /// For a listener at this address, reached by these names besides addresses and `localhost`.
    pub fn new(listen: SocketAddr, hosts: Vec<String>, remote_changes: bool) -> Self {
        Self { hosts: hosts.into(), orders: listen.ip().is_loopback() || remote_changes }
    }

    pub(crate) fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let refuse = |reason: &str, detail: &str| Err(Problem::new(ErrorCode::Forbidden, reason, detail));
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let host =
            uri.authority().map(http::uri::Authority::as_str).or_else(|| text(HOST)).unwrap_or_default();
        if !self.is_ours(host) {
            return refuse("foreign_host", "the control listener is not known by this name (control.hosts)");
        }
        if method.is_safe() {
            return Ok(());
        }
        let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        let foreign = text(ORIGIN).is_some_and(|origin| !is_same(origin, host))
            || site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
        if foreign {
            return refuse("foreign_origin", "orders from pages of another site are refused");
        }
        if !self.orders {
            return refuse("remote_changes_off", "this listener takes no orders (control.remote_changes)");
        }
        Ok(())
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        let listed = |listed: &String| listed.eq_ignore_ascii_case(name) || listed.eq_ignore_ascii_case(host);
        address || name.eq_ignore_ascii_case("localhost") || self.hosts.iter().any(listed)
    }
}

/// The name of a host, or its address, without a port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_same(origin: &str, host: &str) -> bool {
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(guard: &Guard, method: Method, headers: &[(&'static str, &str)]) -> &'static str {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let uri = Uri::from_static("/api/v1/jobs");
        match guard.check(&method, &uri, &map) {
            Ok(()) => "ok",
            Err(problem) if problem.is("foreign_host") => "host",
            Err(problem) if problem.is("foreign_origin") => "origin",
            Err(_) => "orders",
        }
    }

    #[test]
    fn pages_and_strangers_are_kept_out() {
        let local = Guard::new("127.0.0.1:7700".parse().unwrap(), vec!["ops.example".into()], false);
        let host = ("host", "127.0.0.1:7700");
        for (method, headers, expected) in [
            (Method::GET, vec![host], "ok"),
            (Method::GET, vec![("host", "localhost:7700")], "ok"),
            (Method::GET, vec![("host", "[::1]:7700")], "ok"),
            (Method::GET, vec![("host", "ops.example:443")], "ok"),
            (Method::GET, vec![("host", "evil.example:7700")], "host"),
            (Method::GET, vec![("host", "127.0.0.1.evil.example")], "host"),
            (Method::GET, vec![], "host"),
            (Method::POST, vec![host], "ok"),
            (Method::POST, vec![host, ("origin", "http://127.0.0.1:7700")], "ok"),
            (Method::POST, vec![host, ("origin", "http://evil.example")], "origin"),
            (Method::POST, vec![host, ("origin", "null")], "origin"),
            (Method::DELETE, vec![host, ("sec-fetch-site", "cross-site")], "origin"),
            (Method::GET, vec![host, ("sec-fetch-site", "cross-site")], "ok"),
        ] {
            assert_eq!(says(&local, method, &headers), expected, "{headers:?}");
        }
        let open = Guard::new("0.0.0.0:7700".parse().unwrap(), vec![], false);
        assert_eq!(says(&open, Method::GET, &[host]), "ok");
        assert_eq!(says(&open, Method::POST, &[host]), "orders");
        let trusting = Guard::new("0.0.0.0:7700".parse().unwrap(), vec![], true);
        assert_eq!(says(&trusting, Method::POST, &[host]), "ok");
    }
}
