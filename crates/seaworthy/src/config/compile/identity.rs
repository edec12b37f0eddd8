//! Who may call: from what the file says to settings of those who find out.

mod people;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;

use http::HeaderName;
use seaworthy_core::Secret;
use seaworthy_oauth::client::{self, Authentication};
use seaworthy_oauth::fetch::Http;
use seaworthy_oauth::introspect;
use seaworthy_oauth::jwt::{self, Algorithm, Keys};
use seaworthy_oauth::oidc::LoginSettings;

use super::Files;
use super::telemetry;
use crate::config::file::identity::{Auth, AuthTable, Introspection, Issuer, Login, WAYS};
use crate::config::file::{File, Route};
use crate::config::problem::{Problems, nearest};
use crate::config::setting::At;

pub(super) use people::{roles, settings};

/// Headers that tell what was verified of a caller.
const WRITTEN: [&str; 7] = [
    "x-auth-subject",
    "x-auth-issuer",
    "x-auth-method",
    "x-auth-scopes",
    "x-auth-roles",
    "x-auth-tenant",
    "x-auth-token",
];
/// The issuer that this Seaworthy is itself.
pub(crate) const OURSELVES: &str = "self";
/// Where the paths of a log-in are, on every listener.
pub(crate) const LOGIN: &str = "/.seaworthy/login/";

/// Who may call what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Callers {
    /// The key file.
    pub(crate) key_file: PathBuf,
    /// What signed tokens call their issuer.
    pub(crate) issuer: String,
    /// Issuers whose tokens are verified here.
    pub(crate) issuers: Vec<jwt::Issuer>,
    /// Issuers that are asked about each token.
    pub(crate) introspected: Vec<introspect::Settings>,
    /// Names of issuers whose tokens the control listener accepts.
    pub(crate) control: Vec<String>,
    /// Ways to log in; their keys come at the start.
    pub(crate) logins: Vec<LoginSettings>,
    /// What the gateway shows to services, by their names.
    pub(crate) credentials: Vec<(String, client::Settings)>,
    /// What each route asks for, in the order of routes.
    pub(crate) routes: Vec<Option<Rule>>,
}

impl Callers {
    /// Whether any route, or the control listener, asks for what somebody else vouches for.
    pub(crate) fn is_empty(&self) -> bool {
        self.routes.iter().all(Option::is_none) && self.control.is_empty() && self.credentials.is_empty()
    }
}

/// What a route asks for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    pub(crate) ways: Vec<String>,
    pub(crate) issuers: Vec<String>,
    pub(crate) login: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) subjects: Vec<String>,
    pub(crate) forward: bool,
    pub(crate) signed: bool,
    pub(crate) claims: Vec<(String, HeaderName)>,
    pub(crate) pass_credential: bool,
}

pub(super) fn callers(file: &File, files: &mut Files<'_>, problems: &mut Problems) -> Callers {
    let mut callers = Callers {
        key_file: files.folder.join(&file.identity.key_file),
        issuer: file.identity.issuer.clone(),
        ..Callers::default()
    };
    for (name, written) in &file.issuer {
        if name == OURSELVES {
            problems.push(written.spans.of(""), "\"self\" is this Seaworthy; give the issuer another name");
        }
        match &written.introspection {
            Some(asked) => callers.introspected.push(introspected(name, written, asked, files, problems)),
            None => callers.issuers.extend(issuer(name, written, files, problems)),
        }
        if written.control {
            callers.control.push(name.clone());
        }
    }
    for (name, written) in &file.login {
        callers.logins.extend(login(name, written, files, problems));
    }
    for (name, service) in &file.service {
        let Some(written) = &service.credentials else { continue };
        url(&written.token_endpoint, written.spans.of("token_endpoint"), written.plain_http, problems);
        let secret = read(&written.client_secret, files, problems).unwrap_or_default();
        let settings = client::Settings {
            token_endpoint: written.token_endpoint.value.clone(),
            client_id: written.client_id.clone(),
            authentication: Authentication::Basic(Secret::new(secret.trim().to_owned())),
            scopes: written.scopes.clone(),
            audience: written.audience.clone(),
            plain_http: written.plain_http,
        };
        callers.credentials.push((name.clone(), settings));
    }
    callers.routes = routes(file, problems);
    unused(file, &callers, problems);
    callers
}

