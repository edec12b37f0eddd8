//! Schedules, as the scheduler takes them.

use std::collections::{BTreeMap, BTreeSet};

use seaworthy_jobs::cron::Daylight;
use seaworthy_jobs::retry::{Backoff, Retry};
use seaworthy_jobs::schedule::{self, Definition, Template, Trigger};
use seaworthy_jobs::{Error, cron};
use serde_json::{Value, json};

use crate::config::file::File;
use crate::config::file::jobs::{
    Backoff as WrittenBackoff, CatchUp, CommandCall, HttpCall, JobRetry, Mode, Needs, Overlap, Repeated,
    Schedule, Skipped,
};
use crate::config::problem::{Problems, nearest};
use crate::config::setting::At;

/// `here` are the queues that jobs are taken from, where no other process can take any.
pub(super) fn schedules(
    file: &File,
    here: Option<&[&str]>,
    settings: &seaworthy_jobs::Settings,
    problems: &mut Problems,
) -> Vec<Definition> {
    let mut definitions = Vec::new();
    for (name, written) in &file.schedule {
        inert(written, problems);
        if let Some(here) = here
            && !here.contains(&written.queue.as_str())
        {
            let suggestion = Some(format!("write [queue.{}]", written.queue));
            problems.suggest(written.spans.of("queue"), "nobody takes jobs from this queue", suggestion);
        }
        let trigger = trigger(file, written, problems);
        let Some(job) = job(file, written, problems) else { continue };
        let definition = definition(name, written, trigger, job, problems);
        if let Err(Error::Invalid { field, reason }) = definition.validate(settings) {
            let setting = if field == "per_minute" { "catch_up_per_minute" } else { field };
            problems.push(written.spans.of(setting), format!("{field}: {reason}"));
        }
        definitions.push(definition);
    }
    circles(file, problems);
    definitions
}

fn definition(
    name: &str,
    written: &Schedule,
    trigger: Trigger,
    job: Template,
    problems: &mut Problems,
) -> Definition {
    Definition {
        description: written.description.clone(),
        overlap: match written.overlap {
            Overlap::Skip => schedule::Overlap::Skip,
            Overlap::BufferOne => schedule::Overlap::BufferOne,
            Overlap::Allow => schedule::Overlap::Allow,
            Overlap::CancelRunning => schedule::Overlap::CancelRunning,
        },
        misfire_grace: written.misfire_grace,
        catch_up: match written.catch_up {
            CatchUp::Latest => schedule::CatchUp::Latest,
            CatchUp::All => schedule::CatchUp::All { per_minute: written.catch_up_per_minute },
            CatchUp::None => schedule::CatchUp::None,
        },
        jitter: written.jitter,
        start: written.start.as_ref().and_then(|at| moment(at, problems)),
        end: written.end.as_ref().and_then(|at| moment(at, problems)),
        max_executions: written.max_executions,
        max_failures: written.max_failures,
        ..Definition::new(name, trigger, job)
    }
}

fn moment(text: &At<String>, problems: &mut Problems) -> Option<seaworthy_store::Timestamp> {
    let parsed = seaworthy_jobs::moment::parse(&text.value);
    if parsed.is_none() {
        let suggestion = Some("write something like \"2026-11-21T02:30:00Z\"".to_owned());
        problems.suggest(text.span.clone(), format!("\"{}\" is no moment", text.value), suggestion);
    }
    parsed
}

