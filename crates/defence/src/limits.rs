//! How deep and how long JSON may be, and which bodies are read at all.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use seaworthy_core::ErrorCode;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::collections::HashSet;

/// Bounds of one JSON document, checked in one pass without building it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json {
    /// Objects and arrays within each other. Default 32, at most 120.
    pub depth: usize,
    /// Values in all. Default 10,000.
    pub nodes: usize,
    /// Bytes of one text or one name. Default 64 KiB.
    pub string_bytes: usize,
    /// Members of one object. Default 1,000.
    pub keys: usize,
}

impl Default for Json {
    fn default() -> Self {
        Self { depth: 32, nodes: 10_000, string_bytes: 64 * 1024, keys: 1_000 }
    }
}

/// Why a document is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// It is no JSON, or something follows it.
    #[error("this is no JSON")]
    Syntax,
    /// Too many objects and arrays within each other.
    #[error("the JSON is too deep")]
    Depth,
    /// Too many values.
    #[error("the JSON has too many values")]
    Nodes,
    /// A text or a name is too long.
    #[error("a text in the JSON is too long")]
    String,
    /// An object has too many members.
    #[error("an object in the JSON has too many members")]
    Keys,
    /// A member stands twice: two readers could take different ones.
    #[error("a member of the JSON stands twice")]
    Duplicate,
}

impl JsonFault {
    /// The stable word for logs, metrics and problem bodies.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Syntax => "json_syntax",
            Self::Depth => "json_depth",
            Self::Nodes => "json_nodes",
            Self::String => "json_string",
            Self::Keys => "json_keys",
            Self::Duplicate => "json_duplicate",
        }
    }

    /// The stable code.
    pub const fn code(self) -> ErrorCode {
        ErrorCode::Invalid
    }
}

impl Json {
    /// Whether a document keeps to the bounds.
    ///
    /// # Errors
    /// The first bound that it breaks.
    pub fn check(&self, bytes: &[u8]) -> Result<(), JsonFault> {
        let count = Count { bounds: self, nodes: Cell::new(0), fault: Cell::new(JsonFault::Syntax) };
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        Walk { count: &count, left: self.depth.min(120) }
            .deserialize(&mut reader)
            .map_err(|_| count.fault.get())?;
        reader.end().map_err(|_| JsonFault::Syntax)
    }
}

struct Count<'a> {
    bounds: &'a Json,
    nodes: Cell<usize>,
    fault: Cell<JsonFault>,
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    count: &'a Count<'a>,
    left: usize,
}

impl Walk<'_> {
    fn fail<E: serde::de::Error>(self, fault: JsonFault) -> E {
        self.count.fault.set(fault);
        E::custom("out of bounds")
    }

    fn node<E: serde::de::Error>(self) -> Result<(), E> {
        let nodes = self.count.nodes.get() + 1;
        self.count.nodes.set(nodes);
        if nodes > self.count.bounds.nodes { Err(self.fail(JsonFault::Nodes)) } else { Ok(()) }
    }

    fn text<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.len() > self.count.bounds.string_bytes { Err(self.fail(JsonFault::String)) } else { Ok(()) }
    }

    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let left = self.left.checked_sub(1).ok_or_else(|| self.fail(JsonFault::Depth))?;
        Ok(Self { left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.node()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.text::<A::Error>(&name)?;
            if !names.insert(name) {
                return Err(self.fail(JsonFault::Duplicate));
            }
            if names.len() > self.count.bounds.keys {
                return Err(self.fail(JsonFault::Keys));
            }
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// Why a body of this kind is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentFault {
    /// There is a body, and nothing says what it is.
    #[error("the request does not say what its body is")]
    Missing,
    /// `Content-Type` stands twice.
    #[error("the request says twice what its body is")]
    Twice,
    /// `Content-Type` cannot be read.
    #[error("the content type cannot be read")]
    Malformed,
    /// Not one of those that are allowed here.
    #[error("the content type is not one of those that are allowed here")]
    NotAllowed,
    /// Another charset than UTF-8.
    #[error("the charset is not utf-8")]
    Charset,
    /// The body is compressed, so nobody could look into it.
    #[error("compressed request bodies are not allowed here")]
    Encoding,
}

impl ContentFault {
    /// The stable word for logs, metrics and problem bodies.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "content_type_missing",
            Self::Twice => "content_type_twice",
            Self::Malformed => "content_type_malformed",
            Self::NotAllowed => "content_type_not_allowed",
            Self::Charset => "charset_not_allowed",
            Self::Encoding => "content_encoding_not_allowed",
        }
    }

    /// The stable code; the status for it is 415.
    pub const fn code(self) -> ErrorCode {
        ErrorCode::Invalid
    }
}

