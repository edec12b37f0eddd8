//! E-mail, to a server that was not written here.

use serde_json::Value;

use super::{Shop, traffic, watched};
use crate::harness::program::Script;

#[tokio::test]
async fn an_alert_comes_by_mail() {
    let mut server = Script::start("../../../alerts/tests/clients/smtp_server.py", &["none", "", ""]);
    let said: Value = serde_json::from_str(&server.line().await).unwrap();
    let shop = Shop::start().await;
    let alerts = format!(
        "[alerts]\ninterval = \"1s\"\ngroup_interval = \"1s\"\nreceiver = \"ann\"\n[receiver.ann]\n\
         email = [{{ host = \"127.0.0.1\", port = {}, encryption = \"none\", from = \"Seaworthy <alerts@example.org>\", \
         to = [\"ann@example.org\"] }}]\n",
        said["port"]
    );
    let gateway = watched(&shop, &alerts).await;
    let _traffic = traffic(&gateway);
    loop {
        let mail: Value = serde_json::from_str(&server.line().await).unwrap();
        let text = mail["text"].as_str().unwrap();
        // objectives and rules that are there without a word may be told of first
        if text.contains("Subject:") && text.contains("Failing") {
            assert_eq!(mail["to"][0], "ann@example.org");
            assert_eq!(mail["from"], "alerts@example.org");
            break;
        }
    }
}
