//! Which proxy requests go through: none, the one that was given, or the environment's. Connects to
//! nothing.

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use url::Url;

use crate::error::{Error, Result};

/// What requests go by way of.
pub(crate) enum Proxy {
    None,
    /// What the environment says when the client is first used.
    Environment,
    Url(Box<Matcher>),
}

impl Proxy {
    /// Reads the option `proxy`.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        let scheme_is_known =
            Url::parse(url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
        let matcher = Matcher::builder().all(url).build();
        // A text that the matcher cannot read matches nothing.
        if scheme_is_known && matcher.intercept(&Uri::from_static("http://x/")).is_some() {
            return Ok(Self::Url(Box::new(matcher)));
        }
        // The text may hold the proxy's password, so the error does not repeat it.
        Err(Error::configuration("proxy is not a proxy URL"))
    }

    /// The proxy for requests to this endpoint, if there is to be one.
    pub(crate) fn on_the_way_to(&self, endpoint: &Uri) -> Option<Intercept> {
        match self {
            Self::None => None,
            Self::Environment => Matcher::from_env().intercept(endpoint),
            Self::Url(matcher) => matcher.intercept(endpoint),
        }
    }
}
