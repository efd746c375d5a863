//! A kept connection with one request at a time, opened anew when the server closed it.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use verigator_benches::flows::Failure;

type Sender = http1::SendRequest<Full<Bytes>>;

pub(crate) struct Connection {
    address: SocketAddr,
    sender: Sender,
}

/// What a server said.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let sender = connect(address).await?;
        Ok(Self { address, sender })
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(self.address).await?;
        }
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body })
    }
}

async fn connect(address: SocketAddr) -> Result<Sender, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, driving) = http1::handshake(TokioIo::new(stream)).await?;
    // How a connection ends is told to whoever sends on it.
    tokio::task::spawn_local(async { drop(driving.await) });
    Ok(sender)
}

impl Answer {
    /// The body, if the status is this one.
    pub(crate) fn expect(&self, status: StatusCode) -> Result<&Bytes, Failure> {
        if self.status == status {
            Ok(&self.body)
        } else {
            let body = String::from_utf8_lossy(&self.body);
            Err(format!("{} in place of {status}: {body}", self.status).into())
        }
    }
}
