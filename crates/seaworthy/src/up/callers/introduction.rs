//! How a service is told who calls.

use std::fmt::Write as _;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use seaworthy_gateway::access::Caller;
use serde_json::{Map, Value};

use super::signer::{AGAIN, Signer};
use crate::config::identity::Rule;

/// What is signed.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");
/// Headers that only the gateway writes.
pub(super) const NAMES: [HeaderName; 6] = [
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-issuer"),
    HeaderName::from_static("x-auth-method"),
    HeaderName::from_static("x-auth-scopes"),
    HeaderName::from_static("x-auth-roles"),
    HeaderName::from_static("x-auth-tenant"),
];
/// The longest value of a claim that is passed on, in bytes.
const LONGEST: usize = 2_048;

/// What of a caller a route's service is told, and who may be one.
#[derive(Debug)]
pub(super) struct Introduction {
    forward: bool,
    claims: Vec<(String, HeaderName)>,
    subjects: Vec<String>,
    /// Who signs, and the services it is for.
    signer: Option<(Arc<Signer>, Vec<String>)>,
}

impl Introduction {
    pub(super) fn new(rule: &Rule, signer: Option<(Arc<Signer>, Vec<String>)>) -> Self {
        Self { forward: rule.forward, claims: rule.claims.clone(), subjects: rule.subjects.clone(), signer }
    }

    /// Callers whose headers are kept ready, as long as they are good.
    pub(super) fn ready<K, V>(&self, most: u64) -> moka::sync::Cache<K, V>
    where
        K: std::hash::Hash + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
    {
        let cache = moka::sync::Cache::builder().max_capacity(most);
        match self.signer {
            Some(_) => cache.time_to_live(AGAIN).build(),
            None => cache.build(),
        }
    }

    /// Whether this caller may be one.
    pub(super) fn admits(&self, subject: &str) -> bool {
        self.subjects.is_empty() || self.subjects.iter().any(|known| known == subject)
    }

    /// Writes the headers of a caller.
    pub(super) fn write(&self, mut caller: Caller, claims: &Map<String, Value>) -> Arc<Caller> {
        if self.forward {
            let join = |list: &[Arc<str>], between: char| {
                list.iter()
                    .map(|text| plain(text, Some(between)))
                    .collect::<Vec<_>>()
                    .join(&between.to_string())
            };
            let [subject, issuer, method, scopes, roles, tenant] = NAMES;
            let mut lines = vec![
                (subject, plain(&caller.subject, None)),
                (issuer, plain(&caller.issuer, None)),
                (method, caller.method.to_owned()),
                (scopes, join(&caller.scopes, ' ')),
                (roles, join(&caller.roles, ',')),
                (tenant, caller.tenant.as_deref().map(|tenant| plain(tenant, None)).unwrap_or_default()),
            ];
            for (claim, header) in &self.claims {
                let value = claims.get(claim).or_else(|| at_path(claims, claim));
                lines.push((header.clone(), value.map(shown).unwrap_or_default()));
            }
            lines.retain(|(_, text)| !text.is_empty() && text.len() <= LONGEST);
            let line = |(name, text): (HeaderName, String)| Some((name, HeaderValue::from_str(&text).ok()?));
            caller.headers = lines.into_iter().filter_map(line).collect();
        }
        if let Some((signer, services)) = &self.signer {
            caller.proof = signer.sign(&caller, services).map(|token| (TOKEN, token));
        }
        Arc::new(caller)
    }
}

/// A claim inside others: `realm_access.roles`.
fn at_path<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let first = claims.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text, None),
        Value::Array(all) if all.iter().all(Value::is_string) => {
            let texts = all.iter().filter_map(Value::as_str).map(|text| plain(text, Some(',')));
            texts.collect::<Vec<_>>().join(",")
        }
        Value::Null => String::new(),
        other => plain(&other.to_string(), None),
    }
}

/// A text as a header can hold it: what is no visible ASCII, the percent sign, and what separates list members are
/// percent-encoded.
fn plain(text: &str, between: Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let edge = byte == b' ' && (between == Some(' ') || out.is_empty());
        let fits = (0x20..0x7f).contains(&byte) && byte != b'%' && Some(char::from(byte)) != between && !edge;
        match fits {
            true => out.push(char::from(byte)),
            false => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ASVS 4.1.3: what a caller is called cannot end a header or begin another.
    #[test]
    fn names_cannot_break_out_of_their_header() {
        assert_eq!(plain("ann\r\nx-auth-roles: admin", None), "ann%0D%0Ax-auth-roles: admin");
        assert_eq!(plain("a,b", Some(',')), "a%2Cb");
        assert_eq!(plain("a b", Some(' ')), "a%20b");
        assert_eq!(plain(" Zoë 100%", None), "%20Zo%C3%AB 100%25");
        let claims = serde_json::json!({ "a": { "b": ["x", "y,z"] }, "n": 5, "no": null });
        let claims = claims.as_object().unwrap();
        assert_eq!(at_path(claims, "a.b").map(shown).as_deref(), Some("x,y%2Cz"));
        assert_eq!(at_path(claims, "a.c"), None);
        assert_eq!(shown(&claims["n"]), "5");
        assert_eq!(shown(&claims["no"]), "");
    }
}
