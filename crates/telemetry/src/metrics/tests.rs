use super::*;
use std::thread;

fn labels(value: &str) -> [Label; 1] {
    [("http.route", value.to_owned())]
}

#[test]
fn counts_of_more_threads_than_slots_add_up_exactly() {
    let registry = Registry::new();
    let counter = registry.counter("shop.orders", "orders", &[]);
    let threads = slot::count() as u64 * 3;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| (0..10_000).for_each(|_| counter.inc()));
        }
    });
    assert_eq!(counter.value(), threads * 10_000);
}

#[test]
fn a_slot_that_changes_hands_loses_nothing() {
    let counter = Counter::new();
    for _ in 0..20 {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| counter.add(2)));
            }
        });
    }
    assert_eq!(counter.value(), 20 * 4 * 1_000 * 2);
}

#[test]
fn a_histogram_adds_up_exactly_over_threads() {
    let histogram = Histogram::new(Arc::from(DURATION_BUCKETS));
    thread::scope(|scope| {
        for i in 0..16u64 {
            let histogram = &histogram;
            // whole milliseconds, so that the expected sum is exact
            scope.spawn(move || (0..1_000).for_each(|n| histogram.observe((i * 1_000 + n) as f64 / 1e3)));
        }
    });
    let snapshot = histogram.snapshot();
    assert_eq!(snapshot.count, 16_000);
    assert_eq!(snapshot.counts[0], 6, "0 to 5 ms, the bound included");
    assert_eq!(snapshot.counts[14], 16_000 - 10_001, "beyond 10 s");
    assert!((snapshot.sum - (15_999.0 * 16_000.0 / 2.0) / 1e3).abs() < 1e-4, "{}", snapshot.sum);
}

#[test]
fn what_is_no_duration_is_left_out() {
    let histogram = Histogram::new(Arc::from(DURATION_BUCKETS));
    histogram.observe(f64::NAN);
    histogram.observe(-1.0);
    assert_eq!(histogram.snapshot().count, 0);
    assert_eq!(histogram.snapshot().quantile(0.5), None);
}

#[test]
fn quantiles_interpolate_within_a_bucket() {
    let histogram = Histogram::new(Arc::from([1.0, 2.0]));
    (0..10).for_each(|_| histogram.observe(1.5));
    assert_eq!(histogram.snapshot().quantile(0.5), Some(1.5));
    (0..90).for_each(|_| histogram.observe(7.0));
    assert_eq!(histogram.snapshot().quantile(0.99), Some(2.0), "the highest bound there is");
}

#[test]
fn a_gauge_is_set_and_stepped() {
    let gauge = Gauge::new();
    thread::scope(|scope| {
        scope.spawn(|| (0..50).for_each(|_| gauge.inc()));
    });
    (0..20).for_each(|_| gauge.dec());
    assert_eq!(gauge.value(), 30.0);
    gauge.set(7.0);
    gauge.dec();
    assert_eq!(gauge.value(), 6.0);
}

#[test]
fn the_same_name_and_labels_are_the_same_series() {
    let registry = Registry::new();
    registry.counter("a", "", &[("x", "1".into()), ("y", "2".into())]).inc();
    registry.clone().counter("a", "", &[("y", "2".into()), ("x", "1".into())]).inc();
    assert_eq!(registry.counter("a", "", &[("x", "1".into()), ("y", "2".into())]).value(), 2);
}

#[test]
fn beyond_its_bound_a_family_has_one_more_series() {
    let registry = Registry::with_series_limit(3);
    for i in 0..10 {
        registry.counter("shop.orders", "orders", &labels(&format!("/{i}"))).inc();
    }
    registry.counter("shop.orders", "orders", &labels("/0")).inc();
    let text = registry.render();
    assert_eq!(text.matches("shop_orders_total{").count(), 4, "{text}");
    assert!(text.contains("shop_orders_total{http_route=\"/0\"} 2"), "{text}");
    assert!(text.contains("shop_orders_total{overflow=\"true\"} 7"), "{text}");
    assert!(text.contains("seaworthy_telemetry_series_dropped_total{metric=\"shop_orders\"} 7"), "{text}");
}

#[test]
fn collected_values_are_bounded_too() {
    let registry = Registry::with_series_limit(2);
    registry.collect_with(Box::new(|samples| {
        for i in 0..5 {
            samples.gauge("pool.size", "connections", &[("endpoint", i.to_string())], 1.0);
        }
    }));
    let text = registry.render();
    assert_eq!(text.matches("pool_size{").count(), 2, "{text}");
    assert!(text.contains("series_dropped_total{metric=\"pool_size\"} 3"), "{text}");
}

#[test]
fn a_collector_may_use_the_registry() {
    let registry = Registry::new();
    let inner = registry.clone();
    registry.collect_with(Box::new(move |_| inner.counter("scrapes", "", &[]).inc()));
    registry.render();
    assert!(registry.render().contains("scrapes_total 2"));
}

