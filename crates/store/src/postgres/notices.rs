//! Notices between processes: `NOTIFY` in bundles, outside the writes that cause them, and `LISTEN`.
//!
//! A `NOTIFY` inside a transaction makes all commits queue up behind one lock of the whole server. So a notice is sent
//! a moment after its write, equal ones as one. Should the process die in that moment, subscribers find out by polling.

use super::Link;
use crate::notice::Board;
use crate::{Error, Notice, Query, Value};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::mpsc;

const CHANNEL: &str = "seaworthy";
/// How long equal notices are waited for.
const BUNDLE: Duration = Duration::from_millis(2);
/// How many notices may wait to be sent; more are left to polling.
const WAITING: usize = 4_096;
/// PostgreSQL's limit is 8,000 bytes.
const LONGEST: usize = 2_000;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Notifier {
    waiting: mpsc::Sender<Notice>,
}

impl Notifier {
    /// Sends through `pool`; listens with a connection of its own where it may.
    pub(super) fn start(pool: PgPool, listen: Option<PgConnectOptions>, board: Board) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING);
        // tells our own notices, which were published here already, from the others'
        let origin = format!("{:016x}", RandomState::number());
        tokio::spawn(send(pool.clone(), queue, origin.clone()));
        if let Some(connect) = listen {
            tokio::spawn(listen_for_ever(pool, connect, board, origin));
        }
        Self { waiting }
    }

    pub(crate) fn send(&self, notice: Notice) {
        let _ = self.waiting.try_send(notice);
    }
}

/// A number no other process has, without a dependency for it.
struct RandomState;
impl RandomState {
    fn number() -> u64 {
        use std::hash::{BuildHasher, Hasher};
        std::collections::hash_map::RandomState::new().build_hasher().finish()
    }
}

async fn send(pool: PgPool, mut queue: mpsc::Receiver<Notice>, origin: String) {
    while let Some(first) = queue.recv().await {
        tokio::time::sleep(BUNDLE).await;
        let mut bundle = HashSet::from([first]);
        while let Ok(notice) = queue.try_recv() {
            bundle.insert(notice);
        }
        let texts = bundle.into_iter().map(|notice| format!("{origin}\n{}\n{}", notice.topic, notice.detail));
        let texts: Vec<String> = texts.filter(|text| text.len() <= LONGEST).collect();
        // nothing is lost: a notice is a hint
        if let Err(error) = tell(&pool, texts).await {
            tracing::debug!(%error, "notices were not sent");
        }
    }
}

async fn tell(pool: &PgPool, texts: Vec<String>) -> Result<(), Error> {
    let mut link = Link::from(pool, PATIENCE, false).await?;
    link.begin("BEGIN".to_owned()).await?;
    let query = Query::new("SELECT pg_notify($1, text) FROM unnest($2::text[]) AS text").bind(CHANNEL);
    link.fetch_all(query.bind(Value::Texts(texts.into_iter().map(Some).collect()))).await?;
    link.commit().await
}

async fn listen_for_ever(pool: PgPool, connect: PgConnectOptions, board: Board, origin: String) {
    let one = PgPoolOptions::new().max_connections(1).connect_lazy_with(connect);
    let mut pause = FIRST_PAUSE;
    loop {
        let heard = tokio::select! {
            () = pool.close_event() => return one.close().await,
            heard = listen(&one, &board, &origin) => heard,
        };
        match heard {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) => {
                tracing::debug!(%error, "cannot listen; polling until the connection is back");
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Listens until the connection is lost.
async fn listen(pool: &PgPool, board: &Board, origin: &str) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // whatever was said while nobody listened
    board.publish_missed();
    while let Some(heard) = listener.try_recv().await? {
        let mut parts = heard.payload().splitn(3, '\n');
        let (Some(from), Some(topic), Some(detail)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if from != origin && !topic.is_empty() {
            board.publish(Notice { topic: topic.to_owned(), detail: detail.to_owned() });
        }
    }
    Ok(())
}
