//! One POST to a server that is not Verigator's, with the care for connections that calls have:
//! for a program that passes messages on to other services. Not part of the public interface.
//!
//! Trusts what a client trusts, keeps connections, honours the environment's proxies, follows no
//! redirect and sends nothing twice. Knows nothing of what is sent.

use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, Uri};

use crate::address::Address;
use crate::error::{Error, Result};
use crate::proxy::Proxy;
use crate::secret::SecretBody;
use crate::transport::{Http, Outgoing, tls};

/// As long as a client keeps a connection that nobody uses.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An address that requests go to. Belongs to the runtime it is first used on.
pub struct Outbound {
    http: Http,
    path: Uri,
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body; none when it was cut, too large or late.
    pub body: Option<Bytes>,
}

/// There was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReply {
    /// Whether the request may have reached the server. If not, the server did nothing.
    pub may_have_arrived: bool,
    /// What happened, without any of the address or of what was sent.
    pub what: &'static str,
}

impl Outbound {
    /// Reads an address: https, or http to this machine. Connects to nothing yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) says what is wrong and
    /// repeats nothing of the address, which may hold a secret.
    pub fn to(url: &str) -> Result<Self> {
        let address = Address::parse(url, false)
            .map_err(|fault| Error::configuration(format!("the URL {fault}")))?;
        if address.url.fragment().is_some() {
            return Err(Error::configuration("the URL may not have a fragment"));
        }
        // As for a client: nothing on this machine is asked by way of a proxy.
        let (proxy, roots) = if address.is_loopback {
            let is_https = address.url.scheme() == "https";
            (Proxy::None, is_https.then_some(&[][..]))
        } else {
            (Proxy::Environment, Some(&[][..]))
        };
        let tls = tls::client_config(roots)?;
        Ok(Self {
            path: address
                .uri
                .path_and_query()
                .cloned()
                .map_or_else(Uri::default, Uri::from),
            http: Http::new(address.uri, &proxy, tls, CONNECT_TIMEOUT, POOL_IDLE_TIMEOUT)?,
        })
    }

    /// Sends `body` once, waits at most `limit` for the whole answer and takes at most `largest`
    /// bytes of it. The body is wiped after use.
    pub async fn post(
        &self,
        headers: HeaderMap,
        body: Vec<u8>,
        limit: Duration,
        largest: usize,
    ) -> Result<Reply, NoReply> {
        // Turns the runtime's driver once, so that a kept connection which the server has closed
        // since is seen to be closed before a request is written to it.
        tokio::task::yield_now().await;
        let outgoing = Outgoing {
            method: Method::POST,
            path: self.path.clone(),
            headers,
            body: Some(SecretBody::new(body).bytes()),
        };
        match self.http.send(outgoing, limit, largest).await {
            Ok(reply) => Ok(Reply {
                status: reply.status.as_u16(),
                body: reply.body.ok(),
            }),
            Err(failure) => Err(NoReply {
                may_have_arrived: failure.may_have_arrived,
                what: failure.message,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_judged_and_not_repeated() {
        for url in [
            "https://example.com/hook?tenant=5",
            "http://127.0.0.1:1/hook",
            "https://localhost",
        ] {
            assert!(Outbound::to(url).is_ok(), "{url}");
        }
        for (url, wrong) in [
            (
                "s3cret",
                "the URL is not a URL: relative URL without a base",
            ),
            ("http://s3cret.example.com", "the URL must be https"),
            ("ftp://s3cret.example.com", "the URL must be an https URL"),
            ("https://a:s3cret@b", "the URL may not hold credentials"),
            ("https://b/#s3cret", "the URL may not have a fragment"),
        ] {
            let error = Outbound::to(url).err().unwrap();
            assert_eq!(error.to_string(), wrong);
        }
    }
}
