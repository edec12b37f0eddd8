use super::*;

fn head<'a>(path: &'a str, query: Option<&'a str>, headers: &'a HeaderMap) -> Head<'a> {
    Head { method: "POST", path, query, headers }
}

#[test]
fn patterns_of_places() {
    for (pattern, text, fit) in [
        ("body.comment", "body.comment", true),
        ("body.*", "body.a.b", true),
        ("*.html", "body.x.html", true),
        ("body.*.text", "body.a.text", true),
        ("body.*.text", "body.text", false),
        ("a*b*c", "axxbyyc", true),
        ("a*b*c", "acb", false),
        ("*", "", true),
        ("query.q", "query.qq", false),
    ] {
        assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
    }
}

#[test]
fn modes_thresholds_and_exclusions() {
    let headers = HeaderMap::new();
    let attack = head("/x", Some("q=%3Cscript%3Ealert(1)%3C/script%3E"), &headers);
    let judge = |settings| Engine::new(settings).inspect(&attack, None);
    assert_eq!(judge(Settings::default()).action, Action::Block);
    assert_eq!(judge(Settings { mode: Mode::Log, ..Settings::default() }).action, Action::Flag);
    assert_eq!(judge(Settings { threshold: 100, ..Settings::default() }).action, Action::Pass);
    let exclusion = |category, place: &str| Settings {
        exclusions: vec![Exclusion { rule: None, category, place: place.to_owned() }],
        ..Settings::default()
    };
    assert_eq!(judge(exclusion(Some(Category::Xss), "query.q")).action, Action::Pass);
    assert_eq!(judge(exclusion(Some(Category::Sqli), "query.q")).action, Action::Block);
    assert_eq!(judge(exclusion(None, "body.*")).action, Action::Block);
}

#[test]
fn findings_say_where_and_never_what() {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", http::HeaderValue::from_static("sqlmap/1.8"));
    headers.insert("cookie", http::HeaderValue::from_static("a=b; theme=../../../../etc/passwd"));
    let body =
        br#"{"user":{"name":"x' UNION SELECT password FROM users--","tags":["a","<svg onload=alert(1)>"]}}"#;
    let verdict = Engine::new(Settings::default())
        .inspect(&head("/x", None, &headers), Some(("application/json", body)));
    let mut places: Vec<_> = verdict.findings.iter().map(|finding| finding.place.as_str()).collect();
    places.sort_unstable();
    assert_eq!(places, ["body.user.name", "body.user.tags", "cookie.theme", "header.user-agent"]);
    let text = format!("{verdict:?}");
    assert!(!text.contains("UNION") && !text.contains("passwd") && !text.contains("onload"));
}

#[test]
fn what_is_beyond_the_bounds_is_said() {
    let headers = HeaderMap::new();
    let engine = Engine::new(Settings { body_bytes: 100, ..Settings::default() });
    let verdict = engine.inspect(&head("/", None, &headers), Some(("text/plain", &[b'a'; 101])));
    assert!(verdict.truncated);
    let many = "a=1&".repeat(5_000);
    assert!(engine.inspect(&head("/", Some(&many), &headers), None).truncated);
}
