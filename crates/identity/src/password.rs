//! What a password must be, and how it is kept.

mod frequent;
mod hash;

#[cfg(test)]
mod tests;

pub(crate) use hash::Hasher;
pub use hash::Hashing;

use crate::Error;
use seaworthy_core::Secret;
use std::time::Duration;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// What a password must be. Any character counts as one, and none is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The least characters; at least 8 whatever is said. 12.
    pub shortest: usize,
    /// The most characters; at least 64 whatever is said. 128.
    pub longest: usize,
    /// After how long a new one is asked for; `None`: never. 90 days.
    pub age: Option<Duration>,
    /// How many old ones must not be used again; at most 24. 12.
    pub history: u32,
    /// Whether common passwords are refused. They are.
    pub refuse_common: bool,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            shortest: 12,
            longest: 128,
            age: Some(Duration::from_secs(90 * 86_400)),
            history: 12,
            refuse_common: true,
        }
    }
}

impl PasswordPolicy {
    /// As NIST SP 800-63B has it: long passwords that are not common, and that change only when there is a reason to.
    pub fn nist() -> Self {
        Self { shortest: 15, age: None, history: 0, ..Self::default() }
    }

    /// The password as it is hashed, where it is one for this person.
    ///
    /// # Errors
    /// [`Error::Invalid`], which says what is wrong and not what was given.
    pub fn check(&self, password: &Secret<String>, user: &str) -> Result<Secret<String>, Error> {
        let wrong = |reason: String| Error::invalid("password", reason);
        let shortest = self.shortest.clamp(8, 64);
        let longest = self.longest.clamp(64, 1_024);
        let Some(normal) = normal(password) else {
            return Err(wrong(format!("has more than {longest} characters")));
        };
        let count = normal.expose().chars().count();
        if count < shortest {
            return Err(wrong(format!("has fewer than {shortest} characters")));
        }
        if count > longest {
            return Err(wrong(format!("has more than {longest} characters")));
        }
        if self.refuse_common {
            let text = normal.expose();
            if frequent::is_frequent(text) {
                return Err(wrong("is one that is often used, or made of parts that are".to_owned()));
            }
            if frequent::is_about(text, user) || frequent::is_about(text, "seaworthy") {
                return Err(wrong("is little more than the user's or the product's name".to_owned()));
            }
        }
        Ok(normal)
    }
}

/// The longest password that is looked at, in bytes: 1,024 characters of four.
const LONGEST: usize = 4_096;

/// The same characters, however they were typed. `None` where it is too long to be one.
pub(crate) fn normal(password: &Secret<String>) -> Option<Secret<String>> {
    let text = password.expose();
    if text.len() > LONGEST {
        return None;
    }
    // room for the whole: a buffer that grows leaves copies behind
    let mut normal = Zeroizing::new(String::with_capacity(4 * text.len()));
    normal.extend(text.nfc());
    Some(Secret::new(std::mem::take(&mut *normal)))
}
