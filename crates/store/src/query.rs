use crate::rows::Rows;
use crate::store::Backend;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use std::borrow::Cow;

/// A value bound to a statement. Both databases know it by one of these types, even where it is absent.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number; truth is 0 or 1.
    Int(Option<i64>),
    /// A text without NUL.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// A number.
    Float(Option<f64>),
    #[doc(hidden)]
    Ints(Vec<Option<i64>>),
    #[doc(hidden)]
    Texts(Vec<Option<String>>),
}

/// A statement and what is bound to it.
///
/// Parameters are `$1`, `$2`, … in both dialects. Words that differ are tokens:
///
/// | token | PostgreSQL | SQLite |
/// | --- | --- | --- |
/// | `{rows}` | `unnest($n…) AS x(…)` | `json_each($n)` as table `x`: see [`Rows`] |
/// | `{lock}` | `FOR UPDATE` | nothing: there is one writer |
/// | `{skip}` | `FOR UPDATE SKIP LOCKED` | nothing |
/// | `{any}` … `{end}` | `= ANY (ARRAY(` … `))` | `IN (` … `)`: what is selected is found first, whatever a planner without statistics thinks |
/// | `{least}` | `LEAST` | `MIN` |
/// | `{greatest}` | `GREATEST` | `MAX` |
#[derive(Debug, Clone)]
pub struct Query {
    text: Text,
    values: Vec<Value>,
    rows: Option<Rows>,
}

#[derive(Debug, Clone)]
enum Text {
    Same(Cow<'static, str>),
    Split { sqlite: &'static str, postgres: &'static str },
}

impl Query {
    /// A statement that is equal in both dialects, but for its tokens.
    pub const fn new(text: &'static str) -> Self {
        Self { text: Text::Same(Cow::Borrowed(text)), values: Vec::new(), rows: None }
    }

    /// A statement whose two dialects differ by more than tokens.
    pub const fn split(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { text: Text::Split { sqlite, postgres }, values: Vec::new(), rows: None }
    }

    /// A statement put together at run time, as a list with filters is. Only texts of the program may go into it; what
    /// comes from outside is bound.
    pub const fn assembled(text: String) -> Self {
        Self { text: Text::Same(Cow::Owned(text)), values: Vec::new(), rows: None }
    }

    /// Binds the next parameter.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Binds the table `{rows}`.
    #[must_use]
    pub fn rows(mut self, rows: Rows) -> Self {
        self.rows = Some(rows);
        self
    }

    fn resolve(self, backend: Backend) -> (SqlStr, Vec<Value>) {
        let Self { text, mut values, rows } = self;
        let text = match (text, backend) {
            (Text::Same(text), _) => text,
            (Text::Split { sqlite, .. }, Backend::Sqlite) => Cow::Borrowed(sqlite),
            (Text::Split { postgres, .. }, Backend::Postgres) => Cow::Borrowed(postgres),
        };
        let text = match text {
            Cow::Borrowed(plain) if !plain.contains('{') => plain.into_sql_str(),
            other => {
                let source = rows.as_ref().map(|rows| rows.source(backend, values.len() + 1));
                AssertSqlSafe(expand(&other, backend, source.as_deref())).into_sql_str()
            }
        };
        values.extend(rows.into_iter().flat_map(|rows| rows.into_values(backend)));
        (text, values)
    }

    pub(crate) fn sqlite(self) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
        let (text, values) = self.resolve(Backend::Sqlite);
        values.into_iter().fold(sqlx::query(text), |query, value| match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Float(value) => query.bind(value),
            // never made for SQLite
            Value::Ints(_) | Value::Texts(_) => query.bind(None::<i64>),
        })
    }

    pub(crate) fn postgres(self, persistent: bool) -> sqlx::query::Query<'static, Postgres, PgArguments> {
        let (text, values) = self.resolve(Backend::Postgres);
        let bound = values.into_iter().fold(sqlx::query(text), |query, value| match value {
            Value::Int(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
            Value::Float(value) => query.bind(value),
            Value::Ints(values) => query.bind(values),
            Value::Texts(values) => query.bind(values),
        });
        bound.persistent(persistent)
    }
}

fn expand(text: &str, backend: Backend, rows: Option<&str>) -> String {
    let tokens = match backend {
        Backend::Postgres => [
            ("{lock}", "FOR UPDATE"),
            ("{skip}", "FOR UPDATE SKIP LOCKED"),
            ("{any}", "= ANY (ARRAY("),
            ("{end}", "))"),
            ("{least}", "LEAST"),
            ("{greatest}", "GREATEST"),
        ],
        Backend::Sqlite => [
            ("{lock}", ""),
            ("{skip}", ""),
            ("{any}", "IN ("),
            ("{end}", ")"),
            ("{least}", "MIN"),
            ("{greatest}", "MAX"),
        ],
    };
    let mut text = text.replace("{rows}", rows.unwrap_or("{rows}"));
    for (token, word) in tokens {
        if text.contains(token) {
            text = text.replace(token, word);
        }
    }
    text
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}
impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}
impl From<crate::Timestamp> for Value {
    fn from(value: crate::Timestamp) -> Self {
        Self::Int(Some(value.as_micros()))
    }
}
impl From<Option<crate::Timestamp>> for Value {
    fn from(value: Option<crate::Timestamp>) -> Self {
        Self::Int(value.map(crate::Timestamp::as_micros))
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}
impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}
impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(Some(value))
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(Some(value))
    }
}
