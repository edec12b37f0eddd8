use crate::harness::{Bed, is_denied, nobody, rejected, secret, settings};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use seaworthy_identity::{Actor, Foreign, Reject, Settings, UserChange};
use seaworthy_store::Query;
use std::time::Duration;

crate::on_both!(
    an_access_token_is_good_until_its_end,
    others_verify_with_what_is_published,
    a_refresh_token_is_good_once,
    a_replay_ends_the_family,
    two_exchanges_at_once_end_the_family,
    tokens_are_taken_back_at_once,
    roles_that_are_gone_are_gone_from_tokens,
    keys_rotate_without_a_gap,
    only_sessions_get_tokens,
    tokens_of_another_issuer_or_for_others_are_refused,
    the_last_refresh_is_the_first_ones_end,
    what_is_remembered_of_a_token_is_looked_at_again,
    what_others_vouch_for_is_taken_back_at_once,
);

fn scopes(text: &str) -> Option<std::collections::BTreeSet<seaworthy_identity::rbac::Pattern>> {
    Some([text.parse().expect("a pattern")].into())
}

// 9.2.1, 9.2.2
async fn an_access_token_is_good_until_its_end(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let pair = bed.identity.issue_tokens(&actor, scopes("jobs:*")).await.expect("issued");
    let view = bed.identity.view().clone();
    let caller = view.check_token(pair.access.expose(), bed.wall()).expect("known");
    assert_eq!(caller.principal.subject.user(), Some(ann.id.as_str()));
    assert_eq!((&caller.family, caller.expires), (&pair.family, pair.access_expires));
    let may = |text: &str| bed.identity.allows(&caller.principal, &text.parse().expect("a permission"));
    assert!(may("jobs:write") && !may("schedules:read") && !may("account:write"));
    assert_eq!(view.check_token(pair.refresh.expose(), bed.wall()), Err(Reject::Kind), "refresh as access");
    assert_eq!(
        rejected(bed.identity.refresh(&actor, &pair.access).await),
        Reject::Malformed,
        "access as refresh"
    );
    assert!(bed.identity.session(pair.access.expose()).await.is_err());
    bed.pass(3_599);
    assert!(view.check_token(pair.access.expose(), bed.wall()).is_ok());
    bed.pass(1);
    assert_eq!(view.check_token(pair.access.expose(), bed.wall()), Err(Reject::Expired));
    let early = bed.wall() - Duration::from_secs(2 * 3_600);
    assert_eq!(view.check_token(pair.access.expose(), early), Err(Reject::Early));
    bed.sound().await;
}

async fn others_verify_with_what_is_published(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let pair = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let (signed, signature) = pair.access.expose().rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("three parts");
    let json = |part: &str| -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("json")
    };
    let (header, claims) = (json(header), json(claims));
    assert_eq!((&header["alg"], &header["typ"]), (&"EdDSA".into(), &"at+jwt".into()));
    assert_eq!((&claims["iss"], &claims["aud"]), (&"seaworthy".into(), &"seaworthy".into()));
    let jwks = bed.identity.jwks();
    let key = jwks["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .find(|key| key["kid"] == header["kid"])
        .expect("published");
    assert!(key.get("d").is_none(), "nothing private");
    let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().expect("a text")).expect("base64");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &signature).expect("signed by it");
    assert_eq!(bed.identity.discovery("https://x")["jwks_uri"], "https://x/.well-known/jwks.json");
}

// 10.4.5
async fn a_refresh_token_is_good_once(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let mut pair = bed.identity.issue_tokens(&actor, scopes("jobs:read")).await.expect("issued");
    for _ in 0..5 {
        bed.pass(3_600);
        let next = bed.identity.refresh(&nobody(), &pair.refresh).await.expect("exchanged");
        assert_ne!(next.refresh.expose(), pair.refresh.expose());
        let caller = bed.identity.view().check_token(next.access.expose(), bed.wall()).expect("known");
        assert_eq!(caller.principal.scopes, scopes("jobs:read"), "it gets no wider");
        assert_eq!(next.family, pair.family);
        pair = next;
    }
    for wrong in ["", "swr_", "swr_made-up", "swr_\0"] {
        assert!(bed.identity.refresh(&nobody(), &secret(wrong)).await.is_err(), "{wrong}");
    }
    bed.sound().await;
}

async fn a_replay_ends_the_family(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let first = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let other = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let second = bed.identity.refresh(&nobody(), &first.refresh).await.expect("exchanged");
    let view = bed.identity.view().clone();
    assert!(view.check_token(second.access.expose(), bed.wall()).is_ok());
    assert_eq!(rejected(bed.identity.refresh(&nobody(), &first.refresh).await), Reject::Reused);
    assert_eq!(
        view.check_token(second.access.expose(), bed.wall()),
        Err(Reject::Revoked),
        "access tokens too"
    );
    assert_eq!(view.check_token(first.access.expose(), bed.wall()), Err(Reject::Revoked));
    assert_eq!(rejected(bed.identity.refresh(&nobody(), &second.refresh).await), Reject::Revoked);
    assert!(view.check_token(other.access.expose(), bed.wall()).is_ok(), "another log-in goes on");
    assert_eq!(bed.told("token.refresh").await[1], ("failure".to_owned(), "reused".to_owned()));
    bed.sound().await;
}

