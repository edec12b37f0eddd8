use seaworthy_core::ErrorCode;
use seaworthy_gateway::error_docs;
use seaworthy_oauth::jwt::Reject;

/// Whatever a caller is refused for has a heading on its code's page.
#[test]
fn every_refusal_is_explained() {
    let tokens = Reject::ALL.iter().map(|reject| (reject.code(), reject.reason()));
    let others = [
        (ErrorCode::Unauthenticated, "credential_malformed"),
        (ErrorCode::Unauthenticated, "credential_unknown"),
        (ErrorCode::Unauthenticated, "credential_expired"),
        (ErrorCode::Unauthenticated, "credential_revoked"),
        (ErrorCode::Unauthenticated, "credential_wrong_kind"),
        (ErrorCode::Unauthenticated, "credential_wrong_audience"),
        (ErrorCode::Unauthenticated, "credential_refused"),
        (ErrorCode::Unauthenticated, "session_over"),
        (ErrorCode::Invalid, "login_state"),
        (ErrorCode::Invalid, "login_issuer"),
        (ErrorCode::Unauthenticated, "login_refused"),
        (ErrorCode::Unauthenticated, "login_id_token"),
        (ErrorCode::Unavailable, "login_provider"),
        (ErrorCode::Unavailable, "login_interrupted"),
        (ErrorCode::Unavailable, "store_unavailable"),
        (ErrorCode::Unavailable, "too_many_log_ins"),
        (ErrorCode::Internal, "login_too_large"),
        (ErrorCode::Invalid, "contract_broken"),
        (ErrorCode::Invalid, "content_type_missing"),
        (ErrorCode::Invalid, "content_type_twice"),
        (ErrorCode::Invalid, "content_type_malformed"),
        (ErrorCode::Invalid, "content_type_not_allowed"),
        (ErrorCode::Invalid, "charset_not_allowed"),
        (ErrorCode::Invalid, "content_encoding_not_allowed"),
        (ErrorCode::Invalid, "json_syntax"),
        (ErrorCode::Invalid, "json_malformed"),
        (ErrorCode::Invalid, "json_depth"),
        (ErrorCode::Invalid, "json_nodes"),
        (ErrorCode::Invalid, "json_string"),
        (ErrorCode::Invalid, "json_keys"),
        (ErrorCode::Invalid, "json_duplicate"),
        (ErrorCode::Forbidden, "subject_denied"),
        (ErrorCode::Forbidden, "token_issuer"),
        (ErrorCode::Forbidden, "certificate_nameless"),
        (ErrorCode::Forbidden, "csrf"),
        (ErrorCode::Forbidden, "csrf_cross_site"),
        (ErrorCode::Forbidden, "csrf_origin"),
        (ErrorCode::Forbidden, "csrf_unknown"),
        (ErrorCode::Forbidden, "request_suspicious"),
        (ErrorCode::Forbidden, "permission_missing"),
        (ErrorCode::Limited, "too_many_failures"),
        (ErrorCode::Limited, "locked_out"),
        (ErrorCode::NotFound, "identity_off"),
    ];
    for (code, reason) in tokens.chain(others) {
        let page = error_docs::page(code.as_str()).unwrap();
        assert!(page.contains(&format!("\n## {reason}\n")), "{code}#{reason} is not explained");
    }
}
