//! A person logs in at an OpenID provider: authorization code with PKCE, the session in a sealed cookie.

mod cookie;
mod id_token;
mod login;
mod outcome;
mod provider;
mod return_to;
mod revoke;
mod seal;
mod session;
mod settings;

pub(crate) use provider::discover;

pub use login::Login;
pub use outcome::{Begin, LoggedIn, LoginError, LoginSettingsError, Logout};
pub use return_to::return_to;
pub use session::{Session, SessionError};
pub use settings::{LoginSettings, Provider, SealingKey};
