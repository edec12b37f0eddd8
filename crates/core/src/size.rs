//! Sizes as people write them: `"64KiB"`, `"10MB"`, `"1GiB"`, `"512B"`.

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No number at the start.
    #[error("\"{0}\" is not a size; write a number and a unit, such as \"64KiB\"")]
    NotASize(String),
    /// A number without a unit.
    #[error("\"{0}\" has no unit; write \"{0}B\" for bytes or \"{0}KiB\" for kibibytes")]
    NoUnit(String),
    /// A unit nobody knows.
    #[error("\"{0}\" is not a unit of size; use B, KB, KiB, MB, MiB, GB or GiB")]
    UnknownUnit(String),
}

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Reads a size in bytes.
pub fn parse(text: &str) -> Result<u64, Error> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let value: u64 = number.parse().map_err(|_| Error::NotASize(text.to_owned()))?;
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(Error::NoUnit(number.to_owned()));
    }
    let bytes = UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .ok_or_else(|| Error::UnknownUnit(unit.to_owned()))?
        .1;
    value.checked_mul(bytes).ok_or_else(|| Error::NotASize(text.to_owned()))
}

/// Writes a size the way [`parse`] reads it, in the largest binary unit that divides it.
pub fn format(bytes: u64) -> String {
    for (name, unit) in [("GiB", 1u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_refuses() {
        assert_eq!(parse("64KiB"), Ok(65_536));
        assert_eq!(parse("10 MB"), Ok(10_000_000));
        assert_eq!(parse("10"), Err(Error::NoUnit("10".into())));
        assert_eq!(parse("1XB"), Err(Error::UnknownUnit("XB".into())));
        assert_eq!(parse("-1B"), Err(Error::NotASize("-1B".into())));
        assert!(matches!(parse("99999999999999999999GiB"), Err(Error::NotASize(_))));
        assert!(matches!(parse("18446744073709551615GiB"), Err(Error::NotASize(_))));
    }

    proptest! {
        #[test]
        fn formats_what_it_reads(bytes in any::<u64>()) {
            prop_assert_eq!(parse(&format(bytes)), Ok(bytes));
        }
    }
}
