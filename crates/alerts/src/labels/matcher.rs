use super::{LabelSet, is_name};
use crate::Error;
use regex::{Regex, RegexBuilder};
use seaworthy_telemetry::history::Match;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A regular expression may need this much memory when compiled, in bytes.
const REGEX_BYTES: usize = 64 << 10;
/// How many matchers may stand together.
const MOST_MATCHERS: usize = 32;

/// A condition on one label of an alert. A label that is not there counts as empty, as in Alertmanager.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub struct Matcher {
    name: String,
    op: Match,
    value: String,
    regex: Option<Regex>,
}

/// As Alertmanager's API writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain {
    name: String,
    value: String,
    is_regex: bool,
    #[serde(default = "yes")]
    is_equal: bool,
}

const fn yes() -> bool {
    true
}

impl Matcher {
    /// Checks the name and compiles the expression, which has to match the whole value.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn new(name: impl Into<String>, op: Match, value: impl Into<String>) -> Result<Self, Error> {
        let (name, value) = (name.into(), value.into());
        if !is_name(&name) {
            return Err(Error::invalid("matchers", "a name is letters, digits and underscores, up to 128"));
        }
        if value.len() > super::LONGEST_VALUE {
            return Err(Error::invalid("matchers", format!("the value of {name} is too long")));
        }
        let regex = matches!(op, Match::Regex | Match::NotRegex).then(|| compile(&value)).transpose()?;
        Ok(Self { name, op, value, regex })
    }

    /// `severity="critical"`, `team=~"a|b"`; quotes may be left out.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid("matchers", "a matcher is a name, one of = != =~ !~, and a value");
        let at = text.find(['=', '!']).ok_or_else(wrong)?;
        let (name, rest) = text.split_at(at);
        let ops =
            [("=~", Match::Regex), ("!~", Match::NotRegex), ("!=", Match::NotEqual), ("=", Match::Equal)];
        let found = ops.into_iter().find_map(|(sign, op)| Some((op, rest.strip_prefix(sign)?)));
        let (op, value) = found.ok_or_else(wrong)?;
        let value = value.trim();
        let value = match value.strip_prefix('"') {
            Some(inner) => unquote(inner.strip_suffix('"').ok_or_else(wrong)?).ok_or_else(wrong)?,
            None => value.to_owned(),
        };
        Self::new(name.trim(), op, value)
    }

    /// Which label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is compared with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// How it is compared.
    pub const fn op(&self) -> Match {
        self.op
    }

    /// Whether it holds.
    pub fn matches(&self, labels: &LabelSet) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        let found = self.regex.as_ref().map_or_else(|| value == self.value, |regex| regex.is_match(value));
        found == matches!(self.op, Match::Equal | Match::Regex)
    }
}

/// Backslashes keep quotes, backslashes and line ends in a value.
fn unquote(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                kept @ ('"' | '\\') => out.push(kept),
                other => out.extend(['\\', other]),
            },
            '"' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

fn compile(pattern: &str) -> Result<Regex, Error> {
    let refused = |error: regex::Error| {
        let text = error.to_string();
        Error::invalid("matchers", text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    // read alone first: `a)(?:b` would close the group that anchors it
    RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build().map_err(refused)?;
    RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(REGEX_BYTES).build().map_err(refused)
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}
impl Eq for Matcher {}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self.op {
            Match::Equal => "=",
            Match::NotEqual => "!=",
            Match::Regex => "=~",
            Match::NotRegex => "!~",
        };
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(f, "{}{op}\"{value}\"", self.name)
    }
}

impl TryFrom<Plain> for Matcher {
    type Error = Error;
    fn try_from(plain: Plain) -> Result<Self, Error> {
        let op = match (plain.is_regex, plain.is_equal) {
            (false, true) => Match::Equal,
            (false, false) => Match::NotEqual,
            (true, true) => Match::Regex,
            (true, false) => Match::NotRegex,
        };
        Self::new(plain.name, op, plain.value)
    }
}

impl From<Matcher> for Plain {
    fn from(matcher: Matcher) -> Self {
        Self {
            is_regex: matches!(matcher.op, Match::Regex | Match::NotRegex),
            is_equal: matches!(matcher.op, Match::Equal | Match::Regex),
            name: matcher.name,
            value: matcher.value,
        }
    }
}

/// Conditions that all have to hold; none hold for every alert.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Matchers(Vec<Matcher>);

impl Matchers {
    /// Up to 32.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn new(matchers: Vec<Matcher>) -> Result<Self, Error> {
        if matchers.len() > MOST_MATCHERS {
            return Err(Error::invalid("matchers", format!("at most {MOST_MATCHERS}")));
        }
        Ok(Self(matchers))
    }

    /// Each as [`Matcher::parse`] reads it.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, Error> {
        Self::new(texts.iter().map(|text| Matcher::parse(text.as_ref())).collect::<Result<_, _>>()?)
    }

    /// Whether all hold.
    pub fn match_all(&self, labels: &LabelSet) -> bool {
        self.0.iter().all(|matcher| matcher.matches(labels))
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &Matcher> {
        self.0.iter()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "{{{}}}", texts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> LabelSet {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn each_operator_holds_when_it_should() {
        let shop = labels(&[("service", "shop"), ("severity", "critical")]);
        for (text, holds) in [
            ("service=shop", true),
            ("service=\"shop\"", true),
            ("service!=shop", false),
            ("service=~\"sh|shop\"", true),
            ("service=~sho", false),
            ("service!~\"s.*\"", false),
            ("team=", true),
            ("team=~\".+\"", false),
            ("team!=x", true),
        ] {
            assert_eq!(Matcher::parse(text).expect(text).matches(&shop), holds, "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused() {
        for text in ["", "service", "=x", "a b=c", "a=~(", "a=\"x", "a=\"x\"y\"", "a=~a)(?:b", "1a=b"] {
            assert!(Matcher::parse(text).is_err(), "{text}");
        }
        let bomb = Matcher::parse("a=~(((x{100}){100}){100})");
        assert!(bomb.is_err(), "an expression that needs much memory");
    }

    #[test]
    fn text_and_json_read_back() {
        for text in ["a=\"b\"", "a!=\"b\\\"c\\\\\"", "a=~\"x|y\"", "a!~\"z\\nz\""] {
            let matcher = Matcher::parse(text).expect(text);
            assert_eq!(matcher.to_string(), text);
            let json = serde_json::to_string(&matcher).expect("json");
            assert_eq!(serde_json::from_str::<Matcher>(&json).expect(&json), matcher);
        }
    }
}
