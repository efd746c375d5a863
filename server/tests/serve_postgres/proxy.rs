//! A TCP proxy in the hands of a test: in front of several servers, or between one and its
//! database. Knows bytes and connections, and nothing of what they mean.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

/// A direction, seen from whoever connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Answer,
}

/// What passes.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    /// Nothing does, and nobody is told.
    is_stopped: bool,
    /// Nothing does any more on connections with a lower number.
    forgotten: u64,
}

/// Where the next connection is cut.
#[derive(Debug, Clone, Copy)]
struct Cut {
    direction: Direction,
    /// Bytes that still pass, of all connections together.
    left: usize,
}

struct Shared {
    targets: Vec<SocketAddr>,
    /// Whose turn it is.
    turn: AtomicUsize,
    flow: watch::Sender<Flow>,
    connections: AtomicU64,
    cut: Mutex<Option<Cut>>,
}

/// One that runs until it is dropped, and its connections with it.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

impl Proxy {
    /// Connects to the targets in turn, and to the next one where nobody listens.
    pub(crate) async fn start(targets: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            targets,
            turn: AtomicUsize::new(0),
            flow: watch::Sender::new(Flow::default()),
            connections: AtomicU64::new(0),
            cut: Mutex::new(None),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self {
            address,
            shared,
            accepting,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets no byte pass any more, on any connection, without closing one.
    pub(crate) fn stop(&self) {
        self.shared.flow.send_modify(|it| it.is_stopped = true);
    }

    /// Lets all bytes pass again, those that were held back first.
    pub(crate) fn go_on(&self) {
        self.shared.flow.send_modify(|it| it.is_stopped = false);
    }

    /// Lets no byte pass any more on the connections that are there, as when the way to them was
    /// forgotten by somebody in between. New ones are served.
    pub(crate) fn forget(&self) {
        let next = self.shared.connections.load(Ordering::Acquire);
        self.shared.flow.send_modify(|it| it.forgotten = next);
    }

    /// Cuts the connection over which the byte goes that is the first after so many, seen from
    /// now; that one alone. None takes an earlier order back.
    pub(crate) fn cut(&self, after: Option<(Direction, usize)>) {
        let cut = after.map(|(direction, left)| Cut { direction, left });
        *self.shared.cut.lock().unwrap() = cut;
    }

    /// Whether an order to cut has not been carried out yet.
    pub(crate) fn is_to_cut(&self) -> bool {
        self.shared.cut.lock().unwrap().is_some()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Who is cut off sees it without being told.
            let _ = carry(client, &shared).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let number = shared.connections.fetch_add(1, Ordering::AcqRel);
    let mut server = shared.connect().await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let carried = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            shared.pass(number, Direction::Request, from_client, to_server),
            shared.pass(number, Direction::Answer, from_server, to_client),
        )
    };
    if carried.is_err() {
        client.set_zero_linger()?;
        server.set_zero_linger()?;
    }
    Ok(())
}

impl Shared {
    async fn connect(&self) -> io::Result<TcpStream> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut failed = io::ErrorKind::NotConnected.into();
        for n in 0..self.targets.len() {
            match TcpStream::connect(self.targets[(first + n) % self.targets.len()]).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn pass(
        &self,
        number: u64,
        direction: Direction,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut flow = self.flow.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).await?;
            let flows = |it: &Flow| !it.is_stopped && number >= it.forgotten;
            flow.wait_for(flows).await.map_err(io::Error::other)?;
            if read == 0 {
                return to.shutdown().await;
            }
            let allowed = self.allowed(direction, read);
            to.write_all(&buffer[..allowed]).await?;
            if allowed < read {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
    }

    /// How many of these bytes pass before the connection is cut.
    fn allowed(&self, direction: Direction, bytes: usize) -> usize {
        let mut cut = self.cut.lock().unwrap();
        match &mut *cut {
            Some(it) if it.direction == direction && it.left < bytes => {
                let left = it.left;
                *cut = None;
                left
            }
            Some(it) if it.direction == direction => {
                it.left -= bytes;
                bytes
            }
            _ => bytes,
        }
    }
}
