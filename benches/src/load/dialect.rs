//! How a flow is said: the two requests of it, and which answers are right.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use serde::Deserialize;
use serde_json::{Value, json};

use verigator_benches::{flows::Failure, keys::new_key};

use crate::{connection::Answer, users::User};

/// Which server is asked.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dialect {
    /// This project's, and whatever answers like it.
    Verigator {
        /// What stands in `X-Service-Auth`.
        credentials: String,
        /// Whether requests carry an `Idempotency-Key`.
        keys: bool,
    },
    /// A challenge that the application triggers with its API key, as privacyIDEA's documents
    /// have it.
    PrivacyIdea {
        /// The API key.
        token: String,
    },
}

impl Dialect {
    /// The request that sends a PIN.
    pub(crate) fn start(&self, user: &User) -> Result<Request<Full<Bytes>>, Failure> {
        match self {
            Self::Verigator { .. } => self.verigator(
                Method::POST,
                &user.path("auth"),
                r#"{"method":"sms"}"#.into(),
            ),
            Self::PrivacyIdea { .. } => {
                let body = json!({ "user": user.id }).to_string();
                self.privacy_idea("/validate/triggerchallenge", body)
            }
        }
    }

    /// What the answer to that says: the number of the transaction, where there is one.
    pub(crate) fn started(&self, answer: &Answer) -> Result<Option<String>, Failure> {
        match self {
            Self::Verigator { .. } => {
                let body = answer.expect(StatusCode::CREATED)?;
                same(body, r#"{"method":"sms"}"#)?;
                Ok(None)
            }
            Self::PrivacyIdea { .. } => {
                let body: Value = serde_json::from_slice(answer.expect(StatusCode::OK)?)?;
                let transaction = body
                    .pointer("/detail/transaction_id")
                    .and_then(Value::as_str);
                Ok(Some(
                    transaction.ok_or("no challenge was triggered")?.to_owned(),
                ))
            }
        }
    }

    /// The request that checks a PIN.
    pub(crate) fn check(
        &self,
        user: &User,
        pin: &str,
        transaction: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        match self {
            Self::Verigator { .. } => {
                let body = format!(r#"{{"token":"{pin}"}}"#);
                self.verigator(Method::PUT, &user.path("auth"), body)
            }
            Self::PrivacyIdea { .. } => {
                let body = json!({ "user": user.id, "pass": pin, "transaction_id": transaction });
                self.privacy_idea("/validate/check", body.to_string())
            }
        }
    }

    /// Whether the answer to that says that the PIN was right.
    pub(crate) fn verified(&self, answer: &Answer) -> Result<(), Failure> {
        let body = answer.expect(StatusCode::OK)?;
        match self {
            Self::Verigator { .. } => same(body, r#"{"method":"sms","verified":true}"#),
            Self::PrivacyIdea { .. } => {
                let body: Value = serde_json::from_slice(body)?;
                if body.pointer("/result/value") == Some(&Value::Bool(true)) {
                    Ok(())
                } else {
                    Err(format!("not verified: {body}").into())
                }
            }
        }
    }

    /// Any request of the Verigator API.
    pub(crate) fn verigator(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let Self::Verigator { credentials, keys } = self else {
            return Err("this server has another API".into());
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header("x-service-auth", credentials)
            .header(CONTENT_TYPE, "application/json");
        if *keys {
            request = request.header("idempotency-key", new_key()?.to_string());
        }
        Ok(request.body(Full::from(body))?)
    }

    fn privacy_idea(&self, path: &str, body: String) -> Result<Request<Full<Bytes>>, Failure> {
        let Self::PrivacyIdea { token } = self else {
            return Err("this server has another API".into());
        };
        let request = Request::post(path)
            .header(HOST, "localhost")
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "application/json");
        Ok(request.body(Full::from(body))?)
    }
}

fn same(body: &[u8], expected: &str) -> Result<(), Failure> {
    if body == expected.as_bytes() {
        Ok(())
    } else {
        let body = String::from_utf8_lossy(body);
        Err(format!("{body} in place of {expected}").into())
    }
}
