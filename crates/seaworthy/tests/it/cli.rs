//! The command line: what it prints, and how it ends.

use std::path::Path;
use std::process::Output;

use expect_test::{Expect, expect};

use crate::harness::Folder;
use crate::harness::program::{client, run};

async fn seaworthy(args: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_seaworthy"), args).await
}

/// Checks a configuration that must be refused.
async fn check(config: &str, expected: Expect) {
    let folder = Folder::new();
    let file = folder.write("seaworthy.toml", config);
    let file = file.to_str().unwrap();
    let output = seaworthy(&["check", file]).await;
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
    let said = String::from_utf8(output.stderr).unwrap().replace(file, "seaworthy.toml");
    expected.assert_eq(&said);
    // it does not start with it either, and says the same
    let up = seaworthy(&["up", "--config", file]).await;
    let refused = String::from_utf8(up.stderr).unwrap().replace(file, "seaworthy.toml");
    assert_eq!(
        (up.status.code(), refused),
        (Some(1), format!("error: the configuration cannot be used\n{said}"))
    );
}

#[tokio::test]
async fn every_problem_at_once() {
    let config = r#"[gateway]
drain_timeout = "30"
treads = 2

[[listener]]
address = "nowhere"

[service.shop]
upstreams = ["http://127.0.0.1:8000", "ftp://x"]
retries = 3
breaker = { consecutive_failures = "five" }
tls = { ca = "ca.pem" }

[[route]]
service = "shpo"

[[route]]
path = "/a"
service = "shop"
methods = ["get"]
rate_limit = [{ requests = 0 }]
"#;
    check(
        config,
        expect![[r#"
        seaworthy.toml:2:17: "30" has no unit; write "30s" for seconds or "30ms" for milliseconds
          | drain_timeout = "30"
          |                 ^
        seaworthy.toml:3:1: unknown setting `treads`
          | treads = 2
          | ^
          = did you mean `threads`?
        seaworthy.toml:6:11: "nowhere" is not an address with a port
          | address = "nowhere"
          |           ^
          = write something like "127.0.0.1:8080" or ":8080"
        seaworthy.toml:9:39: "ftp://x" must start with http:// or https://
          | upstreams = ["http://127.0.0.1:8000", "ftp://x"]
          |                                       ^
        seaworthy.toml:10:1: unknown setting `retries`
          | retries = 3
          | ^
          = did you mean `retry`?
        seaworthy.toml:11:36: expected a whole number, found a text
          | breaker = { consecutive_failures = "five" }
          |                                    ^
        seaworthy.toml:12:7: has no effect: no upstream of this service starts with https://
          | tls = { ca = "ca.pem" }
          |       ^
        seaworthy.toml:15:11: there is no service "shpo"
          | service = "shpo"
          |           ^
          = did you mean "shop"?
        seaworthy.toml:20:12: "get" is not a method
          | methods = ["get"]
          |            ^
          = methods are upper case: "GET"
        seaworthy.toml:21:28: a rate limit of 0 refuses everything
          | rate_limit = [{ requests = 0 }]
          |                            ^
        10 problems found
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_file_that_is_no_toml() {
    check(
        "[service.shop\nupstreams = [\"http://127.0.0.1:8000\"]\n",
        expect![[r#"
            seaworthy.toml:1:14: unclosed table, expected `]`
              | [service.shop
              |              ^
            seaworthy.toml:2:1: unknown setting `upstreams`
              | upstreams = ["http://127.0.0.1:8000"]
              | ^
              = known here: gateway, listener, control, telemetry, service, route, identity, role, authority, issuer, login, supervisor, objective, alert, alerts, receiver, mute_time, escalation, on_call, store, jobs, queue, command, schedule
            2 problems found
        "#]],
    )
    .await;
}

#[tokio::test]
async fn nothing_to_stand_in_front_of() {
    let config = "# nothing\n";
    check(
        config,
        expect![[r#"
            seaworthy.toml:1:1: there is no service
              | # nothing
              | ^
              = add [service.shop] with upstreams = ["http://127.0.0.1:8000"], or with a command
            1 problem found
        "#]],
    )
    .await;
}

#[tokio::test]
async fn exit_codes() {
    let folder = Folder::new();
    let good = folder.write("good.toml", "[service.shop]\nupstreams = [\"http://127.0.0.1:8000\"]");
    let fine = seaworthy(&["check", good.to_str().unwrap()]).await;
    let said = String::from_utf8(fine.stdout).unwrap();
    assert_eq!(fine.status.code(), Some(0));
    assert!(said.ends_with("fine (listeners: 1, services: 1, routes: 1)\n"), "{said}");
    let missing = folder.path("missing.toml");
    let output = seaworthy(&["check", missing.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("error: ") && said.contains("missing.toml: No such file"), "{said}");
    let files = "[[listener]]\ntls = { certificates = [{ chain = \"no.pem\", key = \"no.key\" }] }\n\
                 [service.shop]\nupstreams = [\"http://127.0.0.1:8000\"]";
    let without = folder.write("files.toml", files);
    let output = seaworthy(&["check", without.to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(1), "a certificate that is not there is a problem");
    assert!(String::from_utf8(output.stderr).unwrap().contains("no.pem"));
}

#[tokio::test]
async fn wrong_arguments() {
    let cases: [(&[&str], &str); 8] = [
        (&["up", "--confg", "x"], "a similar argument exists: '--config'"),
        (&["chck"], "a similar subcommand exists: 'check'"),
        (&["up", "--listen", "127.0.0.1:8080"], "--upstream <URL>"),
        (&["up", "--upstream", "http://127.0.0.1:1", "--config", "x"], "cannot be used with"),
        (&["up", "--config", "x", "--listen", "127.0.0.1:8080"], "cannot be used with"),
        (&["up", "--config", "x", "--control", "127.0.0.1:8080"], "cannot be used with"),
        (&["check", "a", "b"], "unexpected argument 'b'"),
        (&[], "Usage: seaworthy <COMMAND>"),
    ];
    for (args, expected) in cases {
        let output = seaworthy(args).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    let version = seaworthy(&["--version"]).await;
    assert_eq!(
        String::from_utf8(version.stdout).unwrap(),
        format!("seaworthy {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn the_schema_accepts_the_examples_and_refuses_mistakes() {
    let folder = Folder::new();
    let output = seaworthy(&["config", "schema"]).await;
    assert!(output.status.success());
    let schema = folder.write("schema.json", output.stdout);
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let files = std::fs::read_dir(examples).unwrap().map(|file| file.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert!(files.len() >= 3, "{files:?}");
    let mut args = vec![schema.to_str().unwrap()];
    args.extend(files.iter().map(|path| path.to_str().unwrap()));
    assert_eq!(client("schema_check.py", &args).await, format!("{}\n", files.len()));
    for file in files {
        let checked = seaworthy(&["check", file.to_str().unwrap()]).await;
        assert!(checked.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&checked.stderr));
    }
}

#[tokio::test]
async fn the_environment_changes_policies_and_its_mistakes_are_reported() {
    let folder = Folder::new();
    let file = folder.write("seaworthy.toml", "[service.shop]\nupstreams = [\"http://127.0.0.1:8000\"]");
    let mut check = tokio::process::Command::new(env!("CARGO_BIN_EXE_seaworthy"));
    check.arg("check").arg(&file).env("SEAWORTHY_RETRY_MAX_ATTEMPTS", "many");
    let output = check.output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("SEAWORTHY_RETRY_MAX_ATTEMPTS"), "{said}");
}
