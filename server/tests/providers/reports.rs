//! Messente's delivery reports.

use serde_json::{Value, json};

use super::*;

const PATH: &str = "/delivery/messente";

/// A report as Messente documents it.
fn report(status: &str) -> Value {
    json!({
        "status": status, "sender": "Shop", "err": 0, "to": "+37255555555", "channel": "sms",
        "message_id": "fc593ce7-68de-5e44-bc50-044a3ad0a7fa", "error": null,
        "omnimessage_id": "632c6f3d-49d0-4a8f-952b-74023d31e51d",
        "timestamp": "2020-02-04T08:09:42.389630",
        "price_info": {"part_price": "0.1", "parts_count": 2, "total_price": "0.2"},
    })
}

async fn server() -> Server {
    let clock = Arc::new(MovableClock::default());
    let providers = [
        messente_at("http://127.0.0.1:1", &clock),
        messente_at("http://127.0.0.1:2", &clock),
        webhook_at("http://127.0.0.1:1", &clock),
    ];
    let mut server = Server::start(&clock, &providers).await;
    // Messente has no account here.
    server.client.auth.clear();
    server
}

impl Server {
    async fn report(&self, signature: Option<&str>, body: impl AsRef<[u8]>) -> common::Answer {
        let mut client = self.client.clone();
        if let Some(signature) = signature {
            client = client.with_header("X-Messente-Signature", signature);
        }
        client.raw("POST", PATH, body.as_ref().to_vec()).await
    }

    async fn signed(&self, body: impl AsRef<[u8]>) -> common::Answer {
        let signature = hmac(PASSWORD.as_bytes(), body.as_ref());
        self.report(Some(&signature), body).await
    }

    async fn reported(&self, status: &str) -> u64 {
        let labels = format!("provider=\"messente\",status=\"{status}\"");
        self.counted(&format!("verigator_delivery_reports_total{{{labels}}}"))
            .await
    }

    async fn reports(&self) -> u64 {
        let metrics = self.client.get("/metrics").await;
        let text = String::from_utf8(metrics.bytes).unwrap();
        let lines = text.lines();
        let counts = lines.filter(|it| it.starts_with("verigator_delivery_reports_total{"));
        let count = |it: &str| it.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        counts.map(count).sum()
    }
}

#[tokio::test]
async fn what_is_signed_is_counted() {
    let server = server().await;
    let statuses = [
        "ACK", "ACCEPTD", "DELETED", "DELIVRD", "EXPIRED", "FAILED", "NACK", "REJECTD", "SEEN",
        "UNDELIV", "UNKNOWN",
    ];
    for status in statuses {
        let answer = server.signed(report(status).to_string()).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({})));
        assert_eq!(server.reported(status).await, 1, "{status}");
    }
    // As it is written: bytes are signed, and no form of JSON.
    let spaced = " {\n \"status\" : \"DELIVRD\" }\n";
    assert_eq!(server.signed(spaced).await.status, 200);
    let upper = hmac(PASSWORD.as_bytes(), spaced.as_bytes()).to_uppercase();
    assert_eq!(server.report(Some(&upper), spaced).await.status, 200);
    assert_eq!(server.reported("DELIVRD").await, 3);
    for other in [
        report("+37255555555"),
        report("delivrd"),
        report(""),
        json!({"status": null}),
        json!({"status": ["DELIVRD"]}),
        json!({}),
    ] {
        assert_eq!(server.signed(other.to_string()).await.status, 200);
    }
    assert_eq!(server.reported("other").await, 6);
    assert_eq!(server.reports().await, 11 + 2 + 6);
}

#[tokio::test]
async fn what_is_not_signed_is_refused_and_not_counted() {
    let server = server().await;
    let body = report("DELIVRD").to_string();
    let right = hmac(PASSWORD.as_bytes(), body.as_bytes());
    let flipped = if right.starts_with('0') { "1" } else { "0" };
    let flipped = format!("{flipped}{}", &right[1..]);
    let of_another = hmac(b"another password", body.as_bytes());
    for signature in [
        None,
        Some(""),
        Some("0"),
        Some(&flipped),
        Some(&right[..62]),
        Some(&format!("{right}00")),
        Some(&format!("sha256={right}")),
        Some(&of_another),
        Some(&hmac(PASSWORD.as_bytes(), b"")),
        Some(&hmac(b"", body.as_bytes())),
    ] {
        let answer = server.report(signature, &body).await;
        let wrong = (401, "wrong_signature".to_owned());
        assert_eq!(answer.error(), wrong, "{signature:?}");
    }
    // Signed, and then changed.
    let answer = server
        .report(Some(&right), body.replace("DELIVRD", "FAILED"))
        .await;
    assert_eq!(answer.status, 401);
    // Forged and no JSON: nothing is said of what was not looked at.
    assert_eq!(server.report(Some(&right), "garbage").await.status, 401);
    assert_eq!(server.reports().await, 0);
    assert_eq!(server.report(Some(&right), &body).await.status, 200);
}

#[tokio::test]
async fn what_is_no_report() {
    let server = server().await;
    for body in ["", "garbage", "[]", "1", "{\"status\":\"DELIVRD\"", "{}{}"] {
        let answer = server.signed(body).await;
        assert_eq!(answer.error(), (422, "invalid_body".to_owned()), "{body}");
    }
    assert_eq!(server.signed(b"{\"status\":\"\xff\"}").await.status, 422);
    assert_eq!(server.signed("x".repeat(64 * 1024 + 1)).await.status, 413);
    assert_eq!(server.client.get(PATH).await.status, 405);
    // A webhook reports nothing.
    let webhook = server.client.raw("POST", "/delivery/webhook", "{}").await;
    assert_eq!(webhook.status, 404);
    assert_eq!(server.reports().await, 0);

    let clock = Arc::new(MovableClock::default());
    let without = [webhook_at("http://127.0.0.1:1", &clock)];
    let without = Server::start(&clock, &without).await;
    let answer = without.signed(report("DELIVRD").to_string()).await;
    assert_eq!(answer.error(), (404, "not_found".to_owned()));
}