fn trigger(file: &File, written: &Schedule, problems: &mut Problems) -> Trigger {
    let given = [
        ("cron", written.cron.is_some()),
        ("every", written.every.is_some()),
        ("at", written.at.is_some()),
        ("after", !written.after.is_empty()),
    ];
    let given: Vec<_> = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    if let [first, second, ..] = given[..] {
        problems.push(
            written.spans.of(second),
            format!("`{second}` contradicts `{first}`: one of them says when"),
        );
    }
    if let Some(expression) = &written.cron {
        let daylight = daylight(written);
        let (expression, timezone) = (expression.value.clone(), written.timezone.clone());
        // said here, at its place; the definition as a whole is looked at afterwards
        if let Err(Error::Invalid { field, reason }) = cron::Cron::parse(&expression, &timezone, daylight) {
            problems.push(written.spans.of(field), reason);
            return Trigger::Manual;
        }
        return Trigger::Cron { expression, timezone, daylight };
    }
    if let Some(every) = written.every {
        return Trigger::Interval { every };
    }
    if let Some(at) = &written.at {
        return moment(at, problems).map_or(Trigger::Manual, |at| Trigger::At { at: Some(at) });
    }
    if written.after.is_empty() {
        return Trigger::Manual;
    }
    for on in written.after.iter().filter(|on| !file.schedule.contains_key(&on.value)) {
        let known = nearest(&on.value, file.schedule.keys().map(String::as_str));
        let suggestion = known.map(|name| format!("did you mean \"{name}\"?"));
        problems.suggest(on.span.clone(), format!("there is no schedule \"{}\"", on.value), suggestion);
    }
    Trigger::Dependency {
        on: written.after.iter().map(|on| on.value.clone()).collect(),
        needs: match written.needs {
            Needs::Success => schedule::Needs::Success,
            Needs::Completion => schedule::Needs::Completion,
            Needs::Failure => schedule::Needs::Failure,
        },
        mode: match written.mode {
            Mode::All => schedule::Mode::All,
            Mode::Any => schedule::Mode::Any,
        },
        delay: written.delay,
        timeout: written.wait,
    }
}

fn daylight(written: &Schedule) -> Daylight {
    Daylight {
        skipped: match written.skipped {
            Skipped::Auto => cron::Skipped::Auto,
            Skipped::Skip => cron::Skipped::Skip,
            Skipped::RunAtGapEnd => cron::Skipped::RunAtGapEnd,
        },
        repeated: match written.repeated {
            Repeated::Auto => cron::Repeated::Auto,
            Repeated::First => cron::Repeated::First,
            Repeated::Both => cron::Repeated::Both,
        },
    }
}

/// Settings that only mean something beside others.
fn inert(written: &Schedule, problems: &mut Problems) {
    let mut only = |setting: &str, holds: bool, with: &str| {
        if written.spans.has(setting) && !holds {
            problems.push(written.spans.of(setting), format!("has no effect without {with}"));
        }
    };
    for setting in ["timezone", "skipped", "repeated"] {
        only(setting, written.cron.is_some(), "`cron`");
    }
    for setting in ["needs", "mode", "delay", "wait"] {
        only(setting, !written.after.is_empty(), "`after`");
    }
    only("wait", written.mode == Mode::All, "`mode = \"all\"`");
    only("catch_up_per_minute", written.catch_up == CatchUp::All, "`catch_up = \"all\"`");
    let timed = written.cron.is_some() || written.every.is_some();
    for setting in ["catch_up", "jitter", "start", "end"] {
        only(setting, timed, "`cron` or `every`");
    }
    only("misfire_grace", timed || written.at.is_some(), "`cron`, `every` or `at`");
}

fn job(file: &File, written: &Schedule, problems: &mut Problems) -> Option<Template> {
    let (kind, payload) = match (&written.http, &written.command) {
        (Some(call), None) => ("http", http(call, problems)?),
        (None, Some(call)) => ("command", command(file, call, problems)?),
        (Some(_), Some(_)) => {
            problems.push(written.spans.of("command"), "`command` contradicts `http`: one of them runs");
            return None;
        }
        (None, None) => {
            let suggestion = Some("write http = { url = \"…\" } or command = { name = \"…\" }".to_owned());
            problems.suggest(written.spans.of(""), "this schedule runs nothing", suggestion);
            return None;
        }
    };
    Some(Template {
        queue: written.queue.clone(),
        priority: u8::try_from(written.priority).unwrap_or(u8::MAX),
        retry: written.retry.as_ref().map(|retry| self::retry(retry, problems)),
        timeout: written.timeout,
        ..Template::new(kind, payload)
    })
}

