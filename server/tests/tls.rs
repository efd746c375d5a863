//! Serving over TLS: who is served, and that all limits hold there, too.
#![cfg(feature = "tls")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "common/certificates.rs"]
mod certificates;

use std::{
    fs,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use certificates::{Authority, Identity};
use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use verigator::{Api, CaBundle, ErrorKind, Method};
use verigator_server::{
    app::{App, Parts},
    clock::{Clock, SystemClock},
    config::{Limits, PasswordCost},
    delivery::console::Console,
    engine::pin::MacKey,
    http,
    lifecycle::{self, Running, Wire},
    sandbox,
    store::memory::MemoryStore,
    tls::{Tls, TlsError},
};

/// Longer than anything here takes that does not hang.
const LONG: Duration = Duration::from_secs(10);

/// A certificate with its key in files.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new(identity: &Identity) -> Self {
        let files = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        files.put(identity);
        files
    }

    fn put(&self, identity: &Identity) {
        self.write("cert.pem", &identity.certificate);
        self.write("key.pem", &identity.key);
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn load(&self) -> Result<Tls, TlsError> {
        let at = |name| self.folder.path().join(name);
        Tls::load(&at("cert.pem"), &at("key.pem"))
    }
}

/// A server that runs until it is stopped.
struct Server {
    address: SocketAddr,
    tls: Arc<Tls>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<bool>,
}

impl Server {
    async fn start(tls: Tls, router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let tls = Arc::new(tls);
        let wire = Wire::Tls(Arc::clone(&tls));
        let ended = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            lifecycle::run(
                listener,
                wire,
                router,
                &limits,
                &Running::default(),
                stopped,
            )
            .await
        });
        Self {
            address,
            tls,
            stop,
            ended,
        }
    }

    /// The whole API, with the account `test`.
    async fn api(identity: &Identity, limits: Limits) -> Self {
        let app = App::new(Parts {
            store: Arc::new(MemoryStore::default()),
            deliver: vec![Arc::new(Console)],
            answer_after_attempt: false,
            clock: Arc::new(SystemClock),
            rules: sandbox::rules(),
            limits: limits.clone(),
            password_cost: PasswordCost::minimal(),
            key: MacKey::new([1; 32]),
        });
        let app = app.unwrap();
        let made = app.accounts.create("test", "test", SystemClock.now());
        made.await.unwrap();
        Self::start(
            Files::new(identity).load().unwrap(),
            http::router(&app),
            limits,
        )
        .await
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn shake(&self, client: &Client) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::clone(client))
            .connect(name, self.tcp().await)
            .await
    }

    async fn connect(&self, client: &Client) -> TlsStream<TcpStream> {
        self.shake(client).await.unwrap()
    }

    async fn stop(self) -> bool {
        self.stop.send(()).unwrap();
        timeout(LONG, self.ended).await.unwrap().unwrap()
    }
}

type Client = Arc<ClientConfig>;

