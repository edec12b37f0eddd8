//! Calls to providers, all on one runtime that is not a caller's.

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use seaworthy_core::ErrorCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;

/// Larger answers of a provider are refused. Bytes.
pub const MOST_BYTES: usize = 512 * 1024;

/// A plain client on a runtime of its owner's choice: one connection per call, no redirects, bounded answers,
/// one time limit for everything. Providers are called seldom; what is called often is cached above.
#[derive(Clone)]
pub struct Http {
    handle: Handle,
    tls: TlsConnector,
    timeout: Duration,
}

/// Why a provider gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The address is no `https` URL (plain `http` is for loopback, or where it was allowed).
    #[error("this is no usable address: {0}")]
    Address(String),
    /// No connection, or it broke.
    #[error("the provider cannot be reached: {0}")]
    Connection(String),
    /// No complete answer in time.
    #[error("the provider did not answer in time")]
    Timeout,
    /// Another status than the one that was needed; redirects are never followed.
    #[error("the provider answered with status {0}")]
    Status(u16),
    /// More than [`MOST_BYTES`], or not what was asked for.
    #[error("the provider's answer cannot be used: {0}")]
    Answer(&'static str),
}

impl FetchError {
    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Address(_) => ErrorCode::Invalid,
            Self::Timeout => ErrorCode::Timeout,
            _ => ErrorCode::Unavailable,
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Http {
    /// Trusts what the system trusts. `handle` is the runtime that does the work; it must have I/O and time enabled.
    pub fn new(handle: Handle) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        // a certificate that cannot be read is one that is not trusted
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::with_roots(handle, roots)
    }

    /// Trusts these certificates and no others.
    pub fn with_roots(handle: Handle, roots: rustls::RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        #[expect(clippy::expect_used, reason = "the provider is the one rustls was built with")]
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("its own provider knows the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { handle, tls: TlsConnector::from(Arc::new(config)), timeout: Duration::from_secs(5) }
    }

    /// From name look-up to the answer's last byte. Default 5 s.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// A `200` answer's JSON object and how long it may be kept, if it says so.
    pub(crate) async fn json(
        &self,
        uri: &Uri,
    ) -> Result<(serde_json::Map<String, serde_json::Value>, Option<Duration>), FetchError> {
        let request = Request::get(uri.clone()).body(Bytes::new());
        let request = request.map_err(|_| FetchError::Address(uri.to_string()))?;
        let answer = self.send(request).await?;
        if answer.status != StatusCode::OK {
            return Err(FetchError::Status(answer.status.as_u16()));
        }
        let object = crate::strict::object(&answer.body).ok_or(FetchError::Answer("it is no JSON object"))?;
        Ok((object, max_age(&answer.headers)))
    }

    /// Must be awaited on the runtime of the handle.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Answer, FetchError> {
        let exchange = self.exchange(request);
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(FetchError::Timeout))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Answer, FetchError> {
        let uri = request.uri().clone();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(connection)?;
        if secure {
            let name = ServerName::try_from(host).map_err(connection)?;
            converse(self.tls.connect(name, stream).await.map_err(connection)?, request, &uri).await
        } else {
            converse(stream, request, &uri).await
        }
    }
}

fn connection(error: impl std::fmt::Display) -> FetchError {
    FetchError::Connection(error.to_string())
}

async fn converse(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<Bytes>,
    uri: &Uri,
) -> Result<Answer, FetchError> {
    let (mut sender, driver) = http1::handshake(TokioIo::new(io)).await.map_err(connection)?;
    // ends with the exchange: a stuck peer keeps nothing alive
    let _driver = AbortOnDrop(tokio::spawn(driver));
    let bad = |_| FetchError::Address(uri.to_string());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(authority).map_err(|_| bad(()))?);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static("seaworthy"));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|_| bad(()))?;
    let answer = sender.send_request(request.map(Full::new)).await.map_err(connection)?;
    let (parts, body) = answer.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await;
    let body = body.map_err(|_| FetchError::Answer("it is too long or breaks off"))?.to_bytes();
    Ok(Answer { status: parts.status, headers: parts.headers, body })
}

/// `Cache-Control: max-age`, if there is one.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(CACHE_CONTROL)?.to_str().ok()?.to_ascii_lowercase();
    let mut directives = text.split(',').map(str::trim);
    let age = directives.find_map(|directive| directive.strip_prefix("max-age="))?;
    age.trim_matches('"').parse().ok().map(Duration::from_secs)
}

/// An address that may be called: `https`, or `http` to this machine or where `plain` allows it; no credentials.
pub(crate) fn address(text: &str, plain: bool) -> Result<Uri, FetchError> {
    let bad = || FetchError::Address(text.chars().take(200).collect());
    if text.contains('#') {
        return Err(bad());
    }
    let uri: Uri = text.parse().map_err(|_| bad())?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let allowed = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => plain || loopback,
        _ => false,
    };
    let credentials = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if host.is_empty() || !allowed || credentials { Err(bad()) } else { Ok(uri) }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);
impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_addresses_are_called() {
        for good in [
            "https://id.example.com/a?b=c",
            "http://127.0.0.1:8080/",
            "http://[::1]:1/x",
            "http://localhost/",
        ] {
            assert!(address(good, false).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example.com/",
            "ftp://id.example.com/",
            "//id.example.com/",
            "/path",
            "https://user:password@id.example.com/",
            "https://id.example.com/#x",
            "file:///etc/passwd",
            "http://localhost.example.com/",
            "",
        ] {
            assert!(address(bad, false).is_err(), "{bad}");
        }
        assert!(address("http://id.internal/", true).is_ok());
    }

    #[test]
    fn max_age_is_read() {
        let age = |text: &str| max_age(&HeaderMap::from_iter([(CACHE_CONTROL, text.parse().unwrap())]));
        assert_eq!(age("public, Max-Age=600"), Some(Duration::from_secs(600)));
        assert_eq!(age("no-store"), None);
        assert_eq!(age("max-age=-1"), None);
    }
}
