//! No secret in a log, an error or in `Debug`: values that occur nowhere else through every operation
//! and every failure, then a search. Alone in its binary, since it takes all of the log.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

use std::{
    error::Error as StdError,
    fmt::Debug,
    future::ready,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::runtime::Handle;
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};
use verigator::{
    Api, ApiBuilder, CaBundle, Error, Idempotency, Method, blocking,
    embed::{BackgroundClient, Call},
};
use verigator_server::sandbox::{DropPoint, Fault, Sandbox};
use verigator_tests::faults::{
    Authority, CountingServer, Cut, CuttingProxy, Direction, ForwardingProxy, How, Protocol,
    TlsFront,
};

const ACCOUNT: &str = "quentin-the-accountant";
const PASSWORD: &str = "pAss:w0rd-7f3a91";
const PROXY_PASSWORD: &str = "pRoxy-s3cret-55";
const NUMBER: &str = "+372 5 987-6543";
const TOKEN: &str = "80617253";

/// As they stand, and as they are written elsewhere: the number as the server keeps it and without
/// its plus, the pairs of name and password in Base64.
fn secrets() -> Vec<String> {
    let mut secrets: Vec<String> = [
        ACCOUNT,
        PASSWORD,
        PROXY_PASSWORD,
        NUMBER,
        "37259876543",
        TOKEN,
    ]
    .map(str::to_owned)
    .to_vec();
    // proxy-user:pRoxy-s3cret-55
    secrets.push("cHJveHktdXNlcjpwUm94eS1zM2NyZXQtNTU".to_owned());
    secrets
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Everything that could be printed.
#[derive(Default)]
struct Printed {
    text: Vec<String>,
    errors: usize,
}

impl Printed {
    fn debug(&mut self, value: &impl Debug) {
        self.text.push(format!("{value:?} {value:#?}"));
    }

    fn error(&mut self, error: &Error) {
        self.errors += 1;
        self.debug(error);
        self.text.push(format!(
            "{error} {} {} {:?} {:?}",
            error.message(),
            error.error_code(),
            error.operation(),
            error.request_id()
        ));
        let mut source = error.source();
        while let Some(error) = source {
            self.text.push(format!("{error} {error:?} {error:#?}"));
            source = error.source();
        }
    }

    /// What an operation returned; its error is kept when it has one.
    fn result<T>(&mut self, result: verigator::Result<T>) -> Option<T> {
        result.map_err(|error| self.error(&error)).ok()
    }

    /// Every operation, with ids that may exist or not. Gives the secret of the enrolment.
    async fn everything(&mut self, builder: &ApiBuilder, service: &str, user: &str) -> Vec<String> {
        self.debug(builder);
        self.debug(&builder.clone().config().unwrap());
        let api = builder.clone().build().unwrap();
        self.debug(&api);
        let mut more = Vec::new();
        self.result(api.services.create("new.example", "New").await);
        self.result(api.services.get(service).await);
        self.result(api.users.get_all(service).await);
        self.result(api.users.create(service, NUMBER, "new").await);
        self.result(api.users.get(service, user).await);
        self.result(api.auth.initiate(service, user, Method::Sms).await);
        self.result(api.auth.verify(service, user, TOKEN).await);
        self.result(api.auth.verify_detailed(service, user, TOKEN).await);
        self.result(api.auth.verify_or_error(service, user, TOKEN).await);
        if let Some(enrolment) = self.result(api.totp.enrol(service, user).await) {
            self.debug(&enrolment);
            more.push(enrolment.secret);
        }
        self.result(api.totp.confirm(service, user, TOKEN).await);
        self.result(api.totp.remove(service, user).await);
        self.result(api.users.delete(service, "nobody").await);
        self.result(api.services.delete("nothing").await);
        self.waiting(builder, service, user).await;
        more
    }

    /// What has secrets in it, once more through the clients that wait, and as a binding does it.
    async fn waiting(&mut self, builder: &ApiBuilder, service: &str, user: &str) {
        let api: blocking::Api = builder.clone().build_blocking().unwrap();
        self.debug(&api);
        let (id, uid) = (service.to_owned(), user.to_owned());
        let errors = std::thread::spawn(move || {
            let created = api.users.create(&id, NUMBER, "newer").err();
            let verified = api.auth.verify_or_error(&id, &uid, TOKEN).err();
            let confirmed = api.totp.confirm(&id, &uid, TOKEN).err();
            [created, verified, confirmed]
        });
        let errors = tokio::task::spawn_blocking(|| errors.join().unwrap());
        for error in errors.await.unwrap().into_iter().flatten() {
            self.error(&error);
        }
        let call = Call::AuthVerify {
            service_id: service.to_owned(),
            user_id: user.to_owned(),
            token: TOKEN.to_owned(),
            method: None,
        };
        self.debug(&call);
        let client = BackgroundClient::new(builder.clone().config().unwrap());
        let (ready, done) = tokio::sync::oneshot::channel();
        client.start(call, verigator::CallOptions::new(), |result| {
            ready.send(result).ok();
        });
        if let Err(error) = done.await.unwrap() {
            self.error(&error);
        }
    }
}

fn address(url: &str) -> SocketAddr {
    url.split_once("://").unwrap().1.parse().unwrap()
}

fn client(endpoint: impl Into<String>) -> ApiBuilder {
    Api::builder(ACCOUNT, PASSWORD)
        .endpoint(endpoint)
        .idempotency(Idempotency::On)
}

async fn sandbox() -> (Sandbox, String, String) {
    let sandbox = Sandbox::builder().account(ACCOUNT, PASSWORD).start().await;
    let sandbox = sandbox.unwrap();
    let api = client(sandbox.url()).build().unwrap();
    let service = api.services.create("shop.example", "Shop").await.unwrap();
    let user = api.users.create(&service.id, NUMBER, "first").await;
    (sandbox, service.id, user.unwrap().id)
}

/// Answers each request with all that came in it: headers, path and body.
fn echo(status: u16) -> CountingServer {
    let answer = move |_, request: Request<Bytes>| {
        let said = format!("{request:?}").replace(['"', '\\'], " ");
        let code = String::from_utf8_lossy(request.body()).replace(['"', '\\'], " ");
        let body = format!(r#"{{"message":"{said}","code":"{code}"}}"#);
        let status = StatusCode::from_u16(status).unwrap();
        ready(Ok((status, body).into_response()))
    };
    CountingServer::start(&Handle::current(), answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_printed_holds_a_secret() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    let mut printed = Printed::default();
    let (sandbox, service, user) = sandbox().await;
    let everything = async |printed: &mut Printed, builder: ApiBuilder| {
        printed.everything(&builder, &service, &user).await
    };

    // All goes well, over every kind of connection.
    let authority = Authority::new().unwrap();
    let trusting =
        |endpoint: String| client(endpoint).ca_bundle(CaBundle::Pem(authority.pem().into_bytes()));
    let runtime = Handle::current();
    let server = address(sandbox.url());
    let right = authority.right().unwrap();
    let tls = TlsFront::start(&runtime, &right, Protocol::Http1, server).unwrap();
    let forwarding = ForwardingProxy::start(&runtime, Some(tls.address())).unwrap();
    let plain_forwarding = ForwardingProxy::start(&runtime, Some(server)).unwrap();
    let proxy_option = |proxy: SocketAddr| format!("http://proxy-user:{PROXY_PASSWORD}@{proxy}");
    let tunnel = proxy_option(forwarding.address());
    let forward = proxy_option(plain_forwarding.address());
    let mut more = Vec::new();
    for builder in [
        client(sandbox.url()),
        trusting(tls.url()),
        trusting(tls.url()).proxy(&tunnel),
        client("http://verigator.invalid")
            .allow_insecure_http(true)
            .proxy(&forward),
    ] {
        sandbox.advance(Duration::from_hours(1));
        more.extend(everything(&mut printed, builder).await);
    }
    assert_eq!(more.len(), 4, "every way worked");
    assert!(!forwarding.asked().is_empty() && !plain_forwarding.asked().is_empty());

    // The sandbox's faults, and credentials that are wrong.
    for fault in [
        Fault::status(500),
        Fault::status(429),
        Fault::drop(DropPoint::BeforeAnswer),
        Fault::delay(Duration::from_secs(2)),
    ] {
        sandbox.fail_next(fault.times(40)).unwrap();
        let hasty = client(sandbox.url())
            .timeout(Duration::from_millis(100))
            .max_retries(1);
        everything(&mut printed, hasty).await;
        let tls = trusting(tls.url())
            .timeout(Duration::from_millis(100))
            .max_retries(0);
        everything(&mut printed, tls).await;
    }
    let (other, ..) = self::sandbox().await;
    let stranger = Api::builder(ACCOUNT, format!("{PASSWORD}?")).endpoint(other.url());
    everything(&mut printed, stranger).await;

    // Servers that repeat what they are told, and ones that answer nonsense.
    for status in [200, 301, 400, 401, 404, 409, 418, 422, 429, 503] {
        let server = echo(status);
        everything(&mut printed, client(server.url()).max_retries(0)).await;
    }
    let nonsense = [
        "{}".to_owned(),
        format!(r#"{{"verified":"{TOKEN}","method":{TOKEN},"confirmed":"{TOKEN}"}}"#),
        format!(r#"{{"id":{TOKEN},"ctime":"{NUMBER}","users":"{NUMBER}"}}"#),
        format!("<html>{NUMBER} {TOKEN}</html>"),
    ];
    for body in nonsense {
        let answer = move |_, _: Request<Bytes>| {
            let response: Response = Body::from(body.clone()).into_response();
            ready(Ok(response))
        };
        let server = CountingServer::start(&runtime, answer).unwrap();
        everything(&mut printed, client(server.url()).max_retries(0)).await;
        let http2 = TlsFront::start(&runtime, &right, Protocol::Http2, server.address());
        let builder = trusting(http2.unwrap().url());
        everything(&mut printed, builder.max_retries(0)).await;
    }
    let answer = |_, _: Request<Bytes>| ready(Err(h2::Error::from(h2::Reason::CANCEL)));
    let server = CountingServer::start(&runtime, answer).unwrap();
    let http2 = TlsFront::start(&runtime, &right, Protocol::Http2, server.address()).unwrap();
    everything(&mut printed, trusting(http2.url()).max_retries(0)).await;

    // Connections that break, at every stage.
    for (direction, after) in [
        (Direction::Request, 0),
        (Direction::Request, 100),
        (Direction::Request, 400),
        (Direction::Answer, 0),
        (Direction::Answer, 30),
    ] {
        for how in [How::Reset, How::Close, How::Hang] {
            let cut = Some(Cut {
                direction,
                after,
                how,
                times: usize::MAX,
            });
            let plain = CuttingProxy::start(&runtime, server.address(), cut).unwrap();
            let tls = CuttingProxy::start(&runtime, tls.address(), cut).unwrap();
            for endpoint in [plain.url(), format!("https://{}", tls.address())] {
                let builder = trusting(endpoint)
                    .timeout(Duration::from_millis(50))
                    .max_retries(0);
                everything(&mut printed, builder).await;
            }
        }
    }

    // Certificates, proxies and servers that are not there.
    for identity in [
        authority.of_another_name().unwrap(),
        authority.expired().unwrap(),
    ] {
        let front = TlsFront::start(&runtime, &identity, Protocol::Http1, server.address());
        everything(&mut printed, trusting(front.unwrap().url())).await;
    }
    let refusing = ForwardingProxy::start(&runtime, None).unwrap();
    let gone = refusing.address();
    let through = |proxy| {
        trusting(tls.url())
            .proxy(proxy_option(proxy))
            .max_retries(0)
    };
    everything(&mut printed, through(gone)).await;
    drop(refusing);
    everything(&mut printed, through(gone)).await;
    everything(
        &mut printed,
        client(format!("http://{gone}")).max_retries(0),
    )
    .await;

    refused_before_anything_is_sent(&mut printed).await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for source in ["reqwest", "hyper_util", "rustls", "h2::", "verigator"] {
        assert!(log.contains(source), "{source} does not log, or not here");
    }
    assert!(printed.errors > 500, "{}", printed.errors);
    for secret in secrets().into_iter().chain(more) {
        for text in printed.text.iter().map(String::as_str).chain(log.lines()) {
            assert!(!text.contains(&secret), "{secret}: {text}");
        }
    }
}

/// Options and arguments that are no good, and hold a secret in the wrong place.
async fn refused_before_anything_is_sent(printed: &mut Printed) {
    let url = format!("https://{ACCOUNT}:{PASSWORD}@verigator.invalid");
    let pem = CaBundle::Pem(format!("-----BEGIN {PASSWORD}").into_bytes());
    for builder in [
        Api::builder(format!("{ACCOUNT}:"), PASSWORD),
        Api::builder(ACCOUNT, format!("{PASSWORD}\n")),
        Api::builder("", PASSWORD),
        ApiBuilder::new().password(PASSWORD),
        client(url),
        client(format!("{PASSWORD}://")),
        client(format!("https://{PASSWORD} /")),
        client("https://verigator.invalid").proxy(format!("ftp://u:{PROXY_PASSWORD}@p")),
        client("https://verigator.invalid").proxy(format!("http://u:{PROXY_PASSWORD}@")),
        client("https://verigator.invalid").ca_bundle(pem),
        client("https://verigator.invalid").app_info(format!("{PASSWORD}\n")),
        client("https://verigator.invalid").timeout(Duration::ZERO),
    ] {
        printed.debug(&builder);
        printed.error(&builder.config().unwrap_err());
    }
    let api = client("https://verigator.invalid").build().unwrap();
    for id in ["", ".", ".."] {
        printed.error(&api.auth.verify("s", id, TOKEN).await.unwrap_err());
        printed.error(&api.users.create(id, NUMBER, "x").await.unwrap_err());
    }
    let method = Method::Other(TOKEN.into());
    let auth = api.auth.with_method(method);
    printed.error(&auth.verify("s", "u", TOKEN).await.unwrap_err());
}
