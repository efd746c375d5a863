//! The client behind TLS: whom it trusts, what it makes of handshakes that fail, and HTTP/2.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use h2::Reason;
use http::{Request, Version};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};
use tower::ServiceExt;
use verigator::{Api, ApiBuilder, CaBundle, ErrorKind, Idempotency, Method, Outcome};
use verigator_server::sandbox::Sandbox;
use verigator_tests::faults::{
    Authority, CountingServer, Cut, CuttingProxy, Direction, ForwardingProxy, How, Identity,
    Protocol, TlsFront,
};

const NUMBER: &str = "+37255555555";

/// A sandbox behind TLS, with a user to send messages to.
struct House {
    sandbox: Sandbox,
    authority: Authority,
    service: String,
    user: String,
}

impl House {
    async fn new() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let api = sandbox.api().unwrap();
        let service = api
            .services
            .create("shop.example", "Shop")
            .await
            .unwrap()
            .id;
        let user = api.users.create(&service, NUMBER, "john").await.unwrap().id;
        Self {
            sandbox,
            authority: Authority::new().unwrap(),
            service,
            user,
        }
    }

    fn front(&self, identity: &Identity) -> TlsFront {
        let server = address(self.sandbox.url());
        TlsFront::start(&Handle::current(), identity, Protocol::Http1, server).unwrap()
    }

    /// A client without idempotency, so that every second send would be a second message.
    fn client(&self, address: SocketAddr) -> ApiBuilder {
        Api::builder("test", "test")
            .endpoint(format!("https://{address}"))
            .idempotency(Idempotency::Off)
            .ca_bundle(CaBundle::Pem(self.authority.pem().into_bytes()))
    }

    async fn initiate(&self, builder: ApiBuilder) -> verigator::Result<Method> {
        let api = builder.build().unwrap();
        api.auth
            .initiate(&self.service, &self.user, Method::Sms)
            .await
    }
}

fn address(url: &str) -> SocketAddr {
    url.split_once("://").unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn an_authority_is_trusted_by_those_who_name_it() {
    let house = House::new().await;
    let front = house.front(&house.authority.right().unwrap());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authority.pem");
    std::fs::write(&file, house.authority.pem()).unwrap();
    let endpoints = [
        front.url(),
        format!("https://localhost:{}", front.address().port()),
    ];
    for endpoint in endpoints {
        for bundle in [
            CaBundle::Path(file.clone()),
            CaBundle::Pem(house.authority.pem().into_bytes()),
        ] {
            let builder = Api::builder("test", "test")
                .endpoint(&endpoint)
                .ca_bundle(bundle);
            let api = builder.clone().build().unwrap();
            let service = api.services.get(&house.service).await.unwrap();
            let id = house.service.clone();
            let blocking = std::thread::spawn(move || {
                builder.build_blocking().unwrap().services.get(&id).unwrap()
            });
            let got = tokio::task::spawn_blocking(|| blocking.join().unwrap()).await;
            assert_eq!(got.unwrap(), service);
        }
    }
    assert_eq!(front.handshakes(), 8);
}

#[tokio::test]
async fn a_wrong_certificate_is_refused_once_and_for_all() {
    let house = House::new().await;
    let stranger = Authority::new().unwrap();
    let wrong = [
        ("name", house.authority.of_another_name().unwrap()),
        ("authority", stranger.right().unwrap()),
        ("time", house.authority.expired().unwrap()),
    ];
    for (what, identity) in wrong {
        let front = house.front(&identity);
        let builder = house.client(front.address()).idempotency(Idempotency::On);
        let api = builder.clone().build().unwrap();
        let errors = [
            house.initiate(builder).await.unwrap_err(),
            api.services.get(&house.service).await.unwrap_err(),
            api.users
                .delete(&house.service, &house.user)
                .await
                .unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Connection, "{what}: {error:?}");
            assert_eq!(error.kind().class_name(), "VerigatorConnectionError");
            assert_eq!(error.outcome(), Outcome::NotSent, "{what}: {error:?}");
            assert_eq!(error.attempts(), 1, "{what}: {error:?}");
            assert!(!error.safe_to_retry(), "{what}: it would be refused again");
            assert!(error.message().contains("certificate"), "{what}: {error}");
        }
        assert_eq!((front.connections(), front.handshakes()), (3, 0), "{what}");
    }
    assert!(house.sandbox.messages().is_empty());
}