fn http(call: &HttpCall, problems: &mut Problems) -> Option<Value> {
    let uri = call.url.value.parse::<http::Uri>().ok();
    let uri =
        uri.filter(|uri| uri.authority().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
    if uri.is_none() {
        problems.push(call.spans.of("url"), "a call needs a `url` that starts with http:// or https://");
        return None;
    }
    if call.json.is_some() && call.body.is_some() {
        problems.push(call.spans.of("body"), "`body` contradicts `json`");
    }
    let mut payload = json!({ "url": call.url.value, "method": call.method });
    if !call.headers.is_empty() {
        payload["headers"] = json!(call.headers);
    }
    if let Some(body) = &call.json {
        payload["json"] = body.0.clone();
    }
    if let Some(body) = &call.body {
        payload["body"] = body.clone().into();
    }
    Some(payload)
}

fn command(file: &File, call: &CommandCall, problems: &mut Problems) -> Option<Value> {
    let Some(declared) = file.command.get(&call.name.value) else {
        let suggestion = match nearest(&call.name.value, file.command.keys().map(String::as_str)) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("write [command.{}]", call.name.value),
        };
        let message = format!("there is no command \"{}\"", call.name.value);
        problems.suggest(call.spans.of("name"), message, Some(suggestion));
        return None;
    };
    if !call.arguments.is_empty() && !declared.accepts_arguments {
        let suggestion = Some(format!("set command.{}.accepts_arguments = true", call.name.value));
        problems.suggest(call.spans.of("arguments"), "this command accepts none", suggestion);
    }
    let mut payload = json!({ "command": call.name.value });
    if !call.arguments.is_empty() {
        payload["arguments"] = json!(call.arguments);
    }
    if let Some(stdin) = &call.stdin {
        payload["stdin"] = stdin.clone().into();
    }
    Some(payload)
}

fn retry(written: &JobRetry, problems: &mut Problems) -> Retry {
    let exponential = written.backoff == WrittenBackoff::Exponential;
    let list = written.backoff == WrittenBackoff::List;
    for (setting, holds) in [
        ("factor", exponential),
        ("delays", list),
        ("base", !list),
        ("max", !list && written.backoff != WrittenBackoff::Fixed),
    ] {
        if written.spans.has(setting) && !holds {
            problems.push(written.spans.of(setting), "has no effect with this `backoff`");
        }
    }
    let (base, max) = (written.base, written.max);
    let backoff = match written.backoff {
        WrittenBackoff::Fixed => Backoff::Fixed { delay: base },
        WrittenBackoff::Linear => Backoff::Linear { step: base, max },
        WrittenBackoff::Exponential => Backoff::Exponential { base, factor: written.factor, max },
        WrittenBackoff::Fibonacci => Backoff::Fibonacci { step: base, max },
        WrittenBackoff::List => Backoff::Custom { delays: written.delays.clone() },
    };
    Retry { max_attempts: written.attempts, backoff, jitter: written.jitter }
}

/// Schedules that wait for each other would run for ever, or never.
fn circles(file: &File, problems: &mut Problems) {
    let waits: BTreeMap<&str, Vec<&str>> = file
        .schedule
        .iter()
        .map(|(name, schedule)| (name.as_str(), schedule.after.iter().map(|on| on.value.as_str()).collect()))
        .collect();
    for (name, schedule) in &file.schedule {
        let (mut seen, mut next) = (BTreeSet::new(), waits.get(name.as_str()).cloned().unwrap_or_default());
        while let Some(on) = next.pop() {
            if on == name {
                problems.push(schedule.spans.of("after"), "waits for itself, in a circle");
                break;
            }
            if seen.insert(on) {
                next.extend(waits.get(on).into_iter().flatten());
            }
        }
    }
}
