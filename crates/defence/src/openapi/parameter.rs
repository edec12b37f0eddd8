use super::transform::{Components, Way};
use crate::schema::{Schema, SchemaError, Violation};
use serde_json::{Map, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
    Cookie,
}

impl Place {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        }
    }
}

/// What texts become before the schema sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
}

/// A parameter of an operation.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) place: Place,
    pub(super) name: String,
    required: bool,
    kind: Type,
    items: Type,
    explode: bool,
    /// `filter[name]=…`
    deep: bool,
    /// A JSON text.
    json: bool,
    schema: Option<Schema>,
}

fn kind(components: &Components, schema: &Value) -> Type {
    let schema = components.resolve(schema);
    let name = match schema.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default()
        }
        _ => "",
    };
    match name {
        "integer" => Type::Integer,
        "number" => Type::Number,
        "boolean" => Type::Boolean,
        "array" => Type::Array,
        "object" => Type::Object,
        _ => Type::Text,
    }
}

impl Parameter {
    /// Nothing for one that is read elsewhere (`Authorization`, `Content-Type`, `Accept`).
    pub(super) fn read(components: &Components, value: &Value) -> Result<Option<Self>, SchemaError> {
        let value = components.resolve(value);
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let place = match text("in") {
            Some("path") => Place::Path,
            Some("query") => Place::Query,
            Some("header") => Place::Header,
            Some("cookie") => Place::Cookie,
            _ => return Err(SchemaError("a parameter has no place".to_owned())),
        };
        let name = text("name").ok_or_else(|| SchemaError("a parameter has no name".to_owned()))?.to_owned();
        let elsewhere = ["authorization", "content-type", "accept"];
        if place == Place::Header && elsewhere.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Ok(None);
        }
        let content = value.pointer("/content/application~1json/schema");
        let schema = value.get("schema").or(content);
        let items = schema.and_then(|schema| components.resolve(schema).get("items"));
        let style = text("style");
        let flag = |name: &str| value.get(name).and_then(Value::as_bool);
        Ok(Some(Self {
            place,
            name,
            required: flag("required").unwrap_or(place == Place::Path),
            kind: schema.map_or(Type::Text, |schema| kind(components, schema)),
            items: items.map_or(Type::Text, |items| kind(components, items)),
            explode: flag("explode").unwrap_or(matches!(place, Place::Query | Place::Cookie)),
            deep: style == Some("deepObject"),
            json: content.is_some(),
            schema: schema.map(|schema| components.compile(schema, Way::Request)).transpose()?,
        }))
    }

    /// Whether this one reads the query parameter of that name.
    pub(super) fn takes(&self, name: &str) -> bool {
        let inner = |rest: &str| rest.starts_with('[') && rest.ends_with(']');
        self.place == Place::Query
            && (name == self.name
                || self.deep && name.strip_prefix(self.name.as_str()).is_some_and(inner)
                || self.kind == Type::Object && self.explode && !self.deep)
    }

    pub(super) fn check(&self, given: &[(String, String)]) -> Result<(), Vec<Violation>> {
        let place = format!("{}.{}", self.place.as_str(), self.name);
        let one = |reason| Err(vec![Violation::new(&place, reason)]);
        let same = |name: &String| {
            if self.place == Place::Header {
                name.eq_ignore_ascii_case(&self.name)
            } else {
                *name == self.name
            }
        };
        let values: Vec<&str> =
            given.iter().filter(|(name, _)| same(name)).map(|(_, value)| value.as_str()).collect();
        let Some(schema) = &self.schema else { return Ok(()) };
        let value = match (self.kind, values.as_slice()) {
            (Type::Object, _) if self.deep => self.deep_object(given),
            (Type::Object, _) if self.explode && self.place == Place::Query => return Ok(()),
            (_, []) if self.required => return one("required"),
            (_, []) => return Ok(()),
            (_, [text]) if self.json => match serde_json::from_str(text) {
                Ok(value) => value,
                Err(_) => return one("type"),
            },
            (Type::Array, all) if self.explode => {
                Value::Array(all.iter().map(|text| typed(self.items, text)).collect())
            }
            (Type::Array, [text]) => {
                Value::Array(text.split(',').map(|text| typed(self.items, text)).collect())
            }
            (kind, [text]) => typed(kind, text),
            // two values where one is read: two programs would read different ones
            _ => return one("twice"),
        };
        schema.check_at(&place, &value)
    }

    fn deep_object(&self, given: &[(String, String)]) -> Value {
        let inner = |name: &str| {
            Some(name.strip_prefix(self.name.as_str())?.strip_prefix('[')?.strip_suffix(']')?.to_owned())
        };
        let members =
            given.iter().filter_map(|(name, value)| Some((inner(name)?, Value::String(value.clone()))));
        Value::Object(members.collect::<Map<_, _>>())
    }
}

/// A text that is none of its type stays a text: the schema says what is wrong.
fn typed(kind: Type, text: &str) -> Value {
    let number = || {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        serde_json::from_str::<serde_json::Number>(text).ok().filter(|_| plain).map(Value::Number)
    };
    let value = match (kind, text) {
        (Type::Integer | Type::Number, _) => number(),
        (Type::Boolean, "true") => Some(Value::Bool(true)),
        (Type::Boolean, "false") => Some(Value::Bool(false)),
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}
