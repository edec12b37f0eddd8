use seaworthy_core::ErrorCode;

/// Why a token is not believed. Nothing of the token is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reject {
    /// Longer than the limit.
    TooLarge,
    /// Not three parts of canonical base64url around JSON objects without repeated members.
    Malformed,
    /// An encrypted token; those are not read.
    Encrypted,
    /// A header parameter has the wrong type, is too long, or has no place in an access token.
    Header,
    /// The header demands an extension.
    Critical,
    /// Another kind of token: a refresh token, an ID token, a log-out token.
    Type,
    /// The algorithm is not one of the issuer's, or not one of the key's.
    Algorithm,
    /// No configured issuer has this name.
    Issuer,
    /// Meant for others.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// Issued in the future.
    IssuedInFuture,
    /// Issued longer ago than this issuer's tokens may be.
    TooOld,
    /// A claim that must be there is not.
    ClaimMissing,
    /// A claim has the wrong type or an impossible value.
    ClaimInvalid,
    /// The issuer has no such key.
    KeyUnknown,
    /// The issuer's keys cannot be had for now.
    KeysUnavailable,
    /// The signature is wrong.
    Signature,
    /// Revoked here.
    Revoked,
    /// The issuer says that it is not valid.
    Inactive,
    /// The issuer cannot be asked for now.
    IntrospectionUnavailable,
}

impl Reject {
    /// Every reason, in a fixed order.
    pub const ALL: [Self; 21] = [
        Self::TooLarge,
        Self::Malformed,
        Self::Encrypted,
        Self::Header,
        Self::Critical,
        Self::Type,
        Self::Algorithm,
        Self::Issuer,
        Self::Audience,
        Self::Expired,
        Self::NotYetValid,
        Self::IssuedInFuture,
        Self::TooOld,
        Self::ClaimMissing,
        Self::ClaimInvalid,
        Self::KeyUnknown,
        Self::KeysUnavailable,
        Self::Signature,
        Self::Revoked,
        Self::Inactive,
        Self::IntrospectionUnavailable,
    ];

    /// The stable word for logs, metrics and problem bodies.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "token_too_large",
            Self::Malformed => "token_malformed",
            Self::Encrypted => "token_encrypted",
            Self::Header => "token_header",
            Self::Critical => "token_critical",
            Self::Type => "token_type",
            Self::Algorithm => "token_algorithm",
            Self::Issuer => "issuer_unknown",
            Self::Audience => "token_audience",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::IssuedInFuture => "token_issued_in_future",
            Self::TooOld => "token_too_old",
            Self::ClaimMissing => "token_claim_missing",
            Self::ClaimInvalid => "token_claim_invalid",
            Self::KeyUnknown => "token_key_unknown",
            Self::KeysUnavailable => "keys_unavailable",
            Self::Signature => "token_signature",
            Self::Revoked => "token_revoked",
            Self::Inactive => "token_inactive",
            Self::IntrospectionUnavailable => "introspection_unavailable",
        }
    }

    /// The `error` of RFC 6750 §3.1; nothing where the token is not to blame.
    pub const fn oauth_error(self) -> Option<&'static str> {
        match self {
            Self::KeysUnavailable | Self::IntrospectionUnavailable => None,
            _ => Some("invalid_token"),
        }
    }

    /// The stable code: access stays closed either way, but only an unavailable issuer is worth another try.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::KeysUnavailable | Self::IntrospectionUnavailable => ErrorCode::Unavailable,
            _ => ErrorCode::Unauthenticated,
        }
    }

    /// Whether the same token will be refused for this reason whatever the hour and whatever the issuer's keys.
    pub(crate) const fn is_final(self) -> bool {
        !matches!(
            self,
            Self::NotYetValid
                | Self::IssuedInFuture
                | Self::KeyUnknown
                | Self::KeysUnavailable
                | Self::Signature
                | Self::Revoked
                | Self::Inactive
                | Self::IntrospectionUnavailable
        )
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Reject {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_differ_and_all_are_listed() {
        let reasons: std::collections::HashSet<_> =
            Reject::ALL.iter().map(|reject| reject.reason()).collect();
        assert_eq!(reasons.len(), Reject::ALL.len());
        for (index, reject) in Reject::ALL.into_iter().enumerate() {
            assert_eq!(reject as usize, index);
        }
    }
}
