//! What was configured, and where managed services are just now: what a plan is made of.

use std::collections::HashMap;
use std::sync::Arc;

use crate::plan::Plan;
use crate::settings::{Service, Settings, Upstream};
use crate::upstream::endpoint::Endpoint;

#[derive(Clone, Default)]
pub(crate) struct Wanted {
    /// As configured.
    pub(crate) settings: Settings,
    /// Where managed services answer.
    pub(crate) endpoints: HashMap<Arc<str>, Vec<Upstream>>,
    /// Where their sandboxes are.
    pub(crate) sandboxes: HashMap<Arc<str>, Upstream>,
    /// Endpoints that were taken out and may have something to finish.
    pub(crate) leaving: Vec<Leaving>,
}

/// An endpoint that is taken out.
#[derive(Clone)]
pub(crate) struct Leaving {
    pub(crate) service: Arc<str>,
    pub(crate) endpoint: Arc<Endpoint>,
    /// The first plan without it.
    pub(crate) since: u64,
}

impl Wanted {
    /// Everything together.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = self.settings.clone();
        settings
            .services
            .iter_mut()
            .filter(|service| service.managed)
            .for_each(|service| self.place(service));
        settings
    }

    fn place(&self, service: &mut Service) {
        service.upstreams = self.endpoints.get(&service.name).cloned().unwrap_or_default();
        service.sandbox = self.sandboxes.get(&service.name).cloned();
    }

    pub(crate) fn note_who_left(&mut self, old: &Plan, new: &Plan) {
        let all = |plan: &Plan| {
            let of = |service: &Arc<crate::upstream::service::Service>| {
                let name = Arc::clone(&service.settings.name);
                service.endpoints.clone().into_iter().map(move |endpoint| (Arc::clone(&name), endpoint))
            };
            plan.services.iter().flat_map(of).collect::<Vec<_>>()
        };
        let now = all(new);
        for (service, endpoint) in all(old) {
            let managed = endpoint.work.is_some();
            if managed && !now.iter().any(|(_, stays)| Arc::ptr_eq(stays, &endpoint)) {
                self.leaving.push(Leaving { service, endpoint, since: new.number });
            }
        }
    }
}
