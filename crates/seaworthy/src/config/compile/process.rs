//! Services that are run here: what their replicas are, and how they are looked after.

use std::collections::BTreeMap;

use seaworthy_core::Secret;
use seaworthy_resilience::Contradiction;
use seaworthy_supervisor::settings as run;

use super::Files;
use crate::config::Environment;
use crate::config::file::process::{Amount, CommandLine, Orphans, Port, Probe, Restart};
use crate::config::file::{self, File};
use crate::config::problem::Problems;

/// The settings of a service that mean something only where it is run here.
const ONLY_RUN: [&str; 20] = [
    "replicas",
    "port",
    "environment",
    "inherit_environment",
    "folder",
    "user",
    "group",
    "depends_on",
    "restart",
    "backoff",
    "termination_grace",
    "drain_timeout",
    "orphans",
    "limits",
    "startup",
    "liveness",
    "readiness",
    "rollout",
    "autoscale",
    "output",
];
const MILLICORES: f64 = 1_000.0;

/// The variable that goes before `supervisor.folder`.
const RUN_FOLDER: &str = "SEAWORTHY_RUN_FOLDER";

/// Where that is kept which outlives this process.
pub(super) fn run_folder<'a>(file: &'a File, environment: &'a Environment) -> &'a str {
    let variable = environment.iter().find(|(name, _)| name == RUN_FOLDER);
    variable.map_or(file.supervisor.folder.as_str(), |(_, folder)| folder.as_str())
}

/// The services that are run here.
pub(super) fn services(file: &File, files: &Files<'_>, problems: &mut Problems) -> Vec<run::Service> {
    let mut all = Vec::new();
    for (name, written) in &file.service {
        match &written.command {
            Some(command) => all.push(service(name, command, written, files, problems)),
            None => {
                for setting in ONLY_RUN.iter().filter(|setting| written.spans.has(setting)) {
                    let text = "has no effect: this service is not run here, it has no `command`";
                    problems.push(written.spans.of(setting), text);
                }
            }
        }
    }
    for written in file.service.values().filter(|service| service.command.is_some()) {
        if written.autoscale.is_some() && written.spans.has("replicas") {
            let text = "has no effect: `autoscale` says how many there are";
            problems.push(written.spans.of("replicas"), text);
        }
    }
    if all.is_empty() && !file.supervisor.spans.of("").is_empty() {
        problems.push(file.supervisor.spans.of(""), "has no effect: no service has a `command`");
    }
    for found in run::validate_all(&all) {
        place(&found, file, problems);
    }
    all
}

/// Finds the place of what cannot be meant. Its path is `service.NAME.SETTING…`.
fn place(found: &Contradiction, file: &File, problems: &mut Problems) {
    let path = found.setting.strip_prefix("service.").unwrap_or(&found.setting);
    // names may hold dots
    let known = file.service.iter().filter(|(name, _)| path.starts_with(&format!("{name}.")));
    let Some((name, written)) = known.max_by_key(|(name, _)| name.len()) else {
        problems.push(0..0, found.to_string());
        return;
    };
    let path = as_written(path.get(name.len() + 1..).unwrap_or_default());
    let setting = path.split('.').next().unwrap_or_default();
    let text = if path == setting { found.problem.clone() } else { format!("`{path}` {}", found.problem) };
    problems.push(written.spans.of(setting), text);
}

/// The name a setting has in the file.
fn as_written(path: &str) -> String {
    const NAMES: [(&str, &str); 5] = [
        ("probes.", ""),
        ("restart.backoff", "backoff"),
        ("restart.policy", "restart"),
        ("inherit_env", "inherit_environment"),
        ("env", "environment"),
    ];
    let renamed =
        NAMES.iter().find_map(|(ours, theirs)| Some(format!("{theirs}{}", path.strip_prefix(ours)?)));
    renamed.unwrap_or_else(|| path.to_owned())
}

