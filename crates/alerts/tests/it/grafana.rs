//! The dashboard, as Grafana's own types read it.

use seaworthy_alerts::objective::{Indicator, Measured, Objective, grafana};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What Grafana's types say of it.
fn said(dashboard: &serde_json::Value) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/grafana_schema.py");
    let mut command = Command::new(crate::smtp::python());
    command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python starts");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(dashboard.to_string().as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
#[ignore = "needs grafana-foundation-sdk"]
fn grafana_reads_the_whole_dashboard() {
    let latency = Indicator::Latency { threshold: Duration::from_millis(250) };
    let objectives = [Objective::new("shop", Indicator::availability()), Objective::new("speed", latency)];
    let measured: Vec<Measured> = objectives.map(|one| Measured::new(one).expect("it can be")).into();
    let mut dashboard = grafana::dashboard(&measured);
    assert_eq!(said(&dashboard), "6 panels\n");
    // it would say so
    dashboard["panels"][0]["gridPos"]["width"] = 3.into();
    let said = said(&dashboard);
    assert!(said.contains("/panels/0/gridPos/width is not in the schema"), "{said}");
}
