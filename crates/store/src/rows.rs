use crate::Value;
use crate::store::Backend;
use std::fmt::Write as _;

/// Many rows handed to one statement, where it says `{rows}`: a table named `x`.
///
/// PostgreSQL gets one array per column, SQLite one JSON text.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    columns: Vec<(&'static str, Cells)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Cells {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
}

impl Rows {
    /// No column yet.
    pub const fn new() -> Self {
        Self { columns: Vec::new() }
    }

    /// Adds a column of numbers.
    #[must_use]
    pub fn ints<V: Into<Option<i64>>>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.columns.push((name, Cells::Ints(values.into_iter().map(Into::into).collect())));
        self
    }

    /// Adds a column of texts.
    #[must_use]
    pub fn texts<V: Into<Option<String>>>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.columns.push((name, Cells::Texts(values.into_iter().map(Into::into).collect())));
        self
    }

    /// The table that stands for `{rows}`; its parameters are numbered from `first`.
    pub(crate) fn source(&self, backend: Backend, first: usize) -> String {
        let mut text = String::new();
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        match backend {
            Backend::Postgres => {
                text.push_str("unnest(");
                for (at, (_, cells)) in self.columns.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    let _ = write!(text, "{comma}${}::{}[]", first + at, cells.postgres_type());
                }
                let _ = write!(text, ") AS x({})", names.join(", "));
            }
            Backend::Sqlite => {
                text.push_str("(SELECT ");
                for (at, name) in names.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    let _ = write!(text, "{comma}e.value->>{at} AS {name}");
                }
                let _ = write!(text, " FROM json_each(${first}) AS e) AS x");
            }
        }
        text
    }

    pub(crate) fn into_values(self, backend: Backend) -> Vec<Value> {
        match backend {
            Backend::Postgres => self.columns.into_iter().map(|(_, cells)| cells.into_value()).collect(),
            Backend::Sqlite => vec![Value::Text(Some(self.into_json()))],
        }
    }

    fn into_json(self) -> String {
        let count = self.columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let rows = (0..count).map(|row| self.columns.iter().map(|(_, cells)| cells.json(row)).collect());
        serde_json::Value::Array(rows.map(serde_json::Value::Array).collect()).to_string()
    }
}

impl Cells {
    const fn postgres_type(&self) -> &'static str {
        match self {
            Self::Ints(_) => "bigint",
            Self::Texts(_) => "text",
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    fn json(&self, row: usize) -> serde_json::Value {
        match self {
            Self::Ints(values) => values.get(row).copied().flatten().into(),
            Self::Texts(values) => values.get(row).cloned().flatten().into(),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Ints(values) => Value::Ints(values),
            Self::Texts(values) => Value::Texts(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_gets_its_own_table() {
        let rows = Rows::new().ints("id", [1, 2]).texts("note", [Some("a \"b\"".to_owned()), None]);
        assert_eq!(rows.source(Backend::Postgres, 3), "unnest($3::bigint[], $4::text[]) AS x(id, note)");
        assert_eq!(
            rows.source(Backend::Sqlite, 3),
            "(SELECT e.value->>0 AS id, e.value->>1 AS note FROM json_each($3) AS e) AS x"
        );
        assert_eq!(rows.into_json(), r#"[[1,"a \"b\""],[2,null]]"#);
    }
}
