use crate::harness::{Bed, PASSWORD, credentials, from, is_denied, rejected};
use seaworthy_identity::{LogIn, Reject, SessionId};

crate::on_both!(
    sessions_end_when_nobody_uses_them_and_when_they_are_old,
    a_log_in_makes_a_new_token_and_ends_the_old_one,
    people_see_and_end_their_sessions,
    sessions_of_others_are_none,
    a_csrf_token_is_good_for_its_session_only,
    the_oldest_session_ends_for_a_new_one,
    what_is_no_token_is_refused,
);

// 7.3.1, 7.3.2
async fn sessions_end_when_nobody_uses_them_and_when_they_are_old(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let idle = bed.comes_in("ann").await;
    let used = bed.comes_in("ann").await;
    for _ in 0..12 {
        bed.pass(3_599);
        bed.identity.session(used.token.expose()).await.expect("it is in use");
    }
    assert_eq!(rejected(bed.identity.session(idle.token.expose()).await), Reject::Expired);
    bed.pass(12 * 3_600 - 12 * 3_599 - 1);
    bed.identity.session(used.token.expose()).await.expect("a second is left");
    bed.pass(1);
    assert_eq!(rejected(bed.identity.session(used.token.expose()).await), Reject::Expired);
    let other = bed.comes_in("ann").await;
    bed.pass(3_600);
    assert_eq!(
        rejected(bed.identity.session(other.token.expose()).await),
        Reject::Expired,
        "at its deadline"
    );
}

// 7.2.4: session fixation
async fn a_log_in_makes_a_new_token_and_ends_the_old_one(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let old = bed.comes_in("ann").await;
    let mut again = credentials("ann", PASSWORD);
    again.previous = Some(old.token.clone());
    let LogIn::Done(new) = bed.identity.log_in(&from("192.0.2.1"), again).await.expect("comes in") else {
        panic!("no second factor")
    };
    assert_ne!(new.token.expose(), old.token.expose());
    assert_ne!(new.session.id, old.session.id);
    assert_eq!(rejected(bed.identity.session(old.token.expose()).await), Reject::Unknown);
    assert!(new.token.expose().len() >= 46, "256 bits");
    // a token that an attacker has chosen is never taken over
    let mut planted = credentials("ann", PASSWORD);
    planted.previous = Some(crate::harness::secret("sws_planted"));
    let LogIn::Done(done) = bed.identity.log_in(&from("192.0.2.1"), planted).await.expect("comes in") else {
        panic!("no second factor")
    };
    assert_ne!(done.token.expose(), "sws_planted");
    assert!(bed.identity.session("sws_planted").await.is_err());
}

// 7.4.1, 7.4.3, 7.5.2
async fn people_see_and_end_their_sessions(bed: Bed) {
    let ann = bed.person("ann", &["viewer"]).await;
    let (one, two, three) = (bed.comes_in("ann").await, bed.comes_in("ann").await, bed.comes_in("ann").await);
    let actor = bed.holder(&one).await;
    let listed = bed.identity.sessions(&actor, &ann.id).await.expect("listed");
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0].client.as_deref(), Some("192.0.2.1"));
    bed.identity.revoke_session(&actor, &ann.id, &two.session.id).await.expect("ended");
    assert!(bed.identity.session(two.token.expose()).await.is_err());
    assert_eq!(bed.identity.revoke_sessions(&actor, &ann.id).await.expect("ended"), 1);
    assert!(bed.identity.session(three.token.expose()).await.is_err());
    bed.identity.session(one.token.expose()).await.expect("the one in use stays");
    bed.identity.log_out(&actor).await.expect("ended");
    assert!(bed.identity.session(one.token.expose()).await.is_err());
    // 7.4.5: admins end those of others
    let last = bed.comes_in("ann").await;
    assert_eq!(bed.identity.revoke_sessions(&bed.system, &ann.id).await.expect("ended"), 1);
    assert!(bed.identity.session(last.token.expose()).await.is_err());
    bed.sound().await;
}

// 8.2.2
async fn sessions_of_others_are_none(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let bob = bed.person("bob", &["user"]).await;
    let theirs = bed.comes_in("bob").await;
    let actor = bed.actor("ann").await;
    assert!(is_denied(bed.identity.revoke_session(&actor, &bob.id, &theirs.session.id).await));
    assert!(
        bed.identity.revoke_session(&actor, &ann.id, &theirs.session.id).await.is_err(),
        "nor under one's own name"
    );
    bed.identity.session(theirs.token.expose()).await.expect("it goes on");
}

// 3.5.1
async fn a_csrf_token_is_good_for_its_session_only(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let (one, two) = (bed.comes_in("ann").await, bed.comes_in("ann").await);
    let matches = |id: &SessionId, token: &str| bed.identity.csrf_matches(id, token);
    assert!(matches(&one.session.id, &one.csrf));
    assert_eq!(bed.identity.csrf_token(&one.session.id).expect("a token"), one.csrf);
    assert!(!matches(&two.session.id, &one.csrf));
    let upper = one.csrf.to_uppercase();
    for wrong in ["", "x", &one.csrf[1..], &upper, one.token.expose()] {
        assert!(!matches(&one.session.id, wrong), "{wrong}");
    }
}

// 7.1.2
async fn the_oldest_session_ends_for_a_new_one(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let first = bed.comes_in("ann").await;
    for _ in 0..20 {
        bed.pass(1);
        bed.comes_in("ann").await;
    }
    assert_eq!(rejected(bed.identity.session(first.token.expose()).await), Reject::Unknown);
    assert_eq!(bed.identity.sessions(&bed.system, &ann.id).await.expect("listed").len(), 20);
}

async fn what_is_no_token_is_refused(bed: Bed) {
    let long = format!("sws_{}", "x".repeat(10_000));
    for token in ["", "sws_", "swr_x", "sws_' OR 1=1 --", "sws_\0", &long] {
        assert!(bed.identity.session(token).await.is_err(), "{token}");
    }
}
