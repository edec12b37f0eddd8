use crate::schema::{Schema, SchemaError};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// Which way a document goes: what may not be written is refused in requests, what may not be read in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Request,
    Response,
}

/// The contract's named schemas, made ready for each way.
pub(super) struct Components {
    request: Value,
    response: Value,
    document: Value,
    strict: bool,
    old: bool,
    /// Parts of others by `allOf`: closed each for itself, they would refuse each other's members.
    parts: HashSet<String>,
}

impl Components {
    pub(super) fn new(document: &Value, strict: bool, old: bool) -> Result<Self, SchemaError> {
        let mut parts = HashSet::new();
        collect_parts(document, &mut parts, 0);
        let mut all = Self {
            request: Value::Null,
            response: Value::Null,
            document: document.clone(),
            strict,
            old,
            parts,
        };
        let schemas = document.pointer("/components/schemas").cloned().unwrap_or_else(|| json!({}));
        all.request = all.each(&schemas, Way::Request);
        all.response = all.each(&schemas, Way::Response);
        Ok(all)
    }

    fn each(&self, schemas: &Value, way: Way) -> Value {
        let one = |(name, schema): (&String, &Value)| {
            let open = self.parts.contains(&format!("#/components/schemas/{name}"));
            (name.clone(), self.turn(schema, way, open))
        };
        Value::Object(schemas.as_object().into_iter().flatten().map(one).collect())
    }

    /// A schema of the contract, compiled together with what it refers to.
    pub(super) fn compile(&self, schema: &Value, way: Way) -> Result<Schema, SchemaError> {
        let schemas = if way == Way::Request { &self.request } else { &self.response };
        Schema::new(&json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [self.turn(schema, way, false)],
            "components": {"schemas": schemas},
        }))
    }

    /// What stands behind a reference within the document, through at most ten references.
    pub(super) fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        for _ in 0..10 {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { break };
            let Some(found) = reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer))
            else {
                break;
            };
            value = found;
        }
        value
    }

    /// JSON Schema 2020-12 of a schema of OpenAPI. `open`: members of others come to it.
    fn turn(&self, schema: &Value, way: Way, open: bool) -> Value {
        let Some(object) = schema.as_object() else { return schema.clone() };
        if object.contains_key("$ref") && self.old {
            // in 3.0 nothing beside a reference counts
            return json!({"$ref": object["$ref"]});
        }
        let mut out = Map::new();
        for (name, value) in object {
            let turned = match name.as_str() {
                "properties" | "patternProperties" | "$defs" | "dependentSchemas" => self.members(value, way),
                "items"
                | "not"
                | "additionalProperties"
                | "contains"
                | "propertyNames"
                | "if"
                | "then"
                | "else" => self.turn(value, way, name == "if" || name == "not"),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    let inner = open || name == "allOf";
                    Value::Array(
                        value
                            .as_array()
                            .into_iter()
                            .flatten()
                            .map(|one| self.turn(one, way, inner))
                            .collect(),
                    )
                }
                "nullable" | "discriminator" | "xml" | "externalDocs" | "example" => continue,
                _ => value.clone(),
            };
            out.insert(name.clone(), turned);
        }
        self.required(object, way, &mut out);
        if self.old {
            from_3_0(object, &mut out);
        }
        self.close(open, &mut out);
        Value::Object(out)
    }

    fn members(&self, value: &Value, way: Way) -> Value {
        let one = |(name, schema): (&String, &Value)| {
            let schema =
                if self.is_hidden(schema, way) { Value::Bool(false) } else { self.turn(schema, way, false) };
            (name.clone(), schema)
        };
        Value::Object(value.as_object().into_iter().flatten().map(one).collect())
    }

    fn is_hidden(&self, schema: &Value, way: Way) -> bool {
        let mark = if way == Way::Request { "readOnly" } else { "writeOnly" };
        schema.get(mark) == Some(&Value::Bool(true))
            || self.resolve(schema).get(mark) == Some(&Value::Bool(true))
    }

    /// What may not be sent cannot be required.
    fn required(&self, object: &Map<String, Value>, way: Way, out: &mut Map<String, Value>) {
        let Some(Value::Array(names)) = out.get_mut("required") else { return };
        let hidden = |name: &Value| {
            let schema = name.as_str().and_then(|name| object.get("properties")?.get(name));
            schema.is_some_and(|schema| self.is_hidden(schema, way))
        };
        names.retain(|name| !hidden(name));
    }

    fn close(&self, open: bool, out: &mut Map<String, Value>) {
        let said = out.contains_key("additionalProperties") || out.contains_key("unevaluatedProperties");
        if !self.strict || open || said {
            return;
        }
        let composed = ["allOf", "anyOf", "oneOf"].iter().any(|name| out.contains_key(*name));
        if composed && out.contains_key("properties") || out.contains_key("allOf") {
            out.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
        } else if out.contains_key("properties") {
            out.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
    }
}

/// What 3.0 says otherwise than JSON Schema.
fn from_3_0(object: &Map<String, Value>, out: &mut Map<String, Value>) {
    if object.get("nullable") == Some(&Value::Bool(true)) {
        if let Some(Value::String(kind)) = out.get("type").cloned() {
            out.insert("type".to_owned(), json!([kind, "null"]));
        }
        if let Some(Value::Array(values)) = out.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match out.get(flag) {
            Some(Value::Bool(true)) => {
                if let Some(value) = out.remove(bound) {
                    out.insert(flag.to_owned(), value);
                }
            }
            Some(Value::Bool(false)) => drop(out.remove(flag)),
            _ => {}
        }
    }
}

fn collect_parts(value: &Value, parts: &mut HashSet<String>, depth: usize) {
    if depth > 64 {
        return;
    }
    match value {
        Value::Object(object) => {
            for part in object.get("allOf").and_then(Value::as_array).into_iter().flatten() {
                parts.extend(part.get("$ref").and_then(Value::as_str).map(str::to_owned));
            }
            object.values().for_each(|value| collect_parts(value, parts, depth + 1));
        }
        Value::Array(all) => all.iter().for_each(|value| collect_parts(value, parts, depth + 1)),
        _ => {}
    }
}

/// Names of members that schemas anywhere in a document know. Those of objects that look like a schema come along.
pub(super) fn collect_names(value: &Value, names: &mut HashSet<String>, depth: usize) {
    if depth > 64 {
        return;
    }
    match value {
        Value::Object(object) => {
            let members = object.get("properties").and_then(Value::as_object);
            names.extend(members.into_iter().flat_map(Map::keys).cloned());
            object.values().for_each(|value| collect_names(value, names, depth + 1));
        }
        Value::Array(all) => all.iter().for_each(|value| collect_names(value, names, depth + 1)),
        _ => {}
    }
}
