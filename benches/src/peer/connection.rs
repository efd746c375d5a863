//! One connection: whole requests in, one after another, and the bytes of their answers out.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::answer::answer_to;

/// Far above what the measured calls need.
const LARGEST_REQUEST: usize = 16 * 1024;
const MOST_HEADERS: usize = 32;

/// Answers until the client closes, or sends what is no request.
pub(crate) async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; LARGEST_REQUEST];
    let mut filled = 0;
    loop {
        let read = stream
            .read(buffer.get_mut(filled..).unwrap_or_default())
            .await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        while let Some((length, answer)) = first(buffer.get(..filled).unwrap_or_default())? {
            stream.write_all(answer).await?;
            buffer.copy_within(length..filled, 0);
            filled -= length;
        }
    }
}

/// The length of the first request and what to answer, once it is there as a whole.
fn first(bytes: &[u8]) -> io::Result<Option<(usize, &'static [u8])>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return Ok(None),
    };
    let header = |name: &str| {
        let found = request
            .headers
            .iter()
            .find(|it| it.name.eq_ignore_ascii_case(name));
        found.and_then(|it| str::from_utf8(it.value).ok())
    };
    let body = match header("content-length") {
        Some(length) => length.parse().map_err(io::Error::other)?,
        None => 0,
    };
    let whole = head + body;
    let Some(body) = bytes.get(head..whole) else {
        return Ok(None);
    };
    let answer = answer_to(
        request.method.unwrap_or_default(),
        request.path.unwrap_or_default(),
        header("x-service-auth"),
        body,
    );
    Ok(Some((whole, answer)))
}
