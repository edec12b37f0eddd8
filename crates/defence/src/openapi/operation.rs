use super::parameter::{Parameter, Place};
use super::transform::{Components, Way};
use super::{Request, Response, Strictness};
use crate::limits;
use crate::schema::{Schema, SchemaError, Violation};
use http::header::{CONTENT_TYPE, COOKIE};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

type Pairs = Vec<(String, String)>;
/// Content types and the schemas of their bodies.
type Contents = Vec<(String, Option<Schema>)>;

/// One method of one path.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) template: String,
    pub(super) id: Option<String>,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    /// By status (`200`, `2XX`, `default`), then by content type.
    responses: Vec<(String, Contents)>,
}

#[derive(Debug)]
struct Body {
    required: bool,
    contents: Contents,
}

impl Operation {
    pub(super) fn read(
        components: &Components,
        (method, template): (&str, &str),
        item: &Value,
        one: &Value,
    ) -> Result<Self, SchemaError> {
        let at = |error: SchemaError| SchemaError(format!("{method} {template}: {}", error.0));
        let mut parameters: Vec<Parameter> = Vec::new();
        let listed =
            |value: &Value| value.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        for value in listed(item).iter().chain(&listed(one)) {
            if let Some(parameter) = Parameter::read(components, value).map_err(at)? {
                // the operation's own replaces the path's
                parameters.retain(|old| old.name != parameter.name || old.place != parameter.place);
                parameters.push(parameter);
            }
        }
        let body = one.get("requestBody").map(|body| components.resolve(body));
        let body = body.map(|body| -> Result<Body, SchemaError> {
            let required = body.get("required").and_then(Value::as_bool).unwrap_or(false);
            Ok(Body { required, contents: contents(components, body, Way::Request)? })
        });
        let responses = one.get("responses").and_then(Value::as_object).into_iter().flatten();
        let responses = responses.map(|(status, response)| {
            Ok((status.clone(), contents(components, components.resolve(response), Way::Response)?))
        });
        Ok(Self {
            method: method.to_owned(),
            template: template.to_owned(),
            id: one.get("operationId").and_then(Value::as_str).map(str::to_owned),
            parameters,
            body: body.transpose().map_err(at)?,
            responses: responses.collect::<Result<_, _>>().map_err(at)?,
        })
    }

    /// Fewer variables, and later ones, come first.
    pub(super) fn rank(&self) -> (usize, Vec<bool>) {
        let variables: Vec<bool> = self.template.split('/').map(|segment| segment.contains('{')).collect();
        (variables.iter().filter(|variable| **variable).count(), variables)
    }

    /// The path's variables, decoded, if it fits the template.
    pub(super) fn fits(&self, path: &str) -> Option<Pairs> {
        let mut given = path.split('/');
        let mut values = Vec::new();
        for segment in self.template.split('/') {
            let text = given.next()?;
            match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
                Some(name) if !text.is_empty() => values.push((name.to_owned(), decoded(text)?)),
                None if segment == text => {}
                None if segment.contains('{') => values.extend(mixed(segment, text)?),
                _ => return None,
            }
        }
        given.next().is_none().then_some(values)
    }

    pub(super) fn check_request(
        &self,
        request: &Request<'_>,
        path: &[(String, String)],
        strictness: &Strictness,
    ) -> Result<(), Vec<Violation>> {
        let mut found = Vec::new();
        let query = pairs(request.query.unwrap_or_default(), '&', true);
        let query = query.unwrap_or_else(|| {
            found.push(Violation::new("query", "encoding"));
            Vec::new()
        });
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Pairs =
            request.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let cookies = request.headers.get_all(COOKIE).iter().map(text).collect::<Vec<_>>().join(";");
        let cookies = pairs(&cookies, ';', false).unwrap_or_default();
        for parameter in &self.parameters {
            let given = match parameter.place {
                Place::Path => path,
                Place::Query => &query,
                Place::Header => &headers,
                Place::Cookie => &cookies,
            };
            found.extend(parameter.check(given).err().into_iter().flatten());
        }
        if strictness.query {
            let unknown = |(name, _): &&(String, String)| !self.parameters.iter().any(|one| one.takes(name));
            found.extend(
                query
                    .iter()
                    .filter(unknown)
                    .map(|(name, _)| Violation::new(&format!("query.{name}"), "unknown")),
            );
        }
        found.extend(self.check_body(request, strictness).err().into_iter().flatten());
        found.truncate(40);
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn check_body(&self, request: &Request<'_>, strictness: &Strictness) -> Result<(), Vec<Violation>> {
        let one = |reason| Err(vec![Violation::new("body", reason)]);
        let given = request.body.filter(|bytes| !bytes.is_empty());
        match (&self.body, given) {
            (None, None) => Ok(()),
            (None, Some(_)) => one("unknown"),
            (Some(body), None) => {
                if body.required {
                    one("required")
                } else {
                    Ok(())
                }
            }
            (Some(body), Some(bytes)) => {
                let mut types = request.headers.get_all(CONTENT_TYPE).iter();
                let content_type = types.next().and_then(|value| value.to_str().ok());
                if types.next().is_some() {
                    return one("content_type_twice");
                }
                let Some(content_type) = content_type else { return one("content_type_missing") };
                let Some((media, schema)) = choose(&body.contents, content_type) else {
                    return one("content_type_not_allowed");
                };
                match schema {
                    Some(schema) => check_content(&media, content_type, schema, bytes, &strictness.json),
                    None => Ok(()),
                }
            }
        }
    }

    pub(super) fn check_response(&self, response: &Response<'_>) -> Result<(), Vec<Violation>> {
        let one = |place, reason| Err(vec![Violation::new(place, reason)]);
        let exact = response.status.to_string();
        let class = format!("{}XX", response.status / 100);
        let by = |name: &str| self.responses.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        let Some((_, contents)) = by(&exact).or_else(|| by(&class)).or_else(|| by("default")) else {
            return one("status", "unknown");
        };
        if contents.is_empty() || matches!(response.status, 204 | 205) {
            return Ok(());
        }
        let content_type = match (response.content_type, response.body) {
            (_, Some([])) => return one("body", "required"),
            // an answer to HEAD need not say what it would have been
            (None, None) => return Ok(()),
            (given, _) => given.unwrap_or_default(),
        };
        match (choose(contents, content_type), response.body) {
            (None, _) => one("body", "content_type_not_allowed"),
            (Some((media, Some(schema))), Some(body)) => {
                let bounds =
                    limits::Json { depth: 100, nodes: 1_000_000, string_bytes: 64 << 20, keys: 100_000 };
                check_content(&media, content_type, schema, body, &bounds)
            }
            _ => Ok(()),
        }
    }
}

