//! Probes against servers that say exactly what they are told to say.

use super::*;
use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Never over, unless a test is about that.
const PATIENT: Duration = Duration::from_secs(60);

fn probe(kind: ProbeKind) -> Probe {
    Probe { timeout: PATIENT, ..Probe::new(kind) }
}

fn get(path: &str) -> Probe {
    probe(ProbeKind::Http { path: path.to_owned(), headers: Vec::new() })
}

async fn ask_at(addr: SocketAddr, probe: &Probe) -> Result<(), String> {
    within(probe, connected(probe, &probe.kind, addr)).await
}

/// Where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A server that answers the first connection with the first text and so on, and tells what it was asked.
async fn says(answers: Vec<String>) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (asked, heard) = mpsc::channel(32);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.is_ok_and(|n| n > 0)
            {
            }
            let _ = asked.send(String::from_utf8(request).unwrap()).await;
            let _ = stream.write_all(answer.replace("PORT", &addr.port().to_string()).as_bytes()).await;
        }
    });
    (addr, heard)
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}

fn status(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
}

#[tokio::test]
async fn any_status_from_200_to_399_is_fine() {
    for (line, fine) in [
        ("200 OK", true),
        ("204 No Content", true),
        ("304 Not Modified", true),
        ("302 Found", true),
        ("400 Bad Request", false),
        ("404 Not Found", false),
        ("500 Oh", false),
        ("503 Oh", false),
    ] {
        let (addr, _heard) = says(vec![status(line)]).await;
        let answer = ask_at(addr, &get("/")).await;
        let wrong = format!("status {}", &line[..3]);
        assert_eq!(answer, if fine { Ok(()) } else { Err(wrong) }, "{line}");
    }
}

#[tokio::test]
async fn the_request_is_what_was_configured() {
    let (addr, mut heard) = says(vec![status("200 OK")]).await;
    let headers = vec![("Host".to_owned(), "shop.example".to_owned()), ("X-Key".to_owned(), "1".to_owned())];
    ask_at(addr, &probe(ProbeKind::Http { path: "/health?deep=1".into(), headers })).await.unwrap();
    let asked = heard.recv().await.unwrap().to_lowercase();
    assert!(asked.starts_with("get /health?deep=1 http/1.1\r\n"), "{asked}");
    for header in ["host: shop.example", "x-key: 1", "user-agent: seaworthy-probe", "connection: close"] {
        assert_eq!(asked.matches(&format!("\r\n{header}\r\n")).count(), 1, "{header}: {asked}");
    }
}

#[tokio::test]
async fn redirects_are_followed_within_the_replica_only() {
    let within = ["/there", "http://127.0.0.1:PORT/there", "http://localhost:PORT/there"];
    for to in within {
        let (addr, mut heard) = says(vec![redirect(to), status("500 Oh")]).await;
        assert_eq!(ask_at(addr, &get("/")).await, Err("status 500".to_owned()), "{to}");
        heard.recv().await.unwrap();
        assert!(heard.recv().await.unwrap().starts_with("GET /there "));
    }
    for to in [
        "http://elsewhere.example/",
        "https://127.0.0.1:PORT/",
        "http://127.0.0.1:1/",
        "//elsewhere/",
        "there",
    ] {
        let (addr, _heard) = says(vec![redirect(to), status("500 Oh")]).await;
        assert_eq!(ask_at(addr, &get("/")).await, Ok(()), "{to}");
    }
    let (addr, _heard) = says(vec![redirect("/"); 20]).await;
    assert_eq!(ask_at(addr, &get("/")).await, Err("more than 10 redirects".to_owned()));
}

#[tokio::test]
async fn what_a_sick_server_says_is_shown_but_not_all_of_it() {
    let body = "no\n".repeat(100_000);
    let (addr, _heard) =
        says(vec![format!("HTTP/1.1 500 Oh\r\ncontent-length: {}\r\n\r\n{body}", body.len())]).await;
    let told = ask_at(addr, &get("/")).await.unwrap_err();
    assert!(told.starts_with("status 500: no\\nno\\n") && told.len() < 600, "{told}");
}

