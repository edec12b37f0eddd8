//! The same number of requests per second for every proxy, and how long they take.

use crate::error::Error;
use crate::options::Options;
use crate::proxy::Proxy;
use seaworthy_trials::load::{self, Latency, Request, Settings};

pub(crate) fn measure(proxy: &Proxy, options: &Options) -> Result<Latency, Error> {
    let mut settings = Settings::new([proxy.url()], f64::from(options.rate), options.duration);
    settings.spin = true;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let report = runtime.block_on(load::run(&settings, |_| Request::get("/1k"), |_| {}))?;
    let failed = report.failures.total();
    if failed > 0 {
        return Err(Error::Failed { program: proxy.kind.to_string(), failed, requests: report.requests });
    }
    Ok(report.latency)
}
