//! The embedded certificate authority: certificates of the gateway and of services that are run here are replaced before
//! they end, in place; others ask for theirs at the control listener.
//!
//! The folder is opened for a moment at a time, so that a successor, or a neighbour on the same folder, can have it too.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seaworthy_api::{CertificateError, Certificates, IssuedCertificate, TrustView};
use seaworthy_gateway::settings::{LiveTls, Settings};
use seaworthy_pki::{Authority, Leaf, Live, PkiError, Request, Trust};
use seaworthy_store::Timestamp;

use crate::config::authority::Authority as Wanted;

/// What the gateway is called.
const GATEWAY: &str = "gateway";
/// Between two looks whether something has to be replaced.
const LOOK: Duration = Duration::from_secs(20);
/// How long the folder may be somebody else's, and how often it is looked at.
const PATIENCE: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// The authority of this process.
pub(super) struct Keeper {
    wanted: Mutex<Wanted>,
    live: Arc<Live>,
    tls: LiveTls,
    held: Mutex<Held>,
}

/// What is in use, and when it has to be replaced.
struct Held {
    gateway: Leaf,
    services: BTreeMap<String, Leaf>,
    trust: Trust,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

impl Keeper {
    /// Opens the folder, or makes it, and has a certificate for everybody who needs one now.
    pub(super) fn open(wanted: &Wanted) -> Result<Arc<Self>, String> {
        let text = |error: PkiError| format!("the certificate authority: {error}");
        let now = SystemTime::now();
        let made = with(wanted, |authority| {
            let gateway = authority.issue(&request(wanted, GATEWAY), now)?;
            Ok((gateway, authority.trust(now)?))
        });
        let (gateway, trust) = made.map_err(text)?;
        let live = Live::new(&gateway, &trust).map_err(text)?;
        let config = live.client_config().map_err(text)?;
        let held = Mutex::new(Held { gateway, services: BTreeMap::new(), trust });
        let tls = LiveTls(Arc::new(config));
        let this = Arc::new(Self { wanted: Mutex::new(wanted.clone()), live, tls, held });
        this.renew(now).map_err(text)?;
        Ok(this)
    }

    /// Follows a new configuration; the folder and the domain stay.
    pub(super) fn apply(&self, wanted: &Wanted) {
        {
            let mut known = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            let (folder, domain) = (known.folder.clone(), known.domain.clone());
            *known = Wanted { folder, domain, ..wanted.clone() };
        }
        if let Err(error) = self.renew(SystemTime::now()) {
            tracing::error!(%error, "certificates of services could not be made");
        }
    }

    /// Gives services that speak mutual TLS what they need for it.
    pub(super) fn dress(&self, settings: &mut Settings, wanted: &Wanted) {
        for service in
            settings.services.iter_mut().filter(|service| wanted.services.contains(&service.name.to_string()))
        {
            service.tls.live = Some(self.tls.clone());
            service.tls.server_name = Some(service.name.to_string());
        }
    }

