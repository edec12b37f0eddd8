//! An authority and what it signs, made for one test.

use crate::harness::Folder;
use crate::harness::program::run;

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

async fn openssl(args: &[&str]) {
    let output = run("openssl", args).await;
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes an authority: `NAME.pem` and `NAME.key`.
pub(super) async fn authority(folder: &Folder, name: &str) {
    let (pem, key) = (folder.path(&format!("{name}.pem")), folder.path(&format!("{name}.key")));
    let (pem, key) = (pem.to_str().unwrap(), key.to_str().unwrap());
    let rest =
        ["-keyout", key, "-out", pem, "-subj", "/CN=authority", "-addext", "keyUsage=keyCertSign,cRLSign"];
    openssl(&[&["req", "-x509", "-days", "2"], &KEY[..], &rest].concat()).await;
}

/// Makes a certificate for `names` (as in `DNS:shop.example`) signed by `authority`: `NAME.pem` and `NAME.key`. Those
/// that were there are replaced, the key first.
pub(super) async fn certificate(folder: &Folder, authority: &str, name: &str, names: &str) {
    let path = |end: &str| folder.path(end).to_str().unwrap().to_owned();
    let (ca, ca_key) = (path(&format!("{authority}.pem")), path(&format!("{authority}.key")));
    let (pem, key) = (path("fresh.pem"), path("fresh.key"));
    let (subject, names) = (format!("/CN={name}"), format!("subjectAltName={names}"));
    let signed = ["-CA", &ca, "-CAkey", &ca_key, "-addext", "basicConstraints=critical,CA:FALSE"];
    let rest = ["-keyout", &key, "-out", &pem, "-subj", &subject, "-addext", &names];
    openssl(&[&["req", "-x509", "-days", "2"], &KEY[..], &signed, &rest].concat()).await;
    std::fs::rename(key, path(&format!("{name}.key"))).unwrap();
    std::fs::rename(pem, path(&format!("{name}.pem"))).unwrap();
}

/// The serial number of a certificate.
pub(super) async fn serial(folder: &Folder, name: &str) -> String {
    let pem = folder.path(&format!("{name}.pem"));
    let output = run("openssl", &["x509", "-noout", "-serial", "-in", pem.to_str().unwrap()]).await;
    String::from_utf8(output.stdout).unwrap().trim().trim_start_matches("serial=").to_owned()
}

/// Writes the authority's list of these revoked certificates to `name.crl`.
pub(super) async fn revocations(folder: &Folder, authority: &str, revoked: &[&str]) {
    let path = |name: String| folder.path(&name).to_str().unwrap().to_owned();
    let (index, list) = (path(format!("{authority}.index")), path(format!("{authority}.crl")));
    let number = path(format!("{authority}.number"));
    std::fs::write(&index, "").unwrap();
    std::fs::write(&number, "01\n").unwrap();
    let settings = format!(
        "[ca]\ndefault_ca = own\n[own]\ndatabase = {index}\ncrlnumber = {number}\ndefault_md = sha256\n\
         default_crl_days = 2\ncrl_extensions = more\n[more]\nauthorityKeyIdentifier = keyid\n"
    );
    folder.write(&format!("{authority}.cnf"), &settings);
    let (cnf, pem, key) = (
        path(format!("{authority}.cnf")),
        path(format!("{authority}.pem")),
        path(format!("{authority}.key")),
    );
    let signed = ["ca", "-config", &cnf, "-cert", &pem, "-keyfile", &key];
    for name in revoked {
        openssl(&[&signed[..], &["-revoke", &path(format!("{name}.pem"))]].concat()).await;
    }
    openssl(&[&signed[..], &["-gencrl", "-out", &list]].concat()).await;
}
