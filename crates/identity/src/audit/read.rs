use super::append::number;
use super::entry::{Outcome, Recorded, Settled};
use super::sign::{Checkpoint, Kind};
use crate::Error;
use crate::text::unhex;
use seaworthy_store::{Query, Row, Store, Timestamp};

/// The most entries of one page.
pub(super) const PAGE: usize = 1_000;

/// Which entries, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this actor, as a [`Subject`](crate::Subject) is written.
    pub actor: Option<String>,
    /// Of this action, or, with `.*` at its end, of all that begin so.
    pub action: Option<String>,
    /// About this resource.
    pub resource: Option<String>,
    /// That went so.
    pub outcome: Option<Outcome>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Before this entry: the last of the page before.
    pub before: Option<u64>,
}

const COLUMNS: &str = "SELECT seq, at, actor, actor_name, action, resource, outcome, reason, before, after, client, \
                       request_id, trace_id, count, prev, hash FROM identity_audit";

/// A page of at most 1,000.
pub(super) async fn list(store: &Store, filter: &Filter, most: usize) -> Result<Vec<Recorded>, Error> {
    let mut text = format!("{COLUMNS} WHERE seq < $1");
    let mut values: Vec<seaworthy_store::Value> = vec![filter.before.map_or(i64::MAX, number).into()];
    let mut also = |part: &str, value: seaworthy_store::Value| {
        values.push(value);
        text.push_str(&part.replace('?', &format!("${}", values.len())));
    };
    if let Some(actor) = &filter.actor {
        also(" AND actor = ?", actor.as_str().into());
    }
    match filter.action.as_deref().map(|action| (action, action.strip_suffix(".*"))) {
        Some((_, Some(prefix))) => {
            let prefix = prefix.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            also(" AND action LIKE ? ESCAPE '\\'", format!("{prefix}.%").into());
        }
        Some((action, None)) => also(" AND action = ?", action.into()),
        None => {}
    }
    if let Some(resource) = &filter.resource {
        also(" AND resource = ?", resource.as_str().into());
    }
    if let Some(outcome) = filter.outcome {
        also(" AND outcome = ?", outcome.as_str().into());
    }
    if let Some(from) = filter.from {
        also(" AND at >= ?", from.into());
    }
    if let Some(to) = filter.to {
        also(" AND at < ?", to.into());
    }
    also(" ORDER BY seq DESC LIMIT ?", i64::try_from(most.clamp(1, PAGE)).unwrap_or(1).into());
    let query = values.into_iter().fold(Query::assembled(text), Query::bind);
    store.fetch_all(query).await?.iter().map(entry).collect()
}

/// The entries after one, oldest first.
pub(super) async fn after(store: &Store, seq: u64, most: usize) -> Result<Vec<Recorded>, Error> {
    let query = Query::assembled(format!("{COLUMNS} WHERE seq > $1 ORDER BY seq LIMIT $2"));
    let query = query.bind(number(seq)).bind(i64::try_from(most.min(PAGE)).unwrap_or(1));
    store.fetch_all(query).await?.iter().map(entry).collect()
}

/// Checkpoints of the entries from `from` to `to`, oldest first.
pub(super) async fn checkpoints(
    store: &Store,
    from: u64,
    to: u64,
    most: usize,
) -> Result<Vec<Checkpoint>, Error> {
    let query = Query::new(
        "SELECT seq, hash, at, kind, key_id, signature FROM identity_audit_checkpoints
         WHERE seq >= $1 AND seq <= $2 ORDER BY seq, id LIMIT $3",
    );
    let query = query.bind(number(from)).bind(number(to)).bind(i64::try_from(most).unwrap_or(1));
    store.fetch_all(query).await?.iter().map(checkpoint).collect()
}

pub(super) async fn newest_checkpoint(
    store: &Store,
    kind: Option<Kind>,
) -> Result<Option<Checkpoint>, Error> {
    let query = Query::new(
        "SELECT seq, hash, at, kind, key_id, signature FROM identity_audit_checkpoints
         WHERE kind = $1 OR $1 = '' ORDER BY seq DESC, id DESC LIMIT 1",
    );
    let query = query.bind(kind.map_or("", Kind::as_str));
    store.fetch_optional(query).await?.as_ref().map(checkpoint).transpose()
}

fn entry(row: &Row) -> Result<Recorded, Error> {
    let unsigned = |column| row.get::<i64>(column).map(|value| u64::try_from(value).unwrap_or(0));
    // what cannot be read was edited: a hash of zeros fails to verify, and the entry is still shown
    let hash = |column| row.get::<String>(column).map(|text| unhex(&text).unwrap_or_default());
    Ok(Recorded {
        seq: unsigned("seq")?,
        at: Timestamp::from_micros(row.get("at")?),
        prev: hash("prev")?,
        hash: hash("hash")?,
        entry: Settled {
            actor: row.get("actor")?,
            actor_name: row.get("actor_name")?,
            action: row.get("action")?,
            resource: row.get("resource")?,
            outcome: Outcome::parse(&row.get::<String>("outcome")?).unwrap_or(Outcome::Denied),
            reason: row.get("reason")?,
            before: row.get("before")?,
            after: row.get("after")?,
            client: row.get("client")?,
            request_id: row.get("request_id")?,
            trace_id: row.get("trace_id")?,
            count: unsigned("count")?,
        },
    })
}

fn checkpoint(row: &Row) -> Result<Checkpoint, Error> {
    Ok(Checkpoint {
        seq: u64::try_from(row.get::<i64>("seq")?).unwrap_or(0),
        hash: unhex(&row.get::<String>("hash")?).unwrap_or_default(),
        at: Timestamp::from_micros(row.get("at")?),
        kind: Kind::parse(&row.get::<String>("kind")?).unwrap_or(Kind::Periodic),
        key_id: row.get("key_id")?,
        signature: unhex(&row.get::<String>("signature")?).unwrap_or([0; 64]),
    })
}
