//! What replicas use and how much they are asked.

use super::instance::Instance;
use crate::autoscale::{Load, Sample};
use crate::settings::Service;
use crate::status::UsageStatus;
use crate::traffic;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The kernel counts processor time in steps of 10 ms: over less time than this it says nothing.
const WINDOW: Duration = Duration::from_secs(1);

impl Instance {
    /// Looks at what its processes use.
    pub(super) fn measure(&mut self, now: Instant) {
        let Some(live) = &self.live else {
            self.usage = None;
            return;
        };
        // before the first look there was its start
        let ran = SystemTime::now().duration_since(live.started_at).unwrap_or_default();
        let seen = self.cpu_seen.or_else(|| Some((now.checked_sub(ran)?, Duration::ZERO)));
        let Some((at, cpu)) = seen.filter(|(at, _)| now.duration_since(*at) >= WINDOW) else { return };
        let Ok(usage) = live.handle.usage() else {
            self.usage = None;
            return;
        };
        let cores = usage.cpu.saturating_sub(cpu).as_secs_f64() / now.duration_since(at).as_secs_f64();
        self.cpu_seen = Some((now, usage.cpu));
        self.usage = Some(UsageStatus {
            cpu_seconds: usage.cpu.as_secs_f64(),
            cores,
            memory_bytes: usage.memory,
            open_files: usage.open_files,
            processes: usage.processes,
        });
    }

    fn load(&self, service: &Service, traffic: &traffic::Load) -> Load {
        let share = |limit: f64, used: f64| 100.0 * used / limit;
        let cores = service.limits.cpu_millicores.map_or(1.0, |millicores| f64::from(millicores) / 1_000.0);
        Load {
            ready: self.is_ready(),
            cpu_percent: self.usage.map(|usage| share(cores, usage.cores)),
            memory_percent: self
                .usage
                .zip(service.limits.memory)
                .map(|(usage, limit)| share(limit as f64, usage.memory_bytes as f64)),
            in_flight: self.addr().and_then(|addr| traffic.in_flight.get(&addr).copied()),
        }
    }
}

/// What is known of the load on a service now.
pub(super) fn sample<'a>(
    service: &Service,
    staying: impl Iterator<Item = &'a Instance>,
    traffic: &traffic::Load,
) -> Sample {
    Sample { replicas: staying.map(|instance| instance.load(service, traffic)).collect(), p95: traffic.p95 }
}
