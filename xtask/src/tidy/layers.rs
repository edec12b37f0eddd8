//! Arrows between crates point downward only.

use std::collections::BTreeMap;

use cargo_metadata::MetadataCommand;

use crate::run::{self, Result};

/// The house, top to bottom. Crates of one floor do not know each other.
const FLOORS: [&[&str]; 11] = [
    &[
        "seaworthy",
        "xtask",
        "bench-alerts",
        "bench-detect",
        "bench-gateway",
        "bench-identity",
        "bench-jobs",
        "bench-services",
        "bench-telemetry",
        "seaworthy-bench-resilience",
    ],
    &["seaworthy-api"],
    &["seaworthy-fragile", "seaworthy-anomaly", "seaworthy-market", "seaworthy-answers", "seaworthy-fabric"],
    &["seaworthy-trials"],
    &["seaworthy-delivery"],
    &["seaworthy-gateway", "seaworthy-supervisor", "seaworthy-alerts"],
    &[
        "seaworthy-jobs",
        "seaworthy-oauth",
        "seaworthy-pki",
        "seaworthy-identity",
        "seaworthy-secrets",
        "seaworthy-flags",
    ],
    &["seaworthy-process", "seaworthy-store", "seaworthy-telemetry"],
    &["seaworthy-resilience"],
    &["seaworthy-detect", "seaworthy-defence", "seaworthy-sentiment"],
    &["seaworthy-core"],
];

/// What the core may depend on: values only, no runtime and no protocol.
const CORE_MAY_USE: [&str; 4] = ["fastrand", "serde", "thiserror", "zeroize"];

pub(super) fn check() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(run::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(|error| error.to_string())?;
    let floors: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, crates)| crates.iter().map(move |name| (*name, floor)))
        .collect();
    let mut found = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(floor) = floors.get(name) else {
            found.push(format!("{name}: has no place in the house (xtask/src/tidy/layers.rs)"));
            continue;
        };
        let normal = package.dependencies.iter().filter(|d| d.kind == cargo_metadata::DependencyKind::Normal);
        for dependency in normal {
            match floors.get(dependency.name.as_str()) {
                Some(below) if below <= floor => {
                    found.push(format!("{name} depends on {}, which is not below it", dependency.name));
                }
                None if name == "seaworthy-core" && !CORE_MAY_USE.contains(&dependency.name.as_str()) => {
                    found.push(format!("the core depends on {}", dependency.name));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}
