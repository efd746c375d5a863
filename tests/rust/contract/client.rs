//! A client with the options of a case.

use std::time::Duration;

use verigator::{
    Api, ApiBuilder, Config, Result,
    embed::{self, Options},
};
use verigator_tests::{
    peer::Peer,
    vector::{Case, Endpoint},
};

pub(crate) fn builder(case: &Case, peer: &Peer) -> Result<ApiBuilder> {
    let options = &case.client;
    let mut builder =
        Api::builder(options.username(), options.password()).endpoint(endpoint(case, peer));
    macro_rules! pass {
        ($($option:ident $(through $convert:path)?),*) => {
            $(if let Some(value) = options.$option.clone() {
                $(let value = $convert(value);)?
                builder = builder.$option(value);
            })*
        };
    }
    pass!(
        timeout through Duration::from_secs_f64, connect_timeout through Duration::from_secs_f64,
        deadline through Duration::from_secs_f64, pool_idle_timeout through Duration::from_secs_f64,
        max_retries, app_info
    );
    if let Some(word) = &options.idempotency {
        builder = builder.idempotency(word.parse()?);
    }
    Ok(builder)
}

/// The same as a binding passes them.
pub(crate) fn config(case: &Case, peer: &Peer) -> Result<Config> {
    let options = case.client.clone();
    embed::Options {
        username: Some(options.username().to_owned()),
        password: Some(options.password().to_owned()),
        endpoint: Some(endpoint(case, peer)),
        timeout: options.timeout,
        connect_timeout: options.connect_timeout,
        deadline: options.deadline,
        max_retries: options.max_retries.map(i64::from),
        idempotency: options.idempotency,
        pool_idle_timeout: options.pool_idle_timeout,
        app_info: options.app_info,
        product: "verigator-tests/1".to_owned(),
        ..Options::default()
    }
    .config()
}

fn endpoint(case: &Case, peer: &Peer) -> String {
    match (&case.client.endpoint, case.endpoint) {
        (Some(given), _) => given.clone(),
        (None, Some(Endpoint::Closed)) => peer.closed_url().to_owned(),
        (None, None) => format!("{}/{}", peer.url(), case.name),
    }
}
