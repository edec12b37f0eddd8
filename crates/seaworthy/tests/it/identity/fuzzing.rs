//! The control API under schemathesis, which makes calls of the API's own document: right ones, wrong ones, odd ones.

use serde_json::Value;

use super::mirror;
use crate::harness::client::exchange;
use crate::harness::program::Script;
use crate::harness::{Gateway, eventually};

/// Has every operation called; how that ended.
async fn fuzzed(gateway: &Gateway, with_token: bool) -> Value {
    eventually("identities are open", || async {
        let answer = exchange(gateway.control, "GET", "/api/v1/users", &[], "").await;
        (answer.status == 200).then_some(())
    })
    .await;
    let (url, file) = (format!("http://{}", gateway.control), gateway.folder.path("seaworthy.token"));
    let file = file.display().to_string();
    let args: &[&str] = if with_token { &[&url, &file] } else { &[&url] };
    let mut script = Script::start("fuzz_api.py", args);
    loop {
        let line = script.line().await;
        if line != "under way" {
            return serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
}

async fn gateway() -> (crate::harness::Upstream, Gateway) {
    let upstream = mirror().await;
    let gateway = Gateway::start(&format!("{}\n[store]\n", upstream.service(""))).await;
    (upstream, gateway)
}

/// ASVS 16.5.1, 16.5.3: nothing that can be sent is an error of the server.
#[tokio::test]
async fn nothing_an_operator_sends_breaks_anything() {
    let (_upstream, mut gateway) = gateway().await;
    let told = fuzzed(&gateway, true).await;
    assert_eq!(told["wrong"], serde_json::json!([]), "{told:#}");
    // it did get in, and it did send what is refused
    let count = |status: &str| told["statuses"][status].as_u64().unwrap_or(0);
    assert!(count("200") > 50 && count("400") > 200 && count("401") < 200, "{told}");
    assert!(gateway.is_running() && !gateway.log().contains("panicked"));
    let report = exchange(gateway.control, "GET", "/api/v1/audit/verify", &[], "").await.json();
    assert_eq!(report["sound"], true, "{report}");
}

/// ASVS 8.3.1: nothing succeeds without a credential but what the document says is public.
#[tokio::test]
async fn nothing_opens_without_a_credential() {
    let (_upstream, gateway) = gateway().await;
    let told = fuzzed(&gateway, false).await;
    assert_eq!(told["wrong"], serde_json::json!([]), "{told:#}");
    assert!(told["statuses"]["401"].as_u64().unwrap_or(0) > 100, "{told}");
}
