//! Who may do what: roles and permissions, people and their sessions, API keys, own tokens, grants, and the audit log.
//!
//! [`Identity`] is the door. Whatever changes something takes the [`Actor`] who wants it, looks whether he may, and
//! writes the audit entry in the transaction of the change. [`View`] answers for keys and tokens without the store.
//!
//! It must never know about HTTP, configuration files or the environment, and never hold a secret it could hold a hash
//! of. Whatever it does not know is refused.
//!
//! ```
//! use seaworthy_core::Secret;
//! use seaworthy_identity::{Actor, Credentials, Identity, LogIn, Settings};
//! use seaworthy_store::{Options, Store, seal::Keyring};
//! use std::sync::Arc;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let folder = std::env::temp_dir().join(format!("identity-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let mut settings = Settings::default();
//! # (settings.hashing.memory_kib, settings.hashing.passes) = (8, 1);
//! let url = Secret::new(format!("sqlite://{}/state.db", folder.display()));
//! let store = Store::open(&url, Options::default()).await.unwrap();
//! let keyring = Arc::new(Keyring::open(&folder.join("seaworthy.key")).unwrap());
//! let identity = Identity::open(store.clone(), keyring, settings).await?;
//!
//! let admin = identity.bootstrap().await?.expect("this is the first start");
//! let credentials =
//!     Credentials { name: admin.name, password: admin.password, device: None, agent: None, previous: None };
//! let LogIn::Done(done) = identity.log_in(&Actor::anonymous(None), credentials).await? else { unreachable!() };
//! let holder = identity.session(done.token.expose()).await?;
//! assert!(holder.must_change && holder.principal.roles == ["admin"]);
//! assert!(identity.audit().verify(None).await?.is_sound());
//! # identity.close().await?;
//! # store.close().await;
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), seaworthy_identity::Error>(()) }).unwrap();
//! ```

pub mod audit;
mod bootstrap;
mod counts;
mod error;
mod foreign;
mod grants;
mod identity;
mod keys;
mod lockout;
mod log_in;
mod password;
pub mod principal;
pub mod rbac;
mod schema;
mod second_factor;
mod sessions;
pub mod settings;
mod text;
mod tidy;
mod tokens;
mod topic;
mod users;
mod view;

pub use bootstrap::FirstAdmin;
pub use counts::Counts;
pub use error::{Error, Reject};
pub use foreign::Foreign;
pub use grants::{AccessRequest, Grant, RequestState};
pub use identity::Identity;
pub use keys::{ApiKey, KeyCaller, NewKey};
pub use log_in::{Challenge, Credentials, LogIn};
pub use password::{Hashing, PasswordPolicy};
pub use principal::{Actor, AuthMethod, Granted, HeldGrant, Principal, SessionId, Subject};
pub use schema::SCHEMA;
pub use second_factor::{Answer, Enrolment};
pub use sessions::{Authenticated, LoggedIn, Session};
pub use settings::Settings;
pub use tidy::Tidied;
pub use tokens::TokenPair;
pub use users::{NewUser, User, UserChange};
pub use view::{TokenCaller, View};
