//! The command line: reads it, runs what it says, and turns what went wrong into one clear line.

mod client;
mod delivery;
mod file;
mod operate;
mod sandbox;
mod serve;
mod signals;
mod store;
mod tls;
mod values;

use std::{
    fmt::Display,
    io::{IsTerminal, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand, error::ErrorKind};
use tracing_subscriber::EnvFilter;

/// What all commands share, for the help.
const HELP: &str = "\
To try it out:
  verigator sandbox                Account test with password test

To run it:
  verigator account create NAME    Prints the password of the new account
  verigator serve

The options of serve, sandbox, account and users unlock may also be in the environment, or in a
TOML file that --config FILE or VERIGATOR_CONFIG names. services, users, auth and totp ask the
server that VERIGATOR_ENDPOINT names. VERIGATOR_LOG says what is logged, such as warn.";

/// Two-factor phone verification, self-hosted.
#[derive(Parser)]
#[command(
    name = "verigator",
    version,
    arg_required_else_help = true,
    after_help = HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API
    Serve(Box<serve::Options>),
    /// Serve the API from memory, for tests and development
    Sandbox(sandbox::Options),
    /// Make, list and change the accounts of a server, on its own machine
    Account(operate::AccountOptions),
    /// Bring a database's tables up to date; `serve` does so, too, when it starts
    Migrate(operate::MigrateOptions),
    /// Ask a server to make, show or remove services
    Services(client::Options<client::Services>),
    /// Ask a server to make, show or remove users; unlock them on its own machine
    Users(client::Options<Users>),
    /// Ask a server to send a PIN, and to check it
    Auth(client::Options<client::Auth>),
    /// Ask a server to give or take authenticators
    Totp(client::Options<client::Totp>),
}

#[derive(Subcommand)]
enum Users {
    #[command(flatten)]
    Ask(client::Users),
    /// Let a user in again after too many wrong guesses; on the server's own machine
    Unlock(operate::UnlockOptions),
}

/// What is logged, such as `info` or `verigator_server=debug`.
const LOG: &str = "VERIGATOR_LOG";

/// The status of a program that was told something it cannot do.
const BAD_CONFIGURATION: u8 = 2;
/// What it asked has refused, has failed, or is not there.
const FAILED: u8 = 3;

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
        // Their last line says it all.
        Command::Services(_) | Command::Users(_) | Command::Auth(_) | Command::Totp(_) => {
            (serve::LogForm::Text, "off")
        }
        _ => (serve::LogForm::Text, "warn"),
    };
    let filter = match std::env::var(LOG).map(|text| text.parse::<EnvFilter>()) {
        Ok(Ok(filter)) => filter,
        Ok(Err(error)) => return refuse(&format!("{LOG}: {error}")),
        // What the verifier logs is in the error that it gives, too.
        Err(_) => EnvFilter::new(format!("{level},rustls_platform_verifier=off")),
    };
    // A file or a pipe takes no colours; <https://no-color.org> is for who wants none at all.
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && !is_plain)
        .with_writer(std::io::stderr);
    match log {
        serve::LogForm::Text => lines.init(),
        serve::LogForm::Json => lines.json().init(),
    }
    match cli.command {
        Command::Serve(options) => end(serve::run(&options)),
        Command::Sandbox(options) => end(sandbox::run(&options)),
        Command::Account(options) => end(operate::account(&options)),
        Command::Migrate(options) => end(operate::migrate(&options)),
        Command::Services(it) => client::run(it.json, |api| it.action.ask(api)),
        Command::Users(it) => match it.action {
            Users::Ask(action) => client::run(it.json, |api| action.ask(api)),
            Users::Unlock(options) => end(operate::unlock(&options, it.json)),
        },
        Command::Auth(it) => client::run(it.json, |api| it.action.ask(api)),
        Command::Totp(it) => client::run(it.json, |api| it.action.ask(api)),
    }
}

/// Why a command ends with an error.
trait Reason: Display {
    /// Whether the same may go well later, with nothing done about it.
    fn may_pass(&self) -> bool {
        false
    }
}

fn end(done: Result<(), impl Reason>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.may_pass() => end_with(FAILED, &error),
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
    end_with(BAD_CONFIGURATION, error)
}

fn end_with(status: u8, error: &dyn Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "verigator: {error}");
    ExitCode::from(status)
}
