use crate::harness::{Bed, PASSWORD, credentials, from, is_denied, rejected, secret};
use seaworthy_identity::{Error, LogIn, NewUser, Reject, UserChange};
use seaworthy_store::Query;

crate::on_both!(
    the_first_admin_is_made_once,
    only_who_may_changes_people,
    nobody_reaches_above_himself,
    the_last_admin_stays_one,
    a_new_password_ends_everything_else,
    old_passwords_do_not_come_back,
    a_reset_ends_everything,
    somebody_who_is_switched_off_is_out,
    names_are_one_however_they_are_written,
    passwords_grow_old,
);

// 13.2.3, 6.3.2
async fn the_first_admin_is_made_once(bed: Bed) {
    let other = bed.again(crate::harness::settings()).await;
    let (a, b) = tokio::join!(bed.identity.bootstrap(), other.bootstrap());
    let made: Vec<_> = [a.expect("answered"), b.expect("answered")].into_iter().flatten().collect();
    let [admin] = made.as_slice() else { panic!("one of the two made it") };
    assert!(bed.identity.bootstrap().await.expect("answered").is_none());
    let done = bed.identity.log_in(&from("192.0.2.1"), credentials("admin", admin.password.expose())).await;
    let LogIn::Done(done) = done.expect("comes in") else { panic!("no second factor yet") };
    assert!(done.must_change);
    let actor = bed.holder(&done).await;
    assert!(is_denied(bed.identity.users(&actor, "", 10).await), "nothing but a new password is possible");
    let current = admin.password.clone();
    bed.identity.change_password(&actor, current, secret(PASSWORD)).await.expect("changed");
    let actor = bed.holder(&done).await;
    assert_eq!(bed.identity.users(&actor, "", 10).await.expect("listed").len(), 1);
    bed.sound().await;
}

// 8.2.1, 8.3.1
async fn only_who_may_changes_people(bed: Bed) {
    bed.person("ann", &["operator"]).await;
    let bob = bed.person("bob", &["viewer"]).await;
    let ann = bed.actor("ann").await;
    let identity = &bed.identity;
    let new = NewUser { name: "eve".to_owned(), ..NewUser::default() };
    assert!(is_denied(identity.create_user(&ann, new).await));
    assert!(is_denied(identity.users(&ann, "", 10).await));
    assert!(is_denied(identity.user(&ann, &bob.id).await));
    assert!(is_denied(identity.update_user(&ann, &bob.id, UserChange::default()).await));
    assert!(is_denied(identity.delete_user(&ann, &bob.id).await));
    assert!(is_denied(identity.reset_password(&ann, &bob.id, true).await));
    assert!(is_denied(identity.sessions(&ann, &bob.id).await));
    assert!(is_denied(identity.revoke_sessions(&ann, &bob.id).await));
    assert!(is_denied(identity.keys(&ann, &bob.id).await));
    assert!(is_denied(identity.grants(&ann, &bob.id).await));
    assert!(is_denied(identity.revoke_tokens(&ann, &bob.id).await));
    // 16.3.2: each refusal is told
    let denied: u64 = {
        identity.audit().flush().await;
        let filter = seaworthy_identity::audit::Filter {
            action: Some("access.denied".to_owned()),
            ..Default::default()
        };
        identity.audit().list(&filter, 100).await.expect("listed").iter().map(|e| e.count()).sum()
    };
    assert_eq!(denied, 11);
    bed.sound().await;
}

