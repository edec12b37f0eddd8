//! `application/x-www-form-urlencoded`, both ways.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One component, safe in a query, in a form and in RFC 6749's Basic credentials alike.
pub(crate) fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// `a=b&c=d`.
pub(crate) fn encode<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let all: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    all.join("&")
}

/// Every pair, in order; at most 64 of them, nothing if any is no UTF-8.
pub(crate) fn decode(query: &str) -> Option<Vec<(String, String)>> {
    let mut all = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| {
            percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(std::borrow::Cow::into_owned)
        };
        all.push((plain(name)?, plain(value)?));
        if all.len() > 64 {
            return None;
        }
    }
    Some(all)
}

/// The one value of a name: nothing if it stands twice.
pub(crate) fn only<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = pairs.iter().filter(|(key, _)| key == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_knows_doubles() {
        let text = encode([("a b", "ü&=+"), ("c", "")]);
        assert_eq!(text, "a%20b=%C3%BC%26%3D%2B&c=");
        let pairs = decode(&text).unwrap();
        assert_eq!(only(&pairs, "a b"), Some("ü&=+"));
        assert_eq!(only(&decode("x=1&x=2").unwrap(), "x"), None);
        assert!(decode("x=%ff").is_none());
        assert!(decode(&"a&".repeat(65)).is_none());
    }
}
