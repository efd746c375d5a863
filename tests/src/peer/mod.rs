//! The scripted peer: the server's side of every case, on a loopback port.
//!
//! Speaks HTTP by hand, since most of what it is for no HTTP library would send. It lives on its own
//! thread, so that it works under any caller.

mod check;
mod connection;
mod request;
mod script;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, mpsc},
    thread,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Builder,
    sync::oneshot,
};

use self::script::Scripts;
pub use self::script::Verdict;
use crate::vector::Case;

/// A running peer. Dropping it stops it, with all its connections.
pub struct Peer {
    url: String,
    closed_url: String,
    /// Taken when it ends.
    life: Option<(oneshot::Sender<()>, thread::JoinHandle<()>)>,
}

/// What its thread hands over once it listens.
struct Listening {
    address: SocketAddr,
    closed: SocketAddr,
}

impl Peer {
    /// Starts one that plays these cases.
    pub fn start(cases: &[Case]) -> io::Result<Self> {
        let scripts = Arc::new(Scripts::new(cases));
        let (ready, listening) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("verigator-peer".to_owned())
            .spawn(move || {
                let ended =
                    Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .and_then(|runtime| {
                            runtime.block_on(async {
                                tokio::select! {
                                    ended = play(scripts, &ready) => ended,
                                    // An error means that the peer is gone, which is the same.
                                    _ = stopped => Ok(()),
                                }
                            })
                        });
                if let Err(error) = ended {
                    // Nobody listens any more when it had started already.
                    let _ = ready.send(Err(error));
                }
            })?;
        let Listening { address, closed } = listening
            .recv()
            .map_err(|_| io::Error::other("the peer ended at once"))??;
        Ok(Self {
            url: format!("http://{address}"),
            closed_url: format!("http://{closed}"),
            life: Some((stop, thread)),
        })
    }

    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where nobody listens, as long as the peer runs.
    pub fn closed_url(&self) -> &str {
        &self.closed_url
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.life.take() {
            // Both fail only when the thread is already gone, which is what is wanted.
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

async fn play(
    scripts: Arc<Scripts>,
    ready: &mpsc::Sender<io::Result<Listening>>,
) -> io::Result<()> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = TcpListener::bind(any_port).await?;
    // Bound, so that nobody else gets the port, and not listening.
    let closed = TcpSocket::new_v4()?;
    closed.bind(any_port)?;
    let listening = Listening {
        address: listener.local_addr()?,
        closed: closed.local_addr()?,
    };
    // Whoever asked is gone; then this ends, too.
    let _ = ready.send(Ok(listening));
    loop {
        let (stream, _) = listener.accept().await?;
        let scripts = Arc::clone(&scripts);
        // A connection that broke is the client's to notice.
        tokio::spawn(async move { connection::serve(stream, &scripts).await.ok() });
    }
}
