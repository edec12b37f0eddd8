//! Durations as people write them.

/// `"30s"`.
pub(super) mod span {
    use seaworthy_core::duration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
    use std::time::Duration;

    pub(in crate::schedule) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&duration::format(*value))
    }

    pub(in crate::schedule) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        duration::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// `"30s"`, or nothing.
pub(super) mod maybe_span {
    use seaworthy_core::duration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "serde hands over a reference")]
    pub(in crate::schedule) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.serialize_str(&duration::format(*value)),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::schedule) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| duration::parse(&text).map_err(D::Error::custom)).transpose()
    }
}
