use crate::harness::{Bed, PASSWORD, credentials, from, rejected, secret, settings};
use seaworthy_identity::{Actor, Error, Hashing, LogIn, LoggedIn, Reject};
use seaworthy_store::Query;
use std::time::Duration;

crate::on_both!(
    five_failures_lock_for_a_while_and_then_for_longer,
    strangers_cannot_lock_somebody_out,
    a_network_that_tries_everybody_is_locked_out,
    names_that_are_nobodys_behave_like_others,
    tries_at_once_are_no_more_than_one_after_another,
    a_success_forgets_failures,
    hashes_follow_their_settings,
    what_was_typed_is_nowhere_to_be_found,
    hostile_input_is_a_wrong_password,
    what_happened_is_counted,
    a_lock_is_told_in_the_audit_log,
    a_crowd_locks_nobody_out,
    an_admin_unlocks,
);

async fn fails(bed: &Bed, actor: &Actor, name: &str) -> Result<(), Error> {
    match bed.identity.log_in(actor, credentials(name, "not the password")).await {
        Err(Error::Unauthenticated(Reject::Wrong)) => Ok(()),
        Err(other) => Err(other),
        Ok(_) => panic!("a wrong password comes in"),
    }
}

fn locked(result: Result<(), Error>) -> Duration {
    match result {
        Err(Error::LockedOut(wait)) => wait,
        other => panic!("it is locked: {other:?}"),
    }
}

async fn comes_in(bed: &Bed, actor: &Actor, device: Option<&LoggedIn>) -> Result<LoggedIn, Error> {
    let mut credentials = credentials("ann", PASSWORD);
    credentials.device = device.map(|done| done.device.clone());
    match bed.identity.log_in(actor, credentials).await? {
        LogIn::Done(done) => Ok(*done),
        LogIn::NeedsSecondFactor(_) => panic!("no second factor"),
    }
}

// 6.1.1, 6.3.1
async fn five_failures_lock_for_a_while_and_then_for_longer(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let here = from("192.0.2.1");
    for minutes in [15, 30, 60, 120, 240, 480, 960, 1_440, 1_440] {
        for _ in 0..5 {
            fails(&bed, &here, "ann").await.expect("it is looked at");
        }
        let wait = locked(fails(&bed, &here, "ann").await);
        assert_eq!(wait, Duration::from_secs(minutes * 60));
        let right = comes_in(&bed, &here, None).await;
        assert!(matches!(right, Err(Error::LockedOut(_))), "the right password does not help");
        bed.pass(minutes * 60);
    }
    // failures that are far apart lock nothing
    bed.pass(30 * 86_400);
    for _ in 0..10 {
        fails(&bed, &here, "ann").await.expect("it is looked at");
        bed.pass(300);
    }
    bed.sound().await;
}

async fn strangers_cannot_lock_somebody_out(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let home = from("198.51.100.7");
    let known = comes_in(&bed, &home, None).await.expect("comes in");
    for network in 0..4 {
        let there = from(&format!("192.0.2.{network}"));
        for _ in 0..5 {
            fails(&bed, &there, "ann").await.expect("it is looked at");
        }
        locked(fails(&bed, &there, "ann").await);
    }
    // twenty from everywhere: strangers wait, wherever they are
    let elsewhere = from("203.0.113.9");
    locked(fails(&bed, &elsewhere, "ann").await);
    assert!(comes_in(&bed, &home, None).await.is_err(), "without its word the device is a stranger");
    comes_in(&bed, &home, Some(&known)).await.expect("the known device comes in");
    // also from another network, and the word is good for its own account only
    bed.person("bob", &["user"]).await;
    let mut foreign = credentials("bob", "not the password");
    foreign.device = Some(known.device.clone());
    for _ in 0..5 {
        assert!(bed.identity.log_in(&home, foreign.clone()).await.is_err());
    }
    assert!(matches!(bed.identity.log_in(&home, foreign).await, Err(Error::LockedOut(_))));
    bed.sound().await;
}

