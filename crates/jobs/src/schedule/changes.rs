//! Changes to schedules, each in one transaction.

use super::{Definition, Schedule, Status, plan, rings, runs};
use crate::{Error, topic};
use seaworthy_store::{Query, Timestamp, Tx};

/// More schedules than this are refused.
const MOST: i64 = 10_000;

pub(super) fn missing(name: &str) -> Error {
    Error::NotFound { what: "schedule", id: name.to_owned() }
}

pub(super) fn refused(name: &str, reason: impl Into<String>) -> Error {
    Error::Refused { what: "schedule", id: name.to_owned(), reason: reason.into() }
}

/// Reads one and holds it until the end of the transaction.
pub(super) async fn hold(tx: &mut Tx, name: &str) -> Result<Schedule, Error> {
    let query = Query::new("SELECT * FROM schedules WHERE name = $1 {lock}").bind(name);
    Schedule::read(&tx.fetch_optional(query).await?.ok_or_else(|| missing(name))?)
}

pub(super) async fn create(tx: &mut Tx, definition: Definition) -> Result<Schedule, Error> {
    insert(tx, &definition, None).await?;
    let made = hold(tx, &definition.name).await?;
    if made.definition != definition {
        return Err(refused(&definition.name, "there is another one with this name"));
    }
    Ok(made)
}

/// Adds it, unless there is one with this name; tells whether it was added.
///
/// `declared`: the text the configuration has for it, where it comes from there; whoever reads that has looked for rings.
pub(super) async fn insert(
    tx: &mut Tx,
    definition: &Definition,
    declared: Option<&str>,
) -> Result<bool, Error> {
    let count: i64 = tx.fetch_one(Query::new("SELECT count(*) AS n FROM schedules")).await?.get("n")?;
    if count >= MOST {
        return Err(refused(&definition.name, format!("there are {MOST} already")));
    }
    if declared.is_none() {
        rings::refuse(tx, definition).await?;
    }
    let now = tx.now();
    let anchor = definition.start.unwrap_or(now);
    let next = plan::first(definition, anchor, now)?;
    let query = Query::new(
        "INSERT INTO schedules (name, status, definition, declared, anchor, next_at, fire_at, dependent,
            created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT (name) DO NOTHING",
    );
    let expired = next.is_none() && plan::has_clock(definition);
    let status = if expired { Status::Expired } else { Status::Active };
    let query = query.bind(definition.name.as_str()).bind(status.as_str()).bind(definition.to_text()?);
    let query = query.bind(declared).bind(anchor).bind(next);
    let query = query.bind(next.map(|next| plan::fire_time(definition, next)));
    let query = query.bind(!definition.trigger.upstream().is_empty()).bind(now);
    let added = tx.execute(query).await? == 1;
    if added {
        let why = expired.then_some("its time is over already");
        runs::note(tx, &definition.name, "created", why).await?;
        tx.notify(topic::SCHEDULE, &definition.name);
    }
    Ok(added)
}

/// `declared`: as with [`insert`].
pub(super) async fn change(
    tx: &mut Tx,
    definition: Definition,
    version: Option<i64>,
    declared: Option<&str>,
) -> Result<Schedule, Error> {
    let before = hold(tx, &definition.name).await?;
    if version.is_some_and(|version| version != before.version) {
        return Err(refused(&definition.name, format!("it is at version {} by now", before.version)));
    }
    if declared.is_none() {
        rings::refuse(tx, &definition).await?;
    }
    let now = tx.now();
    let Outlook { status, anchor, next } = outlook(&before, &definition, now)?;
    let reason = before.reason.filter(|_| status == before.status);
    let query = Query::new(
        "UPDATE schedules SET definition = $2, status = $3, anchor = $4, next_at = $5, fire_at = $6,
            dependent = $7, declared = COALESCE($8, declared), reason = $9, waiting = NULL, waiting_until = NULL,
            version = version + 1, updated_at = $10 WHERE name = $1",
    );
    let query = query.bind(definition.name.as_str()).bind(definition.to_text()?).bind(status.as_str());
    let query = query.bind(anchor).bind(next).bind(next.map(|next| plan::fire_time(&definition, next)));
    let query = query.bind(!definition.trigger.upstream().is_empty()).bind(declared).bind(reason).bind(now);
    tx.execute(query).await?;
    let by = declared.map(|_| "by the configuration");
    runs::note(tx, &definition.name, "changed", by).await?;
    tx.notify(topic::SCHEDULE, &definition.name);
    hold(tx, &definition.name).await
}

/// What a schedule is to be once it has changed.
struct Outlook {
    status: Status,
    anchor: Timestamp,
    next: Option<Timestamp>,
}

