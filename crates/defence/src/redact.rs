//! Texts that are logged, without the secrets and personal data in them.

use regex::bytes::{Captures, Regex, RegexBuilder};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Longer texts are cut before they are looked at. Bytes.
const MOST_BYTES: usize = 64 * 1024;

struct Rules {
    /// Everything that is looked for, one name per kind.
    all: Regex,
}

// One pass over the text: what was replaced is not looked at again. `(?s:.)` never spans more than a bounded run.
const PATTERN: &str = concat!(
    r"(?P<pem>-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----(?s:.)*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----|\z))",
    r"|(?P<jwt>\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,3})",
    r"|(?P<scheme>(?i:\b(?:bearer|basic|digest|negotiate|dpop)\s{1,4}))(?P<credential>[A-Za-z0-9._~+/=-]{8,})",
    r#"|(?P<name>(?i:["']?\b[a-z0-9_.-]{0,40}(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|credential|authorization|session[_-]?id|sessionid|cookie|pin|otp|cvv|cvc)["']?\s{0,3}[=:]\s{0,3}))(?P<value>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|(?i:(?:bearer|basic|digest|negotiate|dpop)\s{1,4})?[^\s&,;"'}\])]+)"#,
    r"|(?P<key>\b(?:sw_[A-Za-z0-9_-]{8,}|(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}\b|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_(?:live|test)_[A-Za-z0-9]{10,}|sk-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{30,}))",
    r"|(?P<userinfo>\b[a-z][a-z0-9+.-]{1,20}://)[^/\s:@]{1,128}:[^/\s@]{1,256}@",
    r"|(?P<local>[A-Za-z0-9._%+-]{1,64})@(?P<domain>[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8})",
    r"|(?P<iban>\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b)",
    r"|(?P<card>\b\d(?:[ -]?\d){11,18}\b)",
);

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the pattern is a constant, and a test compiles it")]
    let all =
        RegexBuilder::new(PATTERN).unicode(false).size_limit(32 << 20).build().expect("the pattern is valid");
    Rules { all }
});

/// The text without JWTs, bearer tokens, API keys, private keys, passwords in `name=value` pairs, credentials in
/// addresses, card numbers, IBANs and the names in e-mail addresses. Texts over 64 KiB are cut.
pub fn text(text: &str) -> Cow<'_, str> {
    let cut = floor(text, MOST_BYTES);
    // what is looked for is ASCII: read as bytes the patterns need a tenth of the memory
    let replaced =
        match RULES.all.replace_all(cut.as_bytes(), |found: &Captures<'_>| replacement(found).into_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(cut),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        };
    if cut.len() < text.len() { Cow::Owned(format!("{replaced}…")) } else { replaced }
}

fn floor(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn replacement(found: &Captures<'_>) -> String {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let whole = found.get(0).and_then(|whole| text(whole.as_bytes())).unwrap_or("[redacted]");
    let part = |name: &str| found.name(name).map(|part| text(part.as_bytes()).unwrap_or("?"));
    if part("pem").is_some() {
        "[private key]".to_owned()
    } else if part("jwt").is_some() {
        "[token]".to_owned()
    } else if let Some(scheme) = part("scheme") {
        format!("{scheme}[redacted]")
    } else if let Some(name) = part("name") {
        // the value's scheme is no secret, what follows it may stand behind a blank
        let quote = part("value")
            .and_then(|value| value.chars().next())
            .filter(|letter| matches!(letter, '"' | '\''));
        let quote = quote.map(String::from).unwrap_or_default();
        format!("{name}{quote}[redacted]{quote}")
    } else if part("key").is_some() {
        "[key]".to_owned()
    } else if let Some(scheme) = part("userinfo") {
        format!("{scheme}[redacted]@")
    } else if let (Some(local), Some(domain)) = (part("local"), part("domain")) {
        format!("{}***@{domain}", local.chars().next().unwrap_or('*'))
    } else if part("iban").is_some_and(is_iban) {
        "[iban]".to_owned()
    } else if part("card").is_some_and(is_card) {
        "[card]".to_owned()
    } else {
        whole.to_owned()
    }
}

/// Luhn's check.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|letter| letter.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 1 { doubled(*digit) } else { *digit })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// ISO 13616: the number modulo 97 is 1.
fn is_iban(text: &str) -> bool {
    let plain: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    if !(15..=34).contains(&plain.len()) {
        return false;
    }
    let turned = plain[4..].iter().chain(&plain[..4]);
    let rest = turned.fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // ASVS 14.2.3, 16.2.5
    #[test]
    fn secrets_and_personal_data_are_gone() {
        for (text, clean) in [
            ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl end", "token [token] end"),
            ("Authorization: Bearer abcdef123456", "Authorization: [redacted]"),
            ("got Bearer abcdefgh12345678", "got Bearer [redacted]"),
            ("key sw_live_0123456789abcdef", "key [key]"),
            ("aws AKIAIOSFODNN7EXAMPLE!", "aws [key]!"),
            ("password=hunter2&user=joe", "password=[redacted]&user=joe"),
            (r#"{"db_password": "hun\"ter2", "x": 1}"#, r#"{"db_password": "[redacted]", "x": 1}"#),
            ("client_secret: abc", "client_secret: [redacted]"),
            ("postgres://joe:hunter2@db/app", "postgres://[redacted]@db/app"),
            ("mail jane.doe@example.com now", "mail j***@example.com now"),
            ("card 4111 1111 1111 1111.", "card [card]."),
            ("card 4111-1111-1111-1111.", "card [card]."),
            ("not a card 4111111111111112", "not a card 4111111111111112"),
            ("iban DE89 3704 0044 0532 0130 00 ok", "iban [iban] ok"),
            ("iban GB82WEST12345698765432", "iban [iban]"),
            ("no iban DE88 3704 0044 0532 0130 00", "no iban DE88 3704 0044 0532 0130 00"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- x", "[private key] x"),
            ("-----BEGIN PRIVATE KEY-----\nMII", "[private key]"),
            ("nothing here, 12:30, id 42", "nothing here, 12:30, id 42"),
        ] {
            assert_eq!(super::text(text), clean);
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "ü".repeat(100_000);
        assert!(super::text(&long).len() <= MOST_BYTES + 3);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,300}") {
            let _ = super::text(&text);
        }

        #[test]
        fn a_secret_never_survives(secret in "[a-zA-Z0-9]{12,40}", before in "[a-z ]{0,20}") {
            let logged = format!("{before} api_key={secret}&a=b");
            prop_assert!(!super::text(&logged).contains(&secret));
        }
    }
}
