//! Proxies side by side: processor time per request, requests per second, latency at an equal rate, memory with idle
//! connections. `README.md` says how it is measured.
//!
//! It builds nothing and downloads nothing: a proxy that is asked for and can't be started is an error.

mod error;
mod http;
mod idle;
mod median;
mod options;
mod proc;
mod process;
mod proxy;
mod rate;
mod report;
mod soak;
mod throughput;
mod upstream;
mod workdir;

use clap::Parser;
use error::Error;
use options::Options;
use proxy::Proxy;
use report::{Report, Row};
use std::io::Write;
use std::process::ExitCode;
use workdir::WorkDir;

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Error> {
    // whatever this process does itself is load, so it stays off the proxies' core
    process::pin_self(options.load_core)?;
    let dir = WorkDir::create()?;
    let upstream = upstream::start(&dir, options)?;
    let mut report = Report::new(options);
    for proxy in &options.proxies {
        report.rows.push(Row::new(*proxy));
    }
    if let Some(duration) = options.soak {
        soak::run(&dir, options, &upstream, duration, &mut report)?;
    } else {
        rounds(&dir, options, &upstream, &mut report)?;
        for row in &mut report.rows {
            row.idle = Some(idle::measure(&dir, options, &upstream, row.proxy)?);
            say(format_args!("{}: idle connections measured", row.proxy));
        }
    }
    report.finish();
    let mut out = std::io::stdout().lock();
    write!(out, "{}", report.table()).map_err(Error::Output)?;
    if let Some(path) = &options.json {
        std::fs::write(path, report.json()?).map_err(Error::Output)?;
    }
    drop(upstream);
    dir.remove()
}

/// Every proxy once per round, each time in another order, so that what drifts drifts for all.
fn rounds(
    dir: &WorkDir,
    options: &Options,
    upstream: &upstream::Upstream,
    report: &mut Report,
) -> Result<(), Error> {
    for round in 0..options.rounds {
        let count = report.rows.len();
        for i in 0..count {
            let row = &mut report.rows[(i + round) % count];
            let running = Proxy::start(row.proxy, dir, options, upstream)?;
            let busy = throughput::measure(&running, options)?;
            let paced = rate::measure(&running, options)?;
            say(format_args!(
                "round {} of {}: {}: {:.1} µs per request, {:.0} requests/s, p99 {:.2} ms at {}/s",
                round + 1,
                options.rounds,
                row.proxy,
                busy.cpu_us,
                busy.per_second,
                paced.p99_ms,
                options.rate,
            ));
            row.busy.push(busy);
            row.paced.push(paced);
        }
    }
    Ok(())
}

/// Tells whoever waits how far it is; the result alone goes to standard output.
fn say(line: std::fmt::Arguments<'_>) {
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}