/// A receiver of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Syslog {
    /// Whether by TCP, each line in a frame; else by UDP.
    pub(crate) framed: bool,
    /// A name, or an address without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl std::fmt::Display for Syslog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.framed { "tcp" } else { "udp" };
        write!(f, "syslog {scheme}://{}:{}", self.host, self.port)
    }
}

/// Who else gets the audit log.
pub(super) fn syslog(file: &File, problems: &mut Problems) -> Option<Syslog> {
    let written = file.identity.audit_syslog.as_ref()?;
    let parsed = receiver(&written.value);
    if parsed.is_none() {
        let suggestion = Some("write \"udp://HOST:514\" or \"tcp://HOST:601\"".to_owned());
        problems.suggest(
            written.span.clone(),
            format!("\"{}\" is no syslog receiver", written.value),
            suggestion,
        );
    }
    parsed
}

/// A collector of the audit log.
pub(super) fn collector(file: &File, problems: &mut Problems) -> Option<String> {
    file.identity.audit_otlp.as_ref().and_then(|written| telemetry::otlp(written, "logs", problems))
}

fn receiver(text: &str) -> Option<Syslog> {
    let uri = text.parse::<http::Uri>().ok()?;
    let (framed, usual) = match uri.scheme_str()? {
        "udp" => (false, 514),
        "tcp" => (true, 601),
        _ => return None,
    };
    let authority = uri.authority()?;
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok().filter(|port| *port != 0)?,
        None => usual,
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let fits = !host.is_empty() && !authority.as_str().contains('@') && is_bare;
    fits.then(|| Syslog { framed, host: host.to_owned(), port })
}

/// The rules of all routes. A route that says nothing is open only in a file where no route asks for anything.
fn routes(file: &File, problems: &mut Problems) -> Vec<Option<Rule>> {
    let asked = !file.issuer.is_empty()
        || !file.login.is_empty()
        || file.route.iter().any(|route| matches!(route.auth, Some(Auth::Of(_))));
    let mut rules = Vec::new();
    for route in &file.route {
        if route.auth.is_none() && asked {
            let suggestion = Some("write auth = \"none\" if everybody may".to_owned());
            problems.suggest(route.spans.of("path"), "this route does not say who may use it", suggestion);
        }
        rules.push(match &route.auth {
            Some(Auth::Of(table)) => Some(rule(table, route, file, problems)),
            _ => None,
        });
    }
    if file.route.is_empty() && asked {
        problems.push(
            0..0,
            "there are issuers or log-ins and no route that asks for them; add [[route]] with `auth`",
        );
    }
    rules
}

fn rule(table: &AuthTable, route: &Route, file: &File, problems: &mut Problems) -> Rule {
    let place = route.spans.of("auth");
    let has = |way: &str| table.any_of.iter().any(|written| written.value == way);
    if table.any_of.is_empty() {
        let suggestion = Some("write auth = \"none\" if everybody may".to_owned());
        problems.suggest(place.clone(), "`any_of` names no way to show who one is", suggestion);
    }
    let mut seen = BTreeSet::new();
    for way in &table.any_of {
        if !WAYS.contains(&way.value.as_str()) {
            let meant = nearest(&way.value, WAYS).unwrap_or("jwt");
            let suggestion = Some(format!("did you mean \"{meant}\"? ({})", WAYS.join(", ")));
            problems.suggest(
                way.span.clone(),
                format!("\"{}\" is no way to show who one is", way.value),
                suggestion,
            );
        } else if !seen.insert(&way.value) {
            problems.push(way.span.clone(), "is listed twice");
        }
    }
    let issuers = issuers_of(table, file, has("jwt"), &place, problems);
    for (way, written) in [("jwt", !table.issuers.is_empty()), ("session", table.login.is_some())] {
        if written && !has(way) {
            problems.push(place.clone(), format!("names what only `{way}` uses, which is not in `any_of`"));
        }
    }
    if has("api_key") && file.store.is_none() && file.jobs.is_none() {
        problems.push(place.clone(), "API keys are kept in the store; write [store]");
    }
    if has("mtls")
        && !file
            .listener
            .iter()
            .any(|listener| listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()))
    {
        problems.push(place.clone(), "no listener asks for client certificates (listener.tls.client_auth)");
    }
    Rule {
        ways: table.any_of.iter().map(|way| way.value.clone()).collect(),
        issuers,
        login: if has("session") { login_of(table, file, &place, problems) } else { None },
        scopes: table.scopes.clone(),
        roles: table.roles.clone(),
        subjects: table.subjects.clone(),
        forward: table.forward,
        signed: table.signed,
        claims: claims(table, problems),
        pass_credential: table.pass_credential,
    }
}

