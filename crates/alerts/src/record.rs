//! The tables: what changed is written together with the jobs that tell of it, so that both happened or neither did.

use crate::Error;
use crate::alert::{Alert, AlertState};
use crate::dispatch::Turns;
use crate::state::{Changes, Kept, Pending};
use seaworthy_store::migrate::{Component, Migration};
use seaworthy_store::{Query, Row, Rows, Store, Timestamp, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "alerts",
    migrations: &[Migration {
        version: 1,
        name: "alerts",
        sql: include_str!("../migrations/0001_alerts.sql"),
    }],
};

/// How many rows one statement writes.
const MOST_TOGETHER: usize = 500;
/// How many alerts that are over are deleted at once.
const MOST_DELETED: i64 = 1_000;
/// How many alerts that are over are taken up at the start.
const MOST_RESOLVED: i64 = 1_000;

const TURNS: &str = "turns";
const LOOKED_AT: &str = "looked_at";

const ALERTS: &str = "INSERT INTO alerts
    (id, fingerprint, name, severity, state, starts_at, ends_at, updated_at, body)
    SELECT id, fingerprint, name, severity, state, starts_at, ends_at, updated_at, body FROM {rows} WHERE true
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, starts_at = excluded.starts_at,
      ends_at = excluded.ends_at, updated_at = excluded.updated_at, body = excluded.body";
const SILENCES: &str = "INSERT INTO alerts_silences (id, ends_at, body)
    SELECT id, ends_at, body FROM {rows} WHERE true
    ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, body = excluded.body";
const GROUPS: &str = "INSERT INTO alerts_groups (id, body) SELECT id, body FROM {rows} WHERE true
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const PENDING: &str = "INSERT INTO alerts_pending (id, body) SELECT id, body FROM {rows} WHERE true
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const VALUES: &str = "INSERT INTO alerts_values (id, body) SELECT id, body FROM {rows} WHERE true
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";
const NO_SILENCES: &str = "DELETE FROM alerts_silences WHERE id IN (SELECT id FROM {rows})";
const NO_GROUPS: &str = "DELETE FROM alerts_groups WHERE id IN (SELECT id FROM {rows})";
const NO_PENDING: &str = "DELETE FROM alerts_pending WHERE id IN (SELECT id FROM {rows})";

/// Rows ready to be written: made before the transaction, which should be short.
#[derive(Debug, Default)]
pub(crate) struct Statements(Vec<Query>);

impl Statements {
    pub(crate) fn new(changes: &Changes) -> Result<Self, Error> {
        let mut all = Self::default();
        for chunk in changes.alerts.chunks(MOST_TOGETHER) {
            all.0.push(alerts(chunk)?);
        }
        for chunk in changes.silences.chunks(MOST_TOGETHER) {
            let rows = Rows::new()
                .texts("id", chunk.iter().map(|silence| silence.id.clone()))
                .ints("ends_at", chunk.iter().map(|silence| silence.ends_at.as_micros()))
                .texts("body", bodies(chunk)?);
            all.0.push(Query::new(SILENCES).rows(rows));
        }
        all.bodies(GROUPS, &changes.groups, |stored| stored.group.key.clone())?;
        all.bodies(PENDING, &changes.pending, Pending::key)?;
        if let Some(turns) = &changes.turns {
            all.value(TURNS, json(turns)?);
        }
        if let Some(at) = changes.looked_at {
            all.value(LOOKED_AT, at.as_micros().to_string());
        }
        all.delete(NO_SILENCES, changes.gone_silences.iter().cloned());
        all.delete(NO_GROUPS, changes.gone_groups.iter().cloned());
        all.delete(NO_PENDING, changes.gone_pending.iter().map(Pending::key));
        Ok(all)
    }

    fn bodies<T: Serialize>(
        &mut self,
        statement: &'static str,
        all: &[T],
        id: impl Fn(&T) -> String,
    ) -> Result<(), Error> {
        for chunk in all.chunks(MOST_TOGETHER) {
            let rows = Rows::new().texts("id", chunk.iter().map(&id)).texts("body", bodies(chunk)?);
            self.0.push(Query::new(statement).rows(rows));
        }
        Ok(())
    }

    fn value(&mut self, id: &str, body: String) {
        let rows = Rows::new().texts("id", [id.to_owned()]).texts("body", [body]);
        self.0.push(Query::new(VALUES).rows(rows));
    }

    fn delete(&mut self, statement: &'static str, ids: impl Iterator<Item = String>) {
        let ids: Vec<String> = ids.collect();
        for chunk in ids.chunks(MOST_TOGETHER) {
            self.0.push(Query::new(statement).rows(Rows::new().texts("id", chunk.iter().cloned())));
        }
    }

