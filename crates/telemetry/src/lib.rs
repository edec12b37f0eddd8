//! What the process tells about itself: [`metrics`] and their [`history`], [`traces`], [`logs`], the [`access`] log, and the
//! [`story`] of single requests; where processor time goes is in a [`profile`].
//!
//! It must never slow the data plane down: recording is a few nanoseconds on the caller's own cache line, everything
//! that writes or sends has its own thread behind a bounded queue, and what does not fit is counted, never waited for.
//!
//! ```
//! use seaworthy_telemetry::metrics::Registry;
//!
//! let metrics = Registry::new();
//! let requests = metrics.counter("shop.orders", "orders taken", &[("shop.region", "north".to_owned())]);
//! requests.inc();
//! assert!(metrics.render().contains("shop_orders_total{shop_region=\"north\"} 1"));
//! ```

pub mod access;
pub mod history;
pub mod logs;
pub mod metrics;
pub mod profile;
pub mod story;
pub mod traces;