fn issuers_of(
    table: &AuthTable,
    file: &File,
    wanted: bool,
    place: &Range<usize>,
    problems: &mut Problems,
) -> Vec<String> {
    let stores = file.store.is_some() || file.jobs.is_some();
    if wanted && file.issuer.is_empty() && !stores {
        let text = "nobody's tokens are believed: write [issuer.NAME], or [store] for tokens issued here";
        problems.push(place.clone(), text);
    }
    for written in &table.issuers {
        let known = file.issuer.contains_key(&written.value) || (written.value == OURSELVES && stores);
        if !known {
            let meant = nearest(&written.value, file.issuer.keys().map(String::as_str));
            let suggestion = meant.map(|meant| format!("did you mean \"{meant}\"?"));
            problems.suggest(
                written.span.clone(),
                format!("there is no issuer \"{}\"", written.value),
                suggestion,
            );
        }
    }
    table.issuers.iter().map(|issuer| issuer.value.clone()).collect()
}

fn login_of(table: &AuthTable, file: &File, place: &Range<usize>, problems: &mut Problems) -> Option<String> {
    let mut names = file.login.keys();
    match (&table.login, names.next(), names.next()) {
        (Some(login), ..) if file.login.contains_key(&login.value) => Some(login.value.clone()),
        (Some(login), ..) => {
            let meant = nearest(&login.value, file.login.keys().map(String::as_str));
            let suggestion = meant.map(|meant| format!("did you mean \"{meant}\"?"));
            problems.suggest(
                login.span.clone(),
                format!("there is no log-in \"{}\"", login.value),
                suggestion,
            );
            None
        }
        (None, Some(only), None) => Some(only.clone()),
        (None, None, _) => {
            problems.push(place.clone(), "sessions begin with a log-in: write [login.NAME]");
            None
        }
        (None, ..) => {
            problems.push(place.clone(), "there are several log-ins; say which with `login`");
            None
        }
    }
}

fn claims(table: &AuthTable, problems: &mut Problems) -> Vec<(String, HeaderName)> {
    if !table.forward && !table.claims.is_empty() {
        problems.push(table.spans.of("claims"), "has no effect: `forward` is false");
    }
    let mut headers = Vec::new();
    for (claim, header) in &table.claims {
        match header.value.parse::<HeaderName>() {
            Ok(name) if WRITTEN.contains(&name.as_str()) => {
                problems.push(header.span.clone(), "this header tells what was verified; use another");
            }
            Ok(name) if name.as_str().starts_with("x-") => headers.push((claim.clone(), name)),
            Ok(_) => problems.push(header.span.clone(), "use a header of your own, starting with X-"),
            Err(_) => {
                problems.push(header.span.clone(), format!("\"{}\" is not a header name", header.value))
            }
        }
    }
    headers
}

/// What nothing asks for has no effect.
fn unused(file: &File, callers: &Callers, problems: &mut Problems) {
    let rules: Vec<&Rule> = callers.routes.iter().flatten().collect();
    for (name, written) in &file.issuer {
        let used = |rule: &&Rule| {
            rule.ways.iter().any(|way| way == "jwt")
                && (rule.issuers.is_empty() || rule.issuers.contains(name))
        };
        if !written.control && !rules.iter().any(used) {
            problems.push(written.spans.of("issuer"), "has no effect: no route accepts its tokens");
        }
    }
    for (name, written) in &file.login {
        if !rules.iter().any(|rule| rule.login.as_ref() == Some(name)) {
            problems.push(written.spans.of("issuer"), "has no effect: no route asks for this log-in");
        }
    }
}

