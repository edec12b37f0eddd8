//! A dead letter as one line of JSON.
//!
//! Five fields say what any system would; the object `job` holds what else a job has, so that it comes back as it was.

use crate::enqueue::Prepared;
use crate::payload::clean;
use crate::record::Failure;
use crate::{Error, NewJob, Retry, Unique, UniqueScope, moment};
use seaworthy_core::duration;
use seaworthy_core::trace::TraceContext;
use seaworthy_store::{Row, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

const LONGEST_ERROR: usize = 8 << 10;
const LONGEST_CODE: usize = 64;
/// The code of failures that come without one.
const FOREIGN: &str = "imported";

/// What a line holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    original_message: Box<RawValue>,
    original_queue: String,
    error: Option<String>,
    timestamp: String,
    retry_count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<Rest>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    id: i64,
    created_at: String,
    kind: String,
    priority: u8,
    attempts: u32,
    error_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment::maybe")]
    unique_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<(String, u32)>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default)]
    replays: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parked: Option<String>,
}

/// A line that can be written into the table.
pub(super) struct Letter {
    pub(super) job: Prepared,
    pub(super) failure: Failure,
    pub(super) finished_at: Timestamp,
    pub(super) created_at: Timestamp,
    pub(super) attempt: u32,
    pub(super) unique_until: Option<Timestamp>,
    pub(super) replays: u32,
    pub(super) parked: Option<String>,
    /// What it was where it comes from.
    pub(super) original: Option<(i64, Timestamp)>,
}

/// What an exported line is made of.
pub(super) const COLUMNS: &str =
    "id, queue, kind, priority, payload, attempt, created_at, finished_at, timeout_us, retry,
    unique_key, unique_until, concurrency_key, error_code, error, metadata, tags, traceparent,
    COALESCE(replays, 0) AS replays, parked_reason,
    (SELECT max_running FROM job_keys WHERE key = jobs.concurrency_key) AS concurrency_limit";

impl Line {
    pub(super) fn read(row: &Row) -> Result<Self, Error> {
        let corrupt = || Error::Store(seaworthy_store::Error::Corrupt("a dead letter".to_owned()));
        let time = |name| {
            let time = row.get::<Option<i64>>(name)?.map(Timestamp::from_micros);
            time.and_then(moment::format).ok_or_else(corrupt)
        };
        let text: String = row.get("payload")?;
        let code: Option<String> = row.get("error_code")?;
        let error: Option<String> = row.get("error")?;
        let told = match (&code, error) {
            (Some(code), Some(text)) => Some(format!("{code}: {text}")),
            (_, text) => text,
        };
        let attempts = u32::try_from(row.get::<i64>("attempt")?).unwrap_or(u32::MAX);
        Ok(Self {
            // a line break in JSON is white space wherever it stands
            original_message: RawValue::from_string(text.replace(['\n', '\r'], " "))
                .map_err(|_| corrupt())?,
            original_queue: row.get("queue")?,
            error: told,
            timestamp: time("finished_at")?,
            retry_count: attempts.saturating_sub(1),
            job: Some(Rest::read(row, code, attempts, time("created_at")?)?),
        })
    }

    pub(super) fn write(&self) -> Result<String, Error> {
        serde_json::to_string(self)
            .map_err(|_| Error::Store(seaworthy_store::Error::Corrupt("a dead letter".to_owned())))
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        // its text names a field of ours or the place, never what is there
        serde_json::from_slice(bytes).map_err(|error| Error::invalid("line", error.to_string()))
    }

    /// Looks at it as at a job that is to be enqueued.
    pub(super) fn into_letter(
        self,
        kind: Option<&str>,
        queue: Option<&str>,
        max_payload: usize,
    ) -> Result<Letter, Error> {
        let wrong = |field| Error::invalid(field, "is not a moment such as \"2026-11-21T02:30:00Z\"");
        let finished_at = moment::parse(&self.timestamp).ok_or_else(|| wrong("timestamp"))?;
        let created = self.job.as_ref().map(|rest| {
            moment::parse(&rest.created_at).map(|at| (rest.id, at)).ok_or_else(|| wrong("created_at"))
        });
        let original = created.transpose()?;
        let known = self.job.as_ref().map(|rest| rest.kind.as_str());
        let kind =
            known.or(kind).ok_or_else(|| Error::invalid("job", "is missing, and no kind was given"))?;
        let message = self.original_message.get().to_owned();
        let mut job = NewJob::raw(kind, message).queue(queue.map_or(self.original_queue, str::to_owned));
        let code = self.job.as_ref().and_then(|rest| rest.error_code.clone());
        let failure = failure(code, self.error);
        let attempt = self.job.as_ref().map_or(self.retry_count.saturating_add(1), |rest| rest.attempts);
        let (unique_until, replays, parked) =
            self.job.as_ref().map_or((None, 0, None), |r| (r.unique_until, r.replays, r.parked.clone()));
        if let Some(rest) = self.job {
            job = rest.onto(job)?;
        }
        Ok(Letter {
            job: Prepared::new(job, max_payload)?,
            failure,
            finished_at,
            created_at: original.map_or(finished_at, |original| original.1),
            attempt,
            unique_until,
            replays,
            parked: parked.map(|reason| clean(&reason, 1_024)),
            original,
        })
    }
}

