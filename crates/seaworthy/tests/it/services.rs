//! Services that are run here: started, looked after, replaced, scaled; through crashes of theirs and of ours.

mod crashes;
mod faults;
mod rollouts;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{Folder, Gateway, eventually, exchange};
use crate::jobs::{ask, says};

/// A gateway that runs services. Whatever they started is killed with it.
pub(crate) struct Running {
    pub(crate) gateway: Gateway,
    /// What all of it has in its environment, so that nothing is left behind whatever happens.
    mark: String,
}

/// The program that replicas are.
pub(crate) fn replica() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/replica.py");
    path.to_str().unwrap().to_owned()
}

impl Running {
    /// Starts a gateway with a service `shop` of these replicas and settings. `ARGUMENTS` stand behind the port.
    pub(crate) async fn start(replicas: u32, arguments: &str, settings: &str) -> Self {
        Self::with("", replicas, arguments, settings).await
    }

    /// The same with settings of the gateway.
    pub(crate) async fn with(gateway: &str, replicas: u32, arguments: &str, settings: &str) -> Self {
        let folder = Folder::new();
        let mark = folder.path("").to_str().unwrap().to_owned();
        let rest = Self::service(&mark, replicas, arguments, settings);
        Self { gateway: Gateway::with(folder, gateway, "", &rest).await, mark }
    }

    /// The service's part of a configuration.
    fn service(mark: &str, replicas: u32, arguments: &str, settings: &str) -> String {
        let program = replica();
        let (own, tables) = settings.split_once("\n[").unwrap_or((settings, ""));
        let tables = if tables.is_empty() { String::new() } else { format!("[{tables}") };
        let port = if own.contains("port = ") { "" } else { "{port}" };
        format!(
            "[service.shop]\ncommand = \"python3 {program} {port} {arguments}\"\nreplicas = {replicas}\n\
             environment = {{ SEAWORTHY_TEST = \"{mark}\", COLOUR = \"blue\" }}\n{own}\n\
             [service.shop.backoff]\ninitial = \"10ms\"\nmax = \"1s\"\n{tables}\n"
        )
    }

    /// Replaces the service in the configuration file, which is followed.
    pub(crate) fn configure(&self, replicas: u32, arguments: &str, settings: &str) {
        self.gateway.configure(&Self::service(&self.mark, replicas, arguments, settings));
    }

    /// How the service stands.
    pub(crate) async fn status(&self) -> Value {
        ask(&self.gateway, "/api/v1/services/shop/replicas").await
    }

    /// Waits until the service stands like this.
    pub(crate) async fn stands(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("the service is {what}"), || async {
            let status = self.status().await;
            is(&status).then_some(status)
        })
        .await
    }

    /// Waits until so many replicas run, all of them as wanted now and ready.
    pub(crate) async fn settles(&self, replicas: u64) -> Value {
        self.stands(&format!("complete with {replicas}"), |status| {
            let count = status["instances"].as_array().unwrap().len() as u64;
            status["ready"] == replicas
                && status["updated"] == replicas
                && count == replicas
                && status["rollout"]["state"] == "Complete"
        })
        .await
    }

    /// The processes that are replicas by the gateway's word.
    pub(crate) async fn pids(&self) -> BTreeSet<u32> {
        pids(&self.status().await)
    }

    /// Gives an order.
    pub(crate) async fn order(&self, method: &str, what: &str, body: &Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("/api/v1/services/shop/{what}");
        let answer = exchange(self.gateway.control, method, &path, &[], &text).await;
        assert!(answer.status.is_success(), "{}", answer.text());
        answer.json()
    }

    /// The events with this reason.
    pub(crate) async fn events(&self, reason: &str) -> Vec<Value> {
        let all = ask(&self.gateway, "/api/v1/services/shop/events").await;
        all["events"].as_array().unwrap().iter().filter(|event| event["reason"] == reason).cloned().collect()
    }

    /// Processes with our mark, by the kernel's word.
    pub(crate) fn alive(&self) -> BTreeSet<u32> {
        marked(&self.mark)
    }

    /// Waits until nothing of it runs any more.
    pub(crate) async fn nothing_left(&self) {
        eventually("no process is left", || async { self.alive().is_empty().then_some(()) }).await;
    }
}

pub(crate) fn pids(status: &Value) -> BTreeSet<u32> {
    let instances = status["instances"].as_array().unwrap().iter();
    instances.filter_map(|replica| u32::try_from(replica["pid"].as_u64()?).ok()).collect()
}

pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // it may have ended by itself just now
    let _ = kill_process(pid, signal);
}