// 8.2.2: who may change people still cannot make himself more than he is
async fn nobody_reaches_above_himself(bed: Bed) {
    let role = seaworthy_identity::rbac::Role {
        name: "helpdesk".to_owned(),
        inherits: vec!["viewer".to_owned()],
        permissions: vec!["users:*".parse().expect("a pattern")],
        except: Vec::new(),
    };
    let settings = seaworthy_identity::Settings { roles: vec![role], ..crate::harness::settings() };
    let bed = Bed { identity: bed.again(settings).await, ..bed };
    let root = bed.person("root", &["admin"]).await;
    let ann = bed.person("ann", &["helpdesk"]).await;
    let bob = bed.person("bob", &["viewer"]).await;
    let actor = bed.actor("ann").await;
    let identity = &bed.identity;
    let roles = |roles: &[&str]| UserChange {
        roles: Some(roles.iter().map(|&role| role.to_owned()).collect()),
        ..UserChange::default()
    };
    assert!(is_denied(identity.update_user(&actor, &ann.id, roles(&["admin"])).await));
    assert!(is_denied(identity.update_user(&actor, &bob.id, roles(&["operator"])).await));
    assert!(is_denied(identity.update_user(&actor, &root.id, roles(&["viewer"])).await));
    assert!(is_denied(identity.reset_password(&actor, &root.id, true).await));
    assert!(is_denied(identity.delete_user(&actor, &root.id).await));
    assert!(matches!(
        identity.update_user(&actor, &bob.id, roles(&["nobody-knows"])).await,
        Err(Error::Invalid { field: "roles", .. })
    ));
    let changed = identity.update_user(&actor, &bob.id, roles(&["helpdesk"])).await.expect("allowed");
    assert_eq!(changed.roles, ["helpdesk"]);
    // 8.3.1: what somebody holds for a time is theirs as well, as long as it lasts
    let hour = std::time::Duration::from_secs(3_600);
    let admin = seaworthy_identity::Granted::Role("admin".to_owned());
    identity.grant(&bed.system, &bob.id, admin, "on call", hour).await.expect("granted");
    assert!(is_denied(identity.reset_password(&actor, &bob.id, true).await));
    assert!(is_denied(identity.update_user(&actor, &bob.id, UserChange::default()).await));
    assert!(is_denied(identity.unlock_user(&actor, &bob.id).await));
    assert!(is_denied(identity.delete_user(&actor, &bob.id).await));
    bed.pass(3_600);
    let actor = bed.actor("ann").await;
    identity.reset_password(&actor, &bob.id, false).await.expect("it is over");
    bed.sound().await;
}

async fn the_last_admin_stays_one(bed: Bed) {
    let one = bed.person("one", &["admin"]).await;
    let two = bed.person("two", &["admin"]).await;
    let identity = &bed.identity;
    let off = || UserChange { enabled: Some(false), ..UserChange::default() };
    identity.update_user(&bed.system, &one.id, off()).await.expect("there is another");
    assert!(matches!(identity.update_user(&bed.system, &two.id, off()).await, Err(Error::Conflict(_))));
    assert!(matches!(identity.delete_user(&bed.system, &two.id).await, Err(Error::Conflict(_))));
    let demoted = UserChange { roles: Some(vec!["viewer".to_owned()]), ..UserChange::default() };
    assert!(matches!(identity.update_user(&bed.system, &two.id, demoted).await, Err(Error::Conflict(_))));
    assert!(identity.user(&bed.system, &two.id).await.expect("there").enabled, "nothing of it was done");
    bed.sound().await;
}

// 6.2.2, 6.2.3, 7.4.3
async fn a_new_password_ends_everything_else(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let (here, there) = (bed.comes_in("ann").await, bed.comes_in("ann").await);
    let actor = bed.holder(&here).await;
    let tokens = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    bed.pass(1);
    let next = "another dull wednesday in bruges";
    let wrong = bed.identity.change_password(&actor, secret("not it at all"), secret(next)).await;
    assert_eq!(rejected(wrong), Reject::Wrong);
    let weak = bed.identity.change_password(&actor, secret(PASSWORD), secret("password1234")).await;
    assert!(matches!(weak, Err(Error::Invalid { field: "password", .. })));
    assert!(bed.identity.session(there.token.expose()).await.is_ok(), "nothing has happened yet");
    bed.identity.change_password(&actor, secret(PASSWORD), secret(next)).await.expect("changed");
    assert!(bed.identity.session(here.token.expose()).await.is_ok());
    assert_eq!(rejected(bed.identity.session(there.token.expose()).await), Reject::Unknown);
    assert_eq!(bed.identity.view().check_token(tokens.access.expose(), bed.wall()), Err(Reject::Revoked));
    assert!(bed.identity.refresh(&actor, &tokens.refresh).await.is_err());
    let old = bed.identity.log_in(&from("192.0.2.1"), credentials("ann", PASSWORD)).await;
    assert_eq!(rejected(old), Reject::Wrong);
    assert!(bed.identity.log_in(&from("192.0.2.1"), credentials("ann", next)).await.is_ok());
    bed.sound().await;
}

