use super::*;
use proptest::prelude::*;
use seaworthy_core::RequestId;
use serde_json::Value;
use std::io;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

const PATIENCE: Duration = Duration::from_secs(10);

/// What was written, kept for the test.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn moment() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_795_255_637_042)
}

fn written(settings: Settings, record: &Record<'_>) -> String {
    let page = Page::default();
    let log = AccessLog::start(settings, page.clone(), &Registry::new());
    log.write(record);
    assert!(log.flush(PATIENCE));
    page.text()
}

fn full<'a>(id: &'a RequestId, headers: &'a [(&'a str, &'a [u8])]) -> Record<'a> {
    Record {
        time: moment(),
        request_id: Some(id),
        trace_id: Some([0xab; 16]),
        method: "GET",
        host: "shop.example",
        target: "/items/7?token=hunter2",
        route: "/items/{id}",
        service: "shop",
        endpoint: "127.0.0.1:8001",
        status: 503,
        duration: Duration::from_micros(12_345),
        bytes_in: 10,
        bytes_out: 20,
        client: Some([192, 0, 2, 1].into()),
        protocol: "HTTP/1.1",
        attempts: 3,
        reason: "breaker_open",
        user_agent: b"curl/8",
        headers,
    }
}

#[test]
fn a_json_line_has_every_field() {
    let id = RequestId::accept(b"r-1").unwrap();
    let line = written(Settings::default(), &full(&id, &[]));
    let expected = concat!(
        r#"{"time":"2026-11-21T10:07:17.042Z","request_id":"r-1","trace_id":"abababababababababababababababab","#,
        r#""method":"GET","host":"shop.example","path":"/items/7?token=[redacted]","route":"/items/{id}","#,
        r#""service":"shop","endpoint":"127.0.0.1:8001","status":503,"duration_ms":12.345,"bytes_in":10,"#,
        r#""bytes_out":20,"client":"192.0.2.1","protocol":"HTTP/1.1","attempts":3,"reason":"breaker_open","#,
        r#""user_agent":"curl/8"}"#,
        "\n"
    );
    assert_eq!(line, expected);
}

#[test]
fn a_human_line_begins_with_what_people_read_first() {
    let id = RequestId::accept(b"r-1").unwrap();
    let line =
        written(Settings { format: crate::logs::Format::Human, ..Settings::default() }, &full(&id, &[]));
    let head = "2026-11-21T10:07:17.042Z GET shop.example \"/items/7?token=[redacted]\" 503 12.345ms request_id=r-1 ";
    assert!(line.starts_with(head), "{line}");
    assert!(line.ends_with(" attempts=3 reason=breaker_open user_agent=curl/8\n"), "{line}");
}

#[test]
fn chosen_headers_are_written_and_secret_ones_are_not_shown() {
    let id = RequestId::generate();
    let headers: [(&str, &[u8]); 3] = [("accept", b"*/*"), ("authorization", b"Bearer x"), ("dnt", b"1")];
    let chosen = vec!["accept".to_owned(), "authorization".to_owned()];
    let line = written(Settings { headers: chosen, ..Settings::default() }, &full(&id, &headers));
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["header.accept"], "*/*");
    assert_eq!(line["header.authorization"], "[redacted]");
    assert_eq!(line["header.dnt"], Value::Null);
}

#[test]
fn failures_and_slow_requests_are_always_wanted() {
    let settings = Settings { sample: 0.0, ..Settings::default() };
    let log = AccessLog::start(settings, io::sink(), &Registry::new());
    assert!(log.wants(500, Duration::ZERO));
    assert!(log.wants(200, Duration::from_secs(1)));
    assert!(!log.wants(200, Duration::from_millis(999)));
    assert!(!log.wants(499, Duration::ZERO));
}

#[test]
fn successes_are_written_by_the_share_that_is_set() {
    let metrics = Registry::new();
    let log = AccessLog::start(Settings { sample: 0.25, ..Settings::default() }, io::sink(), &metrics);
    let wanted = (0..20_000).filter(|_| log.wants(200, Duration::ZERO)).count();
    // eight standard deviations around 5,000
    assert!((4_510..5_490).contains(&wanted), "{wanted}");
    assert_eq!(writer::lines(&metrics, "sampled_out").value() as usize, 20_000 - wanted);
}

