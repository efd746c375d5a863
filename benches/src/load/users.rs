//! Who signs in.

use std::{net::SocketAddr, path::PathBuf, rc::Rc};

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use verigator_benches::flows::Failure;

use crate::{connection::Connection, dialect::Dialect};

/// Connections by which users are made.
const AT_ONCE: u64 = 64;

/// Where the users come from.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// So many, made anew over the API.
    Made(u64),
    /// A file with a line `service user number` for each.
    File(PathBuf),
}

pub(crate) struct User {
    service: String,
    pub(crate) id: String,
    pub(crate) phone: String,
}

impl User {
    /// A path of the Verigator API below this user.
    pub(crate) fn path(&self, resource: &str) -> String {
        format!(
            "/v1/service/service/{}/users/{}/{resource}",
            self.service, self.id
        )
    }
}

pub(crate) async fn of(
    origin: Origin,
    at: SocketAddr,
    dialect: &Dialect,
) -> Result<Vec<User>, Failure> {
    match origin {
        Origin::Made(users) => make(users, at, dialect).await,
        Origin::File(path) => read(&std::fs::read_to_string(path)?),
    }
}

fn read(text: &str) -> Result<Vec<User>, Failure> {
    let user = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        Some(User {
            service: words.next()?,
            id: words.next()?,
            phone: words.next()?,
        })
    };
    let users: Option<Vec<User>> = text.lines().map(user).collect();
    Ok(users.ok_or("a line is not `service user number`")?)
}

async fn make(users: u64, at: SocketAddr, dialect: &Dialect) -> Result<Vec<User>, Failure> {
    let mut connection = Connection::open(at).await?;
    let body = json!({ "fqdn": "bench.example.com", "name": "Bench" }).to_string();
    let request = dialect.verigator(Method::POST, "/v1/service/service", body)?;
    let service = id(connection
        .send(request)
        .await?
        .expect(StatusCode::CREATED)?)?;
    let service: Rc<str> = service.into();
    let mut made = Vec::new();
    for first in 0..AT_ONCE {
        let mine = (first..users).step_by(usize::try_from(AT_ONCE)?);
        made.push(make_some(mine, at, dialect, &service));
    }
    let made: Vec<Vec<User>> = futures_util::future::try_join_all(made).await?;
    Ok(made.into_iter().flatten().collect())
}

async fn make_some(
    numbers: impl Iterator<Item = u64>,
    at: SocketAddr,
    dialect: &Dialect,
    service: &str,
) -> Result<Vec<User>, Failure> {
    let mut connection = Connection::open(at).await?;
    let path = format!("/v1/service/service/{service}/users");
    let mut users = Vec::new();
    for number in numbers {
        let phone = format!("+3725{number:07}");
        let body = json!({ "phone_number": phone, "id_in_service": format!("user-{number}") });
        let request = dialect.verigator(Method::POST, &path, body.to_string())?;
        users.push(User {
            service: service.to_owned(),
            id: id(connection
                .send(request)
                .await?
                .expect(StatusCode::CREATED)?)?,
            phone,
        });
    }
    Ok(users)
}

fn id(body: &[u8]) -> Result<String, Failure> {
    let body: Value = serde_json::from_slice(body)?;
    let id = body.get("id").and_then(Value::as_str);
    Ok(id.ok_or("no id")?.to_owned())
}
