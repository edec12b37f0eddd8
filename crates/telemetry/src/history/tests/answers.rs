//! Which series a query finds, how they are put together, and what is refused.

use super::*;

fn matcher(label: &str, op: Match, value: &str) -> Matcher {
    Matcher { label: label.to_owned(), op, value: value.to_owned() }
}

/// Three routes of two services, sampled for a minute; route `n` counts `n` every ten seconds.
fn shop() -> History {
    let registry = Registry::new();
    let history = History::new(&registry, Settings::default());
    let labels =
        |route: &str, service: &str| [("http.route", route.to_owned()), ("service", service.to_owned())];
    let routes = [("/a", "front"), ("/b", "front"), ("/c", "back")];
    let counters =
        routes.map(|(route, service)| registry.counter("shop.orders", "", &labels(route, service)));
    let waits = routes.map(|(route, service)| registry.histogram("shop.wait", "", &labels(route, service)));
    for at in 0..=6 {
        history.sample(second(f64::from(at) * 10.0));
        for (i, (counter, wait)) in counters.iter().zip(&waits).enumerate() {
            counter.add(i as u64 + 1);
            wait.observe(0.02 * (i as f64 + 1.0));
        }
    }
    history
}

fn ask(history: &History, query: &Query) -> Vec<(String, f64)> {
    let samples = history.query(query, second(60.0)).unwrap();
    samples.into_iter().map(|sample| (sample.labels.to_string(), sample.value)).collect()
}

fn selected(
    name: &str,
    matchers: Vec<Matcher>,
    by: Option<&[&str]>,
    aggregate: Aggregate,
    function: Function,
) -> Query {
    let by = by.map(|by| by.iter().map(|label| (*label).to_owned()).collect());
    Query {
        selector: Selector::new(name, matchers).unwrap(),
        function,
        window: Duration::from_secs(60),
        by,
        aggregate,
    }
}

