//! Answers as they are shown.

use std::io::Write as _;

use serde_json::Value;

/// How answers are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// The answer as JSON, or as `table` makes it.
    pub(crate) fn show(self, answer: &Value, table: impl FnOnce(&Value) -> String) {
        let text = if self.json { format!("{answer:#}\n") } else { table(answer) };
        print(&text);
    }

    /// A sentence, where JSON is not wanted.
    pub(crate) fn say(self, answer: &Value, sentence: &str) {
        self.show(answer, |_| format!("{sentence}\n"));
    }
}

/// A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) {
    let _ = is_read(text);
}

/// The same, and whether anybody still reads.
pub(crate) fn is_read(text: &str) -> bool {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// A field as text; empty where it is absent. Control characters of strangers do not reach the terminal.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    let text = match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Columns, as wide as what is in them; the last may run on.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(titles: &[&str]) -> Self {
        Self { rows: vec![titles.iter().map(|title| title.to_uppercase()).collect()] }
    }

    /// Of a list of objects, these fields.
    pub(crate) fn of(list: &Value, columns: &[(&str, &str)]) -> Self {
        let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
        let mut table = Self::new(&titles);
        for item in list.as_array().into_iter().flatten() {
            table.row(columns.iter().map(|(_, pointer)| text(item, pointer)));
        }
        table
    }

    /// With how to get the page after it, where there is one.
    pub(crate) fn page(&self, answer: &Value) -> String {
        match text(answer, "/next_cursor") {
            cursor if cursor.is_empty() => self.to_string(),
            cursor => format!("{self}more: --cursor '{cursor}'\n"),
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(
            cells.into_iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { cell }).collect(),
        );
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if at + 1 == columns {
                    writeln!(f, "{cell}")?;
                } else {
                    write!(f, "{cell:width$}  ")?;
                }
            }
        }
        if self.rows.len() == 1 {
            writeln!(f, "(none)")?;
        }
        Ok(())
    }
}

/// Name and value, one a line; absent ones are left out.
pub(crate) fn facts(value: &Value, fields: &[(&str, &str)]) -> String {
    let shown: Vec<_> = fields.iter().map(|(title, pointer)| (title, text(value, pointer))).collect();
    let width = shown.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let shown = shown.iter().filter(|(_, text)| !text.is_empty());
    shown.map(|(title, text)| format!("{title:width$}  {text}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let list = json!([{ "a": 1, "b": "x\u{1b}[2J" }, { "a": "longer", "c": null }]);
        let table = Table::of(&list, &[("first", "/a"), ("second", "/b")]).to_string();
        assert_eq!(table, "FIRST   SECOND\n1       x [2J\nlonger  -\n");
        assert_eq!(Table::of(&json!([]), &[("a", "/a")]).to_string(), "A\n(none)\n");
        assert_eq!(
            facts(&json!({ "a": 1, "long": "x" }), &[("a", "/a"), ("long", "/long"), ("no", "/no")]),
            "a     1\nlong  x\n"
        );
    }
}
