//! Delivery to standard output, for a developer who reads the PIN off the screen.

use std::io::Write;

use async_trait::async_trait;

use super::{Deliver, DeliveryError, Message, Reason};

/// Prints each message as one line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Console;

#[async_trait]
impl Deliver for Console {
    fn provider(&self) -> &'static str {
        "console"
    }

    async fn deliver(&self, message: &Message) -> Result<(), DeliveryError> {
        let line = line(message);
        let mut out = std::io::stdout().lock();
        let written = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        written.map_err(|_| {
            let what = "standard output cannot be written to";
            DeliveryError::Failed(Reason::new(self.provider(), what))
        })
    }
}

/// A message of several lines stays one line, so that no template can forge a second message.
fn line(message: &Message) -> String {
    let text = message
        .text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    format!("{} {}: {text}\n", message.sent_at, message.to.expose())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use zeroize::Zeroizing;

    use super::*;
    use crate::engine::{
        phone::Phone,
        pin::{Pin, PinLength},
    };

    #[test]
    fn a_message_is_one_line_and_its_debug_shows_no_secret() {
        let fill = |bytes: &mut [u8]| {
            bytes.fill(3);
            Ok::<_, Infallible>(())
        };
        let pin = Pin::generate(PinLength::default(), fill).unwrap();
        let message = Message {
            id: uuid::Uuid::nil(),
            to: Phone::parse("+37255555555").unwrap(),
            text: Zeroizing::new("333333 is it\n\n@shop.ee #333333".to_owned()),
            pin,
            sent_at: jiff::Timestamp::UNIX_EPOCH,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
        };
        assert_eq!(
            line(&message),
            "1970-01-01T00:00:00Z +37255555555: 333333 is it @shop.ee #333333\n"
        );
        let shown = format!("{message:?}");
        assert!(
            !shown.contains("3333") && !shown.contains("5555"),
            "{shown}"
        );
    }
}
