//! The program's own log, through `tracing`, to standard error.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object per line, for machines.
    #[default]
    Json,
    /// Text for people; coloured on a terminal, and only there.
    Human,
}

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not one.
    #[error("\"{filter}\" is not a log filter: {source}")]
    Filter {
        /// What was written.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was started before.
    #[error("logging has been started already")]
    Started(#[from] TryInitError),
}

impl std::str::FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "human" => Ok(Self::Human),
            _ => Err(UnknownFormat(text.to_owned())),
        }
    }
}

/// A text that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a log format; use json or human")]
pub struct UnknownFormat(String);

/// Whether a text is a filter, without starting anything.
///
/// # Errors
/// [`Error::Filter`] with what is wrong.
pub fn check(filter: &str) -> Result<(), Error> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, Error> {
    EnvFilter::builder().parse(filter).map_err(|source| Error::Filter { filter: filter.to_owned(), source })
}

/// Starts logging for the whole process. The filter is that of `tracing`: `"info"`, `"warn,seaworthy_gateway=debug"`.
pub fn init(format: Format, filter: &str) -> Result<(), Error> {
    let filter = parse(filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        Format::Json => registry.with(lines.json().flatten_event(true).with_ansi(false)).try_init()?,
        Format::Human => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init()?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_named() {
        for error in
            [check("info,gateway=loud").unwrap_err(), init(Format::Json, "info,gateway=loud").unwrap_err()]
        {
            let error = error.to_string();
            assert!(error.starts_with("\"info,gateway=loud\" is not a log filter"), "{error}");
        }
        check("warn,seaworthy_gateway=debug").unwrap();
    }

    #[test]
    fn formats_read_back() {
        assert_eq!("json".parse(), Ok(Format::Json));
        assert_eq!("human".parse(), Ok(Format::Human));
        assert_eq!("xml".parse::<Format>(), Err(UnknownFormat("xml".into())));
    }
}
