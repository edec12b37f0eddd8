//! A database, the door to who may do what, and a clock that stands still.

use seaworthy_core::Secret;
use seaworthy_core::clock::ManualClock;
use seaworthy_identity::{
    Actor, Answer, Credentials, Error, Hashing, Identity, LogIn, LoggedIn, NewUser, Principal, Settings, User,
};
use seaworthy_store::seal::Keyring;
use seaworthy_store::testing::Database;
use seaworthy_store::{Options, Query, Store};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const PASSWORD: &str = "a rather dull tuesday in ghent";

pub(crate) struct Bed {
    pub(crate) identity: Identity,
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) system: Actor,
    // dropped last
    pub(crate) database: Database,
}

pub(crate) fn settings() -> Settings {
    let hashing = Hashing { memory_kib: 8, passes: 1, lanes: 1, at_a_time: 4, waiting: 64 };
    Settings { hashing, ..Settings::default() }
}

impl Bed {
    pub(crate) async fn sqlite() -> Self {
        Self::with(Database::sqlite(), settings()).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::with(Database::postgres(), settings()).await
    }

    pub(crate) async fn with(database: Database, settings: Settings) -> Self {
        let clock = ManualClock::at(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let keyring = Arc::new(Keyring::ephemeral().expect("keys"));
        let options = Options { clock: Some(Arc::new(clock.clone())), ..Options::default() };
        let store = database.open_with(options).await;
        let identity = Identity::open(store.clone(), Arc::clone(&keyring), settings).await.expect("opens");
        Self { identity, clock, store, keyring, system: Actor::system(), database }
    }

    /// The same store opened once more, as another process does.
    pub(crate) async fn again(&self, settings: Settings) -> Identity {
        let options = Options { clock: Some(Arc::new(self.clock.clone())), ..Options::default() };
        let store = self.database.open_with(options).await;
        Identity::open(store, Arc::clone(&self.keyring), settings).await.expect("opens")
    }

    pub(crate) fn wall(&self) -> SystemTime {
        self.identity.now().into()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A person whose password is [`PASSWORD`].
    pub(crate) async fn person(&self, name: &str, roles: &[&str]) -> User {
        let new = NewUser {
            name: name.to_owned(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            password: Some(secret(PASSWORD)),
            ..NewUser::default()
        };
        let (user, _) = self.identity.create_user(&self.system, new).await.expect("added");
        let query =
            Query::new("UPDATE identity_users SET must_change = 0 WHERE id = $1").bind(user.id.as_str());
        self.store.execute(query).await.expect("changed");
        user
    }

    /// Whoever comes in with [`PASSWORD`].
    pub(crate) async fn comes_in(&self, name: &str) -> LoggedIn {
        match self.identity.log_in(&from("192.0.2.1"), credentials(name, PASSWORD)).await.expect("comes in") {
            LogIn::Done(done) => *done,
            LogIn::NeedsSecondFactor(_) => panic!("no second factor was set up"),
        }
    }

    /// Somebody with a session.
    pub(crate) async fn actor(&self, name: &str) -> Actor {
        let done = self.comes_in(name).await;
        self.holder(&done).await
    }

    pub(crate) async fn holder(&self, done: &LoggedIn) -> Actor {
        let holder = self.identity.session(done.token.expose()).await.expect("a session");
        Actor::of((*holder.principal).clone())
    }

    /// What the audit log tells of an action, newest first: its outcome and reason.
    pub(crate) async fn told(&self, action: &str) -> Vec<(String, String)> {
        self.identity.audit().flush().await;
        let filter =
            seaworthy_identity::audit::Filter { action: Some(action.to_owned()), ..Default::default() };
        let entries = self.identity.audit().list(&filter, 100).await.expect("listed");
        entries
            .iter()
            .map(|e| (e.outcome().as_str().to_owned(), e.reason().unwrap_or_default().to_owned()))
            .collect()
    }

    /// Whatever happened, the log is sound.
    pub(crate) async fn sound(&self) {
        self.identity.audit().flush().await;
        let report = self.identity.audit().verify(None).await.expect("verified");
        assert_eq!(report.fault, None);
        assert!(report.last > 0);
    }
}

pub(crate) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

pub(crate) fn credentials(name: &str, password: &str) -> Credentials {
    Credentials {
        name: name.to_owned(),
        password: secret(password),
        device: None,
        agent: None,
        previous: None,
    }
}

pub(crate) fn answer(challenge: &Secret<String>, code: &str) -> Answer {
    Answer { challenge: challenge.clone(), code: secret(code), device: None, agent: None, previous: None }
}

pub(crate) fn from(address: &str) -> Actor {
    Actor::anonymous(Some(address.parse::<IpAddr>().expect("an address")))
}

pub(crate) fn nobody() -> Actor {
    Actor::of(Principal::anonymous())
}

pub(crate) fn is_denied<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Denied(_)))
}

pub(crate) fn rejected<T: std::fmt::Debug>(result: Result<T, Error>) -> seaworthy_identity::Reject {
    match result {
        Err(Error::Unauthenticated(reason)) => reason,
        other => panic!("it is refused: {other:?}"),
    }
}