/// Which bodies are read.
#[derive(Debug, Clone, Default)]
pub struct ContentTypes {
    /// Such as `application/json` or `image/*`. Empty: every one, but well formed and in UTF-8.
    pub allowed: Vec<String>,
    /// Whether compressed bodies pass. Default false.
    pub compressed: bool,
}

impl ContentTypes {
    /// What the body is, in lower case and without parameters.
    ///
    /// # Errors
    /// Why it is not read.
    pub fn check(&self, headers: &HeaderMap) -> Result<String, ContentFault> {
        let mut all = headers.get_all(CONTENT_TYPE).iter();
        let first = all.next().ok_or(ContentFault::Missing)?;
        if all.next().is_some() {
            return Err(ContentFault::Twice);
        }
        let identity = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if !self.compressed && !headers.get_all(CONTENT_ENCODING).iter().all(identity) {
            return Err(ContentFault::Encoding);
        }
        let text = first.to_str().map_err(|_| ContentFault::Malformed)?.to_ascii_lowercase();
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        if !is_media_type(media) {
            return Err(ContentFault::Malformed);
        }
        let mut charsets = 0;
        for parameter in parts.filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(ContentFault::Malformed)?;
            if name.trim() == "charset" {
                charsets += 1;
                let value = value.trim().trim_matches('"');
                if charsets > 1 || (value != "utf-8" && value != "utf8") {
                    return Err(ContentFault::Charset);
                }
            }
        }
        if self.allowed.is_empty() || self.allowed.iter().any(|allowed| covers(allowed, media)) {
            Ok(media.to_owned())
        } else {
            Err(ContentFault::NotAllowed)
        }
    }
}

fn is_media_type(media: &str) -> bool {
    let token = |text: &str| {
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !text.is_empty() && text.len() <= 127 && text.bytes().all(fit)
    };
    media.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
}

fn covers(allowed: &str, media: &str) -> bool {
    match allowed.strip_suffix("/*") {
        Some(kind) => media.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(kind)),
        None => allowed.eq_ignore_ascii_case(media),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn each_bound_is_kept() {
        let bounds = Json { depth: 3, nodes: 10, string_bytes: 5, keys: 2 };
        for (text, result) in [
            (r#"{"a":[{"b":1}]}"#, Ok(())),
            (r#"{"a":[[[1]]]}"#, Err(JsonFault::Depth)),
            ("[1,2,3,4,5,6,7,8,9]", Ok(())),
            ("[1,2,3,4,5,6,7,8,9,0]", Err(JsonFault::Nodes)),
            (r#"["12345"]"#, Ok(())),
            (r#"["123456"]"#, Err(JsonFault::String)),
            (r#"{"123456":1}"#, Err(JsonFault::String)),
            (r#"{"a":1,"b":2,"c":3}"#, Err(JsonFault::Keys)),
            (r#"{"a":1,"\u0061":2}"#, Err(JsonFault::Duplicate)),
            ("[1", Err(JsonFault::Syntax)),
            ("1 2", Err(JsonFault::Syntax)),
            ("", Err(JsonFault::Syntax)),
        ] {
            assert_eq!(bounds.check(text.as_bytes()), result, "{text}");
        }
        let deep = "[".repeat(1_000_000);
        assert_eq!(Json::default().check(deep.as_bytes()), Err(JsonFault::Depth));
        assert_eq!(
            Json { depth: usize::MAX, ..Json::default() }.check(deep.as_bytes()),
            Err(JsonFault::Depth)
        );
    }

    #[test]
    fn only_bodies_we_can_look_into() {
        let types =
            ContentTypes { allowed: vec!["application/json".into(), "image/*".into()], compressed: false };
        let check = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            }
            types.check(&headers)
        };
        assert_eq!(check(&["Application/JSON; charset=\"UTF-8\""]).as_deref(), Ok("application/json"));
        assert_eq!(check(&["image/png"]).as_deref(), Ok("image/png"));
        assert_eq!(check(&[]), Err(ContentFault::Missing));
        assert_eq!(check(&["application/json", "text/plain"]), Err(ContentFault::Twice));
        assert_eq!(check(&["application/json; charset=utf-7"]), Err(ContentFault::Charset));
        assert_eq!(check(&["application/json; charset=utf-8; charset=ibm037"]), Err(ContentFault::Charset));
        assert_eq!(check(&["text/plain"]), Err(ContentFault::NotAllowed));
        for bad in ["json", "application/", "a/b/c", "application/json, text/html", "application/json; x", ""]
        {
            assert_eq!(check(&[bad]), Err(ContentFault::Malformed), "{bad}");
        }
        let mut headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(types.check(&headers), Err(ContentFault::Encoding));
    }

    proptest! {
        #[test]
        fn what_passes_is_json(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if Json::default().check(&bytes).is_ok() {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
            }
        }
    }
}
