use super::*;
use crate::text;
use proptest::prelude::*;

fn check(policy: &PasswordPolicy, password: &str) -> Result<Secret<String>, Error> {
    policy.check(&Secret::new(password.to_owned()), "marguerite")
}

fn cheap() -> Hashing {
    Hashing { memory_kib: 8, passes: 1, lanes: 1, at_a_time: 1, waiting: 1 }
}

// 6.2.1, 6.2.4, 6.2.9, 6.2.11, 6.2.12
#[test]
fn passwords_that_are_refused() {
    let policy = PasswordPolicy::default();
    let cases = [
        "short",
        "elevenchars",
        "password1234",
        "Password12345!",
        "P@ssw0rd2024!",
        "passwordpassword",
        "qwertyuiop123",
        "1q2w3e4r5t6y",
        "123456789012",
        "aaaaaaaaaaaa",
        "abcabcabcabc",
        "letmein12345!",
        "iloveyou1234",
        "football2023!!",
        "Summer2024!!",
        "adminadmin12",
        "welcome12345",
        "monkeydragon1",
        "zxcvbnm,./123",
        "seaworthy123",
        "Seaworthy2024!",
        "marguerite12",
        "MARGUERITE!!",
        "changeme1234",
        "trustno1trustno1",
        "qazwsxedcrfv",
        "abcdefghijkl",
        "987654321098",
    ];
    for password in cases {
        let error = check(&policy, password).err().unwrap_or_else(|| panic!("{password} is refused"));
        assert!(!error.to_string().contains(password), "{error} does not tell it");
    }
    assert!(check(&policy, &"ä".repeat(129)).is_err());
    assert!(check(&policy, &"x".repeat(100_000)).is_err());
}

// 6.2.5, 6.2.8: any character, and none is asked for
#[test]
fn passwords_that_are_taken() {
    let policy = PasswordPolicy::default();
    let long: String = (0..64).map(|n| char::from_u32(0x4e00 + n * 7).expect("a character")).collect();
    for password in [
        "correct horse battery staple",
        "пароль-из-многих-букв",
        "vcmpqxhrtwzk",
        "a rather dull tuesday in ghent",
        &long,
        "😀🐳🚢⚓🌊🦀🧭🛟🏴🐚🦈🪸",
    ] {
        assert!(check(&policy, password).is_ok(), "{password}");
    }
}

#[test]
fn one_password_however_it_is_typed() {
    let composed = Secret::new("caf\u{e9} au lait et".to_owned());
    let decomposed = Secret::new("cafe\u{301} au lait et".to_owned());
    assert_eq!(normal(&composed).expect("short").expose(), normal(&decomposed).expect("short").expose());
}

#[test]
fn limits_cannot_be_set_below_what_is_safe() {
    let lax = PasswordPolicy { shortest: 1, longest: 2, ..PasswordPolicy::nist() };
    assert!(check(&lax, "vcmpqxh").is_err(), "seven are too few");
    assert!(check(&lax, "vcmpqxhr").is_ok());
    let sixty_four: String =
        (0..64_u32).map(|n| char::from_u32(0x3b1 + n * n % 25).expect("a character")).collect();
    let sixty_four: String = sixty_four.chars().take(63).chain(['!']).collect();
    assert!(check(&lax, &sixty_four).is_ok(), "6.2.9");
}

// 11.4.2
#[tokio::test]
async fn a_hash_is_its_passwords_and_nobody_elses() {
    let hasher = Hasher::new(&cheap()).await.expect("a hasher");
    let secret = |text: &str| Secret::new(text.to_owned());
    let one = hasher.hash(secret("one")).await.expect("hashed");
    assert!(one.starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
    assert_ne!(one, hasher.hash(secret("one")).await.expect("hashed"), "a salt of its own");
    assert!(hasher.matches(secret("one"), Some(one.clone())).await.expect("compared"));
    assert!(!hasher.matches(secret("two"), Some(one.clone())).await.expect("compared"));
    assert!(!hasher.matches(secret("one"), None).await.expect("compared"), "nobody has a password");
    assert!(!hasher.is_outdated(&one));
    let dearer = Hasher::new(&Hashing { passes: 2, ..cheap() }).await.expect("a hasher");
    assert!(dearer.is_outdated(&one) && dearer.matches(secret("one"), Some(one)).await.expect("compared"));
}

#[tokio::test]
async fn what_is_no_hash_of_ours_matches_nothing() {
    let hasher = Hasher::new(&cheap()).await.expect("a hasher");
    let salt = "AAAAAAAAAAAAAAAAAAAAAA";
    let out = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for stored in [
        String::new(),
        "$argon2id$v=19$m=8,t=1,p=1$".to_owned(),
        format!("$argon2id$v=19$m=4294967295,t=1,p=1${salt}${out}"),
        format!("$argon2i$v=19$m=8,t=1,p=1${salt}${out}"),
        format!("$argon2id$v=19$m=8,t=1,p=1${salt}${out}$more"),
        format!("$argon2id$v=19$m=8,t=1${salt}${out}"),
    ] {
        assert!(hasher.is_outdated(&stored));
        assert!(!hasher.matches(Secret::new("x".to_owned()), Some(stored)).await.expect("compared"));
    }
}

#[tokio::test]
async fn no_more_wait_than_may() {
    let hasher = Hasher::new(&Hashing { waiting: 0, ..cheap() }).await.expect("a hasher");
    let held = hasher.turn().await.expect("free");
    assert!(matches!(
        hasher.hash(Secret::new(text::letters::<8>().expect("random"))).await,
        Err(Error::Busy)
    ));
    drop(held);
    assert!(hasher.hash(Secret::new("x".to_owned())).await.is_ok());
}

proptest! {
    #[test]
    fn nothing_panics(password in ".{0,300}", user in ".{0,40}") {
        let _ = PasswordPolicy::default().check(&Secret::new(password), &user);
    }

    /// What is random is not taken for common.
    #[test]
    fn random_passwords_are_taken(seed in prop::array::uniform16(0..32_usize)) {
        let letters: String = seed.iter().map(|at| char::from(b"bcdfghjklmnpqrstvwxz23456789kfwz"[*at])).collect();
        let distinct: std::collections::BTreeSet<_> = letters.chars().collect();
        prop_assume!(distinct.len() > 8);
        prop_assert!(check(&PasswordPolicy::default(), &letters).is_ok());
    }
}
