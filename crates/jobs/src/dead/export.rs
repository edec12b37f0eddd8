//! Dead letters as lines of JSON: a page of ids, and of these only as many rows in memory as weigh some megabytes.

use super::filter::{DeadFilter, Growing};
use super::line::{COLUMNS, Line};
use crate::Error;
use futures_util::future::BoxFuture;
use seaworthy_store::{Query, Rows, Store};
use std::collections::VecDeque;

/// How many ids are looked up at once.
const PAGE: i64 = 1_000;
/// What the arguments of the rows read together may weigh, as soon as it is more than one row.
const WEIGHT: i64 = 4 << 20;

/// Lines, a piece at a time; see [`next`](Export::next).
#[derive(Debug)]
pub struct Export {
    store: Store,
    filter: DeadFilter,
    after: i64,
    /// Ids found, and the weight of each.
    found: VecDeque<(i64, i64)>,
}

impl Export {
    pub(super) const fn new(store: Store, filter: DeadFilter) -> Self {
        Self { store, filter, after: 0, found: VecDeque::new() }
    }

    /// The next lines, each with a line feed at its end; `None` when that was all. Letters in the order of their ids;
    /// one that is brought back or removed meanwhile may be missing.
    ///
    /// # Errors
    /// [`Error::Store`]; asking again goes on where it failed.
    pub fn next<'a>(&'a mut self) -> BoxFuture<'a, Result<Option<String>, Error>> {
        Box::pin(async move {
            loop {
                if self.found.is_empty() && !self.look().await? {
                    return Ok(None);
                }
                let (mut weight, mut count) = (0, 0);
                for (_, weighs) in &self.found {
                    weight += weighs;
                    if count > 0 && weight > WEIGHT {
                        break;
                    }
                    count += 1;
                }
                let lines = self.read(self.found.iter().take(count).map(|found| found.0).collect()).await?;
                self.found.drain(..count);
                if !lines.is_empty() {
                    return Ok(Some(lines));
                }
            }
        })
    }

    /// Whether there are more.
    async fn look(&mut self) -> Result<bool, Error> {
        let query = Growing::new("SELECT id, CAST(length(payload) AS BIGINT) AS weight FROM jobs WHERE ")
            .letters(&self.filter);
        let query = query.with(" AND id > ", self.after).with(" ORDER BY id LIMIT ", PAGE);
        for row in self.store.fetch_all(query.query()).await? {
            let weight: i64 = row.get("weight")?;
            self.after = row.get("id")?;
            self.found.push_back((self.after, weight));
        }
        Ok(!self.found.is_empty())
    }

    async fn read(&self, ids: Vec<i64>) -> Result<String, Error> {
        let query = format!(
            "SELECT {COLUMNS} FROM jobs WHERE id IN (SELECT id FROM {{rows}}) AND state = 'discarded' ORDER BY id"
        );
        let rows = Rows::new().ints("id", ids);
        let mut lines = String::new();
        for row in self.store.fetch_all(Query::assembled(query).rows(rows)).await? {
            lines.push_str(&Line::read(&row)?.write()?);
            lines.push('\n');
        }
        Ok(lines)
    }
}
