//! The token of this machine's operator.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::super::bearer;
use super::{House, Verdicts};
use crate::harness::program::run;
use crate::harness::{Folder, Gateway, exchange};

/// ASVS 13.3.1, 14.2.1: only its owner reads it, nothing shows it, and nothing like it will do.
#[tokio::test]
async fn the_operators_token_is_the_operators() {
    let house = House::open().await;
    let mut verdicts = Verdicts::default();
    let text = house.gateway.folder_text("seaworthy.token");
    let token = text.trim();
    for secret in ["seaworthy.token", "seaworthy.key", "seaworthy.first-admin"] {
        let file = std::fs::metadata(house.gateway.folder.path(secret)).unwrap();
        let mode = file.permissions().mode() & 0o777;
        verdicts.check(&format!("13.3.1 {secret} is its owner's"), mode == 0o600, format!("{mode:o}"));
    }
    let bad = house.with(&format!("{token}x"), "GET", "/api/v1/users", Value::Null).await;
    verdicts.expect("9.1.1 longer", &bad, 401, "");
    for (name, wrong) in [
        ("cut", token[..token.len() - 1].to_owned()),
        ("upper case", token.to_uppercase()),
        ("without its beginning", token.trim_start_matches("swop_").to_owned()),
        ("doubled", format!("{token} {token}")),
        ("nothing", " ".to_owned()),
    ] {
        let answer = house.with(&wrong, "GET", "/api/v1/users", Value::Null).await;
        verdicts.expect(&format!("9.1.1 {name}"), &answer, 401, "");
    }
    let good = bearer(token);
    for (name, headers) in [
        ("as a key", vec![("x-api-key", token)]),
        ("as a cookie", vec![("cookie", token)]),
        ("twice", vec![("authorization", good.as_str()), ("authorization", good.as_str())]),
    ] {
        let answer = house.ask("GET", "/api/v1/users", &headers, &Value::Null).await;
        verdicts.expect(&format!("14.2.1 {name}"), &answer, 401, "");
    }
    let data = exchange(house.gateway.address, "GET", "/", &[("authorization", &good)], "").await;
    verdicts.expect("8.3.1 on a route", &data, 401, "");
    let answer = house.with(token, "GET", "/api/v1/users", Value::Null).await;
    verdicts.expect("control: as it is", &answer, 200, "");
    verdicts.check("14.2.1 in no log", !house.gateway.log().contains(token), "the log");
    verdicts.check("14.2.1 in no entry", !house.audit().await.contains(token), "the audit log");
    let processes = String::from_utf8_lossy(&run("ps", &["axeww"]).await.stdout).into_owned();
    verdicts.check("13.3.1 in no command line or environment", !processes.contains(token), "ps");
    let metrics = house.ask("GET", "/metrics", &[], &Value::Null).await;
    verdicts.check(
        "16.2.5 in no metric",
        metrics.status == 200 && !metrics.text().contains(token),
        "metrics",
    );
    verdicts.end(17);
}

/// ASVS 13.3.1: a token that others could have read opens nothing; traffic does not wait for a better one.
#[tokio::test]
async fn a_token_that_others_can_read_opens_nothing() {
    let upstream = super::super::mirror().await;
    for mode in [0o604, 0o640, 0o666] {
        let folder = Folder::new();
        let token = format!("swop_{}", "5".repeat(64));
        let file = folder.write("seaworthy.token", format!("{token}\n"));
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let gateway = Gateway::with(folder, "", "", &upstream.service("")).await;
        let credential = bearer(&token);
        let headers = [("authorization", credential.as_str())];
        let refused = exchange(gateway.control, "GET", "/api/v1/services", &headers, "").await;
        assert_eq!(
            (refused.status.as_u16(), refused.reason().as_str()),
            (401, "credential_unknown"),
            "{mode:o}"
        );
        assert_eq!(gateway.get("/").await.status, 200, "{mode:o}");
        gateway.logs("others on this machine may read it").await;
        assert!(!gateway.log().contains(&token), "{mode:o}");
    }
}
