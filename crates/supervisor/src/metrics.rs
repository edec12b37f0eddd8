//! What the supervisor tells: by service, and by replica, whose names are used again, so that the labels are bounded.

use crate::events::Reason;
use crate::fleet::Context;
use crate::replica::{Phase, Which};
use crate::status::{ReplicaStatus, ServiceStatus};
use seaworthy_telemetry::metrics::{Counter, Label, Registry, Samples};
use std::sync::{Arc, Weak};

/// Counters of the supervisor.
#[derive(Debug)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self(registry.clone())
    }

    /// A replica is started again.
    pub(crate) fn restarted(&self, service: &str, reason: Reason) {
        let labels = [label(service), ("reason", reason.as_str().to_owned())];
        self.0
            .counter("service.restarts", "replicas that were started again, by why they ended", &labels)
            .inc();
    }

    /// A probe failed such that it counts.
    pub(crate) fn probe_failed(&self, service: &str, which: Which) {
        let labels = [label(service), ("probe", which.as_str().to_owned())];
        self.0.counter("service.probe.failures", "failures of probes", &labels).inc();
    }

    /// Lines of output that were dropped.
    pub(crate) fn output_dropped(&self, service: &str) -> Counter {
        let help = "lines of output dropped because there were too many";
        self.0.counter("service.output.dropped", help, &[label(service)])
    }
}

/// Has everything else pulled from the services at every scrape. The registry does not keep them alive.
pub(crate) fn collect(registry: &Registry, context: &Arc<Context>) {
    let context: Weak<Context> = Arc::downgrade(context);
    registry.collect_with(Box::new(move |samples| {
        let services = context.upgrade().map(|context| context.statuses()).unwrap_or_default();
        services.iter().for_each(|service| of_service(service, samples));
    }));
}

fn label(service: &str) -> Label {
    ("service", service.to_owned())
}

fn of_service(service: &ServiceStatus, samples: &mut Samples) {
    let name = &*service.name;
    for phase in Phase::ALL {
        let count = service.instances.iter().filter(|replica| replica.phase == phase).count();
        let labels = [label(name), ("state", phase.as_str().to_owned())];
        samples.gauge("service.replicas", "replicas, by state", &labels, count as f64);
    }
    let one = |samples: &mut Samples, metric, help, value: f64| {
        samples.gauge(metric, help, &[label(name)], value);
    };
    one(samples, "service.replicas.desired", "replicas that are wanted", service.replicas.into());
    one(samples, "service.replicas.ready", "replicas that take traffic", service.ready.into());
    if let Some(decision) = &service.autoscale {
        let help = "replicas that the load asks for, before any bound";
        one(samples, "service.autoscale.desired", help, decision.recommended.into());
    }
    service.instances.iter().chain(&service.sandbox).for_each(|replica| of_replica(name, replica, samples));
}

fn of_replica(service: &str, replica: &ReplicaStatus, samples: &mut Samples) {
    let Some(usage) = &replica.usage else { return };
    let labels = [label(service), ("replica", replica.name.to_string())];
    let values = [
        ("service.cpu.cores", "processor time of late, in cores", usage.cores),
        ("service.memory.bytes", "memory of a replica", usage.memory_bytes as f64),
        ("service.open_files", "open files and sockets of a replica", usage.open_files as f64),
        ("service.processes", "processes of a replica", usage.processes as f64),
    ];
    for (metric, help, value) in values {
        samples.gauge(metric, help, &labels, value);
    }
    let help = "processor time of a replica since its start";
    samples.counter("service.cpu.seconds", help, &labels, usage.cpu_seconds);
}
