//! What a replica's process is known by after Seaworthy died: written when it is started, read by the next one.

use std::collections::BTreeMap;

const SERVICE: &str = "service";
const TEMPLATE: &str = "template";
const GENERATION: &str = "generation";
const PORT: &str = "port";
const ORDINAL: &str = "ordinal";
/// The ordinal of the sandbox replica.
const SANDBOX: &str = "sandbox";

/// Which replica of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Place {
    /// An ordinary one, from 1.
    Ordinal(u32),
    /// The one for trials.
    Sandbox,
}

impl Place {
    /// The name of the replica.
    pub(super) fn name(self, service: &str) -> String {
        match self {
            Self::Ordinal(ordinal) => format!("{service}-{ordinal}"),
            Self::Sandbox => format!("{service}-sandbox"),
        }
    }
}

/// What a replica runs: its template, and how many restarts were ordered before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Revision {
    pub(super) template: String,
    pub(super) generation: u64,
}

/// What the labels say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) service: String,
    pub(super) revision: Revision,
    pub(super) port: u16,
    pub(super) place: Place,
}

impl Labels {
    pub(super) fn write(&self) -> BTreeMap<String, String> {
        let place = match self.place {
            Place::Ordinal(ordinal) => ordinal.to_string(),
            Place::Sandbox => SANDBOX.to_owned(),
        };
        [
            (SERVICE, self.service.clone()),
            (TEMPLATE, self.revision.template.clone()),
            (GENERATION, self.revision.generation.to_string()),
            (PORT, self.port.to_string()),
            (ORDINAL, place),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    /// `None` where they are not ours.
    pub(super) fn read(labels: &BTreeMap<String, String>) -> Option<Self> {
        let place = match labels.get(ORDINAL)?.as_str() {
            SANDBOX => Place::Sandbox,
            ordinal => Place::Ordinal(ordinal.parse().ok().filter(|ordinal| *ordinal > 0)?),
        };
        Some(Self {
            service: labels.get(SERVICE)?.clone(),
            revision: Revision {
                template: labels.get(TEMPLATE)?.clone(),
                generation: labels.get(GENERATION)?.parse().ok()?,
            },
            port: labels.get(PORT)?.parse().ok().filter(|port| *port > 0)?,
            place,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(service in ".*", template in ".*", generation: u64, port in 1..u16::MAX, ordinal in 0..9_u32) {
            let place = if ordinal == 0 { Place::Sandbox } else { Place::Ordinal(ordinal) };
            let labels = Labels { service, revision: Revision { template, generation }, port, place };
            prop_assert_eq!(Labels::read(&labels.write()), Some(labels));
        }
    }

    #[test]
    fn what_is_not_ours_is_nobodys() {
        let revision = Revision { template: "t".into(), generation: 0 };
        let good = Labels { service: "shop".into(), revision, port: 1, place: Place::Ordinal(1) }.write();
        for key in [SERVICE, TEMPLATE, GENERATION, PORT, ORDINAL] {
            let mut bad = good.clone();
            bad.remove(key);
            assert_eq!(Labels::read(&bad), None, "{key}");
        }
        for (key, value) in [(PORT, "0"), (PORT, "70000"), (ORDINAL, "0"), (GENERATION, "-1")] {
            let mut bad = good.clone();
            bad.insert(key.into(), value.into());
            assert_eq!(Labels::read(&bad), None, "{key} {value}");
        }
    }
}