async fn two_exchanges_at_once_end_the_family(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let first = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let nobody = nobody();
    let (a, b) = tokio::join!(
        bed.identity.refresh(&nobody, &first.refresh),
        bed.identity.refresh(&nobody, &first.refresh)
    );
    let (mut done, mut refused) = (Vec::new(), 0);
    for answer in [a, b] {
        match answer {
            Ok(pair) => done.push(pair),
            Err(_) => refused += 1,
        }
    }
    assert_eq!((done.len(), refused), (1, 1), "one of the two has it");
    let view = bed.identity.view();
    assert_eq!(view.check_token(done[0].access.expose(), bed.wall()), Err(Reject::Revoked));
}

// 7.4.1, 10.4.9
async fn tokens_are_taken_back_at_once(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let view = bed.identity.view().clone();
    let one = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let next = bed.identity.refresh(&actor, &one.refresh).await.expect("exchanged");
    bed.identity.revoke_token(&actor, one.access.expose()).await.expect("taken back");
    assert_eq!(view.check_token(one.access.expose(), bed.wall()), Err(Reject::Revoked));
    assert!(view.check_token(next.access.expose(), bed.wall()).is_ok(), "that one alone");
    bed.identity.revoke_token(&actor, next.refresh.expose()).await.expect("taken back");
    assert_eq!(view.check_token(next.access.expose(), bed.wall()), Err(Reject::Revoked));
    bed.identity.revoke_token(&actor, "nonsense").await.expect("no error (RFC 7009)");
    bed.identity.revoke_token(&actor, "swr_nonsense").await.expect("no error");
    let two = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    bed.pass(1);
    bed.identity.revoke_tokens(&actor, &ann.id).await.expect("taken back");
    assert_eq!(view.check_token(two.access.expose(), bed.wall()), Err(Reject::Revoked));
    assert!(bed.identity.refresh(&actor, &two.refresh).await.is_err());
    bed.pass(1);
    let three = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    assert!(view.check_token(three.access.expose(), bed.wall()).is_ok(), "those that come after are good");
    bed.sound().await;
}

async fn roles_that_are_gone_are_gone_from_tokens(bed: Bed) {
    let ann = bed.person("ann", &["operator"]).await;
    let actor = bed.actor("ann").await;
    let pair = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let less = UserChange { roles: Some(vec!["viewer".to_owned()]), ..UserChange::default() };
    bed.identity.update_user(&bed.system, &ann.id, less).await.expect("changed");
    let view = bed.identity.view();
    let caller = view.check_token(pair.access.expose(), bed.wall()).expect("known");
    assert!(!bed.identity.allows(&caller.principal, &"jobs:write".parse().expect("a permission")));
    bed.identity.delete_user(&bed.system, &ann.id).await.expect("removed");
    assert_eq!(view.check_token(pair.access.expose(), bed.wall()), Err(Reject::Revoked));
}

// 11.1.1, 9.1.3
async fn keys_rotate_without_a_gap(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let kid = |jwks: serde_json::Value| jwks["keys"].as_array().expect("keys").len();
    let other = bed.again(settings()).await;
    assert_eq!(kid(other.jwks()), 1, "processes share a key");
    bed.pass(30 * 86_400 - 3_600);
    bed.identity.tidy().await.expect("tidied");
    assert_eq!(kid(bed.identity.jwks()), 1, "not due yet");
    bed.pass(3_600);
    bed.identity.tidy().await.expect("tidied");
    assert_eq!(kid(bed.identity.jwks()), 2, "published, before it signs");
    let id = |token: &str| {
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a part")).expect("base64");
        serde_json::from_slice::<serde_json::Value>(&header).expect("json")["kid"].clone()
    };
    let actor = bed.actor("ann").await;
    let old = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    bed.pass(3_500);
    let last = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    assert_eq!(id(old.access.expose()), id(last.access.expose()));
    bed.pass(100);
    let actor = bed.actor("ann").await;
    let new = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    assert_ne!(id(new.access.expose()), id(last.access.expose()), "it signs");
    bed.identity.tidy().await.expect("tidied");
    let view = bed.identity.view();
    assert!(view.check_token(last.access.expose(), bed.wall()).is_ok(), "the old one still verifies");
    bed.pass(3_500);
    bed.identity.tidy().await.expect("tidied");
    assert_eq!(
        view.check_token(last.access.expose(), bed.wall()),
        Err(Reject::Expired),
        "it ended by itself"
    );
    bed.pass(200);
    bed.identity.tidy().await.expect("tidied");
    assert_eq!(kid(bed.identity.jwks()), 1);
    other.view().refresh().await.expect("read");
    assert_eq!(other.jwks(), bed.identity.jwks());
    bed.sound().await;
}