fn service(
    name: &str,
    command: &CommandLine,
    written: &file::Service,
    files: &Files<'_>,
    problems: &mut Problems,
) -> run::Service {
    let secret = |(name, value): (&String, &String)| (name.clone(), Secret::new(value.clone()));
    let folder = written.folder.as_ref().map_or_else(|| files.folder.to_owned(), |to| files.folder.join(to));
    // a relative folder would be looked for from wherever the process of the replica was made; "" is here
    let here = if folder.as_os_str().is_empty() { std::path::PathBuf::from(".") } else { folder };
    let folder = std::path::absolute(&here).unwrap_or(here);
    run::Service {
        replicas: written.replicas,
        port: match written.port {
            Port::Free => run::Port::Free,
            Port::Socket => run::Port::Socket,
            Port::Fixed(port) => run::Port::Fixed(port),
        },
        env: written.environment.iter().map(secret).collect::<BTreeMap<_, _>>(),
        inherit_env: written.inherit_environment.clone(),
        folder: Some(folder),
        user: written.user.clone(),
        group: written.group.clone(),
        limits: limits(written, problems),
        probes: probes(written, problems),
        restart: restart(written),
        termination_grace: written.termination_grace,
        drain: written.drain_timeout,
        depends_on: written.depends_on.clone(),
        rollout: run::Rollout {
            max_surge: amount(&written.rollout.max_surge, problems),
            max_unavailable: amount(&written.rollout.max_unavailable, problems),
            progress_deadline: written.rollout.progress_deadline,
        },
        autoscale: written.autoscale.as_ref().map(|autoscale| run::Autoscale {
            min: autoscale.min,
            max: autoscale.max,
            cpu_percent: autoscale.cpu,
            memory_percent: autoscale.memory,
            in_flight: autoscale.in_flight,
            p95: autoscale.p95,
            period: autoscale.period,
            stabilization: autoscale.stabilization,
        }),
        orphan: match written.orphans {
            Orphans::Keep => seaworthy_process::Orphan::Keep,
            Orphans::Stop => seaworthy_process::Orphan::Stop,
        },
        output: seaworthy_process::OutputLimits {
            lines_per_second: written.output.lines_per_second,
            burst: written.output.burst,
        },
        ..run::Service::new(
            name,
            match command {
                CommandLine::Shell(line) => run::Command::Shell(line.clone()),
                CommandLine::Argv(argv) => run::Command::Argv(argv.clone()),
            },
        )
    }
}

fn restart(written: &file::Service) -> run::Restart {
    let backoff = &written.backoff;
    run::Restart {
        policy: match written.restart {
            Restart::Always => run::RestartPolicy::Always,
            Restart::OnFailure => run::RestartPolicy::OnFailure,
            Restart::Never => run::RestartPolicy::Never,
        },
        backoff: run::Backoff {
            initial: backoff.initial,
            max: backoff.max,
            reset_after: backoff.reset_after,
        },
    }
}

fn limits(written: &file::Service, problems: &mut Problems) -> seaworthy_process::Limits {
    let limits = &written.limits;
    let cpu_millicores = limits.cpu.as_ref().and_then(|cpu| {
        let fine = cpu.value >= 0.01 && cpu.value <= 1_024.0;
        if !fine {
            problems.push(cpu.span.clone(), "must be from 0.01 to 1024 processors");
        }
        fine.then_some((cpu.value * MILLICORES).round() as u32)
    });
    seaworthy_process::Limits {
        memory: limits.memory.map(|size| size.0),
        cpu_millicores,
        processes: limits.processes,
        open_files: limits.open_files,
    }
}

fn amount(written: &Amount, problems: &mut Problems) -> run::CountOrPercent {
    let parsed = written.0.value.parse();
    parsed.unwrap_or_else(|error: run::NotAnAmount| {
        problems.push(written.0.span.clone(), error.to_string());
        run::CountOrPercent::Count(1)
    })
}

fn probes(written: &file::Service, problems: &mut Problems) -> run::Probes {
    let mut read = |probe: &Option<Probe>| probe.as_ref().map(|probe| self::probe(probe, problems));
    let (startup, liveness) = (read(&written.startup), read(&written.liveness));
    let readiness = read(&written.readiness);
    run::Probes { startup, liveness, readiness: readiness.or_else(|| run::Probes::default().readiness) }
}

fn probe(written: &Probe, problems: &mut Problems) -> run::Probe {
    let mut kinds = Vec::new();
    if let Some(path) = &written.http {
        let headers = written.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        kinds.push(run::ProbeKind::Http { path: path.value.clone(), headers: headers.collect() });
    } else if !written.headers.is_empty() {
        problems.push(written.spans.of("headers"), "has no effect without `http`");
    }
    if written.tcp == Some(true) {
        kinds.push(run::ProbeKind::Tcp);
    }
    kinds.extend(written.grpc.clone().map(|service| run::ProbeKind::Grpc { service }));
    if !written.command.is_empty() {
        kinds.push(run::ProbeKind::Command(written.command.clone()));
    }
    if kinds.len() > 1 {
        problems.push(
            written.spans.of(""),
            "asks several questions; write one of `http`, `tcp`, `grpc` and `command`",
        );
    }
    let kind = kinds.into_iter().next().unwrap_or_else(|| {
        problems.push(written.spans.of(""), "asks nothing; write one of `http`, `tcp`, `grpc` and `command`");
        run::ProbeKind::Tcp
    });
    run::Probe {
        initial_delay: written.initial_delay,
        period: written.period,
        timeout: written.timeout,
        success_threshold: written.success_threshold,
        failure_threshold: written.failure_threshold,
        ..run::Probe::new(kind)
    }
}
