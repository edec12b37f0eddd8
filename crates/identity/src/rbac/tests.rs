use super::*;
use crate::principal::{Granted, HeldGrant};
use crate::{AuthMethod, Principal, Subject};
use proptest::prelude::*;
use seaworthy_store::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_000_000);

fn permission(text: &str) -> Permission {
    text.parse().expect("a permission")
}

fn pattern(text: &str) -> Pattern {
    text.parse().expect("a pattern")
}

fn role(name: &str, inherits: &[&str], permissions: &[&str]) -> Role {
    Role {
        name: name.to_owned(),
        inherits: inherits.iter().map(|&name| name.to_owned()).collect(),
        permissions: permissions.iter().map(|text| pattern(text)).collect(),
        except: Vec::new(),
    }
}

fn principal(roles: &[&str]) -> Principal {
    let mut principal = Principal::bare(Subject::User("u".to_owned()), "u", AuthMethod::Password);
    principal.roles = roles.iter().map(|&role| role.to_owned()).collect();
    principal
}

// 8.2.1, 8.3.1: what is not allowed is refused
#[test]
fn built_in_roles_allow_what_they_should_and_nothing_else() {
    let policy = Policy::default();
    let cases = [
        ("jobs:read", [true, true, true, true]),
        ("jobs:write", [false, true, true, true]),
        ("schedules:write", [false, false, true, true]),
        ("releases:operate", [false, false, true, true]),
        ("alerts:read", [true, true, true, true]),
        ("alerts:write", [false, false, true, true]),
        ("alerts:create", [false, false, true, true]),
        ("objectives:read", [true, true, true, true]),
        ("metrics:read", [true, true, true, true]),
        ("requests:read", [false, false, true, true]),
        ("profile:read", [false, false, false, true]),
        ("users:read", [false, false, false, true]),
        ("users:write", [false, false, false, true]),
        ("keys:read", [false, false, false, true]),
        ("sessions:write", [false, false, false, true]),
        ("audit:read", [false, false, false, true]),
        ("grants:approve", [false, false, false, true]),
        ("roles:write", [false, false, false, true]),
        ("account:write", [true, true, true, true]),
        ("jobs:approve", [false, false, false, true]),
    ];
    for (text, allowed) in cases {
        for (role, expected) in [VIEWER, USER, OPERATOR, ADMIN].into_iter().zip(allowed) {
            assert_eq!(policy.allows(&principal(&[role]), &permission(text), NOW), expected, "{role} {text}");
        }
    }
    assert!(!policy.allows(&principal(&[]), &permission("jobs:read"), NOW));
    assert!(!policy.allows(&principal(&["nobody-knows"]), &permission("jobs:read"), NOW));
    assert!(!policy.allows(&Principal::anonymous(), &permission("account:read"), NOW));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let errors = Policy::new(vec![
        role("a", &["b"], &[]),
        role("b", &["a"], &[]),
        role("c", &["nobody"], &[]),
        role(ADMIN, &[], &["*:*"]),
        role("Bad Name", &[], &[]),
    ])
    .expect_err("it is wrong");
    let text = errors.to_string();
    for part in [
        "\"a\" inherits itself",
        "\"b\" inherits itself",
        "\"nobody\"",
        "\"admin\" is there twice",
        "Bad Name",
    ] {
        assert!(text.contains(part), "{text} tells {part}");
    }
    assert_eq!(errors.0.len(), 5);
}

#[test]
fn scopes_narrow_and_never_widen() {
    let policy = Policy::default();
    let mut caller = principal(&[OPERATOR]);
    caller.scopes = Some([pattern("jobs:*"), pattern("users:*")].into());
    assert!(policy.allows(&caller, &permission("jobs:write"), NOW));
    assert!(!policy.allows(&caller, &permission("schedules:write"), NOW), "the scopes leave it out");
    assert!(!policy.allows(&caller, &permission("users:read"), NOW), "the role has not got it");
    assert!(!policy.allows(&caller, &permission("account:read"), NOW), "one's own account is a scope too");
    caller.scopes = Some([].into());
    assert!(!policy.allows(&caller, &permission("jobs:read"), NOW), "no scope is no permission");
}

#[test]
fn grants_end_at_their_deadline() {
    let policy = Policy::default();
    let mut caller = principal(&[]);
    caller.grants = vec![HeldGrant { what: Granted::Role(OPERATOR.to_owned()), expires: NOW }];
    assert!(policy.allows(&caller, &permission("jobs:write"), Timestamp::from_micros(999_999)));
    assert!(!policy.allows(&caller, &permission("jobs:write"), NOW));
}

// 8.2.2: nobody hands out what he has not got
#[test]
fn covering_knows_exceptions() {
    let policy = Policy::new(vec![role("everything-read", &[], &["*:read"])]).expect("fine");
    let of = |role: &str| vec![Granted::Role(role.to_owned())];
    assert!(policy.covers(&principal(&[ADMIN]), &of(OPERATOR), NOW));
    assert!(policy.covers(&principal(&[OPERATOR]), &of(USER), NOW));
    assert!(!policy.covers(&principal(&[OPERATOR]), &of(ADMIN), NOW));
    assert!(!policy.covers(&principal(&[OPERATOR]), &of("everything-read"), NOW), "users:read is beyond it");
    assert!(!policy.covers(&principal(&[OPERATOR]), &[Granted::Permission(Pattern::ANY)], NOW));
    let mut narrowed = principal(&[ADMIN]);
    narrowed.scopes = Some([pattern("jobs:*")].into());
    assert!(!policy.covers(&narrowed, &of(VIEWER), NOW), "a narrowed key does not hand out more");
    assert!(policy.covers(&narrowed, &[Granted::Permission(pattern("jobs:read"))], NOW));
}

#[test]
fn texts_that_are_no_permissions() {
    for text in
        ["", ":", "jobs", "jobs:", ":read", "jobs:read:x", "Jobs:read", "jobs: read", "*:read", "jöbs:read"]
    {
        assert!(text.parse::<Permission>().is_err(), "{text}");
    }
    assert!(format!("{}:read", "x".repeat(65)).parse::<Permission>().is_err());
    assert!("**:read".parse::<Pattern>().is_err());
}

proptest! {
    #[test]
    fn texts_read_back(resource in "[a-z0-9_.-]{1,64}", action in "[a-z0-9_.-]{1,64}|\\*") {
        let text = format!("{resource}:{action}");
        prop_assert_eq!(pattern(&text).to_string(), text);
    }

    #[test]
    fn nothing_panics(text in ".{0,200}") {
        let _ = text.parse::<Permission>();
        let _ = text.parse::<Pattern>();
    }

    /// What covers another allows whatever the other allows, names that nobody has heard of included.
    #[test]
    fn covering_is_inclusion(
        less in "(jobs|users|\\*):(read|write|\\*)",
        mine in prop::collection::vec("(jobs|users|\\*):(read|write|\\*)", 0..3),
        asked in "(jobs|users|other):(read|write|other)",
    ) {
        let policy = Policy::default();
        let mut caller = principal(&[]);
        caller.grants = mine.iter().map(|text| HeldGrant {
            what: Granted::Permission(pattern(text)), expires: Timestamp::from_micros(i64::MAX),
        }).collect();
        let less = Granted::Permission(pattern(&less));
        if policy.covers(&caller, std::slice::from_ref(&less), NOW) {
            let Granted::Permission(less) = less else { unreachable!() };
            let asked = permission(&asked);
            prop_assert!(!less.matches(&asked) || policy.allows(&caller, &asked, NOW));
        }
    }
}
