//! The reference of all settings, in Markdown, from their definitions.

use std::fmt::Write as _;

use super::file::File;
use super::setting::{Field, Setting};

/// The whole reference.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "# Configuration reference\n\n\
         Generated from the definitions of the settings by `seaworthy config reference`; do not edit.\n\n\
         `seaworthy check` reports everything that is wrong with a file at once; `seaworthy config schema` prints a \
         JSON schema for editors. Durations are written `\"250ms\"`, `\"30s\"`, `\"1m30s\"`; sizes `\"64KiB\"`, \
         `\"10MB\"`. Unknown settings are errors.\n",
    );
    table(&mut out, "", &File::fields());
    out
}

fn table(out: &mut String, path: &str, fields: &[Field]) {
    let title = if path.is_empty() { "The file" } else { path };
    let _ = write!(
        out,
        "\n## {title}\n\n| setting | type | default | what it does |\n| --- | --- | --- | --- |\n"
    );
    for field in fields {
        let default = field.default.as_ref().map_or("–".to_owned(), |default| format!("`{default}`"));
        let _ = writeln!(out, "| `{}` | {} | {default} | {} |", field.name, field.type_name, field.doc);
    }
    for field in fields.iter().filter(|field| !field.inner.is_empty()) {
        let (list, by_name) = (field.type_name.starts_with("list"), field.type_name.ends_with("by name"));
        let inner = match (path.is_empty(), list, by_name) {
            (true, true, _) => format!("[[{}]]", field.name),
            (true, _, true) => format!("[{}.NAME]", field.name),
            (true, ..) => format!("[{}]", field.name),
            (false, ..) => format!("{}.{}", path.trim_matches(['[', ']']), field.name),
        };
        table(out, &inner, &field.inner);
    }
}
