//! The engine against what attackers send and against what everybody else sends.

mod benign;
mod malicious;
mod padded;
mod send;

use seaworthy_defence::{Action, Engine, Settings};
use send::Case;
use std::collections::BTreeMap;

#[test]
fn attacks_are_found() {
    let engine = Engine::new(Settings::default());
    let mut by_category: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut missed = Vec::new();
    for (category, payload) in malicious::all() {
        for case in send::everywhere(category, payload) {
            let count = by_category.entry(category).or_default();
            count.1 += 1;
            if case.judge(&engine).action == Action::Block {
                count.0 += 1;
            } else {
                missed.push(format!("{category} in {}: {payload}", case.place));
            }
        }
    }
    let (found, all) = by_category.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    for (category, (found, all)) in &by_category {
        println!("{category:>10}: {found}/{all}");
    }
    println!("missed:\n{}", missed.join("\n"));
    println!("detection: {found}/{all} = {:.1} %", found as f64 * 100.0 / all as f64);
    assert!(malicious::all().count() >= 200, "{}", malicious::all().count());
    assert!(found * 100 >= all * 95, "{found} of {all} attacks were found");
    for (category, (found, all)) in by_category {
        assert!(found * 100 >= all * 85, "{category}: {found} of {all} attacks were found");
    }
}

#[test]
fn everybody_else_passes() {
    let engine = Engine::new(Settings::default());
    let cases: Vec<Case> = benign::all();
    let mut blocked = Vec::new();
    for case in &cases {
        let verdict = case.judge(&engine);
        if verdict.action == Action::Block {
            let findings: Vec<_> = verdict
                .findings
                .iter()
                .map(|one| format!("{}@{}={}", one.rule, one.place, one.weight))
                .collect();
            blocked.push(format!("{}: {} ({})", case.place, case.shown(), findings.join(", ")));
        }
    }
    println!("blocked:\n{}", blocked.join("\n"));
    println!(
        "false positives: {}/{} = {:.2} %",
        blocked.len(),
        cases.len(),
        blocked.len() as f64 * 100.0 / cases.len() as f64
    );
    assert!(cases.len() >= 2_000, "{}", cases.len());
    assert!(
        blocked.len() * 100 <= cases.len(),
        "{} of {} harmless requests were blocked",
        blocked.len(),
        cases.len()
    );
}