async fn old_passwords_do_not_come_back(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let words = |n: usize| format!("wholly unremarkable weekday {n} in the rain");
    let mut current = PASSWORD.to_owned();
    for n in 0..13 {
        let again = bed.identity.change_password(&actor, secret(&current), secret(&current)).await;
        assert!(matches!(again, Err(Error::Invalid { field: "password", .. })), "the one in use");
        bed.pass(1);
        bed.identity.change_password(&actor, secret(&current), secret(&words(n))).await.expect("changed");
        current = words(n);
    }
    let query = Query::new("SELECT COUNT(*) AS n FROM identity_password_history WHERE user_id = $1");
    let row = bed.store.fetch_one(query.bind(ann.id.as_str())).await.expect("counted");
    assert_eq!(row.get::<i64>("n").expect("a number"), 12);
    let recent = bed.identity.change_password(&actor, secret(&current), secret(&words(0))).await;
    assert!(matches!(recent, Err(Error::Invalid { field: "password", .. })), "the twelfth before");
    bed.identity.change_password(&actor, secret(&current), secret(PASSWORD)).await.expect("long ago");
}

async fn a_reset_ends_everything(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let done = bed.comes_in("ann").await;
    bed.pass(1);
    let password = bed.identity.reset_password(&bed.system, &ann.id, false).await.expect("reset");
    assert!(bed.identity.session(done.token.expose()).await.is_err());
    assert!(bed.identity.log_in(&from("192.0.2.1"), credentials("ann", PASSWORD)).await.is_err());
    let again = bed.identity.log_in(&from("192.0.2.1"), credentials("ann", password.expose())).await;
    let LogIn::Done(again) = again.expect("comes in") else { panic!("no second factor") };
    assert!(again.must_change, "6.4.1");
    bed.sound().await;
}

// 7.4.2
async fn somebody_who_is_switched_off_is_out(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let done = bed.comes_in("ann").await;
    let off = UserChange { enabled: Some(false), ..UserChange::default() };
    bed.identity.update_user(&bed.system, &ann.id, off).await.expect("switched off");
    assert!(bed.identity.session(done.token.expose()).await.is_err());
    let right = bed.identity.log_in(&from("192.0.2.1"), credentials("ann", PASSWORD)).await;
    assert_eq!(rejected(right), Reject::Wrong, "the answer is that of a wrong password");
    assert_eq!(bed.told("log_in").await[0].1, "disabled", "the log knows better");
}

async fn names_are_one_however_they_are_written(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let again = NewUser { name: "ANN".to_owned(), ..NewUser::default() };
    assert!(matches!(bed.identity.create_user(&bed.system, again).await, Err(Error::Conflict(_))));
    let wide = NewUser { name: "ａnn".to_owned(), ..NewUser::default() };
    assert!(matches!(bed.identity.create_user(&bed.system, wide).await, Err(Error::Conflict(_))));
    let long = "x".repeat(65);
    for name in ["", "a b", "a\0b", "a/b", "<script>", "a'--", &long] {
        let new = NewUser { name: name.to_owned(), ..NewUser::default() };
        let refused = bed.identity.create_user(&bed.system, new).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "name", .. })), "{name}");
    }
    assert!(bed.identity.log_in(&from("192.0.2.1"), credentials("Ann", PASSWORD)).await.is_ok());
}

async fn passwords_grow_old(bed: Bed) {
    bed.person("ann", &["user"]).await;
    bed.pass(90 * 86_400 - 1);
    assert!(!bed.comes_in("ann").await.must_change);
    bed.pass(1);
    let done = bed.comes_in("ann").await;
    assert!(done.must_change);
    let holder = bed.identity.session(done.token.expose()).await.expect("a session");
    assert!(!bed.identity.allows(&holder.principal, &"jobs:read".parse().expect("a permission")));
    assert!(bed.identity.allows(&holder.principal, &"account:write".parse().expect("a permission")));
}
