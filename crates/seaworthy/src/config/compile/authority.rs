//! The embedded certificate authority.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::file::File;
use crate::config::problem::Problems;

/// An authority, and the services it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) folder: PathBuf,
    pub(crate) domain: String,
    pub(crate) lifetime: Duration,
    /// Services that speak mutual TLS.
    pub(crate) services: Vec<String>,
    /// Those of them that are run here.
    pub(crate) run: Vec<String>,
}

/// Where a replica finds its files.
pub(super) const VARIABLES: [(&str, &str); 4] = [
    ("SEAWORTHY_TLS_CERTIFICATE", "certificate.pem"),
    ("SEAWORTHY_TLS_KEY", "key.pem"),
    ("SEAWORTHY_TLS_ROOTS", "roots.pem"),
    ("SEAWORTHY_TLS_REVOCATIONS", "revocations.pem"),
];

impl Authority {
    /// Where the files of a service that is run here are.
    pub(crate) fn of(&self, service: &str) -> PathBuf {
        self.folder.join("services").join(service)
    }
}

pub(super) fn authority(file: &File, folder: &Path, problems: &mut Problems) -> Option<Authority> {
    let wanted = file.service.iter().filter(|(_, service)| service.mutual_tls);
    let services: Vec<_> = wanted.clone().map(|(name, _)| name.clone()).collect();
    let run = wanted.clone().filter(|(_, service)| service.command.is_some());
    let run = run.map(|(name, _)| name.clone()).collect();
    for (name, service) in wanted {
        if file.authority.is_none() {
            problems
                .push(service.spans.of("mutual_tls"), "there is no certificate authority; write [authority]");
        }
        if service.tls.is_some() {
            problems.push(service.spans.of("tls"), "has no effect: `mutual_tls` says whom to trust");
        }
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !name.bytes().all(fits) || name.starts_with('-') || name.ends_with('-') || name.len() > 63 {
            let text = "the service's name becomes a DNS name: use lower-case letters, digits and dashes";
            problems.push(service.spans.of("mutual_tls"), text);
        }
    }
    let written = file.authority.as_ref()?;
    let month = Duration::from_secs(30 * 86_400);
    if written.lifetime < Duration::from_secs(60) || written.lifetime > month {
        problems.push(written.spans.of("lifetime"), "must be from one minute to 30 days");
    }
    Some(Authority {
        folder: std::path::absolute(folder.join(&written.folder))
            .unwrap_or_else(|_| folder.join(&written.folder)),
        domain: written.domain.value.clone(),
        lifetime: written.lifetime,
        services,
        run,
    })
}
