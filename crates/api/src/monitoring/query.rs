//! Questions to the history of metrics.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use seaworthy_core::duration;
use seaworthy_telemetry::history::{Aggregate, Function, Labels, Matcher, Query, Selector};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ask, history, moment, problem, when};
use crate::request::{self, Params};
use crate::{Control, Problem};

/// The longest window and the longest range.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// The most series in an answer.
const MOST_SERIES: usize = 1_000;
/// The most labels to put series together by.
const MOST_LABELS: usize = 16;

/// A question.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Question {
    /// As `/metrics` shows it.
    #[param(example = "http_server_request_duration_seconds")]
    metric: String,
    /// Conditions on labels with commas between them; `=`, `!=`, `=~`, `!~`.
    #[param(example = "seaworthy_service=\"shop\"")]
    matchers: Option<String>,
    /// `latest`, `rate`, `increase`, `quantile`, `mean`, `max`, `min`, `below` or `observations`; latest unless said.
    function: Option<String>,
    /// With `quantile`: which, from 0 to 1; 0.95 unless said.
    quantile: Option<f64>,
    /// With `below`: seconds, one of the histogram's bounds.
    below: Option<f64>,
    /// Over how long; 5m unless said.
    #[param(example = "5m")]
    window: Option<String>,
    /// Labels by which series are put together, with commas between them; empty makes one of all. Without it: each on its
    /// own.
    by: Option<String>,
    /// `sum`, `max`, `min`, `mean` or `count`; sum unless said.
    aggregate: Option<String>,
    /// When; now unless said. RFC 3339 or seconds since 1970. Of a range: its end.
    at: Option<String>,
    /// Of a range: how far back it reaches; 1h unless said.
    length: Option<String>,
    /// Of a range: from one point to the next; a hundredth of the length unless said.
    step: Option<String>,
}

/// The answer at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// The same question to a Prometheus that scrapes `/metrics`.
    promql: String,
    at: String,
    samples: Vec<SampleView>,
    /// Samples beyond the first 1,000.
    left_out: usize,
}

/// The result of one series, or of one group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SampleView {
    labels: BTreeMap<String, String>,
    value: f64,
}

/// The answer over a range.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RangeAnswer {
    /// The same question to a Prometheus that scrapes `/metrics`.
    promql: String,
    series: Vec<SeriesView>,
    /// Series beyond the first 1,000.
    left_out: usize,
}

/// One series, or one group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesView {
    labels: BTreeMap<String, String>,
    /// Times and values; times without a value are left out.
    points: Vec<(String, f64)>,
}

fn span(field: &str, text: Option<&str>, usual: Duration) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(usual) };
    let length = duration::parse(text).map_err(|error| request::invalid(&format!("{field}: {error}")))?;
    if length.is_zero() || length > LONGEST {
        return Err(request::invalid(&format!("{field}: above zero, and up to 31d")));
    }
    Ok(length)
}

impl Question {
    fn query(&self) -> Result<Query, Problem> {
        let matcher = |known: seaworthy_alerts::labels::Matcher| Matcher {
            label: known.name().to_owned(),
            op: known.op(),
            value: known.value().to_owned(),
        };
        let matchers = crate::alerts::matchers(self.matchers.as_deref().unwrap_or_default())?;
        let selector = Selector::new(self.metric.clone(), matchers.into_iter().map(matcher).collect());
        let by = self.by.as_deref().map(|text| {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect::<Vec<_>>()
        });
        if by.as_ref().is_some_and(|names| names.len() > MOST_LABELS) {
            return Err(request::invalid("by: at most 16 labels"));
        }
        Ok(Query {
            selector: selector.map_err(|error| problem(&error))?,
            function: self.function()?,
            window: span("window", self.window.as_deref(), Duration::from_secs(300))?,
            by,
            aggregate: self.aggregate()?,
        })
    }

    fn function(&self) -> Result<Function, Problem> {
        let word = self.function.as_deref().unwrap_or("latest");
        if self.below.is_some() != (word == "below") || self.quantile.is_some() && word != "quantile" {
            return Err(request::invalid("below and quantile go with the function of their name"));
        }
        Ok(match word {
            "latest" => Function::Latest,
            "rate" => Function::Rate,
            "increase" => Function::Increase,
            "quantile" => Function::Quantile(self.quantile.unwrap_or(0.95)),
            "mean" => Function::Mean,
            "max" => Function::Max,
            "min" => Function::Min,
            "below" => Function::Below(self.below.unwrap_or_default()),
            "observations" => Function::Observations,
            _ => return Err(request::invalid("function: there is none of this name")),
        })
    }

    fn aggregate(&self) -> Result<Aggregate, Problem> {
        Ok(match self.aggregate.as_deref().unwrap_or("sum") {
            "sum" => Aggregate::Sum,
            "max" => Aggregate::Max,
            "min" => Aggregate::Min,
            "mean" => Aggregate::Mean,
            "count" => Aggregate::Count,
            _ => return Err(request::invalid("aggregate: sum, max, min, mean or count")),
        })
    }

    fn at(&self) -> Result<SystemTime, Problem> {
        self.at.as_deref().map_or_else(|| Ok(SystemTime::now()), |text| when("at", text))
    }
}

fn shown(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What metrics were at a moment.
#[utoipa::path(get, path = "/api/v1/metrics/query",
    extensions(("x-permission" = json!("metrics:read"))), tag = "metrics", params(Question),
    responses((status = 200, body = Answer), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn query(
    State(control): State<Control>,
    Params(question): Params<Question>,
) -> Result<Json<Answer>, Problem> {
    let (history, query, at) = (history(&control)?, question.query()?, question.at()?);
    if question.length.is_some() || question.step.is_some() {
        return Err(request::invalid("length and step belong to query_range"));
    }
    let promql = query.promql();
    let mut samples = ask(move || history.query(&query, at)).await?.map_err(|error| problem(&error))?;
    let left_out = samples.len().saturating_sub(MOST_SERIES);
    samples.truncate(MOST_SERIES);
    let view = |sample: seaworthy_telemetry::history::Sample| SampleView {
        labels: shown(&sample.labels),
        value: sample.value,
    };
    Ok(Json(Answer { promql, at: moment(at), samples: samples.into_iter().map(view).collect(), left_out }))
}

/// What metrics were over a range. At most 11,000 points of each series.
#[utoipa::path(get, path = "/api/v1/metrics/query_range",
    extensions(("x-permission" = json!("metrics:read"))), tag = "metrics", params(Question),
    responses((status = 200, body = RangeAnswer), (status = 400, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn query_range(
    State(control): State<Control>,
    Params(question): Params<Question>,
) -> Result<Json<RangeAnswer>, Problem> {
    let (history, query, to) = (history(&control)?, question.query()?, question.at()?);
    let length = span("length", question.length.as_deref(), Duration::from_secs(3_600))?;
    let step = span("step", question.step.as_deref(), (length / 100).max(Duration::from_secs(1)))?;
    let from = to.checked_sub(length).ok_or_else(|| request::invalid("at: too long ago"))?;
    let promql = query.promql();
    let found = ask(move || history.range(&query, from, to, step)).await?;
    let mut series = found.map_err(|error| problem(&error))?;
    let left_out = series.len().saturating_sub(MOST_SERIES);
    series.truncate(MOST_SERIES);
    let view = |series: seaworthy_telemetry::history::Series| SeriesView {
        labels: shown(&series.labels),
        points: series.points.into_iter().map(|(time, value)| (moment(time), value)).collect(),
    };
    Ok(Json(RangeAnswer { promql, series: series.into_iter().map(view).collect(), left_out }))
}
