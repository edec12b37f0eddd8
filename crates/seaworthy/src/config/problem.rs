//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Counted from 1, in characters.
    pub(crate) column: usize,
    /// What is wrong.
    pub(crate) message: String,
    /// What would be right.
    pub(crate) suggestion: Option<String>,
}

/// Everything that is wrong, in the order of the file.
#[derive(Debug, Clone)]
pub(crate) struct Problems {
    name: String,
    text: String,
    found: Vec<Problem>,
    /// Lines that are no TOML: what else they seem to say means nothing.
    broken: Vec<usize>,
}

impl Problems {
    /// None yet.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned(), found: Vec::new(), broken: Vec::new() }
    }

    /// Notes a problem at a place.
    pub(crate) fn push(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.suggest(span, message, None);
    }

    /// Notes what makes a line unreadable.
    pub(crate) fn syntax(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.push(span, message);
        self.broken.extend(self.found.last().map(|problem| problem.line));
    }

    /// Notes a problem and what would be right.
    pub(crate) fn suggest(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        if self.broken.contains(&line) {
            return;
        }
        let problem = Problem { line, column, message: message.into(), suggestion };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All, in the order of the file.
    pub(crate) fn sorted(&self) -> Vec<Problem> {
        let mut all = self.found.clone();
        all.sort_by_key(|problem| (problem.line, problem.column));
        all
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.sorted() {
            writeln!(f, "{}:{}:{}: {}", self.name, problem.line, problem.column, problem.message)?;
            if let Some(line) = self.text.lines().nth(problem.line - 1) {
                writeln!(f, "  | {line}")?;
                writeln!(f, "  | {}^", " ".repeat(problem.column - 1))?;
            }
            if let Some(suggestion) = &problem.suggestion {
                writeln!(f, "  = {suggestion}")?;
            }
        }
        let s = if self.found.len() == 1 { "" } else { "s" };
        write!(f, "{} problem{s} found", self.found.len())
    }
}

/// The most similar of some words, if any is similar enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
