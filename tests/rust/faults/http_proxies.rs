//! Proxies: the one that an option names, and those that the environment names.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::{Command, Output},
};

use tokio::{net::TcpSocket, runtime::Handle};
use verigator::{Api, ApiBuilder, ErrorKind, Idempotency, Method, Outcome};
use verigator_tests::faults::ForwardingProxy;

use crate::deeds::Stage;

/// A host that only a proxy can find.
const ENDPOINT: &str = "http://verigator.invalid";
/// Of a proxy's user, `dave`.
const PASSWORD: &str = "nobody-sees-this";
const BASIC: &str = "Basic ZGF2ZTpub2JvZHktc2Vlcy10aGlz";

fn far() -> ApiBuilder {
    Api::builder("test", "test")
        .endpoint(ENDPOINT)
        .allow_insecure_http(true)
        .idempotency(Idempotency::Off)
}

fn option(proxy: SocketAddr) -> String {
    format!("http://dave:{PASSWORD}@{proxy}")
}

/// Nothing that prints holds the proxy's password.
fn assert_silent(shown: &str) {
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert!(!shown.contains(BASIC), "{shown}");
}

#[tokio::test]
async fn the_option_names_a_proxy_for_everything() {
    let stage = Stage::set().await;
    let server = Some(stage.address());
    let proxy = ForwardingProxy::start(&Handle::current(), server).unwrap();
    let builder = far().proxy(option(proxy.address()));
    assert_silent(&format!("{builder:?}"));
    let api = builder.clone().build().unwrap();
    assert_silent(&format!("{api:?}"));
    let service = api.services.create("far.example", "Far").await.unwrap();
    let user = api.users.create(&service.id, "+37255555551", "far");
    let user = user.await.unwrap();
    let started = api.auth.initiate(&service.id, &user.id, Method::Sms).await;
    started.unwrap();
    assert_eq!(stage.messages()["+37255555551"], 1);
    let asked = proxy.asked();
    let line = format!("POST {ENDPOINT}/v1/service/service HTTP/1.1");
    assert_eq!(asked[0].line, line);
    assert_eq!(asked[0].credentials.as_deref(), Some(BASIC));

    // Also for this machine: it was asked for by name.
    let near = stage.sandbox.api_builder().proxy(option(proxy.address()));
    near.build()
        .unwrap()
        .services
        .get(&service.id)
        .await
        .unwrap();
    assert_eq!(proxy.asked().len(), asked.len() + 1);

    let refusing = ForwardingProxy::start(&Handle::current(), None).unwrap();
    let api = far().proxy(option(refusing.address())).build().unwrap();
    let error = api.services.create("a.example", "A").await.unwrap_err();
    assert_eq!((error.code(), error.attempts()), (502, 1));
    assert_eq!(
        error.outcome(),
        Outcome::Unknown,
        "it may have asked the server"
    );
    assert_silent(&format!("{error:?} {error}"));
}

#[tokio::test]
async fn a_proxy_that_is_not_there_was_sent_nothing() {
    // Bound, so that nobody else gets the port; it never listens.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let option = option(closed.local_addr().unwrap());
    let everywhere = [
        ENDPOINT,
        "https://verigator.invalid",
        verigator::DEFAULT_ENDPOINT,
    ];
    for endpoint in everywhere {
        let builder = far().endpoint(endpoint).proxy(&option);
        let api = builder.build().unwrap();
        let error = api
            .auth
            .initiate("s-1", "u-1", Method::Sms)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 3));
        assert!(error.safe_to_retry());
        assert_silent(&format!("{error:?} {error}"));
        let is_told_of_the_end = error.message().contains("verigator serve")
            && error.message().contains("VERIGATOR_ENDPOINT");
        assert_eq!(
            is_told_of_the_end,
            endpoint == verigator::DEFAULT_ENDPOINT,
            "{error}"
        );
    }
}

/// Asks from a process with these variables.
async fn elsewhere(whom: &'static str, variables: Vec<(&'static str, String)>) -> Output {
    let run = move || {
        let mut program = Command::new(env!("CARGO_BIN_EXE_verigator-ask"));
        program.arg(whom);
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            program.env_remove(name).env_remove(name.to_lowercase());
        }
        program.env_remove("REQUEST_METHOD");
        program.envs(variables).output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn the_environment_is_heard_by_those_who_ask_it() {
    let stage = Stage::set().await;
    let server = Some(stage.address());
    for (name, endpoint) in [
        ("HTTP_PROXY", ENDPOINT),
        ("http_proxy", ENDPOINT),
        ("ALL_PROXY", ENDPOINT),
        ("HTTPS_PROXY", "https://verigator.invalid"),
    ] {
        let proxy = ForwardingProxy::start(&Handle::current(), server).unwrap();
        let variables = |more: &[(&'static str, &str)]| {
            let mut variables = vec![
                (name, option(proxy.address())),
                ("VERIGATOR_USERNAME", "test".to_owned()),
                ("VERIGATOR_PASSWORD", "test".to_owned()),
                ("VERIGATOR_ENDPOINT", endpoint.to_owned()),
                ("NEAR", stage.sandbox.url().to_owned()),
            ];
            let more = more
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()));
            variables.extend(more);
            variables
        };
        let heard = elsewhere("environment", variables(&[])).await;
        let shown = format!("{name}: {heard:?}");
        let asked = proxy.asked();
        assert!(!asked.is_empty(), "{shown}");
        assert_eq!(asked[0].credentials.as_deref(), Some(BASIC), "{shown}");
        assert!(
            asked.iter().all(|it| it.line.contains("verigator.invalid")),
            "{shown}"
        );
        // Through it plain HTTP arrives; the sandbox has no TLS for the rest.
        let is_plain = endpoint.starts_with("http:");
        assert_eq!(heard.status.success(), is_plain, "{shown}");
        assert_silent(&shown);

        // A builder does not ask the environment, and the environment can say to ask nobody.
        for (whom, spared) in [("builder", ""), ("environment", "verigator.invalid")] {
            let output = elsewhere(whom, variables(&[("NO_PROXY", spared)])).await;
            assert!(!output.status.success(), "nobody finds it: {output:?}");
            assert_silent(&format!("{output:?}"));
        }
        assert_eq!(proxy.asked().len(), asked.len(), "{name}");
    }
}