fn contents(components: &Components, value: &Value, way: Way) -> Result<Contents, SchemaError> {
    let all = value.get("content").and_then(Value::as_object).into_iter().flatten();
    all.map(|(media, content)| {
        let schema = content.get("schema").map(|schema| components.compile(schema, way)).transpose()?;
        Ok((media.to_ascii_lowercase(), schema))
    })
    .collect()
}

/// The most exact of the contract's content types.
fn choose<'a>(
    contents: &'a [(String, Option<Schema>)],
    content_type: &str,
) -> Option<(String, Option<&'a Schema>)> {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = format!("{}/*", media.split('/').next().unwrap_or_default());
    let by = |name: &str| {
        contents.iter().find(|(own, _)| own.split(';').next().is_some_and(|own| own.trim() == name))
    };
    let (_, schema) = by(&media).or_else(|| by(&kind)).or_else(|| by("*/*"))?;
    Some((media, schema.as_ref()))
}

fn check_content(
    media: &str,
    content_type: &str,
    schema: &Schema,
    bytes: &[u8],
    bounds: &limits::Json,
) -> Result<(), Vec<Violation>> {
    let one = |reason| Err(vec![Violation::new("body", reason)]);
    let charset = content_type.to_ascii_lowercase();
    if charset.contains("charset") && !charset.contains("utf-8") && !charset.contains("utf8") {
        return one("charset_not_allowed");
    }
    if media == "application/json" || media.ends_with("+json") {
        if let Err(fault) = bounds.check(bytes) {
            return one(fault.reason());
        }
        return match serde_json::from_slice(bytes) {
            Ok(value) => schema.check_at("body", &value),
            Err(_) => one("json_syntax"),
        };
    }
    if media == "application/x-www-form-urlencoded" {
        let pairs = std::str::from_utf8(bytes).ok().and_then(|text| pairs(text, '&', true));
        let Some(pairs) = pairs else { return one("encoding") };
        let members: Map<String, Value> =
            pairs.into_iter().map(|(name, value)| (name, guessed(value))).collect();
        // a form has no types: what the schema says of numbers holds for what looks like one
        return schema.check_at("body", &Value::Object(members));
    }
    Ok(())
}

fn guessed(text: String) -> Value {
    match text.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => Value::String(text),
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// At most 1,000 pairs.
fn pairs(text: &str, separator: char, form: bool) -> Option<Pairs> {
    let mut all = Vec::new();
    for pair in text.split(separator).map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let plain = |text: &str| if form { decoded(&text.replace('+', " ")) } else { decoded(text) };
        all.push((plain(name)?, plain(value)?));
        if all.len() > 1_000 {
            return None;
        }
    }
    Some(all)
}

/// `{name}.json`, `v{version}`: one variable with something around it.
fn mixed(segment: &str, text: &str) -> Option<Pairs> {
    let (before, rest) = segment.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    let inner = text.strip_prefix(before)?.strip_suffix(after).filter(|inner| !inner.is_empty())?;
    if after.contains('{') { None } else { Some(vec![(name.to_owned(), decoded(inner)?)]) }
}
