use super::{Pattern, Permission, PermissionError, Role, built_in};
use crate::principal::Granted;
use crate::{AuthMethod, Principal};
use seaworthy_store::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The most roles, the built-in ones included.
const MOST: usize = 1_000;

/// All roles. Whatever none of them allows is refused.
#[derive(Debug, Clone)]
pub struct Policy {
    roles: BTreeMap<String, Role>,
    /// Each role's own clauses and those it inherits.
    clauses: BTreeMap<String, Vec<Clause>>,
}

/// One role's own patterns: what they match, but for the exceptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    permissions: Vec<Pattern>,
    except: Vec<Pattern>,
}

/// What is wrong with one role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Its name is none.
    #[error("\"{0}\" is no name of a role: {PermissionError}")]
    Name(String),
    /// There are two of this name.
    #[error("role \"{0}\" is there twice")]
    Twice(String),
    /// It inherits one that is not there.
    #[error("role \"{role}\" inherits \"{unknown}\", which is not there")]
    Unknown {
        /// Whose.
        role: String,
        /// What it names.
        unknown: String,
    },
    /// It inherits itself, by whatever way.
    #[error("role \"{0}\" inherits itself")]
    Cycle(String),
    /// There are too many.
    #[error("there are {0} roles, more than 1000")]
    TooMany(usize),
}

/// Everything that is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyErrors(pub Vec<PolicyError>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("; "))
    }
}

impl Policy {
    /// The built-in roles and these.
    ///
    /// # Errors
    /// Every unknown name, cycle and doubled role at once.
    pub fn new(custom: Vec<Role>) -> Result<Self, PolicyErrors> {
        let mut errors = Vec::new();
        let mut roles = BTreeMap::new();
        let all: Vec<_> = built_in().into_iter().chain(custom).collect();
        if all.len() > MOST {
            return Err(PolicyErrors(vec![PolicyError::TooMany(all.len())]));
        }
        for role in all {
            if Permission::new(&role.name, "read").is_err() {
                errors.push(PolicyError::Name(role.name.chars().take(80).collect()));
            } else if roles.contains_key(&role.name) {
                errors.push(PolicyError::Twice(role.name));
            } else {
                roles.insert(role.name.clone(), role);
            }
        }
        errors.extend(unknown(&roles));
        let mut clauses = BTreeMap::new();
        for name in roles.keys() {
            let reached = reach(&roles, name);
            if reached.contains(name.as_str()) {
                errors.push(PolicyError::Cycle(name.clone()));
            }
            let own = std::iter::once(name.as_str()).chain(reached);
            let own = own
                .filter_map(|name| roles.get(name))
                .map(|role| Clause { permissions: role.permissions.clone(), except: role.except.clone() });
            clauses.insert(name.clone(), own.collect());
        }
        if errors.is_empty() { Ok(Self { roles, clauses }) } else { Err(PolicyErrors(errors)) }
    }

    /// Every role, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// Whether there is such a role.
    pub fn knows(&self, role: &str) -> bool {
        self.roles.contains_key(role)
    }

    /// Those of `known` that these roles allow together. Unknown roles allow nothing.
    pub fn permissions_of<'p>(
        &self,
        roles: &[String],
        known: impl IntoIterator<Item = &'p Permission>,
    ) -> Vec<&'p Permission> {
        known.into_iter().filter(|permission| self.roles_allow(roles, permission)).collect()
    }

    /// Whether any of the roles allows it.
    pub fn roles_allow(&self, roles: &[String], permission: &Permission) -> bool {
        roles.iter().filter_map(|role| self.clauses.get(role)).flatten().any(|c| c.allows(permission))
    }

    /// Whether the principal may do it at `now`: a role, a grant that is not over, or its being one's own account
    /// allows it, and no scope leaves it out.
    pub fn allows(&self, principal: &Principal, permission: &Permission, now: Timestamp) -> bool {
        if let Some(scopes) = &principal.scopes
            && !scopes.iter().any(|scope| scope.matches(permission))
        {
            return false;
        }
        // a key is no person: it has this by a role, or not at all
        let is_person = principal.subject.is_user() && principal.method != AuthMethod::ApiKey;
        let own = is_person && permission.resource() == "account";
        own || self.roles_allow(&principal.roles, permission)
            || principal.grants.iter().filter(|grant| now < grant.expires).any(|grant| match &grant.what {
                Granted::Permission(pattern) => pattern.matches(permission),
                Granted::Role(role) => self.roles_allow(std::slice::from_ref(role), permission),
            })
    }

    /// Whether whatever `less` allows is allowed to the principal as well: nobody hands out what he has not got.
    ///
    /// Patterns name a thing or mean anything, so all names that occur, and one that does not, decide for all.
    pub fn covers(&self, principal: &Principal, less: &[Granted], now: Timestamp) -> bool {
        self.decided_by(less, principal).iter().all(|permission| {
            let wanted = less.iter().any(|one| match one {
                Granted::Permission(pattern) => pattern.matches(permission),
                Granted::Role(role) => self.roles_allow(std::slice::from_ref(role), permission),
            });
            !wanted || self.allows(principal, permission, now)
        })
    }

    fn decided_by(&self, less: &[Granted], principal: &Principal) -> Vec<Permission> {
        let mut patterns: Vec<&Pattern> = Vec::new();
        for clause in self.clauses.values().flatten() {
            patterns.extend(clause.permissions.iter().chain(&clause.except));
        }
        let granted = principal.grants.iter().map(|grant| &grant.what).chain(less);
        patterns.extend(granted.filter_map(|granted| match granted {
            Granted::Permission(pattern) => Some(pattern),
            Granted::Role(_) => None,
        }));
        patterns.extend(principal.scopes.iter().flatten());
        let nowhere = || std::iter::once("-").chain(std::iter::once("account"));
        let resources: BTreeSet<&str> =
            patterns.iter().filter_map(|p| p.resource()).chain(nowhere()).collect();
        let actions: BTreeSet<&str> = patterns.iter().filter_map(|p| p.action()).chain(nowhere()).collect();
        resources
            .iter()
            .flat_map(|resource| actions.iter().filter_map(|action| Permission::new(resource, action).ok()))
            .collect()
    }
}

impl Default for Policy {
    /// The built-in roles alone.
    fn default() -> Self {
        Self::new(Vec::new()).unwrap_or_else(|_| Self { roles: BTreeMap::new(), clauses: BTreeMap::new() })
    }
}

impl Clause {
    fn allows(&self, permission: &Permission) -> bool {
        self.permissions.iter().any(|pattern| pattern.matches(permission))
            && !self.except.iter().any(|pattern| pattern.matches(permission))
    }
}

fn unknown(roles: &BTreeMap<String, Role>) -> Vec<PolicyError> {
    let named = roles.values().flat_map(|role| role.inherits.iter().map(move |name| (role, name)));
    let unknown = named.filter(|(_, name)| !roles.contains_key(*name));
    unknown
        .map(|(role, name)| PolicyError::Unknown { role: role.name.clone(), unknown: name.clone() })
        .collect()
}

/// Every role that `from` inherits, itself only where it does.
fn reach<'r>(roles: &'r BTreeMap<String, Role>, from: &str) -> BTreeSet<&'r str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = vec![from];
    while let Some(role) = next.pop().and_then(|name| roles.get(name)) {
        for name in &role.inherits {
            if reached.insert(name.as_str()) && roles.contains_key(name) {
                next.push(name);
            }
        }
    }
    reached
}
