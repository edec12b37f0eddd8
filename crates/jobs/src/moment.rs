//! A moment as people write it: `"2026-11-21T02:30:00Z"`.

use seaworthy_store::Timestamp;

/// A moment in UTC; `None` outside of the years that can be written.
pub fn format(time: Timestamp) -> Option<String> {
    jiff::Timestamp::from_microsecond(time.as_micros()).ok().map(|time| time.to_string())
}

/// A moment with any offset; `None` where the text is none.
pub fn parse(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

/// As a field that may be absent.
pub(crate) mod maybe {
    use seaworthy_store::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "serde hands over a reference")]
    pub(crate) fn serialize<S: Serializer>(value: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match value.and_then(super::format) {
            Some(text) => to.serialize_str(&text),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let wrong = || D::Error::custom("is not a moment such as \"2026-11-21T02:30:00Z\"");
        super::parse(&text).map(Some).ok_or_else(wrong)
    }
}
