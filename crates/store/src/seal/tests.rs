use super::*;
use crate::testing::Folder;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt as _;

const HERE: Place<'_> = Place { column: "users.totp", row: "7" };

// 11.2.3, 13.3.1
#[test]
fn the_file_is_made_once_for_its_owner_and_opens_again() {
    let folder = Folder::new("keys");
    let path = folder.path().join("seaworthy.key");
    let sealed = Keyring::open(&path).expect("it is made").seal(HERE, b"value").expect("seals");
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    let again = Keyring::open(&path).expect("it is read");
    assert_eq!(again.open_sealed(HERE, &sealed).expect("opens").expose(), b"value");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
    assert!(!format!("{again:?}").contains("versions"));
}

#[test]
fn those_who_start_together_make_one() {
    let folder = Folder::new("keys");
    let path = folder.path().join("seaworthy.key");
    let sealed: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| Keyring::open(&path)?.seal(HERE, b"x"))).collect();
        all.into_iter().map(|one| one.join().expect("no panic").expect("opens")).collect()
    });
    let keys = Keyring::open(&path).expect("opens");
    for sealed in sealed {
        assert!(keys.open_sealed(HERE, &sealed).is_ok());
    }
}

#[test]
fn a_file_others_may_read_is_refused() {
    let folder = Folder::new("keys");
    let path = folder.path().join("seaworthy.key");
    Keyring::open(&path).expect("made");
    for mode in [0o640, 0o604, 0o660, 0o610] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("chmod");
        assert!(matches!(Keyring::open(&path), Err(Error::Exposed { mode: found, .. }) if found == mode));
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).expect("chmod");
    assert!(Keyring::open(&path).is_ok());
}

#[test]
fn a_new_version_seals_and_old_ones_open() {
    let folder = Folder::new("keys");
    let path = folder.path().join("seaworthy.key");
    let old = Keyring::open(&path).expect("made").seal(HERE, b"value").expect("seals");
    let keys = Keyring::rotate(&path).expect("rotates");
    assert!(old.starts_with("v1:"));
    assert_eq!(keys.open_sealed(HERE, &old).expect("opens").expose(), b"value");
    let new = keys.rewrap(HERE, &old).expect("rewraps").expect("it was old");
    assert!(new.starts_with("v2:"));
    assert_eq!(keys.open_sealed(HERE, &new).expect("opens").expose(), b"value");
    assert_eq!(keys.rewrap(HERE, &new), Ok(None));
    assert_eq!(keys.versions().collect::<Vec<_>>(), [1, 2]);
    assert_ne!(keys.derive("a", 1).expect("a key").expose(), keys.derive("b", 1).expect("a key").expose());
    assert_ne!(keys.derive("a", 1).expect("a key").expose(), keys.derive("a", 2).expect("a key").expose());
}

#[test]
fn those_who_rotate_together_lose_no_version() {
    let folder = Folder::new("keys");
    let path = folder.path().join("seaworthy.key");
    Keyring::open(&path).expect("made");
    let sealed: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| Keyring::rotate(&path)?.seal(HERE, b"x"))).collect();
        all.into_iter().map(|one| one.join().expect("no panic").expect("rotates")).collect()
    });
    let keys = Keyring::open(&path).expect("opens");
    assert_eq!(keys.newest(), 9);
    assert!(sealed.iter().all(|sealed| keys.open_sealed(HERE, sealed).is_ok()));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn files_that_are_no_key_files() {
    let key = BASE64.encode([7; 32]);
    let twice = format!("v1:{key}\nv1:{key}");
    let back = format!("v2:{key}\nv1:{key}");
    let short = format!("v1:{}", BASE64.encode([7; 31]));
    for text in ["", "# nothing", "v1", "v0:AAAA", "1:AAAA", "v1:!", &twice, &back, &short] {
        assert!(Keyring::parse(text).is_err(), "{text}");
    }
    assert!(Keyring::parse(&format!("# made for a test\n\nv3:{key}\n")).is_ok());
}

#[test]
fn what_is_no_sealed_value_is_told_apart() {
    let keys = Keyring::ephemeral().expect("keys");
    for text in
        ["", "v", "v1", "v:AAAA", "v01:AAAA", "v1:", "v1:AAAA", "v+1:AAAA", "x1:AAAA", "v99999999999:AA"]
    {
        assert!(matches!(keys.open_sealed(HERE, text), Err(Error::Malformed)), "{text}");
    }
    let unknown = format!("v2:{}", BASE64.encode([0; 40]));
    assert!(matches!(keys.open_sealed(HERE, &unknown), Err(Error::UnknownVersion(2))));
    assert!(matches!(keys.seal(HERE, &vec![0; LONGEST + 1]), Err(Error::TooLong(_))));
    assert!(keys.seal(HERE, &vec![0; LONGEST]).is_ok());
}

proptest! {
    #[test]
    fn opens_where_it_was_sealed_and_nowhere_else(
        value in prop::collection::vec(any::<u8>(), 0..300),
        row in ".{0,20}",
        other in ".{0,20}",
    ) {
        let keys = Keyring::ephemeral().expect("keys");
        let place = Place { column: "users.totp", row: &row };
        let sealed = keys.seal(place, &value).expect("seals");
        let opened = keys.open_sealed(place, &sealed).expect("opens");
        prop_assert_eq!(opened.expose(), &value);
        let beside = Place { column: "users.totpx", ..place };
        prop_assert!(keys.open_sealed(beside, &sealed).is_err());
        let below = Place { row: &other, ..place };
        prop_assert!(other == row || keys.open_sealed(below, &sealed).is_err());
        prop_assert_ne!(keys.seal(place, &value).expect("seals"), sealed, "a nonce of its own");
    }

    #[test]
    fn one_flipped_bit_keeps_it_closed(value in prop::collection::vec(any::<u8>(), 0..64), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let keys = Keyring::ephemeral().expect("keys");
        let mut sealed = keys.seal(HERE, &value).expect("seals").into_bytes();
        let at = at.index(sealed.len());
        sealed[at] ^= 1_u8 << bit;
        if let Ok(text) = String::from_utf8(sealed) {
            prop_assert!(keys.open_sealed(HERE, &text).is_err());
        }
    }

    #[test]
    fn nothing_panics(text in ".{0,200}") {
        let keys = Keyring::ephemeral().expect("keys");
        let _ = keys.open_sealed(HERE, &text);
        let _ = Keyring::parse(&text);
    }
}
