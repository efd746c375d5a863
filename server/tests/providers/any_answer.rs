//! Whatever a provider answers, nothing panics, and nothing of it is shown.

use proptest::prelude::*;

use super::log::Log;
use super::*;

/// What an answer is made of: pieces of real ones in any order, and anything between.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"errors\":[",
        "{\"code\":\"105\"",
        "\"code\":\"104\"",
        "\"omnimessage_id\":",
        "\"632c6f3d-49d0-4a8f-952b-74023d31e51d\"",
        "null",
        "1e999",
        "\u{0}",
        "\r\n",
        "\r\n\r\n",
        "\"title\":",
        "SECRETS",
    ]);
    prop_oneof![
        8 => words.prop_map(|it| it.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..12).prop_map(|it| it.concat())
}

/// Bodies that can be read, with secrets where a careless reader would pass them on.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let read = prop::sample::select(vec![
        r#"{"omnimessage_id":"SECRETS","to":"SECRETS"}"#,
        r#"{"omnimessage_id":"632c6f3d-49d0-4a8f-952b-74023d31e51d","SECRETS":["SECRETS"]}"#,
        r#"{"errors":[{"code":"SECRETS","title":"SECRETS"}]}"#,
        r#"{"errors":[{"code":"105","title":"SECRETS","detail":"SECRETS","source":"SECRETS"}]}"#,
        r#"{"omnimessage_id":"SECRETS","errors":[{"code":"104","SECRETS":"SECRETS"}]}"#,
        r#"{"errors":["SECRETS"],"message":"SECRETS"}"#,
        r#""SECRETS""#,
    ]);
    prop_oneof![1 => pieces(), 1 => read.prop_map(|it| it.as_bytes().to_vec())]
}

/// An answer: with a status and a header, or bytes that are none.
fn answer() -> impl Strategy<Value = (Option<(u16, Vec<u8>)>, Vec<u8>)> {
    let status = prop_oneof![
        3 => Just(201_u16),
        1 => prop::sample::select(vec![200, 204, 302, 400, 401, 429, 500, 503]),
        1 => 0_u16..1000,
    ];
    prop_oneof![
        6 => (status, pieces(), body()).prop_map(|(status, name, body)| (Some((status, name)), body)),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| (None, bytes)),
    ]
}

/// The bytes of an answer, with `echo` for what it repeats.
fn written((head, body): &(Option<(u16, Vec<u8>)>, Vec<u8>), echo: &[u8]) -> Vec<u8> {
    let body = replaced(body, b"SECRETS", echo);
    let Some((status, name)) = head else {
        return body;
    };
    let name = replaced(name, b"SECRETS", echo);
    let name: Vec<u8> = (name.into_iter())
        .filter(|it| !b"\r\n".contains(it))
        .collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nx: ");
    [head.as_bytes(), &name, b"\r\n\r\n", &body].concat()
}

fn replaced(answer: &[u8], word: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = answer;
    while let Some(at) = rest.windows(word.len()).position(|it| it == word) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with);
        rest = &rest[at + word.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[test]
fn no_answer_panics_or_is_shown() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let clock = Arc::new(MovableClock::default());
    let peer = runtime.block_on(Peer::start(&[taken()]));
    let providers = [
        messente_at(&peer.url(), &clock),
        webhook_at(&format!("{}/s3cret-path", peer.url()), &clock),
    ];
    let log = Log::default();
    // All tasks run on this thread, so this is where their lines go.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let outcomes = std::sync::Mutex::new(std::collections::HashSet::new());
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    tracing::subscriber::with_default(subscriber, || {
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let run = runner.run(&(answer(), 0..2_usize), |(answer, which)| {
            let message = message(&clock);
            let pin = message.pin.expose().to_owned();
            let secrets = [
                "37255555555",
                &pin,
                "is your Sh",
                PASSWORD,
                SECRET,
                "YXBpLXVzZXI6YXBpOnA0c3Mtw6k",
                "s3cret-path",
                "T1tle",
            ];
            let echo = secrets.join(" ").into_bytes();
            peer.then(Act::Write(written(&answer, &echo)));
            let delivered = runtime.block_on(async {
                let provider = Arc::clone(&providers[which]);
                let delivering = tokio::spawn(async move { provider.deliver(&message).await });
                delivering.await
            });
            prop_assert!(delivered.is_ok(), "it panicked");
            let delivered = delivered.unwrap();
            let shown = match &delivered {
                Ok(()) => String::new(),
                Err(error) => format!("{error} {error:?}"),
            };
            let log = log.read();
            for secret in secrets {
                prop_assert!(!shown.contains(secret), "{secret} is in {shown}");
                prop_assert!(!log.contains(secret), "{secret} is in the log");
            }
            outcomes.lock().unwrap().insert(match delivered {
                Ok(()) => 0,
                Err(DeliveryError::Refused(_)) => 1,
                Err(DeliveryError::Failed(_)) => 2,
                Err(DeliveryError::Unknown(_)) => 3,
            });
            Ok(())
        });
        run.unwrap();
    });
    assert_eq!(outcomes.into_inner().unwrap().len(), 4, "not all was met");
    assert!(!log.read().is_empty());
}

/// A report is read only when it is signed, and a status that nobody documented is `other`.
#[test]
fn no_report_panics_and_none_is_believed_unsigned() {
    let clock = Arc::new(MovableClock::default());
    let reports = messente_at("http://127.0.0.1:1", &clock).reports().unwrap();
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }, |(
        body in pieces(),
        signature in prop::collection::vec(any::<u8>(), 0..80),
    )| {
        prop_assert!(reports.read(&signature, &body).is_err());
        let signed = reports.read(hmac(PASSWORD.as_bytes(), &body).as_bytes(), &body);
        if let Ok(report) = signed {
            prop_assert_eq!(report.status, "other");
        }
    });
}
