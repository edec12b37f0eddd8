use super::spelling::{crc32_of, id, make};
use crate::Reject;
use proptest::prelude::*;

#[test]
fn keys_are_written_as_scanners_know_them() {
    assert_eq!(crc32_of(b"123456789"), 0xcbf4_3926);
    let (name, key) = make().expect("random");
    assert_eq!(key.expose().len(), 75);
    assert_eq!(id(key.expose()), Ok(name.as_str()));
    assert_ne!(make().expect("random").1.expose(), key.expose());
}

proptest! {
    #[test]
    fn one_changed_character_makes_it_none(at in 0..75_usize, with in "[a-z0-9_A-Z-]") {
        let (_, key) = make().expect("random");
        let mut changed = key.expose().clone();
        changed.replace_range(at..=at, &with);
        prop_assume!(&changed != key.expose());
        prop_assert_eq!(id(&changed), Err(Reject::Malformed));
    }

    #[test]
    fn nothing_panics(text in ".{0,100}", ascii in "sw_[a-z0-9_]{72}") {
        let _ = id(&text);
        let _ = id(&ascii);
    }
}
