//! HTTP, as the kubelet asks: `GET`, any status from 200 to 399, redirects followed within the replica.

use super::connect;
use bytes::Bytes;
use http::header::{CONNECTION, HOST, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::task::JoinSet;

/// How much of an answer is read and shown.
const SHOWN: usize = 256;
const REDIRECTS: usize = 10;

pub(super) async fn ask(addr: SocketAddr, path: &str, headers: &[(String, String)]) -> Result<(), String> {
    let headers = head(addr, headers)?;
    let mut path = PathAndQuery::try_from(path).map_err(|error| error.to_string())?;
    for _ in 0..REDIRECTS {
        let answer = get(addr, &path, headers.clone()).await?;
        match answer {
            Answer::Fine => return Ok(()),
            Answer::Redirect(to) => path = to,
        }
    }
    Err(format!("more than {REDIRECTS} redirects"))
}

enum Answer {
    Fine,
    /// To another path of the same replica.
    Redirect(PathAndQuery),
}

fn head(addr: SocketAddr, more: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let host = HeaderValue::try_from(addr.to_string()).map_err(|error| error.to_string())?;
    headers.insert(HOST, host);
    headers.insert("user-agent", HeaderValue::from_static("seaworthy-probe"));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    for (name, value) in more {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
        headers.insert(name, value);
    }
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(headers)
}

async fn get(addr: SocketAddr, path: &PathAndQuery, headers: HeaderMap) -> Result<Answer, String> {
    let stream = connect(addr).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = Uri::from(path.clone());
    *request.headers_mut() = headers;
    // whoever drops this future closes the connection
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| with_cause(&error))?;
    judge(addr, answer).await
}

async fn judge(addr: SocketAddr, answer: Response<Incoming>) -> Result<Answer, String> {
    let status = answer.status();
    if status.is_redirection()
        && let Some(to) = answer.headers().get(LOCATION)
    {
        // one that leads elsewhere is not followed: the replica answered
        return Ok(within(addr, to).map_or(Answer::Fine, Answer::Redirect));
    }
    if (200..400).contains(&status.as_u16()) {
        return Ok(Answer::Fine);
    }
    // the status is the answer; the body only helps to understand it
    let body = beginning(answer.into_body()).await;
    let body = String::from_utf8_lossy(&body);
    let shown = &body[..body.floor_char_boundary(SHOWN)];
    Err(match shown.trim() {
        "" => format!("status {}", status.as_u16()),
        text => format!("status {}: {}", status.as_u16(), text.escape_debug()),
    })
}

/// As much of a body as is shown; the rest is not waited for.
async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut read = Vec::new();
    while read.len() < SHOWN
        && let Some(Ok(frame)) = body.frame().await
    {
        read.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
    }
    read
}

/// The path that a redirect leads to, where it stays at the replica.
fn within(addr: SocketAddr, to: &HeaderValue) -> Option<PathAndQuery> {
    let uri = Uri::try_from(to.as_bytes()).ok()?;
    let same = match uri.authority() {
        // two slashes begin another host
        None => to.as_bytes().starts_with(b"/") && !to.as_bytes().starts_with(b"//"),
        Some(authority) => {
            let host = matches!(authority.host(), "localhost") || authority.host() == addr.ip().to_string();
            uri.scheme_str() == Some("http") && host && authority.port_u16().unwrap_or(80) == addr.port()
        }
    };
    uri.path_and_query().cloned().filter(|_| same)
}

fn with_cause(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
