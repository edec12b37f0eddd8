//! Clients that are slow on purpose. Each is let go after its limit, and nobody else notices.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::harness::client::{Connection, raw};
use crate::harness::gateway::timed;
use crate::harness::program::{client, curl};
use crate::harness::upstream::read_head;
use crate::harness::{Gateway, Upstream, answer, eventually, within};

const LIMIT: Duration = Duration::from_secs(1);
/// The clock is looked at twice a second; the rest is a busy machine.
const LATEST: Duration = Duration::from_secs(5);

const LIMITS: &str = "limits = { header_timeout = \"1s\", body_timeout = \"1s\", write_timeout = \"1s\", \
                      idle_timeout = \"2s\", handshake_timeout = \"1s\" }";

async fn behind_a_gateway() -> (Upstream, Gateway) {
    behind_a_gateway_with("").await
}

async fn behind_a_gateway_with(settings: &str) -> (Upstream, Gateway) {
    // far more than the buffers of two sockets hold
    let large = Bytes::from(vec![b'x'; 32 << 20]);
    let upstream = Upstream::start(move |seen| {
        let large = large.clone();
        async move { if seen.target == "/large" { answer(200, &[], large) } else { answer(200, &[], "ahoy") } }
    })
    .await;
    let gateway = Gateway::listening(LIMITS, &upstream.service(settings)).await;
    (upstream, gateway)
}

/// Sends a start, then a byte now and then, and returns what is answered and after what time.
async fn trickle(address: SocketAddr, start: &[u8], more: &[u8]) -> (String, Duration) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    write.write_all(start).await.unwrap();
    let more = more.to_vec();
    let trickle = tokio::spawn(async move {
        for byte in more {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        // a half that is dropped says that no more will come: keep it
        write
    });
    let mut got = Vec::new();
    let (_, took) = timed(within("it is let go", read.read_to_end(&mut got))).await;
    trickle.abort();
    (String::from_utf8_lossy(&got).into_owned(), took)
}

fn is_let_go((got, took): &(String, Duration), reason: &str) {
    assert!(got.starts_with("HTTP/1.1 408 ") && got.contains(&format!("\"reason\":\"{reason}\"")), "{got}");
    assert!(got.contains("\"code\":\"timeout\"") && got.contains("connection: close"), "{got}");
    assert!((LIMIT..LATEST).contains(took), "after {took:?}");
}

#[tokio::test]
async fn a_head_that_trickles() {
    let (upstream, gateway) = behind_a_gateway().await;
    let start = b"GET / HTTP/1.1\r\nhost: a\r\n";
    is_let_go(&trickle(gateway.address, start, &b"x: y\r\n".repeat(50)).await, "head_timed_out");
    is_let_go(&trickle(gateway.address, start, &[]).await, "head_timed_out");
    is_let_go(&trickle(gateway.address, b"G", &[b'E'; 100]).await, "head_timed_out");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_head_that_trickles_behind_a_good_request() {
    let (upstream, gateway) = behind_a_gateway().await;
    let start = b"GET /good HTTP/1.1\r\nhost: a\r\n\r\nGET /bad HTTP/1.1\r\n";
    let (got, took) = trickle(gateway.address, start, &b"x: y\r\n".repeat(50)).await;
    let (good, bad) = got.split_at(got.find("HTTP/1.1 408 ").unwrap_or_else(|| panic!("{got}")));
    assert!(good.starts_with("HTTP/1.1 200 ") && good.ends_with("ahoy"), "{good}");
    is_let_go(&(bad.to_owned(), took), "head_timed_out");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_body_that_stops() {
    let (_upstream, gateway) = behind_a_gateway().await;
    let fixed = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhello";
    is_let_go(&trickle(gateway.address, fixed, &[]).await, "body_timed_out");
    let chunked = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel";
    is_let_go(&trickle(gateway.address, chunked, &[]).await, "body_timed_out");
}

#[tokio::test]
async fn slow_bodies_are_not_the_service_s_fault() {
    let policies =
        "timeout = { total = \"5s\", attempt = \"200ms\" }\nbreaker = { consecutive_failures = 2 }";
    let (upstream, gateway) = behind_a_gateway_with(policies).await;
    let start = b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhi";
    let mut slow = JoinSet::new();
    for _ in 0..5 {
        slow.spawn(trickle(gateway.address, start, &[]));
    }
    for let_go in slow.join_all().await {
        is_let_go(&let_go, "body_timed_out");
    }
    assert_eq!(upstream.count(), 0, "half a body reached the service");
    assert_eq!(gateway.get("/").await.text(), "ahoy");
    assert_eq!(gateway.policy("shop", "breaker").await["effects"]["opened"], 0);
}

#[tokio::test]
async fn a_long_body_that_stops_is_not_the_service_s_fault_either() {
    // it goes on as it comes; what runs out is the total limit, above the breaker
    let policies =
        "timeout = { total = \"700ms\", attempt = \"200ms\" }\nbreaker = { consecutive_failures = 2 }";
    let (_upstream, gateway) = behind_a_gateway_with(policies).await;
    for _ in 0..3 {
        let start = b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nhi";
        let (got, _) = trickle(gateway.address, start, &[]).await;
        assert!(got.starts_with("HTTP/1.1 408 ") && got.contains("\"reason\":\"body_timed_out\""), "{got}");
    }
    assert_eq!(gateway.get("/").await.text(), "ahoy");
    assert_eq!(gateway.policy("shop", "breaker").await["effects"]["opened"], 0);
}

#[tokio::test]
async fn nor_is_one_of_unknown_length_without_a_total_limit() {
    let policies =
        "timeout = { attempt = \"300ms\" }\nbreaker = { consecutive_failures = 2 }\npreset = \"none\"";
    let (upstream, gateway) = behind_a_gateway_with(policies).await;
    let chunked = b"PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    for _ in 0..3 {
        let (got, _) = trickle(gateway.address, &[&chunked[..], b"5\r\nhel"].concat(), &[]).await;
        assert!(got.starts_with("HTTP/1.1 408 ") && got.contains("\"reason\":\"body_timed_out\""), "{got}");
    }
    // one that needs longer than an attempt may, but comes
    let (got, took) = trickle(gateway.address, chunked, b"5\r\nhello\r\n0\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 200 ") && took > Duration::from_millis(900), "{got} after {took:?}");
    assert_eq!(upstream.last().body, "hello");
    assert_eq!(gateway.policy("shop", "breaker").await["effects"]["opened"], 0);
}

