//! Rolling restarts under load: not one request may be lost, whatever its method.

use std::path::Path;
use std::time::Instant;

use crate::error::Error;
use crate::load::Load;
use crate::say;
use crate::up::{Up, pids, shop};

pub(crate) fn run(program: &Path, rounds: u32) -> Result<bool, Error> {
    let mut up = Up::new(program, &shop(3)?)?;
    up.start()?;
    up.ready()?;
    up.settles("shop", 3)?;
    let loads = [Load::start(up.address, 4, "GET"), Load::start(up.address, 4, "POST")];
    let begun = Instant::now();
    for _ in 0..rounds {
        let before = pids(&up.status("shop")?);
        up.order("POST", "/api/v1/services/shop/restart", "")?;
        up.until("every replica was replaced", |up| {
            up.status("shop").is_ok_and(|status| pids(&status).is_disjoint(&before))
        })?;
        up.settles("shop", 3)?;
    }
    let took = begun.elapsed() / rounds.max(1);
    let mut lost = 0;
    for (method, load) in ["GET", "POST"].into_iter().zip(loads) {
        let told = load.finish();
        lost += told.lost();
        say(&format!("{method}: {} requests answered, {} lost {:?}", told.good, told.lost(), told.bad));
    }
    say(&format!("{rounds} rolling restarts of three replicas, {took:.0?} each"));
    Ok(lost == 0)
}
