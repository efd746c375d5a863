//! A loopback port, and the task that takes what comes to it.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use tokio::{
    net::TcpStream,
    runtime::Handle,
    task::{AbortHandle, JoinSet},
};

/// Takes connections until it is dropped, which ends them, too.
pub(super) struct Listening {
    address: SocketAddr,
    task: AbortHandle,
}

impl Listening {
    /// Runs `serve` for each connection, on the runtime of the handle. Connections that break are the
    /// other side's to notice.
    pub(super) fn start<S>(
        runtime: &Handle,
        serve: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> io::Result<Self>
    where
        S: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let task = runtime.spawn(accept(listener, serve));
        Ok(Self {
            address,
            task: task.abort_handle(),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept<S>(listener: TcpListener, serve: impl Fn(TcpStream) -> S) -> io::Result<Infallible>
where
    S: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(serve(stream));
        // Those that have ended would stay otherwise.
        while connections.try_join_next().is_some() {}
    }
}
