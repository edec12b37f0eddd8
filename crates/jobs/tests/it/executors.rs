use crate::harness::{Bed, quick, until};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use seaworthy_jobs::executor::command::{CommandWorker, Program};
use seaworthy_jobs::executor::http::{Addresses, Direct, HttpWorker};
use seaworthy_jobs::retry::Backoff;
use seaworthy_jobs::runner::{Queue, Runner, Running};
use seaworthy_jobs::worker::Worker;
use seaworthy_jobs::{Job, NewJob, Retry, State};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

async fn start(bed: &Bed, worker: impl Worker) -> Running {
    let runner = Runner::new(bed.jobs.clone(), quick(Queue::new("default", 5))).with(worker);
    runner.start(&bed.registry).await.expect("starts")
}

fn soon(attempts: u32) -> Retry {
    Retry {
        max_attempts: attempts,
        backoff: Backoff::Fixed { delay: Duration::from_millis(10) },
        jitter: 0.0,
    }
}

fn result(job: &Job) -> Value {
    serde_json::from_str(job.result.as_deref().expect("a result")).expect("JSON")
}

/// What was asked: path, idempotency key, body.
type Asked = Arc<Mutex<Vec<(String, String, String)>>>;

/// A service that answers as its path says.
async fn service() -> (String, Asked) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let log = Arc::clone(&log);
            let answer = service_fn(move |request| answer(request, Arc::clone(&log)));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    (base, asked)
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    log: Asked,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let key =
        request.headers().get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or("").to_owned();
    let body = String::from_utf8_lossy(&request.into_body().collect().await?.to_bytes()).into_owned();
    let seen = {
        let mut log = log.lock().expect("no panic");
        log.push((path.clone(), key, body.clone()));
        log.iter().filter(|asked| asked.0 == path).count()
    };
    let (status, text) = match path.as_str() {
        "/second" if seen < 2 => (503, String::new()),
        "/second" | "/echo" => (200, body),
        "/later" => (429, String::new()),
        "/big" => (200, "x".repeat(3 << 20)),
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            (200, String::new())
        }
        _ => (404, "nothing here".to_owned()),
    };
    let response =
        Response::builder().status(status).header("retry-after", if status == 429 { "7200" } else { "0" });
    Ok(response.body(Full::new(text.into())).expect("a response"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_calls_are_made_judged_and_bounded() {
    let bed = Bed::sqlite().await;
    let (base, asked) = service().await;
    let _running = start(&bed, HttpWorker::new(Direct::new(Addresses::Any)).answer(1_000)).await;
    let call = |path: &str| {
        NewJob::new("http", &json!({ "url": format!("{base}{path}"), "json": { "n": 1 } })).retry(soon(3))
    };

    let id = bed.add(call("/echo")).await;
    let job = bed.reaches(id, State::Completed).await;
    assert_eq!(result(&job), json!({ "status": 200, "body": "{\"n\":1}" }));

    let id = bed.add(call("/second")).await;
    assert_eq!(bed.reaches(id, State::Completed).await.attempt, 2);
    let keys: Vec<String> = {
        let asked = asked.lock().expect("no panic");
        asked.iter().filter(|asked| asked.0 == "/second").map(|asked| asked.1.clone()).collect()
    };
    assert_eq!(keys.len(), 2);
    assert!(keys[0] == keys[1] && keys[0].starts_with(&format!("job-{id}-")), "{keys:?}");

    let id = bed.add(call("/later")).await;
    let job = bed.reaches(id, State::Retryable).await;
    assert_eq!(job.error.clone().expect("why").0, "http_429");
    assert!(job.run_at.since(job.started_at.expect("begun")) >= Duration::from_secs(7_200));

    let id = bed.add(call("/nowhere")).await;
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error, Some(("http_404".to_owned(), "answered 404 Not Found: nothing here".to_owned())));
    assert_eq!(job.attempt, 1, "a 404 stays one");

    let id = bed.add(call("/big")).await;
    let job = bed.reaches(id, State::Completed).await;
    assert_eq!(result(&job)["body"].as_str().expect("a text").len(), 1_000);

    let id = bed.add(call("/slow")).await;
    bed.reaches(id, State::Running).await;
    bed.jobs.cancel(id).await.expect("told");
    bed.reaches(id, State::Cancelled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_calls_do_not_reach_inside_and_wait_for_an_open_breaker() {
    let bed = Bed::sqlite().await;
    let (base, asked) = service().await;
    let running = start(&bed, HttpWorker::new(Direct::new(Addresses::Public))).await;
    let hostile = [
        json!({ "url": "file:///etc/passwd" }),
        json!({ "url": "/echo" }),
        json!({ "url": format!("{base}/echo"), "method": "GE T" }),
        json!({ "url": format!("{base}/echo"), "headers": { "x": "a\r\nb: c" } }),
        json!({ "url": format!("{base}/echo"), "headers": { "Transfer-Encoding": "chunked" } }),
        json!({ "url": format!("{base}/echo"), "headers": { "idempotency-key": "mine" } }),
        json!({ "url": format!("{base}/echo"), "surprise": 1 }),
    ];
    for args in hostile {
        let id = bed.add(NewJob::new("http", &args)).await;
        let job = bed.reaches(id, State::Discarded).await;
        assert_eq!((job.error.expect("why").0.as_str(), job.attempt), ("arguments", 1), "{args}");
    }
    let inside = json!({ "url": format!("{base}/echo") });
    let id = bed.add(NewJob::new("http", &inside)).await;
    let job = bed.reaches(id, State::Discarded).await;
    let (code, text) = job.error.expect("why");
    assert_eq!((code.as_str(), job.attempt), ("address", 1), "another attempt would be refused as well");
    assert!(text.contains("may not be called"), "{text}");
    assert!(asked.lock().expect("no panic").is_empty());
    running.stop(Duration::from_secs(5)).await;

    // nobody listens there: after five failures the breaker opens, and what follows is put off, not failed
    let _running = start(&bed, HttpWorker::new(Direct::new(Addresses::Any))).await;
    let dead = json!({ "url": "http://127.0.0.1:1/" });
    let ids: Vec<_> = (0..30).map(|_| NewJob::new("http", &dead).retry(Retry::never())).collect();
    let made = bed.jobs.enqueue_many(ids).await.expect("accepted");
    until("some were put off", async || {
        let mut put_off = 0;
        for made in &made {
            let job = bed.jobs.get(made.id).await.expect("there");
            put_off += usize::from(job.state == State::Scheduled && job.attempt == 0);
        }
        put_off > 0
    })
    .await;
}

fn catalogue() -> BTreeMap<String, Program> {
    let shell = |script: &str| Program {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
        ..Program::default()
    };
    let echo = Program { program: "/bin/echo".into(), accepts_arguments: true, ..Program::default() };
    BTreeMap::from([
        ("echo".to_owned(), echo),
        ("environment".to_owned(), shell("env | sort; cat")),
        ("fails".to_owned(), shell("echo said; echo why >&2; exit 3")),
        ("killed".to_owned(), shell("kill -9 $$")),
        ("much".to_owned(), shell("echo first; yes | head -c 5000000; echo last")),
        // a grandchild that would outlive its parent, and hold the pipe open
        ("family".to_owned(), shell("sleep 600 & echo $! > \"$0\"; exec sleep 600")),
        ("leaves".to_owned(), shell("sleep 600 & echo left")),
        ("stubborn".to_owned(), shell("trap '' TERM; while :; do sleep 0.05; done")),
        ("polite".to_owned(), shell("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done")),
        ("missing".to_owned(), Program { program: "/nowhere/at/all".into(), ..Program::default() }),
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_run_judged_and_bounded() {
    let bed = Bed::sqlite().await;
    let _running = start(&bed, CommandWorker::new(catalogue()).capture(2_000)).await;
    let run = |args: Value| NewJob::new("command", &args).retry(Retry::never());

    let id = bed.add(run(json!({ "command": "echo", "arguments": ["$HOME; `id`", "ü"] }))).await;
    assert_eq!(result(&bed.reaches(id, State::Completed).await)["stdout"], "$HOME; `id` ü\n");

    let id = bed.add(run(json!({ "command": "environment", "stdin": "given" }))).await;
    let said =
        result(&bed.reaches(id, State::Completed).await)["stdout"].as_str().expect("a text").to_owned();
    assert!(said.contains(&format!("SEAWORTHY_JOB_ID={id}\n")) && said.ends_with("given"), "{said}");
    assert!(!said.contains("HOME="), "nothing is inherited: {said}");

    let id = bed.add(run(json!({ "command": "fails" }))).await;
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error, Some(("exit_3".to_owned(), "exit status: 3: why".to_owned())));

    let id = bed.add(run(json!({ "command": "killed" }))).await;
    assert_eq!(bed.reaches(id, State::Discarded).await.error.expect("why").0, "signal_9");

    let id = bed.add(run(json!({ "command": "much" }))).await;
    let said = result(&bed.reaches(id, State::Completed).await);
    let text = said["stdout"].as_str().expect("a text");
    assert!(text.starts_with("first\n") && text.ends_with("last\n") && text.len() < 2_100, "{}", text.len());
    assert_eq!(said["stdout_dropped"], 5_000_011 - 2_000);

    let id = bed.add(run(json!({ "command": "leaves" }))).await;
    assert_eq!(
        result(&bed.reaches(id, State::Completed).await)["stdout"],
        "left\n",
        "and it does not wait 600 s"
    );

    for (args, code) in [
        (json!({ "command": "rm" }), "unknown_command"),
        (json!({ "command": "fails", "arguments": ["-rf"] }), "arguments"),
        (json!({ "command": "echo", "arguments": ["a\0b"] }), "arguments"),
        (json!({ "command": "missing" }), "spawn"),
    ] {
        let id = bed.add(run(args.clone())).await;
        assert_eq!(bed.reaches(id, State::Discarded).await.error.expect("why").0, code, "{args}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commands_whole_family_ends_with_its_time() {
    let bed = Bed::sqlite().await;
    let folder = seaworthy_store::testing::Folder::new("family");
    let file = folder.path().join("pid");
    let mut catalogue = catalogue();
    catalogue.get_mut("family").expect("declared").arguments.push(file.display().to_string());
    let running = start(&bed, CommandWorker::new(catalogue)).await;

    let family = NewJob::new("command", &json!({ "command": "family" })).retry(Retry::never());
    let id = bed.add(family.timeout(Duration::from_millis(500))).await;
    let job = bed.reaches(id, State::Discarded).await;
    assert_eq!(job.error.expect("why").0, "timeout");
    let pid = std::fs::read_to_string(&file).expect("it was begun").trim().to_owned();
    until("the grandchild is gone", async || is_gone(&pid)).await;

    // who ends with 0 because he was told to end has not done his work
    for command in ["stubborn", "polite"] {
        let id = bed.add(NewJob::new("command", &json!({ "command": command }))).await;
        bed.reaches(id, State::Running).await;
        bed.jobs.cancel(id).await.expect("told");
        bed.reaches(id, State::Cancelled).await;
    }
    assert_eq!(running.stop(Duration::from_secs(5)).await, 0);
}

/// A zombie is gone: it only waits to be asked about.
fn is_gone(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}
