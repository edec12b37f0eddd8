//! The history against a list of samples.

use super::*;
use proptest::prelude::*;

const GAP: f64 = 30.0;

/// What was there at each sample.
#[derive(Debug, Clone)]
struct Model(Vec<(f64, Option<f64>)>);

impl Model {
    fn present(&self) -> Vec<(f64, f64)> {
        self.0.iter().filter_map(|(time, value)| Some((*time, (*value)?))).collect()
    }

    /// What each sample adds, and since when; `None` where that is not known.
    fn increments(&self) -> Vec<(f64, f64, Option<f64>)> {
        let present = self.present();
        let first = self.0.iter().position(|(_, value)| value.is_some()).unwrap_or_default();
        let fresh = first > 0 && self.0[first].0 - self.0[first - 1].0 <= GAP;
        present
            .iter()
            .enumerate()
            .map(|(i, (time, value))| match i.checked_sub(1).map(|before| present[before]) {
                Some((since, before)) => {
                    (*time, since, Some(if *value < before { *value } else { value - before }))
                }
                None => (*time, *time, fresh.then_some(*value)),
            })
            .collect()
    }

    fn increase(&self, start: f64, end: f64) -> Option<f64> {
        let mut within: Vec<_> =
            self.increments().into_iter().filter(|(time, ..)| *time > start && *time <= end).collect();
        if let Some((time, since, _)) = within.first().copied()
            && since < start + 1e-9
            && time - since > GAP
        {
            within[0].2 = None;
        }
        let known: Vec<f64> = within.iter().filter_map(|(.., added)| *added).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }

    fn within(&self, start: f64, end: f64) -> Vec<f64> {
        let within = |(time, _): &(f64, f64)| *time > start && *time <= end;
        self.present().into_iter().filter(within).map(|(_, value)| value).collect()
    }
}

fn samples() -> impl Strategy<Value = Vec<(f64, Option<f64>)>> {
    let step =
        prop_oneof![8 => Just(10.0), 1 => Just(7.5), 1 => Just(31.0), 1 => Just(30.0), 1 => Just(400.0)];
    let value = prop_oneof![1 => Just(None), 12 => (0i32..40).prop_map(Some), 1 => Just(Some(-1))];
    proptest::collection::vec((step, value), 1..80).prop_map(|steps| {
        let (mut time, mut total) = (0.0, 0.0);
        let sample = |(step, grown): (f64, Option<i32>)| {
            time += step;
            total = match grown {
                Some(-1) => 3.0, // it began again
                Some(grown) => total + f64::from(grown) * 0.5,
                None => total,
            };
            (time, grown.map(|_| total))
        };
        steps.into_iter().map(sample).collect()
    })
}

