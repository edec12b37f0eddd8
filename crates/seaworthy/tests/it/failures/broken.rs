//! One failing upstream, no way around it: the client gets a clear answer, or a connection that is visibly cut.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::harness::client::{Connection, raw};
use crate::harness::gateway::timed;
use crate::harness::upstream::{read_head, write};
use crate::harness::{Answer, Gateway, Upstream, exchange, free_address, within};

const QUICK: &str = "retry = false\nbreaker = false\ntimeout = { total = \"2s\", attempt = \"500ms\" }";

/// A gateway before an upstream that reads a head and then says this, and no more.
async fn saying(bytes: &'static [u8]) -> (Upstream, Gateway) {
    let upstream = Upstream::raw(move |mut stream, _| async move {
        while read_head(&mut stream).await.is_some() {
            write(&mut stream, bytes).await;
        }
    })
    .await;
    let gateway = Gateway::start(&upstream.service(QUICK)).await;
    (upstream, gateway)
}

/// A GET whose answer must be a problem.
async fn problem(gateway: &Gateway) -> (u16, String, Answer) {
    let answer = gateway.get("/").await;
    (answer.status.as_u16(), answer.reason(), answer)
}

#[tokio::test]
async fn nobody_there() {
    let address = free_address();
    let service = format!("[service.shop]\nupstreams = [\"http://{address}\"]\n{QUICK}");
    let gateway = Gateway::start(&service).await;
    let (status, reason, answer) = problem(&gateway).await;
    assert_eq!((status, reason.as_str()), (502, "upstream_unreachable"));
    let text = answer.text();
    assert!(!text.contains(&address.port().to_string()) && !text.contains("refused"), "internals: {text}");
    // whoever runs it is told why
    gateway.logs("connecting to an upstream failed").await;
    assert!(gateway.log().contains("Connection refused"), "{}", gateway.log());
    assert_eq!(answer.json()["code"], "unavailable");
    assert_eq!(answer.json()["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn somebody_who_never_answers() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let gateway = Gateway::start(&upstream.service(QUICK)).await;
    let ((status, reason, _), took) = timed(problem(&gateway)).await;
    assert_eq!((status, reason.as_str()), (504, "timed_out"));
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(4), "after {took:?}");
}

#[tokio::test]
async fn a_head_that_trickles_for_ever() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        for byte in b"HTTP/1.1 200 OK\r\nx: ".iter().chain(std::iter::repeat(&b'y')) {
            if tokio::io::AsyncWriteExt::write_all(&mut stream, &[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let gateway = Gateway::start(&upstream.service(QUICK)).await;
    let (status, reason, _) = problem(&gateway).await;
    assert_eq!((status, reason.as_str()), (504, "timed_out"));
}

#[tokio::test]
async fn somebody_who_hangs_up() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
    })
    .await;
    let gateway = Gateway::start(&upstream.service(QUICK)).await;
    let (status, reason, _) = problem(&gateway).await;
    assert_eq!((status, reason.as_str()), (502, "upstream_broke_off"));
}

#[tokio::test]
async fn answers_that_are_no_http() {
    let garbage: [&'static [u8]; 8] = [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"hello\n\n",
        b"HTTP/1.1 abc Nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx\0: y\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28\r\n\r\n",
    ];
    for bytes in garbage {
        let (_upstream, gateway) = saying(bytes).await;
        let (status, reason, _) = problem(&gateway).await;
        let said = String::from_utf8_lossy(bytes);
        assert_eq!((status, reason.as_str()), (502, "upstream_broke_off"), "{said}");
    }
}

#[tokio::test]
async fn an_endless_head_is_bounded() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\n").await;
        while tokio::io::AsyncWriteExt::write_all(&mut stream, &b"x: y\r\n".repeat(100)).await.is_ok() {}
    })
    .await;
    let gateway = Gateway::start(&upstream.service(QUICK)).await;
    let (status, reason, _) = problem(&gateway).await;
    assert_eq!((status, reason.as_str()), (502, "upstream_broke_off"));
}

/// The client must be able to tell that what it got is not the whole answer.
async fn is_cut(gateway: &Gateway) {
    let got = raw(gateway.address, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let text = String::from_utf8_lossy(&got);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("hello"), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "the answer looks whole: {text}");
    gateway.logs("reason=response_broke_off").await;
    let label = "error_type=\"response_broke_off\"";
    assert_eq!(gateway.metric("http_server_request_duration_seconds_count", label).await, 1.0);
}

