//! Which bytes answer which request. Contenders that send anything but the measured call are told
//! so by a status that none of them takes for a success.

use verigator_benches::call::{CREDENTIALS, PATH};

/// The measured call's answer.
const VERIFIED: &[u8] = b"HTTP/1.1 200 OK\r\n\
    content-type: application/json\r\n\
    content-length: 32\r\n\
    date: Fri, 15 Sep 2017 06:44:15 GMT\r\n\
    \r\n\
    {\"method\":\"sms\",\"verified\":true}";
const REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: application/json\r\n\
    content-length: 43\r\n\
    date: Fri, 15 Sep 2017 06:44:15 GMT\r\n\
    \r\n\
    {\"message\":\"this is not the measured call\"}";

/// The answer to a request.
pub(crate) fn answer_to(
    method: &str,
    path: &str,
    credentials: Option<&str>,
    body: &[u8],
) -> &'static [u8] {
    // JSON with and without spaces: libraries differ, and none is told to write it otherwise.
    let is_right_body = body == br#"{"token":"123456"}"# || body == br#"{"token": "123456"}"#;
    if method == "PUT" && path == PATH && credentials == Some(CREDENTIALS) && is_right_body {
        VERIFIED
    } else {
        REFUSED
    }
}

#[cfg(test)]
mod tests {
    use verigator_benches::call::ANSWER;

    use super::*;

    const BODY: &[u8] = br#"{"token":"123456"}"#;

    fn parts(answer: &[u8]) -> (&str, &str) {
        str::from_utf8(answer)
            .unwrap()
            .split_once("\r\n\r\n")
            .unwrap()
    }

    #[test]
    fn only_the_measured_call_is_answered() {
        let right = answer_to("PUT", PATH, Some(CREDENTIALS), BODY);
        assert_eq!(parts(right).1, ANSWER);
        for wrong in [
            answer_to("POST", PATH, Some(CREDENTIALS), BODY),
            answer_to("PUT", "/", Some(CREDENTIALS), BODY),
            answer_to("PUT", PATH, None, BODY),
            answer_to("PUT", PATH, Some(CREDENTIALS), b"{}"),
        ] {
            assert!(parts(wrong).0.starts_with("HTTP/1.1 400"));
        }
    }

    #[test]
    fn the_lengths_are_right() {
        for answer in [VERIFIED, REFUSED] {
            let (head, body) = parts(answer);
            assert!(
                head.contains(&format!("content-length: {}\r\n", body.len())),
                "{head}"
            );
        }
    }
}
