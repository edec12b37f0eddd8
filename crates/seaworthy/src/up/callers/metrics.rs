//! What became of credentials, in the metrics.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use seaworthy_api::IdentityDoor;
use seaworthy_oauth::jwt::Verifier;
use seaworthy_telemetry::metrics::{Registry, Samples};

/// The verifier in force, for the collector.
pub(super) type Current = Arc<Mutex<Option<Arc<Verifier>>>>;

pub(super) fn export(registry: &Registry, verifier: &Current, door: &IdentityDoor) {
    let (verifier, door) = (Arc::clone(verifier), door.clone());
    registry.collect_with(Box::new(move |samples| {
        let current = verifier.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(verifier) = current {
            tokens(&verifier, samples);
        }
        if let Some(identity) = door.now() {
            identities(&identity.counts(), samples);
        }
    }));
}

fn tokens(verifier: &Verifier, samples: &mut Samples) {
    let counters = verifier.counters();
    let mut count = |name: &str, help: &str, labels: &[(&'static str, String)], value: u64| {
        samples.counter(name, help, labels, value as f64);
    };
    let help = "tokens by where they were known from";
    count(
        "seaworthy.tokens.lookups",
        help,
        &[("result", "hit".to_owned())],
        counters.cache_hits.load(Relaxed),
    );
    count(
        "seaworthy.tokens.lookups",
        help,
        &[("result", "miss".to_owned())],
        counters.cache_misses.load(Relaxed),
    );
    let help = "signatures that were verified";
    count("seaworthy.tokens.verifications", help, &[], counters.verifications.load(Relaxed));
    let help = "fetches of issuers' keys";
    for (result, value) in [
        ("ok", &counters.fetches_ok),
        ("failed", &counters.fetches_failed),
        ("limited", &counters.fetches_limited),
    ] {
        count("seaworthy.tokens.key_fetches", help, &[("result", result.to_owned())], value.load(Relaxed));
    }
    for (reject, value) in counters.rejections() {
        let labels = [("reason", reject.reason().to_owned())];
        count("seaworthy.tokens.refused", "tokens that were refused", &labels, value);
    }
    let (known, refused) = verifier.cached();
    let help = "tokens that are remembered";
    samples.gauge("seaworthy.tokens.remembered", help, &[("kind", "verified".to_owned())], known as f64);
    samples.gauge("seaworthy.tokens.remembered", help, &[("kind", "refused".to_owned())], refused as f64);
}

fn identities(counts: &seaworthy_identity::Counts, samples: &mut Samples) {
    let help = "log-ins by how they ended";
    for (result, value) in [
        ("in", counts.log_ins),
        ("refused", counts.log_in_failures),
        ("locked", counts.log_ins_locked),
        ("busy", counts.log_ins_busy),
    ] {
        samples.counter("seaworthy.identity.log_ins", help, &[("result", result.to_owned())], value as f64);
    }
    let help = "API keys and own tokens by how they were taken";
    for (result, value) in [("accepted", counts.view_accepted), ("refused", counts.view_refused)] {
        samples.counter(
            "seaworthy.identity.credentials",
            help,
            &[("result", result.to_owned())],
            value as f64,
        );
    }
    for (name, help, value) in [
        ("seaworthy.identity.denied", "what somebody wanted to do and may not", counts.denied),
        (
            "seaworthy.identity.refresh_replays",
            "refresh tokens that came a second time",
            counts.refresh_replays,
        ),
        ("seaworthy.identity.view_failures", "reads of keys and tokens that failed", counts.view_failed),
        ("seaworthy.audit.entries", "audit entries that were written", counts.audit_written),
        ("seaworthy.audit.overflowed", "audit notes that were only counted", counts.audit_overflowed),
        ("seaworthy.audit.failures", "writes of audit entries that failed", counts.audit_failed),
    ] {
        samples.counter(name, help, &[], value as f64);
    }
}
