use super::Transport;
use super::transport::NotAllowed;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::BoxError;

/// Which addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    /// Only those on the public Internet: a payload from outside reaches nothing inside. The address that is checked
    /// is the one that is connected to.
    #[default]
    Public,
    /// All.
    Any,
}

/// A connection of its own for every call: jobs are no hot path, and nothing is shared between them.
#[derive(Clone)]
pub struct Direct {
    addresses: Addresses,
    hosts: Arc<[String]>,
    tls: TlsConnector,
}

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Direct {
    /// Trusts what the system trusts.
    pub fn new(addresses: Addresses) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        // a certificate that cannot be read is one that is not trusted
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { addresses, hosts: Arc::new([]), tls: TlsConnector::from(Arc::new(config)) }
    }

    /// These may be called wherever they are: `host`, or `host:port` for one port of it.
    #[must_use]
    pub fn hosts(mut self, hosts: impl IntoIterator<Item = String>) -> Self {
        self.hosts = hosts.into_iter().collect();
        self
    }

    fn is_listed(&self, host: &str, port: u16) -> bool {
        let one = format!("{host}:{port}");
        self.hosts.iter().any(|listed| listed.eq_ignore_ascii_case(host) || listed.eq_ignore_ascii_case(&one))
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, BoxError> {
        let all = self.addresses == Addresses::Any || self.is_listed(host, port);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        let allowed = |address: &&SocketAddr| all || is_public(address.ip());
        if !found.is_empty() && !found.iter().any(|address| allowed(&address)) {
            return Err(NotAllowed(format!("{host}:{port}")).into());
        }
        let mut last = BoxError::from("this host has no address");
        for address in found.iter().filter(allowed) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    async fn exchange(self, request: Request<Bytes>, most: usize) -> Result<Response<Bytes>, BoxError> {
        let uri = request.uri().clone();
        let host = uri.host().ok_or("the address names no host")?.to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.connect(&host, port).await?;
        if secure {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
            converse(self.tls.connect(name, stream).await?, request, &uri, most).await
        } else {
            converse(stream, request, &uri, most).await
        }
    }
}

impl Transport for Direct {
    fn send(
        &self,
        request: Request<Bytes>,
        most: usize,
    ) -> BoxFuture<'static, Result<Response<Bytes>, BoxError>> {
        Box::pin(self.clone().exchange(request, most))
    }
}

async fn converse(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<Bytes>,
    uri: &Uri,
    most: usize,
) -> Result<Response<Bytes>, BoxError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await?;
    // ends with the exchange: dropping the sender closes it, dropping the guard ends a stuck one
    let _connection = AbortOnDrop(tokio::spawn(connection));
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // credentials in an address are no part of the host
    let authority = authority.rsplit('@').next().unwrap_or_default();
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority)?);
    *request.uri_mut() = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    let answer = sender.send_request(request.map(Full::new)).await?;
    let (parts, body) = answer.into_parts();
    Ok(Response::from_parts(parts, read(body, most).await?))
}

/// The beginning of a body. What is longer than we keep is not read at all.
async fn read(body: hyper::body::Incoming, most: usize) -> Result<Bytes, BoxError> {
    let mut body = std::pin::pin!(Limited::new(body, most.saturating_add(1 << 20)));
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            kept.extend_from_slice(&data[..data.len().min(most - kept.len())]);
        }
        if kept.len() >= most {
            break;
        }
    }
    Ok(kept.into())
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);
impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Neither this machine, nor its neighbours, nor what only looks like an address of the Internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmarks = a == 198 && (b == 18 || b == 19);
            let assigned = a == 192 && b == 0 && c == 0;
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified())
                && !(ip.is_broadcast() || ip.is_multicast() || ip.is_documentation())
                && !(shared || benchmarks || assigned || a == 0 || a >= 240)
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped().or_else(|| embedded(ip.segments())) {
            Some(inner) => is_public(IpAddr::V4(inner)),
            // 2000::/3 is all there is; documentation is in it
            None => ip.segments()[0] & 0xe000 == 0x2000 && ip.segments()[..2] != [0x2001, 0xdb8],
        },
    }
}

/// The IPv4 address within one of NAT64 (64:ff9b::/96) or 6to4 (2002::/16).
fn embedded(segments: [u16; 8]) -> Option<std::net::Ipv4Addr> {
    let join = |high: u16, low: u16| std::net::Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        let inside = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ];
        for ip in inside {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
