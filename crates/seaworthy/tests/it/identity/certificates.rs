//! Mutual TLS between the gateway and services, with the embedded authority.

use serde_json::json;

use super::JSON;
use crate::harness::client::exchange;
use crate::harness::program::run;
use crate::harness::{Gateway, eventually};

/// The interpreter's own `ssl` is all that the service needs.
fn service() -> String {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/mtls.py");
    format!(
        "[authority]\n[service.shop]\ncommand = [\"python3\", \"{}\", \"{{port}}\"]\nmutual_tls = true\n\
         retry = {{ attempts = 1 }}\nbreaker = false\n",
        script.display()
    )
}

async fn serial(gateway: &Gateway) -> String {
    let file = gateway.folder.path("seaworthy.ca/services/shop/certificate.pem");
    let output = run("openssl", &["x509", "-noout", "-serial", "-in", file.to_str().unwrap()]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().trim_start_matches("serial=").to_ascii_lowercase()
}

/// ASVS 12.3.3, 12.3.5: gateway and service know each other by certificates, and nobody else gets in.
#[tokio::test]
async fn gateway_and_service_know_each_other() {
    let gateway = Gateway::start(&service()).await;
    let answer = eventually("the service answers", || async {
        let answer = gateway.get("/").await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert!(answer.text().contains("spiffe://seaworthy.internal/gateway"), "{}", answer.text());
    let shown = exchange(gateway.control, "GET", "/api/v1/services/shop/replicas", &[], "").await.json();
    let port =
        shown["instances"][0]["address"].as_str().unwrap_or_default().rsplit(':').next().unwrap().to_owned();
    assert!(!port.is_empty(), "{shown}");
    // with no certificate, with one of somebody else, and in clear: nothing
    for extra in [&["-k"][..], &["-k", "--http1.1"]] {
        let url = format!("https://127.0.0.1:{port}/");
        let mut args = vec!["--silent", "--max-time", "5"];
        args.extend(extra);
        args.push(&url);
        assert!(!run("curl", &args).await.status.success());
    }
    // one of the authority's own, asked for at the control listener, is let in
    let order = json!({ "name": "orders", "lifetime": "1h" }).to_string();
    let issued = exchange(gateway.control, "POST", "/api/v1/certificates", &[JSON], &order).await;
    assert_eq!(issued.status, 201, "{}", issued.text());
    let issued = issued.json();
    for (file, part) in [("c.pem", "certificate"), ("k.pem", "key"), ("r.pem", "roots")] {
        gateway.folder.write(file, issued[part].as_str().unwrap());
    }
    let path = |name: &str| gateway.folder.path(name).display().to_string();
    let (url, at) = (format!("https://shop:{port}/"), format!("shop:{port}:127.0.0.1"));
    let (c, k, r) = (path("c.pem"), path("k.pem"), path("r.pem"));
    let args =
        ["--silent", "--max-time", "5", "--cacert", &r, "--cert", &c, "--key", &k, "--resolve", &at, &url];
    let output = run("curl", &args).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("/orders"), "{output:?}");
}

/// ASVS 12.3.4: what was revoked is not spoken to, from the next connection on.
#[tokio::test]
async fn a_revoked_service_is_not_spoken_to() {
    let settings = format!("{}idle_timeout = \"1ms\"\n", service());
    let gateway = Gateway::start(&settings).await;
    eventually("the service answers", || async { (gateway.get("/").await.status == 200).then_some(()) })
        .await;
    let path = format!("/api/v1/certificates/{}", serial(&gateway).await);
    let revoked = exchange(gateway.control, "DELETE", &path, &[], "").await;
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    eventually("it is not spoken to", || async { (gateway.get("/").await.status == 502).then_some(()) })
        .await;
    assert_eq!(exchange(gateway.control, "DELETE", "/api/v1/certificates/00", &[], "").await.status, 404);
}
