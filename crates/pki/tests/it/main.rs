//! Real handshakes with certificates of a real authority.
#![allow(clippy::unwrap_used)]

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use seaworthy_pki::{Authority, Leaf, Live, PkiError, Request, Trust};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("seaworthy-pki-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(folder: &Path, now: SystemTime) -> Authority {
    Authority::open(folder, "cluster.internal", now).unwrap()
}

type Pair = (client::TlsStream<DuplexStream>, server::TlsStream<DuplexStream>);

/// A whole handshake, and a byte each way: a server's refusal shows only then.
async fn handshake(from: &Arc<Live>, to: &Arc<Live>, name: &str) -> Result<Pair, String> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let acceptor = TlsAcceptor::from(Arc::new(to.server_config().unwrap()));
    let connector = TlsConnector::from(Arc::new(from.client_config().unwrap()));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let (client, server) = tokio::join!(connector.connect(name, near), acceptor.accept(far));
    let mut pair = (client.map_err(|error| error.to_string())?, server.map_err(|error| error.to_string())?);
    talk(&mut pair).await?;
    Ok(pair)
}

async fn talk((client, server): &mut Pair) -> Result<(), String> {
    let mut byte = [0];
    let both = async {
        client.write_all(b"x").await?;
        server.read_exact(&mut byte).await?;
        server.write_all(b"y").await?;
        client.read_exact(&mut byte).await
    };
    both.await.map(drop).map_err(|error: std::io::Error| error.to_string())
}

fn peer(pair: &Pair) -> String {
    let der = pair.1.get_ref().1.peer_certificates().unwrap()[0].clone();
    let certificate = webpki::EndEntityCert::try_from(&der).unwrap();
    certificate.valid_uri_names().next().unwrap().to_owned()
}

fn live(leaf: &Leaf, trust: &Trust) -> Arc<Live> {
    Live::new(leaf, trust).unwrap()
}

// 12.3.5: mutual authentication between services
#[tokio::test]
async fn each_side_knows_the_other_and_strangers_are_refused() {
    let (here, there) = (Folder::new("mutual"), Folder::new("stranger"));
    let now = SystemTime::now();
    let mut authority = open(&here.0, now);
    let (orders, gateway) = (
        authority.issue(&Request::new("orders"), now).unwrap(),
        authority.issue(&Request::new("gateway"), now).unwrap(),
    );
    let trust = authority.trust(now).unwrap();
    let (orders, gateway) = (live(&orders, &trust), live(&gateway, &trust));
    let pair = handshake(&gateway, &orders, "orders").await.unwrap();
    assert_eq!(peer(&pair), "spiffe://cluster.internal/gateway");
    assert!(handshake(&gateway, &orders, "payments").await.is_err(), "another name");
    let mut foreign = open(&there.0, now);
    let stranger = foreign.issue(&Request::new("gateway"), now).unwrap();
    // it trusts us, but we do not trust it
    let stranger = live(&stranger, &trust);
    assert!(handshake(&stranger, &orders, "orders").await.is_err());
    assert!(handshake(&gateway, &stranger, "gateway").await.is_err());
}

#[tokio::test]
async fn certificates_change_without_a_connection_being_dropped() {
    let folder = Folder::new("swap");
    let now = SystemTime::now();
    let mut authority = open(&folder.0, now);
    let first = authority.issue(&Request::new("orders"), now).unwrap();
    let caller = authority.issue(&Request::new("gateway"), now).unwrap();
    let trust = authority.trust(now).unwrap();
    let (orders, gateway) = (live(&first, &trust), live(&caller, &trust));
    let mut standing = handshake(&gateway, &orders, "orders").await.unwrap();
    let second = authority.issue(&Request::new("orders"), now).unwrap();
    assert_ne!(first.serial, second.serial);
    orders.swap(&second, &authority.trust(now).unwrap()).unwrap();
    talk(&mut standing).await.unwrap();
    let fresh = handshake(&gateway, &orders, "orders").await.unwrap();
    let shown = |pair: &Pair| pair.0.get_ref().1.peer_certificates().unwrap()[0].to_vec();
    assert_ne!(shown(&standing), shown(&fresh));
    // what cannot be used does not take the place of what can
    let broken = Leaf { key: caller.key.clone(), ..second };
    assert!(orders.swap(&broken, &trust).is_err());
    assert!(handshake(&gateway, &orders, "orders").await.is_ok());
}

#[tokio::test]
async fn revoked_certificates_are_refused_on_both_sides() {
    let folder = Folder::new("revoke");
    let now = SystemTime::now();
    let mut authority = open(&folder.0, now);
    let orders_leaf = authority.issue(&Request::new("orders"), now).unwrap();
    let caller_leaf = authority.issue(&Request::new("gateway"), now).unwrap();
    let trust = authority.trust(now).unwrap();
    let (orders, gateway) = (live(&orders_leaf, &trust), live(&caller_leaf, &trust));
    assert!(handshake(&gateway, &orders, "orders").await.is_ok());
    authority.revoke(&caller_leaf.serial, now).unwrap();
    orders.swap(&orders_leaf, &authority.trust(now).unwrap()).unwrap();
    assert!(handshake(&gateway, &orders, "orders").await.is_err(), "the client is revoked");
    let renewed = authority.issue(&Request::new("gateway"), now).unwrap();
    gateway.swap(&renewed, &trust).unwrap();
    assert!(handshake(&gateway, &orders, "orders").await.is_ok());
    assert_eq!(authority.revoke_name("orders", now).unwrap(), 1);
    gateway.swap(&renewed, &authority.trust(now).unwrap()).unwrap();
    assert!(handshake(&gateway, &orders, "orders").await.is_err(), "the server is revoked");
    assert!(matches!(authority.revoke("00", now), Err(PkiError::Unknown)));
}

