//! Finished settings: values that were checked and can be used as they are. The binary makes them from a
//! configuration file; tests make them by hand.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use ipnet::IpNet;
use seaworthy_resilience::stack;

use crate::access::{Access, Carrier, Inspector, Login, OwnCredential, Witness};

pub use crate::headers::Forwarding;

/// Everything the data plane does.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where connections come from. The sockets themselves are passed beside.
    pub listeners: Vec<Listener>,
    /// What routes point at.
    pub services: Vec<Service>,
    /// Which request goes where.
    pub routes: Vec<Route>,
    /// How the gateway stops.
    pub drain: Drain,
    /// What the link in a problem body starts with.
    pub error_docs: Option<String>,
    /// Paths that ways to log in need for themselves.
    pub logins: Vec<Arc<dyn Login>>,
    /// Headers that only the gateway may write, on whatever route: what services are told of callers.
    pub reserved: Vec<HeaderName>,
    /// What credentials that are ours come in: they go to no service, on whatever route, unless the route says so.
    pub carriers: Vec<Carrier>,
    /// Who hears of denials.
    pub witness: Option<Arc<dyn Witness>>,
}

/// How the gateway stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// Longest wait for requests in flight. 30 s.
    pub timeout: Duration,
    /// How long an idle keep-alive connection is kept for one more request, answered with `Connection: close`. 2 s.
    pub idle: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), idle: Duration::from_secs(2) }
    }
}

/// One listening address.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The address, for logs and for matching a socket to its settings.
    pub address: SocketAddr,
    /// TLS, or clear text (HTTP/1.1 and h2c by prior knowledge).
    pub tls: Option<ServerTls>,
    /// Whether HTTP/2 is offered.
    pub http2: bool,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Limits on what a client may cost.
    pub limits: Limits,
}

impl Listener {
    /// A clear-text listener with default limits.
    pub fn clear(address: SocketAddr) -> Self {
        Self { address, tls: None, http2: true, trusted_proxies: Vec::new(), limits: Limits::default() }
    }
}

impl Listener {
    /// Whether clients are asked for certificates.
    pub(crate) fn asks_for_certificates(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.client_auth != ClientAuth::None)
    }
}

/// Limits on what a client may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at once. 20,000.
    pub connections: usize,
    /// From the first byte of a request head to its last. 10 s.
    pub header_timeout: Duration,
    /// Longest silence inside a request body. 30 s.
    pub body_timeout: Duration,
    /// Longest time a client may leave our bytes unread. 30 s.
    pub write_timeout: Duration,
    /// Longest idle time of a keep-alive connection. 75 s.
    pub idle_timeout: Duration,
    /// Longest time for a TLS handshake. 10 s.
    pub handshake_timeout: Duration,
    /// Longest silence of an upgraded connection (WebSocket), in both directions together. 5 min.
    pub tunnel_idle_timeout: Duration,
    /// Longest request head. 16 KiB.
    pub head_bytes: usize,
    /// Most header lines. 100.
    pub headers: usize,
    /// Most concurrent HTTP/2 streams on a connection. 100.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            handshake_timeout: Duration::from_secs(10),
            tunnel_idle_timeout: Duration::from_secs(300),
            head_bytes: 16 * 1024,
            headers: 100,
            streams: 100,
        }
    }
}

/// TLS towards clients.
#[derive(Debug, Clone)]
pub struct ServerTls {
    /// Certificates; the first answers names no other covers.
    pub certificates: Vec<Certificate>,
    /// Who may connect by client certificate.
    pub client_auth: ClientAuth,
    /// PEM file of lists of client certificates that were revoked.
    pub client_crl: Option<PathBuf>,
    /// Oldest protocol version.
    pub min_version: TlsVersion,
}

/// A certificate chain and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, leaf first.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Whether clients must show a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    None,
    /// They are asked and may decline.
    Optional(PathBuf),
    /// They must.
    Required(PathBuf),
}

/// A TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 or newer.
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

/// A service behind the gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name, unique.
    pub name: Arc<str>,
    /// Where it answers.
    pub upstreams: Vec<Upstream>,
    /// Whether its addresses come at run time, by [`Gateway::set_endpoints`](crate::Gateway::set_endpoints).
    pub managed: bool,
    /// An address that only requests with a pass reach: see [`crate::sandbox`].
    pub sandbox: Option<Upstream>,
    /// Which HTTP it speaks.
    pub protocol: Protocol,
    /// TLS towards it, for `https` upstreams.
    pub tls: ClientTls,
    /// Longest time for a connection (TCP and TLS). 2 s.
    pub connect_timeout: Duration,
    /// Most connections to one endpoint, over all cores. 1,024.
    pub connections: usize,
    /// How long an unused upstream connection is kept. 60 s, a little less than most servers' own.
    pub idle_timeout: Duration,
    /// Most unused connections kept, per endpoint and core. 64.
    pub idle_connections: usize,
    /// Longest silence of a response body. 60 s.
    pub response_silence: Duration,
    /// Active health checks.
    pub health: Option<HealthCheck>,
    /// Ejection of endpoints that fail real traffic.
    pub outlier: Option<seaworthy_resilience::outlier::Settings>,
    /// What the gateway shows to it, in place of the client's `Authorization`.
    pub credential: Option<OwnCredential>,
    /// Resilience policies.
    pub policies: stack::Settings,
    /// Whether the client's `Host` goes to the upstream, or the upstream's own.
    pub preserve_host: bool,
    /// Which forwarding headers are written.
    pub forwarding: Forwarding,
}

