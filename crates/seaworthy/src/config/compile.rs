//! From what the file says to finished settings, with every rule that spans more than one setting.

mod listeners;
mod policies;
mod routes;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use seaworthy_gateway::settings::{Certificate as GatewayCertificate, Forwarding as GatewayForwarding};
use seaworthy_gateway::settings::{
    ClientTls, Drain, HealthCheck, Protocol as GatewayProtocol, Service as GatewayService, Settings, Upstream,
};
use seaworthy_resilience::outlier;
use seaworthy_telemetry::{access, logs, traces};

use super::Environment;
use super::file::{self, File, Forwarding, LogFormat, Protocol};
use super::problem::Problems;
use super::setting::{At, Policy};

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
    /// The take-over socket.
    pub(crate) takeover: Option<PathBuf>,
    /// Files whose change means a reload.
    pub(crate) files: Vec<PathBuf>,
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
    if file.service.is_empty() {
        let suggestion = "add [service.shop] with upstreams = [\"http://127.0.0.1:8000\"]".to_owned();
        problems.suggest(0..0, "there is no service", Some(suggestion));
    }
    let mut services: Vec<_> = file
        .service
        .iter()
        .map(|(name, service)| self::service(name, service, environment, &mut files, problems))
        .collect();
    services.sort_by(|a, b| a.name.cmp(&b.name));
    let listeners = listeners::listeners(&file.listener, &mut files, problems);
    let routes = routes::routes(file, problems);
    let control = address(&file.control.listen, problems);
    for listener in &listeners {
        if listener.address == control {
            problems
                .push(file.control.spans.of("listen"), "the control listener has the address of a listener");
        }
    }
    let gateway = &file.gateway;
    if gateway.threads == Some(0) {
        problems.push(gateway.spans.of("threads"), "0 threads serve nobody; leave it out for all cores");
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
        },
        threads: gateway.threads.unwrap_or(cores),
        cache_bytes: gateway.cache_size.0,
        control,
        logs: logs(&file.telemetry),
        access: access(&file.telemetry, problems),
        traces: file.telemetry.traces.as_ref().map(|traces| self::traces(traces, problems)),
        takeover: gateway.takeover.as_ref().map(|path| folder.join(path)),
        files: files.named,
    }
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

fn logs(telemetry: &file::Telemetry) -> (logs::Format, String) {
    let format = match telemetry.logs {
        LogFormat::Human => logs::Format::Human,
        LogFormat::Json => logs::Format::Json,
    };
    (format, telemetry.filter.clone())
}

fn access(telemetry: &file::Telemetry, problems: &mut Problems) -> Option<access::Settings> {
    let inherited = file::Access::default();
    let written = match &telemetry.access {
        Policy::Off => return None,
        Policy::Inherit => &inherited,
        Policy::On(access) => access,
    };
    ratio(written.sample, written.spans.of("sample"), problems);
    let mut settings = access::Settings { format: logs(telemetry).0, ..access::Settings::default() };
    (settings.sample, settings.slow) = (written.sample, written.slow);
    settings.redact_query.extend(written.redact_query.iter().cloned());
    Some(settings)
}

fn traces(written: &file::Traces, problems: &mut Problems) -> traces::Settings {
    ratio(written.sample, written.spans.of("sample"), problems);
    traces::Settings {
        endpoint: written.endpoint.clone(),
        service: written.service_name.clone(),
        sample: written.sample,
        parent_based: written.parent_based,
        ..traces::Settings::default()
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
    let several = upstreams.len() > 1;
    GatewayService {
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
    if written.upstreams.is_empty() {
        problems.push(written.spans.of("upstreams"), "a service needs at least one upstream");
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
    if let Some(path) = written.path.as_ref().filter(|path| !path.starts_with('/')) {
        let suggestion = Some(format!("write \"/{path}\""));
        problems.suggest(written.spans.of("path"), "a path starts with a slash", suggestion);
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
        problems.push(written.spans.of("outlier"), format!("outlier: {contradiction}"));
    }
    Some(settings)
}