#[tokio::test]
async fn who_is_not_there_or_says_nothing_sensible_fails_in_words() {
    let addr = nobody().await;
    for probe in [get("/"), probe(ProbeKind::Tcp), probe(ProbeKind::Grpc { service: String::new() })] {
        let told = ask_at(addr, &probe).await.unwrap_err();
        assert!(told.starts_with(&format!("cannot connect to {addr}")), "{told}");
    }
    for nonsense in ["", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 abc\r\n\r\n", "\0\0\0"] {
        let (addr, _heard) = says(vec![nonsense.to_owned()]).await;
        assert!(ask_at(addr, &get("/")).await.is_err(), "{nonsense:?}");
        let (addr, _heard) = says(vec![nonsense.to_owned()]).await;
        let grpc = probe(ProbeKind::Grpc { service: String::new() });
        let grpc = Probe { timeout: Duration::from_secs(1), ..grpc };
        assert!(ask_at(addr, &grpc).await.is_err(), "{nonsense:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let timeout = Duration::from_millis(50);
    // the kernel accepts connections; nobody answers
    for kind in [get("/").kind, ProbeKind::Grpc { service: String::new() }] {
        let told = ask_at(addr, &Probe { timeout, ..Probe::new(kind) }).await;
        assert_eq!(told, Err("no answer within 50ms".to_owned()));
    }
    assert_eq!(ask_at(addr, &probe(ProbeKind::Tcp)).await, Ok(()));
}

/// A server of `grpc.health.v1.Health` that gives this message and these trailers.
async fn health(message: &'static [u8], trailers: &'static [(&'static str, &'static str)]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = service_fn(move |request: Request<Incoming>| async move {
            let headers = request.headers().clone();
            assert_eq!(
                (request.uri().path(), request.method().as_str()),
                ("/grpc.health.v1.Health/Check", "POST")
            );
            assert!(headers["content-type"] == "application/grpc" && headers["te"] == "trailers");
            let asked = request.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(&asked[..], b"\0\0\0\0\x06\x0a\x04shop");
            let trailers: HeaderMap = trailers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            let frames = [Frame::data(Bytes::from_static(message)), Frame::trailers(trailers)];
            let frames = frames.map(Ok::<_, Infallible>);
            Ok::<_, Infallible>(Response::new(StreamBody::new(futures_util::stream::iter(frames))))
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(TokioIo::new(stream), answer).await;
    });
    addr
}

#[tokio::test]
async fn grpc_health_is_asked_as_the_standard_says() {
    let ok: &[_] = &[("grpc-status", "0")];
    let table: [(&[u8], _, Result<(), &str>); 7] = [
        (&[0, 0, 0, 0, 2, 8, 1], ok, Ok(())),
        (&[0, 0, 0, 0, 2, 8, 2], ok, Err("NOT_SERVING")),
        (&[0, 0, 0, 0, 0], ok, Err("UNKNOWN")),
        (
            &[],
            &[("grpc-status", "12")],
            Err("grpc-status 12 (UNIMPLEMENTED: it has no grpc.health.v1.Health)"),
        ),
        (
            &[],
            &[("grpc-status", "5"), ("grpc-message", "who")],
            Err("grpc-status 5 (NOT_FOUND: it does not know the service): who"),
        ),
        (&[0, 0, 0, 0, 2, 8, 1], &[], Err("the answer has no grpc-status")),
        (&[0, 0, 0], ok, Err("the answer has no message")),
    ];
    for (message, trailers, expected) in table {
        let addr = health(message, trailers).await;
        let answer = ask_at(addr, &probe(ProbeKind::Grpc { service: "shop".into() })).await;
        assert_eq!(answer, expected.map_err(str::to_owned));
    }
}
