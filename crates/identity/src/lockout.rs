//! Failures, and for whom they lock what.
//!
//! An attempt counts as a failure before its outcome is known, and is taken back where it succeeds, or was never looked
//! at: many attempts at once are no more than so many one after another.

use crate::text;
use crate::{Error, settings};
use aws_lc_rs::hmac;
use seaworthy_store::{Query, Timestamp, Tx};
use std::net::IpAddr;
use std::time::Duration;

/// What is counted, and how many are too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) key: String,
    pub(crate) limit: u32,
    /// Whether a success forgets all failures, or only its own attempt.
    forgets: bool,
}

/// What a stranger's attempt counts for.
pub(crate) fn of_stranger(name: &str, network: &str, settings: &settings::Lockout) -> Vec<Scope> {
    let scope = |key: String, limit: u32, forgets| Scope { key, limit: limit.max(1), forgets };
    vec![
        scope(format!("a:{name}"), settings.account_failures, true),
        scope(format!("an:{name}:{network}"), settings.failures, true),
        scope(format!("n:{network}"), settings.network_failures, false),
    ]
}

/// What an attempt from a known device counts for: strangers' failures do not matter to it, nor its to them.
pub(crate) fn of_device(name: &str, device: &str, settings: &settings::Lockout) -> Vec<Scope> {
    vec![Scope { key: format!("ad:{name}:{device}"), limit: settings.failures.max(1), forgets: true }]
}

/// What a code, or the own password given once more, counts for.
pub(crate) fn of_user(kind: &str, user: &str, settings: &settings::Lockout) -> Vec<Scope> {
    vec![Scope { key: format!("{kind}:{user}"), limit: settings.failures.max(1), forgets: true }]
}

/// A name as it was typed, under which failures are kept: people type passwords there.
pub(crate) fn tag(key: &hmac::Key, name: &str) -> String {
    let tag = hmac::sign(key, name.as_bytes());
    text::hex(&tag.as_ref()[..16])
}

/// Where a call comes from, as far as one customer of a provider reaches: an IPv4 address, 64 bits of IPv6.
pub(crate) fn network(client: Option<IpAddr>) -> String {
    match client.map(|client| client.to_canonical()) {
        None => "local".to_owned(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(IpAddr::V6(v6)) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::")
        }
    }
}

struct Row {
    failures: u32,
    since: Timestamp,
    locked_until: Timestamp,
    locks: u32,
}

/// Counts an attempt, or tells for how long none is allowed.
pub(crate) async fn attempt(
    tx: &mut Tx,
    scopes: &[Scope],
    settings: &settings::Lockout,
) -> Result<Result<(), Duration>, Error> {
    let now = tx.now();
    let mut rows = Vec::with_capacity(scopes.len());
    // always in the same order, so that two attempts never wait for each other
    let mut scopes = scopes.to_vec();
    scopes.sort_by(|a, b| a.key.cmp(&b.key));
    for scope in &scopes {
        rows.push(hold(tx, &scope.key, now, settings).await?);
    }
    let locked = rows.iter().map(|row| row.locked_until.since(now)).max().unwrap_or_default();
    if !locked.is_zero() {
        return Ok(Err(locked));
    }
    for (scope, row) in scopes.iter().zip(rows) {
        let row = count(row, scope.limit, now, settings);
        save(tx, &scope.key, &row, settings).await?;
    }
    Ok(Ok(()))
}

/// Forgets failures after a success: those of the account. Of the network's it takes its own attempt back.
pub(crate) async fn succeeded(
    tx: &mut Tx,
    scopes: &[Scope],
    settings: &settings::Lockout,
) -> Result<(), Error> {
    settle(tx, scopes, settings, true).await
}

/// Takes back an attempt that was never looked at; what was counted before stays.
pub(crate) async fn not_tried(
    tx: &mut Tx,
    scopes: &[Scope],
    settings: &settings::Lockout,
) -> Result<(), Error> {
    settle(tx, scopes, settings, false).await
}

