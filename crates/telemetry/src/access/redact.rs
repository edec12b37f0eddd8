//! What must not be seen in a log.

use super::Settings;
use std::borrow::Cow;
use std::collections::HashSet;

pub(super) const REDACTED: &str = "[redacted]";

pub(super) struct Redaction {
    headers: HashSet<String>,
    query: HashSet<String>,
}

impl Redaction {
    pub(super) fn new(settings: &Settings) -> Self {
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { headers: lower(&settings.redact_headers), query: lower(&settings.redact_query) }
    }

    /// A header's value, or a note in its place.
    pub(super) fn header<'a>(&self, name: &str, value: &'a [u8]) -> Cow<'a, str> {
        if self.headers.contains(name) { Cow::Borrowed(REDACTED) } else { String::from_utf8_lossy(value) }
    }

    /// Path and query with the secrets' values replaced. Names are compared as the receiver reads them: decoded and
    /// in any case.
    pub(super) fn target<'a>(&self, target: &'a str) -> Cow<'a, str> {
        let Some((path, query)) = target.split_once('?') else { return Cow::Borrowed(target) };
        if !query.split(['&', ';']).any(|pair| self.hides(pair)) {
            return Cow::Borrowed(target);
        }
        let mut out = format!("{path}?");
        for pair in query.split_inclusive(['&', ';']) {
            let (body, end) = match pair.strip_suffix(['&', ';']) {
                Some(body) => (body, &pair[body.len()..]),
                None => (pair, ""),
            };
            match body.split_once('=') {
                Some((name, _)) if self.hides(body) => {
                    out.push_str(name);
                    out.push('=');
                    out.push_str(REDACTED);
                }
                _ => out.push_str(body),
            }
            out.push_str(end);
        }
        Cow::Owned(out)
    }

    fn hides(&self, pair: &str) -> bool {
        pair.split_once('=').is_some_and(|(name, _)| self.query.contains(&decoded(name)))
    }
}

/// A query parameter's name with `%xx` and `+` resolved, in lower case.
fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |byte: &u8| char::from(*byte).to_digit(16);
        let pair = after.first().and_then(hex).zip(after.get(1).and_then(hex));
        match (first, pair) {
            (b'%', Some((high, low))) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> String {
        Redaction::new(&Settings::default()).target(text).into_owned()
    }

    #[test]
    fn only_the_secrets_values_go() {
        assert_eq!(target("/a?x=1&token=hunter2&y=2"), "/a?x=1&token=[redacted]&y=2");
        assert_eq!(target("/a?password=a;code=b"), "/a?password=[redacted];code=[redacted]");
        assert_eq!(target("/token?tokens=3&plain"), "/token?tokens=3&plain");
        assert_eq!(target("/a"), "/a");
    }

    #[test]
    fn a_name_in_disguise_is_seen() {
        for name in ["TOKEN", "tok%65n", "%74oken", "Api_Key", "+token", "token%20"] {
            let shown = target(&format!("/a?{name}=hunter2"));
            assert_eq!(shown, format!("/a?{name}=[redacted]"));
        }
        assert_eq!(target("/a?%=1&%4=2&%zz=3"), "/a?%=1&%4=2&%zz=3");
    }

    #[test]
    fn a_value_with_an_equals_sign_goes_whole() {
        assert_eq!(target("/a?token=abc==&b=1"), "/a?token=[redacted]&b=1");
        assert_eq!(target("/a?token=b?c=d"), "/a?token=[redacted]");
    }

    #[test]
    fn headers_by_name() {
        let redaction = Redaction::new(&Settings::default());
        assert_eq!(redaction.header("cookie", b"id=7"), REDACTED);
        assert_eq!(redaction.header("accept", b"*/*"), "*/*");
    }
}
