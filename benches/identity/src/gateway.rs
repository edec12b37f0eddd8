//! Requests through the gateway: without credentials, with tokens, with API keys; and through a gateway that has never
//! heard of callers.

use crate::error::Error;
use crate::load::{self, Busy};
use crate::median::median;
use crate::options::Options;
use crate::process::Gateway;
use crate::tokens::{AUDIENCE, ISSUER, Signer};
use crate::workdir::WorkDir;
use crate::{http, upstream};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;

struct Row {
    name: &'static str,
    /// Whether it goes through the gateway that knows callers.
    knows: bool,
    requests: Vec<Vec<u8>>,
    busy: Vec<Busy>,
}

pub(crate) fn measure(dir: &WorkDir, options: &Options) -> Result<String, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let upstream = runtime.block_on(upstream::start()).map_err(Error::Port)?;
    let signer = Signer::es256()?;
    let place = (options.gateway_core, options.seaworthy.as_path());
    let plain = Gateway::start(dir, "plain", place, &routes(upstream, ""))?;
    let knows = knowing(dir, options, upstream, &signer)?;
    let mut rows = rows(options, &signer, &knows)?;
    for round in 0..options.rounds {
        let count = rows.len();
        for i in 0..count {
            let row = &mut rows[(i + round) % count];
            let gateway = if row.knows { &knows } else { &plain };
            let busy = runtime.block_on(load::run(row.name, gateway, &row.requests, options.duration))?;
            let (cpu, rate) = (busy.cpu_us, busy.per_second);
            crate::say(format_args!(
                "round {}: {}: {cpu:.1} µs per request, {rate:.0} requests/s",
                round + 1,
                row.name
            ));
            row.busy.push(busy);
        }
    }
    Ok(table(&rows))
}

fn routes(upstream: SocketAddr, ways: &str) -> String {
    let routes: String = ["open", "jwt", "key"]
        .iter()
        .map(|name| {
            let auth = match (ways, *name) {
                ("", _) => String::new(),
                (_, "open") => "auth = \"none\"\n".to_owned(),
                (_, "key") => "auth = \"api_key\"\n".to_owned(),
                _ => "auth = \"jwt\"\n".to_owned(),
            };
            format!("[[route]]\npath = \"/{name}\"\nservice = \"bench\"\n{auth}")
        })
        .collect();
    format!("{ways}[service.bench]\nupstreams = [\"http://{upstream}\"]\n{routes}")
}

fn knowing(
    dir: &WorkDir,
    options: &Options,
    upstream: SocketAddr,
    signer: &Signer,
) -> Result<Gateway, Error> {
    let key = dir.file("issuer.pem", signer.pem()?)?;
    let ways = format!(
        "[store]\n[issuer.bench]\nissuer = \"{ISSUER}\"\naudiences = [\"{AUDIENCE}\"]\nalgorithms = [\"ES256\"]\n\
         roles_claim = \"roles\"\nkeys = \"{}\"\n",
        key.display()
    );
    let place = (options.gateway_core, options.seaworthy.as_path());
    let mut gateway = Gateway::start(dir, "knows", place, &routes(upstream, &ways))?;
    gateway.until("its store is not open", |gateway| {
        Ok(gateway.order("GET", "/api/v1/users", "")?.status == 200)
    })?;
    Ok(gateway)
}

fn rows(options: &Options, signer: &Signer, gateway: &Gateway) -> Result<Vec<Row>, Error> {
    let open = vec![http::get("/open", ""); options.connections];
    let numbers = 0..options.connections;
    let tokens = numbers.map(|number| {
        let token = signer.token(number, None)?;
        Ok(http::get("/jwt", &format!("authorization: Bearer {}\r\n", token.text)))
    });
    let tokens = tokens.collect::<Result<Vec<_>, Error>>()?;
    let keys = keys(options.connections, gateway)?;
    let keys = keys.iter().map(|key| http::get("/key", &format!("x-api-key: {key}\r\n"))).collect();
    let row = |name, knows, requests| Row { name, knows, requests, busy: Vec::new() };
    Ok(vec![
        row("auth = \"none\"", true, open.clone()),
        row("JWT, ES256, warm", true, tokens),
        row("API key", true, keys),
        row("no callers configured", false, open),
    ])
}

fn keys(count: usize, gateway: &Gateway) -> Result<Vec<String>, Error> {
    let made = |path: &str, body: Value| {
        let answer = gateway.order("POST", path, &body.to_string())?;
        let value = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
        if answer.status == 201 {
            return Ok(value);
        }
        let answer = format!("{}: {}", answer.status, answer.body);
        Err(Error::Control { method: "POST", path: path.to_owned(), answer })
    };
    made("/api/v1/users", json!({ "name": "bench", "roles": ["user"] }))?;
    let key = |number: usize| {
        let new = json!({ "name": format!("key-{number}"), "owner": "bench", "roles": ["user"] });
        Ok(made("/api/v1/keys", new)?["secret"].as_str().unwrap_or_default().to_owned())
    };
    (0..count).map(key).collect()
}

/// A ratio is the median of the ratios within each round, so that what drifts between rounds does not count.
fn table(rows: &[Row]) -> String {
    let mut text = String::from("through the gateway       requests/s   ratio   cpu µs/request   ratio\n");
    for row in rows {
        let rates = || row.busy.iter().map(|busy| busy.per_second);
        let costs = || row.busy.iter().map(|busy| busy.cpu_us);
        let against = |figure: fn(&Busy) -> f64| {
            let pairs = row.busy.iter().zip(&rows[0].busy);
            median(pairs.map(|(own, first)| figure(own) / figure(first))).unwrap_or(f64::NAN)
        };
        let (rate, cost) = (median(rates()).unwrap_or(f64::NAN), median(costs()).unwrap_or(f64::NAN));
        let (faster, dearer) = (against(|busy| busy.per_second), against(|busy| busy.cpu_us));
        let _fits = writeln!(text, "{:<24} {rate:>11.0} {faster:>7.2} {cost:>16.1} {dearer:>7.2}", row.name);
    }
    text
}
