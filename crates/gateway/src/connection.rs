//! One client connection from accept to close.
//!
//! An HTTP/1 connection lives in two states. *Serving*, it has the HTTP library's buffers and a ticking clock.
//! *Parked*, idle for a tenth of a second, those are given back and only the socket is kept: ten thousand idle clients then cost
//! what ten thousand sockets cost. The next byte builds the connection anew, behind the same guard.

use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::HeaderValue;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::body::ResponseBody;
use crate::guard::{self, Guard, Pulse};
use crate::plan::ListenerPlan;
use crate::request;
use crate::upstream::connect::LocalExecutor;
use crate::upstream::endpoint::LocalFuture;
use crate::upstream::work::Share;
use crate::worker::Core;

mod frames;
mod tunnel;

/// Idle for this long, a connection is parked.
const PARK_AFTER: Duration = Duration::from_millis(100);
/// When the clock of a serving connection is looked at first: soon, since most connections of a crowd are idle …
const FIRST_TICK: Duration = Duration::from_millis(120);
/// … and how often after that, if it was not.
const TICK: Duration = Duration::from_millis(500);
/// What an HTTP/2 client says first (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Most bytes read and dropped after an answer that closes the connection, so that the client gets to read it.
const LINGER_BYTES: usize = 1 << 20;
const LINGER: Duration = Duration::from_secs(1);

/// What all requests of one connection share.
pub(crate) struct Info {
    /// The address that connected.
    pub(crate) peer: SocketAddr,
    /// The same as upstreams are told of it; written once for all requests of the connection.
    pub(crate) address: OnceCell<HeaderValue>,
    /// Whether it came by TLS.
    pub(crate) tls: bool,
    /// The client's certificate (DER), where one was shown and verified.
    pub(crate) client_certificate: Option<Box<[u8]>>,
    /// The listener's settings when it connected.
    pub(crate) listener: Arc<ListenerPlan>,
    /// The guard's other side; HTTP/2 has none.
    pub(crate) guard: Option<Rc<guard::Shared>>,
    /// Requests whose answer is not finished.
    pub(crate) active: Cell<usize>,
    /// When the last one finished.
    pub(crate) last: Cell<Instant>,
    /// Answers that have more for a client than it takes, and when one of them last moved.
    pub(crate) unread: Cell<usize>,
    pub(crate) moved: Cell<Instant>,
    /// The upstream's half of a tunnel, once a switch of protocols was agreed.
    pub(crate) tunnel: RefCell<Option<(OnUpgrade, Option<Arc<Share>>)>>,
    /// Whether the connection closes with unread bytes on it.
    pub(crate) linger: Cell<bool>,
    /// Whether the connection is to be cut without an answer (an injected reset).
    pub(crate) cut: Cell<bool>,
}

impl Info {
    /// An answer was finished, or its client is gone.
    pub(crate) fn answered(&self, now: Instant) {
        self.active.set(self.active.get().saturating_sub(1));
        self.last.set(now);
        if let Some(guard) = &self.guard {
            guard.answered(now);
        }
    }
}

/// A stream that can say when there is something to read.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + 'static {
    /// The socket below.
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Wire for Box<TlsStream<TcpStream>> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Has the kernel notice a peer that vanished without a word.
pub(crate) fn keep_alive(tcp: &TcpStream) {
    let patience = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15));
    let _ = socket2::SockRef::from(tcp).set_tcp_keepalive(&patience);
}