// 6.3.1: one password for many names
async fn a_network_that_tries_everybody_is_locked_out(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let there = from("2001:db8::1");
    for n in 0..100 {
        // 64 bits of IPv6 are one network
        let address = format!("2001:db8::{n:x}");
        fails(&bed, &from(&address), &format!("name{n}")).await.expect("it is looked at");
    }
    locked(fails(&bed, &there, "somebody").await);
    assert!(comes_in(&bed, &there, None).await.is_err());
    assert!(comes_in(&bed, &from("2001:db8:0:1::1"), None).await.is_ok(), "the next network is not");
}

// 6.3.8
async fn names_that_are_nobodys_behave_like_others(bed: Bed) {
    bed.person("ann", &["user"]).await;
    for (name, address) in [("ann", "192.0.2.1"), ("nobody", "192.0.2.2"), ("no body\0", "192.0.2.3")] {
        let mut told = Vec::new();
        for _ in 0..7 {
            let answer = bed.identity.log_in(&from(address), credentials(name, "wrong")).await;
            told.push(answer.expect_err("refused").to_string());
        }
        let wrong = "the credentials are not accepted";
        let wait = "too many attempts; try again in 900 s";
        assert_eq!(told, [wrong, wrong, wrong, wrong, wrong, wait, wait], "{name}");
    }
}

async fn tries_at_once_are_no_more_than_one_after_another(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let here = from("192.0.2.1");
    let tries = (0..20).map(|_| fails(&bed, &here, "ann"));
    let answers = futures_util::future::join_all(tries).await;
    let looked_at = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(looked_at, 5, "{answers:?}");
}

async fn a_success_forgets_failures(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let here = from("192.0.2.1");
    for _ in 0..3 {
        for _ in 0..4 {
            fails(&bed, &here, "ann").await.expect("it is looked at");
        }
        comes_in(&bed, &here, None).await.expect("the fifth is right");
    }
    bed.sound().await;
}

