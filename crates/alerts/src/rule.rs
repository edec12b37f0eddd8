//! Rules: a question to the history of metrics, when its answer is bad, and what is said then.

pub mod anomaly;
mod built_in;
mod check;
mod observe;
mod of_objective;

#[cfg(test)]
mod tests;

pub use anomaly::{Anomaly, Detector, RobustZ, Side};
pub use built_in::built_in;
pub use check::{Check, Op, Value};
pub(crate) use observe::{Observed, Verdict};

use crate::Error;
use crate::labels::{ALERT_NAME, LabelSet, SEVERITY};
use crate::template;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many rules there may be.
pub const MOST_RULES: usize = 10_000;
/// No length of time in a rule is longer.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look at it in working hours.
    Warning,
    /// Somebody has to look at it now.
    Critical,
}

impl Severity {
    /// Every one, the least first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// Its name in labels and settings.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Of an alert's label; a word that is none of ours counts as a warning.
    pub fn of(labels: &LabelSet) -> Self {
        let word = labels.get(SEVERITY).map_or("warning", String::as_str);
        Self::ALL.into_iter().find(|severity| severity.word() == word).unwrap_or(Self::Warning)
    }
}

/// When to tell, of what, and how.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, once among all; a rule of the same name replaces a built-in one. It is the label `alertname` as well,
    /// unless `labels` has one. Up to 128 bytes.
    pub name: String,
    /// When something is wrong.
    pub check: Check,
    /// For how long it has to be wrong before anybody is told; default 0. Gaps in the data do not begin it anew.
    pub r#for: Duration,
    /// For how long it has to be right again before that is told; default 0.
    pub keep_firing_for: Duration,
    /// How long a series that is told of may give no data before that counts as right again; default 5 min.
    pub missing_for: Duration,
    /// How bad it is; default warning.
    pub severity: Severity,
    /// Labels of its alerts, beside those of the series, `alertname` and `severity`.
    pub labels: LabelSet,
    /// One line: what is wrong. `{{value}}`, `{{percent}}` and `{{labels.NAME}}` are filled in.
    pub summary: String,
    /// More texts, by name; filled in like the summary.
    pub annotations: BTreeMap<String, String>,
    /// What to do: an address.
    pub runbook: Option<String>,
    /// How often it is looked at; `None`: as often as the engine looks at all.
    pub interval: Option<Duration>,
    /// `false` switches it off, a built-in one of the same name included.
    pub enabled: bool,
}

impl Rule {
    /// With all defaults.
    pub fn new(name: impl Into<String>, check: Check) -> Self {
        Self {
            name: name.into(),
            check,
            r#for: Duration::ZERO,
            keep_firing_for: Duration::ZERO,
            missing_for: Duration::from_secs(300),
            severity: Severity::Warning,
            labels: LabelSet::new(),
            summary: String::new(),
            annotations: BTreeMap::new(),
            runbook: None,
            interval: None,
            enabled: true,
        }
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn validate(&self) -> Result<(), Error> {
        let field = || format!("rule {}", crate::text::line(&self.name, 128));
        if self.name.trim().is_empty() || self.name.len() > 128 || self.name.chars().any(char::is_control) {
            return Err(Error::invalid("rule", "a name is up to 128 bytes of plain text"));
        }
        if [self.r#for, self.keep_firing_for, self.missing_for].into_iter().any(|length| length > LONGEST) {
            return Err(Error::invalid(field(), "for, keep_firing_for and missing_for are up to 31d"));
        }
        if self.interval.is_some_and(|interval| interval < Duration::from_secs(1) || interval > LONGEST) {
            return Err(Error::invalid(field(), "interval is from 1s to 31d"));
        }
        let texts = self.annotations.values().chain([&self.summary]).chain(&self.runbook);
        if self.annotations.len() > 32
            || texts.into_iter().any(|text| text.len() > crate::labels::LONGEST_ANNOTATION)
        {
            return Err(Error::invalid(field(), "up to 32 annotations of 4096 bytes"));
        }
        crate::labels::check(&self.labels)?;
        self.check.validate().map_err(|reason| Error::invalid(field(), reason))
    }

    /// The labels of the alert of one of its series.
    pub(crate) fn labels_of(&self, series: &LabelSet) -> LabelSet {
        let mut labels = series.clone();
        labels.insert(ALERT_NAME.to_owned(), self.name.clone());
        labels.insert(SEVERITY.to_owned(), self.severity.word().to_owned());
        labels.extend(self.labels.iter().map(|(name, value)| (name.clone(), value.clone())));
        labels
    }

    /// Its texts for one of its series.
    pub(crate) fn annotations_of(&self, labels: &LabelSet, value: Option<f64>) -> BTreeMap<String, String> {
        let fill = |text: &str| template::expand(text, value, labels);
        let mut texts: BTreeMap<_, _> =
            self.annotations.iter().map(|(name, text)| (name.clone(), fill(text))).collect();
        if !self.summary.is_empty() {
            texts.insert("summary".to_owned(), fill(&self.summary));
        }
        texts.extend(self.runbook.iter().map(|runbook| ("runbook_url".to_owned(), runbook.clone())));
        texts
    }
}

/// The built-in rules, those of objectives and the caller's, each replaced by a later one of its name; without those
/// that are switched off.
///
/// # Errors
/// [`Error::Invalid`] for a rule that cannot be, a name that is given twice, or too many.
pub fn assemble(
    objectives: &[std::sync::Arc<crate::objective::Measured>],
    own: Vec<Rule>,
) -> Result<Vec<Rule>, Error> {
    let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
    let given = built_in()?.into_iter().chain(objectives.iter().flat_map(of_objective::rules));
    rules.extend(given.map(|rule| (rule.name.clone(), rule)));
    let mut seen = std::collections::BTreeSet::new();
    for rule in own {
        if !seen.insert(rule.name.clone()) {
            return Err(Error::invalid(format!("rule {}", rule.name), "is given twice"));
        }
        rules.insert(rule.name.clone(), rule);
    }
    rules.retain(|_, rule| rule.enabled);
    if rules.len() > MOST_RULES {
        return Err(Error::invalid("rules", format!("{}; {MOST_RULES} are allowed", rules.len())));
    }
    rules.values().try_for_each(Rule::validate)?;
    Ok(rules.into_values().collect())
}
