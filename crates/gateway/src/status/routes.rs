//! The policies of routes: rate limits by caller, the response cache, the fallback.

use std::collections::BTreeMap;
use std::sync::Arc;

use seaworthy_core::duration;
use seaworthy_resilience::PolicyStatus as _;
use seaworthy_resilience::effects::Effect;
use seaworthy_resilience::rate_limit::KeyedLimiter;
use seaworthy_telemetry::metrics::{Label, Samples};
use serde_json::{Value, json};

use super::Policy;
use crate::access::Access;
use crate::plan::{Limit, Plan, RoutePlan};
use crate::settings::{self, Fallback, RateKey};

/// The policies of the routes that lead to a service.
pub(super) fn leading_to(plan: &Plan, service: usize) -> impl Iterator<Item = Policy> {
    let leads = move |route: &&Arc<RoutePlan>| route.targets.iter().any(|(target, _)| *target == service);
    plan.routes.iter().filter(leads).flat_map(|route| policies(route))
}

fn policies(route: &RoutePlan) -> Vec<Policy> {
    let limits = route.limits.iter().map(|limit| rate_limit(limit));
    let cache = route.settings.cache.as_ref().map(|settings| cache(route, settings));
    let fallback = route.settings.fallback.as_ref().map(|settings| fallback(route, settings));
    let access = route.settings.access.as_ref().map(|settings| access(route, settings));
    let inspection = (!route.settings.inspectors.is_empty())
        .then(|| policy("inspection", json!({}), json!({}), route.inspected.effects()));
    limits
        .chain(cache)
        .chain(fallback)
        .chain(access)
        .chain(inspection)
        .map(|policy| Policy { route: Some(Arc::clone(&route.settings.name)), ..policy })
        .collect()
}

fn policy(kind: &'static str, settings: Value, state: Value, effects: Vec<Effect>) -> Policy {
    let effects = effects.into_iter().map(|effect| (effect.name.to_owned(), effect.count.into())).collect();
    Policy { kind, endpoint: None, route: None, settings, state, effects }
}

fn rate_limit(limit: &Limit) -> Policy {
    let limiter: &KeyedLimiter<_> = &limit.limiter;
    let mut settings = limiter.settings();
    settings["key"] = key_name(&limit.settings.key).into();
    policy(limiter.kind(), settings, limiter.state(), limiter.effects())
}

fn cache(route: &RoutePlan, settings: &settings::Cache) -> Policy {
    let shown = json!({
        "object_bytes": settings.object_bytes,
        "default_ttl": duration::format(settings.default_ttl),
        "stale_while_revalidate": duration::format(settings.stale_while_revalidate),
        "stale_if_error": duration::format(settings.stale_if_error),
        "lock_timeout": duration::format(settings.lock_timeout),
    });
    let counts = &route.cached;
    let state = json!({ "bytes": counts.bytes(), "resources": counts.resources() });
    policy("cache", shown, state, counts.effects())
}

fn fallback(route: &RoutePlan, settings: &Fallback) -> Policy {
    let shown = match settings {
        Fallback::Service(name) => json!({ "service": name }),
        Fallback::Static { status, .. } => json!({ "status": status.as_u16() }),
    };
    policy("fallback", shown, json!({}), route.fallbacks.effects())
}

fn access(route: &RoutePlan, settings: &Access) -> Policy {
    let ways: Vec<_> = settings.any_of.iter().map(|way| way.name()).collect();
    let shown = json!({ "any_of": ways, "scopes": settings.scopes, "roles": settings.roles });
    policy("access", shown, json!({ "waited": route.accessed.waited() }), route.accessed.effects())
}

/// As it is written in a configuration.
fn key_name(key: &RateKey) -> String {
    match key {
        RateKey::Client => "client".to_owned(),
        RateKey::Route => "route".to_owned(),
        RateKey::Header(name) => format!("header:{name}"),
        RateKey::Tenant(name) => format!("tenant:{name}"),
        RateKey::Caller => "caller".to_owned(),
    }
}

/// Adds them to the metrics. Routes of several hosts may have one template, and a route several limits by one key:
/// what has the same labels is added up.
pub(super) fn sample(plan: &Plan, samples: &mut Samples) {
    let (mut effects, mut keys) = (BTreeMap::<Vec<Label>, u64>::new(), BTreeMap::<Vec<Label>, usize>::new());
    for route in &plan.routes {
        let name = ("route", route.settings.name.to_string());
        for limit in &route.limits {
            let labels = vec![("key", key_name(&limit.settings.key)), name.clone()];
            *keys.entry(labels).or_default() += limit.limiter.len();
        }
        for policy in policies(route) {
            let mut common = vec![("policy", policy.kind.to_owned()), name.clone()];
            common.extend(policy.settings["key"].as_str().map(|key| ("key", key.to_owned())));
            for (effect, count) in &policy.effects {
                let mut labels = common.clone();
                labels.push(("effect", effect.clone()));
                *effects.entry(labels).or_default() += count.as_u64().unwrap_or_default();
            }
        }
    }
    for (labels, count) in effects {
        samples.counter("seaworthy.policy.effects", super::EFFECTS, &labels, count as f64);
    }
    for (labels, count) in keys {
        let help = "callers a rate limit remembers";
        samples.gauge("seaworthy.rate_limit.keys", help, &labels, count as f64);
    }
}
