//! One request off a socket, with nothing of it made prettier.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// More than any request of the contract has.
const MOST_HEADERS: usize = 64;
const LARGEST: usize = 256 * 1024;

/// A request as it came.
pub(super) struct Request {
    pub(super) method: String,
    /// The raw target of the first line.
    pub(super) path: String,
    /// Names in lower case, in the order they came.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The next request of a connection; none when the client went away. `read` keeps what came
    /// after it.
    pub(super) async fn next(
        stream: &mut (impl AsyncRead + Unpin),
        read: &mut Vec<u8>,
    ) -> io::Result<Option<Self>> {
        loop {
            if let Some((request, length)) = Self::parse(read)? {
                read.drain(..length);
                return Ok(Some(request));
            }
            if read.len() > LARGEST {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the request is too large",
                ));
            }
            if stream.read_buf(read).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The first request in `bytes` and its length; none when it is not all there.
    fn parse(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let malformed = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(body_at) = head.parse(bytes).map_err(malformed)? else {
            return Ok(None);
        };
        let headers: Vec<_> = head
            .headers
            .iter()
            .map(|it| (it.name.to_ascii_lowercase(), it.value.to_vec()))
            .collect();
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| str::from_utf8(value).ok()?.parse().ok())
            .unwrap_or(0_usize);
        let end = body_at.saturating_add(length);
        let Some(body) = bytes.get(body_at..end) else {
            return Ok(None);
        };
        let request = Self {
            method: head.method.unwrap_or_default().to_owned(),
            path: head.path.unwrap_or_default().to_owned(),
            headers,
            body: body.to_vec(),
        };
        Ok(Some((request, end)))
    }

    /// All values of a header.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(it, _)| it == name)
            .map(|(_, value)| value.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_that_come_together_are_told_apart() {
        let mut stream: &[u8] =
            b"POST /a HTTP/1.1\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nokGET \
            /b?c HTTP/1.1\r\n\r\nGET /cut";
        let mut read = Vec::new();
        let mut next = async || Request::next(&mut stream, &mut read).await.unwrap();
        let first = next().await.unwrap();
        assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/a"));
        assert_eq!(first.body, b"ok");
        assert_eq!(first.values("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
        let second = next().await.unwrap();
        assert_eq!(second.path, "/b?c");
        assert!(second.body.is_empty());
        assert!(next().await.is_none());
    }

    #[tokio::test]
    async fn noise_is_refused() {
        let mut stream: &[u8] = b"\x16\x03\x01\r\n\r\n";
        assert!(Request::next(&mut stream, &mut Vec::new()).await.is_err());
    }
}
