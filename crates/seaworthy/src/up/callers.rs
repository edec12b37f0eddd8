//! Who calls the data plane: what the configuration says of issuers and log-ins becomes authenticators of routes.
//!
//! What did not change at a reload stays as it is, with the keys and tokens it knows.

mod introduction;
mod jwt;
mod key;
mod login;
mod metrics;
mod mtls;
mod own;
mod session;
mod signer;
#[cfg(test)]
mod tests;
mod witness;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderName;
use seaworthy_api::IdentityDoor;
use seaworthy_gateway::access::{Access, Authenticator, Carrier, OwnCredential};
use seaworthy_gateway::settings::Settings;
use seaworthy_oauth::client::{Authentication, ClientCredentials};
use seaworthy_oauth::fetch::Http;
use seaworthy_oauth::introspect::{self, Introspector};
use seaworthy_oauth::jwt::{Issuer, Keys, Options, Verifier};
use seaworthy_oauth::oidc::{Login, LoginSettings};
use seaworthy_store::seal::Keyring;
use seaworthy_telemetry::metrics::Registry;
use tokio::runtime::Handle;

use crate::config::identity::{Callers as Wanted, LOGIN, Rule};
use introduction::Introduction;
use jwt::TokenWay;
use key::KeyWay;
use login::Pages;
use mtls::CertificateWay;
use own::OwnToken;
use session::SessionWay;
use signer::{KeySet, Signer};
use witness::Denials;

/// What sealed cookies of a log-in are keyed for.
const COOKIES: &str = "login cookies";

/// Everything that recognises callers, kept over reloads.
pub(super) struct Callers {
    http: Http,
    door: IdentityDoor,
    denials: Arc<Denials>,
    keyring: Option<Arc<Keyring>>,
    current: metrics::Current,
    verifier: Option<Kept<Verifier>>,
    introspectors: BTreeMap<String, Kept<Introspector>>,
    logins: BTreeMap<String, Kept<Login>>,
    own: BTreeMap<String, Kept<OwnToken>>,
}

/// Something made of settings, and what they were.
struct Kept<T> {
    of: String,
    it: Arc<T>,
}

impl Callers {
    /// `handle`: where keys are fetched.
    pub(super) fn new(handle: Handle, door: IdentityDoor, registry: &Registry) -> Self {
        let (introspectors, logins) = (BTreeMap::new(), BTreeMap::new());
        let denials = Arc::new(Denials::new(door.clone()));
        let current = metrics::Current::default();
        metrics::export(registry, &current, &door);
        Self {
            http: Http::new(handle),
            door,
            denials,
            current,
            keyring: None,
            verifier: None,
            introspectors,
            logins,
            own: BTreeMap::new(),
        }
    }

    /// Gives the routes of a configuration what they ask for. On an error nothing of it may be used.
    pub(super) fn dress(&mut self, settings: &mut Settings, wanted: &Wanted) -> Result<(), String> {
        settings.witness = Some(Arc::clone(&self.denials) as Arc<_>);
        settings.carriers = ours();
        if wanted.is_empty() {
            return Ok(());
        }
        self.prepare(wanted)?;
        let signed = wanted.routes.iter().flatten().any(|rule| rule.signed);
        let signer = match signed {
            true => Some(Arc::new(Signer::new(&*self.keyring(&wanted.key_file)?, &wanted.issuer)?)),
            false => None,
        };
        let mut reserved: Vec<HeaderName> = introduction::NAMES.to_vec();
        reserved.push(introduction::TOKEN);
        for (route, rule) in settings.routes.iter_mut().zip(&wanted.routes) {
            let Some(rule) = rule else { continue };
            let services = || route.targets.iter().map(|(name, _)| name.to_string()).collect();
            let signer = signer.as_ref().filter(|_| rule.signed);
            let signer = signer.map(|signer| (Arc::clone(signer), services()));
            let introduction = Arc::new(Introduction::new(rule, signer));
            reserved.extend(rule.claims.iter().map(|(_, header)| header.clone()));
            let any_of: Vec<_> =
                rule.ways.iter().filter_map(|way| self.way(way, rule, &introduction)).collect();
            if any_of.len() != rule.ways.len() {
                return Err(format!("route \"{}\": a way to show who one is cannot be made", route.name));
            }
            route.access = Some(Access {
                any_of,
                scopes: rule.scopes.iter().map(|text| text.as_str().into()).collect(),
                roles: rule.roles.iter().map(|text| text.as_str().into()).collect(),
                pass_credential: rule.pass_credential,
            });
        }
        for service in &mut settings.services {
            let own = self.own.get(&*service.name).map(|kept| Arc::clone(&kept.it) as Arc<_>);
            service.credential = own.map(OwnCredential);
        }
        reserved.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        reserved.dedup();
        settings.reserved = reserved;
        settings.carriers.extend(self.logins.values().map(|login| session::carrier(&login.it)));
        settings.logins =
            self.logins.iter().map(|(name, login)| Pages::of(name, &login.it, &self.door)).collect();
        settings.logins.extend(signer.map(|signer| Arc::new(KeySet(signer)) as Arc<_>));
        Ok(())
    }

