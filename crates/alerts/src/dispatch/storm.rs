use super::Plan;
use crate::Error;
use crate::notification::{Item, Kind, Notification, Status};
use seaworthy_store::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many alerts of a summary are kept for its text.
const MOST_NAMED: usize = 50;

/// How many messages one receiver is sent. What goes beyond is told in one summary that says how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// How many in an interval; default 20.
    pub max_notifications: usize,
    /// The interval; default 1 min.
    pub interval: Duration,
}

impl Default for Storm {
    fn default() -> Self {
        Self { max_notifications: 20, interval: Duration::from_secs(60) }
    }
}

impl Storm {
    pub(super) fn validate(&self) -> Result<(), Error> {
        if self.max_notifications == 0 || self.interval < Duration::from_secs(1) {
            return Err(Error::invalid("storm", "max_notifications is 1 or more, interval 1s or more"));
        }
        Ok(())
    }
}

/// What each receiver was sent in the current interval.
#[derive(Debug, Default)]
pub(super) struct Windows(BTreeMap<String, Window>);

#[derive(Debug)]
struct Window {
    since: Timestamp,
    sent: usize,
    /// Groups beyond the limit that the summary is still to tell of.
    groups: usize,
    alerts: usize,
    named: Vec<Item>,
    is_summarised: bool,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is sent.
    Sent,
    /// The summary tells of it.
    Summarised,
    /// The interval's summary was sent already: it waits for the next interval.
    Waits(Timestamp),
}

impl Windows {
    pub(super) fn admit(&mut self, storm: Storm, notification: &Notification) -> Admission {
        let at = notification.at;
        let new =
            || Window { since: at, sent: 0, groups: 0, alerts: 0, named: Vec::new(), is_summarised: false };
        let window = self.0.entry(notification.receiver.clone()).or_insert_with(new);
        if at.since(window.since) >= storm.interval || at < window.since {
            *window = new();
        }
        if window.sent < storm.max_notifications {
            window.sent += 1;
            return Admission::Sent;
        }
        if window.is_summarised {
            return Admission::Waits(window.since.plus(storm.interval));
        }
        window.groups += 1;
        window.alerts += notification.alerts.len() + notification.more;
        let room = MOST_NAMED.saturating_sub(window.named.len());
        window.named.extend(notification.alerts.iter().take(room).cloned());
        Admission::Summarised
    }

    /// One summary for each receiver that was to be told too much.
    pub(super) fn summaries(&mut self, plan: &Plan, at: Timestamp) -> Vec<Notification> {
        let mut out = Vec::new();
        for (receiver, window) in self.0.iter_mut().filter(|(_, window)| window.groups > 0) {
            let items = std::mem::take(&mut window.named);
            let is_over = items.iter().all(|item| item.status == Status::Resolved);
            let status = if is_over { Status::Resolved } else { Status::Firing };
            let mut summary = Notification::new(receiver, Kind::Storm, status, items, at);
            summary.more = window.alerts.saturating_sub(summary.alerts.len());
            summary.group_key = format!("storm {receiver}");
            summary.note = format!(
                "{} more groups with {} alerts: one receiver is sent at most {} messages in {}",
                window.groups,
                window.alerts,
                plan.storm.max_notifications,
                seaworthy_core::duration::format(plan.storm.interval)
            );
            out.push(summary.keyed(&at.as_micros().to_string()));
            (window.groups, window.alerts, window.is_summarised) = (0, 0, true);
        }
        self.0.retain(|_, window| at.since(window.since) < plan.storm.interval);
        out
    }
}
