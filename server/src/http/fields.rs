//! The fields of a JSON body, read one by one so that an error names the field and never repeats
//! what was in it: a body may hold a PIN or a phone number.

use serde_json::{Map, Value};

use super::answers::ApiError;

/// A JSON object. Fields that nobody asks for are ignored.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) | Err(_) => Err(invalid("the body must be a JSON object in UTF-8")),
        }
    }

    /// A string that may be left out or be null.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(&format!("{name} must be a string"))),
        }
    }

    /// A string that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.optional(name)?
            .ok_or_else(|| invalid(&format!("{name} is missing")))
    }

    /// A string of 1 to `max` characters, not all of them spaces, and none a control character.
    pub(crate) fn name(&self, name: &str, max: usize) -> Result<&str, ApiError> {
        let text = self.required(name)?;
        if text.trim().is_empty() || text.chars().count() > max || text.contains(char::is_control) {
            let limits = "characters without control characters";
            return Err(invalid(&format!("{name} must be 1 to {max} {limits}")));
        }
        Ok(text)
    }

    /// A guess: spaces, which people type between groups of digits, are dropped.
    pub(crate) fn token(&self) -> Result<String, ApiError> {
        let token: String = self
            .required("token")?
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect();
        if (1..=64).contains(&token.chars().count()) {
            Ok(token)
        } else {
            Err(invalid("token must be 1 to 64 characters"))
        }
    }
}

/// A body that is not what the operation takes.
pub(crate) fn invalid(message: &str) -> ApiError {
    ApiError::InvalidBody(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "{", "[]", "1", "null", "\"x\"", "{\"a\":1}x"] {
            assert!(Fields::parse(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Fields::parse(b"{\"a\":\"\xff\"}").is_err());
        assert!(Fields::parse("[".repeat(60_000).as_bytes()).is_err());
    }

    #[test]
    fn an_error_names_the_field_and_not_its_value() {
        let fields = Fields::parse(br#"{"token":123456,"name":"\u0000secret"}"#).unwrap();
        assert_eq!(
            fields.token().unwrap_err().to_string(),
            "token must be a string"
        );
        let error = fields.name("name", 10).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(
            fields.required("fqdn").unwrap_err().to_string(),
            "fqdn is missing"
        );
    }

    #[test]
    fn a_token_loses_its_spaces() {
        let token = |text: &str| {
            let body = serde_json::json!({ "token": text }).to_string();
            Fields::parse(body.as_bytes()).unwrap().token()
        };
        assert_eq!(token(" 123 456\n").unwrap(), "123456");
        assert_eq!(token(&"1".repeat(64)).unwrap().len(), 64);
        assert!(token("").is_err() && token("  ").is_err() && token(&"1".repeat(65)).is_err());
    }
}
