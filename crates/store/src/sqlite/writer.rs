//! The one writer. Whatever waits is made in one transaction, each write in a savepoint of its own, so that a burst of
//! small writes costs one wait for the disk.

use super::call::{Call, Typed};
use crate::notice::Board;
use crate::transaction::{Conn, Tx};
use crate::{Error, Options};
use futures_util::future::BoxFuture;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// The most writes in one transaction: what comes after them waits no longer than these take.
const MOST_TOGETHER: usize = 64;

enum Order {
    Write(Box<dyn Call>),
    Close(oneshot::Sender<()>),
}

/// The way to the writer.
pub(crate) struct Writer {
    orders: mpsc::Sender<Order>,
    patience: Duration,
}

impl Writer {
    pub(crate) fn start(tx: Tx, options: &Options, board: Board) -> Self {
        let (orders, queue) = mpsc::channel(options.write_queue.max(1));
        tokio::spawn(run(tx, queue, board));
        Self { orders, patience: options.acquire_timeout }
    }

    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (call, answer) = Typed::new(work);
        match tokio::time::timeout(self.patience, self.orders.send(Order::Write(Box::new(call)))).await {
            Err(_) => Err(Error::Unavailable("too many writes wait".to_owned()).into()),
            Ok(Err(_)) => Err(Error::Closed.into()),
            Ok(Ok(())) => answer.await.unwrap_or_else(|_| Err(Error::Closed.into())),
        }
    }

    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.orders.send(Order::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

async fn run(mut tx: Tx, mut queue: mpsc::Receiver<Order>, board: Board) {
    let mut closing = None;
    while closing.is_none() {
        let Some(first) = queue.recv().await else { break };
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Write(call) => group.push(call),
                Order::Close(done) => {
                    closing = Some(done);
                    break;
                }
            }
            next = if group.len() < MOST_TOGETHER { queue.try_recv().ok() } else { None };
        }
        together(&mut tx, group, &board).await;
    }
    queue.close();
    if let Conn::Sqlite(conn) = tx.conn {
        // the last one out folds the log into the file
        let _ = sqlx::Connection::close(conn).await;
    }
    if let Some(done) = closing {
        let _ = done.send(());
    }
}

/// Makes the writes of a group, and answers them all once they are durable.
async fn together(tx: &mut Tx, mut group: Vec<Box<dyn Call>>, board: &Board) {
    if group.is_empty() {
        return;
    }
    tx.notices.clear();
    let outcome = match command(tx, "BEGIN IMMEDIATE").await {
        Ok(()) => each(tx, &mut group).await,
        Err(error) => Err(error),
    };
    if outcome.is_ok() {
        for notice in tx.notices.drain(..) {
            board.publish(notice);
        }
    }
    for call in group {
        call.finish(outcome.clone());
    }
}

async fn each(tx: &mut Tx, group: &mut [Box<dyn Call>]) -> Result<(), Error> {
    if let [only] = group {
        if only.run(tx).await {
            return commit(tx).await;
        }
        abandon(tx).await;
        tx.notices.clear();
        return Ok(());
    }
    for call in group.iter_mut() {
        if let Err(error) = apart(tx, call.as_mut()).await {
            abandon(tx).await;
            tx.notices.clear();
            return Err(error);
        }
    }
    commit(tx).await
}

/// One write among others.
async fn apart(tx: &mut Tx, call: &mut dyn Call) -> Result<(), Error> {
    let before = tx.notices.len();
    command(tx, "SAVEPOINT one").await?;
    tx.failed = None;
    if !call.run(tx).await {
        tx.notices.truncate(before);
        let cause = tx.failed.take();
        if let Err(error) = command(tx, "ROLLBACK TO one").await {
            // a full disk makes SQLite take back the whole transaction: those before are lost with it, and told why
            return Err(cause.unwrap_or(error));
        }
    }
    command(tx, "RELEASE one").await
}

async fn commit(tx: &mut Tx) -> Result<(), Error> {
    let result = command(tx, "COMMIT").await;
    if result.is_err() {
        abandon(tx).await;
        tx.notices.clear();
    }
    result
}

/// Fails where SQLite has already rolled back by itself, which is just as well.
async fn abandon(tx: &mut Tx) {
    let _ = command(tx, "ROLLBACK").await;
}

async fn command(tx: &mut Tx, text: &'static str) -> Result<(), Error> {
    tx.execute(crate::Query::new(text)).await.map(|_| ())
}
