//! Entries as syslog lines, RFC 5424. Whoever sends them chooses the transport; over TCP and TLS a line stands in a
//! frame of its own ([`framed`], RFC 6587 octet counting).

use super::entry::{Outcome, Recorded};
use super::line::written;
use std::fmt::Write as _;

/// Facility "log audit".
const FACILITY: u8 = 13;
/// The private enterprise number that RFC 5612 sets aside for examples: Seaworthy has none of its own.
const ENTERPRISE: u32 = 32_473;
/// The longest message in bytes: beyond it a receiver may cut.
const LONGEST: usize = 8_192;

/// An entry as one line without its end. `host` is this machine's name.
pub fn line(entry: &Recorded, host: &str) -> String {
    let severity = match entry.outcome() {
        Outcome::Success => 5,
        Outcome::Failure | Outcome::Denied => 4,
    };
    let host = header(host, 255);
    let mut line = format!(
        "<{}>1 {} {host} seaworthy {} audit [audit@{ENTERPRISE}",
        FACILITY * 8 + severity,
        written(entry.at),
        std::process::id()
    );
    let seq = entry.seq.to_string();
    let count = entry.count().to_string();
    let hash = crate::text::hex(&entry.hash);
    let parts = [
        ("seq", Some(seq.as_str())),
        ("actor", Some(entry.actor())),
        ("action", Some(entry.action())),
        ("resource", Some(entry.resource())),
        ("outcome", Some(entry.outcome().as_str())),
        ("reason", entry.reason()),
        ("client", entry.client()),
        ("request_id", entry.request_id()),
        ("trace_id", entry.trace_id()),
        ("count", Some(count.as_str())),
        ("hash", Some(hash.as_str())),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            let _ = write!(line, " {name}=\"{}\"", parameter(value));
        }
    }
    let _ =
        write!(line, "] {} {} {}", plain(entry.actor_name()), plain(entry.action()), plain(entry.resource()));
    crate::text::fit(&line, LONGEST)
}

/// A line in a frame of its own: its length in bytes, a space, and the line.
pub fn framed(line: &str) -> String {
    format!("{} {line}", line.len())
}

/// Printable ASCII without spaces, or `-`.
fn header(text: &str, most: usize) -> String {
    let text: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// A value in quotes: quotes, backslashes and brackets are escaped, and nothing ends the line (16.4.1).
fn parameter(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' | ']' => out.extend(['\\', c]),
            c if is_dangerous(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if is_dangerous(c) { '\u{fffd}' } else { c }).collect()
}

/// Ends a line, moves a terminal's cursor, or turns the direction of text around.
fn is_dangerous(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
