use crate::server::{self, status};
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt;
use seaworthy_trials::load::{self, Failures, Report, Request, Settings};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;

fn settings(base: &str, rate: f64, millis: u64) -> Settings {
    Settings::new([base], rate, Duration::from_millis(millis))
}

async fn run(settings: &Settings) -> Report {
    load::run(settings, |n| Request::get(format!("/{n}")), |_| {}).await.unwrap()
}

#[tokio::test]
async fn a_healthy_server_gets_every_request_over_few_connections() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let server = server::start(move |request| {
        log.lock().unwrap().push(request.uri().path().to_owned());
        async { status(200) }
    })
    .await;
    let mut steps = Vec::new();
    let report = load::run(
        &settings(&server.base, 200.0, 500),
        |n| Request::get(format!("/{n}")),
        |progress| steps.push(*progress),
    )
    .await
    .unwrap();
    assert_eq!((report.requests, report.ok, report.success_rate), (100, 100, 1.0));
    let mut paths = seen.lock().unwrap().clone();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 100);
    let opened = server.connections.load(Ordering::Relaxed);
    assert!(opened < 90, "{opened} connections were opened instead of used again");
    let last = steps.last().unwrap();
    assert_eq!((last.planned, last.due, last.ok, last.in_flight), (100, 100, 100, 0));
    assert!(report.latency.p50_ms > 0.0 && report.latency.max_ms >= report.latency.p99_ms);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

/// The server holds all requests until the 50th is there. They leave 10 ms apart, so the first waits at least 490 ms,
/// the second 480 ms and so on. A generator that waits for answers would never have sent the second.
#[tokio::test]
async fn a_stall_shows_in_every_request_that_was_due_in_it() {
    let (arrived, gate) = watch::channel(0);
    let arrived = Arc::new(arrived);
    let server = server::start(move |_| {
        arrived.send_modify(|count| *count += 1);
        let mut gate = gate.clone();
        async move {
            gate.wait_for(|count| *count >= 50).await.unwrap();
            status(200)
        }
    })
    .await;
    let report = run(&settings(&server.base, 100.0, 500)).await;
    assert_eq!(report.ok, 50);
    assert!(report.latency.max_ms >= 490.0, "{:?}", report.latency);
    assert!(report.latency.p90_ms >= 440.0, "{:?}", report.latency);
    assert!(report.latency.p50_ms >= 240.0, "{:?}", report.latency);
}

/// The generator itself is held up: what it sends late counts from when it was due.
#[tokio::test]
async fn a_generator_that_is_late_does_not_hide_it() {
    let server = server::start(|_| async { status(200) }).await;
    let hold_up = |n| {
        if n == 10 {
            let until = Instant::now() + Duration::from_millis(300);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        }
        Request::get("/")
    };
    let report = load::run(&settings(&server.base, 100.0, 500), hold_up, |_| {}).await.unwrap();
    assert_eq!(report.ok, 50);
    // requests 10 to 40 were due meanwhile and waited 300, 290, … ms
    assert!(report.latency.max_ms >= 300.0, "{:?}", report.latency);
    assert!(report.latency.p90_ms >= 240.0, "{:?}", report.latency);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let server = server::start(|request| async move {
        match request.uri().path() {
            "/ok" => status(200),
            "/missing" => status(404),
            "/broken" => status(500),
            _ => std::future::pending().await,
        }
    })
    .await;
    let paths = ["/ok", "/missing", "/broken", "/hang"];
    let settings = Settings { timeout: Duration::from_millis(700), ..settings(&server.base, 100.0, 400) };
    let request = |n: u64| Request::get(paths[(n % 4) as usize]);
    let report = load::run(&settings, request, |_| {}).await.unwrap();
    assert_eq!(report.ok, 10);
    assert_eq!(report.failures, Failures { status: 20, timeout: 10, ..Failures::default() });
    assert!(report.latency.max_ms >= 700.0 && report.latency_ok.max_ms < report.latency.max_ms);
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let report = run(&settings(&base, 100.0, 100)).await;
    assert_eq!(report.failures, Failures { connect: 10, ..Failures::default() });
    assert_eq!(report.longest_run.failures, 10);
}

/// Serves one raw answer per connection, then closes it.
async fn raw(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _request = stream.read(&mut [0; 1_024]).await;
                let _gone = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    base
}

#[tokio::test]
async fn an_answer_that_ends_too_early_is_broken() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", "nonsense\r\n\r\n"] {
        let report = run(&settings(&raw(answer).await, 100.0, 50)).await;
        assert_eq!(report.failures, Failures { broken: 5, ..Failures::default() }, "{answer:?}");
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_is_no_failure() {
    let base = raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let report = run(&settings(&base, 50.0, 400)).await;
    assert_eq!((report.ok, report.failures.total()), (20, 0));
}

#[tokio::test]
async fn what_can_not_be_sent_counts_as_failed() {
    let server = server::start(|_| std::future::pending()).await;
    let settings =
        Settings { max_in_flight: 3, timeout: Duration::from_secs(2), ..settings(&server.base, 100.0, 200) };
    let report = run(&settings).await;
    assert_eq!(report.failures, Failures { timeout: 3, overflow: 17, ..Failures::default() });
    assert_eq!(report.success_rate, 0.0);
}

#[tokio::test]
async fn bases_are_taken_in_turn() {
    let counts = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let mut bases = Vec::new();
    for count in counts.clone() {
        let server = server::start(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            async { status(200) }
        });
        bases.push(server.await.base);
    }
    let report = run(&Settings::new(bases, 100.0, Duration::from_millis(200))).await;
    assert_eq!(report.ok, 20);
    assert_eq!(counts.map(|count| count.load(Ordering::Relaxed)), [10, 10]);
}

#[tokio::test]
async fn method_headers_and_body_arrive() {
    let server = server::start(|request| async move {
        let host = request.headers()["host"].to_str().unwrap().starts_with("127.0.0.1:");
        let key = request.headers()["idempotency-key"] == "k-1";
        let post = request.method() == "POST" && request.uri() == "/orders?x=1";
        let body = request.into_body().collect().await.unwrap().to_bytes();
        status(if host && key && post && &body[..] == b"{}" { 201 } else { 400 })
    })
    .await;
    let name = HeaderName::from_static("idempotency-key");
    let request =
        |_| Request::post("/orders?x=1", "{}").header(name.clone(), HeaderValue::from_static("k-1"));
    let spinning = Settings { spin: true, ..settings(&server.base, 100.0, 50) };
    assert_eq!(load::run(&spinning, request, |_| {}).await.unwrap().ok, 5);
}
