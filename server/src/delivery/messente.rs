//! Delivery by Messente's Omnichannel API, and its delivery reports.
//!
//! An answer is read for two things: whether there is an `omnimessage_id`, which means that the
//! message was taken, and which of the documented errors it names. Nothing else of it is ever
//! shown, since an answer may repeat the number, the text or the credentials.

use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Deliver, DeliveryError, Message, Report, ReportError, Reports, SetupError,
    post::{Post, is_success},
};
use crate::{clock::Clock, engine::mac::hmac_sha256};

const PROVIDER: &str = "messente";

/// The error codes of the documents, with their titles.
const ERRORS: [(&str, &str); 7] = [
    ("101", "Not found (101)"),
    ("102", "Forbidden (102)"),
    ("103", "Unauthorized (103)"),
    (SERVER_ERROR, "Internal Server Error (104)"),
    ("105", "Invalid data (105)"),
    ("106", "Missing data (106)"),
    ("107", "Method not allowed (107)"),
];
/// The one code that another attempt may not meet again.
const SERVER_ERROR: &str = "104";
const OTHER_ERROR: &str = "an error that is not documented";

/// The statuses of the documents. A report's own words are never passed on.
const STATUSES: [&str; 11] = [
    "ACK", "ACCEPTD", "DELETED", "DELIVRD", "EXPIRED", "FAILED", "NACK", "REJECTD", "SEEN",
    "UNDELIV", "UNKNOWN",
];
const OTHER_STATUS: &str = "other";

/// What an account with Messente says of itself.
#[derive(Clone)]
pub struct MessenteSettings {
    /// The API username. Holds no colon.
    pub username: String,
    /// The API password. Reports are signed with it, too.
    pub password: Zeroizing<String>,
    /// Who a message is from, as registered with Messente: a number, or up to 11 letters and
    /// digits. None leaves it to the account's default.
    pub sender: Option<String>,
    /// Where the API is: https, or http to this machine; [`Messente::URL`] for the real one.
    pub url: String,
}

/// Sends by SMS through Messente.
///
/// Belongs to the runtime that it is first used on. An answer that does not come within 9 seconds
/// leaves a message's fate unknown.
pub struct Messente {
    post: Post,
    /// Marked sensitive, so that no library prints it.
    authorization: HeaderValue,
    sender: Option<String>,
    reports: Arc<MessenteReports>,
    clock: Arc<dyn Clock>,
}

/// Reads Messente's delivery reports, which are signed with the API password.
struct MessenteReports {
    password: Zeroizing<String>,
}

#[derive(Serialize)]
struct Omnimessage<'a> {
    to: &'a str,
    priority: &'static str,
    messages: [Sms<'a>; 1],
}

#[derive(Serialize)]
struct Sms<'a> {
    channel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    text: &'a str,
    /// Seconds.
    ttl: i64,
    autoconvert: &'static str,
}

impl Messente {
    /// Where the real API is.
    pub const URL: &str = "https://api.messente.com";

    /// Checks the settings. Connects to nothing yet.
    pub fn new(settings: MessenteSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let MessenteSettings {
            username,
            password,
            sender,
            url,
        } = settings;
        let provider = PROVIDER;
        for (what, value) in [("username", &username), ("password", &*password)] {
            if value.is_empty() {
                return Err(SetupError::Missing { provider, what });
            }
        }
        if username.contains(':') {
            return Err(SetupError::Colon { provider });
        }
        if url.contains(['?', '#']) {
            let why = "the URL may not have a query or a fragment".to_owned();
            return Err(SetupError::Url { provider, why });
        }
        let url = format!("{}/v1/omnimessage", url.trim_end_matches('/'));
        let credentials = Zeroizing::new(format!("{username}:{}", password.as_str()));
        let basic = Zeroizing::new(format!("Basic {}", BASE64.encode(credentials.as_bytes())));
        let mut authorization = header(&basic);
        authorization.set_sensitive(true);
        Ok(Self {
            post: Post::to(provider, &url)?,
            authorization,
            sender: sender.filter(|it| !it.is_empty()),
            reports: Arc::new(MessenteReports { password }),
            clock,
        })
    }

    /// The id of a message that was taken, if it is one; or why it was not.
    fn read(&self, status: u16, body: Option<&[u8]>) -> Result<Option<Uuid>, DeliveryError> {
        let answer: Option<Map<String, Value>> =
            body.and_then(|body| serde_json::from_slice(body).ok());
        let answer = answer.unwrap_or_default();
        let error = error(&answer);
        if !is_success(status) {
            return Err(self.post.refusal(status, error.map(|it| it.1)));
        }
        if let Some((code, title)) = error {
            let reason = self.post.reason(title);
            return Err(if code == SERVER_ERROR || title == OTHER_ERROR {
                DeliveryError::Failed(reason)
            } else {
                DeliveryError::Refused(reason)
            });
        }
        match answer.get("omnimessage_id") {
            Some(Value::String(id)) if !id.is_empty() => Ok(id.parse().ok()),
            _ => {
                let reason = self.post.reason("its answer cannot be read");
                Err(DeliveryError::Unknown(reason))
            }
        }
    }
}

#[expect(clippy::expect_used, reason = "Base64 is ASCII")]
fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("Base64 goes into a header")
}

/// The first error of an answer, as one of [`ERRORS`]; none when it names none.
fn error(answer: &Map<String, Value>) -> Option<(&'static str, &'static str)> {
    let first = answer.get("errors")?.as_array()?.first()?;
    let code = first.get("code").and_then(Value::as_str);
    let known = ERRORS.iter().find(|(known, _)| code == Some(known));
    Some(known.copied().unwrap_or(("", OTHER_ERROR)))
}

#[async_trait]
impl Deliver for Messente {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let left = message.expires_at.duration_since(self.clock.now());
        let body = self.post.write(&Omnimessage {
            to: message.to.expose(),
            priority: "high",
            messages: [Sms {
                channel: "sms",
                sender: self.sender.as_deref(),
                text: &message.text,
                // The courier sends nothing whose time is up; less than a second is none.
                ttl: left.as_secs().max(1),
                autoconvert: "off",
            }],
        })?;
        let header = (AUTHORIZATION, self.authorization.clone());
        let reply = self.post.send(header, body).await?;
        let taken = self.read(reply.status, reply.body.as_deref())?;
        tracing::debug!(id = %message.id, omnimessage_id = taken.map(tracing::field::display), "taken");
        Ok(())
    }

    fn reports(&self) -> Option<Arc<dyn Reports>> {
        Some(Arc::clone(&self.reports) as _)
    }
}

impl Reports for MessenteReports {
    fn signed_by(&self) -> &'static str {
        "x-messente-signature"
    }

    fn read(&self, signature: &[u8], body: &[u8]) -> Result<Report, ReportError> {
        let right = hmac_sha256(self.password.as_bytes(), &[body]);
        let given = HEXLOWER_PERMISSIVE.decode(signature).unwrap_or_default();
        if !bool::from(given.ct_eq(&right)) {
            return Err(ReportError::Forged);
        }
        let report: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| ReportError::Malformed)?;
        let status = report.get("status").and_then(Value::as_str);
        let known = STATUSES.iter().find(|known| status == Some(known));
        let status = known.copied().unwrap_or(OTHER_STATUS);
        let id = report.get("omnimessage_id").and_then(Value::as_str);
        let id: Option<Uuid> = id.and_then(|id| id.parse().ok());
        let err = report.get("err").and_then(Value::as_u64);
        tracing::debug!(
            status,
            err,
            omnimessage_id = id.map(tracing::field::display),
            "reported"
        );
        Ok(Report { status })
    }
}
