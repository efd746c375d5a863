//! Delivery to any URL: a signed POST that says who gets which text until when.
//!
//! The receiver sends the text on. It knows by the signature that the message is genuine and by
//! the time in it that it is fresh, and may get a message twice, with the same id: when it took
//! one and its answer was lost.

use std::sync::Arc;

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use hyper::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Deliver, DeliveryError, Message, SetupError,
    post::{Post, is_success},
};
use crate::{clock::Clock, engine::mac::hmac_sha256};

const PROVIDER: &str = "webhook";
const SIGNATURE: HeaderName = HeaderName::from_static("verigator-signature");

/// Posts messages to a URL.
///
/// Belongs to the runtime that it is first used on. An answer that does not come within 9 seconds
/// leaves a message's fate unknown.
pub struct Webhook {
    post: Post,
    secret: Zeroizing<String>,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize)]
struct Body<'a> {
    id: Uuid,
    to: &'a str,
    text: &'a str,
    expires_at: Timestamp,
}

impl Webhook {
    /// Posts to `url`, which is https, or http to this machine, and signs with `secret`, which
    /// must not be empty. Connects to nothing yet.
    pub fn new(
        url: &str,
        secret: Zeroizing<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        if secret.is_empty() {
            let (provider, what) = (PROVIDER, "secret");
            return Err(SetupError::Missing { provider, what });
        }
        Ok(Self {
            post: Post::to(PROVIDER, url)?,
            secret,
            clock,
        })
    }

    /// `t=<seconds since 1970>,v1=<HMAC-SHA-256 of "t.body" in hexadecimal digits>`
    fn signature(&self, body: &[u8]) -> Result<HeaderValue, DeliveryError> {
        let at = self.clock.now().as_second().to_string();
        let mac = hmac_sha256(self.secret.as_bytes(), &[at.as_bytes(), b".", body]);
        HeaderValue::try_from(format!("t={at},v1={}", HEXLOWER.encode(&mac)))
            .map_err(|_| DeliveryError::Refused(self.post.reason("it cannot be signed")))
    }
}

#[async_trait]
impl Deliver for Webhook {
    fn provider(&self) -> &'static str {
        PROVIDER
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let body = self.post.write(&Body {
            id: message.id,
            to: message.to.expose(),
            text: &message.text,
            expires_at: message.expires_at,
        })?;
        let header = (SIGNATURE, self.signature(&body)?);
        let reply = self.post.send(header, body).await?;
        if is_success(reply.status) {
            Ok(())
        } else {
            Err(self.post.refusal(reply.status, None))
        }
    }
}
