//! Alerts: what is wrong, whom to tell, and until when.
//!
//! [`Alerts`] is the door. An [`engine`] looks at [`rule`]s, those of [`objective`]s included; what it finds becomes an
//! [`alert`], which is told along a [`route`] to a receiver by its [`notify`] channels, as durable jobs
//! ([`delivery`]). People acknowledge, snooze, resolve and [`silence`]; while nobody does, an [`escalation`] goes on.
//!
//! It must never open a listening socket, read the environment or a configuration file, or know how its answers are
//! shown. Where in doubt it tells: a duplicate page beats a missed one.

pub mod alert;
pub mod alertmanager;
mod alerts;
mod calendar;
pub mod delivery;
mod dispatch;
pub mod engine;
mod error;
pub mod escalation;
mod inhibition;
pub mod labels;
mod metrics;
pub mod notification;
pub mod notify;
pub mod objective;
pub mod on_call;
mod record;
pub mod route;
pub mod rule;
mod settings;
pub mod silence;
mod source;
mod state;
pub mod template;
mod text;
mod time;

pub use alerts::{AlertView, Alerts, GroupView};
pub use calendar::{MuteTime, Weekly};
pub use dispatch::{Heartbeat, ReceiverSettings, Storm, Suppressed};
pub use error::Error;
pub use inhibition::Inhibition;
pub use record::SCHEMA;
pub use settings::Settings;
pub use source::Source;
pub use state::SILENCE_ENDING;
