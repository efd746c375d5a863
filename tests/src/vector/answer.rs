//! What the peer answers, right or broken.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "AnswerFields")]
pub enum Answer {
    /// A well-formed one. The connection is kept.
    Whole(Head, Vec<u8>),
    /// These bytes, and then the end of the connection.
    RawThenClose(Vec<u8>),
    /// These bytes, none perhaps, and then nothing more until the client goes away.
    RawThenHang(Vec<u8>),
    /// The end of the connection.
    Close,
    /// A reset.
    Reset,
}

/// What stands above the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// By lower-case name. `content-length` is left to whoever writes the answer.
    pub headers: BTreeMap<String, String>,
}

/// As it is written: one object for all forms.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerFields {
    status: Option<u16>,
    headers: Option<BTreeMap<String, String>>,
    /// Also null is a body, so "not there" is told apart.
    #[serde(default, deserialize_with = "present")]
    json: Option<Value>,
    text: Option<String>,
    pad_to: Option<usize>,
    raw: Option<String>,
    #[serde(default)]
    close: bool,
    #[serde(default)]
    reset: bool,
    #[serde(default)]
    hang: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl TryFrom<AnswerFields> for Answer {
    type Error = &'static str;

    fn try_from(fields: AnswerFields) -> Result<Self, Self::Error> {
        let AnswerFields {
            status,
            headers,
            json,
            text,
            pad_to,
            raw,
            close,
            reset,
            hang,
        } = fields;
        let has_body = headers.is_some() || json.is_some() || text.is_some() || pad_to.is_some();
        match (status, raw, close, reset, hang) {
            (Some(status), None, false, false, false) => {
                let mut headers = headers.unwrap_or_default();
                if headers.keys().any(|name| *name != name.to_lowercase()) {
                    return Err("names of headers are written in lower case");
                }
                if headers.contains_key("content-length") {
                    return Err("content-length is always right; a wrong one needs raw");
                }
                let mut body = match (json, text) {
                    (Some(_), Some(_)) => return Err("an answer has json or text, not both"),
                    (Some(json), None) => {
                        headers
                            .entry("content-type".to_owned())
                            .or_insert_with(|| "application/json".to_owned());
                        json.to_string().into_bytes()
                    }
                    (None, text) => text.unwrap_or_default().into_bytes(),
                };
                if let Some(length) = pad_to {
                    if length < body.len() {
                        return Err("pad_to is less than the body");
                    }
                    body.resize(length, b' ');
                }
                Ok(Self::Whole(Head { status, headers }, body))
            }
            (None, Some(raw), false, false, hang) if !has_body => {
                let bytes = latin_1(&raw).ok_or("raw has only characters up to U+00FF")?;
                Ok(if hang {
                    Self::RawThenHang(bytes)
                } else {
                    Self::RawThenClose(bytes)
                })
            }
            (None, None, true, false, false) if !has_body => Ok(Self::Close),
            (None, None, false, true, false) if !has_body => Ok(Self::Reset),
            (None, None, false, false, true) if !has_body => Ok(Self::RawThenHang(Vec::new())),
            _ => Err("an answer is one of status, raw, close, reset and hang"),
        }
    }
}

fn latin_1(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|it| u8::try_from(u32::from(it)).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Answer, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn every_form_is_read() {
        let Answer::Whole(head, body) = read(r#"{"status":200,"json":null,"pad_to":6}"#).unwrap()
        else {
            panic!("not whole");
        };
        assert_eq!(body, b"null  ");
        assert_eq!(head.headers["content-type"], "application/json");
        assert_eq!(
            read(r#"{"raw":"a\u00ff"}"#).unwrap(),
            Answer::RawThenClose(vec![b'a', 0xff])
        );
        assert_eq!(
            read(r#"{"raw":"a","hang":true}"#).unwrap(),
            Answer::RawThenHang(vec![b'a'])
        );
        assert_eq!(
            read(r#"{"hang":true}"#).unwrap(),
            Answer::RawThenHang(Vec::new())
        );
        assert_eq!(read(r#"{"close":true}"#).unwrap(), Answer::Close);
        assert_eq!(read(r#"{"reset":true}"#).unwrap(), Answer::Reset);
    }

    #[test]
    fn mixed_forms_are_refused() {
        for wrong in [
            "{}",
            r#"{"status":200,"close":true}"#,
            r#"{"status":200,"json":{},"text":""}"#,
            r#"{"status":200,"headers":{"content-length":"3"}}"#,
            r#"{"status":200,"headers":{"Retry-After":"3"}}"#,
            r#"{"status":200,"text":"abc","pad_to":2}"#,
            r#"{"raw":"","text":""}"#,
            r#"{"raw":"\u0100"}"#,
            r#"{"close":true,"reset":true}"#,
            r#"{"statuss":200}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