fn client_of(
    versions: &[&'static SupportedProtocolVersion],
    authorities: &[&Authority],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        let root = CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap();
        roots.add(root).unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn client(authorities: &[&Authority]) -> Client {
    Arc::new(client_of(&[&TLS13], authorities))
}

fn limits(brief: Duration) -> Limits {
    Limits {
        head_timeout: brief,
        body_timeout: brief,
        ..Limits::default()
    }
}

fn quick() -> Limits {
    limits(Duration::from_millis(300))
}

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// All that comes until the end, which must come.
async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    timeout(LONG, stream.read_to_end(&mut bytes))
        .await
        .unwrap()?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Sends a request and gives the answer, which has a length.
async fn ask(stream: &mut TlsStream<TcpStream>, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    while !answer.ends_with('}') {
        let mut bytes = [0; 1024];
        let read = timeout(LONG, stream.read(&mut bytes)).await.unwrap();
        let n = read.unwrap();
        assert_ne!(n, 0, "it ended after {answer}");
        answer.push_str(std::str::from_utf8(&bytes[..n]).unwrap());
    }
    answer
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served() {
    let authority = Authority::new();
    let server = Server::api(&authority.identity(), Limits::default()).await;
    let builder = || {
        let endpoint = format!("https://localhost:{}", server.address.port());
        Api::builder("test", "test")
            .endpoint(endpoint)
            .max_retries(0)
    };
    let bundle = |authority: &Authority| CaBundle::Pem(authority.pem().into_bytes());
    let api = builder().ca_bundle(bundle(&authority)).build().unwrap();
    let service = api.services.create("shop.example", "Shop").await.unwrap();
    let user = api.users.create(&service.id, "+37255555555", "jo");
    let user = user.await.unwrap();
    let started = api.auth.initiate(&service.id, &user.id, Method::Sms).await;
    assert_eq!(started.unwrap(), Method::Sms);
    assert!(!api.auth.verify(&service.id, &user.id, "x").await.unwrap());

    let stranger = bundle(&Authority::new());
    let api = builder().ca_bundle(stranger).build().unwrap();
    let error = api.services.get(&service.id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(error.message().contains("certificate"), "{error}");
}

#[tokio::test]
async fn the_chain_is_sent() {
    let root = Authority::new();
    let between = root.below();
    let mut identity = between.identity();
    let client = client(&[&root]);
    let alone = Server::api(&identity, Limits::default()).await;
    alone.shake(&client).await.unwrap_err();
    identity.certificate.push_str(&between.pem());
    let server = Server::api(&identity, Limits::default()).await;
    let mut stream = server.connect(&client).await;
    let answer = ask(&mut stream, REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// The algorithm's own form of a key, from PKCS#8 around it.
fn unwrapped(pkcs8: &[u8]) -> &[u8] {
    /// The content of the first value, and what comes after it.
    fn value(der: &[u8]) -> (&[u8], &[u8]) {
        let (at, length) = match der[1] {
            short @ 0..=0x7f => (2, usize::from(short)),
            0x81 => (3, usize::from(der[2])),
            0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
            other => panic!("a length of {other:#x}"),
        };
        (&der[at..at + length], &der[at + length..])
    }
    let (all, _) = value(pkcs8);
    let (_, after_version) = value(all);
    let (_, after_algorithm) = value(after_version);
    value(after_algorithm).0
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

#[tokio::test]
async fn a_key_may_have_any_of_its_forms_and_share_the_file() {
    let rsa = rcgen::KeyPair::from_pem(include_str!("common/rsa_key.pem")).unwrap();
    let ecdsa = rcgen::KeyPair::generate().unwrap();
    let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let authority = Authority::new();
    let client = client(&[&authority]);
    for (key, form) in [
        (&rsa, None),
        (&rsa, Some("RSA PRIVATE KEY")),
        (&ecdsa, None),
        (&ecdsa, Some("EC PRIVATE KEY")),
        (&ed25519, None),
    ] {
        let mut identity = authority.sign(key);
        if let Some(label) = form {
            identity.key = pem(label, unwrapped(&key.serialize_der()));
        }
        // As some tools write both: one file with everything.
        identity.key.push_str(&identity.certificate);
        identity.certificate.clone_from(&identity.key);
        let server = Server::api(&identity, Limits::default()).await;
        let mut stream = server.connect(&client).await;
        let answer = ask(&mut stream, REQUEST).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{form:?} {answer}");
    }
}

#[test]
fn what_makes_no_server_is_told_without_the_key() {
    let (authority, other) = (Authority::new(), Authority::new().identity());
    let identity = authority.identity();
    let files = Files::new(&identity);
    let error = || {
        let error = files.load().err().unwrap();
        let said = format!("{error} {error:?}");
        for line in other.key.lines().chain(identity.key.lines()) {
            assert!(line.starts_with("-----") || !said.contains(line), "{said}");
        }
        error
    };
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let no_base64 = |text: &str| text.replace('M', "?");
    let odd_head = |text: &str| text.replace("-----\n", "\n");
    for broken in ["", "not PEM", &half(&identity.certificate), &identity.key] {
        files.write("cert.pem", broken);
        assert!(matches!(error(), TlsError::Certificate(_)), "{broken}");
    }
    let nonsense = pem("CERTIFICATE", &[0x30, 0x03, 1, 2, 3]);
    for certificate in [nonsense, no_base64(&identity.certificate)] {
        files.write("cert.pem", &certificate);
        assert!(matches!(error(), TlsError::Certificate(_)), "{certificate}");
    }
    files.put(&identity);
    let nonsense = pem("PRIVATE KEY", &[0x30, 0x03, 1, 2, 3]);
    let encrypted = identity.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    for key in [
        String::new(),
        half(&identity.key),
        no_base64(&identity.key),
        odd_head(&identity.key),
        identity.certificate.clone(),
        nonsense,
        encrypted,
    ] {
        files.write("key.pem", &key);
        assert!(matches!(error(), TlsError::Key(_)), "{key}");
    }
    files.write("key.pem", &other.key);
    assert!(matches!(error(), TlsError::Mismatch(_, _)));
    fs::remove_file(files.folder.path().join("key.pem")).unwrap();
    assert!(matches!(error(), TlsError::Read(_, _)));
    files.put(&identity);
    let shown = format!("{:?}", files.load().unwrap());
    assert!(
        shown.contains("cert.pem") && !shown.contains("MII"),
        "{shown}"
    );
}

#[tokio::test]
async fn tls_1_2_is_the_oldest_and_http_1_1_is_what_is_spoken() {
    let authority = Authority::new();
    let server = Server::api(&authority.identity(), Limits::default()).await;
    for (version, is) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut client = client_of(&[version], &[&authority]);
        client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut stream = server.connect(&Arc::new(client)).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(is));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert!(ask(&mut stream, REQUEST).await.starts_with("HTTP/1.1 200 "));
    }

    // A hello with the newest version that it offers, a random, no session, one cipher, no
    // compression, and the extensions for P-256.
    let extensions = [
        [0, 13, 0, 4, 0, 2, 4, 3].as_slice(),
        &[0, 10, 0, 4, 0, 2, 0, 23],
        &[0, 11, 0, 2, 1, 0],
    ];
    let extensions = extensions.concat();
    // A fatal alert, protocol_version, or the server's hello.
    for (minor, answered) in [(1, [21, 2, 70]), (2, [21, 2, 70]), (3, [22, 2, 0])] {
        let mut hello = vec![3, minor];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
        hello.extend([0, u8::try_from(extensions.len()).unwrap()]);
        hello.extend(&extensions);
        let length = u8::try_from(hello.len()).unwrap();
        let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
        record.extend(hello);
        let mut stream = server.tcp().await;
        stream.write_all(&record).await.unwrap();
        let mut answer = [0; 7];
        let reading = timeout(LONG, stream.read_exact(&mut answer)).await;
        reading.unwrap().unwrap();
        assert_eq!([answer[0], answer[5], answer[6]], answered, "{minor}");
    }
}

#[tokio::test]
async fn plain_http_is_refused_at_once() {
    let server = Server::api(&Authority::new().identity(), Limits::default()).await;
    let mut stream = server.tcp().await;
    let begun = Instant::now();
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the alert is an end like any other.
    let _ = timeout(LONG, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    // Not only when the handshake has taken too long.
    assert!(begun.elapsed() < Limits::default().head_timeout);
}

#[tokio::test]
async fn silent_peers_hold_nobody_up_and_are_let_go() {
    let authority = Authority::new();
    let client = client(&[&authority]);
    // Whoever waited for one of them would wait for minutes.
    let patient = limits(Duration::from_mins(10));
    let server = Server::api(&authority.identity(), patient).await;
    let mut silent = Vec::new();
    for n in 0..20 {
        let mut stream = server.tcp().await;
        // Half of them begin a hello.
        if n % 2 == 0 {
            stream.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
        }
        silent.push(stream);
    }
    let mut stream = timeout(LONG, server.connect(&client)).await.unwrap();
    assert!(ask(&mut stream, REQUEST).await.starts_with("HTTP/1.1 200 "));
    // Nor the server that stops: nothing was asked yet. The connection that was served is idle.
    assert!(server.stop().await);

    let server = Server::api(&authority.identity(), quick()).await;
    for hello in [&[][..], &[22, 3, 1, 2, 0, 1]] {
        let mut stream = server.tcp().await;
        stream.write_all(hello).await.unwrap();
        // Its end comes as a reset where it has said something.
        let _ = read_to_end(&mut stream).await;
    }
}

#[tokio::test]
async fn a_handshake_counts_as_a_connection() {
    let authority = Authority::new();
    let two = Limits {
        connections: 2,
        head_timeout: Duration::from_mins(10),
        ..Limits::default()
    };
    let server = Server::api(&authority.identity(), two).await;
    let held = (server.tcp().await, server.tcp().await);
    sleep(Duration::from_millis(50)).await;
    let client = client(&[&authority]);
    let waiting = server.connect(&client);
    tokio::pin!(waiting);
    let soon = Duration::from_millis(300);
    assert!(timeout(soon, &mut waiting).await.is_err());
    drop(held);
    timeout(LONG, waiting).await.unwrap();
}

#[tokio::test]
async fn a_slow_request_is_408_and_an_idle_connection_ends_well() {
    let authority = Authority::new();
    let server = Server::api(&authority.identity(), quick()).await;
    let client = client(&[&authority]);
    let body = "POST /v1/service/service HTTP/1.1\r\nHost: x\r\nX-Service-Auth: test:test\r\n\
                Content-Length: 100\r\n\r\n{";
    for (begun, code) in [
        ("GET /healthz HTTP/1.1\r\nHost", "slow_head"),
        (body, "slow_body"),
    ] {
        let mut slow = server.connect(&client).await;
        slow.write_all(begun.as_bytes()).await.unwrap();
        // An end without the words that TLS has for it would be an error.
        let answer = read_to_end(&mut slow).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains(code) && answer.ends_with('}'), "{answer}");
    }
    for request in [&b""[..], REQUEST] {
        let mut idle = server.connect(&client).await;
        if !request.is_empty() {
            ask(&mut idle, request).await;
        }
        assert_eq!(read_to_end(&mut idle).await.unwrap(), "");
    }
}

/// Answers after so long.
fn slow(wait: Duration) -> Router {
    let answer = async move || {
        sleep(wait).await;
        "{}"
    };
    Router::new().route("/healthz", get(answer))
}

#[tokio::test]
async fn stopping_lets_what_runs_end_and_has_a_limit() {
    let authority = Authority::new();
    let client = client(&[&authority]);
    let start = async |wait, drain| {
        let limits = Limits {
            drain,
            ..Limits::default()
        };
        let files = Files::new(&authority.identity());
        Server::start(files.load().unwrap(), slow(wait), limits).await
    };
    let server = start(Duration::from_millis(300), Duration::from_mins(1)).await;
    let address = server.address;
    let mut running = server.connect(&client).await;
    let asked = tokio::spawn(async move { ask(&mut running, REQUEST).await });
    sleep(Duration::from_millis(100)).await;
    assert!(server.stop().await);
    assert!(asked.await.unwrap().starts_with("HTTP/1.1 200 "));
    TcpStream::connect(address).await.unwrap_err();

    let server = start(Duration::from_mins(1), Duration::from_millis(300)).await;
    let mut running = server.connect(&client).await;
    running.write_all(REQUEST).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert!(!server.stop().await);
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_a_bad_one_for_none() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new(&old.identity());
    let router = slow(Duration::ZERO);
    let server = Server::start(files.load().unwrap(), router, Limits::default()).await;
    let both = client(&[&old, &new]);
    let mut open = server.connect(&client(&[&old])).await;
    // A session is taken up again, but none of the old certificate.
    let mut kinds = Vec::new();
    for reload in [false, false, true] {
        if reload {
            files.put(&new.identity());
            server.tls.reload().unwrap();
        }
        let mut stream = server.connect(&both).await;
        ask(&mut stream, REQUEST).await;
        kinds.push(stream.get_ref().1.handshake_kind().unwrap());
    }
    let [full, resumed] = [HandshakeKind::Full, HandshakeKind::Resumed];
    assert_eq!(kinds, [full, resumed, full]);
    assert!(ask(&mut open, REQUEST).await.starts_with("HTTP/1.1 200 "));
    server.shake(&client(&[&old])).await.unwrap_err();

    files.write("key.pem", &old.identity().key);
    assert!(matches!(server.tls.reload(), Err(TlsError::Mismatch(_, _))));
    files.write("cert.pem", "");
    assert!(matches!(server.tls.reload(), Err(TlsError::Certificate(_))));
    let mut stream = server.connect(&client(&[&new])).await;
    assert!(ask(&mut stream, REQUEST).await.starts_with("HTTP/1.1 200 "));
}

#[test]
fn the_forms_of_a_key_are_what_they_are_called() {
    let key = rcgen::KeyPair::generate().unwrap();
    let sec1 = pem("EC PRIVATE KEY", unwrapped(&key.serialize_der()));
    let read = PrivateKeyDer::from_pem_slice(sec1.as_bytes()).unwrap();
    assert!(matches!(read, PrivateKeyDer::Sec1(_)));
    let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    assert_eq!(pkcs8.secret_pkcs8_der(), key.serialize_der());
}
