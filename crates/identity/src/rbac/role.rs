use super::Pattern;
use serde::{Deserialize, Serialize};

/// Sees everything but who may do what, single requests of people, and where the processor's time goes.
pub const VIEWER: &str = "viewer";
/// Uses what is there: a viewer who may give jobs.
pub const USER: &str = "user";
/// Runs what is there: a user who may change everything but who may do what.
pub const OPERATOR: &str = "operator";
/// May do everything.
pub const ADMIN: &str = "admin";

/// Who may do what, what was done, and the inside of the process: nobody below an admin sees or changes these.
const IDENTITY: [&str; 9] =
    ["users", "roles", "keys", "sessions", "tokens", "grants", "audit", "certificates", "profile"];
/// Single requests tell what people did: nobody below an operator sees them.
const PRIVATE: &str = "requests:*";

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name: up to 64 lower-case letters, digits, `_`, `-` or `.`.
    pub name: String,
    /// Roles whose permissions it has as well.
    #[serde(default)]
    pub inherits: Vec<String>,
    /// What it allows by itself.
    #[serde(default)]
    pub permissions: Vec<Pattern>,
    /// What its own patterns do not allow after all. Takes nothing away from what it inherits.
    #[serde(default)]
    pub except: Vec<Pattern>,
}

/// The roles that are always there: viewer ⊂ user ⊂ operator ⊂ admin.
pub fn built_in() -> Vec<Role> {
    let of = |texts: &[&str]| texts.iter().filter_map(|text| text.parse().ok()).collect::<Vec<Pattern>>();
    let identity =
        || IDENTITY.iter().filter_map(|name| format!("{name}:*").parse().ok()).collect::<Vec<Pattern>>();
    let private = of(&[PRIVATE]);
    let role = |name: &str, inherits: &[&str], permissions, except| Role {
        name: name.to_owned(),
        inherits: inherits.iter().map(|&name| name.to_owned()).collect(),
        permissions,
        except,
    };
    vec![
        role(VIEWER, &[], of(&["*:read", "account:*"]), [identity(), private].concat()),
        role(USER, &[VIEWER], of(&["jobs:create", "jobs:write"]), Vec::new()),
        role(OPERATOR, &[USER], of(&["*:create", "*:write", "*:operate", "requests:read"]), identity()),
        role(ADMIN, &[OPERATOR], vec![Pattern::ANY], Vec::new()),
    ]
}
