//! What a setting is: a value that can be read from the file with its place, and described by a schema.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use seaworthy_core::{duration, size};
use serde_json::{Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problems, nearest};

/// A value in the file with its place.
pub(crate) type Node<'a> = Spanned<DeValue<'a>>;
/// A place in the file, in bytes.
pub(crate) type Span = Range<usize>;

/// Something that can stand in the file.
pub(crate) trait Setting: Sized {
    /// Reads it; what is wrong is noted, and `None` means that nothing usable is there.
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self>;
    /// Its JSON schema.
    fn schema() -> Value;
    /// How the reference writes its type.
    fn type_name() -> String;
    /// The settings inside it, for the reference.
    fn fields() -> Vec<Field> {
        Vec::new()
    }
    /// How a default is shown; `None` where there is none worth showing.
    fn show(&self) -> Option<String> {
        None
    }
}

/// One line of the reference.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) type_name: String,
    pub(crate) default: Option<String>,
    pub(crate) doc: String,
    pub(crate) inner: Vec<Field>,
}

/// Where the settings of a table stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spans {
    table: Span,
    values: BTreeMap<String, Span>,
}

impl Spans {
    /// The place of a setting, or of its table where it is not written.
    pub(crate) fn of(&self, name: &str) -> Span {
        self.values.get(name).unwrap_or(&self.table).clone()
    }

    /// All settings that are written in the file.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&str, Span)> {
        self.values.iter().map(|(name, place)| (name.as_str(), place.clone()))
    }

    /// Whether a setting is written in the file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// A policy in the file: left as the preset has it, switched off, or changed.
#[derive(Debug, Clone, Default)]
pub(crate) enum Policy<T> {
    #[default]
    Inherit,
    Off,
    On(T),
}

/// Reads one table.
pub(crate) struct Table<'a> {
    table: &'a DeTable<'a>,
    spans: Spans,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(crate) fn of(node: &'a Node<'a>, problems: &mut Problems) -> Option<Self> {
        let Some(table) = node.get_ref().as_table() else {
            problems.push(node.span(), format!("expected a table, found {}", kind(node)));
            return None;
        };
        let values = table.iter().map(|(key, value)| (key.get_ref().to_string(), value.span())).collect();
        Some(Self { table, spans: Spans { table: node.span(), values }, known: Vec::new() })
    }

    pub(crate) fn take<T: Setting>(&mut self, name: &'static str, problems: &mut Problems) -> Option<T> {
        self.known.push(name);
        T::decode(self.table.get(name)?, problems)
    }

    /// Reports what nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems) -> Spans {
        for (key, _) in self.table.iter() {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                let suggestion = match nearest(name, self.known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("known here: {}", self.known.join(", ")),
                };
                problems.suggest(key.span(), format!("unknown setting `{name}`"), Some(suggestion));
            }
        }
        self.spans
    }
}

/// Defines a table of settings: the struct, its reader, its schema and its lines in the reference.
macro_rules! settings {
    ($( $(#[doc = $doc:literal])* struct $name:ident { $( $(#[doc = $field_doc:literal])* $field:ident : $type:ty = $default:expr ),* $(,)? } )*) => { $(
        $(#[doc = $doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            $( $(#[doc = $field_doc])* pub(crate) $field: $type, )*
            /// Where each setting stands.
            #[allow(dead_code, reason = "not every table has rules between its settings")]
            pub(crate) spans: $crate::config::setting::Spans,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* spans: Default::default() }
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn decode(
                node: &$crate::config::setting::Node<'_>,
                problems: &mut $crate::config::problem::Problems,
            ) -> Option<Self> {
                let mut table = $crate::config::setting::Table::of(node, problems)?;
                $( let $field = table.take::<$type>($crate::config::setting::plain(stringify!($field)), problems).unwrap_or_else(|| $default); )*
                let spans = table.finish(problems);
                Some(Self { $( $field, )* spans })
            }

            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                $(
                    let mut schema = <$type as $crate::config::setting::Setting>::schema();
                    schema["description"] = $crate::config::setting::doc(&[$($field_doc),*]).into();
                    let default: $type = $default;
                    if let Some(default) = $crate::config::setting::Setting::show(&default) {
                        schema["default"] = serde_json::from_str(&default).unwrap_or(serde_json::Value::String(default));
                    }
                    properties.insert($crate::config::setting::plain(stringify!($field)).to_owned(), schema);
                )*
                serde_json::json!({
                    "type": "object",
                    "description": $crate::config::setting::doc(&[$($doc),*]),
                    "properties": properties,
                    "additionalProperties": false,
                })
            }

            fn type_name() -> String {
                "table".to_owned()
            }

            fn fields() -> Vec<$crate::config::setting::Field> {
                vec![$( {
                    let default: $type = $default;
                    $crate::config::setting::Field {
                        name: $crate::config::setting::plain(stringify!($field)),
                        type_name: <$type as $crate::config::setting::Setting>::type_name(),
                        default: $crate::config::setting::Setting::show(&default),
                        doc: $crate::config::setting::doc(&[$($field_doc),*]),
                        inner: <$type as $crate::config::setting::Setting>::fields(),
                    }
                } ),*]
            }
        }
    )* };
}

