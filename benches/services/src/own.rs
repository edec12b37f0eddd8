//! Seaworthy killed at random moments of its start, of restarts and of scaling. Afterwards exactly the configured replicas
//! run, each once.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::say;
use crate::up::{Up, pids, shop};

/// What it is killed in the middle of.
const MOMENTS: [&str; 4] = ["start", "restart", "scale", "change"];

pub(crate) fn run(program: &Path, rounds: u32, mut random: fastrand::Rng) -> Result<bool, Error> {
    let mut up = Up::new(program, &shop(3)?)?;
    let (mut counts, mut wrong) = (BTreeMap::<&str, u32>::new(), 0);
    let mut wanted = 3;
    for round in 1..=rounds {
        up.start()?;
        let moment = MOMENTS[random.usize(..MOMENTS.len())];
        *counts.entry(moment).or_default() += 1;
        if moment != "start" {
            up.ready()?;
            match moment {
                "restart" => drop(up.order("POST", "/api/v1/services/shop/restart", "")?),
                "scale" => {
                    let body = format!("{{\"replicas\":{}}}", random.u32(1..=5));
                    up.order("PUT", "/api/v1/services/shop/replicas", &body)?;
                }
                _ => {
                    wanted = random.u32(1..=5);
                    let change = format!("{}termination_grace = \"{}s\"\n", shop(wanted)?, random.u32(1..30));
                    up.configure(&change)?;
                }
            }
        }
        std::thread::sleep(Duration::from_millis(random.u64(0..300)));
        up.kill();
        up.start()?;
        up.ready()?;
        up.settles("shop", u64::from(wanted))?;
        // by the kernel's word: what was to end may need a moment more
        let known = pids(&up.status("shop")?);
        let settled = up.until("nothing else runs", |up| up.alive() == known);
        if settled.is_err() || known.len() as u64 != u64::from(wanted) {
            wrong += 1;
            say(&format!(
                "round {round} ({moment}): {wanted} wanted, known {known:?}, alive {:?}",
                up.alive()
            ));
        }
        up.kill();
        if round % 25 == 0 {
            say(&format!("round {round}"));
        }
    }
    up.start()?;
    up.ready()?;
    up.stop()?;
    let left = up.alive();
    say(&format!(
        "{rounds} kills, in the middle of {counts:?}: {wrong} rounds with other replicas than wanted"
    ));
    say(&format!("after a stop {} processes are left", left.len()));
    Ok(wrong == 0 && left.is_empty())
}
