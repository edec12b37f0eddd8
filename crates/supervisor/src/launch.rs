//! What a replica's process is started with.

use crate::settings::{Command, Places, Service};
use seaworthy_core::Secret;
use seaworthy_process::{Launch, Orphan, Scope, Signal, StopPlan};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::time::Duration;

/// By how much the keeper's patience exceeds ours: it ends what Seaworthy was ending when it died.
const KEEPERS_PATIENCE: Duration = Duration::from_secs(5);

/// The process of a replica. A socket is passed where the service asks for one.
pub(crate) fn replica(
    service: &Service,
    id: String,
    port: u16,
    socket: Option<TcpListener>,
    labels: BTreeMap<String, String>,
) -> Launch {
    let places = Places { port };
    let mut launch = beside(service, id, port, service.command.argv(places));
    launch.limits = service.limits;
    launch.socket = socket;
    launch.orphan = service.orphan;
    launch.stop = StopPlan {
        signal: Signal::TERM,
        grace: service.termination_grace + KEEPERS_PATIENCE,
        scope: match &service.command {
            Command::Argv(_) => Scope::Main,
            // a shell would end and leave its children to be killed
            Command::Shell(_) => Scope::Group,
        },
    };
    launch.labels = labels;
    launch.output = service.output;
    launch
}

/// A program run beside a replica to see how it is. It does not outlive Seaworthy.
pub(crate) fn probe(service: &Service, id: String, port: u16, argv: &[String]) -> Launch {
    let places = Places { port };
    let mut launch = beside(service, id, port, argv.iter().map(|text| places.fill(text).into()).collect());
    launch.limits = service.limits;
    launch.orphan = Orphan::Stop;
    launch.stop = StopPlan { signal: Signal::KILL, ..StopPlan::default() };
    launch
}

/// As the same user, in the same folder and with the same environment.
fn beside(service: &Service, id: String, port: u16, argv: Vec<OsString>) -> Launch {
    let places = Places { port };
    let mut launch = Launch::new(id, argv);
    let filled =
        |(name, value): (&String, &Secret<String>)| (name.clone(), Secret::new(places.fill(value.expose())));
    launch.env = service.env.iter().map(filled).collect();
    launch.env.push(("PORT".to_owned(), Secret::new(port.to_string())));
    launch.inherit_env.clone_from(&service.inherit_env);
    // that of a file without a folder in its name is empty: it lies in ours
    launch.folder = service.folder.clone().filter(|folder| !folder.as_os_str().is_empty());
    launch.user.clone_from(&service.user);
    launch.group.clone_from(&service.group);
    launch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_gets_what_its_service_has() {
        let mut service = Service::new("shop", Command::Shell("serve --port {port} | tee log".into()));
        service.env.insert("URL".into(), Secret::new("http://127.0.0.1:{port}/{x}".into()));
        service.folder = Some("".into());
        let launch = replica(&service, "shop-1-0".into(), 8001, None, BTreeMap::new());
        assert_eq!(launch.argv, ["/bin/sh", "-c", "serve --port 8001 | tee log"]);
        let env: Vec<_> =
            launch.env.iter().map(|(name, value)| (name.as_str(), value.expose().as_str())).collect();
        assert_eq!(env, [("URL", "http://127.0.0.1:8001/{x}"), ("PORT", "8001")]);
        assert_eq!((launch.folder, launch.stop.scope), (None, Scope::Group));
        // the keeper is a little more patient than we are
        assert_eq!(launch.stop.grace, Duration::from_secs(35));
        let argv = ["check".to_owned(), "{port}".to_owned()];
        let launch = probe(&service, "probe-0".into(), 8001, &argv);
        assert_eq!((launch.argv, launch.orphan), (vec!["check".into(), "8001".into()], Orphan::Stop));
    }
}
