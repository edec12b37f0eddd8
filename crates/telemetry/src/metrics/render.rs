//! OpenMetrics text, by the Prometheus client's own encoder.

use super::exemplar;
use super::samples::{Family, Value};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar as NoExemplar;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;

pub(super) fn render(families: BTreeMap<String, Family>) -> String {
    let exemplars = exemplars(&families);
    let out = encode(families);
    if exemplars.iter().any(Option::is_some) { exemplar::add(&out, exemplars.into_iter()) } else { out }
}

/// Prometheus' own text format, 0.0.4: counters are described under their full names, there are neither units nor
/// exemplars, and nothing marks the end.
/// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
pub(super) fn render_text(families: BTreeMap<String, Family>) -> String {
    let mut out = String::new();
    let mut help = None;
    // no value holds a line's end: it is escaped
    for line in encode(families).lines() {
        if let Some(text) = line.strip_prefix("# HELP ") {
            help = text.split_once(' ').map(|(_, text)| text.replace(r#"\""#, "\""));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let ending = if kind == "counter" { "_total" } else { "" };
            let help = help.take().unwrap_or_default();
            out.push_str(&format!("# HELP {name}{ending} {help}\n# TYPE {name}{ending} {kind}\n"));
        } else if !line.starts_with("# ") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn encode(families: BTreeMap<String, Family>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut out = String::new();
    if let Err(error) = text::encode(&mut out, &registry) {
        // writing to a string fails only where a value of ours cannot be encoded
        tracing::error!(%error, "metrics could not be rendered");
    }
    out
}

/// One for each bucket that is going to be shown, in that order.
fn exemplars(families: &BTreeMap<String, Family>) -> Vec<Option<exemplar::Exemplar>> {
    let of = |value: &Value| match value {
        Value::Histogram(snapshot) => {
            let shown = snapshot.exemplars.iter().copied().chain(std::iter::repeat(None));
            shown.take(snapshot.counts.len()).collect()
        }
        _ => Vec::new(),
    };
    families.values().flat_map(|family| family.series.values()).flat_map(of).collect()
}

#[derive(Debug)]
struct Families(BTreeMap<String, Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, family) in &self.0 {
            encode_family(&mut encoder, name, family)?;
        }
        Ok(())
    }
}

fn encode_family(encoder: &mut DescriptorEncoder<'_>, name: &str, family: &Family) -> fmt::Result {
    let Some(first) = family.series.values().next() else { return Ok(()) };
    let kind = match first {
        Value::Counter(_) => MetricType::Counter,
        Value::Gauge(_) => MetricType::Gauge,
        Value::Histogram(_) => MetricType::Histogram,
    };
    let (name, unit) = unit(name, first);
    let help = family.help.replace('\\', r"\\").replace('\n', r"\n").replace('"', r#"\""#);
    let mut encoder = encoder.encode_descriptor(name, &help, unit.as_ref(), kind)?;
    for (labels, value) in &family.series {
        if labels.is_empty() {
            encode_value(&mut encoder, value)?;
        } else {
            encode_value(&mut encoder.encode_family(labels)?, value)?;
        }
    }
    Ok(())
}

/// The unit is the last part of a name; durations have theirs whether it is written or not.
fn unit<'a>(name: &'a str, value: &Value) -> (&'a str, Option<Unit>) {
    if let Some(stem) = name.strip_suffix("_seconds") {
        (stem, Some(Unit::Seconds))
    } else if let Some(stem) = name.strip_suffix("_bytes") {
        (stem, Some(Unit::Bytes))
    } else if matches!(value, Value::Histogram(_)) {
        (name, Some(Unit::Seconds))
    } else {
        (name.strip_suffix("_total").unwrap_or(name), None)
    }
}

/// The name under which a family's values are shown; a histogram's without `_count`, `_sum` and `_bucket`.
pub(crate) fn rendered_name(name: &str, value: &Value) -> String {
    let (stem, unit) = unit(name, value);
    let mut out = stem.to_owned();
    if let Some(unit) = unit {
        out.push('_');
        out.push_str(unit.as_str());
    }
    if matches!(value, Value::Counter(_)) {
        out.push_str("_total");
    }
    out
}

fn encode_value(encoder: &mut MetricEncoder<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Counter(value) if value.fract() == 0.0 && *value < u64::MAX as f64 => {
            encoder.encode_counter(&(*value as u64), None::<&NoExemplar<NoLabelSet, f64>>)
        }
        Value::Counter(value) => encoder.encode_counter(value, None::<&NoExemplar<NoLabelSet, f64>>),
        Value::Gauge(value) => encoder.encode_gauge(value),
        Value::Histogram(snapshot) => {
            let bounds = snapshot.bounds.iter().copied().chain([f64::INFINITY]);
            let buckets: Vec<(f64, u64)> = bounds.zip(snapshot.counts.iter().copied()).collect();
            encoder.encode_histogram::<NoLabelSet>(snapshot.sum, snapshot.count, &buckets, None)
        }
    }
}