#[tokio::test]
async fn a_server_without_tls_is_not_reached() {
    let house = House::new().await;
    let plain = house.client(address(house.sandbox.url()));
    let error = house.initiate(plain).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 3));
    assert!(error.safe_to_retry());
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_and_is_tried_again() {
    const CONNECT: Duration = Duration::from_millis(300);
    let house = House::new().await;
    let front = house.front(&house.authority.right().unwrap());
    let hanging = |direction, times| {
        let cut = Cut {
            direction,
            after: 0,
            how: How::Hang,
            times,
        };
        CuttingProxy::start(&Handle::current(), front.address(), Some(cut)).unwrap()
    };
    for direction in [Direction::Request, Direction::Answer] {
        let proxy = hanging(direction, 1);
        let client = house.client(proxy.address()).connect_timeout(CONNECT);
        let api = client.clone().build().unwrap();
        api.services.get(&house.service).await.unwrap();
        assert_eq!(proxy.connections(), 2);

        let proxy = hanging(direction, 3);
        let client = house.client(proxy.address()).connect_timeout(CONNECT);
        let began = Instant::now();
        let error = house.initiate(client.max_retries(1)).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(3));
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 2));
        assert!(error.safe_to_retry());
    }
    assert!(house.sandbox.messages().is_empty());
    let proxy = hanging(Direction::Answer, 1);
    let client = house.client(proxy.address()).connect_timeout(CONNECT);
    house.initiate(client).await.unwrap();
    assert_eq!(house.sandbox.messages().len(), 1);
}

/// The bytes are not the same twice, so this is about where a cut is and not about each byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_in_the_handshake_was_not_sent() {
    /// Well inside the first flight of either side.
    const IN_HANDSHAKE: usize = 150;
    const STEP: usize = 29;
    let house = Arc::new(House::new().await);
    let front = Arc::new(house.front(&house.authority.right().unwrap()));
    let whole = CuttingProxy::start(&Handle::current(), front.address(), None).unwrap();
    let api = house.client(whole.address()).build().unwrap();
    api.services.get(&house.service).await.unwrap();
    let mut shots = tokio::task::JoinSet::new();
    for direction in [Direction::Request, Direction::Answer] {
        for after in (0..whole.passed(direction)).step_by(STEP) {
            for how in [How::Reset, How::Close] {
                let cut = Cut {
                    direction,
                    after,
                    how,
                    times: 1,
                };
                let (house, front) = (Arc::clone(&house), Arc::clone(&front));
                shots.spawn(async move {
                    let number = format!("+3725{}{after:06}", u8::from(how == How::Reset));
                    let number = number.replace(
                        "+3725",
                        match direction {
                            Direction::Request => "+3725",
                            Direction::Answer => "+3726",
                        },
                    );
                    let direct = house.sandbox.api().unwrap();
                    let user = direct.users.create(&house.service, &number, &number).await;
                    let proxy = CuttingProxy::start(&Handle::current(), front.address(), Some(cut));
                    let proxy = proxy.unwrap();
                    let api = house.client(proxy.address()).build().unwrap();
                    let result = api
                        .auth
                        .initiate(&house.service, &user.unwrap().id, Method::Sms)
                        .await;
                    (cut, number, result)
                });
            }
        }
    }
    let shots = shots.join_all().await;
    assert!(shots.len() > 100);
    let sent = house.sandbox.messages();
    for (cut, number, result) in shots {
        let messages = sent.iter().filter(|it| it.to == number).count();
        match result {
            Ok(_) => assert_eq!(messages, 1, "{cut:?}"),
            Err(error) => {
                assert!(messages <= 1, "{cut:?}");
                assert!(cut.after >= IN_HANDSHAKE, "{cut:?}: {error:?}");
                assert_eq!(error.outcome(), Outcome::Unknown, "{cut:?}: {error:?}");
                assert_eq!(error.attempts(), 1, "{cut:?}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn through_a_proxy_the_certificate_is_still_the_servers() {
    let house = House::new().await;
    let front = house.front(&house.authority.right().unwrap());
    let proxy = ForwardingProxy::start(&Handle::current(), Some(front.address())).unwrap();
    let option = format!("http://carol:not-for-anyone@{}", proxy.address());
    let client = house.client(front.address()).proxy(&option);
    house.initiate(client).await.unwrap();
    let asked = proxy.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].line,
        format!("CONNECT {} HTTP/1.1", front.address())
    );
    // carol:not-for-anyone
    let basic = "Basic Y2Fyb2w6bm90LWZvci1hbnlvbmU=";
    assert_eq!(asked[0].credentials.as_deref(), Some(basic));

    let wrong = house.front(&house.authority.of_another_name().unwrap());
    let proxy = ForwardingProxy::start(&Handle::current(), Some(wrong.address())).unwrap();
    let option = format!("http://{}", proxy.address());
    let error = house
        .initiate(house.client(wrong.address()).proxy(option))
        .await
        .unwrap_err();
    assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 1));
    assert_eq!(proxy.asked().len(), 1);

    let refusing = ForwardingProxy::start(&Handle::current(), None).unwrap();
    let option = format!("http://carol:not-for-anyone@{}", refusing.address());
    let error = house
        .initiate(house.client(front.address()).proxy(option))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 3));
    assert_eq!(refusing.asked().len(), 3);
    assert!(!format!("{error:?} {error}").contains("not-for-anyone"));
    assert_eq!(house.sandbox.messages().len(), 1);
}

