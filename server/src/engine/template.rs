//! The text of a message: a checked template with the PIN and the service's name in it.

use std::{fmt, str::FromStr};

use thiserror::Error;
use zeroize::Zeroizing;

use super::pin::Pin;

/// Longer texts would need more than ten SMS parts, which is a mistake rather than a message.
const MAX_CHARS: usize = 1_000;

/// A message text with `{pin}` exactly once and `{service}` at most once, both in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Pin,
    Service,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// There must be one place for the PIN, or the message is useless.
    #[error("a message template holds {{pin}} exactly once")]
    Pin,
    /// A service is named once or not at all.
    #[error("a message template holds {{service}} at most once")]
    Service,
    /// Braces hold `pin` or `service` and nothing else.
    #[error("a message template holds no braces but those of {{pin}} and {{service}}")]
    Braces,
    /// A phone shows lines and nothing else that is not seen.
    #[error("a message template holds no control characters but line feeds")]
    Control,
    /// The text would take more than ten SMS parts.
    #[error("a message template has at most 1000 characters")]
    TooLong,
}

impl FromStr for Template {
    type Err = TemplateError;

    /// Reads and checks a template.
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.chars().count() > MAX_CHARS {
            return Err(TemplateError::TooLong);
        }
        if text.contains(|c: char| c.is_control() && c != '\n') {
            return Err(TemplateError::Control);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(TemplateError::Braces)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name {
                "pin" => Part::Pin,
                "service" => Part::Service,
                _ => return Err(TemplateError::Braces),
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        let count = |wanted: &Part| parts.iter().filter(|part| *part == wanted).count();
        if parts
            .iter()
            .any(|part| matches!(part, Part::Text(text) if text.contains('}')))
        {
            Err(TemplateError::Braces)
        } else if count(&Part::Pin) != 1 {
            Err(TemplateError::Pin)
        } else if count(&Part::Service) > 1 {
            Err(TemplateError::Service)
        } else {
            Ok(Self(parts))
        }
    }
}

impl fmt::Display for Template {
    /// The text it was read from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| {
            f.write_str(match part {
                Part::Text(fixed) => fixed,
                Part::Pin => "{pin}",
                Part::Service => "{service}",
            })
        })
    }
}

impl Template {
    /// The text with `pin` and `service` filled in.
    ///
    /// With `host`, a last line `@host #pin` follows: browsers offer the PIN on that site and on
    /// no other (WICG "Origin-bound one-time codes delivered via SMS").
    pub fn render(&self, pin: &Pin, service: &str, host: Option<&str>) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_CHARS));
        for part in &self.0 {
            text.push_str(match part {
                Part::Text(fixed) => fixed,
                Part::Pin => pin.expose(),
                Part::Service => service,
            });
        }
        if let Some(host) = host {
            for part in ["\n\n@", host, " #", pin.expose()] {
                text.push_str(part);
            }
        }
        text
    }
}

impl Default for Template {
    /// `{pin} is your {service} verification code`
    fn default() -> Self {
        Self(vec![
            Part::Pin,
            Part::Text(" is your ".to_owned()),
            Part::Service,
            Part::Text(" verification code".to_owned()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::engine::pin::PinLength;

    fn pin() -> Pin {
        let fill = |bytes: &mut [u8]| {
            bytes.fill(4);
            Ok::<_, Infallible>(())
        };
        Pin::generate(PinLength::default(), fill).unwrap()
    }

    #[test]
    fn the_default_is_what_its_text_says() {
        let text = "{pin} is your {service} verification code";
        let parsed: Template = text.parse().unwrap();
        assert_eq!(parsed, Template::default());
        assert_eq!(parsed.to_string(), text);
        let text = parsed.render(&pin(), "Shop {pin}", None);
        assert_eq!(text.as_str(), "444444 is your Shop {pin} verification code");
    }

    #[test]
    fn the_last_line_binds_the_pin_to_a_site() {
        let template: Template = "Code:\n{pin}".parse().unwrap();
        let text = template.render(&pin(), "Shop", Some("shop.ee"));
        assert_eq!(text.as_str(), "Code:\n444444\n\n@shop.ee #444444");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, error) in [
            ("no place", TemplateError::Pin),
            ("", TemplateError::Pin),
            ("{pin} {pin}", TemplateError::Pin),
            ("{pin} {service} {service}", TemplateError::Service),
            ("{pin} {user}", TemplateError::Braces),
            ("{pin} }", TemplateError::Braces),
            ("{pin", TemplateError::Braces),
            ("{{pin}}", TemplateError::Braces),
            ("{pin}\r\n", TemplateError::Control),
            ("{pin}\0", TemplateError::Control),
        ] {
            assert_eq!(text.parse::<Template>().unwrap_err(), error, "{text}");
        }
        let long = format!("{{pin}}{}", "x".repeat(MAX_CHARS));
        assert_eq!(
            long.parse::<Template>().unwrap_err(),
            TemplateError::TooLong
        );
        assert_eq!(
            TemplateError::Pin.to_string(),
            "a message template holds {pin} exactly once"
        );
    }
}
