//! What people do. Each is done when it is written down, and not done where it cannot be.

use super::Alerts;
use crate::Error;
use crate::alert::Book;
use crate::alertmanager::Posted;
use crate::delivery::Delivery;
use crate::labels::{ALERT_NAME, LabelSet, SEVERITY};
use crate::notification::{Item, Kind, Notification, Status};
use crate::silence::{NewSilence, Silences};
use seaworthy_store::Timestamp;

impl Alerts {
    /// Somebody looks after an alert: no repetitions and no escalation until it is over.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where it is over or acknowledged already; [`Error::Detached`],
    /// [`Error::Store`].
    pub async fn acknowledge(&self, id: &str, by: &str, comment: &str) -> Result<(), Error> {
        self.act(id, |book, at| book.acknowledge(id, by, comment, at)).await
    }

    /// Nobody looks after it any more: it is told of again.
    ///
    /// # Errors
    /// As [`acknowledge`](Self::acknowledge).
    pub async fn unacknowledge(&self, id: &str, by: &str, comment: &str) -> Result<(), Error> {
        self.act(id, |book, at| book.unacknowledge(id, by, comment, at)).await
    }

    /// It is not told of until then, and then again; up to 30 days.
    ///
    /// # Errors
    /// As [`acknowledge`](Self::acknowledge); [`Error::Invalid`] for a time that cannot be.
    pub async fn snooze(&self, id: &str, by: &str, until: Timestamp, comment: &str) -> Result<(), Error> {
        self.act(id, |book, at| book.snooze(id, by, until, comment, at)).await
    }

    /// Somebody says that it is over. If it is still wrong after a while it opens again.
    ///
    /// # Errors
    /// As [`acknowledge`](Self::acknowledge).
    pub async fn resolve(&self, id: &str, by: &str, comment: &str) -> Result<(), Error> {
        self.act(id, |book, at| book.resolve_by_hand(id, by, comment, at)).await
    }

    /// Somebody takes back that it is over: it is told of again. If it has ended meanwhile, a person has to say so.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where it is not over, or ended by itself; [`Error::Detached`],
    /// [`Error::Store`].
    pub async fn reopen(&self, id: &str, by: &str, comment: &str) -> Result<(), Error> {
        self.act(id, |book, at| book.reopen_by_hand(id, by, comment, at)).await?;
        let at = self.now();
        self.state().admit([id.to_owned()], at);
        Ok(())
    }

    async fn act(
        &self,
        id: &str,
        work: impl FnOnce(&mut Book, Timestamp) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let _writing = self.0.writing.lock().await;
        let at = self.now();
        let (before, changes) = {
            let mut state = self.state();
            let before = state.book.get(id).cloned();
            work(&mut state.book, at)?;
            (before, state.take_changes())
        };
        let done = self.keep_only(changes).await;
        let mut state = self.state();
        match (&done, before) {
            (Ok(()), _) => state.dispatcher.touch(id, at),
            (Err(_), Some(before)) => state.book.revert(before),
            (Err(_), None) => {}
        }
        done
    }

    /// Makes or changes a silence; gives its id.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`] for one that is to be changed and is over, [`Error::Full`],
    /// [`Error::Detached`], [`Error::Store`].
    pub async fn silence(&self, new: NewSilence) -> Result<String, Error> {
        let known = new.id.clone();
        self.on_silences(known, |silences, at| silences.set(new, at)).await
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for none, or one that is over; [`Error::Detached`], [`Error::Store`].
    pub async fn expire_silence(&self, id: &str) -> Result<(), Error> {
        let expire = |silences: &mut Silences, at| silences.expire(id, at).map(|()| id.to_owned());
        self.on_silences(Some(id.to_owned()), expire).await.map(drop)
    }

    async fn on_silences(
        &self,
        known: Option<String>,
        work: impl FnOnce(&mut Silences, Timestamp) -> Result<String, Error>,
    ) -> Result<String, Error> {
        let _writing = self.0.writing.lock().await;
        let at = self.now();
        let (id, before, changes) = {
            let mut state = self.state();
            let before = known.and_then(|id| state.silences.get(&id).cloned());
            let id = work(&mut state.silences, at)?;
            (id, before, state.take_changes())
        };
        if let Err(error) = self.keep_only(changes).await {
            self.state().silences.revert(&id, before);
            return Err(error);
        }
        Ok(id)
    }

    /// Alerts that somebody else found; see [`alertmanager::parse`](crate::alertmanager::parse). Taken even where they
    /// cannot be written down: senders send them again.
    pub async fn receive(&self, posted: Vec<Posted>) {
        let _writing = self.0.writing.lock().await;
        let at = self.now();
        let changes = {
            let mut state = self.state();
            state.receive(posted, at);
            state.take_changes()
        };
        if let Err(error) = self.keep_only(changes).await {
            tracing::warn!(%error, "alerts from outside are not written down yet");
        }
    }

    /// Sends a message to a receiver now, by all its channels and without a job: whether it arrives. By channel, its
    /// kind and what went wrong.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn test_receiver(
        &self,
        name: &str,
        by: &str,
    ) -> Result<Vec<(String, Result<(), String>)>, Error> {
        let message = test_message(name, by, self.now());
        let deliveries: Vec<Delivery> = self.0.sender.deliveries(&message);
        if !self.settings().receivers.iter().any(|receiver| receiver.name == name) {
            return Err(Error::NotFound { what: "receiver", id: crate::text::line(name, 128) });
        }
        let mut out = Vec::new();
        for delivery in deliveries {
            let done = self.0.sender.send(&delivery).await.map_err(|failed| failed.to_string());
            out.push((delivery.by, done));
        }
        Ok(out)
    }
}

fn test_message(receiver: &str, by: &str, at: Timestamp) -> Notification {
    let pairs = [(ALERT_NAME, "Test"), (SEVERITY, "info")];
    let labels: LabelSet =
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let summary = format!("{} tries whether messages arrive", crate::text::line(by, 128));
    let item = Item {
        id: format!("test-{}", at.as_micros()),
        fingerprint: crate::labels::fingerprint(&labels),
        status: Status::Firing,
        labels,
        annotations: [("summary".to_owned(), summary)].into(),
        starts_at: at,
        ends_at: None,
        value: None,
        generator_url: String::new(),
    };
    let mut message = Notification::new(receiver, Kind::Test, Status::Firing, vec![item], at);
    message.group_key = format!("test-{}", at.as_micros());
    message.keyed("")
}
