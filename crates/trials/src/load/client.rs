//! HTTP/1.1 connections to one base address, kept alive and used again, the youngest first.

use super::{Error, Failure, Outcome, Request};
use bytes::Bytes;
use http::Uri;
use http::header::{HOST, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;

type Connection = SendRequest<Full<Bytes>>;

pub(super) struct Client {
    address: String,
    host: HeaderValue,
    idle: Mutex<Vec<Connection>>,
}

impl Client {
    pub(super) fn new(base: &str) -> Result<Self, Error> {
        let bad = || Error::BadBase(base.to_owned());
        let uri: Uri = base.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad());
        }
        let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| bad())?;
        Ok(Self { address, host, idle: Mutex::default() })
    }

    pub(super) async fn send(&self, request: Request, timeout: Duration) -> Outcome {
        match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(Ok(status)) if status < 400 => Outcome::Ok,
            Ok(Ok(_)) => Outcome::Failed(Failure::Status),
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(_) => Outcome::Failed(Failure::Timeout),
        }
    }

    async fn exchange(&self, request: Request) -> Result<u16, Failure> {
        let mut request = self.prepare(request)?;
        loop {
            let (mut connection, fresh) = match self.idle().await {
                Some(connection) => (connection, false),
                None => (self.connect().await?, true),
            };
            let answer = match connection.try_send_request(request).await {
                Ok(answer) => answer,
                Err(mut error) => match error.take_message() {
                    // closed while it was idle: not a byte was sent, so this is no failure of the service
                    Some(unsent) if !fresh => {
                        request = unsent;
                        continue;
                    }
                    _ => return Err(Failure::Broken),
                },
            };
            let status = answer.status().as_u16();
            let mut body = answer.into_body();
            while let Some(frame) = body.frame().await {
                frame.map_err(|_| Failure::Broken)?;
            }
            self.keep(connection);
            return Ok(status);
        }
    }

    fn prepare(&self, request: Request) -> Result<http::Request<Full<Bytes>>, Failure> {
        let mut prepared = http::Request::new(Full::new(request.body));
        *prepared.method_mut() = request.method;
        *prepared.uri_mut() = request.path.parse().map_err(|_| Failure::Broken)?;
        prepared.headers_mut().insert(HOST, self.host.clone());
        prepared.headers_mut().extend(request.headers);
        Ok(prepared)
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(&self.address).await.map_err(|_| Failure::Connect)?;
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        let (connection, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Connect)?;
        // what goes wrong with the connection is seen by the request on it
        tokio::spawn(driver);
        Ok(connection)
    }

    async fn idle(&self) -> Option<Connection> {
        loop {
            let youngest = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = youngest?;
            // right after an answer its driver may have to be polled once more; a closed one is let go
            if connection.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: Connection) {
        if !connection.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
