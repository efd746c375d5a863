//! What Messente is sent, and what its answers mean.

use tokio::net::{TcpSocket, TcpStream};

use super::*;

#[tokio::test]
async fn a_message_as_messente_documents_it() {
    let peer = Peer::start(&[taken()]).await;
    let clock = Arc::new(MovableClock::default());
    let (message, messente) = (message(&clock), messente_at(&peer.url(), &clock));
    messente.deliver(&message).await.unwrap();
    let heard = &peer.heard()[0];
    assert_eq!(heard.line, "POST /v1/omnimessage HTTP/1.1");
    let mut names: Vec<&str> = heard.headers.iter().map(|it| it.0.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
    ];
    assert_eq!(names, expected);
    // printf 'api-user:api:p4ss-é' | base64
    assert_eq!(
        heard.header("authorization"),
        "Basic YXBpLXVzZXI6YXBpOnA0c3Mtw6k="
    );
    assert_eq!(heard.header("content-type"), "application/json");
    assert!(heard.header("user-agent").starts_with("verigator-server/"));
    let body = heard.json();
    let ttl = body["messages"][0]["ttl"].as_i64().unwrap();
    assert!((570..=600).contains(&ttl), "{ttl} s");
    let text = format!("{} is your Shöp verification code", message.pin.expose());
    let sms = serde_json::json!({
        "channel": "sms", "sender": "Shop", "text": text, "ttl": ttl, "autoconvert": "off",
    });
    let expected = serde_json::json!({
        "to": "+37255555555", "priority": "high", "messages": [sms],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn the_time_left_and_the_sender() {
    let peer = Peer::start(&[taken()]).await;
    let clock = Arc::new(MovableClock::default());
    let message = message(&clock);
    for (sender, url) in [(None, peer.url()), (Some(""), format!("{}/", peer.url()))] {
        let settings = MessenteSettings {
            sender: sender.map(str::to_owned),
            ..settings(&url)
        };
        let messente = Messente::new(settings, Arc::clone(&clock) as _).unwrap();
        messente.deliver(&message).await.unwrap();
        clock.advance(Duration::from_mins(9));
    }
    clock.advance(Duration::from_hours(1));
    messente_at(&peer.url(), &clock)
        .deliver(&message)
        .await
        .unwrap();
    let heard = peer.heard();
    let sms: Vec<_> = heard
        .iter()
        .map(|it| it.json()["messages"][0].clone())
        .collect();
    assert_eq!(heard[1].line, "POST /v1/omnimessage HTTP/1.1");
    assert!(sms[0].get("sender").is_none() && sms[1].get("sender").is_none());
    let ttl = sms[1]["ttl"].as_i64().unwrap();
    assert!((30..=60).contains(&ttl), "{ttl} s of the last minute");
    assert_eq!(sms[2]["ttl"], 1, "what is over does not last for ever");
}

#[tokio::test]
async fn one_connection_is_enough_and_one_that_was_closed_is_no_failure() {
    let closing = "HTTP/1.1 201 x\r\ncontent-length: 22\r\n\r\n{\"omnimessage_id\":\"1\"}";
    let clock = Arc::new(MovableClock::default());
    let kept = Peer::start(&[Act::Head(400, "Set-Cookie: a=b".to_owned()), taken()]).await;
    let messente = messente_at(&kept.url(), &clock);
    messente.deliver(&message(&clock)).await.unwrap_err();
    for _ in 0..4 {
        messente.deliver(&message(&clock)).await.unwrap();
    }
    assert_eq!((kept.connections(), kept.heard().len()), (1, 5));
    assert!(
        kept.heard()
            .iter()
            .all(|it| it.headers.iter().all(|it| it.0 != "cookie"))
    );

    let closes = Peer::start(&[Act::write(closing)]).await;
    let messente = messente_at(&closes.url(), &clock);
    for _ in 0..20 {
        messente.deliver(&message(&clock)).await.unwrap();
    }
    assert_eq!((closes.connections(), closes.heard().len()), (20, 20));
}

const REFUSED: &str = "the message was refused; messente: ";
const NOT_TAKEN: &str = "the message was not taken; messente: ";
const PERHAPS: &str = "the message may have been taken; messente: ";

/// An answer, and what it means: nothing when the message is taken.
type Row = (Act, &'static str, &'static str);

const UNREADABLE: &str = "its answer cannot be read";

fn answer(status: u16, body: &str) -> Act {
    Act::answer(status, body)
}

/// A body that is right but for its length.
fn long() -> String {
    format!(
        "{{\"omnimessage_id\":\"1\",\"x\":\"{}\"}}",
        "x".repeat(1 << 20)
    )
}

/// What Messente documents, and statuses that any server may answer.
fn statuses() -> Vec<Row> {
    let other = "status 400, an error that is not documented";
    vec![
        (
            errors(400, "105"),
            REFUSED,
            "status 400, Invalid data (105)",
        ),
        (
            errors(400, "106"),
            REFUSED,
            "status 400, Missing data (106)",
        ),
        (
            errors(401, "103"),
            REFUSED,
            "status 401, Unauthorized (103)",
        ),
        (errors(403, "102"), REFUSED, "status 403, Forbidden (102)"),
        (errors(404, "101"), REFUSED, "status 404, Not found (101)"),
        (
            errors(405, "107"),
            REFUSED,
            "status 405, Method not allowed (107)",
        ),
        (errors(400, "T1tle"), REFUSED, other),
        (answer(400, r#"{"errors":[{}]}"#), REFUSED, other),
        (answer(400, r#"{"errors":"105"}"#), REFUSED, "status 400"),
        (answer(402, "<html>"), REFUSED, "status 402"),
        (answer(408, ""), NOT_TAKEN, "status 408"),
        (answer(425, ""), NOT_TAKEN, "status 425"),
        (answer(429, ""), NOT_TAKEN, "status 429"),
        (
            errors(500, "104"),
            NOT_TAKEN,
            "status 500, Internal Server Error (104)",
        ),
        (answer(502, "<html>"), NOT_TAKEN, "status 502"),
        (answer(503, &long()), NOT_TAKEN, "status 503"),
        (answer(599, ""), NOT_TAKEN, "status 599"),
    ]
}

/// A success says what it is in its body.
fn successes() -> Vec<Row> {
    vec![
        (taken(), "", ""),
        (answer(200, r#"{"omnimessage_id":"any text"}"#), "", ""),
        (answer(201, r#"{"omnimessage_id":"1","errors":[]}"#), "", ""),
        (
            answer(201, r#"{"omnimessage_id":"1","errors":null}"#),
            "",
            "",
        ),
        (errors(200, "105"), REFUSED, "Invalid data (105)"),
        (errors(201, "104"), NOT_TAKEN, "Internal Server Error (104)"),
        (
            errors(200, "T1tle"),
            NOT_TAKEN,
            "an error that is not documented",
        ),
        (
            answer(201, r#"{"omnimessage_id":"1","errors":[{"code":"106"}]}"#),
            REFUSED,
            "Missing data (106)",
        ),
        (answer(201, "garbage"), PERHAPS, UNREADABLE),
        (answer(201, ""), PERHAPS, UNREADABLE),
        (answer(204, ""), PERHAPS, UNREADABLE),
        (answer(201, "[]"), PERHAPS, UNREADABLE),
        (answer(201, "{}"), PERHAPS, UNREADABLE),
        (answer(201, r#"{"omnimessage_id":""}"#), PERHAPS, UNREADABLE),
        (answer(201, r#"{"omnimessage_id":1}"#), PERHAPS, UNREADABLE),
        (answer(201, &long()), PERHAPS, UNREADABLE),
    ]
}

/// Answers that break off or send elsewhere, and none at all.
fn odd_ones(elsewhere: &str) -> Vec<Row> {
    let redirect = |status| Act::Head(status, format!("Location: {elsewhere}"));
    let stall = |text: &str| Act::Stall(text.into());
    let begun = "x\r\ncontent-length: 99\r\n\r\n{\"omnimessage_id\":\"1\"";
    let broken = "the connection broke before the answer was complete";
    let late = "the server did not answer in time";
    vec![
        (redirect(301), REFUSED, "status 301"),
        (redirect(302), REFUSED, "status 302"),
        (redirect(307), REFUSED, "status 307"),
        (redirect(308), REFUSED, "status 308"),
        (Act::Reset, PERHAPS, broken),
        (Act::ResetUnread, PERHAPS, broken),
        (Act::write(""), PERHAPS, broken),
        (
            Act::write("220 mail.example.com ESMTP\r\n"),
            PERHAPS,
            broken,
        ),
        (
            Act::write(format!("HTTP/1.1 201 {begun}")),
            PERHAPS,
            UNREADABLE,
        ),
        (
            Act::write(format!("HTTP/1.1 500 {begun}")),
            NOT_TAKEN,
            "status 500",
        ),
        (Act::Hang, PERHAPS, late),
        (stall("HTTP/1.1 201 x\r\n"), PERHAPS, late),
        (stall(&format!("HTTP/1.1 201 {begun}")), PERHAPS, UNREADABLE),
        (
            stall(&format!("HTTP/1.1 503 {begun}")),
            NOT_TAKEN,
            "status 503",
        ),
    ]
}

/// What one answer does: to a message given directly, to one with another provider behind, and
/// to one without.
async fn comes_of(act: Act, kind: &str, what: &str) {
    let clock = Arc::new(MovableClock::default());
    let peer = Peer::start(std::slice::from_ref(&act)).await;
    let messente = || messente_at(&peer.url(), &clock);
    let next = Peer::start(&[Act::answer(204, "")]).await;
    let both = [messente(), webhook_at(&next.url(), &clock)];
    let (server, alone) = tokio::join!(
        Server::start(&clock, &both),
        Server::start(&clock, &both[..1])
    );
    // Some wait for their time to be up; together.
    let (provider, message) = (messente(), message(&clock));
    let (given, (), ()) = tokio::join!(
        provider.deliver(&message),
        server.initiate(),
        alone.initiate()
    );
    let said = given.err().map(|it| it.to_string()).unwrap_or_default();
    assert_eq!(said, format!("{kind}{what}"), "{act:?}");
    let (outcome, goes_on, stays) = match kind {
        REFUSED => ("failed", true, false),
        NOT_TAKEN => ("failed", true, true),
        PERHAPS => ("unknown", false, false),
        _ => ("sent", false, false),
    };
    // On a busy machine it may have been tried again by now.
    let (left, asked) = (
        alone.left().await,
        alone.delivered("messente", outcome).await,
    );
    let tries = if stays { left[0].into() } else { 1 };
    assert_eq!((left.len(), asked), (usize::from(stays), tries), "{act:?}");
    assert_eq!(server.left().await.len(), 0, "{act:?}");
    assert_eq!(next.heard().len(), usize::from(goes_on), "{act:?}");
    assert_eq!(server.delivered("messente", outcome).await, 1, "{act:?}");
    let passed_on = server.delivered("webhook", "sent").await;
    assert_eq!(passed_on, u64::from(goes_on), "{act:?}");
    if !matches!(act, Act::ResetUnread) {
        assert_eq!(peer.heard().len() as u64, 2 + asked, "{act:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_answer_means() {
    let elsewhere = Peer::start(&[taken()]).await;
    let mut rows = tokio::task::JoinSet::new();
    let url = format!("{}/v1/omnimessage", elsewhere.url());
    for (act, kind, what) in [statuses(), successes(), odd_ones(&url)].concat() {
        rows.spawn(comes_of(act, kind, what));
    }
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
    assert_eq!(elsewhere.connections(), 0, "a redirect was followed");
}

#[tokio::test]
async fn nobody_there_is_a_failure() {
    let clock = Arc::new(MovableClock::default());
    let deliver = async |address: std::net::SocketAddr| {
        let messente = messente_at(&format!("http://{address}"), &clock);
        let error = messente.deliver(&message(&clock)).await.unwrap_err();
        assert!(matches!(error, DeliveryError::Failed(_)), "{error}");
        error.to_string()
    };
    // A port that is taken and that nobody listens at.
    let refuses = TcpSocket::new_v4().unwrap();
    refuses.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let said = deliver(refuses.local_addr().unwrap()).await;
    assert_eq!(said, format!("{NOT_TAKEN}the server could not be reached"));

    // A queue that is full, and that nobody takes from: the system drops what comes.
    let full = TcpSocket::new_v4().unwrap();
    full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = full.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
    }
    let said = deliver(address).await;
    let late = "the server could not be reached in time";
    assert_eq!(said, format!("{NOT_TAKEN}{late}"));
}

#[test]
fn what_cannot_be_set_up() {
    let clock = || Arc::new(MovableClock::default()) as Arc<dyn Clock>;
    let refused = |change: fn(&mut MessenteSettings)| {
        let mut settings = settings(Messente::URL);
        change(&mut settings);
        Messente::new(settings, clock())
            .err()
            .map(|it| it.to_string())
    };
    assert_eq!(refused(|_| ()), None);
    for (said, change) in [
        (
            "messente: the username is missing",
            (|it| it.username.clear()) as fn(&mut MessenteSettings),
        ),
        ("messente: the password is missing", |it| {
            it.password.clear();
        }),
        ("messente: the username may not hold a colon", |it| {
            it.username.push(':');
        }),
        ("messente: the URL must be https", |it| {
            "http://s3cret.example.com".clone_into(&mut it.url);
        }),
        (
            "messente: the URL may not have a query or a fragment",
            |it| {
                it.url.push_str("?s3cret");
            },
        ),
        ("messente: the URL may not hold credentials", |it| {
            "https://a:s3cret@b.ee".clone_into(&mut it.url);
        }),
        (
            "messente: the URL is not a URL: relative URL without a base",
            |it| {
                "s3cret".clone_into(&mut it.url);
            },
        ),
    ] {
        assert_eq!(refused(change).as_deref(), Some(said));
    }
}
