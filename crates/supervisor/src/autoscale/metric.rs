//! What one target asks for.

/// How far from its target a metric may be without any effect.
const TOLERANCE: f64 = 0.1;
/// What is only the fault of binary fractions.
const HAIR: f64 = 1e-9;

/// What one replica reads, in the unit of the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Whether it is ready: one that is not says little about the load.
    pub ready: bool,
    /// The value, where there is one.
    pub value: Option<f64>,
}

/// How many replicas a target asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// So many.
    pub replicas: u32,
    /// The value over the target.
    pub ratio: f64,
}

/// What came of a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// It asks for so many.
    Proposal(Proposal),
    /// No replica that is ready says anything.
    Unknown,
}

/// A target for the average over replicas.
pub(super) fn average(current: u32, target: f64, readings: &[Reading]) -> Judgement {
    let known: Vec<f64> = readings.iter().filter(|r| r.ready).filter_map(|r| r.value).collect();
    if known.is_empty() {
        return Judgement::Unknown;
    }
    let unready = readings.iter().filter(|r| !r.ready).count();
    let missing = readings.iter().filter(|r| r.ready && r.value.is_none()).count();
    let sum: f64 = known.iter().sum();
    let ratio = sum / known.len() as f64 / target;
    let up = ratio > 1.0;
    // unready ones only hold back what would go up
    let idle = if up { unready } else { 0 };
    if missing == 0 && idle == 0 {
        let replicas = if tolerable(ratio) { current } else { ceil(ratio * known.len() as f64) };
        return Judgement::Proposal(Proposal { replicas, ratio });
    }
    let assumed = if up { 0.0 } else { target * missing as f64 };
    let counted = (known.len() + missing + idle) as f64;
    let damped = (sum + assumed) / counted / target;
    let turned = (damped > 1.0) != up;
    let replicas = ceil(damped * counted);
    let backwards = (up && replicas < current) || (!up && replicas > current);
    let replicas = if tolerable(damped) || turned || backwards { current } else { replicas };
    Judgement::Proposal(Proposal { replicas, ratio: damped })
}

/// A target for the service as a whole.
pub(super) fn whole(current: u32, target: f64, value: Option<f64>, readings: &[Reading]) -> Judgement {
    let ready = readings.iter().filter(|r| r.ready).count();
    let Some(value) = value.filter(|_| ready > 0) else { return Judgement::Unknown };
    let ratio = value / target;
    let replicas = if tolerable(ratio) { current } else { ceil(ratio * ready as f64) };
    Judgement::Proposal(Proposal { replicas, ratio })
}

fn tolerable(ratio: f64) -> bool {
    (ratio - 1.0).abs() <= TOLERANCE + HAIR
}

/// Rounded up.
fn ceil(replicas: f64) -> u32 {
    // a cast from a float stops at the bounds of the type
    (replicas - HAIR).ceil().max(0.0) as u32
}
