//! An audit log on SQLite: how long it takes to write many entries, and to verify all of them.

use crate::error::Error;
use crate::options::Options;
use crate::workdir::WorkDir;
use seaworthy_core::Secret;
use seaworthy_identity::audit::{Entry, Outcome};
use seaworthy_identity::{Actor, Identity, Settings};
use seaworthy_store::seal::Keyring;
use seaworthy_store::{Options as StoreOptions, Store};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// Entries of one transaction.
const TOGETHER: u64 = 1_000;
/// Callers that each wait until their entry is durable.
const CALLERS: u64 = 64;
/// Entries that each of them records.
const EACH: u64 = 200;

pub(crate) fn measure(dir: &WorkDir, options: &Options) -> Result<String, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(run(dir, options))
}

async fn run(dir: &WorkDir, options: &Options) -> Result<String, Error> {
    let url = Secret::new(format!("sqlite://{}/audit.db", dir.path().display()));
    let store = Store::open(&url, StoreOptions::default()).await?;
    let keyring =
        Keyring::open(&dir.path().join("audit.key")).map_err(|error| Error::Seal(error.to_string()))?;
    let identity = Identity::open(store.clone(), Arc::new(keyring), Settings::default()).await?;
    let begun = Instant::now();
    for batch in 0..options.entries.div_ceil(TOGETHER) {
        let last = (batch * TOGETHER + TOGETHER).min(options.entries);
        let entries = (batch * TOGETHER..last).map(entry).collect();
        let log = identity.audit().clone();
        let written = store.write(move |tx| Box::pin(async move { log.append(tx, entries).await }));
        written.await.map_err(Error::Identity)?;
    }
    let appended = begun.elapsed().as_secs_f64();
    let (begun, single) = (Instant::now(), CALLERS * EACH);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let log = identity.audit().clone();
        callers.spawn(async move {
            for number in 0..EACH {
                log.record(entry(caller * EACH + number)).await?;
            }
            Ok::<_, seaworthy_identity::Error>(())
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.map_err(|_| Error::Thread)??;
    }
    let recorded = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let report = identity.audit().verify(None).await?;
    let verified = begun.elapsed().as_secs_f64();
    if !report.is_sound() {
        return Err(Error::Unsound(format!("{report:?}")));
    }
    let (entries, checkpoints) = (report.entries, report.checkpoints);
    identity.close().await?;
    store.close().await;
    let count = options.entries;
    Ok(format!(
        "audit log\n\
         {count} entries written, {TOGETHER} a transaction: {appended:.1} s ({:.0}/s)\n\
         {single} entries written by {CALLERS} callers that wait for each: {recorded:.1} s ({:.0}/s)\n\
         {entries} entries and {checkpoints} checkpoints verified: {verified:.1} s ({:.0}/s)\n",
        count as f64 / appended,
        single as f64 / recorded,
        entries as f64 / verified,
    ))
}

/// A change such as people make.
fn entry(number: u64) -> Entry {
    let actor = Actor::anonymous(Some(std::net::Ipv4Addr::LOCALHOST.into()));
    let (before, after) = (json!({ "roles": ["user"] }), json!({ "roles": ["user", "operator"] }));
    Entry::new(&actor, "user.change", format!("user:{number}"), Outcome::Success)
        .change(Some(before), Some(after))
}
