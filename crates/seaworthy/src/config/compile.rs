//! From what the file says to finished settings, with every rule that spans more than one setting.

mod alerts;
pub(crate) mod authority;
pub(crate) mod defence;
pub(crate) mod identity;
mod jobs;
mod listeners;
mod policies;
mod process;
mod receivers;
mod routes;
mod telemetry;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use seaworthy_core::Secret;
use seaworthy_gateway::settings::{Certificate as GatewayCertificate, Forwarding as GatewayForwarding};
use seaworthy_gateway::settings::{
    ClientTls, Drain, HealthCheck, Protocol as GatewayProtocol, Service as GatewayService, Settings, Upstream,
};
use seaworthy_identity::rbac::Permission;
use seaworthy_resilience::outlier;
use seaworthy_telemetry::{access, logs, metrics, traces};

use seaworthy_supervisor::settings::Port;

use super::Environment;
use super::file::{self, File, Forwarding, Protocol};
use super::problem::Problems;
use super::setting::{At, Policy};
pub(crate) use jobs::{Jobs, Work};

/// A configuration that can be run.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The data plane.
    pub(crate) gateway: Settings,
    /// Cores to use.
    pub(crate) threads: usize,
    /// Most bytes of cached responses.
    pub(crate) cache_bytes: u64,
    /// The control listener.
    pub(crate) control: SocketAddr,
    /// Log format and filter.
    pub(crate) logs: (logs::Format, String),
    /// The access log.
    pub(crate) access: Option<access::Settings>,
    /// Traces.
    pub(crate) traces: Option<traces::Settings>,
    pub(crate) metrics_otlp: Option<metrics::otlp::Settings>,
    pub(crate) logs_otlp: Option<logs::otlp::Settings>,
    /// The take-over socket.
    pub(crate) takeover: Option<PathBuf>,
    /// Jobs, where they are switched on.
    pub(crate) jobs: Option<Jobs>,
    /// Services that are run here.
    pub(crate) processes: Vec<seaworthy_supervisor::settings::Service>,
    /// The folder of what outlives this process.
    pub(crate) run_folder: PathBuf,
    /// Names by which the control listener is reached.
    pub(crate) control_hosts: Vec<String>,
    /// Whether the control listener takes orders from other machines.
    pub(crate) remote_changes: bool,
    /// Who may call what.
    pub(crate) callers: identity::Callers,
    /// The embedded certificate authority.
    pub(crate) authority: Option<authority::Authority>,
    /// What is looked for in requests, in the order of routes.
    pub(crate) defences: Vec<Option<defence::Defence>>,
    /// What metrics were; nothing where that is switched off.
    pub(crate) history: Option<seaworthy_telemetry::history::Settings>,
    /// What single requests went through.
    pub(crate) stories: Option<seaworthy_telemetry::story::Settings>,
    /// What is looked at, and who is told.
    pub(crate) alerts: Option<seaworthy_alerts::Settings>,
    /// The file of the operator's token.
    pub(crate) token_file: PathBuf,
    /// Roles beside the built-in ones.
    pub(crate) roles: Vec<seaworthy_identity::rbac::Role>,
    /// What callers may do at the control listener that nobody knows.
    pub(crate) anonymous: Vec<Permission>,
    /// Files whose change means a reload.
    pub(crate) files: Vec<PathBuf>,
}

/// More event loops than any machine has cores.
const MOST_THREADS: usize = 1_024;

/// Whether two addresses cannot both be listened on.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let either_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && (either_any || one.ip() == other.ip())
}

/// Where file names start, and which files were named.
pub(super) struct Files<'a> {
    folder: &'a Path,
    named: Vec<PathBuf>,
}

impl Files<'_> {
    fn resolve(&mut self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        self.named.push(path.clone());
        path
    }

    fn certificate(
        &mut self,
        certificate: &file::Certificate,
        problems: &mut Problems,
    ) -> GatewayCertificate {
        for (name, value) in [("chain", &certificate.chain), ("key", &certificate.key)] {
            if value.value.is_empty() {
                problems.push(certificate.spans.of(name), format!("a certificate needs `{name}`"));
            }
        }
        let (chain, key) = (self.resolve(&certificate.chain.value), self.resolve(&certificate.key.value));
        GatewayCertificate { chain, key }
    }
}

