//! How a service's task is told what is wanted of it.

use crate::error::Error;
use crate::settings::Service;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// How many orders may wait.
const WAITING: usize = 16;

/// What somebody orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Replace all replicas.
    Restart,
    /// End all replicas.
    Stop,
    /// Start a service that was stopped.
    Start,
    /// Have so many replicas.
    Scale(u32),
    /// Have a sandbox replica, or none.
    Sandbox(bool),
}

/// What is wanted of the task as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To look after the service.
    Run,
    /// To end all replicas, and then itself.
    End,
    /// To let go of all replicas, and end itself.
    Leave,
}

pub(super) type Ordered = (Order, oneshot::Sender<Result<(), Error>>);

/// The side that orders.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    queue: mpsc::Sender<Ordered>,
    wish: watch::Sender<Wish>,
    settings: watch::Sender<Arc<Service>>,
}

/// The side that hears.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) queue: mpsc::Receiver<Ordered>,
    pub(super) wish: watch::Receiver<Wish>,
    pub(super) settings: watch::Receiver<Arc<Service>>,
}

pub(super) fn channel(service: Service) -> (Orders, Heard) {
    let (queue, queue_heard) = mpsc::channel(WAITING);
    let (wish, wish_heard) = watch::channel(Wish::Run);
    let (settings, settings_heard) = watch::channel(Arc::new(service));
    (
        Orders { queue, wish, settings },
        Heard { queue: queue_heard, wish: wish_heard, settings: settings_heard },
    )
}

impl Orders {
    /// Gives an order and waits until it was begun or refused.
    pub(super) async fn give(&self, service: &str, order: Order) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send((order, reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy(service.to_owned()),
            mpsc::error::TrySendError::Closed(_) => Error::ShuttingDown,
        })?;
        answer.await.unwrap_or(Err(Error::ShuttingDown))
    }

    pub(super) fn renew(&self, service: Service) {
        self.settings.send_replace(Arc::new(service));
    }

    pub(super) fn end(&self) {
        self.wish.send_replace(Wish::End);
    }

    pub(super) fn leave(&self) {
        self.wish.send_replace(Wish::Leave);
    }
}
