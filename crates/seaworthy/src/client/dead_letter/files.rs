//! Letters as files.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use super::super::{Done, Error, Output, Query, Reach, text};

fn at(path: &Path) -> impl Fn(io::Error) -> Error {
    move |error| Error::Other(format!("{}: {error}", path.display()))
}

/// Writes letters out. A file that is there at the end is whole.
pub(super) fn export(reach: &Reach, query: &Query, file: Option<&Path>) -> Result<(), Error> {
    let request = reach.request(reqwest::Method::GET, "/api/v1/dead-letters/export");
    let mut response = reach.send(request.query(query.pairs()))?;
    let broken = |error| Error::Other(format!("the export broke off: {error}"));
    let Some(path) = file else {
        let mut out = io::stdout().lock();
        response.copy_to(&mut out).map_err(broken)?;
        return out.flush().map_err(at(Path::new("standard output")));
    };
    let part = path.with_extension("part");
    if path.exists() {
        return Err(Error::Usage(format!("{} exists", path.display())));
    }
    let mut out = File::create(&part).map_err(at(&part))?;
    response.copy_to(&mut out).map_err(broken)?;
    out.sync_all().map_err(at(&part))?;
    std::fs::rename(&part, path).map_err(at(path))
}

/// Takes lines in. Fails where some could not be.
pub(super) fn import(reach: &Reach, output: Output, path: &Path, query: &Query) -> Done {
    let request = reach.request(reqwest::Method::POST, "/api/v1/dead-letters/import").query(query.pairs());
    let request = request.header("content-type", "application/x-ndjson");
    let request = match path.to_str() {
        Some("-") => request.body(reqwest::blocking::Body::new(io::stdin())),
        _ => request.body(File::open(path).map_err(at(path))?),
    };
    let answer = reach.json(request)?;
    output.show(&answer, |answer| {
        let problems = answer["problems"].as_array().into_iter().flatten();
        let problems = problems
            .map(|problem| format!("line {}: {}\n", text(problem, "/line"), text(problem, "/reason")));
        let count = |name: &str| text(answer, name);
        format!(
            "{}{} imported, {} there already, {} left out beside bad ones\n",
            problems.collect::<String>(),
            count("/imported"),
            count("/duplicates"),
            count("/left_out")
        )
    });
    let fine = answer["problems"].as_array().is_none_or(Vec::is_empty);
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
