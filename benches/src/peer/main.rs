//! `bench-peer`: answers fixed bytes over HTTP/1.1, plain and in TLS. It looks at a request only as
//! far as is needed to refuse what is not the measured call. Prints where it listens as one line of
//! JSON, and ends with its standard input.
#![forbid(unsafe_code)]

mod answer;
mod connection;

use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    thread,
};

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use verigator_tests::faults::{Authority, Protocol};

/// One thread is enough: it spends less on a call than any client, and leaves them the other core.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let authority = Authority::new()?;
    let acceptor = authority.right()?.acceptor(Protocol::Http1)?;
    let plain = TcpListener::bind("127.0.0.1:0").await?;
    let encrypted = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{}",
        places(&authority, plain.local_addr()?, encrypted.local_addr()?)
    )?;
    out.flush()?;
    drop(out);

    tokio::spawn(accept(plain, |stream| async {
        connection::serve(stream).await
    }));
    tokio::spawn(accept(encrypted, move |stream| {
        let acceptor = acceptor.clone();
        async move { connection::serve(acceptor.accept(stream).await?).await }
    }));
    let (ended, end) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let read = io::copy(&mut io::stdin().lock(), &mut io::sink());
        // Nobody waits any more once `main` has returned.
        let _ = ended.send(read);
    });
    end.await??;
    Ok(())
}

fn places(authority: &Authority, plain: SocketAddr, encrypted: SocketAddr) -> serde_json::Value {
    json!({
        "http": format!("http://{plain}"),
        "https": format!("https://localhost:{}", encrypted.port()),
        "ca": authority.pem(),
    })
}

async fn accept<S>(listener: TcpListener, serve: impl Fn(TcpStream) -> S) -> io::Result<()>
where
    S: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream));
    }
}
