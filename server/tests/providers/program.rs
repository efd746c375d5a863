//! `verigator serve` with these providers, from outside: set up, killed, and searched for secrets.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Instant,
};

use serde_json::json;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, pem::PemObject},
    },
};

use super::*;

/// The program in `folder`, with nothing of this process's own environment that it would read.
fn verigator(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verigator"));
    for (name, _) in std::env::vars() {
        let name_there = name.to_uppercase();
        if name_there.starts_with("VERIGATOR_") || name_there.ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server that runs; killed when dropped.
struct Served {
    child: Child,
    url: String,
    logging: Option<thread::JoinHandle<String>>,
}

impl Served {
    fn start(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let listen = ["serve", "--listen", "127.0.0.1:0"];
        let mut child = verigator(folder, environment, &[&listen, arguments].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let logging = thread::spawn(move || {
            let mut log = Vec::new();
            stderr.read_to_end(&mut log).unwrap();
            String::from_utf8_lossy(&log).into_owned()
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = match lines.next() {
            Some(line) => line.unwrap().replace("Verigator on ", ""),
            None => panic!("{}", logging.join().unwrap()),
        };
        Self {
            child,
            url,
            logging: Some(logging),
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops it in good order, and gives its whole log.
    fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(self.child.wait().unwrap().success());
        self.logging.take().unwrap().join().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with an account, and what its client signs in with.
struct Site {
    folder: TempDir,
    auth: String,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = verigator(folder.path(), &[], &["account", "create", "shop"]).output();
        let password = text(&made.unwrap().stdout);
        let auth = format!("shop:{}", password.trim());
        Self { folder, auth }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn client(&self, served: &Served) -> Client {
        Client::to(&served.url).with_auth(&self.auth)
    }

    /// Makes a user for each number, and starts an authentication. Gives their paths.
    async fn start_all(&self, client: &Client, service: &str, numbers: &[String]) -> Vec<String> {
        let mut users = Vec::new();
        for number in numbers {
            let body = json!({"id_in_service": number, "phone_number": number});
            let made = client.send("POST", &format!("{service}/users"), body).await;
            let user = format!("{service}/users/{}", made.json()["id"].as_str().unwrap());
            assert_eq!(client.initiate(&user, "sms").await.status, 201);
            users.push(user);
        }
        users
    }
}

fn numbers(from: u32, n: u32) -> Vec<String> {
    (from..from + n).map(|it| format!("+3725{it:07}")).collect()
}

/// The bodies that were sent, by number.
fn by_number(heard: &[Heard]) -> BTreeMap<String, Vec<serde_json::Value>> {
    let mut sent = BTreeMap::<String, Vec<_>>::new();
    for body in heard.iter().map(Heard::json) {
        let to = body["to"].as_str().unwrap().to_owned();
        sent.entry(to).or_default().push(body);
    }
    sent
}

/// The metrics, as soon as they hold this.
async fn metrics_with(client: &Client, counted: &str) -> String {
    let begun = Instant::now();
    loop {
        let metrics = text(&client.get("/metrics").await.bytes);
        if metrics.contains(counted) {
            return metrics;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{metrics}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const ACCOUNT: [(&str, &str); 2] = [
    ("VERIGATOR_MESSENTE_USERNAME", USERNAME),
    ("VERIGATOR_MESSENTE_PASSWORD", PASSWORD),
];

/// A provider that cannot be reached, a server that is killed, and then both are there.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_and_not_sent_before_a_kill_is_sent_once_after_it() {
    let site = Site::new();
    // A port that is taken, and that nobody listens at yet.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let arguments = ["--deliver", "messente", "--messente-url", &url];
    let mut served = Served::start(site.path(), &ACCOUNT, &arguments);
    let client = site.client(&served);
    let service = client.service("shop").await;
    let numbers = numbers(0, 8);
    let users = site.start_all(&client, &service, &numbers).await;
    served.kill();

    let peer = Peer::start_at(socket.listen(100).unwrap(), &[taken()]);
    let served = Served::start(site.path(), &ACCOUNT, &arguments);
    peer.wait_for(8).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let sent = by_number(&peer.heard());
    assert_eq!(sent.keys().cloned().collect::<Vec<_>>(), numbers);
    let client = site.client(&served);
    for (number, user) in numbers.iter().zip(&users) {
        assert_eq!(sent[number].len(), 1, "{number}");
        let text = sent[number][0]["messages"][0]["text"].as_str().unwrap();
        let pin = text.split(' ').next().unwrap();
        let verified = client.verify(user, pin).await;
        assert_eq!(verified.json()["verified"], true, "{number}");
    }
    served.stop();
}

/// Messages that were on their way when the server was killed may have arrived: they go out again,
/// and say that they are the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_at_a_kill_is_sent_again_with_its_id() {
    let site = Site::new();
    let hang = [Act::Hang, Act::Hang, Act::Hang, Act::answer(200, "")];
    let peer = Peer::start(&hang).await;
    let secret = [("VERIGATOR_WEBHOOK_SECRET", SECRET)];
    let webhook = format!("webhook={}", peer.url());
    let arguments = ["--deliver", &webhook];
    let mut served = Served::start(site.path(), &secret, &arguments);
    let client = site.client(&served);
    let service = client.service("shop").await;
    site.start_all(&client, &service, &numbers(0, 3)).await;
    peer.wait_for(3).await;
    served.kill();

    let served = Served::start(site.path(), &secret, &arguments);
    peer.wait_for(6).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = by_number(&peer.heard());
    assert_eq!(sent.len(), 3);
    for (number, bodies) in sent {
        assert_eq!(bodies.len(), 2, "{number}");
        assert_eq!(bodies[0], bodies[1]);
        assert!(bodies[0]["id"].as_str().unwrap().parse::<Uuid>().is_ok());
    }
    served.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_every_start_is_sent_and_a_second_time_only_the_same() {
    let site = Site::new();
    let peer = Peer::start(&[Act::answer(200, "")]).await;
    let secret = [("VERIGATOR_WEBHOOK_SECRET", SECRET)];
    let webhook = format!("webhook={}", peer.url());
    let mut service = None;
    let mut started = Vec::new();
    for round in 0..8 {
        let mut served = Served::start(site.path(), &secret, &["--deliver", &webhook]);
        let client = site.client(&served);
        if service.is_none() {
            service = Some(client.service("shop").await);
        }
        let numbers = numbers(round * 10, 2);
        let service = service.as_ref().unwrap();
        site.start_all(&client, service, &numbers).await;
        started.extend(numbers);
        // From between commit and sending to after the answer.
        tokio::time::sleep(Duration::from_micros(u64::from(round) * 500)).await;
        served.kill();
    }
    let served = Served::start(site.path(), &secret, &["--deliver", &webhook]);
    let begun = Instant::now();
    while by_number(&peer.heard()).len() < started.len() {
        assert!(begun.elapsed() < Duration::from_mins(1), "one was lost");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = by_number(&peer.heard());
    assert_eq!(sent.keys().cloned().collect::<Vec<_>>(), started);
    for (number, bodies) in &sent {
        assert!(bodies.iter().all(|it| *it == bodies[0]), "{number}");
    }
    served.stop();
}

/// From a file, with all that may be seen from outside searched for what may not.
#[tokio::test(flavor = "multi_thread")]
async fn by_messente_and_else_by_webhook_and_no_secret_is_seen() {
    let site = Site::new();
    let echo = "+37259876543 api:p4ss-é api-user T1tle";
    let messente = Peer::start(&[
        Act::answer(
            400,
            &format!("{{\"errors\":[{{\"code\":\"105\",\"title\":\"{echo}\"}}]}}"),
        ),
        taken(),
    ])
    .await;
    let webhook = Peer::start(&[Act::answer(200, echo)]).await;
    let (messente_url, webhook_url) = (messente.url(), webhook.url());
    let config = format!(
        "deliver = [\"messente\", \"webhook={webhook_url}/p4th-token\"]\n\
         messente-url = \"{messente_url}\"\nmessente-username = \"{USERNAME}\"\n\
         messente-password = \"{PASSWORD}\"\nmessente-sender = \"Shop\"\n\
         webhook-secret = \"{SECRET}\"\npin-length = 10\nresend-delay = \"0s\"\n"
    );
    fs::write(site.path().join("verigator.toml"), config).unwrap();
    let trace = [("VERIGATOR_LOG", "trace")];
    let served = Served::start(site.path(), &trace, &["--config", "verigator.toml"]);
    let client = site.client(&served);
    let service = client.service("shop").await;
    let number = ["+37259876543".to_owned()];
    let users = site.start_all(&client, &service, &number).await;
    let first = webhook.wait_for(1).await.remove(0);
    assert_eq!(client.initiate(&users[0], "sms").await.status, 201);
    let second = messente.wait_for(2).await.remove(1);
    let texts = [
        first.json()["text"].clone(),
        second.json()["messages"][0]["text"].clone(),
    ];
    let pins = texts.map(|it| it.as_str().unwrap().split(' ').next().unwrap().to_owned());
    assert_ne!(pins[0], pins[1]);
    assert_eq!(second.json()["messages"][0]["sender"], "Shop");
    assert_eq!(first.line, "POST /p4th-token HTTP/1.1");

    let report = json!({"status": "DELIVRD", "to": "+37259876543", "error": echo}).to_string();
    let right = hmac(PASSWORD.as_bytes(), report.as_bytes());
    let mut statuses = Vec::new();
    for signature in [&right, &hmac(b"other", report.as_bytes())] {
        let client = client
            .clone()
            .with_header("X-Messente-Signature", signature);
        let answer = client
            .raw("POST", "/delivery/messente", report.clone())
            .await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 401]);
    let counted = "verigator_deliveries_total{provider=\"messente\",outcome=\"sent\"} 1";
    let metrics = metrics_with(&client, counted).await;
    for line in [
        "verigator_deliveries_total{provider=\"messente\",outcome=\"failed\"} 1",
        "verigator_deliveries_total{provider=\"webhook\",outcome=\"sent\"} 1",
        "verigator_delivery_reports_total{provider=\"messente\",status=\"DELIVRD\"} 1",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}");
    }

    let log = served.stop();
    let said = "the message was refused; messente: status 400, Invalid data (105)";
    assert!(log.contains(said) && log.contains("632c6f3d-49d0-4a8f-952b-74023d31e51d"));
    assert!(log.contains(first.json()["id"].as_str().unwrap()), "no id");
    assert!(log.contains("TRACE") && log.contains("reported"));
    let authorization = second.header("authorization").replace("Basic ", "");
    let signature = first.header("verigator-signature").to_owned();
    for secret in [
        "37259876543",
        "p4ss",
        USERNAME,
        SECRET,
        "p4th-token",
        "T1tle",
        "verification code",
        &pins[0],
        &pins[1],
        &authorization,
        &signature,
        &right,
    ] {
        for (place, shown) in [("the log", &log), ("the metrics", &metrics)] {
            assert!(!shown.contains(secret), "{secret} is in {place}");
        }
    }
}

#[test]
fn bad_configuration_is_2_and_one_line_without_a_secret() {
    let site = Site::new();
    let refused = |environment: &[(&str, &str)], arguments: &[&str]| -> Output {
        let serve = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        verigator(site.path(), environment, &serve)
            .output()
            .unwrap()
    };
    let secret = ("VERIGATOR_WEBHOOK_SECRET", "s3cret");
    let needs =
        "--deliver messente needs VERIGATOR_MESSENTE_USERNAME and VERIGATOR_MESSENTE_PASSWORD";
    let messente = ["--deliver", "messente"];
    for (environment, arguments, line) in [
        (&[][..], &messente[..], needs),
        (&ACCOUNT[..1], &messente, needs),
        (&ACCOUNT[1..], &messente, needs),
        (
            &[ACCOUNT[0], ("VERIGATOR_MESSENTE_PASSWORD", "")],
            &messente,
            "messente: the password is missing",
        ),
        (
            &[
                ACCOUNT[0],
                ACCOUNT[1],
                ("VERIGATOR_MESSENTE_URL", "http://s3cret.ee"),
            ],
            &messente,
            "messente: the URL must be https",
        ),
        (
            &[],
            &[
                "--deliver",
                "console",
                "--deliver",
                "webhook=https://s3cret.ee",
            ],
            "--deliver webhook=URL needs VERIGATOR_WEBHOOK_SECRET",
        ),
        (
            &[secret],
            &["--deliver", "webhook=http://s3cret.ee"],
            "webhook: the URL must be https",
        ),
        (
            &[secret],
            &["--deliver", "webhook=https://a:s3cret@b.ee"],
            "webhook: the URL may not hold credentials",
        ),
        (
            &[secret],
            &["--deliver", "webhook="],
            "webhook: the URL is not a URL: relative URL without a base",
        ),
        (
            &[secret],
            &["--deliver=webhok=https://b.ee?s3cret"],
            "--deliver takes console, messente and webhook=URL, not 'webhok'",
        ),
        (
            &[("VERIGATOR_DELIVER", "console,webhook")],
            &[],
            "--deliver takes console, messente and webhook=URL, not 'webhook'",
        ),
    ] {
        let output = refused(environment, arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert_eq!(said, format!("verigator: {line}\n"));
        assert!(output.stdout.is_empty());
    }
    assert!(
        !site.path().join("verigator.db.lock").exists(),
        "checked first"
    );

    // clap shows what is in the environment, unless it is told not to.
    let environment = [
        ACCOUNT[0],
        ACCOUNT[1],
        secret,
        ("VERIGATOR_DELIVER", "webhook=https://b.ee?s3cret"),
        ("VERIGATOR_MESSENTE_URL", "https://s3cret.ee"),
    ];
    let output = refused(&environment, &["--help"]);
    let said = text(&output.stdout);
    for shown in ["VERIGATOR_WEBHOOK_SECRET", "VERIGATOR_MESSENTE_PASSWORD"] {
        assert!(said.contains(shown), "{said}");
    }
    for hidden in ["s3cret", PASSWORD, USERNAME] {
        assert!(!said.contains(hidden), "{hidden} in {said}");
    }
}

/// A certificate of an authority that the system does not know is refused, and taken once it does.
#[tokio::test(flavor = "multi_thread")]
async fn tls_is_checked_as_the_system_says() {
    let site = Site::new();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(site.path().join("ca.pem"), certified.cert.pem()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(certified.signing_key.serialize_pem().as_bytes());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, mut hearing) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, heard) = (acceptor.clone(), heard.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                while let Some(request) = peer::read(&mut stream).await {
                    heard.send(request).unwrap();
                    peer::answer(&mut stream, Act::answer(200, "")).await;
                }
            });
        }
    });

    let webhook = format!("webhook=https://localhost:{port}/");
    let arguments = ["--deliver", &webhook];
    let untrusted = [("VERIGATOR_WEBHOOK_SECRET", SECRET)];
    let served = Served::start(site.path(), &untrusted, &arguments);
    let client = site.client(&served);
    let user = client.user(&client.service("shop").await, "jo").await;
    assert_eq!(client.initiate(&user, "sms").await.status, 201);
    let failed = "verigator_deliveries_total{provider=\"webhook\",outcome=\"failed\"}";
    metrics_with(&client, failed).await;
    let log = served.stop();
    let said = "the message was not taken; webhook: the server's certificate was refused";
    assert!(log.contains(said), "{log}");
    assert!(hearing.try_recv().is_err());

    let trusted = [untrusted[0], ("SSL_CERT_FILE", "ca.pem")];
    let served = Served::start(site.path(), &trusted, &arguments);
    let heard = tokio::time::timeout(Duration::from_secs(30), hearing.recv()).await;
    assert_eq!(heard.unwrap().unwrap().json()["to"], common::PHONE);
    served.stop();
}

/// A proxy that the environment names is asked for everything that is not on this machine.
#[tokio::test(flavor = "multi_thread")]
async fn the_environments_proxy_is_asked() {
    let site = Site::new();
    let proxy = Peer::start(&[Act::Head(502, "x: y".to_owned())]).await;
    let webhook = Peer::start(&[Act::answer(200, "")]).await;
    let (url, webhook_url) = (proxy.url(), format!("webhook={}", webhook.url()));
    let environment = [
        ACCOUNT[0],
        ACCOUNT[1],
        ("VERIGATOR_WEBHOOK_SECRET", SECRET),
        ("HTTPS_PROXY", &url),
        ("HTTP_PROXY", &url),
    ];
    let arguments = [
        "--deliver",
        "messente",
        "--messente-url",
        "https://messente.invalid",
        "--deliver",
        &webhook_url,
    ];
    let served = Served::start(site.path(), &environment, &arguments);
    let client = site.client(&served);
    let service = client.service("shop").await;
    site.start_all(&client, &service, &numbers(0, 1)).await;
    webhook.wait_for(1).await;
    let asked = proxy.heard();
    assert_eq!(asked.len(), 1, "nothing on this machine goes through it");
    assert_eq!(asked[0].line, "CONNECT messente.invalid:443 HTTP/1.1");
    let log = served.stop();
    assert!(
        log.contains("messente: the server could not be reached"),
        "{log}"
    );
}
