//! Whether a request is what its case says. Tells where it is not, and never what a secret was.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::request::Request;
use crate::vector::{ExpectedRequest, HeaderRule, Prefix};

const KEY: &str = "idempotency-key";

/// What a request is held against.
pub(super) struct Standard<'a> {
    pub(super) request: &'a ExpectedRequest,
    /// `username:password`.
    pub(super) auth: &'a str,
    /// The client sends keys.
    pub(super) sends_keys: bool,
    /// The key of this call so far.
    pub(super) key: Option<&'a str>,
    /// The keys of the calls before it.
    pub(super) earlier_keys: &'a [String],
}

impl Standard<'_> {
    /// Everything that is wrong with a request.
    pub(super) fn faults(&self, path: &str, request: &Request) -> Vec<String> {
        let mut faults = Vec::new();
        let expected = self.request;
        if request.method != expected.method || path != expected.path {
            faults.push(format!(
                "came {} {path} for {} {}",
                request.method, expected.method, expected.path
            ));
        }
        for (name, rule) in self.rules() {
            let values: Vec<&[u8]> = request.values(name).collect();
            faults.extend(header_fault(name, rule.as_ref(), &values));
        }
        if !expected.headers.contains_key(KEY) && self.wants_key() {
            faults.extend(self.key_fault(request).map(str::to_owned));
        }
        for (place, (name, _)) in request.headers.iter().enumerate() {
            if request.headers.iter().take(place).any(|(it, _)| it == name) {
                faults.push(format!("{name} came twice"));
            }
        }
        faults.extend(body_fault(expected.json.as_ref(), &request.body));
        faults
    }

    fn wants_key(&self) -> bool {
        self.sends_keys && matches!(self.request.method.as_str(), "POST" | "PUT")
    }

    /// The standing rules, with the exchange's own in their place. `None`: must be absent.
    fn rules(&self) -> BTreeMap<&str, Option<HeaderRule>> {
        let is = |text: &str| Some(HeaderRule::Is(text.to_owned()));
        let mut rules = BTreeMap::from([
            ("x-service-auth", is(self.auth)),
            ("accept", is("application/json")),
            (
                "content-type",
                self.request
                    .json
                    .as_ref()
                    .and_then(|_| is("application/json")),
            ),
            (
                "user-agent",
                Some(HeaderRule::Begins(Prefix {
                    prefix: "verigator-".to_owned(),
                })),
            ),
            ("cookie", None),
            ("referer", None),
            ("authorization", None),
            // What came in chunks would have to be put together again, and no body needs them.
            ("transfer-encoding", None),
        ]);
        if !self.wants_key() {
            rules.insert(KEY, None);
        }
        for (name, rule) in &self.request.headers {
            rules.insert(name, rule.clone());
        }
        rules
    }

    fn key_fault(&self, request: &Request) -> Option<&'static str> {
        let Some(key) = key_of(request) else {
            return Some("idempotency-key is missing");
        };
        let is_random = Uuid::parse_str(key).is_ok_and(|it| it.get_version_num() == 4);
        if !is_random {
            Some("idempotency-key is no UUID of version 4")
        } else if self.key.is_some_and(|first| first != key) {
            Some("idempotency-key changed within a call")
        } else if self.earlier_keys.iter().any(|earlier| earlier == key) {
            Some("idempotency-key is that of an earlier call")
        } else {
            None
        }
    }
}

/// The key that a request carries.
pub(super) fn key_of(request: &Request) -> Option<&str> {
    str::from_utf8(request.values(KEY).next()?).ok()
}

fn header_fault(name: &str, rule: Option<&HeaderRule>, values: &[&[u8]]) -> Option<String> {
    let (Some(rule), first) = (rule, values.first()) else {
        return (!values.is_empty()).then(|| format!("{name} may not be there"));
    };
    let Some(value) = first else {
        return Some(format!("{name} is missing"));
    };
    let (fits, wanted) = match rule {
        HeaderRule::Is(text) => (*value == text.as_bytes(), text),
        HeaderRule::Begins(Prefix { prefix }) => (value.starts_with(prefix.as_bytes()), prefix),
    };
    if fits {
        None
    } else if name == "x-service-auth" {
        Some(format!("{name} is not the client's username:password"))
    } else {
        let value = String::from_utf8_lossy(value);
        Some(format!("{name} is {value:?}, not as in {wanted:?}"))
    }
}

fn body_fault(expected: Option<&Value>, body: &[u8]) -> Option<String> {
    match expected {
        None if body.is_empty() => None,
        None => Some("there may be no body".to_owned()),
        Some(expected) => match serde_json::from_slice(body) {
            Err(_) => Some("the body is no JSON".to_owned()),
            Ok(came) => difference(expected, &came).map(|at| format!("the body differs at {at:?}")),
        },
    }
}

