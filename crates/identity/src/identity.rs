use crate::audit::{Entry, Log, Outcome, Signer};
use crate::counts::Counters;
use crate::password::Hasher;
use crate::rbac::{Permission, Policy};
use crate::view::View;
use crate::{Actor, Error, Principal, SCHEMA, Settings, topic};
use futures_util::future::BoxFuture;
use seaworthy_store::seal::Keyring;
use seaworthy_store::{Query, Store, Timestamp, Tx};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The door to everything about who may do what. Clones share it.
///
/// Whatever changes something takes the [`Actor`] who wants it, looks whether he may, and writes the audit entry in the
/// transaction of the change.
#[derive(Debug, Clone)]
pub struct Identity(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) settings: Settings,
    pub(crate) policy: Arc<Policy>,
    pub(crate) log: Log,
    pub(crate) hasher: Hasher,
    pub(crate) view: View,
    pub(crate) counters: Counters,
}

/// What a change leaves.
pub(crate) struct Changed<T> {
    pub(crate) value: T,
    pub(crate) entries: Vec<Entry>,
    /// Whether keys, tokens or people are seen differently from now on.
    pub(crate) is_seen: bool,
}

impl<T> Changed<T> {
    pub(crate) fn new(value: T, entry: Entry) -> Self {
        Self { value, entries: vec![entry], is_seen: false }
    }

    pub(crate) fn map<U>(self, map: impl FnOnce(T) -> U) -> Changed<U> {
        Changed { value: map(self.value), entries: self.entries, is_seen: self.is_seen }
    }

    /// Views are read anew.
    pub(crate) fn seen(mut self) -> Self {
        self.is_seen = true;
        self
    }
}

impl Identity {
    /// Brings the schema up to date and opens the door. Must be called inside a tokio runtime, which carries its tasks.
    ///
    /// # Errors
    /// [`Error::Invalid`] for roles that cannot be; [`Error::Store`]; [`Error::Seal`].
    pub fn open(
        store: Store,
        keyring: Arc<Keyring>,
        settings: Settings,
    ) -> BoxFuture<'static, Result<Self, Error>> {
        Box::pin(async move {
            let policy = Policy::new(settings.roles.clone());
            let policy = Arc::new(policy.map_err(|errors| Error::invalid("roles", errors.to_string()))?);
            store.migrate(&SCHEMA).await?;
            let log = Log::open(store.clone(), Signer::new(&keyring)?, settings.audit.clone()).await?;
            let hasher = Hasher::new(&settings.hashing).await?;
            let view =
                View::open(store.clone(), Arc::clone(&keyring), Arc::clone(&policy), &settings).await?;
            let inner =
                Inner { store, keyring, settings, policy, log, hasher, view, counters: Counters::default() };
            let this = Self(Arc::new(inner));
            this.rotate_signing_key_if_due().await?;
            Ok(this)
        })
    }

    /// Writes what waits and signs for the audit log's end.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn close(&self) -> Result<(), Error> {
        self.write_uses().await?;
        self.0.log.close().await
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What was set.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The roles.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.0.policy
    }

    /// The audit log.
    pub fn audit(&self) -> &Log {
        &self.0.log
    }

    /// Keys and tokens as the data plane looks at them, without the store.
    pub fn view(&self) -> &View {
        &self.0.view
    }

    /// The store's time.
    pub fn now(&self) -> Timestamp {
        self.0.store.now()
    }

    /// Whether the principal may do it now.
    pub fn allows(&self, principal: &Principal, permission: &Permission) -> bool {
        self.0.policy.allows(principal, permission, self.now())
    }

    /// Refuses, and notes it in the audit log, where the actor may not do it.
    ///
    /// # Errors
    /// [`Error::Denied`].
    pub fn require(&self, actor: &Actor, permission: &Permission, resource: &str) -> Result<(), Error> {
        if self.allows(&actor.principal, permission) {
            return Ok(());
        }
        self.0.counters.denied.fetch_add(1, Relaxed);
        let reason = format!("{permission} is not among the permissions");
        self.0.log.note(
            Entry::new(actor, "access.denied", resource, Outcome::Denied).because(format!("{permission}")),
        );
        Err(Error::Denied(reason))
    }

    pub(crate) fn permit(
        &self,
        actor: &Actor,
        resource: &str,
        action: &str,
        which: &str,
    ) -> Result<(), Error> {
        let permission = Permission::new(resource, action);
        let permission = permission.map_err(|_| Error::Internal("a permission's name is none"))?;
        self.require(actor, &permission, which)
    }

    /// Notes a refusal and is it.
    pub(crate) fn deny<T>(
        &self,
        actor: &Actor,
        action: &str,
        resource: &str,
        reason: &str,
    ) -> Result<T, Error> {
        self.0.counters.denied.fetch_add(1, Relaxed);
        self.0.log.note(Entry::new(actor, action, resource, Outcome::Denied).because(reason));
        Err(Error::Denied(reason.to_owned()))
    }

    /// The person who acts, with a credential that is good for one's own account: to change anything of it, no API key.
    pub(crate) fn oneself(&self, actor: &Actor, action: &str) -> Result<String, Error> {
        if actor.principal.key.is_some() && action != "read" {
            return self.deny(actor, "access.denied", "account", "a key does not change its owner's account");
        }
        match actor.principal.subject.user() {
            Some(user) => {
                self.permit(actor, "account", action, "account")?;
                Ok(user.to_owned())
            }
            None => self.deny(actor, "access.denied", "account", "only people have an account"),
        }
    }

    /// Makes a change and its audit entries in one transaction. Where it fails nothing happened.
    pub(crate) async fn change<T, F>(&self, work: F) -> Result<T, Error>
    where
        F: for<'t> FnOnce(&'t mut Tx, &'t Inner) -> BoxFuture<'t, Result<Changed<T>, Error>> + Send + 'static,
        T: Send + 'static,
    {
        let inner = Arc::clone(&self.0);
        let write = self.0.store.write(move |tx| {
            Box::pin(async move {
                let changed = work(tx, &inner).await?;
                if changed.is_seen {
                    let query =
                        Query::new("UPDATE identity_generation SET generation = generation + 1 WHERE id = 1");
                    tx.execute(query).await?;
                    tx.notify(topic::VIEW, "");
                }
                inner.log.append(tx, changed.entries).await?;
                Ok::<_, Error>((changed.value, changed.is_seen))
            })
        });
        let (value, is_seen) = write.await?;
        if is_seen {
            // honoured at once here; others hear of it. The change is made, whether or not the view can be read now
            if let Err(error) = self.0.view.refresh().await {
                tracing::warn!(%error, "the view of keys and tokens could not be read anew");
            }
        }
        Ok(value)
    }
}
