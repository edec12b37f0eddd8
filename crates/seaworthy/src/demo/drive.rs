//! The load, the same for both halves, and a bar that shows how far it is.

use std::io::{self, IsTerminal as _, Write as _};

use ::http::{HeaderName, HeaderValue};
use indicatif::{ProgressBar, ProgressStyle};
use seaworthy_trials::load::{self, Progress, Report, Request, Settings};

use super::replicas::Replicas;
use super::{Error, Options};

/// Every so many requests one is an order.
const ORDER_EVERY: u64 = 5;

pub(super) async fn drive(
    name: &'static str,
    bases: &[String],
    options: &Options,
    replicas: &mut Replicas,
) -> Result<Report, Error> {
    let settings = Settings::new(bases.iter().cloned(), f64::from(options.rate), options.duration);
    let mut bar = Bar::new(name);
    tokio::select! {
        error = replicas.failed() => Err(error),
        report = load::run(&settings, request, |progress| bar.show(progress)) => Ok(report?),
    }
}

/// Mostly reads, and now and then an order that may be sent twice because its key says it is the same.
fn request(n: u64) -> Request {
    if !n.is_multiple_of(ORDER_EVERY) {
        return Request::get(format!("/items/{}", n % 100));
    }
    let order = Request::post("/orders", format!("{{\"item\":{},\"count\":1}}", n % 100));
    match HeaderValue::from_str(&format!("demo-{n}")) {
        Ok(key) => order.header(HeaderName::from_static("idempotency-key"), key),
        Err(_) => order,
    }
}

/// A bar on a terminal, a line now and then elsewhere.
struct Bar {
    name: &'static str,
    bar: Option<ProgressBar>,
    next_line: u64,
}

impl Bar {
    fn new(name: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{prefix:>18} {wide_bar} {pos}/{len} {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(name);
            bar
        });
        Self { name, bar, next_line: 0 }
    }

    fn show(&mut self, progress: &Progress) {
        let done = progress.ok + progress.failed;
        if let Some(bar) = &self.bar {
            bar.set_length(progress.planned);
            bar.set_position(done);
            bar.set_message(format!("{} failed", progress.failed));
            if done == progress.planned {
                bar.finish();
            }
        } else if done >= self.next_line.min(progress.planned) {
            self.next_line = done + progress.planned.div_ceil(4);
            let line =
                format!("{}: {done} of {} requests, {} failed", self.name, progress.planned, progress.failed);
            let _nobody_reads = writeln!(io::stderr(), "{line}");
        }
    }
}
