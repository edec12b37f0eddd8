use crate::PkiError;
use crate::file::{Issued, Place, Root, State};
use crate::leaf::{Leaf, Request, is_name};
use aws_lc_rs::rand;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use seaworthy_core::Secret;
use std::path::Path;
use std::time::{Duration, SystemTime};

// the library's date has no name here without the crate it comes from; the macro writes none
macro_rules! date {
    ($seconds:expr) => {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs($seconds)
    };
}

/// Clocks of others may be behind by so much.
const SKEW: u64 = 300;
const ROOT_SECONDS: u64 = 10 * 365 * 86_400;
const LEAF_MOST: Duration = Duration::from_hours(30 * 24);
const MOST_ISSUED: usize = 100_000;

/// What others need to know to trust what the authority issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// All trusted roots, the newest first. PEM.
    pub roots: String,
    /// One list of revocations per root. PEM.
    pub revocations: String,
}

/// A certificate authority in a folder. One process at a time.
pub struct Authority {
    place: Place,
    state: State,
    domain: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("domain", &self.domain)
            .field("roots", &self.state.roots.len())
            .finish_non_exhaustive()
    }
}

fn seconds(time: SystemTime) -> Result<u64, PkiError> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| PkiError::Clock)?.as_secs();
    // from a month after 1970 to the year 9000: both ends of every certificate can be written
    if (2_592_000..221_845_392_000).contains(&seconds) { Ok(seconds) } else { Err(PkiError::Clock) }
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

impl Authority {
    /// Opens the authority in `folder`, or makes one there (folder 0700, file 0600). `domain` stands in every name:
    /// `spiffe://<domain>/<name>`.
    ///
    /// # Errors
    /// A folder that another process uses, that others can read, or whose file is damaged; it is never overwritten.
    pub fn open(folder: &Path, domain: &str, now: SystemTime) -> Result<Self, PkiError> {
        if !is_name(domain) {
            return Err(PkiError::Name(domain.chars().take(64).collect()));
        }
        let place = Place::open(folder)?;
        let state = match place.read()? {
            Some(state) => state,
            None => {
                let state = State { version: 1, roots: vec![make_root(domain, now)?], ..State::default() };
                place.write(&state)?;
                state
            }
        };
        Ok(Self { place, state, domain: domain.to_owned() })
    }

