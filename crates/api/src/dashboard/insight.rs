//! What the dashboard shows beyond what the API tells, as far as it is there: each part may be missing.

use seaworthy_alerts::Alerts;
use seaworthy_telemetry::history::History;
use seaworthy_telemetry::story::Recorder;

/// The doors to what was measured and noticed.
#[derive(Debug, Clone, Default)]
pub struct Insight {
    /// What metrics were: without it there are no charts and no budgets.
    pub history: Option<History>,
    /// What single requests went through.
    pub stories: Option<Recorder>,
    /// What is wrong now, and what was promised.
    pub alerts: Option<Alerts>,
}