// 11.4.2
async fn hashes_follow_their_settings(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let dearer = bed
        .again(seaworthy_identity::Settings {
            hashing: Hashing { passes: 3, ..settings().hashing },
            ..settings()
        })
        .await;
    let stored = async || {
        let query = Query::new("SELECT password FROM identity_users WHERE id = $1").bind(ann.id.as_str());
        bed.store.fetch_one(query).await.expect("there").get::<String>("password").expect("a text")
    };
    assert!(stored().await.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
    dearer.log_in(&from("192.0.2.1"), credentials("ann", PASSWORD)).await.expect("comes in");
    assert!(stored().await.starts_with("$argon2id$v=19$m=8,t=3,p=1$"));
    comes_in(&bed, &from("192.0.2.1"), None).await.expect("still the same password");
}

// 16.2.5, 14.2.1: neither passwords nor tokens are in the store, and what was typed as a name is not either
async fn what_was_typed_is_nowhere_to_be_found(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let typed = "my-secret-typed-as-a-name";
    assert!(fails(&bed, &from("192.0.2.1"), typed).await.is_ok());
    let done = bed.comes_in("ann").await;
    bed.identity.audit().flush().await;
    let tables = [
        "SELECT scope AS text FROM identity_failures",
        "SELECT resource || actor || actor_name || COALESCE(reason, '') || COALESCE(after, '') AS text FROM identity_audit",
        "SELECT digest || id AS text FROM identity_sessions",
        "SELECT digest AS text FROM identity_devices",
        "SELECT password || name AS text FROM identity_users",
    ];
    for table in tables {
        for row in bed.store.fetch_all(Query::new(table)).await.expect("read") {
            let text: String = row.get("text").expect("a text");
            for hidden in [typed, PASSWORD, done.token.expose(), done.device.expose()] {
                assert!(!text.contains(hidden), "{table}");
            }
        }
    }
    assert!(!format!("{done:?}").contains(done.token.expose().as_str()));
}

async fn hostile_input_is_a_wrong_password(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let long = "x".repeat(1_000_000);
    let cases =
        [("ann' OR '1'='1", PASSWORD), ("ann\0", PASSWORD), ("", ""), (&long, PASSWORD), ("ann", &long)];
    for (n, (name, password)) in cases.into_iter().enumerate() {
        let answer = bed.identity.log_in(&from(&format!("192.0.2.{n}")), credentials(name, password)).await;
        assert_eq!(rejected(answer), Reject::Wrong);
    }
    let mut device = credentials("ann", PASSWORD);
    device.device = Some(secret(&long));
    device.previous = Some(secret("nothing"));
    device.agent = Some(long.clone());
    assert!(bed.identity.log_in(&from("192.0.2.9"), device).await.is_ok());
}

async fn what_happened_is_counted(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let here = from("192.0.2.1");
    comes_in(&bed, &here, None).await.expect("comes in");
    for _ in 0..5 {
        fails(&bed, &here, "ann").await.expect("it is looked at");
    }
    locked(fails(&bed, &here, "ann").await);
    let counts = bed.identity.counts();
    assert_eq!((counts.log_ins, counts.log_in_failures, counts.log_ins_locked), (1, 5, 1));
    assert!(counts.audit_written > 0 && counts.audit_failed == 0);
}

// 16.3.1, 16.3.3
async fn a_lock_is_told_in_the_audit_log(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let here = from("192.0.2.1");
    for _ in 0..5 {
        fails(&bed, &here, "ann").await.expect("it is looked at");
    }
    locked(fails(&bed, &here, "ann").await);
    let told = bed.told("log_in").await;
    assert_eq!(told[0], ("denied".to_owned(), "locked".to_owned()));
    assert_eq!(told[1..], vec![("failure".to_owned(), "wrong".to_owned()); 5]);
    let about = seaworthy_identity::audit::Filter {
        resource: Some(format!("user:{}", ann.id)),
        ..Default::default()
    };
    let about = bed.identity.audit().list(&about, 100).await.expect("listed");
    assert!(about.iter().any(|entry| entry.client() == Some("192.0.2.1")));
}

async fn a_crowd_locks_nobody_out(bed: Bed) {
    bed.person("ann", &["user"]).await;
    // one at a time, and nobody waits: of those who come together most are sent away
    let hashing = Hashing { memory_kib: 1_024, at_a_time: 1, waiting: 0, ..settings().hashing };
    let mut lockout = settings().lockout;
    (lockout.failures, lockout.account_failures) = (40, 40);
    let door = bed.again(seaworthy_identity::Settings { hashing, lockout, ..settings() }).await;
    let here = from("192.0.2.1");
    let tries = (0..30).map(|_| door.log_in(&here, credentials("ann", "wrong")));
    let answers = futures_util::future::join_all(tries).await;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(Error::Busy))).count();
    let row = "SELECT COALESCE(SUM(failures), 0) AS n FROM identity_failures WHERE scope LIKE 'an:%'";
    let row = match bed.store.backend() {
        seaworthy_store::Backend::Sqlite => row,
        // a sum of bigint is a numeric there
        seaworthy_store::Backend::Postgres => {
            "SELECT COALESCE(SUM(failures), 0)::bigint AS n FROM identity_failures WHERE scope LIKE 'an:%'"
        }
    };
    let counted: i64 = bed.store.fetch_one(Query::new(row)).await.expect("read").get("n").expect("a number");
    assert_eq!(counted, 30 - i64::try_from(busy).expect("few"), "those that were looked at, and no others");
    assert_eq!(door.counts().log_ins_busy, busy as u64);
}

async fn an_admin_unlocks(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let bob = bed.person("bob", &["user"]).await;
    let (here, there) = (from("192.0.2.1"), from("192.0.2.2"));
    for _ in 0..5 {
        fails(&bed, &here, "ann").await.expect("it is looked at");
        fails(&bed, &there, "bob").await.expect("it is looked at");
    }
    locked(fails(&bed, &here, "ann").await);
    assert!(bed.identity.unlock_user(&crate::harness::nobody(), &ann.id).await.is_err());
    bed.identity.unlock_user(&bed.system, &ann.id).await.expect("unlocked");
    comes_in(&bed, &here, None).await.expect("comes in");
    locked(fails(&bed, &there, "bob").await);
    let password = bed.identity.reset_password(&bed.system, &bob.id, false).await.expect("reset");
    bed.identity.log_in(&there, credentials("bob", password.expose())).await.expect("comes in");
    bed.sound().await;
}
