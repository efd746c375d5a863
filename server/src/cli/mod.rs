//! The command line: reads it, runs what it says, and turns what went wrong into one clear line.

mod file;
mod operate;
mod sandbox;
mod serve;
mod signals;
mod store;
mod values;

use std::{fmt::Display, io::Write, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};
use tracing_subscriber::EnvFilter;

/// Two-factor phone verification, self-hosted.
#[derive(Debug, Parser)]
#[command(
    name = "verigator",
    version,
    arg_required_else_help = true,
    after_help = "Options may also be in a TOML file: --config FILE, or VERIGATOR_CONFIG"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API
    Serve(Box<serve::Options>),
    /// Make, list and change accounts
    Account(operate::AccountOptions),
    /// Help users who are locked out
    Users(operate::UsersOptions),
    /// Bring a database's tables up to date; `serve` does so, too, when it starts
    Migrate(operate::MigrateOptions),
    /// Serve the API from memory, for tests and development
    Sandbox(sandbox::Options),
}

/// What is logged, such as `info` or `verigator_server=debug`.
const LOG: &str = "VERIGATOR_LOG";

/// The status of a program that was told something it cannot do.
const BAD_CONFIGURATION: u8 = 2;

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let arguments = match file::expand(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return misread(&error),
    };
    let (log, level) = match &cli.command {
        Command::Serve(options) => (options.log, "info"),
        _ => (serve::LogForm::Text, "warn"),
    };
    let filter = match std::env::var(LOG).map(|text| text.parse::<EnvFilter>()) {
        Ok(Ok(filter)) => filter,
        Ok(Err(error)) => return refuse(&format!("{LOG}: {error}")),
        // What the verifier logs is in the error that it gives, too.
        Err(_) => EnvFilter::new(format!("{level},rustls_platform_verifier=off")),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match log {
        serve::LogForm::Text => lines.init(),
        serve::LogForm::Json => lines.json().init(),
    }
    match cli.command {
        Command::Serve(options) => end(serve::run(&options)),
        Command::Account(options) => end(operate::account(&options)),
        Command::Users(options) => end(operate::users(&options)),
        Command::Migrate(options) => end(operate::migrate(&options)),
        Command::Sandbox(options) => end(sandbox::run(&options)),
    }
}

fn end(done: Result<(), impl Display>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

/// Help and version are what was asked for; the rest is a mistake in one line.
fn misread(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to tell when standard output is closed.
            let _ = error.print();
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(BAD_CONFIGURATION)
        }
        _ => {
            let text = error.render().to_string();
            // clap's own text goes on with tips and usage after an empty line.
            let first = text.split("\n\n").next().unwrap_or_default();
            let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
            refuse(&line.strip_prefix("error: ").unwrap_or(&line))
        }
    }
}

fn refuse(error: &dyn Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "verigator: {error}");
    ExitCode::from(BAD_CONFIGURATION)
}