/// Makes settings of a file. With problems, what comes back must not be used.
pub(super) fn compile(
    file: &File,
    folder: &Path,
    environment: &Environment,
    problems: &mut Problems,
) -> Compiled {
    let mut files = Files { folder, named: Vec::new() };
    let jobs = jobs::jobs(file, environment, &files, problems);
    // a process may also do nothing but work
    if file.service.is_empty() && jobs.is_none() {
        let suggestion =
            "add [service.shop] with upstreams = [\"http://127.0.0.1:8000\"], or with a command".to_owned();
        problems.suggest(0..0, "there is no service", Some(suggestion));
    }
    let authority = authority::authority(file, folder, problems);
    let mut processes = process::services(file, &files, problems);
    for process in &mut processes {
        let Some(authority) = authority.as_ref().filter(|authority| authority.run.contains(&process.name))
        else {
            continue;
        };
        let folder = authority.of(&process.name);
        for (variable, file) in authority::VARIABLES {
            let path = folder.join(file).display().to_string();
            process.env.insert(variable.to_owned(), Secret::new(path));
        }
    }
    let mut services: Vec<_> = file
        .service
        .iter()
        .map(|(name, service)| self::service(name, service, environment, &mut files, problems))
        .collect();
    services.sort_by(|a, b| a.name.cmp(&b.name));
    let listeners = match file.service.is_empty() && jobs.is_some() {
        true => Vec::new(),
        false => listeners::listeners(&file.listener, &mut files, problems),
    };
    for listener in file.listener.iter().filter(|_| listeners.is_empty()) {
        problems.push(listener.spans.of("address"), "has no effect: there is no service behind it");
    }
    for service in &processes {
        let (Port::Fixed(port), Some(written)) = (service.port, file.service.get(&service.name)) else {
            continue;
        };
        let replica = SocketAddr::from(([127, 0, 0, 1], port));
        if listeners.iter().any(|listener| collide(listener.address, replica)) {
            problems.push(written.spans.of("port"), "is the port of a listener");
        }
    }
    let routes = routes::routes(file, problems);
    let callers = identity::callers(file, &mut files, problems);
    let defences = defence::defences(file, &mut files, problems);
    let control = address(&file.control.listen, problems);
    for listener in &listeners {
        if collide(listener.address, control) {
            problems
                .push(file.control.spans.of("listen"), "the control listener has the address of a listener");
        }
    }
    let gateway = &file.gateway;
    match gateway.threads {
        Some(0) => {
            problems.push(gateway.spans.of("threads"), "0 threads serve nobody; leave it out for all cores");
        }
        Some(threads) if threads > MOST_THREADS => {
            problems.push(gateway.spans.of("threads"), format!("must be at most {MOST_THREADS}"));
        }
        _ => {}
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Compiled {
        gateway: Settings {
            listeners,
            services,
            routes,
            drain: Drain {
                timeout: gateway.drain_timeout,
                idle: gateway.drain_idle.min(gateway.drain_timeout),
            },
            error_docs: gateway.error_docs.clone(),
            ..Settings::default()
        },
        threads: gateway.threads.unwrap_or(cores),
        cache_bytes: gateway.cache_size.0,
        control,
        logs: telemetry::logs(&file.telemetry, problems),
        access: telemetry::access(&file.telemetry, problems),
        traces: file.telemetry.traces.as_ref().map(|traces| telemetry::traces(traces, problems)),
        metrics_otlp: file.telemetry.metrics_otlp.as_ref().map(|to| telemetry::metrics_otlp(to, problems)),
        logs_otlp: file.telemetry.logs_otlp.as_ref().map(|to| telemetry::logs_otlp(to, problems)),
        processes,
        run_folder: folder.join(process::run_folder(file, environment)),
        takeover: gateway.takeover.as_ref().map(|path| folder.join(path)),
        jobs,
        control_hosts: file.control.hosts.iter().map(|host| host.value.clone()).collect(),
        remote_changes: remote_changes(file, control, problems),
        callers,
        authority,
        defences,
        history: telemetry::history(&file.telemetry, folder, problems),
        stories: telemetry::stories(&file.telemetry),
        alerts: receivers::settings(file, &mut files, problems),
        token_file: folder.join(&file.control.token_file),
        roles: identity::roles(file, problems),
        anonymous: anonymous(&file.control, problems),
        files: files.named,
    }
}

/// What is open to everybody. Orders never are.
fn anonymous(control: &file::Control, problems: &mut Problems) -> Vec<Permission> {
    let permission = |text: &At<String>| match text.value.parse::<Permission>() {
        Ok(permission) if permission.action() == "read" => Some(permission),
        Ok(_) => {
            problems.push(text.span.clone(), "only `…:read` can be open to callers that nobody knows");
            None
        }
        Err(error) => {
            let suggestion = Some("write something like \"metrics:read\"".to_owned());
            problems.suggest(text.span.clone(), error.to_string(), suggestion);
            None
        }
    };
    control.anonymous.iter().filter_map(permission).collect()
}

fn remote_changes(file: &File, control: SocketAddr, problems: &mut Problems) -> bool {
    if file.control.remote_changes && control.ip().is_loopback() {
        let spans = &file.control.spans;
        problems.push(spans.of("remote_changes"), "has no effect: nothing remote reaches this address");
    }
    file.control.remote_changes
}

/// An address such as `0.0.0.0:8080`, `:8080` or `localhost:8080`.
pub(super) fn address(text: &At<String>, problems: &mut Problems) -> SocketAddr {
    let full =
        if text.value.starts_with(':') { format!("0.0.0.0{}", text.value) } else { text.value.clone() };
    match full.to_socket_addrs().ok().and_then(|mut all| all.next()) {
        Some(address) => address,
        None => {
            let suggestion = Some("write something like \"127.0.0.1:8080\" or \":8080\"".to_owned());
            problems.suggest(
                text.span.clone(),
                format!("\"{}\" is not an address with a port", text.value),
                suggestion,
            );
            SocketAddr::from(([127, 0, 0, 1], 0))
        }
    }
}

fn ratio(value: f64, span: std::ops::Range<usize>, problems: &mut Problems) {
    if !(0.0..=1.0).contains(&value) {
        problems.push(span, format!("{value} is not a share; use 0 to 1"));
    }
}

fn service(
    name: &str,
    written: &file::Service,
    environment: &Environment,
    files: &mut Files<'_>,
    problems: &mut Problems,
) -> GatewayService {
    let upstreams = upstreams(written, problems);
    let secure = upstreams.iter().any(|upstream| upstream.secure);
    if written.tls.is_some() && !secure && !upstreams.is_empty() {
        problems
            .push(written.spans.of("tls"), "has no effect: no upstream of this service starts with https://");
    }
    if written.connections == 0 {
        problems.push(written.spans.of("connections"), "a limit of 0 lets no request through");
    }
    let managed = written.command.is_some();
    let most = written.autoscale.as_ref().map_or(written.replicas, |autoscale| autoscale.max);
    let several = upstreams.len() > 1 || (managed && most > 1);
    GatewayService {
        managed,
        protocol: match written.protocol {
            Protocol::Auto => GatewayProtocol::Auto,
            Protocol::Http1 => GatewayProtocol::Http1,
            Protocol::Http2 => GatewayProtocol::Http2,
        },
        tls: written.tls.as_ref().map(|tls| client_tls(tls, files, problems)).unwrap_or_default(),
        connect_timeout: written.connect_timeout,
        connections: written.connections,
        idle_timeout: written.idle_timeout,
        idle_connections: written.idle_connections,
        response_silence: written.response_silence,
        health: written.health.as_ref().map(|health| self::health(health, problems)),
        outlier: outlier(written, several, problems),
        policies: policies::policies(written, environment, problems),
        preserve_host: written.preserve_host,
        forwarding: match written.forwarding {
            Forwarding::XForwarded => GatewayForwarding::XForwarded,
            Forwarding::Rfc7239 => GatewayForwarding::Rfc7239,
            Forwarding::Both => GatewayForwarding::Both,
            Forwarding::Off => GatewayForwarding::Off,
        },
        ..GatewayService::bare(name, upstreams)
    }
}

fn upstreams(written: &file::Service, problems: &mut Problems) -> Vec<Upstream> {
    match (&written.command, written.upstreams.is_empty()) {
        (None, true) => {
            problems
                .push(written.spans.of("upstreams"), "a service needs at least one upstream, or a command");
        }
        (Some(_), false) => {
            let text =
                "a service that is run here is where its replicas are; leave `upstreams` or `command` out";
            problems.push(written.spans.of("upstreams"), text);
        }
        _ => {}
    }
    let mut upstreams = Vec::new();
    for text in &written.upstreams {
        match text.value.parse::<Upstream>() {
            Ok(upstream) if upstreams.contains(&upstream) => {
                problems.push(text.span.clone(), format!("{upstream} is listed twice"));
            }
            Ok(upstream) => upstreams.push(upstream),
            Err(error) => problems.push(text.span.clone(), error.to_string()),
        }
    }
    upstreams
}

fn client_tls(written: &file::UpstreamTls, files: &mut Files<'_>, problems: &mut Problems) -> ClientTls {
    ClientTls {
        ca: written.ca.as_deref().map(|path| files.resolve(path)),
        server_name: written.server_name.clone(),
        identity: written.identity.as_ref().map(|identity| files.certificate(identity, problems)),
        live: None,
    }
}

fn health(written: &file::Health, problems: &mut Problems) -> HealthCheck {
    if written.timeout > written.interval {
        problems.push(written.spans.of("timeout"), "is longer than `interval`: checks would overlap");
    }
    for (name, value) in [("interval", written.interval), ("timeout", written.timeout)] {
        if value.is_zero() {
            problems.push(written.spans.of(name), format!("`{name}` must be longer than zero"));
        }
    }
    for (name, value) in
        [("unhealthy_after", written.unhealthy_after), ("healthy_after", written.healthy_after)]
    {
        if value == 0 {
            problems.push(written.spans.of(name), format!("`{name}` must be at least 1"));
        }
    }
    match &written.path {
        Some(path) if !path.starts_with('/') => {
            let suggestion = Some(format!("write \"/{path}\""));
            problems.suggest(written.spans.of("path"), "a path starts with a slash", suggestion);
        }
        Some(path) if path.parse::<http::uri::PathAndQuery>().is_err() => {
            let text = "cannot be asked for; write spaces and the like in percent-encoding";
            problems.push(written.spans.of("path"), format!("\"{path}\" {text}"));
        }
        _ => {}
    }
    HealthCheck {
        path: written.path.clone(),
        interval: written.interval,
        timeout: written.timeout,
        unhealthy_after: written.unhealthy_after.max(1),
        healthy_after: written.healthy_after.max(1),
    }
}

fn outlier(written: &file::Service, several: bool, problems: &mut Problems) -> Option<outlier::Settings> {
    let settings = match &written.outlier {
        Policy::Off => return None,
        Policy::Inherit => return several.then(outlier::Settings::default),
        Policy::On(outlier) => outlier::Settings {
            consecutive_upstream: Some(outlier.consecutive),
            consecutive_local: Some(outlier.consecutive),
            base: outlier.base,
            max: outlier.max,
            max_percent: outlier.max_percent,
            ..outlier::Settings::default()
        },
    };
    if !several {
        problems.push(
            written.spans.of("outlier"),
            "has no effect: the last upstream is never ejected, and there is one",
        );
    }
    for contradiction in settings.validate() {
        problems.push(written.spans.of("outlier"), policies::as_written(&format!("outlier.{contradiction}")));
    }
    Some(settings)
}