    pub(crate) async fn run(self, tx: &mut Tx) -> Result<(), seaworthy_store::Error> {
        for query in self.0 {
            tx.execute(query).await?;
        }
        Ok(())
    }
}

fn alerts(chunk: &[Alert]) -> Result<Query, Error> {
    let state = |alert: &Alert| match alert.state {
        AlertState::Firing => "firing".to_owned(),
        AlertState::Resolved => "resolved".to_owned(),
    };
    let rows = Rows::new()
        .texts("id", chunk.iter().map(|alert| alert.id.clone()))
        .texts("fingerprint", chunk.iter().map(|alert| alert.fingerprint.clone()))
        .texts("name", chunk.iter().map(|alert| clean(alert.name())))
        .texts("severity", chunk.iter().map(|alert| alert.severity().word().to_owned()))
        .texts("state", chunk.iter().map(state))
        .ints("starts_at", chunk.iter().map(|alert| alert.starts_at.as_micros()))
        .ints("ends_at", chunk.iter().map(|alert| alert.ends_at.map(Timestamp::as_micros)))
        .ints("updated_at", chunk.iter().map(|alert| alert.updated_at.as_micros()))
        .texts("body", bodies(chunk)?);
    Ok(Query::new(ALERTS).rows(rows))
}

fn bodies<T: Serialize>(all: &[T]) -> Result<Vec<String>, Error> {
    all.iter().map(json).collect()
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::State(format!("cannot be written down: {error}")))
}

/// Databases take no NUL in a text; JSON escapes it.
fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Everything that was written down and still matters. A row that cannot be read is left out and said.
pub(crate) async fn load(store: &Store) -> Result<Kept, Error> {
    let firing = Query::new("SELECT body FROM alerts WHERE state = 'firing'");
    let mut alerts: Vec<Alert> = read(store.fetch_all(firing).await?);
    let over = Query::new("SELECT body FROM alerts WHERE state = 'resolved' ORDER BY ends_at DESC LIMIT $1");
    alerts.extend(read::<Alert>(store.fetch_all(over.bind(MOST_RESOLVED)).await?));
    let silences = store.fetch_all(Query::new("SELECT body FROM alerts_silences")).await?;
    let groups = store.fetch_all(Query::new("SELECT body FROM alerts_groups")).await?;
    let pending = store.fetch_all(Query::new("SELECT body FROM alerts_pending")).await?;
    let turns = value(store, TURNS).await?;
    let turns: Option<Turns> = turns.and_then(|body| serde_json::from_str(&body).ok());
    let looked_at = value(store, LOOKED_AT).await?;
    let looked_at = looked_at.and_then(|body| body.parse().ok()).map(Timestamp::from_micros);
    let (silences, groups, pending) = (read(silences), read(groups), read(pending));
    Ok(Kept { alerts, silences, groups, pending, turns, looked_at })
}

async fn value(store: &Store, id: &str) -> Result<Option<String>, Error> {
    let row =
        store.fetch_optional(Query::new("SELECT body FROM alerts_values WHERE id = $1").bind(id)).await?;
    Ok(row.map(|row| row.get("body")).transpose()?)
}

fn read<T: DeserializeOwned>(rows: Vec<Row>) -> Vec<T> {
    let one = |row: Row| {
        let body: String = row.get("body").ok()?;
        let read = serde_json::from_str(&body);
        read.inspect_err(
            |error| tracing::error!(%error, "a kept row of alerts cannot be read: it is left out"),
        )
        .ok()
    };
    rows.into_iter().filter_map(one).collect()
}

/// A page of alerts, the latest first, those included that are no longer at hand.
pub(crate) async fn history(
    store: &Store,
    before: Option<Timestamp>,
    most: usize,
) -> Result<Vec<Alert>, Error> {
    let most = i64::try_from(most.min(1_000)).unwrap_or(1_000);
    let query =
        Query::new("SELECT body FROM alerts WHERE starts_at < $1 ORDER BY starts_at DESC, id LIMIT $2");
    let before = before.unwrap_or(Timestamp::from_micros(i64::MAX));
    Ok(read(store.fetch_all(query.bind(before).bind(most)).await?))
}

/// Deletes alerts that have been over for longer than that, some at a time.
pub(crate) async fn tidy(store: &Store, retention: Duration, at: Timestamp) -> Result<u64, Error> {
    let query = "DELETE FROM alerts WHERE id IN
        (SELECT id FROM alerts WHERE state = 'resolved' AND ends_at < $1 LIMIT $2)";
    Ok(store.execute(Query::new(query).bind(at.minus(retention)).bind(MOST_DELETED)).await?)
}
