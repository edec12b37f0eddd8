//! Algorithms that are mixed up, and signatures that are none.

use super::*;

pub(super) fn algorithms(world: &World) -> Vec<Case> {
    let none = || json!({});
    let claims = || claims_of(ISSUER);
    // a public key taken for the secret of an HMAC, in every form it is published in
    let confused = |secret: Vec<u8>, algorithm: &str, kid: &str| {
        Key::Hmac(secret).token(&json!({"alg": algorithm, "kid": kid}), &claims_of(ISSUER))
    };
    let pem = world.rsa.pem();
    let unsigned = |algorithm: &str| {
        let header = json!({"alg": algorithm, "kid": "es"}).to_string();
        format!("{}.{}.", b64(header), b64(claims().to_string()))
    };
    vec![
        (
            "RS key as HS secret, PEM",
            "9.1.2",
            confused(pem.clone().into_bytes(), "HS256", "rs"),
            NO(Reject::Algorithm),
        ),
        (
            "RS key as HS secret, PEM trimmed",
            "9.1.2",
            confused(pem.trim().as_bytes().to_vec(), "HS256", "rs"),
            NO(Reject::Algorithm),
        ),
        (
            "RS key as HS secret, DER",
            "9.1.2",
            confused(world.rsa.der(), "HS256", "rs"),
            NO(Reject::Algorithm),
        ),
        (
            "RS key as HS secret, JWK",
            "9.1.2",
            confused(world.rsa.jwk("rs").to_string().into_bytes(), "HS256", "rs"),
            NO(Reject::Algorithm),
        ),
        (
            "RS key as HS384 secret",
            "9.1.2",
            confused(pem.clone().into_bytes(), "HS384", "rs"),
            NO(Reject::Algorithm),
        ),
        ("RS key as HS512 secret", "9.1.2", confused(pem.into_bytes(), "HS512", "rs"), NO(Reject::Algorithm)),
        ("ES key as HS secret", "9.1.2", confused(world.es.der(), "HS256", "es"), NO(Reject::Algorithm)),
        ("Ed key as HS secret", "9.1.2", confused(world.ed.der(), "HS256", "ed"), NO(Reject::Algorithm)),
        (
            "secret of a published oct key",
            "9.1.2",
            confused(vec![1; 64], "HS256", "oct"),
            NO(Reject::Algorithm),
        ),
        ("none", "9.1.2", unsigned("none"), NO(Reject::Algorithm)),
        ("None", "9.1.2", unsigned("None"), NO(Reject::Algorithm)),
        ("NONE", "9.1.2", unsigned("NONE"), NO(Reject::Algorithm)),
        ("nOnE", "9.1.2", unsigned("nOnE"), NO(Reject::Algorithm)),
        ("none with a blank", "9.1.2", unsigned("none "), NO(Reject::Algorithm)),
        ("empty algorithm", "9.1.2", unsigned(""), NO(Reject::Algorithm)),
        ("none with a signature", "9.1.2", world.es(json!({"alg": "none"}), none()), NO(Reject::Algorithm)),
        ("algorithm missing", "9.1.2", world.es(json!({"alg": null}), none()), NO(Reject::Algorithm)),
        ("algorithm is a number", "9.1.2", world.es(json!({"alg": 256}), none()), NO(Reject::Algorithm)),
        ("algorithm is a list", "9.1.2", world.es(json!({"alg": ["ES256"]}), none()), NO(Reject::Algorithm)),
        (
            "algorithm in lower case",
            "9.1.2",
            world.es(json!({"alg": "es256"}), none()),
            NO(Reject::Algorithm),
        ),
        (
            "algorithm with a null byte",
            "9.1.2",
            world.es(json!({"alg": "ES256\u{0}"}), none()),
            NO(Reject::Algorithm),
        ),
        ("unknown algorithm", "9.1.2", world.es(json!({"alg": "ES257"}), none()), NO(Reject::Algorithm)),
        (
            "ES256K",
            "9.1.2",
            Key::k256().token(&json!({"alg": "ES256K", "kid": "es"}), &claims()),
            NO(Reject::Algorithm),
        ),
        ("RS512 is not in the list", "9.1.2", world.rs("RS512", "rs"), NO(Reject::Algorithm)),
        ("RS256 with a key for PS256", "9.1.2", world.rs("RS256", "ps"), NO(Reject::Algorithm)),
        (
            "RS256 signature said to be PS256",
            "9.1.2",
            world.rsa.raw("RS256", br#"{"alg":"PS256","kid":"ps"}"#, claims().to_string().as_bytes()),
            NO(Reject::Signature),
        ),
        (
            "PS256 signature said to be RS256",
            "9.1.2",
            world.rsa.raw("PS256", br#"{"alg":"RS256","kid":"rs"}"#, claims().to_string().as_bytes()),
            NO(Reject::Signature),
        ),
        ("ES256 with an RSA key", "9.1.2", world.es(json!({"kid": "rs"}), none()), NO(Reject::Algorithm)),
        (
            "ES256 with a key of P-384",
            "9.1.2",
            world.es(json!({"kid": "es384"}), none()),
            NO(Reject::Algorithm),
        ),
        (
            "ES384 with a key of P-256",
            "9.1.2",
            world.p384.token(&json!({"alg": "ES384", "kid": "es"}), &claims()),
            NO(Reject::Algorithm),
        ),
        (
            "ES512 is not in the list",
            "9.1.2",
            Key::p521().token(&json!({"alg": "ES512", "kid": "es"}), &claims()),
            NO(Reject::Algorithm),
        ),
        (
            "EdDSA with a key of P-256",
            "9.1.2",
            world.ed.token(&json!({"alg": "EdDSA", "kid": "es"}), &claims()),
            NO(Reject::Algorithm),
        ),
        (
            "public key algorithm for an issuer of secrets",
            "9.1.2",
            world.es(none(), json!({"iss": SECRETS})),
            NO(Reject::Algorithm),
        ),
        (
            "HS512 for an issuer of HS256",
            "9.1.2",
            world.hs(json!({"alg": "HS512"}), none()),
            NO(Reject::Algorithm),
        ),
        (
            "secret of another issuer",
            "9.1.3",
            world.shared.token(&json!({"alg": "HS256"}), &claims()),
            NO(Reject::Algorithm),
        ),
    ]
}

pub(super) fn signatures(world: &World) -> Vec<Case> {
    let none = || json!({});
    let claims = claims_of(ISSUER).to_string();
    let signed =
        |header: &str, signature: &[u8]| format!("{}.{}.{}", b64(header), b64(&claims), b64(signature));
    let es = r#"{"alg":"ES256","kid":"es"}"#;
    let good = world.es(none(), none());
    let (front, back) = good.rsplit_once('.').unwrap();
    let payload = b64(with(claims_of(ISSUER), json!({"sub": "admin"})).to_string());
    let header = front.split('.').next().unwrap();
    let other = Key::p256().token(&json!({"alg": "ES256", "kid": "es"}), &claims_of(ISSUER));
    vec![
        ("another key", "9.1.1", other, NO(Reject::Signature)),
        ("changed payload", "9.1.1", format!("{header}.{payload}.{back}"), NO(Reject::Signature)),
        ("no signature", "9.1.1", format!("{front}."), NO(Reject::Signature)),
        ("psychic signature of zeros", "9.1.1", signed(es, &[0; 64]), NO(Reject::Signature)),
        (
            "psychic signature, r only",
            "9.1.1",
            signed(es, &[&[1; 32][..], &[0; 32]].concat()),
            NO(Reject::Signature),
        ),
        ("signature of the group's order", "9.1.1", signed(es, &[0xff; 64]), NO(Reject::Signature)),
        ("signature too short", "9.1.1", signed(es, &[1; 63]), NO(Reject::Signature)),
        ("signature too long", "9.1.1", signed(es, &[1; 65]), NO(Reject::Signature)),
        (
            "ECDSA signature in DER",
            "9.1.1",
            world.es_der.token(&json!({"alg": "ES256", "kid": "es-der"}), &claims_of(ISSUER)),
            NO(Reject::Signature),
        ),
        (
            "RSA signature of zeros",
            "9.1.1",
            signed(r#"{"alg":"RS256","kid":"rs"}"#, &[0; 256]),
            NO(Reject::Signature),
        ),
        (
            "RSA signature of one",
            "9.1.1",
            signed(r#"{"alg":"RS256","kid":"rs"}"#, &[&[0; 255][..], &[1]].concat()),
            NO(Reject::Signature),
        ),
        (
            "EdDSA signature of zeros",
            "9.1.1",
            signed(r#"{"alg":"EdDSA","kid":"ed"}"#, &[0; 64]),
            NO(Reject::Signature),
        ),
        (
            "EdDSA key of small order",
            "9.1.3",
            signed(r#"{"alg":"EdDSA","kid":"small"}"#, &[0; 64]),
            NO(Reject::KeyUnknown),
        ),
        (
            "RSA key of 1,024 bits",
            "9.1.3",
            signed(r#"{"alg":"RS256","kid":"rsa1024"}"#, &[0; 128]),
            NO(Reject::KeyUnknown),
        ),
        ("a key for encryption", "9.1.3", world.es(json!({"kid": "enc"}), none()), NO(Reject::KeyUnknown)),
        (
            "HMAC cut short",
            "9.1.1",
            {
                let token = world.hs(none(), none());
                let (front, _) = token.rsplit_once('.').unwrap();
                format!("{front}.{}", b64([1; 16]))
            },
            NO(Reject::Signature),
        ),
        (
            "HMAC empty",
            "9.1.1",
            {
                let token = world.hs(none(), none());
                format!("{}.", token.rsplit_once('.').unwrap().0)
            },
            NO(Reject::Signature),
        ),
        (
            "the empty secret",
            "9.1.1",
            Key::Hmac(Vec::new()).token(&json!({"alg": "HS256"}), &claims_of(SECRETS)),
            NO(Reject::Signature),
        ),
    ]
}
