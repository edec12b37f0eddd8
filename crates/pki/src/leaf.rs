use crate::PkiError;
use seaworthy_core::Secret;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// What a certificate is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who it is: `orders` becomes `spiffe://<domain>/orders` and the DNS name `orders`.
    pub name: String,
    /// More DNS names it answers to.
    pub dns: Vec<String>,
    /// Addresses it answers to.
    pub addresses: Vec<IpAddr>,
    /// How long it is good for. Default 24 h, at most 30 d.
    pub lifetime: Duration,
}

impl Request {
    /// With the defaults above.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dns: Vec::new(),
            addresses: Vec::new(),
            lifetime: Duration::from_hours(24),
        }
    }

    pub(crate) fn check(&self) -> Result<(), PkiError> {
        match std::iter::once(&self.name).chain(&self.dns).find(|name| !is_name(name)) {
            Some(bad) => Err(PkiError::Name(bad.chars().take(64).collect())),
            None => Ok(()),
        }
    }
}

/// A DNS name in lower case, no wildcard.
pub(crate) fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        let fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(fit)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Who it is.
    pub name: String,
    /// In hexadecimal digits.
    pub serial: String,
    /// The certificate alone; roots are known to those who trust them. PEM.
    pub certificate: String,
    /// PKCS #8, PEM.
    pub key: Secret<String>,
    /// When it was issued; it is good from five minutes before.
    pub issued: SystemTime,
    /// Until when it is good.
    pub ends: SystemTime,
}

impl Leaf {
    /// When the next one should be fetched: after two thirds of its life.
    pub fn renew_at(&self) -> SystemTime {
        self.issued + self.ends.duration_since(self.issued).unwrap_or_default() / 3 * 2
    }
}