#[tokio::test]
async fn a_body_that_trickles_but_arrives() {
    let (upstream, gateway) = behind_a_gateway().await;
    let start = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\nconnection: close\r\n\r\n";
    let (got, took) = trickle(gateway.address, start, &[b'x'; 20]).await;
    assert!(got.starts_with("HTTP/1.1 200 ") && took > LIMIT, "{got} after {took:?}");
    assert_eq!(upstream.last().body, "x".repeat(20));
}

#[tokio::test]
async fn an_upstream_that_is_slow_to_read_costs_the_client_nothing() {
    // the client sends all it has at once; it is the upstream that reads late
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        tokio::time::sleep(LIMIT * 2).await;
        let mut body = vec![0; 16 << 20];
        stream.read_exact(&mut body).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nread").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let config = format!("{}[[route]]\nservice = \"shop\"\nbody_bytes = \"1GiB\"", upstream.service(""));
    let gateway = Gateway::listening(LIMITS, &config).await;
    let head =
        format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", 16 << 20);
    let got = raw(gateway.address, &[head.as_bytes(), &vec![b'x'; 16 << 20]].concat()).await;
    assert!(got.ends_with(b"read"), "{}", String::from_utf8_lossy(&got));
}

#[tokio::test]
async fn a_client_that_does_not_read() {
    let (upstream, gateway) = behind_a_gateway().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut stream = socket.connect(gateway.address).await.unwrap();
    let start = Instant::now();
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    gateway.logs("reason=client_left").await;
    let took = start.elapsed();
    assert!((LIMIT..LATEST).contains(&took), "cut after {took:?}");
    let mut got = Vec::new();
    let _ = within("the connection was cut", stream.read_to_end(&mut got)).await;
    assert!(got.len() < 32 << 20, "everything arrived");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_client_that_reads_slowly_but_reads() {
    let (_upstream, gateway) = behind_a_gateway().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let (mut total, mut part) = (0, vec![0; 4 << 20]);
    loop {
        let n = within("more arrives", stream.read(&mut part)).await.unwrap();
        if n == 0 {
            break;
        }
        total += n;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(total > 32 << 20, "{total} bytes arrived");
}

#[tokio::test]
async fn an_idle_connection() {
    let (_upstream, gateway) = behind_a_gateway().await;
    let mut used = Connection::open(gateway.address).await.unwrap();
    used.get("/").await.unwrap();
    let (_, took) = timed(used.closed()).await;
    assert!((LIMIT * 2..LATEST * 2).contains(&took), "closed after {took:?}");
    // one that never says a word is no better than a head that does not come
    let mut silent = TcpStream::connect(gateway.address).await.unwrap();
    let (got, took) = timed(within("it is closed", silent.read_to_end(&mut Vec::new()))).await;
    assert_eq!(got.unwrap(), 0);
    assert!((LIMIT..LATEST).contains(&took), "closed after {took:?}");
}

#[tokio::test]
async fn others_are_served_meanwhile() {
    let (_upstream, gateway) = behind_a_gateway().await;
    let mut slow = JoinSet::new();
    for n in 0..300 {
        let start: &'static [u8] = match n % 3 {
            0 => b"GET / HTTP/1.1\r\nhost: a\r\n",
            1 => b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhello",
            _ => b"PRI * HT",
        };
        let address = gateway.address;
        slow.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(start).await.unwrap();
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
    }
    let open = || async { gateway.metric("http_server_open_connections", "").await };
    eventually("they are all connected", || async { (open().await >= 250.0).then_some(()) }).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let (answer, took) = timed(gateway.get("/")).await;
        assert_eq!(answer.text(), "ahoy");
        slowest = slowest.max(took);
    }
    assert!(slowest < Duration::from_millis(500), "somebody waited for {slowest:?}");
    within("they are all let go", slow.join_all()).await;
}