impl Service {
    /// A service with default settings and no policies.
    pub fn bare(name: &str, upstreams: Vec<Upstream>) -> Self {
        Self {
            name: name.into(),
            upstreams,
            managed: false,
            sandbox: None,
            protocol: Protocol::Auto,
            tls: ClientTls::default(),
            connect_timeout: Duration::from_secs(2),
            connections: 1_024,
            idle_timeout: Duration::from_secs(60),
            idle_connections: 64,
            response_silence: Duration::from_secs(60),
            health: None,
            outlier: None,
            credential: None,
            policies: stack::Settings::none(),
            preserve_host: true,
            forwarding: Forwarding::default(),
        }
    }
}

/// One address of a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// Whether TLS is spoken.
    pub secure: bool,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What metrics and logs call it; without one, its URL.
    pub name: Option<Arc<str>>,
}

/// Why a text is not an upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Not a URL at all.
    #[error("\"{0}\" is not a URL; write something like \"http://127.0.0.1:8000\"")]
    NotAUrl(String),
    /// A scheme that is not HTTP.
    #[error("\"{0}\" must start with http:// or https://")]
    Scheme(String),
    /// A port that is none.
    #[error("\"{0}\" has no valid port; use 1 to 65535, or leave it out")]
    Port(String),
    /// A path or query, which an upstream does not have.
    #[error("\"{0}\" must not have a path; use a route's rewrite instead")]
    Path(String),
    /// Credentials in a URL end up in logs.
    #[error("an upstream must not hold credentials")]
    Credentials,
}

impl std::str::FromStr for Upstream {
    type Err = UpstreamError;
    fn from_str(text: &str) -> Result<Self, UpstreamError> {
        let uri: Uri = text.parse().map_err(|_| UpstreamError::NotAUrl(text.to_owned()))?;
        let secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(UpstreamError::Scheme(text.to_owned())),
        };
        let authority = uri.authority().ok_or_else(|| UpstreamError::NotAUrl(text.to_owned()))?;
        if authority.as_str().contains('@') {
            return Err(UpstreamError::Credentials);
        }
        if uri.path_and_query().is_some_and(|p| p.as_str() != "/" && !p.as_str().is_empty()) {
            return Err(UpstreamError::Path(text.to_owned()));
        }
        if authority.host().is_empty() {
            return Err(UpstreamError::NotAUrl(text.to_owned()));
        }
        // what follows the host: nothing, or a colon and a port. The library's own reader makes "none" of a bad one.
        let port = match authority.as_str().strip_prefix(authority.host()).unwrap_or_default() {
            "" => {
                if secure {
                    443
                } else {
                    80
                }
            }
            port => port
                .strip_prefix(':')
                .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|port| port.parse().ok())
                .filter(|port| *port != 0)
                .ok_or_else(|| UpstreamError::Port(text.to_owned()))?,
        };
        Ok(Self { secure, host: authority.host().to_owned(), port, name: None })
    }
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}:{}", if self.secure { "https" } else { "http" }, self.host, self.port)
    }
}

/// Which HTTP an upstream speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 in clear text, ALPN's choice over TLS.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, by prior knowledge in clear text (gRPC).
    Http2,
}

/// TLS towards an upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// Extra root certificates, PEM. The system's own are used where there are none.
    pub ca: Option<PathBuf>,
    /// The name expected in the certificate, if not the host.
    pub server_name: Option<String>,
    /// A client certificate.
    pub identity: Option<Certificate>,
    /// Instead of all that: what changes in place. TLS is spoken whatever the addresses say.
    pub live: Option<LiveTls>,
}

/// TLS towards an upstream whose certificates and trust change in place, with no connection dropped.
#[derive(Clone)]
pub struct LiveTls(pub Arc<rustls::ClientConfig>);

impl PartialEq for LiveTls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for LiveTls {}

impl std::fmt::Debug for LiveTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveTls")
    }
}

/// An active health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked for; without it a TCP connection is enough.
    pub path: Option<String>,
    /// Time between two checks. 10 s.
    pub interval: Duration,
    /// Longest time for one. 2 s.
    pub timeout: Duration,
    /// Failures in a row that take an endpoint out. 3.
    pub unhealthy_after: u32,
    /// Successes in a row that bring it back. 1.
    pub healthy_after: u32,
}

