use std::fmt;
use std::str::FromStr;

/// The longest name of a resource or an action, in bytes.
const LONGEST: usize = 64;

/// One thing that can be allowed: an action on a kind of resource, written `jobs:write`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission {
    resource: String,
    action: String,
}

/// Permissions with `*` for any resource, any action, or both: `*:read`, `jobs:*`, `*:*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern {
    /// `None` is any.
    resource: Option<String>,
    action: Option<String>,
}

/// A text that is no permission or no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a permission is written resource:action, each of at most 64 lower-case letters, digits, \"_\", \"-\" or \".\""
)]
pub struct PermissionError;

impl Permission {
    /// From its two names.
    ///
    /// # Errors
    /// [`PermissionError`] where either is no name.
    pub fn new(resource: &str, action: &str) -> Result<Self, PermissionError> {
        Ok(Self { resource: name(resource)?, action: name(action)? })
    }

    /// The kind of resource.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// What is done to it.
    pub fn action(&self) -> &str {
        &self.action
    }
}

impl Pattern {
    /// Everything.
    pub const ANY: Self = Self { resource: None, action: None };

    /// Whether the permission is one of these.
    pub fn matches(&self, permission: &Permission) -> bool {
        let fits =
            |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|wanted| wanted == given);
        fits(&self.resource, &permission.resource) && fits(&self.action, &permission.action)
    }

    /// The resource it names, where it names one.
    pub fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// The action it names, where it names one.
    pub fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }
}

impl From<Permission> for Pattern {
    fn from(permission: Permission) -> Self {
        Self { resource: Some(permission.resource), action: Some(permission.action) }
    }
}

impl FromStr for Permission {
    type Err = PermissionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (resource, action) = text.split_once(':').ok_or(PermissionError)?;
        Self::new(resource, action)
    }
}

impl FromStr for Pattern {
    type Err = PermissionError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (resource, action) = text.split_once(':').ok_or(PermissionError)?;
        let part = |text: &str| if text == "*" { Ok(None) } else { name(text).map(Some) };
        Ok(Self { resource: part(resource)?, action: part(action)? })
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.resource, self.action)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        write!(f, "{}:{}", part(&self.resource), part(&self.action))
    }
}

fn name(text: &str) -> Result<String, PermissionError> {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-' | b'.');
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(fits) {
        return Err(PermissionError);
    }
    Ok(text.to_owned())
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text!(Permission, Pattern);
