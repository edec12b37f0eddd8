//! Fifty services, broken one after the other, each in its own way.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

use crate::breakage::{ALL, Way};
use crate::error::Error;
use crate::receiver::{self, Told};
use crate::shop::Shop;
use crate::up::Up;
use crate::{traffic, watch};

/// Between one breakage and the next.
const APART: Duration = Duration::from_secs(4);

struct Case {
    way: Way,
    name: String,
    shop: Arc<Shop>,
    broken: Option<Instant>,
}

pub(crate) fn run(program: &Path, healthy: u64, within: u64) -> Result<bool, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Error::new("runtime", error))?;
    runtime.block_on(all(program, Duration::from_secs(healthy), Duration::from_secs(within)))
}

async fn all(program: &Path, healthy: Duration, within: Duration) -> Result<bool, Error> {
    let mut cases = Vec::new();
    for (at, way) in ALL.into_iter().enumerate() {
        let shop = Arc::new(Shop::open().await?);
        cases.push(Case { way, name: format!("s{at:02}"), shop, broken: None });
    }
    let (receiver, mut told) = receiver::listen().await?;
    let up = Up::start(program, &configuration(&cases, &receiver.to_string())).await?;
    for case in &cases {
        traffic::begin(up.address, case.name.clone(), Arc::clone(&case.shop), case.way.pace());
    }
    say(&format!("{} services, healthy for {} s", cases.len(), healthy.as_secs()));
    sleep(healthy).await;
    let mut order: Vec<usize> = (0..cases.len()).collect();
    fastrand::shuffle(&mut order);
    for at in order {
        let case = &mut cases[at];
        case.shop.breaks(case.way);
        case.broken = Some(Instant::now());
        jobs(&up, case).await?;
        sleep(APART).await;
    }
    sleep(within).await;
    Ok(report(&cases, &mut told, within))
}

/// Services with their queues, the rules, and where messages go.
fn configuration(cases: &[Case], receiver: &str) -> String {
    let mut out = format!(
        "[jobs]\n[alerts]\nreceiver = \"bench\"\nstorm_messages = 100000\n\
         [receiver.bench]\nwebhook = [{{ url = \"http://{receiver}/\" }}]\n"
    );
    for Case { name, shop, way, .. } in cases {
        out += &format!("[service.{name}]\nupstreams = [\"http://{}\"]\n", shop.address);
        if *way == Way::Unhealthy {
            out += "health = { path = \"/health\", interval = \"5s\" }\n";
        }
        out += &format!("[[route]]\npath = \"/{name}/{{*path}}\"\nservice = \"{name}\"\n[queue.{name}]\n");
    }
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    out + &watch::toml(&names)
}

/// What is broken about jobs.
async fn jobs(up: &Up, case: &Case) -> Result<(), Error> {
    let count = match case.way {
        Way::JobsFail => 1,
        // more than run at once
        Way::JobsWait => 100,
        _ => 0,
    };
    let url = format!("http://{}/job", case.shop.address);
    let job = serde_json::json!({
        "kind": "http", "queue": case.name, "payload": { "url": url },
        "retry": { "max_attempts": 1, "backoff": "fixed", "delay": "1s" }
    });
    for _ in 0..count {
        up.order("POST", "/api/v1/jobs", &job.to_string()).await?;
    }
    Ok(())
}

/// Whether everything was told in time, and nothing else was.
fn report(cases: &[Case], told: &mut UnboundedReceiver<Told>, within: Duration) -> bool {
    let mut first: BTreeMap<&str, (Duration, String)> = BTreeMap::new();
    let mut wolf = Vec::new();
    while let Ok(told) = told.try_recv() {
        let case = cases.iter().find(|case| case.name == told.about);
        match case.and_then(|case| Some((case, told.at.checked_duration_since(case.broken?)?))) {
            Some((case, after)) => {
                first.entry(&case.name).or_insert((after, told.name));
            }
            None => wolf.push(format!("{} about {:?}", told.name, told.about)),
        }
    }
    let mut times = Vec::new();
    let mut missed = 0;
    for case in cases {
        let way = format!("{:?}", case.way).replace('\n', " ");
        match first.get(case.name.as_str()) {
            Some((after, by)) if *after <= within => {
                times.push(*after);
                say(&format!("{:5.1} s  {by:<24} {way:.70}", after.as_secs_f64()));
            }
            late => {
                missed += 1;
                let late = late.map(|(after, by)| format!("{by} after {:.1} s", after.as_secs_f64()));
                say(&format!("missed   {:<24} {way:.70}", late.unwrap_or_default()));
            }
        }
    }
    times.sort_unstable();
    let at = |share: f64| {
        times.get((times.len() as f64 * share) as usize).or(times.last()).map_or(0.0, Duration::as_secs_f64)
    };
    say(&format!(
        "{} of {} told within {} s: median {:.1} s, 90 % within {:.1} s, slowest {:.1} s; {} false alarms",
        times.len(),
        cases.len(),
        within.as_secs(),
        at(0.5),
        at(0.9),
        at(1.0),
        wolf.len()
    ));
    wolf.iter().for_each(|one| say(&format!("false: {one}")));
    missed == 0 && wolf.is_empty()
}

fn say(line: &str) {
    // a reader that went away is none of ours
    let _ = writeln!(std::io::stdout(), "{line}");
}
