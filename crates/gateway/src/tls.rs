//! TLS towards clients and upstreams: settings in, finished rustls configurations out. Files are read here, when
//! settings are applied, never while a request waits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::settings::{Certificate, ClientAuth, ClientTls, Protocol, ServerTls, TlsVersion};

/// Why TLS material cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read, or holds no PEM of the right kind.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A key that does not belong to its certificate, an unusable algorithm, and the like.
    #[error("{}: {why}", path.display())]
    Unusable {
        /// The certificate chain.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No certificate at all.
    #[error("a TLS listener needs at least one certificate")]
    NoCertificate,
    /// Anything rustls itself refuses.
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn file_error(path: &Path, why: impl ToString) -> TlsError {
    TlsError::File { path: path.to_owned(), why: why.to_string() }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| file_error(path, error))?.collect();
    let chain = chain.map_err(|error| file_error(path, error))?;
    if chain.is_empty() { Err(file_error(path, "holds no certificate")) } else { Ok(chain) }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| file_error(path, error))
}

fn read_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(path)? {
        roots.add(certificate).map_err(|error| file_error(path, error))?;
    }
    Ok(roots)
}

fn read_revoked(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let lists: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_file_iter(path).map_err(|error| file_error(path, error))?.collect();
    let lists = lists.map_err(|error| file_error(path, error))?;
    if lists.is_empty() { Err(file_error(path, "holds no revocation list")) } else { Ok(lists) }
}

const TLS13_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match min {
        TlsVersion::Tls12 => rustls::ALL_VERSIONS,
        TlsVersion::Tls13 => TLS13_ONLY,
    }
}

/// Chooses the certificate whose names cover the one asked for.
#[derive(Debug)]
struct ByName {
    keys: Vec<(Arc<CertifiedKey>, webpki_names::Names)>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let wanted = hello.server_name();
        let covering = wanted.and_then(|name| self.keys.iter().find(|(_, names)| names.cover(name)));
        covering.or_else(|| self.keys.first()).map(|(key, _)| Arc::clone(key))
    }
}

/// Which names a certificate is for.
mod webpki_names {
    use rustls::client::verify_server_name;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::server::ParsedCertificate;

    #[derive(Debug)]
    pub(super) struct Names(CertificateDer<'static>);

    impl Names {
        pub(super) fn of(leaf: &CertificateDer<'static>) -> Self {
            Self(leaf.clone())
        }

        pub(super) fn cover(&self, name: &str) -> bool {
            let Ok(name) = ServerName::try_from(name) else { return false };
            ParsedCertificate::try_from(&self.0).is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok())
        }
    }
}

fn certified(certificate: &Certificate, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = read_chain(&certificate.chain)?;
    let key = read_key(&certificate.key)?;
    let key = CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| TlsError::Unusable { path: certificate.chain.clone(), why: error.to_string() })?;
    Ok(Arc::new(key))
}

/// What a listener speaks. Made anew whenever settings are applied: that is how certificates are reloaded.
pub(crate) fn server(settings: &ServerTls, http2: bool) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = provider();
    let mut keys = Vec::new();
    for certificate in &settings.certificates {
        let key = certified(certificate, &provider)?;
        let names = webpki_names::Names::of(&key.end_entity_cert()?.clone().into_owned());
        keys.push((key, names));
    }
    if keys.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(settings.min_version))?;
    let builder = match &settings.client_auth {
        ClientAuth::None => builder.with_no_client_auth(),
        ClientAuth::Optional(ca) | ClientAuth::Required(ca) => {
            let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(read_roots(ca)?), provider);
            let clients = match &settings.client_crl {
                // a list of one issuer says nothing of certificates of another: without a list of its own, one is refused
                Some(path) => clients.with_crls(read_revoked(path)?).only_check_end_entity_revocation(),
                None => clients,
            };
            let clients = match &settings.client_auth {
                ClientAuth::Optional(_) => clients.allow_unauthenticated(),
                _ => clients,
            };
            let clients = clients.build().map_err(|error| match (&settings.client_crl, &error) {
                (Some(list), VerifierBuilderError::InvalidCrl(_)) => file_error(list, error),
                _ => file_error(ca, error),
            })?;
            builder.with_client_cert_verifier(clients)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName { keys }));
    config.alpn_protocols =
        if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(Arc::new(config))
}

/// What is spoken towards an upstream.
pub(crate) fn client(settings: &ClientTls, protocol: Protocol) -> Result<Arc<ClientConfig>, TlsError> {
    if let Some(live) = &settings.live {
        let mut config = rustls::ClientConfig::clone(&live.0);
        config.alpn_protocols = offered(protocol);
        return Ok(Arc::new(config));
    }
    let roots = match &settings.ca {
        Some(path) => read_roots(path)?,
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(read_chain(&identity.chain)?, read_key(&identity.key)?)
            .map_err(|error| TlsError::Unusable { path: identity.chain.clone(), why: error.to_string() })?,
    };
    config.alpn_protocols = offered(protocol);
    Ok(Arc::new(config))
}

fn offered(protocol: Protocol) -> Vec<Vec<u8>> {
    match protocol {
        Protocol::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    }
}
