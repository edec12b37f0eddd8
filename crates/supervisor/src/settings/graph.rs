//! What spans several services: names, fixed ports and what depends on what.

use super::validate::Findings;
use super::{Port, Service};
use seaworthy_resilience::Contradiction;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Everything that cannot be meant about these services, each by itself and together. Paths begin with the service's name.
pub fn validate_all(services: &[Service]) -> Vec<Contradiction> {
    let mut found = Findings::default();
    let mut names = BTreeSet::new();
    let mut ports: HashMap<u16, &str> = HashMap::new();
    for service in services {
        let name = &service.name;
        for Contradiction { setting, problem } in service.validate() {
            found.expect(false, format!("{name}.{setting}"), problem);
        }
        found.expect(names.insert(name.as_str()), format!("{name}.name"), "is taken by another service");
        if let Port::Fixed(port) = service.port
            && let Some(other) = ports.insert(port, name)
        {
            found.expect(false, format!("{name}.port"), format!("{port} is the port of {other} as well"));
        }
    }
    for service in services {
        for other in service.depends_on.iter().filter(|other| !names.contains(other.as_str())) {
            found.expect(
                false,
                format!("{}.depends_on", service.name),
                format!("there is no service \"{other}\""),
            );
        }
    }
    for name in in_cycles(services) {
        found.expect(false, format!("{name}.depends_on"), "services depend on each other in a circle");
    }
    found.0
}

/// The services in the order in which they can be started: each level needs only those before it. What lies in a circle is
/// in the last.
pub(crate) fn levels(needs: &BTreeMap<String, Vec<String>>) -> Vec<Vec<String>> {
    let mut left: BTreeMap<&str, &[String]> =
        needs.iter().map(|(name, needs)| (name.as_str(), needs.as_slice())).collect();
    let mut levels = Vec::new();
    while !left.is_empty() {
        let free = |needs: &&[String]| !needs.iter().any(|need| left.contains_key(need.as_str()));
        let mut level: Vec<&str> =
            left.iter().filter(|(_, needs)| free(needs)).map(|(name, _)| *name).collect();
        if level.is_empty() {
            level = left.keys().copied().collect();
        }
        for name in &level {
            left.remove(name);
        }
        levels.push(level.into_iter().map(str::to_owned).collect());
    }
    levels
}

/// Services that need themselves by way of others. One that names itself is reported by itself.
fn in_cycles(services: &[Service]) -> Vec<&str> {
    let needs: HashMap<&str, &[String]> =
        services.iter().map(|service| (service.name.as_str(), service.depends_on.as_slice())).collect();
    let reaches_itself = |start: &str| {
        let others = |name: &str| needs.get(name).copied().unwrap_or_default();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> =
            others(start).iter().map(String::as_str).filter(|need| *need != start).collect();
        while let Some(name) = open.pop() {
            if name == start {
                return true;
            }
            if seen.insert(name) {
                open.extend(others(name).iter().map(String::as_str));
            }
        }
        false
    };
    services.iter().map(|service| service.name.as_str()).filter(|name| reaches_itself(name)).collect()
}
