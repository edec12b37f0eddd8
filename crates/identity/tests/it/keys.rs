use crate::harness::{Bed, is_denied, nobody, settings};
use futures_util::FutureExt as _;
use seaworthy_identity::{Actor, Error, Granted, NewKey, Principal, Reject, UserChange};
use seaworthy_store::Query;
use std::time::Duration;

crate::on_both!(
    a_key_is_known_until_its_deadline,
    a_successor_takes_over_with_grace,
    a_key_that_leaked_ends_at_once,
    a_key_is_no_more_than_its_owner,
    scopes_and_tenants_narrow,
    keys_of_others_are_none,
    a_key_makes_no_keys,
    other_processes_hear_of_it,
    uses_are_written_down,
    the_view_goes_on_without_the_store,
    wrong_keys_are_refused,
);

fn new(name: &str, roles: &[&str]) -> NewKey {
    NewKey {
        name: name.to_owned(),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        ..NewKey::default()
    }
}

fn with_key(bed: &Bed, key: &str) -> Actor {
    let caller = bed.identity.view().check_key(key, bed.wall()).expect("a key");
    Actor::of((*caller.principal).clone())
}

async fn a_key_is_known_until_its_deadline(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let wanted = NewKey { lifetime: Some(Duration::from_secs(3_600)), ..new("ci", &["user"]) };
    let (key, secret) = bed.identity.create_key(&actor, wanted).await.expect("made");
    let view = bed.identity.view().clone();
    let caller = view.check_key(secret.expose(), bed.wall()).expect("known");
    assert_eq!((&caller.key, &caller.principal.roles), (&key.id, &vec!["user".to_owned()]));
    assert_eq!(caller.principal.subject.user(), Some(ann.id.as_str()));
    assert_eq!(caller.expires, key.expires_at);
    bed.pass(3_599);
    assert!(view.check_key(secret.expose(), bed.wall()).is_ok());
    bed.pass(1);
    assert_eq!(view.check_key(secret.expose(), bed.wall()), Err(Reject::Expired), "at the deadline");
    // 13.3.1, 14.2.1: the secret is nowhere
    let row =
        bed.store.fetch_one(Query::new("SELECT digest || id AS text FROM identity_keys")).await.expect("one");
    assert!(!row.get::<String>("text").expect("a text").contains(&secret.expose()[16..]));
    assert!(bed.identity.keys(&actor, &ann.id).await.expect("listed") == [key]);
    let forever = NewKey { lifetime: Some(Duration::from_secs(366 * 86_400)), ..new("ci", &["user"]) };
    assert!(matches!(bed.identity.create_key(&actor, forever).await, Err(Error::Invalid { .. })));
    bed.sound().await;
}

async fn a_successor_takes_over_with_grace(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let (old, first) = bed.identity.create_key(&actor, new("ci", &["user"])).await.expect("made");
    let (key, second) = bed.identity.rotate_key(&actor, &old.id, None).await.expect("rotated");
    assert_eq!((&key.name, &key.roles), (&old.name, &old.roles));
    let view = bed.identity.view().clone();
    bed.pass(86_399);
    assert!(
        view.check_key(first.expose(), bed.wall()).is_ok()
            && view.check_key(second.expose(), bed.wall()).is_ok()
    );
    bed.pass(1);
    assert_eq!(view.check_key(first.expose(), bed.wall()), Err(Reject::Expired));
    assert!(view.check_key(second.expose(), bed.wall()).is_ok());
    let again = bed.identity.rotate_key(&actor, &old.id, None).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "it has a successor");
    bed.sound().await;
}

async fn a_key_that_leaked_ends_at_once(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let view = bed.identity.view().clone();
    let (old, first) = bed.identity.create_key(&actor, new("ci", &["user"])).await.expect("made");
    let leaked = bed.identity.rotate_key(&actor, &old.id, Some(Duration::ZERO)).await;
    let (key, second) = leaked.expect("rotated");
    assert!(view.check_key(first.expose(), bed.wall()).is_err());
    assert!(view.check_key(second.expose(), bed.wall()).is_ok());
    bed.identity.revoke_key(&actor, &key.id, "leaked").await.expect("ended");
    assert_eq!(view.check_key(second.expose(), bed.wall()), Err(Reject::Unknown));
    assert_eq!(bed.told("key.revoke").await, [("success".to_owned(), "leaked".to_owned())]);
}

