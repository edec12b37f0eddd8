//! Which series a query is about.

use super::{Error, Labels};
use regex::{Regex, RegexBuilder};

/// A regular expression may need this much memory when compiled, in bytes.
const REGEX_BYTES: usize = 256 * 1024;
/// How many matchers a selector may have.
const MATCHERS: usize = 32;

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Match {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`: the whole value has to match.
    Regex,
    /// `!~`: the whole value must not match.
    NotRegex,
}

/// A condition on one label. A series without the label is one where it is empty, as Prometheus has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Matcher {
    /// The label in rendered spelling, such as `http_route`.
    pub label: String,
    /// How it is compared.
    pub op: Match,
    /// A value, or a regular expression that is anchored at both ends.
    pub value: String,
}

/// Series of one metric: its name as it is rendered at `/metrics` (`http_server_request_duration_seconds`,
/// `seaworthy_jobs_dead_total`) and conditions on labels. A histogram's `_count` and `_sum` are counters of their own.
#[derive(Debug, Clone)]
pub struct Selector {
    name: String,
    matchers: Vec<Matcher>,
    /// For each matcher its expression, where it is one.
    compiled: Vec<Option<Regex>>,
}

impl Selector {
    /// Checks the names and compiles the expressions.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::Label`], [`Error::Regex`]; [`Error::TooLarge`] for more than 32 matchers.
    pub fn new(name: impl Into<String>, matchers: Vec<Matcher>) -> Result<Self, Error> {
        let name = name.into();
        if !is_name(&name, true) {
            return Err(Error::Name(name));
        }
        if matchers.len() > MATCHERS {
            return Err(Error::TooLarge { limit: MATCHERS });
        }
        let compiled = matchers.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { name, matchers, compiled })
    }

    /// The metric's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The conditions.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// Whether a series with these labels is meant.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().zip(&self.compiled).all(|(matcher, regex)| {
            let value = labels.get(&matcher.label).unwrap_or_default();
            let found = regex.as_ref().map_or_else(|| value == matcher.value, |regex| regex.is_match(value));
            found == matches!(matcher.op, Match::Equal | Match::Regex)
        })
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.matchers == other.matchers
    }
}

fn compile(matcher: &Matcher) -> Result<Option<Regex>, Error> {
    if !is_name(&matcher.label, false) {
        return Err(Error::Label(matcher.label.clone()));
    }
    if matches!(matcher.op, Match::Equal | Match::NotEqual) {
        return Ok(None);
    }
    let refused = |error: &regex::Error| Error::Regex {
        pattern: matcher.value.clone(),
        reason: error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    };
    // read alone first: `a)(?:b` would close the group that anchors it
    RegexBuilder::new(&matcher.value).size_limit(REGEX_BYTES).build().map_err(|error| refused(&error))?;
    let anchored = format!("^(?s:{})$", matcher.value);
    let regex = RegexBuilder::new(&anchored).size_limit(REGEX_BYTES).build();
    regex.map(Some).map_err(|error| refused(&error))
}

fn is_name(name: &str, metric: bool) -> bool {
    let admitted = |c: char| c.is_ascii_alphanumeric() || c == '_' || (metric && c == ':');
    !name.is_empty() && name.chars().all(admitted) && !name.starts_with(|c: char| c.is_ascii_digit())
}
