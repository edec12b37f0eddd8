use super::Dispatcher;
use crate::Error;
use crate::labels::{ALERT_NAME, LabelSet, SEVERITY, fingerprint};
use crate::notification::{Item, Kind, Notification, Status};
use seaworthy_store::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What a heartbeat's alert is called.
const WATCHDOG: &str = "Watchdog";

/// A message that is sent always: whoever expects it notices when nothing is told any more (a dead-man switch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// To whom.
    pub receiver: String,
    /// How often; from 1 s. What expects it should wait for three.
    pub interval: Duration,
}

impl Heartbeat {
    pub(super) fn validate(&self) -> Result<(), Error> {
        if self.interval < Duration::from_secs(1) {
            return Err(Error::invalid("heartbeat", "interval is 1s or more"));
        }
        Ok(())
    }
}

impl Dispatcher {
    /// Those that are due. What was missed while nothing ran is not made up for.
    pub(super) fn heartbeats(&mut self, at: Timestamp) -> Vec<Notification> {
        let plan = Arc::clone(&self.plan);
        let mut out = Vec::new();
        for heartbeat in &plan.heartbeats {
            let last = self.turns.heartbeats.get(&heartbeat.receiver).copied().map(Timestamp::from_micros);
            if last.is_some_and(|last| last <= at && at.since(last) < heartbeat.interval) {
                continue;
            }
            self.turns.heartbeats.insert(heartbeat.receiver.clone(), at.as_micros());
            out.push(beat(heartbeat, at));
        }
        out
    }
}

fn beat(heartbeat: &Heartbeat, at: Timestamp) -> Notification {
    let labels: LabelSet = [(ALERT_NAME, WATCHDOG), (SEVERITY, "info")]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let summary = "alerts are evaluated and told; when this stops, they are not".to_owned();
    let item = Item {
        id: WATCHDOG.to_owned(),
        fingerprint: fingerprint(&labels),
        status: Status::Firing,
        labels,
        annotations: BTreeMap::from([("summary".to_owned(), summary)]),
        starts_at: at,
        ends_at: None,
        value: None,
        generator_url: String::new(),
    };
    let mut message = Notification::new(&heartbeat.receiver, Kind::Heartbeat, Status::Firing, vec![item], at);
    message.group_key = format!("heartbeat {}", heartbeat.receiver);
    message.keyed(&at.as_micros().to_string())
}
