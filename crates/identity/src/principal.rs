//! Who is calling.

use crate::rbac::Pattern;
use seaworthy_store::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Whom a call is made for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Seaworthy itself.
    System,
    /// Nobody known.
    Anonymous,
    /// A person that this store knows, by id.
    User(String),
    /// Somebody that another issuer knows.
    External {
        /// Who says so.
        issuer: String,
        /// Its name for them.
        subject: String,
    },
    /// A peer known by its certificate.
    Peer(String),
}

impl Subject {
    /// Whether this is a person that this store knows.
    pub const fn is_user(&self) -> bool {
        matches!(self, Self::User(_))
    }

    /// The id of a person that this store knows.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::User(id) => Some(id),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::External { issuer, subject } => write!(f, "external:{issuer}#{subject}"),
            Self::Peer(name) => write!(f, "peer:{name}"),
        }
    }
}

/// A session's public name; what a session's holder has is its token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub String);

/// How somebody showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// Not at all.
    None,
    /// Password.
    Password,
    /// Password and a second factor.
    PasswordAndTotp,
    /// API key.
    ApiKey,
    /// An access token of our own.
    AccessToken,
    /// A token of another issuer.
    ExternalToken,
    /// A client certificate.
    Certificate,
    /// On this machine, with the rights to read the store.
    Local,
}

impl AuthMethod {
    /// Its name in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Password => "password",
            Self::PasswordAndTotp => "password+totp",
            Self::ApiKey => "api_key",
            Self::AccessToken => "access_token",
            Self::ExternalToken => "external_token",
            Self::Certificate => "certificate",
            Self::Local => "local",
        }
    }
}

/// What can be given for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// A role, by name.
    Role(String),
    /// Permissions.
    Permission(Pattern),
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => f.write_str(role),
            Self::Permission(pattern) => write!(f, "{pattern}"),
        }
    }
}

/// Something extra that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldGrant {
    /// What.
    pub what: Granted,
    /// From when on no more.
    pub expires: Timestamp,
}

/// Who is calling, and what speaks for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Whom the call is made for.
    pub subject: Subject,
    /// What people call them.
    pub name: String,
    /// Their roles.
    pub roles: Vec<String>,
    /// What they have beyond their roles, for a time.
    pub grants: Vec<HeldGrant>,
    /// What the key or token in use is good for; it narrows, and never widens. `None`: everything.
    pub scopes: Option<BTreeSet<Pattern>>,
    /// Whose data they see, where there are several tenants.
    pub tenant: Option<String>,
    /// The session in use.
    pub session: Option<SessionId>,
    /// How they showed who they are.
    pub method: AuthMethod,
    /// The key in use, by its public id.
    pub key: Option<String>,
}

impl Principal {
    /// Nobody known, who may do nothing.
    pub fn anonymous() -> Self {
        Self::bare(Subject::Anonymous, "anonymous", AuthMethod::None)
    }

    /// Seaworthy itself, who may do everything.
    pub fn system() -> Self {
        let mut system = Self::bare(Subject::System, "system", AuthMethod::Local);
        system.roles = vec![crate::rbac::ADMIN.to_owned()];
        system
    }

    pub(crate) fn bare(subject: Subject, name: &str, method: AuthMethod) -> Self {
        Self {
            subject,
            name: name.to_owned(),
            roles: Vec::new(),
            grants: Vec::new(),
            scopes: None,
            tenant: None,
            session: None,
            method,
            key: None,
        }
    }
}

/// Who does something, and from where: what the audit log wants to know.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub principal: Arc<Principal>,
    /// The address they call from, behind trusted proxies.
    pub client: Option<IpAddr>,
    /// The request's id.
    pub request_id: Option<String>,
    /// The trace it belongs to.
    pub trace_id: Option<String>,
}

impl Actor {
    /// Somebody who does something here and now, in no request.
    pub fn of(principal: Principal) -> Self {
        Self { principal: Arc::new(principal), client: None, request_id: None, trace_id: None }
    }

    /// Seaworthy itself.
    pub fn system() -> Self {
        Self::of(Principal::system())
    }

    /// Nobody known, from an address: whoever is about to log in.
    pub fn anonymous(client: Option<IpAddr>) -> Self {
        Self { client, ..Self::of(Principal::anonymous()) }
    }
}
