//! JSON Schema, with nothing fetched: a reference to elsewhere is an error when the schema is read.

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use seaworthy_core::ErrorCode;
use serde_json::Value;

/// A document is told so many violations.
const MOST_VIOLATIONS: usize = 20;

/// A schema nobody could check with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema cannot be used: {0}")]
pub struct SchemaError(pub(crate) String);

impl SchemaError {
    /// The stable code.
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::Invalid
    }
}

/// What of a document or request breaks which rule. No value of the request is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Such as `body.items.0.price` or `query.page`; printable ASCII, at most 256 bytes.
    pub place: String,
    /// The rule: a keyword of JSON Schema (`required`, `maxLength`, `additionalProperties`, …) or a word of ours.
    pub reason: String,
}

impl Violation {
    pub(crate) fn new(place: &str, reason: &str) -> Self {
        let fit = |letter: char| if letter.is_ascii_graphic() { letter } else { '_' };
        Self { place: place.chars().take(256).map(fit).collect(), reason: reason.to_owned() }
    }
}

/// A compiled schema.
pub struct Schema(Validator);

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Schema")
    }
}

/// Refuses every reference that leads out of the document.
struct Nothing;

impl Retrieve for Nothing {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("\"{uri}\" is not part of this document").into())
    }
}

impl Schema {
    /// Draft by `$schema`, else 2020-12. Formats are checked; patterns run in linear time.
    ///
    /// # Errors
    /// A schema that is wrong, refers to other documents, or has patterns that need backtracking.
    pub fn new(schema: &Value) -> Result<Self, SchemaError> {
        let patterns = PatternOptions::regex().size_limit(4 << 20).dfa_size_limit(4 << 20);
        let options = jsonschema::options().with_retriever(Nothing).with_pattern_options(patterns);
        let validator = options.should_validate_formats(true).build(schema);
        validator
            .map(Self)
            .map_err(|error| SchemaError(format!("at {}: {}", error.instance_path(), error.masked())))
    }

    /// Whether a document fits.
    ///
    /// # Errors
    /// At most 20 violations.
    pub fn check(&self, document: &Value) -> Result<(), Vec<Violation>> {
        self.check_at("body", document)
    }

    pub(crate) fn check_at(&self, place: &str, document: &Value) -> Result<(), Vec<Violation>> {
        let mut found: Vec<_> = self
            .0
            .iter_errors(document)
            .take(MOST_VIOLATIONS)
            .map(|error| {
                let path = error.instance_path().to_string().replace('/', ".");
                Violation::new(&format!("{place}{path}"), error.kind().keyword())
            })
            .collect();
        // a part that does not fit leaves its members unknown: that follows from what is told already
        let follows = |one: &Violation| one.reason == "unevaluatedProperties";
        if !found.iter().all(follows) {
            found.retain(|one| !follows(one));
        }
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn violations_say_where_and_which_rule() {
        let schema = Schema::new(&json!({
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "maxLength": 3}, "tags": {"type": "array", "items": {"type": "integer"}}},
            "additionalProperties": false,
        }));
        let schema = schema.unwrap();
        assert_eq!(schema.check(&json!({"name": "joe"})), Ok(()));
        let found =
            schema.check(&json!({"name": "secret value", "tags": [1, "x"], "admin": true})).unwrap_err();
        let mut pairs: Vec<_> = found.iter().map(|one| (one.place.as_str(), one.reason.as_str())).collect();
        pairs.sort_unstable();
        assert_eq!(
            pairs,
            [("body", "additionalProperties"), ("body.name", "maxLength"), ("body.tags.1", "type")]
        );
        assert!(!format!("{found:?}").contains("secret value"));
    }

    #[test]
    fn nothing_is_fetched_and_nothing_backtracks() {
        for schema in [
            json!({"$ref": "http://127.0.0.1:1/schema.json"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"type": "string", "pattern": "(?=a)b"}),
            json!({"type": "nonsense"}),
        ] {
            assert!(Schema::new(&schema).is_err(), "{schema}");
        }
        let slow = Schema::new(&json!({"type": "string", "pattern": "^(a+)+$"})).unwrap();
        assert!(slow.check(&json!("a".repeat(50_000) + "!")).is_err());
    }
}
