//! Texts of rules with places for a value and labels.

use crate::labels::LabelSet;
use crate::text::cut;

/// No text becomes longer, in bytes.
const LONGEST: usize = 4_096;

/// Puts `{{value}}`, `{{percent}}` (the value times 100) and `{{labels.NAME}}` in. What is expanded is not read again,
/// so that a label cannot bring places of its own. A place nobody knows stays as it is.
pub fn expand(template: &str, value: Option<f64>, labels: &LabelSet) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((place, behind)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            break;
        };
        match place.trim() {
            "value" => out.push_str(&value.map_or_else(|| "no value".to_owned(), number)),
            "percent" => {
                let percent = value.map(|value| format!("{} %", number(value * 100.0)));
                out.push_str(&percent.unwrap_or_else(|| "no value".to_owned()));
            }
            known => match known.strip_prefix("labels.") {
                Some(name) => out.push_str(labels.get(name).map_or("", String::as_str)),
                None => out.extend(["{{", place, "}}"]),
            },
        }
        if out.len() > LONGEST {
            return cut(&out, LONGEST).to_owned();
        }
        rest = behind;
    }
    out.push_str(rest);
    cut(&out, LONGEST).to_owned()
}

/// A number as people read it: four significant digits, no more than needed.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-6.0..15.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = (3.0 - magnitude).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_once() {
        let labels = LabelSet::from([("service".to_owned(), "{{value}}".to_owned())]);
        let text = "{{ labels.service }} at {{value}} ({{percent}}), {{labels.none}}{{what}} {{";
        assert_eq!(expand(text, Some(0.05), &labels), "{{value}} at 0.05 (5 %), {{what}} {{");
    }

    #[test]
    fn text_is_bounded() {
        let labels = LabelSet::from([("x".to_owned(), "y".repeat(1_000))]);
        assert_eq!(expand(&"{{labels.x}}".repeat(1_000), None, &labels).len(), LONGEST);
    }

    #[test]
    fn numbers_read_well() {
        for (value, text) in [
            (0.0, "0"),
            (12.0, "12"),
            (0.123_456, "0.1235"),
            (123_456.7, "123457"),
            (1e-9, "1.000e-9"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
