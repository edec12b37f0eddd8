use super::*;
use proptest::prelude::*;

const KINDS: [Kind; 9] = [
    Kind::Path,
    Kind::Query,
    Kind::Cookie,
    Kind::Header,
    Kind::Agent,
    Kind::File,
    Kind::Field,
    Kind::Body,
    Kind::Name,
];

#[test]
fn names_are_unique() {
    let names: std::collections::HashSet<_> = TEXT.iter().chain(SHELL).map(|rule| rule.name).collect();
    assert_eq!(names.len(), TEXT.len() + SHELL.len());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for kind in KINDS {
            let _ = apply(kind, &bytes);
        }
    }

    /// Random bytes seldom get far into a tokeniser; pieces of attacks do.
    #[test]
    fn no_pieces_of_attacks_make_it_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..40)) {
        let text: Vec<u8> = pieces.iter().flat_map(|index| PIECES[*index].bytes()).collect();
        for kind in [Kind::Query, Kind::Field] {
            let _ = apply(kind, &text);
        }
    }
}

const PIECES: [&str; 44] = [
    "'",
    "\"",
    "`",
    "--",
    "/*",
    "*/",
    "/*!50000",
    "#",
    "(",
    ")",
    " ",
    "\\",
    "\0",
    "select",
    "union",
    "1",
    "0x",
    "e",
    ".",
    "@@",
    "$",
    "$$",
    "q'[",
    "x'",
    "b'",
    "n'",
    "u&'",
    "{",
    "}",
    "<",
    ">",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<%",
    "<?",
    "&#",
    "&#x",
    ";",
    "=",
    "on",
    "javascript:",
    "<a href=",
];
