//! Roles and permissions. Pure: no store, no clock.
//!
//! What no role, grant or rule gives is refused. A role's exceptions take away from its own patterns only, so a role
//! that inherits another can give back what the other left out.

mod permission;
mod policy;
mod role;

#[cfg(test)]
mod tests;

pub use permission::{Pattern, Permission, PermissionError};
pub use policy::{Policy, PolicyError, PolicyErrors};
pub use role::{ADMIN, OPERATOR, Role, USER, VIEWER, built_in};
