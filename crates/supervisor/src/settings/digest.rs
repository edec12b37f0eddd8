//! What a replica was started with, in one short text: replicas with another one are replaced.

use super::{Command, Port, Probe, ProbeKind, Service};
use aws_lc_rs::hmac::{Context, Key};
use std::time::Duration;

/// Changes when the list of what is digested does: replicas are then replaced once.
const VERSION: u64 = 1;

impl Service {
    /// Differs where a replica started with these settings would differ from one started with others. As in a pod's
    /// template the probes are part of it: a probe that does not work then stops a rollout, not the service.
    ///
    /// Values of the environment are part of it, too, and it is shown: without the key nobody can try what they may be.
    pub(crate) fn template_digest(&self, key: &Key) -> String {
        let mut template = Template(Context::with_key(key));
        template.number(VERSION);
        self.digest_process(&mut template);
        self.digest_care(&mut template);
        let digest = template.0.sign();
        digest.as_ref()[..10].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn digest_process(&self, template: &mut Template) {
        match &self.command {
            Command::Argv(argv) => template.texts("argv", argv.iter().map(String::as_str)),
            Command::Shell(line) => template.texts("shell", [line.as_str()]),
        }
        match self.port {
            Port::Free => template.text("free"),
            Port::Socket => template.text("socket"),
            Port::Fixed(port) => {
                template.text("fixed");
                template.number(port.into());
            }
        }
        template.texts("env", self.env.keys().map(String::as_str));
        template.texts("values", self.env.values().map(|value| value.expose().as_str()));
        template.texts("inherit", self.inherit_env.iter().map(String::as_str));
        let folder = self.folder.as_deref().map(|folder| folder.to_string_lossy().into_owned());
        for text in [&folder, &self.user, &self.group] {
            template.texts("place", text.as_deref());
        }
        // plain data without secrets
        template.text(&format!("{:?} {:?} {:?}", self.limits, self.orphan, self.output));
    }

    fn digest_care(&self, template: &mut Template) {
        for probe in [&self.probes.startup, &self.probes.liveness, &self.probes.readiness] {
            template.number(u64::from(probe.is_some()));
            if let Some(probe) = probe {
                template.probe(probe);
            }
        }
        template.text(&format!("{:?}", self.restart));
        template.time(self.termination_grace);
    }
}

struct Template(Context);

impl Template {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    /// With its length, so that two texts never run into each other.
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn texts<'a>(&mut self, what: &str, texts: impl IntoIterator<Item = &'a str>) {
        self.text(what);
        let texts: Vec<&str> = texts.into_iter().collect();
        self.number(texts.len() as u64);
        for text in texts {
            self.text(text);
        }
    }

    fn time(&mut self, time: Duration) {
        self.number(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    fn probe(&mut self, probe: &Probe) {
        self.text(probe.kind.as_str());
        match &probe.kind {
            ProbeKind::Http { path, headers } => {
                self.text(path);
                self.texts(
                    "headers",
                    headers.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]),
                );
            }
            ProbeKind::Tcp => {}
            ProbeKind::Grpc { service } => self.text(service),
            ProbeKind::Command(argv) => self.texts("argv", argv.iter().map(String::as_str)),
        }
        for time in [probe.initial_delay, probe.period, probe.timeout] {
            self.time(time);
        }
        self.number(probe.success_threshold.into());
        self.number(probe.failure_threshold.into());
    }
}
