//! The resource `service`.

use std::{net::IpAddr, sync::Arc};

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::{
    answers::{ApiError, Created, ctime, deleted, json_answer},
    authenticate::Caller,
    fields::{Fields, invalid},
};
use crate::{
    app::App,
    engine::template::Template,
    random,
    store::{NewService, Service, ServiceScope},
};

#[derive(Serialize)]
struct ServiceBody {
    id: Uuid,
    ctime: String,
    name: String,
}

impl From<Service> for ServiceBody {
    fn from(service: Service) -> Self {
        Self {
            id: service.id,
            ctime: ctime(service.created_at),
            name: service.name,
        }
    }
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Extension(Caller(account)): Extension<Caller>,
    Created(status): Created,
    body: Bytes,
) -> Result<Response, ApiError> {
    let fields = Fields::parse(&body)?;
    let service = NewService {
        id: random::uuid()?,
        account,
        name: fields.name("name", 100)?.to_owned(),
        fqdn: fqdn(fields.required("fqdn")?)?,
        template: fields.optional("template")?.map(template).transpose()?,
        created_at: app.clock.now(),
    };
    let service = app.store.create_service(&service).await?;
    Ok(json_answer(status, &ServiceBody::from(service)))
}

pub(crate) async fn get(
    State(app): State<Arc<App>>,
    scope: ServiceScope,
) -> Result<Response, ApiError> {
    let service = app.store.service(scope).await?;
    Ok(json_answer(StatusCode::OK, &ServiceBody::from(service)))
}

pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    scope: ServiceScope,
) -> Result<Response, ApiError> {
    app.store.delete_service(scope).await?;
    Ok(deleted())
}

fn template(text: &str) -> Result<Template, ApiError> {
    text.parse()
        .map_err(|error| invalid(&format!("template: {error}")))
}

/// A host name (RFC 1123 section 2.1) in lower case, or an IP address. Single labels such as
/// `localhost`, underscores and internationalised names are taken; a scheme, port or path is not.
fn fqdn(text: &str) -> Result<String, ApiError> {
    let name = text.to_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.chars().count())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    let bare = name.strip_suffix('.').unwrap_or(&name);
    let plausible =
        name.len() <= 253 && (bare.split('.').all(label) || name.parse::<IpAddr>().is_ok());
    if plausible {
        Ok(name)
    } else {
        Err(invalid("fqdn must be a host name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        for (text, name) in [
            ("Verigator.com", "verigator.com"),
            ("localhost", "localhost"),
            ("a-b.example.co.uk", "a-b.example.co.uk"),
            ("example.com.", "example.com."),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("ÕUN.ee", "õun.ee"),
            ("_dmarc.example.com", "_dmarc.example.com"),
        ] {
            assert_eq!(fqdn(text).unwrap(), name);
        }
        for text in [
            "",
            ".",
            "a..b",
            "-a.com",
            "a-.com",
            "http://a.com",
            "a.com/x",
            "a.com:80",
            "a b",
            "a\n",
            " ",
            &"x".repeat(64),
            &["x"; 130].join("."),
        ] {
            assert!(fqdn(text).is_err(), "{text}");
        }
    }
}
