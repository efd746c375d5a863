//! One connection: requests in, answers out, right or broken as the case says.

use std::{collections::BTreeMap, io};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    request::Request,
    script::{Scripts, Verdict},
};
use crate::vector::{Answer, Head};

const VERDICT: &str = "/-/verdict/";

pub(super) async fn serve(mut stream: TcpStream, scripts: &Scripts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut read = Vec::new();
    while let Some(request) = Request::next(&mut stream, &mut read).await? {
        match answer(scripts, &request) {
            Answer::Whole(head, body) => {
                stream.write_all(&whole(&head, &body)).await?;
                if is_the_last(&request) {
                    return stream.shutdown().await;
                }
            }
            Answer::RawThenClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Answer::RawThenHang(bytes) => {
                stream.write_all(&bytes).await?;
                return until_gone(&mut stream).await;
            }
            Answer::Close => return stream.shutdown().await,
            Answer::Reset => return stream.set_zero_linger(),
        }
    }
    Ok(())
}

fn is_the_last(request: &Request) -> bool {
    request
        .values("connection")
        .any(|value| value.eq_ignore_ascii_case(b"close"))
}

fn answer(scripts: &Scripts, request: &Request) -> Answer {
    if let Some(run) = request.path.strip_prefix(VERDICT) {
        return verdict(&scripts.verdict(run));
    }
    let path = request.path.strip_prefix('/').unwrap_or(&request.path);
    let slash = path.find('/').unwrap_or(path.len());
    let (run, path) = path.split_at(slash);
    scripts
        .play(run, path, request)
        .unwrap_or_else(|| json(404, r#"{"message":"no such case"}"#))
}

fn verdict(verdict: &Verdict) -> Answer {
    match serde_json::to_string(verdict) {
        Ok(text) => json(200, &text),
        Err(_) => json(500, "{}"),
    }
}

fn json(status: u16, body: &str) -> Answer {
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    Answer::Whole(Head { status, headers }, body.as_bytes().to_vec())
}

/// HTTP/1.1, without a body where the protocol allows none.
fn whole(head: &Head, body: &[u8]) -> Vec<u8> {
    let status = head.status;
    let reason = http::StatusCode::from_u16(status)
        .ok()
        .and_then(|it| it.canonical_reason())
        .unwrap_or("Other");
    let mut bytes = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if matches!(status, 204 | 304) {
        bytes.extend_from_slice(b"\r\n");
    } else {
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        bytes.extend_from_slice(body);
    }
    bytes
}

async fn until_gone(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}