// 8.2.1
async fn a_key_is_no_more_than_its_owner(bed: Bed) {
    let ann = bed.person("ann", &["operator"]).await;
    let actor = bed.actor("ann").await;
    assert!(is_denied(bed.identity.create_key(&actor, new("more", &["admin"])).await));
    let (_, secret) =
        bed.identity.create_key(&actor, new("ci", &["operator", "viewer"])).await.expect("made");
    // nor by an admin: it would come to life when its owner gets the role
    let theirs = NewKey { owner: Some(ann.id.clone()), ..new("more", &["admin"]) };
    assert!(is_denied(bed.identity.create_key(&bed.system, theirs).await), "the owner has not got it");
    let roles = |key: &seaworthy_core::Secret<String>| {
        let caller = bed.identity.view().check_key(key.expose(), bed.wall());
        caller.map(|caller| caller.principal.roles.clone())
    };
    assert_eq!(roles(&secret), Ok(vec!["operator".to_owned(), "viewer".to_owned()]));
    let less = UserChange { roles: Some(vec!["viewer".to_owned()]), ..UserChange::default() };
    bed.identity.update_user(&bed.system, &ann.id, less).await.expect("changed");
    assert_eq!(roles(&secret), Ok(vec!["viewer".to_owned()]), "at once");
    let off = UserChange { enabled: Some(false), ..UserChange::default() };
    bed.identity.update_user(&bed.system, &ann.id, off).await.expect("changed");
    assert_eq!(roles(&secret), Err(Reject::Unknown));
    bed.sound().await;
}

// 8.3.3, 8.4.1
async fn scopes_and_tenants_narrow(bed: Bed) {
    let new_user = seaworthy_identity::NewUser {
        name: "ann".to_owned(),
        roles: vec!["operator".to_owned()],
        tenant: Some("blue".to_owned()),
        password: Some(crate::harness::secret(crate::harness::PASSWORD)),
        ..Default::default()
    };
    let (ann, _) = bed.identity.create_user(&bed.system, new_user).await.expect("added");
    let wanted = NewKey {
        owner: Some(ann.id.clone()),
        scopes: Some(["jobs:read".parse().expect("a pattern"), "users:*".parse().expect("a pattern")].into()),
        tenant: Some("red".to_owned()),
        ..new("ci", &["operator"])
    };
    let (_, secret) = bed.identity.create_key(&bed.system, wanted).await.expect("made");
    let caller = bed.identity.view().check_key(secret.expose(), bed.wall()).expect("known");
    assert_eq!(caller.principal.tenant.as_deref(), Some("blue"), "nobody leaves his tenant by a key");
    let may = |text: &str| bed.identity.allows(&caller.principal, &text.parse().expect("a permission"));
    assert!(may("jobs:read"));
    assert!(!may("jobs:write") && !may("users:read") && !may("account:write"));
    // 8.4.1: who has no tenant does not choose one
    let bob = bed.person("bob", &["operator"]).await;
    let wanted = NewKey { tenant: Some("red".to_owned()), ..new("ci", &["operator"]) };
    assert!(is_denied(bed.identity.create_key(&bed.actor("bob").await, wanted.clone()).await));
    let given = bed.identity.create_key(&bed.system, NewKey { owner: Some(bob.id), ..wanted }).await;
    assert_eq!(given.expect("made").0.tenant.as_deref(), Some("red"), "it is given");
}

// 8.2.2
async fn keys_of_others_are_none(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let bob = bed.person("bob", &["user"]).await;
    let (ann, other) = (bed.actor("ann").await, bed.actor("bob").await);
    let (key, secret) = bed.identity.create_key(&other, new("ci", &["user"])).await.expect("made");
    assert!(is_denied(bed.identity.revoke_key(&ann, &key.id, "").await));
    assert!(is_denied(bed.identity.rotate_key(&ann, &key.id, None).await));
    assert!(is_denied(bed.identity.revoke_key(&ann, "unknown", "").await), "it is not told which there are");
    let theirs = NewKey { owner: Some(bob.id.clone()), ..new("ci", &["user"]) };
    assert!(is_denied(bed.identity.create_key(&ann, theirs).await));
    assert!(is_denied(bed.identity.all_keys(&ann, "", 10).await));
    assert!(is_denied(bed.identity.revoke_key(&nobody(), &key.id, "").await));
    assert!(bed.identity.view().check_key(secret.expose(), bed.wall()).is_ok());
    assert!(matches!(bed.identity.revoke_key(&bed.system, "unknown", "").await, Err(Error::NotFound("key"))));
}

