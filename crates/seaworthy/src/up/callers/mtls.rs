//! Client certificates. That one was signed by an authority of the listener is certain when a request is here; what is
//! left is the name in it.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use seaworthy_gateway::access::{Authenticator, Caller, Carrier, Challenge, Grant, Outcome, Presented};
use serde_json::Map;
use webpki::EndEntityCert;

use super::introduction::Introduction;
use super::jwt::refused;

/// Recognises callers by the first URI name of their certificate, else the first DNS name.
#[derive(Debug)]
pub(super) struct CertificateWay {
    introduction: Arc<Introduction>,
    ready: moka::sync::Cache<Box<[u8]>, Arc<Caller>>,
}

impl CertificateWay {
    pub(super) fn new(introduction: Arc<Introduction>) -> Self {
        let ready = introduction.ready(1_000);
        Self { introduction, ready }
    }
}

fn name(der: &[u8]) -> Option<String> {
    let der = CertificateDer::from(der);
    let certificate = EndEntityCert::try_from(&der).ok()?;
    let uri = certificate.valid_uri_names().next().map(str::to_owned);
    uri.or_else(|| certificate.valid_dns_names().next().map(|name| format!("dns:{name}")))
}

impl Authenticator for CertificateWay {
    fn name(&self) -> &'static str {
        "mtls"
    }

    fn authenticate(&self, presented: &Presented<'_>) -> Outcome {
        let Some(der) = presented.certificate else { return Outcome::Absent };
        let granted =
            |caller| Outcome::Granted(Grant { caller, carrier: Carrier::Connection, cookies: Vec::new() });
        if let Some(caller) = self.ready.get(der) {
            return granted(caller);
        }
        let Some(subject) = name(der) else {
            return refused("certificate_nameless", "the certificate holds no URI and no DNS name");
        };
        if !self.introduction.admits(&subject) {
            return refused("subject_denied", "this caller may not use this");
        }
        let caller = Caller {
            subject: subject.into(),
            issuer: "certificate".into(),
            method: "mtls",
            ..Caller::default()
        };
        let caller = self.introduction.write(caller, &Map::new());
        self.ready.insert(der.into(), Arc::clone(&caller));
        granted(caller)
    }

    fn challenge(&self, _presented: &Presented<'_>) -> Challenge {
        Challenge::default()
    }
}