#[tokio::test]
async fn a_fixed_length_body_that_stops() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello").await;
    })
    .await;
    is_cut(&Gateway::start(&upstream.service(QUICK)).await).await;
}

#[tokio::test]
async fn an_answer_that_broke_off_is_logged_whatever_the_sample() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello").await;
    })
    .await;
    let config = format!("{}[telemetry.access]\nsample = 0.0", upstream.service(QUICK));
    is_cut(&Gateway::start(&config).await).await;
}

#[tokio::test]
async fn a_chunked_body_that_stops() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    })
    .await;
    is_cut(&Gateway::start(&upstream.service(QUICK)).await).await;
}

#[tokio::test]
async fn a_body_that_is_reset() {
    let arrived = Arc::new(Notify::new());
    let told = Arc::clone(&arrived);
    let upstream = Upstream::raw(move |mut stream, _| {
        let told = Arc::clone(&told);
        async move {
            read_head(&mut stream).await;
            write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello").await;
            // a reset throws away what was not read yet: only once that has arrived it is worth one
            told.notified().await;
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    })
    .await;
    let gateway = Gateway::start(&upstream.service(QUICK)).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    write(&mut client, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    read_head(&mut client).await.unwrap();
    let mut body = [0; 5];
    client.read_exact(&mut body).await.unwrap();
    arrived.notify_one();
    let rest = within("the connection is cut", client.read_to_end(&mut Vec::new())).await;
    assert!(rest.is_err() || rest.is_ok_and(|more| more == 0));
    gateway.logs("reason=response_broke_off").await;
}

#[tokio::test]
async fn a_body_that_falls_silent() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let settings = format!("{QUICK}\nresponse_silence = \"500ms\"");
    is_cut(&Gateway::start(&upstream.service(&settings)).await).await;
}

#[tokio::test]
async fn a_body_that_trickles_but_never_falls_silent() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        write(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n").await;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            write(&mut stream, "x").await;
        }
    })
    .await;
    let settings = format!("{QUICK}\nresponse_silence = \"500ms\"");
    let gateway = Gateway::start(&upstream.service(&settings)).await;
    let (answer, took) = timed(gateway.get("/")).await;
    assert_eq!(answer.text(), "x".repeat(20));
    assert!(took > Duration::from_millis(900), "the limit for an attempt ends with the head: {took:?}");
}

#[tokio::test]
async fn more_than_was_announced_is_nobodys_answer() {
    let poison = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
    let (_upstream, gateway) = saying(poison).await;
    let mut connection = Connection::open(gateway.address).await.unwrap();
    for _ in 0..20 {
        assert_eq!(connection.get("/").await.unwrap().text(), "hello");
    }
}

#[tokio::test]
async fn a_body_where_none_may_be_is_nobodys_answer() {
    for head in ["HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\ncontent-length: 6\r\n\r\n"]
    {
        let upstream = Upstream::raw(move |mut stream, _| async move {
            while read_head(&mut stream).await.is_some() {
                write(&mut stream, format!("{head}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison")).await;
            }
        })
        .await;
        let gateway = Gateway::start(&upstream.service(QUICK)).await;
        for _ in 0..10 {
            let answer = exchange(gateway.address, "GET", "/", &[], "").await;
            assert!(head.contains(answer.status.as_str()), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_no_fault_of_the_service() {
    let upstream = Upstream::fixed("ahoy").await;
    let gateway = Gateway::start(&upstream.service("breaker = { consecutive_failures = 3 }")).await;
    for method in ["POST", "PUT"] {
        for _ in 0..5 {
            let half = format!(
                "{method} / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nXX\r\n"
            );
            let got = raw(gateway.address, half.as_bytes()).await;
            assert!(got.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&got));
        }
    }
    let breaker = gateway.policy("shop", "breaker").await;
    assert_eq!(breaker["state"]["phase"], "closed", "{breaker}");
    assert_eq!(gateway.get("/").await.text(), "ahoy");
    assert!(upstream.count() <= 11, "{} requests: an upload that cannot be sent again was", upstream.count());
}
