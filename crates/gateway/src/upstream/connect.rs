//! Connections to one endpoint: TCP, TLS and the HTTP handshake, within one time limit.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Body;
use crate::error::Error;
use crate::quiet::Quiet;
use crate::settings::{Protocol, Service, Upstream};
use crate::tls::TlsError;

/// A fresh connection, ready for requests.
pub(crate) enum Sender {
    /// One request at a time.
    Http1(http1::SendRequest<Body>),
    /// Many at once.
    Http2(http2::SendRequest<Body>),
}

/// How one endpoint is reached.
pub(crate) struct Connector {
    upstream: Upstream,
    protocol: Protocol,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
    /// Connections open now, over all cores.
    open: Arc<AtomicUsize>,
    limit: usize,
    failures: Quiet,
}

/// Spawns hyper's own background work on this core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// Counts a connection for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }

    fn try_new(open: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let admit = |n: usize| (n < limit).then_some(n + 1);
        open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).ok()?;
        Some(Self(Arc::clone(open)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connector {
    /// Prepares connections to `upstream` as `service` wants them.
    pub(crate) fn new(
        service: &Service,
        upstream: &Upstream,
        tls: Option<&Arc<rustls::ClientConfig>>,
    ) -> Result<Self, TlsError> {
        let tls = match tls {
            Some(config) if upstream.secure || service.tls.live.is_some() => {
                let name = service.tls.server_name.as_deref().unwrap_or(&upstream.host);
                let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned())
                    .map_err(|error| TlsError::Rustls(rustls::Error::General(error.to_string())))?;
                Some((TlsConnector::from(Arc::clone(config)), name))
            }
            _ => None,
        };
        Ok(Self {
            upstream: upstream.clone(),
            protocol: service.protocol,
            tls,
            timeout: service.connect_timeout,
            open: Arc::default(),
            limit: service.connections,
            failures: Quiet::default(),
        })
    }

    /// Whether TLS is spoken.
    pub(crate) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> Result<Sender, Error> {
        let counted =
            Counted::try_new(&self.open, self.limit).ok_or(Error::NoEndpoint { retry_after: None })?;
        let connected = self.connect_counted(counted).await;
        if let Err(error) = &connected
            && let Some(held_back) = self.failures.may_speak(tokio::time::Instant::now())
        {
            // clients are told that it cannot be reached; why is for whoever runs it
            let cause = crate::error::with_cause(error);
            tracing::warn!(endpoint = %self.upstream, %cause, held_back, "connecting to an upstream failed");
        }
        connected
    }

    async fn connect_counted(&self, counted: Counted) -> Result<Sender, Error> {
        match tokio::time::timeout(self.timeout, self.handshake(counted)).await {
            Ok(sender) => sender.map_err(Error::Connect),
            Err(_) => {
                Err(Error::Connect(io::Error::new(io::ErrorKind::TimedOut, "the connection took too long")))
            }
        }
    }

    /// Opens a connection for a health check, whatever the limit says: a busy endpoint is not a sick one.
    pub(crate) async fn connect_to_probe(&self) -> Result<Sender, Error> {
        self.connect_counted(Counted::new(&self.open)).await
    }

    /// Opens a TCP connection and closes it again: the simplest health check.
    pub(crate) async fn probe_tcp(&self) -> io::Result<()> {
        self.dial().await.map(drop)
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let host = self.upstream.host.trim_matches(['[', ']']);
        let tcp = match host.parse::<std::net::IpAddr>() {
            Ok(ip) => TcpStream::connect((ip, self.upstream.port)).await?,
            Err(_) => TcpStream::connect((host, self.upstream.port)).await?,
        };
        tcp.set_nodelay(true)?;
        crate::connection::keep_alive(&tcp);
        Ok(tcp)
    }

    async fn handshake(&self, counted: Counted) -> io::Result<Sender> {
        let tcp = self.dial().await?;
        let Some((connector, name)) = &self.tls else {
            let http2 = self.protocol == Protocol::Http2;
            return speak(TokioIo::new(tcp), http2, counted).await;
        };
        let tls = connector.connect(name.clone(), tcp).await?;
        let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2") || self.protocol == Protocol::Http2;
        speak(TokioIo::new(tls), http2, counted).await
    }
}

async fn speak<T>(io: T, http2: bool, counted: Counted) -> io::Result<Sender>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    if http2 {
        let (sender, connection) = http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .handshake(io)
            .await
            .map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            let _counted = counted;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "upstream connection ended");
            }
        });
        return Ok(Sender::Http2(sender));
    }
    let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
    tokio::task::spawn_local(async move {
        let _counted = counted;
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "upstream connection ended");
        }
    });
    Ok(Sender::Http1(sender))
}
