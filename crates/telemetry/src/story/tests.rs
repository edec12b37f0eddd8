use super::*;
use expect_test::expect;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

struct Told {
    stories: Recorder,
    registry: Registry,
    start: Instant,
}

impl Told {
    fn new(settings: Settings) -> Self {
        let registry = Registry::new();
        let stories = Recorder::new(&registry, settings);
        Self { stories, registry, start: Instant::now() }
    }

    fn one_thread() -> Settings {
        Settings { threads: 1, sample: 0.0, ..Settings::default() }
    }

    fn tell(&self, route: &str, status: u16, took: Duration) -> RequestId {
        let id = RequestId::generate();
        let mut draft = self.stories.begin(self.start);
        let span = draft.begin("attempt", None, self.start);
        draft.attribute(span, "attempt", 1u64);
        let ending =
            Ending { route, service: "shop", method: "GET", path: "/", status, ..Ending::new(id, [1; 16]) };
        self.stories.finish(draft, &ending, self.start + took);
        id
    }
}

fn retried(told: &Told, id: RequestId) -> Arc<Story> {
    let (start, mut draft) = (told.start, told.stories.begin(told.start));
    let route = draft.begin("route", None, start);
    draft.end(route, start + Duration::from_micros(120), None);
    let forward = draft.begin("forward", None, start + ms(1));
    let first = draft.begin("attempt", Some(forward), start + ms(1));
    draft.attribute(first, "server.address", Arc::<str>::from("10.0.0.7:80"));
    draft.attribute(first, "attempt", 1u64);
    draft.end(first, start + ms(50), Some("upstream_refused"));
    let wait = draft.begin("wait", Some(forward), start + ms(50));
    draft.attribute(wait, "reason", "retry");
    draft.end(wait, start + ms(60), None);
    let second = draft.begin("attempt", Some(forward), start + ms(60));
    draft.attribute(second, "server.address", "10.0.0.8:80\u{1b}[2J".to_owned());
    draft.end(forward, start + ms(95), None);
    let ending = Ending {
        route: "items",
        service: "shop",
        method: "GET",
        path: "/items/\u{1b}]0;x\u{7}",
        status: 504,
        reason: Some("timeout"),
        ..Ending::new(id, [0xab; 16])
    };
    told.stories.finish(draft, &ending, start + ms(100));
    told.stories.by_request(&id).unwrap()
}

