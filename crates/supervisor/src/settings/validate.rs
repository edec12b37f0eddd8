//! Everything about one service that cannot be meant, all at once.

use super::{Autoscale, Command, Port, Probe, ProbeKind, RestartPolicy, Service};
use crate::settings::Restart;
use http::{HeaderName, HeaderValue, uri::PathAndQuery};
use seaworthy_resilience::Contradiction;
use std::time::Duration;

/// More replicas than any one machine has use for.
const MOST_REPLICAS: u32 = 1_000;
/// Names of replicas and of their folders are made of it.
const LONGEST_NAME: usize = 48;

#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Contradiction>);

impl Findings {
    pub(super) fn expect(&mut self, holds: bool, setting: impl Into<String>, problem: impl Into<String>) {
        if !holds {
            self.0.push(Contradiction { setting: setting.into(), problem: problem.into() });
        }
    }
}

impl Service {
    /// Everything that cannot be meant, with the paths of the settings within the service.
    pub fn validate(&self) -> Vec<Contradiction> {
        let mut found = Findings::default();
        found.expect(
            is_name(&self.name),
            "name",
            "must be 1 to 48 of a-z A-Z 0-9 - _ . and begin with a letter or digit",
        );
        self.check_command(&mut found);
        self.check_environment(&mut found);
        self.check_numbers(&mut found);
        check_restart(&self.restart, &mut found);
        self.check_probes(&mut found);
        self.check_socket(&mut found);
        self.check_rollout(&mut found);
        if let Some(autoscale) = &self.autoscale {
            self.check_autoscale(autoscale, &mut found);
        }
        found.0
    }

    fn check_command(&self, found: &mut Findings) {
        let empty = match &self.command {
            Command::Argv(argv) => argv.first().is_none_or(String::is_empty),
            Command::Shell(line) => line.trim().is_empty(),
        };
        found.expect(!empty, "command", "names no program");
        found.expect(self.command.texts().all(|text| !text.contains('\0')), "command", "holds a NUL");
        let socket = self.port == Port::Socket;
        let env = self.env.values().map(|value| value.expose().as_str());
        let named = self.command.texts().chain(env).any(|text| text.contains("{socket}"));
        found.expect(
            socket || !named,
            "command",
            "{socket} stands for nothing unless the port is a passed socket",
        );
    }

    fn check_environment(&self, found: &mut Findings) {
        for (name, value) in &self.env {
            let path = format!("env.{name}");
            found.expect(is_variable(name), &path, "is not the name of a variable");
            found.expect(!value.expose().contains('\0'), &path, "holds a NUL");
            found.expect(!is_ours(name), &path, "is set by seaworthy");
        }
        for name in &self.inherit_env {
            found.expect(
                is_variable(name),
                "inherit_env",
                format!("\"{name}\" is not the name of a variable"),
            );
            found.expect(!is_ours(name), "inherit_env", format!("{name} is set by seaworthy"));
        }
    }

    fn check_numbers(&self, found: &mut Findings) {
        found.expect(self.replicas <= MOST_REPLICAS, "replicas", "must be at most 1000");
        if let Port::Fixed(port) = self.port {
            found.expect(port != 0, "port", "0 is no port; leave it out for a free one");
            found.expect(
                self.replicas <= 1,
                "replicas",
                "a fixed port has room for one replica; use {port} in the command instead",
            );
        }
        let name = &self.name;
        found.expect(!self.depends_on.contains(name), "depends_on", format!("{name} depends on itself"));
    }

    fn check_probes(&self, found: &mut Findings) {
        let probes = &self.probes;
        for (name, probe) in
            [("startup", &probes.startup), ("liveness", &probes.liveness), ("readiness", &probes.readiness)]
        {
            let Some(probe) = probe else { continue };
            let path = format!("probes.{name}");
            check_probe(&path, probe, found);
            found.expect(
                name == "readiness" || probe.success_threshold == 1,
                format!("{path}.success_threshold"),
                "must be 1 for start-up and liveness",
            );
        }
    }

    /// The kernel takes connections to a passed socket before anybody serves it.
    fn check_socket(&self, found: &mut Findings) {
        let asks = self.probes.readiness.as_ref().is_some_and(|probe| probe.kind != ProbeKind::Tcp);
        found.expect(
            self.port != Port::Socket || asks,
            "probes.readiness",
            "must ask more than a connection where the port is a passed socket: http, grpc or command",
        );
    }

