use crate::harness::{Bed, credentials, from, settings};
use seaworthy_identity::{Granted, Identity, NewKey};
use seaworthy_store::Query;
use seaworthy_store::seal::Keyring;
use seaworthy_store::testing::Folder;
use std::sync::Arc;
use std::time::Duration;

crate::on_both!(what_is_over_goes, sealed_values_follow_the_newest_key, doors_that_open_together_open);

async fn rows(bed: &Bed) -> i64 {
    let mut count = 0;
    for table in [
        "SELECT COUNT(*) AS n FROM identity_sessions",
        "SELECT COUNT(*) AS n FROM identity_devices",
        "SELECT COUNT(*) AS n FROM identity_failures",
        "SELECT COUNT(*) AS n FROM identity_token_families",
        "SELECT COUNT(*) AS n FROM identity_refresh_tokens",
        "SELECT COUNT(*) AS n FROM identity_revocations",
        "SELECT COUNT(*) AS n FROM identity_grants",
        "SELECT COUNT(*) AS n FROM identity_requests",
        "SELECT COUNT(*) AS n FROM identity_keys",
    ] {
        count +=
            bed.store.fetch_one(Query::new(table)).await.expect("counted").get::<i64>("n").expect("a number");
    }
    count
}

async fn what_is_over_goes(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let hour = Duration::from_secs(3_600);
    assert!(bed.identity.log_in(&from("192.0.2.9"), credentials("ann", "wrong")).await.is_err());
    let pair = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    bed.identity.refresh(&actor, &pair.refresh).await.expect("exchanged");
    bed.identity.revoke_token(&actor, pair.access.expose()).await.expect("taken back");
    bed.identity
        .grant(&bed.system, &ann.id, Granted::Role("operator".to_owned()), "x", hour)
        .await
        .expect("granted");
    bed.identity
        .request_access(&actor, Granted::Role("operator".to_owned()), "x", hour)
        .await
        .expect("asked");
    let key = NewKey { name: "ci".to_owned(), roles: vec!["user".to_owned()], ..NewKey::default() };
    bed.identity.create_key(&actor, key).await.expect("made");
    let before = rows(&bed).await;
    assert!(before >= 10, "{before} of every kind");
    assert_eq!(bed.identity.tidy().await.expect("tidied").rows, 0, "nothing is over");
    bed.pass(400 * 86_400);
    bed.identity.tidy().await.expect("tidied");
    assert_eq!(rows(&bed).await, 0);
    bed.sound().await;
}

// 11.1.1, 13.3.4
async fn sealed_values_follow_the_newest_key(bed: Bed) {
    let folder = Folder::new("keys");
    let path = folder.path().join("key");
    let open = async |keyring: Keyring| {
        let identity = Identity::open(bed.store.clone(), Arc::new(keyring), settings()).await.expect("opens");
        Bed { identity, ..copy(&bed).await }
    };
    bed.store.execute(Query::new("DELETE FROM identity_signing_keys")).await.expect("as if new");
    let old = open(Keyring::open(&path).expect("made")).await;
    old.person("ann", &["user"]).await;
    let actor = old.actor("ann").await;
    let key = NewKey { name: "ci".to_owned(), roles: vec!["user".to_owned()], ..NewKey::default() };
    let (_, secret) = old.identity.create_key(&actor, key).await.expect("made");
    let before = old.identity.issue_tokens(&actor, None).await.expect("issued");
    let new = open(Keyring::rotate(&path).expect("rotated")).await;
    let sealed = async || {
        let row =
            bed.store.fetch_one(Query::new("SELECT seed FROM identity_signing_keys")).await.expect("one");
        row.get::<String>("seed").expect("a text")
    };
    assert!(sealed().await.starts_with("v1:"));
    assert_eq!(new.identity.tidy().await.expect("tidied").rewrapped, 1);
    assert!(sealed().await.starts_with("v2:"));
    assert!(new.identity.view().check_key(secret.expose(), bed.wall()).is_ok(), "keys of the old pepper");
    assert!(new.identity.view().check_token(before.access.expose(), bed.wall()).is_ok());
    let after = new.identity.issue_tokens(&actor, None).await.expect("issued");
    assert!(old.identity.view().check_token(after.access.expose(), bed.wall()).is_ok());
    assert_eq!(new.identity.tidy().await.expect("tidied").rewrapped, 0);
}

/// The same bed with another database behind it that nobody looks at.
async fn copy(bed: &Bed) -> Bed {
    let other = Bed::sqlite().await;
    Bed { store: bed.store.clone(), clock: bed.clock.clone(), ..other }
}

async fn doors_that_open_together_open(bed: Bed) {
    let fresh = async || bed.again(settings()).await;
    let (a, b, c) = tokio::join!(fresh(), fresh(), fresh());
    assert_eq!(a.jwks(), b.jwks());
    assert_eq!(b.jwks(), c.jwks());
    bed.sound().await;
}
