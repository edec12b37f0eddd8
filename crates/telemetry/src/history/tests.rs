use super::*;
use crate::metrics::{Label, Registry};
use std::collections::BTreeMap;

mod answers;
mod bounds;
mod disk;
mod model;

/// A moment of the tests, in seconds after a full slot.
fn second(seconds: f64) -> Time {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_secs_f64(seconds)
}

fn query(name: &str, function: Function, window: u64) -> Query {
    let selector = Selector::new(name, Vec::new()).unwrap();
    Query { selector, function, window: Duration::from_secs(window), by: None, aggregate: Aggregate::Sum }
}

fn number(history: &History, query: &Query, at: Time) -> Option<f64> {
    let samples = history.query(query, at).unwrap();
    assert!(samples.len() <= 1, "{samples:?}");
    samples.first().map(|sample| sample.value)
}

/// Values that tests set, by name and the value of the label `x`; those of names that end in `g` are gauges.
#[derive(Clone, Default)]
struct Values(Arc<Mutex<BTreeMap<(&'static str, String), f64>>>);

impl Values {
    fn registry(&self) -> Registry {
        let (registry, values) = (Registry::with_series_limit(100_000), Arc::clone(&self.0));
        registry.collect_with(Box::new(move |samples| {
            for ((name, label), value) in &*values.lock().unwrap() {
                let labels: Vec<Label> =
                    if label.is_empty() { Vec::new() } else { vec![("x", label.clone())] };
                if name.ends_with('g') {
                    samples.gauge(name, "", &labels, *value);
                } else {
                    samples.counter(name, "", &labels, *value);
                }
            }
        }));
        registry
    }

    fn set(&self, name: &'static str, label: &str, value: Option<f64>) {
        let key = (name, label.to_owned());
        let mut values = self.0.lock().unwrap();
        match value {
            Some(value) => values.insert(key, value),
            None => values.remove(&key),
        };
    }
}