/// The sandbox over HTTP/2, with some requests reset in its place.
struct Http2 {
    house: House,
    server: CountingServer,
    front: TlsFront,
}

impl Http2 {
    /// `reset` says which requests are reset, by their number, and why.
    async fn new(reset: impl Fn(usize) -> Option<Reason> + Clone + Send + Sync + 'static) -> Self {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        // The sandbox itself speaks HTTP/1.1 only.
        let wrap = move |router: Router| {
            *filled.lock().unwrap() = Some(router.clone());
            router
        };
        let sandbox = Sandbox::builder().wrap(wrap).start().await.unwrap();
        let router = slot.lock().unwrap().take().unwrap();
        let answer = move |number, request: Request<Bytes>| {
            let (reset, router) = (reset(number), router.clone());
            async move {
                if let Some(reason) = reset {
                    return Err(h2::Error::from(reason));
                }
                let answered = router.oneshot(request.map(Body::from)).await;
                let response: Response = answered.unwrap_or_else(|never| match never {});
                Ok(response)
            }
        };
        let server = CountingServer::start(&Handle::current(), answer).unwrap();
        let api = sandbox.api().unwrap();
        let service = api
            .services
            .create("shop.example", "Shop")
            .await
            .unwrap()
            .id;
        let user = api.users.create(&service, NUMBER, "john").await.unwrap().id;
        let house = House {
            sandbox,
            authority: Authority::new().unwrap(),
            service,
            user,
        };
        let identity = house.authority.right().unwrap();
        let runtime = Handle::current();
        let front = TlsFront::start(&runtime, &identity, Protocol::Http2, server.address());
        Self {
            house,
            server,
            front: front.unwrap(),
        }
    }

    fn client(&self) -> ApiBuilder {
        self.house.client(self.front.address())
    }
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let http2 = Http2::new(|_| None).await;
    let House {
        sandbox,
        service,
        user,
        ..
    } = &http2.house;
    let api = http2.client().build().unwrap();
    api.services.get(service).await.unwrap();
    let several = (0..5).map(|_| api.users.get_all(service));
    for users in several {
        assert_eq!(users.await.unwrap().len(), 1);
    }
    api.auth.initiate(service, user, Method::Sms).await.unwrap();
    let pin = sandbox.last_pin(NUMBER).unwrap();
    assert!(api.auth.verify(service, user, &pin).await.unwrap());
    assert_eq!(http2.front.connections(), 1);
    assert!(
        http2
            .server
            .seen()
            .iter()
            .all(|it| it.version == Version::HTTP_2)
    );
    assert_eq!(http2.server.requests(), 8);
}

