//! Options as a dynamic language has them: numbers of seconds, words, whole numbers of any sign.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::{ApiBuilder, CaBundle, CallOptions, Config};
use crate::error::{Error, Result};

/// The options of a client. What is `None` comes from the environment, else it is the default.
/// Durations are in seconds.
#[derive(Default)]
#[allow(missing_docs, reason = "the fields are the builder's options")]
pub struct Options {
    pub username: Option<String>,
    pub password: Option<String>,
    pub endpoint: Option<String>,
    pub timeout: Option<f64>,
    pub connect_timeout: Option<f64>,
    pub deadline: Option<f64>,
    pub max_retries: Option<i64>,
    pub idempotency: Option<String>,
    pub pool_idle_timeout: Option<f64>,
    pub proxy: Option<String>,
    pub ca_bundle: Option<CaBundle>,
    pub app_info: Option<String>,
    pub allow_insecure_http: bool,
    /// The variables to ask in place of the process's own.
    pub environment: Option<HashMap<String, String>>,
    /// The start of the User-Agent, such as `verigator-python/1.0.0`.
    pub product: String,
}

impl Options {
    /// Checks them.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) names the option at fault.
    pub fn config(self) -> Result<Config> {
        let mut builder = ApiBuilder::new()
            .product(self.product)
            .allow_insecure_http(self.allow_insecure_http);
        if let Some(word) = self.idempotency {
            builder = builder.idempotency(word.parse()?);
        }
        if let Some(password) = self.password {
            builder = builder.password(password);
        }
        macro_rules! pass {
            ($($option:ident $(through $convert:path)?),*) => {
                $(if let Some(value) = self.$option {
                    $(let value = $convert(stringify!($option), value).map_err(Error::configuration)?;)?
                    builder = builder.$option(value);
                })*
            };
        }
        pass!(
            username, endpoint, proxy, ca_bundle, app_info,
            timeout through seconds, connect_timeout through seconds, deadline through seconds,
            pool_idle_timeout through seconds, max_retries through count
        );
        let builder = match self.environment {
            Some(variables) => builder.fill_from(|name| variables.get(name).cloned()),
            None => builder.fill_from_env(),
        };
        builder?.config()
    }
}

/// The options of one call; durations in seconds.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) names the option at fault.
pub fn call_options(
    timeout: Option<f64>,
    deadline: Option<f64>,
    max_retries: Option<i64>,
) -> Result<CallOptions> {
    let mut options = CallOptions::new();
    if let Some(value) = timeout {
        options = options.timeout(seconds("timeout", value).map_err(Error::invalid_argument)?);
    }
    if let Some(value) = deadline {
        options = options.deadline(seconds("deadline", value).map_err(Error::invalid_argument)?);
    }
    if let Some(value) = max_retries {
        options =
            options.max_retries(count("max_retries", value).map_err(Error::invalid_argument)?);
    }
    Ok(options)
}

fn seconds(option: &str, value: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(value)
        .map_err(|_| format!("{option} must be a positive number of time units, at most a year"))
}

fn count(option: &str, value: i64) -> Result<u32, String> {
    value
        .try_into()
        .map_err(|_| format!("{option} must be a whole number, 0 or more"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn numbers_that_are_no_duration_or_count_are_refused() {
        for seconds in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            let error = call_options(Some(seconds), None, None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{seconds}");
            let options = Options {
                timeout: Some(seconds),
                ..Options::default()
            };
            assert_eq!(
                options.config().unwrap_err().kind(),
                ErrorKind::Configuration
            );
        }
        for count in [-1, i64::MAX] {
            let error = call_options(None, None, Some(count)).unwrap_err();
            assert!(error.message().contains("max_retries"));
        }
        assert_eq!(
            call_options(Some(1.5), None, Some(0)).unwrap(),
            CallOptions::new()
                .timeout(Duration::from_millis(1500))
                .max_retries(0)
        );
    }

    #[test]
    fn an_environment_that_is_given_is_the_only_one() {
        let said = |variables: &[(&str, &str)]| {
            let variables = variables
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            let environment = Some(variables.collect());
            Options {
                environment,
                ..Options::default()
            }
            .config()
        };
        let account = [
            ("VERIGATOR_USERNAME", "worker"),
            ("VERIGATOR_PASSWORD", "p"),
        ];
        let config = said(&account).unwrap();
        assert_eq!(config.masked_username(), "wo•••");
        assert_eq!(config.endpoint(), crate::DEFAULT_ENDPOINT);
        let empty = said(&[account[0], ("VERIGATOR_PASSWORD", "")]).unwrap_err();
        assert!(empty.message().contains("VERIGATOR_PASSWORD"), "{empty}");
    }
}
