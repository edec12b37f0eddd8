//! What becomes of denials on the data plane: an event in the log, an entry in the audit log. Neither is waited for.

use std::time::{Duration, Instant};

use seaworthy_api::IdentityDoor;
use seaworthy_defence::addresses::client_network;
use seaworthy_gateway::access::{Denial, Witness};
use seaworthy_identity::audit::{Entry, Outcome};
use seaworthy_identity::{Actor, Principal, Subject};
use seaworthy_resilience::rate_limit::{KeyedLimiter, Settings};

/// Denials of one client (an IPv6 /64 is one) that are told one by one, a minute; further ones only count.
const TOLD: u32 = 60;
/// Clients remembered.
const CLIENTS: usize = 10_000;

/// Hears of denials.
#[derive(Debug)]
pub(super) struct Denials {
    door: IdentityDoor,
    told: KeyedLimiter<Vec<u8>>,
}

impl Denials {
    pub(super) fn new(door: IdentityDoor) -> Self {
        let settings = Settings { requests: TOLD, per: Duration::from_secs(60), burst: TOLD };
        Self { door, told: KeyedLimiter::new(settings, CLIENTS) }
    }
}

impl Witness for Denials {
    fn denied(&self, denial: &Denial<'_>) {
        let client = denial.presented.client.to_string();
        let network = client_network(denial.presented.client).to_string();
        // a flood must not become a flood of entries: the route's own counters have every one
        if !self.told.decide(network.as_bytes(), tokio::time::Instant::from_std(Instant::now())).allowed {
            return;
        }
        let caller = denial.caller.map(|caller| &*caller.subject);
        tracing::info!(
            target: "seaworthy::security",
            route = denial.route,
            reason = denial.reason,
            status = denial.status.as_u16(),
            client,
            caller,
            request_id = denial.presented.request_id,
            "a request was not let in"
        );
        let Some(identity) = self.door.now() else { return };
        let mut actor = Actor::anonymous(Some(denial.presented.client));
        actor.request_id = Some(denial.presented.request_id.to_owned());
        if let Some(caller) = denial.caller {
            let (issuer, subject) = (caller.issuer.to_string(), caller.subject.to_string());
            let known = Principal {
                name: subject.clone(),
                subject: Subject::External { issuer, subject },
                ..Principal::anonymous()
            };
            actor.principal = known.into();
        }
        // the template, not the path: paths hold what is nobody's business
        let resource = format!("{} {}", denial.presented.method, denial.route);
        identity
            .audit()
            .note(Entry::new(&actor, "route.denied", resource, Outcome::Denied).because(denial.reason));
    }
}
