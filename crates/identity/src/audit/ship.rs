use super::append::number;
use super::entry::Recorded;
use super::read::{self, PAGE};
use crate::{Error, topic};
use futures_util::future::BoxFuture;
use seaworthy_store::{Query, Store};
use std::time::Duration;

/// How often it is looked for new entries where no notice comes.
const POLL: Duration = Duration::from_secs(5);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Takes entries elsewhere: to syslog, to a collector.
pub trait Exporter: Send + Sync {
    /// Hands over some entries, in order. They may come again where this fails, or the process ends.
    fn export<'a>(&'a self, entries: &'a [Recorded]) -> BoxFuture<'a, Result<(), String>>;
}

pub(super) async fn run(store: &Store, name: &str, exporter: &dyn Exporter) {
    let mut notices = store.subscribe();
    let mut pause = Duration::from_secs(1);
    loop {
        match page(store, name, exporter).await {
            Ok(count) => {
                pause = Duration::from_secs(1);
                if count == 0 {
                    let _ = tokio::time::timeout(POLL, heard(&mut notices)).await;
                }
            }
            Err(error) => {
                tracing::warn!(exporter = name, error, "audit entries could not be exported");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn heard(notices: &mut seaworthy_store::Subscription) {
    while notices.next().await.is_some_and(|notice| notice.topic != topic::AUDIT) {}
}

/// One page; how many entries there were.
async fn page(store: &Store, name: &str, exporter: &dyn Exporter) -> Result<usize, String> {
    let told = |error: Error| error.to_string();
    let query = Query::new("SELECT seq FROM identity_audit_exports WHERE name = $1").bind(name);
    let row = store.fetch_optional(query).await.map_err(|error| error.to_string())?;
    let seq = row.map(|row| row.get::<i64>("seq")).transpose().map_err(|error| error.to_string())?;
    let entries =
        read::after(store, u64::try_from(seq.unwrap_or(0)).unwrap_or(0), PAGE).await.map_err(told)?;
    let Some(last) = entries.last().map(|entry| entry.seq) else { return Ok(0) };
    exporter.export(&entries).await?;
    let query = Query::new(
        "INSERT INTO identity_audit_exports (name, seq) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET seq = EXCLUDED.seq",
    );
    store.execute(query.bind(name).bind(number(last))).await.map_err(|error| error.to_string())?;
    Ok(entries.len())
}
