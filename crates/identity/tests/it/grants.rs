use crate::harness::{Bed, is_denied, nobody};
use seaworthy_identity::{Error, Granted, RequestState};
use std::time::Duration;

crate::on_both!(
    a_grant_ends_at_its_deadline,
    nobody_grants_what_he_has_not_got,
    a_request_is_approved_by_somebody_else,
    nobody_answers_his_own_request,
    a_request_is_answered_once_and_in_time,
    requests_of_others_are_none,
);

const HOUR: Duration = Duration::from_secs(3_600);

fn role(name: &str) -> Granted {
    Granted::Role(name.to_owned())
}

fn permission(text: &str) -> Granted {
    Granted::Permission(text.parse().expect("a pattern"))
}

// 8.3.2
async fn a_grant_ends_at_its_deadline(bed: Bed) {
    let ann = bed.person("ann", &["viewer"]).await;
    let done = bed.comes_in("ann").await;
    let may = async |text: &str| {
        let holder = bed.identity.session(done.token.expose()).await.expect("a session");
        bed.identity.allows(&holder.principal, &text.parse().expect("a permission"))
    };
    assert!(!may("jobs:write").await);
    let half = Duration::from_secs(1_800);
    bed.identity.grant(&bed.system, &ann.id, permission("jobs:*"), "on call", half).await.expect("granted");
    let operator =
        bed.identity.grant(&bed.system, &ann.id, role("operator"), "on call", HOUR).await.expect("granted");
    assert!(may("jobs:write").await && may("releases:operate").await);
    bed.pass(1_799);
    assert!(may("jobs:approve").await);
    bed.pass(1);
    assert!(!may("jobs:approve").await && may("jobs:write").await, "the role is left");
    bed.identity.revoke_grant(&bed.system, &operator.id).await.expect("taken back");
    assert!(!may("jobs:write").await, "at once");
    assert!(bed.identity.grants(&bed.system, &ann.id).await.expect("listed").is_empty());
    bed.sound().await;
}

async fn nobody_grants_what_he_has_not_got(bed: Bed) {
    let granter = seaworthy_identity::rbac::Role {
        name: "granter".to_owned(),
        inherits: vec!["viewer".to_owned()],
        permissions: vec!["grants:*".parse().expect("a pattern")],
        except: Vec::new(),
    };
    let settings = seaworthy_identity::Settings { roles: vec![granter], ..crate::harness::settings() };
    let bed = Bed { identity: bed.again(settings).await, ..bed };
    let ann = bed.person("ann", &["granter"]).await;
    let bob = bed.person("bob", &["viewer"]).await;
    let actor = bed.actor("ann").await;
    let identity = &bed.identity;
    assert!(is_denied(identity.grant(&actor, &bob.id, role("admin"), "why not", HOUR).await));
    assert!(is_denied(identity.grant(&actor, &bob.id, permission("*:*"), "why not", HOUR).await));
    assert!(is_denied(identity.grant(&actor, &ann.id, permission("grants:read"), "for me", HOUR).await));
    identity.grant(&actor, &bob.id, permission("grants:read"), "helps", HOUR).await.expect("he has it");
    let other = bed.actor("bob").await;
    assert!(is_denied(identity.grant(&other, &ann.id, permission("grants:read"), "back", HOUR).await));
    for (what, reason, duration) in [
        (role("nobody-knows"), "x", HOUR),
        (role("viewer"), " ", HOUR),
        (role("viewer"), "x", Duration::ZERO),
        (role("viewer"), "x", Duration::from_secs(31 * 86_400)),
    ] {
        let refused = identity.grant(&bed.system, &bob.id, what, reason, duration).await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    }
    bed.sound().await;
}

