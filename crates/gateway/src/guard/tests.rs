use std::io::Cursor;

use proptest::prelude::*;
use tokio::io::AsyncReadExt as _;

use super::*;

fn limits() -> Limits {
    let second = Duration::from_secs(1);
    let (header_timeout, body_timeout, write_timeout) = (10 * second, 30 * second, 30 * second);
    Limits { header_timeout, body_timeout, write_timeout, head_bytes: 1_024, headers: 20 }
}

/// Hands its bytes over in pieces of the given sizes, then ends.
struct Pieces(Vec<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.0.is_empty() {
            let mut piece = self.0.remove(0);
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !rest.is_empty() {
                self.0.insert(0, rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What a reader gets of `bytes`, and the violation found, if any.
fn read(pieces: Vec<Vec<u8>>) -> (Result<Vec<u8>, String>, Option<Violation>) {
    let mut guard = Guard::new(Pieces(pieces), limits());
    let shared = guard.shared();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let mut out = Vec::new();
    // behind a refusal there is neither more to read nor an end
    let patience = Duration::from_secs(1);
    let read = runtime.block_on(async { tokio::time::timeout(patience, guard.read_to_end(&mut out)).await });
    assert!(read.is_ok() || shared.violation().is_some(), "reading never ended");
    let result = read.unwrap_or(Ok(0)).map(|_| out).map_err(|e| e.to_string());
    (result, shared.violation())
}

fn whole(bytes: &[u8]) -> (Result<Vec<u8>, String>, Option<Violation>) {
    read(vec![bytes.to_vec()])
}

#[test]
fn good_messages_pass_unchanged() {
    let messages: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nt: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx: \tvalue with  spaces \r\nempty:\r\n\r\n",
    ];
    for message in messages {
        let text = String::from_utf8_lossy(message);
        assert_eq!(whole(message), (Ok(message.to_vec()), None), "{text}");
        let bytewise = message.iter().map(|b| vec![*b]).collect();
        assert_eq!(read(bytewise), (Ok(message.to_vec()), None), "byte by byte: {text}");
    }
}

#[test]
fn broken_heads_are_replaced_and_named() {
    use Violation as V;
    let cases: [(&[u8], Violation); 27] = [
        (b"GET / HTTP/1.1\nhost: a\r\n\r\n", V::BareLineFeed),
        (b"GET / HTTP/1.1\r\nhost: a\n\r\n", V::BareLineFeed),
        (b"GET / HTTP/1.1\r\nhost: a\r\n\n", V::BareLineFeed),
        (b"GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n", V::BareCarriageReturn),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n\r\n", V::FoldedHeader),
        (b"GET / HTTP/1.1\r\n host: a\r\n\r\n", V::FoldedHeader),
        (b"GET / HTTP/1.1\r\nhost : a\r\n\r\n", V::HeaderName),
        (b"GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n", V::HeaderName),
        (b"GET / HTTP/1.1\r\nhost: a\r\n: x\r\n\r\n", V::HeaderName),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n", V::ControlCharacter),
        (
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            V::AmbiguousLength,
        ),
        (
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n",
            V::AmbiguousLength,
        ),
        (
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
            V::ContentLength,
        ),
        (
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            V::ContentLength,
        ),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\nhello", V::ContentLength),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello", V::ContentLength),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", V::ContentLength),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x5\r\n\r\nhello", V::ContentLength),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n", V::ContentLength),
        (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n", V::TransferEncoding),
        (b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n", V::TransferEncoding),
        (
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            V::TransferEncoding,
        ),
        (b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", V::TransferEncoding),
        (b"GET / HTTP/1.1\r\n\r\n", V::Host),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", V::Host),
        (b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n", V::RequestLine),
        (b"GET / HTTP/2.0\r\nhost: a\r\n\r\n", V::RequestLine),
    ];
    for (message, violation) in cases {
        let text = String::from_utf8_lossy(message);
        assert_eq!(whole(message), (Ok(SUBSTITUTE.to_vec()), Some(violation)), "{text}");
        let bytewise = message.iter().map(|b| vec![*b]).collect();
        assert_eq!(read(bytewise).1, Some(violation), "byte by byte: {text}");
    }
}

#[test]
fn what_came_before_a_violation_is_still_read() {
    let good = b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\n";
    let bytes = [&good[..], b"GET /2 HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", good].concat();
    let (read, violation) = whole(&bytes);
    assert_eq!(read.unwrap(), [&good[..], SUBSTITUTE].concat());
    assert_eq!(violation, Some(Violation::BareLineFeed));
}

#[test]
fn heads_are_bounded() {
    let long = [b"GET / HTTP/1.1\r\nhost: a\r\nx: ", vec![b'y'; 2_000].as_slice(), b"\r\n\r\n"].concat();
    assert_eq!(whole(&long).1, Some(Violation::HeadTooLarge));
    let endless = [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'y'; 2_000]].concat();
    assert_eq!(whole(&endless).1, Some(Violation::HeadTooLarge));
    let many = [b"GET / HTTP/1.1\r\nhost: a\r\n".to_vec(), b"a: b\r\n".repeat(30), b"\r\n".to_vec()].concat();
    assert_eq!(whole(&many).1, Some(Violation::TooManyHeaders));
}

#[test]
fn malformed_chunks_break_the_body() {
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let bodies: [&[u8]; 9] = [
        b"5\nhello\r\n0\r\n\r\n",
        b"\r\nhello",
        b"x\r\n",
        b"-1\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX0\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"0\r\n x: folded\r\n\r\n",
        b"0\r\nbad\nline\r\n\r\n",
    ];
    for body in bodies {
        let (result, violation) = whole(&[&head[..], body].concat());
        assert!(result.is_err() && violation.is_some(), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_switch_holds_what_follows_until_it_is_decided() {
    let head = b"GET /ws HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    let bytes = [&head[..], b"\x81\x05frame"].concat();
    let mut guard = Guard::new(Cursor::new(bytes), limits());
    let shared = guard.shared();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut got = vec![0; 200];
        let n = guard.read(&mut got).await.unwrap();
        assert_eq!(&got[..n], head);
        let held = tokio::time::timeout(Duration::from_secs(1), guard.read(&mut got)).await;
        assert!(held.is_err(), "bytes behind an undecided switch were handed over");
        shared.switched(true);
        let mut tunnel = guard.into_tunnel();
        let n = tunnel.read(&mut got).await.unwrap();
        assert_eq!(&got[..n], b"\x81\x05frame");
    });
}

#[test]
fn a_refused_switch_goes_on_as_http() {
    let head = b"GET /ws HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\n\r\n";
    let next = b"GET /2 HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut guard = Guard::new(Cursor::new([&head[..], next].concat()), limits());
    let shared = guard.shared();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut got = vec![0; 200];
        let n = guard.read(&mut got).await.unwrap();
        assert_eq!(&got[..n], head);
        shared.switched(false);
        let n = guard.read(&mut got).await.unwrap();
        assert_eq!(&got[..n], next);
    });
}

#[tokio::test(start_paused = true)]
async fn slow_heads_and_bodies_expire_and_slow_upstreams_do_not() {
    let (client, server) = tokio::io::duplex(1_024);
    let mut client = client;
    let mut guard = Guard::new(server, limits());
    let shared = guard.shared();
    tokio::io::AsyncWriteExt::write_all(&mut client, b"POST / HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    let mut got = [0; 200];
    let waiting = tokio::time::timeout(Duration::from_secs(11), guard.read(&mut got)).await;
    assert!(waiting.is_err());
    assert_eq!(shared.pulse(Instant::now()), Pulse::Poll);
    let n = guard.read(&mut got).await.unwrap();
    assert_eq!((&got[..n], shared.violation()), (SUBSTITUTE, Some(Violation::HeadTimeout)));

    let (mut client, server) = tokio::io::duplex(1_024);
    let mut guard = Guard::new(server, limits());
    let shared = guard.shared();
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n123";
    tokio::io::AsyncWriteExt::write_all(&mut client, head).await.unwrap();
    let n = guard.read(&mut got).await.unwrap();
    assert_eq!(&got[..n], head);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(shared.pulse(Instant::now()), Pulse::Fine, "nobody asked the client for more");
    let waiting = tokio::time::timeout(Duration::from_secs(31), guard.read(&mut got)).await;
    assert!(waiting.is_err());
    assert_eq!(shared.pulse(Instant::now()), Pulse::Poll);
    assert!(guard.read(&mut got).await.is_err());
    assert_eq!(shared.violation(), Some(Violation::BodyTimeout));
}

proptest! {
    /// Splitting the bytes differently never changes what passes or what is found.
    #[test]
    fn splits_do_not_matter(
        parts in proptest::collection::vec(prop_oneof![
            Just(&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..]),
            Just(&b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"[..]),
            Just(&b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"x"[..]),
            Just(&b"\n"[..]),
        ], 0..6),
        cuts in proptest::collection::vec(1usize..40, 0..40),
    ) {
        let bytes = parts.concat();
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts {
            if rest.is_empty() { break; }
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece.to_vec());
            rest = after;
        }
        if !rest.is_empty() { pieces.push(rest.to_vec()); }
        let (one, violation) = whole(&bytes);
        let (split, split_violation) = read(pieces);
        prop_assert_eq!(violation, split_violation);
        prop_assert_eq!(one.is_ok(), split.is_ok());
        if let (Ok(one), Ok(split)) = (one, split) {
            prop_assert_eq!(one, split);
        }
    }

    #[test]
    fn garbage_never_panics(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 0..10)) {
        let _ = read(pieces);
    }

    /// The library behind the guard never sees more messages, or other bodies, than the guard.
    #[test]
    fn the_library_agrees(parts in proptest::collection::vec(prop_oneof![
        Just(&b"GET / HTTP/1.1\r\nhost: a\r\n"[..]),
        Just(&b"POST /x HTTP/1.1\r\nHost: b\r\n"[..]),
        Just(&b"GET / HTTP/1.0\r\n"[..]),
        Just(&b"content-length: 3\r\n"[..]),
        Just(&b"Content-Length:\t3 \r\n"[..]),
        Just(&b"content-length: 03\r\n"[..]),
        Just(&b"transfer-encoding: chunked\r\n"[..]),
        Just(&b"Transfer-Encoding: CHUNKED\r\n"[..]),
        Just(&b"connection: close\r\n"[..]),
        Just(&b"upgrade: x\r\n"[..]),
        Just(&b"expect: 100-continue\r\n"[..]),
        Just(&b"x:\r\n"[..]),
        Just(&b"\r\n"[..]),
        Just(&b"abc"[..]),
        Just(&b"3\r\nabc\r\n"[..]),
        Just(&b"3;e=\"x\"\r\nabc\r\n"[..]),
        Just(&b"0\r\n\r\n"[..]),
        Just(&b"0\r\nt: v\r\n\r\n"[..]),
        Just(&b"00\r\n"[..]),
        Just(&b"\n"[..]),
        Just(&b" "[..]),
    ], 0..14)) {
        agreement::check(&parts.concat());
    }
}
