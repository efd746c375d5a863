//! The server that a client speaks to: its address, and the paths below it. Sends nothing.

use bytes::Bytes;
use http::Uri;
use http::uri::PathAndQuery;

use crate::address::{Address, Fault};
use crate::error::{Error, Result};

/// Where the hosted service used to answer. It is deprecated: run `verigator serve` and say where.
pub const DEFAULT_ENDPOINT: &str = "https://api.verigator.com";

/// An address without query and fragment.
pub(crate) struct Endpoint {
    /// Without a trailing slash in [`base`](Self::base).
    pub(crate) address: Address,
    pub(crate) is_default: bool,
}

impl Endpoint {
    /// Reads the option `endpoint`.
    pub(crate) fn parse(text: &str, allow_insecure_http: bool) -> Result<Self> {
        let address = Address::parse(text, allow_insecure_http).map_err(|fault| {
            let advice = match fault {
                Fault::PlainHttp => {
                    ": PINs and the password would travel readable (allow_insecure_http permits it)"
                }
                Fault::Credentials => ": pass username and password",
                _ => "",
            };
            Error::configuration(format!("endpoint {fault}{advice}"))
        })?;
        if address.url.query().is_some() || address.url.fragment().is_some() {
            return Err(Error::configuration(
                "endpoint may not have a query or a fragment",
            ));
        }
        let is_default = address.url.as_str().trim_end_matches('/') == DEFAULT_ENDPOINT;
        Ok(Self {
            address,
            is_default,
        })
    }

    /// The address up to where a path beginning with a slash goes.
    pub(crate) fn base(&self) -> &str {
        self.address.url.as_str().trim_end_matches('/')
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.address.uri
    }

    /// The path of a path below it, which begins with a slash.
    pub(crate) fn path(&self, path: &str) -> Result<Uri> {
        let path = [self.uri().path().trim_end_matches('/'), path].concat();
        PathAndQuery::from_maybe_shared(Bytes::from(path))
            .map(Uri::from)
            .map_err(|error| Error::bug("a path could not be written").caused_by(error))
    }
}
