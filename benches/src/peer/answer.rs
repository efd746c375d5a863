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
/// The same of Twilio's Verify service.
const TWILIO_APPROVED: &[u8] = b"HTTP/1.1 201 Created\r\n\
    content-type: application/json\r\n\
    content-length: 34\r\n\
    \r\n\
    {\"status\":\"approved\",\"valid\":true}";
/// The same of Vonage's.
const VONAGE_COMPLETED: &[u8] = b"HTTP/1.1 200 OK\r\n\
    content-type: application/json\r\n\
    content-length: 74\r\n\
    \r\n\
    {\"request_id\":\"a94d3cb9-8c1b-4b9b-9d24-3a7e6d4c1f52\",\"status\":\"completed\"}";
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
    if method == "POST" && path.starts_with("/v2/Services/") {
        TWILIO_APPROVED
    } else if method == "POST" && path.starts_with("/v2/verify/") {
        VONAGE_COMPLETED
    } else if method == "PUT" && path == PATH && credentials == Some(CREDENTIALS) && is_right_body {
        VERIFIED
    } else {
        REFUSED
    }
}

#[cfg(test)]
mod tests {
    use verigator_benches::call::{Asked, Said};

    use super::*;

    fn parts(answer: &[u8]) -> (&str, &str) {
        str::from_utf8(answer)
            .unwrap()
            .split_once("\r\n\r\n")
            .unwrap()
    }

    #[test]
    fn only_the_measured_call_is_answered() {
        let body = serde_json::to_vec(&Asked::ALWAYS).unwrap();
        let right = answer_to("PUT", PATH, Some(CREDENTIALS), &body);
        let said: Said = serde_json::from_str(parts(right).1).unwrap();
        assert!(said.verified);
        for wrong in [
            answer_to("POST", PATH, Some(CREDENTIALS), &body),
            answer_to("PUT", "/", Some(CREDENTIALS), &body),
            answer_to("PUT", PATH, None, &body),
            answer_to("PUT", PATH, Some(CREDENTIALS), b"{}"),
        ] {
            assert!(parts(wrong).0.starts_with("HTTP/1.1 400"));
        }
    }

    #[test]
    fn the_lengths_are_right() {
        for answer in [VERIFIED, TWILIO_APPROVED, VONAGE_COMPLETED, REFUSED] {
            let (head, body) = parts(answer);
            let length = format!("content-length: {}", body.len());
            assert!(head.lines().any(|line| line == length), "{head}");
        }
    }
}