/// What is said of people, sessions and the audit log, and has nowhere to be: there is no store.
pub(super) fn without_store(file: &File, problems: &mut Problems) {
    // the key file and the name of this issuer serve sealed cookies and signed callers, too
    const ELSEWHERE: [&str; 2] = ["key_file", "issuer"];
    for (name, place) in file.identity.spans.written() {
        if !ELSEWHERE.contains(&name) {
            let suggestion = Some("write [store]".to_owned());
            problems.suggest(
                place,
                "has no effect: people and the audit log are kept in a store",
                suggestion,
            );
        }
    }
}

/// A URL that tokens, keys or people are sent to.
fn url(text: &At<String>, place: Range<usize>, plain: bool, problems: &mut Problems) {
    let uri = text.value.parse::<http::Uri>().ok().filter(|uri| uri.authority().is_some());
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match uri.as_ref().and_then(http::Uri::scheme_str) {
        Some("https") => {}
        Some("http") if here || plain => {}
        Some("http") => {
            problems.push(place, "is not encrypted; use https, or `plain_http = true` if you must")
        }
        _ => {
            let suggestion = Some("write something like \"https://id.example.com\"".to_owned());
            problems.suggest(place, format!("\"{}\" is not a URL", text.value), suggestion);
        }
    }
}

fn issuer(
    name: &str,
    written: &Issuer,
    files: &mut Files<'_>,
    problems: &mut Problems,
) -> Option<jwt::Issuer> {
    let sources = [written.jwks.is_some(), written.keys.is_some(), written.secret.is_some()];
    if sources.iter().filter(|given| **given).count() > 1 {
        problems.push(written.spans.of("issuer"), "give one of `jwks`, `keys` and `secret`");
        return None;
    }
    if written.issuer.value.is_empty() {
        problems
            .push(written.spans.of("issuer"), "an issuer needs `issuer`, the exact value of the claim `iss`");
        return None;
    }
    if written.audiences.is_empty() {
        problems.push(
            written.spans.of("audiences"),
            "an issuer needs `audiences`: a token for somebody else is none for us",
        );
        return None;
    }
    let keys = match (&written.jwks, &written.keys, &written.secret) {
        (Some(jwks), ..) => {
            url(jwks, written.spans.of("jwks"), written.plain_http, problems);
            Keys::Jwks(jwks.value.clone())
        }
        (_, Some(keys), _) => {
            let text = read(keys, files, problems)?;
            if text.trim_start().starts_with('{') { Keys::StaticJwks(text) } else { Keys::Pem(text) }
        }
        (.., Some(secret)) => {
            Keys::Hmac(Secret::new(read(secret, files, problems)?.trim().as_bytes().to_vec()))
        }
        _ => {
            url(&written.issuer, written.spans.of("issuer"), written.plain_http, problems);
            Keys::Discovery
        }
    };
    let mut issuer = jwt::Issuer::new(name, &written.issuer.value, "", keys);
    issuer.audiences = written.audiences.iter().map(|audience| audience.value.clone()).collect();
    issuer.algorithms = algorithms(&written.algorithms, problems);
    issuer.leeway = written.leeway;
    issuer.types = written.types.iter().map(|typ| typ.to_ascii_lowercase()).collect();
    issuer.untyped = written.untyped;
    issuer.required_claims.clone_from(&written.required_claims);
    issuer.scope_claim.clone_from(&written.scope_claim);
    issuer.roles_claim.clone_from(&written.roles_claim);
    issuer.tenant_claim.clone_from(&written.tenant_claim);
    issuer.max_age = written.max_age;
    issuer.plain_http = written.plain_http;
    // each by itself, so that the problem has its place
    if let Some(error) = wrong(&issuer) {
        problems.push(written.spans.of("issuer"), error);
    }
    Some(issuer)
}

/// What a verifier would say of it; nothing is fetched.
fn wrong(issuer: &jwt::Issuer) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let http = Http::new(runtime.handle().clone());
    let made = jwt::Verifier::new(vec![issuer.clone()], jwt::Options::default(), http);
    let wrong = made.err().map(|error| error.to_string());
    // a reload happens on a runtime, where another must not be waited for
    runtime.shutdown_background();
    wrong
}