    /// Issues a certificate for client and server side, by the newest root.
    ///
    /// # Errors
    /// A name that cannot stand in a certificate; too many certificates; the file cannot be written.
    pub fn issue(&mut self, request: &Request, now: SystemTime) -> Result<Leaf, PkiError> {
        request.check()?;
        let from = seconds(now)?;
        self.forget_ended(from);
        if self.state.issued.len() >= MOST_ISSUED {
            return Err(PkiError::Full);
        }
        let root = self.state.roots.first().ok_or(PkiError::Unknown)?;
        let ends = (from + request.lifetime.min(LEAF_MOST).as_secs().max(60)).min(root.ends);
        let serial = random_serial()?;
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (date!(from - SKEW), date!(ends));
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.distinguished_name = named(&request.name);
        params.subject_alt_names = alternatives(&self.domain, request)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer(&self.domain, root)?)?;
        let serial = hex(&serial);
        let issued = Issued {
            serial: serial.clone(),
            name: request.name.clone(),
            root: root.id.clone(),
            ends,
            revoked: None,
        };
        self.state.issued.push(issued);
        // a certificate that is not written down could never be revoked
        self.save_or(|state| drop(state.issued.pop()))?;
        Ok(Leaf {
            name: request.name.clone(),
            serial,
            certificate: certificate.pem(),
            key: Secret::new(key.serialize_pem()),
            issued: time(from),
            ends: time(ends),
        })
    }

    /// Revokes one certificate. Whoever gets the new [`Trust`] refuses it.
    ///
    /// # Errors
    /// There is none with this serial number that is not over; the file cannot be written.
    pub fn revoke(&mut self, serial: &str, now: SystemTime) -> Result<(), PkiError> {
        self.revoke_where(|issued| issued.serial == serial, now)
            .and_then(|count| if count == 0 { Err(PkiError::Unknown) } else { Ok(()) })
    }

    /// Revokes every certificate of a name, and says how many that were.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn revoke_name(&mut self, name: &str, now: SystemTime) -> Result<usize, PkiError> {
        self.revoke_where(|issued| issued.name == name, now)
    }

    fn revoke_where(&mut self, which: impl Fn(&Issued) -> bool, now: SystemTime) -> Result<usize, PkiError> {
        let at = seconds(now)?;
        let before = self.state.issued.clone();
        let mut count = 0;
        for issued in self.state.issued.iter_mut().filter(|issued| which(issued)) {
            issued.revoked = issued.revoked.or(Some(at));
            count += 1;
        }
        self.state.crl_number += 1;
        self.save_or(|state| state.issued = before)?;
        Ok(count)
    }

    /// Makes a new root. The old one issues nothing more but is trusted until [`retire`](Self::retire): hand out the
    /// new [`Trust`] everywhere before leaves of the new root are used.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn rotate(&mut self, now: SystemTime) -> Result<(), PkiError> {
        let at = seconds(now)?;
        if let Some(old) = self.state.roots.first_mut() {
            old.replaced = Some(at);
        }
        self.state.roots.insert(0, make_root(&self.domain, now)?);
        self.save_or(|state| {
            state.roots.remove(0);
            if let Some(old) = state.roots.first_mut() {
                old.replaced = None;
            }
        })
    }

    /// Whether the newest root has less than a third of its life left.
    pub fn wants_rotation(&self, now: SystemTime) -> bool {
        let now = seconds(now).unwrap_or(u64::MAX);
        self.state.roots.first().is_some_and(|root| now >= root.ends.saturating_sub(ROOT_SECONDS / 3))
    }

    /// Forgets replaced roots whose last certificate is over, and says how many that were.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn retire(&mut self, now: SystemTime) -> Result<usize, PkiError> {
        let at = seconds(now)?;
        self.forget_ended(at);
        let used: Vec<String> = self.state.issued.iter().map(|issued| issued.root.clone()).collect();
        let before = self.state.roots.len();
        self.state.roots.retain(|root| root.replaced.is_none() || used.contains(&root.id));
        let gone = before - self.state.roots.len();
        if gone > 0 {
            self.place.write(&self.state)?;
        }
        Ok(gone)
    }

    /// What others need to know now. The lists of revocations are good for a week.
    ///
    /// # Errors
    /// The library refuses; that would be a defect.
    pub fn trust(&self, now: SystemTime) -> Result<Trust, PkiError> {
        let at = seconds(now)?;
        let roots = self.state.roots.iter().map(|root| root.certificate.as_str()).collect();
        let lists = self
            .state
            .roots
            .iter()
            .map(|root| self.revocations_of(root, at))
            .collect::<Result<String, _>>()?;
        Ok(Trust { roots, revocations: lists })
    }

    fn revocations_of(&self, root: &Root, at: u64) -> Result<String, PkiError> {
        let own = self.state.issued.iter().filter(|issued| issued.root == root.id);
        let revoked_certs = own.filter_map(|issued| {
            Some(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&from_hex(&issued.serial)?),
                revocation_time: date!(issued.revoked?),
                reason_code: None,
                invalidity_date: None,
            })
        });
        let list = CertificateRevocationListParams {
            this_update: date!(at - SKEW),
            next_update: date!(at + 7 * 86_400),
            crl_number: SerialNumber::from_slice(&self.state.crl_number.to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&issuer(&self.domain, root)?)?.pem()?)
    }

    fn forget_ended(&mut self, now: u64) {
        self.state.issued.retain(|issued| issued.ends + SKEW > now);
    }

    /// What is in memory is never ahead of what is on disk.
    fn save_or(&mut self, undo: impl FnOnce(&mut State)) -> Result<(), PkiError> {
        self.place.write(&self.state).inspect_err(|_| undo(&mut self.state))
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut all = DistinguishedName::new();
    all.push(DnType::CommonName, name);
    all
}

fn alternatives(domain: &str, request: &Request) -> Result<Vec<SanType>, PkiError> {
    let mut all = vec![SanType::URI(format!("spiffe://{domain}/{}", request.name).try_into()?)];
    for name in std::iter::once(&request.name).chain(&request.dns) {
        all.push(SanType::DnsName(name.clone().try_into()?));
    }
    all.extend(request.addresses.iter().copied().map(SanType::IpAddress));
    Ok(all)
}

fn root_params(domain: &str, id: &str, (begins, ends): (u64, u64)) -> CertificateParams {
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (date!(begins), date!(ends));
    // each root has a name of its own: no list of revocations is taken for another's
    params.distinguished_name = named(&format!("{domain} authority {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn make_root(domain: &str, now: SystemTime) -> Result<Root, PkiError> {
    let begins = seconds(now)? - SKEW;
    let ends = begins + ROOT_SECONDS;
    let serial = random_serial()?;
    let id = hex(&serial[..6]);
    let mut params = root_params(domain, &id, (begins, ends));
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(Root::new(id, (begins, ends), certificate.pem(), key.serialize_pem()))
}

fn issuer<'a>(domain: &str, root: &Root) -> Result<Issuer<'a, KeyPair>, PkiError> {
    Ok(Issuer::new(root_params(domain, &root.id, (root.begins, root.ends)), KeyPair::from_pem(root.key())?))
}

/// 127 random bits, never zero and never negative.
fn random_serial() -> Result<[u8; 16], PkiError> {
    let mut serial = [0; 16];
    rand::fill(&mut serial).map_err(|_| PkiError::Tls("there is no randomness".to_owned()))?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