    /// Authenticators of the control listener.
    pub(super) fn control(&self, wanted: &Wanted) -> Arc<[Arc<dyn Authenticator>]> {
        let rule = Rule { ways: vec!["jwt".to_owned()], issuers: wanted.control.clone(), ..Rule::default() };
        if wanted.control.is_empty() {
            return Arc::from([]);
        }
        self.way("jwt", &rule, &Arc::new(Introduction::new(&rule, None))).into_iter().collect()
    }

    fn way(
        &self,
        way: &str,
        rule: &Rule,
        introduction: &Arc<Introduction>,
    ) -> Option<Arc<dyn Authenticator>> {
        let introduction = Arc::clone(introduction);
        match way {
            "jwt" => {
                let verifier = self.verifier.as_ref().filter(|kept| !kept.of.is_empty());
                let verifier = verifier.map(|kept| Arc::clone(&kept.it));
                let asked = self.introspectors.iter();
                let asked = asked.filter(|(name, _)| rule.issuers.is_empty() || rule.issuers.contains(name));
                let asked = asked.map(|(_, kept)| Arc::clone(&kept.it)).collect();
                Some(Arc::new(TokenWay::new((verifier, asked), self.door.clone(), rule, introduction)))
            }
            "session" => {
                let (name, login) = self.logins.get_key_value(rule.login.as_ref()?)?;
                Some(Arc::new(SessionWay::new(name, Arc::clone(&login.it), introduction, self.door.clone())))
            }
            "api_key" => Some(Arc::new(KeyWay::new(self.door.clone(), introduction))),
            "mtls" => Some(Arc::new(CertificateWay::new(introduction))),
            _ => None,
        }
    }

