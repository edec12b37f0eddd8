//! What is to become of the ticks that are due: a function of the definition and the time, and of nothing else.

use super::trigger::Ticks;
use super::{CatchUp, Definition, Trigger};
use crate::Error;
use seaworthy_store::Timestamp;
use std::time::Duration;

/// Ticks looked at in one step.
const MOST_TICKS: usize = 10_000;
/// Missed ticks that are recorded one by one in one step; older ones are recorded together.
const MOST_ROWS: usize = 500;
/// What is late by less was not missed, even where nothing is made up for.
const ON_TIME: Duration = Duration::from_secs(60);

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    pub(super) missed: Vec<Missed>,
    pub(super) fire: Option<Timestamp>,
    /// The next tick and when to fire it; `None`: there is none.
    pub(super) next: Option<(Timestamp, Timestamp)>,
}

/// Ticks that are not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missed {
    pub(super) tick: Timestamp,
    pub(super) until: Timestamp,
    /// How many; `None`: more than were counted.
    pub(super) count: Option<usize>,
    pub(super) note: &'static str,
}

/// Whether it has ticks of its own.
pub(super) const fn has_clock(definition: &Definition) -> bool {
    !matches!(definition.trigger, Trigger::Manual | Trigger::Dependency { .. })
}

/// The first tick after now.
pub(super) fn first(
    definition: &Definition,
    anchor: Timestamp,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    // a start that is itself a tick is one
    let just_before =
        definition.start.map(|start| Timestamp::from_micros(start.as_micros().saturating_sub(1)));
    let from = just_before.map_or(now, |start| start.max(now));
    Ok(within(definition, definition.trigger.ticks(anchor)?.after(from)))
}

fn within(definition: &Definition, tick: Option<Timestamp>) -> Option<Timestamp> {
    tick.filter(|tick| definition.end.is_none_or(|end| *tick <= end))
}

/// When a tick is to be fired: later by its jitter, which is always the same for it.
pub(super) fn fire_time(definition: &Definition, tick: Timestamp) -> Timestamp {
    let most = definition.jitter.map_or(0, |jitter| u64::try_from(jitter.as_micros()).unwrap_or(0));
    if most == 0 {
        return tick;
    }
    // FNV-1a: the same on every machine and in every version
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in definition.name.bytes().chain(tick.as_micros().to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // its low bits are poor
    hash ^= hash >> 32;
    tick.plus(Duration::from_micros(hash % (most + 1)))
}

/// What to do about the tick `next`, which is due, and those after it.
pub(super) fn plan(
    definition: &Definition,
    anchor: Timestamp,
    next: Timestamp,
    now: Timestamp,
) -> Result<Plan, Error> {
    let ticks = definition.trigger.ticks(anchor)?;
    let after = |tick| within(definition, ticks.after(tick));
    let mut plan = Plan::default();
    let horizon = now.minus(definition.misfire_grace);
    let mut tick = too_late(definition, &ticks, next, horizon, now, &mut plan);
    let mut due = Vec::new();
    while let Some(candidate) = tick
        && fire_time(definition, candidate) <= now
    {
        if due.len() == MOST_TICKS {
            // a grace with more ticks than anybody can make up for
            let until = Timestamp::from_micros(now.as_micros() - 1);
            plan.missed.push(Missed { tick: due[0], until, count: None, note: "too many to be made up for" });
            due.clear();
            tick = after(now);
            break;
        }
        due.push(candidate);
        tick = after(candidate);
    }
    choose(definition, &due, tick, now, &mut plan);
    Ok(plan)
}

/// Ticks beyond the grace; gives the first within it.
fn too_late(
    definition: &Definition,
    ticks: &Ticks,
    first: Timestamp,
    horizon: Timestamp,
    now: Timestamp,
    plan: &mut Plan,
) -> Option<Timestamp> {
    let late = |tick: Timestamp| fire_time(definition, tick) < horizon && tick < now;
    let mut lost = Vec::new();
    let mut tick = Some(first);
    let mut all = true;
    while let Some(candidate) = tick.filter(|tick| late(*tick)) {
        if lost.len() == MOST_TICKS {
            tick = within(definition, ticks.after(horizon));
            all = false;
            break;
        }
        lost.push(candidate);
        tick = within(definition, ticks.after(candidate));
    }
    miss(plan, &lost, "later than the grace allows");
    if !all && let Some(row) = plan.missed.first_mut() {
        (row.until, row.count) = (horizon, None);
        plan.missed.truncate(1);
    }
    tick
}

fn choose(
    definition: &Definition,
    due: &[Timestamp],
    next: Option<Timestamp>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let timed = |tick| (tick, fire_time(definition, tick));
    plan.next = next.map(timed);
    let Some((last, earlier)) = due.split_last() else { return };
    match definition.catch_up {
        CatchUp::Latest => {
            miss(plan, earlier, "a later one ran in its place");
            plan.fire = Some(*last);
        }
        CatchUp::None if now.since(fire_time(definition, *last)) <= ON_TIME => {
            miss(plan, earlier, "nothing is made up for");
            plan.fire = Some(*last);
        }
        CatchUp::None => miss(plan, due, "nothing is made up for"),
        CatchUp::All { per_minute } => {
            plan.fire = due.first().copied();
            if let Some(second) = due.get(1) {
                let pace = Duration::from_secs(60) / per_minute.max(1);
                plan.next = Some((*second, now.plus(pace)));
            }
        }
    }
}

/// Records them: the latest one by one, what is before them as one.
fn miss(plan: &mut Plan, ticks: &[Timestamp], note: &'static str) {
    let (together, single) = ticks.split_at(ticks.len().saturating_sub(MOST_ROWS));
    if let (Some(first), Some(last)) = (together.first(), together.last()) {
        plan.missed.push(Missed { tick: *first, until: *last, count: Some(together.len()), note });
    }
    let one = |tick: &Timestamp| Missed { tick: *tick, until: *tick, count: Some(1), note };
    plan.missed.extend(single.iter().map(one));
}

#[cfg(test)]
mod tests;