#[test]
fn series_are_found_by_their_labels() {
    let history = shop();
    let routes = |matchers| {
        let query = selected("shop_orders_total", matchers, None, Aggregate::Sum, Function::Increase);
        ask(&history, &query).into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(routes(vec![]), [6.0, 12.0, 18.0]);
    assert_eq!(routes(vec![matcher("service", Match::Equal, "front")]), [6.0, 12.0]);
    assert_eq!(routes(vec![matcher("service", Match::NotEqual, "front")]), [18.0]);
    assert_eq!(routes(vec![matcher("http_route", Match::Regex, "/[ab]|/cc")]), [6.0, 12.0]);
    assert_eq!(routes(vec![matcher("http_route", Match::Regex, "/")]), [0.0; 0], "expressions are anchored");
    assert_eq!(routes(vec![matcher("http_route", Match::NotRegex, "/[ab]")]), [18.0]);
    assert_eq!(
        routes(vec![matcher("zone", Match::Equal, "")]),
        [6.0, 12.0, 18.0],
        "a label that is missing is empty"
    );
    assert_eq!(routes(vec![matcher("zone", Match::Regex, ".+")]), [0.0; 0]);
}

#[test]
fn series_are_put_together() {
    let history = shop();
    let by = |labels: &[&str], aggregate| {
        ask(&history, &selected("shop_orders_total", vec![], Some(labels), aggregate, Function::Increase))
    };
    let named = |label: &str, value| (label.to_owned(), value);
    let (back, front) = ("{service=\"back\"}", "{service=\"front\"}");
    assert_eq!(by(&["service"], Aggregate::Sum), [named(back, 18.0), named(front, 18.0)]);
    assert_eq!(by(&["service"], Aggregate::Max), [named(back, 18.0), named(front, 12.0)]);
    assert_eq!(by(&["service"], Aggregate::Min), [named(back, 18.0), named(front, 6.0)]);
    assert_eq!(by(&["service"], Aggregate::Mean), [named(back, 18.0), named(front, 9.0)]);
    assert_eq!(by(&["service"], Aggregate::Count), [named(back, 1.0), named(front, 2.0)]);
    assert_eq!(by(&[], Aggregate::Sum), [named("", 36.0)]);
}

#[test]
fn histograms_are_put_together_before_a_quantile_is_taken() {
    let history = shop();
    let of = |function, aggregate| {
        ask(&history, &selected("shop_wait_seconds", vec![], Some(&[]), aggregate, function))[0].1
    };
    // six observations each at 20, 40 and 60 ms, in the buckets up to 25, 50 and 75 ms
    assert!((of(Function::Quantile(0.5), Aggregate::Sum) - 0.0375).abs() < 1e-9);
    assert!((of(Function::Quantile(0.5), Aggregate::Max) - 0.0625).abs() < 1e-9);
    assert!((of(Function::Mean, Aggregate::Sum) - 0.04).abs() < 1e-9);
    assert_eq!(of(Function::Below(0.05), Aggregate::Sum), 12.0);
    assert_eq!(of(Function::Observations, Aggregate::Sum), 18.0);
    let count = selected("shop_wait_seconds_count", vec![], Some(&[]), Aggregate::Sum, Function::Rate);
    assert!((ask(&history, &count)[0].1 - 18.0 / 60.0).abs() < 1e-9);
    let sum = selected("shop_wait_seconds_sum", vec![], Some(&[]), Aggregate::Sum, Function::Increase);
    assert!((ask(&history, &sum)[0].1 - 0.72).abs() < 1e-9);
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let history = shop();
    let refused = |query: &Query| history.query(query, second(60.0)).unwrap_err().to_string();
    assert_eq!(
        refused(&query("shop_orders_total", Function::Quantile(0.5), 60)),
        "quantile is not defined for shop_orders_total, which is a counter"
    );
    assert!(refused(&query("shop_wait_seconds", Function::Rate, 60)).ends_with("a histogram"));
    assert!(refused(&query("shop_wait_seconds_count", Function::Max, 60)).ends_with("a counter"));
    assert!(refused(&query("seaworthy_history_series", Function::Increase, 60)).ends_with("a gauge"));
    assert!(
        refused(&query("shop_wait_seconds", Function::Below(0.3), 60))
            .starts_with("shop_wait_seconds has no bound at 0.3")
    );
    assert!(refused(&query("shop_wait_seconds", Function::Quantile(f64::NAN), 60)).starts_with("a quantile"));
    assert_eq!(
        refused(&query("shop_orders_total", Function::Increase, 0)),
        "a window and a step have a length above zero, not 0ns"
    );
    let huge = Query { window: Duration::MAX, ..query("shop_orders_total", Function::Increase, 1) };
    assert!(matches!(history.query(&huge, second(0.0)), Err(Error::Window(_))));
    assert_eq!(history.query(&query("nothing", Function::Rate, 60), second(60.0)), Ok(Vec::new()));

    let rates = query("shop_orders_total", Function::Rate, 60);
    let range = |from: f64, to: f64, step| history.range(&rates, second(from), second(to), step);
    assert_eq!(range(60.0, 0.0, Duration::from_secs(1)), Err(Error::Order));
    assert_eq!(range(0.0, 60.0, Duration::from_millis(1)), Err(Error::TooLarge { limit: 11_000 }));
    assert_eq!(range(0.0, 60.0, Duration::ZERO), Err(Error::Window(Duration::ZERO)));
    let epoch =
        history.range(&rates, UNIX_EPOCH - Duration::from_secs(60), UNIX_EPOCH, Duration::from_secs(30));
    assert_eq!(epoch, Ok(Vec::new()));
}

#[test]
fn selectors_are_checked() {
    let new = |name: &str, matchers| Selector::new(name, matchers).map(drop);
    for name in ["", "a b", "1a", "a\"} or vector(1)", "ä"] {
        assert_eq!(new(name, vec![]), Err(Error::Name(name.to_owned())));
    }
    assert_eq!(new("a", vec![matcher("a:b", Match::Equal, "")]), Err(Error::Label("a:b".to_owned())));
    for pattern in ["(", "a)(?:b", "(?x)a#", "((a{1000}){1000}){1000}"] {
        let refused = new("a", vec![matcher("b", Match::Regex, pattern)]);
        assert!(matches!(refused, Err(Error::Regex { .. })), "{pattern}: {refused:?}");
    }
    let many = vec![matcher("b", Match::Equal, ""); 33];
    assert_eq!(new("a", many), Err(Error::TooLarge { limit: 32 }));
}

#[test]
fn a_query_is_told_in_promql() {
    let told = |by, aggregate, function| {
        let matchers =
            vec![matcher("route", Match::Equal, "/a\"\\"), matcher("status", Match::NotRegex, "5..")];
        selected("m", matchers, by, aggregate, function).promql()
    };
    let labels = r#"{route="/a\"\\",status!~"5.."}"#;
    assert_eq!(told(None, Aggregate::Sum, Function::Latest), format!("m{labels}"));
    assert_eq!(told(Some(&[]), Aggregate::Max, Function::Increase), format!("max(increase(m{labels}[1m]))"));
    assert_eq!(
        told(Some(&["a", "b"]), Aggregate::Mean, Function::Rate),
        format!("avg by (a, b) (rate(m{labels}[1m]))")
    );
    assert_eq!(
        told(Some(&["a"]), Aggregate::Sum, Function::Quantile(0.99)),
        format!("histogram_quantile(0.99, sum by (le, a) (rate(m_bucket{labels}[1m])))")
    );
    assert_eq!(
        told(Some(&["a"]), Aggregate::Max, Function::Quantile(0.99)),
        format!("max by (a) (histogram_quantile(0.99, rate(m_bucket{labels}[1m])))")
    );
    assert_eq!(
        told(None, Aggregate::Sum, Function::Below(1.0)),
        r#"increase(m_bucket{route="/a\"\\",status!~"5..",le="1.0"}[1m])"#
    );
    assert_eq!(
        told(Some(&[]), Aggregate::Sum, Function::Mean),
        format!(
            "(sum(rate(m_sum{labels}[1m])) / sum(rate(m_count{labels}[1m]))) or sum(avg_over_time(m{labels}[1m]))"
        )
    );
    let window = |seconds| query("m", Function::Min, seconds).promql();
    assert_eq!(
        (window(90), window(86_400 * 3)),
        ("min_over_time(m[90s])".into(), "min_over_time(m[3d])".into())
    );
}

#[test]
fn labels_are_sorted_and_narrowed() {
    let labels: Labels = [("b", "2"), ("a", "1"), ("c", "3"), ("a", "later")].into_iter().collect();
    assert_eq!(labels.to_string(), r#"{a="1",b="2",c="3"}"#);
    assert_eq!((labels.get("b"), labels.get("x")), (Some("2"), None));
    assert_eq!(labels.without("b").to_string(), r#"{a="1",c="3"}"#);
    assert_eq!(labels.only(&["c", "x"]).to_string(), r#"{c="3"}"#);
    assert!(labels.only::<&str>(&[]).is_empty());
}

#[test]
fn what_appears_later_has_grown_from_zero_and_what_was_there_has_not() {
    let values = Values::default();
    let history = History::new(&values.registry(), Settings::default());
    values.set("c", "old", Some(500.0));
    history.sample(second(0.0));
    values.set("c", "new", Some(3.0));
    history.sample(second(10.0));
    values.set("c", "after a gap", Some(70.0));
    history.sample(second(100.0));
    let mut found = history.query(&query("c_total", Function::Increase, 600), second(100.0)).unwrap();
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    let found: Vec<_> = found.iter().map(|sample| (sample.labels.get("x").unwrap(), sample.value)).collect();
    assert_eq!(found, [("new", 3.0), ("old", 0.0)]);
}

#[test]
fn a_clock_that_goes_back_is_ignored_and_counted() {
    let values = Values::default();
    let registry = values.registry();
    let history = History::new(&registry, Settings::default());
    values.set("c", "", Some(1.0));
    assert!(history.sample(second(100.0)));
    values.set("c", "", Some(50.0));
    assert!(!history.sample(second(100.0)));
    assert!(!history.sample(second(20.0)));
    values.set("c", "", Some(2.0));
    assert!(history.sample(second(110.0)));
    assert_eq!(number(&history, &query("c_total", Function::Increase, 60), second(110.0)), Some(1.0));
    assert!(registry.render().contains("seaworthy_history_samples_ignored_total 2"));
}
