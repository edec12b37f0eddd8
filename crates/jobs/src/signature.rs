//! What two failures have in common: the text without what differs from job to job.

use crate::record::Failure;

/// As much of a text as tells failures apart.
const LONGEST: usize = 200;

/// The code and the first line, numbers and quoted or hexadecimal words replaced.
pub(crate) fn of(failure: &Failure) -> String {
    let line = failure.text.lines().next().unwrap_or_default();
    let words = line.split_whitespace().map(|word| if varies(word) { "#" } else { word });
    let text = words.collect::<Vec<_>>().join(" ");
    crate::payload::clean(&format!("{}: {text}", failure.code), LONGEST)
}

/// Whether a word holds a digit, is quoted, or is a long run of letters and digits such as an id.
fn varies(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) || word.starts_with(['"', '\'', '`']) || word.len() > 40
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_job_to_job_is_left_out() {
        let of = |text: &str| of(&Failure { code: "timeout".into(), text: text.into() });
        assert_eq!(of("order 17 took 30s\nat line 4"), of("order 99 took 31s\nat line 7"));
        assert_eq!(of("user \"ann\" not found"), "timeout: user # not found");
        assert_ne!(of("disk full"), of("no route"));
        assert!(of(&"x".repeat(10_000)).len() <= LONGEST);
    }
}
