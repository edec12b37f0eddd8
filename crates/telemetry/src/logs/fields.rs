//! The fields of an event or a span.

use super::Redactor;
use opentelemetry::logs::AnyValue;
use std::borrow::Cow;
use std::fmt::{self, Write};
use tracing::field::{Field, Visit};

/// Bounds on one event.
const FIELDS: usize = 32;
const TEXT: usize = 8 * 1024;

/// The trace that something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) trace: [u8; 16],
    pub(super) span: Option<[u8; 8]>,
}

#[derive(Debug)]
pub(super) struct Fields {
    redact: Redactor,
    /// Whether only ids are wanted.
    ids_only: bool,
    pub(super) ids: Option<Ids>,
    span: Option<[u8; 8]>,
    pub(super) message: Option<String>,
    pub(super) others: Vec<(&'static str, AnyValue)>,
}

impl Fields {
    pub(super) fn new(redact: Redactor) -> Self {
        Self { redact, ids_only: false, ids: None, span: None, message: None, others: Vec::new() }
    }

    pub(super) fn ids() -> Self {
        Self { ids_only: true, ..Self::new(|line| Cow::Borrowed(line)) }
    }

    fn add(&mut self, field: &Field, value: AnyValue) {
        if !self.ids_only && self.others.len() < FIELDS {
            self.others.push((field.name(), value));
        }
    }

    /// Whether it was an id.
    fn id(&mut self, name: &str, text: &str) -> bool {
        match name {
            "trace_id" => {
                let trace = hex::<16>(text);
                self.ids = trace.map(|trace| Ids { trace, span: self.span }).or(self.ids);
                trace.is_some()
            }
            "span_id" => {
                self.span = hex::<8>(text).or(self.span);
                self.ids = self.ids.map(|ids| Ids { span: self.span, ..ids });
                hex::<8>(text).is_some()
            }
            _ => false,
        }
    }

    fn text(&mut self, field: &Field, text: &str) {
        if self.id(field.name(), text) || self.ids_only {
            return;
        }
        let kept = (self.redact)(&text[..text.floor_char_boundary(TEXT)]).into_owned();
        if field.name() == "message" {
            self.message = Some(kept);
        } else {
            self.add(field, AnyValue::from(kept));
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, AnyValue::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, AnyValue::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // what OTLP has no number for is told as a text
        let value = i64::try_from(value).map_or_else(|_| AnyValue::from(value.to_string()), AnyValue::from);
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, AnyValue::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Cut(String::new());
        let _what_fits = write!(text, "{value:?}");
        self.text(field, &text.0);
    }
}

/// Takes what fits: a value may be of any size when it is written out.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = TEXT.saturating_sub(self.0.len());
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        if text.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

/// An id as it stands in logs: in lower case, not all zero.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * N || !text.bytes().all(digit) {
        return None;
    }
    let mut id = [0; N];
    for (i, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    (id != [0; N]).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_strict() {
        assert_eq!(hex::<2>("0aff"), Some([10, 255]));
        for bad in ["", "0aF0", "0af", "0aff0", "0000", "+aff", "äf"] {
            assert_eq!(hex::<2>(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        let mut cut = Cut(String::new());
        write!(cut, "{}", "ä".repeat(TEXT)).unwrap_err();
        assert_eq!(cut.0.len(), TEXT);
        write!(cut, "x").unwrap_err();
        assert_eq!(cut.0.len(), TEXT);
    }
}
