//! Where a database is: read from a URL whose password is shown nowhere.

use std::{fmt, str::FromStr, time::Duration};

use thiserror::Error;
use tokio_postgres::{Config, config::Host};

/// A database's URL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…`. `Display` and `Debug`
/// show hosts and database, and neither user nor password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub(super) Config);

/// A text that is not such a URL. It never repeats any of it: a password may be anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a database is postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=disable, prefer or \
     require; special characters in it are written as %40 and the like"
)]
pub struct AddressError;

/// How long one host may take to be reached, when the URL does not say.
const CONNECT: Duration = Duration::from_secs(1);
/// When to ask whether the other side of a silent connection is there still, likewise.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// What the library takes when the URL does not say.
const LIBRARY_KEEPALIVE: Duration = Duration::from_hours(2);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let is_url = ["postgres://", "postgresql://"]
            .iter()
            .any(|it| text.starts_with(it));
        if !is_url {
            return Err(AddressError);
        }
        let mut config: Config = text.parse().map_err(|_| AddressError)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(AddressError);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_keepalives_idle() == LIBRARY_KEEPALIVE {
            config.keepalives_idle(KEEPALIVE);
        }
        if config.get_application_name().is_none() {
            config.application_name("verigator");
        }
        Ok(Self(config))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.0.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(folder) => folder.display().to_string(),
        });
        let hosts: Vec<String> = if self.0.get_hosts().is_empty() {
            let addresses = self.0.get_hostaddrs().iter();
            addresses.map(ToString::to_string).collect()
        } else {
            hosts.collect()
        };
        let ports = self.0.get_ports().iter();
        let ports: Vec<String> = ports.map(|port| format!(":{port}")).collect();
        let port = |place: usize| {
            ports
                .get(place)
                .or(ports.first())
                .map_or("", String::as_str)
        };
        let places: Vec<String> = (hosts.iter().enumerate())
            .map(|(place, host)| format!("{host}{}", port(place)))
            .collect();
        // Without a name, the database is the one that is called like the user.
        let name = self.0.get_dbname().unwrap_or_default();
        write!(f, "postgres://{}/{name}", places.join(","))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_neither_user_nor_password() {
        for (text, shown) in [
            ("postgres://jo:s3cret@db/shop", "postgres://db:5432/shop"),
            (
                "postgresql://jo:s3cret@db:1/shop?sslmode=require",
                "postgres://db:1/shop",
            ),
            (
                "postgres://jo:s3cret@a:1,b:2/shop?target_session_attrs=read-write",
                "postgres://a:1,b:2/shop",
            ),
            (
                "postgres:///shop?host=db&user=jo&password=s3cret",
                "postgres://db/shop",
            ),
            (
                "postgres://jo:s3cret@%2Frun%2Fpg/shop",
                "postgres:///run/pg:5432/shop",
            ),
            // The password ends at the last @.
            (
                "postgres://jo:pass?/s3cret@db/shop",
                "postgres://db:5432/shop",
            ),
            (
                "postgres:///?hostaddr=127.0.0.1&password=s3cret",
                "postgres://127.0.0.1/",
            ),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("Address({shown})"));
        }
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for text in [
            "",
            "s3cret",
            "host=db password=s3cret",
            "postgres://",
            "postgres:///shop?password=s3cret",
            "postgres://jo@db/shop?s3cret=s3cret",
            "postgres://jo:s3cret@db/shop?sslmode=verify-s3cret",
            "mysql://jo:s3cret@db/shop",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn nothing_waits_longer_than_it_should_unless_the_url_says_so() {
        let timeouts = |text: &str| {
            let address: Address = text.parse().unwrap();
            let connect = address.0.get_connect_timeout().copied();
            (connect, address.0.get_keepalives_idle())
        };
        assert_eq!(timeouts("postgres://db/x"), (Some(CONNECT), KEEPALIVE));
        let seconds = Duration::from_secs;
        assert_eq!(
            timeouts("postgres://db/x?connect_timeout=2&keepalives_idle=9"),
            (Some(seconds(2)), seconds(9))
        );
    }
}
