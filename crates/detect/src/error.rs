use seaworthy_core::ErrorCode;

/// Why something was refused. Rows and columns are counted from zero.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No detector has this name.
    #[error("no detector {name:?}{}", hint(.suggestion))]
    UnknownAlgorithm {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// The detector has no such parameter.
    #[error("{algorithm} has no parameter {name:?}{}", hint(.suggestion))]
    UnknownParameter {
        /// Which detector.
        algorithm: String,
        /// What was asked for.
        name: String,
        /// What may have been meant, or all there are.
        suggestion: Option<String>,
    },
    /// A parameter has a value it cannot have.
    #[error("{name} = {value}: {reason}")]
    Parameter {
        /// Which parameter.
        name: String,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A cell holds what is no number to reckon with.
    #[error("row {row}, column {column} ({name}): {what}")]
    Cell {
        /// Which row.
        row: usize,
        /// Which column.
        column: usize,
        /// The column's name.
        name: String,
        /// What is there.
        what: &'static str,
    },
    /// A row has more or fewer values than there are columns.
    #[error("row {row} has {got} values, {expected} are expected")]
    Ragged {
        /// Which row.
        row: usize,
        /// How many it has.
        got: usize,
        /// How many it should have.
        expected: usize,
    },
    /// There is nothing to work on.
    #[error("there are no {0}")]
    Empty(&'static str),
    /// Too few rows for what was asked.
    #[error("{what} needs at least {needed} rows, there are {got}")]
    TooFewRows {
        /// Who needs them.
        what: String,
        /// How many.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// The columns are not those the model was fitted on.
    #[error("the model was fitted on {expected} columns, there are {got}")]
    Columns {
        /// How many the model has.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// More than is worked on.
    #[error("{what}: {got}, at most {most}")]
    TooLarge {
        /// Of what.
        what: String,
        /// How many at most.
        most: usize,
        /// How many there are.
        got: usize,
    },
    /// Bytes that are no model of ours.
    #[error("not a usable model: {0}")]
    Model(String),
    /// What the detector cannot do.
    #[error("{0}")]
    Unsupported(String),
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |text| format!(", did you mean {text}?"))
}

impl Error {
    /// What a caller can do about it: everything here is about what was given.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownAlgorithm { .. } => ErrorCode::NotFound,
            Self::TooLarge { .. } => ErrorCode::Limited,
            _ => ErrorCode::Invalid,
        }
    }

    pub(crate) fn parameter(name: &str, value: impl ToString, reason: impl Into<String>) -> Self {
        Self::Parameter { name: name.to_owned(), value: value.to_string(), reason: reason.into() }
    }

    pub(crate) fn too_few(what: &str, needed: usize, got: usize) -> Self {
        Self::TooFewRows { what: what.to_owned(), needed, got }
    }

    pub(crate) fn model(reason: impl Into<String>) -> Self {
        Self::Model(reason.into())
    }
}