#[tokio::test]
async fn the_root_is_rotated_with_an_overlap() {
    let folder = Folder::new("rotate");
    let now = SystemTime::now();
    let mut authority = open(&folder.0, now);
    let old = authority.issue(&Request::new("orders"), now).unwrap();
    let before = authority.trust(now).unwrap();
    authority.rotate(now).unwrap();
    let new = authority.issue(&Request::new("gateway"), now).unwrap();
    let both = authority.trust(now).unwrap();
    let (orders, gateway) = (live(&old, &both), live(&new, &both));
    assert!(handshake(&gateway, &orders, "orders").await.is_ok(), "both roots are trusted");
    let behind = live(&old, &before);
    assert!(handshake(&gateway, &behind, "orders").await.is_err(), "who has not heard of the new root");
    assert_eq!(authority.retire(now).unwrap(), 0, "certificates of the old root are still good");
    let later = now + Duration::from_hours(25);
    assert_eq!(authority.retire(later).unwrap(), 1);
    let only_new = live(&new, &authority.trust(now).unwrap());
    assert!(handshake(&only_new, &orders, "orders").await.is_err(), "the old root is trusted no more");
}

#[test]
fn certificates_end_and_say_when_to_renew() {
    let folder = Folder::new("ends");
    let now = SystemTime::now();
    let mut authority = open(&folder.0, now);
    let leaf = authority.issue(&Request::new("orders"), now).unwrap();
    let length = |from: SystemTime, to: SystemTime| to.duration_since(from).unwrap().as_secs();
    assert_eq!(length(leaf.issued, leaf.ends), 86_400);
    assert_eq!(length(leaf.issued, leaf.renew_at()), 57_600);
    let long = Request { lifetime: Duration::from_hours(100_000), ..Request::new("orders") };
    let long = authority.issue(&long, now).unwrap();
    assert_eq!(length(long.issued, long.ends), 30 * 86_400, "never longer than a month");
    let live = live(&leaf, &authority.trust(now).unwrap());
    let der = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    let good = |at: SystemTime| {
        let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap());
        live.verify_server_cert(&der, &[], &ServerName::try_from("orders").unwrap(), &[], at).is_ok()
    };
    assert!(good(now) && good(now - Duration::from_secs(200)) && good(leaf.ends - Duration::from_secs(1)));
    assert!(!good(leaf.ends + Duration::from_secs(1)) && !good(now - Duration::from_secs(400)));
    assert!(
        !authority.wants_rotation(now) && authority.wants_rotation(now + Duration::from_hours(24 * 365 * 7))
    );
}

#[test]
fn names_that_cannot_be_are_refused() {
    let folder = Folder::new("names");
    let now = SystemTime::now();
    let mut authority = open(&folder.0, now);
    for bad in ["", "Orders", "a b", "a/b", "*.x", "-a", "a..b", "a\0", "ü", "../x"] {
        assert!(matches!(authority.issue(&Request::new(bad), now), Err(PkiError::Name(_))), "{bad}");
        let request = Request { dns: vec![bad.to_owned()], ..Request::new("ok") };
        assert!(matches!(authority.issue(&request, now), Err(PkiError::Name(_))), "{bad}");
    }
    assert!(matches!(authority.issue(&Request::new("ok"), SystemTime::UNIX_EPOCH), Err(PkiError::Clock)));
}

#[test]
fn the_authority_is_found_again_and_guards_its_keys() {
    let folder = Folder::new("file");
    let now = SystemTime::now();
    let mut authority = open(&folder.0, now);
    let leaf = authority.issue(&Request::new("orders"), now).unwrap();
    authority.revoke(&leaf.serial, now).unwrap();
    let trust = authority.trust(now).unwrap();
    let again = Authority::open(&folder.0, "cluster.internal", now);
    assert!(matches!(again, Err(PkiError::Locked(_))), "one process at a time");
    assert!(!format!("{authority:?}{leaf:?}").contains("PRIVATE KEY-----\n"));
    drop(authority);
    let file = folder.0.join("authority.json");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&folder.0).unwrap().mode() & 0o777, 0o700);
    let again = open(&folder.0, now);
    assert_eq!(again.trust(now).unwrap().roots, trust.roots);
    let revoked = live(&leaf, &again.trust(now).unwrap());
    let der = CertificateDer::from_pem_slice(leaf.certificate.as_bytes()).unwrap();
    let at = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let name = ServerName::try_from("orders").unwrap();
    assert!(
        revoked.verify_server_cert(&der, &[], &name, &[], at).is_err(),
        "revocations outlive the process"
    );
    drop(again);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Authority::open(&folder.0, "cluster.internal", now), Err(PkiError::Exposed(_))));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    for damage in ["", "{", "{}", r#"{"version":1,"roots":[],"issued":[],"crl_number":0}"#] {
        std::fs::write(&file, damage).unwrap();
        assert!(matches!(Authority::open(&folder.0, "cluster.internal", now), Err(PkiError::Damaged(_))));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), damage, "left as it is");
    }
}