    /// Makes what is wanted, or keeps what is the same.
    fn prepare(&mut self, wanted: &Wanted) -> Result<(), String> {
        let of = wanted.issuers.iter().map(issuer_print).collect::<String>();
        if self.verifier.as_ref().is_none_or(|kept| kept.of != of) {
            let made = Verifier::new(wanted.issuers.clone(), Options::default(), self.http.clone());
            let it = made.map_err(|error| error.to_string())?;
            it.prepare(std::time::SystemTime::now());
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&it));
            self.verifier = Some(Kept { of, it });
        }
        let mut introspectors = BTreeMap::new();
        for settings in &wanted.introspected {
            let kept = self.introspectors.remove(&settings.name);
            let kept = keep(kept, introspect_print(settings), || {
                Introspector::new(settings.clone(), self.http.clone()).map_err(|error| error.to_string())
            })?;
            introspectors.insert(settings.name.clone(), kept);
        }
        self.introspectors = introspectors;
        self.prepare_own(wanted)?;
        self.prepare_logins(wanted)
    }

    /// The gateway's own tokens for services.
    fn prepare_own(&mut self, wanted: &Wanted) -> Result<(), String> {
        let mut own = BTreeMap::new();
        for (service, settings) in &wanted.credentials {
            let of = format!("{settings:?} {}", proof(&settings.authentication));
            let kept = keep(self.own.remove(service), of, || {
                let made = ClientCredentials::new(settings.clone(), self.http.clone());
                let made = made.map_err(|error| error.to_string())?;
                // the first token is on its way before the first request
                let _ = made.current(std::time::SystemTime::now());
                Ok(Arc::new(OwnToken::new(made)))
            })?;
            own.insert(service.clone(), kept);
        }
        self.own = own;
        Ok(())
    }

    fn prepare_logins(&mut self, wanted: &Wanted) -> Result<(), String> {
        let mut logins = BTreeMap::new();
        for settings in &wanted.logins {
            let keyring = self.keyring(&wanted.key_file)?;
            let key = |version| keyring.derive(COOKIES, version).map_err(|error| error.to_string());
            let mut versions: Vec<u32> = keyring.versions().collect();
            versions.reverse();
            let keys = versions.into_iter().map(key).collect::<Result<Vec<_>, _>>()?;
            let settings = LoginSettings { keys, ..settings.clone() };
            let kept = self.logins.remove(&settings.name);
            let kept = keep(kept, login_print(&settings), || {
                Login::new(settings.clone(), self.http.clone()).map_err(|error| error.to_string())
            })?;
            logins.insert(settings.name.clone(), kept);
        }
        self.logins = logins;
        Ok(())
    }

    /// The keys of the key file; read once.
    pub(super) fn keyring(&mut self, file: &Path) -> Result<Arc<Keyring>, String> {
        if let Some(keyring) = &self.keyring {
            return Ok(Arc::clone(keyring));
        }
        let keyring = Keyring::open(file).map_err(|error| error.to_string())?;
        Ok(Arc::clone(self.keyring.insert(Arc::new(keyring))))
    }
}

/// What credentials of ours come in. Cookies know no ports: those of the control listener come here too.
fn ours() -> Vec<Carrier> {
    let bearer =
        |prefix: &str| Carrier::Prefixed(http::header::AUTHORIZATION, format!("Bearer {prefix}").into());
    vec![
        Carrier::Cookies("seaworthy_session".into()),
        Carrier::Cookies("seaworthy_device".into()),
        Carrier::Cookies("seaworthy_operator".into()),
        Carrier::Prefixed(HeaderName::from_static("x-api-key"), "sw_".into()),
        bearer("sw_"),
        bearer("swop_"),
        bearer("swos_"),
        bearer("sws_"),
    ]
}

fn keep<T>(
    kept: Option<Kept<T>>,
    of: String,
    make: impl FnOnce() -> Result<Arc<T>, String>,
) -> Result<Kept<T>, String> {
    match kept {
        Some(kept) if kept.of == of => Ok(kept),
        _ => Ok(Kept { it: make()?, of }),
    }
}

/// What tells settings apart, their secrets included, which they do not show.
fn issuer_print(issuer: &Issuer) -> String {
    let secret = match &issuer.keys {
        Keys::Hmac(secret) => print(secret.expose()),
        _ => String::new(),
    };
    format!("{issuer:?} {secret}\n")
}

fn introspect_print(settings: &introspect::Settings) -> String {
    format!("{settings:?} {}", proof(&settings.authentication))
}

fn login_print(settings: &LoginSettings) -> String {
    let keys: String = settings.keys.iter().map(|key| print(key.expose())).collect();
    format!("{settings:?} {} {keys}", proof(&settings.authentication))
}

fn proof(authentication: &Authentication) -> String {
    match authentication {
        Authentication::Basic(secret) | Authentication::Post(secret) => print(secret.expose().as_bytes()),
        Authentication::Public => String::new(),
    }
}

fn print(secret: &[u8]) -> String {
    digest(&SHA256, secret).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The paths of a log-in.
fn prefix(name: &str) -> String {
    format!("{LOGIN}{name}/")
}