#[tokio::test]
async fn a_listener_has_room_for_so_many() {
    let upstream = Upstream::fixed("ahoy").await;
    let gateway = Gateway::listening("limits = { connections = 3 }", &upstream.service("")).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        let mut connection = Connection::open(gateway.address).await.unwrap();
        connection.get("/").await.unwrap();
        all.push(connection);
    }
    assert!(crate::harness::get(gateway.address, "/").await.is_err());
    assert!(gateway.metric("seaworthy_gateway_connections_refused_total", "").await >= 1.0);
    drop(all);
    eventually("there is room again", || async { crate::harness::get(gateway.address, "/").await.ok() })
        .await;
}

#[tokio::test]
async fn an_http2_preface_may_come_in_pieces() {
    let (_upstream, gateway) = behind_a_gateway().await;
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in [&b"P"[..], b"RI * HTTP/2", b".0\r\n\r\nSM\r", b"\n\r\n", b"\0\0\0\x04\0\0\0\0\0"] {
        stream.write_all(piece).await.unwrap();
        // each is to be read by itself
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut frame = [0; 9];
    within("the gateway's settings", stream.read_exact(&mut frame)).await.unwrap();
    assert_eq!(frame[3], 4, "not a SETTINGS frame: {frame:?}");
}

#[tokio::test]
async fn http2_that_is_never_finished() {
    let (upstream, gateway) = behind_a_gateway().await;
    let preface = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..];
    let settings = &[0, 0, 0, 4, 0, 0, 0, 0, 0][..];
    // HEADERS of 50 bytes, of which 3 come; a whole frame of HEADERS without their end; half a frame's head
    let cut = &[0, 0, 50, 1, 4, 0, 0, 0, 1, 0x82, 0x84, 0x86][..];
    let open = &[0, 0, 3, 1, 0, 0, 0, 0, 1, 0x82, 0x84, 0x86][..];
    for rest in [&preface[..16], &[preface, settings, cut].concat(), &[preface, settings, open].concat()] {
        let started = Instant::now();
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(rest).await.unwrap();
        // with what it did not read the gateway may also reset the connection
        let _ = within("it is let go", stream.read_to_end(&mut Vec::new())).await;
        let took = started.elapsed();
        assert!((LIMIT..LATEST).contains(&took), "{rest:?}: after {took:?}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn an_http2_client_that_makes_no_room() {
    let (_upstream, gateway) = behind_a_gateway().await;
    for window in ["65535", "0"] {
        let (said, took) = timed(client("h2_stalled.py", &[&gateway.address.to_string(), window])).await;
        assert_eq!(said, "let go\n");
        assert!((LIMIT..LATEST * 2).contains(&took), "window {window}: after {took:?}");
    }
}

#[tokio::test]
async fn an_http2_client_that_waits_for_a_slow_upstream() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nahoy").await.unwrap();
        // longer than a client may leave bytes unread
        tokio::time::sleep(LIMIT * 3).await;
        stream.write_all(b"ahoy").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let gateway = Gateway::listening(LIMITS, &upstream.service("")).await;
    let url = format!("http://{}/", gateway.address);
    assert_eq!(curl(&["--http2-prior-knowledge", &url]).await, "ahoyahoy");
}

#[tokio::test]
async fn a_silent_tunnel_is_closed() {
    let upstream = Upstream::raw(|mut stream, _| async move {
        read_head(&mut stream).await.unwrap();
        let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        stream.write_all(switch.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        // keeps its half open for as long as the other side does
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    })
    .await;
    let limits = "limits = { tunnel_idle_timeout = \"500ms\" }";
    let gateway = Gateway::listening(limits, &upstream.service("")).await;
    let mut tunnel = TcpStream::connect(gateway.address).await.unwrap();
    let ask = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    tunnel.write_all(ask).await.unwrap();
    assert!(read_head(&mut tunnel).await.unwrap().starts_with("HTTP/1.1 101 "));
    tunnel.write_all(b"ahoy").await.unwrap();
    let mut got = Vec::new();
    let (_, took) = timed(within("the tunnel is closed", tunnel.read_to_end(&mut got))).await;
    assert_eq!(got, b"ahoy");
    assert!(took >= Duration::from_millis(450) && took < LATEST, "{took:?}");
    assert_eq!(gateway.metric("seaworthy_gateway_tunnels_idle_total", "").await, 1.0);
    assert_eq!(gateway.metric("seaworthy_gateway_tunnels ", "").await, 0.0);
}
