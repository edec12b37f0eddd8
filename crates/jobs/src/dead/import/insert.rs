use super::Letter;
use crate::{Error, Jobs, enqueue, signature};
use seaworthy_store::{Query, Row, Rows, Timestamp, Tx};
use std::collections::HashSet;

const INSERT: &str = "INSERT INTO jobs
    (id, queue, kind, state, held, priority, run_at, payload, attempt, max_attempts, created_at, finished_at, timeout_us, retry,
     unique_key, unique_until, concurrency_key, error_code, error, error_signature, metadata, tags, traceparent,
     replays, parked_reason, touched_at, import_key)
    SELECT id, queue, kind, 'discarded', held, priority, ended_at, payload, attempt, max_attempts, began_at, ended_at,
     timeout_us, retry, unique_key, free_at, concurrency_key, error_code, error, signature, metadata, tags, traceparent,
     replays, parked, $1, import_key FROM {rows} WHERE true
    ON CONFLICT (import_key) WHERE import_key IS NOT NULL DO NOTHING RETURNING id";

/// Writes those that are not there yet; how many.
pub(super) async fn run(
    tx: &mut Tx,
    jobs: &Jobs,
    mut letters: Vec<(String, Letter)>,
    check_only: bool,
) -> Result<u64, Error> {
    let known = known(tx, &letters).await?;
    let mut seen = HashSet::new();
    letters.retain(|(key, _)| !known.contains(key) && seen.insert(key.clone()));
    if letters.is_empty() || check_only {
        return Ok(letters.len() as u64);
    }
    let now = tx.now();
    let ids = jobs.ids().take(tx, letters.len()).await?;
    let query = Query::new(INSERT).bind(now).rows(rows(&ids, &letters, now));
    let made = tx.fetch_all(query).await?.len() as u64;
    limits(tx, &letters).await?;
    Ok(made)
}

fn rows(ids: &[i64], letters: &[(String, Letter)], now: Timestamp) -> Rows {
    let all = || letters.iter().map(|(_, letter)| letter);
    let prepared: Vec<_> = all().map(|letter| &letter.job).collect();
    enqueue::full_rows(ids, &prepared, now)
        .ints("ended_at", all().map(|letter| letter.finished_at.as_micros()))
        .ints("began_at", all().map(|letter| letter.created_at.as_micros()))
        .ints("attempt", all().map(|letter| i64::from(letter.attempt)))
        .ints("free_at", all().map(|letter| letter.unique_until.map(Timestamp::as_micros)))
        .texts("error_code", all().map(|letter| Some(letter.failure.code.clone())))
        .texts("error", all().map(|letter| Some(letter.failure.text.clone())))
        .texts("signature", all().map(|letter| Some(signature::of(&letter.failure))))
        .ints("replays", all().map(|letter| (letter.replays > 0).then_some(i64::from(letter.replays))))
        .texts("parked", all().map(|letter| letter.parked.clone()))
        .texts("import_key", letters.iter().map(|(key, _)| Some(key.clone())))
}

/// Those that were imported before, and those that never left.
async fn known(tx: &mut Tx, letters: &[(String, Letter)]) -> Result<HashSet<String>, Error> {
    let keys = Rows::new().texts("key", letters.iter().map(|(key, _)| Some(key.clone())));
    let before = "SELECT j.import_key AS key FROM {rows} JOIN jobs j ON j.import_key = x.key
        AND j.import_key IS NOT NULL";
    let mut known = read(&tx.fetch_all(Query::new(before).rows(keys)).await?)?;
    let ours = || letters.iter().filter_map(|(key, letter)| letter.original.map(|known| (key, known)));
    let rows = Rows::new()
        .texts("key", ours().map(|(key, _)| Some(key.clone())))
        .ints("id", ours().map(|(_, (id, _))| id))
        .ints("created", ours().map(|(_, (_, created))| created.as_micros()));
    let here = "SELECT x.key AS key FROM {rows} JOIN jobs j ON j.id = x.id AND j.created_at = x.created";
    known.extend(read(&tx.fetch_all(Query::new(here).rows(rows)).await?)?);
    Ok(known)
}

fn read(rows: &[Row]) -> Result<HashSet<String>, Error> {
    Ok(rows.iter().map(|row| row.get("key")).collect::<Result<_, _>>()?)
}

/// A limit that is known here holds on.
async fn limits(tx: &mut Tx, letters: &[(String, Letter)]) -> Result<(), Error> {
    let mut keyed: Vec<_> = letters.iter().filter_map(|(_, letter)| letter.job.concurrency()).collect();
    keyed.sort();
    keyed.dedup_by(|a, b| a.0 == b.0);
    if keyed.is_empty() {
        return Ok(());
    }
    let rows = Rows::new()
        .texts("key", keyed.iter().map(|(key, _)| Some(key.clone())))
        .ints("max_running", keyed.iter().map(|(_, limit)| i64::from(*limit)));
    let query =
        "INSERT INTO job_keys (key, max_running) SELECT key, max_running FROM {rows} WHERE true ORDER BY key
        ON CONFLICT (key) DO NOTHING";
    tx.execute(Query::new(query).rows(rows)).await?;
    Ok(())
}
