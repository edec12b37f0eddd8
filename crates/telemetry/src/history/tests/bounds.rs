//! What does not fit.

use super::*;

#[test]
fn series_beyond_the_bound_are_left_out_and_shown() {
    let values = Values::default();
    let registry = values.registry();
    let history = History::new(&registry, Settings { series: 25, ..Settings::default() });
    let own = {
        history.sample(second(0.0));
        history.series()
    };
    assert!(own < 20, "the history's own series are few: {own}");
    for i in 0..100 {
        values.set("c", &format!("{i:03}"), Some(f64::from(i)));
    }
    history.sample(second(10.0));
    assert_eq!(history.series(), 25);
    let text = registry.render();
    assert!(text.contains(&format!("seaworthy_history_series_dropped {}.0", 100 - (25 - own))), "{text}");
    assert!(text.contains("seaworthy_history_series 25.0"), "{text}");
    // the first come stay, also when they change
    values.set("c", "000", Some(7.0));
    history.sample(second(20.0));
    let found = history.query(&query("c_total", Function::Increase, 10), second(20.0)).unwrap();
    assert_eq!((found.len(), found[0].value), (25 - own, 7.0));
}

#[test]
fn memory_stays_within_its_bound_and_the_newest_is_kept() {
    let values = Values::default();
    let registry = values.registry();
    let bytes = 200_000;
    let history = History::new(&registry, Settings { bytes, ..Settings::default() });
    let mut noise = fastrand::Rng::with_seed(7);
    for at in 0..2_000 {
        for i in 0..100 {
            values.set("g", &i.to_string(), Some(noise.f64()));
        }
        history.sample(second(f64::from(at) * 10.0));
        // one sample of everything is what can be too much before something is forgotten
        assert!(history.bytes() < bytes + 40_000, "{} at {at}", history.bytes());
    }
    let text = registry.render();
    let forgotten = text.lines().find_map(|line| line.strip_prefix("seaworthy_history_forgotten_total "));
    assert!(forgotten.unwrap().parse::<u64>().unwrap() > 5, "{text}");
    let found = history.query(&query("g", Function::Mean, 100), second(19_990.0)).unwrap();
    assert_eq!(found.len(), 100);
}

#[test]
fn what_is_gone_for_longer_than_anything_is_kept_makes_room() {
    let values = Values::default();
    let slots = Slots { retention: Duration::from_secs(6_000), ..Slots::default() };
    let settings = Settings { window: Duration::from_secs(1_000), slots, ..Settings::default() };
    let history = History::new(&values.registry(), settings);
    history.sample(second(0.0));
    let own = history.series();
    for at in 1..2_000 {
        let label = (at / 100).to_string();
        if at % 100 == 0 {
            values.0.lock().unwrap().clear();
        }
        values.set("c", &label, Some(1.0));
        history.sample(second(f64::from(at) * 10.0));
        // 6,000 s hold six of them; slots are given back sixteen at a time
        assert!(history.series() <= own + 6 + 1 + 10, "{} series", history.series());
    }
    assert_eq!(number(&history, &query("c_total", Function::Latest, 60), second(19_990.0)), Some(1.0));
}

#[test]
fn a_histogram_with_other_bounds_begins_anew() {
    let values = Values::default();
    let registry = values.registry();
    let history = History::new(&registry, Settings::default());
    let mut state = history.0.state.write().unwrap();
    let snapshot = |bounds: &[f64], seconds: f64| {
        let other = Registry::new();
        other.histogram_with_bounds("shop.wait", "", bounds, &[]).observe(seconds);
        other.snapshot()
    };
    state.sample(0, &snapshot(&[1.0, 2.0], 0.5)).unwrap();
    state.sample(10_000, &snapshot(&[1.0, 2.0, 3.0], 2.5)).unwrap();
    state.sample(20_000, &snapshot(&[1.0, 2.0, 3.0], 2.5)).unwrap();
    assert_eq!(state.series, 1);
    drop(state);
    let at = UNIX_EPOCH + Duration::from_secs(20);
    assert_eq!(number(&history, &query("shop_wait_seconds", Function::Below(3.0), 60), at), Some(1.0));
}

#[test]
fn what_is_not_finite_is_no_sample() {
    let values = Values::default();
    let history = History::new(&values.registry(), Settings::default());
    for (at, value) in [(0.0, 1.0), (10.0, f64::NAN), (20.0, f64::INFINITY), (30.0, 3.0)] {
        values.set("g", "", Some(value));
        values.set("c", "", Some(value));
        history.sample(second(at));
    }
    assert_eq!(number(&history, &query("g", Function::Mean, 60), second(30.0)), Some(2.0));
    assert_eq!(number(&history, &query("c_total", Function::Increase, 60), second(30.0)), Some(2.0));
    assert_eq!(number(&history, &query("g", Function::Latest, 60), second(20.0)), None);
}
