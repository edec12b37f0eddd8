//! Whether the HTTP library reads what the guard passes the way the guard read it. For tests and fuzzing.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Cursor;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::head::Body;
use super::{Guard, Limits};

/// Panics where the two disagree.
pub(crate) fn check(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let (passed, by_guard, refused) = guarded(bytes).await;
        let by_library = library(&passed).await;
        compare(bytes, &by_guard, &by_library, refused);
    });
}

async fn guarded(bytes: &[u8]) -> (Vec<u8>, Vec<Body>, bool) {
    let second = Duration::from_secs(1);
    let limits = Limits {
        header_timeout: second,
        body_timeout: second,
        write_timeout: second,
        head_bytes: 8_192,
        headers: 100,
    };
    let mut guard = Guard::new(Cursor::new(bytes.to_vec()), limits);
    let shared = guard.shared();
    let mut passed = Vec::new();
    let mut buffer = [0; 512];
    // a head that asks to switch holds everything behind it back: that is the end here
    while let Ok(Ok(n)) = tokio::time::timeout(Duration::from_millis(1), guard.read(&mut buffer)).await {
        if n == 0 {
            break;
        }
        passed.extend_from_slice(&buffer[..n]);
    }
    let refused = shared.violation().is_some_and(|violation| !violation.is_mid_body());
    (passed, guard.bodies, refused)
}

/// The length of each body as the library reads it; `None` for one that did not end.
async fn library(bytes: &[u8]) -> Vec<Option<u64>> {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let seen: Rc<RefCell<Vec<Option<u64>>>> = Rc::default();
    let log = Rc::clone(&seen);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let log = Rc::clone(&log);
        async move {
            let body = request.into_body().collect().await;
            log.borrow_mut().push(body.ok().map(|body| body.to_bytes().len() as u64));
            Ok::<_, Infallible>(http::Response::new(Empty::<Bytes>::new()))
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    let connection = builder.header_read_timeout(None).serve_connection(TokioIo::new(server), service);
    let feed = async {
        let _ = client.write_all(bytes).await;
        let _ = client.shutdown().await;
        let _ = client.read_to_end(&mut Vec::new()).await;
    };
    let _ = tokio::join!(connection, feed);
    seen.take()
}

/// The library may stop earlier (it refuses some targets the guard lets through); it may never see more messages, or
/// other bodies.
fn compare(bytes: &[u8], by_guard: &[Body], by_library: &[Option<u64>], refused: bool) {
    let shown = String::from_utf8_lossy(bytes);
    // the substitute for a refused head is one message more
    let most = by_guard.len() + usize::from(refused);
    assert!(by_library.len() <= most, "the library saw {by_library:?}, the guard {by_guard:?} in {shown:?}");
    for (library, guard) in by_library.iter().zip(by_guard) {
        let agree = match (library, guard) {
            (None, _) | (Some(_), Body::Chunked) => true,
            (Some(length), Body::Length(known)) => length == known,
            (Some(length), Body::Switch) => *length == 0,
        };
        assert!(agree, "the library saw {by_library:?}, the guard {by_guard:?} in {shown:?}");
    }
}
