use crate::logs::Format;
use std::time::Duration;

/// What is written and what is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// JSON for machines or text for people.
    pub format: Format,
    /// The share of requests, from 0 to 1, that are written though they neither failed nor were slow.
    pub sample: f64,
    /// From this duration on a request is always written.
    pub slow: Duration,
    /// Request headers to write besides `user-agent`, in lower case.
    pub headers: Vec<String>,
    /// Headers whose values are never shown, even if they are to be written.
    pub redact_headers: Vec<String>,
    /// Query parameters whose values are never shown.
    pub redact_query: Vec<String>,
    /// How many lines may wait for the writer.
    pub queue: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            format: Format::Json,
            sample: 0.01,
            slow: Duration::from_secs(1),
            headers: Vec::new(),
            redact_headers: owned(&[
                "authorization",
                "cookie",
                "set-cookie",
                "x-api-key",
                "proxy-authorization",
            ]),
            redact_query: owned(&["token", "access_token", "api_key", "password", "signature", "code"]),
            queue: 8_192,
        }
    }
}
