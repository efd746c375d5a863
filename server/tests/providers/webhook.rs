//! What a webhook is sent, and what its answers mean.

use super::*;

/// Checks a signature as a receiver does, and gives its time.
fn signed_at(heard: &Heard, secret: &str) -> i64 {
    let header = heard.header("verigator-signature");
    let (at, mac) = header
        .strip_prefix("t=")
        .and_then(|it| it.split_once(",v1="))
        .unwrap();
    let signed = [at.as_bytes(), b".", &heard.body].concat();
    assert_eq!(mac, hmac(secret.as_bytes(), &signed));
    at.parse().unwrap()
}

#[test]
fn the_signature_of_these_tests_is_rfc_4231s() {
    let mac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(hmac(b"Jefe", b"what do ya want for nothing?"), mac);
}

#[tokio::test]
async fn a_message_with_its_signature() {
    let peer = Peer::start(&[Act::answer(200, "")]).await;
    let clock = Arc::new(MovableClock::default());
    let message = message(&clock);
    let webhook = webhook_at(&format!("{}/hook?tenant=5", peer.url()), &clock);
    webhook.deliver(&message).await.unwrap();
    clock.advance(Duration::from_hours(1));
    webhook.deliver(&message).await.unwrap();
    let heard = peer.heard();
    assert_eq!(heard[0].line, "POST /hook?tenant=5 HTTP/1.1");
    let mut names: Vec<&str> = heard[0].headers.iter().map(|it| it.0.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "verigator-signature",
    ];
    assert_eq!(names, expected);
    assert_eq!(heard[0].header("content-type"), "application/json");
    let expected = serde_json::json!({
        "id": message.id.to_string(),
        "to": "+37255555555",
        "text": format!("{} is your Shöp verification code", message.pin.expose()),
        "expires_at": message.expires_at.to_string(),
    });
    assert_eq!(heard[0].json(), expected);
    assert!(message.expires_at.to_string().ends_with('Z'));
    assert_eq!(heard[0].body, heard[1].body, "the same message again");
    let times: Vec<i64> = heard.iter().map(|it| signed_at(it, SECRET)).collect();
    let now = clock.now().as_second();
    assert!((now - 30..=now).contains(&times[1]), "{times:?}");
    let passed = times[1] - times[0];
    assert!((3_600..3_630).contains(&passed), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_answer_means() {
    let elsewhere = Peer::start(&[Act::answer(200, "")]).await;
    let refused = "the message was refused; webhook: ";
    let not_taken = "the message was not taken; webhook: ";
    let perhaps = "the message may have been taken; webhook: ";
    let redirect = Act::Head(307, format!("Location: {}", elsewhere.url()));
    let cut = "HTTP/1.1 200 x\r\ncontent-length: 99\r\n\r\n{";
    let mut rows = tokio::task::JoinSet::new();
    for (act, kind, what) in [
        (Act::answer(200, "anything"), "", ""),
        (Act::answer(202, r#"{"errors":["not read"]}"#), "", ""),
        (Act::answer(204, ""), "", ""),
        (Act::answer(299, ""), "", ""),
        // It said so before it broke off.
        (Act::write(cut), "", ""),
        (Act::Stall(cut.into()), "", ""),
        (Act::answer(200, &"x".repeat(1 << 20)), "", ""),
        (
            Act::answer(400, "Sorry +37255555555"),
            refused,
            "status 400",
        ),
        (Act::answer(401, ""), refused, "status 401"),
        (Act::answer(410, ""), refused, "status 410"),
        (redirect, refused, "status 307"),
        (Act::answer(429, ""), not_taken, "status 429"),
        (Act::answer(500, ""), not_taken, "status 500"),
        (
            Act::Stall(cut.replace("200", "503").into()),
            not_taken,
            "status 503",
        ),
        (
            Act::Reset,
            perhaps,
            "the connection broke before the answer was complete",
        ),
        (Act::Hang, perhaps, "the server did not answer in time"),
    ] {
        rows.spawn(async move {
            let clock = Arc::new(MovableClock::default());
            let peer = Peer::start(std::slice::from_ref(&act)).await;
            let webhook = webhook_at(&peer.url(), &clock);
            let error = webhook.deliver(&message(&clock)).await.err();
            let said = error.as_ref().map(ToString::to_string).unwrap_or_default();
            assert_eq!(said, format!("{kind}{what}"), "{act:?}");
            assert_eq!(peer.heard().len(), 1);
        });
    }
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
    assert_eq!(elsewhere.connections(), 0, "a redirect was followed");
}

#[test]
fn what_cannot_be_set_up() {
    let refused = |url: &str, secret: &str| {
        let clock = Arc::new(MovableClock::default());
        let made = Webhook::new(url, Zeroizing::new(secret.to_owned()), clock);
        made.err().map(|it| it.to_string())
    };
    for (url, secret, said) in [
        ("https://example.com/?a=b", SECRET, None),
        ("http://[::1]:80", SECRET, None),
        (
            "https://example.com",
            "",
            Some("webhook: the secret is missing"),
        ),
        (
            "http://s3cret.ee",
            SECRET,
            Some("webhook: the URL must be https"),
        ),
        (
            "https://s3cret@b",
            SECRET,
            Some("webhook: the URL may not hold credentials"),
        ),
        (
            "https://b#s3cret",
            SECRET,
            Some("webhook: the URL may not have a fragment"),
        ),
        (
            "",
            SECRET,
            Some("webhook: the URL is not a URL: relative URL without a base"),
        ),
    ] {
        assert_eq!(refused(url, secret).as_deref(), said, "{url}");
    }
}
