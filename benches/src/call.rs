//! The measured call, the same for every client: a PIN is checked, and it is right.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The account.
pub const USERNAME: &str = "bench";
/// Its password.
pub const PASSWORD: &str = "secret";
/// What stands in the header `X-Service-Auth`.
pub const CREDENTIALS: &str = "bench:secret";
/// The service of the user.
pub const SERVICE: &str = "81213bfd-b690-499e-b9d2-8754cb1550e8";
/// The user whose PIN is checked.
pub const USER: &str = "a94d3cb9-8c1b-4b9b-9d24-3a7e6d4c1f52";
/// Where the call goes.
pub const PATH: &str = "/v1/service/service/81213bfd-b690-499e-b9d2-8754cb1550e8\
                        /users/a94d3cb9-8c1b-4b9b-9d24-3a7e6d4c1f52/auth";
/// The PIN that is sent.
pub const TOKEN: &str = "123456";
/// What the client under test has by itself.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The request's body.
#[derive(Serialize)]
pub struct Asked {
    token: &'static str,
}

/// The answer's body.
#[derive(Deserialize)]
pub struct Said {
    /// Whether the PIN was right.
    pub verified: bool,
}

impl Asked {
    /// The one that is always sent.
    pub const ALWAYS: Self = Self { token: TOKEN };
}
