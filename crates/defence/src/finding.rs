use std::str::FromStr;

/// What kind of attack something looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// SQL and query-operator injection.
    Sqli,
    /// Script in pages.
    Xss,
    /// Files that are none of the request's business.
    Traversal,
    /// Commands and program text.
    Command,
    /// Lines smuggled into headers.
    Header,
    /// Tools that look for holes.
    Scanner,
    /// Template and expression languages, look-ups in logs, polluted prototypes.
    Template,
    /// Entities of XML.
    Xml,
    /// Addresses only the server itself can reach.
    Ssrf,
    /// Bytes no text has.
    NullByte,
}

impl Category {
    /// All, in a fixed order.
    pub const ALL: [Self; 10] = [
        Self::Sqli,
        Self::Xss,
        Self::Traversal,
        Self::Command,
        Self::Header,
        Self::Scanner,
        Self::Template,
        Self::Xml,
        Self::Ssrf,
        Self::NullByte,
    ];

    /// The stable name in configuration, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqli => "sqli",
            Self::Xss => "xss",
            Self::Traversal => "traversal",
            Self::Command => "command",
            Self::Header => "header",
            Self::Scanner => "scanner",
            Self::Template => "template",
            Self::Xml => "xml",
            Self::Ssrf => "ssrf",
            Self::NullByte => "null_byte",
        }
    }
}

impl std::fmt::Display for Category {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that stands for no category.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no category of findings")]
pub struct UnknownCategory;

impl FromStr for Category {
    type Err = UnknownCategory;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|category| category.as_str() == text).ok_or(UnknownCategory)
    }
}

/// Something that looks like an attack. What was found is not in it, only where and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's stable name.
    pub rule: &'static str,
    /// What it looks like.
    pub category: Category,
    /// Such as `query.q`, `body.user.name` or `header.user-agent`; made of printable ASCII, at most 128 bytes.
    pub place: String,
    /// Critical 5, error 4, warning 3, notice 2.
    pub weight: u32,
}
