use super::jwt::{Claims, read, write};
use crate::Reject;
use crate::text::URL_SAFE;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use proptest::prelude::*;

fn pair() -> (Ed25519KeyPair, [u8; 32]) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
    let public = pair.public_key().as_ref().try_into().expect("32 bytes");
    (pair, public)
}

fn claims() -> Claims {
    let text = |text: &str| text.to_owned();
    Claims {
        iss: text("i"),
        aud: text("a"),
        sub: text("s"),
        iat: 1,
        exp: 2,
        ius: 1_000_000,
        jti: text("j"),
        fam: text("f"),
        client_id: text("a"),
        roles: vec![text("user")],
        scope: None,
    }
}

fn signed(header: &str, claims: &str) -> String {
    let body = format!("{}.{}", URL_SAFE.encode(header), URL_SAFE.encode(claims));
    format!("{body}.{}", URL_SAFE.encode(pair().0.sign(body.as_bytes())))
}

fn check(token: &str) -> Result<Claims, Reject> {
    read(token, |key| (key == "k").then_some(pair().1)).map(|(_, _, claims)| claims)
}

const HEADER: &str = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k"}"#;

#[test]
fn what_was_written_reads_back() {
    let token = write(&claims(), "k", &pair().0).expect("written");
    assert_eq!(check(&token), Ok(claims()));
    assert_eq!(check(&signed(HEADER, &serde_json::to_string(&claims()).expect("json"))), Ok(claims()));
}

// 9.1.1, 9.1.2, 9.1.3, 9.2.2: signed by the right key, and refused all the same
#[test]
fn only_one_kind_of_token_is_read() {
    let body = serde_json::to_string(&claims()).expect("json");
    let cases = [
        (r#"{"alg":"none","typ":"at+jwt","kid":"k"}"#, Reject::Malformed),
        (r#"{"alg":"HS256","typ":"at+jwt","kid":"k"}"#, Reject::Malformed),
        (r#"{"alg":"eddsa","typ":"at+jwt","kid":"k"}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","typ":"JWT","kid":"k"}"#, Reject::Kind),
        (r#"{"alg":"EdDSA","typ":"rt+jwt","kid":"k"}"#, Reject::Kind),
        (r#"{"alg":"EdDSA","kid":"k"}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","typ":"at+jwt"}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","typ":"at+jwt","kid":"../../dev/null"}"#, Reject::Unknown),
        (r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k' OR '1'='1"}"#, Reject::Unknown),
        (r#"{"alg":"EdDSA","typ":"at+jwt","kid":null}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","jku":"https://evil.example"}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","jwk":{}}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","typ":"at+jwt","kid":"k","crit":["b64"],"b64":false}"#, Reject::Malformed),
        (r#"{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"k"}"#, Reject::Malformed),
    ];
    for (header, reason) in cases {
        assert_eq!(check(&signed(header, &body)), Err(reason), "{header}");
    }
    for body in
        ["", "{}", "null", "[]", &body.replace("\"exp\":2", "\"exp\":2.5"), &body.replace("\"exp\":2,", "")]
    {
        assert_eq!(check(&signed(HEADER, body)), Err(Reject::Malformed), "{body}");
    }
    let doubled = body.replacen('{', "{\"sub\":\"somebody-else\",", 1);
    assert_eq!(check(&signed(HEADER, &doubled)), Err(Reject::Malformed));
}

#[test]
fn shapes_that_are_no_tokens() {
    let token = write(&claims(), "k", &pair().0).expect("written");
    let (body, signature) = token.rsplit_once('.').expect("three parts");
    let (header, _) = body.split_once('.').expect("three parts");
    let cases = [
        (String::new(), Reject::Malformed),
        (body.to_owned(), Reject::Malformed),
        (format!("{body}."), Reject::Wrong),
        (format!("{token}."), Reject::Malformed),
        (format!("{token}.x"), Reject::Malformed),
        (format!("{token}="), Reject::Malformed),
        (format!(" {token}"), Reject::Malformed),
        (format!("{header}.{signature}"), Reject::Malformed),
        ("x".repeat(9_000), Reject::Malformed),
        (format!("{}anything", super::refresh::PREFIX), Reject::Kind),
        (format!("{body}.{}", URL_SAFE.encode([0; 64])), Reject::Wrong),
    ];
    for (token, reason) in cases {
        let found = check(&token);
        assert!(found.is_err(), "{token}");
        if reason != Reject::Malformed {
            assert_eq!(found, Err(reason), "{token}");
        }
    }
}

proptest! {
    #[test]
    fn one_changed_character_is_refused(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_.=-]") {
        let token = write(&claims(), "k", &pair().0).expect("written");
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &with);
        prop_assume!(changed != token);
        prop_assert!(check(&changed).is_err());
    }

    #[test]
    fn nothing_panics(text in ".{0,300}") {
        let _ = check(&text);
    }
}
