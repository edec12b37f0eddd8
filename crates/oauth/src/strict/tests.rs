use super::*;
use proptest::prelude::*;

#[test]
fn one_reading_only() {
    assert!(object(br#"{"a":1,"b":{"a":[1,2,{"a":null}]}}"#).is_some());
    for bad in [
        &br#"{"a":1,"a":1}"#[..],
        br#"{"a":{"b":1,"b":2}}"#,
        br#"{"a":[{"b":1,"\u0062":2}]}"#,
        br#"{"a":1} "x""#,
        br#"{"a":1}{"a":1}"#,
        br#"{"a":1e999}"#,
        br#"{"a":NaN}"#,
        b"{\"a\":\"\xff\"}",
        b"[]",
        b"",
        b"\xef\xbb\xbf{}",
    ] {
        assert!(object(bad).is_none(), "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn depth_has_an_end() {
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(object(nested(DEPTH - 1).as_bytes()).is_some());
    assert!(object(nested(DEPTH + 1).as_bytes()).is_none());
    assert!(object(nested(100_000).as_bytes()).is_none());
}

#[test]
fn base64url_is_canonical() {
    assert_eq!(base64url("AQ").unwrap(), [1]);
    for bad in ["AR", "AQ==", "A", "AQ=", " AQ", "AQ\n", "A+", "A/"] {
        assert!(base64url(bad).is_none(), "{bad}");
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = object(&bytes);
        let _ = base64url(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn what_is_written_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(base64url(&to_base64url(&bytes)).unwrap(), bytes);
    }
}
