//! The labels of an alert, and matchers on them.

mod matcher;

pub use matcher::{Matcher, Matchers};

use crate::Error;
use std::collections::BTreeMap;

/// The labels of an alert, sorted by name.
pub type LabelSet = BTreeMap<String, String>;

/// The label that names an alert's rule.
pub const ALERT_NAME: &str = "alertname";
/// The label that says how bad it is.
pub const SEVERITY: &str = "severity";

/// How many labels, or annotations, an alert may have.
pub const MOST_LABELS: usize = 64;
/// How long a label's name may be, in bytes.
pub const LONGEST_NAME: usize = 128;
/// How long a label's value may be, in bytes.
pub const LONGEST_VALUE: usize = 1_024;
/// How long an annotation may be, in bytes.
pub const LONGEST_ANNOTATION: usize = 4_096;

/// Looks at labels: how many, names as Prometheus has them, sizes.
///
/// # Errors
/// [`Error::Invalid`].
pub fn check(labels: &LabelSet) -> Result<(), Error> {
    if labels.len() > MOST_LABELS {
        return Err(Error::invalid("labels", format!("{} labels; {MOST_LABELS} are allowed", labels.len())));
    }
    for (name, value) in labels {
        if !is_name(name) {
            return Err(Error::invalid("labels", "a name is letters, digits and underscores, up to 128"));
        }
        if value.len() > LONGEST_VALUE {
            return Err(Error::invalid("labels", format!("{name} is longer than {LONGEST_VALUE} bytes")));
        }
    }
    Ok(())
}

/// Whether a label can be called so.
pub fn is_name(name: &str) -> bool {
    let admitted = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.chars().all(admitted)
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// What tells one alert from another: the same for the same labels, whoever computes it.
pub fn fingerprint(labels: &LabelSet) -> String {
    let parts = labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let mut digest = crate::text::digest(parts);
    digest.truncate(16);
    digest
}

/// Labels of a series of the history as those of an alert.
pub(crate) fn of_series(labels: &seaworthy_telemetry::history::Labels) -> LabelSet {
    let cut = |value: &str| crate::text::cut(value, LONGEST_VALUE).to_owned();
    labels.iter().take(MOST_LABELS).map(|(name, value)| (name.to_owned(), cut(value))).collect()
}
