use super::totp::{at, base32, matching, uri};
use super::*;
use proptest::prelude::*;
use seaworthy_store::Timestamp;

const SECRET: &[u8] = b"12345678901234567890";

// RFC 6238, appendix B, the last six digits
#[test]
fn codes_are_those_of_the_standard() {
    let cases = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];
    for (seconds, code) in cases {
        assert_eq!(at(SECRET, seconds / 30), code);
    }
}

// 6.5.1, 6.5.5
#[test]
fn a_code_is_good_once_and_for_a_short_time() {
    let now = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    let code = at(SECRET, 100);
    for seconds in [2_970, 3_000, 3_029, 3_059] {
        assert_eq!(matching(SECRET, &code, now(seconds), 0), Some(100), "at {seconds}");
    }
    for seconds in [2_969, 3_060, 0, -3_000] {
        assert_eq!(matching(SECRET, &code, now(seconds), 0), None, "at {seconds}");
    }
    assert_eq!(matching(SECRET, &code, now(3_000), 100), None, "used");
    assert_eq!(matching(SECRET, &at(SECRET, 99), now(3_000), 100), None, "older than one that was used");
    for wrong in ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "+12345"] {
        assert_eq!(matching(SECRET, wrong, now(3_000), 0), None, "{wrong}");
    }
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(matching(SECRET, &spaced, now(3_000), 0), Some(100));
}

#[test]
fn secrets_are_written_as_apps_read_them() {
    // RFC 4648, section 10, without padding
    let cases: [(&[u8], &str); 6] = [
        (b"", ""),
        (b"f", "MY"),
        (b"fo", "MZXQ"),
        (b"foo", "MZXW6"),
        (b"fooba", "MZXW6YTB"),
        (b"foobar", "MZXW6YTBOI"),
    ];
    for (bytes, text) in cases {
        assert_eq!(base32(bytes), text);
    }
    assert_eq!(
        uri("sea & worthy", "ann@example", "MY"),
        "otpauth://totp/sea%20%26%20worthy:ann%40example?secret=MY&issuer=sea%20%26%20worthy&algorithm=SHA1&digits=6&period=30"
    );
}

#[test]
fn codes_on_paper_read_however_they_are_written() {
    assert_eq!(plain("ABCD-efgh 2345"), "abcdefgh2345");
}

proptest! {
    #[test]
    fn nothing_panics(code in ".{0,40}", now in any::<i64>(), last in any::<i64>()) {
        let _ = matching(SECRET, &code, Timestamp::from_micros(now), last);
        let _ = plain(&code);
    }
}
