//! No secret in a log, an error or in `Debug`: values that occur nowhere else through every operation
//! and every failure, then a search. Alone in its binary, since it takes all of the log.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

#[path = "../../server/tests/common/log.rs"]
mod log;

use std::{error::Error as StdError, fmt::Debug, future::ready, net::SocketAddr, time::Duration};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{Request, StatusCode};
use log::Log;
use tokio::runtime::Handle;
use tracing_subscriber::fmt::format::FmtSpan;
use verigator::{
    Api, ApiBuilder, CaBundle, Error, Idempotency, Method, blocking,
    embed::{BackgroundClient, Call},
};
use verigator_server::sandbox::{DropPoint, Fault, Sandbox};
use verigator_tests::faults::{
    Authority, CountingServer, Cut, CuttingProxy, Direction, ForwardingProxy, How, Identity,
    Protocol, TlsFront,
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

/// Where everything goes well.
struct House {
    sandbox: Sandbox,
    service: String,
    user: String,
    authority: Authority,
    tls: TlsFront,
}

impl House {
    async fn new() -> Self {
        let sandbox = Sandbox::builder().account(ACCOUNT, PASSWORD).start().await;
        let sandbox = sandbox.unwrap();
        let api = client(sandbox.url()).build().unwrap();
        let service = api.services.create("shop.example", "Shop").await.unwrap();
        let user = api.users.create(&service.id, NUMBER, "first").await;
        let authority = Authority::new().unwrap();
        let tls = front(&authority.right().unwrap(), address(sandbox.url()));
        Self {
            sandbox,
            service: service.id,
            user: user.unwrap().id,
            authority,
            tls,
        }
    }

    fn trusting(&self, endpoint: impl Into<String>) -> ApiBuilder {
        let pem = self.authority.pem().into_bytes();
        client(endpoint).ca_bundle(CaBundle::Pem(pem))
    }

    async fn everything(&self, printed: &mut Printed, builder: ApiBuilder) -> Vec<String> {
        let (service, user) = (&self.service, &self.user);
        printed.everything(&builder, service, user).await
    }

    /// Gives what the enrolments were about.
    async fn all_goes_well(&self, printed: &mut Printed) -> Vec<String> {
        let runtime = Handle::current();
        let tls = Some(self.tls.address());
        let tunnel = ForwardingProxy::start(&runtime, tls).unwrap();
        let plain = Some(address(self.sandbox.url()));
        let plain = ForwardingProxy::start(&runtime, plain).unwrap();
        let far = client("http://verigator.invalid").allow_insecure_http(true);
        let mut enrolled = Vec::new();
        for builder in [
            client(self.sandbox.url()),
            self.trusting(self.tls.url()),
            self.trusting(self.tls.url()).proxy(option(&tunnel)),
            far.proxy(option(&plain)),
        ] {
            self.sandbox.advance(Duration::from_hours(1));
            enrolled.extend(self.everything(printed, builder).await);
        }
        assert_eq!(enrolled.len(), 4, "every way worked");
        assert!(!tunnel.asked().is_empty() && !plain.asked().is_empty());
        enrolled
    }

    /// The sandbox's faults, and credentials that are wrong.
    async fn the_server_fails(&self, printed: &mut Printed) {
        for fault in [
            Fault::status(500),
            Fault::status(429),
            Fault::drop(DropPoint::BeforeAnswer),
            Fault::delay(Duration::from_millis(200)),
        ] {
            for endpoint in [self.sandbox.url().to_owned(), self.tls.url()] {
                self.sandbox.fail_next(fault.clone().times(18)).unwrap();
                let builder = self.trusting(endpoint).max_retries(0);
                let builder = builder.timeout(Duration::from_millis(100));
                self.everything(printed, builder).await;
            }
        }
        let wrong = format!("{PASSWORD}?");
        let stranger = Api::builder(ACCOUNT, wrong).endpoint(self.sandbox.url());
        self.everything(printed, stranger).await;
    }

    /// Servers that repeat what they are told, and ones that answer nonsense.
    async fn the_server_babbles(&self, printed: &mut Printed) {
        for status in [200, 301, 400, 401, 404, 409, 418, 422, 429, 503] {
            let server = server(move |request| repeat(status, &request));
            let builder = client(server.url()).max_retries(0);
            self.everything(printed, builder).await;
        }
        let nonsense = [
            "{}".to_owned(),
            format!(r#"{{"verified":"{TOKEN}","method":{TOKEN},"confirmed":"{TOKEN}"}}"#),
            format!(r#"{{"id":{TOKEN},"ctime":"{NUMBER}","users":"{NUMBER}"}}"#),
            format!("<html>{NUMBER} {TOKEN}</html>"),
        ];
        for body in nonsense {
            let server = server(move |_| body.clone().into_response());
            let http2 = self.http2(&server);
            for endpoint in [server.url(), http2.url()] {
                let builder = self.trusting(endpoint).max_retries(0);
                self.everything(printed, builder).await;
            }
        }
        let reset = |_, _: Request<Bytes>| ready(Err(h2::Error::from(h2::Reason::CANCEL)));
        let server = CountingServer::start(&Handle::current(), reset).unwrap();
        let http2 = self.http2(&server);
        let builder = self.trusting(http2.url()).max_retries(0);
        self.everything(printed, builder).await;
    }

    fn http2(&self, server: &CountingServer) -> TlsFront {
        let runtime = Handle::current();
        let right = self.authority.right().unwrap();
        TlsFront::start(&runtime, &right, Protocol::Http2, server.address()).unwrap()
    }

    async fn the_connection_breaks(&self, printed: &mut Printed) {
        let runtime = Handle::current();
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
                let server = address(self.sandbox.url());
                let plain = CuttingProxy::start(&runtime, server, cut).unwrap();
                let tls = CuttingProxy::start(&runtime, self.tls.address(), cut).unwrap();
                for endpoint in [plain.url(), format!("https://{}", tls.address())] {
                    let builder = self.trusting(endpoint).max_retries(0);
                    let builder = builder.timeout(Duration::from_millis(20));
                    self.everything(printed, builder).await;
                }
            }
        }
    }

    /// Certificates, proxies and servers that are not what they should be, or not there.
    async fn nobody_is_reached(&self, printed: &mut Printed) {
        let server = address(self.sandbox.url());
        for identity in [
            self.authority.of_another_name().unwrap(),
            self.authority.expired().unwrap(),
        ] {
            let front = front(&identity, server);
            self.everything(printed, self.trusting(front.url())).await;
        }
        let refusing = ForwardingProxy::start(&Handle::current(), None).unwrap();
        let through = self.trusting(self.tls.url()).proxy(option(&refusing));
        let through = through.max_retries(0);
        self.everything(printed, through.clone()).await;
        let gone = client(format!("http://{}", refusing.address())).max_retries(0);
        drop(refusing);
        self.everything(printed, through).await;
        self.everything(printed, gone).await;
    }
}

fn option(proxy: &ForwardingProxy) -> String {
    format!("http://proxy-user:{PROXY_PASSWORD}@{}", proxy.address())
}

fn front(identity: &Identity, server: SocketAddr) -> TlsFront {
    TlsFront::start(&Handle::current(), identity, Protocol::Http1, server).unwrap()
}

fn server(
    answer: impl Fn(Request<Bytes>) -> Response + Clone + Send + Sync + 'static,
) -> CountingServer {
    let answer = move |_, request| ready(Ok(answer(request)));
    CountingServer::start(&Handle::current(), answer).unwrap()
}

/// Says all that came: headers, path and body.
fn repeat(status: u16, request: &Request<Bytes>) -> Response {
    let plain = |text: &str| text.replace(['"', '\\'], " ");
    let message = plain(&format!("{request:?}"));
    let code = plain(&String::from_utf8_lossy(request.body()));
    let body = format!(r#"{{"message":"{message}","code":"{code}"}}"#);
    (StatusCode::from_u16(status).unwrap(), body).into_response()
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
    let house = House::new().await;
    let enrolled = house.all_goes_well(&mut printed).await;
    house.the_server_fails(&mut printed).await;
    house.the_server_babbles(&mut printed).await;
    house.the_connection_breaks(&mut printed).await;
    house.nobody_is_reached(&mut printed).await;
    refused_before_anything_is_sent(&mut printed).await;

    let log = log.read();
    for source in ["hyper_util", "rustls", "h2::", "verigator"] {
        assert!(log.contains(source), "{source} does not log, or not here");
    }
    assert!(printed.errors > 500, "{}", printed.errors);
    let mut found = Vec::new();
    for text in printed.text.iter().map(String::as_str).chain(log.lines()) {
        let mut secrets = secrets().into_iter().chain(enrolled.clone());
        if secrets.any(|secret| text.contains(&secret)) {
            found.push(text);
        }
    }
    assert!(
        found.is_empty(),
        "{} such as {:#?}",
        found.len(),
        found.first()
    );
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
