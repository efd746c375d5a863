//! The calls of the client, as data.

use serde::{Deserialize, de::Error};
use serde_json::{Value, json};

/// A call.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "CallFields")]
pub struct Call {
    /// What is called, with what.
    pub operation: Operation,
    /// Options for this call alone.
    pub options: CallOptions,
}

/// Options of a single call; durations in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "they are the client's options, which are documented there"
)]
pub struct CallOptions {
    pub timeout: Option<f64>,
    pub deadline: Option<f64>,
    pub max_retries: Option<u32>,
}

/// An operation with its arguments, by the names of the interface.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "operation", content = "arguments", deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the names are the client's, which are documented there"
)]
pub enum Operation {
    #[serde(rename = "services.create")]
    ServicesCreate { domain: String, name: String },
    #[serde(rename = "services.get")]
    ServicesGet { id: String },
    #[serde(rename = "services.delete")]
    ServicesDelete { id: String },
    #[serde(rename = "users.create")]
    UsersCreate {
        service_id: String,
        number: String,
        username: String,
    },
    #[serde(rename = "users.get")]
    UsersGet { service_id: String, id: String },
    #[serde(rename = "users.get_all")]
    UsersGetAll { service_id: String },
    #[serde(rename = "users.delete")]
    UsersDelete { service_id: String, id: String },
    #[serde(rename = "auth.initiate")]
    AuthInitiate {
        service_id: String,
        user_id: String,
        method: String,
    },
    #[serde(rename = "auth.verify")]
    AuthVerify {
        service_id: String,
        user_id: String,
        token: String,
        method: Option<String>,
    },
    #[serde(rename = "auth.verify_detailed")]
    AuthVerifyDetailed {
        service_id: String,
        user_id: String,
        token: String,
        method: Option<String>,
    },
    #[serde(rename = "auth.verify_or_raise")]
    AuthVerifyOrRaise {
        service_id: String,
        user_id: String,
        token: String,
        method: Option<String>,
    },
    #[serde(rename = "totp.enrol")]
    TotpEnrol { service_id: String, user_id: String },
    #[serde(rename = "totp.confirm")]
    TotpConfirm {
        service_id: String,
        user_id: String,
        token: String,
    },
    #[serde(rename = "totp.remove")]
    TotpRemove { service_id: String, user_id: String },
}

impl Operation {
    /// The PIN or code among the arguments, which no error may repeat.
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::AuthVerify { token, .. }
            | Self::AuthVerifyDetailed { token, .. }
            | Self::AuthVerifyOrRaise { token, .. }
            | Self::TotpConfirm { token, .. } => Some(token),
            _ => None,
        }
    }
}

/// As it is written: the options stand beside the tag, which serde cannot flatten strictly.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallFields {
    operation: String,
    arguments: Value,
    #[serde(default)]
    options: CallOptions,
}

impl TryFrom<CallFields> for Call {
    type Error = serde_json::Error;

    fn try_from(fields: CallFields) -> Result<Self, Self::Error> {
        let CallFields {
            operation,
            arguments,
            options,
        } = fields;
        if !arguments.is_object() {
            return Err(Self::Error::custom("arguments must be an object"));
        }
        let operation =
            serde_json::from_value(json!({"operation": operation, "arguments": arguments}))?;
        Ok(Self { operation, options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Call, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_call_has_its_operations_arguments_and_no_others() {
        let call = read(
            r#"{"operation":"auth.verify","arguments":{"service_id":"s","user_id":"u","token":"1"},
                "options":{"max_retries":0}}"#,
        )
        .unwrap();
        assert_eq!(call.operation.token(), Some("1"));
        assert_eq!(call.options.max_retries, Some(0));
        for wrong in [
            r#"{"operation":"services.get","arguments":{"id":"s","extra":1}}"#,
            r#"{"operation":"services.get","arguments":{}}"#,
            r#"{"operation":"services.get","arguments":["s"]}"#,
            r#"{"operation":"services.list","arguments":{}}"#,
            r#"{"operation":"services.get","arguments":{"id":"s"},"options":{"retries":0}}"#,
            r#"{"operation":"services.get","arguments":{"id":"s"},"option":{}}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
