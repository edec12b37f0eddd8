//! Dead letters by what they died of.

use super::filter::{DeadFilter, Growing};
use crate::Error;
use seaworthy_store::{Query, Rows, Store, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The most groups on one page.
const LARGEST_PAGE: usize = 100;
/// The most queues, and kinds, that a group names.
const MOST_NAMES: usize = 20;

/// Dead letters whose last failures have the same signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What their failures have in common.
    pub signature: String,
    /// How many there are.
    pub count: u64,
    /// When the first of them died.
    pub first_seen: Timestamp,
    /// When the last of them died.
    pub last_seen: Timestamp,
    /// In which queues they are; the first 20 names.
    pub queues: Vec<String>,
    /// Of which kinds they are; the first 20 names.
    pub kinds: Vec<String>,
    /// One of them, the youngest job.
    pub example: i64,
    /// Its failure: the code, and the first 1,024 characters of the text.
    pub sample: (String, String),
}

impl Group {
    /// Where the page after this group begins.
    pub fn cursor(&self) -> GroupCursor {
        GroupCursor { count: self.count, signature: self.signature.clone() }
    }
}

/// Where a page of groups begins: after this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCursor {
    /// Its size.
    pub count: u64,
    /// Its signature.
    pub signature: String,
}

/// A page of groups, the greatest first.
pub(super) async fn list(
    store: &Store,
    filter: &DeadFilter,
    after: Option<&GroupCursor>,
    most: usize,
) -> Result<Vec<Group>, Error> {
    let mut query = Growing::new(
        "SELECT COALESCE(error_signature, '') AS signature, count(*) AS n, min(finished_at) AS first_seen,
            max(finished_at) AS last_seen, max(id) AS example FROM jobs WHERE ",
    )
    .letters(filter)
    .add(" GROUP BY COALESCE(error_signature, '')");
    if let Some(after) = after {
        let count = i64::try_from(after.count).unwrap_or(i64::MAX);
        query = query.with(" HAVING count(*) < ", count).with(" OR (count(*) = ", count);
        query = query.with(" AND COALESCE(error_signature, '') > ", after.signature.as_str()).add(")");
    }
    let most = i64::try_from(most.min(LARGEST_PAGE)).unwrap_or(1);
    let query = query.with(" ORDER BY n DESC, signature LIMIT ", most);
    let mut groups = Vec::new();
    for row in store.fetch_all(query.query()).await? {
        groups.push(Group {
            signature: row.get("signature")?,
            count: u64::try_from(row.get::<i64>("n")?).unwrap_or(0),
            first_seen: Timestamp::from_micros(row.get("first_seen")?),
            last_seen: Timestamp::from_micros(row.get("last_seen")?),
            queues: Vec::new(),
            kinds: Vec::new(),
            example: row.get("example")?,
            sample: (String::new(), String::new()),
        });
    }
    if !groups.is_empty() {
        examples(store, &mut groups).await?;
        for group in &mut groups {
            places(store, filter, group).await?;
        }
    }
    Ok(groups)
}

async fn examples(store: &Store, groups: &mut [Group]) -> Result<(), Error> {
    let query = "SELECT id, error_code, substr(error, 1, 1024) AS error FROM jobs
        WHERE id IN (SELECT id FROM {rows})";
    let rows = Rows::new().ints("id", groups.iter().map(|group| group.example));
    let mut samples = BTreeMap::new();
    for row in store.fetch_all(Query::new(query).rows(rows)).await? {
        let code: Option<String> = row.get("error_code")?;
        let text: Option<String> = row.get("error")?;
        samples.insert(row.get::<i64>("id")?, (code.unwrap_or_default(), text.unwrap_or_default()));
    }
    for group in groups {
        // one that was brought back just now leaves its group without a sample
        group.sample = samples.remove(&group.example).unwrap_or_default();
    }
    Ok(())
}

async fn places(store: &Store, filter: &DeadFilter, group: &mut Group) -> Result<(), Error> {
    let filter = DeadFilter { signature: Some(group.signature.clone()), ..filter.clone() };
    let query = Growing::new("SELECT DISTINCT queue, kind FROM jobs WHERE ").letters(&filter);
    let query = query.add(" ORDER BY queue, kind LIMIT 400");
    let (mut queues, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for row in store.fetch_all(query.query()).await? {
        queues.insert(row.get::<String>("queue")?);
        kinds.insert(row.get::<String>("kind")?);
    }
    group.queues = queues.into_iter().take(MOST_NAMES).collect();
    group.kinds = kinds.into_iter().take(MOST_NAMES).collect();
    Ok(())
}
