//! A verification that has never seen its token, next to the library's own of the same bytes.

use crate::error::Error;
use crate::median::median;
use crate::options::Options;
use crate::tokens::{AUDIENCE, ISSUER, Signer, Token};
use aws_lc_rs::signature::ParsedPublicKey;
use seaworthy_oauth::fetch::Http;
use seaworthy_oauth::jwt::{Algorithm, Check, Issuer, Keys, Verifier};
use std::fmt::Write as _;
use std::time::{Instant, SystemTime};

struct Row {
    signer: Signer,
    tokens: Vec<Token>,
    ours: Vec<f64>,
    library: Vec<f64>,
}

pub(crate) fn measure(options: &Options) -> Result<String, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
    let http = Http::new(runtime.handle().clone());
    let mut rows = Vec::new();
    for signer in [Signer::es256()?, Signer::rs256()?, Signer::eddsa()?] {
        let tokens =
            (0..options.tokens).map(|number| signer.token(number, None)).collect::<Result<Vec<_>, _>>()?;
        rows.push(Row { signer, tokens, ours: Vec::new(), library: Vec::new() });
    }
    for round in 0..options.rounds {
        let count = rows.len();
        for i in 0..count {
            let row = &mut rows[(i + round) % count];
            // one first, then the other, so that neither always finds the caches warm
            if round % 2 == 0 {
                row.ours.push(ours(row, &http)?);
                row.library.push(library(row)?);
            } else {
                row.library.push(library(row)?);
                row.ours.push(ours(row, &http)?);
            }
        }
        crate::say(format_args!("verification: round {} of {}", round + 1, options.rounds));
    }
    Ok(table(&rows))
}

/// Microseconds per token. The verifier is new, so its cache knows none of them.
fn ours(row: &Row, http: &Http) -> Result<f64, Error> {
    let mut issuer = Issuer::new("bench", ISSUER, AUDIENCE, Keys::Pem(row.signer.pem()?));
    issuer.algorithms = match row.signer {
        Signer::Es256(_) => vec![Algorithm::Es256],
        Signer::Rs256(_) => vec![Algorithm::Rs256],
        Signer::EdDsa(_) => vec![Algorithm::EdDsa],
    };
    issuer.roles_claim = Some("roles".to_owned());
    let verifier = Verifier::new(vec![issuer], Default::default(), http.clone())?;
    let now = SystemTime::now();
    let begun = Instant::now();
    for token in &row.tokens {
        match verifier.check(&token.text, now) {
            Check::Ready(Ok(_)) => {}
            Check::Ready(Err(reject)) => return Err(Error::Refused(reject)),
            Check::Wait(_) => return Err(Error::Key),
        }
    }
    Ok(each(begun, row.tokens.len()))
}

fn library(row: &Row) -> Result<f64, Error> {
    let key = ParsedPublicKey::new(row.signer.library(), row.signer.public()?).map_err(|_| Error::Key)?;
    let begun = Instant::now();
    for token in &row.tokens {
        key.verify_sig(token.signed.as_bytes(), &token.signature).map_err(|_| Error::Signature)?;
    }
    Ok(each(begun, row.tokens.len()))
}

fn each(begun: Instant, count: usize) -> f64 {
    begun.elapsed().as_secs_f64() * 1e6 / count as f64
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("cold verification       ours µs   library µs   ratio   ours − library µs\n");
    for row in rows {
        let middle = |all: &[f64]| median(all.iter().copied()).unwrap_or(f64::NAN);
        let pairs = || row.ours.iter().zip(&row.library);
        let ratio = median(pairs().map(|(ours, library)| ours / library)).unwrap_or(f64::NAN);
        let more = median(pairs().map(|(ours, library)| ours - library)).unwrap_or(f64::NAN);
        let (name, ours, library) = (row.signer.algorithm(), middle(&row.ours), middle(&row.library));
        let _fits = writeln!(text, "{name:<22} {ours:>8.1} {library:>12.1} {ratio:>7.2} {more:>19.1}");
    }
    text
}
