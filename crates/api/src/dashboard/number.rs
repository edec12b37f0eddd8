//! Numbers as people read them: three digits, a unit, and never a promise that rounding made.

use std::time::Duration;

/// What stands where there is no number.
pub(super) const NONE: &str = "–";
/// Between a number and its unit.
pub(super) const SPACE: char = '\u{a0}';

/// Up to three digits, without zeros at the end; `None` for what is no number.
fn three(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    let text = match size {
        _ if size < 0.0005 => return Some("0".to_owned()),
        _ if size < 10.0 => format!("{value:.2}"),
        _ if size < 100.0 => format!("{value:.1}"),
        _ => return Some(format!("{value:.0}")),
    };
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Some(if matches!(text, "0" | "-0") { format!("{value:.3}") } else { text.to_owned() })
}

fn with(value: f64, unit: &str) -> String {
    three(value).map_or_else(|| NONE.to_owned(), |text| format!("{text}{SPACE}{unit}").trim_end().to_owned())
}

/// A quantity with k, M or G before its unit.
pub(super) fn si(value: f64, unit: &str) -> String {
    let size = value.abs();
    let (scale, prefix) = match size {
        // what three digits would show as a thousand of the smaller one
        _ if size < 999.5 => (1.0, ""),
        _ if size < 999.5e3 => (1e3, "k"),
        _ if size < 999.5e6 => (1e6, "M"),
        _ => (1e9, "G"),
    };
    with(value / scale, &format!("{prefix}{unit}"))
}

/// So many per second.
pub(super) fn rate(value: f64) -> String {
    si(value, "/s")
}

/// A length of time in seconds.
pub(super) fn seconds(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size == 0.0 => with(0.0, "s"),
        _ if size < 0.000_999_5 => with(value * 1e6, "µs"),
        _ if size < 0.999_5 => with(value * 1e3, "ms"),
        _ if size < 99.95 => with(value, "s"),
        _ if size < 5_997.0 => with(value / 60.0, "min"),
        _ if size < 172_800.0 => with(value / 3_600.0, "h"),
        _ => with(value / 86_400.0, "d"),
    }
}

/// A length of time.
pub(super) fn length(value: Duration) -> String {
    seconds(value.as_secs_f64())
}

/// A share from 0 to 1 of what should be all: what is not all is never rounded up to it.
pub(super) fn share(value: f64) -> String {
    match value {
        _ if !value.is_finite() => NONE.to_owned(),
        _ if value >= 1.0 => format!("100{SPACE}%"),
        _ if value > 0.999_9 => format!("> 99.99{SPACE}%"),
        // downwards
        _ if value >= 0.99 => format!("{:.2}{SPACE}%", (value * 1e4).floor() / 1e2),
        _ if value >= 0.1 => format!("{:.1}{SPACE}%", (value * 1e3).floor() / 10.0),
        _ => part(value),
    }
}

/// A share from 0 to 1 of what should be none: what is not none is never rounded down to it.
pub(super) fn part(value: f64) -> String {
    match value {
        _ if !value.is_finite() => NONE.to_owned(),
        _ if value > 0.0 && value < 0.000_1 => format!("< 0.01{SPACE}%"),
        _ => with(value * 100.0, "%"),
    }
}

/// A whole number with its thousands apart.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Bytes.
pub(super) fn bytes(value: u64) -> String {
    let size = value as f64;
    match value {
        0..1_024 => format!("{value}{SPACE}B"),
        1_024..1_048_576 => with(size / 1_024.0, "KiB"),
        1_048_576..1_073_741_824 => with(size / 1_048_576.0, "MiB"),
        _ => with(size / 1_073_741_824.0, "GiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(['\u{a0}', '\u{202f}'], " ")
    }

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let rates: Vec<_> = [0.0, -0.0, 0.004, 0.25, 1.0, 12.34, 999.4, 999.6, 1_234.0, 2.5e6, 7e9, f64::NAN]
            .iter()
            .map(|value| plain(&rate(*value)))
            .collect();
        let expected = [
            "0 /s", "0 /s", "0.004 /s", "0.25 /s", "1 /s", "12.3 /s", "999 /s", "1 k/s", "1.23 k/s",
            "2.5 M/s", "7 G/s", "–",
        ];
        assert_eq!(rates, expected);
        let lengths: Vec<_> =
            [0.0, 0.000_25, 0.0384, 0.9999, 1.5, 90.0, 150.0, 7_200.0, 259_200.0, f64::INFINITY]
                .iter()
                .map(|value| plain(&seconds(*value)))
                .collect();
        assert_eq!(
            lengths,
            ["0 s", "250 µs", "38.4 ms", "1 s", "1.5 s", "90 s", "2.5 min", "2 h", "3 d", "–"]
        );
        assert_eq!(plain(&count(1_234_567)), "1 234 567");
        assert_eq!(
            [bytes(12), bytes(1_536), bytes(3 << 30)].map(|t| plain(&t)),
            ["12 B", "1.5 KiB", "3 GiB"]
        );
        assert_eq!(plain(&si(-1_500.0, "")), "-1.5 k");
    }

    #[test]
    fn no_share_is_rounded_to_what_it_is_not() {
        let shares: Vec<_> = [1.0, 0.999_99, 0.999_5, 0.999_49, 0.95, 0.049, 0.0, f64::NAN]
            .iter()
            .map(|value| plain(&share(*value)))
            .collect();
        assert_eq!(shares, ["100 %", "> 99.99 %", "99.95 %", "99.94 %", "95.0 %", "4.9 %", "0 %", "–"]);
        let parts: Vec<_> =
            [0.0, 0.000_05, 0.001, 0.5, 1.0].iter().map(|value| plain(&part(*value))).collect();
        assert_eq!(parts, ["0 %", "< 0.01 %", "0.1 %", "50 %", "100 %"]);
    }
}
