//! What Prometheus and tools for Alertmanager speak: the bodies of its API, version 2. HTTP itself is somebody else's.

mod shapes;

pub use shapes::{
    AlertStatus, ClusterStatus, GettableAlert, GettableSilence, Name, PostableSilence, SilenceStatus,
    StatusBody, VersionInfo,
};

use crate::Error;
use crate::labels::{self, ALERT_NAME, LONGEST_ANNOTATION, LabelSet, MOST_LABELS};
use seaworthy_store::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How large a body of alerts may be, in bytes.
pub const LARGEST_BODY: usize = 2 << 20;
/// How many alerts may come at once.
pub const MOST_POSTED: usize = 1_000;

/// An alert that somebody else found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// What tells it from others; `alertname` among them.
    pub labels: LabelSet,
    /// Texts.
    pub annotations: BTreeMap<String, String>,
    /// Since when; now where it is not said.
    pub starts_at: Option<Timestamp>,
    /// Until when; where it is not said it is over when it is not sent again in time.
    pub ends_at: Option<Timestamp>,
    /// Where its sender shows it.
    pub generator_url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    labels: LabelSet,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// Reads the body of `POST /api/v2/alerts`: a list of alerts. All or none are taken.
///
/// # Errors
/// [`Error::Invalid`] for what is too large, no such list, or holds an alert that cannot be.
pub fn parse(body: &[u8]) -> Result<Vec<Posted>, Error> {
    if body.len() > LARGEST_BODY {
        return Err(Error::invalid("body", format!("is larger than {LARGEST_BODY} bytes")));
    }
    let raw: Vec<Raw> =
        serde_json::from_slice(body).map_err(|error| Error::invalid("body", error.to_string()))?;
    if raw.len() > MOST_POSTED {
        return Err(Error::invalid(
            "body",
            format!("{} alerts; {MOST_POSTED} are allowed at once", raw.len()),
        ));
    }
    raw.into_iter().map(posted).collect()
}

fn posted(mut raw: Raw) -> Result<Posted, Error> {
    // Prometheus leaves out what is empty; others do not
    raw.labels.retain(|_, value| !value.is_empty());
    labels::check(&raw.labels)?;
    if !raw.labels.contains_key(ALERT_NAME) {
        return Err(Error::invalid("labels", "have no alertname"));
    }
    let is_long =
        |(name, text): (&String, &String)| !labels::is_name(name) || text.len() > LONGEST_ANNOTATION;
    if raw.annotations.len() > MOST_LABELS || raw.annotations.iter().any(is_long) {
        return Err(Error::invalid(
            "annotations",
            "at most 64 of 4096 bytes, with names like those of labels",
        ));
    }
    if raw.generator_url.len() > 2_048 {
        return Err(Error::invalid("generatorURL", "is longer than 2048 bytes"));
    }
    let (starts_at, ends_at) = (time("startsAt", raw.starts_at)?, time("endsAt", raw.ends_at)?);
    if starts_at.zip(ends_at).is_some_and(|(starts, ends)| ends < starts) {
        return Err(Error::invalid("endsAt", "is before startsAt"));
    }
    let (labels, annotations, generator_url) = (raw.labels, raw.annotations, raw.generator_url);
    Ok(Posted { labels, annotations, starts_at, ends_at, generator_url })
}

/// The zero of Go's clock says nothing.
fn time(field: &str, text: Option<String>) -> Result<Option<Timestamp>, Error> {
    let Some(text) = text.filter(|text| !text.is_empty() && !text.starts_with("0001-01-01")) else {
        return Ok(None);
    };
    crate::time::parse(&text).map(Some).ok_or_else(|| Error::invalid(field, "is no time as in RFC 3339"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_sends_is_read() {
        let body = br#"[{"labels":{"alertname":"Up","job":"a","x":""},"annotations":{"summary":"down"},
            "startsAt":"2025-11-21T13:20:00.123456789Z","endsAt":"0001-01-01T00:00:00Z",
            "generatorURL":"http://prometheus/graph?g0.expr=up"}]"#;
        let posted = parse(body).expect("read");
        assert_eq!(posted[0].labels.len(), 2);
        assert_eq!(posted[0].starts_at, Some(Timestamp::from_micros(1_763_731_200_123_456)));
        assert_eq!(posted[0].ends_at, None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let long = format!(r#"[{{"labels":{{"alertname":"{}"}}}}]"#, "x".repeat(2_000));
        let many = format!("[{}]", vec![r#"{"labels":{"alertname":"x"}}"#; 1_001].join(","));
        let deep = "[".repeat(100_000);
        for body in [
            "",
            "{}",
            "[1]",
            r#"[{"labels":{}}]"#,
            r#"[{"labels":{"alertname":""}}]"#,
            r#"[{"labels":{"alertname":"a","b c":"d"}}]"#,
            r#"[{"labels":{"alertname":"a"},"startsAt":"now"}]"#,
            r#"[{"labels":{"alertname":"a"},"startsAt":"2025-01-02T00:00:00Z","endsAt":"2025-01-01T00:00:00Z"}]"#,
            &long,
            &many,
            &deep,
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{}", crate::text::cut(body, 80));
        }
    }
}
