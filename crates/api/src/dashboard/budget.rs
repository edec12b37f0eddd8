//! What was promised, and how much of what may fail is left.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use seaworthy_alerts::objective::{Measured, Status};
use seaworthy_store::Timestamp;
use seaworthy_telemetry::history::History;

use super::traffic::{self, Points};
use super::visit::Visit;

/// Objectives that are looked at.
const MOST: usize = 200;
/// Points of a course.
pub(super) const POINTS: u32 = 48;

/// An objective and how it stands.
pub(super) struct Budget {
    pub(super) measured: Arc<Measured>,
    pub(super) status: Status,
}

impl Budget {
    pub(super) fn name(&self) -> &str {
        &self.status.name
    }

    pub(super) fn service(&self) -> Option<&str> {
        self.measured.objective.service.as_deref()
    }

    pub(super) fn window(&self) -> Duration {
        self.measured.objective.window
    }

    /// What is left: 1 is all, 0 nothing, below 0 is overspent; none without requests.
    pub(super) fn left(&self) -> Option<f64> {
        self.status.budget_left
    }

    /// How many times as fast as it lasts it is used, over the first pair's long window.
    pub(super) fn burn(&self) -> Option<f64> {
        self.status.burns.first().and_then(|burn| burn.long)
    }
}

/// All objectives, or those of one service; none where there are none, or no history to look them up in.
pub(super) async fn all(visit: &Visit, service: Option<&str>) -> Vec<Budget> {
    let insight = &visit.control.insight;
    let (Some(alerts), Some(history)) = (&insight.alerts, &insight.history) else { return Vec::new() };
    if !visit.may("GET", "/api/v1/objectives") {
        return Vec::new();
    }
    let mut measured = alerts.measured();
    measured.retain(|one| service.is_none() || one.objective.service.as_deref() == service);
    measured.truncate(MOST);
    let at = Timestamp::from(visit.now);
    let look = move |history: &History| {
        let status = |measured: Arc<Measured>| {
            measured.status(history, at).ok().map(|status| Budget { measured, status })
        };
        Ok(measured.into_iter().filter_map(status).collect())
    };
    traffic::ask(history, look).await.unwrap_or_default()
}

/// What was left of a budget over its window, from 1 down.
pub(super) async fn course(visit: &Visit, budget: &Budget) -> Points {
    let Some(history) = &visit.control.insight.history else { return Points::new() };
    let (measured, now) = (Arc::clone(&budget.measured), visit.now);
    let all = budget.status.counts.total * measured.objective.budget();
    let look = move |history: &History| {
        let step = measured.objective.window / POINTS;
        let (mut spent, mut course) = (0.0, Points::new());
        for point in 1..=POINTS {
            let at: SystemTime = now - step * (POINTS - point);
            let counts = measured.counts(history, step, at.into())?;
            spent += counts.bad;
            // before the first request there is nothing to draw
            if counts.total > 0.0 || !course.is_empty() {
                course.push((at, 1.0 - spent / all.max(f64::MIN_POSITIVE)));
            }
        }
        Ok(course)
    };
    traffic::ask(history, look).await.unwrap_or_default()
}
