//! A message that must be sent: sealed whole, with the number and the PIN in it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{SealedError, micros, moment};
use crate::{
    engine::{
        keys::{Keys, Place},
        message::Message,
        phone::Phone,
        pin::Pin,
    },
    random,
};

const WRONG: SealedError = SealedError::Value("a message");

/// What is sealed of it.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    to: &'a str,
    /// Owned when it holds what JSON escapes.
    #[serde(borrow)]
    text: Cow<'a, str>,
    pin: &'a str,
    sent_at: i64,
    expires_at: i64,
}

fn place(id: Uuid) -> Place {
    Place {
        kind: "message",
        row: id,
    }
}

/// Seals a message, bound to its id.
pub(crate) fn seal(keys: &Keys, message: &Message) -> Result<Vec<u8>, SealedError> {
    let kept = Kept {
        to: message.to.expose(),
        text: Cow::Borrowed(&message.text),
        pin: message.pin.expose(),
        sent_at: micros(message.sent_at),
        expires_at: micros(message.expires_at),
    };
    let plain = Zeroizing::new(serde_json::to_vec(&kept).map_err(|_| WRONG)?);
    Ok(keys.seal(place(message.id), &plain, random::fill)?)
}

/// Reads the message of this id.
pub(crate) fn open(keys: &Keys, id: Uuid, sealed: &[u8]) -> Result<Message, SealedError> {
    let plain = keys.open(place(id), sealed)?;
    let kept: Kept<'_> = serde_json::from_slice(&plain).map_err(|_| WRONG)?;
    Ok(Message {
        id,
        to: Phone::parse(kept.to).map_err(|_| WRONG)?,
        text: Zeroizing::new(kept.text.into_owned()),
        pin: Pin::from_digits(kept.pin).ok_or(WRONG)?,
        sent_at: moment(kept.sent_at)?,
        expires_at: moment(kept.expires_at)?,
    })
}