/// Defines a setting that is one of a few words.
macro_rules! choices {
    ($( $(#[doc = $doc:literal])* enum $name:ident { $( $(#[doc = $variant_doc:literal])* $variant:ident = $word:literal ),* $(,)? } )*) => { $(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $( $(#[doc = $variant_doc])* $variant, )* }

        impl $crate::config::setting::Setting for $name {
            fn decode(
                node: &$crate::config::setting::Node<'_>,
                problems: &mut $crate::config::problem::Problems,
            ) -> Option<Self> {
                match $crate::config::setting::word(node, &[$($word),*], problems)? {
                    $( $word => Some(Self::$variant), )*
                    _ => None,
                }
            }
            fn schema() -> serde_json::Value {
                serde_json::json!({ "enum": [$($word),*] })
            }
            fn type_name() -> String {
                [$(concat!("`\"", $word, "\"`")),*].join(" or ")
            }
            fn show(&self) -> Option<String> {
                Some(match self { $( Self::$variant => concat!("\"", $word, "\""), )* }.to_owned())
            }
        }
    )* };
}

/// A field's name as it is written in the file: Rust's own words are raw in Rust.
pub(crate) fn plain(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

pub(crate) fn doc(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

fn kind(node: &Node<'_>) -> &'static str {
    match node.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// One of a few words.
pub(crate) fn word<'w>(node: &Node<'_>, words: &[&'w str], problems: &mut Problems) -> Option<&'w str> {
    let found = text(node, "one of a few words", problems)?;
    if let Some(word) = words.iter().find(|word| **word == found) {
        return Some(word);
    }
    let all = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let suggestion = match nearest(found, words.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"? ({all})"),
        None => format!("use one of {all}"),
    };
    problems.suggest(node.span(), format!("\"{found}\" is not possible here"), Some(suggestion));
    None
}

fn text<'a>(node: &'a Node<'_>, wanted: &str, problems: &mut Problems) -> Option<&'a str> {
    let text = node.get_ref().as_str();
    if text.is_none() {
        let suggestion = match node.get_ref() {
            DeValue::Integer(number) if wanted == "a duration" => {
                Some(format!("write \"{}s\" for seconds", number.as_str()))
            }
            DeValue::Integer(number) if wanted == "a size" => {
                Some(format!("write \"{}B\" for bytes", number.as_str()))
            }
            _ => None,
        };
        problems.suggest(node.span(), format!("expected {wanted}, found {}", kind(node)), suggestion);
    }
    text
}

impl Setting for bool {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let value = node.get_ref().as_bool();
        if value.is_none() {
            problems.push(node.span(), format!("expected true or false, found {}", kind(node)));
        }
        value
    }
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
    fn type_name() -> String {
        "boolean".to_owned()
    }
    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => { $(
        impl Setting for $type {
            fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
                let Some(number) = node.get_ref().as_integer() else {
                    problems.push(node.span(), format!("expected a whole number, found {}", kind(node)));
                    return None;
                };
                let parsed = <$type>::from_str_radix(number.as_str(), number.radix());
                if parsed.is_err() {
                    let text = match number.as_str() {
                        negative if negative.starts_with('-') => format!("{negative} is below 0"),
                        large => format!("{large} is above {}", <$type>::MAX),
                    };
                    problems.push(node.span(), text);
                }
                parsed.ok()
            }
            fn schema() -> Value {
                json!({ "type": "integer", "minimum": <$type>::MIN })
            }
            fn type_name() -> String {
                "integer".to_owned()
            }
            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )* };
}
whole_numbers!(u16, u32, u64, usize);

impl Setting for f64 {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let parsed = match node.get_ref() {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let finite = parsed.filter(|number: &Self| number.is_finite());
        if finite.is_none() {
            problems.push(node.span(), format!("expected a number, found {}", kind(node)));
        }
        finite
    }
    fn schema() -> Value {
        json!({ "type": "number" })
    }
    fn type_name() -> String {
        "number".to_owned()
    }
    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Setting for String {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        text(node, "a text", problems).map(str::to_owned)
    }
    fn schema() -> Value {
        json!({ "type": "string" })
    }
    fn type_name() -> String {
        "text".to_owned()
    }
    fn show(&self) -> Option<String> {
        Some(format!("\"{self}\""))
    }
}

impl Setting for Duration {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let text = text(node, "a duration", problems)?;
        duration::parse(text).map_err(|error| problems.push(node.span(), error.to_string())).ok()
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^([0-9.]+(us|µs|ms|s|m|h|d) *)+$", "examples": ["30s"] })
    }
    fn type_name() -> String {
        "duration".to_owned()
    }
    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", duration::format(*self)))
    }
}

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl Setting for Size {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let text = text(node, "a size", problems)?;
        size::parse(text).map(Self).map_err(|error| problems.push(node.span(), error.to_string())).ok()
    }
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9]+ *(B|KB|KiB|MB|MiB|GB|GiB)$", "examples": ["64KiB"] })
    }
    fn type_name() -> String {
        "size".to_owned()
    }
    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", size::format(self.0)))
    }
}

