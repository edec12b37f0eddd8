use seaworthy_core::RequestId;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// One finished request. Everything is borrowed: a request that is not written costs no copy.
///
/// Texts may hold whatever a client sent; they are escaped when written. What is empty or `None` is left out.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// When it ended.
    pub time: SystemTime,
    /// The id it is found by.
    pub request_id: Option<&'a RequestId>,
    /// The trace it belongs to, 16 bytes.
    pub trace_id: Option<[u8; 16]>,
    /// The method as sent.
    pub method: &'a str,
    /// The host that was asked for.
    pub host: &'a str,
    /// Path and query as sent; the query's secrets are redacted.
    pub target: &'a str,
    /// The route's template.
    pub route: &'a str,
    /// The service the route leads to.
    pub service: &'a str,
    /// The upstream that answered, or was tried last.
    pub endpoint: &'a str,
    /// The status the client got.
    pub status: u16,
    /// From the first byte in to the last byte out.
    pub duration: Duration,
    /// Body bytes from the client.
    pub bytes_in: u64,
    /// Body bytes to the client.
    pub bytes_out: u64,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: &'a str,
    /// How often an upstream was tried.
    pub attempts: u32,
    /// Why the answer is the gateway's own (`breaker_open`, …); empty where it is the upstream's.
    pub reason: &'a str,
    /// `User-Agent` as sent.
    pub user_agent: &'a [u8],
    /// Request headers, of which the settings choose; names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl Default for Record<'_> {
    fn default() -> Self {
        Self {
            time: SystemTime::UNIX_EPOCH,
            request_id: None,
            trace_id: None,
            method: "",
            host: "",
            target: "",
            route: "",
            service: "",
            endpoint: "",
            status: 0,
            duration: Duration::ZERO,
            bytes_in: 0,
            bytes_out: 0,
            client: None,
            protocol: "",
            attempts: 0,
            reason: "",
            user_agent: b"",
            headers: &[],
        }
    }
}
