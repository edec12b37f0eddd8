//! Parameters of detectors: described as data, so that a wrong name or value is refused before any work is done, with
//! a word on what would be right.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::algorithm::Algorithm;

/// What a parameter is set to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any finite number.
    Number(f64),
    /// A word.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => write!(f, "{value:?}"),
        }
    }
}

macro_rules! value_from {
    ($($kind:ty => $variant:ident $(as $cast:ty)?),*) => {$(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::$variant(value $(as $cast)?)
            }
        }
    )*};
}

value_from!(bool => Flag, i32 => Integer as i64, i64 => Integer, u32 => Integer as i64, f64 => Number, String => Text);

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// What a parameter is where nobody sets it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Default {
    /// On or off.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Number(f64),
    /// A word.
    Text(&'static str),
}

impl Default {
    fn value(self) -> Value {
        match self {
            Self::Flag(value) => Value::Flag(value),
            Self::Integer(value) => Value::Integer(value),
            Self::Number(value) => Value::Number(value),
            Self::Text(value) => Value::Text(value.to_owned()),
        }
    }
}

/// What values a parameter can have. Bounds are included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// Any text.
    Text,
    /// A whole number, or one of some words.
    Integer(i64, i64, &'static [&'static str]),
    /// A number (whole ones too), or one of some words.
    Number(f64, f64, &'static [&'static str]),
    /// A whole number, or a share in (0, 1], or one of some words.
    Count(i64, i64, &'static [&'static str]),
    /// One of some words.
    Choice(&'static [&'static str]),
}

/// One parameter of a detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name: PyOD's, where PyOD has it.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What it is where nobody sets it.
    pub default: Default,
    /// What it can be.
    pub kind: Kind,
}

impl Parameter {
    fn check(&self, value: Value) -> Result<Value, Error> {
        let wrong = |reason: String| Err(Error::parameter(self.name, &value, reason));
        match (self.kind, &value) {
            (Kind::Flag, Value::Flag(_)) | (Kind::Text, Value::Text(_)) => Ok(value),
            (Kind::Choice(words), Value::Text(word)) if words.contains(&word.as_str()) => Ok(value),
            (Kind::Choice(words), _) => wrong(format!("one of {} is expected", words.join(", "))),
            (
                Kind::Integer(_, _, words) | Kind::Number(_, _, words) | Kind::Count(_, _, words),
                Value::Text(word),
            ) if words.contains(&word.as_str()) => Ok(value),
            (Kind::Integer(low, high, _) | Kind::Count(low, high, _), Value::Integer(number))
                if (low..=high).contains(number) =>
            {
                Ok(value)
            }
            (Kind::Count(..), Value::Number(share)) if *share > 0.0 && *share <= 1.0 => Ok(value),
            (Kind::Number(low, high, _), Value::Number(number)) if *number >= low && *number <= high => {
                Ok(value)
            }
            (Kind::Number(low, high, _), Value::Integer(number))
                if (*number as f64) >= low && (*number as f64) <= high =>
            {
                Ok(Value::Number(*number as f64))
            }
            _ => wrong(self.expected()),
        }
    }

    fn expected(&self) -> String {
        let or = |words: &[&str]| words.iter().map(|word| format!(" or {word:?}")).collect::<String>();
        match self.kind {
            Kind::Flag => "true or false is expected".to_owned(),
            Kind::Text => "text is expected".to_owned(),
            Kind::Choice(words) => format!("one of {} is expected", words.join(", ")),
            Kind::Integer(low, high, words) => {
                format!("a whole number from {low} to {high}{} is expected", or(words))
            }
            Kind::Number(low, high, words) => {
                format!("a number from {low} to {high}{} is expected", or(words))
            }
            Kind::Count(low, high, words) => {
                format!("a whole number from {low} to {high} or a share in (0, 1]{} is expected", or(words))
            }
        }
    }
}

/// The parameters of one detector, all of them, checked; and the seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    values: BTreeMap<&'static str, Value>,
    seed: u64,
}

impl Settings {
    pub(crate) fn defaults(parameters: &[Parameter]) -> Self {
        Self { values: parameters.iter().map(|each| (each.name, each.default.value())).collect(), seed: 0 }
    }

    pub(crate) fn set(&mut self, algorithm: &Algorithm, name: &str, value: Value) -> Result<(), Error> {
        let Some(parameter) = algorithm.parameters.iter().find(|each| each.name == name) else {
            let names: Vec<&str> = algorithm.parameters.iter().map(|each| each.name).collect();
            return Err(Error::UnknownParameter {
                algorithm: algorithm.name.to_owned(),
                name: name.to_owned(),
                suggestion: closest(name, &names).or_else(|| (!names.is_empty()).then(|| names.join(" or "))),
            });
        };
        self.values.insert(parameter.name, parameter.check(value)?);
        Ok(())
    }

    pub(crate) fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// What chance begins with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Every parameter and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (*name, value))
    }

    /// A whole number; `None` where it is a word or a share.
    pub(crate) fn integer(&self, name: &str) -> Option<usize> {
        match self.values.get(name) {
            Some(Value::Integer(value)) => usize::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A number; `None` where it is a word.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.values.get(name) {
            Some(Value::Number(value)) => Some(*value),
            _ => None,
        }
    }

    /// A word; empty where it is a number.
    pub(crate) fn text(&self, name: &str) -> &str {
        match self.values.get(name) {
            Some(Value::Text(value)) => value,
            _ => "",
        }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.values.get(name), Some(Value::Flag(true)))
    }

    /// How many of `all` a count means: itself, or a share of all; `auto` where it is a word. At least one.
    pub(crate) fn count(&self, name: &str, all: usize, auto: usize) -> usize {
        let count = match self.values.get(name) {
            Some(Value::Integer(value)) => usize::try_from(*value).unwrap_or(all),
            Some(Value::Number(share)) => (share * all as f64) as usize,
            _ => auto,
        };
        count.clamp(1, all.max(1))
    }
}

/// The name that is most like what was asked for, if any is like it at all.
pub(crate) fn closest(asked: &str, names: &[&str]) -> Option<String> {
    let best =
        names.iter().map(|name| (strsim::jaro_winkler(&asked.to_lowercase(), &name.to_lowercase()), name));
    best.filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| (*name).to_owned())
}