impl<T: Setting> Setting for Option<T> {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        T::decode(node, problems).map(Some)
    }
    fn schema() -> Value {
        T::schema()
    }
    fn type_name() -> String {
        T::type_name()
    }
    fn fields() -> Vec<Field> {
        T::fields()
    }
    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }
}

impl<T: Setting> Setting for At<T> {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        Some(Self { value: T::decode(node, problems)?, span: node.span() })
    }
    fn schema() -> Value {
        T::schema()
    }
    fn type_name() -> String {
        T::type_name()
    }
    fn fields() -> Vec<Field> {
        T::fields()
    }
    fn show(&self) -> Option<String> {
        self.value.show()
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let Some(list) = node.get_ref().as_array() else {
            problems.push(node.span(), format!("expected a list, found {}", kind(node)));
            return None;
        };
        Some(list.iter().filter_map(|item| T::decode(item, problems)).collect())
    }
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
    fn type_name() -> String {
        format!("list of {}", T::type_name())
    }
    fn fields() -> Vec<Field> {
        T::fields()
    }
    fn show(&self) -> Option<String> {
        let items: Option<Vec<_>> = self.iter().map(T::show).collect();
        Some(format!("[{}]", items?.join(", "))).filter(|_| !self.is_empty())
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        let Some(table) = node.get_ref().as_table() else {
            problems.push(node.span(), format!("expected a table, found {}", kind(node)));
            return None;
        };
        let entry = |(key, value): (&Spanned<_>, &Node<'_>)| {
            Some((AsRef::<str>::as_ref(key.get_ref()).to_owned(), T::decode(value, problems)?))
        };
        Some(table.iter().filter_map(entry).collect())
    }
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
    fn type_name() -> String {
        format!("{} by name", T::type_name())
    }
    fn fields() -> Vec<Field> {
        T::fields()
    }
}

/// Any JSON value, written in TOML.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Json(pub(crate) Value);

impl Setting for Json {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        json(node, problems).map(Self)
    }
    fn schema() -> Value {
        json!({})
    }
    fn type_name() -> String {
        "any value".to_owned()
    }
}

fn json(node: &Node<'_>, problems: &mut Problems) -> Option<Value> {
    Some(match node.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::from(number),
            Err(_) => {
                problems.push(node.span(), format!("{} is too large", number.as_str()));
                return None;
            }
        },
        DeValue::Float(_) => Value::from(f64::decode(node, problems)?),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(list) => {
            list.iter().map(|item| json(item, problems)).collect::<Option<Vec<_>>>()?.into()
        }
        DeValue::Table(table) => {
            let entry = |(key, value): (&Spanned<_>, &Node<'_>)| {
                Some((AsRef::<str>::as_ref(key.get_ref()).to_owned(), json(value, problems)?))
            };
            Value::Object(table.iter().map(entry).collect::<Option<_>>()?)
        }
    })
}

impl<T: Setting> Setting for Policy<T> {
    fn decode(node: &Node<'_>, problems: &mut Problems) -> Option<Self> {
        match node.get_ref().as_bool() {
            Some(false) => Some(Self::Off),
            Some(true) => {
                let suggestion = Some("leave it out for the preset's settings, or write a table".to_owned());
                problems.suggest(node.span(), "true says nothing here", suggestion);
                None
            }
            None => T::decode(node, problems).map(Self::On),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [{ "const": false }, T::schema()] })
    }
    fn type_name() -> String {
        format!("{} or `false`", T::type_name())
    }
    fn fields() -> Vec<Field> {
        T::fields()
    }
}
