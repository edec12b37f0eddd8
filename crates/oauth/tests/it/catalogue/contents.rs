//! Headers, claims and forms that no token has.

use super::*;

pub(super) fn headers(world: &World) -> Vec<Case> {
    let none = || json!({});
    let evil = Key::p256();
    let embedded =
        |header: Value| evil.token(&with(json!({"alg": "ES256", "kid": "es"}), header), &claims_of(ISSUER));
    let kid = |kid: Value| world.es(json!({"kid": kid}), none());
    let huge = "k".repeat(257);
    vec![
        ("kid is a path", "9.1.3", kid(json!("../../../../dev/null")), NO(Reject::KeyUnknown)),
        ("kid is a file", "9.1.3", kid(json!("/etc/passwd")), NO(Reject::KeyUnknown)),
        ("kid is SQL", "9.1.3", kid(json!("x' UNION SELECT 'secret'--")), NO(Reject::KeyUnknown)),
        ("kid is a command", "9.1.3", kid(json!("|/bin/sleep 10")), NO(Reject::KeyUnknown)),
        ("kid is a URL", "9.1.3", kid(json!("https://evil.test/key")), NO(Reject::KeyUnknown)),
        ("kid is empty", "9.1.3", kid(json!("")), NO(Reject::Header)),
        (
            "kid is null",
            "9.1.3",
            world.es.raw("ES256", br#"{"alg":"ES256","kid":null}"#, claims_of(ISSUER).to_string().as_bytes()),
            NO(Reject::Header),
        ),
        ("kid is a number", "9.1.3", kid(json!(1)), NO(Reject::Header)),
        ("kid is a list", "9.1.3", kid(json!(["es"])), NO(Reject::Header)),
        ("kid is huge", "9.1.3", kid(json!(huge)), NO(Reject::Header)),
        ("kid with a null byte", "9.1.3", kid(json!("es\u{0}")), NO(Reject::Header)),
        ("kid in other letters", "9.1.3", kid(json!("ES")), NO(Reject::KeyUnknown)),
        ("kid with a blank", "9.1.3", kid(json!("es ")), NO(Reject::KeyUnknown)),
        ("jwk embedded", "9.1.3", embedded(json!({"jwk": evil.jwk("es")})), NO(Reject::Signature)),
        ("jku", "9.1.3", embedded(json!({"jku": "https://evil.test/jwks.json"})), NO(Reject::Signature)),
        ("x5u", "9.1.3", embedded(json!({"x5u": "https://evil.test/cert.pem"})), NO(Reject::Signature)),
        ("x5c", "9.1.3", embedded(json!({"x5c": [b64("certificate")]})), NO(Reject::Signature)),
        (
            "jwk embedded with its own kid",
            "9.1.3",
            embedded(json!({"jwk": evil.jwk("evil"), "kid": "evil"})),
            NO(Reject::KeyUnknown),
        ),
        (
            "crit unknown",
            "9.2.2",
            world.es(json!({"crit": ["exp2"], "exp2": 1}), none()),
            NO(Reject::Critical),
        ),
        ("crit empty", "9.2.2", world.es(json!({"crit": []}), none()), NO(Reject::Critical)),
        (
            "crit with b64",
            "9.2.2",
            world.es(json!({"crit": ["b64"], "b64": false}), none()),
            NO(Reject::Critical),
        ),
        ("b64 false", "9.2.2", world.es(json!({"b64": false}), none()), NO(Reject::Critical)),
        ("zip", "9.2.2", world.es(json!({"zip": "DEF"}), none()), NO(Reject::Header)),
        ("nested token by cty", "9.2.2", world.es(json!({"cty": "JWT"}), none()), NO(Reject::Header)),
        (
            "nested token as payload",
            "9.2.2",
            world.es.raw("ES256", br#"{"alg":"ES256","kid":"es"}"#, world.es(none(), none()).as_bytes()),
            NO(Reject::Malformed),
        ),
        (
            "encrypted",
            "9.2.2",
            format!("{}.a.b.c.d", b64(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)),
            NO(Reject::Encrypted),
        ),
        (
            "enc in a signed token",
            "9.2.2",
            world.es(json!({"enc": "A256GCM"}), none()),
            NO(Reject::Encrypted),
        ),
        ("typ refresh", "9.2.2", world.es(json!({"typ": "rt+jwt"}), none()), NO(Reject::Type)),
        ("typ log-out", "9.2.2", world.es(json!({"typ": "logout+jwt"}), none()), NO(Reject::Type)),
        ("typ proof of possession", "9.2.2", world.es(json!({"typ": "dpop+jwt"}), none()), NO(Reject::Type)),
        ("typ security event", "9.2.2", world.es(json!({"typ": "secevent+jwt"}), none()), NO(Reject::Type)),
        ("typ is a number", "9.2.2", world.es(json!({"typ": 1}), none()), NO(Reject::Header)),
    ]
}

pub(super) fn claims(world: &World) -> Vec<Case> {
    let es = |changes: Value| world.es(json!({}), changes);
    let raw = |payload: &str| world.es.raw("ES256", br#"{"alg":"ES256","kid":"es"}"#, payload.as_bytes());
    let base = format!(r#""iss":"{ISSUER}","sub":"joe","aud":"{AUDIENCE}""#);
    vec![
        ("expired", "9.2.1", es(json!({"exp": NOW - 31})), NO(Reject::Expired)),
        ("expired long ago", "9.2.1", es(json!({"exp": 1})), NO(Reject::Expired)),
        ("expired at zero", "9.2.1", es(json!({"exp": 0})), NO(Reject::Expired)),
        ("exp missing", "9.2.1", es(json!({"exp": null})), NO(Reject::ClaimMissing)),
        ("exp null", "9.2.1", raw(&format!(r#"{{{base},"exp":null}}"#)), NO(Reject::ClaimInvalid)),
        ("exp is a text", "9.2.1", es(json!({"exp": (NOW + 300).to_string()})), NO(Reject::ClaimInvalid)),
        ("exp is true", "9.2.1", es(json!({"exp": true})), NO(Reject::ClaimInvalid)),
        ("exp is negative", "9.2.1", es(json!({"exp": -1})), NO(Reject::ClaimInvalid)),
        ("exp is huge", "9.2.1", es(json!({"exp": u64::MAX})), NO(Reject::ClaimInvalid)),
        ("exp is 1e300", "9.2.1", es(json!({"exp": 1e300})), NO(Reject::ClaimInvalid)),
        ("exp is 1e999", "9.2.1", raw(&format!(r#"{{{base},"exp":1e999}}"#)), NO(Reject::Malformed)),
        ("exp is a list", "9.2.1", es(json!({"exp": [NOW + 300]})), NO(Reject::ClaimInvalid)),
        ("nbf in the future", "9.2.1", es(json!({"nbf": NOW + 31})), NO(Reject::NotYetValid)),
        ("nbf is a text", "9.2.1", es(json!({"nbf": "0"})), NO(Reject::ClaimInvalid)),
        ("iat in the future", "9.2.1", es(json!({"iat": NOW + 31})), NO(Reject::IssuedInFuture)),
        ("iat is a text", "9.2.1", es(json!({"iat": "now"})), NO(Reject::ClaimInvalid)),
        ("iss missing", "9.1.3", es(json!({"iss": null})), NO(Reject::ClaimMissing)),
        ("iss of others", "9.1.3", es(json!({"iss": "https://evil.test"})), NO(Reject::Issuer)),
        ("iss with a slash", "9.1.3", es(json!({"iss": format!("{ISSUER}/")})), NO(Reject::Issuer)),
        ("iss in other letters", "9.1.3", es(json!({"iss": "https://ID.example.com"})), NO(Reject::Issuer)),
        ("iss continued", "9.1.3", es(json!({"iss": format!("{ISSUER}.evil.test")})), NO(Reject::Issuer)),
        ("iss is a list", "9.1.3", es(json!({"iss": [ISSUER]})), NO(Reject::ClaimInvalid)),
        ("iss empty", "9.1.3", es(json!({"iss": ""})), NO(Reject::Issuer)),
        ("aud missing", "9.2.3", es(json!({"aud": null})), NO(Reject::ClaimMissing)),
        ("aud of others", "9.2.3", es(json!({"aud": "https://other.example.com"})), NO(Reject::Audience)),
        ("aud is a part", "9.2.3", es(json!({"aud": "https://api.example"})), NO(Reject::Audience)),
        ("aud is more", "9.2.3", es(json!({"aud": format!("{AUDIENCE}.evil.test")})), NO(Reject::Audience)),
        (
            "aud in other letters",
            "9.2.3",
            es(json!({"aud": "https://API.example.com"})),
            NO(Reject::Audience),
        ),
        ("aud with a slash", "9.2.3", es(json!({"aud": format!("{AUDIENCE}/")})), NO(Reject::Audience)),
        ("aud list of others", "9.2.3", es(json!({"aud": ["a", "b"]})), NO(Reject::Audience)),
        ("aud list empty", "9.2.3", es(json!({"aud": []})), NO(Reject::Audience)),
        ("aud list with a number", "9.2.3", es(json!({"aud": [AUDIENCE, 1]})), NO(Reject::ClaimInvalid)),
        ("aud is an object", "9.2.3", es(json!({"aud": {"a": AUDIENCE}})), NO(Reject::ClaimInvalid)),
        ("aud empty", "9.2.3", es(json!({"aud": ""})), NO(Reject::Audience)),
        (
            "two audiences in one text",
            "9.2.3",
            es(json!({"aud": format!("{AUDIENCE} second")})),
            NO(Reject::Audience),
        ),
        ("sub missing", "9.2.2", es(json!({"sub": null})), NO(Reject::ClaimMissing)),
        ("sub empty", "9.2.2", es(json!({"sub": ""})), NO(Reject::ClaimInvalid)),
        ("sub is a number", "9.2.2", es(json!({"sub": 1})), NO(Reject::ClaimInvalid)),
        ("sub with a line break", "9.2.2", es(json!({"sub": "joe\r\nX-Admin: 1"})), NO(Reject::ClaimInvalid)),
        ("refresh token by typ", "9.2.2", es(json!({"typ": "Refresh"})), NO(Reject::Type)),
        ("refresh token by token_use", "9.2.2", es(json!({"token_use": "refresh"})), NO(Reject::Type)),
        (
            "refresh token by token_type",
            "9.2.2",
            es(json!({"token_type": "refresh_token"})),
            NO(Reject::Type),
        ),
        ("offline token", "9.2.2", es(json!({"typ": "Offline"})), NO(Reject::Type)),
        ("ID token by typ", "9.2.2", es(json!({"typ": "ID"})), NO(Reject::Type)),
        ("ID token by token_use", "9.2.2", es(json!({"token_use": "id"})), NO(Reject::Type)),
        ("ID token by at_hash", "9.2.2", es(json!({"at_hash": "x"})), NO(Reject::Type)),
        ("log-out token", "9.2.2", es(json!({"events": {}})), NO(Reject::Type)),
        ("token_use is a list", "9.2.2", es(json!({"token_use": ["access"]})), NO(Reject::Type)),
        ("scope is a number", "9.2.2", es(json!({"scope": 1})), NO(Reject::ClaimInvalid)),
        ("scope list with an object", "9.2.2", es(json!({"scope": ["a", {}]})), NO(Reject::ClaimInvalid)),
        (
            "roles are an object",
            "9.2.2",
            es(json!({"realm_access": {"roles": {"admin": true}}})),
            NO(Reject::ClaimInvalid),
        ),
        (
            "role with a line break",
            "9.2.2",
            es(json!({"realm_access": {"roles": ["a\nb"]}})),
            NO(Reject::ClaimInvalid),
        ),
        ("tenant is a number", "9.2.2", es(json!({"tenant": 5})), NO(Reject::ClaimInvalid)),
        ("jti is a number", "9.2.2", es(json!({"jti": 5})), NO(Reject::ClaimInvalid)),
    ]
}

pub(super) fn forms(world: &World) -> Vec<Case> {
    let none = || json!({});
    let good = world.es(none(), none());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let raw = |header: &str, payload: &str| world.es.raw("ES256", header.as_bytes(), payload.as_bytes());
    let es = r#"{"alg":"ES256","kid":"es"}"#;
    let claims = claims_of(ISSUER).to_string();
    let doubled = format!("{{\"iss\":\"{ISSUER}\",{}", &claims[1..]);
    // 64 bytes leave four unused bits in the last letter
    let last = signature.chars().last().unwrap();
    let next = char::from(
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            ["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".find(last).unwrap() ^ 1],
    );
    let bent = format!("{header}.{payload}.{}{next}", &signature[..signature.len() - 1]);
    let deep = format!("{{\"a\":{}{},{}", "[".repeat(500), "]".repeat(500), &claims[1..]);
    vec![
        ("empty", "9.1.1", String::new(), NO(Reject::Malformed)),
        ("one segment", "9.1.1", header.to_owned(), NO(Reject::Malformed)),
        ("two segments", "9.1.1", format!("{header}.{payload}"), NO(Reject::Malformed)),
        ("four segments", "9.1.1", format!("{good}.x"), NO(Reject::Malformed)),
        ("six segments", "9.1.1", format!("{good}.x.y.z"), NO(Reject::Malformed)),
        ("dots", "9.1.1", "..".to_owned(), NO(Reject::Malformed)),
        ("blank before", "9.1.1", format!(" {good}"), NO(Reject::Malformed)),
        ("line break behind", "9.1.1", format!("{good}\n"), NO(Reject::Malformed)),
        ("blank within", "9.1.1", format!("{header}. {payload}.{signature}"), NO(Reject::Malformed)),
        ("padding", "9.1.1", format!("{good}=="), NO(Reject::Malformed)),
        (
            "standard base64",
            "9.1.1",
            format!("{header}.{payload}.{}", "+/".repeat(43)),
            NO(Reject::Malformed),
        ),
        ("unused bits set", "9.1.1", bent, NO(Reject::Malformed)),
        ("unicode", "9.1.1", format!("{header}.{payload}.ü"), NO(Reject::Malformed)),
        ("null byte", "9.1.1", format!("{good}\0"), NO(Reject::Malformed)),
        ("too large", "9.1.1", format!("{good}{}", "A".repeat(16 * 1024)), NO(Reject::TooLarge)),
        ("doubled member in the payload", "9.1.1", raw(es, &doubled), NO(Reject::Malformed)),
        (
            "doubled member in the header",
            "9.1.2",
            raw(r#"{"alg":"none","alg":"ES256","kid":"es"}"#, &claims),
            NO(Reject::Malformed),
        ),
        (
            "doubled member, escaped",
            "9.1.2",
            raw(r#"{"alg":"ES256","\u0061lg":"none","kid":"es"}"#, &claims),
            NO(Reject::Malformed),
        ),
        ("something behind the payload", "9.1.1", raw(es, &format!("{claims}{{}}")), NO(Reject::Malformed)),
        ("something behind the header", "9.1.1", raw(&format!("{es}x"), &claims), NO(Reject::Malformed)),
        ("payload is a list", "9.1.1", raw(es, "[]"), NO(Reject::Malformed)),
        ("payload is a text", "9.1.1", raw(es, "\"x\""), NO(Reject::Malformed)),
        ("payload is empty", "9.1.1", raw(es, ""), NO(Reject::Malformed)),
        ("payload is deep", "9.1.1", raw(es, &deep), NO(Reject::Malformed)),
        (
            "payload is no UTF-8",
            "9.1.1",
            world.es.raw("ES256", es.as_bytes(), b"{\"iss\":\"\xff\"}"),
            NO(Reject::Malformed),
        ),
        ("header is a list", "9.1.1", raw("[]", &claims), NO(Reject::Malformed)),
        (
            "header with a byte order mark",
            "9.1.1",
            raw(&format!("\u{feff}{es}"), &claims),
            NO(Reject::Malformed),
        ),
        (
            "JSON serialization",
            "9.1.1",
            json!({"payload": payload, "protected": header, "signature": signature}).to_string(),
            NO(Reject::Malformed),
        ),
        ("not a token", "9.1.1", "sw_0123456789abcdef".to_owned(), NO(Reject::Malformed)),
    ]
}

pub(super) fn strict(world: &World) -> Vec<Case> {
    let tenant = |mut changes: Value| {
        changes["tenant"] = json!("acme");
        changes
    };
    vec![
        ("control strict", "9.2.2", world.es(json!({}), tenant(json!({}))), Ok(())),
        ("typ missing", "9.2.2", world.es(json!({"typ": null}), tenant(json!({}))), NO(Reject::Type)),
        ("typ JWT", "9.2.2", world.es(json!({"typ": "JWT"}), tenant(json!({}))), NO(Reject::Type)),
        (
            "issued too long ago",
            "9.2.1",
            world.es(json!({}), tenant(json!({"iat": NOW - 3631}))),
            NO(Reject::TooOld),
        ),
        ("iat missing", "9.2.1", world.es(json!({}), tenant(json!({"iat": null}))), NO(Reject::ClaimMissing)),
        ("required claim missing", "9.2.2", world.es(json!({}), json!({})), NO(Reject::ClaimMissing)),
    ]
}
