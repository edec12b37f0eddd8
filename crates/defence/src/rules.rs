//! What attacks look like.
//!
//! SQL and script are recognised by libinjection's tokenisers (as a Rust port without `unsafe`); the patterns beside
//! them are ours. They follow the public catalogues of attacks (OWASP Core Rule Set's classes and scores, PayloadsAllTheThings'
//! kinds of payload), written anew for an engine that cannot backtrack.

mod patterns;
mod scanners;

use crate::places::Kind;
use crate::{Category, decode};
use patterns::{Pattern, SHELL, TEXT};
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::sync::LazyLock;

/// A rule that fits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) rule: &'static str,
    pub(crate) category: Category,
    pub(crate) weight: u32,
}

struct Set {
    rules: &'static [Pattern],
    regex: RegexSet,
}

impl Set {
    fn new(rules: &'static [Pattern]) -> Self {
        let all = rules.iter().map(|rule| rule.regex);
        #[expect(clippy::expect_used, reason = "the patterns are constants, and a test compiles them")]
        let regex = RegexSetBuilder::new(all)
            .unicode(false)
            .size_limit(64 << 20)
            .dfa_size_limit(16 << 20)
            .build()
            .expect("patterns are valid");
        Self { rules, regex }
    }

    fn find(&self, text: &[u8], kind: Kind, hits: &mut Vec<Hit>) {
        for index in &self.regex.matches(text) {
            let rule = &self.rules[index];
            let weight = if is_prose(kind) { rule.prose } else { rule.strict };
            if weight > 0 {
                hits.push(Hit { rule: rule.name, category: rule.category, weight });
            }
        }
    }
}

static TEXTS: LazyLock<Set> = LazyLock::new(|| Set::new(TEXT));
static SQL_WORDS: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"\b(?:select|union|or|and|xor|having|like|null|is|in|between|sleep|waitfor|drop|insert|update|delete|exec|execute|declare|order|group|limit|case|when|into|where|from)\b|--|/\*|#|\|\||&&";
    #[expect(clippy::expect_used, reason = "the pattern is a constant")]
    RegexBuilder::new(words).unicode(false).build().expect("the pattern is valid")
});
static SHELLS: LazyLock<Set> = LazyLock::new(|| Set::new(SHELL));

/// Compiles everything now rather than at the first request.
pub(crate) fn prepare() {
    let _ = (TEXTS.rules.len(), SHELLS.rules.len(), SQL_WORDS.as_str());
    scanners::prepare();
}

/// Where people write whole sentences, code and addresses.
const fn is_prose(kind: Kind) -> bool {
    matches!(kind, Kind::Field | Kind::Body)
}

/// Letters, digits and marks that no attack can do without others.
fn is_harmless(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_' | b'.' | b'!' | b'?'))
}

/// Every rule that fits one value.
pub(crate) fn apply(kind: Kind, value: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    if kind == Kind::Agent
        && let Some(rule) = scanners::agent(value)
    {
        hits.push(Hit { rule, category: Category::Scanner, weight: 5 });
    }
    if is_harmless(value) {
        return hits;
    }
    raw(kind, value, &mut hits);
    let deeper = decode::deeper(value);
    look(kind, &deeper, &mut hits);
    if *deeper != *value {
        raw(kind, &deeper, &mut hits);
        look(kind, value, &mut hits);
    }
    hits
}

/// What shows before blanks and letters are evened out.
fn raw(kind: Kind, value: &[u8], hits: &mut Vec<Hit>) {
    if value.contains(&0) {
        hits.push(Hit { rule: "null-byte", category: Category::NullByte, weight: 5 });
    }
    if decode::has_overlong(value) {
        hits.push(Hit { rule: "overlong-encoding", category: Category::Traversal, weight: 5 });
    }
    if kind == Kind::Path
        && let Some(rule) = scanners::path(value)
    {
        hits.push(Hit { rule, category: Category::Scanner, weight: 5 });
    }
}

fn look(kind: Kind, value: &[u8], hits: &mut Vec<Hit>) {
    let text = decode::normal(value);
    let before = hits.len();
    TEXTS.find(&text, kind, hits);
    SHELLS.find(&text, kind, hits);
    if let Some(unquoted) = decode::unquoted(&text) {
        SHELLS.find(&unquoted, kind, hits);
    }
    let certain = hits[before..].iter().any(|hit| hit.category == Category::Sqli && hit.weight >= 3);
    if let Some(weight) = sql(kind, value, &text, certain) {
        hits.push(Hit { rule: "sqli-libinjection", category: Category::Sqli, weight });
    }
    if kind != Kind::Agent && kind != Kind::Body && libinjectionrs::detect_xss(value).is_injection() {
        hits.push(Hit { rule: "xss-libinjection", category: Category::Xss, weight: 5 });
    }
}

/// libinjection knows short values well; sentences with apostrophes look to it like SQL now and then.
fn sql(kind: Kind, value: &[u8], text: &[u8], certain: bool) -> Option<u32> {
    if matches!(kind, Kind::Agent | Kind::Body | Kind::Path | Kind::Header)
        || !libinjectionrs::detect_sqli(value).is_injection()
    {
        return None;
    }
    if certain {
        return Some(5);
    }
    Some(if looks_written(text) || looks_like_code(text) { 2 } else { 5 })
}

/// Several words in a row, and none of the marks that SQL needs to be more than words.
fn looks_written(text: &[u8]) -> bool {
    let words = text.split(|byte| *byte == b' ' || *byte == b'\n');
    let real = words.filter(|word| {
        word.len() > 1
            && word.iter().filter(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count() * 4
                >= word.len() * 3
    });
    // a dash in a sentence goes on; a comment is where the statement ends
    let tail = &text[text.len().saturating_sub(5)..];
    let comment = tail.windows(2).any(|pair| pair == b"--") || text.ends_with(b"#");
    real.count() >= 3 && !comment
}

/// A line of a program: every quote is closed again, and there is none of the words that SQL needs.
fn looks_like_code(text: &[u8]) -> bool {
    let even = |quote: u8| text.iter().filter(|byte| **byte == quote).count().is_multiple_of(2);
    even(b'\'') && even(b'"') && !SQL_WORDS.is_match(text)
}

#[cfg(test)]
mod tests;
