//! reqwest's two clients, with the TLS library that this project takes.

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use verigator_benches::call::{Asked, CREDENTIALS, PATH, Said, TIMEOUT};
use verigator_benches::serving::{serve, serve_async};

use crate::Result;

/// reqwest takes the process's, and fails without one.
fn choose_crypto() {
    // An earlier choice would stand; there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-service-auth", HeaderValue::from_static(CREDENTIALS));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers
}

pub(crate) fn awaited(url: &str) -> Result<()> {
    choose_crypto();
    let client = reqwest::Client::builder()
        .default_headers(headers())
        .timeout(TIMEOUT)
        .build()?;
    let url = reqwest::Url::parse(&format!("{url}{PATH}"))?;
    let call = async move |client: reqwest::Client, url: reqwest::Url| {
        let answer = client.put(url).json(&Asked::ALWAYS).send().await?;
        let said: Said = answer.error_for_status()?.json().await?;
        Ok::<_, reqwest::Error>(said.verified)
    };
    Ok(serve_async(move || {
        let call = call(client.clone(), url.clone());
        async move { matches!(call.await, Ok(true)) }
    })?)
}

pub(crate) fn blocking(url: &str) -> Result<()> {
    choose_crypto();
    let client = reqwest::blocking::Client::builder()
        .default_headers(headers())
        .timeout(TIMEOUT)
        .build()?;
    let url = reqwest::Url::parse(&format!("{url}{PATH}"))?;
    let call = || {
        let answer = client.put(url.clone()).json(&Asked::ALWAYS).send()?;
        let said: Said = answer.error_for_status()?.json()?;
        Ok::<_, reqwest::Error>(said.verified)
    };
    Ok(serve(|| matches!(call(), Ok(true)))?)
}
