use std::sync::atomic::Ordering;

use http::{HeaderName, HeaderValue};
use seaworthy_defence::openapi::Strictness;

use super::*;

const CONTRACT: &str = r#"{"openapi":"3.1.0","paths":{"/items/{id}":{"get":{"responses":{"200":{"content":{
    "application/json":{"schema":{"type":"object","properties":{"name":{"type":"string"}}}}}}}}}}}"#;
const JSON: (HeaderName, &str) = (CONTENT_TYPE, "application/json");

/// A judge that lets cases pile up, and what follows a route of it.
struct Bench {
    registry: Registry,
    reports: Arc<Reports>,
    cases: Receiver<Case>,
}

fn bench(most: usize, waiting: usize, held: usize) -> Bench {
    let (judge, cases) = Judge::idle(waiting, held);
    let contract = Arc::new(Contract::parse(CONTRACT.as_bytes(), Strictness::default()).unwrap());
    let registry = Registry::new();
    let reports = Arc::new(Reports::new(&Arc::from("r"), &contract, most, &judge, &registry));
    Bench { registry, reports, cases }
}

impl Bench {
    fn follow(
        &self,
        method: &Method,
        status: u16,
        headers: &[(HeaderName, &str)],
    ) -> Option<Box<dyn Follower>> {
        let text = |(name, value): &(HeaderName, &str)| (name.clone(), HeaderValue::from_str(value).unwrap());
        let headers: HeaderMap = headers.iter().map(text).collect();
        let (uri, status) = (Uri::from_static("/items/7?q=1"), StatusCode::from_u16(status).unwrap());
        self.reports.follow(&Answer { method, uri: &uri, request_id: "id", status, headers: &headers })
    }

    /// Answers to the end, and judges.
    fn answer(&self, method: &Method, status: u16, headers: &[(HeaderName, &str)], pieces: &[&str]) {
        let mut follower = self.follow(method, status, headers).unwrap();
        pieces.iter().for_each(|piece| follower.data(piece.as_bytes()));
        follower.end(true);
        self.cases.try_iter().for_each(|case| case.decide());
    }

    /// Answers judged whole, by their heads, and not for want of room.
    fn judged(&self) -> (u64, u64, u64) {
        (self.reports.whole.value(), self.reports.head.value(), self.reports.busy.value())
    }

    fn deviations(&self, reason: &str) -> u64 {
        let labels = [("route", "r".to_owned()), ("reason", reason.to_owned())];
        self.registry.counter("seaworthy.defence.response_deviations", "", &labels).value()
    }

    fn left(&self) -> usize {
        self.reports.judge.room.left.load(Ordering::Relaxed)
    }
}

#[test]
fn deviations_count_by_their_reason() {
    let bench = bench(100, 9, 1_000);
    let html = (CONTENT_TYPE, "text/html");
    for (status, headers, pieces, reason) in [
        (200, vec![JSON], vec![r#"{"na"#, r#"me":"a"}"#], ""),
        (200, vec![JSON], vec![r#"{"name":"#, "5}"], "schema"),
        (200, vec![JSON], vec![r#"{"other":1}"#], "schema"),
        (200, vec![JSON], vec![], "schema"),
        (200, vec![JSON], vec![r#"{"name":"#], "json"),
        (200, vec![html], vec!["<p>"], "content_type"),
        (200, vec![], vec!["{}"], "content_type"),
        (500, vec![JSON], vec!["{}"], "status"),
    ] {
        let all = ["schema", "json", "content_type", "status"];
        let before = all.map(|reason| bench.deviations(reason));
        bench.answer(&Method::GET, status, &headers, &pieces);
        let more: Vec<_> =
            all.iter().zip(before).filter(|(reason, before)| bench.deviations(reason) > *before).collect();
        let more: Vec<_> = more.into_iter().map(|(reason, _)| *reason).collect();
        let wanted: Vec<_> = Some(reason).filter(|reason| !reason.is_empty()).into_iter().collect();
        assert_eq!(more, wanted, "{status} {pieces:?}");
    }
    assert_eq!(bench.left(), 1_000);
}

#[test]
fn bodies_that_cannot_be_judged_are_not_copied() {
    let bench = bench(10, 9, 1_000);
    let gzip = (CONTENT_ENCODING, "gzip");
    for (name, method, headers, pieces) in [
        ("encoded", Method::GET, vec![JSON, gzip], vec!["\u{1f}"]),
        ("longer, and says so", Method::GET, vec![JSON, (CONTENT_LENGTH, "11")], vec!["{}         "]),
        ("longer", Method::GET, vec![JSON], vec!["{}       ", "  "]),
        ("head", Method::HEAD, vec![JSON], vec![]),
        ("silent head", Method::HEAD, vec![], vec![]),
    ] {
        let before = bench.judged();
        bench.answer(&method, 200, &headers, &pieces);
        assert_eq!(bench.judged(), (before.0, before.1 + 1, before.2), "{name}");
    }
    // the contract has no HEAD
    assert_eq!((bench.deviations("status"), bench.left()), (2, 1_000));
    bench.answer(&Method::GET, 200, &[JSON], &["{}       ", " "]);
    assert_eq!((bench.judged(), bench.deviations("schema")), ((1, 5, 0), 0));
    for status in [206, 304] {
        assert!(bench.follow(&Method::GET, status, &[JSON]).is_none(), "{status}");
    }
}

#[test]
fn what_breaks_off_is_judged_by_its_head() {
    let bench = bench(100, 9, 1_000);
    let mut follower = bench.follow(&Method::GET, 200, &[JSON]).unwrap();
    follower.data(b"{\"name\":");
    follower.end(false);
    bench.cases.try_iter().for_each(|case| case.decide());
    assert_eq!((bench.judged(), bench.deviations("json"), bench.left()), ((0, 1, 0), 0, 1_000));
    let mut dropped = bench.follow(&Method::GET, 200, &[JSON]).unwrap();
    dropped.data(b"{}");
    assert_eq!(bench.left(), 998);
    drop(dropped);
    assert_eq!(bench.left(), 1_000);
}

#[test]
fn without_room_answers_go_unjudged_and_are_counted() {
    let bench = bench(100, 1, 50);
    let mut one = bench.follow(&Method::GET, 200, &[JSON]).unwrap();
    one.data(&[b' '; 30]);
    let mut other = bench.follow(&Method::GET, 200, &[JSON]).unwrap();
    other.data(&[b' '; 30]);
    assert_eq!(bench.left(), 20, "the copy of one alone");
    one.end(true);
    other.end(true);
    assert_eq!(bench.judged(), (0, 0, 1), "one waits, for the other there is no place");
    bench.cases.try_iter().for_each(|case| case.decide());
    assert_eq!((bench.judged(), bench.left()), ((1, 0, 1), 50));
    let mut third = bench.follow(&Method::GET, 200, &[JSON]).unwrap();
    third.data(&[b' '; 51]);
    third.end(true);
    bench.cases.try_iter().for_each(|case| case.decide());
    assert_eq!(bench.judged(), (1, 0, 2), "no room for its body");
}

#[test]
fn a_body_in_many_pieces_takes_no_more_than_its_bound() {
    let bench = bench(100, 9, 1_000);
    let mut follower = bench.follow(&Method::GET, 200, &[JSON]).unwrap();
    for _ in 0..100 {
        follower.data(b" ");
        assert!(bench.left() >= 900, "{}", bench.left());
    }
    assert_eq!(bench.left(), 900);
    follower.data(b" ");
    assert_eq!(bench.left(), 1_000, "one more, and it is let go");
}
