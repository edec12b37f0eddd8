//! `seaworthy top`

mod frame;
mod terminal;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use super::output::is_read;
use super::{Common, Done, Error, Query, Reach};
use terminal::{Key, Screen};

/// Between two looks at what is shown.
const REFRESH: Duration = Duration::from_secs(2);
/// Between two looks at keys and the size of the terminal.
const LOOK: Duration = Duration::from_millis(200);
/// Columns and lines where there is no screen to be filled.
const USUAL: (usize, usize) = (1_000, 10_000);

/// Watch services, queues, alerts, budgets and the process live; q ends it.
#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    common: Common,
    /// Print one look and end
    #[arg(long)]
    once: bool,
}

impl Top {
    pub(crate) fn run(self) -> Done {
        let reach = self.common.reach()?;
        if self.common.json || self.once || !std::io::stdout().is_terminal() {
            let output = self.common.output();
            output.show(&look(&reach)?, |snapshot| frame::draw(snapshot, None, USUAL));
            return Ok(ExitCode::SUCCESS);
        }
        // what is wrong at the start is told on the plain screen
        let first = look(&reach)?;
        live(&reach, first)
    }
}

fn look(reach: &Reach) -> Result<Value, Error> {
    reach.get("/api/v1/monitoring/snapshot", &Query::default())
}

fn live(reach: &Reach, first: Value) -> Done {
    let mut screen = Screen::enter().map_err(|error| Error::Other(format!("the terminal: {error}")))?;
    let (mut snapshot, mut trouble) = (first, None::<String>);
    let (mut looked, mut size) = (Instant::now(), screen.size());
    loop {
        let drawn = frame::draw(&snapshot, trouble.as_deref(), size);
        if !is_read(&frame::screen(&drawn, size)) {
            return Ok(ExitCode::SUCCESS);
        }
        // until there is something else to be drawn
        loop {
            match screen.key(LOOK) {
                Some(Key::Quit) => return Ok(ExitCode::SUCCESS),
                Some(Key::Other) | None => {}
            }
            let now = screen.size();
            if now != size {
                size = now;
                break;
            }
            if looked.elapsed() >= REFRESH {
                match look(reach) {
                    Ok(seen) => (snapshot, trouble) = (seen, None),
                    // it may be back in a moment
                    Err(error) => trouble = error.to_string().lines().next().map(str::to_owned),
                }
                looked = Instant::now();
                break;
            }
        }
    }
}
