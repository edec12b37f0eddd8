//! Replicas killed at random under load. What may be tried again is never lost; of the rest only what was under way at the
//! replica that was killed may be.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::error::Error;
use crate::load::Load;
use crate::say;
use crate::up::{Up, pids, shop, signal};

pub(crate) fn run(program: &Path, rounds: u32, mut random: fastrand::Rng) -> Result<bool, Error> {
    let mut up = Up::new(program, &shop(3)?)?;
    up.start()?;
    up.ready()?;
    up.settles("shop", 3)?;
    let clients = 4;
    let gets = Load::start(up.address, clients, "GET");
    let posts = Load::start(up.address, clients, "POST");
    for _ in 0..rounds {
        let all: Vec<u32> = pids(&up.status("shop")?).into_iter().collect();
        let Some(victim) = random.choice(&all).copied() else { continue };
        signal(victim, Signal::KILL);
        up.until("it was replaced", |up| {
            up.status("shop").is_ok_and(|status| status["ready"] == 3 && !pids(&status).contains(&victim))
        })?;
        std::thread::sleep(Duration::from_millis(random.u64(0..100)));
    }
    let (gets, posts) = (gets.finish(), posts.finish());
    say(&format!("{rounds} replicas killed"));
    say(&format!("GET: {} answered, {} lost {:?}", gets.good, gets.lost(), gets.bad));
    say(&format!("POST: {} answered, {} lost {:?}", posts.good, posts.lost(), posts.bad));
    let most = u64::from(rounds) * clients as u64;
    say(&format!("at most {most} POSTs can have been under way at a replica that was killed"));
    Ok(gets.lost() == 0 && posts.lost() <= most)
}
