//! Phone numbers: one written form for each, and a masked one for logs; and their prefixes.

use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;

/// A phone number as `+` and 7 to 15 digits (the length limits of ITU-T E.164).
///
/// `Display` and `Debug` show it masked; [`expose`](Self::expose) gives the digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Phone(Arc<str>);

/// A text that is not a phone number with its country prefix. Does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a phone number is + and 7 to 15 digits")]
pub struct PhoneError;

impl Phone {
    /// Reads a number as people write it: spaces, dots, dashes and brackets are dropped, and a
    /// leading `00` becomes `+`.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let bare: String = text.chars().filter(|c| !is_decoration(*c)).collect();
        let digits = bare
            .strip_prefix('+')
            .or_else(|| bare.strip_prefix("00"))
            .ok_or(PhoneError)?;
        if (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(format!("+{digits}").into()))
        } else {
            Err(PhoneError)
        }
    }

    /// The whole number, for sending to it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The beginning of phone numbers, such as `+372` for a country: `+` and 1 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prefix(Arc<str>);

/// A text that is not the beginning of a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a prefix is + and 1 to 15 digits")]
pub struct PrefixError;

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let digits = text.strip_prefix('+').ok_or(PrefixError)?;
        if (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(PrefixError)
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Prefix {
    /// Whether `phone` begins so.
    pub fn covers(&self, phone: &Phone) -> bool {
        phone.0.starts_with(&*self.0)
    }
}

/// Spaces, dots, dashes and brackets, also those that word processors put in their place.
fn is_decoration(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' | '.' | '-' | '\u{2010}'
            ..='\u{2015}' | '(' | ')' | '[' | ']'
    )
}

impl fmt::Display for Phone {
    /// `+372•••••55`: always five dots, so that the length stays unknown too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.0.get(..4).unwrap_or_default();
        let end = self
            .0
            .get(self.0.len().saturating_sub(2)..)
            .unwrap_or_default();
        write!(f, "{start}•••••{end}")
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn written_forms_of_one_number() {
        for text in [
            "+37255555555",
            "0037255555555",
            "+372 5555 5555",
            " (+372) 5555-5555 ",
            "+372.5555.5555",
            "00 372 [55] 55–55\u{a0}55",
        ] {
            assert_eq!(
                Phone::parse(text).unwrap().expose(),
                "+37255555555",
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "+",
            "00",
            "37255555555",
            "+123456",
            "+1234567890123456",
            "++37255555555",
            "+372/5555555",
            "+372 5555555x",
            "+３７２５５５５５５５",
            "+372\n5555555",
            "5+37255555555",
            "+xxxxxxxxxxx",
        ] {
            assert_eq!(Phone::parse(text), Err(PhoneError), "{text}");
        }
    }

    #[test]
    fn shown_masked() {
        let phone = Phone::parse("+37255555555").unwrap();
        assert_eq!(phone.to_string(), "+372•••••55");
        assert_eq!(format!("{phone:?}"), "Phone(+372•••••55)");
    }

    #[test]
    fn prefixes() {
        let phone = Phone::parse("+37255555555").unwrap();
        for (text, covers) in [
            ("+3", true),
            ("+372", true),
            ("+37255555555", true),
            ("+371", false),
            ("+2", false),
            ("+372555555555", false),
        ] {
            let prefix: Prefix = text.parse().unwrap();
            assert_eq!(prefix.covers(&phone), covers, "{text}");
            assert_eq!(prefix.to_string(), text);
        }
        for text in ["", "+", "372", "00372", "+37 2", "+1234567890123456", "+x"] {
            assert_eq!(text.parse::<Prefix>(), Err(PrefixError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_what_it_takes_is_stable(text in "\\PC*") {
            if let Ok(phone) = Phone::parse(&text) {
                prop_assert_eq!(Phone::parse(phone.expose()), Ok(phone));
            }
        }

        #[test]
        fn decoration_does_not_matter(
            digits in "[0-9]{7,15}",
            marks in proptest::collection::vec("[ .()\\[\\]-]{0,3}", 16),
            zeros in any::<bool>(),
        ) {
            let mut text = if zeros { "00".to_owned() } else { "+".to_owned() };
            for (digit, mark) in digits.chars().zip(&marks) {
                text.push_str(mark);
                text.push(digit);
            }
            let expected = format!("+{digits}");
            let phone = Phone::parse(&text).unwrap();
            prop_assert_eq!(phone.expose(), expected);
        }

        #[test]
        fn the_mask_hides_the_middle(digits in "[0-9]{7,15}") {
            let shown = Phone::parse(&format!("+{digits}")).unwrap().to_string();
            let expected = format!("+{}•••••{}", &digits[..3], &digits[digits.len() - 2..]);
            prop_assert_eq!(shown, expected);
        }
    }
}
