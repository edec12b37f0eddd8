//! The pages behind the `type` of a problem body, one per error code, served by the gateway itself and by the control
//! listener.

use seaworthy_core::ErrorCode;

/// Where the pages are; a code follows.
pub const PATH: &str = "/.well-known/seaworthy/errors/";
/// What they are written in.
pub const CONTENT_TYPE: &str = "text/markdown; charset=utf-8";

/// The page of an error code.
pub fn page(code: &str) -> Option<&'static str> {
    let code: ErrorCode = code.parse().ok()?;
    Some(match code {
        ErrorCode::Invalid => include_str!("../../../docs/errors/invalid.md"),
        ErrorCode::Unauthenticated => include_str!("../../../docs/errors/unauthenticated.md"),
        ErrorCode::Forbidden => include_str!("../../../docs/errors/forbidden.md"),
        ErrorCode::NotFound => include_str!("../../../docs/errors/not_found.md"),
        ErrorCode::Conflict => include_str!("../../../docs/errors/conflict.md"),
        ErrorCode::Limited => include_str!("../../../docs/errors/limited.md"),
        ErrorCode::Unavailable => include_str!("../../../docs/errors/unavailable.md"),
        ErrorCode::Timeout => include_str!("../../../docs/errors/timeout.md"),
        ErrorCode::Internal => include_str!("../../../docs/errors/internal.md"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reason the gateway can give has a heading on its code's page, so that the link in a problem leads there.
    #[test]
    fn every_reason_is_explained() {
        let reasons = [
            ("invalid", "malformed_request"),
            ("invalid", "head_too_large"),
            ("invalid", "ambiguous_path"),
            ("invalid", "method_not_allowed"),
            ("invalid", "body_too_large"),
            ("invalid", "client_broke_off"),
            ("invalid", "upgrade_unsupported"),
            ("forbidden", "sandbox_pass"),
            ("not_found", "no_route"),
            ("limited", "rate_limited"),
            ("timeout", "head_timed_out"),
            ("timeout", "body_timed_out"),
            ("timeout", "timed_out"),
            ("unavailable", "breaker_open"),
            ("unavailable", "bulkhead_full"),
            ("unavailable", "shed"),
            ("unavailable", "fault_injected"),
            ("unavailable", "no_endpoint"),
            ("unavailable", "upstream_unreachable"),
            ("unavailable", "upstream_broke_off"),
            ("internal", "internal"),
            ("unauthenticated", "no_credential"),
            ("forbidden", "insufficient_scope"),
            ("forbidden", "insufficient_role"),
            ("forbidden", "address_denied"),
            ("unavailable", "upstream_credential"),
        ];
        for (code, reason) in reasons {
            let page = page(code).unwrap();
            assert!(page.contains(&format!("\n## {reason}\n")), "{code}#{reason} is not explained");
        }
        assert!(super::page("../secret").is_none());
    }
}
