//! A plain HTTP/1.1 client: one connection, one request after the other, nothing hidden.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::within;

/// Where the operator's tokens of control listeners are: what asks one of those is the operator, unless it says otherwise.
pub(crate) mod tokens {
    use std::collections::HashMap;
    use std::net::SocketAddr;
    use std::path::PathBuf;
    use std::sync::Mutex;

    static FILES: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

    pub(crate) fn learn(control: SocketAddr, file: PathBuf) {
        FILES.lock().unwrap().get_or_insert_default().insert(control.to_string(), file);
    }

    pub(super) fn of(control: &str) -> Option<String> {
        let file = FILES.lock().unwrap().as_ref()?.get(control)?.clone();
        std::fs::read_to_string(file).ok().map(|text| text.trim().to_owned())
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header, or "" where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The finer cause of an error answer.
    pub(crate) fn reason(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        self.json()["reason"].as_str().unwrap().to_owned()
    }
}

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, authority: address.to_string() })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        if let Some(token) = tokens::of(&self.authority)
            && !["authorization", "cookie", "x-api-key"]
                .iter()
                .any(|name| request.headers().contains_key(*name))
        {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        if !request.headers().contains_key("host") {
            request.headers_mut().insert("host", self.authority.parse().unwrap());
        }
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, Error> {
        self.send(request("GET", path, &[], "")).await
    }

    /// Whether the other side keeps the connection open for another request.
    pub(crate) async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Resolves once the other side has closed it.
    pub(crate) async fn closed(&mut self) {
        super::eventually("the connection is closed", || {
            let closed = self.sender.is_closed();
            async move { closed.then_some(()) }
        })
        .await;
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Error {
    Connect(io::Error),
    Http(hyper::Error),
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Connect(error)
    }
}

impl From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

/// Puts a request together.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::from(body.to_owned())).unwrap()
}

/// One request on a connection of its own.
pub(crate) async fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let send = async { Connection::open(address).await?.send(request(method, path, headers, body)).await };
    within(path, send).await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
}

/// A GET on a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Answer, Error> {
    within(path, async { Connection::open(address).await?.get(path).await }).await
}

/// Sends bytes as they are and reads until the other side closes.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut got = Vec::new();
    let talk = async {
        // the other side may refuse before it has read everything
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut got).await;
    };
    within("the other side closes", talk).await;
    got
}
