//! Request inspection: bytes in, findings out.
//!
//! - [`Engine`]: what looks like an attack, by anomaly scores in the manner of the OWASP Core Rule Set.
//! - [`limits`]: how deep and how long JSON may be, which content types are read at all.
//! - [`schema`] and [`openapi`]: what the service itself says that its requests look like.
//! - [`throttle`] and [`addresses`]: who tries passwords, and who may come at all.
//! - [`redact`]: texts that are logged without the secrets and personal data in them.
//!
//! It must never wait, read a clock, a file or the network, and its findings never hold what was found, only where.
//! All of it takes time linear in its input: the regular expressions cannot backtrack, and everything has a bound.
//!
//! ```
//! use seaworthy_defence::{Action, Engine, Head, Settings};
//!
//! let engine = Engine::new(Settings::default());
//! let headers = http::HeaderMap::new();
//! let head = Head { method: "GET", path: "/search", query: Some("q=1'+OR+'1'='1"), headers: &headers };
//! let verdict = engine.inspect(&head, None);
//! assert_eq!((verdict.action, verdict.findings[0].place.as_str()), (Action::Block, "query.q"));
//! ```

pub mod addresses;
mod decode;
mod engine;
mod finding;
pub mod limits;
pub mod openapi;
mod places;
pub mod redact;
mod rules;
pub mod schema;
pub mod throttle;

pub use engine::{Action, Engine, Exclusion, Head, Mode, Settings, Verdict};
pub use finding::{Category, Finding, UnknownCategory};
