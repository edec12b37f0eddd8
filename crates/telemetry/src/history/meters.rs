use crate::metrics::{Counter, Gauge, Registry};

/// What the history tells of itself.
#[derive(Debug)]
pub(super) struct Meters {
    pub(super) series: Gauge,
    pub(super) series_dropped: Gauge,
    pub(super) samples: Gauge,
    pub(super) slots: Gauge,
    pub(super) labels: Gauge,
    pub(super) disk: Gauge,
    pub(super) window: Gauge,
    pub(super) forgotten: Counter,
    pub(super) ignored: Counter,
    pub(super) damaged: Counter,
    pub(super) lost: Counter,
}

impl Meters {
    pub(super) fn new(registry: &Registry) -> Self {
        let bytes = |name: &str, help: &str, kind: &str| {
            let labels = if kind.is_empty() { Vec::new() } else { vec![("kind", kind.to_owned())] };
            registry.gauge(name, help, &labels)
        };
        let memory = |kind| bytes("seaworthy.history.memory.bytes", "memory of the metrics' history", kind);
        let gauge = |name, help| registry.gauge(name, help, &[]);
        let counter = |name, help| registry.counter(name, help, &[]);
        Self {
            series: gauge("seaworthy.history.series", "series that are kept"),
            series_dropped: gauge(
                "seaworthy.history.series_dropped",
                "series without room at the last sample",
            ),
            samples: memory("samples"),
            slots: memory("slots"),
            labels: memory("series"),
            disk: bytes("seaworthy.history.disk.bytes", "files that hold the metrics' history", ""),
            window: gauge("seaworthy.history.window.seconds", "how far back samples reach"),
            forgotten: counter(
                "seaworthy.history.forgotten",
                "blocks of history that were forgotten early for want of room",
            ),
            ignored: counter(
                "seaworthy.history.samples_ignored",
                "samples at a time not after that of the last one",
            ),
            damaged: counter(
                "seaworthy.history.files_damaged",
                "files whose history could be read in part or not at all",
            ),
            lost: counter(
                "seaworthy.history.slots_lost",
                "slots of history that were never written to the disk",
            ),
        }
    }
}
