//! An HTTP proxy, as companies have them, that notes what it is asked.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
    runtime::Handle,
};

use super::listening::Listening;

/// What a proxy was asked on one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The first line, such as `CONNECT verigator.example:443 HTTP/1.1`.
    pub line: String,
    /// `Proxy-Authorization`.
    pub credentials: Option<String>,
}

/// A proxy on a loopback port. Whatever host it is asked for, it brings to one server.
pub struct ForwardingProxy {
    listening: Listening,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl ForwardingProxy {
    /// Starts one in front of a server; without one it refuses everything, with status 502.
    pub fn start(runtime: &Handle, server: Option<SocketAddr>) -> io::Result<Self> {
        let asked = Arc::new(Mutex::default());
        let shared = Arc::clone(&asked);
        let listening = Listening::start(runtime, move |client| {
            let asked = Arc::clone(&shared);
            async move { forward(client, server, &asked).await }
        })?;
        Ok(Self { listening, asked })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// What the first request of each connection was.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }
}

async fn forward(
    mut client: TcpStream,
    server: Option<SocketAddr>,
    asked: &Mutex<Vec<Asked>>,
) -> io::Result<()> {
    let (read, is_tunnel) = {
        let (read, request) = head(&mut client).await?;
        let is_tunnel = request.line.starts_with("CONNECT ");
        lock(asked).push(request);
        (read, is_tunnel)
    };
    let Some(server) = server else {
        let refused = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
        return client.write_all(refused).await;
    };
    let mut server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    if is_tunnel {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        // Every server takes the whole address of a request for its path.
        server.write_all(&read).await?;
    }
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Everything up to the end of a head, and a little more as it may be.
async fn head(client: &mut TcpStream) -> io::Result<(Vec<u8>, Asked)> {
    let mut read = Vec::new();
    loop {
        if client.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request.parse(&read).map_err(io::Error::other)?;
        if parsed.is_complete() {
            let asked = Asked {
                line: format!(
                    "{} {} HTTP/1.{}",
                    request.method.unwrap_or_default(),
                    request.path.unwrap_or_default(),
                    request.version.unwrap_or_default()
                ),
                credentials: request
                    .headers
                    .iter()
                    .find(|it| it.name.eq_ignore_ascii_case("proxy-authorization"))
                    .map(|it| String::from_utf8_lossy(it.value).into_owned()),
            };
            return Ok((read, asked));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
