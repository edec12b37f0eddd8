//! The campaign of crashes, short enough for every change; `bench-jobs campaign` is the long one.

use std::process::Command;

#[test]
fn every_promise_is_kept_through_twenty_rounds_of_kills() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench-jobs"))
        .args(["campaign", "--rounds", "20"])
        .output()
        .expect("the campaign runs");
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success(), "{said}\n{told}");
    assert!(said.contains("\n0 promises broken"), "{said}");
    let number = |before: &str| -> u32 {
        let head = said.split(before).next().unwrap_or_default();
        head.rsplit(|c: char| !c.is_ascii_digit())
            .find(|text| !text.is_empty())
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    };
    assert!(number(" jobs acknowledged") >= 300, "{said}");
    assert!(number(" effects accepted") >= 300, "{said}");
    assert!(number(" ticks and dependent runs") >= 40, "{said}");
    let kills = number(" workers,") + number(" schedulers,") + number(" databases;");
    assert!(kills >= 10, "{said}");
}
