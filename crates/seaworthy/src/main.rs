//! Seaworthy: production hardening you can prove. The command line, the configuration and the wiring; the only place
//! that reads the environment and opens sockets.

mod check;
mod client;
mod config;
mod demo;
mod takeover;
mod up;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A request costs some two dozen small allocations and two buffers; see docs/adr/0004.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stands in front of any HTTP service and makes it ready for production.
#[derive(Debug, Parser)]
#[command(name = "seaworthy", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway in front of your services
    Up(up::Options),
    /// Check a configuration and report everything that is wrong with it
    Check(check::Options),
    /// Print what a configuration may hold
    #[command(subcommand)]
    Config(ConfigCommand),
    /// See services and their replicas, restart, stop, start and scale them
    #[command(alias = "services")]
    Service(client::service::Service),
    /// Enqueue jobs, watch them, call them off
    Job(client::job::Job),
    /// See queues, pause them, limit them
    Queue(client::queue::Queue),
    /// See schedules, make them, run them, and have cron expressions explained
    Schedule(client::schedule::Schedule),
    /// See what failed for good, and bring it back
    #[command(name = "dead-letter", alias = "dead-letters")]
    DeadLetter(client::dead_letter::DeadLetters),
    /// See people, add them, change them, remove them
    #[command(alias = "users")]
    User(client::user::User),
    /// See API keys, make them, replace them, revoke them
    #[command(alias = "keys")]
    Key(client::key::Key),
    /// Who may do what: the matrix of roles, grants for a time, requests for them
    Access(client::access::Access),
    /// Read the audit log, verify it, export it
    Audit(client::audit::Audit),
    /// See what is wrong, and say what is done about it
    #[command(alias = "alerts")]
    Alert(client::alert::Alert),
    /// See silences, make them, end them
    #[command(alias = "silences")]
    Silence(client::alert::Silence),
    /// See what was promised, and how much of what may fail is left
    Slo(client::slo::Slo),
    /// List the latest requests that are kept
    Requests(client::trace::Requests),
    /// Show what happened to a request: its phases and attempts
    Trace(client::trace::Trace),
    /// Watch services, queues, alerts, budgets and the process live
    Top(client::top::Top),
    /// Show what the gateway does for a fragile service, with real traffic, in under a minute
    Demo(demo::Options),
    /// A service that fails on purpose; the demo runs it
    #[command(hide = true)]
    Fragile(seaworthy_fragile::Options),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the JSON schema of seaworthy.toml, for editors
    Schema,
    /// Print the reference of all settings, in Markdown
    Reference,
    /// Print the OpenAPI document of the control API
    Openapi,
}

fn main() -> ExitCode {
    // what stands beside a replica; before anything that takes memory, which it would keep as long as it lives
    if std::env::args_os().nth(1).is_some_and(|word| word == up::KEEPER) {
        return seaworthy_process::keeper::main();
    }
    let result = match Cli::parse().command {
        Command::Up(options) => up::run(options).map_err(|error| error.to_string()),
        Command::Check(options) => return check::run(&options),
        Command::Config(ConfigCommand::Schema) => print(&format!("{:#}\n", config::schema())),
        Command::Config(ConfigCommand::Reference) => print(&config::reference::markdown()),
        Command::Config(ConfigCommand::Openapi) => print(&seaworthy_api::openapi()),
        Command::Service(service) => return ended(service.run()),
        Command::Job(job) => return ended(job.run()),
        Command::Queue(queue) => return ended(queue.run()),
        Command::Schedule(schedule) => return ended(schedule.run()),
        Command::DeadLetter(letters) => return ended(letters.run()),
        Command::User(user) => return ended(user.run()),
        Command::Key(key) => return ended(key.run()),
        Command::Access(access) => return ended(access.run()),
        Command::Audit(audit) => return ended(audit.run()),
        Command::Alert(alert) => return ended(alert.run()),
        Command::Silence(silence) => return ended(silence.run()),
        Command::Slo(slo) => return ended(slo.run()),
        Command::Requests(requests) => return ended(requests.run()),
        Command::Trace(trace) => return ended(trace.run()),
        Command::Top(top) => return ended(top.run()),
        Command::Demo(options) => demo::run(options).map_err(|error| error.to_string()),
        Command::Fragile(options) => match seaworthy_fragile::run(&options) {
            Ok(code) => return code,
            Err(error) => Err(error.to_string()),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ended(done: client::Done) -> ExitCode {
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error}");
        ExitCode::FAILURE
    })
}

fn print(text: &str) -> Result<(), String> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // a reader that has seen enough (`| head`) is no error
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// The environment, read here and nowhere else.
fn environment() -> config::Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("SEAWORTHY_"))
        .collect()
}
