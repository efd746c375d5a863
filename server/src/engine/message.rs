//! A message on its way to a phone.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{phone::Phone, pin::Pin, template::Template};
use crate::config::Rules;

/// One text to one phone. `Debug` shows the number masked, and neither text nor PIN.
#[derive(Clone)]
pub struct Message {
    /// The id of the start that asked for it: the same whenever it is sent again.
    pub id: Uuid,
    /// Where it goes.
    pub to: Phone,
    /// The whole text, PIN included.
    pub text: Zeroizing<String>,
    /// The PIN in the text, for an outbox that tests read.
    pub pin: Pin,
    /// When it was asked for.
    pub sent_at: Timestamp,
    /// Nothing may be sent after this: the PIN in it is dead.
    pub expires_at: Timestamp,
}

/// What a message says of the service that it is sent for.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The service's name.
    pub name: &'a str,
    /// Its host, for the line by which browsers offer the PIN.
    pub fqdn: &'a str,
    /// Its own text; [`Rules::template`] when it has none.
    pub template: Option<&'a Template>,
}

impl Message {
    /// Writes a message with a PIN that may be used from `now` until `expires_at`.
    pub fn new(
        id: Uuid,
        to: Phone,
        sender: Sender<'_>,
        pin: Pin,
        now: Timestamp,
        expires_at: Timestamp,
        rules: &Rules,
    ) -> Self {
        let host = rules.autofill.then_some(sender.fqdn);
        let template = sender.template.unwrap_or(&rules.template);
        Self {
            id,
            to,
            text: template.render(&pin, sender.name, host),
            pin,
            sent_at: now,
            expires_at,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("to", &self.to)
            .field("sent_at", &self.sent_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::engine::pin::PinLength;

    fn text(template: Option<&Template>, rules: &Rules) -> String {
        let fill = |bytes: &mut [u8]| {
            bytes.fill(4);
            Ok::<_, Infallible>(())
        };
        let pin = Pin::generate(PinLength::default(), fill).unwrap();
        let sender = Sender {
            name: "Shop",
            fqdn: "shop.ee",
            template,
        };
        let (to, now) = (Phone::parse("+37255555555").unwrap(), Timestamp::UNIX_EPOCH);
        let message = Message::new(Uuid::nil(), to, sender, pin, now, now, rules);
        message.text.as_str().to_owned()
    }

    #[test]
    fn a_service_may_have_its_own_text_and_the_rules_may_ask_for_the_last_line() {
        let mut rules = Rules::default();
        let own = "{service}: {pin}".parse().unwrap();
        assert_eq!(text(None, &rules), "444444 is your Shop verification code");
        assert_eq!(text(Some(&own), &rules), "Shop: 444444");
        rules.autofill = true;
        assert_eq!(text(Some(&own), &rules), "Shop: 444444\n\n@shop.ee #444444");
    }
}