/// Ours are written with their code before them.
fn failure(code: Option<String>, error: Option<String>) -> Failure {
    let text = error.unwrap_or_default();
    let Some(code) = code else {
        return Failure { code: FOREIGN.to_owned(), text: clean(&text, LONGEST_ERROR) };
    };
    let text = text.strip_prefix(&code).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&text);
    Failure { text: clean(text, LONGEST_ERROR), code: clean(&code, LONGEST_CODE) }
}

impl Rest {
    fn read(row: &Row, error_code: Option<String>, attempts: u32, created_at: String) -> Result<Self, Error> {
        let json = |name| Ok::<_, Error>(row.get::<Option<String>>(name)?.unwrap_or_default());
        let key: Option<String> = row.get("concurrency_key")?;
        let timeout = row.get::<Option<i64>>("timeout_us")?.and_then(|us| u64::try_from(us).ok());
        let limit = row.get::<Option<i64>>("concurrency_limit")?.and_then(|limit| u32::try_from(limit).ok());
        Ok(Self {
            id: row.get("id")?,
            created_at,
            kind: row.get("kind")?,
            priority: u8::try_from(row.get::<i64>("priority")?).unwrap_or(u8::MAX),
            attempts,
            error_code,
            timeout: timeout.map(|us| duration::format(Duration::from_micros(us))),
            retry: serde_json::from_str(&json("retry")?).ok(),
            unique_key: row.get("unique_key")?,
            unique_until: row.get::<Option<i64>>("unique_until")?.map(Timestamp::from_micros),
            concurrency: key.map(|key| (key, limit.unwrap_or(1))),
            metadata: serde_json::from_str(&json("metadata")?).unwrap_or_default(),
            tags: serde_json::from_str(&json("tags")?).unwrap_or_default(),
            traceparent: row.get("traceparent")?,
            replays: u32::try_from(row.get::<i64>("replays")?).unwrap_or(u32::MAX),
            parked: row.get("parked_reason")?,
        })
    }

    fn onto(self, mut job: NewJob) -> Result<NewJob, Error> {
        job = job.priority(self.priority);
        let timeout = self.timeout.map(|text| duration::parse(&text)).transpose();
        job.timeout = timeout.map_err(|error| Error::invalid("timeout", error.to_string()))?;
        job.retry = self.retry;
        // whether it is for a period is told by the column
        job.unique = self.unique_key.map(|key| Unique { key, scope: UniqueScope::WhileUnfinished });
        job.concurrency = self.concurrency;
        job.metadata = self.metadata;
        job.tags = self.tags;
        job.trace = self.traceparent.and_then(|header| TraceContext::parse(header.as_bytes()));
        Ok(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN_LINE: &str = r#"{"original_message":{"n":12345678901234567890123},"original_queue":"q",
        "error":"boom","timestamp":"2026-11-21T02:30:00Z","retry_count":3}"#;

    fn why(text: &str, kind: Option<&str>) -> String {
        let letter = Line::parse(text.as_bytes()).and_then(|line| line.into_letter(kind, None, 1_000));
        letter.expect_err("refused").to_string()
    }

    #[test]
    fn a_foreign_line_needs_a_kind_and_keeps_its_message_to_the_digit() {
        assert_eq!(why(FOREIGN_LINE, None), "job: is missing, and no kind was given");
        let line = Line::parse(FOREIGN_LINE.as_bytes()).expect("five fields are enough");
        assert_eq!(line.original_message.get(), r#"{"n":12345678901234567890123}"#);
        let letter = line.into_letter(Some("k"), None, 1_000).expect("a letter");
        assert_eq!((letter.attempt, letter.failure.code.as_str()), (4, "imported"));
        assert_eq!(letter.finished_at, Timestamp::from_micros(1_795_228_200_000_000));
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert!(why("{", None).contains("EOF"), "{}", why("{", None));
        assert!(why("{}", None).contains("original_message"));
        assert!(
            why(&FOREIGN_LINE.replace("boom\"", "boom\",\"x\":1"), Some("k")).contains("unknown field `x`")
        );
        let no_time = FOREIGN_LINE.replace("2026-11-21T02:30:00Z", "yesterday");
        assert!(why(&no_time, Some("k")).starts_with("timestamp: is not a moment"));
        let long = FOREIGN_LINE.replace("12345678901234567890123", &"1".repeat(1_000));
        assert!(why(&long, Some("k")).contains("1000 are allowed"));
        assert!(why(&FOREIGN_LINE.replace("\"q\"", "\"\""), Some("k")).starts_with("queue:"));
    }
}
