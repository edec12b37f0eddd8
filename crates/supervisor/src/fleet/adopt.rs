//! What an earlier life of Seaworthy left behind, sorted by what becomes of it.

use super::instance::Instance;
use super::labels::{Labels, Place, Revision};
use super::run::{Key, Live};
use crate::replica::Replica;
use crate::settings::{Probes, Restart, RestartPolicy, Service};
use seaworthy_process::Process;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

/// A process of a service that is wanted.
#[derive(Debug)]
pub(super) struct Survivor {
    pub(super) labels: Labels,
    pub(super) process: Process,
}

/// What survived.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) by_service: BTreeMap<String, Vec<Survivor>>,
    /// Processes that nobody wants: of unknown services, or second ones in the same place.
    pub(super) strays: Vec<Process>,
}

pub(super) fn sort(survivors: Vec<Process>, services: &[Service]) -> Sorted {
    let mut sorted = Sorted::default();
    for process in survivors {
        match Labels::read(process.labels()) {
            Some(labels) if services.iter().any(|service| service.name == labels.service) => {
                let of = sorted.by_service.entry(labels.service.clone()).or_default();
                of.push(Survivor { labels, process });
            }
            _ => sorted.strays.push(process),
        }
    }
    for survivors in sorted.by_service.values_mut() {
        // the latest in each place is the one: an earlier one has ended, and nobody took note of it
        survivors.sort_by_key(|survivor| std::cmp::Reverse(survivor.process.started_at()));
        let mut places = Vec::new();
        for survivor in std::mem::take(survivors) {
            if places.contains(&survivor.labels.place) {
                sorted.strays.push(survivor.process);
            } else {
                places.push(survivor.labels.place);
                survivors.push(survivor);
            }
        }
        survivors.reverse();
    }
    sorted
}

/// The generation that a service goes on with: a restart that was under way is completed.
pub(super) fn generation(survivors: &[Survivor], template: &str) -> u64 {
    let same = survivors.iter().filter(|survivor| survivor.labels.revision.template == template);
    same.map(|survivor| survivor.labels.revision.generation).max().unwrap_or(0)
}

/// How many ordinary replicas survived.
pub(super) fn count(survivors: &[Survivor]) -> u32 {
    let ordinary = survivors.iter().filter(|survivor| survivor.labels.place != Place::Sandbox);
    u32::try_from(ordinary.count()).unwrap_or(u32::MAX)
}

/// A replica around a process that runs already.
pub(super) fn instance(
    key: Key,
    survivor: &Survivor,
    wanted: &Arc<Service>,
    revision: &Revision,
) -> Instance {
    let Survivor { labels, process } = survivor;
    let service = if labels.revision == *revision { Arc::clone(wanted) } else { Arc::new(bygone(wanted)) };
    let ran = SystemTime::now().duration_since(process.started_at()).unwrap_or_default();
    let now = Instant::now();
    let started = now.checked_sub(ran).unwrap_or(now);
    // one that has ended says so in a moment, and is not ready until then
    let lives = process.usage().is_ok();
    let begin = if lives { Replica::adopted } else { Replica::fallen };
    let replica = begin(service, now, started, fastrand::u64(..));
    let mut instance = Instance::new(key, labels.place, &wanted.name, labels.revision.clone(), replica);
    instance.live = lives.then(|| Live::of(process));
    instance.adopted = true;
    instance
}

/// The settings for a replica whose own are not known any more: it takes traffic as long as it listens, until it is
/// replaced.
fn bygone(wanted: &Service) -> Service {
    Service {
        probes: Probes::default(),
        restart: Restart { policy: RestartPolicy::Never, ..wanted.restart },
        ..wanted.clone()
    }
}
