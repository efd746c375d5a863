//! The addresses of the contract. An id becomes exactly one encoded segment, so that no id can ever
//! lead to another endpoint.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, Result};

/// Everything but the unreserved characters of RFC 3986, section 2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The longest path of the contract with two UUIDs in it, and some more.
const USUAL_LENGTH: usize = 128;

pub(crate) fn services() -> String {
    let mut path = String::with_capacity(USUAL_LENGTH);
    path.push_str("/v1/service/service");
    path
}

pub(crate) fn service(service_id: &str) -> Result<String> {
    below(services(), "service_id", service_id)
}

pub(crate) fn users(service_id: &str) -> Result<String> {
    Ok(service(service_id)? + "/users")
}

pub(crate) fn user(service_id: &str, user_id: &str) -> Result<String> {
    below(users(service_id)?, "user_id", user_id)
}

pub(crate) fn auth(service_id: &str, user_id: &str) -> Result<String> {
    Ok(user(service_id, user_id)? + "/auth")
}

pub(crate) fn totp(service_id: &str, user_id: &str) -> Result<String> {
    Ok(user(service_id, user_id)? + "/totp")
}

fn below(mut path: String, name: &str, id: &str) -> Result<String> {
    match id {
        "" => Err(Error::invalid_argument(format!("{name} is empty"))),
        // Every URL parser takes these two for a step in the path, encoded or not.
        "." | ".." => Err(Error::invalid_argument(format!(
            "{name} may not be \"{id}\""
        ))),
        id => {
            path.push('/');
            path.extend(utf8_percent_encode(id, SEGMENT));
            Ok(path)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn ids_that_are_no_segment_are_refused() {
        for id in ["", ".", ".."] {
            assert_eq!(service(id).unwrap_err().kind(), ErrorKind::InvalidArgument);
            assert_eq!(
                auth("s", id).unwrap_err().kind(),
                ErrorKind::InvalidArgument
            );
        }
    }

    proptest! {
        #[test]
        fn any_id_is_one_segment_that_decodes_to_itself(id in any::<String>()) {
            prop_assume!(!matches!(id.as_str(), "" | "." | ".."));
            let url = Url::parse(&format!("https://x.test{}", auth("s", &id).unwrap())).unwrap();
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 7);
            prop_assert_eq!(&segments[..5], &["v1", "service", "service", "s", "users"]);
            let decoded = percent_encoding::percent_decode_str(segments[5]).decode_utf8().unwrap();
            prop_assert_eq!(decoded, id);
            prop_assert_eq!(segments[6], "auth");
            prop_assert!(url.query().is_none() && url.fragment().is_none());
        }
    }
}