    fn check_rollout(&self, found: &mut Findings) {
        let rollout = &self.rollout;
        found.expect(
            self.is_exclusive() || !(rollout.max_surge.is_zero() && rollout.max_unavailable.is_zero()),
            "rollout.max_unavailable",
            "must not be 0 when max_surge is 0: nothing could be replaced",
        );
        found.expect(
            !rollout.progress_deadline.is_zero(),
            "rollout.progress_deadline",
            "must be longer than zero",
        );
    }

    fn check_autoscale(&self, autoscale: &Autoscale, found: &mut Findings) {
        let Autoscale { min, max, cpu_percent, memory_percent, in_flight, p95, .. } = autoscale;
        found.expect(*min >= 1, "autoscale.min", "must be at least 1");
        found.expect(min <= max, "autoscale.max", "is less than min");
        found.expect(*max <= MOST_REPLICAS, "autoscale.max", "must be at most 1000");
        found.expect(
            !self.is_exclusive() || *max <= 1,
            "autoscale.max",
            "a fixed port has room for one replica; use {port} in the command instead",
        );
        let any = cpu_percent.is_some() || memory_percent.is_some() || in_flight.is_some() || p95.is_some();
        found.expect(any, "autoscale", "has no target; set cpu, memory, in_flight or p95");
        found.expect(*cpu_percent != Some(0), "autoscale.cpu", "must be above 0");
        found.expect(*memory_percent != Some(0), "autoscale.memory", "must be above 0");
        found.expect(
            memory_percent.is_none() || self.limits.memory.is_some(),
            "autoscale.memory",
            "is a share of limits.memory, which is not set",
        );
        found.expect(
            in_flight.is_none_or(|target| target.is_finite() && target > 0.0),
            "autoscale.in_flight",
            "must be above 0",
        );
        found.expect(*p95 != Some(Duration::ZERO), "autoscale.p95", "must be longer than zero");
        found.expect(!autoscale.period.is_zero(), "autoscale.period", "must be longer than zero");
        found.expect(
            self.restart.policy == RestartPolicy::Always,
            "autoscale",
            "needs the restart policy Always: a replica that ended would count for ever",
        );
    }
}

fn check_restart(restart: &Restart, found: &mut Findings) {
    let backoff = &restart.backoff;
    found.expect(!backoff.initial.is_zero(), "restart.backoff.initial", "must be longer than zero");
    found.expect(backoff.initial <= backoff.max, "restart.backoff.max", "is shorter than initial");
}

fn check_probe(path: &str, probe: &Probe, found: &mut Findings) {
    for (setting, time) in [("period", probe.period), ("timeout", probe.timeout)] {
        found.expect(!time.is_zero(), format!("{path}.{setting}"), "must be longer than zero");
    }
    for (setting, count) in
        [("success_threshold", probe.success_threshold), ("failure_threshold", probe.failure_threshold)]
    {
        found.expect(count >= 1, format!("{path}.{setting}"), "must be at least 1");
    }
    match &probe.kind {
        ProbeKind::Http { path: target, headers } => {
            let fine = target.starts_with('/') && PathAndQuery::try_from(target.as_str()).is_ok();
            found.expect(fine, format!("{path}.http.path"), "is not a path; it starts with /");
            for (name, value) in headers {
                let fine = HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok();
                found.expect(fine, format!("{path}.http.headers"), format!("\"{name}\" is not a header"));
            }
        }
        ProbeKind::Grpc { service } => {
            found.expect(service.len() <= 256, format!("{path}.grpc.service"), "is longer than 256 bytes");
        }
        ProbeKind::Command(argv) => {
            let fine = argv.first().is_some_and(|program| !program.is_empty());
            found.expect(fine, format!("{path}.command"), "names no program");
            found.expect(
                argv.iter().all(|text| !text.contains('\0')),
                format!("{path}.command"),
                "holds a NUL",
            );
        }
        ProbeKind::Tcp => {}
    }
}

/// A name that can stand in a file name, a label and a log line as it is.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    name.len() <= LONGEST_NAME
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

/// Variables that are set for every replica.
fn is_ours(name: &str) -> bool {
    matches!(name, "PORT" | "LISTEN_FDS" | "LISTEN_PID" | "LISTEN_FDNAMES")
}
