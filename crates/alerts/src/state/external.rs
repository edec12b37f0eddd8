use super::State;
use crate::alert::{Origin, Report};
use crate::alertmanager::Posted;
use crate::labels::fingerprint;
use seaworthy_store::Timestamp;

impl State {
    /// Alerts that somebody else found.
    pub(crate) fn receive(&mut self, posted: Vec<Posted>, at: Timestamp) {
        for alert in posted {
            let fingerprint = fingerprint(&alert.labels);
            // one of our own rules is not ended, nor taken over, from outside
            let is_ours = |origin: &Origin| !matches!(origin, Origin::External { .. });
            if self
                .book
                .current(&fingerprint)
                .is_some_and(|known| known.is_firing() && is_ours(&known.origin))
            {
                continue;
            }
            if alert.ends_at.is_some_and(|ends| ends <= at) {
                drop(self.book.resolve(&fingerprint, "its sender says so", at));
                continue;
            }
            let expires_at = alert.ends_at.unwrap_or_else(|| at.plus(self.resolve_timeout));
            let since = alert.starts_at.unwrap_or(at).min(at);
            let origin = Origin::External { expires_at, generator_url: alert.generator_url };
            let (labels, annotations) = (alert.labels, alert.annotations);
            self.report(Report { fingerprint, labels, annotations, origin, since, value: None }, at);
        }
    }
}
