//! Valid callers, alone, beside as many requests that name no key at all, and beside tokens whose keys nobody knows.

use crate::error::Error;
use crate::median::median;
use crate::options::Options;
use crate::paced::{Plan, quantile};
use crate::process::Gateway;
use crate::provider::Provider;
use crate::tokens::{self, AUDIENCE, ISSUER, Signer};
use crate::workdir::WorkDir;
use crate::{http, upstream};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// As configured by default: after a quiet time so many fetches because of unknown keys at once …
const BURST: u64 = 2;
/// … and one more in this time.
const EVERY: Duration = Duration::from_secs(30);
const CALLERS: u32 = 4;
const FLOODERS: u32 = 8;
const KID: &str = "the only key";

#[derive(Default)]
struct Row {
    name: &'static str,
    p50: Vec<f64>,
    p99: Vec<f64>,
    asked: Vec<u64>,
    sent: Vec<f64>,
}

pub(crate) fn measure(dir: &WorkDir, options: &Options) -> Result<String, Error> {
    // its threads inherit this process' core
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(Error::Runtime)?;
    let signer = Signer::es256()?;
    let upstream = runtime.block_on(upstream::start()).map_err(Error::Port)?;
    let provider = runtime.block_on(Provider::start(signer.jwks(KID)?)).map_err(Error::Port)?;
    let rest = format!(
        "[issuer.bench]\nissuer = \"{ISSUER}\"\naudiences = [\"{AUDIENCE}\"]\nalgorithms = [\"ES256\"]\n\
         jwks = \"http://{}/keys\"\n[service.bench]\nupstreams = [\"http://{upstream}\"]\n\
         [[route]]\npath = \"/jwt\"\nservice = \"bench\"\nauth = \"jwt\"\n",
        provider.address
    );
    let place = (options.gateway_core, options.seaworthy.as_path());
    let gateway = Gateway::start(dir, "flood", place, &rest)?;
    let valid = valid(&gateway, options, &signer)?;
    valid_once(&valid)?;
    let floods = [None, Some(plain(&gateway, options)), Some(unknown(&gateway, options))];
    let names = ["alone", "beside requests without a token", "beside tokens with unknown keys"];
    let mut rows = names.map(|name| Row { name, ..Row::default() });
    for round in 0..options.flood_rounds {
        for i in 0..rows.len() {
            let at = (i + round) % rows.len();
            one(&mut rows[at], &valid, floods[at].as_ref(), &provider)?;
        }
        crate::say(format_args!("flood: round {} of {}", round + 1, options.flood_rounds));
    }
    Ok(table(&rows, options))
}

fn one(row: &mut Row, valid: &Plan, flood: Option<&Plan>, provider: &Provider) -> Result<(), Error> {
    let before = provider.asked();
    let flooding = flood.map(Plan::start);
    let latencies = valid.start().finish()?;
    let sent = flooding.map(|flood| flood.finish()).transpose()?.map_or(0, |all| all.len());
    row.p50.push(quantile(&latencies, 0.5));
    row.p99.push(quantile(&latencies, 0.99));
    row.asked.push(provider.asked() - before);
    row.sent.push(sent as f64 / valid.duration.as_secs_f64());
    Ok(())
}

fn valid(gateway: &Gateway, options: &Options, signer: &Signer) -> Result<Plan, Error> {
    let token = |number| {
        Ok(http::get("/jwt", &format!("authorization: Bearer {}\r\n", signer.token(number, Some(KID))?.text)))
    };
    let requests = (0..64).map(token).collect::<Result<Vec<_>, Error>>()?;
    Ok(Plan {
        name: "valid callers",
        address: gateway.address,
        rate: options.valid_rate,
        threads: CALLERS,
        duration: options.flood,
        status: 200,
        request: Arc::new(move |thread, turn| {
            requests[(turn as usize * CALLERS as usize + thread as usize) % requests.len()].clone()
        }),
    })
}

/// Every token is in the cache before anything is measured.
fn valid_once(valid: &Plan) -> Result<(), Error> {
    Plan { duration: Duration::from_secs(1), ..valid.clone() }.start().finish().map(drop)
}

fn plain(gateway: &Gateway, options: &Options) -> Plan {
    flood(gateway, options, Arc::new(|_, _| http::get("/jwt", "")))
}

fn unknown(gateway: &Gateway, options: &Options) -> Plan {
    let claims = tokens::base64url(tokens::claims(0).to_string().as_bytes());
    let request = move |_: u32, _: u64| {
        http::get("/jwt", &format!("authorization: Bearer {}\r\n", tokens::unknown(&claims)))
    };
    flood(gateway, options, Arc::new(request))
}

fn flood(
    gateway: &Gateway,
    options: &Options,
    request: Arc<dyn Fn(u32, u64) -> Vec<u8> + Send + Sync>,
) -> Plan {
    let (address, rate, duration) = (gateway.address, options.flood_rate, options.flood);
    Plan { name: "the flood", address, rate, threads: FLOODERS, duration, status: 401, request }
}

fn table(rows: &[Row], options: &Options) -> String {
    let most = BURST + options.flood.as_secs() / EVERY.as_secs();
    let mut text = String::from(
        "valid callers                        p50 ms   p99 ms   ratio   flood/s   provider asked, most in a round\n",
    );
    for row in rows {
        let middle = |all: &[f64]| median(all.iter().copied()).unwrap_or(f64::NAN);
        let pairs = row.p99.iter().zip(&rows[0].p99);
        let ratio = median(pairs.map(|(own, alone)| own / alone)).unwrap_or(f64::NAN);
        let asked = row.asked.iter().max().copied().unwrap_or_default();
        let (p50, p99, sent) = (middle(&row.p50), middle(&row.p99), middle(&row.sent));
        let _fits = writeln!(
            text,
            "{:<34} {p50:>8.3} {p99:>8.3} {ratio:>7.2} {sent:>9.0} {asked:>8} (limit {most}, and 1 where keys are due)",
            row.name
        );
    }
    let against = rows[2].p99.iter().zip(&rows[1].p99).map(|(unknown, plain)| unknown / plain);
    let against = median(against).unwrap_or(f64::NAN);
    let _fits =
        writeln!(text, "p99 beside unknown keys against p99 beside requests without a token: {against:.2}");
    text
}
