//! A contract vector as types. `contract/README.md` describes the format; an unknown key is an
//! error. Knows nothing of sockets.

mod answer;
mod call;
mod file;
mod result;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub use self::{
    answer::{Answer, Head},
    call::{Call, CallOptions, Operation},
    file::{VectorError, load, load_all},
    result::{
        Enrolment, Expected, Failure, Nothing, Service, User, Verification, VerificationStatus,
    },
};

/// One call, its requests and answers, and what the caller gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique over all files.
    pub name: String,
    /// What would be wrong if this failed.
    pub about: String,
    /// Options of the constructor.
    #[serde(default)]
    pub client: ClientOptions,
    /// Where the client is sent, when it is not the peer.
    pub endpoint: Option<Endpoint>,
    /// Calls of the same client before this one.
    #[serde(default)]
    pub before: Vec<Earlier>,
    /// The call.
    pub call: Call,
    /// What it puts on the wire.
    pub exchanges: Vec<Exchange>,
    /// What the caller gets.
    pub result: Expected,
}

/// Options of the constructor; durations in seconds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "they are the client's options, which are documented there"
)]
pub struct ClientOptions {
    pub username: Option<String>,
    pub password: Option<String>,
    pub endpoint: Option<String>,
    pub timeout: Option<f64>,
    pub connect_timeout: Option<f64>,
    pub deadline: Option<f64>,
    pub max_retries: Option<u32>,
    pub idempotency: Option<String>,
    pub pool_idle_timeout: Option<f64>,
    pub app_info: Option<String>,
}

impl ClientOptions {
    /// The username, `user` when none is given.
    pub fn username(&self) -> &str {
        self.username.as_deref().unwrap_or("user")
    }

    /// The password, `pass` when none is given.
    pub fn password(&self) -> &str {
        self.password.as_deref().unwrap_or("pass")
    }

    /// Whether the client may send keys at all.
    pub(crate) fn sends_keys(&self) -> bool {
        self.idempotency.as_deref() != Some("off")
    }
}

/// Where there is no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// A port where nobody listens.
    Closed,
}

/// A call that comes before the one under test, and succeeds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// The call.
    pub call: Call,
    /// What it puts on the wire.
    pub exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What must arrive.
    pub request: ExpectedRequest,
    /// What goes back.
    pub answer: Answer,
}

/// What must arrive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedRequest {
    /// The method.
    pub method: String,
    /// The raw path, without the prefix of the case.
    pub path: String,
    /// Rules in place of the standing checks, by lower-case name. `None`: must be absent.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<HeaderRule>>,
    /// The body; `None`: there must be none.
    pub json: Option<Value>,
}

/// What the value of a header must be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum HeaderRule {
    /// Exactly this.
    Is(String),
    /// Something that begins with this.
    Begins(Prefix),
}

/// The beginning of a value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefix {
    /// The text.
    pub prefix: String,
}