/// A writer that stands still until it is told to go on.
struct Stuck(mpsc::Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // the test is over when the sender is gone
        let _over = self.0.recv();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_stands_still_makes_nobody_wait() {
    let (go, stuck) = mpsc::channel();
    let metrics = Registry::new();
    let log = AccessLog::start(Settings { queue: 4, ..Settings::default() }, Stuck(stuck), &metrics);
    let id = RequestId::generate();
    for _ in 0..1_000 {
        log.write(&full(&id, &[]));
    }
    let dropped = writer::lines(&metrics, "dropped").value();
    assert!(dropped >= 900, "{dropped}");
    drop(go);
    assert!(log.flush(PATIENCE));
    assert_eq!(writer::lines(&metrics, "written").value() + dropped, 1_000, "none is lost without a trace");
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_can_not_be_written_are_counted() {
    let metrics = Registry::new();
    let log = AccessLog::start(Settings::default(), Full, &metrics);
    let id = RequestId::generate();
    log.write(&full(&id, &[]));
    assert!(log.flush(PATIENCE));
    assert_eq!(writer::lines(&metrics, "failed").value(), 1);
    assert_eq!(writer::lines(&metrics, "written").value(), 0);
}

fn nasty() -> impl Strategy<Value = String> {
    // any text, and texts made of what breaks lines and quotes
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(
            proptest::sample::select(vec![
                "\n",
                "\r",
                "\"",
                "\\",
                "}",
                "{",
                ",",
                " ",
                "=",
                "\u{1b}[2J",
                "\u{85}",
                "\u{2028}",
                "\u{2029}",
                "\u{0}",
                "\u{7f}",
                "\u{202e}",
                "\"}\n{\"status\":200",
                "a",
                "?",
                "&",
                "token=",
            ]),
            0..12
        )
        .prop_map(|parts| parts.concat()),
    ]
}

fn one_clean_line(line: &str) -> Result<(), TestCaseError> {
    prop_assert!(line.ends_with('\n'));
    let body = &line[..line.len() - 1];
    prop_assert!(!body.chars().any(char::is_control), "{:?}", body);
    prop_assert!(!body.contains(['\u{2028}', '\u{2029}', '\u{202e}']), "{:?}", body);
    Ok(())
}

proptest! {
    #[test]
    fn no_input_forges_a_line(
        method in nasty(), host in nasty(), path in nasty(), agent in proptest::collection::vec(any::<u8>(), 0..40),
        header in nasty(),
    ) {
        let settings = Settings { headers: vec!["x-a".into()], redact_query: Vec::new(), ..Settings::default() };
        let redaction = Redaction::new(&settings);
        let headers = [("x-a", header.as_bytes())];
        let record = Record {
            method: &method, host: &host, target: &path, user_agent: &agent, headers: &headers, status: 404,
            ..Record::default()
        };

        let line = line::render(&record, &settings, &redaction);
        one_clean_line(&line)?;
        let read: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(read["method"].as_str().unwrap_or_default(), &method);
        prop_assert_eq!(read["host"].as_str().unwrap_or_default(), &host);
        prop_assert_eq!(read["path"].as_str().unwrap_or_default(), &path);
        prop_assert_eq!(read["user_agent"].as_str().unwrap_or_default(), String::from_utf8_lossy(&agent));
        prop_assert_eq!(read["header.x-a"].as_str().unwrap_or_default(), &header);
        prop_assert_eq!(&read["status"], 404);

        let human = Settings { format: crate::logs::Format::Human, ..settings };
        one_clean_line(&line::render(&record, &human, &redaction))?;
    }

    #[test]
    fn a_redacted_value_is_nowhere_in_the_line(before in "[a-z=&;%?]{0,12}", after in "[a-z=;%?]{0,12}") {
        let target = format!("/a?{before}&password=HUNTER2{after}");
        let settings = Settings::default();
        let line = line::render(
            &Record { target: &target, ..Record::default() }, &settings, &Redaction::new(&settings));
        prop_assert!(!line.contains("HUNTER2"), "{line}");
    }
}
