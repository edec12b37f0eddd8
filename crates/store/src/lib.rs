//! State on SQLite or PostgreSQL, behind one door: [`Store`].
//!
//! A statement that is equal in both dialects is written once; the few words that differ are `{tokens}` of
//! [`Query`]. SQLite has one writer, which commits whatever waits together, and several readers. PostgreSQL has a
//! bounded pool and works behind a transaction pooler. Components bring their own [`migrate::Component`].
//!
//! It must never know what is stored: no table of a component, no HTTP, no configuration file.
//!
//! ```
//! use seaworthy_core::Secret;
//! use seaworthy_store::{Options, Query, Store};
//! use seaworthy_store::migrate::{Component, Migration};
//!
//! const NOTES: Component = Component {
//!     name: "notes",
//!     migrations: &[Migration { version: 1, name: "notes", sql: "CREATE TABLE notes (id {id}, text TEXT NOT NULL);" }],
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let folder = std::env::temp_dir().join(format!("store-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! let url = Secret::new(format!("sqlite://{}/notes.db", folder.display()));
//! let store = Store::open(&url, Options::default()).await?;
//! store.migrate(&NOTES).await?;
//! store.execute(Query::new("INSERT INTO notes (text) VALUES ($1)").bind("hello")).await?;
//! let row = store.fetch_one(Query::new("SELECT text FROM notes")).await?;
//! assert_eq!(row.get::<String>("text")?, "hello");
//! # store.close().await;
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), seaworthy_store::Error>(()) }).unwrap();
//! ```

mod clock;
mod error;
pub mod migrate;
mod notice;
mod options;
mod postgres;
mod query;
mod row;
mod rows;
pub mod seal;
mod sqlite;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod timestamp;
mod transaction;

pub use error::Error;
pub use notice::{Notice, Subscription};
pub use options::{Options, Sync};
pub use query::{Query, Value};
pub use row::{Column, Row};
pub use rows::Rows;
pub use store::{Backend, Store};
pub use timestamp::Timestamp;
pub use transaction::Tx;
