//! Dead letters as they are shown.

use seaworthy_jobs::dead::{DeadLetter, Edit, Group};
use serde::Serialize;
use utoipa::ToSchema;

use crate::jobs::{JobView, LogView, moment};

/// Letters whose last failures have the same signature.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupView {
    #[schema(example = "http_503: answered N Service Unavailable")]
    signature: String,
    #[schema(example = 42)]
    count: u64,
    first_seen: String,
    last_seen: String,
    /// The first 20.
    queues: Vec<String>,
    /// The first 20.
    kinds: Vec<String>,
    /// One of them.
    example: i64,
    /// Its failure's code.
    code: String,
    /// Its failure's text.
    message: String,
}

/// A letter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterView {
    job: JobView,
    /// What it said.
    logs: Vec<LogView>,
    /// How its arguments were changed, oldest first.
    edits: Vec<EditView>,
}

/// A change of arguments. Their texts are cut after 16 KiB, their lengths are not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EditView {
    at: String,
    editor: String,
    before: String,
    before_bytes: u64,
    after: String,
    after_bytes: u64,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        let (code, message) = group.sample;
        Self {
            signature: group.signature,
            count: group.count,
            first_seen: moment(group.first_seen),
            last_seen: moment(group.last_seen),
            queues: group.queues,
            kinds: group.kinds,
            example: group.example,
            code,
            message,
        }
    }
}

impl From<DeadLetter> for DeadLetterView {
    fn from(letter: DeadLetter) -> Self {
        Self {
            job: JobView::full(letter.job, letter.attempts),
            logs: letter.logs.into_iter().map(LogView::from).collect(),
            edits: letter.edits.into_iter().map(EditView::from).collect(),
        }
    }
}

impl From<Edit> for EditView {
    fn from(edit: Edit) -> Self {
        Self {
            at: moment(edit.at),
            editor: edit.editor,
            before: edit.before,
            before_bytes: edit.before_bytes,
            after: edit.after,
            after_bytes: edit.after_bytes,
        }
    }
}