/// Where two values differ first, as a JSON pointer.
fn difference(expected: &Value, came: &Value) -> Option<String> {
    match (expected, came) {
        (Value::Object(expected), Value::Object(came)) => expected
            .keys()
            .chain(came.keys().filter(|name| !expected.contains_key(*name)))
            .find_map(|name| {
                let below = match (expected.get(name), came.get(name)) {
                    (Some(expected), Some(came)) => difference(expected, came)?,
                    _ => String::new(),
                };
                Some(format!("/{name}{below}"))
            }),
        _ => (expected != came).then(String::new),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exchange(text: &str) -> ExpectedRequest {
        serde_json::from_str(text).unwrap()
    }

    fn came(method: &str, headers: &[(&str, &str)], body: &str) -> Request {
        Request {
            method: method.to_owned(),
            path: "/p".to_owned(),
            headers: [
                ("x-service-auth", "user:pass"),
                ("accept", "application/json"),
                ("user-agent", "verigator-x/1"),
            ]
            .iter()
            .chain(headers)
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    fn faults(expected: &ExpectedRequest, request: &Request) -> Vec<String> {
        Standard {
            request: expected,
            auth: "user:pass",
            sends_keys: true,
            key: Some("2b1fa1a4-0d2c-4b57-9a3e-6f0c2cdc9a11"),
            earlier_keys: &["9f0e8f9e-93c5-4a43-8f43-0a7f6c5b0c22".to_owned()],
        }
        .faults("/p", request)
    }

    #[test]
    fn a_right_request_has_no_fault() {
        let get = exchange(r#"{"method":"GET","path":"/p"}"#);
        assert_eq!(faults(&get, &came("GET", &[], "")), [""; 0]);
        let put = exchange(r#"{"method":"PUT","path":"/p","json":{"a":1,"b":2}}"#);
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "2b1fa1a4-0d2c-4b57-9a3e-6f0c2cdc9a11"),
        ];
        assert_eq!(
            faults(&put, &came("PUT", &headers, r#"{"b":2, "a":1}"#)),
            [""; 0]
        );
    }

    #[test]
    fn every_standing_check_can_fail() {
        let get = exchange(r#"{"method":"GET","path":"/p"}"#);
        for (headers, body, fault) in [
            (("cookie", "a=b"), "", "cookie may not be there"),
            (
                ("idempotency-key", "x"),
                "",
                "idempotency-key may not be there",
            ),
            (
                ("content-type", "application/json"),
                "",
                "content-type may not be there",
            ),
            (
                ("transfer-encoding", "chunked"),
                "",
                "transfer-encoding may not be there",
            ),
            (("accept", "application/json"), "", "accept came twice"),
            (("x", "y"), "{}", "there may be no body"),
        ] {
            assert_eq!(faults(&get, &came("GET", &[headers], body)), [fault]);
        }
        assert_eq!(
            faults(&get, &came("POST", &[], "")),
            ["came POST /p for GET /p"]
        );
        let mut bare = came("GET", &[], "");
        bare.headers.clear();
        assert_eq!(
            faults(&get, &bare),
            [
                "accept is missing",
                "user-agent is missing",
                "x-service-auth is missing"
            ]
        );
    }

    #[test]
    fn a_key_is_random_and_belongs_to_one_call() {
        let post = exchange(r#"{"method":"POST","path":"/p"}"#);
        for (key, fault) in [
            ("17", "idempotency-key is no UUID of version 4"),
            (
                "00000000-0000-1000-8000-000000000000",
                "idempotency-key is no UUID of version 4",
            ),
            (
                "0a52c2d4-6d0e-4d6b-8f0e-3c1fb1d7a133",
                "idempotency-key changed within a call",
            ),
        ] {
            assert_eq!(
                faults(&post, &came("POST", &[("idempotency-key", key)], "")),
                [fault]
            );
        }
        assert_eq!(
            faults(&post, &came("POST", &[], "")),
            ["idempotency-key is missing"]
        );
        let again = came(
            "POST",
            &[("idempotency-key", "9f0e8f9e-93c5-4a43-8f43-0a7f6c5b0c22")],
            "",
        );
        let standard = Standard {
            request: &post,
            auth: "user:pass",
            sends_keys: true,
            key: None,
            earlier_keys: &["9f0e8f9e-93c5-4a43-8f43-0a7f6c5b0c22".to_owned()],
        };
        assert_eq!(
            standard.faults("/p", &again),
            ["idempotency-key is that of an earlier call"]
        );
    }

    #[test]
    fn a_rule_of_the_exchange_takes_the_place_of_the_standing_one() {
        let get = exchange(
            r#"{"method":"GET","path":"/p","headers":
                {"accept":null,"user-agent":{"prefix":"verigator-node/"},"x-more":"1"}}"#,
        );
        assert_eq!(
            faults(&get, &came("GET", &[("x-more", "2")], "")),
            [
                "accept may not be there",
                "user-agent is \"verigator-x/1\", not as in \"verigator-node/\"",
                "x-more is \"2\", not as in \"1\"",
            ]
        );
    }

    #[test]
    fn a_fault_names_the_place_and_not_the_value() {
        let put = exchange(r#"{"method":"PUT","path":"/p","json":{"token":"123456"}}"#);
        let mut wrong = came(
            "PUT",
            &[("content-type", "application/json")],
            r#"{"token":"907182"}"#,
        );
        wrong.headers.retain(|(name, _)| name != "x-service-auth");
        wrong
            .headers
            .push(("x-service-auth".to_owned(), b"user:secret".to_vec()));
        let faults = faults(&put, &wrong).join("; ");
        assert!(
            faults.contains("the body differs at \"/token\""),
            "{faults}"
        );
        assert!(faults.contains("x-service-auth is not"), "{faults}");
        assert!(
            !faults.contains("907182") && !faults.contains("secret"),
            "{faults}"
        );
    }

    #[test]
    fn bodies_are_compared_as_values() {
        for (expected, came, at) in [
            (json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), Some("/a/b")),
            (json!({"a": 1}), json!({}), Some("/a")),
            (json!({}), json!({"a": 1}), Some("/a")),
            (json!({"a": [1]}), json!({"a": [1, 2]}), Some("/a")),
            (json!({}), json!([]), Some("")),
            (json!({"a": 1, "b": null}), json!({"b": null, "a": 1}), None),
        ] {
            assert_eq!(difference(&expected, &came).as_deref(), at);
        }
    }
}