#[tokio::test]
async fn a_refused_stream_was_not_sent() {
    let refuse_first = |number| (number == 0).then_some(Reason::REFUSED_STREAM);
    let http2 = Http2::new(refuse_first).await;
    http2.house.initiate(http2.client()).await.unwrap();
    assert_eq!(http2.server.requests(), 2);
    assert_eq!(http2.house.sandbox.messages().len(), 1);

    let http2 = Http2::new(|_| Some(Reason::REFUSED_STREAM)).await;
    let error = http2.house.initiate(http2.client()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 3));
    assert!(error.safe_to_retry());
    assert_eq!(http2.server.requests(), 3);
    let once = http2.client().max_retries(0);
    let error = http2.house.initiate(once.clone()).await.unwrap_err();
    assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 1));
    assert_eq!(http2.server.requests(), 4);
    // Without a body HTTP libraries would send it again by themselves.
    let api = once.build().unwrap();
    let error = api.services.get(&http2.house.service).await.unwrap_err();
    assert_eq!((error.outcome(), error.attempts()), (Outcome::NotSent, 1));
    assert_eq!(http2.server.requests(), 5);
}

#[tokio::test]
async fn a_stream_that_is_reset_otherwise_may_have_been_acted_on() {
    for reason in [
        Reason::NO_ERROR,
        Reason::INTERNAL_ERROR,
        Reason::CANCEL,
        Reason::ENHANCE_YOUR_CALM,
        Reason::HTTP_1_1_REQUIRED,
    ] {
        let http2 = Http2::new(move |_| Some(reason)).await;
        let error = http2.house.initiate(http2.client()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connection, "{reason}: {error:?}");
        assert_eq!(error.outcome(), Outcome::Unknown, "{reason}: {error:?}");
        assert_eq!(
            (error.attempts(), http2.server.requests()),
            (1, 1),
            "{reason}"
        );
        assert!(!error.safe_to_retry(), "{reason}");
    }
}

/// A server that is about to stop says which streams it still serves. Here it is none.
#[tokio::test]
async fn what_a_departing_server_leaves_aside_was_not_sent() {
    let http2 = Http2::new(|_| None).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let departing = listener.local_addr().unwrap();
    let server = http2.server.address();
    tokio::spawn(async move {
        let (first, _) = listener.accept().await.unwrap();
        leave(first).await;
        let (mut second, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        copy_bidirectional(&mut second, &mut server).await.ok();
    });
    let identity = http2.house.authority.right().unwrap();
    let runtime = Handle::current();
    let front = TlsFront::start(&runtime, &identity, Protocol::Http2, departing).unwrap();
    let client = http2.house.client(front.address());
    http2.house.initiate(client).await.unwrap();
    assert_eq!(front.connections(), 2);
    assert_eq!(http2.server.requests(), 1);
    assert_eq!(http2.house.sandbox.messages().len(), 1);
}

/// Speaks HTTP/2 until a request has begun, and then says that it goes and served nothing.
async fn leave(mut stream: TcpStream) {
    const PREFACE: usize = 24;
    const FRAME_HEAD: usize = 9;
    const HEADERS: u8 = 1;
    const SETTINGS: [u8; FRAME_HEAD] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // Last stream 0, no error.
    const GO_AWAY: [u8; FRAME_HEAD + 8] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut preface = [0; PREFACE];
    stream.read_exact(&mut preface).await.unwrap();
    stream.write_all(&SETTINGS).await.unwrap();
    loop {
        let mut head = [0; FRAME_HEAD];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            break;
        }
    }
    stream.write_all(&GO_AWAY).await.unwrap();
    tokio::io::copy(&mut stream, &mut tokio::io::sink())
        .await
        .ok();
}
