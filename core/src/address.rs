//! Which addresses may be spoken to: https, and plain http where nothing leaves this machine.
//! Knows no option's name; callers say whose address it is.

use http::Uri;
use thiserror::Error;
use url::{ParseError, Url};

/// An address that may be spoken to.
pub(crate) struct Address {
    pub(crate) url: Url,
    /// The same, as the HTTP library has it; the fragment is nobody else's.
    pub(crate) uri: Uri,
    pub(crate) is_loopback: bool,
}

/// Why an address is refused. No text repeats any of it: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("is not a URL: {0}")]
    NoUrl(ParseError),
    #[error("has no host")]
    NoHost,
    #[error("must be https")]
    PlainHttp,
    #[error("must be an https URL")]
    Scheme,
    #[error("may not hold credentials")]
    Credentials,
    #[error("is no address that HTTP can name")]
    NoUri,
}

impl Address {
    /// Reads an address. Its query and fragment are the caller's to judge.
    pub(crate) fn parse(text: &str, allow_insecure_http: bool) -> Result<Self, Fault> {
        let url = Url::parse(text).map_err(Fault::NoUrl)?;
        let is_loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err(Fault::NoHost),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback || allow_insecure_http => {}
            "http" => return Err(Fault::PlainHttp),
            _ => return Err(Fault::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::Credentials);
        }
        let uri = url.as_str().parse().map_err(|_| Fault::NoUri)?;
        Ok(Self {
            url,
            uri,
            is_loopback,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine() {
        for (text, is_loopback) in [
            ("https://example.com", false),
            ("https://example.com/a?b=c", false),
            ("http://localhost:8080", true),
            ("http://api.localhost", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:1", true),
        ] {
            let address = Address::parse(text, false).map(|it| it.is_loopback);
            assert_eq!(address, Ok(is_loopback), "{text}");
        }
        for (text, fault) in [
            (
                "example.com",
                Fault::NoUrl(ParseError::RelativeUrlWithoutBase),
            ),
            ("http://example.com", Fault::PlainHttp),
            ("http://localhost.example.com", Fault::PlainHttp),
            ("http://128.0.0.1", Fault::PlainHttp),
            ("http://[::2]", Fault::PlainHttp),
            ("ftp://127.0.0.1", Fault::Scheme),
            ("mailto:a@example.com", Fault::NoHost),
            ("https://a@example.com", Fault::Credentials),
            ("https://:b@example.com", Fault::Credentials),
        ] {
            assert_eq!(Address::parse(text, false).err(), Some(fault), "{text}");
        }
        assert!(Address::parse("http://example.com", true).is_ok());
        let long = format!("https://example.com/{}", "a".repeat(1 << 16));
        assert_eq!(Address::parse(&long, false).err(), Some(Fault::NoUri));
    }
}
