//! Queries as PromQL, for the dashboards and rules of others.

use super::{Aggregate, Function, Match, Query};
use std::fmt::Write as _;
use std::time::Duration;

pub(super) fn write(query: &Query) -> String {
    let Query { function, aggregate, .. } = query;
    let over = |function: &str, suffix: &str| format!("{function}({})", ranged(query, suffix, None));
    match function {
        Function::Latest => grouped(query, &selector(query, "", None)),
        Function::Rate => grouped(query, &over("rate", "")),
        Function::Increase => grouped(query, &over("increase", "")),
        Function::Max => grouped(query, &over("max_over_time", "")),
        Function::Min => grouped(query, &over("min_over_time", "")),
        Function::Observations => grouped(query, &over("increase", "_count")),
        Function::Below(seconds) => {
            // rendered bounds have a fraction, whole ones too
            let le = format!("{seconds:?}");
            grouped(query, &format!("increase({})", ranged(query, "_bucket", Some(&le))))
        }
        Function::Quantile(share) if merged(query) => {
            let le = std::iter::once("le").chain(query.by.iter().flatten().map(String::as_str));
            let by: Vec<&str> = le.collect();
            format!("histogram_quantile({share}, sum by ({}) ({}))", by.join(", "), over("rate", "_bucket"))
        }
        Function::Quantile(share) => {
            grouped(query, &format!("histogram_quantile({share}, {})", over("rate", "_bucket")))
        }
        Function::Mean if merged(query) => {
            let (sum, count) = (over("rate", "_sum"), over("rate", "_count"));
            let gauge = over("avg_over_time", "");
            format!("({} / {}) or {}", grouped(query, &sum), grouped(query, &count), grouped(query, &gauge))
        }
        Function::Mean => {
            let histogram = format!("({} / {})", over("rate", "_sum"), over("rate", "_count"));
            let gauge = over("avg_over_time", "");
            match query.by {
                None => format!("{histogram} or {gauge}"),
                Some(_) => format!("{} or {}", grouped(query, &histogram), by(query, *aggregate, &gauge)),
            }
        }
    }
}

/// Whether observations are put together before anything is made of them.
fn merged(query: &Query) -> bool {
    query.by.is_some() && query.aggregate == Aggregate::Sum
}

fn grouped(query: &Query, inner: &str) -> String {
    by(query, query.aggregate, inner)
}

fn by(query: &Query, aggregate: Aggregate, inner: &str) -> String {
    let Some(labels) = &query.by else { return inner.to_owned() };
    let aggregate = match aggregate {
        Aggregate::Sum => "sum",
        Aggregate::Max => "max",
        Aggregate::Min => "min",
        Aggregate::Mean => "avg",
        Aggregate::Count => "count",
    };
    match labels.as_slice() {
        [] => format!("{aggregate}({inner})"),
        labels => format!("{aggregate} by ({}) ({inner})", labels.join(", ")),
    }
}

fn ranged(query: &Query, suffix: &str, le: Option<&str>) -> String {
    format!("{}[{}]", selector(query, suffix, le), duration(query.window))
}

fn selector(query: &Query, suffix: &str, le: Option<&str>) -> String {
    let mut conditions: Vec<String> = query
        .selector
        .matchers()
        .iter()
        .map(|matcher| {
            let op = match matcher.op {
                Match::Equal => "=",
                Match::NotEqual => "!=",
                Match::Regex => "=~",
                Match::NotRegex => "!~",
            };
            format!("{}{op}{}", matcher.label, quoted(&matcher.value))
        })
        .collect();
    conditions.extend(le.map(|le| format!("le=\"{le}\"")));
    let mut out = format!("{}{suffix}", query.selector.name());
    if !conditions.is_empty() {
        let _ = write!(out, "{{{}}}", conditions.join(","));
    }
    out
}

/// In the greatest unit that divides it.
fn duration(window: Duration) -> String {
    let millis = window.as_millis();
    let units = [(604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(length, _)| millis > 0 && millis.is_multiple_of(*length));
    unit.map_or_else(|| format!("{millis}ms"), |(length, name)| format!("{}{name}", millis / length))
}

/// A string as PromQL quotes it.
pub(super) fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