async fn a_key_makes_no_keys(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let (one, secret) = bed.identity.create_key(&actor, new("ci", &["user"])).await.expect("made");
    let (two, _) = bed.identity.create_key(&actor, new("other", &["user"])).await.expect("made");
    let found = with_key(&bed, secret.expose());
    assert!(is_denied(bed.identity.create_key(&found, new("mine", &["user"])).await));
    assert!(is_denied(bed.identity.rotate_key(&found, &two.id, None).await));
    assert!(is_denied(bed.identity.revoke_key(&found, &two.id, "").await));
    assert!(is_denied(bed.identity.issue_tokens(&found, None).await));
    let owner = found.principal.subject.user().expect("a person").to_owned();
    assert!(is_denied(bed.identity.revoke_sessions(&found, &owner).await), "nor does it end sessions");
    assert!(is_denied(bed.identity.revoke_tokens(&found, &owner).await));
    let more = Granted::Role("admin".to_owned());
    assert!(is_denied(bed.identity.request_access(&found, more, "mine", Duration::from_secs(60)).await));
    assert!(bed.identity.keys(&found, &owner).await.is_ok(), "it may look");
    assert!(is_denied(bed.identity.rotate_key(&found, &one.id, None).await), "nor does it outlive itself");
    let scopes = Some(["account:write".parse().expect("a pattern")].into());
    let made_for_it = NewKey { scopes, ..new("self", &["user"]) };
    let (own, secret) = bed.identity.create_key(&actor, made_for_it).await.expect("made");
    let own_key = with_key(&bed, secret.expose());
    bed.identity.rotate_key(&own_key, &own.id, None).await.expect("what was made for it may");
}

async fn other_processes_hear_of_it(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let other = bed.again(settings()).await;
    let (key, secret) = bed.identity.create_key(&actor, new("ci", &["user"])).await.expect("made");
    other.view().refresh().await.expect("read");
    assert!(other.view().check_key(secret.expose(), bed.wall()).is_ok());
    bed.identity.revoke_key(&actor, &key.id, "").await.expect("ended");
    other.view().refresh().await.expect("read");
    assert!(other.view().check_key(secret.expose(), bed.wall()).is_err());
}

async fn uses_are_written_down(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let (_, secret) = bed.identity.create_key(&actor, new("ci", &["user"])).await.expect("made");
    bed.identity.tidy().await.expect("tidied");
    assert_eq!(bed.identity.keys(&actor, &ann.id).await.expect("listed")[0].last_used_at, None);
    bed.pass(5);
    let at = bed.identity.now();
    bed.identity.view().check_key(secret.expose(), bed.wall()).expect("known");
    bed.pass(5);
    bed.identity.view().refresh().await.expect("read");
    bed.identity.tidy().await.expect("tidied");
    assert_eq!(bed.identity.keys(&actor, &ann.id).await.expect("listed")[0].last_used_at, Some(at));
}

// 16.5.2: the data plane goes on
async fn the_view_goes_on_without_the_store(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let wanted = NewKey { lifetime: Some(Duration::from_secs(60)), ..new("ci", &["user"]) };
    let (_, secret) = bed.identity.create_key(&actor, wanted).await.expect("made");
    bed.store.close().await;
    assert!(bed.identity.view().refresh().await.is_err());
    bed.pass(59);
    assert!(bed.identity.view().check_key(secret.expose(), bed.wall()).is_ok());
    bed.pass(1);
    assert_eq!(bed.identity.view().check_key(secret.expose(), bed.wall()), Err(Reject::Expired));
    let change = bed.identity.change_password(&actor, secret.clone(), secret.clone()).now_or_never();
    assert!(!matches!(change, Some(Ok(()))), "nothing is changed without the store");
}

async fn wrong_keys_are_refused(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let (_, one) = bed.identity.create_key(&actor, new("one", &["user"])).await.expect("made");
    let (_, two) = bed.identity.create_key(&actor, new("two", &["user"])).await.expect("made");
    let view = bed.identity.view();
    let long = "x".repeat(100_000);
    let upper = one.expose().to_uppercase();
    for text in ["", "sw_", "sw__", &long, &one.expose()[1..], &upper, &format!("{} ", one.expose())] {
        assert_eq!(view.check_key(text, bed.wall()), Err(Reject::Malformed), "{text}");
    }
    // another's name before a secret: the check of the text fails already
    let mixed = format!("{}{}", &one.expose()[..16], &two.expose()[16..]);
    assert!(view.check_key(&mixed, bed.wall()).is_err());
    let (accepted, refused, ..) = view.counts();
    assert_eq!((accepted, refused), (0, 8));
    let granted = Granted::Role("admin".to_owned());
    assert!(!bed.identity.policy().covers(&Principal::anonymous(), &[granted], bed.identity.now()));
}

/// By a notice of the database; nobody asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_is_told() {
    let bed = Bed::postgres().await;
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let other = bed.again(settings()).await;
    let (key, secret) = bed.identity.create_key(&actor, new("ci", &["user"])).await.expect("made");
    let becomes = async |known: bool| {
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while other.view().check_key(secret.expose(), bed.wall()).is_ok() != known {
            assert!(std::time::Instant::now() < until, "it hears of it");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    becomes(true).await;
    bed.identity.revoke_key(&actor, &key.id, "leaked").await.expect("ended");
    becomes(false).await;
}
