//! Who waits for whom.

use super::Definition;
use crate::Error;
use seaworthy_store::{Query, Tx};
use std::collections::{HashMap, HashSet};

/// A schedule that waits for this one.
pub(super) async fn waiting_for(tx: &mut Tx, name: &str) -> Result<Option<String>, Error> {
    let edges = edges(tx).await?;
    Ok(edges.into_iter().find(|(_, on)| on.iter().any(|on| on == name)).map(|(other, _)| other))
}

/// Who waits for whom.
async fn edges(tx: &mut Tx) -> Result<HashMap<String, Vec<String>>, Error> {
    let rows = tx.fetch_all(Query::new("SELECT definition FROM schedules WHERE dependent = 1")).await?;
    let read = rows.iter().map(|row| {
        let definition = Definition::from_text(&row.get::<String>("definition")?)?;
        Ok((definition.name.clone(), definition.trigger.upstream().to_vec()))
    });
    read.collect()
}

/// Schedules that wait for each other in a ring would run for ever, or never.
pub(super) async fn refuse(tx: &mut Tx, definition: &Definition) -> Result<(), Error> {
    if definition.trigger.upstream().is_empty() {
        return Ok(());
    }
    let mut edges = edges(tx).await?;
    edges.insert(definition.name.clone(), definition.trigger.upstream().to_vec());
    match find(&edges) {
        Some(_) => Err(Error::invalid("on", "it would wait for itself, by way of others")),
        None => Ok(()),
    }
}

/// A name in a ring, or behind one, of those who wait for whom.
pub(super) fn find(edges: &HashMap<String, Vec<String>>) -> Option<&str> {
    let mut waiting: HashMap<&str, usize> = HashMap::new();
    let mut after: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, on) in edges {
        let on: HashSet<&str> = on.iter().map(String::as_str).filter(|on| edges.contains_key(*on)).collect();
        waiting.insert(name, on.len());
        on.into_iter().for_each(|on| after.entry(on).or_default().push(name));
    }
    let mut free: Vec<&str> =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(name) = free.pop() {
        waiting.remove(name);
        for next in after.remove(name).unwrap_or_default() {
            if let Some(count) = waiting.get_mut(next) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    free.push(next);
                }
            }
        }
    }
    waiting.into_keys().min()
}
