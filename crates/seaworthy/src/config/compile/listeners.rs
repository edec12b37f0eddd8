//! Listeners.

use seaworthy_gateway::settings::{
    ClientAuth as GatewayClientAuth, Limits as GatewayLimits, Listener as GatewayListener,
    ServerTls as GatewayTls, TlsVersion as GatewayVersion,
};

use super::{Files, address};
use crate::config::file::{ClientAuth, Limits, Listener, ServerTls, TlsVersion};
use crate::config::problem::Problems;

/// All listeners; the default one where none is written.
pub(super) fn listeners(
    written: &[Listener],
    files: &mut Files<'_>,
    problems: &mut Problems,
) -> Vec<GatewayListener> {
    let fallback = [Listener::default()];
    let written = if written.is_empty() { &fallback[..] } else { written };
    let mut listeners: Vec<GatewayListener> = Vec::new();
    for listener in written {
        let made = self::listener(listener, files, problems);
        if listeners.iter().any(|other| other.address == made.address) {
            problems.push(listener.spans.of("address"), format!("{} is listened on twice", made.address));
        }
        listeners.push(made);
    }
    listeners
}

fn listener(written: &Listener, files: &mut Files<'_>, problems: &mut Problems) -> GatewayListener {
    let proxies = written.trusted_proxies.iter().filter_map(|text| {
        let network = text.value.parse().or_else(|_| text.value.parse::<std::net::IpAddr>().map(Into::into));
        network
            .map_err(|_| {
                let suggestion = Some("write something like \"10.0.0.0/8\" or \"10.1.2.3\"".to_owned());
                problems.suggest(
                    text.span.clone(),
                    format!("\"{}\" is not a network", text.value),
                    suggestion,
                );
            })
            .ok()
    });
    let trusted_proxies = proxies.collect();
    GatewayListener {
        address: address(&written.address, problems),
        tls: written.tls.as_ref().map(|tls| self::tls(tls, files, problems)),
        http2: written.http2,
        trusted_proxies,
        limits: limits(&written.limits, problems),
    }
}

fn tls(written: &ServerTls, files: &mut Files<'_>, problems: &mut Problems) -> GatewayTls {
    if written.certificates.is_empty() {
        problems.push(written.spans.of("certificates"), "TLS needs at least one certificate");
    }
    let mut authority = |what: &str| {
        let Some(ca) = &written.client_ca else {
            problems
                .push(written.spans.of("client_auth"), format!("client_auth = \"{what}\" needs `client_ca`"));
            return std::path::PathBuf::new();
        };
        files.resolve(ca)
    };
    let client_auth = match written.client_auth {
        ClientAuth::None => GatewayClientAuth::None,
        ClientAuth::Optional => GatewayClientAuth::Optional(authority("optional")),
        ClientAuth::Required => GatewayClientAuth::Required(authority("required")),
    };
    if written.client_auth == ClientAuth::None && written.client_ca.is_some() {
        let suggestion = Some("set client_auth to \"optional\" or \"required\"".to_owned());
        problems.suggest(written.spans.of("client_ca"), "has no effect: clients are not asked", suggestion);
    }
    if written.client_auth == ClientAuth::None && written.client_crl.is_some() {
        let suggestion = Some("set client_auth to \"optional\" or \"required\"".to_owned());
        problems.suggest(written.spans.of("client_crl"), "has no effect: clients are not asked", suggestion);
    }
    GatewayTls {
        certificates: written.certificates.iter().map(|c| files.certificate(c, problems)).collect(),
        client_auth,
        client_crl: written.client_crl.as_ref().map(|path| files.resolve(path)),
        min_version: match written.min_version {
            TlsVersion::Tls12 => GatewayVersion::Tls12,
            TlsVersion::Tls13 => GatewayVersion::Tls13,
        },
    }
}

fn limits(written: &Limits, problems: &mut Problems) -> GatewayLimits {
    let times = [
        ("header_timeout", written.header_timeout),
        ("body_timeout", written.body_timeout),
        ("write_timeout", written.write_timeout),
        ("idle_timeout", written.idle_timeout),
        ("handshake_timeout", written.handshake_timeout),
        ("tunnel_idle_timeout", written.tunnel_idle_timeout),
    ];
    for (name, _) in times.into_iter().filter(|(_, time)| time.is_zero()) {
        problems.push(written.spans.of(name), format!("`{name}` must be longer than zero"));
    }
    if !(1_024..=256 << 10).contains(&written.head_bytes.0) {
        problems.push(written.spans.of("head_bytes"), "`head_bytes` must lie between 1KiB and 256KiB");
    }
    if written.connections == 0 || written.headers == 0 || written.streams == 0 {
        problems.push(written.spans.of("connections"), "a limit of 0 serves nobody");
    }
    GatewayLimits {
        connections: written.connections,
        header_timeout: written.header_timeout,
        body_timeout: written.body_timeout,
        write_timeout: written.write_timeout,
        idle_timeout: written.idle_timeout,
        handshake_timeout: written.handshake_timeout,
        tunnel_idle_timeout: written.tunnel_idle_timeout,
        head_bytes: usize::try_from(written.head_bytes.0).unwrap_or(usize::MAX),
        headers: written.headers,
        streams: written.streams,
    }
}
