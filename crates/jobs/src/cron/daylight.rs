use serde::{Deserialize, Serialize};

/// What becomes of local times that clocks skip when they are put forward, and of those they show twice when they are
/// put back.
///
/// The default of both, `auto`, is what Vixie cron does: an expression whose hour begins with `*` counts time as it
/// passes (`*/5 * * * *` runs every five minutes, whatever the clocks do), any other names a time of day and runs once
/// a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daylight {
    /// A time that does not exist that day.
    pub skipped: Skipped,
    /// A time that comes twice that day.
    pub repeated: Repeated,
}

/// A local time that does not exist on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    /// `skip` where the hour begins with `*`, else `run_at_gap_end`.
    #[default]
    Auto,
    /// It does not run that day.
    Skip,
    /// It runs once, at the first moment after the gap, however many of its times the gap swallowed.
    RunAtGapEnd,
}

/// A local time that comes twice on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeated {
    /// `both` where the hour begins with `*`, else `first`.
    #[default]
    Auto,
    /// It runs the first time.
    First,
    /// It runs both times.
    Both,
}

impl Daylight {
    pub(super) fn runs_at_gap_end(self, every_hour: bool) -> bool {
        match self.skipped {
            Skipped::Auto => !every_hour,
            Skipped::Skip => false,
            Skipped::RunAtGapEnd => true,
        }
    }

    pub(super) fn runs_twice(self, every_hour: bool) -> bool {
        match self.repeated {
            Repeated::Auto => every_hour,
            Repeated::First => false,
            Repeated::Both => true,
        }
    }
}
