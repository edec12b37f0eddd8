//! Text and moments that came from elsewhere: cut, made harmless, and set apart from the line they stand in.

use std::time::SystemTime;

use maud::{Markup, html};
use seaworthy_store::Timestamp;

use super::number;
use crate::jobs::moment;

/// The longest tooltip.
const LONGEST_TITLE: usize = 1_000;

/// What must not act where it is shown: what turns the direction of writing around, or moves a terminal.
const fn acts(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || (c.is_ascii_control() && !matches!(c, '\n' | '\t'))
        || matches!(c, '\u{80}'..='\u{9f}')
}

/// With a visible sign for every character that would act.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if acts(c) { '\u{fffd}' } else { c }).collect()
}

/// JSON whose texts hold no character that would act, and mean the same.
pub(super) fn escaped(json: &str) -> String {
    let escape = |c: char| if acts(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    json.chars().map(escape).collect()
}

/// At most so many characters: its beginning and its end, where it has more.
pub(super) fn middle_cut(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most || most < 3 {
        return harmless(text);
    }
    let (head, tail) = ((most - 1).div_ceil(2), (most - 1) / 2);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    harmless(&format!("{start}…{end}"))
}

/// Its first characters, for long texts that stand in a box of their own.
pub(super) fn head(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => harmless(text),
        Some((at, _)) => format!("{}\n… {} more bytes", harmless(&text[..at]), text.len() - at),
    }
}

/// A text within a line; the whole of it can be read where it is cut.
pub(super) fn inline(text: &str, most: usize) -> Markup {
    let cut = text.chars().nth(most).is_some();
    html! {
        @if cut {
            bdi title=(middle_cut(text, LONGEST_TITLE)) { (middle_cut(text, most)) }
        } @else {
            bdi { (harmless(text)) }
        }
    }
}

/// How long ago something was, or how long it is until then.
pub(super) fn ago(at: Timestamp, now: SystemTime) -> Markup {
    let now = Timestamp::from(now);
    let (gone, left) = (now.since(at).as_secs(), at.since(now).as_secs());
    let exact = moment(at);
    let words = match (gone, left) {
        _ if gone.max(left) < 2 => "now".to_owned(),
        (0, _) => format!("in {}", coarse(left)),
        _ => format!("{} ago", coarse(gone)),
    };
    html! { time datetime=(exact) title=(exact) { (words) } }
}

/// So coarse that a page does not change with every second.
fn coarse(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..10 => (seconds, "s"),
        10..60 => (seconds / 5 * 5, "s"),
        60..3_600 => (seconds / 60, "min"),
        3_600..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{count}{}{unit}", number::SPACE)
}

/// A moment to the second, in UTC.
pub(super) fn at(at: Timestamp) -> Markup {
    let exact = moment(at);
    let shown = exact.split(['.', 'Z']).next().unwrap_or_default().replace('T', " ");
    html! { time datetime=(exact) title=(exact) { (shown) } }
}

/// A segment of a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A path with parameters: those without a value are left out.
pub(super) fn link(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given =
        parameters.iter().filter_map(|(name, value)| Some((name, (*value).filter(|v| !v.is_empty())?)));
    let query: Vec<_> = given.map(|(name, value)| format!("{name}={}", segment(value))).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn hostile_text_is_text() {
        assert_eq!(
            inline("<script>alert(1)</script>", 80).0,
            "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>"
        );
        assert_eq!(
            inline("a\u{202e}b\u{7}\u{1b}[2J\u{85}", 80).0,
            "<bdi>a\u{fffd}b\u{fffd}\u{fffd}[2J\u{fffd}</bdi>"
        );
        let long = format!("{}\"><b>{}", "a".repeat(5_000), "z".repeat(5_000));
        let shown = inline(&long, 20).0;
        assert!(
            shown.contains(">aaaaaaaaaa…zzzzzzzzz</bdi>") && shown.len() < 1_200 && !shown.contains("<b>")
        );
        assert_eq!(middle_cut("héllo wörld", 5), "hé…ld");
        assert_eq!(head(&"ä".repeat(10), 4), "ääää\n… 12 more bytes");
        let (json, value) = (escaped("{\"a\":\"\u{202e}\"}"), serde_json::json!({ "a": "\u{202e}" }));
        assert!(
            !json.contains('\u{202e}') && serde_json::from_str::<serde_json::Value>(&json).unwrap() == value
        );
        assert_eq!(segment("a/b?\u{e9}"), "a%2Fb%3F%C3%A9");
        assert_eq!(link("/x", &[("a", None), ("b", Some("1&2")), ("c", Some(""))]), "/x?b=1%262");
    }

    #[test]
    fn moments_are_told_by_their_distance() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let told = |back: i64| {
            let at = Timestamp::from(now).as_micros() - back * 1_000_000;
            let html = ago(Timestamp::from_micros(at), now).0;
            html.split('>').nth(1).unwrap().split('<').next().unwrap().replace('\u{a0}', " ")
        };
        let words: Vec<_> = [0, 7, 59, 61, 3_599, 3_600, 100_000, 86_400 * 9, -90].map(told).into();
        assert_eq!(
            words,
            [
                "now",
                "7 s ago",
                "55 s ago",
                "1 min ago",
                "59 min ago",
                "1 h ago",
                "27 h ago",
                "9 d ago",
                "in 1 min"
            ]
        );
        assert!(at(Timestamp::from(now)).0.contains(">2027-01-15 08:00:00<"));
    }
}
