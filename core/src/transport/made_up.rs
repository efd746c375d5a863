//! Answers that no server gave, read as if one had: for tests that make up their bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};

use crate::error::{Error, Result};
use crate::models::{Enrolment, Method, Service, User, Verification};
use crate::transport::attempt::RawAnswer;
use crate::transport::call::{Answer, Miss};
use crate::transport::request::Effect;

/// What the caller would get of this answer to each form of operation: whether it lets somebody in,
/// then what else there is of it. Of a refusal it is an error in any case.
pub fn read(status: u16, retry_after: &[u8], body: &[u8]) -> Vec<Result<bool>> {
    let Ok(status) = StatusCode::from_u16(status) else {
        return Vec::new();
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(retry_after) {
        headers.insert(RETRY_AFTER, value);
    }
    let raw = RawAnswer {
        status,
        headers,
        body: Bytes::copy_from_slice(body),
        body_was_cut: false,
    };
    if !status.is_success() {
        return vec![Err(refusal(&raw))];
    }
    let answer = Answer::of("auth.verify", raw);
    vec![
        answer.json().map(|it: Verification| it.verified),
        answer.json().map(|_: Service| false),
        answer.json().map(|_: User| false),
        answer.json().map(|_: BTreeMap<String, Vec<User>>| false),
        answer.json().map(|_: BTreeMap<String, Method>| false),
        answer.json().map(|_: Enrolment| false),
        answer.nothing().map(|()| false),
    ]
}

fn refusal(raw: &RawAnswer) -> Error {
    let miss = Miss::refused(raw, true, |text| text.contains("secret"));
    miss.into_error(Effect::Authenticates, 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;
    use crate::error::{ErrorKind, Outcome};

    /// Bytes that come near to an answer: its words in any order, and anything between.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            Just(r#"{"verified":true}"#.as_bytes().to_vec()),
            Just(br#""verified""#.to_vec()),
            Just(br#""method""#.to_vec()),
            Just(br#""message":"secret""#.to_vec()),
            Just(br#""code""#.to_vec()),
            Just(b"true".to_vec()),
            Just(b"false".to_vec()),
            Just(b"null".to_vec()),
            Just(b"1".to_vec()),
            Just(b"{".to_vec()),
            Just(b"}".to_vec()),
            Just(b"[".to_vec()),
            Just(b"]".to_vec()),
            Just(b":".to_vec()),
            Just(b",".to_vec()),
            Just(b" ".to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        ];
        let words = prop::collection::vec(word, 0..12).prop_map(|words| words.concat());
        let object = any::<Option<bool>>().prop_map(|verified| {
            serde_json::json!({"verified": verified, "method": "sms"}).to_string()
        });
        prop_oneof![
            4 => words,
            1 => object.prop_map(String::into_bytes),
            1 => prop::collection::vec(any::<u8>(), 0..200),
        ]
    }

    fn shown(error: &Error) -> String {
        format!("{error} {error:?}")
    }

    /// What JSON itself says of it. Values that nobody asked for need only be written as JSON has it.
    fn says_verified(body: &[u8]) -> bool {
        let object: Option<BTreeMap<String, &RawValue>> = serde_json::from_slice(body).ok();
        object.is_some_and(|it| it.get("verified").is_some_and(|it| it.get() == "true"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn only_a_true_in_json_lets_anybody_in(status in 200_u16..300, body in body()) {
            let read = read(status, b"", &body);
            prop_assert!(!read.is_empty());
            for result in read {
                match result {
                    Ok(verified) => prop_assert!(!verified || says_verified(&body)),
                    Err(error) => {
                        prop_assert_eq!(error.kind(), ErrorKind::InvalidResponse);
                        prop_assert_eq!(error.outcome(), Outcome::Accepted);
                        prop_assert!(!shown(&error).contains("secret"));
                    }
                }
            }
        }

        #[test]
        fn any_refusal_is_an_error(
            status in (100_u16..1000).prop_filter("a success", |it| !(200..300).contains(it)),
            retry_after in prop::collection::vec(any::<u8>(), 0..30),
            body in body(),
        ) {
            let read = read(status, &retry_after, &body);
            prop_assert_eq!(read.len(), 1);
            for result in read {
                let error = result.unwrap_err();
                prop_assert_eq!(error.code(), status);
                prop_assert!(error.message().chars().count() <= 1000);
                prop_assert!(!error.message().trim().is_empty());
                prop_assert!(!shown(&error).contains("secret"));
                prop_assert!(matches!(error.outcome(), Outcome::Rejected | Outcome::Unknown));
            }
        }
    }

    fn lets_in(body: &[u8]) -> bool {
        read(200, b"", body)
            .into_iter()
            .any(|it| it.is_ok_and(|verified| verified))
    }

    #[test]
    fn what_is_not_utf_8_is_not_json() {
        assert!(lets_in(br#"{"verified":true,"note":"x"}"#));
        assert!(!lets_in(b"{\"verified\":true,\"note\":\"\xe1\"}"));
    }
}
