use crate::harness::{Bed, PASSWORD, answer, credentials, from, is_denied, nobody, rejected, secret};
use aws_lc_rs::hmac;
use seaworthy_core::Secret;
use seaworthy_identity::{Actor, Challenge, Error, LogIn, Reject};
use seaworthy_store::Query;

crate::on_both!(
    a_code_is_asked_for_and_good_once,
    a_challenge_is_good_for_a_few_tries_and_minutes,
    codes_cannot_be_tried_for_ever,
    codes_on_paper_are_good_once,
    a_second_factor_counts_once_it_is_confirmed,
    taking_it_away_asks_for_the_password,
    a_sealed_secret_does_not_open_elsewhere,
);

/// What an authenticator app shows, made without the code under test.
fn code(bed: &Bed, base32: &str) -> String {
    let mut bits = 0_u64;
    let mut count = 0;
    let mut bytes = Vec::new();
    for c in base32.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            _ => c - b'2' + 26,
        };
        bits = bits << 5 | u64::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    let step = bed.identity.now().as_micros() / 30_000_000;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(tag.as_ref()[19] & 0xf);
    let part: [u8; 4] = tag.as_ref()[at..at + 4].try_into().expect("four bytes");
    format!("{:06}", (u32::from_be_bytes(part) & 0x7fff_ffff) % 1_000_000)
}

async fn set_up(bed: &Bed, name: &str) -> (Actor, Secret<String>, Vec<Secret<String>>) {
    let actor = bed.actor(name).await;
    let enrolment = bed.identity.begin_second_factor(&actor, secret(PASSWORD)).await.expect("begun");
    let shown = code(bed, enrolment.secret.expose());
    let paper = bed.identity.confirm_second_factor(&actor, secret(&shown)).await.expect("confirmed");
    bed.pass(60);
    (actor, enrolment.secret, paper)
}

async fn challenged(bed: &Bed, name: &str) -> Challenge {
    match bed
        .identity
        .log_in(&from("192.0.2.1"), credentials(name, PASSWORD))
        .await
        .expect("the password is right")
    {
        LogIn::NeedsSecondFactor(challenge) => challenge,
        LogIn::Done(_) => panic!("a code is asked for"),
    }
}

// 6.3.3, 6.5.1
async fn a_code_is_asked_for_and_good_once(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let (_, key, _) = set_up(&bed, "ann").await;
    let here = from("192.0.2.1");
    let challenge = challenged(&bed, "ann").await;
    let shown = code(&bed, key.expose());
    let done = bed.identity.second_factor(&here, answer(&challenge.token, &shown)).await.expect("comes in");
    let holder = bed.identity.session(done.token.expose()).await.expect("a session");
    assert_eq!(holder.principal.method, seaworthy_identity::AuthMethod::PasswordAndTotp);
    let again = bed.identity.second_factor(&here, answer(&challenge.token, &shown)).await;
    assert_eq!(rejected(again), Reject::Unknown, "the challenge is over");
    let next = challenged(&bed, "ann").await;
    let replayed = bed.identity.second_factor(&here, answer(&next.token, &shown)).await;
    assert_eq!(rejected(replayed), Reject::Wrong, "the code is used");
    bed.pass(30);
    let shown = code(&bed, key.expose());
    bed.identity.second_factor(&here, answer(&next.token, &shown)).await.expect("the next code");
    assert!(bed.identity.session(next.token.expose()).await.is_err(), "a challenge is no session");
    bed.sound().await;
}

// 6.6.3
async fn a_challenge_is_good_for_a_few_tries_and_minutes(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let (_, key, _) = set_up(&bed, "ann").await;
    let here = from("192.0.2.1");
    let challenge = challenged(&bed, "ann").await;
    for wrong in ["000000", "", "not a code", "1234567"] {
        let refused = bed.identity.second_factor(&here, answer(&challenge.token, wrong)).await;
        assert_eq!(rejected(refused), Reject::Wrong);
    }
    bed.pass(300);
    let shown = code(&bed, key.expose());
    let late = bed.identity.second_factor(&here, answer(&challenge.token, &shown)).await;
    assert_eq!(rejected(late), Reject::Unknown);
    let unknown = bed.identity.second_factor(&here, answer(&secret("swc_made-up"), &shown)).await;
    assert_eq!(rejected(unknown), Reject::Unknown);
}

