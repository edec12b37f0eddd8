/// Where to go after log-in: only a path of our own. Anything a browser or a proxy could take for another host, and
/// anything that is no plain address, becomes `/`.
pub fn return_to(text: &str) -> &str {
    if is_own_path(text) { text } else { "/" }
}

fn is_own_path(text: &str) -> bool {
    let plain = text.len() <= 2048
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#');
    let path = text.split('?').next().unwrap_or_default();
    // once more as a proxy could decode it before it sends it on
    let decoded = percent_encoding::percent_decode_str(path).collect::<Vec<u8>>();
    let slashes = decoded.windows(2).any(|pair| pair == b"//");
    let odd = decoded.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\');
    plain && path.starts_with('/') && !slashes && !odd
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // ASVS 3.7.2: open redirects
    #[test]
    fn only_paths_of_our_own() {
        for good in
            ["/", "/orders?page=2&next=https://other.test//", "/a/b.c~d;e=f", "/%C3%BC", "/@evil.test"]
        {
            assert_eq!(return_to(good), good);
        }
        for bad in [
            "",
            "//evil.test",
            "///evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "/\\/evil.test",
            "https://evil.test/",
            "HTTPS:evil.test",
            "javascript:alert(1)",
            "data:text/html,x",
            "evil.test",
            " /x",
            "/\tevil",
            "/\r\nSet-Cookie: a=b",
            "/%2fevil.test",
            "/%2Fevil.test",
            "/%5cevil.test",
            "/%09/evil.test",
            "/a//evil.test",
            "/%0d%0aX: y",
            "/ü",
            "/#//evil.test",
            "?x",
            "@evil.test",
        ] {
            assert_eq!(return_to(bad), "/", "{bad}");
        }
        assert_eq!(return_to(&format!("/{}", "a".repeat(3000))), "/");
    }

    proptest! {
        #[test]
        fn never_another_host(text in "[/\\\\%2fF5cC.;@:?#a-z \\t\\n]{0,40}") {
            let safe = return_to(&text);
            prop_assert!(safe.starts_with('/') && !safe.starts_with("//"));
            prop_assert!(!safe.contains(['\\', '\n', '\t', ' ']));
        }
    }
}