/// Forgets everything that is counted for one account.
pub(crate) async fn forget(tx: &mut Tx, tag: &str, user: &str) -> Result<(), Error> {
    let query = Query::new(
        "DELETE FROM identity_failures WHERE scope IN ($1, $2, $3) OR scope LIKE $4 OR scope LIKE $5",
    );
    let query = query.bind(format!("a:{tag}")).bind(format!("tf:{user}")).bind(format!("pw:{user}"));
    // a tag is hexadecimal: nothing in it is a wildcard
    tx.execute(query.bind(format!("an:{tag}:%")).bind(format!("ad:{tag}:%"))).await?;
    Ok(())
}

async fn settle(
    tx: &mut Tx,
    scopes: &[Scope],
    settings: &settings::Lockout,
    forgets: bool,
) -> Result<(), Error> {
    let now = tx.now();
    let mut scopes = scopes.to_vec();
    scopes.sort_by(|a, b| a.key.cmp(&b.key));
    for scope in &scopes {
        if forgets && scope.forgets {
            let query = Query::new("DELETE FROM identity_failures WHERE scope = $1");
            tx.execute(query.bind(scope.key.as_str())).await?;
            continue;
        }
        let mut row = hold(tx, &scope.key, now, settings).await?;
        if row.failures == 0 && row.locked_until > now {
            // it was this attempt, or one beside it, that locked
            (row.failures, row.locked_until) = (scope.limit, now);
            row.locks = row.locks.saturating_sub(1);
        }
        row.failures = row.failures.saturating_sub(1);
        save(tx, &scope.key, &row, settings).await?;
    }
    Ok(())
}

fn count(mut row: Row, limit: u32, now: Timestamp, settings: &settings::Lockout) -> Row {
    if now.since(row.since) >= settings.window {
        (row.failures, row.since) = (0, now);
    }
    row.failures = row.failures.saturating_add(1);
    if row.failures >= limit {
        let times = 1_u32.checked_shl(row.locks.min(31)).unwrap_or(u32::MAX);
        row.locked_until = now.plus(settings.first.saturating_mul(times).min(settings.longest));
        row.locks = row.locks.saturating_add(1);
        (row.failures, row.since) = (0, now);
    }
    row
}

/// The row, held; a new one where there is none, or where it is to be forgotten.
async fn hold(tx: &mut Tx, key: &str, now: Timestamp, settings: &settings::Lockout) -> Result<Row, Error> {
    let query = Query::new(
        "INSERT INTO identity_failures (scope, failures, since, forget_at) VALUES ($1, 0, $2, $3)
         ON CONFLICT (scope) DO UPDATE SET scope = EXCLUDED.scope
         RETURNING failures, since, locked_until, locks, forget_at",
    );
    let query = query.bind(key).bind(now).bind(now.plus(settings.window));
    let row = tx.fetch_one(query).await?;
    let number = |column| row.get::<i64>(column).map(|n| u32::try_from(n).unwrap_or(0));
    if Timestamp::from_micros(row.get("forget_at")?) <= now {
        return Ok(Row { failures: 0, since: now, locked_until: Timestamp::from_micros(0), locks: 0 });
    }
    Ok(Row {
        failures: number("failures")?,
        since: Timestamp::from_micros(row.get("since")?),
        locked_until: Timestamp::from_micros(row.get("locked_until")?),
        locks: number("locks")?,
    })
}

async fn save(tx: &mut Tx, key: &str, row: &Row, settings: &settings::Lockout) -> Result<(), Error> {
    let quiet = if row.locks > 0 { settings.longest } else { Duration::ZERO };
    let forget = row.locked_until.max(row.since.plus(settings.window)).plus(quiet);
    let query = Query::new(
        "UPDATE identity_failures SET failures = $2, since = $3, locked_until = $4, locks = $5, forget_at = $6
         WHERE scope = $1",
    );
    let query = query.bind(key).bind(i64::from(row.failures)).bind(row.since).bind(row.locked_until);
    tx.execute(query.bind(i64::from(row.locks)).bind(forget)).await?;
    Ok(())
}
