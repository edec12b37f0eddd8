//! Settings that cannot be meant.

/// One setting that contradicts another or itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct Contradiction {
    /// The setting's path, such as `retry.max_attempts`.
    pub setting: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Collects contradictions, so that all are reported at once.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Contradiction>);

impl Findings {
    /// Notes `problem` unless `holds`.
    pub(crate) fn expect(&mut self, holds: bool, setting: &str, problem: &str) {
        if !holds {
            self.0.push(Contradiction { setting: setting.to_owned(), problem: problem.to_owned() });
        }
    }

    /// Takes over what a part found, under the part's name.
    pub(crate) fn nest(&mut self, part: &str, found: Vec<Contradiction>) {
        for Contradiction { setting, problem } in found {
            self.0.push(Contradiction { setting: format!("{part}.{setting}"), problem });
        }
    }

    pub(crate) fn done(self) -> Vec<Contradiction> {
        self.0
    }
}