/// Counts a connection for as long as it lives.
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Slot {
    /// A slot, or `None` where the listener is full.
    pub(crate) fn take(listener: &ListenerPlan) -> Option<Self> {
        let limit = listener.settings.limits.connections;
        let admit = |n: usize| (n < limit).then_some(n + 1);
        listener.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit).ok()?;
        Some(Self(Arc::clone(&listener.connections)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection to its end. Errors of single clients are not ours: they are noted and forgotten.
///
/// Whatever is large is behind a pointer and made when it is needed: this future is what an idle connection costs.
pub(crate) async fn serve(core: Rc<Core>, listener: Arc<ListenerPlan>, tcp: TcpStream, peer: SocketAddr) {
    let _ = tcp.set_nodelay(true);
    let served = match listener.tls.clone() {
        None => clear(core, listener, tcp, peer).await,
        Some(config) => match Box::pin(handshake(&listener, config, tcp)).await {
            Ok(tls) => Box::pin(encrypted(core, listener, tls, peer)).await,
            Err(error) => {
                core.meters.handshake_failed();
                Err(error)
            }
        },
    };
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn handshake(
    listener: &ListenerPlan,
    config: Arc<rustls::ServerConfig>,
    tcp: TcpStream,
) -> io::Result<Box<TlsStream<TcpStream>>> {
    let patience = listener.settings.limits.handshake_timeout;
    let shaken = tokio::time::timeout(patience, TlsAcceptor::from(config).accept(tcp)).await;
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long");
    shaken.map_err(late)?.map(Box::new)
}

async fn clear(
    core: Rc<Core>,
    listener: Arc<ListenerPlan>,
    tcp: TcpStream,
    peer: SocketAddr,
) -> io::Result<()> {
    let limits = listener.settings.limits;
    let preface = listener.settings.http2 && {
        let found = tokio::time::timeout(limits.header_timeout, speaks_http2(&core, &tcp)).await;
        match found {
            Ok(found) => found?,
            Err(_) => return Ok(()), // never said a word
        }
    };
    let info = info(listener, peer, false, None);
    match preface {
        true => Box::pin(http2_connection(core, info, tcp)).await,
        false => http1_connection(core, info, tcp).await,
    }
}

/// Whether the first bytes are HTTP/2's. They stay unread.
async fn speaks_http2(core: &Core, tcp: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        tokio::select! {
            peeked = tcp.peek(&mut start) => {
                let n = peeked?;
                if n == 0 || n == PREFACE.len() || !PREFACE.starts_with(&start[..n]) {
                    return Ok(PREFACE == start);
                }
                if tcp.ready(Interest::READABLE).await?.is_read_closed() {
                    return Ok(false); // the rest will never come
                }
            }
            () = core.drained() => return Ok(false),
        }
        // half a preface stays unread and the socket readable: "nothing to read" makes the next peek wait for more of it
        let _ = tcp.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }
}

async fn encrypted(
    core: Rc<Core>,
    listener: Arc<ListenerPlan>,
    tls: Box<TlsStream<TcpStream>>,
    peer: SocketAddr,
) -> io::Result<()> {
    let session = tls.get_ref().1;
    let http2 = session.alpn_protocol() == Some(b"h2");
    let leaf = session.peer_certificates().and_then(|chain| chain.first());
    let certificate = leaf.map(|leaf| Box::from(leaf.as_ref()));
    let info = info(listener, peer, true, certificate);
    match http2 {
        true => Box::pin(http2_connection(core, info, tls)).await,
        false => Box::pin(http1_connection(core, info, tls)).await,
    }
}

fn info(
    listener: Arc<ListenerPlan>,
    peer: SocketAddr,
    tls: bool,
    client_certificate: Option<Box<[u8]>>,
) -> Info {
    Info {
        peer,
        address: OnceCell::new(),
        tls,
        client_certificate,
        listener,
        guard: None,
        active: Cell::new(0),
        last: Cell::new(Instant::now()),
        unread: Cell::new(0),
        moved: Cell::new(Instant::now()),
        tunnel: RefCell::default(),
        linger: Cell::new(false),
        cut: Cell::new(false),
    }
}

/// Hands requests of a connection to the pipeline.
struct Requests {
    core: Rc<Core>,
    info: Rc<Info>,
}

impl hyper::service::Service<http::Request<Incoming>> for Requests {
    type Response = http::Response<ResponseBody>;
    type Error = request::Cut;
    type Future = LocalFuture<Result<Self::Response, request::Cut>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        Box::pin(request::handle(Rc::clone(&self.core), Rc::clone(&self.info), request))
    }
}

/// How a stretch of serving ended.
enum Stretch<S> {
    /// Nothing to do: keep the socket only.
    Park(Guard<S>),
    /// The protocol was switched.
    Tunnel(Guard<S>),
    /// The end.
    Close(Option<Guard<S>>),
}

async fn http1_connection<S: Wire>(core: Rc<Core>, mut info: Info, stream: S) -> io::Result<()> {
    let limits = info.listener.settings.limits;
    let mut guard = Guard::new(
        stream,
        guard::Limits {
            header_timeout: limits.header_timeout,
            body_timeout: limits.body_timeout,
            write_timeout: limits.write_timeout,
            head_bytes: limits.head_bytes,
            headers: limits.headers,
        },
    );
    info.guard = Some(guard.shared());
    let info = Rc::new(info);
    // a handshake may have read the first request along: it is then inside the TLS session, and the socket is silent
    let mut unread = info.tls;
    loop {
        let wait = !guard.has_buffered() && !std::mem::take(&mut unread);
        if wait && !wait_for_bytes(&core, &info, guard.stream()).await? {
            return guard.shutdown().await;
        }
        // boxed, so that a parked connection does not carry the size of a serving one
        guard = match Box::pin(stretch(&core, &info, guard)).await? {
            Stretch::Park(guard) => guard,
            Stretch::Tunnel(guard) => return Box::pin(tunnel(&core, &info, guard)).await,
            Stretch::Close(None) => return Ok(()),
            Stretch::Close(Some(mut guard)) => {
                guard.shutdown().await?;
                if info.linger.get() {
                    Box::pin(linger(guard)).await;
                }
                return Ok(());
            }
        };
    }
}

/// Parked. `false`: the connection has been idle for long enough.
async fn wait_for_bytes<S: Wire>(core: &Core, info: &Info, stream: &S) -> io::Result<bool> {
    let idle = info.listener.settings.limits.idle_timeout;
    let readable = stream.socket().readable();
    let deadline = tokio::time::sleep(idle);
    tokio::select! {
        readable = readable => return readable.map(|()| true),
        () = deadline => return Ok(false),
        () = core.drained() => {}
    }
    // draining: one more request may come, and will be answered with `connection: close`
    let last_chance = tokio::time::timeout(core.drain_idle(), stream.socket().readable()).await;
    last_chance.map_or(Ok(false), |readable| readable.map(|()| true))
}

/// Serves requests until the connection is idle, switched or over.
async fn stretch<S: Wire>(core: &Rc<Core>, info: &Rc<Info>, guard: Guard<S>) -> io::Result<Stretch<S>> {
    let shared = guard.shared();
    let service = Requests { core: Rc::clone(core), info: Rc::clone(info) };
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None);
    if info.listener.settings.limits.headers > 100 {
        builder.max_headers(info.listener.settings.limits.headers);
    }
    let mut connection = builder.serve_connection(TokioIo::new(guard), service);
    let mut tick = pin!(tokio::time::sleep(FIRST_TICK));
    let mut parking = false;
    let outcome = poll_fn(|cx| {
        loop {
            if let Poll::Ready(done) = connection.poll_without_shutdown(cx) {
                return Poll::Ready(Some(done));
            }
            if info.cut.get() {
                return Poll::Ready(None);
            }
            if tick.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            tick.as_mut().reset(now + TICK);
            match shared.pulse(now) {
                Pulse::Stalled => return Poll::Ready(None),
                // an answer that is not written yet would be lost with the buffers
                Pulse::Idle(idle)
                    if idle >= PARK_AFTER && info.active.get() == 0 && !shared.is_stalled() && !parking =>
                {
                    parking = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                Pulse::Idle(_) | Pulse::Fine | Pulse::Poll => {}
            }
        }
    })
    .await;
    let Some(done) = outcome else { return Ok(Stretch::Close(None)) };
    let clean = done.is_ok();
    if let Err(error) = done {
        tracing::trace!(peer = %info.peer, %error, "request ended the connection");
    }
    let parts = connection.into_parts();
    let mut guard = parts.io.into_inner();
    guard.unread(&parts.read_buf);
    Ok(match (parking && clean && shared.is_idle(), info.tunnel.borrow().is_some()) {
        (_, true) => Stretch::Tunnel(guard),
        (true, _) => Stretch::Park(guard),
        _ => Stretch::Close(Some(guard)),
    })
}

/// Both sides agreed to leave HTTP: bytes pass both ways until one of them ends.
async fn tunnel<S: Wire>(core: &Core, info: &Info, guard: Guard<S>) -> io::Result<()> {
    let Some((upgrade, _share)) = info.tunnel.borrow_mut().take() else { return Ok(()) };
    let upstream = upgrade.await.map_err(io::Error::other)?;
    let (mut client, mut upstream) = (guard.into_tunnel(), TokioIo::new(upstream));
    let _open = core.meters.tunnel();
    keep_alive(client.stream().socket());
    let idle = info.listener.settings.limits.tunnel_idle_timeout;
    if tunnel::pass(&mut client, &mut upstream, idle).await? == tunnel::End::Idle {
        core.meters.tunnel_idle();
        tracing::debug!(peer = %info.peer, ?idle, "a silent tunnel was closed");
    }
    Ok(())
}

/// Reads what the client still sends, so that closing does not reset the connection under our last answer.
async fn linger<S: Wire>(guard: Guard<S>) {
    let mut rest = guard.into_tunnel().take(LINGER_BYTES as u64);
    let _ = tokio::time::timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}

async fn http2_connection<S: Wire>(core: Rc<Core>, info: Info, stream: S) -> io::Result<()> {
    let limits = info.listener.settings.limits;
    let info = Rc::new(info);
    let service = Requests { core: Rc::clone(&core), info: Rc::clone(&info) };
    let (stream, unfinished) = frames::Frames::new(stream);
    let mut connection = pin!(
        http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(limits.write_timeout)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut tick = pin!(tokio::time::sleep(TICK));
    let mut leaving = None;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(done) = connection.as_mut().poll(cx) {
                return Poll::Ready(done.map_err(io::Error::other));
            }
            if tick.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            tick.as_mut().reset(now + TICK);
            let late =
                |since: Option<Instant>, limit| since.is_some_and(|since| now.duration_since(since) >= limit);
            if late(unfinished.since(), limits.header_timeout) {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "a frame is never finished",
                )));
            }
            // told to go, it is to answer; a client that does neither that nor anything else is gone
            if late(leaving, limits.write_timeout) && info.active.get() == 0 {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client does not leave",
                )));
            }
            // clients that open streams and never read them would hold upstream connections for ever
            if info.unread.get() > 0 && now.duration_since(info.moved.get()) >= limits.write_timeout {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")));
            }
            let idle = info.active.get() == 0 && now.duration_since(info.last.get()) >= limits.idle_timeout;
            if (idle || core.is_draining()) && leaving.is_none() {
                leaving = Some(now);
                connection.as_mut().graceful_shutdown();
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: Future>(_: impl FnOnce(Rc<Core>, Arc<ListenerPlan>, TcpStream, SocketAddr) -> F) -> usize {
        std::mem::size_of::<F>()
    }

    /// Ten thousand idle connections are ten thousand of these.
    #[test]
    fn an_idle_connection_is_small() {
        assert!(size(serve) < 3_000, "{} bytes", size(serve));
    }
}
