//! `seaworthy.toml`: read, checked as a whole, turned into finished settings.
//!
//! One definition per setting ([`mod@file`]) feeds the reader, the JSON schema and the reference in `docs/`. Nothing stops
//! at the first mistake: every problem is reported with its line, its column and, where there is one, a suggestion.

#[macro_use]
mod setting;

mod compile;
pub(crate) mod file;
mod problem;
pub(crate) mod reference;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub(crate) use compile::defence::Defence;
pub(crate) use compile::{Compiled, Jobs, Work, authority, identity};
pub(crate) use problem::Problems;

/// What the environment contributes, read once by `main`.
pub(crate) type Environment = Vec<(String, String)>;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file itself.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// What is in it. Shows every problem.
    #[error("{0}")]
    Problems(Problems),
}

/// Reads and checks a file.
pub(crate) fn load(path: &Path, environment: &Environment) -> Result<Compiled, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::Read { path: path.to_owned(), error })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, &path.display().to_string(), folder, environment).map_err(Error::Problems)
}

/// Checks a text. `name` is what problems call it; relative paths in it start at `folder`.
pub(crate) fn parse(
    text: &str,
    name: &str,
    folder: &Path,
    environment: &Environment,
) -> Result<Compiled, Problems> {
    let mut problems = Problems::new(name, text);
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    for error in errors {
        problems.syntax(error.span().unwrap_or(0..0), error.message().to_owned());
    }
    let node = toml::Spanned::new(table.span(), toml::de::DeValue::Table(table.into_inner()));
    let file = <file::File as setting::Setting>::decode(&node, &mut problems);
    let compiled = file.map(|file| compile::compile(&file, folder, environment, &mut problems));
    match compiled {
        Some(compiled) if problems.is_empty() => Ok(compiled),
        _ => Err(problems),
    }
}

/// The file that `seaworthy up --upstream URL` stands for.
pub(crate) fn text_for_upstream(url: &str, listen: Option<&str>, control: Option<&str>) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = format!("service.upstream.upstreams = [{}]\n", quoted(url));
    if let Some(address) = control {
        text.push_str(&format!("control.listen = {}\n", quoted(address)));
    }
    if let Some(address) = listen {
        text.push_str(&format!("[[listener]]\naddress = {}\n", quoted(address)));
    }
    text
}

/// The JSON schema of the file.
pub(crate) fn schema() -> serde_json::Value {
    let mut schema = <file::File as setting::Setting>::schema();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "seaworthy.toml".into();
    schema
}
