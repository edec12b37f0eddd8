//! Scores requests: every finding has a weight, and enough weight is an attack.

use crate::places::{self, Kind, Place};
use crate::rules;
use crate::{Category, Finding};
use http::HeaderMap;
use std::str::FromStr;

/// What is done about an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nothing but a note.
    Log,
    /// The score goes with the request; the service decides.
    Score,
    /// The request is refused.
    #[default]
    Block,
}

impl FromStr for Mode {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "log" => Ok(Self::Log),
            "score" => Ok(Self::Score),
            "block" => Ok(Self::Block),
            _ => Err(()),
        }
    }
}

/// Findings that do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    /// A rule's name; any rule if it is not said.
    pub rule: Option<String>,
    /// A category; any if it is not said.
    pub category: Option<Category>,
    /// A place such as `body.comment`; `*` stands for any run of letters. Upper and lower case count.
    pub place: String,
}

/// How requests are judged.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is done about an attack. Default block.
    pub mode: Mode,
    /// From this score on a request is an attack. Default 5: one critical finding.
    pub threshold: u32,
    /// No more than this of a body is read. Bytes, default 128 KiB.
    pub body_bytes: usize,
    /// What does not count. Default nothing.
    pub exclusions: Vec<Exclusion>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { mode: Mode::Block, threshold: 5, body_bytes: 128 * 1024, exclusions: Vec::new() }
    }
}

/// What of a request stands before its body. Everything as it was sent, nothing decoded.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// `GET`.
    pub method: &'a str,
    /// `/a%20b`.
    pub path: &'a str,
    /// Without the question mark.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
}

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing was found, or too little.
    Pass,
    /// An attack, and the mode says to let it through.
    Flag,
    /// An attack.
    Block,
}

/// The judgement on one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The sum of the weights; a rule counts once per place, a place at most once per category.
    pub score: u32,
    /// At most 100, those with the most weight first.
    pub findings: Vec<Finding>,
    /// By score, threshold and mode.
    pub action: Action,
    /// Not everything was looked at: the body is longer than the limit, or has too many values.
    pub truncated: bool,
}

/// Judges requests. One for all cores; it keeps nothing of what it sees.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
}

impl Engine {
    /// Makes the rules ready, which takes some milliseconds once per process.
    pub fn new(settings: Settings) -> Self {
        rules::prepare();
        Self { settings }
    }

    /// Judges one request. `body` is its content type and as much of it as there is. Never fails, whatever it is given.
    pub fn inspect(&self, head: &Head<'_>, body: Option<(&str, &[u8])>) -> Verdict {
        let places = places::of(head, body, self.settings.body_bytes);
        let mut findings = Vec::new();
        for place in &places.all {
            self.judge(place, &mut findings);
        }
        let score = findings.iter().map(|finding: &Finding| finding.weight).sum();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        findings.truncate(100);
        let action = match self.settings.mode {
            _ if score < self.settings.threshold => Action::Pass,
            Mode::Block => Action::Block,
            Mode::Log | Mode::Score => Action::Flag,
        };
        Verdict { score, findings, action, truncated: places.truncated }
    }

    fn judge(&self, place: &Place, findings: &mut Vec<Finding>) {
        let mut found = rules::apply(place.kind, &place.value);
        found.retain(|hit| !self.excluded(hit.rule, hit.category, &place.name));
        // several rules for one thing are one finding: the heaviest
        found.sort_by_key(|hit| (hit.category, std::cmp::Reverse(hit.weight)));
        found.dedup_by_key(|hit| hit.category);
        findings.extend(found.into_iter().map(|hit| Finding {
            rule: hit.rule,
            category: hit.category,
            place: if place.kind == Kind::Name { format!("{}#name", place.name) } else { place.name.clone() },
            weight: hit.weight,
        }));
    }

    fn excluded(&self, rule: &str, category: Category, place: &str) -> bool {
        self.settings.exclusions.iter().any(|exclusion| {
            exclusion.rule.as_ref().is_none_or(|own| own == rule)
                && exclusion.category.is_none_or(|own| own == category)
                && fits(&exclusion.place, place)
        })
    }
}

/// `*` stands for any run of letters. The first fit of each piece is as good as any later one.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests;