    /// Replaces what has to be, as long as it is asked to.
    pub(super) async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let this = Arc::clone(&self);
            let done = tokio::task::spawn_blocking(move || this.renew(SystemTime::now())).await;
            if let Ok(Err(error)) = done {
                tracing::error!(%error, "certificates could not be replaced; it is tried again");
            }
        }
    }

    /// Replaces what has to be.
    fn renew(&self, now: SystemTime) -> Result<(), PkiError> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |leaf: &Leaf| now >= leaf.renew_at();
        let missing: Vec<_> =
            wanted.run.iter().filter(|name| held.services.get(*name).is_none_or(due)).cloned().collect();
        let gateway_due = due(&held.gateway);
        let (fresh, trust) = with(&wanted, |authority| {
            if authority.wants_rotation(now) {
                authority.rotate(now)?;
                tracing::info!(
                    "the certificate authority has a new root; the old one is trusted as long as it is in use"
                );
            }
            authority.retire(now)?;
            let mut fresh = Vec::new();
            for name in missing.iter().map(String::as_str).chain(gateway_due.then_some(GATEWAY)) {
                fresh.push(authority.issue(&request(&wanted, name), now)?);
            }
            Ok((fresh, authority.trust(now)?))
        })?;
        let changed = trust != held.trust || gateway_due;
        held.trust = trust;
        for leaf in fresh {
            tracing::info!(name = leaf.name, serial = leaf.serial, "a certificate was issued");
            match leaf.name.as_str() {
                GATEWAY => held.gateway = leaf,
                _ => drop(held.services.insert(leaf.name.clone(), leaf)),
            }
        }
        if changed {
            self.live.swap(&held.gateway, &held.trust)?;
        }
        held.services.retain(|name, _| wanted.run.contains(name));
        for (name, leaf) in held.services.iter().filter(|(name, _)| changed || missing.contains(name)) {
            if let Err(error) = write(&wanted.of(name), leaf, &held.trust) {
                tracing::error!(service = name, %error, "a service's certificate could not be written");
            }
        }
        Ok(())
    }

    fn wanted(&self) -> Wanted {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn request(wanted: &Wanted, name: &str) -> Request {
    Request { lifetime: wanted.lifetime, ..Request::new(name) }
}

/// Does something with the authority; somebody else may have it for a moment.
fn with<T>(
    wanted: &Wanted,
    mut work: impl FnMut(&mut Authority) -> Result<T, PkiError>,
) -> Result<T, PkiError> {
    let mut tries = 0;
    loop {
        match Authority::open(&wanted.folder, &wanted.domain, SystemTime::now()) {
            Ok(mut authority) => return work(&mut authority),
            Err(PkiError::Locked(_)) if tries < PATIENCE => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Writes a service's files, each at once, the key for its owner alone. The certificate comes last: whoever watches it finds
/// the key that goes with it.
fn write(folder: &Path, leaf: &Leaf, trust: &Trust) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let files = [
        ("roots.pem", trust.roots.as_str()),
        ("revocations.pem", trust.revocations.as_str()),
        ("key.pem", leaf.key.expose().as_str()),
        ("certificate.pem", leaf.certificate.as_str()),
    ];
    for (name, text) in files {
        let fresh = folder.join(format!("{name}.new"));
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, folder.join(name))?;
    }
    Ok(())
}

fn failed(error: PkiError) -> CertificateError {
    match error {
        PkiError::Name(name) => CertificateError::Invalid(format!("\"{name}\" is no DNS name in lower case")),
        PkiError::Unknown => CertificateError::Unknown,
        other => CertificateError::Failed(other.to_string()),
    }
}

fn moment(time: SystemTime) -> String {
    let micros = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let at = Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    seaworthy_jobs::moment::format(at).unwrap_or_default()
}

impl Certificates for Keeper {
    fn issue(
        &self,
        name: &str,
        dns: Vec<String>,
        lifetime: Option<Duration>,
    ) -> Result<IssuedCertificate, CertificateError> {
        let (wanted, now) = (self.wanted(), SystemTime::now());
        let taken = |name: &str| name == GATEWAY || wanted.run.iter().any(|service| service == name);
        if let Some(taken) = dns.iter().map(String::as_str).chain([name]).find(|name| taken(name)) {
            return Err(CertificateError::Invalid(format!("\"{taken}\" is the name of what is run here")));
        }
        let asked = Request { dns, lifetime: lifetime.unwrap_or(wanted.lifetime), ..Request::new(name) };
        let leaf = with(&wanted, |authority| authority.issue(&asked, now)).map_err(failed)?;
        Ok(IssuedCertificate {
            renew_at: moment(leaf.renew_at()),
            ends: moment(leaf.ends),
            name: leaf.name,
            serial: leaf.serial,
            certificate: leaf.certificate,
            key: leaf.key.expose().clone(),
            trust: self.trust()?,
        })
    }

    fn revoke(&self, serial: &str) -> Result<(), CertificateError> {
        let now = SystemTime::now();
        with(&self.wanted(), |authority| authority.revoke(serial, now)).map_err(failed)?;
        self.renew(now).map_err(failed)
    }

    fn trust(&self) -> Result<TrustView, CertificateError> {
        let trust = with(&self.wanted(), |authority| authority.trust(SystemTime::now())).map_err(failed)?;
        Ok(TrustView { roots: trust.roots, revocations: trust.revocations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(folder: &Path) -> Wanted {
        Wanted {
            folder: folder.join("ca"),
            domain: "seaworthy.internal".to_owned(),
            lifetime: Duration::from_secs(86_400),
            services: vec!["shop".to_owned()],
            run: vec!["shop".to_owned()],
        }
    }

    #[test]
    fn certificates_are_replaced_before_they_end_and_not_before() {
        let folder = std::env::temp_dir().join(format!("keeper-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let wanted = wanted(&folder);
        let keeper = Keeper::open(&wanted).unwrap();
        let read = |name: &str| std::fs::read_to_string(wanted.of("shop").join(name)).unwrap();
        let (first, key) = (read("certificate.pem"), read("key.pem"));
        let serial = keeper.held.lock().unwrap().gateway.serial.clone();
        let hour = Duration::from_secs(3_600);
        keeper.renew(SystemTime::now() + 15 * hour).unwrap();
        assert_eq!(read("certificate.pem"), first, "it is good for another nine hours");
        keeper.renew(SystemTime::now() + 17 * hour).unwrap();
        assert!(read("certificate.pem") != first && read("key.pem") != key);
        assert_ne!(keeper.held.lock().unwrap().gateway.serial, serial);
        // a successor has the folder beside it
        let other = Keeper::open(&wanted).unwrap();
        assert_eq!(other.trust().unwrap().roots, keeper.trust().unwrap().roots);
        let issued = keeper.issue("orders", vec![], None).unwrap();
        keeper.revoke(&issued.serial).unwrap();
        assert_eq!(keeper.revoke("00"), Err(CertificateError::Unknown));
        assert!(matches!(keeper.issue("../x", vec![], None), Err(CertificateError::Invalid(_))));
        assert!(matches!(keeper.issue(GATEWAY, vec![], None), Err(CertificateError::Invalid(_))));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
