//! `grpc.health.v1.Health/Check` (grpc/grpc, doc/health-checking.md; wire format: doc/PROTOCOL-HTTP2.md).
//!
//! Both messages have one field, so they are written and read by hand:
//! `HealthCheckRequest { string service = 1; }` and `HealthCheckResponse { ServingStatus status = 1; }`.

use super::connect;
use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;

const PATH: &str = "/grpc.health.v1.Health/Check";
/// Compressed or not (1 byte) and the length of a message (4 bytes).
const PREFIX: usize = 5;
const LARGEST: usize = 10 << 10;
const SERVING: u64 = 1;

pub(super) async fn ask(addr: SocketAddr, service: &str, timeout: Duration) -> Result<(), String> {
    let stream = connect(addr).await?;
    // hyper has its tasks run; they end with the connection, and that with this future
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let request = request(addr, service, timeout)?;
    // whoever drops this future closes the connection
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("HTTP status {}", answer.status().as_u16()));
    }
    let head = answer.headers().clone();
    let body =
        Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| error.to_string())?;
    let trailers = body.trailers().cloned();
    judge(&head, trailers.as_ref(), &body.to_bytes())
}

fn request(addr: SocketAddr, service: &str, timeout: Duration) -> Result<Request<Full<Bytes>>, String> {
    let uri = Uri::try_from(format!("http://{addr}{PATH}")).map_err(|error| error.to_string())?;
    let mut request =
        Request::post(uri).body(Full::new(encode(service))).map_err(|error| error.to_string())?;
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert("user-agent", HeaderValue::from_static("seaworthy-probe"));
    // at most eight digits
    let timeout = timeout.as_millis().clamp(1, 99_999_999);
    let timeout = HeaderValue::try_from(format!("{timeout}m")).map_err(|error| error.to_string())?;
    headers.insert("grpc-timeout", timeout);
    Ok(request)
}

fn judge(head: &HeaderMap, trailers: Option<&HeaderMap>, body: &[u8]) -> Result<(), String> {
    let find = |name: &str| trailers.and_then(|t| t.get(name)).or_else(|| head.get(name));
    let status = find("grpc-status").ok_or("the answer has no grpc-status")?;
    if status != "0" {
        let message = find("grpc-message").map(|m| String::from_utf8_lossy(m.as_bytes()).into_owned());
        let status = String::from_utf8_lossy(status.as_bytes());
        let name = match &*status {
            "5" => " (NOT_FOUND: it does not know the service)",
            "12" => " (UNIMPLEMENTED: it has no grpc.health.v1.Health)",
            _ => "",
        };
        let message = message.map(|m| format!(": {}", m.escape_debug())).unwrap_or_default();
        return Err(format!("grpc-status {}{name}{message}", status.escape_debug()));
    }
    let message = body.get(PREFIX..).ok_or("the answer has no message")?;
    if body[0] != 0 {
        return Err("the answer is compressed, which was not asked for".to_owned());
    }
    match decode(message).ok_or("the answer is no HealthCheckResponse")? {
        SERVING => Ok(()),
        0 => Err("UNKNOWN".to_owned()),
        2 => Err("NOT_SERVING".to_owned()),
        3 => Err("SERVICE_UNKNOWN".to_owned()),
        other => Err(format!("serving status {other}")),
    }
}

/// A framed `HealthCheckRequest`.
fn encode(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a); // field 1, a length and so many bytes
        let mut length = service.len();
        while length >= 0x80 {
            message.put_u8((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        message.put_u8(length as u8);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put(message);
    framed.freeze()
}

/// The status in a `HealthCheckResponse`, 0 where it has none; fields of later versions are skipped. `None`: malformed.
fn decode(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let key = varint(&mut message)?;
        match key & 7 {
            0 => {
                let value = varint(&mut message)?;
                if key >> 3 == 1 {
                    status = value;
                }
            }
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_those_of_the_standard() {
        assert_eq!(&encode("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&encode("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        assert_eq!(&encode(&"x".repeat(200))[5..8], [0x0a, 0xc8, 0x01]);
        assert_eq!(decode(&[0x08, 1]), Some(SERVING));
        assert_eq!(decode(&[]), Some(0));
        assert_eq!(decode(&[0x12, 1, 9, 0x08, 2]), Some(2), "an unknown field is skipped");
        for bad in [&[0x08][..], &[0x12, 9], &[0x0b], &[0xff; 12]] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn hostile_answers_never_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut head = HeaderMap::new();
            head.insert("grpc-status", HeaderValue::from_static("0"));
            let _ = judge(&head, None, &body);
        }
    }
}
