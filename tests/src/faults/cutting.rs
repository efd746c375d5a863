//! A proxy that cuts connections at a chosen byte.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    runtime::Handle,
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::listening::Listening;

/// How long the other side may take to close its end, too.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where and how connections are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Whose bytes are counted.
    pub direction: Direction,
    /// How many of them pass, from the beginning of the connection. With 0 a connection is cut as it
    /// comes in, or as its first byte of an answer is due. With more than there are it never is.
    pub after: usize,
    /// What both sides see of it.
    pub how: How,
    /// How many connections are cut, from the first; later ones pass through.
    #[serde(default = "once")]
    pub times: usize,
}

/// A direction, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the server.
    Request,
    /// To the client.
    Answer,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// A reset (RST), to both sides.
    Reset,
    /// An orderly end (FIN), to both sides.
    Close,
    /// It does not: both sides wait until the client gives up.
    Hang,
}

fn once() -> usize {
    1
}

/// A TCP proxy on a loopback port in front of a server.
pub struct CuttingProxy {
    listening: Listening,
    plan: Arc<Mutex<Arc<Plan>>>,
    hang_up: watch::Sender<()>,
}

/// What is to happen, and what has happened of it.
#[derive(Default)]
struct Plan {
    cut: Option<Cut>,
    connections: AtomicUsize,
    cuts: AtomicUsize,
    to_server: AtomicUsize,
    to_client: AtomicUsize,
}

impl Plan {
    fn new(cut: Option<Cut>) -> Arc<Self> {
        Arc::new(Self {
            cut,
            ..Self::default()
        })
    }
}

impl CuttingProxy {
    /// Starts one; without a cut it only counts.
    pub fn start(runtime: &Handle, server: SocketAddr, cut: Option<Cut>) -> io::Result<Self> {
        let plan = Arc::new(Mutex::new(Plan::new(cut)));
        let (hang_up, signal) = watch::channel(());
        let current = Arc::clone(&plan);
        let listening = Listening::start(runtime, move |client| {
            let plan = Arc::clone(&current.lock().unwrap_or_else(PoisonError::into_inner));
            let before = plan.connections.fetch_add(1, Ordering::AcqRel);
            let carried = Carried {
                client,
                server,
                cut: plan.cut.filter(|cut| before < cut.times),
                plan,
            };
            let mut signal = signal.clone();
            // The copy would take an earlier signal for a new one.
            signal.mark_unchanged();
            async move { carried.until(signal).await }
        })?;
        Ok(Self {
            listening,
            plan,
            hang_up,
        })
    }

    /// Begins anew, with another cut and with all counts at 0. Connections that are there stay as
    /// they are and are counted no more.
    pub fn set(&self, cut: Option<Cut>) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Plan::new(cut);
    }

    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Where it listens, as the address of an API: without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.plan().connections.load(Ordering::Acquire)
    }

    /// How many of them were cut.
    pub fn cuts(&self) -> usize {
        self.plan().cuts.load(Ordering::Acquire)
    }

    /// How many bytes passed so far, in all connections.
    pub fn passed(&self, direction: Direction) -> usize {
        let plan = self.plan();
        let count = match direction {
            Direction::Request => &plan.to_server,
            Direction::Answer => &plan.to_client,
        };
        count.load(Ordering::Acquire)
    }

    /// Closes all connections, as a server does that is started anew.
    pub fn hang_up(&self) {
        self.hang_up.send_replace(());
    }
}

/// A connection, to be carried to the server.
struct Carried {
    client: TcpStream,
    server: SocketAddr,
    cut: Option<Cut>,
    plan: Arc<Plan>,
}

/// Why carrying ended early.
enum Stop {
    Cut(How),
    Broken(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Carried {
    async fn until(mut self, mut hang_up: watch::Receiver<()>) -> io::Result<()> {
        if let Some(how) = self.limit(Direction::Request).cut_at_once() {
            self.plan.cuts.fetch_add(1, Ordering::AcqRel);
            return end(self.client, None, how).await;
        }
        let mut server = TcpStream::connect(self.server).await?;
        server.set_nodelay(true)?;
        let carried = tokio::select! {
            carried = self.carry(&mut server) => carried,
            _ = hang_up.changed() => Err(Stop::Cut(How::Close)),
        };
        match carried {
            Ok(()) => Ok(()),
            Err(Stop::Broken(error)) => Err(error),
            Err(Stop::Cut(how)) => {
                self.plan.cuts.fetch_add(1, Ordering::AcqRel);
                end(self.client, Some(server), how).await
            }
        }
    }

    /// Returns when both sides have closed.
    async fn carry(&mut self, server: &mut TcpStream) -> Result<(), Stop> {
        let requests = self.limit(Direction::Request);
        let answers = self.limit(Direction::Answer);
        let (from_client, to_client) = self.client.split();
        let (from_server, to_server) = server.split();
        tokio::try_join!(
            requests.pass(from_client, to_server, &self.plan.to_server),
            answers.pass(from_server, to_client, &self.plan.to_client),
        )?;
        Ok(())
    }

    fn limit(&self, direction: Direction) -> Limit {
        let cut = self.cut.filter(|cut| cut.direction == direction);
        Limit(cut.map(|cut| (cut.after, cut.how)))
    }
}

/// How many bytes still pass in one direction, and how it then ends.
#[derive(Clone, Copy)]
struct Limit(Option<(usize, How)>);

impl Limit {
    fn cut_at_once(self) -> Option<How> {
        self.0.filter(|(left, _)| *left == 0).map(|(_, how)| how)
    }

    async fn pass(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        passed: &AtomicUsize,
    ) -> Result<(), Stop> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                return Ok(to.shutdown().await?);
            }
            let allowed = self.0.map_or(read, |(left, _)| left.min(read));
            // Counted first: whoever gets the last byte may ask at once.
            passed.fetch_add(allowed, Ordering::AcqRel);
            to.write_all(buffer.get(..allowed).unwrap_or_default())
                .await?;
            if let Some((left, how)) = &mut self.0 {
                *left -= allowed;
                if *left == 0 {
                    return Err(Stop::Cut(*how));
                }
            }
        }
    }
}

/// Ends a connection on both sides.
async fn end(client: TcpStream, server: Option<TcpStream>, how: How) -> io::Result<()> {
    let sides = [Some(client), server].into_iter().flatten();
    match how {
        How::Reset => {
            for side in sides {
                // The reset goes out as the socket is dropped.
                side.set_zero_linger()?;
            }
        }
        How::Close => {
            let mut farewells = JoinSet::new();
            for mut side in sides {
                side.shutdown().await?;
                // What still comes is read: dropping it unread would make the end a reset.
                farewells.spawn(async move { timeout(FAREWELL, drain(&mut side)).await });
            }
            farewells.join_all().await;
        }
        How::Hang => {
            for mut side in sides {
                drain(&mut side).await?;
            }
        }
    }
    Ok(())
}

async fn drain(side: &mut TcpStream) -> io::Result<()> {
    tokio::io::copy(side, &mut tokio::io::sink()).await?;
    Ok(())
}
