use super::*;
use crate::plan::Incident;

const LONG: Duration = Duration::from_secs(3_600);

/// A service that is struck by `kind` from its 10th to its 20th second.
fn service(kind: Kind) -> Service {
    let (from, until) = (Duration::from_secs(10), Duration::from_secs(20));
    let incident = Incident { from, until, kind, share: 1.0 };
    Service {
        plan: Plan::from_seed(7, 0).with_incidents(vec![incident]),
        elapsed: Duration::ZERO,
        started: Instant::now(),
        requests: AtomicU64::new(0),
    }
}

async fn get(service: &Service, path: &str) -> Option<(u16, String)> {
    send(service, Method::GET, path, "").await
}

/// `None` where no answer comes within an hour.
async fn send(service: &Service, method: Method, path: &str, body: &'static str) -> Option<(u16, String)> {
    let request = Request::builder().method(method).uri(path).header("idempotency-key", "k-1");
    let answer = service.answer(request.body(Full::<Bytes>::from(body)).unwrap());
    let answer = tokio::time::timeout(LONG, answer).await.ok()?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    Some((status, String::from_utf8(body.to_vec()).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn answers_on_a_good_day() {
    let service = service(Kind::Errors);
    let (status, item) = get(&service, "/items/7").await.unwrap();
    assert_eq!((status, item.as_str()), (200, r#"{"id":"7","in_stock":true,"name":"item 7"}"#));
    let (status, order) = send(&service, Method::POST, "/orders", "2 anchors").await.unwrap();
    assert_eq!((status, order.as_str()), (201, r#"{"idempotency_key":"k-1","order":"2 anchors"}"#));
    for (method, path, expected) in [
        (Method::GET, "/items/", 404),
        (Method::GET, "/items/a/b", 404),
        (Method::GET, "/", 404),
        (Method::GET, "/orders", 405),
        (Method::POST, "/slow", 405),
        (Method::GET, "/health", 200),
    ] {
        assert_eq!(send(&service, method, path, "").await.unwrap().0, expected, "{path}");
    }
    let before = Instant::now();
    assert_eq!(get(&service, "/slow").await.unwrap().0, 200);
    assert!(before.elapsed() >= SLOW);
}

#[tokio::test(start_paused = true)]
async fn fails_as_planned_and_recovers() {
    for (kind, during, health) in
        [(Kind::Errors, Some(500), 503), (Kind::Hang, None, 503), (Kind::Slow(SLOW), Some(200), 200)]
    {
        let service = service(kind);
        tokio::time::advance(Duration::from_secs(15)).await;
        assert_eq!(get(&service, "/health").await.unwrap().0, health, "{kind:?}");
        let before = Instant::now();
        assert_eq!(get(&service, "/items/1").await.map(|(status, _)| status), during, "{kind:?}");
        let slow = matches!(kind, Kind::Slow(_));
        assert!(!slow || before.elapsed() >= SLOW);
        tokio::time::advance(LONG).await;
        assert_eq!(get(&service, "/items/1").await.unwrap().0, 200, "{kind:?}");
        assert_eq!(get(&service, "/health").await.unwrap().0, 200, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_is_refused() {
    let body: &'static str = Box::leak("x".repeat(BODY_LIMIT + 1).into_boxed_str());
    assert_eq!(send(&service(Kind::Errors), Method::POST, "/orders", body).await.unwrap().0, 413);
}

#[tokio::test(start_paused = true)]
async fn crashes_when_planned_and_not_again_after_it() {
    let plan = service(Kind::Crash).plan;
    let listener = || TcpListener::bind("127.0.0.1:0");
    let before = Instant::now();
    serve(listener().await.unwrap(), plan.clone(), Duration::from_secs(4)).await;
    assert_eq!(before.elapsed().as_secs(), 6);
    let after = serve(listener().await.unwrap(), plan, Duration::from_secs(11));
    assert!(tokio::time::timeout(LONG, after).await.is_err());
}
