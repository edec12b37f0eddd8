//! As many requests as the load core can make, by wrk, and what they cost the proxy.

use crate::error::Error;
use crate::options::Options;
use crate::proc;
use crate::process;
use crate::proxy::Proxy;
use serde::Serialize;
use std::time::Duration;

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Busy {
    /// Processor time of the proxy per request, in microseconds.
    pub(crate) cpu_us: f64,
    pub(crate) per_second: f64,
    pub(crate) requests: u64,
}

/// Long enough for connections to be open and code to be warm.
const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) fn measure(proxy: &Proxy, options: &Options) -> Result<Busy, Error> {
    wrk(proxy, options, WARM_UP)?;
    let before = proc::cpu_seconds(proxy.id())?;
    let load = wrk(proxy, options, options.duration)?;
    let cpu = proc::cpu_seconds(proxy.id())? - before;
    Ok(Busy {
        cpu_us: cpu * 1e6 / load.requests as f64,
        per_second: load.per_second,
        requests: load.requests,
    })
}

#[derive(Debug, PartialEq)]
struct Load {
    requests: u64,
    per_second: f64,
    failed: u64,
}

fn wrk(proxy: &Proxy, options: &Options, duration: Duration) -> Result<Load, Error> {
    let output = process::pinned(options.load_core, &options.wrk)
        .args(["-t1", "-c", &options.connections.to_string(), "-d"])
        .arg(format!("{}s", duration.as_secs().max(1)))
        .arg(format!("{}/1k", proxy.url()))
        .output()
        .map_err(|source| Error::Start { program: options.wrk.display().to_string(), source })?;
    let load = parse(&String::from_utf8_lossy(&output.stdout))?;
    if load.failed > 0 || load.requests == 0 {
        let program = proxy.kind.to_string();
        return Err(Error::Failed { program, failed: load.failed, requests: load.requests });
    }
    Ok(load)
}

fn parse(output: &str) -> Result<Load, Error> {
    let missing = |missing| Error::Wrk { missing, output: output.to_owned() };
    let line = |key: &str| output.lines().map(str::trim).find(|line| line.contains(key));
    let requests = line(" requests in ")
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .ok_or_else(|| missing(" requests in "))?;
    let per_second = line("Requests/sec:")
        .and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .ok_or_else(|| missing("Requests/sec:"))?;
    let numbers =
        |line: &str| line.split([' ', ',']).filter_map(|word| word.parse::<u64>().ok()).sum::<u64>();
    let failed = line("Socket errors:").map_or(0, numbers) + line("Non-2xx").map_or(0, numbers);
    Ok(Load { requests, per_second, failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 1s test @ http://127.0.0.1:1/1k
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.08ms  301.09us   8.21ms   92.57%
    Req/Sec    15.45k     1.01k   17.02k    90.00%
  15383 requests in 1.00s, 18.67MB read
Requests/sec:  15371.02
Transfer/sec:     18.66MB
";

    #[test]
    fn reads_what_wrk_prints() {
        let load = parse(GOOD).unwrap();
        assert_eq!(load, Load { requests: 15_383, per_second: 15_371.02, failed: 0 });
    }

    #[test]
    fn sees_failures() {
        let bad = format!(
            "{GOOD}  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 7\n"
        );
        assert_eq!(parse(&bad).unwrap().failed, 17);
    }

    #[test]
    fn says_what_is_missing() {
        let error = parse("unable to connect").unwrap_err().to_string();
        assert!(error.contains(" requests in ") && error.contains("unable to connect"), "{error}");
    }
}