fn marked(mark: &str) -> BTreeSet<u32> {
    let wanted = format!("SEAWORTHY_TEST={mark}");
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let number = |path: PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let has_mark = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    };
    processes.filter_map(|entry| number(entry.path())).filter(has_mark).collect()
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.gateway.is_running() {
            self.gateway.signal(Signal::KILL);
        }
        // what is killed may be started again by a gateway that is not dead yet
        for _ in 0..50 {
            let left = marked(&self.mark);
            if left.is_empty() && !self.gateway.is_running() {
                break;
            }
            left.into_iter().for_each(|pid| kill(pid, Signal::KILL));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[tokio::test]
async fn a_service_is_run_seen_and_ended() {
    let mut run = Running::start(2, "", "readiness = { http = \"/healthz\" }").await;
    let status = run.settles(2).await;
    assert_eq!(status["health"], "Available");
    let pids = run.pids().await;
    for pid in &pids {
        eventually("each replica answers", || async {
            let told = run.gateway.get("/").await.json();
            assert_eq!(told["environment"]["COLOUR"], "blue");
            assert!(!told["environment"]["HOME"].is_null());
            (told["pid"] == *pid).then_some(())
        })
        .await;
    }
    assert_eq!(run.alive(), pids);
    let list = says(&run.gateway, &["service", "list"]).await;
    assert!(list.contains("shop") && list.contains("2/2"), "{list}");
    let shown = says(&run.gateway, &["service", "show", "shop"]).await;
    assert!(shown.contains("Ready") && shown.contains("127.0.0.1:"), "{shown}");
    assert_eq!(run.gateway.get("/say").await.status, 200);
    eventually("what it says is heard", || async {
        let logs = says(&run.gateway, &["service", "logs", "shop"]).await;
        logs.contains("asked to say something").then_some(())
    })
    .await;
    run.gateway.logs("asked to say something").await;
    let events = says(&run.gateway, &["service", "events", "shop"]).await;
    assert!(events.contains("Started") && events.contains("Ready"), "{events}");
    run.gateway.signal(Signal::TERM);
    assert!(run.gateway.ended().await.success());
    run.nothing_left().await;
}

#[tokio::test]
async fn it_is_scaled_stopped_and_started_by_order() {
    let run = Running::start(1, "", "").await;
    run.settles(1).await;
    run.order("PUT", "replicas", &json!({ "replicas": 3 })).await;
    run.settles(3).await;
    assert_eq!(run.alive().len(), 3);
    says(&run.gateway, &["service", "scale", "shop", "1"]).await;
    run.settles(1).await;
    eventually("one is left", || async { (run.alive().len() == 1).then_some(()) }).await;
    says(&run.gateway, &["service", "stop", "shop"]).await;
    run.nothing_left().await;
    let answer = run.gateway.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.json()["reason"].as_str()), (503, Some("no_endpoint")));
    says(&run.gateway, &["service", "start", "shop"]).await;
    assert_eq!(run.gateway.get("/").await.status, 200);
    let path = "/api/v1/services/shop/replicas";
    let answer = exchange(run.gateway.control, "PUT", path, &[], "{\"replicas\":-1}").await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    for (path, reason) in [("nobody/replicas", "no_service"), ("nobody/logs", "no_service")] {
        let path = format!("/api/v1/services/{path}");
        let answer = exchange(run.gateway.control, "GET", &path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.json()["reason"].as_str()), (404, Some(reason)), "{path}");
    }
}

#[tokio::test]
async fn only_a_pass_leads_to_the_sandbox() {
    let run = Running::start(1, "", "").await;
    run.settles(1).await;
    let live = run.pids().await;
    assert_eq!(run.gateway.get("/").await.status, 200);
    let entered = run.gateway.policy("shop", "bulkhead").await["effects"]["entered"].clone();
    assert_eq!(entered, 1, "a request before");
    let told = says(&run.gateway, &["service", "sandbox", "shop", "--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    let (header, pass) = (told["header"].as_str().unwrap(), told["pass"].as_str().unwrap());
    let entered = run.gateway.policy("shop", "bulkhead").await["effects"]["entered"].clone();
    assert_eq!(entered, 1, "what is known of the live service is kept");
    let sandboxed = told["run"]["sandbox"]["pid"].as_u64().unwrap() as u32;
    assert!(!live.contains(&sandboxed));
    let by = |answer: crate::harness::Answer| answer.json()["pid"].as_u64().unwrap() as u32;
    for _ in 0..20 {
        assert!(live.contains(&by(run.gateway.get("/").await)));
        let answer = exchange(run.gateway.address, "GET", "/", &[(header, pass)], "").await;
        assert!(answer.json()["headers"][header].is_null(), "the service does not see the pass");
        assert_eq!(by(answer), sandboxed);
    }
    let forged = format!("{}0", &pass[..pass.len() - 1]);
    let other = pass.replacen("shop", "till", 1);
    for wrong in [forged.as_str(), other.as_str(), "", "x"] {
        if wrong == pass {
            continue;
        }
        let answer = exchange(run.gateway.address, "GET", "/", &[(header, wrong)], "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["reason"].as_str()),
            (403, Some("sandbox_pass")),
            "{wrong}"
        );
    }
    says(&run.gateway, &["service", "sandbox", "shop", "--end"]).await;
    let answer = exchange(run.gateway.address, "GET", "/", &[(header, pass)], "").await;
    assert_eq!(answer.status, 403, "what was meant for the sandbox does not reach live replicas");
    assert_eq!(run.alive(), live);
}