fn history(samples: &[(f64, Option<f64>)]) -> History {
    let values = Values::default();
    let settings = Settings { window: Duration::from_secs(500_000), ..Settings::default() };
    let history = History::new(&values.registry(), settings);
    for (time, value) in samples {
        values.set("c", "", *value);
        values.set("g", "", value.map(|value| value - 7.25));
        assert!(history.sample(second(*time)));
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn counters_and_gauges_are_as_the_samples_say(samples in samples(), at in 0u32..1_500, window in 1u32..900) {
        let (history, model) = (history(&samples), Model(samples));
        let (end, length) = (f64::from(at), u64::from(window));
        let start = end - f64::from(window);
        let ask = |name, function| number(&history, &query(name, function, length), second(end));
        let increase = model.increase(start, end);
        prop_assert_eq!(ask("c_total", Function::Increase), increase);
        let rate = ask("c_total", Function::Rate).map(|rate| rate * f64::from(window));
        prop_assert_eq!(rate.map(|rate| (rate * 1e6).round()), increase.map(|increase| (increase * 1e6).round()));
        let within: Vec<f64> = model.within(start, end).into_iter().map(|value| value - 7.25).collect();
        prop_assert_eq!(ask("g", Function::Max), within.iter().copied().reduce(f64::max));
        prop_assert_eq!(ask("g", Function::Min), within.iter().copied().reduce(f64::min));
        let mean = (!within.is_empty()).then(|| within.iter().sum::<f64>() / within.len() as f64);
        prop_assert_eq!(ask("g", Function::Mean), mean);
        let last = model.0.iter().rev().find(|(time, _)| *time <= end).filter(|(time, _)| *time > start);
        prop_assert_eq!(ask("g", Function::Latest), last.and_then(|(_, value)| Some((*value)? - 7.25)));
    }

    #[test]
    fn a_range_is_what_single_questions_answer(samples in samples(), from in 0u32..600, step in 1u32..90, window in 1u32..900) {
        let history = history(&samples);
        let (from, step) = (f64::from(from), f64::from(step));
        for (name, function) in [
            ("c_total", Function::Increase), ("c_total", Function::Latest), ("g", Function::Max), ("g", Function::Min), ("g", Function::Mean),
        ] {
            let query = query(name, function, u64::from(window));
            let to = from + 12.5 * step;
            let range = history.range(&query, second(from), second(to), Duration::from_secs_f64(step)).unwrap();
            let points = range.first().map_or(&[][..], |series| &series.points);
            let singles: Vec<_> = (0..=12)
                .map(|i| second(from + f64::from(i) * step))
                .filter_map(|at| Some((at, number(&history, &query, at)?)))
                .collect();
            prop_assert_eq!(points, &singles[..], "{:?}", query);
        }
    }

    #[test]
    fn quantiles_are_those_of_the_observations(
        batches in proptest::collection::vec(proptest::collection::vec(0u32..12_000, 0..30), 2..40),
        first in 0usize..40, length in 1usize..40, share in 0.0f64..1.0,
    ) {
        let registry = Registry::new();
        let history = History::new(&registry, Settings::default());
        let histogram = registry.histogram("shop.wait", "", &[]);
        for (i, batch) in batches.iter().enumerate() {
            batch.iter().for_each(|millis| histogram.observe(f64::from(*millis) / 1e3));
            history.sample(second(i as f64 * 10.0));
        }
        let last = (first + length).min(batches.len() - 1);
        prop_assume!(first < last);
        let model = crate::metrics::Histogram::new(Arc::from(crate::metrics::DURATION_BUCKETS));
        let observed = || batches[first + 1..=last].iter().flatten().map(|millis| f64::from(*millis) / 1e3);
        observed().for_each(|seconds| model.observe(seconds));
        let model = model.snapshot();
        let ask = |function| number(&history, &query("shop_wait_seconds", function, (last - first) as u64 * 10), second(last as f64 * 10.0));
        prop_assert_eq!(ask(Function::Quantile(share)), model.quantile(share));
        prop_assert_eq!(ask(Function::Observations), Some(model.count as f64));
        prop_assert_eq!(ask(Function::Below(0.25)), Some(observed().filter(|seconds| *seconds <= 0.25).count() as f64));
        let mean = ask(Function::Mean);
        prop_assert_eq!(mean.is_some(), model.count > 0);
        if let Some(mean) = mean {
            prop_assert!((mean - model.sum / model.count as f64).abs() < 1e-9);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    /// With samples forgotten soon, what slots say fits seamlessly to what samples say.
    #[test]
    fn slots_and_samples_add_up(steps in proptest::collection::vec((prop_oneof![Just(10.0), Just(9.5), Just(25.0)], 0u32..20), 100..700), from in 0usize..60, at in 0usize..700) {
        let values = Values::default();
        let settings = Settings { window: Duration::from_secs(600), ..Settings::default() };
        let history = History::new(&values.registry(), settings);
        let (mut time, mut total, mut model, mut slots) = (0.0, 0u32, Vec::new(), Vec::new());
        for (i, (step, grown)) in steps.iter().enumerate() {
            time += step;
            total = if i % 97 == 96 { *grown } else { total + grown };
            values.set("c", "", Some(f64::from(total)));
            values.set("g", "", Some(f64::from(*grown)));
            history.sample(second(time));
            model.push((time, Some(f64::from(total)), f64::from(*grown)));
            let slot = |time: f64| (time / 300.0).ceil();
            if i > 0 && slot(model[i - 1].0) < slot(time) {
                slots.push(slot(model[i - 1].0) * 300.0);
            }
        }
        // a window that begins with a slot, and ends with one or where samples have been kept since the last one
        let start = slots[from % slots.len()];
        let wanted = model[at % model.len()].0;
        let end = if wanted > time - 300.0 { wanted } else { slots.iter().copied().rfind(|slot| *slot <= wanted).unwrap_or(start) };
        prop_assume!(end > start);
        let counted = Model(model.iter().map(|(time, total, _)| (*time, *total)).collect());
        let ask = |name, function| {
            let mut query = query(name, function, 1);
            query.window = Duration::from_secs_f64(end - start);
            number(&history, &query, second(end))
        };
        prop_assert_eq!(ask("c_total", Function::Increase), counted.increase(start, end));
        let within: Vec<f64> = model.iter().filter(|(time, ..)| *time > start && *time <= end).map(|(.., value)| *value).collect();
        prop_assert_eq!(ask("g", Function::Max), within.iter().copied().reduce(f64::max));
        prop_assert_eq!(ask("g", Function::Mean), Some(within.iter().sum::<f64>() / within.len() as f64));
    }
}
