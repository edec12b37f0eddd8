//! The result, as a table and as JSON.

use crate::error::Error;
use crate::idle::Idle;
use crate::median::median;
use crate::options::Options;
use crate::proxy::Kind;
use crate::throughput::Busy;
use seaworthy_trials::load::{Failures, Latency};
use serde::Serialize;
use std::fmt::Write;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rounds: usize,
    seconds: f64,
    connections: usize,
    rate: u32,
    pub(crate) rows: Vec<Row>,
}

/// One proxy: every measurement, and medians with their ratios to the first proxy.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) proxy: Kind,
    pub(crate) busy: Vec<Busy>,
    pub(crate) paced: Vec<Latency>,
    pub(crate) idle: Option<Idle>,
    pub(crate) soak: Option<Soak>,
    median: Option<Medians>,
    /// Median of the ratios within each round: drift between rounds does not show in it.
    ratio: Option<Medians>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Medians {
    cpu_us: f64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Soak {
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) failures: Failures,
    pub(crate) latency: Latency,
    /// Samples at equal intervals.
    pub(crate) rss_kib: Vec<u64>,
}

impl Row {
    pub(crate) fn new(proxy: Kind) -> Self {
        Self { proxy, busy: vec![], paced: vec![], idle: None, soak: None, median: None, ratio: None }
    }

    fn medians(&self) -> Option<Medians> {
        Some(Medians {
            cpu_us: median(self.busy.iter().map(|busy| busy.cpu_us))?,
            per_second: median(self.busy.iter().map(|busy| busy.per_second))?,
            p50_ms: median(self.paced.iter().map(|paced| paced.p50_ms))?,
            p99_ms: median(self.paced.iter().map(|paced| paced.p99_ms))?,
        })
    }

    fn ratios(&self, first: &[Busy], first_paced: &[Latency]) -> Option<Medians> {
        let busy = |value: fn(&Busy) -> f64| {
            median(self.busy.iter().zip(first).map(|(own, first)| value(own) / value(first)))
        };
        let paced = |value: fn(&Latency) -> f64| {
            median(self.paced.iter().zip(first_paced).map(|(own, first)| value(own) / value(first)))
        };
        Some(Medians {
            cpu_us: busy(|busy| busy.cpu_us)?,
            per_second: busy(|busy| busy.per_second)?,
            p50_ms: paced(|latency| latency.p50_ms)?,
            p99_ms: paced(|latency| latency.p99_ms)?,
        })
    }
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            rounds: options.rounds,
            seconds: options.duration.as_secs_f64(),
            connections: options.connections,
            rate: options.rate,
            rows: Vec::new(),
        }
    }

    /// Works out medians and ratios once everything is measured.
    pub(crate) fn finish(&mut self) {
        let Some(first) = self.rows.first() else { return };
        let (busy, paced) = (first.busy.clone(), first.paced.clone());
        for row in &mut self.rows {
            row.median = row.medians();
            row.ratio = row.ratios(&busy, &paced);
        }
    }

    pub(crate) fn json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        for write in [Self::rounds_table, Self::idle_table, Self::soak_table] {
            // writing to a string does not fail
            let _infallible = write(self, &mut out);
        }
        out
    }

    fn rounds_table(&self, out: &mut String) -> std::fmt::Result {
        let rows = || self.rows.iter().filter_map(|row| Some((row, row.median?, row.ratio?)));
        let Some((first, ..)) = rows().next() else { return Ok(()) };
        writeln!(
            out,
            "medians of {} rounds of {} s, {} connections; latency at {} requests/s; ratios to {}\n",
            self.rounds, self.seconds, self.connections, self.rate, first.proxy
        )?;
        let head = ["proxy", "cpu µs/req", "ratio", "req/s", "ratio", "p50 ms", "p99 ms", "ratio"];
        let [proxy, rest @ ..] = head;
        write!(out, "{proxy:<16}")?;
        rest.iter().try_for_each(|name| write!(out, "{name:>12}"))?;
        writeln!(out)?;
        for (row, median, ratio) in rows() {
            writeln!(
                out,
                "{:<16}{:>12.2}{:>12.2}{:>12.0}{:>12.2}{:>12.2}{:>12.2}{:>12.2}",
                row.proxy,
                median.cpu_us,
                ratio.cpu_us,
                median.per_second,
                ratio.per_second,
                median.p50_ms,
                median.p99_ms,
                ratio.p99_ms,
            )?;
        }
        Ok(())
    }

    fn idle_table(&self, out: &mut String) -> std::fmt::Result {
        for (row, idle) in self.rows.iter().filter_map(|row| Some((row, row.idle?))) {
            let per_connection =
                idle.rss_kib.saturating_sub(idle.rss_before_kib) as f64 / idle.connections as f64;
            writeln!(
                out,
                "{:<16}{:>8.1} MiB with {} idle connections ({:.1} MiB before, {per_connection:.2} KiB each)",
                row.proxy,
                mib(idle.rss_kib),
                idle.connections,
                mib(idle.rss_before_kib),
            )?;
        }
        Ok(())
    }

    fn soak_table(&self, out: &mut String) -> std::fmt::Result {
        for (row, soak) in self.rows.iter().filter_map(|row| Some((row, row.soak.as_ref()?))) {
            let quarter = (soak.rss_kib.len() / 4).max(1);
            let part = |samples: &[u64]| median(samples.iter().map(|kib| *kib as f64)).unwrap_or_default();
            // the first quarter fills pools and caches
            let (early, late) = (
                part(soak.rss_kib.get(quarter..quarter * 2).unwrap_or_default()),
                part(soak.rss_kib.get(quarter * 3..).unwrap_or_default()),
            );
            writeln!(
                out,
                "{:<16}{} requests in {} s, {}, p99 {:.2} ms; {:.1} MiB in the second quarter, {:.1} MiB in the last",
                row.proxy,
                soak.requests,
                soak.seconds,
                told(&soak.failures),
                soak.latency.p99_ms,
                early / 1024.0,
                late / 1024.0,
            )?;
        }
        Ok(())
    }
}

/// What failed, by kind: a bad status is the proxy's, what was never sent is this machine's.
fn told(failures: &Failures) -> String {
    let Failures { status, timeout, connect, broken, overflow } = *failures;
    let kinds = [
        (status, "bad status"),
        (timeout, "too late"),
        (connect, "no connection"),
        (broken, "broken off"),
        (overflow, "never sent"),
    ];
    let kinds = kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!(" {count} {kind}"));
    format!("{} failed{}", failures.total(), kinds.collect::<Vec<_>>().join(","))
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
