use super::header::media_type;
use super::{Issuer, Purpose, Reject, Verified};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The year 9999: later dates are mistakes.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// More scopes or roles than this are a mistake or an attack.
const MOST_NAMES: usize = 256;
/// Longer subjects, identifiers and names go nowhere.
const MOST_TEXT_BYTES: usize = 2048;

/// A `NumericDate`, fractions cut off. Texts are no dates.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<SystemTime>, Reject> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    match value.as_f64() {
        Some(seconds) if (0.0..=LAST_SECOND).contains(&seconds) => {
            Ok(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds as u64)))
        }
        _ => Err(Reject::ClaimInvalid),
    }
}

/// A text that is fit to be sent on in a header.
fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<Arc<str>>, Reject> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if is_fit(text) => Ok(Some(text.as_str().into())),
        Some(_) => Err(Reject::ClaimInvalid),
    }
}

fn is_fit(text: &str) -> bool {
    !text.is_empty() && text.len() <= MOST_TEXT_BYTES && !text.contains(char::is_control)
}

/// A claim by its whole name, else by a path whose steps are parted by dots.
fn at<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut steps = path.split('.');
    let first = claims.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

/// Names: an array of texts, or one text parted by spaces.
fn names(value: Option<&Value>) -> Result<Vec<Arc<str>>, Reject> {
    let all: Vec<&str> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split(' ').filter(|name| !name.is_empty()).collect(),
        Some(Value::Array(all)) => {
            all.iter().map(|one| one.as_str().ok_or(Reject::ClaimInvalid)).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(Reject::ClaimInvalid),
    };
    if all.len() > MOST_NAMES || !all.iter().all(|name| is_fit(name)) {
        return Err(Reject::ClaimInvalid);
    }
    Ok(all.into_iter().map(Arc::from).collect())
}

/// Reads and judges the claims of one issuer's token. The signature is judged elsewhere.
pub(crate) fn read(issuer: &Issuer, claims: Map<String, Value>, now: SystemTime) -> Result<Verified, Reject> {
    purpose(issuer.purpose, &claims)?;
    audience(issuer, &claims)?;
    if issuer.required_claims.iter().any(|path| at(&claims, path).is_none_or(Value::is_null)) {
        return Err(Reject::ClaimMissing);
    }
    let (issued, expires) = times(issuer, &claims, now)?;
    let subject = match text(&claims, "sub")? {
        Some(subject) => subject,
        // a log-out token may name a session alone
        None if issuer.purpose == Purpose::Logout => "".into(),
        None => return Err(Reject::ClaimMissing),
    };
    let scope = match &issuer.scope_claim {
        Some(path) => at(&claims, path),
        None => claims.get("scope").or_else(|| claims.get("scp")),
    };
    let client_id = match text(&claims, "client_id")? {
        Some(client) => Some(client),
        None => text(&claims, "azp")?,
    };
    let tenant = match issuer.tenant_claim.as_ref().and_then(|path| at(&claims, path)) {
        None => None,
        Some(Value::String(tenant)) if is_fit(tenant) => Some(tenant.as_str().into()),
        Some(_) => return Err(Reject::ClaimInvalid),
    };
    Ok(Verified {
        issuer: issuer.name.as_str().into(),
        issuer_url: issuer.issuer.as_str().into(),
        subject,
        client_id,
        scopes: names(scope)?,
        roles: names(issuer.roles_claim.as_ref().and_then(|path| at(&claims, path)))?,
        tenant,
        token_id: text(&claims, "jti")?,
        issued,
        expires,
        claims,
    })
}

/// Providers mark the kind of a token in several ways; each of them counts.
fn purpose(purpose: Purpose, claims: &Map<String, Value>) -> Result<(), Reject> {
    for name in ["typ", "token_use", "token_type", "use"] {
        let Some(value) = claims.get(name) else { continue };
        let kind = value.as_str().map(media_type).ok_or(Reject::Type)?;
        let fits = match purpose {
            Purpose::Access => {
                matches!(kind.as_str(), "access" | "bearer" | "jwt" | "at+jwt" | "access_token")
            }
            Purpose::Identity => matches!(kind.as_str(), "id" | "id_token" | "jwt"),
            Purpose::Logout => matches!(kind.as_str(), "logout" | "logout+jwt" | "jwt"),
        };
        if !fits {
            return Err(Reject::Type);
        }
    }
    let only_in_id_tokens = ["at_hash", "c_hash", "s_hash"].iter().any(|name| claims.contains_key(*name));
    if purpose == Purpose::Access && (only_in_id_tokens || claims.contains_key("events")) {
        return Err(Reject::Type);
    }
    Ok(())
}

fn audience(issuer: &Issuer, claims: &Map<String, Value>) -> Result<(), Reject> {
    let meant = |one: &Value| one.as_str().is_some_and(|one| issuer.audiences.iter().any(|own| own == one));
    match claims.get("aud") {
        None => Err(Reject::ClaimMissing),
        Some(one @ Value::String(_)) if meant(one) => Ok(()),
        Some(Value::Array(all)) if !all.iter().all(Value::is_string) => Err(Reject::ClaimInvalid),
        Some(Value::Array(all)) if all.iter().any(meant) => Ok(()),
        Some(Value::String(_) | Value::Array(_)) => Err(Reject::Audience),
        Some(_) => Err(Reject::ClaimInvalid),
    }
}

fn times(
    issuer: &Issuer,
    claims: &Map<String, Value>,
    now: SystemTime,
) -> Result<(Option<SystemTime>, SystemTime), Reject> {
    let expires = date(claims, "exp")?.ok_or(Reject::ClaimMissing)?;
    let begins = date(claims, "nbf")?;
    let issued = date(claims, "iat")?;
    if now >= expires + issuer.leeway {
        return Err(Reject::Expired);
    }
    if begins.is_some_and(|begins| begins > now + issuer.leeway) {
        return Err(Reject::NotYetValid);
    }
    if issued.is_some_and(|issued| issued > now + issuer.leeway) {
        return Err(Reject::IssuedInFuture);
    }
    if let Some(most) = issuer.max_age {
        let issued = issued.ok_or(Reject::ClaimMissing)?;
        if now > issued + most + issuer.leeway {
            return Err(Reject::TooOld);
        }
    }
    Ok((issued, expires))
}
