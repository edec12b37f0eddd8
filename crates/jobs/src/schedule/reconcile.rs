//! Making the schedules what the configuration says.

use super::{Definition, Schedule, changes, rings};
use crate::Error;
use seaworthy_store::{Query, Tx};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What was, or would be, done: names, in order.
///
/// A schedule whose declaration is what it was at the last reconciliation keeps what was changed since through the API,
/// and that is shown as drift; one whose declaration changed becomes what is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Declared, and not there before.
    pub created: Vec<String>,
    /// Their declaration changed.
    pub changed: Vec<String>,
    /// Made by hand before, and now declared: they become what is declared.
    pub adopted: Vec<String>,
    /// No longer declared.
    pub removed: Vec<String>,
    /// As declared.
    pub unchanged: Vec<String>,
    /// As declared but for what was changed since.
    pub drifted: Vec<Drift>,
}

/// What was changed since it was declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Which schedule.
    pub name: String,
    /// Which settings.
    pub fields: Vec<String>,
}

impl Reconciled {
    /// Whether nothing had to be done.
    pub fn is_settled(&self) -> bool {
        let touched = [&self.created, &self.changed, &self.adopted, &self.removed];
        touched.iter().all(|names| names.is_empty())
    }
}

pub(super) async fn run(tx: &mut Tx, declared: Vec<Definition>, apply: bool) -> Result<Reconciled, Error> {
    let mut wanted = BTreeMap::new();
    for definition in declared {
        let name = definition.name.clone();
        if wanted.insert(name.clone(), definition).is_some() {
            return Err(Error::invalid("name", format!("\"{name}\" is declared twice")));
        }
    }
    let mut there = BTreeMap::new();
    for row in tx.fetch_all(Query::new("SELECT * FROM schedules ORDER BY name {lock}")).await? {
        let schedule = Schedule::read(&row)?;
        there.insert(schedule.name().to_owned(), schedule);
    }
    no_ring(&there, &wanted)?;
    let mut done = Reconciled::default();
    for (name, _) in there.iter().filter(|(name, s)| s.declared.is_some() && !wanted.contains_key(*name)) {
        if apply {
            changes::delete(tx, name).await?;
        }
        done.removed.push(name.clone());
    }
    for (name, definition) in wanted {
        one(tx, &mut done, there.get(&name), definition, apply).await?;
    }
    Ok(done)
}

/// Judges what will be, not what is: a declaration may turn around who waits for whom.
fn no_ring(there: &BTreeMap<String, Schedule>, wanted: &BTreeMap<String, Definition>) -> Result<(), Error> {
    let mut edges = HashMap::new();
    for (name, schedule) in there.iter().filter(|(_, schedule)| schedule.declared.is_none()) {
        edges.insert(name.clone(), schedule.definition.trigger.upstream().to_vec());
    }
    for (name, definition) in wanted {
        // what was changed since, and is declared as before, stays
        let kept = there.get(name).filter(|schedule| schedule.declared.as_ref() == Some(definition));
        let definition = kept.map_or(definition, |schedule| &schedule.definition);
        edges.insert(name.clone(), definition.trigger.upstream().to_vec());
    }
    match rings::find(&edges) {
        Some(name) => {
            Err(Error::invalid("on", format!("\"{name}\" would wait for itself, by way of others")))
        }
        None => Ok(()),
    }
}

async fn one(
    tx: &mut Tx,
    done: &mut Reconciled,
    there: Option<&Schedule>,
    wanted: Definition,
    apply: bool,
) -> Result<(), Error> {
    let (name, text) = (wanted.name.clone(), wanted.to_text()?);
    let Some(schedule) = there else {
        if apply {
            changes::insert(tx, &wanted, Some(&text)).await?;
        }
        done.created.push(name);
        return Ok(());
    };
    match &schedule.declared {
        Some(declared) if *declared == wanted && schedule.definition == wanted => {
            done.unchanged.push(name);
            return Ok(());
        }
        Some(declared) if *declared == wanted => {
            done.drifted.push(Drift { name, fields: fields(declared, &schedule.definition) });
            return Ok(());
        }
        Some(_) => done.changed.push(name),
        None => done.adopted.push(name),
    }
    if apply {
        changes::change(tx, wanted, None, Some(&text)).await?;
    }
    Ok(())
}

/// The settings in which two definitions differ.
pub(super) fn fields(one: &Definition, other: &Definition) -> Vec<String> {
    let (one, other) = (serde_json::json!(one), serde_json::json!(other));
    let keys = |value: &serde_json::Value| value.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
    let mut names: Vec<String> = [&one, &other].into_iter().filter_map(keys).flatten().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| one.get(name) != other.get(name));
    names
}
