use crate::text;
use serde_json::{Value, json};

/// The longest `before` or `after`, in bytes of JSON.
const LONGEST: usize = 16 << 10;
/// Deeper than this nothing is shown.
const DEEPEST: usize = 16;
/// A member whose name holds one of these is not shown. The names are compared without `_` and `-`, in lower case.
const SECRET: [&str; 14] = [
    "password",
    "passphrase",
    "secret",
    "token",
    "digest",
    "hash",
    "totp",
    "apikey",
    "privatekey",
    "seed",
    "authorization",
    "cookie",
    "credential",
    "recoverycode",
];

/// The same value with the values of members whose names speak of secrets replaced by `"…"`.
pub fn redact(value: Value) -> Value {
    cover(value, 0)
}

fn cover(value: Value, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::from("…");
    }
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                // whether there is one may be seen
                let hidden = is_secret(&name) && !matches!(value, Value::Null | Value::Bool(_));
                let value = if hidden { Value::from("…") } else { cover(value, depth + 1) };
                (name, value)
            });
            Value::Object(members.collect())
        }
        Value::Array(values) => {
            Value::Array(values.into_iter().map(|value| cover(value, depth + 1)).collect())
        }
        other => other,
    }
}

fn is_secret(name: &str) -> bool {
    let name: String =
        name.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect();
    SECRET.iter().any(|secret| name.contains(secret))
}

/// As stored: one line of JSON that is not too long.
pub(super) fn settle(value: Value) -> String {
    let covered = redact(value).to_string();
    let covered = if covered.len() > LONGEST {
        json!({ "cut": true, "bytes": covered.len(), "begins": text::fit(&covered, 256) }).to_string()
    } else {
        covered
    };
    // JSON writes a NUL as an escape, so none is left for the database to refuse
    covered
}