#[test]
fn a_story_is_drawn_as_a_tree() {
    let told = Told::new(Settings::default());
    let id = RequestId::accept(b"request-1").unwrap();
    let story = retried(&told, id);
    let body = |style| story.tree(&style).lines().skip(1).collect::<Vec<_>>().join("\n");
    expect![[r#"
        GET "/items/\u001b]0;x\u0007" 504     100.00 ms  ████████████████████  ! timeout
        ├─ route                                0.12 ms  █···················
        └─ forward                             94.00 ms  ███████████████████·
           ├─ attempt                          49.00 ms  ██████████··········  server.address=10.0.0.7:80 attempt=1 ! upstream_refused
           ├─ wait                             10.00 ms  ··········██········  reason=retry
           └─ attempt                              open  ············████████  server.address="10.0.0.8:80\u001b[2J""#]]
    .assert_eq(&body(Style { bar: 20, ascii: false }));
    let ascii = story.tree(&Style { bar: 8, ascii: true });
    assert!(ascii.is_ascii(), "{ascii}");
    assert!(ascii.contains("   `- attempt"), "{ascii}");
    assert!(ascii.starts_with("request request-1  trace abababababababababababababababab  at 1"), "{ascii}");
}

#[test]
fn stories_are_found_by_both_ids_from_any_thread() {
    let told = Told::new(Settings::default());
    let ids: Vec<RequestId> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| told.tell("a", 200, ms(1)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for id in &ids {
        assert_eq!(told.stories.by_request(id).unwrap().request_id, *id);
    }
    assert_eq!(told.stories.by_trace([1; 16]).len(), 3);
    assert!(told.stories.by_trace([2; 16]).is_empty());
    assert!(told.stories.by_request(&RequestId::generate()).is_none());
}

#[test]
fn failed_and_slow_ones_outlast_the_others() {
    let told = Told::new(Settings { recent: 50, failed: 10, slowest: 2, ..Told::one_thread() });
    let failed = told.tell("a", 503, ms(1));
    let slow: Vec<_> = ["a", "b"].map(|route| told.tell(route, 200, ms(5_000))).into();
    let slower = told.tell("a", 200, ms(6_000));
    let usual = told.tell("a", 200, ms(2));
    for _ in 0..1_000 {
        told.tell("a", 200, ms(3));
        told.tell("b", 404, ms(3));
    }
    for id in slow.iter().chain([&failed, &slower]) {
        assert!(told.stories.by_request(id).is_some());
    }
    assert!(told.stories.by_request(&usual).is_none());
    assert_eq!(told.stories.size().0, 50 + 1 + 4);
    for _ in 0..30 {
        told.tell("a", 500, ms(1));
    }
    assert!(told.stories.by_request(&failed).is_none(), "there are newer failures");
    assert_eq!(told.stories.latest(&Filter { failed: true, ..Filter::default() }, 100).len(), 10);
}

#[test]
fn stories_are_listed_by_what_they_are() {
    let told = Told::new(Told::one_thread());
    for (route, status, took) in [("a", 200, 5), ("a", 404, 50), ("b", 500, 500), ("b", 200, 40)] {
        told.tell(route, status, ms(took));
    }
    let found = |filter: Filter| {
        let mut found: Vec<u16> = told.stories.latest(&filter, 10).iter().map(|story| story.status).collect();
        found.sort_unstable();
        found
    };
    assert_eq!(found(Filter::default()), [200, 200, 404, 500]);
    assert_eq!(found(Filter { route: Some("a".into()), ..Filter::default() }), [200, 404]);
    assert_eq!(found(Filter { service: Some("other".into()), ..Filter::default() }), [0; 0]);
    assert_eq!(found(Filter { class: Some(4), ..Filter::default() }), [404]);
    assert_eq!(found(Filter { min: ms(50), ..Filter::default() }), [404, 500]);
    assert_eq!(found(Filter { failed: true, ..Filter::default() }), [500]);
    assert_eq!(found(Filter { before: Some(SystemTime::UNIX_EPOCH), ..Filter::default() }), [0; 0]);
    let newest = told.stories.latest(&Filter::default(), 2);
    assert!(newest.len() == 2 && newest[0].started >= newest[1].started);
}

#[test]
fn one_story_and_all_of_them_have_bounds() {
    let bytes = 300_000;
    let told = Told::new(Settings { bytes, recent: 1_000_000, ..Told::one_thread() });
    for _ in 0..200 {
        let mut draft = told.stories.begin(told.start);
        for i in 0..500u64 {
            let part = draft.begin("attempt", None, told.start);
            draft.attribute(part, "i", i);
            draft.attribute(part, "text", "ä".repeat(1_000));
        }
        let (id, path) = (RequestId::generate(), "ü".repeat(5_000));
        let ending = Ending { path: &path, route: "a", ..Ending::new(id, [1; 16]) };
        told.stories.finish(draft, &ending, told.start);
    }
    let story = &told.stories.latest(&Filter::default(), 1)[0];
    assert_eq!((story.spans.len(), story.attributes.len(), story.path.len()), (64, 128, 512));
    assert!(story.attributes.iter().all(|attribute| attribute.value.to_string().len() <= 256));
    let (stories, used) = told.stories.size();
    assert!(stories > 3 && used <= bytes, "{stories} stories, {used} bytes");
    let text = told.registry.render();
    assert!(text.contains(&format!("seaworthy_stories_memory_bytes {used}.0")), "{text}");
    assert!(text.contains(&format!("seaworthy_stories_left_out_total {}", 200 * 436)), "{text}");
}

#[test]
fn no_stories_cost_nothing() {
    let told = Told::new(Settings { recent: 0, ..Told::one_thread() });
    let id = told.tell("a", 500, ms(1));
    assert!(told.stories.by_request(&id).is_none());
    assert_eq!(told.stories.size(), (0, 0));
}

#[test]
fn an_attempt_ends_once_and_without_a_place_is_no_attempt() {
    let told = Told::new(Told::one_thread());
    let (id, mut draft) = (RequestId::generate(), told.stories.begin(told.start));
    let part = draft.begin("attempt", None, told.start + ms(5));
    draft.end(part, told.start + ms(3), Some("clock"));
    draft.end(part, told.start + ms(30), None);
    let other = told.stories.begin(told.start).begin("attempt", None, told.start);
    assert_eq!(other, part, "parts are places, and belong to their draft");
    told.stories.finish(draft, &Ending::new(id, [1; 16]), told.start + ms(40));
    let story = told.stories.by_request(&id).unwrap();
    assert_eq!((story.spans[0].took, story.spans[0].error), (Some(Duration::ZERO), Some("clock")));
}
