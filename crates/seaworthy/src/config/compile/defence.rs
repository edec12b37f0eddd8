//! What is looked for in requests: from what the file says to finished engines.

use std::sync::Arc;

use seaworthy_defence::openapi::{Contract, Strictness};
use seaworthy_defence::schema::Schema;
use seaworthy_defence::{Category, Engine, Exclusion, Mode, limits, throttle};

use super::Files;
use crate::config::file::File;
use crate::config::file::defence::{Defence as Written, Exclude, Responses, Rules};
use crate::config::problem::{Problems, nearest};
use crate::config::setting::At;

/// What is looked for in the requests of a route.
#[derive(Debug, Clone)]
pub(crate) struct Defence {
    pub(crate) engine: Option<Arc<Engine>>,
    /// Whether the service is told scores.
    pub(crate) scores: bool,
    pub(crate) rules_bytes: u64,
    pub(crate) content: limits::ContentTypes,
    pub(crate) json: limits::Json,
    pub(crate) schema: Option<Arc<Schema>>,
    pub(crate) contract: Option<Arc<Contract>>,
    /// Whether answers are held against the contract.
    pub(crate) responses: bool,
    pub(crate) judged_bytes: u64,
    pub(crate) throttle: Option<throttle::Settings>,
}

/// What is looked for, in the order of routes.
pub(super) fn defences(file: &File, files: &mut Files<'_>, problems: &mut Problems) -> Vec<Option<Defence>> {
    let mut made = Vec::new();
    for route in &file.route {
        made.push(route.defence.as_ref().map(|written| defence(written, files, problems)));
    }
    made
}

fn defence(written: &Written, files: &mut Files<'_>, problems: &mut Problems) -> Defence {
    if written.rules == Rules::Off {
        for setting in ["threshold", "body_bytes", "exclude"] {
            if written.spans.has(setting) {
                problems.push(written.spans.of(setting), "has no effect: `rules` is \"off\"");
            }
        }
    }
    if written.threshold == 0 {
        problems.push(written.spans.of("threshold"), "0 makes an attack of every request");
    }
    for setting in ["strict_members", "strict_query", "responses"] {
        if written.spans.has(setting) && written.openapi.is_none() {
            problems.push(written.spans.of(setting), "has no effect without `openapi`");
        }
    }
    let json = limits::Json {
        depth: written.json.depth,
        nodes: written.json.nodes,
        string_bytes: usize::try_from(written.json.string_bytes.0).unwrap_or(usize::MAX),
        keys: written.json.keys,
    };
    Defence {
        engine: engine(written, problems),
        scores: written.rules == Rules::Score,
        rules_bytes: written.body_bytes.0,
        content: limits::ContentTypes {
            allowed: written.content_types.iter().map(|text| text.to_ascii_lowercase()).collect(),
            compressed: written.compressed,
        },
        json,
        schema: written.schema.as_ref().and_then(|file| schema(file, files, problems)),
        contract: written.openapi.as_ref().and_then(|file| {
            let strictness =
                Strictness { members: written.strict_members, query: written.strict_query, json };
            contract(file, strictness, files, problems)
        }),
        responses: written.responses == Responses::Report,
        judged_bytes: written.judged_bytes.0,
        throttle: written.throttle.as_ref().map(|throttle| {
            if throttle.failures == 0 || throttle.window.is_zero() || throttle.deny.is_zero() {
                problems
                    .push(throttle.spans.of("failures"), "a throttle of 0 keeps everybody out, or nobody");
            }
            throttle::Settings {
                failures: throttle.failures,
                window: throttle.window,
                deny: throttle.deny,
                deny_most: throttle.deny_max.max(throttle.deny),
                ..throttle::Settings::default()
            }
        }),
    }
}

fn engine(written: &Written, problems: &mut Problems) -> Option<Arc<Engine>> {
    let mode = match written.rules {
        Rules::Off => return None,
        Rules::Log => Mode::Log,
        Rules::Score => Mode::Score,
        Rules::Block => Mode::Block,
    };
    let exclusion = |exclude: &Exclude| {
        let category = exclude.category.as_ref().map(|text| text.value.parse::<Category>());
        if let (Some(Err(_)), Some(text)) = (&category, &exclude.category) {
            let all = Category::ALL.map(Category::as_str);
            let meant = nearest(&text.value, all).map(|meant| format!("did you mean \"{meant}\"?"));
            let suggestion = meant.unwrap_or_else(|| format!("use one of {}", all.join(", ")));
            problems.suggest(
                text.span.clone(),
                format!("\"{}\" is no category", text.value),
                Some(suggestion),
            );
        }
        Exclusion {
            rule: exclude.rule.clone(),
            category: category.and_then(Result::ok),
            place: exclude.place.clone(),
        }
    };
    let exclusions = written.exclude.iter().map(exclusion).collect();
    Some(Arc::new(Engine::new(seaworthy_defence::Settings {
        mode,
        threshold: written.threshold.max(1),
        body_bytes: usize::try_from(written.body_bytes.0).unwrap_or(usize::MAX),
        exclusions,
    })))
}

fn read(name: &At<String>, files: &mut Files<'_>, problems: &mut Problems) -> Option<Vec<u8>> {
    let path = files.resolve(&name.value);
    let read = std::fs::read(&path);
    read.map_err(|error| problems.push(name.span.clone(), format!("{}: {error}", path.display()))).ok()
}

fn schema(name: &At<String>, files: &mut Files<'_>, problems: &mut Problems) -> Option<Arc<Schema>> {
    let bytes = read(name, files, problems)?;
    let value = serde_json::from_slice(&bytes).map_err(|error| error.to_string());
    let made = value.and_then(|value| Schema::new(&value).map_err(|error| error.to_string()));
    made.map(Arc::new).map_err(|error| problems.push(name.span.clone(), error)).ok()
}

fn contract(
    name: &At<String>,
    strictness: Strictness,
    files: &mut Files<'_>,
    problems: &mut Problems,
) -> Option<Arc<Contract>> {
    let bytes = read(name, files, problems)?;
    let made = Contract::parse(&bytes, strictness);
    made.map(Arc::new).map_err(|error| problems.push(name.span.clone(), error.to_string())).ok()
}
