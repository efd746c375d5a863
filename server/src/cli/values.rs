//! How values are written on the command line, in the environment and in the file.

use std::{convert::Infallible, path::PathBuf, str::FromStr, time::Duration};

use verigator_server::{
    engine::{budget::Budget, phone::Prefix, pin::PinLength},
    store::postgres::Address,
};

/// A period such as `500ms`, `30s`, `10m`, `24h` or `7d`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let wrong = || "a period is a number with ms, s, m, h or d, such as 30s".to_owned();
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let millis = number.checked_mul(millis).ok_or_else(wrong)?;
    Ok(Duration::from_millis(millis))
}

/// How many digits a PIN has.
pub(super) fn pin_length(text: &str) -> Result<PinLength, String> {
    let digits: u8 = text.parse().map_err(|_| "not a number".to_owned())?;
    PinLength::new(digits).map_err(|error| error.to_string())
}

/// Messages in a period, or any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance(pub(super) Option<Budget>);

impl FromStr for Allowance {
    type Err = String;

    /// Reads `5/1h`, or `none`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let wrong = "a budget is messages/period, such as 5/1h, or none";
        let (messages, per) = text.split_once('/').ok_or(wrong)?;
        Ok(Self(Some(Budget {
            messages: messages.parse().map_err(|_| wrong)?,
            per: duration(per)?,
        })))
    }
}

/// The budget of all numbers that begin alike.
pub(super) fn prefix_budget(text: &str) -> Result<(Prefix, Budget), String> {
    let wrong = "a prefix budget is prefix=messages/period, such as +372=100/1h";
    let (prefix, budget) = text.split_once('=').ok_or(wrong)?;
    let prefix = prefix.parse().map_err(|error| format!("{error}"))?;
    let Allowance(budget) = budget.parse()?;
    Ok((prefix, budget.ok_or(wrong)?))
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In this file.
    Sqlite(PathBuf),
    /// In this database. Boxed, for it is much larger than the others.
    Postgres(Box<Address>),
    /// In this process.
    Memory,
    /// Not said, and why. The text is not kept: it may hold a password, and so it must not be
    /// refused where it would be repeated.
    Unclear(String),
}

impl FromStr for Place {
    type Err = Infallible;

    /// Reads `sqlite:FILE`, `postgres://…` or `memory:`.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once(':') {
            Some(("sqlite", file)) if !file.is_empty() => Self::Sqlite(file.into()),
            Some(("postgres" | "postgresql", _)) => match text.parse() {
                Ok(address) => Self::Postgres(Box::new(address)),
                Err(error) => Self::Unclear(format!("{error}")),
            },
            Some(("memory", "")) => Self::Memory,
            _ => Self::Unclear("a store is sqlite:FILE, postgres://… or memory:".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5s",
            "1w",
            "30 s",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn budgets() {
        let five = Budget {
            messages: 5,
            per: Duration::from_hours(1),
        };
        assert_eq!("5/1h".parse(), Ok(Allowance(Some(five))));
        assert_eq!("none".parse(), Ok(Allowance(None)));
        assert_eq!(
            prefix_budget("+372=5/1h"),
            Ok(("+372".parse().unwrap(), five))
        );
        for text in ["", "5", "/1h", "5/", "x/1h", "5/1x"] {
            assert!(text.parse::<Allowance>().is_err(), "{text}");
        }
        for text in ["+372", "372=5/1h", "+372=none"] {
            assert!(prefix_budget(text).is_err(), "{text}");
        }
    }

    #[test]
    fn places() {
        let place = |text: &str| text.parse::<Place>().unwrap();
        assert_eq!(place("sqlite:a:b"), Place::Sqlite("a:b".into()));
        assert_eq!(place("memory:"), Place::Memory);
        for text in ["postgres://jo:s3cret@db/x", "postgresql://jo:s3cret@db/x"] {
            let place = place(text);
            assert!(matches!(place, Place::Postgres(_)), "{place:?}");
            assert!(!format!("{place:?}").contains("s3cret"));
        }
        for text in [
            "",
            "sqlite",
            "sqlite:",
            "memory",
            "memory:s3cret",
            "postgres://",
            "postgres://jo:s3cret@db/x?sslmode=s3cret",
            "mysql://jo:s3cret@db/x",
        ] {
            let place = place(text);
            assert!(matches!(place, Place::Unclear(_)), "{text}");
            assert!(!format!("{place:?}").contains("s3cret"), "{text}");
        }
    }
}
