//! Notices: a topic and a word that wake whoever waits, here at once and in other processes through PostgreSQL.
//!
//! A notice is a hint, never the news itself: it may come twice, and it may not come. Whoever subscribes looks for
//! himself now and then.

use tokio::sync::broadcast;

/// How many notices a slow subscriber may be behind before it is told only that it missed some.
const BACKLOG: usize = 1_024;

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Notice {
    /// What kind of thing.
    pub topic: String,
    /// Which one.
    pub detail: String,
}

/// Hears the notices of all topics.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Notice>);

impl Subscription {
    /// The next notice; `None` where some were missed, or the connection they come by was lost for a while: look at
    /// everything. Waits for ever where nothing comes. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.0.recv().await {
            Ok(notice) if notice.topic.is_empty() => None,
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(_)) => None,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Board(broadcast::Sender<Notice>);

impl Board {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribe())
    }

    /// Nobody listening is no error.
    pub(crate) fn publish(&self, notice: Notice) {
        let _ = self.0.send(notice);
    }

    /// Tells everybody to look at everything.
    pub(crate) fn publish_missed(&self) {
        self.publish(Notice { topic: String::new(), detail: String::new() });
    }
}
