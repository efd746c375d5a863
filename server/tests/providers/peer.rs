//! An HTTP server that plays a provider: it keeps every request that it has read whole, and then
//! does what it was told, badly behaved or not. Bytes over a socket, and no HTTP library that
//! would be as careful as the one under test.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the peer does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers with a status and a body of JSON, and keeps the connection.
    Answer(u16, String),
    /// Answers with a status, a line of the head, and no body.
    Head(u16, String),
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Writes these bytes and then nothing more.
    Stall(Vec<u8>),
    /// Answers nothing.
    Hang,
    /// Resets the connection.
    Reset,
    /// Resets the connection when some of the request has come.
    ResetUnread,
}

impl Act {
    pub(crate) fn answer(status: u16, body: &str) -> Self {
        Self::Answer(status, body.to_owned())
    }

    pub(crate) fn write(text: impl AsRef<str>) -> Self {
        Self::Write(text.as_ref().as_bytes().to_vec())
    }
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// Method, target and version.
    pub(crate) line: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|it| it.0 == name);
        let value = &found.next().unwrap_or_else(|| panic!("no {name}")).1;
        assert!(found.next().is_none(), "{name} is there twice");
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: Arc<Accepting>,
}

struct Shared {
    heard: Mutex<Vec<Heard>>,
    script: Mutex<VecDeque<Act>>,
    /// Once the script is over.
    otherwise: Act,
    connections: AtomicUsize,
}

/// Ends with the last handle of its peer.
struct Accepting(JoinHandle<()>);

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Peer {
    /// Acts as scripted, and then always in the last way.
    pub(crate) async fn start(script: &[Act]) -> Self {
        Self::start_at(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub(crate) fn start_at(listener: TcpListener, script: &[Act]) -> Self {
        let address = listener.local_addr().unwrap();
        let mut script: VecDeque<Act> = script.iter().cloned().collect();
        let shared = Arc::new(Shared {
            heard: Mutex::default(),
            otherwise: script.pop_back().unwrap(),
            script: Mutex::new(script),
            connections: AtomicUsize::new(0),
        });
        let inside = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                inside.connections.fetch_add(1, Ordering::Relaxed);
                let shared = Arc::clone(&inside);
                tokio::spawn(async move { shared.talk(stream).await });
            }
        });
        Self {
            address,
            shared,
            _accepting: Arc::new(Accepting(accepting)),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does this next.
    pub(crate) fn then(&self, act: Act) {
        self.shared.script.lock().unwrap().push_back(act);
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Waits until so many requests came.
    pub(crate) async fn wait_for(&self, requests: usize) -> Vec<Heard> {
        let begun = Instant::now();
        loop {
            let heard = self.heard();
            if heard.len() >= requests {
                return heard;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{}", heard.len());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Shared {
    fn next(&self) -> Act {
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| self.otherwise.clone())
    }

    async fn talk(&self, mut stream: TcpStream) {
        loop {
            // Some of a request, or the end.
            let mut first = [0];
            match stream.peek(&mut first).await {
                Ok(1) => {}
                _ => return,
            }
            let act = self.next();
            if matches!(act, Act::ResetUnread) {
                stream.set_zero_linger().unwrap();
                return;
            }
            let Some(heard) = read(&mut stream).await else {
                return;
            };
            self.heard.lock().unwrap().push(heard);
            if matches!(act, Act::Reset) {
                stream.set_zero_linger().unwrap();
                return;
            }
            if !answer(&mut stream, act).await {
                return;
            }
        }
    }
}

/// Reads one request whole; none when it breaks off.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().lines();
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|it| it.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|it| it.0 == "content-length");
    let mut body = vec![0; length.map_or(0, |it| it.1.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Heard {
        line,
        headers,
        body,
        at: Instant::now(),
    })
}

/// Whether the connection goes on.
pub(crate) async fn answer(stream: &mut (impl AsyncWrite + Unpin), act: Act) -> bool {
    let whole = match act {
        Act::Answer(status, body) => {
            let length = body.len();
            format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            )
        }
        Act::Head(status, line) => {
            format!("HTTP/1.1 {status} x\r\n{line}\r\ncontent-length: 0\r\n\r\n")
        }
        Act::Write(bytes) => {
            // The other side may have heard enough.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            return false;
        }
        Act::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            return std::future::pending().await;
        }
        Act::Hang => return std::future::pending().await,
        Act::Reset | Act::ResetUnread => return false,
    };
    stream.write_all(whole.as_bytes()).await.is_ok()
}