fn algorithms(written: &[At<String>], problems: &mut Problems) -> Vec<Algorithm> {
    let algorithm = |text: &At<String>| {
        let parsed = text.value.parse::<Algorithm>();
        if parsed.is_err() {
            let all = "RS256, PS256, ES256 (also 384 and 512), EdDSA; HS256, HS384 and HS512 with a `secret`";
            problems.suggest(
                text.span.clone(),
                format!("\"{}\" is not accepted", text.value),
                Some(all.to_owned()),
            );
        }
        parsed.ok()
    };
    written.iter().filter_map(algorithm).collect()
}

fn introspected(
    name: &str,
    written: &Issuer,
    asked: &Introspection,
    files: &mut Files<'_>,
    problems: &mut Problems,
) -> introspect::Settings {
    for (setting, given) in [
        ("jwks", written.jwks.is_some()),
        ("keys", written.keys.is_some()),
        ("secret", written.secret.is_some()),
    ] {
        if given {
            problems.push(written.spans.of(setting), "has no effect: the issuer is asked about each token");
        }
    }
    url(&asked.endpoint, asked.spans.of("endpoint"), written.plain_http, problems);
    let secret =
        Secret::new(read(&asked.client_secret, files, problems).unwrap_or_default().trim().to_owned());
    let authentication = Authentication::Basic(secret);
    let mut settings = introspect::Settings::new(
        name,
        &written.issuer.value,
        &asked.endpoint.value,
        &asked.client_id,
        authentication,
    );
    settings.audiences = written.audiences.iter().map(|audience| audience.value.clone()).collect();
    settings.keep = asked.keep;
    settings.scope_claim.clone_from(&written.scope_claim);
    settings.roles_claim.clone_from(&written.roles_claim);
    settings.tenant_claim.clone_from(&written.tenant_claim);
    settings.plain_http = written.plain_http;
    settings
}

fn login(
    name: &str,
    written: &Login,
    files: &mut Files<'_>,
    problems: &mut Problems,
) -> Option<LoginSettings> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.bytes().all(fits) || name.is_empty() {
        problems.push(
            written.spans.of(""),
            "the name of a log-in is part of a path: use letters, digits, - and _",
        );
        return None;
    }
    url(&written.issuer, written.spans.of("issuer"), written.plain_http, problems);
    url(&written.url, written.spans.of("url"), true, problems);
    if written.client_id.value.is_empty() {
        problems.push(written.spans.of("client_id"), "a log-in needs `client_id`");
    }
    let base = written.url.value.trim_end_matches('/');
    if base.parse::<http::Uri>().is_ok_and(|uri| uri.path() != "/") {
        problems.push(written.spans.of("url"), "has a path; give scheme, host and port only");
    }
    let authentication = match &written.client_secret {
        None => Authentication::Public,
        Some(file) => Authentication::Basic(Secret::new(read(file, files, problems)?.trim().to_owned())),
    };
    let redirect = format!("{base}{LOGIN}{name}/callback");
    // the keys are made at the start
    let none = Secret::new([0; 32]);
    let mut settings = LoginSettings::new(
        (name, &written.issuer.value),
        (&written.client_id.value, authentication),
        &redirect,
        none,
    );
    settings.keys.clear();
    settings.cookie = format!("seaworthy_{name}");
    settings.secure = base.starts_with("https://");
    settings.scopes.extend(written.scopes.iter().cloned());
    settings.roles_claim.clone_from(&written.roles_claim);
    settings.tenant_claim.clone_from(&written.tenant_claim);
    settings.idle = written.idle;
    settings.absolute = written.absolute;
    settings.after_logout = written.after_logout.clone().or_else(|| Some(format!("{base}/")));
    settings.plain_http = written.plain_http;
    Some(settings)
}

/// A file with keys or a secret. What is in it is in no error.
pub(super) fn read(name: &At<String>, files: &mut Files<'_>, problems: &mut Problems) -> Option<String> {
    let path = files.resolve(&name.value);
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Some(text),
        Ok(_) => {
            problems.push(name.span.clone(), format!("{} is empty", path.display()));
            None
        }
        Err(error) => {
            problems.push(name.span.clone(), format!("{}: {error}", path.display()));
            None
        }
    }
}
