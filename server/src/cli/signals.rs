//! The signals that end the program in good order, and the one that has it read files again.

use std::io;

/// Listens from now on; completes when one has come.
#[cfg(unix)]
pub(super) fn stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens from now on; completes when one has come.
#[cfg(windows)]
pub(super) fn stop() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::windows::{ctrl_c, ctrl_shutdown};

    let mut interrupt = ctrl_c()?;
    let mut shutdown = ctrl_shutdown()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = shutdown.recv() => {}
        }
    })
}

/// Listens from now on; does `act` each time somebody sends SIGHUP. Must be called in a runtime.
#[cfg(unix)]
pub(super) fn on_hangup(act: impl Fn() + Send + Sync + 'static) -> io::Result<()> {
    use std::sync::Arc;
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangup = signal(SignalKind::hangup())?;
    let act = Arc::new(act);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let act = Arc::clone(&act);
            // It reads files. What it threw was reported where it threw.
            let _ = tokio::task::spawn_blocking(move || act()).await;
        }
    });
    Ok(())
}

/// There is no such signal.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
pub(super) fn on_hangup(_: impl Fn() + Send + Sync + 'static) -> io::Result<()> {
    Ok(())
}
