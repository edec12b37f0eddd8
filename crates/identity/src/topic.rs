//! What the store's notices are about.

/// Entries were added to the audit log.
pub(crate) const AUDIT: &str = "identity.audit";
/// Keys, tokens, people or grants changed: views are read anew.
pub(crate) const VIEW: &str = "identity.view";