// 6.3.1: who has the password gets no more tries by logging in again
async fn codes_cannot_be_tried_for_ever(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let (_, key, _) = set_up(&bed, "ann").await;
    let here = from("192.0.2.1");
    for _ in 0..5 {
        let challenge = challenged(&bed, "ann").await;
        assert!(bed.identity.second_factor(&here, answer(&challenge.token, "abcdef")).await.is_err());
    }
    let challenge = challenged(&bed, "ann").await;
    let shown = code(&bed, key.expose());
    let locked = bed.identity.second_factor(&here, answer(&challenge.token, &shown)).await;
    assert!(matches!(locked, Err(Error::LockedOut(_))));
    bed.pass(900);
    let challenge = challenged(&bed, "ann").await;
    let shown = code(&bed, key.expose());
    bed.identity.second_factor(&here, answer(&challenge.token, &shown)).await.expect("later it is looked at");
}

// 6.5.2, 6.5.3
async fn codes_on_paper_are_good_once(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let (_, _, paper) = set_up(&bed, "ann").await;
    assert_eq!(paper.len(), 10);
    let here = from("192.0.2.1");
    let challenge = challenged(&bed, "ann").await;
    let written = paper[3].expose().to_uppercase().replace('-', " ");
    bed.identity.second_factor(&here, answer(&challenge.token, &written)).await.expect("comes in");
    let challenge = challenged(&bed, "ann").await;
    let again = bed.identity.second_factor(&here, answer(&challenge.token, paper[3].expose())).await;
    assert_eq!(rejected(again), Reject::Wrong);
    bed.identity.second_factor(&here, answer(&challenge.token, paper[4].expose())).await.expect("another");
    bed.person("bob", &["user"]).await;
    set_up(&bed, "bob").await;
    let theirs = challenged(&bed, "bob").await;
    let foreign = bed.identity.second_factor(&here, answer(&theirs.token, paper[5].expose())).await;
    assert_eq!(rejected(foreign), Reject::Wrong, "paper is its owner's");
}

async fn a_second_factor_counts_once_it_is_confirmed(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let actor = bed.actor("ann").await;
    let wrong = bed.identity.begin_second_factor(&actor, secret("not the password")).await;
    assert_eq!(rejected(wrong), Reject::Wrong);
    let first = bed.identity.begin_second_factor(&actor, secret(PASSWORD)).await.expect("begun");
    assert!(first.uri.expose().starts_with("otpauth://totp/seaworthy:ann?secret="));
    assert!(first.uri.expose().contains(first.secret.expose().as_str()));
    bed.comes_in("ann").await;
    let unconfirmed = bed.identity.confirm_second_factor(&actor, secret("000000")).await;
    assert_eq!(rejected(unconfirmed), Reject::Wrong);
    let second = bed.identity.begin_second_factor(&actor, secret(PASSWORD)).await.expect("begun again");
    assert_ne!(first.secret.expose(), second.secret.expose());
    let shown = code(&bed, second.secret.expose());
    bed.identity.confirm_second_factor(&actor, secret(&shown)).await.expect("confirmed");
    let twice = bed.identity.begin_second_factor(&actor, secret(PASSWORD)).await;
    assert!(matches!(twice, Err(Error::Conflict(_))), "one that counts is not replaced in silence");
    assert!(is_denied(bed.identity.begin_second_factor(&nobody(), secret(PASSWORD)).await));
}

// 7.5.1
async fn taking_it_away_asks_for_the_password(bed: Bed) {
    bed.person("ann", &["user"]).await;
    let (actor, ..) = set_up(&bed, "ann").await;
    let wrong = bed.identity.remove_second_factor(&actor, secret("not the password")).await;
    assert_eq!(rejected(wrong), Reject::Wrong);
    challenged(&bed, "ann").await;
    bed.identity.remove_second_factor(&actor, secret(PASSWORD)).await.expect("removed");
    bed.comes_in("ann").await;
    bed.sound().await;
}

// 11.3.3, 14.2.4: a row's secret put into another row
async fn a_sealed_secret_does_not_open_elsewhere(bed: Bed) {
    let ann = bed.person("ann", &["user"]).await;
    let bob = bed.person("bob", &["user"]).await;
    let (_, key, _) = set_up(&bed, "ann").await;
    let query = Query::new(
        "UPDATE identity_users SET totp = (SELECT totp FROM identity_users WHERE id = $1), totp_confirmed = 1 WHERE id = $2",
    );
    bed.store.execute(query.bind(ann.id.as_str()).bind(bob.id.as_str())).await.expect("moved");
    let challenge = challenged(&bed, "bob").await;
    let shown = code(&bed, key.expose());
    let refused = bed.identity.second_factor(&from("192.0.2.1"), answer(&challenge.token, &shown)).await;
    assert!(matches!(refused, Err(Error::Seal(_))), "{refused:?}");
    let query = Query::new("SELECT totp FROM identity_users WHERE id = $1").bind(ann.id.as_str());
    let sealed: String = bed.store.fetch_one(query).await.expect("there").get("totp").expect("a text");
    assert!(sealed.starts_with("v1:") && !sealed.contains(key.expose().as_str()));
}
