//! The schedules of a campaign, and what must have become of their ticks.

use super::feeder::patient;
use crate::error::Error;
use seaworthy_jobs::Retry;
use seaworthy_jobs::schedule::{
    CatchUp, Definition, Mode, Needs, Outcome, Overlap, Run, Schedules, Template, Trigger,
};
use seaworthy_store::Timestamp;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// Every tick runs, late or not.
const COMPLETE: [&str; 2] = ["every-second", "every-second-by-cron"];
/// The latest tick runs, and none while the run before it has not ended.
const SPARSE: &str = "latest-second";
/// Runs after each run of that one.
const DEPENDENT: &str = "after-latest-second";

fn template(retry: Retry) -> Template {
    Template { retry: Some(retry), ..Template::new("effect", serde_json::Value::Null) }
}

/// Makes them; a server that is just being started again is waited for.
pub(super) async fn declare(schedules: &Schedules) -> Result<(), Error> {
    let interval = || Trigger::Interval { every: SECOND };
    let cron = Trigger::Cron {
        expression: "* * * * * *".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        daylight: seaworthy_jobs::cron::Daylight::default(),
    };
    let after = Trigger::Dependency {
        on: vec![SPARSE.to_owned()],
        needs: Needs::Completion,
        mode: Mode::Any,
        delay: None,
        timeout: None,
    };
    let complete = |name: &str, trigger| Definition {
        overlap: Overlap::Allow,
        catch_up: CatchUp::All { per_minute: 6_000 },
        ..Definition::new(name, trigger, template(patient()))
    };
    let definitions = [
        complete(COMPLETE[0], interval()),
        complete(COMPLETE[1], cron),
        Definition::new(SPARSE, interval(), template(patient())),
        Definition { overlap: Overlap::Allow, ..Definition::new(DEPENDENT, after, template(patient())) },
    ];
    for definition in definitions {
        schedules.create(definition).await?;
    }
    Ok(())
}

/// No more ticks.
pub(super) async fn pause(schedules: &Schedules) -> Result<(), Error> {
    let deadline = Instant::now() + Duration::from_secs(60);
    for name in [COMPLETE[0], COMPLETE[1], SPARSE] {
        while let Err(error) = schedules.pause(name, Some("the campaign is over")).await {
            if Instant::now() > deadline {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// Every tick, and what of it is not as it should be.
pub(super) async fn judge(schedules: &Schedules, broken: &mut Vec<String>) -> Result<usize, Error> {
    let mut ticks = 0;
    for name in COMPLETE {
        let runs = runs(schedules, name).await?;
        ticks += without_gap(name, &runs, broken);
        let wrong = runs.iter().filter(|run| run.outcome != Outcome::Completed || run.job.is_none());
        broken.extend(wrong.map(|run| format!("{name}: {run:?}")));
    }
    let sparse = runs(schedules, SPARSE).await?;
    ticks += without_gap(SPARSE, &sparse, broken);
    let ran = sparse.iter().filter(|run| run.job.is_some()).count();
    let dependent = runs(schedules, DEPENDENT).await?;
    let wrong = dependent.iter().filter(|run| run.outcome != Outcome::Completed);
    broken.extend(wrong.map(|run| format!("{DEPENDENT}: {run:?}")));
    if dependent.len() != ran {
        broken.push(format!("{SPARSE} ran {ran} times, {DEPENDENT} {}", dependent.len()));
    }
    Ok(ticks + dependent.len())
}

/// How many ticks the runs stand for; each of them once, a second apart.
fn without_gap(name: &str, runs: &[Run], broken: &mut Vec<String>) -> usize {
    let mut ticks = Vec::new();
    for run in runs {
        let mut tick = run.tick;
        while tick <= run.until.unwrap_or(run.tick) {
            ticks.push(tick);
            tick = tick.plus(SECOND);
        }
    }
    let pairs = ticks.windows(2).filter(|pair| pair[1] != pair[0].plus(SECOND));
    broken.extend(pairs.map(|pair| format!("{name}: after the tick {:?} came {:?}", pair[0], pair[1])));
    ticks.len()
}

/// Oldest first.
async fn runs(schedules: &Schedules, name: &str) -> Result<Vec<Run>, Error> {
    let mut all = Vec::new();
    let mut before: Option<Timestamp> = None;
    loop {
        let page = schedules.runs(name, before, 1_000).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.tick);
        all.extend(page);
    }
    all.reverse();
    Ok(all)
}
