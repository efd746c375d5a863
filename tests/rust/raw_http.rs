//! HTTP as text, for tests that must see exactly what goes over the wire.
#![allow(clippy::unwrap_used, reason = "only tests are built with it")]

use std::{
    io::{Read, Write},
    net::TcpStream,
};

pub(crate) struct Answer(String);

/// Sends requests as they are written, and reads until the other side closes; so the last of them
/// should ask for that.
pub(crate) fn exchange(url: &str, requests: &str) -> Answer {
    let mut stream = connect(url);
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Answer(answer)
}

pub(crate) fn connect(url: &str) -> TcpStream {
    TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap()
}

impl Answer {
    /// What came after the first head.
    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").unwrap().1
    }

    /// All of it.
    #[allow(
        dead_code,
        reason = "not every test that includes this file looks at the head"
    )]
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}