fn outlook(before: &Schedule, definition: &Definition, now: Timestamp) -> Result<Outlook, Error> {
    let old = &before.definition;
    let same_ticks =
        old.trigger == definition.trigger && old.start == definition.start && old.end == definition.end;
    let anchor = if same_ticks { before.anchor } else { definition.start.unwrap_or(now) };
    let expired = before.status == Status::Expired;
    let next = match before.next_at.filter(|_| same_ticks) {
        Some(next) => Some(next),
        None if is_spent(definition, before.executions) => None,
        None if same_ticks && !expired => None,
        None => plan::first(definition, anchor, now)?,
    };
    let over = is_over(definition, before.executions, next);
    let status = match before.status {
        // a later end or more runs may have given it a future
        Status::Active | Status::Expired if over => Status::Expired,
        Status::Active | Status::Expired => Status::Active,
        other => other,
    };
    Ok(Outlook { status, anchor, next: next.filter(|_| !over) })
}

fn is_spent(definition: &Definition, executions: u64) -> bool {
    definition.max_executions.is_some_and(|most| executions >= most)
}

/// Whether it will never run again by itself.
fn is_over(definition: &Definition, executions: u64, next: Option<Timestamp>) -> bool {
    is_spent(definition, executions) || (next.is_none() && plan::has_clock(definition))
}

pub(super) async fn remove(tx: &mut Tx, name: &str) -> Result<(), Error> {
    hold(tx, name).await?;
    if let Some(other) = rings::waiting_for(tx, name).await? {
        return Err(refused(name, format!("\"{other}\" waits for its runs")));
    }
    delete(tx, name).await
}

pub(super) async fn delete(tx: &mut Tx, name: &str) -> Result<(), Error> {
    for query in [
        "DELETE FROM schedule_runs WHERE schedule = $1",
        "DELETE FROM schedule_events WHERE schedule = $1",
        "DELETE FROM schedules WHERE name = $1",
    ] {
        tx.execute(Query::new(query).bind(name)).await?;
    }
    tx.notify(topic::SCHEDULE, name);
    Ok(())
}

pub(super) async fn switch(
    tx: &mut Tx,
    name: &str,
    to: Status,
    reason: Option<&str>,
) -> Result<Schedule, Error> {
    let before = hold(tx, name).await?;
    if before.status == to {
        return Ok(before);
    }
    if before.status == Status::Expired && to != Status::Disabled {
        return Err(refused(name, "it is expired: change its time first"));
    }
    if before.status == Status::Disabled && to == Status::Paused {
        return Err(refused(name, "it is disabled"));
    }
    let now = tx.now();
    let mut next = None;
    let mut status = to;
    if to == Status::Active {
        next = plan::first(&before.definition, before.anchor, now)?;
        if is_over(&before.definition, before.executions, next) {
            (status, next) = (Status::Expired, None);
        }
    }
    let query = Query::new(
        "UPDATE schedules SET status = $2, reason = $3, next_at = $4, fire_at = $5, failures = 0, waiting = NULL,
            waiting_until = NULL, version = version + 1, updated_at = $6 WHERE name = $1",
    );
    let query = query.bind(name).bind(status.as_str()).bind(reason).bind(next);
    let fire_at = next.map(|next| plan::fire_time(&before.definition, next));
    tx.execute(query.bind(fire_at).bind(now)).await?;
    let event = match status {
        Status::Active => "resumed",
        Status::Paused => "paused",
        Status::Expired => "expired",
        Status::Disabled => "disabled",
    };
    runs::note(tx, name, event, reason).await?;
    tx.notify(topic::SCHEDULE, name);
    hold(tx, name).await
}

/// Its time or its number of runs is over.
pub(super) async fn expire(tx: &mut Tx, name: &str, reason: &str) -> Result<(), Error> {
    let now = tx.now();
    let query = Query::new(
        "UPDATE schedules SET status = 'expired', reason = $2, next_at = NULL, fire_at = NULL,
            version = version + 1, updated_at = $3 WHERE name = $1 AND status = 'active'",
    );
    if tx.execute(query.bind(name).bind(reason).bind(now)).await? == 1 {
        runs::note(tx, name, "expired", Some(reason)).await?;
    }
    Ok(())
}

/// Moves a schedule on after a tick; `None`: there is no further one.
pub(super) async fn advance(
    tx: &mut Tx,
    name: &str,
    last: Option<Timestamp>,
    next: Option<(Timestamp, Timestamp)>,
) -> Result<(), Error> {
    let query = Query::new(
        "UPDATE schedules SET last_at = COALESCE($2, last_at), next_at = $3, fire_at = $4 WHERE name = $1",
    );
    let query = query.bind(name).bind(last).bind(next.map(|next| next.0)).bind(next.map(|next| next.1));
    tx.execute(query).await?;
    Ok(())
}
