//! From OpenTelemetry's spelling to Prometheus': <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.

use super::Label;
use std::collections::BTreeMap;

/// A label set in rendered spelling, sorted so that order does not make two of one.
pub(crate) type Labels = Vec<(String, String)>;

pub(super) fn metric(name: &str) -> String {
    sanitised(name, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// Names of labels as OpenTelemetry writes them, by how they are rendered; only those that differ.
pub(crate) type Spellings = BTreeMap<String, &'static str>;

/// Notes how labels were spelt.
pub(super) fn note(spellings: &mut Spellings, labels: &[Label]) {
    for (name, _) in labels {
        let rendered = label(name);
        if rendered != *name {
            spellings.entry(rendered).or_insert(name);
        }
    }
}

pub(super) fn labels(labels: &[Label]) -> Labels {
    let mut rendered: Labels = labels.iter().map(|(name, value)| (label(name), value.clone())).collect();
    rendered.sort_unstable();
    rendered.dedup_by(|a, b| a.0 == b.0);
    rendered
}

fn label(name: &str) -> String {
    sanitised(name, |c| c.is_ascii_alphanumeric() || c == '_')
}

fn sanitised(name: &str, admitted: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(name.len() + 1);
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        out.push('_');
    }
    for c in name.chars() {
        let c = if admitted(c) { c } else { '_' };
        // several underscores in a row become one
        if !(c == '_' && out.ends_with('_')) {
            out.push(c);
        }
    }
    out
}
