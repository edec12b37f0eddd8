//! The words every other crate says: ids, [`Clock`], [`ErrorCode`], [`Secret`], durations and sizes.
//!
//! It must never know about an async runtime, about HTTP or about files: everything here is a value.
//!
//! ```
//! use seaworthy_core::{duration, ErrorCode, RequestId, Secret};
//!
//! assert_eq!(duration::parse("1m30s").unwrap().as_secs(), 90);
//! assert_eq!(ErrorCode::Limited.http_status(), 429);
//! assert_eq!(RequestId::generate().as_str().len(), 26);
//! assert_eq!(format!("{:?}", Secret::new(String::from("hunter2"))), "Secret(…)");
//! ```

pub mod clock;
pub mod duration;
mod error_code;
mod request_id;
mod secret;
pub mod size;
pub mod trace;

pub use clock::{Clock, SystemClock};
pub use error_code::ErrorCode;
pub use request_id::RequestId;
pub use secret::Secret;
