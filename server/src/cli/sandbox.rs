//! `verigator sandbox`: the sandbox as a program.

use std::{io::Write, net::SocketAddr};

use clap::Args;
use thiserror::Error;
use verigator_server::sandbox::{Sandbox, SandboxError};

use super::{Reason, signals};

#[derive(Debug, Args)]
#[command(after_help = "No budget limits how many messages are sent here.")]
pub(super) struct Options {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, env = "VERIGATOR_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Do not print the messages
    #[arg(long, env = "VERIGATOR_QUIET")]
    quiet: bool,
}

/// Why the program ends with an error.
#[derive(Debug, Error)]
pub(super) enum Error {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
}

impl Reason for Error {}

/// Runs until SIGINT or SIGTERM.
pub(super) fn run(options: &Options) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(Error::Signals)?.block_on(async {
        // Listened for before anything is printed: who reads the URL may send a signal at once.
        let stop = signals::stop().map_err(Error::Signals)?;
        let sandbox = Sandbox::builder()
            .listen(options.listen)
            .console(!options.quiet)
            .start()
            .await?;
        announce(&sandbox).map_err(Error::Output)?;
        stop.await;
        sandbox.stop();
        Ok(())
    })
}

fn announce(sandbox: &Sandbox) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Verigator sandbox on {}", sandbox.url())?;
    writeln!(
        out,
        "account {} with password {}",
        sandbox.username(),
        sandbox.password()
    )?;
    let url = sandbox.url();
    writeln!(out, "messages at {url}, as JSON at {url}/sandbox/messages")?;
    out.flush()
}
