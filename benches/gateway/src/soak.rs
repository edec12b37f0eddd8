//! Load for a long time: memory must not grow.

use crate::error::Error;
use crate::options::Options;
use crate::proc;
use crate::proxy::Proxy;
use crate::report::{Report, Soak};
use crate::upstream::Upstream;
use crate::workdir::WorkDir;
use seaworthy_trials::load::{self, Request, Settings};
use std::time::{Duration, Instant};

const SAMPLES: u32 = 60;

pub(crate) fn run(
    dir: &WorkDir,
    options: &Options,
    upstream: &Upstream,
    duration: Duration,
    report: &mut Report,
) -> Result<(), Error> {
    for row in &mut report.rows {
        let proxy = Proxy::start(row.proxy, dir, options, upstream)?;
        row.soak = Some(soak(&proxy, options, duration)?);
        crate::say(format_args!("{}: soaked", row.proxy));
    }
    Ok(())
}

fn soak(proxy: &Proxy, options: &Options, duration: Duration) -> Result<Soak, Error> {
    let settings = Settings::new([proxy.url()], f64::from(options.rate), duration);
    let (started, every) = (Instant::now(), duration / SAMPLES);
    let mut rss_kib: Vec<u64> = Vec::new();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let sample = |_: &load::Progress| {
        if started.elapsed() >= every * rss_kib.len() as u32 {
            // a proxy that died shows as failures
            rss_kib.push(proc::rss_kib(proxy.id()).unwrap_or_default());
        }
    };
    let report = runtime.block_on(load::run(&settings, |n| Request::get(format!("/1k?n={n}")), sample))?;
    Ok(Soak {
        seconds: duration.as_secs_f64(),
        requests: report.requests,
        failures: report.failures,
        latency: report.latency,
        rss_kib,
    })
}
