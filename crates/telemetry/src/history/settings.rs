use std::path::PathBuf;
use std::time::Duration;

/// How much is kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How far apart samples are meant to be taken; more than three of it without one is a gap. Default: 10 s.
    pub resolution: Duration,
    /// For how long samples are kept in memory. Default: 6 h; up to an eighth more until they are forgotten.
    pub window: Duration,
    /// How many series are kept; a histogram is one. What exceeds it is left out and shown. Default: 20,000.
    pub series: usize,
    /// Memory for samples and slots in bytes. The oldest of what exceeds it is forgotten early. Default: 128 MiB.
    pub bytes: usize,
    /// What is kept beyond the window.
    pub slots: Slots,
}

/// What is made of samples for the long run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// How long a slot is. Default: 5 min.
    pub length: Duration,
    /// For how long slots are kept. Default: 30 d.
    pub retention: Duration,
    /// The folder that holds them across restarts; it is made if need be. Without one they are kept in memory only.
    pub folder: Option<PathBuf>,
    /// How many bytes the folder may hold. The oldest files of what exceeds it are deleted. Default: 64 MiB.
    pub bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            resolution: Duration::from_secs(10),
            window: Duration::from_secs(6 * 3_600),
            series: 20_000,
            bytes: 128 << 20,
            slots: Slots::default(),
        }
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            length: Duration::from_secs(300),
            retention: Duration::from_secs(30 * 86_400),
            folder: None,
            bytes: 64 << 20,
        }
    }
}
