//! Looking again and again.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::super::{Done, Error, Output, Query, Reach, output, text};

const LOOK: Duration = Duration::from_millis(250);
const LOOK_AT_LIST: Duration = Duration::from_secs(2);
/// Looks in a row without an answer that are put up with: a restart, a database that comes back.
const MOST_FAILURES: u32 = 40;
const FINAL: [&str; 3] = ["completed", "cancelled", "discarded"];

/// Follows a job to its end. Succeeds where it was completed.
pub(crate) fn follow(reach: &Reach, output: Output, id: i64) -> Done {
    let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("job {prefix} {bar:24} {pos:>3}% {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(id.to_string());
    let mut failures = 0;
    loop {
        match reach.get(&format!("/api/v1/jobs/{id}"), &Query::default()) {
            Ok(job) => {
                failures = 0;
                let state = text(&job, "/state");
                bar.set_position(job.pointer("/progress/percent").and_then(Value::as_u64).unwrap_or(0));
                bar.set_message(format!("{state} {}", text(&job, "/progress/note")));
                if FINAL.contains(&state.as_str()) {
                    bar.finish_and_clear();
                    output.show(&job, super::shown);
                    let completed = state == "completed";
                    return Ok(if completed { ExitCode::SUCCESS } else { ExitCode::FAILURE });
                }
            }
            // it may be back in a moment
            Err(error @ Error::Unreachable { .. }) => {
                failures += 1;
                bar.set_message("waits for an answer");
                if failures > MOST_FAILURES {
                    return Err(error);
                }
            }
            Err(Error::Refused { reason, .. })
                if reason.starts_with("store_") && failures < MOST_FAILURES =>
            {
                failures += 1;
                bar.set_message("waits for the store");
            }
            Err(error) => return Err(error),
        }
        std::thread::sleep(LOOK);
    }
}

/// Once, or again and again until it is interrupted.
pub(crate) fn again(
    watched: bool,
    output: Output,
    look: impl Fn() -> Result<Value, Error>,
    table: impl Fn(&Value) -> String,
) -> Done {
    loop {
        let answer = look()?;
        if watched && !output.json && std::io::stdout().is_terminal() {
            // the screen anew
            output::print("\x1b[2J\x1b[H");
        }
        output.show(&answer, &table);
        if !watched {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(LOOK_AT_LIST);
    }
}
