//! Apart from the others, with a reason: what is parked is not grouped, sampled or redriven with the rest.

use super::filter::{DeadFilter, Growing, Parked};
use super::replay;
use crate::{Error, State, payload};
use seaworthy_store::{Query, Tx};

/// How many in one transaction.
pub(super) const STEP: i64 = 500;
const LONGEST_REASON: usize = 1_024;

/// `None`: no longer.
pub(super) async fn one(tx: &mut Tx, id: i64, reason: Option<&str>) -> Result<(), Error> {
    let reason = reason.map(checked).transpose()?;
    let lock = Query::new("SELECT state FROM jobs WHERE id = $1 {lock}").bind(id);
    let state = replay::state(&tx.fetch_optional(lock).await?.ok_or_else(|| replay::missing(id))?)?;
    if state != State::Discarded {
        let action = if reason.is_some() { "parked" } else { "unparked" };
        return Err(Error::State { id, state, action });
    }
    let now = tx.now();
    let query = Query::new("UPDATE jobs SET parked_reason = $2, touched_at = $3 WHERE id = $1");
    tx.execute(query.bind(id).bind(reason).bind(now)).await?;
    Ok(())
}

/// Parks some of a filter; how many.
pub(super) async fn step(tx: &mut Tx, filter: &DeadFilter, reason: &str) -> Result<u64, Error> {
    let reason = checked(reason)?;
    let filter = DeadFilter { parked: Parked::Exclude, ..filter.clone() };
    let now = tx.now();
    let query =
        Growing::new("UPDATE jobs SET parked_reason = ").with("", reason).with(", touched_at = ", now);
    let query = query.add(" WHERE id {any} SELECT id FROM jobs WHERE ").letters(&filter);
    Ok(tx.execute(query.with(" ORDER BY id LIMIT ", STEP).add(" {skip} {end}").query()).await?)
}

fn checked(reason: &str) -> Result<String, Error> {
    if reason.trim().is_empty() {
        return Err(Error::invalid("reason", "must say why it is parked"));
    }
    Ok(payload::clean(reason, LONGEST_REASON))
}
