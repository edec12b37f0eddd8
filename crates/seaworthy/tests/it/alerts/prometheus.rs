//! A real Prometheus: it scrapes us, and sends us its alerts in an Alertmanager's place.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::harness::{Folder, Gateway, Upstream, eventually, exchange, free_address, get, within};
use crate::jobs::{ask, open};

/// A Prometheus with its own folder, killed with its test.
struct Prometheus {
    address: std::net::SocketAddr,
    _child: Child,
    _folder: Folder,
}

impl Prometheus {
    async fn start(gateway: &Gateway) -> Self {
        let (folder, address) = (Folder::new(), free_address());
        let token = gateway.folder.path("seaworthy.token");
        let (token, control) = (token.display(), gateway.control);
        folder.write(
            "rules.yml",
            "groups:\n- name: g\n  rules:\n  - alert: Told\n    expr: vector(1)\n    labels: { severity: critical }\n    \
             annotations: { summary: from outside }\n",
        );
        folder.write(
            "prometheus.yml",
            format!(
                "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yml]\n\
                 scrape_configs:\n- job_name: seaworthy\n  authorization: {{ credentials_file: {token} }}\n  \
                 static_configs: [{{ targets: [\"{control}\"] }}]\n\
                 alerting:\n  alertmanagers:\n  - authorization: {{ credentials_file: {token} }}\n    \
                 static_configs: [{{ targets: [\"{control}\"] }}]\n"
            ),
        );
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", folder.path("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        command.args(["--rules.alert.resend-delay=1s", "--enable-feature=exemplar-storage"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().expect("Debian package prometheus: cargo xtask setup installs it");
        eventually("prometheus is ready", || async {
            get(address, "/-/ready").await.ok().filter(|answer| answer.status == 200).map(drop)
        })
        .await;
        Self { address, _child: child, _folder: folder }
    }

    /// What it answers to a question about our metrics, once there is an answer.
    async fn knows(&self, path: &str) -> Value {
        eventually(path, || async {
            let answer = get(self.address, path).await.ok()?.json();
            let data = if answer["data"].is_array() { &answer["data"] } else { &answer["data"]["result"] };
            data.as_array().filter(|found| !found.is_empty()).map(|found| json!(found))
        })
        .await
    }
}

#[tokio::test]
async fn prometheus_scrapes_us_and_sends_us_its_alerts() {
    let upstream = Upstream::fixed("ahoy").await;
    let rest = format!("{}[jobs]\n[telemetry.traces]\nsample = 1.0\n", upstream.service(""));
    let gateway = Gateway::start(&rest).await;
    open(&gateway).await;
    let prometheus = Prometheus::start(&gateway).await;
    exchange(gateway.address, "GET", "/items", &[], "").await;

    let taken = eventually("its alert is here", || async {
        let all = ask(&gateway, "/api/v1/alerts").await["alerts"].as_array()?.clone();
        all.into_iter().find(|alert| alert["labels"]["alertname"] == "Told")
    })
    .await;
    assert_eq!((&taken["state"], &taken["severity"]), (&json!("firing"), &json!("critical")));
    assert!(taken.to_string().contains("from outside"), "{taken}");

    let up = prometheus.knows("/api/v1/query?query=up").await;
    assert_eq!(up[0]["value"][1], "1", "the scrape succeeded: {up}");
    let counted =
        "/api/v1/query?query=http_server_request_duration_seconds_count%7Bseaworthy_service%3D%22shop%22%7D";
    let counted = prometheus.knows(counted).await;
    assert_eq!(counted[0]["metric"]["http_response_status_code"], "200", "{counted}");
    let exemplars = "/api/v1/query_exemplars?query=http_server_request_duration_seconds_bucket\
                     &start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z";
    let exemplars = prometheus.knows(exemplars).await;
    assert_eq!(
        exemplars[0]["exemplars"][0]["labels"]["trace_id"].as_str().map(str::len),
        Some(32),
        "{exemplars}"
    );
}

#[tokio::test]
async fn promtool_takes_the_page() {
    let upstream = Upstream::fixed("ahoy").await;
    let gateway = Gateway::start(&format!("{}[jobs]\n", upstream.service(""))).await;
    open(&gateway).await;
    gateway.get("/items").await;
    let page = get(gateway.control, "/metrics").await.unwrap();
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = tool.spawn().expect("Debian package prometheus: cargo xtask setup installs it");
    tool.stdin.take().unwrap().write_all(&page.body).await.unwrap();
    let said = within("promtool", tool.wait_with_output()).await.unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert_eq!(said, "");
}
