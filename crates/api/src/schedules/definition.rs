//! The shape of a schedule's definition, for the OpenAPI document: it is read by the type of the scheduler itself.
#![allow(dead_code, reason = "described, never made")]

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

/// What is to run, when, and what happens when that cannot be had.
#[derive(ToSchema)]
#[schema(example = json!({
    "name": "nightly-report",
    "trigger": { "type": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin" },
    "job": { "kind": "http", "payload": { "url": "http://127.0.0.1:8000/reports" } }
}))]
pub(crate) struct ScheduleDefinition {
    /// Up to 128 bytes.
    name: String,
    /// For people.
    description: Option<String>,
    /// What makes it run: `type` is `cron` (`expression`, `timezone`, `daylight`), `interval` (`every`), `at` (`at`),
    /// `dependency` (`on`, `needs`, `mode`, `delay`, `timeout`) or `manual`.
    #[schema(value_type = Object)]
    trigger: Value,
    /// What runs.
    job: ScheduleJob,
    /// `skip` (unless said), `buffer_one`, `allow` or `cancel_running`.
    #[schema(required = false)]
    overlap: String,
    /// How late a tick may be fired; `1h` unless said.
    #[schema(required = false)]
    misfire_grace: String,
    /// `{"policy": "latest"}` (unless said), `{"policy": "all", "per_minute": 60}` or `{"policy": "none"}`.
    #[schema(value_type = Object, required = false)]
    catch_up: Value,
    /// Every tick is fired up to so much later.
    jitter: Option<String>,
    /// No tick before this.
    start: Option<String>,
    /// No tick after this.
    end: Option<String>,
    /// After so many runs it has expired.
    max_executions: Option<u64>,
    /// After so many dead letters in a row it is paused; 3 unless said, 0: never.
    #[schema(required = false)]
    max_failures: u32,
}

/// The job that a run is.
#[derive(ToSchema)]
pub(crate) struct ScheduleJob {
    /// The kind of worker.
    #[schema(example = "http")]
    kind: String,
    /// `default` unless said.
    #[schema(required = false)]
    queue: String,
    /// Its arguments.
    #[schema(value_type = Object, required = false)]
    payload: Value,
    /// From 1, first, to 10, last; 5 unless said.
    #[schema(required = false)]
    priority: u8,
    /// When it is tried again, as for a job.
    #[schema(value_type = Option<Object>)]
    retry: Option<Value>,
    /// How long one attempt may take.
    timeout: Option<String>,
    /// Facts about it.
    #[schema(required = false)]
    metadata: BTreeMap<String, String>,
    /// Tags.
    #[schema(required = false)]
    tags: Vec<String>,
}
