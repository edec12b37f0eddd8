use crate::{Leaf, PkiError, Trust};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use std::sync::{Arc, PoisonError, RwLock};

/// What a program shows and whom it trusts, now. Configurations made of it follow every [`swap`](Self::swap): new
/// handshakes see the new material, connections that stand are left alone.
#[derive(Debug)]
pub struct Live {
    current: RwLock<Arc<Material>>,
}

#[derive(Debug)]
struct Material {
    own: Arc<CertifiedKey>,
    clients: Arc<dyn ClientCertVerifier>,
    servers: Arc<WebPkiServerVerifier>,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn unusable(error: impl std::fmt::Display) -> PkiError {
    PkiError::Tls(error.to_string())
}

impl Material {
    fn new(leaf: &Leaf, trust: &Trust) -> Result<Self, PkiError> {
        let chain =
            CertificateDer::pem_slice_iter(leaf.certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
        let key = PrivateKeyDer::from_pem_slice(leaf.key.expose().as_bytes()).map_err(unusable)?;
        let provider = provider();
        let own = CertifiedKey::from_der(chain.map_err(unusable)?, key, &provider)?;
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(trust.roots.as_bytes()) {
            roots.add(root.map_err(unusable)?)?;
        }
        let lists = CertificateRevocationListDer::pem_slice_iter(trust.revocations.as_bytes());
        let lists = lists.collect::<Result<Vec<_>, _>>().map_err(unusable)?;
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let servers = WebPkiServerVerifier::builder_with_provider(roots, provider);
        Ok(Self {
            own: Arc::new(own),
            clients: clients.with_crls(lists.clone()).build().map_err(unusable)?,
            servers: servers.with_crls(lists).build().map_err(unusable)?,
        })
    }
}

impl Live {
    /// Begins with this.
    ///
    /// # Errors
    /// A key that does not belong to its certificate, or roots that are none.
    pub fn new(leaf: &Leaf, trust: &Trust) -> Result<Arc<Self>, PkiError> {
        Ok(Arc::new(Self { current: RwLock::new(Arc::new(Material::new(leaf, trust)?)) }))
    }

    /// Goes on with that. Made completely before it takes the place of the old.
    ///
    /// # Errors
    /// As [`new`](Self::new); the old stays.
    pub fn swap(&self, leaf: &Leaf, trust: &Trust) -> Result<(), PkiError> {
        let material = Arc::new(Material::new(leaf, trust)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = material;
        Ok(())
    }

    /// For a listener whose clients must show a certificate of the same authority. Nothing is resumed: a resumed
    /// session would carry a certificate past its revocation.
    ///
    /// # Errors
    /// The library refuses; that would be a defect.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, PkiError> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let this = Arc::clone(self);
        let mut config = builder
            .with_client_cert_verifier(this)
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// For calls to programs with a certificate of the same authority, by the DNS name in it.
    ///
    /// # Errors
    /// The library refuses; that would be a defect.
    pub fn client_config(self: &Arc<Self>) -> Result<ClientConfig, PkiError> {
        let builder =
            ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(self) as Arc<dyn ServerCertVerifier>);
        let mut config = builder.with_client_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesClientCert>);
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn current(&self) -> Arc<Material> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Live {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().own))
    }
}

impl ResolvesClientCert for Live {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().own))
    }
    fn has_certs(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Live {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // hints would have to outlive a swap; clients of one authority need none
        &[]
    }
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.current().clients.verify_client_cert(end_entity, intermediates, now)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().clients.verify_tls12_signature(message, cert, dss)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().clients.verify_tls13_signature(message, cert, dss)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().clients.supported_verify_schemes()
    }
}

impl ServerCertVerifier for Live {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.current().servers.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().servers.verify_tls12_signature(message, cert, dss)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().servers.verify_tls13_signature(message, cert, dss)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().servers.supported_verify_schemes()
    }
}
