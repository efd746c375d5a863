//! This project's client.

use verigator::{Api, blocking};
use verigator_benches::call::{PASSWORD, SERVICE, TOKEN, USER, USERNAME};
use verigator_benches::serving::{serve, serve_async};

use crate::Result;

pub(crate) fn awaited(url: &str) -> Result<()> {
    let api = Api::builder(USERNAME, PASSWORD).endpoint(url).build()?;
    Ok(serve_async(move || {
        let api = api.clone();
        async move { matches!(api.auth.verify(SERVICE, USER, TOKEN).await, Ok(true)) }
    })?)
}

pub(crate) fn blocking(url: &str) -> Result<()> {
    let api = blocking::Api::builder(USERNAME, PASSWORD)
        .endpoint(url)
        .build_blocking()?;
    Ok(serve(|| {
        matches!(api.auth.verify(SERVICE, USER, TOKEN), Ok(true))
    })?)
}