/// A rule that says which requests go to which service.
#[derive(Debug, Clone)]
pub struct Route {
    /// The template as metrics and logs show it.
    pub name: Arc<str>,
    /// Hosts it answers to (`shop.example`, `*.shop.example`); none means any.
    pub hosts: Vec<String>,
    /// Path template: `/items/{id}`, `/static/{*rest}`.
    pub path: String,
    /// Methods; none means any.
    pub methods: Vec<Method>,
    /// Headers that must be there with these values.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Services by name, with their weights.
    pub targets: Vec<(Arc<str>, u32)>,
    /// The path sent upstream, with the template's parameters.
    pub rewrite: Option<String>,
    /// Longest request body. 10 MiB.
    pub body_bytes: u64,
    /// Networks that may use it; none: all but those denied.
    pub allow: Vec<IpNet>,
    /// Networks that may not.
    pub deny: Vec<IpNet>,
    /// Who may use it; `None`: everybody.
    pub access: Option<Access>,
    /// What looks at requests before they go on, in this order.
    pub inspectors: Vec<Arc<dyn Inspector>>,
    /// Rate limits, all of which must agree.
    pub rate_limits: Vec<RateLimit>,
    /// Response cache.
    pub cache: Option<Cache>,
    /// Cross-origin rules.
    pub cors: Option<Cors>,
    /// Headers set on every response unless the upstream did.
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    /// `Strict-Transport-Security`, sent only where the client came by TLS.
    pub hsts: Option<HeaderValue>,
    /// What answers when the service cannot.
    pub fallback: Option<Fallback>,
}

impl Route {
    /// A route that matches every path of every host.
    pub fn everything(service: &str) -> Self {
        Self {
            name: "/{*path}".into(),
            hosts: Vec::new(),
            path: "/{*path}".into(),
            methods: Vec::new(),
            headers: Vec::new(),
            targets: vec![(service.into(), 1)],
            rewrite: None,
            body_bytes: 10 << 20,
            allow: Vec::new(),
            deny: Vec::new(),
            access: None,
            inspectors: Vec::new(),
            rate_limits: Vec::new(),
            cache: None,
            cors: None,
            response_headers: Vec::new(),
            hsts: None,
            fallback: None,
        }
    }
}

impl Route {
    /// Whether both routes catch the same requests, whatever they do with them.
    pub(crate) fn same_place(&self, other: &Self) -> bool {
        (&self.path, &self.hosts, &self.methods, &self.headers)
            == (&other.path, &other.hosts, &other.methods, &other.headers)
    }
}

/// How many requests one key may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// What is counted.
    pub key: RateKey,
    /// Requests per window.
    pub requests: u32,
    /// The window.
    pub per: Duration,
    /// Requests at once on top of an even rate.
    pub burst: u32,
    /// Most keys remembered at once. 100,000.
    pub keys: usize,
}

/// What a rate limit counts by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateKey {
    /// The client's address (IPv6: its /64).
    Client,
    /// The value of a header.
    Header(HeaderName),
    /// All requests of the route together.
    Route,
    /// The tenant: that of the authenticated caller, or the value of a header that a trusted proxy sets.
    Tenant(HeaderName),
    /// The authenticated caller; requests without one count together.
    Caller,
}

/// A response cache by RFC 9111.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Most bytes of one response. 1 MiB.
    pub object_bytes: u64,
    /// Freshness for responses that say nothing (RFC 9111 §4.2.2 heuristics are used otherwise). 0: none.
    pub default_ttl: Duration,
    /// How long a stale response may be served while it is fetched anew.
    pub stale_while_revalidate: Duration,
    /// How long a stale response may be served when the service fails.
    pub stale_if_error: Duration,
    /// Longest wait for somebody else's fetch before fetching oneself. 5 s.
    pub lock_timeout: Duration,
}

/// Cross-origin rules (WHATWG Fetch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Origins allowed; `*` alone means any.
    pub origins: Vec<String>,
    /// Methods allowed in a preflight.
    pub methods: Vec<Method>,
    /// Headers allowed in a preflight; empty means those asked for.
    pub headers: Vec<HeaderName>,
    /// Response headers a script may read.
    pub expose: Vec<HeaderName>,
    /// Whether cookies and credentials may be sent. Never together with `*`.
    pub credentials: bool,
    /// How long a preflight is remembered.
    pub max_age: Duration,
}

/// What answers when a service cannot.
#[derive(Debug, Clone)]
pub enum Fallback {
    /// Another service.
    Service(Arc<str>),
    /// A fixed answer.
    Static {
        /// Its status.
        status: StatusCode,
        /// Its `Content-Type`.
        content_type: HeaderValue,
        /// Its body.
        body: bytes::Bytes,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_has_a_port_that_exists() {
        let port = |text: &str| text.parse::<Upstream>().map(|upstream| upstream.port);
        assert_eq!(port("http://h"), Ok(80));
        assert_eq!(port("https://h/"), Ok(443));
        assert_eq!(port("http://[::1]:8000"), Ok(8000));
        for bad in
            ["http://h:99999", "http://h:abc", "http://h:0", "http://h:", "http://[::1]:", "http://h:+80"]
        {
            assert!(port(bad).is_err(), "{bad}");
        }
    }
}
