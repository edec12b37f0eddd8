//! People, keys, tokens and the audit log: in the store that jobs are in.

mod collector;
mod shipping;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use seaworthy_api::IdentityState;
use seaworthy_core::Secret;
use seaworthy_identity::{Error, FirstAdmin, Identity};
use seaworthy_store::seal::Keyring;
use seaworthy_store::{Query, Store};
use tokio::sync::watch;

use super::{FIRST_PAUSE, Jobs, LONGEST_PAUSE};

/// Where the first password is left, beside the key file, where nobody watches the start.
const FIRST: &str = "seaworthy.first-admin";

/// Opens the way to identities, however long it takes, keeps them tidy, and takes the audit log where it is wanted.
pub(super) async fn keep(store: Store, wanted: Jobs, door: watch::Sender<IdentityState>) {
    let mut pause = FIRST_PAUSE;
    let identity = loop {
        match open(&store, &wanted).await {
            Ok(identity) => break identity,
            Err(error) => {
                tracing::error!(%error, retry_in = ?pause, "identities cannot be opened; nobody but the operator is known");
                door.send_replace(IdentityState::Opening(error.to_string()));
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    match identity.bootstrap().await {
        Ok(Some(first)) => announce(&first, &wanted.key_file),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "the first administrator could not be made"),
    }
    door.send_replace(IdentityState::Open(identity.clone()));
    let ship = async {
        if let Some(to) = wanted.syslog {
            // under the receiver's name: another one gets the log from its beginning
            let name = to.to_string();
            identity.audit().ship(&name, &shipping::Receiver::new(to)).await;
        }
    };
    let collect = async {
        if let Some(to) = wanted.otlp {
            let name = format!("otlp {to}");
            identity.audit().ship(&name, &collector::Collector::new(to)).await;
        }
    };
    tokio::join!(identity.keep_tidy(), ship, collect);
}

async fn open(store: &Store, wanted: &Jobs) -> Result<Identity, Error> {
    // a new one could open nothing of what is there, and would sign for a log that it does not know
    if !wanted.key_file.exists() && has_people(store).await {
        let path = wanted.key_file.display().to_string();
        let reason = "is missing, and this store was sealed with it; bring it back".to_owned();
        return Err(Error::Seal(seaworthy_store::seal::Error::File { path, reason }));
    }
    let keyring = Arc::new(Keyring::open(&wanted.key_file)?);
    Identity::open(store.clone(), keyring, wanted.identity.clone()).await
}

/// Whether the store is one that identities were kept in before.
async fn has_people(store: &Store) -> bool {
    let query = Query::new("SELECT id FROM identity_users LIMIT 1");
    // where there is no such table, there is nobody
    store.fetch_optional(query).await.is_ok_and(|row| row.is_some())
}

/// Ends it: what waits is written, and the audit log is signed for.
pub(super) async fn close(door: &watch::Sender<IdentityState>) {
    let was = door.send_replace(IdentityState::Off);
    if let IdentityState::Open(identity) = was
        && let Err(error) = identity.close().await
    {
        tracing::warn!(%error, "the audit log could not be ended; the next start signs for it");
    }
}

/// Shows the first administrator's password once: to whoever watches, else in a file for the owner of the keys.
fn announce(first: &FirstAdmin, key_file: &Path) {
    let mut error = std::io::stderr();
    if error.is_terminal() {
        let (name, password) = (&first.name, first.password.expose());
        let shown = writeln!(error, "\n  first administrator: {name}\n  password, shown once: {password}\n");
        if shown.is_ok() {
            return;
        }
    }
    let file = key_file.with_file_name(FIRST);
    match write(&file, &first.password) {
        Ok(()) => tracing::info!(
            user = first.name,
            file = %file.display(),
            "the first administrator was made; the file holds the password, remove it once read"
        ),
        Err(error) => tracing::error!(
            %error,
            file = %file.display(),
            "the first administrator's password could not be written; `seaworthy user reset-password admin` makes another"
        ),
    }
}

fn write(file: &Path, password: &Secret<String>) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // one of an earlier store says nothing any more, and a link could lead anywhere
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(made, "{}", password.expose())?;
    made.sync_all()
}
