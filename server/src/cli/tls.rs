//! `--tls-cert` and `--tls-key`, read when the server starts and again on SIGHUP.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use verigator_server::{
    lifecycle::Wire,
    tls::{Tls, TlsError},
};

use super::signals;

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsOptions {
    /// Serve https with this certificate, followed by those that lead to its authority (PEM).
    /// SIGHUP has it read again
    #[arg(
        long,
        env = "VERIGATOR_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,

    /// The certificate's private key (PEM)
    #[arg(
        long,
        env = "VERIGATOR_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
}

impl TlsOptions {
    /// What the options ask for.
    pub(super) fn wire(&self) -> Result<Wire, TlsError> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(Wire::Plain);
        };
        let tls = Tls::load(certificate, key)?;
        warn_of_readers(key);
        Ok(Wire::Tls(Arc::new(tls)))
    }
}

/// From now on, SIGHUP has the certificate read again. Must be called in a runtime.
pub(super) fn renew_on_signal(wire: &Wire) -> std::io::Result<()> {
    let Wire::Tls(tls) = wire else {
        return Ok(());
    };
    let tls = Arc::clone(tls);
    signals::on_hangup(move || match tls.reload() {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => tracing::error!(%error, "the certificate stays as it was"),
    })
}

/// Not refused: what mounts secrets into containers often lets everybody there read them, and there
/// is nobody else.
fn warn_of_readers(key: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = key.metadata().map(|it| it.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o004 != 0) {
            let file = key.display();
            tracing::warn!(%file, "everybody on this machine can read the key");
        }
    }
    #[cfg(not(unix))]
    let _ = key;
}
