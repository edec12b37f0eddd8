//! A record as one line.

use super::redact::Redaction;
use super::{Record, Settings, escape, rfc3339};
use crate::logs::Format;
use std::fmt::{Display, Write};

pub(super) fn render(record: &Record<'_>, settings: &Settings, redaction: &Redaction) -> String {
    let mut line = Line { out: String::with_capacity(512), format: settings.format };
    match settings.format {
        Format::Json => line.out.push('{'),
        Format::Human => line.headline(record, redaction),
    }
    line.fields(record, settings, redaction);
    line.out.push_str(match settings.format {
        Format::Json => "}\n",
        Format::Human => "\n",
    });
    line.out
}

struct Line {
    out: String,
    format: Format,
}

impl Line {
    /// What a person reads first.
    fn headline(&mut self, record: &Record<'_>, redaction: &Redaction) {
        self.out.push_str(&rfc3339::format(record.time));
        for text in [record.method, record.host, &redaction.target(record.target)] {
            self.out.push(' ');
            escape::bare(&mut self.out, text);
        }
        let _infallible = write!(self.out, " {} {}ms", record.status, millis(record));
    }

    fn fields(&mut self, record: &Record<'_>, settings: &Settings, redaction: &Redaction) {
        if self.format == Format::Json {
            self.text("time", &rfc3339::format(record.time));
        }
        self.text("request_id", record.request_id.map_or("", |id| id.as_str()));
        self.text("trace_id", &record.trace_id.map(hex).unwrap_or_default());
        if self.format == Format::Json {
            self.text("method", record.method);
            self.text("host", record.host);
            self.text("path", &redaction.target(record.target));
        }
        self.text("route", record.route);
        self.text("service", record.service);
        self.text("endpoint", record.endpoint);
        if self.format == Format::Json {
            self.number("status", record.status);
            self.number("duration_ms", millis(record));
        }
        self.number("bytes_in", record.bytes_in);
        self.number("bytes_out", record.bytes_out);
        self.text("client", &record.client.map(|client| client.to_string()).unwrap_or_default());
        self.text("protocol", record.protocol);
        self.number("attempts", record.attempts);
        self.text("reason", record.reason);
        self.text("user_agent", &redaction.header("user-agent", record.user_agent));
        for (name, value) in
            record.headers.iter().filter(|(name, _)| settings.headers.iter().any(|h| h == name))
        {
            self.text(&format!("header.{name}"), &redaction.header(name, value));
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.name(name);
        match self.format {
            Format::Json => escape::quoted(&mut self.out, value),
            Format::Human => escape::bare(&mut self.out, value),
        }
    }

    fn number(&mut self, name: &str, value: impl Display) {
        self.name(name);
        let _infallible = write!(self.out, "{value}");
    }

    fn name(&mut self, name: &str) {
        match self.format {
            Format::Json => {
                if !self.out.ends_with('{') {
                    self.out.push(',');
                }
                escape::quoted(&mut self.out, name);
                self.out.push(':');
            }
            Format::Human => {
                self.out.push(' ');
                self.out.push_str(name);
                self.out.push('=');
            }
        }
    }
}

/// Milliseconds to the microsecond.
fn millis(record: &Record<'_>) -> f64 {
    record.duration.as_micros() as f64 / 1_000.0
}

fn hex(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}
