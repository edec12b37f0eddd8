use crate::{Error, moment};
use seaworthy_store::{Query, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// Which dead letters. Empty: all that are not parked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeadFilter {
    /// In this queue.
    pub queue: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Whose last failure has this code.
    pub code: Option<String>,
    /// Whose last failure has this signature.
    pub signature: Option<String>,
    /// That died at this time or later.
    #[serde(with = "moment::maybe")]
    pub since: Option<Timestamp>,
    /// That died before this time.
    #[serde(with = "moment::maybe")]
    pub until: Option<Timestamp>,
    /// What about those that are parked.
    pub parked: Parked,
}

/// What about dead letters that are kept apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parked {
    /// They are left out.
    #[default]
    Exclude,
    /// They are there like the others.
    Include,
    /// Only they.
    Only,
}

impl DeadFilter {
    /// For what brings letters back: what was put apart on purpose stays there.
    pub(super) fn must_exclude_parked(&self) -> Result<(), Error> {
        if self.parked == Parked::Exclude {
            return Ok(());
        }
        Err(Error::invalid("filter", "parked letters are not brought back: unpark them first"))
    }
}

/// A statement that grows. Only texts of the program go into it; what comes from outside is bound.
#[derive(Debug)]
pub(super) struct Growing {
    text: String,
    values: Vec<Value>,
}

impl Growing {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(super) fn add(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// The text, the next parameter's name, and what it is.
    pub(super) fn with(mut self, text: &'static str, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self.text.push_str(&format!("{text}${}", self.values.len()));
        self
    }

    fn with_some<V: Into<Value>>(self, text: &'static str, value: Option<V>) -> Self {
        match value {
            Some(value) => self.with(text, value),
            None => self,
        }
    }

    /// The dead letters of a filter. The state stands in the text, so that the partial indexes serve.
    pub(super) fn letters(self, filter: &DeadFilter) -> Self {
        let parked = match filter.parked {
            Parked::Exclude => " AND parked_reason IS NULL",
            Parked::Include => "",
            Parked::Only => " AND parked_reason IS NOT NULL",
        };
        self.add("state = 'discarded'")
            .add(parked)
            .with_some(" AND queue = ", filter.queue.as_deref())
            .with_some(" AND kind = ", filter.kind.as_deref())
            .with_some(" AND error_code = ", filter.code.as_deref())
            .with_some(" AND error_signature = ", filter.signature.as_deref())
            .with_some(" AND finished_at >= ", filter.since)
            .with_some(" AND finished_at < ", filter.until)
    }

    pub(super) fn query(self) -> Query {
        self.values.into_iter().fold(Query::assembled(self.text), Query::bind)
    }
}
