use std::time::Duration;

/// Scaling by load, with the algorithm of Kubernetes' HorizontalPodAutoscaler. Of several targets the one that asks for
/// most replicas decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Autoscale {
    /// Never fewer. 1.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// Processor time of a replica, in percent of its limit, or of one core where it has none. Usually 70.
    pub cpu_percent: Option<u32>,
    /// Memory of a replica, in percent of its limit, which must be set. Usually 80.
    pub memory_percent: Option<u32>,
    /// Requests in flight, per replica.
    pub in_flight: Option<f64>,
    /// The time within which 95 of 100 requests are answered.
    pub p95: Option<Duration>,
    /// How often it is decided. 15 s.
    pub period: Duration,
    /// For so long the highest recommendation decides before replicas are taken away. 5 min.
    pub stabilization: Duration,
}

impl Autoscale {
    /// Between `min` and `max` replicas, without a target yet.
    pub const fn between(min: u32, max: u32) -> Self {
        Self {
            min,
            max,
            cpu_percent: None,
            memory_percent: None,
            in_flight: None,
            p95: None,
            period: Duration::from_secs(15),
            stabilization: Duration::from_secs(300),
        }
    }
}