async fn only_sessions_get_tokens(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let pair = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let caller = bed.identity.view().check_token(pair.access.expose(), bed.wall()).expect("known");
    let with_token = seaworthy_identity::Actor::of((*caller.principal).clone());
    assert!(is_denied(bed.identity.issue_tokens(&with_token, None).await), "a token makes no tokens");
    assert!(is_denied(bed.identity.issue_tokens(&nobody(), None).await));
    assert!(is_denied(bed.identity.issue_tokens(&bed.system, None).await));
}

// 9.2.3
async fn tokens_of_another_issuer_or_for_others_are_refused(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let pair = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let other = bed.again(Settings { issuer: "elsewhere".to_owned(), ..settings() }).await;
    assert_eq!(other.view().check_token(pair.access.expose(), bed.wall()), Err(Reject::Issuer));
    let mut tokens = settings().tokens;
    tokens.audience = "somebody".to_owned();
    let other = bed.again(Settings { tokens, ..settings() }).await;
    assert_eq!(other.view().check_token(pair.access.expose(), bed.wall()), Err(Reject::Audience));
    let foreign = Bed::sqlite().await;
    assert_eq!(foreign.identity.view().check_token(pair.access.expose(), bed.wall()), Err(Reject::Unknown));
}

// 10.4.8
async fn the_last_refresh_is_the_first_ones_end(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let first = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    bed.pass(7 * 86_400 - 60);
    let last = bed.identity.refresh(&nobody(), &first.refresh).await.expect("exchanged");
    assert_eq!(last.refresh_expires, first.refresh_expires);
    assert_eq!(last.access_expires, first.refresh_expires, "nor does an access token outlive it");
    bed.pass(60);
    assert_eq!(rejected(bed.identity.refresh(&nobody(), &last.refresh).await), Reject::Expired);
}

// 7.4.1, 9.1.3: a token that was verified before
async fn what_is_remembered_of_a_token_is_looked_at_again(bed: Bed) {
    let ann = bed.person("ann", &["operator"]).await;
    let actor = bed.actor("ann").await;
    let pair = bed.identity.issue_tokens(&actor, None).await.expect("issued");
    let check = || bed.identity.view().check_token(pair.access.expose(), bed.wall());
    let first = check().expect("known");
    assert!(std::sync::Arc::ptr_eq(&first, &check().expect("known")), "remembered");
    let roles = |roles: &[&str]| UserChange {
        roles: Some(roles.iter().map(|&role| role.to_owned()).collect()),
        ..UserChange::default()
    };
    bed.identity.update_user(&bed.system, &ann.id, roles(&["viewer"])).await.expect("changed");
    assert!(check().expect("known").principal.roles.is_empty(), "the role is gone");
    bed.identity.update_user(&bed.system, &ann.id, roles(&["operator"])).await.expect("changed");
    assert_eq!(check().expect("known").principal.roles, ["operator"]);
    let query = Query::new("DELETE FROM identity_signing_keys");
    bed.store.execute(query).await.expect("removed");
    bed.identity.tidy().await.expect("a new key is made");
    assert_eq!(check(), Err(Reject::Unknown), "its key is gone");
}

// 7.4.1, 7.4.2
async fn what_others_vouch_for_is_taken_back_at_once(bed: Bed) {
    const ISSUER: &str = "https://id.example";
    let view = bed.identity.view().clone();
    let token = Foreign::Token { issuer: ISSUER, id: "t1" };
    let subject = Foreign::Subject { issuer: ISSUER, subject: "ann" };
    let session = Foreign::Session { issuer: ISSUER, id: "s1" };
    let old = Some(bed.wall());
    assert!(!view.is_revoked(&[token, subject, session], old));
    bed.person("ann", &["user"]).await;
    let ann = bed.actor("ann").await;
    assert!(is_denied(bed.identity.revoke_foreign(&ann, subject).await), "that is for those who may");
    assert!(is_denied(bed.identity.revoke_foreign(&nobody(), token).await));
    let system = Actor::system();
    bed.identity.revoke_foreign(&system, token).await.expect("revoked");
    assert!(view.is_revoked(&[subject, token], old));
    let others = [
        Foreign::Token { issuer: "https://id.exampl", id: "et1" },
        Foreign::Token { issuer: ISSUER, id: "t2" },
        Foreign::Subject { issuer: ISSUER, subject: "t1" },
        Foreign::Session { issuer: ISSUER, id: "t1" },
        subject,
    ];
    assert!(!view.is_revoked(&others, old));
    bed.pass(10);
    bed.identity.revoke_foreign(&system, subject).await.expect("revoked");
    assert!(view.is_revoked(&[subject], old), "issued before");
    assert!(view.is_revoked(&[subject], None), "nobody knows when");
    bed.pass(10);
    assert!(!view.is_revoked(&[subject], Some(bed.wall())), "she came back");
    // its holder needs no permission to end a session
    bed.identity.revoke_foreign(&nobody(), session).await.expect("ended");
    assert!(view.is_revoked(&[session], Some(bed.wall())));
    for wrong in ["", "x".repeat(1_025).as_str()] {
        let what = Foreign::Subject { issuer: ISSUER, subject: wrong };
        assert!(bed.identity.revoke_foreign(&system, what).await.is_err());
    }
    bed.sound().await;
}
