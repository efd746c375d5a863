//! hyper with the pooling client of hyper-util, and nothing else but a timeout and JSON.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use verigator_benches::call::{Asked, CREDENTIALS, PATH, Said, TIMEOUT};
use verigator_benches::serving::{serve, serve_async};

use crate::Result;

const AUTH: HeaderName = HeaderName::from_static("x-service-auth");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Clone)]
struct Caller {
    http: Client<HttpConnector, Full<Bytes>>,
    uri: Uri,
}

pub(crate) fn awaited(url: &str) -> Result<()> {
    let caller = Caller::new(url)?;
    Ok(serve_async(move || {
        let caller = caller.clone();
        async move { matches!(caller.call().await, Ok(true)) }
    })?)
}

pub(crate) fn blocking(url: &str) -> Result<()> {
    let caller = Caller::new(url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(serve(|| {
        matches!(runtime.block_on(caller.call()), Ok(true))
    })?)
}

impl Caller {
    fn new(url: &str) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            http,
            uri: format!("{url}{PATH}").parse()?,
        })
    }

    async fn call(&self) -> Result<bool> {
        let request = Request::builder()
            .method(Method::PUT)
            .uri(self.uri.clone())
            .header(AUTH, CREDENTIALS)
            .header(ACCEPT, JSON)
            .header(CONTENT_TYPE, JSON)
            .body(Full::from(serde_json::to_vec(&Asked::ALWAYS)?))?;
        let exchange = async {
            let answer = self.http.request(request).await?;
            if !answer.status().is_success() {
                return Err(format!("the answer is {}", answer.status()).into());
            }
            let body = answer.into_body().collect().await?.to_bytes();
            let said: Said = serde_json::from_slice(&body)?;
            Ok(said.verified)
        };
        timeout(TIMEOUT, exchange).await?
    }
}
