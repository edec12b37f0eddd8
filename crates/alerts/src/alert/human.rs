//! What people do about alerts.

use super::{Alert, AlertState, Book, Change, LONGEST_ACTOR, LONGEST_COMMENT, Mark, Snooze};
use crate::Error;
use crate::text::{line, lines};
use seaworthy_store::Timestamp;
use std::time::Duration;

/// No pause is longer.
const LONGEST_SNOOZE: Duration = Duration::from_secs(30 * 86_400);

impl Book {
    /// Somebody looks after it, until it is over.
    pub(crate) fn acknowledge(
        &mut self,
        id: &str,
        by: &str,
        comment: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let mark = Mark { by: actor(by)?, at, comment: lines(comment, LONGEST_COMMENT) };
        let alert = self.open_alert(id)?;
        if let Some(other) = &alert.acknowledged {
            return Err(Error::State(format!("alert {id} is acknowledged by {} already", other.by)));
        }
        alert.acknowledged = Some(mark);
        alert.note(at, Change::Acknowledged, by, comment);
        Ok(())
    }

    /// Nobody looks after it any more.
    pub(crate) fn unacknowledge(
        &mut self,
        id: &str,
        by: &str,
        comment: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        actor(by)?;
        let alert = self.open_alert(id)?;
        if alert.acknowledged.take().is_none() {
            return Err(Error::State(format!("alert {id} is not acknowledged")));
        }
        alert.note(at, Change::Unacknowledged, by, comment);
        Ok(())
    }

    /// Not told of until then.
    pub(crate) fn snooze(
        &mut self,
        id: &str,
        by: &str,
        until: Timestamp,
        comment: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        if until <= at || until.since(at) > LONGEST_SNOOZE {
            return Err(Error::invalid("until", "is in the future, by up to 30 days"));
        }
        let snooze = Snooze { by: actor(by)?, until };
        let alert = self.open_alert(id)?;
        alert.snoozed = Some(snooze);
        alert.note(at, Change::Snoozed, by, comment);
        Ok(())
    }

    /// Somebody says it is over.
    pub(crate) fn resolve_by_hand(
        &mut self,
        id: &str,
        by: &str,
        comment: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let by = actor(by)?;
        let alert = self.open_alert(id)?;
        (alert.state, alert.ends_at) = (AlertState::Resolved, Some(at));
        alert.note(at, Change::Resolved, &by, comment);
        alert.resolved_by = Some(by);
        Ok(())
    }

    /// Somebody says that it is not over after all. Only what a person called over can be taken back: what ended by itself
    /// comes back by itself.
    pub(crate) fn reopen_by_hand(
        &mut self,
        id: &str,
        by: &str,
        comment: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let by = actor(by)?;
        let alert = self.get(id).ok_or_else(|| Error::NotFound { what: "alert", id: line(id, 64) })?;
        if alert.is_firing() {
            return Err(Error::State(format!("alert {id} is not over")));
        }
        if alert.resolved_by.is_none() {
            return Err(Error::State(format!("alert {id} ended by itself, not because somebody said so")));
        }
        if self.current(&alert.fingerprint).is_none_or(|current| current.id != id) {
            return Err(Error::State(format!("there is a later alert than {id} about the same")));
        }
        let Some(alert) = self.change(id) else { return Ok(()) };
        (alert.state, alert.ends_at, alert.resolved_by) = (AlertState::Firing, None, None);
        (alert.acknowledged, alert.snoozed) = (None, None);
        alert.reopened = alert.reopened.saturating_add(1);
        alert.note(at, Change::Reopened, &by, comment);
        Ok(())
    }

    fn open_alert(&mut self, id: &str) -> Result<&mut Alert, Error> {
        let alert = self.get(id).ok_or_else(|| Error::NotFound { what: "alert", id: line(id, 64) })?;
        if !alert.is_firing() {
            return Err(Error::State(format!("alert {id} is over")));
        }
        self.change(id).ok_or_else(|| Error::NotFound { what: "alert", id: line(id, 64) })
    }
}

/// Who acts has a name.
pub(super) fn actor(by: &str) -> Result<String, Error> {
    let by = line(by, LONGEST_ACTOR);
    if by.is_empty() { Err(Error::invalid("actor", "is empty")) } else { Ok(by) }
}
