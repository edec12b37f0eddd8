use super::{Inner, Key, Person, Snapshot};
use crate::keys::{self, ApiKey, KeyCaller};
use crate::principal::{Granted, HeldGrant};
use crate::text::unhex;
use crate::users::{grants_of, names};
use crate::{AuthMethod, Error, Principal, Subject};
use seaworthy_store::{Query, Row, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// The most people, keys, and so on: beyond it the later ones are refused.
const MOST: usize = 200_000;
const PAGE: i64 = 5_000;

pub(super) async fn snapshot(inner: &Inner, before: &Snapshot) -> Result<Snapshot, Error> {
    // first: what changes from here on has a later generation, and is read again
    let query = Query::new("SELECT generation FROM identity_generation WHERE id = 1");
    let generation = inner.store.fetch_one(query).await?.get("generation")?;
    let now = inner.store.now();
    let people = people(inner, now).await?;
    let keys = keys(inner, before, &people, now).await?;
    let mut signing = HashMap::new();
    let query = Query::new("SELECT id, public FROM identity_signing_keys ORDER BY signs_from DESC LIMIT 100");
    for row in inner.store.fetch_all(query).await? {
        if let Some(public) = unhex(&row.get::<String>("public")?) {
            signing.insert(row.get("id")?, public);
        }
    }
    let (mut revoked, mut foreign) = (HashMap::new(), HashMap::new());
    let text = "SELECT what AS id, until, since FROM identity_revocations WHERE what > $1";
    for row in paged(inner, text, "what").await? {
        let what: String = row.get("id")?;
        if what.starts_with(crate::foreign::PREFIX) {
            let since: Option<i64> = row.get("since")?;
            foreign.insert(what, since.map(Timestamp::from_micros));
        } else {
            revoked.insert(what, Timestamp::from_micros(row.get("until")?));
        }
    }
    Ok(Snapshot { generation, keys, people, signing, revoked, foreign })
}

/// All rows, page by page; the statement begins after `$1`.
async fn paged(inner: &Inner, text: &str, key: &str) -> Result<Vec<Row>, Error> {
    let mut all: Vec<Row> = Vec::new();
    let mut after = String::new();
    while all.len() < MOST {
        let query = Query::assembled(format!("{text} ORDER BY {key} LIMIT {PAGE}")).bind(after.as_str());
        let page = inner.store.fetch_all(query).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.get("id")?;
        let is_last = (page.len() as i64) < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
    tracing::error!(most = MOST, "there are more people, keys or revocations than are looked at");
    Ok(all)
}

async fn people(inner: &Inner, now: Timestamp) -> Result<HashMap<String, Arc<Person>>, Error> {
    let mut grants: HashMap<String, Vec<HeldGrant>> = HashMap::new();
    let text = "SELECT id, user_id, what, expires_at FROM identity_grants WHERE id > $1";
    for row in paged(inner, text, "id").await? {
        let read = grants_of(std::slice::from_ref(&row))?;
        let current = read.into_iter().filter(|grant| grant.expires > now);
        grants.entry(row.get("user_id")?).or_default().extend(current);
    }
    let mut people = HashMap::new();
    let text = "SELECT id, name, roles, tenant, enabled, tokens_from FROM identity_users WHERE id > $1";
    for row in paged(inner, text, "id").await? {
        let id: String = row.get("id")?;
        let person = Person {
            name: row.get("name")?,
            roles: names(&row.get::<String>("roles")?),
            tenant: row.get("tenant")?,
            grants: grants.remove(&id).unwrap_or_default(),
            is_enabled: row.get::<i64>("enabled")? != 0,
            tokens_from: Timestamp::from_micros(row.get("tokens_from")?),
        };
        people.insert(id, Arc::new(person));
    }
    Ok(people)
}

async fn keys(
    inner: &Inner,
    before: &Snapshot,
    people: &HashMap<String, Arc<Person>>,
    now: Timestamp,
) -> Result<HashMap<String, Key>, Error> {
    let mut keys = HashMap::new();
    for row in paged(inner, "SELECT * FROM identity_keys WHERE id > $1", "id").await? {
        let key = keys::read(&row)?;
        let Some(owner) = people.get(&key.owner).filter(|owner| owner.is_enabled) else { continue };
        if key.expires_at.is_some_and(|expires| expires <= now) {
            continue;
        }
        let Some(digest) = unhex(&row.get::<String>("digest")?) else { continue };
        let pepper = u32::try_from(row.get::<i64>("pepper")?).unwrap_or(0);
        let used = before.keys.get(&key.id).map(|key| Arc::clone(&key.used)).unwrap_or_default();
        let caller = Arc::new(caller(inner, key, owner, now));
        keys.insert(caller.key.clone(), Key { digest, pepper, caller, used });
    }
    Ok(keys)
}

/// The key's roles, but for those that allow more than its owner has by now.
fn caller(inner: &Inner, key: ApiKey, owner: &Person, now: Timestamp) -> KeyCaller {
    let mut theirs = Principal::bare(Subject::User(key.owner.clone()), &owner.name, AuthMethod::ApiKey);
    theirs.roles.clone_from(&owner.roles);
    // without the owner's grants: what is given for a time is not handed on
    let mut principal = theirs.clone();
    principal.roles = key
        .roles
        .into_iter()
        .filter(|role| inner.policy.covers(&theirs, &[Granted::Role(role.clone())], now))
        .collect();
    principal.scopes = key.scopes;
    principal.tenant = owner.tenant.clone().or(key.tenant);
    principal.key = Some(key.id.clone());
    KeyCaller { key: key.id, principal: Arc::new(principal), expires: key.expires_at }
}
