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
    launch.folder.clone_from(&service.folder);
    launch.user.clone_from(&service.user);
    launch.group.clone_from(&service.group);
    launch
}