#[test]
fn two_kinds_under_one_name_do_not_spoil_the_page() {
    let registry = Registry::new();
    registry.counter("a", "", &[]).inc();
    let detached = registry.gauge("a", "", &[]);
    detached.set(5.0);
    registry.collect_with(Box::new(|samples| samples.gauge("a", "", &[("x", "1".into())], 9.0)));
    let text = registry.render();
    assert_eq!(detached.value(), 5.0);
    assert_eq!(text, "# HELP a \n# TYPE a counter\na_total 1\n# EOF\n");
}

#[test]
fn renders_as_the_conventions_say() {
    let registry = Registry::new();
    registry
        .histogram_with_bounds(
            "http.server.request.duration",
            "how long",
            &[0.1, 1.0],
            &labels("/items/{id}"),
        )
        .observe(0.25);
    registry.gauge("pool.memory.bytes", "in \"use\"\nnow", &[]).set(1.5);
    registry.counter("odd-name..total", "x", &[("a.b-c", "q\"\\\n".into())]).inc();
    let expected = r##"# HELP http_server_request_duration_seconds how long
# TYPE http_server_request_duration_seconds histogram
# UNIT http_server_request_duration_seconds seconds
http_server_request_duration_seconds_sum{http_route="/items/{id}"} 0.25
http_server_request_duration_seconds_count{http_route="/items/{id}"} 1
http_server_request_duration_seconds_bucket{le="0.1",http_route="/items/{id}"} 0
http_server_request_duration_seconds_bucket{le="1.0",http_route="/items/{id}"} 1
http_server_request_duration_seconds_bucket{le="+Inf",http_route="/items/{id}"} 1
# HELP odd_name x
# TYPE odd_name counter
odd_name_total{a_b_c="q\"\\\n"} 1
# HELP pool_memory_bytes in \"use\"\nnow
# TYPE pool_memory_bytes gauge
# UNIT pool_memory_bytes bytes
pool_memory_bytes 1.5
# EOF
"##;
    assert_eq!(registry.render(), expected);
    let expected = r##"# HELP http_server_request_duration_seconds how long
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_sum{http_route="/items/{id}"} 0.25
http_server_request_duration_seconds_count{http_route="/items/{id}"} 1
http_server_request_duration_seconds_bucket{le="0.1",http_route="/items/{id}"} 0
http_server_request_duration_seconds_bucket{le="1.0",http_route="/items/{id}"} 1
http_server_request_duration_seconds_bucket{le="+Inf",http_route="/items/{id}"} 1
# HELP odd_name_total x
# TYPE odd_name_total counter
odd_name_total{a_b_c="q\"\\\n"} 1
# HELP pool_memory_bytes in "use"\nnow
# TYPE pool_memory_bytes gauge
pool_memory_bytes 1.5
"##;
    assert_eq!(registry.render_text(), expected);
}

#[test]
fn a_bucket_leads_to_a_trace() {
    let registry = Registry::new();
    // a name that another one begins with, and labels that look like lines of the page
    let other = registry.histogram_with_bounds(
        "a.wait",
        "",
        &[1.0],
        &labels("x\n# TYPE a_wait_seconds gauge\na_wait_seconds_bucket{"),
    );
    let plain = registry.histogram_with_bounds("a.wait", "", &[1.0], &labels("y"));
    registry.counter("a.wait.seconds_bucket", "", &labels("z")).inc();
    plain.observe_with(0.25, [0xab; 16]);
    plain.observe_with(0.5, [0xcd; 16]);
    plain.observe_with(2.0, [0; 16]);
    plain.observe_with(f64::NAN, [1; 16]);
    other.observe(0.5);
    let text = registry.render();
    let lines: Vec<_> = text.lines().filter(|line| line.contains(" # {")).collect();
    let [line] = lines[..] else { panic!("{text}") };
    let expected = "a_wait_seconds_bucket{le=\"1.0\",http_route=\"y\"} 2 # {trace_id=\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\"} 0.5 ";
    let time: f64 = line.strip_prefix(expected).unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    assert!(time > 1.6e9, "{time}");
    assert!(text.contains("le=\"+Inf\",http_route=\"y\"} 3\n"), "{text}");
    assert_eq!(plain.snapshot().exemplars.len(), 2);
    assert!(other.snapshot().exemplars.is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_describes_itself() {
    let registry = Registry::new();
    registry.collect_process();
    let text = registry.render();
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} is missing in\n{text}")).parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e5);
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_max_fds") >= value("process_open_fds"));
    assert!(value("process_threads") >= 1.0);
    assert!(value("process_cpu_seconds_total") >= 0.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    assert!((0.0..3_600.0).contains(&(now - value("process_start_time_seconds"))), "{text}");
}
