//! Settings of a route's answers: the cache, cross-origin rules, security headers, the fallback.

use std::time::Duration;

use crate::config::setting::{At, Size};

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

settings! {
    /// Response cache.
    struct Cache {
        /// Longest response body stored.
        object_size: Size = Size(1 << 20),
        /// Freshness of responses that say nothing about it. Those to requests with cookies are stored too: for routes
        /// whose answers are the same for everybody.
        default_ttl: Duration = secs(0),
        /// How long a stale response may be served while it is fetched anew, where the response does not say.
        stale_while_revalidate: Duration = secs(0),
        /// How long a stale response may be served when the service fails, where the response does not say.
        stale_if_error: Duration = secs(300),
        /// Longest wait for a fetch of the same resource that another request has under way; then the service is asked
        /// once more. `"0s"`: never wait.
        lock_timeout: Duration = secs(5),
    }

    /// Cross-origin rules.
    struct Cors {
        /// Origins: `https://app.example`, or `*` alone.
        origins: Vec<At<String>> = Vec::new(),
        /// Methods allowed in a preflight.
        methods: Vec<At<String>> = ["GET", "HEAD", "POST"].map(|m| At { value: m.to_owned(), span: 0..0 }).to_vec(),
        /// Request headers allowed. Without any: those asked for.
        headers: Vec<At<String>> = Vec::new(),
        /// Response headers a script may read.
        expose: Vec<At<String>> = Vec::new(),
        /// Whether cookies may be sent. Not together with `*`.
        credentials: bool = false,
        /// How long a preflight is remembered.
        max_age: Duration = secs(600),
    }

    /// Headers set on answers unless the service set them itself. An empty text leaves one out.
    struct SecurityHeaders {
        /// `X-Content-Type-Options`.
        content_type_options: String = "nosniff".to_owned(),
        /// `X-Frame-Options`.
        frame_options: String = "SAMEORIGIN".to_owned(),
        /// `Referrer-Policy`.
        referrer_policy: String = "strict-origin-when-cross-origin".to_owned(),
        /// `Strict-Transport-Security`, sent only to clients that came by TLS.
        hsts: String = "max-age=31536000".to_owned(),
        /// `Content-Security-Policy`. Depends on the application, hence empty.
        content_security_policy: String = String::new(),
        /// `Permissions-Policy`.
        permissions_policy: String = String::new(),
    }

    /// What answers when the service cannot: another service (for requests without a body), or a fixed answer. A
    /// stale copy from the cache goes first.
    struct Fallback {
        /// Another service.
        service: Option<At<String>> = None,
        /// A fixed answer's status.
        status: u16 = 503,
        /// A fixed answer's `Content-Type`.
        content_type: String = "text/plain; charset=utf-8".to_owned(),
        /// A fixed answer's body.
        body: Option<String> = None,
    }
}
