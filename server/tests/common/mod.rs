//! A plain HTTP client for the tests, and the requests they make again and again.
#![allow(dead_code, reason = "each test binary uses its own part")]

mod contract;
pub(crate) mod served;

use std::{error::Error, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client as Hyper, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use verigator_server::{
    app::{App, Parts},
    clock::{Clock, SystemClock},
    config::{Limits, PasswordCost},
    delivery::Deliver,
    engine::pin::MacKey,
    http,
    lifecycle::{self, Wire},
    sandbox::{self, Sandbox},
    store::Store,
};

pub(crate) const PHONE: &str = "+37255555555";

#[derive(Clone)]
pub(crate) struct Client {
    http: Hyper<HttpConnector, Body>,
    url: String,
    /// The value of `X-Service-Auth`; empty leaves the header out.
    pub(crate) auth: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|_| panic!("no JSON: {:?}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("no code").to_owned()
    }

    /// Status and code together, which is what most tests look at.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.code())
    }
}

impl Client {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self::to(sandbox.url())
    }

    pub(crate) fn to(url: &str) -> Self {
        Self {
            http: Hyper::builder(TokioExecutor::new()).build_http(),
            url: url.to_owned(),
            auth: "test:test".to_owned(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn with_auth(mut self, auth: &str) -> Self {
        auth.clone_into(&mut self.auth);
        self
    }

    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same client with a connection for each request. A server closes one whose request it
    /// did not read to the end, and the next request could come across it.
    pub(crate) fn without_reuse(mut self) -> Self {
        self.http = Hyper::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build_http();
        self
    }

    /// The same client, with an idempotency key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        self.clone().with_header("Idempotency-Key", key)
    }

    /// Sends raw bytes; an error means the connection gave no answer.
    pub(crate) async fn try_raw(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Body>,
    ) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let sent = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = Request::builder()
            .method(&sent)
            .uri(format!("{}{path}", self.url));
        if !self.auth.is_empty() {
            request = request.header("X-Service-Auth", &self.auth);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        let response = self
            .http
            .request(request.body(body.into()).unwrap())
            .await?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await?.to_bytes().to_vec();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
        };
        contract::check(&sent, path, &answer);
        Ok(answer)
    }

    pub(crate) async fn raw(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        self.try_raw(method, path, body).await.unwrap()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        self.raw(method, path, body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.raw("GET", path, Body::empty()).await
    }

    /// A service's path.
    pub(crate) async fn service(&self, name: &str) -> String {
        let body = json!({"name": name, "fqdn": format!("{name}.example.com")});
        let answer = self.send("POST", "/v1/service/service", body).await;
        assert!(answer.status.is_success(), "{:?}", answer.json());
        format!(
            "/v1/service/service/{}",
            answer.json()["id"].as_str().unwrap()
        )
    }

    /// A user's path.
    pub(crate) async fn user(&self, service: &str, name: &str) -> String {
        let body = json!({"id_in_service": name, "phone_number": PHONE});
        let answer = self.send("POST", &format!("{service}/users"), body).await;
        assert!(answer.status.is_success(), "{:?}", answer.json());
        format!("{service}/users/{}", answer.json()["id"].as_str().unwrap())
    }

    pub(crate) async fn initiate(&self, user: &str, method: &str) -> Answer {
        self.send("POST", &format!("{user}/auth"), json!({ "method": method }))
            .await
    }

    pub(crate) async fn verify(&self, user: &str, token: &str) -> Answer {
        self.send("PUT", &format!("{user}/auth"), json!({ "token": token }))
            .await
    }
}

/// A PIN that is certainly another one.
pub(crate) fn wrong(pin: &str) -> String {
    pin.chars()
        .map(|c| {
            if c == '9' {
                '0'
            } else {
                char::from(c as u8 + 1)
            }
        })
        .collect()
}

/// A server of these parts with the rules of a sandbox, for a test that puts in parts of its own.
pub(crate) fn parts(store: Arc<dyn Store>, deliver: Arc<dyn Deliver>) -> Parts {
    Parts {
        store,
        deliver: vec![deliver],
        answer_after_attempt: true,
        clock: Arc::new(SystemClock),
        rules: sandbox::rules(),
        limits: Limits::default(),
        password_cost: PasswordCost::minimal(),
        key: MacKey::new([1; 32]),
    }
}

/// Serves the API in this test's own runtime: with several threads, if that has several. Gives
/// the URL.
pub(crate) async fn serve(parts: Parts) -> String {
    serve_app(App::new(parts).unwrap()).await
}

/// [`serve`] for a test that needs the app, too.
pub(crate) async fn serve_app(app: Arc<App>) -> String {
    // A store that fails takes no account, which is what its test is about.
    let _ = app.accounts.create("test", "test", SystemClock.now()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (router, never) = (http::router(&app), std::future::pending());
        let (wire, limits) = (Wire::Plain, &app.limits);
        lifecycle::run(listener, wire, router, limits, &app.running, never).await
    });
    url
}