async fn a_request_is_approved_by_somebody_else(bed: Bed) {
    let ann = bed.person("ann", &["viewer"]).await;
    bed.person("root", &["admin"]).await;
    let (actor, root) = (bed.actor("ann").await, bed.actor("root").await);
    let request =
        bed.identity.request_access(&actor, role("operator"), "incident 7", HOUR).await.expect("asked");
    assert_eq!(
        bed.identity.access_requests(&root, None, 10).await.expect("listed"),
        std::slice::from_ref(&request)
    );
    bed.pass(600);
    let answered = bed.identity.decide_request(&root, &request.id, true, "go").await.expect("approved");
    assert_eq!(answered.state, RequestState::Approved);
    let grants = bed.identity.grants(&actor, &ann.id).await.expect("listed");
    assert_eq!(grants[0].expires_at, bed.identity.now().plus(HOUR), "from the approval on");
    assert_eq!(grants[0].granted_by, root.principal.subject.to_string());
    let refused = bed.identity.request_access(&actor, role("admin"), "more", HOUR).await.expect("asked");
    let answered = bed.identity.decide_request(&root, &refused.id, false, "no").await.expect("denied");
    assert_eq!((answered.state, answered.decision_reason.as_deref()), (RequestState::Denied, Some("no")));
    assert_eq!(bed.identity.grants(&actor, &ann.id).await.expect("listed").len(), 1);
    assert_eq!(bed.told("access_request.decide").await.len(), 2);
    bed.sound().await;
}

// 8.2.1, 2.3.5
async fn nobody_answers_his_own_request(bed: Bed) {
    bed.person("root", &["admin"]).await;
    bed.person("ann", &["operator"]).await;
    let (root, ann) = (bed.actor("root").await, bed.actor("ann").await);
    let own = bed.identity.request_access(&root, role("admin"), "for me", HOUR).await.expect("asked");
    assert!(is_denied(bed.identity.decide_request(&root, &own.id, true, "yes").await));
    assert!(is_denied(bed.identity.decide_request(&root, &own.id, false, "no").await));
    assert!(is_denied(bed.identity.decide_request(&ann, &own.id, true, "yes").await), "no permission");
    assert!(is_denied(bed.identity.decide_request(&nobody(), &own.id, true, "yes").await));
    assert!(is_denied(bed.identity.request_access(&nobody(), role("viewer"), "x", HOUR).await));
}

async fn a_request_is_answered_once_and_in_time(bed: Bed) {
    let ann = bed.person("ann", &["viewer"]).await;
    let actor = bed.actor("ann").await;
    let identity = &bed.identity;
    let one = identity.request_access(&actor, role("user"), "x", HOUR).await.expect("asked");
    let answers = tokio::join!(
        identity.decide_request(&bed.system, &one.id, true, "a"),
        identity.decide_request(&bed.system, &one.id, true, "b")
    );
    assert_eq!([answers.0.is_ok(), answers.1.is_ok()].iter().filter(|ok| **ok).count(), 1);
    assert_eq!(identity.grants(&actor, &ann.id).await.expect("listed").len(), 1);
    let two = identity.request_access(&actor, role("user"), "x", HOUR).await.expect("asked");
    identity.withdraw_request(&actor, &two.id).await.expect("taken back");
    assert!(matches!(identity.decide_request(&bed.system, &two.id, true, "").await, Err(Error::Conflict(_))));
    let three = identity.request_access(&actor, role("user"), "x", HOUR).await.expect("asked");
    bed.pass(7 * 86_400);
    assert!(matches!(
        identity.decide_request(&bed.system, &three.id, true, "").await,
        Err(Error::Conflict(_))
    ));
    let listed = identity.access_requests(&bed.system, Some(&ann.id), 10).await.expect("listed");
    let states = |id: &str| listed.iter().find(|request| request.id == id).map(|request| request.state);
    assert_eq!(
        [states(&one.id), states(&two.id), states(&three.id)],
        [Some(RequestState::Approved), Some(RequestState::Withdrawn), Some(RequestState::Expired)]
    );
    let actor = bed.actor("ann").await;
    for _ in 0..20 {
        identity.request_access(&actor, role("user"), "x", HOUR).await.expect("asked");
    }
    let more = identity.request_access(&actor, role("user"), "x", HOUR).await;
    assert!(matches!(more, Err(Error::Conflict(_))), "as many as may");
    bed.sound().await;
}

// 8.2.2
async fn requests_of_others_are_none(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let bob = bed.person("bob", &["user"]).await;
    let (ann, other) = (bed.actor("ann").await, bed.actor("bob").await);
    let request = bed.identity.request_access(&other, role("operator"), "x", HOUR).await.expect("asked");
    assert!(matches!(bed.identity.withdraw_request(&ann, &request.id).await, Err(Error::NotFound(_))));
    assert!(is_denied(bed.identity.access_requests(&ann, Some(&bob.id), 10).await));
    assert!(is_denied(bed.identity.access_requests(&ann, None, 10).await));
    assert!(is_denied(bed.identity.revoke_grant(&ann, "any").await));
}
