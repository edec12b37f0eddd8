//! The program's own log, through `tracing`, to standard error and, where asked, over OTLP ([`otlp`]).

mod fields;
pub mod otlp;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
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

/// Takes out of a line what is in no log: secrets, personal data.
pub type Redactor = fn(&str) -> Cow<'_, str>;

/// Standard error, with lines as a redactor leaves them.
#[derive(Debug, Clone, Copy)]
struct Redacting(Redactor);

impl<'a> MakeWriter<'a> for Redacting {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// A line is written at once.
impl Write for Redacting {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let kept = self.0(&text);
        let mut out = io::stderr().lock();
        out.write_all(kept.as_bytes())?;
        // one that was cut short is a line all the same
        if line.ends_with(b"\n") && !kept.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts logging for the whole process. The filter is that of `tracing`: `"info"`, `"warn,seaworthy_gateway=debug"`.
///
/// # Errors
/// The filter is none, or logging was started before.
pub fn init(format: Format, filter: &str, redact: Redactor) -> Result<(), Error> {
    init_with(format, filter, redact, None)
}

/// [`init`], with events that pass the filter sent by `exporter`, too.
///
/// # Errors
/// As [`init`].
pub fn init_with(
    format: Format,
    filter: &str,
    redact: Redactor,
    exporter: Option<otlp::Exporter>,
) -> Result<(), Error> {
    let filter = parse(filter)?;
    let registry = tracing_subscriber::registry().with(filter).with(exporter);
    let lines = tracing_subscriber::fmt::layer().with_writer(Redacting(redact));
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
        for error in [
            check("info,gateway=loud").unwrap_err(),
            init(Format::Json, "info,gateway=loud", |line| line.into()).unwrap_err(),
        ] {
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
