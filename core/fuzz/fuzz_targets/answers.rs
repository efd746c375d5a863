//! Any answer at all: two bytes of status, the text of `Retry-After` up to a line feed, and the body.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use verigator::made_up;

fuzz_target!(|bytes: &[u8]| {
    let [high, low, rest @ ..] = bytes else {
        return;
    };
    let status = 100 + u16::from_be_bytes([*high, *low]) % 900;
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (retry_after, body) = rest.split_at(end.map_or(0, |end| end + 1));
    for result in made_up::read(status, retry_after.trim_ascii(), body) {
        match result {
            Ok(false) => {}
            Ok(true) => {
                assert!((200..300).contains(&status));
                let answer: BTreeMap<String, &RawValue> =
                    serde_json::from_slice(body).expect("only JSON lets anybody in");
                assert_eq!(answer["verified"].get(), "true");
            }
            Err(error) => {
                assert_eq!(error.code(), status);
                assert!(!error.message().is_empty());
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("secret"), "{shown}");
            }
        }
    }
});
